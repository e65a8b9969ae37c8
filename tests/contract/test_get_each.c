/* A part of its own for each parent: limits and cursors stay one statement, shapes are a statement
 * each, and the entities of all come in one batch. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static const entc_order down[] = {{"id", 1, 0}};

static entc_page_args first(int32_t count)
{
    const entc_page_args args = ENTC_FIRST(count);

    return args;
}

static entc_page_args last(int32_t count)
{
    const entc_page_args args = ENTC_LAST(count);

    return args;
}

static void get(struct fixture *f, const int64_t *ids, const entc_page_args *args, size_t count,
                entc_page **pages)
{
    entc_value parents[16];

    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        parents[i] = fixture_id(ids[i]);
    assert_ok(f, entc_relation_get_each(f->has_events, parents, count, args, sizeof(*args), NULL,
                                        pages, NULL, &f->error));
}

/* The ids of a page, with a blank behind each; gives the page back. */
static void assert_page(entc_page *page, const char *wanted, int32_t has_previous, int32_t has_next)
{
    char found[200] = "";

    for (size_t i = 0; i < entc_page_count(page); i++) {
        const size_t length = strlen(found);
        entc_value id;

        assert_int_equal(entc_page_id(page, i, 0, &id), ENTC_OK);
        fixture_assert_event(entc_page_entity(page, i), id.as.int64);
        snprintf(found + length, sizeof(found) - length, "%lld ", (long long)id.as.int64);
    }
    assert_string_equal(found, wanted);
    assert_int_equal(entc_page_has_previous(page), has_previous);
    assert_int_equal(entc_page_has_next(page), has_next);
    entc_page_unref(page);
}

static void cursor_of(struct fixture *f, const entc_page *page, size_t index, char out[256])
{
    entc_buffer *buffer = NULL;

    assert_ok(f, entc_buffer_new(&buffer));
    assert_ok(f, entc_page_cursor(page, index, buffer, &f->error));
    snprintf(out, 256, "%s", entc_buffer_text(buffer));
    entc_buffer_free(buffer);
}

/* Statements for ids since `before`, when entities took one more. */
static uint64_t statements(struct fixture *f, const entc_counters *before)
{
    return fixture_since(f, before).sql_queries - 1;
}

static void limits_differ_within_one_statement(void **state)
{
    struct fixture *f = *state;
    static const int64_t parents[] = {4, 1, 7, 2, 4};
    const entc_page_args args[] = {first(1), first(3), first(2), first(50), first(2)};
    const entc_counters before = fixture_counters(f);
    entc_page *pages[5];

    get(f, parents, args, 5, pages);
    assert_page(pages[0], "401 ", 0, 1);
    assert_page(pages[1], "101 102 103 ", 0, 1);
    assert_page(pages[2], "", 0, 0);
    assert_page(pages[3], "201 202 203 ", 0, 0);
    assert_page(pages[4], "401 402 ", 0, 1);
    assert_int_equal(statements(f, &before), 1);
    assert_int_equal(fixture_since(f, &before).redis_mgets, 1);
}

static void cursors_differ_within_one_statement(void **state)
{
    struct fixture *f = *state;
    static const int64_t parents[] = {4, 1, 2};
    entc_page_args args[] = {first(2), first(1), first(1)};
    entc_counters before;
    entc_page *pages[3];
    char cursors[3][256];

    get(f, parents, args, 3, pages);
    for (size_t i = 0; i < 3; i++) {
        cursor_of(f, pages[i], entc_page_count(pages[i]) - 1, cursors[i]);
        args[i].after = cursors[i];
        entc_page_unref(pages[i]);
    }
    before = fixture_counters(f);
    get(f, parents, args, 3, pages);
    assert_page(pages[0], "403 404 ", 1, 1);
    assert_page(pages[1], "102 ", 1, 1);
    assert_page(pages[2], "202 ", 1, 1);
    assert_int_equal(statements(f, &before), 1);
    assert_int_equal(fixture_since(f, &before).redis_mgets, 1);
}

static void every_shape_is_a_statement_and_all_entities_are_one_batch(void **state)
{
    struct fixture *f = *state;
    static const int64_t parents[] = {4, 4, 4, 1, 1, 2};
    const entc_value zero = fixture_id(0);
    const entc_filter even = {"rank", ENTC_EQUAL, 0, &zero, 1};
    entc_page_args args[] = {first(2), last(2), first(2), first(3), first(2), first(1)};
    const entc_counters before = fixture_counters(f);
    entc_page *pages[6];

    args[2].order = args[5].order = down;
    args[2].order_count = args[5].order_count = 1;
    args[2].order_size = args[5].order_size = sizeof(down[0]);
    args[4].filters = &even;
    args[4].filter_count = 1;
    args[4].filter_size = sizeof(even);
    get(f, parents, args, 6, pages);
    assert_page(pages[0], "401 402 ", 0, 1);
    assert_page(pages[1], "404 405 ", 1, 0);
    assert_page(pages[2], "405 404 ", 0, 1);
    assert_page(pages[3], "101 102 103 ", 0, 1);
    assert_page(pages[4], "102 104 ", 0, 0);
    assert_page(pages[5], "203 ", 0, 1);
    assert_int_equal(statements(f, &before), 4);
    assert_int_equal(fixture_since(f, &before).redis_mgets, 1);
}

static void filters_of_the_same_columns_and_values_are_one_shape(void **state)
{
    struct fixture *f = *state;
    static const int64_t parents[] = {4, 1, 2};
    const entc_value ranks[] = {fixture_id(0), fixture_text("0"), fixture_id(1)};
    const entc_filter filters[] = {{"rank", ENTC_EQUAL, 0, &ranks[0], 1},
                                   {"rank", ENTC_EQUAL, 0, &ranks[1], 1},
                                   {"rank", ENTC_EQUAL, 0, &ranks[2], 1}};
    entc_page_args args[] = {first(2), first(2), first(2)};
    const entc_counters before = fixture_counters(f);
    entc_page *pages[3];

    for (size_t i = 0; i < 3; i++) {
        args[i].filters = &filters[i];
        args[i].filter_count = 1;
        args[i].filter_size = sizeof(filters[i]);
    }
    get(f, parents, args, 3, pages);
    assert_page(pages[0], "402 404 ", 0, 0);
    assert_page(pages[1], "102 104 ", 0, 0);
    assert_page(pages[2], "201 203 ", 0, 0);
    assert_int_equal(statements(f, &before), 2);
}

static void totals_all_and_ids_alone_mix(void **state)
{
    struct fixture *f = *state;
    static const int64_t parents[] = {4, 4, 1, 7};
    entc_page_args args[] = {first(2), ENTC_PAGE_ARGS_INIT, first(1), first(1)};
    entc_counters before = fixture_counters(f);
    entc_page *pages[4];
    entc_value id;

    args[0].flags = args[3].flags = ENTC_PAGE_TOTAL;
    args[1].flags = ENTC_PAGE_ALL;
    args[2].flags = ENTC_PAGE_IDS_ONLY;
    get(f, parents, args, 4, pages);
    assert_int_equal(entc_page_total(pages[0]), 5);
    assert_page(pages[0], "401 402 ", 0, 1);
    assert_int_equal(entc_page_total(pages[1]), -1);
    assert_page(pages[1], "401 402 403 404 405 ", 0, 0);
    assert_null(entc_page_entity(pages[2], 0));
    assert_int_equal(entc_page_id(pages[2], 0, 0, &id), ENTC_OK);
    assert_int_equal(id.as.int64, 101);
    assert_int_equal(entc_page_status(pages[2], 0), ENTC_OK);
    entc_page_unref(pages[2]);
    assert_int_equal(entc_page_total(pages[3]), 0);
    assert_page(pages[3], "", 0, 0);
    assert_int_equal(statements(f, &before), 3);
    assert_int_equal(fixture_since(f, &before).redis_keys, 5);
}

static void all_children_of_many_parents_are_one_statement(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = ENTC_PAGE_ARGS_INIT;
    const entc_order order[] = {{"rank", 0, 0}, {"id", 1, 0}};
    const entc_value parents[] = {fixture_id(4), fixture_id(7), fixture_id(2), fixture_id(4)};
    const entc_counters before = fixture_counters(f);
    entc_page *pages[4];

    args.flags = ENTC_PAGE_ALL | ENTC_PAGE_TOTAL;
    args.order = order;
    args.order_count = 2;
    args.order_size = sizeof(order[0]);
    assert_ok(
        f, entc_relation_get_many(f->has_events, parents, 4, &args, NULL, pages, NULL, &f->error));
    assert_int_equal(entc_page_total(pages[0]), 5);
    assert_page(pages[0], "404 402 405 403 401 ", 0, 0);
    assert_int_equal(entc_page_total(pages[1]), 0);
    assert_page(pages[1], "", 0, 0);
    assert_page(pages[2], "202 203 201 ", 0, 0);
    assert_ptr_equal(pages[3], pages[0]);
    entc_page_unref(pages[3]);
    assert_int_equal(statements(f, &before), 1);
}

/* ---- what is refused ---- */

static void one_wrong_argument_fails_the_call_and_is_named_by_its_place(void **state)
{
    struct fixture *f = *state;
    const entc_value parents[] = {fixture_id(1), fixture_id(2), fixture_id(3)};
    entc_page_args args[] = {first(1), first(1), first(-4)};
    entc_status statuses[3];
    entc_page *pages[3];

    memset(pages, 0xff, sizeof(pages));
    assert_status(f,
                  entc_relation_get_each(f->has_events, parents, 3, args, sizeof(args[0]), NULL,
                                         pages, statuses, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "args[2].first is -4");
    for (size_t i = 0; i < 3; i++) {
        assert_null(pages[i]);
        assert_int_equal(statuses[i], ENTC_E_INVALID);
    }
    args[2] = first(1);
    args[1].after = "spoilt";
    assert_status(f,
                  entc_relation_get_each(f->has_events, parents, 3, args, sizeof(args[0]), NULL,
                                         pages, statuses, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "args[1].after is no cursor");
    args[1] = first(1);
    for (size_t size = 0; size < sizeof(args[0]); size += 7)
        assert_status(f,
                      entc_relation_get_each(f->has_events, parents, 3, args, size, NULL, pages,
                                             statuses, &f->error),
                      ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "args_size");
    assert_status(f,
                  entc_relation_get_each(f->has_events, parents, 3, NULL, sizeof(args[0]), NULL,
                                         pages, statuses, &f->error),
                  ENTC_E_INVALID);
    assert_ok(f, entc_relation_get_each(f->has_events, NULL, 0, NULL, sizeof(args[0]), NULL, NULL,
                                        NULL, &f->error));
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void an_id_that_cannot_be_one_fails_its_slot_alone(void **state)
{
    struct fixture *f = *state;
    const entc_value parents[] = {fixture_text("x"), fixture_id(2), fixture_text("y")};
    const entc_page_args args[] = {last(9), first(1), first(2)};
    entc_status statuses[3];
    entc_page *pages[3];

    assert_ok(f, entc_relation_get_each(f->has_events, parents, 3, args, sizeof(args[0]), NULL,
                                        pages, statuses, &f->error));
    assert_int_equal(statuses[0], ENTC_E_INVALID);
    assert_int_equal(statuses[1], ENTC_OK);
    assert_int_equal(statuses[2], ENTC_E_INVALID);
    assert_null(pages[0]);
    assert_null(pages[2]);
    assert_page(pages[1], "201 ", 0, 1);
}

static void one_shape_that_fails_fails_the_call(void **state)
{
    struct fixture *f = *state;
    static const entc_order odd[] = {{"no_such_column", 0, 0}};
    const entc_value parents[] = {fixture_id(1), fixture_id(2)};
    entc_page_args args[] = {first(1), first(1)};
    entc_page *pages[2];

    args[1].order = odd;
    args[1].order_count = 1;
    args[1].order_size = sizeof(odd[0]);
    assert_status(f,
                  entc_relation_get_each(f->has_events, parents, 2, args, sizeof(args[0]), NULL,
                                         pages, NULL, &f->error),
                  ENTC_E_SCHEMA);
    fixture_assert_says(entc_error_message(f->error), "no_such_column");
    assert_null(pages[0]);
    assert_null(pages[1]);
    args[1] = first(2);
    assert_ok(f, entc_relation_get_each(f->has_events, parents, 2, args, sizeof(args[0]), NULL,
                                        pages, NULL, &f->error));
    assert_page(pages[0], "101 ", 0, 1);
    assert_page(pages[1], "201 202 ", 0, 1);
}

static void it_is_an_operations_result_that_keeps_nothing_of_the_callers(void **state)
{
    struct fixture *f = *state;
    entc_value parents[] = {fixture_id(4), fixture_id(2)};
    entc_page_args args[] = {first(2), first(1)};
    char column[] = "rank";
    char text[] = "0";
    entc_order order[] = {{column, 0, 0}};
    entc_value value = fixture_text(text);
    entc_filter filter = {column, ENTC_EQUAL, 0, &value, 1};
    entc_page *pages[2];
    entc_op *op = NULL;

    for (size_t i = 0; i < 2; i++) {
        args[i].order = order;
        args[i].order_count = 1;
        args[i].order_size = sizeof(order[0]);
        args[i].filters = &filter;
        args[i].filter_count = 1;
        args[i].filter_size = sizeof(filter);
    }
    assert_ok(f, entc_relation_get_each_async(f->has_events, parents, 2, args, sizeof(args[0]),
                                              NULL, &op, &f->error));
    memset(column, 'x', sizeof(column));
    memset(text, 'x', sizeof(text));
    memset(order, 0xff, sizeof(order));
    memset(&filter, 0xff, sizeof(filter));
    memset(args, 0xff, sizeof(args));
    memset(parents, 0xff, sizeof(parents));
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    assert_ok(f, entc_op_take_pages(op, pages, 2));
    entc_op_unref(op);
    assert_page(pages[0], "402 404 ", 0, 0);
    assert_page(pages[1], "202 ", 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(limits_differ_within_one_statement),
        IN_BOTH_DRIVES(cursors_differ_within_one_statement),
        IN_BOTH_DRIVES(every_shape_is_a_statement_and_all_entities_are_one_batch),
        IN_BOTH_DRIVES(filters_of_the_same_columns_and_values_are_one_shape),
        IN_BOTH_DRIVES(totals_all_and_ids_alone_mix),
        IN_BOTH_DRIVES(all_children_of_many_parents_are_one_statement),
        IN_BOTH_DRIVES(one_wrong_argument_fails_the_call_and_is_named_by_its_place),
        IN_BOTH_DRIVES(an_id_that_cannot_be_one_fails_its_slot_alone),
        IN_BOTH_DRIVES(one_shape_that_fails_fails_the_call),
        IN_BOTH_DRIVES(it_is_an_operations_result_that_keeps_nothing_of_the_callers),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
