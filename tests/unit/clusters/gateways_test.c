/* The register of a cluster's gateways: who is connected, live, unknown, forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/gateways.h"
#include "gateway/core/check.h"

static void tell(struct gateways *g, enum publish_news_type type, const char *id, int64_t now)
{
    const struct publish_news news = {.type = type,
                                      .cluster = "east",
                                      .gateway = id,
                                      .node = "n1",
                                      .applied = 7,
                                      .refusals_json = "[{}]"};

    gateways_take(g, &news, now);
}

/* "id:connected,live,reported,applied;" for each. */
static void write_one(void *arg, const struct coordinator_gateway *g)
{
    char *out = arg;

    (void)snprintf(out + strlen(out), 256 - strlen(out), "%s:%d,%d,%d,%llu;", g->id, g->connected,
                   g->live, g->reported, (unsigned long long)g->applied);
}

static void assert_shown(const struct gateways *g, const struct view *view, int64_t now,
                         const char *want)
{
    char out[256] = "";

    gateways_each(g, view, now, write_one, out);
    assert_string_equal(out, want);
}

static void streams_and_reports_are_told_apart(void **state)
{
    struct gateways *g = gateways_new();

    (void)state;
    tell(g, PUBLISH_NEWS_CONNECTED, "b", 0);
    tell(g, PUBLISH_NEWS_REPORT, "a", 0);
    assert_shown(g, NULL, 1, "a:0,1,1,7;b:1,1,0,0;");
    tell(g, PUBLISH_NEWS_CONNECTED, "b",
         2); /* a reconnect before the old stream's end is noticed */
    tell(g, PUBLISH_NEWS_DISCONNECTED, "b", 3);
    assert_shown(g, NULL, 3, "a:0,1,1,7;b:1,1,0,0;");
    tell(g, PUBLISH_NEWS_DISCONNECTED, "b", 4);
    tell(g, PUBLISH_NEWS_DISCONNECTED, "b", 4);
    assert_shown(g, NULL, 4, "a:0,1,1,7;b:0,1,0,0;");
    gateways_free(g);
}

static void a_silent_gateway_is_unknown_after_its_lease_and_forgotten_later(void **state)
{
    struct gateways *g = gateways_new();

    (void)state;
    tell(g, PUBLISH_NEWS_REPORT, "a", 0);
    tell(g, PUBLISH_NEWS_CONNECTED, "b", 0);
    assert_shown(g, NULL, COORDINATOR_LEASE_MS, "a:0,1,1,7;b:1,1,0,0;");
    assert_shown(g, NULL, COORDINATOR_LEASE_MS + 1, "a:0,0,1,7;b:1,1,0,0;");
    gateways_sweep(g, NULL, GATEWAYS_FORGET_MS + 1);
    assert_shown(g, NULL, GATEWAYS_FORGET_MS + 1, "b:1,1,0,0;");
    gateways_free(g);
}

static struct view *view_with_task(const char *id, bool wanted)
{
    struct view *v = view_new();
    struct view_task t = {.id = xstrdup(id),
                          .service_id = xstrdup("s"),
                          .node_id = xstrdup("n"),
                          .desired_running = wanted,
                          .state = VIEW_TASK_RUNNING};

    view_add_task(v, &t);
    view_seal(v);
    return v;
}

static void a_task_that_swarm_wants_is_live_however_silent(void **state)
{
    struct gateways *g = gateways_new();
    struct view *wanted = view_with_task("a", true);
    struct view *ended = view_with_task("a", false);

    (void)state;
    tell(g, PUBLISH_NEWS_REPORT, "a", 0);
    assert_shown(g, wanted, COORDINATOR_LEASE_MS + 1, "a:0,1,1,7;");
    assert_shown(g, ended, 1, "a:0,0,1,7;");
    gateways_sweep(g, ended, 1);
    assert_int_equal(gateways_len(g), 0);
    view_free(wanted);
    view_free(ended);
    gateways_free(g);
}

static void invented_ids_push_out_the_oldest_and_never_a_connected_one(void **state)
{
    struct gateways *g = gateways_new();
    char id[32];

    (void)state;
    tell(g, PUBLISH_NEWS_CONNECTED, "real", 0);
    for (int i = 0; i < GATEWAYS_MAX * 2; i++) {
        (void)snprintf(id, sizeof id, "invented%d", i);
        tell(g, PUBLISH_NEWS_REPORT, id, 1 + i);
    }
    assert_int_equal(gateways_len(g), GATEWAYS_MAX);
    gateways_sweep(g, NULL, GATEWAYS_FORGET_MS * 2);
    assert_shown(g, NULL, GATEWAYS_FORGET_MS * 2, "real:1,1,0,0;");
    gateways_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_and_reports_are_told_apart),
        cmocka_unit_test(a_silent_gateway_is_unknown_after_its_lease_and_forgotten_later),
        cmocka_unit_test(a_task_that_swarm_wants_is_live_however_silent),
        cmocka_unit_test(invented_ids_push_out_the_oldest_and_never_a_connected_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
