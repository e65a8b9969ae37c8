/* fork(): the child is told so by every call, its frees do not disturb the parent, and it makes an
 * engine of its own. The child writes its failures down, because cmocka is the parent's, and ends
 * by exec: what was under way in the parent cannot be freed by the child, and valgrind would mind.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `work` in a child; fails the test with the lines that it complained about. */
static void in_child(struct fixture *f, void (*work)(struct fixture *f, FILE *complaints))
{
    FILE *complaints = tmpfile();
    char text[1024] = "";
    int status = 0;
    pid_t pid = 0;

    assert_non_null(complaints);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        work(f, complaints);
        fflush(complaints);
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rewind(complaints);
    if (fread(text, 1, sizeof(text) - 1, complaints) > 0 || status != 0)
        fail_msg("in the child (status %d): %s", status, text);
    fclose(complaints);
}

#define EXPECT(condition)                                               \
    do {                                                                \
        if (!(condition))                                               \
            fprintf(complaints, "line %d: %s\n", __LINE__, #condition); \
    } while (0)

static entc_op *under_way;
static entc_entity *held;
static entc_page *page_held;
static entc_request *request_held;

static void call_everything(struct fixture *f, FILE *complaints)
{
    const entc_page_args first = ENTC_FIRST(2);
    entc_value id;
    entc_entity *entity = NULL;
    entc_entity *entities[1] = {NULL};
    entc_status statuses[1] = {ENTC_OK};
    entc_page *page = NULL;
    entc_op *op = NULL;
    entc_request *request = NULL;
    BaseCacheRepository *repository = NULL;
    entc_relation *relation = NULL;
    entc_error *error = NULL;

    entc_value_int64(&id, 1);
    EXPECT(entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, &error) == ENTC_E_FORKED);
    EXPECT(strstr(entc_error_message(error), "parent") != NULL);
    EXPECT(strstr(entc_error_hint(error), "fork") != NULL);
    EXPECT(entc_repository_get_by_id_async(f->campaigns, &id, NULL, &op, &error) == ENTC_E_FORKED);
    EXPECT(entc_repository_get_many(f->campaigns, &id, 1, NULL, entities, statuses, &error) ==
           ENTC_E_FORKED);
    EXPECT(entities[0] == NULL && statuses[0] == ENTC_E_FORKED);
    EXPECT(entc_repository_list(f->campaigns, &first, NULL, &page, &error) == ENTC_E_FORKED);
    EXPECT(entc_relation_get_many(f->has_events, &id, 1, &first, NULL, &page, NULL, &error) ==
           ENTC_E_FORKED);
    EXPECT(entc_request_new(f->engine, NULL, &request, &error) == ENTC_E_FORKED);
    /* What the request cost until the fork may still be read. */
    EXPECT(entc_request_report(request_held) && entc_request_report_text(request_held));
    EXPECT(entc_request_assert_max_queries(request_held, 2, &error) == ENTC_OK);
    EXPECT(entc_op_new(f->engine, 1, NULL, &op, &error) == ENTC_E_FORKED);
    EXPECT(entc_repository_new(f->engine, &fixture_event_table, &fixture_event, NULL, &repository,
                               &error) == ENTC_E_FORKED);
    EXPECT(entc_relation_new(f->campaigns, f->events, &fixture_has_events, &relation, &error) ==
           ENTC_E_FORKED);
    EXPECT(entc_engine_process(f->engine) == ENTC_E_FORKED);
    EXPECT(entc_engine_close(f->engine, 0) == ENTC_E_FORKED);
    EXPECT(entc_op_wait(under_way, -1) == ENTC_E_FORKED);
    EXPECT(entc_op_cancel(under_way) == ENTC_E_FORKED);
    EXPECT(entc_op_status(under_way) == ENTC_E_AGAIN);
    EXPECT(!entity && !page && !op && !request && !repository && !relation);
    entc_error_free(error);
}

/* Sockets, and what an engine waits with. The lock of the test is a socket too. */
static int count_descriptors(void)
{
    int count = 0;

    for (int fd = 3; fd < 256; fd++) {
        char path[64];
        char target[64] = "";

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof(target) - 1) > 0)
            count += strncmp(target, "socket:", 7) == 0 || strncmp(target, "anon_inode:", 11) == 0;
    }
    return count;
}

static void expect_no_descriptors(struct fixture *f, FILE *complaints)
{
    int of_locks = 0;

    for (size_t i = 0; i < FIXTURE_LOCKS; i++)
        of_locks += f->locks[i] != NULL;
    EXPECT(count_descriptors() == of_locks);
}

static void free_everything(struct fixture *f, FILE *complaints)
{
    EXPECT(((const Campaign *)entc_entity_record(held))->id == 1);
    EXPECT(entc_page_count(page_held) == 2);
    entc_entity_unref(held);
    entc_page_unref(page_held);
    entc_op_unref(under_way);
    entc_request_free(request_held);
    fixture_free_engine(f);
    entc_error_free(f->error);
    expect_no_descriptors(f, complaints);
}

static void free_the_engine_first(struct fixture *f, FILE *complaints)
{
    entc_engine_free(f->engine);
    entc_repository_free(f->campaigns);
    entc_repository_free(f->events);
    entc_relation_free(f->has_events);
    entc_request_free(request_held);
    entc_op_unref(under_way);
    EXPECT(((const Campaign *)entc_entity_record(held))->id == 1);
    entc_entity_unref(held);
    entc_page_unref(page_held);
    expect_no_descriptors(f, complaints);
}

static void use_an_engine_of_its_own(struct fixture *f, FILE *complaints)
{
    struct fixture mine = *f;
    entc_value id;
    entc_entity *entity = NULL;

    mine.engine = NULL;
    EXPECT(entc_engine_new(&f->options, &mine.engine, NULL) == ENTC_OK);
    EXPECT(entc_repository_new(mine.engine, &fixture_campaign_table, &fixture_campaign, NULL,
                               &mine.campaigns, NULL) == ENTC_OK);
    for (int64_t i = 1; i <= FIXTURE_CAMPAIGNS; i++) {
        entc_value_int64(&id, i);
        EXPECT(entc_repository_get_by_id(mine.campaigns, &id, NULL, &entity, NULL) == ENTC_OK);
        EXPECT(((const Campaign *)entc_entity_record(entity))->id == i);
        entc_entity_unref(entity);
    }
    entc_repository_free(mine.campaigns);
    entc_engine_free(mine.engine);
    free_everything(f, complaints);
}

/* ---- tests ---- */

/* Everything that a child can inherit: connections, results and, when busy, an operation that waits
 * for a lock; it keeps the child's engine from being freed to the ground. */
static void *prepare(struct fixture *f, bool is_busy)
{
    const entc_page_args first = ENTC_FIRST(2);
    entc_value id = fixture_id(101);
    void *lock = NULL;

    held = fixture_get(f, f->campaigns, 1);
    assert_ok(f, entc_request_new(f->engine, NULL, &request_held, &f->error));
    assert_ok(f, entc_request_list(request_held, f->campaigns, &first, &page_held, &f->error));
    /* Its answer comes behind those to the fills, so nothing is under way any more. */
    entc_entity_unref(fixture_get(f, f->campaigns, 1));
    under_way = NULL;
    if (!is_busy)
        return NULL;
    lock = fixture_lock(f, "events");
    assert_ok(f, entc_repository_get_by_id_async(f->events, &id, NULL, &under_way, &f->error));
    fixture_await_locked(f, 1);
    return lock;
}

static char *backends_of(struct fixture *f)
{
    return test_postgres_text(&f->postgres,
                              "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity"
                              " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                              " AND application_name <> 'entc-test'");
}

static char *clients_of(struct fixture *f)
{
    redisReply *reply = test_redis_command(&f->redis, "CLIENT LIST");
    const char *line = reply->str;
    char *ids = calloc(1, (size_t)reply->len + 1);

    /* The last one is the question's own. */
    while (strchr(line, '\n') && strchr(strchr(line, '\n') + 1, '\n')) {
        strncat(ids, line, strcspn(line, " "));
        line = strchr(line, '\n') + 1;
    }
    freeReplyObject(reply);
    return ids;
}

/* The parent's operation goes on, on the same connections. */
static void assert_undisturbed(struct fixture *f, void *lock, const char *backends,
                               const char *clients)
{
    entc_entity *entity = NULL;
    char *now = NULL;

    if (lock) {
        fixture_unlock(lock);
        assert_ok(f, entc_op_wait(under_way, -1));
        assert_ok(f, entc_op_take_entity(under_way, &entity));
        fixture_assert_event(entity, 101);
        entc_entity_unref(entity);
        entc_op_unref(under_way);
    }
    fixture_assert_campaign(held, 1);
    entc_entity_unref(held);
    entc_page_unref(page_held);
    entc_request_free(request_held);
    for (int64_t id = 1; id <= FIXTURE_CAMPAIGNS; id++)
        entc_entity_unref(fixture_get(f, f->campaigns, id));
    assert_int_equal(fixture_counters(f).redis_failures, 0);
    assert_int_equal(fixture_counters(f).errors, 0);
    now = backends_of(f);
    assert_string_equal(now, backends);
    free(now);
    now = clients_of(f);
    assert_string_equal(now, clients);
    free(now);
}

static void fork_and_go_on(struct fixture *f, bool is_busy,
                           void (*work)(struct fixture *f, FILE *complaints))
{
    void *lock = prepare(f, is_busy);
    char *backends = backends_of(f);
    char *clients = clients_of(f);

    assert_non_null(backends);
    assert_non_null(clients);
    in_child(f, work);
    assert_undisturbed(f, lock, backends, clients);
    free(backends);
    free(clients);
}

static void every_call_in_a_child_says_that_it_was_forked(void **state)
{
    fork_and_go_on(*state, true, call_everything);
}

static void what_a_child_frees_does_not_disturb_the_parent(void **state)
{
    fork_and_go_on(*state, false, free_everything);
    fork_and_go_on(*state, true, free_everything);
}

static void a_child_frees_in_any_order(void **state)
{
    fork_and_go_on(*state, false, free_the_engine_first);
    fork_and_go_on(*state, true, free_the_engine_first);
}

static void a_child_makes_an_engine_of_its_own(void **state)
{
    fork_and_go_on(*state, false, use_an_engine_of_its_own);
    fork_and_go_on(*state, true, use_an_engine_of_its_own);
}

static void one_child_after_the_other_does_no_harm(void **state)
{
    struct fixture *f = *state;
    void *lock = prepare(f, true);
    char *backends = backends_of(f);
    char *clients = clients_of(f);

    for (int i = 0; i < 10; i++)
        in_child(f, i % 2 ? free_everything : free_the_engine_first);
    assert_undisturbed(f, lock, backends, clients);
    free(backends);
    free(clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(every_call_in_a_child_says_that_it_was_forked),
        IN_BOTH_DRIVES(what_a_child_frees_does_not_disturb_the_parent),
        IN_BOTH_DRIVES(a_child_frees_in_any_order),
        IN_BOTH_DRIVES(a_child_makes_an_engine_of_its_own),
        IN_BOTH_DRIVES(one_child_after_the_other_does_no_harm),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
