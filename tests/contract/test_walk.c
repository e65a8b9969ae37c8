/* Walking a list, or the children of many parents, by pages of any size, forwards and backwards to
 * the end, gives exactly what one plain statement gives: with NULLs, duplicates, mixed directions,
 * and types whose text is not easily exact. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 140
#define OWNERS 6
#define COLUMNS_MAX 4

/* ---- the table ---- */

/* "moment", "amount" and "word" are columns that the entity does not declare. */
static const entc_field fields[] = {{"id", ENTC_INT64, ENTC_KEY, 0, 0, 0, NULL},
                                    {"owner", ENTC_INT64, 0, 0, 0, 0, NULL},
                                    {"rank", ENTC_INT64, 0, 0, 0, 0, NULL},
                                    {"weight", ENTC_DOUBLE, ENTC_NULLABLE, 0, 0, 0, NULL}};
static const entc_entity_desc entity = {sizeof(entity), "Walk", 0, fields, 4, sizeof(fields[0])};
static const entc_model_desc model = ENTC_MODEL("walks");
static const entc_relation_desc has_walks = ENTC_HAS_MANY("walks", "owner", NULL);

static const char make_walks[] =
    "DROP TABLE IF EXISTS walks;"
    "CREATE TABLE walks (id bigint PRIMARY KEY, owner bigint NOT NULL, rank smallint NOT NULL,"
    " weight float8, moment timestamptz, amount numeric, word varchar(20) COLLATE \"C\");"
    "SELECT setseed(0.25);"
    "INSERT INTO walks SELECT i, 1 + i % 5, (random() * 5)::int,"
    " CASE (random() * 9)::int WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity'"
    "  WHEN 3 THEN '-0' WHEN 4 THEN 0.1 ELSE random() / 3 END,"
    " CASE (random() * 6)::int WHEN 0 THEN NULL WHEN 1 THEN 'infinity' WHEN 2 THEN '0044-03-15 BC'"
    "  ELSE '2026-11-22 10:00:00.123456+02'::timestamptz + (random() * 9)::int * interval '1 us' END,"
    " CASE (random() * 6)::int WHEN 0 THEN NULL WHEN 1 THEN 'NaN' ELSE"
    "  12345678901234567890.000000000000000001 + (random() * 9)::int END,"
    " CASE (random() * 9)::int WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN '\"' WHEN 3 THEN E'\\\\'"
    "  WHEN 4 THEN '{a,b}' WHEN 5 THEN 'NULL' WHEN 6 THEN E'\\u00e4\\u4e2d' ELSE 'B' END"
    " FROM generate_series(1, 140) AS i";

struct shape {
    entc_order order[COLUMNS_MAX];
    size_t count;
};

static const struct shape shapes[] = {
    {.count = 0},
    {{{"id", 1, 0}}, 1},
    {{{"rank", 0, 0}}, 1},
    {{{"rank", 1, 0}}, 1},
    {{{"rank", 1, 0}, {"id", 1, 0}}, 2},
    {{{"weight", 0, 0}}, 1},
    {{{"weight", 1, 0}}, 1},
    {{{"weight", 1, 0}, {"id", 1, 0}}, 2},
    {{{"moment", 0, 0}}, 1},
    {{{"moment", 1, 0}, {"rank", 0, 0}}, 2},
    {{{"amount", 0, 0}, {"word", 0, 0}}, 2},
    {{{"amount", 1, 0}, {"word", 1, 0}, {"id", 1, 0}}, 3},
    {{{"word", 0, 0}, {"weight", 1, 0}, {"rank", 0, 0}, {"id", 1, 0}}, 4},
    {{{"word", 1, 0}, {"moment", 0, 0}, {"amount", 1, 0}}, 3},
    {{{"rank", 0, 0}, {"id", 0, 0}, {"word", 0, 0}}, 3},
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* ---- walking ---- */

struct walk {
    int64_t ids[ROWS + 1];
    size_t count;
    char cursor[512];
    bool is_over;
};

static uint32_t dice;

/* 1 to 7; the same in every run. */
static int32_t page_size(void)
{
    dice = dice * 1664525 + 1013904223;
    return (int32_t)(1 + (dice >> 24) % 7);
}

static entc_page_args args_of(const struct shape *shape)
{
    entc_page_args args = ENTC_PAGE_ARGS_INIT;

    args.order = shape->count ? shape->order : NULL;
    args.order_count = shape->count;
    args.order_size = sizeof(shape->order[0]);
    args.flags = ENTC_PAGE_IDS_ONLY;
    return args;
}

static void aim(entc_page_args *args, const struct walk *walk, bool is_backwards)
{
    const char *cursor = walk->count > 0 ? walk->cursor : NULL;

    if (is_backwards) {
        args->last = page_size();
        args->before = cursor;
    } else {
        args->first = page_size();
        args->after = cursor;
    }
}

static void keep_cursor(struct fixture *f, struct walk *walk, const entc_page *page, size_t index)
{
    entc_buffer *buffer = NULL;

    assert_ok(f, entc_buffer_new(&buffer));
    assert_ok(f, entc_page_cursor(page, index, buffer, &f->error));
    assert_true(entc_buffer_length(buffer) < sizeof(walk->cursor));
    strcpy(walk->cursor, entc_buffer_text(buffer));
    entc_buffer_free(buffer);
}

/* Takes a page into the walk: backwards its ids come in reverse. */
static void step(struct fixture *f, struct walk *walk, const entc_page *page, bool is_backwards)
{
    const size_t count = entc_page_count(page);
    const bool was_begun = walk->count > 0;

    for (size_t i = 0; i < count; i++) {
        entc_value id;

        assert_int_equal(entc_page_id(page, is_backwards ? count - 1 - i : i, 0, &id), ENTC_OK);
        assert_true(walk->count < ROWS);
        walk->ids[walk->count++] = id.as.int64;
    }
    assert_int_equal(is_backwards ? entc_page_has_next(page) : entc_page_has_previous(page),
                     was_begun);
    walk->is_over = !(is_backwards ? entc_page_has_previous(page) : entc_page_has_next(page));
    if (!walk->is_over)
        keep_cursor(f, walk, page, is_backwards ? 0 : count - 1);
}

/* ---- the plain statement ---- */

static void append_order(char *sql, size_t size, const struct shape *shape, bool is_backwards)
{
    bool has_key = false;

    for (size_t i = 0; i < shape->count; i++) {
        const entc_order *order = &shape->order[i];
        size_t length = strlen(sql);

        snprintf(sql + length, size - length, "%s %s, ", order->column,
                 (order->descending == 1) != is_backwards ? "DESC" : "ASC");
        has_key = has_key || strcmp(order->column, "id") == 0;
    }
    if (has_key)
        sql[strlen(sql) - 2] = '\0';
    else
        strcat(sql, is_backwards ? "id DESC" : "id ASC");
}

static void assert_walk(struct fixture *f, const struct walk *walk, const struct shape *shape,
                        bool is_backwards, int64_t owner)
{
    char sql[512] = "SELECT coalesce(string_agg(id::text, ' ' ORDER BY ";
    char found[ROWS * 8] = "";
    size_t length = 0;
    char *wanted = NULL;

    append_order(sql, sizeof(sql), shape, is_backwards);
    length = strlen(sql);
    if (owner)
        snprintf(sql + length, sizeof(sql) - length, "), '') FROM walks WHERE owner = %d",
                 (int)owner);
    else
        snprintf(sql + length, sizeof(sql) - length, "), '') FROM walks");
    wanted = test_postgres_text(&f->postgres, sql);
    length = 0;
    for (size_t i = 0; i < walk->count; i++)
        length += (size_t)snprintf(found + length, sizeof(found) - length, "%s%lld", i ? " " : "",
                                   (long long)walk->ids[i]);
    if (strcmp(found, wanted) != 0)
        fail_msg("%s\nwanted %s\nfound  %s", sql, wanted, found);
    free(wanted);
}

/* ---- tests ---- */

static BaseCacheRepository *open_walks(struct fixture *f)
{
    BaseCacheRepository *walks = NULL;

    test_postgres_sql(&f->postgres, make_walks);
    assert_ok(f, entc_repository_new(f->engine, &model, &entity, NULL, &walks, &f->error));
    return walks;
}

static void walk_list(struct fixture *f, BaseCacheRepository *walks, const struct shape *shape,
                      bool is_backwards)
{
    struct walk walk = {.count = 0};

    while (!walk.is_over) {
        entc_page_args args = args_of(shape);
        entc_page *page = NULL;

        aim(&args, &walk, is_backwards);
        assert_ok(f, entc_repository_list(walks, &args, NULL, &page, &f->error));
        step(f, &walk, page, is_backwards);
        entc_page_unref(page);
    }
    assert_walk(f, &walk, shape, is_backwards, 0);
}

static void a_list_is_walked_to_both_ends_in_every_order(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *walks = open_walks(f);

    dice = 1;
    for (size_t i = 0; i < SHAPES; i++) {
        walk_list(f, walks, &shapes[i], false);
        walk_list(f, walks, &shapes[i], true);
    }
    entc_repository_free(walks);
}

/* All walks go on at their own pace; those that are over are asked no more. */
static void walk_children(struct fixture *f, entc_relation *relation, const struct shape *shape,
                          bool is_backwards)
{
    struct walk walks[OWNERS];
    size_t left = OWNERS;

    memset(walks, 0, sizeof(walks));
    while (left > 0) {
        entc_page_args args[OWNERS];
        entc_value parents[OWNERS];
        entc_page *pages[OWNERS];
        struct walk *asked[OWNERS];
        size_t count = 0;

        for (size_t i = 0; i < OWNERS; i++) {
            if (walks[i].is_over)
                continue;
            asked[count] = &walks[i];
            parents[count] = fixture_id((int64_t)i + 1);
            args[count] = args_of(shape);
            aim(&args[count++], &walks[i], is_backwards);
        }
        assert_ok(f, entc_relation_get_each(relation, parents, count, args, sizeof(args[0]), NULL,
                                            pages, NULL, &f->error));
        for (size_t i = 0; i < count; i++) {
            step(f, asked[i], pages[i], is_backwards);
            left -= asked[i]->is_over;
            entc_page_unref(pages[i]);
        }
    }
    for (size_t i = 0; i < OWNERS; i++)
        assert_walk(f, &walks[i], shape, is_backwards, (int64_t)i + 1);
}

static void children_of_many_parents_are_walked_each_at_its_own_pace(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *walks = open_walks(f);
    entc_relation *relation = NULL;

    assert_ok(f, entc_relation_new(f->campaigns, walks, &has_walks, &relation, &f->error));
    dice = 2;
    for (size_t i = 0; i < SHAPES; i++) {
        walk_children(f, relation, &shapes[i], false);
        walk_children(f, relation, &shapes[i], true);
    }
    entc_relation_free(relation);
    entc_repository_free(walks);
}

/* From each row to each other, in both directions: what lies between, from either end. */
static void what_lies_between_two_cursors(struct fixture *f, BaseCacheRepository *walks,
                                          const struct shape *shape)
{
    entc_page_args args = args_of(shape);
    entc_page *all = NULL;
    struct walk from = {.count = 0};
    struct walk to = {.count = 0};

    args.flags |= ENTC_PAGE_ALL;
    assert_ok(f, entc_repository_list(walks, &args, NULL, &all, &f->error));
    assert_int_equal(entc_page_count(all), ROWS);
    for (size_t i = 0; i < ROWS; i += 19) {
        for (size_t k = 0; k < ROWS; k += 17) {
            const size_t between = k > i ? k - i - 1 : 0;
            const size_t wanted = between < 4 ? between : 4;
            entc_page *page = NULL;
            entc_value found;
            entc_value right;

            keep_cursor(f, &from, all, i);
            keep_cursor(f, &to, all, k);
            args = args_of(shape);
            args.after = from.cursor;
            args.before = to.cursor;
            *((i + k) % 2 ? &args.first : &args.last) = 4;
            assert_ok(f, entc_repository_list(walks, &args, NULL, &page, &f->error));
            assert_int_equal(entc_page_count(page), wanted);
            for (size_t n = 0; n < wanted; n++) {
                assert_int_equal(entc_page_id(page, n, 0, &found), ENTC_OK);
                assert_int_equal(
                    entc_page_id(all, args.first ? i + 1 + n : k - wanted + n, 0, &right), ENTC_OK);
                assert_int_equal(found.as.int64, right.as.int64);
            }
            assert_int_equal(entc_page_has_next(page), args.first ? between > 4 : 1);
            assert_int_equal(entc_page_has_previous(page), args.last ? between > 4 : 1);
            entc_page_unref(page);
        }
    }
    entc_page_unref(all);
}

static void two_cursors_show_what_lies_between_them(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *walks = open_walks(f);

    for (size_t i = 0; i < SHAPES; i++)
        what_lies_between_two_cursors(f, walks, &shapes[i]);
    entc_repository_free(walks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_list_is_walked_to_both_ends_in_every_order),
        IN_BOTH_DRIVES(children_of_many_parents_are_walked_each_at_its_own_pace),
        IN_BOTH_DRIVES(two_cursors_show_what_lies_between_them),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
