/* Loaders in a forked child: every call says so, what is freed there gives the child's copies of
 * the host's values back, and the parent does not notice. */
#include "loading.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static entc_op *under_way;

/* The child writes nothing down: its exit status is the number of the check that failed. It ends by
 * exec, because what was under way in the parent cannot be freed by the child. */
static int calls_in_child(struct loading *it)
{
    const entc_value key = fixture_id(1);
    entc_loader *loader = NULL;
    entc_loader_batch *batch = NULL;
    entc_op *op = NULL;
    void *value = loading_value(it, 1);

    if (entc_loader_load(it->loader, &key, NULL, &op, NULL) != ENTC_E_FORKED || op)
        return 1;
    if (entc_loader_load_many(it->loader, &key, 1, NULL, &op, NULL) != ENTC_E_FORKED || op)
        return 2;
    if (entc_loader_new(it->request, loading_batch, it, NULL, &loader, NULL) != ENTC_E_FORKED)
        return 3;
    if (entc_request_loader(it->request, it->f->campaigns, &loader, NULL) != ENTC_E_FORKED)
        return 4;
    if (entc_loader_prime_pending(it->loader, &key, &batch, NULL) != ENTC_E_FORKED || batch)
        return 5;
    if (entc_loader_prime(it->loader, &key, value, ENTC_OK, NULL) != ENTC_E_FORKED ||
        it->destroyed != 1)
        return 6;
    if (entc_loader_batch_resolve(it->held[0], NULL, NULL, 0, NULL) != ENTC_E_FORKED)
        return 7;
    if (entc_loader_batch_reject(it->held[0], ENTC_E_BUSY, NULL, NULL) != ENTC_E_FORKED)
        return 8;
    if (entc_loader_dispatch(it->loader) != ENTC_E_FORKED ||
        entc_request_dispatch(it->request) != ENTC_E_FORKED)
        return 9;
    if (entc_request_enter(it->request) != ENTC_E_FORKED ||
        entc_request_leave(it->request) != ENTC_E_FORKED)
        return 10;
    return 0;
}

static int frees_in_child(struct loading *it)
{
    entc_request_free(it->request);
    entc_loader_free(it->loader);
    entc_op_unref(under_way);
    fixture_free_engine(it->f);
    /* The one that is remembered. */
    return it->destroyed == 1 ? 0 : 20;
}

static void in_child(struct loading *it, int (*work)(struct loading *it))
{
    int status = 0;
    pid_t pid = 0;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        status = work(it);
        if (status == 0)
            execlp("true", "true", (char *)NULL);
        _exit(status);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* One value is remembered, one batch is with the host, one load is not sent. */
static entc_op *prepare(struct loading *it, struct fixture *f)
{
    entc_op *sent = NULL;

    loading_open(it, f, NULL);
    loading_assert_loads(it, 5);
    it->batch_count = 0;
    it->answer = LOADING_LATER;
    sent = loading_load(it, 1);
    assert_ok(f, entc_engine_process(f->engine));
    assert_int_equal(it->batch_count, 1);
    under_way = loading_load(it, 2);
    return sent;
}

static void finish_in_parent(struct loading *it, entc_op *sent)
{
    it->answer = LOADING_NOW;
    assert_ok(it->f, loading_resolve(it, 0));
    loading_assert_value(it, sent, 10);
    loading_assert_value(it, under_way, 20);
    loading_assert_loads(it, 5);
    loading_close(it);
}

static void every_call_of_a_loader_in_a_child_says_that_it_was_forked(void **state)
{
    struct loading it;
    entc_op *sent = prepare(&it, *state);

    in_child(&it, calls_in_child);
    finish_in_parent(&it, sent);
}

static void loaders_that_a_child_frees_do_not_disturb_the_parent(void **state)
{
    struct loading it;
    entc_op *sent = prepare(&it, *state);

    in_child(&it, frees_in_child);
    finish_in_parent(&it, sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(every_call_of_a_loader_in_a_child_says_that_it_was_forked),
        IN_BOTH_DRIVES(loaders_that_a_child_frees_do_not_disturb_the_parent),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
