/* Relations: a checked copy of the descriptor, and the two repositories that it ties. Immutable, so
 * any thread may read it; one block with its texts. */
#include "relation/pages.h"

static entc_status check(const struct entc_repository_impl *parents,
                         const struct entc_repository_impl *children,
                         const entc_relation_desc *desc, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (!desc) {
        error_set(reterr, ENTC_E_INVALID, "schema", "the relation's desc is NULL");
        error_hint(reterr,
                   "use ENTC_HAS_MANY(...), ENTC_BELONGS_TO(...) or ENTC_MANY_TO_MANY(...)");
        return ENTC_E_INVALID;
    }
    status = relation_check_size(desc, "desc", desc->struct_size, sizeof(*desc), reterr);
    if (status)
        return status;
    if (parents->services->engine != children->services->engine) {
        error_set(reterr, ENTC_E_INVALID, "schema",
                  "parents and children are repositories of two engines");
        error_hint(reterr, "make both with the same engine");
        return ENTC_E_INVALID;
    }
    status = relation_check_desc(parents, children, desc, reterr);
    if (status)
        return status;
    if (atomic_load(&parents->is_closed))
        return repository_is_closed_error(parents, reterr);
    return atomic_load(&children->is_closed) ? repository_is_closed_error(children, reterr)
                                             : ENTC_OK;
}

/* ---- the copy ---- */

/* What a relation is made of, before it is copied. */
struct source {
    struct entc_repository_impl *parents;
    struct entc_repository_impl *children;
    const entc_relation_desc *desc;
    struct relation_columns foreign;
    struct relation_columns child;
    size_t order_count;
};

/* The columns of the default order; none for the key upwards, which is what the port does by
 * itself. A key downwards is all its parts downwards. */
static size_t order_count(const struct entc_repository_impl *children,
                          const entc_relation_desc *desc)
{
    if (desc->order_count > 0)
        return desc->order_count;
    if (desc->order_column)
        return 1;
    return desc->order_descending ? children->type->key_count : 0;
}

static entc_order order_at(const struct source *source, size_t number)
{
    const entc_relation_desc *desc = source->desc;
    const struct entc_repository_impl *children = source->children;

    if (desc->order_count > 0)
        return relation_desc_order(desc, number);
    if (desc->order_column)
        return (entc_order){desc->order_column, desc->order_descending, 0};
    return (entc_order){children->model->columns[children->type->key_fields[number]], 1, 0};
}

static const char *through_schema(const struct source *source)
{
    return source->desc->through_schema ? source->desc->through_schema
                                        : source->children->model->schema;
}

static size_t block_bytes(const struct source *source)
{
    const size_t columns = source->foreign.count + source->child.count;
    size_t bytes = source->order_count * sizeof(struct db_order) + columns * sizeof(char *) +
                   2 * source->foreign.count * sizeof(uint32_t) + strlen(source->desc->name) + 1;

    for (size_t i = 0; i < source->foreign.count; i++)
        bytes += strlen(source->foreign.names[i]) + 1;
    for (size_t i = 0; i < source->child.count; i++)
        bytes += strlen(source->child.names[i]) + 1;
    for (size_t i = 0; i < source->order_count; i++)
        bytes += strlen(order_at(source, i).column) + 1;
    if (source->desc->through)
        bytes += strlen(source->desc->through) + 1 + strlen(through_schema(source)) + 1;
    return bytes;
}

static const char *copy(char **rest, const char *text)
{
    size_t size = strlen(text) + 1;
    char *place = *rest;

    memcpy(place, text, size);
    *rest += size;
    return place;
}

static void copy_columns(const char **columns, const struct relation_columns *given, char **rest)
{
    for (size_t i = 0; i < given->count; i++)
        columns[i] = copy(rest, given->names[i]);
}

static void copy_order(struct db_order *order, const struct source *source, char **rest)
{
    for (size_t i = 0; i < source->order_count; i++) {
        const entc_order given = order_at(source, i);

        order[i] = (struct db_order){.column = copy(rest, given.column),
                                     .is_descending = given.descending == 1,
                                     .is_through = (given.flags & ENTC_ORDER_THROUGH) != 0};
    }
}

/* The key is that of the children when the parents belong to them, and else that of the parents. */
static void fill_parts(const struct source *source, uint32_t *types, uint32_t *fields)
{
    const bool is_belonging = source->desc->kind == ENTC_RELATION_BELONGS_TO;
    const struct schema_type *key = is_belonging ? source->children->type : source->parents->type;

    for (uint32_t i = 0; i < key->key_count; i++) {
        types[i] = key->fields[key->key_fields[i]].type;
        if (is_belonging)
            fields[i] = schema_model_find(source->parents->model, source->foreign.names[i]);
    }
}

static void fill_link(struct db_link *link, const struct source *source, char **rest)
{
    if (source->desc->kind != ENTC_RELATION_BELONGS_TO)
        link->index = DB_INDEX_LEADING;
    if (!source->desc->through)
        return;
    link->schema = copy(rest, through_schema(source));
    link->table = copy(rest, source->desc->through);
}

static void fill(struct entc_relation *relation, const struct source *source)
{
    const size_t parts = source->foreign.count;
    char *rest = (char *)(relation + 1);
    /* From the widest to the narrowest, so that each is aligned; the texts last. */
    struct db_order *order = base_carve(&rest, source->order_count, sizeof(*order));
    const char **columns = base_carve(&rest, parts, sizeof(*columns));
    const char **child_columns = base_carve(&rest, source->child.count, sizeof(*child_columns));
    uint32_t *types = base_carve(&rest, parts, sizeof(*types));
    uint32_t *fields = base_carve(&rest, parts, sizeof(*fields));

    copy_order(order, source, &rest);
    copy_columns(columns, &source->foreign, &rest);
    copy_columns(child_columns, &source->child, &rest);
    fill_parts(source, types, fields);
    relation->kind = source->desc->kind;
    relation->guard = source->desc->guard;
    relation->max_first = (uint32_t)source->desc->max_first;
    relation->order = order;
    relation->order_count = source->order_count;
    relation->name = copy(&rest, source->desc->name);
    relation->fields = fields;
    relation->link = (struct db_link){.columns = columns,
                                      .types = types,
                                      .count = (uint32_t)parts,
                                      .child_columns = child_columns};
    fill_link(&relation->link, source, &rest);
}

entc_status relation_new(struct entc_repository_impl *parents,
                         struct entc_repository_impl *children, const entc_relation_desc *desc,
                         struct entc_relation **ret_relation, entc_error **reterr)
{
    struct source source = {.parents = parents, .children = children, .desc = desc};
    entc_status status = check(parents, children, desc, reterr);
    struct entc_relation *relation = NULL;

    if (status)
        return status;
    source.foreign = relation_foreign_columns(desc);
    source.child = relation_child_columns(desc);
    source.order_count = order_count(children, desc);
    relation = base_allocate_zeroed(engine_allocator(parents->services->engine),
                                    sizeof(*relation) + block_bytes(&source));
    if (!relation)
        return error_no_memory(reterr);
    atomic_init(&relation->references, 1);
    relation->parents = repository_ref(parents);
    relation->children = repository_ref(children);
    fill(relation, &source);
    *ret_relation = relation;
    return ENTC_OK;
}

static void release(void *owner)
{
    relation_unref(owner);
}

/* Of BELONGS_TO, the columns are those of the table that it starts at. */
entc_status relation_check(struct entc_relation *relation, const struct repository_call *call,
                           entc_op **ret_op, entc_error **reterr)
{
    struct entc_repository_impl *holder =
        relation->kind == ENTC_RELATION_BELONGS_TO ? relation->parents : relation->children;
    const struct repository_check check = {.link = &relation->link,
                                           .order = relation->order,
                                           .order_count = relation->order_count,
                                           .owner = relation,
                                           .release = release};
    entc_status status = ENTC_OK;

    if (atomic_load(&relation->parents->is_closed))
        return repository_is_closed_error(relation->parents, reterr);
    relation_ref(relation);
    status = repository_check(holder, &check, call, ret_op, reterr);
    if (status)
        relation_unref(relation);
    return status;
}

struct entc_relation *relation_ref(struct entc_relation *relation)
{
    atomic_fetch_add_explicit(&relation->references, 1, memory_order_relaxed);
    return relation;
}

void relation_unref(struct entc_relation *relation)
{
    struct entc_repository_impl *parents = NULL;
    struct entc_repository_impl *children = NULL;
    entc_allocator allocator;

    if (!relation || atomic_fetch_sub_explicit(&relation->references, 1, memory_order_acq_rel) != 1)
        return;
    parents = relation->parents;
    children = relation->children;
    allocator = *engine_allocator(parents->services->engine);
    base_release(&allocator, relation);
    repository_unref(parents);
    repository_unref(children);
}

struct account *relation_account(struct entc_request *request, const struct entc_relation *relation)
{
    return request ? ledger_account(request->ledger, ACCOUNT_RELATION,
                                    relation->parents->type->name, relation->name)
                   : NULL;
}
