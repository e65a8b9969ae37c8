/* Relations against the live schema: the foreign column, its type, the order's columns, and the
 * index without which every page would read the whole table. */
#include "fixture.h"

#include <string.h>

#define FIELD(name, type, flags)         \
    {                                    \
        name, type, flags, 0, 0, 0, NULL \
    }

static int start(void **state)
{
    struct fixture *f = NULL;

    fixture_start(state);
    f = fixture_of_program();
    test_postgres_sql(
        &f->postgres,
        "CREATE TABLE parents (id int8 PRIMARY KEY);"
        "CREATE TABLE words (id text PRIMARY KEY);"
        "CREATE TABLE halls (id uuid PRIMARY KEY);"
        "CREATE TABLE children (id int8, part text, small int2, word varchar, hall uuid, bare int8,"
        " priced numeric, fixed char(3), at timestamptz, second int8, gone timestamptz,"
        " PRIMARY KEY (id, part));"
        "CREATE INDEX ON children (small, at DESC, id, part); CREATE INDEX ON children (word);"
        "CREATE INDEX ON children USING hash (hall); CREATE INDEX ON children (at, second);"
        "CREATE INDEX ON children (priced); CREATE INDEX ON children (fixed);"
        "CREATE INDEX ON children (second) WHERE gone IS NULL;"
        "CREATE VIEW children_view AS SELECT * FROM children;"
        "CREATE VIEW other_view AS SELECT c.*, small AS renamed FROM children c");
    return 0;
}

static const entc_field child_fields[] = {FIELD("id", ENTC_INT64, ENTC_KEY),
                                          FIELD("part", ENTC_TEXT, ENTC_KEY)};

struct relation_case {
    const char *parents; /* table */
    uint32_t parent_type;
    const char *foreign;
    const char *order; /* may be NULL */
    uint32_t descending;
    const char *read_from; /* may be NULL */
    const char *filter;    /* may be NULL */
    const char *expected;
};

static void assert_report(struct fixture *f, const struct relation_case *shape)
{
    const entc_field key[] = {FIELD("id", shape->parent_type, ENTC_KEY)};
    const entc_entity_desc parent = {sizeof(parent), "Parent", 0, key, 1, sizeof(key[0])};
    const entc_entity_desc child = {sizeof(child), "Child", 0,
                                    child_fields,  2,       sizeof(child_fields[0])};
    entc_model_desc parent_model = ENTC_MODEL(NULL);
    entc_model_desc child_model = ENTC_MODEL("children");
    entc_relation_desc desc = ENTC_HAS_MANY("children", NULL, NULL);
    BaseCacheRepository *parents = NULL;
    BaseCacheRepository *children = NULL;
    entc_relation *relation = NULL;
    entc_buffer *report = NULL;
    entc_status status;

    parent_model.table = shape->parents;
    child_model.read_from = shape->read_from;
    child_model.filter_sql = shape->filter;
    desc.foreign_column = shape->foreign;
    desc.order_column = shape->order;
    desc.order_descending = shape->descending;
    assert_ok(f, entc_repository_new(f->engine, &parent_model, &parent, NULL, &parents, &f->error));
    assert_ok(f, entc_repository_new(f->engine, &child_model, &child, NULL, &children, &f->error));
    assert_ok(f, entc_relation_new(parents, children, &desc, &relation, &f->error));
    assert_ok(f, entc_buffer_new(&report));
    status = entc_relation_check(relation, NULL, report, &f->error);
    assert_string_equal(entc_buffer_text(report), shape->expected);
    assert_int_equal(status, shape->expected[0] ? ENTC_E_SCHEMA : ENTC_OK);
    entc_buffer_free(report);
    entc_relation_free(relation);
    entc_repository_free(children);
    entc_repository_free(parents);
}

static void assert_reports(struct fixture *f, const struct relation_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_report(f, &cases[i]);
}

static void a_relation_that_is_right_gives_no_line(void **state)
{
    static const struct relation_case cases[] = {
        {"parents", ENTC_INT64, "small", "at", 1, NULL, NULL, ""},
        {"words", ENTC_TEXT, "word", NULL, 0, NULL, NULL, ""},
        {"halls", ENTC_UUID, "hall", "at", 0, NULL, NULL, ""},
        {"parents", ENTC_INT64, "small", "at", 1, "children_view", NULL, ""},
        {"parents", ENTC_INT64, "renamed", "at", 1, "other_view", NULL, ""},
        {"parents", ENTC_INT64, "second", NULL, 0, NULL, "gone IS NULL", ""},
    };

    assert_reports(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

static void a_missing_index_is_told_with_the_one_that_would_serve(void **state)
{
    static const struct relation_case cases[] = {
        {"parents", ENTC_INT64, "bare", NULL, 0, NULL, NULL,
         "public.children.bare: declared as the foreign column of a relation, live no index begins "
         "with it; CREATE INDEX ON \"public\".\"children\" (\"bare\",\"id\",\"part\")\n"},
        {"parents", ENTC_INT64, "second", "at", 1, "children_view", NULL,
         "public.children.second: declared as the foreign column of a relation, live no index "
         "begins with it; CREATE INDEX ON \"public\".\"children\" (\"second\",\"at\" "
         "DESC,\"id\",\"part\")\n"},
    };

    assert_reports(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

#define KEY_TYPES                                                                            \
    "a key has to be of type int2, int4 or int8 (ENTC_INT64), uuid (ENTC_UUID), or text or " \
    "varchar (ENTC_TEXT)\n"

static void columns_that_are_not_as_declared_are_told(void **state)
{
    static const struct relation_case cases[] = {
        {"parents", ENTC_INT64, "nope", "never", 0, NULL, NULL,
         "public.children.nope: declared ENTC_INT64 to hold the parent's key, live there is no such "
         "column; add it, or correct the relation's descriptor\n"
         "public.children.never: declared as a column of the order, live there is no such column; "
         "add it, or correct the relation's descriptor\n"},
        {"parents", ENTC_INT64, "priced", NULL, 0, NULL, NULL,
         "public.children.priced: declared ENTC_INT64 to hold the parent's key, live numeric; " KEY_TYPES},
        {"halls", ENTC_UUID, "word", NULL, 0, NULL, NULL,
         "public.children.word: declared ENTC_UUID to hold the parent's key, live character "
         "varying; " KEY_TYPES},
        {"words", ENTC_TEXT, "fixed", NULL, 0, NULL, NULL,
         "public.children.fixed: declared ENTC_TEXT to hold the parent's key, live character(3); "
         "two spellings may be one key there: make the column text or varchar, or declare what " KEY_TYPES},
        {"parents", ENTC_INT64, "small", NULL, 0, "no_view", NULL,
         "public.no_view: declared as what reads use (read_from) of entity \"Child\", live there "
         "is none; create it, or correct schema and name in the model's descriptor\n"},
    };

    assert_reports(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_relation_that_is_right_gives_no_line),
        IN_BOTH_DRIVES(a_missing_index_is_told_with_the_one_that_would_serve),
        IN_BOTH_DRIVES(columns_that_are_not_as_declared_are_told),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
