/* What the repositories of an engine share, and the part of a request that this room needs: who
 * holds them, and how ids are compared. Both outlive their handles as long as an operation refers
 * to them. */
#include "repository/repository.h"

struct repository_services *repository_services_ref(struct repository_services *services)
{
    atomic_fetch_add_explicit(&services->references, 1, memory_order_relaxed);
    return services;
}

void repository_services_unref(struct repository_services *services)
{
    if (!services || atomic_fetch_sub_explicit(&services->references, 1, memory_order_acq_rel) != 1)
        return;
    services->destroy(services);
}

struct entc_request *repository_request_ref(struct entc_request *request)
{
    if (request)
        atomic_fetch_add_explicit(&request->references, 1, memory_order_relaxed);
    return request;
}

void repository_request_unref(struct entc_request *request)
{
    if (!request || atomic_fetch_sub_explicit(&request->references, 1, memory_order_acq_rel) != 1)
        return;
    request->destroy(request);
}

uint64_t repository_id_hash(const struct repository_services *services, const entc_value *id)
{
    if (id->type == ENTC_TEXT)
        return hash_bytes(&services->hash_key, id->as.text, id->length);
    return hash_uint64(&services->hash_key, (uint64_t)id->as.int64);
}

bool repository_id_equals(const entc_value *left, const entc_value *right)
{
    if (left->type == ENTC_TEXT)
        return left->length == right->length &&
               memcmp(left->as.text, right->as.text, left->length) == 0;
    return left->as.int64 == right->as.int64;
}
