/* PostgreSQL for a test: a database of its own on the fixture's server, or a server of its own. */
#include "servers.h"
#include "test.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Marks the helpers' own connections in the server's log. */
#define OWN_NAME "entc-test"

static PGconn *connect_to(const char *conninfo)
{
    char text[320];
    snprintf(text, sizeof text, "%s application_name=" OWN_NAME " connect_timeout=20", conninfo);
    PGconn *connection = PQconnectdb(text);
    if (PQstatus(connection) != CONNECTION_OK)
        test_fail("PostgreSQL: %s", PQerrorMessage(connection));
    /* Notices, such as those of DROP IF EXISTS, are no news. */
    PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
    return connection;
}

static PGresult *query(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        test_fail("PostgreSQL: %s\n%.500s", PQerrorMessage(connection), sql);
    return result;
}

static void run_on(const char *conninfo, const char *sql)
{
    PGconn *connection = connect_to(conninfo);
    PQclear(query(connection, sql));
    PQfinish(connection);
}

/* Where the fixture's server is: the connection text without its database. */
static void read_state(char *conninfo, size_t size)
{
    const char *state = getenv("ENTC_TEST_STATE");
    if (state == NULL)
        test_fail("ENTC_TEST_STATE is not set: run this test by ctest");
    char path[512];
    snprintf(path, sizeof path, "%s/postgres.conninfo", state);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        test_fail("%s: %s; the fixture `postgres` has not run", path, strerror(errno));
    if (fgets(conninfo, (int)size, file) == NULL)
        test_fail("%s is empty", path);
    fclose(file);
    char *database = strstr(conninfo, " dbname=");
    if (database == NULL)
        test_fail("%s names no database", path);
    *database = '\0';
}

void test_postgres_shared(struct test_postgres *postgres)
{
    static unsigned made;
    char server[160];
    memset(postgres, 0, sizeof *postgres);
    postgres->is_shared = true;
    read_state(server, sizeof server);
    if (sscanf(server, "host=%89s", postgres->directory) != 1)
        test_fail("'%s' names no host", server);
    snprintf(postgres->database, sizeof postgres->database, "test_%ld_%u", (long)getpid(), ++made);
    snprintf(postgres->conninfo, sizeof postgres->conninfo, "%s dbname=postgres", server);
    char sql[128];
    snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE template0", postgres->database);
    run_on(postgres->conninfo, sql);
    snprintf(postgres->conninfo, sizeof postgres->conninfo, "%s dbname=%s", server,
             postgres->database);
}

static void launch(struct test_postgres *postgres, const char *const *settings)
{
    const char *arguments[24] = {"postgres-start", postgres->directory, "log_statement=all",
                                 "log_line_prefix=%d|%a|", "log_parameter_max_length=0"};
    for (size_t i = 0; settings != NULL && settings[i] != NULL; i++) {
        if (5 + i + 1 == sizeof arguments / sizeof arguments[0])
            test_fail("too many settings for PostgreSQL");
        arguments[5 + i] = settings[i];
    }
    test_servers_run(arguments, postgres->conninfo, sizeof postgres->conninfo);
}

void test_postgres_start(struct test_postgres *postgres, const char *const *settings)
{
    memset(postgres, 0, sizeof *postgres);
    snprintf(postgres->database, sizeof postgres->database, "postgres");
    test_directory_make(postgres->directory, &postgres->guard);
    launch(postgres, settings);
}

void test_postgres_drop(struct test_postgres *postgres)
{
    if (postgres->database[0] == '\0')
        return;
    if (postgres->is_shared) {
        char server[160];
        char sql[128];
        read_state(server, sizeof server - sizeof " dbname=postgres");
        strcat(server, " dbname=postgres");
        snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", postgres->database);
        run_on(server, sql);
    } else {
        test_directory_remove(postgres->directory, &postgres->guard);
    }
    memset(postgres, 0, sizeof *postgres);
}

void test_postgres_stop(struct test_postgres *postgres, const char *mode)
{
    if (postgres->is_shared)
        test_fail("the shared PostgreSQL must not be stopped: use test_postgres_start()");
    test_servers_run((const char *const[]){"postgres-stop", postgres->directory, mode, NULL}, NULL,
                     0);
}

void test_postgres_restart(struct test_postgres *postgres)
{
    test_postgres_stop(postgres, "fast");
    launch(postgres, NULL);
}

void test_postgres_sql(struct test_postgres *postgres, const char *sql)
{
    run_on(postgres->conninfo, sql);
}

char *test_postgres_text(struct test_postgres *postgres, const char *sql)
{
    PGconn *connection = connect_to(postgres->conninfo);
    PGresult *result = query(connection, sql);
    char *text = NULL;
    if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
        text = strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(connection);
    return text;
}

int64_t test_postgres_integer(struct test_postgres *postgres, const char *sql)
{
    char *text = test_postgres_text(postgres, sql);
    char *end = text;
    int64_t number = text == NULL ? 0 : strtoll(text, &end, 10);
    if (text == NULL || *text == '\0' || *end != '\0')
        test_fail("'%s' gives no integer", sql);
    free(text);
    return number;
}

/* A line begins with `database|application|`, as log_line_prefix says. */
static bool is_statement(const char *line, const char *database, const char *text)
{
    size_t length = strlen(database);
    if (strncmp(line, database, length) != 0 || line[length] != '|')
        return false;
    const char *application = line + length + 1;
    if (strncmp(application, OWN_NAME "|", strlen(OWN_NAME "|")) == 0)
        return false;
    const char *statement = strstr(application, "|LOG:  statement: ");
    if (statement == NULL)
        statement = strstr(application, "|LOG:  execute ");
    return statement != NULL && strstr(statement, text) != NULL;
}

size_t test_postgres_statements(struct test_postgres *postgres, const char *text)
{
    char path[TEST_DIRECTORY + 16];
    snprintf(path, sizeof path, "%s/postgres.log", postgres->directory);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        test_fail("%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    size_t count = 0;
    while (getline(&line, &size, file) >= 0)
        count += is_statement(line, postgres->database, text);
    free(line);
    fclose(file);
    return count;
}
