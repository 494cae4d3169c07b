/*
 * What a table costs: `table_bench [ROUTES]` (100,000) builds as many routes, each with a host, a
 * pool and an endpoint of its own, and prints the CPU time to load them, the memory they take, the
 * time of one change and of one look-up, and the digest's time per object; then the same of 10,000
 * paths under one host. One line a figure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/table/table.h"
#include "gateway/wire/digest.h"
#include "gateway/wire/frame.h"
#include "tests/unit/gateway/table/match_host.h"

enum { CHANGES = 2000, LOOKUPS = 300000, PASSES = 7, PATHS = 10000, VALUE_MAX = 512 };

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long size;
    unsigned long resident;

    ASSERT(f != NULL && fscanf(f, "%lu %lu", &size, &resident) == 2);
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void feed(struct table_builder *b, const char *line)
{
    struct frame f;
    struct err e;

    if (!frame_parse(str_from(line), &f, &e)) {
        fprintf(stderr, "%s: %s\n", line, e.text);
        exit(1);
    }
    table_builder_frame(b, &f);
    frame_free(&f);
}

static void feed_route(struct table_builder *b, unsigned n, unsigned pool)
{
    char line[VALUE_MAX];

    snprintf(
        line, sizeof(line),
        "{\"set\":{\"kind\":\"route\",\"name\":\"service%u\",\"value\":{\"tenant\":\"\",\"hosts\":"
        "[\"service%u.example.com\"],\"path\":\"/\",\"forward\":[{\"pool\":\"service%u\","
        "\"weight\":1}]}}}",
        n, n, pool);
    feed(b, line);
}

static void feed_endpoint(struct table_builder *b, unsigned n, unsigned port)
{
    char line[VALUE_MAX];

    snprintf(
        line, sizeof(line),
        "{\"set\":{\"kind\":\"endpoints\",\"name\":\"service%u\",\"value\":{\"endpoints\":[{"
        "\"address\":\"10.%u.%u.%u\",\"port\":%u,\"weight\":1,\"task\":\"x1y2z3\",\"node\":\"n1\"}"
        "]}}}",
        n, n >> 16 & 255, n >> 8 & 255, n & 255, port);
    feed(b, line);
}

static void feed_all(struct table_builder *b, unsigned num)
{
    char line[VALUE_MAX];

    for (unsigned n = 0; n < num; n++) {
        feed_route(b, n, n);
        snprintf(line, sizeof(line),
                 "{\"set\":{\"kind\":\"pool\",\"name\":\"service%u\",\"value\":{\"tenant\":\"\","
                 "\"protocol\":\"http1\",\"balance\":\"round_robin\"}}}",
                 n);
        feed(b, line);
        feed_endpoint(b, n, 8080);
    }
}

static size_t commit(struct table_builder *b, const struct table **version)
{
    struct table_commit c;

    feed(b, "{\"commit\":{\"revision\":1}}");
    ASSERT(table_builder_take(b, &c));
    ASSERT(c.num_refusals == 0);
    table_unref(version);
    *version = c.table;
    return c.num_changes;
}

static void bench_changes(struct table_builder *b, const struct table **version, unsigned num)
{
    double start = cpu_us();

    for (unsigned i = 0; i < CHANGES; i++) {
        feed_route(b, i * 7919 % num, i % 5);
        (void)commit(b, version); /* routes change no pool */
    }
    printf("change_route_us %.1f\n", (cpu_us() - start) / CHANGES);
    start = cpu_us();
    for (unsigned i = 0; i < CHANGES; i++) {
        feed_endpoint(b, i * 7919 % num, 8081 + i % 7);
        ASSERT(commit(b, version) == 1);
    }
    printf("change_endpoint_us %.1f\n", (cpu_us() - start) / CHANGES);
}

/* Hosts in an order that no cache foresees, with their lengths. */
struct hosts {
    char (*all)[64];
    size_t num;
};

static struct hosts make_hosts(unsigned num)
{
    struct hosts h = {xcalloc(LOOKUPS, sizeof(*h.all)), LOOKUPS};

    for (unsigned i = 0; i < LOOKUPS; i++)
        snprintf(h.all[i], sizeof(h.all[i]), "service%u.example.com", i * 7919 % num);
    return h;
}

/* What every request reads of its route. */
static size_t read_route(const struct table *version, const struct table_route *r)
{
    const struct route *v = r->route;

    (void)version;
    return (size_t)r->name[0] + (size_t)v->tenant[0] + (size_t)v->forward[0].pool[0] + v->action +
           (v->match != NULL) + (v->rewrite != NULL) + (v->request_fields != NULL) +
           (v->response_fields != NULL) + (v->sticky != NULL) + (v->split != NULL) +
           (v->limits != NULL) + (v->timeouts != NULL) + (v->retry != NULL);
}

static size_t find_pool(const struct table *version, const struct table_route *r)
{
    return table_pool(version, str_from(r->route->forward[0].pool)) != NULL;
}

/* Of several passes the shortest: the others had company. */
static void bench_lookups(const struct table *version, const struct hosts *h, const char *what,
                          size_t (*then)(const struct table *version, const struct table_route *r))
{
    double least = 0;
    size_t sum = 0;

    for (unsigned pass = 0; pass < PASSES; pass++) {
        double start = cpu_us();

        for (size_t i = 0; i < h->num; i++) {
            const struct table_route *r = match_host(version, str_from(h->all[i]));

            ASSERT(r != NULL);
            sum += then(version, r);
        }
        double took = cpu_us() - start;

        least = pass == 0 || took < least ? took : least;
    }
    ASSERT(sum != 0);
    printf("%s_us %.3f\n", what, least / (double)h->num);
}

static void feed_path(struct table_builder *b, unsigned n, unsigned pool)
{
    char line[VALUE_MAX];

    snprintf(line, sizeof(line),
             "{\"set\":{\"kind\":\"route\",\"name\":\"path%u\",\"value\":{\"hosts\":[\"one.example."
             "com\"],"
             "\"path\":\"/team%u/service%u\",\"forward\":[{\"pool\":\"service%u\"}]}}}",
             n, n % 100, n, pool);
    feed(b, line);
}

static void bench_path_lookups(const struct table *version)
{
    char paths[100][64];
    struct route_request q = {
        .host = STR("one.example.com"), .method = STR("GET"), .field = match_no_field};
    enum table_miss why;

    for (unsigned i = 0; i < 100; i++)
        snprintf(paths[i], sizeof(paths[i]), "/team%u/service%u/some/page.html", i,
                 i * 101 % PATHS);
    double start = cpu_us();

    for (unsigned i = 0; i < LOOKUPS; i++) {
        q.path = str_from(paths[i % 100]);
        (void)table_match(version, &q, &why);
    }
    printf("lookup_path_us %.3f\n", (cpu_us() - start) / LOOKUPS);
}

static void bench_paths(void)
{
    struct table_builder *b = table_builder_new();
    const struct table *version = NULL;
    double start = cpu_us();

    for (unsigned n = 0; n < PATHS; n++)
        feed_path(b, n, n);
    (void)commit(b, &version);
    printf("load_path_us %.1f\n", (cpu_us() - start) / PATHS);
    start = cpu_us();
    for (unsigned i = 0; i < CHANGES; i++) {
        feed_path(b, i * 7919 % PATHS, i % 5);
        (void)commit(b, &version);
    }
    printf("change_path_us %.1f\n", (cpu_us() - start) / CHANGES);
    bench_path_lookups(version);
    table_unref(&version);
    table_builder_free(b);
}

static void bench_digest(unsigned num)
{
    struct digest d = {0};
    char name[64];
    char hex[65];
    double start = cpu_us();

    for (unsigned i = 0; i < num; i++) {
        snprintf(name, sizeof(name), "service%u", i);
        digest_add(&d, ROUTE_KIND_ROUTE, str_from(name),
                   STR("{\"tenant\":\"\",\"hosts\":[\"service.example.com\"],\"path\":\"/\","
                       "\"forward\":[{\"pool\":\"service\",\"weight\":1}]}"));
    }
    digest_hex(&d, hex);
    printf("digest_object_us %.2f\n", (cpu_us() - start) / num);
}

int main(int argc, char **argv)
{
    uint64_t num = 100000;
    const struct table *version = NULL;

    if (argc > 1 && (!str_to_u64(str_from(argv[1]), 2000000, &num) || num == 0)) {
        fprintf(stderr, "usage: table_bench [ROUTES]\n");
        return 2;
    }
    struct table_builder *b = table_builder_new();
    double before = resident_bytes();
    double start = cpu_us();

    feed_all(b, (unsigned)num);
    (void)commit(b, &version); /* all pools are new */
    printf("load_route_us %.1f\n", (cpu_us() - start) / (double)num);
    printf("resident_bytes_per_route %.0f\n", (resident_bytes() - before) / (double)num);
    bench_changes(b, &version, (unsigned)num);
    start = cpu_us();
    feed(b,
         "{\"hello\":{\"cluster\":\"c\",\"epoch\":\"1-a\",\"revision\":1,\"mode\":\"snapshot\"}}");
    feed_all(b, (unsigned)num);
    printf("snapshot_again_changes %zu\n", commit(b, &version));
    printf("snapshot_again_route_us %.1f\n", (cpu_us() - start) / (double)num);
    struct hosts h = make_hosts((unsigned)num);

    bench_lookups(version, &h, "lookup_route", read_route);
    bench_lookups(version, &h, "lookup_route_and_pool", find_pool);
    free(h.all);
    bench_digest((unsigned)num);
    table_unref(&version);
    table_builder_free(b);
    bench_paths();
    return 0;
}
