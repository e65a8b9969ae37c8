/* PostgreSQL stops, dies, is locked, full, or ends sessions, with readers at work: what is cached
 * is served, what is not fails in time with a word that allows to try again, and the next calls
 * succeed within two seconds. */
#include "fault.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define READERS 4
#define SESSIONS 16 /* that the server allows */

/* Readers of uncached rows on threads; they count, and check nothing with cmocka. */
struct load {
    struct fault *fault;
    pthread_t threads[READERS];
    atomic_bool is_over;
    atomic_uint good;
    atomic_uint failed; /* with a status that a fault may have */
    atomic_uint wrong;
};

static void read_once(struct load *load, unsigned *seed)
{
    entc_value id;
    entc_entity *entity = NULL;
    entc_status status = ENTC_OK;

    *seed = *seed * 1103515245u + 12345u;
    entc_value_int64(&id, (int64_t)(*seed >> 16) % FIXTURE_CAMPAIGNS + 1);
    status = entc_repository_get_by_id(load->fault->f->campaigns, &id, NULL, &entity, NULL);
    if (status == ENTC_OK && ((const Campaign *)entc_entity_record(entity))->id == id.as.int64)
        atomic_fetch_add(&load->good, 1);
    else if (status == ENTC_E_UNAVAILABLE || status == ENTC_E_BUSY || status == ENTC_E_TIMEOUT)
        atomic_fetch_add(&load->failed, 1);
    else
        atomic_fetch_add(&load->wrong, 1);
    entc_entity_unref(entity);
}

static void *read_on(void *context)
{
    struct load *load = context;
    unsigned seed = (unsigned)(uintptr_t)pthread_self();

    while (!atomic_load(&load->is_over))
        read_once(load, &seed);
    return NULL;
}

static void begin_load(struct load *load, struct fault *fault)
{
    *load = (struct load){.fault = fault};
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&load->threads[i], NULL, read_on, load), 0);
}

static void await_good(struct load *load, unsigned more, int64_t within_us)
{
    const unsigned wanted = atomic_load(&load->good) + more;
    const int64_t began = fixture_now_us();

    while (atomic_load(&load->good) < wanted) {
        if (fixture_now_us() - began > within_us)
            fail_msg("readers do not go on: %u good, %u failed", atomic_load(&load->good),
                     atomic_load(&load->failed));
        fixture_turn(load->fault->f, 5);
    }
}

static void end_load(struct load *load)
{
    atomic_store(&load->is_over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(load->threads[i], NULL);
    assert_int_equal(atomic_load(&load->wrong), 0);
}

static void without_cache(struct fault *fault)
{
    fault->f->options.redis_uri = "none";
    fault->f->options.timeout_us = 1000000;
    fault->f->options.connect_timeout_us = 500000;
    fault_remake(fault);
}

static void stopped_and_started(struct fault *fault, const char *mode)
{
    struct load load;

    without_cache(fault);
    begin_load(&load, fault);
    await_good(&load, 100, FIXTURE_PATIENCE_MS * INT64_C(1000));
    fixture_stop_postgres(fault->f, mode);
    assert_int_equal(fault_try_get(fault, 1), ENTC_E_UNAVAILABLE);
    fixture_start_postgres(fault->f);
    await_good(&load, 100, 2 * FAULT_RECOVERY_US);
    end_load(&load);
    assert_ok(fault->f, fault_try_get(fault, 1));
}

static void a_fast_restart_under_load_costs_only_the_calls_of_its_time(void **state)
{
    stopped_and_started(*state, "fast");
}

static void an_immediate_restart_under_load_costs_only_the_calls_of_its_time(void **state)
{
    stopped_and_started(*state, "immediate");
}

static void a_postmaster_killed_under_load_costs_only_the_calls_of_its_time(void **state)
{
    stopped_and_started(*state, "kill");
}

static void what_is_cached_is_served_while_postgres_is_down(void **state)
{
    struct fault *fault = *state;

    fault_warm(fault, FIXTURE_CAMPAIGNS);
    fixture_stop_postgres(fault->f, "immediate");
    for (int64_t i = 0; i < 100; i++)
        assert_ok(fault->f, fault_try_get(fault, i % FIXTURE_CAMPAIGNS + 1));
    fixture_start_postgres(fault->f);
    fault_empty_cache(fault);
    fault_recover_both(fault);
}

static void both_killed_fails_at_once_and_recovers_with_both(void **state)
{
    struct fault *fault = *state;
    int64_t began = 0;

    fault_warm(fault, FIXTURE_CAMPAIGNS);
    test_redis_kill(&fault->f->redis);
    fixture_stop_postgres(fault->f, "kill");
    began = fixture_now_us();
    for (int64_t i = 0; i < 20; i++)
        assert_int_equal(fault_try_get(fault, 1), ENTC_E_UNAVAILABLE);
    assert_true(fixture_now_us() - began < FAULT_SOON_US);
    fixture_start_postgres(fault->f);
    test_redis_restart(&fault->f->redis);
    fault_recover_both(fault);
}

/* ---- sessions ---- */

static void sessions_terminated_again_and_again_under_load_cost_no_answer(void **state)
{
    struct fault *fault = *state;
    struct load load;

    without_cache(fault);
    fault->f->options.timeout_us = 5000000;
    fault_remake(fault);
    begin_load(&load, fault);
    for (int i = 0; i < 30; i++) {
        await_good(&load, 50, FIXTURE_PATIENCE_MS * INT64_C(1000));
        fault_ask(fault, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                         " WHERE application_name = 'libentitycache'");
    }
    end_load(&load);
    /* Hit twice in a row is the only way to notice. */
    assert_true(atomic_load(&load.failed) <= 30);
    assert_ok(fault->f, fault_try_get(fault, 1));
}

static void an_idle_session_that_was_terminated_is_replaced_unnoticed(void **state)
{
    struct fault *fault = *state;

    without_cache(fault);
    for (int i = 0; i < 20; i++) {
        assert_ok(fault->f, fault_try_get(fault, 1));
        fault_ask(fault, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                         " WHERE application_name = 'libentitycache'");
    }
    assert_ok(fault->f, fault_try_get(fault, 1));
    assert_int_equal(fixture_counters(fault->f).errors, 0);
}

static void a_session_terminated_behind_a_lock_is_asked_again(void **state)
{
    struct fault *fault = *state;
    void *lock = NULL;
    entc_op *op = NULL;
    entc_value id = fixture_id(3);
    entc_entity *entity = NULL;

    without_cache(fault);
    fault->f->options.timeout_us = 20000000;
    fault_remake(fault);
    lock = fixture_lock(fault->f, "campaigns");
    assert_ok(fault->f, entc_repository_get_by_id_async(fault->f->campaigns, &id, NULL, &op,
                                                        &fault->f->error));
    fixture_await_locked(fault->f, 1);
    fault_ask(fault, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                     " WHERE wait_event_type = 'Lock'");
    fixture_unlock(lock);
    assert_ok(fault->f, entc_op_wait(op, -1));
    assert_ok(fault->f, entc_op_take_entity(op, &entity));
    fixture_assert_campaign(entity, 3);
    entc_entity_unref(entity);
    entc_op_unref(op);
}

static void a_server_out_of_connections_is_busy_and_recovers(void **state)
{
    struct fault *fault = *state;
    PGconn *hogs[SESSIONS + 1];
    size_t count = 0;

    fault_warm(fault, 4);
    fault_remake(fault);
    do
        hogs[count] = PQconnectdb(fault->f->postgres.conninfo);
    while (PQstatus(hogs[count]) == CONNECTION_OK && ++count <= SESSIONS);
    assert_true(count <= SESSIONS);
    /* What the cache has is served; what it has not is busy, which may be tried again. */
    assert_ok(fault->f, fault_try_get(fault, 1));
    for (int i = 0; i < 20; i++) {
        assert_int_equal(fault_try_get(fault, 8), ENTC_E_BUSY);
        assert_string_equal(entc_error_sqlstate(fault->f->error), "53300");
        assert_int_equal(entc_error_is_retryable(fault->f->error), 1);
    }
    for (size_t i = 0; i <= count; i++)
        PQfinish(hogs[i]);
    fault_recover_both(fault);
}

/* ---- locks ---- */

static bool nobody_waits(void *context)
{
    struct fault *fault = context;

    return fault_ask(fault,
                     "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 0;
}

static void a_locked_table_times_reads_out_and_leaves_nothing_running(void **state)
{
    struct fault *fault = *state;
    void *lock = fixture_lock(fault->f, "campaigns");
    entc_call call = ENTC_CALL_INIT;
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;

    call.timeout_us = 100000;
    for (int i = 0; i < 10; i++) {
        const int64_t began = fixture_now_us();

        assert_status(
            fault->f,
            entc_repository_get_by_id(fault->f->campaigns, &id, &call, &entity, &fault->f->error),
            ENTC_E_TIMEOUT);
        assert_true(fixture_now_us() - began >= 100000);
        assert_true(fixture_now_us() - began < FAULT_SOON_US);
    }
    /* Cancelled there, not merely forgotten here. */
    fixture_drive_until(fault->f, nobody_waits, fault);
    fixture_unlock(lock);
    fault_recover_both(fault);
}

static void a_locked_row_stops_nobody_who_reads(void **state)
{
    struct fault *fault = *state;
    PGconn *writer = PQconnectdb(fault->f->postgres.conninfo);
    PGresult *result = PQexec(writer, "BEGIN; UPDATE campaigns SET title = 'new' WHERE id = 1");

    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    fault_read_soon(fault, FIXTURE_CAMPAIGNS);
    PQfinish(writer);
    fault_recover(fault);
}

static int start(void **state)
{
    static const char *const settings[] = {"max_connections=16", "superuser_reserved_connections=0",
                                           "autovacuum=off", "max_wal_senders=0", NULL};

    return fixture_start_own_with(state, settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_UNIX(a_fast_restart_under_load_costs_only_the_calls_of_its_time),
        OVER_UNIX(an_immediate_restart_under_load_costs_only_the_calls_of_its_time),
        OVER_UNIX(a_postmaster_killed_under_load_costs_only_the_calls_of_its_time),
        OVER_UNIX(what_is_cached_is_served_while_postgres_is_down),
        OVER_UNIX(both_killed_fails_at_once_and_recovers_with_both),
        OVER_UNIX(sessions_terminated_again_and_again_under_load_cost_no_answer),
        OVER_UNIX(an_idle_session_that_was_terminated_is_replaced_unnoticed),
        OVER_UNIX(a_session_terminated_behind_a_lock_is_asked_again),
        OVER_UNIX(a_server_out_of_connections_is_busy_and_recovers),
        OVER_UNIX(a_locked_table_times_reads_out_and_leaves_nothing_running),
        OVER_TCP(a_locked_table_times_reads_out_and_leaves_nothing_running),
        OVER_UNIX(a_locked_row_stops_nobody_who_reads),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
