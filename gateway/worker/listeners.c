/*
 * See listeners.h. Edge-triggered, because a listener that was shut down would otherwise report its
 * end for ever. Out of descriptors means a pause until the next tick, not a busy loop.
 */
#include "gateway/worker/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/loop/fd_budget.h"
#include "gateway/proxy/proxy.h"

enum { LISTENER_MAGIC = 0x115e0001, LISTENERS_MAGIC = 0x115e0002 };

struct listener {
    unsigned magic;
    struct listeners *all;
    char *name;
    struct listen_socket *socket;
    bool is_polled;
    struct loop_watch watch;
    bool paused; /* no descriptors; the next tick tries again */
    int64_t warned_ms;
    struct loop_task task;
    TAILQ_ENTRY(listener) link;
};

struct listen_socket *listen_socket_new(int fd, struct fd_budget *budget)
{
    struct listen_socket *s;
    int on = 1;

    if (!fd_set_nonblock(fd, true)) {
        fd_close(&fd);
        return NULL;
    }
    s = xcalloc(1, sizeof *s);
    atomic_init(&s->refs, 1);
    s->fd = fd;
    s->budget = budget;
    fd_budget_add(budget);
    s->no_delay = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    return s;
}

void listen_socket_ref(struct listen_socket *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

void listen_socket_unref(struct listen_socket **s)
{
    struct listen_socket *mine = *s;

    *s = NULL;
    if (mine == NULL || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) != 1)
        return;
    fd_close(&mine->fd);
    fd_budget_drop(mine->budget);
    free(mine);
}

static void pause_accepting(struct listener *l)
{
    int64_t now_ms = loop_now_ms(l->all->loop);

    if (l->warned_ms == 0 || now_ms - l->warned_ms >= LISTENERS_WARN_MS) {
        log_warn("listener=%s accepting pauses: %s", l->name, strerror(errno));
        l->warned_ms = now_ms;
    }
    if (!l->paused)
        metrics_add(&l->all->metrics->accept_pauses, 1);
    l->paused = true;
    loop_hurry(l->all->loop);
}

/* False: nothing more to accept now. EINVAL: somebody shut the listener down. */
static bool accept_failed(struct listener *l)
{
    switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        pause_accepting(l);
        return false;
    case ECONNABORTED: /* accept(2): what befell one client, the next may be fine */
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EINTR:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EPERM:
    case EPROTO:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* A client more is to be had, or one that waits can go for it. */
static bool is_affordable(const struct listener *l)
{
    return fd_budget_may_accept(l->all->loop->budget) || proxy_can_shed(l->all->proxy);
}

/* The name without "#1" of a shard: those of one listener are counted together. */
static struct str listener_of(const struct listener *l)
{
    return (struct str){l->name, strcspn(l->name, "#")};
}

static void take_client(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct listeners *ls = l->all;

    if (!fd_budget_may_accept(ls->loop->budget))
        proxy_shed(ls->proxy);
    proxy_take(ls->proxy, fd, peer, listener_of(l));
}

/* False: nothing more to accept now. */
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;
    int on = 1;
    int fd = accept4(l->socket->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return accept_failed(l);
    if (!l->socket->no_delay && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        fd_close(&fd);
        return true;
    }
    take_client(l, fd, &peer);
    return true;
}

static void accept_burst(void *arg)
{
    struct listener *l;

    OBJ_CAST(l, arg, LISTENER_MAGIC);
    for (int i = 0; i < LISTENERS_BURST; i++) {
        if (!is_affordable(l)) {
            errno = EMFILE;
            pause_accepting(l);
            return;
        }
        if (!accept_one(l))
            return;
    }
    loop_later(l->all->loop, &l->task);
}

static void on_event(void *arg, uint32_t events)
{
    (void)events;
    accept_burst(arg);
}

static bool on_tick(void *arg, int64_t now_ms)
{
    struct listeners *ls;
    struct listener *l;
    bool paused = false;

    (void)now_ms;
    OBJ_CAST(ls, arg, LISTENERS_MAGIC);
    TAILQ_FOREACH(l, &ls->all, link)
    {
        if (!l->paused)
            continue;
        l->paused = false;
        accept_burst(l);
        paused |= l->paused;
    }
    return paused;
}

void listeners_init(struct listeners *ls, struct loop *l, struct proxy *p, struct metrics *m)
{
    memset(ls, 0, sizeof *ls);
    ls->magic = LISTENERS_MAGIC;
    ls->loop = l;
    ls->proxy = p;
    ls->metrics = m;
    TAILQ_INIT(&ls->all);
    loop_add_ticker(l, on_tick, ls);
}

static void remove_listener(struct listeners *ls, struct listener *l)
{
    TAILQ_REMOVE(&ls->all, l, link);
    ls->num--;
    loop_forget(ls->loop, &l->task);
    if (l->is_polled) {
        loop_unwatch(ls->loop, l->socket->fd, &l->watch);
        ls->num_polled--;
    }
    listen_socket_unref(&l->socket);
    free(l->name);
    OBJ_KILL(l);
}

void listeners_free(struct listeners *ls)
{
    struct listener *l;

    while ((l = TAILQ_FIRST(&ls->all)) != NULL)
        remove_listener(ls, l); /* NOLINT(clang-analyzer-unix.Malloc): it leaves the list first */
}

static void poll_one(struct listener *l)
{
    if (l->is_polled)
        return;
    l->watch = (struct loop_watch){.on_event = on_event, .arg = l};
    if (!loop_watch(l->all->loop, l->socket->fd, EPOLLIN | EPOLLET, &l->watch))
        WRONG("a listener cannot be polled");
    l->is_polled = true;
    l->all->num_polled++;
}

bool listeners_add(struct listeners *ls, const char *name, struct listen_socket *s)
{
    struct listener *l;

    if (ls->num >= LISTENERS_MAX) {
        log_error("listener=%s cannot be used: there are too many", name);
        return false;
    }
    l = xcalloc(1, sizeof *l);
    l->magic = LISTENER_MAGIC;
    l->all = ls;
    l->name = xstrdup(name);
    l->socket = s;
    listen_socket_ref(s);
    l->task = (struct loop_task){.run = accept_burst, .arg = l};
    TAILQ_INSERT_TAIL(&ls->all, l, link);
    ls->num++;
    if (ls->polling)
        poll_one(l);
    return true;
}

/* Who is in the queue already was promised an answer by the kernel. */
static void take_those_that_wait(struct listener *l)
{
    while (l->is_polled && accept_one(l))
        continue;
}

void listeners_forget(struct listeners *ls, const char *name)
{
    struct listener *l = TAILQ_FIRST(&ls->all), *next;

    for (; l != NULL; l = next) {
        next = TAILQ_NEXT(l, link);
        if (strcmp(l->name, name) != 0)
            continue;
        take_those_that_wait(l);
        remove_listener(ls, l);
    }
}

void listeners_poll(struct listeners *ls)
{
    struct listener *l;

    ls->polling = true;
    TAILQ_FOREACH(l, &ls->all, link)
    poll_one(l);
}

void listeners_stop(struct listeners *ls)
{
    struct listener *l;

    TAILQ_FOREACH(l, &ls->all, link)
    take_those_that_wait(l);
    ls->polling = false;
    listeners_free(ls);
}
