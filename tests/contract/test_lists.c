/* Lists: ids from the database in the order asked, entities from the cache in one batch. */
#include "fixture.h"

#include <string.h>

static entc_page *list(struct fixture *f, BaseCacheRepository *repository,
                       const entc_page_args *args)
{
    entc_page *page = NULL;

    assert_ok(f, entc_repository_list(repository, args, NULL, &page, &f->error));
    assert_non_null(page);
    return page;
}

static void assert_events(const entc_page *page, const int64_t *ids, size_t count, int32_t has_next)
{
    assert_int_equal(entc_page_count(page), count);
    assert_int_equal(entc_page_has_next(page), has_next);
    for (size_t i = 0; i < count; i++) {
        entc_value id;

        assert_int_equal(entc_page_id(page, i, 0, &id), ENTC_OK);
        assert_int_equal(id.type, ENTC_INT64);
        assert_int_equal(id.as.int64, ids[i]);
        assert_int_equal(entc_page_status(page, i), ENTC_OK);
        fixture_assert_event(entc_page_entity(page, i), ids[i]);
        assert_ptr_equal(entc_page_record(page, i), entc_entity_record(entc_page_entity(page, i)));
    }
}

static void a_list_runs_by_key_unless_told_otherwise(void **state)
{
    struct fixture *f = *state;
    const entc_page_args args = ENTC_FIRST(6);
    static const int64_t ids[] = {101, 102, 103, 104, 201, 202};
    entc_page *page = list(f, f->events, &args);

    assert_events(page, ids, 6, 1);
    entc_page_unref(page);
}

static void a_list_has_no_next_at_the_end(void **state)
{
    struct fixture *f = *state;
    const entc_page_args exact = ENTC_FIRST(FIXTURE_CAMPAIGNS);
    const entc_page_args less = ENTC_FIRST(FIXTURE_CAMPAIGNS - 1);
    const entc_page_args more = ENTC_FIRST(INT32_MAX);
    entc_page *page = list(f, f->campaigns, &exact);

    assert_int_equal(entc_page_count(page), FIXTURE_CAMPAIGNS);
    assert_int_equal(entc_page_has_next(page), 0);
    entc_page_unref(page);
    page = list(f, f->campaigns, &less);
    assert_int_equal(entc_page_count(page), FIXTURE_CAMPAIGNS - 1);
    assert_int_equal(entc_page_has_next(page), 1);
    entc_page_unref(page);
    page = list(f, f->campaigns, &more);
    assert_int_equal(entc_page_count(page), FIXTURE_CAMPAIGNS);
    assert_int_equal(entc_page_has_next(page), 0);
    entc_page_unref(page);
}

static void an_empty_table_gives_an_empty_page(void **state)
{
    struct fixture *f = *state;
    const entc_page_args args = ENTC_FIRST(5);
    entc_page *page = NULL;
    entc_value id;

    test_postgres_sql(&f->postgres, "DELETE FROM campaigns");
    page = list(f, f->campaigns, &args);
    assert_int_equal(entc_page_count(page), 0);
    assert_int_equal(entc_page_has_next(page), 0);
    assert_null(entc_page_entity(page, 0));
    assert_null(entc_page_record(page, 0));
    assert_int_equal(entc_page_id(page, 0, 0, &id), ENTC_E_INVALID);
    assert_int_equal(entc_page_status(page, 0), ENTC_E_INVALID);
    entc_page_unref(page);
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).redis_mgets, 0);
}

/* ---- order ---- */

static entc_page_args ordered(int32_t first, const entc_order *order, size_t count)
{
    const entc_page_args args = {.struct_size = sizeof(args),
                                 .first = first,
                                 .order = order,
                                 .order_count = count,
                                 .order_size = sizeof(*order)};

    return args;
}

static void a_list_runs_down_when_told(void **state)
{
    struct fixture *f = *state;
    const entc_order order[] = {{"id", 1, 0}};
    const entc_page_args args = ordered(3, order, 1);
    static const int64_t ids[] = {802, 801, 601};
    entc_page *page = list(f, f->events, &args);

    assert_events(page, ids, 3, 1);
    entc_page_unref(page);
}

/* Ranks are 1 for odd and 0 for even events; the column is no field of the entity. */
static void ties_are_ordered_by_the_key(void **state)
{
    struct fixture *f = *state;
    const entc_order up[] = {{"rank", 0, 0}};
    const entc_order down[] = {{"rank", 1, 0}};
    const entc_page_args args_up = ordered(4, up, 1);
    const entc_page_args args_down = ordered(4, down, 1);
    static const int64_t even[] = {102, 104, 202, 302};
    static const int64_t odd[] = {101, 103, 201, 203};
    entc_page *page = list(f, f->events, &args_up);

    assert_events(page, even, 4, 1);
    entc_page_unref(page);
    page = list(f, f->events, &args_down);
    assert_events(page, odd, 4, 1);
    entc_page_unref(page);
}

static void an_order_may_have_several_columns_of_either_direction(void **state)
{
    struct fixture *f = *state;
    const entc_order order[] = {{"campaign_id", 1, 0}, {"rank", 0, 0}, {"id", 1, 0}};
    const entc_page_args args = ordered(5, order, 3);
    static const int64_t ids[] = {802, 801, 601, 502, 501};
    entc_page *page = list(f, f->events, &args);

    assert_events(page, ids, 5, 1);
    entc_page_unref(page);
}

static void an_order_is_walked_with_the_callers_stride(void **state)
{
    struct fixture *f = *state;
    const struct later_order {
        entc_order order;
        uint64_t later;
    } order[] = {{{"rank", 0, 0}, 0}, {{"id", 1, 0}, 0}};
    const entc_page_args args = {.struct_size = sizeof(args),
                                 .first = 2,
                                 .order = &order[0].order,
                                 .order_count = 2,
                                 .order_size = sizeof(order[0])};
    static const int64_t ids[] = {802, 502};
    entc_page *page = list(f, f->events, &args);

    assert_events(page, ids, 2, 1);
    entc_page_unref(page);
}

static void a_column_that_is_not_there_is_named(void **state)
{
    struct fixture *f = *state;
    const entc_order order[] = {{"no_such_column", 0, 0}};
    const entc_page_args args = ordered(5, order, 1);
    entc_page *page = NULL;
    entc_status status = entc_repository_list(f->events, &args, NULL, &page, &f->error);

    if (status != ENTC_E_INVALID && status != ENTC_E_DATABASE && status != ENTC_E_SCHEMA)
        fail_msg("%s", entc_status_name(status));
    assert_null(page);
    fixture_assert_says(entc_error_message(f->error), "no_such_column");
}

static void an_order_cannot_smuggle_sql(void **state)
{
    struct fixture *f = *state;
    const entc_order order[] = {{"id\"; DROP TABLE events; --", 0, 0}};
    const entc_page_args args = ordered(5, order, 1);
    entc_page *page = NULL;

    assert_true(entc_repository_list(f->events, &args, NULL, &page, &f->error) < 0);
    assert_null(page);
    assert_int_equal(test_postgres_integer(&f->postgres, "SELECT count(*) FROM events"),
                     FIXTURE_EVENTS);
}

/* ---- refusals ---- */

static void arguments_that_are_wrong_are_refused_by_name(void **state)
{
    struct fixture *f = *state;
    const entc_order good_order[] = {{"id", 0, 0}};
    const entc_order nameless[] = {{NULL, 0, 0}};
    const entc_order twice_down[] = {{"id", 2, 0}};
    const entc_order flagged[] = {{"id", 0, 1}};
    const struct {
        entc_page_args args;
        const char *named;
    } cases[] = {
        {{.struct_size = 0, .first = 5}, "struct_size"},
        {{.struct_size = sizeof(entc_page_args), .first = 0}, "first"},
        {{.struct_size = sizeof(entc_page_args), .first = -1}, "first"},
        {{.struct_size = sizeof(entc_page_args), .first = INT32_MIN}, "first"},
        {{.struct_size = sizeof(entc_page_args), .first = 5, .reserved = 9}, "reserved"},
        {{.struct_size = sizeof(entc_page_args),
          .first = 5,
          .order_count = 1,
          .order_size = sizeof(entc_order)},
         "order"},
        {{.struct_size = sizeof(entc_page_args),
          .first = 5,
          .order = good_order,
          .order_count = 1,
          .order_size = 4},
         "order_size"},
        {{.struct_size = sizeof(entc_page_args),
          .first = 5,
          .order = nameless,
          .order_count = 1,
          .order_size = sizeof(entc_order)},
         "column"},
        {{.struct_size = sizeof(entc_page_args),
          .first = 5,
          .order = twice_down,
          .order_count = 1,
          .order_size = sizeof(entc_order)},
         "descending"},
        {{.struct_size = sizeof(entc_page_args),
          .first = 5,
          .order = flagged,
          .order_count = 1,
          .order_size = sizeof(entc_order)},
         "flags"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        entc_page *page = NULL;
        entc_status status =
            entc_repository_list(f->events, &cases[i].args, NULL, &page, &f->error);

        if (status != ENTC_E_INVALID)
            fail_msg("case %zu (%s): %s", i, cases[i].named, entc_status_name(status));
        assert_null(page);
        fixture_assert_says(entc_error_message(f->error), cases[i].named);
    }
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void arguments_that_are_missing_are_named(void **state)
{
    struct fixture *f = *state;
    const entc_page_args args = ENTC_FIRST(5);
    entc_page *page = NULL;

    assert_status(f, entc_repository_list(f->events, NULL, NULL, &page, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "args");
    assert_status(f, entc_repository_list(f->events, &args, NULL, NULL, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "ret_page");
    assert_status(f, entc_repository_list_async(f->events, &args, NULL, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "ret_op");
}

/* ---- cost, and what happens in between ---- */

static void a_list_is_one_statement_and_one_mget_and_is_never_cached(void **state)
{
    struct fixture *f = *state;
    const entc_page_args args = ENTC_FIRST(5);
    entc_counters before;

    entc_page_unref(list(f, f->campaigns, &args));
    assert_int_equal(fixture_counters(f).sql_queries, 2);
    assert_int_equal(fixture_counters(f).redis_mgets, 1);
    fixture_await_fills(f, 5);
    before = fixture_counters(f);
    entc_page_unref(list(f, f->campaigns, &args));
    assert_int_equal(fixture_since(f, &before).sql_queries, 1);
    assert_int_equal(fixture_since(f, &before).redis_commands, 1);
    assert_int_equal(fixture_since(f, &before).redis_mgets, 1);
    assert_int_equal(fixture_since(f, &before).hits, 5);
    fixture_assert_keys(f, "Campaign-1 Campaign-2 Campaign-3 Campaign-4 Campaign-5");
}

static void a_page_is_an_operations_result_and_is_taken_once(void **state)
{
    struct fixture *f = *state;
    const entc_page_args args = ENTC_FIRST(3);
    entc_op *op = NULL;
    entc_page *page = NULL;
    entc_page *too_many[2] = {NULL, NULL};
    entc_entity *entity = NULL;

    assert_ok(f, entc_repository_list_async(f->campaigns, &args, NULL, &op, &f->error));
    assert_int_equal(entc_op_count(op), 1);
    assert_int_equal(entc_op_status(op), ENTC_E_AGAIN);
    assert_int_equal(entc_op_take_pages(op, &page, 1), ENTC_E_AGAIN);
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    assert_int_equal(entc_op_take_entity(op, &entity), ENTC_E_INVALID);
    assert_int_equal(entc_op_take_pages(op, too_many, 2), ENTC_E_INVALID);
    assert_ok(f, entc_op_take_pages(op, &page, 1));
    assert_int_equal(entc_op_take_pages(op, too_many, 1), ENTC_E_INVALID);
    entc_op_unref(op);
    assert_ptr_equal(entc_page_ref(page), page);
    entc_page_unref(page);
    assert_int_equal(entc_page_count(page), 3);
    fixture_assert_campaign(entc_page_entity(page, 2), 3);
    entc_page_unref(page);
}

/* The cache says that the row is gone; the list has just seen it. */
static void an_entity_gone_since_has_a_slot_that_says_so(void **state)
{
    struct fixture *f = *state;
    const entc_page_args args = ENTC_FIRST(3);
    entc_page *page = NULL;
    entc_value id;

    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-2 null"));
    page = list(f, f->campaigns, &args);
    assert_int_equal(entc_page_count(page), 3);
    assert_int_equal(entc_page_status(page, 0), ENTC_OK);
    assert_int_equal(entc_page_status(page, 1), ENTC_E_NOT_FOUND);
    assert_int_equal(entc_page_status(page, 2), ENTC_OK);
    assert_null(entc_page_entity(page, 1));
    assert_null(entc_page_record(page, 1));
    assert_int_equal(entc_page_id(page, 1, 0, &id), ENTC_OK);
    assert_int_equal(id.as.int64, 2);
    entc_page_unref(page);
}

static void a_list_by_a_text_key_holds_its_texts(void **state)
{
    struct fixture *f = *state;
    static const entc_field fields[] = {{"name", ENTC_TEXT, ENTC_KEY, 0, 0, 0, NULL}};
    const entc_entity_desc entity = {sizeof(entity), "Tag", 0, fields, 1, sizeof(fields[0])};
    const entc_model_desc model = ENTC_MODEL("tags");
    const entc_page_args args = ENTC_FIRST(2);
    BaseCacheRepository *tags = NULL;
    entc_page *page = NULL;
    entc_value id;

    test_postgres_sql(&f->postgres, "DROP TABLE IF EXISTS tags; CREATE TABLE tags (name text"
                                    " PRIMARY KEY); INSERT INTO tags VALUES ('b'), ('a x'), ('c')");
    assert_ok(f, entc_repository_new(f->engine, &model, &entity, NULL, &tags, &f->error));
    page = list(f, tags, &args);
    entc_repository_free(tags);
    fixture_free_engine(f);
    assert_int_equal(entc_page_count(page), 2);
    assert_int_equal(entc_page_has_next(page), 1);
    assert_int_equal(entc_page_id(page, 0, 0, &id), ENTC_OK);
    assert_int_equal(id.type, ENTC_TEXT);
    assert_int_equal(id.length, 3);
    assert_memory_equal(id.as.text, "a x", 3);
    assert_non_null(entc_page_entity(page, 0));
    entc_page_unref(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_list_runs_by_key_unless_told_otherwise),
        IN_BOTH_DRIVES(a_list_has_no_next_at_the_end),
        IN_BOTH_DRIVES(an_empty_table_gives_an_empty_page),
        IN_BOTH_DRIVES(a_list_runs_down_when_told),
        IN_BOTH_DRIVES(ties_are_ordered_by_the_key),
        IN_BOTH_DRIVES(an_order_may_have_several_columns_of_either_direction),
        IN_BOTH_DRIVES(an_order_is_walked_with_the_callers_stride),
        IN_BOTH_DRIVES(a_column_that_is_not_there_is_named),
        IN_BOTH_DRIVES(an_order_cannot_smuggle_sql),
        IN_BOTH_DRIVES(arguments_that_are_wrong_are_refused_by_name),
        IN_BOTH_DRIVES(arguments_that_are_missing_are_named),
        IN_BOTH_DRIVES(a_list_is_one_statement_and_one_mget_and_is_never_cached),
        IN_BOTH_DRIVES(a_page_is_an_operations_result_and_is_taken_once),
        IN_BOTH_DRIVES(an_entity_gone_since_has_a_slot_that_says_so),
        IN_BOTH_DRIVES(a_list_by_a_text_key_holds_its_texts),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
