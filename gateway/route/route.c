/*
 * Names of kinds, the release of decoded objects and the packing of routes. Hosts are in host.c.
 * Knows nothing of JSON: gateway/wire makes these structs, gateway/table keeps them.
 */
#include "gateway/route/route.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

static const char *const kind_names[ROUTE_KIND__COUNT] = {
    [ROUTE_KIND_SETTINGS] = "settings",   [ROUTE_KIND_CERTIFICATE] = "certificate",
    [ROUTE_KIND_ROUTE] = "route",         [ROUTE_KIND_POOL] = "pool",
    [ROUTE_KIND_ENDPOINTS] = "endpoints", [ROUTE_KIND_TENANT] = "tenant",
};

const char *route_kind_name(enum route_kind kind)
{
    ASSERT((unsigned)kind < ROUTE_KIND__COUNT);
    return kind_names[kind];
}

bool route_kind_from_name(const char *name, enum route_kind *out)
{
    for (unsigned i = 0; i < ROUTE_KIND__COUNT; i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *out = (enum route_kind)i;
            return true;
        }
    }
    return false;
}

static void free_conditions(struct route_conditions *c)
{
    for (size_t i = 0; i < c->num; i++) {
        free(c->all[i].name);
        free(c->all[i].value);
    }
    free(c->all);
}

static void free_match(struct route_match *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->num_methods; i++)
        free(m->methods[i]);
    free(m->methods);
    free_conditions(&m->headers);
    free_conditions(&m->queries);
    free_conditions(&m->cookies);
    free(m);
}

static void free_redirect(struct route_redirect *r)
{
    if (r == NULL)
        return;
    free(r->scheme);
    free(r->host);
    free(r->path);
    free(r->prefix);
    free(r);
}

static void free_respond(struct route_respond *r)
{
    if (r == NULL)
        return;
    free(r->content_type);
    free(r->body);
    free(r);
}

static void free_rewrite(struct route_rewrite *r)
{
    if (r == NULL)
        return;
    free(r->host);
    free(r->path);
    free(r->prefix);
    free(r);
}

static void free_field_list(struct route_field *all, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        free(all[i].name);
        free(all[i].value);
    }
    free(all);
}

static void free_fields(struct route_fields *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->num_removed; i++)
        free(f->removed[i]);
    free(f->removed);
    free_field_list(f->set, f->num_set);
    free_field_list(f->added, f->num_added);
    free(f);
}

static void free_sticky(struct route_sticky *s)
{
    if (s == NULL)
        return;
    free(s->name);
    free(s);
}

static void free_hash(struct route_hash *h)
{
    if (h == NULL)
        return;
    free(h->name);
    free(h->salt);
    free(h);
}

/* What every route has, and route_pack packs. */
static void free_common(struct route *r)
{
    for (size_t i = 0; i < r->num_hosts; i++)
        free(r->hosts[i]);
    for (size_t i = 0; i < r->num_forward; i++)
        free(r->forward[i].pool);
    free(r->hosts);
    free(r->forward);
    free(r->tenant);
    free(r->path);
}

void route_free(struct route *r)
{
    if (r == NULL)
        return;
    if (!r->packed)
        free_common(r);
    free_redirect(r->redirect);
    free_respond(r->respond);
    free_match(r->match);
    free_rewrite(r->rewrite);
    free_fields(r->request_fields);
    free_fields(r->response_fields);
    free_sticky(r->sticky);
    free_hash(r->split);
    free(r->limits);
    free(r->timeouts);
    free(r->retry);
    free(r);
}

static size_t common_bytes(const struct route *r)
{
    size_t bytes = r->num_forward * sizeof(*r->forward) + r->num_hosts * sizeof(*r->hosts);

    for (size_t i = 0; i < r->num_hosts; i++)
        bytes += strlen(r->hosts[i]) + 1;
    for (size_t i = 0; i < r->num_forward; i++)
        bytes += strlen(r->forward[i].pool) + 1;
    return bytes + strlen(r->tenant) + 1 + strlen(r->path) + 1;
}

/* A copy of the bytes at *at, which it moves behind them; NULL for none. */
static void *put(char **at, const void *from, size_t n)
{
    void *to = *at;

    if (n == 0)
        return NULL;
    *at += n;
    return memcpy(to, from, n);
}

static char *put_string(char **at, const char *s)
{
    return put(at, s, strlen(s) + 1);
}

struct route *route_packed_copy(const struct route *r)
{
    struct route *p = xmalloc(sizeof(*p) + common_bytes(r));
    char *at = (char *)(p + 1); /* pointers first: they need their alignment */

    *p = *r;
    p->packed = true;
    p->forward = put(&at, r->forward, r->num_forward * sizeof(*r->forward));
    p->hosts = put(&at, r->hosts, r->num_hosts * sizeof(*r->hosts));
    for (size_t i = 0; i < r->num_forward; i++)
        p->forward[i].pool = put_string(&at, r->forward[i].pool);
    p->tenant = put_string(&at, r->tenant);
    for (size_t i = 0; i < r->num_hosts; i++)
        p->hosts[i] = put_string(&at, r->hosts[i]);
    p->path = put_string(&at, r->path);
    return p;
}

struct route *route_pack(struct route *r)
{
    if (r->packed)
        return r;
    struct route *p = route_packed_copy(r);

    free_common(r);
    free(r);
    return p;
}

void route_pool_free(struct route_pool *p)
{
    if (p == NULL)
        return;
    free(p->tenant);
    free_hash(p->hash);
    if (p->health != NULL) {
        free(p->health->path);
        free(p->health->host);
        free(p->health);
    }
    free(p->passive);
    free(p->limits);
    free(p);
}

void route_tenant_free(struct route_tenant *t)
{
    free(t);
}

void route_endpoints_free(struct route_endpoints *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->num; i++) {
        free(e->all[i].address);
        free(e->all[i].task);
        free(e->all[i].node);
    }
    free(e->all);
    free(e);
}

struct route_settings route_settings_default(void)
{
    return (struct route_settings){.idle_timeout_ms = 60000,
                                   .info_headers = true,
                                   .body_bytes = -1,
                                   .min_rate_ms = 10000,
                                   .h2_streams = 100,
                                   .head_ms = 10000,
                                   .drain_ms = 8000};
}
