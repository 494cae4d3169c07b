/*
 * When to do what: which engine is asked, how the fence is won, watched and lost, when the outbox
 * has its turn; and what the caller hears. One call to Docker is under way at a time, begun and
 * ended in tasks.c. After each, replica_next looks at everything that is known and chooses anew, so
 * that there is no order of events that was not thought of.
 *
 *   agree ─► look ─► (none: survey, raise │ another's: move) ─► load ─► create, move, remove, …
 *              ▲                                                             │
 *              └───────────── every CHECK_MS, and after each failure ◄───────┘
 *
 * Called by the coordinator.
 */
#include "clusters/replica/replica.h"

#include <string.h>

#include <event2/event.h>

#include "clusters/replica/replica_priv.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

/* ---- timers --------------------------------------------------------------------------------- */

static void set_timer(struct event *timer, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    ASSERT(event_add(timer, &tv) == 0); /* fails only when memory is gone */
}

static void on_wake(evutil_socket_t s, short what, void *arg)
{
    struct replica *r;

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(r, arg, REPLICA_MAGIC);
    replica_next(r);
}

/* ---- what the caller hears ------------------------------------------------------------------ */

static void tell_fence(struct replica *r, enum replica_fence state)
{
    bool others = r->sight == FENCE_SEEN && strcmp(r->seen.store, r->config.store) != 0;

    if (r->told == state)
        return;
    r->told = state;
    r->config.on_fence(r->config.arg, state,
                       state == REPLICA_FENCE_HELD ? r->config.coordinator
                       : others                    ? r->seen.holder
                                                   : "");
}

static void tell_durable(struct replica *r)
{
    uint64_t commit = r->outbox ? outbox_head(r->outbox)->commit : 0;

    if (commit <= r->told_durable)
        return;
    r->told_durable = commit;
    r->config.on_durable(r->config.arg, commit);
}

static void on_expiry(evutil_socket_t s, short what, void *arg)
{
    struct replica *r;

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(r, arg, REPLICA_MAGIC);
    if (r->told != REPLICA_FENCE_HELD)
        return;
    log_warn("the fence %s could not be checked for %d ms: nothing is committed until it is",
             r->fence_name, REPLICA_SURE_MS);
    r->unsure = true;
    tell_fence(r, REPLICA_FENCE_ASKING);
}

/* Said at once, then each minute. */
static void note(struct replica *r, const struct err *why)
{
    uint64_t unsaid;

    if (nag_due(&r->nag, clock_mono_ms(), &unsaid))
        log_warn("documents are not replicated into Swarm: %s (%llu times more before)", why->text,
                 (unsigned long long)unsaid);
    r->error = *why;
}

static void all_is_well(struct replica *r)
{
    if (outbox_error(r->outbox)->code)
        return;
    memset(&r->error, 0, sizeof(r->error));
    if (nag_over(&r->nag))
        log_info("documents are replicated into Swarm again");
}

void replica_sure(struct replica *r)
{
    int64_t left = r->asked_ms + REPLICA_SURE_MS - clock_mono_ms();

    r->sure_ms = r->asked_ms;
    r->retry_ms = 0;
    set_timer(r->expiry, left > 0 ? left : 0);
    if (!r->outbox)
        return;
    all_is_well(r);
    tell_fence(r, REPLICA_FENCE_HELD);
}

void replica_loaded(struct replica *r, const struct replica_loaded *l)
{
    log_info("%zu documents up to commit %llu are in Swarm%s", l->num,
             (unsigned long long)l->commit, l->ours ? ", written from this store" : "");
    all_is_well(r);
    r->told_durable = l->commit;
    r->caught_up = l->ours;
    r->config.on_loaded(r->config.arg, l);
    tell_fence(r, REPLICA_FENCE_HELD);
}

void replica_lose(struct replica *r)
{
    event_del(r->expiry);
    tell_fence(r, REPLICA_FENCE_LOST);
}

/* ---- when it goes wrong --------------------------------------------------------------------- */

static int64_t back_off(struct replica *r)
{
    int64_t now = r->retry_ms ? r->retry_ms : RETRY_FIRST_MS;

    r->retry_ms = now * 2 < RETRY_LAST_MS ? now * 2 : RETRY_LAST_MS;
    return now;
}

void replica_failed(struct replica *r, const struct err *why)
{
    note(r, why);
    r->unsure = true;
    r->agreed = false;
    r->sight = FENCE_UNSEEN;
    r->at = (r->at + 1) % r->num_engines;
    r->not_before_ms = clock_mono_ms() + back_off(r);
}

void replica_refused(struct replica *r, const struct err *why)
{
    note(r, why);
    r->sight = FENCE_UNSEEN;
    r->not_before_ms = clock_mono_ms() + DEFER_MS;
}

/* ---- what comes next ------------------------------------------------------------------------ */

/* Not ours yet: may it be taken? */
static enum replica_task next_before_ours(const struct replica *r, int64_t now, int64_t *wait)
{
    struct fence_self self = {r->config.store, r->started_ms, 0};

    if (fence_judge(&r->seen, &self, now - r->moved_ms) == FENCE_TAKE)
        return TASK_MOVE;
    *wait = r->looked_ms + DEFER_MS - now;
    return *wait > 0 ? TASK_NONE : TASK_LOOK;
}

static enum replica_task next_of_outbox(struct replica *r, int64_t now, int64_t *wait)
{
    static const enum replica_task tasks[] = {
        [OUTBOX_CREATE] = TASK_CREATE, [OUTBOX_COMMIT] = TASK_MOVE, [OUTBOX_REMOVE] = TASK_REMOVE};
    struct outbox_step step;

    if (outbox_wants_snapshot(r->outbox, now))
        r->config.on_snapshot(r->config.arg);
    outbox_work(r->outbox, now);
    outbox_next(r->outbox, now, &step);
    if (outbox_error(r->outbox)->code)
        note(r, outbox_error(r->outbox));
    if (step.what != OUTBOX_WAIT)
        return tasks[step.what];
    if (step.wait_ms >= 0 && step.wait_ms < *wait)
        *wait = step.wait_ms;
    if (now >= r->audit_ms && !outbox_is_broken(r->outbox))
        return TASK_AUDIT;
    return TASK_NONE;
}

static enum replica_task next_of_ours(struct replica *r, int64_t now, int64_t *wait)
{
    if (r->unsure || now - r->beaten_ms >= FENCE_BEAT_MS)
        return TASK_MOVE;
    if (!r->outbox)
        return TASK_LOAD;
    *wait = r->sure_ms + CHECK_MS - now;
    if (*wait <= 0)
        return TASK_LOOK;
    return next_of_outbox(r, now, wait);
}

/* TASK_NONE: nothing for *wait ms. */
static enum replica_task choose(struct replica *r, int64_t now, int64_t *wait)
{
    *wait = r->not_before_ms - now;
    if (*wait > 0)
        return TASK_NONE;
    if (docker_files_changed(r->engines[r->at])) {
        docker_renew(r->engines[r->at]);
        r->agreed = false;
    }
    if (!r->agreed)
        return TASK_AGREE;
    switch (r->sight) {
    case FENCE_UNSEEN:
    case FENCE_UNREADABLE:
        return TASK_LOOK;
    case FENCE_ABSENT:
        return r->term || r->surveyed ? TASK_RAISE : TASK_SURVEY;
    case FENCE_SEEN:
        break;
    }
    return r->term ? next_of_ours(r, now, wait) : next_before_ours(r, now, wait);
}

void replica_next(struct replica *r)
{
    enum replica_task task;
    int64_t wait = 0;

    if (r->told == REPLICA_FENCE_LOST || r->task != TASK_NONE)
        return;
    tell_durable(r);
    task = choose(r, clock_mono_ms(), &wait);
    if (task != TASK_NONE)
        task_start(r, task);
    else
        set_timer(r->wake, wait > 0 ? wait : 0);
}

/* ---- the caller's side ---------------------------------------------------------------------- */

static bool add_engines(struct replica *r, struct event_base *base,
                        const struct replica_config *config, struct err *e)
{
    struct docker_tls tls = {config->docker_tls_ca, config->docker_tls_cert,
                             config->docker_tls_key};
    size_t num = 0;

    while (config->docker && config->docker[num])
        num++;
    if (num == 0)
        return err_set(e, "BadEndpoint", "--docker", "no Docker endpoint is given");
    r->engines = xcalloc(num, sizeof(struct docker *));
    for (; r->num_engines < num; r->num_engines++) {
        r->engines[r->num_engines] =
            docker_new(base, config->docker[r->num_engines], &tls, CALL_MS, e);
        if (!r->engines[r->num_engines])
            return false;
    }
    return true;
}

static bool is_word(const char *word, size_t max)
{
    return word[0] && strlen(word) <= max;
}

static bool check_words(const struct replica_config *config, struct err *e)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    if (!is_word(config->name, REPLICA_NAME_MAX) ||
        config->name[strspn(config->name, plain)] != '\0')
        return err_set(e, "BadName", "name",
                       "the prefix of replicated configs has 1 to %d lower-case letters and digits",
                       REPLICA_NAME_MAX);
    if (!is_word(config->coordinator, FENCE_WORD_MAX - 1) ||
        !is_word(config->store, FENCE_WORD_MAX - 1))
        return err_set(e, "BadName", "coordinator",
                       "a coordinator's and a store's name have 1 to %d bytes", FENCE_WORD_MAX - 1);
    return true;
}

static void keep_config(struct replica *r, const struct replica_config *config)
{
    r->config = *config;
    r->config.coordinator = xstrdup(config->coordinator);
    r->config.store = xstrdup(config->store);
    r->config.name = r->keys.prefix;
    r->config.docker = NULL;
    seal_derive(config->key, config->name, &r->keys);
    memset(r->config.key, 0, sizeof(r->config.key));
    (void)snprintf(r->fence_name, sizeof(r->fence_name), "%s-fence", config->name); /* it fits */
}

struct replica *replica_new(struct event_base *base, const struct replica_config *config,
                            struct err *e)
{
    struct replica *r;

    if (!check_words(config, e))
        return NULL;
    r = xcalloc(1, sizeof(*r));
    r->magic = REPLICA_MAGIC;
    keep_config(r, config);
    r->started_ms = clock_wall_ms();
    r->looked_ms = r->moved_ms = clock_mono_ms();
    r->wake = evtimer_new(base, on_wake, r);
    r->expiry = evtimer_new(base, on_expiry, r);
    ASSERT(r->wake && r->expiry); /* they allocate and nothing else */
    if (!add_engines(r, base, config, e)) {
        replica_free(r);
        return NULL;
    }
    set_timer(r->wake, 0);
    return r;
}

void replica_free(struct replica *r)
{
    if (!r)
        return;
    OBJ_CHECK(r, REPLICA_MAGIC);
    task_cancel(r);
    for (size_t i = 0; i < r->num_engines; i++)
        docker_free(r->engines[i]);
    free(r->engines);
    event_free(r->wake);
    event_free(r->expiry);
    outbox_free(r->outbox);
    free((char *)r->config.coordinator);
    free((char *)r->config.store);
    seal_wipe(&r->keys);
    OBJ_KILL(r);
}

void replica_push(struct replica *r, uint64_t commit, const struct replica_doc *docs, size_t num)
{
    OBJ_CHECK(r, REPLICA_MAGIC);
    ASSERT(r->outbox);
    r->caught_up = true;
    outbox_push(r->outbox, commit, docs, num);
    set_timer(r->wake, 0);
}

void replica_snapshot(struct replica *r, uint64_t commit, const struct replica_source *source)
{
    OBJ_CHECK(r, REPLICA_MAGIC);
    ASSERT(r->outbox);
    r->caught_up = true;
    outbox_snapshot(r->outbox, commit, source);
    set_timer(r->wake, 0);
}

void replica_status(const struct replica *r, struct replica_status *out)
{
    OBJ_CHECK(r, REPLICA_MAGIC);
    *out = (struct replica_status){.fence = r->told,
                                   .loaded = r->outbox != NULL,
                                   .durable = r->told_durable,
                                   .objects = r->outbox ? outbox_num_objects(r->outbox) : 0,
                                   .last_error = r->error};
    if (r->outbox != NULL)
        out->too_large = *outbox_error(r->outbox);
}
