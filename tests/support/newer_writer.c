/*
 * `newer_writer IDENTITY ENGINE` is a coordinator of a later day for a moment: it takes the fence,
 * puts one document of the kind "policy" into Swarm's store behind what is there, and ends with
 * status 0 once that is durable; with 1 when it does not come to it within ten seconds.
 */
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "admin/auth/auth.h"
#include "clusters/replica/replica.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"

enum { WAIT_S = 10 };

struct writer {
    struct event_base *base;
    struct replica *replica;
    uint64_t commit; /* of the document; 0: not yet written */
    uint64_t found;
    bool done;
};

static void on_loaded(void *arg, const struct replica_loaded *l)
{
    struct writer *w = arg;

    w->found = l->commit;
}

static void on_snapshot(void *arg)
{
    (void)arg; /* the next one's business */
}

static void on_durable(void *arg, uint64_t commit)
{
    struct writer *w = arg;

    w->done = w->commit != 0 && commit >= w->commit;
    if (w->done)
        event_base_loopbreak(w->base);
}

static void on_fence(void *arg, enum replica_fence state, const char *who)
{
    static const struct replica_doc policy = {"", "policy", "strict", "{\"everything\":true}", 1};
    struct writer *w = arg;

    (void)who; /* it is us */
    if (state != REPLICA_FENCE_HELD || w->commit != 0)
        return;
    w->commit = w->found + 1;
    replica_push(w->replica, w->commit, &policy, 1);
}

int main(int argc, char **argv)
{
    struct writer w = {.base = event_base_new()};
    struct replica_config config = {.docker = (const char *const *)argv + 2,
                                    .name = "signalbox",
                                    .coordinator = "newer",
                                    .store = "newer",
                                    .on_loaded = on_loaded,
                                    .on_snapshot = on_snapshot,
                                    .on_durable = on_durable,
                                    .on_fence = on_fence,
                                    .arg = &w};
    struct timeval wait = {.tv_sec = WAIT_S};
    struct err e = {0};
    struct auth *auth = argc == 3 ? auth_new(argv[1], &e) : NULL;

    log_init("newer_writer", LOG_INFO);
    if (auth == NULL) {
        fprintf(stderr, "usage: newer_writer IDENTITY ENGINE %s\n", e.text);
        return 2;
    }
    auth_replica_key(auth, config.key);
    w.replica = replica_new(w.base, &config, &e);
    ASSERT(w.replica != NULL && event_base_loopexit(w.base, &wait) == 0);
    event_base_dispatch(w.base);
    replica_free(w.replica);
    auth_free(auth);
    event_base_free(w.base);
    return w.done ? 0 : 1;
}
