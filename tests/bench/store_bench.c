/*
 * What the store takes: `store_bench [FILE]` commits small documents in batches of 1, 50 and of
 * what has come meanwhile (500 a second offered), on the disk of FILE (default: one in the working
 * directory, removed afterwards), and prints commits a second and how long a batch takes. One fsync
 * a batch: the disk decides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "store/store.h"

enum { BATCH_MAX = 1024, NAMES = 1000, RUN_MS = 5000, OFFERED = 500 };

static struct store_doc_change docs[BATCH_MAX];
static struct store_commit_rq rqs[BATCH_MAX];
static char names[BATCH_MAX][16];
static char values[BATCH_MAX][160];

static int64_t took_us[1 << 16];
static size_t num_took;

static void fill(uint64_t first, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        uint64_t n = first + i;

        snprintf(names[i], sizeof(names[i]), "r%llu", (unsigned long long)(n % NAMES));
        snprintf(values[i], sizeof(values[i]),
                 "{\"cluster\":\"east\",\"forward\":[{\"pool\":\"web\",\"weight\":%llu}],"
                 "\"hosts\":[\"h%llu.example\"],\"path\":\"/\"}",
                 (unsigned long long)n, (unsigned long long)(n % NAMES));
        docs[i] = (struct store_doc_change){"acme", "route", names[i], values[i], 1};
        rqs[i] = (struct store_commit_rq){.docs = &docs[i],
                                          .num_docs = 1,
                                          .author = "token t1 (acme)",
                                          .cause = "PUT /v1/tenants/acme/routes/web",
                                          .tenant = "acme",
                                          .diff_json = values[i]};
    }
}

static void commit(struct store *s, size_t num)
{
    int64_t begun = clock_mono_us();
    struct err e = {0};

    fill(store_head(s), num);
    if (!store_commit_batch(s, rqs, num, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    if (num_took < sizeof(took_us) / sizeof(took_us[0]))
        took_us[num_took++] = clock_mono_us() - begun;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void say(const char *what, uint64_t num, int64_t ms)
{
    size_t last = num_took * 99 / 100;
    size_t half = num_took / 2;

    qsort(took_us, num_took, sizeof(took_us[0]), by_size);
    int64_t middle = took_us[half];
    int64_t late = took_us[last];

    printf("%s: %.0f commits/s in %.0f batches/s; a batch takes %.1f ms (median), %.1f ms (p99)\n",
           what, (double)num * 1000.0 / (double)ms, (double)num_took * 1000.0 / (double)ms,
           (double)middle / 1000.0, (double)late / 1000.0);
    num_took = 0;
}

static void fixed(struct store *s, const char *what, size_t num)
{
    int64_t begun = clock_mono_ms();
    uint64_t before = store_head(s);

    while (clock_mono_ms() - begun < RUN_MS)
        commit(s, num);
    say(what, store_head(s) - before, clock_mono_ms() - begun);
}

/* As group commit does: whatever has come while the last batch was written. */
static void offered(struct store *s)
{
    int64_t begun = clock_mono_ms();
    uint64_t before = store_head(s);

    for (int64_t now = begun; now - begun < RUN_MS; now = clock_mono_ms()) {
        uint64_t due = (uint64_t)(now - begun) * OFFERED / 1000;
        uint64_t num = due - (store_head(s) - before);

        if (num == 0)
            usleep(500);
        else
            commit(s, num < BATCH_MAX ? num : BATCH_MAX);
    }
    say("500/s offered, batches of what came", store_head(s) - before, clock_mono_ms() - begun);
}

static void remove_all(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        char *name = xasprintf("%s%s", path, ends[i]);

        (void)unlink(name); /* it may not be there */
        free(name);
    }
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "store_bench.db";
    struct err e = {0};
    struct store *s;

    if (access(path, F_OK) == 0 || (s = store_open(path, &e)) == NULL) {
        fprintf(stderr, "%s\n", e.code != NULL ? e.text : "that file is there already");
        return 1;
    }
    fixed(s, "batches of 50", 50);
    fixed(s, "batches of 1", 1);
    offered(s);
    store_close(s);
    remove_all(path);
    return 0;
}
