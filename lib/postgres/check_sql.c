/* What a check asks the catalogue: one statement, of which `check` reads the answer. It has a row
 * for each relation (the table, and what reads use if that is something else) and each column, also
 * where there are none, so the answer is never empty. Parameters: schemas of the relations,
 * relations, columns, columns that want an index, filter.
 *
 * The relations of a link through a join table are that table and what reads of the rows use; which
 * column belongs to which is `check`'s to know. */
#include "postgres/check.h"

/* A domain counts as what it stands for, through any number of domains; any of them may say NOT
 * NULL. to_json() makes more than a scalar of arrays, composites and what can be cast to json. The
 * role's rights are asked, because a view's owner may read what we may not. */
static const char facts[] =
    "SELECT r.i,c.relkind::text,c.relrowsecurity,row_security_active(c.oid),"
    "c.relkind IS NOT NULL AND EXISTS(SELECT FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class n"
    " ON n.oid=x.indexrelid WHERE x.indrelid=c.oid AND x.indisvalid"
    " AND (x.indpred IS NULL OR translate(lower(pg_get_expr(x.indpred,x.indrelid)),E' ()\\n','')"
    "=translate(lower($5),E' ()\\n',''))";

/* Exactly these columns in any order; columns that are only included do not count. */
static const char unique_index[] =
    " AND x.indisunique AND ARRAY(SELECT k FROM unnest(x.indkey) WITH ORDINALITY AS u(k,o)"
    " WHERE o<=x.indnkeyatts ORDER BY k)=ARRAY(SELECT b.attnum FROM pg_catalog.pg_attribute b"
    " WHERE b.attrelid=c.oid AND b.attname=ANY($4) ORDER BY b.attnum))";

/* btree and hash: the access methods that serve an equality of scalars. These columns first, in any
 * order. */
static const char leading_index[] =
    " AND n.relam IN (403,405) AND ARRAY(SELECT k FROM unnest(x.indkey) WITH ORDINALITY AS u(k,o)"
    " WHERE o<=least(x.indnkeyatts,cardinality($4)) ORDER BY k)=ARRAY(SELECT b.attnum"
    " FROM pg_catalog.pg_attribute b WHERE b.attrelid=c.oid AND b.attname=ANY($4)"
    " ORDER BY b.attnum))";

static const char rest[] =
    ",w.i,CASE WHEN a.attnum IS NOT NULL THEN format_type(a.atttypid,a.atttypmod) END,t.oid,"
    "t.category IN ('A','C') OR t.oid=114 OR EXISTS(SELECT FROM pg_catalog.pg_cast j"
    " WHERE j.castsource=t.oid AND j.casttarget=114),a.attnotnull OR t.strict,"
    "CASE WHEN NOT l.collisdeterministic THEN l.collname::text END,"
    "has_schema_privilege(c.relnamespace,'USAGE') AND"
    " has_column_privilege(c.oid,a.attnum,'SELECT'),current_user::text"
    " FROM unnest($1,$2) WITH ORDINALITY AS r(schema,name,i)"
    " CROSS JOIN unnest($3) WITH ORDINALITY AS w(name,i)"
    " LEFT JOIN pg_catalog.pg_class c ON c.relname=r.name"
    " AND c.relnamespace=(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname=r.schema)"
    " LEFT JOIN pg_catalog.pg_attribute a"
    " ON a.attrelid=c.oid AND a.attname=w.name AND NOT a.attisdropped"
    " LEFT JOIN LATERAL (WITH RECURSIVE d AS (SELECT oid,typtype,typbasetype,typcategory AS"
    " category,typnotnull AS strict FROM pg_catalog.pg_type WHERE oid=a.atttypid UNION ALL"
    " SELECT b.oid,b.typtype,b.typbasetype,b.typcategory,d.strict OR b.typnotnull"
    " FROM d JOIN pg_catalog.pg_type b ON d.typtype='d' AND b.oid=d.typbasetype)"
    " SELECT oid,category,strict FROM d WHERE typtype<>'d') t ON true"
    " LEFT JOIN pg_catalog.pg_collation l ON l.oid=a.attcollation"
    " ORDER BY r.i,w.i";

void postgres_check_write(struct buffer *sql, const struct db_query *query)
{
    const bool is_leading = query->link && query->link->index == DB_INDEX_LEADING;

    buffer_append_text(sql, facts);
    buffer_append_text(sql, is_leading ? leading_index : unique_index);
    buffer_append_text(sql, rest);
}

bool postgres_check_is_through(const struct db_query *query)
{
    return query->link && query->link->table;
}

size_t postgres_check_relations(const struct db_query *query, size_t index, const char **ret_name)
{
    const struct schema_model *model = query->model;
    const char *first = postgres_check_is_through(query) ? query->link->table : model->table;
    const bool is_one =
        !postgres_check_is_through(query) && strcmp(model->table, model->read_from) == 0;
    const size_t count = is_one ? 1 : 2;

    if (index < count)
        *ret_name = index == 0 ? first : model->read_from;
    return count;
}

size_t postgres_check_schemas(const struct db_query *query, size_t index, const char **ret_name)
{
    const bool is_join = index == 0 && postgres_check_is_through(query);
    const size_t count = postgres_check_relations(query, SIZE_MAX, NULL);

    if (index < count)
        *ret_name = is_join ? query->link->schema : query->model->schema;
    return count;
}

size_t postgres_check_orders_at(const struct db_query *query)
{
    return query->link->count + (query->link->table ? query->model->type->key_count : 0);
}

static const char *link_column(const struct db_query *query, size_t index)
{
    const struct db_link *link = query->link;
    const size_t orders_at = postgres_check_orders_at(query);

    if (index < link->count)
        return link->columns[index];
    return index < orders_at ? link->child_columns[index - link->count]
                             : query->order[index - orders_at].column;
}

size_t postgres_check_columns(const struct db_query *query, size_t index, const char **ret_name)
{
    const size_t count = query->link ? postgres_check_orders_at(query) + query->order_count
                                     : query->model->type->field_count;

    if (index < count)
        *ret_name = query->link ? link_column(query, index) : query->model->columns[index];
    return count;
}

size_t postgres_check_keys(const struct db_query *query, size_t index, const char **ret_name)
{
    const struct schema_type *type = query->model->type;
    const size_t count = query->link ? query->link->count : type->key_count;

    if (index < count)
        *ret_name = query->link ? query->link->columns[index]
                                : query->model->columns[type->key_fields[index]];
    return count;
}
