/* What the files of a check share: one row of the answer, what it says, and how a line is told. */
#ifndef ENTC_POSTGRES_CHECK_H
#define ENTC_POSTGRES_CHECK_H

#include "postgres/internal.h"

/* One row of the answer. */
struct postgres_fact {
    struct db_query *query;
    struct buffer *line;
    const PGresult *result;
    int row;
    const char *schema;
    const char *relation;
    const char *column;
    const char *kind; /* NULL: the relation is not there */
    const char *type; /* NULL: the column is not there */
    size_t number;    /* of the relation */
    size_t place;     /* of the column */
    bool is_table;    /* the model's table, or the join table */
    bool is_read;     /* what reads use */
};

/* ---- check.c ---- */

/* Reads which relation and column the row `fact->row` is about; false when it is about none. */
bool postgres_fact_read(struct postgres_fact *fact);
/* Whether the relation is there, and of one of these pg_class.relkind. */
bool postgres_fact_has_kind(const struct postgres_fact *fact, const char *kinds);
/* NULL is false. */
bool postgres_fact_bool(const struct postgres_fact *fact, enum postgres_check_column column);

/* Each begins a line: what it is about. */
void postgres_fact_begin_relation(const struct postgres_fact *fact);
void postgres_fact_begin_column(const struct postgres_fact *fact);
void postgres_fact_append_relation(const struct postgres_fact *fact);
/* Ends the line with this text, and hands it over. */
void postgres_fact_tell(const struct postgres_fact *fact, const char *text);

/* ---- check_index.c ---- */

void postgres_check_index(const struct postgres_fact *fact);

#endif
