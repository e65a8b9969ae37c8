/* The operation behind lists and pages: made on the caller's thread, begun by the driver, taken by
 * the caller.
 *
 * One block holds the operation, its arrays and the texts it was given. */
#include "relation/pages.h"

static void start(entc_op *op);
static void abandon(entc_op *op);
static void destroy(entc_op *op);
static void on_closed(struct repository_guest *guest);

const struct engine_op_kind relation_list_kind = {
    .name = "list", .start = start, .abandon = abandon, .destroy = destroy};
const struct engine_op_kind relation_pages_kind = {
    .name = "relation get_many", .start = start, .abandon = abandon, .destroy = destroy};
const struct engine_op_kind relation_lookup_kind = {
    .name = "lookup get_many", .start = start, .abandon = abandon, .destroy = destroy};

/* ---- making ---- */

/* What is asked for; for a list, one parent without an id. */
struct asked {
    struct entc_repository_impl *impl;
    struct entc_relation *relation; /* NULL for a list */
    const entc_value *parent_ids;
    size_t count;
    const entc_page_args *args;
};

/* Takes `count` things of `size` bytes off a block's rest. */
static void *carve(char **rest, size_t count, size_t size)
{
    void *array = *rest;

    *rest += count * size;
    return array;
}

static size_t order_count(const struct asked *asked)
{
    if (asked->args->order_count > 0)
        return asked->args->order_count;
    return asked->relation ? asked->relation->order_count : 0;
}

static size_t text_bytes(const struct asked *asked)
{
    size_t bytes = 0;

    for (size_t i = 0; i < asked->args->order_count; i++)
        bytes += strlen(relation_args_order(asked->args, i).column) + 1;
    if (asked->relation)
        bytes += relation_key_text_bytes(asked->relation, asked->parent_ids, asked->count);
    return bytes;
}

static const struct engine_op_kind *kind_of(const struct entc_relation *relation)
{
    if (!relation)
        return &relation_list_kind;
    return relation->kind == RELATION_LOOKUP ? &relation_lookup_kind : &relation_pages_kind;
}

static void init(struct pages_op *op, const struct asked *asked, const struct repository_call *call)
{
    struct engine *engine = asked->impl->services->engine;

    *op = (struct pages_op){.impl = repository_ref(asked->impl), .count = asked->count};
    engine_op_init(&op->op, engine, kind_of(asked->relation), call->deadline_us, call->done,
                   call->user);
    op->relation = asked->relation ? relation_ref(asked->relation) : NULL;
    op->request = repository_request_ref(call->request);
    op->first = (uint32_t)asked->args->first;
    op->nobody = INDEX_NONE;
    op->guest.closed = on_closed;
    buffer_init(&op->rows, engine_allocator(engine));
    buffer_init(&op->texts, engine_allocator(engine));
}

static struct pages_op *op_new(const struct asked *asked, const struct repository_call *call,
                               char **ret_texts)
{
    struct pages_op *op = NULL;
    const size_t parts = asked->relation ? asked->relation->link.count : 0;
    const size_t slot_size = sizeof(*op->pages) + parts * sizeof(*op->parent_ids) +
                             sizeof(*op->parents) + sizeof(*op->statuses) + sizeof(*op->asked);
    size_t orders = order_count(asked);
    char *rest = NULL;

    op = base_allocate_zeroed(engine_allocator(asked->impl->services->engine),
                              sizeof(*op) + asked->count * slot_size + orders * sizeof(*op->order) +
                                  text_bytes(asked));
    if (!op)
        return NULL;
    init(op, asked, call);
    /* From the widest to the narrowest, so that each is aligned. */
    rest = (char *)(op + 1);
    op->pages = carve(&rest, op->count, sizeof(*op->pages));
    op->parent_ids = carve(&rest, op->count * parts, sizeof(*op->parent_ids));
    op->parents = carve(&rest, op->count, sizeof(*op->parents));
    op->order = carve(&rest, orders, sizeof(*op->order));
    op->statuses = carve(&rest, op->count, sizeof(*op->statuses));
    op->asked = carve(&rest, op->count, sizeof(*op->asked));
    op->order_count = orders;
    *ret_texts = rest;
    return op;
}

static const char *copy(char **rest, const char *text, size_t length)
{
    char *place = *rest;

    memcpy(place, text, length);
    *rest += length;
    return place;
}

static void copy_order(struct pages_op *op, const struct asked *asked, char **texts)
{
    if (asked->args->order_count == 0 && op->order_count > 0)
        memcpy(op->order, asked->relation->order, op->order_count * sizeof(*op->order));
    for (size_t i = 0; i < asked->args->order_count; i++) {
        entc_order order = relation_args_order(asked->args, i);

        op->order[i].column = copy(texts, order.column, strlen(order.column) + 1);
        op->order[i].is_descending = order.descending == 1;
        op->order[i].is_through = (order.flags & ENTC_ORDER_THROUGH) != 0;
    }
}

static entc_status submit(const struct asked *asked, const struct repository_call *call,
                          entc_op **ret_op, entc_error **reterr)
{
    char *texts = NULL;
    struct pages_op *op = op_new(asked, call, &texts);
    entc_status status = ENTC_OK;

    if (!op)
        return error_no_memory(reterr);
    copy_order(op, asked, &texts);
    if (!asked->relation)
        op->parent_count = 1;
    else if (!relation_read_keys(op, asked->parent_ids, texts))
        status = error_no_memory(reterr);
    else
        status = relation_check_guard(op, asked->args->path, reterr);
    if (status == ENTC_OK)
        status = repository_op_submit(&op->op, reterr);
    if (status)
        engine_op_unref(&op->op);
    else
        *ret_op = &op->op;
    return status;
}

entc_status relation_list(struct entc_repository_impl *impl, const entc_page_args *args,
                          const struct repository_call *call, entc_op **ret_op, entc_error **reterr)
{
    const struct asked asked = {.impl = impl, .count = 1, .args = args};
    entc_status status = relation_check_args(args, reterr);

    if (status == ENTC_OK)
        status = relation_check_asked(NULL, args, reterr);
    if (status)
        return status;
    if (atomic_load(&impl->is_closed))
        return repository_is_closed_error(impl, reterr);
    return submit(&asked, call, ret_op, reterr);
}

static entc_status check_parents(const struct entc_relation *relation, const entc_value *parent_ids,
                                 size_t count, entc_error **reterr)
{
    if (atomic_load(&relation->parents->is_closed))
        return repository_is_closed_error(relation->parents, reterr);
    if (atomic_load(&relation->children->is_closed))
        return repository_is_closed_error(relation->children, reterr);
    if (count > 0 && !parent_ids) {
        error_set(reterr, ENTC_E_INVALID, "argument", "parent_ids is NULL, but count is %zu",
                  count);
        error_hint(reterr, "pass an array of %zu values", count * relation->link.count);
        return ENTC_E_INVALID;
    }
    if (count > REPOSITORY_IDS_MAX / relation->link.count) {
        error_set(reterr, ENTC_E_INVALID, "argument", "count is %zu, above %u", count,
                  (unsigned)(REPOSITORY_IDS_MAX / relation->link.count));
        error_hint(reterr, "ask for the parents in several calls");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

entc_status relation_pages(struct entc_relation *relation, const entc_value *parent_ids,
                           size_t count, const entc_page_args *args,
                           const struct repository_call *call, entc_op **ret_op,
                           entc_error **reterr)
{
    const struct asked asked = {.impl = relation->children,
                                .relation = relation,
                                .parent_ids = parent_ids,
                                .count = count,
                                .args = args};
    entc_status status = relation_check_args(args, reterr);

    if (status == ENTC_OK)
        status = relation_check_asked(relation, args, reterr);
    if (status == ENTC_OK)
        status = check_parents(relation, parent_ids, count, reterr);
    return status ? status : submit(&asked, call, ret_op, reterr);
}

/* One row of a key is all that there should be. */
entc_status relation_lookup(struct entc_lookup *lookup, const entc_value *values, size_t count,
                            const struct repository_call *call, entc_op **ret_op,
                            entc_error **reterr)
{
    const entc_page_args args = ENTC_FIRST(1);
    const struct asked asked = {.impl = lookup->relation.children,
                                .relation = &lookup->relation,
                                .parent_ids = values,
                                .count = count,
                                .args = &args};
    const entc_status status = check_parents(&lookup->relation, values, count, reterr);

    return status ? status : submit(&asked, call, ret_op, reterr);
}

static void destroy(entc_op *base)
{
    struct pages_op *op = (struct pages_op *)base;
    struct entc_repository_impl *impl = op->impl;
    const entc_allocator allocator = *engine_allocator(base->engine);

    for (size_t i = 0; i < op->count; i++)
        relation_page_unref(op->pages[i]);
    for (size_t i = 0; i < op->parent_count; i++)
        relation_page_unref(op->parents[i].page);
    buffer_fini(&op->rows);
    buffer_fini(&op->texts);
    base_release(&allocator, op->ids);
    entc_error_free(op->first_error);
    entc_error_free(op->override_error);
    repository_request_unref(op->request);
    relation_unref(op->relation);
    engine_op_fini(base);
    base_release(&allocator, op);
    repository_unref(impl);
}

/* ---- under way ---- */

static void start(entc_op *base)
{
    struct pages_op *op = (struct pages_op *)base;
    entc_error *error = NULL;

    if (atomic_load(&op->impl->is_closed)) {
        repository_is_closed_error(op->impl, &error);
        relation_pages_end(op, ENTC_E_CLOSED, error);
    } else if (op->parent_count == 0) {
        error = op->first_error;
        op->first_error = NULL;
        relation_pages_end(op, op->count > 0 ? ENTC_E_INVALID : ENTC_OK, error);
    } else {
        list_push(&op->impl->guests, &op->guest.link);
        relation_query_start(op);
    }
}

static void let_go(struct pages_op *op)
{
    list_remove(&op->guest.link);
    relation_query_stop(op);
    relation_children_stop(op);
}

static void abandon(entc_op *base)
{
    let_go((struct pages_op *)base);
}

static void on_closed(struct repository_guest *guest)
{
    struct pages_op *op = BASE_CONTAINER(guest, struct pages_op, guest);
    entc_error *error = NULL;

    repository_is_closed_error(op->impl, &error);
    let_go(op);
    relation_pages_end(op, ENTC_E_CLOSED, error);
}

void relation_pages_end(struct pages_op *op, entc_status status, entc_error *error)
{
    const bool is_lookup = op->op.kind == &relation_lookup_kind;

    list_remove(&op->guest.link);
    if (is_lookup && status == ENTC_OK)
        status = relation_lookup_end(op, &error);
    for (size_t i = 0; status == ENTC_OK && !is_lookup && i < op->count; i++)
        if (op->statuses[i] == ENTC_OK)
            op->pages[i] = relation_page_ref(op->parents[op->asked[i]].page);
    engine_op_complete(&op->op, status, error);
}

/* ---- taking ---- */

static struct pages_op *pages_op(entc_op *base)
{
    const bool is_one = base->kind == &relation_list_kind || base->kind == &relation_pages_kind;

    return is_one ? (struct pages_op *)base : NULL;
}

size_t relation_op_count(entc_op *base)
{
    const struct pages_op *op = pages_op(base);

    return op ? op->count : SIZE_MAX;
}

static entc_status check_take(const struct pages_op *op, size_t count)
{
    if (!op || count != op->count)
        return ENTC_E_INVALID;
    if (!engine_op_is_done(&op->op))
        return ENTC_E_AGAIN;
    if (op->op.status != ENTC_OK)
        return op->op.status;
    return op->is_taken ? ENTC_E_INVALID : ENTC_OK;
}

entc_status relation_op_take(entc_op *base, struct entc_page **ret_pages, entc_status *ret_statuses,
                             size_t count)
{
    struct pages_op *op = pages_op(base);
    entc_status status = check_take(op, count);

    for (size_t i = 0; i < count; i++) {
        ret_pages[i] = status == ENTC_OK ? op->pages[i] : NULL;
        if (ret_statuses)
            ret_statuses[i] = status == ENTC_OK ? op->statuses[i] : status;
    }
    if (status != ENTC_OK)
        return status;
    op->is_taken = true;
    if (count > 0)
        memset(op->pages, 0, count * sizeof(*op->pages));
    return ENTC_OK;
}
