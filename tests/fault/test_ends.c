/* A cancel or a deadline at every stage of a read: before it is sent, while MGET, the lease, the
 * database or the fill is pending. It ends at once, and neither the other calls on the connection
 * nor the next ones notice. */
#include "fault.h"

enum stage { BEFORE_SEND, MGET_PENDING, LEASE_PENDING, DATABASE_PENDING, FILL_PENDING };

static entc_op *submit(struct fault *fault, int64_t id, int64_t timeout_us)
{
    entc_call call = ENTC_CALL_INIT;
    entc_value value = fixture_id(id);
    entc_op *op = NULL;

    call.timeout_us = timeout_us;
    assert_ok(fault->f, entc_repository_get_by_id_async(fault->f->campaigns, &value, &call, &op,
                                                        &fault->f->error));
    return op;
}

static void assert_answered(struct fault *fault, entc_op *op, int64_t id)
{
    entc_entity *entity = NULL;

    assert_ok(fault->f, entc_op_wait(op, -1));
    assert_ok(fault->f, entc_op_take_entity(op, &entity));
    fixture_assert_campaign(entity, id);
    entc_entity_unref(entity);
    entc_op_unref(op);
}

struct wait {
    struct fault *fault;
    int64_t bytes;
};

static bool have_left(void *context)
{
    const struct wait *wait = context;

    return test_proxy_bytes(wait->fault->redis, PROXY_FROM_CLIENT) >= wait->bytes;
}

/* Lets the connection be made and its pauses be over. */
static void settle(struct fault *fault)
{
    fault_recover(fault);
    fault_empty_cache(fault);
}

/* Reads campaign 1, and campaign 2 in the same batch for another caller, up to the stage, which the
 * delay of each reply, or a lock, makes last. That it is reached is seen by the bytes that left. */
static entc_op *bring_to(struct fault *fault, enum stage stage, int64_t timeout_us, void **lock,
                         entc_op **ret_other)
{
    static const char mget[] = "*3\r\n$4\r\nMGET\r\n$10\r\nCampaign-1\r\n$10\r\nCampaign-2\r\n";
    struct wait wait = {fault, test_proxy_bytes(fault->redis, PROXY_FROM_CLIENT)};
    entc_op *op = NULL;

    *lock = stage == DATABASE_PENDING ? fixture_lock(fault->f, "campaigns") : NULL;
    if (stage == MGET_PENDING)
        test_proxy_delay(fault->redis, PROXY_FROM_SERVER, 500000);
    if (stage == LEASE_PENDING || stage == FILL_PENDING)
        test_proxy_delay(fault->redis, PROXY_FROM_SERVER, 200000);
    op = submit(fault, 1, timeout_us);
    *ret_other = submit(fault, 2, 0);
    wait.bytes += (int64_t)sizeof(mget) - 1 + (stage == LEASE_PENDING);
    if (stage == MGET_PENDING || stage == LEASE_PENDING)
        fixture_drive_until(fault->f, have_left, &wait);
    if (stage == DATABASE_PENDING)
        fixture_await_locked(fault->f, 1);
    return op;
}

static void release(struct fault *fault, void *lock)
{
    if (lock)
        fixture_unlock(lock);
    test_proxy_heal(fault->redis);
}

static void cancel_at(struct fault *fault, enum stage stage)
{
    void *lock = NULL;
    entc_op *op = NULL;
    entc_op *other = NULL;
    int64_t began = 0;

    settle(fault);
    op = bring_to(fault, stage, 0, &lock, &other);
    began = fixture_now_us();
    assert_ok(fault->f, entc_op_cancel(op));
    assert_int_equal(fixture_finish(fault->f, op), ENTC_E_CANCELLED);
    assert_true(fixture_now_us() - began < 150000 || stage == BEFORE_SEND);
    entc_op_unref(op);
    release(fault, lock);
    assert_answered(fault, other, 2);
    assert_answered(fault, submit(fault, 1, 0), 1);
    fault_recover(fault);
    assert_int_equal(fixture_counters(fault->f).foreign, 0);
}

static void a_cancel_before_the_send_disturbs_nobody(void **state)
{
    cancel_at(*state, BEFORE_SEND);
}

static void a_cancel_while_mget_is_pending_disturbs_nobody(void **state)
{
    cancel_at(*state, MGET_PENDING);
}

static void a_cancel_while_the_lease_is_pending_disturbs_nobody(void **state)
{
    cancel_at(*state, LEASE_PENDING);
}

static void a_cancel_while_the_database_is_asked_disturbs_nobody(void **state)
{
    cancel_at(*state, DATABASE_PENDING);
}

/* The call is done when its fill was sent: what is cancelled then is over already. */
static void a_cancel_while_the_fill_is_pending_comes_too_late(void **state)
{
    struct fault *fault = *state;
    void *lock = NULL;
    entc_op *op = NULL;
    entc_op *other = NULL;

    settle(fault);
    op = bring_to(fault, FILL_PENDING, 0, &lock, &other);
    assert_ok(fault->f, entc_op_wait(op, -1));
    assert_ok(fault->f, entc_op_cancel(op));
    assert_answered(fault, op, 1);
    /* Others go on behind the fill that is not answered yet. */
    assert_answered(fault, submit(fault, 3, 0), 3);
    assert_answered(fault, other, 2);
    release(fault, lock);
    fault_recover(fault);
}

static void time_out_at(struct fault *fault, enum stage stage)
{
    /* Long enough to get there, and shorter than what holds it there. */
    const int64_t timeout_us = stage == LEASE_PENDING ? 300000 : 150000;
    void *lock = NULL;
    entc_op *op = NULL;
    entc_op *other = NULL;
    int64_t began = 0;

    settle(fault);
    began = fixture_now_us();
    op = bring_to(fault, stage, timeout_us, &lock, &other);
    assert_ok(fault->f, entc_op_wait(op, -1));
    assert_int_equal(entc_op_status(op), ENTC_E_TIMEOUT);
    assert_true(fixture_now_us() - began >= timeout_us);
    assert_true(fixture_now_us() - began < timeout_us + FAULT_SOON_US);
    entc_op_unref(op);
    release(fault, lock);
    assert_answered(fault, other, 2);
    fault_recover(fault);
    assert_int_equal(fixture_counters(fault->f).foreign, 0);
}

static void a_deadline_while_mget_is_pending_disturbs_nobody(void **state)
{
    time_out_at(*state, MGET_PENDING);
}

static void a_deadline_while_the_lease_is_pending_disturbs_nobody(void **state)
{
    time_out_at(*state, LEASE_PENDING);
}

static void a_deadline_while_the_database_is_asked_disturbs_nobody(void **state)
{
    time_out_at(*state, DATABASE_PENDING);
}

/* The cache may take a part of a call's time, never all of it: PostgreSQL has to answer too. */
static void a_hung_cache_leaves_a_short_call_time_for_the_database(void **state)
{
    struct fault *fault = *state;
    entc_op *op = NULL;

    settle(fault);
    test_proxy_delay(fault->redis, PROXY_FROM_SERVER, 3000000);
    op = submit(fault, 1, 1000000);
    assert_answered(fault, op, 1);
    assert_int_equal(fixture_counters(fault->f).errors, 0);
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

/* Many calls on one connection; every third is cancelled, every third times out. */
static void calls_that_end_early_leave_their_neighbours_replies_in_order(void **state)
{
    struct fault *fault = *state;
    enum { COUNT = 60 };
    entc_op *ops[COUNT];

    fault_warm(fault, FIXTURE_CAMPAIGNS);
    for (int round = 0; round < 5; round++) {
        test_proxy_delay(fault->redis, PROXY_FROM_SERVER, 100000);
        for (int i = 0; i < COUNT; i++) {
            ops[i] = submit(fault, i % FIXTURE_CAMPAIGNS + 1, i % 3 == 1 ? 20000 : 0);
            fixture_turn(fault->f, 0);
        }
        for (int i = 0; i < COUNT; i += 3)
            assert_ok(fault->f, entc_op_cancel(ops[i]));
        for (int i = 0; i < COUNT; i++) {
            const entc_status status = fixture_finish(fault->f, ops[i]);

            if (i % 3 == 2 || status == ENTC_OK)
                assert_answered(fault, ops[i], i % FIXTURE_CAMPAIGNS + 1);
            else
                entc_op_unref(ops[i]);
        }
        test_proxy_heal(fault->redis);
        fault_read(fault, FIXTURE_CAMPAIGNS);
    }
    assert_int_equal(fixture_counters(fault->f).foreign, 0);
    assert_int_equal(fixture_counters(fault->f).corrupt, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_UNIX(a_cancel_before_the_send_disturbs_nobody),
        IN_HOST_DRIVE(a_cancel_before_the_send_disturbs_nobody),
        OVER_UNIX(a_cancel_while_mget_is_pending_disturbs_nobody),
        IN_HOST_DRIVE(a_cancel_while_mget_is_pending_disturbs_nobody),
        OVER_UNIX(a_cancel_while_the_lease_is_pending_disturbs_nobody),
        IN_HOST_DRIVE(a_cancel_while_the_lease_is_pending_disturbs_nobody),
        OVER_UNIX(a_cancel_while_the_database_is_asked_disturbs_nobody),
        IN_HOST_DRIVE(a_cancel_while_the_database_is_asked_disturbs_nobody),
        OVER_UNIX(a_cancel_while_the_fill_is_pending_comes_too_late),
        OVER_UNIX(a_deadline_while_mget_is_pending_disturbs_nobody),
        OVER_UNIX(a_deadline_while_the_lease_is_pending_disturbs_nobody),
        OVER_TCP(a_deadline_while_the_database_is_asked_disturbs_nobody),
        OVER_UNIX(a_hung_cache_leaves_a_short_call_time_for_the_database),
        OVER_UNIX(calls_that_end_early_leave_their_neighbours_replies_in_order),
        IN_HOST_DRIVE(calls_that_end_early_leave_their_neighbours_replies_in_order),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
