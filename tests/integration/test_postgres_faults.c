/* Proves with servers that stop, refuse, are silent or freeze that no query hangs, that failures
 * say why, and that all is well again when the server is. */
#include "postgres_rig.h"
#include "test.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const entc_field fields[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY),
                                    RIG_FIELD("title", ENTC_TEXT, 0)};
static const entc_value one = {.type = ENTC_INT64, .as = {.int64 = 1}};

static struct test_postgres server; /* of our own: on a socket and on 127.0.0.1 */
static int tcp_port;

/* A port of 127.0.0.1 that nothing listens on; or, when `listener` is given, that accepts
 * connections and never says a word. */
static int free_port(int *listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    if (listener) {
        assert_int_equal(listen(fd, 8), 0);
        *listener = fd;
    } else {
        close(fd);
    }
    return ntohs(address.sin_port);
}

static void name_server(void)
{
    snprintf(server.conninfo, sizeof(server.conninfo),
             "host=%s port=%d user=postgres dbname=postgres", server.directory, tcp_port);
}

static void restart_server(void)
{
    test_postgres_restart(&server);
    name_server();
}

/* PostgreSQL would remove what a killed server left, but where no init collects orphans it takes
 * the zombie for alive; servers.sh helps, but does not know our port. */
static void revive_server(void)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/.s.PGSQL.%d.lock", server.directory, tcp_port);
    unlink(path);
    restart_server();
}

static int start(void **state)
{
    char port[32];
    const char *settings[] = {"listen_addresses=127.0.0.1", port, NULL};

    (void)state;
    tcp_port = free_port(NULL);
    snprintf(port, sizeof(port), "port=%d", tcp_port);
    test_postgres_start(&server, settings);
    name_server();
    test_postgres_sql(&server, "CREATE TABLE things (id int8 PRIMARY KEY, title text NOT NULL);"
                               "INSERT INTO things SELECT i, repeat('x', 100) FROM"
                               " generate_series(1, 20000) i;"
                               "CREATE VIEW slow AS SELECT t.id, t.title FROM things t,"
                               " LATERAL (SELECT pg_sleep(60) WHERE t.id > 0) s;"
                               "CREATE ROLE web LOGIN CONNECTION LIMIT 1;"
                               "GRANT SELECT ON things, slow TO web");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_postgres_drop(&server);
    return 0;
}

struct scene {
    struct postgres_rig rig;
    struct schema_model *things;
    struct schema_model *slow;
};

static void open_scene(struct scene *scene, const char *conninfo, uint32_t connections,
                       int64_t connect_timeout_us)
{
    postgres_rig_open_with(&scene->rig, conninfo, connections, connect_timeout_us);
    scene->things = postgres_rig_model(NULL, "things", fields, 2);
    scene->slow = postgres_rig_model(NULL, "slow", fields, 2);
}

static void close_scene(struct scene *scene)
{
    postgres_rig_model_free(scene->things);
    postgres_rig_model_free(scene->slow);
    postgres_rig_close(&scene->rig);
}

static void prepare(struct ask *ask, struct scene *scene, const struct schema_model *model)
{
    ask_init(ask, &scene->rig, DB_BY_IDS, model);
    ask_ids(ask, &one, 1);
}

static entc_status try_once(struct scene *scene, struct ask *ask)
{
    entc_status status = ENTC_OK;

    prepare(ask, scene, scene->things);
    status = ask_run(ask);
    assert_int_equal(ask->entity_count, status == ENTC_OK);
    ask_fini(ask);
    return status;
}

static void must_answer(struct scene *scene)
{
    struct ask ask;

    if (try_once(scene, &ask) != ENTC_OK)
        test_fail("%s", ask.message);
}

static void must_fail(struct scene *scene, entc_status status, const char *message)
{
    struct ask ask;

    assert_int_equal(try_once(scene, &ask), status);
    if (!strstr(ask.message, message))
        test_fail("%s", ask.message);
}

/* While it is down: queries fail, and sooner or later at once; never with another status. */
static void must_be_refused_at_once(struct scene *scene)
{
    struct ask ask = {.is_refused = false};

    for (int tries = 0; !ask.is_refused; tries++) {
        if (tries == 1000)
            test_fail("it is never refused at once");
        assert_int_equal(try_once(scene, &ask), ENTC_E_UNAVAILABLE);
        assert_string_not_equal(ask.message, "");
    }
}

/* After it came back: refusals end within the longest pause. */
static void must_recover(struct scene *scene)
{
    const int64_t end_us = clock_now_us() + INT64_C(20000000);
    struct ask ask;

    while (try_once(scene, &ask) != ENTC_OK) {
        assert_int_equal(ask.submitted ? ask.submitted : ask.status, ENTC_E_UNAVAILABLE);
        if (clock_now_us() > end_us)
            test_fail("%s", ask.message);
        postgres_rig_turn(&scene->rig, 5);
    }
}

/* The session of the test before may not have ended yet, and the role may have only one. */
static void must_get_in(struct scene *scene)
{
    const int64_t end_us = clock_now_us() + INT64_C(20000000);
    struct ask ask;

    while (try_once(scene, &ask) != ENTC_OK) {
        assert_string_equal(ask.sqlstate, "53300");
        if (clock_now_us() > end_us)
            test_fail("%s", ask.message);
        postgres_rig_turn(&scene->rig, 5);
    }
}

static bool is_warned(void *context)
{
    const struct scene *scene = context;

    return scene->rig.lines[ENTC_LOG_WARNING] > 0;
}

static bool is_asleep(void *context)
{
    (void)context;
    return test_postgres_integer(&server,
                                 "SELECT count(*) FROM pg_stat_activity WHERE wait_event"
                                 " = 'PgSleep' AND application_name = 'libentitycache'") > 0;
}

static void start_slow(struct scene *scene, struct ask *ask)
{
    prepare(ask, scene, scene->slow);
    ask_submit(ask);
    postgres_rig_until(&scene->rig, is_asleep, NULL);
}

/* ---- restarts ---- */

static void a_restart_between_two_queries_goes_unnoticed(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene, server.conninfo, 2, INT64_C(10000000));
    must_answer(&scene);
    restart_server();
    must_answer(&scene);
    must_answer(&scene);
    assert_int_equal(scene.rig.lines[ENTC_LOG_WARNING], 0);
    close_scene(&scene);
}

static void a_fast_shutdown_under_a_query_is_told_as_lost(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, server.conninfo, 2, INT64_C(10000000));
    start_slow(&scene, &ask);
    test_postgres_stop(&server, "fast");
    assert_int_equal(ask_wait(&ask), ENTC_E_UNAVAILABLE);
    assert_true(ask.query.is_lost);
    assert_string_equal(ask.sqlstate, "57P01");
    ask_fini(&ask);
    must_be_refused_at_once(&scene);
    restart_server();
    must_recover(&scene);
    close_scene(&scene);
}

static void a_killed_server_is_told_as_down_once_and_as_back_once(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, server.conninfo, 2, INT64_C(10000000));
    start_slow(&scene, &ask);
    test_postgres_stop(&server, "kill");
    assert_int_equal(ask_wait(&ask), ENTC_E_UNAVAILABLE);
    ask_fini(&ask);
    must_be_refused_at_once(&scene);
    must_be_refused_at_once(&scene);
    revive_server();
    must_recover(&scene);
    must_answer(&scene);
    /* One for the connection that was lost, one for the server that cannot be reached. */
    assert_int_equal(scene.rig.lines[ENTC_LOG_WARNING], 2);
    assert_int_equal(scene.rig.lines[ENTC_LOG_INFO], 1);
    assert_non_null(strstr(scene.rig.logged, "connected again"));
    close_scene(&scene);
}

static void queries_that_wait_fail_with_the_server(void **state)
{
    struct scene scene;
    struct ask asks[4];

    (void)state;
    open_scene(&scene, server.conninfo, 1, INT64_C(10000000));
    start_slow(&scene, &asks[0]);
    for (int i = 1; i < 4; i++)
        prepare(&asks[i], &scene, scene.things);
    ask_submit_all(&asks[1], 3);
    test_postgres_stop(&server, "immediate");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask_wait(&asks[i]), ENTC_E_UNAVAILABLE);
        ask_fini(&asks[i]);
    }
    restart_server();
    must_recover(&scene);
    close_scene(&scene);
}

/* ---- refusals ---- */

static void a_closed_port_is_told_without_the_password(void **state)
{
    struct scene scene;
    char conninfo[200];
    char expected[64];

    (void)state;
    snprintf(conninfo, sizeof(conninfo), "postgresql://web:SECRET@127.0.0.1:%d/db",
             free_port(NULL));
    snprintf(expected, sizeof(expected), "\"127.0.0.1\", port ");
    open_scene(&scene, conninfo, 2, INT64_C(10000000));
    must_fail(&scene, ENTC_E_UNAVAILABLE, expected);
    must_be_refused_at_once(&scene);
    assert_null(strstr(scene.rig.logged, "SECRET"));
    assert_int_equal(scene.rig.lines[ENTC_LOG_WARNING], 1);
    close_scene(&scene);
}

static void who_is_not_let_in_is_told_why(void **state)
{
    struct scene scene;
    struct ask ask;
    char conninfo[400];

    (void)state;
    snprintf(conninfo, sizeof(conninfo), "%s user=nobody_of_that_name password=SECRET",
             server.conninfo);
    open_scene(&scene, conninfo, 2, INT64_C(10000000));
    assert_int_equal(try_once(&scene, &ask), ENTC_E_UNAVAILABLE);
    assert_string_equal(ask.sqlstate, "28000");
    assert_non_null(strstr(ask.message, "role \"nobody_of_that_name\" does not exist"));
    assert_non_null(strstr(ask.hint, "pg_hba.conf"));
    assert_null(strstr(scene.rig.logged, "SECRET"));
    close_scene(&scene);
    snprintf(conninfo, sizeof(conninfo), "%s dbname=nowhere", server.conninfo);
    open_scene(&scene, conninfo, 2, INT64_C(10000000));
    assert_int_equal(try_once(&scene, &ask), ENTC_E_UNAVAILABLE);
    assert_string_equal(ask.sqlstate, "3D000");
    close_scene(&scene);
}

static void a_server_that_is_full_is_busy(void **state)
{
    struct scene scene;
    struct ask ask;
    char conninfo[400];
    PGconn *other = NULL;

    (void)state;
    snprintf(conninfo, sizeof(conninfo), "%s user=web", server.conninfo);
    other = PQconnectdb(conninfo);
    assert_int_equal(PQstatus(other), CONNECTION_OK);
    open_scene(&scene, conninfo, 2, INT64_C(10000000));
    assert_int_equal(try_once(&scene, &ask), ENTC_E_BUSY);
    assert_string_equal(ask.sqlstate, "53300");
    PQfinish(other);
    close_scene(&scene);
}

static void a_pool_that_may_not_grow_shares_what_it_has(void **state)
{
    struct scene scene;
    struct ask asks[6];
    char conninfo[400];

    (void)state;
    snprintf(conninfo, sizeof(conninfo), "%s user=web", server.conninfo);
    open_scene(&scene, conninfo, 4, INT64_C(10000000));
    must_get_in(&scene);
    for (int i = 0; i < 6; i++)
        prepare(&asks[i], &scene, scene.things);
    ask_submit_all(asks, 6);
    for (int i = 0; i < 6; i++) {
        if (ask_wait(&asks[i]) != ENTC_OK)
            test_fail("%s", asks[i].message);
        ask_fini(&asks[i]);
    }
    close_scene(&scene);
}

static void a_pool_that_could_not_grow_tries_again_while_queries_wait(void **state)
{
    struct scene scene;
    struct ask asks[2];
    char conninfo[400];

    (void)state;
    snprintf(conninfo, sizeof(conninfo), "%s user=web", server.conninfo);
    open_scene(&scene, conninfo, 2, INT64_C(10000000));
    must_get_in(&scene);
    start_slow(&scene, &asks[0]);
    prepare(&asks[1], &scene, scene.things);
    ask_submit(&asks[1]);
    postgres_rig_until(&scene.rig, is_warned, &scene);
    assert_int_equal(asks[1].done_calls, 0);
    test_postgres_sql(&server, "ALTER ROLE web CONNECTION LIMIT 5");
    assert_int_equal(ask_wait(&asks[1]), ENTC_OK);
    assert_int_equal(asks[0].done_calls, 0);
    ask_detach(&asks[0]);
    ask_fini(&asks[0]);
    ask_fini(&asks[1]);
    close_scene(&scene);
}

static void a_read_only_server_is_refused_unless_the_user_wants_it(void **state)
{
    struct scene scene;
    char conninfo[400];

    (void)state;
    snprintf(conninfo, sizeof(conninfo), "%s options='-c default_transaction_read_only=on'",
             server.conninfo);
    open_scene(&scene, conninfo, 2, INT64_C(10000000));
    must_fail(&scene, ENTC_E_UNAVAILABLE, "session is read-only");
    close_scene(&scene);
    snprintf(conninfo, sizeof(conninfo),
             "%s options='-c default_transaction_read_only=on' target_session_attrs=any",
             server.conninfo);
    open_scene(&scene, conninfo, 2, INT64_C(10000000));
    must_answer(&scene);
    close_scene(&scene);
}

/* ---- hosts ---- */

static void the_next_host_is_tried_when_one_refuses_or_is_silent(void **state)
{
    int listener = -1;
    const int silent = free_port(&listener);
    struct scene scene;
    char conninfo[400];

    (void)state;
    snprintf(conninfo, sizeof(conninfo),
             "host=/nowhere,127.0.0.1,127.0.0.1,%s port=5432,%d,%d,%d user=postgres "
             "dbname=postgres",
             server.directory, free_port(NULL), silent, tcp_port);
    open_scene(&scene, conninfo, 2, INT64_C(300000));
    must_answer(&scene);
    close_scene(&scene);
    close(listener);
}

static void a_silent_server_fails_after_the_time_to_connect(void **state)
{
    int listener = -1;
    const int silent = free_port(&listener);
    const int64_t begin_us = clock_now_us();
    struct scene scene;
    char conninfo[400];

    (void)state;
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d user=postgres", silent);
    open_scene(&scene, conninfo, 2, INT64_C(200000));
    must_fail(&scene, ENTC_E_UNAVAILABLE, "no answer within 200 ms");
    assert_true(clock_now_us() - begin_us >= 200000);
    must_be_refused_at_once(&scene);
    close_scene(&scene);
    close(listener);
}

static void a_standby_is_preferred_but_a_primary_will_do(void **state)
{
    struct scene scene;
    char conninfo[400];

    (void)state;
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1,%s port=%d,%d user=postgres dbname=postgres "
             "target_session_attrs=prefer-standby",
             server.directory, tcp_port, tcp_port);
    open_scene(&scene, conninfo, 2, INT64_C(10000000));
    must_answer(&scene);
    close_scene(&scene);
}

static void names_are_looked_up_once_for_all_who_wait(void **state)
{
    struct scene scene;
    struct ask asks[4];
    char conninfo[400];

    (void)state;
    snprintf(conninfo, sizeof(conninfo),
             "host=nowhere.invalid,localhost port=1,%d user=postgres dbname=postgres", tcp_port);
    open_scene(&scene, conninfo, 4, INT64_C(20000000));
    for (int i = 0; i < 4; i++)
        prepare(&asks[i], &scene, scene.things);
    ask_submit_all(asks, 4);
    for (int i = 0; i < 4; i++) {
        if (ask_wait(&asks[i]) != ENTC_OK)
            test_fail("%s", asks[i].message);
        ask_fini(&asks[i]);
    }
    close_scene(&scene);
    open_scene(&scene, "host=nowhere.invalid user=x", 4, INT64_C(20000000));
    must_fail(&scene, ENTC_E_UNAVAILABLE, "cannot look up the host name \"nowhere.invalid\"");
    close_scene(&scene);
}

static void close_waits_for_a_look_up_that_nobody_wants(void **state)
{
    struct scene scene;
    struct ask ask;

    (void)state;
    open_scene(&scene, "host=localhost user=x", 1, INT64_C(10000000));
    prepare(&ask, &scene, scene.things);
    ask_submit(&ask);
    ask_detach(&ask);
    ask_fini(&ask);
    close_scene(&scene);
}

/* ---- a server that freezes ---- */

static void signal_postmaster(int signal_number)
{
    char path[200];
    char line[32] = "";
    FILE *file = NULL;

    snprintf(path, sizeof(path), "%s/data/postmaster.pid", server.directory);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    assert_int_equal(kill((pid_t)strtol(line, NULL, 10), signal_number), 0);
}

static void close_does_not_wait_for_a_server_that_froze(void **state)
{
    struct scene scene;
    struct ask ask;
    int64_t begin_us = 0;
    int64_t took_us = 0;

    (void)state;
    open_scene(&scene, server.conninfo, 1, INT64_C(200000));
    start_slow(&scene, &ask);
    signal_postmaster(SIGSTOP);
    ask_detach(&ask);
    ask_fini(&ask);
    begin_us = clock_now_us();
    close_scene(&scene);
    took_us = clock_now_us() - begin_us;
    signal_postmaster(SIGCONT);
    assert_true(took_us < INT64_C(10000000));
    /* The thread that was left alone does its work now. */
    for (begin_us = clock_now_us(); is_asleep(NULL);)
        assert_true(clock_now_us() - begin_us < INT64_C(20000000));
}

static void a_frozen_server_gives_the_place_in_the_pool_back(void **state)
{
    struct scene scene;
    struct ask asks[2];

    (void)state;
    open_scene(&scene, server.conninfo, 1, INT64_C(200000));
    start_slow(&scene, &asks[0]);
    signal_postmaster(SIGSTOP);
    ask_detach(&asks[0]);
    prepare(&asks[1], &scene, scene.things);
    ask_submit(&asks[1]);
    assert_int_equal(ask_wait(&asks[1]), ENTC_E_UNAVAILABLE);
    signal_postmaster(SIGCONT);
    must_recover(&scene);
    ask_fini(&asks[0]);
    ask_fini(&asks[1]);
    close_scene(&scene);
}

/* A query that is larger than the socket's buffer, to a backend that does not read: neither detach
 * nor close may wait for it. */
static void a_query_that_cannot_be_sent_is_given_up_without_waiting(void **state)
{
    const size_t count = 1000000;
    entc_value *ids = malloc(count * sizeof(*ids));
    struct scene scene;
    struct ask ask;
    pid_t backend = 0;

    (void)state;
    assert_non_null(ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = one;
    open_scene(&scene, server.conninfo, 1, INT64_C(200000));
    must_answer(&scene);
    backend = (pid_t)test_postgres_integer(&server, "SELECT pid FROM pg_stat_activity WHERE "
                                                    "application_name = 'libentitycache'");
    assert_int_equal(kill(backend, SIGSTOP), 0);
    prepare(&ask, &scene, scene.things);
    ask_ids(&ask, ids, count);
    ask_submit(&ask);
    for (int i = 0; i < 20; i++)
        postgres_rig_turn(&scene.rig, 1);
    ask_detach(&ask);
    assert_int_equal(ask.done_calls, 0);
    must_answer(&scene);
    ask_fini(&ask);
    close_scene(&scene);
    assert_int_equal(kill(backend, SIGCONT), 0);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_between_two_queries_goes_unnoticed),
        cmocka_unit_test(a_fast_shutdown_under_a_query_is_told_as_lost),
        cmocka_unit_test(a_killed_server_is_told_as_down_once_and_as_back_once),
        cmocka_unit_test(queries_that_wait_fail_with_the_server),
        cmocka_unit_test(a_closed_port_is_told_without_the_password),
        cmocka_unit_test(who_is_not_let_in_is_told_why),
        cmocka_unit_test(a_server_that_is_full_is_busy),
        cmocka_unit_test(a_pool_that_may_not_grow_shares_what_it_has),
        cmocka_unit_test(a_pool_that_could_not_grow_tries_again_while_queries_wait),
        cmocka_unit_test(a_read_only_server_is_refused_unless_the_user_wants_it),
        cmocka_unit_test(the_next_host_is_tried_when_one_refuses_or_is_silent),
        cmocka_unit_test(a_silent_server_fails_after_the_time_to_connect),
        cmocka_unit_test(a_standby_is_preferred_but_a_primary_will_do),
        cmocka_unit_test(names_are_looked_up_once_for_all_who_wait),
        cmocka_unit_test(close_waits_for_a_look_up_that_nobody_wants),
        cmocka_unit_test(close_does_not_wait_for_a_server_that_froze),
        cmocka_unit_test(a_frozen_server_gives_the_place_in_the_pool_back),
        cmocka_unit_test(a_query_that_cannot_be_sent_is_given_up_without_waiting),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
