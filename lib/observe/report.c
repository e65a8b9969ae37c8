/* The report: a tally as JSON for GraphQL's `extensions`, built by cJSON. cJSON keeps numbers as
 * doubles, so counters go in as raw decimal text: every one is exact up to 2^64 - 1. */
#include "observe.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

#define DIGITS_SIZE 21
/* Braces and "dataFetching" and "microseconds", with room to spare; and what cJSON wants beyond the
 * text it prints. */
#define FRAME_SIZE 64u
#define CJSON_SPARE 5u

/* Bytes that no report exceeds, so that cJSON can print in place. */
static size_t report_size(void)
{
    size_t size = FRAME_SIZE + DIGITS_SIZE + CJSON_SPARE;

#define ADD_SIZE(suffix, member, text) size += sizeof("\"" text "\":,") + DIGITS_SIZE;
    TALLY_LIST(ADD_SIZE)
#undef ADD_SIZE
    return size;
}

static bool add_number(cJSON *object, const char *name, uint64_t number)
{
    char digits[DIGITS_SIZE];

    snprintf(digits, sizeof(digits), "%" PRIu64, number);
    return cJSON_AddRawToObject(object, name, digits) != NULL;
}

static bool add_counters(cJSON *object, const struct tally *tally)
{
    static const char *const names[] = {
#define NAME(suffix, member, text) [TALLY_##suffix] = text,
        TALLY_LIST(NAME)
#undef NAME
    };

    for (size_t i = 0; i < TALLY_COUNT; i++) {
        const uint64_t count = atomic_load_explicit(&tally->counts[i], memory_order_relaxed);

        if (!add_number(object, names[i], count))
            return false;
    }
    return true;
}

bool tally_report(const struct tally *tally, int64_t elapsed_us, struct buffer *buffer)
{
    const uint64_t elapsed = elapsed_us > 0 ? (uint64_t)elapsed_us : 0;
    const size_t size = report_size();
    cJSON *document = cJSON_CreateObject();
    cJSON *object = cJSON_AddObjectToObject(document, "dataFetching");
    bool done = false;

    buffer_clear(buffer);
    if (!object || !add_counters(object, tally) || !add_number(object, "microseconds", elapsed))
        goto out;
    if (!buffer_reserve(buffer, size))
        goto out;
    if (!cJSON_PrintPreallocated(document, buffer->bytes, (int)size, false))
        goto out;
    buffer->length = strlen(buffer->bytes);
    done = true;
out:
    cJSON_Delete(document);
    return done;
}
