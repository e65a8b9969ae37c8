/* Temporary folders of tests, and servers.sh, which knows how to start, stop and remove what is in
 * them. Each folder has a guard: a process that removes it when the test ends without doing so. */
#include "servers.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS 32

void test_fail(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail_msg("%s", text);
    abort();
}

static const char *script_path(void)
{
    static char path[512];
    const char *support = getenv("ENTC_TEST_SUPPORT");
    if (support == NULL)
        test_fail("ENTC_TEST_SUPPORT is not set: run this test by ctest");
    if (snprintf(path, sizeof path, "%s/servers.sh", support) >= (int)sizeof path)
        test_fail("ENTC_TEST_SUPPORT is too long");
    return path;
}

/* Everything before exec is async-signal-safe, because a test may have threads. */
static pid_t spawn(char *const *arguments, int input, int output)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(input >= 0 ? input : null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    execvp(arguments[0], arguments);
    _exit(127);
}

static size_t read_all(int fd, char *text, size_t size)
{
    size_t length = 0;
    for (;;) {
        char rest[256];
        bool is_full = length + 1 >= size;
        ssize_t got =
            is_full ? read(fd, rest, sizeof rest) : read(fd, text + length, size - length - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return length;
        if (!is_full)
            length += (size_t)got;
    }
}

static void run(const char *const *arguments, int input, char *output, size_t size)
{
    char *all[ARGUMENTS + 3] = {(char *)"bash", (char *)script_path()};
    size_t count = 0;
    for (; arguments[count] != NULL; count++) {
        if (count == ARGUMENTS)
            test_fail("too many arguments for servers.sh");
        all[count + 2] = (char *)arguments[count];
    }
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0)
        test_fail("pipe2: %s", strerror(errno));
    pid_t pid = spawn(all, input, pipe_ends[1]);
    close(pipe_ends[1]);
    char text[512];
    size_t length = read_all(pipe_ends[0], text, sizeof text);
    close(pipe_ends[0]);
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        test_fail("servers.sh %s failed", arguments[0]);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    text[length] = '\0';
    if (output != NULL && snprintf(output, size, "%s", text) >= (int)size)
        test_fail("servers.sh %s says too much", arguments[0]);
}

void test_servers_run(const char *const *arguments, char *output, size_t size)
{
    run(arguments, -1, output, size);
}

void test_directory_make(char directory[TEST_DIRECTORY], int *ret_guard)
{
    /* Without the script there would be no guard: better to know before there is a folder. */
    if (access(script_path(), R_OK) != 0)
        test_fail("%s: %s", script_path(), strerror(errno));
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] == '\0')
        parent = P_tmpdir;
    if (snprintf(directory, TEST_DIRECTORY, "%s/entc-XXXXXX", parent) >= TEST_DIRECTORY)
        test_fail("TMPDIR is too long for unix sockets");
    if (mkdtemp(directory) == NULL)
        test_fail("mkdtemp %s: %s", directory, strerror(errno));
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0)
        test_fail("pipe2: %s", strerror(errno));
    run((const char *const[]){"guard", directory, NULL}, pipe_ends[0], NULL, 0);
    close(pipe_ends[0]);
    *ret_guard = pipe_ends[1];
}

void test_directory_remove(char directory[TEST_DIRECTORY], int *guard)
{
    if (directory[0] == '\0')
        return;
    run((const char *const[]){"remove", directory, NULL}, -1, NULL, 0);
    close(*guard);
    *guard = -1;
    directory[0] = '\0';
}
