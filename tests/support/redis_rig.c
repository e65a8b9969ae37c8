/* See redis_rig.h. The test's thread is the engine's loop thread: between its calls of
 * engine_process() nobody drives, so it may touch what belongs to the driver. */
#include "redis_rig.h"

#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_US INT64_C(20000000)

static void keep_line(int32_t level, const char *domain, const char *text, void *user)
{
    struct redis_rig *rig = user;
    const size_t length = strlen(rig->logged);

    assert_string_equal(domain, "redis");
    assert_in_range(level, ENTC_LOG_ERROR, ENTC_LOG_DEBUG);
    rig->lines[level]++;
    snprintf(rig->logged + length, sizeof(rig->logged) - length, "%s\n", text);
}

void rig_open_with(struct redis_rig *rig, const char *uri, const char *user, const char *password,
                   int64_t connect_timeout_us, int64_t stall_us)
{
    struct engine_config engine = {.drive = ENTC_DRIVE_HOST};
    struct redis_config config = {.connect_timeout_us = connect_timeout_us,
                                  .stall_us = stall_us,
                                  .max_value_bytes = 1024 * 1024};
    struct redis_address address;

    *rig = (struct redis_rig){.engine = NULL};
    test_allocator_init(&rig->memory);
    rig->log = (struct log){.level = ENTC_LOG_DEBUG, .write = keep_line, .user = rig};
    engine.allocator = &rig->memory.allocator;
    assert_int_equal(engine_new(&engine, &rig->engine, NULL), ENTC_OK);
    assert_int_equal(
        redis_address_parse(&address, uri, user, password, &rig->memory.allocator, NULL), ENTC_OK);
    config.engine = rig->engine;
    config.address = &address;
    config.log = &rig->log;
    assert_int_equal(redis_port_new(&config, &rig->port, NULL), ENTC_OK);
    redis_address_fini(&address);
}

void rig_open(struct redis_rig *rig, const char *uri)
{
    rig_open_with(rig, uri, NULL, NULL, INT64_C(10000000), INT64_C(10000000));
}

static void shut_down(void *context)
{
    struct redis_rig *rig = context;

    rig->port->ops->close(rig->port);
}

void rig_close(struct redis_rig *rig)
{
    assert_int_equal(engine_close(rig->engine, 0, shut_down, rig), ENTC_OK);
    rig->port->ops->free(rig->port);
    engine_unref(rig->engine);
    assert_int_equal(test_allocator_live(&rig->memory), 0);
}

/* ---- batches ---- */

static void keep_value(struct cache_batch *batch, size_t slot, const char *bytes, size_t length)
{
    struct rig_batch *mine = (struct rig_batch *)batch;

    assert_in_range(slot, 0, batch->count - 1);
    mine->values_told++;
    free(mine->values[slot]);
    mine->values[slot] = NULL;
    mine->lengths[slot] = length;
    if (!bytes)
        return;
    mine->values[slot] = malloc(length + 1);
    assert_non_null(mine->values[slot]);
    memcpy(mine->values[slot], bytes, length);
    mine->values[slot][length] = '\0';
}

static void keep_status(struct cache_batch *batch, entc_status status)
{
    struct rig_batch *mine = (struct rig_batch *)batch;

    mine->status = status;
    mine->done_calls++;
    if (mine->then)
        mine->then(mine);
}

struct rig_batch *rig_batch_new(struct redis_rig *rig, enum cache_step step, const char *prefix,
                                size_t count)
{
    const size_t room = strlen(prefix) + 24;
    struct rig_batch *mine = calloc(1, sizeof(*mine));

    assert_non_null(mine);
    mine->rig = rig;
    mine->items = calloc(count, sizeof(*mine->items));
    mine->keys = calloc(count, room);
    mine->values = calloc(count, sizeof(*mine->values));
    mine->lengths = calloc(count, sizeof(*mine->lengths));
    assert_true(mine->items && mine->keys && mine->values && mine->lengths);
    for (size_t i = 0; i < count; i++) {
        char *key = mine->keys + i * room;
        const int length = snprintf(key, room, "%s%zu", prefix, i);

        mine->items[i] = (struct cache_item){.key = {key, (size_t)length},
                                             .token = RIG_TOKEN_A,
                                             .value = {"\"v\"", 3},
                                             .ttl_ms = 60000};
    }
    mine->batch = (struct cache_batch){.step = step,
                                       .items = mine->items,
                                       .count = count,
                                       .value = keep_value,
                                       .done = keep_status};
    return mine;
}

void rig_batch_reset(struct rig_batch *batch)
{
    for (size_t i = 0; i < batch->batch.count; i++) {
        free(batch->values[i]);
        batch->values[i] = NULL;
    }
    batch->values_told = 0;
    batch->done_calls = 0;
    batch->status = ENTC_OK;
}

void rig_batch_free(struct rig_batch *batch)
{
    rig_batch_reset(batch);
    free(batch->items);
    free(batch->keys);
    free(batch->values);
    free(batch->lengths);
    free(batch);
}

entc_status rig_submit(struct rig_batch *batch)
{
    const int done_calls = batch->done_calls;
    const entc_status status = batch->rig->port->ops->submit(batch->rig->port, &batch->batch);

    assert_int_equal(batch->done_calls, done_calls); /* never inside submit */
    return status;
}

void rig_detach(struct rig_batch *batch)
{
    const int done_calls = batch->done_calls;

    batch->rig->port->ops->detach(batch->rig->port, &batch->batch);
    assert_int_equal(batch->done_calls, done_calls);
}

/* ---- driving ---- */

void rig_turn(struct redis_rig *rig)
{
    assert_int_equal(engine_process(rig->engine), ENTC_OK);
}

void rig_rest(struct redis_rig *rig, int timeout_ms)
{
    struct pollfd wait = {.fd = engine_fd(rig->engine), .events = POLLIN};

    poll(&wait, 1, timeout_ms);
    rig_turn(rig);
}

entc_status rig_wait(struct rig_batch *batch)
{
    const int64_t until_us = clock_now_us() + PATIENCE_US;

    rig_turn(batch->rig);
    while (!batch->done_calls) {
        if (clock_now_us() > until_us)
            test_fail("a batch is not done; the log is: %s", batch->rig->logged);
        rig_rest(batch->rig, 100);
    }
    assert_int_equal(batch->done_calls, 1);
    return batch->status;
}

entc_status rig_run(struct rig_batch *batch)
{
    assert_int_equal(rig_submit(batch), ENTC_OK);
    return rig_wait(batch);
}

void rig_run_until_ok(struct rig_batch *batch)
{
    const int64_t until_us = clock_now_us() + PATIENCE_US;

    for (;;) {
        entc_status status = rig_submit(batch);

        if (status == ENTC_OK)
            status = rig_wait(batch);
        if (status == ENTC_OK)
            return;
        assert_int_equal(status, ENTC_E_UNAVAILABLE);
        rig_batch_reset(batch);
        if (clock_now_us() > until_us)
            test_fail("the server does not come back; the log is: %s", batch->rig->logged);
        rig_rest(batch->rig, 1);
    }
}

/* ---- one item ---- */

int32_t rig_step(struct redis_rig *rig, enum cache_step step, const char *key, const char *token,
                 const char *value, int64_t ttl_ms)
{
    struct rig_batch *batch = rig_batch_new(rig, step, "", 1);
    int32_t result = 0;

    batch->items[0] = (struct cache_item){.key = {key, strlen(key)},
                                          .token = token,
                                          .value = {value, value ? strlen(value) : 0},
                                          .ttl_ms = ttl_ms};
    assert_int_equal(rig_run(batch), ENTC_OK);
    result = batch->items[0].result;
    rig_batch_free(batch);
    return result;
}

char *rig_get(struct redis_rig *rig, const char *key)
{
    struct rig_batch *batch = rig_batch_new(rig, CACHE_MGET, "", 1);
    char *value = NULL;

    batch->items[0].key = (struct span){key, strlen(key)};
    assert_int_equal(rig_run(batch), ENTC_OK);
    value = batch->values[0];
    batch->values[0] = NULL;
    rig_batch_free(batch);
    return value;
}

/* ---- the server ---- */

void rig_tell(struct test_redis *redis, const char *command)
{
    redisReply *reply = test_redis_command(redis, command);

    if (reply->type == REDIS_REPLY_ERROR)
        test_fail("%s: %s", command, reply->str);
    freeReplyObject(reply);
}

int64_t rig_connections(struct test_redis *redis)
{
    redisReply *reply = test_redis_command(redis, "INFO stats");
    const char *found = strstr(reply->str, "total_connections_received:");
    int64_t count = 0;

    assert_non_null(found);
    count = strtoll(strchr(found, ':') + 1, NULL, 10);
    freeReplyObject(reply);
    return count;
}
