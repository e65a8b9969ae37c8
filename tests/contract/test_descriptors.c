/* What descriptors may say. Every refusal names the thing and the cure; nothing needs a server. */
#include "test.h"

#include <entitycache.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

typedef struct Track {
    int64_t id;
    entc_str name;
    double price;
    int64_t released;
    uint8_t explicit_lyrics;
    uint8_t has_price;
    uint8_t spare[6];
} Track;

#define FIELDS 5

/* What one case may bend before the repository is made. */
struct bench {
    entc_field fields[FIELDS];
    entc_entity_desc entity;
    entc_model_desc model;
};

static entc_engine *engine;

static int make_engine(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;

    (void)state;
    options.redis_uri = "none";
    return entc_engine_new(&options, &engine, NULL);
}

static int free_engine(void **state)
{
    (void)state;
    entc_engine_free(engine);
    return 0;
}

static void prepare(struct bench *bench)
{
    const entc_field fields[FIELDS] = {ENTC_FIELD(Track, id, ENTC_INT64, ENTC_KEY),
                                       ENTC_FIELD(Track, name, ENTC_TEXT, ENTC_NULLABLE),
                                       ENTC_FIELD_NULLABLE(Track, price, ENTC_DOUBLE, 0),
                                       ENTC_FIELD(Track, released, ENTC_TIMESTAMP, 0),
                                       ENTC_FIELD(Track, explicit_lyrics, ENTC_BOOL, 0)};
    const entc_entity_desc entity = ENTC_ENTITY("Track", Track, bench->fields);
    const entc_model_desc model = ENTC_MODEL("tracks");

    memcpy(bench->fields, fields, sizeof(fields));
    bench->entity = entity;
    bench->model = model;
}

static entc_status try_repository(const struct bench *bench, entc_error **reterr)
{
    BaseCacheRepository *repository = NULL;
    entc_status status =
        entc_repository_new(engine, &bench->model, &bench->entity, NULL, &repository, reterr);

    if (status)
        assert_null(repository);
    entc_repository_free(repository);
    return status;
}

/* ---- refusals: how the case is bent, and what the message has to name ---- */

static char long_name[65];

#define BEND(name, ...)                      \
    static void bend_##name(struct bench *b) \
    {                                        \
        __VA_ARGS__;                         \
    }

BEND(entity_size, b->entity.struct_size = 3)
BEND(entity_name_null, b->entity.name = NULL)
BEND(entity_name_empty, b->entity.name = "")
BEND(entity_name_dash, b->entity.name = "My-Track")
BEND(entity_name_digit, b->entity.name = "1Track")
BEND(entity_name_long, b->entity.name = long_name)
BEND(no_fields, b->entity.field_count = 0)
BEND(fields_null, b->entity.fields = NULL)
BEND(too_many_fields, b->entity.field_count = 1601)
BEND(field_size, b->entity.field_size = 8)
BEND(field_size_garbage, b->entity.field_size = SIZE_MAX)
BEND(record_size_huge, b->entity.record_size = SIZE_MAX)
BEND(record_size_small, b->entity.record_size = 16)
BEND(field_name_null, b->fields[1].name = NULL)
BEND(field_name_quote, b->fields[1].name = "na\"me")
BEND(field_name_space, b->fields[1].name = "the name")
BEND(field_name_long, b->fields[1].name = long_name)
BEND(field_twice, b->fields[1].name = "price")
BEND(field_twice_but_case, b->fields[1].name = "PRICE")
BEND(field_type, b->fields[1].type = 99)
BEND(field_type_null, b->fields[1].type = ENTC_NULL)
BEND(field_flags, b->fields[1].flags = 1u << 30)
BEND(field_json_name, b->fields[1].json_name = "")
BEND(field_json_name_twice, b->fields[1].json_name = "Price")
BEND(field_json_string, b->fields[1].flags |= ENTC_JSON_STRING)
BEND(member_size, b->fields[0].size = 4)
BEND(member_misaligned, b->fields[0].offset = 1)
BEND(member_outside, b->fields[3].offset = sizeof(Track))
BEND(member_far_outside, b->fields[3].offset = SIZE_MAX - 7)
BEND(members_overlap, b->fields[3].offset = offsetof(Track, id))
BEND(has_outside, b->fields[2].has_offset = sizeof(Track))
BEND(has_in_own_member, b->fields[2].has_offset = offsetof(Track, price))
BEND(has_in_other_member, b->fields[2].has_offset = offsetof(Track, explicit_lyrics))
BEND(no_key, b->fields[0].flags = 0)
BEND(key_of_timestamp, b->fields[3].flags = ENTC_KEY)
BEND(key_nullable, b->fields[0].flags = ENTC_KEY | ENTC_NULLABLE;
     b->fields[0].has_offset = offsetof(Track, spare))
BEND(key_double, b->fields[0].flags = 0; b->fields[2].flags = ENTC_KEY)
BEND(key_timestamp, b->fields[0].flags = 0; b->fields[3].flags = ENTC_KEY)
BEND(model_size, b->model.struct_size = 0)
BEND(table_null, b->model.table = NULL)
BEND(table_empty, b->model.table = "")
BEND(table_long, b->model.table = long_name)
BEND(table_not_utf8, b->model.table = "tracks\xFF")
BEND(schema_empty, b->model.schema = "")
BEND(cache_name_dash, b->model.cache_name = "Track-1")
BEND(cache_name_brace, b->model.cache_name = "{Track}")
BEND(ttl_negative, b->model.ttl_us = -1)
BEND(negative_ttl, b->model.negative_ttl_us = -2)

#undef BEND

static const struct {
    void (*bend)(struct bench *bench);
    entc_status status;
    const char *names[2]; /* in the message */
} refusals[] = {
    {bend_entity_size, ENTC_E_INVALID, {"entity", "size"}},
    {bend_entity_name_null, ENTC_E_INVALID, {"entity", "name"}},
    {bend_entity_name_empty, ENTC_E_INVALID, {"entity", "name"}},
    {bend_entity_name_dash, ENTC_E_INVALID, {"entity", "name"}},
    {bend_entity_name_digit, ENTC_E_INVALID, {"entity", "name"}},
    {bend_entity_name_long, ENTC_E_INVALID, {"entity", "name"}},
    {bend_no_fields, ENTC_E_INVALID, {"Track", "fields"}},
    {bend_fields_null, ENTC_E_INVALID, {"Track", "fields"}},
    {bend_too_many_fields, ENTC_E_INVALID, {"Track", "fields"}},
    {bend_field_size, ENTC_E_INVALID, {"Track", "field_size"}},
    {bend_field_size_garbage, ENTC_E_INVALID, {"Track", "field_size"}},
    {bend_record_size_huge, ENTC_E_INVALID, {"Track", "record_size"}},
    {bend_record_size_small, ENTC_E_INVALID, {"Track", "record"}},
    {bend_field_name_null, ENTC_E_INVALID, {"Track", "field 1"}},
    {bend_field_name_quote, ENTC_E_INVALID, {"Track", "field 1"}},
    {bend_field_name_space, ENTC_E_INVALID, {"Track", "field 1"}},
    {bend_field_name_long, ENTC_E_INVALID, {"Track", "field 1"}},
    {bend_field_twice, ENTC_E_INVALID, {"Track", "price"}},
    {bend_field_twice_but_case, ENTC_E_INVALID, {"price", "PRICE"}},
    {bend_field_type, ENTC_E_INVALID, {"name", "99"}},
    {bend_field_type_null, ENTC_E_INVALID, {"Track", "name"}},
    {bend_field_flags, ENTC_E_INVALID, {"name", "40000000"}},
    {bend_field_json_name, ENTC_E_INVALID, {"json_name", "name"}},
    {bend_field_json_name_twice, ENTC_E_INVALID, {"name", "price"}},
    {bend_field_json_string, ENTC_E_INVALID, {"name", "ENTC_JSON_STRING"}},
    {bend_member_size, ENTC_E_INVALID, {"id", "4"}},
    {bend_member_misaligned, ENTC_E_INVALID, {"id", "aligned"}},
    {bend_member_outside, ENTC_E_INVALID, {"released", "record"}},
    {bend_member_far_outside, ENTC_E_INVALID, {"released", "record"}},
    {bend_members_overlap, ENTC_E_INVALID, {"released", "id"}},
    {bend_has_outside, ENTC_E_INVALID, {"price", "has_"}},
    {bend_has_in_own_member, ENTC_E_INVALID, {"price", "has_"}},
    {bend_has_in_other_member, ENTC_E_INVALID, {"price", "explicit_lyrics"}},
    {bend_no_key, ENTC_E_INVALID, {"Track", "key"}},
    {bend_key_of_timestamp, ENTC_E_INVALID, {"released", "key"}},
    {bend_key_nullable, ENTC_E_INVALID, {"id", "nullable"}},
    {bend_key_double, ENTC_E_INVALID, {"price", "DOUBLE"}},
    {bend_key_timestamp, ENTC_E_INVALID, {"released", "TIMESTAMP"}},
    {bend_model_size, ENTC_E_INVALID, {"model", "size"}},
    {bend_table_null, ENTC_E_INVALID, {"Track", "table"}},
    {bend_table_empty, ENTC_E_INVALID, {"Track", "table"}},
    {bend_table_long, ENTC_E_INVALID, {"Track", "table"}},
    {bend_table_not_utf8, ENTC_E_INVALID, {"Track", "table"}},
    {bend_schema_empty, ENTC_E_INVALID, {"Track", "schema"}},
    {bend_cache_name_dash, ENTC_E_INVALID, {"Track", "cache_name"}},
    {bend_cache_name_brace, ENTC_E_INVALID, {"Track", "cache_name"}},
    {bend_ttl_negative, ENTC_E_INVALID, {"Track", "ttl_us"}},
    {bend_negative_ttl, ENTC_E_INVALID, {"Track", "negative_ttl_us"}},
};

static void every_refusal_names_the_thing_and_the_cure(void **state)
{
    (void)state;
    memset(long_name, 'n', sizeof(long_name) - 1);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct bench bench;
        entc_error *error = NULL;
        entc_status status = ENTC_OK;

        prepare(&bench);
        refusals[i].bend(&bench);
        status = try_repository(&bench, &error);
        if (status != refusals[i].status)
            fail_msg("case %zu (%s, %s): %s: %s", i, refusals[i].names[0], refusals[i].names[1],
                     entc_status_name(status), entc_error_message(error));
        if (!strstr(entc_error_message(error), refusals[i].names[0]) ||
            !strstr(entc_error_message(error), refusals[i].names[1]))
            fail_msg("'%s' does not name %s and %s", entc_error_message(error),
                     refusals[i].names[0], refusals[i].names[1]);
        assert_string_not_equal(entc_error_hint(error), "");
        assert_string_equal(entc_error_domain(error), "schema");
        entc_error_free(error);
    }
}

static void a_good_descriptor_is_taken(void **state)
{
    struct bench bench;

    (void)state;
    prepare(&bench);
    assert_int_equal(try_repository(&bench, NULL), ENTC_OK);
}

static void a_refusal_needs_no_reterr(void **state)
{
    struct bench bench;

    (void)state;
    prepare(&bench);
    bench.entity.name = "no name";
    assert_int_equal(try_repository(&bench, NULL), ENTC_E_INVALID);
}

/* ---- what is accepted ---- */

static void the_fields_are_walked_with_the_callers_stride(void **state)
{
    struct later_field {
        entc_field field;
        uint64_t later;
    } fields[2] = {{ENTC_FIELD(Track, id, ENTC_INT64, ENTC_KEY), 0},
                   {ENTC_FIELD(Track, name, ENTC_TEXT, 0), 0}};
    const entc_entity_desc entity = {sizeof(entity),   "Track", sizeof(Track),
                                     &fields[0].field, 2,       sizeof(fields[0])};
    const entc_model_desc model = ENTC_MODEL("tracks");
    BaseCacheRepository *repository = NULL;
    entc_error *error = NULL;

    (void)state;
    assert_int_equal(entc_repository_new(engine, &model, &entity, NULL, &repository, NULL),
                     ENTC_OK);
    assert_int_equal(repository->entity->field_size, sizeof(entc_field));
    assert_string_equal(repository->entity->fields[1].name, "name");
    entc_repository_free(repository);
    repository = NULL;
    fields[1].later = 1;
    assert_int_equal(entc_repository_new(engine, &model, &entity, NULL, &repository, &error),
                     ENTC_E_UNSUPPORTED);
    assert_non_null(strstr(entc_error_message(error), "name"));
    assert_null(repository);
    entc_error_free(error);
}

static void descriptors_may_be_temporary_and_are_shown_with_their_defaults(void **state)
{
    struct bench *bench = malloc(sizeof(*bench));
    BaseCacheRepository *repository = NULL;

    (void)state;
    assert_non_null(bench);
    prepare(bench);
    assert_int_equal(
        entc_repository_new(engine, &bench->model, &bench->entity, NULL, &repository, NULL),
        ENTC_OK);
    memset(bench, 0xFF, sizeof(*bench));
    free(bench);
    assert_string_equal(repository->model->table, "tracks");
    assert_string_equal(repository->model->schema, "public");
    assert_string_equal(repository->model->cache_name, "Track");
    assert_string_equal(repository->entity->name, "Track");
    assert_int_equal(repository->entity->field_count, FIELDS);
    assert_int_equal(repository->entity->record_size, sizeof(Track));
    assert_string_equal(repository->entity->fields[2].name, "price");
    assert_ptr_equal(repository->engine, engine);
    assert_int_equal(repository->struct_size, sizeof(BaseCacheRepository));
    assert_non_null(repository->ops->get_by_id);
    assert_non_null(repository->ops->get_many);
    entc_repository_free(repository);
}

static void without_a_record_size_the_library_lays_the_record_out(void **state)
{
    struct bench bench;
    BaseCacheRepository *repository = NULL;
    const entc_field *fields = NULL;

    (void)state;
    prepare(&bench);
    bench.entity.record_size = 0;
    for (size_t i = 0; i < FIELDS; i++)
        bench.fields[i].offset = bench.fields[i].size = bench.fields[i].has_offset = SIZE_MAX;
    assert_int_equal(
        entc_repository_new(engine, &bench.model, &bench.entity, NULL, &repository, NULL), ENTC_OK);
    fields = repository->entity->fields;
    assert_true(repository->entity->record_size > 0);
    for (size_t i = 0; i < FIELDS; i++) {
        assert_true(fields[i].offset + fields[i].size <= repository->entity->record_size);
        for (size_t j = 0; j < i; j++)
            assert_true(fields[j].offset + fields[j].size <= fields[i].offset ||
                        fields[i].offset + fields[i].size <= fields[j].offset);
    }
    assert_int_equal(fields[0].offset % alignof(int64_t), 0);
    assert_int_equal(fields[1].size, sizeof(entc_str));
    assert_true(fields[2].has_offset < repository->entity->record_size);
    entc_repository_free(repository);
}

static void names_of_the_catalogue_may_hold_what_postgres_can_quote(void **state)
{
    struct bench bench;

    (void)state;
    prepare(&bench);
    bench.model.table = "T\"r; DROP TABLE x --";
    bench.model.schema = "sch\xC3\xA4ma";
    assert_int_equal(try_repository(&bench, NULL), ENTC_OK);
}

/* ---- relations ---- */

static void a_relation_refuses_by_name(void **state)
{
    const entc_relation_desc good = ENTC_HAS_MANY("tracks", "album_id", NULL);
    struct bench bench;
    BaseCacheRepository *repository = NULL;
    entc_relation_desc bad[5];
    static const char *const names[] = {"size", "kind", "name", "foreign_column", "order"};

    (void)state;
    prepare(&bench);
    assert_int_equal(
        entc_repository_new(engine, &bench.model, &bench.entity, NULL, &repository, NULL), ENTC_OK);
    for (size_t i = 0; i < 5; i++)
        bad[i] = good;
    bad[0].struct_size = 1;
    bad[1].kind = 77;
    bad[2].name = NULL;
    bad[3].foreign_column = NULL;
    bad[4].order_descending = 2;
    for (size_t i = 0; i < 5; i++) {
        entc_relation *relation = NULL;
        entc_error *error = NULL;

        if (entc_relation_new(repository, repository, &bad[i], &relation, &error) != ENTC_E_INVALID)
            fail_msg("a wrong %s is not refused", names[i]);
        assert_null(relation);
        if (!strstr(entc_error_message(error), names[i]))
            fail_msg("'%s' does not name %s", entc_error_message(error), names[i]);
        assert_string_not_equal(entc_error_hint(error), "");
        entc_error_free(error);
    }
    entc_repository_free(repository);
}

static void a_relation_stays_within_one_engine(void **state)
{
    const entc_relation_desc desc = ENTC_HAS_MANY("tracks", "album_id", NULL);
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    struct bench bench;
    BaseCacheRepository *here = NULL;
    BaseCacheRepository *there = NULL;
    entc_engine *other = NULL;
    entc_relation *relation = NULL;
    entc_error *error = NULL;

    (void)state;
    prepare(&bench);
    options.redis_uri = "none";
    assert_int_equal(entc_engine_new(&options, &other, NULL), ENTC_OK);
    assert_int_equal(entc_repository_new(engine, &bench.model, &bench.entity, NULL, &here, NULL),
                     ENTC_OK);
    assert_int_equal(entc_repository_new(other, &bench.model, &bench.entity, NULL, &there, NULL),
                     ENTC_OK);
    assert_int_equal(entc_relation_new(here, there, &desc, &relation, &error), ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_message(error), "engine"));
    entc_error_free(error);
    entc_repository_free(here);
    entc_repository_free(there);
    entc_engine_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_names_the_thing_and_the_cure),
        cmocka_unit_test(a_good_descriptor_is_taken),
        cmocka_unit_test(a_refusal_needs_no_reterr),
        cmocka_unit_test(the_fields_are_walked_with_the_callers_stride),
        cmocka_unit_test(descriptors_may_be_temporary_and_are_shown_with_their_defaults),
        cmocka_unit_test(without_a_record_size_the_library_lays_the_record_out),
        cmocka_unit_test(names_of_the_catalogue_may_hold_what_postgres_can_quote),
        cmocka_unit_test(a_relation_refuses_by_name),
        cmocka_unit_test(a_relation_stays_within_one_engine),
    };

    return cmocka_run_group_tests(tests, make_engine, free_engine);
}
