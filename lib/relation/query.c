/* The queries behind lists and pages: one statement for all parents of one shape, one row more than
 * asked for, so that `has_next` costs nothing. Rows are kept until all queries are over: half an
 * answer is none. */
#include "relation/pages.h"

static void start(struct pages_query *query);

static struct pages_query *of(struct db_query *query)
{
    return BASE_CONTAINER(query, struct pages_query, query);
}

static void count(const struct pages_op *op, enum tally_counter counter, uint64_t amount)
{
    tally_add(op->impl->services->tally, counter, amount);
    if (op->request)
        tally_add(op->request->tally, counter, amount);
}

static struct pages_parent *parent_of(const struct pages_query *query, size_t number)
{
    return &query->op->parents[query->parents ? query->parents[number] : number];
}

/* ---- what comes ---- */

/* Memory that is out shows in the buffers' `failed`. */
static void keep_row(struct pages_query *query, size_t number, struct pages_parent *parent,
                     const entc_value *position)
{
    const struct pages_row row = {.parent = number};

    buffer_append(&query->rows, &row, sizeof(row));
    for (uint32_t i = 0; i < query->position_count; i++) {
        entc_value part = position[i];

        if (part.type == ENTC_TEXT) {
            part.as.int64 = (int64_t)query->texts.length;
            buffer_append(&query->texts, position[i].as.text, part.length);
            parent->text_bytes += (size_t)part.length + 1;
        }
        buffer_append(&query->rows, &part, sizeof(part));
    }
}

static void on_id(struct db_query *base, size_t number, const entc_value *position)
{
    struct pages_query *query = of(base);
    struct pages_parent *parent = NULL;

    if (number >= query->parent_count)
        return;
    parent = parent_of(query, number);
    if (parent->slice->limit && parent->count == parent->slice->limit) {
        parent->has_more = true;
        return;
    }
    keep_row(query, number, parent, position);
    parent->count++;
}

static void on_total(struct db_query *base, size_t number, int64_t total)
{
    if (number < of(base)->parent_count)
        parent_of(of(base), number)->total = total;
}

static void forget_rows(struct pages_query *query)
{
    buffer_clear(&query->rows);
    buffer_clear(&query->texts);
    for (size_t i = 0; i < query->parent_count; i++)
        *parent_of(query, i) =
            (struct pages_parent){.slice = parent_of(query, i)->slice, .total = -1};
}

/* ---- how it ends ---- */

static void end_wait(struct pages_query *query)
{
    struct pages_op *op = query->op;
    int64_t waited = engine_now_us(op->op.engine) - query->began_us;

    query->is_under_way = false;
    op->under_way--;
    count(op, TALLY_SQL_US, (uint64_t)waited);
    count(op, TALLY_SQL_QUERIES, query->query.statements);
    count(op, TALLY_SQL_ROWS, query->query.rows);
}

void relation_queries_stop(struct pages_op *op)
{
    struct db_port *database = op->impl->services->database;

    for (struct pages_query *query = op->queries; query; query = query->next) {
        if (!query->is_under_way)
            continue;
        database->ops->detach(database, &query->query);
        end_wait(query);
    }
}

static void fail(struct pages_op *op, entc_status status, const entc_error *story)
{
    entc_error *error = NULL;

    relation_queries_stop(op);
    error_copy(&error, story, status);
    relation_pages_end(op, status, error);
}

static void go_on(struct pages_op *op)
{
    if (relation_build_pages(op))
        relation_children_start(op);
    else
        fail(op, ENTC_E_NO_MEMORY, NULL);
}

static void on_done(struct db_query *base, entc_status status, const entc_error *error)
{
    struct pages_query *query = of(base);
    struct pages_op *op = query->op;

    end_wait(query);
    if (status == ENTC_E_UNAVAILABLE && base->is_lost && !query->is_repeated) {
        query->is_repeated = true;
        forget_rows(query);
        start(query);
    } else if (status != ENTC_OK) {
        fail(op, status, error);
    } else if (query->rows.failed || query->texts.failed ||
               (op->under_way == 0 && !relation_build_pages(op))) {
        fail(op, ENTC_E_NO_MEMORY, NULL);
    } else if (op->under_way == 0) {
        relation_children_start(op);
    }
}

/* ---- asking ---- */

static bool has_one_limit(const struct pages_query *query)
{
    for (size_t i = 1; query->limits && i < query->parent_count; i++)
        if (query->limits[i] != query->limits[0])
            return false;
    return true;
}

static enum db_kind kind_of(const struct pages_query *query)
{
    const struct entc_relation *relation = query->op->relation;

    if (query->sql)
        return DB_SQL;
    if (!relation)
        return DB_LIST;
    return relation->kind == RELATION_LOOKUP ? DB_LOOKUP : DB_PAGES;
}

static void fill(struct pages_query *query)
{
    const struct pages_op *op = query->op;
    const bool is_limited = !query->sql && !(query->flags & ENTC_PAGE_ALL);

    query->query = (struct db_query){.kind = kind_of(query),
                                     .model = op->impl->model,
                                     .order = query->order,
                                     .order_count = query->order_count,
                                     .after = query->behind,
                                     .before = query->until,
                                     .filters = query->filters,
                                     .filter_count = query->filter_count,
                                     .wants_total = is_limited && query->flags & ENTC_PAGE_TOTAL,
                                     .sql = query->sql,
                                     .params = query->params,
                                     .param_count = query->param_count,
                                     .deadline_us = op->op.deadline_us,
                                     .id = on_id,
                                     .total = on_total,
                                     .done = on_done};
    if (is_limited && has_one_limit(query))
        query->query.limit = parent_of(query, 0)->slice->limit + 1;
    else if (is_limited)
        query->query.limits = query->limits;
    if (op->relation) {
        query->query.ids = query->ids ? query->ids : op->parent_ids;
        query->query.id_count = query->parent_count;
        query->query.link = &op->relation->link;
    }
}

static void start(struct pages_query *query)
{
    struct pages_op *op = query->op;
    struct db_port *database = op->impl->services->database;
    entc_error *error = NULL;
    entc_status status = ENTC_OK;

    fill(query);
    query->began_us = engine_now_us(op->op.engine);
    status = database->ops->submit(database, &query->query, &error);
    query->is_under_way = status == ENTC_OK;
    op->under_way += query->is_under_way;
    if (status != ENTC_OK)
        fail(op, status, error);
    entc_error_free(error);
}

/* Where parents belong to the other, their keys are its ids. */
static bool take_keys(struct pages_query *query)
{
    const struct pages_op *op = query->op;

    for (size_t i = 0; i < query->parent_count; i++) {
        const size_t number = query->parents ? query->parents[i] : i;

        if (!relation_is_nobody(op, number))
            on_id(&query->query, i, &op->parent_ids[number * op->relation->link.count]);
    }
    return !query->rows.failed && !query->texts.failed;
}

static void take_all_keys(struct pages_op *op)
{
    bool are_taken = true;

    for (struct pages_query *query = op->queries; query && are_taken; query = query->next)
        are_taken = take_keys(query);
    if (are_taken)
        go_on(op);
    else
        fail(op, ENTC_E_NO_MEMORY, NULL);
}

/* A shape may have lost all its parents: their ids could be none. The operation ends with the first
 * query that is refused. */
void relation_queries_start(struct pages_op *op)
{
    if (op->relation && op->relation->kind == ENTC_RELATION_BELONGS_TO) {
        take_all_keys(op);
        return;
    }
    engine_op_ref(&op->op);
    for (struct pages_query *query = op->queries; query; query = query->next) {
        if (query->parent_count > 0 && !engine_op_is_completed(&op->op))
            start(query);
    }
    engine_op_unref(&op->op);
}
