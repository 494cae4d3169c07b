/*
 * Outgoing heads. Kept field lines that stand next to each other in the buffer go out as one iovec
 * entry; a typical request is four entries: its line, its fields, our fields, the body that was
 * read with it (added by the caller).
 */
#include "gateway/http/h1_write.h"

#include <stdint.h>
#include <string.h>

#include "gateway/core/check.h"

static void start(struct h1_out *out)
{
    out->bytes = 0;
    out->num = 0;
    out->scratch_len = 0;
}

static void put(struct h1_out *out, struct str s)
{
    if (s.n == 0)
        return;
    if (out->num > 0) { /* joins what it follows in memory */
        struct iovec *last = &out->iov[out->num - 1];

        if ((const char *)last->iov_base + last->iov_len == s.p) {
            last->iov_len += s.n;
            out->bytes += s.n;
            return;
        }
    }
    ASSERT(out->num < H1_OUT_IOV_MAX);
    out->iov[out->num].iov_base = (void *)(uintptr_t)s.p;
    out->iov[out->num++].iov_len = s.n;
    out->bytes += s.n;
}

/*
 * Ours: copied to the scratch area, so that neighbours join into one entry. Inline, because most of
 * it is words of a known length.
 */
static inline void put_copy(struct h1_out *out, struct str s)
{
    char *at = out->scratch + out->scratch_len;

    ASSERT(s.n <= H1_OUT_SCRATCH - out->scratch_len);
    memcpy(at, s.p, s.n);
    out->scratch_len += (uint32_t)s.n;
    put(out, (struct str){at, s.n});
}

/* What our own lines need of the scratch area at the most, values of the client's apart. */
enum { SCRATCH_OURS = 512 };

/* A value of the incoming head: copied when short, so that our fields stay one entry. */
static void put_value(struct h1_out *out, struct str s)
{
    if (s.n <= 256 && out->scratch_len + s.n <= H1_OUT_SCRATCH - SCRATCH_OURS)
        put_copy(out, s);
    else
        put(out, s);
}

static uint32_t line_end(const struct h1_head *h, size_t i)
{
    return i + 1 < h->num_fields ? h->fields[i + 1].line : h->len - 2;
}

static bool is_changed_away(const struct h1_changes *changes, struct str name)
{
    for (size_t i = 0; i < changes->num_removed; i++)
        if (str_eq_nocase(changes->removed[i], name))
            return true;
    for (size_t i = 0; i < changes->num_set; i++)
        if (str_eq_nocase(changes->set[i].name, name))
            return true;
    return false;
}

/* All field lines but those with a bit in `skip` (by field id) and the hop-by-hop ones. */
static void put_fields(struct h1_out *out, const struct h1_head *h, const char *base, uint32_t skip,
                       const struct h1_changes *changes)
{
    uint32_t from = h->fields_at; /* of the lines that are kept and not put yet */

    for (size_t i = 0; i < h->num_fields; i++) {
        const struct h1_field *f = &h->fields[i];

        if (!f->drop && (skip >> f->id & 1) == 0 &&
            (changes == NULL || !is_changed_away(changes, h1_field_name(f, base))))
            continue;
        put(out, (struct str){base + from, f->line - from});
        from = line_end(h, i);
    }
    put(out, (struct str){base + from, h->len - 2 - from});
}

static void put_change(struct h1_out *out, const struct h1_change *c)
{
    put_value(out, c->name);
    put_value(out, STR(": "));
    put_value(out, c->value);
    put_value(out, STR("\r\n"));
}

static void put_changes(struct h1_out *out, const struct h1_changes *changes)
{
    if (changes == NULL)
        return;
    for (size_t i = 0; i < changes->num_set; i++)
        put_change(out, &changes->set[i]);
    for (size_t i = 0; i < changes->num_added; i++)
        put_change(out, &changes->added[i]);
}

enum {
    TOLD = 1 << H1_X_FORWARDED_HOST | 1 << H1_X_FORWARDED_PROTO | 1 << H1_X_FORWARDED_PORT |
           1 << H1_X_FORWARDED_PREFIX,
    REPLACED = TOLD | 1 << H1_FORWARDED | 1 << H1_X_FORWARDED_FOR | 1 << H1_X_REAL_IP
};
_Static_assert(H1_FIELD__COUNT <= 31, "the field ids are bits of an int");

static void put_forwarded_for(struct h1_out *out, const struct h1_head *h, const char *base,
                              struct str client_ip)
{
    put_copy(out, STR("X-Forwarded-For: "));
    for (size_t i = 0; i < h->num_fields; i++) {
        if (h->fields[i].id != H1_X_FORWARDED_FOR || h->fields[i].drop ||
            h->fields[i].value_len == 0)
            continue;
        put_value(out, h1_field_value(&h->fields[i], base));
        /* Not copied: a client may send this field many times, the scratch area is bounded. */
        put(out, STR(", "));
    }
    put_copy(out, client_ip);
}

static void put_upgrade(struct h1_out *out, const struct h1_head *h, const char *base)
{
    for (size_t i = 0; i < h->num_fields; i++)
        if (h->fields[i].id == H1_UPGRADE)
            put(out, (struct str){base + h->fields[i].line, line_end(h, i) - h->fields[i].line});
    put_copy(out, STR("Connection: upgrade\r\n"));
}

static void put_request_line(struct h1_out *out, const struct h1_head *h, const char *base,
                             const struct h1_target *target)
{
    /* As it stands, CR LF included. */
    if (target == NULL && h->minor == 1 && !h->absolute && !h->later_minor) {
        put(out, h1_slice(base, h->start, (uint16_t)(h->fields_at - h->start)));
        return;
    }
    put(out, h1_slice(base, h->start, (uint16_t)(h->method_len + 1)));
    if (target != NULL) {
        for (size_t i = 0; i < sizeof target->pieces / sizeof target->pieces[0]; i++)
            put(out, target->pieces[i]);
    } else {
        if (h->path_len == 0 || (base[h->path] != '/' && !h->asterisk))
            put_copy(out, STR("/"));
        put(out, h1_slice(base, h->path, h->path_len));
    }
    put_copy(out, STR(" HTTP/1.1\r\n"));
}

static void put_host(struct h1_out *out, struct str host)
{
    put_copy(out, STR("Host: "));
    put_value(out, host);
    put_copy(out, STR("\r\n"));
}

/* What of TOLD the sender has said, as bits, when its word is taken for it. */
static uint32_t believed(const struct h1_head *h, const struct h1_forwarding *fwd)
{
    uint32_t told = 0;

    if (!fwd->believes)
        return 0;
    for (size_t i = 0; i < h->num_fields; i++)
        if (!h->fields[i].drop)
            told |= 1U << h->fields[i].id;
    return told & TOLD;
}

/* A field of ours, unless the sender is believed for it; after a line that lacks its CR LF. */
static void put_told(struct h1_out *out, uint32_t told, enum h1_field_id id, struct str name,
                     struct str value)
{
    if (value.n == 0 || (told >> id & 1) != 0)
        return;
    put_copy(out, name);
    put_value(out, value);
}

void h1_write_request(struct h1_out *out, const struct h1_head *h, const char *base,
                      const struct h1_forwarding *fwd)
{
    struct str host = h1_slice(base, h->host, h->host_len);
    bool has_host_field = host.n != 0 && h->host >= h->fields_at;
    uint32_t told = believed(h, fwd);
    uint32_t skip = REPLACED & ~told;

    ASSERT(h->kind == H1_REQUEST && fwd->client_ip.n <= 64 && fwd->proto.n <= 8);
    ASSERT(fwd->real_ip.n <= 64);
    start(out);
    put_request_line(out, h, base, fwd->target);
    if (fwd->request_id.n != 0)
        skip |= 1U << H1_X_REQUEST_ID;
    if (fwd->host.n != 0) {
        put_host(out, fwd->host);
        skip |= 1U << H1_HOST;
    }
    put_fields(out, h, base, skip, fwd->fields);
    if (fwd->host.n == 0 && !has_host_field) /* as HTTP/1.0 allows: of an absolute target, */
        put_host(out, host);                 /* or empty as HTTP/1.1 asks for */
    put_changes(out, fwd->fields);
    if (fwd->upgrade)
        put_upgrade(out, h, base);
    put(out, fwd->lines);
    put_forwarded_for(out, h, base, fwd->client_ip);
    put_copy(out, STR("\r\nX-Real-IP: "));
    put_copy(out, fwd->real_ip.n != 0 ? fwd->real_ip : fwd->client_ip);
    put_told(out, told, H1_X_FORWARDED_PROTO, STR("\r\nX-Forwarded-Proto: "), fwd->proto);
    put_told(out, told, H1_X_FORWARDED_HOST, STR("\r\nX-Forwarded-Host: "), host);
    put_told(out, told, H1_X_REQUEST_ID, STR("\r\nX-Request-Id: "), fwd->request_id);
    put_told(out, told, H1_X_FORWARDED_PREFIX, STR("\r\nX-Forwarded-Prefix: "), fwd->prefix);
    put_copy(out, STR("\r\n\r\n"));
}

int h1_out_with(struct h1_out *out, char *body, size_t *bytes)
{
    if (*bytes == 0 || out->num == H1_OUT_IOV_MAX) {
        *bytes = 0;
        return out->num;
    }
    out->iov[out->num] = (struct iovec){body, *bytes};
    return out->num + 1;
}

static uint32_t skipped_of_response(const struct h1_head *h, bool drop_coding)
{
    if (h->status < 200 || h->status == 204)
        return 1U << H1_TRANSFER_ENCODING | 1U << H1_CONTENT_LENGTH;
    return drop_coding ? 1U << H1_TRANSFER_ENCODING : 0;
}

static void put_connection(struct h1_out *out, const struct h1_head *h, const char *base,
                           enum h1_connection connection)
{
    if (connection == H1_CONN_UPGRADE)
        put_upgrade(out, h, base);
    else if (connection == H1_CONN_CLOSE)
        put_copy(out, STR("Connection: close\r\n"));
    else if (connection == H1_CONN_KEEP_ALIVE)
        put_copy(out, STR("Connection: keep-alive\r\n"));
}

/* The empty line: the incoming one when it follows, so that the head stays one entry. */
static void put_end(struct h1_out *out, const struct h1_head *h, const char *base)
{
    const struct iovec *last = &out->iov[out->num - 1];
    const char *end = base + h->len - 2;

    if ((const char *)last->iov_base + last->iov_len == end)
        put(out, (struct str){end, 2});
    else
        put_copy(out, STR("\r\n"));
}

void h1_write_response(struct h1_out *out, const struct h1_head *h, const char *base,
                       const struct h1_passing *how)
{
    ASSERT(h->kind == H1_RESPONSE);
    start(out);
    if (h->minor == 1 && !h->later_minor) {
        put(out, h1_slice(base, h->start, (uint16_t)(h->fields_at - h->start)));
    } else {
        put_copy(out, STR("HTTP/1.1"));
        put(out, h1_slice(base, (uint16_t)(h->start + 8), (uint16_t)(h->fields_at - h->start - 8)));
    }
    put_fields(out, h, base, skipped_of_response(h, how->drop_coding) | how->without, how->fields);
    put_changes(out, how->fields);
    put(out, how->lines);
    put_connection(out, h, base, how->connection);
    put_end(out, h, base);
}
