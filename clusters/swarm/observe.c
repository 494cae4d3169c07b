/*
 * When to read what of a swarm. The link keeps an API version agreed and the event stream open; the
 * rest decides what the next round of reads asks for: what events named, what is changing every
 * 250 ms, everything now and then. A round that fails changes nothing and is tried again, whole,
 * after a pause; one that lacks only nodes or networks counts once they were read. What Docker's
 * objects mean is decode.c's, how replies merge is model.c's. Called by the coordinator.
 *
 *   DOWN ──► ASKING ──► OPENING ──► OPEN        any failure: back to DOWN, again after a pause
 */
#include "clusters/swarm/observe.h"

#include <string.h>

#include <event2/event.h>

#include "clusters/swarm/docker.h"
#include "clusters/swarm/model.h"
#include "clusters/swarm/round.h"
#include "clusters/swarm/view.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"

enum {
    OBSERVE_MAGIC = 0x4f425356,
    READ_MS = 3000,      /* deadline of one read, */
    READ_GROWTH = 10,    /* up to so many times as long for an engine that needs it */
    OPEN_MS = 3000,      /* deadline for the head of the event stream */
    FIRST_OPEN_MS = 500, /* how long the first lists wait for the event stream */
    BURST_MS = 20,       /* events closer than this share a round */
    POLL_MS = 250,       /* what is changing */
    POLL_SLOWEST_MS = 1000,
    RECENT_MS = 5000, /* after an event, its service counts as changing */
    FULL_MS = 1000,   /* everything, in a swarm of up to SMALL tasks */
    FULL_SLOWEST_MS = 30000,
    SMALL = 500,
    SHARE = 20,           /* reading may take one part in so many: 5 % */
    RETRY_FIRST_MS = 100, /* back-off of link and rounds */
    RETRY_LAST_MS = 5000,
    SKIPS_MAX = 1000 /* objects whose refusal is remembered, to log it once */
};

enum link_state { LINK_DOWN, LINK_ASKING, LINK_OPENING, LINK_OPEN, LINK__COUNT };

struct observe {
    unsigned magic;
    struct event_base *base;
    struct observe_config config;
    struct docker *docker;
    struct observe_health health, told;

    enum link_state link;
    struct docker_call *link_call;
    struct event *link_timer; /* DOWN: try again; OPENING: give up */
    int64_t link_retry_ms;
    struct err link_error;

    struct view *known;
    struct round *round;
    struct round_plan pending; /* what events named since the last round began */
    bool polling;              /* the round under way is, or holds, a poll */
    bool full;                 /* the round under way reads everything */
    struct map recent;         /* service id -> until when it counts as changing */
    struct ids changing;
    struct event *wake;
    struct err round_error;
    struct err missing_error; /* nodes or networks, until everything was read again */
    int64_t begun_ms, next_poll_ms, next_full_ms, not_before_ms, round_retry_ms;
    int64_t read_ms;  /* the deadline now */
    struct map skips; /* kind and id -> the reason last logged */
};

/* --- health --- */

static bool same_health(const struct observe_health *a, const struct observe_health *b)
{
    return a->ever_read == b->ever_read && a->events_open == b->events_open &&
           !a->last_error.code == !b->last_error.code &&
           (!a->last_error.code || strcmp(a->last_error.text, b->last_error.text) == 0) &&
           strcmp(a->api_version, b->api_version) == 0;
}

static void tell_health(struct observe *o)
{
    o->health.events_open = o->link == LINK_OPEN;
    o->health.last_error = o->round_error.code     ? o->round_error
                           : o->missing_error.code ? o->missing_error
                                                   : o->link_error;
    (void)snprintf(o->health.api_version, sizeof(o->health.api_version), "%s",
                   docker_api(o->docker)); /* the same size */
    if (same_health(&o->health, &o->told))
        return;
    o->told = o->health;
    if (o->config.on_health)
        o->config.on_health(o->config.arg, &o->health);
}

const struct observe_health *observe_health(const struct observe *o)
{
    OBJ_CHECK(o, OBSERVE_MAGIC);
    return &o->health;
}

/* A refused object is logged when it is new or refused for another reason than before. */
static void on_skip(void *arg, const char *kind, const char *id, const struct err *why)
{
    struct observe *o;
    char *key = xasprintf("%s %s", kind, id);
    const char *was;

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    was = map_get(&o->skips, str_from(key));
    if (!was || strcmp(was, why->text) != 0) {
        log_warn("the %s %s is passed over: %s", kind, id, why->text);
        if (o->skips.len >= SKIPS_MAX)
            map_free(&o->skips, free);
        free(map_put(&o->skips, str_from(key), xstrdup(why->text)));
    }
    free(key);
}

/* --- timers --- */

static void set_timer(struct event *timer, int64_t ms)
{
    struct timeval tv;

    if (ms < 0)
        ms = 0;
    tv = (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    ASSERT(event_add(timer, &tv) == 0); /* fails only when memory is gone */
}

static int64_t back_off(int64_t *pause_ms)
{
    int64_t now = *pause_ms ? *pause_ms : RETRY_FIRST_MS;

    *pause_ms = now * 2 < RETRY_LAST_MS ? now * 2 : RETRY_LAST_MS;
    return now;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    if (value < low)
        return low;
    return value > high ? high : value;
}

/* When the next round is due, and the timer set for it. One round at a time. */
static void schedule(struct observe *o)
{
    int64_t due = o->next_full_ms;

    if (o->round || !docker_api(o->docker)[0])
        return;
    if (o->health.ever_read) {
        if (!round_plan_empty(&o->pending) && o->begun_ms + BURST_MS < due)
            due = o->begun_ms + BURST_MS;
        if (o->changing.num && o->next_poll_ms < due)
            due = o->next_poll_ms;
    }
    if (due < o->not_before_ms)
        due = o->not_before_ms;
    set_timer(o->wake, due - clock_mono_ms());
}

/* --- what is changing --- */

static void make_recent(struct observe *o, const char *id)
{
    int64_t *until = map_get(&o->recent, str_from(id));

    if (!until) {
        until = xcalloc(1, sizeof(*until));
        (void)map_put(&o->recent, str_from(id), until); /* there was none */
    }
    *until = clock_mono_ms() + RECENT_MS;
}

static void add_recent(struct observe *o, struct ids *out)
{
    int64_t now = clock_mono_ms();
    struct str id;
    size_t pos = 0;
    void *value;

    while (map_next(&o->recent, &pos, &id, &value)) {
        const int64_t *until = value;
        char *name = str_dup(id);

        if (*until <= now)
            free(map_remove(&o->recent, str_from(name)));
        else if (view_service(o->known, name))
            ids_add(out, name);
        free(name);
    }
}

static void find_changing(struct observe *o)
{
    ids_clear(&o->changing);
    add_recent(o, &o->changing);
    model_add_changing(o->known, &o->changing);
}

static void on_event(void *arg, const struct decode_event *event)
{
    struct observe *o;
    struct ids touched = {0};

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    log_debug("event: %s %s", decode_kind_names[event->kind], event->id);
    if (event->kind == DECODE_SERVICES) {
        ids_add(&o->pending.services, event->id);
        make_recent(o, event->id);
    } else if (event->kind == DECODE_NETWORKS) {
        o->pending.networks = true;
    } else {
        o->pending.nodes = true;
        model_add_on_node(o->known, event->id, &touched);
        for (size_t i = 0; i < touched.num; i++)
            make_recent(o, touched.items[i]);
        ids_add_all(&o->pending.polled, &touched);
        ids_clear(&touched);
    }
    schedule(o);
}

/* --- rounds --- */

static int64_t read_ms_at_first(const struct observe *o)
{
    return o->config.read_timeout_ms ? o->config.read_timeout_ms : READ_MS;
}

static void set_read_ms(struct observe *o, int64_t ms)
{
    o->read_ms = ms;
    docker_set_timeout(o->docker, ms);
}

/*
 * A busy engine with many tasks may need longer than the deadline, each time: given up each time,
 * the swarm would never be read again. Nodes and networks alone are not waited for like that. Once
 * everything is read in a quarter of the time, the first deadline is enough again.
 */
static void adapt_deadline(struct observe *o, const struct err *failure)
{
    int64_t first = read_ms_at_first(o);

    if (failure && strcmp(failure->code, "Timeout") == 0)
        set_read_ms(o, clamp(o->read_ms * 2, first, first * READ_GROWTH));
    else if (!failure && o->full && clock_mono_ms() - o->begun_ms < first / 4)
        set_read_ms(o, first);
}

static void round_failed(struct observe *o, const struct err *failure)
{
    if (!o->round_error.code || strcmp(o->round_error.text, failure->text) != 0)
        log_warn("the swarm could not be read, what is known stays in force: %s", failure->text);
    o->round_error = *failure;
    o->not_before_ms = clock_mono_ms() + back_off(&o->round_retry_ms);
    o->pending.full = true; /* what was asked for is part of everything */
}

/* Some rounds do not ask for what is missing: only one of everything says that it is there again.
 */
static void note_missing(struct observe *o, const struct err *missing)
{
    int64_t retry_ms = clock_mono_ms() + RETRY_LAST_MS;

    if (missing) {
        if (!o->missing_error.code || strcmp(o->missing_error.text, missing->text) != 0)
            log_warn("a part of the swarm could not be read, what is known of it stays in force: "
                     "%s",
                     missing->text);
        o->missing_error = *missing;
        if (o->next_full_ms > retry_ms)
            o->next_full_ms = retry_ms;
    } else if (o->full && o->missing_error.code) {
        log_info("all parts of the swarm can be read again");
        memset(&o->missing_error, 0, sizeof(o->missing_error));
    }
    if (!o->missing_error.code)
        o->health.last_good_mono_ms = clock_mono_ms();
}

static void set_pace(struct observe *o, const struct round_result *result)
{
    int64_t now = clock_mono_ms(), share = (now - o->begun_ms) * SHARE;

    if (o->polling)
        o->next_poll_ms = now + clamp(share, POLL_MS, POLL_SLOWEST_MS) - (now - o->begun_ms);
    if (o->full)
        o->next_full_ms =
            now + (result->num_seen <= SMALL ? FULL_MS : clamp(share, FULL_MS, FULL_SLOWEST_MS));
}

static void tell_view(struct observe *o, enum model_change change)
{
    if (change == MODEL_SAME)
        return;
    o->health.ever_read = true;
    if (change == MODEL_BESIDE && o->config.on_beside)
        o->config.on_beside(o->config.arg, view_clone(o->known));
    else
        o->config.on_view(o->config.arg, view_clone(o->known));
}

static void round_succeeded(struct observe *o, const struct round_result *result)
{
    enum model_change change = model_apply(&o->known, result->fresh, result->scope);

    if (o->round_error.code)
        log_info("the swarm can be read again");
    memset(&o->round_error, 0, sizeof(o->round_error));
    o->round_retry_ms = o->not_before_ms = 0;
    ids_add_all(&o->pending.services, result->gone);
    set_pace(o, result);
    note_missing(o, result->missing);
    find_changing(o);
    tell_view(o, o->health.ever_read ? change : MODEL_ROUTING);
}

/* Why the round does not count; NULL: it does. The first picture has to be whole. */
static const struct err *failure_of(const struct observe *o, const struct round_result *result)
{
    if (result->failure || o->health.ever_read)
        return result->failure;
    return result->missing;
}

static void on_round(void *arg, const struct round_result *result)
{
    struct observe *o;
    const struct err *failure;

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    o->round = NULL;
    failure = failure_of(o, result);
    adapt_deadline(o, failure);
    if (failure)
        round_failed(o, failure);
    else
        round_succeeded(o, result);
    tell_health(o);
    schedule(o);
}

/* Everything that is due now goes into one round. */
static void on_wake(evutil_socket_t s, short what, void *arg)
{
    struct observe *o;
    struct round_plan plan;
    struct round_config config;
    int64_t now = clock_mono_ms();

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    ASSERT(!o->round);
    plan = o->pending;
    memset(&o->pending, 0, sizeof(o->pending));
    plan.full = plan.full || !o->health.ever_read || now >= o->next_full_ms;
    o->polling = o->changing.num && now >= o->next_poll_ms;
    if (o->polling)
        ids_add_all(&plan.polled, &o->changing);
    if (round_plan_empty(&plan)) { /* the clock was a little early */
        schedule(o);
        return;
    }
    o->full = plan.full || plan.services.num + plan.polled.num > DOCKER_IDS_MAX;
    plan.full = o->full;
    o->begun_ms = now;
    config = (struct round_config){
        .docker = o->docker, .known = o->known, .on_done = on_round, .on_skip = on_skip, .arg = o};
    o->round = round_start(&config, &plan);
}

/* --- the link --- */

static void move_link(struct observe *o, enum link_state to)
{
    static const bool legal[LINK__COUNT][LINK__COUNT] = {
        [LINK_DOWN] = {[LINK_ASKING] = true},
        [LINK_ASKING] = {[LINK_DOWN] = true, [LINK_OPENING] = true},
        [LINK_OPENING] = {[LINK_DOWN] = true, [LINK_OPEN] = true},
        [LINK_OPEN] = {[LINK_DOWN] = true},
    };

    ASSERT(legal[o->link][to]);
    o->link = to;
}

static void link_failed(struct observe *o, const struct err *why)
{
    if (!o->link_error.code || strcmp(o->link_error.text, why->text) != 0)
        log_warn("Docker's events cannot be followed: %s", why->text);
    o->link_error = *why;
    move_link(o, LINK_DOWN);
    set_timer(o->link_timer, back_off(&o->link_retry_ms));
    if (!o->health.ever_read)
        o->not_before_ms = 0; /* lists need not wait for the stream */
    tell_health(o);
    schedule(o);
}

static void on_stream_end(void *arg, const struct err *failure)
{
    struct observe *o;

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    o->link_call = NULL;
    link_failed(o, failure);
}

/* From here on events come; what happened before is in the lists, which are read now. */
static void on_stream_open(void *arg)
{
    struct observe *o;

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    move_link(o, LINK_OPEN);
    event_del(o->link_timer);
    o->link_retry_ms = 0;
    if (o->link_error.code)
        log_info("Docker's events are followed again");
    memset(&o->link_error, 0, sizeof(o->link_error));
    if (!o->round_error.code)
        o->not_before_ms = 0;
    o->pending.full = true;
    tell_health(o);
    schedule(o);
}

static void on_version(void *arg, const struct err *failure)
{
    struct observe *o;
    struct docker_watch watch = {
        .on_open = on_stream_open, .on_event = on_event, .on_done = on_stream_end, .arg = arg};

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    o->link_call = NULL;
    if (failure) {
        link_failed(o, failure);
        return;
    }
    move_link(o, LINK_OPENING);
    o->link_call = docker_watch(o->docker, &watch);
    set_timer(o->link_timer, OPEN_MS);
    if (!o->health.ever_read && !o->round_error.code)
        o->not_before_ms = clock_mono_ms() + FIRST_OPEN_MS;
    tell_health(o);
    schedule(o);
}

static void on_link_timer(evutil_socket_t s, short what, void *arg)
{
    struct observe *o;
    struct err why = {0};

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    if (o->link == LINK_OPENING) {
        docker_cancel(o->link_call);
        o->link_call = NULL;
        err_set(&why, "Timeout", "", "Docker did not open the event stream within %d ms", OPEN_MS);
        link_failed(o, &why);
        return;
    }
    move_link(o, LINK_ASKING);
    o->link_call = docker_negotiate(o->docker, on_version, o);
}

/* --- the whole --- */

struct observe *observe_new(struct event_base *base, const struct observe_config *config,
                            struct err *e)
{
    struct observe *o = xcalloc(1, sizeof(*o));

    ASSERT(config->on_view);
    o->magic = OBSERVE_MAGIC;
    o->base = base;
    o->config = *config;
    o->config.docker = NULL; /* the caller's memory; docker_new copies what it needs */
    o->known = view_new();
    if (!config->docker || !config->docker[0])
        err_set(e, "BadEndpoint", "--docker", "no Docker endpoint is given");
    else
        o->docker = docker_new(base, config->docker[0], read_ms_at_first(o), e);
    if (!o->docker) {
        observe_free(o);
        return NULL;
    }
    o->read_ms = read_ms_at_first(o);
    o->wake = evtimer_new(base, on_wake, o);
    o->link_timer = evtimer_new(base, on_link_timer, o);
    ASSERT(o->wake && o->link_timer); /* they allocate and nothing else */
    set_timer(o->link_timer, 0);
    return o;
}

void observe_free(struct observe *o)
{
    if (!o)
        return;
    OBJ_CHECK(o, OBSERVE_MAGIC);
    round_cancel(o->round);
    docker_cancel(o->link_call);
    docker_free(o->docker);
    if (o->wake)
        event_free(o->wake);
    if (o->link_timer)
        event_free(o->link_timer);
    view_free(o->known);
    round_plan_clear(&o->pending);
    ids_clear(&o->changing);
    map_free(&o->recent, free);
    map_free(&o->skips, free);
    OBJ_KILL(o);
}
