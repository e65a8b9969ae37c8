/* Reading while memory is out, on an engine that lives through all of it. */
#include "attempts.h"

SCENE(a_cold_batch, scene_play, cold_cache, get_many)
SCENE(a_warm_batch, scene_play, warm_cache, get_many)
SCENE(a_batch_out_of_a_spoilt_cache, scene_play, spoilt_cache, get_many)
SCENE(a_batch_by_text_without_an_error_object, scene_play, cold_cache, get_many_by_text)
SCENE(one_entity, scene_play, cold_cache, get_one)
SCENE(a_list, scene_play, cold_cache, list)
SCENE(pages_of_children, scene_play, cold_cache, pages)
SCENE(what_entities_belong_to, scene_play, cold_cache, belongs_to)
SCENE(pages_through_a_join_table, scene_play, cold_cache, through)
SCENE(a_lookup, scene_play, cold_cache, lookup)
SCENE(parts_of_each_parent, scene_play, cold_cache, parts)
SCENE(a_list_by_the_hosts_statement, scene_play, cold_cache, list_by_sql)
SCENE(operations_with_callbacks, scene_play, cold_cache, operations)
SCENE(the_main_query_and_its_report, scene_play, cold_cache, main_query)
SCENE(a_request_with_a_viewer_and_limits, scene_play, cold_cache, viewers_request)
SCENE(entities_as_json, scene_play, NULL, json)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_cold_batch),
        IN_BOTH_DRIVES(a_warm_batch),
        IN_BOTH_DRIVES(a_batch_out_of_a_spoilt_cache),
        IN_BOTH_DRIVES(a_batch_by_text_without_an_error_object),
        IN_BOTH_DRIVES(one_entity),
        IN_BOTH_DRIVES(a_list),
        IN_BOTH_DRIVES(pages_of_children),
        IN_BOTH_DRIVES(what_entities_belong_to),
        IN_BOTH_DRIVES(pages_through_a_join_table),
        IN_BOTH_DRIVES(a_lookup),
        IN_BOTH_DRIVES(parts_of_each_parent),
        IN_BOTH_DRIVES(a_list_by_the_hosts_statement),
        IN_BOTH_DRIVES(operations_with_callbacks),
        IN_BOTH_DRIVES(the_main_query_and_its_report),
        IN_BOTH_DRIVES(a_request_with_a_viewer_and_limits),
        IN_BOTH_DRIVES(entities_as_json),
    };

    return cmocka_run_group_tests(tests, scene_start, fixture_stop);
}
