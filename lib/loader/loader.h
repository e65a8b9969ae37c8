/* loader: the scope of one GraphQL request, and the loaders that batch and remember in it.
 *
 * Everything a request collects and has not sent is guarded by one lock of the request, which is
 * never held while host code runs; it is taken before the engine's. What was sent is answered by
 * the driver. */
#ifndef ENTC_LOADER_H
#define ENTC_LOADER_H

#include "relation/relation.h"

#include <entitycache/loader.h>
#include <entitycache/request.h>

/* ---- the request ---- */

/* `deadline_us` on the engine's clock; INT64_MAX: none. The options are complete. One reference for
 * the caller, given back by loader_request_free(). */
entc_status loader_request_new(struct repository_services *services,
                               const entc_request_options *options, int64_t deadline_us,
                               struct entc_request **ret_request, entc_error **reterr);
/* Ends what is under way; the host's callbacks are not called any more. NULL is accepted. */
void loader_request_free(struct entc_request *request);
/* See entc_request_report() and its kin. */
const char *loader_request_report(struct entc_request *request);
const char *loader_request_report_text(struct entc_request *request);
entc_status loader_request_assert_max_queries(struct entc_request *request, uint64_t most,
                                              entc_error **reterr);

/* ---- loaders ---- */

struct loader_settings {
    const char *name; /* copied */
    uint32_t max_batch;
    uint32_t parts;
    int64_t window_us;
    bool has_memo;
    entc_loader_batch_fn function;
    entc_loader_schedule_fn schedule;
    entc_loader_destroy_fn destroy;
    void *user;
};

/* A loader over host code: one reference for the caller, given back by loader_free(). */
entc_status loader_new(struct entc_request *request, const struct loader_settings *settings,
                       struct entc_loader **ret_loader, entc_error **reterr);
void loader_free(struct entc_loader *loader); /* NULL is accepted */
const char *loader_name(const struct entc_loader *loader);
struct entc_request *loader_request(const struct entc_loader *loader);
struct repository_services *loader_services(const struct entc_loader *loader);

/* The request's loader of a repository, and of a relation with these args; borrowed. */
entc_status loader_of_entities(struct entc_request *request, struct entc_repository_impl *impl,
                               struct entc_loader **ret_loader, entc_error **reterr);
entc_status loader_of_pages(struct entc_request *request, struct entc_relation *relation,
                            const entc_page_args *args, struct entc_loader **ret_loader,
                            entc_error **reterr);

/* Submits a load of `count` keys. `is_one`: of a single key, whose mistakes fail the call. */
entc_status loader_load(struct entc_loader *loader, const entc_value *keys, size_t count,
                        bool is_one, const struct repository_call *call, entc_op **ret_op,
                        entc_error **reterr);
/* Submits loads of the keys of all that came together with this parent, unless `key` is known, or
 * the request has no peers. The key is that of `entity`, of relation->parents; NULL: it is the
 * parent's id. Failures are left to the load of the key itself. */
void loader_load_peers(struct entc_loader *loader, const entc_value *key,
                       const struct entc_entity *entity, const struct repository_call *call);
/* See entc_loader_prime() and its kin. */
entc_status loader_prime(struct entc_loader *loader, const entc_value *key, void *value,
                         entc_status status, entc_error **reterr);
entc_status loader_prime_pending(struct entc_loader *loader, const entc_value *key,
                                 struct entc_loader_batch **ret_batch, entc_error **reterr);
entc_status loader_clear(struct entc_loader *loader, const entc_value *key, entc_error **reterr);
/* A value that was handed over and not used; NULL is accepted. */
void loader_give_back(struct entc_loader *loader, void *value);
void loader_clear_all(struct entc_loader *loader);
void loader_dispatch(struct entc_loader *loader);

/* See entc_loader_batch_resolve() and entc_loader_batch_reject(). */
entc_status loader_batch_resolve(struct entc_loader_batch *batch, void *const *values,
                                 const entc_status *statuses, size_t count, entc_error **reterr);
entc_status loader_batch_reject(struct entc_loader_batch *batch, entc_status status,
                                const char *message, entc_error **reterr);

/* ---- what a load that is done holds ---- */

/* SIZE_MAX when the operation is no load. */
size_t loader_op_count(const entc_op *op);
/* Whether its values may only be delivered, because somebody is to be asked for each. */
bool loader_op_is_guarded(const entc_op *op);
/* See entc_op_values(); the operation is a load that is done. */
entc_status loader_op_values(const entc_op *op, void **ret_values, entc_status *ret_statuses,
                             size_t count);
/* As repository_op_deliver() and relation_op_deliver(). ENTC_E_INVALID when the values of the load
 * are of another kind. */
entc_status loader_op_deliver_entities(entc_op *op, struct entc_entity **ret_entities,
                                       entc_status *ret_statuses, size_t count);
entc_status loader_op_deliver_pages(entc_op *op, struct entc_page **ret_pages,
                                    entc_status *ret_statuses, size_t count);
/* relation_op_deliver(); in a request with peers, what came together is remembered. */
entc_status loader_deliver_pages(entc_op *op, struct entc_page **ret_pages,
                                 entc_status *ret_statuses, size_t count);

#endif
