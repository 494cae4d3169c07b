/*
 * The socket between follower and proxy (frames out, acks and nacks in), on the follower's loop. It
 * never blocks and never judges frames; a line from the proxy that cannot be read is logged and
 * skipped. When the proxy closes the socket the follower has nothing left to do: on_gone.
 * Called by follower.c.
 */
#include "gateway/follower/proxy_link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/follower/lines.h"
#include "gateway/wire/frame.h"

enum {
    PROXY_LINK_MAGIC = 0x706c696e,
    READ_PIECE = 16384,
    ANSWER_MAX = 512 << 10, /* stats are the longest */
    FLUSH_BYTES = 256 << 10
};

struct proxy_link {
    unsigned magic;
    struct proxy_link_config config;
    struct event *readable;
    struct event *writable;
    struct evbuffer *queue;
    struct lines answers;
    bool gone;   /* on_gone was called */
    bool broken; /* a send failed: nothing is sent any more, on_gone follows */
};

static void report_gone(struct proxy_link *l)
{
    if (l->gone)
        return;
    l->gone = true;
    event_del(l->readable);
    event_del(l->writable);
    evbuffer_drain(l->queue, evbuffer_get_length(l->queue));
    l->config.on_gone(l->config.arg);
}

static void take_answer(struct proxy_link *l, struct str line)
{
    struct frame f;
    struct err e = {0};
    if (!frame_parse_bytes(line, &f, &e)) {
        log_warn("the proxy sent a line that is no ack or nack (%s); it is skipped", e.text);
        return;
    }
    if (f.type == FRAME_ACK)
        l->config.on_ack(l->config.arg, f.revision);
    else if (f.type == FRAME_NACK)
        l->config.on_nack(l->config.arg, f.kind, f.name, &f.refusal);
    else if (f.type == FRAME_STATS)
        l->config.on_stats(l->config.arg, f.value_bytes);
    else
        log_warn("the proxy sent a frame that is no ack, nack or stats; it is skipped");
    frame_free(&f);
}

static void take_answers(struct proxy_link *l, struct str bytes)
{
    struct str line;
    enum lines_result r;
    lines_feed(&l->answers, bytes);
    while ((r = lines_next(&l->answers, &line)) != LINES_MORE) {
        if (r == LINES_LINE)
            take_answer(l, line);
        else
            log_warn("the proxy sent a line over %d bytes; it is skipped", ANSWER_MAX);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what; /* only EV_READ is asked for */
    struct proxy_link *l;
    OBJ_CAST(l, arg, PROXY_LINK_MAGIC);
    char piece[READ_PIECE];
    ssize_t n = read(fd, piece, sizeof(piece));
    if (n > 0)
        take_answers(l, (struct str){piece, (size_t)n});
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        report_gone(l);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)what; /* only EV_WRITE is asked for */
    struct proxy_link *l;
    OBJ_CAST(l, arg, PROXY_LINK_MAGIC);
    if (evbuffer_write(l->queue, fd) < 0 && errno != EAGAIN && errno != EINTR) {
        report_gone(l);
        return;
    }
    if (evbuffer_get_length(l->queue) > 0)
        return;
    event_del(l->writable);
    l->config.on_drained(l->config.arg);
}

struct proxy_link *proxy_link_new(const struct proxy_link_config *config, struct err *e)
{
    struct proxy_link *l = xcalloc(1, sizeof(*l));
    l->magic = PROXY_LINK_MAGIC;
    l->config = *config;
    lines_init(&l->answers, ANSWER_MAX);
    l->queue = evbuffer_new();
    l->readable = event_new(config->base, config->fd, EV_READ | EV_PERSIST, on_readable, l);
    l->writable = event_new(config->base, config->fd, EV_WRITE | EV_PERSIST, on_writable, l);
    ASSERT(l->queue != NULL && l->readable != NULL && l->writable != NULL);
    if (fd_set_nonblock(config->fd, true) && fd_set_cloexec(config->fd, true) &&
        event_add(l->readable, NULL) == 0)
        return l;
    err_set_errno(e, "BadSocket", "--frames-fd", "the frames socket cannot be used");
    proxy_link_free(l);
    return NULL;
}

void proxy_link_free(struct proxy_link *l)
{
    if (l == NULL)
        return;
    OBJ_CHECK(l, PROXY_LINK_MAGIC);
    event_free(l->readable);
    event_free(l->writable);
    evbuffer_free(l->queue);
    lines_free(&l->answers);
    fd_close(&l->config.fd);
    OBJ_KILL(l);
}

/*
 * Bytes are missing from here on: not one more may follow, or the proxy would take a table for
 * whole that is not. The reading side sees the end and tells it from the loop, not from in here.
 */
static void give_up(struct proxy_link *l)
{
    log_warn("the proxy does not take frames: %s", strerror(errno));
    l->broken = true;
    if (shutdown(l->config.fd, SHUT_RDWR) != 0)
        log_debug("the frames socket was closed already: %s", strerror(errno));
}

static void queue_rest(struct proxy_link *l, struct str bytes)
{
    if (evbuffer_add(l->queue, bytes.p, bytes.n) != 0)
        WRONG("no memory for frames that wait for the proxy");
    if (event_add(l->writable, NULL) != 0)
        give_up(l);
}

void proxy_link_send(struct proxy_link *l, struct str bytes)
{
    if (l->gone || l->broken || bytes.n == 0)
        return;
    /* Whoever sends a whole table gives the loop no turn: what can leave meanwhile, leaves. */
    if (evbuffer_get_length(l->queue) > FLUSH_BYTES)
        (void)evbuffer_write(l->queue, l->config.fd); /* failures show when the loop writes */
    if (evbuffer_get_length(l->queue) > 0) {
        queue_rest(l, bytes);
        return;
    }
    ssize_t n = send(l->config.fd, bytes.p, bytes.n, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        give_up(l);
        return;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent < bytes.n)
        queue_rest(l, (struct str){bytes.p + sent, bytes.n - sent});
}

size_t proxy_link_queued(const struct proxy_link *l)
{
    return evbuffer_get_length(l->queue);
}
