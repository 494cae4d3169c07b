/*
 * See policy.h. A route without any of it costs a look at three pointers. Answers instead of
 * forwarding are reply.c's.
 */
#include "gateway/proxy/policy.h"

#include <string.h>

#include "gateway/proxy/conn.h"
#include "gateway/table/table.h"

struct target_request policy_target_of(const struct conn *c, const struct h1_head *h)
{
    struct str path = h1_slice(c->in, h->path, h->path_len), query = {NULL, 0};
    const char *mark = path.n > 0 ? memchr(path.p, '?', path.n) : NULL;

    if (mark != NULL) {
        query = (struct str){mark, path.n - (size_t)(mark - path.p)};
        path.n -= query.n;
    }
    return (struct target_request){
        .proto = STR("http"),
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
        .fields = policy_changes(c->proxy, r->request_fields),
    };

    if (r->rewrite != NULL)
        rewrite(c, h, &out);
    return out;
}

struct h1_passing policy_passing(struct conn *c, enum h1_connection connection)
{
    return (struct h1_passing){
        .connection = connection,
        .drop_coding = c->x->minor == 0,
        .fields = policy_changes(c->proxy, c->x->route->route->response_fields),
    };
}
