/* Options by name and by struct, the Redis URI and the PostgreSQL connection text. What is taken is
 * in range and can be used; what is refused is refused with a story that holds no password. */
#include "api/options.h"
#include "fuzz.h"
#include "postgres/internal.h"
#include "redis/redis.h"

#include <stdlib.h>

#define SECRET "s3cr3t"

/* No text of an error may hold the secret that stood in what was given. */
static void check_refusal(entc_status status, entc_error *error)
{
    FUZZ_CHECK(status == ENTC_E_INVALID || status == ENTC_E_UNSUPPORTED);
    FUZZ_CHECK(entc_error_code(error) == status);
    FUZZ_CHECK(*entc_error_message(error));
    FUZZ_CHECK(!strstr(entc_error_message(error), SECRET));
    FUZZ_CHECK(!strstr(entc_error_hint(error), SECRET));
    FUZZ_CHECK(text_is_utf8(entc_error_message(error), strlen(entc_error_message(error))));
}

/* ---- Redis ---- */

static void check_address(const struct redis_address *address, const char *user,
                          const char *password)
{
    FUZZ_CHECK((address->host != NULL) != (address->path != NULL));
    FUZZ_CHECK(address->port > 0 && address->database >= 0);
    FUZZ_CHECK(!address->host || *address->host);
    FUZZ_CHECK(!address->path || address->path[0] == '/');
    if (user && *user)
        FUZZ_CHECK(strcmp(address->user, user) == 0);
    if (password && *password)
        FUZZ_CHECK(strcmp(address->password, password) == 0);
}

static void try_redis(struct fuzz_input *input)
{
    char *uri = fuzz_text(input);
    char *user = fuzz_text_or_null(input);
    char *password = fuzz_text_or_null(input);
    struct redis_address address;
    entc_error *error = NULL;
    const entc_status status =
        redis_address_parse(&address, uri, user, password, base_default_allocator(), &error);

    if (status != ENTC_OK)
        check_refusal(status, error);
    else
        check_address(&address, user, password);
    FUZZ_CHECK(status != ENTC_E_UNSUPPORTED || strncmp(uri, "rediss://", 9) == 0);
    redis_address_fini(&address);
    entc_error_free(error);
    free(uri);
    free(user);
    free(password);
}

/* ---- PostgreSQL ---- */

/* Look-ups are not made, and no service file is read: libpq is asked about its own text only. */
static void try_postgres(struct fuzz_input *input)
{
    char *text = fuzz_text(input);
    struct postgres_settings settings;
    entc_error *error = NULL;
    const entc_status status =
        postgres_settings_init(&settings, text, base_default_allocator(), &error);

    if (status != ENTC_OK && status != ENTC_E_SYSTEM)
        FUZZ_CHECK(entc_error_code(error) == status && *entc_error_message(error));
    if (status == ENTC_OK)
        FUZZ_CHECK(settings.host_count > 0 && settings.hosts[0].port);
    /* The secret is one where the text says that it is one. */
    if (status != ENTC_OK && strstr(text, "password=" SECRET))
        FUZZ_CHECK(!strstr(entc_error_message(error), SECRET));
    postgres_settings_fini(&settings);
    entc_error_free(error);
    free(text);
}

/* ---- the engine's ---- */

static void check_complete(const entc_engine_options *options)
{
    FUZZ_CHECK(options->struct_size >= sizeof(*options));
    FUZZ_CHECK(options->drive <= ENTC_DRIVE_HOST);
    FUZZ_CHECK(options->timeout_us > 0 && options->redis_timeout_us > 0);
    FUZZ_CHECK(options->ttl_us > 0 && options->lease_us > 0);
    FUZZ_CHECK(options->negative_ttl_us >= -1 && options->negative_ttl_us != 0);
    FUZZ_CHECK(options->max_value_bytes > 0 && options->max_value_bytes <= INT32_MAX);
    FUZZ_CHECK(options->postgres_connections > 0 && options->postgres_connections <= 1000);
    FUZZ_CHECK(options->log_level > 0 && options->log_level <= ENTC_LOG_DEBUG);
    FUZZ_CHECK(options->redis_uri && *options->redis_uri && options->reserved == 0);
}

static void complete(const entc_engine_options *given)
{
    entc_engine_options options;
    entc_error *error = NULL;
    const entc_status status = api_options_complete(given, &options, &error);

    if (status == ENTC_OK)
        check_complete(&options);
    else
        check_refusal(status, error);
    entc_error_free(error);
}

/* Pairs of name and value. */
static void try_names(struct fuzz_input *input)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    char *texts[32] = {NULL};
    size_t count = 0;

    while (input->left > 0 && count + 2 <= sizeof(texts) / sizeof(texts[0])) {
        const entc_engine_options before = options;
        entc_error *error = NULL;
        entc_status status = ENTC_OK;

        texts[count] = fuzz_text(input);
        texts[count + 1] = fuzz_text(input);
        status = entc_engine_options_set(&options, texts[count], texts[count + 1], &error);
        if (status != ENTC_OK) {
            FUZZ_CHECK(memcmp(&before, &options, sizeof(options)) == 0);
            FUZZ_CHECK(*entc_error_message(error) && *entc_error_hint(error));
        }
        entc_error_free(error);
        count += 2;
    }
    complete(&options);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
}

/* A struct of any bytes but for its pointers, as long as it claims. */
static void try_struct(struct fuzz_input *input)
{
    const size_t claimed =
        fuzz_byte(input) < 0xC0 ? sizeof(entc_engine_options) : (size_t)fuzz_uint32(input) % 8192;
    const size_t real = claimed > sizeof(size_t) ? claimed : sizeof(size_t);
    char *memory =
        calloc(1, real > sizeof(entc_engine_options) ? real : sizeof(entc_engine_options));
    char *prefix = fuzz_text_or_null(input);
    entc_engine_options *options = (entc_engine_options *)(void *)memory;
    struct span bytes;

    FUZZ_CHECK(memory != NULL);
    bytes = fuzz_span(input, real > sizeof(*options) ? real : sizeof(*options));
    if (bytes.length)
        memcpy(memory, bytes.bytes, bytes.length);
    options->struct_size = claimed;
    options->redis_uri = NULL;
    options->redis_user = NULL;
    options->redis_password = NULL;
    options->postgres = NULL;
    options->key_prefix = prefix;
    options->log = NULL;
    options->allocator = NULL;
    complete(options);
    free(memory);
    free(prefix);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};

    switch (fuzz_byte(&input)) {
    case 'r':
        try_redis(&input);
        break;
    case 'p':
        try_postgres(&input);
        break;
    case 'n':
        try_names(&input);
        break;
    default:
        try_struct(&input);
        break;
    }
    return 0;
}
