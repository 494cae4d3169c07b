/*
 * The steps of a round of reads, in the order in which one needs the other: services say whose
 * tasks and networks matter. A service that is removed between its read and that of its tasks makes
 * Docker answer 404 for all of them: it is taken out and the rest is asked for again. Decides
 * nothing about when to read; that is observe.c, its caller.
 */
#include "clusters/swarm/round.h"

#include <string.h>

#include "clusters/swarm/view.h"
#include "gateway/core/check.h"
#include "gateway/core/obj.h"

enum { ROUND_MAGIC = 0x524f4e44 };

enum round_step { STEP_SERVICES, STEP_TASKS, STEP_NODES, STEP_NETWORKS, STEP_END, STEP__COUNT };

struct round {
    unsigned magic;
    enum round_step step;
    struct round_config config;
    struct round_plan plan;
    struct model_scope scope;
    struct view *fresh;
    struct decode decode;
    struct docker_call *call;
    struct ids gone;
    struct model_newest newest;
    struct err missing; /* the first refusal of nodes or networks; code NULL: none */
    size_t num_seen;
};

void round_plan_clear(struct round_plan *p)
{
    ids_clear(&p->services);
    ids_clear(&p->polled);
    memset(p, 0, sizeof(*p));
}

bool round_plan_empty(const struct round_plan *p)
{
    return !p->full && !p->nodes && !p->networks && p->services.num == 0 && p->polled.num == 0;
}

void round_plan_add(struct round_plan *p, const struct round_plan *more)
{
    p->full |= more->full;
    p->nodes |= more->nodes;
    p->networks |= more->networks;
    ids_add_all(&p->services, &more->services);
    ids_add_all(&p->polled, &more->polled);
}

static void round_free(struct round *r)
{
    round_plan_clear(&r->plan);
    model_scope_clear(&r->scope);
    ids_clear(&r->gone);
    view_free(r->fresh);
    OBJ_KILL(r);
}

static void finish(struct round *r, const struct err *failure)
{
    struct round_result result = {.failure = failure,
                                  .missing = r->missing.code ? &r->missing : NULL,
                                  .fresh = r->fresh,
                                  .scope = &r->scope,
                                  .newest = r->newest,
                                  .gone = &r->gone,
                                  .num_seen = r->num_seen};

    view_seal(r->fresh);
    r->config.on_done(r->config.arg, &result);
    round_free(r);
}

/* Whose tasks: those polled, and those read again that (still) have labels of ours. */
static void choose_tasks(struct round *r)
{
    if (r->scope.all)
        return;
    ids_add_all(&r->scope.tasks, &r->plan.polled);
    for (size_t i = 0; i < r->plan.services.num; i++) {
        if (view_service(r->fresh, r->plan.services.items[i]) ||
            view_refused(r->fresh, r->plan.services.items[i]))
            ids_add(&r->scope.tasks, r->plan.services.items[i]);
        else
            ids_remove(&r->scope.tasks, r->plan.services.items[i]);
    }
}

static bool is_needed(const struct round *r, enum round_step step)
{
    switch (step) {
    case STEP_SERVICES:
        return r->scope.all || r->scope.services.num;
    case STEP_TASKS:
        return r->scope.all || r->scope.tasks.num > 0;
    case STEP_NODES:
        return r->scope.nodes;
    case STEP_NETWORKS:
        return r->scope.networks;
    case STEP_END:
    case STEP__COUNT:
        break;
    }
    return true;
}

static void on_read(void *arg, const struct err *failure);

static void read_step(struct round *r)
{
    static const enum decode_kind kinds[STEP__COUNT] = {[STEP_SERVICES] = DECODE_SERVICES,
                                                        [STEP_TASKS] = DECODE_TASKS,
                                                        [STEP_NODES] = DECODE_NODES,
                                                        [STEP_NETWORKS] = DECODE_NETWORKS};
    const struct ids *only = NULL;

    ASSERT(r->step < STEP_END);
    if (r->step == STEP_SERVICES && !r->scope.all)
        only = &r->scope.services;
    if (r->step == STEP_TASKS && !r->scope.all)
        only = &r->scope.tasks;
    docker_set_timeout(r->config.docker, r->step == STEP_NODES || r->step == STEP_NETWORKS
                                             ? r->config.side_ms
                                             : r->config.read_ms);
    r->decode.also = r->step == STEP_SERVICES ? r->config.also : NULL;
    r->decode.known = *r->config.known;
    r->decode.only_of = r->step == STEP_TASKS && r->scope.all ? r->fresh : NULL;
    r->call = docker_read(r->config.docker, kinds[r->step], only, &r->decode, on_read, r);
}

/* Leaves r->step for the next one that is needed. */
static void step_on(struct round *r)
{
    ASSERT(r->step < STEP_END);
    if (r->step == STEP_SERVICES) {
        view_seal(r->fresh);
        choose_tasks(r);
        if (r->config.side_ms)
            r->scope.networks |= model_lacks_network(*r->config.known, r->fresh);
    }
    do
        r->step++;
    while (!is_needed(r, r->step));
}

static bool names(const char *sentence, const char *id)
{
    char *word = xasprintf(" %s ", id);
    bool found = strstr(sentence, word) != NULL;

    free(word);
    return found;
}

/*
 * A 404 for tasks, "service ID not found": that id is gone. False when none that we asked for is
 * named.
 */
static bool drop_gone(struct round *r, const struct err *failure)
{
    struct ids *asked = &r->scope.tasks;

    if (r->step != STEP_TASKS || r->scope.all || strcmp(failure->code, "Gone") != 0)
        return false;
    for (size_t i = 0; i < asked->num; i++) {
        if (!names(failure->text, asked->items[i]))
            continue;
        ids_add(&r->gone, asked->items[i]);
        ids_remove(asked, asked->items[i]);
        return true;
    }
    return false;
}

/* Nodes and networks are asked for last: what failed leaves the scope, the rest of it is good. */
static bool do_without(struct round *r, const struct err *failure)
{
    if (r->step != STEP_NODES && r->step != STEP_NETWORKS)
        return false;
    if (!r->missing.code)
        r->missing = *failure;
    if (r->step == STEP_NODES)
        r->scope.nodes = false;
    else
        r->scope.networks = false;
    return true;
}

static void take_counts(struct round *r)
{
    if (r->decode.num_seen > r->num_seen)
        r->num_seen = r->decode.num_seen;
    if (r->step == STEP_SERVICES)
        r->newest.service = r->decode.newest;
    else if (r->step == STEP_TASKS)
        r->newest.task = r->decode.newest;
}

static void on_read(void *arg, const struct err *failure)
{
    struct round *r;

    OBJ_CAST(r, arg, ROUND_MAGIC);
    r->call = NULL;
    if (failure && !drop_gone(r, failure) && !do_without(r, failure)) {
        finish(r, failure);
        return;
    }
    if (!failure)
        take_counts(r);
    if (!failure || !is_needed(r, r->step))
        step_on(r);
    if (r->step == STEP_END)
        finish(r, NULL);
    else
        read_step(r);
}

struct round *round_start(const struct round_config *config, struct round_plan *plan)
{
    struct round *r = xcalloc(1, sizeof(*r));

    ASSERT(!round_plan_empty(plan));
    r->magic = ROUND_MAGIC;
    r->config = *config;
    r->plan = *plan;
    memset(plan, 0, sizeof(*plan));
    r->fresh = view_new();
    r->decode = (struct decode){.into = r->fresh, .on_skip = config->on_skip, .arg = config->arg};
    if (r->plan.services.num + r->plan.polled.num > DOCKER_IDS_MAX)
        r->plan.full = true;
    r->scope.all = r->plan.full;
    r->scope.nodes = r->plan.nodes;
    r->scope.networks = r->plan.networks;
    if (!r->plan.full)
        ids_add_all(&r->scope.services, &r->plan.services);
    while (!is_needed(r, r->step))
        step_on(r);
    read_step(r);
    return r;
}

void round_cancel(struct round *r)
{
    if (!r)
        return;
    OBJ_CHECK(r, ROUND_MAGIC);
    docker_cancel(r->call);
    round_free(r);
}
