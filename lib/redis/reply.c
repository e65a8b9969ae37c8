/* Replies, from hiredis' reader to the batch that is owed them.
 *
 * The reader is given our own reply-object functions, so it never builds a tree: the elements of an
 * MGET go from its buffer straight to the batch. Invariant: a reply is given to the front entry
 * only if it has the type and count that this entry expects; anything else ends the connection,
 * because from then on nobody could tell whose replies the next ones are. An error is a reply like
 * any other. hiredis wants an object for everything it creates; what it gets from us is a mark that
 * nobody looks at, and NULL, which it takes for "out of memory", stops it. */
#include "redis/internal.h"

#include <hiredis/hiredis.h>
#include <limits.h>

/* Room for what stands around a value: its head, and what else came with the same recv. */
#define LIMIT_SLACK (2 * REDIS_CHUNK_BYTES)
/* A reader that once held more than this is made anew when it is empty. Its own way of shrinking
 * (maxbuf) allocates at each feed, and in 0.14 asserts that memory is there. */
#define READER_KEEP (1024 * 1024)

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

static void *accept_reply(struct redis_replies *replies)
{
    return replies;
}

static void *refuse(struct redis_replies *replies, const char *fault)
{
    replies->fault = fault;
    return NULL;
}

/* ---- whole replies ---- */

/* The reply was about this item (or this half of it); on to the next one. */
static void advance(struct redis_pending *pending)
{
    const struct cache_batch *batch = pending->batch;

    if (pending->step == CACHE_INVALIDATE && !pending->is_second_half) {
        pending->is_second_half = true;
        return;
    }
    pending->is_second_half = false;
    pending->item++;
    if (!batch || !pending->is_evaluated)
        return;
    while (pending->item < batch->count &&
           batch->items[pending->item].result != REDIS_RESULT_REPEAT)
        pending->item++;
}

static void set_result(struct redis_pending *pending, int32_t result)
{
    if (pending->batch)
        pending->batch->items[pending->item].result = result;
}

static bool is_to_be_repeated(const struct redis_pending *pending)
{
    return pending->batch && pending->batch->items[pending->item].result == REDIS_RESULT_REPEAT;
}

static void take_error(struct redis_replies *replies, struct redis_pending *pending,
                       const char *text, size_t length)
{
    const uint32_t index = redis_error_find(text, length);
    const struct redis_error *error = redis_error_at(index);
    const bool is_item = pending->step != CACHE_MGET;
    const bool is_script = redis_script_of(pending->step) != NULL;

    replies->errors |= UINT32_C(1) << index;
    if (error->verdict == REDIS_VERDICT_REPEAT && is_script && !pending->is_evaluated &&
        !pending->is_second_half) {
        pending->repeats++;
        set_result(pending, REDIS_RESULT_REPEAT);
        return;
    }
    /* An item that waits to be repeated stays so: a DEL that failed will then be repeated too. */
    if (is_item && !is_to_be_repeated(pending))
        set_result(pending, -1);
    if (error->verdict == REDIS_VERDICT_ITEM && is_item)
        return;
    if (error->verdict != REDIS_VERDICT_REPEAT || !is_item)
        pending->is_failed = true;
}

/* +OK is 1, nil is 0: for LEASE. */
static bool take_lease(struct redis_pending *pending, int type, int64_t number)
{
    if (type != REDIS_REPLY_STATUS && type != REDIS_REPLY_NIL)
        return false;
    set_result(pending, (int32_t)number);
    return true;
}

static bool take_number(struct redis_pending *pending, int type, int64_t number)
{
    if (type != REDIS_REPLY_INTEGER || (number != 0 && number != 1))
        return false;
    if (pending->step != CACHE_INVALIDATE) {
        set_result(pending, (int32_t)number);
        return true;
    }
    /* The item has its result from the L step; how many keys DEL found does not matter. */
    if (pending->is_second_half)
        return true;
    set_result(pending, 1);
    return number == 1;
}

static void *take(struct redis_replies *replies, int type, int64_t number)
{
    struct redis_pending *pending = redis_pipeline_front(replies->pipeline);
    bool is_expected = false;

    if (replies->greetings)
        return refuse(replies, "the reply to AUTH or SELECT is not +OK");
    if (!pending)
        return refuse(replies, "a reply came that nobody asked for");
    switch (pending->step) {
    case CACHE_MGET:
        break;
    case CACHE_LEASE:
        is_expected = take_lease(pending, type, number);
        break;
    case CACHE_FILL:
    case CACHE_UNLEASE:
    case CACHE_INVALIDATE:
    case CACHE_UNBLOCK:
        is_expected = take_number(pending, type, number);
        break;
    }
    if (!is_expected)
        return refuse(replies, "a reply has another type than its command");
    advance(pending);
    return accept_reply(replies);
}

static void *take_text(struct redis_replies *replies, int type, const char *text, size_t length)
{
    struct redis_pending *pending = redis_pipeline_front(replies->pipeline);
    const bool is_ok = type == REDIS_REPLY_STATUS && length == 2 && memcmp(text, "OK", 2) == 0;

    if (is_ok && replies->greetings)
        return accept_reply(replies);
    if (is_ok)
        return take(replies, type, 1);
    if (type != REDIS_REPLY_ERROR)
        return refuse(replies, "a reply has another type than its command");
    if (replies->greetings) {
        replies->errors |= UINT32_C(1) << redis_error_find(text, length);
        return refuse(replies, "the server refused AUTH or SELECT");
    }
    if (!pending)
        return refuse(replies, "an error came that nobody asked for");
    take_error(replies, pending, text, length);
    advance(pending);
    return accept_reply(replies);
}

/* ---- elements of MGET ---- */

/* A batch may be detached while its values are delivered. */
static void *take_element(struct redis_replies *replies, const redisReadTask *task,
                          const char *bytes, size_t length)
{
    struct redis_pending *pending = redis_pipeline_front(replies->pipeline);
    struct cache_batch *batch = pending->batch;

    pending->item = (size_t)task->idx + 2;
    if (batch)
        batch->value(batch, (size_t)task->idx, bytes, length);
    return accept_reply(replies);
}

/* ---- hiredis' functions ---- */

static void *create_string(const redisReadTask *task, char *text, size_t length)
{
    struct redis_replies *replies = task->privdata;

    if (!task->parent)
        return take_text(replies, task->type, text, length);
    if (task->type != REDIS_REPLY_STRING)
        return refuse(replies, "an MGET holds something that is no value");
    return take_element(replies, task, text, length);
}

/* Only the nil of a bulk string ("$-1"); the one of an array ("*-1") is no reply to us. */
static void *create_nil(const redisReadTask *task)
{
    if (task->type != REDIS_REPLY_STRING)
        return refuse(task->privdata, "an array came that nobody asked for");
    if (!task->parent)
        return take(task->privdata, REDIS_REPLY_NIL, 0);
    return take_element(task->privdata, task, NULL, 0);
}

static void *create_integer(const redisReadTask *task, long long number)
{
    if (task->parent)
        return refuse(task->privdata, "an MGET holds something that is no value");
    return take(task->privdata, REDIS_REPLY_INTEGER, number);
}

/* Called when the head of an array is read, before its elements: a wrong or absurd count ends the
 * connection before anything is stored for it. */
static void *create_array(const redisReadTask *task, element_count elements)
{
    struct redis_replies *replies = task->privdata;
    struct redis_pending *pending = redis_pipeline_front(replies->pipeline);

    if (task->parent || task->type != REDIS_REPLY_ARRAY || replies->greetings || !pending ||
        pending->step != CACHE_MGET)
        return refuse(replies, "an array came that nobody asked for");
    if ((uintmax_t)elements != pending->count)
        return refuse(replies, "the reply to MGET has another count than its keys");
    pending->item = 1;
    return accept_reply(replies);
}

#if HIREDIS_MAJOR >= 1
static void *create_double(const redisReadTask *task, double number, char *text, size_t length)
{
    (void)number;
    (void)text;
    (void)length;
    return refuse(task->privdata, "a reply is of RESP3");
}

static void *create_bool(const redisReadTask *task, int value)
{
    (void)value;
    return refuse(task->privdata, "a reply is of RESP3");
}
#endif

static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .createNil = create_nil,
    .freeObject = NULL,
};

/* ---- the reader ---- */

static bool make_reader(struct redis_replies *replies)
{
    replies->peak = 0;
    replies->reader = redisReaderCreateWithFunctions(&functions);
    if (!replies->reader)
        return false;
    replies->reader->privdata = replies;
    replies->reader->maxbuf = 0;
    return true;
}

bool redis_replies_init(struct redis_replies *replies, struct redis_pipeline *pipeline,
                        uint64_t max_value_bytes)
{
    *replies = (struct redis_replies){.pipeline = pipeline};
    replies->limit = max_value_bytes > SIZE_MAX / 2 ? SIZE_MAX : (size_t)max_value_bytes;
    if (replies->limit < SIZE_MAX)
        replies->limit += LIMIT_SLACK;
    return make_reader(replies);
}

void redis_replies_fini(struct redis_replies *replies)
{
    if (replies->reader)
        redisReaderFree(replies->reader);
    *replies = (struct redis_replies){.reader = NULL};
}

static bool die(struct redis_replies *replies)
{
    if (!replies->fault)
        replies->fault = replies->reader && replies->reader->err == REDIS_ERR_OOM
                             ? "memory is out in the reader"
                             : "what came is not RESP";
    return false;
}

static bool shrink(struct redis_replies *replies)
{
    if (replies->peak <= READER_KEEP || replies->reader->pos < replies->reader->len)
        return true;
    redisReaderFree(replies->reader);
    if (make_reader(replies))
        return true;
    replies->fault = "memory is out in the reader";
    return false;
}

/* Notes, before the last reply of a batch ends it, what it says of the server. What
 * comes too late, or was never hurried, does not show that the server is quick enough. That it
 * refuses leases does not make its hits worse. */
static void note_outcome(struct redis_replies *replies)
{
    const struct redis_pending *pending = redis_pipeline_front(replies->pipeline);

    if (pending->replies > 1 || pending->is_late)
        return;
    if (pending->step == CACHE_MGET && pending->is_failed)
        replies->refused++;
    else if ((pending->step == CACHE_MGET || pending->step == CACHE_LEASE) && !pending->is_failed)
        replies->served++;
    replies->is_good = replies->is_good || replies->served > 0;
}

/* Names the slot whose value is too large, so that the repository has it removed: otherwise each
 * read of that key would end a connection. */
static bool refuse_size(struct redis_replies *replies)
{
    const struct redis_pending *pending = redis_pipeline_front(replies->pipeline);

    if (pending && pending->batch && pending->step == CACHE_MGET)
        pending->batch->too_large = pending->item;
    /* The value is at fault, not the server: the next connection is opened at once. */
    replies->is_good = true;
    return refuse(replies, "a reply is larger than any value may be") != NULL;
}

/* The reader takes a reply's first byte as soon as it is there. */
static void note_last(struct redis_replies *replies, const char *bytes, size_t length)
{
    const size_t unread = replies->reader->len - replies->reader->pos;

    if (unread < length)
        replies->last = bytes[length - unread - 1];
}

/* hiredis tells a length only when the value is complete. Where one is under way, the reader took
 * its '$', and what it has not taken begins with the digits of its length; they come long before
 * the value does, and while its asker still waits, even if the link is slow. */
static bool announces_too_much(const struct redis_replies *replies)
{
    const struct redis_pending *pending = redis_pipeline_front(replies->pipeline);
    const redisReader *reader = replies->reader;
    size_t length = 0;

    if (!pending || pending->step != CACHE_MGET || pending->item == 0 || replies->last != '$')
        return false;
    for (size_t i = reader->pos; i < reader->len; i++) {
        const unsigned char digit = (unsigned char)reader->buf[i] - '0';

        if (digit > 9)
            return false;
        if (length > (replies->limit - digit) / 10)
            return true;
        length = length * 10 + digit;
    }
    return false;
}

bool redis_replies_feed(struct redis_replies *replies, const char *bytes, size_t length)
{
    redisReader *reader = replies->reader;
    void *reply = NULL;

    if (redisReaderFeed(reader, bytes, length) != REDIS_OK)
        return die(replies);
    if (reader->len > replies->peak)
        replies->peak = reader->len;
    do {
        reply = NULL;
        if (redisReaderGetReply(reader, &reply) != REDIS_OK)
            return die(replies);
        if (reply && replies->greetings) {
            replies->greetings--;
        } else if (reply) {
            note_outcome(replies);
            redis_pipeline_answered(replies->pipeline);
        }
    } while (reply);
    note_last(replies, bytes, length);
    if (reader->len - reader->pos > replies->limit || announces_too_much(replies))
        return refuse_size(replies);
    return shrink(replies);
}
