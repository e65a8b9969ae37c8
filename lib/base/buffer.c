/* Growable bytes: what JSON, commands and SQL are written into. Whatever fails, the bytes before it
 * stay, and nothing is appended behind a gap. The short paths are inline in base.h. */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>

#define CAPACITY_MIN 64

void buffer_init(struct buffer *buffer, const entc_allocator *allocator)
{
    *buffer = (struct buffer){.allocator = allocator};
}

void buffer_fini(struct buffer *buffer)
{
    base_release(buffer->allocator, buffer->bytes);
    buffer_init(buffer, buffer->allocator);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
}

/* At least doubles, so that n appended bytes cost O(n) copies. 0: no such size. */
static size_t grown_capacity(const struct buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity < CAPACITY_MIN ? CAPACITY_MIN : buffer->capacity;

    if (more > SIZE_MAX - buffer->length)
        return 0;
    if (buffer->capacity >= CAPACITY_MIN)
        capacity = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
    return capacity < buffer->length + more ? buffer->length + more : capacity;
}

bool buffer_grow(struct buffer *buffer, size_t more)
{
    size_t capacity = grown_capacity(buffer, more);
    char *bytes = NULL;

    if (buffer->failed)
        return false;
    if (capacity)
        bytes = base_reallocate(buffer->allocator, buffer->bytes, capacity);
    if (!bytes) {
        buffer->failed = true;
        return false;
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

bool buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

bool buffer_append_int64(struct buffer *buffer, int64_t number)
{
    if (!buffer_reserve(buffer, TEXT_INT64_MAX))
        return false;
    buffer->length += text_from_int64(buffer->bytes + buffer->length, number);
    return true;
}

/* vsnprintf wants room for its NUL, which stands behind `length` and does not count. */
bool buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_list again;
    size_t room = buffer->capacity - buffer->length;
    int length;

    if (buffer->failed)
        return false;
    va_start(arguments, format);
    va_copy(again, arguments);
    length = vsnprintf(room ? buffer->bytes + buffer->length : NULL, room, format, arguments);
    if (length < 0)
        buffer->failed = true;
    else if ((size_t)length >= room && buffer_grow(buffer, (size_t)length + 1))
        vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, again);
    if (!buffer->failed)
        buffer->length += (size_t)length;
    va_end(again);
    va_end(arguments);
    return !buffer->failed;
}

const char *buffer_text(struct buffer *buffer)
{
    if (!buffer_reserve(buffer, 1))
        return NULL;
    buffer->bytes[buffer->length] = '\0';
    return buffer->bytes;
}
