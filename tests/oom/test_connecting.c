/* The first call of an engine connects to both servers: hiredis and libpq allocate most here. */
#include "attempts.h"

SCENE(the_first_read_of_an_engine, scene_play_fresh, cold_cache, get_one)
SCENE(the_first_main_query_of_an_engine, scene_play_fresh, cold_cache, main_query)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(the_first_read_of_an_engine),
        IN_BOTH_DRIVES(the_first_main_query_of_an_engine),
    };

    return cmocka_run_group_tests(tests, scene_start, fixture_stop);
}
