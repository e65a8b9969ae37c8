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
extern const char *const report_shape_names[]; /* by enum shape_kind */

/* Longest name that report_account_name() writes, with its NUL. */
#define REPORT_NAME_SIZE 160

/* The account after this one, the first after NULL; `others` at the end if it has counted. */
struct account *report_next(struct ledger *ledger, const struct account *after);
/* The shapes as they are now. */
uint32_t report_shapes(const struct account *account, struct account_shape out[ACCOUNT_SHAPES]);
/* "Campaign", "Campaign.events", "(others)". */
void report_account_name(const struct account *account, char out[REPORT_NAME_SIZE]);
uint64_t report_account_count(const struct account *account, enum tally_counter counter);
uint64_t report_total(const struct ledger *ledger, enum tally_counter counter);
/* Whether at least four fifths of a limit are charged. */
bool report_limit_is_near(const struct ledger *ledger, enum ledger_limit limit,
                          uint64_t *ret_charged);

#endif
