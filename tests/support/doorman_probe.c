/*
 * A gateway that is not one, for tests of the doorman: takes the listeners from its socket and
 * then, by --mode:
 *     serve     says "serving" and answers every connection with a fixed response naming --body
 *     idle      takes them and never says "serving"
 *     shutdown  shuts every listener down and exits
 *     attack    tries to reach 127.0.0.1:--port through an accepted socket and through each
 *               listener, by connect(AF_UNSPEC) and connect(), which is what a broken-into gateway
 *               would try
 * With --confined it does that from inside the proxy's filter. Results are JSON lines on stdout. It
 * runs unprivileged, as a gateway does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/options.h"
#include "gateway/doorman/client.h"
#include "gateway/worker/confine.h"

enum { ACCEPT_BUDGET = 64, CONNECT_MS = 1500, HEAD_MAX = 8192 };

struct config {
    const char *socket;
    const char *mode;
    const char *body;
    int64_t port;
    bool confined;
    bool verbose;
};

struct door { /* one listener that is polled */
    char name[DOORMAN_NAME_MAX];
    int fd;
    struct event *event;
    TAILQ_ENTRY(door) link;
};

struct visit { /* one accepted connection */
    struct probe *probe;
    struct event *event;
    int fd;
    size_t head_len;
    char head[HEAD_MAX];
    bool answered;
};

struct probe {
    struct config config;
    struct event_base *base;
    struct doorman_client *client;
    TAILQ_HEAD(, door) doors;
    size_t num_visits;
    bool draining;
    bool entered; /* the filter */
};

/* ---- attack ------------------------------------------------------------------------------ */

static int finish_connect(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof(error);

    if (poll(&p, 1, CONNECT_MS) == 0)
        return ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}

static int connect_loopback(int fd, int64_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};

    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return 0;
    return errno == EINPROGRESS ? finish_connect(fd) : errno;
}

static void attack(const struct probe *p, const char *through, const char *name, int fd)
{
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    int unspec = connect(fd, &nowhere, sizeof(nowhere)) == 0 ? 0 : errno;
    int error = connect_loopback(fd, p->config.port);

    printf("{\"through\":\"%s\",\"name\":\"%s\",\"unspec\":\"%s\",\"connect\":\"%s\","
           "\"reached\":%s}\n",
           through, name, strerror(unspec), strerror(error), error == 0 ? "true" : "false");
    fflush(stdout);
}

static void attack_all(struct probe *p)
{
    struct door *d;

    TAILQ_FOREACH(d, &p->doors, link)
    attack(p, "listening", d->name, d->fd);
    event_base_loopbreak(p->base);
}

/* ---- serving ----------------------------------------------------------------------------- */

static void end_visit(struct visit *v)
{
    struct probe *p = v->probe;

    event_free(v->event);
    close(v->fd);
    free(v);
    p->num_visits--;
    if (p->draining && p->num_visits == 0)
        event_base_loopbreak(p->base);
}

/* The response fits every socket buffer; then the client's end is awaited, so that nothing resets.
 */
static void answer(struct visit *v)
{
    const char *body = v->probe->config.body;
    char *text = xasprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                           "Content-Length: %zu\r\n\r\n%s",
                           strlen(body), body);

    if (!fd_write_all(v->fd, text, strlen(text)))
        log_warn("an answer was lost: %s", strerror(errno));
    free(text);
    shutdown(v->fd, SHUT_WR);
    v->answered = true;
}

static void on_request(evutil_socket_t fd, short what, void *arg)
{
    struct visit *v = arg;
    char rest[512];
    ssize_t n = v->answered ? read(fd, rest, sizeof(rest))
                            : read(fd, v->head + v->head_len, HEAD_MAX - v->head_len);

    (void)what;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        end_visit(v);
        return;
    }
    if (v->answered)
        return;
    v->head_len += (size_t)n;
    if (memmem(v->head, v->head_len, "\r\n\r\n", 4) != NULL)
        answer(v);
    else if (v->head_len == HEAD_MAX)
        end_visit(v);
}

static void welcome(struct probe *p, int fd)
{
    struct visit *v = xcalloc(1, sizeof(*v));

    v->probe = p;
    v->fd = fd;
    v->event = event_new(p->base, fd, EV_READ | EV_PERSIST, on_request, v);
    ASSERT(v->event != NULL);
    p->num_visits++;
    event_add(v->event, NULL);
}

static void on_door(evutil_socket_t fd, short what, void *arg)
{
    struct probe *p = arg;

    (void)what;
    for (;;) {
        int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (got < 0)
            return; /* EAGAIN: another was faster; EINVAL: it does not listen now */
        if (strcmp(p->config.mode, "attack") != 0) {
            welcome(p, got);
            continue;
        }
        attack(p, "accepted", "", got);
        close(got);
        attack_all(p);
        return;
    }
}

/* ---- the doorman's client ---------------------------------------------------------------- */

static void on_added(void *arg, const struct doorman_entry *entry, int fd)
{
    struct probe *p = arg;
    struct door *d = xcalloc(1, sizeof(*d));

    snprintf(d->name, sizeof(d->name), "%s", entry->name);
    d->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    ASSERT(d->fd >= 0 && confine_listener(&d->fd));
    d->event = event_new(p->base, d->fd, EV_READ | EV_PERSIST | EV_ET, on_door, p);
    ASSERT(d->event != NULL);
    if (strcmp(p->config.mode, "idle") != 0)
        event_add(d->event, NULL);
    TAILQ_INSERT_TAIL(&p->doors, d, link);
    log_info("added %s", entry->name);
}

static void on_withdrawn(void *arg, const char *name)
{
    struct probe *p = arg;
    struct door *d;

    TAILQ_FOREACH(d, &p->doors, link)
    if (strcmp(d->name, name) == 0)
        break;
    ASSERT(d != NULL);
    if (strcmp(p->config.mode, "serve") == 0)
        on_door(d->fd, EV_READ, p); /* what waits in the queue */
    TAILQ_REMOVE(&p->doors, d, link);
    event_free(d->event);
    close(d->fd);
    free(d);
    log_info("withdrawn %s", name);
}

static void shut_all(struct probe *p)
{
    struct door *d;

    TAILQ_FOREACH(d, &p->doors, link)
    {
        int result = shutdown(d->fd, SHUT_RDWR);

        printf("{\"shutdown\":\"%s\",\"result\":\"%s\"}\n", d->name,
               strerror(result == 0 ? 0 : errno));
    }
    event_base_loopbreak(p->base);
}

static void on_listed(void *arg, size_t num, bool complete, bool changed)
{
    struct probe *p = arg;

    printf("{\"listed\":%zu,\"complete\":%s,\"changed\":%s}\n", num, complete ? "true" : "false",
           changed ? "true" : "false");
    fflush(stdout);
    if (p->config.confined && !p->entered)
        ASSERT(confine_enter(NULL));
    p->entered = p->config.confined;
    if (strcmp(p->config.mode, "shutdown") == 0)
        shut_all(p);
    else if (strcmp(p->config.mode, "idle") != 0 && changed)
        doorman_client_serving(p->client);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    struct probe *p = arg;
    struct door *d;

    (void)fd;
    (void)what;
    doorman_client_draining(p->client);
    TAILQ_FOREACH(d, &p->doors, link)
    event_del(d->event);
    p->draining = true;
    if (p->num_visits == 0)
        event_base_loopbreak(p->base);
}

static void clean_up(struct probe *p)
{
    struct door *d;

    doorman_client_free(p->client);
    while ((d = TAILQ_FIRST(&p->doors)) != NULL) {
        TAILQ_REMOVE(&p->doors, d, link);
        event_free(d->event);
        close(d->fd);
        free(d);
    }
}

static bool parse(int argc, char **argv, struct config *config, struct err *e)
{
    static const struct options_entry table[] = {
        {"--socket", "PATH", "the doorman's", OPTIONS_TEXT, offsetof(struct config, socket), 0, 0,
         NULL},
        {"--mode", "MODE", "serve, idle, shutdown or attack", OPTIONS_TEXT,
         offsetof(struct config, mode), 0, 0, NULL},
        {"--body", "TEXT", "what is answered", OPTIONS_TEXT, offsetof(struct config, body), 0, 0,
         NULL},
        {"--port", "PORT", "of the loopback service to attack", OPTIONS_NUMBER,
         offsetof(struct config, port), 1, 65535, NULL},
        {"--confined", NULL, "enter the proxy's filter first", OPTIONS_FLAG,
         offsetof(struct config, confined), 0, 0, NULL},
        {"--verbose", NULL, "log more", OPTIONS_FLAG, offsetof(struct config, verbose), 0, 0, NULL},
    };

    if (!options_parse(table, sizeof(table) / sizeof(table[0]), argc, argv, config, e))
        return false;
    if (config->socket == NULL)
        return err_set(e, "BadOption", "--socket", "--socket PATH is missing.");
    return true;
}

int main(int argc, char **argv)
{
    static const struct doorman_client_ops ops = {on_added, on_withdrawn, on_listed};
    struct probe p = {.config = {.mode = "serve", .body = "probe", .port = 1}};
    struct event *term;
    struct err e = {0};

    log_init("doorman_probe", LOG_INFO);
    if (!parse(argc, argv, &p.config, &e)) {
        log_error("%s", e.text);
        return 2;
    }
    if (p.config.confined && !confine_reserve(&e)) {
        log_error("%s", e.text);
        return 2;
    }
    if (p.config.verbose)
        log_init("doorman_probe", LOG_DEBUG);
    TAILQ_INIT(&p.doors);
    p.base = event_base_new();
    ASSERT(p.base != NULL);
    term = evsignal_new(p.base, SIGTERM, on_term, &p);
    event_add(term, NULL);
    p.client = doorman_client_new(p.base, p.config.socket, &ops, &p);
    event_base_dispatch(p.base);
    clean_up(&p);
    event_free(term);
    event_base_free(p.base);
    return 0;
}
