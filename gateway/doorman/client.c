/*
 * The gateway's end of the doorman's protocol. A gateway is what lets a doorman be killed: it keeps
 * every listener open, offers them to whichever doorman comes next, and reconciles by name and by
 * socket, so that its proxy notices only real differences. It never touches a listener itself.
 * Called by the gateway's parent process; one client, one thread, one event base.
 */
#include "gateway/doorman/client.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/doorman/listener.h"
#include "gateway/doorman/offer.h"
#include "gateway/doorman/publish.h"

enum { CLIENT_MAGIC = 0x3c11e47d, BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 500, WATCH_MS = 500 };

enum client_state {
    CLIENT_WAITING,  /* no connection; a timer runs */
    CLIENT_OFFERING, /* connected, telling what is held */
    CLIENT_ASKED,    /* TAKE is sent, the list is on its way */
    CLIENT_LISTED,   /* the list is applied */
    CLIENT__COUNT
};

static const bool legal[CLIENT__COUNT][CLIENT__COUNT] = {
    [CLIENT_WAITING] = {[CLIENT_OFFERING] = true, [CLIENT_WAITING] = true},
    [CLIENT_OFFERING] = {[CLIENT_ASKED] = true, [CLIENT_WAITING] = true},
    [CLIENT_ASKED] = {[CLIENT_LISTED] = true, [CLIENT_WAITING] = true},
    [CLIENT_LISTED] = {[CLIENT_LISTED] = true, [CLIENT_WAITING] = true},
};

enum client_word { WORD_NONE, WORD_SERVING, WORD_DRAINING };

struct held {
    struct doorman_entry entry;
    int fd;
    uint64_t cookie;
};

struct doorman_client {
    unsigned magic;
    enum client_state state;
    struct event_base *base;
    char *path;
    const struct doorman_client_ops *ops;
    void *arg;
    struct event *timer; /* WAITING: connect again; else: watch the path */
    struct event *in;    /* NULL in WAITING */
    struct event *out;
    int fd;
    struct publish_id connected_to;
    int backoff_ms;
    struct held *held;
    size_t num_held;
    size_t offer_pos;
    bool hello_sent;
    struct offer incoming;        /* parts of a list that is not whole yet */
    uint64_t generation;          /* of the last whole list of this connection */
    bool complete;                /* its flag */
    enum client_word word;        /* what the owner last said */
    bool word_sent;               /* to this doorman, for this generation */
    char complaint[ERR_TEXT_MAX]; /* the last one that was logged */
};

static void move(struct doorman_client *c, enum client_state to)
{
    ASSERT(legal[c->state][to]);
    c->state = to;
}

static void set_timer(struct doorman_client *c, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000L};

    event_add(c->timer, &tv);
}

/* A doorman that stays away is reported once, not twice a second. */
static void complain(struct doorman_client *c, const char *text)
{
    if (strcmp(c->complaint, text) == 0)
        return;
    snprintf(c->complaint, sizeof(c->complaint), "%s", text);
    log_warn("doorman at %s: %s; trying again", c->path, text);
}

static void disconnect(struct doorman_client *c, int again_ms)
{
    if (c->in != NULL)
        event_free(c->in);
    if (c->out != NULL)
        event_free(c->out);
    c->in = NULL;
    c->out = NULL;
    fd_close(&c->fd);
    offer_clear(&c->incoming);
    move(c, CLIENT_WAITING);
    set_timer(c, again_ms);
}

static void lose(struct doorman_client *c, const char *why)
{
    int ms = c->backoff_ms;

    complain(c, why);
    c->backoff_ms = ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms * 2;
    disconnect(c, ms);
}

/* ---- what is said ------------------------------------------------------------------------ */

static enum io send_offer(struct doorman_client *c)
{
    struct doorman_msg m;
    int fds[DOORMAN_BATCH_MAX];
    enum io io;

    doorman_msg_init(&m, DOORMAN_OFFER);
    for (size_t i = c->offer_pos; i < c->num_held && m.head.count < DOORMAN_BATCH_MAX; i++) {
        m.entries[m.head.count] = c->held[i].entry;
        fds[m.head.count++] = c->held[i].fd;
    }
    io = doorman_msg_send(c->fd, &m, fds);
    if (io == IO_DONE)
        c->offer_pos += m.head.count;
    return io;
}

static enum io send_plain(struct doorman_client *c, enum doorman_msg_type type)
{
    struct doorman_msg m;

    doorman_msg_init(&m, type);
    if (type == DOORMAN_HELLO)
        m.head.role = DOORMAN_ROLE_GATEWAY;
    if (type == DOORMAN_SERVING)
        m.head.generation = c->generation;
    return doorman_msg_send(c->fd, &m, NULL);
}

/* The next message that is due; *out_idle when there is none. */
static enum io send_next(struct doorman_client *c, bool *out_idle)
{
    enum io io;

    if (c->state == CLIENT_OFFERING && !c->hello_sent) {
        io = send_plain(c, DOORMAN_HELLO);
        c->hello_sent = io == IO_DONE;
        return io;
    }
    if (c->state == CLIENT_OFFERING && c->offer_pos < c->num_held)
        return send_offer(c);
    if (c->state == CLIENT_OFFERING) {
        io = send_plain(c, DOORMAN_TAKE);
        if (io == IO_DONE)
            move(c, CLIENT_ASKED);
        return io;
    }
    *out_idle = c->state != CLIENT_LISTED || c->word == WORD_NONE || c->word_sent;
    if (*out_idle)
        return IO_DONE;
    io = send_plain(c, c->word == WORD_SERVING ? DOORMAN_SERVING : DOORMAN_DRAINING);
    c->word_sent = io == IO_DONE;
    return io;
}

static void flush(struct doorman_client *c)
{
    bool idle = c->state == CLIENT_WAITING;

    while (!idle) {
        switch (send_next(c, &idle)) {
        case IO_DONE:
            break;
        case IO_AGAIN:
            event_add(c->out, NULL);
            return;
        case IO_EOF:
            lose(c, "it is gone");
            return;
        case IO_FAIL:
            lose(c, strerror(errno));
            return;
        }
    }
}

/* ---- what is heard ----------------------------------------------------------------------- */

static struct held *find_held(struct doorman_client *c, const char *name)
{
    for (size_t i = 0; i < c->num_held; i++)
        if (strcmp(c->held[i].entry.name, name) == 0)
            return &c->held[i];
    return NULL;
}

static void let_go(struct doorman_client *c, struct held *h)
{
    struct held gone = *h;

    *h = c->held[--c->num_held];
    c->ops->withdrawn(c->arg, gone.entry.name);
    fd_close(&gone.fd);
}

static bool is_same(const struct held *h, struct offer *list)
{
    struct offer_item *item = offer_find(list, h->entry.name);

    return item != NULL && listener_cookie(item->fd) == h->cookie;
}

static void let_go_of_what_is_gone(struct doorman_client *c, struct offer *list)
{
    for (size_t i = c->num_held; i > 0; i--)
        if (!is_same(&c->held[i - 1], list))
            let_go(c, &c->held[i - 1]);
}

static void hold(struct doorman_client *c, struct offer_item *item)
{
    struct held *h;

    c->held = xrealloc(c->held, (c->num_held + 1) * sizeof(*c->held));
    h = &c->held[c->num_held++];
    *h = (struct held){.entry = item->entry, .fd = item->fd, .cookie = listener_cookie(item->fd)};
    item->fd = -1;
    c->ops->added(c->arg, &h->entry, h->fd);
}

static bool reconcile(struct doorman_client *c, struct offer *list)
{
    bool added = false;

    let_go_of_what_is_gone(c, list);
    for (size_t i = 0; i < list->num; i++) {
        struct held *h = find_held(c, list->items[i].entry.name);

        if (h != NULL) {
            h->entry = list->items[i].entry; /* the number of shards may have changed */
        } else if (list->items[i].fd >= 0) {
            hold(c, &list->items[i]);
            added = true;
        }
    }
    return added;
}

static void apply_list(struct doorman_client *c, const struct doorman_header *head)
{
    struct offer list = c->incoming;
    bool added;

    c->incoming = (struct offer){0};
    c->generation = head->generation;
    c->complete = (head->flags & DOORMAN_LIST_COMPLETE) != 0;
    c->word_sent = false;
    c->backoff_ms = BACKOFF_MIN_MS;
    c->complaint[0] = '\0';
    move(c, CLIENT_LISTED);
    added = reconcile(c, &list);
    offer_clear(&list);
    if (added && c->word == WORD_SERVING)
        c->word = WORD_NONE;
    log_info("doorman at %s: %zu listeners%s", c->path, c->num_held,
             c->complete ? "" : ", not all that it was asked for");
    if (c->ops->listed != NULL)
        c->ops->listed(c->arg, c->num_held, c->complete, added);
    flush(c);
}

static bool take_part(struct doorman_client *c, const struct doorman_msg *m, const int *fds,
                      struct err *e)
{
    if (m->head.first == 0)
        offer_clear(&c->incoming);
    if (m->head.first == c->incoming.num)
        return offer_add(&c->incoming, m, fds, e);
    for (uint32_t i = 0; i < m->head.count; i++) {
        int fd = fds[i];

        fd_close(&fd);
    }
    return err_set(e, "BadMessage", "first", "a part of its list is missing");
}

static void on_list(struct doorman_client *c, const struct doorman_msg *m, const int *fds)
{
    struct err e = {0};

    if (!take_part(c, m, fds, &e))
        lose(c, e.text);
    else if (c->incoming.num == m->head.total)
        apply_list(c, &m->head);
}

static void on_message(struct doorman_client *c, const struct doorman_msg *m, const int *fds)
{
    bool asked = c->state == CLIENT_ASKED || c->state == CLIENT_LISTED;

    if (m->head.type == DOORMAN_LIST && asked) {
        on_list(c, m, fds);
        return;
    }
    for (uint32_t i = 0; i < m->head.count; i++) {
        int fd = fds[i];

        fd_close(&fd);
    }
    if (m->head.type == DOORMAN_MOVED) {
        log_info("doorman at %s: a successor is there", c->path);
        disconnect(c, 0);
        return;
    }
    lose(c, "it said something out of turn");
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct doorman_client *c;
    struct doorman_msg m;
    int fds[DOORMAN_BATCH_MAX];
    struct err e = {0};

    (void)what;
    OBJ_CAST(c, arg, CLIENT_MAGIC);
    switch (doorman_msg_recv(fd, &m, fds, &e)) {
    case IO_DONE:
        on_message(c, &m, fds);
        return;
    case IO_AGAIN:
        return;
    case IO_EOF:
        lose(c, "it is gone");
        return;
    case IO_FAIL:
        lose(c, e.text);
        return;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct doorman_client *c;

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, CLIENT_MAGIC);
    flush(c);
}

/* ---- connecting -------------------------------------------------------------------------- */

static void begin_talk(struct doorman_client *c)
{
    c->in = event_new(c->base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
    c->out = event_new(c->base, c->fd, EV_WRITE, on_writable, c);
    ASSERT(c->in != NULL && c->out != NULL);
    event_add(c->in, NULL);
    c->hello_sent = false;
    c->offer_pos = 0;
    c->word_sent = false;
    move(c, CLIENT_OFFERING);
    set_timer(c, WATCH_MS);
    flush(c);
}

static void try_connect(struct doorman_client *c)
{
    struct err e = {0};

    /* Looked at before connecting: a successor that comes in between is noticed by the watch. */
    if (!publish_identify(c->path, &c->connected_to)) {
        lose(c, "there is none yet");
        return;
    }
    c->fd = publish_connect(c->path, true);
    if (c->fd < 0)
        lose(c, strerror(errno));
    else if (!doorman_peer_check(c->fd, geteuid(), &e))
        lose(c, e.text);
    else
        begin_talk(c);
}

/*
 * A doorman that hangs tells nobody to go to its successor, so the path itself is watched. A path
 * that names nothing is no reason to leave: the doorman will publish itself again.
 */
static void watch(struct doorman_client *c)
{
    if (publish_look(c->path, &c->connected_to) == PUBLISH_OTHER)
        disconnect(c, 0);
    else
        set_timer(c, WATCH_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct doorman_client *c;

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, CLIENT_MAGIC);
    if (c->state == CLIENT_WAITING)
        try_connect(c);
    else
        watch(c);
}

struct doorman_client *doorman_client_new(struct event_base *base, const char *path,
                                          const struct doorman_client_ops *ops, void *arg)
{
    struct doorman_client *c = xcalloc(1, sizeof(*c));

    c->magic = CLIENT_MAGIC;
    c->base = base;
    c->path = xstrdup(path);
    c->ops = ops;
    c->arg = arg;
    c->fd = -1;
    c->backoff_ms = BACKOFF_MIN_MS;
    c->timer = event_new(base, -1, 0, on_timer, c);
    ASSERT(c->timer != NULL);
    set_timer(c, 0);
    return c;
}

/*
 * Said from the loop, not from here: an error while sending would otherwise change the client under
 * the caller's feet.
 */
static void say(struct doorman_client *c, enum client_word word)
{
    OBJ_CHECK(c, CLIENT_MAGIC);
    c->word = word;
    c->word_sent = false;
    if (c->out != NULL)
        event_add(c->out, NULL);
}

void doorman_client_serving(struct doorman_client *c)
{
    say(c, WORD_SERVING);
}

void doorman_client_draining(struct doorman_client *c)
{
    say(c, WORD_DRAINING);
}

void doorman_client_each(struct doorman_client *c,
                         void (*fn)(void *arg, const struct doorman_entry *entry, int fd),
                         void *arg)
{
    OBJ_CHECK(c, CLIENT_MAGIC);
    for (size_t i = 0; i < c->num_held; i++)
        fn(arg, &c->held[i].entry, c->held[i].fd);
}

bool doorman_client_connected(const struct doorman_client *c)
{
    return c->state == CLIENT_LISTED;
}

bool doorman_client_complete(const struct doorman_client *c)
{
    return c->complete;
}

size_t doorman_client_num_listeners(const struct doorman_client *c)
{
    return c->num_held;
}

void doorman_client_free(struct doorman_client *c)
{
    if (c == NULL)
        return;
    if (c->state != CLIENT_WAITING)
        disconnect(c, 0);
    event_free(c->timer);
    for (size_t i = 0; i < c->num_held; i++)
        fd_close(&c->held[i].fd);
    free(c->held);
    free(c->path);
    OBJ_KILL(c);
}
