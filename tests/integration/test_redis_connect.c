/* Proves which ways lead to a Redis, and what happens when none does. */
#include "redis_rig.h"
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SECOND_US INT64_C(1000000)

/* Every step, once, with the permissions that this user has. */
static void assert_serves(struct redis_rig *rig)
{
    char *value = NULL;

    assert_int_equal(rig_step(rig, CACHE_LEASE, "User-1", RIG_TOKEN_A, NULL, 60000), 1);
    assert_int_equal(rig_step(rig, CACHE_UNLEASE, "User-1", RIG_TOKEN_A, NULL, 0), 1);
    assert_int_equal(rig_step(rig, CACHE_LEASE, "User-1", RIG_TOKEN_A, NULL, 60000), 1);
    assert_int_equal(rig_step(rig, CACHE_FILL, "User-1", RIG_TOKEN_A, "{}", 60000), 1);
    value = rig_get(rig, "User-1");
    assert_string_equal(value, "{}");
    free(value);
    assert_int_equal(rig_step(rig, CACHE_INVALIDATE, "User-1", NULL, NULL, 0), 1);
    assert_int_equal(rig_step(rig, CACHE_UNBLOCK, "User-1", NULL, NULL, 0), 0);
    assert_null(rig_get(rig, "User-1"));
}

static void assert_uri_serves(const char *uri, const char *user, const char *password)
{
    struct redis_rig rig;

    rig_open_with(&rig, uri, user, password, 10 * SECOND_US, 10 * SECOND_US);
    assert_serves(&rig);
    assert_string_equal(rig.logged, "");
    rig_close(&rig);
}

/* ---- ways ---- */

static void tcp_by_number_and_by_name_and_unix_lead_to_the_server(void **state)
{
    struct test_redis redis;
    char uri[64];

    (void)state;
    test_redis_start_tcp(&redis, NULL);
    assert_uri_serves(redis.uri, NULL, NULL);
    assert_uri_serves(redis.tcp_uri, NULL, NULL);
    /* On this machine the name may lead to ::1 first, where nobody listens. */
    snprintf(uri, sizeof(uri), "redis://localhost:%u", (unsigned)redis.tcp_port);
    assert_uri_serves(uri, NULL, NULL);
    test_redis_stop(&redis);
}

static void the_database_of_the_uri_is_used(void **state)
{
    struct test_redis redis;
    struct redis_rig rig;
    char uri[200];

    (void)state;
    test_redis_start_tcp(&redis, NULL);
    snprintf(uri, sizeof(uri), "%s?db=3", redis.uri);
    assert_uri_serves(uri, NULL, NULL);
    rig_open(&rig, uri);
    rig_step(&rig, CACHE_LEASE, "User-1", RIG_TOKEN_A, NULL, 60000);
    assert_int_equal(test_redis_integer(&redis, "EXISTS {User-1}:l"), 0);
    rig_close(&rig);
    snprintf(uri, sizeof(uri), "redis://127.0.0.1:%u/3", (unsigned)redis.tcp_port);
    rig_open(&rig, uri);
    assert_int_equal(rig_step(&rig, CACHE_LEASE, "User-1", RIG_TOKEN_B, NULL, 60000), 0);
    rig_close(&rig);
    test_redis_stop(&redis);
}

static void a_password_alone_is_enough_for_the_default_user(void **state)
{
    static const char *const extra[] = {"--requirepass", "pass:w@rd", NULL};
    struct test_redis redis;
    char uri[200];

    (void)state;
    test_redis_start(&redis, extra);
    assert_uri_serves(redis.uri, NULL, "pass:w@rd");
    assert_uri_serves(redis.uri, "default", "pass:w@rd");
    snprintf(uri, sizeof(uri), "unix://:pass%%3Aw%%40rd@%s?db=2", redis.socket_path);
    assert_uri_serves(uri, NULL, NULL);
    test_redis_stop(&redis);
}

/* The permissions that the documentation names are enough. */
static void a_user_with_the_documented_permissions_is_served(void **state)
{
    struct test_redis redis;

    (void)state;
    test_redis_start(&redis, NULL);
    rig_tell(&redis, "ACL SETUSER ann on >secret resetkeys ~User-* ~{User-*}:l resetchannels -@all "
                     "+get +mget +set +del +pttl +eval +evalsha");
    assert_uri_serves(redis.uri, "ann", "secret");
    rig_tell(&redis, "ACL SETUSER bob on nopass ~* +@all");
    assert_uri_serves(redis.uri, "bob", NULL);
    test_redis_stop(&redis);
}

/* ---- refusals ---- */

/* The batch that met the refusal and the next ones fail; one message says so, without a secret. */
static void assert_refused(const char *uri, const char *user, const char *password,
                           const char *story)
{
    struct redis_rig rig;
    struct rig_batch *batch = NULL;

    rig_open_with(&rig, uri, user, password, 10 * SECOND_US, 10 * SECOND_US);
    batch = rig_batch_new(&rig, CACHE_MGET, "User-", 2);
    assert_int_equal(rig_run(batch), ENTC_E_UNAVAILABLE);
    assert_false(batch->batch.is_lost && batch->batch.commands == 0);
    for (int refusals = 1; refusals < 4;) {
        const entc_status status = rig_submit(batch);

        rig_batch_reset(batch);
        if (status == ENTC_OK) {
            assert_int_equal(rig_wait(batch), ENTC_E_UNAVAILABLE);
            refusals++;
        } else {
            assert_int_equal(status, ENTC_E_UNAVAILABLE);
            rig_rest(&rig, 1);
        }
    }
    assert_int_equal(rig.lines[ENTC_LOG_ERROR], 1);
    if (!strstr(rig.logged, story))
        test_fail("the log does not say '%s': %s", story, rig.logged);
    assert_null(strstr(rig.logged, "hidden"));
    assert_null(strstr(rig.logged, "User-"));
    rig_batch_free(batch);
    rig_close(&rig);
}

static void a_server_that_refuses_user_password_or_database_is_told_once(void **state)
{
    static const char *const extra[] = {"--requirepass", "hidden", NULL};
    struct test_redis redis;
    char uri[200];

    (void)state;
    test_redis_start(&redis, extra);
    assert_refused(redis.uri, NULL, NULL, "asks for a password");
    assert_refused(redis.uri, NULL, "hidden2", "password are wrong");
    assert_refused(redis.uri, "hidden3", "hidden", "password are wrong");
    snprintf(uri, sizeof(uri), "%s?db=99", redis.uri);
    assert_refused(uri, NULL, "hidden", "database number");
    test_redis_stop(&redis);
    test_redis_start(&redis, NULL);
    assert_refused(redis.uri, NULL, "hidden", "check user, password");
    rig_tell(&redis, "ACL SETUSER ann on nopass ~* -@all +get");
    assert_refused(redis.uri, "ann", NULL, "lacks a permission");
    test_redis_stop(&redis);
}

static void a_server_that_is_not_there_fails_batches_that_were_never_sent(void **state)
{
    static const char *const uris[] = {"unix:///nonexistent/redis.sock", "redis://127.0.0.1:1",
                                       "redis://localhost:1", "redis://no-such-host.invalid"};

    (void)state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        struct redis_rig rig;
        struct rig_batch *batch = NULL;
        entc_status status = ENTC_OK;

        rig_open(&rig, uris[i]);
        batch = rig_batch_new(&rig, CACHE_MGET, "User-", 2);
        status = rig_submit(batch);
        if (status == ENTC_OK)
            status = rig_wait(batch);
        assert_int_equal(status, ENTC_E_UNAVAILABLE);
        assert_false(batch->batch.is_lost);
        assert_int_equal(batch->batch.commands, 0);
        assert_int_equal(rig.lines[ENTC_LOG_WARNING], 1);
        rig_batch_free(batch);
        rig_close(&rig);
    }
}

/* ---- servers that are none ---- */

struct listener {
    char directory[TEST_DIRECTORY];
    char uri[160];
    int guard;
    int fd;
};

static void listener_open(struct listener *listener)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    test_directory_make(listener->directory, &listener->guard);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", listener->directory);
    snprintf(listener->uri, sizeof(listener->uri), "unix://%s", address.sun_path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener->fd, 16), 0);
}

static void listener_close(struct listener *listener)
{
    close(listener->fd);
    test_directory_remove(listener->directory, &listener->guard);
}

static void a_greeting_that_nobody_answers_ends_in_time_and_nothing_was_sent(void **state)
{
    struct listener listener;
    struct redis_rig rig;
    struct rig_batch *batch = NULL;
    char sent[256] = "";
    int fd = -1;

    (void)state;
    listener_open(&listener);
    rig_open_with(&rig, listener.uri, NULL, "secret", SECOND_US / 20, 10 * SECOND_US);
    batch = rig_batch_new(&rig, CACHE_MGET, "User-", 1);
    assert_int_equal(rig_run(batch), ENTC_E_UNAVAILABLE);
    assert_false(batch->batch.is_lost);
    assert_int_equal(batch->batch.commands, 0);
    fd = accept(listener.fd, NULL, NULL);
    assert_true(recv(fd, sent, sizeof(sent) - 1, 0) > 0);
    assert_string_equal(sent, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n");
    assert_int_equal(recv(fd, sent, sizeof(sent), 0), 0);
    close(fd);
    rig_batch_free(batch);
    rig_close(&rig);
    listener_close(&listener);
}

/* Linux drops the SYN of a connection when the listener's queue, here of one, is full. */
static void an_address_that_swallows_packets_is_given_up_in_time(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fillers[2] = {-1, -1};
    struct redis_rig rig;
    struct rig_batch *batch = NULL;
    char uri[64];

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 2; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, size);
    }
    snprintf(uri, sizeof(uri), "redis://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    rig_open_with(&rig, uri, NULL, NULL, SECOND_US / 20, 10 * SECOND_US);
    batch = rig_batch_new(&rig, CACHE_MGET, "User-", 1);
    assert_int_equal(rig_run(batch), ENTC_E_UNAVAILABLE);
    assert_false(batch->batch.is_lost);
    assert_int_equal(batch->batch.commands, 0);
    rig_batch_free(batch);
    rig_close(&rig);
    for (int i = 0; i < 2; i++)
        close(fillers[i]);
    close(listener);
}

static void what_a_stranger_answers_ends_the_connection(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
                                          "*2\r\n$-1\r\n$-1\r\n",
                                          "*1\r\n$-1\r\n+OK\r\n",
                                          "+OK\r\n",
                                          "-ERR max number of clients reached\r\n",
                                          "*1\r\n$3\r\nab",
                                          ""};

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct listener listener;
        struct redis_rig rig;
        struct rig_batch *batch = NULL;
        struct rig_batch *next = NULL;
        char asked[256];
        int fd = -1;

        listener_open(&listener);
        rig_open(&rig, listener.uri);
        batch = rig_batch_new(&rig, CACHE_MGET, "User-", 1);
        next = rig_batch_new(&rig, CACHE_LEASE, "User-", 2);
        assert_int_equal(rig_submit(batch), ENTC_OK);
        assert_int_equal(rig_submit(next), ENTC_OK);
        rig_turn(&rig);
        fd = accept(listener.fd, NULL, NULL);
        assert_true(recv(fd, asked, sizeof(asked), 0) > 0);
        assert_int_equal(send(fd, answers[i], strlen(answers[i]), MSG_NOSIGNAL),
                         strlen(answers[i]));
        shutdown(fd, SHUT_WR);
        assert_int_equal(rig_wait(next), ENTC_E_UNAVAILABLE);
        assert_true(next->batch.is_lost);
        assert_int_equal(batch->done_calls, 1);
        close(fd);
        rig_batch_free(batch);
        rig_batch_free(next);
        rig_close(&rig);
        listener_close(&listener);
    }
}

/* After a failure one batch tries, the others are told at once; one that is detached tries on. */
static void one_batch_probes_a_server_that_failed(void **state)
{
    struct listener listener;
    struct redis_rig rig;
    struct rig_batch *probe = NULL;
    struct rig_batch *other = NULL;
    char asked[256];
    int fd = -1;

    (void)state;
    listener_open(&listener);
    rig_open(&rig, listener.uri);
    probe = rig_batch_new(&rig, CACHE_MGET, "User-", 1);
    other = rig_batch_new(&rig, CACHE_MGET, "Other-", 1);
    assert_int_equal(rig_submit(probe), ENTC_OK);
    assert_int_equal(rig_submit(other), ENTC_OK); /* nothing failed yet: both are taken */
    rig_turn(&rig);
    close(accept(listener.fd, NULL, NULL));
    assert_int_equal(rig_wait(other), ENTC_E_UNAVAILABLE);
    rig_batch_reset(probe);
    rig_batch_reset(other);
    while (rig_submit(probe) == ENTC_E_UNAVAILABLE)
        rig_rest(&rig, 1);
    assert_int_equal(rig_submit(other), ENTC_E_UNAVAILABLE);
    rig_turn(&rig);
    assert_int_equal(rig_submit(other), ENTC_E_UNAVAILABLE);
    rig_detach(probe);
    assert_int_equal(rig_submit(other), ENTC_E_UNAVAILABLE);
    fd = accept(listener.fd, NULL, NULL);
    assert_true(recv(fd, asked, sizeof(asked), 0) > 0);
    assert_int_equal(send(fd, "*1\r\n$-1\r\n", 9, MSG_NOSIGNAL), 9);
    while (rig_submit(probe) == ENTC_E_UNAVAILABLE)
        rig_rest(&rig, 10);
    assert_int_equal(rig_submit(other), ENTC_OK);
    rig_turn(&rig);
    assert_int_equal(send(fd, "*1\r\n$-1\r\n*1\r\n$-1\r\n", 18, MSG_NOSIGNAL), 18);
    assert_int_equal(rig_wait(other), ENTC_OK);
    assert_int_equal(probe->done_calls, 1);
    close(fd);
    rig_batch_free(probe);
    rig_batch_free(other);
    rig_close(&rig);
    listener_close(&listener);
}

static void closing_while_a_name_is_looked_up_leaves_nothing_behind(void **state)
{
    struct redis_rig rig;
    struct rig_batch *batch = NULL;

    (void)state;
    rig_open(&rig, "redis://localhost:1");
    batch = rig_batch_new(&rig, CACHE_MGET, "User-", 1);
    assert_int_equal(rig_submit(batch), ENTC_OK);
    rig_detach(batch);
    rig_close(&rig);
    assert_int_equal(batch->done_calls, 0);
    rig_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_by_number_and_by_name_and_unix_lead_to_the_server),
        cmocka_unit_test(the_database_of_the_uri_is_used),
        cmocka_unit_test(a_password_alone_is_enough_for_the_default_user),
        cmocka_unit_test(a_user_with_the_documented_permissions_is_served),
        cmocka_unit_test(a_server_that_refuses_user_password_or_database_is_told_once),
        cmocka_unit_test(a_server_that_is_not_there_fails_batches_that_were_never_sent),
        cmocka_unit_test(a_greeting_that_nobody_answers_ends_in_time_and_nothing_was_sent),
        cmocka_unit_test(an_address_that_swallows_packets_is_given_up_in_time),
        cmocka_unit_test(what_a_stranger_answers_ends_the_connection),
        cmocka_unit_test(one_batch_probes_a_server_that_failed),
        cmocka_unit_test(closing_while_a_name_is_looked_up_leaves_nothing_behind)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
