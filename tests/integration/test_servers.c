/* Proves that the servers of the tests do what the other tests take for granted: they start, stop,
 * freeze and count as told, and a test that dies leaves nothing behind. */
#include "servers.h"
#include "test.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 30000
#define POLL_MS 10

static void set(struct test_redis *redis, const char *key, const char *value)
{
    redisReply *reply = test_redis_command(redis, "SET %s %s", key, value);
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
}

static void redis_answers_and_counts_its_commands(void **state)
{
    (void)state;
    struct test_redis redis = {0};
    test_redis_start(&redis, NULL);
    assert_null(test_redis_text(&redis, "greeting"));
    set(&redis, "greeting", "hello");
    char *text = test_redis_text(&redis, "greeting");
    assert_string_equal(text, "hello");
    free(text);
    assert_int_equal(test_redis_calls(&redis, "get"), 2);
    assert_int_equal(test_redis_calls(&redis, "mget"), 0);
    assert_int_equal(test_redis_integer(&redis, "INCRBY %s 7", "number"), 7);
    test_redis_stop(&redis);
    test_redis_stop(&redis);
}

static void redis_comes_back_empty_on_the_same_socket(void **state)
{
    (void)state;
    struct test_redis redis = {0};
    test_redis_start(&redis, NULL);
    set(&redis, "greeting", "hello");
    test_redis_kill(&redis);
    assert_int_equal(redis.pid, 0);
    test_redis_restart(&redis);
    assert_null(test_redis_text(&redis, "greeting"));
    test_redis_stop(&redis);
}

static void a_paused_redis_is_silent_until_it_resumes(void **state)
{
    (void)state;
    struct test_redis redis = {0};
    test_redis_start(&redis, NULL);
    redisContext *context = redisConnectUnix(redis.socket_path);
    assert_int_equal(context->err, 0);
    test_redis_pause(&redis);
    assert_int_equal(write(context->fd, "PING\r\n", 6), 6);
    struct pollfd wait = {.fd = context->fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 50), 0);
    test_redis_resume(&redis);
    assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
    redisFree(context);
    /* A frozen server can be stopped too. */
    test_redis_pause(&redis);
    test_redis_stop(&redis);
}

static void redis_takes_arguments_and_listens_on_tcp_when_asked(void **state)
{
    (void)state;
    struct test_redis redis = {0};
    const char *const extra[] = {"--requirepass", "secret", NULL};
    test_redis_start_tcp(&redis, extra);
    redisReply *reply = test_redis_command(&redis, "PING");
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    redisContext *context = redisConnect("127.0.0.1", redis.tcp_port);
    assert_int_equal(context->err, 0);
    reply = redisCommand(context, "AUTH secret");
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(context);
    test_redis_stop(&redis);
}

static void every_test_has_a_database_of_its_own(void **state)
{
    (void)state;
    struct test_postgres one = {0};
    struct test_postgres two = {0};
    test_postgres_shared(&one);
    test_postgres_shared(&two);
    test_postgres_sql(&one, "CREATE TABLE t (id int); INSERT INTO t VALUES (7)");
    test_postgres_sql(&two, "CREATE TABLE t (id int); INSERT INTO t VALUES (8)");
    assert_int_equal(test_postgres_integer(&one, "SELECT id FROM t"), 7);
    assert_int_equal(test_postgres_integer(&two, "SELECT id FROM t"), 8);
    assert_null(test_postgres_text(&one, "SELECT NULL"));
    test_postgres_drop(&two);
    test_postgres_drop(&one);
    test_postgres_drop(&one);
}

static void statements_of_others_are_counted_and_our_own_are_not(void **state)
{
    (void)state;
    struct test_postgres postgres = {0};
    char command[512];
    test_postgres_shared(&postgres);
    test_postgres_sql(&postgres, "SELECT 1 AS ours");
    snprintf(command, sizeof command, "psql -qXAt -d '%s' -c 'SELECT 1 AS theirs' >/dev/null",
             postgres.conninfo);
    assert_int_equal(system(command), 0);
    assert_int_equal(system(command), 0);
    assert_int_equal(test_postgres_statements(&postgres, "theirs"), 2);
    assert_int_equal(test_postgres_statements(&postgres, ""), 2);
    test_postgres_drop(&postgres);
}

static void an_own_postgres_survives_every_way_to_stop(void **state)
{
    (void)state;
    struct test_postgres postgres = {0};
    const char *const settings[] = {"max_connections=20", NULL};
    const char *const modes[] = {"fast", "immediate", "kill"};
    test_postgres_start(&postgres, settings);
    assert_int_equal(test_postgres_integer(&postgres, "SHOW max_connections"), 20);
    test_postgres_sql(&postgres, "CREATE TABLE t (id int)");
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        test_postgres_stop(&postgres, modes[i]);
        test_postgres_restart(&postgres);
        assert_int_equal(test_postgres_integer(&postgres, "SELECT count(*) FROM t"), 0);
    }
    test_postgres_drop(&postgres);
}

/* Starts servers and dies; tells their folders through the pipe. */
static void die_with_servers(int pipe_end)
{
    struct test_redis redis = {0};
    struct test_postgres postgres = {0};
    test_redis_start(&redis, NULL);
    test_postgres_start(&postgres, NULL);
    bool is_told = write(pipe_end, redis.directory, TEST_DIRECTORY) == TEST_DIRECTORY &&
                   write(pipe_end, postgres.directory, TEST_DIRECTORY) == TEST_DIRECTORY;
    _exit(is_told ? 0 : 1);
}

static bool is_gone_in_time(const char *path)
{
    struct stat found;
    for (int waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
        if (lstat(path, &found) != 0)
            return true;
        poll(NULL, 0, POLL_MS);
    }
    return false;
}

static void a_test_that_dies_leaves_nothing_behind(void **state)
{
    (void)state;
    int pipe_ends[2];
    char directories[2][TEST_DIRECTORY];
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    if (child == 0)
        die_with_servers(pipe_ends[1]);
    close(pipe_ends[1]);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(read(pipe_ends[0], directories[i], TEST_DIRECTORY), TEST_DIRECTORY);
    close(pipe_ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    for (size_t i = 0; i < 2; i++)
        assert_true(is_gone_in_time(directories[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redis_answers_and_counts_its_commands),
        cmocka_unit_test(redis_comes_back_empty_on_the_same_socket),
        cmocka_unit_test(a_paused_redis_is_silent_until_it_resumes),
        cmocka_unit_test(redis_takes_arguments_and_listens_on_tcp_when_asked),
        cmocka_unit_test(every_test_has_a_database_of_its_own),
        cmocka_unit_test(statements_of_others_are_counted_and_our_own_are_not),
        cmocka_unit_test(an_own_postgres_survives_every_way_to_stop),
        cmocka_unit_test(a_test_that_dies_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
