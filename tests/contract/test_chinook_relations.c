/* Every kind of relation on the Chinook database, each walked for all its parents at once, forwards
 * and backwards to the end, and compared row by row with one plain statement. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name, type, flags)         \
    {                                    \
        name, type, flags, 0, 0, 0, NULL \
    }
#define ENTITY(name, fields)                                                             \
    {                                                                                    \
        sizeof(entc_entity_desc), name, 0, fields, sizeof(fields) / sizeof((fields)[0]), \
            sizeof((fields)[0])                                                          \
    }

/* ---- the tables ---- */

/* Of each the key, a text that the tests compare, and what others are found by. */

static const entc_field artist_fields[] = {FIELD("artist_id", ENTC_INT64, ENTC_KEY),
                                           FIELD("name", ENTC_TEXT, ENTC_NULLABLE)};
static const entc_field album_fields[] = {FIELD("album_id", ENTC_INT64, ENTC_KEY),
                                          FIELD("title", ENTC_TEXT, 0),
                                          FIELD("artist_id", ENTC_INT64, 0)};
static const entc_field track_fields[] = {FIELD("track_id", ENTC_INT64, ENTC_KEY),
                                          FIELD("name", ENTC_TEXT, 0),
                                          FIELD("album_id", ENTC_INT64, ENTC_NULLABLE)};
static const entc_field playlist_fields[] = {FIELD("playlist_id", ENTC_INT64, ENTC_KEY),
                                             FIELD("name", ENTC_TEXT, ENTC_NULLABLE)};
static const entc_field employee_fields[] = {FIELD("employee_id", ENTC_INT64, ENTC_KEY),
                                             FIELD("last_name", ENTC_TEXT, 0),
                                             FIELD("reports_to", ENTC_INT64, ENTC_NULLABLE)};
static const entc_field customer_fields[] = {FIELD("customer_id", ENTC_INT64, ENTC_KEY),
                                             FIELD("email", ENTC_TEXT, 0),
                                             FIELD("support_rep_id", ENTC_INT64, ENTC_NULLABLE)};
static const entc_field invoice_fields[] = {FIELD("invoice_id", ENTC_INT64, ENTC_KEY),
                                            FIELD("billing_city", ENTC_TEXT, ENTC_NULLABLE),
                                            FIELD("customer_id", ENTC_INT64, 0)};
static const entc_field line_fields[] = {FIELD("invoice_line_id", ENTC_INT64, ENTC_KEY),
                                         FIELD("unit_price", ENTC_TEXT, 0),
                                         FIELD("track_id", ENTC_INT64, 0)};

enum table { ARTIST, ALBUM, TRACK, PLAYLIST, EMPLOYEE, CUSTOMER, INVOICE, LINE, TABLES };

static const entc_entity_desc entities[TABLES] = {
    ENTITY("Artist", artist_fields),     ENTITY("Album", album_fields),
    ENTITY("Track", track_fields),       ENTITY("Playlist", playlist_fields),
    ENTITY("Employee", employee_fields), ENTITY("Customer", customer_fields),
    ENTITY("Invoice", invoice_fields),   ENTITY("InvoiceLine", line_fields)};

static const char *const names[TABLES] = {"artist",   "album",    "track",   "playlist",
                                          "employee", "customer", "invoice", "invoice_line"};

static BaseCacheRepository *repositories[TABLES];

static char *read_chinook(void)
{
    const char *support = getenv("ENTC_TEST_SUPPORT");
    char path[512];
    char *text = NULL;
    size_t length = 0;
    FILE *file = NULL;

    snprintf(path, sizeof(path), "%s/../../examples/data/chinook/Chinook_PostgreSql_SerialPKs.sql",
             support ? support : ".");
    file = fopen(path, "r");
    assert_non_null(file);
    text = calloc(1, 1 << 20);
    assert_non_null(text);
    length = fread(text, 1, (1 << 20) - 1, file);
    assert_true(length > 500000 && feof(file));
    fclose(file);
    return text;
}

/* The three lines that make a database of its own, and connect to it, become blank. */
static void blank_lines(char *text, const char *begin)
{
    for (char *at = text; (at = strstr(at, begin)) != NULL;)
        for (; *at && *at != '\n'; at++)
            *at = ' ';
}

static int start(void **state)
{
    char *text = read_chinook();

    fixture_start(state);
    blank_lines(text, "DROP DATABASE ");
    blank_lines(text, "CREATE DATABASE ");
    blank_lines(text, "\\c ");
    test_postgres_sql(&fixture_of_program()->postgres, text);
    free(text);
    return 0;
}

static int open_chinook(void **state)
{
    struct fixture *f = NULL;

    fixture_open(state);
    f = *state;
    for (size_t i = 0; i < TABLES; i++) {
        const entc_model_desc model = ENTC_MODEL(names[i]);

        assert_ok(f, entc_repository_new(f->engine, &model, &entities[i], NULL, &repositories[i],
                                         &f->error));
    }
    return 0;
}

static int close_chinook(void **state)
{
    for (size_t i = 0; i < TABLES; i++)
        entc_repository_free(repositories[i]);
    return fixture_close(state);
}

/* ---- rows as text: "parent:child=text" ---- */

struct text {
    char *bytes;
    size_t length;
    size_t capacity;
};

static void append_row(struct text *text, int64_t parent, const entc_page *page, size_t index)
{
    entc_value id = {0};
    entc_value words = {0};

    assert_int_equal(entc_page_status(page, index), ENTC_OK);
    assert_int_equal(entc_page_id(page, index, 0, &id), ENTC_OK);
    assert_int_equal(entc_entity_get(entc_page_entity(page, index), 1, &words), ENTC_OK);
    if (text->capacity - text->length < words.length + 64) {
        text->capacity = 2 * text->capacity + words.length + 64;
        text->bytes = realloc(text->bytes, text->capacity);
        assert_non_null(text->bytes);
    }
    text->length += (size_t)snprintf(text->bytes + text->length, text->capacity - text->length,
                                     "%lld:%lld=%s\n", (long long)parent, (long long)id.as.int64,
                                     words.type == ENTC_NULL ? "~" : words.as.text);
}

/* What a plain statement says: `rows` gives columns p, c and t, and n, which numbers them. */
static void assert_rows(struct fixture *f, const struct text *text, const char *rows)
{
    char sql[1024];
    char *expected = NULL;

    snprintf(sql, sizeof(sql),
             "SELECT string_agg(format(E'%%s:%%s=%%s\\n', p, c, coalesce(t, '~')), '' ORDER BY n)"
             " FROM (%s) AS rows",
             rows);
    expected = test_postgres_text(&f->postgres, sql);
    assert_non_null(expected);
    if (strcmp(text->bytes, expected) != 0)
        test_fail("walked:\n%.2000s\nplain:\n%.2000s", text->bytes, expected);
    free(expected);
}

/* ---- walking ---- */

struct walk {
    int64_t id;
    entc_page **pages; /* in the order in which they came */
    size_t count;
    entc_buffer *cursor;
    bool is_over;
};

static void keep_page(struct fixture *f, struct walk *walk, entc_page *page, bool is_backwards)
{
    const size_t count = entc_page_count(page);

    walk->pages = realloc(walk->pages, (walk->count + 1) * sizeof(entc_page *));
    assert_non_null(walk->pages);
    walk->pages[walk->count++] = page;
    walk->is_over = !(is_backwards ? entc_page_has_previous(page) : entc_page_has_next(page));
    if (!walk->is_over)
        assert_ok(f, entc_page_cursor(page, is_backwards ? 0 : count - 1, walk->cursor, &f->error));
}

/* The next page of every parent that has more. */
static void step(struct fixture *f, entc_relation *relation, struct walk *walks, size_t count,
                 int32_t size, bool is_backwards)
{
    entc_value *keys = calloc(count, sizeof(*keys));
    entc_page_args *args = calloc(count, sizeof(*args));
    entc_page **pages = calloc(count, sizeof(entc_page *));
    size_t asked = 0;

    assert_true(keys && args && pages);
    for (size_t i = 0; i < count; i++) {
        const entc_page_args part = ENTC_PAGE_ARGS_INIT;
        const char *cursor = walks[i].count > 0 ? entc_buffer_text(walks[i].cursor) : NULL;

        if (walks[i].is_over)
            continue;
        keys[asked] = fixture_id(walks[i].id);
        args[asked] = part;
        *(is_backwards ? &args[asked].last : &args[asked].first) = size + (int32_t)(i % 3);
        *(is_backwards ? &args[asked].before : &args[asked].after) = cursor;
        asked++;
    }
    assert_ok(f, entc_relation_get_each(relation, keys, asked, args, sizeof(*args), NULL, pages,
                                        NULL, &f->error));
    asked = 0;
    for (size_t i = 0; i < count; i++)
        if (!walks[i].is_over)
            keep_page(f, &walks[i], pages[asked++], is_backwards);
    free(keys);
    free(args);
    free(pages);
}

static bool are_over(const struct walk *walks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!walks[i].is_over)
            return false;
    return true;
}

/* Writes the rows of all parents, and ends the walks. */
static void write_walks(struct walk *walks, size_t count, bool is_backwards, struct text *text)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t p = 0; p < walks[i].count; p++) {
            entc_page *page = walks[i].pages[is_backwards ? walks[i].count - 1 - p : p];

            for (size_t row = 0; row < entc_page_count(page); row++)
                append_row(text, walks[i].id, page, row);
        }
        for (size_t p = 0; p < walks[i].count; p++)
            entc_page_unref(walks[i].pages[p]);
        free(walks[i].pages);
        entc_buffer_free(walks[i].cursor);
    }
}

static entc_page *list_all(struct fixture *f, enum table table)
{
    entc_page_args args = ENTC_PAGE_ARGS_INIT;
    entc_page *page = NULL;

    args.flags = ENTC_PAGE_ALL;
    assert_ok(f, entc_repository_list(repositories[table], &args, NULL, &page, &f->error));
    return page;
}

static void walk_and_compare(struct fixture *f, enum table parents, entc_relation *relation,
                             int32_t size, bool is_backwards, const char *rows)
{
    entc_page *all = list_all(f, parents);
    const size_t count = entc_page_count(all);
    struct walk *walks = calloc(count, sizeof(*walks));
    struct text text = {NULL, 0, 0};

    assert_non_null(walks);
    for (size_t i = 0; i < count; i++) {
        entc_value id;

        assert_int_equal(entc_page_id(all, i, 0, &id), ENTC_OK);
        walks[i].id = id.as.int64;
        assert_ok(f, entc_buffer_new(&walks[i].cursor));
    }
    entc_page_unref(all);
    while (!are_over(walks, count))
        step(f, relation, walks, count, size, is_backwards);
    write_walks(walks, count, is_backwards, &text);
    free(walks);
    assert_rows(f, &text, rows);
    free(text.bytes);
}

static void both_ways(struct fixture *f, enum table parents, enum table children,
                      const entc_relation_desc *desc, int32_t size, const char *rows)
{
    entc_relation *relation = NULL;
    entc_buffer *report = NULL;

    assert_ok(f, entc_relation_new(repositories[parents], repositories[children], desc, &relation,
                                   &f->error));
    assert_ok(f, entc_buffer_new(&report));
    assert_ok(f, entc_relation_check(relation, NULL, report, &f->error));
    entc_buffer_free(report);
    walk_and_compare(f, parents, relation, size, false, rows);
    walk_and_compare(f, parents, relation, size, true, rows);
    entc_relation_free(relation);
}

static void artists_albums_and_tracks(void **state)
{
    const entc_order by_composer[] = {{"composer", 1, 0}, {"milliseconds", 0, 0}};
    const entc_relation_desc albums = ENTC_HAS_MANY("albums", "artist_id", "title");
    entc_relation_desc tracks = ENTC_HAS_MANY("tracks", "album_id", NULL);

    both_ways(*state, ARTIST, ALBUM, &albums, 2,
              "SELECT artist_id AS p, album_id AS c, title AS t,"
              " row_number() OVER (ORDER BY artist_id, title, album_id) AS n FROM album");
    tracks.order = by_composer;
    tracks.order_count = 2;
    tracks.order_size = sizeof(by_composer[0]);
    both_ways(*state, ALBUM, TRACK, &tracks, 3,
              "SELECT album_id AS p, track_id AS c, name AS t, row_number() OVER"
              " (ORDER BY album_id, composer DESC, milliseconds, track_id) AS n FROM track");
}

static void playlists_and_tracks_in_both_directions(void **state)
{
    const entc_order by_track[] = {{"track_id", 1, ENTC_ORDER_THROUGH}};
    const entc_relation_desc playlists =
        ENTC_MANY_TO_MANY("playlists", "playlist_track", "track_id", "playlist_id", "name");
    entc_relation_desc tracks =
        ENTC_MANY_TO_MANY("tracks", "playlist_track", "playlist_id", "track_id", "name");

    both_ways(*state, PLAYLIST, TRACK, &tracks, 700,
              "SELECT playlist_id AS p, track_id AS c, name AS t, row_number() OVER"
              " (ORDER BY playlist_id, name, track_id) AS n"
              " FROM playlist_track JOIN track USING (track_id)");
    tracks.order_column = NULL;
    tracks.order = by_track;
    tracks.order_count = 1;
    tracks.order_size = sizeof(by_track[0]);
    both_ways(*state, PLAYLIST, TRACK, &tracks, 900,
              "SELECT playlist_id AS p, track_id AS c, name AS t, row_number() OVER"
              " (ORDER BY playlist_id, track_id DESC) AS n"
              " FROM playlist_track JOIN track USING (track_id)");
    both_ways(*state, TRACK, PLAYLIST, &playlists, 2,
              "SELECT track_id AS p, playlist_id AS c, name AS t, row_number() OVER"
              " (ORDER BY track_id, name, playlist_id) AS n"
              " FROM playlist_track JOIN playlist USING (playlist_id)");
}

static void employees_and_those_who_report_to_them(void **state)
{
    const entc_relation_desc reports = ENTC_HAS_MANY("reports", "reports_to", "last_name");

    both_ways(*state, EMPLOYEE, EMPLOYEE, &reports, 1,
              "SELECT reports_to AS p, employee_id AS c, last_name AS t, row_number() OVER"
              " (ORDER BY reports_to, last_name, employee_id) AS n FROM employee"
              " WHERE reports_to IS NOT NULL");
}

static void customers_invoices_and_lines(void **state)
{
    const entc_order latest[] = {{"invoice_date", 1, 0}, {"total", 0, 0}};
    const entc_relation_desc lines = ENTC_HAS_MANY("lines", "invoice_id", NULL);
    entc_relation_desc invoices = ENTC_HAS_MANY("invoices", "customer_id", NULL);

    invoices.order = latest;
    invoices.order_count = 2;
    invoices.order_size = sizeof(latest[0]);
    both_ways(*state, CUSTOMER, INVOICE, &invoices, 3,
              "SELECT customer_id AS p, invoice_id AS c, billing_city AS t, row_number() OVER"
              " (ORDER BY customer_id, invoice_date DESC, total, invoice_id) AS n FROM invoice");
    both_ways(*state, INVOICE, LINE, &lines, 4,
              "SELECT invoice_id AS p, invoice_line_id AS c, unit_price::text AS t, row_number()"
              " OVER (ORDER BY invoice_id, invoice_line_id) AS n FROM invoice_line");
}

/* ---- belongs-to ---- */

static void belongs(struct fixture *f, enum table table, enum table other, const char *column,
                    const char *rows)
{
    const entc_relation_desc desc = ENTC_BELONGS_TO("other", column);
    const entc_page_args one = ENTC_FIRST(1);
    entc_page *all = list_all(f, table);
    const size_t count = entc_page_count(all);
    entc_page **pages = calloc(count, sizeof(entc_page *));
    struct text text = {NULL, 0, 0};
    entc_relation *relation = NULL;
    entc_request *request = NULL;

    assert_non_null(pages);
    assert_ok(f, entc_relation_new(repositories[table], repositories[other], &desc, &relation,
                                   &f->error));
    assert_ok(f, entc_relation_check(relation, NULL, NULL, &f->error));
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    assert_ok(f, entc_request_pages(request, relation, all, &one, pages, count, &f->error));
    for (size_t i = 0; i < count; i++) {
        entc_value id;

        assert_int_equal(entc_page_id(all, i, 0, &id), ENTC_OK);
        if (entc_page_count(pages[i]) > 0)
            append_row(&text, id.as.int64, pages[i], 0);
        entc_page_unref(pages[i]);
    }
    assert_rows(f, &text, rows);
    free(text.bytes);
    free(pages);
    entc_page_unref(all);
    entc_request_free(request);
    entc_relation_free(relation);
}

static void what_every_row_belongs_to(void **state)
{
    belongs(*state, ALBUM, ARTIST, "artist_id",
            "SELECT album_id AS p, artist_id AS c, name AS t, row_number() OVER (ORDER BY album_id)"
            " AS n FROM album JOIN artist USING (artist_id)");
    belongs(*state, TRACK, ALBUM, "album_id",
            "SELECT track_id AS p, album_id AS c, title AS t, row_number() OVER (ORDER BY track_id)"
            " AS n FROM track JOIN album USING (album_id)");
    belongs(*state, LINE, TRACK, "track_id",
            "SELECT invoice_line_id AS p, track_id AS c, name AS t, row_number() OVER"
            " (ORDER BY invoice_line_id) AS n FROM invoice_line JOIN track USING (track_id)");
    belongs(*state, CUSTOMER, EMPLOYEE, "support_rep_id",
            "SELECT customer_id AS p, employee_id AS c, e.last_name AS t, row_number() OVER"
            " (ORDER BY customer_id) AS n FROM customer JOIN employee e"
            " ON employee_id = support_rep_id");
    belongs(*state, EMPLOYEE, EMPLOYEE, "reports_to",
            "SELECT e.employee_id AS p, b.employee_id AS c, b.last_name AS t, row_number() OVER"
            " (ORDER BY e.employee_id) AS n FROM employee e JOIN employee b"
            " ON b.employee_id = e.reports_to");
}

/* clang-format off */
#define WITH_CHINOOK(test)                                                     \
    {#test " (waiters)", test, open_chinook, close_chinook, &fixture_waiters}, \
    {#test " (host)", test, open_chinook, close_chinook, &fixture_host}
/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CHINOOK(artists_albums_and_tracks),
        WITH_CHINOOK(playlists_and_tracks_in_both_directions),
        WITH_CHINOOK(employees_and_those_who_report_to_them),
        WITH_CHINOOK(customers_invoices_and_lines),
        WITH_CHINOOK(what_every_row_belongs_to),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
