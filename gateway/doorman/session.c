/*
 * One connection to a doorman: who it is, what it may say in which state, what it still has to be
 * told. It judges order, not content (protocol.c), and decides nothing about public sockets
 * (server.c, slots.c). Anything unexpected ends the connection, which is the same as the peer's
 * end.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/doorman/server_priv.h"

static const bool legal_moves[SESSION__COUNT][SESSION__COUNT] = {
    [SESSION_NEW] = {[SESSION_OFFERING] = true, [SESSION_SUCCESSOR] = true, [SESSION_DEAD] = true},
    [SESSION_OFFERING] = {[SESSION_TAKEN] = true, [SESSION_DEAD] = true},
    [SESSION_TAKEN] = {[SESSION_SERVING] = true, [SESSION_DRAINING] = true, [SESSION_DEAD] = true},
    [SESSION_SERVING] = {[SESSION_DRAINING] = true, [SESSION_DEAD] = true},
    [SESSION_DRAINING] = {[SESSION_SERVING] = true, [SESSION_DEAD] = true},
    [SESSION_SUCCESSOR] = {[SESSION_DEAD] = true},
};

static const bool legal_words[SESSION__COUNT][DOORMAN_MSG__COUNT] = {
    [SESSION_NEW] = {[DOORMAN_HELLO] = true},
    [SESSION_OFFERING] = {[DOORMAN_OFFER] = true, [DOORMAN_TAKE] = true},
    [SESSION_TAKEN] = {[DOORMAN_SERVING] = true, [DOORMAN_DRAINING] = true},
    [SESSION_SERVING] = {[DOORMAN_SERVING] = true, [DOORMAN_DRAINING] = true},
    [SESSION_DRAINING] = {[DOORMAN_SERVING] = true, [DOORMAN_DRAINING] = true},
    [SESSION_SUCCESSOR] = {[DOORMAN_ADOPTED] = true},
};

bool session_may_move(enum session_state from, enum session_state to)
{
    return legal_moves[from][to];
}

bool session_may_say(enum session_state state, enum doorman_msg_type type)
{
    return legal_words[state][type];
}

static void move(struct session *c, enum session_state to)
{
    if (c->state == to)
        return;
    ASSERT(session_may_move(c->state, to));
    c->state = to;
}

static bool gets_lists(const struct session *c)
{
    return c->state == SESSION_TAKEN || c->state == SESSION_SERVING ||
           c->state == SESSION_DRAINING || c->state == SESSION_SUCCESSOR;
}

/* Sends parts of the list until all is told or the peer is to read first. */
static void flush_list(struct session *c)
{
    struct slots *slots = c->server->slots;

    while (c->state != SESSION_DEAD && c->list_pos != SESSION_LIST_SENT) {
        struct doorman_msg m;
        int fds[DOORMAN_BATCH_MAX];
        size_t pos = c->list_pos;

        slots_list(slots, &pos, &m, fds);
        switch (doorman_msg_send(c->fd, &m, fds)) {
        case IO_DONE:
            c->list_pos = pos == slots->num ? SESSION_LIST_SENT : pos;
            break;
        case IO_AGAIN:
            event_add(c->out, NULL);
            return;
        case IO_EOF:
            session_close(c, "gone");
            return;
        case IO_FAIL:
            session_close(c, strerror(errno));
            return;
        }
    }
}

void session_tell_list(struct session *c)
{
    if (!gets_lists(c))
        return;
    c->list_pos = 0;
    flush_list(c);
}

/* Nothing is lost when it does not arrive: the end of the connection says the same. */
void session_tell_moved(struct session *c)
{
    struct doorman_msg m;

    if (!gets_lists(c) || c->state == SESSION_SUCCESSOR)
        return;
    doorman_msg_init(&m, DOORMAN_MOVED);
    if (doorman_msg_send(c->fd, &m, NULL) != IO_DONE)
        log_debug("gateway %u was not told about the successor", c->id);
}

static void on_hello(struct session *c, const struct doorman_msg *m)
{
    if (m->head.role == DOORMAN_ROLE_GATEWAY) {
        move(c, SESSION_OFFERING);
        return;
    }
    move(c, SESSION_SUCCESSOR);
    c->deadline_ms = clock_mono_ms() + ADOPT_DEADLINE_MS;
    server_begin_handover(c->server, c);
}

static void on_serving(struct session *c, uint64_t generation)
{
    if (generation > c->server->slots->generation) {
        session_close(c, "it serves a generation that does not exist");
        return;
    }
    if (c->state != SESSION_SERVING || c->served != generation)
        log_info("gateway %u is serving", c->id);
    c->served = generation;
    move(c, SESSION_SERVING);
    server_step(c->server);
}

static void on_draining(struct session *c)
{
    log_info("gateway %u is draining", c->id);
    move(c, SESSION_DRAINING);
    server_step(c->server);
}

static void on_offer(struct session *c, const struct doorman_msg *m, const int *fds)
{
    struct err e = {0};

    if (!offer_add(&c->offer, m, fds, &e))
        session_close(c, e.text);
}

static void dispatch(struct session *c, const struct doorman_msg *m, const int *fds)
{
    switch ((enum doorman_msg_type)m->head.type) {
    case DOORMAN_HELLO:
        on_hello(c, m);
        return;
    case DOORMAN_OFFER:
        on_offer(c, m, fds);
        return;
    case DOORMAN_TAKE:
        move(c, SESSION_TAKEN);
        server_took(c->server, c);
        return;
    case DOORMAN_SERVING:
        on_serving(c, m->head.generation);
        return;
    case DOORMAN_DRAINING:
        on_draining(c);
        return;
    case DOORMAN_ADOPTED:
        server_end_handover(c->server, c, true);
        return;
    case DOORMAN_LIST:
    case DOORMAN_MOVED:
    case DOORMAN_MSG__COUNT:
        break;
    }
    WRONG("a message that no state allows");
}

static void receive(struct session *c)
{
    int fds[DOORMAN_BATCH_MAX];
    struct doorman_msg m;
    struct err e = {0};

    switch (doorman_msg_recv(c->fd, &m, fds, &e)) {
    case IO_AGAIN:
        return;
    case IO_EOF:
        session_close(c, "gone");
        return;
    case IO_FAIL:
        session_close(c, e.text);
        return;
    case IO_DONE:
        break;
    }
    if (session_may_say(c->state, (enum doorman_msg_type)m.head.type)) {
        dispatch(c, &m, fds);
        return;
    }
    for (uint32_t i = 0; i < m.head.count; i++)
        fd_close(&fds[i]);
    session_close(c, "it said something out of turn");
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct session *c;

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, SESSION_MAGIC);
    if (c->state != SESSION_DEAD)
        receive(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct session *c;

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, SESSION_MAGIC);
    flush_list(c);
}

void session_new(struct server *s, int fd)
{
    struct session *c = xcalloc(1, sizeof(*c));

    c->magic = SESSION_MAGIC;
    c->state = SESSION_NEW;
    c->server = s;
    c->id = ++s->last_id;
    c->fd = fd;
    c->list_pos = SESSION_LIST_SENT;
    c->deadline_ms = clock_mono_ms() + HELLO_DEADLINE_MS;
    c->in = event_new(s->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->out = event_new(s->base, fd, EV_WRITE, on_writable, c);
    ASSERT(c->in != NULL && c->out != NULL);
    TAILQ_INSERT_TAIL(&s->sessions, c, link);
    s->num_sessions++;
    event_add(c->in, NULL);
}

void session_close(struct session *c, const char *why)
{
    struct server *s = c->server;
    enum session_state was = c->state;

    if (was == SESSION_DEAD)
        return;
    log_info("%s %u: %s", was == SESSION_SUCCESSOR ? "successor" : "gateway", c->id, why);
    move(c, SESSION_DEAD);
    event_del(c->in);
    event_del(c->out);
    offer_clear(&c->offer);
    TAILQ_REMOVE(&s->sessions, c, link);
    TAILQ_INSERT_TAIL(&s->dead, c, link);
    s->num_sessions--;
    event_active(s->bury, EV_TIMEOUT, 1);
    if (was == SESSION_SUCCESSOR)
        server_end_handover(s, c, false);
}

void session_bury(struct session *c)
{
    event_free(c->in);
    event_free(c->out);
    fd_close(&c->fd);
    OBJ_KILL(c);
}
