/* Many threads at once: on one cold key, and on connections that break. Threads count; only the
 * test's own thread checks. */
#include "fault.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define THREADS 64
#define ROUNDS 10
#define READERS 8

struct crowd {
    BaseCacheRepository *repositories[THREADS];
    pthread_barrier_t barrier;
    atomic_uint right;
    atomic_uint next;
};

static void *rush(void *context)
{
    struct crowd *crowd = context;
    const unsigned number = atomic_fetch_add(&crowd->next, 1);
    entc_entity *entity = NULL;
    entc_value id;

    entc_value_int64(&id, 5);
    pthread_barrier_wait(&crowd->barrier);
    if (entc_repository_get_by_id(crowd->repositories[number], &id, NULL, &entity, NULL) ==
            ENTC_OK &&
        ((const Campaign *)entc_entity_record(entity))->id == 5)
        atomic_fetch_add(&crowd->right, 1);
    entc_entity_unref(entity);
    return NULL;
}

static void send_crowd(struct crowd *crowd)
{
    pthread_t threads[THREADS];

    atomic_store(&crowd->right, 0);
    atomic_store(&crowd->next, 0);
    pthread_barrier_init(&crowd->barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, rush, crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&crowd->barrier);
    assert_int_equal(atomic_load(&crowd->right), THREADS);
}

/* `delay_us`: of PostgreSQL, so that many come while the first is answered. */
static void rush_at_cold_key(struct fault *fault, int64_t delay_us)
{
    struct crowd crowd;

    for (int i = 0; i < THREADS; i++)
        crowd.repositories[i] = fault->f->campaigns;
    fault_warm(fault, FIXTURE_CAMPAIGNS);
    test_proxy_delay(fault->postgres, PROXY_FROM_SERVER, delay_us);
    for (int i = 0; i < ROUNDS; i++) {
        entc_counters before;

        fault_empty_cache(fault);
        before = fixture_counters(fault->f);
        send_crowd(&crowd);
        assert_true(fixture_since(fault->f, &before).sql_queries <= 2);
        assert_int_equal(fixture_since(fault->f, &before).errors, 0);
    }
    test_proxy_heal(fault->postgres);
    fault_recover(fault);
}

static void sixty_four_threads_on_a_cold_key_ask_the_database_twice_at_most(void **state)
{
    rush_at_cold_key(*state, 0);
}

static void so_they_do_when_the_database_is_slow(void **state)
{
    rush_at_cold_key(*state, 30000);
}

/* ---- on connections that break ---- */

struct work {
    struct fault *fault;
    pthread_t threads[READERS];
    atomic_bool is_over;
    atomic_uint good;
    atomic_uint failed;
    atomic_uint wrong;
};

static void read_many(struct work *work, uint64_t *seed)
{
    int64_t ids[6];
    entc_entity *entities[6];
    entc_status statuses[6];
    entc_status status = ENTC_OK;
    bool is_right = true;

    for (int i = 0; i < 6; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        ids[i] = (int64_t)(*seed >> 40) % (FIXTURE_CAMPAIGNS + 2) + 1;
    }
    status = entc_repository_get_many_int64(work->fault->f->campaigns, ids, 6, NULL, entities,
                                            statuses, NULL);
    for (int i = 0; i < 6 && status == ENTC_OK; i++) {
        const Campaign *campaign = entities[i] ? entc_entity_record(entities[i]) : NULL;

        if (statuses[i] == ENTC_OK)
            is_right = is_right && campaign && campaign->id == ids[i];
        else if (statuses[i] == ENTC_E_NOT_FOUND)
            is_right = is_right && ids[i] > FIXTURE_CAMPAIGNS;
    }
    entc_entities_unref(entities, 6);
    if (status == ENTC_OK && is_right)
        atomic_fetch_add(&work->good, 1);
    else if (status == ENTC_E_UNAVAILABLE)
        atomic_fetch_add(&work->failed, 1);
    else
        atomic_fetch_add(&work->wrong, 1);
}

static void *read_on(void *context)
{
    struct work *work = context;
    uint64_t seed = (uint64_t)(uintptr_t)pthread_self();

    while (!atomic_load(&work->is_over))
        read_many(work, &seed);
    return NULL;
}

static void await_reads(struct work *work, unsigned more)
{
    const unsigned wanted = atomic_load(&work->good) + more;
    const int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);

    while (atomic_load(&work->good) < wanted) {
        if (fixture_now_us() > end)
            fail_msg("the readers do not go on");
        sched_yield();
    }
}

static void readers_on_connections_that_break_get_what_they_asked_for(void **state)
{
    struct fault *fault = *state;
    struct work work = {.fault = fault};

    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&work.threads[i], NULL, read_on, &work), 0);
    for (int64_t round = 0; round < 60; round++) {
        const enum test_proxy_side side = round % 2 ? PROXY_FROM_CLIENT : PROXY_FROM_SERVER;

        test_proxy_cut(fault->redis, side, round * 37 % 500, PROXY_RESET, 1);
        if (round % 3 == 0)
            test_proxy_cut(fault->postgres, side, round * 53 % 900, PROXY_CLOSE, 1);
        if (round % 4 == 0)
            fault_empty_cache(fault);
        await_reads(&work, 30);
    }
    atomic_store(&work.is_over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(work.threads[i], NULL);
    assert_int_equal(atomic_load(&work.wrong), 0);
    assert_int_equal(fixture_counters(fault->f).foreign, 0);
    test_proxy_heal(fault->redis);
    test_proxy_heal(fault->postgres);
    fault_recover_both(fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_UNIX(sixty_four_threads_on_a_cold_key_ask_the_database_twice_at_most),
        OVER_UNIX(so_they_do_when_the_database_is_slow),
        OVER_UNIX(readers_on_connections_that_break_get_what_they_asked_for),
        OVER_TCP(readers_on_connections_that_break_get_what_they_asked_for),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
