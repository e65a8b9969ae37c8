/* What a check asks the catalogue: one statement, of which `check` reads the answer. It has a row
 * for each relation (the table, and what reads use if that is something else) and each column, also
 * where there are none, so the answer is never empty. Parameters: schema, relations, columns,
 * columns that want an index, filter. */
#include "postgres/internal.h"

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

/* btree and hash: the access methods that serve an equality of scalars. */
static const char leading_index[] =
    " AND n.relam IN (403,405) AND x.indkey[0]=(SELECT b.attnum FROM pg_catalog.pg_attribute b"
    " WHERE b.attrelid=c.oid AND b.attname=($4)[1]))";

static const char rest[] =
    ",w.i,CASE WHEN a.attnum IS NOT NULL THEN format_type(a.atttypid,a.atttypmod) END,t.oid,"
    "t.category IN ('A','C') OR t.oid=114 OR EXISTS(SELECT FROM pg_catalog.pg_cast j"
    " WHERE j.castsource=t.oid AND j.casttarget=114),a.attnotnull OR t.strict,"
    "CASE WHEN NOT l.collisdeterministic THEN l.collname::text END,"
    "has_schema_privilege(c.relnamespace,'USAGE') AND"
    " has_column_privilege(c.oid,a.attnum,'SELECT'),current_user::text"
    " FROM unnest($2) WITH ORDINALITY AS r(name,i)"
    " CROSS JOIN unnest($3) WITH ORDINALITY AS w(name,i)"
    " LEFT JOIN pg_catalog.pg_class c ON c.relname=r.name"
    " AND c.relnamespace=(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname=$1)"
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
    buffer_append_text(sql, facts);
    buffer_append_text(sql, query->foreign_column ? leading_index : unique_index);
    buffer_append_text(sql, rest);
}

size_t postgres_check_relations(const struct db_query *query, size_t index, const char **ret_name)
{
    const struct schema_model *model = query->model;
    const size_t count = strcmp(model->table, model->read_from) == 0 ? 1 : 2;

    if (index < count)
        *ret_name = index == 0 ? model->table : model->read_from;
    return count;
}

size_t postgres_check_columns(const struct db_query *query, size_t index, const char **ret_name)
{
    const size_t count =
        query->foreign_column ? 1 + query->order_count : query->model->type->field_count;

    if (index >= count)
        return count;
    if (!query->foreign_column)
        *ret_name = query->model->columns[index];
    else
        *ret_name = index == 0 ? query->foreign_column : query->order[index - 1].column;
    return count;
}

size_t postgres_check_keys(const struct db_query *query, size_t index, const char **ret_name)
{
    const struct schema_type *type = query->model->type;
    const size_t count = query->foreign_column ? 1 : type->key_count;

    if (index < count)
        *ret_name = query->foreign_column ? query->foreign_column
                                          : query->model->columns[type->key_fields[index]];
    return count;
}
