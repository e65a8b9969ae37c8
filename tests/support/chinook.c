/* Loads Chinook. Its file makes a database of its own, by commands of psql that stand in lines of
 * their own; they are left out, and the rest is plain SQL. */
#include "chinook.h"
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

static bool is_of_the_database(const char *line)
{
    return begins(line, "DROP DATABASE ") || begins(line, "CREATE DATABASE ") ||
           begins(line, "\\c ");
}

static FILE *open_file(void)
{
    const char *support = getenv("ENTC_TEST_SUPPORT");
    char path[4096];
    FILE *file = NULL;

    if (support == NULL)
        test_fail("ENTC_TEST_SUPPORT is not set");
    snprintf(path, sizeof(path), "%s/../../examples/data/chinook/Chinook_PostgreSql_SerialPKs.sql",
             support);
    file = fopen(path, "r");
    if (file == NULL)
        test_fail("%s: %s", path, strerror(errno));
    return file;
}

void test_chinook_load(struct test_postgres *postgres)
{
    FILE *file = open_file();
    char *sql = NULL;
    size_t length = 0;
    FILE *text = open_memstream(&sql, &length);
    char *line = NULL;
    size_t size = 0;

    assert_non_null(text);
    while (getline(&line, &size, file) >= 0)
        if (!is_of_the_database(line))
            fputs(line, text);
    assert_int_equal(fclose(text), 0);
    fclose(file);
    test_postgres_sql(postgres, sql);
    free(line);
    free(sql);
}
