/* The query behind lists and pages: one statement for all parents, one row more than asked for, so
 * that `has_next` costs nothing. Rows are kept until the query is over: half an answer is none. */
#include "relation/pages.h"

static struct pages_op *of(struct db_query *query)
{
    return BASE_CONTAINER(query, struct pages_op, query);
}

static void count(const struct pages_op *op, enum tally_counter counter, uint64_t amount)
{
    tally_add(op->impl->services->tally, counter, amount);
    if (op->request)
        tally_add(op->request->tally, counter, amount);
}

/* Memory that is out shows in the buffers' `failed`. */
static void keep_row(struct pages_op *op, size_t parent, const entc_value *id)
{
    const struct pages_row row = {.parent = parent};

    buffer_append(&op->rows, &row, sizeof(row));
    for (uint32_t i = 0; i < op->impl->type->key_count; i++) {
        entc_value part = id[i];

        if (part.type == ENTC_TEXT) {
            part.as.int64 = (int64_t)op->texts.length;
            buffer_append(&op->texts, id[i].as.text, part.length);
            op->parents[parent].text_bytes += (size_t)part.length + 1;
        }
        buffer_append(&op->rows, &part, sizeof(part));
    }
}

static void on_id(struct db_query *query, size_t parent_number, const entc_value *id)
{
    struct pages_op *op = of(query);
    struct pages_parent *parent = NULL;

    if (parent_number >= op->parent_count)
        return;
    parent = &op->parents[parent_number];
    if (parent->count == op->first) {
        parent->has_next = 1;
        return;
    }
    keep_row(op, parent_number, id);
    parent->count++;
}

static void forget_rows(struct pages_op *op)
{
    buffer_clear(&op->rows);
    buffer_clear(&op->texts);
    for (size_t i = 0; i < op->parent_count; i++)
        op->parents[i] = (struct pages_parent){0};
}

static void end_wait(struct pages_op *op)
{
    int64_t waited = engine_now_us(op->op.engine) - op->began_us;

    op->is_querying = false;
    count(op, TALLY_SQL_US, (uint64_t)waited);
    count(op, TALLY_SQL_QUERIES, op->query.statements);
    count(op, TALLY_SQL_ROWS, op->query.rows);
}

void relation_query_stop(struct pages_op *op)
{
    struct db_port *database = op->impl->services->database;

    if (!op->is_querying)
        return;
    database->ops->detach(database, &op->query);
    end_wait(op);
}

static void fail(struct pages_op *op, entc_status status, const entc_error *story)
{
    entc_error *error = NULL;

    error_copy(&error, story, status);
    relation_pages_end(op, status, error);
}

static void go_on(struct pages_op *op)
{
    if (op->rows.failed || op->texts.failed || !relation_build_pages(op))
        fail(op, ENTC_E_NO_MEMORY, NULL);
    else
        relation_children_start(op);
}

static void on_done(struct db_query *query, entc_status status, const entc_error *error)
{
    struct pages_op *op = of(query);

    end_wait(op);
    if (status == ENTC_E_UNAVAILABLE && query->is_lost && !op->is_repeated) {
        op->is_repeated = true;
        forget_rows(op);
        relation_query_start(op);
    } else if (status != ENTC_OK) {
        fail(op, status, error);
    } else {
        go_on(op);
    }
}

/* Where parents belong to the other, their keys are its ids: no statement is needed. */
static void take_keys(struct pages_op *op)
{
    for (size_t i = 0; i < op->parent_count; i++)
        if (i != op->nobody)
            on_id(&op->query, i, &op->parent_ids[i * op->relation->link.count]);
}

static enum db_kind kind_of(const struct entc_relation *relation)
{
    if (!relation)
        return DB_LIST;
    return relation->kind == RELATION_LOOKUP ? DB_LOOKUP : DB_PAGES;
}

void relation_query_start(struct pages_op *op)
{
    struct db_port *database = op->impl->services->database;
    const struct entc_relation *relation = op->relation;
    entc_error *error = NULL;
    entc_status status = ENTC_OK;

    if (relation && relation->kind == ENTC_RELATION_BELONGS_TO) {
        take_keys(op);
        go_on(op);
        return;
    }
    op->query = (struct db_query){.kind = kind_of(relation),
                                  .model = op->impl->model,
                                  .order = op->order,
                                  .order_count = op->order_count,
                                  .limit = (int64_t)op->first + 1,
                                  .deadline_us = op->op.deadline_us,
                                  .id = on_id,
                                  .done = on_done};
    if (relation) {
        op->query.ids = op->parent_ids;
        op->query.id_count = op->parent_count;
        op->query.link = &relation->link;
    }
    op->began_us = engine_now_us(op->op.engine);
    status = database->ops->submit(database, &op->query, &error);
    op->is_querying = status == ENTC_OK;
    if (status != ENTC_OK)
        fail(op, status, error);
    entc_error_free(error);
}
