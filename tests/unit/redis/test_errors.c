/* Proves what each error reply of a Redis means to us, also one from inside a script. */
#include "redis/internal.h"
#include "test.h"

static enum redis_verdict verdict(const char *text)
{
    return redis_error_at(redis_error_find(text, strlen(text)))->verdict;
}

static void errors_are_judged_by_their_first_words(void **state)
{
    static const struct {
        const char *text;
        enum redis_verdict verdict;
    } errors[] = {
        {"OOM command not allowed when used memory > 'maxmemory'.", REDIS_VERDICT_ITEM},
        {"WRONGTYPE Operation against a key holding the wrong kind of value", REDIS_VERDICT_ITEM},
        {"TRYAGAIN Multiple keys request during rehashing of slot", REDIS_VERDICT_ITEM},
        {"NOSCRIPT No matching script. Please use EVAL.", REDIS_VERDICT_REPEAT},
        {"LOADING Redis is loading the dataset in memory", REDIS_VERDICT_DOWN},
        {"BUSY Redis is busy running a script.", REDIS_VERDICT_DOWN},
        {"MASTERDOWN Link with MASTER is down", REDIS_VERDICT_DOWN},
        {"CLUSTERDOWN The cluster is down", REDIS_VERDICT_DOWN},
        {"MOVED 5645 127.0.0.1:7000", REDIS_VERDICT_DOWN},
        {"ASK 5645 127.0.0.1:7000", REDIS_VERDICT_DOWN},
        {"NOPERM this user has no permissions to run the 'mget' command", REDIS_VERDICT_DOWN},
        {"READONLY You can't write against a read only replica.", REDIS_VERDICT_RETIRE},
        {"NOAUTH Authentication required.", REDIS_VERDICT_REFUSED},
        {"WRONGPASS invalid username-password pair or user is disabled.", REDIS_VERDICT_REFUSED},
        {"DENIED Redis is running in protected mode", REDIS_VERDICT_REFUSED},
        {"ERR max number of clients reached", REDIS_VERDICT_REFUSED},
        {"ERR unknown command 'MGET'", REDIS_VERDICT_DOWN},
        {"BUSYGROUP is another word", REDIS_VERDICT_DOWN},
        {"OOMPH", REDIS_VERDICT_DOWN},
        {"oom", REDIS_VERDICT_DOWN},
        {"OO", REDIS_VERDICT_DOWN},
        {"OOM", REDIS_VERDICT_ITEM},
        {"", REDIS_VERDICT_DOWN}};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (verdict(errors[i].text) != errors[i].verdict)
            test_fail("%s", errors[i].text);
}

static void an_error_inside_a_script_of_redis_6_is_judged_by_its_own_words(void **state)
{
    (void)state;
    assert_int_equal(verdict("ERR Error running script (call to f_9b7d): @user_script:2: "
                             "@user_script: 2: -OOM command not allowed when used memory"),
                     REDIS_VERDICT_ITEM);
    assert_int_equal(verdict("ERR Error running script (call to f_9b7d): @user_script:2: "
                             "@user_script: 2: -READONLY You can't write"),
                     REDIS_VERDICT_RETIRE);
    assert_int_equal(verdict("ERR Error running script (call to f_9b7d): something else"),
                     REDIS_VERDICT_DOWN);
    assert_int_equal(verdict("ERR Error running script: -"), REDIS_VERDICT_DOWN);
}

static void only_the_given_bytes_are_read(void **state)
{
    (void)state;
    assert_int_equal(redis_error_at(redis_error_find("OOMPH", 3))->verdict, REDIS_VERDICT_ITEM);
    assert_int_equal(redis_error_at(redis_error_find("OOM", 2))->verdict, REDIS_VERDICT_DOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_judged_by_their_first_words),
        cmocka_unit_test(an_error_inside_a_script_of_redis_6_is_judged_by_its_own_words),
        cmocka_unit_test(only_the_given_bytes_are_read)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
