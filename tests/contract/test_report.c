/* The report of a request: who cost it what and why, as JSON and as a screen of text, and what a
 * host's own test asserts. */
#include "reported.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define SCREEN_COLUMNS 80
#define SCREEN_LINES 25

/* {"id":1,"title":"Campaign 1"}, {"id":101,"title":"Event 101","campaign_id":1} */
#define CAMPAIGN_BYTES 29
#define EVENT_BYTES 46

static void remake_engine(struct fixture *f)
{
    fixture_free_engine(f);
    fixture_make_engine(f);
}

/* ---- numbers ---- */

static void the_main_query_reports_each_entity_and_relation_when_cold(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);

    request_main_query(f, request);
    fixture_await_fills(f, 15);
    assert_int_equal(reported_size(request, "entities"), 2);
    assert_int_equal(reported_size(request, "relations"), 1);
    assert_int_equal(reported_size(request, "loaders"), 0);
    assert_int_equal(reported(request, "entities/Campaign/batches"), 1);
    assert_int_equal(reported(request, "entities/Campaign/batchIds"), 5);
    assert_int_equal(reported(request, "entities/Campaign/meanBatch"), 5);
    assert_int_equal(reported(request, "entities/Campaign/hits"), 0);
    assert_int_equal(reported(request, "entities/Campaign/misses"), 5);
    assert_int_equal(reported(request, "entities/Campaign/sqlQueries"), 2);
    /* Six ids, one for has_next, and five rows. */
    assert_int_equal(reported(request, "entities/Campaign/sqlRows"), 11);
    assert_int_equal(reported(request, "entities/Campaign/sqlBytes"), 6 * 8 + 5 * (8 + 10));
    assert_int_equal(reported(request, "entities/Campaign/redisMgets"), 1);
    assert_int_equal(reported(request, "entities/Campaign/redisKeys"), 5);
    assert_int_equal(reported(request, "entities/Campaign/redisLeases"), 5);
    assert_int_equal(reported(request, "entities/Campaign/redisCommands"), 11);
    assert_int_equal(reported(request, "entities/Campaign/redisBytes"), 0);
    assert_int_equal(reported(request, "entities/Campaign/fills"), 5);
    assert_int_equal(reported(request, "entities/Event/batches"), 1);
    assert_int_equal(reported(request, "entities/Event/batchIds"), 10);
    assert_int_equal(reported(request, "entities/Event/misses"), 10);
    assert_int_equal(reported(request, "entities/Event/sqlQueries"), 1);
    assert_int_equal(reported(request, "entities/Event/sqlRows"), 10);
    assert_int_equal(reported(request, "relations/events/batches"), 1);
    assert_int_equal(reported(request, "relations/events/batchIds"), 5);
    assert_int_equal(reported(request, "relations/events/meanBatch"), 5);
    assert_int_equal(reported(request, "relations/events/sqlQueries"), 1);
    /* Two of each campaign, and one more of those that have it: 1, 2 and 4. */
    assert_int_equal(reported(request, "relations/events/sqlRows"), 13);
    assert_true(reported(request, "relations/events/sqlBytes") > 13 * 8);
    assert_int_equal(reported(request, "relations/events/redisCommands"), 0);
    assert_int_equal(reported(request, "sqlQueries"), 4);
    assert_int_equal(reported(request, "sqlRows"), 11 + 10 + 13);
    assert_int_equal(reported(request, "batches"), 2);
    assert_int_equal(reported(request, "batchIds"), 15);
    assert_int_equal(reported_size(request, "why"), 0);
    assert_int_equal(reported_size(request, "suspects"), 0);
    entc_request_free(request);
}

static void the_times_of_the_parts_are_those_of_the_request(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);

    request_main_query(f, request);
    assert_true(reported(request, "relations/events/sqlMicroseconds") > 0);
    assert_int_equal(reported(request, "entities/Campaign/sqlMicroseconds") +
                         reported(request, "entities/Event/sqlMicroseconds") +
                         reported(request, "relations/events/sqlMicroseconds"),
                     reported(request, "sqlMicroseconds"));
    assert_int_equal(reported(request, "entities/Campaign/redisMicroseconds") +
                         reported(request, "entities/Event/redisMicroseconds"),
                     reported(request, "redisMicroseconds"));
    entc_request_free(request);
}

static void when_warm_it_reports_hits_and_their_bytes(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);

    request_main_query(f, request);
    entc_request_free(request);
    fixture_await_fills(f, 15);
    request = request_new(f, NULL);
    request_main_query(f, request);
    assert_int_equal(reported(request, "entities/Campaign/hits"), 5);
    assert_int_equal(reported(request, "entities/Campaign/misses"), 0);
    assert_int_equal(reported(request, "entities/Campaign/redisBytes"), 5 * CAMPAIGN_BYTES);
    assert_int_equal(reported(request, "entities/Campaign/sqlQueries"), 1);
    assert_int_equal(reported(request, "entities/Event/hits"), 10);
    assert_int_equal(reported(request, "entities/Event/redisBytes"), 10 * EVENT_BYTES);
    assert_int_equal(reported(request, "entities/Event/sqlQueries"), 0);
    assert_int_equal(reported(request, "redisCommands"), 2);
    entc_request_free(request);
}

static void absences_are_absent_and_then_negative(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);

    assert_int_equal(request_get(f, request, f->campaigns, 999), ENTC_E_NOT_FOUND);
    fixture_await_fills(f, 1);
    assert_int_equal(request_get(f, request, f->campaigns, 999), ENTC_E_NOT_FOUND);
    assert_int_equal(reported(request, "entities/Campaign/absents"), 1);
    assert_int_equal(reported(request, "entities/Campaign/negatives"), 1);
    assert_int_equal(reported(request, "entities/Campaign/misses"), 1);
    assert_int_equal(reported(request, "entities/Campaign/errors"), 0);
    entc_request_free(request);
}

static void ids_that_join_a_batch_are_coalesced_and_bad_ones_are_errors(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);
    const entc_value ids[3] = {fixture_id(1), fixture_id(2), fixture_text("two")};
    entc_call call = ENTC_CALL_INIT;
    entc_op *ops[2];

    call.request = request;
    for (int i = 0; i < 2; i++)
        assert_ok(f,
                  entc_repository_get_many_async(f->campaigns, ids, 3, &call, &ops[i], &f->error));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture_finish(f, ops[i]), ENTC_OK);
        entc_op_unref(ops[i]);
    }
    assert_int_equal(reported(request, "entities/Campaign/coalesced"), 2);
    assert_int_equal(reported(request, "entities/Campaign/batchIds"), 2);
    assert_int_equal(reported(request, "entities/Campaign/errors"), 2);
    assert_int_equal(reported(request, "errors"), 2);
    entc_request_free(request);
}

/* ---- why ---- */

static void spoilt_values_are_told_and_healed(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);

    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-1 {broken"));
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-2 {\"id\":3,\"title\":\"x\"}"));
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-3 {\"id\":3}"));
    assert_ok(f, request_get_many(f, request, f->campaigns, 1, 4));
    assert_int_equal(reported(request, "entities/Campaign/corrupt"), 1);
    assert_int_equal(reported(request, "entities/Campaign/foreign"), 1);
    assert_int_equal(reported(request, "entities/Campaign/reshaped"), 1);
    assert_int_equal(reported(request, "entities/Campaign/healed"), 2);
    assert_int_equal(reported_size(request, "why"), 3);
    assert_int_equal(reported_why(request, "value_corrupt", "Campaign"), 1);
    assert_int_equal(reported_why(request, "value_foreign", "Campaign"), 1);
    assert_int_equal(reported_why(request, "value_reshaped", "Campaign"), 1);
    entc_request_free(request);
}

static void what_another_one_fills_or_came_too_late_is_told(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);
    const entc_value id = fixture_id(2);
    entc_call call = ENTC_CALL_INIT;
    entc_op *op = NULL;
    void *lock = NULL;

    freeReplyObject(test_redis_command(
        &f->redis, "SET {Campaign-1}:l r:0123456789abcdef0123456789abcdef PX 60000"));
    assert_ok(f, request_get(f, request, f->campaigns, 1));
    assert_int_equal(reported_why(request, "lease_lost", "Campaign"), 1);
    lock = fixture_lock(f, "campaigns");
    call.request = request;
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, &call, &op, &f->error));
    fixture_await_locked(f, 1);
    freeReplyObject(test_redis_command(&f->redis, "FLUSHALL"));
    fixture_unlock(lock);
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    fixture_await_fills(f, 1);
    assert_ok(f, request_get(f, request, f->campaigns, 3));
    assert_int_equal(reported(request, "entities/Campaign/fillsRefused"), 1);
    assert_int_equal(reported_why(request, "fill_refused", "Campaign"), 1);
    entc_op_unref(op);
    entc_request_free(request);
}

static void a_row_that_is_too_large_is_told(void **state)
{
    struct fixture *f = *state;
    entc_request *request = NULL;

    f->options.max_value_bytes = CAMPAIGN_BYTES - 1;
    remake_engine(f);
    request = request_new(f, NULL);
    assert_ok(f, request_get(f, request, f->campaigns, 1));
    assert_int_equal(reported(request, "entities/Campaign/uncacheable"), 1);
    assert_int_equal(reported(request, "entities/Campaign/fills"), 0);
    assert_int_equal(reported_why(request, "value_too_large", "Campaign"), 1);
    entc_request_free(request);
}

static void an_engine_without_a_cache_says_so(void **state)
{
    struct fixture *f = *state;
    entc_request *request = NULL;

    f->options.redis_uri = "none";
    remake_engine(f);
    request = request_new(f, NULL);
    assert_ok(f, request_get_many(f, request, f->campaigns, 1, 3));
    assert_int_equal(reported_size(request, "why"), 1);
    assert_int_equal(reported_why(request, "cache_off", "Campaign"), 3);
    entc_request_free(request);
}

static void a_redis_that_is_down_is_told_and_then_left_alone(void **state)
{
    struct fixture *f = *state;
    entc_request *request = NULL;

    f->options.redis_uri = "unix:///nowhere/redis.sock";
    remake_engine(f);
    request = request_new(f, NULL);
    assert_ok(f, request_get(f, request, f->campaigns, 1));
    assert_int_equal(reported_size(request, "why"), 1);
    assert_int_equal(reported_why(request, "redis_down", "Campaign"), 1);
    /* Its first pause is as short as 0; one of these falls into one. */
    for (int i = 0; i < 1000 && reported_why(request, "breaker_open", "Campaign") < 1; i++)
        assert_ok(f, request_get(f, request, f->campaigns, 1));
    assert_true(reported_why(request, "breaker_open", "Campaign") >= 1);
    assert_true(reported(request, "redisFailures") >= 2);
    entc_request_free(request);
}

static void a_batch_behind_one_that_was_sent_is_told(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);
    const entc_value ids[2] = {fixture_id(1), fixture_id(2)};
    void *lock = fixture_lock(f, "campaigns");
    entc_call call = ENTC_CALL_INIT;
    entc_op *ops[2];

    call.request = request;
    for (int i = 0; i < 2; i++) {
        assert_ok(
            f, entc_repository_get_by_id_async(f->campaigns, &ids[i], &call, &ops[i], &f->error));
        fixture_await_locked(f, i + 1);
        assert_int_equal(reported_why(request, "batch_closed", "Campaign"), i);
    }
    fixture_unlock(lock);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture_finish(f, ops[i]), ENTC_OK);
        entc_op_unref(ops[i]);
    }
    entc_request_free(request);
}

static void a_relation_asked_in_other_orders_is_told(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);
    const entc_order by_rank[] = {{"rank", 0, 0}};
    const entc_order by_rank_downwards[] = {{"rank", 1, 0}};
    /* How many a page has is no shape. */
    entc_page_args asked[] = {ENTC_FIRST(2), ENTC_FIRST(5), ENTC_FIRST(2), ENTC_FIRST(2)};
    static const int shapes[] = {0, 0, 1, 2};
    entc_value parents[2] = {fixture_id(1), fixture_id(2)};
    entc_call call = ENTC_CALL_INIT;

    call.request = request;
    asked[2].order = by_rank;
    asked[3].order = by_rank_downwards;
    for (size_t i = 2; i < 4; i++) {
        asked[i].order_count = 1;
        asked[i].order_size = sizeof(by_rank[0]);
    }
    for (int i = 0; i < 4; i++) {
        entc_page *pages[2];

        assert_ok(f, entc_relation_get_many(f->has_events, parents, 2, &asked[i], &call, pages,
                                            NULL, &f->error));
        entc_page_unref(pages[0]);
        entc_page_unref(pages[1]);
        assert_int_equal(reported_why(request, "batch_shape", "Campaign.events"), shapes[i]);
    }
    entc_request_free(request);
}

/* ---- n+1 ---- */

static void a_loop_of_single_reads_is_a_suspect_and_a_batch_is_none(void **state)
{
    struct fixture *f = *state;
    entc_request *naive = request_new(f, NULL);
    entc_request *batched = request_new(f, NULL);

    for (int64_t id = 1; id <= 5; id++) {
        assert_ok(f, request_get(f, naive, f->campaigns, id));
        assert_int_equal(reported_suspect(naive, "Campaign", "by id"), id < 3 ? 0 : id);
    }
    for (int i = 0; i < 5; i++)
        assert_ok(f, request_get_many(f, batched, f->campaigns, 1, 5));
    assert_int_equal(reported_size(batched, "suspects"), 0);
    fixture_assert_says(entc_request_report_text(naive),
                        "\nn+1 suspect: Campaign by id: 5 batches of one\n");
    assert_null(strstr(entc_request_report_text(batched), "suspect"));
    entc_request_free(naive);
    entc_request_free(batched);
}

static void so_is_a_relation_parent_by_parent_and_a_list_again_and_again(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);
    const entc_page_args first = ENTC_FIRST(1);
    entc_call call = ENTC_CALL_INIT;

    call.request = request;
    for (int64_t id = 1; id <= 3; id++) {
        const entc_value parent = fixture_id(id);
        entc_page *page = NULL;

        assert_ok(f, entc_relation_get_many(f->has_events, &parent, 1, &first, &call, &page, NULL,
                                            &f->error));
        entc_page_unref(page);
        assert_ok(f, entc_request_list(request, f->campaigns, &first, &page, &f->error));
        entc_page_unref(page);
    }
    assert_int_equal(reported_suspect(request, "Campaign.events", "pages"), 3);
    assert_int_equal(reported_suspect(request, "Campaign", "list"), 3);
    entc_request_free(request);
}

/* ---- text ---- */

static void the_text_fits_a_screen(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);
    const char *line = NULL;
    int lines = 0;

    request_main_query(f, request);
    fixture_await_fills(f, 15);
    line = entc_request_report_text(request);
    assert_non_null(line);
    fixture_assert_says(line, ": SQL 4 (34 rows, ");
    fixture_assert_says(line, "\nCampaign              1    5.0      0      5     2     11    138");
    fixture_assert_says(line, "\nEvent                 1   10.0      0     10     1     10 ");
    fixture_assert_says(line, "\nCampaign.events       1    5.0      -      -     1     13 ");
    for (const char *end = NULL; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++)
        assert_in_range(end - line, 1, SCREEN_COLUMNS);
    assert_in_range(lines, 5, SCREEN_LINES);
    entc_request_free(request);
}

/* ---- threads ---- */

#define THREADS 3
#define ROUNDS 40

struct crowd {
    struct fixture *f;
    entc_request *request;
    atomic_int failures;
    atomic_int left;
};

static void *read_often(void *user)
{
    struct crowd *crowd = user;
    entc_call call = ENTC_CALL_INIT;

    call.request = crowd->request;
    for (int64_t i = 0; i < ROUNDS; i++) {
        const entc_page_args first = ENTC_FIRST(2);
        const entc_value id = fixture_id(1 + i % FIXTURE_CAMPAIGNS);
        entc_entity *entity = NULL;
        entc_page *page = NULL;
        entc_error *error = NULL;

        if (entc_repository_get_by_id(crowd->f->campaigns, &id, &call, &entity, &error) ||
            entc_relation_get_many(crowd->f->has_events, &id, 1, &first, &call, &page, NULL,
                                   &error))
            atomic_fetch_add(&crowd->failures, 1);
        entc_entity_unref(entity);
        entc_page_unref(page);
        entc_error_free(error);
    }
    atomic_fetch_sub(&crowd->left, 1);
    return NULL;
}

/* Reads the reports while it drives. */
static bool is_over(void *context)
{
    struct crowd *crowd = context;

    assert_non_null(entc_request_report(crowd->request));
    assert_non_null(entc_request_report_text(crowd->request));
    return atomic_load(&crowd->left) == 0;
}

static void a_report_may_be_read_while_threads_go_on_reading(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd = {.f = f};
    pthread_t threads[THREADS];

    crowd.request = request_new(f, NULL);
    atomic_init(&crowd.failures, 0);
    atomic_init(&crowd.left, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, &crowd), 0);
    fixture_drive_until(f, is_over, &crowd);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&crowd.failures), 0);
    assert_int_equal(reported(crowd.request, "entities/Campaign/hits") +
                         reported(crowd.request, "entities/Campaign/misses"),
                     THREADS * ROUNDS);
    assert_int_equal(reported(crowd.request, "relations/events/batches"), THREADS * ROUNDS);
    assert_int_equal(reported(crowd.request, "relations/events/sqlQueries"), THREADS * ROUNDS);
    entc_request_free(crowd.request);
}

/* ---- a host's own tests ---- */

static void a_host_asserts_how_many_queries_a_request_may_run(void **state)
{
    struct fixture *f = *state;
    entc_request *request = request_new(f, NULL);

    assert_ok(f, entc_request_assert_max_queries(request, 0, &f->error));
    request_main_query(f, request);
    assert_ok(f, entc_request_assert_max_queries(request, 4, &f->error));
    assert_status(f, entc_request_assert_max_queries(request, 3, &f->error), ENTC_E_LIMIT);
    assert_string_equal(
        entc_error_message(f->error),
        "the request ran 4 SQL queries, more than 3 (Campaign: 2, Campaign.events: 1, "
        "Event: 1)");
    assert_status(f, entc_request_assert_max_queries(request, 3, NULL), ENTC_E_LIMIT);
    entc_request_free(request);
}

static void null_requests_are_refused(void **state)
{
    struct fixture *f = *state;

    assert_null(entc_request_report(NULL));
    assert_null(entc_request_report_text(NULL));
    assert_status(f, entc_request_assert_max_queries(NULL, 1, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "request");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(the_main_query_reports_each_entity_and_relation_when_cold),
        IN_BOTH_DRIVES(the_times_of_the_parts_are_those_of_the_request),
        IN_BOTH_DRIVES(when_warm_it_reports_hits_and_their_bytes),
        IN_BOTH_DRIVES(absences_are_absent_and_then_negative),
        IN_BOTH_DRIVES(ids_that_join_a_batch_are_coalesced_and_bad_ones_are_errors),
        IN_BOTH_DRIVES(spoilt_values_are_told_and_healed),
        IN_BOTH_DRIVES(what_another_one_fills_or_came_too_late_is_told),
        IN_BOTH_DRIVES(a_row_that_is_too_large_is_told),
        IN_BOTH_DRIVES(an_engine_without_a_cache_says_so),
        IN_BOTH_DRIVES(a_redis_that_is_down_is_told_and_then_left_alone),
        IN_BOTH_DRIVES(a_batch_behind_one_that_was_sent_is_told),
        IN_BOTH_DRIVES(a_relation_asked_in_other_orders_is_told),
        IN_BOTH_DRIVES(a_loop_of_single_reads_is_a_suspect_and_a_batch_is_none),
        IN_BOTH_DRIVES(so_is_a_relation_parent_by_parent_and_a_list_again_and_again),
        IN_BOTH_DRIVES(the_text_fits_a_screen),
        IN_BOTH_DRIVES(a_report_may_be_read_while_threads_go_on_reading),
        IN_BOTH_DRIVES(a_host_asserts_how_many_queries_a_request_may_run),
        IN_BOTH_DRIVES(null_requests_are_refused),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
