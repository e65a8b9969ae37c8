/* The redis room on the real engine, without operations: a test submits batches of its own and
 * drives until they are done. */
#ifndef ENTC_TEST_REDIS_RIG_H
#define ENTC_TEST_REDIS_RIG_H

#include "allocator.h"
#include "redis/redis.h"
#include "servers.h"

#define RIG_TOKEN_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define RIG_TOKEN_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct redis_rig {
    struct test_allocator memory;
    struct engine *engine;
    struct cache_port *port;
    struct log log;
    char logged[8192];
    int lines[ENTC_LOG_DEBUG + 1]; /* of each level */
};

/* A batch with its items and what it was told. */
struct rig_batch {
    struct cache_batch batch; /* first */
    struct redis_rig *rig;
    struct engine_task task;
    struct cache_item *items;
    char *keys;
    char **values; /* MGET: NULL for nil */
    size_t *lengths;
    uint32_t values_told;
    entc_status submitted;
    entc_status status;
    int done_calls;
    void (*then)(struct rig_batch *batch); /* at the end of done; may be NULL */
};

/* Patient: 10 s to connect, 10 s of silence, values of 1 MiB. */
void rig_open(struct redis_rig *rig, const char *uri);
/* `user` and `password` as in redis_address_parse(). */
void rig_open_with(struct redis_rig *rig, const char *uri, const char *user, const char *password,
                   int64_t connect_timeout_us, int64_t stall_us);
/* Closes everything and asserts that no memory is left. */
void rig_close(struct redis_rig *rig);

/* `count` keys "<prefix>0", "<prefix>1" ... Tokens are A, times to live a minute, values "\"v\"".
 */
struct rig_batch *rig_batch_new(struct redis_rig *rig, enum cache_step step, const char *prefix,
                                size_t count);
void rig_batch_free(struct rig_batch *batch);
/* Submits as the driver would, without sending; returns what submit said. */
entc_status rig_submit(struct rig_batch *batch);
void rig_detach(struct rig_batch *batch);
/* Submits, asserts that it is taken, and drives until it is done. Returns its status. */
entc_status rig_run(struct rig_batch *batch);
/* One turn of the engine, without waiting. */
void rig_turn(struct redis_rig *rig);
/* Waits at most `timeout_ms` for something to do, then a turn. */
void rig_rest(struct redis_rig *rig, int timeout_ms);
/* Drives until the batch is done; fails the test after 20 s. */
entc_status rig_wait(struct rig_batch *batch);
/* Submits again and again (a backoff is over some time) until it is done with ENTC_OK. */
void rig_run_until_ok(struct rig_batch *batch);
/* A batch that was done or refused, ready to be submitted again. */
void rig_batch_reset(struct rig_batch *batch);

/* For one item: makes the batch, runs it, asserts ENTC_OK, returns the result. `key` and `value`
 * are texts. */
int32_t rig_step(struct redis_rig *rig, enum cache_step step, const char *key, const char *token,
                 const char *value, int64_t ttl_ms);
/* MGET of one key: its value in memory of malloc(), or NULL for nil. */
char *rig_get(struct redis_rig *rig, const char *key);

/* Runs a command without arguments to be quoted, and fails the test when it fails. */
void rig_tell(struct test_redis *redis, const char *command);
/* Connections that the server has accepted, this function's own included. */
int64_t rig_connections(struct test_redis *redis);

#endif
