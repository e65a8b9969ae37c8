/* What the files of this room share: how a ledger is read while others write it. */
#ifndef ENTC_OBSERVE_REPORT_H
#define ENTC_OBSERVE_REPORT_H

#include "observe/observe.h"

/* As many batches of one key with one shape look like a loop that should have been a batch. */
#define REPORT_SUSPECT_RUNS 3u

extern const char *const report_counter_names[TALLY_COUNT];
extern const char *const report_why_codes[WHY_COUNT];
extern const char *const report_why_words[WHY_COUNT];
extern const char *const report_limit_names[LEDGER_LIMITS];

/* Longest name that report_account_name() writes, with its NUL. */
#define REPORT_NAME_SIZE 160

/* The account after this one, the first after NULL; `others` at the end if it has counted. */
struct account *report_next(struct ledger *ledger, const struct account *after);
/* "Campaign", "Campaign.events", "(others)". */
void report_account_name(const struct account *account, char out[REPORT_NAME_SIZE]);
uint64_t report_account_count(const struct account *account, enum tally_counter counter);
uint64_t report_total(const struct ledger *ledger, enum tally_counter counter);
/* A shape's key: never 0. */
static inline uint64_t report_shape_key(enum shape_kind kind, uint64_t hash)
{
    return hash << 3 | ((uint64_t)kind + 1);
}

static inline enum shape_kind report_shape_kind(uint64_t key)
{
    return (enum shape_kind)((key & 7) - 1);
}

/* What is asked again and again, one by one. */
struct report_suspect {
    const char *shape;
    uint64_t batches;
    uint64_t singles;
};

/* Whether the shape in that place looks like a loop; false also for a free place. */
bool report_is_suspect(const struct account *account, size_t place,
                       struct report_suspect *ret_suspect);
/* Whether at least four fifths of a limit are charged. */
bool report_limit_is_near(const struct ledger *ledger, enum ledger_limit limit,
                          uint64_t *ret_charged);

#endif
