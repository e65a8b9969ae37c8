/* The limits of requests, where their batches are sent.
 *
 * A request is charged before a step is sent: one command for an MGET and one statement for a query
 * in which it has a part, however many ids and other requests share it; for a lease two commands,
 * the lease and the fill or release that ends it; and, when they came, the rows that it asked for,
 * each once. An operation that would take its request over ends with ENTC_E_LIMIT before the step;
 * the rest of the batch does not notice. Commands that mend the cache are not charged.
 *
 * Invariant: an entry is charged to one request once in a step. Its `mark` tells: requests take
 * turns, and each turn has a mark of its own, and a second one for an operation that is not
 * admitted yet. */
#include "repository/flight.h"

#include <stdio.h>

/* What one step takes. */
struct price {
    enum ledger_limit limit;
    uint64_t base;  /* for having a part in it */
    uint64_t entry; /* for each entry */
};

static const struct price prices[] = {[FLIGHT_MGET] = {LEDGER_REDIS_COMMANDS, 1, 0},
                                      [FLIGHT_LEASE] = {LEDGER_REDIS_COMMANDS, 0, 2},
                                      [FLIGHT_QUERY] = {LEDGER_SQL_QUERIES, 1, 0},
                                      [FLIGHT_ROWS] = {LEDGER_ROWS, 0, 1}};

static bool is_of(const struct batch_entry *entry, enum flight_step step)
{
    switch (step) {
    case FLIGHT_MGET:
        return entry->stage == ENTRY_ASKED;
    case FLIGHT_LEASE:
        return entry->stage == ENTRY_MISSED;
    case FLIGHT_QUERY:
        return entry->stage == ENTRY_WINNER || entry->stage == ENTRY_UNFENCED;
    case FLIGHT_ROWS:
    default:
        return entry->outcome == OUTCOME_ROW;
    }
}

/* ---- one request's turn ---- */

struct turn {
    struct repository_batch *batch;
    struct ledger *ledger;
    enum flight_step step;
    uint32_t mark;  /* entries that are charged */
    bool has_part;  /* the base is charged */
    bool is_refund; /* gives back instead */
};

/* Marks the operation's entries of this step that are not charged yet; how many. SIZE_MAX: it has
 * no part in the step. */
static uint64_t mark_entries(const struct turn *turn, const struct entities_op *op)
{
    uint64_t fresh = 0;
    bool has_part = false;

    for (size_t slot = 0; slot < op->count; slot++) {
        struct batch_entry *entry = NULL;

        if (op->statuses[slot] != ENTC_E_AGAIN)
            continue;
        entry = &turn->batch->entries[op->entries[slot]];
        if (!is_of(entry, turn->step))
            continue;
        has_part = true;
        if (entry->mark == turn->mark || entry->mark == turn->mark + 1)
            continue;
        entry->mark = turn->mark + 1;
        fresh++;
    }
    return has_part ? fresh : UINT64_MAX;
}

static void settle_entries(const struct turn *turn, const struct entities_op *op, uint32_t mark)
{
    for (size_t slot = 0; slot < op->count; slot++) {
        struct batch_entry *entry = NULL;

        if (op->statuses[slot] != ENTC_E_AGAIN)
            continue;
        entry = &turn->batch->entries[op->entries[slot]];
        if (entry->mark == turn->mark + 1)
            entry->mark = mark;
    }
}

static void refuse(struct entities_op *op, enum ledger_limit limit, uint64_t amount)
{
    struct tally *engine = op->impl->services->tally;
    char asked_by[128];
    entc_error *error = NULL;

    snprintf(asked_by, sizeof(asked_by), "get_many of entity '%.80s'", op->impl->type->name);
    account_refuse(op->account, limit, amount, asked_by, &error);
    account_count(engine, op->account, TALLY_LIMITED, 1);
    account_why(op->account, WHY_LIMIT_REACHED, 1);
    repository_batch_drop(op);
    engine_op_complete(&op->op, ENTC_E_LIMIT, error);
}

static void take_part(struct turn *turn, struct entities_op *op)
{
    const struct price *price = &prices[turn->step];
    const uint64_t entries = mark_entries(turn, op);
    uint64_t amount = 0;

    if (entries == UINT64_MAX)
        return;
    amount = entries * price->entry + (turn->has_part ? 0 : price->base);
    if (turn->is_refund) {
        ledger_refund(turn->ledger, price->limit, amount);
    } else if (!ledger_charge(turn->ledger, price->limit, amount)) {
        settle_entries(turn, op, 0);
        refuse(op, price->limit, amount);
        return;
    }
    turn->has_part = true;
    settle_entries(turn, op, turn->mark);
}

/* ---- all requests ---- */

static struct entities_op *op_at(struct list *link)
{
    return BASE_CONTAINER(link, struct entities_op, place);
}

static void take_turn(struct turn *turn)
{
    struct list *next = NULL;

    turn->batch->marks += 2;
    turn->mark = turn->batch->marks;
    for (struct list *link = turn->batch->ops.next; link != &turn->batch->ops; link = next) {
        struct entities_op *op = op_at(link);

        next = link->next;
        if (!op->account || op->account->ledger != turn->ledger)
            continue;
        op->turn = turn->mark;
        take_part(turn, op);
    }
}

/* The next request with limits that had no turn since `before`; NULL: none. */
static struct ledger *next_ledger(const struct repository_batch *batch, uint32_t before)
{
    for (struct list *link = batch->ops.next; link != &batch->ops; link = link->next) {
        const struct entities_op *op = op_at(link);

        if (op->account && op->account->ledger->has_limits && op->turn <= before)
            return op->account->ledger;
    }
    return NULL;
}

static void take_turns(struct repository_batch *batch, enum flight_step step, bool is_refund)
{
    const uint32_t before = batch->marks;
    struct ledger *ledger = NULL;

    while ((ledger = next_ledger(batch, before)) != NULL) {
        struct turn turn = {.batch = batch, .ledger = ledger, .step = step, .is_refund = is_refund};

        take_turn(&turn);
    }
}

static bool is_wanted(const struct repository_batch *batch, enum flight_step step)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->entries[i].waiting > 0 && is_of(&batch->entries[i], step))
            return true;
    return false;
}

bool repository_flight_admit(struct repository_batch *batch, enum flight_step step)
{
    if (!batch->has_limits)
        return true;
    take_turns(batch, step, false);
    if (list_is_empty(&batch->ops)) {
        repository_flight_end(batch);
        return false;
    }
    if (step == FLIGHT_ROWS || is_wanted(batch, step))
        return true;
    repository_flight_next(batch);
    return false;
}

void repository_flight_refund(struct repository_batch *batch, enum flight_step step)
{
    if (batch->has_limits)
        take_turns(batch, step, true);
}
