/* Loads that are made by what other loads brought. Nothing here may be helped by a timer: the
 * patience of every request is a day. */
#include "loading.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NO_TIMER_US (INT64_C(24) * 3600 * 1000000)

static void open_without_timer(struct loading *it, struct fixture *f)
{
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;

    memset(it, 0, sizeof(*it));
    it->f = f;
    options.patience_us = NO_TIMER_US;
    assert_ok(f, entc_request_new(f->engine, &options, &it->request, &f->error));
    loading_open_in(it, it, NULL);
}

/* ---- deep and wide ---- */

#define WIDTH 10000
#define DEPTH 10

struct chains {
    struct fixture *f;
    entc_request *request;
    entc_loader *loader;
    size_t batches;
    size_t keys;
    size_t ended;
    bool keeps;           /* the operations, to wait for them */
    entc_op *next[WIDTH]; /* the last one of each chain */
};

struct link {
    struct chains *chains;
    int64_t number; /* level * WIDTH + place */
};

static void answer_all(entc_loader_batch *batch, const entc_value *keys, size_t count, void *user)
{
    struct chains *it = user;
    void **values = calloc(count, sizeof(*values));

    assert_non_null(values);
    it->batches++;
    it->keys += count;
    (void)keys;
    assert_ok(it->f, entc_loader_batch_resolve(batch, values, NULL, count, &it->f->error));
    free(values);
}

static void load_next(entc_op *op, void *user);

static void load_link(struct chains *it, struct link link)
{
    struct link *mine = malloc(sizeof(*mine));
    entc_value key = fixture_id(link.number);
    entc_call call = ENTC_CALL_INIT;

    assert_non_null(mine);
    *mine = link;
    call.done = load_next;
    call.user = mine;
    assert_ok(it->f,
              entc_loader_load(it->loader, &key, &call,
                               it->keeps ? &it->next[link.number % WIDTH] : NULL, &it->f->error));
}

static void load_next(entc_op *op, void *user)
{
    struct link link = *(struct link *)user;
    struct chains *it = link.chains;

    free(user);
    assert_int_equal(entc_op_status(op), ENTC_OK);
    it->ended++;
    link.number += WIDTH;
    if (link.number < DEPTH * WIDTH)
        load_link(it, link);
}

static struct chains *begin_chains(struct fixture *f, bool keeps)
{
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;
    entc_loader_options loader = ENTC_LOADER_OPTIONS_INIT;
    struct chains *it = calloc(1, sizeof(*it));

    assert_non_null(it);
    it->f = f;
    it->keeps = keeps;
    options.patience_us = NO_TIMER_US;
    loader.max_batch = DEPTH * WIDTH;
    assert_ok(f, entc_request_new(f->engine, &options, &it->request, &f->error));
    assert_ok(f, entc_loader_new(it->request, answer_all, it, &loader, &it->loader, &f->error));
    for (int64_t i = 0; i < WIDTH; i++)
        load_link(it, (struct link){it, i});
    return it;
}

static void end_chains(struct chains *it)
{
    assert_int_equal(it->ended, DEPTH * WIDTH);
    assert_int_equal(it->keys, DEPTH * WIDTH);
    assert_int_equal(it->batches, DEPTH);
    entc_loader_free(it->loader);
    entc_request_free(it->request);
    free(it);
}

static bool all_ended(void *context)
{
    return ((struct chains *)context)->ended == DEPTH * WIDTH;
}

static void ten_thousand_loads_ten_levels_deep_are_one_batch_per_level_by_process(void **state)
{
    struct chains *it = begin_chains(*state, false);

    fixture_drive_until(it->f, all_ended, it);
    end_chains(it);
}

static void ten_thousand_loads_ten_levels_deep_are_one_batch_per_level_by_waits(void **state)
{
    struct chains *it = begin_chains(*state, true);
    entc_op **ops = calloc(WIDTH, sizeof(entc_op *));

    assert_non_null(ops);
    for (size_t level = 0; level < DEPTH; level++) {
        memcpy(ops, it->next, WIDTH * sizeof(entc_op *));
        for (size_t i = 0; i < WIDTH; i++) {
            /* Its callback makes the next load of its chain. */
            assert_ok(it->f, entc_op_wait(ops[i], -1));
            entc_op_unref(ops[i]);
        }
    }
    free(ops);
    end_chains(it);
}

/* ---- loaders that load ---- */

struct parent {
    struct loading noted;
    struct loading *child;
    entc_loader_batch *batch;
};

static void answer_parent(entc_op *op, void *user)
{
    struct parent *it = user;
    void *child = NULL;
    void *value = NULL;

    assert_int_equal(entc_op_value(op, &child), ENTC_OK);
    value = loading_value(&it->noted, *(int64_t *)child + 1);
    assert_ok(it->noted.f,
              entc_loader_batch_resolve(it->batch, &value, NULL, 1, &it->noted.f->error));
}

/* The value of a parent's key is one more than that of the child's. */
static void ask_child(entc_loader_batch *batch, const entc_value *keys, size_t count, void *user)
{
    struct parent *it = user;
    entc_call call = ENTC_CALL_INIT;

    assert_int_equal(count, 1);
    it->batch = batch;
    call.done = answer_parent;
    call.user = it;
    assert_ok(it->noted.f,
              entc_loader_load(it->child->loader, &keys[0], &call, NULL, &it->noted.f->error));
}

static void open_parent(struct parent *it, struct loading *child)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;

    memset(it, 0, sizeof(*it));
    it->noted.f = child->f;
    it->child = child;
    options.destroy = loading_destroy;
    assert_ok(child->f, entc_loader_new(child->request, ask_child, it, &options, &it->noted.loader,
                                        &child->f->error));
}

static bool both_are_done(void *context)
{
    entc_op **ops = context;

    return entc_op_status(ops[0]) != ENTC_E_AGAIN && entc_op_status(ops[1]) != ENTC_E_AGAIN;
}

static void a_loader_called_from_batches_joins_the_batches_of_both_parents(void **state)
{
    struct loading child;
    struct parent parents[2];
    entc_op *ops[2];

    open_without_timer(&child, *state);
    for (size_t i = 0; i < 2; i++) {
        open_parent(&parents[i], &child);
        ops[i] = loading_load(&parents[i].noted, (int64_t)i + 1);
    }
    fixture_drive_until(child.f, both_are_done, ops);
    for (size_t i = 0; i < 2; i++)
        loading_assert_value(&parents[i].noted, ops[i], ((int64_t)i + 1) * 10 + 1);
    assert_int_equal(child.batch_count, 1);
    loading_assert_batch(&child, 0, KEYS(1, 2));
    for (size_t i = 0; i < 2; i++)
        loading_close(&parents[i].noted);
    loading_close(&child);
}

static entc_op *the_inner_load;

static void load_again(struct loading *it)
{
    it->inside = NULL;
    the_inner_load = loading_load(it, 2);
}

static void a_load_made_inside_the_batch_function_is_sent_by_who_waits_for_it(void **state)
{
    struct loading it;

    open_without_timer(&it, *state);
    it.inside = load_again;
    loading_assert_loads(&it, 1);
    loading_assert_value(&it, the_inner_load, 20);
    assert_int_equal(it.batch_count, 2);
    loading_close(&it);
}

/* ---- answers of other threads ---- */

static void *resolve_in_thread(void *argument)
{
    struct loading *it = argument;
    int64_t *value = malloc(sizeof(*value));
    void *values[1] = {value};

    *value = it->keys[0][0] * 10;
    it->made++;
    return entc_loader_batch_resolve(it->held[0], values, NULL, 1, NULL) == ENTC_OK ? NULL : it;
}

static pthread_t the_thread;

static void answer_in_thread(struct loading *it)
{
    assert_int_equal(pthread_create(&the_thread, NULL, resolve_in_thread, it), 0);
}

static void a_batch_may_be_answered_later_by_another_thread(void **state)
{
    struct loading it;
    void *failed = NULL;

    open_without_timer(&it, *state);
    it.answer = LOADING_LATER;
    it.inside = answer_in_thread;
    loading_assert_loads(&it, 1);
    assert_int_equal(pthread_join(the_thread, &failed), 0);
    assert_null(failed);
    loading_close(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(ten_thousand_loads_ten_levels_deep_are_one_batch_per_level_by_process),
        IN_BOTH_DRIVES(ten_thousand_loads_ten_levels_deep_are_one_batch_per_level_by_waits),
        IN_BOTH_DRIVES(a_loader_called_from_batches_joins_the_batches_of_both_parents),
        IN_BOTH_DRIVES(a_load_made_inside_the_batch_function_is_sent_by_who_waits_for_it),
        IN_BOTH_DRIVES(a_batch_may_be_answered_later_by_another_thread),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
