/* The postgres room on the real engine, without operations: a test submits queries of its own and
 * drives until they are done. All functions fail the test rather than return after 30 s. */
#ifndef ENTC_TEST_POSTGRES_RIG_H
#define ENTC_TEST_POSTGRES_RIG_H

#include "allocator.h"
#include "db_link.h"
#include "postgres/postgres.h"
#include "servers.h"

struct postgres_rig {
    struct test_allocator memory;
    struct engine *engine;
    struct db_port *port;
    struct log log;
    char logged[8192];
    int lines[ENTC_LOG_DEBUG + 1]; /* of each level */
};

/* A query and what it was told. */
struct ask {
    struct db_query query; /* first */
    struct postgres_rig *rig;
    struct entc_entity **entities;
    size_t entity_count;
    entc_value *ids; /* told ids, each as many values as its key has parts; text is copied */
    size_t *parents;
    size_t id_count;
    int64_t bad_id;
    int bad_rows;
    int done_calls;
    entc_status submitted;
    entc_status status;
    bool is_refused;        /* by submit */
    char differences[8192]; /* each with a line's end */
    int difference_count;
    char message[512];
    char hint[256];
    char sqlstate[6];
    void (*on_entity)(struct ask *ask); /* after each; may be NULL */
    void (*on_done)(struct ask *ask);   /* at the end of done; may be NULL */
    void *user;
};

/* With 10 s to connect to each address. */
void postgres_rig_open(struct postgres_rig *rig, const char *conninfo, uint32_t connections);
void postgres_rig_open_with(struct postgres_rig *rig, const char *conninfo, uint32_t connections,
                            int64_t connect_timeout_us);
/* Closes everything and asserts that no memory is left. */
void postgres_rig_close(struct postgres_rig *rig);
/* Only the engine and the port, without asserting anything: for forked children. */
void postgres_rig_abandon(struct postgres_rig *rig);
/* Drives, at most `timeout_ms` asleep. */
void postgres_rig_turn(struct postgres_rig *rig, int timeout_ms);
/* Drives until `is_true` says so. */
void postgres_rig_until(struct postgres_rig *rig, bool (*is_true)(void *context), void *context);

/* The model of public.`table`, or of `schema`. Ended by postgres_rig_model_free(). */
struct schema_model *postgres_rig_model(const char *schema, const char *table,
                                        const entc_field *fields, size_t count);
struct schema_model *postgres_rig_model_of(const entc_model_desc *desc, const entc_field *fields,
                                           size_t count);
void postgres_rig_model_free(struct schema_model *model);
#define RIG_FIELD(name, type, flags)     \
    {                                    \
        name, type, flags, 0, 0, 0, NULL \
    }

/* Prepares; `ids` etc. of the query are the caller's to set. */
void ask_init(struct ask *ask, struct postgres_rig *rig, enum db_kind kind,
              const struct schema_model *model);
/* For DB_BY_IDS and DB_PAGES; the array must live as long as the ask. `count` ids, whose parts
 * stand one behind the other. */
void ask_ids(struct ask *ask, const entc_value *ids, size_t count);
/* Submits as the driver would, and drives one turn without sleeping. */
void ask_submit(struct ask *ask);
/* The same for several in one turn. */
void ask_submit_all(struct ask *asks, size_t count);
void ask_detach(struct ask *ask);
/* Drives until it is done. Returns its status. */
entc_status ask_wait(struct ask *ask);
/* Submits and waits. */
entc_status ask_run(struct ask *ask);
/* Forgets the answer. */
void ask_fini(struct ask *ask);
/* The entity with this id; fails the test if there is none. */
struct entc_entity *ask_entity(const struct ask *ask, int64_t id);

#endif
