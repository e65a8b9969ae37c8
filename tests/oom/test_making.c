/* Making and ending things while memory is out: engines, repositories, relations, operations of the
 * host, errors. */
#include "attempts.h"

#include <stdlib.h>

/* ---- options and engines; no servers are met ---- */

static entc_status refuse_options(struct fixture *f)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_error *error = NULL;
    entc_status status = entc_engine_options_set(&options, "lease_us", "never", &error);

    (void)f;
    assert_int_equal(status, ENTC_E_INVALID);
    assert_non_null(error);
    status = entc_error_code(error);
    assert_true(status == ENTC_E_INVALID || status == ENTC_E_NO_MEMORY);
    entc_error_free(error);
    return status == ENTC_E_INVALID ? ENTC_OK : status;
}

static entc_status options_from_env(struct fixture *f)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_error *error = NULL;
    entc_status status = ENTC_OK;

    (void)f;
    setenv("ENTITYCACHE_LEASE_US", "never", 1);
    status = entc_engine_options_from_env(&options, &error);
    unsetenv("ENTITYCACHE_LEASE_US");
    assert_int_equal(status, ENTC_E_INVALID);
    status = entc_error_code(error);
    entc_error_free(error);
    return status == ENTC_E_INVALID ? ENTC_OK : status;
}

static entc_status make_engine(struct fixture *f)
{
    entc_engine *engine = NULL;
    const entc_status status = entc_engine_new(&f->options, &engine, &f->error);

    assert_true((engine != NULL) == (status == ENTC_OK));
    if (status)
        assert_int_equal(entc_error_code(f->error), status);
    if (engine)
        assert_int_equal(entc_engine_close(engine, 0), ENTC_OK);
    entc_engine_free(engine);
    return status;
}

static void close_with_work_under_way(BaseCacheRepository *repository);

/* An engine that is closed while it works: every callback comes. */
static entc_status close_engine(struct fixture *f)
{
    entc_engine *engine = NULL;
    BaseCacheRepository *repository = NULL;
    entc_status status = entc_engine_new(&f->options, &engine, &f->error);

    if (!status)
        status = entc_repository_new(engine, &fixture_campaign_table, &fixture_campaign, NULL,
                                     &repository, &f->error);
    if (!status)
        close_with_work_under_way(repository);
    entc_engine_free(engine);
    entc_repository_free(repository);
    return status;
}

static void note_done(entc_op *op, void *user)
{
    (void)op;
    ++*(int *)user;
}

static void close_with_work_under_way(BaseCacheRepository *repository)
{
    entc_call call = ENTC_CALL_INIT;
    int done = 0;
    int accepted = 0;

    call.done = note_done;
    call.user = &done;
    for (int64_t i = 1; i <= 3; i++) {
        const entc_value id = fixture_id(i);

        accepted += entc_repository_get_by_id_async(repository, &id, &call, NULL, NULL) == ENTC_OK;
    }
    assert_int_equal(entc_engine_process(repository->engine), ENTC_OK);
    assert_int_equal(entc_engine_close(repository->engine, 0), ENTC_OK);
    assert_int_equal(done, accepted);
}

/* ---- repositories, relations ---- */

static entc_status make_repository(struct fixture *f)
{
    BaseCacheRepository *repository = NULL;
    BaseCacheRepository embedded;
    entc_relation *relation = NULL;
    entc_status status = entc_repository_new(f->engine, &fixture_campaign_table, &fixture_campaign,
                                             NULL, &repository, &f->error);
    entc_status second = ENTC_OK;

    assert_true((repository != NULL) == (status == ENTC_OK));
    second = entc_repository_init(&embedded, f->engine, &fixture_event_table, &fixture_event, NULL,
                                  &f->error);
    if (!status && !second)
        status =
            entc_relation_new(repository, &embedded, &fixture_has_events, &relation, &f->error);
    assert_true(!relation || (status == ENTC_OK && second == ENTC_OK));
    entc_relation_free(relation);
    if (!second)
        entc_repository_fini(&embedded);
    entc_repository_free(repository);
    return status ? status : second;
}

/* Refusals want memory for their story; the status is the same without. */
static entc_status refuse_descriptors(struct fixture *f)
{
    const entc_field fields[] = {ENTC_FIELD(Campaign, id, ENTC_INT64, 0)};
    const entc_entity_desc keyless = ENTC_ENTITY("Keyless", Campaign, fields);
    const entc_relation_desc nameless = ENTC_HAS_MANY(NULL, "campaign_id", NULL);
    BaseCacheRepository *repository = NULL;
    entc_relation *relation = NULL;
    entc_error *error = NULL;
    entc_status status = entc_repository_new(f->engine, &fixture_campaign_table, &keyless, NULL,
                                             &repository, &error);

    assert_true(status == ENTC_E_INVALID || status == ENTC_E_NO_MEMORY);
    assert_null(repository);
    status = entc_relation_new(f->campaigns, f->events, &nameless, &relation, &error);
    assert_true(status == ENTC_E_INVALID || status == ENTC_E_NO_MEMORY);
    assert_null(relation);
    status = entc_error_code(error);
    entc_error_free(error);
    return status == ENTC_E_INVALID ? ENTC_OK : status;
}

/* ---- the host's own operations ---- */

static entc_status answer_as_host(struct fixture *f)
{
    entc_op *ops[2] = {NULL, NULL};
    entc_entity *nothing[2] = {NULL, NULL};
    entc_status status = entc_op_new(f->engine, 2, NULL, &ops[0], &f->error);
    entc_status second = entc_op_new(f->engine, 1, NULL, &ops[1], &f->error);

    assert_true((ops[0] != NULL) == (status == ENTC_OK));
    assert_true((ops[1] != NULL) == (second == ENTC_OK));
    if (ops[0]) {
        status = entc_op_resolve(ops[0], nothing, NULL, 2);
        if (status)
            assert_int_equal(entc_op_reject(ops[0], ENTC_E_BUSY, "busy"), ENTC_OK);
        assert_int_equal(entc_op_wait(ops[0], -1), ENTC_OK);
    }
    if (ops[1]) {
        assert_int_equal(entc_op_reject(ops[1], ENTC_E_BUSY, "the host is busy"), ENTC_OK);
        assert_int_equal(entc_op_wait(ops[1], -1), ENTC_OK);
        assert_int_equal(entc_op_status(ops[1]), ENTC_E_BUSY);
        if (entc_error_code(entc_op_error(ops[1])) != ENTC_E_BUSY)
            second = ENTC_E_NO_MEMORY;
    }
    entc_op_unref(ops[0]);
    entc_op_unref(ops[1]);
    return status ? status : second;
}

SCENE(a_refused_option, scene_play, NULL, refuse_options)
SCENE(a_refused_variable, scene_play, NULL, options_from_env)
SCENE(a_new_engine, scene_play, NULL, make_engine)
SCENE(an_engine_that_is_closed_at_work, scene_play, cold_cache, close_engine)
SCENE(repositories_and_a_relation, scene_play, NULL, make_repository)
SCENE(refused_descriptors, scene_play, NULL, refuse_descriptors)
SCENE(operations_of_the_host, scene_play, NULL, answer_as_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_refused_option),
        IN_BOTH_DRIVES(a_refused_variable),
        IN_BOTH_DRIVES(a_new_engine),
        IN_BOTH_DRIVES(an_engine_that_is_closed_at_work),
        IN_BOTH_DRIVES(repositories_and_a_relation),
        IN_BOTH_DRIVES(refused_descriptors),
        IN_BOTH_DRIVES(operations_of_the_host),
    };

    return cmocka_run_group_tests(tests, scene_start, fixture_stop);
}
