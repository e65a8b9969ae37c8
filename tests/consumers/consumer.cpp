/* A host in C++: the headers' macros and functions as C++ sees them. */
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <entitycache.h>
#include <memory>

struct Campaign {
    int64_t id;
    entc_str title;
    int64_t starts;
    uint8_t has_starts;
};

static const entc_field fields[] = {ENTC_FIELD(Campaign, id, ENTC_INT64, ENTC_KEY),
                                    ENTC_FIELD(Campaign, title, ENTC_TEXT, 0),
                                    ENTC_FIELD_NULLABLE(Campaign, starts, ENTC_TIMESTAMP, 0)};
static const entc_entity_desc entity = ENTC_ENTITY("Campaign", Campaign, fields);
static const entc_model_desc model = ENTC_MODEL("campaigns");

int main()
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    options.redis_uri = "none";
    options.postgres = "host=127.0.0.1 dbname=none";

    entc_engine *engine = nullptr;
    if (entc_engine_new(&options, &engine, nullptr) != ENTC_OK)
        return 1;
    std::unique_ptr<entc_engine, void (*)(entc_engine *)> owner(engine, entc_engine_free);

    BaseCacheRepository *campaigns = nullptr;
    if (entc_repository_new(engine, &model, &entity, nullptr, &campaigns, nullptr) != ENTC_OK)
        return 1;
    entc_repository_free(campaigns);
    std::printf("C++, libentitycache %s\n", entc_version_text());
    return entc_version() == ENTC_VERSION ? 0 : 1;
}
