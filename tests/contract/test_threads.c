/* Many threads on one engine: they block together, submit while another drives, and meet its end.
 * Every answer is right, and nobody waits for ever. Threads count their failures; the thread of the
 * test checks. In ENTC_DRIVE_HOST it is the loop thread and processes until all are done. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define THREADS_MAX 64
#define BATCH 12

struct crowd;

struct worker {
    struct crowd *crowd;
    pthread_t thread;
    uint64_t random;
    uint64_t wrong;
    entc_status last;
    char story[160];
};

struct crowd {
    struct fixture *f;
    void (*run)(struct worker *worker);
    int rounds;
    size_t count;
    entc_op *shared;     /* or NULL */
    atomic_size_t ready; /* came to what is waited for */
    atomic_size_t ended;
    struct worker workers[THREADS_MAX];
};

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003). */
static uint64_t draw(struct worker *worker, uint64_t below)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random % below;
}

static void *start(void *context)
{
    struct worker *worker = context;

    worker->crowd->run(worker);
    atomic_fetch_add(&worker->crowd->ended, 1);
    return NULL;
}

static void begin(struct crowd *crowd, struct fixture *f, size_t count, int rounds,
                  void (*run)(struct worker *worker), entc_op *shared)
{
    memset(crowd, 0, sizeof(*crowd));
    crowd->f = f;
    crowd->run = run;
    crowd->rounds = rounds;
    crowd->count = count;
    crowd->shared = shared;
    for (size_t i = 0; i < count; i++) {
        crowd->workers[i].crowd = crowd;
        crowd->workers[i].random = 88172645463325252u + i;
        assert_int_equal(pthread_create(&crowd->workers[i].thread, NULL, start, &crowd->workers[i]),
                         0);
    }
}

static bool all_ended(void *context)
{
    struct crowd *crowd = context;

    return atomic_load(&crowd->ended) == crowd->count;
}

static bool all_ready(void *context)
{
    struct crowd *crowd = context;

    return atomic_load(&crowd->ready) == crowd->count;
}

static void join(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        pthread_join(crowd->workers[i].thread, NULL);
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->workers[i].wrong)
            fail_msg("thread %zu: %llu answers are wrong: %s", i,
                     (unsigned long long)crowd->workers[i].wrong, crowd->workers[i].story);
}

/* Where waiters drive, nobody else has to. */
static void finish(struct crowd *crowd)
{
    if (crowd->f->drive == ENTC_DRIVE_HOST)
        fixture_drive_until(crowd->f, all_ended, crowd);
    join(crowd);
}

/* ---- what the threads do ---- */

static bool is_campaign(const entc_entity *entity, int64_t id)
{
    const Campaign *campaign = entc_entity_record(entity);
    char title[32];

    snprintf(title, sizeof(title), "Campaign %d", (int)id);
    return campaign && campaign->id == id && strcmp(campaign->title.ptr, title) == 0;
}

static void complain(struct worker *worker, const char *what, entc_status status)
{
    worker->wrong++;
    snprintf(worker->story, sizeof(worker->story), "%s: %s", what, entc_status_name(status));
}

static void check_slot(struct worker *worker, int64_t id, const entc_entity *entity,
                       entc_status status)
{
    bool exists = id >= 1 && id <= FIXTURE_CAMPAIGNS;

    if (exists ? status != ENTC_OK || !is_campaign(entity, id)
               : status != ENTC_E_NOT_FOUND || entity != NULL)
        complain(worker, "slot", status);
}

/* Hot ids 1 to 8 and missing ones 9 to 12, in random batches with duplicates. */
static void get_at_random(struct worker *worker)
{
    struct fixture *f = worker->crowd->f;

    for (int round = 0; round < worker->crowd->rounds; round++) {
        int64_t ids[BATCH];
        entc_entity *entities[BATCH];
        entc_status statuses[BATCH];
        size_t count = (size_t)draw(worker, BATCH) + 1;
        entc_status status = ENTC_OK;

        for (size_t i = 0; i < count; i++)
            ids[i] = (int64_t)draw(worker, 12) + 1;
        status = entc_repository_get_many_int64(f->campaigns, ids, count, NULL, entities, statuses,
                                                NULL);
        if (status)
            complain(worker, "get_many", status);
        for (size_t i = 0; i < count; i++)
            check_slot(worker, ids[i], entities[i], statuses[i]);
        entc_entities_unref(entities, count);
    }
}

/* Submits several, then waits for them out of order. */
static void submit_and_wait(struct worker *worker)
{
    struct fixture *f = worker->crowd->f;

    for (int round = 0; round < worker->crowd->rounds; round++) {
        entc_op *ops[4] = {NULL, NULL, NULL, NULL};
        int64_t ids[4];

        for (size_t i = 0; i < 4; i++) {
            entc_value id;

            ids[i] = (int64_t)draw(worker, 12) + 1;
            entc_value_int64(&id, ids[i]);
            if (entc_repository_get_by_id_async(f->campaigns, &id, NULL, &ops[i], NULL))
                complain(worker, "submit", ENTC_E_INVALID);
        }
        if (draw(worker, 4) == 0)
            entc_op_cancel(ops[1]);
        for (size_t i = 4; i-- > 0;) {
            entc_entity *entity = NULL;
            entc_status status = entc_op_wait(ops[i], -1);

            if (status)
                complain(worker, "wait", status);
            status = entc_op_take_entity(ops[i], &entity);
            if (i != 1 || status != ENTC_E_CANCELLED)
                check_slot(worker, ids[i], entity, status);
            entc_entity_unref(entity);
            entc_op_unref(ops[i]);
        }
    }
}

/* Lists, pages and gets of two repositories, counted in a request of its own. */
static void resolve_a_query(struct worker *worker)
{
    struct fixture *f = worker->crowd->f;
    const entc_page_args first = ENTC_FIRST(3);

    for (int round = 0; round < worker->crowd->rounds; round++) {
        entc_request *request = NULL;
        entc_page *top = NULL;
        entc_page *pages[3] = {NULL, NULL, NULL};
        entc_status status = entc_request_new(f->engine, NULL, &request, NULL);

        if (!status)
            status = entc_request_list(request, f->campaigns, &first, &top, NULL);
        if (!status)
            status = entc_request_pages(request, f->has_events, top, &first, pages, 3, NULL);
        if (status)
            complain(worker, "query", status);
        for (size_t i = 0; i < 3; i++) {
            if (!is_campaign(entc_page_entity(top, i), (int64_t)i + 1))
                complain(worker, "campaign", ENTC_E_INVALID);
            if (entc_page_count(pages[i]) != (i == 2 ? 2 : 3))
                complain(worker, "page", ENTC_E_INVALID);
            entc_page_unref(pages[i]);
        }
        if (entc_request_report(request) == NULL)
            complain(worker, "report", ENTC_E_NO_MEMORY);
        entc_page_unref(top);
        entc_request_free(request);
    }
}

/* Waits once for an id of its own; keeps how that ended. */
static void wait_once(struct worker *worker)
{
    struct fixture *f = worker->crowd->f;
    entc_value id;
    entc_entity *entity = NULL;
    entc_op *op = NULL;

    entc_value_int64(&id, (int64_t)(worker - worker->crowd->workers) % FIXTURE_CAMPAIGNS + 1);
    worker->last = entc_repository_get_by_id_async(f->campaigns, &id, NULL, &op, NULL);
    atomic_fetch_add(&worker->crowd->ready, 1);
    if (!worker->last)
        worker->last = entc_op_wait(op, -1);
    if (!worker->last)
        worker->last = entc_op_take_entity(op, &entity);
    if (worker->last == ENTC_OK && !is_campaign(entity, id.as.int64))
        complain(worker, "entity", worker->last);
    entc_entity_unref(entity);
    entc_op_unref(op);
}

/* Waits a moment for an operation that somebody else has submitted. */
static void wait_a_moment(struct worker *worker)
{
    worker->last = entc_op_wait(worker->crowd->shared, 50000);
}

/* ---- tests ---- */

/* Nobody processes meanwhile: a waiting thread drives in ENTC_DRIVE_WAITERS, and must not in
 * ENTC_DRIVE_HOST. */
static void whether_a_waiting_thread_drives_is_told_by_the_mode(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;
    entc_value id = fixture_id(1);
    entc_op *op = NULL;
    bool is_host = f->drive == ENTC_DRIVE_HOST;

    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, &op, &f->error));
    do {
        begin(&crowd, f, 1, 0, wait_a_moment, op);
        join(&crowd);
    } while (!is_host && crowd.workers[0].last == ENTC_E_AGAIN);
    assert_int_equal(crowd.workers[0].last, is_host ? ENTC_E_AGAIN : ENTC_OK);
    assert_int_equal(entc_op_status(op), is_host ? ENTC_E_AGAIN : ENTC_OK);
    assert_int_equal(fixture_counters(f).batches, is_host ? 0 : 1);
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    entc_op_unref(op);
}

static void sixteen_threads_block_on_one_engine_and_are_answered_right(void **state)
{
    struct crowd crowd;

    begin(&crowd, *state, 16, 100, get_at_random, NULL);
    finish(&crowd);
}

static void sixty_four_threads_block_on_one_engine_and_are_answered_right(void **state)
{
    struct crowd crowd;

    begin(&crowd, *state, 64, 20, get_at_random, NULL);
    finish(&crowd);
}

static void threads_share_a_few_connections(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;
    int64_t before = test_redis_integer(&f->redis, "EVAL %s 0",
                                        "local s = redis.call('INFO', 'stats') return tonumber("
                                        "string.match(s, 'total_connections_received:(%d+)'))");
    int64_t after = 0;

    begin(&crowd, f, 32, 10, get_at_random, NULL);
    finish(&crowd);
    assert_true(test_postgres_integer(&f->postgres,
                                      "SELECT count(*) FROM pg_stat_activity WHERE datname ="
                                      " current_database() AND pid <> pg_backend_pid()") <= 4);
    after = test_redis_integer(&f->redis, "EVAL %s 0",
                               "local s = redis.call('INFO', 'stats') return tonumber("
                               "string.match(s, 'total_connections_received:(%d+)'))");
    /* One of the engine's, one of the question itself. */
    assert_int_equal(after - before, 2);
}

static void threads_submit_and_wait_while_another_drives(void **state)
{
    struct crowd crowd;

    begin(&crowd, *state, 16, 50, submit_and_wait, NULL);
    /* In either mode: where waiters drive, this one is just one more. */
    fixture_drive_until(*state, all_ended, &crowd);
    join(&crowd);
}

static void threads_resolve_whole_queries_side_by_side(void **state)
{
    struct crowd crowd;

    begin(&crowd, *state, 16, 20, resolve_a_query, NULL);
    finish(&crowd);
}

static void cold_keys_that_all_want_cost_two_statements_each_at_most(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;
    void *lock = fixture_lock(f, "campaigns");

    begin(&crowd, f, 64, 1, wait_once, NULL);
    fixture_drive_until(f, all_ready, &crowd);
    fixture_unlock(lock);
    finish(&crowd);
    for (size_t i = 0; i < crowd.count; i++)
        assert_int_equal(crowd.workers[i].last, ENTC_OK);
    assert_true(fixture_counters(f).sql_queries <= UINT64_C(2) * FIXTURE_CAMPAIGNS);
}

static void every_waiter_has_an_end_when_the_engine_is_closed(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;
    void *lock = fixture_lock(f, "campaigns");

    begin(&crowd, f, 32, 1, wait_once, NULL);
    fixture_drive_until(f, all_ready, &crowd);
    assert_ok(f, entc_engine_close(f->engine, 0));
    join(&crowd);
    for (size_t i = 0; i < crowd.count; i++)
        assert_int_equal(crowd.workers[i].last, ENTC_E_CLOSED);
    fixture_unlock(lock);
}

static void waiters_are_answered_when_closing_leaves_them_time(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;

    begin(&crowd, f, 32, 1, wait_once, NULL);
    fixture_drive_until(f, all_ready, &crowd);
    assert_ok(f, entc_engine_close(f->engine, 20000000));
    join(&crowd);
    for (size_t i = 0; i < crowd.count; i++)
        assert_int_equal(crowd.workers[i].last, ENTC_OK);
}

static void get_until_closed(struct worker *worker)
{
    struct fixture *f = worker->crowd->f;

    atomic_fetch_add(&worker->crowd->ready, 1);
    while (worker->last != ENTC_E_CLOSED && worker->wrong == 0) {
        entc_value id;
        entc_entity *entity = NULL;

        entc_value_int64(&id, (int64_t)draw(worker, FIXTURE_CAMPAIGNS) + 1);
        worker->last = entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, NULL);
        if (worker->last == ENTC_OK && !is_campaign(entity, id.as.int64))
            complain(worker, "entity", worker->last);
        else if (worker->last != ENTC_OK && worker->last != ENTC_E_CLOSED)
            complain(worker, "get", worker->last);
        entc_entity_unref(entity);
    }
}

struct traffic {
    struct fixture *f;
    uint64_t batches;
};

static bool has_traffic(void *context)
{
    const struct traffic *traffic = context;

    return fixture_counters(traffic->f).batches >= traffic->batches;
}

static void closing_in_the_middle_of_traffic_ends_it(void **state)
{
    struct fixture *f = *state;
    struct traffic traffic = {f, 50};
    struct crowd crowd;

    begin(&crowd, f, 16, 0, get_until_closed, NULL);
    fixture_drive_until(f, all_ready, &crowd);
    fixture_drive_until(f, has_traffic, &traffic);
    assert_ok(f, entc_engine_close(f->engine, 0));
    join(&crowd);
}

static void *use_entity(void *context)
{
    entc_entity *entity = context;

    for (int i = 0; i < 1000; i++) {
        entc_entity *mine = entc_entity_ref(entity);

        if (!is_campaign(mine, 1))
            return context;
        entc_entity_unref(mine);
    }
    entc_entity_unref(entity);
    return NULL;
}

static void an_entity_is_shared_by_threads_beyond_its_engine(void **state)
{
    struct fixture *f = *state;
    entc_entity *entity = fixture_get(f, f->campaigns, 1);
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_entity, entc_entity_ref(entity)), 0);
    fixture_free_engine(f);
    entc_entity_unref(entity);
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(whether_a_waiting_thread_drives_is_told_by_the_mode),
        IN_BOTH_DRIVES(sixteen_threads_block_on_one_engine_and_are_answered_right),
        IN_BOTH_DRIVES(sixty_four_threads_block_on_one_engine_and_are_answered_right),
        IN_BOTH_DRIVES(threads_share_a_few_connections),
        IN_BOTH_DRIVES(threads_submit_and_wait_while_another_drives),
        IN_BOTH_DRIVES(threads_resolve_whole_queries_side_by_side),
        IN_BOTH_DRIVES(cold_keys_that_all_want_cost_two_statements_each_at_most),
        IN_BOTH_DRIVES(every_waiter_has_an_end_when_the_engine_is_closed),
        IN_BOTH_DRIVES(waiters_are_answered_when_closing_leaves_them_time),
        IN_BOTH_DRIVES(closing_in_the_middle_of_traffic_ends_it),
        IN_BOTH_DRIVES(an_entity_is_shared_by_threads_beyond_its_engine),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
