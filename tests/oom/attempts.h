/* Calls that are attempted; each checks all that it was answered, and gives back all that it got.
 */
#ifndef ENTC_TEST_ATTEMPTS_H
#define ENTC_TEST_ATTEMPTS_H

#include "scene.h"

/* Preparations. */
void cold_cache(struct fixture *f);
void warm_cache(struct fixture *f);
void spoilt_cache(struct fixture *f);

/* Campaigns 1, 2, 2, 999 (there is none) and 3. */
entc_status get_many(struct fixture *f);
/* The same by values that are text, and without an error object. */
entc_status get_many_by_text(struct fixture *f);
entc_status get_one(struct fixture *f);
entc_status list(struct fixture *f);
entc_status pages(struct fixture *f);
/* The campaigns of the first three events, in a request, whose keys come from the events. */
entc_status belongs_to(struct fixture *f);
/* Campaigns through the table of events, each to itself as often as it has events. */
entc_status through(struct fixture *f);
/* Campaigns by their titles: two that are there, one that is not. */
entc_status lookup(struct fixture *f);
/* Parts of three shapes, and then one of them behind a cursor. */
entc_status parts(struct fixture *f);
entc_status list_by_sql(struct fixture *f);
/* Operations with and without a callback, taken and not taken, one of them cancelled. */
entc_status operations(struct fixture *f);
/* The main query: a list, its pages, and the report, in one request. */
entc_status main_query(struct fixture *f);
/* A list and an entity in a request that denies every even id and may run two statements. */
entc_status viewers_request(struct fixture *f);
/* An entity, two and none of them as JSON. */
entc_status json(struct fixture *f);

#endif
