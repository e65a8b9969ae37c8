/* Proves that binary rows become entities and ids, and that what does not fit is refused by name.
 * The results are made by hand, so no server is needed. */
#include "allocator.h"
#include "shapes.h"
#include "test.h"

#include <math.h>

#define GIVEN_MAX 8

/* What a query was given. */
struct given {
    struct db_query query; /* first */
    struct postgres_reader *reader;
    struct entc_entity *entities[GIVEN_MAX];
    size_t entity_count;
    entc_value ids[GIVEN_MAX];
    size_t parents[GIVEN_MAX];
    char texts[GIVEN_MAX][64];
    size_t id_count;
    int64_t bad_ids[GIVEN_MAX];
    size_t bad_count;
    char story[512];
    size_t detach_after; /* entities or ids; 0: never */
};

static void count(struct given *given)
{
    if (given->detach_after && --given->detach_after == 0)
        given->reader->query = NULL;
}

static void take_entity(struct db_query *query, struct entc_entity *entity)
{
    struct given *given = (struct given *)(void *)query;

    assert_in_range(given->entity_count, 0, GIVEN_MAX - 1);
    given->entities[given->entity_count++] = entity;
    count(given);
}

static void take_id(struct db_query *query, size_t parent, const entc_value *id)
{
    struct given *given = (struct given *)(void *)query;

    assert_in_range(given->id_count, 0, GIVEN_MAX - 1);
    given->parents[given->id_count] = parent;
    given->ids[given->id_count] = *id;
    if (id->type == ENTC_TEXT)
        memcpy(given->texts[given->id_count], id->as.text, id->length);
    given->id_count++;
    count(given);
}

static void take_bad_row(struct db_query *query, const entc_value *id, entc_status status,
                         const entc_error *error)
{
    struct given *given = (struct given *)(void *)query;

    assert_int_equal(status, ENTC_E_SCHEMA);
    assert_int_equal(id->type, ENTC_INT64);
    given->bad_ids[given->bad_count++] = id->as.int64;
    strcpy(given->story, entc_error_message(error));
}

struct fixture {
    struct postgres_reader reader;
    struct given given;
    struct schema_model *model;
};

static const entc_field all_fields[] = {
    SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),
    SHAPE_FIELD("title", ENTC_TEXT, 0),
    SHAPE_FIELD("is_open", ENTC_BOOL, ENTC_NULLABLE),
    SHAPE_FIELD("budget", ENTC_DOUBLE, ENTC_NULLABLE),
    SHAPE_FIELD("at", ENTC_TIMESTAMP, ENTC_NULLABLE),
    SHAPE_FIELD("note", ENTC_TEXT, ENTC_NULLABLE),
};

static const Oid all_types[] = {20, 25, 16, 701, 1184, 25};

static void prepare(struct fixture *fixture, enum db_kind kind, const entc_field *fields,
                    size_t field_count)
{
    memset(fixture, 0, sizeof(*fixture));
    postgres_reader_init(&fixture->reader, base_default_allocator());
    fixture->model = shape_model(NULL, "things", fields, field_count);
    fixture->given.reader = &fixture->reader;
    fixture->given.query.kind = kind;
    fixture->given.query.model = fixture->model;
    fixture->given.query.entity = take_entity;
    fixture->given.query.id = take_id;
}

static void clean(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->given.entity_count; i++)
        entity_unref(fixture->given.entities[i]);
    postgres_reader_fini(&fixture->reader);
    shape_model_free(fixture->model);
}

static entc_status give(struct fixture *fixture, PGresult *result)
{
    entc_status status = postgres_reader_give(&fixture->reader, &fixture->given.query, result);

    PQclear(result);
    return status;
}

static const char *story(const struct fixture *fixture)
{
    return entc_error_message(fixture->reader.error);
}

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
    assert_string_equal(entc_error_hint(fixture.reader.error),
                        "declare the field ENTC_NULLABLE, or make the column NOT NULL");
    clean(&fixture);
}

static void integers_of_every_width_keep_their_sign(void **state)
{
    static const entc_field fields[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY)};
    static const struct {
        Oid type;
        const char *bytes;
        int length;
        int64_t number;
    } rows[] = {
        {21, "\x80\x00", 2, INT16_MIN},
        {21, "\x7F\xFF", 2, INT16_MAX},
        {23, "\x80\x00\x00\x00", 4, INT32_MIN},
        {23, "\xFF\xFF\xFF\xFF", 4, -1},
        {20, "\x80\0\0\0\0\0\0\0", 8, INT64_MIN},
        {20, "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8, INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture fixture;
        PGresult *result = shape_result(&rows[i].type, 1);
        entc_value value;

        prepare(&fixture, DB_BY_IDS, fields, 1);
        shape_set(result, 0, 0, rows[i].bytes, rows[i].length);
        assert_int_equal(give(&fixture, result), ENTC_OK);
        entity_get(fixture.given.entities[0], 0, &value);
        assert_int_equal(value.as.int64, rows[i].number);
        clean(&fixture);
    }
}

static double read_real(Oid type, const char *bytes, int length)
{
    static const entc_field fields[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),
                                        SHAPE_FIELD("real", ENTC_DOUBLE, 0)};
    const Oid types[] = {20, type};
    struct fixture fixture;
    PGresult *result = shape_result(types, 2);
    entc_value value;

    prepare(&fixture, DB_BY_IDS, fields, 2);
    shape_set_int8(result, 0, 0, 1);
    shape_set(result, 0, 1, bytes, length);
    assert_int_equal(give(&fixture, result), ENTC_OK);
    entity_get(fixture.given.entities[0], 1, &value);
    clean(&fixture);
    return value.as.real;
}

static void reals_keep_their_bits_and_float4_is_widened_exactly(void **state)
{
    (void)state;
    assert_true(read_real(700, "\x3D\xCC\xCC\xCD", 4) == (double)0.1f);
    assert_true(isinf(read_real(700, "\xFF\x80\x00\x00", 4)));
    assert_true(isnan(read_real(701, "\x7F\xF8\0\0\0\0\0\0", 8)));
    assert_true(read_real(701, "\x7F\xEF\xFF\xFF\xFF\xFF\xFF\xFF", 8) == 1.7976931348623157e308);
    assert_true(signbit(read_real(701, "\x80\0\0\0\0\0\0\0", 8)));
}

static entc_status read_time(int64_t since_2000, int64_t *ret_since_1970)
{
    static const entc_field fields[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),
                                        SHAPE_FIELD("at", ENTC_TIMESTAMP, 0)};
    static const Oid types[] = {20, 1114};
    struct fixture fixture;
    PGresult *result = shape_result(types, 2);
    entc_status status;
    entc_value value;

    prepare(&fixture, DB_BY_IDS, fields, 2);
    shape_set_int8(result, 0, 0, 1);
    shape_set_int8(result, 0, 1, since_2000);
    status = give(&fixture, result);
    if (status) {
        assert_string_equal(story(&fixture), "column \"at\" of public.things holds a value beyond "
                                             "the range of ENTC_TIMESTAMP");
    } else {
        entity_get(fixture.given.entities[0], 1, &value);
        *ret_since_1970 = value.as.int64;
    }
    clean(&fixture);
    return status;
}

static void timestamps_count_from_1970_and_both_infinities_stay(void **state)
{
    const int64_t epoch = INT64_C(946684800000000);
    int64_t at = 0;

    (void)state;
    assert_int_equal(read_time(0, &at), ENTC_OK);
    assert_int_equal(at, epoch);
    assert_int_equal(read_time(-epoch, &at), ENTC_OK);
    assert_int_equal(at, 0);
    assert_int_equal(read_time(INT64_MAX, &at), ENTC_OK);
    assert_int_equal(at, ENTC_TIMESTAMP_INFINITY);
    assert_int_equal(read_time(INT64_MIN, &at), ENTC_OK);
    assert_int_equal(at, ENTC_TIMESTAMP_MINUS_INFINITY);
    assert_int_equal(read_time(INT64_C(-211813488000000000), &at), ENTC_OK); /* 4714 BC */
    assert_int_equal(at, INT64_C(-211813488000000000) + epoch);
    assert_int_equal(read_time(INT64_MAX - epoch - 1, &at), ENTC_OK);
    assert_int_equal(at, INT64_MAX - 1);
    assert_int_equal(read_time(INT64_MAX - epoch, &at), ENTC_E_SCHEMA);
    assert_int_equal(read_time(INT64_C(9223371331199999999), &at), ENTC_E_SCHEMA); /* 294276 */
}

static void a_column_of_another_type_is_refused_with_both_types_and_the_cure(void **state)
{
    static const struct {
        uint32_t declared;
        Oid live;
        const char *story;
        const char *hint;
    } rows[] = {
        {ENTC_INT64, 1700,
         "column \"x\" of public.things is declared ENTC_INT64, but its type is numeric",
         "declare the field ENTC_TEXT, or make the column int2, int4 or int8"},
        {ENTC_BOOL, 23, "column \"x\" of public.things is declared ENTC_BOOL, but its type is int4",
         "declare the field ENTC_INT64, or make the column bool"},
        {ENTC_DOUBLE, 20,
         "column \"x\" of public.things is declared ENTC_DOUBLE, but its type is int8",
         "declare the field ENTC_INT64, or make the column float4 or float8"},
        {ENTC_TIMESTAMP, 1082,
         "column \"x\" of public.things is declared ENTC_TIMESTAMP, but its type is date",
         "declare the field ENTC_TEXT, or make the column timestamptz or timestamp"},
        {ENTC_INT64, 16402,
         "column \"x\" of public.things is declared ENTC_INT64, but its type is type number 16402",
         "declare the field ENTC_TEXT, or make the column int2, int4 or int8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const entc_field fields[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),
                                     SHAPE_FIELD("x", rows[i].declared, 0)};
        const Oid types[] = {20, rows[i].live};
        struct fixture fixture;

        prepare(&fixture, DB_BY_IDS, fields, 2);
        assert_int_equal(give(&fixture, shape_result(types, 2)), ENTC_E_SCHEMA);
        assert_string_equal(story(&fixture), rows[i].story);
        assert_string_equal(entc_error_hint(fixture.reader.error), rows[i].hint);
        clean(&fixture);
    }
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

static void a_value_of_the_wrong_length_is_not_read(void **state)
{
    static const entc_field fields[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),
                                        SHAPE_FIELD("x", ENTC_BOOL, 0),
                                        SHAPE_FIELD("y", ENTC_DOUBLE, 0)};
    static const Oid types[] = {20, 16, 700};

    (void)state;
    for (int broken = 0; broken < 3; broken++) {
        struct fixture fixture;
        PGresult *result = shape_result(types, 3);

        prepare(&fixture, DB_BY_IDS, fields, 3);
        fixture.given.query.bad_row = take_bad_row;
        shape_set_int8(result, 0, 0, 1);
        shape_set(result, 0, 1, "\1", 1);
        shape_set(result, 0, 2, "\0\0\0\0", 4);
        shape_set(result, 0, broken, "\0\0\0", 3);
        assert_int_equal(give(&fixture, result), ENTC_E_DATABASE);
        assert_int_equal(fixture.given.entity_count, 0);
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

static PGresult *page_row(int64_t ordinal)
{
    PGresult *result = shape_result(page_types, 2);

    shape_set_int8(result, 0, 0, ordinal);
    shape_set(result, 0, 1, "\0\0\0\7", 4);
    return result;
}

static void ids_of_pages_know_their_parent(void **state)
{
    struct fixture fixture;

    (void)state;
    prepare(&fixture, DB_PAGES, all_fields, 6);
    fixture.given.query.id_count = 3;
    assert_int_equal(give(&fixture, page_row(3)), ENTC_OK);
    assert_int_equal(fixture.given.parents[0], 2);
    assert_int_equal(fixture.given.ids[0].as.int64, 7);
    assert_int_equal(give(&fixture, page_row(4)), ENTC_E_DATABASE);
    assert_int_equal(give(&fixture, page_row(0)), ENTC_E_DATABASE);
    assert_int_equal(fixture.given.id_count, 1);
    clean(&fixture);
}

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
        cmocka_unit_test(integers_of_every_width_keep_their_sign),
        cmocka_unit_test(reals_keep_their_bits_and_float4_is_widened_exactly),
        cmocka_unit_test(timestamps_count_from_1970_and_both_infinities_stay),
        cmocka_unit_test(a_column_of_another_type_is_refused_with_both_types_and_the_cure),
        cmocka_unit_test(a_key_whose_equality_is_not_that_of_bytes_is_refused),
        cmocka_unit_test(a_value_of_the_wrong_length_is_not_read),
        cmocka_unit_test(ids_of_a_list_come_in_order_for_parent_0),
        cmocka_unit_test(ids_of_pages_know_their_parent),
        cmocka_unit_test(a_key_that_is_null_is_refused_in_a_list),
        cmocka_unit_test(an_answer_with_other_columns_is_refused),
        cmocka_unit_test(a_query_that_is_detached_by_what_it_gets_gets_no_more),
        cmocka_unit_test(drafts_of_more_types_than_are_kept_still_work),
        cmocka_unit_test(memory_that_is_out_is_told_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
