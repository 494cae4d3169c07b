/*
 * See collect.h. A collection lives until its last worker is back, whether or not somebody still
 * waits for it. Used by the hub for the admin listener.
 */
#include "gateway/worker/collect.h"

#include <event2/event.h>
#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/core/obj.h"
#include "gateway/worker/errand.h"
#include "gateway/worker/worker.h"

enum { COLLECTION_MAGIC = 0x0c011ec7 };

struct collection {
    unsigned magic;
    struct errand errand;
    struct collect_request rq;
    struct event *deadline; /* NULL: nobody waits any more */
    LIST_ENTRY(collection) link;
    size_t num;
    struct collected parts[];
};

/* On each worker's thread: it touches its own part only. */
static void write_part(void *arg, struct worker *w)
{
    struct collection *c = arg;
    size_t i = worker_index(w);

    c->parts[i].whole = c->rq.write(worker_proxy(w), i, &c->rq, &c->parts[i].text);
}

static void stop_waiting(struct collection *c)
{
    if (c->deadline == NULL)
        return;
    event_free(c->deadline);
    c->deadline = NULL;
    LIST_REMOVE(c, link);
}

static void tell(struct collection *c)
{
    if (c->deadline == NULL)
        return;
    stop_waiting(c);
    c->rq.done(c->rq.arg, c->parts, c->num);
}

static void on_all_back(void *arg)
{
    struct collection *c;

    OBJ_CAST(c, arg, COLLECTION_MAGIC);
    for (size_t i = 0; i < c->num; i++)
        c->parts[i].answered = true;
    tell(c);
    for (size_t i = 0; i < c->num; i++)
        buf_free(&c->parts[i].text);
    OBJ_KILL(c);
}

/* A part belongs to its worker until its leg is back: the others are shown empty. */
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct collection *c;
    struct collected *shown;
    void (*done)(void *, const struct collected *, size_t);

    OBJ_CAST(c, arg, COLLECTION_MAGIC);
    shown = xcalloc(c->num, sizeof *shown);
    for (size_t i = 0; i < c->num; i++)
        if (c->errand.legs[i].back) {
            shown[i] = c->parts[i];
            shown[i].answered = true;
        }
    done = c->rq.done;
    stop_waiting(c);
    done(c->rq.arg, shown, c->num);
    free(shown);
}

void collector_init(struct collector *c, struct mailbox *home, struct worker *const *workers,
                    size_t num_workers)
{
    c->home = home;
    c->workers = workers;
    c->num_workers = num_workers;
    LIST_INIT(&c->under_way);
}

void collector_free(struct collector *c)
{
    struct collection *first;

    while ((first = LIST_FIRST(&c->under_way)) != NULL)
        stop_waiting(first);
}

struct collection *collect_start(struct collector *all, const struct collect_request *rq)
{
    struct collection *c = xcalloc(1, sizeof *c + all->num_workers * sizeof c->parts[0]);
    struct timeval tv = {.tv_sec = (time_t)(rq->deadline_ms / 1000),
                         .tv_usec = (suseconds_t)(rq->deadline_ms % 1000) * 1000};

    c->magic = COLLECTION_MAGIC;
    c->rq = *rq;
    c->num = all->num_workers;
    for (size_t i = 0; i < c->num; i++)
        buf_init(&c->parts[i].text, rq->max_bytes);
    c->deadline = event_new(all->home->loop->base, -1, 0, on_deadline, c);
    ASSERT(c->deadline != NULL && event_add(c->deadline, &tv) == 0);
    LIST_INSERT_HEAD(&all->under_way, c, link);
    c->errand = (struct errand){.obey = write_part, .done = on_all_back, .arg = c};
    errand_send(&c->errand, all->home, all->workers, all->num_workers);
    return c;
}

void collect_cancel(struct collection *what)
{
    if (what != NULL)
        stop_waiting(what);
}
