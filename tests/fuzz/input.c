/* Reading an input, and stopping. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

void fuzz_stop(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

uint32_t fuzz_uint32(struct fuzz_input *input)
{
    uint32_t number = 0;

    for (int i = 0; i < 4; i++)
        number = number << 8 | fuzz_byte(input);
    return number;
}

uint64_t fuzz_uint64(struct fuzz_input *input)
{
    const uint64_t high = fuzz_uint32(input);

    return high << 32 | fuzz_uint32(input);
}

struct span fuzz_span(struct fuzz_input *input, size_t length)
{
    struct span span = {(const char *)input->at, length < input->left ? length : input->left};

    input->at += span.length;
    input->left -= span.length;
    return span;
}

char *fuzz_copy(struct span span)
{
    char *copy = malloc(span.length ? span.length : 1);

    FUZZ_CHECK(copy != NULL);
    if (span.length)
        memcpy(copy, span.bytes, span.length);
    return copy;
}

char *fuzz_text(struct fuzz_input *input)
{
    const uint8_t *end = input->left ? memchr(input->at, 0, input->left) : NULL;
    const struct span span = fuzz_span(input, end ? (size_t)(end - input->at) : input->left);
    char *text = malloc(span.length + 1);

    FUZZ_CHECK(text != NULL);
    if (span.length)
        memcpy(text, span.bytes, span.length);
    text[span.length] = '\0';
    fuzz_byte(input);
    return text;
}

char *fuzz_text_or_null(struct fuzz_input *input)
{
    char *text = fuzz_text(input);

    if (strcmp(text, "\x01") != 0)
        return text;
    free(text);
    return NULL;
}
