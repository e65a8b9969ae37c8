/* Checks: descriptors against the live schema. Each difference is one line: what it is about, what
 * was declared, what is live, and the cure. A relation that is not there is one line, and so is a
 * column: nothing else is said of it then.
 *
 * Columns and their types are compared where they are read, the key and its index where the table
 * is. Columns of views may be NULL as far as the catalogue knows, so that is not held against them.
 */
#include "postgres/internal.h"

#include <inttypes.h>

/* One row of the answer. */
struct fact {
    struct db_query *query;
    struct buffer *line;
    const PGresult *result;
    int row;
    const char *relation;
    const char *column;
    const char *kind; /* NULL: the relation is not there */
    const char *type; /* NULL: the column is not there */
    size_t place;     /* of the column */
    bool is_table;    /* the model's table */
    bool is_read;     /* what reads use */
};

/* ---- reading the answer ---- */

static const char *get_text(const struct fact *fact, enum postgres_check_column column)
{
    return PQgetisnull(fact->result, fact->row, (int)column)
               ? NULL
               : PQgetvalue(fact->result, fact->row, (int)column);
}

/* NULL is false. */
static bool get_bool(const struct fact *fact, enum postgres_check_column column)
{
    const char *byte = get_text(fact, column);

    return byte && PQgetlength(fact->result, fact->row, (int)column) == 1 && *byte != 0;
}

static Oid get_base(const struct fact *fact)
{
    const char *bytes = get_text(fact, CHECK_BASE);

    return bytes && PQgetlength(fact->result, fact->row, CHECK_BASE) == 4
               ? (Oid)postgres_get_uint32(bytes)
               : 0;
}

/* A place from 1 to `count`, as an index. */
static bool get_place(const struct fact *fact, enum postgres_check_column column, size_t count,
                      size_t *ret_index)
{
    int64_t place = 0;

    if (!postgres_integer_read(READING_INT8, PQgetvalue(fact->result, fact->row, (int)column),
                               PQgetlength(fact->result, fact->row, (int)column), &place) ||
        place < 1 || (uint64_t)place > count)
        return false;
    *ret_index = (size_t)place - 1;
    return true;
}

static bool read_fact(struct fact *fact)
{
    const struct db_query *query = fact->query;
    const size_t relations = postgres_check_relations(query, SIZE_MAX, NULL);
    size_t relation;

    if (!get_place(fact, CHECK_RELATION, relations, &relation) ||
        !get_place(fact, CHECK_COLUMN, postgres_check_columns(query, SIZE_MAX, NULL), &fact->place))
        return false;
    postgres_check_relations(query, relation, &fact->relation);
    postgres_check_columns(query, fact->place, &fact->column);
    fact->kind = get_text(fact, CHECK_KIND);
    fact->type = get_text(fact, CHECK_TYPE);
    fact->is_table = relation == 0;
    fact->is_read = relation + 1 == relations;
    return true;
}

static bool has_kind(const struct fact *fact, const char *kinds)
{
    return fact->kind && fact->kind[0] && strchr(kinds, fact->kind[0]);
}

static const char *kind_name(const struct fact *fact)
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

static void begin_relation(const struct fact *fact)
{
    buffer_clear(fact->line);
    buffer_append_format(fact->line, "%s.%s: ", fact->query->model->schema, fact->relation);
}

static void begin_column(const struct fact *fact)
{
    buffer_clear(fact->line);
    buffer_append_format(fact->line, "%s.%s.%s: ", fact->query->model->schema, fact->relation,
                         fact->column);
}

static void append_relation(const struct fact *fact)
{
    postgres_sql_name(fact->line, fact->query->model->schema);
    buffer_append_char(fact->line, '.');
    postgres_sql_name(fact->line, fact->relation);
}

static void append_keys(const struct fact *fact)
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

static void tell(const struct fact *fact)
{
    const char *line = buffer_text(fact->line);

    if (line)
        fact->query->difference(fact->query, line);
}

static void tell_text(const struct fact *fact, const char *text)
{
    buffer_append_text(fact->line, text);
    tell(fact);
}

/* ---- relations ---- */

static void tell_missing(const struct fact *fact)
{
    begin_relation(fact);
    buffer_append_format(fact->line, "declared as %s of entity \"%s\", live there is none; ",
                         fact->is_table ? "the table" : "what reads use (read_from)",
                         fact->query->model->type->name);
    tell_text(fact, "create it, or correct schema and name in the model's descriptor");
}

static void tell_kind(const struct fact *fact)
{
    begin_relation(fact);
    buffer_append_format(fact->line, "declared as the table, live it is %s; ", kind_name(fact));
    if (has_kind(fact, "vmf"))
        tell_text(fact, "it is good for reads only, and who writes to what it shows is not seen "
                        "before the time to live is over: declare the table behind it, and this "
                        "as read_from");
    else
        tell_text(fact, "declare a table");
}

static void tell_secured(const struct fact *fact)
{
    begin_relation(fact);
    buffer_append_text(fact->line, "declared as a table to cache, live it has row-level security");
    if (get_bool(fact, CHECK_FILTERED))
        buffer_append_text(fact->line, ": its rows depend on the viewer, and the cache would show "
                                       "those of one to another; ");
    else
        buffer_append_format(fact->line,
                             ": its rows depend on the viewer, but role %s bypasses that, and "
                             "the cache would show every row to everybody; ",
                             get_text(fact, CHECK_ROLE));
    tell_text(fact, "do not cache it, or disable row-level security and authorise in the host");
}

static void tell_no_key(const struct fact *fact)
{
    begin_relation(fact);
    buffer_append_text(fact->line, "declared with the key (");
    append_keys(fact);
    buffer_append_text(fact->line, "), live no primary key or unique index has exactly these "
                                   "columns; ALTER TABLE ");
    append_relation(fact);
    buffer_append_text(fact->line, " ADD PRIMARY KEY (");
    append_keys(fact);
    tell_text(fact, "), or declare the table's own key");
}

static void tell_no_index(const struct fact *fact)
{
    const char *foreign = fact->query->foreign_column;

    begin_column(fact);
    buffer_append_text(fact->line, "declared as the foreign column of a relation, live no index "
                                   "begins with it; CREATE INDEX ON ");
    append_relation(fact);
    buffer_append_text(fact->line, " (");
    postgres_sql_name(fact->line, foreign);
    buffer_append_char(fact->line, ',');
    postgres_sql_order(fact->line, fact->query);
    tell_text(fact, ")");
}

/* Whether every column that wants an index is there; else that is said of the column. */
static bool has_keys(const struct fact *fact)
{
    struct fact other = *fact;
    size_t missing = postgres_check_keys(fact->query, SIZE_MAX, NULL);

    for (other.row = fact->row; other.row < PQntuples(fact->result); other.row++) {
        if (!read_fact(&other) || strcmp(other.relation, fact->relation) != 0)
            break;
        if (!other.type)
            continue;
        if (fact->query->foreign_column)
            missing -= other.place == 0;
        else
            missing -= (fact->query->model->type->fields[other.place].flags & ENTC_KEY) != 0;
    }
    return missing == 0;
}

static void check_index(const struct fact *fact)
{
    if (!fact->is_table || !has_kind(fact, "rp") || get_bool(fact, CHECK_SERVED) || !has_keys(fact))
        return;
    if (fact->query->foreign_column)
        tell_no_index(fact);
    else
        tell_no_key(fact);
}

/* ---- columns ---- */

/* What a column has to hold. */
struct wanted {
    uint32_t type; /* ENTC_NULL: anything */
    bool is_key;   /* or refers to one */
    bool is_nullable;
    const char *role; /* of a relation's columns */
};

static struct wanted wanted_of(const struct fact *fact)
{
    const struct db_query *query = fact->query;
    struct wanted wanted = {ENTC_NULL, false, true, " as a column of the order"};

    if (query->foreign_column && fact->place == 0) {
        wanted.type = query->id_type;
        wanted.is_key = true;
        wanted.role = " to hold the parent's key";
    } else if (!query->foreign_column) {
        const struct schema_field *field = &query->model->type->fields[fact->place];

        wanted.type = field->type;
        wanted.is_key = (field->flags & ENTC_KEY) != 0;
        wanted.is_nullable = (field->flags & ENTC_NULLABLE) != 0;
        wanted.role = wanted.is_key ? " and the key" : "";
    }
    return wanted;
}

static void append_declared(const struct fact *fact, const struct wanted *wanted)
{
    begin_column(fact);
    buffer_append_text(fact->line, "declared");
    if (wanted->type != ENTC_NULL)
        buffer_append_format(fact->line, " ENTC_%s", schema_type_name(wanted->type));
    buffer_append_format(fact->line, "%s, live ", wanted->role);
}

static void tell_no_column(const struct fact *fact, const struct wanted *wanted)
{
    append_declared(fact, wanted);
    tell_text(fact, fact->query->foreign_column
                        ? "there is no such column; add it, or correct the relation's descriptor"
                        : "there is no such column; add it, or name the field's column in the "
                          "model's `columns`");
}

static bool fits(const struct fact *fact, const struct wanted *wanted)
{
    const Oid base = get_base(fact);

    if (wanted->type == ENTC_NULL || (wanted->type == ENTC_TEXT && !wanted->is_key))
        return true;
    if (wanted->type == ENTC_JSON)
        return get_bool(fact, CHECK_IS_JSON);
    return postgres_reading_of(wanted->type, base) != READING_NONE;
}

static void tell_type(const struct fact *fact, const struct wanted *wanted)
{
    const Oid base = get_base(fact);

    append_declared(fact, wanted);
    buffer_append_text(fact->line, fact->type);
    if (wanted->is_key && wanted->type == ENTC_TEXT)
        tell_text(fact, "; two spellings may be one key there: make the column text or varchar, or "
                        "declare what " POSTGRES_KEY_TYPES);
    else if (wanted->is_key)
        tell_text(fact, "; " POSTGRES_KEY_TYPES);
    else if (wanted->type == ENTC_JSON && postgres_reading_of(ENTC_TEXT, base) != READING_NONE)
        tell_text(fact, ", which would become a JSON string; declare the field ENTC_TEXT, or make "
                        "the column jsonb or json");
    else {
        buffer_append_format(fact->line, "; declare the field %s, or make the column %s",
                             get_bool(fact, CHECK_IS_JSON) ? "ENTC_JSON"
                                                           : postgres_field_type_for(base),
                             postgres_types_for(wanted->type));
        tell(fact);
    }
}

static void tell_loose(const struct fact *fact, const struct wanted *wanted)
{
    append_declared(fact, wanted);
    buffer_append_format(fact->line, "%s COLLATE ", fact->type);
    postgres_sql_name(fact->line, get_text(fact, CHECK_LOOSE));
    tell_text(fact, ", which is nondeterministic: two spellings may be one key; give the column a "
                    "deterministic collation");
}

static void tell_nullable(const struct fact *fact, const struct wanted *wanted)
{
    append_declared(fact, wanted);
    buffer_append_format(fact->line, "%s that may be NULL; %sALTER TABLE ", fact->type,
                         wanted->is_key ? "" : "declare the field ENTC_NULLABLE, or ");
    append_relation(fact);
    buffer_append_text(fact->line, " ALTER ");
    postgres_sql_name(fact->line, fact->column);
    tell_text(fact, " SET NOT NULL");
}

static void tell_unreadable(const struct fact *fact, const struct wanted *wanted)
{
    append_declared(fact, wanted);
    buffer_append_format(fact->line, "role %s may not read it; grant USAGE on the schema and ",
                         get_text(fact, CHECK_ROLE));
    buffer_append_text(fact->line, "SELECT on ");
    append_relation(fact);
    buffer_append_text(fact->line, " to ");
    postgres_sql_name(fact->line, get_text(fact, CHECK_ROLE));
    tell(fact);
}

/* At most one line for each thing that is wrong with a column. */
static void check_column(const struct fact *fact, const struct postgres_reader *reader)
{
    const struct wanted wanted = wanted_of(fact);

    /* Of a table that reads do not use, the key alone matters. */
    if (!fact->is_read && !wanted.is_key)
        return;
    /* A view may give a foreign column that no table has. */
    if (!fact->is_read && fact->query->foreign_column)
        return;
    if (!fact->type) {
        tell_no_column(fact, &wanted);
        return;
    }
    if (!fits(fact, &wanted))
        tell_type(fact, &wanted);
    else if (wanted.is_key && get_text(fact, CHECK_LOOSE))
        tell_loose(fact, &wanted);
    if (reader->query == fact->query && !wanted.is_nullable && has_kind(fact, "rp") &&
        !get_bool(fact, CHECK_STRICT))
        tell_nullable(fact, &wanted);
    if (reader->query == fact->query && fact->is_read && !get_bool(fact, CHECK_READABLE))
        tell_unreadable(fact, &wanted);
}

static void check_relation(const struct fact *fact, const struct postgres_reader *reader)
{
    if (!fact->kind) {
        tell_missing(fact);
        return;
    }
    if (!fact->query->foreign_column) {
        if (!has_kind(fact, "rp") && (fact->is_table || !has_kind(fact, "vmf")))
            tell_kind(fact);
        if (reader->query == fact->query && get_bool(fact, CHECK_SECURED))
            tell_secured(fact);
    }
    if (reader->query == fact->query)
        check_index(fact);
}

entc_status postgres_give_check(struct postgres_reader *reader, struct db_query *query,
                                const PGresult *result)
{
    const int rows = PQntuples(result);
    struct fact fact = {.query = query, .line = &reader->line, .result = result};
    const char *relation = NULL;

    query->rows += (uint64_t)rows;
    if (PQnfields(result) != CHECK_COLUMNS)
        return postgres_refuse_answer(reader, query);
    for (fact.row = 0; fact.row < rows && reader->query == query; fact.row++) {
        if (!read_fact(&fact))
            return postgres_refuse_answer(reader, query);
        if (fact.relation != relation)
            check_relation(&fact, reader);
        relation = fact.relation;
        if (reader->query == query && has_kind(&fact, "rpvmf"))
            check_column(&fact, reader);
        if (reader->line.failed)
            return error_no_memory(&reader->error);
    }
    return ENTC_OK;
}
