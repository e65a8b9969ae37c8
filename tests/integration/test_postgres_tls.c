/* Proves that answers come whole through TLS, where libpq holds bytes that no socket announces, and
 * that a connection is made which libpq tries first without TLS and then, on another socket, with
 * it. */
#include "postgres_rig.h"
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS 20000

static const entc_field fields[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY),
                                    RIG_FIELD("title", ENTC_TEXT, 0)};

static struct test_postgres server;
static entc_value ids[ROWS];
static int tcp_port;

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void restart_server(void)
{
    test_postgres_restart(&server);
    snprintf(server.conninfo, sizeof(server.conninfo),
             "host=%s port=%d user=postgres dbname=postgres", server.directory, tcp_port);
}

/* PostgreSQL wants the key to be its own. */
static void give_to_server(const char *path)
{
    struct stat owner;

    assert_int_equal(stat(server.directory, &owner), 0);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chown(path, owner.st_uid, owner.st_gid), 0);
}

static void make_certificate(const char *key, const char *certificate)
{
    const char *const arguments[] = {
        "openssl", "req",   "-x509", "-newkey", "rsa:2048", "-nodes", "-batch",    "-subj",
        "/CN=x",   "-days", "1",     "-keyout", key,        "-out",   certificate, NULL,
    };
    posix_spawn_file_actions_t silence;
    pid_t child = 0;
    int status = 0;

    posix_spawn_file_actions_init(&silence);
    posix_spawn_file_actions_addopen(&silence, 2, "/dev/null", O_WRONLY, 0);
    assert_int_equal(posix_spawnp(&child, "openssl", &silence, NULL,
                                  (char *const *)(uintptr_t)arguments, environ),
                     0);
    posix_spawn_file_actions_destroy(&silence);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    give_to_server(key);
    give_to_server(certificate);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    give_to_server(path);
}

static void set_file(const char *name, const char *file, char path[160])
{
    char sql[300];

    snprintf(path, 160, "%s/%s", server.directory, file);
    snprintf(sql, sizeof(sql), "ALTER SYSTEM SET %s = '%s'", name, path);
    test_postgres_sql(&server, sql);
}

static int start(void **state)
{
    char port[32];
    const char *settings[] = {"listen_addresses=127.0.0.1", port, NULL};
    char key[160];
    char certificate[160];
    char access[160];

    (void)state;
    tcp_port = free_port();
    snprintf(port, sizeof(port), "port=%d", tcp_port);
    test_postgres_start(&server, settings);
    snprintf(server.conninfo, sizeof(server.conninfo),
             "host=%s port=%d user=postgres dbname=postgres", server.directory, tcp_port);
    set_file("ssl_key_file", "server.key", key);
    set_file("ssl_cert_file", "server.crt", certificate);
    set_file("hba_file", "access.conf", access);
    make_certificate(key, certificate);
    write_file(access, "local all all trust\nhostssl all all 127.0.0.1/32 trust\n");
    test_postgres_sql(&server, "ALTER SYSTEM SET ssl = on");
    test_postgres_sql(&server, "CREATE TABLE things (id int8 PRIMARY KEY, title text NOT NULL);"
                               "INSERT INTO things SELECT i, repeat('x', 100) FROM"
                               " generate_series(1, 20000) i");
    restart_server();
    for (int64_t i = 0; i < ROWS; i++) {
        ids[i].type = ENTC_INT64;
        ids[i].as.int64 = i + 1;
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_postgres_drop(&server);
    return 0;
}

static void must_answer(struct postgres_rig *rig, const struct schema_model *model, size_t count)
{
    struct ask ask;

    ask_init(&ask, rig, DB_BY_IDS, model);
    ask_ids(&ask, ids, count);
    if (ask_run(&ask) != ENTC_OK)
        test_fail("%s", ask.message);
    assert_int_equal(ask.entity_count, count);
    ask_fini(&ask);
}

static void run_with(const char *mode)
{
    struct schema_model *model = postgres_rig_model(NULL, "things", fields, 2);
    struct postgres_rig rig;
    char conninfo[200];

    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=%s", tcp_port, mode);
    postgres_rig_open(&rig, conninfo, 1);
    for (size_t count = 1; count <= ROWS; count += count / 3 + 1)
        must_answer(&rig, model, count);
    assert_int_equal(test_postgres_integer(&server,
                                           "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity"
                                           " USING (pid) WHERE ssl AND application_name ="
                                           " 'libentitycache'"),
                     1);
    restart_server();
    must_answer(&rig, model, 10);
    assert_int_equal(rig.lines[ENTC_LOG_WARNING], 0);
    postgres_rig_model_free(model);
    postgres_rig_close(&rig);
}

static void answers_of_any_size_come_whole_through_tls(void **state)
{
    (void)state;
    run_with("require");
}

static void a_second_socket_of_one_attempt_is_watched_like_the_first(void **state)
{
    (void)state;
    run_with("allow");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_any_size_come_whole_through_tls),
        cmocka_unit_test(a_second_socket_of_one_attempt_is_watched_like_the_first),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
