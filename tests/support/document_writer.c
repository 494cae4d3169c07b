/*
 * `document_writer FILE` commits documents for ever through the writer's thread, in batches of a
 * few, and says "ack N HEAD" for each commit once its batch is on disk: whoever kills it knows what
 * must be there afterwards. What commit N does follows from N: it sets the document "counter" to N,
 * and sets one of seven others or, each fifth time, takes it away. It goes on where the store
 * stands.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "store/writer.h"

enum { BATCH_MAX = 20, NAMES = 7 };

struct one {
    char counter[32];
    char value[32];
    char name[16];
    struct store_doc_change docs[2];
};

struct turn {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
    struct err e;
};

static void on_done(void *arg, struct store_commit_rq *all, size_t num, const struct err *e)
{
    struct turn *t = arg;

    for (size_t i = 0; e->code == NULL && i < num; i++)
        printf("ack %llu %s\n", (unsigned long long)all[i].number, all[i].head);
    fflush(stdout);
    pthread_mutex_lock(&t->lock);
    t->done = true;
    t->e = *e;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

static void fill(struct one *o, struct store_commit_rq *rq, uint64_t n)
{
    snprintf(o->counter, sizeof(o->counter), "%llu", (unsigned long long)n);
    snprintf(o->value, sizeof(o->value), "{\"by\":%llu}", (unsigned long long)n);
    snprintf(o->name, sizeof(o->name), "n%llu", (unsigned long long)(n % NAMES));
    o->docs[0] = (struct store_doc_change){"", "settings", "counter", o->counter, 1};
    o->docs[1] = (struct store_doc_change){"acme", "route", o->name, n % 5 == 0 ? NULL : o->value,
                                           (int64_t)n};
    *rq = (struct store_commit_rq){.docs = o->docs,
                                   .num_docs = 2,
                                   .author = "test",
                                   .cause = "crash",
                                   .tenant = "acme",
                                   .diff_json = o->value};
}

static bool write_batch(struct store_writer *w, struct turn *t, uint64_t head)
{
    static struct one ones[BATCH_MAX];
    static struct store_commit_rq all[BATCH_MAX];
    size_t num = (size_t)(head * 7 % BATCH_MAX) + 1;

    for (size_t i = 0; i < num; i++)
        fill(&ones[i], &all[i], head + 1 + i);
    t->done = false;
    store_writer_submit(w, all, num);
    pthread_mutex_lock(&t->lock);
    while (!t->done)
        pthread_cond_wait(&t->wake, &t->lock);
    pthread_mutex_unlock(&t->lock);
    return t->e.code == NULL;
}

int main(int argc, char **argv)
{
    struct turn t = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    struct err e = {0};

    if (argc != 2) {
        fprintf(stderr, "usage: document_writer FILE\n");
        return 2;
    }
    struct store *s = store_open(argv[1], &e);
    struct store_writer *w = s != NULL ? store_writer_new(s, on_done, &t, &e) : NULL;

    if (w == NULL) {
        printf("no %s %s\n", e.code, e.text);
        return 3;
    }
    while (write_batch(w, &t, store_head(s)))
        ;
    printf("no %s %s\n", t.e.code, t.e.text);
    store_writer_free(w);
    store_close(s);
    return 3;
}
