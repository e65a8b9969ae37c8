/* What schema_type_new() and schema_model_new() refuse; for this room only. */
#ifndef ENTC_SCHEMA_CHECK_H
#define ENTC_SCHEMA_CHECK_H

#include "schema/schema.h"

/* The domain of every error of this room. */
#define SCHEMA_DOMAIN "schema"

/* The size that a caller gave for a struct of which this release knows `known` bytes. A longer one
 * comes from a newer header and is accepted while what we do not know is zero. `what` names the
 * thing, `type_name` its C type. */
entc_status schema_check_size(const char *what, const char *type_name, const void *thing,
                              size_t given, size_t known, entc_error **reterr);

/* The descriptor itself, before its fields are looked at. */
entc_status schema_check_entity(const entc_entity_desc *desc, entc_error **reterr);
/* One field's name and the tail of its struct, as it stands in the caller's memory. */
entc_status schema_check_field(const entc_entity_desc *desc, size_t index, entc_error **reterr);

/* Fills `order` with the indexes of all fields, sorted by name (or by json_name) without regard to
 * ASCII case, and refuses two that are equal: many hosts, tools and query languages fold it. */
entc_status schema_sort_names(const struct schema_type *type, bool is_json, uint32_t *order,
                              entc_error **reterr);

/* The rest works on our copy, type->desc. Types, flags and the key: */
entc_status schema_check_types(const struct schema_type *type, entc_error **reterr);
entc_status schema_check_key(const struct schema_type *type, entc_error **reterr);
/* Sizes, alignment and overlap of the members of a host's struct; types are known to be right. */
entc_status schema_check_layout(const struct schema_type *type, entc_error **reterr);

/* The mapping of fields to columns: stride, names, doubles. */
entc_status schema_check_columns(const entc_model_desc *desc, const struct schema_type *type,
                                 entc_error **reterr);
/* Entry `index` of the caller's mapping, whatever stride it has. */
entc_column schema_model_column(const entc_model_desc *desc, size_t index);
/* 1 to SCHEMA_NAME_MAX bytes of UTF-8: names of the catalogue may hold anything that PostgreSQL can
 * quote. */
bool schema_is_catalogue_name(const char *name);

/* Whether a field says NULL by a has_ byte of its own. */
bool schema_has_byte(const entc_field *field);
/* How a host declares a member of that type, for hints; "?" for no such type. */
const char *schema_type_member(uint32_t type);
/* Whether the type can be a key. */
bool schema_type_is_key(uint32_t type);

#endif
