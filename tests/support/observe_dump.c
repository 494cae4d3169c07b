/*
 * observe_dump ENDPOINT...: prints each view of a swarm as one JSON line, with the wall clock in
 * milliseconds, and each change of health. A debugging tool, and what the swarm tests measure with.
 */
#include <signal.h>
#include <stdio.h>

#include <event2/event.h>

#include "clusters/swarm/observe.h"
#include "clusters/swarm/patch.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

enum { LINE_MAX = 256 << 20 };

static void add(struct buf *b, const char *before, const char *text)
{
    ASSERT(buf_add_str(b, str_from(before)) && buf_add_json(b, str_from(text)));
}

static void add_networks(struct buf *b, const struct view_attachment *a, size_t num)
{
    ASSERT(buf_add_str(b, STR(",\"networks\":[")));
    for (size_t i = 0; i < num; i++) {
        add(b, i ? ",[" : "[", a[i].network_id);
        add(b, ",", a[i].address);
        ASSERT(buf_add_str(b, STR("]")));
    }
    ASSERT(buf_add_str(b, STR("]}")));
}

static void add_service(struct buf *b, const struct view_service *s)
{
    add(b, "{\"id\":", s->id);
    add(b, ",\"name\":", s->name);
    add(b, ",\"created\":", s->created_at);
    ASSERT(buf_add_fmt(b, ",\"version\":%llu,\"updating\":%s,\"labels\":{",
                       (unsigned long long)s->version, s->updating ? "true" : "false"));
    for (size_t i = 0; i < s->num_labels; i++) {
        add(b, i ? "," : "", s->labels[i].key);
        add(b, ":", s->labels[i].value);
    }
    ASSERT(buf_add_str(b, STR("}")));
    add_networks(b, s->networks, s->num_networks);
}

static void add_task(struct buf *b, const struct view_task *t)
{
    static const char *const states[] = {"before", "running", "ended"};

    add(b, "{\"id\":", t->id);
    add(b, ",\"service\":", t->service_id);
    add(b, ",\"node\":", t->node_id);
    add(b, ",\"state\":", states[t->state]);
    ASSERT(buf_add_fmt(b, ",\"desired_running\":%s", t->desired_running ? "true" : "false"));
    add_networks(b, t->networks, t->num_networks);
}

static void add_node(struct buf *b, const struct view_node *n)
{
    static const char *const states[] = {"ready", "down", "unknown"};

    add(b, "{\"id\":", n->id);
    add(b, ",\"hostname\":", n->hostname);
    add(b, ",\"address\":", n->address);
    add(b, ",\"state\":", states[n->state]);
    ASSERT(buf_add_str(b, STR("}")));
}

static void add_network(struct buf *b, const struct view_network *n)
{
    add(b, "{\"id\":", n->id);
    add(b, ",\"name\":", n->name);
    ASSERT(buf_add_fmt(b, ",\"ingress\":%s}", n->ingress ? "true" : "false"));
}

static void on_view(void *arg, struct view *now, struct view_patch *owned)
{
    struct buf b;

    (void)arg; /* nothing to remember */
    buf_init(&b, LINE_MAX);
    ASSERT(buf_add_fmt(&b, "{\"ms\":%lld,\"services\":[", (long long)clock_wall_ms()));
    for (size_t i = 0; i < now->num_services; i++) {
        ASSERT(buf_add_str(&b, i ? STR(",") : STR("")));
        add_service(&b, &now->services[i]);
    }
    ASSERT(buf_add_str(&b, STR("],\"tasks\":[")));
    for (size_t i = 0; i < now->num_tasks; i++) {
        ASSERT(buf_add_str(&b, i ? STR(",") : STR("")));
        add_task(&b, &now->tasks[i]);
    }
    ASSERT(buf_add_str(&b, STR("],\"nodes\":[")));
    for (size_t i = 0; i < now->num_nodes; i++) {
        ASSERT(buf_add_str(&b, i ? STR(",") : STR("")));
        add_node(&b, &now->nodes[i]);
    }
    ASSERT(buf_add_str(&b, STR("],\"networks\":[")));
    for (size_t i = 0; i < now->num_networks; i++) {
        ASSERT(buf_add_str(&b, i ? STR(",") : STR("")));
        add_network(&b, &now->networks[i]);
    }
    ASSERT(buf_add_str(&b, STR("]}")));
    puts(b.bytes);
    buf_free(&b);
    view_patch_free(owned);
}

static void on_health(void *arg, const struct observe_health *h)
{
    struct buf b;

    (void)arg; /* nothing to remember */
    buf_init(&b, 4096);
    ASSERT(buf_add_fmt(&b, "{\"ms\":%lld,\"ever_read\":%d,\"events_open\":%d",
                       (long long)clock_wall_ms(), h->ever_read, h->events_open));
    add(&b, ",\"api\":", h->api_version);
    add(&b, ",\"error\":", h->last_error.code ? h->last_error.text : "");
    ASSERT(buf_add_str(&b, STR("}")));
    puts(b.bytes);
    buf_free(&b);
}

static void on_signal(evutil_socket_t s, short what, void *arg)
{
    (void)s, (void)what; /* any of the two signals */
    event_base_loopbreak(arg);
}

int main(int argc, char **argv)
{
    struct observe_config config = {
        .docker = (const char *const *)argv + 1, .on_view = on_view, .on_health = on_health};
    struct event_base *base = event_base_new();
    struct event *term, *intr;
    struct observe *o;
    struct err e = {0};

    if (argc < 2)
        return 2;
    log_init("observe_dump", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    term = evsignal_new(base, SIGTERM, on_signal, base);
    intr = evsignal_new(base, SIGINT, on_signal, base);
    ASSERT(event_add(term, NULL) == 0 && event_add(intr, NULL) == 0);
    o = observe_new(base, &config, &e);
    if (!o) {
        log_error("%s", e.text);
        return 1;
    }
    event_base_dispatch(base);
    observe_free(o);
    event_free(term);
    event_free(intr);
    event_base_free(base);
    return 0;
}
