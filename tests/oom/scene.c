/* The loop over all allocations. */
#include "scene.h"

#include <stdio.h>

int scene_start(void **state)
{
    failing_install();
    return fixture_start(state);
}

bool scene_is_expected(entc_status status)
{
    return status == ENTC_OK || status == ENTC_E_NO_MEMORY || status == ENTC_E_UNAVAILABLE;
}

static void make_engine(struct fixture *f)
{
    f->options.allocator = failing_allocator();
    fixture_make_engine(f);
}

static void free_engine(struct fixture *f, uint64_t n)
{
    fixture_free_engine(f);
    if (failing_live() != 0)
        fail_msg("%zu blocks are left (n=%llu)", failing_live(), (unsigned long long)n);
}

static void check(const struct fixture *f, entc_status status, uint64_t n, bool from_then_on)
{
    if (!scene_is_expected(status))
        fail_msg("when allocation %llu fails%s: %s: %s", (unsigned long long)n,
                 from_then_on ? " and all after it" : "", entc_status_name(status),
                 entc_error_message(f->error));
}

/* A connection that was lost is tried again after a short pause. */
static void attempt_until_ok(struct fixture *f, const struct scene *scene, uint64_t n)
{
    const int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);
    entc_status status = scene->attempt(f);

    while (status != ENTC_OK) {
        if (!scene_is_expected(status) || fixture_now_us() > end)
            fail_msg("after allocation %llu failed it does not work any more: %s: %s",
                     (unsigned long long)n, entc_status_name(status), entc_error_message(f->error));
        fixture_turn(f, 2);
        status = scene->attempt(f);
    }
}

/* How many allocations it made. */
static uint64_t attempt_once(struct fixture *f, const struct scene *scene, uint64_t n,
                             bool from_then_on)
{
    entc_status status = ENTC_OK;
    uint64_t calls = 0;

    if (scene->prepare)
        scene->prepare(f);
    failing_at(n, from_then_on);
    status = scene->attempt(f);
    calls = failing_calls();
    failing_at(0, false);
    check(f, status, n, from_then_on);
    attempt_until_ok(f, scene, n);
    return calls;
}

void scene_play(struct fixture *f, const struct scene *scene)
{
    uint64_t n = 0;

    fixture_free_engine(f);
    make_engine(f);
    attempt_until_ok(f, scene, 0);
    for (int round = 0; round < 2; round++) {
        n = 1;
        while (attempt_once(f, scene, n, round == 1) >= n)
            n++;
        assert_true(n > 1);
    }
    print_message("%llu allocations\n", (unsigned long long)n - 1);
    free_engine(f, n);
}

void scene_play_fresh(struct fixture *f, const struct scene *scene)
{
    uint64_t calls = 0;
    uint64_t n = 0;

    fixture_free_engine(f);
    for (int round = 0; round < 2; round++) {
        n = 0;
        do {
            n++;
            make_engine(f);
            calls = attempt_once(f, scene, n, round == 1);
            free_engine(f, n);
        } while (calls >= n);
        assert_true(n > 1);
    }
    print_message("%llu allocations\n", (unsigned long long)n - 1);
}
