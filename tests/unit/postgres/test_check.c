/* Proves what a check says of answers that the contract tests' server does not give, and that no
 * broken answer is read. */
#include "allocator.h"
#include "shapes.h"
#include "test.h"

#include "postgres/check.h"

#include <stdio.h>

struct told {
    struct db_query query; /* first */
    struct postgres_reader reader;
    char lines[2048];
    int count;
    int detach_after; /* lines; 0: never */
};

static void take_difference(struct db_query *query, const char *line)
{
    struct told *told = (struct told *)(void *)query;
    const size_t length = strlen(told->lines);

    snprintf(told->lines + length, sizeof(told->lines) - length, "%s\n", line);
    if (++told->count == told->detach_after)
        told->reader.query = NULL;
}

static const entc_field fields[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),
                                    SHAPE_FIELD("title", ENTC_TEXT, 0)};

static void open_told(struct told *told, const entc_allocator *allocator)
{
    memset(told, 0, sizeof(*told));
    told->query.kind = DB_CHECK;
    told->query.model = shape_model(NULL, "things", fields, 2);
    told->query.difference = take_difference;
    postgres_reader_init(&told->reader, allocator);
}

static void close_told(struct told *told)
{
    postgres_reader_fini(&told->reader);
    shape_model_free((struct schema_model *)(uintptr_t)told->query.model);
}

static PGresult *empty_answer(void)
{
    static const Oid types[CHECK_COLUMNS] = {20, 25, 16, 16, 16, 20, 25, 26, 16, 16, 25, 16, 25};

    return shape_result(types, CHECK_COLUMNS);
}

/* A row of a table that is as declared. */
static void set_row(PGresult *result, int row, int64_t column, const char *type, const char *oid)
{
    shape_set_int8(result, row, CHECK_RELATION, 1);
    shape_set(result, row, CHECK_KIND, "r", 1);
    shape_set(result, row, CHECK_SECURED, "\0", 1);
    shape_set(result, row, CHECK_FILTERED, "\0", 1);
    shape_set(result, row, CHECK_SERVED, "\1", 1);
    shape_set_int8(result, row, CHECK_COLUMN, column);
    shape_set(result, row, CHECK_TYPE, type, (int)strlen(type));
    shape_set(result, row, CHECK_BASE, oid, 4);
    shape_set(result, row, CHECK_IS_JSON, "\0", 1);
    shape_set(result, row, CHECK_STRICT, "\1", 1);
    shape_set(result, row, CHECK_LOOSE, NULL, 0);
    shape_set(result, row, CHECK_READABLE, "\1", 1);
    shape_set(result, row, CHECK_ROLE, "app", 3);
}

static PGresult *good_answer(void)
{
    PGresult *result = empty_answer();

    set_row(result, 0, 1, "bigint", "\0\0\0\24");
    set_row(result, 1, 2, "text", "\0\0\0\31");
    return result;
}

static void assert_told(struct told *told, PGresult *result, entc_status status, const char *lines)
{
    told->lines[0] = '\0';
    assert_int_equal(postgres_reader_give(&told->reader, &told->query, result), status);
    assert_string_equal(told->lines, lines);
    PQclear(result);
}

static void what_is_as_declared_gives_no_line(void **state)
{
    struct told told;

    (void)state;
    open_told(&told, base_default_allocator());
    assert_told(&told, good_answer(), ENTC_OK, "");
    assert_int_equal(told.query.rows, 2);
    close_told(&told);
}

static void rows_that_are_hidden_from_this_role_are_told(void **state)
{
    PGresult *result = good_answer();
    struct told told;

    (void)state;
    open_told(&told, base_default_allocator());
    for (int row = 0; row < 2; row++) {
        shape_set(result, row, CHECK_SECURED, "\1", 1);
        shape_set(result, row, CHECK_FILTERED, "\1", 1);
    }
    assert_told(&told, result, ENTC_OK,
                "public.things: declared as a table to cache, live it has row-level security: its "
                "rows depend on the viewer, and the cache would show those of one to another; do "
                "not cache it, or disable row-level security and authorise in the host\n");
    close_told(&told);
}

static void a_column_that_may_not_be_read_is_told(void **state)
{
    PGresult *result = good_answer();
    struct told told;

    (void)state;
    open_told(&told, base_default_allocator());
    shape_set(result, 1, CHECK_READABLE, "\0", 1);
    assert_told(&told, result, ENTC_OK,
                "public.things.title: declared ENTC_TEXT, live role app may not read it; grant "
                "USAGE on the schema and SELECT on \"public\".\"things\" to \"app\"\n");
    close_told(&told);
}

static void a_check_that_is_detached_by_a_line_gets_no_more(void **state)
{
    PGresult *result = good_answer();
    struct told told;

    (void)state;
    open_told(&told, base_default_allocator());
    told.detach_after = 2;
    shape_set(result, 0, CHECK_SECURED, "\1", 1);
    shape_set(result, 0, CHECK_SERVED, "\0", 1);
    shape_set(result, 0, CHECK_STRICT, "\0", 1);
    shape_set(result, 1, CHECK_STRICT, "\0", 1);
    assert_int_equal(postgres_reader_give(&told.reader, &told.query, result), ENTC_OK);
    assert_int_equal(told.count, 2);
    PQclear(result);
    close_told(&told);
}

static void an_answer_that_was_not_asked_for_is_refused(void **state)
{
    static const Oid types[] = {20, 25};
    PGresult *result = NULL;
    struct told told;

    (void)state;
    open_told(&told, base_default_allocator());
    assert_told(&told, shape_result(types, 2), ENTC_E_DATABASE, "");
    result = good_answer();
    shape_set_int8(result, 0, CHECK_RELATION, 2);
    assert_told(&told, result, ENTC_E_DATABASE, "");
    result = good_answer();
    shape_set_int8(result, 0, CHECK_COLUMN, 3);
    assert_told(&told, result, ENTC_E_DATABASE, "");
    result = good_answer();
    shape_set(result, 0, CHECK_COLUMN, NULL, 0);
    assert_told(&told, result, ENTC_E_DATABASE, "");
    close_told(&told);
}

static void memory_that_is_out_is_told(void **state)
{
    struct test_allocator memory;
    entc_status status = ENTC_E_NO_MEMORY;

    (void)state;
    test_allocator_init(&memory);
    for (uint64_t n = 1; status; n++) {
        PGresult *result = good_answer();
        struct told told;

        open_told(&told, &memory.allocator);
        shape_set(result, 0, CHECK_SECURED, "\1", 1);
        shape_set(result, 1, CHECK_STRICT, "\0", 1);
        test_allocator_fail_at(&memory, n, false);
        status = postgres_reader_give(&told.reader, &told.query, result);
        assert_true(status == ENTC_OK || status == ENTC_E_NO_MEMORY);
        assert_int_equal(told.count == 2, status == ENTC_OK);
        assert_int_equal(entc_error_code(told.reader.error), status);
        PQclear(result);
        close_told(&told);
        assert_int_equal(test_allocator_live(&memory), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_as_declared_gives_no_line),
        cmocka_unit_test(rows_that_are_hidden_from_this_role_are_told),
        cmocka_unit_test(a_column_that_may_not_be_read_is_told),
        cmocka_unit_test(a_check_that_is_detached_by_a_line_gets_no_more),
        cmocka_unit_test(an_answer_that_was_not_asked_for_is_refused),
        cmocka_unit_test(memory_that_is_out_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
