/* Relations: a checked copy of the descriptor, and the two repositories that it ties. Immutable, so
 * any thread may read it; one block with its texts. */
#include "relation/pages.h"

static entc_status refuse(entc_error **reterr, const char *message, const char *hint)
{
    error_set(reterr, ENTC_E_INVALID, "schema", "%s", message);
    error_hint(reterr, "%s", hint);
    return ENTC_E_INVALID;
}

static entc_status refuse_parents(const struct schema_type *parents, const char *name,
                                  entc_error **reterr)
{
    error_set(reterr, ENTC_E_UNSUPPORTED, "schema",
              "relation \"%s\": the key of its parents, entity \"%s\", has %u fields", name,
              parents->name, (unsigned)parents->key_count);
    error_hint(reterr, "this release follows relations from keys of one field; children may have "
                       "more");
    return ENTC_E_UNSUPPORTED;
}

static entc_status check(const struct entc_repository_impl *parents,
                         const struct entc_repository_impl *children,
                         const entc_relation_desc *desc, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (!desc)
        return refuse(reterr, "the relation's desc is NULL", "use ENTC_HAS_MANY(...)");
    status = relation_check_size(desc, "desc", desc->struct_size, sizeof(*desc), reterr);
    if (status)
        return status;
    if (parents->services->engine != children->services->engine)
        return refuse(reterr, "parents and children are repositories of two engines",
                      "make both with the same engine");
    if (desc->kind != ENTC_RELATION_HAS_MANY)
        return refuse(reterr, "desc.kind is none that this release knows",
                      "use ENTC_RELATION_HAS_MANY");
    if (desc->order_descending > 1)
        return refuse(reterr, "desc.order_descending is neither 0 nor 1",
                      "1 orders downwards, 0 upwards");
    status = relation_check_column(desc->foreign_column, "desc.foreign_column", reterr);
    if (status == ENTC_OK && desc->order_column)
        status = relation_check_column(desc->order_column, "desc.order_column", reterr);
    if (status)
        return status;
    if (!desc->name || !desc->name[0] || !text_is_utf8(desc->name, strlen(desc->name)))
        return refuse(reterr, "desc.name is missing or not UTF-8",
                      "name the relation as reports and errors shall call it");
    if (parents->type->key_count > 1)
        return refuse_parents(parents->type, desc->name, reterr);
    if (atomic_load(&parents->is_closed))
        return repository_is_closed_error(parents, reterr);
    return atomic_load(&children->is_closed) ? repository_is_closed_error(children, reterr)
                                             : ENTC_OK;
}

static const char *copy(char **rest, const char *text)
{
    size_t size = strlen(text) + 1;
    char *place = *rest;

    memcpy(place, text, size);
    *rest += size;
    return place;
}

/* The columns of the default order, all in one direction; none for the key upwards, which is what
 * the port does by itself. A key downwards is all its parts downwards. */
static size_t order_count(const struct entc_repository_impl *children,
                          const entc_relation_desc *desc)
{
    if (desc->order_column)
        return 1;
    return desc->order_descending ? children->type->key_count : 0;
}

static const char *order_column(const struct entc_repository_impl *children,
                                const entc_relation_desc *desc, size_t number)
{
    if (desc->order_column)
        return desc->order_column;
    return children->model->columns[children->type->key_fields[number]];
}

static size_t text_bytes(const struct entc_repository_impl *children,
                         const entc_relation_desc *desc)
{
    size_t bytes = strlen(desc->name) + 1 + strlen(desc->foreign_column) + 1;

    for (size_t i = 0; i < order_count(children, desc); i++)
        bytes += strlen(order_column(children, desc, i)) + 1;
    return bytes;
}

static void fill(struct entc_relation *relation, const entc_relation_desc *desc)
{
    const size_t orders = order_count(relation->children, desc);
    struct db_order *order = (struct db_order *)(void *)(relation + 1);
    char *rest = (char *)(order + orders);

    for (size_t i = 0; i < orders; i++)
        order[i] = (struct db_order){copy(&rest, order_column(relation->children, desc, i)),
                                     desc->order_descending == 1};
    relation->order = order;
    relation->order_count = orders;
    relation->name = copy(&rest, desc->name);
    relation->foreign_column = copy(&rest, desc->foreign_column);
}

entc_status relation_new(struct entc_repository_impl *parents,
                         struct entc_repository_impl *children, const entc_relation_desc *desc,
                         struct entc_relation **ret_relation, entc_error **reterr)
{
    entc_status status = check(parents, children, desc, reterr);
    struct entc_relation *relation = NULL;

    if (status)
        return status;
    relation = base_allocate_zeroed(engine_allocator(parents->services->engine),
                                    sizeof(*relation) +
                                        order_count(children, desc) * sizeof(*relation->order) +
                                        text_bytes(children, desc));
    if (!relation)
        return error_no_memory(reterr);
    atomic_init(&relation->references, 1);
    relation->parents = repository_ref(parents);
    relation->children = repository_ref(children);
    fill(relation, desc);
    *ret_relation = relation;
    return ENTC_OK;
}

entc_status relation_check(struct entc_relation *relation, const struct repository_call *call,
                           entc_op **ret_op, entc_error **reterr)
{
    const struct schema_type *parent = relation->parents->type;
    const struct repository_check check = {.foreign_column = relation->foreign_column,
                                           .parent_type =
                                               parent->fields[parent->key_fields[0]].type,
                                           .order = relation->order,
                                           .order_count = relation->order_count};

    if (atomic_load(&relation->parents->is_closed))
        return repository_is_closed_error(relation->parents, reterr);
    return repository_check(relation->children, &check, call, ret_op, reterr);
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
