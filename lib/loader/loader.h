/* loader: the scope of one GraphQL request. In this release: its deadline, counters and report. */
#ifndef ENTC_LOADER_H
#define ENTC_LOADER_H

#include "relation/relation.h"

#include <entitycache/request.h>

/* `deadline_us` on the engine's clock; INT64_MAX: none. One reference for the caller. Of the
 * options the limits, `authorize` and its user are read. */
entc_status loader_request_new(struct repository_services *services,
                               const entc_request_options *options, int64_t deadline_us,
                               struct entc_request **ret_request, entc_error **reterr);
/* The host gives its reference back: its callbacks are not called any more. */
void loader_request_free(struct entc_request *request);
/* See entc_request_report() and its kin. */
const char *loader_request_report(struct entc_request *request);
const char *loader_request_report_text(struct entc_request *request);
entc_status loader_request_assert_max_queries(struct entc_request *request, uint64_t most,
                                              entc_error **reterr);

#endif
