/*
 * The head parser. Works line by line: a line is looked at when its LF is there, found by memchr
 * from where the last search ended, so that a head that trickles in costs what a whole one costs.
 * Framing and agreement rules are applied once, when the empty line has come. Called by the proxy
 * for both directions; decides nothing about routing or forwarding.
 */
#include "gateway/http/h1_head.h"

#include <stdint.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/h1_syntax.h"

void h1_head_init(struct h1_head *h, enum h1_kind kind)
{
    memset(h, 0, offsetof(struct h1_head, fields));
    h->kind = (uint8_t)kind;
    h->head_max = H1_HEAD_MAX;
    h->target_max = H1_LINE_MAX;
    h->fields_max = H1_FIELDS_MAX;
}

static uint16_t lower_of(uint32_t limit, uint16_t most)
{
    return limit != 0 && limit < most ? (uint16_t)limit : most;
}

void h1_head_limit(struct h1_head *h, const struct h1_limits *limits)
{
    ASSERT(h->kind == H1_REQUEST && h->scanned == 0);
    h->head_max = lower_of(limits->head_bytes, H1_HEAD_MAX);
    h->target_max = lower_of(limits->uri_bytes, H1_LINE_MAX);
    h->fields_max = lower_of(limits->head_fields, H1_FIELDS_MAX);
    h->drop_underscores = limits->drop_underscores;
}

static enum h1_parse refuse(struct h1_head *h, enum h1_refusal why)
{
    h->refusal = why;
    return H1_REFUSED;
}

/* "HTTP/1.x" at p; answers whether it is a version at all, and fills minor (255: other major). */
static bool parse_version(struct h1_head *h, const char *p)
{
    if (memcmp(p, "HTTP/", 5) != 0 || !h1_is(p[5], H1_DIGIT) || p[6] != '.' ||
        !h1_is(p[7], H1_DIGIT))
        return false;
    h->minor = p[5] != '1' ? 255 : p[7] == '0' ? 0 : 1;
    h->later_minor = p[7] > '1';
    return true;
}

/* ---- request line -------------------------------------------------------------------------- */

/*
 * absolute-form (RFC 9112 section 3.2.2): scheme and authority are cut off, the rest is
 * origin-form. What asks for https must come over TLS (RFC 9110 section 7.4), which nobody has
 * here.
 */
static enum h1_parse split_absolute(struct h1_head *h, const char *base)
{
    struct str t = h1_slice(base, h->target, h->target_len);
    size_t skip = sizeof "http://" - 1;
    size_t end = skip;

    if (t.n > 8 && str_eq_nocase((struct str){t.p, 8}, STR("https://")))
        return refuse(h, H1_MISDIRECTED);
    if (t.n <= skip || !str_eq_nocase((struct str){t.p, skip}, STR("http://")))
        return refuse(h, H1_BAD_TARGET);
    while (end < t.n && t.p[end] != '/' && t.p[end] != '?')
        end++;
    if (end == skip || memchr(t.p + skip, '@', end - skip) != NULL)
        return refuse(h, H1_BAD_TARGET);
    h->absolute = true;
    h->host = (uint16_t)(h->target + skip);
    h->host_len = (uint16_t)(end - skip);
    h->path = (uint16_t)(h->target + end);
    h->path_len = (uint16_t)(t.n - end);
    return H1_DONE;
}

static enum h1_parse parse_target(struct h1_head *h, const char *base)
{
    struct str t = h1_slice(base, h->target, h->target_len);

    if (t.n == 0 || !h1_all(t.p, t.n, H1_TARGET))
        return refuse(h, H1_BAD_TARGET);
    if (t.n > h->target_max)
        return refuse(h, H1_LINE_TOO_LONG);
    if (t.p[0] == '/') {
        h->path = h->target;
        h->path_len = h->target_len;
        return H1_DONE;
    }
    if (t.n == 1 && t.p[0] == '*' && str_eq(h1_method(h, base), STR("OPTIONS"))) {
        h->asterisk = true;
        h->path = h->target;
        h->path_len = 1;
        return H1_DONE;
    }
    if (str_eq(h1_method(h, base), STR("CONNECT"))) { /* authority-form; refused by the proxy */
        h->path = h->target;
        h->path_len = h->target_len;
        return H1_DONE;
    }
    return split_absolute(h, base);
}

static enum h1_parse parse_request_line(struct h1_head *h, const char *base, size_t end)
{
    const char *line = base + h->pos;
    size_t n = end - h->pos;
    const char *sp = memchr(line, ' ', n);

    h->start = (uint16_t)h->pos;
    if (sp == NULL)
        return refuse(h, H1_BAD_REQUEST_LINE);
    h->method_len = (uint16_t)(sp - line);
    if (h->method_len == 0 || !h1_all(line, h->method_len, H1_TOKEN))
        return refuse(h, H1_BAD_METHOD);
    if (h->method_len > H1_METHOD_MAX) /* RFC 9112 section 3 */
        return refuse(h, H1_LONG_METHOD);
    size_t rest = n - h->method_len - 1; /* "target HTTP/1.1" */

    if (rest < 10 || sp[rest - 8] != ' ')
        return refuse(h, H1_BAD_REQUEST_LINE);
    if (!parse_version(h, sp + rest - 7))
        return refuse(h, H1_BAD_VERSION);
    if (h->minor == 255)
        return refuse(h, H1_VERSION);
    h->target = (uint16_t)(h->pos + h->method_len + 1);
    h->target_len = (uint16_t)(rest - 9);
    return parse_target(h, base);
}

/* ---- status line --------------------------------------------------------------------------- */

static enum h1_parse parse_status_line(struct h1_head *h, const char *base, size_t end)
{
    const char *line = base + h->pos;
    size_t n = end - h->pos;

    h->start = (uint16_t)h->pos;
    if (n < 12 || !parse_version(h, line) || line[8] != ' ' || h->minor == 255)
        return refuse(h, H1_BAD_STATUS_LINE);
    if (!h1_all(line + 9, 3, H1_DIGIT) || (n > 12 && line[12] != ' ') ||
        (n > 13 && !h1_all_value(line + 13, n - 13)))
        return refuse(h, H1_BAD_STATUS_LINE);
    h->status = (uint16_t)((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
    return h->status >= 100 ? H1_DONE : refuse(h, H1_BAD_STATUS_LINE);
}

/* ---- fields -------------------------------------------------------------------------------- */

static enum h1_parse field_length(struct h1_head *h, struct str value)
{
    if (h->saw_length)
        return refuse(h, H1_TWO_LENGTHS);
    h->saw_length = true;
    return str_to_u64(value, INT64_MAX, &h->content_length) ? H1_DONE : refuse(h, H1_BAD_LENGTH);
}

static enum h1_parse field_coding(struct h1_head *h, struct str value)
{
    if (h->saw_coding)
        return refuse(h, H1_BAD_CODING);
    h->saw_coding = true;
    if (str_eq_nocase(value, STR("chunked")))
        return H1_DONE;
    return refuse(h, value.n == 0 || memchr(value.p, ',', value.n) != NULL ? H1_BAD_CODING
                                                                           : H1_UNKNOWN_CODING);
}

static enum h1_parse field_host(struct h1_head *h, const char *base, const struct h1_field *f)
{
    if (h->absolute && h->host < h->fields_at) { /* the target has spoken: Host must agree */
        struct str of_target = h1_slice(base, h->host, h->host_len);

        if (!str_eq_nocase(of_target, h1_field_value(f, base)))
            return refuse(h, H1_HOST_DISAGREES);
    } else if (h->host_len != 0) {
        return refuse(h, H1_TWO_HOSTS);
    }
    if (f->value_len == 0)
        return refuse(h, H1_NO_HOST);
    h->host = f->value;
    h->host_len = f->value_len;
    return H1_DONE;
}

/* RFC 9110 section 10.1.1: HTTP/1.0 knows no expectations, they mean nothing there. */
static enum h1_parse field_expect(struct h1_head *h, const char *base, struct h1_field *f)
{
    f->drop = h->minor == 0;
    if (h->kind == H1_RESPONSE || f->drop)
        return H1_DONE;
    if (h->expect_continue || !str_eq_nocase(h1_field_value(f, base), STR("100-continue")))
        return refuse(h, H1_EXPECTATION);
    h->expect_continue = true;
    return H1_DONE;
}

/* A name with '_' that reads as one of the fields we set is an attempt to get past us. */
static bool is_forwarding_alias(struct str name)
{
    char plain[20];

    if (name.n > sizeof(plain) - 1)
        return false;
    for (size_t i = 0; i < name.n; i++)
        plain[i] = (char)(name.p[i] == '_' ? '-' : name.p[i]);
    return h1_field_find((struct str){plain, name.n}) != H1_OTHER;
}

/* Do messages end, or hosts begin, where this field says? */
static bool is_decisive(enum h1_field_id id)
{
    return id == H1_HOST || id == H1_CONTENT_LENGTH || id == H1_TRANSFER_ENCODING;
}

static enum h1_parse take_known(struct h1_head *h, const char *base, struct h1_field *f)
{
    switch ((enum h1_field_id)f->id) {
    case H1_HOST:
        return h->kind == H1_REQUEST ? field_host(h, base, f) : H1_DONE;
    case H1_CONTENT_LENGTH:
        return field_length(h, h1_field_value(f, base));
    case H1_TRANSFER_ENCODING:
        return field_coding(h, h1_field_value(f, base));
    case H1_CONNECTION:
        h->saw_connection = true;
        f->drop = true;
        return H1_DONE;
    case H1_KEEP_ALIVE:
    case H1_PROXY_CONNECTION:
    case H1_PROXY_AUTHORIZATION:
    case H1_PROXY_AUTHENTICATE:
    case H1_TE:
    case H1_UPGRADE:
    case H1_HTTP2_SETTINGS:
        f->drop = true;
        return H1_DONE;
    case H1_EXPECT:
        return field_expect(h, base, f);
    default:
        return H1_DONE;
    }
}

/* Many services read '_' in a name as '-': a second spelling, of fields of theirs as well. */
static enum h1_parse take_underscored(struct h1_head *h, struct h1_field *f, struct str name)
{
    if (is_forwarding_alias(name))
        return refuse(h, H1_FORWARDING_ALIAS);
    f->drop = h->drop_underscores;
    return H1_DONE;
}

/* `value` is of this line, which begins at h->pos and holds a tab or not. */
static inline enum h1_parse add_field(struct h1_head *h, const char *base, size_t name_len,
                                      struct str value, bool has_tab)
{
    struct h1_field *f = &h->fields[h->num_fields++];

    *f = (struct h1_field){.line = (uint16_t)h->pos,
                           .name_len = (uint16_t)name_len,
                           .value = (uint16_t)(value.p - base),
                           .value_len = (uint16_t)value.n,
                           .id = (uint8_t)h1_field_find((struct str){base + h->pos, name_len})};
    /* A tab may stand around a value, but not everybody takes it away (nginx does not). */
    if (has_tab && is_decisive((enum h1_field_id)f->id))
        return refuse(h, H1_BAD_VALUE);
    return f->id != H1_OTHER ? take_known(h, base, f) : H1_DONE;
}

/*
 * The usual line, in one go: a name of letters and hyphens, a colon, at most one blank, a value
 * with neither blanks at its ends nor a tab, and its CR LF before base[limit]. Moves on to the next
 * line and answers true; else it has touched nothing, and the line is looked at closely.
 */
static bool take_usual_field(struct h1_head *h, const char *base, size_t limit, enum h1_parse *out)
{
    const char *line = base + h->pos;
    size_t room = limit - h->pos, name_len = h1_plain_len(line, room), at = name_len + 1, end;

    if (at + 2 >= room || name_len == 0 || line[name_len] != ':' || h->num_fields == h->fields_max)
        return false;
    at += line[at] == ' ';
    end = at + h1_text_len(line + at, room - at);
    if (end + 1 >= room || line[end] != '\r' || line[end + 1] != '\n' ||
        (end > at && (line[at] == ' ' || line[end - 1] == ' ')))
        return false;
    *out = add_field(h, base, name_len, (struct str){line + at, end - at}, false);
    h->pos = h->scanned = (uint32_t)(h->pos + end + 2);
    return true;
}

static enum h1_parse parse_field(struct h1_head *h, const char *base, size_t end)
{
    const char *line = base + h->pos;
    size_t n = end - h->pos;
    unsigned odd; /* classes of bytes of the name */
    size_t name_len;

    if (line[0] == ' ' || line[0] == '\t')
        return refuse(h, H1_OBS_FOLD);
    name_len = h1_token_len(line, n + 2, &odd); /* ends at the CR of line[n], if not before */
    if (name_len == 0 || name_len == n || line[name_len] != ':')
        return refuse(h, H1_BAD_NAME);
    struct str value = h1_trim(line + name_len + 1, n - name_len - 1);

    if (!h1_all_value(value.p, value.n))
        return refuse(h, H1_BAD_VALUE);
    if (h->num_fields == h->fields_max)
        return refuse(h, H1_TOO_MANY_FIELDS);
    struct h1_field *f = &h->fields[h->num_fields];

    if (add_field(h, base, name_len, value, memchr(line, '\t', n) != NULL) == H1_REFUSED)
        return H1_REFUSED;
    return f->id == H1_OTHER && (odd & H1_UNDERSCORE) != 0
               ? take_underscored(h, f, (struct str){line, name_len})
               : H1_DONE;
}

/* ---- the whole head ------------------------------------------------------------------------ */

/*
 * Fields that Connection names are hop-by-hop too (RFC 9110 section 7.6.1), but not those that end
 * to end meaning hangs on: naming Host, framing or forwarding fields there does nothing.
 */
static void drop_named(struct h1_head *h, const char *base, struct str token)
{
    for (size_t i = 0; i < h->num_fields; i++) {
        struct h1_field *f = &h->fields[i];

        if (f->id == H1_OTHER && str_eq_nocase(h1_field_name(f, base), token))
            f->drop = true;
    }
}

static bool has_field(const struct h1_head *h, enum h1_field_id id)
{
    for (size_t i = 0; i < h->num_fields; i++)
        if (h->fields[i].id == id)
            return true;
    return false;
}

static void take_connection_token(struct h1_head *h, const char *base, struct str token)
{
    if (str_eq_nocase(token, STR("close")))
        h->keep_alive = false;
    else if (str_eq_nocase(token, STR("keep-alive")))
        h->keep_alive = h->keep_alive || h->minor == 0;
    else if (str_eq_nocase(token, STR("upgrade")))
        h->has_upgrade = h->minor == 1 && has_field(h, H1_UPGRADE);
    else if (token.n != 0)
        drop_named(h, base, token);
}

static void read_connection(struct h1_head *h, const char *base)
{
    bool close = false;

    h->keep_alive = h->minor == 1;
    if (!h->saw_connection)
        return;
    for (size_t i = 0; i < h->num_fields; i++) {
        struct str rest = h1_field_value(&h->fields[i], base);
        struct str token;

        if (h->fields[i].id != H1_CONNECTION)
            continue;
        while (str_split(&rest, ',', &token)) {
            token = str_trim(token);
            close = close || str_eq_nocase(token, STR("close"));
            take_connection_token(h, base, token);
        }
    }
    if (close) /* stands above any keep-alive beside it */
        h->keep_alive = false;
}

static enum h1_parse finish(struct h1_head *h, const char *base, size_t end)
{
    h->len = (uint32_t)end;
    if (h->saw_length && h->saw_coding)
        return refuse(h, H1_LENGTH_AND_CODING);
    if (h->saw_coding && h->minor == 0)
        return refuse(h, H1_BAD_CODING);
    if (h->kind == H1_REQUEST && h->minor == 1 && !has_field(h, H1_HOST))
        return refuse(h, H1_NO_HOST);
    if (h->saw_coding)
        h->framing = H1_BODY_CHUNKED;
    else if (h->saw_length)
        h->framing = h->content_length != 0 ? H1_BODY_LENGTH : H1_BODY_NONE;
    else
        h->framing = h->kind == H1_REQUEST ? H1_BODY_NONE : H1_BODY_UNTIL_CLOSE;
    read_connection(h, base);
    return H1_DONE;
}

enum h1_framing h1_response_framing(const struct h1_head *r, bool request_was_head)
{
    if (request_was_head || r->status < 200 || r->status == 204 || r->status == 304)
        return H1_BODY_NONE;
    return (enum h1_framing)r->framing;
}

/* "h2c", "HTTP/2.0", "TLS/1.0": the name stands before the version. */
static bool carries_http(struct str protocol)
{
    static const struct str names[] = {{"h2c", 3}, {"h2", 2}, {"http", 4}, {"tls", 3}};
    struct str name = protocol;

    if (!str_split(&protocol, '/', &name))
        return false;
    name = str_trim(name);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eq_nocase(name, names[i]))
            return true;
    return false;
}

bool h1_may_upgrade(const struct h1_head *h, const char *base)
{
    if (!h->has_upgrade || h->framing != H1_BODY_NONE)
        return false;
    for (size_t i = 0; i < h->num_fields; i++) {
        struct str rest = h1_field_value(&h->fields[i], base);
        struct str protocol;

        if (h->fields[i].id != H1_UPGRADE)
            continue;
        while (str_split(&rest, ',', &protocol))
            if (carries_http(str_trim(protocol)))
                return false;
    }
    return true;
}

/* One line, base[pos..end) without its CR LF; `next` is where the following one begins. */
static enum h1_parse take_line(struct h1_head *h, const char *base, size_t end, size_t next)
{
    enum h1_parse r;

    if (h->first_line_done)
        r = parse_field(h, base, end);
    else if (end == h->pos && h->pos == 0 && h->kind == H1_REQUEST)
        r = H1_DONE; /* one empty line before a request is ignored, RFC 9112 section 2.2 */
    else {
        r = h->kind == H1_REQUEST ? parse_request_line(h, base, end)
                                  : parse_status_line(h, base, end);
        h->first_line_done = true;
        h->fields_at = (uint16_t)next;
    }
    h->pos = (uint32_t)next;
    return r;
}

/* No LF yet: is there already too much, or a byte that will never be right? */
static enum h1_parse judge_partial(struct h1_head *h, size_t len)
{
    if (!h->first_line_done && len - h->pos > H1_LINE_MAX)
        return refuse(h, h->kind == H1_REQUEST ? H1_LINE_TOO_LONG : H1_BAD_STATUS_LINE);
    if (len >= h->head_max)
        return refuse(h, H1_HEAD_TOO_LARGE);
    return H1_MORE;
}

enum h1_parse h1_head_parse(struct h1_head *h, const char *base, size_t len)
{
    size_t limit = len < h->head_max ? len : h->head_max;

    while (h->scanned < limit) {
        enum h1_parse r;

        if (h->first_line_done && h->scanned == h->pos && take_usual_field(h, base, limit, &r)) {
            if (r == H1_REFUSED)
                return r;
            continue;
        }
        const char *lf = memchr(base + h->scanned, '\n', limit - h->scanned);

        if (lf == NULL) {
            h->scanned = (uint32_t)limit;
            break;
        }
        size_t next = (size_t)(lf - base) + 1;

        h->scanned = (uint32_t)next;
        if (next - h->pos < 2 || lf[-1] != '\r')
            return refuse(h, H1_BAD_LINE_END);
        if (!h->first_line_done && next - h->pos > H1_LINE_MAX)
            return refuse(h, h->kind == H1_REQUEST ? H1_LINE_TOO_LONG : H1_BAD_STATUS_LINE);
        if (h->first_line_done && next - h->pos == 2)
            return finish(h, base, next);
        if (take_line(h, base, next - 2, next) == H1_REFUSED)
            return H1_REFUSED;
    }
    return judge_partial(h, len);
}
