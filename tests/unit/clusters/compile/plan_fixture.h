/*
 * What tests of the plan share: documents put in as JSON, and everything that a plan says as one
 * text, so that two plans are compared by comparing texts.
 */
#ifndef TESTS_UNIT_CLUSTERS_COMPILE_PLAN_FIXTURE_H
#define TESTS_UNIT_CLUSTERS_COMPILE_PLAN_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

/* Reads and puts; aborts with the fault when the document is none. */
static inline void fixture_put(struct plan *p, enum intent_kind kind, const char *tenant,
                               const char *name, int64_t created_ms, const char *json)
{
    struct errs e = {.num = 0};
    struct intent *i = intent_read(kind, tenant, name, created_ms, str_from(json), &e);

    if (i == NULL) {
        fprintf(stderr, "%s: %s: %s\n", json, e.all[0].field, e.all[0].text);
        abort();
    }
    plan_put(p, i);
}

static inline void fixture_settle(struct plan *p)
{
    struct plan_delta delta;

    plan_settle(p, &delta);
    plan_delta_clear(&delta);
}

enum { DUMP_MAX = 16 << 20 };

static inline void dump_object(void *arg, enum route_kind kind, const char *name, const char *value)
{
    ASSERT(buf_add_fmt(arg, "%s %s %s\n", route_kind_name(kind), name, value));
}

static inline void dump_conditions(struct buf *b, const struct compile_condition *c, size_t num)
{
    for (size_t i = 0; i < num; i++)
        ASSERT(buf_add_fmt(b, "  %s=%d %s [%s=%s] %s\n", c[i].type, c[i].status, c[i].reason,
                           c[i].label, c[i].value, c[i].message));
}

static inline void dump_service(void *arg, const struct compile_service *s)
{
    ASSERT(buf_add_fmt(arg, "service %s %s in %s of %s: %zu\n", s->id, s->name, s->cluster,
                       s->tenant, s->num_endpoints));
    dump_conditions(arg, s->conditions, s->num_conditions);
}

static inline void dump_holding(void *arg, const struct plan_holding *h)
{
    ASSERT(buf_add_fmt(arg, "holds %s %s %d\n", h->host, h->tenant, h->claimed));
}

/* The tables only; free(). */
static inline char *dump_tables(const struct plan *p)
{
    struct buf b;

    buf_init(&b, DUMP_MAX);
    for (size_t i = 0; plan_cluster_name(p, i) != NULL; i++) {
        ASSERT(buf_add_fmt(&b, "cluster %s, %zu routes\n", plan_cluster_name(p, i),
                           plan_num_routes(p, plan_cluster_name(p, i))));
        plan_each_object(p, plan_cluster_name(p, i), dump_object, &b);
    }
    return buf_take(&b);
}

/* All but the conditions of documents, which their tests ask for by name; free(). */
static inline char *dump_plan(const struct plan *p)
{
    struct buf b;
    char *tables = dump_tables(p);

    buf_init(&b, DUMP_MAX);
    ASSERT(buf_add_str(&b, str_from(tables)));
    plan_each_service(p, dump_service, &b);
    plan_each_holding(p, dump_holding, &b);
    free(tables);
    return buf_take(&b);
}

#endif
