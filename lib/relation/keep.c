/* Args that outlive the call that gave them: one block, with all that they point to. Two that are
 * equal ask for the same page of a parent. */
#include "relation/pages.h"

struct relation_kept_args {
    entc_page_args args;
};

static bool is_text(const entc_value *value)
{
    return value->type == ENTC_TEXT || value->type == ENTC_BYTES || value->type == ENTC_JSON;
}

/* ---- how much it is ---- */

struct sizes {
    size_t values;
    size_t text_bytes;
};

static size_t optional_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static struct sizes measure(const entc_page_args *args)
{
    struct sizes sizes = {0, optional_bytes(args->after) + optional_bytes(args->before) +
                                 optional_bytes(args->path)};

    for (size_t i = 0; i < args->order_count; i++)
        sizes.text_bytes += strlen(relation_args_order(args, i).column) + 1;
    for (size_t i = 0; i < args->filter_count; i++) {
        const entc_filter filter = relation_args_filter(args, i);

        sizes.values += filter.value_count;
        sizes.text_bytes += strlen(filter.column) + 1;
        for (size_t v = 0; v < filter.value_count; v++)
            if (is_text(&filter.values[v]))
                sizes.text_bytes += filter.values[v].length;
    }
    return sizes;
}

/* ---- copying ---- */

static const char *copy(char **texts, const char *bytes, size_t length)
{
    char *place = *texts;

    if (length > 0)
        memcpy(place, bytes, length);
    *texts += length;
    return place;
}

static const char *copy_text(char **texts, const char *text)
{
    return text ? copy(texts, text, strlen(text) + 1) : NULL;
}

static void copy_order(const entc_page_args *args, entc_order *order, char **texts)
{
    for (size_t i = 0; i < args->order_count; i++) {
        order[i] = relation_args_order(args, i);
        order[i].column = copy_text(texts, order[i].column);
    }
}

static void copy_filters(const entc_page_args *args, entc_filter *filters, entc_value *values,
                         char **texts)
{
    for (size_t i = 0; i < args->filter_count; i++) {
        entc_filter *filter = &filters[i];

        *filter = relation_args_filter(args, i);
        filter->column = copy_text(texts, filter->column);
        for (size_t v = 0; v < filter->value_count; v++) {
            values[v] = filter->values[v];
            if (is_text(&values[v]))
                values[v].as.text = copy(texts, values[v].as.text, values[v].length);
        }
        filter->values = values;
        values += filter->value_count;
    }
}

struct relation_kept_args *relation_args_keep(const entc_page_args *args,
                                              const entc_allocator *allocator)
{
    const struct sizes sizes = measure(args);
    struct relation_kept_args *kept = NULL;
    entc_value *values = NULL;
    entc_filter *filters = NULL;
    entc_order *order = NULL;
    char *texts = NULL;

    kept =
        base_allocate_zeroed(allocator, sizeof(*kept) + sizes.values * sizeof(*values) +
                                            args->filter_count * sizeof(*filters) +
                                            args->order_count * sizeof(*order) + sizes.text_bytes);
    if (!kept)
        return NULL;
    values = (entc_value *)(void *)(kept + 1);
    filters = (entc_filter *)(void *)(values + sizes.values);
    order = (entc_order *)(void *)(filters + args->filter_count);
    texts = (char *)(order + args->order_count);
    memcpy(&kept->args, args, sizeof(kept->args));
    kept->args.struct_size = sizeof(kept->args);
    kept->args.order = args->order_count ? order : NULL;
    kept->args.order_size = sizeof(*order);
    kept->args.filters = args->filter_count ? filters : NULL;
    kept->args.filter_size = sizeof(*filters);
    copy_order(args, order, &texts);
    copy_filters(args, filters, values, &texts);
    kept->args.after = copy_text(&texts, args->after);
    kept->args.before = copy_text(&texts, args->before);
    kept->args.path = copy_text(&texts, args->path);
    return kept;
}

void relation_args_free(struct relation_kept_args *kept, const entc_allocator *allocator)
{
    base_release(allocator, kept);
}

const entc_page_args *relation_kept_args(const struct relation_kept_args *kept)
{
    return &kept->args;
}

/* ---- comparing ---- */

static bool same_text(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}

static bool same_value(const entc_value *left, const entc_value *right)
{
    if (left->type != right->type || left->length != right->length)
        return false;
    if (is_text(left))
        return left->length == 0 || memcmp(left->as.text, right->as.text, left->length) == 0;
    if (left->type == ENTC_UUID)
        return memcmp(left->as.bytes, right->as.bytes, sizeof(left->as.bytes)) == 0;
    return memcmp(&left->as, &right->as, sizeof(left->as.int64)) == 0;
}

static bool same_filter(const entc_filter *left, const entc_filter *right)
{
    if (left->test != right->test || left->value_count != right->value_count ||
        strcmp(left->column, right->column) != 0)
        return false;
    for (size_t i = 0; i < left->value_count; i++)
        if (!same_value(&left->values[i], &right->values[i]))
            return false;
    return true;
}

/* The path is none of what is asked: the first one's stands for all. */
bool relation_args_are_kept(const struct relation_kept_args *kept, const entc_page_args *args)
{
    const entc_page_args *mine = &kept->args;

    if (mine->first != args->first || mine->last != args->last || mine->flags != args->flags ||
        mine->order_count != args->order_count || mine->filter_count != args->filter_count ||
        !same_text(mine->after, args->after) || !same_text(mine->before, args->before))
        return false;
    for (size_t i = 0; i < args->order_count; i++) {
        const entc_order order = relation_args_order(args, i);

        if (mine->order[i].descending != order.descending || mine->order[i].flags != order.flags ||
            strcmp(mine->order[i].column, order.column) != 0)
            return false;
    }
    for (size_t i = 0; i < args->filter_count; i++) {
        const entc_filter filter = relation_args_filter(args, i);

        if (!same_filter(&mine->filters[i], &filter))
            return false;
    }
    return true;
}
