/*
 * Runs a fuzz target over files and folders of files named on the command line: the corpus as a
 * plain test, in builds without libFuzzer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "gateway/core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long num_run;

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *bytes = NULL;
    size_t len = 0;
    size_t cap = 0;

    if (f == NULL) {
        perror(path);
        return 1;
    }
    for (;;) {
        if (len == cap) {
            cap = cap != 0 ? cap * 2 : 4096;
            bytes = xrealloc(bytes, cap);
        }
        size_t n = fread(bytes + len, 1, cap - len, f);

        if (n == 0)
            break;
        len += n;
    }
    fclose(f);
    /* An exact copy, so that a sanitizer sees a read past the end. */
    uint8_t *exact = (uint8_t *)xmemdup0(bytes, len);

    exact = xrealloc(exact, len != 0 ? len : 1);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    free(bytes);
    num_run++;
    return 0;
}

static int run_path(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode))
        return run_file(path);
    DIR *d = opendir(path);
    struct dirent *entry;
    int rc = 0;

    if (d == NULL) {
        perror(path);
        return 1;
    }
    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        char *sub = xasprintf("%s/%s", path, entry->d_name);

        rc |= run_path(sub);
        free(sub);
    }
    closedir(d);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = 0;

    for (int i = 1; i < argc; i++)
        rc |= run_path(argv[i]);
    printf("%lu inputs\n", num_run);
    return num_run == 0 ? 1 : rc;
}
