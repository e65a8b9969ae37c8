/* Proves that an entity is one block which keeps what its draft held, and lives as long as its last
 * reference, in whatever thread that ends. */
#include "allocator.h"
#include "entity/entity.h"
#include "test.h"

#include <pthread.h>
#include <string.h>

struct row {
    int64_t id;
    entc_str title;
    entc_str note;
    double price;
    int64_t at;
    uint8_t active;
    uint8_t has_price;
    uint8_t has_at;
    uint8_t has_active;
};

enum { ID, TITLE, NOTE, PRICE, AT, ACTIVE, FIELDS };

static const entc_field fields[] = {
    ENTC_FIELD(struct row, id, ENTC_INT64, ENTC_KEY),
    ENTC_FIELD(struct row, title, ENTC_TEXT, 0),
    ENTC_FIELD(struct row, note, ENTC_TEXT, ENTC_NULLABLE),
    ENTC_FIELD_NULLABLE(struct row, price, ENTC_DOUBLE, 0),
    ENTC_FIELD_NULLABLE(struct row, at, ENTC_TIMESTAMP, 0),
    ENTC_FIELD_NULLABLE(struct row, active, ENTC_BOOL, 0),
};

static const entc_entity_desc desc = ENTC_ENTITY("Row", struct row, fields);

/* A draft over a counting allocator; the type outlives it. */
struct fixture {
    struct test_allocator memory;
    struct schema_type *type;
    struct entity_draft draft;
};

static int setup(void **state)
{
    static struct fixture fixture;

    memset(&fixture, 0, sizeof(fixture));
    test_allocator_init(&fixture.memory);
    assert_int_equal(schema_type_new(&desc, &fixture.memory.allocator, &fixture.type, NULL),
                     ENTC_OK);
    assert_int_equal(entity_draft_init(&fixture.draft, fixture.type), ENTC_OK);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    entity_draft_fini(&fixture->draft);
    schema_type_unref(fixture->type);
    assert_int_equal(test_allocator_live(&fixture->memory), 0);
    return 0;
}

static void set_all(struct entity_draft *draft)
{
    entity_draft_clear(draft);
    entity_draft_set_int64(draft, ID, 42);
    assert_true(entity_draft_set_text(draft, TITLE, "seven", 5));
    assert_true(entity_draft_set_text(draft, NOTE, "", 0));
    entity_draft_set_double(draft, PRICE, 2.5);
    entity_draft_set_int64(draft, AT, -1);
    entity_draft_set_int64(draft, ACTIVE, 7);
}

static struct entc_entity *sealed(struct entity_draft *draft)
{
    struct entc_entity *entity;

    set_all(draft);
    entity = entity_draft_seal(draft);
    assert_non_null(entity);
    return entity;
}

static void the_host_sees_its_own_struct(void **state)
{
    struct fixture *fixture = *state;
    struct entc_entity *entity = sealed(&fixture->draft);
    const struct row *row = entity_record(entity);

    assert_int_equal((uintptr_t)row % 16, 0);
    assert_int_equal(row->id, 42);
    assert_string_equal(row->title.ptr, "seven");
    assert_int_equal(row->title.len, 5);
    assert_true(row->price == 2.5);
    assert_int_equal(row->has_price, 1);
    assert_int_equal(row->at, -1);
    assert_int_equal(row->has_at, 1);
    assert_int_equal(row->active, 1);
    assert_int_equal(row->has_active, 1);
    entity_unref(entity);
}

static void an_empty_text_is_not_null(void **state)
{
    struct fixture *fixture = *state;
    struct entc_entity *entity = sealed(&fixture->draft);
    const struct row *row = entity_record(entity);

    assert_non_null(row->note.ptr);
    assert_string_equal(row->note.ptr, "");
    assert_int_equal(row->note.len, 0);
    entity_unref(entity);
}

static void an_entity_is_one_block_that_holds_its_texts(void **state)
{
    struct fixture *fixture = *state;
    const size_t before = test_allocator_live(&fixture->memory);
    struct entc_entity *entity = sealed(&fixture->draft);
    const struct row *row = entity_record(entity);
    const char *begin = (const char *)entity;
    const char *end = begin + entity->block_size;

    /* The draft's text buffer is new, too. */
    assert_int_equal(test_allocator_live(&fixture->memory), before + 2);
    assert_int_equal(entity->block_size,
                     offsetof(struct entc_entity, record) + sizeof(struct row) + 6 + 1);
    assert_true(row->title.ptr > begin && row->title.ptr + 6 <= end);
    assert_true(row->note.ptr > begin && row->note.ptr + 1 <= end);
    entity_unref(entity);
    assert_int_equal(test_allocator_live(&fixture->memory), before + 1);
}

static void values_are_got_by_index(void **state)
{
    struct fixture *fixture = *state;
    struct entc_entity *entity = sealed(&fixture->draft);
    entc_value value;

    entity_get(entity, ID, &value);
    assert_int_equal(value.type, ENTC_INT64);
    assert_int_equal(value.as.int64, 42);
    entity_get(entity, TITLE, &value);
    assert_int_equal(value.type, ENTC_TEXT);
    assert_int_equal(value.length, 5);
    assert_ptr_equal(value.as.text, ((const struct row *)entity_record(entity))->title.ptr);
    entity_get(entity, NOTE, &value);
    assert_int_equal(value.type, ENTC_TEXT);
    assert_int_equal(value.length, 0);
    entity_get(entity, PRICE, &value);
    assert_int_equal(value.type, ENTC_DOUBLE);
    assert_true(value.as.real == 2.5);
    entity_get(entity, AT, &value);
    assert_int_equal(value.type, ENTC_TIMESTAMP);
    assert_int_equal(value.as.int64, -1);
    entity_get(entity, ACTIVE, &value);
    assert_int_equal(value.type, ENTC_BOOL);
    assert_int_equal(value.as.int64, 1);
    entity_unref(entity);
}

static void nulls_are_got_as_null_and_leave_no_value_behind(void **state)
{
    struct fixture *fixture = *state;
    struct row expected = {.id = 42};
    struct entc_entity *entity;
    entc_value value;

    set_all(&fixture->draft);
    for (uint32_t i = NOTE; i < FIELDS; i++)
        entity_draft_set_null(&fixture->draft, i);
    entity = entity_draft_seal(&fixture->draft);
    assert_non_null(entity);
    for (uint32_t i = NOTE; i < FIELDS; i++) {
        entity_get(entity, i, &value);
        assert_int_equal(value.type, ENTC_NULL);
        assert_int_equal(value.length, 0);
        assert_int_equal(value.as.int64, 0);
    }
    expected.title = ((const struct row *)entity_record(entity))->title;
    assert_memory_equal(entity_record(entity), &expected, sizeof(expected));
    entity_unref(entity);
}

static void an_id_is_compared_by_type_and_value(void **state)
{
    struct fixture *fixture = *state;
    struct entc_entity *entity = sealed(&fixture->draft);
    entc_value id = {.type = ENTC_INT64, .as = {.int64 = 42}};

    assert_true(entity_has_id(entity, &id));
    id.as.int64 = 43;
    assert_false(entity_has_id(entity, &id));
    id = (entc_value){.type = ENTC_TEXT, .length = 2, .as = {.text = "42"}};
    assert_false(entity_has_id(entity, &id));
    id = (entc_value){.type = ENTC_TIMESTAMP, .as = {.int64 = 42}};
    assert_false(entity_has_id(entity, &id));
    entity_unref(entity);
}

static void a_text_id_is_compared_to_its_last_byte(void **state)
{
    static const entc_field text_fields[] = {{"name", ENTC_TEXT, ENTC_KEY, 0, 0, 0, NULL}};
    const entc_entity_desc text_desc = {sizeof(text_desc), "Named", 0,
                                        text_fields,       1,       sizeof(entc_field)};
    struct schema_type *type = NULL;
    struct entity_draft draft;
    struct entc_entity *entity;
    entc_value id = {.type = ENTC_TEXT, .length = 3, .as = {.text = "a/bc"}};

    (void)state;
    assert_int_equal(schema_type_new(&text_desc, NULL, &type, NULL), ENTC_OK);
    assert_int_equal(entity_draft_init(&draft, type), ENTC_OK);
    assert_true(entity_draft_set_text(&draft, 0, "a/b", 3));
    entity = entity_draft_seal(&draft);
    assert_non_null(entity);
    assert_true(entity_has_id(entity, &id));
    id.length = 4;
    assert_false(entity_has_id(entity, &id));
    id.length = 2;
    assert_false(entity_has_id(entity, &id));
    id.length = 3;
    id.as.text = "a/c";
    assert_false(entity_has_id(entity, &id));
    entity_unref(entity);
    entity_draft_fini(&draft);
    schema_type_unref(type);
}

static void an_entity_outlives_its_draft_and_the_owners_of_its_type(void **state)
{
    struct fixture *fixture = *state;
    struct entc_entity *entity = sealed(&fixture->draft);
    entc_value value;

    entity_draft_fini(&fixture->draft);
    schema_type_unref(fixture->type);
    entity_get(entity, TITLE, &value);
    assert_memory_equal(value.as.text, "seven", 6);
    assert_ptr_equal(entity_ref(entity), entity);
    entity_unref(entity);
    assert_string_equal(entity->type->name, "Row");
    entity_unref(entity);
    assert_int_equal(test_allocator_live(&fixture->memory), 0);
    fixture->type = NULL;
}

static void null_is_accepted(void **state)
{
    (void)state;
    assert_null(entity_ref(NULL));
    entity_unref(NULL);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 20000

struct shared {
    struct entc_entity *entity;
    atomic_uint wrong;
};

/* Takes and gives references of one entity and reads it; then gives the thread's own one back. */
static void *use(void *argument)
{
    struct shared *shared = argument;

    for (int i = 0; i < ROUNDS; i++) {
        struct entc_entity *mine = entity_ref(shared->entity);
        entc_value value;

        entity_get(mine, TITLE, &value);
        if (memcmp(value.as.text, "seven", 6) != 0)
            atomic_fetch_add(&shared->wrong, 1);
        entity_unref(mine);
    }
    entity_unref(shared->entity);
    return NULL;
}

static void many_threads_share_one_entity_and_any_of_them_ends_it(void **state)
{
    struct fixture *fixture = *state;
    struct shared shared = {.entity = sealed(&fixture->draft)};
    const size_t before = test_allocator_live(&fixture->memory);
    pthread_t threads[THREADS];

    atomic_init(&shared.wrong, 0);
    for (int i = 0; i < THREADS; i++) {
        entity_ref(shared.entity);
        assert_int_equal(pthread_create(&threads[i], NULL, use, &shared), 0);
    }
    entity_unref(shared.entity);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&shared.wrong), 0);
    assert_int_equal(test_allocator_live(&fixture->memory), before - 1);
}

/* Seals entities of one type with a draft of its own. */
static void *seal_many(void *argument)
{
    struct shared *shared = argument;
    struct schema_type *type = shared->entity->type;
    struct entity_draft draft;

    if (entity_draft_init(&draft, type) != ENTC_OK)
        return NULL;
    for (int64_t i = 0; i < ROUNDS; i++) {
        struct entc_entity *entity;

        entity_draft_clear(&draft);
        entity_draft_set_int64(&draft, ID, i);
        entity = entity_draft_seal(&draft);
        if (!entity || ((const struct row *)entity_record(entity))->id != i)
            atomic_fetch_add(&shared->wrong, 1);
        entity_unref(entity);
    }
    entity_draft_fini(&draft);
    return NULL;
}

static void many_threads_seal_entities_of_one_type(void **state)
{
    struct fixture *fixture = *state;
    struct shared shared = {.entity = sealed(&fixture->draft)};
    pthread_t threads[THREADS];

    atomic_init(&shared.wrong, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, seal_many, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&shared.wrong), 0);
    entity_unref(shared.entity);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_host_sees_its_own_struct),
        TEST(an_empty_text_is_not_null),
        TEST(an_entity_is_one_block_that_holds_its_texts),
        TEST(values_are_got_by_index),
        TEST(nulls_are_got_as_null_and_leave_no_value_behind),
        TEST(an_id_is_compared_by_type_and_value),
        cmocka_unit_test(a_text_id_is_compared_to_its_last_byte),
        TEST(an_entity_outlives_its_draft_and_the_owners_of_its_type),
        cmocka_unit_test(null_is_accepted),
        TEST(many_threads_share_one_entity_and_any_of_them_ends_it),
        TEST(many_threads_seal_entities_of_one_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
