/* Feeds a target every file of the corpora that are named on the command line. It is linked where
 * libFuzzer is not. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    uint8_t *bytes = NULL;
    size_t length = 0;

    if (!file || fstat(fileno(file), &info) != 0) {
        perror(path);
        exit(2);
    }
    /* Just that size, so that a read behind the end is found. */
    bytes = malloc(info.st_size > 0 ? (size_t)info.st_size : 1);
    FUZZ_CHECK(bytes != NULL);
    length = fread(bytes, 1, (size_t)info.st_size, file);
    fclose(file);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(bytes, length);
    free(bytes);
    return 1;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_input, alphasort);

    if (count < 0) {
        perror(folder);
        exit(2);
    }
    for (int i = 0; i < count; i++) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        replay_file(path);
        free(entries[i]);
    }
    free(entries);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        struct stat info;

        if (stat(argv[i], &info) != 0) {
            perror(argv[i]);
            return 2;
        }
        count += S_ISDIR(info.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);
    }
    printf("%d inputs\n", count);
    return count == 0;
}
