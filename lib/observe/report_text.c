/* The report for people: one screen of at most 80 columns. A line for the request, one for each
 * entity and relation, and below only what is worth a look: what else was counted, why, which limit
 * is near, and what looks like an n+1. Columns stand under each other whatever the numbers. */
#include "observe/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define NAME_COLUMNS 15
#define WIDTH 80
#define CELL_SIZE 32
#define LINE_SIZE 512

/* ---- cells ---- */

/* At most six characters: 99999, 123.4k, 12.3M. */
static void write_count(char out[CELL_SIZE], uint64_t count)
{
    static const char units[] = "kMGTPE";
    double number = (double)count;
    size_t unit = 0;

    if (count < 100000) {
        snprintf(out, CELL_SIZE, "%" PRIu64, count);
        return;
    }
    number /= 1000;
    while (number >= 999.95) {
        number /= 1000;
        unit++;
    }
    snprintf(out, CELL_SIZE, "%.1f%c", number, units[unit]);
}

/* Milliseconds. */
static void write_time(char out[CELL_SIZE], uint64_t microseconds)
{
    if (microseconds < 10000000)
        snprintf(out, CELL_SIZE, "%.2f", (double)microseconds / 1000);
    else
        write_count(out, microseconds / 1000);
}

static void write_mean(char out[CELL_SIZE], uint64_t ids, uint64_t batches)
{
    const double mean = batches > 0 ? (double)ids / (double)batches : 0;

    if (batches == 0)
        snprintf(out, CELL_SIZE, "-");
    else if (mean < 1000)
        snprintf(out, CELL_SIZE, "%.1f", mean);
    else
        write_count(out, (uint64_t)mean);
}

static void append_cell(struct buffer *buffer, int width, const char *cell)
{
    buffer_append_format(buffer, " %*s", width, cell);
}

static void append_count(struct buffer *buffer, int width, uint64_t count)
{
    char cell[CELL_SIZE];

    write_count(cell, count);
    append_cell(buffer, width, cell);
}

static void append_time(struct buffer *buffer, int width, uint64_t microseconds)
{
    char cell[CELL_SIZE];

    write_time(cell, microseconds);
    append_cell(buffer, width, cell);
}

/* Bytes of the first `columns` characters of UTF-8. */
static size_t cut(const char *text, size_t columns, size_t *ret_columns)
{
    size_t bytes = 0;

    for (*ret_columns = 0; text[bytes] && *ret_columns < columns; ++*ret_columns)
        do
            bytes++;
        while (((unsigned char)text[bytes] & 0xC0) == 0x80);
    return bytes;
}

/* Exactly so many columns; a longer name ends in '~'. */
static void append_name(struct buffer *buffer, const char *name)
{
    size_t columns = 0;
    size_t bytes = cut(name, NAME_COLUMNS, &columns);

    if (name[bytes]) {
        bytes = cut(name, NAME_COLUMNS - 1, &columns);
        buffer_append(buffer, name, bytes);
        buffer_append_char(buffer, '~');
        return;
    }
    buffer_append(buffer, name, bytes);
    for (; columns < NAME_COLUMNS; columns++)
        buffer_append_char(buffer, ' ');
}

/* A line that begins with a word; what is wider than the screen is cut. */
static void append_line(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append_line(struct buffer *buffer, const char *format, ...)
{
    char line[LINE_SIZE] = "";
    size_t columns = 0;
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(line, sizeof(line), format, arguments) < 0)
        line[0] = '\0';
    va_end(arguments);
    text_one_line(line);
    buffer_append(buffer, line, cut(line, WIDTH, &columns));
    buffer_append_char(buffer, '\n');
}

/* ---- the table ---- */

static void append_head(struct buffer *buffer, const struct ledger *ledger, int64_t elapsed_us)
{
    char elapsed[CELL_SIZE];
    char sql[CELL_SIZE];
    char redis[CELL_SIZE];

    write_time(elapsed, elapsed_us > 0 ? (uint64_t)elapsed_us : 0);
    write_time(sql, report_total(ledger, TALLY_SQL_US));
    write_time(redis, report_total(ledger, TALLY_REDIS_US));
    append_line(
        buffer,
        "request %s ms: SQL %" PRIu64 " (%" PRIu64 " rows, %s ms), Redis %" PRIu64
        " (%s ms), errors %" PRIu64,
        elapsed, report_total(ledger, TALLY_SQL_QUERIES), report_total(ledger, TALLY_SQL_ROWS), sql,
        report_total(ledger, TALLY_REDIS_COMMANDS), redis, report_total(ledger, TALLY_ERRORS));
}

static void append_titles(struct buffer *buffer)
{
    append_name(buffer, "");
    append_cell(buffer, 7, "batches");
    append_cell(buffer, 6, "mean");
    append_cell(buffer, 6, "hits");
    append_cell(buffer, 6, "misses");
    append_cell(buffer, 5, "SQL");
    append_cell(buffer, 6, "rows");
    append_cell(buffer, 6, "bytes");
    append_cell(buffer, 8, "Redis ms");
    append_cell(buffer, 6, "SQL ms");
    buffer_append_char(buffer, '\n');
}

static void append_account(struct buffer *buffer, const struct account *account)
{
    const uint64_t batches = report_account_count(account, TALLY_BATCHES);
    const bool has_entities = account->kind == ACCOUNT_ENTITY;
    char name[REPORT_NAME_SIZE];
    char mean[CELL_SIZE];

    report_account_name(account, name);
    write_mean(mean, report_account_count(account, TALLY_BATCH_IDS), batches);
    append_name(buffer, name);
    append_count(buffer, 7, batches);
    append_cell(buffer, 6, mean);
    if (has_entities) {
        append_count(buffer, 6, report_account_count(account, TALLY_HITS));
        append_count(buffer, 6, report_account_count(account, TALLY_MISSES));
    } else {
        append_cell(buffer, 6, "-");
        append_cell(buffer, 6, "-");
    }
    append_count(buffer, 5, report_account_count(account, TALLY_SQL_QUERIES));
    append_count(buffer, 6, report_account_count(account, TALLY_SQL_ROWS));
    append_count(buffer, 6,
                 report_account_count(account, TALLY_REDIS_BYTES) +
                     report_account_count(account, TALLY_SQL_BYTES));
    append_time(buffer, 8, report_account_count(account, TALLY_REDIS_US));
    append_time(buffer, 6, report_account_count(account, TALLY_SQL_US));
    buffer_append_char(buffer, '\n');
}

/* ---- what is worth a look ---- */

/* Counters that have no column: shown where they are not 0. */
static const struct {
    enum tally_counter counter;
    const char *one;
    const char *many;
} extras[] = {
    {TALLY_LOADS, "load", "loads"},
    {TALLY_LOAD_BATCHES, "batch of loads", "batches of loads"},
    {TALLY_LOAD_MEMO_HITS, "remembered", "remembered"},
    {TALLY_LOAD_COALESCED, "load coalesced", "loads coalesced"},
    {TALLY_COALESCED, "coalesced", "coalesced"},
    {TALLY_NEGATIVES, "known to be absent", "known to be absent"},
    {TALLY_ABSENTS, "absent", "absent"},
    {TALLY_FILLS_REFUSED, "fill refused", "fills refused"},
    {TALLY_HEALED, "healed", "healed"},
    {TALLY_UNCACHEABLE, "uncacheable", "uncacheable"},
    {TALLY_DENIED, "denied", "denied"},
    {TALLY_LIMITED, "over a limit", "over a limit"},
    {TALLY_ERRORS, "error", "errors"},
};

static void append_extras(struct buffer *buffer, const struct account *account)
{
    char line[LINE_SIZE] = "";
    char name[REPORT_NAME_SIZE];
    size_t length = 0;

    for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
        const uint64_t count = report_account_count(account, extras[i].counter);

        if (count > 0 && length < sizeof(line))
            length += (size_t)snprintf(line + length, sizeof(line) - length, "%s %" PRIu64 " %s",
                                       length > 0 ? "," : "", count,
                                       count == 1 ? extras[i].one : extras[i].many);
    }
    report_account_name(account, name);
    if (length > 0)
        append_line(buffer, "also %s:%s", name, line);
}

static void append_whys(struct buffer *buffer, const struct account *account)
{
    char name[REPORT_NAME_SIZE];

    report_account_name(account, name);
    for (size_t i = 0; i < WHY_COUNT; i++) {
        const uint64_t count = atomic_load_explicit(&account->whys[i], memory_order_relaxed);

        if (count > 0)
            append_line(buffer, "why %s: %s x%" PRIu64 ": %s", report_why_codes[i], name, count,
                        report_why_words[i]);
    }
}

static void append_limits(struct buffer *buffer, const struct ledger *ledger)
{
    for (size_t i = 0; i < LEDGER_LIMITS; i++) {
        uint64_t charged = 0;

        if (report_limit_is_near(ledger, (enum ledger_limit)i, &charged))
            append_line(buffer, "why limit_near: %s: %" PRIu64 " of %" PRIu64 " are taken",
                        report_limit_names[i], charged, ledger->limits[i]);
    }
}

static void append_suspects(struct buffer *buffer, const struct account *account)
{
    char name[REPORT_NAME_SIZE];

    report_account_name(account, name);
    for (size_t i = 0; i < ACCOUNT_SHAPES; i++) {
        struct report_suspect found;

        if (report_is_suspect(account, i, &found))
            append_line(buffer, "n+1 suspect: %s %s: %" PRIu64 " batches of one", name, found.shape,
                        found.singles);
    }
}

bool ledger_report_text(struct ledger *ledger, int64_t elapsed_us, struct buffer *buffer)
{
    static void (*const parts[])(struct buffer *, const struct account *) = {
        append_account, append_extras, append_whys, append_suspects};

    buffer_clear(buffer);
    append_head(buffer, ledger, elapsed_us);
    if (report_next(ledger, NULL))
        append_titles(buffer);
    for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
        for (struct account *account = report_next(ledger, NULL); account;
             account = report_next(ledger, account))
            parts[part](buffer, account);
        if (parts[part] == append_whys)
            append_limits(buffer, ledger);
    }
    if (!buffer->failed)
        return true;
    buffer_clear(buffer);
    return false;
}

/* ---- one line for an error ---- */

void ledger_story(struct ledger *ledger, char *out, size_t size)
{
    size_t length = 0;

    out[0] = '\0';
    for (struct account *account = report_next(ledger, NULL); account && length < size;
         account = report_next(ledger, account)) {
        const uint64_t queries = report_account_count(account, TALLY_SQL_QUERIES);
        char name[REPORT_NAME_SIZE];

        if (queries == 0)
            continue;
        report_account_name(account, name);
        length += (size_t)snprintf(out + length, size - length, "%s%s: %" PRIu64,
                                   length > 0 ? ", " : "", name, queries);
    }
}
