/* Redis itself is in a bad state: it loads, is full, a replica, locked, busy, forgetful, frozen or
 * dead. Reads are right and in time meanwhile, and the cache is used again soon after. */
#include "fault.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Reads of what is cached and of what is not. */
static void read_both(struct fault *fault, int times)
{
    for (int i = 0; i < times; i++) {
        fault_read_soon(fault, FIXTURE_CAMPAIGNS);
        assert_ok(fault->f, fault_try_get(fault, i % FIXTURE_CAMPAIGNS + 1));
    }
    assert_int_equal(fixture_counters(fault->f).errors, 0);
}

/* A command that keeps Redis from answering, on a thread of its own. */
struct busy {
    struct fault *fault;
    const char *command;
    const char *argument; /* for its %s */
    pthread_t thread;
};

static void *run_busy(void *context)
{
    const struct busy *busy = context;

    freeReplyObject(test_redis_command(&busy->fault->f->redis, busy->command, busy->argument));
    return NULL;
}

static void begin_busy(struct busy *busy, struct fault *fault, const char *command,
                       const char *argument)
{
    *busy = (struct busy){.fault = fault, .command = command, .argument = argument};
    assert_int_equal(pthread_create(&busy->thread, NULL, run_busy, busy), 0);
}

static bool says(struct fault *fault, const char *prefix)
{
    redisReply *reply = test_redis_command(&fault->f->redis, "GET nothing");
    const bool is_so =
        reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, prefix, strlen(prefix)) == 0;

    freeReplyObject(reply);
    return is_so;
}

static void await_error(struct fault *fault, const char *prefix)
{
    const int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);

    while (!says(fault, prefix))
        if (fixture_now_us() > end)
            fail_msg("Redis never says %s", prefix);
}

static void a_redis_that_loads_its_data_costs_no_answer(void **state)
{
    struct fault *fault = *state;
    struct busy reload;

    fault_hurry(fault);
    fault_warm(fault, FIXTURE_CAMPAIGNS);
    fault_tell_redis(fault, "DEBUG POPULATE 1000 filler 100");
    /* A millisecond for each key. */
    fault_tell_redis(fault, "CONFIG SET key-load-delay 1000");
    fault_tell_redis(fault, "CONFIG SET loading-process-events-interval-bytes 1024");
    begin_busy(&reload, fault, "DEBUG RELOAD", NULL);
    await_error(fault, "LOADING");
    read_both(fault, 20);
    assert_true(fixture_counters(fault->f).redis_failures > 0);
    pthread_join(reload.thread, NULL);
    fault_tell_redis(fault, "CONFIG SET key-load-delay 0");
    fault_recover(fault);
}

static void a_redis_that_became_a_read_only_replica_costs_no_answer(void **state)
{
    struct fault *fault = *state;

    fault_warm(fault, 4);
    fault_tell_redis(fault, "REPLICAOF 127.0.0.1 1");
    read_both(fault, 20);
    fault_tell_redis(fault, "REPLICAOF NO ONE");
    fault_recover(fault);
}

static void a_replica_that_serves_no_stale_data_costs_no_answer(void **state)
{
    struct fault *fault = *state;

    fault_warm(fault, 4);
    fault_tell_redis(fault, "CONFIG SET replica-serve-stale-data no");
    fault_tell_redis(fault, "REPLICAOF 127.0.0.1 1");
    await_error(fault, "MASTERDOWN");
    read_both(fault, 20);
    fault_tell_redis(fault, "REPLICAOF NO ONE");
    fault_tell_redis(fault, "CONFIG SET replica-serve-stale-data yes");
    fault_recover(fault);
}

static void a_redis_that_is_full_serves_what_it_has_and_costs_no_answer(void **state)
{
    struct fault *fault = *state;
    entc_counters before;

    fault_warm(fault, 4);
    fault_tell_redis(fault, "CONFIG SET maxmemory 1mb");
    before = fixture_counters(fault->f);
    read_both(fault, 20);
    assert_true(fixture_since(fault->f, &before).hits >= 20 * 4);
    fault_tell_redis(fault, "CONFIG SET maxmemory 0");
    fault_recover(fault);
}

static void a_redis_that_suddenly_wants_a_password_costs_no_answer(void **state)
{
    struct fault *fault = *state;

    fault_warm(fault, 4);
    fault_tell_redis(fault, "CONFIG SET requirepass secret");
    test_proxy_drop(fault->redis, PROXY_CLOSE);
    read_both(fault, 20);
    assert_true(fixture_counters(fault->f).redis_failures > 0);
    test_redis_restart(&fault->f->redis);
    fault_recover(fault);
}

static void a_user_that_lost_its_rights_costs_no_answer(void **state)
{
    struct fault *fault = *state;
    static const char *const rights[] = {"-mget", "-set", "-eval -evalsha", "-@all", "resetkeys"};

    freeReplyObject(
        test_redis_command(&fault->f->redis, "ACL SETUSER reader on >pw allkeys +@all"));
    fault->f->options.redis_user = "reader";
    fault->f->options.redis_password = "pw";
    fault_remake(fault);
    for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
        char command[80];

        fault_warm(fault, 4);
        snprintf(command, sizeof(command), "ACL SETUSER reader %s", rights[i]);
        fault_tell_redis(fault, command);
        read_both(fault, 10);
        fault_tell_redis(fault, "ACL SETUSER reader on >pw allkeys +@all");
        fault_recover(fault);
    }
}

static void a_redis_busy_with_a_script_costs_no_answer(void **state)
{
    struct fault *fault = *state;
    struct busy script;

    fault_hurry(fault);
    fault_warm(fault, 4);
    fault_tell_redis(fault, "CONFIG SET busy-reply-threshold 20");
    begin_busy(&script, fault, "EVAL %s 0", "while true do end");
    await_error(fault, "BUSY");
    read_both(fault, 20);
    assert_true(fixture_counters(fault->f).redis_failures > 0);
    fault_tell_redis(fault, "SCRIPT KILL");
    pthread_join(script.thread, NULL);
    fault_recover(fault);
}

static void *flush_scripts(void *context)
{
    struct fault *fault = context;

    for (int i = 0; i < 200; i++)
        freeReplyObject(test_redis_command(&fault->f->redis, "SCRIPT FLUSH SYNC"));
    return NULL;
}

static void scripts_forgotten_again_and_again_cost_neither_answers_nor_fills(void **state)
{
    struct fault *fault = *state;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, flush_scripts, fault), 0);
    for (int i = 0; i < 100; i++) {
        fault_tell_redis(fault, "FLUSHALL");
        fault_warm(fault, FIXTURE_CAMPAIGNS);
    }
    pthread_join(thread, NULL);
    assert_int_equal(fixture_counters(fault->f).errors, 0);
    assert_int_equal(fixture_counters(fault->f).redis_failures, 0);
    fault_recover(fault);
}

static void a_redis_with_its_maximum_of_clients_costs_no_answer(void **state)
{
    struct fault *fault = *state;
    redisContext *other = NULL;
    redisReply *reply = NULL;

    fault_warm(fault, 4);
    /* One client is this one; our engine's connection is ended and finds no place again. */
    other = redisConnectUnix(fault->f->redis.socket_path);
    assert_int_equal(other->err, 0);
    freeReplyObject(redisCommand(other, "CONFIG SET maxclients 1"));
    test_proxy_drop(fault->redis, PROXY_CLOSE);
    read_both(fault, 20);
    assert_true(fixture_counters(fault->f).redis_failures > 0);
    reply = redisCommand(other, "CONFIG SET maxclients 1000");
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(other);
    fault_recover(fault);
}

static void a_redis_that_is_frozen_costs_its_budget_a_few_times(void **state)
{
    struct fault *fault = *state;
    int64_t began = 0;

    fault_hurry(fault);
    fault_warm(fault, FIXTURE_CAMPAIGNS);
    test_redis_pause(&fault->f->redis);
    began = fixture_now_us();
    read_both(fault, 100);
    /* 50 ms each would be 10 s. */
    assert_true(fixture_now_us() - began < 6000000);
    test_redis_resume(&fault->f->redis);
    fault_recover(fault);
}

static void a_redis_whose_clients_are_paused_costs_no_answer(void **state)
{
    struct fault *fault = *state;

    fault_hurry(fault);
    fault_warm(fault, FIXTURE_CAMPAIGNS);
    fault_tell_redis(fault, "CLIENT PAUSE 500 ALL");
    read_both(fault, 20);
    assert_true(fixture_counters(fault->f).redis_failures > 0);
    /* Answered when the pause is over. */
    fault_tell_redis(fault, "PING");
    fault_tell_redis(fault, "CLIENT PAUSE 300 WRITE");
    fault_empty_cache(fault);
    fault_recover(fault);
}

static void a_redis_that_sleeps_costs_no_answer(void **state)
{
    struct fault *fault = *state;
    struct busy sleep;

    fault_hurry(fault);
    fault_warm(fault, FIXTURE_CAMPAIGNS);
    begin_busy(&sleep, fault, "DEBUG SLEEP %s", "0.5");
    read_both(fault, 20);
    pthread_join(sleep.thread, NULL);
    fault_recover(fault);
}

static void keys_and_leases_of_another_type_are_misses_that_heal(void **state)
{
    struct fault *fault = *state;

    fault_warm(fault, 4);
    fault_tell_redis(fault, "DEL Campaign-1 Campaign-2");
    fault_tell_redis(fault, "HSET Campaign-1 a b");
    fault_tell_redis(fault, "LPUSH {Campaign-2}:l a");
    read_both(fault, 5);
    fault_tell_redis(fault, "DEL {Campaign-2}:l");
    fault_recover(fault);
    fixture_assert_value(fault->f, "Campaign-1", "{\"id\":1,\"title\":\"Campaign 1\"}");
}

static void a_redis_that_is_restarted_again_and_again_costs_no_answer(void **state)
{
    struct fault *fault = *state;

    for (int i = 0; i < 5; i++) {
        fault_warm(fault, FIXTURE_CAMPAIGNS);
        test_redis_kill(&fault->f->redis);
        read_both(fault, 5);
        test_redis_restart(&fault->f->redis);
        fault_recover(fault);
    }
}

static void *flush_all(void *context)
{
    struct fault *fault = context;

    for (int i = 0; i < 300; i++)
        freeReplyObject(test_redis_command(&fault->f->redis, i % 2 ? "FLUSHALL" : "DEBUG RELOAD"));
    return NULL;
}

static void a_cache_emptied_again_and_again_costs_no_answer(void **state)
{
    struct fault *fault = *state;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, flush_all, fault), 0);
    read_both(fault, 200);
    pthread_join(thread, NULL);
    fault_recover(fault);
}

static int start(void **state)
{
    static const char *const arguments[] = {"--enable-debug-command", "yes", NULL};

    return fixture_start_with(state, arguments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_UNIX(a_redis_that_loads_its_data_costs_no_answer),
        OVER_UNIX(a_redis_that_became_a_read_only_replica_costs_no_answer),
        OVER_UNIX(a_replica_that_serves_no_stale_data_costs_no_answer),
        OVER_UNIX(a_redis_that_is_full_serves_what_it_has_and_costs_no_answer),
        OVER_UNIX(a_redis_that_suddenly_wants_a_password_costs_no_answer),
        OVER_UNIX(a_user_that_lost_its_rights_costs_no_answer),
        OVER_UNIX(a_redis_busy_with_a_script_costs_no_answer),
        OVER_UNIX(scripts_forgotten_again_and_again_cost_neither_answers_nor_fills),
        OVER_UNIX(a_redis_with_its_maximum_of_clients_costs_no_answer),
        OVER_UNIX(a_redis_that_is_frozen_costs_its_budget_a_few_times),
        IN_HOST_DRIVE(a_redis_that_is_frozen_costs_its_budget_a_few_times),
        OVER_UNIX(a_redis_whose_clients_are_paused_costs_no_answer),
        OVER_UNIX(a_redis_that_sleeps_costs_no_answer),
        OVER_UNIX(keys_and_leases_of_another_type_are_misses_that_heal),
        OVER_UNIX(a_redis_that_is_restarted_again_and_again_costs_no_answer),
        OVER_UNIX(a_cache_emptied_again_and_again_costs_no_answer),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
