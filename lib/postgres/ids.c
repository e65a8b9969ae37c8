/* Ids: the answers to lists and pages, and the key of a row that cannot become an entity. Ids are
 * handed over as soon as they are read, with the rest of their position behind them; texts lie in
 * the result. */
#include "postgres/internal.h"

/* How the parts of an id are read. Behind them lie the texts of a position. */
struct parts {
    uint32_t count;
    uint32_t position_count; /* with those texts */
    enum postgres_reading readings[POSTGRES_KEY_PARTS_MAX];
    entc_value values[POSTGRES_ORDER_MAX];
};

/* What a list or pages answers of each row. */
static struct parts parts_of(const struct db_query *query)
{
    struct parts parts = {.count = query->model->type->key_count};
    struct postgres_order order;

    postgres_order_of(&order, query);
    parts.position_count = (uint32_t)order.position_count;
    return parts;
}

static void read_text(entc_value *value, const char *bytes, size_t length)
{
    value->type = bytes ? ENTC_TEXT : ENTC_NULL;
    value->length = (uint32_t)length;
    value->as.text = bytes;
}

static uint32_t part_type(const struct db_query *query, uint32_t part)
{
    return query->model->type->fields[query->model->type->key_fields[part]].type;
}

static entc_status refuse_part_null(struct postgres_reader *reader, const struct db_query *query,
                                    uint32_t part)
{
    if (query->kind == DB_SQL)
        return postgres_refuse_null_id(reader, query);
    return postgres_refuse_null(reader, query, query->model->type->key_fields[part]);
}

/* ---- parts that are columns ---- */

/* `columns` (NULL: 0, 1, ...) are those of the result. */
static entc_status compare_parts(struct postgres_reader *reader, const struct db_query *query,
                                 const PGresult *result, const uint32_t *columns,
                                 struct parts *parts)
{
    parts->count = query->model->type->key_count;
    for (uint32_t i = 0; i < parts->count; i++) {
        const Oid live = PQftype(result, (int)(columns ? columns[i] : i));

        parts->readings[i] = postgres_reading_of(part_type(query, i), live);
        if (parts->readings[i] == READING_NONE)
            return postgres_refuse_type(reader, query, query->model->type->key_fields[i], live);
    }
    return ENTC_OK;
}

static entc_status read_parts(struct postgres_reader *reader, const struct db_query *query,
                              const PGresult *result, int row, const uint32_t *columns,
                              struct parts *parts)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        const int column = (int)(columns ? columns[i] : i);
        const int length = PQgetlength(result, row, column);

        if (length == 0 && PQgetisnull(result, row, column))
            return refuse_part_null(reader, query, i);
        if (!postgres_part_read(parts->readings[i], PQgetvalue(result, row, column), length,
                                &parts->values[i]))
            return postgres_refuse_answer(reader, query);
    }
    return ENTC_OK;
}

/* The rest of a position stands behind the parts of the key. */
static void read_texts(const PGresult *result, int row, int column, struct parts *parts)
{
    for (uint32_t i = parts->count; i < parts->position_count; i++, column++) {
        const bool is_null = PQgetisnull(result, row, column);

        read_text(&parts->values[i], is_null ? NULL : PQgetvalue(result, row, column),
                  (size_t)PQgetlength(result, row, column));
    }
}

static bool are_texts(const PGresult *result, int column)
{
    for (; column < PQnfields(result); column++)
        if (PQftype(result, column) != POSTGRES_TEXT)
            return false;
    return true;
}

entc_status postgres_give_list(struct postgres_reader *reader, struct db_query *query,
                               const PGresult *result)
{
    const int rows = PQntuples(result);
    struct parts parts = parts_of(query);
    entc_status status = ENTC_OK;

    if (query->wants_total)
        return postgres_give_pages(reader, query, result);
    query->rows += (uint64_t)rows;
    if ((uint32_t)PQnfields(result) != parts.position_count || !are_texts(result, (int)parts.count))
        return postgres_refuse_answer(reader, query);
    status = compare_parts(reader, query, result, NULL, &parts);
    for (int row = 0; row < rows && !status && reader->query == query; row++) {
        status = read_parts(reader, query, result, row, NULL, &parts);
        read_texts(result, row, (int)parts.count, &parts);
        if (!status)
            query->id(query, 0, parts.values);
    }
    return status;
}

static bool read_ordinal(const struct db_query *query, const PGresult *result, int row,
                         size_t *ret_parent)
{
    const size_t parents = query->kind == DB_LIST ? 1 : query->id_count;
    int64_t ordinal = 0;

    if (!postgres_integer_read(READING_INT8, PQgetvalue(result, row, 0),
                               PQgetlength(result, row, 0), &ordinal) ||
        ordinal < 1 || (uint64_t)ordinal > parents)
        return false;
    *ret_parent = (size_t)ordinal - 1;
    return true;
}

/* A row is a child: its parent's ordinal, and its position. */
static entc_status give_all_children(struct postgres_reader *reader, struct db_query *query,
                                     const PGresult *result)
{
    const int rows = PQntuples(result);
    struct parts parts = parts_of(query);
    uint32_t columns[POSTGRES_KEY_PARTS_MAX] = {0};
    entc_status status = ENTC_OK;

    query->rows += (uint64_t)rows;
    for (uint32_t i = 0; i < parts.count; i++)
        columns[i] = i + 1;
    if ((uint32_t)PQnfields(result) != 1 + parts.position_count ||
        !are_texts(result, 1 + (int)parts.count))
        return postgres_refuse_answer(reader, query);
    status = compare_parts(reader, query, result, columns, &parts);
    for (int row = 0; row < rows && !status && reader->query == query; row++) {
        size_t parent = 0;

        if (!read_ordinal(query, result, row, &parent))
            return postgres_refuse_answer(reader, query);
        status = read_parts(reader, query, result, row, columns, &parts);
        read_texts(result, row, 1 + (int)parts.count, &parts);
        if (!status)
            query->id(query, parent, parts.values);
    }
    return status;
}

/* The host's own statement. Its columns are the parts of the key, whatever they are called. */
entc_status postgres_give_sql(struct postgres_reader *reader, struct db_query *query,
                              const PGresult *result)
{
    const int rows = PQntuples(result);
    struct parts parts = {.count = query->model->type->key_count};
    entc_status status = ENTC_OK;

    query->rows += (uint64_t)rows;
    if ((uint32_t)PQnfields(result) != parts.count)
        return postgres_refuse_columns(reader, query, PQnfields(result));
    for (uint32_t i = 0; i < parts.count && !status; i++) {
        parts.readings[i] = postgres_reading_of(part_type(query, i), PQftype(result, (int)i));
        if (parts.readings[i] == READING_NONE)
            status = postgres_refuse_column(reader, query, i, PQftype(result, (int)i));
    }
    for (int row = 0; row < rows && !status && reader->query == query; row++) {
        status = read_parts(reader, query, result, row, NULL, &parts);
        if (!status)
            query->id(query, 0, parts.values);
    }
    return status;
}

entc_status postgres_give_bad_row(struct postgres_reader *reader, struct db_query *query,
                                  const PGresult *result, int row)
{
    const uint32_t *columns = query->model->type->key_fields;
    struct parts parts = {.count = 0};
    entc_status status = ENTC_OK;

    /* A key that is NULL names no row; and the error tells the story that it already has. */
    for (uint32_t i = 0; i < query->model->type->key_count; i++)
        if (PQgetisnull(result, row, (int)columns[i]))
            return ENTC_E_SCHEMA;
    status = compare_parts(reader, query, result, columns, &parts);
    if (!status)
        status = read_parts(reader, query, result, row, columns, &parts);
    if (!status)
        query->bad_row(query, parts.values, ENTC_E_SCHEMA, reader->error);
    return status;
}

/* ---- arrays of ids: array_send() and record_send() ---- */

/* Bytes that are left to read. */
struct input {
    const char *bytes;
    size_t length;
};

static bool take_uint32(struct input *input, uint32_t *ret_number)
{
    if (input->length < 4)
        return false;
    *ret_number = postgres_get_uint32(input->bytes);
    input->bytes += 4;
    input->length -= 4;
    return true;
}

/* A length and so many bytes; NULL for SQL's NULL. */
static bool take_element(struct input *input, struct input *ret_element)
{
    uint32_t length;

    if (!take_uint32(input, &length))
        return false;
    ret_element->bytes = NULL;
    ret_element->length = 0;
    if (length == UINT32_MAX)
        return true;
    if (length > input->length)
        return false;
    ret_element->bytes = input->bytes;
    ret_element->length = length;
    input->bytes += length;
    input->length -= length;
    return true;
}

static entc_status read_part(struct postgres_reader *reader, const struct db_query *query,
                             uint32_t part, Oid live, const struct input *value,
                             entc_value *ret_part)
{
    const uint32_t type = part_type(query, part);
    const enum postgres_reading reading = postgres_reading_of(type, live);

    if (reading == READING_NONE)
        return postgres_refuse_type(reader, query, query->model->type->key_fields[part], live);
    if (!value->bytes)
        return refuse_part_null(reader, query, part);
    if (!postgres_part_read(reading, value->bytes, (int)value->length, ret_part))
        return postgres_refuse_answer(reader, query);
    return ENTC_OK;
}

/* A record: how many columns, and of each its type and its value. */
static entc_status read_record(struct postgres_reader *reader, const struct db_query *query,
                               struct input record, struct parts *parts)
{
    uint32_t count = 0;
    entc_status status = ENTC_OK;

    if (!take_uint32(&record, &count) || count != parts->position_count)
        return postgres_refuse_answer(reader, query);
    for (uint32_t i = 0; i < count && !status; i++) {
        struct input value;
        uint32_t live;

        if (!take_uint32(&record, &live) || !take_element(&record, &value) ||
            (i >= parts->count && live != POSTGRES_TEXT))
            return postgres_refuse_answer(reader, query);
        if (i < parts->count)
            status = read_part(reader, query, i, live, &value, &parts->values[i]);
        else
            read_text(&parts->values[i], value.bytes, value.length);
    }
    return status;
}

struct array {
    struct input input;
    Oid type;
    uint32_t count;
};

static bool open_array(const PGresult *result, int row, int column, struct array *ret_array)
{
    struct input *input = &ret_array->input;
    uint32_t dimensions;
    uint32_t flags;
    uint32_t lower;

    input->bytes = PQgetvalue(result, row, column);
    input->length = (size_t)PQgetlength(result, row, column);
    ret_array->count = 0;
    if (!take_uint32(input, &dimensions) || !take_uint32(input, &flags) ||
        !take_uint32(input, &ret_array->type) || dimensions > 1)
        return false;
    return dimensions == 0 || (take_uint32(input, &ret_array->count) && take_uint32(input, &lower));
}

static entc_status give_children(struct postgres_reader *reader, struct db_query *query,
                                 size_t parent, struct array *array, struct parts *parts)
{
    entc_status status = ENTC_OK;

    query->rows += array->count;
    for (uint32_t i = 0; i < array->count && !status && reader->query == query; i++) {
        struct input child;

        if (!take_element(&array->input, &child))
            return postgres_refuse_answer(reader, query);
        status = parts->position_count > 1
                     ? read_record(reader, query, child, parts)
                     : read_part(reader, query, 0, array->type, &child, &parts->values[0]);
        if (!status)
            query->id(query, parent, parts->values);
    }
    return status;
}

/* How many children a parent has. */
static bool give_total(struct db_query *query, const PGresult *result, int row, size_t parent)
{
    int64_t total = 0;

    if (!query->wants_total)
        return true;
    if (!postgres_integer_read(READING_INT8, PQgetvalue(result, row, 2),
                               PQgetlength(result, row, 2), &total))
        return false;
    query->total(query, parent, total);
    return true;
}

/* A row is a parent: its ordinal, which begins at 1, its children, and how many there are. */
entc_status postgres_give_pages(struct postgres_reader *reader, struct db_query *query,
                                const PGresult *result)
{
    const int rows = PQntuples(result);
    struct parts parts = parts_of(query);
    entc_status status = ENTC_OK;

    if (postgres_is_by_child(query))
        return give_all_children(reader, query, result);
    if (PQnfields(result) != (query->wants_total ? 3 : 2))
        return postgres_refuse_answer(reader, query);
    for (int row = 0; row < rows && !status && reader->query == query; row++) {
        struct array array;
        size_t parent = 0;

        if (!read_ordinal(query, result, row, &parent) || !open_array(result, row, 1, &array) ||
            !give_total(query, result, row, parent))
            return postgres_refuse_answer(reader, query);
        status = give_children(reader, query, parent, &array, &parts);
    }
    return status;
}
