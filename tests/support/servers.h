/* Real servers for tests: private Redis and PostgreSQL processes that end with the test.
 *
 * Every function fails the cmocka test when something is missing or goes wrong: a test never passes
 * because a server was not there. Servers listen on unix sockets in a temporary folder, which is
 * removed, with what runs in it, when they are stopped, and also when the test dies. */
#ifndef ENTC_TEST_SERVERS_H
#define ENTC_TEST_SERVERS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Longest name of a temporary folder, with the NUL: a socket's name has to fit behind it. */
#define TEST_DIRECTORY 90

/* ---- Redis ---- */

#define TEST_REDIS_ARGUMENTS 16

struct test_redis {
    char directory[TEST_DIRECTORY];
    char socket_path[108];
    char uri[160];     /* unix://... */
    char tcp_uri[64];  /* redis://127.0.0.1:port/0; "" unless test_redis_start_tcp() made it */
    uint16_t tcp_port; /* 0: only the unix socket */
    pid_t pid;         /* 0 while it does not run */
    int guard;         /* of test_directory_make() */
    const char *extra[TEST_REDIS_ARGUMENTS + 1];
};

/* Starts a Redis and waits until it answers. `extra` (may be NULL) ends with NULL: more arguments
 * of redis-server, such as "--maxmemory", "1mb"; its texts must live until the stop. The server
 * dies with the thread that started it. */
void test_redis_start(struct test_redis *redis, const char *const *extra);
/* The same, and it listens on a free port of 127.0.0.1 as well. */
void test_redis_start_tcp(struct test_redis *redis, const char *const *extra);
/* Stops it, if it runs, and removes its folder. Accepts a zeroed struct and a second call. */
void test_redis_stop(struct test_redis *redis);
/* SIGKILL; the folder stays, and so does the dead socket. */
void test_redis_kill(struct test_redis *redis);
/* Starts it again, empty, on the same socket and port; kills it first if it runs. */
void test_redis_restart(struct test_redis *redis);
/* SIGSTOP and SIGCONT: the kernel goes on to accept connections and bytes for it. */
void test_redis_pause(struct test_redis *redis);
void test_redis_resume(struct test_redis *redis);

/* Runs a command (hiredis' format) on a connection of its own. The reply, which may be an error
 * reply, is the caller's: freeReplyObject(). */
redisReply *test_redis_command(struct test_redis *redis, const char *format, ...);
/* The text of a string reply, in memory of malloc(); NULL for nil. */
char *test_redis_text(struct test_redis *redis, const char *key);
/* The integer that a command replies. */
int64_t test_redis_integer(struct test_redis *redis, const char *format, ...);
/* How often a command (lower case, such as "mget") ran since the start, or since
 * `CONFIG RESETSTAT`. */
int64_t test_redis_calls(struct test_redis *redis, const char *command);

/* ---- PostgreSQL ---- */

struct test_postgres {
    char directory[TEST_DIRECTORY]; /* of the server's socket, data and log */
    char conninfo[256];
    char database[64];
    bool is_shared; /* the server is the fixture's, only the database is ours */
    int guard;      /* of test_directory_make(); own servers only */
};

/* Makes a database of its own on the server that the ctest fixture `postgres` runs. Milliseconds.
 */
void test_postgres_shared(struct test_postgres *postgres);
/* Starts a server of its own, for tests that stop or kill it. About a second. `settings` (may be
 * NULL) ends with NULL: "name=value" of postgresql.conf. */
void test_postgres_start(struct test_postgres *postgres, const char *const *settings);
/* Drops the shared server's database, or stops the own server and removes its folder. Accepts a
 * zeroed struct and a second call. */
void test_postgres_drop(struct test_postgres *postgres);
/* Own servers only. `mode`: "fast", "immediate" (backends are told to quit at once) or "kill"
 * (SIGKILL). The data stay. */
void test_postgres_stop(struct test_postgres *postgres, const char *mode);
/* Starts it again on the same socket; stops it first if it runs. */
void test_postgres_restart(struct test_postgres *postgres);

/* Runs SQL, several statements if need be. */
void test_postgres_sql(struct test_postgres *postgres, const char *sql);
/* First cell of the result, in memory of malloc(); NULL for NULL and for no row. */
char *test_postgres_text(struct test_postgres *postgres, const char *sql);
int64_t test_postgres_integer(struct test_postgres *postgres, const char *sql);
/* How many statements the server has begun for this database whose first line contains `text` (""
 * for all), but for those of the functions above. Read from its log, so it is true as soon as the
 * statement answers. */
size_t test_postgres_statements(struct test_postgres *postgres, const char *text);

/* ---- both ---- */

/* Makes a temporary folder that is removed, with the servers in it, when the test dies: the guard
 * is the end of a pipe whose other end a process holds that waits for its closing. */
void test_directory_make(char directory[TEST_DIRECTORY], int *ret_guard);
/* Stops servers in it and removes it now. Accepts "" and a second call. */
void test_directory_remove(char directory[TEST_DIRECTORY], int *guard);
/* Runs servers.sh with these arguments (the last is NULL) and copies what it prints, without the
 * final newline, to `output` (may be NULL). */
void test_servers_run(const char *const *arguments, char *output, size_t size);

#endif
