/* The text of the statements; list_sql writes those that answer ids. Names stand in double quotes
 * with every quote doubled, as PQescapeIdentifier does it (they were validated as UTF-8 without
 * NUL), and values are always parameters, so nothing that a host passes can end a quote. Columns in
 * conditions and orders stay bare: a cast there would lose the index. Our own names begin with
 * entc_ and are given no alias of the relation, so that a model's filter_sql may name its columns
 * with or without the relation's name. The text is built anew for each query: that takes about a
 * microsecond, and there is no cache to keep true.
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

void postgres_sql_from(struct buffer *sql, const struct schema_model *model)
{
    buffer_append_text(sql, " FROM ");
    postgres_sql_name(sql, model->schema);
    buffer_append_char(sql, '.');
    postgres_sql_name(sql, model->read_from);
}

/* The line's end closes a comment that the filter may end with. */
void postgres_sql_filter(struct buffer *sql, const char *before, const struct schema_model *model)
{
    if (!model->filter_sql)
        return;
    buffer_append_text(sql, before);
    buffer_append_char(sql, '(');
    buffer_append_text(sql, model->filter_sql);
    buffer_append_text(sql, "\n)");
}

const char *postgres_sql_key(const struct schema_model *model, uint32_t part)
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
    postgres_sql_from(sql, model);
    for (uint32_t i = 0; i < parts; i++) {
        buffer_append_text(sql, i > 0 ? " AND " : " WHERE ");
        postgres_sql_name(sql, postgres_sql_key(model, i));
        buffer_append_format(sql, " = entc_p.k%u", i);
    }
    postgres_sql_filter(sql, " AND ", model);
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
    postgres_sql_from(sql, model);
    buffer_append_text(sql, " WHERE ");
    postgres_sql_name(sql, postgres_sql_key(model, 0));
    buffer_append_text(sql, " = ANY($1)");
    postgres_sql_filter(sql, " AND ", model);
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
        postgres_list_write(sql, query);
        break;
    case DB_PAGES:
    case DB_LOOKUP:
        postgres_pages_write(sql, query);
        break;
    case DB_CHECK:
        postgres_check_write(sql, query);
        break;
    case DB_SQL:
        buffer_append_text(sql, query->sql);
        break;
    }
    return buffer_text(sql) != NULL;
}
