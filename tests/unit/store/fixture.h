/*
 * A folder with a store for each test of the store, and short words for what is done to it.
 * Included by tests only.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/core/check.h"
#include "store/store_priv.h"

static char dir[] = "/tmp/sb-store-XXXXXX";
static char path[sizeof(dir) + 16];

static inline int setup(void **state)
{
    (void)state;
    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/store.db", dir);
    return 0;
}

/* All files in the folder; tests make no folders that they do not remove. */
static inline void remove_store(void)
{
    struct dirent *d;
    DIR *all = opendir(dir);

    assert_non_null(all);
    while ((d = readdir(all)) != NULL)
        if (d->d_name[0] != '.')
            unlinkat(dirfd(all), d->d_name, 0);
    closedir(all);
}

static inline int teardown(void **state)
{
    (void)state;
    chmod(dir, 0700);
    remove_store();
    return rmdir(dir);
}

static inline struct store *open_store(void)
{
    struct err e = {0};
    struct store *s = store_open(path, &e);

    if (s == NULL)
        fail_msg("%s: %s", e.code, e.text);
    return s;
}

static inline void open_fails(const char *code, const char *word)
{
    struct err e = {0};

    assert_null(store_open(path, &e));
    assert_string_equal(e.code, code);
    if (strstr(e.text, word) == NULL)
        fail_msg("no \"%s\" in: %s", word, e.text);
}

static inline uint64_t commit(struct store *s, const struct store_change *changes, size_t num)
{
    struct err e = {0};
    uint64_t number = 0;

    if (!store_commit(s, changes, num, "labels", "test", &number, &e))
        fail_msg("%s: %s", e.code, e.text);
    return number;
}

static inline uint64_t set(struct store *s, const char *cluster, const char *name,
                           const char *value)
{
    struct store_change c = {cluster, "pool", name, value};

    return commit(s, &c, 1);
}

static inline void write_at(off_t offset, const char *bytes, size_t n)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, offset), n);
    close(fd);
}

/* Runs fn in a child; its result is the child's exit status. */
static inline int in_child(int (*fn)(void))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(fn());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#endif
