/*
 * See h2_head.h. nghttp2 has checked most of this before (pseudo fields, lower case, lengths); here
 * everything is checked that the written head depends on, whoever calls.
 */
#include "gateway/http/h2_head.h"

#include <string.h>

#include "gateway/http/h1_syntax.h"

void h2_head_begin(struct h2_head *h, enum h2_section section)
{
    memset(h, 0, sizeof *h);
    h->section = section;
    buf_init(&h->texts, H1_HEAD_MAX);
    buf_init(&h->fields, H1_HEAD_MAX);
}

void h2_head_end(struct h2_head *h)
{
    buf_free(&h->texts);
    buf_free(&h->fields);
}

static bool name_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!h1_is(name.p[i], H1_TOKEN) || (name.p[i] >= 'A' && name.p[i] <= 'Z'))
            return false;
    return name.n > 0;
}

static bool add_line(struct h2_head *h, struct str name, struct str value)
{
    return buf_add_str(&h->fields, name) && buf_add_str(&h->fields, STR(": ")) &&
           buf_add_str(&h->fields, value) && buf_add_str(&h->fields, STR("\r\n"));
}

static struct str pseudo(const struct h2_head *h, enum h2_pseudo which)
{
    return h->pseudo[which].set
               ? (struct str){h->texts.bytes + h->pseudo[which].at, h->pseudo[which].len}
               : STR("");
}

/* A target holds no blank and no control byte, the others less: the parser sees to that. */
static bool text_ok(enum h2_pseudo which, struct str value)
{
    return value.n > 0 &&
           h1_all(value.p, value.n, which == H2_METHOD || which == H2_STATUS ? H1_TOKEN : H1_VALUE);
}

static void take_status(struct h2_head *h, struct str value)
{
    uint64_t status = 0;

    if (value.n != 3 || !str_to_u64(value, 999, &status) || status < 100)
        h->malformed = true;
    h->status = (uint16_t)status;
}

static void take_pseudo(struct h2_head *h, struct str name, struct str value)
{
    static const struct {
        struct str name;
        enum h2_section in;
    } known[H2_PSEUDO__COUNT] = {
        [H2_METHOD] = {{":method", 7}, H2_REQUEST_HEAD},
        [H2_PATH] = {{":path", 5}, H2_REQUEST_HEAD},
        [H2_AUTHORITY] = {{":authority", 10}, H2_REQUEST_HEAD},
        [H2_STATUS] = {{":status", 7}, H2_RESPONSE_HEAD},
    };

    if (str_eq(name, STR(":scheme")) && h->section == H2_REQUEST_HEAD)
        return; /* X-Forwarded-Proto tells what the connection is, not what is said of it */
    for (int i = 0; i < H2_PSEUDO__COUNT; i++) {
        if (known[i].in != h->section || !str_eq(known[i].name, name))
            continue;
        if (h->pseudo[i].set || !text_ok((enum h2_pseudo)i, value))
            break;
        h->pseudo[i].at = (uint32_t)h->texts.len;
        h->pseudo[i].len = (uint32_t)value.n;
        h->pseudo[i].set = true;
        h->too_large = h->too_large || !buf_add_str(&h->texts, value);
        h->pseudo[i].set = !h->too_large;
        if (i == H2_STATUS)
            take_status(h, value);
        return;
    }
    h->malformed = true;
}

/* RFC 9113 section 8.2.3: crumbs are joined before they leave HTTP/2. */
static bool add_crumb(struct h2_head *h, struct str value)
{
    size_t before = h->fields.len, tail, grown;

    if (h->num_crumbs++ == 0) {
        if (!add_line(h, STR("cookie"), value))
            return false;
        h->cookie_end = (uint32_t)h->fields.len - 2;
        return true;
    }
    if (h->num_crumbs > H2_CRUMBS_MAX || !buf_add_str(&h->fields, STR("; ")) ||
        !buf_add_str(&h->fields, value))
        return false;
    grown = h->fields.len - before;
    tail = before - h->cookie_end;
    memmove(h->fields.bytes + h->cookie_end + grown, h->fields.bytes + h->cookie_end, tail);
    memcpy(h->fields.bytes + h->cookie_end, "; ", 2);
    memcpy(h->fields.bytes + h->cookie_end + 2, value.p, value.n);
    h->cookie_end += (uint32_t)grown;
    return true;
}

/* Fields of the connection have no place in HTTP/2 (RFC 9113 section 8.2.2). */
static bool is_of_connection(enum h1_field_id id)
{
    return id == H1_CONNECTION || id == H1_KEEP_ALIVE || id == H1_PROXY_CONNECTION ||
           id == H1_TRANSFER_ENCODING || id == H1_UPGRADE;
}

/* What the scanner of chunked bodies would refuse is left out, so that the rest gets through. */
static bool may_trail(enum h1_field_id id, struct str name)
{
    return id == H1_OTHER && memchr(name.p, '_', name.n) == NULL;
}

static bool take_field(struct h2_head *h, struct str name, struct str value)
{
    enum h1_field_id id = h1_field_find(name);

    if (is_of_connection(id) || (id == H1_TE && !str_eq_nocase(value, STR("trailers")))) {
        h->malformed = true;
        return true;
    }
    if (id == H1_TE || (h->section == H2_TRAILERS && !may_trail(id, name)))
        return true;
    h->has_host = h->has_host || id == H1_HOST;
    h->has_length = h->has_length || id == H1_CONTENT_LENGTH;
    if (h->section == H2_REQUEST_HEAD && str_eq(name, STR("cookie")))
        return add_crumb(h, value);
    return add_line(h, name, value);
}

void h2_head_add(struct h2_head *h, struct str name, struct str value)
{
    if (h->malformed || h->too_large)
        return;
    if (name.n > 0 && name.p[0] == ':')
        take_pseudo(h, name, value);
    else if (!name_ok(name) || !h1_all(value.p, value.n, H1_VALUE))
        h->malformed = true;
    else if (!take_field(h, name, value))
        h->too_large = true;
}

bool h2_head_is_chunked(const struct h2_head *h, const struct h2_head_facts *f)
{
    uint16_t status = h->status;

    if (f->ends || h->has_length || h->section == H2_TRAILERS)
        return false;
    return h->section == H2_REQUEST_HEAD ||
           (!f->was_head && status >= 200 && status != 204 && status != 304);
}

/* A response without a body says so, else it would last until the connection ends. */
static bool is_empty(const struct h2_head *h, const struct h2_head_facts *f)
{
    return f->ends && !h->has_length && h->section == H2_RESPONSE_HEAD && !f->was_head &&
           h->status >= 200 && h->status != 204 && h->status != 304;
}

static bool write_framing(const struct h2_head *h, const struct h2_head_facts *f, struct buf *out)
{
    if (h2_head_is_chunked(h, f) && !buf_add_str(out, STR("Transfer-Encoding: chunked\r\n")))
        return false;
    if (is_empty(h, f) && !buf_add_str(out, STR("Content-Length: 0\r\n")))
        return false;
    return buf_add_str(out, STR("\r\n"));
}

static bool write_request_line(const struct h2_head *h, struct buf *out)
{
    struct str method = pseudo(h, H2_METHOD), path = pseudo(h, H2_PATH);
    struct str authority = pseudo(h, H2_AUTHORITY);
    bool is_connect = str_eq(method, STR("CONNECT"));

    if (method.n == 0 || (path.n == 0) != is_connect || (is_connect && authority.n == 0))
        return false;
    if (is_connect)
        path = authority;
    else if (path.p[0] != '/' && !str_eq(path, STR("*")))
        return false;
    if (!buf_add_str(out, method) || !buf_add_str(out, STR(" ")))
        return false;
    if (h->has_host && authority.n > 0 && path.p[0] == '/' &&
        !(buf_add_str(out, STR("http://")) && buf_add_str(out, authority)))
        return false;
    if (!buf_add_str(out, path) || !buf_add_str(out, STR(" HTTP/1.1\r\n")))
        return false;
    return h->has_host || authority.n == 0 ||
           (buf_add_str(out, STR("host: ")) && buf_add_str(out, authority) &&
            buf_add_str(out, STR("\r\n")));
}

/* HTTP/2 has no phrases, and HTTP/1.1 allows for none; some parsers want one nevertheless. */
static struct str phrase_of(uint16_t status)
{
    static const char *const classes[] = {"Informational", "Successful", "Redirection",
                                          "Client Error", "Server Error"};

    if (status == 200)
        return STR("OK");
    return status < 600 ? str_from(classes[status / 100 - 1]) : STR("Unknown");
}

static bool write_first_line(const struct h2_head *h, struct buf *out)
{
    struct str status = pseudo(h, H2_STATUS);

    if (h->section == H2_REQUEST_HEAD)
        return write_request_line(h, out);
    return status.n == 3 && buf_add_str(out, STR("HTTP/1.1 ")) && buf_add_str(out, status) &&
           buf_add_str(out, STR(" ")) && buf_add_str(out, phrase_of(h->status)) &&
           buf_add_str(out, STR("\r\n"));
}

bool h2_head_write(const struct h2_head *h, const struct h2_head_facts *f, struct buf *out)
{
    if (h->malformed || h->too_large)
        return false;
    if (h->section == H2_TRAILERS)
        return buf_add_str(out, buf_str(&h->fields));
    return write_first_line(h, out) && buf_add_str(out, buf_str(&h->fields)) &&
           write_framing(h, f, out);
}

struct str h2_head_method(const struct h2_head *h)
{
    return pseudo(h, H2_METHOD);
}
