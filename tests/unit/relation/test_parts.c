/* Proves how parts of different shapes are asked, answered and ended: a statement for each shape,
 * all entities in one batch, and nothing left behind when one of them fails. */
#include "family.h"

#include <stdio.h>

static const entc_order by_name[] = {{"name", 0, 0}};

static void value_ids(entc_value *values, const int64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        world_value(&values[i], ids[i]);
}

static entc_op *ask(struct family *family, const int64_t *ids, const entc_page_args *args,
                    size_t count)
{
    const struct repository_call call = world_call(NULL);
    entc_value parents[8];
    entc_op *op = NULL;

    assert_true(count <= 8);
    value_ids(parents, ids, count);
    assert_int_equal(
        relation_pages(family->has_pets, parents, count, args, sizeof(*args), &call, &op, NULL),
        ENTC_OK);
    return op;
}

static void drop(entc_op *op, struct entc_page **pages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        relation_page_unref(pages[i]);
    engine_op_unref(op);
}

static entc_status read_cursor(const struct entc_page *page, size_t index, char out[256])
{
    entc_status status = ENTC_OK;
    struct buffer buffer;

    buffer_init(&buffer, base_default_allocator());
    status = relation_page_cursor(page, index, &buffer, NULL);
    snprintf(out, 256, "%s", buffer_text(&buffer));
    buffer_fini(&buffer);
    return status;
}

static void limits_of_one_shape_are_one_statement(void **state)
{
    struct family *family = *state;
    static const int64_t ids[] = {1, 4, 3};
    const entc_page_args args[] = {ENTC_FIRST(1), ENTC_FIRST(2), ENTC_FIRST(9)};
    struct entc_page *pages[3];
    entc_op *op = ask(family, ids, args, 3);

    world_settle(family->world);
    assert_non_null(strstr(fake_journal_take(&family->world->journal),
                           "PAGES pets limit 0 by name limits 2,3,10 of owner_id 1 4 3\n"
                           "MGET Pet-11 Pet-41 Pet-42\n"));
    family_take(op, pages, 3);
    assert_page(pages[0], (const int64_t[]){11}, 1, 1);
    assert_page(pages[1], (const int64_t[]){41, 42}, 2, 0);
    assert_page(pages[2], NULL, 0, 0);
    drop(op, pages, 3);
}

static void a_page_from_the_end_is_read_backwards_and_given_forwards(void **state)
{
    struct family *family = *state;
    static const int64_t ids[] = {1};
    const entc_page_args args[] = {ENTC_LAST(2)};
    struct entc_page *page = NULL;
    entc_op *op = ask(family, ids, args, 1);

    world_settle(family->world);
    assert_non_null(strstr(fake_journal_take(&family->world->journal),
                           "PAGES pets limit 3 by name down by id down of owner_id 1\n"
                           "MGET Pet-12 Pet-13\n"));
    family_take(op, &page, 1);
    assert_page(page, (const int64_t[]){12, 13}, 2, 0);
    assert_int_equal(page->has_previous, 1);
    drop(op, &page, 1);
}

static void a_cursor_becomes_the_texts_that_the_order_compares(void **state)
{
    struct family *family = *state;
    static const int64_t ids[] = {1, 4};
    entc_page_args args[] = {ENTC_FIRST(2), ENTC_FIRST(1)};
    struct entc_page *pages[2];
    char cursors[2][256];
    entc_op *op = ask(family, ids, args, 2);

    world_settle(family->world);
    family_take(op, pages, 2);
    assert_int_equal(read_cursor(pages[0], 1, cursors[0]), ENTC_OK);
    assert_int_equal(read_cursor(pages[1], 0, cursors[1]), ENTC_OK);
    drop(op, pages, 2);
    args[0].after = cursors[0];
    args[1].after = cursors[1];
    fake_journal_take(&family->world->journal);
    op = ask(family, ids, args, 2);
    world_turn(family->world);
    assert_non_null(strstr(fake_journal_take(&family->world->journal),
                           " limits 3,2 after 12,pet,41,pet of owner_id 1 4\n"));
    args[0].first = args[1].first = 0;
    args[0].last = args[1].last = 1;
    engine_op_unref(op);
    op = ask(family, ids, args, 2);
    world_turn(family->world);
    assert_non_null(strstr(fake_journal_take(&family->world->journal),
                           " by name down by id down before 12,pet,41,pet of owner_id 1 4\n"));
    engine_op_unref(op);
}

/* Three shapes: another flag, another direction, another filter. */
static entc_op *ask_three(struct family *family)
{
    static const int64_t ids[] = {1, 2, 4, 4};
    static const entc_value blue = {.type = ENTC_TEXT, .length = 4, .as.text = "blue"};
    static const entc_filter filter = {"colour", ENTC_EQUAL, 0, &blue, 1};
    entc_page_args args[] = {ENTC_FIRST(1), ENTC_LAST(1), ENTC_FIRST(1), ENTC_FIRST(1)};

    args[2].filters = &filter;
    args[2].filter_count = 1;
    args[2].filter_size = sizeof(filter);
    return ask(family, ids, args, 4);
}

static void shapes_are_statements_of_one_operation(void **state)
{
    struct family *family = *state;
    struct entc_page *pages[4];
    entc_op *op = ask_three(family);

    world_settle(family->world);
    family_take(op, pages, 4);
    assert_page(pages[0], (const int64_t[]){11}, 1, 1);
    assert_page(pages[1], (const int64_t[]){21}, 1, 0);
    assert_page(pages[2], (const int64_t[]){41}, 1, 1);
    assert_page(pages[3], (const int64_t[]){41}, 1, 1);
    assert_counter(family->world, SQL_QUERIES, 3 + 1);
    drop(op, pages, 4);
}

static void a_shape_that_fails_takes_the_others_back(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_op *op = ask_three(family);

    world->db.is_held = true;
    world_turn(world);
    assert_int_equal(world->db.pending_count, 3);
    world_db_answer(world);
    world_db_fail(world, 0, ENTC_E_SCHEMA, false, "no such column");
    world_turn(world);
    assert_int_equal(world->db.pending_count, 0);
    assert_done(op, ENTC_E_SCHEMA);
    assert_string_equal(entc_error_message(op->error), "no such column");
    engine_op_unref(op);
}

static void a_shape_that_is_lost_is_asked_once_more_alone(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    struct entc_page *pages[4];
    entc_op *op = ask_three(family);

    world->db.is_held = true;
    world_turn(world);
    world_db_fail(world, 2, ENTC_E_UNAVAILABLE, true, "gone");
    assert_int_equal(world->db.pending_count, 3);
    for (int i = 0; i < 3; i++)
        world_db_answer(world);
    world->db.is_held = false;
    world_settle(world);
    family_take(op, pages, 4);
    assert_page(pages[0], (const int64_t[]){11}, 1, 1);
    assert_page(pages[1], (const int64_t[]){21}, 1, 0);
    assert_page(pages[2], (const int64_t[]){41}, 1, 1);
    drop(op, pages, 4);
}

static void a_cancel_takes_all_shapes_back(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_op *op = ask_three(family);

    world->db.is_held = true;
    world_turn(world);
    engine_op_cancel(op);
    world_turn(world);
    assert_int_equal(world->db.pending_count, 0);
    assert_done(op, ENTC_E_CANCELLED);
    engine_op_unref(op);
}

static void a_database_that_is_down_refuses_the_first_shape_and_is_asked_no_more(void **state)
{
    struct family *family = *state;
    entc_op *op = ask_three(family);

    family->world->db.refuses = ENTC_E_UNAVAILABLE;
    world_turn(family->world);
    assert_done(op, ENTC_E_UNAVAILABLE);
    engine_op_unref(op);
}

static void the_host_s_statement_is_passed_on_with_its_values(void **state)
{
    struct family *family = *state;
    const struct repository_call call = world_call(NULL);
    const entc_value params[] = {{.type = ENTC_INT64, .as.int64 = 7}, {.type = ENTC_NULL}};
    struct entc_page *page = NULL;
    entc_op *op = NULL;

    assert_int_equal(
        relation_list_sql(family->world->users, "SELECT x", params, 1, &call, &op, NULL), ENTC_OK);
    world_settle(family->world);
    assert_non_null(strstr(fake_journal_take(&family->world->journal), "SQL SELECT x 7\nMGET"));
    family_take(op, &page, 1);
    assert_int_equal(page->count, 4);
    assert_int_equal(page->has_cursors, false);
    drop(op, &page, 1);
}

/* ---- memory ---- */

static void take_all(entc_op *op, entc_status submitted, char cursor[256])
{
    struct entc_page *pages[3] = {NULL, NULL, NULL};

    assert_true(submitted == ENTC_OK || submitted == ENTC_E_NO_MEMORY);
    if (submitted != ENTC_OK)
        return;
    assert_true(op->status == ENTC_OK || op->status == ENTC_E_NO_MEMORY);
    relation_op_take(op, pages, NULL, 3);
    if (op->status == ENTC_OK && !cursor[0] && read_cursor(pages[0], 0, cursor) != ENTC_OK)
        cursor[0] = '\0';
    drop(op, pages, 3);
}

static void run(struct family *family)
{
    static const int64_t ids[] = {1, 4, 1};
    const struct repository_call call = world_call(NULL);
    entc_page_args args[] = {ENTC_FIRST(1), ENTC_FIRST(2), ENTC_LAST(1)};
    entc_value parents[3];
    char cursor[256] = "";

    args[1].order = by_name;
    args[1].order_count = 1;
    args[1].order_size = sizeof(by_name[0]);
    value_ids(parents, ids, 3);
    for (int round = 0; round < 2; round++) {
        entc_op *op = NULL;
        entc_status status =
            relation_pages(family->has_pets, parents, 3, args, sizeof(args[0]), &call, &op, NULL);

        world_settle(family->world);
        /* A lease that could not be given back makes losers, who pause. */
        world_advance(family->world, 2000);
        world_settle(family->world);
        take_all(op, status, cursor);
        if (!cursor[0])
            return;
        args[0].after = cursor;
        args[2].before = cursor;
    }
}

static void every_single_allocation_may_fail(void **state)
{
    uint64_t n = 0;
    bool was_reached = true;

    (void)state;
    while (was_reached) {
        struct family *family = family_new_failing(++n, false);

        if (!family)
            continue;
        run(family);
        was_reached = test_allocator_calls(&family->world->memory) >= n;
        family->world->memory.fail_at = 0;
        run(family);
        family_free(family);
    }
    assert_true(n > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, family_set_up, family_tear_down)
        TEST(limits_of_one_shape_are_one_statement),
        TEST(a_page_from_the_end_is_read_backwards_and_given_forwards),
        TEST(a_cursor_becomes_the_texts_that_the_order_compares),
        TEST(shapes_are_statements_of_one_operation),
        TEST(a_shape_that_fails_takes_the_others_back),
        TEST(a_shape_that_is_lost_is_asked_once_more_alone),
        TEST(a_cancel_takes_all_shapes_back),
        TEST(a_database_that_is_down_refuses_the_first_shape_and_is_asked_no_more),
        TEST(the_host_s_statement_is_passed_on_with_its_values),
        cmocka_unit_test(every_single_allocation_may_fail),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
