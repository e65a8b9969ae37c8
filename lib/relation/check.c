/* What the host gave, checked before anything is sent: every refusal names the member and the cure.
 * Column names are quoted where they are used, so any name that PostgreSQL could have is let
 * through; the database knows whether it has it. */
#include "relation/pages.h"

entc_status relation_check_size(const void *given, const char *name, size_t size, size_t known,
                                entc_error **reterr)
{
    const unsigned char *bytes = given;

    if (size < known || size > RELATION_STRUCT_MAX) {
        error_set(reterr, ENTC_E_INVALID, "argument", "%s.struct_size is %zu, which no release had",
                  name, size);
        error_hint(reterr, "set it to sizeof the struct");
        return ENTC_E_INVALID;
    }
    for (size_t i = known; i < size; i++) {
        if (bytes[i] == 0)
            continue;
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "%s has a member beyond %zu bytes that this release does not know", name, known);
        error_hint(reterr, "leave it zero, or use a newer library");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

entc_status relation_check_column(const char *column, const char *what, entc_error **reterr)
{
    size_t length = column ? strnlen(column, SCHEMA_NAME_MAX + 1) : 0;

    if (length > 0 && length <= SCHEMA_NAME_MAX && text_is_utf8(column, length))
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument", "%s is %s", what,
              !column                    ? "NULL"
              : length == 0              ? "empty"
              : length > SCHEMA_NAME_MAX ? "longer than 63 bytes"
                                         : "not UTF-8");
    error_hint(reterr, "name a column as the catalogue has it, 1 to 63 bytes, without quotes");
    return ENTC_E_INVALID;
}
