/*
 * The life of a doorman. Start: inherit from the old doorman, bind what nobody holds, publish. Then
 * on every change and every tick one function, server_step, applies the rules to the slots. End:
 * either SIGTERM (it just goes: gateways hold the sockets), or a successor (it lets go of its
 * copies, sends its gateways there and idles, so that Swarm does not start it again). When updates
 * follow each other closely, Swarm may end that successor and keep this one: it then comes back,
 * and gets the sockets from the gateways. It never accepts on a public socket and never unlinks its
 * path. Called by the main.
 */
#include "gateway/doorman/server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/doorman/handover.h"
#include "gateway/doorman/privilege.h"
#include "gateway/doorman/server_priv.h"

enum {
    ASK_TRIES = 3,
    ASK_PAUSE_US = 300000,
    LOOK_MS = 1000, /* a retired doorman looks for its successor so often */
    ALONE_LOOKS = 3 /* nobody answered so often in a row: it comes back */
};

static void on_acceptable(evutil_socket_t fd, short what, void *arg);

static uint64_t newest_served(const struct server *s)
{
    const struct session *c;
    uint64_t newest = 0;

    TAILQ_FOREACH(c, &s->sessions, link)
    if (c->state == SESSION_SERVING && c->served > newest)
        newest = c->served;
    return newest;
}

static void drop_last_capability(struct server *s)
{
    struct err e = {0};

    if (s->unprivileged || slots_num_missing(s->slots) != 0)
        return;
    s->unprivileged = true;
    if (!privilege_clear(&e))
        log_error("%s", e.text);
}

static void tell_all(struct server *s)
{
    struct session *c;
    struct session *next;

    for (c = TAILQ_FIRST(&s->sessions); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        session_tell_list(c);
    }
}

static bool publish(struct server *s, struct err *e)
{
    int fd;
    struct publish_id id;

    if (!publish_open(s->path, &fd, &id, e))
        return false;
    if (s->accept != NULL)
        event_free(s->accept);
    fd_close(&s->listen_fd);
    s->listen_fd = fd;
    s->published = id;
    s->accept = event_new(s->base, fd, EV_READ | EV_PERSIST, on_acceptable, s);
    ASSERT(s->accept != NULL);
    event_add(s->accept, NULL);
    return true;
}

static void publish_again(struct server *s)
{
    struct err e = {0};

    if (publish(s, &e))
        log_warn("published again at %s", s->path);
    else
        log_error("%s", e.text);
}

static void retire(struct server *s, const char *why)
{
    struct session *c;

    log_info("retired: %s; waiting for SIGTERM", why);
    s->state = SERVER_RETIRED;
    while ((c = TAILQ_FIRST(&s->sessions)) != NULL) {
        session_tell_moved(c);
        session_close(c, "sent to the successor");
    }
    slots_release(s->slots);
    event_del(s->accept);
    fd_close(&s->listen_fd);
    s->look_again_ms = clock_mono_ms() + LOOK_MS;
    s->num_alone = 0;
}

static bool somebody_answers(const char *path)
{
    int fd = publish_connect(path, true);
    bool there = fd >= 0 || (errno != ECONNREFUSED && errno != ENOENT);

    fd_close(&fd);
    return there;
}

static void come_back(struct server *s, int64_t now)
{
    struct err e = {0};

    s->num_alone = 0;
    if (!publish(s, &e)) {
        log_error("%s", e.text);
        return;
    }
    s->state = SERVER_RUNNING;
    s->bind_again_ms = now + SLOT_RETRY_MS; /* gateways come first, with what they hold */
    log_warn("the successor is gone and this one was not told to end: published again at %s",
             s->path);
}

static void look_for_successor(struct server *s, int64_t now)
{
    if (now < s->look_again_ms)
        return;
    s->look_again_ms = now + LOOK_MS;
    s->num_alone = somebody_answers(s->path) ? 0 : s->num_alone + 1;
    if (s->num_alone >= ALONE_LOOKS)
        come_back(s, now);
}

/*
 * A doorman that was stopped for a while may have been replaced meanwhile: its five-second rule
 * must not fall on sockets that are no longer its business, so this comes before every decision.
 */
static bool check_still_published(struct server *s)
{
    if (s->state != SERVER_RUNNING)
        return s->state == SERVER_HANDING;
    switch (publish_look(s->path, &s->published)) {
    case PUBLISH_MINE:
        return true;
    case PUBLISH_NOTHING:
        publish_again(s);
        return true;
    case PUBLISH_OTHER:
        break;
    }
    retire(s, "another doorman has published itself");
    return false;
}

void server_step(struct server *s)
{
    if (check_still_published(s))
        slots_tick(s->slots, newest_served(s), s->state == SERVER_HANDING, clock_mono_ms());
}

static void slots_changed(struct server *s)
{
    drop_last_capability(s);
    tell_all(s);
    server_step(s);
}

void server_took(struct server *s, struct session *c)
{
    size_t offered = c->offer.num;
    size_t adopted = slots_adopt(s->slots, &c->offer, clock_mono_ms());

    offer_clear(&c->offer);
    log_info("gateway %u has come, it held %zu listeners%s", c->id, offered,
             adopted != 0 ? ", which are adopted" : "");
    if (adopted != 0)
        slots_changed(s);
    else
        session_tell_list(c);
}

void server_begin_handover(struct server *s, struct session *c)
{
    if (s->state != SERVER_RUNNING) {
        session_close(c, "another successor is being served");
        return;
    }
    log_info("a successor asks for the listeners");
    s->state = SERVER_HANDING;
    s->successor = c;
    session_tell_list(c);
}

void server_end_handover(struct server *s, const struct session *c, bool adopted)
{
    if (s->state != SERVER_HANDING || s->successor != c)
        return;
    s->successor = NULL;
    if (adopted) {
        retire(s, "a successor has the listeners");
        return;
    }
    log_warn("the successor is gone without having taken over");
    s->state = SERVER_RUNNING;
    if (publish_look(s->path, &s->published) != PUBLISH_MINE)
        publish_again(s);
}

static void accept_one(struct server *s, int fd)
{
    struct err e = {0};

    if (!doorman_peer_check(fd, s->uid, &e)) {
        log_warn("a connection was refused: %s", e.text);
        fd_close(&fd);
    } else if (s->num_sessions >= SESSIONS_MAX) {
        log_warn("a connection was refused: there are %d already", SESSIONS_MAX);
        fd_close(&fd);
    } else {
        session_new(s, fd);
    }
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct server *s;
    int got;

    (void)what;
    OBJ_CAST(s, arg, SERVER_MAGIC);
    got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (got >= 0) {
        accept_one(s, got);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        log_error("no connection can be accepted: %s", strerror(errno));
        event_del(s->accept); /* until the next tick, instead of turning in a circle */
    }
}

static void close_late(struct server *s, int64_t now)
{
    struct session *c;
    struct session *next;

    for (c = TAILQ_FIRST(&s->sessions); c != NULL; c = next) {
        bool bounded = c->state == SESSION_NEW || c->state == SESSION_OFFERING ||
                       c->state == SESSION_SUCCESSOR;

        next = TAILQ_NEXT(c, link);
        if (bounded && now >= c->deadline_ms)
            session_close(c, "it took too long");
    }
}

static void bind_missing(struct server *s, int64_t now)
{
    struct err e = {0};
    bool filled;

    if (s->state != SERVER_RUNNING || slots_num_missing(s->slots) == 0 || now < s->bind_again_ms)
        return;
    s->bind_again_ms = now + SLOT_RETRY_MS;
    filled = slots_bind(s->slots, &e);
    if (e.code != NULL)
        log_warn("%s; waiting for a gateway that holds it, or until it is free", e.text);
    if (filled)
        slots_changed(s);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct server *s;
    int64_t now = clock_mono_ms();

    (void)fd;
    (void)what;
    OBJ_CAST(s, arg, SERVER_MAGIC);
    if (s->state == SERVER_RETIRED) {
        look_for_successor(s, now);
        return;
    }
    event_add(s->accept, NULL);
    close_late(s, now);
    server_step(s);
    bind_missing(s, now);
}

static void bury_all(struct server *s)
{
    struct session *c;

    while ((c = TAILQ_FIRST(&s->dead)) != NULL) {
        TAILQ_REMOVE(&s->dead, c, link);
        session_bury(c);
    }
}

static void on_bury(evutil_socket_t fd, short what, void *arg)
{
    struct server *s;

    (void)fd;
    (void)what;
    OBJ_CAST(s, arg, SERVER_MAGIC);
    bury_all(s);
    server_step(s);
}

/* An old doorman may be busy with another successor, or be just ending. */
static void inherit(struct server *s, int *out_sock)
{
    struct offer offer = {0};

    for (int i = 0; i < ASK_TRIES; i++) {
        struct err e = {0};

        if (handover_ask(s->path, s->uid, &offer, out_sock, &e))
            break;
        log_info("%s", e.text);
        if (strcmp(e.code, "NoDoorman") == 0)
            break;
        usleep(ASK_PAUSE_US);
    }
    if (*out_sock >= 0)
        log_info("the old doorman gives %zu listeners, %zu of them fit", offer.num,
                 slots_adopt(s->slots, &offer, clock_mono_ms()));
    offer_clear(&offer);
}

static bool begin(struct server *s, struct err *e)
{
    int old = -1;
    struct err busy;

    inherit(s, &old);
    (void)slots_bind(s->slots, &busy); /* whether any was bound does not matter, only what failed */
    if (busy.code != NULL && strcmp(busy.code, "PortInUse") != 0) {
        *e = busy;
        fd_close(&old);
        return false;
    }
    if (busy.code != NULL)
        log_warn("%s; waiting for a gateway that holds it, or until it is free", busy.text);
    s->bind_again_ms = clock_mono_ms() + SLOT_RETRY_MS;
    if (!publish(s, e)) {
        fd_close(&old);
        return false;
    }
    handover_finish(&old);
    return true;
}

bool server_new(struct event_base *base, const char *path, uid_t uid, struct slots *slots,
                struct server **out, struct err *e)
{
    struct server *s = xcalloc(1, sizeof(*s));
    struct timeval every = {.tv_usec = TICK_MS * 1000L};

    s->magic = SERVER_MAGIC;
    s->state = SERVER_RUNNING;
    s->base = base;
    s->path = path;
    s->uid = uid;
    s->slots = slots;
    s->listen_fd = -1;
    TAILQ_INIT(&s->sessions);
    TAILQ_INIT(&s->dead);
    s->tick = event_new(base, -1, EV_PERSIST, on_tick, s);
    s->bury = event_new(base, -1, 0, on_bury, s);
    ASSERT(s->tick != NULL && s->bury != NULL);
    *out = s;
    if (!begin(s, e)) {
        server_free(s);
        *out = NULL;
        return false;
    }
    event_add(s->tick, &every);
    drop_last_capability(s);
    log_info("published at %s with %zu of %zu sockets", path, slots->num - slots_num_missing(slots),
             slots->num);
    return true;
}

void server_free(struct server *s)
{
    struct session *c;

    if (s == NULL)
        return;
    s->state = SERVER_RETIRED; /* nobody's end changes anything any more */
    while ((c = TAILQ_FIRST(&s->sessions)) != NULL)
        session_close(c, "closed with the doorman");
    bury_all(s);
    if (s->accept != NULL)
        event_free(s->accept);
    event_free(s->tick);
    event_free(s->bury);
    fd_close(&s->listen_fd);
    slots_release(s->slots);
    OBJ_KILL(s);
}
