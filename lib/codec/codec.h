/* codec: entity <-> JSON, id <-> key text. What is on the wire, byte for byte, in every language.
 *
 * Strict both ways: what the decoder would refuse is never written. Number code ignores the
 * locale. */
#ifndef ENTC_CODEC_H
#define ENTC_CODEC_H

#include "base/base.h"
#include "entity/entity.h"
#include "schema/schema.h"

#define CODEC_DEPTH_MAX 32    /* nested arrays and objects, the outermost included */
#define CODEC_ID_TEXT_MAX 200 /* bytes of a text id before encoding */
#define CODEC_ID_KEY_MAX 512  /* bytes of an id after encoding */

/* What a cached value turned out to be. */
enum codec_verdict {
    CODEC_ENTITY,   /* decoded */
    CODEC_ABSENT,   /* the JSON literal null: a negative entry */
    CODEC_CORRUPT,  /* not strict JSON: truncated, trailing bytes, bad UTF-8, a declared member
                       twice, too deep, NUL in TEXT */
    CODEC_RESHAPED, /* strict JSON, but a declared member is missing or of another type: written by
                       another version */
    CODEC_NO_MEMORY
};

/* Decodes one value into `draft` (cleared first; its type is the shape) and seals it into
 * *ret_entity on CODEC_ENTITY. Members that are not declared are checked as JSON and ignored. White
 * space around tokens is accepted. The caller still compares the id. */
enum codec_verdict codec_decode(struct entity_draft *draft, const char *json, size_t length,
                                struct entc_entity **ret_entity);

/* How writing an entity ended. Compare with CODEC_OK by name: it is 0. */
enum codec_result {
    CODEC_OK,
    CODEC_UNCACHEABLE, /* written, but the decoder would read another entity: the JSON value null in
                          a JSON field that may be NULL. Not to be cached */
    CODEC_REFUSED,     /* the decoder would not take it back: TEXT that is not UTF-8 or holds NUL, a
                          DATE out of range, JSON that is not strict or too deep, NULL in a field that
                          may not be NULL. Not to be cached */
    CODEC_OUT_OF_MEMORY
};

/* Appends the entity's JSON: members in the descriptor's order, no white space, NULL fields as
 * null. Escapes only what RFC 8259 demands; doubles as the shortest text that round-trips
 * (ECMAScript's Number::toString, but "-0" keeps its sign); JSON fields as they stand in the
 * database, white space included. Unless CODEC_OK or CODEC_UNCACHEABLE, the buffer's bytes are as
 * before; after CODEC_OUT_OF_MEMORY it has failed as after any append. */
enum codec_result codec_encode(const struct entc_entity *entity, struct buffer *buffer);

/* Number and time text, also used by tests: without NUL, returns the length. */
#define CODEC_DOUBLE_MAX 32
/* NaN and the infinities are the bare words that stand between the quotes in JSON. */
size_t codec_double_text(char out[CODEC_DOUBLE_MAX], double number);
/* JSON's number grammar only; false also for what overflows a double. */
bool codec_double_parse(const char *text, size_t length, double *ret_number);
#define CODEC_TIMESTAMP_MAX 40
/* RFC 3339 in UTC with six decimals; years outside 0000..9999 as in ECMAScript's expanded form
 * (+/-YYYYYY); "infinity", "-infinity". */
size_t codec_timestamp_text(char out[CODEC_TIMESTAMP_MAX], int64_t microseconds);
/* Reads exactly what codec_timestamp_text() writes (also with fewer decimals, or none). */
bool codec_timestamp_parse(const char *text, size_t length, int64_t *ret_microseconds);

#define CODEC_DATE_MAX 24
/* As the day part of a timestamp; years from 1000000 take seven digits. 0 for a day outside
 * PostgreSQL's range (4714-11-24 BC to 5874897-12-31), which is no DATE. */
size_t codec_date_text(char out[CODEC_DATE_MAX], int32_t days);
bool codec_date_parse(const char *text, size_t length, int32_t *ret_days);
#define CODEC_UUID_LENGTH 36
void codec_uuid_text(char out[CODEC_UUID_LENGTH], const uint8_t uuid[16]);
/* 8-4-4-4-12 hex digits of either case. */
bool codec_uuid_parse(const char *text, size_t length, uint8_t ret_uuid[16]);

/* Makes the id that a caller gave canonical for this key; `given` and `ret_id` have type->key_count
 * values. An INT64 key takes INT64, or TEXT in canonical decimal; a UUID key takes UUID, or TEXT of
 * 36 characters in either case; a TEXT key takes TEXT (UTF-8 without NUL, 1 to CODEC_ID_TEXT_MAX
 * bytes). The whole id has at most CODEC_ID_KEY_MAX bytes once encoded. Text is borrowed from
 * `given`. On failure writes an error that names the entity, the key and the cure (the id's bytes
 * are not in it). `reterr` may be NULL. */
entc_status codec_id(const struct schema_type *type, const entc_value *given, entc_value *ret_id,
                     entc_error **reterr);

/* Appends `<id>` as it stands in a key: bytes outside [A-Za-z0-9._~:@=+,/-] are percent-encoded
 * (upper-case hex); the parts of a composite id are joined by ',', which is %2C inside a part.
 * False when memory is out. The whole key is <prefix><cache_name>-<id>. */
bool codec_id_append(const entc_value *id, size_t parts, struct buffer *buffer);

#endif
