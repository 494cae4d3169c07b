/*
 * Answers that the gateway makes itself: one sentence as text/plain, and Proxy-Status (RFC 9209)
 * for programs. The connection stays open when the request was good and read to its end; else it
 * ends after the client had time to read the answer (RFC 9112 section 9.6).
 */
#include <string.h>
#include <time.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/proxy/conn.h"

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

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},
        {404, "Not Found"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    WRONG("a status without a phrase");
}

/* RFC 9110 section 5.6.7, in C's locale, which nobody changes. */
static void format_date(char *out, size_t cap)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;

    ASSERT(gmtime_r(&now, &tm) != NULL);
    ASSERT(strftime(out, cap, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
}

/* Before the answer: a request that was never taken has neither method nor version. */
static void write_reply(struct conn *c, int status, const char *proxy_status, const char *text)
{
    char date[40];

    format_date(date, sizeof date);
    /* The buffer holds interim responses at most: the answer fits or the connection ends. */
    if (!buf_add_fmt(&c->x->to_client,
                     "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: %zu\r\nCache-Control: no-store\r\n"
                     "Proxy-Status: signalbox; %s\r\n%s\r\n%s%s",
                     status, reason_phrase(status), date, strlen(text) + 1, proxy_status,
                     c->lingers         ? "Connection: close\r\n"
                     : c->x->minor == 0 ? "Connection: keep-alive\r\n"
                                        : "",
                     c->x->was_head ? "" : text, c->x->was_head ? "" : "\n"))
        c->lingers = true;
}

static void begin(struct conn *c, enum close_reason ends)
{
    conn_begin_exchange(c); /* a head that was refused has none */
    metrics_add(&c->proxy->metrics->local_replies, 1);
    conn_drop_upstream(c);
    bufpool_put(&c->proxy->loop->bufs, &c->out);
    c->end_reason = ends;
    c->lingers = ends != CLOSE_DONE || !c->x->request_read || !c->x->client_keeps ||
                 c->proxy->draining || conn_no_more(c);
    conn_enter(c, CONN_REPLY);
}

void reply_send(struct conn *c, enum reply which)
{
    char status[64];

    ASSERT(snprintf(status, sizeof status, "error=%s", replies[which].error) < (int)sizeof status);
    begin(c, replies[which].ends);
    account_reply(c, which, replies[which].status);
    write_reply(c, replies[which].status, status, replies[which].text);
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
    write_reply(c, h1_refusal_status(why), status, h1_refusal_text(why));
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
        if (more)
            sock_look_again(&c->sock);
        if (io == IO_EOF || io == IO_FAIL)
            conn_close(c, c->end_reason);
    }
    bufpool_put(&c->proxy->loop->bufs, &bin);
    return more;
}
