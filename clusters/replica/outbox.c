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
    BATCH_RAW = 1 << 20, /* commits are put together up to so many bytes */
    PART_RAW_MIN = 512 << 10,
    PARTS_AIM = 8,   /* a snapshot of any size that allows it */
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
    struct buf records;
    size_t sent; /* bytes of them that are in objects */
    size_t part_raw;
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
    buf_init(&o->snapshot.records, REPLICA_RAW_MAX);
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

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    while (!TAILQ_EMPTY(&o->waiting))
        drop_first(o);
    buf_free(&o->made.bytes);
    buf_free(&o->snapshot.records);
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

static void drop_item(struct outbox *o, struct item *it)
{
    *it = o->items[--o->num_items];
}

static struct item *first_in(struct outbox *o, enum item_state state)
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

static void end_snapshot(struct outbox *o, enum item_state parts)
{
    change_all(o, ITEM_BUILDING, parts);
    o->snapshot.on = false;
    buf_free(&o->snapshot.records);
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

static size_t part_size(size_t total)
{
    size_t aim = total / PARTS_AIM;

    return aim < PART_RAW_MIN ? PART_RAW_MIN : aim > SEAL_RAW_MAX ? SEAL_RAW_MAX : aim;
}

static bool too_large(struct outbox *o)
{
    end_snapshot(o, ITEM_RUBBISH);
    return err_set(&o->error, "TooLarge", "",
                   "all documents together have more than %d bytes, or do not fit %d configs: they "
                   "are not replicated into Swarm",
                   REPLICA_RAW_MAX, SEAL_PARTS_MAX);
}

bool outbox_snapshot(struct outbox *o, uint64_t commit, const struct replica_doc *docs, size_t num,
                     struct err *e)
{
    struct snapshot *s = &o->snapshot;

    if (o->state != IDLE && o->made.place.kind == SEAL_SNAPSHOT) {
        if (o->state == COMMITTING)
            return true; /* one is as good as there; if need be, another is asked for */
        o->state = IDLE;
    }
    end_snapshot(o, ITEM_RUBBISH);
    if (!add_records(&s->records, docs, num)) {
        (void)too_large(o);
        if (e != NULL)
            *e = o->error;
        return false;
    }
    s->on = true;
    s->sent = 0;
    s->part = 0;
    s->part_raw = part_size(s->records.len);
    s->commit = commit;
    s->seq = o->head.seq;
    memcpy(s->prev, o->head.hash, SEAL_HASH);
    o->damaged = false;
    o->ask_ms = 0;
    memset(&o->error, 0, sizeof(o->error));
    return true;
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

/* As many whole records as fit an object when deflated; gives their bytes. */
static size_t deflate_part(const struct snapshot *s, struct buf *packed)
{
    struct str rest = {s->records.bytes + s->sent, s->records.len - s->sent};
    size_t want = s->part_raw, len;

    for (;;) {
        len = pack_whole(rest, want);
        if (pack_deflate((struct str){rest.p, len}, packed))
            return len;
        want = len / 2;
    }
}

static void make_part(struct outbox *o)
{
    struct snapshot *s = &o->snapshot;
    struct buf packed;
    size_t len;

    if (s->part == SEAL_PARTS_MAX) {
        (void)too_large(o);
        return;
    }
    buf_init(&packed, SEAL_PAYLOAD_MAX);
    len = deflate_part(s, &packed);
    s->sent += len;
    o->made.place = (struct seal_place){.kind = SEAL_SNAPSHOT,
                                        .last = s->sent == s->records.len,
                                        .part = s->part++,
                                        .seq = s->seq,
                                        .commit = s->commit,
                                        .term = o->term,
                                        .raw_len = (uint32_t)len};
    memcpy(o->made.place.prev, s->prev, SEAL_HASH);
    seal(o, buf_str(&packed));
    memcpy(s->prev, o->made.hash, SEAL_HASH);
    buf_free(&packed);
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
    if (!pause)
        make_part(o);
    else
        sooner(wait_ms, pause);
}

static void next_removal(struct outbox *o, int64_t now_ms, struct outbox_step *out)
{
    struct item *it = first_in(o, ITEM_REMOVABLE);
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

void outbox_next(struct outbox *o, int64_t now_ms, struct outbox_step *out)
{
    *out = (struct outbox_step){.wait_ms = -1};
    if (o->state == IDLE)
        make_next(o, now_ms, &out->wait_ms);
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
    struct item *it = first_in(o, ITEM_REMOVABLE);

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
