/* Checks: descriptors against the live schema. Each difference is one line: what it is about, what
 * was declared, what is live, and the cure. A relation that is not there is one line, and so is a
 * column: nothing else is said of it then.
 *
 * Columns and their types are compared where they are read, the key and its index where the table
 * is. Columns of views may be NULL as far as the catalogue knows, so that is not held against them.
 */
#include "postgres/check.h"

#include <inttypes.h>

/* ---- reading the answer ---- */

static const char *get_text(const struct postgres_fact *fact, enum postgres_check_column column)
{
    return PQgetisnull(fact->result, fact->row, (int)column)
               ? NULL
               : PQgetvalue(fact->result, fact->row, (int)column);
}

/* NULL is false. */
bool postgres_fact_bool(const struct postgres_fact *fact, enum postgres_check_column column)
{
    const char *byte = get_text(fact, column);

    return byte && PQgetlength(fact->result, fact->row, (int)column) == 1 && *byte != 0;
}

static Oid get_base(const struct postgres_fact *fact)
{
    const char *bytes = get_text(fact, CHECK_BASE);

    return bytes && PQgetlength(fact->result, fact->row, CHECK_BASE) == 4
               ? (Oid)postgres_get_uint32(bytes)
               : 0;
}

/* A place from 1 to `count`, as an index. */
static bool get_place(const struct postgres_fact *fact, enum postgres_check_column column,
                      size_t count, size_t *ret_index)
{
    int64_t place = 0;

    if (!postgres_integer_read(READING_INT8, PQgetvalue(fact->result, fact->row, (int)column),
                               PQgetlength(fact->result, fact->row, (int)column), &place) ||
        place < 1 || (uint64_t)place > count)
        return false;
    *ret_index = (size_t)place - 1;
    return true;
}

bool postgres_fact_read(struct postgres_fact *fact)
{
    const struct db_query *query = fact->query;
    const size_t relations = postgres_check_relations(query, SIZE_MAX, NULL);

    if (!get_place(fact, CHECK_RELATION, relations, &fact->number) ||
        !get_place(fact, CHECK_COLUMN, postgres_check_columns(query, SIZE_MAX, NULL), &fact->place))
        return false;
    postgres_check_schemas(query, fact->number, &fact->schema);
    postgres_check_relations(query, fact->number, &fact->relation);
    postgres_check_columns(query, fact->place, &fact->column);
    fact->kind = get_text(fact, CHECK_KIND);
    fact->type = get_text(fact, CHECK_TYPE);
    fact->is_table = fact->number == 0;
    fact->is_read = fact->number + 1 == relations || postgres_check_is_through(query);
    return true;
}

bool postgres_fact_has_kind(const struct postgres_fact *fact, const char *kinds)
{
    return fact->kind && fact->kind[0] && strchr(kinds, fact->kind[0]);
}

static const char *kind_name(const struct postgres_fact *fact)
{
    switch (fact->kind[0]) {
    case 'v':
        return "a view";
    case 'm':
        return "a materialised view";
    case 'f':
        return "a foreign table";
    case 'S':
        return "a sequence";
    case 'c':
        return "a composite type";
    default:
        return "an index";
    }
}

/* ---- writing lines ---- */

void postgres_fact_begin_relation(const struct postgres_fact *fact)
{
    buffer_clear(fact->line);
    buffer_append_format(fact->line, "%s.%s: ", fact->schema, fact->relation);
}

void postgres_fact_begin_column(const struct postgres_fact *fact)
{
    buffer_clear(fact->line);
    buffer_append_format(fact->line, "%s.%s.%s: ", fact->schema, fact->relation, fact->column);
}

void postgres_fact_append_relation(const struct postgres_fact *fact)
{
    postgres_sql_name(fact->line, fact->schema);
    buffer_append_char(fact->line, '.');
    postgres_sql_name(fact->line, fact->relation);
}

static void tell(const struct postgres_fact *fact)
{
    const char *line = buffer_text(fact->line);

    if (line)
        fact->query->difference(fact->query, line);
}

void postgres_fact_tell(const struct postgres_fact *fact, const char *text)
{
    buffer_append_text(fact->line, text);
    tell(fact);
}

/* ---- relations ---- */

static void tell_missing(const struct postgres_fact *fact)
{
    const bool is_join = fact->is_table && postgres_check_is_through(fact->query);

    postgres_fact_begin_relation(fact);
    buffer_append_format(fact->line, "declared as %s of entity \"%s\", live there is none; ",
                         is_join          ? "the join table of a relation to the rows"
                         : fact->is_table ? "the table"
                                          : "what reads use (read_from)",
                         fact->query->model->type->name);
    postgres_fact_tell(fact,
                       is_join ? "create it, or correct `through` and its schema in the relation's "
                                 "descriptor"
                               : "create it, or correct schema and name in the model's descriptor");
}

static void tell_kind(const struct postgres_fact *fact)
{
    postgres_fact_begin_relation(fact);
    buffer_append_format(fact->line, "declared as the table, live it is %s; ", kind_name(fact));
    if (postgres_fact_has_kind(fact, "vmf"))
        postgres_fact_tell(fact,
                           "it is good for reads only, and who writes to what it shows is not seen "
                           "before the time to live is over: declare the table behind it, and this "
                           "as read_from");
    else
        postgres_fact_tell(fact, "declare a table");
}

static void tell_secured(const struct postgres_fact *fact)
{
    postgres_fact_begin_relation(fact);
    buffer_append_text(fact->line, "declared as a table to cache, live it has row-level security");
    if (postgres_fact_bool(fact, CHECK_FILTERED))
        buffer_append_text(fact->line, ": its rows depend on the viewer, and the cache would show "
                                       "those of one to another; ");
    else
        buffer_append_format(fact->line,
                             ": its rows depend on the viewer, but role %s bypasses that, and "
                             "the cache would show every row to everybody; ",
                             get_text(fact, CHECK_ROLE));
    postgres_fact_tell(fact,
                       "do not cache it, or disable row-level security and authorise in the host");
}

/* ---- columns ---- */

/* What a column has to hold. */
struct wanted {
    uint32_t type; /* ENTC_NULL: anything */
    bool is_key;   /* or refers to one */
    bool is_nullable;
    const char *role; /* of a relation's columns */
};

static struct wanted wanted_by_link(const struct postgres_fact *fact)
{
    const struct db_link *link = fact->query->link;
    const struct schema_type *type = fact->query->model->type;
    struct wanted wanted = {ENTC_NULL, false, true, " as a column of the order"};

    if (fact->place >= postgres_check_orders_at(fact->query))
        return wanted;
    wanted.is_key = true;
    if (fact->place < link->count) {
        wanted.type = link->types[fact->place];
        wanted.role = link->index == DB_INDEX_LEADING  ? " to hold the parent's key"
                      : link->index == DB_INDEX_UNIQUE ? " to be looked up by"
                                                       : " to hold the other's key";
    } else {
        wanted.type = type->fields[type->key_fields[fact->place - link->count]].type;
        wanted.role = " to hold the child's key";
    }
    return wanted;
}

static struct wanted wanted_of(const struct postgres_fact *fact)
{
    const struct db_query *query = fact->query;
    const struct schema_field *field = NULL;
    struct wanted wanted;

    if (query->link)
        return wanted_by_link(fact);
    field = &query->model->type->fields[fact->place];
    wanted.type = field->type;
    wanted.is_key = (field->flags & ENTC_KEY) != 0;
    wanted.is_nullable = (field->flags & ENTC_NULLABLE) != 0;
    wanted.role = wanted.is_key ? " and the key" : "";
    return wanted;
}

/* Of a link through a join table, each column belongs to one of the two. */
static bool is_of_relation(const struct postgres_fact *fact)
{
    const struct db_query *query = fact->query;
    size_t orders_at = 0;
    bool is_of_join = true;

    if (!postgres_check_is_through(query))
        return true;
    orders_at = postgres_check_orders_at(query);
    if (fact->place >= orders_at)
        is_of_join = query->order[fact->place - orders_at].is_through;
    return is_of_join == fact->is_table;
}

static void append_declared(const struct postgres_fact *fact, const struct wanted *wanted)
{
    postgres_fact_begin_column(fact);
    buffer_append_text(fact->line, "declared");
    if (wanted->type != ENTC_NULL)
        buffer_append_format(fact->line, " ENTC_%s", schema_type_name(wanted->type));
    buffer_append_format(fact->line, "%s, live ", wanted->role);
}

static void tell_no_column(const struct postgres_fact *fact, const struct wanted *wanted)
{
    append_declared(fact, wanted);
    postgres_fact_tell(fact,
                       fact->query->link
                           ? "there is no such column; add it, or correct the relation's descriptor"
                           : "there is no such column; add it, or name the field's column in the "
                             "model's `columns`");
}

static bool fits(const struct postgres_fact *fact, const struct wanted *wanted)
{
    const Oid base = get_base(fact);

    if (wanted->type == ENTC_NULL || (wanted->type == ENTC_TEXT && !wanted->is_key))
        return true;
    if (wanted->type == ENTC_JSON)
        return postgres_fact_bool(fact, CHECK_IS_JSON);
    return postgres_reading_of(wanted->type, base) != READING_NONE;
}

static void tell_type(const struct postgres_fact *fact, const struct wanted *wanted)
{
    const Oid base = get_base(fact);

    append_declared(fact, wanted);
    buffer_append_text(fact->line, fact->type);
    if (wanted->is_key && wanted->type == ENTC_TEXT)
        postgres_fact_tell(
            fact, "; two spellings may be one key there: make the column text or varchar, or "
                  "declare what " POSTGRES_KEY_TYPES);
    else if (wanted->is_key)
        postgres_fact_tell(fact, "; " POSTGRES_KEY_TYPES);
    else if (wanted->type == ENTC_JSON && postgres_reading_of(ENTC_TEXT, base) != READING_NONE)
        postgres_fact_tell(
            fact, ", which would become a JSON string; declare the field ENTC_TEXT, or make "
                  "the column jsonb or json");
    else {
        buffer_append_format(
            fact->line, "; declare the field %s, or make the column %s",
            postgres_fact_bool(fact, CHECK_IS_JSON) ? "ENTC_JSON" : postgres_field_type_for(base),
            postgres_types_for(wanted->type));
        tell(fact);
    }
}

static void tell_loose(const struct postgres_fact *fact, const struct wanted *wanted)
{
    append_declared(fact, wanted);
    buffer_append_format(fact->line, "%s COLLATE ", fact->type);
    postgres_sql_name(fact->line, get_text(fact, CHECK_LOOSE));
    postgres_fact_tell(
        fact, ", which is nondeterministic: two spellings may be one key; give the column a "
              "deterministic collation");
}

static void tell_nullable(const struct postgres_fact *fact, const struct wanted *wanted)
{
    append_declared(fact, wanted);
    buffer_append_format(fact->line, "%s that may be NULL; %sALTER TABLE ", fact->type,
                         wanted->is_key ? "" : "declare the field ENTC_NULLABLE, or ");
    postgres_fact_append_relation(fact);
    buffer_append_text(fact->line, " ALTER ");
    postgres_sql_name(fact->line, fact->column);
    postgres_fact_tell(fact, " SET NOT NULL");
}

static void tell_unreadable(const struct postgres_fact *fact, const struct wanted *wanted)
{
    append_declared(fact, wanted);
    buffer_append_format(fact->line, "role %s may not read it; grant USAGE on the schema and ",
                         get_text(fact, CHECK_ROLE));
    buffer_append_text(fact->line, "SELECT on ");
    postgres_fact_append_relation(fact);
    buffer_append_text(fact->line, " to ");
    postgres_sql_name(fact->line, get_text(fact, CHECK_ROLE));
    tell(fact);
}

/* At most one line for each thing that is wrong with a column. */
static void check_column(const struct postgres_fact *fact, const struct postgres_reader *reader)
{
    const struct wanted wanted = wanted_of(fact);

    /* Of a table that reads do not use, the key alone matters. */
    if (!fact->is_read && !wanted.is_key)
        return;
    /* A view may give a foreign column that no table has. */
    if (!fact->is_read && fact->query->link)
        return;
    if (!fact->type) {
        tell_no_column(fact, &wanted);
        return;
    }
    if (!fits(fact, &wanted))
        tell_type(fact, &wanted);
    else if (wanted.is_key && get_text(fact, CHECK_LOOSE))
        tell_loose(fact, &wanted);
    if (reader->query == fact->query && !wanted.is_nullable && postgres_fact_has_kind(fact, "rp") &&
        !postgres_fact_bool(fact, CHECK_STRICT))
        tell_nullable(fact, &wanted);
    if (reader->query == fact->query && fact->is_read && !postgres_fact_bool(fact, CHECK_READABLE))
        tell_unreadable(fact, &wanted);
}

static void check_relation(const struct postgres_fact *fact, const struct postgres_reader *reader)
{
    if (!fact->kind) {
        tell_missing(fact);
        return;
    }
    if (!fact->query->link) {
        if (!postgres_fact_has_kind(fact, "rp") &&
            (fact->is_table || !postgres_fact_has_kind(fact, "vmf")))
            tell_kind(fact);
        if (reader->query == fact->query && postgres_fact_bool(fact, CHECK_SECURED))
            tell_secured(fact);
    }
    if (reader->query == fact->query)
        postgres_check_index(fact);
}

entc_status postgres_give_check(struct postgres_reader *reader, struct db_query *query,
                                const PGresult *result)
{
    const int rows = PQntuples(result);
    struct postgres_fact fact = {.query = query, .line = &reader->line, .result = result};
    size_t relation = SIZE_MAX;

    query->rows += (uint64_t)rows;
    if (PQnfields(result) != CHECK_COLUMNS)
        return postgres_refuse_answer(reader, query);
    for (fact.row = 0; fact.row < rows && reader->query == query; fact.row++) {
        if (!postgres_fact_read(&fact))
            return postgres_refuse_answer(reader, query);
        if (fact.number != relation)
            check_relation(&fact, reader);
        relation = fact.number;
        if (reader->query == query && postgres_fact_has_kind(&fact, "rpvmf") &&
            is_of_relation(&fact))
            check_column(&fact, reader);
        if (reader->line.failed)
            return error_no_memory(&reader->error);
    }
    return ENTC_OK;
}
