/*
 * The sample application: a small HTTP/1.1 server that answers who it is and what it was asked, as
 * JSON. Deployed by deploy/try behind the two clusters, and the backend of the tests. It is polite
 * at its end, as an application behind any balancer should be: after SIGTERM it still answers for
 * --grace milliseconds, with "Connection: close". It does not do TLS, HTTP/2 or anything clever.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/obj.h"
#include "gateway/core/str.h"

enum {
    ORIGIN_MAGIC = 0x6f726967,
    LATE_MAGIC = 0x6c617465,
    BODY_MAX = 64 << 20,
    BYTES_MAX = 1 << 30,
    DELAY_MAX_MS = 60000,
    REPLY_MAX = 1 << 20,
    BLOCK = 64 << 10
};

struct origin {
    unsigned magic;
    struct event_base *base;
    char instance[256];
    uint64_t delay_ms; /* before every answer */
    uint64_t grace_ms; /* after SIGTERM */
    bool draining;
};

/* An answer that waits for its time. The request may die before: then `req` is NULL. */
struct late {
    unsigned magic;
    struct origin *origin;
    struct evhttp_request *req;
    struct event *timer;
};

static uint64_t query_number(const struct evhttp_uri *uri, const char *name, uint64_t max,
                             uint64_t absent)
{
    struct evkeyvalq params;
    const char *query = evhttp_uri_get_query(uri);
    if (query == NULL || evhttp_parse_query_str(query, &params) != 0)
        return absent;
    uint64_t n = absent;
    const char *value = evhttp_find_header(&params, name);
    if (value != NULL && !str_to_u64(str_from(value), max, &n))
        n = absent;
    evhttp_clear_headers(&params);
    return n;
}

static void add_field(struct buf *b, const char *name, const char *value)
{
    ASSERT(buf_add_fmt(b, "%s\"%s\":", b->len > 1 ? "," : "", name));
    ASSERT(value != NULL ? buf_add_json(b, str_from(value)) : buf_add_str(b, STR("null")));
}

static const char *method_name(enum evhttp_cmd_type type)
{
    switch (type) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    case EVHTTP_REQ_OPTIONS:
        return "OPTIONS";
    default:
        return "OTHER";
    }
}

static void add_description(struct evbuffer *out, struct evhttp_request *req,
                            const struct origin *o)
{
    struct evkeyvalq *in = evhttp_request_get_input_headers(req);
    char *peer = NULL;
    ev_uint16_t port = 0;
    evhttp_connection_get_peer(evhttp_request_get_connection(req), &peer, &port);

    struct buf b;
    buf_init(&b, REPLY_MAX);
    ASSERT(buf_add_str(&b, STR("{")));
    add_field(&b, "instance", o->instance);
    add_field(&b, "host", evhttp_find_header(in, "Host"));
    add_field(&b, "path", evhttp_request_get_uri(req));
    add_field(&b, "method", method_name(evhttp_request_get_command(req)));
    add_field(&b, "x-forwarded-for", evhttp_find_header(in, "X-Forwarded-For"));
    add_field(&b, "x-forwarded-proto", evhttp_find_header(in, "X-Forwarded-Proto"));
    add_field(&b, "x-forwarded-host", evhttp_find_header(in, "X-Forwarded-Host"));
    add_field(&b, "x-real-ip", evhttp_find_header(in, "X-Real-IP"));
    add_field(&b, "peer", peer);
    ASSERT(buf_add_str(&b, STR("}\n")));
    evbuffer_add(out, b.bytes, b.len);
    buf_free(&b);
}

static void add_bytes(struct evbuffer *out, uint64_t n)
{
    static char block[BLOCK];
    memset(block, 'x', sizeof(block));
    for (; n > sizeof(block); n -= sizeof(block))
        evbuffer_add_reference(out, block, sizeof(block), NULL, NULL);
    evbuffer_add_reference(out, block, (size_t)n, NULL, NULL);
}

static void reply_to(struct evhttp_request *req, const struct origin *o)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = evhttp_uri_get_path(uri);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *body = evbuffer_new();
    ASSERT(body != NULL);
    const char *type = "application/json";
    int status = 200;

    if (strcmp(path, "/bytes") == 0) {
        type = "application/octet-stream";
        add_bytes(body, query_number(uri, "n", BYTES_MAX, 0));
    } else if (strcmp(path, "/echo") == 0) {
        type = "application/octet-stream";
        evbuffer_add_buffer(body, evhttp_request_get_input_buffer(req));
    } else {
        if (strcmp(path, "/status") == 0)
            status = (int)query_number(uri, "code", 599, 200);
        add_description(body, req, o);
    }
    evhttp_add_header(headers, "Content-Type", type);
    if (o->draining)
        evhttp_add_header(headers, "Connection", "close");
    evhttp_send_reply(req, status, NULL, body);
    evbuffer_free(body);
}

static void late_free(struct late *l)
{
    event_free(l->timer);
    OBJ_KILL(l);
}

static void late_cut(struct evhttp_connection *conn, void *arg)
{
    (void)conn;
    struct late *l;
    OBJ_CAST(l, arg, LATE_MAGIC);
    l->req = NULL;
}

static void late_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct late *l;
    OBJ_CAST(l, arg, LATE_MAGIC);
    if (l->req != NULL) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(l->req), NULL, NULL);
        reply_to(l->req, l->origin);
    }
    late_free(l);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct origin *o;
    OBJ_CAST(o, arg, ORIGIN_MAGIC);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    uint64_t ms = o->delay_ms;
    if (strcmp(evhttp_uri_get_path(uri), "/slow") == 0)
        ms += query_number(uri, "ms", DELAY_MAX_MS, 0);
    if (ms == 0) {
        reply_to(req, o);
        return;
    }
    struct late *l = xcalloc(1, sizeof(*l));
    l->magic = LATE_MAGIC;
    l->origin = o;
    l->req = req;
    l->timer = evtimer_new(o->base, late_due, l);
    ASSERT(l->timer != NULL);
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), late_cut, l);
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(l->timer, &tv);
}

static void on_term(evutil_socket_t sig, short what, void *arg)
{
    (void)sig;
    (void)what;
    struct origin *o;
    OBJ_CAST(o, arg, ORIGIN_MAGIC);
    if (o->draining)
        return;
    o->draining = true;
    struct timeval tv = {.tv_sec = (time_t)(o->grace_ms / 1000),
                         .tv_usec = (suseconds_t)(o->grace_ms % 1000) * 1000};
    event_base_loopexit(o->base, &tv);
}

static int serve(struct origin *o, uint16_t port)
{
    o->base = event_base_new();
    ASSERT(o->base != NULL);
    struct evhttp *http = evhttp_new(o->base);
    ASSERT(http != NULL);
    evhttp_set_max_body_size(http, BODY_MAX);
    evhttp_set_max_headers_size(http, 64 << 10);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                         EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH |
                                         EVHTTP_REQ_OPTIONS);
    evhttp_set_gencb(http, on_request, o);
    if (evhttp_bind_socket(http, "0.0.0.0", port) != 0) {
        fprintf(stderr, "origin: port %u cannot be bound: is it taken?\n", port);
        return 1;
    }
    struct event *term = evsignal_new(o->base, SIGTERM, on_term, o);
    ASSERT(term != NULL);
    evsignal_add(term, NULL);
    fprintf(stderr, "origin: %s serves port %u\n", o->instance, port);
    event_base_dispatch(o->base);
    event_free(term);
    evhttp_free(http);
    event_base_free(o->base);
    return 0;
}

int main(int argc, char **argv)
{
    struct origin o = {.magic = ORIGIN_MAGIC, .grace_ms = 2000};
    uint64_t port = 8080;
    if (gethostname(o.instance, sizeof(o.instance) - 1) != 0)
        snprintf(o.instance, sizeof(o.instance), "unnamed");
    bool good = true;
    for (int i = 1; good && i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--port") == 0)
            good = str_to_u64(str_from(value), 65535, &port);
        else if (strcmp(argv[i], "--delay") == 0)
            good = str_to_u64(str_from(value), DELAY_MAX_MS, &o.delay_ms);
        else if (strcmp(argv[i], "--grace") == 0)
            good = str_to_u64(str_from(value), DELAY_MAX_MS, &o.grace_ms);
        else if (strcmp(argv[i], "--name") == 0 && *value != '\0')
            snprintf(o.instance, sizeof(o.instance), "%s", value);
        else
            good = false;
    }
    if (!good) {
        fprintf(stderr,
                "usage: origin [--port 8080] [--delay MS] [--grace MS] [--name NAME]\n"
                "paths: / (JSON), /slow?ms=N, /bytes?n=N, /status?code=N, /echo (the body)\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    return serve(&o, (uint16_t)port);
}
