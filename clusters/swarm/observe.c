/*
 * When to read what of a swarm: what events named, what is changing every 250 ms, what an event
 * named lately a few times more, everything now and then. A round that fails changes nothing and is
 * tried again, whole, after a pause, at the next engine when there are several. Nodes and networks
 * are part of a round while they can be read; then they are tried beside it, so that services and
 * tasks never wait for them. What Docker's objects mean is decode.c's, how replies merge is
 * model.c's, which engine is asked is link.c's. Called by the coordinator.
 */
#include "clusters/swarm/observe.h"

#include <string.h>

#include <event2/event.h>

#include "clusters/swarm/link.h"
#include "clusters/swarm/model.h"
#include "clusters/swarm/nag.h"
#include "clusters/swarm/patch.h"
#include "clusters/swarm/recent.h"
#include "clusters/swarm/round.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"

enum {
    OBSERVE_MAGIC = 0x4f425356,
    READ_MS = 3000,       /* deadline of one read, */
    READ_GROWTH = 10,     /* up to so many times as long for an engine that needs it */
    SIDE_MS = 500,        /* deadline of nodes and networks within a round */
    SIDE_RETRY_MS = 1000, /* longest pause between trying them beside it */
    FIRST_OPEN_MS = 500,  /* how long the first lists wait for the event stream */
    BURST_MS = 20,        /* events closer than this share a round */
    POLL_MS = 250,        /* what is changing */
    POLL_SLOWEST_MS = 1000,
    FULL_MS = 1000, /* everything, in a swarm of up to SMALL tasks */
    FULL_SLOWEST_MS = 30000,
    SMALL = 500,
    SHARE = 20,           /* reading may take one part in so many: 5 % */
    PROBE_MS = 5000,      /* an engine is asked something at least so often */
    RETRY_FIRST_MS = 100, /* back-off of rounds */
    RETRY_LAST_MS = 5000,
    QUIET_MS = 2000,     /* an event comes within so long of what it tells, or never */
    SILENCE_MS = 300000, /* as in observe.h */
    DOUBT_MS = 10000,    /* the same */
    SKIPS_MAX = 1000     /* objects whose refusal is remembered, to log it once */
};

struct observe {
    unsigned magic;
    struct event_base *base;
    struct observe_config config;
    struct link *link;
    struct observe_health health, told;

    struct view *known;
    struct round *round;
    struct round_plan pending; /* what events named since the last round began */
    bool polling;              /* the round under way is, or holds, a poll */
    bool full;                 /* the round under way reads everything */
    struct map recent;         /* see recent.h */
    struct ids changing;       /* services that are not at rest */
    struct ids wanted;         /* names of services, see observe_want */
    struct event *wake;
    const char *read_at; /* the engine that was read last; NULL: none yet */
    struct err round_error;
    struct nag round_nag;
    int64_t begun_ms, next_poll_ms, next_full_ms, next_probe_ms, not_before_ms, round_retry_ms;
    int64_t read_ms;     /* the deadline now */
    size_t num_timeouts; /* in a row */
    struct map skips;    /* kind and id -> the reason last logged */

    struct round *side; /* of nodes and networks only, while they are not part of the others */
    struct event *side_wake;
    struct secrets_reader *secrets; /* NULL: nobody wants them */
    struct err missing_error;       /* why they are not; code NULL: they are */
    struct nag missing_nag;
    int64_t side_begun_ms, side_retry_ms;
    int64_t side_ms; /* their deadline within a round */

    int64_t heard_ms;    /* the last event, or the stream's opening */
    int64_t doubtful_ms; /* a change was found of which no event told; 0: none */
    int64_t left_ms;     /* another engine answers since then; 0: never */
    int64_t behind_ms;   /* pictures are older than ours since then; 0: they are not */
};

/* --- health --- */

static bool same_health(const struct observe_health *a, const struct observe_health *b)
{
    return a->ever_read == b->ever_read && a->events_open == b->events_open &&
           a->endpoint == b->endpoint && !a->last_error.code == !b->last_error.code &&
           (!a->last_error.code || strcmp(a->last_error.text, b->last_error.text) == 0) &&
           strcmp(a->api_version, b->api_version) == 0;
}

static void tell_health(struct observe *o)
{
    o->health.events_open = link_is_open(o->link);
    o->health.endpoint = docker_name(link_docker(o->link));
    o->health.last_error = o->round_error.code     ? o->round_error
                           : o->missing_error.code ? o->missing_error
                                                   : *link_error(o->link);
    (void)snprintf(o->health.api_version, sizeof(o->health.api_version), "%s",
                   docker_api(link_docker(o->link))); /* the same size */
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

/* --- the next round --- */

static int64_t next_poll(const struct observe *o)
{
    int64_t asked = recent_next(&o->recent);

    if (o->changing.num || asked < o->next_poll_ms)
        return o->next_poll_ms;
    return asked;
}

/* When the next round is due, and the timer set for it. One round at a time. */
static void schedule(struct observe *o)
{
    int64_t due = o->next_full_ms;

    if (o->round || !link_agreed(o->link))
        return;
    if (o->health.ever_read) {
        if (o->next_probe_ms < due)
            due = o->next_probe_ms;
        if (!round_plan_empty(&o->pending) && o->begun_ms + BURST_MS < due)
            due = o->begun_ms + BURST_MS;
        if (next_poll(o) < due)
            due = next_poll(o);
    }
    if (due < o->not_before_ms)
        due = o->not_before_ms;
    set_timer(o->wake, due - clock_mono_ms());
}

static void on_event(void *arg, const struct decode_event *event)
{
    struct observe *o;
    struct ids touched = {0};

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    if (event->kind == DECODE_SECRETS) {
        o->heard_ms = clock_mono_ms();
        if (o->secrets)
            secrets_reader_soon(o->secrets);
        return;
    }
    log_debug("event: %s %s", decode_kind_names[event->kind], event->id);
    o->heard_ms = clock_mono_ms();
    o->doubtful_ms = 0;
    if (event->kind == DECODE_SERVICES) {
        ids_add(&o->pending.services, event->id);
        if (!event->only_named)
            recent_add(&o->recent, event->id, o->heard_ms);
    } else if (event->kind == DECODE_NETWORKS) {
        o->pending.networks = true;
    } else {
        o->pending.nodes = true;
        model_add_on_node(o->known, event->id, &touched);
        for (size_t i = 0; i < touched.num; i++)
            recent_add(&o->recent, touched.items[i], o->heard_ms);
        ids_add_all(&o->pending.polled, &touched);
        ids_clear(&touched);
    }
    schedule(o);
}

/* --- failures --- */

static int64_t read_ms_at_first(const struct observe *o)
{
    return o->config.read_timeout_ms ? o->config.read_timeout_ms : READ_MS;
}

/*
 * A busy engine with many tasks may need longer than the deadline, each time: given up each time,
 * the swarm would never be read again. Of several engines each has to be late before that. Once
 * everything is read in a quarter of the time, the first deadline is enough again.
 */
static void adapt_deadline(struct observe *o, const struct err *failure)
{
    int64_t first = read_ms_at_first(o);

    if (failure && strcmp(failure->code, "Timeout") == 0) {
        if (++o->num_timeouts % link_num(o->link) == 0)
            o->read_ms = clamp(o->read_ms * 2, first, first * READ_GROWTH);
    } else if (!failure) {
        o->num_timeouts = 0;
        if (o->full && clock_mono_ms() - o->begun_ms < first / 4)
            o->read_ms = first;
    }
}

static void round_failed(struct observe *o, const struct err *failure)
{
    uint64_t unsaid;

    if (nag_due(&o->round_nag, clock_mono_ms(), &unsaid))
        log_warn("the swarm could not be read at %s, what is known stays in force: %s (%llu times "
                 "more before)",
                 docker_name(link_docker(o->link)), failure->text, (unsigned long long)unsaid);
    o->round_error = *failure;
    o->not_before_ms = clock_mono_ms() + back_off(&o->round_retry_ms);
    o->pending.full = true; /* what was asked for is part of everything */
    if (strcmp(failure->code, "BadRequest") == 0)
        link_again(o->link, failure); /* perhaps another engine answers there: ask its version */
    else
        link_leave(o->link, failure);
}

/* --- nodes and networks beside the rounds --- */

/* Takes the patch. */
static void tell_view(struct observe *o, unsigned change, struct view_patch *patch)
{
    model_follow_changing(o->known, patch, &o->changing);
    if (change == 0) {
        view_patch_free(patch);
        return;
    }
    o->health.ever_read = true;
    if (change == MODEL_BESIDE && o->config.on_beside)
        o->config.on_beside(o->config.arg, o->known, patch);
    else
        o->config.on_view(o->config.arg, o->known, patch);
}

static void missed(struct observe *o, const struct err *why)
{
    uint64_t unsaid;

    if (nag_due(&o->missing_nag, clock_mono_ms(), &unsaid))
        log_warn("a part of the swarm could not be read at %s, what is known of it stays in force: "
                 "%s (%llu times more before)",
                 docker_name(link_docker(o->link)), why->text, (unsigned long long)unsaid);
    if (!o->missing_error.code)
        o->next_full_ms = clock_mono_ms(); /* is it only that, or the whole engine? */
    o->missing_error = *why;
    o->side_retry_ms = o->side_retry_ms < SIDE_RETRY_MS ? o->side_retry_ms : SIDE_RETRY_MS;
    set_timer(o->side_wake, back_off(&o->side_retry_ms));
}

static void on_side(void *arg, const struct round_result *result)
{
    struct view_patch *patch = view_patch_new();
    struct observe *o;
    unsigned change;

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    o->side = NULL;
    model_keep_newer(o->known, result->fresh, false, &result->newest, result->scope);
    change = model_apply(o->known, result->fresh, result->scope, patch);
    if (result->missing) {
        missed(o, result->missing);
    } else {
        if (nag_over(&o->missing_nag))
            log_info("all parts of the swarm can be read again");
        memset(&o->missing_error, 0, sizeof(o->missing_error));
        o->side_retry_ms = 0;
        o->side_ms = clamp((clock_mono_ms() - o->side_begun_ms) * 2, SIDE_MS, READ_MS);
    }
    tell_view(o, change, patch);
    tell_health(o);
    schedule(o);
}

static void on_side_wake(evutil_socket_t s, short what, void *arg)
{
    struct observe *o;
    struct round_plan plan = {.nodes = true, .networks = true};
    struct round_config config;

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    if (o->side || !link_agreed(o->link))
        return; /* on_agreed sets the timer again */
    o->side_begun_ms = clock_mono_ms();
    config = (struct round_config){.docker = link_docker(o->link),
                                   .known = &o->known,
                                   .also = &o->wanted,
                                   .side_ms = read_ms_at_first(o),
                                   .on_done = on_side,
                                   .on_skip = on_skip,
                                   .arg = o};
    o->side = round_start(&config, &plan);
}

/* --- rounds --- */

static void set_pace(struct observe *o, const struct round_result *result)
{
    int64_t now = clock_mono_ms(), share = (now - o->begun_ms) * SHARE;

    if (o->polling)
        o->next_poll_ms = now + clamp(share, POLL_MS, POLL_SLOWEST_MS) - (now - o->begun_ms);
    if (o->full)
        o->next_full_ms =
            now + (result->num_seen <= SMALL ? FULL_MS : clamp(share, FULL_MS, FULL_SLOWEST_MS));
    o->next_probe_ms = now + PROBE_MS;
}

/*
 * Another manager may be behind the one asked before, and so may be whoever answers behind one
 * name. What would go back stays as it is, for a while: a swarm that stays older was restored.
 */
static void keep_newer(struct observe *o, const struct round_result *result)
{
    int64_t now = clock_mono_ms(), doubt_ms = o->config.doubt_ms ? o->config.doubt_ms : DOUBT_MS;
    bool moved = o->left_ms && now - o->left_ms < doubt_ms;

    if (o->behind_ms && now - o->behind_ms >= doubt_ms) {
        if (o->full) {
            log_warn("the swarm at %s stays older than it was: it is taken as it is",
                     docker_name(link_docker(o->link)));
            o->behind_ms = 0;
        }
        return;
    }
    model_keep_newer(o->known, result->fresh, moved && result->scope->all, &result->newest,
                     result->scope);
    if (result->scope->kept.num && !o->behind_ms)
        o->behind_ms = now;
    else if (o->full && !result->scope->kept.num)
        o->behind_ms = 0;
}

/* A stream that is open and dead shows only by what it does not tell. */
static void doubt_stream(struct observe *o, unsigned change)
{
    int64_t now = clock_mono_ms();
    struct err why = {0};

    if (!o->full || !link_is_open(o->link))
        return;
    if (o->doubtful_ms && now - o->doubtful_ms >= QUIET_MS / 2) {
        err_set(&why, "Silent", "", "changes of the swarm come without an event");
        o->doubtful_ms = 0;
        link_again(o->link, &why);
    } else if ((change & MODEL_ANNOUNCED) && now - o->heard_ms > QUIET_MS && !o->doubtful_ms) {
        o->doubtful_ms = now;
    } else if (now - o->heard_ms > (o->config.silence_ms ? o->config.silence_ms : SILENCE_MS)) {
        o->heard_ms = now;
        link_again(o->link, NULL);
    }
}

/* Of engines that fail in turns the log hears once in a while. */
static void tell_reading(struct observe *o)
{
    const char *name = docker_name(link_docker(o->link));

    if (nag_over(&o->round_nag))
        log_info("the swarm can be read again, at %s", name);
    else if (o->read_at && o->read_at != name)
        log_info("the swarm is read at %s from here on", name);
    o->read_at = name;
}

static void round_succeeded(struct observe *o, const struct round_result *result)
{
    struct view_patch *patch = view_patch_new();
    bool first = !o->health.ever_read;
    unsigned change;

    keep_newer(o, result);
    change = model_apply(o->known, result->fresh, result->scope, patch);
    tell_reading(o);
    memset(&o->round_error, 0, sizeof(o->round_error));
    o->round_retry_ms = o->not_before_ms = 0;
    ids_add_all(&o->pending.services, result->gone);
    set_pace(o, result);
    if (result->missing)
        missed(o, result->missing);
    if (!o->missing_error.code)
        o->health.last_good_mono_ms = clock_mono_ms();
    if (!first)
        doubt_stream(o, change);
    tell_view(o, first ? MODEL_ROUTING : change, patch);
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

/* Services of others, or that are gone, have no tasks that matter. */
static void add_recent(struct observe *o, int64_t now, struct ids *out)
{
    struct ids due = {0};

    recent_take(&o->recent, now, &due);
    for (size_t i = 0; i < due.num; i++)
        if (view_service(o->known, due.items[i]))
            ids_add(out, due.items[i]);
    ids_clear(&due);
}

/* What is due now; nodes and networks only while they are not read beside. */
static struct round_plan make_plan(struct observe *o, int64_t now)
{
    struct round_plan plan = o->pending;

    memset(&o->pending, 0, sizeof(o->pending));
    plan.full = plan.full || !o->health.ever_read || now >= o->next_full_ms;
    o->polling = now >= next_poll(o);
    if (o->polling) {
        ids_add_all(&plan.polled, &o->changing);
        add_recent(o, now, &plan.polled);
    }
    plan.full = plan.full || plan.services.num + plan.polled.num > DOCKER_IDS_MAX;
    o->full = plan.full;
    if (plan.full)
        plan.nodes = plan.networks = true;
    plan.nodes = plan.nodes || now >= o->next_probe_ms;
    if (o->missing_error.code) {
        if (now >= o->next_probe_ms)
            o->next_probe_ms = now + PROBE_MS;
        plan.nodes = plan.networks = false;
    }
    return plan;
}

static int64_t side_ms(const struct observe *o)
{
    if (o->missing_error.code)
        return 0;
    return o->health.ever_read && o->side_ms < o->read_ms ? o->side_ms : o->read_ms;
}

/* Everything that is due now goes into one round. */
static void on_wake(evutil_socket_t s, short what, void *arg)
{
    struct observe *o;
    struct round_plan plan;
    struct round_config config;

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    ASSERT(!o->round);
    link_check_files(o->link);
    if (!link_agreed(o->link))
        return; /* on_agreed goes on */
    plan = make_plan(o, clock_mono_ms());
    if (round_plan_empty(&plan)) { /* the clock was a little early */
        schedule(o);
        return;
    }
    o->begun_ms = clock_mono_ms();
    config = (struct round_config){.docker = link_docker(o->link),
                                   .known = &o->known,
                                   .also = &o->wanted,
                                   .read_ms = o->read_ms,
                                   .side_ms = side_ms(o),
                                   .on_done = on_round,
                                   .on_skip = on_skip,
                                   .arg = o};
    o->round = round_start(&config, &plan);
}

/* --- what the link says --- */

static void on_agreed(void *arg)
{
    struct observe *o;

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    if (o->pending.full && !o->round_error.code)
        o->not_before_ms = clock_mono_ms() + FIRST_OPEN_MS; /* the stream first, if it can be */
    if (o->missing_error.code)
        set_timer(o->side_wake, 0);
    if (o->secrets)
        secrets_reader_use(o->secrets, link_docker(o->link));
    tell_health(o);
    schedule(o);
}

/* What happened before is in the lists, which are read now. */
static void on_open(void *arg)
{
    struct observe *o;

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    o->heard_ms = clock_mono_ms();
    if (!o->round_error.code)
        o->not_before_ms = 0;
    o->pending.full = true;
    tell_health(o);
    schedule(o);
}

static void on_down(void *arg)
{
    struct observe *o;

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    if (!o->round_error.code)
        o->not_before_ms = 0; /* lists need not wait for the stream */
    tell_health(o);
    schedule(o);
}

/* Another engine, or other connections: what is under way ends, and everything is read again. */
static void on_leave(void *arg)
{
    struct observe *o;

    OBJ_CAST(o, arg, OBSERVE_MAGIC);
    round_cancel(o->round);
    round_cancel(o->side);
    o->round = o->side = NULL;
    if (o->secrets)
        secrets_reader_leave(o->secrets);
    event_del(o->wake);
    event_del(o->side_wake);
    o->pending.full = true;
    o->left_ms = clock_mono_ms();
    o->not_before_ms = 0;
    memset(&o->round_error, 0, sizeof(o->round_error));
    tell_health(o);
}

/* --- the whole --- */

struct observe *observe_new(struct event_base *base, const struct observe_config *config,
                            struct err *e)
{
    struct observe *o = xcalloc(1, sizeof(*o));
    struct link_config link = {.docker = config->docker,
                               .tls = config->tls,
                               .on_agreed = on_agreed,
                               .on_open = on_open,
                               .on_event = on_event,
                               .on_down = on_down,
                               .on_leave = on_leave,
                               .arg = o};

    ASSERT(config->on_view);
    o->magic = OBSERVE_MAGIC;
    o->base = base;
    o->config = *config;
    o->config.docker = NULL; /* the caller's memory */
    memset(&o->config.tls, 0, sizeof(o->config.tls));
    o->known = view_new();
    view_index(o->known);
    o->read_ms = link.read_ms = read_ms_at_first(o);
    o->side_ms = SIDE_MS;
    o->wake = evtimer_new(base, on_wake, o);
    o->side_wake = evtimer_new(base, on_side_wake, o);
    ASSERT(o->wake && o->side_wake); /* they allocate and nothing else */
    o->pending.full = true;
    if (config->on_secrets)
        o->secrets = secrets_reader_new(base, config->on_secrets, config->arg);
    o->link = link_new(base, &link, e);
    if (o->link)
        return o;
    observe_free(o);
    return NULL;
}

void observe_free(struct observe *o)
{
    if (!o)
        return;
    OBJ_CHECK(o, OBSERVE_MAGIC);
    round_cancel(o->round);
    round_cancel(o->side);
    secrets_reader_free(o->secrets);
    link_free(o->link);
    event_free(o->wake);
    event_free(o->side_wake);
    view_free(o->known);
    round_plan_clear(&o->pending);
    ids_clear(&o->changing);
    ids_clear(&o->wanted);
    recent_clear(&o->recent);
    map_free(&o->skips, free);
    OBJ_KILL(o);
}

static bool same_ids(const struct ids *a, const struct ids *b)
{
    if (a->num != b->num)
        return false;
    for (size_t i = 0; i < a->num; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

void observe_want(struct observe *o, const char *const *names, size_t num)
{
    struct ids wanted = {0};

    OBJ_CHECK(o, OBSERVE_MAGIC);
    for (size_t i = 0; i < num; i++)
        ids_add(&wanted, names[i]);
    if (same_ids(&wanted, &o->wanted)) {
        ids_clear(&wanted);
        return;
    }
    ids_clear(&o->wanted);
    o->wanted = wanted;
    o->pending.full = true;
    schedule(o);
}
