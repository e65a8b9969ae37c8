/* A host in C: the least that shows that the installed library is found, linked and works. */
#include <entitycache.h>
#include <stdio.h>

int main(void)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_engine *engine = NULL;
    entc_error *error = NULL;

    options.redis_uri = "none";
    options.postgres = "host=127.0.0.1 dbname=none";
    if (entc_engine_new(&options, &engine, &error) != ENTC_OK) {
        fprintf(stderr, "%s\n", entc_error_message(error));
        entc_error_free(error);
        return 1;
    }
    entc_engine_free(engine);
    printf("C, libentitycache %s\n", entc_version_text());
    return entc_version() == ENTC_VERSION ? 0 : 1;
}
