/* The query behind lists and pages: one statement for all parents, one row more than asked for, so
 * that `has_next` costs nothing. Rows are kept until the query is over: half an answer is none. */
#include "relation/pages.h"

#include <stdio.h>

static struct pages_op *of(struct db_query *query)
{
    return BASE_CONTAINER(query, struct pages_op, query);
}

static void count(const struct pages_op *op, enum tally_counter counter, uint64_t amount)
{
    account_count(op->impl->services->tally, op->account, counter, amount);
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
    count(op, TALLY_SQL_BYTES, op->query.bytes);
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

/* ---- what the request is told, and what it may take ---- */

/* False: the operation has ended, since its request would go over. */
static bool charge(struct pages_op *op, enum ledger_limit limit, uint64_t amount)
{
    entc_error *error = NULL;
    char asked_by[128];

    if (!op->account || ledger_charge(op->account->ledger, limit, amount))
        return true;
    snprintf(asked_by, sizeof(asked_by), "%s '%.80s'", op->relation ? "relation" : "list of entity",
             op->relation ? op->relation->name : op->impl->type->name);
    account_refuse(op->account, limit, amount, asked_by, &error);
    count(op, TALLY_LIMITED, 1);
    account_why(op->account, WHY_LIMIT_REACHED, 1);
    relation_pages_end(op, ENTC_E_LIMIT, error);
    return false;
}

static void refund(struct pages_op *op)
{
    if (op->account)
        ledger_refund(op->account->ledger, LEDGER_SQL_QUERIES, 1);
}

/* What tells one statement of this relation or list from another: its order. */
static uint64_t shape_of(const struct pages_op *op)
{
    const struct hash_key *key = &op->impl->services->hash_key;
    uint64_t shape = 0;

    for (size_t i = 0; i < op->order_count; i++)
        shape =
            hash_uint64(key, (shape << 1 | shape >> 63) ^
                                 hash_bytes(key, op->order[i].column, strlen(op->order[i].column)) ^
                                 op->order[i].is_descending);
    return shape;
}

/* A batch of parents is a matter of the relation alone: it asks for no entities. */
static void note_run(struct pages_op *op)
{
    if (!op->account)
        return;
    if (op->relation) {
        account_note(op->account, TALLY_BATCHES, 1);
        account_note(op->account, TALLY_BATCH_IDS, op->parent_count);
    }
    account_run(op->account, op->relation ? SHAPE_PAGES : SHAPE_LIST, shape_of(op),
                op->parent_count);
}

/* ---- asking ---- */

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
    } else if (!charge(op, LEDGER_ROWS, query->rows)) {
        return;
    } else if (op->rows.failed || op->texts.failed || !relation_build_pages(op)) {
        fail(op, ENTC_E_NO_MEMORY, NULL);
    } else {
        relation_children_start(op);
    }
}

void relation_query_start(struct pages_op *op)
{
    struct db_port *database = op->impl->services->database;
    const struct entc_relation *relation = op->relation;
    entc_error *error = NULL;
    entc_status status = ENTC_OK;

    if (!charge(op, LEDGER_SQL_QUERIES, 1))
        return;
    op->query = (struct db_query){.kind = relation ? DB_PAGES : DB_LIST,
                                  .model = op->impl->model,
                                  .order = op->order,
                                  .order_count = op->order_count,
                                  .limit = (int64_t)op->first + 1,
                                  .deadline_us = op->op.deadline_us,
                                  .name = relation_pages_name(op),
                                  .place = {op->span.id, op->span.place.request},
                                  .id = on_id,
                                  .done = on_done};
    if (relation) {
        op->query.ids = op->parent_ids;
        op->query.id_count = op->parent_count;
        op->query.id_type = op->parent_ids[0].type;
        op->query.foreign_column = relation->foreign_column;
    }
    op->began_us = engine_now_us(op->op.engine);
    status = database->ops->submit(database, &op->query, &error);
    op->is_querying = status == ENTC_OK;
    if (status == ENTC_OK) {
        note_run(op);
    } else {
        refund(op);
        fail(op, status, error);
    }
    entc_error_free(error);
}
