/* Proves that an operation of the host is completed exactly once, by the host or by its deadline,
 * and that no entity is lost on the way. */
#include "world.h"

#include <sys/wait.h>
#include <unistd.h>

static int set_up(void **state)
{
    *state = world_new();
    return 0;
}

static int tear_down(void **state)
{
    world_free(*state);
    return 0;
}

static entc_entity *make_user(struct world *world, int64_t id)
{
    struct entity_draft draft;
    entc_entity *entity = NULL;

    assert_int_equal(entity_draft_init(&draft, world->users->type), ENTC_OK);
    entity_draft_set_int64(&draft, 0, id);
    assert_true(entity_draft_set_text(&draft, 1, "made", 4));
    entity = entity_draft_seal(&draft);
    entity_draft_fini(&draft);
    assert_non_null(entity);
    return entity;
}

static entc_op *new_op(struct world *world, size_t count)
{
    const struct repository_call call = world_call(NULL);
    entc_op *op = NULL;

    assert_int_equal(repository_host_op_new(world->engine, count, &call, &op, NULL), ENTC_OK);
    world_turn(world);
    return op;
}

static void resolve_answers_by_slot_and_null_is_absent(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 4);
    entc_entity *entities[4] = {make_user(world, 1), NULL, NULL, make_user(world, 4)};
    const entc_status statuses[4] = {ENTC_OK, ENTC_OK, ENTC_E_BUSY, ENTC_E_TIMEOUT};

    assert_int_equal(repository_host_op_resolve(op, entities, statuses, 4), ENTC_OK);
    assert_under_way(op);
    world_turn(world);
    assert_done(op, ENTC_OK);
    assert_user(op, 0, 1, "made");
    assert_slot(op, 1, ENTC_E_NOT_FOUND);
    assert_slot(op, 2, ENTC_E_BUSY);
    assert_slot(op, 3, ENTC_E_TIMEOUT);
    engine_op_unref(op);
}

static void a_second_answer_is_refused_and_its_entities_are_given_back(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 1);
    entc_entity *first = make_user(world, 1);
    entc_entity *second = make_user(world, 2);

    assert_int_equal(repository_host_op_resolve(op, &first, NULL, 1), ENTC_OK);
    assert_int_equal(repository_host_op_resolve(op, &second, NULL, 1), ENTC_E_INVALID);
    assert_int_equal(repository_host_op_reject(op, ENTC_E_BUSY, NULL), ENTC_E_INVALID);
    world_turn(world);
    assert_user(op, 0, 1, "made");
    engine_op_unref(op);
}

static void a_wrong_count_is_refused_and_the_right_one_still_accepted(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 1);
    entc_entity *two[2] = {make_user(world, 1), make_user(world, 2)};
    entc_entity *one = make_user(world, 3);

    assert_int_equal(repository_host_op_resolve(op, two, NULL, 2), ENTC_E_INVALID);
    assert_int_equal(repository_host_op_resolve(op, &one, NULL, 1), ENTC_OK);
    world_turn(world);
    assert_user(op, 0, 3, "made");
    engine_op_unref(op);
}

static void an_operation_of_the_library_is_not_the_hosts_to_complete(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);
    entc_entity *entity = make_user(world, 1);

    assert_int_equal(repository_host_op_resolve(op, &entity, NULL, 1), ENTC_E_INVALID);
    assert_int_equal(repository_host_op_reject(op, ENTC_E_BUSY, NULL), ENTC_E_INVALID);
    world_settle(world);
    assert_slot(op, 0, ENTC_E_NOT_FOUND);
    engine_op_unref(op);
}

static void reject_ends_with_its_status_and_message(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 2);

    assert_int_equal(repository_host_op_reject(op, ENTC_OK, "no"), ENTC_E_INVALID);
    assert_int_equal(repository_host_op_reject(op, ENTC_E_AGAIN, "no"), ENTC_E_INVALID);
    assert_int_equal(repository_host_op_reject(op, ENTC_E_BUSY, "the backend sleeps"), ENTC_OK);
    world_turn(world);
    assert_done(op, ENTC_E_BUSY);
    assert_string_equal(entc_error_message(op->error), "the backend sleeps");
    engine_op_unref(op);
}

static void slots_that_all_failed_alike_fail_the_operation_with_a_story(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 2);
    entc_entity *entities[2] = {NULL, NULL};
    const entc_status statuses[2] = {ENTC_E_BUSY, ENTC_E_BUSY};

    assert_int_equal(repository_host_op_resolve(op, entities, statuses, 2), ENTC_OK);
    world_turn(world);
    assert_done(op, ENTC_E_BUSY);
    assert_non_null(op->error);
    engine_op_unref(op);
}

static void a_status_that_is_none_is_invalid(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 3);
    entc_entity *entities[3] = {make_user(world, 1), NULL, make_user(world, 3)};
    const entc_status statuses[3] = {7, ENTC_E_AGAIN, ENTC_OK};

    assert_int_equal(repository_host_op_resolve(op, entities, statuses, 3), ENTC_OK);
    world_turn(world);
    assert_slot(op, 0, ENTC_E_INVALID);
    assert_slot(op, 1, ENTC_E_INVALID);
    assert_user(op, 2, 3, "made");
    engine_op_unref(op);
}

static void a_resolve_after_the_deadline_gives_its_entities_back(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 1);
    entc_entity *entity = make_user(world, 1);
    entc_entity *held = entity_ref(entity);
    entc_entity *taken = entity;

    world_advance(world, WORLD_TIMEOUT_US);
    assert_done(op, ENTC_E_TIMEOUT);
    assert_int_equal(repository_host_op_resolve(op, &entity, NULL, 1), ENTC_OK);
    world_turn(world);
    assert_int_equal(atomic_load(&held->references), 1);
    assert_int_equal(repository_op_take(op, &taken, NULL, 1), ENTC_E_TIMEOUT);
    assert_null(taken);
    entity_unref(held);
    engine_op_unref(op);
}

static void a_resolve_after_the_close_gives_its_entities_back(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 1);
    entc_entity *entity = make_user(world, 1);
    entc_entity *held = entity_ref(entity);

    assert_int_equal(engine_close(world->engine, 0, NULL, NULL), ENTC_OK);
    assert_done(op, ENTC_E_CLOSED);
    assert_int_equal(repository_host_op_resolve(op, &entity, NULL, 1), ENTC_OK);
    assert_int_equal(atomic_load(&held->references), 1);
    entity_unref(held);
    engine_op_unref(op);
}

static void an_answer_before_the_driver_saw_the_operation_counts(void **state)
{
    struct world *world = *state;
    const struct repository_call call = world_call(NULL);
    entc_entity *entity = make_user(world, 1);
    entc_op *op = NULL;

    assert_int_equal(repository_host_op_new(world->engine, 1, &call, &op, NULL), ENTC_OK);
    assert_int_equal(repository_host_op_resolve(op, &entity, NULL, 1), ENTC_OK);
    world_turn(world);
    assert_user(op, 0, 1, "made");
    engine_op_unref(op);
}

static void an_answer_of_nothing_is_an_answer(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 0);

    assert_int_equal(repository_host_op_resolve(op, NULL, NULL, 0), ENTC_OK);
    world_turn(world);
    assert_done(op, ENTC_OK);
    engine_op_unref(op);
}

static void too_many_slots_are_refused(void **state)
{
    struct world *world = *state;
    const struct repository_call call = world_call(NULL);
    entc_error *error = NULL;
    entc_op *op = NULL;

    assert_int_equal(
        repository_host_op_new(world->engine, REPOSITORY_IDS_MAX + (size_t)1, &call, &op, &error),
        ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_message(error), "count is 16777217"));
    entc_error_free(error);
}

static int answers_in_the_child(struct world *world, entc_op *op, entc_entity *entity)
{
    const struct repository_call call = world_call(NULL);
    entc_error *error = NULL;
    entc_op *other = NULL;
    entc_value id;
    int is_told = 0;

    world_value(&id, 1);
    is_told = repository_host_op_resolve(op, &entity, NULL, 1) == ENTC_E_FORKED &&
              repository_host_op_reject(op, ENTC_E_BUSY, NULL) == ENTC_E_FORKED &&
              repository_get_many(world->users, &id, 1, &call, &other, &error) == ENTC_E_FORKED &&
              strstr(entc_error_message(error), "parent process") != NULL;
    entc_error_free(error);
    return is_told;
}

static void a_forked_child_is_told_so_and_the_parent_goes_on(void **state)
{
    struct world *world = *state;
    entc_op *op = new_op(world, 1);
    entc_entity *entity = make_user(world, 1);
    int ended = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(answers_in_the_child(world, op, entity) ? 0 : 1);
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    assert_int_equal(repository_host_op_resolve(op, &entity, NULL, 1), ENTC_OK);
    world_turn(world);
    assert_user(op, 0, 1, "made");
    engine_op_unref(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(resolve_answers_by_slot_and_null_is_absent),
        TEST(a_second_answer_is_refused_and_its_entities_are_given_back),
        TEST(a_wrong_count_is_refused_and_the_right_one_still_accepted),
        TEST(an_operation_of_the_library_is_not_the_hosts_to_complete),
        TEST(reject_ends_with_its_status_and_message),
        TEST(slots_that_all_failed_alike_fail_the_operation_with_a_story),
        TEST(a_status_that_is_none_is_invalid),
        TEST(a_resolve_after_the_deadline_gives_its_entities_back),
        TEST(a_resolve_after_the_close_gives_its_entities_back),
        TEST(an_answer_before_the_driver_saw_the_operation_counts),
        TEST(an_answer_of_nothing_is_an_answer),
        TEST(too_many_slots_are_refused),
        TEST(a_forked_child_is_told_so_and_the_parent_goes_on),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
