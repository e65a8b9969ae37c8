/* Proves that every statement that finds rows by a link is served by indexes, on tables of 100,000
 * rows, and gives exactly what its plan promises: the plan is that of the statement and parameters
 * that the port sends. */
#include "postgres/internal.h"
#include "postgres_rig.h"
#include "test.h"

#include <stdio.h>

static struct test_postgres server;

/* 1000 playlists and 100,000 tracks; each playlist has 100 of them, in places 1 to 100. Tracks are
 * of 5000 albums, whose key has two parts. */
static int start(void **state)
{
    (void)state;
    test_postgres_shared(&server);
    test_postgres_sql(
        &server,
        "CREATE TABLE tracks (id bigint PRIMARY KEY, slug text UNIQUE, site integer,"
        " label text COLLATE \"C\", disc integer, gone boolean NOT NULL, title text);"
        "CREATE UNIQUE INDEX ON tracks (site, label); CREATE INDEX tracks_of ON tracks (disc, id);"
        "CREATE INDEX tracks_of_both ON tracks (disc, site, id);"
        "INSERT INTO tracks SELECT i, 'slug ' || i, i % 7, 'label ' || i, i % 5000, i % 100 = 0,"
        " md5(i::text) FROM generate_series(1, 100000) AS i;"
        "CREATE TABLE entries (playlist integer, track bigint, place integer,"
        " PRIMARY KEY (playlist, place));"
        "CREATE INDEX entries_by_track ON entries (playlist, track);"
        "INSERT INTO entries SELECT p, 1 + (p::bigint * 7919 + k * 9973) % 100000, k"
        " FROM generate_series(1, 1000) AS p, generate_series(1, 100) AS k;"
        "ANALYZE tracks; ANALYZE entries");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_postgres_drop(&server);
    return 0;
}

static const entc_field track_fields[] = {
    RIG_FIELD("id", ENTC_INT64, ENTC_KEY), RIG_FIELD("slug", ENTC_TEXT, 0),
    RIG_FIELD("site", ENTC_INT64, 0), RIG_FIELD("label", ENTC_TEXT, 0),
    RIG_FIELD("disc", ENTC_INT64, 0)};

static const char *const playlist_column[] = {"playlist"};
static const char *const track_column[] = {"track"};
static const char *const both_columns[] = {"disc", "site"};
static const char *const unique_columns[] = {"site", "label"};
static const uint32_t one_type[] = {ENTC_INT64};
static const uint32_t two_numbers[] = {ENTC_INT64, ENTC_INT64};
static const uint32_t number_and_text[] = {ENTC_INT64, ENTC_TEXT};

static const struct db_link of_playlist = {.columns = playlist_column,
                                           .types = one_type,
                                           .count = 1,
                                           .schema = "public",
                                           .table = "entries",
                                           .child_columns = track_column};
static const struct db_link of_both = {.columns = both_columns, .types = two_numbers, .count = 2};
static const struct db_link by_label = {
    .columns = unique_columns, .types = number_and_text, .count = 2};

#define KEYS 1000

/* Keys n and, of two parts, what `second` says. */
static void make_keys(entc_value *keys, size_t count, uint32_t parts, uint32_t second, char *texts)
{
    for (size_t i = 0; i < count; i++) {
        keys[i * parts] = (entc_value){.type = ENTC_INT64, .as.int64 = (int64_t)(i + 1)};
        if (parts == 1)
            continue;
        keys[i * parts + 1] = (entc_value){.type = ENTC_INT64, .as.int64 = (int64_t)((i + 1) % 7)};
        if (second != ENTC_TEXT)
            continue;
        keys[i * parts].as.int64 = (int64_t)((i + 1) % 7);
        snprintf(texts + 32 * i, 32, "label %zu", i + 1);
        keys[i * parts + 1] = (entc_value){.type = ENTC_TEXT,
                                           .length = (uint32_t)strlen(texts + 32 * i),
                                           .as.text = texts + 32 * i};
    }
}

/* The plan names `index`, and reads no table from its beginning to its end. */
static void assert_plan(const struct db_query *query, const char *index)
{
    PGconn *connection = PQconnectdb(server.conninfo);
    struct postgres_params params;
    struct buffer sql;
    struct buffer bytes;
    char plan[16384] = "";
    PGresult *result = NULL;

    buffer_init(&sql, base_default_allocator());
    buffer_init(&bytes, base_default_allocator());
    assert_true(postgres_sql_write(&bytes, query));
    assert_true(buffer_append_format(&sql, "EXPLAIN %s", bytes.bytes));
    assert_non_null(buffer_text(&sql));
    assert_int_equal(postgres_params_write(&params, &bytes, query), ENTC_OK);
    result = PQexecParams(connection, sql.bytes, params.count, params.types, params.values,
                          params.lengths, params.formats, 0);
    for (int i = 0; i < PQntuples(result); i++)
        snprintf(plan + strlen(plan), sizeof(plan) - strlen(plan), "%s\n",
                 PQgetvalue(result, i, 0));
    if (!strstr(plan, index) || strstr(plan, "Seq Scan"))
        test_fail("%s\n%s%s", sql.bytes, plan, PQresultErrorMessage(result));
    PQclear(result);
    PQfinish(connection);
    buffer_fini(&sql);
    buffer_fini(&bytes);
}

static const size_t counts[] = {1, 20, KEYS};
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

static void assert_plans(struct db_query *query, uint32_t second, const char *index)
{
    static char texts[32 * KEYS];
    static entc_value keys[2 * KEYS];
    struct schema_model *model = postgres_rig_model(NULL, "tracks", track_fields, 5);

    query->model = model;
    query->ids = keys;
    make_keys(keys, KEYS, query->link->count, second, texts);
    for (size_t i = 0; i < COUNTS; i++) {
        query->id_count = counts[i];
        assert_plan(query, index);
    }
    postgres_rig_model_free(model);
}

static void a_page_through_a_join_table_is_read_off_its_index(void **state)
{
    const struct db_order by_place[] = {{"place", false, true}};
    struct db_query query = {.kind = DB_PAGES, .link = &of_playlist, .limit = 3};

    (void)state;
    assert_plans(&query, ENTC_NULL, "entries_by_track");
    query.order = by_place;
    query.order_count = 1;
    assert_plans(&query, ENTC_NULL, "entries_pkey");
}

static void an_order_by_the_children_looks_up_each_of_them(void **state)
{
    const struct db_order by_title[] = {{"title", true, false}};
    struct db_query query = {
        .kind = DB_PAGES, .link = &of_playlist, .limit = 3, .order = by_title, .order_count = 1};

    (void)state;
    assert_plans(&query, ENTC_NULL, "tracks_pkey");
}

static void cursors_through_a_join_table_are_read_off_its_index(void **state)
{
    static entc_value after[2 * KEYS];
    const struct db_order by_place[] = {{"place", false, true}};
    struct db_query query = {.kind = DB_PAGES,
                             .link = &of_playlist,
                             .limit = 3,
                             .order = by_place,
                             .order_count = 1,
                             .after = after};

    (void)state;
    for (size_t i = 0; i < 2 * KEYS; i++)
        after[i] = (entc_value){.type = ENTC_TEXT, .length = 2, .as.text = "50"};
    assert_plans(&query, ENTC_NULL, "entries_pkey");
}

static void all_through_a_join_table_is_read_off_its_index(void **state)
{
    const struct db_order by_place[] = {{"place", false, true}};
    struct db_query query = {
        .kind = DB_PAGES, .link = &of_playlist, .order = by_place, .order_count = 1};
    struct schema_model *model = postgres_rig_model(NULL, "tracks", track_fields, 5);
    const entc_value keys[] = {{.type = ENTC_INT64, .as.int64 = 1},
                               {.type = ENTC_INT64, .as.int64 = 2},
                               {.type = ENTC_INT64, .as.int64 = 3}};

    (void)state;
    query.model = model;
    query.ids = keys;
    query.id_count = 3;
    assert_plan(&query, "entries_");
    postgres_rig_model_free(model);
}

static void keys_of_several_columns_are_read_off_their_index(void **state)
{
    struct db_query query = {.kind = DB_PAGES, .link = &of_both, .limit = 3};

    (void)state;
    assert_plans(&query, ENTC_INT64, "tracks_of_both");
    query.limit = 0;
    assert_plans(&query, ENTC_INT64, "tracks_of_both");
}

static void lookups_use_the_unique_index(void **state)
{
    struct db_query query = {.kind = DB_LOOKUP, .link = &by_label, .limit = 2};

    (void)state;
    assert_plans(&query, ENTC_TEXT, "tracks_site_label_idx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_through_a_join_table_is_read_off_its_index),
        cmocka_unit_test(an_order_by_the_children_looks_up_each_of_them),
        cmocka_unit_test(cursors_through_a_join_table_are_read_off_its_index),
        cmocka_unit_test(all_through_a_join_table_is_read_off_its_index),
        cmocka_unit_test(keys_of_several_columns_are_read_off_their_index),
        cmocka_unit_test(lookups_use_the_unique_index),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
