/* "Subclasses": a host embeds BaseCacheRepository and overrides slots. An override is seen from
 * every path; what it does not override it inherits; it may chain up. */
#include "fixture.h"

#include <string.h>

/* class MyRepository(BaseCacheRepository) */
typedef struct MyRepository {
    BaseCacheRepository base;
    int by_id_calls;
    int many_calls;
    size_t many_ids;
    entc_request *seen_request;
} MyRepository;

static entc_status counting_by_id(BaseCacheRepository *repository, const entc_value *id,
                                  const entc_call *call, entc_op **ret_op, entc_error **reterr)
{
    ((MyRepository *)repository)->by_id_calls++;
    return entc_repository_base_ops()->get_by_id(repository, id, call, ret_op, reterr);
}

static entc_status counting_many(BaseCacheRepository *repository, const entc_value *ids,
                                 size_t count, const entc_call *call, entc_op **ret_op,
                                 entc_error **reterr)
{
    MyRepository *mine = (MyRepository *)repository;

    mine->many_calls++;
    mine->many_ids += count;
    mine->seen_request = call ? call->request : NULL;
    return entc_repository_base_ops()->get_many(repository, ids, count, call, ret_op, reterr);
}

/* A row that goes between the list and its entities. */
static entc_status deleting_many(BaseCacheRepository *repository, const entc_value *ids,
                                 size_t count, const entc_call *call, entc_op **ret_op,
                                 entc_error **reterr)
{
    struct fixture *f = repository->user;

    test_postgres_sql(&f->postgres, "DELETE FROM events WHERE id = 102");
    return entc_repository_base_ops()->get_many(repository, ids, count, call, ret_op, reterr);
}

static void init(struct fixture *f, MyRepository *mine, const BaseCacheRepositoryOps *ops)
{
    memset(mine, 0, sizeof(*mine));
    assert_ok(f, entc_repository_init(&mine->base, f->engine, &fixture_event_table, &fixture_event,
                                      ops, &f->error));
}

static void init_with_many(struct fixture *f, MyRepository *mine,
                           entc_status (*get_many)(BaseCacheRepository *, const entc_value *,
                                                   size_t, const entc_call *, entc_op **,
                                                   entc_error **))
{
    const BaseCacheRepositoryOps ops = {sizeof(ops), NULL, get_many};

    init(f, mine, &ops);
}

/* ---- who sees an override ---- */

static void an_override_of_get_many_is_seen_from_get_by_id(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    entc_entity *entity = NULL;

    init_with_many(f, &mine, counting_many);
    entity = fixture_get(f, &mine.base, 101);
    fixture_assert_event(entity, 101);
    entc_entity_unref(entity);
    assert_int_equal(mine.many_calls, 1);
    assert_int_equal(mine.many_ids, 1);
    entc_repository_fini(&mine.base);
}

static void an_override_of_get_many_is_seen_from_get_many_and_its_kin(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    static const int64_t ids[] = {101, 102, 101};
    entc_entity *entities[3];
    entc_value id = fixture_id(101);
    entc_op *op = NULL;

    init_with_many(f, &mine, counting_many);
    assert_ok(f,
              entc_repository_get_many_int64(&mine.base, ids, 3, NULL, entities, NULL, &f->error));
    entc_entities_unref(entities, 3);
    assert_int_equal(mine.many_calls, 1);
    assert_int_equal(mine.many_ids, 3);
    assert_ok(f, entc_repository_get_many_async(&mine.base, &id, 1, NULL, &op, &f->error));
    assert_int_equal(mine.many_calls, 2);
    assert_ok(f, entc_op_wait(op, -1));
    entc_op_unref(op);
    entc_repository_fini(&mine.base);
}

static void an_override_of_get_many_is_seen_from_lists(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    const entc_page_args first = ENTC_FIRST(4);
    entc_request *request = NULL;
    entc_page *page = NULL;

    init_with_many(f, &mine, counting_many);
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    assert_ok(f, entc_request_list(request, &mine.base, &first, &page, &f->error));
    assert_int_equal(entc_page_count(page), 4);
    for (size_t i = 0; i < 4; i++)
        fixture_assert_event(entc_page_entity(page, i), 101 + (int64_t)i);
    assert_int_equal(mine.many_calls, 1);
    assert_int_equal(mine.many_ids, 4);
    assert_ptr_equal(mine.seen_request, request);
    entc_page_unref(page);
    entc_request_free(request);
    entc_repository_fini(&mine.base);
}

/* The list asks for its entities while the engine closes already. */
static void close_with_a_list_under_way(struct fixture *f, BaseCacheRepository *events)
{
    const entc_page_args first = ENTC_FIRST(4);
    entc_op *op = NULL;
    entc_page *page = NULL;

    assert_ok(f, entc_repository_list_async(events, &first, NULL, &op, &f->error));
    assert_ok(f, entc_engine_close(f->engine, 20000000));
    assert_ok(f, entc_op_status(op));
    assert_ok(f, entc_op_take_pages(op, &page, 1));
    assert_int_equal(entc_page_count(page), 4);
    fixture_assert_event(entc_page_entity(page, 3), 104);
    entc_page_unref(page);
    entc_op_unref(op);
}

static void a_list_under_way_ends_in_the_time_that_close_gives(void **state)
{
    struct fixture *f = *state;

    close_with_a_list_under_way(f, f->events);
}

static void so_does_one_whose_entities_an_override_gets(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;

    init_with_many(f, &mine, counting_many);
    close_with_a_list_under_way(f, &mine.base);
    assert_int_equal(mine.many_calls, 1);
    entc_repository_fini(&mine.base);
}

static void an_override_of_get_many_is_seen_from_pages_once_for_all_parents(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    const entc_page_args first = ENTC_FIRST(2);
    entc_relation *relation = NULL;
    entc_value parents[3] = {fixture_id(1), fixture_id(7), fixture_id(2)};
    entc_page *pages[3];

    init_with_many(f, &mine, counting_many);
    assert_ok(
        f, entc_relation_new(f->campaigns, &mine.base, &fixture_has_events, &relation, &f->error));
    assert_ok(f,
              entc_relation_get_many(relation, parents, 3, &first, NULL, pages, NULL, &f->error));
    assert_int_equal(mine.many_calls, 1);
    assert_int_equal(mine.many_ids, 4);
    fixture_assert_event(entc_page_entity(pages[0], 0), 101);
    fixture_assert_event(entc_page_entity(pages[2], 1), 202);
    for (size_t i = 0; i < 3; i++)
        entc_page_unref(pages[i]);
    entc_relation_free(relation);
    entc_repository_fini(&mine.base);
}

static void an_override_of_get_by_id_alone_is_seen_from_get_by_id_alone(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    const BaseCacheRepositoryOps ops = {sizeof(ops), counting_by_id, NULL};
    const entc_page_args first = ENTC_FIRST(2);
    static const int64_t ids[] = {101, 102};
    entc_entity *entities[2];
    entc_page *page = NULL;
    entc_entity *entity = NULL;

    init(f, &mine, &ops);
    entity = fixture_get(f, &mine.base, 103);
    fixture_assert_event(entity, 103);
    entc_entity_unref(entity);
    assert_int_equal(mine.by_id_calls, 1);
    assert_ok(f,
              entc_repository_get_many_int64(&mine.base, ids, 2, NULL, entities, NULL, &f->error));
    entc_entities_unref(entities, 2);
    assert_ok(f, entc_repository_list(&mine.base, &first, NULL, &page, &f->error));
    entc_page_unref(page);
    assert_int_equal(mine.by_id_calls, 1);
    entc_repository_fini(&mine.base);
}

static void both_overrides_chain_up_through_each_other(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    const BaseCacheRepositoryOps ops = {sizeof(ops), counting_by_id, counting_many};
    entc_entity *entity = NULL;

    init(f, &mine, &ops);
    entity = fixture_get(f, &mine.base, 103);
    entc_entity_unref(entity);
    assert_int_equal(mine.by_id_calls, 1);
    assert_int_equal(mine.many_calls, 1);
    entc_repository_fini(&mine.base);
}

static void a_row_that_goes_between_a_list_and_its_entities_has_a_slot_that_says_so(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    const entc_page_args first = ENTC_FIRST(3);
    entc_page *page = NULL;
    entc_value id;

    init_with_many(f, &mine, deleting_many);
    mine.base.user = f;
    assert_ok(f, entc_repository_list(&mine.base, &first, NULL, &page, &f->error));
    assert_int_equal(entc_page_count(page), 3);
    fixture_assert_event(entc_page_entity(page, 0), 101);
    assert_null(entc_page_entity(page, 1));
    assert_int_equal(entc_page_status(page, 1), ENTC_E_NOT_FOUND);
    assert_int_equal(entc_page_id(page, 1, 0, &id), ENTC_OK);
    assert_int_equal(id.as.int64, 102);
    fixture_assert_event(entc_page_entity(page, 2), 103);
    entc_page_unref(page);
    entc_repository_fini(&mine.base);
}

/* ---- the table ---- */

static void a_table_of_the_first_slot_alone_inherits_the_rest(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    struct {
        size_t struct_size;
        entc_status (*get_by_id)(BaseCacheRepository *, const entc_value *, const entc_call *,
                                 entc_op **, entc_error **);
    } old = {sizeof(old), counting_by_id};
    BaseCacheRepositoryOps ops;
    static const int64_t ids[] = {101};
    entc_entity *entities[1];

    /* What lies behind the old table is not read. */
    memset(&ops, 0xFF, sizeof(ops));
    memcpy(&ops, &old, sizeof(old));
    init(f, &mine, &ops);
    assert_ok(f,
              entc_repository_get_many_int64(&mine.base, ids, 1, NULL, entities, NULL, &f->error));
    fixture_assert_event(entities[0], 101);
    entc_entities_unref(entities, 1);
    entc_entity_unref(fixture_get(f, &mine.base, 102));
    assert_int_equal(mine.by_id_calls, 1);
    assert_int_equal(mine.base.ops->struct_size, sizeof(BaseCacheRepositoryOps));
    entc_repository_fini(&mine.base);
}

static void a_table_of_a_later_release_is_taken_when_what_is_new_is_unused(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    struct {
        BaseCacheRepositoryOps ops;
        void *later[2];
    } larger = {{sizeof(larger), NULL, counting_many}, {NULL, NULL}};

    init(f, &mine, &larger.ops);
    entc_entity_unref(fixture_get(f, &mine.base, 102));
    assert_int_equal(mine.many_calls, 1);
    entc_repository_fini(&mine.base);
    larger.later[1] = f;
    assert_status(f,
                  entc_repository_init(&mine.base, f->engine, &fixture_event_table, &fixture_event,
                                       &larger.ops, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "BaseCacheRepositoryOps");
    larger.ops.struct_size = 3;
    assert_status(f,
                  entc_repository_init(&mine.base, f->engine, &fixture_event_table, &fixture_event,
                                       &larger.ops, &f->error),
                  ENTC_E_INVALID);
    entc_repository_fini(&mine.base);
}

static void the_table_may_be_temporary_and_none_inherits_all(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;
    BaseCacheRepositoryOps ops = {sizeof(ops), NULL, counting_many};

    init(f, &mine, &ops);
    memset(&ops, 0xFF, sizeof(ops));
    entc_entity_unref(fixture_get(f, &mine.base, 102));
    assert_int_equal(mine.many_calls, 1);
    entc_repository_fini(&mine.base);
    init(f, &mine, NULL);
    assert_ptr_equal(mine.base.ops->get_by_id, entc_repository_base_ops()->get_by_id);
    assert_ptr_equal(mine.base.ops->get_many, entc_repository_base_ops()->get_many);
    assert_int_equal(entc_repository_base_ops()->struct_size, sizeof(BaseCacheRepositoryOps));
    entc_repository_fini(&mine.base);
}

static void user_belongs_to_the_host(void **state)
{
    struct fixture *f = *state;
    MyRepository mine;

    init(f, &mine, NULL);
    assert_null(mine.base.user);
    mine.base.user = f;
    entc_entity_unref(fixture_get(f, &mine.base, 102));
    assert_ptr_equal(mine.base.user, f);
    entc_repository_fini(&mine.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_list_under_way_ends_in_the_time_that_close_gives),
        IN_BOTH_DRIVES(so_does_one_whose_entities_an_override_gets),
        IN_BOTH_DRIVES(an_override_of_get_many_is_seen_from_get_by_id),
        IN_BOTH_DRIVES(an_override_of_get_many_is_seen_from_get_many_and_its_kin),
        IN_BOTH_DRIVES(an_override_of_get_many_is_seen_from_lists),
        IN_BOTH_DRIVES(an_override_of_get_many_is_seen_from_pages_once_for_all_parents),
        IN_BOTH_DRIVES(a_row_that_goes_between_a_list_and_its_entities_has_a_slot_that_says_so),
        IN_BOTH_DRIVES(an_override_of_get_by_id_alone_is_seen_from_get_by_id_alone),
        IN_BOTH_DRIVES(both_overrides_chain_up_through_each_other),
        IN_BOTH_DRIVES(a_table_of_the_first_slot_alone_inherits_the_rest),
        IN_BOTH_DRIVES(a_table_of_a_later_release_is_taken_when_what_is_new_is_unused),
        IN_BOTH_DRIVES(the_table_may_be_temporary_and_none_inherits_all),
        IN_BOTH_DRIVES(user_belongs_to_the_host),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
