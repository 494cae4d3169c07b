/*
 * The observer against a scripted Docker on a unix socket: order of reads, what leads to a view and
 * what does not, and a Docker that hangs, errs, lies or goes away, which must withdraw nothing.
 */
#include "clusters/swarm/observe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clusters/swarm/patch.h"
#include "gateway/core/clock.h"
#include "tests/unit/fake_http.h"

#define SERVICE(id, label)                                                  \
    "{\"ID\":\"" id "\",\"Version\":{\"Index\":1},\"Spec\":{\"Name\":\"" id \
    "\",\"Labels\":{\"" label "\":\"x\"},\"TaskTemplate\":{\"Networks\":[{\"Target\":\"net\"}]}}}"
#define TASK(id, service, state)                                                           \
    "{\"ID\":\"" id "\",\"ServiceID\":\"" service "\",\"NodeID\":\"n1\",\"DesiredState\":" \
    "\"running\",\"Status\":{\"State\":\"" state "\"}}"
#define NODE(state) "[{\"ID\":\"n1\",\"Status\":{\"State\":\"" state "\"}}]"
#define OURS "com.docker.lb.hosts"
#define NETWORK "[{\"Id\":\"net\",\"Name\":\"net\",\"Scope\":\"swarm\",\"Driver\":\"overlay\"}]"

enum { READ_MS = 150, LOG_MAX = 4000 };

enum mood { GOOD, HANGS, ERRS, LIES, BREAKS_OFF, CLOSES, NOT_MANAGER, MOOD__COUNT };

struct world {
    struct event_base *base;
    struct fake fake;
    struct observe *observe;
    enum mood mood;      /* of the lists */
    bool events_hang;    /* no head for the event stream */
    bool filtered_gone;  /* tasks by service: 404 when "b" is among them */
    const char *refused; /* a path of which the list answers 500: "/nodes?" */
    const char *version, *services, *filtered, *tasks, *nodes, *networks;
    struct fake_conn *stream;
    char log[LOG_MAX]; /* first letters of what was asked: v e s t n w; capitals: filtered */
    int num_views;
    struct view *view;
    struct observe_health health;
    int64_t viewed_ms;
};

static void note(struct world *w, char what)
{
    size_t len = strlen(w->log);

    if (len < LOG_MAX - 1)
        w->log[len] = what;
}

static void list(struct world *w, struct fake_conn *c, const char *body)
{
    switch (w->mood) {
    case GOOD:
        fake_reply(c, 200, body);
        return;
    case ERRS:
        fake_reply(c, 500, "{\"message\":\"rpc error: no leader\"}");
        return;
    case LIES:
        fake_reply(c, 200, "{\"hello\":\"world\"}");
        return;
    case BREAKS_OFF:
        fake_send(c, "HTTP/1.1 200 X\r\nContent-Length: 9999\r\n\r\n[{\"ID\":");
        fake_close_when_sent(c);
        return;
    case CLOSES:
        fake_close(c);
        return;
    case NOT_MANAGER:
        fake_reply(c, 503, "{\"message\":\"This node is not a swarm manager.\"}");
        return;
    case HANGS:
    case MOOD__COUNT:
        return;
    }
}

static void answer_tasks(struct world *w, struct fake_conn *c, const char *target)
{
    note(w, strchr(target, '%') ? 'T' : 't');
    if (w->filtered_gone && strstr(target, "%22b%22"))
        fake_reply(c, 404, "{\"message\":\"service b not found\"}");
    else
        list(w, c, w->tasks);
}

static void answer(struct fake_conn *c, const char *method, const char *target, const char *body)
{
    struct world *w = c->fake->arg;

    (void)method, (void)body; /* all is GET */
    if (strcmp(target, "/version") == 0) {
        note(w, 'v');
        fake_reply(c, 200, w->version);
    } else if (strstr(target, "/v1.41/events?")) {
        note(w, 'e');
        w->stream = c;
        if (!w->events_hang)
            fake_send(c, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
    } else if (w->refused && strstr(target, w->refused)) {
        fake_reply(c, 500, "{\"message\":\"no list today\"}");
    } else if (strstr(target, "/v1.41/services?")) {
        note(w, strchr(target, '%') ? 'S' : 's');
        list(w, c, strchr(target, '%') && w->filtered ? w->filtered : w->services);
    } else if (strstr(target, "/v1.41/tasks?")) {
        answer_tasks(w, c, target);
    } else if (strstr(target, "/v1.41/nodes?")) {
        note(w, 'n');
        list(w, c, w->nodes);
    } else if (strstr(target, "/v1.41/networks?")) {
        note(w, 'w');
        list(w, c, w->networks);
    } else {
        fail_msg("unexpected request %s", target);
    }
}

static void send_update(struct world *w, const char *type, const char *id, const char *said)
{
    char line[256];
    int len = snprintf(line, sizeof(line),
                       "{\"Type\":\"%s\",\"Action\":\"update\",\"Actor\":{\"ID\":\"%s\","
                       "\"Attributes\":{%s}}}\n",
                       type, id, said);

    assert_non_null(w->stream);
    fake_send(w->stream, "%x\r\n%s\r\n", (unsigned)len, line);
}

static void send_event(struct world *w, const char *type, const char *id)
{
    send_update(w, type, id, "");
}

static void on_view(void *arg, struct view *now, struct view_patch *owned)
{
    struct world *w = arg;

    w->view = w->view ? w->view : view_new();
    view_patch_apply(owned, w->view); /* a copy that follows stays the same */
    assert_true(view_same(w->view, now));
    view_patch_free(owned);
    w->num_views++;
    w->viewed_ms = clock_mono_ms();
    event_base_loopbreak(w->base);
}

static void on_health(void *arg, const struct observe_health *h)
{
    struct world *w = arg;

    w->health = *h;
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->base = event_base_new();
    w->version = "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}";
    w->services = "[" SERVICE("a", OURS) "," SERVICE("p", "other") "]";
    w->tasks = "[" TASK("t1", "a", "running") "]";
    w->nodes = NODE("ready");
    w->networks = NETWORK;
    w->fake.answer = answer;
    w->fake.arg = w;
    fake_start(&w->fake, w->base);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    observe_free(w->observe);
    fake_stop(&w->fake);
    event_base_free(w->base);
    view_free(w->view);
    free(w);
    return 0;
}

static void begin(struct world *w)
{
    char *endpoint = xasprintf("unix://%s", w->fake.path);
    struct observe_config config = {.docker = (const char *const[]){endpoint, NULL},
                                    .on_view = on_view,
                                    .on_health = on_health,
                                    .arg = w,
                                    .read_timeout_ms = READ_MS};

    w->observe = observe_new(w->base, &config, NULL);
    assert_non_null(w->observe);
    free(endpoint);
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

static void begin_and_see(struct world *w)
{
    begin(w);
    assert_true(run(w, 2000));
}

static void the_first_view_is_whole_and_read_after_the_stream_is_open(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    assert_string_equal(w->log, "vestnw");
    assert_int_equal(w->view->num_services, 1);
    assert_int_equal(w->view->num_tasks, 1);
    assert_int_equal(w->view->num_nodes, 1);
    assert_int_equal(w->view->num_networks, 1);
    run(w, 50);
    assert_true(w->health.ever_read && w->health.events_open);
    assert_string_equal(w->health.api_version, "1.41");
    assert_true(observe_health(w->observe)->last_good_mono_ms > 0);
}

static void nothing_is_said_when_nothing_changed(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    assert_false(run(w, 1300));
    assert_non_null(strstr(w->log, "nwst")); /* a reconcile was made */
}

static void a_change_without_an_event_is_found_by_the_reconcile(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    w->tasks = "[" TASK("t1", "a", "failed") "]";
    assert_true(run(w, 1500));
    assert_int_equal(w->view->tasks[0].state, VIEW_TASK_ENDED);
}

static void an_event_leads_to_a_view_at_once_by_filtered_reads(void **state)
{
    struct world *w = *state;
    int64_t begun;

    begin_and_see(w);
    run(w, 50);
    memset(w->log, 0, sizeof(w->log));
    w->filtered = "[" SERVICE("b", OURS) "]";
    w->tasks = "[" TASK("t2", "b", "running") "]";
    send_event(w, "service", "b");
    begun = clock_mono_ms();
    assert_true(run(w, 500));
    assert_in_range(w->viewed_ms - begun, 0, 60);
    assert_string_equal(w->log, "ST");
    assert_int_equal(w->view->num_services, 2);
    assert_int_equal(w->view->num_tasks, 2); /* the filtered read withdrew nothing of "a" */
}

/* Of an update that makes other tasks Docker says more than the name. */
static void tasks_are_read_again_after_what_may_have_changed_them(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    run(w, 50);
    memset(w->log, 0, sizeof(w->log));
    w->filtered = "[" SERVICE("b", OURS) "]";
    w->tasks = "[" TASK("t2", "b", "running") "]";
    send_update(w, "service", "b", "\"name\":\"b\"");
    assert_true(run(w, 500));
    assert_false(run(w, 400));
    assert_string_equal(w->log, "ST");
    send_update(w, "service", "b", "\"name\":\"b\",\"updatestate.new\":\"updating\"");
    (void)run(w, 400);
    assert_string_equal(w->log, "STSTT");
}

static void a_service_of_others_costs_one_read_and_no_view(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    run(w, 50);
    memset(w->log, 0, sizeof(w->log));
    w->filtered = "[" SERVICE("p", "other") "]";
    send_event(w, "service", "p");
    assert_false(run(w, 400));
    assert_string_equal(w->log, "S");
}

static void a_service_that_is_wanted_by_name_is_seen_without_labels(void **state)
{
    static const char *const names[] = {"p"};
    struct world *w = *state;

    begin_and_see(w);
    w->tasks = "[" TASK("t1", "a", "running") "," TASK("t2", "p", "running") "]";
    observe_want(w->observe, names, 1);
    assert_true(run(w, 500));
    assert_int_equal(w->view->num_services, 2);
    assert_int_equal(w->view->num_tasks, 2);
    observe_want(w->observe, names, 0);
    assert_true(run(w, 500));
    assert_int_equal(w->view->num_services, 1);
    assert_int_equal(w->view->num_tasks, 1);
}

static void a_service_that_is_removed_goes_with_its_tasks(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    w->filtered = w->services = "[]";
    send_event(w, "service", "a");
    assert_true(run(w, 500));
    assert_int_equal(w->view->num_services, 0);
    assert_int_equal(w->view->num_tasks, 0);
}

static void a_task_on_its_way_is_polled_until_it_runs(void **state)
{
    struct world *w = *state;

    w->tasks = "[" TASK("t1", "a", "starting") "]";
    begin_and_see(w);
    assert_int_equal(w->view->tasks[0].state, VIEW_TASK_BEFORE_RUNNING);
    w->tasks = "[" TASK("t1", "a", "running") "]";
    memset(w->log, 0, sizeof(w->log));
    assert_true(run(w, 500));
    assert_string_equal(w->log, "T");
    assert_int_equal(w->view->tasks[0].state, VIEW_TASK_RUNNING);
}

static void a_service_that_vanishes_between_two_reads_does_not_spoil_the_rest(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    run(w, 50);
    memset(w->log, 0, sizeof(w->log));
    w->filtered_gone = true;
    w->filtered = "[" SERVICE("a", OURS) "," SERVICE("b", OURS) "]";
    w->tasks = "[" TASK("t1", "a", "failed") "]";
    send_event(w, "service", "a");
    send_event(w, "service", "b");
    assert_true(run(w, 500));
    assert_string_equal(w->log, "STT");
    assert_int_equal(w->view->tasks[0].state, VIEW_TASK_ENDED);
    w->filtered = "[" SERVICE("a", OURS) "]";
    assert_true(run(w, 500)); /* "b" is read again, and is gone */
    assert_int_equal(w->view->num_services, 1);
}

static void a_read_that_fails_withdraws_nothing(void **state)
{
    static const char *const reasons[MOOD__COUNT] = {
        [HANGS] = "no whole reply",        [ERRS] = "no leader",
        [LIES] = "not a whole JSON array", [BREAKS_OFF] = "whole",
        [CLOSES] = "did not come",         [NOT_MANAGER] = "not a swarm manager"};
    struct world *w = *state;

    begin_and_see(w);
    for (enum mood mood = HANGS; mood < MOOD__COUNT; mood++) {
        int64_t good;

        w->mood = mood;
        send_event(w, "service", "a");
        assert_false(run(w, 250));
        assert_non_null(w->health.last_error.code);
        assert_non_null(strstr(w->health.last_error.text, reasons[mood]));
        assert_true(w->health.ever_read);
        good = observe_health(w->observe)->last_good_mono_ms;
        w->mood = GOOD;
        assert_false(run(w, 700)); /* as before: there is nothing to say */
        assert_null(w->health.last_error.code);
        assert_true(observe_health(w->observe)->last_good_mono_ms > good);
    }
    assert_int_equal(w->num_views, 1);
}

static void nodes_or_networks_that_cannot_be_read_do_not_freeze_the_tasks(void **state)
{
    static const char *const paths[] = {"/nodes?", "/networks?"};
    struct world *w = *state;

    begin_and_see(w);
    for (size_t i = 0; i < 2; i++) {
        w->refused = paths[i];
        w->tasks = "[" TASK("t1", "a", "running") "," TASK("t2", "a", "running") "]";
        assert_true(run(w, 2500));
        assert_int_equal(w->view->num_tasks, 2);
        assert_int_equal(w->view->num_nodes, 1);
        assert_int_equal(w->view->num_networks, 1);
        run(w, 1300); /* a poll may have found the change: a round of everything tells the error */
        assert_non_null(w->health.last_error.code);
        int64_t good_ms = observe_health(w->observe)->last_good_mono_ms;

        w->tasks =
            "[" TASK("t1", "a", "running") "]"; /* by the event's round, which lacks nothing */
        w->filtered = "[" SERVICE("a", OURS) "]";
        send_event(w, "service", "a");
        assert_true(run(w, 2500));
        assert_int_equal(w->view->num_tasks, 1);
        assert_non_null(w->health.last_error.code);
        assert_int_equal(observe_health(w->observe)->last_good_mono_ms, good_ms);
        w->refused = NULL;
        run(w, 1300);
        assert_null(w->health.last_error.code);
        assert_true(observe_health(w->observe)->last_good_mono_ms > good_ms);
    }
}

static void the_first_view_waits_for_nodes_and_networks(void **state)
{
    struct world *w = *state;

    w->refused = "/networks?";
    begin(w);
    assert_false(run(w, 800));
    assert_non_null(w->health.last_error.code);
    w->refused = NULL;
    assert_true(run(w, 2000));
    assert_int_equal(w->view->num_networks, 1);
}

static void a_stream_that_ends_is_opened_again_and_everything_read(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    run(w, 50);
    memset(w->log, 0, sizeof(w->log));
    w->tasks = "[" TASK("t1", "a", "running") "," TASK("t2", "a", "running") "]";
    fake_send(w->stream, "0\r\n\r\n");
    assert_true(run(w, 600));
    assert_string_equal(w->log, "vestnw");
    assert_int_equal(w->view->num_tasks, 2);
    run(w, 50);
    assert_true(w->health.events_open);
    assert_null(w->health.last_error.code);
}

static void garbage_in_the_stream_is_passed_over(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    fake_send(w->stream, "c\r\nhello world\n\r\n5\r\n{\"Ty\n\r\n");
    w->filtered = "[" SERVICE("a", "com.docker.lb.port") "]";
    send_event(w, "service", "../../secrets");
    send_event(w, "service", "a");
    assert_true(run(w, 500));
    assert_string_equal(w->view->services[0].labels[0].key, "com.docker.lb.port");
}

static void a_docker_that_goes_and_comes_back_is_followed_again(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    fake_unlisten(&w->fake);
    w->stream = NULL;
    assert_false(run(w, 500));
    assert_false(w->health.events_open);
    assert_string_equal(w->health.last_error.code, "Unreachable");
    assert_int_equal(w->view->num_services, 1);
    w->tasks = "[]";
    fake_listen(&w->fake);
    assert_true(run(w, 3000));
    assert_int_equal(w->view->num_tasks, 0);
}

static void an_engine_that_is_away_at_first_is_no_error_of_ours(void **state)
{
    struct world *w = *state;

    fake_unlisten(&w->fake);
    begin(w);
    assert_false(run(w, 250));
    assert_string_equal(w->health.last_error.code, "Unreachable");
    fake_listen(&w->fake);
    assert_true(run(w, 2000));
}

static void an_engine_that_is_too_old_is_named_and_never_read(void **state)
{
    struct world *w = *state;

    w->version = "{\"ApiVersion\":\"1.40\"}";
    begin(w);
    assert_false(run(w, 150));
    assert_string_equal(w->health.last_error.code, "TooOld");
    assert_null(strchr(w->log, 's'));
}

static void lists_do_not_wait_for_ever_for_a_silent_stream(void **state)
{
    struct world *w = *state;

    w->events_hang = true;
    begin(w);
    assert_true(run(w, 1500));
    assert_false(w->health.events_open);
}

static void a_first_read_that_fails_gives_no_view(void **state)
{
    struct world *w = *state;

    w->nodes = "null";
    begin(w);
    assert_false(run(w, 400));
    assert_false(w->health.ever_read);
    w->nodes = NODE("ready");
    assert_true(run(w, 2000));
}

static void a_burst_of_events_shares_a_few_rounds(void **state)
{
    struct world *w = *state;
    int before;

    begin_and_see(w);
    run(w, 50);
    before = w->fake.num_requests;
    w->filtered = "[" SERVICE("a", OURS) "]";
    for (int i = 0; i < 200; i++)
        send_event(w, "service", "a");
    run(w, 100);
    assert_in_range(w->fake.num_requests - before, 2, 8);
}

static void more_services_than_fit_in_a_filter_are_read_as_a_whole(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    run(w, 50);
    memset(w->log, 0, sizeof(w->log));
    for (int i = 0; i < 300; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "s%d", i);
        send_event(w, "service", id);
    }
    run(w, 200);
    assert_non_null(strstr(w->log, "stnw"));
}

static void a_node_that_turns_unknown_withdraws_no_task(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    w->nodes = NODE("unknown");
    send_event(w, "node", "n1");
    assert_true(run(w, 500));
    assert_int_equal(w->view->nodes[0].state, VIEW_NODE_UNKNOWN);
    assert_int_equal(w->view->num_tasks, 1);
    assert_int_equal(w->view->tasks[0].state, VIEW_TASK_RUNNING);
}

static void a_network_is_read_when_it_is_new_or_its_event_comes(void **state)
{
    struct world *w = *state;

    begin_and_see(w);
    w->networks = "[]";
    send_event(w, "network", "net");
    assert_true(run(w, 500));
    assert_int_equal(w->view->num_networks, 0);
    w->networks = NETWORK;
    send_event(w, "service", "a"); /* it is attached to a network that is not known */
    assert_true(run(w, 500));
    assert_int_equal(w->view->num_networks, 1);
}

static void endpoints_that_cannot_be_are_refused(void **state)
{
    static const char *const endpoints[] = {"",
                                            "unix://",
                                            "unix://relative",
                                            "/var/run/docker.sock",
                                            "tcp://",
                                            "tcp://host/path",
                                            "tcp://user@host:1",
                                            "tcp://host:99999",
                                            "tcp://a b:1",
                                            "http://host:2375"};
    struct world *w = *state;
    struct observe_config config = {.on_view = on_view, .arg = w};
    struct err e = {0};

    for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++) {
        config.docker = (const char *const[]){endpoints[i], NULL};
        assert_null(observe_new(w->base, &config, &e));
        assert_string_equal(e.code, "BadEndpoint");
    }
    config.docker = NULL;
    assert_null(observe_new(w->base, &config, &e));
    config.docker = (const char *const[]){"tcp://127.0.0.1:2375", NULL};
    w->observe = observe_new(w->base, &config, &e);
    assert_non_null(w->observe);
}

static void it_may_be_freed_at_any_moment(void **state)
{
    struct world *w = *state;

    for (int64_t ms = 0; ms < 12; ms++) {
        begin(w);
        run(w, ms);
        observe_free(w->observe);
        view_free(w->view); /* the next one begins with nothing */
        w->view = NULL;
    }
    w->observe = NULL;
    run(w, 50);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_view_is_whole_and_read_after_the_stream_is_open),
        TEST(nothing_is_said_when_nothing_changed),
        TEST(a_change_without_an_event_is_found_by_the_reconcile),
        TEST(an_event_leads_to_a_view_at_once_by_filtered_reads),
        TEST(a_service_of_others_costs_one_read_and_no_view),
        TEST(a_service_that_is_wanted_by_name_is_seen_without_labels),
        TEST(a_service_that_is_removed_goes_with_its_tasks),
        TEST(a_task_on_its_way_is_polled_until_it_runs),
        TEST(tasks_are_read_again_after_what_may_have_changed_them),
        TEST(a_service_that_vanishes_between_two_reads_does_not_spoil_the_rest),
        TEST(a_read_that_fails_withdraws_nothing),
        TEST(nodes_or_networks_that_cannot_be_read_do_not_freeze_the_tasks),
        TEST(the_first_view_waits_for_nodes_and_networks),
        TEST(a_stream_that_ends_is_opened_again_and_everything_read),
        TEST(garbage_in_the_stream_is_passed_over),
        TEST(a_docker_that_goes_and_comes_back_is_followed_again),
        TEST(an_engine_that_is_away_at_first_is_no_error_of_ours),
        TEST(an_engine_that_is_too_old_is_named_and_never_read),
        TEST(lists_do_not_wait_for_ever_for_a_silent_stream),
        TEST(a_first_read_that_fails_gives_no_view),
        TEST(a_burst_of_events_shares_a_few_rounds),
        TEST(more_services_than_fit_in_a_filter_are_read_as_a_whole),
        TEST(a_node_that_turns_unknown_withdraws_no_task),
        TEST(a_network_is_read_when_it_is_new_or_its_event_comes),
        TEST(endpoints_that_cannot_be_are_refused),
        TEST(it_may_be_freed_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
