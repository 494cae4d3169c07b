/*
 * evhttp of libevent 2.1 has neither a cap on connections nor a deadline for a request that arrives
 * byte by byte. Both are added from outside: each accepted socket is noted by descriptor and by the
 * kernel's cookie for it, so that a sweep can tell a socket from a later one of the same number,
 * shut down those that are late, and stop accepting while there are too many. (A reference on the
 * bufferevent would do too, but keeps its events alive after evhttp has closed the descriptor.)
 * A stranger is a connection that has shown no good token: it has seconds, not a minute, and where
 * an address, or the listener, has too many of them, they go after one second.
 * Used by publish and by the admin API; knows no path and no token.
 */
#include "clusters/publish/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "clusters/publish/own_words.h"
#include "clusters/publish/reply.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/core/str.h"

enum {
    LISTENER_MAGIC = 0x115e0001,
    BACKLOG = 512,
    GRACE_MS = 1000,               /* to show a token, before anyone is shown out for another */
    PAGES_MAX = 64,                /* in one turn; what is beyond stays as evhttp wrote it */
    KEEP_INPUT_MAX = 4096,         /* bytes a stream's reader may send before we stop reading */
    KEEP_SNDBUF_BYTES = 256 << 10, /* the kernel's share of what is unsent */
    KEEP_DEAD_MS = 20000           /* TCP_USER_TIMEOUT: four beats unanswered */
};

struct guest {
    struct bufferevent *bev; /* alive in its first turn, and while its output calls back */
    struct evbuffer *input;  /* of bev: names to find the guest by */
    struct evbuffer *output;
    size_t pending; /* bytes since its last request */
    int fd;
    uint64_t cookie;         /* SO_COOKIE: no two sockets of a host have the same */
    struct in6_addr address; /* of the peer: IPv4 mapped, or the /64 of IPv6 */
    int64_t since_ms;        /* accept or last request */
    bool trusted;            /* it has shown a good token */
    bool kept;
    bool shut; /* told to go; evhttp cleans up */
    TAILQ_ENTRY(guest) next;
};

TAILQ_HEAD(guest_list, guest);

struct listener {
    unsigned magic;
    struct listener_config config;
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *accepting;
    struct event *sweep;
    struct event *adopt;
    struct guest_list arriving; /* accepted in this turn */
    struct guest_list guests;
    size_t num_arriving;
    size_t num_guests;
    size_t pending; /* at most this many bytes of requests that are not whole */
    struct bufferevent
        *pages[PAGES_MAX]; /* referenced: what evhttp wrote is to be put in our words */
    size_t num_pages;
    struct event *amend;
    bool answering; /* our handler runs: what is written is ours */
    bool full;      /* said in the log, until there is room again */
    bool bound;     /* evhttp owns `accepting` */
    uint16_t port;
};

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg);
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg);

static bool read_cookie(int fd, uint64_t *out)
{
    socklen_t len = sizeof *out;

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, out, &len) == 0;
}

static bool read_peer(int fd, struct in6_addr *out)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;

    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return false;
    *out = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    if (peer.ss_family == AF_INET) {
        memcpy(&out->s6_addr[12], &((struct sockaddr_in *)&peer)->sin_addr, 4);
        return true;
    }
    *out = ((struct sockaddr_in6 *)&peer)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(out))
        memset(&out->s6_addr[8], 0, 8); /* one subscriber has a /64 */
    return true;
}

/* Descriptors of this listener are closed on this thread only: the answer holds for the turn. */
static bool guest_is_gone(const struct guest *g)
{
    uint64_t cookie;

    return !read_cookie(g->fd, &cookie) || cookie != g->cookie;
}

static void guest_drop(struct listener *l, struct guest *g)
{
    TAILQ_REMOVE(&l->guests, g, next);
    l->num_guests--;
    free(g);
}

/* evhttp sees the end of the connection and cleans up; nothing else can fail here. */
static void show_out(struct guest *g)
{
    g->shut = true;
    (void)shutdown(g->fd, SHUT_RDWR);
}

static bool is_late(const struct guest *g, int64_t now_ms)
{
    return !g->kept &&
           now_ms - g->since_ms > (g->trusted ? LISTENER_REQUEST_MS : LISTENER_FIRST_MS);
}

/* A stranger that could have shown its token by now. */
static bool is_suspect(const struct guest *g, int64_t now_ms)
{
    return !g->trusted && !g->kept && !g->shut && now_ms - g->since_ms >= GRACE_MS;
}

/* By address, within it who spoke last first. */
static int stranger_order(const void *a, const void *b)
{
    const struct guest *const *x = a;
    const struct guest *const *y = b;
    int order = memcmp(&(*x)->address, &(*y)->address, sizeof(*x)->address);

    if (order != 0 || (*x)->since_ms == (*y)->since_ms)
        return order;
    return (*x)->since_ms > (*y)->since_ms ? -1 : 1;
}

/* Suspects beyond `max` of their address go. */
static void thin_out(struct guest **suspects, size_t num, size_t max)
{
    size_t run = 0;

    if (num <= max)
        return;
    qsort(suspects, num, sizeof(struct guest *), stranger_order);
    for (size_t i = 0; i < num; i++) {
        bool same = i > 0 && memcmp(&suspects[i - 1]->address, &suspects[i]->address,
                                    sizeof suspects[i]->address) == 0;

        run = same ? run + 1 : 1;
        if (run > max)
            show_out(suspects[i]);
    }
}

static bool has_room(const struct listener *l)
{
    return l->num_guests + l->num_arriving < l->config.connections_max;
}

static void sweep(struct listener *l)
{
    int64_t now_ms = clock_mono_ms();
    struct guest **suspects = xcalloc(l->num_guests + 1, sizeof(struct guest *));
    size_t num = 0;
    struct guest *next;

    for (struct guest *g = TAILQ_FIRST(&l->guests); g != NULL; g = next) {
        next = TAILQ_NEXT(g, next);
        if (guest_is_gone(g))
            guest_drop(l, g);
        else if (is_late(g, now_ms))
            show_out(g);
        else if (is_suspect(g, now_ms))
            suspects[num++] = g;
    }
    /* Without room all go: who is left has shown a token, or is new. */
    thin_out(suspects, num, has_room(l) ? LISTENER_STRANGERS_MAX : 0);
    free(suspects);
    if (has_room(l)) {
        l->full = false;
        evconnlistener_enable(l->accepting); /* after a pause; otherwise it changes nothing */
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l;

    (void)fd;
    (void)what;
    OBJ_CAST(l, arg, LISTENER_MAGIC);
    sweep(l);
}

/* on_connection has stopped accepting; perhaps some of those counted are gone, or can go. */
static void look_for_room(struct listener *l)
{
    if (l->num_guests < l->config.connections_max)
        return;
    sweep(l);
    if (l->num_guests < l->config.connections_max || l->full)
        return;
    log_warn("%s: %zu connections are open, accepting no more for a moment", l->config.flag,
             l->num_guests);
    l->full = true;
}

/*
 * Out of descriptors in spite of the cap. The listener is level-triggered: left enabled, the loop
 * would spin. The next sweep enables it again. (`arg` is evhttp's, which has taken the listener.)
 */
static void on_accept_error(struct evconnlistener *accepting, void *arg)
{
    (void)arg;
    log_warn("a connection cannot be accepted, the next try is in a second: %s", strerror(errno));
    evconnlistener_disable(accepting);
}

/* Its peer is gone already; evhttp will find out. */
static void forget_early(struct listener *l, struct guest *g)
{
    evbuffer_remove_cb(g->output, on_output, l);
    if (l->config.pending_max != 0)
        evbuffer_remove_cb(g->input, on_input, l);
    guest_drop(l, g);
}

/* evhttp has given each newcomer its descriptor by now, and none has been read from yet. */
static void on_adopt(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l;
    struct guest *g;

    (void)fd;
    (void)what;
    OBJ_CAST(l, arg, LISTENER_MAGIC);
    while ((g = TAILQ_FIRST(&l->arriving)) != NULL) {
        TAILQ_REMOVE(&l->arriving, g, next);
        l->num_arriving--;
        g->fd = bufferevent_getfd(g->bev);
        TAILQ_INSERT_TAIL(&l->guests, g, next);
        l->num_guests++;
        if (!read_cookie(g->fd, &g->cookie) || !read_peer(g->fd, &g->address))
            forget_early(l, g);
    }
    look_for_room(l);
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    struct listener *l;
    struct guest *g = xcalloc(1, sizeof *g);

    OBJ_CAST(l, arg, LISTENER_MAGIC);
    g->bev = bufferevent_socket_new(base, -1, 0);
    ASSERT(g->bev != NULL);
    g->since_ms = clock_mono_ms();
    g->output = bufferevent_get_output(g->bev);
    ASSERT(evbuffer_add_cb(g->output, on_output, l) != NULL);
    g->input = bufferevent_get_input(g->bev);
    if (l->config.pending_max != 0)
        ASSERT(evbuffer_add_cb(g->input, on_input, l) != NULL);
    TAILQ_INSERT_TAIL(&l->arriving, g, next);
    l->num_arriving++;
    /* At once, not in on_adopt: libevent accepts all that wait in one go, unless it is told here.
     */
    if (!has_room(l))
        evconnlistener_disable(l->accepting);
    event_active(l->adopt, 0, 0);
    return g->bev;
}

/* ---- what evhttp answers by itself --------------------------------------------------------------
 */

static void on_amend(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l;

    (void)fd;
    (void)what;
    OBJ_CAST(l, arg, LISTENER_MAGIC);
    l->answering = true; /* these words are ours */
    while (l->num_pages > 0) {
        struct bufferevent *bev = l->pages[--l->num_pages];

        own_words_amend(bev);
        bufferevent_decref(bev);
    }
    l->answering = false;
}

/* Piece by piece: the page is whole at the end of the turn, and nothing of it is sent before. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct listener *l;
    struct guest *g;

    OBJ_CAST(l, arg, LISTENER_MAGIC);
    if (l->answering || info->n_added == 0 || info->orig_size != 0 || l->num_pages == PAGES_MAX)
        return;
    TAILQ_FOREACH_REVERSE(g, &l->guests, guest_list, next) /* older ones may be gone */
    {
        if (g->output == output) {
            bufferevent_incref(g->bev);
            l->pages[l->num_pages++] = g->bev;
            event_active(l->amend, 0, 0);
            return;
        }
    }
}

/* ---- bytes of requests to come ------------------------------------------------------------------
 */

static bool is_worse(const struct guest *g, const struct guest *than)
{
    if (g->shut || g->pending == 0)
        return false;
    if (than == NULL || g->trusted != than->trusted)
        return than == NULL || than->trusted;
    return g->pending > than->pending;
}

/* Bodies come before anybody is asked for a token: together they have a bound. */
static void shed(struct listener *l)
{
    struct guest *worst = NULL;
    struct guest *g;
    size_t pending = 0;

    TAILQ_FOREACH(g, &l->guests, next)
    {
        pending += g->shut ? 0 : g->pending;
        worst = is_worse(g, worst) ? g : worst;
    }
    l->pending = pending;
    if (pending <= l->config.pending_max)
        return;
    log_warn("%s: %zu bytes of requests wait to be whole, one with %zu is cut", l->config.flag,
             pending, worst->pending);
    l->pending -= worst->pending;
    show_out(worst);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct listener *l;
    struct guest *g;

    OBJ_CAST(l, arg, LISTENER_MAGIC);
    if (info->n_added == 0)
        return;
    TAILQ_FOREACH_REVERSE(g, &l->guests, guest_list, next) /* older ones may be gone */
    {
        if (g->input == input)
            break;
    }
    if (g == NULL)
        return;
    g->pending += info->n_added;
    l->pending += info->n_added;
    if (l->pending > l->config.pending_max)
        shed(l);
}

/* ---- requests -----------------------------------------------------------------------------------
 */

/* The newest of that descriptor: older ones wait for the sweep. */
static struct guest *guest_of(struct listener *l, struct evhttp_request *req)
{
    int fd =
        bufferevent_getfd(evhttp_connection_get_bufferevent(evhttp_request_get_connection(req)));
    struct guest *g;

    TAILQ_FOREACH_REVERSE(g, &l->guests, guest_list, next)
    {
        if (g->fd == fd)
            return g;
    }
    return NULL;
}

/* evhttp's own cap is there too, but judges lines as they come and counts no line ends. */
static bool head_fits(struct evhttp_request *req)
{
    const struct evkeyval *h;
    size_t bytes = strlen(evhttp_request_get_uri(req));

    TAILQ_FOREACH(h, evhttp_request_get_input_headers(req), next)
    bytes += strlen(h->key) + strlen(h->value) + 4;
    return bytes <= LISTENER_HEAD_MAX;
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct listener *l;
    struct guest *g;
    struct err why = {0};

    OBJ_CAST(l, arg, LISTENER_MAGIC);
    g = guest_of(l, req);
    if (g != NULL) {
        g->since_ms = clock_mono_ms();
        l->pending -= g->pending < l->pending ? g->pending : l->pending;
        g->pending = 0;
    }
    l->answering = true;
    if (head_fits(req)) {
        l->config.on_request(l->config.arg, req);
    } else {
        err_set(&why, "TooLarge", "", "the request's head has more than %d bytes",
                (int)LISTENER_HEAD_MAX);
        reply_problem(req, 431, &why);
    }
    l->answering = false;
}

/* libevent's parser takes no port 0, so the port is read here. */
static bool parse_address(const char *text, struct sockaddr_storage *addr, int *len)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    char *host;
    bool ok;

    if (colon == NULL || !str_to_u64(str_from(colon + 1), UINT16_MAX, &port))
        return false;
    host = str_dup((struct str){text, (size_t)(colon - text)});
    ok = evutil_parse_sockaddr_port(host, (struct sockaddr *)addr, len) == 0 &&
         (addr->ss_family != AF_INET6 || host[0] == '[');
    free(host);
    if (ok && addr->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)addr)->sin6_port = htons((uint16_t)port);
    else if (ok)
        ((struct sockaddr_in *)addr)->sin_port = htons((uint16_t)port);
    return ok;
}

static bool bind_to(struct listener *l, struct err *e)
{
    struct sockaddr_storage addr = {0};
    int len = (int)sizeof addr;
    socklen_t addr_len = sizeof addr;

    if (!parse_address(l->config.listen, &addr, &len))
        return err_set(e, "BadAddress", l->config.flag,
                       "\"%s\" is no ADDRESS:PORT (an IPv6 address stands in brackets)",
                       l->config.listen);
    l->accepting = evconnlistener_new_bind(
        l->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC,
        BACKLOG, (struct sockaddr *)&addr, len);
    if (l->accepting == NULL)
        return err_set_errno(e, "CannotListen", l->config.flag, "cannot listen on %s",
                             l->config.listen);
    if (getsockname(evconnlistener_get_fd(l->accepting), (struct sockaddr *)&addr, &addr_len) != 0)
        return err_set_errno(e, "CannotListen", l->config.flag, "cannot listen on %s",
                             l->config.listen);
    l->port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                               : ((struct sockaddr_in *)&addr)->sin_port);
    return true;
}

static bool serve(struct listener *l, struct err *e)
{
    const struct timeval second = {1, 0};

    l->http = evhttp_new(l->base);
    l->sweep = event_new(l->base, -1, EV_PERSIST, on_sweep, l);
    l->adopt = event_new(l->base, -1, 0, on_adopt, l);
    l->amend = event_new(l->base, -1, 0, on_amend, l);
    if (l->http == NULL || l->sweep == NULL || l->adopt == NULL || l->amend == NULL ||
        event_add(l->sweep, &second) != 0)
        return err_set(e, "NoMemory", "", "libevent gives no HTTP server");
    evhttp_set_allowed_methods(l->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_max_headers_size(l->http, LISTENER_HEAD_MAX);
    evhttp_set_max_body_size(l->http, (ev_ssize_t)l->config.body_max);
    evhttp_set_timeout(l->http, LISTENER_INACTIVE_S);
    evhttp_set_bevcb(l->http, on_connection, l);
    evhttp_set_gencb(l->http, on_request, l);
    if (evhttp_bind_listener(l->http, l->accepting) == NULL)
        return err_set(e, "NoMemory", "", "libevent does not take the listener");
    evconnlistener_set_error_cb(l->accepting, on_accept_error);
    l->bound = true;
    return true;
}

/*
 * A third of the process's files at most: two listeners leave the last third to Docker's API and
 * the store. Were all taken, accept() would fail without end and the loop would spin.
 */
static size_t within_file_limit(size_t wanted, const char *flag)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == RLIM_INFINITY ||
        r.rlim_cur / 3 >= wanted)
        return wanted;
    log_warn("%s: at most %llu connections instead of %zu, because of the limit of open files "
             "(%llu)",
             flag, (unsigned long long)r.rlim_cur / 3, wanted, (unsigned long long)r.rlim_cur);
    return r.rlim_cur >= 3 ? (size_t)r.rlim_cur / 3 : 1;
}

struct listener *listener_new(struct event_base *base, const struct listener_config *config,
                              struct err *e)
{
    struct listener *l = xcalloc(1, sizeof *l);

    ASSERT(config->connections_max > 0);
    l->magic = LISTENER_MAGIC;
    l->config = *config;
    l->config.connections_max = within_file_limit(config->connections_max, config->flag);
    l->config.listen = xstrdup(config->listen);
    l->config.flag = xstrdup(config->flag);
    l->base = base;
    TAILQ_INIT(&l->guests);
    TAILQ_INIT(&l->arriving);
    if (bind_to(l, e) && serve(l, e))
        return l;
    listener_free(l);
    return NULL;
}

void listener_free(struct listener *l)
{
    struct guest *next;

    if (l == NULL)
        return;
    OBJ_CHECK(l, LISTENER_MAGIC);
    while (l->num_pages > 0)
        bufferevent_decref(l->pages[--l->num_pages]);
    if (l->http != NULL)
        evhttp_free(l->http); /* the connections and, once bound, the evconnlistener */
    if (!l->bound && l->accepting != NULL)
        evconnlistener_free(l->accepting);
    if (l->sweep != NULL)
        event_free(l->sweep);
    if (l->adopt != NULL)
        event_free(l->adopt);
    if (l->amend != NULL)
        event_free(l->amend);
    TAILQ_CONCAT(&l->guests, &l->arriving, next);
    for (struct guest *g = TAILQ_FIRST(&l->guests); g != NULL; g = next) {
        next = TAILQ_NEXT(g, next);
        free(g);
    }
    free((char *)l->config.listen);
    free((char *)l->config.flag);
    OBJ_KILL(l);
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

static void set_option(int fd, int level, int name, int value)
{
    /* These only tighten what the write timeout finds anyway; a kernel without one still serves. */
    if (setsockopt(fd, level, name, &value, sizeof value) != 0)
        log_debug("socket option %d of level %d: %s", name, level, strerror(errno));
}

void listener_trust(struct listener *l, struct evhttp_request *req)
{
    struct guest *g = guest_of(l, req);

    if (g != NULL)
        g->trusted = true;
}

void listener_answering(struct listener *l, bool yes)
{
    l->answering = yes;
}

void listener_keep(struct listener *l, struct evhttp_request *req)
{
    const struct timeval stalled = {LISTENER_INACTIVE_S, 0};
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
    struct guest *g = guest_of(l, req);
    int fd = bufferevent_getfd(bev);

    if (g != NULL)
        g->kept = true;
    evbuffer_remove_cb(bufferevent_get_output(bev), on_output, l); /* all it gets is ours */
    if (l->config.pending_max != 0)
        evbuffer_remove_cb(bufferevent_get_input(bev), on_input, l);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, SOL_SOCKET, SO_SNDBUF, KEEP_SNDBUF_BYTES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, KEEP_DEAD_MS);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    bufferevent_set_timeouts(bev, NULL, &stalled);
    bufferevent_setwatermark(bev, EV_READ, 0, KEEP_INPUT_MAX);
    /* evhttp stops reading while it answers; reading is how a close is noticed. */
    bufferevent_enable(bev, EV_READ);
}
