/*
 * One HTTP request that is meant never to end, and what happens when it does.
 *
 *     WAITING --timer--> OPEN --ended, silent for 15 s, or refused--> WAITING
 *
 * Silence is no hello, commit or beat and less than 64 KiB of a table: a peer that trickles bytes
 * is as good as none. The wait doubles from 200 ms to 2 s with jitter and starts over after a
 * stream that was in step for some seconds; a coordinator that is there and says how long it needs
 * is asked again after that, however long it was away before. After a commit that could not be
 * believed the whole table is asked for (from=0). Reports are reporter.c's. Called by
 * cluster_feed.c.
 */
#include "gateway/follower/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/fetch/fetch.h"
#include "gateway/follower/session.h"

enum {
    STREAM_MAGIC = 0x7374726d,
    SILENCE_MS = 15000,
    BACK_OFF_MIN_MS = 200,
    BACK_OFF_MAX_MS = 2000,    /* a coordinator that moves is found again so soon */
    OPERATOR_MS = 5000,        /* where only an operator can help */
    STEADY_MS = 5000,          /* in step for so long: the next failure is a new one */
    ASKED_MAX_MS = 60000,      /* of Retry-After */
    PROGRESS_BYTES = 64 << 10, /* without a sign of life, so many count as one */
    SAME_LOG_MS = 60000,       /* an unchanged reason is logged this often */
    URL_MAX = 2048,
    TOKEN_MAX = 1024
};

enum stream_state { STREAM_WAITING, STREAM_OPEN, STREAM__COUNT };

struct stream {
    unsigned magic;
    struct stream_config config;
    enum stream_state state;
    struct session session;   /* OPEN: of this connection */
    struct fetch_call *call;  /* OPEN */
    struct event *timer;      /* WAITING: the next try; OPEN: silence */
    struct err broken;        /* why this stream is not read further; code NULL: it is */
    bool from_zero;           /* the next stream must begin with a snapshot */
    bool checked;             /* OPEN: the reply's head was looked at */
    uint64_t signs;           /* OPEN: of the session when silence was last measured from anew */
    size_t progress;          /* OPEN: bytes since then */
    int64_t in_step_since_ms; /* OPEN: 0: it was not yet */
    int64_t last_in_step_ms;  /* or the start */
    int64_t back_off_ms;
    char last_log[ERR_TEXT_MAX];
    int64_t last_log_ms;
};

static void move_to(struct stream *s, enum stream_state to)
{
    static const bool legal[STREAM__COUNT][STREAM__COUNT] = {
        [STREAM_WAITING] = {[STREAM_WAITING] = true, [STREAM_OPEN] = true},
        [STREAM_OPEN] = {[STREAM_WAITING] = true},
    };
    ASSERT(legal[s->state][to]);
    s->state = to;
}

static void arm(struct stream *s, int64_t ms)
{
    struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (event_add(s->timer, &in) != 0)
        WRONG("a timer cannot be set");
}

int64_t stream_back_off(int64_t previous_ms)
{
    if (previous_ms == 0)
        return BACK_OFF_MIN_MS;
    if (previous_ms >= BACK_OFF_MAX_MS)
        return previous_ms;
    return previous_ms * 2 < BACK_OFF_MAX_MS ? previous_ms * 2 : BACK_OFF_MAX_MS;
}

/* Between half of it and all of it, so that a fleet does not come back in one instant. */
static int64_t with_jitter(int64_t ms)
{
    return ms / 2 + (int64_t)arc4random_uniform((uint32_t)(ms / 2 + 1));
}

static bool read_token(const char *path, char out[TOKEN_MAX + 1], struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, TOKEN_MAX) : -1;
    if (n < 0)
        err_set_errno(e, "NoToken", "--token-file", "the token file %s cannot be read", path);
    fd_close(&fd);
    if (n < 0)
        return false;
    out[n] = '\0';
    out[strcspn(out, " \t\r\n")] = '\0';
    for (const char *c = out; *c != '\0'; c++)
        if (*c < 0x21 || *c > 0x7e)
            return err_set(e, "NoToken", "--token-file", "the token file %s holds no token", path);
    if (out[0] == '\0')
        return err_set(e, "NoToken", "--token-file", "the token file %s is empty", path);
    return true;
}

bool stream_authorization(const char *token_file, struct buf *out, struct err *e)
{
    char token[TOKEN_MAX + 1];
    if (!read_token(token_file, token, e))
        return false;
    buf_clear(out);
    bool ok = buf_add_fmt(out, "Authorization: Bearer %s", token);
    explicit_bzero(token, sizeof(token));
    return ok || err_set(e, "NoToken", "--token-file", "the token is too long");
}

/* The same reason again and again is said once a minute. */
static void say(struct stream *s, const struct err *why)
{
    int64_t now = clock_mono_ms();
    if (strcmp(why->text, s->last_log) == 0 && now - s->last_log_ms < SAME_LOG_MS)
        return;
    log_warn("%s; %s", why->text,
             s->config.holding->valid ? "the table held stays in force" : "no table is held yet");
    memcpy(s->last_log, why->text, sizeof(s->last_log));
    s->last_log_ms = now;
}

/* asked_ms: what the coordinator wants us to wait at least. */
static void wait_and_retry(struct stream *s, const struct err *why, int64_t asked_ms)
{
    int64_t now = clock_mono_ms();
    if (s->in_step_since_ms != 0)
        s->last_in_step_ms = now;
    if (s->in_step_since_ms != 0 && now - s->in_step_since_ms >= STEADY_MS)
        s->back_off_ms = 0;
    s->in_step_since_ms = 0;
    say(s, why);
    session_free(&s->session);
    move_to(s, STREAM_WAITING);
    s->back_off_ms = stream_back_off(s->back_off_ms);
    asked_ms = asked_ms < ASKED_MAX_MS ? asked_ms : ASKED_MAX_MS;
    arm(s, asked_ms + with_jitter(s->back_off_ms));
    s->config.on_lost(s->config.arg, why);
}

static void judge_broken(struct stream *s)
{
    if (strcmp(s->broken.code, "OlderEpoch") == 0 || strcmp(s->broken.code, "OtherCluster") == 0) {
        s->back_off_ms = OPERATOR_MS; /* a snapshot would not help */
        return;
    }
    s->from_zero = true;
    log_error(
        "the coordinator's stream is not believed: %s (%s); nothing of that commit went to the "
        "proxy, the whole table is asked for",
        s->broken.text, s->broken.code);
}

static bool is_ndjson(const char *content_type)
{
    struct str type = str_from(content_type);
    struct str part = {NULL, 0};
    return str_split(&type, ';', &part) &&
           str_eq_nocase(str_trim(part), STR("application/x-ndjson"));
}

/* Before the first byte of a 200 is taken. */
static bool check_type(struct stream *s)
{
    const char *type = fetch_content_type(s->call);
    if (s->checked || is_ndjson(type)) {
        s->checked = true;
        return true;
    }
    return err_set(&s->broken, "BadType", "--coordinator",
                   "the answer from %s is \"%.64s\", no stream of a coordinator: is the URL right?",
                   s->config.coordinator, type);
}

/* Measures silence anew when there was a sign of life, or a good piece of a long commit. */
static void note_progress(struct stream *s, size_t num_bytes)
{
    s->progress += num_bytes;
    if (s->session.num_signs == s->signs && s->progress < PROGRESS_BYTES)
        return;
    s->signs = s->session.num_signs;
    s->progress = 0;
    arm(s, s->config.silence_ms);
}

static void note_step(struct stream *s)
{
    if (!session_in_step(&s->session))
        return;
    if (s->in_step_since_ms == 0)
        s->in_step_since_ms = clock_mono_ms();
    s->last_log[0] = '\0';
}

static bool on_data(void *arg, long status, struct str bytes)
{
    struct stream *s;
    OBJ_CAST(s, arg, STREAM_MAGIC);
    if (status != 200 || !check_type(s))
        return false; /* on_done tells why; nobody reads the page that came with it */
    if (!session_feed(&s->session, bytes, &s->broken)) {
        judge_broken(s);
        return false;
    }
    note_progress(s, bytes.n);
    note_step(s);
    s->config.on_read(s->config.arg);
    return true;
}

static void explain_status(const struct stream *s, long status, struct err *out)
{
    const char *cluster = s->config.cluster;
    if (status == 401)
        err_set(out, "Unauthorized", "--token-file",
                "the coordinator does not know this token (401)");
    else if (status == 403)
        err_set(out, "Forbidden", "--token-file",
                "the coordinator refuses this token for cluster \"%s\" (403)", cluster);
    else if (status == 404)
        err_set(out, "NotFound", "--cluster", "the coordinator knows no cluster \"%s\" (404)",
                cluster);
    else if (status == 429)
        err_set(out, "Throttled", "", "the coordinator has had too many requests (429)");
    else if (status == 503)
        err_set(out, "NotYet", "", "the coordinator does not serve cluster \"%s\" yet (503)",
                cluster);
    else if (status >= 300 && status < 400)
        err_set(out, "Redirect", "--coordinator",
                "the answer from %s is a redirect (%ld), which is not followed: is the URL right?",
                s->config.coordinator, status);
    else
        err_set(out, "BadStatus", "", "the coordinator answered with status %ld", status);
}

static void explain_end(const struct stream *s, const struct fetch_reply *reply, struct err *out)
{
    if (s->broken.code != NULL)
        *out = s->broken;
    else if (reply->status != 0 && reply->status != 200)
        explain_status(s, reply->status, out);
    else if (reply->failure.code != NULL)
        *out = reply->failure;
    else if (!s->checked)
        err_set(out, "Ended", "", "the coordinator ended the stream before it began");
    else if (session_inside_line(&s->session))
        err_set(out, "Ended", "", "the coordinator's stream ended in the middle of a line");
    else
        err_set(out, "Ended", "", "the coordinator ended the stream");
}

static void on_done(void *arg, const struct fetch_reply *reply)
{
    struct stream *s;
    OBJ_CAST(s, arg, STREAM_MAGIC);
    struct err why = {0};
    bool unserved = reply->status == 503;
    explain_end(s, reply, &why);
    s->call = NULL;
    if (unserved && reply->retry_after_ms > 0)
        s->back_off_ms = 0;
    wait_and_retry(s, &why, reply->retry_after_ms);
    if (unserved)
        s->config.on_unserved(s->config.arg);
}

static void on_committed(void *arg, const struct holding_changes *changes, bool snapshot)
{
    struct stream *s;
    OBJ_CAST(s, arg, STREAM_MAGIC);
    s->from_zero = false;
    s->config.on_commit(s->config.arg, changes, snapshot);
}

/* Bytes that mean something in a query are escaped (RFC 3986 section 2.3). */
static bool add_escaped(struct buf *b, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    bool ok = true;
    for (const char *c = text; *c != '\0' && ok; c++)
        ok = strchr(plain, *c) != NULL ? buf_add(b, c, 1)
                                       : buf_add_fmt(b, "%%%02X", (unsigned)(unsigned char)*c);
    return ok;
}

static bool make_url(const struct stream *s, struct buf *url)
{
    const struct holding *h = s->config.holding;
    const char *base = s->config.coordinator;
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    bool ok = buf_add(url, base, n) &&
              buf_add_fmt(url, "/v1/clusters/%s/stream", s->config.cluster) &&
              buf_add_fmt(url, "?gateway=") && add_escaped(url, s->config.gateway) &&
              buf_add_fmt(url, "&node=") && add_escaped(url, s->config.node);
    if (ok && h->valid)
        ok = buf_add_fmt(url, "&epoch=") && add_escaped(url, h->epoch) &&
             buf_add_fmt(url, "&from=%llu", s->from_zero ? 0ULL : (unsigned long long)h->revision);
    return ok;
}

static bool start_call(struct stream *s, struct err *e)
{
    struct buf url;
    struct buf authorization;
    buf_init(&url, URL_MAX);
    buf_init(&authorization, TOKEN_MAX + 64);
    bool ok = stream_authorization(s->config.token_file, &authorization, e);
    if (ok && !make_url(s, &url))
        ok = err_set(e, "BadUrl", "--coordinator", "the coordinator's URL is too long");
    if (ok) {
        const char *const headers[] = {authorization.bytes, "Accept: application/x-ndjson", NULL};
        struct fetch_request rq = {
            .url = url.bytes, .headers = headers, .on_data = on_data, .on_done = on_done, .arg = s};
        s->call = fetch_start(s->config.fetch, &rq, e);
        ok = s->call != NULL;
    }
    if (authorization.len > 0)
        explicit_bzero(authorization.bytes, authorization.len);
    buf_free(&authorization);
    buf_free(&url);
    return ok;
}

static void open_stream(struct stream *s)
{
    struct err e = {0};
    struct session_config config = {.holding = s->config.holding,
                                    .cluster = s->config.cluster,
                                    .accept_older_epoch = s->config.accept_older_epoch,
                                    .on_commit = on_committed,
                                    .arg = s};
    s->broken = (struct err){.code = NULL};
    s->checked = false;
    s->signs = 0;
    s->progress = 0;
    session_init(&s->session, &config);
    if (!start_call(s, &e)) {
        wait_and_retry(s, &e, 0);
        return;
    }
    move_to(s, STREAM_OPEN);
    arm(s, s->config.silence_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* a timer has none */
    (void)what;
    struct stream *s;
    struct err silent = {0};
    OBJ_CAST(s, arg, STREAM_MAGIC);
    if (s->state == STREAM_WAITING) {
        open_stream(s);
        return;
    }
    fetch_cancel(s->call);
    s->call = NULL;
    err_set(&silent, "Silent", "", "the coordinator has been silent for %lld ms",
            (long long)s->config.silence_ms);
    wait_and_retry(s, &silent, 0);
}

struct stream *stream_new(const struct stream_config *config)
{
    struct stream *s = xcalloc(1, sizeof(*s));
    s->magic = STREAM_MAGIC;
    s->config = *config;
    if (s->config.silence_ms == 0)
        s->config.silence_ms = SILENCE_MS;
    s->timer = event_new(config->base, -1, 0, on_timer, s);
    ASSERT(s->timer != NULL);
    s->last_in_step_ms = clock_mono_ms();
    arm(s, 0);
    return s;
}

void stream_free(struct stream *s)
{
    if (s == NULL)
        return;
    OBJ_CHECK(s, STREAM_MAGIC);
    fetch_cancel(s->call);
    if (s->state == STREAM_OPEN)
        session_free(&s->session);
    event_free(s->timer);
    OBJ_KILL(s);
}

bool stream_in_step(const struct stream *s)
{
    return s->state == STREAM_OPEN && session_in_step(&s->session);
}

int64_t stream_age_ms(const struct stream *s)
{
    return stream_in_step(s) ? 0 : clock_mono_ms() - s->last_in_step_ms;
}
