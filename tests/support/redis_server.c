/* A private Redis for a test: a child process of the test, so that signals stop and freeze it
 * exactly when the test says so. */
#include "servers.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_SECONDS 20
#define STOP_SECONDS 10
#define POLL_MS 5

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Another answer than PONG counts too when it shows a server that works, such as one with a
 * password. */
static bool answers(const struct test_redis *redis)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, redis->socket_path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    char reply[8] = {0};
    bool is_ready = false;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        write(fd, "PING\r\n", 6) == 6) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 1000) == 1 && read(fd, reply, sizeof reply - 1) >= 5)
            is_ready = strncmp(reply, "+PONG", 5) == 0 || strncmp(reply, "-NOAUTH", 7) == 0;
    }
    close(fd);
    return is_ready;
}

static bool has_ended(struct test_redis *redis)
{
    if (waitpid(redis->pid, NULL, WNOHANG) != redis->pid)
        return false;
    redis->pid = 0;
    return true;
}

/* In the child; async-signal-safe. */
static void become_redis(char *const *arguments, int log, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execvp(arguments[0], arguments);
    _exit(127);
}

static void launch(struct test_redis *redis)
{
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)redis->tcp_port);
    const char *arguments[16 + TEST_REDIS_ARGUMENTS + 1] = {"redis-server",
                                                            "--port",
                                                            port,
                                                            "--bind",
                                                            "127.0.0.1",
                                                            "--unixsocket",
                                                            redis->socket_path,
                                                            "--dir",
                                                            redis->directory,
                                                            "--save",
                                                            "",
                                                            "--appendonly",
                                                            "no",
                                                            "--daemonize",
                                                            "no"};
    memcpy(arguments + 15, redis->extra, sizeof redis->extra);
    char log_path[TEST_DIRECTORY + 16];
    snprintf(log_path, sizeof log_path, "%s/redis.log", redis->directory);
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
        test_fail("%s: %s", log_path, strerror(errno));
    pid_t parent = getpid();
    redis->pid = fork();
    if (redis->pid == 0)
        become_redis((char *const *)arguments, log, parent);
    close(log);
    if (redis->pid < 0)
        test_fail("fork: %s", strerror(errno));
    int64_t end = now_ms() + START_SECONDS * 1000;
    while (!answers(redis)) {
        if (has_ended(redis))
            test_fail("redis-server is not installed or ended at once; see %s", log_path);
        if (now_ms() > end)
            test_fail("redis-server does not answer; see %s", log_path);
        poll(NULL, 0, POLL_MS);
    }
}

static void start(struct test_redis *redis, const char *const *extra, uint16_t tcp_port)
{
    memset(redis, 0, sizeof *redis);
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        if (i == TEST_REDIS_ARGUMENTS)
            test_fail("too many arguments for redis-server");
        redis->extra[i] = extra[i];
    }
    test_directory_make(redis->directory, &redis->guard);
    snprintf(redis->socket_path, sizeof redis->socket_path, "%s/redis.sock", redis->directory);
    snprintf(redis->uri, sizeof redis->uri, "unix://%s", redis->socket_path);
    redis->tcp_port = tcp_port;
    if (tcp_port != 0)
        snprintf(redis->tcp_uri, sizeof redis->tcp_uri, "redis://127.0.0.1:%u/0",
                 (unsigned)tcp_port);
    launch(redis);
}

void test_redis_start(struct test_redis *redis, const char *const *extra)
{
    start(redis, extra, 0);
}

/* The port is free when asked; Redis dies at once, and the test with it, should another take it. */
void test_redis_start_tcp(struct test_redis *redis, const char *const *extra)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, length) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        test_fail("no free port on 127.0.0.1: %s", strerror(errno));
    close(fd);
    start(redis, extra, ntohs(address.sin_port));
}

static void end(struct test_redis *redis, int sign)
{
    if (redis->pid == 0)
        return;
    kill(redis->pid, sign);
    kill(redis->pid, SIGCONT);
    int64_t deadline = now_ms() + STOP_SECONDS * 1000;
    while (!has_ended(redis)) {
        if (now_ms() > deadline)
            kill(redis->pid, SIGKILL);
        poll(NULL, 0, POLL_MS);
    }
}

void test_redis_stop(struct test_redis *redis)
{
    end(redis, SIGTERM);
    test_directory_remove(redis->directory, &redis->guard);
}

void test_redis_kill(struct test_redis *redis)
{
    end(redis, SIGKILL);
}

void test_redis_restart(struct test_redis *redis)
{
    test_redis_kill(redis);
    unlink(redis->socket_path);
    launch(redis);
}

void test_redis_pause(struct test_redis *redis)
{
    if (redis->pid == 0 || kill(redis->pid, SIGSTOP) != 0)
        test_fail("Redis does not run");
    /* Only when the kernel reports the stop is it sure that no more replies come. */
    int status = 0;
    if (waitpid(redis->pid, &status, WUNTRACED) != redis->pid || !WIFSTOPPED(status))
        test_fail("Redis did not stop");
}

void test_redis_resume(struct test_redis *redis)
{
    if (redis->pid == 0 || kill(redis->pid, SIGCONT) != 0)
        test_fail("Redis does not run");
}

static redisReply *run(struct test_redis *redis, const char *format, va_list arguments)
{
    struct timeval patience = {.tv_sec = START_SECONDS};
    redisContext *context = redisConnectUnixWithTimeout(redis->socket_path, patience);
    if (context == NULL || context->err != 0)
        test_fail("cannot connect to %s", redis->socket_path);
    redisSetTimeout(context, patience);
    redisReply *reply = redisvCommand(context, format, arguments);
    if (reply == NULL)
        test_fail("Redis does not answer '%s': %s", format, context->errstr);
    redisFree(context);
    return reply;
}

redisReply *test_redis_command(struct test_redis *redis, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = run(redis, format, arguments);
    va_end(arguments);
    return reply;
}

char *test_redis_text(struct test_redis *redis, const char *key)
{
    redisReply *reply = test_redis_command(redis, "GET %s", key);
    char *text = NULL;
    if (reply->type == REDIS_REPLY_STRING)
        text = strndup(reply->str, (size_t)reply->len);
    else if (reply->type != REDIS_REPLY_NIL)
        test_fail("GET %s: %s", key, reply->str != NULL ? reply->str : "neither string nor nil");
    freeReplyObject(reply);
    return text;
}

int64_t test_redis_integer(struct test_redis *redis, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = run(redis, format, arguments);
    va_end(arguments);
    if (reply->type != REDIS_REPLY_INTEGER)
        test_fail("'%s' replies no integer: %s", format, reply->str != NULL ? reply->str : "");
    int64_t number = reply->integer;
    freeReplyObject(reply);
    return number;
}

int64_t test_redis_calls(struct test_redis *redis, const char *command)
{
    redisReply *reply = test_redis_command(redis, "INFO commandstats");
    if (reply->type != REDIS_REPLY_STRING)
        test_fail("INFO commandstats: no text");
    char wanted[64];
    snprintf(wanted, sizeof wanted, "cmdstat_%s:calls=", command);
    const char *found = strstr(reply->str, wanted);
    int64_t calls = found == NULL ? 0 : strtoll(found + strlen(wanted), NULL, 10);
    freeReplyObject(reply);
    return calls;
}
