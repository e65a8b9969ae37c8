/* Exported: the engine. Here the adapters are made and handed to the repositories as ports. */
#include "api/api.h"
#include "api/options.h"
#include "postgres/postgres.h"
#include "redis/redis.h"

#include <string.h>

static void services_destroy(struct repository_services *services)
{
    struct engine *engine = services->engine;
    entc_allocator allocator = *engine_allocator(engine);

    if (services->cache)
        services->cache->ops->free(services->cache);
    if (services->database)
        services->database->ops->free(services->database);
    tally_unref(services->tally);
    events_free(services->events);
    base_release(&allocator, services->key_prefix);
    base_wipe(services, sizeof(*services));
    base_release(&allocator, services);
    engine_unref(engine);
}

/* [driver] engine_close(): everything is done, the connections may go. */
static void shut_ports(void *context)
{
    struct repository_services *services = context;

    repository_services_shutdown(services);
    if (services->cache)
        services->cache->ops->close(services->cache);
    services->database->ops->close(services->database);
    events_close(services->events, engine_now_us(services->engine));
}

static entc_status make_randomness(struct repository_services *services, entc_error **reterr)
{
    entc_status status = random_seed(&services->random);

    if (!status)
        status = random_bytes(services->token_base, sizeof(services->token_base));
    if (!status)
        status = random_bytes(&services->hash_key, sizeof(services->hash_key));
    return status ? error_set(reterr, status, "engine", "the kernel gave no random bytes")
                  : ENTC_OK;
}

static entc_status make_cache(struct repository_services *services,
                              const entc_engine_options *options, entc_error **reterr)
{
    struct redis_address address = {0};
    struct redis_config config = {.engine = services->engine,
                                  .address = &address,
                                  .connect_timeout_us = options->connect_timeout_us,
                                  .stall_us = options->redis_stall_us,
                                  .max_value_bytes = options->max_value_bytes,
                                  .log = &services->log};
    entc_status status = ENTC_OK;

    if (strcmp(options->redis_uri, "none") == 0)
        return ENTC_OK;
    status =
        redis_address_parse(&address, options->redis_uri, options->redis_user,
                            options->redis_password, engine_allocator(services->engine), reterr);
    if (!status)
        status = redis_port_new(&config, &services->cache, reterr);
    redis_address_fini(&address);
    return status;
}

static entc_status make_database(struct repository_services *services,
                                 const entc_engine_options *options, entc_error **reterr)
{
    struct postgres_config config = {.engine = services->engine,
                                     .conninfo = options->postgres,
                                     .connections = options->postgres_connections,
                                     .connect_timeout_us = options->connect_timeout_us,
                                     .log = &services->log,
                                     .events = services->events};

    return postgres_port_new(&config, &services->database, reterr);
}

static void take_settings(struct repository_services *services, const entc_engine_options *options)
{
    services->timeout_us = options->timeout_us;
    services->redis_timeout_us = options->redis_timeout_us;
    services->ttl_us = options->ttl_us;
    services->negative_ttl_us = options->negative_ttl_us;
    services->lease_us = options->lease_us;
    services->max_value_bytes = options->max_value_bytes;
    services->log =
        (struct log){.level = options->log_level, .write = options->log, .user = options->log_user};
}

/* Takes over one reference of the engine. */
static entc_status make_services(struct engine *engine, const entc_engine_options *options,
                                 struct repository_services **ret_services, entc_error **reterr)
{
    const entc_allocator *allocator = engine_allocator(engine);
    struct repository_services *services = base_allocate_zeroed(allocator, sizeof(*services));
    entc_status status = ENTC_OK;

    if (!services) {
        engine_unref(engine);
        return error_no_memory(reterr);
    }
    atomic_init(&services->references, 1);
    services->destroy = services_destroy;
    services->engine = engine;
    services->tally = tally_new(allocator);
    services->key_prefix =
        base_copy_text(allocator, options->key_prefix ? options->key_prefix : "");
    take_settings(services, options);
    if (options->event)
        services->events = events_new(allocator, options->event, options->event_user);
    if (!services->tally || !services->key_prefix || (options->event && !services->events))
        status = error_no_memory(reterr);
    if (!status)
        status = make_randomness(services, reterr);
    if (!status)
        status = make_cache(services, options, reterr);
    if (!status)
        status = make_database(services, options, reterr);
    if (status) {
        repository_services_unref(services);
        return status;
    }
    *ret_services = services;
    return ENTC_OK;
}

static entc_status make_handle(const entc_engine_options *options, entc_engine **ret_engine,
                               entc_error **reterr)
{
    struct engine_config config = {.drive = options->drive, .allocator = options->allocator};
    struct engine *engine = NULL;
    entc_engine *handle = NULL;
    entc_status status = engine_new(&config, &engine, reterr);

    if (status)
        return status;
    handle = base_allocate_zeroed(engine_allocator(engine), sizeof(*handle));
    if (!handle) {
        engine_unref(engine);
        return error_no_memory(reterr);
    }
    handle->allocator = *engine_allocator(engine);
    handle->engine = engine;
    status = make_services(engine_ref(engine), options, &handle->services, reterr);
    if (status) {
        base_release(&handle->allocator, handle);
        engine_unref(engine);
        return status;
    }
    *ret_engine = handle;
    return ENTC_OK;
}

entc_status entc_engine_new(const entc_engine_options *options, entc_engine **ret_engine,
                            entc_error **reterr)
{
    entc_engine_options complete;
    entc_status status = ENTC_OK;

    if (!ret_engine)
        return api_refuse_null("ret_engine", reterr);
    status = api_options_complete(options, &complete, reterr);
    return status ? status : make_handle(&complete, ret_engine, reterr);
}

entc_status entc_engine_close(entc_engine *engine, int64_t timeout_us)
{
    if (!engine || timeout_us < 0)
        return ENTC_E_INVALID;
    return engine_close(engine->engine, timeout_us, shut_ports, engine->services);
}

/* In a forked child what was under way holds the services for ever; the sockets are closed all the
 * same, or the parent's sessions would live as long as the child. */
static void abandon_ports(struct repository_services *services)
{
    if (services->cache)
        services->cache->ops->free(services->cache);
    if (services->database)
        services->database->ops->free(services->database);
    services->cache = NULL;
    services->database = NULL;
}

void entc_engine_free(entc_engine *engine)
{
    struct engine *inner = NULL;
    entc_allocator allocator;

    /* Inside a callback the engine still runs below us: keeping it is the lesser evil. */
    if (!engine || entc_engine_close(engine, 0) == ENTC_E_REENTRANT)
        return;
    inner = engine->engine;
    allocator = engine->allocator;
    if (engine_is_forked(inner))
        abandon_ports(engine->services);
    repository_services_unref(engine->services);
    base_release(&allocator, engine);
    engine_unref(inner);
}

entc_status entc_engine_process(entc_engine *engine)
{
    return engine ? engine_process(engine->engine) : ENTC_E_INVALID;
}

int32_t entc_engine_fd(const entc_engine *engine)
{
    return engine ? engine_fd(engine->engine) : -1;
}

entc_status entc_engine_counters(const entc_engine *engine, entc_counters *ret_counters)
{
    if (!engine || !ret_counters)
        return ENTC_E_INVALID;
    return tally_read(engine->services->tally, ret_counters, NULL);
}
