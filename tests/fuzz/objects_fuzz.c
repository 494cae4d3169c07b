/*
 * Any JSON as the value of an object of any kind (the first byte picks it). A refusal names a code,
 * a place and a reason; what is taken keeps what gateway/route's structs promise to those who serve
 * them: canonical hosts and paths, one action, names that are tokens, no byte that could end a line
 * of a head, no field that is the gateway's own.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/route/path.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const struct err *e)
{
    ASSERT(e->code != NULL && e->text[0] != '\0');
    ASSERT(e->field[0] == '\0' || e->field[0] == '/');
}

static void check_host(const char *host, bool pattern)
{
    char again[ROUTE_HOST_MAX + 1];

    ASSERT(route_host_canonical(str_from(host), pattern, again, NULL));
    ASSERT(strcmp(host, again) == 0);
    ASSERT(pattern || strchr(host, '*') == NULL);
}

/* A path that is sent is as it was written, one that is compared is canonical as well. */
static void check_path(const char *path, bool canonical)
{
    char again[ROUTE_PATH_MAX + 1];

    if (path == NULL)
        return;
    ASSERT(strlen(path) <= ROUTE_PATH_MAX);
    ASSERT(route_path_canonical(str_from(path), again, NULL));
    ASSERT(!canonical || strcmp(path, again) == 0);
}

static void check_line(const char *text, size_t max)
{
    ASSERT(text != NULL && strlen(text) <= max);
    for (; *text != '\0'; text++)
        ASSERT((unsigned char)*text >= 0x20 ? *text != 0x7f : *text == '\t');
}

static void check_token(const char *name)
{
    ASSERT(name != NULL && name[0] != '\0');
    for (; *name != '\0'; name++)
        ASSERT(*name > 0x20 && *name < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", *name) == NULL);
}

static void check_field_name(const char *name)
{
    check_token(name);
    for (const char *p = name; *p != '\0'; p++)
        ASSERT(*p < 'A' || *p > 'Z');
    ASSERT(strcmp(name, "host") != 0 && strcmp(name, "content-length") != 0);
    ASSERT(strcmp(name, "transfer-encoding") != 0 && strcmp(name, "connection") != 0);
    ASSERT(strncmp(name, "x-forwarded-", 12) != 0 && strncmp(name, "x_forwarded_", 12) != 0);
}

static void check_fields(const struct route_fields *f)
{
    if (f == NULL)
        return;
    ASSERT(f->num_removed <= ROUTE_FIELDS_MAX && f->num_set <= ROUTE_FIELDS_MAX &&
           f->num_added <= ROUTE_FIELDS_MAX);
    for (size_t i = 0; i < f->num_removed; i++)
        check_field_name(f->removed[i]);
    for (size_t i = 0; i < f->num_set; i++) {
        check_field_name(f->set[i].name);
        check_line(f->set[i].value, ROUTE_FIELD_VALUE_MAX);
    }
    for (size_t i = 0; i < f->num_added; i++) {
        check_field_name(f->added[i].name);
        check_line(f->added[i].value, ROUTE_FIELD_VALUE_MAX);
    }
}

static void check_conditions(const struct route_conditions *c)
{
    ASSERT(c->num <= ROUTE_MATCHES_MAX);
    for (size_t i = 0; i < c->num; i++) {
        check_line(c->all[i].name, ROUTE_FIELD_NAME_MAX);
        if (c->all[i].value != NULL)
            check_line(c->all[i].value, ROUTE_FIELD_VALUE_MAX);
    }
}

static void check_match(const struct route_match *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->num_methods; i++)
        check_token(m->methods[i]);
    check_conditions(&m->headers);
    check_conditions(&m->queries);
    check_conditions(&m->cookies);
}

static void check_hash(const struct route_hash *h)
{
    ASSERT(h == NULL || (h->salt != NULL && (h->by == ROUTE_KEY_CLIENT) == (h->name == NULL)));
    if (h != NULL && h->name != NULL)
        check_token(h->name);
}

static void check_hosts_and_paths(const char *host, const char *path, const char *prefix)
{
    if (host != NULL)
        check_host(host, false);
    check_path(path, false);
    check_path(prefix, false);
    ASSERT(path == NULL || prefix == NULL);
}

static void check_forward(const struct route *r)
{
    ASSERT((r->action == ROUTE_FORWARD) == (r->num_forward != 0));
    for (size_t i = 0; i < r->num_forward; i++) {
        ASSERT(r->forward[i].pool[0] != '\0' && r->forward[i].weight <= ROUTE_WEIGHT_MAX);
        for (size_t k = 0; k < i; k++)
            ASSERT(strcmp(r->forward[i].pool, r->forward[k].pool) != 0);
    }
}

static void check_redirect(const struct route *r)
{
    const struct route_redirect *to = r->redirect;

    ASSERT((r->action == ROUTE_REDIRECT) == (to != NULL));
    if (to == NULL)
        return;
    ASSERT(to->status >= 301 && to->status <= 308);
    check_hosts_and_paths(to->host, to->path, to->prefix);
}

static void check_respond(const struct route *r)
{
    ASSERT((r->action == ROUTE_RESPOND) == (r->respond != NULL));
    if (r->respond == NULL)
        return;
    check_line(r->respond->content_type, ROUTE_FIELD_VALUE_MAX);
    ASSERT(strlen(r->respond->body) <= ROUTE_BODY_MAX);
    ASSERT(r->respond->status >= 200 && r->respond->status <= 599);
}

static void check_rewrite(const struct route *r)
{
    if (r->rewrite == NULL)
        return;
    ASSERT(r->action == ROUTE_FORWARD);
    check_hosts_and_paths(r->rewrite->host, r->rewrite->path, r->rewrite->prefix);
}

static void check_route(const struct route *r)
{
    ASSERT(r->tenant != NULL && r->num_hosts > 0 && r->num_hosts <= ROUTE_HOSTS_MAX);
    for (size_t i = 0; i < r->num_hosts; i++)
        check_host(r->hosts[i], true);
    ASSERT(r->path != NULL && r->created_ms >= 0);
    check_path(r->path, true);
    check_forward(r);
    check_redirect(r);
    check_respond(r);
    check_match(r->match);
    check_rewrite(r);
    check_fields(r->request_fields);
    check_fields(r->response_fields);
    if (r->sticky != NULL)
        check_token(r->sticky->name);
    check_hash(r->split);
    ASSERT(r->retry == NULL || r->retry->num_statuses <= ROUTE_STATUSES_MAX);
    ASSERT(r->limits == NULL || (r->limits->per_second == 0) == (r->limits->burst == 0));
}

static void check_health(const struct pool_health *h)
{
    if (h == NULL)
        return;
    ASSERT(h->path != NULL && h->status_from <= h->status_to);
    ASSERT(h->interval_ms > 0 && h->timeout_ms > 0 && h->healthy > 0 && h->unhealthy > 0);
    check_hosts_and_paths(h->host, h->path, NULL);
}

static void check_pool(const struct route_pool *p)
{
    ASSERT(p->tenant != NULL && p->panic_percent <= 100);
    ASSERT((p->balance == POOL_HASH) == (p->hash != NULL));
    check_hash(p->hash);
    check_health(p->health);
    ASSERT(p->passive == NULL || p->passive->num_statuses <= ROUTE_STATUSES_MAX);
    ASSERT(p->limits == NULL || p->limits->queue_ms > 0);
}

static void check_endpoints(const struct route_endpoints *all)
{
    struct in6_addr v6;
    struct in_addr v4;

    ASSERT(all->num <= ROUTE_ENDPOINTS_MAX);
    for (size_t i = 0; i < all->num; i++) {
        const struct route_endpoint *p = &all->all[i];

        ASSERT(inet_pton(AF_INET, p->address, &v4) == 1 ||
               inet_pton(AF_INET6, p->address, &v6) == 1);
        ASSERT(p->port != 0 && p->weight >= 1 && p->task != NULL && p->node != NULL);
    }
}

static void check_settings(const struct route_settings *s)
{
    ASSERT(s->num_trusted <= ROUTE_TRUSTED_MAX && s->idle_timeout_ms > 0 && s->head_ms > 0);
    for (size_t i = 0; i < s->num_trusted; i++)
        ASSERT(s->trusted[i].bits <= 128);
    ASSERT(s->head_bytes <= 16384 && s->head_fields <= 100 && s->uri_bytes <= 8192);
    ASSERT(s->body_bytes >= -1 && s->h2_streams >= 1);
}

static bool read_route(const struct cJSON *v, struct err *e)
{
    struct route *r = objects_route(v, e);

    if (r == NULL)
        return false;
    check_route(r);
    route_free(r);
    return true;
}

static bool read_pool(const struct cJSON *v, struct err *e)
{
    struct route_pool *p = objects_pool(v, e);

    if (p == NULL)
        return false;
    check_pool(p);
    route_pool_free(p);
    return true;
}

static bool read_endpoints(const struct cJSON *v, struct err *e)
{
    struct route_endpoints *p = objects_endpoints(v, e);

    if (p == NULL)
        return false;
    check_endpoints(p);
    route_endpoints_free(p);
    return true;
}

static bool read_tenant(const struct cJSON *v, struct err *e)
{
    struct route_tenant *t = objects_tenant(v, e);

    if (t == NULL)
        return false;
    ASSERT((t->per_second == 0) == (t->burst == 0));
    route_tenant_free(t);
    return true;
}

static bool read_settings(const struct cJSON *v, struct err *e)
{
    struct route_settings s;

    if (!objects_settings(v, &s, e))
        return false;
    check_settings(&s);
    return true;
}

/* What is taken as plain endpoints is JSON, and the same endpoints the long way. */
static void check_plain_endpoints(const struct cJSON *v, struct str text)
{
    struct route_endpoints *all = objects_endpoints_plain(text);

    if (all == NULL)
        return;
    struct route_endpoints *same = v != NULL ? objects_endpoints(v, NULL) : NULL;

    ASSERT(same != NULL && same->num == all->num);
    for (size_t i = 0; i < all->num; i++) {
        const struct route_endpoint *p = &all->all[i];
        const struct route_endpoint *q = &same->all[i];

        ASSERT(strcmp(p->address, q->address) == 0 && p->port == q->port);
        ASSERT(strcmp(p->task, q->task) == 0 && strcmp(p->node, q->node) == 0);
        ASSERT(p->weight == q->weight && p->state == q->state);
    }
    route_endpoints_free(all);
    route_endpoints_free(same);
}

/* What is taken as a plain route is JSON, and the same route the long way. */
static void check_plain_route(const struct cJSON *v, struct str text)
{
    struct route *r = objects_route_plain(text);

    if (r == NULL)
        return;
    struct route *same = v != NULL ? objects_route(v, NULL) : NULL;

    ASSERT(same != NULL && same->num_hosts == 1 && same->num_forward == 1);
    ASSERT(strcmp(r->tenant, same->tenant) == 0 && strcmp(r->path, same->path) == 0);
    ASSERT(strcmp(r->hosts[0], same->hosts[0]) == 0);
    ASSERT(strcmp(r->forward[0].pool, same->forward[0].pool) == 0);
    ASSERT(r->forward[0].weight == same->forward[0].weight);
    ASSERT(r->created_ms == same->created_ms && r->path_exact == same->path_exact);
    ASSERT(r->action == same->action);
    route_free(r);
    route_free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const readers[])(const struct cJSON *, struct err *) = {
        read_route, read_pool, read_endpoints, read_tenant, read_settings, objects_certificate,
    };
    struct err e = {0};

    if (size == 0)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    cJSON *v = json_parse(text, &json_limits_frame, NULL);

    check_plain_route(v, text);
    check_plain_endpoints(v, text);
    if (v != NULL && !readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](v, &e))
        check_refusal(&e);
    cJSON_Delete(v);
    return 0;
}
