/* The report as JSON for GraphQL's `extensions`, built by cJSON. cJSON keeps numbers as doubles, so
 * counters go in as raw decimal text: every one is exact up to 2^64 - 1. The request's members are
 * always there; of its parts only those that are not 0, since a report travels with each answer. */
#include "observe/report.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

#define DIGITS_SIZE 32
#define WORDS_SIZE 256
#define REPORT_TYPICAL_SIZE 4096

/* A report has about a hundred of these, so they are written without snprintf, and the name, which
 * must be a constant, is not copied. */
static bool add_number(cJSON *object, const char *name, uint64_t number)
{
    char digits[DIGITS_SIZE];
    char *first = digits + sizeof(digits) - 1;

    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return cJSON_AddItemToObjectCS(object, name, cJSON_CreateRaw(first));
}

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return cJSON_AddStringToObject(object, name, text) != NULL;
}

/* An object at the end of the array; NULL when memory is out. */
static cJSON *add_element(cJSON *array)
{
    cJSON *object = cJSON_CreateObject();

    if (object && !cJSON_AddItemToArray(array, object)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

/* ---- accounts ---- */

/* Keys per batch with one decimal. */
static bool add_mean(cJSON *object, const struct account *account)
{
    const uint64_t batches = report_account_count(account, TALLY_BATCHES);
    const uint64_t ids = report_account_count(account, TALLY_BATCH_IDS);
    char digits[DIGITS_SIZE];

    if (batches == 0)
        return true;
    snprintf(digits, sizeof(digits), "%.1f", (double)ids / (double)batches);
    return cJSON_AddRawToObject(object, "meanBatch", digits) != NULL;
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
static bool add_account(cJSON *object, struct ledger *ledger, const struct account *account)
{
    char full[REPORT_NAME_SIZE];
    cJSON *own = NULL;

    report_account_name(account, full);
    own = cJSON_AddObjectToObject(
        object, account->name && !has_twin(ledger, account) ? account->name : full);
    if (!own)
        return false;
    for (size_t i = 0; i < TALLY_COUNT; i++) {
        const uint64_t count = report_account_count(account, (enum tally_counter)i);

        if (count > 0 && !add_number(own, report_counter_names[i], count))
            return false;
    }
    return add_mean(own, account);
}

static bool add_accounts(cJSON *object, struct ledger *ledger)
{
    static const char *const names[ACCOUNT_KINDS] = {"entities", "relations", "loaders"};
    cJSON *kinds[ACCOUNT_KINDS] = {NULL, NULL, NULL};

    for (size_t i = 0; i < ACCOUNT_KINDS; i++) {
        kinds[i] = cJSON_AddObjectToObject(object, names[i]);
        if (!kinds[i])
            return false;
    }
    for (struct account *account = report_next(ledger, NULL); account;
         account = report_next(ledger, account))
        if (!add_account(kinds[account->kind], ledger, account))
            return false;
    return true;
}

/* ---- why, and suspects ---- */

static bool add_whys_of(cJSON *array, const struct account *account)
{
    char name[REPORT_NAME_SIZE];

    report_account_name(account, name);
    for (size_t i = 0; i < WHY_COUNT; i++) {
        const uint64_t count = atomic_load_explicit(&account->whys[i], memory_order_relaxed);
        cJSON *why = NULL;

        if (count == 0)
            continue;
        why = add_element(array);
        if (!why || !add_text(why, "code", report_why_codes[i]) || !add_text(why, "of", name) ||
            !add_number(why, "count", count) || !add_text(why, "words", report_why_words[i]))
            return false;
    }
    return true;
}

static bool add_near_limit(cJSON *array, const char *limit, uint64_t charged, uint64_t most)
{
    cJSON *why = add_element(array);
    char words[WORDS_SIZE];

    snprintf(words, sizeof(words), "%" PRIu64 " of %" PRIu64 " are taken", charged, most);
    return why && add_text(why, "code", "limit_near") && add_text(why, "of", limit) &&
           add_number(why, "count", charged) && add_text(why, "words", words);
}

static bool add_whys(cJSON *object, struct ledger *ledger)
{
    cJSON *array = cJSON_AddArrayToObject(object, "why");
    uint64_t charged = 0;

    if (!array)
        return false;
    for (struct account *account = report_next(ledger, NULL); account;
         account = report_next(ledger, account))
        if (!add_whys_of(array, account))
            return false;
    for (size_t i = 0; i < LEDGER_LIMITS; i++)
        if (report_limit_is_near(ledger, (enum ledger_limit)i, &charged) &&
            !add_near_limit(array, report_limit_names[i], charged, ledger->limits[i]))
            return false;
    return true;
}

static bool add_suspects_of(cJSON *array, const struct account *account)
{
    char name[REPORT_NAME_SIZE];

    report_account_name(account, name);
    for (size_t i = 0; i < ACCOUNT_SHAPES; i++) {
        struct report_suspect found;
        cJSON *suspect = NULL;

        if (!report_is_suspect(account, i, &found))
            continue;
        suspect = add_element(array);
        if (!suspect || !add_text(suspect, "of", name) ||
            !add_text(suspect, "shape", found.shape) ||
            !add_number(suspect, "batches", found.batches) ||
            !add_number(suspect, "singles", found.singles))
            return false;
    }
    return true;
}

static bool add_suspects(cJSON *object, struct ledger *ledger)
{
    cJSON *array = cJSON_AddArrayToObject(object, "suspects");

    if (!array)
        return false;
    for (struct account *account = report_next(ledger, NULL); account;
         account = report_next(ledger, account))
        if (!add_suspects_of(array, account))
            return false;
    return true;
}

/* ---- the document ---- */

static bool add_total(cJSON *object, const struct ledger *ledger, int64_t elapsed_us)
{
    for (size_t i = 0; i < TALLY_COUNT; i++)
        if (!add_number(object, report_counter_names[i],
                        report_total(ledger, (enum tally_counter)i)))
            return false;
    return add_number(object, "microseconds", elapsed_us > 0 ? (uint64_t)elapsed_us : 0);
}

bool ledger_report(struct ledger *ledger, int64_t elapsed_us, struct buffer *buffer)
{
    cJSON *document = cJSON_CreateObject();
    cJSON *object = cJSON_AddObjectToObject(document, "dataFetching");
    char *text = NULL;

    buffer_clear(buffer);
    if (object && add_total(object, ledger, elapsed_us) && add_accounts(object, ledger) &&
        add_whys(object, ledger) && add_suspects(object, ledger))
        text = cJSON_PrintBuffered(document, REPORT_TYPICAL_SIZE, false);
    cJSON_Delete(document);
    if (!text)
        return false;
    buffer_append_text(buffer, text);
    cJSON_free(text);
    if (!buffer->failed)
        return true;
    buffer_clear(buffer);
    return false;
}
