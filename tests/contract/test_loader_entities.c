/* The loaders that a request has by itself: of repositories and of relations. */
#include "loading.h"

#include <stdlib.h>
#include <string.h>

struct scope {
    struct fixture *f;
    entc_request *request;
    entc_loader *campaigns;
    entc_loader *events;
};

static void scope_open(struct scope *it, struct fixture *f)
{
    memset(it, 0, sizeof(*it));
    it->f = f;
    assert_ok(f, entc_request_new(f->engine, NULL, &it->request, &f->error));
    assert_ok(f, entc_request_loader(it->request, f->campaigns, &it->campaigns, &f->error));
    assert_ok(f, entc_request_loader(it->request, f->events, &it->events, &f->error));
}

static entc_counters cost(const struct scope *it)
{
    entc_counters counters = ENTC_COUNTERS_INIT;

    assert_int_equal(entc_request_counters(it->request, &counters), ENTC_OK);
    return counters;
}

static entc_op *load(struct scope *it, entc_loader *loader, entc_value key)
{
    entc_op *op = NULL;

    assert_ok(it->f, entc_loader_load(loader, &key, NULL, &op, &it->f->error));
    return op;
}

static void assert_campaign(struct scope *it, entc_op *op, int64_t id)
{
    entc_entity *entity = NULL;
    entc_entity *twice = NULL;

    assert_ok(it->f, entc_op_wait(op, -1));
    assert_int_equal(entc_op_take_entity(op, &entity), ENTC_OK);
    fixture_assert_campaign(entity, id);
    assert_int_equal(entc_op_take_entity(op, &twice), ENTC_E_INVALID);
    assert_null(twice);
    entc_entity_unref(entity);
    entc_op_unref(op);
}

/* ---- entities ---- */

static void single_loads_of_a_repository_are_one_mget_and_one_statement(void **state)
{
    struct scope it;
    entc_op *ops[4];
    entc_counters counters;

    scope_open(&it, *state);
    for (int64_t i = 0; i < 4; i++)
        ops[i] = load(&it, it.campaigns, fixture_id(i + 1));
    for (int64_t i = 0; i < 4; i++)
        assert_campaign(&it, ops[i], i + 1);
    counters = cost(&it);
    assert_int_equal(counters.redis_mgets, 1);
    assert_int_equal(counters.sql_queries, 1);
    assert_int_equal(counters.loads, 4);
    assert_int_equal(counters.load_batches, 1);
    assert_int_equal(counters.load_keys, 4);
    entc_request_free(it.request);
}

static void two_spellings_of_an_id_are_one_key(void **state)
{
    struct scope it;
    entc_op *number = NULL;
    entc_op *text = NULL;

    scope_open(&it, *state);
    number = load(&it, it.campaigns, fixture_id(7));
    text = load(&it, it.campaigns, fixture_text("7"));
    assert_campaign(&it, number, 7);
    assert_campaign(&it, text, 7);
    assert_campaign(&it, load(&it, it.campaigns, fixture_text("7")), 7);
    assert_int_equal(cost(&it).load_keys, 1);
    assert_int_equal(cost(&it).load_coalesced, 1);
    assert_int_equal(cost(&it).load_memo_hits, 1);
    assert_int_equal(cost(&it).redis_keys, 1);
    entc_request_free(it.request);
}

static void an_id_that_cannot_be_one_fails_that_load_alone(void **state)
{
    struct scope it;
    struct fixture *f = *state;
    entc_value ids[3] = {fixture_id(1), fixture_text("007"), fixture_id(2)};
    entc_entity *entities[3];
    entc_status statuses[3];
    entc_op *op = NULL;

    scope_open(&it, f);
    assert_status(f, entc_loader_load(it.campaigns, &ids[1], NULL, &op, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "Campaign");
    assert_ok(f, entc_loader_load_many(it.campaigns, ids, 3, NULL, &op, &f->error));
    assert_ok(f, entc_op_wait(op, -1));
    assert_ok(f, entc_op_take_entities(op, entities, statuses, 3));
    fixture_assert_campaign(entities[0], 1);
    assert_int_equal(statuses[1], ENTC_E_INVALID);
    assert_null(entities[1]);
    fixture_assert_campaign(entities[2], 2);
    entc_entities_unref(entities, 3);
    entc_op_unref(op);
    entc_request_free(it.request);
}

static void an_absent_entity_is_not_found_and_remembered(void **state)
{
    struct scope it;
    struct fixture *f = *state;
    entc_value id = fixture_id(999);
    entc_entity *entity = NULL;

    scope_open(&it, f);
    for (int i = 0; i < 2; i++) {
        assert_status(f, entc_request_get_by_id(it.request, f->campaigns, &id, &entity, &f->error),
                      ENTC_E_NOT_FOUND);
        assert_null(entity);
    }
    assert_int_equal(cost(&it).redis_mgets, 1);
    entc_request_free(it.request);
}

static void a_request_has_one_loader_for_each_repository(void **state)
{
    struct scope it;
    struct fixture *f = *state;
    entc_loader *again = NULL;

    scope_open(&it, f);
    assert_ok(f, entc_request_loader(it.request, f->campaigns, &again, &f->error));
    assert_ptr_equal(again, it.campaigns);
    assert_ptr_not_equal(it.campaigns, it.events);
    assert_string_equal(entc_loader_name(it.campaigns), "Campaign");
    /* It is not the host's to free. */
    entc_loader_free(it.campaigns);
    assert_campaign(&it, load(&it, it.campaigns, fixture_id(1)), 1);
    entc_request_free(it.request);
}

static void a_repository_that_was_freed_fails_all_loads_of_it(void **state)
{
    struct scope it;
    entc_op *ops[2];

    scope_open(&it, *state);
    entc_repository_free(it.f->campaigns);
    it.f->campaigns = NULL;
    for (int64_t i = 0; i < 2; i++)
        ops[i] = load(&it, it.campaigns, fixture_id(i + 1));
    for (int64_t i = 0; i < 2; i++) {
        assert_ok(it.f, entc_op_wait(ops[i], -1));
        assert_int_equal(entc_op_status(ops[i]), ENTC_E_CLOSED);
        entc_op_unref(ops[i]);
    }
    entc_request_free(it.request);
}

/* ---- together ---- */

/* Redis counts how often it found something to read on a client's socket. */
static int64_t redis_reads(struct fixture *f)
{
    redisReply *reply = test_redis_command(&f->redis, "INFO stats");
    const char *line = strstr(reply->str, "total_reads_processed:");
    int64_t reads = 0;

    assert_non_null(line);
    reads = strtoll(line + strlen("total_reads_processed:"), NULL, 10);
    freeReplyObject(reply);
    return reads;
}

static void loaders_that_close_together_send_their_commands_in_one_write(void **state)
{
    struct scope it;
    entc_op *campaign = NULL;
    entc_op *event = NULL;
    entc_entity *entity = NULL;
    int64_t before = 0;
    int64_t question = 0;

    scope_open(&it, *state);
    fixture_warm(it.f, it.f->campaigns, 1, 1);
    fixture_warm(it.f, it.f->events, 101, 101);
    question = redis_reads(it.f);
    before = redis_reads(it.f);
    question = before - question;
    campaign = load(&it, it.campaigns, fixture_id(1));
    event = load(&it, it.events, fixture_id(101));
    assert_campaign(&it, campaign, 1);
    assert_ok(it.f, entc_op_wait(event, -1));
    assert_int_equal(entc_op_take_entity(event, &entity), ENTC_OK);
    fixture_assert_event(entity, 101);
    entc_entity_unref(entity);
    entc_op_unref(event);
    assert_int_equal(cost(&it).redis_mgets, 2);
    /* The question is read too. */
    assert_int_equal(redis_reads(it.f) - before, question + 1);
    entc_request_free(it.request);
}

/* ---- overrides ---- */

struct overriding {
    BaseCacheRepository base;
    int calls;
    size_t ids;
    entc_status status;
    size_t answers; /* this many instead, when not 0 */
};

static entc_status counting_many(BaseCacheRepository *repository, const entc_value *ids,
                                 size_t count, const entc_call *call, entc_op **ret_op,
                                 entc_error **reterr)
{
    struct overriding *mine = (struct overriding *)repository;

    mine->calls++;
    mine->ids += count;
    if (mine->status)
        return mine->status;
    return entc_repository_base_ops()->get_many(
        repository, ids, mine->answers ? mine->answers : count, call, ret_op, reterr);
}

static void overriding_init(struct overriding *mine, struct fixture *f)
{
    const BaseCacheRepositoryOps ops = {sizeof(ops), NULL, counting_many};

    memset(mine, 0, sizeof(*mine));
    assert_ok(f, entc_repository_init(&mine->base, f->engine, &fixture_campaign_table,
                                      &fixture_campaign, &ops, &f->error));
}

static void an_override_of_get_many_is_seen_by_loads_once_for_their_batch(void **state)
{
    struct scope it;
    struct overriding mine;
    entc_loader *loader = NULL;
    entc_op *ops[2];

    scope_open(&it, *state);
    overriding_init(&mine, it.f);
    assert_ok(it.f, entc_request_loader(it.request, &mine.base, &loader, &it.f->error));
    ops[0] = load(&it, loader, fixture_id(1));
    ops[1] = load(&it, loader, fixture_id(2));
    assert_campaign(&it, ops[0], 1);
    assert_campaign(&it, ops[1], 2);
    assert_int_equal(mine.calls, 1);
    assert_int_equal(mine.ids, 2);
    entc_request_free(it.request);
    entc_repository_fini(&mine.base);
}

static void an_override_that_fails_or_answers_wrong_fails_its_loads(void **state)
{
    struct scope it;
    struct overriding mine;
    entc_value id = fixture_id(1);
    entc_value other = fixture_id(2);
    entc_loader *loader = NULL;
    entc_entity *entity = NULL;
    entc_op *op = NULL;

    scope_open(&it, *state);
    overriding_init(&mine, it.f);
    assert_ok(it.f, entc_request_loader(it.request, &mine.base, &loader, &it.f->error));
    mine.status = ENTC_E_BUSY;
    assert_status(it.f, entc_request_get_by_id(it.request, &mine.base, &id, &entity, &it.f->error),
                  ENTC_E_BUSY);
    mine.status = 5;
    assert_status(it.f, entc_request_get_by_id(it.request, &mine.base, &id, &entity, &it.f->error),
                  ENTC_E_INVALID);
    mine.status = ENTC_OK;
    mine.answers = 1;
    op = load(&it, loader, other);
    assert_status(it.f, entc_request_get_by_id(it.request, &mine.base, &id, &entity, &it.f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(it.f->error), "was overridden");
    assert_int_equal(entc_op_status(op), ENTC_E_INVALID);
    entc_op_unref(op);
    entc_request_free(it.request);
    entc_repository_fini(&mine.base);
}

/* ---- relations ---- */

static void children_of_single_parents_are_one_statement(void **state)
{
    struct scope it;
    const entc_page_args two = ENTC_FIRST(2);
    entc_loader *loader = NULL;
    entc_op *ops[4];
    entc_page *page = NULL;

    scope_open(&it, *state);
    assert_ok(it.f, entc_request_relation_loader(it.request, it.f->has_events, &two, &loader,
                                                 &it.f->error));
    assert_string_equal(entc_loader_name(loader), fixture_has_events.name);
    for (int64_t i = 0; i < 3; i++)
        ops[i] = load(&it, loader, fixture_id(i + 1));
    ops[3] = load(&it, loader, fixture_text("1"));
    for (int64_t i = 0; i < 4; i++) {
        const int64_t campaign = i < 3 ? i + 1 : 1;

        assert_ok(it.f, entc_op_wait(ops[i], -1));
        assert_int_equal(entc_op_count(ops[i]), 1);
        assert_int_equal(entc_op_take_pages(ops[i], &page, 1), ENTC_OK);
        assert_int_equal(entc_page_count(page),
                         fixture_event_counts[campaign] < 2 ? fixture_event_counts[campaign] : 2);
        if (entc_page_count(page) > 0)
            fixture_assert_event(entc_page_entity(page, 0), campaign * 100 + 1);
        entc_page_unref(page);
        assert_int_equal(entc_op_take_pages(ops[i], &page, 1), ENTC_E_INVALID);
        entc_op_unref(ops[i]);
    }
    assert_int_equal(cost(&it).sql_queries, 2);
    assert_int_equal(cost(&it).redis_mgets, 1);
    assert_int_equal(cost(&it).load_keys, 3);
    entc_request_free(it.request);
}

static void loads_with_the_same_args_share_a_loader_and_others_do_not(void **state)
{
    struct scope it;
    struct fixture *f = *state;
    char column[] = "title";
    const entc_order order[] = {{column, 1, 0}};
    entc_page_args sets[3] = {ENTC_FIRST(2), ENTC_FIRST(3), ENTC_FIRST(2)};
    entc_loader *loaders[3];
    entc_loader *again = NULL;

    sets[2].order = order;
    sets[2].order_count = 1;
    sets[2].order_size = sizeof(order[0]);
    scope_open(&it, f);
    for (size_t i = 0; i < 3; i++)
        assert_ok(f, entc_request_relation_loader(it.request, f->has_events, &sets[i], &loaders[i],
                                                  &f->error));
    assert_ptr_not_equal(loaders[0], loaders[1]);
    assert_ptr_not_equal(loaders[0], loaders[2]);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(f, entc_request_relation_loader(it.request, f->has_events, &sets[i], &again,
                                                  &f->error));
        assert_ptr_equal(again, loaders[i]);
    }
    /* They were copied. */
    strcpy(column, "rank");
    assert_ok(f,
              entc_request_relation_loader(it.request, f->has_events, &sets[2], &again, &f->error));
    assert_ptr_not_equal(again, loaders[2]);
    entc_request_free(it.request);
}

static void children_are_got_by_a_blocking_call_too(void **state)
{
    struct scope it;
    struct fixture *f = *state;
    const entc_page_args two = ENTC_FIRST(2);
    const entc_page_args none = ENTC_FIRST(0);
    entc_value id = fixture_id(1);
    entc_page *page = NULL;

    scope_open(&it, f);
    assert_ok(f, entc_request_children(it.request, f->has_events, &id, &two, &page, &f->error));
    assert_int_equal(entc_page_count(page), 2);
    entc_page_unref(page);
    assert_status(f, entc_request_children(it.request, f->has_events, &id, &none, &page, &f->error),
                  ENTC_E_INVALID);
    assert_null(page);
    assert_status(f, entc_request_children(it.request, f->has_events, NULL, &two, &page, &f->error),
                  ENTC_E_INVALID);
    assert_status(f, entc_request_children(it.request, NULL, &id, &two, &page, &f->error),
                  ENTC_E_INVALID);
    assert_status(f, entc_request_children(NULL, f->has_events, &id, &two, &page, &f->error),
                  ENTC_E_INVALID);
    assert_status(f, entc_request_children(it.request, f->has_events, &id, &two, NULL, &f->error),
                  ENTC_E_INVALID);
    entc_request_free(it.request);
}

static void a_load_gives_only_what_it_has(void **state)
{
    struct scope it;
    struct fixture *f = *state;
    entc_value id = fixture_id(1);
    entc_op *op = NULL;
    entc_op *plain = NULL;
    entc_page *page = NULL;
    void *value = NULL;
    void *two[2];

    scope_open(&it, f);
    op = load(&it, it.campaigns, id);
    assert_int_equal(entc_op_value(op, &value), ENTC_E_AGAIN);
    assert_ok(f, entc_op_wait(op, -1));
    assert_int_equal(entc_op_take_pages(op, &page, 1), ENTC_E_INVALID);
    assert_ok(f, entc_op_value(op, &value));
    fixture_assert_campaign(value, 1);
    assert_int_equal(entc_op_values(op, two, NULL, 2), ENTC_E_INVALID);
    assert_null(two[1]);
    entc_op_unref(op);
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, &plain, &f->error));
    assert_ok(f, entc_op_wait(plain, -1));
    assert_int_equal(entc_op_value(plain, &value), ENTC_E_INVALID);
    assert_int_equal(entc_op_value(NULL, &value), ENTC_E_INVALID);
    assert_int_equal(entc_op_value(plain, NULL), ENTC_E_INVALID);
    entc_op_unref(plain);
    entc_request_free(it.request);
}

static void loaders_of_another_engine_are_refused(void **state)
{
    struct scope it;
    struct fixture *f = *state;
    const entc_page_args two = ENTC_FIRST(2);
    entc_engine *other = NULL;
    entc_request *stranger = NULL;
    entc_loader *loader = NULL;

    scope_open(&it, f);
    assert_ok(f, entc_engine_new(&f->options, &other, &f->error));
    assert_ok(f, entc_request_new(other, NULL, &stranger, &f->error));
    assert_status(f, entc_request_loader(stranger, f->campaigns, &loader, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "another engine");
    assert_status(f,
                  entc_request_relation_loader(stranger, f->has_events, &two, &loader, &f->error),
                  ENTC_E_INVALID);
    assert_null(loader);
    entc_request_free(stranger);
    entc_engine_free(other);
    entc_request_free(it.request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(single_loads_of_a_repository_are_one_mget_and_one_statement),
        IN_BOTH_DRIVES(two_spellings_of_an_id_are_one_key),
        IN_BOTH_DRIVES(an_id_that_cannot_be_one_fails_that_load_alone),
        IN_BOTH_DRIVES(an_absent_entity_is_not_found_and_remembered),
        IN_BOTH_DRIVES(a_request_has_one_loader_for_each_repository),
        IN_BOTH_DRIVES(a_repository_that_was_freed_fails_all_loads_of_it),
        IN_BOTH_DRIVES(loaders_that_close_together_send_their_commands_in_one_write),
        IN_BOTH_DRIVES(an_override_of_get_many_is_seen_by_loads_once_for_their_batch),
        IN_BOTH_DRIVES(an_override_that_fails_or_answers_wrong_fails_its_loads),
        IN_BOTH_DRIVES(children_of_single_parents_are_one_statement),
        IN_BOTH_DRIVES(loads_with_the_same_args_share_a_loader_and_others_do_not),
        IN_BOTH_DRIVES(children_are_got_by_a_blocking_call_too),
        IN_BOTH_DRIVES(a_load_gives_only_what_it_has),
        IN_BOTH_DRIVES(loaders_of_another_engine_are_refused),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
