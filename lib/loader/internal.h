/* What the files of this room share. What is marked (lock) is guarded by the request's lock, what
 * is marked [driver] is touched by the driver alone.
 *
 * A key that is loaded has an *entry*. Who holds one: the memo, its batch, and each *slot* (one key
 * of one load). The value goes with the last of them. An entry is *collected* until its batch is
 * sent, then *sent* until the answer came; from then on it is *known*, or *failed* with its whole
 * batch. */
#ifndef ENTC_LOADER_INTERNAL_H
#define ENTC_LOADER_INTERNAL_H

#include "loader/loader.h"

#define LOADER_DOMAIN "loader"

struct loader_member;

/* Entities by id, each with those that it came with; see peers.c. (lock) */
struct loader_peers {
    struct index index;
    struct list cohorts;           /* a reference each */
    struct loader_member *members; /* by index number; what they name is the cohorts' */
    uint32_t count;
    uint32_t capacity;
};

struct loader_request {
    struct entc_request head;             /* first */
    struct repository_services *services; /* a reference */
    int64_t begun_us;
    struct buffer report;
    struct buffer text;
    entc_request_schedule_fn schedule;
    bool has_peers; /* else nothing is remembered in `peers` */
    pthread_mutex_t lock;
    struct loader_peers peers;
    struct list loaders;          /* (lock) that are not freed */
    struct list ready;            /* (lock) closed batches, to be sent by send_task */
    uint32_t open_batches;        /* (lock) */
    bool is_sending;              /* (lock) send_task is queued, with a reference */
    struct engine_task send_task; /* sends what is ready */
    struct engine_task end_task;  /* cancels what is under way, once it is freed */
};

/* Where a loader's values come from. */
struct loader_source {
    /* Makes a key canonical; text stays borrowed. (lock) */
    entc_status (*canonical)(const struct entc_loader *loader, const entc_value *given,
                             entc_value *ret_key, entc_error **reterr);
    /* [driver] Asks for batch->keys. */
    void (*fetch)(struct entc_loader_batch *batch);
    void (*release)(struct entc_loader *loader, void *value); /* of a value that is not NULL */
    void (*fini)(struct entc_loader *loader);                 /* may be NULL */
};

/* Remembered entries by key. An entry that was forgotten leaves a gap, for index numbers stay. */
struct loader_memo {
    struct index index;
    struct loader_entry **entries; /* a reference each; NULL: a gap */
    uint32_t count;                /* gaps included */
    uint32_t gaps;
    uint32_t capacity;
};

struct entc_loader {
    atomic_uint references;
    struct loader_request *request; /* a reference */
    const struct loader_source *source;
    struct loader_settings settings;
    struct entc_repository_impl *impl; /* a reference, or NULL: the repository of its keys */
    struct entc_relation *relation;    /* a reference, or NULL */
    struct relation_kept_args *args;   /* owned, or NULL */
    struct account *account;           /* where its loads are counted; the ledger's */
    struct list link;                  /* (lock) in request->loaders */
    struct loader_memo memo;           /* (lock) */
    struct entc_loader_batch *open;    /* (lock) or NULL */
    struct list handles;               /* (lock) batches that the host knows; a reference each */
    bool is_closed;                    /* (lock) */
    bool is_full;                      /* (lock) its last batch was closed by max_batch */
    struct engine_task end_task;       /* cancels its loads, once it is freed */
    char name[];
};

enum loader_state { LOADER_COLLECTED, LOADER_SENT, LOADER_KNOWN, LOADER_FAILED };

struct loader_entry {
    atomic_uint references;
    enum loader_state state;         /* (lock) */
    struct entc_loader_batch *batch; /* (lock) borrowed, while it is collected */
    struct list link;                /* in batch->entries */
    struct list slots;               /* (lock) that wait for it */
    uint64_t hash;
    uint32_t number;     /* (lock) its place in the memo, or INDEX_NONE */
    entc_status failure; /* (lock) of the whole batch */
    void *value;         /* written by who answers the batch, then constant */
    entc_status status;  /* the same */
    entc_error *error;   /* the same: the key's own story, or NULL */
    entc_value key[];    /* its parts, then their text */
};

/* One key of one load. */
struct loader_slot {
    struct list link; /* (lock) in entry->slots or batch->hits, while it waits */
    struct loader_load *load;
    struct loader_entry *entry; /* a reference; NULL when the key cannot be one */
    entc_status status;         /* why there is no entry */
};

struct loader_load {
    entc_op op;                 /* first */
    struct entc_loader *loader; /* a reference */
    size_t count;
    size_t pending;          /* (lock) slots that wait */
    bool is_started;         /* (lock) the driver knows it */
    bool is_taken;           /* by the host */
    bool is_one;             /* of a single key */
    entc_error *first_error; /* (lock) the story of the first slot that failed */
    struct list over;        /* [driver] among those that an answer ends */
    struct loader_slot slots[];
};

/* A batch: collects entries, is sent as an operation, and is what the host answers. References: one
 * until it was delivered, one of the host that is to answer it, one in loader->handles. */
struct entc_loader_batch {
    entc_op op;                 /* first */
    struct entc_loader *loader; /* a reference */
    struct list link;           /* (lock) in request->ready, then in loader->handles */
    struct list entries;        /* a reference each; (lock) until it is sent, then constant */
    struct list hits;           /* (lock) slots of known entries, answered together with it */
    uint32_t count;             /* (lock) entries */
    entc_value *keys;           /* all parts of all, once it is sent */
    atomic_bool is_claimed;     /* somebody answers it */
    entc_status answer;         /* written by who claimed it */
    entc_error *story;          /* the same */
    struct engine_task answer_task;
    bool is_answered;               /* [driver] answer_task ran */
    bool is_delivered;              /* [driver] its loads were told */
    struct event_span span;         /* [driver] from its sending to its delivery */
    entc_op *inner;                 /* [driver] what it waits for: a reference, or NULL */
    struct engine_task attach_task; /* an override's answer, on its way to the driver */
    entc_status override_status;
    entc_op *override_op; /* a reference */
    entc_error *override_error;
};

/* request.c. A forked child has one thread, and maybe a lock that another one held. */
void loader_lock(struct loader_request *request);
void loader_unlock(struct loader_request *request);

/* peers.c */
void loader_peers_init(struct loader_peers *peers, const entc_allocator *allocator);
void loader_peers_fini(struct loader_peers *peers);
/* Not under the lock. What came together is kept, if there is memory: it may be without. */
void loader_peers_add(struct entc_request *request, struct entc_page *const *pages, size_t count);
/* Not under the lock. Gives all pages back. */
void loader_peers_forget(struct loader_request *request);

/* loader.c */
entc_status loader_make(struct entc_request *request, const struct loader_source *source,
                        const struct loader_settings *settings, struct entc_loader **ret_loader,
                        entc_error **reterr);
struct entc_loader *loader_ref(struct entc_loader *loader);
void loader_unref(struct entc_loader *loader); /* NULL is accepted */
/* (lock) From here on it takes no more. What it remembered goes to `handles` and `memo`, for
 * loader_drop() without the lock. */
void loader_close_locked(struct entc_loader *loader, struct list *handles,
                         struct loader_memo *memo);
void loader_drop(struct entc_loader *loader, struct list *handles, struct loader_memo *memo);
const entc_allocator *loader_allocator(const struct entc_loader *loader);
void loader_count(const struct entc_loader *loader, enum tally_counter counter, uint64_t amount);

/* entry.c. One reference for the caller; NULL when memory is out. `key` is canonical. */
struct loader_entry *loader_entry_new(struct entc_loader *loader, const entc_value *key,
                                      uint64_t hash);
struct loader_entry *loader_entry_ref(struct loader_entry *entry);
/* Not under the lock: it may give a value back. NULL is accepted. */
void loader_entry_unref(struct entc_loader *loader, struct loader_entry *entry);
/* How a key ended. */
entc_status loader_entry_status(const struct loader_entry *entry);
uint64_t loader_key_hash(const struct entc_loader *loader, const entc_value *key);
bool loader_key_equals(const struct entc_loader *loader, const entc_value *left,
                       const entc_value *right);

/* memo.c (lock) */
void loader_memo_init(struct loader_memo *memo, const entc_allocator *allocator);
struct loader_entry *loader_memo_find(const struct entc_loader *loader, const entc_value *key,
                                      uint64_t hash);
/* Takes a reference of its own; false when memory is out. */
bool loader_memo_add(struct entc_loader *loader, struct loader_entry *entry);
/* Gives its reference to the caller. False when it does not hold the entry. */
bool loader_memo_remove(struct entc_loader *loader, struct loader_entry *entry);
/* Empties it into `ret_memo`. */
void loader_memo_take(struct entc_loader *loader, struct loader_memo *ret_memo);
/* Not under the lock. */
void loader_memo_release(struct entc_loader *loader, struct loader_memo *memo);

/* batch.c */
/* (lock) The batch that is open, or a new one; NULL when memory is out. */
struct entc_loader_batch *loader_batch_open_locked(struct entc_loader *loader);
struct entc_loader_batch *loader_batch_new(struct entc_loader *loader);
/* (lock) Closes the open batch, if there is one: it is ready. */
void loader_batch_close_locked(struct entc_loader *loader);
/* (lock) True when something is ready and the caller is to call loader_send_later(). */
bool loader_must_send_locked(struct loader_request *request);
/* Not under the lock. */
void loader_send_later(struct loader_request *request);
/* [driver] Sends all that is ready. */
void loader_send_ready(struct loader_request *request);
/* [driver] Cancels the loads and batches of one loader. */
void loader_end_loads(struct entc_loader *loader, const char *why);
/* Submits; its loads are told when it is done. */
entc_status loader_batch_submit(struct entc_loader_batch *batch);

/* [driver] What was answered and delivered needs its keys and entries no more. */
void loader_batch_shrink(struct entc_loader_batch *batch);

/* answer.c */
/* True for who may write the values, and has to call one of the other two. */
bool loader_batch_claim(struct entc_loader_batch *batch);
void loader_batch_post_answer(struct entc_loader_batch *batch, entc_status status,
                              entc_error *story);
/* [driver] */
void loader_batch_answer(struct entc_loader_batch *batch, entc_status status, entc_error *story);
/* A reference of the host, which is to answer it. Any thread. */
void loader_batch_hand_out(struct entc_loader_batch *batch);
/* (lock) The host did not get it. */
void loader_batch_take_back_locked(struct entc_loader_batch *batch);

/* load.c: NULL when the operation is no load. */
const struct entc_loader *loader_of_load(const entc_op *op);
/* [driver] A slot's entry was answered (`story`: of a whole batch that failed). (lock) */
void loader_slot_settle(struct loader_slot *slot, const entc_error *story, struct list *over);
/* Completes the loads in the list. Not under the lock. */
void loader_finish(struct list *over);

#endif
