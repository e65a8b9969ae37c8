/* What the fault tests share beyond the contract's fixture: a proxy before each server, reads whose
 * answers are compared with the rows, and what "recovered" means.
 *
 * The engine is patient, so that a busy machine is not taken for a fault, until a test calls
 * fault_hurry(). Leases live 200 ms. */
#ifndef ENTC_TEST_FAULT_H
#define ENTC_TEST_FAULT_H

#include "fixture.h"
#include "proxy.h"

/* After a fault the next calls are as good as before within so long. Sanitizers and a busy machine
 * are given the same again. */
#define FAULT_RECOVERY_US INT64_C(2000000)
/* Well above what takes no waiting, well below every time limit that a test lets pass. */
#define FAULT_SOON_US INT64_C(2000000)

struct fault {
    struct fixture *f;
    struct test_proxy *redis;
    struct test_proxy *postgres;
    char redis_uri[160];
    char conninfo[256]; /* of the proxy */
};

struct fault_way {
    uint32_t drive; /* first: fixture_open() reads it */
    int is_tcp;     /* between the library and the proxies */
};

extern struct fault_way fault_unix;
extern struct fault_way fault_tcp;
extern struct fault_way fault_host;

/* For each test, after fixture_start() or fixture_start_own(): the fixture's, with proxies between.
 */
int fault_open(void **state);
int fault_close(void **state);

/* clang-format off */
#define OVER_UNIX(test) {#test, test, fault_open, fault_close, &fault_unix}
#define OVER_TCP(test) {#test " (tcp)", test, fault_open, fault_close, &fault_tcp}
#define IN_HOST_DRIVE(test) {#test " (host)", test, fault_open, fault_close, &fault_host}
/* clang-format on */

/* A new engine from f->options, whose servers are the proxies. */
void fault_remake(struct fault *fault);

/* A new engine that gives Redis 50 ms, closes a connection after 300 ms of silence, takes 500 ms to
 * connect and 5 s for a call. */
void fault_hurry(struct fault *fault);

/* The campaigns 1 to `count` (8 at most) and one that does not exist, by get_many; what is answered
 * is compared with the rows. Returns the call's status. */
entc_status fault_try_read(struct fault *fault, int64_t count);
/* The same, and it must be ENTC_OK. */
void fault_read(struct fault *fault, int64_t count);
/* The same, within FAULT_SOON_US. */
void fault_read_soon(struct fault *fault, int64_t count);
/* get_by_id of a campaign; the row is compared. */
entc_status fault_try_get(struct fault *fault, int64_t id);

/* Empties the cache, without the proxy. */
void fault_empty_cache(struct fault *fault);
/* Reads until the cache has all of the first `count` campaigns. */
void fault_warm(struct fault *fault, int64_t count);
/* Reads until one is answered by the cache alone, without a failure; no call may fail meanwhile.
 * Fails the test when that takes longer than FAULT_RECOVERY_US. */
void fault_recover(struct fault *fault);
/* The same, but reads may fail until then: the database was gone too. */
void fault_recover_both(struct fault *fault);
/* Drives the engine until the proxy has made so many cuts. */
void fault_await_cuts(struct fault *fault, struct test_proxy *proxy, int64_t cuts);

/* Runs SQL on the server, without the proxy, that gives an integer. */
int64_t fault_ask(struct fault *fault, const char *sql);
/* Tells Redis, without the proxy, and forgets the reply. */
void fault_tell_redis(struct fault *fault, const char *command);

#endif
