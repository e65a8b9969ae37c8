/* Where the members of a record lie, when the library decides it; for this room only. */
#ifndef ENTC_SCHEMA_LAYOUT_H
#define ENTC_SCHEMA_LAYOUT_H

#include "schema/schema.h"

/* Fills in offset, size and has_offset of `count` fields, whose types are known to be right, and
 * returns the size of the record: members in their order, naturally aligned, then the has_ bytes;
 * the size is a multiple of 8. */
size_t schema_lay_out(entc_field *fields, size_t count);

#endif
