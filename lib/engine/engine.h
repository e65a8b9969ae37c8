/* engine: the reactor. One pollable descriptor, timers, an inbox, operations, and who drives.
 *
 * One thread drives at a time and holds the *drive role*; all functions marked [driver] are called
 * only by it, so what they touch needs no lock. Everything else is for any thread. Who drives is
 * decided here and nowhere else. ENTC_DRIVE_WAITERS: a thread that waits takes the role when it is
 * free, and hands it to another waiter when its own operation is done. ENTC_DRIVE_HOST: only
 * engine_process() and the loop thread's own waits take it.
 *
 * A turn of the driver: inbox -> phases -> (sleep in epoll_wait) -> sockets -> timers -> phases.
 * Sockets are read, and the inbox is emptied, before any deadline is judged. Phases run in order
 * until none is left: DISPATCH (repositories close their open batches), FLUSH (connections offer
 * their bytes to send), then the operations completed meanwhile become done. So an operation is
 * done for its caller only after its fills were offered to send.
 *
 * Host code (callbacks, host steps) runs with the role released and no lock held, only in
 * engine_process(), engine_close() (where the role stays with the closing thread), or a wait for
 * that very operation, for host steps also a wait for another one of its group; at most one piece
 * of it at a time for one operation. */
#ifndef ENTC_ENGINE_ROOM_H
#define ENTC_ENGINE_ROOM_H

#include "base/base.h"

#include <entitycache/op.h>
#include <pthread.h>
#include <stdatomic.h>

struct engine;

struct engine_config {
    uint32_t drive;          /* ENTC_DRIVE_WAITERS, ENTC_DRIVE_HOST */
    int64_t (*now_us)(void); /* NULL: clock_now_us; tests give a fake one */
    const entc_allocator *allocator;
};

entc_status engine_new(const struct engine_config *config, struct engine **ret_engine,
                       entc_error **reterr);
struct engine *engine_ref(struct engine *engine);
/* The last reference frees what engine_close() left; engine_close() must have been called, or the
 * process forked. */
void engine_unref(struct engine *engine);

const entc_allocator *engine_allocator(const struct engine *engine);
/* Also notes that somebody watches it: from then on it is readable whenever engine_process() has
 * work, also while another thread drives. -1 when the system refuses. */
int engine_fd(struct engine *engine);
/* True in a child of the process that made the engine: a MADV_WIPEONFORK page tells. Costs a load.
 */
bool engine_is_forked(const struct engine *engine);
/* ENTC_OK, ENTC_E_FORKED, ENTC_E_CLOSED: what a new call meets. While a close gives operations time
 * to end, what they need themselves is still accepted: from the driver, and from their host steps.
 */
entc_status engine_admits(struct engine *engine);
/* True while this thread runs host code of this engine (a callback or a host step): blocking is
 * then refused. */
bool engine_in_callback(struct engine *engine);

/* See entc_engine_process() and entc_engine_close(). close calls `shutdown` [driver] once, after
 * the last operation is done, to close connections; helper threads are joined after it. It also
 * waits for host code that other threads run at that moment. In a forked child it closes the
 * engine's own descriptors and does nothing else. */
entc_status engine_process(struct engine *engine);
entc_status engine_close(struct engine *engine, int64_t timeout_us, void (*shutdown)(void *context),
                         void *context);

/* Microseconds of the engine's clock. [driver] engine_turn_us() is read once a turn: cheap, for
 * timers. */
int64_t engine_now_us(const struct engine *engine);
int64_t engine_turn_us(const struct engine *engine);

/* ---- inbox: work from any thread ---- */

struct engine_task {
    struct engine_task *next;
    void (*run)(struct engine_task *task); /* [driver]; may free the task */
};

/* Queues a task and wakes the driver. The task's memory lives until it ran. Never fails. Tasks
 * posted before engine_close() run in it at the latest; once the engine is closed a task runs
 * inline, one at a time; in a forked child it is dropped. */
void engine_post(struct engine *engine, struct engine_task *task);

/* ---- timers [driver] ---- */

struct engine_timer {
    int64_t at_us;
    uint32_t position; /* in the heap, 1-based; 0: not set */
    struct list link;  /* once it is due, until it fires */
    void (*fire)(struct engine_timer *timer);
};

/* Sets or moves; false when memory is out (then it is not set). Set while timers fire, it fires in
 * a later turn, also when its time is over. */
bool engine_timer_set(struct engine *engine, struct engine_timer *timer, int64_t at_us);
void engine_timer_stop(struct engine *engine, struct engine_timer *timer); /* also when not set */

/* ---- descriptors [driver] ---- */

struct engine_watch {
    int fd;          /* -1: not watched */
    uint32_t events; /* EPOLLIN, EPOLLOUT */
    void (*ready)(struct engine_watch *watch, uint32_t events);
};

entc_status engine_watch_add(struct engine *engine, struct engine_watch *watch, int fd,
                             uint32_t events);
entc_status engine_watch_change(struct engine *engine, struct engine_watch *watch, uint32_t events);
/* Before the descriptor is closed. Events already read for it in this turn are dropped. */
void engine_watch_remove(struct engine *engine, struct engine_watch *watch);

/* ---- phases [driver] ---- */

enum engine_phase { ENGINE_DISPATCH, ENGINE_FLUSH, ENGINE_PHASES };

struct engine_hook {
    struct list link;
    void (*run)(struct engine_hook *hook);
};

/* Runs the hook once in that phase of this turn (or of the next one, when the phase is over); a
 * second call before it ran does nothing. */
void engine_hook_set(struct engine *engine, struct engine_hook *hook, enum engine_phase phase);
void engine_hook_stop(struct engine_hook *hook);

/* ---- helper threads: what may block (name resolution, PQcancel) ---- */

struct engine_helper {
    struct engine_task done_task; /* these four are the engine's */
    struct list link;
    pthread_t thread;
    struct engine *engine;
    void (*work)(struct engine_helper *helper); /* on the helper thread, all signals blocked;
                                                   touches only its own struct */
    void (*done)(struct engine_helper
                     *helper); /* [driver], after the thread was joined; may free the helper */
};

/* Starts one short-lived thread. [driver]. ENTC_E_SYSTEM when no thread can be had. Close waits for
 * it. */
entc_status engine_helper_start(struct engine *engine, struct engine_helper *helper);

/* ---- groups: operations that belong together, such as those of one request ----
 *
 * What its owner has begun to collect, and not sent, makes a group *open*; closing sends it. It is
 * closed by the next engine_process(), by engine_close(), by its timer, and by a thread that blocks
 * for an operation of the group when nobody is left who could add to it: every thread that entered
 * is blocked, and no host step of the group is due or runs. As long as somebody is left, a blocked
 * thread has `patience_us` and no more, and so has engine_process() when threads entered. So what
 * is waited for is always sent. */

struct engine_group {
    struct engine *engine; /* borrowed: the owner holds it */
    int64_t patience_us;
    void (*close)(struct engine_group *group); /* [driver] sends what was collected */
    void (*unref)(struct engine_group *group); /* gives a reference of the owner back */
    struct list ops;                           /* [driver] under way */
    struct engine_timer timer;                 /* [driver] closes it */
    struct engine_task close_task;
    struct engine_task arm_task;
    struct list due;      /* under the engine's lock, as all that follows: ops with a due step */
    struct list sleepers; /* threads that wait for an op of the group */
    struct list link;     /* among the engine's open or patient groups */
    atomic_bool has_due;  /* `due` is not empty */
    atomic_uint ending;   /* operations that are completed and not done yet */
    bool is_open;
    bool is_closing; /* close_task is queued */
    bool is_arming;  /* arm_task is queued */
    uint32_t entered;
    uint32_t blocked; /* threads that wait for an operation which is not done */
    uint32_t inside;  /* threads that run a host step */
    int64_t close_at_us;
};

void engine_group_init(struct engine_group *group, struct engine *engine,
                       void (*close)(struct engine_group *group),
                       void (*unref)(struct engine_group *group));
/* Any thread. True when the group was shut: it takes one reference of the owner then, and gives it
 * back when it was closed. False when it is open, or the engine is closed. */
bool engine_group_open(struct engine_group *group);
/* Any thread: closes it at that time (engine clock) at the latest; nothing when it is not open. */
void engine_group_close_at(struct engine_group *group, int64_t at_us);
/* Any thread: closes it in the driver's next turn; nothing when it is not open. */
void engine_group_close(struct engine_group *group);
/* Any thread. leave is false when nobody entered. */
void engine_group_enter(struct engine_group *group);
bool engine_group_leave(struct engine_group *group);
/* [driver] Ends every operation of the group that is under way; "<operation> <why>". */
void engine_group_end(struct engine_group *group, entc_status status, const char *why);

/* ---- operations ---- */

struct engine_op_kind {
    const char *name;
    void (*start)(entc_op *op); /* [driver] begins; may complete */
    void (*abandon)(
        entc_op *op);             /* [driver] deadline, cancel or close: detach from everything it
                                     waits for. The engine completes it right after, with op->status,
                                     which is set. Not called once it is completed. May be NULL. */
    void (*destroy)(entc_op *op); /* last reference gone, any thread: free results and the memory of
                                     the op itself */
    void (*explain)(entc_op *op, entc_error **error); /* [driver] may add to the story of a
                                                         deadline, cancel or close. May be NULL. */
};

enum engine_op_state {
    ENGINE_OP_NEW,       /* not accepted yet */
    ENGINE_OP_UNDER_WAY, /* the engine holds a reference */
    ENGINE_OP_COMPLETED, /* status is set; done at the end of the phases */
    ENGINE_OP_DONE       /* results may be read by any thread */
};

/* The head of every operation; a room embeds it first in its own struct. */
struct entc_op {
    atomic_uint references;
    atomic_int state;      /* enum engine_op_state */
    struct engine *engine; /* a reference */
    const struct engine_op_kind *kind;
    struct engine_group *group; /* set before the submit, or NULL; the room holds it as long as the
                                   operation is referenced */
    entc_status status;         /* valid once completed */
    entc_error *error;          /* owned; NULL, or the story of status */
    int64_t deadline_us;        /* engine clock; INT64_MAX: none */
    entc_done_fn done;
    void *user;
    void (*then)(entc_op *op, void *context); /* [driver] when done; internal continuation */
    void *then_context;
    void (*step)(entc_op *op); /* under the engine's lock: host step that is due */
    atomic_bool is_due;        /* written under the engine's lock: host code is due */
    bool is_inside;            /* under the engine's lock: its host code runs now */
    bool is_due_again;         /* under the engine's lock: more of it is due after that */
    struct engine_timer timer;
    struct engine_task start_task;
    struct engine_task cancel_task;
    atomic_bool cancel_posted;
    struct list link;         /* [driver] all ops under way */
    struct list finishing;    /* [driver] completed, to become done at the end of the phases */
    struct list delivery;     /* under the engine's lock: host code is due */
    struct list waiters;      /* under the engine's lock */
    struct list group_link;   /* [driver] in group->ops */
    struct list group_due;    /* under the engine's lock: in group->due */
    uint32_t blocked_threads; /* under the engine's lock: counted in group->blocked */
};

/* Prepares the head: one reference for the caller. Takes a reference of the engine. `done` may be
 * NULL. */
void engine_op_init(entc_op *op, struct engine *engine, const struct engine_op_kind *kind,
                    int64_t deadline_us, entc_done_fn done, void *user);
/* For `destroy`: drops the error and the engine's reference. */
void engine_op_fini(entc_op *op);
entc_op *engine_op_ref(entc_op *op);
void engine_op_unref(entc_op *op);

/* Hands the operation to the engine, which holds a reference until it is done. ENTC_E_CLOSED or
 * ENTC_E_FORKED when it is not accepted: then no callback comes. Never runs host code, never starts
 * it inline. */
entc_status engine_op_submit(entc_op *op);
/* [driver] Ends the operation. `error` (may be NULL) is taken. A second call is ignored (its error
 * is freed). */
void engine_op_complete(entc_op *op, entc_status status, entc_error *error);
/* [driver] Ends it from outside, if it is under way: abandons, and completes with "<operation>
 * <why>". */
void engine_op_end(entc_op *op, entc_status status, const char *why);
/* [driver] Whether engine_op_complete() was called. */
bool engine_op_is_completed(const entc_op *op);
/* Any thread: done, and its results may be read. */
bool engine_op_is_done(const entc_op *op);
/* [driver] Calls `then` when the operation is done; at once if it is. One per operation. NULL
 * removes it. */
void engine_op_then(entc_op *op, void (*then)(entc_op *op, void *context), void *context);
/* [driver] Has `step` called once as host code on behalf of this operation (see top); never, when
 * the operation is completed before it began. */
void engine_op_host_step(entc_op *op, void (*step)(entc_op *op));
/* See entc_op_wait(), entc_op_cancel(). */
entc_status engine_op_wait(entc_op *op, int64_t timeout_us);
void engine_op_cancel(entc_op *op);

#endif
