/* Tallies: the counters of a request or an engine, shared by reference. Each counter is true by
 * itself; a reader beside a writer may see one counter before another. */
#include "observe.h"

/* The counters as release 0.1 had them, the shortest size there is. It stays when entc_counters
 * grows. */
#define COUNTERS_SIZE_FIRST (offsetof(entc_counters, load_coalesced) + sizeof(uint64_t))
/* Far above what will ever be; a larger size is a struct that was not initialised. */
#define COUNTERS_SIZE_MAX 4096u

_Static_assert(sizeof(entc_counters) ==
                   offsetof(entc_counters, sql_queries) + TALLY_COUNT * sizeof(uint64_t),
               "every member of entc_counters is in TALLY_LIST");

struct tally *tally_new(const entc_allocator *allocator)
{
    struct tally *tally = base_allocate(allocator, sizeof(*tally));

    if (!tally)
        return NULL;
    atomic_init(&tally->references, 1);
    tally->allocator = *allocator;
    for (size_t i = 0; i < TALLY_COUNT; i++)
        atomic_init(&tally->counts[i], 0);
    return tally;
}

struct tally *tally_ref(struct tally *tally)
{
    if (tally)
        atomic_fetch_add_explicit(&tally->references, 1, memory_order_relaxed);
    return tally;
}

/* Release and acquire: all that others did with it happens before it is freed. */
void tally_unref(struct tally *tally)
{
    if (!tally || atomic_fetch_sub_explicit(&tally->references, 1, memory_order_acq_rel) != 1)
        return;

    const entc_allocator allocator = tally->allocator;
    base_release(&allocator, tally);
}

static void snapshot(const struct tally *tally, entc_counters *ret_counters)
{
#define READ(suffix, member, text) \
    ret_counters->member =         \
        atomic_load_explicit(&tally->counts[TALLY_##suffix], memory_order_relaxed);
    TALLY_LIST(READ)
#undef READ
}

entc_status tally_read(const struct tally *tally, entc_counters *ret_counters, entc_error **reterr)
{
    entc_counters counters = {0};
    size_t size = 0;
    size_t known = 0;

    if (!ret_counters) {
        error_set(reterr, ENTC_E_INVALID, "argument", "ret_counters is NULL");
        error_hint(reterr, "pass the address of an entc_counters");
        return ENTC_E_INVALID;
    }
    size = ret_counters->struct_size;
    if (size < COUNTERS_SIZE_FIRST || size > COUNTERS_SIZE_MAX ||
        size % _Alignof(entc_counters) != 0) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "ret_counters->struct_size is %zu, which no release had", size);
        error_hint(reterr, "set it to sizeof(entc_counters) before the call");
        return ENTC_E_INVALID;
    }
    snapshot(tally, &counters);
    known = size < sizeof(counters) ? size : sizeof(counters);
    memset((char *)ret_counters + known, 0, size - known);
    memcpy(ret_counters, &counters, known);
    ret_counters->struct_size = size;
    return ENTC_OK;
}
