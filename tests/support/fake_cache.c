/* The cache of fake_ports.h: a table of keys with their values and leases, and the steps of
 * coherence.md 1.2 on it. */
#include "fake_ports.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- journal ---- */

void fake_journal_write(struct fake_journal *journal, const char *format, ...)
{
    char line[16384];
    va_list arguments;
    int length = 0;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof(line))
        length = (int)sizeof(line) - 1;
    journal->text = realloc(journal->text, journal->length + (size_t)length + 1);
    if (!journal->text)
        abort();
    memcpy(journal->text + journal->length, line, (size_t)length + 1);
    journal->length += (size_t)length;
}

const char *fake_journal_take(struct fake_journal *journal)
{
    const char *text = journal->length > 0 ? journal->text : "";

    journal->length = 0;
    return text;
}

void fake_journal_fini(struct fake_journal *journal)
{
    free(journal->text);
    *journal = (struct fake_journal){NULL, 0};
}

/* ---- table ---- */

static const char *step_name(enum cache_step step)
{
    static const char *const names[] = {"MGET",    "LEASE",      "FILL",
                                        "UNLEASE", "INVALIDATE", "UNBLOCK"};

    return names[step];
}

static struct fake_entry *entry_of(struct fake_cache *cache, const char *key, size_t length)
{
    struct fake_entry *entry = NULL;

    for (size_t i = 0; i < cache->entry_count; i++)
        if (strlen(cache->entries[i].key) == length &&
            memcmp(cache->entries[i].key, key, length) == 0)
            return &cache->entries[i];
    if (cache->entry_count == FAKE_ENTRIES_MAX || length >= FAKE_TEXT_MAX)
        abort();
    entry = &cache->entries[cache->entry_count++];
    memset(entry, 0, sizeof(*entry));
    memcpy(entry->key, key, length);
    return entry;
}

struct fake_entry *fake_cache_entry(struct fake_cache *cache, const char *key)
{
    return entry_of(cache, key, strlen(key));
}

const char *fake_cache_value(struct fake_cache *cache, const char *key)
{
    return fake_cache_entry(cache, key)->value;
}

static void store(struct fake_entry *entry, const char *value, size_t length)
{
    free(entry->value);
    entry->value = NULL;
    if (!value)
        return;
    entry->value = malloc(length + 1);
    if (!entry->value)
        abort();
    memcpy(entry->value, value, length);
    entry->value[length] = '\0';
}

void fake_cache_put(struct fake_cache *cache, const char *key, const char *value)
{
    store(fake_cache_entry(cache, key), value, value ? strlen(value) : 0);
}

/* ---- steps ---- */

static bool holds(const struct fake_entry *entry, const char *token)
{
    return strncmp(entry->lease, token, CACHE_TOKEN_LENGTH) == 0;
}

static int32_t lease(struct fake_cache *cache, struct fake_entry *entry, const char *token)
{
    if (cache->lease_result != 2)
        return cache->lease_result;
    if (entry->lease[0])
        return 0;
    memcpy(entry->lease, token, CACHE_TOKEN_LENGTH);
    return 1;
}

static int32_t fill(struct fake_entry *entry, const struct cache_item *item)
{
    if (!holds(entry, item->token))
        return 0;
    store(entry, item->value.bytes, item->value.length);
    entry->ttl_ms = item->ttl_ms;
    entry->lease[0] = '\0';
    return 1;
}

static int32_t unlease(struct fake_entry *entry, const char *token)
{
    if (!holds(entry, token))
        return 0;
    entry->lease[0] = '\0';
    return 1;
}

/* A lease "foreign" is none: another tool wrote it. */
static int32_t unblock(struct fake_entry *entry)
{
    if (strcmp(entry->lease, "foreign") != 0)
        return 0;
    entry->lease[0] = '\0';
    return 1;
}

static void run_item(struct fake_cache *cache, struct cache_batch *batch, size_t slot)
{
    struct cache_item *item = &batch->items[slot];
    struct fake_entry *entry = entry_of(cache, item->key.bytes, item->key.length);

    switch (batch->step) {
    case CACHE_MGET:
        batch->value(batch, slot, entry->value, entry->value ? strlen(entry->value) : 0);
        break;
    case CACHE_LEASE:
        item->result = lease(cache, entry, item->token);
        break;
    case CACHE_FILL:
        item->result = fill(entry, item);
        break;
    case CACHE_UNLEASE:
        item->result = unlease(entry, item->token);
        break;
    case CACHE_INVALIDATE:
        if (entry->lease[0] != 'w')
            entry->lease[0] = '\0';
        store(entry, NULL, 0);
        item->result = 1;
        break;
    case CACHE_UNBLOCK:
        item->result = unblock(entry);
        break;
    }
}

static struct cache_batch *first(struct fake_cache *cache)
{
    if (cache->pending_count == 0)
        abort();
    return cache->pending[0];
}

static void remove_pending(struct fake_cache *cache, size_t place)
{
    cache->pending_count--;
    memmove(&cache->pending[place], &cache->pending[place + 1],
            (cache->pending_count - place) * sizeof(cache->pending[0]));
}

void fake_cache_deliver(struct fake_cache *cache, size_t delivered)
{
    struct cache_batch *batch = first(cache);

    for (size_t slot = 0; slot < delivered && slot < batch->count; slot++)
        run_item(cache, batch, slot);
}

void fake_cache_answer(struct fake_cache *cache)
{
    struct cache_batch *batch = first(cache);

    fake_cache_deliver(cache, batch->count);
    remove_pending(cache, 0);
    batch->done(batch, ENTC_OK);
}

void fake_cache_fail(struct fake_cache *cache, size_t delivered, bool is_lost)
{
    struct cache_batch *batch = first(cache);

    fake_cache_deliver(cache, delivered);
    remove_pending(cache, 0);
    batch->is_lost = is_lost;
    batch->done(batch, ENTC_E_UNAVAILABLE);
}

/* ---- port ---- */

static void post_answers(struct fake_cache *cache)
{
    if (cache->is_held || cache->is_answer_posted || cache->pending_count == 0)
        return;
    cache->is_answer_posted = true;
    engine_post(cache->engine, &cache->answer_task);
}

/* Only what waits now: an answer may ask anew. */
static void run_answers(struct engine_task *task)
{
    struct fake_cache *cache = BASE_CONTAINER(task, struct fake_cache, answer_task);

    cache->is_answer_posted = false;
    for (size_t left = cache->pending_count; left > 0 && cache->pending_count > 0; left--)
        if (!cache->is_held)
            fake_cache_answer(cache);
    post_answers(cache);
}

static uint32_t commands(const struct cache_batch *batch)
{
    if (batch->step == CACHE_MGET)
        return 1;
    return (uint32_t)batch->count * (batch->step == CACHE_INVALIDATE ? 2 : 1);
}

/* As the real one: what is submitted counts as sent when it was offered to the socket. */
static void flush(struct engine_hook *hook)
{
    struct fake_cache *cache = BASE_CONTAINER(hook, struct fake_cache, flush);

    for (size_t i = 0; i < cache->pending_count; i++)
        cache->pending[i]->commands = commands(cache->pending[i]);
}

static void write_batch(struct fake_cache *cache, const char *before,
                        const struct cache_batch *batch)
{
    fake_journal_write(cache->journal, "%s%s", before, step_name(batch->step));
    for (size_t i = 0; i < batch->count; i++) {
        const struct cache_item *item = &batch->items[i];

        fake_journal_write(cache->journal, " %.*s", (int)item->key.length, item->key.bytes);
        if (batch->step == CACHE_FILL)
            fake_journal_write(cache->journal, "=%.*s", (int)item->value.length, item->value.bytes);
    }
    fake_journal_write(cache->journal, "\n");
}

static entc_status submit(struct cache_port *port, struct cache_batch *batch)
{
    struct fake_cache *cache = (struct fake_cache *)port;

    batch->is_refused = cache->refuses != ENTC_OK && cache->is_left_alone;
    if (cache->refuses != ENTC_OK)
        return cache->refuses;
    if (cache->pending_count == FAKE_PENDING_MAX || batch->count == 0)
        abort();
    write_batch(cache, "", batch);
    batch->is_lost = false;
    batch->commands = 0;
    cache->pending[cache->pending_count++] = batch;
    engine_hook_set(cache->engine, &cache->flush, ENGINE_FLUSH);
    post_answers(cache);
    return ENTC_OK;
}

static void detach(struct cache_port *port, struct cache_batch *batch)
{
    struct fake_cache *cache = (struct fake_cache *)port;

    for (size_t i = 0; i < cache->pending_count; i++) {
        if (cache->pending[i] != batch)
            continue;
        write_batch(cache, "detach ", batch);
        remove_pending(cache, i);
        return;
    }
    abort();
}

static void do_nothing(struct cache_port *port)
{
    (void)port;
}

static const struct cache_port_ops ops = {
    .submit = submit, .detach = detach, .close = do_nothing, .free = do_nothing};

void fake_cache_init(struct fake_cache *cache, struct engine *engine, struct fake_journal *journal)
{
    memset(cache, 0, sizeof(*cache));
    cache->port.ops = &ops;
    cache->engine = engine;
    cache->journal = journal;
    cache->lease_result = 2;
    cache->answer_task.run = run_answers;
    cache->flush.run = flush;
}

void fake_cache_fini(struct fake_cache *cache)
{
    for (size_t i = 0; i < cache->entry_count; i++)
        free(cache->entries[i].value);
    cache->entry_count = 0;
}
