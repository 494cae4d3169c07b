/*
 * What a change costs the observer's model and the planner: `plan_bench [SERVICES] [TASKS]` (10,000
 * and 50,000) makes a swarm of labelled services, plans it, then changes one service or one
 * document at a time and prints the CPU time of each step. One line a figure. What all of it costs
 * a coordinator, from Docker's event to the commit, is measured by tests/bench/scale.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clusters/compile/plan.h"
#include "clusters/swarm/model.h"
#include "clusters/swarm/patch.h"
#include "gateway/core/check.h"

enum { CHANGES = 50 };

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void add_label(struct view_service *s, const char *key, char *value)
{
    s->labels[s->num_labels++] = (struct view_label){xstrdup(key), value};
}

static void add_service(struct view *v, unsigned n)
{
    struct view_service s = {.id = xasprintf("service%05u", n),
                             .name = xasprintf("web%05u", n),
                             .created_at = xstrdup("2026-01-01T00:00:00.000000000Z"),
                             .labels = xcalloc(3, sizeof(*s.labels)),
                             .networks = xcalloc(1, sizeof(*s.networks)),
                             .num_networks = 1};

    add_label(&s, "com.docker.lb.hosts", xasprintf("web%05u.example.com", n));
    add_label(&s, "com.docker.lb.port", xstrdup("8080"));
    s.networks[0] = (struct view_attachment){xstrdup("net"), xstrdup("")};
    view_add_service(v, &s);
}

static void add_task(struct view *v, unsigned n, unsigned services)
{
    struct view_task t = {.id = xasprintf("task%05u", n * 7919 % 100000),
                          .service_id = xasprintf("service%05u", n % services),
                          .node_id = xstrdup("node"),
                          .desired_running = true,
                          .state = VIEW_TASK_RUNNING,
                          .networks = xcalloc(1, sizeof(*t.networks)),
                          .num_networks = 1};

    t.networks[0] =
        (struct view_attachment){xstrdup("net"), xasprintf("10.%u.%u.1", n / 250, n % 250)};
    view_add_task(v, &t);
}

static struct view *make_view(unsigned services, unsigned tasks)
{
    struct view *v = view_new();
    struct view_node node = {.id = xstrdup("node")};
    struct view_network network = {.id = xstrdup("net"), .name = xstrdup("app")};

    for (unsigned i = 0; i < services; i++)
        add_service(v, i);
    for (unsigned i = 0; i < tasks; i++)
        add_task(v, i, services);
    view_add_node(v, &node);
    view_add_network(v, &network);
    view_seal(v);
    return v;
}

/* As a read would leave it: a service with memory of its own. */
static void replace_hosts(struct view_service *s, unsigned n)
{
    struct view_service fresh = {.id = xstrdup(s->id),
                                 .name = xstrdup(s->name),
                                 .created_at = xstrdup(s->created_at),
                                 .labels = xcalloc(2, sizeof(*fresh.labels)),
                                 .networks = xcalloc(1, sizeof(*fresh.networks)),
                                 .num_networks = 1};

    add_label(&fresh, "com.docker.lb.hosts", xasprintf("new%05u.example.com", n));
    add_label(&fresh, "com.docker.lb.port", xstrdup("8080"));
    fresh.networks[0] = (struct view_attachment){xstrdup("net"), xstrdup("")};
    view_service_clear(s);
    *s = fresh;
}

static void settle(struct plan *p)
{
    struct plan_delta delta;

    plan_settle(p, &delta);
    plan_delta_clear(&delta);
}

/* What the observer makes of a reading of one service, and the plan of that. */
struct cost {
    double read_ms, copy_ms, plan_ms, settle_ms;
};

static double lap(double *at)
{
    double now = cpu_ms();
    double took = now - *at;

    *at = now;
    return took;
}

/* One service is read again with its tasks: it has other hosts, or a task another state. */
static struct view *read_again(const struct view *known, unsigned n, unsigned services)
{
    struct view *fresh = view_new();

    add_service(fresh, n % services);
    for (unsigned k = n % services; k < known->num_tasks; k += services)
        add_task(fresh, k, services);
    view_seal(fresh);
    if (n % 2 == 0)
        replace_hosts(&fresh->services[0], n);
    else
        fresh->tasks[0].state = VIEW_TASK_BEFORE_RUNNING;
    return fresh;
}

static void measure_change(struct plan *p, struct view *known, struct view *copy,
                           struct view *fresh, struct ids *changing, struct cost *cost)
{
    struct view_patch *patch = view_patch_new();
    struct model_scope scope = {0};
    struct model_newest newest = {0};
    double at = cpu_ms();

    ids_add(&scope.services, fresh->services[0].id);
    ids_add(&scope.tasks, fresh->services[0].id);
    model_keep_newer(known, fresh, false, &newest, &scope);
    (void)model_apply(known, fresh, &scope, patch);
    model_follow_changing(known, patch, changing);
    cost->read_ms += lap(&at);
    view_patch_apply(patch, copy);
    cost->copy_ms += lap(&at);
    plan_patch(p, patch->gone, patch->come);
    cost->plan_ms += lap(&at);
    settle(p);
    cost->settle_ms += lap(&at);
    view_patch_free(patch);
    model_scope_clear(&scope);
}

/* `copy` is what the plan holds. */
static void measure_changes(struct plan *p, struct view *known, struct view *copy,
                            unsigned services)
{
    struct ids changing = {0};
    struct cost sum = {0};

    model_add_changing(known, &changing);
    for (unsigned i = 0; i < CHANGES; i++) {
        struct view *fresh = read_again(known, i * 131, services);

        measure_change(p, known, copy, fresh, &changing, &sum);
        view_free(fresh);
    }
    printf("a changed service: into what is known %.3f ms, into the plan's copy %.3f ms, into the "
           "plan %.3f ms, settled %.3f ms\n",
           sum.read_ms / CHANGES, sum.copy_ms / CHANGES, sum.plan_ms / CHANGES,
           sum.settle_ms / CHANGES);
    ids_clear(&changing);
}

static void measure_documents(struct plan *p)
{
    double at = cpu_ms();

    for (unsigned i = 0; i < CHANGES; i++) {
        char *json = xasprintf("{\"cluster\":\"east\",\"hosts\":[\"r%u.example\"],\"forward\":[{"
                               "\"pool\":\"p\"}]}",
                               i);
        struct errs e = {.num = 0};

        plan_put(p, intent_read(INTENT_ROUTE, "default", "route", 1, str_from(json), &e));
        settle(p);
        free(json);
    }
    printf("a changed route document: %.3f ms\n", (cpu_ms() - at) / CHANGES);
}

int main(int argc, char **argv)
{
    static const char *const clusters[] = {"east"};
    unsigned services = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    unsigned tasks = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 50000;
    struct plan *p = plan_new();
    struct view *known = make_view(services, tasks);
    struct view *copy = view_clone(known);
    double at = cpu_ms();

    plan_clusters(p, clusters, 1, "east");
    view_index(known);
    plan_view(p, copy);
    settle(p);
    printf("%u services, %u tasks at once: %.1f ms\n", services, tasks, cpu_ms() - at);
    measure_changes(p, known, copy, services);
    measure_documents(p);
    plan_free(p);
    view_free(copy);
    view_free(known);
    return 0;
}
