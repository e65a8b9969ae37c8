/* Relations against the live schema: the foreign columns, the join table, their types, the order's
 * columns, and the index without which every page would read the whole table. */
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
        "CREATE VIEW other_view AS SELECT c.*, small AS renamed FROM children c;"
        "CREATE SCHEMA joined;"
        "CREATE TABLE joined.links (parent int4, child int8, part varchar, at date,"
        " bare int8);"
        "CREATE INDEX ON joined.links (parent, at);"
        "CREATE TABLE pairs (id text, number int8, PRIMARY KEY (id, number))");
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

/* ---- other kinds ---- */

struct tied {
    BaseCacheRepository *parents;
    BaseCacheRepository *children;
    BaseCacheRepository *pairs;
};

static BaseCacheRepository *repository(struct fixture *f, const char *table, const char *name,
                                       const entc_field *fields, size_t count)
{
    const entc_entity_desc entity = {sizeof(entity), name, 0, fields, count, sizeof(fields[0])};
    const entc_model_desc model = ENTC_MODEL(table);
    BaseCacheRepository *made = NULL;

    assert_ok(f, entc_repository_new(f->engine, &model, &entity, NULL, &made, &f->error));
    return made;
}

static void open_tied(struct tied *tied, struct fixture *f)
{
    static const entc_field parent_fields[] = {FIELD("id", ENTC_INT64, ENTC_KEY)};
    static const entc_field all_fields[] = {
        FIELD("id", ENTC_INT64, ENTC_KEY), FIELD("part", ENTC_TEXT, ENTC_KEY),
        FIELD("bare", ENTC_INT64, ENTC_NULLABLE), FIELD("priced", ENTC_INT64, ENTC_NULLABLE),
        FIELD("word", ENTC_TEXT, ENTC_NULLABLE)};
    static const entc_field pair_fields[] = {FIELD("id", ENTC_TEXT, ENTC_KEY),
                                             FIELD("number", ENTC_INT64, ENTC_KEY)};

    tied->parents = repository(f, "parents", "Parent", parent_fields, 1);
    tied->children = repository(f, "children", "Child", all_fields, 5);
    tied->pairs = repository(f, "pairs", "Pair", pair_fields, 2);
}

static void close_tied(struct tied *tied)
{
    entc_repository_free(tied->parents);
    entc_repository_free(tied->children);
    entc_repository_free(tied->pairs);
}

static void assert_tied(struct fixture *f, BaseCacheRepository *parents,
                        BaseCacheRepository *children, const entc_relation_desc *desc,
                        const char *expected)
{
    entc_relation *relation = NULL;
    entc_buffer *report = NULL;
    entc_status status;

    assert_ok(f, entc_relation_new(parents, children, desc, &relation, &f->error));
    assert_ok(f, entc_buffer_new(&report));
    status = entc_relation_check(relation, NULL, report, &f->error);
    assert_string_equal(entc_buffer_text(report), expected);
    assert_int_equal(status, expected[0] ? ENTC_E_SCHEMA : ENTC_OK);
    entc_buffer_free(report);
    entc_relation_free(relation);
}

static void a_join_table_is_compared_column_by_column(void **state)
{
    static const char *const child_columns[] = {"child", "part"};
    static const char *const wrong_columns[] = {"at", "nope"};
    static const entc_order order[] = {{"at", 1, ENTC_ORDER_THROUGH}, {"small", 0, 0}};
    static const entc_order wrong_order[] = {{"small", 0, ENTC_ORDER_THROUGH}, {"parent", 0, 0}};
    entc_relation_desc desc = ENTC_MANY_TO_MANY("children", "links", "parent", NULL, NULL);
    struct fixture *f = *state;
    struct tied tied;

    open_tied(&tied, f);
    desc.through_schema = "joined";
    desc.child_columns = child_columns;
    desc.child_count = 2;
    desc.order = order;
    desc.order_count = 2;
    desc.order_size = sizeof(order[0]);
    assert_tied(f, tied.parents, tied.children, &desc, "");
    desc.foreign_column = "bare";
    assert_tied(f, tied.parents, tied.children, &desc,
                "joined.links.bare: declared as the foreign column of a relation, live no index "
                "begins with it; CREATE INDEX ON \"joined\".\"links\" (\"bare\",\"at\" "
                "DESC,\"child\",\"part\")\n");
    desc.foreign_column = "part";
    desc.child_columns = wrong_columns;
    desc.order = wrong_order;
    assert_tied(
        f, tied.parents, tied.children, &desc,
        "joined.links.part: declared as the foreign column of a relation, live no index begins "
        "with it; CREATE INDEX ON \"joined\".\"links\" "
        "(\"part\",\"small\",\"at\",\"nope\")\n"
        "joined.links.part: declared ENTC_INT64 to hold the parent's key, live character varying; " KEY_TYPES
        "joined.links.at: declared ENTC_INT64 to hold the child's key, live date; " KEY_TYPES
        "joined.links.nope: declared ENTC_TEXT to hold the child's key, live there is no such "
        "column; add it, or correct the relation's descriptor\n"
        "joined.links.small: declared as a column of the order, live there is no such column; add "
        "it, or correct the relation's descriptor\n"
        "public.children.parent: declared as a column of the order, live there is no such column; "
        "add it, or correct the relation's descriptor\n");
    close_tied(&tied);
}

static void a_join_table_that_is_not_there_is_told(void **state)
{
    static const char *const child_columns[] = {"child", "part"};
    entc_relation_desc desc = ENTC_MANY_TO_MANY("children", "links", "parent", NULL, NULL);
    struct fixture *f = *state;
    struct tied tied;

    open_tied(&tied, f);
    desc.child_columns = child_columns;
    desc.child_count = 2;
    assert_tied(f, tied.parents, tied.children, &desc,
                "public.links: declared as the join table of a relation to the rows of entity "
                "\"Child\", live there is none; create it, or correct `through` and its schema in "
                "the relation's descriptor\n");
    close_tied(&tied);
}

static void keys_of_several_columns_want_an_index_that_begins_with_all(void **state)
{
    static const char *const served[] = {"part", "id"};
    static const char *const bare[] = {"word", "bare"};
    entc_relation_desc desc = ENTC_HAS_MANY("children", NULL, NULL);
    struct fixture *f = *state;
    struct tied tied;

    open_tied(&tied, f);
    desc.foreign_columns = served;
    desc.foreign_count = 2;
    assert_tied(f, tied.pairs, tied.children, &desc, "");
    desc.foreign_columns = bare;
    assert_tied(f, tied.pairs, tied.children, &desc,
                "public.children: declared with the foreign columns (\"word\", \"bare\") of a "
                "relation, live no index begins with them; CREATE INDEX ON \"public\".\"children\" "
                "(\"word\",\"bare\",\"id\",\"part\")\n");
    close_tied(&tied);
}

static void belongs_to_is_compared_where_it_starts_and_wants_no_index(void **state)
{
    entc_relation_desc desc = ENTC_BELONGS_TO("parent", "bare");
    struct fixture *f = *state;
    struct tied tied;

    open_tied(&tied, f);
    assert_tied(f, tied.children, tied.parents, &desc, "");
    desc.foreign_column = "priced";
    assert_tied(f, tied.children, tied.parents, &desc,
                "public.children.priced: declared ENTC_INT64 to hold the other's key, live "
                "numeric; " KEY_TYPES);
    close_tied(&tied);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_relation_that_is_right_gives_no_line),
        IN_BOTH_DRIVES(a_missing_index_is_told_with_the_one_that_would_serve),
        IN_BOTH_DRIVES(columns_that_are_not_as_declared_are_told),
        IN_BOTH_DRIVES(a_join_table_is_compared_column_by_column),
        IN_BOTH_DRIVES(a_join_table_that_is_not_there_is_told),
        IN_BOTH_DRIVES(keys_of_several_columns_want_an_index_that_begins_with_all),
        IN_BOTH_DRIVES(belongs_to_is_compared_where_it_starts_and_wants_no_index),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
