/* Proves that lists and pages go through an override of get_many, in a host step, whatever the
 * override answers and whenever it answers. */
#include "family.h"

#include <pthread.h>

/* What the override does, and what it saw. */
enum answers { CHAIN_UP, KEEP, CANCEL, CLOSE, REFUSE, NOTHING, TOO_FEW, WRONG_KIND };

static struct override {
    struct family *family;
    enum answers answers;
    size_t calls;
    size_t count;
    int64_t first_id;
    struct entc_request *request;
    int64_t timeout_us;
    bool was_host_code;
    entc_op *kept;   /* KEEP, CANCEL: a reference */
    entc_op *victim; /* CANCEL: the call that asks */
} seen;

/* Another thread drives while the override runs. */
static void *cancel_victim(void *unused)
{
    (void)unused;
    engine_op_cancel(seen.victim);
    engine_process(seen.family->world->engine);
    return NULL;
}

static entc_status get_many(BaseCacheRepository *repository, const entc_value *ids, size_t count,
                            const entc_call *call, entc_op **ret_op, entc_error **reterr)
{
    const struct repository_call checked = world_call(call->request);
    const struct repository_call plain = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(1);
    entc_status status = ENTC_OK;
    pthread_t thread;

    seen.calls++;
    seen.count = count;
    seen.first_id = ids[0].as.int64;
    seen.request = call->request;
    seen.timeout_us = call->timeout_us;
    seen.was_host_code = engine_in_callback(seen.family->world->engine);
    switch (seen.answers) {
    case CLOSE:
        repository_close(seen.family->world->users);
        return error_set(reterr, ENTC_E_BUSY, "engine", "closed it");
    case CANCEL:
        assert_int_equal(pthread_create(&thread, NULL, cancel_victim, NULL), 0);
        pthread_join(thread, NULL);
        assert_done(seen.victim, ENTC_E_CANCELLED);
        status = repository_host_op_new(seen.family->world->engine, count, &plain, ret_op, reterr);
        seen.kept = engine_op_ref(*ret_op);
        return status;
    case CHAIN_UP:
        return repository_get_many(repository->impl, ids, count, &checked, ret_op, reterr);
    case KEEP:
        status = repository_host_op_new(seen.family->world->engine, count, &plain, ret_op, reterr);
        seen.kept = engine_op_ref(*ret_op);
        return status;
    case REFUSE:
        return error_set(reterr, ENTC_E_BUSY, "engine", "not today");
    case NOTHING:
        return ENTC_OK;
    case TOO_FEW:
        return repository_get_many(repository->impl, ids, count - 1, &checked, ret_op, reterr);
    case WRONG_KIND:
    default:
        return relation_list(seen.family->pets, &args, &plain, ret_op, reterr);
    }
}

static const BaseCacheRepositoryOps ops = {sizeof(ops), NULL, get_many};
static BaseCacheRepository owner;

static int set_up(void **state)
{
    struct family *family = family_new();

    seen = (struct override){.family = family};
    owner = (BaseCacheRepository){
        .struct_size = sizeof(owner), .ops = &ops, .impl = family->world->users};
    family->world->users->owner = &owner;
    family->world->users->overrides_get_many = true;
    *state = family;
    return 0;
}

static void an_override_that_chains_up_is_called_once_for_all_ids(void **state)
{
    struct family *family = *state;
    struct entc_request *request = world_request_new(family->world);
    const struct repository_call call = world_call(request);
    const entc_page_args args = ENTC_FIRST(3);
    const int64_t ids[] = {1, 2, 3};
    struct entc_page *page = NULL;
    entc_op *op = NULL;

    assert_int_equal(relation_list(family->world->users, &args, &call, &op, NULL), ENTC_OK);
    world_turn(family->world);
    world_advance(family->world, 1000);
    world_settle(family->world);
    family_take(op, &page, 1);
    assert_page(page, ids, 3, 1);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.first_id, 1);
    assert_ptr_equal(seen.request, request);
    assert_in_range(seen.timeout_us, 1, WORLD_TIMEOUT_US);
    assert_true(seen.was_host_code);
    assert_int_equal(world_counter(request->tally, TALLY_SQL_QUERIES), 2);
    relation_page_unref(page);
    engine_op_unref(op);
    repository_request_unref(request);
}

static void an_override_may_answer_later_on_its_own(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_entity *entities[2] = {NULL, NULL};
    struct entc_page *page = NULL;
    entc_op *op = family_list(family, 2);

    seen.answers = KEEP;
    world_settle(world);
    assert_under_way(op);
    assert_int_equal(repository_host_op_resolve(seen.kept, entities, NULL, 2), ENTC_OK);
    world_settle(world);
    family_take(op, &page, 1);
    assert_int_equal(page->count, 2);
    assert_int_equal(page->statuses[0], ENTC_E_NOT_FOUND);
    assert_journal(world, "LIST users limit 3\n");
    relation_page_unref(page);
    engine_op_unref(seen.kept);
    engine_op_unref(op);
}

static void an_override_that_answered_at_once_is_heard(void **state)
{
    struct family *family = *state;
    entc_op *op = family_list(family, 2);

    seen.answers = KEEP;
    while (!seen.kept)
        world_turn(family->world);
    assert_int_equal(repository_host_op_reject(seen.kept, ENTC_E_BUSY, "asleep"), ENTC_OK);
    world_settle(family->world);
    assert_done(op, ENTC_E_BUSY);
    assert_string_equal(entc_error_message(op->error), "asleep");
    engine_op_unref(seen.kept);
    engine_op_unref(op);
}

static void an_override_that_refuses_fails_the_call_with_its_story(void **state)
{
    struct family *family = *state;
    entc_op *op = family_list(family, 2);

    seen.answers = REFUSE;
    world_settle(family->world);
    assert_done(op, ENTC_E_BUSY);
    assert_string_equal(entc_error_message(op->error), "not today");
    engine_op_unref(op);
}

static void answers_that_are_none_fail_the_call_and_name_the_override(void **state)
{
    struct family *family = *state;
    const enum answers answers[] = {NOTHING, TOO_FEW, WRONG_KIND};

    for (size_t i = 0; i < 3; i++) {
        entc_op *op = family_list(family, 2);

        seen.answers = answers[i];
        world_settle(family->world);
        assert_done(op, ENTC_E_INVALID);
        assert_non_null(strstr(entc_error_message(op->error), "get_many of entity 'User'"));
        engine_op_unref(op);
    }
}

static void a_cancel_while_the_override_waits_cancels_its_operation(void **state)
{
    struct family *family = *state;
    entc_op *op = family_list(family, 2);

    seen.answers = KEEP;
    world_settle(family->world);
    engine_op_cancel(op);
    world_settle(family->world);
    assert_done(op, ENTC_E_CANCELLED);
    assert_done(seen.kept, ENTC_E_CANCELLED);
    engine_op_unref(seen.kept);
    engine_op_unref(op);
}

static void a_call_that_ended_during_the_override_cancels_its_operation(void **state)
{
    struct family *family = *state;
    entc_op *op = family_list(family, 2);

    seen.answers = CANCEL;
    seen.victim = op;
    world_settle(family->world);
    assert_done(op, ENTC_E_CANCELLED);
    assert_done(seen.kept, ENTC_E_CANCELLED);
    engine_op_unref(seen.kept);
    engine_op_unref(op);
}

static void an_override_that_closes_the_repository_is_not_called_again(void **state)
{
    struct family *family = *state;
    entc_op *first = family_list(family, 2);
    entc_op *second = family_list(family, 2);

    seen.answers = CLOSE;
    world_settle(family->world);
    assert_done(first, ENTC_E_CLOSED);
    assert_done(second, ENTC_E_CLOSED);
    assert_int_equal(seen.calls, 1);
    engine_op_unref(first);
    engine_op_unref(second);
}

static void an_override_is_not_called_for_an_empty_list_or_after_the_close(void **state)
{
    struct family *family = *state;
    struct world *world = family->world;
    entc_op *op = NULL;

    world->db.row_count = 0;
    op = family_list(family, 2);
    world_settle(world);
    assert_done(op, ENTC_OK);
    assert_int_equal(seen.calls, 0);
    engine_op_unref(op);
    fake_db_put(&world->db, "users", 1, "ann", 0);
    op = family_list(family, 2);
    world->db.is_held = true;
    world_settle(world);
    repository_close(world->users);
    world_settle(world);
    assert_done(op, ENTC_E_CLOSED);
    assert_int_equal(seen.calls, 0);
    engine_op_unref(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, family_tear_down)
        TEST(an_override_that_chains_up_is_called_once_for_all_ids),
        TEST(an_override_may_answer_later_on_its_own),
        TEST(an_override_that_answered_at_once_is_heard),
        TEST(an_override_that_refuses_fails_the_call_with_its_story),
        TEST(answers_that_are_none_fail_the_call_and_name_the_override),
        TEST(a_cancel_while_the_override_waits_cancels_its_operation),
        TEST(a_call_that_ended_during_the_override_cancels_its_operation),
        TEST(an_override_that_closes_the_repository_is_not_called_again),
        TEST(an_override_is_not_called_for_an_empty_list_or_after_the_close),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
