/* Shapes: what one statement asks for all its parents, copied from the caller's arguments. Queries
 * of one shape are one statement. A page from the end is read backwards: the order is turned round,
 * so what follows only knows rows behind a position, and a limit.
 *
 * The fingerprint that binds cursors is made of names, and of no address or random key, so it is
 * the same in every process. Values of filters are not in it: a position means the same whatever
 * they are. */
#include "relation/pages.h"

/* ---- fingerprint ---- */

static uint64_t mix(uint64_t before, const char *text)
{
    const struct hash_key key = {before, UINT64_C(0x656e74635f6c6973)};

    return hash_bytes(&key, text, strlen(text) + 1);
}

static uint64_t mix_number(uint64_t before, uint64_t number)
{
    const struct hash_key key = {before, UINT64_C(0x656e74635f6e756d)};

    return hash_uint64(&key, number);
}

static uint64_t mix_relation(uint64_t before, const struct entc_relation *relation)
{
    const struct db_link *link = &relation->link;
    uint64_t print = mix(before, relation->name);

    for (uint32_t i = 0; i < link->count; i++)
        print = mix(print, link->columns[i]);
    return link->table ? mix(mix(print, link->schema), link->table) : print;
}

static uint64_t fingerprint_of(const struct pages_query *query, const struct pages_asked *asked)
{
    const struct schema_model *model = asked->impl->model;
    uint64_t print = mix_number(0, asked->relation != NULL);

    print = mix(mix(mix(print, model->schema), model->table), model->read_from);
    if (asked->relation)
        print = mix_relation(print, asked->relation);
    print = mix_number(print, query->order_count);
    for (size_t i = 0; i < query->order_count; i++) {
        print = mix(print, query->order[i].column);
        print = mix_number(print, query->order[i].is_descending);
        print = mix_number(print, query->order[i].is_through);
    }
    for (size_t i = 0; i < query->filter_count; i++) {
        print = mix(print, query->filters[i].column);
        print = mix_number(print, query->filters[i].test);
    }
    return print;
}

/* ---- order ---- */

static size_t order_count(const struct pages_asked *asked, const entc_page_args *args)
{
    if (args && args->order_count > 0)
        return args->order_count;
    return asked->relation ? asked->relation->order_count : 0;
}

/* The caller's columns are texts of ours; the others live as long as relation and model. */
static void copy_order(struct pages_query *query, const struct pages_asked *asked,
                       const entc_page_args *args)
{
    query->order_count = order_count(asked, args);
    if (args && args->order_count == 0 && query->order_count > 0)
        memcpy(query->order, asked->relation->order, query->order_count * sizeof(*query->order));
    for (size_t i = 0; args && i < args->order_count; i++) {
        entc_order order = relation_args_order(args, i);

        query->order[i] = (struct db_order){.is_descending = order.descending == 1,
                                            .is_through = (order.flags & ENTC_ORDER_THROUGH) != 0};
        buffer_append(&query->texts_given, order.column, strlen(order.column) + 1);
    }
}

static bool is_ordered_by(const struct pages_query *query, size_t count, const char *column)
{
    for (size_t i = 0; i < count; i++)
        if (!query->order[i].is_through && strcmp(query->order[i].column, column) == 0)
            return true;
    return false;
}

/* The port adds the key upwards; here it has to run downwards. */
static void turn_round(struct pages_query *query, const struct schema_model *model)
{
    const size_t given = query->order_count;

    for (size_t i = 0; i < given; i++)
        query->order[i].is_descending = !query->order[i].is_descending;
    for (uint32_t part = 0; part < model->type->key_count; part++) {
        const char *column = model->columns[model->type->key_fields[part]];

        if (!is_ordered_by(query, given, column))
            query->order[query->order_count++] =
                (struct db_order){.column = column, .is_descending = true};
    }
}

/* The key's parts, and what the order has beside them. */
static uint32_t position_count(const struct pages_query *query, const struct schema_model *model)
{
    uint32_t count = model->type->key_count;

    for (size_t i = 0; i < query->order_count; i++)
        count += query->order[i].is_through ||
                 schema_model_key_part(model, query->order[i].column) == model->type->key_count;
    return count;
}

/* ---- values ---- */

static void copy_value(struct pages_query *query, entc_value *ret_value, const entc_value *given)
{
    const size_t start = query->texts_given.length;

    *ret_value = (entc_value){.type = given->type == ENTC_NULL ? ENTC_NULL : ENTC_TEXT};
    if (given->type == ENTC_NULL)
        return;
    relation_value_text(&query->texts_given, given);
    ret_value->length = (uint32_t)(query->texts_given.length - start);
}

static void copy_filters(struct pages_query *query, const entc_page_args *args, entc_value *values)
{
    query->filter_count = args ? args->filter_count : 0;
    for (size_t i = 0; i < query->filter_count; i++) {
        entc_filter filter = relation_args_filter(args, i);

        query->filters[i] = (struct db_filter){
            .test = filter.test, .values = values, .value_count = filter.value_count};
        buffer_append(&query->texts_given, filter.column, strlen(filter.column) + 1);
        for (size_t v = 0; v < filter.value_count; v++)
            copy_value(query, values++, &filter.values[v]);
    }
}

static size_t value_count(const struct pages_asked *asked, const entc_page_args *args)
{
    size_t count = asked->param_count;

    for (size_t i = 0; args && i < args->filter_count; i++)
        count += relation_args_filter(args, i).value_count;
    return count;
}

/* ---- texts: they stand behind each other in the order in which they were copied ---- */

static const char *next_column(const char **texts)
{
    const char *column = *texts;

    *texts += strlen(column) + 1;
    return column;
}

static void place_values(entc_value *values, size_t count, const char **texts)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i].type == ENTC_NULL)
            continue;
        values[i].as.text = *texts;
        *texts += values[i].length;
    }
}

static void place_texts(struct pages_query *query, const entc_page_args *args, entc_value *values)
{
    const char *texts = query->texts_given.bytes;

    for (size_t i = 0; args && i < args->order_count; i++)
        query->order[i].column = next_column(&texts);
    for (size_t i = 0; i < query->filter_count; i++) {
        query->filters[i].column = next_column(&texts);
        place_values(values, query->filters[i].value_count, &texts);
        values += query->filters[i].value_count;
    }
    if (args)
        return;
    query->sql = next_column(&texts);
    place_values(values, query->param_count, &texts);
}

/* ---- queries ---- */

static void copy_statement(struct pages_query *query, const struct pages_asked *asked,
                           entc_value *params)
{
    buffer_append(&query->texts_given, asked->sql, strlen(asked->sql) + 1);
    query->params = params;
    query->param_count = asked->param_count;
    for (size_t i = 0; i < asked->param_count; i++)
        copy_value(query, &params[i], &asked->params[i]);
}

struct pages_query *relation_query_new(const struct pages_asked *asked, const entc_page_args *args)
{
    const struct schema_model *model = asked->impl->model;
    const entc_allocator *allocator = engine_allocator(asked->impl->services->engine);
    const size_t orders = order_count(asked, args) + model->type->key_count;
    const size_t filters = args ? args->filter_count : 0;
    const size_t values = value_count(asked, args);
    struct pages_query *query = NULL;
    entc_value *value = NULL;

    query = base_allocate_zeroed(allocator, sizeof(*query) + values * sizeof(*value) +
                                                filters * sizeof(*query->filters) +
                                                orders * sizeof(*query->order));
    if (!query)
        return NULL;
    buffer_init(&query->texts_given, allocator);
    buffer_init(&query->rows, allocator);
    buffer_init(&query->texts, allocator);
    value = (entc_value *)(void *)(query + 1);
    query->filters = (struct db_filter *)(void *)(value + values);
    query->order = (struct db_order *)(void *)(query->filters + filters);
    query->flags = args ? args->flags : 0;
    query->is_backwards = args && args->last > 0;
    copy_order(query, asked, args);
    copy_filters(query, args, value);
    if (!args)
        copy_statement(query, asked, value);
    if (query->texts_given.failed) {
        relation_query_free(query);
        return NULL;
    }
    place_texts(query, args, value);
    query->fingerprint = fingerprint_of(query, asked);
    if (query->is_backwards)
        turn_round(query, model);
    query->position_count = position_count(query, model);
    return query;
}

void relation_query_free(struct pages_query *query)
{
    const entc_allocator *allocator = query->rows.allocator;

    buffer_fini(&query->texts_given);
    buffer_fini(&query->rows);
    buffer_fini(&query->texts);
    base_release(allocator, query->ids);
    base_release(allocator, query);
}

/* ---- which are the same ---- */

static bool same_orders(const struct pages_query *left, const struct pages_query *right)
{
    if (left->order_count != right->order_count)
        return false;
    for (size_t i = 0; i < left->order_count; i++)
        if (left->order[i].is_descending != right->order[i].is_descending ||
            left->order[i].is_through != right->order[i].is_through ||
            strcmp(left->order[i].column, right->order[i].column) != 0)
            return false;
    return true;
}

static bool same_values(const struct db_filter *left, const struct db_filter *right)
{
    if (left->value_count != right->value_count)
        return false;
    for (size_t i = 0; i < left->value_count; i++)
        if (left->values[i].length != right->values[i].length ||
            (left->values[i].length > 0 && memcmp(left->values[i].as.text, right->values[i].as.text,
                                                  left->values[i].length) != 0))
            return false;
    return true;
}

static bool same_filters(const struct pages_query *left, const struct pages_query *right)
{
    if (left->filter_count != right->filter_count)
        return false;
    for (size_t i = 0; i < left->filter_count; i++)
        if (left->filters[i].test != right->filters[i].test ||
            strcmp(left->filters[i].column, right->filters[i].column) != 0 ||
            !same_values(&left->filters[i], &right->filters[i]))
            return false;
    return true;
}

/* Both have none, or the same values are NULL: then the same comparisons are made. */
static bool same_nulls(const entc_value *left, const entc_value *right, size_t count)
{
    if (!left != !right)
        return false;
    for (size_t i = 0; left && i < count; i++)
        if ((left[i].type == ENTC_NULL) != (right[i].type == ENTC_NULL))
            return false;
    return true;
}

bool relation_query_equals(const struct pages_query *left, const struct pages_query *right)
{
    return left->flags == right->flags && left->is_backwards == right->is_backwards &&
           same_orders(left, right) && same_filters(left, right) &&
           same_nulls(left->first->behind, right->first->behind, left->position_count) &&
           same_nulls(left->first->until, right->first->until, left->position_count);
}
