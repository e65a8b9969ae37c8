/* Slices: which part of the list each slot asks for, and the queries that all of them need: one for
 * each shape. What a statement takes from each of its parents then stands side by side. */
#include "relation/pages.h"

#include <stdio.h>

/* ---- cursors ---- */

/* A part of the key has to be one: what the database cannot read would fail others too. */
static bool is_key(const struct schema_type *type, const entc_value *position)
{
    for (uint32_t part = 0; part < type->key_count; part++) {
        const entc_value *value = &position[part];
        const uint32_t wanted = type->fields[type->key_fields[part]].type;
        uint8_t uuid[16];
        int64_t number = 0;

        if (wanted == ENTC_INT64 && !text_to_int64(value->as.text, value->length, &number))
            return false;
        if (wanted == ENTC_UUID && !codec_uuid_parse(value->as.text, value->length, uuid))
            return false;
    }
    return true;
}

struct reading {
    const struct pages_op *op;
    const struct pages_query *query;
    const char *args; /* their name */
};

static entc_status read_cursor(const struct reading *reading, const char *member, const char *text,
                               char *bytes, entc_value *ret_values, entc_error **reterr)
{
    const struct schema_type *type = reading->op->impl->type;
    char name[64];
    const struct cursor_wanted wanted = {.name = name,
                                         .fingerprint = reading->query->fingerprint,
                                         .count = reading->query->position_count,
                                         .keys = type->key_count};
    entc_status status = ENTC_OK;

    snprintf(name, sizeof(name), "%s.%s", reading->args, member);
    status = relation_cursor_read(text, &wanted, bytes, ret_values, reterr);
    if (status || is_key(type, ret_values))
        return status;
    error_set(reterr, ENTC_E_INVALID, "argument", "%s is no cursor: it holds no id of entity '%s'",
              name, type->name);
    error_hint(reterr, "pass on the text of entc_page_cursor() as it is");
    return ENTC_E_INVALID;
}

/* Two positions in one block, and behind them their texts. Backwards, what comes before the page is
 * where it ends. */
static entc_status read_cursors(const struct reading *reading, struct pages_slice *slice,
                                const entc_page_args *args, entc_error **reterr)
{
    const size_t count = reading->query->position_count;
    const size_t after_bytes = args->after ? strnlen(args->after, CURSOR_TEXT_MAX + 1) : 0;
    const size_t before_bytes = args->before ? strnlen(args->before, CURSOR_TEXT_MAX + 1) : 0;
    entc_value *after = NULL;
    entc_value *before = NULL;
    char *bytes = NULL;
    entc_status status = ENTC_OK;

    after = base_allocate_zeroed(engine_allocator(reading->op->op.engine),
                                 2 * count * sizeof(*after) + after_bytes + before_bytes);
    if (!after)
        return error_no_memory(reterr);
    slice->cursors = after;
    before = after + count;
    bytes = (char *)(before + count);
    slice->has_after = args->after != NULL;
    slice->has_before = args->before != NULL;
    if (args->after)
        status = read_cursor(reading, "after", args->after, bytes, after, reterr);
    if (args->before && !status)
        status = read_cursor(reading, "before", args->before, bytes + after_bytes, before, reterr);
    slice->behind = reading->query->is_backwards ? before : after;
    slice->until = reading->query->is_backwards ? after : before;
    if (!(reading->query->is_backwards ? args->before : args->after))
        slice->behind = NULL;
    if (!(reading->query->is_backwards ? args->after : args->before))
        slice->until = NULL;
    return status;
}

/* ---- slices ---- */

/* The query of this shape that is there already, or this one. */
static struct pages_query *join(struct pages_op *op, struct pages_query *query)
{
    for (struct pages_query *other = op->queries; other; other = other->next) {
        if (!relation_query_equals(other, query))
            continue;
        relation_query_free(query);
        return other;
    }
    query->op = op;
    query->next = op->queries;
    op->queries = query;
    return query;
}

static entc_status read_slice(struct pages_op *op, const struct pages_asked *asked,
                              const entc_page_args *args, const char *name,
                              struct pages_slice *slice, entc_error **reterr)
{
    struct pages_query *query = relation_query_new(asked, args);
    const struct reading reading = {op, query, name};
    entc_status status = ENTC_OK;

    if (!query)
        return error_no_memory(reterr);
    if (args)
        slice->limit = args->first + args->last;
    if (args && (args->after || args->before))
        status = read_cursors(&reading, slice, args, reterr);
    if (status) {
        relation_query_free(query);
        return status;
    }
    query->first = slice;
    slice->query = join(op, query);
    return ENTC_OK;
}

entc_status relation_slices_read(struct pages_op *op, const struct pages_asked *asked,
                                 entc_error **reterr)
{
    entc_status status = ENTC_OK;
    char name[40] = "args";

    for (size_t i = 0; i < op->slice_count && !status; i++) {
        const entc_page_args *args =
            asked->args ? (const entc_page_args *)(const void *)((const char *)asked->args +
                                                                 i * asked->args_size)
                        : NULL;

        if (asked->args_size)
            snprintf(name, sizeof(name), "args[%zu]", i);
        if (!asked->sql)
            status = relation_check_args(args, name, reterr);
        if (!status && asked->args_size)
            status = relation_check_asked(asked->relation, args, name, reterr);
        if (!status)
            status = read_slice(op, asked, args, name, &op->slices[i], reterr);
    }
    return status;
}

void relation_slices_free(struct pages_op *op)
{
    const entc_allocator *allocator = engine_allocator(op->op.engine);

    for (size_t i = 0; i < op->slice_count; i++)
        base_release(allocator, op->slices[i].cursors);
    while (op->queries) {
        struct pages_query *query = op->queries;

        op->queries = query->next;
        relation_query_free(query);
    }
}

/* ---- the parents of each query ---- */

/* Values of each parent's key; a list has no key. */
static size_t key_parts(const struct pages_op *op)
{
    return op->relation ? op->relation->link.count : 0;
}

/* One block, from the widest to the narrowest: ids, positions, limits, parents. */
static bool make_room(struct pages_query *query)
{
    const size_t keys = query->parent_count * key_parts(query->op);
    const size_t positions = query->parent_count * query->position_count;
    const size_t behind = query->first->behind ? positions : 0;
    const size_t until = query->first->until ? positions : 0;
    entc_value *values = NULL;

    values = base_allocate_zeroed(query->rows.allocator,
                                  (keys + behind + until) * sizeof(*values) +
                                      query->parent_count * sizeof(*query->limits) +
                                      query->parent_count * sizeof(*query->parents));
    if (!values)
        return false;
    query->ids = values;
    values += keys;
    query->behind = behind ? values : NULL;
    query->until = until ? values + behind : NULL;
    query->limits = (int64_t *)(void *)(values + behind + until);
    query->parents = (uint32_t *)(void *)(query->limits + query->parent_count);
    return true;
}

static void place_parent(struct pages_query *query, const struct pages_op *op, uint32_t number)
{
    const struct pages_slice *slice = op->parents[number].slice;
    const size_t at = query->parent_count++;
    const size_t size = query->position_count * sizeof(entc_value);
    const size_t parts = key_parts(op);

    query->parents[at] = number;
    if (parts > 0)
        memcpy(&query->ids[at * parts], &op->parent_ids[number * parts],
               parts * sizeof(*query->ids));
    query->limits[at] = slice->limit + 1;
    if (query->behind)
        memcpy(query->behind + at * query->position_count, slice->behind, size);
    if (query->until)
        memcpy(query->until + at * query->position_count, slice->until, size);
}

/* All parents are of one slice that has no cursor: what they are is where it has to be. */
static bool is_simple(const struct pages_op *op)
{
    return op->slice_count == 1 && !op->slices[0].cursors;
}

bool relation_slices_group(struct pages_op *op)
{
    if (is_simple(op)) {
        op->queries->parent_count = op->parent_count;
        return true;
    }
    for (size_t i = 0; i < op->parent_count; i++)
        op->parents[i].slice->query->parent_count++;
    for (struct pages_query *query = op->queries; query; query = query->next) {
        if (!make_room(query))
            return false;
        query->parent_count = 0;
    }
    for (size_t i = 0; i < op->parent_count; i++)
        place_parent(op->parents[i].slice->query, op, (uint32_t)i);
    return true;
}
