/* The operation behind lists and pages: made on the caller's thread, begun by the driver, taken by
 * the caller.
 *
 * Parents are made canonical, and each is asked for once, however often it was named; slots of one
 * parent share its page. One block holds the operation, its arrays and the texts it was given. */
#include "relation/pages.h"

static void start(entc_op *op);
static void abandon(entc_op *op);
static void destroy(entc_op *op);
static void on_closed(struct repository_guest *guest);

const struct engine_op_kind relation_list_kind = {
    .name = "list", .start = start, .abandon = abandon, .destroy = destroy};
const struct engine_op_kind relation_pages_kind = {
    .name = "relation get_many", .start = start, .abandon = abandon, .destroy = destroy};

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
        bytes += repository_id_text_bytes(asked->relation->parents->type, asked->parent_ids,
                                          asked->count);
    return bytes;
}

static struct account *account_of(const struct pages_op *op)
{
    const struct entc_relation *relation = op->relation;

    return relation ? relation_account(op->request, relation)
                    : repository_account(op->request, op->impl);
}

static void init(struct pages_op *op, const struct asked *asked, const struct repository_call *call)
{
    struct engine *engine = asked->impl->services->engine;

    *op = (struct pages_op){.impl = repository_ref(asked->impl), .count = asked->count};
    engine_op_init(&op->op, engine, asked->relation ? &relation_pages_kind : &relation_list_kind,
                   call->deadline_us, call->done, call->user);
    op->relation = asked->relation ? relation_ref(asked->relation) : NULL;
    op->request = repository_request_ref(call->request);
    op->account = account_of(op);
    repository_op_in(&op->op, op->request);
    op->parent = call->parent;
    op->first = (uint32_t)asked->args->first;
    op->guest.closed = on_closed;
    buffer_init(&op->rows, engine_allocator(engine));
    buffer_init(&op->texts, engine_allocator(engine));
}

static struct pages_op *op_new(const struct asked *asked, const struct repository_call *call,
                               char **ret_texts)
{
    struct pages_op *op = NULL;
    const size_t slot_size = sizeof(*op->pages) + sizeof(*op->parent_ids) + sizeof(*op->parents) +
                             sizeof(*op->statuses) + sizeof(*op->asked);
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
    op->parent_ids = carve(&rest, op->count, sizeof(*op->parent_ids));
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
    }
}

static bool has_parent(const void *context, uint32_t number)
{
    const struct pages_op *op = context;

    return repository_id_equals(&op->parent_ids[number], &op->parent_ids[op->parent_count], 1);
}

/* Each parent once; a parent's id has one part (relation_new()). The candidate stands behind the
 * last one until it is known to be new. */
static bool read_parents(struct pages_op *op, const struct asked *asked, struct index *index,
                         char **texts)
{
    const struct schema_type *type = asked->relation->parents->type;

    if (!index_reserve(index, (uint32_t)op->count))
        return false;
    for (size_t i = 0; i < op->count; i++) {
        entc_value *id = &op->parent_ids[op->parent_count];
        entc_error **blame = op->first_error ? NULL : &op->first_error;
        uint32_t number = INDEX_NONE;
        uint64_t hash = 0;

        op->statuses[i] = codec_id(type, &asked->parent_ids[i], id, blame);
        if (op->statuses[i] != ENTC_OK)
            continue;
        hash = repository_id_hash(op->impl->services, id, 1);
        number = index_find(index, hash, has_parent, op);
        if (number == INDEX_NONE) {
            number = (uint32_t)op->parent_count++;
            index_insert(index, hash, number);
            repository_id_keep_texts(id, 1, texts);
        }
        op->asked[i] = number;
    }
    return true;
}

static entc_status submit(const struct asked *asked, const struct repository_call *call,
                          entc_op **ret_op, entc_error **reterr)
{
    char *texts = NULL;
    struct pages_op *op = op_new(asked, call, &texts);
    struct index index;
    bool is_ready = true;
    entc_status status = ENTC_OK;

    if (!op)
        return error_no_memory(reterr);
    copy_order(op, asked, &texts);
    index_init(&index, engine_allocator(op->op.engine));
    if (asked->relation)
        is_ready = read_parents(op, asked, &index, &texts);
    else
        op->parent_count = 1;
    index_fini(&index);
    status = is_ready ? repository_op_submit(&op->op, reterr) : error_no_memory(reterr);
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
        error_hint(reterr, "pass an array of %zu values", count);
        return ENTC_E_INVALID;
    }
    if (count > REPOSITORY_IDS_MAX) {
        error_set(reterr, ENTC_E_INVALID, "argument", "count is %zu, above %u", count,
                  (unsigned)REPOSITORY_IDS_MAX);
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
        status = check_parents(relation, parent_ids, count, reterr);
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

const char *relation_pages_name(const struct pages_op *op)
{
    return op->relation ? op->relation->name : op->impl->type->name;
}

static void tell_begin(struct pages_op *op)
{
    struct events *events = op->impl->services->events;

    if (!events)
        return;

    struct event_span what = {.kind = op->relation ? ENTC_SPAN_PAGES : ENTC_SPAN_LIST};
    what.name = relation_pages_name(op);
    what.place = repository_place(op->request, op->parent);
    what.begin_us = engine_now_us(op->op.engine);
    what.keys = op->relation ? op->parent_count : 0;
    event_begin(events, &op->span, &what);
}

static void tell_end(struct pages_op *op, entc_status status)
{
    if (op->span.id == 0)
        return;

    entc_event event = {.rows = op->id_count, .status = status};
    event.time_us = engine_now_us(op->op.engine);
    event_end(op->impl->services->events, &op->span, &event);
}

static void start(entc_op *base)
{
    struct pages_op *op = (struct pages_op *)base;
    entc_error *error = NULL;

    tell_begin(op);
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
    tell_end((struct pages_op *)base, base->status);
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
    list_remove(&op->guest.link);
    tell_end(op, status);
    for (size_t i = 0; status == ENTC_OK && i < op->count; i++)
        if (op->statuses[i] == ENTC_OK)
            op->pages[i] = relation_page_ref(op->parents[op->asked[i]].page);
    engine_op_complete(&op->op, status, error);
}

/* ---- taking ---- */

static struct pages_op *pages_op(entc_op *base)
{
    return base->kind->destroy == destroy ? (struct pages_op *)base : NULL;
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
