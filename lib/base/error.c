/* Errors: one status with its story, and the public functions that read it. An error belongs to the
 * caller, not to an engine, so it comes from malloc and may outlive everything. Its texts are
 * always one line of valid UTF-8. The one static error says that memory is out; it is never written
 * and never freed. */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGE_SIZE 512
#define HINT_SIZE 256
#define SQLSTATE_LENGTH 5

struct entc_error {
    entc_status code;
    const char *domain;
    char message[MESSAGE_SIZE];
    char hint[HINT_SIZE];
    char sqlstate[SQLSTATE_LENGTH + 1];
};

static const struct entc_error memory_is_out = {
    .code = ENTC_E_NO_MEMORY,
    .domain = "engine",
    .message = "out of memory",
};

/* The pointer type must not be const, but nobody writes through it: see writable_error(). */
static entc_error *static_error(void)
{
    return (entc_error *)&memory_is_out;
}

/* The caller's error if it can be written to, NULL if it is missing or the static one. */
static entc_error *writable_error(entc_error **reterr)
{
    return reterr && *reterr != static_error() ? *reterr : NULL;
}

/* Formats through a copy, since the arguments may point into `out` itself. */
static void write_text(char *out, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void write_text(char *out, size_t size, const char *format, va_list arguments)
{
    char text[MESSAGE_SIZE] = "";

    if (vsnprintf(text, size, format, arguments) < 0)
        text[0] = '\0';
    memcpy(out, text, text_one_line(text) + 1);
}

static void write_out_of_memory(entc_error **reterr)
{
    entc_error *error = writable_error(reterr);

    if (error)
        *error = memory_is_out;
    else if (reterr)
        *reterr = static_error();
}

entc_status error_set(entc_error **reterr, entc_status code, const char *domain, const char *format,
                      ...)
{
    entc_error *error = writable_error(reterr);
    va_list arguments;

    if (!reterr)
        return code;
    if (!error)
        error = calloc(1, sizeof(*error));
    if (!error) {
        write_out_of_memory(reterr);
        return code;
    }
    va_start(arguments, format);
    write_text(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    error->code = code;
    error->domain = domain;
    error->hint[0] = '\0';
    error->sqlstate[0] = '\0';
    *reterr = error;
    return code;
}

void error_hint(entc_error **reterr, const char *format, ...)
{
    entc_error *error = writable_error(reterr);
    va_list arguments;

    if (!error)
        return;
    va_start(arguments, format);
    write_text(error->hint, sizeof(error->hint), format, arguments);
    va_end(arguments);
}

void error_sqlstate(entc_error **reterr, const char *sqlstate)
{
    entc_error *error = writable_error(reterr);

    if (!error)
        return;
    error->sqlstate[0] = '\0';
    if (sqlstate && strlen(sqlstate) == SQLSTATE_LENGTH)
        memcpy(error->sqlstate, sqlstate, SQLSTATE_LENGTH + 1);
}

entc_status error_no_memory(entc_error **reterr)
{
    write_out_of_memory(reterr);
    return ENTC_E_NO_MEMORY;
}

entc_status error_copy(entc_error **reterr, const entc_error *from, entc_status code)
{
    entc_error *error = writable_error(reterr);

    if (!from)
        return code;
    if (!reterr || *reterr == from)
        return from->code;
    if (!error && from != static_error())
        error = malloc(sizeof(*error));
    if (error) {
        *error = *from;
        *reterr = error;
    } else {
        *reterr = static_error();
    }
    return from->code;
}

/* ---- what hosts read ---- */

const char *entc_status_name(entc_status status)
{
    static const char *const names[] = {
        "ENTC_OK",          "ENTC_E_INVALID",   "ENTC_E_NO_MEMORY",   "ENTC_E_NOT_FOUND",
        "ENTC_E_TIMEOUT",   "ENTC_E_CANCELLED", "ENTC_E_UNAVAILABLE", "ENTC_E_BUSY",
        "ENTC_E_AGAIN",     "ENTC_E_CLOSED",    "ENTC_E_REENTRANT",   "ENTC_E_FORKED",
        "ENTC_E_SCHEMA",    "ENTC_E_DATABASE",  "ENTC_E_UNSUPPORTED", "ENTC_E_SYSTEM",
        "ENTC_E_FORBIDDEN", "ENTC_E_LIMIT",     "ENTC_E_REFUSED",
    };
    const int64_t index = -(int64_t)status;

    if (index < 0 || index >= (int64_t)(sizeof(names) / sizeof(names[0])) || !names[index])
        return "ENTC_E_?";
    return names[index];
}

void entc_error_free(entc_error *error)
{
    if (error != static_error())
        free(error);
}

entc_status entc_error_code(const entc_error *error)
{
    return error ? error->code : ENTC_OK;
}

const char *entc_error_message(const entc_error *error)
{
    return error ? error->message : "";
}

const char *entc_error_hint(const entc_error *error)
{
    return error ? error->hint : "";
}

const char *entc_error_domain(const entc_error *error)
{
    return error ? error->domain : "";
}

const char *entc_error_sqlstate(const entc_error *error)
{
    return error ? error->sqlstate : "";
}

/* SQLSTATE classes whose cause passes by itself (PostgreSQL, appendix A): 08 connection, 40 rolled
 * back (serialisation, deadlock), 53 resources, 57P the server stops, starts or ended the session.
 */
static bool sqlstate_passes(const char *sqlstate)
{
    static const char *const beginnings[] = {"08", "40", "53", "57P"};

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (strncmp(sqlstate, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

int32_t entc_error_is_retryable(const entc_error *error)
{
    switch (entc_error_code(error)) {
    case ENTC_E_TIMEOUT:
    case ENTC_E_UNAVAILABLE:
    case ENTC_E_BUSY:
        return 1;
    case ENTC_E_DATABASE:
        return sqlstate_passes(error->sqlstate);
    default:
        return 0;
    }
}

/* 57014 is query_canceled, which is also how statement_timeout speaks. */
int32_t entc_error_is_timeout(const entc_error *error)
{
    if (!error)
        return 0;
    return error->code == ENTC_E_TIMEOUT || strcmp(error->sqlstate, "57014") == 0;
}
