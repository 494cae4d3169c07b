/*
 * The table of a cluster as frames. There is no separate change log: entries stand in one list in
 * the order of their last commit, so that a delta since R is the list's end down to R, each object
 * once with its present value. Deleted objects stay as tombstones up to a cap; dropping the oldest
 * raises the floor below which nobody can resume.
 *
 * Frames and batches are counted without locks: only the publisher's thread touches them.
 */
#include "clusters/publish/ledger.h"

#include <string.h>
#include <sys/queue.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"
#include "gateway/core/str.h"
#include "gateway/wire/digest.h"
#include "gateway/wire/frame.h"

enum { LEDGER_MAGIC = 0x1ed6e201, ENTRY_MAGIC = 0x1ed6e202 };

struct entry {
    unsigned magic;
    enum route_kind kind;
    char *name;
    uint64_t commit;
    struct ledger_frame *frame; /* NULL: a tombstone */
    char *value; /* as in the frame; the digest needs it when it goes. NULL: tombstone */
    TAILQ_ENTRY(entry) by_commit;
};

TAILQ_HEAD(entry_list, entry);

struct ledger {
    unsigned magic;
    char *cluster;
    char *epoch;
    bool open;
    uint64_t revision;
    uint64_t floor;
    struct map entries;          /* kind byte and name -> struct entry */
    struct entry_list by_commit; /* oldest commit first */
    size_t num_tombstones;
    struct digest digest;
    struct ledger_batch *snapshot; /* of this revision; made when asked for */
    struct ledger_batch *delta;    /* the last one without hello, to this revision */
};

struct ledger_frame *ledger_frame_ref(struct ledger_frame *f)
{
    f->refs++;
    return f;
}

void ledger_frame_unref(struct ledger_frame *f)
{
    ASSERT(f->refs > 0);
    if (--f->refs == 0)
        free(f);
}

static struct ledger_frame *frame_take(struct buf *b)
{
    struct ledger_frame *f = xmalloc(sizeof *f + b->len);

    f->refs = 1;
    f->len = b->len;
    memcpy(f->bytes, b->bytes, b->len);
    buf_free(b);
    return f;
}

void ledger_batch_unref(struct ledger_batch **b)
{
    struct ledger_batch *gone = *b;

    *b = NULL;
    if (gone == NULL || --gone->refs > 0)
        return;
    for (size_t i = 0; i < gone->num; i++)
        ledger_frame_unref(gone->frames[i]);
    free(gone);
}

struct ledger *ledger_new(const char *cluster, const char *epoch)
{
    struct ledger *l = xcalloc(1, sizeof *l);

    l->magic = LEDGER_MAGIC;
    l->cluster = xstrdup(cluster);
    l->epoch = xstrdup(epoch);
    map_init(&l->entries);
    TAILQ_INIT(&l->by_commit);
    return l;
}

static void entry_free(struct entry *en)
{
    if (en->frame != NULL)
        ledger_frame_unref(en->frame);
    free(en->value);
    free(en->name);
    OBJ_KILL(en);
}

static void forget_batches(struct ledger *l)
{
    ledger_batch_unref(&l->snapshot);
    ledger_batch_unref(&l->delta);
}

void ledger_free(struct ledger *l)
{
    struct entry *en;

    if (l == NULL)
        return;
    OBJ_CHECK(l, LEDGER_MAGIC);
    forget_batches(l);
    while ((en = TAILQ_FIRST(&l->by_commit)) != NULL) {
        TAILQ_REMOVE(&l->by_commit, en, by_commit);
        entry_free(en);
    }
    map_free(&l->entries, NULL);
    free(l->cluster);
    free(l->epoch);
    OBJ_KILL(l);
}

/* The key of an object: kinds and names never collide. */
static struct buf key_of(enum route_kind kind, const char *name)
{
    struct buf key;
    char k = (char)kind;

    buf_init(&key, strlen(name) + 1);
    ASSERT(buf_add(&key, &k, 1) && buf_add_str(&key, str_from(name)));
    return key;
}

static struct entry *entry_find(const struct ledger *l, enum route_kind kind, const char *name)
{
    struct buf key = key_of(kind, name);
    struct entry *en = map_get(&l->entries, buf_str(&key));

    buf_free(&key);
    return en;
}

static struct entry *entry_add(struct ledger *l, enum route_kind kind, const char *name)
{
    struct buf key = key_of(kind, name);
    struct entry *en = xcalloc(1, sizeof *en);

    en->magic = ENTRY_MAGIC;
    en->kind = kind;
    en->name = xstrdup(name);
    ASSERT(map_put(&l->entries, buf_str(&key), en) == NULL);
    buf_free(&key);
    TAILQ_INSERT_TAIL(&l->by_commit, en, by_commit);
    return en;
}

static void entry_drop(struct ledger *l, struct entry *en)
{
    struct buf key = key_of(en->kind, en->name);

    ASSERT(map_remove(&l->entries, buf_str(&key)) == en);
    buf_free(&key);
    TAILQ_REMOVE(&l->by_commit, en, by_commit);
    entry_free(en);
}

static struct ledger_frame *frame_of(enum route_kind kind, const char *name, const char *value,
                                     struct err *e)
{
    struct buf b;

    buf_init(&b, FRAME_LINE_MAX + 1);
    if (value[0] != '{' || strchr(value, '\n') != NULL) {
        err_set(e, "BadObject", "", "the value of %s \"%s\" is no JSON object on one line",
                route_kind_name(kind), name);
        return NULL;
    }
    if (!frame_write_set(&b, kind, str_from(name), str_from(value))) {
        buf_free(&b);
        err_set(e, "TooLarge", "", "%s \"%s\" does not fit a frame of %d bytes",
                route_kind_name(kind), name, (int)FRAME_LINE_MAX);
        return NULL;
    }
    return frame_take(&b);
}

/* Takes the present value out of the entry, which is a tombstone then. */
static void entry_clear(struct ledger *l, struct entry *en)
{
    if (en->frame == NULL)
        return;
    digest_remove(&l->digest, en->kind, str_from(en->name), str_from(en->value));
    ledger_frame_unref(en->frame);
    en->frame = NULL;
    free(en->value);
    en->value = NULL;
    l->num_tombstones++;
}

static void entry_fill(struct ledger *l, struct entry *en, const char *value,
                       struct ledger_frame *frame)
{
    bool is_new = en->frame == NULL && en->commit == 0;

    entry_clear(l, en);
    if (!is_new)
        l->num_tombstones--;
    en->value = xstrdup(value);
    en->frame = frame;
    digest_add(&l->digest, en->kind, str_from(en->name), str_from(en->value));
}

bool ledger_load_set(struct ledger *l, enum route_kind kind, const char *name, const char *value,
                     uint64_t commit, struct err *e)
{
    struct ledger_frame *frame = frame_of(kind, name, value, e);
    struct entry *en;

    ASSERT(!l->open);
    if (frame == NULL)
        return false;
    en = entry_find(l, kind, name);
    if (en == NULL)
        en = entry_add(l, kind, name);
    entry_fill(l, en, value, frame);
    en->commit = commit;
    return true;
}

void ledger_load_delete(struct ledger *l, enum route_kind kind, const char *name, uint64_t commit)
{
    struct entry *en = entry_find(l, kind, name);

    ASSERT(!l->open);
    if (en == NULL) {
        en = entry_add(l, kind, name);
        l->num_tombstones++;
    }
    /* An object that is there outlives its older deletes; of several deletes the last counts. */
    if (en->frame == NULL && en->commit < commit)
        en->commit = commit;
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *const *x = a;
    const struct entry *const *y = b;

    if ((*x)->commit != (*y)->commit)
        return (*x)->commit < (*y)->commit ? -1 : 1;
    if ((*x)->kind != (*y)->kind)
        return (*x)->kind < (*y)->kind ? -1 : 1;
    return strcmp((*x)->name, (*y)->name);
}

static void sort_entries(struct ledger *l)
{
    struct entry **all = xcalloc(l->entries.len + 1, sizeof(struct entry *));
    struct entry *en;
    size_t num = 0;

    TAILQ_FOREACH(en, &l->by_commit, by_commit)
    all[num++] = en;
    qsort(all, num, sizeof(struct entry *), entry_order);
    TAILQ_INIT(&l->by_commit);
    for (size_t i = 0; i < num; i++)
        TAILQ_INSERT_TAIL(&l->by_commit, all[i], by_commit);
    free(all);
}

/* Tombstones beyond the cap go, oldest first. The walk passes living entries only once per drop. */
static void trim_tombstones(struct ledger *l)
{
    struct entry *en = TAILQ_FIRST(&l->by_commit);

    if (l->num_tombstones <= LEDGER_TOMBSTONES_MAX)
        return;
    while (en != NULL && l->num_tombstones > LEDGER_TOMBSTONES_MAX / 2) {
        struct entry *next = TAILQ_NEXT(en, by_commit);

        if (en->frame == NULL) {
            l->floor = en->commit > l->floor ? en->commit : l->floor;
            l->num_tombstones--;
            entry_drop(l, en);
        }
        en = next;
    }
}

void ledger_open(struct ledger *l, uint64_t revision, uint64_t floor)
{
    ASSERT(!l->open);
    l->open = true;
    l->revision = revision;
    l->floor = floor;
    sort_entries(l);
    trim_tombstones(l);
}

bool ledger_is_open(const struct ledger *l)
{
    return l->open;
}

void ledger_set_epoch(struct ledger *l, const char *epoch)
{
    forget_batches(l); /* the snapshot begins with a hello that names it */
    free(l->epoch);
    l->epoch = xstrdup(epoch);
}

const char *ledger_epoch(const struct ledger *l)
{
    return l->epoch;
}

uint64_t ledger_revision(const struct ledger *l)
{
    return l->revision;
}

uint64_t ledger_floor(const struct ledger *l)
{
    return l->floor;
}

bool ledger_can_resume(const struct ledger *l, uint64_t from)
{
    return from > l->floor && from <= l->revision;
}

static void apply_delete(struct ledger *l, const struct publish_change *ch, uint64_t revision)
{
    struct entry *en = entry_find(l, ch->kind, ch->name);

    if (en == NULL || en->frame == NULL)
        return;
    entry_clear(l, en);
    en->commit = revision;
    TAILQ_REMOVE(&l->by_commit, en, by_commit);
    TAILQ_INSERT_TAIL(&l->by_commit, en, by_commit);
}

static bool apply_set(struct ledger *l, const struct publish_change *ch, uint64_t revision,
                      struct err *e)
{
    struct ledger_frame *frame = frame_of(ch->kind, ch->name, ch->value, e);
    struct entry *en;

    if (frame == NULL)
        return false;
    en = entry_find(l, ch->kind, ch->name);
    if (en == NULL)
        en = entry_add(l, ch->kind, ch->name);
    entry_fill(l, en, ch->value, frame);
    en->commit = revision;
    TAILQ_REMOVE(&l->by_commit, en, by_commit);
    TAILQ_INSERT_TAIL(&l->by_commit, en, by_commit);
    return true;
}

bool ledger_apply(struct ledger *l, uint64_t revision, const struct publish_change *changes,
                  size_t num, struct err *e)
{
    bool ok = true;

    OBJ_CHECK(l, LEDGER_MAGIC);
    ASSERT(l->open && revision > l->revision);
    forget_batches(l);
    for (size_t i = 0; i < num; i++) {
        if (changes[i].value == NULL)
            apply_delete(l, &changes[i], revision);
        else if (!apply_set(l, &changes[i], revision, ok ? e : NULL))
            ok = false;
    }
    l->revision = revision;
    trim_tombstones(l);
    return ok;
}

static struct ledger_batch *batch_new(const struct ledger *l, size_t num_max)
{
    struct ledger_batch *b = xcalloc(1, sizeof *b + num_max * sizeof(struct ledger_frame *));

    b->refs = 1;
    b->revision = l->revision;
    return b;
}

/* Takes the reference. */
static void batch_add(struct ledger_batch *b, struct ledger_frame *f)
{
    b->bytes += f->len;
    b->frames[b->num++] = f;
}

static void batch_add_hello(const struct ledger *l, struct ledger_batch *b, bool snapshot)
{
    struct buf line;

    buf_init(&line, FRAME_LINE_MAX);
    ASSERT(frame_write_hello(&line, l->cluster, l->epoch, l->revision, snapshot));
    batch_add(b, frame_take(&line));
}

static void batch_add_commit(const struct ledger *l, struct ledger_batch *b)
{
    char hex[FRAME_DIGEST_HEX + 1];
    struct buf line;

    digest_hex(&l->digest, hex);
    buf_init(&line, FRAME_LINE_MAX);
    ASSERT(frame_write_commit(&line, l->revision, hex));
    batch_add(b, frame_take(&line));
}

static void batch_add_entry(struct ledger_batch *b, const struct entry *en)
{
    struct buf line;

    if (en->frame != NULL) {
        batch_add(b, ledger_frame_ref(en->frame));
        return;
    }
    buf_init(&line, FRAME_LINE_MAX);
    ASSERT(frame_write_delete(&line, en->kind, str_from(en->name)));
    batch_add(b, frame_take(&line));
}

struct ledger_batch *ledger_snapshot(struct ledger *l)
{
    const struct entry *en;

    OBJ_CHECK(l, LEDGER_MAGIC);
    if (l->snapshot == NULL) {
        l->snapshot = batch_new(l, l->entries.len + 2);
        batch_add_hello(l, l->snapshot, true);
        TAILQ_FOREACH(en, &l->by_commit, by_commit)
        {
            if (en->frame != NULL)
                batch_add_entry(l->snapshot, en);
        }
        batch_add_commit(l, l->snapshot);
    }
    l->snapshot->refs++;
    return l->snapshot;
}

/* The oldest entry that a delta since `from` needs, with how many follow it; NULL: none. */
static const struct entry *changed_since(const struct ledger *l, uint64_t from, size_t *out_num)
{
    const struct entry *first = NULL;
    const struct entry *en;

    *out_num = 0;
    TAILQ_FOREACH_REVERSE(en, &l->by_commit, entry_list, by_commit)
    {
        if (en->commit <= from)
            break;
        first = en;
        (*out_num)++;
    }
    return first;
}

static struct ledger_batch *delta_new(const struct ledger *l, uint64_t from, bool hello)
{
    size_t num;
    const struct entry *en = changed_since(l, from, &num);
    struct ledger_batch *b = batch_new(l, num + 2);

    b->from = from;
    if (hello)
        batch_add_hello(l, b, false);
    for (; en != NULL; en = TAILQ_NEXT(en, by_commit))
        batch_add_entry(b, en);
    batch_add_commit(l, b);
    return b;
}

struct ledger_batch *ledger_delta(struct ledger *l, uint64_t from, bool hello)
{
    OBJ_CHECK(l, LEDGER_MAGIC);
    ASSERT(ledger_can_resume(l, from) || !hello);
    if (hello)
        return delta_new(l, from, true);
    if (l->delta == NULL || l->delta->from != from) {
        ledger_batch_unref(&l->delta);
        l->delta = delta_new(l, from, false);
    }
    l->delta->refs++;
    return l->delta;
}
