/*
 * What an owner has written as HTTP/1.1, given to nghttp2: names in lower case, the pseudo fields
 * in front, fields of the connection and of framing left out. The last step of what h1_split.h
 * does.
 */
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/h2_priv.h"

enum { PSEUDO_MAX = 4, OURS_MAX = 1 };

struct fields {
    size_t num;
    nghttp2_nv all[PSEUDO_MAX + H1_FIELDS_MAX + OURS_MAX];
};

static void add(struct fields *f, struct str name, struct str value)
{
    ASSERT(f->num < sizeof f->all / sizeof f->all[0]);
    f->all[f->num++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.p,
                                    .namelen = name.n,
                                    .value = (uint8_t *)(uintptr_t)value.p,
                                    .valuelen = value.n};
}

static void to_lower(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] | 0x20);
}

static void add_fields(struct fields *f, const struct h1_head *h, char *base)
{
    for (size_t i = 0; i < h->num_fields; i++) {
        const struct h1_field *one = &h->fields[i];

        if (one->drop || one->id == H1_TRANSFER_ENCODING || one->id == H1_TRAILER ||
            (one->id == H1_HOST && h->kind == H1_REQUEST))
            continue;
        to_lower(base + one->line, one->name_len);
        add(f, h1_field_name(one, base), h1_field_value(one, base));
    }
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's */
static ssize_t on_read(nghttp2_session *ng, int32_t id, uint8_t *out, size_t cap, uint32_t *flags,
                       nghttp2_data_source *source, void *arg)
{
    (void)ng;
    (void)id;
    (void)arg;
    return h2_stream_give_data(source->ptr, out, cap, flags);
}

static bool submit_response(struct h2_stream *st, const struct h1_head *h, struct fields *f,
                            const nghttp2_data_provider *body)
{
    nghttp2_session *ng = st->session->ng;

    if (h->status < 200)
        return nghttp2_submit_headers(ng, NGHTTP2_FLAG_NONE, st->id, NULL, f->all, f->num, NULL) ==
               0;
    return nghttp2_submit_response(ng, st->id, f->all, f->num, body) == 0;
}

static bool give_response(struct h2_stream *st, const struct h1_head *h, char *base,
                          const nghttp2_data_provider *body)
{
    struct fields f;
    char status[3] = {(char)('0' + h->status / 100), (char)('0' + h->status / 10 % 10),
                      (char)('0' + h->status % 10)};

    f.num = 0;
    add(&f, STR(":status"), (struct str){status, sizeof status});
    add_fields(&f, h, base);
    return submit_response(st, h, &f, body);
}

/* "te: trailers": we pass them on, whoever asked for what (RFC 9110 section 10.1.4). */
static bool give_request(struct h2_stream *st, const struct h1_head *h, char *base,
                         const nghttp2_data_provider *body)
{
    struct str host = h1_slice(base, h->host, h->host_len);
    struct fields f;

    f.num = 0;
    add(&f, STR(":method"), h1_method(h, base));
    add(&f, STR(":scheme"), STR("http"));
    add(&f, STR(":path"), h1_slice(base, h->path, h->path_len));
    if (host.n > 0)
        add(&f, STR(":authority"), host);
    add_fields(&f, h, base);
    add(&f, STR("te"), STR("trailers"));
    st->was_head = str_eq(h1_method(h, base), STR("HEAD"));
    st->id = nghttp2_submit_request(st->session->ng, NULL, f.all, f.num, body, st);
    if (st->id > 0)
        return true;
    st->id = 0;
    return false;
}

static bool on_head(void *arg, const struct h1_head *h, char *base, bool bodiless)
{
    struct h2_stream *st = arg;
    const nghttp2_data_provider body = {.source = {.ptr = st}, .read_callback = on_read};
    bool ends = bodiless && !h2_stream_may_trail(st);
    const nghttp2_data_provider *given = ends ? NULL : &body;

    st->tx_ended = bodiless;
    st->tx_sent = ends;
    return h->kind == H1_RESPONSE ? give_response(st, h, base, given)
                                  : give_request(st, h, base, given);
}

static bool on_data(void *arg, struct str data)
{
    struct h2_stream *st = arg;

    return buf_add_str(&st->tx.bytes, data);
}

static void on_trailer(void *arg, struct str line)
{
    struct h2_stream *st = arg;

    /* The scanner has counted them: they fit. */
    ASSERT(buf_add_str(&st->tx_trailers, line) && buf_add_str(&st->tx_trailers, STR("\n")));
}

const struct h1_split_to h2_submit_message = {
    .on_head = on_head, .on_data = on_data, .on_trailer = on_trailer};

void h2_submit_trailers(struct h2_stream *st)
{
    struct str rest = {st->tx_trailers.bytes, st->tx_trailers.len - 1}, line;
    struct fields f;

    f.num = 0;
    while (f.num < H1_FIELDS_MAX && str_split(&rest, '\n', &line)) {
        char *colon = memchr(line.p, ':', line.n);
        struct str name = {line.p, (size_t)(colon - line.p)};

        to_lower(st->tx_trailers.bytes + (line.p - st->tx_trailers.bytes), name.n);
        add(&f, name, str_trim((struct str){colon + 1, line.n - name.n - 1}));
    }
    /* It fails for want of memory only: the next output tells. */
    (void)nghttp2_submit_trailer(st->session->ng, st->id, f.all, f.num);
}
