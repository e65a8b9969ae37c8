/* Many threads that block on one engine and share its connection, against as many connections by
 * hand. */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 64
#define CALLS_IN_ALL 64000

struct worker {
    pthread_t thread;
    struct bench *bench;
    struct floor floor;
    int calls;
    int64_t reach;
    uint64_t seed;
};

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int64_t draw(struct worker *worker)
{
    worker->seed = worker->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((worker->seed >> 33) % (uint64_t)worker->reach) + 1;
}

static void *work_library(void *argument)
{
    struct worker *worker = argument;

    for (int i = 0; i < worker->calls; i++) {
        entc_value id;
        entc_entity *entity = NULL;

        entc_value_int64(&id, draw(worker));
        bench_require(entc_repository_get_by_id(worker->bench->events, &id, NULL, &entity, NULL) ==
                          ENTC_OK,
                      "get_by_id of a thread");
        entc_entity_unref(entity);
    }
    return NULL;
}

static void *work_floor(void *argument)
{
    struct worker *worker = argument;
    struct floor_event event;

    for (int i = 0; i < worker->calls; i++) {
        int64_t id = draw(worker);

        bench_require(floor_mget_events(&worker->floor, &id, 1, &event) == 1,
                      "floor GET of a thread");
    }
    return NULL;
}

static double run(struct worker *workers, int threads, void *(*work)(void *))
{
    double begin = now_us();

    for (int i = 0; i < threads; i++)
        bench_require(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0,
                      "pthread_create");
    for (int i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    return (now_us() - begin) / (workers[0].calls * threads);
}

double bench_threads_library(struct bench *bench, int threads)
{
    struct worker workers[THREADS_MAX];

    for (int i = 0; i < threads; i++)
        workers[i] = (struct worker){
            .bench = bench, .calls = CALLS_IN_ALL / threads, .reach = 1000, .seed = (uint64_t)i};
    return run(workers, threads, work_library);
}

double bench_threads_floor(const char *redis_path, const char *conninfo, int threads, int64_t reach)
{
    struct worker *workers = calloc((size_t)threads, sizeof(*workers));
    double result = 0;

    bench_require(workers != NULL, "malloc");
    for (int i = 0; i < threads; i++) {
        workers[i].calls = CALLS_IN_ALL / threads;
        workers[i].reach = reach;
        workers[i].seed = (uint64_t)i;
        floor_open(&workers[i].floor, redis_path, conninfo);
    }
    result = run(workers, threads, work_floor);
    for (int i = 0; i < threads; i++)
        floor_close(&workers[i].floor);
    free(workers);
    return result;
}
