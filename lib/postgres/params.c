/* Binary parameters: arrays of ids, and limits. The form is that of array_recv() and int8recv() in
 * PostgreSQL's src/backend/utils/adt: all numbers highest byte first. The array always has one
 * element for each id, in order, because the pages of parents are told apart by ordinality. */
#include "postgres/internal.h"

#include <limits.h>

/* PostgreSQL's MaxArraySize on machines of 64 bits, 1 GB / sizeof(Datum). */
#define ARRAY_ELEMENTS_MAX (0x3fffffff / 8)
#define ELEMENT_NULL UINT32_MAX /* the length -1 */
#define BINARY 1

static void put_uint32(char *out, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(unsigned char)(number >> (24 - 8 * i));
}

static void put_int64(char *out, int64_t number)
{
    put_uint32(out, (uint32_t)((uint64_t)number >> 32));
    put_uint32(out + 4, (uint32_t)(uint64_t)number);
}

static void append_uint32(struct buffer *bytes, uint32_t number)
{
    char four[4];

    put_uint32(four, number);
    buffer_append(bytes, four, sizeof(four));
}

/* PostgreSQL's text holds no NUL, so such an id is nowhere. It goes as an SQL NULL, which equals
 * nothing; as itself it would fail the whole statement, and with it the ids of others. */
static bool is_storable(const entc_value *id)
{
    return id->type != ENTC_TEXT || id->length == 0 ||
           memchr(id->as.text, '\0', id->length) == NULL;
}

static void append_element(struct buffer *bytes, const entc_value *id)
{
    if (!is_storable(id)) {
        append_uint32(bytes, ELEMENT_NULL);
    } else if (id->type == ENTC_TEXT) {
        append_uint32(bytes, id->length);
        buffer_append(bytes, id->as.text, id->length);
    } else if (buffer_reserve(bytes, 12)) {
        put_uint32(bytes->bytes + bytes->length, 8);
        put_int64(bytes->bytes + bytes->length + 4, id->as.int64);
        bytes->length += 12;
    }
}

/* Dimensions, whether there are NULLs, type of the elements; then length and lower bound of the one
 * dimension. No elements: no dimension. */
static void append_array(struct buffer *bytes, const struct db_query *query)
{
    bool has_null = false;

    for (size_t i = 0; i < query->id_count && !has_null; i++)
        has_null = !is_storable(&query->ids[i]);
    append_uint32(bytes, query->id_count > 0);
    append_uint32(bytes, has_null);
    append_uint32(bytes, query->id_type == ENTC_INT64 ? POSTGRES_INT8 : POSTGRES_TEXT);
    if (query->id_count == 0)
        return;
    append_uint32(bytes, (uint32_t)query->id_count);
    append_uint32(bytes, 1);
    for (size_t i = 0; i < query->id_count; i++)
        append_element(bytes, &query->ids[i]);
}

static void add(struct postgres_params *params, Oid type, const char *value, size_t length)
{
    params->types[params->count] = type;
    params->values[params->count] = value;
    params->lengths[params->count] = (int)length;
    params->formats[params->count] = BINARY;
    params->count++;
}

entc_status postgres_params_write(struct postgres_params *params, struct buffer *bytes,
                                  const struct db_query *query)
{
    memset(params, 0, sizeof(*params));
    buffer_clear(bytes);
    if (query->kind != DB_LIST) {
        if (query->id_count > ARRAY_ELEMENTS_MAX)
            return ENTC_E_INVALID;
        append_array(bytes, query);
        if (bytes->failed)
            return ENTC_E_NO_MEMORY;
        if (bytes->length > INT_MAX)
            return ENTC_E_INVALID;
        add(params, query->id_type == ENTC_INT64 ? POSTGRES_INT8_ARRAY : POSTGRES_TEXT_ARRAY,
            bytes->bytes, bytes->length);
    }
    if (query->kind != DB_BY_IDS) {
        put_int64(params->limit, query->limit);
        add(params, POSTGRES_INT8, params->limit, sizeof(params->limit));
    }
    return ENTC_OK;
}
