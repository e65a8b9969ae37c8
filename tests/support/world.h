/* A small world for the tests of repositories and relations: the real engine in HOST mode on a
 * clock that only the test moves, both fake ports, and two repositories.
 *
 * User: key `id` (INT64), `name`; table "users", TTL as the engine's (300 s, negative 20 s).
 * Tag: key `code` (TEXT), `name`; table "tags".
 * Everything but the fakes takes its memory from `memory`; world_free() fails the test when any of
 * it is left. */
#ifndef ENTC_TEST_WORLD_H
#define ENTC_TEST_WORLD_H

#include "allocator.h"
#include "fake_ports.h"
#include "relation/relation.h"
#include "repository/repository.h"
#include "test.h"

#define WORLD_TIMEOUT_US INT64_C(5000000)
#define WORLD_REDIS_TIMEOUT_US INT64_C(20000)

struct user {
    int64_t id;
    entc_str name;
};

struct tag {
    entc_str code;
    entc_str name;
};

struct world {
    struct test_allocator memory;
    struct engine *engine;
    struct fake_journal journal;
    struct fake_cache cache;
    struct fake_db db;
    struct repository_services *services;
    struct entc_repository_impl *users;
    struct entc_repository_impl *tags;
};

struct world *world_new(void);
/* In WAITERS mode and real time, for threads. */
struct world *world_new_waiters(void);
/* The same as world_new() with an allocator that fails at the n-th allocation; NULL when that made
 * the making fail, which must have left nothing behind. */
struct world *world_new_failing(uint64_t n, bool from_then_on);
/* Closes and frees all; returns how many allocations were asked for. */
uint64_t world_free(struct world *world);
/* One call of engine_process(). */
void world_turn(struct world *world);
/* Turns until nothing moves any more without the test. */
void world_settle(struct world *world);
void world_advance(struct world *world, int64_t microseconds);
int64_t world_now(void);

/* What the driver does next, in a turn of its own. */
void world_cache_answer(struct world *world);
void world_cache_deliver(struct world *world, size_t delivered);
void world_cache_fail(struct world *world, size_t delivered, bool is_lost);
void world_db_answer(struct world *world);
void world_db_fail(struct world *world, size_t delivered, entc_status status, bool is_lost,
                   const char *message);

/* A call that ends in WORLD_TIMEOUT_US. */
struct repository_call world_call(struct entc_request *request);
struct entc_request *world_request_new(struct world *world);
/* With limits: statements, commands, rows; 0: none. */
struct entc_request *world_request_limited(struct world *world, uint64_t sql_queries,
                                           uint64_t redis_commands, uint64_t rows);
/* What the request has taken of a limit; how often its account of an entity gave a reason. */
uint64_t world_charged(struct entc_request *request, enum ledger_limit limit);
uint64_t world_why(struct entc_request *request, const char *entity, enum why why);
uint64_t world_account(struct entc_request *request, const char *entity,
                       enum tally_counter counter);
void world_value(entc_value *value, int64_t number);

/* Submits a read of users; must be accepted. */
entc_op *world_get(struct world *world, const int64_t *ids, size_t count);
entc_op *world_get_in(struct world *world, struct entc_request *request, const int64_t *ids,
                      size_t count);
/* world_get(), world_settle(), and it must be done with this status. */
entc_op *world_read(struct world *world, const int64_t *ids, size_t count, entc_status status);

/* The operation is done, well, and its slot is that user; an absent one; a failed one. */
void assert_user(entc_op *op, size_t slot, int64_t id, const char *name);
void assert_slot(entc_op *op, size_t slot, entc_status status);
void assert_done(entc_op *op, entc_status status);
void assert_under_way(entc_op *op);
/* What the fakes were asked since the last time. */
#define assert_journal(world, text) assert_string_equal(fake_journal_take(&(world)->journal), text)
#define assert_counter(world, counter, amount) \
    assert_int_equal(world_counter((world)->services->tally, TALLY_##counter), amount)
uint64_t world_counter(struct tally *tally, enum tally_counter counter);

#endif
