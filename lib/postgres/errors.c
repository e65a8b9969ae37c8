/* Failures: what the server or libpq says becomes one status and a story for people. Only first
 * lines and primary messages are passed on: DETAIL and CONTEXT may show rows. Primary messages may
 * too (`invalid input syntax for type integer: "..."`), so of a model with an ENTC_SENSITIVE field
 * even they are not. */
#include "postgres/internal.h"

#include <stdio.h>

#define LINE_MAX_BYTES 512

/* PostgreSQL's appendix A. Whole codes stand before their class. */
static const struct postgres_failure failures[] = {
    /* the session is over; the same question may be asked on another */
    {"57P01", ENTC_E_UNAVAILABLE, true, false, NULL}, /* admin_shutdown, pg_terminate_backend() */
    {"57P02", ENTC_E_UNAVAILABLE, true, false, NULL}, /* crash_shutdown */
    {"57P03", ENTC_E_UNAVAILABLE, true, false, NULL}, /* cannot_connect_now: starting, stopping */
    {"57P04", ENTC_E_UNAVAILABLE, true, false, "the database was dropped"},
    {"57P05", ENTC_E_UNAVAILABLE, true, false, NULL}, /* idle_session_timeout */
    {"08", ENTC_E_UNAVAILABLE, true, false, NULL},    /* connection; poolers use it too */
    /* the server lets us not in */
    {"28", ENTC_E_UNAVAILABLE, false, false,
     "check user and password of the connection text, and the server's pg_hba.conf"},
    {"3D000", ENTC_E_UNAVAILABLE, false, false,
     "create the database, or correct its name in the connection text"},
    {"25006", ENTC_E_UNAVAILABLE, false, false, NULL}, /* read_only_sql_transaction: a standby */
    /* it has too much to do */
    {"53300", ENTC_E_BUSY, false, false,
     "raise the server's max_connections, or lower postgres_connections"},
    {"53", ENTC_E_BUSY, false, false, NULL},
    {"57014", ENTC_E_TIMEOUT, false, false, "see the server's statement_timeout"},
    {"55P03", ENTC_E_TIMEOUT, false, false, "see the server's lock_timeout"},
    /* it would do the next time: serialization_failure (a standby's conflicts too), deadlock */
    {"40001", ENTC_E_DATABASE, false, true, NULL},
    {"40P01", ENTC_E_DATABASE, false, true, NULL},
    /* the table is not as declared */
    {"42P01", ENTC_E_SCHEMA, false, false,
     "create the table, or correct table and schema in the model's descriptor"},
    {"3F000", ENTC_E_SCHEMA, false, false,
     "create the schema, or correct table and schema in the model's descriptor"},
    {"42703", ENTC_E_SCHEMA, false, false,
     "add the column, or correct the names of fields and columns in the descriptors"},
    {"42883", ENTC_E_SCHEMA, false, false,
     "the columns of a key and those that refer to it have to be int2, int4 or int8 for ENTC_INT64, "
     "uuid for ENTC_UUID, text or varchar for ENTC_TEXT"},
    {"42804", ENTC_E_SCHEMA, false, false, NULL}, /* datatype_mismatch */
    {"42846", ENTC_E_SCHEMA, false, false, NULL}, /* cannot_coerce: a type without text */
    {"42809", ENTC_E_SCHEMA, false, false, NULL}, /* wrong_object_type: not a table */
    {"42501", ENTC_E_DATABASE, false, false, "grant SELECT on the table to the role"},
    {"", ENTC_E_DATABASE, false, false, NULL},
};

const struct postgres_failure *postgres_failure_of(const char *sqlstate)
{
    const struct postgres_failure *failure = failures;
    const char *code = sqlstate ? sqlstate : "";

    while (strncmp(code, failure->sqlstate, strlen(failure->sqlstate)) != 0)
        failure++;
    return failure;
}

bool postgres_says_no_memory(const char *message)
{
    static const char *const begins[] = {"out of memory", "cannot allocate memory"};

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (strncmp(message, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

static void add_cure(entc_error **reterr, const struct postgres_failure *failure)
{
    if (failure->hint)
        error_hint(reterr, "%s%s", failure->hint,
                   failure->status == ENTC_E_SCHEMA ? POSTGRES_ALL_BY_CHECK : "");
    else if (failure->status == ENTC_E_SCHEMA)
        error_hint(reterr, POSTGRES_BY_CHECK);
}

static void copy_first_line(char out[LINE_MAX_BYTES], const char *message)
{
    size_t length = strcspn(message, "\n");

    if (length >= LINE_MAX_BYTES)
        length = LINE_MAX_BYTES - 1;
    memcpy(out, message, length);
    out[length] = '\0';
}

/* undefined_function: here an operator `=` that does not know both sides. */
static bool is_mismatch(const char *sqlstate)
{
    return sqlstate && strcmp(sqlstate, "42883") == 0;
}

/* A value of the host's, of a filter, a cursor or a parameter, is none of its column's type:
 * invalid_text_representation, invalid_datetime_format, datetime_field_overflow,
 * numeric_value_out_of_range. Without such values the data are to blame. */
static bool is_bad_value(const char *sqlstate, const struct db_query *query)
{
    static const char *const codes[] = {"22P02", "22007", "22008", "22003"};

    if (!sqlstate ||
        (!query->filter_count && !query->after && !query->before && !query->param_count))
        return false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(sqlstate, codes[i]) == 0)
            return true;
    return false;
}

/* The host's statement has another number of parameters: to the server a breach of the protocol,
 * whose code poolers use for failures of their own. */
static bool is_bad_count(const char *sqlstate, const struct db_query *query, const char *line)
{
    return query->kind == DB_SQL && sqlstate && strcmp(sqlstate, "08P01") == 0 &&
           strncmp(line, "bind message", 12) == 0;
}

static entc_status tell_bad_value(entc_error **reterr, const struct db_query *query,
                                  const char *line, const char *sqlstate)
{
    error_set(reterr, ENTC_E_INVALID, "postgres", "%s.%s: %s", query->model->schema,
              query->model->read_from, line);
    error_hint(reterr, "give a value for each parameter, of the type of its column, and cursors as "
                       "entc_page_cursor() wrote them");
    error_sqlstate(reterr, sqlstate);
    return ENTC_E_INVALID;
}

/* The server does not say which column it was, so that is told only where there is one. */
static void add_operand(entc_error **reterr, const struct db_query *query)
{
    const struct schema_type *type = query->model->type;
    const struct db_link *link = query->link;
    const uint32_t key = type->key_fields[0];
    const bool is_one = link ? link->count == 1 && !link->table : type->key_count == 1;

    if (query->kind == DB_LIST || query->kind == DB_SQL || query->filter_count > 0 || !is_one)
        return;
    error_set(reterr, ENTC_E_SCHEMA, "postgres", "%s; column \"%s\" is declared %sENTC_%s",
              entc_error_message(*reterr), link ? link->columns[0] : query->model->columns[key],
              link ? "to hold keys of type " : "the key, ",
              schema_type_name(link ? link->types[0] : type->fields[key].type));
}

/* ---- what may quote a row ---- */

static const char *sensitive_field(const struct db_query *query)
{
    const struct schema_type *type = query->model->type;

    for (uint32_t i = 0; i < type->field_count; i++)
        if (type->fields[i].flags & ENTC_SENSITIVE)
            return type->fields[i].name;
    return NULL;
}

/* A complaint about the statement itself: it was made before any row was read. What is raised while
 * rows are read has no position in the statement, and what a function raises has a context. */
static bool is_about_statement(const PGresult *result, const char *sqlstate)
{
    return sqlstate && strncmp(sqlstate, "42", 2) == 0 &&
           PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION) &&
           !PQresultErrorField(result, PG_DIAG_INTERNAL_POSITION) &&
           !PQresultErrorField(result, PG_DIAG_CONTEXT);
}

/* A check reads the catalogue alone. */
static bool is_withheld(const struct db_query *query, const PGresult *result, const char *sqlstate)
{
    return query->kind != DB_CHECK && sensitive_field(query) &&
           !is_about_statement(result, sqlstate);
}

/* libpq tells the end of a session without a SQLSTATE, perhaps in the server's words. */
static void withhold(entc_error **reterr, const struct db_query *query, entc_status status,
                     const char *sqlstate)
{
    error_set(reterr, status, "postgres",
              "%s.%s: %s; the text is withheld, because field \"%s\" is ENTC_SENSITIVE",
              query->model->schema, query->model->read_from,
              postgres_condition_of(sqlstate ? sqlstate : "08"), sensitive_field(query));
    error_hint(reterr, "see the server's log");
}

entc_status postgres_error_of_result(entc_error **reterr, const struct db_query *query,
                                     const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const struct postgres_failure *failure = postgres_failure_of(sqlstate);
    const bool withheld = is_withheld(query, result, sqlstate);
    char line[LINE_MAX_BYTES];

    if (!sqlstate && postgres_says_no_memory(PQresultErrorMessage(result)))
        return error_no_memory(reterr);
    /* Without a primary message it is libpq that speaks. */
    copy_first_line(line, primary ? primary : PQresultErrorMessage(result));
    if (is_bad_value(sqlstate, query) || is_bad_count(sqlstate, query, line))
        return tell_bad_value(reterr, query, withheld ? postgres_condition_of(sqlstate) : line,
                              sqlstate);
    if (withheld)
        withhold(reterr, query, failure->status, sqlstate);
    else
        error_set(reterr, failure->status, "postgres", "%s.%s: %s", query->model->schema,
                  query->model->read_from, line[0] ? line : "the connection was lost");
    if (is_mismatch(sqlstate))
        add_operand(reterr, query);
    error_sqlstate(reterr, sqlstate);
    add_cure(reterr, failure);
    return failure->status;
}

static bool is_sqlstate(const char *text)
{
    for (int i = 0; i < 5; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'A' && text[i] <= 'Z')))
            return false;
    return true;
}

/* libpq 15 tells the SQLSTATE of a refused connection in its message only: under
 * PQERRORS_VERBOSE as `FATAL:  53300: text`. Cuts it out of `line` and copies it; "" if there is
 * none. */
static void take_sqlstate(char line[LINE_MAX_BYTES], char out[6])
{
    const char *at = line;

    out[0] = '\0';
    while ((at = strstr(at, ":  ")) != NULL) {
        char *code = line + (at - line) + 3;

        if (is_sqlstate(code) && code[5] == ':' && code[6] == ' ') {
            memcpy(out, code, 5);
            out[5] = '\0';
            memmove(code, code + 7, strlen(code + 7) + 1);
            return;
        }
        at++;
    }
}

entc_status postgres_error_of_connect(entc_error **reterr, const char *message)
{
    const struct postgres_failure *failure = NULL;
    entc_status status = ENTC_E_UNAVAILABLE;
    char line[LINE_MAX_BYTES];
    char sqlstate[6];

    copy_first_line(line, message);
    take_sqlstate(line, sqlstate);
    failure = postgres_failure_of(sqlstate);
    /* Whatever it is that stands between us and the server: it is not to be had now. */
    if (failure->status == ENTC_E_BUSY)
        status = ENTC_E_BUSY;
    error_set(reterr, status, "postgres", "%s", line[0] ? line : "cannot connect to PostgreSQL");
    error_sqlstate(reterr, sqlstate);
    add_cure(reterr, failure);
    return status;
}
