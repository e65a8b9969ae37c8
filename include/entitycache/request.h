/* Requests: the scope of one GraphQL request, which counts what it cost and reports it, limits what
 * it may cost, and asks who may see what. */
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

/* Says whether an entity may be handed out in this request: ENTC_OK, or anything else to keep it
 * back; its slot is then ENTC_E_FORBIDDEN. Asked for every entity each time it is handed out, on
 * the thread that takes it, with no lock held; nothing of the answer is kept. `repository` is the
 * one that was asked; NULL when it was freed meanwhile, or when an operation of entc_op_new() is
 * taken by entc_op_take_entity() or entc_op_take_entities(). */
typedef entc_status (*entc_authorize_fn)(entc_request *request, BaseCacheRepository *repository,
                                         const entc_entity *entity, void *user);

/* Called inside entc_loader_load() when its batch is the first one of the request that is open: for
 * a host with a tick, which then calls entc_request_dispatch(). */
typedef void (*entc_request_schedule_fn)(entc_request *request, void *user);

/* How a request is made; NULL, or zero in a member, is the default.
 *
 * An operation that would take the request over a limit ends with ENTC_E_LIMIT as a whole; others
 * go on, also those of other requests in the same batch. Statements and commands are taken before
 * they are sent, and not given back: one for each statement and each MGET in which the request has
 * a part; two for each lease that a miss asks for, the lease and the fill or release that ends it.
 * Rows are taken when a statement's answer is there: of entities those that the request asked for,
 * of lists and relations all that came, the row behind a page's last one too. What mends the cache
 * is free, and so are entc_repository_check() and entc_relation_check().
 *
 * With `peers`, entities that came in pages of one operation (a list, the children of many parents,
 * a batch of a relation's loader) are peers of each other, the latest such operation counts, and
 * what is asked of one of them is loaded for all of them: a walk that asks for one thing after the
 * other then costs the same statements and MGETs as one that asks for all at once. Such pages are
 * held until the request is freed. What is loaded for peers counts, and is limited, as any load. */
typedef struct entc_request_options {
    size_t struct_size;          /* sizeof(entc_request_options) */
    int64_t timeout_us;          /* deadline of the whole request, microseconds from its start;
                                    0: none */
    int64_t patience_us;         /* how long a thread that waits leaves batches open for threads
                                    that entered and do not wait; 0: 10,000 */
    uint64_t max_sql_queries;    /* statements; 0: no limit */
    uint64_t max_redis_commands; /* commands; 0: no limit */
    uint64_t max_rows;           /* rows of PostgreSQL; 0: no limit */
    uint32_t peers;              /* 1: entc_request_related() and entc_request_children() load for
                                    all that came together; 0: for the one that is asked for */
    uint32_t reserved;           /* 0 */
    entc_authorize_fn authorize; /* NULL: everything is handed out */
    entc_request_schedule_fn schedule; /* NULL: none */
    void *user;                        /* for both */
} entc_request_options;

#define ENTC_REQUEST_OPTIONS_INIT                                           \
    {                                                                       \
        sizeof(entc_request_options), 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL \
    }

/* Opens a request. Name it in entc_call.request, or use the entc_request_ functions.
 * Ownership: yours: entc_request_free(). Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID, ENTC_E_CLOSED, ENTC_E_FORKED, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_request_new(entc_engine *engine, const entc_request_options *options,
                                         entc_request **ret_request, entc_error **reterr);

/* Frees a request; NULL is accepted. Its operations under way end with ENTC_E_CANCELLED, loads that
 * were not sent too; its loaders take no more. `authorize` is not called any more, so that what is
 * taken later from a request that has it is ENTC_E_FORBIDDEN.
 * Ownership: consumes it. Threads: Confined, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_request_free(entc_request *request);

/* Closes the batches of all loaders of the request: they are sent together, by whoever drives next.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for NULL, ENTC_E_FORKED.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_request_dispatch(entc_request *request);

/* Says that one more thread resolves this request: a thread that waits then leaves batches open
 * until all who entered wait. A thread that waits without having entered counts as one of them.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for NULL, ENTC_E_FORKED.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_request_enter(entc_request *request);

/* Says that a thread which entered is through; each enter has its leave.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for NULL or when nobody
 * entered, ENTC_E_FORKED. Since: 0.1 */
ENTC_EXPORT entc_status entc_request_leave(entc_request *request);

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

/* Tells the span of a request: `request` of all its events. A host that made a span of its own for
 * the request finds here what belongs to it.
 * Ownership: none. Threads: Free, Callback-safe. Errors: 0 for NULL, and when the engine has no
 * event function. Since: 0.1 */
ENTC_EXPORT uint64_t entc_request_span(const entc_request *request);

/* Writes what the request cost so far as JSON for GraphQL's `extensions`:
 * {"dataFetching":{"sqlQueries":2,...}}, with the same counters, where they are not 0, and
 * "meanBatch" for each entity ("entities"), relation ("relations") and loader ("loaders"); "why", a
 * list of {code, of, count, words}: what was not cached, which batch was split, which limit is near
 * or reached; and "suspects", a list of {of, shape, batches, singles}: where batches of one came
 * three times or more, as in a loop. Codes are stable, words are not. Ownership: borrowed, until
 * the next report of this request or its end. Threads: Confined, Callback-safe. Errors: NULL for
 * NULL or when memory is out. Since: 0.1 */
ENTC_EXPORT const char *entc_request_report(entc_request *request);

/* Writes the same for people: one screen of at most 80 columns.
 * Ownership: borrowed, until the next text of this request or its end. Threads: Confined,
 * Callback-safe.
 * Errors: NULL for NULL or when memory is out. Since: 0.1 */
ENTC_EXPORT const char *entc_request_report_text(entc_request *request);

/* Asserts, in a host's own tests, that the request ran no more than so many SQL queries; the story
 * of ENTC_E_LIMIT says which entities and relations ran how many.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID, ENTC_E_LIMIT.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_request_assert_max_queries(entc_request *request, uint64_t most,
                                                        entc_error **reterr);

ENTC_END_DECLS

#endif
