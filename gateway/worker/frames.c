/*
 * See frames.h. What cannot be decoded is logged and ends the socket: the parent then starts a new
 * follower, which begins with a snapshot. Does not judge objects: gateway/table does, and its
 * refusals become nacks.
 */
#include "gateway/worker/frames.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/heap.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/table/table.h"
#include "gateway/wire/frame.h"

enum { FRAMES_MAGIC = 0x0f4a3e01 };

/* Nacks and ack of one commit: a nack belongs to the ack that follows it. */
struct frames_answer {
    STAILQ_ENTRY(frames_answer) link;
    uint64_t follower;
    struct buf text;
};

static void detach(struct frames *f, const char *why)
{
    if (f->fd < 0)
        return;
    log_info("the follower is gone (%s); the table in force stays", why);
    event_free(f->read_ev);
    event_free(f->write_ev);
    fd_close(&f->fd);
    loop_forget(f->loop, &f->task);
    buf_free(&f->in);
    f->used = 0;
    buf_free(&f->out);
}

static void send_answers(struct frames *f)
{
    ssize_t n = 0;

    while (f->out.len > 0 && (n = write(f->fd, f->out.bytes, f->out.len)) > 0)
        buf_drop(&f->out, (size_t)n);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        detach(f, strerror(errno));
    else if (f->out.len > 0 && event_add(f->write_ev, NULL) != 0)
        detach(f, "its socket cannot be watched");
}

static void log_refusals(const struct table_commit *commit)
{
    for (size_t i = 0; i < commit->num_refusals; i++) {
        const struct table_refusal *r = &commit->refusals[i];

        if (i == FRAMES_REFUSALS_LOGGED) {
            log_warn("table: %zu more objects refused", commit->num_refusals - i);
            return;
        }
        log_warn("table: %s \"%s\" refused: %s (%s)", route_kind_name(r->kind), r->name,
                 r->why.text, r->why.code);
    }
}

/*
 * However many objects are refused, the ack has room: a follower that is sent away for the size of
 * its own table would come back with the same one for ever.
 */
static void prepare_answer(struct frames *f, const struct table_commit *commit)
{
    struct frames_answer *a = xcalloc(1, sizeof *a);
    bool fits = true;

    log_refusals(commit);
    a->follower = f->follower;
    buf_init(&a->text, FRAMES_ANSWERS_MAX);
    for (size_t i = 0; fits && i < commit->num_refusals && a->text.len < FRAMES_NACKS_MAX; i++) {
        const struct table_refusal *r = &commit->refusals[i];

        fits = frame_write_nack(&a->text, r->kind, str_from(r->name), &r->why);
    }
    fits = fits && frame_write_ack(&a->text, table_revision(commit->table));
    ASSERT(fits); /* a nack is far smaller than what is left of the buffer */
    STAILQ_INSERT_TAIL(&f->under_way, a, link);
    f->num_under_way++;
}

static void drop_answer(struct frames *f)
{
    struct frames_answer *a = STAILQ_FIRST(&f->under_way);

    STAILQ_REMOVE_HEAD(&f->under_way, link);
    f->num_under_way--;
    buf_free(&a->text);
    free(a);
}

static bool is_held(const struct frames *f)
{
    return f->num_under_way >= FRAMES_UNDER_WAY_MAX;
}

static void read_on(struct frames *f)
{
    if (f->fd < 0 || f->reading)
        return;
    if (event_add(f->read_ev, NULL) != 0)
        WRONG("the follower's socket cannot be watched");
    f->reading = true;
}

/* Its reader is slow: nacks that nobody takes are left out, acks are not. */
static bool queue_answer(struct frames *f, const struct buf *text)
{
    struct str all = buf_str(text), last = all;
    const char *newline;

    if (f->out.len < FRAMES_NACKS_MAX)
        return buf_add(&f->out, all.p, all.n);
    newline = all.n > 1 ? memrchr(all.p, '\n', all.n - 1) : NULL;
    if (newline != NULL)
        last = (struct str){newline + 1, (size_t)(all.p + all.n - newline - 1)};
    return buf_add(&f->out, last.p, last.n);
}

void frames_in_force(struct frames *f)
{
    struct frames_answer *a = STAILQ_FIRST(&f->under_way);
    bool fits = true;

    ASSERT(a != NULL);
    if (f->fd >= 0 && a->follower == f->follower)
        fits = queue_answer(f, &a->text);
    drop_answer(f);
    if (f->fd < 0)
        return;
    if (!fits) {
        detach(f, "it does not read its answers");
        return;
    }
    loop_later(f->loop, &f->task);
    read_on(f);
    send_answers(f);
    heap_settle(); /* when nobody waits for it */
}

bool frames_send_stats(struct frames *f, struct str json)
{
    if (f->fd < 0 || f->out.len >= FRAMES_NACKS_MAX || !frame_write_stats(&f->out, json))
        return false;
    send_answers(f);
    return f->fd >= 0;
}

static void note_status(struct frames *f, const struct frame *fr)
{
    f->status.heard_ms = loop_now_ms(f->loop);
    f->status.stale = fr->stale;
    f->status.age_ms = fr->age_ms;
    snprintf(f->status.complaint, sizeof f->status.complaint, "%s", fr->complaint);
}

/* False: the socket is gone, or a version was handed over. */
static bool take_line(struct frames *f, struct str line)
{
    struct frame fr;
    struct err e = {0};
    struct table_commit commit;
    bool committed;

    if (!frame_parse_late(line, &fr, &e)) {
        log_error("the follower sent a frame that cannot be read: %s: %s", e.field, e.text);
        detach(f, "it sends garbage");
        return false;
    }
    if (fr.type == FRAME_STATUS)
        note_status(f, &fr);
    else
        table_builder_frame(f->builder, &fr);
    committed = fr.type == FRAME_COMMIT && table_builder_take(f->builder, &commit);
    frame_free(&fr);
    if (!committed)
        return true;
    prepare_answer(f, &commit);
    f->on_commit(f->arg, &commit);
    return false;
}

static size_t waiting_bytes(const struct frames *f)
{
    return f->in.len - f->used;
}

/* What is moved is never more than what was decoded since the last time. */
static void drop_used(struct frames *f)
{
    if (f->used < waiting_bytes(f))
        return;
    buf_drop(&f->in, f->used);
    f->used = 0;
    if (f->in.len == 0 && f->in.cap > FRAMES_KEEP)
        buf_free(&f->in);
}

/* Between turns: some lines, at most one commit. */
static void decode(void *arg)
{
    struct frames *f;
    bool more = true;

    OBJ_CAST(f, arg, FRAMES_MAGIC);
    if (is_held(f)) /* frames_in_force goes on */
        return;
    for (int i = 0; more && waiting_bytes(f) > 0 && i < FRAMES_LINES_A_TURN; i++) {
        const char *at = f->in.bytes + f->used;
        const char *end = memchr(at, '\n', waiting_bytes(f));

        if (end == NULL)
            break;
        f->used += (size_t)(end - at) + 1;
        more = take_line(f, (struct str){at, (size_t)(end - at)});
    }
    if (f->fd < 0)
        return;
    drop_used(f);
    if (waiting_bytes(f) <= FRAMES_BACKLOG)
        read_on(f);
    if (waiting_bytes(f) > 0 && memchr(f->in.bytes + f->used, '\n', waiting_bytes(f)) != NULL)
        loop_later(f->loop, &f->task);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct frames *f;
    char bytes[FRAMES_READ_BYTES];
    ssize_t n;

    OBJ_CAST(f, arg, FRAMES_MAGIC);
    if (waiting_bytes(f) > FRAMES_BACKLOG && (f->task.queued || is_held(f))) {
        event_del(f->read_ev); /* decode reads on, or frames_in_force */
        f->reading = false;
        return;
    }
    n = read(fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        detach(f, n == 0 ? "it closed" : strerror(errno));
    else if (!buf_add(&f->in, bytes, (size_t)n))
        detach(f, "its line is too long");
    else if (memchr(bytes, '\n', (size_t)n) != NULL)
        loop_later(f->loop, &f->task);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct frames *f;

    OBJ_CAST(f, arg, FRAMES_MAGIC);
    send_answers(f);
}

void frames_init(struct frames *f, struct loop *l,
                 void (*on_commit)(void *arg, const struct table_commit *commit), void *arg)
{
    memset(f, 0, sizeof *f);
    f->magic = FRAMES_MAGIC;
    f->loop = l;
    f->fd = -1;
    f->task = (struct loop_task){.run = decode, .arg = f};
    STAILQ_INIT(&f->under_way);
    f->builder = table_builder_new();
    f->on_commit = on_commit;
    f->arg = arg;
    buf_init(&f->in, 2 * (FRAME_LINE_MAX + FRAMES_BACKLOG + 2 * FRAMES_READ_BYTES));
    buf_init(&f->out, FRAMES_ANSWERS_MAX);
    heap_settle();
}

void frames_free(struct frames *f)
{
    detach(f, "the proxy ends");
    while (!STAILQ_EMPTY(&f->under_way))
        drop_answer(f);
    table_builder_free(f->builder);
    f->builder = NULL;
}

void frames_attach(struct frames *f, int fd)
{
    detach(f, "a new one takes over");
    if (!fd_set_nonblock(fd, true)) {
        log_error("the follower's socket cannot be used: %s", strerror(errno));
        fd_close(&fd);
        return;
    }
    f->fd = fd;
    f->follower++;
    f->status = (struct frames_status){0};
    f->read_ev = event_new(f->loop->base, fd, EV_READ | EV_PERSIST, on_readable, f);
    f->write_ev = event_new(f->loop->base, fd, EV_WRITE, on_writable, f);
    if (f->read_ev == NULL || f->write_ev == NULL)
        WRONG("the follower's socket cannot be watched");
    f->reading = false;
    read_on(f);
}
