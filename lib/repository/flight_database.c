/* The database's part of a flight: one query for all ids that go there at the same time.
 *
 * Rows find their entry by id; rows that nobody asked for, and second ones, are ignored; an id
 * without a row is absent. Rows count only when the query is over: half an answer is none. */
#include "repository/flight.h"

static struct repository_batch *of(struct db_query *query)
{
    return BASE_CONTAINER(query, struct repository_batch, query);
}

static bool is_queried(const struct batch_entry *entry)
{
    return entry->stage == ENTRY_WINNER || entry->stage == ENTRY_UNFENCED;
}

/* ---- the answer ---- */

/* What the port says is not trusted with its union before its types are looked at. */
static bool has_key_types(const struct repository_batch *batch, const entc_value *id)
{
    const struct schema_type *type = batch->impl->type;

    for (uint32_t part = 0; part < type->key_count; part++) {
        if (id[part].type != type->fields[type->key_fields[part]].type)
            return false;
    }
    return true;
}

static void on_entity(struct db_query *query, struct entc_entity *entity)
{
    struct repository_batch *batch = of(query);
    struct batch_entry *entry = NULL;
    uint32_t number = INDEX_NONE;
    entc_value id[SCHEMA_KEY_MAX];

    entity_id(entity, id);
    if (has_key_types(batch, id))
        number = repository_batch_find(batch, id);
    if (number != INDEX_NONE)
        entry = &batch->entries[number];
    if (entry && is_queried(entry) && !entry->entity)
        entry->entity = entity;
    else
        entity_unref(entity);
}

/* A row that breaks the descriptor's promises fails its own id, not its neighbours. */
static void on_bad_row(struct db_query *query, const entc_value *id, entc_status status,
                       const entc_error *error)
{
    struct repository_batch *batch = of(query);
    uint32_t number = has_key_types(batch, id) ? repository_batch_find(batch, id) : INDEX_NONE;

    if (number == INDEX_NONE || !is_queried(&batch->entries[number]))
        return;
    batch->entries[number].is_unread = true;
    batch->entries[number].status = status;
    error_copy(&batch->story, error, status);
}

static void forget_rows(struct repository_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!is_queried(&batch->entries[i]))
            continue;
        entity_unref(batch->entries[i].entity);
        batch->entries[i].entity = NULL;
        batch->entries[i].is_unread = false;
    }
}

static void settle(struct repository_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct batch_entry *entry = &batch->entries[i];

        if (!is_queried(entry))
            continue;
        entry->outcome = entry->is_unread ? OUTCOME_FAILED
                         : entry->entity  ? OUTCOME_ROW
                                          : OUTCOME_ABSENT;
        entry->stage = ENTRY_ANSWERED;
    }
}

/* The winners' leases are given back, so that others may try at once. */
static void fail(struct repository_batch *batch, entc_status status)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct batch_entry *entry = &batch->entries[i];

        if (!is_queried(entry))
            continue;
        entry->outcome = OUTCOME_FAILED;
        entry->status = status;
        entry->stage = ENTRY_ANSWERED;
    }
    repository_flight_unlease(batch);
    repository_flight_wake(batch->impl);
}

static void tell(struct repository_batch *batch, entc_status status, const entc_error *error)
{
    entc_error_free(batch->story);
    batch->story = NULL;
    if (status != ENTC_E_UNAVAILABLE) {
        error_copy(&batch->story, error, status);
        return;
    }
    error_set(&batch->story, status, "postgres",
              "entity '%s': neither the cache nor the database could answer: %s",
              batch->impl->type->name, error ? entc_error_message(error) : "it cannot be reached");
    error_hint(&batch->story, "%s", entc_error_hint(error));
    error_sqlstate(&batch->story, entc_error_sqlstate(error));
}

/* ---- asking ---- */

/* The query is over, one way or the other. */
static void end_wait(struct repository_batch *batch)
{
    int64_t waited = engine_now_us(flight_services(batch)->engine) - batch->began_us;

    batch->is_querying = false;
    repository_flight_count(batch, TALLY_SQL_US, (uint64_t)waited);
    repository_flight_count(batch, TALLY_SQL_QUERIES, batch->query.statements);
    repository_flight_count(batch, TALLY_SQL_ROWS, batch->query.rows);
    repository_flight_count(batch, TALLY_SQL_BYTES, batch->query.bytes);
}

void repository_flight_stop_query(struct repository_batch *batch)
{
    struct db_port *database = flight_services(batch)->database;

    if (!batch->is_querying)
        return;
    database->ops->detach(database, &batch->query);
    end_wait(batch);
    forget_rows(batch);
}

static void on_done(struct db_query *query, entc_status status, const entc_error *error);

int64_t repository_flight_deadline(const struct repository_batch *batch)
{
    int64_t latest = INT64_MIN;

    for (const struct list *link = batch->ops.next; link != &batch->ops; link = link->next) {
        int64_t deadline = BASE_CONTAINER(link, struct entities_op, place)->op.deadline_us;

        if (deadline > latest)
            latest = deadline;
    }
    return latest;
}

static void submit(struct repository_batch *batch, size_t count)
{
    struct repository_services *services = flight_services(batch);
    struct db_port *database = services->database;
    entc_error *error = NULL;
    entc_status status = ENTC_OK;

    batch->query = (struct db_query){.kind = DB_BY_IDS,
                                     .model = batch->impl->model,
                                     .ids = batch->query_ids,
                                     .id_count = count,
                                     .deadline_us = repository_flight_deadline(batch),
                                     .name = batch->impl->type->name,
                                     .place = {batch->span.id, batch->span.place.request},
                                     .entity = on_entity,
                                     .bad_row = on_bad_row,
                                     .done = on_done};
    batch->began_us = engine_now_us(services->engine);
    status = database->ops->submit(database, &batch->query, &error);
    batch->is_querying = status == ENTC_OK;
    if (status != ENTC_OK) {
        repository_flight_refund(batch, FLIGHT_QUERY);
        tell(batch, status, error);
        fail(batch, status);
    }
    entc_error_free(error);
    if (status != ENTC_OK)
        repository_flight_next(batch);
}

static void on_done(struct db_query *query, entc_status status, const entc_error *error)
{
    struct repository_batch *batch = of(query);

    end_wait(batch);
    if (status == ENTC_OK) {
        settle(batch);
        repository_flight_fill(batch);
        repository_flight_wake(batch->impl);
        if (repository_flight_admit(batch, FLIGHT_ROWS))
            repository_flight_next(batch);
        return;
    }
    forget_rows(batch);
    if (status == ENTC_E_UNAVAILABLE && query->is_lost && !batch->is_query_repeated &&
        engine_now_us(flight_services(batch)->engine) < query->deadline_us) {
        batch->is_query_repeated = true;
        if (repository_flight_admit(batch, FLIGHT_QUERY))
            submit(batch, query->id_count);
        return;
    }
    tell(batch, status, error);
    fail(batch, status);
    repository_flight_next(batch);
}

static size_t count_queried(struct repository_batch *batch)
{
    size_t count = 0;

    for (uint32_t i = 0; i < batch->count; i++) {
        if (!is_queried(&batch->entries[i]))
            continue;
        if (batch->entries[i].waiting > 0)
            count++;
        else
            batch->entries[i].stage = ENTRY_DROPPED;
    }
    return count;
}

void repository_flight_query(struct repository_batch *batch)
{
    const entc_allocator *allocator = flight_allocator(batch);
    const size_t parts = batch->impl->type->key_count;
    size_t most = 0;
    size_t count = 0;

    if (!repository_flight_admit(batch, FLIGHT_QUERY))
        return;
    most = count_queried(batch);
    base_release(allocator, batch->query_ids);
    batch->query_ids = base_allocate_array(allocator, most * parts, sizeof(*batch->query_ids));
    batch->is_query_repeated = false;
    if (!batch->query_ids) {
        repository_flight_refund(batch, FLIGHT_QUERY);
        tell(batch, ENTC_E_NO_MEMORY, NULL);
        fail(batch, ENTC_E_NO_MEMORY);
        repository_flight_next(batch);
        return;
    }
    for (uint32_t i = 0; i < batch->count; i++)
        if (is_queried(&batch->entries[i]))
            memcpy(&batch->query_ids[count++ * parts], batch->entries[i].id,
                   parts * sizeof(*batch->query_ids));
    submit(batch, count);
}
