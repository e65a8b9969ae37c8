/* Proves the order inside a turn: DISPATCH, FLUSH, and only then operations become done. */
#include "fake.h"

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

static char trace[64];

static void traced(char what)
{
    size_t length = strlen(trace);

    assert_true(length + 1 < sizeof(trace));
    trace[length] = what;
    trace[length + 1] = '\0';
}

struct traced_hook {
    struct engine_hook hook;
    struct engine *engine;
    char name;
    int again; /* sets `next` so many times */
    struct traced_hook *next;
    enum engine_phase phase;
    entc_op *completes;
};

static void run_traced(struct engine_hook *hook)
{
    struct traced_hook *it = BASE_CONTAINER(hook, struct traced_hook, hook);

    traced(it->name);
    if (it->completes)
        engine_op_complete(it->completes, ENTC_OK, NULL);
    it->completes = NULL;
    if (it->again-- > 0)
        engine_hook_set(it->engine, &it->next->hook, it->phase);
}

static struct traced_hook hook_named(struct engine *engine, char name)
{
    trace[0] = '\0';
    return (struct traced_hook){.hook = {.run = run_traced}, .engine = engine, .name = name};
}

static void dispatch_comes_before_flush_and_each_hook_runs_once_a_turn(void **state)
{
    struct engine *engine = *state;
    struct traced_hook f = hook_named(engine, 'f');
    struct traced_hook d = hook_named(engine, 'd');
    struct traced_hook e = hook_named(engine, 'e');

    for (int i = 0; i < 3; i++) {
        engine_hook_set(engine, &f.hook, ENGINE_FLUSH);
        engine_hook_set(engine, &d.hook, ENGINE_DISPATCH);
        engine_hook_set(engine, &e.hook, ENGINE_DISPATCH);
    }
    process(engine);
    assert_string_equal(trace, "def");
    process(engine);
    assert_string_equal(trace, "def");
}

static void a_stopped_hook_does_not_run_and_may_be_stopped_again(void **state)
{
    struct engine *engine = *state;
    struct traced_hook d = hook_named(engine, 'd');

    engine_hook_stop(&d.hook);
    engine_hook_set(engine, &d.hook, ENGINE_DISPATCH);
    engine_hook_stop(&d.hook);
    engine_hook_stop(&d.hook);
    process(engine);
    assert_string_equal(trace, "");
}

static void a_hook_set_inside_a_phase_runs_in_this_turn_or_the_next(void **state)
{
    struct engine *engine = *state;
    struct traced_hook d = hook_named(engine, 'd');
    struct traced_hook f = hook_named(engine, 'f');

    d.again = 2;
    d.next = &f;
    d.phase = ENGINE_FLUSH;
    f.again = 1;
    f.next = &d;
    f.phase = ENGINE_DISPATCH;
    engine_hook_set(engine, &d.hook, ENGINE_DISPATCH);
    process(engine);
    process(engine);
    assert_string_equal(trace, "dfdf");
}

static void a_hook_may_set_itself_again(void **state)
{
    struct engine *engine = *state;
    struct traced_hook d = hook_named(engine, 'd');

    d.again = 2;
    d.next = &d;
    d.phase = ENGINE_DISPATCH;
    engine_hook_set(engine, &d.hook, ENGINE_DISPATCH);
    for (int turn = 0; turn < 3; turn++)
        process(engine);
    assert_string_equal(trace, "ddd");
}

static void trace_done(entc_op *op, void *user)
{
    (void)op;
    traced(*(const char *)user);
}

static struct fake *traced_fake(struct engine *engine, const struct engine_op_kind *kind,
                                struct seen *seen, const char *name)
{
    struct fake *fake = fake_new(engine, kind, seen);

    fake->op.done = trace_done;
    fake->op.user = (void *)(uintptr_t)name;
    return fake;
}

static void set_its_hook(struct fake *fake)
{
    engine_hook_set(fake->op.engine, &((struct traced_hook *)fake->context)->hook, ENGINE_FLUSH);
}

static void what_completes_becomes_done_after_the_flush_of_its_turn(void **state)
{
    struct engine *engine = *state;
    struct traced_hook f = hook_named(engine, 'f');
    struct seen seen = {0};
    struct fake *fake = traced_fake(engine, &fake_ready, &seen, "O");

    fake->on_start = set_its_hook;
    fake->context = &f;
    fake_submit(fake);
    process(engine);
    assert_string_equal(trace, "fO");
    engine_op_unref(&fake->op);
}

static void what_a_hook_completes_becomes_done_after_the_flush_too(void **state)
{
    struct engine *engine = *state;
    struct traced_hook d = hook_named(engine, 'd');
    struct traced_hook f = hook_named(engine, 'f');
    struct seen seen = {0};
    struct fake *fake = traced_fake(engine, &fake_inert, &seen, "O");

    fake_submit(fake);
    process(engine);
    d.completes = &fake->op;
    d.again = 1;
    d.next = &f;
    d.phase = ENGINE_FLUSH;
    engine_hook_set(engine, &d.hook, ENGINE_DISPATCH);
    process(engine);
    assert_string_equal(trace, "dfO");
    engine_op_unref(&fake->op);
}

static bool was_done_before_flush;

static void watch_done(struct engine_hook *hook)
{
    struct traced_hook *it = BASE_CONTAINER(hook, struct traced_hook, hook);

    was_done_before_flush = engine_op_is_done(it->completes);
    traced(it->name);
}

struct family {
    struct fake *parent;
    struct traced_hook *hook;
};

static void complete_parent(entc_op *op, void *context)
{
    struct family *family = context;

    assert_true(engine_op_is_done(op));
    traced('t');
    engine_hook_set(op->engine, &family->hook->hook, ENGINE_FLUSH);
    engine_op_complete(&family->parent->op, ENTC_OK, NULL);
}

static void what_a_continuation_completes_is_flushed_before_it_is_done(void **state)
{
    struct engine *engine = *state;
    struct traced_hook f = hook_named(engine, 'f');
    struct seen seen = {0};
    struct fake *parent = traced_fake(engine, &fake_inert, &seen, "P");
    struct fake *child = traced_fake(engine, &fake_inert, &seen, "C");
    struct family family = {parent, &f};

    fake_submit(parent);
    fake_submit(child);
    process(engine);
    f.hook.run = watch_done;
    f.completes = &parent->op;
    engine_op_then(&child->op, complete_parent, &family);
    fake_finish(child, ENTC_OK);
    was_done_before_flush = true;
    process(engine);
    assert_string_equal(trace, "tfCP");
    assert_false(was_done_before_flush);
    engine_op_unref(&parent->op);
    engine_op_unref(&child->op);
}

static int setup(void **state)
{
    *state = fake_engine_clocked(ENTC_DRIVE_WAITERS);
    return 0;
}

static int teardown(void **state)
{
    fake_engine_free(*state);
    return 0;
}

#define WITH_ENGINE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ENGINE(dispatch_comes_before_flush_and_each_hook_runs_once_a_turn),
        WITH_ENGINE(a_stopped_hook_does_not_run_and_may_be_stopped_again),
        WITH_ENGINE(a_hook_set_inside_a_phase_runs_in_this_turn_or_the_next),
        WITH_ENGINE(a_hook_may_set_itself_again),
        WITH_ENGINE(what_completes_becomes_done_after_the_flush_of_its_turn),
        WITH_ENGINE(what_a_hook_completes_becomes_done_after_the_flush_too),
        WITH_ENGINE(what_a_continuation_completes_is_flushed_before_it_is_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
