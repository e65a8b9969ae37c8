/* PostgreSQL is absent, dies, hangs or restarts: what the cache knows is served, the rest fails at
 * once with a clear error, nothing waits beyond its deadline, and all is well when it is back. */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What takes no time takes less, even on a slow machine; the deadline is 20 s. */
#define SOON_US INT64_C(5000000)

static void remake_engine(struct fixture *f)
{
    fixture_free_engine(f);
    fixture_make_engine(f);
}

static void get(struct fixture *f, int64_t id)
{
    entc_entity *entity = fixture_get(f, f->campaigns, id);

    fixture_assert_campaign(entity, id);
    entc_entity_unref(entity);
}

/* It fails, soon, and says why. */
static void get_in_vain(struct fixture *f, int64_t id)
{
    entc_value value = fixture_id(id);
    entc_entity *entity = NULL;
    int64_t began = fixture_now_us();

    assert_status(f, entc_repository_get_by_id(f->campaigns, &value, NULL, &entity, &f->error),
                  ENTC_E_UNAVAILABLE);
    assert_true(fixture_now_us() - began < SOON_US);
    assert_null(entity);
    assert_string_equal(entc_error_domain(f->error), "postgres");
    fixture_assert_says(entc_error_message(f->error), "Campaign");
    assert_int_equal(entc_error_is_retryable(f->error), 1);
    assert_int_equal(entc_error_is_timeout(f->error), 0);
}

static void await_postgres(struct fixture *f, int64_t id)
{
    int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);
    entc_value value = fixture_id(id);
    entc_entity *entity = NULL;

    while (entc_repository_get_by_id(f->campaigns, &value, NULL, &entity, NULL) ==
           ENTC_E_UNAVAILABLE) {
        if (fixture_now_us() > end)
            fail_msg("PostgreSQL is not used again");
        fixture_turn(f, 5);
    }
    fixture_assert_campaign(entity, id);
    entc_entity_unref(entity);
}

static void hits_are_served_and_misses_fail_at_once(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {1, 5, 2, 999};
    static const entc_status wanted[] = {ENTC_OK, ENTC_E_UNAVAILABLE, ENTC_OK, ENTC_E_NOT_FOUND};
    const entc_page_args first = ENTC_FIRST(2);
    entc_value id = fixture_id(1);
    entc_entity *entities[4];
    entc_status statuses[4];
    entc_page *page = NULL;

    fixture_warm(f, f->campaigns, 1, 3);
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-999 null PX 60000"));
    fixture_stop_postgres(f, "immediate");
    get(f, 1);
    get_in_vain(f, 4);
    get_in_vain(f, 4);
    assert_ok(f, entc_repository_get_many_int64(f->campaigns, ids, 4, NULL, entities, statuses,
                                                &f->error));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(statuses[i], wanted[i]);
        assert_true((entities[i] != NULL) == (wanted[i] == ENTC_OK));
    }
    entc_entities_unref(entities, 4);
    assert_status(f, entc_repository_list(f->campaigns, &first, NULL, &page, &f->error),
                  ENTC_E_UNAVAILABLE);
    assert_null(page);
    assert_status(
        f, entc_relation_get_many(f->has_events, &id, 1, &first, NULL, &page, NULL, &f->error),
        ENTC_E_UNAVAILABLE);
    assert_null(page);
    assert_int_equal(fixture_counters(f).hits, 3);
    assert_int_equal(fixture_counters(f).errors, 3);
    fixture_start_postgres(f);
    await_postgres(f, 4);
}

static void postgres_absent_from_the_start_is_met_by_the_first_miss(void **state)
{
    struct fixture *f = *state;

    fixture_stop_postgres(f, "fast");
    remake_engine(f);
    freeReplyObject(
        test_redis_command(&f->redis, "SET Campaign-1 %s", "{\"id\":1,\"title\":\"Campaign 1\"}"));
    get(f, 1);
    get_in_vain(f, 2);
    fixture_start_postgres(f);
    await_postgres(f, 2);
    /* The failed reads gave their leases back, so this one could fill. */
    fixture_await_fills(f, 1);
    fixture_assert_value(f, "Campaign-2", "{\"id\":2,\"title\":\"Campaign 2\"}");
}

static void a_restart_of_postgres_between_calls_is_not_noticed(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);
    entc_page *page = NULL;

    get(f, 1);
    fixture_start_postgres(f);
    get(f, 2);
    fixture_start_postgres(f);
    assert_ok(f, entc_repository_list(f->campaigns, &first, NULL, &page, &f->error));
    assert_int_equal(entc_page_count(page), 2);
    entc_page_unref(page);
    assert_int_equal(fixture_counters(f).errors, 0);
}

static void postgres_killed_while_it_is_asked_fails_its_readers_at_once(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    entc_value id = fixture_id(1);
    const entc_page_args first = ENTC_FIRST(2);
    entc_op *ops[2] = {NULL, NULL};
    int64_t began = 0;

    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, &ops[0], &f->error));
    assert_ok(f, entc_repository_list_async(f->campaigns, &first, NULL, &ops[1], &f->error));
    fixture_await_locked(f, 2);
    fixture_stop_postgres(f, "kill");
    began = fixture_now_us();
    for (size_t i = 0; i < 2; i++) {
        assert_ok(f, entc_op_wait(ops[i], -1));
        assert_int_equal(entc_op_status(ops[i]), ENTC_E_UNAVAILABLE);
        assert_string_not_equal(entc_error_message(entc_op_error(ops[i])), "");
        entc_op_unref(ops[i]);
    }
    assert_true(fixture_now_us() - began < SOON_US);
    fixture_unlock(lock);
    fixture_start_postgres(f);
    await_postgres(f, 1);
}

static void a_backend_that_is_terminated_is_asked_again(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    entc_value id = fixture_id(1);
    entc_op *op = NULL;
    entc_entity *entity = NULL;

    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, &op, &f->error));
    fixture_await_locked(f, 1);
    assert_int_equal(test_postgres_integer(&f->postgres,
                                           "SELECT count(pg_terminate_backend(pid, 10000)) FROM"
                                           " pg_stat_activity WHERE wait_event_type = 'Lock'"),
                     1);
    fixture_await_locked(f, 1);
    fixture_unlock(lock);
    assert_ok(f, entc_op_wait(op, -1));
    assert_ok(f, entc_op_take_entity(op, &entity));
    fixture_assert_campaign(entity, 1);
    entc_entity_unref(entity);
    entc_op_unref(op);
    assert_int_equal(fixture_counters(f).errors, 0);
}

static void both_down_fails_at_once_and_heals_when_one_is_back(void **state)
{
    struct fixture *f = *state;

    fixture_warm(f, f->campaigns, 1, 1);
    fixture_stop_postgres(f, "immediate");
    test_redis_kill(&f->redis);
    get_in_vain(f, 1);
    get_in_vain(f, 1);
    assert_true(fixture_counters(f).redis_failures >= 2);
    fixture_start_postgres(f);
    await_postgres(f, 1);
    test_redis_restart(&f->redis);
    get(f, 1);
}

/* A socket that takes connections and never answers. */
static void a_postgres_that_hangs_is_given_up_at_the_deadline(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char conninfo[200];
    entc_call call = ENTC_CALL_INIT;
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    entc_status status = ENTC_OK;
    int64_t began = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/.s.PGSQL.5432", f->redis.directory);
    unlink(address.sun_path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 100) != 0)
        fail_msg("%s: %s", address.sun_path, strerror(errno));
    snprintf(conninfo, sizeof(conninfo), "host=%s port=5432 user=postgres dbname=x",
             f->redis.directory);
    f->options.postgres = conninfo;
    f->options.connect_timeout_us = 300000;
    remake_engine(f);
    call.timeout_us = 100000;
    began = fixture_now_us();
    assert_status(f, entc_repository_get_by_id(f->campaigns, &id, &call, &entity, &f->error),
                  ENTC_E_TIMEOUT);
    assert_true(fixture_now_us() - began < SOON_US);
    /* With more time than it takes to connect, the story is another. */
    call.timeout_us = 15000000;
    began = fixture_now_us();
    status = entc_repository_get_by_id(f->campaigns, &id, &call, &entity, &f->error);
    assert_int_equal(status, ENTC_E_UNAVAILABLE);
    assert_true(fixture_now_us() - began < SOON_US);
    fixture_free_engine(f);
    close(fd);
    unlink(address.sun_path);
}

static void closing_while_postgres_hangs_does_not_wait_for_it(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    entc_value id = fixture_id(1);
    entc_op *op = NULL;
    int64_t began = 0;

    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, &op, &f->error));
    fixture_await_locked(f, 1);
    began = fixture_now_us();
    assert_ok(f, entc_engine_close(f->engine, 50000));
    assert_true(fixture_now_us() - began < SOON_US);
    assert_int_equal(entc_op_status(op), ENTC_E_CLOSED);
    entc_op_unref(op);
    fixture_unlock(lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(hits_are_served_and_misses_fail_at_once),
        IN_BOTH_DRIVES(postgres_absent_from_the_start_is_met_by_the_first_miss),
        IN_BOTH_DRIVES(a_restart_of_postgres_between_calls_is_not_noticed),
        IN_BOTH_DRIVES(postgres_killed_while_it_is_asked_fails_its_readers_at_once),
        IN_BOTH_DRIVES(a_backend_that_is_terminated_is_asked_again),
        IN_BOTH_DRIVES(both_down_fails_at_once_and_heals_when_one_is_back),
        IN_BOTH_DRIVES(a_postgres_that_hangs_is_given_up_at_the_deadline),
        IN_BOTH_DRIVES(closing_while_postgres_hangs_does_not_wait_for_it),
    };

    return cmocka_run_group_tests(tests, fixture_start_own, fixture_stop);
}
