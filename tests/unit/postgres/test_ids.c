/* Proves that pages and composite keys are read from their arrays and records, and that no broken
 * one is read beyond its end. */
#include "shapes.h"
#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct told {
    struct db_query query; /* first */
    char text[512];        /* "parent:part,part " of each id */
    int bad_rows;
    struct postgres_reader reader;
    struct buffer bytes;
};

static void append(struct told *told, const entc_value *id)
{
    const size_t length = strlen(told->text);
    char *at = told->text + length;
    const size_t left = sizeof(told->text) - length;

    if (id->type == ENTC_INT64)
        snprintf(at, left, "%" PRId64, id->as.int64);
    else if (id->type == ENTC_UUID)
        snprintf(at, left, "uuid %c", id->as.bytes[15]);
    else
        snprintf(at, left, "%.*s", (int)id->length, id->as.text);
}

static void take_id(struct db_query *query, size_t parent, const entc_value *id)
{
    struct told *told = (struct told *)(void *)query;
    const size_t length = strlen(told->text);

    snprintf(told->text + length, sizeof(told->text) - length, "%zu:", parent);
    for (uint32_t i = 0; i < query->model->type->key_count; i++) {
        if (i > 0)
            strcat(told->text, ",");
        append(told, &id[i]);
    }
    strcat(told->text, " ");
}

static void take_bad_row(struct db_query *query, const entc_value *id, entc_status status,
                         const entc_error *error)
{
    struct told *told = (struct told *)(void *)query;

    assert_int_equal(status, ENTC_E_SCHEMA);
    assert_int_equal(entc_error_code(error), ENTC_E_SCHEMA);
    told->bad_rows++;
    take_id(query, 0, id);
}

static const entc_field single[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY)};
static const entc_field triple[] = {
    SHAPE_FIELD("n", ENTC_INT64, ENTC_KEY),
    SHAPE_FIELD("note", ENTC_TEXT, 0),
    SHAPE_FIELD("t", ENTC_TEXT, ENTC_KEY),
    SHAPE_FIELD("u", ENTC_UUID, ENTC_KEY),
};

static void open_told(struct told *told, enum db_kind kind, const entc_field *fields, size_t count)
{
    memset(told, 0, sizeof(*told));
    told->query.kind = kind;
    told->query.model = shape_model(NULL, "things", fields, count);
    told->query.id_count = 3;
    told->query.limit = 2;
    told->query.id = take_id;
    told->query.bad_row = take_bad_row;
    postgres_reader_init(&told->reader, base_default_allocator());
    buffer_init(&told->bytes, base_default_allocator());
}

static void close_told(struct told *told)
{
    buffer_fini(&told->bytes);
    postgres_reader_fini(&told->reader);
    shape_model_free((struct schema_model *)(uintptr_t)told->query.model);
}

static const Oid page_types[] = {20, 1016};

/* One row of pages: the parent's ordinal and the bytes, or a beginning of them. */
static entc_status give_page(struct told *told, int64_t ordinal, size_t length)
{
    PGresult *result = shape_result(page_types, 2);
    entc_status status;

    /* exactly so many bytes, so that a sanitizer sees every read behind them */
    char *copy = malloc(length + 1);

    assert_non_null(copy);
    memcpy(copy, told->bytes.bytes, length);
    shape_set_int8(result, 0, 0, ordinal);
    shape_set(result, 0, 1, copy, (int)length);
    free(copy);
    status = postgres_reader_give(&told->reader, &told->query, result);
    PQclear(result);
    return status;
}

static void pages_of_numbers_know_their_parent(void **state)
{
    struct told told;

    (void)state;
    open_told(&told, DB_PAGES, single, 1);
    shape_array(&told.bytes, 20, 2);
    shape_append_element(&told.bytes, "\0\0\0\0\0\0\0\7", 8);
    shape_append_element(&told.bytes, "\377\377\377\377\377\377\377\377", 8);
    assert_int_equal(give_page(&told, 3, told.bytes.length), ENTC_OK);
    assert_string_equal(told.text, "2:7 2:-1 ");
    assert_int_equal(told.query.rows, 2);
    assert_int_equal(give_page(&told, 4, told.bytes.length), ENTC_E_DATABASE);
    assert_int_equal(give_page(&told, 0, told.bytes.length), ENTC_E_DATABASE);
    shape_array(&told.bytes, 20, 0);
    assert_int_equal(give_page(&told, 1, told.bytes.length), ENTC_OK);
    assert_string_equal(told.text, "2:7 2:-1 ");
    close_told(&told);
}

static void no_page_is_read_beyond_its_end(void **state)
{
    struct told told;

    (void)state;
    open_told(&told, DB_PAGES, single, 1);
    shape_array(&told.bytes, 20, 2);
    shape_append_element(&told.bytes, "\0\0\0\0\0\0\0\7", 8);
    shape_append_element(&told.bytes, "\0\0\0\0\0\0\0\10", 8);
    for (size_t length = 0; length < told.bytes.length; length++)
        assert_int_equal(give_page(&told, 1, length), ENTC_E_DATABASE);
    shape_array(&told.bytes, 20, 1);
    shape_append_uint32(&told.bytes, 0x80000000u);
    assert_int_equal(give_page(&told, 1, told.bytes.length), ENTC_E_DATABASE);
    told.bytes.bytes[3] = 2; /* dimensions */
    assert_int_equal(give_page(&told, 1, told.bytes.length), ENTC_E_DATABASE);
    close_told(&told);
}

static void a_child_without_a_key_or_with_another_type_is_refused(void **state)
{
    struct told told;

    (void)state;
    open_told(&told, DB_PAGES, single, 1);
    shape_array(&told.bytes, 20, 1);
    shape_append_uint32(&told.bytes, UINT32_MAX);
    assert_int_equal(give_page(&told, 1, told.bytes.length), ENTC_E_SCHEMA);
    assert_non_null(strstr(entc_error_message(told.reader.error), "NULL"));
    shape_array(&told.bytes, 1700, 1);
    shape_append_element(&told.bytes, "\0\0\0\0\0\0\0\7", 8);
    assert_int_equal(give_page(&told, 1, told.bytes.length), ENTC_E_SCHEMA);
    assert_non_null(strstr(entc_error_message(told.reader.error), "numeric"));
    close_told(&told);
}

/* The record (7, 'x,y', a UUID that ends with z). */
static void append_record(struct buffer *bytes)
{
    shape_append_uint32(bytes, 3 * 8 + 4 + 8 + 3 + 16);
    shape_append_uint32(bytes, 3);
    shape_append_uint32(bytes, 20);
    shape_append_element(bytes, "\0\0\0\0\0\0\0\7", 8);
    shape_append_uint32(bytes, 25);
    shape_append_element(bytes, "x,y", 3);
    shape_append_uint32(bytes, 2950);
    shape_append_element(bytes, "0123456789abcdez", 16);
}

static void pages_of_composite_keys_are_records(void **state)
{
    struct told told;

    (void)state;
    open_told(&told, DB_PAGES, triple, 4);
    shape_array(&told.bytes, 2249, 2);
    append_record(&told.bytes);
    append_record(&told.bytes);
    assert_int_equal(give_page(&told, 2, told.bytes.length), ENTC_OK);
    assert_string_equal(told.text, "1:7,x,y,uuid z 1:7,x,y,uuid z ");
    for (size_t length = 0; length < told.bytes.length; length++) {
        told.text[0] = '\0';
        assert_int_equal(give_page(&told, 1, length), ENTC_E_DATABASE);
    }
    told.bytes.bytes[20 + 4 + 3] = 2; /* columns of the record */
    assert_int_equal(give_page(&told, 1, told.bytes.length), ENTC_E_DATABASE);
    close_told(&told);
}

static const Oid list_types[] = {21, 1043, 2950};

static void lists_of_composite_keys_have_a_column_for_each_part(void **state)
{
    PGresult *result = shape_result(list_types, 3);
    struct told told;

    (void)state;
    open_told(&told, DB_LIST, triple, 4);
    shape_set(result, 0, 0, "\377\376", 2);
    shape_set(result, 0, 1, "", 0);
    shape_set(result, 0, 2, "0123456789abcdef", 16);
    assert_int_equal(postgres_reader_give(&told.reader, &told.query, result), ENTC_OK);
    assert_string_equal(told.text, "0:-2,,uuid f ");
    shape_set(result, 0, 1, NULL, 0);
    assert_int_equal(postgres_reader_give(&told.reader, &told.query, result), ENTC_E_SCHEMA);
    assert_non_null(strstr(entc_error_message(told.reader.error), "\"t\""));
    PQclear(result);
    close_told(&told);
}

static void a_bad_row_is_told_by_all_parts_of_its_key(void **state)
{
    static const Oid types[] = {20, 25, 25, 2950};
    PGresult *result = shape_result(types, 4);
    struct told told;

    (void)state;
    open_told(&told, DB_BY_IDS, triple, 4);
    shape_set_int8(result, 0, 0, 5);
    shape_set(result, 0, 1, NULL, 0);
    shape_set(result, 0, 2, "k", 1);
    shape_set(result, 0, 3, "0123456789abcdef", 16);
    assert_int_equal(postgres_reader_give(&told.reader, &told.query, result), ENTC_OK);
    assert_int_equal(told.bad_rows, 1);
    assert_string_equal(told.text, "0:5,k,uuid f ");
    shape_set(result, 0, 2, NULL, 0);
    assert_int_equal(postgres_reader_give(&told.reader, &told.query, result), ENTC_E_SCHEMA);
    assert_int_equal(told.bad_rows, 1);
    PQclear(result);
    close_told(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_numbers_know_their_parent),
        cmocka_unit_test(no_page_is_read_beyond_its_end),
        cmocka_unit_test(a_child_without_a_key_or_with_another_type_is_refused),
        cmocka_unit_test(pages_of_composite_keys_are_records),
        cmocka_unit_test(lists_of_composite_keys_have_a_column_for_each_part),
        cmocka_unit_test(a_bad_row_is_told_by_all_parts_of_its_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
