/*
 * Frames: the lines of a table's wire form (docs/table.md, "Frames"). One JSON object a line, ended
 * by '\n'. The same form is read from `--table FILE`, from the coordinator's stream, from the
 * journal and on the socket between follower and proxy. Two kinds live on that socket only:
 * `status` (follower to proxy: how fresh the table is, what the journal suffers) and `stats` (proxy
 * to follower: an object that goes into the next report to the coordinator as it is).
 */
#ifndef GATEWAY_WIRE_FRAME_H
#define GATEWAY_WIRE_FRAME_H

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/str.h"
#include "gateway/route/route.h"

struct cJSON;

enum frame_type {
    FRAME_HELLO,
    FRAME_SET,
    FRAME_DELETE,
    FRAME_COMMIT,
    FRAME_BEAT,
    FRAME_ACK,
    FRAME_NACK,
    FRAME_STATUS,
    FRAME_STATS,
    FRAME__COUNT
};

enum {
    FRAME_DIGEST_HEX = 64,
    FRAME_EPOCH_MAX = 64,
    FRAME_CLUSTER_MAX = 128,
    FRAME_LINE_MAX = 4 << 20 /* bytes of a line without its newline */
};

struct frame {
    enum frame_type type;
    /* set, delete, nack */
    enum route_kind kind;
    char *name;             /* owned; 1..ROUTE_NAME_MAX bytes, no control bytes */
    struct cJSON *value;    /* set, stats: owned, an object; may be taken (then set NULL) */
    struct str value_bytes; /* set, stats: the value exactly as sent, borrowed from the line */
    /* hello, commit, beat, ack */
    uint64_t revision;
    char digest[FRAME_DIGEST_HEX + 1]; /* commit: "" when absent (table files) */
    /* hello */
    char *cluster; /* owned */
    char epoch[FRAME_EPOCH_MAX + 1];
    bool snapshot; /* mode: snapshot (true) or delta */
    /* nack */
    struct err refusal; /* code points to static memory, or "Refused" for an unknown one */
    /* status */
    bool stale;      /* the source of the table is not heard from */
    int64_t age_ms;  /* since it was last heard from; 0 while it is connected */
    char *complaint; /* owned: what the journal suffers, one sentence; "" = nothing */
};

/*
 * Decodes one line (without its newline). On false *out is empty and *e says why; nothing to free.
 * On true frame_free it.
 */
MUST_USE bool frame_parse(struct str line, struct frame *out, struct err *e);
/* As frame_parse, judging as strictly, but `value` stays NULL: for who passes the bytes on. */
MUST_USE bool frame_parse_bytes(struct str line, struct frame *out, struct err *e);
/*
 * As frame_parse, but the value of a set may stay NULL, and its bytes unjudged until
 * frame_build_value: for who judges most of them without a tree.
 */
MUST_USE bool frame_parse_late(struct str line, struct frame *out, struct err *e);
/* The value that was left out, while the line lives; false: it is no JSON after all. */
MUST_USE bool frame_build_value(struct frame *f, struct err *e);
void frame_free(struct frame *f); /* leaves it empty: twice is fine */

const char *frame_type_name(enum frame_type type);

/*
 * Writers: append one line with its newline; false, and the buffer as it was, when its cap is
 * reached. value_json is one JSON object without raw newlines (asserted).
 */
MUST_USE bool frame_write_hello(struct buf *b, const char *cluster, const char *epoch,
                                uint64_t revision, bool snapshot);
MUST_USE bool frame_write_set(struct buf *b, enum route_kind kind, struct str name,
                              struct str value_json);
MUST_USE bool frame_write_delete(struct buf *b, enum route_kind kind, struct str name);
/* digest: NULL or "" leaves it out. */
MUST_USE bool frame_write_commit(struct buf *b, uint64_t revision, const char *digest);
MUST_USE bool frame_write_beat(struct buf *b, uint64_t revision);
MUST_USE bool frame_write_ack(struct buf *b, uint64_t revision);
MUST_USE bool frame_write_nack(struct buf *b, enum route_kind kind, struct str name,
                               const struct err *why);
MUST_USE bool frame_write_status(struct buf *b, bool stale, int64_t age_ms, const char *complaint);
/* value_json: one JSON object without raw newlines (asserted). */
MUST_USE bool frame_write_stats(struct buf *b, struct str value_json);

#endif
