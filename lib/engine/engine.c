/* Making, sharing and freeing an engine; the page by which a forked child knows that it is one. */
#include "engine/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

static entc_status refuse(entc_error **reterr, const char *what)
{
    error_set(reterr, ENTC_E_SYSTEM, "engine", "%s failed: %s", what, strerror(errno));
    error_hint(reterr, "raise the limit of open descriptors (ulimit -n) or close unused engines");
    return ENTC_E_SYSTEM;
}

static entc_status open_fork_page(struct engine *engine, entc_error **reterr)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return refuse(reterr, "mmap");
    engine->fork_page = page;
    if (madvise(page, size, MADV_WIPEONFORK) < 0)
        return refuse(reterr, "madvise(MADV_WIPEONFORK)");
    *engine->fork_page = 1;
    return ENTC_OK;
}

static bool watch_own(int epoll_fd, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = fd}};

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *fd, &event) == 0;
}

static entc_status open_descriptors(struct engine *engine, entc_error **reterr)
{
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll_fd < 0)
        return refuse(reterr, "epoll_create1");
    engine->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (engine->event_fd < 0)
        return refuse(reterr, "eventfd");
    engine->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (engine->timer_fd < 0)
        return refuse(reterr, "timerfd_create");
    if (!watch_own(engine->epoll_fd, &engine->event_fd) ||
        !watch_own(engine->epoll_fd, &engine->timer_fd))
        return refuse(reterr, "epoll_ctl");
    engine->due_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (engine->due_fd < 0)
        return refuse(reterr, "eventfd");
    engine->host_fd = epoll_create1(EPOLL_CLOEXEC);
    if (engine->host_fd < 0)
        return refuse(reterr, "epoll_create1");
    if (!watch_own(engine->host_fd, &engine->due_fd) ||
        (atomic_load(&engine->is_watched) && !watch_own(engine->host_fd, &engine->epoll_fd)))
        return refuse(reterr, "epoll_ctl");
    return open_fork_page(engine, reterr);
}

static void init_locks(struct engine *engine)
{
    pthread_mutexattr_t recursive;

    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&engine->closed_lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
}

static void init_lists(struct engine *engine)
{
    engine->inbox_end = &engine->inbox;
    list_init(&engine->sleepers);
    list_init(&engine->deliveries);
    list_init(&engine->open_groups);
    list_init(&engine->patient_groups);
    list_init(&engine->frames);
    list_init(&engine->ops);
    list_init(&engine->finishing);
    list_init(&engine->helpers);
    for (int phase = 0; phase < ENGINE_PHASES; phase++)
        list_init(&engine->hooks[phase]);
}

void engine_close_descriptors(struct engine *engine)
{
    int *const all[] = {&engine->host_fd, &engine->due_fd, &engine->epoll_fd, &engine->event_fd,
                        &engine->timer_fd};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (*all[i] >= 0)
            close(*all[i]);
        *all[i] = -1;
    }
}

static void destroy(struct engine *engine)
{
    entc_allocator allocator = engine->allocator;

    engine_close_descriptors(engine);
    engine_timer_fini(engine);
    /* A lock of the parent may be held by a thread that the child does not have. */
    if (!engine_is_forked(engine)) {
        pthread_mutex_destroy(&engine->lock);
        pthread_mutex_destroy(&engine->closed_lock);
    }
    if (engine->fork_page)
        munmap(engine->fork_page, (size_t)sysconf(_SC_PAGESIZE));
    base_release(&allocator, engine);
}

entc_status engine_new(const struct engine_config *config, struct engine **ret_engine,
                       entc_error **reterr)
{
    const entc_allocator *allocator =
        config->allocator ? config->allocator : base_default_allocator();
    struct engine *engine = base_allocate_zeroed(allocator, sizeof(*engine));
    entc_status status = ENTC_OK;

    if (!engine)
        return error_no_memory(reterr);
    atomic_init(&engine->references, 1);
    engine->allocator = *allocator;
    engine->drive = config->drive;
    engine->now_us = config->now_us ? config->now_us : clock_now_us;
    engine->epoll_fd = engine->event_fd = engine->timer_fd = engine->due_fd = engine->host_fd = -1;
    engine->armed_us = ENGINE_NEVER;
    engine->loop_thread = pthread_self();
    atomic_init(&engine->life, ENGINE_OPEN);
    atomic_init(&engine->is_watched, config->drive == ENTC_DRIVE_HOST);
    atomic_init(&engine->is_wanted, false);
    atomic_init(&engine->frame_count, 0);
    init_locks(engine);
    init_lists(engine);
    status = open_descriptors(engine, reterr);
    if (status) {
        destroy(engine);
        return status;
    }
    engine->turn_us = engine->now_us();
    *ret_engine = engine;
    return ENTC_OK;
}

struct engine *engine_ref(struct engine *engine)
{
    atomic_fetch_add_explicit(&engine->references, 1, memory_order_relaxed);
    return engine;
}

void engine_unref(struct engine *engine)
{
    if (engine && atomic_fetch_sub_explicit(&engine->references, 1, memory_order_acq_rel) == 1)
        destroy(engine);
}

const entc_allocator *engine_allocator(const struct engine *engine)
{
    return &engine->allocator;
}

/* Until somebody watches, the driver's events are not worth a second wake-up. */
static void begin_to_be_watched_locked(struct engine *engine)
{
    if (!watch_own(engine->host_fd, &engine->epoll_fd))
        return;
    atomic_store(&engine->is_watched, true);
    engine_host_signal_locked(engine);
    if (!engine->is_driven)
        engine_role_offer_locked(engine);
}

int engine_fd(struct engine *engine)
{
    if (engine_is_forked(engine) || atomic_load(&engine->is_watched))
        return engine->host_fd;
    pthread_mutex_lock(&engine->lock);
    if (!atomic_load(&engine->is_watched))
        begin_to_be_watched_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    return atomic_load(&engine->is_watched) ? engine->host_fd : -1;
}

bool engine_is_forked(const struct engine *engine)
{
    return engine->fork_page && *(const volatile unsigned char *)engine->fork_page == 0;
}

entc_status engine_admits(struct engine *engine)
{
    bool is_accepted = false;

    if (engine_is_forked(engine))
        return ENTC_E_FORKED;
    if (atomic_load(&engine->life) == ENGINE_OPEN)
        return ENTC_OK;
    pthread_mutex_lock(&engine->lock);
    is_accepted = engine_accepts_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    return is_accepted ? ENTC_OK : ENTC_E_CLOSED;
}

int64_t engine_now_us(const struct engine *engine)
{
    return engine->now_us();
}

int64_t engine_turn_us(const struct engine *engine)
{
    return engine->turn_us;
}
