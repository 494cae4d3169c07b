/*
 * The observer against engines that fail in turns: two scripted ones that can hang, refuse, lag
 * behind, or follow events no more, and a wall clock that jumps. Nothing may be withdrawn by any of
 * that, and changes have to come through by what still works.
 */
#include "clusters/swarm/observe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clusters/swarm/model.h"
#include "clusters/swarm/nag.h"
#include "clusters/swarm/patch.h"
#include "gateway/core/clock.h"
#include "tests/unit/fake_http.h"

#define SERVICE(id, version, label)                                                      \
    "{\"ID\":\"" id "\",\"Version\":{\"Index\":" version "},\"Spec\":{\"Name\":\"" id    \
    "\",\"Labels\":{\"com.docker.lb." label "\":\"x\"},\"TaskTemplate\":{\"Networks\":[" \
    "{\"Target\":\"net\"}]}}}"
#define TASK(id, service, version)                                                    \
    "{\"ID\":\"" id "\",\"Version\":{\"Index\":" version "},\"ServiceID\":\"" service \
    "\",\"NodeID\":\"n1\",\"DesiredState\":\"running\",\"Status\":{\"State\":\"running\"}}"
#define NODE "[{\"ID\":\"n1\",\"Status\":{\"State\":\"ready\"}}]"
#define NETWORK "[{\"Id\":\"net\",\"Name\":\"net\",\"Scope\":\"swarm\",\"Driver\":\"overlay\"}]"
#define A10 "[" SERVICE("a", "10", "hosts") "]"
#define A20 "[" SERVICE("a", "20", "port") "]"
#define TASKS "[" TASK("t1", "a", "11") "]"

enum { READ_MS = 150, DOUBT_MS = 1500 };

/* What an engine does with a list whose path has `part` in it; "" is any. */
enum act { ACT_ANSWER, ACT_HANG, ACT_HEAD_ONLY, ACT_TRICKLE, ACT_STATUS, ACT_HUGE, ACT_REDIRECT };

struct engine {
    struct fake fake;
    enum act act;
    const char *part;
    int status;
    const char *error;
    bool deaf;  /* nothing at all is answered, as if it were stopped */
    bool brief; /* event streams end at once */
    bool mute;  /* no event is ever sent */
    const char *services, *tasks, *nodes, *networks;
    struct fake_conn *stream;
    int num_lists, num_streams;
};

struct world {
    struct event_base *base;
    struct engine one, two;
    struct observe *observe;
    struct view *view;
    struct observe_health health;
    int num_views, num_beside;
    int64_t silence_ms, read_ms;
};

/* --- the wall clock: jumps for everybody in this program, libevent and libcurl included --- */

static int64_t jump_s;

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int rc = (int)syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && id == CLOCK_REALTIME)
        ts->tv_sec += jump_s;
    return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;

    (void)zone; /* nobody asks for it */
    if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
        return -1;
    *tv = (struct timeval){ts.tv_sec, ts.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_REALTIME, &ts);
    if (out)
        *out = ts.tv_sec;
    return ts.tv_sec;
}

/* --- the engines --- */

static void misbehave(struct engine *g, struct fake_conn *c)
{
    switch (g->act) {
    case ACT_HEAD_ONLY:
        fake_send(c, "HTTP/1.1 200 X\r\nContent-Length: 500\r\n\r\n");
        return;
    case ACT_TRICKLE:
        fake_send(c, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n");
        return;
    case ACT_STATUS:
        fake_reply(c, g->status, g->error);
        return;
    case ACT_HUGE:
        fake_send(c, "HTTP/1.1 200 X\r\nContent-Length: 99999999\r\n\r\n[%0*d", 20 << 20, 0);
        return;
    case ACT_REDIRECT:
        fake_send(c, "HTTP/1.1 301 X\r\nLocation: /version\r\nContent-Length: 0\r\n\r\n");
        return;
    case ACT_ANSWER:
    case ACT_HANG:
        return;
    }
}

static void open_stream(struct engine *g, struct fake_conn *c)
{
    g->num_streams++;
    g->stream = c;
    fake_send(c, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
    if (g->brief)
        fake_send(c, "0\r\n\r\n");
}

static void answer(struct fake_conn *c, const char *method, const char *target, const char *body)
{
    struct engine *g = c->fake->arg;

    (void)method, (void)body; /* all is GET */
    if (g->deaf)
        return;
    if (strcmp(target, "/version") == 0) {
        fake_reply(c, 200, "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
        return;
    }
    if (strstr(target, "/events?")) {
        open_stream(g, c);
        return;
    }
    g->num_lists++;
    if (g->act != ACT_ANSWER && strstr(target, g->part))
        misbehave(g, c);
    else if (strstr(target, "/services?"))
        fake_reply(c, 200, g->services);
    else if (strstr(target, "/tasks?"))
        fake_reply(c, 200, g->tasks);
    else if (strstr(target, "/nodes?"))
        fake_reply(c, 200, g->nodes);
    else
        fake_reply(c, 200, g->networks);
}

static void send_event(struct engine *g, const char *type, const char *id)
{
    char line[256];
    int len =
        snprintf(line, sizeof(line),
                 "{\"Type\":\"%s\",\"Action\":\"update\",\"Actor\":{\"ID\":\"%s\"}}\n", type, id);

    assert_non_null(g->stream);
    fake_send(g->stream, "%x\r\n%s\r\n", (unsigned)len, line);
}

/* --- the observer --- */

static void take_view(struct world *w, const struct view *now, struct view_patch *owned)
{
    w->view = w->view ? w->view : view_new();
    view_patch_apply(owned, w->view); /* a copy that follows stays the same */
    assert_true(view_same(w->view, now));
    view_patch_free(owned);
}

static void on_view(void *arg, struct view *now, struct view_patch *owned)
{
    struct world *w = arg;

    take_view(w, now, owned);
    w->num_views++;
    event_base_loopbreak(w->base);
}

static void on_beside(void *arg, struct view *now, struct view_patch *owned)
{
    struct world *w = arg;

    take_view(w, now, owned);
    w->num_beside++;
}

static void on_health(void *arg, const struct observe_health *h)
{
    struct world *w = arg;

    w->health = *h;
}

static void engine_start(struct engine *g, struct event_base *base)
{
    g->services = A10;
    g->tasks = TASKS;
    g->nodes = NODE;
    g->networks = NETWORK;
    g->fake.answer = answer;
    g->fake.arg = g;
    fake_start(&g->fake, base);
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->base = event_base_new();
    engine_start(&w->one, w->base);
    engine_start(&w->two, w->base);
    jump_s = 0;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    observe_free(w->observe);
    fake_stop(&w->one.fake);
    fake_stop(&w->two.fake);
    event_base_free(w->base);
    view_free(w->view);
    free(w);
    return 0;
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what; /* a timer has neither */
    event_base_loopbreak(arg);
}

/* Until a view comes, at most ms; true when one came. */
static bool run(struct world *w, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    struct event *limit = evtimer_new(w->base, on_limit, w->base);
    int before = w->num_views;

    event_add(limit, &tv);
    event_base_dispatch(w->base);
    event_free(limit);
    return w->num_views != before;
}

static void run_for(struct world *w, int64_t ms)
{
    int64_t until = clock_mono_ms() + ms, now;

    while ((now = clock_mono_ms()) < until)
        (void)run(w, until - now);
}

static void begin(struct world *w, bool both)
{
    char *one = xasprintf("unix://%s", w->one.fake.path);
    char *two = xasprintf("unix://%s", w->two.fake.path);
    struct observe_config config = {.docker = (const char *const[]){one, both ? two : NULL, NULL},
                                    .on_view = on_view,
                                    .on_beside = on_beside,
                                    .on_health = on_health,
                                    .arg = w,
                                    .read_timeout_ms = w->read_ms ? w->read_ms : READ_MS,
                                    .doubt_ms = DOUBT_MS,
                                    .silence_ms = w->silence_ms};

    w->observe = observe_new(w->base, &config, NULL);
    assert_non_null(w->observe);
    free(one);
    free(two);
}

static void begin_and_see(struct world *w, bool both)
{
    begin(w, both);
    assert_true(run(w, 2000));
    run(w, 50);
}

static const char *label(const struct world *w)
{
    const struct view_service *a = view_service(w->view, "a");

    return a ? a->labels[0].key : "";
}

static bool uses(const struct world *w, const struct engine *g)
{
    return strcmp(observe_health(w->observe)->endpoint + strlen("unix://"), g->fake.path) == 0;
}

/* --- one engine --- */

static void whatever_the_engine_answers_nothing_is_withdrawn(void **state)
{
    static const struct {
        enum act act;
        int status;
        const char *error, *said;
    } cases[] = {
        {ACT_HANG, 0, NULL, "no whole reply"},
        {ACT_HEAD_ONLY, 0, NULL, "no whole reply"},
        {ACT_TRICKLE, 0, NULL, "no whole reply"},
        {ACT_REDIRECT, 0, NULL, "301"},
        {ACT_STATUS, 500, "{\"message\":\"rpc error: The swarm does not have a leader.\"}",
         "leader"},
        {ACT_STATUS, 503, "<html>", "503"},
        {ACT_STATUS, 400, "{\"message\":\"client version 1.41 is too old\"}", "too old"},
        {ACT_STATUS, 404, "{\"message\":\"page not found\"}", "404"},
        {ACT_STATUS, 204, "", "204"},
        {ACT_STATUS, 200, "[{\"ID\":\"a\",\"Spec\":{\"Name\":", "whole JSON array"},
        {ACT_STATUS, 200, "[] garbage", "whole JSON array"},
        {ACT_STATUS, 200, "null", "whole JSON array"},
    };
    struct world *w = *state;

    begin_and_see(w, false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        w->one.act = cases[i].act;
        w->one.status = cases[i].status;
        w->one.error = cases[i].error;
        w->one.part = i % 2 ? "/tasks?" : "/services?";
        send_event(&w->one, "service", "a");
        run_for(w, 350);
        assert_non_null(w->health.last_error.code);
        assert_non_null(strstr(w->health.last_error.text, cases[i].said));
        w->one.act = ACT_ANSWER;
        run_for(w, 700);
        assert_null(w->health.last_error.code);
    }
    assert_int_equal(w->num_views, 1);
    assert_true(w->health.events_open);
}

static void a_reply_that_is_too_large_is_cut_off(void **state)
{
    struct world *w = *state;

    w->read_ms = 3000;
    begin_and_see(w, false);
    w->one.act = ACT_HUGE;
    w->one.part = "/nodes?";
    for (int i = 0; i < 10 && !strstr(w->health.last_error.text, "larger than"); i++)
        run_for(w, 500);
    assert_non_null(strstr(w->health.last_error.text, "larger than"));
    assert_int_equal(w->view->num_nodes, 1);
}

static void nodes_that_hang_delay_nothing_else(void **state)
{
    static const char *const parts[] = {"/nodes?", "/networks?"};
    struct world *w = *state;

    begin_and_see(w, false);
    w->one.act = ACT_HANG;
    for (size_t i = 0; i < 2; i++) {
        w->one.part = parts[i];
        run_for(w, 1500); /* it is noticed */
        assert_string_equal(w->health.last_error.code, "Timeout");
        for (size_t k = 0; k < 4; k++) {
            int64_t begun = clock_mono_ms();

            w->one.tasks = k % 2 ? TASKS : "[" TASK("t2", "a", "12") "]";
            send_event(&w->one, "service", "a");
            assert_true(run(w, 1000));
            assert_in_range(clock_mono_ms() - begun, 0, 100);
            run_for(w, 80);
        }
        assert_int_equal(w->view->num_nodes + w->view->num_networks, 2);
    }
    w->one.act = ACT_ANSWER;
    run_for(w, 1500);
    assert_null(w->health.last_error.code);
}

static void a_service_that_cannot_be_understood_stays_and_is_named(void **state)
{
    struct world *w = *state;

    begin_and_see(w, false);
    w->one.services =
        "[{\"ID\":\"a\",\"Spec\":{\"Name\":\"shop\",\"Labels\":{\"com.docker.lb.hosts\":7}}}]";
    assert_true(run(w, 2500));
    assert_string_equal(label(w), "com.docker.lb.hosts");
    assert_int_equal(w->view->num_tasks, 1);
    assert_string_equal(view_refused(w->view, "a")->name, "shop");
    send_event(&w->one, "service", "a"); /* the same by a filtered read */
    assert_false(run(w, 1500));
    w->one.services = A20;
    assert_true(run(w, 2500));
    assert_int_equal(w->view->num_refused, 0);
    assert_string_equal(label(w), "com.docker.lb.port");
}

static void tasks_of_services_without_labels_are_told_apart(void **state)
{
    struct world *w = *state;

    begin_and_see(w, false);
    w->one.tasks = "[" TASK("t1", "a", "11") "," TASK("g1", "gateways", "12") "]";
    assert_false(run(w, 1500)); /* nothing that is routed */
    assert_int_equal(w->num_beside, 1);
    assert_true(view_find_task(w->view, "g1")->desired_running);
    assert_null(view_find_task(w->view, "g2"));
}

/* --- the event stream --- */

static void a_stream_that_is_dead_is_opened_again(void **state)
{
    struct world *w = *state;

    begin_and_see(w, false);
    run_for(w, 2200); /* it has been quiet for a while */
    assert_int_equal(w->one.num_streams, 1);
    w->one.services = A20; /* and no event */
    assert_true(run(w, 1500));
    assert_string_equal(label(w), "com.docker.lb.port");
    run_for(w, 2500);
    assert_int_equal(w->one.num_streams, 2);
    assert_true(w->health.events_open);
    run_for(w, 2500);
    assert_int_equal(w->one.num_streams, 2);
}

static void a_stream_that_tells_of_changes_is_left_alone(void **state)
{
    struct world *w = *state;

    begin_and_see(w, false);
    run_for(w, 2200);
    w->one.services = A20;
    send_event(&w->one, "service", "a");
    assert_true(run(w, 500));
    run_for(w, 2500);
    assert_int_equal(w->one.num_streams, 1);
}

static void a_stream_that_is_silent_for_long_is_opened_again(void **state)
{
    struct world *w = *state;

    w->silence_ms = 1500;
    begin_and_see(w, false);
    run_for(w, 3200);
    assert_int_equal(w->one.num_streams, 2);
    assert_null(w->health.last_error.code);
    assert_int_equal(w->num_views, 1);
}

static void a_stream_that_ends_each_time_is_not_followed_in_a_loop(void **state)
{
    struct world *w = *state;

    w->one.brief = true;
    begin_and_see(w, false);
    run_for(w, 3000);
    assert_in_range(w->one.num_streams, 3, 7); /* 0.1, 0.2, 0.4, … s apart */
    assert_in_range(w->one.num_lists, 8, 48);
    assert_int_equal(w->num_views, 1);
}

/* --- several engines --- */

static void an_engine_that_hangs_is_left_for_the_next(void **state)
{
    struct world *w = *state;
    int64_t begun;

    begin_and_see(w, true);
    assert_true(uses(w, &w->one));
    assert_int_equal(w->two.fake.num_requests, 0); /* it keeps to one */
    w->one.deaf = true;
    w->one.services = w->two.services = A20;
    begun = clock_mono_ms();
    assert_true(run(w, 3000));
    assert_in_range(clock_mono_ms() - begun, 0, 1000 + 2 * READ_MS + 200);
    assert_string_equal(label(w), "com.docker.lb.port");
    assert_true(uses(w, &w->two));
    run_for(w, 1500);
    w->one.deaf = false; /* it works again: that is no reason to go back */
    run_for(w, 1500);
    assert_true(uses(w, &w->two) && w->health.events_open);
    assert_null(w->health.last_error.code);
}

static void engines_that_are_gone_or_not_managers_are_passed_over(void **state)
{
    struct world *w = *state;

    fake_unlisten(&w->one.fake);
    begin(w, true);
    assert_true(run(w, 1000)); /* at the start */
    assert_true(uses(w, &w->two));
    fake_listen(&w->one.fake);
    w->two.act = ACT_STATUS;
    w->two.part = "";
    w->two.status = 503;
    w->two.error = "{\"message\":\"This node is not a swarm manager.\"}";
    w->one.services = A20;
    assert_true(run(w, 2000));
    assert_true(uses(w, &w->one));
}

static void a_swarm_without_a_leader_withdraws_nothing_and_is_asked_with_pauses(void **state)
{
    struct world *w = *state;
    struct engine *both[] = {&w->one, &w->two};

    begin_and_see(w, true);
    for (size_t i = 0; i < 2; i++) {
        both[i]->act = ACT_STATUS;
        both[i]->part = "";
        both[i]->status = 500;
        both[i]->error = "{\"message\":\"The swarm does not have a leader.\"}";
    }
    w->one.num_lists = w->two.num_lists = 0;
    run_for(w, 4000);
    assert_non_null(strstr(w->health.last_error.text, "leader"));
    assert_int_equal(w->num_views, 1);
    assert_in_range(w->one.num_lists, 2, 8);
    assert_in_range(w->two.num_lists, 2, 8);
    w->one.act = w->two.act = ACT_ANSWER;
    w->one.services = w->two.services = A20;
    assert_true(run(w, 4000));
    run_for(w, 200);
    assert_null(w->health.last_error.code);
}

static void a_manager_that_is_behind_undoes_nothing(void **state)
{
    struct world *w = *state;

    w->one.services = "[" SERVICE("a", "20", "port") "," SERVICE("b", "30", "hosts") "]";
    w->one.tasks = "[" TASK("t1", "a", "21") "," TASK("t2", "b", "31") "]";
    begin_and_see(w, true);
    fake_unlisten(&w->one.fake);
    run_for(w, DOUBT_MS - 300); /* "two" knows an older "a" and no "b" yet */
    assert_true(uses(w, &w->two));
    assert_int_equal(w->num_views, 1);
    w->two.services = "[" SERVICE("a", "20", "port") "," SERVICE("b", "40", "path") "]";
    w->two.tasks = "[" TASK("t1", "a", "21") "," TASK("t2", "b", "41") "]";
    assert_true(run(w, 1500)); /* it has caught up, and goes on from there */
    assert_string_equal(view_service(w->view, "b")->labels[0].key, "com.docker.lb.path");
    w->two.services = A20;
    w->two.tasks = "[" TASK("t1", "a", "21") "]";
    assert_true(run(w, 3000)); /* what is removed later goes */
    assert_int_equal(w->view->num_services, 1);
    assert_int_equal(w->view->num_tasks, 1);
}

static void a_swarm_that_stays_older_is_believed_after_a_while(void **state)
{
    struct world *w = *state;
    int64_t begun;

    w->one.services = A20;
    begin_and_see(w, false);
    w->one.services = A10; /* restored from a backup */
    begun = clock_mono_ms();
    assert_true(run(w, DOUBT_MS + 3000));
    assert_in_range(clock_mono_ms() - begun, DOUBT_MS, DOUBT_MS + 3000);
    assert_string_equal(label(w), "com.docker.lb.hosts");
}

/* --- the clock, and the log --- */

static void a_wall_clock_that_jumps_stops_neither_events_nor_lists(void **state)
{
    static const char *const services[] = {A20, "[" SERVICE("a", "30", "path") "]",
                                           "[" SERVICE("a", "40", "port") "]",
                                           "[" SERVICE("a", "50", "path") "]"};
    static const int64_t jumps[] = {-10 * 365 * 86400LL, 10 * 365 * 86400LL, -3600, 0};
    struct world *w = *state;

    begin_and_see(w, false);
    for (size_t i = 0; i < sizeof(jumps) / sizeof(*jumps); i++) {
        int64_t begun = clock_mono_ms();

        jump_s = jumps[i];
        w->one.services = services[i];
        send_event(&w->one, "service", "a");
        assert_true(run(w, 500));
        assert_in_range(clock_mono_ms() - begun, 0, 200);
        run_for(w, 1200);
        w->one.networks = i % 2 ? NETWORK : "[]"; /* and no event: by the list of everything */
        assert_true(run(w, 1500));
    }
    assert_true(w->health.events_open);
}

static void a_trouble_is_told_at_once_and_then_each_minute(void **state)
{
    struct nag n = {0};
    uint64_t unsaid = 0;
    int num = 0;

    (void)state;
    for (int64_t ms = 1000; ms <= 181000; ms += 1000)
        num += nag_due(&n, ms, &unsaid);
    assert_int_equal(num, 4);
    assert_int_equal(unsaid, 59);
    assert_true(nag_over(&n));
    assert_false(nag_due(&n, 182000, &unsaid)); /* it comes and goes */
    assert_false(nag_over(&n));
    assert_true(nag_due(&n, 250000, &unsaid));
    assert_int_equal(unsaid, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whatever_the_engine_answers_nothing_is_withdrawn),
        TEST(a_reply_that_is_too_large_is_cut_off),
        TEST(nodes_that_hang_delay_nothing_else),
        TEST(a_service_that_cannot_be_understood_stays_and_is_named),
        TEST(tasks_of_services_without_labels_are_told_apart),
        TEST(a_stream_that_is_dead_is_opened_again),
        TEST(a_stream_that_tells_of_changes_is_left_alone),
        TEST(a_stream_that_is_silent_for_long_is_opened_again),
        TEST(a_stream_that_ends_each_time_is_not_followed_in_a_loop),
        TEST(an_engine_that_hangs_is_left_for_the_next),
        TEST(engines_that_are_gone_or_not_managers_are_passed_over),
        TEST(a_swarm_without_a_leader_withdraws_nothing_and_is_asked_with_pauses),
        TEST(a_manager_that_is_behind_undoes_nothing),
        TEST(a_swarm_that_stays_older_is_believed_after_a_while),
        TEST(a_wall_clock_that_jumps_stops_neither_events_nor_lists),
        cmocka_unit_test(a_trouble_is_told_at_once_and_then_each_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
