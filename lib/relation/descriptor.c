/* What a relation's descriptor may say. Everything that needs no server is checked here, so that a
 * relation that was made can be asked: which members its kind has, how many columns the key wants,
 * and, where the fields are declared, that their types are those of the key. */
#include "relation/pages.h"

#include <stdarg.h>
#include <stdio.h>

static entc_status refuse(entc_error **reterr, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static entc_status refuse(entc_error **reterr, const char *hint, const char *format, ...)
{
    char message[320] = "";
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    error_set(reterr, ENTC_E_INVALID, "schema", "%s", message);
    error_hint(reterr, "%s", hint);
    return ENTC_E_INVALID;
}

/* ---- columns ---- */

struct relation_columns relation_foreign_columns(const entc_relation_desc *desc)
{
    if (desc->foreign_columns)
        return (struct relation_columns){desc->foreign_columns, desc->foreign_count};
    return (struct relation_columns){&desc->foreign_column, 1};
}

struct relation_columns relation_child_columns(const entc_relation_desc *desc)
{
    if (desc->kind != ENTC_RELATION_MANY_TO_MANY)
        return (struct relation_columns){NULL, 0};
    if (desc->child_columns)
        return (struct relation_columns){desc->child_columns, desc->child_count};
    return (struct relation_columns){&desc->child_column, 1};
}

/* What the host gave: one column, or an array. */
struct given {
    const char *what; /* the members' name: "foreign_column" */
    const char *single;
    const char *const *several;
    size_t count;
};

static entc_status check_columns(const struct given *given, const struct schema_type *key,
                                 entc_error **reterr)
{
    const size_t count = given->several ? given->count : 1;
    char what[64] = "";
    entc_status status = ENTC_OK;

    if (given->single && given->several)
        return refuse(reterr, "leave one of them NULL", "desc.%s and desc.%ss are both set",
                      given->what, given->what);
    if (!given->several && given->count > 0)
        return refuse(reterr, "pass the columns, or a count of 0",
                      "desc.%ss is NULL, but its count is %zu", given->what, given->count);
    if (count != key->key_count)
        return refuse(reterr, "name a column for each field of the key, in its order",
                      "desc.%s%s: %zu given, but the key of entity \"%s\" has %u", given->what,
                      given->several ? "s" : "", count, key->name, (unsigned)key->key_count);
    for (size_t i = 0; i < count && status == ENTC_OK; i++) {
        snprintf(what, sizeof(what), given->several ? "desc.%ss[%zu]" : "desc.%s", given->what, i);
        status =
            relation_check_column(given->several ? given->several[i] : given->single, what, reterr);
    }
    return status;
}

/* The fields of the entity it starts at hold the other's key: so they are of its types. */
static entc_status check_fields(const struct schema_model *model, const struct schema_type *other,
                                const entc_relation_desc *desc, entc_error **reterr)
{
    const struct relation_columns columns = relation_foreign_columns(desc);

    for (uint32_t i = 0; i < other->key_count; i++) {
        const uint32_t wanted = other->fields[other->key_fields[i]].type;
        const uint32_t field = schema_model_find(model, columns.names[i]);

        if (field == model->type->field_count)
            return refuse(reterr, "declare it as a field, so that its value is in the cache",
                          "relation \"%s\": entity \"%s\" has no field of column \"%s\"",
                          desc->name, model->type->name, columns.names[i]);
        if (model->type->fields[field].type != wanted)
            return refuse(reterr, "declare both as what the columns are",
                          "relation \"%s\": field \"%s\" of entity \"%s\" is ENTC_%s, but the key "
                          "of entity \"%s\" is ENTC_%s",
                          desc->name, model->type->fields[field].name, model->type->name,
                          schema_type_name(model->type->fields[field].type), other->name,
                          schema_type_name(wanted));
    }
    return ENTC_OK;
}

/* ---- order ---- */

entc_order relation_desc_order(const entc_relation_desc *desc, size_t number)
{
    entc_order order;

    memcpy(&order, (const char *)desc->order + number * desc->order_size, sizeof(order));
    return order;
}

static entc_status check_order_column(const entc_relation_desc *desc, size_t number,
                                      entc_error **reterr)
{
    const entc_order order = relation_desc_order(desc, number);
    char what[64] = "";
    entc_status status = ENTC_OK;

    snprintf(what, sizeof(what), "desc.order[%zu].column", number);
    status = relation_check_column(order.column, what, reterr);
    if (status)
        return status;
    if (order.descending > 1)
        return refuse(reterr, "1 orders downwards, 0 upwards",
                      "desc.order[%zu].descending is neither 0 nor 1", number);
    if (order.flags & ~ENTC_ORDER_THROUGH)
        return refuse(reterr, "this release has ENTC_ORDER_THROUGH",
                      "desc.order[%zu].flags has the unknown flags 0x%x", number,
                      (unsigned)(order.flags & ~ENTC_ORDER_THROUGH));
    if (order.flags && desc->kind != ENTC_RELATION_MANY_TO_MANY)
        return refuse(reterr, "only a many-to-many relation has a join table",
                      "desc.order[%zu].flags has ENTC_ORDER_THROUGH, but there is no join table",
                      number);
    return ENTC_OK;
}

static entc_status check_order(const entc_relation_desc *desc, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (desc->order_descending > 1)
        return refuse(reterr, "1 orders downwards, 0 upwards",
                      "desc.order_descending is neither 0 nor 1");
    if (desc->order_column)
        status = relation_check_column(desc->order_column, "desc.order_column", reterr);
    if (status)
        return status;
    if (desc->order_count > 0 && (desc->order_column || desc->order_descending))
        return refuse(reterr, "name all columns, with their directions, in desc.order",
                      "desc.order and desc.order_%s are both set",
                      desc->order_column ? "column" : "descending");
    if (desc->order_count > 0 && !desc->order)
        return refuse(reterr, "pass the columns, or order_count 0",
                      "desc.order is NULL, but order_count is %zu", desc->order_count);
    if (desc->order_count > SCHEMA_FIELDS_MAX)
        return refuse(reterr, "no table has so many columns", "desc.order_count is %zu",
                      desc->order_count);
    if (desc->order_count > 0 && desc->order_size < sizeof(entc_order))
        return refuse(reterr, "set it to sizeof(entc_order)", "desc.order_size is %zu",
                      desc->order_size);
    for (size_t i = 0; i < desc->order_count && status == ENTC_OK; i++)
        status = check_order_column(desc, i, reterr);
    return status;
}

/* ---- kinds ---- */

static entc_status check_members(const entc_relation_desc *desc, entc_error **reterr)
{
    if (desc->kind < ENTC_RELATION_HAS_MANY || desc->kind > ENTC_RELATION_MANY_TO_MANY)
        return refuse(reterr,
                      "use ENTC_RELATION_HAS_MANY, ENTC_RELATION_BELONGS_TO or "
                      "ENTC_RELATION_MANY_TO_MANY",
                      "desc.kind is %u, which this release does not know", (unsigned)desc->kind);
    if (!desc->name || !desc->name[0] || !text_is_utf8(desc->name, strlen(desc->name)))
        return refuse(reterr, "name the relation as reports and errors shall call it",
                      "desc.name is missing or not UTF-8");
    if (desc->guard > ENTC_GUARD_REFUSE)
        return refuse(reterr, "use ENTC_GUARD_BATCH or ENTC_GUARD_REFUSE", "desc.guard is %u",
                      (unsigned)desc->guard);
    if (desc->max_first < 0)
        return refuse(reterr, "give the largest page that is allowed, or 0 for any",
                      "desc.max_first is %d", (int)desc->max_first);
    return ENTC_OK;
}

static entc_status check_join(const entc_relation_desc *desc, const struct schema_type *children,
                              entc_error **reterr)
{
    const struct given given = {"child_column", desc->child_column, desc->child_columns,
                                desc->child_count};
    entc_status status = ENTC_OK;

    if (desc->kind != ENTC_RELATION_MANY_TO_MANY) {
        if (desc->through || desc->through_schema || desc->child_column || desc->child_columns)
            return refuse(reterr, "only a many-to-many relation has a join table",
                          "desc.%s is set, but desc.kind is not ENTC_RELATION_MANY_TO_MANY",
                          desc->through          ? "through"
                          : desc->through_schema ? "through_schema"
                                                 : "child_column");
        return ENTC_OK;
    }
    status = relation_check_column(desc->through, "desc.through", reterr);
    if (status == ENTC_OK && desc->through_schema)
        status = relation_check_column(desc->through_schema, "desc.through_schema", reterr);
    return status ? status : check_columns(&given, children, reterr);
}

static entc_status check_belongs_to(const struct schema_model *model,
                                    const struct schema_type *other, const entc_relation_desc *desc,
                                    entc_error **reterr)
{
    if (desc->order_column || desc->order_descending || desc->order_count > 0)
        return refuse(reterr, "leave the order out",
                      "desc.order is set, but what an entity belongs to is one");
    return check_fields(model, other, desc, reterr);
}

entc_status relation_check_desc(const struct entc_repository_impl *parents,
                                const struct entc_repository_impl *children,
                                const entc_relation_desc *desc, entc_error **reterr)
{
    const bool is_belonging = desc->kind == ENTC_RELATION_BELONGS_TO;
    const struct schema_type *key = is_belonging ? children->type : parents->type;
    const struct given given = {"foreign_column", desc->foreign_column, desc->foreign_columns,
                                desc->foreign_count};
    entc_status status = check_members(desc, reterr);

    if (status == ENTC_OK)
        status = check_columns(&given, key, reterr);
    if (status == ENTC_OK)
        status = check_join(desc, children->type, reterr);
    if (status == ENTC_OK)
        status = check_order(desc, reterr);
    if (status == ENTC_OK && is_belonging)
        status = check_belongs_to(parents->model, children->type, desc, reterr);
    return status;
}
