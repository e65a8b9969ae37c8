/* What the host gave, checked before anything is sent: every refusal names the member and the cure.
 * Column names are quoted where they are used, so any name that PostgreSQL could have is let
 * through; the database knows whether it has it. */
#include "relation/pages.h"

#include <stdio.h>

/* Far above what will ever be; a larger size is a struct that was not initialised. */
#define STRUCT_SIZE_MAX 4096u

entc_status relation_check_size(const void *given, const char *name, size_t size, size_t known,
                                entc_error **reterr)
{
    const unsigned char *bytes = given;

    if (size < known || size > STRUCT_SIZE_MAX) {
        error_set(reterr, ENTC_E_INVALID, "argument", "%s.struct_size is %zu, which no release had",
                  name, size);
        error_hint(reterr, "set it to sizeof the struct");
        return ENTC_E_INVALID;
    }
    for (size_t i = known; i < size; i++) {
        if (bytes[i] == 0)
            continue;
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "%s has a member beyond %zu bytes that this release does not know", name, known);
        error_hint(reterr, "leave it zero, or use a newer library");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

entc_status relation_check_column(const char *column, const char *what, entc_error **reterr)
{
    size_t length = column ? strnlen(column, SCHEMA_NAME_MAX + 1) : 0;

    if (length > 0 && length <= SCHEMA_NAME_MAX && text_is_utf8(column, length))
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument", "%s is %s", what,
              !column                    ? "NULL"
              : length == 0              ? "empty"
              : length > SCHEMA_NAME_MAX ? "longer than 63 bytes"
                                         : "not UTF-8");
    error_hint(reterr, "name a column as the catalogue has it, 1 to 63 bytes, without quotes");
    return ENTC_E_INVALID;
}

entc_order relation_args_order(const entc_page_args *args, size_t number)
{
    entc_order order;

    memcpy(&order, (const char *)args->order + number * args->order_size, sizeof(order));
    return order;
}

static entc_status check_order(const entc_page_args *args, size_t number, entc_error **reterr)
{
    entc_order order = relation_args_order(args, number);
    char what[64] = "";
    entc_status status = ENTC_OK;

    snprintf(what, sizeof(what), "args.order[%zu].column", number);
    status = relation_check_column(order.column, what, reterr);
    if (status)
        return status;
    if (order.descending > 1 || (order.flags & ~ENTC_ORDER_THROUGH) != 0) {
        error_set(reterr, ENTC_E_INVALID, "argument", "args.order[%zu].%s is %u", number,
                  order.descending > 1 ? "descending" : "flags",
                  (unsigned)(order.descending > 1 ? order.descending : order.flags));
        error_hint(reterr, "descending is 0 or 1, flags is 0 or ENTC_ORDER_THROUGH");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

static entc_status check_orders(const entc_page_args *args, entc_error **reterr)
{
    if (args->order_count == 0)
        return ENTC_OK;
    if (!args->order) {
        error_set(reterr, ENTC_E_INVALID, "argument", "args.order is NULL, but order_count is %zu",
                  args->order_count);
        error_hint(reterr, "pass the columns, or order_count 0 for the default order");
        return ENTC_E_INVALID;
    }
    if (args->order_size < sizeof(entc_order) || args->order_size > STRUCT_SIZE_MAX) {
        error_set(reterr, ENTC_E_INVALID, "argument", "args.order_size is %zu", args->order_size);
        error_hint(reterr, "set it to sizeof(entc_order)");
        return ENTC_E_INVALID;
    }
    if (args->order_count > SCHEMA_FIELDS_MAX) {
        error_set(reterr, ENTC_E_INVALID, "argument", "args.order_count is %zu", args->order_count);
        error_hint(reterr, "no table has so many columns");
        return ENTC_E_INVALID;
    }
    for (size_t i = 0; i < args->order_count; i++) {
        entc_status status = check_order(args, i, reterr);

        if (status)
            return status;
    }
    return ENTC_OK;
}

entc_status relation_check_args(const entc_page_args *args, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (!args) {
        error_set(reterr, ENTC_E_INVALID, "argument", "args is NULL");
        error_hint(reterr, "say how many: entc_page_args args = ENTC_FIRST(n)");
        return ENTC_E_INVALID;
    }
    status = relation_check_size(args, "args", args->struct_size, sizeof(*args), reterr);
    if (status)
        return status;
    if (args->first < 1 || args->reserved != 0) {
        error_set(reterr, ENTC_E_INVALID, "argument", "args.%s is %lld",
                  args->first < 1 ? "first" : "reserved",
                  args->first < 1 ? (long long)args->first : (long long)args->reserved);
        error_hint(reterr, "first is 1 or more, reserved is 0");
        return ENTC_E_INVALID;
    }
    return check_orders(args, reterr);
}

static entc_status check_through(const struct entc_relation *relation, const entc_page_args *args,
                                 entc_error **reterr)
{
    if (relation && relation->link.table)
        return ENTC_OK;
    for (size_t i = 0; i < args->order_count; i++) {
        if (!relation_args_order(args, i).flags)
            continue;
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "args.order[%zu].flags has ENTC_ORDER_THROUGH, but there is no join table", i);
        error_hint(reterr, "only a many-to-many relation has one: leave the flag out");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

entc_status relation_check_asked(const struct entc_relation *relation, const entc_page_args *args,
                                 entc_error **reterr)
{
    if (relation && relation->max_first > 0 && (uint32_t)args->first > relation->max_first) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "relation \"%s\": args.first is %d, above its max_first, which is %u",
                  relation->name, (int)args->first, (unsigned)relation->max_first);
        error_hint(reterr, "ask for at most %u, page by page", (unsigned)relation->max_first);
        return ENTC_E_INVALID;
    }
    if (relation && relation->kind == ENTC_RELATION_BELONGS_TO && args->order_count > 0) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "relation \"%s\": args.order is set, but what an entity belongs to is one",
                  relation->name);
        error_hint(reterr, "leave the order out");
        return ENTC_E_INVALID;
    }
    return check_through(relation, args, reterr);
}
