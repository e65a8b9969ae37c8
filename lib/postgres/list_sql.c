/* What lists and pages ask: ids of rows, each statement put together from the same pieces: what is
 * selected of a row, where rows come from, the conditions on them, their order, and how many. A
 * piece writes itself, with the word that it begins with, or nothing. */
#include "postgres/internal.h"

/* ---- what is selected ---- */

/* The parts of the key as they are, so that the result tells their types. */
static void append_key(struct buffer *sql, const struct schema_model *model)
{
    for (uint32_t i = 0; i < model->type->key_count; i++) {
        if (i > 0)
            buffer_append_char(sql, ',');
        postgres_sql_name(sql, postgres_sql_key(model, i));
    }
}

/* The cast resolves domains, whose arrays would be of types that only the catalogue knows. */
static void append_part(struct buffer *sql, const struct schema_model *model, uint32_t part)
{
    const uint32_t type = model->type->fields[model->type->key_fields[part]].type;

    postgres_sql_name(sql, postgres_sql_key(model, part));
    buffer_append_text(sql, type == ENTC_INT64  ? "::int8"
                            : type == ENTC_UUID ? "::uuid"
                                                : "::text");
}

/* A child's id: one value, or a record of its parts. Its name must not be that of a column, lest
 * ORDER BY take it for that. */
static void append_child(struct buffer *sql, const struct schema_model *model)
{
    const uint32_t parts = model->type->key_count;

    buffer_append_text(sql, parts > 1 ? "ROW(" : "");
    for (uint32_t i = 0; i < parts; i++) {
        if (i > 0)
            buffer_append_char(sql, ',');
        append_part(sql, model, i);
    }
    buffer_append_text(sql, parts > 1 ? ") AS entc_k" : " AS entc_k");
}

/* ---- where rows come from, and the conditions on them ---- */

static void append_source(struct buffer *sql, const struct db_query *query)
{
    postgres_sql_from(sql, query->model);
}

/* The word before the next condition. */
static const char *next_word(bool *is_first)
{
    const char *word = *is_first ? " WHERE " : " AND ";

    *is_first = false;
    return word;
}

/* Of pages: the row is a child of the parent at hand, entc_p.k. */
static void append_parent_condition(struct buffer *sql, const struct db_query *query,
                                    bool *is_first)
{
    if (!query->foreign_column)
        return;
    buffer_append_text(sql, next_word(is_first));
    postgres_sql_name(sql, query->foreign_column);
    buffer_append_text(sql, " = entc_p.k");
}

static void append_conditions(struct buffer *sql, const struct db_query *query)
{
    bool is_first = true;

    append_parent_condition(sql, query, &is_first);
    if (query->model->filter_sql)
        postgres_sql_filter(sql, next_word(&is_first), query->model);
}

/* ---- order ---- */

static bool is_ordered_by(const struct db_query *query, const char *column)
{
    for (size_t i = 0; i < query->order_count; i++)
        if (strcmp(query->order[i].column, column) == 0)
            return true;
    return false;
}

void postgres_sql_order(struct buffer *sql, const struct db_query *query)
{
    const char *before = "";

    for (size_t i = 0; i < query->order_count; i++) {
        buffer_append_text(sql, before);
        before = ",";
        postgres_sql_name(sql, query->order[i].column);
        if (query->order[i].is_descending)
            buffer_append_text(sql, " DESC");
    }
    for (uint32_t i = 0; i < query->model->type->key_count; i++) {
        const char *column = postgres_sql_key(query->model, i);

        if (is_ordered_by(query, column))
            continue;
        buffer_append_text(sql, before);
        before = ",";
        postgres_sql_name(sql, column);
    }
}

static void append_order(struct buffer *sql, const struct db_query *query)
{
    buffer_append_text(sql, " ORDER BY ");
    postgres_sql_order(sql, query);
}

/* ---- statements ---- */

void postgres_list_write(struct buffer *sql, const struct db_query *query)
{
    buffer_append_text(sql, "SELECT ");
    append_key(sql, query->model);
    append_source(sql, query);
    append_conditions(sql, query);
    append_order(sql, query);
    buffer_append_text(sql, " LIMIT $1");
}

/* One statement for all parents: the subquery walks the index once for each, and stops after $2
 * rows. ARRAY() keeps the subquery's order, and the ordinal tells the parent, so nothing depends on
 * the order of the result's rows, and nothing has to be sorted: a fifth faster than LATERAL with an
 * outer ORDER BY, which itself is half as dear as ROW_NUMBER() over all children. */
void postgres_pages_write(struct buffer *sql, const struct db_query *query)
{
    buffer_append_text(sql, "SELECT entc_p.i,ARRAY(SELECT ");
    append_child(sql, query->model);
    append_source(sql, query);
    append_conditions(sql, query);
    append_order(sql, query);
    buffer_append_text(sql, " LIMIT $2) FROM unnest($1) WITH ORDINALITY AS entc_p(k,i)");
}
