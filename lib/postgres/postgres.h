/* postgres: the database port over libpq. Non-blocking, binary results, one dispatch at a time per
 * connection.
 *
 * The only room that includes libpq. Works behind a transaction pooler: no prepared statements, no
 * session state. */
#ifndef ENTC_POSTGRES_H
#define ENTC_POSTGRES_H

#include "engine/engine.h"
#include "observe/observe.h"
#include "ports/ports.h"

struct postgres_config {
    struct engine *engine;
    /* libpq keyword=value or URI; NULL or "": PG* environment alone. Borrowed for the call */
    const char *conninfo;
    uint32_t connections;       /* at most so many, 1 or more */
    int64_t connect_timeout_us; /* for each address of a server, and for looking up its name */
    const struct log *log;      /* lives as long as the engine; may be NULL */
    struct events *events;      /* likewise */
};

/* Reads the connection text together with the PG* variables and the service file
 * (ENTC_E_INVALID says what libpq dislikes, but never a part of a text that holds a password) and
 * connects when the first query comes. Queries beyond the limit of connections wait in order.
 *
 * client_encoding is always UTF8. target_session_attrs is read-write unless the text or
 * PGTARGETSESSIONATTRS says otherwise, or the service file names one other than `any`.
 * application_name is libentitycache where nothing else is said.
 *
 * A name is looked up by a helper thread for each attempt to connect; every address that it has is
 * tried in turn. What libpq itself does between (reading key files, asking a Kerberos server) is
 * not taken from the driver.
 *
 * After a failed attempt submit answers at once with that failure, until the next attempt is due
 * (50 ms to 1 s, full jitter) and has succeeded; while other connections live, only the pool does
 * not grow. */
entc_status postgres_port_new(const struct postgres_config *config, struct db_port **ret_port,
                              entc_error **reterr);

#endif
