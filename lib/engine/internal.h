/* The engine's own state, shared by the files of this room only. What is marked (lock) is guarded
 * by `lock`; what is marked (role) is touched only by the thread that holds the drive role. */
#ifndef ENTC_ENGINE_INTERNAL_H
#define ENTC_ENGINE_INTERNAL_H

#include "engine/engine.h"

#include <sys/epoll.h>

#define ENGINE_EVENTS_MAX 64
#define ENGINE_NEVER INT64_MAX

enum engine_life { ENGINE_OPEN, ENGINE_CLOSING, ENGINE_CLOSED };

/* A thread that sleeps in engine_op_wait() or engine_close() because another one drives. Lies on
 * its stack. */
struct engine_sleeper {
    struct list link;       /* (lock) engine->sleepers */
    struct list op_link;    /* (lock) op->waiters, or unlinked */
    struct list group_link; /* (lock) op->group->sleepers, or unlinked */
    pthread_cond_t wake;
    pthread_t thread;
    bool is_woken;    /* (lock) */
    bool is_blocked;  /* (lock) counted in op->blocked_threads, unless the op is done */
    bool wants_drive; /* takes the role when it is woken for that */
};

/* A thread that runs host code now. Lies on its stack. */
struct engine_frame {
    struct list link; /* (lock) */
    pthread_t thread;
    bool is_step; /* on behalf of an accepted operation; otherwise a callback */
};

struct engine {
    atomic_uint references;
    entc_allocator allocator;
    uint32_t drive;
    int64_t (*now_us)(void);
    unsigned char *fork_page; /* 1; the kernel gives a forked child 0 */
    int epoll_fd;             /* what the driver sleeps on: sockets, event_fd, timer_fd */
    int event_fd;             /* the inbox */
    int timer_fd;             /* the first timer, while nobody drives */
    int due_fd;  /* host code is due: stays readable until engine_process() has run it */
    int host_fd; /* epoll over epoll_fd and due_fd: what the host watches */
    atomic_int life;
    atomic_bool is_watched; /* written under the lock: somebody polls host_fd */

    pthread_mutex_t lock;
    pthread_mutex_t closed_lock;    /* recursive: tasks that are posted after the close */
    struct engine_task *inbox;      /* (lock) first */
    struct engine_task **inbox_end; /* (lock) */
    bool is_signalled;              /* (lock) event_fd was written and not read yet */
    bool is_due_signalled;          /* (lock) due_fd was written and not read yet */
    bool is_driven;                 /* (lock) somebody holds the role */
    pthread_t driver;               /* (lock) who holds it, while is_driven */
    bool is_ending;                 /* (lock) the time that a close gives is over */
    bool is_asleep;                 /* (lock) the driver is in epoll_wait, or about to be */
    bool is_processing;             /* (lock) the driver is engine_process(): it delivers next */
    atomic_bool is_wanted;          /* engine_close() wants the role: give it up */
    pthread_t loop_thread;          /* (lock) ENTC_DRIVE_HOST: last caller of process */
    struct list sleepers;           /* (lock) */
    struct engine_sleeper *heir;    /* (lock) woken to take the role, and not awake yet */
    struct list deliveries;         /* (lock) ops whose host code is due */
    struct list open_groups;        /* (lock) closed by engine_process() */
    struct list patient_groups;     /* (lock) open too, but left to threads that entered */
    struct list frames;             /* (lock) */
    atomic_uint frame_count;        /* length of `frames` */

    int64_t turn_us;                  /* (role) */
    int64_t armed_us;                 /* (role) what the timerfd is set to, or ENGINE_NEVER */
    struct engine_timer **heap;       /* (role) 1-based */
    uint32_t heap_count;              /* (role) */
    uint32_t heap_capacity;           /* (role) */
    struct list hooks[ENGINE_PHASES]; /* (role) */
    struct list ops;                  /* (role) under way */
    struct list finishing;            /* (role) */
    struct list helpers;              /* (role) */
    struct epoll_event events[ENGINE_EVENTS_MAX]; /* (role) of this turn */
    int event_count;                              /* (role) */
    int event_next;                               /* (role) */
};

/* timer.c: when the first timer fires, or ENGINE_NEVER; fires all that are due at turn_us. */
int64_t engine_timer_first(const struct engine *engine);
void engine_timer_fire(struct engine *engine);
void engine_timer_fini(struct engine *engine);

/* engine.c: closes what is open; the parent of a forked child does not notice. */
void engine_close_descriptors(struct engine *engine);

/* reactor.c [driver]: runs the inbox once, then the phases until none is left. */
void engine_run_ready(struct engine *engine);
/* Sleeps at most `limit_us` for sockets (0: only looks), hands out their events, then fires timers.
 */
void engine_poll(struct engine *engine, int64_t limit_us);
/* (lock held) Queues a task and wakes whoever must see it. */
void engine_post_locked(struct engine *engine, struct engine_task *task);
/* (lock held) Makes event_fd readable, once: for a driver that sleeps, or for the host. */
void engine_signal_locked(struct engine *engine);
/* Sets the timerfd to the first timer, for a host that sleeps on the descriptor. */
void engine_arm(struct engine *engine);

/* host.c: whether this thread may submit now (lock held). */
bool engine_accepts_locked(struct engine *engine);

/* drive.c: sleepers; all with the lock held, which sleeping lets go meanwhile. `op` may be NULL. */
void engine_sleeper_init(struct engine_sleeper *sleeper, bool wants_drive);
void engine_sleeper_fini(struct engine_sleeper *sleeper);
void engine_sleep_locked(struct engine *engine, struct engine_sleeper *sleeper, entc_op *op,
                         int64_t until_us);
void engine_wake_locked(struct engine_sleeper *sleeper);
void engine_wake_all_locked(struct engine *engine);
/* (lock held, nobody drives) Sees to it that somebody goes on with what is left. */
void engine_role_offer_locked(struct engine *engine);

/* host.c (lock held): queues an operation's host code. */
void engine_host_due_locked(entc_op *op);
/* Whose host code a thread that waits for `op` may run now: its own, or a step of its group. */
entc_op *engine_host_next_locked(entc_op *op);
/* A step that has not run by now never will: its operation is over. True when it was queued; its
 * reference is then the caller's. */
bool engine_host_forget_step_locked(entc_op *op);
/* (lock held; let go meanwhile) Runs the host code that is due for one operation; for all. */
void engine_host_run_locked(struct engine *engine, entc_op *op);
void engine_host_run_all_locked(struct engine *engine);
/* Keeps the host's descriptor readable as long as host code is due. */
void engine_host_signal_locked(struct engine *engine);

/* group.c (lock held) */
void engine_groups_close_locked(struct engine *engine);
/* The same for engine_process(): those of which threads entered get their patience. */
void engine_groups_process_locked(struct engine *engine);
/* Closes the group if a blocked thread cannot expect more of it. */
void engine_group_consider_locked(struct engine_group *group);
/* A thread begins to block for an operation, or stops to; twice is as once. */
void engine_group_block_locked(entc_op *op, struct engine_sleeper *sleeper);
void engine_group_unblock_locked(entc_op *op, struct engine_sleeper *sleeper);
/* The operation is done: nobody is blocked by it any more. */
void engine_group_op_done_locked(entc_op *op);
void engine_group_wake_locked(struct engine_group *group);

/* op.c [driver]: makes completed operations done; true when there were any. */
bool engine_op_finish_all(struct engine *engine);
/* Ends every operation under way with this status. */
void engine_op_abandon_all(struct engine *engine, entc_status status);
/* (lock held) Wakes the threads that wait for it. */
void engine_op_wake_locked(entc_op *op);

#endif
