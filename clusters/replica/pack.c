/*
 * Records of documents, written, deflated, inflated and applied. zlib's fastest level: JSON shrinks
 * to a tenth even so. Called by outbox.c and load.c.
 */
#include "clusters/replica/pack.h"

#include <string.h>

#define ZLIB_CONST /* it only reads what it is given */
#include <zlib.h>

#include "clusters/replica/bytes.h"
#include "gateway/core/check.h"

enum { RECORD_HEAD = 16, OP_SET = 's', OP_DELETE = 'd' };

/* ---- records -------------------------------------------------------------------------------- */

bool pack_record(struct buf *out, const struct replica_doc *d)
{
    struct str tenant = str_from(d->tenant), kind = str_from(d->kind), name = str_from(d->name);
    struct str value = str_from(d->value);
    uint8_t head[RECORD_HEAD] = {d->value ? OP_SET : OP_DELETE};
    size_t before = out->len;

    ASSERT(tenant.n <= PACK_KEY_MAX && kind.n <= PACK_KEY_MAX && name.n <= PACK_KEY_MAX &&
           value.n <= PACK_VALUE_MAX);
    head[1] = (uint8_t)tenant.n;
    head[2] = (uint8_t)kind.n;
    head[3] = (uint8_t)name.n;
    bytes_put(head + 4, value.n, 4);
    bytes_put(head + 8, (uint64_t)d->created_ms, 8);
    if (buf_add(out, head, sizeof(head)) && buf_add_str(out, tenant) && buf_add_str(out, kind) &&
        buf_add_str(out, name) && buf_add_str(out, value))
        return true;
    out->len = before;
    return false;
}

size_t pack_record_len(const struct replica_doc *d)
{
    return RECORD_HEAD + strlen(d->tenant) + strlen(d->kind) + strlen(d->name) +
           (d->value ? strlen(d->value) : 0);
}

/* ---- deflate -------------------------------------------------------------------------------- */

bool pack_deflate(struct str raw, struct buf *out)
{
    uLongf len = compressBound(raw.n);
    uint8_t *packed = xmalloc(len);
    bool fits;

    ASSERT(compress2(packed, &len, (const uint8_t *)raw.p, raw.n, Z_BEST_SPEED) == Z_OK);
    fits = buf_add(out, packed, len);
    free(packed);
    return fits;
}

/* Flushed after each addition, so that its length is known: that costs some bytes each. */
struct pack_stream {
    z_stream z;
    uint8_t *bytes;
    size_t len;
};

enum { FLUSH_MAX = 64 /* bytes of a flush, or of the end */ };

struct pack_stream *pack_stream_new(void)
{
    struct pack_stream *s = xcalloc(1, sizeof(*s));

    ASSERT(deflateInit(&s->z, Z_BEST_SPEED) == Z_OK); /* fails only when memory is gone */
    return s;
}

static void feed(struct pack_stream *s, struct str raw, size_t room, int flush)
{
    int rc;

    s->bytes = xrealloc(s->bytes, s->len + room);
    s->z.next_in = (const uint8_t *)raw.p;
    s->z.avail_in = (uInt)raw.n;
    s->z.next_out = s->bytes + s->len;
    s->z.avail_out = (uInt)room;
    rc = deflate(&s->z, flush);
    ASSERT(rc == (flush == Z_FINISH ? Z_STREAM_END : Z_OK) && s->z.avail_in == 0 &&
           s->z.avail_out > 0); /* the room was enough */
    s->len += room - s->z.avail_out;
}

bool pack_stream_add(struct pack_stream *s, struct str raw, size_t max)
{
    size_t room = compressBound(raw.n) + FLUSH_MAX;

    if (s->len + room + FLUSH_MAX > max)
        return false;
    feed(s, raw, room, Z_SYNC_FLUSH);
    return true;
}

bool pack_stream_end(struct pack_stream *s, struct buf *out)
{
    feed(s, STR(""), FLUSH_MAX, Z_FINISH);
    return buf_add(out, s->bytes, s->len);
}

void pack_stream_free(struct pack_stream *s)
{
    if (!s)
        return;
    (void)deflateEnd(&s->z); /* it says when there was more to come */
    free(s->bytes);
    free(s);
}

bool pack_inflate(struct str packed, size_t raw_len, struct buf *out, struct err *e)
{
    uLongf len = raw_len + 1; /* room to notice one too many; and zlib takes no empty buffer */
    uLong used = packed.n;
    uint8_t *raw = xmalloc(len);
    bool ok = uncompress2(raw, &len, (const uint8_t *)packed.p, &used) == Z_OK && len == raw_len &&
              used == packed.n && buf_add(out, raw, len);

    free(raw);
    return ok || err_set(e, "BadPayload", "", "the payload does not inflate to what it should");
}

/* ---- the set -------------------------------------------------------------------------------- */

struct held {
    struct replica_doc doc; /* its strings stand behind it */
    char bytes[];
};

/* A record whose lengths were checked. */
struct record {
    bool set;
    int64_t created_ms;
    struct str tenant, kind, name, value;
};

void pack_set_init(struct pack_set *s)
{
    map_init(&s->docs);
}

void pack_set_free(struct pack_set *s)
{
    map_free(&s->docs, free);
}

static struct str cut(struct str *rest, size_t n)
{
    struct str part = {rest->p, n};

    rest->p += n;
    rest->n -= n;
    return part;
}

/* Strings of C must not end early, nor keys run into each other. */
static bool is_text(struct str s)
{
    return s.n == 0 || !memchr(s.p, 0, s.n);
}

static bool cut_record(struct str *rest, struct record *out)
{
    const uint8_t *head = (const uint8_t *)rest->p;
    size_t value_len, keys;

    if (rest->n < RECORD_HEAD || (head[0] != OP_SET && head[0] != OP_DELETE))
        return false;
    value_len = (size_t)bytes_get(head + 4, 4);
    keys = (size_t)head[1] + head[2] + head[3];
    if (value_len > PACK_VALUE_MAX || rest->n - RECORD_HEAD < keys + value_len)
        return false;
    out->set = head[0] == OP_SET;
    out->created_ms = (int64_t)bytes_get(head + 8, 8);
    (void)cut(rest, RECORD_HEAD); /* read through head */
    out->tenant = cut(rest, head[1]);
    out->kind = cut(rest, head[2]);
    out->name = cut(rest, head[3]);
    out->value = cut(rest, value_len);
    return is_text(out->tenant) && is_text(out->kind) && is_text(out->name) &&
           is_text(out->value) && (out->set || !value_len);
}

static struct str key_of(const struct record *r, char out[3 * PACK_KEY_MAX + 3])
{
    int n = snprintf(out, 3 * PACK_KEY_MAX + 3, "%.*s%c%.*s%c%.*s", STR_ARG(r->tenant), 0,
                     STR_ARG(r->kind), 0, STR_ARG(r->name));

    return (struct str){out, (size_t)n};
}

static char *place(char **at, struct str s)
{
    char *text = *at;

    if (s.n)
        memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *at += s.n + 1;
    return text;
}

static struct held *held_new(const struct record *r)
{
    size_t n = r->tenant.n + r->kind.n + r->name.n + r->value.n + 4;
    struct held *h = xmalloc(sizeof(*h) + n);
    char *at = h->bytes;

    h->doc.tenant = place(&at, r->tenant);
    h->doc.kind = place(&at, r->kind);
    h->doc.name = place(&at, r->name);
    h->doc.value = place(&at, r->value);
    h->doc.created_ms = r->created_ms;
    return h;
}

bool pack_apply(struct pack_set *s, struct str records, struct err *e)
{
    char key[3 * PACK_KEY_MAX + 3];
    struct record r;

    while (records.n) {
        if (!cut_record(&records, &r))
            return err_set(e, "BadPayload", "", "a record of a document makes no sense");
        if (r.set)
            free(map_put(&s->docs, key_of(&r, key), held_new(&r)));
        else
            free(map_remove(&s->docs, key_of(&r, key)));
    }
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct replica_doc *x = a, *y = b;
    int d = strcmp(x->tenant, y->tenant);

    if (!d)
        d = strcmp(x->kind, y->kind);
    return d ? d : strcmp(x->name, y->name);
}

struct replica_doc *pack_list(const struct pack_set *s, size_t *out_num)
{
    struct replica_doc *list = xcalloc(s->docs.len + 1, sizeof(*list));
    struct str key;
    void *value;
    size_t pos = 0, num = 0;

    while (map_next(&s->docs, &pos, &key, &value))
        list[num++] = ((const struct held *)value)->doc;
    qsort(list, num, sizeof(*list), by_key);
    *out_num = num;
    return list;
}
