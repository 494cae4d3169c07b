/*
 * Request heads and the framing of request bodies: reads, parses, refuses, and hands a good request
 * to exchange. Knows nothing of endpoints. Bytes that follow a request stay in the block until its
 * response has been sent: pipelined requests are answered one after the other.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/h2_session.h"
#include "gateway/http/proxy_header.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/h2_client.h"
#include "gateway/proxy/policy.h"
#include "gateway/proxy/retry.h"
#include "gateway/table/table.h"

/* Reads what has come into the rest of the block. */
static bool fill(struct conn *c)
{
    size_t n;

    if (c->in == NULL)
        c->in = bufpool_get(&c->proxy->loop->bufs);
    switch (sock_recv(&c->sock, c->in + c->in_len, BUFPOOL_BYTES - c->in_len, &n)) {
    case IO_DONE:
        c->in_len += (uint32_t)n;
        c->in_fresh = true;
        return true;
    case IO_AGAIN:
        break;
    case IO_EOF:
        conn_close(c, c->in_len == 0 ? CLOSE_CLIENT_EOF : CLOSE_CLIENT_EOF_IN_HEAD);
        return false;
    case IO_FAIL:
        conn_close(c, CLOSE_CLIENT_RESET);
        return false;
    }
    if (c->in_len == 0)
        bufpool_put(&c->proxy->loop->bufs, &c->in);
    return false;
}

bool request_scan_body(struct conn *c)
{
    struct exchange *x = c->x;
    size_t got = c->in_len - x->body_end, used = 0;

    if (x->request_read)
        return true;
    if (x->framing == H1_BODY_LENGTH) {
        used = got < x->left ? got : (size_t)x->left;
        x->left -= used;
        x->request_read = x->left == 0;
    } else if (x->framing == H1_BODY_CHUNKED) {
        struct str bytes = {c->in + x->body_end, got};
        enum h1_chunk_event ev = h1_chunked_pass(x->chunks, bytes, &used);

        if (ev == H1_CHUNK_BAD)
            return false;
        x->request_read = ev == H1_CHUNK_END;
    } else {
        x->request_read = true;
    }
    x->body_end += (uint32_t)used;
    return true;
}

/* A length is known with the head, of which all bytes are still there; chunks tell as they come. */
bool request_is_too_large(const struct conn *c)
{
    const struct exchange *x = c->x;

    if (x->framing == H1_BODY_CHUNKED)
        return x->chunks->payload > x->body_max;
    return x->intact && x->left + (x->body_end - x->head_len) > x->body_max;
}

/*
 * Content of these methods means nothing (RFC 9110 section 9.3.1). A service that leaves it unread
 * takes it for the next request on its connection: that must not be a request of somebody else.
 */
static bool has_stray_body(const struct h1_head *h, struct str method)
{
    return h->framing != H1_BODY_NONE &&
           (str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")) ||
            str_eq(method, STR("OPTIONS")));
}

static void begin(struct conn *c, const struct h1_head *h)
{
    struct str method = h1_method(h, c->in);
    struct exchange *x;

    conn_begin_exchange(c);
    policy_find_client(c, h);
    account_head(c, h);
    x = c->x;
    metrics_add(&c->proxy->metrics->requests, 1);
    retry_budget_earn(&c->proxy->budget);
    x->head_len = x->body_end = h->len;
    x->framing = h->framing;
    x->minor = h->minor;
    x->client_keeps = h->keep_alive;
    x->left = h->framing == H1_BODY_LENGTH ? h->content_length : 0;
    x->body_max = UINT64_MAX;
    x->intact = true;
    x->idempotent = retry_is_idempotent(method);
    x->upgrade = h1_may_upgrade(h, c->in);
    x->was_head = str_eq(method, STR("HEAD"));
    x->stray_body = has_stray_body(h, method);
    if (h->framing == H1_BODY_CHUNKED) {
        x->chunks = xmalloc(sizeof *x->chunks);
        h1_chunked_init(x->chunks);
    }
    if (!request_scan_body(c)) {
        reply_refuse(c, x->chunks->refusal);
        return;
    }
    if (!x->request_read && c->client_eof) { /* it closed while an earlier request was answered */
        conn_close(c, CLOSE_CLIENT_EOF_IN_BODY);
        return;
    }
    if (str_eq(method, STR("CONNECT")) || str_eq(method, STR("TRACE")))
        reply_send(c, REPLY_NOT_IMPLEMENTED);
    else
        exchange_start(c);
}

static void keep_partial(struct conn *c, const struct h1_head *h)
{
    if (c->partial == NULL) {
        c->partial = xmalloc(sizeof *c->partial);
        *c->partial = *h;
    }
    if (c->state == CONN_IDLE)
        conn_enter(c, CONN_HEAD);
}

/*
 * A connection that begins with the preface of HTTP/2 speaks it (RFC 9113 section 3.3). True: it
 * does, or the rest of the preface is missing; it is never shown to the parser of HTTP/1.1.
 */
static bool is_h2(struct conn *c)
{
    if (c->account.num_requests > 0 || c->carrier != NULL)
        return false;
    switch (h2_preface_find(c->in, c->in_len)) {
    case H2_PREFACE_NOT:
        break;
    case H2_PREFACE_PART:
        if (c->state == CONN_IDLE)
            conn_enter(c, CONN_HEAD);
        return true;
    case H2_PREFACE_WHOLE:
        (void)h2_client_begin(c); /* false: closed, which the next step sees */
        return true;
    }
    return false;
}

static struct h1_limits limits_of(const struct proxy *p)
{
    const struct route_settings *s;

    if (p->table == NULL)
        return (struct h1_limits){.drop_underscores = true};
    s = table_settings(p->table);
    return (struct h1_limits){.head_bytes = s->head_bytes,
                              .head_fields = s->head_fields,
                              .uri_bytes = s->uri_bytes,
                              .drop_underscores = !s->underscores};
}

static void start_head(struct conn *c, struct h1_head *h)
{
    struct h1_limits limits = limits_of(c->proxy);

    h1_head_init(h, H1_REQUEST);
    h1_head_limit(h, &limits);
}

/* The header of the PROXY protocol, before anything else. False: there is nothing to parse yet. */
static bool take_proxy_header(struct conn *c)
{
    struct proxy_header ph;

    switch (proxy_header_parse((struct str){c->in, c->in_len}, &ph)) {
    case PROXY_HEADER_MORE:
        if (c->state == CONN_IDLE)
            conn_enter(c, CONN_HEAD);
        return false;
    case PROXY_HEADER_BAD:
        conn_close(c, CLOSE_PROXY_HEADER);
        return false;
    case PROXY_HEADER_DONE:
        break;
    }
    c->awaits_proxy = false;
    if (ph.has_source) {
        conn_set_peer(c, ph.source);
        if (!conn_count_client(c)) {
            conn_close(c, CLOSE_CLIENT_FULL);
            return false;
        }
    }
    c->in_len -= (uint32_t)ph.len;
    memmove(c->in, c->in + ph.len, c->in_len);
    if (c->in_len == 0)
        bufpool_put(&c->proxy->loop->bufs, &c->in);
    return c->in_len > 0;
}

/* Parses what is there; the head lives in the worker's scratch unless it comes in pieces. */
static void take_head(struct conn *c)
{
    struct proxy *p = c->proxy;
    struct h1_head *h = c->partial != NULL ? c->partial : &p->head;

    if ((c->awaits_proxy && !take_proxy_header(c)) || is_h2(c))
        return;
    p->head_of = NULL;
    if (c->partial == NULL)
        start_head(c, h);
    switch (h1_head_parse(h, c->in, c->in_len)) {
    case H1_MORE:
        if (c->in_len == BUFPOOL_BYTES)
            reply_refuse(c, H1_HEAD_TOO_LARGE);
        else
            keep_partial(c, h);
        return;
    case H1_REFUSED:
        reply_refuse(c, h->refusal);
        return;
    case H1_DONE:
        break;
    }
    if (c->partial != NULL) {
        p->head = *c->partial;
        free(c->partial);
        c->partial = NULL;
    }
    p->head_of = c;
    begin(c, &p->head);
}

bool request_step(struct conn *c)
{
    if (c->in_fresh) {
        c->in_fresh = false;
        take_head(c);
        return true;
    }
    if (c->client_eof) { /* it closed while an earlier request was answered */
        conn_close(c, c->in_len == 0 ? CLOSE_CLIENT_EOF : CLOSE_CLIENT_EOF_IN_HEAD);
        return false;
    }
    return c->sock.readable && fill(c);
}

const struct h1_head *request_head(struct conn *c)
{
    struct proxy *p = c->proxy;

    if (p->head_of == c)
        return &p->head;
    ASSERT(c->x->intact);
    /* Held to no limits: those of the settings may have changed since it was taken. */
    h1_head_init(&p->head, H1_REQUEST);
    h1_head_limit(&p->head, &(struct h1_limits){.drop_underscores = limits_of(p).drop_underscores});
    ASSERT(h1_head_parse(&p->head, c->in, c->in_len) == H1_DONE); /* it was before */
    p->head_of = c;
    return &p->head;
}

bool request_field(const void *conn, struct str name, size_t *at, struct str *out)
{
    struct conn *c = (struct conn *)(uintptr_t)conn; /* the head may have to be read once more */
    const struct h1_head *h = request_head(c);

    while (*at < h->num_fields) {
        const struct h1_field *f = &h->fields[(*at)++];

        if (!str_eq_nocase(h1_field_name(f, c->in), name))
            continue;
        *out = h1_field_value(f, c->in);
        return true;
    }
    return false;
}

bool request_host(struct conn *c, const struct table_host **out)
{
    const struct h1_head *h = request_head(c);
    struct str named = h1_slice(c->in, h->host, h->host_len);
    struct proxy *p = c->proxy;
    char host[ROUTE_HOST_MAX + 1];

    memcpy(host, "*", 2);
    *out = named.n > 0 ? recall_host(&p->recall, named) : NULL;
    if (*out != NULL)
        return true;
    if (named.n > 0 && !route_host_of_request(named, host, NULL))
        return false;
    if (p->table != NULL)
        *out = table_host(p->table, str_from(host));
    if (named.n > 0)
        recall_keep_host(&p->recall, named, *out);
    return true;
}

void request_view(struct conn *c, struct route_request *out)
{
    const struct h1_head *h = request_head(c);
    struct str path = h1_slice(c->in, h->path, h->path_len);
    const char *mark = path.n > 0 ? memchr(path.p, '?', path.n) : NULL;
    size_t before = mark != NULL ? (size_t)(mark - path.p) : path.n;

    *out = (struct route_request){
        .path = before > 0 ? (struct str){path.p, before} : STR("/"),
        .query = mark != NULL ? (struct str){mark + 1, path.n - before - 1} : STR(""),
        .method = h1_method(h, c->in),
        .field = request_field,
        .head = c,
    };
}
