/*
 * See policy.h. A route without any of it costs a look at three pointers. Answers instead of
 * forwarding are reply.c's.
 */
#include "gateway/proxy/policy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/h1_syntax.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/describe.h"
#include "gateway/table/table.h"

struct str policy_client(const struct conn *c)
{
    if (c->x != NULL && c->x->client_len > 0)
        return (struct str){c->x->client, c->x->client_len};
    return (struct str){c->peer, c->peer_len};
}

void policy_find_client(struct conn *c, const struct h1_head *h)
{
    uint8_t address[16];

    if (c->trusted && trust_client(table_settings(c->proxy->table), h, c->in, address))
        c->x->client_len = trust_write(address, c->x->client);
}

/* What the client speaks, by the word of a trusted peer. */
static struct str proto_of(const struct conn *c, const struct h1_head *h)
{
    for (size_t i = 0; c->trusted && i < h->num_fields; i++)
        if (h->fields[i].id == H1_X_FORWARDED_PROTO && !h->fields[i].drop &&
            str_eq_nocase(h1_field_value(&h->fields[i], c->in), STR("https")))
            return STR("https");
    return STR("http");
}

struct target_request policy_target_of(const struct conn *c, const struct h1_head *h)
{
    struct str path = h1_slice(c->in, h->path, h->path_len), query = {NULL, 0};
    const char *mark = path.n > 0 ? memchr(path.p, '?', path.n) : NULL;

    if (mark != NULL) {
        query = (struct str){mark, path.n - (size_t)(mark - path.p)};
        path.n -= query.n;
    }
    return (struct target_request){
        .proto = proto_of(c, h),
        .host = h1_slice(c->in, h->host, h->host_len),
        .path = path.n == 0 || h->asterisk ? STR("/") : path,
        .query = query,
    };
}

const struct h1_changes *policy_changes(struct proxy *p, const struct route_fields *f)
{
    struct h1_changes *out = &p->changes;

    if (f == NULL)
        return NULL;
    out->num_removed = f->num_removed;
    out->num_set = f->num_set;
    out->num_added = f->num_added;
    for (size_t i = 0; i < f->num_removed; i++)
        out->removed[i] = str_from(f->removed[i]);
    for (size_t i = 0; i < f->num_set; i++)
        out->set[i] = (struct h1_change){str_from(f->set[i].name), str_from(f->set[i].value)};
    for (size_t i = 0; i < f->num_added; i++)
        out->added[i] = (struct h1_change){str_from(f->added[i].name), str_from(f->added[i].value)};
    return out;
}

static void rewrite(struct conn *c, const struct h1_head *h, struct h1_forwarding *out)
{
    const struct route *r = c->x->route->route;
    const struct route_rewrite *w = r->rewrite;

    out->host = str_from(w->host);
    if ((w->path == NULL && w->prefix == NULL) || h->asterisk)
        return;
    struct target_request q = policy_target_of(c, h);

    target_replace(&q, r->path, w->path, w->prefix, &c->proxy->target);
    out->target = &c->proxy->target;
    if (w->prefix != NULL && strcmp(r->path, "/") != 0)
        out->prefix = str_from(r->path);
}

/* ---- who answered, for those who look for faults ---- */

enum { REQUEST_ID_MAX = 128 };

/* What a trusted peer calls the request, if that can be a word in a log. */
static bool has_good_id(struct conn *c, const struct h1_head *h, struct str *out)
{
    for (size_t i = 0; c->trusted && i < h->num_fields; i++) {
        if (h->fields[i].id != H1_X_REQUEST_ID || h->fields[i].drop)
            continue;
        *out = h1_field_value(&h->fields[i], c->in);
        return out->n > 0 && out->n <= REQUEST_ID_MAX && h1_all(out->p, out->n, H1_TOKEN);
    }
    return false;
}

/* Once a request, whatever number of attempts it takes. */
static struct str request_id(struct conn *c, const struct h1_head *h)
{
    struct exchange *x = c->x;
    struct balancer_query q = {.random = &c->proxy->random};
    struct str given;

    if (!table_settings(x->pin->table)->info_headers)
        return STR("");
    if (x->request_id == NULL && has_good_id(c, h, &given)) {
        x->request_id = str_dup(given);
    } else if (x->request_id == NULL) {
        x->request_id = xmalloc(33);
        snprintf(x->request_id, 33, "%016" PRIx64 "%016" PRIx64, balancer_random(&q),
                 balancer_random(&q));
    }
    return str_from(x->request_id);
}

struct h1_forwarding policy_forwarding(struct conn *c, const struct h1_head *h)
{
    const struct route *r = c->x->route->route;
    struct h1_forwarding out = {
        .client_ip = {c->peer, c->peer_len},
        .proto = STR("http"),
        .upgrade = c->x->upgrade,
        .real_ip = policy_client(c),
        .request_id = request_id(c, h),
        .believes = c->trusted,
        .fields = policy_changes(c->proxy, r->request_fields),
    };

    if (r->rewrite != NULL)
        rewrite(c, h, &out);
    return out;
}

/* A line of ours for the response that is written; too much of them would be our own mistake. */
static void __attribute__((format(printf, 2, 3))) add_line(struct proxy *p, const char *fmt, ...)
{
    size_t room = sizeof p->lines - p->lines_len;
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(p->lines + p->lines_len, room, fmt, args);
    va_end(args);
    ASSERT(n > 0 && (size_t)n < room);
    p->lines_len += (size_t)n;
}

/* The client gets it once, and again when its endpoint could not be asked. */
static void add_sticky_cookie(struct conn *c)
{
    const struct route_sticky *sticky = c->x->route->route->sticky;
    char name[STICKY_TEXT], age[32] = "";

    sticky_write(c->x->sticky, name);
    if (sticky->ttl_s > 0)
        snprintf(age, sizeof age, "; Max-Age=%u", (unsigned)sticky->ttl_s);
    add_line(c->proxy, "Set-Cookie: %s=%.*s; Path=/%s; HttpOnly; SameSite=Lax\r\n", sticky->name,
             STICKY_TEXT, name, age);
}

/* A route may hide it. */
static bool is_hidden(const struct route_fields *f, const char *name)
{
    for (size_t i = 0; f != NULL && i < f->num_removed; i++)
        if (strcmp(f->removed[i], name) == 0)
            return true;
    return false;
}

static void add_info(struct conn *c, const char *name, const char *value)
{
    if (!is_hidden(c->x->route->route->response_fields, name))
        add_line(c->proxy, "%s: %s\r\n", name, value);
}

static void add_info_lines(struct conn *c)
{
    const struct account *a = &c->x->account;
    char endpoint[TABLE_ENDPOINT_TEXT], took[32];

    describe_endpoint(c, endpoint);
    snprintf(took, sizeof took, "%.3f", (double)(a->answered_us - a->begun_us) / 1e6);
    add_info(c, "x-request-id", c->x->request_id);
    add_info(c, "x-proxy-id", c->proxy->id);
    add_info(c, "x-server-info", "signalbox/" SIGNALBOX_VERSION);
    add_info(c, "x-upstream-addr", endpoint);
    add_info(c, "x-upstream-response-time", took);
}

/* Only where all went well: who is refused learns nothing of what is behind us. */
static bool tells(const struct conn *c)
{
    return c->x->request_id != NULL && c->x->account.status / 100 >= 2 &&
           c->x->account.status / 100 <= 3;
}

struct h1_passing policy_passing(struct conn *c, enum h1_connection connection)
{
    struct proxy *p = c->proxy;

    p->lines_len = 0;
    if (c->x->binds)
        add_sticky_cookie(c);
    if (tells(c))
        add_info_lines(c);
    return (struct h1_passing){
        .connection = connection,
        .drop_coding = c->x->minor == 0,
        .fields = policy_changes(p, c->x->route->route->response_fields),
        .without = tells(c) ? 1U << H1_X_REQUEST_ID : 0,
        .lines = {p->lines, p->lines_len},
    };
}
