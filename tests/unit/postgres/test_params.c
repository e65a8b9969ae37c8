/* Proves the bytes of binary parameters. */
#include "allocator.h"
#include "shapes.h"
#include "test.h"

static entc_value number(int64_t value)
{
    entc_value id = {.type = ENTC_INT64};

    id.as.int64 = value;
    return id;
}

static entc_value text(const char *bytes, size_t length)
{
    entc_value id = {.type = ENTC_TEXT, .length = (uint32_t)length};

    id.as.text = bytes;
    return id;
}

static entc_value uuid(char first, char last)
{
    entc_value id = {.type = ENTC_UUID};

    id.as.bytes[0] = (uint8_t)first;
    id.as.bytes[15] = (uint8_t)last;
    return id;
}

static const entc_field key_fields[] = {
    SHAPE_FIELD("n", ENTC_INT64, ENTC_KEY),
    SHAPE_FIELD("t", ENTC_TEXT, ENTC_KEY),
    SHAPE_FIELD("u", ENTC_UUID, ENTC_KEY),
};

/* A table whose key is one field of this type, or all of them for ENTC_NULL. */
static struct schema_model *keyed_by(uint32_t type)
{
    for (size_t i = 0; i < 3; i++)
        if (key_fields[i].type == type)
            return shape_model(NULL, "things", &key_fields[i], 1);
    return shape_model(NULL, "things", key_fields, 3);
}

/* Writes the parameters of a query over such a table. */
static entc_status write_params(struct postgres_params *params, struct buffer *bytes,
                                uint32_t key_type, struct db_query query)
{
    struct schema_model *model = keyed_by(key_type);
    entc_status status;

    query.model = model;
    status = postgres_params_write(params, bytes, &query);
    shape_model_free(model);
    return status;
}

#define ASSERT_BYTES(params, index, expected)                                         \
    do {                                                                              \
        assert_int_equal((params)->lengths[index], sizeof(expected) - 1);             \
        assert_memory_equal((params)->values[index], expected, sizeof(expected) - 1); \
    } while (0)

static void int8_arrays_are_written_highest_byte_first(void **state)
{
    const entc_value ids[] = {number(1), number(-2), number(INT64_MAX), number(INT64_MIN)};
    const struct db_query query = {.kind = DB_BY_IDS, .ids = ids, .id_count = 4};
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(write_params(&params, &bytes, ENTC_INT64, query), ENTC_OK);
    assert_int_equal(params.count, 1);
    assert_int_equal(params.types[0], 1016);
    assert_int_equal(params.formats[0], 1);
    ASSERT_BYTES(&params, 0,
                 "\0\0\0\1"  /* dimensions */
                 "\0\0\0\0"  /* no NULLs */
                 "\0\0\0\24" /* int8 */
                 "\0\0\0\4\0\0\0\1"
                 "\0\0\0\10\0\0\0\0\0\0\0\1"
                 "\0\0\0\10\377\377\377\377\377\377\377\376"
                 "\0\0\0\10\177\377\377\377\377\377\377\377"
                 "\0\0\0\10\200\0\0\0\0\0\0\0");
    buffer_fini(&bytes);
}

static void text_arrays_carry_lengths_and_a_nul_becomes_null(void **state)
{
    const entc_value ids[] = {text("ab", 2), text("", 0), text("a\0b", 3), text("\xC3\xA9", 2)};
    const struct db_query query = {.kind = DB_BY_IDS, .ids = ids, .id_count = 4};
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(write_params(&params, &bytes, ENTC_TEXT, query), ENTC_OK);
    assert_int_equal(params.types[0], 1009);
    ASSERT_BYTES(&params, 0,
                 "\0\0\0\1"
                 "\0\0\0\1"  /* NULLs */
                 "\0\0\0\31" /* text */
                 "\0\0\0\4\0\0\0\1"
                 "\0\0\0\2ab"
                 "\0\0\0\0"
                 "\377\377\377\377"
                 "\0\0\0\2\303\251");
    buffer_fini(&bytes);
}

static void uuid_arrays_carry_sixteen_bytes_each(void **state)
{
    const entc_value ids[] = {uuid('a', 'z'), uuid('\377', '\0')};
    const struct db_query query = {.kind = DB_BY_IDS, .ids = ids, .id_count = 2};
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(write_params(&params, &bytes, ENTC_UUID, query), ENTC_OK);
    assert_int_equal(params.types[0], 2951);
    ASSERT_BYTES(&params, 0,
                 "\0\0\0\1\0\0\0\0\0\0\13\206\0\0\0\2\0\0\0\1"
                 "\0\0\0\20a\0\0\0\0\0\0\0\0\0\0\0\0\0\0z"
                 "\0\0\0\20\377\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    buffer_fini(&bytes);
}

static void composite_ids_are_an_array_for_each_part(void **state)
{
    const entc_value ids[] = {number(1), text("x", 1),    uuid(1, 2), /* */
                              number(2), text("a\0b", 3), uuid(3, 4)};
    const struct db_query query = {.kind = DB_BY_IDS, .ids = ids, .id_count = 2};
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(write_params(&params, &bytes, ENTC_NULL, query), ENTC_OK);
    assert_int_equal(params.count, 3);
    assert_int_equal(params.types[0], 1016);
    ASSERT_BYTES(&params, 0,
                 "\0\0\0\1\0\0\0\0\0\0\0\24\0\0\0\2\0\0\0\1"
                 "\0\0\0\10\0\0\0\0\0\0\0\1"
                 "\0\0\0\10\0\0\0\0\0\0\0\2");
    assert_int_equal(params.types[1], 1009);
    ASSERT_BYTES(&params, 1,
                 "\0\0\0\1\0\0\0\1\0\0\0\31\0\0\0\2\0\0\0\1"
                 "\0\0\0\1x"
                 "\377\377\377\377");
    assert_int_equal(params.types[2], 2951);
    assert_int_equal(params.lengths[2], 20 + 2 * 20);
    assert_int_equal(params.formats[2], 1);
    assert_int_equal(params.values[2][24], 1);
    assert_int_equal(params.values[2][20 + 20 + 4 + 15], 4);
    buffer_fini(&bytes);
}

static void a_check_names_relations_columns_and_keys(void **state)
{
    entc_model_desc desc = ENTC_MODEL("things");
    struct db_query query = {.kind = DB_CHECK};
    struct schema_model *model = NULL;
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    desc.read_from = "seen";
    model = shape_model_of(&desc, key_fields, 2);
    query.model = model;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(postgres_params_write(&params, &bytes, &query), ENTC_OK);
    assert_int_equal(params.count, 5);
    ASSERT_BYTES(&params, 0,
                 "\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\2\0\0\0\1"
                 "\0\0\0\6public\0\0\0\6public");
    ASSERT_BYTES(&params, 1,
                 "\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\2\0\0\0\1"
                 "\0\0\0\6things\0\0\0\4seen");
    ASSERT_BYTES(&params, 2,
                 "\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\2\0\0\0\1"
                 "\0\0\0\1n\0\0\0\1t");
    assert_int_equal(params.lengths[3], params.lengths[2]);
    assert_null(params.values[4]);
    query.link = TEST_LINK("f", ENTC_INT64);
    assert_int_equal(postgres_params_write(&params, &bytes, &query), ENTC_OK);
    ASSERT_BYTES(&params, 3,
                 "\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\1\0\0\0\1"
                 "\0\0\0\1f");
    buffer_fini(&bytes);
    shape_model_free(model);
}

static void an_array_of_nothing_has_no_dimension(void **state)
{
    const struct db_query query = {.kind = DB_BY_IDS, .id_count = 0};
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(write_params(&params, &bytes, ENTC_INT64, query), ENTC_OK);
    ASSERT_BYTES(&params, 0, "\0\0\0\0\0\0\0\0\0\0\0\24");
    buffer_fini(&bytes);
}

static void a_list_has_its_limit_alone(void **state)
{
    const struct db_query query = {.kind = DB_LIST, .limit = 258};
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(write_params(&params, &bytes, ENTC_INT64, query), ENTC_OK);
    assert_int_equal(params.count, 1);
    assert_int_equal(params.types[0], 20);
    ASSERT_BYTES(&params, 0, "\0\0\0\0\0\0\1\2");
    buffer_fini(&bytes);
}

static void pages_have_parents_first_and_then_the_limit(void **state)
{
    const entc_value ids[] = {number(7)};
    const struct db_query query = {.kind = DB_PAGES,
                                   .ids = ids,
                                   .id_count = 1,
                                   .link = TEST_LINK("f", ENTC_INT64),
                                   .limit = 2};
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(write_params(&params, &bytes, ENTC_INT64, query), ENTC_OK);
    assert_int_equal(params.count, 2);
    assert_int_equal(params.types[0], 1016);
    assert_int_equal(params.types[1], 20);
    ASSERT_BYTES(&params, 0,
                 "\0\0\0\1\0\0\0\0\0\0\0\24\0\0\0\1\0\0\0\1"
                 "\0\0\0\10\0\0\0\0\0\0\0\7");
    ASSERT_BYTES(&params, 1, "\0\0\0\0\0\0\0\2");
    buffer_fini(&bytes);
}

static void more_ids_than_an_array_holds_are_refused(void **state)
{
    const struct db_query query = {.kind = DB_BY_IDS, .id_count = 0x3fffffff / 8 + 1};
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(write_params(&params, &bytes, ENTC_INT64, query), ENTC_E_INVALID);
    buffer_fini(&bytes);
}

static void memory_that_is_out_is_told(void **state)
{
    entc_value ids[100];
    struct schema_model *model = keyed_by(ENTC_INT64);
    const struct db_query query = {.kind = DB_BY_IDS, .model = model, .ids = ids, .id_count = 100};
    struct test_allocator memory;
    struct postgres_params params;

    (void)state;
    for (size_t i = 0; i < 100; i++)
        ids[i] = number((int64_t)i);
    test_allocator_init(&memory);
    for (uint64_t n = 1;; n++) {
        struct buffer bytes;
        entc_status status;

        buffer_init(&bytes, &memory.allocator);
        test_allocator_fail_at(&memory, n, false);
        status = postgres_params_write(&params, &bytes, &query);
        assert_int_equal(status, test_allocator_calls(&memory) < n ? ENTC_OK : ENTC_E_NO_MEMORY);
        buffer_fini(&bytes);
        assert_int_equal(test_allocator_live(&memory), 0);
        if (!status)
            break;
    }
    shape_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int8_arrays_are_written_highest_byte_first),
        cmocka_unit_test(text_arrays_carry_lengths_and_a_nul_becomes_null),
        cmocka_unit_test(uuid_arrays_carry_sixteen_bytes_each),
        cmocka_unit_test(composite_ids_are_an_array_for_each_part),
        cmocka_unit_test(a_check_names_relations_columns_and_keys),
        cmocka_unit_test(an_array_of_nothing_has_no_dimension),
        cmocka_unit_test(a_list_has_its_limit_alone),
        cmocka_unit_test(pages_have_parents_first_and_then_the_limit),
        cmocka_unit_test(more_ids_than_an_array_holds_are_refused),
        cmocka_unit_test(memory_that_is_out_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
