/* What an SQLSTATE says, in words (PostgreSQL's appendix A): for messages that must not hold the
 * server's own text, because that may quote rows. Only constants come from here. */
#include "postgres/internal.h"

struct condition {
    const char *sqlstate; /* what it begins with: two characters are a class */
    const char *words;
};

/* Whole codes stand before their class: those that reading rows can meet. */
static const struct condition conditions[] = {
    {"21000", "cardinality violation"},
    {"22001", "string data right truncation"},
    {"22003", "numeric value out of range"},
    {"22007", "invalid datetime format"},
    {"22008", "datetime field overflow"},
    {"22012", "division by zero"},
    {"22021", "character not in repertoire"},
    {"22023", "invalid parameter value"},
    {"22P02", "invalid text representation"},
    {"22P05", "untranslatable character"},
    {"40001", "serialization failure"},
    {"40P01", "deadlock detected"},
    {"42501", "insufficient privilege"},
    {"53200", "out of memory"},
    {"53300", "too many connections"},
    {"55P03", "lock not available"},
    {"57014", "query canceled"},
    {"57P01", "admin shutdown"},
    {"57P02", "crash shutdown"},
    {"P0001", "raise exception"},
    {"08", "connection exception"},
    {"0A", "feature not supported"},
    {"21", "cardinality violation"},
    {"22", "data exception"},
    {"23", "integrity constraint violation"},
    {"25", "invalid transaction state"},
    {"28", "invalid authorization"},
    {"40", "transaction rollback"},
    {"42", "syntax error or access rule violation"},
    {"53", "insufficient resources"},
    {"54", "program limit exceeded"},
    {"55", "object not in prerequisite state"},
    {"57", "operator intervention"},
    {"58", "system error"},
    {"HV", "foreign data wrapper error"},
    {"P0", "PL/pgSQL error"},
    {"XX", "internal error"},
    {"", "error"},
};

const char *postgres_condition_of(const char *sqlstate)
{
    const struct condition *condition = conditions;

    while (strncmp(sqlstate, condition->sqlstate, strlen(condition->sqlstate)) != 0)
        condition++;
    return condition->words;
}
