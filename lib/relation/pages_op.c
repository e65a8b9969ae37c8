/* The operation behind lists and pages: made on the caller's thread, begun by the driver, taken by
 * the caller.
 *
 * One block holds the operation, its arrays and its parents'
 * texts; what else it was given lies with the queries. */
#include "relation/pages.h"

#include <stdio.h>

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

static const struct engine_op_kind *kind_of(const struct entc_relation *relation)
{
    if (!relation)
        return &relation_list_kind;
    return relation->kind == RELATION_LOOKUP ? &relation_lookup_kind : &relation_pages_kind;
}

static struct account *account_of(const struct pages_op *op)
{
    const struct entc_relation *relation = op->relation;

    return relation ? relation_account(op->request, relation)
                    : repository_account(op->request, op->impl);
}

static void init(struct pages_op *op, const struct pages_asked *asked,
                 const struct repository_call *call)
{
    struct engine *engine = asked->impl->services->engine;

    *op = (struct pages_op){.impl = repository_ref(asked->impl), .count = asked->count};
    engine_op_init(&op->op, engine, kind_of(asked->relation), call->deadline_us, call->done,
                   call->user);
    op->relation = asked->relation ? relation_ref(asked->relation) : NULL;
    op->request = repository_request_ref(call->request);
    op->account = account_of(op);
    repository_op_in(&op->op, op->request);
    op->parent = call->parent;
    op->nobody = INDEX_NONE;
    op->guest.closed = on_closed;
}

static struct pages_op *op_new(const struct pages_asked *asked, const struct repository_call *call,
                               char **ret_texts)
{
    struct pages_op *op = NULL;
    const size_t slices = asked->args_size ? asked->count : 1;
    const size_t parts = asked->relation ? asked->relation->link.count : 0;
    const size_t slot_size = sizeof(*op->pages) + parts * sizeof(*op->parent_ids) +
                             sizeof(*op->parents) + sizeof(*op->statuses) + sizeof(*op->asked);
    const size_t text_bytes =
        asked->relation ? relation_key_text_bytes(asked->relation, asked->parent_ids, asked->count)
                        : 0;
    char *rest = NULL;

    op = base_allocate_zeroed(engine_allocator(asked->impl->services->engine),
                              sizeof(*op) + asked->count * slot_size +
                                  slices * sizeof(*op->slices) + text_bytes);
    if (!op)
        return NULL;
    init(op, asked, call);
    /* From the widest to the narrowest, so that each is aligned. */
    rest = (char *)(op + 1);
    op->pages = base_carve(&rest, op->count, sizeof(*op->pages));
    op->parent_ids = base_carve(&rest, op->count * parts, sizeof(*op->parent_ids));
    op->parents = base_carve(&rest, op->count, sizeof(*op->parents));
    op->slices = base_carve(&rest, slices, sizeof(*op->slices));
    op->statuses = base_carve(&rest, op->count, sizeof(*op->statuses));
    op->asked = base_carve(&rest, op->count, sizeof(*op->asked));
    op->slice_count = slices;
    *ret_texts = rest;
    return op;
}

static entc_status read_asked(struct pages_op *op, const struct pages_asked *asked, char *texts,
                              entc_error **reterr)
{
    entc_status status = relation_slices_read(op, asked, reterr);

    if (status)
        return status;
    if (!asked->relation)
        op->parents[op->parent_count++].slice = &op->slices[0];
    else if (!relation_read_keys(op, asked, texts))
        return error_no_memory(reterr);
    else
        status = relation_check_guard(op, asked->args ? asked->args->path : NULL, reterr);
    for (size_t i = 0; i < op->parent_count; i++)
        op->parents[i].total = -1;
    if (!status && !relation_slices_group(op))
        status = error_no_memory(reterr);
    return status;
}

static entc_status submit(const struct pages_asked *asked, const struct repository_call *call,
                          entc_op **ret_op, entc_error **reterr)
{
    char *texts = NULL;
    struct pages_op *op = op_new(asked, call, &texts);
    entc_status status = ENTC_OK;

    if (!op)
        return error_no_memory(reterr);
    status = read_asked(op, asked, texts, reterr);
    if (!status)
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
    const struct pages_asked asked = {.impl = impl, .count = 1, .args = args};
    entc_status status = relation_check_args(args, "args", reterr);

    if (!status)
        status = relation_check_asked(NULL, args, "args", reterr);
    if (status)
        return status;
    if (atomic_load(&impl->is_closed))
        return repository_is_closed_error(impl, reterr);
    return submit(&asked, call, ret_op, reterr);
}

static entc_status check_statement(const struct pages_asked *asked, entc_error **reterr)
{
    char what[40] = "";
    entc_status status = ENTC_OK;

    if (!asked->sql || !asked->sql[0] || !text_is_utf8(asked->sql, strlen(asked->sql))) {
        error_set(reterr, ENTC_E_INVALID, "argument", "sql is missing or not UTF-8");
        error_hint(reterr, "give one SELECT of the columns of the key");
        return ENTC_E_INVALID;
    }
    if (asked->param_count > DB_PARAMS_MAX || (asked->param_count > 0 && !asked->params)) {
        error_set(reterr, ENTC_E_INVALID, "argument", "params is %s, but count is %zu",
                  asked->params ? "an array" : "NULL", asked->param_count);
        error_hint(reterr, "pass as many values as you count, at most %d", DB_PARAMS_MAX);
        return ENTC_E_INVALID;
    }
    for (size_t i = 0; i < asked->param_count && !status; i++) {
        snprintf(what, sizeof(what), "params[%zu]", i);
        status = relation_check_value(&asked->params[i], what, reterr);
    }
    return status;
}

entc_status relation_list_sql(struct entc_repository_impl *impl, const char *sql,
                              const entc_value *params, size_t count,
                              const struct repository_call *call, entc_op **ret_op,
                              entc_error **reterr)
{
    const struct pages_asked asked = {
        .impl = impl, .count = 1, .sql = sql, .params = params, .param_count = count};
    entc_status status = check_statement(&asked, reterr);

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
                           size_t count, const entc_page_args *args, size_t args_size,
                           const struct repository_call *call, entc_op **ret_op,
                           entc_error **reterr)
{
    const struct pages_asked asked = {.impl = relation->children,
                                      .relation = relation,
                                      .parent_ids = parent_ids,
                                      .count = count,
                                      .args = args,
                                      .args_size = args_size};
    entc_status status = args_size ? ENTC_OK : relation_check_args(args, "args", reterr);

    if (status == ENTC_OK && !args_size)
        status = relation_check_asked(relation, args, "args", reterr);
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
    const struct pages_asked asked = {.impl = lookup->relation.children,
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
    relation_slices_free(op);
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
        relation_queries_start(op);
    }
}

static void let_go(struct pages_op *op)
{
    list_remove(&op->guest.link);
    relation_queries_stop(op);
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
    const bool is_lookup = op->op.kind == &relation_lookup_kind;

    list_remove(&op->guest.link);
    if (is_lookup && status == ENTC_OK)
        status = relation_lookup_end(op, &error);
    tell_end(op, status);
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

entc_status relation_check_take(const struct pages_op *op, size_t count)
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
    entc_status status = relation_check_take(op, count);

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
