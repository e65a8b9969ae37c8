/* What the files of this room share about batches. A batch is *open* while ids still join it; once
 * sent it is a *flight*, and nobody joins. Everything here is the driver's, except where it says
 * otherwise. An id that is asked is an *entry*; the slots of the operations point to entries. */
#ifndef ENTC_REPOSITORY_FLIGHT_H
#define ENTC_REPOSITORY_FLIGHT_H

#include "repository/repository.h"

#define FLIGHT_NO_LEASE UINT32_MAX

/* Where an entry stands on its way. */
enum entry_stage {
    ENTRY_ASKED,    /* to be asked from the cache, or being asked */
    ENTRY_MISSED,   /* the cache has it not; its lease is to be asked for */
    ENTRY_WINNER,   /* holds the lease: the database, then a fill */
    ENTRY_LOSER,    /* another one fills, or writes: the cache once more */
    ENTRY_UNFENCED, /* the database, and no fill */
    ENTRY_ANSWERED,
    ENTRY_DROPPED /* nobody waits for it any more */
};

/* How an entry was answered. */
enum entry_outcome {
    OUTCOME_NONE,
    OUTCOME_HIT,      /* by the cache */
    OUTCOME_NEGATIVE, /* by the cache: there is no such row */
    OUTCOME_ROW,      /* by the database */
    OUTCOME_ABSENT,   /* by the database: there is no such row */
    OUTCOME_FAILED
};

/* What was wrong with a cached value; all but the first are misses. */
enum entry_fault { FAULT_NONE, FAULT_CORRUPT, FAULT_FOREIGN, FAULT_RESHAPED };

struct batch_entry {
    const entc_value *id;       /* all its parts, in an operation's block */
    struct entc_entity *entity; /* for OUTCOME_HIT and OUTCOME_ROW */
    entc_status status;         /* of OUTCOME_FAILED */
    uint32_t waiting;           /* slots that want it */
    uint32_t lease;             /* the number of its token, or FLIGHT_NO_LEASE */
    uint8_t stage;
    uint8_t outcome;
    uint8_t fault;
    bool is_given;  /* `entity` is borrowed: the reference went to a slot */
    bool is_unread; /* its row is there, but cannot become an entity: `status` says why */
    uint32_t mark;  /* who is charged for it; see repository_flight_admit() */
};

/* One request that shares a flight. */
struct flight_listener {
    struct account *account; /* its ledger is a reference */
    uint64_t asked;          /* slots of its operations */
};

/* The requests that share a flight, each once. Refcounted, on the driver only. */
struct flight_audience {
    uint32_t references;
    uint32_t count;
    struct flight_listener listeners[];
};

/* What a flight asks of a server on behalf of those who wait for it. */
enum flight_step { FLIGHT_MGET, FLIGHT_LEASE, FLIGHT_QUERY, FLIGHT_ROWS };

struct repository_batch {
    struct entc_repository_impl *impl; /* a reference */
    struct list link;                  /* in impl->flights */
    struct list ops;                   /* struct entities_op that wait; a reference each */
    struct list gone;                  /* the same, done: their ids and keys are still in use */
    struct batch_entry *entries;
    struct cache_item *items; /* beside the entries; the keys lie in the operations */
    uint32_t count;
    uint32_t capacity;
    struct index index;               /* id -> entry */
    struct flight_audience *audience; /* NULL: no request */

    struct cache_batch cache;  /* the step that is waited for */
    bool is_asking;            /* `cache` is with the port */
    struct cache_item *part;   /* its items when they are not all the entries; NULL: `items` */
    uint32_t *part_numbers;    /* their entries */
    char *tokens;              /* of the leases, CACHE_TOKEN_LENGTH each */
    struct engine_timer timer; /* the end of the budget, or of the losers' pause */
    int64_t began_us;          /* when the step was submitted */
    int64_t budget_us;         /* left for waiting for the cache */
    bool is_repeated;          /* the one repetition after a lost connection is used up */
    bool is_second;            /* the losers' turn */
    bool is_parked;            /* waits for a flight that reads what this one lost */
    bool was_parked;           /* once is enough */
    bool has_failed;           /* counted as a failure of the cache */
    bool has_limits;           /* of some request that waits */
    uint32_t marks;            /* given to entries so far */
    uint64_t value_bytes;      /* of the values of this MGET */

    struct event_span span; /* from its dispatch to its end */
    struct event_span step; /* of `cache` */
    int64_t first_value_us; /* when the first value of an MGET came; told to events only */
    uint64_t value_count;   /* that came; likewise */
    uint64_t coalesced;     /* slots that joined an entry of another operation */

    struct db_query query;
    bool is_querying; /* `query` is with the port */
    bool is_query_repeated;
    entc_value *query_ids;
    entc_error *story; /* of the query that failed last */
};

static inline struct repository_services *flight_services(const struct repository_batch *batch)
{
    return batch->impl->services;
}

static inline const entc_allocator *flight_allocator(const struct repository_batch *batch)
{
    return engine_allocator(batch->impl->services->engine);
}

static inline struct cache_item *flight_item(struct repository_batch *batch, size_t slot)
{
    return batch->part ? &batch->part[slot] : &batch->items[slot];
}

static inline struct batch_entry *flight_entry(struct repository_batch *batch, size_t slot)
{
    return &batch->entries[batch->part ? batch->part_numbers[slot] : slot];
}

/* audience.c: counts for the engine and for every request of the audience (which may be NULL). */
struct flight_audience *repository_audience_ref(struct flight_audience *audience);
void repository_audience_unref(struct flight_audience *audience, const entc_allocator *allocator);
void repository_audience_count(struct repository_services *services,
                               const struct flight_audience *audience, enum tally_counter counter,
                               uint64_t amount);
void repository_flight_count(struct repository_batch *batch, enum tally_counter counter,
                             uint64_t amount);
void repository_audience_why(const struct flight_audience *audience, enum why why, uint64_t amount);
void repository_flight_why(struct repository_batch *batch, enum why why, uint64_t amount);
/* The batch is sent; and it is over. */
void repository_flight_begun(struct repository_batch *batch);
void repository_flight_ended(struct repository_batch *batch);

/* events.c: what is told of a flight. When nobody listens, each is a comparison. */
void repository_event_batch(struct repository_batch *batch);
void repository_event_batch_end(struct repository_batch *batch);
/* A step was submitted at `now_us`; it is below its batch, whose entries it is about. */
void repository_event_step(const struct repository_batch *batch, const struct cache_batch *cache,
                           int64_t now_us, struct event_span *span);
void repository_event_step_end(struct events *events, struct event_span *span,
                               const struct cache_batch *cache, entc_event *event);
/* A value of an MGET came; its replies came, or will not come. */
void repository_event_value(struct repository_batch *batch);
void repository_event_asked(struct repository_batch *batch, entc_status status, int64_t now_us);

/* batch.c: the entries and who waits for them. */
struct repository_batch *repository_batch_new(struct entc_repository_impl *impl);
/* Puts the operation's slots in; false when memory is out (then nothing changed). */
bool repository_batch_join(struct repository_batch *batch, struct entities_op *op);
/* The entry of an id, or INDEX_NONE. */
uint32_t repository_batch_find(const struct repository_batch *batch, const entc_value *id);
/* Gives every slot the answer that its entry has, and completes the operations that have all. */
void repository_batch_answer(struct repository_batch *batch);
/* Takes an unanswered operation out of its batch, which ends when it was the last. */
void repository_batch_leave(struct entities_op *op);
/* The same, but the batch goes on. */
void repository_batch_drop(struct entities_op *op);
/* Frees it, or keeps it as the repository's spare. Nothing of it is with a port any more. */
void repository_batch_free(struct repository_batch *batch);
/* Frees its memory; for the spare, by any thread. */
void repository_batch_destroy(struct repository_batch *batch, const entc_allocator *allocator);

/* entities_op.c: for both kinds of operations that answer entities. */
void repository_entities_op_destroy(entc_op *op);
/* All slots have their answer. */
void repository_entities_op_finish(struct entities_op *op);
/* Takes the blame for the first slot that failed. */
void repository_entities_op_blame(struct entities_op *op, entc_status status,
                                  const entc_error *story);

/* flight.c: sends the open batch (the dispatch hook), and goes on after each step. The batch may be
 * gone when these return. */
void repository_flight_dispatch(struct engine_hook *hook);
void repository_flight_next(struct repository_batch *batch);
/* Lets go of everything and frees; nobody waits for it any more. */
void repository_flight_end(struct repository_batch *batch);
/* Asks the cache again for the losers. */
void repository_flight_reask(struct repository_batch *batch);
/* What is left goes to the database, without fill. */
void repository_flight_uncached(struct repository_batch *batch, enum why why);

/* limits.c: before a step is sent, or when its rows came: ends the operations whose requests would
 * go over a limit, and charges the others. False when the flight has gone on by itself, or ended:
 * nobody is left who wants this step. */
bool repository_flight_admit(struct repository_batch *batch, enum flight_step step);
/* The step was not sent after all. */
void repository_flight_refund(struct repository_batch *batch, enum flight_step step);

/* flight_cache.c: MGET of what is ENTRY_ASKED; leases for what is ENTRY_MISSED. */
void repository_flight_ask(struct repository_batch *batch);
void repository_flight_lease(struct repository_batch *batch);
/* MGET for the losers after a pause: nobody is known to fill meanwhile. */
void repository_flight_pause(struct repository_batch *batch);
/* The same when another flight of this repository that won the lease has its rows. False: there is
 * none to wait for. */
bool repository_flight_park(struct repository_batch *batch);
/* The rows of a flight came, or will not come. */
void repository_flight_wake(struct entc_repository_impl *impl);
/* `status` is why, for events. */
void repository_flight_stop_asking(struct repository_batch *batch, entc_status status);

/* flight_database.c: one query for all that is ENTRY_WINNER or ENTRY_UNFENCED. */
void repository_flight_query(struct repository_batch *batch);
void repository_flight_stop_query(struct repository_batch *batch);
/* The latest of those who wait. */
int64_t repository_flight_deadline(const struct repository_batch *batch);

/* fill.c: steps that nobody waits for. They own all they need, and outlive the flight. */
void repository_flight_fill(struct repository_batch *batch);
/* Frees, for others, the keys whose leases the flight still holds or may hold. */
void repository_flight_unlease(struct repository_batch *batch);
/* Removes values that were corrupt or another entity's. Before the leases: it would kill them. */
void repository_flight_heal(struct repository_batch *batch);
/* For losers that are still not cached: removes what stands at their lease keys, unless it is a
 * lease or an intent. */
void repository_flight_unblock(struct repository_batch *batch);

#endif
