/* The value of a field that is ENTC_SENSITIVE reaches neither an error nor the log, also where
 * PostgreSQL quotes it in its own message: in a cast, a filter, an order, a function that raises.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define SECRET "hunter2"

typedef struct Person {
    int64_t id;
    entc_str pin;
    entc_str made; /* by the view, of the pin */
} Person;

static const entc_field sensitive_fields[] = {
    ENTC_FIELD(Person, id, ENTC_INT64, ENTC_KEY),
    ENTC_FIELD(Person, pin, ENTC_TEXT, ENTC_SENSITIVE),
    ENTC_FIELD(Person, made, ENTC_TEXT, ENTC_NULLABLE),
};
static const entc_field open_fields[] = {
    ENTC_FIELD(Person, id, ENTC_INT64, ENTC_KEY),
    ENTC_FIELD(Person, pin, ENTC_TEXT, 0),
    ENTC_FIELD(Person, made, ENTC_TEXT, ENTC_NULLABLE),
};
static const entc_entity_desc sensitive_person =
    ENTC_ENTITY("SensitivePerson", Person, sensitive_fields);
static const entc_entity_desc open_person = ENTC_ENTITY("OpenPerson", Person, open_fields);

/* Everything that the engine logged. */
struct heard {
    char text[65536];
    size_t length;
};

static void hear(int32_t level, const char *domain, const char *text, void *user)
{
    struct heard *heard = user;

    (void)level;
    heard->length += (size_t)snprintf(
        heard->text + heard->length, sizeof(heard->text) - heard->length, "%s: %s\n", domain, text);
    assert_true(heard->length < sizeof(heard->text));
}

static struct heard heard;

static int make_people(void **state)
{
    if (fixture_start(state))
        return 1;
    test_postgres_sql(
        &fixture_of_program()->postgres,
        "CREATE TABLE people (id bigint PRIMARY KEY, pin text NOT NULL);"
        "INSERT INTO people VALUES (1, '" SECRET "');"
        "CREATE FUNCTION tell(code text, pin text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'it is %', pin USING ERRCODE = code, DETAIL = pin, HINT = pin,"
        " COLUMN = pin, TABLE = pin; END $$;"
        "CREATE FUNCTION notice(pin text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE WARNING 'it is %', pin USING DETAIL = pin; RETURN 'told'; END $$;"
        "CREATE TYPE colour AS ENUM ('red')");
    return 0;
}

/* The view `people_seen`, whose column `made` is this. */
static void see(struct fixture *f, const char *made)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
             "DROP VIEW IF EXISTS people_seen;"
             "CREATE VIEW people_seen AS SELECT id, pin, (%s)::text AS made FROM people",
             made);
    test_postgres_sql(&f->postgres, sql);
}

static BaseCacheRepository *open_view(struct fixture *f, const entc_entity_desc *entity,
                                      const char *filter_sql)
{
    entc_model_desc model = ENTC_MODEL("people");
    BaseCacheRepository *people = NULL;

    fixture_free_engine(f);
    memset(&heard, 0, sizeof(heard));
    f->options.log = hear;
    f->options.log_user = &heard;
    f->options.log_level = ENTC_LOG_DEBUG;
    fixture_make_engine(f);
    model.read_from = "people_seen";
    model.filter_sql = filter_sql;
    assert_ok(f, entc_repository_new(f->engine, &model, entity, NULL, &people, &f->error));
    return people;
}

static void assert_silent(const struct fixture *f)
{
    assert_null(strstr(entc_error_message(f->error), SECRET));
    assert_null(strstr(entc_error_hint(f->error), SECRET));
    assert_null(strstr(heard.text, SECRET));
}

static entc_status get(struct fixture *f, BaseCacheRepository *people)
{
    const entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    entc_status status = entc_repository_get_by_id(people, &id, NULL, &entity, &f->error);

    entc_entity_unref(entity);
    return status;
}

/* What PostgreSQL itself says is passed on where nothing is sensitive: so it does hold the value.
 */
static void assert_told_only_if_open(struct fixture *f, const char *filter_sql,
                                     const char *sqlstate, const char *words)
{
    BaseCacheRepository *people = open_view(f, &open_person, filter_sql);

    assert_int_not_equal(get(f, people), ENTC_OK);
    fixture_assert_says(entc_error_message(f->error), SECRET);
    entc_repository_free(people);
    people = open_view(f, &sensitive_person, filter_sql);
    assert_int_not_equal(get(f, people), ENTC_OK);
    assert_silent(f);
    assert_string_equal(entc_error_sqlstate(f->error), sqlstate);
    fixture_assert_says(entc_error_message(f->error), "public.people_seen: ");
    fixture_assert_says(entc_error_message(f->error), words);
    fixture_assert_says(entc_error_message(f->error), "field \"pin\" is ENTC_SENSITIVE");
    assert_int_not_equal(strlen(entc_error_hint(f->error)), 0);
    entc_repository_free(people);
}

static void a_cast_that_fails_does_not_tell_the_value(void **state)
{
    static const struct {
        const char *made;
        const char *sqlstate;
        const char *words;
    } casts[] = {
        {"pin::integer", "22P02", "invalid text representation"},
        {"pin::numeric", "22P02", "invalid text representation"},
        {"pin::uuid", "22P02", "invalid text representation"},
        {"pin::colour", "22P02", "invalid text representation"},
        {"pin::timestamptz", "22007", "invalid datetime format"},
        {"(pin || '" SECRET "')::date", "22007", "invalid datetime format"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(casts) / sizeof(casts[0]); i++) {
        see(f, casts[i].made);
        assert_told_only_if_open(f, NULL, casts[i].sqlstate, casts[i].words);
    }
}

static void a_filter_that_fails_does_not_tell_the_value(void **state)
{
    struct fixture *f = *state;

    see(f, "NULL");
    assert_told_only_if_open(f, "pin::integer > 0", "22P02", "invalid text representation");
}

/* Whatever code the function gives, also one of the statement's own faults or of a lost session. */
static void what_a_function_raises_does_not_tell_the_value(void **state)
{
    static const struct {
        const char *sqlstate;
        const char *words;
    } codes[] = {{"P0001", "raise exception"},
                 {"42703", "syntax error or access rule violation"},
                 {"42883", "syntax error or access rule violation"},
                 {"57014", "query canceled"},
                 {"53300", "too many connections"},
                 {"ZZ999", "error"}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char made[64];

        snprintf(made, sizeof(made), "tell('%s', pin)", codes[i].sqlstate);
        see(f, made);
        assert_told_only_if_open(f, NULL, codes[i].sqlstate, codes[i].words);
    }
}

/* The statement is repeated, and a session is taken for lost; the log tells of that. */
static void what_is_raised_as_a_lost_session_does_not_tell_the_value(void **state)
{
    static const char *const codes[] = {"57P01", "08006", "40001", "57P03"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        BaseCacheRepository *people = NULL;
        char made[64];

        snprintf(made, sizeof(made), "tell('%s', pin)", codes[i]);
        see(f, made);
        people = open_view(f, &sensitive_person, NULL);
        assert_int_not_equal(get(f, people), ENTC_OK);
        assert_silent(f);
        entc_repository_free(people);
    }
}

static void a_warning_of_the_server_is_logged_without_its_text(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *people = NULL;

    see(f, "notice(pin)");
    people = open_view(f, &sensitive_person, NULL);
    assert_ok(f, get(f, people));
    fixture_assert_says(heard.text, "the server sends a notice: WARNING");
    assert_silent(f);
    entc_repository_free(people);
}

static void a_list_in_an_order_that_fails_does_not_tell_the_value(void **state)
{
    struct fixture *f = *state;
    const entc_order order = {"made", 0, 0};
    entc_page_args args = ENTC_FIRST(5);
    BaseCacheRepository *people = NULL;
    entc_page *page = NULL;

    test_postgres_sql(&f->postgres, "INSERT INTO people VALUES (2, '" SECRET "-2')"
                                    " ON CONFLICT DO NOTHING");
    see(f, "pin::integer");
    people = open_view(f, &sensitive_person, NULL);
    args.order = &order;
    args.order_count = 1;
    args.order_size = sizeof(order);
    assert_status(f, entc_repository_list(people, &args, NULL, &page, &f->error), ENTC_E_DATABASE);
    assert_silent(f);
    fixture_assert_says(entc_error_message(f->error), "invalid text representation");
    entc_repository_free(people);
    test_postgres_sql(&f->postgres, "DELETE FROM people WHERE id = 2");
}

static void pages_of_children_that_fail_do_not_tell_the_value(void **state)
{
    struct fixture *f = *state;
    const entc_relation_desc of_campaign = ENTC_HAS_MANY("people", "id", "made");
    const entc_page_args args = ENTC_FIRST(5);
    const entc_value parent = fixture_id(1);
    BaseCacheRepository *people = NULL;
    entc_relation *relation = NULL;
    entc_status status = ENTC_OK;
    entc_page *page = NULL;

    see(f, "tell('P0001', pin)");
    people = open_view(f, &sensitive_person, NULL);
    assert_ok(f, entc_relation_new(f->campaigns, people, &of_campaign, &relation, &f->error));
    assert_int_not_equal(
        entc_relation_get_many(relation, &parent, 1, &args, NULL, &page, &status, &f->error),
        ENTC_OK);
    assert_silent(f);
    fixture_assert_says(entc_error_message(f->error), "raise exception");
    entc_relation_free(relation);
    entc_repository_free(people);
}

/* It is about the statement, and needed by who has to mend it. */
static void a_column_that_is_missing_is_still_named(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *people = NULL;

    see(f, "NULL");
    people = open_view(f, &sensitive_person, "no_such_column > 0");
    assert_status(f, get(f, people), ENTC_E_SCHEMA);
    fixture_assert_says(entc_error_message(f->error), "column \"no_such_column\" does not exist");
    entc_repository_free(people);
}

/* Our own refusals name column and types, never the value. */
static void a_value_that_the_field_cannot_hold_is_refused_without_it(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *people = NULL;

    see(f, "NULL");
    test_postgres_sql(&f->postgres, "DROP VIEW people_seen; CREATE VIEW people_seen AS"
                                    " SELECT id, NULL::text AS pin, pin AS made FROM people");
    people = open_view(f, &sensitive_person, NULL);
    assert_status(f, get(f, people), ENTC_E_SCHEMA);
    fixture_assert_says(entc_error_message(f->error), "column \"pin\"");
    assert_silent(f);
    entc_repository_free(people);
}

/* In the cache it is as in the table; what is corrupt there is not quoted either. */
static void a_corrupt_cached_value_is_not_quoted(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *people = NULL;

    see(f, "NULL");
    people = open_view(f, &sensitive_person, NULL);
    freeReplyObject(
        test_redis_command(&f->redis, "SET SensitivePerson-1 %s", "{\"id\":1,\"pin\":\"" SECRET));
    assert_ok(f, get(f, people));
    assert_int_equal(fixture_counters(f).corrupt, 1);
    fixture_assert_says(heard.text, "corrupt");
    assert_silent(f);
    entc_repository_free(people);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_cast_that_fails_does_not_tell_the_value),
        IN_BOTH_DRIVES(a_filter_that_fails_does_not_tell_the_value),
        IN_BOTH_DRIVES(what_a_function_raises_does_not_tell_the_value),
        IN_BOTH_DRIVES(what_is_raised_as_a_lost_session_does_not_tell_the_value),
        IN_BOTH_DRIVES(a_warning_of_the_server_is_logged_without_its_text),
        IN_BOTH_DRIVES(a_list_in_an_order_that_fails_does_not_tell_the_value),
        IN_BOTH_DRIVES(pages_of_children_that_fail_do_not_tell_the_value),
        IN_BOTH_DRIVES(a_column_that_is_missing_is_still_named),
        IN_BOTH_DRIVES(a_value_that_the_field_cannot_hold_is_refused_without_it),
        IN_BOTH_DRIVES(a_corrupt_cached_value_is_not_quoted),
    };

    return cmocka_run_group_tests(tests, make_people, fixture_stop);
}
