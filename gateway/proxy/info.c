/* See info.h. What else a route does to a response is policy.c's. */
#include "gateway/proxy/info.h"

#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/h1_syntax.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/describe.h"
#include "gateway/table/table.h"

enum { ID_WORDS = 2, DIGITS_MAX = 20 };

/* ---- the request's name ---------------------------------------------------------------------- */

/* What a trusted peer calls the request, if that can be a word in a log. */
static bool find_given(struct conn *c, const struct h1_head *h, struct str *out)
{
    for (size_t i = 0; c->trusted && i < h->num_fields; i++) {
        if (h->fields[i].id != H1_X_REQUEST_ID || h->fields[i].drop)
            continue;
        *out = h1_field_value(&h->fields[i], c->in);
        return out->n > 0 && out->n <= EXCHANGE_ID_MAX && h1_all(out->p, out->n, H1_TOKEN);
    }
    return false;
}

static void write_hex(char *out, uint64_t word)
{
    for (int i = 0; i < 16; i++)
        out[i] = "0123456789abcdef"[word >> (60 - 4 * i) & 15];
}

static void name_request(struct conn *c, const struct h1_head *h)
{
    struct exchange *x = c->x;
    struct balancer_query q = {.random = &c->proxy->random};
    struct str given;

    if (find_given(c, h, &given)) {
        memcpy(x->request_id, given.p, given.n);
        x->request_id_len = (uint8_t)given.n;
        return;
    }
    for (size_t i = 0; i < ID_WORDS; i++)
        write_hex(x->request_id + 16 * i, balancer_random(&q));
    x->request_id_len = 16 * ID_WORDS;
}

struct str info_request_id(struct conn *c, const struct h1_head *h)
{
    struct exchange *x = c->x;

    if (x->request_id_len == 0 && table_settings(x->pin->table)->info_headers)
        name_request(c, h);
    return (struct str){x->request_id, x->request_id_len};
}

/* ---- the fields ------------------------------------------------------------------------------ */

bool info_is_told(const struct conn *c)
{
    return c->x->request_id_len > 0 && c->x->account.status / 100 >= 2 &&
           c->x->account.status / 100 <= 3;
}

static void add(struct proxy *p, struct str s)
{
    ASSERT(s.n <= sizeof p->lines - p->lines_len);
    memcpy(p->lines + p->lines_len, s.p, s.n);
    p->lines_len += s.n;
}

static bool is_hidden(const struct route_fields *f, struct str name)
{
    for (size_t i = 0; f != NULL && i < f->num_removed; i++)
        if (str_eq(str_from(f->removed[i]), name))
            return true;
    return false;
}

static void add_line(struct conn *c, struct str name, struct str value)
{
    struct proxy *p = c->proxy;

    if (is_hidden(c->x->route->route->response_fields, name))
        return;
    add(p, name);
    add(p, STR(": "));
    add(p, value);
    add(p, STR("\r\n"));
}

/* Seconds with three digits behind the point, in room for DIGITS_MAX. */
static struct str write_seconds(int64_t us, char *room)
{
    char *end = room + DIGITS_MAX, *at = end;
    uint64_t ms = us > 0 ? (uint64_t)(us + 500) / 1000 : 0;

    for (int i = 0; i < 4 || ms > 0; i++) {
        if (i == 3)
            *--at = '.';
        *--at = (char)('0' + ms % 10);
        ms /= 10;
    }
    return (struct str){at, (size_t)(end - at)};
}

void info_add_lines(struct conn *c)
{
    const struct exchange *x = c->x;
    char took[DIGITS_MAX];

    add_line(c, STR("x-request-id"), (struct str){x->request_id, x->request_id_len});
    add_line(c, STR("x-proxy-id"), str_from(c->proxy->id));
    add_line(c, STR("x-server-info"), STR("signalbox/" SIGNALBOX_VERSION));
    add_line(c, STR("x-upstream-addr"), str_from(describe_endpoint(c)));
    add_line(c, STR("x-upstream-response-time"),
             write_seconds(x->account.answered_us - x->account.begun_us, took));
}
