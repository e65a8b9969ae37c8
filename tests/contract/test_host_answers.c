/* Overrides of get_many that do not chain up: they answer, reject or refuse by themselves, now or
 * later from another thread, by entc_op_new() and its kin. */
#include "fixture.h"

#include <pthread.h>
#include <string.h>

typedef struct MyRepository {
    BaseCacheRepository base;
    entc_entity *stand_in; /* what the answering override gives; borrowed */
    entc_status refusal;   /* what the refusing overrides give */
    entc_op *pending;      /* to be answered by another thread */
} MyRepository;

/* Gives the stand-in for every odd id, nothing for the even ones. */
static entc_status answering_many(BaseCacheRepository *repository, const entc_value *ids,
                                  size_t count, const entc_call *call, entc_op **ret_op,
                                  entc_error **reterr)
{
    MyRepository *mine = (MyRepository *)repository;
    entc_entity *entities[16] = {NULL};
    entc_op *op = NULL;
    entc_status status = entc_op_new(repository->engine, count, call, &op, reterr);

    if (status)
        return status;
    for (size_t i = 0; i < count && i < 16; i++) {
        if (ids[i].as.int64 % 2)
            entities[i] = entc_entity_ref(mine->stand_in);
    }
    status = entc_op_resolve(op, entities, NULL, count);
    if (status)
        entc_op_unref(op);
    else
        *ret_op = op;
    return status;
}

static entc_status rejecting_many(BaseCacheRepository *repository, const entc_value *ids,
                                  size_t count, const entc_call *call, entc_op **ret_op,
                                  entc_error **reterr)
{
    MyRepository *mine = (MyRepository *)repository;
    entc_status status = entc_op_new(repository->engine, count, call, ret_op, reterr);

    (void)ids;
    return status ? status : entc_op_reject(*ret_op, mine->refusal, "the shop is closed");
}

static entc_status refusing_many(BaseCacheRepository *repository, const entc_value *ids,
                                 size_t count, const entc_call *call, entc_op **ret_op,
                                 entc_error **reterr)
{
    (void)ids;
    (void)count;
    (void)call;
    (void)ret_op;
    (void)reterr;
    return ((MyRepository *)repository)->refusal;
}

static entc_status later_many(BaseCacheRepository *repository, const entc_value *ids, size_t count,
                              const entc_call *call, entc_op **ret_op, entc_error **reterr)
{
    MyRepository *mine = (MyRepository *)repository;
    entc_status status = entc_op_new(repository->engine, count, call, ret_op, reterr);

    (void)ids;
    if (!status)
        mine->pending = entc_op_ref(*ret_op);
    return status;
}

static void init_with_many(struct fixture *f, MyRepository *mine,
                           entc_status (*get_many)(BaseCacheRepository *, const entc_value *,
                                                   size_t, const entc_call *, entc_op **,
                                                   entc_error **))
{
    const BaseCacheRepositoryOps ops = {sizeof(ops), NULL, get_many};

    memset(mine, 0, sizeof(*mine));
    assert_ok(f, entc_repository_init(&mine->base, f->engine, &fixture_event_table, &fixture_event,
                                      &ops, &f->error));
}

static void an_override_may_answer_by_itself(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    static const int64_t ids[] = {1, 2, 3};
    entc_entity *entities[3];
    entc_status statuses[3];
    entc_entity *stand_in = fixture_get(f, f->events, 801);
    entc_value even = fixture_id(4);
    entc_entity *entity = NULL;
    const entc_counters before = fixture_counters(f);

    init_with_many(f, &mine, answering_many);
    mine.stand_in = stand_in;
    assert_ok(
        f, entc_repository_get_many_int64(&mine.base, ids, 3, NULL, entities, statuses, &f->error));
    assert_ptr_equal(entities[0], stand_in);
    assert_null(entities[1]);
    assert_int_equal(statuses[1], ENTC_E_NOT_FOUND);
    assert_ptr_equal(entities[2], stand_in);
    entc_entities_unref(entities, 3);
    entity = fixture_get(f, &mine.base, 5);
    assert_ptr_equal(entity, stand_in);
    entc_entity_unref(entity);
    entity = NULL;
    assert_status(f, entc_repository_get_by_id(&mine.base, &even, NULL, &entity, &f->error),
                  ENTC_E_NOT_FOUND);
    assert_null(entity);
    assert_int_equal(fixture_since(f, &before).sql_queries, 0);
    entc_repository_fini(&mine.base);
    fixture_assert_event(stand_in, 801);
    entc_entity_unref(stand_in);
}

static void an_override_may_reject_with_its_own_words(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    const entc_page_args first = ENTC_FIRST(2);
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    entc_page *page = NULL;

    init_with_many(f, &mine, rejecting_many);
    mine.refusal = ENTC_E_BUSY;
    assert_status(f, entc_repository_get_by_id(&mine.base, &id, NULL, &entity, &f->error),
                  ENTC_E_BUSY);
    fixture_assert_says(entc_error_message(f->error), "the shop is closed");
    assert_status(f, entc_repository_list(&mine.base, &first, NULL, &page, &f->error), ENTC_E_BUSY);
    assert_null(page);
    entc_repository_fini(&mine.base);
}

static void what_an_override_refuses_is_refused_on_every_path(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    const entc_page_args first = ENTC_FIRST(2);
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    entc_page *page = NULL;

    init_with_many(f, &mine, refusing_many);
    mine.refusal = ENTC_E_UNSUPPORTED;
    assert_status(f, entc_repository_get_by_id(&mine.base, &id, NULL, &entity, &f->error),
                  ENTC_E_UNSUPPORTED);
    assert_status(f, entc_repository_get_many(&mine.base, &id, 1, NULL, &entity, NULL, &f->error),
                  ENTC_E_UNSUPPORTED);
    assert_status(f, entc_repository_list(&mine.base, &first, NULL, &page, &f->error),
                  ENTC_E_UNSUPPORTED);
    entc_repository_fini(&mine.base);
}

static void an_override_that_answers_nonsense_is_told_so(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;

    init_with_many(f, &mine, refusing_many);
    mine.refusal = ENTC_OK; /* without an operation */
    assert_status(f, entc_repository_get_by_id(&mine.base, &id, NULL, &entity, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "override");
    mine.refusal = 7;
    assert_status(f, entc_repository_get_many(&mine.base, &id, 1, NULL, &entity, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "override");
    entc_repository_fini(&mine.base);
}

struct resolver {
    entc_op *op;
    entc_entity *entity;
    int failures;
};

static void *resolve_elsewhere(void *context)
{
    struct resolver *resolver = context;
    entc_entity *entities[1] = {entc_entity_ref(resolver->entity)};

    resolver->failures += entc_op_resolve(resolver->op, entities, NULL, 1) != ENTC_OK;
    entities[0] = entc_entity_ref(resolver->entity);
    resolver->failures += entc_op_resolve(resolver->op, entities, NULL, 1) != ENTC_E_INVALID;
    resolver->failures += entc_op_reject(resolver->op, ENTC_E_BUSY, NULL) != ENTC_E_INVALID;
    return NULL;
}

static void another_thread_may_answer_later_and_only_once(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    entc_value id = fixture_id(801);
    struct resolver resolver = {.entity = fixture_get(f, f->events, 801)};
    entc_op *op = NULL;
    entc_entity *entity = NULL;
    pthread_t thread;

    init_with_many(f, &mine, later_many);
    assert_ok(f, entc_repository_get_by_id_async(&mine.base, &id, NULL, &op, &f->error));
    assert_status(f, entc_op_wait(op, 1000), ENTC_E_AGAIN);
    resolver.op = mine.pending;
    assert_int_equal(pthread_create(&thread, NULL, resolve_elsewhere, &resolver), 0);
    assert_ok(f, entc_op_wait(op, -1));
    pthread_join(thread, NULL);
    assert_int_equal(resolver.failures, 0);
    assert_ok(f, entc_op_take_entity(op, &entity));
    assert_ptr_equal(entity, resolver.entity);
    entc_entity_unref(entity);
    entc_entity_unref(resolver.entity);
    entc_op_unref(op);
    entc_op_unref(mine.pending);
    entc_repository_fini(&mine.base);
}

static void the_hosts_own_answer_has_a_deadline_too(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    entc_value id = fixture_id(801);
    entc_call call = ENTC_CALL_INIT;
    entc_entity *entity = NULL;

    init_with_many(f, &mine, later_many);
    call.timeout_us = 20000;
    assert_status(f, entc_repository_get_by_id(&mine.base, &id, &call, &entity, &f->error),
                  ENTC_E_TIMEOUT);
    assert_null(entity);
    /* Too late, but it was not answered by the host before. */
    assert_ok(f, entc_op_reject(mine.pending, ENTC_E_BUSY, "late"));
    assert_int_equal(entc_op_status(mine.pending), ENTC_E_TIMEOUT);
    entc_op_unref(mine.pending);
    entc_repository_fini(&mine.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(an_override_may_answer_by_itself),
        IN_BOTH_DRIVES(an_override_may_reject_with_its_own_words),
        IN_BOTH_DRIVES(what_an_override_refuses_is_refused_on_every_path),
        IN_BOTH_DRIVES(an_override_that_answers_nonsense_is_told_so),
        IN_BOTH_DRIVES(another_thread_may_answer_later_and_only_once),
        IN_BOTH_DRIVES(the_hosts_own_answer_has_a_deadline_too),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
