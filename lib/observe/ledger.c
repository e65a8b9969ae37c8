/* The ledger of a request: one account for each entity, relation and loader that it asked.
 *
 * An operation finds its account once, when it is made; from then on a count is two additions and
 * needs no lock. Accounts go by name, so a repository that is freed and made again goes on with the
 * same one. Memory is bounded: LEDGER_ACCOUNTS_MAX accounts, ACCOUNT_SHAPES shapes in each; what is
 * beyond is counted in `others`, or not at all as a shape. Nothing here fails: a report that lacks
 * a line is better than a request that fails for it. */
#include "observe/report.h"

#include <inttypes.h>

/* ---- life ---- */

static void account_init(struct account *account, struct ledger *ledger, enum account_kind kind)
{
    account->ledger = ledger;
    account->kind = kind;
    for (size_t i = 0; i < TALLY_COUNT; i++)
        atomic_init(&account->counts[i], 0);
    for (size_t i = 0; i < WHY_COUNT; i++)
        atomic_init(&account->whys[i], 0);
    atomic_init(&account->flights, 0);
}

struct ledger *ledger_new(const entc_allocator *allocator, struct tally *total,
                          const uint64_t limits[LEDGER_LIMITS])
{
    struct ledger *ledger = base_allocate_zeroed(allocator, sizeof(*ledger));

    if (!ledger)
        return NULL;
    if (pthread_mutex_init(&ledger->lock, NULL)) {
        base_release(allocator, ledger);
        return NULL;
    }
    atomic_init(&ledger->references, 1);
    ledger->allocator = *allocator;
    ledger->total = tally_ref(total);
    ledger->end = &ledger->first;
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
    while ((account = ledger->first) != NULL) {
        ledger->first = account->next;
        base_release(&allocator, account);
    }
    pthread_mutex_destroy(&ledger->lock);
    tally_unref(ledger->total);
    base_release(&allocator, ledger);
}

/* ---- accounts ---- */

static struct account *find_locked(const struct ledger *ledger, enum account_kind kind,
                                   const char *parents, const char *name)
{
    struct account *account = ledger->first;

    while (account && (account->kind != kind || strcmp(account->name, name) != 0 ||
                       strcmp(account->parents, parents) != 0))
        account = account->next;
    return account;
}

/* One block with its texts. */
static struct account *add_locked(struct ledger *ledger, enum account_kind kind,
                                  const char *parents, const char *name)
{
    const size_t name_size = strlen(name) + 1;
    const size_t parents_size = strlen(parents) + 1;
    struct account *account = NULL;

    if (ledger->count >= LEDGER_ACCOUNTS_MAX)
        return NULL;
    account = base_allocate_zeroed(&ledger->allocator, sizeof(*account) + name_size + parents_size);
    if (!account)
        return NULL;
    account_init(account, ledger, kind);
    account->name = (char *)(account + 1);
    account->parents = account->name + name_size;
    memcpy(account->name, name, name_size);
    memcpy(account->parents, parents, parents_size);
    *ledger->end = account;
    ledger->end = &account->next;
    ledger->count++;
    return account;
}

struct account *ledger_account(struct ledger *ledger, enum account_kind kind, const char *parents,
                               const char *name)
{
    struct account *account = NULL;

    if (!ledger)
        return NULL;
    pthread_mutex_lock(&ledger->lock);
    account = find_locked(ledger, kind, parents ? parents : "", name);
    if (!account)
        account = add_locked(ledger, kind, parents ? parents : "", name);
    pthread_mutex_unlock(&ledger->lock);
    return account ? account : &ledger->others;
}

/* ---- shapes ---- */

/* NULL when there is no room for one more. */
static struct account_shape *shape_locked(struct account *account, enum shape_kind kind,
                                          uint64_t hash)
{
    struct account_shape *shapes = account->shapes;
    bool is_other_shape = false;

    for (uint32_t i = 0; i < account->shape_count; i++) {
        if (shapes[i].kind == kind && shapes[i].hash == hash)
            return &shapes[i];
        is_other_shape = is_other_shape || shapes[i].kind == kind;
    }
    if (is_other_shape && kind == SHAPE_PAGES)
        account_why(account, WHY_BATCH_SHAPE, 1);
    if (account->shape_count == ACCOUNT_SHAPES)
        return NULL;
    shapes[account->shape_count] = (struct account_shape){.hash = hash, .kind = kind};
    return &shapes[account->shape_count++];
}

void account_run(struct account *account, enum shape_kind kind, uint64_t hash, uint64_t keys)
{
    struct account_shape *shape = NULL;

    /* What shares an account has no shape of its own. */
    if (!account || !account->name)
        return;
    pthread_mutex_lock(&account->ledger->lock);
    shape = shape_locked(account, kind, hash);
    if (shape) {
        shape->runs++;
        shape->singles += keys == 1;
    }
    pthread_mutex_unlock(&account->ledger->lock);
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
