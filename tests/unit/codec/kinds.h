/* An entity with the types that sample.h has not: a composite key, bytes, days, UUIDs, JSON, an
 * integer that stands in quotes, and names in JSON that are not the fields'. */
#ifndef TESTS_CODEC_KINDS_H
#define TESTS_CODEC_KINDS_H

#include "sample.h"

struct kinds {
    uint8_t id[16];
    int64_t part;
    entc_str data;
    entc_str more; /* nullable */
    int32_t day;
    int32_t other_day; /* nullable */
    uint8_t other_id[16];
    entc_str body;
    entc_str extra; /* nullable */
    int64_t big;
    uint8_t has_other_day;
    uint8_t has_other_id;
};

enum kinds_field {
    KINDS_ID,
    KINDS_PART,
    KINDS_DATA,
    KINDS_MORE,
    KINDS_DAY,
    KINDS_OTHER_DAY,
    KINDS_OTHER_ID,
    KINDS_BODY,
    KINDS_EXTRA,
    KINDS_BIG,
    KINDS_FIELDS
};

/* One valid value, as we write it. */
#define KINDS_JSON                                                                              \
    "{\"id\":\"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\",\"part\":7,\"da\\\"ta\\n\":\"AP/+Zg==\"," \
    "\"more\":null,\"day\":\"2026-11-22\",\"other_day\":\"-infinity\",\"other_id\":null,"       \
    "\"K\xC3\xB6rper\":{\"a\":[1, 2.50,\"\\u00e9\"],\"a\":null},\"extra\": [ ] ,"               \
    "\"big\":\"9223372036854775807\"}"

void kinds_init(struct sample_kit *kit);
/* Valid in every field, with NULLs, edges and white space around JSON. */
struct entc_entity *kinds_random(struct sample_kit *kit, struct random *random);
/* Whether cJSON, and base64 and dates as others compute them, say the same of this text. */
bool kinds_oracle_agrees(const struct entc_entity *entity, const char *json, size_t length);

#endif
