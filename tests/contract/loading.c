/* The noting batch function, and checks of what it noted. */
#include "loading.h"

#include <stdlib.h>
#include <string.h>

void loading_open(struct loading *it, struct fixture *f, const entc_loader_options *options)
{
    memset(it, 0, sizeof(*it));
    it->f = f;
    assert_ok(f, entc_request_new(f->engine, NULL, &it->request, &f->error));
    loading_open_in(it, it, options);
}

void loading_open_in(struct loading *it, struct loading *first, const entc_loader_options *options)
{
    entc_loader_options mine = ENTC_LOADER_OPTIONS_INIT;

    if (it != first) {
        memset(it, 0, sizeof(*it));
        it->f = first->f;
    }
    if (options)
        mine = *options;
    mine.destroy = loading_destroy;
    assert_ok(first->f, entc_loader_new(first->request, loading_batch, it, &mine, &it->loader,
                                        &first->f->error));
}

void loading_close(struct loading *it)
{
    entc_loader_free(it->loader);
    entc_request_free(it->request);
    /* What is left is let go by whoever drives next. */
    assert_ok(it->f, entc_engine_process(it->f->engine));
    assert_ok(it->f, entc_engine_process(it->f->engine));
    assert_int_equal(it->destroyed, it->made);
}

int64_t *loading_value(struct loading *it, int64_t number)
{
    int64_t *value = malloc(sizeof(*value));

    assert_non_null(value);
    *value = number;
    it->made++;
    return value;
}

void loading_destroy(void *value, void *user)
{
    struct loading *it = user;

    it->destroyed++;
    free(value);
}

static int64_t number_of(const entc_value *key)
{
    return key->type == ENTC_INT64 ? key->as.int64 : key->as.text[0];
}

static entc_status answer(struct loading *it, entc_loader_batch *batch, size_t noted, bool odd_fail)
{
    void *values[LOADING_KEYS] = {NULL};
    entc_status statuses[LOADING_KEYS] = {ENTC_OK};

    for (size_t i = 0; i < it->key_counts[noted]; i++) {
        statuses[i] = odd_fail && it->keys[noted][i] % 2 ? ENTC_E_DATABASE : ENTC_OK;
        if (!statuses[i])
            values[i] = loading_value(it, it->keys[noted][i] * 10);
    }
    return entc_loader_batch_resolve(batch, values, statuses, it->key_counts[noted], &it->f->error);
}

entc_status loading_resolve(struct loading *it, size_t batch)
{
    return answer(it, it->held[batch], batch, false);
}

void loading_batch(entc_loader_batch *batch, const entc_value *keys, size_t count, void *user)
{
    struct loading *it = user;
    size_t noted = it->batch_count++;

    assert_true(noted < LOADING_BATCHES && count <= LOADING_KEYS);
    it->key_counts[noted] = count;
    it->held[noted] = batch;
    for (size_t i = 0; i < count; i++)
        it->keys[noted][i] = number_of(&keys[i]);
    if (it->inside)
        it->inside(it);
    if (it->answer == LOADING_NOW || it->answer == LOADING_ODD_FAIL)
        assert_ok(it->f, answer(it, batch, noted, it->answer == LOADING_ODD_FAIL));
    if (it->answer == LOADING_REJECT)
        assert_ok(it->f, entc_loader_batch_reject(batch, ENTC_E_UNAVAILABLE, "the shop is shut",
                                                  &it->f->error));
}

entc_op *loading_load(struct loading *it, int64_t key)
{
    entc_value value = fixture_id(key);
    entc_op *op = NULL;

    assert_ok(it->f, entc_loader_load(it->loader, &value, NULL, &op, &it->f->error));
    assert_non_null(op);
    return op;
}

void loading_assert_value(struct loading *it, entc_op *op, int64_t number)
{
    void *value = NULL;

    assert_ok(it->f, entc_op_wait(op, -1));
    assert_int_equal(entc_op_status(op), ENTC_OK);
    assert_int_equal(entc_op_value(op, &value), ENTC_OK);
    assert_non_null(value);
    assert_int_equal(*(int64_t *)value, number);
    entc_op_unref(op);
}

void loading_assert_status(struct loading *it, entc_op *op, entc_status status, const char *says)
{
    void *value = &value;

    assert_ok(it->f, entc_op_wait(op, -1));
    assert_int_equal(entc_op_status(op), status);
    assert_int_equal(entc_op_value(op, &value), status);
    assert_null(value);
    if (says)
        fixture_assert_says(entc_error_message(entc_op_error(op)), says);
    entc_op_unref(op);
}

void loading_assert_loads(struct loading *it, int64_t key)
{
    loading_assert_value(it, loading_load(it, key), key * 10);
}

void loading_assert_batch(const struct loading *it, size_t batch, size_t count, const int64_t *keys)
{
    assert_true(batch < it->batch_count);
    assert_int_equal(it->key_counts[batch], count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(it->keys[batch][i], keys[i]);
}
