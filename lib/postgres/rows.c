/* Rows: a binary result becomes entities or ids, each handed over as soon as it is read. Every
 * column's type is checked once for a result, against what the entity declares. The callee may
 * detach the query from inside a hand-over: then nothing more is given. */
#include "postgres/internal.h"

/* A draft that one huge row has blown up is not kept. */
#define DRAFT_BYTES_MAX ((size_t)256 * 1024)

static const struct schema_field *key_field(const struct schema_type *type)
{
    return &type->fields[type->key_fields[0]];
}

void postgres_reader_init(struct postgres_reader *reader, const entc_allocator *allocator)
{
    memset(reader, 0, sizeof(*reader));
    reader->allocator = allocator;
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

static bool is_null(const PGresult *result, int row, int column)
{
    /* The length of NULL is 0 too, so most values need no second call. */
    return PQgetlength(result, row, column) == 0 && PQgetisnull(result, row, column);
}

/* ---- failures ---- */

static entc_status refuse_type(struct postgres_reader *reader, const struct db_query *query,
                               const struct schema_field *field, Oid live)
{
    char name[POSTGRES_TYPE_NAME_MAX];

    error_set(&reader->error, ENTC_E_SCHEMA, "postgres",
              "column \"%s\" of %s.%s is declared ENTC_%s%s, but its type is %s", field->name,
              query->model->schema, query->model->table, schema_type_name(field->type),
              field->flags & ENTC_KEY ? " and the key" : "", postgres_type_name(live, name));
    if (field->flags & ENTC_KEY)
        error_hint(&reader->error, "a key has to be of type int2, int4 or int8 (ENTC_INT64), or "
                                   "text or varchar (ENTC_TEXT)");
    else
        error_hint(&reader->error, "declare the field %s, or make the column %s",
                   postgres_field_type_for(live), postgres_types_for(field->type));
    return ENTC_E_SCHEMA;
}

/* An answer that our own statement cannot have. */
static entc_status refuse_answer(struct postgres_reader *reader, const struct db_query *query)
{
    return error_set(&reader->error, ENTC_E_DATABASE, "postgres",
                     "the answer about %s.%s is not in the form that was asked for",
                     query->model->schema, query->model->table);
}

static entc_status refuse_null(struct postgres_reader *reader, const struct db_query *query,
                               const struct schema_field *field)
{
    error_set(&reader->error, ENTC_E_SCHEMA, "postgres",
              "column \"%s\" of %s.%s holds NULL, but the field is not ENTC_NULLABLE", field->name,
              query->model->schema, query->model->table);
    error_hint(&reader->error, "declare the field ENTC_NULLABLE, or make the column NOT NULL");
    return ENTC_E_SCHEMA;
}

static entc_status refuse_value(struct postgres_reader *reader, const struct db_query *query,
                                const struct schema_field *field, enum postgres_verdict verdict)
{
    if (verdict == VALUE_NO_MEMORY)
        return error_no_memory(&reader->error);
    if (verdict == VALUE_BROKEN)
        return refuse_answer(reader, query);
    error_set(&reader->error, ENTC_E_SCHEMA, "postgres",
              "column \"%s\" of %s.%s holds a value beyond the range of ENTC_%s", field->name,
              query->model->schema, query->model->table, schema_type_name(field->type));
    return ENTC_E_SCHEMA;
}

/* ---- ids ---- */

/* Reads the id in a column; its text lies in the result. */
static entc_status read_id(struct postgres_reader *reader, const struct db_query *query,
                           enum postgres_reading reading, const PGresult *result, int row,
                           int column, entc_value *ret_id)
{
    const char *bytes = PQgetvalue(result, row, column);
    const int length = PQgetlength(result, row, column);

    if (is_null(result, row, column))
        return refuse_null(reader, query, key_field(query->model->type));
    memset(ret_id, 0, sizeof(*ret_id));
    if (reading == READING_TEXT) {
        ret_id->type = ENTC_TEXT;
        ret_id->length = (uint32_t)length;
        ret_id->as.text = bytes;
        return ENTC_OK;
    }
    ret_id->type = ENTC_INT64;
    return postgres_integer_read(reading, bytes, length, &ret_id->as.int64)
               ? ENTC_OK
               : refuse_answer(reader, query);
}

/* The parent of a row of DB_PAGES: its ordinality begins at 1. */
static bool read_parent(const struct db_query *query, const PGresult *result, int row,
                        size_t *ret_parent)
{
    int64_t ordinal = 1;

    if (query->kind == DB_PAGES && !postgres_integer_read(READING_INT8, PQgetvalue(result, row, 0),
                                                          PQgetlength(result, row, 0), &ordinal))
        return false;
    if (ordinal < 1 || (query->kind == DB_PAGES && (uint64_t)ordinal > query->id_count))
        return false;
    *ret_parent = (size_t)ordinal - 1;
    return true;
}

static entc_status give_ids(struct postgres_reader *reader, struct db_query *query,
                            const PGresult *result)
{
    const int column = query->kind == DB_PAGES;
    const struct schema_field *key = key_field(query->model->type);
    const int rows = PQntuples(result);
    enum postgres_reading reading = READING_NONE;

    if (PQnfields(result) != column + 1)
        return refuse_answer(reader, query);
    reading = postgres_reading_of(key->type, PQftype(result, column));
    if (reading == READING_NONE)
        return refuse_type(reader, query, key, PQftype(result, column));
    for (int row = 0; row < rows && reader->query == query; row++) {
        entc_value id;
        size_t parent = 0;
        entc_status status = ENTC_OK;

        if (!read_parent(query, result, row, &parent))
            return refuse_answer(reader, query);
        status = read_id(reader, query, reading, result, row, column, &id);
        if (status)
            return status;
        query->id(query, parent, &id);
    }
    return ENTC_OK;
}

/* ---- entities ---- */

/* Finds out how each column is read. */
static entc_status compare_columns(struct postgres_reader *reader, const struct db_query *query,
                                   const PGresult *result)
{
    const struct schema_type *type = query->model->type;

    if ((uint32_t)PQnfields(result) != type->field_count)
        return refuse_answer(reader, query);
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
            return refuse_type(reader, query, &type->fields[i], live);
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
                return refuse_null(reader, query, &type->fields[i]);
            entity_draft_set_null(draft, i);
            continue;
        }
        verdict = postgres_value_read(draft, i, (enum postgres_reading)reader->readings[i],
                                      PQgetvalue(result, row, (int)i), length);
        if (verdict != VALUE_TAKEN)
            return refuse_value(reader, query, &type->fields[i], verdict);
    }
    return ENTC_OK;
}

/* A row that is not as declared fails its own slot only, where the query can take that. */
static entc_status give_bad_row(struct postgres_reader *reader, struct db_query *query,
                                const PGresult *result, int row, entc_status status)
{
    const uint32_t key = query->model->type->key_fields[0];
    entc_value id;

    if (status != ENTC_E_SCHEMA || !query->bad_row || is_null(result, row, (int)key))
        return status;
    status = read_id(reader, query, (enum postgres_reading)reader->readings[key], result, row,
                     (int)key, &id);
    if (status)
        return status;
    query->bad_row(query, &id, ENTC_E_SCHEMA, reader->error);
    return ENTC_OK;
}

static entc_status give_entities(struct postgres_reader *reader, struct db_query *query,
                                 const PGresult *result)
{
    const int rows = PQntuples(result);
    struct entity_draft *draft = draft_of(reader, query->model->type);
    entc_status status = compare_columns(reader, query, result);

    if (!draft)
        return error_no_memory(&reader->error);
    for (int row = 0; row < rows && !status && reader->query == query; row++) {
        struct entc_entity *entity = NULL;

        status = read_row(reader, draft, query, result, row);
        if (status) {
            status = give_bad_row(reader, query, result, row, status);
            continue;
        }
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

entc_status postgres_reader_give(struct postgres_reader *reader, struct db_query *query,
                                 const PGresult *result)
{
    reader->query = query;
    query->rows += (uint64_t)PQntuples(result);
    if (query->kind == DB_BY_IDS)
        return give_entities(reader, query, result);
    return give_ids(reader, query, result);
}
