/* The ledger of a request: one account for each entity, relation and loader that it asked.
 *
 * An operation finds its account once, when it is made; from then on a count is two additions.
 * Accounts go by name, so a repository that is freed and made again goes on with the same one. They
 * are only ever added, at the end, by a compare and swap: there is no lock that a forked child or a
 * reader could find taken. Memory is bounded: LEDGER_ACCOUNTS_MAX accounts, ACCOUNT_SHAPES shapes
 * in each; what is beyond is counted in `others`, or not at all as a shape. Nothing here fails: a
 * report that lacks a line is better than a request that fails for it. */
#include "observe/report.h"

#include <inttypes.h>

/* ---- life ---- */

static void account_init(struct account *account, struct ledger *ledger, enum account_kind kind)
{
    account->ledger = ledger;
    account->kind = kind;
    atomic_init(&account->next, NULL);
    for (size_t i = 0; i < TALLY_COUNT; i++)
        atomic_init(&account->counts[i], 0);
    for (size_t i = 0; i < WHY_COUNT; i++)
        atomic_init(&account->whys[i], 0);
    atomic_init(&account->flights, 0);
    for (size_t i = 0; i < ACCOUNT_SHAPES; i++) {
        atomic_init(&account->shapes[i].key, 0);
        atomic_init(&account->shapes[i].runs, 0);
        atomic_init(&account->shapes[i].singles, 0);
    }
}

struct ledger *ledger_new(const entc_allocator *allocator, struct tally *total,
                          const uint64_t limits[LEDGER_LIMITS])
{
    struct ledger *ledger = base_allocate_zeroed(allocator, sizeof(*ledger));

    if (!ledger)
        return NULL;
    atomic_init(&ledger->references, 1);
    ledger->allocator = *allocator;
    ledger->total = tally_ref(total);
    atomic_init(&ledger->first, NULL);
    atomic_init(&ledger->count, 0);
    account_init(&ledger->others, ledger, ACCOUNT_ENTITY);
    for (size_t i = 0; i < LEDGER_LIMITS; i++) {
        atomic_init(&ledger->charged[i], 0);
        ledger->limits[i] = limits ? limits[i] : 0;
        ledger->has_limits = ledger->has_limits || ledger->limits[i] > 0;
    }
    return ledger;
}

struct ledger *ledger_ref(struct ledger *ledger)
{
    if (ledger)
        atomic_fetch_add_explicit(&ledger->references, 1, memory_order_relaxed);
    return ledger;
}

/* Release and acquire: all that others did with it happens before it is freed. */
void ledger_unref(struct ledger *ledger)
{
    struct account *account = NULL;

    if (!ledger || atomic_fetch_sub_explicit(&ledger->references, 1, memory_order_acq_rel) != 1)
        return;

    const entc_allocator allocator = ledger->allocator;
    while ((account = atomic_load(&ledger->first)) != NULL) {
        atomic_store(&ledger->first, atomic_load(&account->next));
        base_release(&allocator, account);
    }
    tally_unref(ledger->total);
    base_release(&allocator, ledger);
}

/* ---- accounts ---- */

/* Who is sought, and where the walk ended. */
struct search {
    enum account_kind kind;
    const char *parents;
    const char *name;
    _Atomic(struct account *) *end;
};

/* Goes on from `end`; NULL when it came to the end of the list. */
static struct account *find(struct search *search)
{
    struct account *account = NULL;

    while ((account = atomic_load_explicit(search->end, memory_order_acquire)) != NULL) {
        if (account->kind == search->kind && strcmp(account->name, search->name) == 0 &&
            strcmp(account->parents, search->parents) == 0)
            return account;
        search->end = &account->next;
    }
    return NULL;
}

/* One block with its texts; NULL when there is no room or no memory. */
static struct account *account_new(struct ledger *ledger, const struct search *search)
{
    const size_t name_size = strlen(search->name) + 1;
    const size_t parents_size = strlen(search->parents) + 1;
    struct account *account = NULL;

    if (atomic_load(&ledger->count) >= LEDGER_ACCOUNTS_MAX)
        return NULL;
    account = base_allocate_zeroed(&ledger->allocator, sizeof(*account) + name_size + parents_size);
    if (!account)
        return NULL;
    account_init(account, ledger, search->kind);
    account->name = (char *)(account + 1);
    account->parents = account->name + name_size;
    memcpy(account->name, search->name, name_size);
    memcpy(account->parents, search->parents, parents_size);
    return account;
}

/* Another thread may add the same meanwhile; then that one is it. */
static struct account *add(struct ledger *ledger, struct search *search)
{
    struct account *account = account_new(ledger, search);
    struct account *expected = NULL;
    struct account *found = NULL;

    while (account && !found && !atomic_compare_exchange_strong(search->end, &expected, account)) {
        expected = NULL;
        found = find(search);
    }
    if (found)
        base_release(&ledger->allocator, account);
    else if (account)
        atomic_fetch_add(&ledger->count, 1);
    return found ? found : account;
}

struct account *ledger_account(struct ledger *ledger, enum account_kind kind, const char *parents,
                               const char *name)
{
    struct search search = {.kind = kind, .parents = parents ? parents : "", .name = name};
    struct account *account = NULL;

    if (!ledger)
        return NULL;
    search.end = &ledger->first;
    account = find(&search);
    if (!account)
        account = add(ledger, &search);
    return account ? account : &ledger->others;
}

/* ---- shapes ---- */

/* The shape of that key, in the first free place when it is new; NULL when there is no room. */
static struct account_shape *shape_of(struct account *account, uint64_t key)
{
    bool has_kin = false;

    for (size_t i = 0; i < ACCOUNT_SHAPES; i++) {
        struct account_shape *shape = &account->shapes[i];
        uint64_t there = 0;

        if (atomic_compare_exchange_strong(&shape->key, &there, key)) {
            if (has_kin && report_shape_kind(key) == SHAPE_PAGES)
                account_why(account, WHY_BATCH_SHAPE, 1);
            return shape;
        }
        if (there == key)
            return shape;
        has_kin = has_kin || report_shape_kind(there) == report_shape_kind(key);
    }
    if (report_shape_kind(key) == SHAPE_PAGES)
        account_why(account, WHY_BATCH_SHAPE, 1);
    return NULL;
}

void account_run(struct account *account, enum shape_kind kind, uint64_t hash, uint64_t keys)
{
    struct account_shape *shape = NULL;

    /* What shares an account has no shape of its own. */
    if (!account || !account->name)
        return;
    shape = shape_of(account, report_shape_key(kind, hash));
    if (!shape)
        return;
    atomic_fetch_add_explicit(&shape->runs, 1, memory_order_relaxed);
    if (keys == 1)
        atomic_fetch_add_explicit(&shape->singles, 1, memory_order_relaxed);
}

/* ---- limits ---- */

bool ledger_charge(struct ledger *ledger, enum ledger_limit limit, uint64_t amount)
{
    const uint64_t most = ledger->limits[limit];
    const uint64_t charged = atomic_load_explicit(&ledger->charged[limit], memory_order_relaxed);

    if (most == 0)
        return true;
    if (amount > most - charged)
        return false;
    atomic_store_explicit(&ledger->charged[limit], charged + amount, memory_order_relaxed);
    return true;
}

void ledger_refund(struct ledger *ledger, enum ledger_limit limit, uint64_t amount)
{
    if (ledger->limits[limit] > 0)
        atomic_fetch_sub_explicit(&ledger->charged[limit], amount, memory_order_relaxed);
}

entc_status account_refuse(struct account *account, enum ledger_limit limit, uint64_t amount,
                           const char *asked_by, entc_error **reterr)
{
    const struct ledger *ledger = account->ledger;
    const uint64_t charged = atomic_load_explicit(&ledger->charged[limit], memory_order_relaxed);

    error_set(reterr, ENTC_E_LIMIT, "engine",
              "%s: the request's %s is %" PRIu64 ", of which %" PRIu64
              " are taken, and this needs %" PRIu64 " more",
              asked_by, report_limit_names[limit], ledger->limits[limit], charged, amount);
    error_hint(reterr,
               "look at entc_request_report_text() for what took them, or raise "
               "entc_request_options.%s",
               report_limit_names[limit]);
    return ENTC_E_LIMIT;
}
