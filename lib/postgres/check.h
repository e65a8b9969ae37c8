/* What the files of a check share: one row of the answer, what it says, and how a line is told. */
#ifndef ENTC_POSTGRES_CHECK_H
#define ENTC_POSTGRES_CHECK_H

#include "postgres/internal.h"

/* ---- check_sql.c ---- */

/* The lists of names that a check's statement takes as parameters: each returns how many there are,
 * and the name at `index` when that is one of them. */
typedef size_t (*postgres_names)(const struct db_query *query, size_t index, const char **ret_name);
/* The table, or the join table, first; then what reads use, if that is something else. */
size_t postgres_check_relations(const struct db_query *query, size_t index, const char **ret_name);
size_t postgres_check_schemas(const struct db_query *query, size_t index, const char **ret_name);
/* Of a model the columns of all fields, in their order; of a relation those of the link, those of
 * the join table that hold the child's key, and those of the order. */
size_t postgres_check_columns(const struct db_query *query, size_t index, const char **ret_name);
/* Of a model those of the key; of a relation those of the link. */
size_t postgres_check_keys(const struct db_query *query, size_t index, const char **ret_name);
/* Whether a relation through a join table is checked. */
bool postgres_check_is_through(const struct db_query *query);
/* Of a relation, where among the columns those of the order begin. */
size_t postgres_check_orders_at(const struct db_query *query);

/* What the statement answers: a row for each relation and column, by these columns. */
enum postgres_check_column {
    CHECK_RELATION, /* int8: its place, from 1 */
    CHECK_KIND,     /* text: pg_class.relkind; NULL: there is no such relation */
    CHECK_SECURED,  /* bool: row-level security is enabled */
    CHECK_FILTERED, /* bool: and it is active for this role */
    CHECK_SERVED,   /* bool: the index that the key, or the relation, wants is there */
    CHECK_COLUMN,   /* int8: its place, from 1 */
    CHECK_TYPE,     /* text, with its modifiers; NULL: there is no such column */
    CHECK_BASE,     /* oid, of a domain what it stands for */
    CHECK_IS_JSON,  /* bool: to_json() makes more of it than a scalar */
    CHECK_STRICT,   /* bool: NOT NULL */
    CHECK_LOOSE,    /* text: its nondeterministic collation, or NULL */
    CHECK_READABLE, /* bool: the role may read it */
    CHECK_ROLE,     /* text: the role */
    CHECK_COLUMNS
};

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
