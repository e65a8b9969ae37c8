/* Faults of the process itself: no descriptors left, signals without end, children. */
#include "fault.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- descriptors ---- */

/* Takes away all but `left` descriptors. The limit is on their numbers: holes below it are few, but
 * may make it some more. */
static struct rlimit leave_descriptors(int left)
{
    const int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct rlimit before;
    struct rlimit now;

    assert_true(lowest >= 0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = (rlim_t)lowest + (rlim_t)left;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

/* The proxies are in this process, and would be without descriptors too. */
static void without_proxies(struct fault *fault)
{
    fault->f->options.redis_uri = fault->f->redis.uri;
    fault->f->options.postgres = fault->f->postgres.conninfo;
    fault_hurry(fault);
}

static void give_back(const struct rlimit *before)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, before), 0);
}

static void without_descriptors_connections_that_live_go_on(void **state)
{
    struct fault *fault = *state;
    struct rlimit before;

    without_proxies(fault);
    fault_warm(fault, 4);
    before = leave_descriptors(0);
    for (int i = 0; i < 50; i++)
        fault_read_soon(fault, FIXTURE_CAMPAIGNS);
    give_back(&before);
    assert_int_equal(fixture_counters(fault->f).errors, 0);
    fault_recover(fault);
}

/* The engine has none of its connections yet. */
static void with_too_few_descriptors_calls_fail_at_once_or_are_answered(void **state)
{
    struct fault *fault = *state;

    for (int left = 0; left <= 3; left++) {
        struct rlimit before;

        without_proxies(fault);
        before = leave_descriptors(left);
        for (int i = 0; i < 20; i++) {
            const int64_t began = fixture_now_us();
            const entc_status status = fault_try_read(fault, FIXTURE_CAMPAIGNS);

            assert_true(status == ENTC_OK || status == ENTC_E_UNAVAILABLE);
            assert_true(fixture_now_us() - began < FAULT_SOON_US);
        }
        give_back(&before);
        fault_recover_both(fault);
    }
}

static void an_engine_that_cannot_be_made_says_so(void **state)
{
    struct fault *fault = *state;
    struct fixture *f = fault->f;
    entc_status status = ENTC_OK;

    without_proxies(fault);
    fixture_free_engine(f);
    for (int left = 0; left < 20 && f->engine == NULL; left++) {
        struct rlimit before = leave_descriptors(left);

        status = entc_engine_new(&f->options, &f->engine, &f->error);
        give_back(&before);
        assert_true(status == ENTC_OK || status == ENTC_E_SYSTEM);
        assert_true(left > 0 || status == ENTC_E_SYSTEM);
    }
    assert_int_equal(status, ENTC_OK);
    entc_engine_free(f->engine);
    f->engine = NULL;
    fixture_make_engine(f);
    fault_recover(fault);
}

/* ---- signals ---- */

static atomic_uint signals;

static void on_alarm(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

static void a_storm_of_signals_is_not_noticed(void **state)
{
    struct fault *fault = *state;
    const struct sigaction interrupting = {.sa_handler = on_alarm};
    const struct itimerval often = {{0, 1000}, {0, 1000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    struct sigaction before;
    int64_t end = 0;

    /* No SA_RESTART: every call that waits ends with EINTR. */
    assert_int_equal(sigaction(SIGALRM, &interrupting, &before), 0);
    fault_remake(fault);
    test_proxy_delay(fault->redis, PROXY_FROM_SERVER, 3000);
    test_proxy_trickle(fault->postgres, PROXY_FROM_SERVER, 50, 500);
    atomic_store(&signals, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    end = fixture_now_us() + 1000000;
    while (fixture_now_us() < end || atomic_load(&signals) < 200) {
        entc_call call = ENTC_CALL_INIT;
        entc_value id = fixture_id(1);
        entc_op *op = NULL;

        fault_read(fault, FIXTURE_CAMPAIGNS);
        /* New connections too, and a query that is cancelled on the server. */
        test_proxy_drop(fault->redis, PROXY_RESET);
        test_proxy_drop(fault->postgres, PROXY_RESET);
        assert_ok(fault->f, entc_repository_get_by_id_async(fault->f->events, &id, &call, &op,
                                                            &fault->f->error));
        entc_op_wait(op, 2000);
        entc_op_cancel(op);
        entc_op_wait(op, -1);
        entc_op_unref(op);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(fixture_counters(fault->f).corrupt, 0);
    test_proxy_heal(fault->redis);
    test_proxy_heal(fault->postgres);
    fault_recover(fault);
}

/* ---- children ---- */

static int be_a_child(struct fault *fault, int number)
{
    struct fixture *f = fault->f;
    entc_value id;
    entc_entity *entity = NULL;
    entc_engine *engine = NULL;
    BaseCacheRepository *campaigns = NULL;
    int is_bad = 0;

    entc_value_int64(&id, number % FIXTURE_CAMPAIGNS + 1);
    is_bad |= entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, NULL) != ENTC_E_FORKED;
    if (number % 2 == 0)
        fixture_free_engine(f);
    if (number % 10 == 0) {
        is_bad |= (entc_engine_new(&f->options, &engine, NULL) != ENTC_OK) << 1;
        is_bad |= (entc_repository_new(engine, &fixture_campaign_table, &fixture_campaign, NULL,
                                       &campaigns, NULL) != ENTC_OK)
                  << 2;
        is_bad |= (entc_repository_get_by_id(campaigns, &id, NULL, &entity, NULL) != ENTC_OK) << 3;
        entc_entity_unref(entity);
        entc_repository_free(campaigns);
        entc_engine_free(engine);
    }
    return is_bad;
}

static void a_hundred_children_leave_the_parents_connections_alone(void **state)
{
    struct fault *fault = *state;
    enum { CHILDREN = 100 };
    int64_t connections[2] = {0, 0};
    entc_counters before;

    fault_warm(fault, 4);
    fault_read(fault, FIXTURE_CAMPAIGNS);
    connections[0] = test_proxy_connections(fault->redis);
    connections[1] = test_proxy_connections(fault->postgres);
    before = fixture_counters(fault->f);
    for (int i = 0; i < CHILDREN; i++) {
        int status = 0;
        pid_t pid = 0;

        /* With a call of the parent under way. */
        entc_value id = fixture_id(i % FIXTURE_CAMPAIGNS + 1);
        entc_op *op = NULL;
        entc_entity *entity = NULL;

        assert_ok(fault->f, entc_repository_get_by_id_async(fault->f->campaigns, &id, NULL, &op,
                                                            &fault->f->error));
        entc_op_wait(op, 0);
        fflush(NULL);
        pid = fork();
        if (pid == 0)
            _exit(be_a_child(fault, i));
        assert_true(pid > 0);
        assert_ok(fault->f, entc_op_wait(op, -1));
        assert_ok(fault->f, entc_op_take_entity(op, &entity));
        fixture_assert_campaign(entity, id.as.int64);
        entc_entity_unref(entity);
        entc_op_unref(op);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        fault_read(fault, FIXTURE_CAMPAIGNS);
    }
    /* Ten of them made connections of their own. */
    assert_true(test_proxy_connections(fault->redis) <= connections[0] + CHILDREN / 10);
    assert_true(test_proxy_connections(fault->postgres) <= connections[1] + CHILDREN / 10);
    assert_int_equal(fixture_since(fault->f, &before).errors, 0);
    assert_int_equal(fixture_since(fault->f, &before).redis_failures, 0);
    fault_recover(fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_UNIX(without_descriptors_connections_that_live_go_on),
        OVER_UNIX(with_too_few_descriptors_calls_fail_at_once_or_are_answered),
        OVER_UNIX(an_engine_that_cannot_be_made_says_so),
        OVER_UNIX(a_storm_of_signals_is_not_noticed),
        OVER_TCP(a_storm_of_signals_is_not_noticed),
        OVER_UNIX(a_hundred_children_leave_the_parents_connections_alone),
        IN_HOST_DRIVE(a_hundred_children_leave_the_parents_connections_alone),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
