/* The text of the statements. Names stand in double quotes with every quote doubled, as
 * PQescapeIdentifier does it (they were validated as UTF-8 without NUL), and values are always
 * parameters, so nothing that a host passes can end a quote. Columns in conditions and orders stay
 * bare: a cast there would lose the index. Our own names begin with entc_ and are given no alias of
 * the relation, so that a model's filter_sql may name its columns with or without the relation's
 * name. The text is built anew for each query: that takes about a microsecond, and there is no
 * cache to keep true.
 *
 * TEXT fields are selected as ::text and JSON fields as to_json(), whatever the column's type is:
 * so no statement depends on knowledge of the catalogue, and a column that changes its type is read
 * rightly the next time. to_json() gives a json value byte by byte as it is, and jsonb, arrays and
 * composites as their output functions write them. No session state is set, so what these forms
 * depend on is the session's: ::text of timestamptz on TimeZone and DateStyle, of date and
 * timestamp on DateStyle, of interval on IntervalStyle, of floats on extra_float_digits, of bytea
 * on bytea_output, of money on lc_monetary; to_json() of a timestamptz inside on TimeZone alone.
 * Declared as what they are, none of them depends on anything. */
#include "postgres/internal.h"

#define TEXTS_BY_ANY_MAX 200

void postgres_sql_name(struct buffer *sql, const char *name)
{
    buffer_append_char(sql, '"');
    for (; *name; name++) {
        if (*name == '"')
            buffer_append_char(sql, '"');
        buffer_append_char(sql, *name);
    }
    buffer_append_char(sql, '"');
}

static void append_from(struct buffer *sql, const struct schema_model *model)
{
    buffer_append_text(sql, " FROM ");
    postgres_sql_name(sql, model->schema);
    buffer_append_char(sql, '.');
    postgres_sql_name(sql, model->read_from);
}

/* The line's end closes a comment that the filter may end with. */
static void append_filter(struct buffer *sql, const char *before, const struct schema_model *model)
{
    if (!model->filter_sql)
        return;
    buffer_append_text(sql, before);
    buffer_append_char(sql, '(');
    buffer_append_text(sql, model->filter_sql);
    buffer_append_text(sql, "\n)");
}

static const char *key_column(const struct schema_model *model, uint32_t part)
{
    return model->columns[model->type->key_fields[part]];
}

/* ---- rows ---- */

/* The key is not cast, so that the result tells its true type: only for some is equality the
 * equality of bytes. */
static void append_column(struct buffer *sql, const struct schema_field *field, const char *column)
{
    if (field->type == ENTC_JSON)
        buffer_append_text(sql, "to_json(");
    postgres_sql_name(sql, column);
    if (field->type == ENTC_JSON)
        buffer_append_char(sql, ')');
    else if (field->type == ENTC_TEXT && !(field->flags & ENTC_KEY))
        buffer_append_text(sql, "::text");
}

static void append_columns(struct buffer *sql, const struct schema_model *model)
{
    for (uint32_t i = 0; i < model->type->field_count; i++) {
        if (i > 0)
            buffer_append_char(sql, ',');
        append_column(sql, &model->type->fields[i], model->columns[i]);
    }
}

/* LATERAL with OFFSET 0 makes the planner look up each id by the index. A plain join of many ids is
 * planned as a hash join, which reads the whole table: 15 ms against 2 for 1000 of 100,000 rows. */
static void write_one_by_one(struct buffer *sql, const struct schema_model *model)
{
    const uint32_t parts = model->type->key_count;

    buffer_append_text(sql, "SELECT c.* FROM unnest(");
    for (uint32_t i = 0; i < parts; i++)
        buffer_append_format(sql, i > 0 ? ",$%u" : "$%u", i + 1);
    buffer_append_text(sql, ") AS entc_p(");
    for (uint32_t i = 0; i < parts; i++)
        buffer_append_format(sql, i > 0 ? ",k%u" : "k%u", i);
    buffer_append_text(sql, ") CROSS JOIN LATERAL (SELECT ");
    append_columns(sql, model);
    append_from(sql, model);
    for (uint32_t i = 0; i < parts; i++) {
        buffer_append_text(sql, i > 0 ? " AND " : " WHERE ");
        postgres_sql_name(sql, key_column(model, i));
        buffer_append_format(sql, " = entc_p.k%u", i);
    }
    append_filter(sql, " AND ", model);
    buffer_append_text(sql, " OFFSET 0) AS c");
}

/* The same trap lies in ANY() over many texts: 6.3 ms against 1.5 for 1000 of 100,000. Few are
 * faster by ANY(), and numbers and UUIDs always are: 45 microseconds against 82 for 5. */
static bool are_looked_up_one_by_one(const struct db_query *query)
{
    const struct schema_type *type = query->model->type;

    return type->key_count > 1 || (type->fields[type->key_fields[0]].type == ENTC_TEXT &&
                                   query->id_count > TEXTS_BY_ANY_MAX);
}

static void write_by_any(struct buffer *sql, const struct schema_model *model)
{
    buffer_append_text(sql, "SELECT ");
    append_columns(sql, model);
    append_from(sql, model);
    buffer_append_text(sql, " WHERE ");
    postgres_sql_name(sql, key_column(model, 0));
    buffer_append_text(sql, " = ANY($1)");
    append_filter(sql, " AND ", model);
}

/* ---- ids ---- */

static bool is_ordered_by(const struct db_query *query, const char *column)
{
    for (size_t i = 0; i < query->order_count; i++)
        if (strcmp(query->order[i].column, column) == 0)
            return true;
    return false;
}

void postgres_sql_order(struct buffer *sql, const struct db_query *query)
{
    bool is_first = true;

    for (size_t i = 0; i < query->order_count; i++) {
        if (!is_first)
            buffer_append_char(sql, ',');
        is_first = false;
        postgres_sql_name(sql, query->order[i].column);
        if (query->order[i].is_descending)
            buffer_append_text(sql, " DESC");
    }
    for (uint32_t i = 0; i < query->model->type->key_count; i++) {
        const char *column = key_column(query->model, i);

        if (is_ordered_by(query, column))
            continue;
        if (!is_first)
            buffer_append_char(sql, ',');
        is_first = false;
        postgres_sql_name(sql, column);
    }
}

static void write_list(struct buffer *sql, const struct db_query *query)
{
    buffer_append_text(sql, "SELECT ");
    for (uint32_t i = 0; i < query->model->type->key_count; i++) {
        if (i > 0)
            buffer_append_char(sql, ',');
        postgres_sql_name(sql, key_column(query->model, i));
    }
    append_from(sql, query->model);
    append_filter(sql, " WHERE ", query->model);
    buffer_append_text(sql, " ORDER BY ");
    postgres_sql_order(sql, query);
    buffer_append_text(sql, " LIMIT $1");
}

/* The cast resolves domains, whose arrays would be of types that only the catalogue knows. */
static void append_part(struct buffer *sql, const struct schema_model *model, uint32_t part)
{
    const uint32_t type = model->type->fields[model->type->key_fields[part]].type;

    postgres_sql_name(sql, key_column(model, part));
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

/* One statement for all parents: the subquery walks the index once for each, and stops after $2
 * rows. ARRAY() keeps the subquery's order, and the ordinal tells the parent, so nothing depends on
 * the order of the result's rows, and nothing has to be sorted: a fifth faster than LATERAL with an
 * outer ORDER BY, which itself is half as dear as ROW_NUMBER() over all children. */
static void write_pages(struct buffer *sql, const struct db_query *query)
{
    buffer_append_text(sql, "SELECT entc_p.i,ARRAY(SELECT ");
    append_child(sql, query->model);
    append_from(sql, query->model);
    buffer_append_text(sql, " WHERE ");
    postgres_sql_name(sql, query->foreign_column);
    buffer_append_text(sql, " = entc_p.k");
    append_filter(sql, " AND ", query->model);
    buffer_append_text(sql, " ORDER BY ");
    postgres_sql_order(sql, query);
    buffer_append_text(sql, " LIMIT $2) FROM unnest($1) WITH ORDINALITY AS entc_p(k,i)");
}

bool postgres_sql_write(struct buffer *sql, const struct db_query *query)
{
    buffer_clear(sql);
    switch (query->kind) {
    case DB_BY_IDS:
        if (are_looked_up_one_by_one(query))
            write_one_by_one(sql, query->model);
        else
            write_by_any(sql, query->model);
        break;
    case DB_LIST:
        write_list(sql, query);
        break;
    case DB_PAGES:
        write_pages(sql, query);
        break;
    case DB_CHECK:
        postgres_check_write(sql, query);
        break;
    }
    return buffer_text(sql) != NULL;
}
