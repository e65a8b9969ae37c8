/* The world of world.h: made in order, so that a failure at any point can be undone. */
#include "world.h"

#include <stdlib.h>

#define USER_TTL_US INT64_C(300000000)
#define NEGATIVE_TTL_US INT64_C(20000000)
#define ROUNDS_MAX 32

static const entc_field user_fields[] = {ENTC_FIELD(struct user, id, ENTC_INT64, ENTC_KEY),
                                         ENTC_FIELD(struct user, name, ENTC_TEXT, 0)};
static const entc_entity_desc user_entity = ENTC_ENTITY("User", struct user, user_fields);
static const entc_model_desc user_model = ENTC_MODEL("users");
static const entc_field tag_fields[] = {ENTC_FIELD(struct tag, code, ENTC_TEXT, ENTC_KEY),
                                        ENTC_FIELD(struct tag, name, ENTC_TEXT, 0)};
static const entc_entity_desc tag_entity = ENTC_ENTITY("Tag", struct tag, tag_fields);
static const entc_model_desc tag_model = ENTC_MODEL("tags");

static int64_t now_us = 1000000;
/* What the world being made, or made last, runs on. */
static bool is_real;

int64_t world_now(void)
{
    return is_real ? clock_now_us() : now_us;
}

/* ---- making and freeing ---- */

static void destroy_services(struct repository_services *services)
{
    struct engine *engine = services->engine;
    const entc_allocator allocator = *engine_allocator(engine);

    tally_unref(services->tally);
    base_release(&allocator, services);
    engine_unref(engine);
}

static bool make_services(struct world *world)
{
    struct repository_services *services =
        base_allocate_zeroed(&world->memory.allocator, sizeof(*services));

    if (!services)
        return false;
    atomic_init(&services->references, 1);
    services->engine = engine_ref(world->engine);
    services->destroy = destroy_services;
    services->cache = &world->cache.port;
    services->database = &world->db.port;
    services->redis_timeout_us = WORLD_REDIS_TIMEOUT_US;
    services->timeout_us = WORLD_TIMEOUT_US;
    services->ttl_us = USER_TTL_US;
    services->negative_ttl_us = NEGATIVE_TTL_US;
    services->lease_us = 3000000;
    services->max_value_bytes = 1024;
    for (size_t i = 0; i < sizeof(services->random.state) / sizeof(services->random.state[0]); i++)
        services->random.state[i] = i + 1;
    world->services = services;
    services->tally = tally_new(&world->memory.allocator);
    return services->tally != NULL;
}

static bool make(struct world *world)
{
    const struct engine_config config = {.drive = is_real ? ENTC_DRIVE_WAITERS : ENTC_DRIVE_HOST,
                                         .now_us = world_now,
                                         .allocator = &world->memory.allocator};

    if (engine_new(&config, &world->engine, NULL) != ENTC_OK)
        return false;
    fake_cache_init(&world->cache, world->engine, &world->journal);
    fake_db_init(&world->db, world->engine, &world->journal);
    return make_services(world) &&
           repository_new(world->services, &user_model, &user_entity, &world->users, NULL) ==
               ENTC_OK &&
           repository_new(world->services, &tag_model, &tag_entity, &world->tags, NULL) == ENTC_OK;
}

static void shut_down(void *context)
{
    repository_services_shutdown(context);
}

uint64_t world_free(struct world *world)
{
    uint64_t calls = 0;

    if (world->users)
        repository_close(world->users);
    if (world->tags)
        repository_close(world->tags);
    repository_unref(world->users);
    repository_unref(world->tags);
    if (world->engine)
        engine_close(world->engine, 0, world->services ? shut_down : NULL, world->services);
    repository_services_unref(world->services);
    engine_unref(world->engine);
    assert_int_equal(world->cache.pending_count, 0);
    assert_int_equal(world->db.pending_count, 0);
    fake_cache_fini(&world->cache);
    fake_journal_fini(&world->journal);
    assert_int_equal(test_allocator_live(&world->memory), 0);
    calls = test_allocator_calls(&world->memory);
    free(world);
    return calls;
}

static struct world *world_new_with(uint64_t n, bool from_then_on)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    test_allocator_init(&world->memory);
    test_allocator_fail_at(&world->memory, n, from_then_on);
    if (make(world))
        return world;
    world_free(world);
    return NULL;
}

struct world *world_new_failing(uint64_t n, bool from_then_on)
{
    is_real = false;
    return world_new_with(n, from_then_on);
}

struct world *world_new_waiters(void)
{
    struct world *world = NULL;

    is_real = true;
    world = world_new_with(0, false);
    assert_non_null(world);
    return world;
}

struct world *world_new(void)
{
    struct world *world = world_new_failing(0, false);

    assert_non_null(world);
    return world;
}

/* ---- time ---- */

void world_turn(struct world *world)
{
    assert_int_equal(engine_process(world->engine), ENTC_OK);
}

void world_settle(struct world *world)
{
    for (int round = 0; round < ROUNDS_MAX; round++)
        world_turn(world);
}

void world_advance(struct world *world, int64_t microseconds)
{
    now_us += microseconds;
    world_turn(world);
}

/* ---- the driver's part ---- */

struct order {
    struct engine_task task;
    struct world *world;
    void (*run)(struct order *order);
    size_t delivered;
    entc_status status;
    bool is_lost;
    const char *message;
};

static void run_order(struct engine_task *task)
{
    struct order *order = BASE_CONTAINER(task, struct order, task);

    order->run(order);
}

static void obey(struct order order)
{
    order.task.run = run_order;
    engine_post(order.world->engine, &order.task);
    world_turn(order.world);
}

static void cache_answer(struct order *order)
{
    fake_cache_answer(&order->world->cache);
}

static void cache_deliver(struct order *order)
{
    fake_cache_deliver(&order->world->cache, order->delivered);
}

static void cache_fail(struct order *order)
{
    fake_cache_fail(&order->world->cache, order->delivered, order->is_lost);
}

static void db_answer(struct order *order)
{
    fake_db_answer(&order->world->db);
}

static void db_fail(struct order *order)
{
    fake_db_fail(&order->world->db, order->delivered, order->status, order->is_lost,
                 order->message);
}

void world_cache_answer(struct world *world)
{
    obey((struct order){.world = world, .run = cache_answer});
}

void world_cache_deliver(struct world *world, size_t delivered)
{
    obey((struct order){.world = world, .run = cache_deliver, .delivered = delivered});
}

void world_cache_fail(struct world *world, size_t delivered, bool is_lost)
{
    obey((struct order){
        .world = world, .run = cache_fail, .delivered = delivered, .is_lost = is_lost});
}

void world_db_answer(struct world *world)
{
    obey((struct order){.world = world, .run = db_answer});
}

void world_db_fail(struct world *world, size_t delivered, entc_status status, bool is_lost,
                   const char *message)
{
    obey((struct order){.world = world,
                        .run = db_fail,
                        .delivered = delivered,
                        .status = status,
                        .is_lost = is_lost,
                        .message = message});
}

/* ---- calls ---- */

struct repository_call world_call(struct entc_request *request)
{
    return (struct repository_call){.request = request,
                                    .deadline_us = world_now() + WORLD_TIMEOUT_US};
}

static void close_request(struct engine_group *group)
{
    (void)group;
}

static void destroy_request(struct entc_request *request)
{
    struct engine *engine = request->engine;
    const entc_allocator allocator = *engine_allocator(engine);

    ledger_unref(request->ledger);
    tally_unref(request->tally);
    tally_unref(request->engine_tally);
    base_release(&allocator, request);
    engine_unref(engine);
}

struct entc_request *world_request_new(struct world *world)
{
    return world_request_limited(world, 0, 0, 0);
}

struct entc_request *world_request_limited(struct world *world, uint64_t sql_queries,
                                           uint64_t redis_commands, uint64_t rows)
{
    const uint64_t limits[LEDGER_LIMITS] = {[LEDGER_SQL_QUERIES] = sql_queries,
                                            [LEDGER_REDIS_COMMANDS] = redis_commands,
                                            [LEDGER_ROWS] = rows};
    struct entc_request *request = base_allocate_zeroed(&world->memory.allocator, sizeof(*request));

    assert_non_null(request);
    atomic_init(&request->references, 1);
    request->engine = engine_ref(world->engine);
    request->tally = tally_new(&world->memory.allocator);
    assert_non_null(request->tally);
    request->ledger = ledger_new(&world->memory.allocator, request->tally, limits);
    assert_non_null(request->ledger);
    request->engine_tally = tally_ref(world->services->tally);
    request->deadline_us = INT64_MAX;
    request->destroy = destroy_request;
    engine_group_init(&request->group, world->engine, close_request, close_request);
    return request;
}

uint64_t world_charged(struct entc_request *request, enum ledger_limit limit)
{
    return atomic_load(&request->ledger->charged[limit]);
}

uint64_t world_why(struct entc_request *request, const char *entity, enum why why)
{
    return atomic_load(&ledger_account(request->ledger, ACCOUNT_ENTITY, NULL, entity)->whys[why]);
}

uint64_t world_account(struct entc_request *request, const char *entity, enum tally_counter counter)
{
    return atomic_load(
        &ledger_account(request->ledger, ACCOUNT_ENTITY, NULL, entity)->counts[counter]);
}

void world_value(entc_value *value, int64_t number)
{
    *value = (entc_value){.type = ENTC_INT64, .as.int64 = number};
}

entc_op *world_get_in(struct world *world, struct entc_request *request, const int64_t *ids,
                      size_t count)
{
    const struct repository_call call = world_call(request);
    entc_value *values = calloc(count + 1, sizeof(*values));
    entc_op *op = NULL;

    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        world_value(&values[i], ids[i]);
    assert_int_equal(repository_get_many(world->users, values, count, &call, &op, NULL), ENTC_OK);
    free(values);
    return op;
}

entc_op *world_get(struct world *world, const int64_t *ids, size_t count)
{
    return world_get_in(world, NULL, ids, count);
}

entc_op *world_read(struct world *world, const int64_t *ids, size_t count, entc_status status)
{
    entc_op *op = world_get(world, ids, count);

    world_settle(world);
    assert_done(op, status);
    return op;
}

/* ---- asserts ---- */

void assert_done(entc_op *op, entc_status status)
{
    assert_true(engine_op_is_done(op));
    assert_string_equal(entc_status_name(op->status), entc_status_name(status));
}

void assert_under_way(entc_op *op)
{
    assert_false(engine_op_is_done(op));
}

void assert_slot(entc_op *op, size_t slot, entc_status status)
{
    const struct entities_op *entities = repository_entities_op(op);

    assert_non_null(entities);
    assert_true(engine_op_is_done(op));
    assert_true(slot < entities->count);
    assert_string_equal(entc_status_name(entities->statuses[slot]), entc_status_name(status));
    if (status != ENTC_OK)
        assert_null(entities->entities[slot]);
}

void assert_user(entc_op *op, size_t slot, int64_t id, const char *name)
{
    const struct user *user = NULL;

    assert_slot(op, slot, ENTC_OK);
    user = entity_record(repository_entities_op(op)->entities[slot]);
    assert_int_equal(user->id, id);
    assert_string_equal(user->name.ptr, name);
}

uint64_t world_counter(struct tally *tally, enum tally_counter counter)
{
    return atomic_load(&tally->counts[counter]);
}
