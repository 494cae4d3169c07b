/*
 * The turn of an event loop (see loop.h for its order). Built so that the hot path makes no system
 * call besides epoll_wait: the clock is read through the vDSO at most once a turn, and the only
 * timer is the tick. Knows nothing of connections; worker runs it, proxy and upstream hang off it.
 */
#include "gateway/loop/loop.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/obj.h"
#include "gateway/loop/sendq.h"

enum { LOOP_MAGIC = 0x10091001 };

static void arm_tick(struct loop *l, int64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    l->tick_ms = ms;
    ASSERT(event_add(l->tick, &tv) == 0);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct loop *l;
    bool fast = false;

    OBJ_CAST(l, arg, LOOP_MAGIC);
    for (size_t i = 0; i < l->num_tickers; i++)
        fast |= l->tickers[i].on_tick(l->tickers[i].arg, loop_now_ms(l));
    arm_tick(l, fast ? LOOP_TICK_FAST_MS : LOOP_TICK_SLOW_MS);
}

/* No locks: every base is used by one thread. */
static struct event_base *new_base(void)
{
    struct event_config *cfg = event_config_new();
    struct event_base *base;

    if (cfg == NULL)
        return NULL;
    base = event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK) == 0 &&
                   event_config_require_features(cfg, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE) == 0
               ? event_base_new_with_config(cfg)
               : NULL;
    event_config_free(cfg);
    return base;
}

bool loop_init(struct loop *l, struct err *e)
{
    memset(l, 0, sizeof *l);
    l->magic = LOOP_MAGIC;
    STAILQ_INIT(&l->tasks);
    SLIST_INIT(&l->graves);
    pipepool_init(&l->pipes, 0);
    l->base = new_base();
    if (l->base == NULL)
        return err_set(e, "NoEventLoop", "", "no edge-triggered event loop could be made");
    l->tick = event_new(l->base, -1, 0, on_tick, l);
    ASSERT(l->tick != NULL);
    arm_tick(l, LOOP_TICK_SLOW_MS);
    return true;
}

void loop_gathers(struct loop *l)
{
    OBJ_CHECK(l, LOOP_MAGIC);
    if (l->sendq == NULL)
        l->sendq = sendq_new();
}

void loop_bury_now(struct loop *l)
{
    struct loop_grave *g;

    while ((g = SLIST_FIRST(&l->graves)) != NULL) {
        SLIST_REMOVE_HEAD(&l->graves, link);
        g->bury(g->dead);
    }
}

void loop_free(struct loop *l)
{
    OBJ_CHECK(l, LOOP_MAGIC);
    loop_bury_now(l);
    event_free(l->tick);
    event_base_free(l->base);
    sendq_free(l->sendq);
    bufpool_free(&l->bufs);
    pipepool_free(&l->pipes);
    l->magic = 0;
}

/* Only what was queued before: a task that queues itself again waits for the next turn. */
static void run_tasks(struct loop *l)
{
    STAILQ_HEAD(, loop_task) now = STAILQ_HEAD_INITIALIZER(now);
    struct loop_task *t;

    if (STAILQ_EMPTY(&l->tasks))
        return;
    while ((t = STAILQ_FIRST(&l->tasks)) != NULL) {
        STAILQ_REMOVE_HEAD(&l->tasks, link);
        STAILQ_INSERT_TAIL(&now, t, link);
    }
    while ((t = STAILQ_FIRST(&now)) != NULL) {
        STAILQ_REMOVE_HEAD(&now, link);
        t->queued = false;
        t->run(t->arg);
    }
}

/* Nothing may wait for the next turn while that waits for events. */
static bool has_work(const struct loop *l)
{
    return !STAILQ_EMPTY(&l->tasks) || (l->sendq != NULL && l->sendq->num > 0);
}

void loop_run(struct loop *l)
{
    OBJ_CHECK(l, LOOP_MAGIC);
    while (!l->stopped) {
        int flags = EVLOOP_ONCE | (has_work(l) ? EVLOOP_NONBLOCK : 0);

        l->now_ms = 0;
        ASSERT(event_base_loop(l->base, flags) >= 0);
        run_tasks(l);
        if (l->sendq != NULL)
            sendq_flush(l->sendq);
        if (l->on_turn_end != NULL)
            l->on_turn_end(l->turn_end_arg);
        loop_bury_now(l);
    }
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
}

int64_t loop_now_ms(struct loop *l)
{
    if (l->now_ms == 0) {
        l->now_us = clock_mono_us();
        l->now_ms = l->now_us / 1000;
    }
    return l->now_ms;
}

int64_t loop_now_us(struct loop *l)
{
    (void)loop_now_ms(l); /* reads the clock when it must */
    return l->now_us;
}

void loop_add_ticker(struct loop *l, bool (*on_tick_fn)(void *arg, int64_t now_ms), void *arg)
{
    ASSERT(l->num_tickers < LOOP_TICKERS_MAX);
    l->tickers[l->num_tickers++] = (struct loop_ticker){on_tick_fn, arg};
}

void loop_hurry(struct loop *l)
{
    if (l->tick_ms != LOOP_TICK_FAST_MS)
        arm_tick(l, LOOP_TICK_FAST_MS);
}

void loop_later(struct loop *l, struct loop_task *t)
{
    if (t->queued)
        return;
    t->queued = true;
    STAILQ_INSERT_TAIL(&l->tasks, t, link);
}

void loop_forget(struct loop *l, struct loop_task *t)
{
    if (!t->queued)
        return;
    t->queued = false;
    STAILQ_REMOVE(&l->tasks, t, loop_task, link);
}

void loop_bury(struct loop *l, struct loop_grave *g)
{
    SLIST_INSERT_HEAD(&l->graves, g, link);
}
