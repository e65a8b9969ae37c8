/* Proves what is still accepted while a close gives operations their time: what they need
 * themselves, and nothing else. */
#include "fake.h"

/* An operation that cannot end without a second one, and who asks for that. */
struct parent {
    struct fake *fake;
    struct fake *child;
    struct seen seen;
    struct seen child_seen;
    entc_status admits; /* as told where the child was submitted */
    entc_status submit;
};

static void parent_init(struct parent *it, struct engine *engine,
                        const struct engine_op_kind *child_kind)
{
    memset(it, 0, sizeof(*it));
    it->fake = fake_new_timer(engine, 3000, &it->seen);
    it->fake->context = it;
    it->child = fake_new(engine, child_kind, &it->child_seen);
}

static void parent_fini(struct parent *it)
{
    engine_op_unref(&it->fake->op);
    engine_op_unref(&it->child->op);
    assert_int_equal(it->seen.destroyed, 1);
    assert_int_equal(it->child_seen.destroyed, 1);
}

static void submit_child(struct parent *it)
{
    it->admits = engine_admits(it->fake->op.engine);
    it->submit = engine_op_submit(&it->child->op);
}

static void end_parent(entc_op *op, void *context)
{
    struct parent *it = context;

    engine_op_complete(&it->fake->op, op->status, NULL);
}

/* [driver] The parent's timer fires while the engine is closing. */
static void go_on(struct engine_timer *timer)
{
    struct fake *fake = BASE_CONTAINER(timer, struct fake, timer);
    struct parent *it = fake->context;

    engine_op_then(&it->child->op, end_parent, it);
    submit_child(it);
    if (it->submit != ENTC_OK)
        engine_op_complete(&fake->op, it->submit, NULL);
}

static void set_to_go_on(entc_op *op)
{
    struct fake *fake = (struct fake *)op;

    fake->timer.fire = go_on;
    CHECK(engine_timer_set(op->engine, &fake->timer, engine_now_us(op->engine) + fake->after_us));
}

static void an_operation_under_way_may_submit_what_it_needs(void **state)
{
    struct engine *engine = *state;
    struct engine_op_kind kind = fake_timer;
    struct parent it;

    kind.start = set_to_go_on;
    parent_init(&it, engine, &fake_ready);
    it.fake->op.kind = &kind;
    fake_submit(it.fake);
    assert_int_equal(engine_close(engine, 60000000, NULL, NULL), ENTC_OK);
    assert_int_equal(it.admits, ENTC_OK);
    assert_int_equal(it.submit, ENTC_OK);
    assert_int_equal(it.seen.status, ENTC_OK);
    assert_int_equal(it.seen.called, 1);
    assert_int_equal(it.child_seen.called, 1);
    parent_fini(&it);
}

static void submit_in_step(entc_op *op)
{
    struct parent *it = ((struct fake *)op)->context;

    submit_child(it);
    fake_finish(it->fake, it->submit);
}

static void ask_for_step(struct fake *fake)
{
    engine_op_host_step(&fake->op, submit_in_step);
}

static void its_host_step_may_too(void **state)
{
    struct engine *engine = *state;
    struct parent it;

    parent_init(&it, engine, &fake_ready);
    it.fake->on_start = ask_for_step;
    it.fake->after_us = 60000000;
    fake_submit(it.fake);
    assert_int_equal(engine_close(engine, 60000000, NULL, NULL), ENTC_OK);
    assert_int_equal(it.admits, ENTC_OK);
    assert_int_equal(it.seen.status, ENTC_OK);
    assert_int_equal(it.child_seen.called, 1);
    assert_int_equal(it.child_seen.status, ENTC_OK);
    parent_fini(&it);
}

static void what_was_accepted_last_ends_too_when_the_time_is_over(void **state)
{
    struct engine *engine = *state;
    struct parent it;

    parent_init(&it, engine, &fake_inert);
    it.fake->on_start = ask_for_step;
    fake_submit(it.fake);
    assert_int_equal(engine_close(engine, 0, NULL, NULL), ENTC_OK);
    assert_int_equal(it.seen.called, 1);
    assert_int_equal(it.submit, ENTC_OK);
    assert_int_equal(it.child_seen.started, 1);
    assert_int_equal(it.child_seen.abandoned, 1);
    assert_int_equal(it.child_seen.called, 1);
    assert_int_equal(it.child_seen.status, ENTC_E_CLOSED);
    parent_fini(&it);
}

static void submit_when_abandoned(entc_op *op)
{
    struct fake *fake = (struct fake *)op;

    submit_child(fake->context);
    fake_timer.abandon(op);
}

static void submit_at_shutdown(void *context)
{
    struct parent *it = context;

    assert_int_equal(it->submit, ENTC_E_CLOSED);
    submit_child(it);
}

static void when_the_time_is_over_not_even_operations_may_submit(void **state)
{
    struct engine *engine = *state;
    struct engine_op_kind kind = fake_timer;
    struct parent it;

    kind.abandon = submit_when_abandoned;
    parent_init(&it, engine, &fake_ready);
    it.fake->op.kind = &kind;
    it.fake->after_us = 3000000000;
    fake_submit(it.fake);
    assert_int_equal(engine_close(engine, 0, submit_at_shutdown, &it), ENTC_OK);
    assert_int_equal(it.admits, ENTC_E_CLOSED);
    assert_int_equal(it.submit, ENTC_E_CLOSED);
    assert_int_equal(it.child_seen.started, 0);
    parent_fini(&it);
}

struct closer {
    struct engine *engine;
    atomic_int returned;
};

static void *close_in_thread(void *argument)
{
    struct closer *closer = argument;

    CHECK(engine_close(closer->engine, 60000000, NULL, NULL) == ENTC_OK);
    atomic_store(&closer->returned, 1);
    return NULL;
}

static bool is_closing(const void *what)
{
    return engine_admits(((const struct closer *)what)->engine) == ENTC_E_CLOSED;
}

static void other_threads_are_refused_as_soon_as_the_close_begins(void **state)
{
    struct engine *engine = *state;
    struct closer closer = {.engine = engine};
    struct seen seen = {0};
    struct fake *slow = fake_new(engine, &fake_inert, &seen);
    struct fake *late = fake_new(engine, &fake_ready, &seen);
    pthread_t thread;

    fake_submit(slow);
    thread_start(&thread, close_in_thread, &closer);
    await(is_closing, &closer, "the engine is closing");
    assert_int_equal(engine_op_submit(&late->op), ENTC_E_CLOSED);
    assert_int_equal(engine_process(engine), ENTC_E_CLOSED);
    assert_int_equal(engine_op_wait(&slow->op, 1000), ENTC_E_AGAIN);
    assert_int_equal(atomic_load(&closer.returned), 0);
    fake_finish(slow, ENTC_OK);
    thread_join(thread);
    assert_int_equal(slow->op.status, ENTC_OK);
    assert_int_equal(seen.called, 1);
    engine_op_unref(&slow->op);
    engine_op_unref(&late->op);
}

static int setup(void **state)
{
    *state = fake_engine(ENTC_DRIVE_WAITERS);
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
        WITH_ENGINE(an_operation_under_way_may_submit_what_it_needs),
        WITH_ENGINE(its_host_step_may_too),
        WITH_ENGINE(what_was_accepted_last_ends_too_when_the_time_is_over),
        WITH_ENGINE(when_the_time_is_over_not_even_operations_may_submit),
        WITH_ENGINE(other_threads_are_refused_as_soon_as_the_close_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
