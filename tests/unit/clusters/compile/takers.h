/*
 * Whom a gateway of a cluster gives the requests of a host to, as the routes of its table have it:
 * what plan_each_object gives to note_taker, until takers are freed.
 */
#ifndef TESTS_UNIT_CLUSTERS_COMPILE_TAKERS_H
#define TESTS_UNIT_CLUSTERS_COMPILE_TAKERS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"

/* By host, of the routes of one cluster: the tenant, or "guard". */
static struct map takers;

static inline void note_taker(void *arg, enum route_kind kind, const char *name, const char *value)
{
    const char *of = strstr(value, "\"tenant\":\"");
    const char *at = strstr(value, "\"hosts\":[");
    char tenant[64] = "guard";

    (void)arg;
    if (kind != ROUTE_KIND_ROUTE)
        return;
    of += strlen("\"tenant\":\"");
    if (!plan_is_guard(name))
        snprintf(tenant, sizeof(tenant), "%.*s", (int)strcspn(of, "\""), of);
    for (at += strlen("\"hosts\":["); *at == '"' || *at == ','; at += strcspn(at, ",]")) {
        at += *at == ',';
        free(map_put(&takers, (struct str){at + 1, strcspn(at + 1, "\"")},
                     xstrdup(tenant[0] != '\0' ? tenant : "default")));
    }
}

/* The most exact host counts; above: not the host itself, and no guards. */
static inline const char *taker_of(const char *host, bool above)
{
    const char *taker = above ? NULL : map_get(&takers, str_from(host));
    const char *dot = host[0] == '*' ? host + 1 : host;
    char wild[64];

    while (taker == NULL && *dot != '\0' && (dot = strchr(dot + 1, '.')) != NULL) {
        snprintf(wild, sizeof(wild), "*%s", dot);
        taker = map_get(&takers, str_from(wild));
        taker = above && taker != NULL && strcmp(taker, "guard") == 0 ? NULL : taker;
    }
    return taker != NULL ? taker : map_get(&takers, STR("*"));
}

/* Of the takers noted: nobody takes what another has, and a guard is needed. */
static inline void check_taker(const struct plan *p, const char *cluster, const char *host)
{
    const char *holder = strcmp(host, "*") != 0 ? plan_holder(p, host) : NULL;
    const char *taker = taker_of(host, false);
    const char *own = map_get(&takers, str_from(host));

    if (holder != NULL && taker != NULL && strcmp(taker, "guard") != 0 &&
        strcmp(taker, holder) != 0)
        fail_msg("in %s requests for %s of %s go to %s", cluster, host, holder, taker);
    if (own == NULL || strcmp(own, "guard") != 0)
        return;
    assert_non_null(holder); /* a guard that nobody needs is none */
    assert_non_null(taker_of(host, true));
    assert_string_not_equal(taker_of(host, true), holder);
}

/* Whom each cluster gives the requests of each host to; the array is freed with its strings. */
static inline char **list_takers(const struct plan *p, const char *const clusters[2],
                                 const char *const *hosts, size_t num_hosts)
{
    char **list = xcalloc(2 * num_hosts, sizeof(*list));

    for (size_t i = 0; i < 2 * num_hosts; i++) {
        if (i % num_hosts == 0)
            plan_each_object(p, clusters[i / num_hosts], note_taker, NULL);
        const char *taker = taker_of(hosts[i % num_hosts], false);

        list[i] = taker != NULL ? xstrdup(taker) : NULL;
        if (i % num_hosts == num_hosts - 1)
            map_free(&takers, free);
    }
    return list;
}

static inline void check_takers(const struct plan *p, const char *cluster, const char *const *hosts,
                                size_t num_hosts)
{
    static const char *const more[] = {"w.x", "w.b.x", "n.c.b.x", "w.y", "w.shop.y", "nobody"};

    plan_each_object(p, cluster, note_taker, NULL);
    for (size_t i = 0; i < num_hosts; i++)
        check_taker(p, cluster, hosts[i]);
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        check_taker(p, cluster, more[i]);
    map_free(&takers, free);
}

/*
 * A guard may come in the place of a wildcard: for a host that is his, or for one of others where
 * what he has would be nearer than theirs.
 */
static inline void check_he_takes_nothing(const struct plan *p, const char *const clusters[2],
                                          const char *const *hosts, size_t num_hosts, char **before,
                                          const char *doing)
{
    char **after = list_takers(p, clusters, hosts, num_hosts);

    for (size_t i = 0; i < 2 * num_hosts; i++) {
        const char *holder = plan_holder(p, hosts[i % num_hosts]);
        bool others = before[i] != NULL && strcmp(before[i], "mallory") != 0 &&
                      strcmp(before[i], "guard") != 0;

        if (others && (holder == NULL || strcmp(holder, "mallory") != 0) &&
            (after[i] == NULL || strcmp(after[i], before[i]) != 0) &&
            strcmp(after[i] != NULL ? after[i] : "", "guard") != 0)
            fail_msg("%s takes %s from %s", doing, hosts[i % num_hosts], before[i]);
        free(before[i]);
        free(after[i]);
    }
    free(before);
    free(after);
}

#endif
