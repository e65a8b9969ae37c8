/* Runs the cases: library and floor take turns, sample by sample, so that a machine that slows down
 * slows both; what is printed is the median of either and the ratio of the medians. See run.sh for
 * how to start it.
 *
 *   bench --redis PATH --postgres CONNINFO [--rows N] [--json] [--only TEXT] [--threads]
 *         [--side library|floor]
 *
 * --side runs one of the two alone, for a profiler; there is no ratio then. */
#include "bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES 25
#define SAMPLE_US 20000.0

struct settings {
    const char *redis;
    const char *postgres;
    const char *only;
    const char *side;
    int64_t rows;
    int is_json;
    int is_threads;
};

static double now_us(int is_cpu)
{
    struct timespec now;

    clock_gettime(is_cpu ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *samples)
{
    qsort(samples, SAMPLES, sizeof(*samples), compare);
    return samples[SAMPLES / 2];
}

static double sample(struct bench *bench, bench_call call, int calls, int is_cpu)
{
    double begin = now_us(is_cpu);

    for (int i = 0; i < calls; i++)
        call(bench);
    return (now_us(is_cpu) - begin) / calls;
}

static void print_result(const struct settings *settings, const char *name, double us,
                         double floor_us, double target)
{
    static int is_first = 1;

    if (settings->is_json) {
        printf("%s{\"name\":\"%s\",\"us\":%.3f,\"floor_us\":%.3f,\"ratio\":%.3f}",
               is_first ? "[\n" : ",\n", name, us, floor_us, us / floor_us);
    } else {
        if (is_first)
            printf("%-28s %12s %12s %8s %8s\n", "case", "us", "floor us", "ratio", "target");
        printf("%-28s %12.3f %12.3f %8.2f %8.2f%s\n", name, us, floor_us, us / floor_us, target,
               us / floor_us <= target ? "" : "  above");
    }
    is_first = 0;
    fflush(stdout);
}

static void run_case(struct bench *bench, const struct settings *settings,
                     const struct bench_case *one)
{
    double library[SAMPLES];
    double by_hand[SAMPLES];
    int calls = 0;

    bench->batch = one->batch;
    bench->parents = one->parents;
    bench->reach = one->reach ? one->reach : bench->rows;
    for (int i = 0; i < 3; i++) {
        sample(bench, one->library, 3, 0);
        calls = (int)(SAMPLE_US / sample(bench, one->floor, 3, 0)) + 1;
    }
    for (int i = 0; i < SAMPLES; i++) {
        by_hand[i] = sample(bench, one->floor, calls, one->is_cpu) / one->per;
        library[i] = sample(bench, one->library, calls, one->is_cpu) / one->per;
    }
    print_result(settings, one->name, median(library), median(by_hand), one->target);
}

/* For a profiler: one side alone, as long as a case takes. */
static void run_side(struct bench *bench, const struct settings *settings,
                     const struct bench_case *one)
{
    bench_call call = strcmp(settings->side, "floor") == 0 ? one->floor : one->library;
    double us = 0;

    bench->batch = one->batch;
    bench->parents = one->parents;
    bench->reach = one->reach ? one->reach : bench->rows;
    us = sample(bench, call, 3, 0);
    us = sample(bench, call, (int)(2 * SAMPLES * SAMPLE_US / us) + 1, one->is_cpu) / one->per;
    printf("%-28s %12.3f us, %s\n", one->name, us, settings->side);
}

static void run_threads(struct bench *bench, const struct settings *settings)
{
    static const int counts[] = {1, 2, 8, 64};

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        char name[64];
        double by_hand[SAMPLES];
        double library[SAMPLES];

        for (int round = 0; round < SAMPLES; round++) {
            by_hand[round] =
                bench_threads_floor(settings->redis, settings->postgres, counts[i], 1000);
            library[round] = bench_threads_library(bench, counts[i]);
        }
        snprintf(name, sizeof(name), "get_by_id, %d thread%s", counts[i], counts[i] > 1 ? "s" : "");
        print_result(settings, name, median(library), median(by_hand), 1.10);
    }
}

static void read_settings(struct settings *settings, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--json") == 0) {
            settings->is_json = 1;
            continue;
        }
        if (strcmp(argv[i], "--threads") == 0) {
            settings->is_threads = 1;
            continue;
        }
        if (strcmp(argv[i], "--redis") == 0)
            settings->redis = value;
        else if (strcmp(argv[i], "--postgres") == 0)
            settings->postgres = value;
        else if (strcmp(argv[i], "--only") == 0)
            settings->only = value;
        else if (strcmp(argv[i], "--side") == 0)
            settings->side = value;
        else if (strcmp(argv[i], "--rows") == 0)
            settings->rows = atoll(value);
        else
            bench_require(0, argv[i]);
        i++;
    }
    bench_require(settings->redis && settings->postgres && settings->rows >= 10000,
                  "reading the arguments");
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct settings settings = {.rows = 100000};

    /* As in any process that has been up for a while: here the entities of a batch lie at the
     * heap's end, and malloc would give their pages back to the system after each call, for 0.15 us
     * each. */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    read_settings(&settings, argc, argv);
    bench_open(&bench, settings.redis, settings.postgres, settings.rows);
    if (settings.is_threads) {
        run_threads(&bench, &settings);
    } else {
        for (size_t i = 0; i < bench_case_count; i++) {
            if (settings.only && !strstr(bench_cases[i].name, settings.only))
                continue;
            if (settings.side)
                run_side(&bench, &settings, &bench_cases[i]);
            else
                run_case(&bench, &settings, &bench_cases[i]);
        }
    }
    if (settings.is_json)
        printf("\n]\n");
    bench_close(&bench);
    return 0;
}
