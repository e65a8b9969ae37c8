/* ports: what the repository asks of a cache and of a database. Structs of functions, no code.
 *
 * All functions are called by the driver only, and none blocks. submit returns a failure at once
 * (then `done` is not called) or ENTC_OK; then exactly one `done` follows later, never inside
 * submit, unless detach comes first. A port knows no policy: it reports what happened, the
 * repository decides. */
#ifndef ENTC_PORTS_H
#define ENTC_PORTS_H

#include "base/base.h"
#include "entity/entity.h"
#include "observe/observe.h"
#include "schema/schema.h"

/* ---- cache ---- */

#define CACHE_TOKEN_LENGTH 32 /* hex characters of a lease token */

/* Steps of coherence.md 1.2. The lease key of key K is `{K}:l`; the port forms it. */
enum cache_step {
    CACHE_MGET,       /* values of the keys: one MGET (per node) */
    CACHE_LEASE,      /* SET L r:token NX PX ttl_ms: result 1 won, 0 lost */
    CACHE_FILL,       /* fill K L token value ttl_ms: result 1 stored, 0 refused */
    CACHE_UNLEASE,    /* compare and delete L: result 1 deleted, 0 was not ours */
    CACHE_INVALIDATE, /* inval L, then DEL K: result 1 */
    CACHE_UNBLOCK     /* delete L if nobody of us wrote it: result 1 deleted, 0 it may be ours */
};

struct cache_item {
    struct span key;
    const char *token; /* LEASE, FILL, UNLEASE: CACHE_TOKEN_LENGTH characters */
    struct span value; /* FILL */
    int64_t ttl_ms;    /* LEASE, FILL */
    int32_t result; /* written before done: as the step says; -1: the server answered this one with
                       an error */
};

/* One step for many keys, pipelined. It and all it points to live until `done` was called or detach
 * returned. */
struct cache_batch {
    enum cache_step step;
    struct cache_item *items;
    size_t count; /* 1 or more */
    /* MGET only, called from inside the reader: the value of a slot, NULL for nil. `bytes` die with
     * the call. */
    void (*value)(struct cache_batch *batch, size_t slot, const char *bytes, size_t length);
    /* ENTC_OK: all replies came (single ones may be -1). ENTC_E_UNAVAILABLE: the connection or the
     * server failed; some values may have been delivered already, and `is_lost` tells whether the
     * bytes may have reached the server. */
    void (*done)(struct cache_batch *batch, entc_status status);
    bool is_lost; /* written before done: an established connection died with this batch on it */
    /* Written before detach: the caller waited for as long as the cache may take, and goes on
     * without it. */
    bool is_late;
    size_t too_large;  /* written before done, MGET: 1 + the slot whose value is larger than the
                          port reads, of which the connection died; 0: none */
    bool is_refused;   /* written by submit: it failed since the server is left alone for a while */
    uint32_t commands; /* written by the port: commands sent so far */
    void *pending;     /* the port's own */
};

struct cache_port {
    const struct cache_port_ops *ops;
};

struct cache_port_ops {
    /* ENTC_E_UNAVAILABLE at once while the server is known to be down; ENTC_E_NO_MEMORY. Bytes are
     * formatted into the connection's output now, and offered to the socket in ENGINE_FLUSH,
     * together with all others. */
    entc_status (*submit)(struct cache_port *port, struct cache_batch *batch);
    /* The batch is forgotten; its replies are swallowed when they come; what was not sent is not
     * sent. Others on the connection do not notice. */
    void (*detach)(struct cache_port *port, struct cache_batch *batch);
    /* Closes connections (engine shutdown); batches still there were detached before. Then free. */
    void (*close)(struct cache_port *port);
    void (*free)(struct cache_port *port);
};

/* ---- database ---- */

enum db_kind {
    DB_BY_IDS, /* all columns of the rows with these ids */
    DB_LIST,   /* ids of the first rows of the table */
    DB_PAGES,  /* ids of the first children of each parent */
    DB_LOOKUP, /* the same in no order: ids of rows that hold each key */
    DB_CHECK,  /* differences between descriptors and the live schema, by `difference` */
    DB_SQL     /* ids that the host's own statement answers */
};

#define DB_ORDER_MAX 32   /* columns of an order; PostgreSQL's limit of columns of an index */
#define DB_FILTERS_MAX 64 /* of one list */
#define DB_PARAMS_MAX 256 /* of the host's own statement */

/* What a CHECK of a link looks for in the table that has its columns. */
enum db_link_index {
    DB_INDEX_NONE,
    DB_INDEX_LEADING, /* one that begins with the columns */
    DB_INDEX_UNIQUE   /* one of exactly the columns */
};

/* How rows are found by the keys of their parents: by columns of their own table, or of a join
 * table whose rows name both. */
struct db_link {
    const char *const *columns;       /* that hold the parent's key, one for each part */
    const uint32_t *types;            /* of the parts: INT64, TEXT, UUID */
    uint32_t count;                   /* of the parts, 1 or more */
    const char *schema;               /* of the join table */
    const char *table;                /* the join table; NULL: the columns are the rows' own */
    const char *const *child_columns; /* of the join table: hold the row's key, one for each part */
    enum db_link_index index;         /* CHECK */
};

struct db_order {
    const char *column;
    bool is_descending;
    bool is_through; /* PAGES: a column of the join table */
};

/* A condition on a column. */
struct db_filter {
    const char *column;
    uint32_t test;            /* ENTC_EQUAL ... */
    const entc_value *values; /* ENTC_TEXT, as PostgreSQL reads them */
    size_t value_count;       /* as the test wants it; any of ENTC_IN, none of ENTC_IS_NULL */
};

/* Positions in a list: all that its order compares of a row. First the parts of the key, then the
 * order's columns that are none of them, in the order's order; of each the text of its value
 * (ENTC_TEXT), or ENTC_NULL. */

/* One query. It and all it points to live until `done` was called or detach returned. */
struct db_query {
    enum db_kind kind;
    const struct schema_model *model; /* of the rows asked for */
    const entc_value *ids;            /* BY_IDS: ids, each model->type->key_count values; PAGES,
                                         LOOKUP: keys, each link->count values; canonical */
    size_t id_count;
    const struct db_link *link; /* PAGES, LOOKUP; CHECK: of a relation */
    const struct db_order
        *order; /* LIST, PAGES; the key is appended as the last column unless it is there */
    size_t order_count;
    int64_t limit; /* LIST: of the rows; PAGES, LOOKUP: of each parent's children; 0: none */
    const int64_t *limits; /* PAGES: of each parent's own, above 0; NULL: `limit` */
    /* LIST, PAGES: only rows behind, and only rows before, these positions in the order; PAGES: one
     * for each parent, all with NULL in the same places. NULL: from the first, to the last. Only
     * with a limit. */
    const entc_value *after;
    const entc_value *before;
    const struct db_filter *filters; /* LIST, PAGES: all of them are met */
    size_t filter_count;
    bool wants_total;         /* LIST, PAGES, with a limit: also `total` */
    const char *sql;          /* SQL: the statement */
    const entc_value *params; /* SQL: ENTC_TEXT, as PostgreSQL reads them, or ENTC_NULL */
    size_t param_count;
    int64_t
        deadline_us; /* engine clock: for the server's own timeout; the repository detaches at it */
    const char *name; /* of the entity or the relation; it and `place` are for the port's events */
    struct event_place place;
    /* BY_IDS: one row, as an entity whose reference is the callee's. Any order, absent rows
     * missing. */
    void (*entity)(struct db_query *query, struct entc_entity *entity);
    /* LIST and SQL (parent 0), PAGES, LOOKUP: one id (key_count values), canonical, in order within
     * its parent; LIST, PAGES: behind it the rest of its position. Text dies with the call. */
    void (*id)(struct db_query *query, size_t parent, const entc_value *id);
    /* LIST (parent 0), PAGES: how many rows meet the filters, wherever `after` and `before` are. */
    void (*total)(struct db_query *query, size_t parent, int64_t total);
    /* BY_IDS: the row of this id cannot become an entity (ENTC_E_SCHEMA: NULL in a field that is
     * not nullable, a value that its type cannot hold). `id` and `error` are borrowed. NULL: then
     * such a row fails the whole query. */
    void (*bad_row)(struct db_query *query, const entc_value *id, entc_status status,
                    const entc_error *error);
    /* `error` is borrowed: its story for a failure. UNAVAILABLE (with is_lost when an established
     * connection died under this query), BUSY, SCHEMA (a column or type is not as declared: table,
     * column, both types, cure), DATABASE. */
    void (*done)(struct db_query *query, entc_status status, const entc_error *error);
    /* CHECK: one difference, as a line of text; `line` dies with the call. With a link the
     * relation is checked (its columns, their types, the index), else the model.
     * ENTC_OK in done, with or without differences. */
    void (*difference)(struct db_query *query, const char *line);
    bool is_lost;
    uint32_t statements; /* written by the port: sent */
    uint64_t rows;       /* written by the port: received */
    uint64_t bytes;      /* written by the port: of the values received */
    void *pending;       /* the port's own */
};

struct db_port {
    const struct db_port_ops *ops;
};

struct db_port_ops {
    entc_status (*submit)(struct db_port *port, struct db_query *query, entc_error **reterr);
    /* The query is forgotten. What runs on a server is cancelled, and that connection closed;
     * others do not notice. */
    void (*detach)(struct db_port *port, struct db_query *query);
    void (*close)(struct db_port *port);
    void (*free)(struct db_port *port);
};

#endif
