/* schema: what an entity and its table look like, validated once, immutable and refcounted
 * afterwards.
 *
 * Knows no I/O. A `schema_type` is the memory side with its layout computed; a `schema_model` the
 * storage side. An entity holds its type, so both outlive engine and repository and carry their own
 * copy of the allocator. */
#ifndef ENTC_SCHEMA_H
#define ENTC_SCHEMA_H

#include "base/base.h"

#include <entitycache/schema.h>
#include <stdatomic.h>

#define SCHEMA_NO_OFFSET UINT32_MAX
#define SCHEMA_NAME_MAX 63     /* PostgreSQL's NAMEDATALEN - 1 */
#define SCHEMA_FIELDS_MAX 1600 /* PostgreSQL's limit of columns */
#define SCHEMA_KEY_MAX 32      /* parts of an id; PostgreSQL's limit of columns of an index */
#define SCHEMA_UUID_SIZE 16
#define SCHEMA_FILTER_MAX 4096 /* bytes of filter_sql */
#define SCHEMA_RECORD_MAX (1024 * 1024)

struct schema_field {
    const char *name; /* owned by the type */
    uint32_t name_length;
    const char *json_name; /* owned by the type; `name` when the descriptor gave none */
    uint32_t json_name_length;
    uint32_t type;       /* ENTC_BOOL ... */
    uint32_t flags;      /* ENTC_KEY ... */
    uint32_t offset;     /* in the record */
    uint32_t has_offset; /* of the has_ byte, or SCHEMA_NO_OFFSET */
    uint32_t json_length;
    const char *json_prefix; /* `"json_name":`, escaped as it stands in JSON */
};

struct schema_type {
    atomic_uint references;
    entc_allocator allocator; /* a copy: outlives the engine */
    entc_entity_desc desc;    /* the public form of the copy, offsets filled in */
    const char *name;
    uint32_t record_size;
    uint32_t field_count;
    struct schema_field *fields;
    uint32_t key_count;         /* 1 to SCHEMA_KEY_MAX: the parts of an id */
    const uint32_t *key_fields; /* indexes of the ENTC_KEY fields */
    uint32_t text_count;
    const uint32_t *text_fields; /* indexes of the fields whose bytes stand behind the record */
    const uint32_t *by_name;     /* indexes of all fields, sorted by name without regard to case */
    const uint32_t *by_json;     /* the same by json_name */
};

struct schema_model {
    atomic_uint references;
    struct schema_type *type; /* a reference */
    entc_model_desc desc; /* the public form of the copy: defaults filled in, but TTLs as given */
    const char *schema;
    const char *table;
    const char *cache_name;
    const char *const *columns; /* by field index: the column of each field */
    const char *read_from;      /* the relation that reads use; `table` when none was given */
    const char *filter_sql;     /* NULL: none */
};

/* How a type lies in memory and what C type it has: bytes of the member and its alignment; 0 for no
 * such type. */
size_t schema_type_size(uint32_t type);
size_t schema_type_alignment(uint32_t type);
/* "INT64" and so on, for messages; "?" for no such type. */
const char *schema_type_name(uint32_t type);
/* Whether its bytes stand behind the record (entc_str). */
bool schema_type_is_text(uint32_t type);

/* Validates and copies. With record_size 0 the layout is computed (natural alignment, has_ bytes
 * last, size a multiple of 8). Refuses by name, with the cure: wrong struct_size or field_size, no
 * fields, NULL or illegal or duplicate names (also differing only by case; the same for those in
 * JSON), unknown type or flag, ENTC_JSON_STRING on anything but INT64, wrong member size,
 * misaligned or out-of-range offsets, members or has_ bytes that overlap, no key, more than
 * SCHEMA_KEY_MAX key fields, a key that is nullable or of none of the types INT64, TEXT and UUID.
 * Descriptors are walked with the caller's field_size. */
entc_status schema_type_new(const entc_entity_desc *desc, const entc_allocator *allocator,
                            struct schema_type **ret_type, entc_error **reterr);
struct schema_type *schema_type_ref(struct schema_type *type); /* NULL gives NULL */
void schema_type_unref(struct schema_type *type);              /* NULL is accepted */
/* The index of the field with exactly that name, or field_count when there is none. */
uint32_t schema_type_find(const struct schema_type *type, const char *name, size_t length);
/* The same by its name in JSON (unescaped). */
uint32_t schema_type_find_json(const struct schema_type *type, const char *name, size_t length);

/* Validates and copies; takes its own reference of the type. Names of table, schema, columns and
 * read_from: 1 to 63 bytes of UTF-8 without NUL (they are quoted wherever they are used);
 * cache_name as an entity's name; ttl_us >= 0, negative_ttl_us >= -1. A mapping must name a field,
 * each once, and no two fields may have one column. filter_sql is the host's SQL, checked only to
 * be 1 to SCHEMA_FILTER_MAX bytes of UTF-8. */
entc_status schema_model_new(const entc_model_desc *desc, struct schema_type *type,
                             struct schema_model **ret_model, entc_error **reterr);
struct schema_model *schema_model_ref(struct schema_model *model); /* NULL gives NULL */
void schema_model_unref(struct schema_model *model);               /* NULL is accepted */
/* The index of the field that this column holds, or type->field_count. */
uint32_t schema_model_find(const struct schema_model *model, const char *column);
/* Which part of the key this column holds, or type->key_count. */
uint32_t schema_model_key_part(const struct schema_model *model, const char *column);

#endif
