/* Memory is out: each allocation of each call fails once, and then every one from it on. Nothing
 * crashes, nothing leaks, what is answered is right, and the same handle works afterwards. */
#include "allocator.h"
#include "fixture.h"

#include <stdio.h>
#include <string.h>

/* hiredis and libpq use malloc; all else comes from here. */
static struct test_allocator memory;
static uint64_t trial_n; /* which allocation fails; for messages */

/* What one test does again and again: `prepare` with memory, `attempt` while it fails. */
struct trial {
    void (*prepare)(struct fixture *f); /* may be NULL */
    entc_status (*attempt)(struct fixture *f);
};

static void make_engine(struct fixture *f)
{
    test_allocator_init(&memory);
    f->options.allocator = &memory.allocator;
    fixture_make_engine(f);
}

static void free_engine(struct fixture *f)
{
    fixture_free_engine(f);
    if (test_allocator_live(&memory) != 0)
        fail_msg("%zu blocks are left after allocation %llu failed", test_allocator_live(&memory),
                 (unsigned long long)trial_n);
}

static bool is_expected(entc_status status)
{
    /* A connection that memory failed is as one that broke. */
    return status == ENTC_OK || status == ENTC_E_NO_MEMORY || status == ENTC_E_UNAVAILABLE;
}

/* A broken connection is tried again after a short pause. */
static void attempt_until_ok(struct fixture *f, const struct trial *trial)
{
    int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);
    entc_status status = trial->attempt(f);

    while (status != ENTC_OK) {
        if (!is_expected(status) || fixture_now_us() > end)
            fail_msg("the handle does not work any more: %s: %s", entc_status_name(status),
                     entc_error_message(f->error));
        fixture_turn(f, 5);
        status = trial->attempt(f);
    }
}

/* False when the attempt made fewer allocations. */
static bool fail_nth(struct fixture *f, const struct trial *trial, uint64_t n, bool from_then_on)
{
    entc_status status = ENTC_OK;
    uint64_t calls = 0;

    trial_n = n;
    make_engine(f);
    if (trial->prepare)
        trial->prepare(f);
    test_allocator_fail_at(&memory, n, from_then_on);
    status = trial->attempt(f);
    calls = test_allocator_calls(&memory);
    test_allocator_fail_at(&memory, 0, false);
    if (!is_expected(status))
        fail_msg("when allocation %d fails: %s: %s", (int)n, entc_status_name(status),
                 entc_error_message(f->error));
    attempt_until_ok(f, trial);
    free_engine(f);
    freeReplyObject(test_redis_command(&f->redis, "FLUSHALL"));
    return calls >= n;
}

static void fail_each(struct fixture *f, const struct trial *trial)
{
    uint64_t n = 1;

    fixture_free_engine(f);
    while (fail_nth(f, trial, n, false))
        n++;
    assert_true(n > 1);
    for (n = 1; fail_nth(f, trial, n, true);)
        n++;
}

/* ---- attempts ---- */

static entc_status get_many(struct fixture *f, BaseCacheRepository *repository)
{
    static const int64_t ids[] = {1, 2, 2, 999, 3};
    entc_entity *entities[5];
    entc_status statuses[5];
    entc_status status =
        entc_repository_get_many_int64(repository, ids, 5, NULL, entities, statuses, &f->error);
    entc_status worst = status;

    for (size_t i = 0; i < 5; i++) {
        if (statuses[i] == ENTC_OK)
            fixture_assert_campaign(entities[i], ids[i]);
        else
            assert_null(entities[i]);
        if (statuses[i] == ENTC_E_NOT_FOUND)
            assert_int_equal(ids[i], 999);
        else if (status == ENTC_OK && statuses[i] != ENTC_OK)
            worst = statuses[i];
    }
    entc_entities_unref(entities, 5);
    return worst;
}

static entc_status get_many_campaigns(struct fixture *f)
{
    return get_many(f, f->campaigns);
}

static entc_status get_one(struct fixture *f)
{
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    entc_status status = entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, &f->error);

    assert_true((entity != NULL) == (status == ENTC_OK));
    if (entity)
        fixture_assert_campaign(entity, 1);
    entc_entity_unref(entity);
    return status;
}

static entc_status list_campaigns(struct fixture *f)
{
    const entc_order order[] = {{"title", 1, 0}};
    const entc_page_args args = {.struct_size = sizeof(args),
                                 .first = 3,
                                 .order = order,
                                 .order_count = 1,
                                 .order_size = sizeof(order[0])};
    entc_page *page = NULL;
    entc_status status = entc_repository_list(f->campaigns, &args, NULL, &page, &f->error);

    assert_true((page != NULL) == (status == ENTC_OK));
    if (page) {
        assert_int_equal(entc_page_count(page), 3);
        assert_int_equal(entc_page_has_next(page), 1);
    }
    for (size_t i = 0; i < entc_page_count(page); i++) {
        if (entc_page_status(page, i) == ENTC_OK)
            fixture_assert_campaign(entc_page_entity(page, i), 8 - (int64_t)i);
        else
            status = entc_page_status(page, i);
    }
    entc_page_unref(page);
    return status;
}

static entc_status get_pages(struct fixture *f)
{
    const entc_page_args first = ENTC_FIRST(2);
    entc_value parents[3] = {fixture_id(1), fixture_id(7), fixture_id(4)};
    entc_page *pages[3];
    entc_status status =
        entc_relation_get_many(f->has_events, parents, 3, &first, NULL, pages, NULL, &f->error);

    for (size_t i = 0; i < 3; i++) {
        assert_true((pages[i] != NULL) == (status == ENTC_OK));
        if (pages[i])
            assert_int_equal(entc_page_count(pages[i]), i == 1 ? 0 : 2);
    }
    for (size_t i = 0; i < 2 && pages[0]; i++) {
        if (entc_page_status(pages[0], i) == ENTC_OK)
            fixture_assert_event(entc_page_entity(pages[0], i), 101 + (int64_t)i);
        else
            status = entc_page_status(pages[0], i);
    }
    for (size_t i = 0; i < 3; i++)
        entc_page_unref(pages[i]);
    return status;
}

static entc_status run_request(struct fixture *f)
{
    const entc_page_args first = ENTC_FIRST(1);
    entc_request *request = NULL;
    entc_page *page = NULL;
    entc_counters cost = ENTC_COUNTERS_INIT;
    entc_status status = entc_request_new(f->engine, NULL, &request, &f->error);

    assert_true((request != NULL) == (status == ENTC_OK));
    if (request) {
        status = entc_request_list(request, f->campaigns, &first, &page, &f->error);
        assert_int_equal(entc_request_counters(request, &cost), ENTC_OK);
        if (!status && !entc_request_report(request))
            status = ENTC_E_NO_MEMORY;
    }
    entc_page_unref(page);
    entc_request_free(request);
    return status;
}

static void note_done(entc_op *op, void *user)
{
    (void)op;
    ++*(int *)user;
}

/* Two operations of one batch with a callback each, and a third that is cancelled. */
static entc_status submit_three(struct fixture *f)
{
    entc_op *ops[3] = {NULL, NULL, NULL};
    entc_status status = ENTC_OK;
    int accepted = 0;
    int done = 0;

    for (int64_t i = 0; i < 3; i++) {
        entc_call call = ENTC_CALL_INIT;
        entc_value id = fixture_id(i + 1);
        entc_status refused = ENTC_OK;

        call.done = note_done;
        call.user = &done;
        refused = entc_repository_get_by_id_async(f->campaigns, &id, &call, &ops[i], &f->error);
        assert_true((ops[i] != NULL) == (refused == ENTC_OK));
        accepted += refused == ENTC_OK;
        status = refused ? refused : status;
    }
    if (ops[2])
        assert_int_equal(entc_op_cancel(ops[2]), ENTC_OK);
    for (int i = 0; i < 3; i++) {
        if (!ops[i])
            continue;
        assert_int_equal(entc_op_wait(ops[i], -1), ENTC_OK);
        if (i < 2 && entc_op_status(ops[i]))
            status = entc_op_status(ops[i]);
        entc_op_unref(ops[i]);
    }
    assert_int_equal(done, accepted);
    return status;
}

static entc_status make_repository(struct fixture *f)
{
    BaseCacheRepository *repository = NULL;
    entc_status status = entc_repository_new(f->engine, &fixture_campaign_table, &fixture_campaign,
                                             NULL, &repository, &f->error);

    assert_true((repository != NULL) == (status == ENTC_OK));
    entc_repository_free(repository);
    return status;
}

static entc_status make_relation(struct fixture *f)
{
    entc_relation *relation = NULL;
    entc_status status =
        entc_relation_new(f->campaigns, f->events, &fixture_has_events, &relation, &f->error);

    assert_true((relation != NULL) == (status == ENTC_OK));
    entc_relation_free(relation);
    return status;
}

/* What an override does. */
static entc_status answer_as_host(struct fixture *f)
{
    entc_op *op = NULL;
    entc_entity *nothing[2] = {NULL, NULL};
    entc_status status = entc_op_new(f->engine, 2, NULL, &op, &f->error);

    assert_true((op != NULL) == (status == ENTC_OK));
    if (!op)
        return status;
    status = entc_op_resolve(op, nothing, NULL, 2);
    if (status)
        assert_int_equal(entc_op_reject(op, ENTC_E_BUSY, "no memory"), ENTC_OK);
    assert_int_equal(entc_op_wait(op, -1), ENTC_OK);
    entc_op_unref(op);
    return status;
}

/* ---- preparations ---- */

static void warm_up(struct fixture *f)
{
    entc_entity_unref(fixture_get(f, f->campaigns, 8));
    assert_int_equal(get_many_campaigns(f), ENTC_OK);
    fixture_await_fills(f, 5);
}

static void connect_only(struct fixture *f)
{
    entc_entity_unref(fixture_get(f, f->campaigns, 8));
    fixture_await_fills(f, 1);
}

static void spoil_the_cache(struct fixture *f)
{
    connect_only(f);
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-1 {broken"));
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-2 {\"id\":3}"));
    freeReplyObject(
        test_redis_command(&f->redis, "SET {Campaign-3}:l r:0123456789abcdef0123456789abcdef"));
}

/* ---- tests ---- */

static void making_an_engine_survives_every_failed_allocation(void **state)
{
    struct fixture *f = *state;

    fixture_free_engine(f);
    for (uint64_t n = 1;; n++) {
        entc_engine *engine = NULL;
        entc_status status = ENTC_OK;

        test_allocator_init(&memory);
        f->options.allocator = &memory.allocator;
        test_allocator_fail_at(&memory, n, n % 2);
        status = entc_engine_new(&f->options, &engine, &f->error);
        assert_true(status == ENTC_OK || status == ENTC_E_NO_MEMORY);
        assert_true((engine != NULL) == (status == ENTC_OK));
        if (status)
            assert_int_equal(entc_error_code(f->error), ENTC_E_NO_MEMORY);
        entc_engine_free(engine);
        assert_int_equal(test_allocator_live(&memory), 0);
        if (test_allocator_calls(&memory) < n)
            break;
        assert_int_equal(status, ENTC_E_NO_MEMORY);
    }
}

#define TRIAL(name, prepare, attempt)                  \
    static void name(void **state)                     \
    {                                                  \
        const struct trial trial = {prepare, attempt}; \
                                                       \
        fail_each(*state, &trial);                     \
    }

TRIAL(making_a_repository_survives_every_failed_allocation, NULL, make_repository)
TRIAL(making_a_relation_survives_every_failed_allocation, NULL, make_relation)
TRIAL(a_get_that_connects_survives_every_failed_allocation, NULL, get_one)
TRIAL(a_batch_that_connects_survives_every_failed_allocation, NULL, get_many_campaigns)
TRIAL(a_cold_batch_survives_every_failed_allocation, connect_only, get_many_campaigns)
TRIAL(a_warm_batch_survives_every_failed_allocation, warm_up, get_many_campaigns)
TRIAL(a_batch_out_of_a_spoilt_cache_survives_every_failed_allocation, spoil_the_cache,
      get_many_campaigns)
TRIAL(a_list_survives_every_failed_allocation, connect_only, list_campaigns)
TRIAL(pages_survive_every_failed_allocation, connect_only, get_pages)
TRIAL(a_request_and_its_report_survive_every_failed_allocation, connect_only, run_request)
TRIAL(operations_survive_every_failed_allocation, connect_only, submit_three)
TRIAL(an_answer_of_the_host_survives_every_failed_allocation, NULL, answer_as_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(making_an_engine_survives_every_failed_allocation),
        IN_BOTH_DRIVES(making_a_repository_survives_every_failed_allocation),
        IN_BOTH_DRIVES(making_a_relation_survives_every_failed_allocation),
        IN_BOTH_DRIVES(a_get_that_connects_survives_every_failed_allocation),
        IN_BOTH_DRIVES(a_batch_that_connects_survives_every_failed_allocation),
        IN_BOTH_DRIVES(a_cold_batch_survives_every_failed_allocation),
        IN_BOTH_DRIVES(a_warm_batch_survives_every_failed_allocation),
        IN_BOTH_DRIVES(a_batch_out_of_a_spoilt_cache_survives_every_failed_allocation),
        IN_BOTH_DRIVES(a_list_survives_every_failed_allocation),
        IN_BOTH_DRIVES(pages_survive_every_failed_allocation),
        IN_BOTH_DRIVES(a_request_and_its_report_survive_every_failed_allocation),
        IN_BOTH_DRIVES(operations_survive_every_failed_allocation),
        IN_BOTH_DRIVES(an_answer_of_the_host_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
