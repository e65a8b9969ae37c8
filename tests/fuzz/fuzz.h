/* What the fuzz targets share: reading an input as a script, checks that stop the fuzzer, and an
 * entity that has every type of field.
 *
 * A target is one file fuzz_<thing>.c with LLVMFuzzerTestOneInput(). With libFuzzer it makes up
 * inputs (run.sh); with replay.c it reads the corpus, which ctest does in every build. Targets must
 * be deterministic and keep nothing between inputs but what they made of no input. */
#ifndef ENTC_TEST_FUZZ_H
#define ENTC_TEST_FUZZ_H

#include "base/base.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Stops the program with a message when the condition does not hold. */
#define FUZZ_CHECK(condition)                          \
    do {                                               \
        if (!(condition))                              \
            fuzz_stop(#condition, __FILE__, __LINE__); \
    } while (0)
_Noreturn void fuzz_stop(const char *what, const char *file, int line);

/* ---- an input, from its begin to its end; behind the end everything is 0 or empty ---- */

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

uint8_t fuzz_byte(struct fuzz_input *input);
/* Highest byte first. */
uint32_t fuzz_uint32(struct fuzz_input *input);
uint64_t fuzz_uint64(struct fuzz_input *input);
/* The next `length` bytes, or what is left. Borrowed. */
struct span fuzz_span(struct fuzz_input *input, size_t length);
/* Up to the next NUL, or what is left, NUL-terminated, in memory of malloc(). */
char *fuzz_text(struct fuzz_input *input);
/* The same, but NULL when the text is "\x01". */
char *fuzz_text_or_null(struct fuzz_input *input);
/* A copy in a block of just that size, so that a read behind it is found; malloc(). */
char *fuzz_copy(struct span span);

/* ---- shapes; they come from the table of lib/schema, so a new type is in them by itself ---- */

#define FUZZ_TYPES 32 /* no field type has a number from here on */

/* Entity "Every": key "id" of type INT64, and of each type one field that may not be NULL and one
 * that may. Made once, kept for ever. */
struct schema_type *fuzz_every_type(void);
/* An entity with nothing but a key of that type; NULL when no key can be of it. Kept for ever. */
struct schema_type *fuzz_key_type(uint32_t type);

#endif
