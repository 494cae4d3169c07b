/*
 * Answers that the gateway makes itself. Errors: one sentence as text/plain, and Proxy-Status (RFC
 * 9209) for programs. What a route redirects or responds: as the route says, with its response
 * fields. The connection stays open when the request was good and read to its end; else it
 * ends after the client had time to read the answer (RFC 9112 section 9.6).
 */
#include <string.h>
#include <time.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/policy.h"

static const struct {
    const char *label;
    int status;
    const char *error;
    const char *text;
    enum close_reason ends;
} replies[REPLY__COUNT] = {
#define X(sym, label, status, error, ends, text) \
    [REPLY_##sym] = {label, status, error, text, CLOSE_##ends},
    REPLY_REASONS(X)
#undef X
};

const char *reply_label(enum reply which)
{
    return replies[which].label;
}

/* "" of a status that nobody has named: it may be empty (RFC 9112 section 4). */
static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {410, "Gone"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "";
}

/* RFC 9110 section 5.6.7, in C's locale, which nobody changes. */
static void format_date(char *out, size_t cap)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;

    ASSERT(gmtime_r(&now, &tm) != NULL);
    ASSERT(strftime(out, cap, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
}

/* What an answer consists of; empty: has none of it. */
struct answer {
    int status;
    struct str type;
    struct str body;
    struct str lines; /* more fields, each with its CR LF */
    const struct h1_changes *fields;
};

static bool add_field(struct buf *b, const struct h1_changes *fields, struct str name,
                      struct str value)
{
    for (size_t i = 0; fields != NULL && i < fields->num_set; i++)
        if (str_eq_nocase(fields->set[i].name, name))
            return true; /* the route has its own */
    return value.n == 0 || buf_add_fmt(b, "%.*s: %.*s\r\n", STR_ARG(name), STR_ARG(value));
}

static bool add_changes(struct buf *b, const struct h1_changes *fields)
{
    bool ok = true;

    for (size_t i = 0; ok && fields != NULL && i < fields->num_set; i++)
        ok = add_field(b, NULL, fields->set[i].name, fields->set[i].value);
    for (size_t i = 0; ok && fields != NULL && i < fields->num_added; i++)
        ok = add_field(b, NULL, fields->added[i].name, fields->added[i].value);
    return ok;
}

static struct str connection_of(const struct conn *c)
{
    if (c->lingers)
        return STR("Connection: close\r\n");
    return c->x->minor == 0 ? STR("Connection: keep-alive\r\n") : STR("");
}

/* A status that has no content (RFC 9110 section 8.6) has no length either. */
static bool add_content(struct conn *c, struct buf *b, const struct answer *a)
{
    if (a->status == 204 || a->status == 304)
        return buf_add_str(b, STR("\r\n"));
    return add_field(b, a->fields, STR("Content-Type"), a->type) &&
           buf_add_fmt(b, "Content-Length: %zu\r\n\r\n", a->body.n) &&
           (c->x->was_head || buf_add_str(b, a->body));
}

/* Before the answer: a request that was never taken has neither method nor version. */
static void write_answer(struct conn *c, const struct answer *a)
{
    struct buf *b = &c->x->to_client;
    char date[40];

    format_date(date, sizeof date);
    /* The buffer holds interim responses at most: the answer fits or the connection ends. */
    if (!buf_add_fmt(b, "HTTP/1.1 %d %s\r\n", a->status, reason_phrase(a->status)) ||
        !add_field(b, a->fields, STR("Date"), str_from(date)) || !buf_add_str(b, a->lines) ||
        !add_changes(b, a->fields) || !buf_add_str(b, connection_of(c)) || !add_content(c, b, a))
        c->lingers = true;
}

static void write_error(struct conn *c, int status, const char *proxy_status, const char *text,
                        uint32_t retry_after_s)
{
    char lines[256], body[256], later[40] = "";
    int num_lines, num_body = snprintf(body, sizeof body, "%s\n", text);

    if (retry_after_s > 0)
        snprintf(later, sizeof later, "Retry-After: %u\r\n", (unsigned)retry_after_s);
    num_lines = snprintf(lines, sizeof lines,
                         "Cache-Control: no-store\r\nProxy-Status: signalbox; %s\r\n%s",
                         proxy_status, later);
    ASSERT(num_lines < (int)sizeof lines && num_body < (int)sizeof body);
    write_answer(c, &(struct answer){
                        .status = status,
                        .type = STR("text/plain; charset=utf-8"),
                        .body = {body, (size_t)num_body},
                        .lines = {lines, (size_t)num_lines},
                    });
}

static void begin(struct conn *c, enum close_reason ends)
{
    conn_begin_exchange(c); /* a head that was refused has none */
    metrics_add(&c->proxy->metrics->local_replies, 1);
    conn_drop_upstream(c);
    admission_end(c);
    bufpool_put(&c->proxy->loop->bufs, &c->out);
    c->end_reason = ends;
    c->lingers = ends != CLOSE_DONE || !c->x->request_read || !c->x->client_keeps ||
                 c->proxy->draining || conn_no_more(c);
    conn_enter(c, CONN_REPLY);
}

void reply_send(struct conn *c, enum reply which)
{
    reply_come_again(c, which, 0);
}

/* Does it say that an attempt on an endpoint came to nothing? */
static bool is_of_attempt(enum reply which)
{
    return which == REPLY_NO_ENDPOINT || which == REPLY_POOL_BUSY || which == REPLY_QUEUE_TIMEOUT ||
           which == REPLY_CONNECT_FAILED || which == REPLY_CONNECT_TIMEOUT ||
           which == REPLY_BROKEN || which == REPLY_BAD_RESPONSE || which == REPLY_RESPONSE_TIMEOUT;
}

/*
 * A response was dropped for the sake of another attempt, which came to nothing: what the service
 * said stands, as far as it is still known (RFC 9209 section 2.1.4).
 */
static void reply_retried(struct conn *c, enum reply which, uint32_t retry_after_s)
{
    unsigned was = c->x->retried_status;
    char status[96], text[128];

    ASSERT(snprintf(status, sizeof status, "error=%s; received-status=%u", replies[which].error,
                    was) < (int)sizeof status);
    snprintf(text, sizeof text, "the service answered with %u; once more, %s", was,
             replies[which].text);
    begin(c, replies[which].ends);
    account_reply(c, which, (int)was);
    write_error(c, (int)was, status, text, retry_after_s);
}

void reply_come_again(struct conn *c, enum reply which, uint32_t retry_after_s)
{
    char status[64];

    if (c->x != NULL && c->x->retried_status != 0 && is_of_attempt(which)) {
        reply_retried(c, which, retry_after_s);
        return;
    }

    ASSERT(snprintf(status, sizeof status, "error=%s", replies[which].error) < (int)sizeof status);
    begin(c, replies[which].ends);
    account_reply(c, which, replies[which].status);
    write_error(c, replies[which].status, status, replies[which].text, retry_after_s);
}

void reply_refuse(struct conn *c, enum h1_refusal why)
{
    char status[128];

    ASSERT(snprintf(status, sizeof status, "error=http_request_error; details=\"%s\"",
                    h1_refusal_label(why)) < (int)sizeof status);
    metrics_add(&c->proxy->metrics->refused_heads, 1);
    begin(c, CLOSE_REFUSED);
    account_reply(c, REPLY_REFUSED_REQUEST, h1_refusal_status(why));
    account_refusal(c, why);
    write_error(c, h1_refusal_status(why), status, h1_refusal_text(why), 0);
}

static void redirect(struct conn *c, const struct route *r, struct answer *a)
{
    struct target_request q = policy_target_of(c, request_head(c));
    struct buf lines;

    buf_init(&lines, BUFPOOL_BYTES); /* a target is half a block at most */
    ASSERT(buf_add_str(&lines, STR("Location: ")));
    ASSERT(target_add_location(&q, r->path, r->redirect, &lines));
    ASSERT(buf_add_str(&lines, STR("\r\n")));
    a->lines = buf_str(&lines);
    write_answer(c, a);
    buf_free(&lines);
}

void reply_act(struct conn *c)
{
    const struct route *r = c->x->route->route;
    bool redirects = r->action == ROUTE_REDIRECT;
    struct answer a = {.fields = policy_changes(c->proxy, r->response_fields)};

    a.status = redirects ? r->redirect->status : r->respond->status;
    begin(c, CLOSE_DONE);
    account_reply(c, redirects ? REPLY_REDIRECT : REPLY_RESPOND, a.status);
    if (redirects) {
        redirect(c, r, &a);
        return;
    }
    a.type = str_from(r->respond->content_type);
    a.body = str_from(r->respond->body);
    write_answer(c, &a);
}

bool reply_step(struct conn *c)
{
    enum io io = conn_flush(&c->x->to_client, &c->sock);

    if (io == IO_AGAIN)
        return false;
    if (io == IO_FAIL) {
        conn_close(c, CLOSE_CLIENT_RESET);
        return false;
    }
    return conn_next(c, !c->lingers, c->end_reason);
}

bool reply_linger_step(struct conn *c)
{
    char *bin = bufpool_get(&c->proxy->loop->bufs);
    bool more = false;
    size_t n;

    if (c->sock.readable) {
        enum io io = sock_recv(&c->sock, bin, BUFPOOL_BYTES, &n);

        more = io == IO_DONE;
        if (io == IO_EOF || io == IO_FAIL)
            conn_close(c, c->end_reason);
    }
    bufpool_put(&c->proxy->loop->bufs, &bin);
    return more;
}
