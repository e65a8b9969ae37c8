/* entity: one-block immutable entities, and the draft that they are sealed from.
 *
 * One allocation: hidden head | the host's record | string bytes, each NUL-terminated. Immutable
 * after seal, so sharing needs no lock and no copy. */
#ifndef ENTC_ENTITY_H
#define ENTC_ENTITY_H

#include "base/base.h"
#include "schema/schema.h"

#include <entitycache/entity.h>
#include <stdatomic.h>
#include <string.h>

struct entc_entity {
    atomic_uint references;
    uint32_t block_size;      /* bytes of the whole allocation */
    struct schema_type *type; /* a reference */
    _Alignas(16) unsigned char record[];
};

struct entc_entity *entity_ref(struct entc_entity *entity); /* NULL gives NULL */
void entity_unref(struct entc_entity *entity);              /* NULL is accepted */
static inline const void *entity_record(const struct entc_entity *entity)
{
    return entity->record;
}
/* Copies a field's value; a NULL field gives ENTC_NULL. `field` is below type->field_count. Text is
 * borrowed. */
void entity_get(const struct entc_entity *entity, uint32_t field, entc_value *ret_value);
/* Copies all parts of the id: type->key_count values. Text is borrowed. */
void entity_id(const struct entc_entity *entity, entc_value *ret_id);
/* Whether all key fields equal the parts of `id` (of the key's own types). */
bool entity_has_id(const struct entc_entity *entity, const entc_value *id);

/* A draft: a record under construction with reusable memory. Confined. While it is built, an
 * entc_str member of its record holds no pointer but 1 + the offset of its bytes in `text` (so that
 * NULL stays NULL); seal turns it. */
struct entity_draft {
    struct schema_type *type; /* borrowed: must outlive the draft */
    unsigned char *record;    /* type->record_size bytes, zero where nothing was set */
    struct buffer text;       /* the string bytes so far, each followed by NUL */
    bool *given;              /* per field: set, to a value or to NULL */
};

entc_status entity_draft_init(struct entity_draft *draft, struct schema_type *type);
void entity_draft_fini(struct entity_draft *draft); /* a zeroed draft is accepted */
/* Forgets all fields, keeps the memory. */
void entity_draft_clear(struct entity_draft *draft);

/* Setters assume the field has that type (INT64, TIMESTAMP, DATE and BOOL go through int64, TEXT,
 * BYTES and JSON through text; any BOOL but 0 is 1; a DATE is within 32 bits). A field that is set
 * again keeps its last value; bytes of an earlier text are carried along. set_text is false when
 * memory is out. */
static inline void entity_draft_set_int64(struct entity_draft *draft, uint32_t field,
                                          int64_t number);
static inline void entity_draft_set_double(struct entity_draft *draft, uint32_t field,
                                           double number);
static inline void entity_draft_set_uuid(struct entity_draft *draft, uint32_t field,
                                         const uint8_t uuid[SCHEMA_UUID_SIZE]);
bool entity_draft_set_text(struct entity_draft *draft, uint32_t field, const char *text,
                           size_t length);
/* Reserves room for at most `longest` bytes of text and a NUL, and returns where to write (NULL:
 * memory is out); then tell the real length. For a decoder that unescapes in place. What is
 * reserved stays reserved until the draft is cleared: many texts may share one begin. */
char *entity_draft_text_begin(struct entity_draft *draft, size_t longest);
static inline void entity_draft_text_end(struct entity_draft *draft, uint32_t field, size_t length);
/* Only for a nullable field. */
void entity_draft_set_null(struct entity_draft *draft, uint32_t field);
/* The index of the first field that was not given, or field_count when all were. */
uint32_t entity_draft_missing(const struct entity_draft *draft);

/* Copies the draft into one new block with one reference. The draft stays usable. NULL when memory
 * is out, or when the block would have 4 GiB. Bytes of the record that no field has are zero, so
 * records without text can be compared by memcmp. */
struct entc_entity *entity_draft_seal(struct entity_draft *draft);

/* ---- inline: the hot path of both decoders (JSON, database rows) ---- */

static inline void entity_draft_mark(struct entity_draft *draft, const struct schema_field *field)
{
    draft->given[field - draft->type->fields] = true;
    if (field->has_offset != SCHEMA_NO_OFFSET)
        draft->record[field->has_offset] = 1;
}

/* set_int64 for a field that is known to have 64 bits. */
static inline void entity_draft_put_int64(struct entity_draft *draft, uint32_t field,
                                          int64_t number)
{
    const struct schema_field *shape = &draft->type->fields[field];

    memcpy(draft->record + shape->offset, &number, sizeof(number));
    entity_draft_mark(draft, shape);
}

static inline void entity_draft_set_int64(struct entity_draft *draft, uint32_t field,
                                          int64_t number)
{
    const struct schema_field *shape = &draft->type->fields[field];

    if (shape->type == ENTC_BOOL) {
        draft->record[shape->offset] = number != 0;
    } else if (shape->type == ENTC_DATE) {
        const int32_t days = (int32_t)number;

        memcpy(draft->record + shape->offset, &days, sizeof(days));
    } else {
        memcpy(draft->record + shape->offset, &number, sizeof(number));
    }
    entity_draft_mark(draft, shape);
}

static inline void entity_draft_set_uuid(struct entity_draft *draft, uint32_t field,
                                         const uint8_t uuid[SCHEMA_UUID_SIZE])
{
    const struct schema_field *shape = &draft->type->fields[field];

    memcpy(draft->record + shape->offset, uuid, SCHEMA_UUID_SIZE);
    entity_draft_mark(draft, shape);
}

static inline void entity_draft_set_double(struct entity_draft *draft, uint32_t field,
                                           double number)
{
    const struct schema_field *shape = &draft->type->fields[field];

    memcpy(draft->record + shape->offset, &number, sizeof(number));
    entity_draft_mark(draft, shape);
}

static inline void entity_draft_text_end(struct entity_draft *draft, uint32_t field, size_t length)
{
    const entc_str offset = {(const char *)(draft->text.length + 1), length}; /* no pointer yet */

    memcpy(draft->record + draft->type->fields[field].offset, &offset, sizeof(offset));
    draft->given[field] = true;
    draft->text.bytes[draft->text.length + length] = '\0';
    draft->text.length += length + 1;
}

#endif
