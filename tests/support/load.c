/*
 * The load of the proofs: some connections that are kept and reused, and new connections at a
 * steady rate, against one or more addresses with one or more Host headers. It counts every request
 * that failed and says how; what a client cannot notice is no failure. Prints one JSON line at its
 * end (time or count reached, SIGINT, SIGTERM) and exits 0 when nothing failed, 1 otherwise.
 *
 * A kept connection that the server closes between two requests (a FIN that arrived before the next
 * request was written, or "Connection: close" in the answer) is no failure. A reset, or an end
 * after a request was written, is one. It is no benchmark: tests/bench measures speed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"
#include "gateway/core/options.h"
#include "gateway/core/str.h"

enum {
    CONN_MAGIC = 0x636f6e6e,
    SAMPLES_MAX = 4 << 20,
    RESPONSE_MAX = 16 << 20,
    DETAILS_MAX = 10000,
    READ_SIZE = 16 << 10,
    SLOW_US = 1000000
};

enum conn_state { CONN_IDLE, CONN_CONNECTING, CONN_WRITING, CONN_READING, CONN_DONE };

enum failure {
    FAIL_REFUSED,
    FAIL_RESET,
    FAIL_TIMEOUT,
    FAIL_EOF,    /* the end came after the request and before an answer */
    FAIL_SHORT,  /* the answer was cut */
    FAIL_STATUS, /* not the expected one */
    FAIL_BODY,   /* not what --expect-body says */
    FAIL_OTHER,
    FAIL__COUNT
};
static const char *const failure_names[FAIL__COUNT] = {"refused", "reset",  "timeout", "eof",
                                                       "short",   "status", "body",    "other"};

struct config {
    struct options_list targets;
    struct options_list hosts;
    const char *path;
    const char *expect_body;
    int64_t keep;     /* kept connections */
    int64_t think_ms; /* between two requests of one */
    int64_t new_rate; /* new connections a second */
    int64_t seconds;  /* 0: until a signal or --requests */
    int64_t requests; /* 0: no bound */
    int64_t timeout_ms;
    int64_t status;
    int64_t details; /* failures to print one by one */
};

struct load {
    struct config config;
    struct event_base *base;
    struct sockaddr_in targets[OPTIONS_LIST_MAX];
    struct event *arrivals;
    int64_t began_us;
    int64_t last_ok_us;
    int64_t max_gap_us; /* longest time without one good answer */
    double owed;        /* new connections that are due */
    int64_t owed_at_us;
    uint64_t sequence; /* spreads targets and hosts */
    uint64_t num_started;
    uint64_t num_ok;
    uint64_t num_failed[FAIL__COUNT];
    uint64_t num_connections;
    uint64_t num_closed_idle;
    uint64_t num_busy;
    int64_t slowest_us; /* of the good answers */
    int64_t slowest_at_us;
    uint64_t num_slow; /* over SLOW_US */
    uint32_t *samples_us;
    size_t num_samples;
    struct map statuses;  /* "200" -> uint64_t */
    struct map instances; /* what the origin calls itself -> uint64_t */
    struct buf details;   /* the first failures, as JSON objects */
    size_t num_details;
    bool ending;
};

struct conn {
    unsigned magic;
    struct load *load;
    enum conn_state state;
    bool keep;
    bool reused;
    size_t target;
    int fd;
    struct event *io;
    struct event *timer;
    int64_t started_us;
    struct buf out;
    size_t sent;
    struct buf in;
};

struct answer {
    int status;
    bool close;
    struct str body; /* as received: a chunked one with its chunk lines */
};

static void conn_begin(struct conn *c);

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct timeval ms_to_tv(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static void count_up(struct map *m, struct str key)
{
    uint64_t *n = map_get(m, key);
    if (n == NULL) {
        n = xcalloc(1, sizeof(*n));
        (void)map_put(m, key, n); /* nothing was there */
    }
    (*n)++;
}

/* ---- the answer ---------------------------------------------------------------------------------
 */

static struct str head_value(struct str head, const char *name)
{
    struct str want = str_from(name);
    struct str line;
    while (str_split(&head, '\n', &line)) {
        if (line.n > want.n && line.p[want.n] == ':' &&
            str_eq_nocase((struct str){line.p, want.n}, want)) {
            struct str value = {line.p + want.n + 1, line.n - want.n - 1};
            if (value.n > 0 && value.p[value.n - 1] == '\r')
                value.n--;
            return str_trim(value);
        }
    }
    return (struct str){NULL, 0};
}

/* IO_DONE when the chunks in `s` are complete. */
static enum io chunks_end(struct str s)
{
    for (;;) {
        char *end = NULL;
        const char *eol = s.n > 0 ? memchr(s.p, '\n', s.n) : NULL;
        if (eol == NULL)
            return IO_AGAIN;
        size_t size = strtoul(s.p, &end, 16); /* the buffer ends in NUL */
        if (end == s.p || size > RESPONSE_MAX)
            return IO_FAIL;
        size_t line = (size_t)(eol - s.p) + 1;
        if (s.n < line + size + 2)
            return IO_AGAIN;
        if (size == 0)
            return IO_DONE;
        s.p += line + size + 2;
        s.n -= line + size + 2;
    }
}

/* Judges what has arrived: IO_AGAIN = more is needed. */
static enum io answer_parse(const struct buf *in, bool eof, struct answer *out)
{
    const char *end = in->len > 0 ? memmem(in->bytes, in->len, "\r\n\r\n", 4) : NULL;
    if (end == NULL)
        return IO_AGAIN;
    struct str head = {in->bytes, (size_t)(end - in->bytes) + 2};
    uint64_t status = 0;
    if (head.n < 14 || !str_starts(head, STR("HTTP/1.")) ||
        !str_to_u64((struct str){head.p + 9, 3}, 599, &status))
        return IO_FAIL;
    out->status = (int)status;
    out->close = str_eq_nocase(head_value(head, "Connection"), STR("close"));
    out->body = (struct str){end + 4, in->len - (size_t)(end + 4 - in->bytes)};
    if (str_eq_nocase(head_value(head, "Transfer-Encoding"), STR("chunked")))
        return chunks_end(out->body);
    uint64_t length = 0;
    struct str text = head_value(head, "Content-Length");
    if (text.p == NULL) {
        out->close = true;
        return eof ? IO_DONE : IO_AGAIN;
    }
    if (!str_to_u64(text, RESPONSE_MAX, &length))
        return IO_FAIL;
    return out->body.n >= length ? IO_DONE : IO_AGAIN;
}

static void note_instance(struct load *l, struct str body)
{
    const char *at = body.n > 0 ? memmem(body.p, body.n, "\"instance\":\"", 12) : NULL;
    if (at == NULL)
        return;
    at += 12;
    const char *end = memchr(at, '"', body.n - (size_t)(at - body.p));
    if (end != NULL)
        count_up(&l->instances, (struct str){at, (size_t)(end - at)});
}

/* ---- results ------------------------------------------------------------------------------------
 */

static void load_failed(struct load *l, const struct conn *c, enum failure f, const char *why)
{
    l->num_failed[f]++;
    if (l->num_details++ >= (size_t)l->config.details)
        return;
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &l->targets[c->target].sin_addr, address, sizeof(address));
    ASSERT(buf_add_fmt(
        &l->details,
        "%s{\"kind\":\"%s\",\"at_ms\":%lld,\"after_ms\":%lld,\"target\":\"%s:%u\","
        "\"connection\":\"%s\",\"state\":%d,\"why\":",
        l->details.len > 0 ? "," : "", failure_names[f], (long long)(now_us() - l->began_us) / 1000,
        (long long)(now_us() - c->started_us) / 1000, address,
        ntohs(l->targets[c->target].sin_port),
        !c->keep ? "new" : (c->reused ? "kept" : "kept, first request"), (int)c->state));
    ASSERT(buf_add_json(&l->details, str_from(why)));
    ASSERT(buf_add_str(&l->details, STR("}")));
}

static void load_succeeded(struct load *l, const struct conn *c)
{
    int64_t now = now_us();
    l->num_ok++;
    if (now - l->last_ok_us > l->max_gap_us)
        l->max_gap_us = now - l->last_ok_us;
    l->last_ok_us = now;
    if (now - c->started_us > l->slowest_us) {
        l->slowest_us = now - c->started_us;
        l->slowest_at_us = c->started_us - l->began_us;
    }
    l->num_slow += now - c->started_us > SLOW_US ? 1 : 0;
    if (l->num_samples < SAMPLES_MAX)
        l->samples_us[l->num_samples++] = (uint32_t)(now - c->started_us);
}

static void load_end(struct load *l)
{
    l->ending = true;
    event_del(l->arrivals);
    if (l->num_busy == 0)
        event_base_loopbreak(l->base);
}

/* ---- one connection -----------------------------------------------------------------------------
 */

static void conn_disconnect(struct conn *c)
{
    if (c->io != NULL)
        event_free(c->io);
    c->io = NULL;
    fd_close(&c->fd);
    c->reused = false;
}

/* The request is over, well or not: the connection rests, or ends when it was a new one. */
static void conn_finish(struct conn *c, bool reusable)
{
    struct load *l = c->load;
    l->num_busy--;
    event_del(c->timer);
    if (!c->keep || !reusable || l->ending)
        conn_disconnect(c);
    c->state = c->keep ? CONN_IDLE : CONN_DONE;
    if (l->ending) {
        if (l->num_busy == 0)
            event_base_loopbreak(l->base);
        return;
    }
    if (c->io != NULL)
        event_del(c->io);
    /* A new connection is freed from its timer too: never inside a callback that still uses it. */
    struct timeval tv = ms_to_tv(c->keep ? l->config.think_ms : 0);
    event_add(c->timer, &tv);
}

static void conn_fail(struct conn *c, enum failure f, const char *why)
{
    load_failed(c->load, c, f, why);
    conn_finish(c, false);
}

static void conn_fail_errno(struct conn *c, int err)
{
    enum failure f = FAIL_OTHER;
    if (err == ECONNREFUSED)
        f = FAIL_REFUSED;
    else if (err == ECONNRESET || err == EPIPE)
        f = FAIL_RESET;
    else if (err == ETIMEDOUT || err == EHOSTUNREACH)
        f = FAIL_TIMEOUT;
    conn_fail(c, f, strerror(err));
}

static void conn_judge(struct conn *c, const struct answer *a)
{
    struct load *l = c->load;
    char status[8];
    snprintf(status, sizeof(status), "%d", a->status);
    count_up(&l->statuses, str_from(status));
    const char *want = l->config.expect_body;
    if (a->status != l->config.status) {
        char why[160];
        snprintf(why, sizeof(why), "status %d: %.100s", a->status, a->body.n > 0 ? a->body.p : "");
        load_failed(l, c, FAIL_STATUS, why);
    } else if (want != NULL && memmem(a->body.p, a->body.n, want, strlen(want)) == NULL) {
        load_failed(l, c, FAIL_BODY, a->body.n > 0 ? a->body.p : "");
    } else {
        load_succeeded(l, c);
        note_instance(l, a->body);
    }
    c->reused = true;
    conn_finish(c, !a->close);
}

static void conn_read(struct conn *c)
{
    char block[READ_SIZE];
    ssize_t n = recv(c->fd, block, sizeof(block), 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            conn_fail_errno(c, errno);
        return;
    }
    if (n > 0 && !buf_add(&c->in, block, (size_t)n)) {
        conn_fail(c, FAIL_OTHER, "the answer is larger than this tool takes");
        return;
    }
    struct answer a = {0};
    switch (answer_parse(&c->in, n == 0, &a)) {
    case IO_DONE:
        conn_judge(c, &a);
        break;
    case IO_AGAIN:
    case IO_EOF:
        if (n == 0)
            conn_fail(c, c->in.len == 0 ? FAIL_EOF : FAIL_SHORT,
                      c->in.len == 0 ? "end without an answer" : "the answer was cut");
        break;
    case IO_FAIL:
        conn_fail(c, FAIL_OTHER, "the answer is no HTTP/1.1");
        break;
    }
}

static void conn_write(struct conn *c)
{
    ssize_t n = send(c->fd, c->out.bytes + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            conn_fail_errno(c, errno);
        return;
    }
    c->sent += (size_t)n;
    if (c->sent == c->out.len) {
        c->state = CONN_READING;
        event_del(c->io);
        event_assign(c->io, c->load->base, c->fd, EV_READ | EV_PERSIST, event_get_callback(c->io),
                     c);
        event_add(c->io, NULL);
    }
}

static void conn_on_io(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    if (c->state == CONN_CONNECTING) {
        int err = 0;
        socklen_t len = sizeof(err);
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err != 0) {
            conn_fail_errno(c, err);
            return;
        }
        c->state = CONN_WRITING;
    }
    if (c->state == CONN_WRITING)
        conn_write(c);
    else if (c->state == CONN_READING)
        conn_read(c);
}

static bool conn_connect(struct conn *c)
{
    struct load *l = c->load;
    c->target = l->sequence % l->config.targets.num;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    l->num_connections++;
    const struct sockaddr_in *to = &l->targets[c->target];
    if (connect(c->fd, (const struct sockaddr *)to, sizeof(*to)) != 0 && errno != EINPROGRESS)
        return false;
    c->io = event_new(l->base, c->fd, EV_WRITE | EV_PERSIST, conn_on_io, c);
    ASSERT(c->io != NULL);
    return true;
}

/* A kept connection between two requests: true when the server has ended it properly. */
static bool conn_was_closed(const struct conn *c)
{
    char byte;
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void conn_prepare(struct conn *c)
{
    struct load *l = c->load;
    const struct config *f = &l->config;
    const char *host = f->hosts.all[l->sequence / f->targets.num % f->hosts.num];
    buf_clear(&c->in);
    buf_clear(&c->out);
    c->sent = 0;
    ASSERT(buf_add_fmt(&c->out, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\n%s\r\n",
                       f->path, host, c->keep ? "" : "Connection: close\r\n"));
}

static void conn_begin(struct conn *c)
{
    struct load *l = c->load;
    if (l->ending || (l->config.requests > 0 && l->num_started >= (uint64_t)l->config.requests)) {
        load_end(l);
        return;
    }
    if (c->fd >= 0 && conn_was_closed(c)) {
        l->num_closed_idle++;
        conn_disconnect(c);
    }
    l->num_started++;
    l->num_busy++;
    l->sequence++;
    c->started_us = now_us();
    conn_prepare(c);
    if (c->fd < 0) {
        c->state = CONN_CONNECTING;
        if (!conn_connect(c)) {
            conn_fail_errno(c, errno);
            return;
        }
    } else {
        c->state = CONN_WRITING;
        event_assign(c->io, l->base, c->fd, EV_WRITE | EV_PERSIST, conn_on_io, c);
    }
    event_add(c->io, NULL);
    struct timeval tv = ms_to_tv(l->config.timeout_ms);
    event_add(c->timer, &tv);
}

static void conn_free(struct conn *c)
{
    conn_disconnect(c);
    event_free(c->timer);
    buf_free(&c->in);
    buf_free(&c->out);
    OBJ_KILL(c);
}

static void conn_on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    if (c->state == CONN_DONE)
        conn_free(c);
    else if (c->state == CONN_IDLE)
        conn_begin(c);
    else
        conn_fail(c, FAIL_TIMEOUT, "no complete answer within --timeout-ms");
}

static struct conn *conn_new(struct load *l, bool keep)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    c->magic = CONN_MAGIC;
    c->load = l;
    c->keep = keep;
    c->fd = -1;
    buf_init(&c->in, RESPONSE_MAX);
    buf_init(&c->out, 64 << 10);
    c->timer = evtimer_new(l->base, conn_on_timer, c);
    ASSERT(c->timer != NULL);
    return c;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static void on_arrivals(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct load *l = arg;
    int64_t now = now_us();
    l->owed += (double)(now - l->owed_at_us) * (double)l->config.new_rate / 1e6;
    l->owed_at_us = now;
    for (; l->owed >= 1 && !l->ending; l->owed -= 1)
        conn_begin(conn_new(l, false));
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    load_end(arg);
}

static int compare_samples(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double percentile_ms(const struct load *l, double share)
{
    if (l->num_samples == 0)
        return 0;
    size_t at = (size_t)(share * (double)(l->num_samples - 1) + 0.5);
    return l->samples_us[at] / 1000.0;
}

static void print_counts(const char *name, const struct map *m)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    struct str key;
    void *value;
    for (size_t pos = 0; map_next(m, &pos, &key, &value);) {
        ASSERT(buf_add_str(&b, b.len > 0 ? STR(",") : STR("")));
        ASSERT(buf_add_json(&b, key));
        ASSERT(buf_add_fmt(&b, ":%llu", (unsigned long long)*(uint64_t *)value));
    }
    printf(",\"%s\":{%.*s}", name, STR_ARG(buf_str(&b)));
    buf_free(&b);
}

static uint64_t print_result(struct load *l)
{
    int64_t now = now_us();
    if (now - l->last_ok_us > l->max_gap_us)
        l->max_gap_us = now - l->last_ok_us;
    qsort(l->samples_us, l->num_samples, sizeof(uint32_t), compare_samples);
    uint64_t failed = 0;
    for (int i = 0; i < FAIL__COUNT; i++)
        failed += l->num_failed[i];
    printf("{\"requests\":%llu,\"ok\":%llu,\"failed\":%llu,\"failures\":{",
           (unsigned long long)(l->num_ok + failed), (unsigned long long)l->num_ok,
           (unsigned long long)failed);
    for (int i = 0, some = 0; i < FAIL__COUNT; i++) {
        if (l->num_failed[i] > 0)
            printf("%s\"%s\":%llu", some++ > 0 ? "," : "", failure_names[i],
                   (unsigned long long)l->num_failed[i]);
    }
    printf(
        "},\"seconds\":%.3f,\"connections\":%llu,\"closed_idle\":%llu,\"latency_ms\":{\"p50\":%.3f,"
        "\"p99\":%.3f,\"max\":%.3f},\"max_gap_ms\":%.1f,\"over_1_s\":%llu,"
        "\"slowest_at_ms\":%lld",
        (double)(now - l->began_us) / 1e6, (unsigned long long)l->num_connections,
        (unsigned long long)l->num_closed_idle, percentile_ms(l, 0.5), percentile_ms(l, 0.99),
        percentile_ms(l, 1.0), (double)l->max_gap_us / 1000, (unsigned long long)l->num_slow,
        (long long)l->slowest_at_us / 1000);
    print_counts("statuses", &l->statuses);
    print_counts("instances", &l->instances);
    printf(",\"first_failures\":[%.*s]}\n", STR_ARG(buf_str(&l->details)));
    return failed;
}

static bool parse_targets(struct load *l, struct err *e)
{
    const struct options_list *list = &l->config.targets;
    for (size_t i = 0; i < list->num; i++) {
        struct str rest = str_from(list->all[i]), host, port;
        uint64_t number = 0;
        char text[INET_ADDRSTRLEN] = "";
        if (str_split(&rest, ':', &host) && str_split(&rest, ':', &port) && host.n < sizeof(text) &&
            str_to_u64(port, 65535, &number))
            memcpy(text, host.p, host.n);
        l->targets[i] =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
        if (inet_pton(AF_INET, text, &l->targets[i].sin_addr) != 1)
            return err_set(e, "BadTarget", "--target", "%s is no IPv4 address and port",
                           list->all[i]);
    }
    return list->num > 0 || err_set(e, "NoTarget", "--target", "at least one ADDR:PORT is needed");
}

static const struct options_entry options[] = {
    {"--target", "ADDR:PORT", "where to connect; repeatable, used in turn", OPTIONS_LIST,
     offsetof(struct config, targets), 0, 0, NULL},
    {"--host", "NAME", "Host header; repeatable, used in turn", OPTIONS_LIST,
     offsetof(struct config, hosts), 0, 0, NULL},
    {"--path", "PATH", "what to ask for (/)", OPTIONS_TEXT, offsetof(struct config, path), 0, 0,
     NULL},
    {"--keep", "N", "kept connections (0)", OPTIONS_NUMBER, offsetof(struct config, keep), 0, 1000,
     NULL},
    {"--think-ms", "MS", "pause between two requests of a kept connection (20)", OPTIONS_NUMBER,
     offsetof(struct config, think_ms), 0, 60000, NULL},
    {"--new-rate", "N", "new connections a second (0)", OPTIONS_NUMBER,
     offsetof(struct config, new_rate), 0, 10000, NULL},
    {"--seconds", "N", "how long (until a signal)", OPTIONS_NUMBER,
     offsetof(struct config, seconds), 0, 86400, NULL},
    {"--requests", "N", "how many at most (no bound)", OPTIONS_NUMBER,
     offsetof(struct config, requests), 0, 1000000000, NULL},
    {"--timeout-ms", "MS", "for one request, with its connect (5000)", OPTIONS_NUMBER,
     offsetof(struct config, timeout_ms), 1, 600000, NULL},
    {"--status", "CODE", "the expected status (200)", OPTIONS_NUMBER,
     offsetof(struct config, status), 100, 599, NULL},
    {"--details", "N", "failures to print one by one (20)", OPTIONS_NUMBER,
     offsetof(struct config, details), 0, DETAILS_MAX, NULL},
    {"--expect-body", "TEXT", "what every body must contain", OPTIONS_TEXT,
     offsetof(struct config, expect_body), 0, 0, NULL},
};
enum { NUM_OPTIONS = sizeof(options) / sizeof(options[0]) };

static void load_run(struct load *l)
{
    const struct config *f = &l->config;
    l->base = event_base_new();
    ASSERT(l->base != NULL);
    l->samples_us = xcalloc(SAMPLES_MAX, sizeof(uint32_t));
    buf_init(&l->details, 8 << 20);
    l->began_us = l->last_ok_us = l->owed_at_us = now_us();

    struct event *ends[] = {evsignal_new(l->base, SIGINT, on_end, l),
                            evsignal_new(l->base, SIGTERM, on_end, l),
                            evtimer_new(l->base, on_end, l)};
    event_add(ends[0], NULL);
    event_add(ends[1], NULL);
    if (f->seconds > 0)
        event_add(ends[2], &(struct timeval){.tv_sec = f->seconds});
    l->arrivals = event_new(l->base, -1, EV_PERSIST, on_arrivals, l);
    ASSERT(l->arrivals != NULL);
    if (f->new_rate > 0)
        event_add(l->arrivals, &(struct timeval){.tv_usec = 5000});
    for (int64_t i = 0; i < f->keep; i++)
        conn_begin(conn_new(l, true));
    event_base_dispatch(l->base);
}

int main(int argc, char **argv)
{
    static struct load l = {
        .config = {.path = "/", .think_ms = 20, .timeout_ms = 5000, .status = 200, .details = 20}};
    struct err e = {0};
    if (argc < 2 || !options_parse(options, NUM_OPTIONS, argc, argv, &l.config, &e) ||
        !parse_targets(&l, &e)) {
        fprintf(stderr, "load: %s %s\n", e.field, e.text);
        options_print(stderr, options, NUM_OPTIONS);
        return 2;
    }
    if (l.config.hosts.num == 0)
        l.config.hosts = l.config.targets;
    load_run(&l);
    return print_result(&l) == 0 ? 0 : 1; /* the rest of the memory goes with the process */
}
