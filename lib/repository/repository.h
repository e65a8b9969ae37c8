/* repository: the read path. One batch of ids in, one array of entities out; cache first, then the
 * database.
 *
 * coherence.md 1.3: MGET, lease for the misses, one `= ANY` for all of them, fenced fill. Ids of
 * calls that are submitted before the batch was sent share it (single flight); a flight that was
 * sent is never joined. Knows ports, never an adapter, so its tests run on fake ports and a fake
 * clock. */
#ifndef ENTC_REPOSITORY_ROOM_H
#define ENTC_REPOSITORY_ROOM_H

#include "codec/codec.h"
#include "engine/engine.h"
#include "entity/entity.h"
#include "observe/observe.h"
#include "ports/ports.h"
#include "schema/schema.h"

#include <entitycache/repository.h>
#include <entitycache/request.h>

/* Values of ids that one call may give: ids times the parts of each. */
#define REPOSITORY_IDS_MAX (UINT32_C(1) << 24)

/* What all repositories of one engine share. Refcounted: it outlives the engine's handle as long as
 * a repository lives. Made by the api room, zeroed where this does not say otherwise. */
struct repository_services {
    atomic_uint references;
    struct engine *engine;    /* a reference */
    struct cache_port *cache; /* NULL: no cache at all */
    struct db_port *database;
    struct tally *tally; /* the engine's own counters; a reference */
    struct log log;
    struct events *events;    /* owned; NULL: nobody listens */
    char *key_prefix;         /* "" for none */
    int64_t timeout_us;       /* of a call that names none */
    int64_t redis_timeout_us; /* how long one flight may wait for the cache in sum */
    int64_t ttl_us;
    int64_t negative_ttl_us; /* -1: never cached */
    int64_t lease_us;
    uint64_t max_value_bytes;
    struct hash_key hash_key;
    struct random random;         /* [driver] jitter */
    unsigned char token_base[16]; /* of this process; with token_count it never repeats */
    uint64_t token_count;         /* [driver] */
    struct list writes;           /* [driver] steps that nobody waits for: fills and their kin */
    struct engine_hook sent;      /* [driver] counts what they sent */
    void (*destroy)(struct repository_services *services); /* frees ports and the struct */
};

struct repository_services *repository_services_ref(struct repository_services *services);
void repository_services_unref(struct repository_services *services);
/* [driver] For the `shutdown` of engine_close(), before the ports are closed: detaches what is
 * still on the cache port that no operation waits for. */
void repository_services_shutdown(struct repository_services *services);

/* What lower rooms need of a request; the loader room embeds it first in its own. */
struct entc_request {
    atomic_uint references;
    struct engine *engine;
    struct tally *tally;
    struct ledger *ledger;       /* a reference; its total is `tally` */
    struct tally *engine_tally;  /* a reference, or NULL */
    entc_authorize_fn authorize; /* NULL: everything is handed out */
    void *user;                  /* for `authorize` */
    atomic_bool is_freed;        /* the host gave it back: `authorize` is not called any more */
    int64_t deadline_us;         /* engine clock; INT64_MAX: none */
    struct engine_group group;   /* its operations; see repository_op_in() */
    struct event_scope scope;    /* its span; id 0 when nobody listens */
    void (*destroy)(struct entc_request *request);
};

struct entc_request *repository_request_ref(struct entc_request *request); /* NULL gives NULL */
void repository_request_unref(struct entc_request *request);               /* NULL is accepted */
/* The account of a repository's entity in a request; NULL without one. Once for each operation. */
struct account *repository_account(struct entc_request *request,
                                   const struct entc_repository_impl *impl);
/* authorize.c: asks the request's callback whether this entity may be handed out; ENTC_OK or
 * ENTC_E_FORBIDDEN, which is counted. Host code: on the thread that takes, with no lock held, once
 * for each way out (taken operations, pages, a loader's loads and memo hits). `request` may be
 * NULL: ENTC_OK; so may `impl`. */
entc_status repository_authorize(struct entc_request *request, struct entc_repository_impl *impl,
                                 const struct entc_entity *entity);
/* Before the submit: the operation is one of this request (NULL: of none), of which it has a
 * reference. */
void repository_op_in(entc_op *op, struct entc_request *request);

/* A call, checked: what entc_call becomes. */
struct repository_call {
    struct entc_request *request; /* or NULL; the operation takes its own reference */
    int64_t deadline_us;          /* engine clock */
    entc_done_fn done;
    void *user;
    uint64_t parent; /* the span that caused it; 0: the request's */
};

/* Where the spans of a call belong. */
struct event_place repository_place(const struct entc_request *request, uint64_t parent);

/* ---- the inner object of a BaseCacheRepository: refcounted, held by operations under way ---- */

struct repository_batch;

struct entc_repository_impl {
    atomic_uint references;
    struct repository_services *services; /* a reference */
    struct schema_model *model;           /* a reference */
    struct schema_type *type;             /* model->type */
    atomic_bool is_closed;
    /* The public struct: for overrides, in host steps only; NULL after close. */
    _Atomic(BaseCacheRepository *) owner;
    bool overrides_get_many;        /* owner->ops->get_many is not the base's */
    BaseCacheRepositoryOps ops;     /* the api's: the owner's complete table */
    struct buffer key_head;         /* <prefix><cache_name>- */
    struct entity_draft draft;      /* [driver] for decoding */
    struct repository_batch *open;  /* [driver] the batch that was not sent yet, or NULL */
    struct repository_batch *spare; /* [driver] an empty one, for its memory, or NULL */
    struct list flights;            /* [driver] sent; each has an operation that waits for it */
    struct list guests;             /* [driver] struct repository_guest */
    struct engine_hook dispatch;    /* [driver] */
    struct engine_task close_task;
};

/* Validates both descriptors (schema room) and makes the inner object with one reference. */
entc_status repository_new(struct repository_services *services, const entc_model_desc *model,
                           const entc_entity_desc *entity, struct entc_repository_impl **ret_impl,
                           entc_error **reterr);
struct entc_repository_impl *repository_ref(struct entc_repository_impl *impl);
void repository_unref(struct entc_repository_impl *impl);
/* Any thread: operations under way will complete with ENTC_E_CLOSED, new ones are refused. The
 * caller still unrefs. */
void repository_close(struct entc_repository_impl *impl);
/* Writes the error of a call that meets a closed repository, and returns ENTC_E_CLOSED. */
entc_status repository_is_closed_error(const struct entc_repository_impl *impl,
                                       entc_error **reterr);

/* [driver] An operation of another room that ends when the repository is closed. */
struct repository_guest {
    struct list link;                               /* in impl->guests while it is under way */
    void (*closed)(struct repository_guest *guest); /* leaves, and completes its operation */
};

/* ---- operations that answer entities ---- */

struct entities_op {
    entc_op op;                        /* first */
    struct entc_repository_impl *impl; /* a reference; NULL for the host's */
    struct entc_request *request;      /* a reference, or NULL */
    struct account *account;           /* the request's for this entity, or NULL */
    uint64_t parent;                   /* the span that caused it, or 0 */
    size_t count;
    struct entc_entity **entities;  /* per slot, a reference or NULL */
    entc_status *statuses;          /* per slot; ENTC_E_AGAIN while it has no answer */
    entc_value *ids;                /* canonical, all parts of a slot together; a slot that is
                                       ENTC_E_INVALID has none */
    uint64_t *hashes;               /* of the ids */
    uint32_t *entries;              /* [driver] per slot, its entry in the batch */
    uint16_t *key_lengths;          /* per slot; 0 where there is no id */
    struct buffer keys;             /* the key texts, one after the other */
    size_t pending;                 /* slots without an answer */
    struct entc_error *first_error; /* the story of the first slot that failed */
    struct repository_batch *batch; /* [driver] where it waits, or NULL */
    struct list place;              /* [driver] in the batch's lists */
    uint32_t turn;                  /* [driver] when its request was charged last; limits.c */
    struct engine_task answer_task; /* host's resolve */
    entc_status answer;             /* host's reject; ENTC_OK for a resolve */
    atomic_bool is_answered;        /* the host resolved or rejected it */
    bool is_of_host;                /* made by entc_op_new(): completed by resolve or reject */
    bool is_taken;
};

/* Submits a read of `count` ids (may be 0) of type->key_count values each. Ids are made canonical
 * and copied here, on the caller's thread; an id that cannot be one fails its slot with
 * ENTC_E_INVALID, the others go on. Counts ids, never calls host code. Also called by the driver
 * (relations). */
entc_status repository_get_many(struct entc_repository_impl *impl, const entc_value *ids,
                                size_t count, const struct repository_call *call, entc_op **ret_op,
                                entc_error **reterr);

/* Submits a comparison of the model with the live schema, or, with a link, of what ties its rows to
 * others. The operation fails with ENTC_E_SCHEMA when there is a difference. */
struct repository_check {
    const struct db_link *link;   /* NULL: the model */
    const struct db_order *order; /* of a link */
    size_t order_count;
    void *owner; /* NULL, or a reference of what holds link and order: taken on success */
    void (*release)(void *owner);
};
entc_status repository_check(struct entc_repository_impl *impl,
                             const struct repository_check *check,
                             const struct repository_call *call, entc_op **ret_op,
                             entc_error **reterr);
/* The differences of a check that is done, a line each; borrowed from the operation. */
struct span repository_check_lines(entc_op *op);

/* For entc_op_new() and its kin. */
entc_status repository_host_op_new(struct engine *engine, size_t count,
                                   const struct repository_call *call, entc_op **ret_op,
                                   entc_error **reterr);
entc_status repository_host_op_resolve(entc_op *op, struct entc_entity **entities,
                                       const entc_status *statuses, size_t count);
entc_status repository_host_op_reject(entc_op *op, entc_status status, const char *message);

/* Any thread: engine_op_submit() with the story of a refusal. */
entc_status repository_op_submit(entc_op *op, entc_error **reterr);
/* Keyed, for the engine's indexes of canonical ids. */
uint64_t repository_id_hash(const struct repository_services *services, const entc_value *id,
                            uint32_t parts);
/* Whether two canonical ids of one type are the same. */
bool repository_id_equals(const entc_value *left, const entc_value *right, uint32_t parts);
/* Bytes of the texts of an id that a caller gave, for the copy of those that can be canonical. */
size_t repository_id_text_bytes(const struct schema_type *type, const entc_value *ids,
                                size_t count);
/* Copies an id's texts to *texts, which moves on. */
void repository_id_keep_texts(entc_value *id, uint32_t parts, char **texts);

/* NULL when the operation does not answer entities. */
struct entities_op *repository_entities_op(entc_op *op);
/* For rooms: takes all there is, without asking anybody. ENTC_E_INVALID when it is of another kind,
 * taken before, or the count is wrong. */
entc_status repository_op_take(entc_op *op, struct entc_entity **ret_entities,
                               entc_status *ret_statuses, size_t count);
/* For the host, see entc_op_take_entities(): what the request may not have is kept back. `request`
 * and `impl` are whose call it was; NULL: the operation's own. */
entc_status repository_op_deliver(entc_op *op, struct entc_request *request,
                                  struct entc_repository_impl *impl,
                                  struct entc_entity **ret_entities, entc_status *ret_statuses,
                                  size_t count);

#endif
