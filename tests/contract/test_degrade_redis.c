/* Redis is absent, dies, hangs, returns, refuses or babbles: reads are answered from PostgreSQL
 * within their time, the counters say so, and the cache is used again when it is back. */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What takes no time takes less, even on a slow machine; 5 s would be a timeout that was waited
 * for. */
#define SOON_US INT64_C(3000000)

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

/* The answer came, soon, and without the cache. */
static void get_without_cache(struct fixture *f, int64_t id)
{
    const entc_counters before = fixture_counters(f);
    int64_t began = fixture_now_us();

    get(f, id);
    assert_true(fixture_now_us() - began < SOON_US);
    assert_int_equal(fixture_since(f, &before).redis_failures, 1);
    assert_int_equal(fixture_since(f, &before).sql_queries, 1);
    assert_int_equal(fixture_since(f, &before).hits, 0);
    assert_int_equal(fixture_since(f, &before).misses, 1);
    assert_int_equal(fixture_since(f, &before).errors, 0);
}

/* Reads on until the cache answers again: the pauses between attempts to connect are short. */
static void await_the_cache(struct fixture *f)
{
    const entc_counters before = fixture_counters(f);
    int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);

    while (fixture_since(f, &before).hits == 0) {
        if (fixture_now_us() > end)
            fail_msg("the cache is not used again");
        get(f, 1);
        fixture_turn(f, 5);
    }
    assert_int_equal(fixture_since(f, &before).errors, 0);
}

static void redis_absent_from_the_start_costs_no_answer(void **state)
{
    struct fixture *f = *state;

    test_redis_kill(&f->redis);
    remake_engine(f);
    for (int64_t id = 1; id <= 5; id++)
        get_without_cache(f, id);
    test_redis_restart(&f->redis);
    await_the_cache(f);
}

static void redis_killed_between_calls_costs_no_answer(void **state)
{
    struct fixture *f = *state;

    fixture_warm(f, f->campaigns, 1, 3);
    test_redis_kill(&f->redis);
    get_without_cache(f, 1);
    get_without_cache(f, 1);
    test_redis_restart(&f->redis);
    await_the_cache(f);
}

static void redis_restarted_between_calls_is_hardly_noticed(void **state)
{
    struct fixture *f = *state;

    fixture_warm(f, f->campaigns, 1, 3);
    test_redis_restart(&f->redis);
    get(f, 2);
    await_the_cache(f);
}

static void redis_killed_while_it_is_asked_costs_no_answer(void **state)
{
    struct fixture *f = *state;
    entc_value id = fixture_id(1);
    entc_op *op = NULL;
    entc_entity *entity = NULL;
    int64_t began = 0;

    fixture_warm(f, f->campaigns, 1, 1);
    test_redis_pause(&f->redis);
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, &op, &f->error));
    assert_int_equal(entc_op_wait(op, 10000), ENTC_E_AGAIN);
    test_redis_kill(&f->redis);
    began = fixture_now_us();
    assert_ok(f, entc_op_wait(op, -1));
    assert_true(fixture_now_us() - began < SOON_US);
    assert_ok(f, entc_op_take_entity(op, &entity));
    fixture_assert_campaign(entity, 1);
    entc_entity_unref(entity);
    entc_op_unref(op);
    assert_int_equal(fixture_counters(f).redis_failures, 1);
    assert_int_equal(fixture_counters(f).hits, 0);
    test_redis_restart(&f->redis);
    await_the_cache(f);
}

static void a_connection_cut_by_the_server_is_replaced_without_a_failure(void **state)
{
    struct fixture *f = *state;

    fixture_warm(f, f->campaigns, 1, 1);
    for (int i = 0; i < 3; i++) {
        freeReplyObject(test_redis_command(&f->redis, "CLIENT KILL TYPE normal SKIPME yes"));
        get(f, 1);
    }
    assert_int_equal(fixture_counters(f).hits, 3);
    assert_int_equal(fixture_counters(f).redis_failures, 0);
    assert_int_equal(fixture_counters(f).sql_queries, 1);
}

static void a_redis_that_hangs_costs_its_budget_and_no_answer(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first5 = ENTC_FIRST(5);
    const entc_page_args first2 = ENTC_FIRST(2);
    entc_request *request = NULL;
    entc_page *top = NULL;
    entc_page *pages[5];
    entc_counters before;
    int64_t began = 0;

    f->options.redis_timeout_us = 50000;
    remake_engine(f);
    fixture_warm(f, f->campaigns, 1, 8);
    before = fixture_counters(f);
    test_redis_pause(&f->redis);
    get_without_cache(f, 1);
    began = fixture_now_us();
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    assert_ok(f, entc_request_list(request, f->campaigns, &first5, &top, &f->error));
    assert_ok(f, entc_request_pages(request, f->has_events, top, &first2, pages, 5, &f->error));
    assert_true(fixture_now_us() - began < SOON_US);
    for (int64_t i = 0; i < 5; i++) {
        fixture_assert_campaign(entc_page_entity(top, (size_t)i), i + 1);
        fixture_assert_event(entc_page_entity(pages[i], 1), (i + 1) * 100 + 2);
        entc_page_unref(pages[i]);
    }
    entc_page_unref(top);
    entc_request_free(request);
    assert_int_equal(fixture_since(f, &before).redis_failures, 3);
    test_redis_resume(&f->redis);
    await_the_cache(f);
}

static void a_redis_that_hangs_for_long_is_left_alone(void **state)
{
    struct fixture *f = *state;
    int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);
    int64_t quickest = INT64_MAX;

    f->options.redis_timeout_us = 100000;
    f->options.redis_stall_us = 200000;
    f->options.connect_timeout_us = 100000;
    remake_engine(f);
    fixture_warm(f, f->campaigns, 1, 8);
    test_redis_pause(&f->redis);
    /* The connection dies of its silence; then reads do not even try for a while. */
    while (quickest > 50000 && fixture_now_us() < end) {
        int64_t began = fixture_now_us();

        get(f, 1);
        if (fixture_now_us() - began < quickest)
            quickest = fixture_now_us() - began;
        fixture_turn(f, 20);
    }
    assert_true(quickest <= 50000);
    test_redis_resume(&f->redis);
    await_the_cache(f);
}

static void calls_in_flight_when_redis_dies_are_all_answered(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 20 };
    entc_op *ops[COUNT];

    fixture_warm(f, f->campaigns, 1, 4);
    test_redis_pause(&f->redis);
    for (int64_t i = 0; i < COUNT; i++) {
        entc_value id = fixture_id(i % 8 + 1);

        assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, &ops[i], &f->error));
        /* Each in a batch of its own. */
        assert_int_equal(entc_op_wait(ops[i], 0), ENTC_E_AGAIN);
    }
    test_redis_kill(&f->redis);
    for (int64_t i = 0; i < COUNT; i++) {
        entc_entity *entity = NULL;

        assert_ok(f, entc_op_wait(ops[i], -1));
        assert_ok(f, entc_op_take_entity(ops[i], &entity));
        fixture_assert_campaign(entity, i % 8 + 1);
        entc_entity_unref(entity);
        entc_op_unref(ops[i]);
    }
}

/* ---- a Redis that refuses ---- */

static void a_full_redis_that_evicts_nothing_costs_fills_alone(void **state)
{
    struct fixture *f = *state;

    fixture_warm(f, f->campaigns, 1, 1);
    freeReplyObject(test_redis_command(&f->redis, "CONFIG SET maxmemory 1"));
    get(f, 1);
    get(f, 2);
    get(f, 2);
    assert_int_equal(fixture_counters(f).hits, 1);
    freeReplyObject(test_redis_command(&f->redis, "CONFIG SET maxmemory 0"));
    fixture_assert_value(f, "Campaign-2", NULL);
    get(f, 3);
    get(f, 1);
    assert_int_equal(fixture_counters(f).hits, 2);
}

static void a_redis_that_became_a_replica_costs_no_answer(void **state)
{
    struct fixture *f = *state;

    fixture_warm(f, f->campaigns, 1, 1);
    freeReplyObject(test_redis_command(&f->redis, "REPLICAOF 127.0.0.1 1"));
    get(f, 2);
    get(f, 2);
    freeReplyObject(test_redis_command(&f->redis, "REPLICAOF NO ONE"));
    await_the_cache(f);
}

/* ---- what is no Redis ---- */

struct impostor {
    struct fixture *f;
    struct sockaddr_un address;
    char uri[200];
    int fd;
    pthread_t thread;
    const char *answer;
};

static void listen_as(struct impostor *impostor, struct fixture *f)
{
    memset(impostor, 0, sizeof(*impostor));
    impostor->address.sun_family = AF_UNIX;
    snprintf(impostor->address.sun_path, sizeof(impostor->address.sun_path), "%.90s/hole.sock",
             f->redis.directory);
    snprintf(impostor->uri, sizeof(impostor->uri), "unix://%s", impostor->address.sun_path);
    unlink(impostor->address.sun_path);
    impostor->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(impostor->fd, (const struct sockaddr *)&impostor->address,
             sizeof(impostor->address)) != 0 ||
        listen(impostor->fd, 100) != 0)
        fail_msg("%s: %s", impostor->address.sun_path, strerror(errno));
    f->options.redis_uri = impostor->uri;
    f->options.redis_timeout_us = 50000;
}

/* Answers everything with the same bytes, one client after the other. */
static void *babble(void *context)
{
    const struct impostor *impostor = context;
    int client = 0;

    while ((client = accept(impostor->fd, NULL, NULL)) >= 0) {
        char bytes[512];

        if (read(client, bytes, sizeof(bytes)) > 0 &&
            send(client, impostor->answer, strlen(impostor->answer), MSG_NOSIGNAL) > 0) {
            while (read(client, bytes, sizeof(bytes)) > 0)
                continue;
        }
        close(client);
    }
    return NULL;
}

static void a_redis_that_accepts_and_never_answers_costs_its_budget(void **state)
{
    struct fixture *f = *state;
    struct impostor hole;

    listen_as(&hole, f);
    remake_engine(f);
    get_without_cache(f, 1);
    get_without_cache(f, 2);
    fixture_free_engine(f);
    close(hole.fd);
}

static void a_server_that_is_no_redis_costs_no_answer(void **state)
{
    struct fixture *f = *state;
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
                                          "+PONG\r\n",
                                          ":7\r\n",
                                          "*0\r\n",
                                          "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
                                          "*-1\r\n",
                                          "*1\r\n:5\r\n",
                                          "*1\r\n$99999999999\r\n",
                                          "-ERR what is this?\r\n",
                                          "*1\r\n$-1\r\n*1\r\n$-1\r\n"};

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct impostor impostor;

        listen_as(&impostor, f);
        impostor.answer = answers[i];
        assert_int_equal(pthread_create(&impostor.thread, NULL, babble, &impostor), 0);
        remake_engine(f);
        get(f, 1);
        get(f, 2);
        assert_int_equal(fixture_counters(f).hits, 0);
        fixture_free_engine(f);
        shutdown(impostor.fd, SHUT_RDWR);
        pthread_join(impostor.thread, NULL);
        close(impostor.fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(redis_absent_from_the_start_costs_no_answer),
        IN_BOTH_DRIVES(redis_killed_between_calls_costs_no_answer),
        IN_BOTH_DRIVES(redis_restarted_between_calls_is_hardly_noticed),
        IN_BOTH_DRIVES(redis_killed_while_it_is_asked_costs_no_answer),
        IN_BOTH_DRIVES(a_connection_cut_by_the_server_is_replaced_without_a_failure),
        IN_BOTH_DRIVES(a_redis_that_hangs_costs_its_budget_and_no_answer),
        IN_BOTH_DRIVES(a_redis_that_hangs_for_long_is_left_alone),
        IN_BOTH_DRIVES(calls_in_flight_when_redis_dies_are_all_answered),
        IN_BOTH_DRIVES(a_full_redis_that_evicts_nothing_costs_fills_alone),
        IN_BOTH_DRIVES(a_redis_that_became_a_replica_costs_no_answer),
        IN_BOTH_DRIVES(a_redis_that_accepts_and_never_answers_costs_its_budget),
        IN_BOTH_DRIVES(a_server_that_is_no_redis_costs_no_answer),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
