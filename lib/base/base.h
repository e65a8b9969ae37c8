/* base: what every room stands on. Memory, errors, bytes, text, a list, an index, a hash, clock and
 * randomness.
 *
 * Nothing here knows an entity or a socket. Allocations may fail: functions that allocate say so by
 * their result, and leave what they were given as it was. */
#ifndef ENTC_BASE_H
#define ENTC_BASE_H

#include <entitycache/engine.h>
#include <entitycache/status.h>
#include <entitycache/value.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- memory ---- */

/* malloc and friends, as an allocator. */
const entc_allocator *base_default_allocator(void);

/* `size` may be 0: the result may then be released like any other. NULL when memory is out. */
void *base_allocate(const entc_allocator *allocator, size_t size);
void *base_allocate_zeroed(const entc_allocator *allocator, size_t size);
/* count * size, checked for overflow (NULL). */
void *base_allocate_array(const entc_allocator *allocator, size_t count, size_t size);
void *base_reallocate(const entc_allocator *allocator, void *memory, size_t size);
void base_release(const entc_allocator *allocator, void *memory);
/* Takes `count` things of `size` bytes off the rest of a block, which moves on: one allocation for
 * several arrays. The block is large enough, and the widest things come first. */
static inline void *base_carve(char **rest, size_t count, size_t size)
{
    void *array = *rest;

    *rest += count * size;
    return array;
}
/* NULL for NULL, and when memory is out. */
char *base_copy_text(const entc_allocator *allocator, const char *text);
/* memset that the compiler keeps, for secrets. */
void base_wipe(void *memory, size_t size);

/* ---- errors ---- */

/* Writes an error (reusing *reterr when it holds one) and returns `code`. `reterr` may be NULL.
 * `domain` is static text. Hint and SQLSTATE are cleared. The arguments may borrow from the error
 * that is written over. Texts are made one line of UTF-8 (text_one_line()) and cut at 511 bytes,
 * hints at 255. When memory is out, *reterr becomes the static out-of-memory error, and `code` is
 * returned all the same. */
entc_status error_set(entc_error **reterr, entc_status code, const char *domain, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));
/* Adds the cure to the error that error_set() wrote. */
void error_hint(entc_error **reterr, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds PostgreSQL's five characters; anything else clears them. */
void error_sqlstate(entc_error **reterr, const char *sqlstate);
/* ENTC_E_NO_MEMORY with the static error; needs no memory. */
entc_status error_no_memory(entc_error **reterr);
/* Copies `from` (NULL: does nothing) over *reterr and returns its code, or `code` when `from` is
 * NULL. */
entc_status error_copy(entc_error **reterr, const entc_error *from, entc_status code);

/* ---- bytes ---- */

struct span {
    const char *bytes;
    size_t length;
};

/* Growable bytes. A failed append sets `failed` and leaves the bytes as they were; every later one
 * is refused too, so that the bytes stay a true beginning: check once at the end. Appended bytes
 * must lie outside the buffer. */
struct buffer {
    char *bytes; /* NULL while empty and never grown */
    size_t length;
    size_t capacity;
    const entc_allocator *allocator;
    bool failed;
};

void buffer_init(struct buffer *buffer, const entc_allocator *allocator);
void buffer_fini(struct buffer *buffer);
/* length = 0, failed = false; keeps the memory. */
void buffer_clear(struct buffer *buffer);
/* The slow half of buffer_reserve(). */
bool buffer_grow(struct buffer *buffer, size_t more);

/* Room for `more` bytes behind length. */
static inline bool buffer_reserve(struct buffer *buffer, size_t more)
{
    if (!buffer->failed && buffer->capacity - buffer->length >= more)
        return true;
    return buffer_grow(buffer, more);
}

static inline bool buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (!buffer_reserve(buffer, length))
        return false;
    if (length)
        memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return true;
}

static inline bool buffer_append_char(struct buffer *buffer, char c)
{
    if (!buffer_reserve(buffer, 1))
        return false;
    buffer->bytes[buffer->length++] = c;
    return true;
}

bool buffer_append_text(struct buffer *buffer, const char *text);
bool buffer_append_int64(struct buffer *buffer, int64_t number);
bool buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Puts a NUL behind the bytes (not counted in length). NULL when memory is out. */
const char *buffer_text(struct buffer *buffer);

/* ---- text ---- */

/* Longest int64 in decimal with its sign. */
#define TEXT_INT64_MAX 20
/* Writes without NUL; returns the length. */
size_t text_from_int64(char out[TEXT_INT64_MAX], int64_t number);
/* Reads canonical decimal only: no '+', no leading zero, no "-0", no space, within int64. */
bool text_to_int64(const char *text, size_t length, int64_t *ret_number);
/* RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. Fast for ASCII. */
bool text_is_utf8(const char *text, size_t length);
/* Makes NUL-terminated text fit to show, in place: control characters become spaces, bytes that are
 * no UTF-8 become '?', trailing spaces and a character that was cut off at the end go. Returns the
 * new length. */
size_t text_one_line(char *text);
/* [A-Za-z_][A-Za-z0-9_]*, 1 to `longest` bytes. */
bool text_is_name(const char *text, size_t longest);

/* ---- intrusive list: circular, doubly linked; a node outside any list has next == NULL ---- */

struct list {
    struct list *next;
    struct list *previous;
};

static inline void list_init(struct list *head)
{
    head->next = head;
    head->previous = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool list_is_linked(const struct list *node)
{
    return node->next != NULL;
}

static inline void list_push(struct list *head, struct list *node)
{
    node->next = head;
    node->previous = head->previous;
    head->previous->next = node;
    head->previous = node;
}

static inline void list_remove(struct list *node)
{
    if (!node->next)
        return;
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = NULL;
    node->previous = NULL;
}

/* Takes the first node off; NULL when empty. */
static inline struct list *list_pop(struct list *head)
{
    struct list *node = head->next;

    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

#define BASE_CONTAINER(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* ---- index: hash -> number, open addressing; the owner keeps the things and compares them ---- */

#define INDEX_NONE UINT32_MAX

struct index_slot {
    uint32_t number; /* INDEX_NONE: free */
    uint32_t hash;
};

struct index {
    struct index_slot *slots;
    uint32_t capacity;  /* slots in use: a power of two, or 0 */
    uint32_t allocated; /* slots there are; those behind `capacity` are free */
    uint32_t count;
    const entc_allocator *allocator;
};

/* Whether the thing with that number is the one sought. */
typedef bool (*index_equals)(const void *context, uint32_t number);

void index_init(struct index *index, const entc_allocator *allocator);
void index_fini(struct index *index);
/* Forgets all; keeps the memory. */
void index_clear(struct index *index);
/* Room for `count` things altogether: so many inserts do not fail. */
bool index_reserve(struct index *index, uint32_t count);
uint32_t index_find(const struct index *index, uint64_t hash, index_equals equals,
                    const void *context);
/* The caller has looked that it is not there; `number` is below INDEX_NONE. False when memory is
 * out. */
bool index_insert(struct index *index, uint64_t hash, uint32_t number);

/* ---- hash: SipHash-1-3 (Aumasson, Bernstein 2012; rounds as in Rust and Python), keyed so that
 * hostile ids cannot collide at will ---- */

struct hash_key {
    uint64_t k0;
    uint64_t k1;
};

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t length);
/* The same as hash_bytes() over the number's eight bytes, lowest first. */
uint64_t hash_uint64(const struct hash_key *key, uint64_t number);

/* ---- clock and randomness ---- */

/* Microseconds of CLOCK_MONOTONIC. */
int64_t clock_now_us(void);

/* xoshiro256** (Blackman, Vigna 2018): for jitter and hash keys, not for secrets. Confined. */
struct random {
    uint64_t state[4];
};

/* Seeds from getrandom(); ENTC_E_SYSTEM when the kernel has none. */
entc_status random_seed(struct random *random);
uint64_t random_next(struct random *random);
/* 0 <= result < limit; 0 for limit 0. */
uint64_t random_below(struct random *random, uint64_t limit);
/* Bytes of the kernel, for tokens. */
entc_status random_bytes(void *bytes, size_t length);

#endif
