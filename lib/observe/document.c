/* The writer of documents. Where a comma is due follows from the last byte, so there is no state to
 * keep: behind an opening bracket, and at the very beginning, there is none. */
#include "observe/document.h"

#define DIGITS_SIZE 20 /* of 2^64 - 1 */

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

void document_escape(struct buffer *buffer, const char *text)
{
    for (;;) {
        const char *first = text;

        while (is_plain((unsigned char)*text))
            text++;
        buffer_append(buffer, first, (size_t)(text - first));
        if (!*text)
            return;
        if (*text == '"' || *text == '\\')
            buffer_append_format(buffer, "\\%c", *text++);
        else
            buffer_append_format(buffer, "\\u%04x", (unsigned)(unsigned char)*text++);
    }
}

static void quote(struct buffer *buffer, const char *text)
{
    buffer_append_char(buffer, '"');
    document_escape(buffer, text);
    buffer_append_char(buffer, '"');
}

static bool is_comma_due(const struct buffer *buffer)
{
    const char last = buffer->length > 0 ? buffer->bytes[buffer->length - 1] : '[';

    return last != '{' && last != '[';
}

/* Most members are numbers under names of ours: one reservation, and no look at each byte. */
static bool put_name(struct buffer *buffer, const char *name, size_t length, size_t more)
{
    char *at = NULL;

    if (!buffer_reserve(buffer, length + more + sizeof(",\"\":")))
        return false;
    at = buffer->bytes + buffer->length;
    if (is_comma_due(buffer))
        *at++ = ',';
    *at++ = '"';
    memcpy(at, name, length);
    at += length;
    *at++ = '"';
    *at++ = ':';
    buffer->length = (size_t)(at - buffer->bytes);
    return true;
}

static void begin_member(struct buffer *buffer, const char *name)
{
    if (is_comma_due(buffer))
        buffer_append_char(buffer, ',');
    if (!name)
        return;
    quote(buffer, name);
    buffer_append_char(buffer, ':');
}

void document_begin(struct buffer *buffer, const char *name, char bracket)
{
    begin_member(buffer, name);
    buffer_append_char(buffer, bracket);
}

void document_end(struct buffer *buffer, char bracket)
{
    buffer_append_char(buffer, bracket);
}

void document_number(struct buffer *buffer, const char *name, uint64_t number)
{
    char digits[DIGITS_SIZE];
    char *first = digits + sizeof(digits);
    size_t length = 0;

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    length = (size_t)(digits + sizeof(digits) - first);
    if (!put_name(buffer, name, strlen(name), length))
        return;
    memcpy(buffer->bytes + buffer->length, first, length);
    buffer->length += length;
}

void document_text(struct buffer *buffer, const char *name, const char *text)
{
    begin_member(buffer, name);
    quote(buffer, text);
}
