/* What server.c (rules, life) and session.c (one connection) share; nobody else includes it. */
#ifndef GATEWAY_DOORMAN_SERVER_PRIV_H
#define GATEWAY_DOORMAN_SERVER_PRIV_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "gateway/doorman/offer.h"
#include "gateway/doorman/publish.h"
#include "gateway/doorman/slots.h"

enum server_state {
    SERVER_RUNNING,
    SERVER_HANDING, /* a successor has the list and has not said that it adopted it */
    SERVER_RETIRED, /* a successor rules; this one waits for SIGTERM, or for the successor's end */
};

enum session_state {
    SESSION_NEW,       /* HELLO is awaited */
    SESSION_OFFERING,  /* a gateway, before its TAKE */
    SESSION_TAKEN,     /* has the list, or is being given it */
    SESSION_SERVING,   /* polls everything of the generation it named */
    SESSION_DRAINING,  /* still there, but takes nothing new */
    SESSION_SUCCESSOR, /* a new doorman */
    SESSION_DEAD,      /* buried at the end of the loop turn */
    SESSION__COUNT
};

enum { SESSION_MAGIC = 0x5e551017, SERVER_MAGIC = 0x5e12be12, SESSIONS_MAX = 64 };
enum { HELLO_DEADLINE_MS = 5000, ADOPT_DEADLINE_MS = 10000, TICK_MS = 100 };

/* list_pos of a session that has been sent everything */
#define SESSION_LIST_SENT SIZE_MAX

struct server;

struct session {
    unsigned magic;
    enum session_state state;
    struct server *server;
    unsigned id; /* for people: pids mean nothing across containers */
    int fd;
    struct event *in;
    struct event *out;
    uint64_t served; /* generation; counts in SESSION_SERVING only */
    size_t list_pos; /* next slot to tell about */
    int64_t deadline_ms;
    struct offer offer;
    TAILQ_ENTRY(session) link;
};

TAILQ_HEAD(session_list, session);

struct server {
    unsigned magic;
    enum server_state state;
    struct event_base *base;
    const char *path;
    uid_t uid;
    struct slots *slots;
    struct session *successor; /* in SERVER_HANDING */
    bool unprivileged;         /* the last capability is gone */
    int listen_fd;
    struct publish_id published;
    struct event *accept;
    struct event *tick;
    struct event *bury;
    struct session_list sessions;
    struct session_list dead;
    unsigned num_sessions;
    unsigned last_id;
    int64_t bind_again_ms;
    int64_t look_again_ms; /* in SERVER_RETIRED */
    unsigned num_alone;    /* looks in a row at which nobody answered */
};

/* session.c */
MUST_USE bool session_may_move(enum session_state from, enum session_state to);
MUST_USE bool session_may_say(enum session_state state, enum doorman_msg_type type);
void session_new(struct server *s, int fd); /* takes fd */
void session_tell_list(struct session *c);  /* from the start, if it is one that gets lists */
void session_tell_moved(struct session *c);
void session_close(struct session *c, const char *why); /* idempotent; why is for the log */
void session_bury(struct session *c);                   /* frees */

/* server.c, told by sessions */
void server_took(struct server *s, struct session *c); /* its offer is whole */
void server_begin_handover(struct server *s, struct session *c);
void server_end_handover(struct server *s, const struct session *c, bool adopted);
void server_step(struct server *s); /* somebody came, went, serves, drains: apply the rules */

#endif
