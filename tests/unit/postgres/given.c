/* A query that keeps what it is given, for the tests of rows and values. */
#include "given.h"

#include "test.h"

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

void take_bad_row(struct db_query *query, const entc_value *id, entc_status status,
                  const entc_error *error)
{
    struct given *given = (struct given *)(void *)query;

    assert_int_equal(status, ENTC_E_SCHEMA);
    assert_int_equal(id->type, ENTC_INT64);
    given->bad_ids[given->bad_count++] = id->as.int64;
    strcpy(given->story, entc_error_message(error));
}

void prepare(struct fixture *fixture, enum db_kind kind, const entc_field *fields,
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

void clean(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->given.entity_count; i++)
        entity_unref(fixture->given.entities[i]);
    postgres_reader_fini(&fixture->reader);
    shape_model_free(fixture->model);
}

entc_status give(struct fixture *fixture, PGresult *result)
{
    entc_status status = postgres_reader_give(&fixture->reader, &fixture->given.query, result);

    PQclear(result);
    return status;
}

const char *story(const struct fixture *fixture)
{
    return entc_error_message(fixture->reader.error);
}
