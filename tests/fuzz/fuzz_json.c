/* The JSON decoder, with cJSON as the second opinion. Whatever the bytes are: what is taken for an
 * entity is written again and read again as the same, and cJSON reads the same from both texts. */
#include "codec/codec.h"
#include "fuzz.h"
#include "oracle.h"

#include <stdlib.h>

static struct entity_draft draft;

static void prepare(void)
{
    if (!draft.type)
        FUZZ_CHECK(entity_draft_init(&draft, fuzz_every_type()) == ENTC_OK);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_null_literal(const char *json, size_t length)
{
    while (length > 0 && is_space(json[0])) {
        json++;
        length--;
    }
    while (length > 0 && is_space(json[length - 1]))
        length--;
    return length == 4 && memcmp(json, "null", 4) == 0;
}

/* The entity, written, is read back as the same and written as the same. */
static void check_entity(struct entc_entity *entity, const char *json, size_t length)
{
    struct buffer once;
    struct buffer again;
    struct entc_entity *back = NULL;

    buffer_init(&once, base_default_allocator());
    buffer_init(&again, base_default_allocator());
    FUZZ_CHECK(codec_encode(entity, &once) == CODEC_OK);
    FUZZ_CHECK(codec_decode(&draft, once.bytes, once.length, &back) == CODEC_ENTITY);
    FUZZ_CHECK(codec_encode(back, &again) == CODEC_OK);
    FUZZ_CHECK(once.length == again.length);
    FUZZ_CHECK(memcmp(once.bytes, again.bytes, once.length) == 0);
    FUZZ_CHECK(oracle_agrees(entity, once.bytes, once.length));
    if (oracle_can_read(json, length))
        FUZZ_CHECK(oracle_agrees(entity, json, length));
    entity_unref(back);
    buffer_fini(&once);
    buffer_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *json = (const char *)bytes;
    struct entc_entity *entity = NULL;
    enum codec_verdict verdict = CODEC_CORRUPT;

    prepare();
    verdict = codec_decode(&draft, json, length, &entity);
    FUZZ_CHECK((entity != NULL) == (verdict == CODEC_ENTITY));
    FUZZ_CHECK((verdict == CODEC_ABSENT) == is_null_literal(json, length));
    FUZZ_CHECK(verdict != CODEC_NO_MEMORY);
    /* Whatever we hold to be strict JSON, a lenient reader takes too. */
    if (verdict != CODEC_CORRUPT && oracle_can_read(json, length))
        FUZZ_CHECK(oracle_parses(json, length));
    if (entity)
        check_entity(entity, json, length);
    entity_unref(entity);
    return 0;
}
