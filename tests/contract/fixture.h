/* What the contract tests share: a Redis and a PostgreSQL for each program, and for each test a
 * fresh engine over the campaigns and their events.
 *
 * A test runs once in each drive mode with the same body: the thread of the test made the engine,
 * so in ENTC_DRIVE_HOST it is the loop thread and its blocking calls drive inline. Conditions are
 * waited for with a bound; nothing sleeps and hopes. Checks with cmocka are for the thread of the
 * test alone: other threads count their failures. */
#ifndef ENTC_TEST_FIXTURE_H
#define ENTC_TEST_FIXTURE_H

#include "servers.h"
#include "test.h"

#include <entitycache.h>
#include <stdbool.h>

/* A condition that has not come after so long never will; generous, for valgrind on a busy machine.
 */
#define FIXTURE_PATIENCE_MS 30000

/* Campaign c (1 to 8) is titled "Campaign <c>". Its events are numbered c * 100 + 1 and on, titled
 * "Event <id>", and ranked 1, 0, 1, 0, ... in a column that the entity does not declare. */
#define FIXTURE_CAMPAIGNS 8
/* Of each campaign; [0] is none. */
extern const int64_t fixture_event_counts[FIXTURE_CAMPAIGNS + 1];
#define FIXTURE_EVENTS 19 /* their sum */

typedef struct Campaign {
    int64_t id;
    entc_str title;
} Campaign;

typedef struct Event {
    int64_t id;
    entc_str title;
    int64_t campaign_id;
} Event;

extern const entc_entity_desc fixture_campaign;
extern const entc_entity_desc fixture_event;
extern const entc_model_desc fixture_campaign_table;
extern const entc_model_desc fixture_event_table;
extern const entc_relation_desc fixture_has_events;

/* Tables that a test may hold locked at a time. */
#define FIXTURE_LOCKS 2

struct fixture {
    uint32_t drive;
    struct test_redis redis;
    struct test_postgres postgres;
    bool is_postgres_down;
    entc_engine_options options; /* those of `engine`; Redis may take 5 s */
    entc_engine *engine;
    BaseCacheRepository *campaigns;
    BaseCacheRepository *events;
    entc_relation *has_events;
    entc_error *error; /* for every reterr */
    void *locks[FIXTURE_LOCKS];
};

/* ---- programs and tests ---- */

/* For cmocka_run_group_tests: the servers. */
int fixture_start(void **state);
/* The same, but PostgreSQL is the program's own: it may be stopped. */
int fixture_start_own(void **state);
int fixture_stop(void **state);
/* For each test: servers up, empty cache, the tables as above, engine, repositories, relation. */
int fixture_open(void **state);
int fixture_close(void **state);

extern uint32_t fixture_waiters;
extern uint32_t fixture_host;

/* One test, in both drive modes. Formatted by hand: the tool takes #test for a directive. */
/* clang-format off */
#define IN_BOTH_DRIVES(test)                                                   \
    {#test " (waiters)", test, fixture_open, fixture_close, &fixture_waiters}, \
    {#test " (host)", test, fixture_open, fixture_close, &fixture_host}
/* clang-format on */

/* The engine, its repositories and its relation alone, from f->options. */
void fixture_make_engine(struct fixture *f);
void fixture_free_engine(struct fixture *f);

/* Of fixture_start_own() only. `mode` as in test_postgres_stop(). */
void fixture_stop_postgres(struct fixture *f, const char *mode);
void fixture_start_postgres(struct fixture *f);

/* ---- checks ---- */

void fixture_check(const struct fixture *f, entc_status got, entc_status wanted, const char *call,
                   const char *file, int line);

/* `call` may write to f->error; its story is shown when the status is another. */
#define assert_status(f, call, wanted)                                 \
    do {                                                               \
        entc_status got_ = (call);                                     \
        fixture_check((f), got_, (wanted), #call, __FILE__, __LINE__); \
    } while (0)
#define assert_ok(f, call) assert_status(f, call, ENTC_OK)

/* The text holds the part; for messages. */
void fixture_assert_says(const char *text, const char *part);

void fixture_assert_campaign(const entc_entity *entity, int64_t id);
void fixture_assert_event(const entc_entity *entity, int64_t id);

/* The keys in Redis are exactly these: names, sorted, one space between. */
void fixture_assert_keys(struct fixture *f, const char *names);
/* The value of a key; NULL: there is none. */
void fixture_assert_value(struct fixture *f, const char *key, const char *value);

/* ---- asking ---- */

entc_value fixture_id(int64_t number);
entc_value fixture_text(const char *text);

/* get_by_id that has to succeed; the caller unrefs. */
entc_entity *fixture_get(struct fixture *f, BaseCacheRepository *repository, int64_t id);
/* get_many of ids from..to, all of which exist, and drops them. */
void fixture_warm(struct fixture *f, BaseCacheRepository *repository, int64_t from, int64_t to);

/* What the engine counted. */
entc_counters fixture_counters(const struct fixture *f);
/* What it counted since. */
entc_counters fixture_since(const struct fixture *f, const entc_counters *before);
/* Commands of every kind that Redis has run, but for INFO. */
int64_t fixture_redis_commands(struct fixture *f);

/* ---- driving and waiting ---- */

int64_t fixture_now_us(void);
/* Waits until the engine's descriptor is readable, at most so long, and processes. False when it
 * was not. */
bool fixture_turn(struct fixture *f, int timeout_ms);
/* Turns until the condition is met; fails the test when it never is. */
void fixture_drive_until(struct fixture *f, bool (*is_met)(void *context), void *context);
/* Turns until the operation is done, and gives its status. */
entc_status fixture_finish(struct fixture *f, entc_op *op);
/* Turns until so many entries, since the engine was made, are on their way to the cache and no
 * reader's lease stands there any more: then they have arrived. */
void fixture_await_fills(struct fixture *f, uint64_t count);

/* Holds a lock that lets no statement read the table, on a connection of its own, until the unlock
 * or the end of the test. */
void *fixture_lock(struct fixture *f, const char *table);
void fixture_unlock(void *lock);
/* How many statements wait for a lock in PostgreSQL is `count`: waits for it. `f` is driven. */
void fixture_await_locked(struct fixture *f, int64_t count);

#endif
