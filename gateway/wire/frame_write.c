/*
 * Frames to lines. Each writer appends one whole line or nothing: who streams to a slow peer may
 * cut at the buffer's cap and never sends half a frame.
 */
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/wire/frame.h"

/* Ends a line: keeps it when all of it fitted, else puts the buffer back. */
static bool finish(struct buf *b, size_t start, bool ok)
{
    if (ok)
        return true;
    b->len = start;
    if (b->bytes != NULL)
        b->bytes[start] = '\0';
    return false;
}

static bool add_names(struct buf *b, const char *word, enum route_kind kind, struct str name)
{
    /* No buf_add_fmt: a large table is some hundred thousand of these. */
    return buf_add_str(b, STR("{\"")) && buf_add_str(b, str_from(word)) &&
           buf_add_str(b, STR("\":{\"kind\":\"")) &&
           buf_add_str(b, str_from(route_kind_name(kind))) && buf_add_str(b, STR("\",\"name\":")) &&
           buf_add_json(b, name);
}

bool frame_write_hello(struct buf *b, const char *cluster, const char *epoch, uint64_t revision,
                       bool snapshot)
{
    size_t start = b->len;

    return finish(b, start,
                  buf_add_str(b, STR("{\"hello\":{\"cluster\":")) &&
                      buf_add_json(b, str_from(cluster)) && buf_add_str(b, STR(",\"epoch\":")) &&
                      buf_add_json(b, str_from(epoch)) &&
                      buf_add_fmt(b, ",\"revision\":%llu,\"mode\":\"%s\"}}\n",
                                  (unsigned long long)revision, snapshot ? "snapshot" : "delta"));
}

bool frame_write_set(struct buf *b, enum route_kind kind, struct str name, struct str value_json)
{
    size_t start = b->len;

    ASSERT(memchr(value_json.p, '\n', value_json.n) == NULL);
    return finish(b, start,
                  add_names(b, "set", kind, name) && buf_add_str(b, STR(",\"value\":")) &&
                      buf_add_str(b, value_json) && buf_add_str(b, STR("}}\n")));
}

bool frame_write_delete(struct buf *b, enum route_kind kind, struct str name)
{
    size_t start = b->len;

    return finish(b, start, add_names(b, "delete", kind, name) && buf_add_str(b, STR("}}\n")));
}

static bool write_revision(struct buf *b, const char *word, uint64_t revision)
{
    return buf_add_fmt(b, "{\"%s\":{\"revision\":%llu}}\n", word, (unsigned long long)revision);
}

bool frame_write_commit(struct buf *b, uint64_t revision, const char *digest)
{
    if (digest == NULL || digest[0] == '\0')
        return write_revision(b, "commit", revision);
    return buf_add_fmt(b, "{\"commit\":{\"revision\":%llu,\"digest\":\"%s\"}}\n",
                       (unsigned long long)revision, digest);
}

bool frame_write_beat(struct buf *b, uint64_t revision)
{
    return write_revision(b, "beat", revision);
}

bool frame_write_ack(struct buf *b, uint64_t revision)
{
    return write_revision(b, "ack", revision);
}

bool frame_write_nack(struct buf *b, enum route_kind kind, struct str name, const struct err *why)
{
    size_t start = b->len;

    return finish(b, start,
                  add_names(b, "nack", kind, name) && buf_add_str(b, STR(",\"code\":")) &&
                      buf_add_json(b, str_from(why->code != NULL ? why->code : "Refused")) &&
                      buf_add_str(b, STR(",\"field\":")) && buf_add_json(b, str_from(why->field)) &&
                      buf_add_str(b, STR(",\"message\":")) &&
                      buf_add_json(b, str_from(why->text)) && buf_add_str(b, STR("}}\n")));
}

bool frame_write_status(struct buf *b, bool stale, int64_t age_ms, const char *complaint)
{
    size_t start = b->len;

    return finish(b, start,
                  buf_add_fmt(b, "{\"status\":{\"stale\":%s,\"age_ms\":%lld,\"complaint\":",
                              stale ? "true" : "false", (long long)age_ms) &&
                      buf_add_json(b, str_from(complaint)) && buf_add_str(b, STR("}}\n")));
}

bool frame_write_stats(struct buf *b, struct str value_json)
{
    size_t start = b->len;

    ASSERT(memchr(value_json.p, '\n', value_json.n) == NULL);
    return finish(b, start,
                  buf_add_str(b, STR("{\"stats\":{\"value\":")) && buf_add_str(b, value_json) &&
                      buf_add_str(b, STR("}}\n")));
}
