/* Descriptors: an *entity* is the memory side (the host's C struct), a *model* the storage side
 * (the table).
 *
 * Descriptors are plain data. They are validated and deep-copied when a repository is made, without
 * I/O, so their memory may be temporary. Every struct starts with its size; zero means default. */
#ifndef ENTITYCACHE_SCHEMA_H
#define ENTITYCACHE_SCHEMA_H

#include <entitycache/export.h>
#include <entitycache/value.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

/* Flags of a field. */
#define ENTC_KEY 1u          /* part of the primary key; never NULL */
#define ENTC_NULLABLE 2u     /* may be NULL: text by ptr == NULL, others by their has_ byte */
#define ENTC_GENERATED 4u    /* made by the database: read, never written by a save */
#define ENTC_READ_ONLY 8u    /* read, never written by a save */
#define ENTC_JSON_STRING 16u /* an INT64 that stands in JSON as a string (both are read) */
/* Its value never appears in a log or an error. PostgreSQL's messages may quote rows, so of an
 * entity with such a field they are replaced by what their SQLSTATE says in words; only complaints
 * about the statement itself, such as a missing column, are passed on. */
#define ENTC_SENSITIVE 32u

/* One field of an entity. Its column has the field's name, unless the model says otherwise. */
typedef struct entc_field {
    const char *name;      /* [A-Za-z_][A-Za-z0-9_]*, at most 63 bytes; column and JSON member */
    uint32_t type;         /* ENTC_BOOL ... ENTC_JSON */
    uint32_t flags;        /* ENTC_KEY, ENTC_NULLABLE, ... */
    size_t offset;         /* of the member in the host's struct, bytes */
    size_t size;           /* of the member, bytes; checked against the type */
    size_t has_offset;     /* of the uint8_t that is 0 for NULL; read only for nullable fields
                              that are not text */
    const char *json_name; /* member in JSON, 1 to 63 bytes of UTF-8; NULL: `name` */
} entc_field;

/* The memory side. With record_size 0 the library lays the record out and ignores offsets and
 * sizes. */
typedef struct entc_entity_desc {
    size_t struct_size; /* sizeof(entc_entity_desc) */
    const char *name;   /* [A-Za-z_][A-Za-z0-9_]*; the first part of the cache key */
    size_t record_size; /* sizeof the host's struct, or 0 */
    const entc_field *fields;
    size_t field_count;
    size_t field_size; /* sizeof(entc_field): the stride of `fields` */
} entc_entity_desc;

/* Where a field lies when its column has another name. */
typedef struct entc_column {
    const char *field;
    const char *column; /* as in the catalogue (no quotes) */
} entc_column;

/* The storage side. Keys: int2, int4, int8, uuid, and text or varchar under a deterministic
 * collation. Several ENTC_KEY fields are a composite key: an id is then that many values, in the
 * order of the fields. */
typedef struct entc_model_desc {
    size_t struct_size;         /* sizeof(entc_model_desc) */
    const char *table;          /* table name, as in the catalogue (no quotes) */
    const char *schema;         /* NULL: "public" */
    const char *cache_name;     /* first part of the cache key; NULL: the entity's name */
    int64_t ttl_us;             /* life of a cached entity at most, microseconds; 0: engine's */
    int64_t negative_ttl_us;    /* the same for an absent row; 0: engine's, -1: never cached */
    const entc_column *columns; /* only of fields whose column has another name */
    size_t column_count;
    size_t column_size;     /* sizeof(entc_column); may be 0 when there are none */
    const char *read_from;  /* a view or table of the same schema that reads use; NULL: `table` */
    const char *filter_sql; /* a constant condition, such as "deleted_at IS NULL"; rows that fail
                               it are absent. It is SQL: never build it from input. NULL: none */
} entc_model_desc;

/* Kinds of relations. A relation may lead from a table to itself: both repositories are then the
 * same. */
#define ENTC_RELATION_HAS_MANY 1u     /* children hold the parent's key in columns */
#define ENTC_RELATION_BELONGS_TO 2u   /* the entity it starts at holds the other's key in fields */
#define ENTC_RELATION_MANY_TO_MANY 3u /* rows of a join table hold both keys */

/* Flags of a column of an order. */
#define ENTC_ORDER_THROUGH 1u /* a column of the join table, not of the children's */

/* One column of an order. Rows that are equal in all columns are ordered by the key, which is added
 * by itself. */
typedef struct entc_order {
    const char *column;  /* a column of the table, declared as a field or not */
    uint32_t descending; /* 0 or 1 */
    uint32_t flags;      /* 0; of a many-to-many relation perhaps ENTC_ORDER_THROUGH */
} entc_order;

/* Tests of a filter. */
#define ENTC_EQUAL 1u         /* one value */
#define ENTC_NOT_EQUAL 2u     /* one value; rows with NULL do not pass, as in SQL */
#define ENTC_LESS 3u          /* one value */
#define ENTC_LESS_EQUAL 4u    /* one value */
#define ENTC_GREATER 5u       /* one value */
#define ENTC_GREATER_EQUAL 6u /* one value */
#define ENTC_IN 7u            /* any number of values; none lets no row pass */
#define ENTC_IS_NULL 8u       /* no value */
#define ENTC_IS_NOT_NULL 9u   /* no value */

/* One condition on a column of a list. Values are parameters of the statement, never its text; no
 * value may be NULL. */
typedef struct entc_filter {
    const char *column; /* a column of the table, declared as a field or not */
    uint32_t test;      /* ENTC_EQUAL, ... */
    uint32_t reserved;  /* 0 */
    const entc_value *values;
    size_t value_count;
} entc_filter;

/* What a relation does when it is asked for several parents at once. */
#define ENTC_GUARD_BATCH 0u  /* one statement for all */
#define ENTC_GUARD_REFUSE 1u /* ENTC_E_REFUSED: for what must never stand below a list */

/* How the children of a parent are found and ordered. Columns are named as in the catalogue (no
 * quotes). A key of several fields takes the plural members: a column for each field, in the key's
 * order. */
typedef struct entc_relation_desc {
    size_t struct_size;         /* sizeof(entc_relation_desc) */
    uint32_t kind;              /* ENTC_RELATION_HAS_MANY, ... */
    uint32_t order_descending;  /* 1: order_column, or without it the key, runs downwards */
    const char *name;           /* for reports and errors */
    const char *foreign_column; /* HAS_MANY: of the children's table, holds the parent's key;
                                   MANY_TO_MANY: the same, of the join table; BELONGS_TO: of the
                                   table it starts at, declared as a field, holds the other's key */
    const char *order_column;   /* the only column of the order; NULL: as `order` says */
    const char *const *foreign_columns; /* instead of foreign_column */
    size_t foreign_count;
    const char *through;              /* MANY_TO_MANY: the join table; else NULL */
    const char *through_schema;       /* its schema; NULL: the one of the children's table */
    const char *child_column;         /* MANY_TO_MANY: of the join table, holds the child's key */
    const char *const *child_columns; /* instead of child_column */
    size_t child_count;
    const entc_order *order; /* NULL: order_column, or the child's key alone */
    size_t order_count;
    size_t order_size; /* sizeof(entc_order); may be 0 when order is NULL */
    uint32_t guard;    /* ENTC_GUARD_BATCH, ENTC_GUARD_REFUSE */
    int32_t max_first; /* pages of more are refused; 0: any */
} entc_relation_desc;

/* Initializers of the structs above. They are formatted by hand: the tool takes #member for a
 * directive. */
/* clang-format off */
#define ENTC_FIELD(record, member, type, flags)                                                    \
    { #member, type, flags, offsetof(record, member), sizeof(((record *)0)->member), 0, NULL }

/* A field of a type other than text that may be NULL: the struct has a `uint8_t has_<member>`
 * beside it. */
#define ENTC_FIELD_NULLABLE(record, member, type, flags)                                           \
    { #member, type, (flags) | ENTC_NULLABLE, offsetof(record, member),                            \
      sizeof(((record *)0)->member), offsetof(record, has_##member), NULL }

#define ENTC_ENTITY(name, record, fields)                                                          \
    { sizeof(entc_entity_desc), name, sizeof(record), fields,                                      \
      sizeof(fields) / sizeof((fields)[0]), sizeof(entc_field) }

#define ENTC_MODEL(table)                                                                          \
    { sizeof(entc_model_desc), table, NULL, NULL, 0, 0, NULL, 0, 0, NULL, NULL }

#define ENTC_HAS_MANY(name, foreign_column, order_column)                                          \
    { sizeof(entc_relation_desc), ENTC_RELATION_HAS_MANY, 0, name, foreign_column, order_column,   \
      NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0, 0 }

/* The other one, whose key is in `foreign_column` of the entity that the relation starts at. */
#define ENTC_BELONGS_TO(name, foreign_column)                                                      \
    { sizeof(entc_relation_desc), ENTC_RELATION_BELONGS_TO, 0, name, foreign_column, NULL,         \
      NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0, 0 }

/* Those that the join table `through` ties to the parent; `order_column` is the children's. */
#define ENTC_MANY_TO_MANY(name, through, foreign_column, child_column, order_column)               \
    { sizeof(entc_relation_desc), ENTC_RELATION_MANY_TO_MANY, 0, name, foreign_column,             \
      order_column, NULL, 0, through, NULL, child_column, NULL, 0, NULL, 0, 0, 0, 0 }
/* clang-format on */

ENTC_END_DECLS

#endif
