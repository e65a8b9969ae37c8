/* Cursors: opaque, bound to their list and its order, valid when their row is gone; and what a page
 * tells of its neighbours. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR 512

/* Ranks are 1 for odd and 0 for even events. */
static const entc_order by_rank[] = {{"rank", 0, 0}};
static const entc_order by_rank_down[] = {{"rank", 1, 0}};

static entc_page_args first_by(int32_t first, const entc_order *order, size_t count)
{
    entc_page_args args = ENTC_FIRST(first);

    args.order = order;
    args.order_count = count;
    args.order_size = sizeof(*order);
    return args;
}

static entc_page *list(struct fixture *f, const entc_page_args *args)
{
    entc_page *page = NULL;

    assert_ok(f, entc_repository_list(f->events, args, NULL, &page, &f->error));
    return page;
}

static void cursor_of(struct fixture *f, const entc_page *page, size_t index, char out[CURSOR])
{
    entc_buffer *buffer = NULL;

    assert_ok(f, entc_buffer_new(&buffer));
    assert_ok(f, entc_page_cursor(page, index, buffer, &f->error));
    snprintf(out, CURSOR, "%s", entc_buffer_text(buffer));
    assert_int_equal(strlen(out), entc_buffer_length(buffer));
    entc_buffer_free(buffer);
}

/* Of the event at this place of a list. */
static void cursor_at(struct fixture *f, const entc_page_args *args, size_t index, char out[CURSOR])
{
    entc_page *page = list(f, args);

    cursor_of(f, page, index, out);
    entc_page_unref(page);
}

static void assert_page(entc_page *page, const int64_t *ids, size_t count, int32_t has_previous,
                        int32_t has_next)
{
    assert_int_equal(entc_page_count(page), count);
    for (size_t i = 0; i < count; i++)
        fixture_assert_event(entc_page_entity(page, i), ids[i]);
    assert_int_equal(entc_page_has_previous(page), has_previous);
    assert_int_equal(entc_page_has_next(page), has_next);
    assert_int_equal(entc_page_total(page), -1);
    entc_page_unref(page);
}

/* ---- pages and their neighbours ---- */

static void a_page_goes_on_after_a_cursor(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = ENTC_FIRST(3);
    static const int64_t next[] = {104, 201, 202};
    static const int64_t end[] = {802};
    char cursor[CURSOR];

    cursor_at(f, &args, 2, cursor);
    args.after = cursor;
    assert_page(list(f, &args), next, 3, 1, 1);
    args = (entc_page_args)ENTC_FIRST(18);
    cursor_at(f, &args, 17, cursor);
    args.after = cursor;
    assert_page(list(f, &args), end, 1, 1, 0);
    cursor_at(f, &(entc_page_args)ENTC_FIRST(FIXTURE_EVENTS), FIXTURE_EVENTS - 1, cursor);
    assert_page(list(f, &args), NULL, 0, 1, 0);
}

static void the_last_are_in_the_lists_own_order(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = ENTC_LAST(3);
    entc_page_args all = ENTC_LAST(FIXTURE_EVENTS);
    static const int64_t last[] = {601, 801, 802};
    static const int64_t before[] = {501, 502};
    char cursor[CURSOR];
    entc_page *page = list(f, &args);

    cursor_of(f, page, 0, cursor);
    assert_page(page, last, 3, 1, 0);
    args.before = cursor;
    args.last = 2;
    assert_page(list(f, &args), before, 2, 1, 1);
    page = list(f, &all);
    assert_int_equal(entc_page_count(page), FIXTURE_EVENTS);
    assert_int_equal(entc_page_has_previous(page), 0);
    entc_page_unref(page);
}

static void two_cursors_bound_a_page_from_both_sides(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = ENTC_FIRST(8);
    static const int64_t from[] = {102, 103};
    static const int64_t to[] = {201, 202};
    static const int64_t all[] = {102, 103, 104, 201, 202};
    char after[CURSOR];
    char before[CURSOR];

    cursor_at(f, &args, 0, after);
    cursor_at(f, &args, 6, before);
    args.after = after;
    args.before = before;
    assert_page(list(f, &args), all, 5, 1, 0);
    args.first = 2;
    assert_page(list(f, &args), from, 2, 1, 1);
    args.first = 0;
    args.last = 2;
    assert_page(list(f, &args), to, 2, 1, 1);
    args.last = 5;
    assert_page(list(f, &args), all, 5, 0, 1);
    args.after = before;
    args.before = after;
    assert_page(list(f, &args), NULL, 0, 0, 1);
}

static void a_cursor_outlives_its_row_and_its_page(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = first_by(4, by_rank, 1);
    static const int64_t next[] = {302, 402, 404, 502};
    char cursor[CURSOR];

    cursor_at(f, &args, 2, cursor);
    args.after = cursor;
    test_postgres_sql(&f->postgres, "DELETE FROM events WHERE id = 202");
    assert_page(list(f, &args), next, 4, 1, 1);
}

static void a_cursor_is_good_under_another_limit_direction_and_engine(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = ENTC_FIRST(4);
    static const int64_t before[] = {101, 102};
    char cursor[CURSOR];
    char again[CURSOR];

    cursor_at(f, &args, 2, cursor);
    fixture_free_engine(f);
    fixture_make_engine(f);
    cursor_at(f, &args, 2, again);
    assert_string_equal(cursor, again);
    args = (entc_page_args)ENTC_LAST(7);
    args.before = cursor;
    assert_page(list(f, &args), before, 2, 0, 1);
    assert_int_equal(strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                    "-_"),
                     strlen(cursor));
}

static void a_cursor_of_a_composite_key_holds_all_its_parts(void **state)
{
    struct fixture *f = *state;
    static const entc_field fields[] = {{"name", ENTC_TEXT, ENTC_KEY, 0, 0, 0, NULL},
                                        {"token", ENTC_UUID, ENTC_KEY, 0, 0, 0, NULL}};
    const entc_entity_desc entity = {sizeof(entity), "Pair", 0, fields, 2, sizeof(fields[0])};
    const entc_model_desc model = ENTC_MODEL("pairs");
    entc_page_args args = ENTC_FIRST(1);
    BaseCacheRepository *pairs = NULL;
    char cursor[CURSOR];
    entc_value part;
    entc_page *page = NULL;

    test_postgres_sql(
        &f->postgres,
        "DROP TABLE IF EXISTS pairs; CREATE TABLE pairs (name text, token uuid, PRIMARY KEY"
        " (name, token)); INSERT INTO pairs SELECT n, ('00000000-0000-0000-0000-00000000000' || t)"
        "::uuid FROM unnest(ARRAY['a', 'b, \"c\"']) n, generate_series(1, 2) t");
    assert_ok(f, entc_repository_new(f->engine, &model, &entity, NULL, &pairs, &f->error));
    for (int i = 0; i < 4; i++) {
        assert_ok(f, entc_repository_list(pairs, &args, NULL, &page, &f->error));
        assert_int_equal(entc_page_count(page), 1);
        assert_int_equal(entc_page_id(page, 0, 0, &part), ENTC_OK);
        assert_string_equal(part.as.text, i < 2 ? "a" : "b, \"c\"");
        assert_int_equal(entc_page_id(page, 0, 1, &part), ENTC_OK);
        assert_int_equal(part.as.bytes[15], 1 + i % 2);
        assert_int_equal(entc_page_has_next(page), i < 3);
        cursor_of(f, page, 0, cursor);
        args.after = cursor;
        entc_page_unref(page);
    }
    entc_repository_free(pairs);
}

/* ---- what is refused ---- */

static void refuses(struct fixture *f, BaseCacheRepository *repository, const entc_page_args *args,
                    const char *words)
{
    entc_page *page = NULL;

    assert_status(f, entc_repository_list(repository, args, NULL, &page, &f->error),
                  ENTC_E_INVALID);
    assert_null(page);
    fixture_assert_says(entc_error_message(f->error), words);
    assert_true(entc_error_hint(f->error)[0] != '\0');
}

static void every_byte_of_a_cursor_counts(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = first_by(4, by_rank, 1);
    uint64_t queries = 0;
    char cursor[CURSOR];
    char spoilt[CURSOR];

    cursor_at(f, &args, 2, cursor);
    queries = fixture_counters(f).sql_queries;
    args.after = spoilt;
    for (size_t i = 0; i < strlen(cursor); i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(spoilt, cursor, sizeof(spoilt));
            spoilt[i] = (char)(cursor[i] ^ (1 << bit));
            refuses(f, f->events, &args, "args.after is no cursor");
        }
        memcpy(spoilt, cursor, sizeof(spoilt));
        spoilt[i] = '\0';
        refuses(f, f->events, &args, "args.after is no cursor");
    }
    snprintf(spoilt, sizeof(spoilt), "%.400sA", cursor);
    refuses(f, f->events, &args, "args.after is no cursor");
    args.after = NULL;
    args.before = "x";
    refuses(f, f->events, &args, "args.before is no cursor");
    assert_int_equal(fixture_counters(f).sql_queries, queries);
}

static void a_huge_cursor_is_refused(void **state)
{
    struct fixture *f = *state;
    const size_t length = (size_t)4 * 1024 * 1024;
    entc_page_args args = ENTC_FIRST(1);
    char *huge = malloc(length + 1);

    assert_non_null(huge);
    memset(huge, 'A', length);
    huge[length] = '\0';
    args.after = huge;
    refuses(f, f->events, &args, "args.after is no cursor");
    free(huge);
}

static void a_cursor_of_another_list_or_order_is_refused(void **state)
{
    struct fixture *f = *state;
    const entc_value one = fixture_id(1);
    const entc_value parent = fixture_id(1);
    const entc_filter filter = {"rank", ENTC_EQUAL, 0, &one, 1};
    entc_page_args args = ENTC_FIRST(4);
    entc_page_args filtered = ENTC_FIRST(4);
    entc_page *page = NULL;
    char cursor[CURSOR];

    cursor_at(f, &args, 2, cursor);
    args.after = cursor;
    refuses(f, f->campaigns, &args, "args.after is a cursor of another list");
    assert_status(
        f, entc_relation_get_many(f->has_events, &parent, 1, &args, NULL, &page, NULL, &f->error),
        ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "another list");
    args = first_by(4, by_rank, 1);
    args.after = cursor;
    refuses(f, f->events, &args, "another order");
    cursor_at(f,
              &(entc_page_args){.struct_size = sizeof(args),
                                .first = 4,
                                .order = by_rank,
                                .order_count = 1,
                                .order_size = sizeof(by_rank[0])},
              2, cursor);
    assert_page(list(f, &args), (const int64_t[]){302, 402, 404, 502}, 4, 1, 1);
    args = first_by(4, by_rank_down, 1);
    args.after = cursor;
    refuses(f, f->events, &args, "another order");
    filtered.filters = &filter;
    filtered.filter_count = 1;
    filtered.filter_size = sizeof(filter);
    cursor_at(f, &filtered, 2, cursor);
    args = (entc_page_args)ENTC_FIRST(4);
    args.after = cursor;
    refuses(f, f->events, &args, "other filters");
}

static void a_cursor_of_another_relation_is_refused(void **state)
{
    struct fixture *f = *state;
    const entc_relation_desc desc = ENTC_HAS_MANY("others", "campaign_id", "id");
    const entc_value parent = fixture_id(4);
    entc_page_args args = ENTC_FIRST(2);
    entc_relation *others = NULL;
    entc_page *page = NULL;
    char cursor[CURSOR];

    assert_ok(f, entc_relation_new(f->campaigns, f->events, &desc, &others, &f->error));
    assert_ok(
        f, entc_relation_get_many(f->has_events, &parent, 1, &args, NULL, &page, NULL, &f->error));
    cursor_of(f, page, 1, cursor);
    entc_page_unref(page);
    args.after = cursor;
    assert_ok(
        f, entc_relation_get_many(f->has_events, &parent, 1, &args, NULL, &page, NULL, &f->error));
    assert_page(page, (const int64_t[]){403, 404}, 2, 1, 1);
    assert_status(f,
                  entc_relation_get_many(others, &parent, 1, &args, NULL, &page, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "another list");
    entc_relation_free(others);
}

static void contradictions_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        entc_page_args args;
        const char *words;
    } cases[] = {
        {{.struct_size = sizeof(entc_page_args), .first = 1, .last = 1}, "args.first and .last"},
        {{.struct_size = sizeof(entc_page_args)}, "args.first is 0, and so is .last"},
        {{.struct_size = sizeof(entc_page_args), .last = -1}, "args.last is -1"},
        {{.struct_size = sizeof(entc_page_args), .first = 1, .flags = ENTC_PAGE_ALL}, "ENTC_PAGE_"},
        {{.struct_size = sizeof(entc_page_args), .after = "x", .flags = ENTC_PAGE_ALL}, "after"},
        {{.struct_size = sizeof(entc_page_args), .first = 1, .flags = 64}, "args.flags is 64"},
        {{.struct_size = sizeof(entc_page_args), .first = 1, .filter_count = 1}, "args.filters"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuses(f, f->events, &cases[i].args, cases[i].words);
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void a_cursor_is_not_had_where_there_is_none(void **state)
{
    struct fixture *f = *state;
    const entc_page_args args = ENTC_FIRST(1);
    entc_page *page = list(f, &args);
    entc_buffer *buffer = NULL;

    assert_ok(f, entc_buffer_new(&buffer));
    assert_status(f, entc_page_cursor(page, 1, buffer, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "index is 1");
    assert_status(f, entc_page_cursor(NULL, 0, buffer, &f->error), ENTC_E_INVALID);
    assert_status(f, entc_page_cursor(page, 0, NULL, &f->error), ENTC_E_INVALID);
    entc_page_unref(page);
    test_postgres_sql(&f->postgres, "UPDATE events SET title = repeat('x', 7000) WHERE id = 101");
    page = list(f, &(entc_page_args){.struct_size = sizeof(args),
                                     .first = 1,
                                     .order = (const entc_order[]){{"title", 1, 0}},
                                     .order_count = 1,
                                     .order_size = sizeof(entc_order)});
    assert_status(f, entc_page_cursor(page, 0, buffer, &f->error), ENTC_E_UNSUPPORTED);
    assert_string_equal(entc_buffer_text(buffer), "");
    entc_page_unref(page);
    entc_buffer_free(buffer);
    assert_int_equal(entc_page_has_previous(NULL), 0);
    assert_int_equal(entc_page_total(NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_page_goes_on_after_a_cursor),
        IN_BOTH_DRIVES(the_last_are_in_the_lists_own_order),
        IN_BOTH_DRIVES(two_cursors_bound_a_page_from_both_sides),
        IN_BOTH_DRIVES(a_cursor_outlives_its_row_and_its_page),
        IN_BOTH_DRIVES(a_cursor_is_good_under_another_limit_direction_and_engine),
        IN_BOTH_DRIVES(a_cursor_of_a_composite_key_holds_all_its_parts),
        IN_BOTH_DRIVES(every_byte_of_a_cursor_counts),
        IN_BOTH_DRIVES(a_huge_cursor_is_refused),
        IN_BOTH_DRIVES(a_cursor_of_another_list_or_order_is_refused),
        IN_BOTH_DRIVES(a_cursor_of_another_relation_is_refused),
        IN_BOTH_DRIVES(contradictions_are_refused),
        IN_BOTH_DRIVES(a_cursor_is_not_had_where_there_is_none),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
