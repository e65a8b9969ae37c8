/* Descriptors against the live schema: one query, whose differences are kept as lines of text. The
 * first one is the story of the failure, all of them the report. */
#include "repository/repository.h"

struct check_op {
    entc_op op;                        /* first */
    struct entc_repository_impl *impl; /* a reference */
    struct entc_request *request;      /* a reference, or NULL */
    struct account *account;           /* the request's for this entity, or NULL */
    struct repository_guest guest;     /* [driver] all that follows, until it is done */
    struct db_query query;
    bool is_querying;
    bool is_repeated;
    int64_t began_us;
    size_t count;
    struct buffer lines; /* each ends with a newline */
    void *owner;         /* of the link and the order, or NULL */
    void (*release)(void *owner);
};

static void start(entc_op *op);
static void abandon(entc_op *op);
static void destroy(entc_op *op);

static const struct engine_op_kind check_kind = {
    .name = "check", .start = start, .abandon = abandon, .destroy = destroy};

static struct check_op *of(struct db_query *query)
{
    return BASE_CONTAINER(query, struct check_op, query);
}

/* ---- the query ---- */

static void on_difference(struct db_query *query, const char *line)
{
    struct check_op *op = of(query);

    buffer_append_text(&op->lines, line);
    buffer_append_char(&op->lines, '\n');
    op->count++;
}

static void count(const struct check_op *op, enum tally_counter counter, uint64_t amount)
{
    account_count(op->impl->services->tally, op->account, counter, amount);
}

static void end_wait(struct check_op *op)
{
    int64_t waited = engine_now_us(op->op.engine) - op->began_us;

    op->is_querying = false;
    count(op, TALLY_SQL_US, (uint64_t)waited);
    count(op, TALLY_SQL_QUERIES, op->query.statements);
    count(op, TALLY_SQL_ROWS, op->query.rows);
    count(op, TALLY_SQL_BYTES, op->query.bytes);
}

static void finish(struct check_op *op, entc_status status, entc_error *error)
{
    list_remove(&op->guest.link);
    engine_op_complete(&op->op, status, error);
}

/* What was found, as the operation's failure. */
static void tell(struct check_op *op)
{
    const char *first = buffer_text(&op->lines);
    entc_error *error = NULL;
    int length = 0;

    if (!first) {
        finish(op, ENTC_E_NO_MEMORY, NULL);
        return;
    }
    length = (int)strcspn(first, "\n");
    if (op->count == 1)
        error_set(&error, ENTC_E_SCHEMA, "schema", "entity \"%s\": 1 difference: %.*s",
                  op->impl->type->name, length, first);
    else
        error_set(&error, ENTC_E_SCHEMA, "schema",
                  "entity \"%s\": %zu differences, the first: %.*s", op->impl->type->name,
                  op->count, length, first);
    error_hint(&error, "the report has every difference with its cure");
    finish(op, ENTC_E_SCHEMA, error);
}

static void ask(struct check_op *op);

static void on_done(struct db_query *query, entc_status status, const entc_error *story)
{
    struct check_op *op = of(query);
    entc_error *error = NULL;

    end_wait(op);
    if (status == ENTC_E_UNAVAILABLE && query->is_lost && !op->is_repeated) {
        op->is_repeated = true;
        ask(op);
    } else if (status != ENTC_OK) {
        op->count = 0;
        buffer_clear(&op->lines);
        error_copy(&error, story, status);
        finish(op, status, error);
    } else if (op->count > 0) {
        tell(op);
    } else {
        finish(op, ENTC_OK, NULL);
    }
}

static void ask(struct check_op *op)
{
    struct db_port *database = op->impl->services->database;
    entc_error *error = NULL;
    entc_status status = ENTC_OK;

    op->count = 0;
    buffer_clear(&op->lines);
    op->began_us = engine_now_us(op->op.engine);
    status = database->ops->submit(database, &op->query, &error);
    op->is_querying = status == ENTC_OK;
    if (status != ENTC_OK)
        finish(op, status, error);
}

/* ---- under way ---- */

static void let_go(struct check_op *op)
{
    struct db_port *database = op->impl->services->database;

    list_remove(&op->guest.link);
    if (!op->is_querying)
        return;
    database->ops->detach(database, &op->query);
    end_wait(op);
}

static void abandon(entc_op *base)
{
    let_go((struct check_op *)base);
}

static void on_closed(struct repository_guest *guest)
{
    struct check_op *op = BASE_CONTAINER(guest, struct check_op, guest);
    entc_error *error = NULL;

    let_go(op);
    repository_is_closed_error(op->impl, &error);
    engine_op_complete(&op->op, ENTC_E_CLOSED, error);
}

static void start(entc_op *base)
{
    struct check_op *op = (struct check_op *)base;
    entc_error *error = NULL;

    if (atomic_load(&op->impl->is_closed)) {
        repository_is_closed_error(op->impl, &error);
        engine_op_complete(base, ENTC_E_CLOSED, error);
        return;
    }
    list_push(&op->impl->guests, &op->guest.link);
    ask(op);
}

/* ---- making ---- */

entc_status repository_check(struct entc_repository_impl *impl,
                             const struct repository_check *check,
                             const struct repository_call *call, entc_op **ret_op,
                             entc_error **reterr)
{
    struct engine *engine = impl->services->engine;
    struct check_op *op = NULL;
    entc_status status = ENTC_OK;

    if (atomic_load(&impl->is_closed))
        return repository_is_closed_error(impl, reterr);
    op = base_allocate_zeroed(engine_allocator(engine), sizeof(*op));
    if (!op)
        return error_no_memory(reterr);
    op->impl = repository_ref(impl);
    engine_op_init(&op->op, engine, &check_kind, call->deadline_us, call->done, call->user);
    op->request = repository_request_ref(call->request);
    op->account = repository_account(op->request, impl);
    repository_op_in(&op->op, op->request);
    op->guest.closed = on_closed;
    buffer_init(&op->lines, engine_allocator(engine));
    op->query = (struct db_query){.kind = DB_CHECK,
                                  .model = impl->model,
                                  .link = check->link,
                                  .order = check->order,
                                  .order_count = check->order_count,
                                  .deadline_us = op->op.deadline_us,
                                  .name = impl->type->name,
                                  .place = repository_place(op->request, call->parent),
                                  .difference = on_difference,
                                  .done = on_done};
    op->owner = check->owner;
    op->release = check->release;
    status = repository_op_submit(&op->op, reterr);
    if (status) {
        op->owner = NULL;
        engine_op_unref(&op->op);
        return status;
    }
    *ret_op = &op->op;
    return ENTC_OK;
}

struct span repository_check_lines(entc_op *base)
{
    const struct check_op *op = (const struct check_op *)base;

    return (struct span){op->lines.bytes, op->lines.length};
}

static void destroy(entc_op *base)
{
    struct check_op *op = (struct check_op *)base;
    struct entc_repository_impl *impl = op->impl;
    const entc_allocator allocator = *engine_allocator(base->engine);

    if (op->owner)
        op->release(op->owner);
    repository_request_unref(op->request);
    buffer_fini(&op->lines);
    engine_op_fini(base);
    base_release(&allocator, op);
    repository_unref(impl);
}
