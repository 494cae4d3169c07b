/*
 * What choosing an endpoint costs: for each algorithm and 3, 64 and 4,096 endpoints of different
 * weights, the time of the first pick of a pool's version (it builds what the algorithm needs) and
 * of each one after it. One line a figure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/core/check.h"
#include "gateway/route/cohort.h"
#include "gateway/upstream/balancer.h"
#include "gateway/wire/frame.h"

enum { PICKS = 1000000, LINE_BYTES = 1 << 20 };

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void feed(struct table_builder *b, const char *line)
{
    struct frame f;
    struct err e;

    if (!frame_parse(str_from(line), &f, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    table_builder_frame(b, &f);
    frame_free(&f);
}

static const struct table *make_table(struct table_builder *b, const char *balance, size_t num)
{
    char *line = xmalloc(LINE_BYTES);
    struct table_commit c;
    int n;

    snprintf(line, LINE_BYTES,
             "{\"set\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":{\"balance\":\"%s\"}}}",
             balance);
    feed(b, line);
    n = snprintf(line, LINE_BYTES,
                 "{\"set\":{\"kind\":\"endpoints\",\"name\":\"p\",\"value\":{\"endpoints\":[");
    for (size_t i = 0; i < num; i++)
        n += snprintf(line + n, LINE_BYTES - (size_t)n,
                      "%s{\"address\":\"10.0.%zu.%zu\",\"port\":80,\"weight\":%zu}",
                      i > 0 ? "," : "", i / 250, i % 250 + 1, i % 3 + 1);
    snprintf(line + n, LINE_BYTES - (size_t)n, "]}}}");
    feed(b, line);
    feed(b, "{\"commit\":{\"revision\":1}}");
    free(line);
    ASSERT(table_builder_take(b, &c));
    return c.table;
}

static void measure(const char *balance, size_t num)
{
    static struct upstreams ups;
    static struct metrics metrics;
    const struct balancer_tried none = {.num = 0};
    struct table_builder *b = table_builder_new();
    const struct table *t = make_table(b, balance, num);
    const struct table_pool *pool = table_pool(t, STR("p"));
    struct upstream_shared *shared = upstream_shared_new();
    uint64_t random = 42;
    struct loop loop;
    double first = 0, begun;

    ASSERT(loop_init(&loop, NULL));
    upstreams_init(&ups, &loop, &metrics, shared);
    begun = now_us();
    for (int i = 0; i <= PICKS; i++) {
        struct balancer_query q = {.tried = &none, .random = &random, .has_key = true};

        q.key = (uint64_t)i * 0x9e3779b97f4a7c15U;
        ASSERT(balancer_pick(&ups, pool, &q) != NULL);
        if (i == 0) {
            first = now_us() - begun;
            begun = now_us();
        }
    }
    printf("%s over %zu: first pick %.0f us, each %.0f ns\n", balance, num, first,
           (now_us() - begun) * 1e3 / PICKS);
    upstreams_free(&ups);
    upstream_shared_free(shared);
    loop_free(&loop);
    table_unref(&t);
    table_builder_free(b);
}

int main(void)
{
    static const char *const algorithms[] = {"round_robin", "least_requests", "hash"};
    static const size_t sizes[] = {3, 64, ROUTE_ENDPOINTS_MAX};

    for (size_t a = 0; a < sizeof algorithms / sizeof algorithms[0]; a++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            measure(algorithms[a], sizes[s]);
    return 0;
}
