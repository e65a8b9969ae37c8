/* Requests in RESP, written straight into the connection's output.
 *
 * hiredis could do it (redisFormatCommandArgv), but takes two arrays and one malloc for each
 * command, copies the bytes twice and cannot use the engine's allocator; a batch of a thousand
 * fills would pay for it a thousand times. Every argument is counted, so no byte of a key or value
 * can end it: hostile ids cannot become commands. The tests hold this file against hiredis. A
 * failed append fails the buffer; callers look once, at the end. */
#include "redis/internal.h"

/* "$" or "*", a number, CR LF. */
#define HEAD_MAX (1 + TEXT_INT64_MAX + 2)

/* The caller has made room. */
static char *put(char *at, const char *bytes, size_t length)
{
    if (length)
        memcpy(at, bytes, length);
    return at + length;
}

/* Most keys are shorter than a hundred bytes. */
static char *put_head(char *at, char kind, size_t number)
{
    *at++ = kind;
    if (number >= 100) {
        at += text_from_int64(at, (int64_t)number);
    } else {
        if (number >= 10)
            *at++ = (char)('0' + number / 10);
        *at++ = (char)('0' + number % 10);
    }
    return put(at, "\r\n", 2);
}

void redis_command(struct buffer *output, size_t arguments)
{
    if (buffer_reserve(output, HEAD_MAX))
        output->length =
            (size_t)(put_head(output->bytes + output->length, '*', arguments) - output->bytes);
}

/* One reservation for all: a large MGET spends most of its formatting here. */
void redis_argument(struct buffer *output, const char *bytes, size_t length)
{
    char *at = NULL;

    if (!buffer_reserve(output, HEAD_MAX + length + 2))
        return;
    at = put_head(output->bytes + output->length, '$', length);
    at = put(at, bytes, length);
    at = put(at, "\r\n", 2);
    output->length = (size_t)(at - output->bytes);
}

void redis_argument_text(struct buffer *output, const char *text)
{
    redis_argument(output, text, strlen(text));
}

void redis_argument_number(struct buffer *output, int64_t number)
{
    char digits[TEXT_INT64_MAX];

    redis_argument(output, digits, text_from_int64(digits, number));
}

void redis_argument_framed(struct buffer *output, const char *before, struct span middle,
                           const char *after)
{
    const size_t head = strlen(before);
    const size_t tail = strlen(after);
    const size_t length = head + middle.length + tail;
    char *at = NULL;

    if (!buffer_reserve(output, HEAD_MAX + length + 2))
        return;
    at = put_head(output->bytes + output->length, '$', length);
    at = put(at, before, head);
    at = put(at, middle.bytes, middle.length);
    at = put(at, after, tail);
    at = put(at, "\r\n", 2);
    output->length = (size_t)(at - output->bytes);
}
