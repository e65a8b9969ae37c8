/* A host that listens while memory is out: every span that began has ended, and its trace, whose
 * allocations fail in the same series, goes on. */
#include "attempts.h"

static struct {
    entc_trace *trace;
    int64_t open;
    uint64_t begun;
} heard;

static void hear(const entc_event *event, void *user)
{
    entc_trace_event(event, user);
    heard.begun += event->phase == ENTC_EVENT_BEGIN;
    heard.open += event->phase == ENTC_EVENT_BEGIN ? 1 : -1;
}

static void play(struct fixture *f, void (*play_scene)(struct fixture *, const struct scene *),
                 entc_status (*attempt)(struct fixture *))
{
    const struct scene scene = {cold_cache, attempt};
    entc_buffer *buffer = NULL;

    heard.open = 0;
    heard.begun = 0;
    assert_ok(f, entc_trace_new(NULL, &heard.trace, &f->error));
    f->options.event = hear;
    f->options.event_user = heard.trace;
    play_scene(f, &scene);
    assert_true(heard.begun > 100);
    assert_int_equal(heard.open, 0);
    assert_ok(f, entc_buffer_new(&buffer));
    assert_ok(f, entc_trace_write(heard.trace, buffer));
    entc_buffer_free(buffer);
    entc_trace_free(heard.trace);
}

static void spans_end_on_an_engine_that_lives_on(void **state)
{
    play(*state, scene_play, main_query);
}

static void spans_of_operations_end(void **state)
{
    play(*state, scene_play, operations);
}

static void spans_end_on_an_engine_that_connects(void **state)
{
    play(*state, scene_play_fresh, get_many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(spans_end_on_an_engine_that_lives_on),
        IN_BOTH_DRIVES(spans_of_operations_end),
        IN_BOTH_DRIVES(spans_end_on_an_engine_that_connects),
    };

    return cmocka_run_group_tests(tests, scene_start, fixture_stop);
}
