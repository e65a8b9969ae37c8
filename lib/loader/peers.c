/* Peers: entities that came together, in the pages of one operation, are a *cohort*; what is asked
 * of one of them is loaded for all of them, so that a resolver that asks for one thing after the
 * other costs what it would cost to ask for all at once.
 *
 * Peers only ever load more: the load that asked goes its own way, so without memory, or for an
 * entity of no cohort, the answer is the same and only the cost is another. */
#include "loader/internal.h"

#define MEMBERS_MIN 64u

/* Refcounted: the request holds one until it is freed, who reads its keys another. */
struct loader_cohort {
    atomic_uint references;
    const entc_allocator *allocator;
    struct list link; /* (lock) in peers->cohorts */
    size_t count;
    struct entc_page *pages[]; /* a reference each, or NULL */
};

/* An entity, by its id in the page that brought it last. */
struct loader_member {
    struct loader_cohort *cohort; /* borrowed of peers->cohorts, as the page */
    const struct entc_page *page;
    size_t slot;
};

/* ---- cohorts ---- */

static struct loader_cohort *cohort_new(const entc_allocator *allocator,
                                        struct entc_page *const *pages, size_t count)
{
    struct loader_cohort *cohort = NULL;

    if (count > (SIZE_MAX - sizeof(*cohort)) / sizeof(cohort->pages[0]))
        return NULL;
    cohort = base_allocate_zeroed(allocator, sizeof(*cohort) + count * sizeof(cohort->pages[0]));
    if (!cohort)
        return NULL;
    atomic_init(&cohort->references, 1);
    cohort->allocator = allocator;
    cohort->count = count;
    for (size_t i = 0; i < count; i++)
        cohort->pages[i] = relation_page_ref(pages[i]);
    return cohort;
}

static struct loader_cohort *cohort_ref(struct loader_cohort *cohort)
{
    atomic_fetch_add_explicit(&cohort->references, 1, memory_order_relaxed);
    return cohort;
}

/* Not under the lock: pages go with it. NULL is accepted. */
static void cohort_unref(struct loader_cohort *cohort)
{
    if (!cohort || atomic_fetch_sub_explicit(&cohort->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < cohort->count; i++)
        relation_page_unref(cohort->pages[i]);
    base_release(cohort->allocator, cohort);
}

/* Slots, and so the most members and keys. */
static size_t cohort_slots(const struct loader_cohort *cohort)
{
    size_t slots = 0;

    for (size_t i = 0; i < cohort->count; i++)
        slots += cohort->pages[i] ? cohort->pages[i]->count : 0;
    return slots;
}

/* ---- who came with whom ---- */

void loader_peers_init(struct loader_peers *peers, const entc_allocator *allocator)
{
    *peers = (struct loader_peers){0};
    index_init(&peers->index, allocator);
    list_init(&peers->cohorts);
}

void loader_peers_fini(struct loader_peers *peers)
{
    base_release(peers->index.allocator, peers->members);
    index_fini(&peers->index);
}

void loader_peers_forget(struct loader_request *request)
{
    struct list *link = NULL;
    struct list cohorts;

    list_init(&cohorts);
    loader_lock(request);
    while ((link = list_pop(&request->peers.cohorts)) != NULL)
        list_push(&cohorts, link);
    index_clear(&request->peers.index);
    request->peers.count = 0;
    loader_unlock(request);
    while ((link = list_pop(&cohorts)) != NULL)
        cohort_unref(BASE_CONTAINER(link, struct loader_cohort, link));
}

struct sought {
    const struct loader_peers *peers;
    const struct entc_repository_impl *impl;
    const entc_value *id;
};

static bool has_id(const void *context, uint32_t number)
{
    const struct sought *sought = context;
    const struct loader_member *member = &sought->peers->members[number];
    const uint32_t parts = sought->impl->type->key_count;

    return member->page->impl == sought->impl &&
           repository_id_equals(&member->page->ids[member->slot * parts], sought->id, parts);
}

static bool make_room(struct loader_peers *peers, size_t more)
{
    struct loader_member *members = NULL;
    uint32_t capacity = peers->capacity ? peers->capacity : MEMBERS_MIN;

    if (more > INDEX_NONE / 4 - peers->count)
        return false;
    while (capacity - peers->count < more)
        capacity *= 2;
    if (!index_reserve(&peers->index, peers->count + (uint32_t)more))
        return false;
    if (capacity == peers->capacity)
        return true;
    members = base_reallocate(peers->index.allocator, peers->members, capacity * sizeof(*members));
    if (!members)
        return false;
    peers->members = members;
    peers->capacity = capacity;
    return true;
}

/* (lock) There is room. Who was with others before is with these now. */
static void enlist(struct loader_request *request, struct loader_cohort *cohort,
                   const struct entc_page *page, size_t slot)
{
    struct loader_peers *peers = &request->peers;
    const uint32_t parts = page->type->key_count;
    const struct sought sought = {peers, page->impl, &page->ids[slot * parts]};
    const uint64_t hash = repository_id_hash(request->services, sought.id, parts);
    uint32_t number = index_find(&peers->index, hash, has_id, &sought);

    if (number == INDEX_NONE) {
        number = peers->count++;
        index_insert(&peers->index, hash, number);
    }
    peers->members[number] = (struct loader_member){cohort, page, slot};
}

/* What is absent, or was denied, is nobody's peer: nobody can ask on from it. */
static bool is_there(const struct entc_page *page, size_t slot)
{
    return page->is_ids_only || page->entities[slot];
}

/* (lock) There is room. */
static void enlist_all(struct loader_request *request, struct loader_cohort *cohort)
{
    list_push(&request->peers.cohorts, &cohort->link);
    for (size_t i = 0; i < cohort->count; i++) {
        const struct entc_page *page = cohort->pages[i];
        const size_t slots = page ? page->count : 0;

        for (size_t slot = 0; slot < slots; slot++) {
            if (is_there(page, slot))
                enlist(request, cohort, page, slot);
        }
    }
}

void loader_peers_add(struct entc_request *base, struct entc_page *const *pages, size_t count)
{
    struct loader_request *request = BASE_CONTAINER(base, struct loader_request, head);
    struct loader_cohort *cohort = NULL;
    bool is_kept = false;
    size_t slots = 0;

    if (!request->has_peers)
        return;
    cohort = cohort_new(engine_allocator(base->engine), pages, count);
    slots = cohort ? cohort_slots(cohort) : 0;
    if (slots > 0) {
        loader_lock(request);
        /* A request that is freed has forgotten them, or will. */
        is_kept = !atomic_load(&base->is_freed) && make_room(&request->peers, slots);
        if (is_kept)
            enlist_all(request, cohort);
        loader_unlock(request);
    }
    if (!is_kept)
        cohort_unref(cohort);
}

entc_status loader_deliver_pages(entc_op *op, struct entc_page **ret_pages,
                                 entc_status *ret_statuses, size_t count)
{
    struct entc_request *request = relation_op_request(op);
    entc_status status = relation_op_deliver(op, ret_pages, ret_statuses, count);

    if (!status && request)
        loader_peers_add(request, ret_pages, count);
    return status;
}

/* ---- loading for all ---- */

/* False for a slot that has no such key. */
static bool read_key(const struct entc_relation *relation, const struct entc_page *page,
                     size_t slot, entc_value *ret_key)
{
    const uint32_t parts = relation->link.count;

    if (page->entities[slot]) {
        relation_key_of(relation, page->entities[slot], ret_key);
        return true;
    }
    if (!is_there(page, slot) || relation->kind == ENTC_RELATION_BELONGS_TO)
        return false;
    memcpy(ret_key, &page->ids[slot * parts], parts * sizeof(*ret_key));
    return true;
}

static size_t read_keys(const struct entc_relation *relation, const struct loader_cohort *cohort,
                        entc_value *ret_keys)
{
    const uint32_t parts = relation->link.count;
    size_t count = 0;

    for (size_t i = 0; i < cohort->count; i++) {
        const struct entc_page *page = cohort->pages[i];
        const size_t slots = page ? page->count : 0;

        for (size_t slot = 0; slot < slots; slot++)
            count += read_key(relation, page, slot, &ret_keys[count * parts]);
    }
    return count;
}

/* Nobody waits for it: it is under way until its keys are known. */
static void load_all(struct entc_loader *loader, const struct loader_cohort *cohort,
                     const struct repository_call *call)
{
    const entc_allocator *allocator = loader_allocator(loader);
    entc_value *keys = base_allocate_array(allocator, cohort_slots(cohort),
                                           loader->relation->link.count * sizeof(*keys));
    entc_op *op = NULL;

    if (!keys)
        return;
    if (loader_load(loader, keys, read_keys(loader->relation, cohort, keys), false, call, &op,
                    NULL) == ENTC_OK)
        engine_op_unref(op);
    base_release(allocator, keys);
}

/* (lock) Those that came with it, a reference; NULL when there are none, or the key is known. */
static struct loader_cohort *find_cohort(const struct entc_loader *loader, const entc_value *key,
                                         const entc_value *id)
{
    const struct loader_peers *peers = &loader->request->peers;
    const struct entc_repository_impl *impl = loader->relation->parents;
    const struct sought sought = {peers, impl, id};
    uint32_t number = INDEX_NONE;

    if (loader_memo_find(loader, key, loader_key_hash(loader, key)))
        return NULL;
    number =
        index_find(&peers->index, repository_id_hash(impl->services, id, impl->type->key_count),
                   has_id, &sought);
    return number == INDEX_NONE ? NULL : cohort_ref(peers->members[number].cohort);
}

void loader_load_peers(struct entc_loader *loader, const entc_value *given,
                       const struct entc_entity *entity, const struct repository_call *call)
{
    const struct entc_relation *relation = loader->relation;
    struct loader_request *request = loader->request;
    struct loader_cohort *cohort = NULL;
    entc_value key[ENTC_LOADER_KEY_PARTS_MAX];
    entc_value id[ENTC_LOADER_KEY_PARTS_MAX];

    /* A guard that refuses batches lets single loads pass. */
    if (!request->has_peers || relation->guard == ENTC_GUARD_REFUSE ||
        relation_canonical_key(relation, given, key, NULL))
        return;
    if (entity)
        entity_id(entity, id);
    else if (relation->kind != ENTC_RELATION_BELONGS_TO)
        memcpy(id, key, relation->link.count * sizeof(*id));
    else
        return;
    loader_lock(request);
    cohort = find_cohort(loader, key, id);
    loader_unlock(request);
    if (cohort)
        load_all(loader, cohort, call);
    cohort_unref(cohort);
}
