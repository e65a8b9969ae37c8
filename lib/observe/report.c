/* The report as JSON for GraphQL's `extensions`. Counters are exact up to 2^64 - 1. The request's
 * members are always there; of its parts only those that are not 0, since a report travels with
 * each answer. */
#include "observe/report.h"

#include "observe/document.h"

#include <inttypes.h>
#include <stdio.h>

#define MEAN_SIZE 2 /* the decimal behind its point */
#define WORDS_SIZE 64
#define REPORT_TYPICAL_SIZE 4096

/* ---- accounts ---- */

/* Keys per batch with one decimal. */
static void write_mean(struct buffer *buffer, const struct account *account)
{
    const uint64_t batches = report_account_count(account, TALLY_BATCHES);
    const uint64_t ids = report_account_count(account, TALLY_BATCH_IDS);
    uint64_t tenths = 0;
    char digits[MEAN_SIZE];

    if (batches == 0)
        return;
    tenths = (ids * 10 + batches / 2) / batches;
    document_number(buffer, "meanBatch", tenths / 10);
    digits[0] = '.';
    digits[1] = (char)('0' + tenths % 10);
    buffer_append(buffer, digits, 2);
}

static bool has_twin(struct ledger *ledger, const struct account *account)
{
    for (struct account *other = report_next(ledger, NULL); other;
         other = report_next(ledger, other))
        if (other != account && other->kind == account->kind && other->name && account->name &&
            strcmp(other->name, account->name) == 0)
            return true;
    return false;
}

/* By its plain name; two relations of one name by those of their parents too. */
static void write_account(struct buffer *buffer, struct ledger *ledger,
                          const struct account *account)
{
    char full[REPORT_NAME_SIZE];
    const char *name = account->name;

    if (!name || has_twin(ledger, account)) {
        report_account_name(account, full);
        name = full;
    }
    document_begin(buffer, name, '{');
    for (size_t i = 0; i < TALLY_COUNT; i++) {
        const uint64_t count = report_account_count(account, (enum tally_counter)i);

        if (count > 0)
            document_number(buffer, report_counter_names[i], count);
    }
    write_mean(buffer, account);
    document_end(buffer, '}');
}

static void write_accounts(struct buffer *buffer, struct ledger *ledger)
{
    static const char *const names[ACCOUNT_KINDS] = {"entities", "relations", "loaders"};

    for (uint32_t kind = 0; kind < ACCOUNT_KINDS; kind++) {
        document_begin(buffer, names[kind], '{');
        for (struct account *account = report_next(ledger, NULL); account;
             account = report_next(ledger, account))
            if (account->kind == kind)
                write_account(buffer, ledger, account);
        document_end(buffer, '}');
    }
}

/* ---- why, and suspects ---- */

static void write_why(struct buffer *buffer, const char *code, const char *of, uint64_t count,
                      const char *words)
{
    document_begin(buffer, NULL, '{');
    document_text(buffer, "code", code);
    document_text(buffer, "of", of);
    document_number(buffer, "count", count);
    document_text(buffer, "words", words);
    document_end(buffer, '}');
}

static void write_whys_of(struct buffer *buffer, const struct account *account)
{
    char name[REPORT_NAME_SIZE];

    for (size_t i = 0; i < WHY_COUNT; i++) {
        const uint64_t count = atomic_load_explicit(&account->whys[i], memory_order_relaxed);

        if (count == 0)
            continue;
        report_account_name(account, name);
        write_why(buffer, report_why_codes[i], name, count, report_why_words[i]);
    }
}

static void write_near_limits(struct buffer *buffer, const struct ledger *ledger)
{
    char words[WORDS_SIZE];
    uint64_t charged = 0;

    for (size_t i = 0; i < LEDGER_LIMITS; i++) {
        if (!report_limit_is_near(ledger, (enum ledger_limit)i, &charged))
            continue;
        snprintf(words, sizeof(words), "%" PRIu64 " of %" PRIu64 " are taken", charged,
                 ledger->limits[i]);
        write_why(buffer, "limit_near", report_limit_names[i], charged, words);
    }
}

static void write_suspects_of(struct buffer *buffer, const struct account *account)
{
    char name[REPORT_NAME_SIZE];

    for (size_t i = 0; i < ACCOUNT_SHAPES; i++) {
        struct report_suspect found;

        if (!report_is_suspect(account, i, &found))
            continue;
        report_account_name(account, name);
        document_begin(buffer, NULL, '{');
        document_text(buffer, "of", name);
        document_text(buffer, "shape", found.shape);
        document_number(buffer, "batches", found.batches);
        document_number(buffer, "singles", found.singles);
        document_end(buffer, '}');
    }
}

/* An array with what `write` has to say of each account; still open. */
static void begin_array(struct buffer *buffer, const char *name, struct ledger *ledger,
                        void (*write)(struct buffer *buffer, const struct account *account))
{
    document_begin(buffer, name, '[');
    for (struct account *account = report_next(ledger, NULL); account;
         account = report_next(ledger, account))
        write(buffer, account);
}

/* ---- the document ---- */

static void write_totals(struct buffer *buffer, const struct ledger *ledger, int64_t elapsed_us)
{
    for (size_t i = 0; i < TALLY_COUNT; i++)
        document_number(buffer, report_counter_names[i],
                        report_total(ledger, (enum tally_counter)i));
    document_number(buffer, "microseconds", elapsed_us > 0 ? (uint64_t)elapsed_us : 0);
}

bool ledger_report(struct ledger *ledger, int64_t elapsed_us, struct buffer *buffer)
{
    buffer_clear(buffer);
    buffer_reserve(buffer, REPORT_TYPICAL_SIZE);
    document_begin(buffer, NULL, '{');
    document_begin(buffer, "dataFetching", '{');
    write_totals(buffer, ledger, elapsed_us);
    write_accounts(buffer, ledger);
    begin_array(buffer, "why", ledger, write_whys_of);
    write_near_limits(buffer, ledger);
    document_end(buffer, ']');
    begin_array(buffer, "suspects", ledger, write_suspects_of);
    document_end(buffer, ']');
    document_end(buffer, '}');
    document_end(buffer, '}');
    if (!buffer->failed)
        return true;
    buffer_clear(buffer);
    return false;
}
