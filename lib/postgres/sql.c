/* The text of the statements. Names stand in double quotes with every quote doubled, as
 * PQescapeIdentifier does it (they were validated as UTF-8 without NUL), and values are always
 * parameters, so nothing that a host passes can end a quote. Columns in WHERE stay bare: a cast
 * there would lose the index. The text is built anew for each query: that takes well under a
 * microsecond, and there is no cache to keep true. */
#include "postgres/internal.h"

static void append_name(struct buffer *sql, const char *name)
{
    buffer_append_char(sql, '"');
    for (; *name; name++) {
        if (*name == '"')
            buffer_append_char(sql, '"');
        buffer_append_char(sql, *name);
    }
    buffer_append_char(sql, '"');
}

static void append_table(struct buffer *sql, const struct schema_model *model)
{
    append_name(sql, model->schema);
    buffer_append_char(sql, '.');
    append_name(sql, model->table);
}

static const char *key_name(const struct schema_model *model)
{
    return model->type->fields[model->type->key_fields[0]].name;
}

static bool is_key(const struct db_query *query, const struct db_order *order)
{
    return strcmp(order->column, key_name(query->model)) == 0;
}

/* The text of any column type is what ::text gives. The key is not cast, so that the result tells
 * its true type: only for some is equality the equality of bytes. */
static void append_column(struct buffer *sql, const struct schema_field *field)
{
    append_name(sql, field->name);
    if (field->type == ENTC_TEXT && !(field->flags & ENTC_KEY))
        buffer_append_text(sql, "::text");
}

static void write_by_ids(struct buffer *sql, const struct db_query *query)
{
    const struct schema_type *type = query->model->type;

    buffer_append_text(sql, "SELECT ");
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (i > 0)
            buffer_append_char(sql, ',');
        append_column(sql, &type->fields[i]);
    }
    buffer_append_text(sql, " FROM ");
    append_table(sql, query->model);
    buffer_append_text(sql, " WHERE ");
    append_name(sql, key_name(query->model));
    buffer_append_text(sql, " = ANY($1)");
}

/* How a column of the order is spelled. */
typedef void (*column_writer)(struct buffer *sql, const struct db_query *query, size_t column);

/* The order, and the key behind it: then it is total, and pages are stable. */
static void append_order(struct buffer *sql, const struct db_query *query, column_writer write)
{
    bool has_key = false;

    for (size_t i = 0; i < query->order_count; i++) {
        if (i > 0)
            buffer_append_char(sql, ',');
        write(sql, query, i);
        if (query->order[i].is_descending)
            buffer_append_text(sql, " DESC");
        has_key = has_key || is_key(query, &query->order[i]);
    }
    if (has_key)
        return;
    if (query->order_count > 0)
        buffer_append_char(sql, ',');
    write(sql, query, query->order_count);
}

/* The name of an order column; the one behind the last is the key. */
static const char *order_name(const struct db_query *query, size_t column)
{
    return column < query->order_count ? query->order[column].column : key_name(query->model);
}

static void write_bare(struct buffer *sql, const struct db_query *query, size_t column)
{
    append_name(sql, order_name(query, column));
}

static void write_of_table(struct buffer *sql, const struct db_query *query, size_t column)
{
    buffer_append_text(sql, "t.");
    append_name(sql, order_name(query, column));
}

static void append_alias(struct buffer *sql, const char *before, size_t column)
{
    buffer_append_text(sql, before);
    buffer_append_int64(sql, (int64_t)column);
}

/* The same column as it comes out of the LATERAL part, where it has a name that no column can
 * disturb. */
static void write_of_children(struct buffer *sql, const struct db_query *query, size_t column)
{
    if (column == query->order_count || is_key(query, &query->order[column]))
        buffer_append_text(sql, "c.k");
    else
        append_alias(sql, "c.o", column);
}

static void write_list(struct buffer *sql, const struct db_query *query)
{
    buffer_append_text(sql, "SELECT ");
    append_name(sql, key_name(query->model));
    buffer_append_text(sql, " FROM ");
    append_table(sql, query->model);
    buffer_append_text(sql, " ORDER BY ");
    append_order(sql, query, write_bare);
    buffer_append_text(sql, " LIMIT $1");
}

/* The children of one parent, p.k, in order, at most $2 of them. */
static void append_children(struct buffer *sql, const struct db_query *query)
{
    buffer_append_text(sql, "SELECT t.");
    append_name(sql, key_name(query->model));
    buffer_append_text(sql, " AS k");
    for (size_t i = 0; i < query->order_count; i++) {
        if (is_key(query, &query->order[i]))
            continue;
        buffer_append_text(sql, ",t.");
        append_name(sql, query->order[i].column);
        append_alias(sql, " AS o", i);
    }
    buffer_append_text(sql, " FROM ");
    append_table(sql, query->model);
    buffer_append_text(sql, " AS t WHERE t.");
    append_name(sql, query->foreign_column);
    buffer_append_text(sql, " = p.k ORDER BY ");
    append_order(sql, query, write_of_table);
    buffer_append_text(sql, " LIMIT $2");
}

/* One statement for all parents: LATERAL walks the index once for each, and stops after $2 rows. It
 * is about six times faster than a query for each parent, and half as dear as numbering all
 * children with ROW_NUMBER(). */
static void write_pages(struct buffer *sql, const struct db_query *query)
{
    buffer_append_text(sql, "SELECT p.i,c.k FROM unnest($1::");
    buffer_append_text(sql, query->id_type == ENTC_INT64 ? "int8[]" : "text[]");
    buffer_append_text(sql, ") WITH ORDINALITY AS p(k,i) CROSS JOIN LATERAL (");
    append_children(sql, query);
    buffer_append_text(sql, ") AS c ORDER BY p.i,");
    append_order(sql, query, write_of_children);
}

bool postgres_sql_write(struct buffer *sql, const struct db_query *query)
{
    buffer_clear(sql);
    switch (query->kind) {
    case DB_BY_IDS:
        write_by_ids(sql, query);
        break;
    case DB_LIST:
        write_list(sql, query);
        break;
    case DB_PAGES:
        write_pages(sql, query);
        break;
    }
    return buffer_text(sql) != NULL;
}
