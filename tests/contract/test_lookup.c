/* Lookups: unique fields to entities, in one statement for all keys; what is not there, not a key,
 * or not unique fails its slot alone. */
#include "fixture.h"

#include <string.h>

#define FIELD(name, type, flags)         \
    {                                    \
        name, type, flags, 0, 0, 0, NULL \
    }

static const entc_field article_fields[] = {
    FIELD("id", ENTC_INT64, ENTC_KEY), FIELD("site", ENTC_INT64, 0),
    FIELD("name", ENTC_TEXT, 0),       FIELD("token", ENTC_UUID, ENTC_NULLABLE),
    FIELD("author", ENTC_TEXT, 0),     FIELD("price", ENTC_DOUBLE, 0),
};
static const entc_column article_columns[] = {{"name", "slug"}};
static const entc_entity_desc article = {sizeof(article), "Article", 0,
                                         article_fields,  6,         sizeof(article_fields[0])};

static struct {
    BaseCacheRepository *articles;
    entc_lookup *by_slug;
    entc_entity *entities[8];
    entc_status statuses[8];
} the;

static int start(void **state)
{
    fixture_start(state);
    test_postgres_sql(
        &fixture_of_program()->postgres,
        "CREATE TABLE articles (id bigint PRIMARY KEY, site integer, slug text NOT NULL,"
        " token uuid UNIQUE, author text NOT NULL, price float8 NOT NULL DEFAULT 0,"
        " hidden boolean NOT NULL DEFAULT false);"
        "CREATE UNIQUE INDEX ON articles (slug, site)");
    return 0;
}

static int open_articles(void **state)
{
    const char *const fields[] = {"site", "name"};
    entc_model_desc model = ENTC_MODEL("articles");
    struct fixture *f = NULL;

    fixture_open(state);
    f = *state;
    test_postgres_sql(&f->postgres,
                      "DELETE FROM articles; INSERT INTO articles VALUES"
                      "(1, 1, 'one', '00000000-0000-0000-0000-00000000000a', 'ann', 0, false),"
                      "(2, 1, 'two', NULL, 'bob', 0, false), (3, 2, 'one', NULL, 'bob', 0, false),"
                      "(4, 1, 'gone', NULL, 'cid', 0, true), (5, 1, '', NULL, 'dan', 0, false)");
    model.columns = article_columns;
    model.column_count = 1;
    model.column_size = sizeof(article_columns[0]);
    model.filter_sql = "NOT hidden";
    assert_ok(f, entc_repository_new(f->engine, &model, &article, NULL, &the.articles, &f->error));
    assert_ok(f, entc_lookup_new(the.articles, fields, 2, &the.by_slug, &f->error));
    return 0;
}

static int close_articles(void **state)
{
    entc_lookup_free(the.by_slug);
    entc_repository_free(the.articles);
    return fixture_close(state);
}

static entc_lookup *lookup_by(struct fixture *f, const char *field)
{
    entc_lookup *lookup = NULL;

    assert_ok(f, entc_lookup_new(the.articles, &field, 1, &lookup, &f->error));
    return lookup;
}

/* The id in each slot, 0 for none; gives the references back. */
static void assert_ids(const int64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entc_value id = {0};

        if (the.entities[i] != NULL)
            assert_int_equal(entc_entity_get(the.entities[i], 0, &id), ENTC_OK);
        assert_int_equal(id.as.int64, ids[i]);
    }
    entc_entities_unref(the.entities, count);
}

static void keys_of_several_fields_lead_to_entities_in_two_statements(void **state)
{
    struct fixture *f = *state;
    const entc_value keys[] = {fixture_id(2),       fixture_text("one"), fixture_id(1),
                               fixture_text("two"), fixture_id(2),       fixture_text("one"),
                               fixture_id(7),       fixture_text("one"), fixture_text("1"),
                               fixture_text(""),    fixture_id(1),       fixture_text("gone")};
    const int64_t ids[] = {3, 2, 3, 0, 5, 0};
    entc_counters before = fixture_counters(f);
    entc_counters cost;

    assert_ok(
        f, entc_lookup_get_many(the.by_slug, keys, 6, NULL, the.entities, the.statuses, &f->error));
    assert_int_equal(the.statuses[0], ENTC_OK);
    assert_int_equal(the.statuses[3], ENTC_E_NOT_FOUND);
    assert_int_equal(the.statuses[5], ENTC_E_NOT_FOUND);
    assert_ids(ids, 6);
    cost = fixture_since(f, &before);
    assert_int_equal(cost.sql_queries, 2);
    assert_int_equal(cost.redis_mgets, 1);
    assert_int_equal(cost.redis_keys, 3);
    fixture_await_fills(f, 3);
    before = fixture_counters(f);
    assert_ok(f, entc_lookup_get_many(the.by_slug, keys, 6, NULL, the.entities, NULL, &f->error));
    assert_ids(ids, 6);
    cost = fixture_since(f, &before);
    assert_int_equal(cost.sql_queries, 1);
    assert_int_equal(cost.hits, 3);
}

static void what_is_found_is_never_cached(void **state)
{
    struct fixture *f = *state;
    const entc_value keys[] = {fixture_id(1), fixture_text("one"), fixture_id(1),
                               fixture_text("new")};
    const int64_t before[] = {1, 0};
    const int64_t after[] = {0, 1};

    assert_ok(f, entc_lookup_get_many(the.by_slug, keys, 2, NULL, the.entities, NULL, &f->error));
    assert_ids(before, 2);
    test_postgres_sql(&f->postgres, "UPDATE articles SET slug = 'new' WHERE id = 1");
    assert_ok(f, entc_lookup_get_many(the.by_slug, keys, 2, NULL, the.entities, NULL, &f->error));
    assert_ids(after, 2);
}

static void every_type_of_key_is_looked_up(void **state)
{
    struct fixture *f = *state;
    const uint8_t token[16] = {[15] = 10};
    entc_lookup *by_token = lookup_by(f, "token");
    entc_lookup *by_id = lookup_by(f, "id");
    entc_value keys[2];
    const int64_t one[] = {1, 1};
    const int64_t ids[] = {3, 0};

    entc_value_uuid(&keys[0], token);
    keys[1] = fixture_text("00000000-0000-0000-0000-00000000000A");
    assert_ok(f, entc_lookup_get_many(by_token, keys, 2, NULL, the.entities, NULL, &f->error));
    assert_ids(one, 2);
    keys[0] = fixture_id(3);
    keys[1] = fixture_text("33");
    assert_ok(f, entc_lookup_get_many(by_id, keys, 2, NULL, the.entities, NULL, &f->error));
    assert_ids(ids, 2);
    entc_lookup_free(by_token);
    entc_lookup_free(by_id);
}

static void a_value_that_cannot_be_fails_its_slot_alone(void **state)
{
    struct fixture *f = *state;
    const entc_value null = {0};
    const entc_value keys[] = {fixture_id(1),      null,
                               fixture_text("1 "), fixture_text("one"),
                               fixture_id(1),      fixture_id(1),
                               fixture_id(1),      fixture_text("\xff"),
                               fixture_id(1),      fixture_text("one")};
    const int64_t ids[] = {0, 0, 0, 0, 1};

    assert_ok(
        f, entc_lookup_get_many(the.by_slug, keys, 5, NULL, the.entities, the.statuses, &f->error));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(the.statuses[i], ENTC_E_INVALID);
    assert_ids(ids, 5);
    assert_status(
        f, entc_lookup_get_many(the.by_slug, keys, 4, NULL, the.entities, the.statuses, &f->error),
        ENTC_E_INVALID);
    assert_string_equal(entc_error_message(f->error), "lookup of entity \"Article\": the value for "
                                                      "field \"name\" (TEXT) is NULL, which no "
                                                      "row is found by");
    assert_null(the.entities[0]);
}

static void a_key_that_several_rows_hold_fails_its_slot_alone(void **state)
{
    struct fixture *f = *state;
    entc_lookup *by_author = lookup_by(f, "author");
    const entc_value keys[] = {fixture_text("ann"), fixture_text("bob"), fixture_text("eve")};
    const int64_t ids[] = {1, 0, 0};

    assert_ok(
        f, entc_lookup_get_many(by_author, keys, 3, NULL, the.entities, the.statuses, &f->error));
    assert_int_equal(the.statuses[1], ENTC_E_SCHEMA);
    assert_int_equal(the.statuses[2], ENTC_E_NOT_FOUND);
    assert_ids(ids, 3);
    assert_status(
        f,
        entc_lookup_get_many(by_author, &keys[1], 1, NULL, the.entities, the.statuses, &f->error),
        ENTC_E_SCHEMA);
    assert_string_equal(entc_error_message(f->error),
                        "lookup of entity \"Article\": several rows hold one key");
    fixture_assert_says(entc_error_hint(f->error), "entc_lookup_check()");
    assert_null(the.entities[0]);
    entc_lookup_free(by_author);
}

static void a_lookup_is_an_operation_that_answers_entities(void **state)
{
    struct fixture *f = *state;
    const entc_value keys[] = {fixture_id(1), fixture_text("two"), fixture_id(1),
                               fixture_text("nope")};
    const int64_t ids[] = {2, 0};
    entc_page *pages[2];
    entc_op *op = NULL;

    assert_ok(f, entc_lookup_get_many_async(the.by_slug, keys, 2, NULL, &op, &f->error));
    assert_int_equal(entc_op_count(op), 2);
    assert_ok(f, fixture_finish(f, op));
    assert_int_equal(entc_op_take_pages(op, pages, 2), ENTC_E_INVALID);
    assert_int_equal(entc_op_take_entities(op, the.entities, the.statuses, 1), ENTC_E_INVALID);
    assert_ok(f, entc_op_take_entities(op, the.entities, the.statuses, 2));
    assert_int_equal(the.statuses[1], ENTC_E_NOT_FOUND);
    assert_ids(ids, 2);
    assert_int_equal(entc_op_take_entities(op, the.entities, NULL, 2), ENTC_E_INVALID);
    entc_op_unref(op);
}

static void no_keys_are_ok_and_cost_nothing(void **state)
{
    struct fixture *f = *state;

    assert_ok(f, entc_lookup_get_many(the.by_slug, NULL, 0, NULL, NULL, NULL, &f->error));
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void misuse_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    const entc_value keys[] = {fixture_id(1), fixture_text("two")};
    const char *const price[] = {"price"};
    entc_lookup *lookup = NULL;

    assert_status(f, entc_lookup_new(the.articles, NULL, 1, &lookup, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "fields");
    assert_status(f, entc_lookup_new(the.articles, price, 1, &lookup, &f->error),
                  ENTC_E_UNSUPPORTED);
    assert_status(f, entc_lookup_new(the.articles, price, 1, NULL, &f->error), ENTC_E_INVALID);
    assert_status(f, entc_lookup_get_many(NULL, keys, 1, NULL, the.entities, NULL, &f->error),
                  ENTC_E_INVALID);
    assert_status(f,
                  entc_lookup_get_many(the.by_slug, NULL, 1, NULL, the.entities, NULL, &f->error),
                  ENTC_E_INVALID);
    assert_status(f, entc_lookup_get_many(the.by_slug, keys, 1, NULL, NULL, NULL, &f->error),
                  ENTC_E_INVALID);
    assert_status(f, entc_lookup_get_many_async(the.by_slug, keys, 1, NULL, NULL, &f->error),
                  ENTC_E_INVALID);
    assert_status(f, entc_lookup_check(NULL, NULL, NULL, &f->error), ENTC_E_INVALID);
    assert_null(lookup);
    entc_lookup_free(NULL);
}

static void a_lookup_outlives_its_repository_and_says_so(void **state)
{
    struct fixture *f = *state;
    const entc_value keys[] = {fixture_id(1), fixture_text("two")};

    entc_repository_free(the.articles);
    the.articles = NULL;
    assert_status(f,
                  entc_lookup_get_many(the.by_slug, keys, 1, NULL, the.entities, NULL, &f->error),
                  ENTC_E_CLOSED);
}

static void a_check_wants_a_unique_index_and_types_that_keys_have(void **state)
{
    struct fixture *f = *state;
    entc_lookup *by_author = lookup_by(f, "author");
    entc_buffer *report = NULL;

    assert_ok(f, entc_buffer_new(&report));
    assert_ok(f, entc_lookup_check(the.by_slug, NULL, report, &f->error));
    assert_status(f, entc_lookup_check(by_author, NULL, report, &f->error), ENTC_E_SCHEMA);
    assert_string_equal(
        entc_buffer_text(report),
        "public.articles: declared with the unique columns (\"author\") of a lookup, live no "
        "primary key or unique index has exactly these columns; CREATE UNIQUE INDEX ON "
        "\"public\".\"articles\" (\"author\")\n");
    test_postgres_sql(&f->postgres, "ALTER TABLE articles ALTER author TYPE char(3)");
    assert_status(f, entc_lookup_check(by_author, NULL, report, &f->error), ENTC_E_SCHEMA);
    fixture_assert_says(entc_buffer_text(report),
                        "declared ENTC_TEXT to be looked up by, live character(3); two spellings");
    test_postgres_sql(&f->postgres, "ALTER TABLE articles ALTER author TYPE text");
    entc_buffer_free(report);
    entc_lookup_free(by_author);
}

/* clang-format off */
#define WITH_ARTICLES(test)                                                      \
    {#test " (waiters)", test, open_articles, close_articles, &fixture_waiters}, \
    {#test " (host)", test, open_articles, close_articles, &fixture_host}
/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARTICLES(keys_of_several_fields_lead_to_entities_in_two_statements),
        WITH_ARTICLES(what_is_found_is_never_cached),
        WITH_ARTICLES(every_type_of_key_is_looked_up),
        WITH_ARTICLES(a_value_that_cannot_be_fails_its_slot_alone),
        WITH_ARTICLES(a_key_that_several_rows_hold_fails_its_slot_alone),
        WITH_ARTICLES(a_lookup_is_an_operation_that_answers_entities),
        WITH_ARTICLES(no_keys_are_ok_and_cost_nothing),
        WITH_ARTICLES(misuse_is_refused_by_name),
        WITH_ARTICLES(a_lookup_outlives_its_repository_and_says_so),
        WITH_ARTICLES(a_check_wants_a_unique_index_and_types_that_keys_have),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
