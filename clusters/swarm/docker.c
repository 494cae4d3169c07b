/*
 * Docker's API as typed calls over gateway/fetch: endpoints, version negotiation, the filters of a
 * list, the lines of the event stream, error replies as sentences. It keeps no picture of the swarm
 * and does not retry; that is observe.c's and clusters/replica's. Config objects: configs.c.
 */
#include "clusters/swarm/docker.h"

#include <fcntl.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/fetch/fetch.h"

enum {
    DOCKER_MAGIC = 0x444f434b,
    CALL_MAGIC = 0x444f434c,
    API_OLDEST = 41,      /* 1.41: the first we know to work */
    API_NEWEST = 43,      /* 1.43: the newest we were written against */
    LIST_MAX = 256 << 20, /* services and tasks */
    FEW_MAX = 16 << 20,   /* nodes and networks */
    LINE_MAX = 1 << 20,   /* one event */
    URL_MAX = 64 << 10,
    STREAM_CONNECT_MS = 3000
};

enum { FILE_CA, FILE_CERT, FILE_KEY, FILE__COUNT };

struct file {
    char *path; /* NULL: none */
    struct stat was;
};

struct docker {
    unsigned magic;
    struct event_base *base;
    struct fetch *fetch;
    char *name;
    char *unix_socket; /* NULL: TCP */
    char *origin;      /* "http://host:port" */
    bool tls;
    struct file files[FILE__COUNT];
    char api[16];
    int64_t timeout_ms;
    LIST_HEAD(, docker_call) calls;
};

struct docker_call {
    unsigned magic;
    struct docker *docker;
    struct fetch_call *fetch;
    enum decode_kind kind;
    struct decode *into;
    bool (*on_body)(void *arg, struct str body, struct err *e);
    docker_done *on_done;
    void *arg;
    struct docker_watch watch;
    struct buf line; /* of the event stream; on an error reply, its body */
    bool open;       /* the event stream was accepted */
    LIST_ENTRY(docker_call) entry;
};

/* --- the engine --- */

static bool has_files(const struct docker *d)
{
    return d->files[FILE_CA].path || d->files[FILE_CERT].path || d->files[FILE_KEY].path;
}

static bool set_endpoint(struct docker *d, const char *endpoint)
{
    const char *host = strstr(endpoint, "://");

    if (strncmp(endpoint, "unix:///", 8) == 0 && endpoint[8]) {
        d->unix_socket = xstrdup(endpoint + 7);
        d->origin = xstrdup("http://docker");
        return true;
    }
    if (!host || !host[3] || strpbrk(host + 3, "/?#@"))
        return false;
    if (strncmp(endpoint, "tcp://", 6) == 0)
        d->tls = has_files(d);
    else if (strncmp(endpoint, "https://", 8) == 0)
        d->tls = true;
    else
        return false;
    d->origin = xasprintf("%s://%s", d->tls ? "https" : "http", host + 3);
    return true;
}

/* Whoever reads along, or answers in the engine's place, is not noticed. */
static void warn_of_clear_text(const struct docker *d)
{
    const char *host = d->unix_socket || d->tls ? NULL : d->origin + strlen("http://");

    if (host && strncmp(host, "127.", 4) != 0 && strncmp(host, "localhost", 9) != 0 &&
        strncmp(host, "[::1]", 5) != 0)
        log_warn("--docker %s: the engine's API is spoken in the clear; use TLS "
                 "(--docker-tls-ca, --docker-tls-cert, --docker-tls-key)",
                 d->name);
}

/* --- the files of TLS --- */

static const char *const file_flags[FILE__COUNT] = {[FILE_CA] = "--docker-tls-ca",
                                                    [FILE_CERT] = "--docker-tls-cert",
                                                    [FILE_KEY] = "--docker-tls-key"};

static void set_files(struct docker *d, const struct docker_tls *tls)
{
    const char *const paths[FILE__COUNT] = {
        [FILE_CA] = tls->ca, [FILE_CERT] = tls->cert, [FILE_KEY] = tls->key};

    for (size_t i = 0; i < FILE__COUNT; i++)
        d->files[i].path = paths[i] ? xstrdup(paths[i]) : NULL;
}

static bool can_read(const char *path, const char *flag, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_set_errno(e, "BadFile", flag, "%s %s cannot be read", flag, path);
    (void)close(fd); /* nothing was written */
    return true;
}

static bool check_files(struct docker *d, struct err *e)
{
    if (!d->files[FILE_CERT].path != !d->files[FILE_KEY].path)
        return err_set(e, "BadOption", "--docker-tls-cert",
                       "--docker-tls-cert and --docker-tls-key are given together or not at all");
    for (size_t i = 0; i < FILE__COUNT; i++)
        if (d->files[i].path && !can_read(d->files[i].path, file_flags[i], e))
            return false;
    (void)docker_files_changed(d); /* from now on */
    return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A Docker secret is world-readable inside its container unless its mode says otherwise. */
static void warn_of_open_key(const struct file *f)
{
    if (f->path && (f->was.st_mode & (S_IRGRP | S_IROTH)))
        log_warn("%s %s can be read by others than its owner: give it mode 0400",
                 file_flags[FILE_KEY], f->path);
}

bool docker_files_changed(struct docker *d)
{
    bool changed = false;

    for (size_t i = 0; i < FILE__COUNT && d->tls; i++) {
        struct file *f = &d->files[i];
        struct stat now;

        /* One that is away is being replaced. */
        if (!f->path || stat(f->path, &now) != 0 || same_file(&f->was, &now))
            continue;
        f->was = now;
        changed = true;
        if (i == FILE_KEY)
            warn_of_open_key(f);
    }
    return changed;
}

static void never_done(void *arg, const struct fetch_reply *reply)
{
    (void)arg, (void)reply; /* the call is cancelled before the loop runs */
}

/* Whether the HTTP client takes the endpoint: a call is made and taken back before anything is
 * sent. */
static bool try_endpoint(struct docker *d)
{
    struct fetch_request rq = {
        .url = d->origin, .unix_socket = d->unix_socket, .on_done = never_done};
    struct fetch_call *c = fetch_start(d->fetch, &rq, NULL);

    fetch_cancel(c);
    return c != NULL;
}

struct docker *docker_new(struct event_base *base, const char *endpoint,
                          const struct docker_tls *tls, int64_t timeout_ms, struct err *e)
{
    struct docker *d = xcalloc(1, sizeof(*d));

    d->magic = DOCKER_MAGIC;
    d->base = base;
    d->name = xstrdup(endpoint);
    d->timeout_ms = timeout_ms;
    LIST_INIT(&d->calls);
    set_files(d, tls);
    d->fetch = fetch_new(base, e);
    if (!d->fetch)
        goto refused;
    if (!set_endpoint(d, endpoint) || !try_endpoint(d)) {
        err_set(e, "BadEndpoint", "--docker",
                "'%s' is no Docker endpoint: use unix:///path/to/docker.sock, tcp://host:port or "
                "https://host:port",
                endpoint);
        goto refused;
    }
    if (!check_files(d, e))
        goto refused;
    warn_of_clear_text(d);
    return d;
refused:
    docker_free(d);
    return NULL;
}

const char *docker_name(const struct docker *d)
{
    return d->name;
}

static void call_free(struct docker_call *c)
{
    LIST_REMOVE(c, entry);
    buf_free(&c->line);
    OBJ_KILL(c);
}

static void cancel_all(struct docker *d)
{
    struct docker_call *c, *next;

    for (c = LIST_FIRST(&d->calls); c; c = next) {
        next = LIST_NEXT(c, entry);
        docker_cancel(c);
    }
}

void docker_renew(struct docker *d)
{
    struct err e = {0};
    struct fetch *fresh = fetch_new(d->base, &e);

    cancel_all(d);
    ASSERT(fresh); /* libcurl has been begun */
    fetch_free(d->fetch);
    d->fetch = fresh;
}

void docker_free(struct docker *d)
{
    if (!d)
        return;
    OBJ_CHECK(d, DOCKER_MAGIC);
    cancel_all(d);
    fetch_free(d->fetch);
    for (size_t i = 0; i < FILE__COUNT; i++)
        free(d->files[i].path);
    free(d->name);
    free(d->unix_socket);
    free(d->origin);
    OBJ_KILL(d);
}

void docker_set_timeout(struct docker *d, int64_t timeout_ms)
{
    d->timeout_ms = timeout_ms;
}

const char *docker_api(const struct docker *d)
{
    return d->api;
}

bool docker_choose_api(const struct decode_api *engine, int *out_minor, struct err *e)
{
    int use = engine->newest < API_NEWEST ? engine->newest : API_NEWEST;

    if (engine->newest < API_OLDEST)
        return err_set(e, "TooOld", "", "Docker speaks API 1.%d, at least 1.%d is needed",
                       engine->newest, API_OLDEST);
    *out_minor = use < engine->oldest ? engine->oldest : use;
    return true;
}

/* --- calls --- */

static struct docker_call *call_new(struct docker *d, docker_done *on_done, void *arg)
{
    struct docker_call *c = xcalloc(1, sizeof(*c));

    c->magic = CALL_MAGIC;
    c->docker = d;
    c->on_done = on_done;
    c->arg = arg;
    buf_init(&c->line, LINE_MAX);
    LIST_INSERT_HEAD(&d->calls, c, entry);
    return c;
}

static void call_finish(struct docker_call *c, const struct err *failure)
{
    docker_done *on_done = c->on_done;
    void *arg = c->arg;

    call_free(c);
    on_done(arg, failure->code ? failure : NULL);
}

void docker_cancel(struct docker_call *c)
{
    if (!c)
        return;
    OBJ_CHECK(c, CALL_MAGIC);
    fetch_cancel(c->fetch);
    call_free(c);
}

/* 400, 404 and 409 have one meaning each; a lost race has none but its text (moby's grpc errors).
 */
static const char *code_of(long status, const char *message)
{
    if (status == 404)
        return "Gone";
    if (status == 400)
        return "BadRequest";
    if (status == 409)
        return "Exists";
    return strstr(message, "update out of sequence") ? "OutOfSequence" : "Refused";
}

/* False, with a sentence, for everything that is not a whole reply: 200, of a change 201 and 204.
 */
static bool is_good(const struct fetch_reply *reply, struct str body, bool change, struct err *e)
{
    char message[200];

    if (reply->failure.code) {
        *e = reply->failure;
        return false;
    }
    if (reply->status == 200 || (change && (reply->status == 201 || reply->status == 204)))
        return true;
    decode_message(body, message, sizeof(message));
    return err_set(e, code_of(reply->status, message), "", "Docker answered %ld: %s", reply->status,
                   message[0] ? message : "without a reason");
}

static bool use_version(struct docker *d, struct str body, struct err *e)
{
    struct decode_api engine = {0};
    int minor = 0;

    if (!decode_api(body, &engine, e) || !docker_choose_api(&engine, &minor, e))
        return false;
    (void)snprintf(d->api, sizeof(d->api), "1.%d", minor); /* four digits at most */
    return true;
}

static void on_version(void *arg, const struct fetch_reply *reply)
{
    struct docker_call *c;
    struct err failure = {0};

    OBJ_CAST(c, arg, CALL_MAGIC);
    if (is_good(reply, reply->body, false, &failure))
        (void)use_version(c->docker, reply->body, &failure); /* failure says how it went */
    call_finish(c, &failure);
}

static void on_list(void *arg, const struct fetch_reply *reply)
{
    struct docker_call *c;
    struct err failure = {0};

    OBJ_CAST(c, arg, CALL_MAGIC);
    if (is_good(reply, reply->body, false, &failure))
        ASSERT(decode_list(c->kind, reply->body, c->into, &failure) || failure.code);
    call_finish(c, &failure);
}

static struct docker_call *start(struct docker_call *c, struct fetch_request *rq)
{
    rq->unix_socket = c->docker->unix_socket;
    rq->ca_file = c->docker->files[FILE_CA].path;
    rq->cert_file = c->docker->files[FILE_CERT].path;
    rq->key_file = c->docker->files[FILE_KEY].path;
    rq->connect_timeout_ms = STREAM_CONNECT_MS;
    rq->arg = c;
    c->fetch = fetch_start(c->docker->fetch, rq, NULL);
    ASSERT(c->fetch); /* docker_new tried this very endpoint */
    return c;
}

struct docker_call *docker_negotiate(struct docker *d, docker_done *on_done, void *arg)
{
    struct docker_call *c = call_new(d, on_done, arg);
    char *url = xasprintf("%s/version", d->origin);
    struct fetch_request rq = {
        .url = url, .total_timeout_ms = d->timeout_ms, .on_done = on_version};

    c = start(c, &rq);
    free(url);
    return c;
}

/* The filter, percent-encoded by hand: the decoder lets only plain ids in. */
static bool add_filter(struct buf *url, const char *name, const struct ids *only)
{
    if (!buf_add_fmt(url, "filters=%%7B%%22%s%%22%%3A%%5B", name))
        return false;
    for (size_t i = 0; i < only->num; i++) {
        if (!buf_add_fmt(url, "%s%%22%s%%22", i ? "%2C" : "", only->items[i]))
            return false;
    }
    return buf_add_str(url, STR("%5D%7D"));
}

static char *list_url(const struct docker *d, enum decode_kind kind, const struct ids *only)
{
    static const char *const paths[DECODE__COUNT] = {
        [DECODE_SERVICES] = "services?",
        [DECODE_TASKS] = "tasks?",
        [DECODE_NODES] = "nodes?",
        [DECODE_NETWORKS] = "networks?filters=%7B%22scope%22%3A%5B%22swarm%22%5D%7D",
    };
    struct buf url;
    bool fits;

    buf_init(&url, URL_MAX);
    fits = buf_add_fmt(&url, "%s/v%s/%s", d->origin, d->api, paths[kind]);
    if (only)
        fits = fits && add_filter(&url, kind == DECODE_TASKS ? "service" : "id", only);
    ASSERT(fits); /* DOCKER_IDS_MAX ids of 71 bytes do */
    return buf_take(&url);
}

struct docker_call *docker_read(struct docker *d, enum decode_kind kind, const struct ids *only,
                                struct decode *into, docker_done *on_done, void *arg)
{
    struct docker_call *c;
    char *url;
    struct fetch_request rq = {
        .total_timeout_ms = d->timeout_ms,
        .body_max = kind == DECODE_SERVICES || kind == DECODE_TASKS ? LIST_MAX : FEW_MAX,
        .on_done = on_list};

    ASSERT(d->api[0] && (!only || (only->num && only->num <= DOCKER_IDS_MAX)));
    c = call_new(d, on_done, arg);
    c->kind = kind;
    c->into = into;
    url = list_url(d, kind, only);
    rq.url = url;
    c = start(c, &rq);
    free(url);
    return c;
}

/* --- anything else --- */

static void on_answer(void *arg, const struct fetch_reply *reply)
{
    struct docker_call *c;
    struct err failure = {0};

    OBJ_CAST(c, arg, CALL_MAGIC);
    if (is_good(reply, reply->body, true, &failure) && c->on_body)
        ASSERT(c->on_body(c->arg, reply->body, &failure) || failure.code);
    call_finish(c, &failure);
}

struct docker_call *docker_ask(struct docker *d, const struct docker_ask *ask, docker_done *on_done,
                               void *arg)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};
    struct docker_call *c = call_new(d, on_done, arg);
    char *url = xasprintf("%s/v%s%s", d->origin, d->api, ask->path);
    struct fetch_request rq = {.url = url,
                               .method = ask->method,
                               .headers = json,
                               .body = ask->body,
                               .total_timeout_ms = d->timeout_ms,
                               .body_max = ask->reply_max,
                               .on_done = on_answer};

    ASSERT(d->api[0]);
    c->on_body = ask->on_body;
    c = start(c, &rq);
    free(url);
    return c;
}

/* --- the event stream --- */

static void on_open(void *arg, long status)
{
    struct docker_call *c;

    OBJ_CAST(c, arg, CALL_MAGIC);
    c->open = status == 200;
    if (c->open)
        c->watch.on_open(c->watch.arg);
}

static void take_line(struct docker_call *c, struct str line)
{
    struct decode_event event;
    struct err e = {0};

    if (str_trim(line).n == 0)
        return;
    if (decode_event(line, &event, &e))
        c->watch.on_event(c->watch.arg, &event);
    else if (e.code)
        log_warn("an event of Docker was not understood: %s", e.text);
}

static bool on_bytes(void *arg, long status, struct str bytes)
{
    struct docker_call *c;
    const char *newline;
    size_t done = 0;

    OBJ_CAST(c, arg, CALL_MAGIC);
    if (!buf_add_str(&c->line, bytes))
        return false; /* a line without an end: start again */
    if (status != 200)
        return true;
    while ((newline = memchr(c->line.bytes + done, '\n', c->line.len - done))) {
        size_t end = (size_t)(newline - c->line.bytes);

        take_line(c, (struct str){c->line.bytes + done, end - done});
        done = end + 1;
    }
    buf_drop(&c->line, done);
    return true;
}

static void on_stream_end(void *arg, const struct fetch_reply *reply)
{
    struct docker_call *c;
    struct err failure = {0};

    OBJ_CAST(c, arg, CALL_MAGIC);
    if (is_good(reply, buf_str(&c->line), false, &failure))
        err_set(&failure, "Broken", "", "Docker ended the event stream");
    call_finish(c, &failure);
}

struct docker_call *docker_watch(struct docker *d, const struct docker_watch *watch)
{
    struct docker_call *c;
    char *url;
    struct fetch_request rq = {.on_head = on_open, .on_data = on_bytes, .on_done = on_stream_end};

    ASSERT(d->api[0]);
    c = call_new(d, watch->on_done, watch->arg);
    c->watch = *watch;
    url =
        xasprintf("%s/v%s/events?filters=%%7B%%22scope%%22%%3A%%5B%%22swarm%%22%%5D%%2C%%22type%%22"
                  "%%3A%%5B%%22service%%22%%2C%%22node%%22%%2C%%22network%%22%%2C%%22secret%%22%%5D"
                  "%%7D",
                  d->origin, d->api);
    rq.url = url;
    c = start(c, &rq);
    free(url);
    return c;
}
