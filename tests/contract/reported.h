/* What a request's report says, read as a host would: by cJSON. */
#ifndef ENTC_TEST_REPORTED_H
#define ENTC_TEST_REPORTED_H

#include "fixture.h"

/* The number at a path below "dataFetching", such as "entities/Campaign/hits"; 0 where a part
 * leaves out a counter that the request has. Fails the test when there is no such part or counter.
 */
double reported(entc_request *request, const char *path);
/* How many members or elements stand there. */
int reported_size(entc_request *request, const char *path);
/* How often that reason was given; 0 when it is not there. */
double reported_why(entc_request *request, const char *code, const char *of);
/* The batches of one of that suspect; 0 when it is none. */
double reported_suspect(entc_request *request, const char *of, const char *shape);

entc_request *request_new(struct fixture *f, const entc_request_options *options);
/* A read of one in the request. */
entc_status request_get(struct fixture *f, entc_request *request, BaseCacheRepository *repository,
                        int64_t id);
/* A read of ids from..to in the request; the status of the call. */
entc_status request_get_many(struct fixture *f, entc_request *request,
                             BaseCacheRepository *repository, int64_t from, int64_t to);
/* { campaigns(first: 5) { id title events(first: 2) { id title } } } */
void request_main_query(struct fixture *f, entc_request *request);

#endif
