/* Proxies before the fixture's servers, and reads that know the right answer. */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CAMPAIGNS_MAX FIXTURE_CAMPAIGNS
#define NOBODY 99 /* a campaign that does not exist */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PATIENCE 2
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PATIENCE 2
#endif
#endif
#ifndef PATIENCE
#define PATIENCE 1
#endif

struct fault_way fault_unix = {ENTC_DRIVE_WAITERS, 0};
struct fault_way fault_tcp = {ENTC_DRIVE_WAITERS, 1};
struct fault_way fault_host = {ENTC_DRIVE_HOST, 0};

static struct fault the_fault;

/* ---- proxies ---- */

static void make_redis_proxy(struct fault *fault, bool is_tcp)
{
    char path[TEST_DIRECTORY + 16];

    snprintf(path, sizeof(path), "%s/proxy.sock", fault->f->redis.directory);
    fault->redis = test_proxy_new(is_tcp ? "" : path, fault->f->redis.socket_path);
    if (is_tcp)
        snprintf(fault->redis_uri, sizeof(fault->redis_uri), "redis://127.0.0.1:%u",
                 (unsigned)test_proxy_port(fault->redis));
    else
        snprintf(fault->redis_uri, sizeof(fault->redis_uri), "unix://%s", path);
}

static void make_postgres_proxy(struct fault *fault, bool is_tcp)
{
    char folder[TEST_DIRECTORY + 8];
    char path[TEST_DIRECTORY + 32];
    char server[TEST_DIRECTORY + 32];
    unsigned port = 5432;

    snprintf(folder, sizeof(folder), "%s/pg", fault->f->redis.directory);
    mkdir(folder, 0700);
    snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", folder);
    snprintf(server, sizeof(server), "%s/.s.PGSQL.5432", fault->f->postgres.directory);
    fault->postgres = test_proxy_new(is_tcp ? "" : path, server);
    if (is_tcp)
        port = test_proxy_port(fault->postgres);
    snprintf(fault->conninfo, sizeof(fault->conninfo),
             "host=%s port=%u user=postgres dbname=%s sslmode=disable gssencmode=disable",
             is_tcp ? "127.0.0.1" : folder, port, fault->f->postgres.database);
}

int fault_open(void **state)
{
    struct fault *fault = &the_fault;
    const struct fault_way *way = *state;

    fixture_open(state);
    memset(fault, 0, sizeof(*fault));
    fault->f = *state;
    make_redis_proxy(fault, way->is_tcp);
    make_postgres_proxy(fault, way->is_tcp);
    fault->f->options.redis_uri = fault->redis_uri;
    fault->f->options.postgres = fault->conninfo;
    fault->f->options.lease_us = 200000;
    fault_remake(fault);
    *state = fault;
    return 0;
}

int fault_close(void **state)
{
    fixture_close(state);
    test_proxy_free(the_fault.redis);
    test_proxy_free(the_fault.postgres);
    the_fault.redis = NULL;
    the_fault.postgres = NULL;
    return 0;
}

void fault_remake(struct fault *fault)
{
    fixture_free_engine(fault->f);
    fixture_make_engine(fault->f);
}

void fault_hurry(struct fault *fault)
{
    entc_engine_options *options = &fault->f->options;

    options->redis_timeout_us = 50000;
    options->redis_stall_us = 300000;
    options->connect_timeout_us = 500000;
    options->timeout_us = 5000000;
    fault_remake(fault);
}

/* ---- reads ---- */

entc_status fault_try_read(struct fault *fault, int64_t count)
{
    struct fixture *f = fault->f;
    int64_t ids[CAMPAIGNS_MAX + 1];
    entc_entity *entities[CAMPAIGNS_MAX + 1];
    entc_status statuses[CAMPAIGNS_MAX + 1];
    entc_status status = ENTC_OK;

    for (int64_t i = 0; i < count; i++)
        ids[i] = i + 1;
    ids[count] = NOBODY;
    status = entc_repository_get_many_int64(f->campaigns, ids, (size_t)count + 1, NULL, entities,
                                            statuses, &f->error);
    for (int64_t i = 0; i <= count; i++) {
        if (entities[i]) {
            assert_int_equal(statuses[i], ENTC_OK);
            assert_true(i < count);
            fixture_assert_campaign(entities[i], i + 1);
        } else {
            /* Absent is only said of what is absent. */
            assert_int_equal(statuses[i] == ENTC_E_NOT_FOUND, status == ENTC_OK && i == count);
        }
    }
    entc_entities_unref(entities, (size_t)count + 1);
    return status;
}

void fault_read(struct fault *fault, int64_t count)
{
    assert_ok(fault->f, fault_try_read(fault, count));
}

void fault_read_soon(struct fault *fault, int64_t count)
{
    const int64_t began = fixture_now_us();

    fault_read(fault, count);
    assert_true(fixture_now_us() - began < FAULT_SOON_US * PATIENCE);
}

entc_status fault_try_get(struct fault *fault, int64_t id)
{
    struct fixture *f = fault->f;
    entc_value value = fixture_id(id);
    entc_entity *entity = NULL;
    entc_status status = entc_repository_get_by_id(f->campaigns, &value, NULL, &entity, &f->error);

    if (status == ENTC_OK)
        fixture_assert_campaign(entity, id);
    else
        assert_null(entity);
    entc_entity_unref(entity);
    return status;
}

void fault_empty_cache(struct fault *fault)
{
    fault_tell_redis(fault, "FLUSHALL");
}

static bool is_answered_by_cache(struct fault *fault, int64_t count)
{
    const entc_counters before = fixture_counters(fault->f);
    entc_counters cost;

    fault_read(fault, count);
    cost = fixture_since(fault->f, &before);
    return cost.redis_failures == 0 && cost.hits == (uint64_t)count && cost.sql_queries == 0;
}

void fault_warm(struct fault *fault, int64_t count)
{
    const int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);

    while (!is_answered_by_cache(fault, count)) {
        if (fixture_now_us() > end)
            fail_msg("the cache does not become warm");
        fixture_turn(fault->f, 2);
    }
}

void fault_recover(struct fault *fault)
{
    const int64_t began = fixture_now_us();

    while (!is_answered_by_cache(fault, CAMPAIGNS_MAX)) {
        if (fixture_now_us() - began > FAULT_RECOVERY_US * PATIENCE)
            fail_msg("not recovered in time");
        fixture_turn(fault->f, 2);
    }
}

void fault_recover_both(struct fault *fault)
{
    const int64_t began = fixture_now_us();

    while (fault_try_read(fault, CAMPAIGNS_MAX) != ENTC_OK) {
        if (fixture_now_us() - began > FAULT_RECOVERY_US * PATIENCE)
            fail_msg("not recovered in time: %s", entc_error_message(fault->f->error));
        fixture_turn(fault->f, 2);
    }
    fault_recover(fault);
}

struct awaited {
    struct test_proxy *proxy;
    int64_t cuts;
};

static bool were_cut(void *context)
{
    const struct awaited *awaited = context;

    return test_proxy_cuts(awaited->proxy) >= awaited->cuts;
}

void fault_await_cuts(struct fault *fault, struct test_proxy *proxy, int64_t cuts)
{
    struct awaited awaited = {proxy, cuts};

    fixture_drive_until(fault->f, were_cut, &awaited);
}

int64_t fault_ask(struct fault *fault, const char *sql)
{
    return test_postgres_integer(&fault->f->postgres, sql);
}

void fault_tell_redis(struct fault *fault, const char *command)
{
    redisReply *reply = test_redis_command(&fault->f->redis, command);

    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", command, reply->str);
    freeReplyObject(reply);
}
