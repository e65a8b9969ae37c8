/* Rows: a binary result becomes entities, each handed over as soon as it is read. Every column's
 * type is checked once for a result, against what the entity declares. The callee may detach the
 * query from inside a hand-over: then nothing more is given. */
#include "postgres/internal.h"

/* A draft that one huge row has blown up is not kept. */
#define DRAFT_BYTES_MAX ((size_t)256 * 1024)

void postgres_reader_init(struct postgres_reader *reader, const entc_allocator *allocator)
{
    memset(reader, 0, sizeof(*reader));
    reader->allocator = allocator;
    buffer_init(&reader->line, allocator);
}

static void drop_draft(struct entity_draft *draft)
{
    struct schema_type *type = draft->type;

    entity_draft_fini(draft);
    draft->type = NULL;
    if (type)
        schema_type_unref(type);
}

void postgres_reader_fini(struct postgres_reader *reader)
{
    for (size_t i = 0; i < POSTGRES_DRAFTS; i++)
        drop_draft(&reader->drafts[i]);
    base_release(reader->allocator, reader->readings);
    entc_error_free(reader->error);
    buffer_fini(&reader->line);
    memset(reader, 0, sizeof(*reader));
}

/* The draft of this type, or a new one in the place of the oldest. NULL when memory is out. */
static struct entity_draft *draft_of(struct postgres_reader *reader, struct schema_type *type)
{
    struct entity_draft *draft = NULL;

    for (size_t i = 0; i < POSTGRES_DRAFTS; i++)
        if (reader->drafts[i].type == type)
            return &reader->drafts[i];
    draft = &reader->drafts[reader->next_draft];
    reader->next_draft = (reader->next_draft + 1) % POSTGRES_DRAFTS;
    drop_draft(draft);
    if (entity_draft_init(draft, type) != ENTC_OK) {
        memset(draft, 0, sizeof(*draft));
        return NULL;
    }
    schema_type_ref(type);
    return draft;
}

/* ---- entities ---- */

/* Finds out how each column is read. */
static entc_status compare_columns(struct postgres_reader *reader, const struct db_query *query,
                                   const PGresult *result)
{
    const struct schema_type *type = query->model->type;

    if ((uint32_t)PQnfields(result) != type->field_count)
        return postgres_refuse_answer(reader, query);
    if (reader->reading_capacity < type->field_count) {
        unsigned char *readings =
            base_reallocate(reader->allocator, reader->readings, type->field_count);

        if (!readings)
            return error_no_memory(&reader->error);
        reader->readings = readings;
        reader->reading_capacity = type->field_count;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        const Oid live = PQftype(result, (int)i);
        const enum postgres_reading reading = postgres_reading_of(type->fields[i].type, live);

        if (reading == READING_NONE)
            return postgres_refuse_type(reader, query, i, live);
        reader->readings[i] = (unsigned char)reading;
    }
    return ENTC_OK;
}

static entc_status read_row(struct postgres_reader *reader, struct entity_draft *draft,
                            const struct db_query *query, const PGresult *result, int row)
{
    const struct schema_type *type = draft->type;

    entity_draft_clear(draft);
    for (uint32_t i = 0; i < type->field_count; i++) {
        const int length = PQgetlength(result, row, (int)i);
        enum postgres_verdict verdict = VALUE_TAKEN;

        if (length == 0 && PQgetisnull(result, row, (int)i)) {
            if (!(type->fields[i].flags & ENTC_NULLABLE))
                return postgres_refuse_null(reader, query, i);
            entity_draft_set_null(draft, i);
            continue;
        }
        verdict = postgres_value_read(draft, i, (enum postgres_reading)reader->readings[i],
                                      PQgetvalue(result, row, (int)i), length);
        if (verdict != VALUE_TAKEN)
            return postgres_refuse_value(reader, query, i, verdict);
    }
    return ENTC_OK;
}

static entc_status give_entities(struct postgres_reader *reader, struct db_query *query,
                                 const PGresult *result)
{
    const int rows = PQntuples(result);
    struct entity_draft *draft = draft_of(reader, query->model->type);
    entc_status status = ENTC_OK;

    query->rows += (uint64_t)rows;
    if (!draft)
        return error_no_memory(&reader->error);
    status = compare_columns(reader, query, result);
    for (int row = 0; row < rows && !status && reader->query == query; row++) {
        struct entc_entity *entity = NULL;

        status = read_row(reader, draft, query, result, row);
        /* A row that is not as declared fails its own slot only, where the query can take that. */
        if (status == ENTC_E_SCHEMA && query->bad_row) {
            status = postgres_give_bad_row(reader, query, result, row);
            continue;
        }
        if (status)
            break;
        entity = entity_draft_seal(draft);
        if (!entity)
            status = error_no_memory(&reader->error);
        else
            query->entity(query, entity);
    }
    if (draft->text.capacity > DRAFT_BYTES_MAX)
        drop_draft(draft);
    return status;
}

static uint64_t count_bytes(const PGresult *result)
{
    const int rows = PQntuples(result);
    const int columns = PQnfields(result);
    uint64_t bytes = 0;

    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            bytes += (uint64_t)PQgetlength(result, row, column);
    return bytes;
}

entc_status postgres_reader_give(struct postgres_reader *reader, struct db_query *query,
                                 const PGresult *result)
{
    reader->query = query;
    query->bytes += count_bytes(result);
    switch (query->kind) {
    case DB_BY_IDS:
        return give_entities(reader, query, result);
    case DB_LIST:
        return postgres_give_list(reader, query, result);
    case DB_PAGES:
    case DB_LOOKUP:
        return postgres_give_pages(reader, query, result);
    case DB_CHECK:
        return postgres_give_check(reader, query, result);
    case DB_SQL:
        return postgres_give_sql(reader, query, result);
    }
    return ENTC_OK;
}
