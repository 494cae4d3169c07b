/*
 * See policy.h. A route without any of it costs a look at three pointers. Answers instead of
 * forwarding are reply.c's.
 */
#include "gateway/proxy/policy.h"

#include <stdio.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/info.h"
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

struct h1_forwarding policy_forwarding(struct conn *c, const struct h1_head *h)
{
    const struct route *r = c->x->route->route;
    struct h1_forwarding out = {
        .client_ip = {c->peer, c->peer_len},
        .proto = STR("http"),
        .upgrade = c->x->upgrade,
        .real_ip = policy_client(c),
        .request_id = info_request_id(c, h),
        .believes = c->trusted,
        .fields = policy_changes(c->proxy, r->request_fields),
    };

    if (r->rewrite != NULL)
        rewrite(c, h, &out);
    return out;
}

/* The client gets it once, and again when its endpoint could not be asked. */
static void add_sticky_cookie(struct conn *c)
{
    const struct route_sticky *sticky = c->x->route->route->sticky;
    struct proxy *p = c->proxy;
    char name[STICKY_TEXT], age[32] = "";
    int n;

    sticky_write(c->x->sticky, name);
    if (sticky->ttl_s > 0)
        snprintf(age, sizeof age, "; Max-Age=%u", (unsigned)sticky->ttl_s);
    n = snprintf(p->lines, sizeof p->lines,
                 "Set-Cookie: %s=%.*s; Path=/%s; HttpOnly; SameSite=Lax\r\n", sticky->name,
                 STICKY_TEXT, name, age);
    ASSERT(n > 0 && (size_t)n < sizeof p->lines); /* the schema has bounded the name */
    p->lines_len = (size_t)n;
}

struct h1_passing policy_passing(struct conn *c, enum h1_connection connection)
{
    struct proxy *p = c->proxy;

    p->lines_len = 0;
    if (c->x->binds)
        add_sticky_cookie(c);
    if (info_is_told(c))
        info_add_lines(c);
    return (struct h1_passing){
        .connection = connection,
        .drop_coding = c->x->minor == 0,
        .fields = policy_changes(p, c->x->route->route->response_fields),
        .without = info_is_told(c) ? 1U << H1_X_REQUEST_ID : 0,
        .lines = {p->lines, p->lines_len},
    };
}
