/* loader: the scope of one GraphQL request. In this release: its deadline, counters and report. */
#ifndef ENTC_LOADER_H
#define ENTC_LOADER_H

#include "relation/relation.h"

#include <entitycache/request.h>

/* `events` may be NULL. `deadline_us` on the engine's clock; INT64_MAX: none. One reference for the
 * caller. */
entc_status loader_request_new(struct engine *engine, struct events *events, int64_t deadline_us,
                               struct entc_request **ret_request, entc_error **reterr);
/* See entc_request_report(). */
const char *loader_request_report(struct entc_request *request);

#endif
