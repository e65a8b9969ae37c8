/* The database of fake_ports.h: rows in the order in which they were put. An entity has its
 * key's fields and a text. */
#include "fake_ports.h"

#include <stdlib.h>

void fake_db_put_id(struct fake_db *db, const char *table, const entc_value *id, size_t parts,
                    const char *name)
{
    struct fake_row *row = &db->rows[db->row_count++];

    *row = (struct fake_row){.table = table, .name = name, .parts = parts};
    memcpy(row->id, id, parts * sizeof(*id));
}

void fake_db_put(struct fake_db *db, const char *table, int64_t id, const char *name,
                 int64_t parent)
{
    const entc_value value = {.type = ENTC_INT64, .as.int64 = id};

    fake_db_put_id(db, table, &value, 1, name);
    db->rows[db->row_count - 1].parent = parent;
}

void fake_db_put_text(struct fake_db *db, const char *table, const char *id, const char *name)
{
    const entc_value value = {.type = ENTC_TEXT, .length = (uint32_t)strlen(id), .as.text = id};

    fake_db_put_id(db, table, &value, 1, name);
}

static bool same_part(const entc_value *left, const entc_value *right)
{
    if (left->type != right->type)
        return false;
    if (left->type == ENTC_TEXT)
        return left->length == right->length &&
               memcmp(left->as.text, right->as.text, left->length) == 0;
    if (left->type == ENTC_UUID)
        return memcmp(left->as.bytes, right->as.bytes, sizeof(left->as.bytes)) == 0;
    return left->as.int64 == right->as.int64;
}

static bool same_id(const entc_value *left, const entc_value *right, size_t parts)
{
    for (size_t i = 0; i < parts; i++) {
        if (!same_part(&left[i], &right[i]))
            return false;
    }
    return true;
}

/* ---- answers ---- */

static bool draft_part(struct entity_draft *draft, uint32_t field, const entc_value *part)
{
    if (part->type == ENTC_TEXT)
        return entity_draft_set_text(draft, field, part->as.text, part->length);
    if (part->type == ENTC_UUID)
        entity_draft_set_uuid(draft, field, part->as.bytes);
    else
        entity_draft_set_int64(draft, field, part->as.int64);
    return true;
}

static void send_bad_row(struct db_query *query, const struct fake_row *row)
{
    entc_error *error = NULL;

    query->rows++;
    query->bytes += FAKE_ROW_BYTES;
    error_set(&error, ENTC_E_SCHEMA, "postgres", "NULL in a field that is not nullable");
    query->bad_row(query, row->id, ENTC_E_SCHEMA, error);
    entc_error_free(error);
}

/* False when memory is out. */
static bool send_entity(struct db_query *query, const struct fake_row *row)
{
    struct entity_draft draft;
    struct entc_entity *entity = NULL;
    bool is_set = true;

    if (entity_draft_init(&draft, query->model->type) != ENTC_OK)
        return false;
    for (uint32_t i = 0; i < row->parts && is_set; i++)
        is_set = draft_part(&draft, i, &row->id[i]);
    if (is_set && entity_draft_set_text(&draft, (uint32_t)row->parts, row->name, strlen(row->name)))
        entity = entity_draft_seal(&draft);
    entity_draft_fini(&draft);
    if (!entity)
        return false;
    query->rows++;
    query->bytes += FAKE_ROW_BYTES;
    query->entity(query, entity);
    return true;
}

static bool send_by_ids(struct fake_db *db, struct db_query *query, size_t most)
{
    const struct fake_row stranger = {
        .id = {{.type = ENTC_INT64, .as.int64 = 987654}}, .parts = 1, .name = "?"};

    for (size_t i = 0; i < db->row_count; i++) {
        const struct fake_row *row = &db->rows[i];
        bool is_asked = false;

        if (strcmp(row->table, query->model->table) != 0)
            continue;
        for (size_t n = 0; n < query->id_count && !is_asked; n++)
            is_asked = same_id(row->id, &query->ids[n * row->parts], row->parts);
        if (!is_asked || most-- == 0)
            continue;
        if (db->bad_id != 0 && row->id[0].as.int64 == db->bad_id) {
            send_bad_row(query, row);
            continue;
        }
        if (!send_entity(query, row) || (db->is_doubling && !send_entity(query, row)))
            return false;
    }
    return !db->is_doubling || send_entity(query, &stranger);
}

/* The row's position: its id, and its name for every other column of the order. */
static void send_position(struct db_query *query, size_t parent, const struct fake_row *row)
{
    const struct schema_model *model = query->model;
    entc_value position[FAKE_PARTS_MAX + DB_ORDER_MAX];
    size_t count = row->parts;

    memcpy(position, row->id, row->parts * sizeof(*position));
    for (size_t i = 0; i < query->order_count; i++) {
        if (query->order[i].is_through ||
            schema_model_key_part(model, query->order[i].column) == model->type->key_count)
            position[count++] = (entc_value){
                .type = ENTC_TEXT, .length = (uint32_t)strlen(row->name), .as.text = row->name};
    }
    query->rows++;
    query->bytes += FAKE_ROW_BYTES;
    query->id(query, parent, position);
}

/* Backwards when the order's last column runs down. */
static void send_ids(struct fake_db *db, struct db_query *query, size_t parent,
                     const entc_value *parent_id, size_t most)
{
    const bool is_down =
        query->order_count > 0 && query->order[query->order_count - 1].is_descending;
    int64_t left = query->limits ? query->limits[parent] : query->limit ? query->limit : INT64_MAX;
    int64_t total = 0;

    for (size_t i = 0; i < db->row_count; i++) {
        const struct fake_row *row = &db->rows[is_down ? db->row_count - 1 - i : i];

        if (strcmp(row->table, query->model->table) != 0 ||
            (parent_id && row->parent != parent_id->as.int64))
            continue;

        total++;
        if (left == 0 || most == 0)
            continue;
        send_position(query, parent, row);
        left--;
        most--;
    }
    if (query->wants_total)
        query->total(query, parent, total);
}

static bool send(struct fake_db *db, struct db_query *query, size_t most)
{
    query->statements = 1;
    switch (query->kind) {
    case DB_BY_IDS:
        return send_by_ids(db, query, most);
    case DB_LIST:
        send_ids(db, query, 0, NULL, most);
        return true;
    case DB_PAGES:
    case DB_LOOKUP:
        for (size_t i = 0; i < query->id_count; i++)
            send_ids(db, query, i, &query->ids[i * query->link->count], most);
        return true;
    case DB_SQL:
        send_ids(db, query, 0, NULL, most);
        return true;
    case DB_CHECK:
        for (size_t i = 0; db->differences && db->differences[i] && i < most; i++)
            query->difference(query, db->differences[i]);
        return true;
    }
    return true;
}

static struct db_query *take_first(struct fake_db *db)
{
    struct db_query *query = db->pending[0];

    if (db->pending_count == 0)
        abort();
    db->pending_count--;
    memmove(&db->pending[0], &db->pending[1], db->pending_count * sizeof(db->pending[0]));
    return query;
}

void fake_db_answer(struct fake_db *db)
{
    struct db_query *query = take_first(db);
    bool is_complete = send(db, query, SIZE_MAX);

    query->done(query, is_complete ? ENTC_OK : ENTC_E_NO_MEMORY, NULL);
}

void fake_db_fail(struct fake_db *db, size_t delivered, entc_status status, bool is_lost,
                  const char *message)
{
    struct db_query *query = take_first(db);
    entc_error *error = NULL;

    send(db, query, delivered);
    query->is_lost = is_lost;
    if (message)
        error_set(&error, status, "postgres", "%s", message);
    query->done(query, status, error);
    entc_error_free(error);
}

/* ---- port ---- */

static void post_answers(struct fake_db *db)
{
    if (db->is_held || db->is_answer_posted || db->pending_count == 0)
        return;
    db->is_answer_posted = true;
    engine_post(db->engine, &db->answer_task);
}

static void run_answers(struct engine_task *task)
{
    struct fake_db *db = BASE_CONTAINER(task, struct fake_db, answer_task);

    db->is_answer_posted = false;
    for (size_t left = db->pending_count; left > 0 && db->pending_count > 0; left--)
        if (!db->is_held)
            fake_db_answer(db);
    post_answers(db);
}

static void write_part(struct fake_db *db, char before, const entc_value *part)
{
    if (part->type == ENTC_TEXT)
        fake_journal_write(db->journal, "%c%.*s", before, (int)part->length, part->as.text);
    else if (part->type == ENTC_UUID)
        fake_journal_write(db->journal, "%c%02x..%02x", before, (unsigned)part->as.bytes[0],
                           (unsigned)part->as.bytes[15]);
    else
        fake_journal_write(db->journal, "%c%lld", before, (long long)part->as.int64);
}

static void write_ids(struct fake_db *db, const struct db_query *query)
{
    const size_t parts = query->link ? query->link->count : query->model->type->key_count;

    for (size_t i = 0; i < query->id_count * parts; i++)
        write_part(db, i % parts == 0 ? ' ' : ',', &query->ids[i]);
}

static void write_position(struct fake_db *db, const char *word, const struct db_query *query,
                           const entc_value *position)
{
    const struct schema_model *model = query->model;
    size_t count = model->type->key_count;

    if (!position)
        return;
    for (size_t i = 0; i < query->order_count; i++)
        count += query->order[i].is_through ||
                 schema_model_key_part(model, query->order[i].column) == model->type->key_count;
    if (query->link)
        count *= query->id_count;
    fake_journal_write(db->journal, " %s", word);
    for (size_t i = 0; i < count; i++)
        write_part(db, i == 0 ? ' ' : ',', &position[i]);
}

static void write_list(struct fake_db *db, const struct db_query *query)
{
    for (size_t i = 0; query->limits && i < query->id_count; i++)
        fake_journal_write(db->journal, "%s%lld", i == 0 ? " limits " : ",",
                           (long long)query->limits[i]);
    if (query->wants_total)
        fake_journal_write(db->journal, " total");
    write_position(db, "after", query, query->after);
    write_position(db, "before", query, query->before);
    for (size_t i = 0; i < query->filter_count; i++) {
        fake_journal_write(db->journal, " where %s %u", query->filters[i].column,
                           (unsigned)query->filters[i].test);
        for (size_t v = 0; v < query->filters[i].value_count; v++)
            write_part(db, ' ', &query->filters[i].values[v]);
    }
}

static void write_query(struct fake_db *db, const char *before, const struct db_query *query)
{
    static const char *const names[] = {"IDS", "LIST", "PAGES", "LOOKUP", "CHECK", "SQL"};

    fake_journal_write(db->journal, "%s%s", before, names[query->kind]);
    if (query->kind == DB_CHECK)
        fake_journal_write(db->journal, " %s", query->model->table);
    else if (query->kind == DB_SQL)
        fake_journal_write(db->journal, " %s", query->sql);
    else if (query->kind != DB_BY_IDS)
        fake_journal_write(db->journal, " %s limit %lld", query->model->table,
                           (long long)query->limit);
    for (size_t i = 0; i < query->order_count; i++)
        fake_journal_write(db->journal, " by %s%s%s", query->order[i].is_through ? "its " : "",
                           query->order[i].column, query->order[i].is_descending ? " down" : "");
    write_list(db, query);
    for (size_t i = 0; i < query->param_count; i++)
        write_part(db, ' ', &query->params[i]);
    if (query->link && query->link->table)
        fake_journal_write(db->journal, " through %s.%s", query->link->schema, query->link->table);
    for (uint32_t i = 0; query->link && i < query->link->count; i++)
        fake_journal_write(db->journal, "%s%s", i > 0 ? "," : " of ", query->link->columns[i]);
    write_ids(db, query);
    fake_journal_write(db->journal, "\n");
}

static entc_status submit(struct db_port *port, struct db_query *query, entc_error **reterr)
{
    struct fake_db *db = (struct fake_db *)port;

    if (db->refuses != ENTC_OK)
        return error_set(reterr, db->refuses, "postgres", "the server is down");
    if (db->pending_count == FAKE_PENDING_MAX ||
        (query->id_count == 0 &&
         (query->kind == DB_BY_IDS || (query->link && query->kind != DB_CHECK))))
        abort();
    write_query(db, "", query);
    query->is_lost = false;
    query->statements = 0;
    query->rows = 0;
    query->bytes = 0;
    db->pending[db->pending_count++] = query;
    post_answers(db);
    return ENTC_OK;
}

static void detach(struct db_port *port, struct db_query *query)
{
    struct fake_db *db = (struct fake_db *)port;

    for (size_t i = 0; i < db->pending_count; i++) {
        if (db->pending[i] != query)
            continue;
        write_query(db, "detach ", query);
        db->pending_count--;
        memmove(&db->pending[i], &db->pending[i + 1],
                (db->pending_count - i) * sizeof(db->pending[0]));
        return;
    }
    abort();
}

static void do_nothing(struct db_port *port)
{
    (void)port;
}

static const struct db_port_ops ops = {
    .submit = submit, .detach = detach, .close = do_nothing, .free = do_nothing};

void fake_db_init(struct fake_db *db, struct engine *engine, struct fake_journal *journal)
{
    memset(db, 0, sizeof(*db));
    db->port.ops = &ops;
    db->engine = engine;
    db->journal = journal;
    db->answer_task.run = run_answers;
}
