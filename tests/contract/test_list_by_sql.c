/* Lists by the host's own statement: its ids in its order, its values as parameters, and a clear
 * word for every answer that is not ids. */
#include "fixture.h"

#include <string.h>

static entc_page *list(struct fixture *f, const char *sql, const entc_value *params, size_t count)
{
    entc_page *page = NULL;

    assert_ok(f, entc_repository_list_sql(f->events, sql, params, count, NULL, &page, &f->error));
    return page;
}

static void assert_page(entc_page *page, const int64_t *ids, size_t count)
{
    assert_int_equal(entc_page_count(page), count);
    for (size_t i = 0; i < count; i++)
        fixture_assert_event(entc_page_entity(page, i), ids[i]);
    assert_int_equal(entc_page_has_next(page), 0);
    assert_int_equal(entc_page_has_previous(page), 0);
    assert_int_equal(entc_page_total(page), -1);
    entc_page_unref(page);
}

static void the_ids_of_a_statement_are_listed_in_its_order(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {403, 401, 403, 101};

    assert_page(list(f, "SELECT * FROM (VALUES (403), (401), (403), (101)) AS v", NULL, 0), ids, 4);
    assert_int_equal(fixture_counters(f).sql_queries, 2);
    assert_int_equal(fixture_counters(f).redis_mgets, 1);
}

static void values_are_its_parameters(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {502, 501};
    const entc_value params[] = {fixture_id(5), fixture_text("Event 50%"), {.type = ENTC_NULL}};

    assert_page(list(f,
                     "SELECT id FROM events WHERE campaign_id = $1 AND title LIKE $2"
                     " AND $3::text IS NULL ORDER BY id DESC",
                     params, 3),
                ids, 2);
}

static void a_statement_may_answer_nothing(void **state)
{
    struct fixture *f = *state;

    assert_page(list(f, "SELECT id FROM events WHERE false", NULL, 0), NULL, 0);
}

static void an_id_that_is_gone_has_a_slot_that_says_so(void **state)
{
    struct fixture *f = *state;
    entc_page *page = list(f, "SELECT 999::int2 UNION ALL SELECT 101", NULL, 0);

    assert_int_equal(entc_page_status(page, 0), ENTC_E_NOT_FOUND);
    assert_int_equal(entc_page_status(page, 1), ENTC_OK);
    entc_page_unref(page);
}

static void its_page_has_no_cursors(void **state)
{
    struct fixture *f = *state;
    entc_page *page = list(f, "SELECT 101", NULL, 0);
    entc_buffer *buffer = NULL;

    assert_ok(f, entc_buffer_new(&buffer));
    assert_status(f, entc_page_cursor(page, 0, buffer, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "no cursors");
    entc_buffer_free(buffer);
    entc_page_unref(page);
}

static void it_is_an_operations_result_that_keeps_nothing_of_the_callers(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {101};
    char sql[] = "SELECT id FROM events WHERE title = $1";
    char title[] = "Event 101";
    entc_value param = fixture_text(title);
    entc_page *page = NULL;
    entc_op *op = NULL;

    assert_ok(f, entc_repository_list_sql_async(f->events, sql, &param, 1, NULL, &op, &f->error));
    memset(sql, 'x', sizeof(sql) - 1);
    memset(title, 'x', sizeof(title) - 1);
    memset(&param, 0xff, sizeof(param));
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    assert_ok(f, entc_op_take_pages(op, &page, 1));
    entc_op_unref(op);
    assert_page(page, ids, 1);
}

/* ---- what is refused ---- */

static void refuses(struct fixture *f, const char *sql, const entc_value *params, size_t count,
                    entc_status status, const char *words)
{
    entc_page *page = NULL;

    assert_status(
        f, entc_repository_list_sql(f->events, sql, params, count, NULL, &page, &f->error), status);
    assert_null(page);
    fixture_assert_says(entc_error_message(f->error), words);
}

static void answers_that_are_not_ids_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sql;
        const char *words;
    } cases[] = {
        {"SELECT id, title FROM events", "answers 2 columns, but the key of entity 'Event' has 1"},
        {"SELECT title FROM events", "column 1 of the statement's answer is text"},
        {"SELECT id::numeric FROM events", "column 1 of the statement's answer is numeric"},
        {"SELECT title FROM events WHERE false", "is text, but \"id\" of entity 'Event'"},
        {"SELECT NULL::bigint", "NULL as an id of entity 'Event'"},
        {"SELECT FROM events", "answers 0 columns"},
        {"DELETE FROM events WHERE false", "answers no rows"},
        {"-- nothing", "answers no rows"},
        {"COPY events TO STDOUT", "answers no rows"},
        {"COPY events FROM STDIN", "answers no rows"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refuses(f, cases[i].sql, NULL, 0, ENTC_E_INVALID, cases[i].words);
        assert_true(entc_error_hint(f->error)[0] != '\0');
    }
    assert_page(list(f, "SELECT 101", NULL, 0), (const int64_t[]){101}, 1);
}

static void what_postgresql_refuses_is_told(void **state)
{
    struct fixture *f = *state;
    const entc_value four = fixture_text("four");

    refuses(f, "SELECT id FROM events; DELETE FROM events", NULL, 0, ENTC_E_DATABASE,
            "multiple commands");
    refuses(f, "SELEKT id", NULL, 0, ENTC_E_DATABASE, "SELEKT");
    refuses(f, "SELECT id FROM no_such_table", NULL, 0, ENTC_E_SCHEMA, "no_such_table");
    refuses(f, "SELECT 1 / 0", NULL, 0, ENTC_E_DATABASE, "zero");
    refuses(f, "SELECT id FROM events WHERE id = $1", &four, 1, ENTC_E_INVALID, "four");
    refuses(f, "SELECT id FROM events WHERE id = $1", NULL, 0, ENTC_E_INVALID, "requires 1");
    refuses(f, "SELECT id FROM events", &four, 1, ENTC_E_DATABASE, "parameter $1");
    assert_int_equal(test_postgres_integer(&f->postgres, "SELECT count(*) FROM events"),
                     FIXTURE_EVENTS);
}

static void a_transaction_that_it_opens_ends_with_its_connection(void **state)
{
    struct fixture *f = *state;

    refuses(f, "BEGIN", NULL, 0, ENTC_E_INVALID, "answers no rows");
    assert_page(list(f, "SELECT 101", NULL, 0), (const int64_t[]){101}, 1);
    assert_int_equal(test_postgres_integer(&f->postgres,
                                           "SELECT count(*) FROM pg_stat_activity WHERE datname ="
                                           " current_database() AND state LIKE 'idle in trans%'"),
                     0);
}

static void arguments_that_are_wrong_are_named(void **state)
{
    struct fixture *f = *state;
    const entc_value odd = {.type = 99};
    entc_value broken = fixture_text("\xff");
    entc_page *page = NULL;

    refuses(f, NULL, NULL, 0, ENTC_E_INVALID, "sql");
    refuses(f, "", NULL, 0, ENTC_E_INVALID, "sql is missing");
    refuses(f, "\xff", NULL, 0, ENTC_E_INVALID, "sql is missing or not UTF-8");
    refuses(f, "SELECT 1", NULL, 2, ENTC_E_INVALID, "params is NULL, but count is 2");
    refuses(f, "SELECT 1", &odd, 257, ENTC_E_INVALID, "count is 257");
    refuses(f, "SELECT 1", &odd, 1, ENTC_E_INVALID, "params[0] has a type");
    refuses(f, "SELECT 1", &broken, 1, ENTC_E_INVALID, "params[0] is not UTF-8");
    assert_status(f,
                  entc_repository_list_sql(f->events, "SELECT 1", NULL, 0, NULL, NULL, &f->error),
                  ENTC_E_INVALID);
    assert_status(f, entc_repository_list_sql(NULL, "SELECT 1", NULL, 0, NULL, &page, &f->error),
                  ENTC_E_INVALID);
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(the_ids_of_a_statement_are_listed_in_its_order),
        IN_BOTH_DRIVES(values_are_its_parameters),
        IN_BOTH_DRIVES(a_statement_may_answer_nothing),
        IN_BOTH_DRIVES(an_id_that_is_gone_has_a_slot_that_says_so),
        IN_BOTH_DRIVES(its_page_has_no_cursors),
        IN_BOTH_DRIVES(it_is_an_operations_result_that_keeps_nothing_of_the_callers),
        IN_BOTH_DRIVES(answers_that_are_not_ids_are_refused),
        IN_BOTH_DRIVES(what_postgresql_refuses_is_told),
        IN_BOTH_DRIVES(a_transaction_that_it_opens_ends_with_its_connection),
        IN_BOTH_DRIVES(arguments_that_are_wrong_are_named),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
