/* Proves that an entity's descriptor is copied whole, laid out as promised, and refused by name
 * with its cure when it is wrong. */
#include "allocator.h"
#include "schema/schema.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    int64_t id;
    entc_str title;
    double price;
    int64_t at;
    uint8_t active;
    uint8_t has_price;
    uint8_t has_at;
    uint8_t has_active;
};

static const entc_field row_fields[] = {
    ENTC_FIELD(struct row, id, ENTC_INT64, ENTC_KEY),
    ENTC_FIELD(struct row, title, ENTC_TEXT, ENTC_NULLABLE),
    ENTC_FIELD_NULLABLE(struct row, price, ENTC_DOUBLE, 0),
    ENTC_FIELD_NULLABLE(struct row, at, ENTC_TIMESTAMP, 0),
    ENTC_FIELD_NULLABLE(struct row, active, ENTC_BOOL, 0),
};

static const entc_entity_desc row_desc = ENTC_ENTITY("Row", struct row, row_fields);

static struct schema_type *make(const entc_entity_desc *desc)
{
    struct schema_type *type = NULL;
    entc_error *error = NULL;

    if (schema_type_new(desc, base_default_allocator(), &type, &error) != ENTC_OK)
        test_fail("%s", entc_error_message(error));
    return type;
}

/* ---- what is accepted ---- */

static void a_descriptor_is_copied_and_its_memory_may_go(void **state)
{
    entc_field *fields = malloc(sizeof(row_fields));
    char *name = strdup("Row");
    entc_entity_desc desc = row_desc;
    struct schema_type *type;

    (void)state;
    memcpy(fields, row_fields, sizeof(row_fields));
    desc.fields = fields;
    desc.name = name;
    type = make(&desc);
    memset(fields, 0xFF, sizeof(row_fields));
    memset(name, 0xFF, 3);
    free(fields);
    free(name);

    assert_string_equal(type->name, "Row");
    assert_string_equal(type->desc.name, "Row");
    assert_int_equal(type->desc.struct_size, sizeof(entc_entity_desc));
    assert_int_equal(type->desc.field_count, 5);
    assert_int_equal(type->desc.field_size, sizeof(entc_field));
    assert_int_equal(type->desc.record_size, sizeof(struct row));
    assert_int_equal(type->record_size, sizeof(struct row));
    assert_string_equal(type->desc.fields[1].name, "title");
    assert_int_equal(type->desc.fields[1].offset, offsetof(struct row, title));
    assert_int_equal(type->fields[2].offset, offsetof(struct row, price));
    assert_int_equal(type->fields[2].has_offset, offsetof(struct row, has_price));
    assert_int_equal(type->fields[1].has_offset, SCHEMA_NO_OFFSET);
    assert_string_equal(type->fields[4].name, "active");
    assert_int_equal(type->fields[4].name_length, 6);
    assert_string_equal(type->fields[4].json_prefix, "\"active\":");
    assert_int_equal(type->fields[4].json_length, 9);
    schema_type_unref(type);
}

static void the_key_and_the_texts_are_found(void **state)
{
    struct schema_type *type = make(&row_desc);

    (void)state;
    assert_int_equal(type->key_count, 1);
    assert_int_equal(type->key_fields[0], 0);
    assert_int_equal(type->text_count, 1);
    assert_int_equal(type->text_fields[0], 1);
    schema_type_unref(type);
}

static void a_field_is_found_by_its_exact_name_only(void **state)
{
    static const char *const absent[] = {"",    "i",      "ID",      "idx",    "zzz",
                                         "Act", "Active", "actives", "titlE ", "a"};
    struct schema_type *type = make(&row_desc);

    (void)state;
    for (uint32_t i = 0; i < type->field_count; i++)
        assert_int_equal(schema_type_find(type, row_fields[i].name, strlen(row_fields[i].name)), i);
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        assert_int_equal(schema_type_find(type, absent[i], strlen(absent[i])), type->field_count);
    assert_int_equal(schema_type_find(type, "id\0", 3), type->field_count);
    schema_type_unref(type);
}

static void the_callers_stride_is_walked(void **state)
{
    struct {
        entc_field field;
        uint64_t of_a_later_release[3];
    } fields[] = {{ENTC_FIELD(struct row, id, ENTC_INT64, ENTC_KEY), {0}},
                  {ENTC_FIELD(struct row, title, ENTC_TEXT, 0), {0}}};
    entc_entity_desc desc = row_desc;
    struct schema_type *type;

    (void)state;
    desc.fields = &fields[0].field;
    desc.field_count = 2;
    desc.field_size = sizeof(fields[0]);
    type = make(&desc);
    assert_int_equal(type->field_count, 2);
    assert_string_equal(type->fields[1].name, "title");
    schema_type_unref(type);
    fields[1].of_a_later_release[2] = 1;
    assert_int_equal(schema_type_new(&desc, NULL, &type, NULL), ENTC_E_UNSUPPORTED);
}

static void a_longer_descriptor_is_accepted_while_its_tail_is_zero(void **state)
{
    struct {
        entc_entity_desc desc;
        uint64_t of_a_later_release;
    } longer = {row_desc, 0};
    struct schema_type *type = NULL;

    (void)state;
    longer.desc.struct_size = sizeof(longer);
    type = make(&longer.desc);
    assert_int_equal(type->desc.struct_size, sizeof(entc_entity_desc));
    schema_type_unref(type);
    longer.of_a_later_release = 1;
    assert_int_equal(schema_type_new(&longer.desc, NULL, &type, NULL), ENTC_E_UNSUPPORTED);
}

/* ---- the layout that the library computes ---- */

static void a_computed_layout_is_aligned_and_disjoint_with_has_bytes_last(void **state)
{
    static const entc_field fields[] = {
        {"flag", ENTC_BOOL, ENTC_NULLABLE, 999, 999, 999, NULL},
        {"id", ENTC_INT64, ENTC_KEY, 999, 999, 0, NULL},
        {"on", ENTC_BOOL, 0, 0, 0, 0, NULL},
        {"name", ENTC_TEXT, ENTC_NULLABLE, 0, 0, 0, NULL},
        {"ratio", ENTC_DOUBLE, ENTC_NULLABLE, 0, 0, 0, NULL},
    };
    entc_entity_desc desc = row_desc;
    struct schema_type *type;

    (void)state;
    desc.record_size = 0;
    desc.fields = fields;
    desc.field_count = 5;
    type = make(&desc);
    assert_int_equal(type->fields[0].offset, 0);
    assert_int_equal(type->fields[1].offset, 8);
    assert_int_equal(type->fields[2].offset, 16);
    assert_int_equal(type->fields[3].offset, 24);
    assert_int_equal(type->fields[4].offset, 40);
    assert_int_equal(type->fields[0].has_offset, 48);
    assert_int_equal(type->fields[4].has_offset, 49);
    assert_int_equal(type->fields[3].has_offset, SCHEMA_NO_OFFSET);
    assert_int_equal(type->record_size, 56);
    assert_int_equal(type->desc.record_size, 56);
    assert_int_equal(type->desc.fields[3].offset, 24);
    assert_int_equal(type->desc.fields[3].size, sizeof(entc_str));
    assert_int_equal(type->desc.fields[4].has_offset, 49);
    schema_type_unref(type);
}

static void a_computed_layout_passes_the_checks_of_a_given_one(void **state)
{
    entc_entity_desc desc = row_desc;
    struct schema_type *computed;
    struct schema_type *again;

    (void)state;
    desc.record_size = 0;
    computed = make(&desc);
    again = make(&computed->desc);
    assert_int_equal(again->record_size, computed->record_size);
    schema_type_unref(computed);
    schema_type_unref(again);
}

static void types_say_how_they_lie_in_memory(void **state)
{
    (void)state;
    assert_int_equal(schema_type_size(ENTC_BOOL), 1);
    assert_int_equal(schema_type_size(ENTC_INT64), 8);
    assert_int_equal(schema_type_size(ENTC_DOUBLE), 8);
    assert_int_equal(schema_type_size(ENTC_TEXT), sizeof(entc_str));
    assert_int_equal(schema_type_size(ENTC_TIMESTAMP), 8);
    assert_int_equal(schema_type_size(ENTC_NULL), 0);
    assert_int_equal(schema_type_size(ENTC_BYTES), sizeof(entc_str));
    assert_int_equal(schema_type_size(ENTC_UUID), 16);
    assert_int_equal(schema_type_size(ENTC_DATE), 4);
    assert_int_equal(schema_type_size(ENTC_JSON), sizeof(entc_str));
    assert_int_equal(schema_type_size(ENTC_JSON + 1), 0);
    assert_int_equal(schema_type_alignment(ENTC_UUID), 1);
    assert_true(schema_type_is_text(ENTC_BYTES) && schema_type_is_text(ENTC_JSON));
    assert_false(schema_type_is_text(ENTC_UUID) || schema_type_is_text(ENTC_DATE));
    assert_int_equal(schema_type_size(UINT32_MAX), 0);
    assert_int_equal(schema_type_alignment(ENTC_BOOL), 1);
    assert_int_equal(schema_type_alignment(ENTC_INT64), _Alignof(int64_t));
    assert_int_equal(schema_type_alignment(99), 0);
    assert_string_equal(schema_type_name(ENTC_TIMESTAMP), "TIMESTAMP");
    assert_string_equal(schema_type_name(99), "?");
    assert_true(schema_type_is_text(ENTC_TEXT));
    assert_false(schema_type_is_text(ENTC_INT64));
    assert_false(schema_type_is_text(99));
}

/* ---- what is refused ---- */

/* A descriptor that a test breaks in one place. */
struct broken {
    entc_field fields[5];
    entc_entity_desc desc;
};

static void intact(struct broken *broken)
{
    memcpy(broken->fields, row_fields, sizeof(row_fields));
    broken->desc = row_desc;
    broken->desc.fields = broken->fields;
}

static void no_descriptor(struct broken *broken)
{
    broken->desc.struct_size = 0;
}

static void short_descriptor(struct broken *broken)
{
    broken->desc.struct_size = sizeof(entc_entity_desc) - 1;
}

static void garbage_size(struct broken *broken)
{
    broken->desc.struct_size = (size_t)-1;
}

static void no_name(struct broken *broken)
{
    broken->desc.name = NULL;
}

static void name_with_dash(struct broken *broken)
{
    broken->desc.name = "My-Row";
}

static void name_too_long(struct broken *broken)
{
    broken->desc.name = "Aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234";
}

static void no_fields(struct broken *broken)
{
    broken->desc.field_count = 0;
}

static void fields_at_null(struct broken *broken)
{
    broken->desc.fields = NULL;
}

static void too_many_fields(struct broken *broken)
{
    broken->desc.field_count = SCHEMA_FIELDS_MAX + 1;
}

static void short_stride(struct broken *broken)
{
    broken->desc.field_size = sizeof(entc_field) - 8;
}

static void garbage_stride(struct broken *broken)
{
    broken->desc.field_size = (size_t)1 << 40;
}

static void huge_record(struct broken *broken)
{
    broken->desc.record_size = (size_t)SCHEMA_RECORD_MAX + 1;
}

static void field_without_name(struct broken *broken)
{
    broken->fields[2].name = NULL;
}

static void field_with_empty_name(struct broken *broken)
{
    broken->fields[2].name = "";
}

static void field_with_quote(struct broken *broken)
{
    broken->fields[2].name = "pri\"ce";
}

static void same_name_twice(struct broken *broken)
{
    broken->fields[3].name = "price";
}

static void same_name_but_for_case(struct broken *broken)
{
    broken->fields[3].name = "PRICE";
}

static void type_null(struct broken *broken)
{
    broken->fields[2].type = ENTC_NULL;
}

static void unknown_type(struct broken *broken)
{
    broken->fields[2].type = 77;
}

static void unknown_flag(struct broken *broken)
{
    broken->fields[2].flags |= 0x80;
}

static void wrong_size(struct broken *broken)
{
    broken->fields[2].size = sizeof(float);
}

static void text_of_a_pointer(struct broken *broken)
{
    broken->fields[1].size = sizeof(char *);
}

static void misaligned(struct broken *broken)
{
    broken->fields[2].offset += 4;
}

static void behind_the_record(struct broken *broken)
{
    broken->fields[2].offset = sizeof(struct row);
}

static void just_behind_the_record(struct broken *broken)
{
    broken->desc.record_size = offsetof(struct row, has_active);
    broken->fields[4].offset = offsetof(struct row, has_active);
}

static void partly_behind_the_record(struct broken *broken)
{
    broken->desc.record_size = offsetof(struct row, title) + 8;
}

static void record_of_4_bytes(struct broken *broken)
{
    broken->desc.record_size = 4;
}

static void offset_that_wraps(struct broken *broken)
{
    broken->fields[2].offset = (size_t)-8;
}

static void has_byte_behind_the_record(struct broken *broken)
{
    broken->fields[2].has_offset = sizeof(struct row);
}

static void members_overlap(struct broken *broken)
{
    broken->fields[2].offset = offsetof(struct row, title) + 8;
}

static void has_bytes_shared(struct broken *broken)
{
    broken->fields[3].has_offset = broken->fields[2].has_offset;
}

static void has_byte_in_another_member(struct broken *broken)
{
    broken->fields[2].has_offset = offsetof(struct row, id) + 3;
}

static void has_byte_in_its_own_member(struct broken *broken)
{
    broken->fields[2].has_offset = offsetof(struct row, price) + 3;
}

static void nullable_by_the_wrong_macro(struct broken *broken)
{
    broken->fields[2].has_offset = 0;
}

static void no_key(struct broken *broken)
{
    broken->fields[0].flags = 0;
}

static void nullable_key(struct broken *broken)
{
    broken->fields[0].flags |= ENTC_NULLABLE;
    broken->fields[0].has_offset = offsetof(struct row, has_active) + 1;
}

static void key_of_double(struct broken *broken)
{
    broken->fields[0].flags = 0;
    broken->fields[2].flags = ENTC_KEY;
}

static void key_of_timestamp(struct broken *broken)
{
    broken->fields[0].flags = 0;
    broken->fields[3].flags = ENTC_KEY;
}

static void second_key_nullable(struct broken *broken)
{
    broken->fields[1].flags = ENTC_KEY | ENTC_NULLABLE;
}

static void second_key_of_double(struct broken *broken)
{
    broken->fields[2].flags = ENTC_KEY;
}

static void json_name_empty(struct broken *broken)
{
    broken->fields[2].json_name = "";
}

static void json_name_too_long(struct broken *broken)
{
    broken->fields[2].json_name =
        "a234567890123456789012345678901234567890123456789012345678901234";
}

static void json_name_not_utf8(struct broken *broken)
{
    broken->fields[2].json_name = "pr\xC3(ce";
}

static void json_name_of_another(struct broken *broken)
{
    broken->fields[3].json_name = "Price";
}

static void json_names_equal(struct broken *broken)
{
    broken->fields[2].json_name = "x y";
    broken->fields[3].json_name = "x Y";
}

static void json_string_of_text(struct broken *broken)
{
    broken->fields[1].flags |= ENTC_JSON_STRING;
}

static const struct {
    void (*breaks)(struct broken *broken);
    entc_status status;
    const char *message; /* words that it must have */
    const char *more;
} refusals[] = {
    {no_descriptor, ENTC_E_INVALID, "entity descriptor", "size"},
    {short_descriptor, ENTC_E_INVALID, "entity descriptor", "size"},
    {garbage_size, ENTC_E_INVALID, "entity descriptor", "size"},
    {no_name, ENTC_E_INVALID, "name", "NULL"},
    {name_with_dash, ENTC_E_INVALID, "name", "[A-Za-z_]"},
    {name_too_long, ENTC_E_INVALID, "name", "[A-Za-z_]"},
    {no_fields, ENTC_E_INVALID, "\"Row\"", "0 fields"},
    {fields_at_null, ENTC_E_INVALID, "\"Row\"", "NULL"},
    {too_many_fields, ENTC_E_INVALID, "\"Row\"", "1601 fields"},
    {short_stride, ENTC_E_INVALID, "\"Row\"", "field_size"},
    {garbage_stride, ENTC_E_INVALID, "\"Row\"", "field_size"},
    {huge_record, ENTC_E_INVALID, "\"Row\"", "record_size"},
    {field_without_name, ENTC_E_INVALID, "field 2", "NULL"},
    {field_with_empty_name, ENTC_E_INVALID, "field 2", "[A-Za-z_]"},
    {field_with_quote, ENTC_E_INVALID, "field 2", "[A-Za-z_]"},
    {same_name_twice, ENTC_E_INVALID, "\"price\" and \"price\"", "two fields"},
    {same_name_but_for_case, ENTC_E_INVALID, "\"price\" and \"PRICE\"", "two fields"},
    {type_null, ENTC_E_INVALID, "\"price\"", "type 0"},
    {unknown_type, ENTC_E_INVALID, "\"price\"", "type 77"},
    {unknown_flag, ENTC_E_INVALID, "\"price\"", "0x80"},
    {wrong_size, ENTC_E_INVALID, "\"price\"", "4 bytes, DOUBLE needs 8"},
    {text_of_a_pointer, ENTC_E_INVALID, "\"title\"", "TEXT needs"},
    {misaligned, ENTC_E_INVALID, "\"price\"", "aligned"},
    {behind_the_record, ENTC_E_INVALID, "\"price\"", "behind the record"},
    {just_behind_the_record, ENTC_E_INVALID, "\"active\"", "behind the record"},
    {partly_behind_the_record, ENTC_E_INVALID, "\"title\"", "behind the record"},
    {record_of_4_bytes, ENTC_E_INVALID, "\"id\"", "behind the record"},
    {offset_that_wraps, ENTC_E_INVALID, "\"price\"", "behind the record"},
    {has_byte_behind_the_record, ENTC_E_INVALID, "\"price\"", "has_ byte"},
    {members_overlap, ENTC_E_INVALID, "\"title\" and \"price\"", "share"},
    {has_bytes_shared, ENTC_E_INVALID, "\"price\" and \"at\"", "share"},
    {has_byte_in_another_member, ENTC_E_INVALID, "\"id\" and \"price\"", "share"},
    {has_byte_in_its_own_member, ENTC_E_INVALID, "\"price\"", "own member"},
    {nullable_by_the_wrong_macro, ENTC_E_INVALID, "\"id\" and \"price\"", "share"},
    {no_key, ENTC_E_INVALID, "\"Row\"", "no key"},
    {nullable_key, ENTC_E_INVALID, "\"id\"", "nullable"},
    {key_of_double, ENTC_E_INVALID, "\"price\"", "DOUBLE"},
    {key_of_timestamp, ENTC_E_INVALID, "\"at\"", "TIMESTAMP"},
    {second_key_nullable, ENTC_E_INVALID, "\"title\"", "nullable"},
    {second_key_of_double, ENTC_E_INVALID, "\"price\"", "DOUBLE"},
    {json_name_empty, ENTC_E_INVALID, "json_name of field \"price\"", "empty"},
    {json_name_too_long, ENTC_E_INVALID, "json_name of field \"price\"", "too long"},
    {json_name_not_utf8, ENTC_E_INVALID, "json_name of field \"price\"", "not UTF-8"},
    {json_name_of_another, ENTC_E_INVALID, "\"price\" and \"at\"", "same name in JSON"},
    {json_names_equal, ENTC_E_INVALID, "\"price\" and \"at\"", "same name in JSON"},
    {json_string_of_text, ENTC_E_INVALID, "\"title\"", "ENTC_JSON_STRING"},
};

static void check_refusal(size_t i, const entc_error *error)
{
    const char *message = entc_error_message(error);

    if (!strstr(message, refusals[i].message) || !strstr(message, refusals[i].more))
        test_fail("case %zu: the message is: %s", i, message);
    if (entc_error_code(error) != refusals[i].status)
        test_fail("case %zu: the error's code is %d", i, entc_error_code(error));
    if (!*entc_error_hint(error) || strcmp(entc_error_domain(error), "schema") != 0)
        test_fail("case %zu: no cure, or the wrong domain: %s", i, message);
}

static void whatever_is_wrong_is_refused_by_name_with_its_cure(void **state)
{
    struct test_allocator memory;
    entc_error *error = NULL;
    struct broken broken;

    (void)state;
    test_allocator_init(&memory);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct schema_type *type = NULL;
        entc_status status;

        intact(&broken);
        refusals[i].breaks(&broken);
        status = schema_type_new(&broken.desc, &memory.allocator, &type, &error);
        if (status != refusals[i].status)
            test_fail("case %zu gives %d: %s", i, status, entc_error_message(error));
        assert_null(type);
        assert_int_equal(schema_type_new(&broken.desc, NULL, &type, NULL), status);
        check_refusal(i, error);
        assert_int_equal(test_allocator_live(&memory), 0);
    }
    entc_error_free(error);
}

static void no_descriptor_at_all_is_refused(void **state)
{
    struct schema_type *type = NULL;
    entc_error *error = NULL;

    (void)state;
    assert_int_equal(schema_type_new(NULL, NULL, &type, &error), ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_hint(error), "ENTC_ENTITY"));
    entc_error_free(error);
}

/* ---- size, memory, references ---- */

#define NAME_SIZE 16

static void as_many_fields_as_postgresql_has_columns_are_taken_and_found(void **state)
{
    static entc_field fields[SCHEMA_FIELDS_MAX];
    static char names[SCHEMA_FIELDS_MAX][NAME_SIZE];
    entc_entity_desc desc = row_desc;
    struct schema_type *type;

    (void)state;
    for (uint32_t i = 0; i < SCHEMA_FIELDS_MAX; i++) {
        snprintf(names[i], NAME_SIZE, "%c%u", 'a' + (int)(i * 7 % 26), i * 7919 % 9973);
        fields[i] = (entc_field){names[i], i % ENTC_TIMESTAMP + 1, ENTC_NULLABLE, 0, 0, 0, NULL};
    }
    fields[100].type = ENTC_INT64;
    fields[100].flags = ENTC_KEY;
    desc.record_size = 0;
    desc.fields = fields;
    desc.field_count = SCHEMA_FIELDS_MAX;
    type = make(&desc);
    for (uint32_t i = 0; i < SCHEMA_FIELDS_MAX; i++)
        assert_int_equal(schema_type_find(type, names[i], strlen(names[i])), i);
    assert_int_equal(type->key_fields[0], 100);
    schema_type_unref(type);
}

static void a_failed_allocation_leaves_nothing_behind(void **state)
{
    struct test_allocator memory;

    (void)state;
    test_allocator_init(&memory);
    for (uint64_t n = 1;; n++) {
        struct schema_type *type = NULL;
        entc_error *error = NULL;
        entc_status status;

        test_allocator_fail_at(&memory, n, false);
        status = schema_type_new(&row_desc, &memory.allocator, &type, &error);
        if (status == ENTC_OK)
            schema_type_unref(type);
        else
            assert_int_equal(status, ENTC_E_NO_MEMORY);
        entc_error_free(error);
        assert_int_equal(test_allocator_live(&memory), 0);
        if (test_allocator_calls(&memory) < n)
            break;
    }
}

static void the_last_reference_frees_with_the_types_own_copy_of_the_allocator(void **state)
{
    struct test_allocator memory;
    struct schema_type *type = NULL;
    entc_allocator temporary;

    (void)state;
    test_allocator_init(&memory);
    temporary = memory.allocator;
    assert_int_equal(schema_type_new(&row_desc, &temporary, &type, NULL), ENTC_OK);
    memset(&temporary, 0xFF, sizeof(temporary));
    assert_ptr_equal(schema_type_ref(type), type);
    schema_type_unref(type);
    assert_int_equal(test_allocator_live(&memory), 1);
    schema_type_unref(type);
    assert_int_equal(test_allocator_live(&memory), 0);
    assert_null(schema_type_ref(NULL));
    schema_type_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_is_copied_and_its_memory_may_go),
        cmocka_unit_test(the_key_and_the_texts_are_found),
        cmocka_unit_test(a_field_is_found_by_its_exact_name_only),
        cmocka_unit_test(the_callers_stride_is_walked),
        cmocka_unit_test(a_longer_descriptor_is_accepted_while_its_tail_is_zero),
        cmocka_unit_test(a_computed_layout_is_aligned_and_disjoint_with_has_bytes_last),
        cmocka_unit_test(a_computed_layout_passes_the_checks_of_a_given_one),
        cmocka_unit_test(types_say_how_they_lie_in_memory),
        cmocka_unit_test(whatever_is_wrong_is_refused_by_name_with_its_cure),
        cmocka_unit_test(no_descriptor_at_all_is_refused),
        cmocka_unit_test(as_many_fields_as_postgresql_has_columns_are_taken_and_found),
        cmocka_unit_test(a_failed_allocation_leaves_nothing_behind),
        cmocka_unit_test(the_last_reference_frees_with_the_types_own_copy_of_the_allocator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
