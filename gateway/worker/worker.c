/*
 * See worker.h. Joins loop, proxy and listeners on one thread and does what errands ask. Knows
 * neither the parent nor the follower: the hub does. A worker that fails an ASSERT takes the
 * process with it, and the parent starts another.
 */
#include "gateway/worker/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/proxy/proxy.h"
#include "gateway/table/table.h"
#include "gateway/worker/listeners.h"

enum { WORKER_MAGIC = 0x0b04ce01, THREAD_NAME_BYTES = 16 };

enum worker_state {
    WORKER_WAITING,
    WORKER_SERVING,
    WORKER_DRAINING,
    WORKER_DRAINED,
    WORKER__COUNT
};

/* Endpoint ids that this worker has let go since the last turn, on their way to the hub. */
struct forgotten {
    struct mail mail;
    struct worker *worker;
    size_t num, cap;
    uint32_t ids[];
};

struct worker {
    unsigned magic;
    enum worker_state state;
    struct worker_setup setup;
    struct loop loop;
    struct mailbox mailbox;
    struct metrics metrics;
    struct proxy *proxy;
    struct listeners listeners;
    struct forgotten *forgotten; /* NULL: none */
    struct mail drained;
    struct mail stop;
    struct mail place;    /* a place in a pool is free, which somebody of ours may wait for */
    _Atomic bool is_told; /* of it, and has not looked yet */
    pthread_t thread;
    bool started;
};

static void enter(struct worker *w, enum worker_state next)
{
    static const unsigned may_go_to[WORKER__COUNT] = {
        [WORKER_WAITING] = 1U << WORKER_SERVING | 1U << WORKER_DRAINING,
        [WORKER_SERVING] = 1U << WORKER_DRAINING,
        [WORKER_DRAINING] = 1U << WORKER_DRAINED,
    };

    ASSERT(may_go_to[w->state] & 1U << next);
    w->state = next;
}

/* ---- to the hub ------------------------------------------------------------------------------ */

static void deliver_forgotten(void *owner)
{
    struct forgotten *f = owner;
    const struct worker_setup *setup = &f->worker->setup;

    setup->on_forgotten(setup->arg, f->ids, f->num);
    free(f);
}

static void on_forgotten(void *arg, uint32_t id)
{
    struct worker *w;
    struct forgotten *f;

    OBJ_CAST(w, arg, WORKER_MAGIC);
    f = w->forgotten;
    if (f == NULL || f->num == f->cap) {
        size_t cap = f != NULL ? f->cap * 2 : 8;

        f = xrealloc(f, sizeof *f + cap * sizeof f->ids[0]);
        if (w->forgotten == NULL)
            *f = (struct forgotten){.worker = w};
        f->cap = cap;
        w->forgotten = f;
    }
    f->ids[f->num++] = id;
}

static void send_forgotten(struct worker *w)
{
    struct forgotten *f = w->forgotten;

    if (f == NULL)
        return;
    w->forgotten = NULL;
    f->mail = (struct mail){.deliver = deliver_forgotten, .owner = f};
    mailbox_send(w->setup.hub, &f->mail);
}

static void deliver_drained(void *owner)
{
    struct worker *w;

    OBJ_CAST(w, owner, WORKER_MAGIC);
    w->setup.on_drained(w->setup.arg);
}

static void on_turn_end(void *arg)
{
    struct worker *w;

    OBJ_CAST(w, arg, WORKER_MAGIC);
    send_forgotten(w);
    if (w->state == WORKER_DRAINING && proxy_num_conns(w->proxy) == 0) {
        enter(w, WORKER_DRAINED);
        mailbox_send(w->setup.hub, &w->drained);
    }
}

/* ---- to the other workers ------------------------------------------------------------------- */

static void deliver_place(void *owner)
{
    struct worker *w;

    OBJ_CAST(w, owner, WORKER_MAGIC);
    atomic_store(&w->is_told, false);
    if (w->proxy != NULL)
        proxy_look(w->proxy);
}

static void on_place(void *arg, size_t worker)
{
    struct worker *w, *other;

    OBJ_CAST(w, arg, WORKER_MAGIC);
    OBJ_CAST(other, w->setup.all[worker], WORKER_MAGIC);
    if (!atomic_exchange(&other->is_told, true))
        mailbox_send(&other->mailbox, &other->place);
}

/* ---- errands --------------------------------------------------------------------------------- */

void worker_adopt(struct worker *w, const struct table *t, const struct table_delta *d)
{
    OBJ_CHECK(w, WORKER_MAGIC);
    table_ref(t);
    proxy_adopt(w->proxy, t, d->all, d->num);
    if (w->state != WORKER_WAITING)
        return;
    enter(w, WORKER_SERVING);
    listeners_poll(&w->listeners);
}

bool worker_listen(struct worker *w, const char *name, struct listen_socket *s)
{
    OBJ_CHECK(w, WORKER_MAGIC);
    if (w->state == WORKER_DRAINING || w->state == WORKER_DRAINED)
        return true; /* nobody waits for it any more */
    return listeners_add(&w->listeners, name, s);
}

void worker_forget(struct worker *w, const char *name)
{
    OBJ_CHECK(w, WORKER_MAGIC);
    listeners_forget(&w->listeners, name);
}

void worker_drain(struct worker *w)
{
    OBJ_CHECK(w, WORKER_MAGIC);
    enter(w, WORKER_DRAINING);
    proxy_drain(w->proxy);
    listeners_stop(&w->listeners);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void deliver_stop(void *owner)
{
    struct worker *w;

    OBJ_CAST(w, owner, WORKER_MAGIC);
    loop_stop(&w->loop);
}

static void *run(void *arg)
{
    struct worker *w;
    char name[THREAD_NAME_BYTES];

    OBJ_CAST(w, arg, WORKER_MAGIC);
    snprintf(name, sizeof name, "worker-%u", w->setup.index);
    (void)pthread_setname_np(pthread_self(), name); /* only for who looks at the process */
    loop_run(&w->loop);
    mailbox_empty(&w->mailbox);
    listeners_free(&w->listeners);
    proxy_free(w->proxy);
    w->proxy = NULL;
    send_forgotten(w);
    return NULL;
}

struct worker *worker_new(const struct worker_setup *setup, struct err *e)
{
    struct worker *w = xcalloc(1, sizeof *w);

    w->magic = WORKER_MAGIC;
    w->setup = *setup;
    w->drained = (struct mail){.deliver = deliver_drained, .owner = w};
    w->stop = (struct mail){.deliver = deliver_stop, .owner = w};
    w->place = (struct mail){.deliver = deliver_place, .owner = w};
    if (!loop_init(&w->loop, e)) {
        OBJ_KILL(w);
        return NULL;
    }
    w->loop.on_turn_end = on_turn_end;
    w->loop.turn_end_arg = w;
    w->loop.budget = setup->budget;
    loop_gathers(&w->loop);
    pipepool_init(&w->loop.pipes, setup->num_pipes);
    if (!mailbox_init(&w->mailbox, &w->loop, e)) {
        loop_free(&w->loop);
        OBJ_KILL(w);
        return NULL;
    }
    w->proxy = proxy_new(&w->loop, &w->metrics, setup->shared, on_forgotten, w);
    proxy_observe(w->proxy,
                  &(struct proxy_observers){setup->index, setup->log, setup->series, setup->crowd});
    proxy_set_node(w->proxy, setup->node);
    proxy_on_place(w->proxy, on_place);
    listeners_init(&w->listeners, &w->loop, w->proxy, &w->metrics);
    return w;
}

bool worker_start(struct worker *w, struct err *e)
{
    sigset_t all, before;
    int failure;

    /* Signals are for the hub's thread. */
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        WRONG("the signal mask cannot be set");
    failure = pthread_create(&w->thread, NULL, run, w);
    if (pthread_sigmask(SIG_SETMASK, &before, NULL) != 0)
        WRONG("the signal mask cannot be set");
    if (failure != 0)
        return err_set(e, "NoThread", "", "worker %u has no thread: %s", w->setup.index,
                       strerror(failure));
    w->started = true;
    return true;
}

void worker_end(struct worker *w)
{
    if (w == NULL || !w->started)
        return;
    mailbox_send(&w->mailbox, &w->stop);
    if (pthread_join(w->thread, NULL) != 0)
        WRONG("a worker's thread cannot be joined");
    w->started = false;
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    ASSERT(!w->started);
    listeners_free(&w->listeners);
    proxy_free(w->proxy);
    w->proxy = NULL;
    mailbox_empty(&w->mailbox); /* others may have told it of a place after its end */
    mailbox_free(&w->mailbox);
    loop_free(&w->loop);
    free(w->forgotten);
    OBJ_KILL(w);
}

unsigned worker_index(const struct worker *w)
{
    return w->setup.index;
}

struct mailbox *worker_mailbox(struct worker *w)
{
    return &w->mailbox;
}

struct metrics *worker_metrics(struct worker *w)
{
    return &w->metrics;
}

struct proxy *worker_proxy(struct worker *w)
{
    return w->proxy;
}
