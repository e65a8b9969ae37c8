/* Proves that a draft can be reused without a trace of what it held before, tells what is missing,
 * and survives every failed allocation. */
#include "allocator.h"
#include "entity/entity.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { ID, TITLE, NOTE, COUNT, ACTIVE, FIELDS };

static const entc_field fields[] = {
    {"id", ENTC_INT64, ENTC_KEY, 0, 0, 0, NULL},
    {"title", ENTC_TEXT, 0, 0, 0, 0, NULL},
    {"note", ENTC_TEXT, ENTC_NULLABLE, 0, 0, 0, NULL},
    {"count", ENTC_INT64, ENTC_NULLABLE, 0, 0, 0, NULL},
    {"active", ENTC_BOOL, ENTC_NULLABLE, 0, 0, 0, NULL},
};

static const entc_entity_desc desc = {sizeof(desc), "Row", 0, fields, FIELDS, sizeof(entc_field)};

static struct schema_type *make_type(const entc_allocator *allocator)
{
    struct schema_type *type = NULL;

    assert_int_equal(schema_type_new(&desc, allocator, &type, NULL), ENTC_OK);
    return type;
}

static void the_first_field_that_was_not_given_is_told(void **state)
{
    struct schema_type *type = make_type(NULL);
    struct entity_draft draft;

    (void)state;
    assert_int_equal(entity_draft_init(&draft, type), ENTC_OK);
    assert_int_equal(entity_draft_missing(&draft), ID);
    entity_draft_set_int64(&draft, ID, 1);
    assert_int_equal(entity_draft_missing(&draft), TITLE);
    entity_draft_set_int64(&draft, ACTIVE, 0);
    assert_true(entity_draft_set_text(&draft, TITLE, "x", 1));
    assert_int_equal(entity_draft_missing(&draft), NOTE);
    entity_draft_set_null(&draft, NOTE);
    entity_draft_set_null(&draft, COUNT);
    assert_int_equal(entity_draft_missing(&draft), FIELDS);
    entity_draft_clear(&draft);
    assert_int_equal(entity_draft_missing(&draft), ID);
    entity_draft_fini(&draft);
    schema_type_unref(type);
}

static void a_cleared_draft_keeps_no_trace(void **state)
{
    struct schema_type *type = make_type(NULL);
    struct entity_draft draft;
    unsigned char zeros[256] = {0};

    (void)state;
    assert_true(type->record_size <= sizeof(zeros));
    assert_int_equal(entity_draft_init(&draft, type), ENTC_OK);
    assert_memory_equal(draft.record, zeros, type->record_size);
    entity_draft_set_int64(&draft, ID, -1);
    entity_draft_set_int64(&draft, COUNT, -1);
    entity_draft_set_int64(&draft, ACTIVE, 1);
    assert_true(entity_draft_set_text(&draft, TITLE, "title", 5));
    assert_true(entity_draft_set_text(&draft, NOTE, "note", 4));
    entity_draft_clear(&draft);
    assert_memory_equal(draft.record, zeros, type->record_size);
    assert_int_equal(draft.text.length, 0);
    entity_draft_fini(&draft);
    schema_type_unref(type);
}

static void texts_survive_the_growth_of_the_draft(void **state)
{
    static char large[100000];
    struct schema_type *type = make_type(NULL);
    struct entity_draft draft;
    struct entc_entity *entity;
    entc_value value;

    (void)state;
    memset(large, 'l', sizeof(large));
    assert_int_equal(entity_draft_init(&draft, type), ENTC_OK);
    assert_true(entity_draft_set_text(&draft, TITLE, "small", 5));
    assert_true(entity_draft_set_text(&draft, NOTE, large, sizeof(large)));
    entity = entity_draft_seal(&draft);
    assert_non_null(entity);
    entity_get(entity, TITLE, &value);
    assert_string_equal(value.as.text, "small");
    entity_get(entity, NOTE, &value);
    assert_int_equal(value.length, sizeof(large));
    assert_memory_equal(value.as.text, large, sizeof(large));
    assert_int_equal(value.as.text[sizeof(large)], '\0');
    entity_unref(entity);
    entity_draft_fini(&draft);
    schema_type_unref(type);
}

static void a_text_can_be_written_in_place_and_be_shorter_than_reserved(void **state)
{
    struct schema_type *type = make_type(NULL);
    struct entity_draft draft;
    struct entc_entity *entity;
    entc_value value;
    char *place;

    (void)state;
    assert_int_equal(entity_draft_init(&draft, type), ENTC_OK);
    place = entity_draft_text_begin(&draft, 100);
    assert_non_null(place);
    memset(place, 'y', 100);
    entity_draft_text_end(&draft, TITLE, 3);
    place = entity_draft_text_begin(&draft, 0);
    assert_non_null(place);
    entity_draft_text_end(&draft, NOTE, 0);
    entity = entity_draft_seal(&draft);
    assert_non_null(entity);
    assert_int_equal(entity->block_size,
                     offsetof(struct entc_entity, record) + type->record_size + 4 + 1);
    entity_get(entity, TITLE, &value);
    assert_string_equal(value.as.text, "yyy");
    entity_get(entity, NOTE, &value);
    assert_string_equal(value.as.text, "");
    entity_unref(entity);
    entity_draft_fini(&draft);
    schema_type_unref(type);
}

static void the_last_value_set_counts(void **state)
{
    struct schema_type *type = make_type(NULL);
    struct entity_draft draft;
    struct entc_entity *entity;
    entc_value value;

    (void)state;
    assert_int_equal(entity_draft_init(&draft, type), ENTC_OK);
    assert_true(entity_draft_set_text(&draft, NOTE, "first", 5));
    assert_true(entity_draft_set_text(&draft, NOTE, "second", 6));
    entity_draft_set_null(&draft, COUNT);
    entity_draft_set_int64(&draft, COUNT, 3);
    entity_draft_set_int64(&draft, ACTIVE, 1);
    entity_draft_set_null(&draft, ACTIVE);
    entity = entity_draft_seal(&draft);
    assert_non_null(entity);
    entity_get(entity, NOTE, &value);
    assert_string_equal(value.as.text, "second");
    entity_get(entity, COUNT, &value);
    assert_int_equal(value.type, ENTC_INT64);
    entity_get(entity, ACTIVE, &value);
    assert_int_equal(value.type, ENTC_NULL);
    entity_unref(entity);
    entity_draft_fini(&draft);
    schema_type_unref(type);
}

static void one_draft_makes_many_independent_entities(void **state)
{
    struct schema_type *type = make_type(NULL);
    struct entc_entity *entities[10];
    struct entity_draft draft;
    entc_value value;

    (void)state;
    assert_int_equal(entity_draft_init(&draft, type), ENTC_OK);
    for (char i = 0; i < 10; i++) {
        const char text[2] = {(char)('0' + i), '\0'};

        entity_draft_clear(&draft);
        entity_draft_set_int64(&draft, ID, i);
        assert_true(entity_draft_set_text(&draft, TITLE, text, 1));
        entities[(int)i] = entity_draft_seal(&draft);
        assert_non_null(entities[(int)i]);
    }
    for (int i = 0; i < 10; i++) {
        entity_get(entities[i], ID, &value);
        assert_int_equal(value.as.int64, i);
        entity_get(entities[i], TITLE, &value);
        assert_int_equal(value.as.text[0], '0' + i);
        entity_unref(entities[i]);
    }
    entity_draft_fini(&draft);
    schema_type_unref(type);
}

static void text_of_4_gigabytes_is_refused_before_it_is_reserved(void **state)
{
    struct test_allocator memory;
    struct schema_type *type;
    struct entity_draft draft;

    (void)state;
    test_allocator_init(&memory);
    type = make_type(&memory.allocator);
    assert_int_equal(entity_draft_init(&draft, type), ENTC_OK);
    assert_null(entity_draft_text_begin(&draft, UINT32_MAX));
    assert_null(entity_draft_text_begin(&draft, SIZE_MAX));
    assert_null(draft.text.bytes);
    entity_draft_fini(&draft);
    schema_type_unref(type);
    assert_int_equal(test_allocator_live(&memory), 0);
}

/* What one use of a draft looks like; whatever fails ends it. */
static bool use(struct entity_draft *draft)
{
    struct entc_entity *entity;

    entity_draft_clear(draft);
    entity_draft_set_int64(draft, ID, 1);
    if (!entity_draft_set_text(draft, TITLE, "title", 5) || !entity_draft_text_begin(draft, 5000))
        return false;
    entity_draft_text_end(draft, NOTE, 0);
    entity = entity_draft_seal(draft);
    entity_unref(entity);
    return entity != NULL;
}

static void a_failed_allocation_leaves_the_draft_usable(void **state)
{
    struct test_allocator memory;

    (void)state;
    test_allocator_init(&memory);
    for (uint64_t n = 1;; n++) {
        struct schema_type *type = make_type(&memory.allocator);
        struct entity_draft draft = {0};
        bool failed = true;

        test_allocator_fail_at(&memory, n, false);
        if (entity_draft_init(&draft, type) == ENTC_OK) {
            failed = !use(&draft);
            if (failed)
                assert_true(use(&draft));
        }
        assert_int_equal(failed, test_allocator_calls(&memory) >= n);
        entity_draft_fini(&draft);
        entity_draft_fini(&draft);
        schema_type_unref(type);
        assert_int_equal(test_allocator_live(&memory), 0);
        if (!failed)
            break;
        test_allocator_fail_at(&memory, 0, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_field_that_was_not_given_is_told),
        cmocka_unit_test(a_cleared_draft_keeps_no_trace),
        cmocka_unit_test(texts_survive_the_growth_of_the_draft),
        cmocka_unit_test(a_text_can_be_written_in_place_and_be_shorter_than_reserved),
        cmocka_unit_test(the_last_value_set_counts),
        cmocka_unit_test(one_draft_makes_many_independent_entities),
        cmocka_unit_test(text_of_4_gigabytes_is_refused_before_it_is_reserved),
        cmocka_unit_test(a_failed_allocation_leaves_the_draft_usable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
