/*
 * Typed calls to one Docker engine's API. Every list has a deadline and a cap; a reply is decoded
 * before the caller hears of it. on_done comes exactly once, from the loop, unless the call is
 * cancelled. Nothing is retried here.
 */
#ifndef CLUSTERS_SWARM_DOCKER_H
#define CLUSTERS_SWARM_DOCKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/swarm/decode.h"
#include "clusters/swarm/ids.h"
#include "gateway/core/err.h"
#include "gateway/core/str.h"

struct event_base;
struct docker;
struct docker_call;

/* More ids than this do not go into one request: ask for the whole list. */
enum { DOCKER_IDS_MAX = 100 };

/*
 * failure NULL: the reply is in the decode given. Its codes are fetch's, and: "Gone" (404: an id in
 * the filter is not there any more), "BadRequest" (400: it does not speak the version agreed on,
 * any more), "Exists" (409), "OutOfSequence" (500: the object is at another version than that which
 * was to be changed), "Refused" (another status, with Docker's own sentence), "BadReply",
 * "BadVersion", "TooOld".
 */
typedef void docker_done(void *arg, const struct err *failure); /* a function type, for brevity */

/* PEM files; NULL: not given. Read at each connection. */
struct docker_tls {
    const char *ca;   /* signs the engine's certificate; NULL: the system's CAs do */
    const char *cert; /* ours, with */
    const char *key;  /* its key */
};

/*
 * endpoint: unix:///path, tcp://host:port or https://host:port. tcp:// is spoken with TLS when any
 * file of *tls is given, else in the clear, of which the log warns unless the host is the loopback.
 * NULL with *e when it is none of these, or a file cannot be read.
 */
struct docker *docker_new(struct event_base *base, const char *endpoint,
                          const struct docker_tls *tls, int64_t timeout_ms, struct err *e);
const char *docker_name(const struct docker *d); /* the endpoint as it was given */
/* Whether a file of TLS is another than at the last call. */
bool docker_files_changed(struct docker *d);
/* Cancels what is under way and closes all connections. */
void docker_renew(struct docker *d);
void docker_set_timeout(struct docker *d, int64_t timeout_ms); /* of the calls that follow */
void docker_free(struct docker *d);                            /* cancels what is under way */

/* Agrees on an API version; has to succeed once before the calls below. */
struct docker_call *docker_negotiate(struct docker *d, docker_done *on_done, void *arg);
const char *docker_api(const struct docker *d); /* "1.41"; "" before that */

/* only: services by id, or tasks by the ids of their services; NULL: all. Lent until on_done. */
struct docker_call *docker_read(struct docker *d, enum decode_kind kind, const struct ids *only,
                                struct decode *into, docker_done *on_done, void *arg);

/* Any other question, or a change: see configs.h. */
struct docker_ask {
    const char *method;
    const char *path; /* behind the version: "/configs/create" */
    struct str body;  /* JSON, copied */
    size_t reply_max; /* bytes */
    /* A good reply; false with *e: it makes no sense. NULL: whatever it says. */
    bool (*on_body)(void *arg, struct str body, struct err *e);
};

struct docker_call *docker_ask(struct docker *d, const struct docker_ask *ask, docker_done *on_done,
                               void *arg);

struct docker_watch {
    void (*on_open)(void *arg);
    void (*on_event)(void *arg, const struct decode_event *event);
    docker_done *on_done; /* the stream ended: failure is never NULL */
    void *arg;
};

/* The event stream: no deadline once it is open. */
struct docker_call *docker_watch(struct docker *d, const struct docker_watch *watch);
void docker_cancel(struct docker_call *c); /* no callback follows; NULL is fine */

/* The version that is used with an engine; false when there is none. Pure. */
bool docker_choose_api(const struct decode_api *engine, int *out_minor, struct err *e);

#endif
