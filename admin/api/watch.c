/*
 * Watching commits: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events),
 * one for each commit with a document that the watcher may see, its id the commit's number. Who
 * comes back with Last-Event-ID gets what it missed, from a ring in memory, else from the store's
 * history; where neither reaches back, 410. Who does not read is cut. Handler of endpoints.c.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "admin/api/api_priv.h"
#include "admin/api/history.h"
#include "clusters/publish/listener.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

enum {
    WATCHERS_MAGIC = 0x0a7c4e55,
    WATCHER_MAGIC = 0x0a7c4e01,
    WATCHERS_MAX = 256,
    WATCHERS_OF_CALLER_MAX = 16,
    RING_MAX = 1024,
    RING_BYTES_MAX = 8 << 20,
    DOCUMENTS_SHOWN_MAX = 1000, /* of a commit; it says how many there were */
    MISSED_MAX = 2000,          /* commits that are read from the store for one watcher */
    MISSED_BYTES_MAX = 32 << 20,
    MISSED_STEP = 50,
    UNSENT_MAX = 1 << 20,
    EVENT_MAX = 1 << 20,
    BEAT_S = 15
};

struct entry_document {
    char *tenant;
    char *line; /* the object that is shown */
};

/* A commit as watchers see it. */
struct entry {
    STAILQ_ENTRY(entry) next;
    uint64_t commit;
    int64_t at_ms;
    char *author;
    char *cause;
    char *tenant; /* whose all of it is; "": nobody's, or several have documents in it */
    struct entry_document *documents;
    size_t num_documents;
    size_t num_shown; /* of them are in `documents` */
    size_t bytes;
};

STAILQ_HEAD(entry_list, entry);

enum watcher_state { WATCHER_OPEN, WATCHER_CLOSED };

struct watcher {
    unsigned magic;
    enum watcher_state state;
    TAILQ_ENTRY(watcher) next; /* in the list of its state */
    struct watchers *owner;
    struct auth_caller caller;
    char tenant[API_CLUSTER_MAX + 1]; /* of the path; "" = all */
    struct evhttp_request *req;
    struct evhttp_connection *evcon; /* NULL once libevent has freed it */
    uint64_t sent; /* last commit: what the store told before we were told it is not sent twice */
};

TAILQ_HEAD(watcher_list, watcher);

struct watchers {
    unsigned magic;
    struct api *api;
    struct watcher_list open;
    struct watcher_list closed; /* freed at the end of the turn */
    size_t num_open;
    struct entry_list ring;
    size_t num_ring;
    size_t ring_bytes;
    uint64_t floor; /* the ring has every commit after this one */
    bool begun;     /* the floor is known */
    struct event *beat;
    struct event *bury;
};

/* ---- entries -----------------------------------------------------------------------------------
 */

static void entry_free(struct entry *en)
{
    for (size_t i = 0; i < en->num_shown; i++) {
        free(en->documents[i].tenant);
        free(en->documents[i].line);
    }
    free(en->documents);
    free(en->author);
    free(en->cause);
    free(en->tenant);
    free(en);
}

static struct entry *entry_new(uint64_t commit, int64_t at_ms, const char *author,
                               const char *cause, const char *tenant)
{
    struct entry *en = xcalloc(1, sizeof *en);

    en->commit = commit;
    en->at_ms = at_ms;
    en->author = xstrdup(author);
    en->cause = xstrdup(cause);
    en->tenant = xstrdup(tenant);
    en->bytes = sizeof *en + strlen(author) + strlen(cause);
    return en;
}

static void entry_add(void *arg, const struct history_document *d)
{
    struct entry *en = arg;
    struct answer a;

    en->num_documents++;
    if (en->num_shown == DOCUMENTS_SHOWN_MAX)
        return;
    if ((en->num_shown & (en->num_shown - 1)) == 0) /* at 0 and at each power of two */
        en->documents = xrealloc(en->documents, (en->num_shown > 0 ? en->num_shown * 2 : 1) *
                                                    sizeof en->documents[0]);
    answer_open(&a);
    answer_text(&a, "{\"kind\":", d->kind);
    answer_text(&a, ",\"tenant\":", d->tenant);
    answer_text(&a, ",\"name\":", d->name);
    answer_text(&a, ",\"change\":", d->deleted ? "delete" : "set");
    answer_add(&a, "}");
    en->documents[en->num_shown++] = (struct entry_document){xstrdup(d->tenant), buf_take(&a.b)};
    en->bytes +=
        sizeof en->documents[0] + strlen(d->tenant) + strlen(en->documents[en->num_shown - 1].line);
}

/* One that does not list all of its documents may have some of any tenant's, unless it is one
 * tenant's as a whole. */
static bool concerns(const struct entry *en, const char *tenant)
{
    if (tenant[0] == '\0' || strcmp(en->tenant, tenant) == 0)
        return true;
    if (en->tenant[0] == '\0' && en->num_documents > en->num_shown)
        return true;
    for (size_t i = 0; i < en->num_shown; i++) {
        if (strcmp(en->documents[i].tenant, tenant) == 0)
            return true;
    }
    return false;
}

/* "id: 812\nevent: commit\ndata: {…}\n\n"; nothing when it is not the tenant's. */
static void print_event(struct answer *a, const struct entry *en, const char *tenant)
{
    bool all = tenant[0] == '\0';

    if (!concerns(en, tenant))
        return;
    answer_number(a, "id: ", en->commit);
    answer_number(a, "\nevent: commit\ndata: {\"commit\":", en->commit);
    answer_number(a, ",\"at_ms\":", (uint64_t)en->at_ms);
    answer_text(a, ",\"author\":", history_author(en->author, tenant));
    answer_text(a, ",\"cause\":", en->cause);
    answer_add(a, ",\"documents\":[");
    for (size_t i = 0; i < en->num_shown; i++) {
        if (!all && strcmp(en->documents[i].tenant, tenant) != 0)
            continue;
        answer_separator(a);
        answer_add(a, en->documents[i].line);
    }
    answer_bool(a, "],\"complete\":", en->num_shown == en->num_documents);
    answer_add(a, "}\n\n");
}

/* ---- watchers ----------------------------------------------------------------------------------
 */

static void close_watcher(struct watcher *w)
{
    if (w->state == WATCHER_CLOSED)
        return;
    w->state = WATCHER_CLOSED;
    TAILQ_REMOVE(&w->owner->open, w, next);
    TAILQ_INSERT_TAIL(&w->owner->closed, w, next);
    w->owner->num_open--;
    event_active(w->owner->bury, 0, 0);
}

/*
 * libevent is about to free the connection. When the peer caused it, the request was taken off the
 * connection before and is ours to end; otherwise it goes with the connection.
 */
static void on_connection_closed(struct evhttp_connection *evcon, void *arg)
{
    struct watcher *w;

    (void)evcon;
    OBJ_CAST(w, arg, WATCHER_MAGIC);
    w->evcon = NULL;
    if (evhttp_request_get_connection(w->req) == NULL)
        evhttp_send_reply_end(w->req);
    w->req = NULL;
    close_watcher(w);
}

static void watcher_free(struct watcher *w)
{
    if (w->evcon != NULL) {
        evhttp_connection_set_closecb(w->evcon, NULL, NULL);
        evhttp_connection_free(w->evcon); /* and the request */
    }
    OBJ_KILL(w);
}

static void send_text(struct watcher *w, struct str text)
{
    struct evbuffer *out;
    size_t unsent;

    if (w->state == WATCHER_CLOSED || text.n == 0)
        return;
    unsent =
        evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(w->evcon)));
    if (unsent > UNSENT_MAX) {
        log_info("admin: a watcher does not read: cut with %zu bytes unsent", unsent);
        close_watcher(w);
        return;
    }
    out = evbuffer_new();
    ASSERT(out != NULL && evbuffer_add(out, text.p, text.n) == 0);
    evhttp_send_reply_chunk(w->req, out);
    evbuffer_free(out);
}

static void send_entry(struct watcher *w, const struct entry *en)
{
    struct answer a;

    if (en->commit <= w->sent)
        return;
    w->sent = en->commit;
    answer_open(&a);
    print_event(&a, en, w->tenant);
    if (a.fits)
        send_text(w, buf_str(&a.b));
    answer_free(&a);
}

static void bury(struct watchers *ws)
{
    struct watcher *w;

    while ((w = TAILQ_FIRST(&ws->closed)) != NULL) {
        TAILQ_REMOVE(&ws->closed, w, next);
        watcher_free(w);
    }
}

static void on_bury(evutil_socket_t fd, short what, void *arg)
{
    struct watchers *ws;

    (void)fd;
    (void)what;
    OBJ_CAST(ws, arg, WATCHERS_MAGIC);
    bury(ws);
}

/* Its token is still one, and its tenant is still there. */
static bool may_go_on(const struct watcher *w)
{
    const struct coordinator *c = w->owner->api->coordinator;
    struct write_document d;

    if (w->caller.id[0] != '\0' &&
        (!coordinator_document(c, INTENT_TOKEN, w->caller.tenant, w->caller.id, &d) ||
         (w->caller.expires_ms != 0 && clock_wall_ms() >= w->caller.expires_ms)))
        return false;
    return w->tenant[0] == '\0' || api_has_tenant(c, w->tenant);
}

/* A comment line, so that both ends notice when the other is gone. */
static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    struct watcher *w, *next;
    struct watchers *ws;

    (void)fd;
    (void)what;
    OBJ_CAST(ws, arg, WATCHERS_MAGIC);
    for (w = TAILQ_FIRST(&ws->open); w != NULL; w = next) {
        next = TAILQ_NEXT(w, next);
        if (may_go_on(w))
            send_text(w, STR(":\n\n"));
        else
            close_watcher(w);
    }
}

static void trim_ring(struct watchers *ws)
{
    while (ws->num_ring > RING_MAX || (ws->num_ring > 1 && ws->ring_bytes > RING_BYTES_MAX)) {
        struct entry *oldest = STAILQ_FIRST(&ws->ring);

        STAILQ_REMOVE_HEAD(&ws->ring, next);
        ws->floor = oldest->commit;
        ws->num_ring--;
        ws->ring_bytes -= oldest->bytes;
        entry_free(oldest);
    }
}

static void begin_ring(struct watchers *ws, uint64_t floor)
{
    if (!ws->begun)
        ws->floor = floor;
    ws->begun = true;
}

static const char *tenant_of(const struct write_event *event)
{
    for (size_t i = 1; i < event->num_ops; i++) {
        if (strcmp(event->ops[i].tenant, event->ops[0].tenant) != 0)
            return "";
    }
    return event->num_ops > 0 ? event->ops[0].tenant : "";
}

void watchers_commit(struct watchers *ws, const struct write_event *event)
{
    struct watcher *w, *next;
    struct entry *en =
        entry_new(event->commit, event->at_ms, event->author, event->cause, tenant_of(event));

    OBJ_CHECK(ws, WATCHERS_MAGIC);
    begin_ring(ws, event->commit - 1);
    for (size_t i = 0; i < event->num_ops; i++) {
        const struct write_op *op = &event->ops[i];

        entry_add(en, &(struct history_document){.kind = intent_kind_name(op->kind),
                                                 .tenant = op->tenant,
                                                 .name = op->name,
                                                 .deleted = op->value == NULL});
    }
    STAILQ_INSERT_TAIL(&ws->ring, en, next);
    ws->num_ring++;
    ws->ring_bytes += en->bytes;
    for (w = TAILQ_FIRST(&ws->open); w != NULL; w = next) {
        next = TAILQ_NEXT(w, next);
        if (may_go_on(w))
            send_entry(w, en);
        else
            close_watcher(w);
    }
    trim_ring(ws);
}

struct watchers *watchers_new(struct api *api)
{
    const struct timeval every = {BEAT_S, 0};
    struct watchers *ws = xcalloc(1, sizeof *ws);

    ws->magic = WATCHERS_MAGIC;
    ws->api = api;
    TAILQ_INIT(&ws->open);
    TAILQ_INIT(&ws->closed);
    STAILQ_INIT(&ws->ring);
    ws->beat = event_new(api->base, -1, EV_PERSIST, on_beat, ws);
    ws->bury = event_new(api->base, -1, 0, on_bury, ws);
    ASSERT(ws->beat != NULL && ws->bury != NULL && event_add(ws->beat, &every) == 0);
    return ws;
}

void watchers_free(struct watchers *ws)
{
    struct entry *en;

    if (ws == NULL)
        return;
    OBJ_CHECK(ws, WATCHERS_MAGIC);
    ASSERT(TAILQ_EMPTY(&ws->open));
    bury(ws);
    while ((en = STAILQ_FIRST(&ws->ring)) != NULL) {
        STAILQ_REMOVE_HEAD(&ws->ring, next);
        entry_free(en);
    }
    event_free(ws->beat);
    event_free(ws->bury);
    OBJ_KILL(ws);
}

/* ---- what was missed ----------------------------------------------------------------------------
 */

struct missed {
    uint64_t after;
    struct entry_list all; /* oldest first */
    bool reached;          /* a row that is not missed, or the very first commit */
    uint64_t oldest;       /* of the rows seen */
    size_t seen;
    size_t bytes; /* of their diffs */
};

/* Rows come newest first. */
static void take_row(void *arg, const struct store_commit_row *row)
{
    struct missed *m = arg;
    struct entry *en;

    m->seen++;
    m->bytes += strlen(row->diff_json);
    m->oldest = row->number;
    m->reached = m->reached || row->number <= m->after + 1;
    if (row->number <= m->after)
        return;
    en = entry_new(row->number, row->at_ms, row->author, row->cause, row->tenant);
    if (!history_each_document(row->diff_json, entry_add, en))
        en->num_documents++; /* more than was kept: it is not complete */
    STAILQ_INSERT_HEAD(&m->all, en, next);
}

static void take_ring(const struct watchers *ws, struct watcher *w, uint64_t after)
{
    const struct entry *en;

    STAILQ_FOREACH(en, &ws->ring, next)
    {
        if (en->commit > after)
            send_entry(w, en);
    }
}

/* 0, or the status that says why what came after `after` cannot be had. */
static int read_missed(struct api *api, const struct auth_caller *caller, struct missed *m)
{
    struct store *s = coordinator_reader(api->coordinator);
    struct err e = {0};

    while (s != NULL && !m->reached && m->seen < MISSED_MAX && m->bytes < MISSED_BYTES_MAX) {
        size_t seen = m->seen;

        if (!store_each_commit(s, NULL, m->oldest, MISSED_STEP, take_row, m, &e))
            return 503;
        api_charge(api, caller, 1);
        if (m->seen == seen)
            return 410;
    }
    if (s == NULL)
        return 503;
    return m->reached ? 0 : 410;
}

static int resume_status(struct api_call *call, uint64_t after, struct missed *m)
{
    const struct watchers *ws = call->api->watchers;
    uint64_t head = coordinator_head(call->coordinator);

    if (after > head)
        return 410; /* of another store */
    if (after == head || (ws->begun && after >= ws->floor))
        return 0;
    return read_missed(call->api, &call->caller, m);
}

static void missed_free(struct missed *m)
{
    struct entry *en;

    while ((en = STAILQ_FIRST(&m->all)) != NULL) {
        STAILQ_REMOVE_HEAD(&m->all, next);
        entry_free(en);
    }
}

/* ---- begin -------------------------------------------------------------------------------------
 */

static bool has_room(struct api_call *call)
{
    const struct watchers *ws = call->api->watchers;
    const struct watcher *w;
    struct err why = {0};
    size_t of_caller = 0;

    TAILQ_FOREACH(w, &ws->open, next)
    of_caller += strcmp(w->caller.id, call->caller.id) == 0;
    if (ws->num_open < WATCHERS_MAX && of_caller < WATCHERS_OF_CALLER_MAX)
        return true;
    err_set(&why, "TooManyWatchers", "", "%s already",
            of_caller < WATCHERS_OF_CALLER_MAX ? "too many watch" : "this token watches often");
    answer_problem(call->req, 429, &why);
    return false;
}

static void refuse_resume(struct api_call *call, int status)
{
    struct err why = {0};

    if (status == 410)
        err_set(&why, "Compacted", "Last-Event-ID",
                "what came after that commit is not kept any more; read anew, then watch");
    else
        err_set(&why, "StoreNotOpen", "", "the store cannot be read at the moment");
    answer_problem(call->req, status, &why);
}

static struct watcher *open_watcher(struct api_call *call, const char *tenant)
{
    struct watchers *ws = call->api->watchers;
    struct watcher *w = xcalloc(1, sizeof *w);

    w->magic = WATCHER_MAGIC;
    w->owner = ws;
    w->caller = call->caller;
    memcpy(w->tenant, tenant, sizeof w->tenant);
    w->req = call->req;
    w->evcon = evhttp_request_get_connection(call->req);
    TAILQ_INSERT_TAIL(&ws->open, w, next);
    ws->num_open++;
    answer_header(call->req, "Content-Type", "text/event-stream");
    answer_header(call->req, "Cache-Control", "no-store");
    evhttp_connection_set_closecb(w->evcon, on_connection_closed, w);
    listener_keep(call->api->listener, call->req);
    evhttp_send_reply_start(call->req, 200, "OK");
    return w;
}

static void greet(struct watcher *w, uint64_t head)
{
    char *hello =
        xasprintf("id: %" PRIu64 "\nevent: hello\ndata: {\"commit\":%" PRIu64 "}\n\n", head, head);

    send_text(w, str_from(hello));
    free(hello);
}

static void start(struct api_call *call, const char *tenant, bool resume, uint64_t after,
                  const struct missed *m)
{
    struct watchers *ws = call->api->watchers;
    struct watcher *w = open_watcher(call, tenant);
    const struct entry *en;

    begin_ring(ws, coordinator_head(call->coordinator));
    if (!resume) {
        greet(w, coordinator_head(call->coordinator));
        return;
    }
    if (STAILQ_EMPTY(&m->all)) {
        take_ring(ws, w, after);
        return;
    }
    STAILQ_FOREACH(en, &m->all, next)
    send_entry(w, en);
}

void api_watch(struct api_call *call)
{
    const char *last =
        evhttp_find_header(evhttp_request_get_input_headers(call->req), "Last-Event-ID");
    char tenant[API_CLUSTER_MAX + 1];
    struct missed m = {.after = 0};
    struct err why = {0};
    int status;

    STAILQ_INIT(&m.all);
    if (!api_tenant_of(call, tenant) || !has_room(call))
        return;
    if (evhttp_request_get_command(call->req) == EVHTTP_REQ_HEAD) {
        answer_header(call->req, "Content-Type", "text/event-stream");
        evhttp_send_reply(call->req, 200, "OK", NULL);
        return;
    }
    if (last != NULL && !str_to_u64(str_from(last), INT64_MAX - 1, &m.after)) {
        err_set(&why, "BadRequest", "Last-Event-ID", "it is the id of an event: a commit's number");
        answer_problem(call->req, 400, &why);
        return;
    }
    status = last != NULL ? resume_status(call, m.after, &m) : 0;
    if (status == 0)
        start(call, tenant, last != NULL, m.after, &m);
    else
        refuse_resume(call, status);
    missed_free(&m);
}
