/*
 * Joins holding, journal, stream, refusals and report for one cluster. Order of a commit: digest
 * checked (session.c), sent to the proxy, written to disk, and when the stream has nothing more at
 * the moment, synced: traffic does not wait for the disk.
 *
 * A proxy that does not keep up is not buffered for without end: beyond QUEUE_MAX the commits are
 * only held, and when the queue has drained the proxy gets the whole table, which is all it needs.
 * Called by follower.c.
 */
#include "gateway/follower/cluster_feed.h"

#include <inttypes.h>
#include <stdlib.h>

#include <event2/event.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/fetch/fetch.h"
#include "gateway/follower/holding.h"
#include "gateway/follower/journal.h"
#include "gateway/follower/proxy_link.h"
#include "gateway/follower/refusals.h"
#include "gateway/follower/reporter.h"
#include "gateway/follower/stream.h"

enum { CLUSTER_FEED_MAGIC = 0x63666565, QUEUE_MAX = 16 << 20, PIECE_BYTES = 64 << 10, DISK_S = 5 };

struct cluster_feed {
    unsigned magic;
    const struct follower_config *config;
    struct proxy_link *link;
    struct holding holding;
    struct journal *journal; /* NULL: no --state */
    struct fetch *fetch;
    struct stream *stream;
    struct reporter *reporter;
    struct refusals refusals;
    struct event *disk_timer;
    struct buf lines; /* frames being written */
    bool behind;      /* the proxy must get the whole table when its queue has drained */
    bool in_step;     /* as the last report said */
};

/* ---- to the proxy ------------------------------------------------------------------------------
 */

static void send_lines(struct cluster_feed *f)
{
    proxy_link_send(f->link, buf_str(&f->lines));
    buf_clear(&f->lines);
}

/* The buffer has room for the longest frame beyond PIECE_BYTES, so that writers cannot fail. */
static void send_object(struct cluster_feed *f, const struct holding_object *o)
{
    bool ok = o->value.p != NULL ? frame_write_set(&f->lines, o->kind, o->name, o->value)
                                 : frame_write_delete(&f->lines, o->kind, o->name);
    ASSERT(ok);
    if (f->lines.len >= PIECE_BYTES)
        send_lines(f);
}

static void send_commit(struct cluster_feed *f)
{
    char digest[FRAME_DIGEST_HEX + 1];
    holding_digest(&f->holding, digest);
    bool ok = frame_write_commit(&f->lines, f->holding.revision, digest);
    ASSERT(ok);
    send_lines(f);
}

static void send_table(struct cluster_feed *f)
{
    const struct holding_object *o;
    size_t pos = 0;
    f->behind = false;
    bool ok = frame_write_hello(&f->lines, f->config->cluster, f->holding.epoch,
                                f->holding.revision, true);
    ASSERT(ok);
    while ((o = holding_next(&f->holding, &pos)) != NULL)
        send_object(f, o);
    send_commit(f);
    refusals_sent(&f->refusals, f->holding.revision, NULL);
}

static void send_changes(struct cluster_feed *f, const struct holding_changes *changes)
{
    const struct holding_change *ch;
    STAILQ_FOREACH(ch, &changes->list, entry)
    send_object(f, ch->object);
    send_commit(f);
    refusals_sent(&f->refusals, f->holding.revision, changes);
}

static void forward(struct cluster_feed *f, const struct holding_changes *changes, bool snapshot)
{
    if (f->behind || proxy_link_queued(f->link) > QUEUE_MAX)
        f->behind = true;
    else if (snapshot)
        send_table(f);
    else
        send_changes(f, changes);
}

/* ---- from the coordinator ----------------------------------------------------------------------
 */

static void on_commit(void *arg, const struct holding_changes *changes, bool snapshot)
{
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    log_debug("revision %" PRIu64 " (%s)", f->holding.revision, snapshot ? "snapshot" : "delta");
    forward(f, changes, snapshot);
    if (f->journal != NULL)
        journal_commit(f->journal, &f->holding, changes, snapshot);
}

static void on_read(void *arg)
{
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    if (f->journal != NULL)
        journal_sync(f->journal);
    bool in_step = stream_in_step(f->stream);
    if (in_step && !f->in_step) {
        log_info("in step with the coordinator at revision %" PRIu64 ", %zu objects",
                 f->holding.revision, holding_num_objects(&f->holding));
        reporter_changed(f->reporter);
    }
    f->in_step = in_step;
}

/* A coordinator that has lost its store waits to hear what its gateways hold (docs/operations.md).
 */
static void on_unserved(void *arg)
{
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    reporter_changed(f->reporter);
}

static bool write_report(void *arg, struct buf *out)
{
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    return buf_add_fmt(out, "{\"node\":") && buf_add_json(out, str_from(f->config->node)) &&
           buf_add_fmt(out, ",\"applied\":%" PRIu64 ",\"refusals\":", f->refusals.applied) &&
           refusals_write(&f->refusals, out) &&
           buf_add_fmt(out, ",\"routes\":%zu,\"epoch\":", f->holding.num_routes) &&
           buf_add_json(out, str_from(f->holding.epoch)) &&
           buf_add_fmt(out, ",\"stale\":%s}", stream_in_step(f->stream) ? "false" : "true");
}

/* ---- from the proxy ----------------------------------------------------------------------------
 */

void cluster_feed_ack(struct cluster_feed *f, uint64_t revision)
{
    OBJ_CHECK(f, CLUSTER_FEED_MAGIC);
    refusals_ack(&f->refusals, revision);
    reporter_changed(f->reporter);
}

void cluster_feed_nack(struct cluster_feed *f, enum route_kind kind, const char *name,
                       const struct err *why)
{
    OBJ_CHECK(f, CLUSTER_FEED_MAGIC);
    refusals_nack(&f->refusals, kind, name, why);
}

void cluster_feed_drained(struct cluster_feed *f)
{
    OBJ_CHECK(f, CLUSTER_FEED_MAGIC);
    if (f->behind)
        send_table(f);
}

/* ---- start and end -----------------------------------------------------------------------------
 */

static void on_disk_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* a timer has none */
    (void)what;
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    journal_retry(f->journal, &f->holding);
}

/* A state that cannot be used is no reason not to start: the coordinator has the table. */
static void load_state(struct cluster_feed *f)
{
    struct err e = {0};
    f->journal = journal_new(f->config->state, f->config->cluster);
    if (!journal_load(f->journal, &f->holding, &e)) {
        log_error("%s; starting without it", e.text);
        return;
    }
    if (!f->holding.valid)
        return;
    log_info("serving revision %" PRIu64 " with %zu objects from %s until the coordinator answers",
             f->holding.revision, holding_num_objects(&f->holding), f->config->state);
    send_table(f);
}

static void start_disk_timer(struct cluster_feed *f, struct event_base *base)
{
    struct timeval every = {.tv_sec = DISK_S};
    f->disk_timer = event_new(base, -1, EV_PERSIST, on_disk_timer, f);
    if (f->disk_timer == NULL || event_add(f->disk_timer, &every) != 0)
        WRONG("a timer cannot be set");
}

static void start_stream(struct cluster_feed *f, struct event_base *base)
{
    struct stream_config stream = {.base = base,
                                   .fetch = f->fetch,
                                   .coordinator = f->config->coordinator,
                                   .cluster = f->config->cluster,
                                   .gateway = f->config->gateway,
                                   .node = f->config->node,
                                   .token_file = f->config->token_file,
                                   .accept_older_epoch = f->config->accept_older_epoch,
                                   .holding = &f->holding,
                                   .on_commit = on_commit,
                                   .on_read = on_read,
                                   .on_unserved = on_unserved,
                                   .arg = f};
    struct reporter_config reporter = {.base = base,
                                       .fetch = f->fetch,
                                       .coordinator = f->config->coordinator,
                                       .cluster = f->config->cluster,
                                       .gateway = f->config->gateway,
                                       .token_file = f->config->token_file,
                                       .write = write_report,
                                       .arg = f};
    f->reporter = reporter_new(&reporter);
    f->stream = stream_new(&stream);
}

struct cluster_feed *cluster_feed_new(struct event_base *base, const struct follower_config *config,
                                      struct proxy_link *link, struct err *e)
{
    struct fetch *fetch = fetch_new(base, e);
    if (fetch == NULL)
        return NULL;
    struct cluster_feed *f = xcalloc(1, sizeof(*f));
    f->magic = CLUSTER_FEED_MAGIC;
    f->config = config;
    f->link = link;
    f->fetch = fetch;
    holding_init(&f->holding);
    refusals_init(&f->refusals);
    buf_init(&f->lines, PIECE_BYTES + FRAME_LINE_MAX + 4096);
    if (config->state != NULL) {
        load_state(f);
        start_disk_timer(f, base);
    }
    start_stream(f, base);
    return f;
}

void cluster_feed_free(struct cluster_feed *f)
{
    if (f == NULL)
        return;
    OBJ_CHECK(f, CLUSTER_FEED_MAGIC);
    stream_free(f->stream);
    reporter_free(f->reporter);
    fetch_free(f->fetch);
    if (f->journal != NULL)
        journal_sync(f->journal);
    journal_free(f->journal);
    if (f->disk_timer != NULL)
        event_free(f->disk_timer);
    refusals_free(&f->refusals);
    holding_free(&f->holding);
    buf_free(&f->lines);
    OBJ_KILL(f);
}
