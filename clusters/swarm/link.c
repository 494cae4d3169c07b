/*
 * Which engine is used, and how far it is: asked for its version, asked for its events, open. A
 * stream that ends soon after it opened is not opened again at once, or an engine that ends each
 * stream would be listed in a loop. It reads no lists and keeps no picture. Called by observe.c.
 *
 *   DOWN ──► ASKING ──► OPENING ──► OPEN        any failure: back to DOWN, again after a pause
 */
#include "clusters/swarm/link.h"

#include <string.h>

#include <event2/event.h>

#include "clusters/swarm/nag.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

enum {
    LINK_MAGIC = 0x4c494e4b,
    OPEN_MS = 3000,    /* deadline for the head of the event stream */
    STEADY_MS = 10000, /* a stream that lived so long was a good one */
    RETRY_FIRST_MS = 100,
    RETRY_LAST_MS = 5000
};

enum link_state { LINK_DOWN, LINK_ASKING, LINK_OPENING, LINK_OPEN, LINK__COUNT };

struct link {
    unsigned magic;
    enum link_state state;
    struct link_config config;
    struct docker **engines;
    size_t num, at;
    bool agreed; /* the engine at `at` has said its version since it is in use */
    struct docker_call *call;
    struct event *timer; /* DOWN: try again; OPENING: give up */
    size_t num_left;     /* engines left since one worked */
    int64_t retry_ms, opened_ms;
    struct err error;
    struct nag nag;
};

struct docker *link_docker(const struct link *l)
{
    OBJ_CHECK(l, LINK_MAGIC);
    return l->engines[l->at];
}

size_t link_num(const struct link *l)
{
    return l->num;
}

bool link_agreed(const struct link *l)
{
    return l->agreed;
}

bool link_is_open(const struct link *l)
{
    return l->state == LINK_OPEN;
}

const struct err *link_error(const struct link *l)
{
    return &l->error;
}

static void set_timer(struct link *l, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    ASSERT(event_add(l->timer, &tv) == 0); /* fails only when memory is gone */
}

static void move(struct link *l, enum link_state to)
{
    static const bool legal[LINK__COUNT][LINK__COUNT] = {
        [LINK_DOWN] = {[LINK_DOWN] = true, [LINK_ASKING] = true},
        [LINK_ASKING] = {[LINK_DOWN] = true, [LINK_OPENING] = true},
        [LINK_OPENING] = {[LINK_DOWN] = true, [LINK_OPEN] = true},
        [LINK_OPEN] = {[LINK_DOWN] = true},
    };

    ASSERT(legal[l->state][to]);
    if (l->state == LINK_OPEN && clock_mono_ms() - l->opened_ms >= STEADY_MS) {
        l->retry_ms = 0;
        l->num_left = 0;
    }
    l->state = to;
}

static int64_t back_off(struct link *l)
{
    int64_t now = l->retry_ms ? l->retry_ms : RETRY_FIRST_MS;

    l->retry_ms = now * 2 < RETRY_LAST_MS ? now * 2 : RETRY_LAST_MS;
    return now;
}

static void note(struct link *l, const struct err *why)
{
    uint64_t unsaid;

    l->error = *why;
    if (nag_due(&l->nag, clock_mono_ms(), &unsaid))
        log_warn("Docker's events cannot be followed at %s: %s (%llu times more before)",
                 docker_name(link_docker(l)), why->text, (unsigned long long)unsaid);
}

static void end_call(struct link *l)
{
    docker_cancel(l->call);
    l->call = NULL;
    move(l, LINK_DOWN);
}

/* The next engine at once, unless all have had their turn. */
static void next_engine(struct link *l)
{
    l->at = (l->at + 1) % l->num;
    l->agreed = false;
    l->num_left++;
    set_timer(l, l->num_left % l->num == 0 ? back_off(l) : 0);
    log_debug("asking Docker at %s from here on", docker_name(link_docker(l)));
    l->config.on_leave(l->config.arg);
}

/* A stream that was good may have ended with its engine's restart: the same engine is asked first.
 */
static void failed(struct link *l, const struct err *why)
{
    bool was_open = l->state == LINK_OPEN;

    note(l, why);
    end_call(l);
    if (l->num > 1 && !was_open)
        next_engine(l);
    else
        set_timer(l, back_off(l));
    l->config.on_down(l->config.arg);
}

static void on_stream_end(void *arg, const struct err *failure)
{
    struct link *l;

    OBJ_CAST(l, arg, LINK_MAGIC);
    l->call = NULL;
    failed(l, failure);
}

static void on_stream_open(void *arg)
{
    struct link *l;

    OBJ_CAST(l, arg, LINK_MAGIC);
    move(l, LINK_OPEN);
    l->opened_ms = clock_mono_ms();
    event_del(l->timer);
    if (nag_over(&l->nag))
        log_info("Docker's events are followed again, at %s", docker_name(link_docker(l)));
    memset(&l->error, 0, sizeof(l->error));
    l->config.on_open(l->config.arg);
}

static void on_event(void *arg, const struct decode_event *event)
{
    struct link *l;

    OBJ_CAST(l, arg, LINK_MAGIC);
    l->config.on_event(l->config.arg, event);
}

static void on_version(void *arg, const struct err *failure)
{
    struct link *l;
    struct docker_watch watch = {
        .on_open = on_stream_open, .on_event = on_event, .on_done = on_stream_end, .arg = arg};

    OBJ_CAST(l, arg, LINK_MAGIC);
    l->call = NULL;
    if (failure) {
        failed(l, failure);
        return;
    }
    move(l, LINK_OPENING);
    l->agreed = true;
    l->call = docker_watch(link_docker(l), &watch);
    set_timer(l, OPEN_MS);
    l->config.on_agreed(l->config.arg);
}

static void on_timer(evutil_socket_t s, short what, void *arg)
{
    struct link *l;
    struct err why = {0};

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(l, arg, LINK_MAGIC);
    if (l->state == LINK_OPENING) {
        err_set(&why, "Timeout", "", "Docker did not open the event stream within %d ms", OPEN_MS);
        failed(l, &why);
        return;
    }
    move(l, LINK_ASKING);
    docker_set_timeout(link_docker(l), l->config.read_ms);
    l->call = docker_negotiate(link_docker(l), on_version, l);
}

void link_leave(struct link *l, const struct err *why)
{
    if (l->num == 1)
        return;
    note(l, why);
    end_call(l);
    next_engine(l);
}

void link_again(struct link *l, const struct err *why)
{
    if (why)
        note(l, why);
    end_call(l);
    set_timer(l, back_off(l));
}

void link_check_files(struct link *l)
{
    if (!docker_files_changed(link_docker(l)))
        return;
    log_info("the certificates for Docker at %s have changed: connecting anew",
             docker_name(link_docker(l)));
    l->config.on_leave(l->config.arg);
    end_call(l);
    docker_renew(link_docker(l));
    set_timer(l, 0);
}

static bool add_engines(struct link *l, struct event_base *base, const struct link_config *config,
                        struct err *e)
{
    size_t num = 0;

    while (config->docker && config->docker[num])
        num++;
    if (num == 0)
        return err_set(e, "BadEndpoint", "--docker", "no Docker endpoint is given");
    l->engines = xcalloc(num, sizeof(struct docker *));
    for (; l->num < num; l->num++) {
        l->engines[l->num] =
            docker_new(base, config->docker[l->num], &config->tls, config->read_ms, e);
        if (!l->engines[l->num])
            return false;
    }
    return true;
}

struct link *link_new(struct event_base *base, const struct link_config *config, struct err *e)
{
    struct link *l = xcalloc(1, sizeof(*l));

    l->magic = LINK_MAGIC;
    l->config = *config;
    l->timer = evtimer_new(base, on_timer, l);
    ASSERT(l->timer); /* it allocates and nothing else */
    if (!add_engines(l, base, config, e)) {
        link_free(l);
        return NULL;
    }
    l->config.docker = NULL;
    memset(&l->config.tls, 0, sizeof(l->config.tls));
    set_timer(l, 0);
    return l;
}

void link_free(struct link *l)
{
    if (!l)
        return;
    OBJ_CHECK(l, LINK_MAGIC);
    docker_cancel(l->call);
    for (size_t i = 0; i < l->num; i++)
        docker_free(l->engines[i]);
    free(l->engines);
    event_free(l->timer);
    OBJ_KILL(l);
}
