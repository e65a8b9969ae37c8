/* Lookups: a relation from the values of unique fields to the row that holds them. The statement
 * gives at most two ids for a key: one is the answer, none is an absence, and a second one tells
 * that the fields are not unique, which is that slot's error. */
#include "relation/pages.h"

#define SEVERAL "lookup of entity \"%s\": several rows hold one key"

/* ---- making ---- */

static entc_status refuse(entc_error **reterr, entc_status status,
                          const struct entc_repository_impl *impl, const char *field,
                          const char *what, const char *cure)
{
    error_set(reterr, status, "schema", "lookup of entity \"%s\": %s%s%s%s", impl->type->name,
              field ? "field \"" : "", field ? field : "", field ? "\" " : "", what);
    error_hint(reterr, "%s", cure);
    return status;
}

static entc_status check_field(const struct entc_repository_impl *impl, const char *const *fields,
                               size_t number, entc_error **reterr)
{
    const char *name = fields[number];
    uint32_t field = 0;

    if (!name)
        return refuse(reterr, ENTC_E_INVALID, impl, NULL, "one of its fields is NULL",
                      "name fields that the entity declares");
    field = schema_type_find(impl->type, name, strlen(name));
    if (field == impl->type->field_count)
        return refuse(reterr, ENTC_E_INVALID, impl, name, "is not declared",
                      "name a field, not a column, as the entity's descriptor has it");
    for (size_t i = 0; i < number; i++)
        if (strcmp(fields[i], name) == 0)
            return refuse(reterr, ENTC_E_INVALID, impl, name, "is named twice",
                          "name each field once");
    switch (impl->type->fields[field].type) {
    case ENTC_INT64:
    case ENTC_TEXT:
    case ENTC_UUID:
        return ENTC_OK;
    default:
        return refuse(reterr, ENTC_E_UNSUPPORTED, impl, name, "is of a type that no key has",
                      "look up by fields of type ENTC_INT64, ENTC_TEXT or ENTC_UUID");
    }
}

static entc_status check(const struct entc_repository_impl *impl, const char *const *fields,
                         size_t count, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (count == 0 || count > SCHEMA_KEY_MAX)
        return refuse(reterr, ENTC_E_INVALID, impl, NULL,
                      count ? "it has too many fields" : "it has no field",
                      "name the fields of one unique index, 1 to 32");
    for (size_t i = 0; i < count && status == ENTC_OK; i++)
        status = check_field(impl, fields, i, reterr);
    if (status == ENTC_OK && atomic_load(&impl->is_closed))
        status = repository_is_closed_error(impl, reterr);
    return status;
}

/* The names of columns are the model's, which the repository holds. */
entc_status relation_lookup_new(struct entc_repository_impl *impl, const char *const *fields,
                                size_t count, struct entc_lookup **ret_lookup, entc_error **reterr)
{
    const entc_status status = check(impl, fields, count, reterr);
    struct entc_relation *relation = NULL;
    const char **columns = NULL;
    uint32_t *numbers = NULL;
    uint32_t *types = NULL;

    if (status)
        return status;
    relation =
        base_allocate_zeroed(engine_allocator(impl->services->engine),
                             sizeof(*relation) + count * (sizeof(*columns) + 2 * sizeof(*numbers)));
    if (!relation)
        return error_no_memory(reterr);
    columns = (const char **)(void *)(relation + 1);
    numbers = (uint32_t *)(void *)(columns + count);
    types = numbers + count;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = schema_type_find(impl->type, fields[i], strlen(fields[i]));
        types[i] = impl->type->fields[numbers[i]].type;
        columns[i] = impl->model->columns[numbers[i]];
    }
    atomic_init(&relation->references, 1);
    relation->parents = repository_ref(impl);
    relation->children = repository_ref(impl);
    relation->kind = RELATION_LOOKUP;
    relation->name = "lookup";
    relation->fields = numbers;
    relation->link = (struct db_link){
        .columns = columns, .types = types, .count = (uint32_t)count, .index = DB_INDEX_UNIQUE};
    *ret_lookup = (struct entc_lookup *)(void *)relation;
    return ENTC_OK;
}

/* ---- keys ---- */

static entc_status refuse_value(const struct schema_type *type, uint32_t field, const char *what,
                                entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, "argument",
              "lookup of entity \"%s\": the value for field \"%s\" (%s) is %s", type->name,
              type->fields[field].name, schema_type_name(type->fields[field].type), what);
    error_hint(reterr, "pass what the column can hold, without NULL");
    return ENTC_E_INVALID;
}

static entc_status read_text(const struct schema_type *type, uint32_t field,
                             const entc_value *given, entc_value *ret_part, entc_error **reterr)
{
    if (given->type != ENTC_TEXT || (!given->as.text && given->length > 0))
        return refuse_value(type, field, "not text", reterr);
    if (memchr(given->as.text ? given->as.text : "", '\0', given->length) ||
        !text_is_utf8(given->as.text ? given->as.text : "", given->length))
        return refuse_value(type, field, "not UTF-8 without NUL", reterr);
    *ret_part = (entc_value){.type = ENTC_TEXT, .length = given->length};
    ret_part->as.text = given->as.text ? given->as.text : "";
    return ENTC_OK;
}

static entc_status read_part(const struct schema_type *type, uint32_t field,
                             const entc_value *given, entc_value *ret_part, entc_error **reterr)
{
    const bool is_text = given->type == ENTC_TEXT && given->as.text;
    const uint32_t wanted = type->fields[field].type;

    if (given->type == ENTC_NULL)
        return refuse_value(type, field, "NULL, which no row is found by", reterr);
    if (wanted == ENTC_TEXT)
        return read_text(type, field, given, ret_part, reterr);
    *ret_part = *given;
    ret_part->type = wanted;
    ret_part->length = 0;
    if (given->type == wanted)
        return ENTC_OK;
    if (wanted == ENTC_UUID)
        return is_text && codec_uuid_parse(given->as.text, given->length, ret_part->as.bytes)
                   ? ENTC_OK
                   : refuse_value(type, field, "no UUID", reterr);
    return is_text && text_to_int64(given->as.text, given->length, &ret_part->as.int64)
               ? ENTC_OK
               : refuse_value(type, field, "no integer", reterr);
}

entc_status relation_lookup_key(const struct entc_relation *relation, const entc_value *given,
                                entc_value *ret_key, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    for (uint32_t i = 0; i < relation->link.count && status == ENTC_OK; i++)
        status =
            read_part(relation->parents->type, relation->fields[i], &given[i], &ret_key[i], reterr);
    return status;
}

/* ---- the end ---- */

static entc_status slot_status(struct pages_op *op, const struct entc_page *page)
{
    if (page->count == 0)
        return ENTC_E_NOT_FOUND;
    if (!page->has_next)
        return page->statuses[0];
    if (!op->first_error) {
        error_set(&op->first_error, ENTC_E_SCHEMA, "schema", SEVERAL, op->impl->type->name);
        error_hint(&op->first_error, "make the columns unique, or use a relation, which gives all; "
                                     "entc_lookup_check() tells whether they are");
    }
    return ENTC_E_SCHEMA;
}

/* The failure that all slots share, or ENTC_OK; an absence is no failure. */
static entc_status common_status(const struct pages_op *op)
{
    const entc_status status = op->count > 0 ? op->statuses[0] : ENTC_OK;

    if (status == ENTC_E_NOT_FOUND)
        return ENTC_OK;
    for (size_t i = 1; i < op->count; i++)
        if (op->statuses[i] != status)
            return ENTC_OK;
    return status;
}

entc_status relation_lookup_end(struct pages_op *op, entc_error **ret_error)
{
    entc_status status = ENTC_OK;

    for (size_t i = 0; i < op->count; i++)
        if (op->statuses[i] == ENTC_OK)
            op->statuses[i] = slot_status(op, op->parents[op->asked[i]].page);
    status = common_status(op);
    if (status != ENTC_OK) {
        *ret_error = op->first_error;
        op->first_error = NULL;
    }
    return status;
}

/* ---- taking ---- */

static struct pages_op *lookup_op(entc_op *base)
{
    return base->kind == &relation_lookup_kind ? (struct pages_op *)base : NULL;
}

size_t relation_lookup_count(entc_op *base)
{
    const struct pages_op *op = lookup_op(base);

    return op ? op->count : SIZE_MAX;
}

/* The entity of a slot that is there, if the request may have it. */
static entc_status deliver(const struct pages_op *op, size_t slot, struct entc_entity **ret_entity)
{
    struct entc_entity *entity = NULL;
    entc_status status = op->statuses[slot];

    if (status == ENTC_OK) {
        entity = op->parents[op->asked[slot]].page->entities[0];
        status = repository_authorize(op->request, op->impl, entity);
    }
    *ret_entity = status == ENTC_OK ? entity_ref(entity) : NULL;
    return status;
}

entc_status relation_lookup_deliver(entc_op *base, struct entc_entity **ret_entities,
                                    entc_status *ret_statuses, size_t count)
{
    struct pages_op *op = lookup_op(base);
    const entc_status status = relation_check_take(op, count);

    for (size_t i = 0; i < count; i++) {
        entc_status slot = status;

        ret_entities[i] = NULL;
        if (status == ENTC_OK)
            slot = deliver(op, i, &ret_entities[i]);
        if (ret_statuses)
            ret_statuses[i] = slot;
    }
    if (status == ENTC_OK)
        op->is_taken = true;
    return status;
}
