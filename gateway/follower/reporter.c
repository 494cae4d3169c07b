/*
 * The follower's way back to the coordinator: POST .../gateways/{id}/report. A report that fails is
 * not repeated for itself; the next change or the next 10 s bring a newer one. It knows nothing of
 * what it sends. Called by follower.c.
 */
#include "gateway/follower/reporter.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/fetch/fetch.h"
#include "gateway/follower/stream.h"

enum {
    REPORTER_MAGIC = 0x72707274,
    EVERY_S = 10,
    TIMEOUT_MS = 8000,
    BODY_MAX = 768 << 10,
    ANSWER_MAX = 16 << 10,
    HEADER_MAX = 2048
};

/* IDLE: nothing in flight. FLYING: a report is under way. AGAIN: and there is news since. */
enum reporter_state { REPORTER_IDLE, REPORTER_FLYING, REPORTER_AGAIN };

struct reporter {
    unsigned magic;
    struct reporter_config config;
    enum reporter_state state;
    struct fetch_call *call; /* not IDLE */
    struct event *timer;
    char *url;
    long last_status; /* of the last answer, so that a change is logged once */
};

static void on_done(void *arg, const struct fetch_reply *reply);

static void note_status(struct reporter *r, long status)
{
    if (status == r->last_status)
        return;
    if (status >= 400)
        log_warn("the coordinator answered a report with status %ld", status);
    else
        log_debug("reports are answered with status %ld", status);
    r->last_status = status;
}

static bool start_call(struct reporter *r, struct err *e)
{
    struct buf body;
    struct buf authorization;
    buf_init(&body, BODY_MAX);
    buf_init(&authorization, HEADER_MAX);
    bool ok = stream_authorization(r->config.token_file, &authorization, e);
    if (ok && !r->config.write(r->config.arg, &body))
        ok = err_set(e, "TooLarge", "", "the report is too large");
    if (ok) {
        const char *const headers[] = {authorization.bytes, "Content-Type: application/json", NULL};
        struct fetch_request rq = {.url = r->url,
                                   .method = "POST",
                                   .headers = headers,
                                   .body = buf_str(&body),
                                   .total_timeout_ms = TIMEOUT_MS,
                                   .body_max = ANSWER_MAX,
                                   .on_done = on_done,
                                   .arg = r};
        r->call = fetch_start(r->config.fetch, &rq, e);
        ok = r->call != NULL;
    }
    if (authorization.len > 0)
        explicit_bzero(authorization.bytes, authorization.len);
    buf_free(&authorization);
    buf_free(&body);
    return ok;
}

static void send_report(struct reporter *r)
{
    struct err e = {0};
    ASSERT(r->state == REPORTER_IDLE);
    if (start_call(r, &e))
        r->state = REPORTER_FLYING;
    else
        log_debug("no report: %s", e.text);
}

static void on_done(void *arg, const struct fetch_reply *reply)
{
    struct reporter *r;
    OBJ_CAST(r, arg, REPORTER_MAGIC);
    bool again = r->state == REPORTER_AGAIN;
    r->call = NULL;
    r->state = REPORTER_IDLE;
    if (reply->failure.code != NULL)
        log_debug("a report did not arrive: %s", reply->failure.text);
    else
        note_status(r, reply->status);
    if (again) /* also after a failure: the coordinator may have moved meanwhile */
        send_report(r);
}

void reporter_changed(struct reporter *r)
{
    OBJ_CHECK(r, REPORTER_MAGIC);
    if (r->state == REPORTER_IDLE)
        send_report(r);
    else
        r->state = REPORTER_AGAIN;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* a timer has none */
    (void)what;
    struct reporter *r;
    OBJ_CAST(r, arg, REPORTER_MAGIC);
    reporter_changed(r);
}

struct reporter *reporter_new(const struct reporter_config *config)
{
    struct timeval every = {.tv_sec = EVERY_S};
    struct reporter *r = xcalloc(1, sizeof(*r));
    size_t n = strlen(config->coordinator);
    while (n > 0 && config->coordinator[n - 1] == '/')
        n--;
    r->magic = REPORTER_MAGIC;
    r->config = *config;
    r->url = xasprintf("%.*s/v1/clusters/%s/gateways/%s/report", (int)n, config->coordinator,
                       config->cluster, config->gateway);
    r->timer = event_new(config->base, -1, EV_PERSIST, on_timer, r);
    ASSERT(r->timer != NULL);
    if (event_add(r->timer, &every) != 0)
        WRONG("a timer cannot be set");
    return r;
}

void reporter_free(struct reporter *r)
{
    if (r == NULL)
        return;
    OBJ_CHECK(r, REPORTER_MAGIC);
    fetch_cancel(r->call);
    event_free(r->timer);
    free(r->url);
    OBJ_KILL(r);
}
