/* Drives the postgres room in tests. Everything that the room marks [driver] is called from a task
 * in the engine's inbox, so that it runs where the repository would call it. */
#include "postgres_rig.h"

#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_US INT64_C(30000000)

static void write_log(int32_t level, const char *domain, const char *text, void *user)
{
    struct postgres_rig *rig = user;

    assert_string_equal(domain, "postgres");
    rig->lines[level]++;
    strncat(rig->logged, text, sizeof(rig->logged) - strlen(rig->logged) - 1);
    strncat(rig->logged, "\n", sizeof(rig->logged) - strlen(rig->logged) - 1);
}

void postgres_rig_open_with(struct postgres_rig *rig, const char *conninfo, uint32_t connections,
                            int64_t connect_timeout_us)
{
    struct engine_config config = {.drive = ENTC_DRIVE_HOST};
    struct postgres_config postgres = {
        .conninfo = conninfo, .connections = connections, .connect_timeout_us = connect_timeout_us};
    entc_error *error = NULL;

    memset(rig, 0, sizeof(*rig));
    test_allocator_init(&rig->memory);
    rig->log = (struct log){ENTC_LOG_DEBUG, write_log, rig};
    config.allocator = &rig->memory.allocator;
    assert_int_equal(engine_new(&config, &rig->engine, NULL), ENTC_OK);
    postgres.engine = rig->engine;
    postgres.log = &rig->log;
    if (postgres_port_new(&postgres, &rig->port, &error) != ENTC_OK)
        test_fail("%s", entc_error_message(error));
}

void postgres_rig_open(struct postgres_rig *rig, const char *conninfo, uint32_t connections)
{
    postgres_rig_open_with(rig, conninfo, connections, INT64_C(10000000));
}

static void shut_down(void *context)
{
    struct postgres_rig *rig = context;

    rig->port->ops->close(rig->port);
}

void postgres_rig_close(struct postgres_rig *rig)
{
    assert_int_equal(engine_close(rig->engine, 0, shut_down, rig), ENTC_OK);
    rig->port->ops->free(rig->port);
    engine_unref(rig->engine);
    assert_int_equal(test_allocator_live(&rig->memory), 0);
}

void postgres_rig_abandon(struct postgres_rig *rig)
{
    rig->port->ops->free(rig->port);
    engine_unref(rig->engine);
}

void postgres_rig_turn(struct postgres_rig *rig, int timeout_ms)
{
    struct pollfd readable = {.fd = engine_fd(rig->engine), .events = POLLIN};

    if (timeout_ms > 0)
        poll(&readable, 1, timeout_ms);
    assert_int_equal(engine_process(rig->engine), ENTC_OK);
}

void postgres_rig_until(struct postgres_rig *rig, bool (*is_true)(void *context), void *context)
{
    const int64_t end_us = clock_now_us() + PATIENCE_US;

    postgres_rig_turn(rig, 0);
    while (!is_true(context)) {
        if (clock_now_us() > end_us)
            test_fail("it did not come true in 30 s; the log says: %s", rig->logged);
        postgres_rig_turn(rig, 5);
    }
}

struct schema_model *postgres_rig_model_of(const entc_model_desc *desc, const entc_field *fields,
                                           size_t count)
{
    const entc_entity_desc entity = {sizeof(entity), "Thing", 0, fields, count, sizeof(entc_field)};
    struct schema_type *type = NULL;
    struct schema_model *model = NULL;

    assert_int_equal(schema_type_new(&entity, base_default_allocator(), &type, NULL), ENTC_OK);
    assert_int_equal(schema_model_new(desc, type, &model, NULL), ENTC_OK);
    schema_type_unref(type);
    return model;
}

struct schema_model *postgres_rig_model(const char *schema, const char *table,
                                        const entc_field *fields, size_t count)
{
    entc_model_desc desc = ENTC_MODEL(table);

    desc.schema = schema;
    return postgres_rig_model_of(&desc, fields, count);
}

void postgres_rig_model_free(struct schema_model *model)
{
    schema_model_unref(model);
}

/* ---- asks ---- */

static struct ask *ask_of(struct db_query *query)
{
    return (struct ask *)(void *)query;
}

/* Room for one more; it grows at powers of two. */
static void *grown(void *array, size_t count, size_t size)
{
    void *larger = array;

    if ((count & (count - 1)) == 0)
        larger = realloc(array, (count ? 2 * count : 1) * size);
    assert_non_null(larger);
    return larger;
}

static void take_entity(struct db_query *query, struct entc_entity *entity)
{
    struct ask *ask = ask_of(query);

    ask->entities = grown(ask->entities, ask->entity_count, sizeof(*ask->entities));
    ask->entities[ask->entity_count++] = entity;
    if (ask->on_entity)
        ask->on_entity(ask);
}

static void take_id(struct db_query *query, size_t parent, const entc_value *id)
{
    struct ask *ask = ask_of(query);
    const size_t parts = query->model->type->key_count;
    entc_value *copies = NULL;

    ask->ids = grown(ask->ids, ask->id_count, parts * sizeof(*ask->ids));
    ask->parents = grown(ask->parents, ask->id_count, sizeof(*ask->parents));
    copies = &ask->ids[ask->id_count * parts];
    ask->parents[ask->id_count] = parent;
    for (size_t i = 0; i < parts; i++) {
        copies[i] = id[i];
        if (id[i].type == ENTC_TEXT) {
            char *copy = malloc(id[i].length + 1);

            assert_non_null(copy);
            memcpy(copy, id[i].as.text, id[i].length);
            copy[id[i].length] = '\0';
            copies[i].as.text = copy;
        }
    }
    ask->id_count++;
}

static void take_difference(struct db_query *query, const char *line)
{
    struct ask *ask = ask_of(query);
    const size_t length = strlen(ask->differences);

    ask->difference_count++;
    assert_null(strchr(line, '\n'));
    snprintf(ask->differences + length, sizeof(ask->differences) - length, "%s\n", line);
}

static void take_bad_row(struct db_query *query, const entc_value *id, entc_status status,
                         const entc_error *error)
{
    struct ask *ask = ask_of(query);

    assert_int_equal(status, ENTC_E_SCHEMA);
    ask->bad_rows++;
    ask->bad_id = id->type == ENTC_INT64 ? id->as.int64 : 0;
    strcpy(ask->message, entc_error_message(error));
}

static void take_story(struct ask *ask, const entc_error *error)
{
    strcpy(ask->message, entc_error_message(error));
    strcpy(ask->hint, entc_error_hint(error));
    strcpy(ask->sqlstate, entc_error_sqlstate(error));
}

static void take_done(struct db_query *query, entc_status status, const entc_error *error)
{
    struct ask *ask = ask_of(query);

    ask->done_calls++;
    ask->status = status;
    assert_int_equal(entc_error_code(error), status);
    if (error)
        take_story(ask, error);
    if (ask->on_done)
        ask->on_done(ask);
}

void ask_init(struct ask *ask, struct postgres_rig *rig, enum db_kind kind,
              const struct schema_model *model)
{
    memset(ask, 0, sizeof(*ask));
    ask->rig = rig;
    ask->query.kind = kind;
    ask->query.model = model;
    ask->query.limit = 1000;
    ask->query.deadline_us = INT64_MAX;
    ask->query.entity = take_entity;
    ask->query.id = take_id;
    ask->query.bad_row = take_bad_row;
    ask->query.difference = take_difference;
    ask->query.done = take_done;
}

void ask_ids(struct ask *ask, const entc_value *ids, size_t count)
{
    ask->query.ids = ids;
    ask->query.id_count = count;
}

/* Something to do for the driver. */
struct errand {
    struct engine_task task; /* first */
    struct ask *asks;
    size_t count;
    bool is_done;
};

static void do_submit(struct engine_task *task)
{
    struct errand *errand = (struct errand *)(void *)task;

    for (size_t i = 0; i < errand->count; i++) {
        struct ask *ask = &errand->asks[i];
        entc_error *error = NULL;

        ask->submitted = ask->rig->port->ops->submit(ask->rig->port, &ask->query, &error);
        ask->is_refused = ask->submitted != ENTC_OK;
        assert_int_equal(ask->done_calls, 0);
        if (ask->is_refused)
            take_story(ask, error);
        entc_error_free(error);
    }
    errand->is_done = true;
}

static void do_detach(struct engine_task *task)
{
    struct errand *errand = (struct errand *)(void *)task;
    const int done_calls = errand->asks->done_calls;

    errand->asks->rig->port->ops->detach(errand->asks->rig->port, &errand->asks->query);
    assert_int_equal(errand->asks->done_calls, done_calls);
    errand->is_done = true;
}

static void run_errand(struct ask *asks, size_t count, void (*run)(struct engine_task *task))
{
    struct errand errand = {.task.run = run, .asks = asks, .count = count};

    engine_post(asks->rig->engine, &errand.task);
    postgres_rig_turn(asks->rig, 0);
    assert_true(errand.is_done);
}

void ask_submit_all(struct ask *asks, size_t count)
{
    run_errand(asks, count, do_submit);
}

void ask_submit(struct ask *ask)
{
    ask_submit_all(ask, 1);
}

void ask_detach(struct ask *ask)
{
    run_errand(ask, 1, do_detach);
}

static bool is_over(void *context)
{
    const struct ask *ask = context;

    return ask->done_calls > 0 || ask->is_refused;
}

entc_status ask_wait(struct ask *ask)
{
    postgres_rig_until(ask->rig, is_over, ask);
    if (ask->is_refused)
        return ask->submitted;
    assert_int_equal(ask->done_calls, 1);
    return ask->status;
}

entc_status ask_run(struct ask *ask)
{
    ask_submit(ask);
    return ask_wait(ask);
}

void ask_fini(struct ask *ask)
{
    const size_t parts = ask->query.model ? ask->query.model->type->key_count : 1;

    for (size_t i = 0; i < ask->entity_count; i++)
        entity_unref(ask->entities[i]);
    for (size_t i = 0; i < ask->id_count * parts; i++)
        if (ask->ids[i].type == ENTC_TEXT)
            free((char *)(uintptr_t)ask->ids[i].as.text);
    free(ask->entities);
    free(ask->ids);
    free(ask->parents);
}

struct entc_entity *ask_entity(const struct ask *ask, int64_t id)
{
    const entc_value wanted = {.type = ENTC_INT64, .as = {.int64 = id}};

    for (size_t i = 0; i < ask->entity_count; i++)
        if (entity_has_id(ask->entities[i], &wanted))
            return ask->entities[i];
    test_fail("there is no entity %lld", (long long)id);
    return NULL;
}
