/* The first call of an engine connects to both servers: hiredis and libpq allocate most here. */
#include "attempts.h"

SCENE(the_first_read_of_an_engine, scene_play_fresh, cold_cache, get_one)
SCENE(the_first_main_query_of_an_engine, scene_play_fresh, cold_cache, main_query)

/* Each in one drive mode only: every attempt makes two connections and waits for a backoff. */
/* clang-format off */
#define IN_ONE_DRIVE(test, drive) {#test, test, fixture_open, fixture_close, &(drive)}
/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ONE_DRIVE(the_first_read_of_an_engine, fixture_waiters),
        IN_ONE_DRIVE(the_first_main_query_of_an_engine, fixture_host),
    };

    return cmocka_run_group_tests(tests, scene_start, fixture_stop);
}
