/* Proves what each failure of the database means, and that no story tells more than it may. */
#include "shapes.h"
#include "test.h"

static void every_sqlstate_has_the_status_that_a_caller_can_act_on(void **state)
{
    static const struct {
        const char *sqlstate;
        entc_status status;
        bool is_lost;
        bool is_repeatable;
    } rows[] = {
        {"57P01", ENTC_E_UNAVAILABLE, true, false},  {"57P02", ENTC_E_UNAVAILABLE, true, false},
        {"57P03", ENTC_E_UNAVAILABLE, true, false},  {"57P04", ENTC_E_UNAVAILABLE, true, false},
        {"57P05", ENTC_E_UNAVAILABLE, true, false},  {"08006", ENTC_E_UNAVAILABLE, true, false},
        {"08P01", ENTC_E_UNAVAILABLE, true, false},  {"28P01", ENTC_E_UNAVAILABLE, false, false},
        {"28000", ENTC_E_UNAVAILABLE, false, false}, {"3D000", ENTC_E_UNAVAILABLE, false, false},
        {"25006", ENTC_E_UNAVAILABLE, false, false}, {"53300", ENTC_E_BUSY, false, false},
        {"53200", ENTC_E_BUSY, false, false},        {"57014", ENTC_E_TIMEOUT, false, false},
        {"55P03", ENTC_E_TIMEOUT, false, false},     {"40001", ENTC_E_DATABASE, false, true},
        {"40P01", ENTC_E_DATABASE, false, true},     {"42P01", ENTC_E_SCHEMA, false, false},
        {"3F000", ENTC_E_SCHEMA, false, false},      {"42703", ENTC_E_SCHEMA, false, false},
        {"42883", ENTC_E_SCHEMA, false, false},      {"42501", ENTC_E_DATABASE, false, false},
        {"42601", ENTC_E_DATABASE, false, false},    {"XX000", ENTC_E_DATABASE, false, false},
        {"22021", ENTC_E_DATABASE, false, false},    {"", ENTC_E_DATABASE, false, false},
        {NULL, ENTC_E_DATABASE, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct postgres_failure *failure = postgres_failure_of(rows[i].sqlstate);

        if (failure->status != rows[i].status || failure->is_lost != rows[i].is_lost ||
            failure->is_repeatable != rows[i].is_repeatable)
            test_fail("%s", rows[i].sqlstate ? rows[i].sqlstate : "NULL");
    }
}

static void every_sqlstate_has_words_of_ours(void **state)
{
    static const struct {
        const char *sqlstate;
        const char *words;
    } rows[] = {{"22P02", "invalid text representation"},
                {"22P03", "data exception"},
                {"57P01", "admin shutdown"},
                {"57P05", "operator intervention"},
                {"P0001", "raise exception"},
                {"P0002", "PL/pgSQL error"},
                {"08006", "connection exception"},
                {"08", "connection exception"},
                {"XX000", "internal error"},
                {"ZZZZZ", "error"},
                {"", "error"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(postgres_condition_of(rows[i].sqlstate), rows[i].words);
}

static void assert_connect(const char *message, entc_status status, const char *line,
                           const char *sqlstate)
{
    entc_error *error = NULL;

    assert_int_equal(postgres_error_of_connect(&error, message), status);
    assert_int_equal(entc_error_code(error), status);
    assert_string_equal(entc_error_message(error), line);
    assert_string_equal(entc_error_sqlstate(error), sqlstate);
    assert_string_equal(entc_error_domain(error), "postgres");
    entc_error_free(error);
}

static void a_refused_connection_tells_the_first_line_and_the_sqlstate(void **state)
{
    (void)state;
    assert_connect("connection to server on socket \"/tmp/.s.PGSQL.1\" failed: No such file or "
                   "directory\n\tIs the server running locally?\n",
                   ENTC_E_UNAVAILABLE,
                   "connection to server on socket \"/tmp/.s.PGSQL.1\" failed: No such file or "
                   "directory",
                   "");
    assert_connect("connection to server at \"h\" (1.2.3.4), port 1 failed: FATAL:  53300: sorry, "
                   "too many clients already\nLOCATION:  InitProcess, proc.c:358\n",
                   ENTC_E_BUSY,
                   "connection to server at \"h\" (1.2.3.4), port 1 failed: FATAL:  sorry, too "
                   "many clients already",
                   "53300");
    assert_connect("x failed: FATAL:  28P01: password authentication failed for user \"u\"\n"
                   "DETAIL:  secret row\n",
                   ENTC_E_UNAVAILABLE,
                   "x failed: FATAL:  password authentication failed for user \"u\"", "28P01");
    assert_connect("x failed: FATAL:  42P01: odd\n", ENTC_E_UNAVAILABLE, "x failed: FATAL:  odd",
                   "42P01");
    assert_connect("a:  b:  c:  1234", ENTC_E_UNAVAILABLE, "a:  b:  c:  1234", "");
    assert_connect("a:  12345", ENTC_E_UNAVAILABLE, "a:  12345", "");
    assert_connect("", ENTC_E_UNAVAILABLE, "cannot connect to PostgreSQL", "");
}

static void a_cure_is_told_where_there_is_one(void **state)
{
    entc_error *error = NULL;

    (void)state;
    postgres_error_of_connect(&error, "x: FATAL:  53300: sorry\n");
    assert_string_equal(entc_error_hint(error),
                        "raise the server's max_connections, or lower postgres_connections");
    postgres_error_of_connect(&error, "x: FATAL:  57P03: starting up\n");
    assert_string_equal(entc_error_hint(error), "");
    entc_error_free(error);
}

static void a_result_without_a_story_is_a_lost_connection(void **state)
{
    static const entc_field fields[] = {SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY)};
    struct schema_model *model = shape_model("s", "t", fields, 1);
    const struct db_query query = {.kind = DB_LIST, .model = model};
    entc_error *error = NULL;

    (void)state;
    postgres_error_of_result(&error, &query, NULL);
    assert_string_equal(entc_error_message(error), "s.t: the connection was lost");
    assert_string_equal(entc_error_sqlstate(error), "");
    entc_error_free(error);
    shape_model_free(model);
}

/* Only these words tell libpq's own lack of memory from what a server may say. */
static void the_words_of_libpq_for_no_memory_are_known(void **state)
{
    (void)state;
    assert_true(postgres_says_no_memory("out of memory\n"));
    assert_true(postgres_says_no_memory("out of memory for query result\n"));
    assert_true(postgres_says_no_memory("cannot allocate memory for input buffer\n"));
    assert_false(postgres_says_no_memory(""));
    assert_false(postgres_says_no_memory("ERROR:  out of memory\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sqlstate_has_the_status_that_a_caller_can_act_on),
        cmocka_unit_test(every_sqlstate_has_words_of_ours),
        cmocka_unit_test(a_refused_connection_tells_the_first_line_and_the_sqlstate),
        cmocka_unit_test(a_cure_is_told_where_there_is_one),
        cmocka_unit_test(a_result_without_a_story_is_a_lost_connection),
        cmocka_unit_test(the_words_of_libpq_for_no_memory_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
