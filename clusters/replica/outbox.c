/*
 * The queue to Swarm and the inventory of what is there, see outbox.h. It speaks to nobody: its
 * caller carries out what it says, and tells it how that ended. Called by replica.c, and by a test
 * that plays Swarm and pulls the plug after each step.
 */
#include "clusters/replica/outbox.h"

#include <string.h>
#include <sys/queue.h>

#include "clusters/replica/pack.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

enum {
    BATCH_RAW = 1 << 20,  /* commits are put together up to so many bytes */
    SLICE_RAW = 64 << 10, /* of a snapshot, at a time: the caller's loop is not held up by more */
    SLICE_PAUSE_MS = 1,
    ITEMS_MAX = 1024 /* that are known; more rubbish is looked at when this is gone */
};

/* What waits to become an object. */
struct batch {
    struct buf raw;
    uint64_t commit;
    TAILQ_ENTRY(batch) link;
};

/* An object that is sealed: to be created, then to be named by the fence. */
struct made {
    struct seal_place place;
    uint8_t hash[SEAL_HASH];
    char name[SEAL_NAME_MAX];
    struct buf bytes;
};

enum item_state {
    ITEM_USED,     /* under the head, or about to be */
    ITEM_BUILDING, /* part of the snapshot that is being made */
    ITEM_RUBBISH,  /* was not under the head when it was seen */
    ITEM_REMOVABLE /* and the fence was still ours after that: no later holder can need it */
};

struct item {
    char name[SEAL_NAME_MAX];
    enum seal_kind kind;
    uint64_t seq;
    enum item_state state;
    bool seen;
};

struct snapshot {
    bool on;
    struct replica_source source; /* next NULL: it has given all, or is not wanted any more */
    struct replica_doc doc;       /* the next one, when has_doc */
    bool has_doc;
    struct buf slice;           /* records that are in no part yet */
    struct pack_stream *stream; /* of the part that is being made; NULL: none is */
    size_t raw;                 /* bytes of records in it */
    size_t total;               /* in all parts */
    uint64_t commit;
    uint64_t seq;  /* of the batch that it stands for */
    uint16_t part; /* the next one */
    uint8_t prev[SEAL_HASH];
};

/* What is under way: nothing, an object to create, or a head for the fence. */
enum outbox_state { IDLE, CREATING, COMMITTING };

struct outbox {
    const struct seal_keys *keys;
    void (*random)(void *out, size_t n);
    uint64_t term;
    struct chain_head head;
    enum outbox_state state;
    struct made made;
    TAILQ_HEAD(batches, batch) waiting;
    size_t waiting_bytes;
    struct snapshot snapshot;
    bool broken;  /* no batch can follow before a snapshot is in Swarm */
    bool behind;  /* the snapshot that the fence is about to name lacks what was given up */
    bool damaged; /* objects under the head were removed by somebody */
    bool part_next;
    int64_t created_ms, batch_ms, removed_ms, ask_ms;
    int64_t wait_ms; /* until there is something to work on; -1: until something comes */
    struct err error;
    size_t num_items;
    struct item items[ITEMS_MAX];
};

struct outbox *outbox_new(const struct seal_keys *keys, void (*random)(void *out, size_t n))
{
    struct outbox *o = xcalloc(1, sizeof(*o));

    o->keys = keys;
    o->random = random;
    TAILQ_INIT(&o->waiting);
    o->created_ms = o->batch_ms = o->removed_ms = INT64_MIN / 2; /* long ago */
    buf_init(&o->made.bytes, SEAL_OBJECT_MAX);
    buf_init(&o->snapshot.slice, PACK_RECORD_MAX);
    return o;
}

static void drop_first(struct outbox *o)
{
    struct batch *b = TAILQ_FIRST(&o->waiting);

    TAILQ_REMOVE(&o->waiting, b, link);
    o->waiting_bytes -= b->raw.len;
    buf_free(&b->raw);
    free(b);
}

static void end_snapshot(struct outbox *o, enum item_state parts);

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    while (!TAILQ_EMPTY(&o->waiting))
        drop_first(o);
    buf_free(&o->made.bytes);
    end_snapshot(o, ITEM_RUBBISH);
    free(o);
}

void outbox_begin(struct outbox *o, uint64_t term, const struct chain_head *head, bool broken)
{
    o->term = term;
    o->head = *head;
    o->broken = broken;
}

const struct chain_head *outbox_head(const struct outbox *o)
{
    return &o->head;
}

bool outbox_is_broken(const struct outbox *o)
{
    return o->broken;
}

size_t outbox_num_objects(const struct outbox *o)
{
    return o->num_items;
}

const struct err *outbox_error(const struct outbox *o)
{
    return &o->error;
}

/* ---- the inventory -------------------------------------------------------------------------- */

static struct item *find_item(struct outbox *o, const char *name)
{
    for (size_t i = 0; i < o->num_items; i++)
        if (strcmp(o->items[i].name, name) == 0)
            return &o->items[i];
    return NULL;
}

static void add_item(struct outbox *o, const char *name, const struct seal_place *place,
                     enum item_state state)
{
    struct item *it = &o->items[o->num_items];

    if (o->num_items == ITEMS_MAX)
        return;
    o->num_items++;
    *it = (struct item){.kind = place->kind, .seq = place->seq, .state = state, .seen = true};
    (void)snprintf(it->name, sizeof(it->name), "%s", name); /* names of ours fit */
}

static void drop_item(struct outbox *o, const struct item *it)
{
    o->items[it - o->items] = o->items[o->num_items - 1];
    o->num_items--;
}

static const struct item *first_in(const struct outbox *o, enum item_state state)
{
    for (size_t i = 0; i < o->num_items; i++)
        if (o->items[i].state == state)
            return &o->items[i];
    return NULL;
}

static size_t num_in(const struct outbox *o, enum item_state state)
{
    size_t num = 0;

    for (size_t i = 0; i < o->num_items; i++)
        num += o->items[i].state == state;
    return num;
}

static size_t log_len(const struct outbox *o)
{
    size_t num = 0;

    for (size_t i = 0; i < o->num_items; i++)
        num += o->items[i].state == ITEM_USED && o->items[i].kind == SEAL_BATCH;
    return num;
}

static void change_all(struct outbox *o, enum item_state from, enum item_state to)
{
    for (size_t i = 0; i < o->num_items; i++)
        if (o->items[i].state == from)
            o->items[i].state = to;
}

void outbox_has(struct outbox *o, const char *name, const struct seal_place *place, bool used)
{
    struct item *it = find_item(o, name);

    if (it)
        it->seen = true;
    else
        add_item(o, name, place, used ? ITEM_USED : ITEM_RUBBISH);
}

void outbox_look(struct outbox *o)
{
    for (size_t i = 0; i < o->num_items; i++)
        o->items[i].seen = false;
}

static void leave_source(struct snapshot *s)
{
    if (s->source.next)
        s->source.done(s->source.arg);
    s->source.next = NULL;
}

static void end_snapshot(struct outbox *o, enum item_state parts)
{
    struct snapshot *s = &o->snapshot;

    change_all(o, ITEM_BUILDING, parts);
    s->on = false;
    leave_source(s);
    pack_stream_free(s->stream);
    s->stream = NULL;
    buf_free(&s->slice);
}

size_t outbox_look_over(struct outbox *o)
{
    size_t num_lost = 0, i = 0;
    bool part_lost = false;

    while (i < o->num_items) {
        struct item *it = &o->items[i];

        if (it->seen) {
            i++;
            continue;
        }
        num_lost += it->state == ITEM_USED;
        part_lost |= it->state == ITEM_BUILDING;
        drop_item(o, it);
    }
    if (part_lost)
        end_snapshot(o, ITEM_RUBBISH);
    o->damaged |= num_lost || part_lost;
    return num_lost;
}

/* ---- what comes in -------------------------------------------------------------------------- */

/* Nothing of it can be sent any more: the next snapshot holds it instead. */
static void give_up_waiting(struct outbox *o)
{
    while (!TAILQ_EMPTY(&o->waiting))
        drop_first(o);
    o->broken = true;
    o->behind = o->state == COMMITTING && o->made.place.kind == SEAL_SNAPSHOT;
    if (o->behind)
        return;
    if (o->state == CREATING && o->made.place.kind == SEAL_SNAPSHOT)
        o->state = IDLE;
    end_snapshot(o, ITEM_RUBBISH);
}

static struct batch *batch_for(struct outbox *o, size_t more)
{
    struct batch *b = TAILQ_LAST(&o->waiting, batches);

    if (b && b->raw.len + more <= BATCH_RAW)
        return b;
    b = xcalloc(1, sizeof(*b));
    buf_init(&b->raw, SEAL_RAW_MAX);
    TAILQ_INSERT_TAIL(&o->waiting, b, link);
    return b;
}

static bool add_records(struct buf *out, const struct replica_doc *docs, size_t num)
{
    for (size_t i = 0; i < num; i++)
        if (!pack_record(out, &docs[i]))
            return false;
    return true;
}

static void queue(struct outbox *o, uint64_t commit, struct str records)
{
    struct batch *b = batch_for(o, records.n);
    bool fits = buf_add_str(&b->raw, records);

    ASSERT(fits); /* an empty one takes SEAL_RAW_MAX */
    b->commit = commit;
    o->waiting_bytes += records.n;
    if (o->waiting_bytes > OUTBOX_WAITING_MAX)
        give_up_waiting(o);
}

void outbox_push(struct outbox *o, uint64_t commit, const struct replica_doc *docs, size_t num)
{
    struct buf records;

    if (o->broken && !o->snapshot.on)
        return; /* the snapshot that is asked for will hold it */
    if (!num && TAILQ_EMPTY(&o->waiting) && !o->broken &&
        (o->state == IDLE || o->made.place.kind == SEAL_SNAPSHOT)) {
        o->head.commit = commit; /* goes along with the fence's next beat */
        return;
    }
    buf_init(&records, SEAL_RAW_MAX);
    if (add_records(&records, docs, num))
        queue(o, commit, buf_str(&records));
    else
        give_up_waiting(o); /* a commit is never cut in two */
    buf_free(&records);
}

static void too_large(struct outbox *o)
{
    end_snapshot(o, ITEM_RUBBISH);
    err_set(&o->error, "TooLarge", "",
            "all documents together have more than %d bytes, or do not fit %d configs: they are "
            "not replicated into Swarm",
            REPLICA_RAW_MAX, SEAL_PARTS_MAX);
}

void outbox_snapshot(struct outbox *o, uint64_t commit, const struct replica_source *source)
{
    struct snapshot *s = &o->snapshot;

    if (o->state != IDLE && o->made.place.kind == SEAL_SNAPSHOT) {
        if (o->state ==
            COMMITTING) { /* one is as good as there; another is asked for, if need be */
            source->done(source->arg);
            return;
        }
        o->state = IDLE;
    }
    end_snapshot(o, ITEM_RUBBISH);
    s->on = true;
    s->source = *source;
    s->has_doc = false;
    s->total = 0;
    s->part = 0;
    s->commit = commit;
    s->seq = o->head.seq;
    memcpy(s->prev, o->head.hash, SEAL_HASH);
    o->damaged = false;
    o->ask_ms = 0;
    memset(&o->error, 0, sizeof(o->error));
}

bool outbox_wants_snapshot(struct outbox *o, int64_t now_ms)
{
    bool wants = o->broken || o->damaged ||
                 (log_len(o) >= OUTBOX_LOG_MAX && !first_in(o, ITEM_RUBBISH) &&
                  !first_in(o, ITEM_REMOVABLE));

    if (o->error.code && !o->ask_ms)
        o->ask_ms = now_ms + OUTBOX_ASK_AGAIN_MS;
    if (!wants || o->snapshot.on || now_ms < o->ask_ms)
        return false;
    o->ask_ms = now_ms + OUTBOX_ASK_AGAIN_MS;
    return true;
}

/* ---- what goes out -------------------------------------------------------------------------- */

static void seal(struct outbox *o, struct str packed)
{
    struct made *m = &o->made;
    struct seal_named what = {m->place.kind, m->place.seq, m->place.part};
    uint8_t nonce[SEAL_NONCE];

    o->random(nonce, sizeof(nonce));
    buf_clear(&m->bytes);
    seal_object(o->keys, &m->place, nonce, packed, &m->bytes);
    seal_hash(buf_str(&m->bytes), m->hash);
    seal_name(o->keys->prefix, &what, m->hash, m->name);
    o->state = CREATING;
}

/* False: it does not fit an object, however well it shrinks. */
static bool make_batch(struct outbox *o)
{
    struct batch *b = TAILQ_FIRST(&o->waiting);
    struct buf packed;
    bool fits;

    buf_init(&packed, SEAL_PAYLOAD_MAX);
    fits = pack_deflate(buf_str(&b->raw), &packed);
    if (fits) {
        o->made.place = (struct seal_place){.kind = SEAL_BATCH,
                                            .last = true,
                                            .seq = o->head.seq + 1,
                                            .commit = b->commit,
                                            .term = o->term,
                                            .raw_len = (uint32_t)b->raw.len};
        memcpy(o->made.place.prev, o->head.hash, SEAL_HASH);
        seal(o, buf_str(&packed));
        drop_first(o);
    }
    buf_free(&packed);
    return fits;
}

static bool look_at_next(struct snapshot *s)
{
    if (!s->has_doc && s->source.next) {
        s->has_doc = s->source.next(s->source.arg, &s->doc);
        if (!s->has_doc)
            leave_source(s);
    }
    return s->has_doc;
}

/* Whole records, up to SLICE_RAW bytes or a longer one alone; none at the end. */
static void fill_slice(struct snapshot *s)
{
    while (look_at_next(s) &&
           (s->slice.len == 0 || s->slice.len + pack_record_len(&s->doc) <= SLICE_RAW)) {
        bool fits = pack_record(&s->slice, &s->doc);

        ASSERT(fits); /* it takes PACK_RECORD_MAX */
        s->has_doc = false;
    }
}

/* Into the part, if it has room. */
static bool take_slice(struct snapshot *s)
{
    if (s->slice.len == 0 || s->raw + s->slice.len > SEAL_RAW_MAX ||
        !pack_stream_add(s->stream, buf_str(&s->slice), SEAL_PAYLOAD_MAX))
        return false;
    s->raw += s->slice.len;
    s->total += s->slice.len;
    buf_clear(&s->slice);
    return true;
}

static void finish_part(struct outbox *o)
{
    struct snapshot *s = &o->snapshot;
    struct buf packed;
    bool fits;

    buf_init(&packed, SEAL_PAYLOAD_MAX);
    fits = pack_stream_end(s->stream, &packed);
    ASSERT(fits); /* each slice was weighed */
    pack_stream_free(s->stream);
    s->stream = NULL;
    o->made.place = (struct seal_place){.kind = SEAL_SNAPSHOT,
                                        .last = s->slice.len == 0,
                                        .part = s->part++,
                                        .seq = s->seq,
                                        .commit = s->commit,
                                        .term = o->term,
                                        .raw_len = (uint32_t)s->raw};
    memcpy(o->made.place.prev, s->prev, SEAL_HASH);
    seal(o, buf_str(&packed));
    memcpy(s->prev, o->made.hash, SEAL_HASH);
    buf_free(&packed);
}

/* One slice; the part is sealed when it is full or has the last one. False: there is more to do. */
static bool make_part(struct outbox *o)
{
    struct snapshot *s = &o->snapshot;

    if (s->part == SEAL_PARTS_MAX) {
        too_large(o);
        return true;
    }
    if (!s->stream) {
        s->stream = pack_stream_new();
        s->raw = 0;
    }
    fill_slice(s);
    if (take_slice(s)) {
        if (s->total > REPLICA_RAW_MAX) {
            too_large(o);
            return true;
        }
        fill_slice(s);
        if (s->slice.len > 0)
            return false;
    }
    finish_part(o);
    return true;
}

static struct chain_head next_head(const struct outbox *o)
{
    struct chain_head h = o->head;
    const struct seal_place *p = &o->made.place;

    if (p->commit > h.commit)
        h.commit = p->commit;
    if (p->kind == SEAL_BATCH) {
        h.seq = p->seq;
        memcpy(h.hash, o->made.hash, SEAL_HASH);
    } else {
        h.has_snapshot = true;
        h.snapshot_seq = p->seq;
        memcpy(h.snapshot_hash, o->made.hash, SEAL_HASH);
    }
    return h;
}

/* Places are kept free for a whole snapshot, or the log could never be shortened again. */
static bool has_room(const struct outbox *o)
{
    return o->num_items + SEAL_PARTS_MAX - num_in(o, ITEM_BUILDING) < REPLICA_OBJECTS_MAX;
}

static int64_t left(int64_t since_ms, int64_t pause_ms, int64_t now_ms)
{
    return since_ms + pause_ms > now_ms ? since_ms + pause_ms - now_ms : 0;
}

static void sooner(int64_t *wait_ms, int64_t ms)
{
    if (*wait_ms < 0 || ms < *wait_ms)
        *wait_ms = ms;
}

/* Seals the next object when it is time; else *wait_ms becomes when that is. */
static void make_next(struct outbox *o, int64_t now_ms, int64_t *wait_ms)
{
    int64_t pause = left(o->created_ms, OUTBOX_CREATE_MS, now_ms);
    int64_t batch_pause = left(o->batch_ms, OUTBOX_BATCH_MS, now_ms);
    bool batch = !TAILQ_EMPTY(&o->waiting) && !o->broken && has_room(o);
    bool part = o->snapshot.on && o->num_items < REPLICA_OBJECTS_MAX;

    if (batch && !(part && o->part_next)) {
        if (!pause && !batch_pause) {
            if (!make_batch(o))
                give_up_waiting(o);
            return;
        }
        sooner(wait_ms, pause > batch_pause ? pause : batch_pause);
    }
    if (!part)
        return;
    if (pause)
        sooner(wait_ms, pause);
    else if (!make_part(o))
        sooner(wait_ms, SLICE_PAUSE_MS);
}

static void next_removal(const struct outbox *o, int64_t now_ms, struct outbox_step *out)
{
    const struct item *it = first_in(o, ITEM_REMOVABLE);
    int64_t pause = left(o->removed_ms, OUTBOX_REMOVE_MS, now_ms);

    if (!it)
        return;
    if (pause) {
        sooner(&out->wait_ms, pause);
        return;
    }
    out->what = OUTBOX_REMOVE;
    out->name = it->name;
}

void outbox_work(struct outbox *o, int64_t now_ms)
{
    o->wait_ms = -1;
    if (o->state == IDLE)
        make_next(o, now_ms, &o->wait_ms);
}

void outbox_next(const struct outbox *o, int64_t now_ms, struct outbox_step *out)
{
    *out = (struct outbox_step){.wait_ms = o->wait_ms};
    if (o->state == CREATING) {
        out->what = OUTBOX_CREATE;
        out->name = o->made.name;
        out->bytes = buf_str(&o->made.bytes);
    } else if (o->state == COMMITTING) {
        out->what = OUTBOX_COMMIT;
        out->head = next_head(o);
    } else {
        next_removal(o, now_ms, out);
    }
}

/* ---- how it ended --------------------------------------------------------------------------- */

void outbox_created(struct outbox *o, int64_t now_ms)
{
    const struct seal_place *p = &o->made.place;
    bool batch = p->kind == SEAL_BATCH;

    o->created_ms = now_ms;
    if (batch)
        o->batch_ms = now_ms;
    o->part_next = batch;
    if (o->state != CREATING) { /* given up while it was under way */
        add_item(o, o->made.name, p, ITEM_RUBBISH);
        return;
    }
    add_item(o, o->made.name, p, batch ? ITEM_USED : ITEM_BUILDING);
    o->state = batch || p->last ? COMMITTING : IDLE;
}

void outbox_removed(struct outbox *o, int64_t now_ms)
{
    const struct item *it = first_in(o, ITEM_REMOVABLE);

    ASSERT(it);
    o->removed_ms = now_ms;
    drop_item(o, it);
}

static bool names_made(const struct outbox *o, const struct chain_head *h)
{
    const uint8_t *hash = o->made.place.kind == SEAL_BATCH ? h->hash : h->snapshot_hash;

    return memcmp(hash, o->made.hash, SEAL_HASH) == 0;
}

static void retire_old(struct outbox *o)
{
    for (size_t i = 0; i < o->num_items; i++) {
        struct item *it = &o->items[i];

        if (it->state == ITEM_USED &&
            (it->kind == SEAL_SNAPSHOT || it->seq <= o->head.snapshot_seq))
            it->state = ITEM_REMOVABLE;
    }
    end_snapshot(o, ITEM_USED);
    o->broken = o->behind;
    o->behind = false;
}

void outbox_confirmed(struct outbox *o)
{
    change_all(o, ITEM_RUBBISH, ITEM_REMOVABLE);
}

void outbox_committed(struct outbox *o, const struct chain_head *head)
{
    if (o->state != COMMITTING || !names_made(o, head))
        return;
    o->head = next_head(o);
    o->state = IDLE;
    if (o->made.place.kind == SEAL_SNAPSHOT)
        retire_old(o);
}
