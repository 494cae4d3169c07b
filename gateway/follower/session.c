/*
 * The rules of the stream, on the reading side.
 *
 *     HELLO --snapshot--> SNAPSHOT --commit--> DELTA --commit--> DELTA ...
 *       '----delta------------------------------^        anything wrong --> BROKEN
 *
 * Strict, because what is believed here is served: a hello of another cluster or of an older store
 * is refused, a frame that cannot be read or comes out of order ends the run (skipping it would end
 * in a wrong digest anyway). No I/O, no clock. Called by stream.c and journal.c.
 */
#include "gateway/follower/session.h"

#include <string.h>

#include "gateway/core/check.h"

void session_init(struct session *s, const struct session_config *config)
{
    *s = (struct session){.config = *config, .state = SESSION_HELLO};
    lines_init(&s->lines, FRAME_LINE_MAX);
    holding_changes_init(&s->changes);
}

void session_free(struct session *s)
{
    lines_free(&s->lines);
    holding_changes_clear(&s->changes);
}

static void move_to(struct session *s, enum session_state to)
{
    static const bool legal[SESSION__COUNT][SESSION__COUNT] = {
        [SESSION_HELLO] =
            {[SESSION_SNAPSHOT] = true, [SESSION_DELTA] = true, [SESSION_BROKEN] = true},
        [SESSION_SNAPSHOT] = {[SESSION_DELTA] = true, [SESSION_BROKEN] = true},
        [SESSION_DELTA] = {[SESSION_BROKEN] = true},
    };
    ASSERT(legal[s->state][to]);
    s->state = to;
}

bool session_epoch_ms(const char *epoch, uint64_t *out)
{
    const char *dash = strchr(epoch, '-');
    struct str digits = {epoch, dash != NULL ? (size_t)(dash - epoch) : strlen(epoch)};
    return str_to_u64(digits, UINT64_MAX, out);
}

/* True when `epoch` was made before the one held. */
static bool is_older(const struct holding *h, const char *epoch)
{
    uint64_t theirs = 0;
    uint64_t ours = 0;
    return h->valid && session_epoch_ms(epoch, &theirs) && session_epoch_ms(h->epoch, &ours) &&
           theirs < ours;
}

static bool take_hello(struct session *s, const struct frame *f, struct err *e)
{
    const struct holding *h = s->config.holding;
    uint64_t ms = 0;
    if (s->state != SESSION_HELLO)
        return err_set(e, "BadFrame", "/hello", "a second hello in one stream");
    if (strcmp(f->cluster, s->config.cluster) != 0)
        return err_set(e, "OtherCluster", "/hello/cluster",
                       "this is the table of cluster \"%.128s\", not of \"%.128s\"", f->cluster,
                       s->config.cluster);
    if (!session_epoch_ms(f->epoch, &ms))
        return err_set(e, "BadFrame", "/hello/epoch", "the epoch does not begin with a time");
    if (is_older(h, f->epoch) && !s->config.accept_older_epoch)
        return err_set(e, "OlderEpoch", "/hello/epoch",
                       "the coordinator's store (%s) is older than the one this table came from "
                       "(%s); --accept-older-epoch would take it",
                       f->epoch, h->epoch);
    if (!f->snapshot && (!h->valid || strcmp(h->epoch, f->epoch) != 0))
        return err_set(e, "BadFrame", "/hello/mode", "a delta on a table that is not held");
    memcpy(s->epoch, f->epoch, sizeof(s->epoch));
    s->head = f->revision;
    move_to(s, f->snapshot ? SESSION_SNAPSHOT : SESSION_DELTA);
    return true;
}

static bool take_commit(struct session *s, const struct frame *f, struct err *e)
{
    struct holding *h = s->config.holding;
    bool snapshot = s->state == SESSION_SNAPSHOT;
    if (!snapshot && f->revision < h->revision)
        return err_set(e, "BadFrame", "/commit/revision", "commit %llu comes after commit %llu",
                       (unsigned long long)f->revision, (unsigned long long)h->revision);
    if (!holding_commit(h, &s->changes, snapshot, snapshot && s->vouched ? &s->sum : NULL,
                        f->digest, e))
        return false;
    h->valid = true;
    h->revision = f->revision;
    memcpy(h->epoch, s->epoch, sizeof(h->epoch));
    if (snapshot)
        move_to(s, SESSION_DELTA);
    s->head = f->revision > s->head ? f->revision : s->head;
    s->config.on_commit(s->config.arg, &s->changes, snapshot);
    holding_changes_clear(&s->changes);
    return true;
}

static bool take_change(struct session *s, const struct frame *f, struct str value, struct err *e)
{
    if (!holding_changes_add(&s->changes, f->kind, str_from(f->name), value, e))
        return false;
    if (s->config.on_part != NULL && s->state == SESSION_SNAPSHOT)
        s->config.on_part(s->config.arg, f->kind, str_from(f->name), value);
    return true;
}

static bool take_frame(struct session *s, const struct frame *f, struct err *e)
{
    struct str none = {NULL, 0};
    s->vouched = s->vouched && f->type == FRAME_COMMIT;
    if (f->type != FRAME_SET && f->type != FRAME_DELETE)
        s->num_signs++;
    if (f->type == FRAME_HELLO)
        return take_hello(s, f, e);
    if (s->state == SESSION_HELLO)
        return err_set(e, "BadFrame", "", "the first frame must be a hello");
    switch (f->type) {
    case FRAME_SET:
        return take_change(s, f, f->value_bytes, e);
    case FRAME_DELETE:
        return take_change(s, f, none, e);
    case FRAME_COMMIT:
        return take_commit(s, f, e);
    case FRAME_BEAT:
        s->head = f->revision > s->head ? f->revision : s->head;
        return true;
    default:
        return err_set(e, "BadFrame", "", "a frame that only a proxy sends");
    }
}

bool session_line(struct session *s, struct str line, struct err *e)
{
    struct frame f;
    ASSERT(s->state != SESSION_BROKEN);
    if (!frame_parse_bytes(line, &f, e)) {
        e->code = "BadLine"; /* whatever is wrong with it, the run ends here */
        move_to(s, SESSION_BROKEN);
        return false;
    }
    bool ok = take_frame(s, &f, e);
    frame_free(&f);
    if (!ok)
        move_to(s, SESSION_BROKEN);
    return ok;
}

void session_vouch(struct session *s, const struct digest *sum)
{
    s->sum = *sum;
    s->vouched = true;
}

bool session_feed(struct session *s, struct str bytes, struct err *e)
{
    struct str line;
    enum lines_result r;
    lines_feed(&s->lines, bytes);
    while ((r = lines_next(&s->lines, &line)) != LINES_MORE) {
        if (r == LINES_LINE && session_line(s, line, e))
            continue;
        if (r == LINES_TOO_LONG) {
            move_to(s, SESSION_BROKEN);
            err_set(e, "BadLine", "", "a line of more than %d bytes", FRAME_LINE_MAX);
        }
        lines_reset(&s->lines);
        return false;
    }
    return true;
}

bool session_inside_line(const struct session *s)
{
    return s->lines.partial.len > 0 && !s->lines.lent;
}

bool session_in_step(const struct session *s)
{
    return s->state == SESSION_DELTA && s->config.holding->valid &&
           s->config.holding->revision >= s->head;
}
