/* A cache and a database for tests, in memory, behind the two ports.
 *
 * Each keeps what it was given, writes what it was asked into a journal, and answers either by
 * itself in the next turn of the engine, or, held, only when the test says so. All runs on the
 * thread of the test; the memory is malloc's, so that a failing allocator does not fail the fakes.
 * Journal lines: "MGET User-1 User-2", "LEASE User-1", "FILL User-1={...}", "UNLEASE User-1",
 * "INVALIDATE User-1", "IDS 1 2", "LIST users 3", "PAGES 1 2", "CHECK users", and "detach ..." of
 * each; the parts of an id are joined by ','. */
#ifndef ENTC_TEST_FAKE_PORTS_H
#define ENTC_TEST_FAKE_PORTS_H

#include "engine/engine.h"
#include "ports/ports.h"

#define FAKE_PENDING_MAX 64
#define FAKE_ENTRIES_MAX 2048
#define FAKE_ROWS_MAX 2048
#define FAKE_TEXT_MAX 200

struct fake_journal {
    char *text;
    size_t length;
};

void fake_journal_write(struct fake_journal *journal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What was written since the last call; valid until the next one. */
const char *fake_journal_take(struct fake_journal *journal);
void fake_journal_fini(struct fake_journal *journal);

/* ---- cache ---- */

struct fake_entry {
    char key[FAKE_TEXT_MAX];
    char *value; /* NULL: none */
    int64_t ttl_ms;
    char lease[CACHE_TOKEN_LENGTH + 1]; /* "": none */
};

struct fake_cache {
    struct cache_port port; /* first */
    struct engine *engine;
    struct fake_journal *journal;
    struct fake_entry entries[FAKE_ENTRIES_MAX];
    size_t entry_count;
    struct cache_batch *pending[FAKE_PENDING_MAX];
    size_t pending_count;
    bool is_held;         /* nothing is answered before fake_cache_answer() */
    entc_status refuses;  /* what submit says instead of ENTC_OK */
    bool is_left_alone;   /* why it refuses */
    int32_t lease_result; /* of the next leases, unless 2 */
    struct engine_task answer_task;
    bool is_answer_posted;
    struct engine_hook flush;
};

void fake_cache_init(struct fake_cache *cache, struct engine *engine, struct fake_journal *journal);
void fake_cache_fini(struct fake_cache *cache);
void fake_cache_put(struct fake_cache *cache, const char *key, const char *value);
/* The stored value, or NULL. */
const char *fake_cache_value(struct fake_cache *cache, const char *key);
struct fake_entry *fake_cache_entry(struct fake_cache *cache, const char *key);
/* [driver] Answers the first batch that waits; `delivered` values of an MGET come, then it ends
 * with `status`. */
void fake_cache_answer(struct fake_cache *cache);
void fake_cache_deliver(struct fake_cache *cache, size_t delivered);
void fake_cache_fail(struct fake_cache *cache, size_t delivered, bool is_lost);

/* ---- database ---- */

#define FAKE_PARTS_MAX 3
#define FAKE_ROW_BYTES 10 /* what a row is said to weigh */

struct fake_row {
    const char *table;
    entc_value id[FAKE_PARTS_MAX]; /* text is borrowed */
    size_t parts;
    const char *name;
    int64_t parent;
};

struct fake_db {
    struct db_port port; /* first */
    struct engine *engine;
    struct fake_journal *journal;
    struct fake_row rows[FAKE_ROWS_MAX];
    size_t row_count;
    struct db_query *pending[FAKE_PENDING_MAX];
    size_t pending_count;
    bool is_held;
    const char *const *differences; /* what a check finds; NULL at the end */
    bool is_doubling;               /* sends each row twice, and one that nobody asked for */
    int64_t bad_id;                 /* the row of this id cannot become an entity; 0: none */
    entc_status refuses;            /* what submit says instead of ENTC_OK */
    struct engine_task answer_task;
    bool is_answer_posted;
};

void fake_db_init(struct fake_db *db, struct engine *engine, struct fake_journal *journal);
void fake_db_put(struct fake_db *db, const char *table, int64_t id, const char *name,
                 int64_t parent);
/* A row whose id has several parts, or one that is neither INT64 nor TEXT. */
void fake_db_put_id(struct fake_db *db, const char *table, const entc_value *id, size_t parts,
                    const char *name);
void fake_db_put_text(struct fake_db *db, const char *table, const char *id, const char *name);
/* [driver] Answers the first query that waits. */
void fake_db_answer(struct fake_db *db);
/* [driver] Some rows come, then it fails. */
void fake_db_fail(struct fake_db *db, size_t delivered, entc_status status, bool is_lost,
                  const char *message);

#endif
