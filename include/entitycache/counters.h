/* Counters: what a request, or an engine since its start, cost. */
#ifndef ENTITYCACHE_COUNTERS_H
#define ENTITYCACHE_COUNTERS_H

#include <entitycache/export.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

/* A growable struct: the caller sets struct_size, the library fills what both know. Times are
 * microseconds spent waiting; batches that wait side by side each count. A batch shared by several
 * requests counts in each of them. */
typedef struct entc_counters {
    size_t struct_size;      /* sizeof(entc_counters) */
    uint64_t sql_queries;    /* statements sent to PostgreSQL */
    uint64_t sql_rows;       /* rows received */
    uint64_t sql_us;         /* waiting for PostgreSQL */
    uint64_t redis_commands; /* commands sent to Redis, of every kind */
    uint64_t redis_mgets;    /* of these: MGET */
    uint64_t redis_leases;   /* of these: leases asked for */
    uint64_t redis_keys;     /* keys named in MGETs */
    uint64_t redis_us;       /* waiting for Redis */
    uint64_t redis_failures; /* batches that went on without Redis, for any reason */
    uint64_t hits;           /* entities answered by the cache */
    uint64_t misses;         /* ids that the cache did not answer */
    uint64_t negatives;      /* ids that the cache knew to be absent */
    uint64_t absents;        /* ids that the database knew to be absent */
    uint64_t fills;          /* entries offered to the cache, of rows and of absences */
    uint64_t fills_refused;  /* of these: came too late to be true, and were not made */
    uint64_t corrupt;        /* cached values that are not strict JSON: misses, removed */
    uint64_t foreign;        /* cached values of another id: misses, removed */
    uint64_t reshaped;       /* cached values of another shape: misses, filled anew */
    uint64_t uncacheable;    /* rows that the cache cannot hold (too large) */
    uint64_t coalesced;      /* ids that joined a batch which held them already */
    uint64_t batches;        /* batches of ids dispatched */
    uint64_t errors;         /* ids answered with an error */
    uint64_t batch_ids;      /* ids in those batches, each once */
    uint64_t redis_bytes;    /* bytes of the values that Redis sent */
    uint64_t sql_bytes;      /* bytes of the values that PostgreSQL sent */
    uint64_t healed;         /* corrupt and foreign values that were removed */
    uint64_t denied;         /* entities that the request's authorize callback kept back */
    uint64_t limited;        /* operations ended with ENTC_E_LIMIT */
    uint64_t loads;          /* keys that loaders were asked for */
    uint64_t load_batches;   /* batches of keys that loaders sent */
    uint64_t load_keys;      /* keys in them */
    uint64_t load_memo_hits; /* loads of a remembered key */
    uint64_t load_coalesced; /* loads that joined a batch which held the key already */
} entc_counters;

#define ENTC_COUNTERS_INIT                                                                       \
    {                                                                                            \
        sizeof(entc_counters), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                                      \
    }

ENTC_END_DECLS

#endif
