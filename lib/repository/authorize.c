/* What a request may have: its host is asked for each entity that is handed out.
 *
 * Invariant: nothing is remembered of an answer. The cache, shared batches and other requests never
 * learn of a denial; the same entity is asked for again whenever it is handed out again. */
#include "repository/repository.h"

static void count_denied(struct entc_request *request, const struct entc_entity *entity)
{
    struct account *account =
        ledger_account(request->ledger, ACCOUNT_ENTITY, NULL, entity->type->name);

    account_count(request->engine_tally, account, TALLY_DENIED, 1);
}

/* Once the host has freed its request, nobody is left who could allow it. */
static bool allows(struct entc_request *request, struct entc_repository_impl *impl,
                   const struct entc_entity *entity)
{
    BaseCacheRepository *owner = impl ? atomic_load(&impl->owner) : NULL;

    return !atomic_load(&request->is_freed) &&
           request->authorize(request, owner, entity, request->user) == ENTC_OK;
}

entc_status repository_authorize(struct entc_request *request, struct entc_repository_impl *impl,
                                 const struct entc_entity *entity)
{
    if (!request || !request->authorize || !entity || allows(request, impl, entity))
        return ENTC_OK;
    count_denied(request, entity);
    return ENTC_E_FORBIDDEN;
}

entc_status repository_op_deliver(entc_op *base, struct entc_request *request,
                                  struct entc_repository_impl *impl,
                                  struct entc_entity **ret_entities, entc_status *ret_statuses,
                                  size_t count)
{
    const struct entities_op *op = repository_entities_op(base);
    entc_status status = repository_op_take(base, ret_entities, ret_statuses, count);

    if (status)
        return status;
    request = request ? request : op->request;
    impl = impl ? impl : op->impl;
    for (size_t i = 0; i < count; i++) {
        const entc_status verdict = repository_authorize(request, impl, ret_entities[i]);

        if (verdict == ENTC_OK)
            continue;
        entity_unref(ret_entities[i]);
        ret_entities[i] = NULL;
        if (ret_statuses)
            ret_statuses[i] = verdict;
    }
    return ENTC_OK;
}
