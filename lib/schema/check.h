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

/* The rest works on our copy, type->desc. Types, flags and the key: */
entc_status schema_check_types(const struct schema_type *type, entc_error **reterr);
entc_status schema_check_key(const struct schema_type *type, entc_error **reterr);
/* Sizes, alignment and overlap of the members of a host's struct; types are known to be right. */
entc_status schema_check_layout(const struct schema_type *type, entc_error **reterr);

/* Whether a field says NULL by a has_ byte of its own. */
bool schema_has_byte(const entc_field *field);
/* How a host declares a member of that type, for hints; "?" for no such type. */
const char *schema_type_member(uint32_t type);
/* Whether the type can be a key. */
bool schema_type_is_key(uint32_t type);

#endif
