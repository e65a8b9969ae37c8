/* Proves that many threads may read through one repository at once, and close it meanwhile: every
 * call ends, each answer is right, nothing is lost. Meant for the thread sanitizer. */
#include "world.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS 200
#define IDS 40

struct reader {
    struct world *world;
    pthread_t thread;
    uint64_t seed;
    size_t good;
    size_t closed;
    size_t wrong;
};

static uint64_t next(struct reader *reader)
{
    reader->seed = reader->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return reader->seed >> 33;
}

/* Odd ids exist. */
static bool is_right(entc_op *op, const entc_value *ids, size_t count)
{
    entc_entity *entities[8];
    entc_status statuses[8];
    bool is_good = repository_op_take(op, entities, statuses, count) == ENTC_OK;

    for (size_t i = 0; i < count; i++) {
        int64_t id = ids[i].as.int64;
        const struct user *user = entities[i] ? entity_record(entities[i]) : NULL;

        if (id % 2 == 1 ? !user || user->id != id : statuses[i] != ENTC_E_NOT_FOUND)
            is_good = false;
        entity_unref(entities[i]);
    }
    return is_good;
}

static void read_once(struct reader *reader)
{
    const struct repository_call call = world_call(NULL);
    size_t count = 1 + next(reader) % 8;
    entc_value ids[8];
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    for (size_t i = 0; i < count; i++)
        world_value(&ids[i], (int64_t)(next(reader) % IDS));
    status = repository_get_many(reader->world->users, ids, count, &call, &op, NULL);
    if (status == ENTC_OK) {
        if (next(reader) % 16 == 0)
            engine_op_cancel(op);
        engine_op_wait(op, -1);
        status = op->status;
    }
    if (status == ENTC_E_CLOSED)
        reader->closed++;
    else if (status == ENTC_E_CANCELLED || (status == ENTC_OK && is_right(op, ids, count)))
        reader->good++;
    else
        reader->wrong++;
    engine_op_unref(op);
}

static void *read_many(void *context)
{
    struct reader *reader = context;

    for (size_t i = 0; i < ROUNDS; i++)
        read_once(reader);
    return NULL;
}

static void run(struct world *world, bool is_closed_meanwhile)
{
    struct reader readers[THREADS];
    size_t good = 0;

    world->services->redis_timeout_us = WORLD_TIMEOUT_US;
    for (int64_t id = 1; id < IDS; id += 2)
        fake_db_put(&world->db, "users", id, "row", 0);
    for (size_t i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.world = world, .seed = i + 1};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_many, &readers[i]), 0);
    }
    if (is_closed_meanwhile)
        repository_close(world->users);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].wrong, 0);
        assert_int_equal(readers[i].good + readers[i].closed, ROUNDS);
        good += readers[i].good;
    }
    if (!is_closed_meanwhile)
        assert_int_equal(good, THREADS * ROUNDS);
    world_free(world);
}

static void many_threads_read_at_once_and_each_answer_is_right(void **state)
{
    (void)state;
    run(world_new_waiters(), false);
}

static void a_repository_may_be_closed_while_threads_read(void **state)
{
    (void)state;
    run(world_new_waiters(), true);
}

static void *resolve(void *context)
{
    entc_op *op = context;
    entc_entity *entities[2] = {NULL, NULL};

    return repository_host_op_resolve(op, entities, NULL, 2) == ENTC_OK ? context : NULL;
}

static void of_many_threads_that_resolve_one_is_heard(void **state)
{
    struct world *world = world_new_waiters();

    (void)state;
    for (size_t round = 0; round < 50; round++) {
        const struct repository_call call = world_call(NULL);
        pthread_t threads[THREADS];
        size_t heard = 0;
        entc_op *op = NULL;

        assert_int_equal(repository_host_op_new(world->engine, 2, &call, &op, NULL), ENTC_OK);
        for (size_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, resolve, op), 0);
        assert_int_equal(engine_op_wait(op, -1), ENTC_OK);
        for (size_t i = 0; i < THREADS; i++) {
            void *result = NULL;

            pthread_join(threads[i], &result);
            heard += result != NULL;
        }
        assert_int_equal(heard, 1);
        assert_slot(op, 1, ENTC_E_NOT_FOUND);
        engine_op_unref(op);
    }
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_read_at_once_and_each_answer_is_right),
        cmocka_unit_test(a_repository_may_be_closed_while_threads_read),
        cmocka_unit_test(of_many_threads_that_resolve_one_is_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
