/*
 * Joins a source of frames to the proxy: sends what table_file.c reads down the frames socket and
 * keeps it from reading ahead of a slow proxy, or lets cluster_feed.c do its own sending. It judges
 * no object; the proxy does. Called by follower_main.c.
 */
#include "gateway/follower/follower.h"

#include <signal.h>

#include <event2/event.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/follower/cluster_feed.h"
#include "gateway/follower/proxy_link.h"
#include "gateway/follower/table_file.h"
#include "gateway/wire/frame.h"

enum {
    FOLLOWER_MAGIC = 0x666f6c6c,
    BATCH_BYTES = 64 << 10,     /* of lines that leave together */
    QUEUE_PAUSE_BYTES = 1 << 20 /* of frames the proxy has not taken: the file waits */
};

struct follower {
    unsigned magic;
    const struct follower_config *config;
    struct event_base *base;
    struct proxy_link *link;
    struct table_file *file; /* one of these two is the source */
    struct cluster_feed *feed;
    struct event *signals[2];
    struct buf lines; /* not sent yet: BATCH_BYTES, the line that passes them, and some */
    bool paused;
};

static void send_lines(struct follower *f)
{
    proxy_link_send(f->link, buf_str(&f->lines));
    buf_clear(&f->lines);
}

static void on_snapshot(void *arg)
{
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    const char *cluster = f->config->cluster != NULL ? f->config->cluster : "file";
    if (!frame_write_hello(&f->lines, cluster, "0-file", 0, true))
        WRONG("a hello does not fit a frame");
    send_lines(f);
}

static void on_frame(void *arg, const struct frame *frame, struct str line)
{
    (void)frame; /* judged already; the proxy gets the line as it was written */
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    if (!buf_add_str(&f->lines, line) || !buf_add(&f->lines, "\n", 1))
        WRONG("a line within its cap does not fit");
    if (f->lines.len >= BATCH_BYTES)
        send_lines(f);
}

static void on_piece(void *arg)
{
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    send_lines(f);
}

static bool may_read(void *arg)
{
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    f->paused = proxy_link_queued(f->link) > QUEUE_PAUSE_BYTES;
    return !f->paused;
}

static void on_drained(void *arg)
{
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    if (f->file != NULL && f->paused)
        table_file_resume(f->file);
    if (f->feed != NULL)
        cluster_feed_drained(f->feed);
}

static void on_ack(void *arg, uint64_t revision)
{
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    log_debug("the proxy has adopted revision %llu", (unsigned long long)revision);
    if (f->feed != NULL)
        cluster_feed_ack(f->feed, revision);
}

/* The proxy has logged it already. */
static void on_nack(void *arg, enum route_kind kind, const char *name, const struct err *why)
{
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    log_debug("the proxy refused %s \"%s\": %s (%s%s%s)", route_kind_name(kind), name, why->text,
              why->code, why->field[0] != '\0' ? " at " : "", why->field);
    if (f->feed != NULL)
        cluster_feed_nack(f->feed, kind, name, why);
}

/* Who follows a file has nobody to report to. */
static void on_stats(void *arg, struct str json)
{
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    if (f->feed != NULL)
        cluster_feed_stats(f->feed, json);
}

static void on_gone(void *arg)
{
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    log_info("the proxy closed the frames socket; the follower ends");
    if (event_base_loopbreak(f->base) != 0)
        WRONG("the event loop cannot be ended");
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)what; /* only EV_SIGNAL is asked for */
    struct follower *f;
    OBJ_CAST(f, arg, FOLLOWER_MAGIC);
    log_info("signal %d: the follower ends", (int)number);
    if (event_base_loopbreak(f->base) != 0)
        WRONG("the event loop cannot be ended");
}

static bool watch_signals(struct follower *f, struct err *e)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        f->signals[i] = evsignal_new(f->base, numbers[i], on_signal, f);
        if (f->signals[i] == NULL || event_add(f->signals[i], NULL) != 0)
            return err_set(e, "NoLoop", "", "signals cannot be watched");
    }
    return true;
}

static bool start(struct follower *f, struct err *e)
{
    struct proxy_link_config link = {.base = f->base,
                                     .fd = f->config->frames_fd,
                                     .on_ack = on_ack,
                                     .on_nack = on_nack,
                                     .on_stats = on_stats,
                                     .on_drained = on_drained,
                                     .on_gone = on_gone,
                                     .arg = f};
    f->link = proxy_link_new(&link, e);
    if (f->link == NULL || !watch_signals(f, e))
        return false;
    if (f->config->table == NULL) {
        f->feed = cluster_feed_new(f->base, f->config, f->link, e);
        return f->feed != NULL;
    }
    struct table_file_config file = {.base = f->base,
                                     .path = f->config->table,
                                     .on_snapshot = on_snapshot,
                                     .on_frame = on_frame,
                                     .on_piece = on_piece,
                                     .may_read = may_read,
                                     .arg = f};
    f->file = table_file_new(&file, e);
    return f->file != NULL;
}

static void stop(struct follower *f)
{
    table_file_free(f->file);
    cluster_feed_free(f->feed);
    proxy_link_free(f->link);
    for (size_t i = 0; i < sizeof(f->signals) / sizeof(f->signals[0]); i++)
        if (f->signals[i] != NULL) /* late: until here a SIGTERM does not cut the end short */
            event_free(f->signals[i]);
    buf_free(&f->lines);
    event_base_free(f->base);
}

bool follower_run(const struct follower_config *config, struct err *e)
{
    struct follower f = {.magic = FOLLOWER_MAGIC, .config = config};
    buf_init(&f.lines, FRAME_LINE_MAX + BATCH_BYTES + 4096);
    f.base = event_base_new();
    if (f.base == NULL)
        return err_set(e, "NoLoop", "", "libevent has no usable event loop");
    bool ok = start(&f, e);
    if (ok && event_base_dispatch(f.base) < 0)
        ok = err_set(e, "NoLoop", "", "the event loop failed");
    stop(&f);
    return ok;
}
