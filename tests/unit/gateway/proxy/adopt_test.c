/*
 * What an adoption makes of endpoints: an id is given back when nothing is held under it, at once
 * when it was never used; one that stays keeps its connections, one that drains only those in use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/proxy/conn.h"
#include "gateway/table/table.h"
#include "tests/unit/gateway/table/feed_line.h"

enum { FORGOTTEN_MAX = 64 };

struct fixture {
    struct loop loop;
    struct metrics metrics;
    struct upstream_shared *shared;
    struct table_builder *builder;
    struct proxy *proxy;
    uint32_t forgotten[FORGOTTEN_MAX];
    size_t num_forgotten;
};

static void on_forgotten(void *arg, uint32_t id)
{
    struct fixture *f = arg;

    assert_true(f->num_forgotten < FORGOTTEN_MAX);
    f->forgotten[f->num_forgotten++] = id;
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    assert_true(loop_init(&f->loop, NULL));
    f->shared = upstream_shared_new();
    f->builder = table_builder_new();
    f->proxy = proxy_new(&f->loop, &f->metrics, f->shared, on_forgotten, f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    proxy_free(f->proxy);
    upstream_shared_free(f->shared);
    table_builder_free(f->builder);
    loop_free(&f->loop);
    free(f);
    return 0;
}

/* The pool "p" with endpoints on these ports (0 ends the list); negative ports drain. */
static void adopt(struct fixture *f, const int *ports)
{
    char line[4096];
    struct table_commit c;
    int n = snprintf(line, sizeof line,
                     "{\"set\":{\"kind\":\"endpoints\",\"name\":\"p\",\"value\":{\"endpoints\":[");

    for (size_t i = 0; ports[i] != 0; i++)
        n += snprintf(line + n, sizeof line - (size_t)n,
                      "%s{\"address\":\"127.0.0.1\",\"port\":%d,\"weight\":1,\"state\":\"%s\"}",
                      i > 0 ? "," : "", abs(ports[i]), ports[i] < 0 ? "draining" : "live");
    snprintf(line + n, sizeof line - (size_t)n, "]}}}");
    feed_line(f->builder, line);
    feed_line(f->builder,
              "{\"set\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":{\"protocol\":\"http1\"}}}");
    feed_line(f->builder, "{\"commit\":{\"revision\":1}}");
    assert_true(table_builder_take(f->builder, &c));
    proxy_adopt(f->proxy, c.table, c.changes, c.num_changes);
}

static const struct table_endpoint *endpoint(struct fixture *f, int port)
{
    const struct table_pool *p = table_pool(proxy_table(f->proxy), STR("p"));

    for (size_t i = 0; i < p->num_endpoints; i++)
        if (ntohs(p->all[i].addr.v4.sin_port) == port)
            return &p->all[i];
    fail_msg("no endpoint on port %d", port);
    return NULL;
}

static void what_was_never_used_is_forgotten_at_once(void **state)
{
    struct fixture *f = *state;
    uint32_t gone[2];

    adopt(f, (const int[]){1, 2, 3, 4, 0});
    gone[0] = endpoint(f, 2)->id;
    gone[1] = endpoint(f, 4)->id;
    adopt(f, (const int[]){5, 3, 1, 0});
    assert_int_equal(f->num_forgotten, 2);
    assert_memory_equal(f->forgotten, gone, sizeof gone);
    assert_int_equal(f->proxy->ups.num_endpoints, 0); /* and costs nothing */
    adopt(f, (const int[]){-1, 3, 5, 0});
    assert_int_equal(f->num_forgotten, 2);
    adopt(f, (const int[]){0});
    assert_int_equal(f->num_forgotten, 5);
}

static void what_was_used_without_a_connection_too(void **state)
{
    struct fixture *f = *state;
    uint32_t id;

    adopt(f, (const int[]){1, 2, 0});
    id = upstreams_use(&f->proxy->ups, endpoint(f, 1)) != NULL ? endpoint(f, 1)->id : 0;
    adopt(f, (const int[]){-1, 2, 0});
    assert_int_equal(upstreams_endpoint(&f->proxy->ups, id)->standing, ENDPOINT_GOES);
    adopt(f, (const int[]){2, 1, 0});
    assert_int_equal(upstreams_endpoint(&f->proxy->ups, id)->standing, ENDPOINT_SERVES);
    assert_int_equal(f->num_forgotten, 0);
    adopt(f, (const int[]){2, 0});
    assert_int_equal(f->num_forgotten, 1);
    assert_int_equal(f->forgotten[0], id);
    assert_null(upstreams_endpoint(&f->proxy->ups, id));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_never_used_is_forgotten_at_once),
        TEST(what_was_used_without_a_connection_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
