/* Page arguments, checked before anything is sent: every refusal names the member and the cure.
 * What contradicts itself is refused rather than read in one of its meanings. */
#include "relation/pages.h"

#include <stdio.h>

#define FLAGS (ENTC_PAGE_IDS_ONLY | ENTC_PAGE_TOTAL | ENTC_PAGE_ALL)

static entc_status refuse(entc_error **reterr, const char *name, const char *wrong,
                          const char *cure)
{
    error_set(reterr, ENTC_E_INVALID, "argument", "%s.%s", name, wrong);
    error_hint(reterr, "%s", cure);
    return ENTC_E_INVALID;
}

entc_order relation_args_order(const entc_page_args *args, size_t number)
{
    entc_order order;

    memcpy(&order, (const char *)args->order + number * args->order_size, sizeof(order));
    return order;
}

entc_filter relation_args_filter(const entc_page_args *args, size_t number)
{
    entc_filter filter;

    memcpy(&filter, (const char *)args->filters + number * args->filter_size, sizeof(filter));
    return filter;
}

/* ---- order and filters ---- */

/* An array that the caller gives: where, how many, and with which stride. */
struct array {
    const char *name; /* of the member */
    const char *stem; /* of those that tell its count and size */
    const void *items;
    size_t count;
    size_t most;
    size_t size;
    size_t known_size;
};

static entc_status check_array(const struct array *array, const char *name, entc_error **reterr)
{
    char wrong[80] = "";

    if (array->count == 0)
        return ENTC_OK;
    if (!array->items) {
        snprintf(wrong, sizeof(wrong), "%s is NULL, but %s_count is %zu", array->name, array->stem,
                 array->count);
        return refuse(reterr, name, wrong, "pass as many as you count, or count 0");
    }
    if (array->size < array->known_size || array->size > RELATION_STRUCT_MAX) {
        snprintf(wrong, sizeof(wrong), "%s_size is %zu", array->stem, array->size);
        return refuse(reterr, name, wrong, "set it to sizeof the struct");
    }
    if (array->count > array->most) {
        snprintf(wrong, sizeof(wrong), "%s_count is %zu, above %zu", array->stem, array->count,
                 array->most);
        return refuse(reterr, name, wrong, "give fewer");
    }
    return ENTC_OK;
}

static entc_status check_order(const entc_order *order, const char *what, entc_error **reterr)
{
    char column[128] = "";
    entc_status status = ENTC_OK;

    snprintf(column, sizeof(column), "%s.column", what);
    status = relation_check_column(order->column, column, reterr);
    if (status)
        return status;
    if (order->descending <= 1 && !(order->flags & ~ENTC_ORDER_THROUGH))
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument", "%s.%s is %u", what,
              order->descending > 1 ? "descending" : "flags",
              (unsigned)(order->descending > 1 ? order->descending : order->flags));
    error_hint(reterr, "descending is 0 or 1, flags is 0 or ENTC_ORDER_THROUGH");
    return ENTC_E_INVALID;
}

static entc_status check_values(const entc_filter *filter, const char *what, entc_error **reterr)
{
    char value[128] = "";

    for (size_t i = 0; i < filter->value_count; i++) {
        entc_status status = ENTC_OK;

        snprintf(value, sizeof(value), "%s.values[%zu]", what, i);
        if (filter->values[i].type == ENTC_NULL) {
            error_set(reterr, ENTC_E_INVALID, "argument", "%s is NULL, which equals nothing",
                      value);
            error_hint(reterr, "test with ENTC_IS_NULL or ENTC_IS_NOT_NULL");
            return ENTC_E_INVALID;
        }
        status = relation_check_value(&filter->values[i], value, reterr);
        if (status)
            return status;
    }
    return ENTC_OK;
}

/* How many values a test takes, as far as that is fixed. */
static bool is_count_right(const entc_filter *filter)
{
    if (filter->test == ENTC_IN)
        return filter->value_count <= REPOSITORY_IDS_MAX;
    if (filter->test == ENTC_IS_NULL || filter->test == ENTC_IS_NOT_NULL)
        return filter->value_count == 0;
    return filter->value_count == 1;
}

static entc_status check_filter(const entc_filter *filter, const char *what, entc_error **reterr)
{
    char column[128] = "";
    entc_status status = ENTC_OK;

    snprintf(column, sizeof(column), "%s.column", what);
    status = relation_check_column(filter->column, column, reterr);
    if (status)
        return status;
    if (filter->test < ENTC_EQUAL || filter->test > ENTC_IS_NOT_NULL || filter->reserved != 0)
        return refuse(reterr, what, "test or .reserved is none that this release knows",
                      "test is ENTC_EQUAL to ENTC_IS_NOT_NULL, reserved is 0");
    if (!is_count_right(filter)) {
        error_set(reterr, ENTC_E_INVALID, "argument", "%s.value_count is %zu", what,
                  filter->value_count);
        error_hint(reterr, "ENTC_IN takes any number of values, ENTC_IS_NULL and "
                           "ENTC_IS_NOT_NULL none, all others one");
        return ENTC_E_INVALID;
    }
    if (filter->value_count > 0 && !filter->values)
        return refuse(reterr, what, "values is NULL, but value_count is not 0", "pass the values");
    return check_values(filter, what, reterr);
}

static entc_status check_orders(const entc_page_args *args, const char *name, entc_error **reterr)
{
    const struct array array = {"order",           "order",      args->order,
                                args->order_count, DB_ORDER_MAX, args->order_size,
                                sizeof(entc_order)};
    entc_status status = check_array(&array, name, reterr);
    char what[64] = "";

    for (size_t i = 0; i < args->order_count && !status; i++) {
        entc_order order = relation_args_order(args, i);

        snprintf(what, sizeof(what), "%s.order[%zu]", name, i);
        status = check_order(&order, what, reterr);
    }
    return status;
}

static entc_status check_filters(const entc_page_args *args, const char *name, entc_error **reterr)
{
    const struct array array = {"filters",          "filter",       args->filters,
                                args->filter_count, DB_FILTERS_MAX, args->filter_size,
                                sizeof(entc_filter)};
    entc_status status = check_array(&array, name, reterr);
    char what[64] = "";

    for (size_t i = 0; i < args->filter_count && !status; i++) {
        entc_filter filter = relation_args_filter(args, i);

        snprintf(what, sizeof(what), "%s.filters[%zu]", name, i);
        status = check_filter(&filter, what, reterr);
    }
    return status;
}

/* ---- which part ---- */

static entc_status refuse_number(entc_error **reterr, const char *name, const char *member,
                                 int32_t number)
{
    error_set(reterr, ENTC_E_INVALID, "argument", "%s.%s is %d", name, member, (int)number);
    error_hint(reterr, "it is 1 or more, or 0 when it is not asked");
    return ENTC_E_INVALID;
}

static entc_status check_part(const entc_page_args *args, const char *name, entc_error **reterr)
{
    if (args->first < 0)
        return refuse_number(reterr, name, "first", args->first);
    if (args->last < 0)
        return refuse_number(reterr, name, "last", args->last);
    if (args->flags & ENTC_PAGE_ALL) {
        if (args->first || args->last || args->after || args->before)
            return refuse(reterr, name,
                          "flags has ENTC_PAGE_ALL, but first, last, after or before is set too",
                          "leave them out, or the flag");
        return ENTC_OK;
    }
    if (args->first && args->last)
        return refuse(reterr, name, "first and .last are both set",
                      "set one of them: a page runs from one end");
    if (!args->first && !args->last)
        return refuse(reterr, name, "first is 0, and so is .last",
                      "say how many: ENTC_FIRST(n), ENTC_LAST(n), or the flag ENTC_PAGE_ALL");
    return ENTC_OK;
}

entc_status relation_check_args(const entc_page_args *args, const char *name, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (!args) {
        error_set(reterr, ENTC_E_INVALID, "argument", "%s is NULL", name);
        error_hint(reterr, "say how many: entc_page_args args = ENTC_FIRST(n)");
        return ENTC_E_INVALID;
    }
    status = relation_check_size(args, name, args->struct_size, sizeof(*args), reterr);
    if (status)
        return status;
    if (args->reserved != 0 || (args->flags & ~FLAGS)) {
        error_set(reterr, ENTC_E_INVALID, "argument", "%s.%s is %u", name,
                  args->reserved ? "reserved" : "flags",
                  (unsigned)(args->reserved ? args->reserved : args->flags));
        error_hint(reterr, "reserved is 0, flags are of ENTC_PAGE_");
        return ENTC_E_INVALID;
    }
    status = check_part(args, name, reterr);
    if (!status)
        status = check_orders(args, name, reterr);
    return status ? status : check_filters(args, name, reterr);
}

/* ---- for this relation ---- */

static entc_status check_through(const struct entc_relation *relation, const entc_page_args *args,
                                 const char *name, entc_error **reterr)
{
    if (relation && relation->link.table)
        return ENTC_OK;
    for (size_t i = 0; i < args->order_count; i++) {
        if (!relation_args_order(args, i).flags)
            continue;
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "%s.order[%zu].flags has ENTC_ORDER_THROUGH, but there is no join table", name,
                  i);
        error_hint(reterr, "only a many-to-many relation has one: leave the flag out");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

static entc_status check_most(const struct entc_relation *relation, const entc_page_args *args,
                              const char *name, entc_error **reterr)
{
    const bool is_all = (args->flags & ENTC_PAGE_ALL) != 0;
    const unsigned most = relation->max_first;
    const unsigned asked = (unsigned)args->first + (unsigned)args->last;

    if (most == 0 || (asked <= most && !is_all))
        return ENTC_OK;
    if (is_all)
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "relation \"%s\": %s.flags has ENTC_PAGE_ALL, but its max_first is %u",
                  relation->name, name, most);
    else
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "relation \"%s\": %s.%s is %u, above its max_first, which is %u", relation->name,
                  name, args->first ? "first" : "last", asked, most);
    error_hint(reterr, "ask for at most %u, page by page", most);
    return ENTC_E_INVALID;
}

/* There is one, or none, and it is taken by its id: nothing is asked of its table. */
static entc_status check_one(const struct entc_relation *relation, const entc_page_args *args,
                             const char *name, entc_error **reterr)
{
    const char *member = args->order_count               ? "order"
                         : args->filter_count            ? "filters"
                         : args->after                   ? "after"
                         : args->before                  ? "before"
                         : args->flags & ENTC_PAGE_TOTAL ? "flags, ENTC_PAGE_TOTAL,"
                                                         : NULL;

    if (!member)
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument",
              "relation \"%s\": %s.%s is set, but what an entity belongs to is one", relation->name,
              name, member);
    error_hint(reterr, "leave it out: such a relation takes the other by its id");
    return ENTC_E_INVALID;
}

entc_status relation_check_asked(const struct entc_relation *relation, const entc_page_args *args,
                                 const char *name, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (relation)
        status = check_most(relation, args, name, reterr);
    if (!status && relation && relation->kind == ENTC_RELATION_BELONGS_TO)
        status = check_one(relation, args, name, reterr);
    return status ? status : check_through(relation, args, name, reterr);
}
