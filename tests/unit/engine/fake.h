/* Fake operations and instruments for the tests of the engine room.
 *
 * A test waits for conditions, each with a generous bound after which the program aborts; CHECK()
 * is the assertion for threads other than cmocka's own. */
#ifndef TESTS_UNIT_ENGINE_FAKE_H
#define TESTS_UNIT_ENGINE_FAKE_H

#include "engine/internal.h"
#include "test.h"

/* What became of an operation; outlives it. */
struct seen {
    atomic_int started;
    atomic_int abandoned;
    atomic_int destroyed;
    atomic_int called; /* the callback */
    _Atomic entc_status status;
    _Atomic pthread_t called_by;
};

struct fake {
    entc_op op; /* first */
    struct seen *seen;
    int fd;                    /* fake_pipe */
    int64_t after_us;          /* fake_timer */
    int poke_fd;               /* fake_pipe: one byte is written there at the start; -1: none */
    entc_status finish_status; /* fake_finish() */
    void (*on_start)(struct fake *fake);
    void *context;
    struct engine_watch watch;
    struct engine_timer timer;
    struct engine_task finish_task;
};

extern const struct engine_op_kind fake_inert; /* is ended from outside */
extern const struct engine_op_kind fake_ready; /* is completed by its start */
extern const struct engine_op_kind fake_pipe;  /* by one byte that can be read from `fd` */
extern const struct engine_op_kind fake_timer; /* `after_us` after its start */

/* No deadline; the callback fake_done() counts in `seen`. */
struct fake *fake_new(struct engine *engine, const struct engine_op_kind *kind, struct seen *seen);
struct fake *fake_new_pipe(struct engine *engine, int fd, struct seen *seen);
struct fake *fake_new_timer(struct engine *engine, int64_t after_us, struct seen *seen);
void fake_done(entc_op *op, void *user);
void fake_submit(struct fake *fake);
/* Any thread: completes it by a task. */
void fake_finish(struct fake *fake, entc_status status);

/* Engines on the real clock, and on one that stands still until fake_clock_us is changed. */
struct engine *fake_engine(uint32_t drive);
struct engine *fake_engine_clocked(uint32_t drive);
/* Closes at once and gives the reference back. */
void fake_engine_free(struct engine *engine);
extern _Atomic int64_t fake_clock_us;

struct channel {
    int in;  /* read end */
    int out; /* write end */
};

struct channel channel_open(void);
void channel_put(const struct channel *channel);
void channel_close(const struct channel *channel);

/* Any thread. */
void fake_check(bool is_true, const char *what, const char *file, int line);
#define CHECK(condition) fake_check((condition), #condition, __FILE__, __LINE__)

void await(bool (*is_true)(const void *), const void *what, const char *sentence);
void await_count(const atomic_int *count, int at_least);
/* Until the driver sleeps in epoll_wait. */
void await_driver_asleep(struct engine *engine);
/* Until so many threads sleep because another one drives. */
void await_sleepers(struct engine *engine, size_t count);
/* Until all host code runs or ran, and nobody drives. */
void await_undriven(struct engine *engine);

bool is_readable(int fd);
void await_readable(int fd);
/* Processes whenever the descriptor is readable, until the count is reached. */
void process_until(struct engine *engine, const atomic_int *count, int at_least);

void thread_start(pthread_t *thread, void *(*run)(void *), void *argument);
void thread_join(pthread_t thread);

#endif
