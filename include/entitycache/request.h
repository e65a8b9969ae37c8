/* Requests: the scope of one GraphQL request, which counts what it cost and reports it. */
#ifndef ENTITYCACHE_REQUEST_H
#define ENTITYCACHE_REQUEST_H

#include <entitycache/counters.h>
#include <entitycache/engine.h>
#include <entitycache/export.h>
#include <entitycache/op.h>
#include <entitycache/relation.h>
#include <entitycache/repository.h>
#include <entitycache/status.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

/* How a request is made; NULL, or zero in a member, is the default. */
typedef struct entc_request_options {
    size_t struct_size; /* sizeof(entc_request_options) */
    int64_t timeout_us; /* deadline of the whole request, microseconds from its start; 0: none */
} entc_request_options;

#define ENTC_REQUEST_OPTIONS_INIT       \
    {                                   \
        sizeof(entc_request_options), 0 \
    }

/* Opens a request. Name it in entc_call.request, or use the entc_request_ functions.
 * Ownership: yours: entc_request_free(). Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID, ENTC_E_CLOSED, ENTC_E_FORKED, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_request_new(entc_engine *engine, const entc_request_options *options,
                                         entc_request **ret_request, entc_error **reterr);

/* Frees a request; NULL is accepted. Operations under way go on, uncounted.
 * Ownership: consumes it. Threads: Confined, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_request_free(entc_request *request);

/* Lists in this request: entc_repository_list() with its deadline and counters.
 * Ownership, Threads, Errors: as entc_repository_list(). Since: 0.1 */
ENTC_EXPORT entc_status entc_request_list(entc_request *request, BaseCacheRepository *repository,
                                          const entc_page_args *args, entc_page **ret_page,
                                          entc_error **reterr);

/* Gets the children of every slot of a page, in this request: entc_relation_get_many() with the
 * page's ids, or, of BELONGS_TO, with what the foreign fields of its entities hold (nothing for a
 * slot without an entity: then its page is empty). `capacity` is the length of `ret_pages` and at
 * least entc_page_count(parents); further slots are set to NULL.
 * Ownership, Threads, Errors: as entc_relation_get_many(). Since: 0.1 */
ENTC_EXPORT entc_status entc_request_pages(entc_request *request, entc_relation *relation,
                                           const entc_page *parents, const entc_page_args *args,
                                           entc_page **ret_pages, size_t capacity,
                                           entc_error **reterr);

/* Copies what the request cost so far. `ret_counters->struct_size` must be set.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID. Since: 0.1 */
ENTC_EXPORT entc_status entc_request_counters(const entc_request *request,
                                              entc_counters *ret_counters);

/* Writes what the request cost so far as JSON for GraphQL's `extensions`:
 * {"dataFetching":{"sqlQueries":2,...}}.
 * Ownership: borrowed, until the next report of this request or its end. Threads: Confined,
 * Callback-safe.
 * Errors: NULL for NULL or when memory is out. Since: 0.1 */
ENTC_EXPORT const char *entc_request_report(entc_request *request);

ENTC_END_DECLS

#endif
