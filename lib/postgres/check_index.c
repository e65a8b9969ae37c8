/* Whether the catalogue has the index that a key, a relation or a lookup wants: without it every
 * page would read the whole table. What is missing is told as the statement that makes it. */
#include "postgres/check.h"

static void append_keys(const struct postgres_fact *fact)
{
    const size_t count = postgres_check_keys(fact->query, SIZE_MAX, NULL);

    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;

        postgres_check_keys(fact->query, i, &name);
        if (i > 0)
            buffer_append_text(fact->line, ", ");
        postgres_sql_name(fact->line, name);
    }
}

static void tell_no_key(const struct postgres_fact *fact)
{
    postgres_fact_begin_relation(fact);
    buffer_append_text(fact->line, "declared with the key (");
    append_keys(fact);
    buffer_append_text(fact->line, "), live no primary key or unique index has exactly these "
                                   "columns; ALTER TABLE ");
    postgres_fact_append_relation(fact);
    buffer_append_text(fact->line, " ADD PRIMARY KEY (");
    append_keys(fact);
    postgres_fact_tell(fact, "), or declare the table's own key");
}

static void tell_not_unique(const struct postgres_fact *fact)
{
    postgres_fact_begin_relation(fact);
    buffer_append_text(fact->line, "declared with the unique columns (");
    append_keys(fact);
    buffer_append_text(fact->line, ") of a lookup, live no primary key or unique index has exactly "
                                   "these columns; CREATE UNIQUE INDEX ON ");
    postgres_fact_append_relation(fact);
    buffer_append_text(fact->line, " (");
    append_keys(fact);
    postgres_fact_tell(fact, ")");
}

/* Behind the columns that find the rows, those that order them: then a page is read off the index.
 */
static void append_index(const struct postgres_fact *fact)
{
    const struct db_query *query = fact->query;
    const struct db_link *link = query->link;

    postgres_fact_append_relation(fact);
    buffer_append_text(fact->line, " (");
    for (uint32_t i = 0; i < link->count; i++) {
        postgres_sql_name(fact->line, link->columns[i]);
        buffer_append_char(fact->line, ',');
    }
    if (!link->table)
        postgres_sql_order(fact->line, query);
    for (size_t i = 0; link->table && i < query->order_count; i++) {
        if (!query->order[i].is_through)
            break;
        postgres_sql_name(fact->line, query->order[i].column);
        buffer_append_text(fact->line, query->order[i].is_descending ? " DESC," : ",");
    }
    for (uint32_t i = 0; link->table && i < query->model->type->key_count; i++) {
        buffer_append_text(fact->line, i > 0 ? "," : "");
        postgres_sql_name(fact->line, link->child_columns[i]);
    }
}

static void tell_no_index(const struct postgres_fact *fact)
{
    if (fact->query->link->count == 1) {
        postgres_fact_begin_column(fact);
        buffer_append_text(fact->line, "declared as the foreign column of a relation, live no "
                                       "index begins with it; CREATE INDEX ON ");
    } else {
        postgres_fact_begin_relation(fact);
        buffer_append_text(fact->line, "declared with the foreign columns (");
        append_keys(fact);
        buffer_append_text(fact->line, ") of a relation, live no index begins with them; CREATE "
                                       "INDEX ON ");
    }
    append_index(fact);
    postgres_fact_tell(fact, ")");
}

/* Whether every column that wants an index is there; else that is said of the column. */
static bool has_keys(const struct postgres_fact *fact)
{
    struct postgres_fact other = *fact;
    size_t missing = postgres_check_keys(fact->query, SIZE_MAX, NULL);

    for (other.row = fact->row; other.row < PQntuples(fact->result); other.row++) {
        if (!postgres_fact_read(&other) || other.number != fact->number)
            break;
        if (!other.type)
            continue;
        if (fact->query->link)
            missing -= other.place < fact->query->link->count;
        else
            missing -= (fact->query->model->type->fields[other.place].flags & ENTC_KEY) != 0;
    }
    return missing == 0;
}

void postgres_check_index(const struct postgres_fact *fact)
{
    const struct db_link *link = fact->query->link;

    if (link && link->index == DB_INDEX_NONE)
        return;
    if (!fact->is_table || !postgres_fact_has_kind(fact, "rp") ||
        postgres_fact_bool(fact, CHECK_SERVED) || !has_keys(fact))
        return;
    if (!link)
        tell_no_key(fact);
    else if (link->index == DB_INDEX_UNIQUE)
        tell_not_unique(fact);
    else
        tell_no_index(fact);
}
