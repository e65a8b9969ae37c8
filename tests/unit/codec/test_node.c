/* Proves with Node, where it is installed, that JSON.parse reads what we write, and that
 * JSON.stringify writes the same bytes again: but for integers that no double holds, for -0, and
 * for the white space and repeated members that a JSON field may have. */
#include "kinds.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 2000

/* One entity a line; `s` or `k` before it says which kind. The answer is 0 when all is well. */
static const char script[] =
    "let count = 0;"
    "for (const line of require('fs').readFileSync(process.argv[1], 'utf8').split('\\n')) {"
    "  if (!line) continue;"
    "  const text = line.slice(1), read = JSON.parse(text);"
    "  count++;"
    "  const odd = /:-?\\d{16,}[,}]/.test(text) || /:-0[,}]/.test(text);"
    "  const bad = (why) => { console.error(why + ': ' + text); process.exit(1); };"
    "  if (line[0] === 's') {"
    "    if (!odd && JSON.stringify(read) !== text) bad('other bytes');"
    "    const at = new Date(read.at);"
    "    if (!read.at.endsWith('infinity') && at.toISOString().slice(0, 23) !== read.at.slice(0, 23))"
    "      bad('another time');"
    "    continue;"
    "  }"
    "  const data = read['da\"ta\\n'];"
    "  if (Buffer.from(data, 'base64').toString('base64') !== data) bad('other base64');"
    "  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(read.id)) bad('no UUID');"
    "  if (typeof read.big !== 'string' || String(BigInt(read.big)) !== read.big) bad('big');"
    "  if (/^\\d{4}-/.test(read.day) && new Date(read.day).toISOString().slice(0, 10) !== read.day)"
    "    bad('another day');"
    "  if (!('K\\u00f6rper' in read)) bad('no JSON');"
    "}"
    "if (count !== 4000) { console.error(count + ' lines'); process.exit(1); }";

static void write_line(FILE *file, char kind, struct entc_entity *entity, struct buffer *buffer)
{
    buffer_clear(buffer);
    buffer_append_char(buffer, kind);
    assert_int_equal(codec_encode(entity, buffer), CODEC_OK);
    /* A JSON field may hold line ends; elsewhere they are escaped. */
    for (size_t i = 0; i < buffer->length; i++) {
        if (buffer->bytes[i] == '\n' || buffer->bytes[i] == '\r')
            buffer->bytes[i] = ' ';
    }
    buffer_append_char(buffer, '\n');
    assert_int_equal(fwrite(buffer->bytes, 1, buffer->length, file), buffer->length);
    entity_unref(entity);
}

static void write_samples(FILE *file)
{
    struct sample_kit samples;
    struct sample_kit kinds;
    struct random random;
    struct buffer buffer;

    sample_init(&samples, NULL);
    kinds_init(&kinds);
    sample_seed(&random);
    buffer_init(&buffer, base_default_allocator());
    for (int i = 0; i < ROUNDS; i++) {
        write_line(file, 's', sample_random(&samples, &random), &buffer);
        write_line(file, 'k', kinds_random(&kinds, &random), &buffer);
    }
    buffer_fini(&buffer);
    sample_fini(&samples);
    sample_fini(&kinds);
}

static void node_reads_what_we_write_and_writes_the_same_bytes(void **state)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    FILE *file = NULL;
    int descriptor = -1;
    int status = -1;
    pid_t child;

    (void)state;
    snprintf(path, sizeof(path), "%s/entc-node-XXXXXX", folder ? folder : P_tmpdir);
    descriptor = mkstemp(path);
    file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    assert_non_null(file);
    write_samples(file);
    assert_int_equal(fclose(file), 0);
    child = fork();
    if (child == 0) {
        execlp("node", "node", "-e", script, path, (char *)NULL);
        _exit(127);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        fail_msg("there is no node: run tests/support/packages.sh test");
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_reads_what_we_write_and_writes_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
