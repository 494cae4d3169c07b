/*
 * `store_writer FILE COMMITS` makes commits whose content follows from their number, on a change
 * log that is kept very short, and says "ack N" after each that the store has taken: whoever kills
 * it or makes its calls fail knows what must be there afterwards. It starts where the store stands.
 * A commit that fails ("no CODE SENTENCE") is tried three times. `store_writer FILE` only opens and
 * prints what is there: head, floor, each object and document, and how many rows of audit verify.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

enum { NAMES = 7, ROWS_MAX = 8, TRIES = 3 };

static int refuse(const struct err *e)
{
    printf("no %s %s\n", e->code, e->text);
    return 3;
}

/* Commit N sets the counter and one of a few objects, or takes that away, in two clusters by turns;
 * and a document, whose history is kept short. */
static bool make_commit(struct store *s, uint64_t n, uint64_t *out_commit, struct err *e)
{
    char counter[64], value[64], name[32];
    const char *cluster = n % 3 == 0 ? "west" : "east";
    snprintf(counter, sizeof(counter), "{\"n\":%llu}", (unsigned long long)n);
    snprintf(value, sizeof(value), "{\"by\":%llu}", (unsigned long long)n);
    snprintf(name, sizeof(name), "o%llu", (unsigned long long)(n % NAMES));
    struct store_change changes[] = {
        {cluster, "settings", "counter", counter},
        {cluster, "pool", name, n % 5 == 0 ? NULL : value},
    };
    struct store_doc_change doc = {"acme", "route", "counter", counter, 1};
    struct store_commit_rq rq = {.changes = changes,
                                 .num_changes = 2,
                                 .docs = &doc,
                                 .num_docs = 1,
                                 .author = "test",
                                 .cause = "cause"};
    bool ok = store_commit_batch(s, &rq, 1, e);

    *out_commit = rq.number;
    return ok;
}

static int write_all(struct store *s, uint64_t num)
{
    struct err e = {0};
    for (uint64_t i = 0; i < num; i++) {
        uint64_t n = store_head(s) + 1;
        uint64_t commit = 0;
        int tries = 0;
        while (!make_commit(s, n, &commit, &e))
            if (++tries == TRIES)
                return refuse(&e);
        printf("ack %llu\n", (unsigned long long)commit);
        fflush(stdout);
    }
    return 0;
}

static void show_object(void *arg, const char *kind, const char *name, const char *value,
                        uint64_t commit)
{
    (void)commit;
    printf("%s %s %s %s\n", (const char *)arg, kind, name, value);
}

static void show_change(void *arg, uint64_t commit, const char *kind, const char *name,
                        bool deleted)
{
    printf("change %s %llu %s %s%s\n", (const char *)arg, (unsigned long long)commit, kind, name,
           deleted ? " gone" : "");
}

static void show_document(void *arg, const struct store_doc *d)
{
    (void)arg;
    printf("document %s %s\n", d->name, d->value);
}

static bool show_audit(struct store *s, struct err *e)
{
    uint64_t rows;

    if (!store_audit_verify(s, NULL, &rows, e))
        return false;
    printf("audit %llu\n", (unsigned long long)rows);
    return true;
}

static bool show(struct store *s, struct err *e)
{
    static char names[2][8] = {"east", "west"};
    printf("head %llu\n", (unsigned long long)store_head(s));
    for (size_t i = 0; i < 2; i++) {
        uint64_t floor = 0;
        uint64_t revision = 0;
        if (!store_log_floor(s, names[i], &floor, e) ||
            !store_revision(s, names[i], &revision, e) ||
            !store_each_object(s, names[i], show_object, names[i], e) ||
            !store_each_change(s, names[i], 0, show_change, names[i], e))
            return false;
        printf("floor %s %llu %llu\n", names[i], (unsigned long long)floor,
               (unsigned long long)revision);
    }
    return store_each_doc(s, show_document, NULL, e) && show_audit(s, e);
}

int main(int argc, char **argv)
{
    struct err e = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: store_writer FILE [COMMITS]\n");
        return 2;
    }
    struct store *s = store_open(argv[1], &e);
    if (s == NULL)
        return refuse(&e);
    s->log_rows_max = ROWS_MAX;
    s->history_max.rows = ROWS_MAX;
    int rc = argc > 2 ? write_all(s, strtoull(argv[2], NULL, 10)) : 0;
    if (argc == 2 && !show(s, &e))
        rc = refuse(&e);
    store_close(s);
    return rc;
}
