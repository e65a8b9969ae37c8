/* The family of family.h. */
#include "family.h"

#include <stdlib.h>

static const entc_field pet_fields[] = {ENTC_FIELD(struct user, id, ENTC_INT64, ENTC_KEY),
                                        ENTC_FIELD(struct user, name, ENTC_TEXT, 0)};
static const entc_entity_desc pet_entity = ENTC_ENTITY("Pet", struct user, pet_fields);
static const entc_model_desc pet_model = ENTC_MODEL("pets");
static const entc_relation_desc has_pets = ENTC_HAS_MANY("pets", "owner_id", "name");

static void put_rows(struct world *world)
{
    static const int64_t pets[][2] = {{11, 1}, {12, 1}, {13, 1}, {21, 2}, {41, 4}, {42, 4}};

    for (int64_t id = 1; id <= 4; id++)
        fake_db_put(&world->db, "users", id, "user", 0);
    for (size_t i = 0; i < sizeof(pets) / sizeof(pets[0]); i++)
        fake_db_put(&world->db, "pets", pets[i][0], "pet", pets[i][1]);
}

struct family *family_new_failing(uint64_t n, bool from_then_on)
{
    struct world *world = world_new_failing(n, from_then_on);
    struct family *family = calloc(1, sizeof(*family));

    assert_non_null(family);
    if (!world) {
        free(family);
        return NULL;
    }
    family->world = world;
    put_rows(world);
    if (repository_new(world->services, &pet_model, &pet_entity, &family->pets, NULL) == ENTC_OK &&
        relation_new(world->users, family->pets, &has_pets, &family->has_pets, NULL) == ENTC_OK)
        return family;
    family_free(family);
    return NULL;
}

struct family *family_new(void)
{
    struct family *family = family_new_failing(0, false);

    assert_non_null(family);
    return family;
}

void family_free(struct family *family)
{
    relation_unref(family->has_pets);
    if (family->pets)
        repository_close(family->pets);
    repository_unref(family->pets);
    world_free(family->world);
    free(family);
}

int family_set_up(void **state)
{
    *state = family_new();
    return 0;
}

int family_tear_down(void **state)
{
    family_free(*state);
    return 0;
}

entc_op *family_pages(struct family *family, const int64_t *ids, size_t count, int32_t first)
{
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(first);
    entc_value values[16];
    entc_op *op = NULL;

    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        world_value(&values[i], ids[i]);
    assert_int_equal(relation_pages(family->has_pets, values, count, &args, 0, &call, &op, NULL),
                     ENTC_OK);
    return op;
}

entc_op *family_list(struct family *family, int32_t first)
{
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(first);
    entc_op *op = NULL;

    assert_int_equal(relation_list(family->world->users, &args, &call, &op, NULL), ENTC_OK);
    return op;
}

void family_take(entc_op *op, struct entc_page **pages, size_t count)
{
    assert_done(op, ENTC_OK);
    assert_int_equal(relation_op_count(op), count);
    assert_int_equal(relation_op_take(op, pages, NULL, count), ENTC_OK);
}

void assert_page(const struct entc_page *page, const int64_t *ids, size_t count, int32_t has_next)
{
    assert_non_null(page);
    assert_int_equal(page->count, count);
    assert_int_equal(page->has_next, has_next);
    for (size_t i = 0; i < count; i++) {
        const struct user *record = NULL;

        assert_int_equal(page->ids[i].type, ENTC_INT64);
        assert_int_equal(page->ids[i].as.int64, ids[i]);
        assert_int_equal(page->statuses[i], ENTC_OK);
        assert_non_null(page->entities[i]);
        record = entity_record(page->entities[i]);
        assert_int_equal(record->id, ids[i]);
    }
}
