/* The queries behind lists and pages: one statement for all parents of one shape, one row more than
 * asked for, so that `has_next` costs nothing. Rows are kept until all queries are over: half an
 * answer is none. */
#include "relation/pages.h"

#include <stdio.h>

static void start(struct pages_query *query);

static struct pages_query *of(struct db_query *query)
{
    return BASE_CONTAINER(query, struct pages_query, query);
}

static void count(const struct pages_op *op, enum tally_counter counter, uint64_t amount)
{
    account_count(op->impl->services->tally, op->account, counter, amount);
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
    count(op, TALLY_SQL_BYTES, query->query.bytes);
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

/* ---- what the request is told, and what it may take ---- */

/* False: the operation has ended, since its request would go over. */
static bool charge(struct pages_op *op, enum ledger_limit limit, uint64_t amount)
{
    entc_error *error = NULL;
    char asked_by[128];

    if (!op->account || ledger_charge(op->account->ledger, limit, amount))
        return true;
    snprintf(asked_by, sizeof(asked_by), "%s '%.80s'", op->relation ? "relation" : "list of entity",
             relation_pages_name(op));
    account_refuse(op->account, limit, amount, asked_by, &error);
    count(op, TALLY_LIMITED, 1);
    account_why(op->account, WHY_LIMIT_REACHED, 1);
    relation_queries_stop(op);
    relation_pages_end(op, ENTC_E_LIMIT, error);
    return false;
}

static void refund(struct pages_op *op)
{
    if (op->account)
        ledger_refund(op->account->ledger, LEDGER_SQL_QUERIES, 1);
}

static uint64_t mix(const struct hash_key *key, uint64_t shape, const char *column, uint64_t how)
{
    return hash_uint64(key,
                       (shape << 1 | shape >> 63) ^ hash_bytes(key, column, strlen(column)) ^ how);
}

/* What tells one statement of this relation or list from another: order, filters, direction. */
static uint64_t shape_of(const struct pages_query *query)
{
    const struct hash_key *key = &query->op->impl->services->hash_key;
    uint64_t shape = query->is_backwards;

    if (query->sql)
        return mix(key, shape, query->sql, 0);
    for (size_t i = 0; i < query->order_count; i++)
        shape = mix(key, shape, query->order[i].column, query->order[i].is_descending);
    for (size_t i = 0; i < query->filter_count; i++)
        shape = mix(key, shape, query->filters[i].column, 2 + (uint64_t)query->filters[i].test);
    return shape;
}

/* A batch of parents is a matter of the relation alone: it asks for no entities. */
static void note_run(struct pages_query *query)
{
    struct account *account = query->op->account;
    const bool is_list = query->op->relation == NULL;

    if (!account)
        return;
    if (!is_list) {
        account_note(account, TALLY_BATCHES, 1);
        account_note(account, TALLY_BATCH_IDS, query->parent_count);
    }
    account_run(account, is_list ? SHAPE_LIST : SHAPE_PAGES, shape_of(query), query->parent_count);
}

/* ---- how it goes on ---- */

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
    } else if (!charge(op, LEDGER_ROWS, base->rows)) {
        return;
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
                                     .name = relation_pages_name(op),
                                     .place = {op->span.id, op->span.place.request},
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

    if (!charge(op, LEDGER_SQL_QUERIES, 1))
        return;
    fill(query);
    query->began_us = engine_now_us(op->op.engine);
    status = database->ops->submit(database, &query->query, &error);
    query->is_under_way = status == ENTC_OK;
    op->under_way += query->is_under_way;
    if (status == ENTC_OK) {
        note_run(query);
    } else {
        refund(op);
        fail(op, status, error);
    }
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
