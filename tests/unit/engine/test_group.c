/* Proves groups: what was collected is closed by process, by its timer, and by the last thread that
 * blocks; and host steps of a group are run by whoever waits for one of it. */
#include "fake.h"

/* An owner that lives on the test's stack and counts what it is told. */
struct owner {
    struct engine_group group;
    atomic_int references;
    atomic_int closed;
    void (*on_close)(struct owner *owner);
    struct fake *fake;
    struct seen seen;
    atomic_int stepped;
};

static void close_owner(struct engine_group *group)
{
    struct owner *owner = BASE_CONTAINER(group, struct owner, group);

    atomic_fetch_add(&owner->closed, 1);
    if (owner->on_close)
        owner->on_close(owner);
}

static void unref_owner(struct engine_group *group)
{
    atomic_fetch_sub(&BASE_CONTAINER(group, struct owner, group)->references, 1);
}

/* Far away, unless a test is about it. */
#define NO_PATIENCE_US 100
#define PATIENCE_US INT64_C(3600000000)

static void owner_init(struct owner *owner, struct engine *engine)
{
    memset(owner, 0, sizeof(*owner));
    engine_group_init(&owner->group, engine, close_owner, unref_owner);
    owner->group.patience_us = PATIENCE_US;
}

static void open_group(struct owner *owner)
{
    atomic_fetch_add(&owner->references, 1);
    if (!engine_group_open(&owner->group))
        atomic_fetch_sub(&owner->references, 1);
}

static struct fake *new_fake(struct owner *owner, const struct engine_op_kind *kind)
{
    struct fake *fake = fake_new(owner->group.engine, kind, &owner->seen);

    fake->op.group = &owner->group;
    return fake;
}

/* What most of these operations wait for. */
static void finish_on_close(struct owner *owner)
{
    fake_finish(owner->fake, ENTC_OK);
}

static void owner_submit(struct owner *owner)
{
    owner->fake = new_fake(owner, &fake_inert);
    owner->on_close = finish_on_close;
    fake_submit(owner->fake);
}

static void *wait_in_thread(void *argument)
{
    struct owner *owner = argument;

    CHECK(engine_op_wait(&owner->fake->op, -1) == ENTC_OK);
    return NULL;
}

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

/* ---- who closes ---- */

static void the_next_process_closes_a_group_once(void **state)
{
    struct owner owner;

    owner_init(&owner, *state);
    open_group(&owner);
    open_group(&owner);
    assert_int_equal(owner.references, 1);
    process(*state);
    assert_int_equal(owner.closed, 1);
    assert_int_equal(owner.references, 0);
    process(*state);
    assert_int_equal(owner.closed, 1);
    open_group(&owner);
    process(*state);
    assert_int_equal(owner.closed, 2);
    assert_int_equal(owner.references, 0);
}

static void process_leaves_a_group_to_threads_that_entered(void **state)
{
    struct owner owner;
    int fd = engine_fd(*state);

    owner_init(&owner, *state);
    engine_group_enter(&owner.group);
    open_group(&owner);
    process(*state);
    process(*state);
    assert_int_equal(owner.closed, 0);
    assert_false(is_readable(fd));
    assert_true(engine_group_leave(&owner.group));
    assert_true(is_readable(fd));
    process(*state);
    assert_int_equal(owner.closed, 1);
}

static void process_has_patience_with_threads_that_entered_and_no_more(void **state)
{
    struct owner owner;

    owner_init(&owner, *state);
    owner.group.patience_us = NO_PATIENCE_US;
    engine_group_enter(&owner.group);
    open_group(&owner);
    while (atomic_load(&owner.closed) == 0) {
        await_readable(engine_fd(*state));
        process(*state);
    }
    assert_true(engine_group_leave(&owner.group));
}

static void closing_the_engine_closes_what_process_left_open(void **state)
{
    struct engine *engine = fake_engine(((struct engine *)*state)->drive);
    struct owner owner;

    owner_init(&owner, engine);
    engine_group_enter(&owner.group);
    open_group(&owner);
    process(engine);
    assert_int_equal(owner.closed, 0);
    fake_engine_free(engine);
    assert_int_equal(owner.closed, 1);
    assert_int_equal(owner.references, 0);
}

static void an_open_group_makes_the_descriptor_readable_until_process(void **state)
{
    struct owner owner;
    int fd = engine_fd(*state);

    owner_init(&owner, *state);
    process(*state);
    assert_false(is_readable(fd));
    open_group(&owner);
    assert_true(is_readable(fd));
    process(*state);
    process(*state);
    assert_false(is_readable(fd));
}

static void a_thread_that_blocks_closes_its_group(void **state)
{
    struct owner owner;

    owner_init(&owner, *state);
    owner_submit(&owner);
    open_group(&owner);
    assert_int_equal(engine_op_wait(&owner.fake->op, -1), ENTC_OK);
    assert_int_equal(owner.closed, 1);
    engine_op_unref(&owner.fake->op);
    process(*state);
    assert_int_equal(owner.references, 0);
}

static void a_thread_that_blocks_for_another_thing_does_not(void **state)
{
    struct owner owner;
    struct seen seen = {0};
    struct fake *stranger = fake_new(*state, &fake_ready, &seen);

    owner_init(&owner, *state);
    open_group(&owner);
    fake_submit(stranger);
    assert_int_equal(engine_op_wait(&stranger->op, -1), ENTC_OK);
    assert_int_equal(owner.closed, 0);
    engine_op_unref(&stranger->op);
    process(*state);
    assert_int_equal(owner.closed, 1);
}

static void a_group_stays_open_until_all_who_entered_block(void **state)
{
    struct owner owner;
    pthread_t thread;

    owner_init(&owner, *state);
    engine_group_enter(&owner.group);
    engine_group_enter(&owner.group);
    owner_submit(&owner);
    open_group(&owner);
    thread_start(&thread, wait_in_thread, &owner);
    await_driver_asleep(*state);
    assert_int_equal(owner.closed, 0);
    assert_int_equal(engine_op_wait(&owner.fake->op, -1), ENTC_OK);
    assert_int_equal(owner.closed, 1);
    thread_join(thread);
    engine_op_unref(&owner.fake->op);
    assert_true(engine_group_leave(&owner.group));
    assert_true(engine_group_leave(&owner.group));
    assert_false(engine_group_leave(&owner.group));
}

static void the_last_other_one_who_leaves_closes_it(void **state)
{
    struct owner owner;
    pthread_t thread;

    owner_init(&owner, *state);
    engine_group_enter(&owner.group);
    engine_group_enter(&owner.group);
    owner_submit(&owner);
    open_group(&owner);
    thread_start(&thread, wait_in_thread, &owner);
    await_driver_asleep(*state);
    assert_int_equal(owner.closed, 0);
    assert_true(engine_group_leave(&owner.group));
    thread_join(thread);
    assert_int_equal(owner.closed, 1);
    engine_op_unref(&owner.fake->op);
}

static void patience_ends_when_one_who_entered_never_blocks(void **state)
{
    struct owner owner;

    owner_init(&owner, *state);
    owner.group.patience_us = NO_PATIENCE_US;
    engine_group_enter(&owner.group);
    engine_group_enter(&owner.group);
    owner_submit(&owner);
    open_group(&owner);
    assert_int_equal(engine_op_wait(&owner.fake->op, -1), ENTC_OK);
    assert_int_equal(owner.closed, 1);
    engine_op_unref(&owner.fake->op);
}

static void what_is_opened_while_somebody_blocks_already_has_the_same_patience(void **state)
{
    struct owner owner;
    pthread_t thread;

    owner_init(&owner, *state);
    owner.group.patience_us = NO_PATIENCE_US;
    owner_submit(&owner);
    thread_start(&thread, wait_in_thread, &owner);
    await_driver_asleep(*state);
    open_group(&owner);
    thread_join(thread);
    assert_int_equal(owner.closed, 1);
    engine_op_unref(&owner.fake->op);
}

static void a_group_closes_at_the_time_that_it_was_told(void **state)
{
    struct owner owner;
    struct seen seen = {0};
    struct fake *stranger = fake_new_timer(*state, 20000, &seen);

    owner_init(&owner, *state);
    open_group(&owner);
    engine_group_close_at(&owner.group, engine_now_us(*state) + 1000);
    fake_submit(stranger);
    assert_int_equal(engine_op_wait(&stranger->op, -1), ENTC_OK);
    assert_int_equal(owner.closed, 1);
    engine_op_unref(&stranger->op);
}

/* Released by one answer, the first that blocks again does not take the others for blocked. */
static void a_thread_whose_operation_is_done_does_not_count_as_blocked(void **state)
{
    struct owner owner;

    owner_init(&owner, *state);
    engine_group_enter(&owner.group);
    owner_submit(&owner);
    open_group(&owner);
    assert_int_equal(engine_op_wait(&owner.fake->op, -1), ENTC_OK);
    assert_int_equal(owner.group.blocked, 0);
    engine_op_unref(&owner.fake->op);
    owner_submit(&owner);
    assert_int_equal(engine_op_wait(&owner.fake->op, 0), ENTC_E_AGAIN);
    assert_int_equal(owner.group.blocked, 0);
    fake_finish(owner.fake, ENTC_OK);
    assert_int_equal(engine_op_wait(&owner.fake->op, -1), ENTC_OK);
    engine_op_unref(&owner.fake->op);
}

static void closing_the_engine_closes_its_groups(void **state)
{
    struct engine *engine = fake_engine(((struct engine *)*state)->drive);
    struct owner owner;

    owner_init(&owner, engine);
    open_group(&owner);
    fake_engine_free(engine);
    assert_int_equal(owner.closed, 1);
    assert_int_equal(owner.references, 0);
}

/* ---- steps ---- */

static void count_step(entc_op *op)
{
    struct owner *owner = ((struct fake *)op)->context;

    atomic_fetch_add(&owner->stepped, 1);
    fake_finish(owner->fake, ENTC_OK);
}

static void ask_for_step(struct fake *fake)
{
    engine_op_host_step(&fake->op, count_step);
}

/* The second operation ends by the first one's step. */
static void a_wait_for_one_of_the_group_runs_the_steps_of_the_others(void **state)
{
    struct owner owner;
    struct fake *stepper = NULL;

    owner_init(&owner, *state);
    owner.fake = new_fake(&owner, &fake_inert);
    stepper = new_fake(&owner, &fake_inert);
    stepper->context = &owner;
    stepper->on_start = ask_for_step;
    fake_submit(stepper);
    fake_submit(owner.fake);
    assert_int_equal(engine_op_wait(&owner.fake->op, -1), ENTC_OK);
    assert_int_equal(owner.stepped, 1);
    engine_op_unref(&owner.fake->op);
    fake_finish(stepper, ENTC_OK);
    assert_int_equal(engine_op_wait(&stepper->op, -1), ENTC_OK);
    engine_op_unref(&stepper->op);
}

static void end_the_group(struct engine_task *task)
{
    struct owner *owner = ((struct fake *)BASE_CONTAINER(task, struct fake, finish_task))->context;

    engine_group_end(&owner->group, ENTC_E_CANCELLED, "was dropped");
}

static void ending_a_group_ends_its_operations_and_no_others(void **state)
{
    struct owner owner;
    struct seen seen = {0};
    struct fake *stranger = fake_new(*state, &fake_inert, &seen);

    owner_init(&owner, *state);
    owner.fake = new_fake(&owner, &fake_inert);
    fake_submit(owner.fake);
    fake_submit(stranger);
    stranger->context = &owner;
    stranger->finish_task.run = end_the_group;
    engine_post(*state, &stranger->finish_task);
    assert_int_equal(engine_op_wait(&owner.fake->op, -1), ENTC_OK);
    assert_int_equal(owner.fake->op.status, ENTC_E_CANCELLED);
    assert_int_equal(owner.seen.abandoned, 1);
    assert_false(engine_op_is_done(&stranger->op));
    engine_op_unref(&owner.fake->op);
    fake_finish(stranger, ENTC_OK);
    assert_int_equal(engine_op_wait(&stranger->op, -1), ENTC_OK);
    engine_op_unref(&stranger->op);
}

static int open_waiters(void **state)
{
    *state = fake_engine(ENTC_DRIVE_WAITERS);
    return 0;
}

static int free_engine(void **state)
{
    fake_engine_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_waiters, free_engine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_next_process_closes_a_group_once),
        TEST(process_leaves_a_group_to_threads_that_entered),
        TEST(process_has_patience_with_threads_that_entered_and_no_more),
        TEST(closing_the_engine_closes_what_process_left_open),
        TEST(an_open_group_makes_the_descriptor_readable_until_process),
        TEST(a_thread_that_blocks_closes_its_group),
        TEST(a_thread_that_blocks_for_another_thing_does_not),
        TEST(a_group_stays_open_until_all_who_entered_block),
        TEST(the_last_other_one_who_leaves_closes_it),
        TEST(patience_ends_when_one_who_entered_never_blocks),
        TEST(what_is_opened_while_somebody_blocks_already_has_the_same_patience),
        TEST(a_group_closes_at_the_time_that_it_was_told),
        TEST(a_thread_whose_operation_is_done_does_not_count_as_blocked),
        TEST(closing_the_engine_closes_its_groups),
        TEST(a_wait_for_one_of_the_group_runs_the_steps_of_the_others),
        TEST(ending_a_group_ends_its_operations_and_no_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
