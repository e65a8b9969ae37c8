/* What the codec's tests work on: an entity with every type, nullable and not; random values with a
 * printed seed; and cJSON as the second opinion on what a text means. */
#ifndef TESTS_CODEC_SAMPLE_H
#define TESTS_CODEC_SAMPLE_H

#include "codec/codec.h"

struct sample {
    int64_t id;
    entc_str title;
    int64_t count;
    double price;
    int64_t at;
    entc_str note;
    double ratio;
    int64_t seen;
    uint8_t done;
    uint8_t active;
    uint8_t has_count;
    uint8_t has_ratio;
    uint8_t has_seen;
    uint8_t has_active;
};

/* In the order of the descriptor. */
enum sample_field {
    SAMPLE_ID,
    SAMPLE_TITLE,
    SAMPLE_COUNT, /* nullable */
    SAMPLE_PRICE,
    SAMPLE_DONE,
    SAMPLE_AT,
    SAMPLE_NOTE,   /* nullable */
    SAMPLE_RATIO,  /* nullable */
    SAMPLE_ACTIVE, /* nullable */
    SAMPLE_SEEN,   /* nullable */
    SAMPLE_FIELDS
};

/* A type and a draft; `allocator` may be NULL. */
struct sample_kit {
    struct schema_type *type;
    struct entity_draft draft;
};

void sample_init(struct sample_kit *kit, const entc_allocator *allocator);
void sample_fini(struct sample_kit *kit);

/* One valid value with every kind of token, as we write it. */
#define SAMPLE_JSON                                                                               \
    "{\"id\":-42,\"title\":\"a\\\"b\\\\c\\u0001 \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 and more\"," \
    "\"count\":9007199254740993,\"price\":0.1,\"done\":true,"                                     \
    "\"at\":\"2026-11-22T10:00:00.000000Z\",\"note\":null,\"ratio\":-1.25e-7,\"active\":false,"   \
    "\"seen\":\"-infinity\"}"

/* Decodes from a block of just that size, so that a read behind it is found by the sanitizers. */
enum codec_verdict sample_decode(struct sample_kit *kit, const char *json, size_t length,
                                 struct entc_entity **ret_entity);
enum codec_verdict sample_verdict(struct sample_kit *kit, const char *json);

/* ---- random values ---- */

/* From ENTC_TEST_SEED, or new; printed either way. */
void sample_seed(struct random *random);
/* Valid in every field, with NULLs, odd numbers and odd texts. */
struct entc_entity *sample_random(struct sample_kit *kit, struct random *random);

/* ---- cJSON ---- */

/* Whether cJSON reads the same values from the text; members that are not declared play no part. */
bool sample_oracle_agrees(const struct entc_entity *entity, const char *json, size_t length);

#endif
