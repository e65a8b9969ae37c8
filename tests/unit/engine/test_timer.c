/* Proves how timers fire: in order, once, and under the hands of those that fire. */
#include "allocator.h"
#include "fake.h"

#include <stdlib.h>

#define MANY 500

/* A timer that notes its firing, and may do something more. */
struct clock_hand {
    struct engine_timer timer;
    struct engine *engine;
    int fired;
    int64_t turn_us; /* of the last firing */
    int64_t again_us;
    struct clock_hand *other;
    void (*more)(struct clock_hand *hand);
};

static int64_t last_fired_us; /* as in_order() saw it */

static void fire(struct engine_timer *timer)
{
    struct clock_hand *hand = BASE_CONTAINER(timer, struct clock_hand, timer);

    hand->fired++;
    hand->turn_us = engine_turn_us(hand->engine);
    assert_int_equal(timer->position, 0);
    assert_true(timer->at_us <= hand->turn_us);
    if (hand->more)
        hand->more(hand);
}

static void prepare(struct engine *engine, struct clock_hand *hand)
{
    *hand = (struct clock_hand){.engine = engine, .timer = {.fire = fire}};
}

static void set(struct clock_hand *hand, int64_t at_us)
{
    assert_true(engine_timer_set(hand->engine, &hand->timer, at_us));
}

static void process_at(struct engine *engine, int64_t now_us)
{
    atomic_store(&fake_clock_us, now_us);
    assert_int_equal(engine_process(engine), ENTC_OK);
}

static uint32_t dice(void)
{
    static uint32_t state = 2463534242u;

    /* xorshift32 (Marsaglia 2003) */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void in_order(struct clock_hand *hand)
{
    assert_true(last_fired_us <= hand->timer.at_us);
    last_fired_us = hand->timer.at_us;
}

static void timers_fire_in_the_order_of_their_times(void **state)
{
    struct engine *engine = *state;
    struct clock_hand hands[MANY];

    last_fired_us = 0;
    for (int i = 0; i < MANY; i++) {
        prepare(engine, &hands[i]);
        hands[i].more = in_order;
        set(&hands[i], 2000 + dice() % 100);
    }
    process_at(engine, 2100);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(hands[i].fired, 1);
}

static void a_timer_fires_at_its_time_and_not_before(void **state)
{
    struct engine *engine = *state;
    struct clock_hand hand;

    prepare(engine, &hand);
    set(&hand, 5000);
    process_at(engine, 4999);
    assert_int_equal(hand.fired, 0);
    process_at(engine, 5000);
    assert_int_equal(hand.fired, 1);
    assert_int_equal(hand.turn_us, 5000);
    process_at(engine, 9000);
    assert_int_equal(hand.fired, 1);
}

static void a_timer_of_the_past_fires_in_the_next_turn(void **state)
{
    struct engine *engine = *state;
    struct clock_hand hand;

    prepare(engine, &hand);
    set(&hand, -7);
    process_at(engine, 5000);
    assert_int_equal(hand.fired, 1);
}

static void a_timer_can_be_moved_to_an_earlier_and_a_later_time(void **state)
{
    struct engine *engine = *state;
    struct clock_hand hands[3];

    for (int i = 0; i < 3; i++) {
        prepare(engine, &hands[i]);
        set(&hands[i], 3000 + i * 1000);
    }
    set(&hands[2], 2000);
    set(&hands[0], 6000);
    process_at(engine, 2000);
    assert_int_equal(hands[2].fired, 1);
    process_at(engine, 4000);
    assert_int_equal(hands[0].fired, 0);
    assert_int_equal(hands[1].fired, 1);
    process_at(engine, 6000);
    assert_int_equal(hands[0].fired, 1);
    assert_int_equal(hands[2].fired, 1);
}

static void a_stopped_timer_does_not_fire_and_may_be_stopped_again(void **state)
{
    struct engine *engine = *state;
    struct clock_hand hand;

    prepare(engine, &hand);
    engine_timer_stop(engine, &hand.timer);
    set(&hand, 3000);
    assert_int_not_equal(hand.timer.position, 0);
    engine_timer_stop(engine, &hand.timer);
    engine_timer_stop(engine, &hand.timer);
    assert_int_equal(hand.timer.position, 0);
    process_at(engine, 9000);
    assert_int_equal(hand.fired, 0);
}

static void set_again(struct clock_hand *hand)
{
    set(hand, hand->again_us);
}

static void a_timer_may_set_itself_again_while_it_fires(void **state)
{
    struct engine *engine = *state;
    struct clock_hand hand;

    prepare(engine, &hand);
    hand.more = set_again;
    hand.again_us = 4000;
    set(&hand, 3000);
    process_at(engine, 3500);
    assert_int_equal(hand.fired, 1);
    hand.more = NULL;
    process_at(engine, 4000);
    assert_int_equal(hand.fired, 2);
}

static void a_timer_that_sets_itself_for_the_past_fires_once_a_turn(void **state)
{
    struct engine *engine = *state;
    struct clock_hand restless;
    struct clock_hand due[3];
    struct clock_hand later[100];

    prepare(engine, &restless);
    restless.more = set_again;
    restless.again_us = 1;
    set(&restless, 1);
    for (int i = 0; i < 3; i++) {
        prepare(engine, &due[i]);
        set(&due[i], 3000);
    }
    for (int i = 0; i < 100; i++) {
        prepare(engine, &later[i]);
        set(&later[i], 100000);
    }
    process_at(engine, 3000);
    assert_int_equal(restless.fired, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(due[i].fired, 1);
    process_at(engine, 3000);
    assert_int_equal(restless.fired, 2);
    engine_timer_stop(engine, &restless.timer);
    process_at(engine, 100000);
}

static void stop_other(struct clock_hand *hand)
{
    engine_timer_stop(hand->engine, &hand->other->timer);
}

static void a_timer_that_fires_may_stop_another_that_is_due(void **state)
{
    struct engine *engine = *state;
    struct clock_hand hands[4];

    for (int i = 0; i < 4; i++) {
        prepare(engine, &hands[i]);
        set(&hands[i], 3000 + i);
    }
    hands[0].more = stop_other;
    hands[0].other = &hands[2];
    process_at(engine, 9000);
    assert_int_equal(hands[1].fired, 1);
    assert_int_equal(hands[2].fired, 0);
    assert_int_equal(hands[2].timer.position, 0);
    assert_int_equal(hands[3].fired, 1);
}

static void move_other(struct clock_hand *hand)
{
    set(hand->other, hand->again_us);
}

static void a_timer_that_fires_may_move_another_that_is_due(void **state)
{
    struct engine *engine = *state;
    struct clock_hand hands[3];

    for (int i = 0; i < 3; i++) {
        prepare(engine, &hands[i]);
        set(&hands[i], 3000 + i);
    }
    hands[0].more = move_other;
    hands[0].other = &hands[1];
    hands[0].again_us = 20000;
    process_at(engine, 9000);
    assert_int_equal(hands[1].fired, 0);
    assert_int_equal(hands[2].fired, 1);
    process_at(engine, 20000);
    assert_int_equal(hands[1].fired, 1);
}

static void fire_and_free(struct engine_timer *timer)
{
    free(BASE_CONTAINER(timer, struct clock_hand, timer));
}

static void a_timer_may_be_freed_while_it_fires(void **state)
{
    struct engine *engine = *state;
    struct clock_hand *hand = malloc(sizeof(*hand));

    assert_non_null(hand);
    prepare(engine, hand);
    hand->timer.fire = fire_and_free;
    set(hand, 3000);
    process_at(engine, 3000);
    assert_int_equal(engine_timer_first(engine), ENGINE_NEVER);
}

static int64_t earliest(const struct clock_hand *hands)
{
    int64_t first_us = ENGINE_NEVER;

    for (int i = 0; i < MANY; i++)
        if (hands[i].timer.position && hands[i].timer.at_us < first_us)
            first_us = hands[i].timer.at_us;
    return first_us;
}

static void the_first_timer_is_known_after_any_mix_of_changes(void **state)
{
    struct engine *engine = *state;
    struct clock_hand hands[MANY];

    for (int i = 0; i < MANY; i++)
        prepare(engine, &hands[i]);
    for (int change = 0; change < 20000; change++) {
        struct clock_hand *hand = &hands[dice() % MANY];

        if (dice() % 3)
            set(hand, 1000 + dice() % 1000);
        else
            engine_timer_stop(engine, &hand->timer);
        if (change % 16 == 0)
            assert_int_equal(engine_timer_first(engine), earliest(hands));
    }
    process_at(engine, 2000);
    assert_int_equal(engine_timer_first(engine), ENGINE_NEVER);
}

static void without_memory_a_timer_is_not_set_but_those_set_go_on(void **state)
{
    struct test_allocator memory;
    struct engine_config config = {.now_us = NULL, .allocator = &memory.allocator};
    struct engine *engine = NULL;
    struct clock_hand hands[64];
    int count = 0;

    (void)state;
    test_allocator_init(&memory);
    assert_int_equal(engine_new(&config, &engine, NULL), ENTC_OK);
    prepare(engine, &hands[0]);
    test_allocator_fail_at(&memory, 1, true);
    assert_false(engine_timer_set(engine, &hands[0].timer, 1));
    assert_int_equal(hands[0].timer.position, 0);
    test_allocator_fail_at(&memory, 2, true);
    for (count = 0; count < 64; count++) {
        prepare(engine, &hands[count]);
        if (!engine_timer_set(engine, &hands[count].timer, 1 + count))
            break;
    }
    assert_true(count > 0 && count < 64);
    assert_int_equal(hands[count].timer.position, 0);
    /* A move takes no memory. */
    set(&hands[0], 0);
    assert_int_equal(engine_timer_first(engine), 0);
    assert_int_equal(engine_process(engine), ENTC_OK);
    for (int i = 0; i < count; i++)
        assert_int_equal(hands[i].fired, 1);
    fake_engine_free(engine);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void a_driver_that_sleeps_wakes_for_the_first_timer(void **state)
{
    struct engine *engine = fake_engine(ENTC_DRIVE_WAITERS);
    struct seen seen = {0};
    struct fake *late = fake_new_timer(engine, 3000000000, &seen);
    struct fake *soon = fake_new_timer(engine, 3000, &seen);

    (void)state;
    fake_submit(late);
    fake_submit(soon);
    assert_int_equal(engine_op_wait(&soon->op, -1), ENTC_OK);
    assert_int_equal(soon->op.status, ENTC_OK);
    assert_false(engine_op_is_done(&late->op));
    engine_op_cancel(&late->op);
    assert_int_equal(engine_op_wait(&late->op, -1), ENTC_OK);
    engine_op_unref(&late->op);
    engine_op_unref(&soon->op);
    fake_engine_free(engine);
    assert_int_equal(seen.destroyed, 2);
}

static int setup(void **state)
{
    atomic_store(&fake_clock_us, 1000);
    *state = fake_engine_clocked(ENTC_DRIVE_WAITERS);
    return 0;
}

static int teardown(void **state)
{
    fake_engine_free(*state);
    return 0;
}

#define ON_FAKE_CLOCK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_FAKE_CLOCK(timers_fire_in_the_order_of_their_times),
        ON_FAKE_CLOCK(a_timer_fires_at_its_time_and_not_before),
        ON_FAKE_CLOCK(a_timer_of_the_past_fires_in_the_next_turn),
        ON_FAKE_CLOCK(a_timer_can_be_moved_to_an_earlier_and_a_later_time),
        ON_FAKE_CLOCK(a_stopped_timer_does_not_fire_and_may_be_stopped_again),
        ON_FAKE_CLOCK(a_timer_may_set_itself_again_while_it_fires),
        ON_FAKE_CLOCK(a_timer_that_sets_itself_for_the_past_fires_once_a_turn),
        ON_FAKE_CLOCK(a_timer_that_fires_may_stop_another_that_is_due),
        ON_FAKE_CLOCK(a_timer_that_fires_may_move_another_that_is_due),
        ON_FAKE_CLOCK(a_timer_may_be_freed_while_it_fires),
        ON_FAKE_CLOCK(the_first_timer_is_known_after_any_mix_of_changes),
        cmocka_unit_test(without_memory_a_timer_is_not_set_but_those_set_go_on),
        cmocka_unit_test(a_driver_that_sleeps_wakes_for_the_first_timer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
