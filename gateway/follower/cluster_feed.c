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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

enum {
    CLUSTER_FEED_MAGIC = 0x63666565,
    QUEUE_MAX = 16 << 20,
    STATS_MAX = 256 << 10,
    PIECE_BYTES = 64 << 10,
    TICK_S = 5
};

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
    struct event *tick;
    struct buf lines; /* frames being written */
    struct buf stats; /* the proxy's newest; empty: none yet */
    bool behind;      /* the proxy must get the whole table when its queue has drained */
    bool in_step;     /* as the last report said */
    bool parts_sent;  /* of a table whose commit has not come */
    struct {
        bool stale;
        char complaint[ERR_TEXT_MAX];
    } told; /* in the last status */
};

/* ---- to the proxy ------------------------------------------------------------------------------
 */

static void send_lines(struct cluster_feed *f)
{
    proxy_link_send(f->link, buf_str(&f->lines));
    buf_clear(&f->lines);
}

/* The buffer has room for the longest frame beyond PIECE_BYTES, so that writers cannot fail. */
static void send_part(struct cluster_feed *f, enum route_kind kind, struct str name,
                      struct str value)
{
    bool ok = value.p != NULL ? frame_write_set(&f->lines, kind, name, value)
                              : frame_write_delete(&f->lines, kind, name);
    ASSERT(ok);
    if (f->lines.len >= PIECE_BYTES)
        send_lines(f);
}

static void send_object(struct cluster_feed *f, const struct holding_object *o)
{
    send_part(f, o->kind, o->name, o->value);
}

/* A snapshot begins; what the proxy was given without a commit is void. */
static void send_hello(struct cluster_feed *f, const char *epoch, uint64_t revision)
{
    bool ok = frame_write_hello(&f->lines, f->config->cluster, epoch, revision, true);
    ASSERT(ok);
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
    send_hello(f, f->holding.epoch, f->holding.revision);
    while ((o = holding_next(&f->holding, &pos)) != NULL)
        send_object(f, o);
    send_commit(f);
    refusals_sent(&f->refusals, f->holding.revision, NULL);
}

static void send_changes(struct cluster_feed *f, const struct holding_changes *changes)
{
    const struct holding_object *o;
    TAILQ_FOREACH(o, &changes->list, entry)
    send_object(f, o);
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

/*
 * How fresh the table is and what the journal suffers, for the proxy's /readyz and metrics: at each
 * change and with each tick. A proxy that does not keep up does not get more to read.
 */
static void tell_status(struct cluster_feed *f, bool anyway)
{
    const char *complaint = f->journal != NULL ? journal_complaint(f->journal) : "";
    bool stale = !stream_in_step(f->stream);
    if (!anyway && stale == f->told.stale && strcmp(complaint, f->told.complaint) == 0)
        return;
    if (proxy_link_queued(f->link) > QUEUE_MAX)
        return;
    bool ok = frame_write_status(&f->lines, stale, stream_age_ms(f->stream), complaint);
    ASSERT(ok);
    send_lines(f);
    f->told.stale = stale;
    snprintf(f->told.complaint, sizeof(f->told.complaint), "%s", complaint);
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
    tell_status(f, false);
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
    tell_status(f, false);
}

static void on_lost(void *arg, const struct err *why)
{
    (void)why; /* stream.c has logged it */
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    f->in_step = false;
    tell_status(f, false);
}

/* A coordinator that has lost its store waits to hear what its gateways hold (docs/operations.md).
 */
static void on_unserved(void *arg)
{
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    reporter_changed(f->reporter);
}

/* The last ack may still be of an older epoch, whose revisions say nothing about this one. */
static uint64_t applied_of_epoch(const struct cluster_feed *f)
{
    return f->refusals.applied <= f->holding.revision ? f->refusals.applied : 0;
}

static bool write_report(void *arg, struct buf *out)
{
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    return buf_add_fmt(out, "{\"node\":") && buf_add_json(out, str_from(f->config->node)) &&
           buf_add_fmt(out, ",\"applied\":%" PRIu64 ",\"refusals\":", applied_of_epoch(f)) &&
           refusals_write(&f->refusals, out) &&
           buf_add_fmt(out, ",\"routes\":%zu,\"epoch\":", f->holding.num_routes) &&
           buf_add_json(out, str_from(f->holding.epoch)) &&
           buf_add_fmt(out, ",\"stale\":%s", stream_in_step(f->stream) ? "false" : "true") &&
           (f->stats.len == 0 ||
            (buf_add_str(out, STR(",\"stats\":")) && buf_add_str(out, buf_str(&f->stats)))) &&
           buf_add_str(out, STR("}"));
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

/* As they are: the coordinator judges them. */
void cluster_feed_stats(struct cluster_feed *f, struct str json)
{
    OBJ_CHECK(f, CLUSTER_FEED_MAGIC);
    buf_clear(&f->stats);
    if (!buf_add_str(&f->stats, json))
        log_warn("the proxy's numbers are more than %d bytes: they are not reported",
                 (int)STATS_MAX);
}

void cluster_feed_drained(struct cluster_feed *f)
{
    OBJ_CHECK(f, CLUSTER_FEED_MAGIC);
    if (f->behind)
        send_table(f);
}

/* ---- start and end -----------------------------------------------------------------------------
 */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* a timer has none */
    (void)what;
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    if (f->journal != NULL)
        journal_retry(f->journal, &f->holding);
    tell_status(f, true);
}

static void on_read_part(void *arg, enum route_kind kind, struct str name, struct str value)
{
    struct cluster_feed *f;
    OBJ_CAST(f, arg, CLUSTER_FEED_MAGIC);
    if (!f->parts_sent)
        send_hello(f, "0-state", 0);
    f->parts_sent = true;
    send_part(f, kind, name, value);
}

/*
 * The proxy decodes while the file is read: a table of 100,000 routes takes both of them most of a
 * second. It gets the commit when the file was found right to its end, else a hello, which makes it
 * forget. A state that cannot be used is no reason not to start: the coordinator has the table.
 */
static void load_state(struct cluster_feed *f)
{
    struct err e = {0};
    struct journal_reader reader = {.part = on_read_part, .arg = f};
    f->journal = journal_new(f->config->state, f->config->cluster);
    if (!journal_load(f->journal, &f->holding, &reader, &e)) {
        log_error("%s; starting without it", e.text);
        if (f->parts_sent)
            send_hello(f, "0-none", 0);
        send_lines(f);
        return;
    }
    if (!f->holding.valid)
        return;
    if (f->parts_sent) {
        send_commit(f);
        refusals_sent(&f->refusals, f->holding.revision, NULL);
    } else {
        send_table(f); /* an empty one */
    }
    log_info("serving revision %" PRIu64 " with %zu objects from %s until the coordinator answers",
             f->holding.revision, holding_num_objects(&f->holding), f->config->state);
}

static void start_tick(struct cluster_feed *f, struct event_base *base)
{
    struct timeval every = {.tv_sec = TICK_S};
    f->tick = event_new(base, -1, EV_PERSIST, on_tick, f);
    if (f->tick == NULL || event_add(f->tick, &every) != 0)
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
                                   .on_lost = on_lost,
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
    buf_init(&f->stats, STATS_MAX);
    buf_init(&f->lines, PIECE_BYTES + FRAME_LINE_MAX + 4096);
    if (config->state != NULL)
        load_state(f);
    start_stream(f, base);
    start_tick(f, base);
    tell_status(f, true);
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
    event_free(f->tick);
    refusals_free(&f->refusals);
    holding_free(&f->holding);
    buf_free(&f->lines);
    buf_free(&f->stats);
    OBJ_KILL(f);
}
