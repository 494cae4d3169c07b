/*
 * Watches a swarm and says what changes in it: event stream first, then lists; changing services
 * are polled, everything is reconciled now and then (ARCHITECTURE §2.1). A read that fails
 * withdraws nothing: the last good view stays in force until a better one has been read. Runs on
 * the loop's thread; no callback runs from inside observe_new or observe_free.
 */
#ifndef CLUSTERS_SWARM_OBSERVE_H
#define CLUSTERS_SWARM_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "clusters/swarm/docker.h"
#include "clusters/swarm/secrets.h"
#include "gateway/core/err.h"

struct event_base;
struct observe;
struct view;
struct view_patch;

struct observe_health {
    bool ever_read;            /* a first whole view has been read and handed out */
    bool events_open;          /* the event stream is connected */
    const char *endpoint;      /* the one in use, as it was given */
    int64_t last_good_mono_ms; /* clock_mono_ms() of the last round in which every read succeeded;
                                  0: none */
    struct err last_error; /* of the newest round or stream that failed; code NULL: all is well */
    char api_version[16];  /* negotiated, for example "1.41"; "" before that */
};

struct observe_config {
    /*
     * NULL-ended: "unix:///var/run/docker.sock", "tcp://host:port" or "https://host:port" of
     * managers of one swarm. The first is used until it fails or hangs, then the next, and so on.
     * This and the file names are used during observe_new only.
     */
    const char *const *docker;
    struct docker_tls tls;
    /*
     * The first whole view, then each time something differs, with what differs from the time
     * before, which is the callee's. The view is the observer's: it lives as long as that, at the
     * same place, and changes before each call.
     */
    void (*on_view)(void *arg, struct view *now, struct view_patch *owned);
    /* Only `others` differs: nothing that is routed. NULL: on_view hears of it. */
    void (*on_beside)(void *arg, struct view *now, struct view_patch *owned);
    /* When `ever_read`, `events_open`, `last_error` or the version changed; may be NULL. */
    void (*on_health)(void *arg, const struct observe_health *h);
    /* Each list of secrets, which the callee has; NULL: they are not read. */
    secrets_fn *on_secrets;
    void *arg;
    int64_t read_timeout_ms; /* of one read, up to tenfold for a slow engine; 0: 3,000 */
    int64_t silence_ms;      /* a stream without events for so long is opened again; 0: 300,000 */
    int64_t doubt_ms; /* how long a picture that is older than ours is not believed; 0: 10,000 */
};

/* NULL with *e when an endpoint cannot be used as written. An engine that is away is no error. */
struct observe *observe_new(struct event_base *base, const struct observe_config *config,
                            struct err *e);
void observe_free(struct observe *o); /* NULL is fine; not from inside a callback */

/*
 * Services without labels of ours that shall be in the views all the same, by name; instead of
 * those of the call before. The names are copied.
 */
void observe_want(struct observe *o, const char *const *names, size_t num);

const struct observe_health *observe_health(const struct observe *o);

#endif
