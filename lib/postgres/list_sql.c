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

/* One condition for each part of a key: `column` = `side` and the part's number. */
static void append_equals(struct buffer *sql, const char *before, const char *column,
                          const char *side, uint32_t part)
{
    buffer_append_text(sql, before);
    postgres_sql_name(sql, column);
    buffer_append_format(sql, " = %s%u", side, part);
}

static void append_renamed(struct buffer *sql, const char *before, const char *column,
                           const char *name, size_t number)
{
    buffer_append_text(sql, before);
    postgres_sql_name(sql, column);
    buffer_append_format(sql, " AS %s%zu", name, number);
}

/* The join table gives its columns under names of ours, so that those of the rows are unambiguous
 * where they stand bare, also in a model's filter_sql. The planner sees through it: it is a plain
 * join. A row of the join table that stands there twice gives its child twice. */
static void append_join(struct buffer *sql, const struct db_query *query)
{
    const struct db_link *link = query->link;
    const uint32_t parts = query->model->type->key_count;

    buffer_append_text(sql, " JOIN (SELECT ");
    for (uint32_t i = 0; i < link->count; i++)
        append_renamed(sql, i > 0 ? "," : "", link->columns[i], "entc_f", i);
    for (uint32_t i = 0; i < parts; i++)
        append_renamed(sql, ",", link->child_columns[i], "entc_c", i);
    for (size_t i = 0; i < query->order_count; i++)
        if (query->order[i].is_through)
            append_renamed(sql, ",", query->order[i].column, "entc_o", i);
    buffer_append_text(sql, " FROM ");
    postgres_sql_name(sql, link->schema);
    buffer_append_char(sql, '.');
    postgres_sql_name(sql, link->table);
    buffer_append_text(sql, ") AS entc_t");
    for (uint32_t i = 0; i < parts; i++)
        append_equals(sql, i > 0 ? " AND " : " ON ", postgres_sql_key(query->model, i),
                      "entc_t.entc_c", i);
}

static void append_source(struct buffer *sql, const struct db_query *query)
{
    postgres_sql_from(sql, query->model);
    if (query->link && query->link->table)
        append_join(sql, query);
}

/* The word before the next condition. */
static const char *next_word(bool *is_first)
{
    const char *word = *is_first ? " WHERE " : " AND ";

    *is_first = false;
    return word;
}

/* Of pages: the row is a child of the parent at hand, entc_p. */
static void append_parent_condition(struct buffer *sql, const struct db_query *query,
                                    bool *is_first)
{
    const struct db_link *link = query->link;

    for (uint32_t i = 0; link && i < link->count; i++) {
        if (link->table)
            buffer_append_format(sql, "%sentc_t.entc_f%u = entc_p.k%u", next_word(is_first), i, i);
        else
            append_equals(sql, next_word(is_first), link->columns[i], "entc_p.k", i);
    }
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
        if (!query->order[i].is_through && strcmp(query->order[i].column, column) == 0)
            return true;
    return false;
}

static void append_order_column(struct buffer *sql, const struct db_query *query, size_t number)
{
    if (query->order[number].is_through)
        buffer_append_format(sql, "entc_t.entc_o%zu", number);
    else
        postgres_sql_name(sql, query->order[number].column);
}

void postgres_sql_order(struct buffer *sql, const struct db_query *query)
{
    const char *before = "";

    for (size_t i = 0; i < query->order_count; i++) {
        buffer_append_text(sql, before);
        before = ",";
        append_order_column(sql, query, i);
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

/* The keys of all parents, part by part, each with its ordinal. */
static void append_parents(struct buffer *sql, const struct db_link *link)
{
    buffer_append_text(sql, " FROM unnest(");
    for (uint32_t i = 0; i < link->count; i++)
        buffer_append_format(sql, i > 0 ? ",$%u" : "$%u", i + 1);
    buffer_append_text(sql, ") WITH ORDINALITY AS entc_p(");
    for (uint32_t i = 0; i < link->count; i++)
        buffer_append_format(sql, "k%u,", i);
    buffer_append_text(sql, "i)");
}

/* One statement for all parents: the subquery walks the index once for each, and stops after the
 * limit. ARRAY() keeps the subquery's order, and the ordinal tells the parent, so nothing depends
 * on the order of the result's rows, and nothing has to be sorted: a fifth faster than LATERAL with
 * an outer ORDER BY, which itself is half as dear as ROW_NUMBER() over all children. A lookup is
 * the same without an order: which of the rows that hold a key it gives does not matter. */
void postgres_pages_write(struct buffer *sql, const struct db_query *query)
{
    buffer_append_text(sql, "SELECT entc_p.i,ARRAY(SELECT ");
    append_child(sql, query->model);
    append_source(sql, query);
    append_conditions(sql, query);
    if (query->kind == DB_PAGES)
        append_order(sql, query);
    buffer_append_format(sql, " LIMIT $%u)", query->link->count + 1);
    append_parents(sql, query->link);
}
