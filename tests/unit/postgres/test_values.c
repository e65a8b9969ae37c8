/* Proves that binary values become fields, whole and within their range, and that a column of
 * another type is refused by name. */
#include "given.h"
#include "test.h"

#include <math.h>

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

/* Reads one value into the second field of a row. */
static entc_status read_one(struct fixture *fixture, uint32_t declared, Oid live, const void *bytes,
                            int length, entc_value *ret_value)
{
    const entc_field fields[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),
                                 SHAPE_FIELD("x", declared, 0)};
    const Oid types[] = {20, live};
    PGresult *result = shape_result(types, 2);
    entc_status status;

    prepare(fixture, DB_BY_IDS, fields, 2);
    shape_set_int8(result, 0, 0, 1);
    shape_set(result, 0, 1, bytes, length);
    status = give(fixture, result);
    memset(ret_value, 0, sizeof(*ret_value));
    if (!status)
        entity_get(fixture->given.entities[0], 1, ret_value);
    return status;
}

static entc_status read_day(const char *bytes, int length, int64_t *ret_day)
{
    struct fixture fixture;
    entc_value value;
    const entc_status status = read_one(&fixture, ENTC_DATE, 1082, bytes, length, &value);

    *ret_day = value.as.int64;
    clean(&fixture);
    return status;
}

static void dates_count_from_1970_and_both_infinities_stay(void **state)
{
    int64_t day = 0;

    (void)state;
    assert_int_equal(read_day("\0\0\0\0", 4, &day), ENTC_OK);
    assert_int_equal(day, 10957);
    assert_int_equal(read_day("\xFF\xFF\xD5\x33", 4, &day), ENTC_OK);
    assert_int_equal(day, 0);
    assert_int_equal(read_day("\x7F\xFF\xFF\xFF", 4, &day), ENTC_OK);
    assert_int_equal(day, ENTC_DATE_INFINITY);
    assert_int_equal(read_day("\x80\0\0\0", 4, &day), ENTC_OK);
    assert_int_equal(day, ENTC_DATE_MINUS_INFINITY);
    assert_int_equal(read_day("\x7F\xDA\x97\x0C", 4, &day), ENTC_OK); /* 5874897-12-31 */
    assert_int_equal(day, 2145042905);
    assert_int_equal(read_day("\x7F\xFF\xD5\x31", 4, &day), ENTC_OK);
    assert_int_equal(day, INT32_MAX - 1);
    assert_int_equal(read_day("\x7F\xFF\xD5\x32", 4, &day), ENTC_E_SCHEMA);
    assert_int_equal(read_day("\0\0\0", 3, &day), ENTC_E_DATABASE);
}

static void bytes_and_json_and_uuids_are_taken_as_they_are(void **state)
{
    struct fixture fixture;
    entc_value value;

    (void)state;
    assert_int_equal(read_one(&fixture, ENTC_BYTES, 17, "a\0\xFF", 3, &value), ENTC_OK);
    assert_int_equal(value.type, ENTC_BYTES);
    assert_int_equal(value.length, 3);
    assert_memory_equal(value.as.text, "a\0\xFF", 4);
    clean(&fixture);
    assert_int_equal(read_one(&fixture, ENTC_BYTES, 17, "", 0, &value), ENTC_OK);
    assert_int_equal(value.type, ENTC_BYTES);
    assert_int_equal(value.length, 0);
    clean(&fixture);
    assert_int_equal(read_one(&fixture, ENTC_JSON, 114, "{\"a\" :1.0}", 10, &value), ENTC_OK);
    assert_int_equal(value.type, ENTC_JSON);
    assert_string_equal(value.as.text, "{\"a\" :1.0}");
    clean(&fixture);
    assert_int_equal(read_one(&fixture, ENTC_UUID, 2950, "0123456789abcdef", 16, &value), ENTC_OK);
    assert_int_equal(value.type, ENTC_UUID);
    assert_memory_equal(value.as.bytes, "0123456789abcdef", 16);
    clean(&fixture);
    assert_int_equal(read_one(&fixture, ENTC_UUID, 2950, "0123456789abcde", 15, &value),
                     ENTC_E_DATABASE);
    clean(&fixture);
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
         "declare the field ENTC_TEXT, or make the column int2, int4 or int8" POSTGRES_ALL_BY_CHECK},
        {ENTC_BOOL, 23, "column \"x\" of public.things is declared ENTC_BOOL, but its type is int4",
         "declare the field ENTC_INT64, or make the column bool" POSTGRES_ALL_BY_CHECK},
        {ENTC_DOUBLE, 20,
         "column \"x\" of public.things is declared ENTC_DOUBLE, but its type is int8",
         "declare the field ENTC_INT64, or make the column float4 or float8" POSTGRES_ALL_BY_CHECK},
        {ENTC_TIMESTAMP, 1082,
         "column \"x\" of public.things is declared ENTC_TIMESTAMP, but its type is date",
         "declare the field ENTC_DATE, or make the column timestamptz or timestamp" POSTGRES_ALL_BY_CHECK},
        {ENTC_DATE, 1114,
         "column \"x\" of public.things is declared ENTC_DATE, but its type is timestamp",
         "declare the field ENTC_TIMESTAMP, or make the column date" POSTGRES_ALL_BY_CHECK},
        {ENTC_BYTES, 25,
         "column \"x\" of public.things is declared ENTC_BYTES, but its type is text",
         "declare the field ENTC_TEXT, or make the column bytea" POSTGRES_ALL_BY_CHECK},
        {ENTC_UUID, 3802,
         "column \"x\" of public.things is declared ENTC_UUID, but its type is jsonb",
         "declare the field ENTC_JSON, or make the column uuid" POSTGRES_ALL_BY_CHECK},
        {ENTC_INT64, 2950,
         "column \"x\" of public.things is declared ENTC_INT64, but its type is uuid",
         "declare the field ENTC_UUID, or make the column int2, int4 or int8" POSTGRES_ALL_BY_CHECK},
        {ENTC_INT64, 16402,
         "column \"x\" of public.things is declared ENTC_INT64, but its type is type number 16402",
         "declare the field ENTC_TEXT, or make the column int2, int4 or int8" POSTGRES_ALL_BY_CHECK},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_width_keep_their_sign),
        cmocka_unit_test(reals_keep_their_bits_and_float4_is_widened_exactly),
        cmocka_unit_test(timestamps_count_from_1970_and_both_infinities_stay),
        cmocka_unit_test(dates_count_from_1970_and_both_infinities_stay),
        cmocka_unit_test(bytes_and_json_and_uuids_are_taken_as_they_are),
        cmocka_unit_test(a_column_of_another_type_is_refused_with_both_types_and_the_cure),
        cmocka_unit_test(a_value_of_the_wrong_length_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
