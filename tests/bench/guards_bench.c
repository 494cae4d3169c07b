/*
 * What guards cost: `guards_bench [HOSTS]` (100,000) gives one tenant as many hosts in one cluster,
 * and another tenant a wildcard in a second cluster: first one that they are not under, then "*",
 * which needs a guard for each of them. Prints what the planner takes for it, what goes to the
 * gateways, what a gateway keeps, and what one host more costs afterwards. One line a figure.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clusters/compile/plan.h"
#include "gateway/core/check.h"
#include "gateway/table/table.h"
#include "gateway/wire/frame.h"

enum { CHANGES = 50 };

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();

    return (double)m.uordblks + (double)m.hblkhd;
}

static void put(struct plan *p, enum intent_kind kind, const char *tenant, const char *name,
                int64_t created_ms, const char *json)
{
    struct errs e = {.num = 0};
    struct intent *i = intent_read(kind, tenant, name, created_ms, str_from(json), &e);

    ASSERT(i != NULL);
    plan_put(p, i);
}

static void put_host(struct plan *p, unsigned n)
{
    char *name = xasprintf("r%u", n);
    char *json = xasprintf("{\"cluster\":\"west\",\"hosts\":[\"service%u.team%u.example.com\"],"
                           "\"forward\":[{\"pool\":\"p\"}]}",
                           n, n % 100);

    put(p, INTENT_ROUTE, "acme", name, 1, json);
    free(name);
    free(json);
}

static void put_wild(struct plan *p, const char *host)
{
    char *json = xasprintf("{\"cluster\":\"east\",\"hosts\":[\"%s\"],\"forward\":[{\"pool\":\"p\"}]"
                           "}",
                           host);

    put(p, INTENT_ROUTE, "blue", "wild", 2, json);
    free(json);
}

static void settle(struct plan *p, struct table_builder *b)
{
    struct plan_delta delta;
    double at = cpu_ms();
    double heap = heap_bytes();
    size_t bytes = 0;

    plan_settle(p, &delta);
    printf("  settled in %.1f ms, the plan takes %.1f MB more", cpu_ms() - at,
           (heap_bytes() - heap) / 1e6);
    heap = heap_bytes();
    at = cpu_ms();
    for (size_t i = 0; b != NULL && i < delta.num; i++) {
        const struct plan_change *c = &delta.changes[i];
        char *line = xasprintf("{\"set\":{\"kind\":\"%s\",\"name\":\"%s\",\"value\":%s}}",
                               route_kind_name(c->kind), c->name, c->after);
        struct frame f;
        struct err e;

        bytes += strlen(line) + 1;
        ASSERT(frame_parse(str_from(line), &f, &e));
        table_builder_frame(b, &f);
        frame_free(&f);
        free(line);
    }
    if (b != NULL) {
        struct table_commit c;
        struct frame f;
        struct err e;

        ASSERT(frame_parse(STR("{\"commit\":{\"revision\":1}}"), &f, &e));
        table_builder_frame(b, &f);
        frame_free(&f);
        ASSERT(table_builder_take(b, &c) && c.num_refusals == 0);
        printf("; %zu objects, %.1f MB to each gateway, adopted in %.1f ms, %.1f MB kept",
               delta.num, (double)bytes / 1e6, cpu_ms() - at, (heap_bytes() - heap) / 1e6);
        table_unref(&c.table);
    }
    printf("\n");
    plan_delta_clear(&delta);
}

static void measure_changes(struct plan *p, unsigned num)
{
    struct plan_delta delta;
    double at = cpu_ms();

    for (unsigned i = 0; i < CHANGES; i++) {
        put_host(p, num + i);
        plan_settle(p, &delta);
        plan_delta_clear(&delta);
    }
    printf("  one host more: %.3f ms\n", (cpu_ms() - at) / CHANGES);
}

int main(int argc, char **argv)
{
    static const char *const clusters[] = {"east", "west"};
    static const char *const wild[] = {"*.shop.example", "*.example.com", "*"};
    unsigned num = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    struct plan *p = plan_new();

    plan_clusters(p, clusters, 2, "east");
    put(p, INTENT_TENANT, "", "acme", 1, "{}");
    put(p, INTENT_TENANT, "", "blue", 2, "{}");
    for (unsigned i = 0; i < num; i++)
        put_host(p, i);
    printf("%u hosts of another\n", num);
    settle(p, NULL);
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        struct table_builder *b = table_builder_new();

        printf("%s comes\n", wild[i]);
        put_wild(p, wild[i]);
        settle(p, b);
        measure_changes(p, num + (unsigned)i * CHANGES);
        table_builder_free(b);
        printf("and goes\n");
        plan_delete(p, INTENT_ROUTE, "blue", "wild");
        settle(p, NULL);
    }
    plan_free(p);
    return 0;
}
