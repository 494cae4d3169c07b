/*
 * What becomes of each public socket: the rules of docs/architecture.md about doormen that can be
 * stated without a connection in sight. A slot is moved by one function along one table. Nothing
 * here closes a listening socket in a way that others feel, except the rule of five seconds.
 * Called by server.c (and by the main at start).
 */
#include "gateway/doorman/slots.h"

#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/doorman/listener.h"

static const bool legal[SLOT__COUNT][SLOT__COUNT] = {
    [SLOT_MISSING] = {[SLOT_IDLE] = true, [SLOT_GRACE] = true},
    [SLOT_IDLE] = {[SLOT_OPEN] = true, [SLOT_MISSING] = true},
    [SLOT_OPEN] = {[SLOT_GRACE] = true, [SLOT_MISSING] = true},
    [SLOT_GRACE] = {[SLOT_OPEN] = true, [SLOT_IDLE] = true, [SLOT_MISSING] = true},
};

const char *slot_state_name(enum slot_state s)
{
    static const char *const names[SLOT__COUNT] = {"missing", "idle", "open", "grace"};

    return names[s];
}

bool slot_may_move(enum slot_state from, enum slot_state to)
{
    return legal[from][to];
}

static void move(struct slot *slot, enum slot_state to)
{
    ASSERT(slot_may_move(slot->state, to));
    log_debug("%s: %s -> %s", slot->name, slot_state_name(slot->state), slot_state_name(to));
    slot->state = to;
}

enum slot_state slot_next(enum slot_state now, bool served, bool deadline_passed)
{
    switch (now) {
    case SLOT_IDLE:
        return served ? SLOT_OPEN : SLOT_IDLE;
    case SLOT_OPEN:
        return served ? SLOT_OPEN : SLOT_GRACE;
    case SLOT_GRACE:
        return served ? SLOT_OPEN : deadline_passed ? SLOT_IDLE : SLOT_GRACE;
    case SLOT_MISSING:
    case SLOT__COUNT:
        break;
    }
    return now;
}

void slots_init(struct slots *s, const struct listen_spec *specs, size_t num_specs,
                unsigned num_shards)
{
    *s = (struct slots){.num = num_specs * num_shards,
                        .num_specs = num_specs,
                        .num_shards = num_shards,
                        .generation = 1};
    s->all = xcalloc(s->num, sizeof(*s->all));
    for (size_t i = 0; i < s->num; i++) {
        struct slot *slot = &s->all[i];

        slot->fd = -1;
        slot->spec = &specs[i / num_shards];
        slot->shard = (unsigned)(i % num_shards);
        listen_spec_name(slot->spec, slot->shard, slot->name);
    }
}

static struct slot *shards_of(const struct slots *s, size_t listener)
{
    return &s->all[listener * s->num_shards];
}

static unsigned num_held(const struct slots *s, size_t listener)
{
    unsigned num = 0;

    for (unsigned i = 0; i < s->num_shards; i++)
        num += shards_of(s, listener)[i].fd >= 0 ? 1 : 0;
    return num;
}

static void fill(struct slots *s, struct slot *slot, int fd, bool listening, int64_t now_ms)
{
    slot->fd = fd;
    slot->generation = s->generation;
    slot->complained = false;
    slot->deadline_ms = now_ms + SLOT_GRACE_MS;
    move(slot, listening ? SLOT_GRACE : SLOT_IDLE);
}

/* The number of shards that were offered of this listener; 0 when one is missing or wrong. */
static unsigned judge_set(const struct listen_spec *spec, struct offer *o)
{
    char name[DOORMAN_NAME_MAX];
    unsigned num = 1;

    for (unsigned i = 0; i < num; i++) {
        struct err e = {0};

        listen_spec_name(spec, i, name);
        struct offer_item *item = offer_find(o, name);

        if (item == NULL || (i > 0 && item->entry.num_shards != num)) {
            if (i > 0)
                log_warn("%s: offered without all of its shards, refused", spec->text);
            return 0;
        }
        num = item->entry.num_shards;
        if (!listener_verify(item->fd, spec, &e)) {
            log_warn("%s", e.text);
            return 0;
        }
    }
    return num;
}

static size_t adopt_listener(struct slots *s, size_t listener, struct offer *o, int64_t now_ms)
{
    struct slot *shards = shards_of(s, listener);
    unsigned offered = num_held(s, listener) != 0 ? 0 : judge_set(shards->spec, o);
    unsigned num = offered < s->num_shards ? offered : s->num_shards;
    bool listening = false;

    for (unsigned i = 0; i < num; i++)
        if (listener_is_listening(offer_find(o, shards[i].name)->fd))
            listening = true; /* then one that does not was shut by somebody, and is revived */
    for (unsigned i = 0; i < num; i++) {
        struct offer_item *item = offer_find(o, shards[i].name);

        fill(s, &shards[i], item->fd, listening, now_ms);
        item->fd = -1;
    }
    return num;
}

size_t slots_adopt(struct slots *s, struct offer *o, int64_t now_ms)
{
    size_t num = 0;

    s->generation++;
    for (size_t i = 0; i < s->num_specs; i++)
        num += adopt_listener(s, i, o, now_ms);
    if (num == 0)
        s->generation--;
    return num;
}

/* The first shard proves that nobody else holds the port, the others join it. */
static bool bind_listener(struct slots *s, size_t listener, struct err *e)
{
    struct slot *shards = shards_of(s, listener);
    unsigned held = num_held(s, listener);
    bool filled = false;

    for (unsigned i = 0; i < held && held < s->num_shards; i++)
        if (!listener_share(shards[i].fd, e))
            return false;
    for (unsigned i = held; i < s->num_shards; i++) {
        int fd;

        if (listener_open(shards[i].spec, i > 0, &fd, e) != LISTENER_BOUND)
            return filled;
        if (i == 0 && s->num_shards > 1 && !listener_share(fd, e)) {
            fd_close(&fd);
            return filled;
        }
        fill(s, &shards[i], fd, false, 0);
        filled = true;
    }
    return filled;
}

bool slots_bind(struct slots *s, struct err *e)
{
    bool filled = false;

    *e = (struct err){0};
    s->generation++;
    for (size_t i = 0; i < s->num_specs; i++) {
        struct err one = {0};

        if (num_held(s, i) == s->num_shards)
            continue;
        if (bind_listener(s, i, &one))
            filled = true;
        if (one.code != NULL && (e->code == NULL || strcmp(one.code, "PortInUse") != 0))
            *e = one; /* what waiting cannot mend comes first */
    }
    if (!filled)
        s->generation--;
    return filled;
}

size_t slots_num_missing(const struct slots *s)
{
    size_t num = 0;

    for (size_t i = 0; i < s->num; i++)
        num += s->all[i].state == SLOT_MISSING ? 1 : 0;
    return num;
}

/* Makes the socket what its state says. A failure is said once and tried again at the next tick. */
static void ensure_listening(struct slot *slot, bool revive)
{
    struct err e = {0};

    if (listener_is_listening(slot->fd))
        return;
    if (revive)
        log_warn("%s: somebody shut this listener, it is revived", slot->name);
    if (listener_listen(slot->fd, &e)) {
        slot->complained = false;
        return;
    }
    if (!slot->complained)
        log_error("%s does not listen: %s", slot->name, e.text);
    slot->complained = true;
}

static bool slot_served(const struct slot *slot, uint64_t served)
{
    return served >= slot->generation;
}

static void tick_slot(struct slot *slot, bool served, bool keep, int64_t now_ms)
{
    enum slot_state next = slot_next(slot->state, served, now_ms >= slot->deadline_ms);
    enum slot_state before = slot->state;

    if (next == SLOT_IDLE && keep)
        next = before;
    if (next != before)
        move(slot, next);
    if (before == SLOT_OPEN && next == SLOT_GRACE)
        slot->deadline_ms = now_ms + SLOT_GRACE_MS;
    if (before == SLOT_GRACE && next == SLOT_IDLE) {
        log_warn("%s: no gateway has been ready for %d s, clients are refused", slot->name,
                 SLOT_GRACE_MS / 1000);
        listener_shut(slot->fd);
    }
    if (before == SLOT_IDLE && next == SLOT_IDLE && !keep && listener_is_listening(slot->fd)) {
        log_warn("%s: somebody listens on it although no gateway serves, it is shut", slot->name);
        listener_shut(slot->fd);
    }
    if (next == SLOT_OPEN || next == SLOT_GRACE)
        ensure_listening(slot, before != SLOT_IDLE && !slot->complained);
    if (before == SLOT_IDLE && next == SLOT_OPEN)
        log_info("%s listens%s%s", slot->name, slot->spec->device[0] != '\0' ? " on device " : "",
                 slot->spec->device);
}

void slots_tick(struct slots *s, uint64_t served, bool keep, int64_t now_ms)
{
    for (size_t i = 0; i < s->num; i++)
        if (s->all[i].state != SLOT_MISSING)
            tick_slot(&s->all[i], slot_served(&s->all[i], served), keep, now_ms);
}

static unsigned num_shards_held(const struct slots *s, const struct slot *slot)
{
    return num_held(s, (size_t)(slot - s->all) / s->num_shards);
}

void slots_list(const struct slots *s, size_t *pos, struct doorman_msg *out, int *out_fds)
{
    size_t missing = slots_num_missing(s);
    uint32_t first = 0;

    doorman_msg_init(out, DOORMAN_LIST);
    for (size_t i = 0; i < *pos; i++)
        first += s->all[i].fd >= 0 ? 1 : 0;
    out->head.generation = s->generation;
    out->head.flags = missing == 0 ? DOORMAN_LIST_COMPLETE : 0;
    out->head.first = first;
    out->head.total = (uint32_t)(s->num - missing);
    for (; *pos < s->num && out->head.count < DOORMAN_BATCH_MAX; (*pos)++) {
        const struct slot *slot = &s->all[*pos];

        if (slot->fd < 0)
            continue;
        struct doorman_entry *entry = &out->entries[out->head.count];

        memcpy(entry->name, slot->name, sizeof(entry->name));
        entry->kind = slot->spec->kind;
        entry->shard = slot->shard;
        entry->num_shards = num_shards_held(s, slot);
        out_fds[out->head.count++] = slot->fd;
    }
    while (*pos < s->num && s->all[*pos].fd < 0)
        (*pos)++;
}

void slots_release(struct slots *s)
{
    for (size_t i = 0; i < s->num; i++) {
        if (s->all[i].state == SLOT_MISSING)
            continue;
        fd_close(&s->all[i].fd);
        move(&s->all[i], SLOT_MISSING);
    }
}

void slots_free(struct slots *s)
{
    slots_release(s);
    free(s->all);
    *s = (struct slots){0};
}
