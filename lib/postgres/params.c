/* Parameters: arrays of ids, limits and names for a check in their binary form; positions and the
 * host's values as text, for the server to take them for what their columns are. The binary form is
 * that of array_recv() and int8recv() in PostgreSQL's src/backend/utils/adt: all numbers highest
 * byte first. An array of ids always has one element for each id, in order, because the pages of
 * parents are told apart by ordinality, and the parts of composite ids by their place. */
#include "postgres/check.h"

#include <limits.h>

/* PostgreSQL's MaxArraySize on machines of 64 bits, 1 GB / sizeof(Datum). */
#define ARRAY_ELEMENTS_MAX (0x3fffffff / 8)
#define ELEMENT_NULL UINT32_MAX /* the length -1 */
#define TEXT 0
#define BINARY 1
#define UNKNOWN 0 /* a type: the server finds it out */

/* ---- bytes ---- */

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

static void append_element(struct buffer *bytes, const void *element, size_t length)
{
    append_uint32(bytes, (uint32_t)length);
    buffer_append(bytes, element, length);
}

/* Dimensions, whether there are NULLs, type of the elements; then length and lower bound of the one
 * dimension. No elements: no dimension. */
static void append_head(struct buffer *bytes, Oid element, size_t count, bool has_null)
{
    append_uint32(bytes, count > 0);
    append_uint32(bytes, has_null);
    append_uint32(bytes, element);
    if (count == 0)
        return;
    append_uint32(bytes, (uint32_t)count);
    append_uint32(bytes, 1);
}

/* ---- parameters ---- */

/* Where the next parameter begins; it reaches to where the buffer ends when it is ended. */
static void begin(struct postgres_params *params, const struct buffer *bytes, Oid type)
{
    params->types[params->count] = type;
    params->starts[params->count] = bytes->length;
    params->formats[params->count] = BINARY;
}

static void end(struct postgres_params *params, const struct buffer *bytes)
{
    const size_t length = bytes->length - params->starts[params->count];

    if (length > INT_MAX)
        params->is_too_long = true;
    else
        params->lengths[params->count] = (int)length;
    params->count++;
}

/* The buffer grows no more, so its bytes stay where they are. */
static entc_status point(struct postgres_params *params, const struct buffer *bytes)
{
    if (bytes->failed)
        return ENTC_E_NO_MEMORY;
    if (params->is_too_long)
        return ENTC_E_INVALID;
    for (int i = 0; i < params->count; i++)
        params->values[i] =
            params->lengths[i] < 0 ? NULL : (bytes->bytes ? bytes->bytes : "") + params->starts[i];
    return ENTC_OK;
}

static void add_int64(struct postgres_params *params, struct buffer *bytes, int64_t number)
{
    char eight[8];

    begin(params, bytes, POSTGRES_INT8);
    put_int64(eight, number);
    buffer_append(bytes, eight, sizeof(eight));
    end(params, bytes);
}

/* NULL gives NULL. */
static void add_text(struct postgres_params *params, struct buffer *bytes, const char *text)
{
    begin(params, bytes, POSTGRES_TEXT);
    if (text)
        buffer_append_text(bytes, text);
    end(params, bytes);
    if (!text)
        params->lengths[params->count - 1] = -1;
}

/* ---- ids ---- */

/* PostgreSQL's text holds no NUL, so such an id is nowhere. It goes as an SQL NULL, which equals
 * nothing; as itself it would fail the whole statement, and with it the ids of others. */
static bool is_storable(const entc_value *id)
{
    return id->length == 0 || memchr(id->as.text, '\0', id->length) == NULL;
}

/* One part of all ids. */
struct part {
    const entc_value *ids; /* may be NULL when there are none */
    size_t count;
    size_t parts; /* of each id */
    size_t part;
};

static const entc_value *value_of(const struct part *part, size_t id)
{
    return &part->ids[id * part->parts + part->part];
}

static void append_int64s(struct buffer *bytes, const struct part *part)
{
    append_head(bytes, POSTGRES_INT8, part->count, false);
    if (!buffer_reserve(bytes, part->count * 12))
        return;
    for (size_t i = 0; i < part->count; i++) {
        char *place = bytes->bytes + bytes->length;

        put_uint32(place, 8);
        put_int64(place + 4, value_of(part, i)->as.int64);
        bytes->length += 12;
    }
}

static void append_texts(struct buffer *bytes, const struct part *part)
{
    bool has_null = false;

    for (size_t i = 0; i < part->count && !has_null; i++)
        has_null = !is_storable(value_of(part, i));
    append_head(bytes, POSTGRES_TEXT, part->count, has_null);
    for (size_t i = 0; i < part->count; i++) {
        const entc_value *id = value_of(part, i);

        if (has_null && !is_storable(id))
            append_uint32(bytes, ELEMENT_NULL);
        else
            append_element(bytes, id->as.text, id->length);
    }
}

static void append_uuids(struct buffer *bytes, const struct part *part)
{
    append_head(bytes, POSTGRES_UUID, part->count, false);
    for (size_t i = 0; i < part->count; i++) {
        const entc_value *id = value_of(part, i);

        append_element(bytes, id->as.bytes, sizeof(id->as.bytes));
    }
}

static void add_part(struct postgres_params *params, struct buffer *bytes, uint32_t type,
                     const struct part *part)
{
    begin(params, bytes,
          type == ENTC_INT64  ? POSTGRES_INT8_ARRAY
          : type == ENTC_UUID ? POSTGRES_UUID_ARRAY
                              : POSTGRES_TEXT_ARRAY);
    if (type == ENTC_INT64)
        append_int64s(bytes, part);
    else if (type == ENTC_UUID)
        append_uuids(bytes, part);
    else
        append_texts(bytes, part);
    end(params, bytes);
}

static void add_ids(struct postgres_params *params, struct buffer *bytes,
                    const struct db_query *query)
{
    const struct schema_type *type = query->model->type;
    struct part part = {query->ids, query->id_count, type->key_count, 0};

    for (; part.part < part.parts; part.part++)
        add_part(params, bytes, type->fields[type->key_fields[part.part]].type, &part);
}

static void add_parents(struct postgres_params *params, struct buffer *bytes,
                        const struct db_query *query)
{
    struct part part = {query->ids, query->id_count, query->link->count, 0};

    for (; part.part < part.parts; part.part++)
        add_part(params, bytes, query->link->types[part.part], &part);
}

/* ---- positions and values ---- */

static void begin_text(struct postgres_params *params, const struct buffer *bytes)
{
    begin(params, bytes, UNKNOWN);
    params->formats[params->count] = TEXT;
}

/* libpq reads text up to its NUL. */
static void end_text(struct postgres_params *params, struct buffer *bytes)
{
    buffer_append_char(bytes, '\0');
    end(params, bytes);
}

/* Text, or NULL. */
static void add_value(struct postgres_params *params, struct buffer *bytes, const entc_value *value)
{
    begin_text(params, bytes);
    if (value->type != ENTC_NULL)
        buffer_append(bytes, value->as.text, value->length);
    end_text(params, bytes);
    if (value->type == ENTC_NULL)
        params->lengths[params->count - 1] = -1;
}

/* In quotes nothing but the quote and the backslash has a meaning (array_in()). */
static void append_quoted(struct buffer *bytes, const entc_value *value)
{
    buffer_append_char(bytes, '"');
    for (size_t i = 0; i < value->length; i++) {
        if (value->as.text[i] == '"' || value->as.text[i] == '\\')
            buffer_append_char(bytes, '\\');
        buffer_append_char(bytes, value->as.text[i]);
    }
    buffer_append_char(bytes, '"');
}

/* Every so many-th of some values, as the text of an array. */
static void add_values(struct postgres_params *params, struct buffer *bytes,
                       const entc_value *values, size_t count, size_t stride)
{
    begin_text(params, bytes);
    for (size_t i = 0; i < count; i++) {
        buffer_append_char(bytes, i == 0 ? '{' : ',');
        append_quoted(bytes, &values[i * stride]);
    }
    buffer_append_text(bytes, count > 0 ? "}" : "{}");
    end_text(params, bytes);
}

/* Positions, one or one for each parent; where they are NULL the statement says so. */
static void add_positions(struct postgres_params *params, struct buffer *bytes,
                          const struct db_query *query, const entc_value *positions)
{
    struct postgres_order order;

    if (!positions)
        return;
    postgres_order_of(&order, query);
    for (size_t i = 0; i < order.position_count; i++) {
        if (positions[i].type == ENTC_NULL)
            continue;
        if (query->link)
            add_values(params, bytes, &positions[i], query->id_count, order.position_count);
        else
            add_value(params, bytes, &positions[i]);
    }
}

static void add_filters(struct postgres_params *params, struct buffer *bytes,
                        const struct db_query *query)
{
    for (size_t i = 0; i < query->filter_count; i++) {
        const struct db_filter *filter = &query->filters[i];

        if (filter->test == ENTC_IN)
            add_values(params, bytes, filter->values, filter->value_count, 1);
        else if (filter->test != ENTC_IS_NULL && filter->test != ENTC_IS_NOT_NULL)
            add_value(params, bytes, &filter->values[0]);
    }
}

static void add_limit(struct postgres_params *params, struct buffer *bytes,
                      const struct db_query *query)
{
    if (query->limits) {
        begin(params, bytes, POSTGRES_INT8_ARRAY);
        append_head(bytes, POSTGRES_INT8, query->id_count, false);
        for (size_t i = 0; i < query->id_count; i++) {
            char eight[8];

            put_int64(eight, query->limits[i]);
            append_element(bytes, eight, sizeof(eight));
        }
        end(params, bytes);
    } else if (query->limit) {
        add_int64(params, bytes, query->limit);
    }
}

static uint32_t count_values(const struct db_query *query, const entc_value *position)
{
    struct postgres_order order;
    uint32_t count = 0;

    if (!position)
        return 0;
    postgres_order_of(&order, query);
    for (size_t i = 0; i < order.position_count; i++)
        count += position[i].type != ENTC_NULL;
    return count;
}

struct postgres_places postgres_places_of(const struct db_query *query)
{
    struct postgres_places places;

    places.limit = query->link ? query->link->count + 1 : 1;
    places.after = places.limit + (query->limit || query->limits);
    places.before = places.after + count_values(query, query->after);
    places.filters = places.before + count_values(query, query->before);
    return places;
}

static void add_list(struct postgres_params *params, struct buffer *bytes,
                     const struct db_query *query)
{
    add_limit(params, bytes, query);
    add_positions(params, bytes, query, query->after);
    add_positions(params, bytes, query, query->before);
    add_filters(params, bytes, query);
}

/* ---- checks ---- */

static void add_names(struct postgres_params *params, struct buffer *bytes,
                      const struct db_query *query, postgres_names names)
{
    const size_t count = names(query, SIZE_MAX, NULL);

    begin(params, bytes, POSTGRES_TEXT_ARRAY);
    append_head(bytes, POSTGRES_TEXT, count, false);
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;

        names(query, i, &name);
        append_element(bytes, name, strlen(name));
    }
    end(params, bytes);
}

entc_status postgres_params_write(struct postgres_params *params, struct buffer *bytes,
                                  const struct db_query *query)
{
    params->count = 0;
    params->is_too_long = false;
    buffer_clear(bytes);
    if (query->id_count > ARRAY_ELEMENTS_MAX ||
        query->model->type->key_count > POSTGRES_KEY_PARTS_MAX)
        return ENTC_E_INVALID;
    switch (query->kind) {
    case DB_BY_IDS:
        add_ids(params, bytes, query);
        break;
    case DB_LIST:
        add_list(params, bytes, query);
        break;
    case DB_PAGES:
    case DB_LOOKUP:
        if (query->link->count > POSTGRES_KEY_PARTS_MAX)
            return ENTC_E_INVALID;
        add_parents(params, bytes, query);
        add_list(params, bytes, query);
        break;
    case DB_CHECK:
        add_names(params, bytes, query, postgres_check_schemas);
        add_names(params, bytes, query, postgres_check_relations);
        add_names(params, bytes, query, postgres_check_columns);
        add_names(params, bytes, query, postgres_check_keys);
        add_text(params, bytes, postgres_check_is_through(query) ? NULL : query->model->filter_sql);
        break;
    case DB_SQL:
        for (size_t i = 0; i < query->param_count; i++)
            add_value(params, bytes, &query->params[i]);
        break;
    }
    return point(params, bytes);
}
