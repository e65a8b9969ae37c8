/* postgres, inside: what the files of this room share; nobody else includes it.
 *
 * The pieces, from the wire up: `sql`, `position_sql`, `list_sql` and `params` write a query,
 * `types`, `values`, `rows` and `ids` read its answer, `refuse` says what is wrong with it;
 * `check_sql`, `check` and `check_index` compare descriptors with the catalogue; `errors` judges
 * failures; `settings` reads the connection text, `resolve` looks names up, `connection` opens and
 * closes sockets, `query` runs one query on one of them, `cancel` ends one that nobody wants any
 * more; `pool` brings queries and connections together, `port` is what the repository sees.
 * Everything here is [driver] unless it says otherwise. */
#ifndef ENTC_POSTGRES_INTERNAL_H
#define ENTC_POSTGRES_INTERNAL_H

#include "postgres/postgres.h"

#include <libpq-fe.h>

/* ---- numbers on the wire: highest byte first ---- */

static inline uint32_t postgres_get_uint32(const char *bytes)
{
    const unsigned char *at = (const unsigned char *)bytes;

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t postgres_get_uint64(const char *bytes)
{
    return (uint64_t)postgres_get_uint32(bytes) << 32 | postgres_get_uint32(bytes + 4);
}

/* ---- sql.c ---- */

/* Writes the statement over what the buffer held; NUL-terminated. False when memory is out. */
bool postgres_sql_write(struct buffer *sql, const struct db_query *query);
/* Appends a quoted name. */
void postgres_sql_name(struct buffer *sql, const char *name);
/* Appends FROM and what reads use. */
void postgres_sql_from(struct buffer *sql, const struct schema_model *model);
/* Appends the model's own condition behind `before` (" WHERE ", " AND "), if it has one. */
void postgres_sql_filter(struct buffer *sql, const char *before, const struct schema_model *model);
/* The column of a part of the key. */
const char *postgres_sql_key(const struct schema_model *model, uint32_t part);

/* ---- position_sql.c: the order of a list, and conditions on positions in it ---- */

/* The host's columns, and those of the key. */
#define POSTGRES_ORDER_MAX (DB_ORDER_MAX + SCHEMA_KEY_MAX)

struct postgres_order_column {
    const char *column;
    bool is_through; /* of the join table, which calls it entc_o and its number */
    size_t number;   /* in the query's order */
    bool is_descending;
    bool can_be_null; /* nothing declares that it cannot */
    size_t position;  /* its place in a position */
};

/* The order's columns, and behind them those of the key that it lacks: then it is total, and pages
 * are stable. */
struct postgres_order {
    size_t count;
    struct postgres_order_column columns[POSTGRES_ORDER_MAX];
    size_t position_count;                  /* values of a position */
    size_t by_position[POSTGRES_ORDER_MAX]; /* their columns */
};

void postgres_order_of(struct postgres_order *order, const struct db_query *query);
/* Appends a column as conditions and orders call it. */
void postgres_sql_column(struct buffer *sql, const struct postgres_order_column *column);
/* Whether children are found by ids, with a statement of one row for each of them: see list_sql.c.
 */
bool postgres_is_by_child(const struct db_query *query);

/* A position that rows lie behind. In a flipped order that is before it. */
struct postgres_bound {
    const struct postgres_order *order;
    const entc_value *values; /* tell where it has NULLs */
    bool is_flipped;
    const char *head;     /* its values are called by this and a number: "$", "entc_p.a" */
    uint32_t first_place; /* of a "$", of the first value that is not NULL; else 0 */
};

/* Rows behind a bound, in branches that exclude each other; each is what an index can look up. */
struct postgres_branch {
    enum { BRANCH_BY_ROW, BRANCH_BY_VALUE, BRANCH_IS_NULL, BRANCH_IS_NOT_NULL } kind;
    size_t column; /* that decides: those before it are equal */
};

#define POSTGRES_BRANCHES_MAX (2 * POSTGRES_ORDER_MAX)

size_t postgres_branches(const struct postgres_bound *bound,
                         struct postgres_branch branches[POSTGRES_BRANCHES_MAX]);
void postgres_sql_branch(struct buffer *sql, const struct postgres_bound *bound,
                         const struct postgres_branch *branch);
/* Appends all branches as one condition. */
void postgres_sql_bound(struct buffer *sql, const struct postgres_bound *bound);

/* ---- list_sql.c ---- */

void postgres_list_write(struct buffer *sql, const struct db_query *query);
void postgres_pages_write(struct buffer *sql, const struct db_query *query);
/* Appends the columns of the order. */
void postgres_sql_order(struct buffer *sql, const struct db_query *query);

/* ---- params.c ---- */

/* Object ids of PostgreSQL's own types: the same in every database (pg_type.dat). */
#define POSTGRES_INT8 20u
#define POSTGRES_INT8_ARRAY 1016u
#define POSTGRES_TEXT 25u
#define POSTGRES_TEXT_ARRAY 1009u
#define POSTGRES_UUID 2950u
#define POSTGRES_UUID_ARRAY 2951u

/* PostgreSQL's INDEX_MAX_KEYS: no key has more columns. */
#define POSTGRES_KEY_PARTS_MAX 32

/* Ids and a limit, two positions, filters; or those of the host's own statement. */
#define POSTGRES_PARAMS_MAX 256

struct postgres_params {
    int count;
    bool is_too_long;
    Oid types[POSTGRES_PARAMS_MAX];          /* 0: the server finds it out */
    const char *values[POSTGRES_PARAMS_MAX]; /* point into the buffer; NULL: SQL's NULL */
    int lengths[POSTGRES_PARAMS_MAX];
    int formats[POSTGRES_PARAMS_MAX];
    size_t starts[POSTGRES_PARAMS_MAX]; /* in the buffer */
};

/* Where the parameters of lists and pages begin, counted from 1, in this order. Of a position there
 * is one for each value that is not NULL, of a filter one for all its values. */
struct postgres_places {
    uint32_t limit; /* of pages, behind the parts of the parents' keys */
    uint32_t after;
    uint32_t before;
    uint32_t filters;
};

struct postgres_places postgres_places_of(const struct db_query *query);

/* Parameters of the statement. ENTC_E_NO_MEMORY; ENTC_E_INVALID: more ids than PostgreSQL takes at
 * once, or more parts of a key than it can have. */
entc_status postgres_params_write(struct postgres_params *params, struct buffer *bytes,
                                  const struct db_query *query);

/* ---- types.c ---- */

/* How the binary form of a column is read. */
enum postgres_reading {
    READING_NONE, /* the column's type does not serve the declared one */
    READING_BOOL,
    READING_INT2,
    READING_INT4,
    READING_INT8,
    READING_FLOAT4,
    READING_FLOAT8,
    READING_TEXT,
    READING_BYTES, /* of bytea; of json, whose binary form is its text */
    READING_TIMESTAMP,
    READING_DATE,
    READING_UUID
};

enum postgres_reading postgres_reading_of(uint32_t field_type, Oid live);
/* The type as SQL spells it, or "type number N". */
#define POSTGRES_TYPE_NAME_MAX 32
const char *postgres_type_name(Oid type, char out[POSTGRES_TYPE_NAME_MAX]);
/* Which columns serve a field of this type, for messages. */
const char *postgres_types_for(uint32_t field_type);
/* As which type such a column could be declared ("ENTC_INT64"), for messages. */
const char *postgres_field_type_for(Oid live);

/* ---- values.c ---- */

/* What became of a value. */
enum postgres_verdict {
    VALUE_TAKEN,
    VALUE_TOO_LARGE, /* no room for it in the declared type */
    VALUE_BROKEN,    /* not as long as its type is */
    VALUE_NO_MEMORY
};

/* Reads one value that is not NULL into a field. */
enum postgres_verdict postgres_value_read(struct entity_draft *draft, uint32_t field,
                                          enum postgres_reading reading, const char *bytes,
                                          int length);
/* The same for an integer alone (READING_INT2, _INT4, _INT8). */
bool postgres_integer_read(enum postgres_reading reading, const char *bytes, int length,
                           int64_t *ret_number);
/* The same for a part of an id (integers, READING_TEXT, READING_UUID); text is borrowed. */
bool postgres_part_read(enum postgres_reading reading, const char *bytes, int length,
                        entc_value *ret_part);

/* ---- rows.c ---- */

#define POSTGRES_DRAFTS 8

/* What reading results needs again and again. */
struct postgres_reader {
    const entc_allocator *allocator;
    /* One for each type that was read lately; a draft's type is a reference of ours. */
    struct entity_draft drafts[POSTGRES_DRAFTS];
    uint32_t next_draft;
    unsigned char *readings; /* of the result's columns */
    size_t reading_capacity;
    const struct db_query *query; /* that is being answered; NULL: it was detached meanwhile */
    entc_error *error;            /* reused; the story of the last failure */
    struct buffer line;           /* of a check */
};

void postgres_reader_init(struct postgres_reader *reader, const entc_allocator *allocator);
void postgres_reader_fini(struct postgres_reader *reader);
/* Gives the query every row of a successful result and counts them (of pages: the children). On
 * failure reader->error has the story. The caller sees by reader->query whether the query still
 * wants to know, and then sets it to NULL. */
entc_status postgres_reader_give(struct postgres_reader *reader, struct db_query *query,
                                 const PGresult *result);

/* ---- ids.c ---- */

entc_status postgres_give_list(struct postgres_reader *reader, struct db_query *query,
                               const PGresult *result);
entc_status postgres_give_pages(struct postgres_reader *reader, struct db_query *query,
                                const PGresult *result);
entc_status postgres_give_sql(struct postgres_reader *reader, struct db_query *query,
                              const PGresult *result);
/* Tells of a row that cannot become an entity, for the reason in reader->error, whose types were
 * compared. Fails when it has no id either. */
entc_status postgres_give_bad_row(struct postgres_reader *reader, struct db_query *query,
                                  const PGresult *result, int row);

/* ---- check.c, check_sql.c ---- */

void postgres_check_write(struct buffer *sql, const struct db_query *query);
/* Tells the query every difference. */
entc_status postgres_give_check(struct postgres_reader *reader, struct db_query *query,
                                const PGresult *result);

/* ---- refuse.c ---- */

#define POSTGRES_KEY_TYPES                                           \
    "a key has to be of type int2, int4 or int8 (ENTC_INT64), uuid " \
    "(ENTC_UUID), or text or varchar (ENTC_TEXT)"
#define POSTGRES_BY_CHECK "entc_repository_check() tells every difference"
#define POSTGRES_ALL_BY_CHECK "; " POSTGRES_BY_CHECK

/* Each writes reader->error and returns its code. `field` is one of query->model. */
entc_status postgres_refuse_type(struct postgres_reader *reader, const struct db_query *query,
                                 uint32_t field, Oid live);
entc_status postgres_refuse_null(struct postgres_reader *reader, const struct db_query *query,
                                 uint32_t field);
entc_status postgres_refuse_value(struct postgres_reader *reader, const struct db_query *query,
                                  uint32_t field, enum postgres_verdict verdict);
/* The host's own statement answers so many columns, or one (counted from 0) of this type. */
entc_status postgres_refuse_columns(struct postgres_reader *reader, const struct db_query *query,
                                    int count);
entc_status postgres_refuse_column(struct postgres_reader *reader, const struct db_query *query,
                                   uint32_t part, Oid live);
entc_status postgres_refuse_null_id(struct postgres_reader *reader, const struct db_query *query);
/* An answer that our own statement cannot have. */
entc_status postgres_refuse_answer(struct postgres_reader *reader, const struct db_query *query);

/* ---- errors.c ---- */

/* What a failure means. */
struct postgres_failure {
    const char *sqlstate; /* what it begins with: two characters are a class */
    entc_status status;
    bool is_lost;       /* the session is over */
    bool is_repeatable; /* a read may be sent again at once */
    const char *hint;   /* or NULL */
};

/* The row that fits; the last one fits everything. `sqlstate` may be NULL. */
const struct postgres_failure *postgres_failure_of(const char *sqlstate);
/* Whether libpq says that memory of this process is out; it has no other way to say it. (A
 * translated libpq is not understood; then it stays a failure of the database.) */
bool postgres_says_no_memory(const char *message);
/* Writes what the server, or libpq, said of a query; of a model with an ENTC_SENSITIVE field only
 * what cannot quote a row. Returns the failure's status. */
entc_status postgres_error_of_result(entc_error **reterr, const struct db_query *query,
                                     const PGresult *result);
/* Writes what libpq said when it could not connect (under PQERRORS_VERBOSE): its first line. */
entc_status postgres_error_of_connect(entc_error **reterr, const char *message);

/* ---- conditions.c ---- */

/* What this SQLSTATE means, in words. */
const char *postgres_condition_of(const char *sqlstate);

/* ---- settings.c ---- */

struct postgres_host {
    char *name;    /* a host name, a numeric address or a socket's folder; NULL: libpq's default */
    char *address; /* numeric, as the user gave it; NULL: none */
    char *port;
    bool is_name; /* has to be looked up */
};

/* The connection text, read once; immutable, so that a helper thread may read it too. */
struct postgres_settings {
    const entc_allocator *allocator;
    char *text;           /* may hold a password */
    bool is_read_write;   /* target_session_attrs was left to us */
    bool prefers_standby; /* target_session_attrs is prefer-standby */
    bool has_names;       /* some host has to be looked up */
    struct postgres_host *hosts;
    size_t host_count;
};

entc_status postgres_settings_init(struct postgres_settings *settings, const char *text,
                                   const entc_allocator *allocator, entc_error **reterr);
void postgres_settings_fini(struct postgres_settings *settings); /* also after a failed init */

/* ---- resolve.c ---- */

#define POSTGRES_ADDRESS_MAX 72 /* an IPv6 address with its zone */
#define POSTGRES_ADDRESSES_PER_HOST 8

/* One server address to try. */
struct postgres_target {
    const struct postgres_host *host;
    char address[POSTGRES_ADDRESS_MAX]; /* "": none is needed */
};

struct postgres_targets {
    const entc_allocator *allocator;
    uint32_t references;
    size_t count;
    struct postgres_target items[];
};

struct postgres_port;
struct postgres_lookup;

/* Any thread; may block when settings->has_names. Names that have no address are left out; when
 * nothing is left, the error says why. */
entc_status postgres_targets_find(const struct postgres_settings *settings,
                                  struct postgres_targets **ret_targets, entc_error **reterr);
struct postgres_targets *postgres_targets_ref(struct postgres_targets *targets);
void postgres_targets_unref(struct postgres_targets *targets); /* NULL is accepted */
/* Starts a look-up unless one is at work; when it is over, every connection that waits for it goes
 * on (postgres_connection_found()). */
entc_status postgres_lookup_start(struct postgres_port *port);
/* In a forked child, where the helper does not exist. */
void postgres_lookup_forget(struct postgres_port *port);

/* ---- connection.c ---- */

enum postgres_link {
    LINK_LOOKING_UP,
    LINK_CONNECTING,
    LINK_IDLE,
    LINK_BUSY,       /* a query runs on it */
    LINK_CANCELLING, /* a helper asks the server to end what nobody wants any more */
    LINK_STATES
};

struct postgres_pending;
struct postgres_cancel;

struct postgres_connection {
    struct list link; /* port->connections[state] */
    struct postgres_port *port;
    enum postgres_link state;
    PGconn *libpq; /* NULL while looking up */
    struct engine_watch watch;
    struct engine_timer timer; /* of the attempt to connect; then see query.c */
    struct postgres_targets *targets;
    size_t attempt;
    struct postgres_pending *pending; /* the query that runs */
    PGresult *result;                 /* of that query: the first, which is the answer */
    struct postgres_cancel *cancel;   /* LINK_CANCELLING */
    bool is_used;                     /* it served before, so it may have died since */
    bool is_doomed;                   /* the server said that this session ends */
};

/* Begins to connect. A failure is told by postgres_pool_failed(), perhaps before this returns. */
void postgres_connection_start(struct postgres_port *port);
/* The look-up is over. `targets` is NULL when it failed; then `error` has the story. */
void postgres_connection_found(struct postgres_connection *connection,
                               struct postgres_targets *targets, const entc_error *error);
/* Whether an idle connection may be given a query: nothing unread, not at its end. */
bool postgres_connection_is_sound(struct postgres_connection *connection);
void postgres_connection_set_state(struct postgres_connection *connection,
                                   enum postgres_link state);
bool postgres_connection_watch(struct postgres_connection *connection, uint32_t events);
/* Closes the socket and frees the connection, from any state. A query on it is forgotten. */
void postgres_connection_free(struct postgres_connection *connection);

/* ---- query.c ---- */

/* A query that was submitted and not answered. */
struct postgres_pending {
    struct list link; /* port->waiting, or of those that are about to fail */
    struct postgres_port *port;
    struct db_query *query;
    struct postgres_connection *connection; /* that it runs on, or NULL */
    struct event_span span;                 /* of the statement that was sent */
    char *statement;                        /* its text, for the span */
    uint32_t repeats;                       /* after failures that pass */
    bool was_resent;                        /* after a connection that was dead already */
};

/* Sends it on an idle, sound connection. Failures end it. */
void postgres_query_send(struct postgres_connection *connection, struct postgres_pending *pending);
/* LINK_BUSY: the socket is ready. */
void postgres_query_ready(struct postgres_connection *connection, uint32_t events);
/* LINK_BUSY: the timer fired. */
void postgres_query_timer(struct postgres_connection *connection);

/* ---- events.c: a span for each statement that is sent, one for the reading of its answer ---- */

void postgres_event_sent(struct postgres_pending *pending, const char *statement);
/* `result` is NULL when none came. */
void postgres_event_answered(struct postgres_pending *pending, const PGresult *result);
void postgres_event_cancelled(struct postgres_pending *pending);
/* Around the reading, which gives `rows`; the query may be gone at its end. */
struct event_span postgres_event_read(struct postgres_port *port, const struct db_query *query);
void postgres_event_read_end(struct postgres_port *port, struct event_span *span, uint64_t rows,
                             const PGresult *result, entc_status status);

/* ---- cancel.c ---- */

/* Nobody wants the answer any more. The connection is closed when the server has been told, or
 * when it took the time of a connection attempt. */
void postgres_cancel_start(struct postgres_connection *connection);
/* The connection goes before the helper has ended. */
void postgres_cancel_orphan(struct postgres_connection *connection);

/* ---- pool.c ---- */

/* What the log was told of; it says each thing once. */
enum postgres_trouble {
    TROUBLE_NONE,
    TROUBLE_LOST, /* a connection died */
    TROUBLE_DOWN  /* no connection can be had */
};

struct postgres_port {
    struct db_port port; /* first */
    struct engine *engine;
    const entc_allocator *allocator;
    const struct log *log;
    struct events *events; /* or NULL */
    struct postgres_settings settings;
    int64_t connect_timeout_us;
    uint32_t limit;

    struct list connections[LINK_STATES];
    uint32_t counts[LINK_STATES];
    struct list waiting;
    size_t waiting_count;
    struct engine_hook hook;
    struct postgres_targets *targets; /* when no name has to be looked up */
    struct postgres_lookup *lookup;   /* at work, or NULL */

    struct random random;
    uint32_t failures;   /* attempts to connect that failed in a row */
    int64_t retry_at_us; /* no attempt before */
    struct engine_timer retry;
    entc_error *down; /* why the last one failed */
    enum postgres_trouble trouble;
    bool is_closed;

    struct postgres_reader reader;
    entc_error *error; /* reused, for what happens to connections */
    struct buffer sql;
    struct buffer bytes; /* parameters */
};

/* Has waiting queries and connections brought together in this turn. */
void postgres_pool_wake(struct postgres_port *port);
/* The hook's and the timer's. */
void postgres_pool_run(struct engine_hook *hook);
void postgres_pool_retry(struct engine_timer *timer);
/* Puts a query at the end of the queue or, to be sent again, at its beginning. */
void postgres_pool_push(struct postgres_port *port, struct postgres_pending *pending);
void postgres_pool_push_front(struct postgres_port *port, struct postgres_pending *pending);
/* Takes a waiting query out of the queue. */
void postgres_pool_remove(struct postgres_port *port, struct postgres_pending *pending);
/* Whether a query would only wait for a server that could not be reached a moment ago. */
bool postgres_pool_is_down(const struct postgres_port *port);
/* A connection is ready for queries. */
void postgres_pool_connected(struct postgres_connection *connection);
/* An attempt to connect failed; `error` is the story. That connection is gone. */
void postgres_pool_failed(struct postgres_port *port, const entc_error *error);
/* An established connection died under a query. */
void postgres_pool_lost(struct postgres_port *port);
/* Frees the pending and returns its query, which the port then knows no more. */
struct db_query *postgres_pool_take(struct postgres_pending *pending);

#endif
