/* Proves what lists and pages cost and answer: one statement for the ids of all parents, one batch
 * for all entities, has_next without a second look, duplicates answered each. */
#include "family.h"

static void a_list_is_one_statement_and_one_mget(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    const int64_t ids[] = {1, 2, 3};
    struct entc_page *page = NULL;
    entc_op *op = family_list(family, 3);

    world_settle(world);
    family_take(op, &page, 1);
    assert_page(page, ids, 3, 1);
    relation_page_unref(page);
    engine_op_unref(op);
    assert_string_equal(fake_journal_take(&world->journal),
                        "LIST users limit 4\nMGET User-1 User-2 User-3\n"
                        "LEASE User-1 User-2 User-3\nIDS 1 2 3\n"
                        "FILL User-1={\"id\":1,\"name\":\"user\"} "
                        "User-2={\"id\":2,\"name\":\"user\"} "
                        "User-3={\"id\":3,\"name\":\"user\"}\n");
    op = family_list(family, 4);
    world_settle(world);
    family_take(op, &page, 1);
    assert_int_equal(page->count, 4);
    assert_int_equal(page->has_next, 0);
    relation_page_unref(page);
    engine_op_unref(op);
    assert_counter(world, SQL_QUERIES, 4);
    assert_counter(world, SQL_ROWS, 4 + 3 + 4 + 1);
}

static void pages_of_many_parents_are_one_statement_and_one_mget(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    const int64_t parents[] = {1, 3, 4, 2};
    const int64_t first[] = {11, 12};
    const int64_t third[] = {41, 42};
    const int64_t fourth[] = {21};
    struct entc_page *pages[4];
    entc_op *op = family_pages(family, parents, 4, 2);

    world_settle(world);
    family_take(op, pages, 4);
    assert_page(pages[0], first, 2, 1);
    assert_page(pages[1], NULL, 0, 0);
    assert_page(pages[2], third, 2, 0);
    assert_page(pages[3], fourth, 1, 0);
    for (size_t i = 0; i < 4; i++)
        relation_page_unref(pages[i]);
    engine_op_unref(op);
    op = family_pages(family, parents, 4, 2);
    fake_journal_take(&world->journal);
    world_settle(world);
    assert_journal(world, "PAGES pets limit 3 by name of owner_id 1 3 4 2\n"
                          "MGET Pet-11 Pet-12 Pet-41 Pet-42 Pet-21\n");
    engine_op_unref(op);
    assert_counter(world, SQL_QUERIES, 3);
}

static void duplicate_parents_are_asked_once_and_answered_each(void **state)
{
    struct family *family = *state;
    const int64_t parents[] = {2, 4, 2, 2};
    const int64_t pets[] = {21};
    struct entc_page *pages[4];
    entc_op *op = family_pages(family, parents, 4, 5);

    world_settle(family->world);
    family_take(op, pages, 4);
    assert_non_null(strstr(fake_journal_take(&family->world->journal), "of owner_id 2 4\n"));
    assert_page(pages[0], pets, 1, 0);
    assert_page(pages[2], pets, 1, 0);
    assert_page(pages[3], pets, 1, 0);
    for (size_t i = 0; i < 4; i++)
        relation_page_unref(pages[i]);
    engine_op_unref(op);
}

static void an_invalid_parent_fails_its_slot_and_no_other(void **state)
{
    struct family *family = *state;
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(5);
    const int64_t pets[] = {21};
    entc_value parents[3];
    struct entc_page *pages[3];
    entc_status statuses[3];
    entc_op *op = NULL;

    parents[0] = (entc_value){.type = ENTC_TEXT, .length = 1, .as.text = "x"};
    parents[1] = (entc_value){.type = ENTC_TEXT, .length = 1, .as.text = "2"};
    world_value(&parents[2], 2);
    assert_int_equal(relation_pages(family->has_pets, parents, 3, &args, 0, &call, &op, NULL),
                     ENTC_OK);
    world_settle(family->world);
    assert_done(op, ENTC_OK);
    assert_int_equal(relation_op_take(op, pages, statuses, 3), ENTC_OK);
    assert_int_equal(statuses[0], ENTC_E_INVALID);
    assert_null(pages[0]);
    assert_page(pages[1], pets, 1, 0);
    assert_ptr_equal(pages[1], pages[2]);
    relation_page_unref(pages[1]);
    relation_page_unref(pages[2]);
    engine_op_unref(op);
    assert_int_equal(relation_pages(family->has_pets, parents, 1, &args, 0, &call, &op, NULL),
                     ENTC_OK);
    world_settle(family->world);
    assert_done(op, ENTC_E_INVALID);
    assert_non_null(op->error);
    engine_op_unref(op);
}

static void no_parents_are_no_pages_and_ask_nobody(void **state)
{
    struct family *family = *state;
    entc_op *op = family_pages(family, NULL, 0, 5);

    world_settle(family->world);
    family_take(op, NULL, 0);
    assert_string_equal(fake_journal_take(&family->world->journal), "");
    engine_op_unref(op);
}

static void a_row_deleted_since_the_ids_were_read_is_absent_in_its_page(void **state)
{
    struct family *family = *state;
    const int64_t parents[] = {4};
    struct entc_page *page = NULL;
    entc_op *op = NULL;

    fake_cache_put(&family->world->cache, "Pet-41", "null");
    op = family_pages(family, parents, 1, 5);
    world_settle(family->world);
    family_take(op, &page, 1);
    assert_int_equal(page->count, 2);
    assert_null(page->entities[0]);
    assert_int_equal(page->statuses[0], ENTC_E_NOT_FOUND);
    assert_int_equal(page->ids[0].as.int64, 41);
    assert_non_null(page->entities[1]);
    relation_page_unref(page);
    engine_op_unref(op);
}

static void text_ids_of_a_list_live_in_the_page(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(2);
    struct entc_page *page = NULL;
    entc_op *op = NULL;

    fake_db_put_text(&world->db, "tags", "alpha", "a");
    fake_db_put_text(&world->db, "tags", "be ta", "b");
    fake_db_put_text(&world->db, "tags", "gamma", "c");
    assert_int_equal(relation_list(world->tags, &args, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    family_take(op, &page, 1);
    engine_op_unref(op);
    assert_int_equal(page->count, 2);
    assert_int_equal(page->has_next, 1);
    assert_int_equal(page->ids[1].length, 5);
    assert_string_equal(page->ids[1].as.text, "be ta");
    assert_string_equal(((const struct tag *)entity_record(page->entities[0]))->name.ptr, "a");
    relation_page_unref(page);
}

static void text_parents_are_copied_and_asked_once(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    const entc_relation_desc desc = ENTC_HAS_MANY("pets", "tag", "name");
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(1);
    char given[] = "red";
    entc_value parents[3] = {{.type = ENTC_TEXT, .length = 3, .as.text = given},
                             {.type = ENTC_TEXT, .length = 4, .as.text = "blue"},
                             {.type = ENTC_TEXT, .length = 3, .as.text = "red"}};
    struct entc_relation *relation = NULL;
    entc_op *op = NULL;

    assert_int_equal(relation_new(world->tags, family->pets, &desc, &relation, NULL), ENTC_OK);
    assert_int_equal(relation_pages(relation, parents, 3, &args, 0, &call, &op, NULL), ENTC_OK);
    memset(given, 'x', 3);
    relation_unref(relation);
    world->db.is_held = true;
    world_turn(world);
    assert_journal(world, "PAGES pets limit 2 by name of tag red blue\n");
    engine_op_unref(op);
}

static void orders_are_passed_on_with_their_directions(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    struct wide_order {
        entc_order order;
        char more[8];
    } columns[2] = {{.order = {"name", 1, 0}, .more = "unknown"}, {.order = {"born", 0, 0}}};
    const struct repository_call call = world_call(NULL);
    entc_page_args args = ENTC_FIRST(1);
    entc_value parent;
    entc_op *op = NULL;

    args.order = &columns[0].order;
    args.order_count = 2;
    args.order_size = sizeof(columns[0]);
    world_value(&parent, 3);
    assert_int_equal(relation_pages(family->has_pets, &parent, 1, &args, 0, &call, &op, NULL),
                     ENTC_OK);
    memset(columns, 0, sizeof(columns));
    world_settle(world);
    assert_journal(world, "PAGES pets limit 2 by name down by born of owner_id 3\n");
    engine_op_unref(op);
}

static void a_descending_relation_without_a_column_orders_by_the_key_downwards(void **state)
{
    struct family *family = *state;
    entc_relation_desc desc = ENTC_HAS_MANY("pets", "owner_id", NULL);
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(1);
    struct entc_relation *relation = NULL;
    entc_value parent;
    entc_op *op = NULL;

    desc.order_descending = 1;
    assert_int_equal(relation_new(family->world->users, family->pets, &desc, &relation, NULL),
                     ENTC_OK);
    world_value(&parent, 3);
    assert_int_equal(relation_pages(relation, &parent, 1, &args, 0, &call, &op, NULL), ENTC_OK);
    relation_unref(relation);
    world_settle(family->world);
    assert_string_equal(fake_journal_take(&family->world->journal),
                        "PAGES pets limit 2 by id down of owner_id 3\n");
    engine_op_unref(op);
}

static void pages_count_in_their_request(void **state)
{
    struct family *family = *state;
    struct entc_request *request = world_request_new(family->world);
    const struct repository_call call = world_call(request);
    const entc_page_args args = ENTC_FIRST(2);
    entc_value parent;
    entc_op *op = NULL;

    world_value(&parent, 1);
    assert_int_equal(relation_pages(family->has_pets, &parent, 1, &args, 0, &call, &op, NULL),
                     ENTC_OK);
    family->world->db.is_held = true;
    world_turn(family->world);
    world_advance(family->world, 500);
    family->world->db.is_held = false;
    world_db_answer(family->world);
    world_settle(family->world);
    assert_done(op, ENTC_OK);
    assert_int_equal(world_counter(request->tally, TALLY_SQL_QUERIES), 2);
    assert_int_equal(world_counter(request->tally, TALLY_SQL_ROWS), 5);
    assert_int_equal(world_counter(request->tally, TALLY_SQL_US), 500);
    assert_int_equal(world_counter(request->tally, TALLY_MISSES), 2);
    assert_counter(family->world, SQL_QUERIES, 2);
    engine_op_unref(op);
    repository_request_unref(request);
}

static void pages_are_taken_once_and_by_their_right_count(void **state)
{
    struct family *family = *state;
    const int64_t ids[] = {1};
    struct entc_page *pages[2] = {NULL, NULL};
    entc_status statuses[2];
    entc_op *op = family_list(family, 1);
    entc_op *other = world_get(family->world, ids, 1);

    assert_int_equal(relation_op_take(op, pages, NULL, 1), ENTC_E_AGAIN);
    world_settle(family->world);
    assert_int_equal(relation_op_take(op, pages, NULL, 2), ENTC_E_INVALID);
    assert_int_equal(relation_op_take(op, pages, statuses, 1), ENTC_OK);
    assert_int_equal(statuses[0], ENTC_OK);
    relation_page_unref(pages[0]);
    assert_int_equal(relation_op_take(op, pages, statuses, 1), ENTC_E_INVALID);
    assert_null(pages[0]);
    assert_true(relation_op_count(other) == SIZE_MAX);
    assert_int_equal(relation_op_take(other, pages, NULL, 1), ENTC_E_INVALID);
    assert_null(repository_entities_op(op));
    engine_op_unref(op);
    engine_op_unref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, family_set_up, family_tear_down)
        TEST(a_list_is_one_statement_and_one_mget),
        TEST(pages_of_many_parents_are_one_statement_and_one_mget),
        TEST(duplicate_parents_are_asked_once_and_answered_each),
        TEST(an_invalid_parent_fails_its_slot_and_no_other),
        TEST(no_parents_are_no_pages_and_ask_nobody),
        TEST(a_row_deleted_since_the_ids_were_read_is_absent_in_its_page),
        TEST(text_ids_of_a_list_live_in_the_page),
        TEST(text_parents_are_copied_and_asked_once),
        TEST(orders_are_passed_on_with_their_directions),
        TEST(a_descending_relation_without_a_column_orders_by_the_key_downwards),
        TEST(pages_count_in_their_request),
        TEST(pages_are_taken_once_and_by_their_right_count),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
