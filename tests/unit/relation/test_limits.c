/* Proves what a list and a relation take of their request's limits, what they count for it, and
 * that pages with denials are copies for the taker. */
#include "family.h"

#include <stdlib.h>

struct scene {
    struct family *family;
    struct entc_request *request;
};

static const int64_t parents[] = {1, 2, 4};

static int set_up(void **state)
{
    struct scene *scene = malloc(sizeof(*scene));

    assert_non_null(scene);
    scene->family = family_new();
    scene->request = NULL;
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    repository_request_unref(scene->request);
    family_free(scene->family);
    free(scene);
    return 0;
}

static void limit(struct scene *scene, uint64_t sql_queries, uint64_t rows)
{
    repository_request_unref(scene->request);
    scene->request = world_request_limited(scene->family->world, sql_queries, 0, rows);
}

/* The first two pets of users 1, 2 and 4: five of them, and a row behind the first page. */
static entc_op *ask(struct scene *scene)
{
    const struct repository_call call = world_call(scene->request);
    const entc_page_args args = ENTC_FIRST(2);
    entc_value values[3];
    entc_op *op = NULL;

    for (size_t i = 0; i < 3; i++)
        world_value(&values[i], parents[i]);
    assert_int_equal(relation_pages(scene->family->has_pets, values, 3, &args, 0, &call, &op, NULL),
                     ENTC_OK);
    world_settle(scene->family->world);
    return op;
}

static struct account *pets(struct scene *scene)
{
    return ledger_account(scene->request->ledger, ACCOUNT_RELATION, "User",
                          scene->family->has_pets->name);
}

static void pages_take_their_statement_and_all_their_rows(void **state)
{
    struct scene *scene = *state;
    entc_op *op = NULL;

    /* The entities' statement and five rows. */
    limit(scene, 2, 6 + 5);
    op = ask(scene);
    assert_done(op, ENTC_OK);
    assert_int_equal(world_charged(scene->request, LEDGER_SQL_QUERIES), 2);
    assert_int_equal(world_charged(scene->request, LEDGER_ROWS), 11);
    assert_int_equal(atomic_load(&pets(scene)->counts[TALLY_SQL_ROWS]), 6);
    assert_int_equal(atomic_load(&pets(scene)->counts[TALLY_SQL_BYTES]), 6 * FAKE_ROW_BYTES);
    assert_int_equal(atomic_load(&pets(scene)->counts[TALLY_BATCH_IDS]), 3);
    engine_op_unref(op);
}

static void one_row_less_is_no_page_at_all(void **state)
{
    struct scene *scene = *state;
    struct entc_page *taken[3];
    entc_op *op = NULL;

    limit(scene, 0, 5);
    op = ask(scene);
    assert_done(op, ENTC_E_LIMIT);
    assert_non_null(strstr(entc_error_message(op->error), "relation '"));
    assert_int_equal(relation_op_take(op, taken, NULL, 3), ENTC_E_LIMIT);
    assert_null(taken[0]);
    engine_op_unref(op);
    limit(scene, 0, 10);
    op = ask(scene);
    assert_done(op, ENTC_E_LIMIT);
    assert_non_null(strstr(entc_error_message(op->error), "get_many of entity '"));
    engine_op_unref(op);
}

static void a_statement_above_the_limit_is_not_sent(void **state)
{
    struct scene *scene = *state;
    entc_op *op = NULL;

    limit(scene, 2, 0);
    op = ask(scene);
    engine_op_unref(op);
    fake_journal_take(&scene->family->world->journal);
    op = ask(scene);
    assert_done(op, ENTC_E_LIMIT);
    assert_journal(scene->family->world, "");
    assert_int_equal(atomic_load(&pets(scene)->counts[TALLY_LIMITED]), 1);
    engine_op_unref(op);
}

static void what_the_database_refuses_takes_nothing(void **state)
{
    struct scene *scene = *state;
    entc_op *op = NULL;

    limit(scene, 2, 0);
    scene->family->world->db.refuses = ENTC_E_UNAVAILABLE;
    op = ask(scene);
    assert_done(op, ENTC_E_UNAVAILABLE);
    assert_int_equal(world_charged(scene->request, LEDGER_SQL_QUERIES), 0);
    assert_int_equal(atomic_load(&pets(scene)->shapes[0].runs), 0);
    engine_op_unref(op);
}

/* ---- denials ---- */

static entc_status deny_pet_12(entc_request *request, BaseCacheRepository *repository,
                               const entc_entity *entity, void *user)
{
    entc_value id;

    (void)request;
    (void)repository;
    ++*(int *)user;
    entity_id(entity, &id);
    return id.as.int64 == 12 ? ENTC_E_FORBIDDEN : ENTC_OK;
}

static void a_page_with_a_denial_is_another_one_and_the_shared_one_stays(void **state)
{
    struct scene *scene = *state;
    struct entc_page *taken[3];
    struct entc_page *shared = NULL;
    int asked = 0;
    entc_op *op = NULL;

    limit(scene, 0, 0);
    scene->request->authorize = deny_pet_12;
    scene->request->user = &asked;
    op = ask(scene);
    assert_done(op, ENTC_OK);
    assert_int_equal(relation_op_deliver(op, taken, NULL, 2), ENTC_E_INVALID);
    assert_int_equal(asked, 0);
    assert_int_equal(relation_op_deliver(op, taken, NULL, 3), ENTC_OK);
    assert_int_equal(asked, 5);
    shared = taken[0]->origin;
    assert_non_null(shared);
    assert_null(taken[1]->origin);
    assert_int_equal(taken[0]->has_next, 1);
    assert_int_equal(taken[0]->count, 2);
    for (size_t i = 0; i < 2; i++) {
        const bool is_denied = taken[0]->ids[i].as.int64 == 12;

        assert_int_equal(taken[0]->statuses[i], is_denied ? ENTC_E_FORBIDDEN : ENTC_OK);
        assert_int_equal(taken[0]->entities[i] == NULL, is_denied);
        assert_int_equal(shared->statuses[i], ENTC_OK);
        assert_non_null(shared->entities[i]);
    }
    for (size_t i = 0; i < 3; i++)
        relation_page_unref(taken[i]);
    assert_int_equal(relation_op_deliver(op, taken, NULL, 3), ENTC_E_INVALID);
    engine_op_unref(op);
}

static void without_memory_for_it_nothing_is_handed_out_and_it_can_be_taken_again(void **state)
{
    struct scene *scene = *state;
    struct test_allocator *memory = &scene->family->world->memory;
    struct entc_page *taken[3];
    entc_status statuses[3];
    int asked = 0;
    entc_op *op = NULL;

    limit(scene, 0, 0);
    scene->request->authorize = deny_pet_12;
    scene->request->user = &asked;
    op = ask(scene);
    test_allocator_fail_at(memory, 1, true);
    assert_int_equal(relation_op_deliver(op, taken, statuses, 3), ENTC_E_NO_MEMORY);
    test_allocator_fail_at(memory, 0, false);
    for (size_t i = 0; i < 3; i++) {
        assert_null(taken[i]);
        assert_int_equal(statuses[i], ENTC_E_NO_MEMORY);
    }
    assert_int_equal(relation_op_deliver(op, taken, statuses, 3), ENTC_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(taken[i]);
        relation_page_unref(taken[i]);
    }
    engine_op_unref(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_take_their_statement_and_all_their_rows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_row_less_is_no_page_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_statement_above_the_limit_is_not_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_database_refuses_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_page_with_a_denial_is_another_one_and_the_shared_one_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            without_memory_for_it_nothing_is_handed_out_and_it_can_be_taken_again, set_up,
            tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
