/* How a ledger is read while others write it: the names of what is counted, and snapshots. Accounts
 * are only ever added at the end, so a walk may let go of the lock between two of them. */
#include "observe/report.h"

#include <stdio.h>

const char *const report_counter_names[TALLY_COUNT] = {
#define NAME(suffix, member, text) [TALLY_##suffix] = text,
    TALLY_LIST(NAME)
#undef NAME
};

const char *const report_why_codes[WHY_COUNT] = {
#define CODE(suffix, code, words) [WHY_##suffix] = code,
    WHY_LIST(CODE)
#undef CODE
};

const char *const report_why_words[WHY_COUNT] = {
#define WORDS(suffix, code, words) [WHY_##suffix] = words,
    WHY_LIST(WORDS)
#undef WORDS
};

const char *const report_limit_names[LEDGER_LIMITS] = {"max_sql_queries", "max_redis_commands",
                                                       "max_rows"};

const char *const report_shape_names[] = {"by id", "list", "pages", "keys"};

static bool has_counted(const struct account *account)
{
    for (size_t i = 0; i < TALLY_COUNT; i++)
        if (report_account_count(account, (enum tally_counter)i) > 0)
            return true;
    return false;
}

struct account *report_next(struct ledger *ledger, const struct account *after)
{
    struct account *next = NULL;

    if (after == &ledger->others)
        return NULL;
    pthread_mutex_lock(&ledger->lock);
    next = after ? after->next : ledger->first;
    pthread_mutex_unlock(&ledger->lock);
    if (!next && has_counted(&ledger->others))
        next = &ledger->others;
    return next;
}

uint32_t report_shapes(const struct account *account, struct account_shape out[ACCOUNT_SHAPES])
{
    uint32_t count = 0;

    pthread_mutex_lock(&account->ledger->lock);
    count = account->shape_count;
    memcpy(out, account->shapes, count * sizeof(*out));
    pthread_mutex_unlock(&account->ledger->lock);
    return count;
}

void report_account_name(const struct account *account, char out[REPORT_NAME_SIZE])
{
    if (!account->name)
        snprintf(out, REPORT_NAME_SIZE, "(others)");
    else if (account->parents[0])
        snprintf(out, REPORT_NAME_SIZE, "%s.%s", account->parents, account->name);
    else
        snprintf(out, REPORT_NAME_SIZE, "%s", account->name);
    text_one_line(out);
}

uint64_t report_account_count(const struct account *account, enum tally_counter counter)
{
    return atomic_load_explicit(&account->counts[counter], memory_order_relaxed);
}

uint64_t report_total(const struct ledger *ledger, enum tally_counter counter)
{
    return atomic_load_explicit(&ledger->total->counts[counter], memory_order_relaxed);
}

bool report_limit_is_near(const struct ledger *ledger, enum ledger_limit limit,
                          uint64_t *ret_charged)
{
    const uint64_t most = ledger->limits[limit];

    *ret_charged = atomic_load_explicit(&ledger->charged[limit], memory_order_relaxed);
    return most > 0 && *ret_charged >= most - most / 5;
}
