/* Proves that binary rows become entities and ids, and that what does not fit is refused by name.
 * The results are made by hand, so no server is needed. */
#include "allocator.h"
#include "given.h"
#include "test.h"

static const entc_field all_fields[] = {
    SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),
    SHAPE_FIELD("title", ENTC_TEXT, 0),
    SHAPE_FIELD("is_open", ENTC_BOOL, ENTC_NULLABLE),
    SHAPE_FIELD("budget", ENTC_DOUBLE, ENTC_NULLABLE),
    SHAPE_FIELD("at", ENTC_TIMESTAMP, ENTC_NULLABLE),
    SHAPE_FIELD("note", ENTC_TEXT, ENTC_NULLABLE),
};

static const Oid all_types[] = {20, 25, 16, 701, 1184, 25};

static void set_row(PGresult *result, int row, int64_t id, const char *title)
{
    shape_set_int8(result, row, 0, id);
    shape_set(result, row, 1, title, title ? (int)strlen(title) : 0);
    for (int column = 2; column < 6; column++)
        shape_set(result, row, column, NULL, 0);
}

static void every_type_is_read_from_its_binary_form(void **state)
{
    struct fixture fixture;
    PGresult *result = shape_result(all_types, 6);
    entc_value value;

    (void)state;
    prepare(&fixture, DB_BY_IDS, all_fields, 6);
    shape_set_int8(result, 0, 0, -42);
    shape_set(result, 0, 1, "h\xC3\xA9", 3);
    shape_set(result, 0, 2, "\1", 1);
    shape_set(result, 0, 3, "\x3F\xB9\x99\x99\x99\x99\x99\x9A", 8);
    shape_set_int8(result, 0, 4, 1);
    shape_set(result, 0, 5, "", 0);
    assert_int_equal(give(&fixture, result), ENTC_OK);
    assert_int_equal(fixture.given.query.rows, 1);
    assert_int_equal(fixture.given.entity_count, 1);
    entity_get(fixture.given.entities[0], 0, &value);
    assert_int_equal(value.as.int64, -42);
    entity_get(fixture.given.entities[0], 1, &value);
    assert_int_equal(value.length, 3);
    assert_string_equal(value.as.text, "h\xC3\xA9");
    entity_get(fixture.given.entities[0], 2, &value);
    assert_int_equal(value.as.int64, 1);
    entity_get(fixture.given.entities[0], 3, &value);
    assert_true(value.as.real == 0.1);
    entity_get(fixture.given.entities[0], 4, &value);
    assert_int_equal(value.as.int64, INT64_C(946684800000001));
    entity_get(fixture.given.entities[0], 5, &value);
    assert_int_equal(value.type, ENTC_TEXT);
    assert_int_equal(value.length, 0);
    clean(&fixture);
}

static void null_is_taken_where_the_field_is_nullable(void **state)
{
    struct fixture fixture;
    PGresult *result = shape_result(all_types, 6);
    entc_value value;

    (void)state;
    prepare(&fixture, DB_BY_IDS, all_fields, 6);
    set_row(result, 0, 1, "");
    assert_int_equal(give(&fixture, result), ENTC_OK);
    for (uint32_t field = 2; field < 6; field++) {
        entity_get(fixture.given.entities[0], field, &value);
        assert_int_equal(value.type, ENTC_NULL);
    }
    entity_get(fixture.given.entities[0], 1, &value);
    assert_int_equal(value.type, ENTC_TEXT);
    clean(&fixture);
}

static void null_where_it_is_not_allowed_fails_only_its_own_slot(void **state)
{
    struct fixture fixture;
    PGresult *result = shape_result(all_types, 6);

    (void)state;
    prepare(&fixture, DB_BY_IDS, all_fields, 6);
    fixture.given.query.bad_row = take_bad_row;
    set_row(result, 0, 1, "one");
    set_row(result, 1, 2, NULL);
    set_row(result, 2, 3, "three");
    assert_int_equal(give(&fixture, result), ENTC_OK);
    assert_int_equal(fixture.given.entity_count, 2);
    assert_int_equal(fixture.given.bad_count, 1);
    assert_int_equal(fixture.given.bad_ids[0], 2);
    assert_string_equal(fixture.given.story, "column \"title\" of public.things holds NULL, but "
                                             "the field is not ENTC_NULLABLE");
    clean(&fixture);
}

static void a_bad_row_fails_the_whole_query_that_cannot_take_it(void **state)
{
    struct fixture fixture;
    PGresult *result = shape_result(all_types, 6);

    (void)state;
    prepare(&fixture, DB_BY_IDS, all_fields, 6);
    set_row(result, 0, 2, NULL);
    assert_int_equal(give(&fixture, result), ENTC_E_SCHEMA);
    assert_string_equal(
        entc_error_hint(fixture.reader.error),
        "declare the field ENTC_NULLABLE, or make the column NOT NULL" POSTGRES_ALL_BY_CHECK);
    clean(&fixture);
}

static void a_key_whose_equality_is_not_that_of_bytes_is_refused(void **state)
{
    static const entc_field fields[] = {SHAPE_FIELD("code", ENTC_TEXT, ENTC_KEY)};
    static const Oid refused[] = {1042, 19, 2950, 16500};
    static const Oid taken[] = {25, 1043};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct fixture fixture;

        prepare(&fixture, DB_BY_IDS, fields, 1);
        assert_int_equal(give(&fixture, shape_result(&refused[i], 1)), ENTC_E_SCHEMA);
        assert_non_null(strstr(story(&fixture), "\"code\""));
        assert_non_null(strstr(entc_error_hint(fixture.reader.error), "text or varchar"));
        fixture.given.query.kind = DB_LIST;
        assert_int_equal(give(&fixture, shape_result(&refused[i], 1)), ENTC_E_SCHEMA);
        clean(&fixture);
    }
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture;

        prepare(&fixture, DB_BY_IDS, fields, 1);
        assert_int_equal(give(&fixture, shape_result(&taken[i], 1)), ENTC_OK);
        clean(&fixture);
    }
}

static void ids_of_a_list_come_in_order_for_parent_0(void **state)
{
    static const entc_field fields[] = {SHAPE_FIELD("code", ENTC_TEXT, ENTC_KEY)};
    static const Oid type = 25;
    struct fixture fixture;
    PGresult *result = shape_result(&type, 1);

    (void)state;
    prepare(&fixture, DB_LIST, fields, 1);
    shape_set(result, 0, 0, "b", 1);
    shape_set(result, 1, 0, "", 0);
    shape_set(result, 2, 0, "a", 1);
    assert_int_equal(give(&fixture, result), ENTC_OK);
    assert_int_equal(fixture.given.id_count, 3);
    assert_string_equal(fixture.given.texts[0], "b");
    assert_int_equal(fixture.given.ids[1].length, 0);
    assert_string_equal(fixture.given.texts[2], "a");
    assert_int_equal(fixture.given.parents[2], 0);
    assert_int_equal(fixture.given.query.rows, 3);
    clean(&fixture);
}

static const Oid page_types[] = {20, 23};

static void a_key_that_is_null_is_refused_in_a_list(void **state)
{
    static const Oid type = 20;
    struct fixture fixture;
    PGresult *result = shape_result(&type, 1);

    (void)state;
    prepare(&fixture, DB_LIST, all_fields, 6);
    shape_set(result, 0, 0, NULL, 0);
    assert_int_equal(give(&fixture, result), ENTC_E_SCHEMA);
    clean(&fixture);
}

static void an_answer_with_other_columns_is_refused(void **state)
{
    struct fixture fixture;

    (void)state;
    prepare(&fixture, DB_BY_IDS, all_fields, 6);
    assert_int_equal(give(&fixture, shape_result(all_types, 5)), ENTC_E_DATABASE);
    fixture.given.query.kind = DB_LIST;
    assert_int_equal(give(&fixture, shape_result(all_types, 2)), ENTC_E_DATABASE);
    fixture.given.query.kind = DB_PAGES;
    fixture.given.query.limit = 2;
    assert_int_equal(give(&fixture, shape_result(all_types, 1)), ENTC_E_DATABASE);
    clean(&fixture);
}

static void a_query_that_is_detached_by_what_it_gets_gets_no_more(void **state)
{
    struct fixture fixture;
    PGresult *result = shape_result(all_types, 6);
    PGresult *ids = shape_result(page_types, 1);

    (void)state;
    prepare(&fixture, DB_BY_IDS, all_fields, 6);
    for (int row = 0; row < 4; row++) {
        set_row(result, row, row, "title");
        shape_set_int8(ids, row, 0, row);
    }
    fixture.given.detach_after = 2;
    give(&fixture, result);
    assert_int_equal(fixture.given.entity_count, 2);
    assert_null(fixture.reader.query);
    fixture.given.query.kind = DB_LIST;
    fixture.given.detach_after = 3;
    give(&fixture, ids);
    assert_int_equal(fixture.given.id_count, 3);
    clean(&fixture);
}

static void drafts_of_more_types_than_are_kept_still_work(void **state)
{
    static const entc_field fields[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY)};
    static const Oid type = 20;
    struct postgres_reader reader;

    (void)state;
    postgres_reader_init(&reader, base_default_allocator());
    for (int64_t i = 0; i < 3 * POSTGRES_DRAFTS; i++) {
        struct fixture fixture;
        PGresult *result = shape_result(&type, 1);

        prepare(&fixture, DB_BY_IDS, fields, 1);
        shape_set_int8(result, 0, 0, i);
        assert_int_equal(postgres_reader_give(&reader, &fixture.given.query, result), ENTC_OK);
        /* the query of this reader, not of the fixture's own */
        assert_int_equal(fixture.given.entity_count, 1);
        PQclear(result);
        clean(&fixture);
    }
    postgres_reader_fini(&reader);
}

static void memory_that_is_out_is_told_and_nothing_leaks(void **state)
{
    static const entc_entity_desc entity = {sizeof(entity), "Thing", 0,
                                            all_fields,     6,       sizeof(entc_field)};
    static const entc_model_desc desc = ENTC_MODEL("things");
    struct test_allocator memory;
    struct schema_type *type = NULL;
    struct schema_model *model = NULL;
    entc_status status = ENTC_E_NO_MEMORY;

    (void)state;
    test_allocator_init(&memory);
    assert_int_equal(schema_type_new(&entity, &memory.allocator, &type, NULL), ENTC_OK);
    assert_int_equal(schema_model_new(&desc, type, &model, NULL), ENTC_OK);
    for (uint64_t n = 1; status; n++) {
        struct fixture fixture;
        PGresult *result = shape_result(all_types, 6);
        const size_t before = test_allocator_live(&memory);

        prepare(&fixture, DB_BY_IDS, all_fields, 6);
        postgres_reader_fini(&fixture.reader);
        postgres_reader_init(&fixture.reader, &memory.allocator);
        fixture.given.query.model = model;
        set_row(result, 0, 1, "a title");
        set_row(result, 1, 2, "another");
        test_allocator_fail_at(&memory, n, false);
        status = give(&fixture, result);
        assert_true(status == ENTC_OK || status == ENTC_E_NO_MEMORY);
        assert_int_equal(entc_error_code(fixture.reader.error), status);
        clean(&fixture);
        test_allocator_fail_at(&memory, 0, false);
        assert_int_equal(test_allocator_live(&memory), before);
    }
    schema_model_unref(model);
    schema_type_unref(type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read_from_its_binary_form),
        cmocka_unit_test(null_is_taken_where_the_field_is_nullable),
        cmocka_unit_test(null_where_it_is_not_allowed_fails_only_its_own_slot),
        cmocka_unit_test(a_bad_row_fails_the_whole_query_that_cannot_take_it),
        cmocka_unit_test(a_key_whose_equality_is_not_that_of_bytes_is_refused),
        cmocka_unit_test(ids_of_a_list_come_in_order_for_parent_0),
        cmocka_unit_test(a_key_that_is_null_is_refused_in_a_list),
        cmocka_unit_test(an_answer_with_other_columns_is_refused),
        cmocka_unit_test(a_query_that_is_detached_by_what_it_gets_gets_no_more),
        cmocka_unit_test(drafts_of_more_types_than_are_kept_still_work),
        cmocka_unit_test(memory_that_is_out_is_told_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
