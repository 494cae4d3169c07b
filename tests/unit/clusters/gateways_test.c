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
                                      .epoch = "5-a",
                                      .routes = -1,
                                      .refusals_json = "[{}]"};

    gateways_take(g, &news, NULL, now);
}

/* "id:connected,state,reported,applied;" for each. */
static void write_one(void *arg, const struct coordinator_gateway *g)
{
    char *out = arg;

    static const char letters[] = {'L', 'S', 'G', 'U'}; /* live, silent, gone, unknown */

    (void)snprintf(out + strlen(out), 256 - strlen(out), "%s:%d,%c,%d,%llu;", g->id, g->connected,
                   letters[g->state], g->reported, (unsigned long long)g->applied);
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
    assert_shown(g, NULL, 1, "a:0,L,1,7;b:1,L,0,0;");
    tell(g, PUBLISH_NEWS_CONNECTED, "b",
         2); /* a reconnect before the old stream's end is noticed */
    tell(g, PUBLISH_NEWS_DISCONNECTED, "b", 3);
    assert_shown(g, NULL, 3, "a:0,L,1,7;b:1,L,0,0;");
    tell(g, PUBLISH_NEWS_DISCONNECTED, "b", 4);
    tell(g, PUBLISH_NEWS_DISCONNECTED, "b", 4);
    assert_shown(g, NULL, 4, "a:0,L,1,7;b:0,L,0,0;");
    gateways_free(g);
}

static void a_silent_gateway_is_unknown_after_its_lease_and_forgotten_later(void **state)
{
    struct gateways *g = gateways_new();

    (void)state;
    tell(g, PUBLISH_NEWS_REPORT, "a", 0);
    tell(g, PUBLISH_NEWS_CONNECTED, "b", 0);
    assert_shown(g, NULL, COORDINATOR_LEASE_MS, "a:0,L,1,7;b:1,L,0,0;");
    assert_shown(g, NULL, COORDINATOR_LEASE_MS + 1, "a:0,U,1,7;b:1,L,0,0;");
    gateways_sweep(g, NULL, GATEWAYS_FORGET_MS + 1);
    assert_shown(g, NULL, GATEWAYS_FORGET_MS + 1, "b:1,L,0,0;");
    gateways_free(g);
}

static void holds(struct gateways *g, enum publish_news_type type, const char *id,
                  const char *epoch, int64_t routes, int64_t now)
{
    const struct publish_news news = {.type = type,
                                      .cluster = "east",
                                      .gateway = id,
                                      .node = "n1",
                                      .epoch = epoch,
                                      .applied = 3,
                                      .routes = routes,
                                      .refusals_json = "[]"};

    gateways_take(g, &news, NULL, now);
}

static void add_task(struct view *v, const char *id, const char *service, const char *node,
                     bool wanted, enum view_task_state state)
{
    struct view_task t = {.id = xstrdup(id),
                          .service_id = xstrdup(service),
                          .node_id = xstrdup(node),
                          .desired_running = wanted,
                          .state = state};

    view_add_task(v, &t);
}

static void add_other(struct view *v, const char *id, const char *service, const char *node)
{
    struct view_task t = {.id = xstrdup(id),
                          .service_id = xstrdup(service),
                          .node_id = xstrdup(node),
                          .desired_running = true,
                          .state = VIEW_TASK_RUNNING};

    view_add_other(v, &t);
}

/* Service "gw": a, b and c run; d starts, e is on a node that is down, f has ended. */
static struct view *view_of_a_fleet(void)
{
    struct view *v = view_new();
    struct view_node up = {.id = xstrdup("up"), .state = VIEW_NODE_READY};
    struct view_node down = {.id = xstrdup("down"), .state = VIEW_NODE_DOWN};

    view_add_node(v, &up);
    view_add_node(v, &down);
    add_task(v, "a", "gw", "up", true, VIEW_TASK_RUNNING);
    add_task(v, "b", "gw", "up", true, VIEW_TASK_RUNNING);
    add_other(v, "c", "gw", "up"); /* as tasks of services without our labels are */
    add_task(v, "d", "gw", "up", true, VIEW_TASK_BEFORE_RUNNING);
    add_task(v, "e", "gw", "down", true, VIEW_TASK_RUNNING);
    add_task(v, "f", "gw", "up", false, VIEW_TASK_RUNNING);
    add_task(v, "x", "other", "up", true, VIEW_TASK_RUNNING);
    view_seal(v);
    return v;
}

static void what_gateways_hold_is_summed_over_their_whole_fleet(void **state)
{
    struct gateways *g = gateways_new();
    struct view *v = view_of_a_fleet();
    struct gateways_claims sum;

    (void)state;
    gateways_sum(g, v, 0, "6-e", &sum);
    assert_int_equal(sum.expected, 0);
    assert_false(sum.all_known);
    holds(g, PUBLISH_NEWS_WAITS, "a", "7-e", -1, 0);
    gateways_sum(g, v, 0, "6-e", &sum);
    assert_int_equal(sum.expected, 3); /* b and c are tasks of the same service */
    assert_int_equal(sum.answered, 0);
    assert_true(sum.all_known);
    assert_string_equal(sum.epoch, "7-e");
    holds(g, PUBLISH_NEWS_REPORT, "a", "7-e", 5, 0);
    holds(g, PUBLISH_NEWS_WAITS, "b", "", 0, 0);
    holds(g, PUBLISH_NEWS_REPORT, "c", "6-e", 4, 0);
    holds(g, PUBLISH_NEWS_REPORT, "f", "9-e", 9, 0); /* its task has ended: no live one */
    gateways_sum(g, v, 0, "6-e", &sum);
    assert_int_equal(sum.expected, 3);
    assert_int_equal(sum.answered, 3);
    assert_true(sum.all_known);
    assert_int_equal(sum.routes, 5);
    assert_string_equal(sum.gateway, "a");
    assert_string_equal(sum.epoch, "7-e");
    assert_int_equal(sum.revision, 3);                     /* c's: the others hold other epochs */
    holds(g, PUBLISH_NEWS_REPORT, "outside", "1-e", 6, 0); /* no task: there may be others */
    gateways_sum(g, v, 0, "6-e", &sum);
    assert_int_equal(sum.routes, 6);
    assert_false(sum.all_known);
    gateways_sum(g, v, COORDINATOR_LEASE_MS + 1, "6-e", &sum); /* its lease has lapsed */
    assert_int_equal(sum.routes, 5);
    assert_true(sum.all_known);
    view_free(v);
    gateways_free(g);
}

static void asking_again_does_not_unsay_how_many_routes_are_held(void **state)
{
    struct gateways *g = gateways_new();
    struct gateways_claims sum;

    (void)state;
    holds(g, PUBLISH_NEWS_REPORT, "a", "7-e", 5, 0);
    holds(g, PUBLISH_NEWS_WAITS, "a", "7-e", -1, 1);
    gateways_sum(g, NULL, 1, "6-e", &sum);
    assert_int_equal(sum.routes, 5);
    holds(g, PUBLISH_NEWS_WAITS, "a", "8-e", -1, 2); /* another table */
    gateways_sum(g, NULL, 2, "6-e", &sum);
    assert_int_equal(sum.answered, 0);
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

static void
a_task_that_swarm_wants_is_silent_at_worst_and_one_that_is_gone_is_so_at_once(void **state)
{
    struct gateways *g = gateways_new();
    struct view *wanted = view_with_task("a", true);
    struct view *ended = view_with_task("a", false);
    struct view *none = view_with_task("another", true);

    (void)state;
    tell(g, PUBLISH_NEWS_REPORT, "a", 0);
    assert_shown(g, wanted, 0, "a:0,L,1,7;");
    assert_shown(g, wanted, COORDINATOR_LEASE_MS + 1, "a:0,S,1,7;");
    assert_shown(g, ended, 1, "a:0,G,1,7;");
    assert_shown(g, none, 1, "a:0,L,1,7;"); /* never seen as a task: the lease counts */
    gateways_sweep(g, wanted, 1);
    assert_shown(g, none, 1, "a:0,G,1,7;"); /* it was one, and Swarm has forgotten it */
    tell(g, PUBLISH_NEWS_CONNECTED, "a", 2);
    assert_shown(g, ended, 2, "a:1,G,1,7;"); /* a stream does not keep it */
    tell(g, PUBLISH_NEWS_DISCONNECTED, "a", 3);
    gateways_sweep(g, ended, 3);
    assert_int_equal(gateways_len(g), 0);
    view_free(wanted);
    view_free(ended);
    view_free(none);
    gateways_free(g);
}

static void a_full_register_keeps_tasks_and_lets_go_of_who_is_not_live(void **state)
{
    struct gateways *g = gateways_new();
    struct view *fleet = view_with_task("task", true);
    struct publish_news news = {.type = PUBLISH_NEWS_REPORT,
                                .cluster = "east",
                                .gateway = "task",
                                .node = "",
                                .epoch = "",
                                .refusals_json = "[]"};
    char id[32];
    int64_t late = COORDINATOR_LEASE_MS * 2;

    (void)state;
    news.gateway = id;
    (void)snprintf(id, sizeof id, "task");
    gateways_take(g, &news, fleet, 0);
    (void)snprintf(id, sizeof id, "lapsed");
    gateways_take(g, &news, fleet, 10);
    for (int i = 0; i < GATEWAYS_MAX + 100; i++) {
        (void)snprintf(id, sizeof id, "new%d", i);
        gateways_take(g, &news, fleet, late + i);
    }
    assert_int_equal(gateways_len(g), GATEWAYS_MAX);
    struct gateways_claims sum;

    gateways_sum(g, fleet, late + 2000, "6-e", &sum);
    assert_int_equal(sum.expected, GATEWAYS_MAX); /* the lapsed one has gone, the task has not */
    gateways_sweep(g, fleet, late * 2 + GATEWAYS_FORGET_MS);
    view_free(fleet);
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
    assert_shown(g, NULL, GATEWAYS_FORGET_MS * 2, "real:1,L,0,0;");
    gateways_free(g);
}

static void who_there_was_is_live_for_a_lease_after_a_start(void **state)
{
    static const char lines[] = "-\tb\tn2\n"
                                "task\tt1\tn1\n"
                                "-\tb\tagain\n"
                                "what is this\n"
                                "-\t\tno id\n";
    struct gateways *g = gateways_new();
    struct gateways *again = gateways_new();
    uint64_t version;
    struct buf b;

    (void)state;
    gateways_recall(g, lines, 1000);
    assert_shown(g, NULL, 1001, "b:0,L,0,0;t1:0,G,0,0;"); /* no view has the task: it has ended */
    assert_shown(g, NULL, 1001 + COORDINATOR_LEASE_MS, "b:0,U,0,0;t1:0,G,0,0;");
    buf_init(&b, GATEWAYS_TEXT_MAX);
    gateways_write(g, &b);
    gateways_recall(again, b.bytes, 0);
    assert_shown(again, NULL, 1, "b:0,L,0,0;t1:0,G,0,0;");
    version = gateways_version(g);
    tell(g, PUBLISH_NEWS_REPORT, "b", 2000);
    assert_int_equal(gateways_version(g), version); /* it was there before */
    tell(g, PUBLISH_NEWS_REPORT, "c", 2000);
    assert_int_not_equal(gateways_version(g), version);
    buf_free(&b);
    gateways_free(again);
    gateways_free(g);
}

static void tasks_of_the_fleet_that_have_not_spoken_are_missing(void **state)
{
    struct gateways *g = gateways_new();
    struct view *v = view_new();
    char out[256] = "";

    (void)state;
    view_add_node(v, &(struct view_node){.id = xstrdup("n1"), .state = VIEW_NODE_READY});
    for (int i = 0; i < 3; i++)
        view_add_other(v, &(struct view_task){.id = xasprintf("t%d", i),
                                              .service_id = xstrdup(i < 2 ? "fleet" : "other"),
                                              .node_id = xstrdup("n1"),
                                              .desired_running = true,
                                              .state = VIEW_TASK_RUNNING});
    view_seal(v);
    gateways_each_missing(g, v, write_one, out);
    assert_string_equal(out, ""); /* no gateway was heard: nobody knows which service they are */
    tell(g, PUBLISH_NEWS_REPORT, "t0", 0);
    gateways_each_missing(g, v, write_one, out);
    assert_string_equal(out, "t1:0,S,0,0;");
    view_free(v);
    gateways_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_and_reports_are_told_apart),
        cmocka_unit_test(a_silent_gateway_is_unknown_after_its_lease_and_forgotten_later),
        cmocka_unit_test(what_gateways_hold_is_summed_over_their_whole_fleet),
        cmocka_unit_test(asking_again_does_not_unsay_how_many_routes_are_held),
        cmocka_unit_test(
            a_task_that_swarm_wants_is_silent_at_worst_and_one_that_is_gone_is_so_at_once),
        cmocka_unit_test(a_full_register_keeps_tasks_and_lets_go_of_who_is_not_live),
        cmocka_unit_test(who_there_was_is_live_for_a_lease_after_a_start),
        cmocka_unit_test(tasks_of_the_fleet_that_have_not_spoken_are_missing),
        cmocka_unit_test(invented_ids_push_out_the_oldest_and_never_a_connected_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
