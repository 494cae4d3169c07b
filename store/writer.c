/*
 * The writer's thread: takes one batch at a time, commits it, says so, waits for the next. The one
 * mutex guards the hand-over; whoever has the batch has the store, so that nothing else is shared.
 */
#include "store/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/obj.h"

enum { WRITER_MAGIC = 0x57726974 };

struct store_writer {
    unsigned magic;
    struct store *store;
    store_writer_fn *done;
    void *arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Under the lock: */
    struct store_commit_rq *all; /* the batch that waits to be taken; NULL: none */
    size_t num;
    bool ending;
};

/* False: the end. */
static bool take(struct store_writer *w, struct store_commit_rq **out_all, size_t *out_num)
{
    pthread_mutex_lock(&w->lock);
    while (w->all == NULL && !w->ending)
        pthread_cond_wait(&w->wake, &w->lock);
    *out_all = w->all;
    *out_num = w->num;
    w->all = NULL;
    pthread_mutex_unlock(&w->lock);
    return *out_all != NULL; /* one that was submitted before the end is still written */
}

static void *run(void *arg)
{
    struct store_writer *w;
    struct store_commit_rq *all;
    size_t num;

    OBJ_CAST(w, arg, WRITER_MAGIC);
    while (take(w, &all, &num)) {
        struct err e = {0};

        if (store_commit_batch(w->store, all, num, &e))
            e.code = NULL;
        w->done(w->arg, all, num, &e);
    }
    return NULL;
}

struct store_writer *store_writer_new(struct store *s, store_writer_fn *done, void *arg,
                                      struct err *e)
{
    struct store_writer *w = xcalloc(1, sizeof(*w));

    w->magic = WRITER_MAGIC;
    w->store = s;
    w->done = done;
    w->arg = arg;
    /* With default attributes neither allocates nor fails on Linux. */
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    int rc = pthread_create(&w->thread, NULL, run, w);

    if (rc == 0)
        return w;
    err_set(e, "StoreFailed", "", "The writer's thread cannot be started: %s.",
            strerrordesc_np(rc));
    OBJ_KILL(w);
    return NULL;
}

void store_writer_free(struct store_writer *w)
{
    if (w == NULL)
        return;
    OBJ_CHECK(w, WRITER_MAGIC);
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    int rc = pthread_join(w->thread, NULL);

    ASSERT(rc == 0);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    OBJ_KILL(w);
}

void store_writer_submit(struct store_writer *w, struct store_commit_rq *all, size_t num)
{
    OBJ_CHECK(w, WRITER_MAGIC);
    ASSERT(all != NULL && num > 0);
    pthread_mutex_lock(&w->lock);
    ASSERT(w->all == NULL && !w->ending);
    w->all = all;
    w->num = num;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}
