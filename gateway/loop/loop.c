/*
 * The turn of an event loop (see loop.h for its order). Built so that the hot path makes no system
 * call besides epoll_wait: the clock is read through the vDSO once a turn, and the only timer is
 * how long that waits. Knows nothing of connections; worker runs it, proxy and upstream hang off
 * it.
 */
#include "gateway/loop/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "gateway/core/obj.h"
#include "gateway/loop/sendq.h"

enum { LOOP_MAGIC = 0x10091001 };

static void arm_tick(struct loop *l, int64_t ms)
{
    l->next_tick_ms = loop_now_ms(l) + ms;
}

/*
 * Nobody is overdue whose bytes came in time and wait in the set: of a pause (a suspended machine,
 * a quota of CPU), whenever in a turn it was, the loop is to blame. So the tick comes only behind a
 * turn that was begun when it was due already, and was not full.
 */
static bool others_wait(struct loop *l)
{
    bool all_heard = l->num_put_off > 0 && l->num_events < LOOP_EVENTS_A_TURN;

    if (all_heard || l->num_put_off == LOOP_PUT_OFF_TURNS)
        l->num_put_off = 0;
    else
        l->num_put_off++;
    return l->num_put_off > 0;
}

static void tick_when_due(struct loop *l)
{
    bool fast = false;

    if (loop_now_ms(l) < l->next_tick_ms || others_wait(l))
        return;
    for (size_t i = 0; i < l->num_tickers; i++)
        fast |= l->tickers[i].on_tick(l->tickers[i].arg, loop_now_ms(l));
    arm_tick(l, fast ? LOOP_TICK_FAST_MS : LOOP_TICK_SLOW_MS);
}

bool loop_init(struct loop *l, struct err *e)
{
    memset(l, 0, sizeof *l);
    l->magic = LOOP_MAGIC;
    TAILQ_INIT(&l->tasks);
    SLIST_INIT(&l->graves);
    pipepool_init(&l->pipes, 0);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        return err_set_errno(e, "NoEventLoop", "", "no epoll set can be made");
    arm_tick(l, LOOP_TICK_SLOW_MS);
    return true;
}

/* ---- a libevent base around it --------------------------------------------------------------- */

/* They only end the base's wait: loop_run does the rest. */
static void on_base_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

/* No locks: every base is used by one thread. */
static struct event_base *new_base(void)
{
    struct event_config *cfg = event_config_new();
    struct event_base *base;

    if (cfg == NULL)
        return NULL;
    base = event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK) == 0 ? event_base_new_with_config(cfg)
                                                                   : NULL;
    event_config_free(cfg);
    return base;
}

bool loop_add_base(struct loop *l, struct err *e)
{
    OBJ_CHECK(l, LOOP_MAGIC);
    ASSERT(l->base == NULL);
    l->base = new_base();
    if (l->base == NULL)
        return err_set(e, "NoEventLoop", "", "no libevent base can be made");
    l->has_events = event_new(l->base, l->epoll_fd, EV_READ | EV_PERSIST, on_base_event, NULL);
    l->alarm = event_new(l->base, -1, 0, on_base_event, NULL);
    ASSERT(l->has_events != NULL && l->alarm != NULL);
    if (event_add(l->has_events, NULL) != 0)
        return err_set(e, "NoEventLoop", "", "an epoll set cannot be watched");
    return true;
}

static void wait_in_base(struct loop *l, int64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    if (ms > 0)
        ASSERT(event_add(l->alarm, &tv) == 0);
    ASSERT(event_base_loop(l->base, EVLOOP_ONCE | (ms > 0 ? 0 : EVLOOP_NONBLOCK)) >= 0);
}

static void free_base(struct loop *l)
{
    if (l->base == NULL)
        return;
    if (l->has_events != NULL)
        event_free(l->has_events);
    if (l->alarm != NULL)
        event_free(l->alarm);
    event_base_free(l->base);
    l->base = NULL;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

bool loop_watch(struct loop *l, int fd, uint32_t events, struct loop_watch *w)
{
    struct epoll_event ev = {.events = events, .data.ptr = w};

    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

/* What has been told of it in this turn, but not handed on yet, is forgotten. */
void loop_unwatch(struct loop *l, int fd, const struct loop_watch *w)
{
    ASSERT(epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0);
    for (int i = l->next_event; i < l->num_events; i++)
        if (l->events[i].data.ptr == w)
            l->events[i].data.ptr = NULL;
}

static void hand_on(struct loop *l)
{
    for (l->next_event = 0; l->next_event < l->num_events;) {
        const struct epoll_event *ev = &l->events[l->next_event++];
        const struct loop_watch *w = ev->data.ptr;

        if (w != NULL)
            w->on_event(w->arg, ev->events);
    }
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
    free_base(l);
    fd_close(&l->epoll_fd);
    sendq_free(l->sendq);
    bufpool_free(&l->bufs);
    pipepool_free(&l->pipes);
    l->magic = 0;
}

/*
 * Only what was queued before: a task that queues itself again waits for the next turn. They stay
 * in the one list, up to a mark, because any of them may forget any other.
 */
static void run_tasks(struct loop *l)
{
    struct loop_task mark, *t;

    if (TAILQ_EMPTY(&l->tasks))
        return;
    TAILQ_INSERT_TAIL(&l->tasks, &mark, link);
    while ((t = TAILQ_FIRST(&l->tasks)) != &mark) {
        TAILQ_REMOVE(&l->tasks, t, link);
        t->queued = false;
        t->run(t->arg);
    }
    TAILQ_REMOVE(&l->tasks, &mark, link);
}

/* Nothing may wait for the next turn while that waits for events. */
static bool has_work(const struct loop *l)
{
    return !TAILQ_EMPTY(&l->tasks) || (l->sendq != NULL && l->sendq->num > 0);
}

static void wait_for_events(struct loop *l)
{
    int64_t ms = has_work(l) ? 0 : l->next_tick_ms - loop_now_ms(l);

    if (ms < 0)
        ms = 0;
    if (l->base != NULL) {
        wait_in_base(l, ms);
        ms = 0;
    }
    l->num_events = epoll_wait(l->epoll_fd, l->events, LOOP_EVENTS_A_TURN, (int)ms);
    ASSERT(l->num_events >= 0 || errno == EINTR);
    l->now_ms = 0;
}

void loop_run(struct loop *l)
{
    OBJ_CHECK(l, LOOP_MAGIC);
    while (!l->stopped) {
        wait_for_events(l);
        hand_on(l);
        run_tasks(l);
        tick_when_due(l);
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
    if (l->next_tick_ms - loop_now_ms(l) > LOOP_TICK_FAST_MS)
        arm_tick(l, LOOP_TICK_FAST_MS);
}

void loop_later(struct loop *l, struct loop_task *t)
{
    if (t->queued)
        return;
    t->queued = true;
    TAILQ_INSERT_TAIL(&l->tasks, t, link);
}

void loop_forget(struct loop *l, struct loop_task *t)
{
    if (!t->queued)
        return;
    t->queued = false;
    TAILQ_REMOVE(&l->tasks, t, link);
}

void loop_bury(struct loop *l, struct loop_grave *g)
{
    SLIST_INSERT_HEAD(&l->graves, g, link);
}
