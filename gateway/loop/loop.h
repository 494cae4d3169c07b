/*
 * One thread's event loop and what belongs to it: its epoll set, the time of this turn, one coarse
 * tick for all deadlines, work put off to the next turn, and the graves of objects that died in
 * this one. Nothing here is shared between threads.
 *
 * The set is the loop's own, because a socket has to know what libevent does not tell: that an
 * error came together with bytes. Without it each read in the middle of something, and each in a
 * tunnel, would need a second one that finds nothing. Libraries that want a libevent base get one
 * with loop_add_base; the loop then waits in that, and its own set is one of the base's events.
 *
 * A turn: wait for events, run their callbacks, run what was put off, tick when due, send what was
 * gathered, run the hook, bury the dead. Callbacks never free what may still be on the stack: they
 * give it to loop_bury.
 */
#ifndef GATEWAY_LOOP_LOOP_H
#define GATEWAY_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/loop/bufpool.h"
#include "gateway/loop/pipepool.h"

struct event;
struct event_base;
struct fd_budget;
struct loop;
struct sendq;

enum {
    LOOP_TICK_FAST_MS = 100,  /* while somebody has a short deadline */
    LOOP_TICK_SLOW_MS = 1000, /* otherwise: idle connections need no more */
    LOOP_TICKERS_MAX = 4,
    LOOP_EVENTS_A_TURN = 128,
    LOOP_PUT_OFF_TURNS = 64 /* that a tick may wait, while each is full */
};

/* Who is told of a descriptor's events; embedded in its owner. */
struct loop_watch {
    void (*on_event)(void *arg, uint32_t events); /* EPOLL* bits of epoll_ctl(2) */
    void *arg;
};

/* Work for the next turn; embedded in its owner, queued at most once. */
struct loop_task {
    void (*run)(void *arg);
    void *arg;
    bool queued;
    TAILQ_ENTRY(loop_task) link;
};

/* What is left of an object until the turn ends; embedded in it. */
struct loop_grave {
    void (*bury)(void *dead); /* frees it */
    void *dead;
    SLIST_ENTRY(loop_grave) link;
};

/* Called on each tick; true: deadlines under a second are pending, tick fast. */
struct loop_ticker {
    bool (*on_tick)(void *arg, int64_t now_ms);
    void *arg;
};

struct loop {
    unsigned magic;
    int epoll_fd;
    int num_events, next_event; /* of this turn */
    struct epoll_event events[LOOP_EVENTS_A_TURN];
    struct event_base *base; /* NULL, until loop_add_base */
    struct event *has_events, *alarm;
    int64_t next_tick_ms;
    int num_put_off; /* turns for which the tick has waited */
    int64_t now_ms;  /* 0: not read in this turn yet */
    int64_t now_us;  /* of the same reading */
    TAILQ_HEAD(, loop_task) tasks;
    SLIST_HEAD(, loop_grave) graves;
    struct loop_ticker tickers[LOOP_TICKERS_MAX];
    size_t num_tickers;
    void (*on_turn_end)(void *arg); /* may be NULL */
    void *turn_end_arg;
    struct bufpool bufs;
    struct pipepool pipes;    /* none, until its owner makes some */
    struct sendq *sendq;      /* NULL, until loop_gathers: sockets send at once */
    struct fd_budget *budget; /* the process's; NULL: sockets are not counted */
    bool stopped;
};

MUST_USE bool loop_init(struct loop *l, struct err *e);
MUST_USE bool loop_add_base(struct loop *l, struct err *e); /* l->base, for libraries */
void loop_gathers(struct loop *l); /* sockets opened from now on may send late (sock.h) */
void loop_free(struct loop *l);    /* buries what waits; tasks that wait are forgotten */
void loop_run(struct loop *l);     /* until loop_stop */
void loop_stop(struct loop *l);

/* `events` as epoll_ctl(2) has them. False: errno says why. */
MUST_USE bool loop_watch(struct loop *l, int fd, uint32_t events, struct loop_watch *w);
void loop_unwatch(struct loop *l, int fd, const struct loop_watch *w); /* before fd is closed */

int64_t loop_now_ms(struct loop *l); /* monotonic; one clock read a turn */
int64_t loop_now_us(struct loop *l); /* the same moment, for what is measured */
void loop_add_ticker(struct loop *l, bool (*on_tick)(void *arg, int64_t now_ms), void *arg);
void loop_hurry(struct loop *l); /* a short deadline has begun: tick fast from now on */
void loop_later(struct loop *l, struct loop_task *t);
void loop_forget(struct loop *l, struct loop_task *t); /* not queued is fine */
void loop_bury(struct loop *l, struct loop_grave *g);
void loop_bury_now(struct loop *l); /* outside of turns only */

#endif
