/* Exported: options by struct, by name and from the environment. One table serves all three. */
#include "api/options.h"
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

enum option_kind {
    OPTION_TEXT,
    OPTION_INT64,
    OPTION_UINT64,
    OPTION_UINT32,
    OPTION_DRIVE,
    OPTION_LEVEL
};

struct option {
    const char *name;
    const char *variable;
    enum option_kind kind;
    size_t offset;
    int64_t least; /* of numbers; 0 always means the default */
    int64_t most;
};

#define OPTION(name, variable, kind, member, least, most)                                       \
    {                                                                                           \
        name, "ENTITYCACHE_" variable, kind, offsetof(entc_engine_options, member), least, most \
    }

/* Ten years: above it a number of microseconds is a mistake. */
#define LONGEST_US INT64_C(315360000000000)

static const struct option options_table[] = {
    OPTION("drive", "DRIVE", OPTION_DRIVE, drive, 0, ENTC_DRIVE_HOST),
    OPTION("redis.uri", "REDIS_URI", OPTION_TEXT, redis_uri, 0, 0),
    OPTION("redis.user", "REDIS_USER", OPTION_TEXT, redis_user, 0, 0),
    OPTION("redis.password", "REDIS_PASSWORD", OPTION_TEXT, redis_password, 0, 0),
    OPTION("redis.timeout_us", "REDIS_TIMEOUT_US", OPTION_INT64, redis_timeout_us, 0, LONGEST_US),
    OPTION("redis.stall_us", "REDIS_STALL_US", OPTION_INT64, redis_stall_us, 0, LONGEST_US),
    OPTION("postgres", "POSTGRES", OPTION_TEXT, postgres, 0, 0),
    OPTION("postgres.connections", "POSTGRES_CONNECTIONS", OPTION_UINT32, postgres_connections, 0,
           1000),
    OPTION("key_prefix", "KEY_PREFIX", OPTION_TEXT, key_prefix, 0, 0),
    OPTION("timeout_us", "TIMEOUT_US", OPTION_INT64, timeout_us, 0, LONGEST_US),
    OPTION("connect_timeout_us", "CONNECT_TIMEOUT_US", OPTION_INT64, connect_timeout_us, 0,
           LONGEST_US),
    OPTION("ttl_us", "TTL_US", OPTION_INT64, ttl_us, 0, LONGEST_US),
    OPTION("negative_ttl_us", "NEGATIVE_TTL_US", OPTION_INT64, negative_ttl_us, -1, LONGEST_US),
    OPTION("lease_us", "LEASE_US", OPTION_INT64, lease_us, 0, LONGEST_US),
    OPTION("max_value_bytes", "MAX_VALUE_BYTES", OPTION_UINT64, max_value_bytes, 0,
           INT64_C(1) << 29),
    OPTION("log_level", "LOG_LEVEL", OPTION_LEVEL, log_level, 0, ENTC_LOG_DEBUG),
};

#define OPTION_COUNT (sizeof(options_table) / sizeof(options_table[0]))

entc_status entc_engine_options_init(entc_engine_options *options, size_t size)
{
    if (!options || size < sizeof(entc_engine_options) || size > API_SIZE_ABSURD)
        return ENTC_E_INVALID;
    memset(options, 0, size);
    options->struct_size = size;
    return ENTC_OK;
}

static int64_t read_number(const entc_engine_options *options, const struct option *option)
{
    const char *at = (const char *)options + option->offset;
    int64_t wide = 0;
    uint32_t narrow = 0;

    if (option->kind == OPTION_INT64 || option->kind == OPTION_UINT64) {
        memcpy(&wide, at, sizeof(wide));
        /* An unsigned value that does not fit is out of range, not negative. */
        return option->kind == OPTION_UINT64 && wide < 0 ? INT64_MAX : wide;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return option->kind == OPTION_LEVEL ? (int32_t)narrow : (int64_t)narrow;
}

static void write_number(entc_engine_options *options, const struct option *option, int64_t number)
{
    char *at = (char *)options + option->offset;
    uint32_t narrow = (uint32_t)number;

    if (option->kind == OPTION_INT64 || option->kind == OPTION_UINT64)
        memcpy(at, &number, sizeof(number));
    else
        memcpy(at, &narrow, sizeof(narrow));
}

static entc_status refuse_range(const struct option *option, entc_error **reterr)
{
    if (option->kind == OPTION_DRIVE) {
        error_set(reterr, ENTC_E_INVALID, "argument", "option drive is unknown");
        error_hint(reterr, "give \"waiters\" or \"host\"");
    } else {
        error_set(reterr, ENTC_E_INVALID, "argument", "option %s is out of range", option->name);
        error_hint(reterr, "give a whole number from %lld to %lld; 0 is the default",
                   (long long)option->least, (long long)option->most);
    }
    return ENTC_E_INVALID;
}

static entc_status set_one(entc_engine_options *options, const struct option *option,
                           const char *value, entc_error **reterr)
{
    int64_t number = 0;

    if (option->kind == OPTION_TEXT) {
        memcpy((char *)options + option->offset, &value, sizeof(value));
        return ENTC_OK;
    }
    if (option->kind == OPTION_DRIVE) {
        const bool is_host = strcmp(value, "host") == 0;

        if (!is_host && strcmp(value, "waiters") != 0)
            return refuse_range(option, reterr);
        number = is_host ? ENTC_DRIVE_HOST : ENTC_DRIVE_WAITERS;
    } else if (!text_to_int64(value, strlen(value), &number)) {
        return refuse_range(option, reterr);
    }
    if (number < option->least || number > option->most)
        return refuse_range(option, reterr);
    write_number(options, option, number);
    return ENTC_OK;
}

static entc_status check_target(const entc_engine_options *options, entc_error **reterr)
{
    if (!options)
        return api_refuse_null("options", reterr);
    if (options->struct_size >= sizeof(*options))
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument", "entc_engine_options.struct_size is %zu",
              options->struct_size);
    error_hint(reterr, "begin with entc_engine_options_init()");
    return ENTC_E_INVALID;
}

entc_status entc_engine_options_set(entc_engine_options *options, const char *name,
                                    const char *value, entc_error **reterr)
{
    entc_status status = check_target(options, reterr);

    if (status)
        return status;
    if (!name || !value)
        return api_refuse_null(name ? "value" : "name", reterr);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options_table[i].name, name) == 0)
            return set_one(options, &options_table[i], value, reterr);
    }
    error_set(reterr, ENTC_E_INVALID, "argument", "there is no option \"%.64s\"", name);
    error_hint(reterr, "see entc_engine_options_set() in entitycache/engine.h for the names");
    return ENTC_E_INVALID;
}

entc_status entc_engine_options_from_env(entc_engine_options *options, entc_error **reterr)
{
    entc_status status = check_target(options, reterr);

    for (size_t i = 0; i < OPTION_COUNT && !status; i++) {
        const char *value = getenv(options_table[i].variable);

        if (value && *value)
            status = set_one(options, &options_table[i], value, reterr);
        if (status)
            error_hint(reterr, "the environment variable %s gave it; see entc_engine_options_set()",
                       options_table[i].variable);
    }
    return status;
}

static entc_status check_prefix(const char *prefix, entc_error **reterr)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";

    if (!prefix || (strlen(prefix) <= 64 && strspn(prefix, allowed) == strlen(prefix)))
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument",
              "option key_prefix has a byte that it may not have, or is too long");
    error_hint(reterr, "use at most 64 bytes of [A-Za-z0-9._:-]");
    return ENTC_E_INVALID;
}

static void fill_defaults(entc_engine_options *options)
{
    if (!options->redis_uri || !*options->redis_uri)
        options->redis_uri = "redis://127.0.0.1:6379/0";
    if (!options->postgres_connections)
        options->postgres_connections = 4;
    if (!options->timeout_us)
        options->timeout_us = 5000000;
    if (!options->redis_timeout_us)
        options->redis_timeout_us = 20000;
    if (!options->redis_stall_us)
        options->redis_stall_us = 1000000;
    if (!options->connect_timeout_us)
        options->connect_timeout_us = 1000000;
    if (!options->ttl_us)
        options->ttl_us = 300000000;
    if (!options->negative_ttl_us)
        options->negative_ttl_us = 20000000;
    if (!options->lease_us)
        options->lease_us = 3000000;
    if (!options->max_value_bytes)
        options->max_value_bytes = 1048576;
    if (!options->log_level)
        options->log_level = ENTC_LOG_WARNING;
}

entc_status api_options_complete(const entc_engine_options *given, entc_engine_options *ret_options,
                                 entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (given) {
        status = api_copy_sized(ret_options, sizeof(*ret_options), given, sizeof(*given),
                                "entc_engine_options", reterr);
    } else {
        entc_engine_options_init(ret_options, sizeof(*ret_options));
        status = entc_engine_options_from_env(ret_options, reterr);
    }
    for (size_t i = 0; i < OPTION_COUNT && !status; i++) {
        const struct option *option = &options_table[i];
        int64_t number = option->kind == OPTION_TEXT ? 0 : read_number(ret_options, option);

        if (number < option->least || number > option->most)
            status = option->kind == OPTION_TEXT ? ENTC_OK : refuse_range(option, reterr);
    }
    if (!status)
        status = check_prefix(ret_options->key_prefix, reterr);
    if (!status && ret_options->reserved)
        status =
            error_set(reterr, ENTC_E_INVALID, "argument", "entc_engine_options.reserved must be 0");
    if (!status)
        fill_defaults(ret_options);
    return status;
}
