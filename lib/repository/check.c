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
    struct buffer lines;     /* each ends with a newline */
    struct db_order order[]; /* copies; then their texts, and the foreign column */
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

static size_t text_bytes(const struct repository_check *check)
{
    size_t bytes = check->foreign_column ? strlen(check->foreign_column) + 1 : 0;

    for (size_t i = 0; i < check->order_count; i++)
        bytes += strlen(check->order[i].column) + 1;
    return bytes;
}

static const char *copy(char **rest, const char *text)
{
    const size_t size = strlen(text) + 1;
    char *place = *rest;

    memcpy(place, text, size);
    *rest += size;
    return place;
}

static void copy_check(struct check_op *op, const struct repository_check *check, uint64_t parent)
{
    char *rest = (char *)(op->order + check->order_count);

    for (size_t i = 0; i < check->order_count; i++)
        op->order[i] =
            (struct db_order){copy(&rest, check->order[i].column), check->order[i].is_descending};
    op->query = (struct db_query){.kind = DB_CHECK,
                                  .model = op->impl->model,
                                  .id_type = check->parent_type,
                                  .order = op->order,
                                  .order_count = check->order_count,
                                  .deadline_us = op->op.deadline_us,
                                  .name = op->impl->type->name,
                                  .place = repository_place(op->request, parent),
                                  .difference = on_difference,
                                  .done = on_done};
    if (check->foreign_column)
        op->query.foreign_column = copy(&rest, check->foreign_column);
}

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
    op = base_allocate_zeroed(engine_allocator(engine),
                              sizeof(*op) + check->order_count * sizeof(*op->order) +
                                  text_bytes(check));
    if (!op)
        return error_no_memory(reterr);
    op->impl = repository_ref(impl);
    engine_op_init(&op->op, engine, &check_kind, call->deadline_us, call->done, call->user);
    op->request = repository_request_ref(call->request);
    op->account = repository_account(op->request, impl);
    repository_op_in(&op->op, op->request);
    op->guest.closed = on_closed;
    buffer_init(&op->lines, engine_allocator(engine));
    copy_check(op, check, call->parent);
    status = repository_op_submit(&op->op, reterr);
    if (status)
        engine_op_unref(&op->op);
    else
        *ret_op = &op->op;
    return status;
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

    repository_request_unref(op->request);
    buffer_fini(&op->lines);
    engine_op_fini(base);
    base_release(&allocator, op);
    repository_unref(impl);
}
