/* How rows are found by keys of one part, for queries that tests make themselves. */
#ifndef ENTC_TEST_DB_LINK_H
#define ENTC_TEST_DB_LINK_H

#include "ports/ports.h"

/* Lives as long as the block that it stands in. */
#define TEST_LINK(column, type)                                   \
    (&(const struct db_link){.columns = (const char *[]){column}, \
                             .types = (const uint32_t[]){type},   \
                             .count = 1,                          \
                             .index = DB_INDEX_LEADING})

#endif
