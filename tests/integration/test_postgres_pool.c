/* Proves on a real PostgreSQL how connections are made, shared, cancelled, lost and given back. */
#include "postgres_rig.h"
#include "test.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const entc_field fields[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY),
                                    RIG_FIELD("title", ENTC_TEXT, 0)};
static const entc_value one = {.type = ENTC_INT64, .as = {.int64 = 1}};

#define OURS "application_name = 'libentitycache' AND datname = current_database()"

static struct test_postgres server;
static PGconn *watcher; /* sessions of the test's own: inside a transaction */
static PGconn *locker;  /* pg_stat_activity would stand still */

static int start(void **state)
{
    (void)state;
    test_postgres_shared(&server);
    test_postgres_sql(&server, "CREATE TABLE things (id int8 PRIMARY KEY, title text NOT NULL);"
                               "INSERT INTO things VALUES (1, 'one'), (2, 'two'), (3, 'three');"
                               "CREATE VIEW slow AS SELECT t.id, t.title FROM things t,"
                               " LATERAL (SELECT pg_sleep(60) WHERE t.id > 0) s");
    watcher = PQconnectdb(server.conninfo);
    locker = PQconnectdb(server.conninfo);
    assert_int_equal(PQstatus(watcher), CONNECTION_OK);
    assert_int_equal(PQstatus(locker), CONNECTION_OK);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    PQfinish(watcher);
    PQfinish(locker);
    test_postgres_drop(&server);
    return 0;
}

static int64_t look(const char *sql)
{
    PGresult *result = PQexec(watcher, sql);
    int64_t number = 0;

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        test_fail("%s", PQerrorMessage(watcher));
    number = PQntuples(result) ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return number;
}

static void tell(const char *sql)
{
    PGresult *result = PQexec(locker, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        test_fail("%s", PQerrorMessage(locker));
    PQclear(result);
}

static int64_t backends(void)
{
    return look("SELECT count(*) FROM pg_stat_activity WHERE " OURS);
}

static int64_t locked(void)
{
    return look("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND " OURS);
}

static bool is_somebody_waiting(void *context)
{
    (void)context;
    return locked() > 0;
}

static bool are_two_waiting(void *context)
{
    (void)context;
    return locked() == 2;
}

static bool is_somebody_sleeping(void *context)
{
    (void)context;
    return look("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND " OURS);
}

static bool is_nobody_there(void *context)
{
    (void)context;
    return backends() == 0;
}

static bool is_one_there(void *context)
{
    (void)context;
    return backends() == 1;
}

/* Without driving any engine: the question to the server is pause enough. */
static void wait_until_nobody_is_there(void)
{
    const int64_t end_us = clock_now_us() + INT64_C(20000000);

    while (!is_nobody_there(NULL))
        if (clock_now_us() > end_us)
            test_fail("a session of an earlier test lives on");
}

/* One rig with the models of both tables. */
struct scene {
    struct postgres_rig rig;
    struct schema_model *things;
    struct schema_model *slow;
};

static void open_scene(struct scene *scene, uint32_t connections)
{
    postgres_rig_open(&scene->rig, server.conninfo, connections);
    scene->things = postgres_rig_model(NULL, "things", fields, 2);
    scene->slow = postgres_rig_model(NULL, "slow", fields, 2);
}

static void close_scene(struct scene *scene)
{
    postgres_rig_model_free(scene->things);
    postgres_rig_model_free(scene->slow);
    postgres_rig_close(&scene->rig);
    wait_until_nobody_is_there();
}

static void prepare(struct ask *ask, struct scene *scene, const struct schema_model *model)
{
    ask_init(ask, &scene->rig, DB_BY_IDS, model);
    ask_ids(ask, &one, 1);
}

static void must_answer(struct scene *scene)
{
    struct ask ask;

    prepare(&ask, scene, scene->things);
    if (ask_run(&ask) != ENTC_OK)
        test_fail("%s", ask.message);
    assert_int_equal(ask.entity_count, 1);
    ask_fini(&ask);
}

/* ---- the queue ---- */

static int finished[8];
static int finished_count;

static void note(struct ask *ask)
{
    finished[finished_count++] = *(const int *)ask->user;
}

static void one_connection_answers_in_the_order_asked(void **state)
{
    int numbers[6] = {0, 1, 2, 3, 4, 5};
    struct ask asks[6];
    struct scene scene;

    (void)state;
    open_scene(&scene, 1);
    finished_count = 0;
    for (int i = 0; i < 6; i++) {
        prepare(&asks[i], &scene, scene.things);
        asks[i].on_done = note;
        asks[i].user = &numbers[i];
    }
    ask_submit_all(asks, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(ask_wait(&asks[i]), ENTC_OK);
        ask_fini(&asks[i]);
    }
    for (int i = 0; i < 6; i++)
        assert_int_equal(finished[i], i);
    assert_int_equal(backends(), 1);
    close_scene(&scene);
}

static void a_pool_of_two_serves_six_queries_with_two_connections(void **state)
{
    struct ask asks[6];
    struct scene scene;

    (void)state;
    open_scene(&scene, 2);
    tell("BEGIN");
    tell("LOCK TABLE things");
    for (int i = 0; i < 6; i++)
        prepare(&asks[i], &scene, scene.things);
    ask_submit_all(asks, 6);
    postgres_rig_until(&scene.rig, are_two_waiting, NULL);
    assert_int_equal(backends(), 2);
    tell("COMMIT");
    for (int i = 0; i < 6; i++) {
        assert_int_equal(ask_wait(&asks[i]), ENTC_OK);
        assert_int_equal(asks[i].entity_count, 1);
        assert_int_equal(asks[i].query.statements, 1);
        ask_fini(&asks[i]);
    }
    assert_int_equal(backends(), 2);
    close_scene(&scene);
}

static struct ask next;

static void ask_another(struct ask *ask)
{
    struct db_port *port = ask->rig->port;

    assert_int_equal(port->ops->submit(port, &next.query, NULL), ENTC_OK);
}

static void done_may_ask_again(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, 1);
    prepare(&ask, &scene, scene.things);
    prepare(&next, &scene, scene.things);
    ask.on_done = ask_another;
    assert_int_equal(ask_run(&ask), ENTC_OK);
    assert_int_equal(ask_wait(&next), ENTC_OK);
    ask_fini(&ask);
    ask_fini(&next);
    close_scene(&scene);
}

/* ---- detach ---- */

static void what_runs_is_cancelled_on_the_server_when_it_is_detached(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, 1);
    tell("BEGIN");
    tell("LOCK TABLE things");
    prepare(&ask, &scene, scene.things);
    ask_submit(&ask);
    postgres_rig_until(&scene.rig, is_somebody_waiting, NULL);
    ask_detach(&ask);
    postgres_rig_until(&scene.rig, is_nobody_there, NULL);
    tell("COMMIT");
    assert_int_equal(ask.done_calls, 0);
    must_answer(&scene);
    assert_int_equal(ask.done_calls, 0);
    ask_fini(&ask);
    close_scene(&scene);
}

static void the_place_in_the_pool_is_free_again_after_the_cancel(void **state)
{
    struct scene scene;
    struct ask asks[2];

    (void)state;
    open_scene(&scene, 1);
    prepare(&asks[0], &scene, scene.slow);
    prepare(&asks[1], &scene, scene.things);
    ask_submit_all(asks, 2);
    postgres_rig_until(&scene.rig, is_somebody_sleeping, NULL);
    ask_detach(&asks[0]);
    assert_int_equal(ask_wait(&asks[1]), ENTC_OK);
    assert_int_equal(asks[0].done_calls, 0);
    postgres_rig_until(&scene.rig, is_one_there, NULL);
    ask_fini(&asks[0]);
    ask_fini(&asks[1]);
    close_scene(&scene);
}

static void what_waits_is_never_sent_when_it_is_detached(void **state)
{
    struct schema_model *never = postgres_rig_model(NULL, "never_asked", fields, 2);
    struct scene scene;
    struct ask asks[3];

    (void)state;
    open_scene(&scene, 1);
    prepare(&asks[0], &scene, scene.things);
    prepare(&asks[1], &scene, never);
    prepare(&asks[2], &scene, scene.things);
    ask_submit_all(asks, 3);
    ask_detach(&asks[1]);
    assert_int_equal(ask_wait(&asks[2]), ENTC_OK);
    assert_int_equal(asks[1].done_calls, 0);
    assert_int_equal(asks[1].query.statements, 0);
    assert_int_equal(test_postgres_statements(&server, "never_asked"), 0);
    for (int i = 0; i < 3; i++)
        ask_fini(&asks[i]);
    postgres_rig_model_free(never);
    close_scene(&scene);
}

static void detach_myself(struct ask *ask)
{
    ask->rig->port->ops->detach(ask->rig->port, &ask->query);
}

static void an_answer_stops_where_it_is_detached_and_the_connection_lives_on(void **state)
{
    const entc_value ids[] = {
        one, {.type = ENTC_INT64, .as = {.int64 = 2}}, {.type = ENTC_INT64, .as = {.int64 = 3}}};
    struct scene scene;
    struct ask ask;
    int64_t backend = 0;

    (void)state;
    open_scene(&scene, 1);
    must_answer(&scene);
    backend = look("SELECT pid FROM pg_stat_activity WHERE " OURS);
    prepare(&ask, &scene, scene.things);
    ask_ids(&ask, ids, 3);
    ask.on_entity = detach_myself;
    ask_submit(&ask);
    while (ask.entity_count == 0)
        postgres_rig_turn(&scene.rig, 5);
    must_answer(&scene);
    assert_int_equal(ask.entity_count, 1);
    assert_int_equal(ask.done_calls, 0);
    assert_int_equal(look("SELECT pid FROM pg_stat_activity WHERE " OURS), backend);
    ask_fini(&ask);
    close_scene(&scene);
}

static void detach_next(struct ask *ask)
{
    ask->rig->port->ops->detach(ask->rig->port, &next.query);
}

static void done_may_detach_another(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, 2);
    prepare(&next, &scene, scene.slow);
    ask_submit(&next);
    postgres_rig_until(&scene.rig, is_somebody_sleeping, NULL);
    prepare(&ask, &scene, scene.things);
    ask.on_done = detach_next;
    assert_int_equal(ask_run(&ask), ENTC_OK);
    postgres_rig_until(&scene.rig, is_one_there, NULL);
    assert_int_equal(next.done_calls, 0);
    ask_fini(&ask);
    ask_fini(&next);
    close_scene(&scene);
}

static void detach_before_a_connection_is_made_leaves_nothing_behind(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, 1);
    prepare(&ask, &scene, scene.things);
    ask_submit(&ask);
    ask_detach(&ask);
    must_answer(&scene);
    assert_int_equal(ask.done_calls, 0);
    ask_fini(&ask);
    close_scene(&scene);
}

static void close_ends_what_was_just_detached(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, 2);
    prepare(&ask, &scene, scene.slow);
    ask_submit(&ask);
    postgres_rig_until(&scene.rig, is_somebody_sleeping, NULL);
    ask_detach(&ask);
    ask_fini(&ask);
    close_scene(&scene);
}

static void close_gives_up_a_connection_that_is_being_made(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, 2);
    prepare(&ask, &scene, scene.things);
    ask_submit(&ask);
    ask_detach(&ask);
    ask_fini(&ask);
    close_scene(&scene);
}

/* ---- loss ---- */

static void an_idle_connection_that_was_ended_is_replaced_unnoticed(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene, 2);
    for (int i = 0; i < 4; i++) {
        must_answer(&scene);
        look("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE " OURS);
        /* The engine sees the end by itself, or is busy elsewhere until the next query. */
        if (i % 2)
            postgres_rig_until(&scene.rig, is_nobody_there, NULL);
        wait_until_nobody_is_there();
    }
    must_answer(&scene);
    close_scene(&scene);
}

static void a_connection_that_ends_under_a_query_is_told_as_lost(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, 2);
    must_answer(&scene);
    prepare(&ask, &scene, scene.slow);
    ask_submit(&ask);
    postgres_rig_until(&scene.rig, is_somebody_sleeping, NULL);
    look("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE " OURS);
    assert_int_equal(ask_wait(&ask), ENTC_E_UNAVAILABLE);
    assert_true(ask.query.is_lost);
    assert_string_equal(ask.sqlstate, "57P01");
    assert_int_equal(ask.query.statements, 1);
    assert_int_equal(scene.rig.lines[ENTC_LOG_WARNING], 1);
    ask_fini(&ask);
    must_answer(&scene);
    close_scene(&scene);
}

static void what_an_administrator_cancels_is_a_timeout_and_costs_no_connection(void **state)
{
    struct scene scene;
    struct ask ask;
    int64_t backend = 0;

    (void)state;
    open_scene(&scene, 1);
    prepare(&ask, &scene, scene.slow);
    ask_submit(&ask);
    postgres_rig_until(&scene.rig, is_somebody_sleeping, NULL);
    backend = look("SELECT pid FROM pg_stat_activity WHERE " OURS);
    look("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE " OURS);
    assert_int_equal(ask_wait(&ask), ENTC_E_TIMEOUT);
    assert_false(ask.query.is_lost);
    ask_fini(&ask);
    must_answer(&scene);
    assert_int_equal(look("SELECT pid FROM pg_stat_activity WHERE " OURS), backend);
    close_scene(&scene);
}

/* ---- fork ---- */

static void a_forked_child_frees_its_copy_and_the_parents_sessions_live_on(void **state)
{
    struct scene scene;
    struct ask ask;
    char sql[200];
    int status = 0;
    pid_t child = 0;
    int64_t pids = 0;

    (void)state;
    open_scene(&scene, 2);
    must_answer(&scene);
    prepare(&ask, &scene, scene.slow);
    ask_submit(&ask);
    postgres_rig_until(&scene.rig, is_somebody_sleeping, NULL);
    must_answer(&scene);
    snprintf(sql, sizeof(sql), "SELECT sum(pid) FROM pg_stat_activity WHERE %s", OURS);
    pids = look(sql);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        postgres_rig_abandon(&scene.rig);
        _exit(test_allocator_live(&scene.rig.memory) != 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    must_answer(&scene);
    assert_true(is_somebody_sleeping(NULL));
    assert_int_equal(look(sql), pids);
    assert_int_equal(backends(), 2);
    ask_detach(&ask);
    ask_fini(&ask);
    close_scene(&scene);
}

/* ---- memory ---- */

static entc_status run_with(struct test_allocator *memory, const struct schema_model *model)
{
    struct postgres_rig rig;
    struct ask ask;
    entc_status status = ENTC_OK;

    postgres_rig_open(&rig, server.conninfo, 1);
    ask_init(&ask, &rig, DB_BY_IDS, model);
    ask_ids(&ask, &one, 1);
    test_allocator_fail_at(&rig.memory, memory->fail_at, false);
    status = ask_run(&ask);
    memory->calls = test_allocator_calls(&rig.memory);
    test_allocator_fail_at(&rig.memory, 0, false);
    ask_fini(&ask);
    /* The port works on. */
    ask_init(&ask, &rig, DB_BY_IDS, model);
    ask_ids(&ask, &one, 1);
    while (status && ask_run(&ask) == ENTC_E_NO_MEMORY) { /* until the pause is over */
        ask_fini(&ask);
        ask_init(&ask, &rig, DB_BY_IDS, model);
        ask_ids(&ask, &one, 1);
        postgres_rig_turn(&rig, 5);
    }
    assert_int_equal(ask.status, ENTC_OK);
    ask_fini(&ask);
    postgres_rig_close(&rig);
    return status;
}

static void memory_that_is_out_fails_one_query_and_nothing_else(void **state)
{
    struct schema_model *model = postgres_rig_model(NULL, "things", fields, 2);
    struct test_allocator memory = {.fail_at = 0};

    (void)state;
    do {
        memory.fail_at++;
        if (run_with(&memory, model) == ENTC_OK)
            assert_true(memory.calls < memory.fail_at);
    } while (memory.calls >= memory.fail_at);
    postgres_rig_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection_answers_in_the_order_asked),
        cmocka_unit_test(a_pool_of_two_serves_six_queries_with_two_connections),
        cmocka_unit_test(done_may_ask_again),
        cmocka_unit_test(what_runs_is_cancelled_on_the_server_when_it_is_detached),
        cmocka_unit_test(the_place_in_the_pool_is_free_again_after_the_cancel),
        cmocka_unit_test(what_waits_is_never_sent_when_it_is_detached),
        cmocka_unit_test(an_answer_stops_where_it_is_detached_and_the_connection_lives_on),
        cmocka_unit_test(done_may_detach_another),
        cmocka_unit_test(detach_before_a_connection_is_made_leaves_nothing_behind),
        cmocka_unit_test(close_ends_what_was_just_detached),
        cmocka_unit_test(close_gives_up_a_connection_that_is_being_made),
        cmocka_unit_test(an_idle_connection_that_was_ended_is_replaced_unnoticed),
        cmocka_unit_test(a_connection_that_ends_under_a_query_is_told_as_lost),
        cmocka_unit_test(what_an_administrator_cancels_is_a_timeout_and_costs_no_connection),
        cmocka_unit_test(a_forked_child_frees_its_copy_and_the_parents_sessions_live_on),
        cmocka_unit_test(memory_that_is_out_fails_one_query_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
