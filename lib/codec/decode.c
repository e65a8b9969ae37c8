/* From JSON to an entity, in one pass and without a document in between: members are expected in
 * the descriptor's order and found by name when they are not. The verdict "reshaped" is given only
 * to values that are strict JSON to the last byte, so whatever was cut or flipped is "corrupt".
 *
 * Strings are unescaped straight into the draft's text, or behind it when they are not kept: the
 * draft reserves once as many bytes as the whole value has, and no text is longer than its token.
 */
#include "codec/codec.h"
#include "codec/json.h"

#include <math.h>

struct decoder {
    struct entity_draft *draft;
    const struct schema_type *type;
    const char *end;
    uint32_t missing; /* members that were not there yet: none comes twice */
    bool is_reshaped;
};

/* Where a string is unescaped to: kept there when it turns out to be a field's text. */
static char *scratch_of(const struct decoder *decoder)
{
    return decoder->draft->text.bytes + decoder->draft->text.length;
}

/* The member is there, but not as declared. */
static void reshape(struct decoder *decoder, uint32_t field)
{
    decoder->is_reshaped = true;
    decoder->draft->given[field] = true;
}

/* NULL, or a value of another type. */
static const char *read_other(struct decoder *decoder, const char *at, uint32_t field)
{
    if (json_is_literal(at, decoder->end, "null", 4) &&
        (decoder->type->fields[field].flags & ENTC_NULLABLE)) {
        entity_draft_set_null(decoder->draft, field);
        return at + 4;
    }
    reshape(decoder, field);
    return json_value(at, decoder->end, 1, scratch_of(decoder));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- one reader for each type; `at` is where the value begins ---- */

static const char *read_bool(struct decoder *decoder, const char *at, uint32_t field)
{
    if (json_is_literal(at, decoder->end, "true", 4)) {
        entity_draft_set_int64(decoder->draft, field, 1);
        return at + 4;
    }
    if (json_is_literal(at, decoder->end, "false", 5)) {
        entity_draft_set_int64(decoder->draft, field, 0);
        return at + 5;
    }
    return read_other(decoder, at, field);
}

/* An integer in quotes, as writers do whose numbers are doubles. */
static const char *read_quoted_int64(struct decoder *decoder, const char *at, uint32_t field)
{
    char *scratch = scratch_of(decoder);
    struct json_text text;
    int64_t number;

    at = json_string(at + 1, decoder->end, scratch, &text);
    if (!at)
        return NULL;
    if (text_to_int64(scratch, text.length, &number))
        entity_draft_set_int64(decoder->draft, field, number);
    else
        reshape(decoder, field);
    return at;
}

/* An integer that is not as we write it: too long, with a fraction or exponent, or no number. */
static const char *read_unusual_int64(struct decoder *decoder, const char *at, uint32_t field)
{
    const bool is_negative = at < decoder->end && *at == '-';
    struct json_number number;

    if (at < decoder->end && *at == '"')
        return read_quoted_int64(decoder, at, field);
    if (at == decoder->end || !(is_negative || is_digit(*at)))
        return read_other(decoder, at, field);
    at = json_number(at, decoder->end, &number);
    if (!at)
        return NULL;
    if (number.is_integer && !number.is_cut && number.digits <= (uint64_t)INT64_MAX + is_negative)
        entity_draft_set_int64(decoder->draft, field,
                               (int64_t)(is_negative ? 0 - number.digits : number.digits));
    else
        reshape(decoder, field);
    return at;
}

/* So many digits need no look at the range. */
#define SAFE_DIGITS 18

static const char *read_int64(struct decoder *decoder, const char *at, uint32_t field)
{
    const char *end = decoder->end;
    const bool is_negative = at < end && *at == '-';
    const char *first = at + is_negative;
    const char *next = first;
    int64_t number = 0;

    while (next < end && is_digit(*next) && next - first < SAFE_DIGITS)
        number = number * 10 + (*next++ - '0');
    /* The usual end is a comma or a brace; anything that could go on is looked at again. */
    if (next == first || next == end || (*first == '0' && next - first > 1) ||
        (*next != ',' && *next != '}'))
        return read_unusual_int64(decoder, at, field);
    entity_draft_put_int64(decoder->draft, field, is_negative ? -number : number);
    return next;
}

/* The values that JSON has no numbers for. */
static const char *read_quoted_double(struct decoder *decoder, const char *at, uint32_t field)
{
    static const struct {
        const char *text;
        double number;
    } words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    char *scratch = scratch_of(decoder);
    struct json_text text;

    at = json_string(at + 1, decoder->end, scratch, &text);
    if (!at)
        return NULL;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (text.length == strlen(words[i].text) &&
            memcmp(scratch, words[i].text, text.length) == 0) {
            entity_draft_set_double(decoder->draft, field, words[i].number);
            return at;
        }
    }
    reshape(decoder, field);
    return at;
}

/* As it is usually written, without exponent and with few digits; NULL for anything else. */
static const char *read_plain_double(const char *at, const char *end, struct json_number *number)
{
    const char *first = at;
    const char *point = NULL;
    uint64_t digits = 0;

    while (at < end && is_digit(*at) && at - first < SAFE_DIGITS)
        digits = digits * 10 + (uint64_t)(*at++ - '0');
    if (at == first || (*first == '0' && at - first > 1))
        return NULL;
    if (at < end && *at == '.') {
        point = ++at;
        while (at < end && is_digit(*at) && at - first <= SAFE_DIGITS)
            digits = digits * 10 + (uint64_t)(*at++ - '0');
    }
    if (at == point || at == end || (*at != ',' && *at != '}'))
        return NULL;
    *number = (struct json_number){
        .digits = digits, .exponent = point ? point - at : 0, .is_integer = !point};
    return at;
}

static const char *read_double(struct decoder *decoder, const char *at, uint32_t field)
{
    const char *begin = at;
    struct json_number number;
    double value;

    at = read_plain_double(begin, decoder->end, &number);
    if (at && json_double(begin, at, &number, &value)) {
        entity_draft_set_double(decoder->draft, field, value);
        return at;
    }
    at = begin;
    if (at < decoder->end && *at == '"')
        return read_quoted_double(decoder, at, field);
    if (at == decoder->end || (*at != '-' && !is_digit(*at)))
        return read_other(decoder, at, field);
    at = json_number(at, decoder->end, &number);
    if (!at)
        return NULL;
    if (json_double(begin, at, &number, &value))
        entity_draft_set_double(decoder->draft, field, value);
    else
        reshape(decoder, field);
    return at;
}

/* PostgreSQL has no NUL in text: whoever wrote one did not write what the database holds. */
static const char *read_text(struct decoder *decoder, const char *at, uint32_t field)
{
    struct json_text text;

    if (at == decoder->end || *at != '"')
        return read_other(decoder, at, field);
    at = json_string(at + 1, decoder->end, scratch_of(decoder), &text);
    if (!at || text.has_nul)
        return NULL;
    entity_draft_text_end(decoder->draft, field, text.length);
    return at;
}

#define USUAL_TIMESTAMP (sizeof("2026-11-22T10:00:00.000000Z") - 1)

static const char *read_timestamp(struct decoder *decoder, const char *at, uint32_t field)
{
    char *scratch = scratch_of(decoder);
    struct json_text text;
    int64_t microseconds;

    if (at == decoder->end || *at != '"')
        return read_other(decoder, at, field);
    at++;
    /* As we write it, it is parsed where it stands: a quote or an escape inside would not pass. */
    if ((size_t)(decoder->end - at) > USUAL_TIMESTAMP && at[USUAL_TIMESTAMP] == '"' &&
        codec_timestamp_parse(at, USUAL_TIMESTAMP, &microseconds)) {
        entity_draft_put_int64(decoder->draft, field, microseconds);
        return at + USUAL_TIMESTAMP + 1;
    }
    at = json_string(at, decoder->end, scratch, &text);
    if (!at)
        return NULL;
    if (codec_timestamp_parse(scratch, text.length, &microseconds))
        entity_draft_set_int64(decoder->draft, field, microseconds);
    else
        reshape(decoder, field);
    return at;
}

static const char *read_bytes(struct decoder *decoder, const char *at, uint32_t field)
{
    char *scratch = scratch_of(decoder);
    struct json_text text;
    size_t length;

    if (at == decoder->end || *at != '"')
        return read_other(decoder, at, field);
    at = json_string(at + 1, decoder->end, scratch, &text);
    if (!at)
        return NULL;
    if (json_base64_read(scratch, text.length, &length))
        entity_draft_text_end(decoder->draft, field, length);
    else
        reshape(decoder, field);
    return at;
}

static const char *read_uuid(struct decoder *decoder, const char *at, uint32_t field)
{
    char *scratch = scratch_of(decoder);
    struct json_text text;
    uint8_t uuid[SCHEMA_UUID_SIZE];

    if (at == decoder->end || *at != '"')
        return read_other(decoder, at, field);
    /* As we write it, it is parsed where it stands. */
    if (decoder->end - at > CODEC_UUID_LENGTH + 1 && at[CODEC_UUID_LENGTH + 1] == '"' &&
        codec_uuid_parse(at + 1, CODEC_UUID_LENGTH, uuid)) {
        entity_draft_set_uuid(decoder->draft, field, uuid);
        return at + CODEC_UUID_LENGTH + 2;
    }
    at = json_string(at + 1, decoder->end, scratch, &text);
    if (!at)
        return NULL;
    if (codec_uuid_parse(scratch, text.length, uuid))
        entity_draft_set_uuid(decoder->draft, field, uuid);
    else
        reshape(decoder, field);
    return at;
}

static const char *read_date(struct decoder *decoder, const char *at, uint32_t field)
{
    char *scratch = scratch_of(decoder);
    struct json_text text;
    int32_t days;

    if (at == decoder->end || *at != '"')
        return read_other(decoder, at, field);
    at = json_string(at + 1, decoder->end, scratch, &text);
    if (!at)
        return NULL;
    if (codec_date_parse(scratch, text.length, &days))
        entity_draft_set_int64(decoder->draft, field, days);
    else
        reshape(decoder, field);
    return at;
}

/* All between colon and comma, white space too: the database may have that in a `json` column, and
 * what was read is written again byte for byte. In a field that may be NULL, null is NULL; the JSON
 * value null is never cached there. */
static const char *read_json(struct decoder *decoder, const char *at, uint32_t field)
{
    const char *begin = at;
    char *text = scratch_of(decoder);
    const char *value = json_space(at, decoder->end);

    if (json_is_literal(value, decoder->end, "null", 4) &&
        (decoder->type->fields[field].flags & ENTC_NULLABLE))
        return read_other(decoder, value, field);
    at = json_value(value, decoder->end, 1, text);
    if (!at)
        return NULL;
    at = json_space(at, decoder->end);
    memcpy(text, begin, (size_t)(at - begin));
    entity_draft_text_end(decoder->draft, field, (size_t)(at - begin));
    return at;
}

/* `at` is behind the colon; only JSON keeps the white space there. */
static const char *read_value(struct decoder *decoder, const char *at, uint32_t field)
{
    const uint32_t type = decoder->type->fields[field].type;

    if (type == ENTC_JSON)
        return read_json(decoder, at, field);
    at = json_space(at, decoder->end);
    switch (type) {
    case ENTC_BOOL:
        return read_bool(decoder, at, field);
    case ENTC_INT64:
        return read_int64(decoder, at, field);
    case ENTC_DOUBLE:
        return read_double(decoder, at, field);
    case ENTC_TEXT:
        return read_text(decoder, at, field);
    case ENTC_TIMESTAMP:
        return read_timestamp(decoder, at, field);
    case ENTC_BYTES:
        return read_bytes(decoder, at, field);
    case ENTC_UUID:
        return read_uuid(decoder, at, field);
    case ENTC_DATE:
        return read_date(decoder, at, field);
    default:
        return read_other(decoder, at, field);
    }
}

/* ---- the object ---- */

/* One `"name":`. Tells the field, or field_count when the name is not declared. */
static const char *read_name(struct decoder *decoder, const char *at, uint32_t expected,
                             uint32_t *ret_field)
{
    const struct schema_field *likely = &decoder->type->fields[expected];
    char *scratch = scratch_of(decoder);
    struct json_text name;

    if ((size_t)(decoder->end - at) >= likely->json_length &&
        json_same(at, likely->json_prefix, likely->json_length)) {
        *ret_field = expected;
        return at + likely->json_length;
    }
    if (at == decoder->end || *at != '"')
        return NULL;
    at = json_string(at + 1, decoder->end, scratch, &name);
    if (!at)
        return NULL;
    *ret_field = schema_type_find_json(decoder->type, scratch, name.length);
    at = json_space(at, decoder->end);
    return at < decoder->end && *at == ':' ? at + 1 : NULL;
}

/* One member; tells which is expected next. */
static const char *read_member(struct decoder *decoder, const char *at, uint32_t *expected)
{
    uint32_t field = 0;

    at = read_name(decoder, at, *expected, &field);
    if (!at)
        return NULL;
    if (field == decoder->type->field_count)
        return json_value(json_space(at, decoder->end), decoder->end, 1, scratch_of(decoder));
    if (decoder->draft->given[field])
        return NULL;
    decoder->missing--;
    *expected = field + 1 < decoder->type->field_count ? field + 1 : 0;
    return read_value(decoder, at, field);
}

/* The object as we write it: members in the descriptor's order and nothing between them. `at` is
 * the brace; reads as far as that holds, and tells how many members that were. */
static const char *read_usual(struct decoder *decoder, const char *at, uint32_t *ret_count)
{
    const struct schema_field *field = decoder->type->fields;
    const uint32_t count = decoder->type->field_count;
    uint32_t i = 0;

    for (; i < count; i++, field++) {
        const char *value = at + 1 + field->json_length;

        if (decoder->end - at <= field->json_length || (i > 0 && *at != ',') ||
            !json_same(at + 1, field->json_prefix, field->json_length))
            break;
        at = read_value(decoder, value, i);
        if (!at)
            return NULL;
    }
    decoder->missing -= i;
    *ret_count = i;
    return at;
}

/* `at` is the brace. */
static const char *read_object(struct decoder *decoder, const char *at)
{
    uint32_t read = 0;
    uint32_t expected = 0;

    at = read_usual(decoder, at, &read);
    if (at && read == 0) {
        at = json_space(at + 1, decoder->end);
        if (at < decoder->end && *at == '}')
            return at + 1;
        at = read_member(decoder, at, &expected);
    } else if (read < decoder->type->field_count) {
        expected = read;
    }
    while (at) {
        at = json_space(at, decoder->end);
        if (at == decoder->end)
            return NULL;
        if (*at == '}')
            return at + 1;
        if (*at != ',')
            return NULL;
        at = read_member(decoder, json_space(at + 1, decoder->end), &expected);
    }
    return NULL;
}

enum codec_verdict codec_decode(struct entity_draft *draft, const char *json, size_t length,
                                struct entc_entity **ret_entity)
{
    struct decoder decoder = {
        .draft = draft, .type = draft->type, .missing = draft->type->field_count};
    bool is_object = false;
    bool is_null = false;
    const char *at;

    if (length == 0)
        return CODEC_CORRUPT;
    entity_draft_clear(draft);
    if (!entity_draft_text_begin(draft, length))
        return CODEC_NO_MEMORY;
    decoder.end = json + length;
    at = json_space(json, decoder.end);
    is_object = at < decoder.end && *at == '{';
    is_null = at < decoder.end && *at == 'n';
    at = is_object ? read_object(&decoder, at)
                   : json_value(at, decoder.end, 0, scratch_of(&decoder));
    if (!at || json_space(at, decoder.end) != decoder.end)
        return CODEC_CORRUPT;
    if (is_null)
        return CODEC_ABSENT;
    if (!is_object || decoder.is_reshaped || decoder.missing > 0)
        return CODEC_RESHAPED;
    *ret_entity = entity_draft_seal(draft);
    return *ret_entity ? CODEC_ENTITY : CODEC_NO_MEMORY;
}
