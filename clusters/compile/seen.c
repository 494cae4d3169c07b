/*
 * What history knows of the services: their labels of ours, as documents. What was told once is
 * told again only when it differs, so that a restart or an undone change writes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

/* "tenant/service": a tenant's name has no '/'. */
static char *key_of(const char *tenant, const char *service)
{
    return xasprintf("%s/%s", tenant, service);
}

void seen_queue(struct plan *p, const char *tenant, const char *service)
{
    char *key = key_of(tenant, service);

    map_put(&p->unseen, str_from(key), p);
    free(key);
}

void seen_know(struct plan *p, const struct intent *service)
{
    char *key = key_of(service->tenant, service->name);

    free(map_put(&p->seen, str_from(key), xstrdup(service->value)));
    free(key);
    seen_queue(p, service->tenant, service->name);
}

void seen_forget(struct plan *p, const struct intent *service)
{
    char *key = key_of(service->tenant, service->name);

    free(map_remove(&p->seen, str_from(key)));
    free(key);
    seen_queue(p, service->tenant, service->name);
}

/* Of the oldest service of that name that is the tenant's; NULL: none, or no label of ours. */
static char *value_now(const struct plan *p, const char *tenant, const char *service)
{
    const struct name *n = name_find(p, service);

    for (size_t i = 0; n != NULL && i < n->num; i++) {
        const struct unit *u = n->units[i];

        if (u->there && u->thing.tenant != NULL && strcmp(u->thing.tenant->name, tenant) == 0)
            return value_seen(unit_service(p, u));
    }
    return NULL;
}

static void tell(struct plan *p, struct str key, plan_seen_fn *fn, void *arg)
{
    char *tenant = str_dup(key);
    char *service = strchr(tenant, '/') + 1;
    const char *was = map_get(&p->seen, key);
    char *now;

    service[-1] = '\0';
    now = value_now(p, tenant, service);
    if (now == NULL ? was != NULL : was == NULL || strcmp(was, now) != 0) {
        fn(arg, &(struct plan_seen){tenant, service, now});
        free(now != NULL ? map_put(&p->seen, key, now) : map_remove(&p->seen, key));
    } else {
        free(now);
    }
    free(tenant);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void plan_take_seen(struct plan *p, plan_seen_fn *fn, void *arg)
{
    struct map work = p->unseen;
    const char **sorted = xcalloc(work.len + 1, sizeof(*sorted));
    size_t pos = 0;
    size_t num = 0;
    struct str key;
    void *value;

    p->unseen = (struct map){0};
    while (map_next(&work, &pos, &key, &value))
        sorted[num++] = key.p; /* keys of a map end in a NUL */
    qsort(sorted, num, sizeof(*sorted), compare);
    for (size_t i = 0; i < num; i++)
        tell(p, str_from(sorted[i]), fn, arg);
    free(sorted);
    map_free(&work, NULL);
}
