/*
 * The things that are done at Docker, one function to begin each and one to end it. Which comes
 * next is replica.c's, what goes out and in is outbox.c's and load.c's. Every outcome is foreseen:
 * a reply that was lost (the name exists, the fence has our own labels), an object that is gone.
 */
#include <string.h>

#include "clusters/replica/replica_priv.h"
#include "clusters/swarm/configs.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

enum { LABELS_MAX = 4096 };

static bool is(const struct err *failure, const char *code)
{
    return failure && strcmp(failure->code, code) == 0;
}

static struct docker *engine(const struct replica *r)
{
    return r->engines[r->at];
}

static void on_done(void *arg, const struct err *failure);

/* ---- the version ---------------------------------------------------------------------------- */

static struct docker_call *agree(struct replica *r)
{
    return docker_negotiate(engine(r), on_done, r);
}

static void agree_done(struct replica *r, const struct err *failure)
{
    if (failure)
        replica_failed(r, failure);
    else
        r->agreed = true;
}

/* ---- the fence ------------------------------------------------------------------------------ */

static void take_fence(void *arg, const struct configs_item *c)
{
    struct replica *r;
    const char *values[FENCE__LABELS];
    struct err why = {0};

    OBJ_CAST(r, arg, REPLICA_MAGIC);
    for (size_t i = 0; i < FENCE__LABELS; i++)
        values[i] = configs_label(c, fence_labels[i]);
    if (c->version != r->version)
        r->moved_ms = clock_mono_ms();
    r->version = c->version;
    r->sight = FENCE_SEEN;
    if (fence_read(&r->keys, values, &r->seen, &why))
        return;
    r->sight = FENCE_UNREADABLE;
    r->error = why;
}

static bool read_fence(void *arg, struct str body, struct err *e)
{
    return configs_decode(body, take_fence, arg, e);
}

static struct docker_call *look(struct replica *r)
{
    return configs_get(engine(r), r->fence_name, read_fence, on_done, r);
}

/* Labels that somebody bent by hand are written anew: it is still our object. */
static void look_at_ours(struct replica *r)
{
    struct fence_self self = {r->config.store, r->started_ms, r->term};

    if (r->sight == FENCE_UNREADABLE) {
        log_warn("the labels of the config %s were altered by somebody; they are written anew",
                 r->fence_name);
        r->unsure = true;
        r->seen = r->moving;
        r->sight = FENCE_SEEN;
        return;
    }
    if (fence_judge(&r->seen, &self, 0) == FENCE_GONE) {
        replica_lose(r);
        return;
    }
    if (r->outbox) /* a move whose reply was lost shows here */
        outbox_committed(r->outbox, &r->seen.head);
    if (!r->unsure)
        replica_sure(r);
}

static void look_done(struct replica *r, const struct err *failure)
{
    if (failure && !is(failure, "Gone")) {
        replica_failed(r, failure);
        return;
    }
    r->looked_ms = clock_mono_ms();
    r->surveyed = false;
    if (failure)
        r->sight = FENCE_ABSENT;
    else if (r->term)
        look_at_ours(r);
    else if (r->sight == FENCE_UNREADABLE)
        replica_refused(r, &r->error);
}

/* What the fence is to say: the head that waits for it, or what it said before. */
static struct chain_head head_to_write(struct replica *r)
{
    struct outbox_step step;

    if (!r->outbox)
        return r->seen.head;
    outbox_next(r->outbox, clock_mono_ms(), &step);
    return step.what == OUTBOX_COMMIT ? step.head : *outbox_head(r->outbox);
}

static void fill_moving(struct replica *r)
{
    struct fence *f = &r->moving;

    memset(f, 0, sizeof(*f));
    (void)snprintf(f->holder, sizeof(f->holder), "%s", r->config.coordinator); /* both fit: */
    (void)snprintf(f->store, sizeof(f->store), "%s", r->config.store);         /* replica_new */
    (void)snprintf(f->wrote, sizeof(f->wrote), "%s",
                   r->caught_up ? r->config.store : r->seen.wrote);
    f->term = r->term ? r->term : r->seen.term + 1;
    f->started_ms = r->started_ms;
    f->beat = r->seen.beat + 1;
    f->head = head_to_write(r);
}

static void write_labels(struct replica *r, struct buf *labels)
{
    bool fits;

    fill_moving(r);
    buf_init(labels, LABELS_MAX);
    fits = fence_write(&r->keys, &r->moving, labels);
    ASSERT(fits); /* its words are short */
}

static struct docker_call *raise_fence(struct replica *r)
{
    struct docker_call *c;
    struct buf labels;

    write_labels(r, &labels);
    /* Docker takes no empty one: "fence\n". */
    c = configs_create(engine(r), r->fence_name, buf_str(&labels), "ZmVuY2UK", on_done, r);
    buf_free(&labels);
    return c;
}

static struct docker_call *move_fence(struct replica *r)
{
    struct docker_call *c;
    struct buf labels;

    write_labels(r, &labels);
    c = configs_relabel(engine(r), r->fence_name, r->version, buf_str(&labels), on_done, r);
    buf_free(&labels);
    return c;
}

static void fence_is_ours(struct replica *r)
{
    bool taken = !r->term;

    r->term = r->moving.term;
    r->seen = r->moving;
    r->sight = FENCE_UNSEEN; /* its new version is only known to who looks */
    r->beaten_ms = clock_mono_ms();
    r->unsure = false;
    if (r->outbox) {
        outbox_committed(r->outbox, &r->seen.head);
        outbox_confirmed(r->outbox);
    }
    replica_sure(r);
    if (taken)
        log_info("the fence %s is ours, term %llu", r->fence_name, (unsigned long long)r->term);
}

static void move_done(struct replica *r, const struct err *failure)
{
    if (!failure) {
        fence_is_ours(r);
        return;
    }
    r->sight = FENCE_UNSEEN; /* whoever moved it, or our own request whose reply was lost */
    if (is(failure, "OutOfSequence") || is(failure, "Exists") || is(failure, "Gone"))
        r->unsure = true;
    else
        replica_failed(r, failure);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static void take_object(void *arg, const struct configs_item *c)
{
    struct replica *r;

    OBJ_CAST(r, arg, REPLICA_MAGIC);
    load_add(r->load, c->name, c->base64);
}

static bool read_list(void *arg, struct str body, struct err *e)
{
    struct replica *r;

    OBJ_CAST(r, arg, REPLICA_MAGIC);
    r->list_bytes = body.n;
    return configs_decode_list(body, take_object, r, e);
}

static struct docker_call *list(struct replica *r)
{
    char prefix[SEAL_PREFIX_MAX + 1];

    (void)snprintf(prefix, sizeof(prefix), "%s-", r->keys.prefix);
    load_free(r->load);
    r->load = load_new(&r->keys);
    docker_set_timeout(engine(r), LIST_MS);
    return configs_list(engine(r), prefix, read_list, on_done, r);
}

static void end_list(struct replica *r)
{
    load_free(r->load);
    r->load = NULL;
}

static void survey_done(struct replica *r, const struct err *failure)
{
    struct err why = {0};

    memset(&r->seen, 0, sizeof(r->seen));
    if (failure)
        replica_failed(r, failure);
    else if (!load_pick(r->load, &r->seen.head, &why))
        replica_refused(r, &why);
    else
        r->seen.term = load_term(r->load);
    r->surveyed = !failure && !why.code;
    end_list(r);
}

static void take_inventory(void *arg, const char *name, const struct seal_place *place, bool used)
{
    struct replica *r;

    OBJ_CAST(r, arg, REPLICA_MAGIC);
    outbox_has(r->outbox, name, place, used);
}

static void begin_outbox(struct replica *r, bool broken)
{
    r->outbox = outbox_new(&r->keys, seal_random);
    outbox_begin(r->outbox, r->term, &r->seen.head, broken);
    if (!broken) /* else all of it stays until the new snapshot is there */
        load_each(r->load, take_inventory, r);
    r->audit_ms = clock_mono_ms() + AUDIT_FIRST_MS;
}

/* Nobody went on from what this store has; or nobody ever wrote. */
static bool is_ours(const struct replica *r)
{
    const struct chain_head *h = &r->seen.head;

    return strcmp(r->seen.wrote, r->config.store) == 0 ||
           (!h->commit && !h->seq && !h->has_snapshot);
}

static void give_documents(struct replica *r, const struct pack_set *set)
{
    struct replica_loaded l = {.ours = is_ours(r), .commit = r->seen.head.commit};
    struct replica_doc *docs = pack_list(set, &l.num);

    l.docs = docs;
    replica_loaded(r, &l);
    free(docs);
}

/* A store that has all of it mends what is damaged; for another one it is an error. */
static void load_done(struct replica *r, const struct err *failure)
{
    struct pack_set set;
    struct err why = {0};

    if (failure) {
        end_list(r);
        replica_failed(r, failure);
        return;
    }
    pack_set_init(&set);
    if (load_documents(r->load, &r->seen.head, &set, &why)) {
        begin_outbox(r, false);
        give_documents(r, &set);
    } else if (is_ours(r) && r->config.commit >= r->seen.head.commit) {
        log_warn("%s; it is written anew from the store", why.text);
        begin_outbox(r, true);
        replica_loaded(r, &(struct replica_loaded){.ours = true});
    } else {
        replica_refused(r, &why);
    }
    pack_set_free(&set);
    end_list(r);
}

static void audit_done(struct replica *r, const struct err *failure)
{
    int64_t pause = (int64_t)(r->list_bytes / AUDIT_BYTES_PER_MS);
    size_t lost;

    if (failure) {
        end_list(r);
        replica_failed(r, failure);
        return;
    }
    outbox_look(r->outbox);
    load_each(r->load, take_inventory, r);
    lost = outbox_look_over(r->outbox);
    if (lost)
        log_warn("%zu of the configs %s-… were removed by somebody; a new snapshot replaces them",
                 lost, r->keys.prefix);
    if (load_bad(r->load)->code)
        log_warn("%s; it is left alone", load_bad(r->load)->text);
    r->audit_ms = clock_mono_ms() + (pause > AUDIT_MS ? pause : AUDIT_MS);
    end_list(r);
}

/* ---- objects -------------------------------------------------------------------------------- */

static struct docker_call *create(struct replica *r)
{
    struct outbox_step step;
    struct docker_call *c;
    char *base64;

    outbox_next(r->outbox, clock_mono_ms(), &step);
    ASSERT(step.what == OUTBOX_CREATE);
    base64 = seal_to_base64(step.bytes);
    c = configs_create(engine(r), step.name, STR("{\"signalbox.replica\":\"1\"}"), base64, on_done,
                       r);
    free(base64);
    return c;
}

static void create_done(struct replica *r, const struct err *failure)
{
    if (!failure || is(failure, "Exists")) /* its name has its hash: it is the same */
        outbox_created(r->outbox, clock_mono_ms());
    else
        replica_failed(r, failure);
}

static struct docker_call *remove_object(struct replica *r)
{
    struct outbox_step step;

    outbox_next(r->outbox, clock_mono_ms(), &step);
    ASSERT(step.what == OUTBOX_REMOVE);
    return configs_remove(engine(r), step.name, on_done, r);
}

/* BadRequest: somebody's service uses it; the next look finds it again. */
static void remove_done(struct replica *r, const struct err *failure)
{
    if (!failure || is(failure, "Gone") || is(failure, "BadRequest"))
        outbox_removed(r->outbox, clock_mono_ms());
    else
        replica_failed(r, failure);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static const struct {
    struct docker_call *(*start)(struct replica *r);
    void (*done)(struct replica *r, const struct err *failure);
} tasks[TASK__COUNT] = {
    [TASK_AGREE] = {agree, agree_done},    [TASK_LOOK] = {look, look_done},
    [TASK_SURVEY] = {list, survey_done},   [TASK_RAISE] = {raise_fence, move_done},
    [TASK_MOVE] = {move_fence, move_done}, [TASK_LOAD] = {list, load_done},
    [TASK_CREATE] = {create, create_done}, [TASK_REMOVE] = {remove_object, remove_done},
    [TASK_AUDIT] = {list, audit_done},
};

static void on_done(void *arg, const struct err *failure)
{
    struct replica *r;
    enum replica_task task;

    OBJ_CAST(r, arg, REPLICA_MAGIC);
    task = r->task;
    r->task = TASK_NONE;
    r->call = NULL;
    docker_set_timeout(engine(r), CALL_MS);
    tasks[task].done(r, failure);
    replica_next(r);
}

void task_start(struct replica *r, enum replica_task task)
{
    ASSERT(r->task == TASK_NONE && task != TASK_NONE);
    r->task = task;
    r->asked_ms = clock_mono_ms();
    r->call = tasks[task].start(r);
}

void task_cancel(struct replica *r)
{
    docker_cancel(r->call);
    r->call = NULL;
    r->task = TASK_NONE;
    end_list(r);
}
