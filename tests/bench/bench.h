/* bench: the library and the floor, taking turns in one run. What is reported is their ratio. */
#ifndef ENTC_BENCH_H
#define ENTC_BENCH_H

#include "floor.h"

#include <entitycache.h>

#define BENCH_BATCH_MAX 1000

struct bench {
    entc_engine *engine;        /* with Redis */
    entc_engine *database_only; /* without */
    BaseCacheRepository *campaigns;
    BaseCacheRepository *events;
    BaseCacheRepository *events_of_database;
    entc_relation *campaign_events;
    struct floor floor;
    struct floor_event floor_events[BENCH_BATCH_MAX];
    int64_t rows;    /* events in the table */
    int64_t reach;   /* ids are drawn from 1..reach: few are hot, all are cold */
    size_t batch;    /* of the case that runs */
    int64_t parents; /* of the case that runs */
    uint64_t seed;
    int64_t ids[BENCH_BATCH_MAX];
    entc_value values[BENCH_BATCH_MAX];
    entc_entity *entities[BENCH_BATCH_MAX];
    char json[1024];
    size_t json_length;
    struct entity_draft *draft;
    struct buffer *buffer;
    struct entc_entity *entity;
};

/* One call of a case; exits when the answer is wrong: a wrong answer has no speed. */
typedef void (*bench_call)(struct bench *bench);

struct bench_case {
    const char *name;
    bench_call library;
    bench_call floor;
    double target; /* of the ratio */
    size_t batch;
    int64_t parents;
    int64_t reach; /* 0: all rows */
    int is_cpu;    /* measure this thread's CPU time instead of the wall's */
    double per;    /* report one call's time divided by this */
};

extern const struct bench_case bench_cases[];
extern const size_t bench_case_count;

/* cases.c */
void bench_open(struct bench *bench, const char *redis_path, const char *conninfo, int64_t rows);
void bench_close(struct bench *bench);
void bench_require(int is_right, const char *what);
void bench_require_ok(entc_status status, const entc_error *error, const char *what);
void bench_draw_ids(struct bench *bench); /* a batch, no id twice */

/* requests.c */
void bench_query(struct bench *bench);
void bench_query_without_request(struct bench *bench);
void bench_query_with_report(struct bench *bench);
void bench_query_by_loads(struct bench *bench);
void bench_loads(struct bench *bench);

/* threads.c: `threads` threads that block in get_by_id on one engine, and as many with a floor
 * connection each. Microseconds per call, wall. */
double bench_threads_library(struct bench *bench, int threads);
double bench_threads_floor(const char *redis_path, const char *conninfo, int threads,
                           int64_t reach);

#endif
