/* Proves how lists and pages end when they do not end well: failures, deadlines, cancels, closes,
 * memory. */
#include "family.h"

static const int64_t one[] = {1};

static void a_list_lost_with_its_connection_is_repeated_once(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    struct entc_page *page = NULL;
    entc_op *op = family_list(family, 2);

    world->db.is_held = true;
    world_turn(world);
    world_db_fail(world, 1, ENTC_E_UNAVAILABLE, true, "lost");
    world->db.is_held = false;
    world_db_answer(world);
    world_settle(world);
    family_take(op, &page, 1);
    assert_int_equal(page->count, 2);
    assert_int_equal(page->has_next, 1);
    relation_page_unref(page);
    assert_counter(world, SQL_QUERIES, 3);
    engine_op_unref(op);
}

static void a_list_lost_twice_fails(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_op *op = family_list(family, 2);

    world->db.is_held = true;
    world_turn(world);
    world_db_fail(world, 1, ENTC_E_UNAVAILABLE, true, "lost");
    world_db_fail(world, 1, ENTC_E_UNAVAILABLE, true, "lost again");
    assert_done(op, ENTC_E_UNAVAILABLE);
    assert_string_equal(entc_error_message(op->error), "lost again");
    assert_journal(world, "LIST users limit 3\nLIST users limit 3\n");
    engine_op_unref(op);
}

static void a_failed_query_fails_the_call_as_the_database_told_it(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    struct entc_page *pages[1] = {(struct entc_page *)family};
    entc_status statuses[1];
    entc_op *op = family_pages(family, one, 1, 2);

    world->db.is_held = true;
    world_turn(world);
    world_db_fail(world, 1, ENTC_E_DATABASE, false, "column \"nmae\" does not exist");
    assert_done(op, ENTC_E_DATABASE);
    assert_string_equal(entc_error_message(op->error), "column \"nmae\" does not exist");
    assert_int_equal(relation_op_take(op, pages, statuses, 1), ENTC_E_DATABASE);
    assert_null(pages[0]);
    assert_int_equal(statuses[0], ENTC_E_DATABASE);
    engine_op_unref(op);
}

static void a_database_that_is_down_is_told_at_once(void **state)
{
    struct family *family = *state;
    entc_op *op = family_list(family, 2);

    family->world->db.refuses = ENTC_E_UNAVAILABLE;
    world_turn(family->world);
    assert_done(op, ENTC_E_UNAVAILABLE);
    assert_non_null(op->error);
    engine_op_unref(op);
}

static void entities_that_all_fail_fail_the_call(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_op *op = family_list(family, 2);

    world->db.is_held = true;
    world_turn(world);
    world_db_answer(world);
    world_settle(world);
    world_db_fail(world, 0, ENTC_E_BUSY, false, "too many");
    world_settle(world);
    assert_done(op, ENTC_E_BUSY);
    assert_string_equal(entc_error_message(op->error), "too many");
    engine_op_unref(op);
}

static void a_cancel_detaches_the_query(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_op *op = family_pages(family, one, 1, 2);

    world->db.is_held = true;
    world_turn(world);
    engine_op_cancel(op);
    world_turn(world);
    assert_done(op, ENTC_E_CANCELLED);
    assert_journal(world, "PAGES pets limit 3 by name of owner_id 1\n"
                          "detach PAGES pets limit 3 by name of owner_id 1\n");
    engine_op_unref(op);
}

static void a_deadline_ends_the_batch_of_entities_too(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_op *op = family_pages(family, one, 1, 1);

    world->db.is_held = true;
    world_turn(world);
    world_db_answer(world);
    world_settle(world);
    fake_journal_take(&world->journal);
    world_advance(world, WORLD_TIMEOUT_US);
    world_settle(world);
    assert_done(op, ENTC_E_TIMEOUT);
    assert_journal(world, "detach IDS 11\nUNLEASE Pet-11\n");
    engine_op_unref(op);
}

static void closing_the_children_ends_pages_at_every_step(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_op *in_entities = family_pages(family, one, 1, 1);
    entc_op *in_query = NULL;
    entc_op *in_inbox = NULL;

    world->db.is_held = true;
    world_turn(world);
    world_db_answer(world);
    world_settle(world);
    in_query = family_pages(family, one, 1, 1);
    world_turn(world);
    in_inbox = family_pages(family, one, 1, 1);
    repository_close(family->pets);
    world_settle(world);
    assert_done(in_entities, ENTC_E_CLOSED);
    assert_done(in_query, ENTC_E_CLOSED);
    assert_done(in_inbox, ENTC_E_CLOSED);
    assert_non_null(strstr(entc_error_message(in_query->error), "Pet"));
    engine_op_unref(in_entities);
    engine_op_unref(in_query);
    engine_op_unref(in_inbox);
}

static void closing_the_engine_ends_pages_at_every_step(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_op *in_entities = family_pages(family, one, 1, 1);
    entc_op *in_query = NULL;

    world->db.is_held = true;
    world_turn(world);
    world_db_answer(world);
    world_settle(world);
    in_query = family_list(family, 1);
    world_turn(world);
    assert_int_equal(engine_close(world->engine, 0, NULL, NULL), ENTC_OK);
    repository_services_shutdown(world->services);
    assert_done(in_entities, ENTC_E_CLOSED);
    assert_done(in_query, ENTC_E_CLOSED);
    engine_op_unref(in_entities);
    engine_op_unref(in_query);
}

static void a_page_outlives_relation_repositories_and_engine(void **state)
{
    struct family *family = *state;
    const int64_t pets[] = {11};
    struct entc_page *page = NULL;
    entc_op *op = family_pages(family, one, 1, 1);

    relation_unref(family->has_pets);
    family->has_pets = NULL;
    world_settle(family->world);
    family_take(op, &page, 1);
    engine_op_unref(op);
    repository_close(family->pets);
    repository_unref(family->pets);
    family->pets = NULL;
    assert_int_equal(engine_close(family->world->engine, 0, NULL, NULL), ENTC_OK);
    assert_page(page, pets, 1, 1);
    relation_page_unref(page);
}

/* ---- memory ---- */

static void assert_status_fits(entc_op *op, size_t count)
{
    struct entc_page *pages[3] = {NULL, NULL, NULL};

    assert_true(engine_op_is_done(op));
    assert_true(op->status == ENTC_OK || op->status == ENTC_E_NO_MEMORY);
    assert_int_equal(relation_op_take(op, pages, NULL, count), op->status);
    for (size_t i = 0; i < count; i++)
        relation_page_unref(pages[i]);
}

static void run(struct family *family)
{
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(2);
    entc_order order = {"name", 0, 0};
    entc_page_args ordered = ENTC_FIRST(1);
    entc_value parents[3];
    entc_op *ops[3] = {NULL, NULL, NULL};
    entc_status statuses[3];
    static const size_t counts[] = {3, 1, 1};

    ordered.order = &order;
    ordered.order_count = 1;
    ordered.order_size = sizeof(order);
    for (int64_t i = 0; i < 3; i++)
        world_value(&parents[i], i == 2 ? 1 : i + 1);
    statuses[0] = relation_pages(family->has_pets, parents, 3, &args, 0, &call, &ops[0], NULL);
    statuses[1] = relation_list(family->world->tags, &args, &call, &ops[1], NULL);
    statuses[2] = relation_list(family->world->users, &ordered, &call, &ops[2], NULL);
    world_settle(family->world);
    /* A lease that could not be given back makes losers, who pause. */
    world_advance(family->world, 2000);
    world_settle(family->world);
    for (size_t i = 0; i < 3; i++) {
        if (statuses[i] == ENTC_OK)
            assert_status_fits(ops[i], counts[i]);
        else
            assert_int_equal(statuses[i], ENTC_E_NO_MEMORY);
        engine_op_unref(ops[i]);
    }
}

static void fail_everywhere(bool from_then_on)
{
    uint64_t n = 0;
    bool was_reached = true;

    while (was_reached) {
        struct family *family = family_new_failing(++n, from_then_on);

        if (!family)
            continue;
        fake_db_put_text(&family->world->db, "tags", "x y", "tag");
        run(family);
        was_reached = test_allocator_calls(&family->world->memory) >= n;
        family->world->memory.fail_at = 0;
        run(family);
        family_free(family);
    }
    assert_true(n > 40);
}

static void every_single_allocation_may_fail(void **state)
{
    (void)state;
    fail_everywhere(false);
}

static void memory_may_run_out_for_good_at_any_point(void **state)
{
    (void)state;
    fail_everywhere(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, family_set_up, family_tear_down)
        TEST(a_list_lost_with_its_connection_is_repeated_once),
        TEST(a_list_lost_twice_fails),
        TEST(a_failed_query_fails_the_call_as_the_database_told_it),
        TEST(a_database_that_is_down_is_told_at_once),
        TEST(entities_that_all_fail_fail_the_call),
        TEST(a_cancel_detaches_the_query),
        TEST(a_deadline_ends_the_batch_of_entities_too),
        TEST(closing_the_children_ends_pages_at_every_step),
        TEST(closing_the_engine_ends_pages_at_every_step),
        TEST(a_page_outlives_relation_repositories_and_engine),
#undef TEST
        cmocka_unit_test(every_single_allocation_may_fail),
        cmocka_unit_test(memory_may_run_out_for_good_at_any_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
