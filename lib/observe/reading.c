/* How a ledger is read while others write it: the names of what is counted, and the walk. */
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
    next = atomic_load_explicit(after ? &after->next : &ledger->first, memory_order_acquire);
    if (!next && has_counted(&ledger->others))
        next = &ledger->others;
    return next;
}

bool report_is_suspect(const struct account *account, size_t place,
                       struct report_suspect *ret_suspect)
{
    static const char *const names[] = {[SHAPE_BY_ID] = "by id",
                                        [SHAPE_LIST] = "list",
                                        [SHAPE_PAGES] = "pages",
                                        [SHAPE_KEYS] = "keys"};
    const struct account_shape *shape = &account->shapes[place];
    const uint64_t key = atomic_load_explicit(&shape->key, memory_order_acquire);

    if (key == 0)
        return false;
    ret_suspect->shape = names[report_shape_kind(key)];
    ret_suspect->singles = atomic_load_explicit(&shape->singles, memory_order_relaxed);
    ret_suspect->batches = atomic_load_explicit(&shape->runs, memory_order_relaxed);
    return ret_suspect->singles >= REPORT_SUSPECT_RUNS;
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
