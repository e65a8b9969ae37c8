/* A hundred campaigns, each with a brand and two events, each event with a venue: what a GraphQL
 * query walks, in tables of its own beside the fixture's. Campaign c has brand c % 10 + 1; its
 * events are c * 10 + 1 and c * 10 + 2; event e takes place at venue e % 7 + 1. */
#ifndef ENTC_TEST_WIDE_H
#define ENTC_TEST_WIDE_H

#include "fixture.h"

#define WIDE_CAMPAIGNS 100
#define WIDE_EVENTS 2 /* of each campaign */
#define WIDE_BRANDS 10
#define WIDE_VENUES 7

typedef struct Child {
    int64_t id;
    int64_t parent_id; /* the campaign's brand, the event's venue */
} Child;

struct wide {
    struct fixture *f;
    BaseCacheRepository *brands;
    BaseCacheRepository *venues;
    BaseCacheRepository *campaigns;
    BaseCacheRepository *events;
    entc_relation *has_events;
};

/* Makes the tables if they are not there yet, and warms the cache with all of it. */
void wide_open(struct wide *wide, struct fixture *f);
void wide_close(struct wide *wide);

int64_t wide_brand_of(int64_t campaign);
int64_t wide_event_of(int64_t campaign, size_t index);
int64_t wide_venue_of(int64_t event);

/* Whether it is that one, with the parent that belongs to it (0: not looked at). Any thread. */
bool wide_is(const entc_entity *entity, int64_t id, int64_t parent_id);

#endif
