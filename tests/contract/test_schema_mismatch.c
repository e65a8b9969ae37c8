/* Tables that are not as the descriptors say, and what PostgreSQL refuses: the error names table
 * and column, other slots and other repositories go on, and nothing wrong is cached. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static BaseCacheRepository *repository_over(struct fixture *f, const char *table)
{
    entc_model_desc model = ENTC_MODEL(NULL);
    BaseCacheRepository *repository = NULL;

    model.table = table;
    assert_ok(
        f, entc_repository_new(f->engine, &model, &fixture_campaign, NULL, &repository, &f->error));
    return repository;
}

/* The error of a read of id 1. */
static void assert_refused(struct fixture *f, const char *table, entc_status status,
                           const char *named)
{
    BaseCacheRepository *repository = repository_over(f, table);
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    entc_entity *other = NULL;

    assert_status(f, entc_repository_get_by_id(repository, &id, NULL, &entity, &f->error), status);
    assert_null(entity);
    fixture_assert_says(entc_error_message(f->error), named);
    fixture_assert_says(entc_error_message(f->error), table);
    assert_string_equal(entc_error_domain(f->error), "postgres");
    assert_int_equal(entc_error_is_retryable(f->error), 0);
    other = fixture_get(f, f->campaigns, 1);
    fixture_assert_campaign(other, 1);
    entc_entity_unref(other);
    fixture_await_fills(f, 1);
    fixture_assert_keys(f, "Campaign-1");
    entc_repository_free(repository);
}

static int start(void **state)
{
    struct fixture *f = fixture_of_program();

    fixture_start(state);
    test_postgres_sql(
        &f->postgres,
        "CREATE TABLE no_title (id bigint PRIMARY KEY);"
        "CREATE TABLE title_number (id bigint PRIMARY KEY, title bigint);"
        "INSERT INTO title_number VALUES (1, 42);"
        "CREATE TABLE id_text (id text PRIMARY KEY, title text NOT NULL);"
        "INSERT INTO id_text VALUES ('1', 'one');"
        "CREATE TABLE with_null (id bigint PRIMARY KEY, title text);"
        "INSERT INTO with_null VALUES (1, 'Campaign 1'), (2, NULL), (3, 'Campaign 3');"
        "CREATE VIEW failing AS SELECT 1::bigint AS id, (1 / (random() * 0)::int)::text"
        " AS title;"
        "CREATE SCHEMA \"sch\u00e4ma x\";"
        "CREATE TABLE \"sch\u00e4ma x\".\"T\"\"r; DROP TABLE campaigns --\""
        " (id bigint PRIMARY KEY, title text NOT NULL);"
        "INSERT INTO \"sch\u00e4ma x\".\"T\"\"r; DROP TABLE campaigns --\""
        " VALUES (1, 'Campaign 1')");
    return 0;
}

static void a_missing_table_is_named(void **state)
{
    assert_refused(*state, "no_such_table", ENTC_E_SCHEMA, "no_such_table");
}

static void a_missing_column_is_named(void **state)
{
    assert_refused(*state, "no_title", ENTC_E_SCHEMA, "title");
}

static void a_key_of_another_type_is_named(void **state)
{
    assert_refused(*state, "id_text", ENTC_E_SCHEMA, "id");
}

static void what_postgres_refuses_has_its_sqlstate(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *failing = repository_over(f, "failing");
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;

    assert_status(f, entc_repository_get_by_id(failing, &id, NULL, &entity, &f->error),
                  ENTC_E_DATABASE);
    assert_string_equal(entc_error_sqlstate(f->error), "22012");
    fixture_assert_says(entc_error_message(f->error), "division by zero");
    assert_string_equal(entc_error_domain(f->error), "postgres");
    entc_repository_free(failing);
}

static void a_number_is_no_timestamp(void **state)
{
    struct fixture *f = *state;
    static const entc_field fields[] = {{"id", ENTC_INT64, ENTC_KEY, 0, 0, 0, NULL},
                                        {"title", ENTC_TIMESTAMP, ENTC_NULLABLE, 0, 0, 0, NULL}};
    const entc_entity_desc entity = {sizeof(entity), "Odd", 0, fields, 2, sizeof(fields[0])};
    const entc_model_desc model = ENTC_MODEL("title_number");
    BaseCacheRepository *repository = NULL;
    entc_value id = fixture_id(1);
    entc_entity *got = NULL;

    assert_ok(f, entc_repository_new(f->engine, &model, &entity, NULL, &repository, &f->error));
    assert_status(f, entc_repository_get_by_id(repository, &id, NULL, &got, &f->error),
                  ENTC_E_SCHEMA);
    assert_null(got);
    fixture_assert_says(entc_error_message(f->error), "title_number");
    fixture_assert_says(entc_error_message(f->error), "title");
    fixture_assert_says(entc_error_message(f->error), "TIMESTAMP");
    assert_string_not_equal(entc_error_hint(f->error), "");
    entc_repository_free(repository);
}

/* TEXT takes the text of any type. */
static void a_number_is_text_when_text_is_declared(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *repository = repository_over(f, "title_number");
    entc_entity *entity = fixture_get(f, repository, 1);

    assert_string_equal(((const Campaign *)entc_entity_record(entity))->title.ptr, "42");
    entc_entity_unref(entity);
    entc_repository_free(repository);
}

static void a_null_where_none_may_be_fails_its_slot_alone(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *repository = repository_over(f, "with_null");
    static const int64_t ids[] = {1, 2, 3};
    entc_value second = fixture_id(2);
    entc_entity *entities[3];
    entc_status statuses[3];
    entc_entity *entity = NULL;

    assert_ok(
        f, entc_repository_get_many_int64(repository, ids, 3, NULL, entities, statuses, &f->error));
    fixture_assert_campaign(entities[0], 1);
    assert_null(entities[1]);
    assert_int_equal(statuses[1], ENTC_E_SCHEMA);
    fixture_assert_campaign(entities[2], 3);
    entc_entities_unref(entities, 3);
    fixture_await_fills(f, 2);
    fixture_assert_keys(f, "Campaign-1 Campaign-3");
    assert_status(f, entc_repository_get_by_id(repository, &second, NULL, &entity, &f->error),
                  ENTC_E_SCHEMA);
    fixture_assert_says(entc_error_message(f->error), "title");
    entc_repository_free(repository);
}

static void names_are_quoted_wherever_they_are_used(void **state)
{
    struct fixture *f = *state;
    entc_model_desc model = ENTC_MODEL("T\"r; DROP TABLE campaigns --");
    const entc_page_args first = ENTC_FIRST(5);
    BaseCacheRepository *repository = NULL;
    entc_entity *entity = NULL;
    entc_page *page = NULL;

    model.schema = "sch\u00e4ma x";
    assert_ok(
        f, entc_repository_new(f->engine, &model, &fixture_campaign, NULL, &repository, &f->error));
    entity = fixture_get(f, repository, 1);
    fixture_assert_campaign(entity, 1);
    entc_entity_unref(entity);
    assert_ok(f, entc_repository_list(repository, &first, NULL, &page, &f->error));
    assert_int_equal(entc_page_count(page), 1);
    entc_page_unref(page);
    assert_int_equal(test_postgres_integer(&f->postgres, "SELECT count(*) FROM campaigns"),
                     FIXTURE_CAMPAIGNS);
    entc_repository_free(repository);
}

static void a_column_added_later_changes_nothing(void **state)
{
    struct fixture *f = *state;
    entc_entity *entity = NULL;

    fixture_warm(f, f->campaigns, 1, 1);
    test_postgres_sql(&f->postgres, "ALTER TABLE campaigns ADD COLUMN extra text DEFAULT 'x'");
    fixture_warm(f, f->campaigns, 2, 2);
    entity = fixture_get(f, f->campaigns, 2);
    fixture_assert_campaign(entity, 2);
    entc_entity_unref(entity);
    test_postgres_sql(&f->postgres, "ALTER TABLE campaigns DROP COLUMN extra");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_missing_table_is_named),
        IN_BOTH_DRIVES(a_missing_column_is_named),
        IN_BOTH_DRIVES(a_key_of_another_type_is_named),
        IN_BOTH_DRIVES(what_postgres_refuses_has_its_sqlstate),
        IN_BOTH_DRIVES(a_number_is_no_timestamp),
        IN_BOTH_DRIVES(a_number_is_text_when_text_is_declared),
        IN_BOTH_DRIVES(a_null_where_none_may_be_fails_its_slot_alone),
        IN_BOTH_DRIVES(names_are_quoted_wherever_they_are_used),
        IN_BOTH_DRIVES(a_column_added_later_changes_nothing),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
