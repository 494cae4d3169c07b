/*
 * libcurl's multi interface driven by libevent: sockets and curl's one timer become events, each
 * call has a deadline of its own, finished calls are delivered at the end of a loop turn. Curl
 * forbids most of its functions inside its own callbacks, so what a caller asks for from on_data
 * (start, cancel, free) is noted and done when curl has returned. It does not retry, does not
 * follow redirects and knows nothing of what is fetched. Called by the follower and clusters/swarm.
 */
#include "gateway/fetch/fetch.h"

#include <pthread.h>
#include <string.h>
#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/obj.h"

enum {
    FETCH_MAGIC = 0x46544348,
    CALL_MAGIC = 0x4654434c,
    SOCK_MAGIC = 0x4654534b,
    CONNECT_MS = 5000,
    BODY_MAX = 1 << 20,
    HEAD_MAX = 64 << 10, /* all header bytes of one reply, 1xx included */
    TARGET_MAX = 128,
    RETRY_AFTER_MAX_S = 3600
};

/* WAITING → RUNNING → OVER, and from each of the first two straight to OVER. */
enum call_state { CALL_WAITING, CALL_RUNNING, CALL_OVER };

struct fetch_call {
    unsigned magic;
    enum call_state state;
    struct fetch *fetch;
    CURL *easy;
    struct curl_slist *headers;
    struct event *deadline; /* NULL: none */
    int64_t connect_timeout_ms, total_timeout_ms;
    struct buf body;
    size_t head_bytes;
    bool too_large, stopped, head_told, doomed;
    void (*on_head)(void *arg, long status);
    bool (*on_data)(void *arg, long status, struct str bytes);
    void (*on_done)(void *arg, const struct fetch_reply *reply);
    void *arg;
    char target[TARGET_MAX]; /* whom we ask, for sentences */
    char curl_error[CURL_ERROR_SIZE];
    LIST_ENTRY(fetch_call) entry; /* in fetch.calls, or in fetch.dead when OVER */
};

LIST_HEAD(call_list, fetch_call);

struct fetch {
    unsigned magic;
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
    struct call_list calls;
    struct call_list dead; /* cancelled while curl was on the stack */
    bool in_curl;          /* curl is on the stack: none of its functions may be called */
    int turns;             /* turn() is on the stack: *f may not be freed */
    bool dying;
    bool unwatched; /* a socket could not be watched: no memory, or too many are */
};

struct sock {
    unsigned magic;
    struct fetch *fetch;
    struct event *event;
};

static void turn(struct fetch *f, curl_socket_t s, int bits);

/* --- sockets and curl's timer --- */

static void on_socket(evutil_socket_t s, short what, void *arg)
{
    struct sock *k;

    OBJ_CAST(k, arg, SOCK_MAGIC);
    turn(k->fetch, s,
         ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0));
}

static void sock_free(struct sock *k)
{
    event_free(k->event);
    OBJ_KILL(k);
}

/*
 * Curl says what it waits for on a socket. What cannot be watched would never be heard of again,
 * and which call waits for it is not known here: turn() ends all that run.
 */
static int want_socket(CURL *easy, curl_socket_t s, int what, void *arg, void *socket_arg)
{
    struct fetch *f;
    struct sock *k = socket_arg;
    short bits = EV_PERSIST;

    (void)easy; /* the event belongs to the socket, whichever call uses it */
    OBJ_CAST(f, arg, FETCH_MAGIC);
    if (what == CURL_POLL_REMOVE) {
        if (k)
            sock_free(k);
        return 0;
    }
    if (k) {
        event_free(k->event);
    } else {
        k = xcalloc(1, sizeof(*k));
        k->magic = SOCK_MAGIC;
        k->fetch = f;
        (void)curl_multi_assign(f->multi, s, k); /* fails only for a socket curl does not know */
    }
    if (what & CURL_POLL_IN)
        bits |= EV_READ;
    if (what & CURL_POLL_OUT)
        bits |= EV_WRITE;
    k->event = event_new(f->base, s, bits, on_socket, k);
    ASSERT(k->event);
    if (event_add(k->event, NULL) != 0) {
        f->unwatched = true;
        event_active(f->timer, EV_TIMEOUT, 0);
    }
    return 0;
}

static void on_timer(evutil_socket_t s, short what, void *arg)
{
    struct fetch *f;

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(f, arg, FETCH_MAGIC);
    turn(f, CURL_SOCKET_TIMEOUT, 0);
}

static struct timeval to_timeval(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct fetch *f;
    struct timeval tv = to_timeval(timeout_ms);

    (void)multi; /* there is one */
    OBJ_CAST(f, arg, FETCH_MAGIC);
    return timeout_ms < 0 ? event_del(f->timer) : event_add(f->timer, &tv);
}

/* --- one call --- */

static void call_free(struct fetch_call *c)
{
    if (c->deadline)
        event_free(c->deadline);
    if (c->easy)
        curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    buf_free(&c->body);
    OBJ_KILL(c);
}

/* Out of the list and out of curl; the object stays. Not for a running call while in_curl. */
static void call_end(struct fetch_call *c)
{
    enum call_state was = c->state;

    ASSERT(was != CALL_OVER);
    c->state = CALL_OVER;
    LIST_REMOVE(c, entry);
    if (was == CALL_RUNNING) {
        CURLMcode m = curl_multi_remove_handle(c->fetch->multi, c->easy);

        ASSERT(m == CURLM_OK); /* curl is not on the stack, and the call was in */
    }
}

/* Delivers and frees. The callback may start, cancel and free whatever it likes. */
static void call_finish(struct fetch_call *c, const struct err *failure)
{
    struct fetch_reply reply = {.body = buf_str(&c->body), .failure = *failure};

    curl_off_t retry_after_s = 0;

    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &reply.status); /* cannot fail */
    (void)curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry_after_s); /* 0 when it has none */
    reply.retry_after_ms =
        1000 * (int64_t)(retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S);
    call_end(c);
    c->on_done(c->arg, &reply);
    call_free(c);
}

static size_t on_write(char *p, size_t size, size_t num, void *arg)
{
    struct fetch_call *c;
    struct str bytes = {p, size * num};
    long status = 0;

    OBJ_CAST(c, arg, CALL_MAGIC);
    if (c->state == CALL_OVER)
        return 0;
    if (!c->on_data) {
        c->too_large = !buf_add_str(&c->body, bytes);
        return c->too_large ? 0 : bytes.n;
    }
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status); /* cannot fail */
    c->stopped = !c->on_data(c->arg, status, bytes);
    return c->stopped || c->state == CALL_OVER ? 0 : bytes.n;
}

static size_t on_header(char *p, size_t size, size_t num, void *arg)
{
    struct fetch_call *c;
    struct str line = {p, size * num};
    long status = 0;

    OBJ_CAST(c, arg, CALL_MAGIC);
    c->head_bytes += line.n;
    c->too_large = c->head_bytes > HEAD_MAX;
    if (c->too_large || c->state == CALL_OVER)
        return 0;
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status); /* cannot fail */
    if (c->on_head && !c->head_told && str_eq(line, STR("\r\n")) && status >= 200) {
        c->head_told = true;
        c->on_head(c->arg, status);
    }
    return c->state == CALL_OVER ? 0 : line.n;
}

static bool explain_unreachable(const struct fetch_call *c, CURLcode rc, struct err *e)
{
    long os_errno = 0;

    (void)curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &os_errno); /* cannot fail */
    if (rc == CURLE_COULDNT_RESOLVE_HOST)
        return err_set(e, "Unreachable", "", "%s: the host name cannot be resolved", c->target);
    if (os_errno)
        return err_set(e, "Unreachable", "", "%s: %s", c->target, strerror((int)os_errno));
    return err_set(e, "Unreachable", "", "%s: %s", c->target, c->curl_error);
}

/* Why the call failed, as a sentence. */
static bool explain(const struct fetch_call *c, CURLcode rc, struct err *e)
{
    if (c->too_large)
        return err_set(e, "TooLarge", "", "%s: the reply is larger than %zu bytes", c->target,
                       c->head_bytes > HEAD_MAX ? (size_t)HEAD_MAX : c->body.hard_cap);
    if (c->stopped)
        return err_set(e, "Stopped", "", "%s: the reader ended the transfer", c->target);
    switch (rc) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return explain_unreachable(c, rc, e);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(e, "Timeout", "", "%s: no connection within %lld ms", c->target,
                       (long long)c->connect_timeout_ms);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(e, "TlsFailed", "", "%s: %s", c->target,
                       c->curl_error[0] ? c->curl_error : curl_easy_strerror(rc));
    case CURLE_RECV_ERROR: /* TLS 1.3: the server refuses our certificate after the handshake */
        if (strstr(c->curl_error, " alert "))
            return err_set(e, "TlsFailed", "", "%s: %s", c->target, c->curl_error);
        /* fallthrough */
    default:
        return err_set(e, "Broken", "", "%s: the reply did not come whole (%s)", c->target,
                       c->curl_error[0] ? c->curl_error : curl_easy_strerror(rc));
    }
}

static void on_deadline(evutil_socket_t s, short what, void *arg)
{
    struct fetch_call *c;
    struct fetch *f;
    struct err failure = {0};

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(c, arg, CALL_MAGIC);
    f = c->fetch;
    err_set(&failure, "Timeout", "", "%s: no whole reply within %lld ms", c->target,
            (long long)c->total_timeout_ms);
    f->turns++;
    call_finish(c, &failure);
    f->turns--;
    turn(f, CURL_SOCKET_TIMEOUT, 0);
}

/* --- the end of a turn --- */

static void deliver(struct fetch *f)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(f->multi, &left))) {
        struct fetch_call *c;
        struct err failure = {0};
        void *arg = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&arg); /* as set */
        OBJ_CAST(c, arg, CALL_MAGIC);
        if (msg->data.result != CURLE_OK)
            (void)explain(c, msg->data.result, &failure); /* false is its way of saying so */
        call_finish(c, &failure);
    }
}

static struct fetch_call *first_doomed(const struct fetch *f)
{
    struct fetch_call *c;

    LIST_FOREACH(c, &f->calls, entry)
    if (c->doomed) /* NOLINT(clang-analyzer-unix.Malloc): the freed left through le_prev */
        break;
    return c;
}

/* Those that start from the callbacks are no part of it. */
static void end_unwatched(struct fetch *f)
{
    struct fetch_call *c;

    if (!f->unwatched)
        return;
    f->unwatched = false;
    LIST_FOREACH(c, &f->calls, entry)
    c->doomed = c->state == CALL_RUNNING;
    while ((c = first_doomed(f))) {
        struct err failure = {0};

        err_set(&failure, "Broken", "", "%s: its socket cannot be watched", c->target);
        call_finish(c, &failure);
    }
}

static void bury(struct fetch *f)
{
    struct fetch_call *c, *next;

    for (c = LIST_FIRST(&f->dead); c; c = next) {
        CURLMcode m = curl_multi_remove_handle(f->multi, c->easy);

        ASSERT(m == CURLM_OK);
        next = LIST_NEXT(c, entry);
        call_free(c);
    }
    LIST_INIT(&f->dead);
}

static bool call_run(struct fetch_call *c)
{
    ASSERT(c->state == CALL_WAITING && !c->fetch->in_curl);
    if (curl_multi_add_handle(c->fetch->multi, c->easy) != CURLM_OK)
        return false;
    c->state = CALL_RUNNING;
    return true;
}

static void start_waiting(struct fetch *f)
{
    struct fetch_call *c, *next;

    for (c = LIST_FIRST(&f->calls); c; c = next) {
        next = LIST_NEXT(c, entry);
        if (c->state == CALL_WAITING)
            ASSERT(call_run(c)); /* only memory could be missing */
    }
}

static void destroy(struct fetch *f)
{
    struct fetch_call *c, *next;

    bury(f);
    for (c = LIST_FIRST(&f->calls); c; c = next) {
        next = LIST_NEXT(c, entry);
        call_end(c);
        call_free(c);
    }
    (void)curl_multi_cleanup(f->multi); /* every handle is out of it; closes the idle connections */
    event_free(f->timer);
    OBJ_KILL(f);
}

/* Lets curl work, then does what could not be done while it did. */
static void turn(struct fetch *f, curl_socket_t s, int bits)
{
    int running;

    f->turns++;
    f->in_curl = true;
    (void)curl_multi_socket_action(f->multi, s, bits, &running); /* failures come per call */
    f->in_curl = false;
    bury(f);
    deliver(f);
    end_unwatched(f);
    start_waiting(f);
    f->turns--;
    if (f->dying && f->turns == 0)
        destroy(f);
}

/* --- starting --- */

static bool read_target(struct fetch_call *c, const struct fetch_request *rq, struct err *e)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    bool ok = false;

    ASSERT(u);
    if (!rq->url || curl_url_set(u, CURLUPART_URL, rq->url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        err_set(e, "BadUrl", "", "'%s' is not an URL", rq->url ? rq->url : "");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        err_set(e, "BadUrl", "", "'%s' is neither http:// nor https://", rq->url);
    else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
        err_set(e, "BadUrl", "", "the URL of %s must not carry a user and a password", host);
    else
        ok = true;
    if (ok)
        (void)snprintf(c->target, sizeof(c->target), "%s%s%s", /* a long name may be cut */
                       rq->unix_socket ? rq->unix_socket : host, rq->unix_socket ? "" : ":",
                       rq->unix_socket ? "" : port);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(u);
    return ok;
}

static bool add_header(struct fetch_call *c, const char *line, struct err *e)
{
    struct curl_slist *longer;

    if (strpbrk(line, "\r\n"))
        return err_set(e, "BadHeader", "", "a request header for %s holds a line break", c->target);
    longer = curl_slist_append(c->headers, line);
    ASSERT(longer);
    c->headers = longer;
    return true;
}

static bool add_headers(struct fetch_call *c, const struct fetch_request *rq, struct err *e)
{
    if (!add_header(c, "Expect:", e)) /* no waiting for 100-continue */
        return false;
    for (const char *const *h = rq->headers; h && *h; h++)
        if (!add_header(c, *h, e))
            return false;
    return true;
}

/*
 * Options that every request of ours has. Each of them fails only when memory is gone. Names are
 * asked anew for each connection: a task that Swarm replaces has another address, and libcurl would
 * try the old one for a minute.
 */
static bool set_common(struct fetch_call *c)
{
    CURL *h = c->easy;

    return curl_easy_setopt(h, CURLOPT_PRIVATE, c) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->curl_error) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_DNS_CACHE_TIMEOUT, 0L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_USERAGENT, "signalbox") == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_write) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_WRITEDATA, c) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_HEADERDATA, c) == CURLE_OK;
}

static bool set_body(CURL *h, const struct fetch_request *rq)
{
    const char *method = rq->method ? rq->method : "GET";

    if (strcmp(method, "HEAD") == 0)
        return curl_easy_setopt(h, CURLOPT_NOBODY, 1L) == CURLE_OK;
    if (rq->body.n || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
        if (curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n) != CURLE_OK ||
            curl_easy_setopt(h, CURLOPT_COPYPOSTFIELDS, rq->body.n ? rq->body.p : "") != CURLE_OK)
            return false;
    }
    return curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

/*
 * A file of CAs replaces the system's, of which libcurl would go on to trust a directory. Nothing
 * is remembered between connections: the files may have changed.
 */
static bool set_tls(CURL *h, const struct fetch_request *rq)
{
    return curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_CA_CACHE_TIMEOUT, 0L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
           (!rq->ca_file || (curl_easy_setopt(h, CURLOPT_CAINFO, rq->ca_file) == CURLE_OK &&
                             curl_easy_setopt(h, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
           (!rq->cert_file || curl_easy_setopt(h, CURLOPT_SSLCERT, rq->cert_file) == CURLE_OK) &&
           (!rq->key_file || curl_easy_setopt(h, CURLOPT_SSLKEY, rq->key_file) == CURLE_OK);
}

static bool set_own(struct fetch_call *c, const struct fetch_request *rq)
{
    CURL *h = c->easy;

    return curl_easy_setopt(h, CURLOPT_URL, rq->url) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_timeout_ms) ==
               CURLE_OK &&
           (!rq->unix_socket ||
            curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, rq->unix_socket) == CURLE_OK) &&
           set_tls(h, rq) && set_body(h, rq);
}

static struct fetch_call *call_new(struct fetch *f, const struct fetch_request *rq)
{
    struct fetch_call *c = xcalloc(1, sizeof(*c));

    c->magic = CALL_MAGIC;
    c->fetch = f;
    c->connect_timeout_ms = rq->connect_timeout_ms ? rq->connect_timeout_ms : CONNECT_MS;
    c->total_timeout_ms = rq->total_timeout_ms;
    c->on_head = rq->on_head;
    c->on_data = rq->on_data;
    c->on_done = rq->on_done;
    c->arg = rq->arg;
    buf_init(&c->body, rq->body_max ? rq->body_max : BODY_MAX);
    return c;
}

static bool set_deadline(struct fetch_call *c)
{
    struct timeval tv = to_timeval(c->total_timeout_ms);

    if (c->total_timeout_ms == 0)
        return true;
    c->deadline = evtimer_new(c->fetch->base, on_deadline, c);
    return c->deadline && event_add(c->deadline, &tv) == 0;
}

struct fetch_call *fetch_start(struct fetch *f, const struct fetch_request *rq, struct err *e)
{
    struct fetch_call *c;

    OBJ_CHECK(f, FETCH_MAGIC);
    ASSERT(!f->dying && rq->on_done);
    c = call_new(f, rq);
    if (!read_target(c, rq, e) || !add_headers(c, rq, e))
        goto refused;
    c->easy = curl_easy_init();
    if (!c->easy || !set_common(c) || !set_own(c, rq) || !set_deadline(c) ||
        (!f->in_curl && !call_run(c))) {
        err_set(e, "NoMemory", "", "the request to %s could not be set up", c->target);
        goto refused;
    }
    LIST_INSERT_HEAD(&f->calls, c, entry);
    return c;
refused:
    call_free(c);
    return NULL;
}

const char *fetch_content_type(const struct fetch_call *c)
{
    char *type = NULL;

    OBJ_CHECK(c, CALL_MAGIC);
    (void)curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type); /* NULL when it has none */
    return type != NULL ? type : "";
}

void fetch_cancel(struct fetch_call *c)
{
    if (!c)
        return;
    OBJ_CHECK(c, CALL_MAGIC);
    if (c->state == CALL_RUNNING && c->fetch->in_curl) {
        c->state = CALL_OVER;
        if (c->deadline)
            event_del(c->deadline);
        LIST_REMOVE(c, entry);
        LIST_INSERT_HEAD(&c->fetch->dead, c, entry);
        return;
    }
    call_end(c);
    call_free(c);
}

/* --- the whole --- */

static CURLcode global_result;

static void init_curl(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct fetch *fetch_new(struct event_base *base, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct fetch *f;

    (void)pthread_once(&once, init_curl); /* cannot fail with a control of ours */
    if (global_result != CURLE_OK) {
        err_set(e, "NoCurl", "", "libcurl cannot be used: %s", curl_easy_strerror(global_result));
        return NULL;
    }
    f = xcalloc(1, sizeof(*f));
    f->magic = FETCH_MAGIC;
    f->base = base;
    LIST_INIT(&f->calls);
    LIST_INIT(&f->dead);
    f->multi = curl_multi_init();
    f->timer = evtimer_new(base, on_timer, f);
    ASSERT(f->multi && f->timer); /* both allocate and nothing else */
    ASSERT(curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, want_socket) == CURLM_OK);
    ASSERT(curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) == CURLM_OK);
    ASSERT(curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, want_timer) == CURLM_OK);
    ASSERT(curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f) == CURLM_OK);
    return f;
}

void fetch_free(struct fetch *f)
{
    struct fetch_call *c, *next;

    if (!f)
        return;
    OBJ_CHECK(f, FETCH_MAGIC);
    if (f->turns == 0) {
        destroy(f);
        return;
    }
    f->dying = true;
    for (c = LIST_FIRST(&f->calls); c; c = next) {
        next = LIST_NEXT(c, entry);
        fetch_cancel(c);
    }
}
