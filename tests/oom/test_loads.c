/* Loading while memory is out: what is loaded is right or says so, and every value of the host is
 * given back. */
#include "attempts.h"

#include <stdlib.h>
#include <string.h>

static entc_status worse(entc_status worst, entc_status status)
{
    return worst ? worst : status;
}

/* ---- a host's loader ---- */

struct books {
    struct fixture *f;
    entc_request *request;
    entc_loader *loader;
    int64_t made;
    int64_t destroyed;
};

static void *make_value(struct books *books, int64_t number)
{
    int64_t *value = malloc(sizeof(*value));

    assert_non_null(value);
    *value = number;
    books->made++;
    return value;
}

static void destroy_value(void *value, void *user)
{
    ((struct books *)user)->destroyed++;
    free(value);
}

static void answer(entc_loader_batch *batch, const entc_value *keys, size_t count, void *user)
{
    struct books *books = user;
    void *values[8];

    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        values[i] = make_value(books, keys[i].as.int64);
    assert_int_equal(entc_loader_batch_resolve(batch, values, NULL, count, NULL), ENTC_OK);
}

static entc_status load_keys(struct books *books, const int64_t *numbers, size_t count)
{
    entc_value keys[8];
    entc_status statuses[8];
    void *values[8];
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    for (size_t i = 0; i < count; i++)
        keys[i] = fixture_id(numbers[i]);
    status = entc_loader_load_many(books->loader, keys, count, NULL, &op, &books->f->error);
    if (status)
        return status;
    assert_int_equal(entc_op_wait(op, -1), ENTC_OK);
    status = entc_op_values(op, values, statuses, count);
    for (size_t i = 0; i < count; i++) {
        status = worse(status, statuses[i]);
        if (!statuses[i])
            assert_int_equal(*(int64_t *)values[i], numbers[i]);
    }
    entc_op_unref(op);
    return status;
}

static entc_status prime_keys(struct books *books)
{
    const entc_value known = fixture_id(100);
    const entc_value pending = fixture_id(101);
    const int64_t numbers[2] = {100, 101};
    entc_loader_batch *batch = NULL;
    void *value = NULL;
    entc_status status =
        entc_loader_prime(books->loader, &known, make_value(books, 100), ENTC_OK, &books->f->error);

    if (status)
        return status;
    status = entc_loader_prime_pending(books->loader, &pending, &batch, &books->f->error);
    if (status)
        return status;
    value = make_value(books, 101);
    status = entc_loader_batch_resolve(batch, &value, NULL, 1, NULL);
    return worse(status, load_keys(books, numbers, 2));
}

static entc_status use_books(struct books *books)
{
    static const int64_t some[] = {1, 2, 1, 3};
    static const int64_t more[] = {3, 4, 5};
    const entc_value key = fixture_id(1);
    entc_status status = load_keys(books, some, 4);

    status = worse(status, load_keys(books, more, 3));
    status = worse(status, entc_loader_clear(books->loader, &key, NULL));
    status = worse(status, load_keys(books, some, 4));
    return worse(status, prime_keys(books));
}

static entc_status host_loads(struct fixture *f)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct books books = {.f = f};
    entc_status status = entc_request_new(f->engine, NULL, &books.request, &f->error);

    options.destroy = destroy_value;
    options.max_batch = 3;
    if (!status)
        status = entc_loader_new(books.request, answer, &books, &options, &books.loader, &f->error);
    if (!status)
        status = use_books(&books);
    entc_loader_free(books.loader);
    entc_request_free(books.request);
    assert_int_equal(entc_engine_process(f->engine), ENTC_OK);
    assert_int_equal(entc_engine_process(f->engine), ENTC_OK);
    assert_true(books.made == books.destroyed);
    return status;
}

/* ---- the request's loaders ---- */

static entc_status get_campaign(struct fixture *f, entc_request *request, int64_t id)
{
    const entc_value key = fixture_id(id);
    entc_entity *entity = NULL;
    const entc_status status =
        entc_request_get_by_id(request, f->campaigns, &key, &entity, &f->error);

    assert_true((entity != NULL) == (status == ENTC_OK));
    if (entity)
        fixture_assert_campaign(entity, id);
    entc_entity_unref(entity);
    return status == ENTC_E_NOT_FOUND && id == 999 ? ENTC_OK : status;
}

static entc_status get_events(struct fixture *f, entc_request *request, int64_t id)
{
    const entc_order order[] = {{"title", 0, 0}};
    entc_page_args args = ENTC_FIRST(2);
    const entc_value key = fixture_id(id);
    entc_page *page = NULL;
    entc_status status = ENTC_OK;

    args.order = order;
    args.order_count = 1;
    args.order_size = sizeof(order[0]);
    status = entc_request_children(request, f->has_events, &key, &args, &page, &f->error);
    assert_true((page != NULL) == (status == ENTC_OK));
    for (size_t i = 0; i < entc_page_count(page); i++)
        status = worse(status, entc_page_status(page, i));
    entc_page_unref(page);
    return status;
}

static entc_status request_loads(struct fixture *f)
{
    entc_request *request = NULL;
    entc_status status = entc_request_new(f->engine, NULL, &request, &f->error);

    if (!status)
        status = get_campaign(f, request, 1);
    if (!status)
        status = get_campaign(f, request, 1);
    if (!status)
        status = get_campaign(f, request, 999);
    if (!status)
        status = get_events(f, request, 1);
    if (!status)
        status = get_events(f, request, 1);
    entc_request_free(request);
    return status;
}

/* Without memory for peers it costs more, and nothing else. */
static entc_status get_related(struct fixture *f, entc_request *request, const entc_page *campaigns,
                               size_t index)
{
    const entc_page_args two = ENTC_FIRST(2);
    const entc_entity *campaign = entc_page_entity(campaigns, index);
    entc_page *page = NULL;
    entc_status status = ENTC_OK;

    if (!campaign)
        return entc_page_status(campaigns, index);
    status = entc_request_related(request, f->has_events, campaign, &two, &page, &f->error);
    assert_true((page != NULL) == (status == ENTC_OK));
    for (size_t i = 0; i < entc_page_count(page); i++)
        status = worse(status, entc_page_status(page, i));
    entc_page_unref(page);
    return status;
}

static entc_status peers_load(struct fixture *f)
{
    const entc_page_args three = ENTC_FIRST(3);
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;
    entc_request *request = NULL;
    entc_page *campaigns = NULL;
    entc_status status = ENTC_OK;

    options.peers = 1;
    status = entc_request_new(f->engine, &options, &request, &f->error);
    if (!status)
        status = entc_request_list(request, f->campaigns, &three, &campaigns, &f->error);
    for (size_t i = 0; i < entc_page_count(campaigns) && !status; i++)
        status = get_related(f, request, campaigns, i);
    entc_page_unref(campaigns);
    entc_request_free(request);
    return status;
}

/* Nothing of it is ever sent. */
static entc_status loads_that_are_dropped(struct fixture *f)
{
    const entc_value key = fixture_id(1);
    entc_request *request = NULL;
    entc_loader *loader = NULL;
    entc_op *op = NULL;
    entc_status status = entc_request_new(f->engine, NULL, &request, &f->error);

    if (!status)
        status = entc_request_loader(request, f->campaigns, &loader, &f->error);
    if (!status)
        status = entc_loader_load(loader, &key, NULL, &op, &f->error);
    entc_request_free(request);
    if (op) {
        assert_int_equal(entc_op_wait(op, -1), ENTC_OK);
        assert_true(entc_op_status(op) == ENTC_E_CANCELLED ||
                    entc_op_status(op) == ENTC_E_NO_MEMORY);
        if (entc_op_status(op) == ENTC_E_NO_MEMORY)
            status = ENTC_E_NO_MEMORY;
    }
    entc_op_unref(op);
    return status;
}

SCENE(loads_of_a_host, scene_play, NULL, host_loads)
SCENE(loads_of_a_request, scene_play, cold_cache, request_loads)
SCENE(loads_of_peers, scene_play, cold_cache, peers_load)
SCENE(loads_that_nobody_waits_for, scene_play, NULL, loads_that_are_dropped)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(loads_of_a_host),
        IN_BOTH_DRIVES(loads_of_a_request),
        IN_BOTH_DRIVES(loads_of_peers),
        IN_BOTH_DRIVES(loads_that_nobody_waits_for),
    };

    return cmocka_run_group_tests(tests, scene_start, fixture_stop);
}
