/* Preparations, and the calls that read. */
#include "attempts.h"

#include <stdlib.h>
#include <string.h>

static const int64_t some_ids[] = {1, 2, 2, 999, 3};
enum { SOME = sizeof(some_ids) / sizeof(some_ids[0]) };

/* ---- preparations ---- */

void cold_cache(struct fixture *f)
{
    freeReplyObject(test_redis_command(&f->redis, "FLUSHALL"));
}

static bool is_warm(void *context)
{
    struct fixture *f = context;

    return test_redis_integer(&f->redis, "EXISTS Campaign-1 Campaign-2 Campaign-3 Campaign-999") ==
           4;
}

/* What an attempt before left may refuse the first fill. */
void warm_cache(struct fixture *f)
{
    const int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);

    while (!is_warm(f)) {
        if (fixture_now_us() > end)
            fail_msg("the cache is not filled any more");
        get_many(f);
        fixture_turn(f, 2);
    }
}

void spoilt_cache(struct fixture *f)
{
    cold_cache(f);
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-1 {broken"));
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-2 {\"id\":3,\"title\":\"x\"}"));
    freeReplyObject(test_redis_command(
        &f->redis, "SET {Campaign-3}:l r:0123456789abcdef0123456789abcdef PX 20"));
}

/* ---- reading ---- */

/* The worst status of the slots that should be there. */
static entc_status check_some(entc_entity **entities, const entc_status *statuses,
                              entc_status status)
{
    entc_status worst = status;

    for (size_t i = 0; i < SOME; i++) {
        assert_true((entities[i] != NULL) == (statuses[i] == ENTC_OK));
        if (entities[i])
            fixture_assert_campaign(entities[i], some_ids[i]);
        if (statuses[i] == ENTC_E_NOT_FOUND)
            assert_int_equal(some_ids[i], 999);
        else if (worst == ENTC_OK && statuses[i] != ENTC_OK)
            worst = statuses[i];
    }
    entc_entities_unref(entities, SOME);
    return worst;
}

entc_status get_many(struct fixture *f)
{
    entc_entity *entities[SOME];
    entc_status statuses[SOME];
    const entc_status status = entc_repository_get_many_int64(f->campaigns, some_ids, SOME, NULL,
                                                              entities, statuses, &f->error);

    return check_some(entities, statuses, status);
}

entc_status get_many_by_text(struct fixture *f)
{
    const entc_value ids[SOME] = {fixture_text("1"), fixture_text("2"), fixture_text("2"),
                                  fixture_text("999"), fixture_text("3")};
    entc_entity *entities[SOME];
    entc_status statuses[SOME];
    const entc_status status =
        entc_repository_get_many(f->campaigns, ids, SOME, NULL, entities, statuses, NULL);

    return check_some(entities, statuses, status);
}

entc_status get_one(struct fixture *f)
{
    const entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    const entc_status status =
        entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, &f->error);

    assert_true((entity != NULL) == (status == ENTC_OK));
    if (entity)
        fixture_assert_campaign(entity, 1);
    entc_entity_unref(entity);
    return status;
}

/* The worst status of a page's slots; gives the page back. */
static entc_status check_page(entc_page *page, size_t count, entc_status status)
{
    assert_true((page != NULL) == (status == ENTC_OK));
    if (page)
        assert_int_equal(entc_page_count(page), count);
    for (size_t i = 0; i < entc_page_count(page); i++) {
        assert_true((entc_page_entity(page, i) != NULL) == (entc_page_status(page, i) == ENTC_OK));
        if (entc_page_status(page, i) != ENTC_OK)
            status = entc_page_status(page, i);
    }
    entc_page_unref(page);
    return status;
}

entc_status list(struct fixture *f)
{
    const entc_order order[] = {{"title", 1, 0}};
    const entc_page_args args = {.struct_size = sizeof(args),
                                 .first = 3,
                                 .order = order,
                                 .order_count = 1,
                                 .order_size = sizeof(order[0])};
    entc_page *page = NULL;
    const entc_status status = entc_repository_list(f->campaigns, &args, NULL, &page, &f->error);

    if (page && entc_page_status(page, 0) == ENTC_OK)
        fixture_assert_campaign(entc_page_entity(page, 0), 8);
    return check_page(page, 3, status);
}

entc_status pages(struct fixture *f)
{
    const entc_page_args first = ENTC_FIRST(2);
    const entc_value parents[3] = {fixture_id(1), fixture_id(7), fixture_id(4)};
    entc_page *found[3];
    entc_status statuses[3];
    const entc_status status =
        entc_relation_get_many(f->has_events, parents, 3, &first, NULL, found, statuses, &f->error);
    entc_status worst = status;

    for (size_t i = 0; i < 3; i++) {
        const entc_status one = check_page(found[i], i == 1 ? 0 : 2, statuses[i]);

        worst = worst ? worst : one;
    }
    return worst;
}

/* A relation from events to campaigns or back is made and freed by each attempt. */
static entc_status make(struct fixture *f, BaseCacheRepository *parents,
                        BaseCacheRepository *children, const entc_relation_desc *desc,
                        entc_relation **ret_relation)
{
    const entc_status status = entc_relation_new(parents, children, desc, ret_relation, &f->error);

    assert_true((*ret_relation != NULL) == (status == ENTC_OK));
    return status;
}

entc_status belongs_to(struct fixture *f)
{
    const entc_relation_desc desc = ENTC_BELONGS_TO("campaign", "campaign_id");
    const entc_page_args three = ENTC_FIRST(3);
    entc_relation *relation = NULL;
    entc_request *request = NULL;
    entc_page *events = NULL;
    entc_page *found[3] = {NULL, NULL, NULL};
    entc_status worst = make(f, f->events, f->campaigns, &desc, &relation);

    if (!worst)
        worst = entc_request_new(f->engine, NULL, &request, &f->error);
    if (!worst)
        worst = entc_request_list(request, f->events, &three, &events, &f->error);
    /* Without its event, a slot belongs to nobody. */
    if (!worst)
        worst = check_page(entc_page_ref(events), 3, ENTC_OK);
    if (!worst)
        worst = entc_request_pages(request, relation, events, &three, found, 3, &f->error);
    for (size_t i = 0; i < 3; i++) {
        const entc_status one = found[i] ? check_page(found[i], 1, ENTC_OK) : ENTC_OK;

        worst = worst ? worst : one;
    }
    entc_page_unref(events);
    entc_request_free(request);
    entc_relation_free(relation);
    return worst;
}

entc_status through(struct fixture *f)
{
    const entc_order by_rank[] = {{"rank", 1, ENTC_ORDER_THROUGH}, {"title", 0, 0}};
    const entc_value parents[2] = {fixture_id(1), fixture_id(4)};
    const entc_page_args two = ENTC_FIRST(2);
    entc_relation_desc desc =
        ENTC_MANY_TO_MANY("itself", "events", "campaign_id", "campaign_id", NULL);
    entc_relation *relation = NULL;
    entc_page *found[2] = {NULL, NULL};
    entc_status statuses[2] = {ENTC_OK, ENTC_OK};
    entc_status worst = ENTC_OK;

    desc.order = by_rank;
    desc.order_count = 2;
    desc.order_size = sizeof(by_rank[0]);
    worst = make(f, f->campaigns, f->campaigns, &desc, &relation);
    if (!worst)
        worst =
            entc_relation_get_many(relation, parents, 2, &two, NULL, found, statuses, &f->error);
    for (size_t i = 0; i < 2; i++) {
        const entc_status one = found[i] ? check_page(found[i], 2, ENTC_OK) : statuses[i];

        worst = worst ? worst : one;
    }
    entc_relation_free(relation);
    return worst;
}

entc_status lookup(struct fixture *f)
{
    const char *const fields[] = {"title"};
    const entc_value keys[3] = {fixture_text("Campaign 3"), fixture_text("Campaign 99"),
                                fixture_text("Campaign 5")};
    entc_lookup *titles = NULL;
    entc_entity *found[3] = {NULL, NULL, NULL};
    entc_status statuses[3] = {ENTC_OK, ENTC_OK, ENTC_OK};
    entc_status worst = entc_lookup_new(f->campaigns, fields, 1, &titles, &f->error);

    assert_true((titles != NULL) == (worst == ENTC_OK));
    if (!worst)
        worst = entc_lookup_get_many(titles, keys, 3, NULL, found, statuses, &f->error);
    for (size_t i = 0; i < 3; i++) {
        assert_true(!found[i] || (i != 1 && statuses[i] == ENTC_OK));
        if (found[i])
            fixture_assert_campaign(found[i], i == 0 ? 3 : 5);
        if (!worst && statuses[i] != ENTC_E_NOT_FOUND)
            worst = statuses[i];
    }
    entc_entities_unref(found, 3);
    entc_lookup_free(titles);
    return worst;
}

/* The cursor of a page's first slot. */
static entc_status copy_cursor(struct fixture *f, const entc_page *page, char cursor[256])
{
    entc_buffer *buffer = NULL;
    entc_status status = entc_buffer_new(&buffer);

    if (!status)
        status = entc_page_cursor(page, 0, buffer, &f->error);
    if (!status)
        strcpy(cursor, entc_buffer_text(buffer));
    entc_buffer_free(buffer);
    return status;
}

/* The worst status of the call and its pages; the cursor of the first one is copied. */
static entc_status get_parts(struct fixture *f, const entc_page_args args[3], char cursor[256])
{
    const entc_value parents[3] = {fixture_id(4), fixture_id(4), fixture_id(1)};
    entc_page *found[3] = {NULL, NULL, NULL};
    const entc_status status = entc_relation_get_each(
        f->has_events, parents, 3, args, sizeof(args[0]), NULL, found, NULL, &f->error);
    entc_status worst = status ? status : copy_cursor(f, found[0], cursor);

    for (size_t i = 0; i < 3; i++) {
        const entc_status one = check_page(found[i], i == 2 ? 2 : 1, status);

        worst = worst ? worst : one;
    }
    return worst;
}

entc_status parts(struct fixture *f)
{
    const entc_order order[] = {{"rank", 1, 0}};
    const entc_value zero = fixture_text("0");
    const entc_filter even = {"rank", ENTC_EQUAL, 0, &zero, 1};
    entc_page_args args[3] = {ENTC_FIRST(1), ENTC_LAST(1), ENTC_FIRST(2)};
    char cursor[256] = "";
    entc_status status = ENTC_OK;

    args[0].order = order;
    args[0].order_count = 1;
    args[0].order_size = sizeof(order[0]);
    args[1].flags = ENTC_PAGE_TOTAL;
    args[2].filters = &even;
    args[2].filter_count = 1;
    args[2].filter_size = sizeof(even);
    status = get_parts(f, args, cursor);
    if (status)
        return status;
    args[0].after = cursor;
    return get_parts(f, args, cursor);
}

entc_status list_by_sql(struct fixture *f)
{
    const entc_value params[] = {fixture_id(3), fixture_text("Campaign %")};
    entc_page *page = NULL;
    const entc_status status = entc_repository_list_sql(
        f->campaigns, "SELECT id FROM campaigns WHERE id < $1 AND title LIKE $2", params, 2, NULL,
        &page, &f->error);

    return check_page(page, 2, status);
}

entc_status main_query(struct fixture *f)
{
    const entc_page_args first = ENTC_FIRST(2);
    entc_request *request = NULL;
    entc_page *campaigns = NULL;
    entc_page *events[2] = {NULL, NULL};
    entc_status status = entc_request_new(f->engine, NULL, &request, &f->error);
    entc_status worst = status;

    assert_true((request != NULL) == (status == ENTC_OK));
    if (!status)
        worst = status = entc_request_list(request, f->campaigns, &first, &campaigns, &f->error);
    if (!status)
        worst = status =
            entc_request_pages(request, f->has_events, campaigns, &first, events, 2, &f->error);
    for (size_t i = 0; i < 2; i++) {
        const entc_status one = events[i] ? check_page(events[i], 2, ENTC_OK) : status;

        worst = worst ? worst : one;
    }
    if (campaigns)
        worst = worst ? worst : check_page(entc_page_ref(campaigns), 2, ENTC_OK);
    if (request && (!entc_request_report(request) || !entc_request_report_text(request)))
        worst = ENTC_E_NO_MEMORY;
    entc_page_unref(campaigns);
    entc_request_free(request);
    return worst;
}

/* ---- what a request may see and take ---- */

static entc_status deny_even(entc_request *request, BaseCacheRepository *repository,
                             const entc_entity *entity, void *user)
{
    const Campaign *record = entc_entity_record(entity);

    (void)request;
    (void)repository;
    (void)user;
    return record->id % 2 ? ENTC_OK : ENTC_E_FORBIDDEN;
}

/* A page is denied in part or lacks memory; no denied entity slips through. */
static entc_status see_list(struct fixture *f, entc_request *request)
{
    const entc_page_args first = ENTC_FIRST(3);
    entc_page *page = NULL;
    entc_status worst = entc_request_list(request, f->campaigns, &first, &page, &f->error);

    assert_true((page != NULL) == (worst == ENTC_OK));
    for (size_t i = 0; i < entc_page_count(page); i++) {
        const entc_status status = entc_page_status(page, i);

        assert_true((entc_page_entity(page, i) != NULL) == (status == ENTC_OK));
        if (i == 1)
            assert_int_not_equal(status, ENTC_OK);
        if (status != ENTC_OK && status != ENTC_E_FORBIDDEN)
            worst = status;
    }
    entc_page_unref(page);
    return worst;
}

/* Of a request that may run two statements, the list's and its entities'. */
static entc_status see_one_more(struct fixture *f, entc_request *request)
{
    const entc_value id = fixture_id(5);
    entc_call call = ENTC_CALL_INIT;
    entc_entity *entity = NULL;
    entc_status status = ENTC_OK;

    call.request = request;
    status = entc_repository_get_by_id(f->campaigns, &id, &call, &entity, &f->error);
    assert_true((entity != NULL) == (status == ENTC_OK));
    entc_entity_unref(entity);
    if (status == ENTC_E_LIMIT)
        status = ENTC_OK;
    if (!status && entc_request_assert_max_queries(request, 1, &f->error) == ENTC_OK)
        status = ENTC_E_NO_MEMORY;
    return status;
}

entc_status viewers_request(struct fixture *f)
{
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;
    entc_request *request = NULL;
    entc_status status = ENTC_OK;

    options.authorize = deny_even;
    options.max_sql_queries = 2;
    status = entc_request_new(f->engine, &options, &request, &f->error);
    assert_true((request != NULL) == (status == ENTC_OK));
    if (!status)
        status = see_list(f, request);
    if (!status)
        status = see_one_more(f, request);
    entc_request_free(request);
    return status;
}

/* ---- operations ---- */

static void note_done(entc_op *op, void *user)
{
    (void)op;
    ++*(int *)user;
}

static bool all_are_done(void *context)
{
    const int *counts = context;

    return counts[0] == counts[1];
}

/* How an operation ended, with all that it gives taken. */
static entc_status finish(entc_op *op, entc_status refused)
{
    entc_entity *entities[2] = {NULL, NULL};
    entc_page *found[2] = {NULL, NULL};
    entc_status status = refused;

    assert_true((op != NULL) == (refused == ENTC_OK));
    if (!op)
        return status;
    assert_int_equal(entc_op_wait(op, -1), ENTC_OK);
    status = entc_op_status(op);
    if (entc_op_take_entities(op, entities, NULL, entc_op_count(op)) != ENTC_OK)
        entc_op_take_pages(op, found, entc_op_count(op));
    entc_entities_unref(entities, 2);
    entc_page_unref(found[0]);
    entc_page_unref(found[1]);
    entc_op_unref(op);
    return status;
}

entc_status operations(struct fixture *f)
{
    const entc_page_args first = ENTC_FIRST(1);
    const entc_value ids[2] = {fixture_id(1), fixture_id(2)};
    entc_call call = ENTC_CALL_INIT;
    entc_op *ops[4] = {NULL, NULL, NULL, NULL};
    entc_status statuses[5];
    int counts[2] = {0, 0}; /* done, accepted with a callback */
    entc_status worst = ENTC_OK;

    call.done = note_done;
    call.user = &counts[0];
    statuses[0] = entc_repository_get_by_id_async(f->campaigns, ids, &call, &ops[0], &f->error);
    statuses[1] = entc_repository_get_many_async(f->campaigns, ids, 2, NULL, &ops[1], &f->error);
    statuses[2] = entc_repository_list_async(f->campaigns, &first, &call, &ops[2], &f->error);
    statuses[3] =
        entc_relation_get_many_async(f->has_events, ids, 1, &first, &call, &ops[3], &f->error);
    statuses[4] = entc_repository_get_by_id_async(f->events, ids, &call, NULL, &f->error);
    for (int i = 0; i < 5; i++)
        counts[1] += i != 1 && statuses[i] == ENTC_OK;
    if (ops[3])
        assert_int_equal(entc_op_cancel(ops[3]), ENTC_OK);
    for (int i = 0; i < 4; i++) {
        const entc_status status = finish(ops[i], statuses[i]);

        if (i < 3 || !scene_is_expected(status))
            worst = worst ? worst : status == ENTC_E_CANCELLED ? ENTC_OK : status;
    }
    fixture_drive_until(f, all_are_done, counts);
    return worst;
}

/* ---- JSON ---- */

entc_status json(struct fixture *f)
{
    static const char one[] = "{\"id\":1,\"title\":\"Campaign 1\"}";
    entc_entity *entities[2] = {NULL, NULL};
    const entc_value id = fixture_id(1);
    entc_buffer *buffer = NULL;
    entc_status status =
        entc_repository_get_by_id(f->campaigns, &id, NULL, &entities[0], &f->error);

    if (!status)
        status = entc_buffer_new(&buffer);
    if (!status)
        status = entc_entity_json(entities[0], buffer);
    if (!status)
        assert_string_equal(entc_buffer_text(buffer), one);
    else if (buffer)
        assert_int_equal(entc_buffer_length(buffer), 0);
    for (int i = 0; i < 200 && !status; i++)
        status = entc_entities_json(entities, 2, buffer);
    if (!status)
        assert_int_equal(entc_buffer_length(buffer), strlen(one) + 200 * (strlen(one) + 7));
    entc_buffer_free(buffer);
    entc_entities_unref(entities, 2);
    return status;
}
