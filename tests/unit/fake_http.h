/*
 * A scripted HTTP server on a unix socket for unit tests: parses requests, hands each to the test's
 * answer function, sends back raw bytes as the test says, so that it can hang, lie and break off.
 * Runs on the same loop as the code under test. Included by tests only.
 */
#ifndef TESTS_UNIT_FAKE_HTTP_H
#define TESTS_UNIT_FAKE_HTTP_H

#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "gateway/core/check.h"

struct fake;

struct fake_conn {
    struct fake *fake;
    struct bufferevent *bev;
    LIST_ENTRY(fake_conn) entry;
};

struct fake {
    struct event_base *base;
    struct evconnlistener *listener;
    LIST_HEAD(, fake_conn) conns;
    char dir[64];
    char path[96];
    unsigned port;       /* after fake_listen_tcp */
    int num_connections; /* accepted so far */
    int num_requests;
    void (*answer)(struct fake_conn *c, const char *method, const char *target, const char *body);
    void *arg;
};

static inline void fake_close(struct fake_conn *c)
{
    LIST_REMOVE(c, entry);
    bufferevent_free(c->bev);
    free(c);
}

static inline void fake_send(struct fake_conn *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void fake_send(struct fake_conn *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    ASSERT(evbuffer_add_vprintf(bufferevent_get_output(c->bev), fmt, ap) >= 0);
    va_end(ap);
}

static inline void fake_reply(struct fake_conn *c, int status, const char *body)
{
    fake_send(c, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
}

static inline void fake_on_drained(struct bufferevent *bev, void *arg)
{
    (void)bev; /* the connection's own */
    fake_close(arg);
}

/* What was sent goes out, then the connection ends. */
static inline void fake_close_when_sent(struct fake_conn *c)
{
    bufferevent_setcb(c->bev, NULL, fake_on_drained, NULL, c);
}

static inline size_t fake_body_len(const char *head)
{
    const char *p = strcasestr(head, "\r\ncontent-length:");

    return p ? strtoul(p + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

static inline void fake_on_read(struct bufferevent *bev, void *arg)
{
    struct fake_conn *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    char method[16], target[8192], *head, *body;
    size_t head_len, body_len;

    if (end.pos < 0)
        return;
    head_len = (size_t)end.pos + 4;
    head = xcalloc(1, head_len + 1);
    evbuffer_copyout(in, head, head_len);
    body_len = fake_body_len(head);
    if (evbuffer_get_length(in) < head_len + body_len) {
        free(head);
        return;
    }
    evbuffer_drain(in, head_len);
    body = xcalloc(1, body_len + 1);
    evbuffer_remove(in, body, body_len);
    ASSERT(sscanf(head, "%15s %8191s", method, target) == 2);
    c->fake->num_requests++;
    c->fake->answer(c, method, target, body);
    free(head);
    free(body);
}

static inline void fake_on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev; /* the connection's own */
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        fake_close(arg);
}

static inline void fake_on_accept(struct evconnlistener *l, evutil_socket_t fd,
                                  struct sockaddr *peer, int peer_len, void *arg)
{
    struct fake *f = arg;
    struct fake_conn *c = xcalloc(1, sizeof(*c));

    (void)l, (void)peer, (void)peer_len; /* one listener, anonymous peers */
    f->num_connections++;
    c->fake = f;
    c->bev = bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(c->bev, fake_on_read, NULL, fake_on_event, c);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    LIST_INSERT_HEAD(&f->conns, c, entry);
}

static inline void fake_listen(struct fake *f)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};

    (void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", f->path);
    f->listener = evconnlistener_new_bind(f->base, fake_on_accept, f, LEV_OPT_CLOSE_ON_FREE, 16,
                                          (struct sockaddr *)&sun, (int)sizeof(sun));
    ASSERT(f->listener);
}

/* On a free port of the loopback, beside or instead of the unix socket. */
static inline struct evconnlistener *fake_listen_tcp(struct fake *f)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(sin);
    struct evconnlistener *l =
        evconnlistener_new_bind(f->base, fake_on_accept, f, LEV_OPT_CLOSE_ON_FREE, 16,
                                (struct sockaddr *)&sin, (int)sizeof(sin));
    ASSERT(l);
    ASSERT(getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&sin, &n) == 0);
    f->port = ntohs(sin.sin_port);
    return l;
}

/* The server goes away: all connections end and new ones are refused. */
static inline void fake_unlisten(struct fake *f)
{
    struct fake_conn *c;

    if (f->listener)
        evconnlistener_free(f->listener);
    f->listener = NULL;
    (void)unlink(f->path);
    while ((c = LIST_FIRST(&f->conns)))
        fake_close(c);
}

static inline void fake_start(struct fake *f, struct event_base *base)
{
    signal(SIGPIPE, SIG_IGN); /* clients that leave early */
    f->base = base;
    LIST_INIT(&f->conns);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/fake-http-XXXXXX");
    ASSERT(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
    fake_listen(f);
}

static inline void fake_stop(struct fake *f)
{
    fake_unlisten(f);
    (void)rmdir(f->dir);
}

#endif
