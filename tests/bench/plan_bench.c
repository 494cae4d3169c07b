/*
 * What a change costs the planner: `plan_bench [SERVICES] [TASKS]` (10,000 and 50,000) makes a
 * swarm of labelled services, plans it, then changes one service or one document at a time and
 * prints the CPU time of taking the view, of settling, and of all. One line a figure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clusters/compile/plan.h"
#include "clusters/swarm/model.h"
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

/* One service has other hosts, or a task of another state. */
static void change(struct view *v, unsigned n)
{
    struct view_task *t = &v->tasks[n * 131 % v->num_tasks];

    if (n % 2 == 0)
        replace_hosts(&v->services[n * 131 % v->num_services], n);
    else
        t->state = t->state == VIEW_TASK_RUNNING ? VIEW_TASK_ENDED : VIEW_TASK_RUNNING;
}

static void settle(struct plan *p)
{
    struct plan_delta delta;

    plan_settle(p, &delta);
    plan_delta_clear(&delta);
}

static struct view *measure_views(struct plan *p, struct view *v)
{
    double copy_ms = 0;
    double view_ms = 0;
    double settle_ms = 0;

    for (unsigned i = 0; i < CHANGES; i++) {
        double begun = cpu_ms();
        struct view *next = view_clone(v);
        double copied = cpu_ms();
        double taken;

        change(next, i);
        plan_view(p, next);
        taken = cpu_ms();
        settle(p);
        view_ms += taken - copied;
        settle_ms += cpu_ms() - taken;
        copied -= begun;
        begun = cpu_ms();
        view_free(v);
        copy_ms += copied + cpu_ms() - begun;
        v = next;
    }
    printf("a changed service: view %.3f ms, settle %.3f ms; a copy of the view %.3f ms\n",
           view_ms / CHANGES, settle_ms / CHANGES, copy_ms / CHANGES);
    return v;
}

/* One service is read again with its tasks, of which one has another state. */
static struct view *measure_reads(struct view *v, unsigned services)
{
    double read_ms = 0;

    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned n = i * 131 % services;
        struct view *fresh = view_new();
        struct model_scope scope = {0};
        struct model_newest newest = {0};
        struct ids changing = {0};
        double begun;

        add_service(fresh, n);
        for (unsigned k = n; k < v->num_tasks; k += services)
            add_task(fresh, k, services);
        fresh->tasks[0].state = VIEW_TASK_BEFORE_RUNNING;
        view_seal(fresh);
        ids_add(&scope.services, fresh->services[0].id);
        ids_add(&scope.tasks, fresh->services[0].id);
        begun = cpu_ms();
        model_keep_newer(v, fresh, false, &newest, &scope);
        (void)model_apply(v, fresh, &scope);
        model_add_changing(v, &changing);
        read_ms += cpu_ms() - begun;
        ids_clear(&changing);
        model_scope_clear(&scope);
        view_free(fresh);
    }
    printf("a service that is read again, into what is known: %.3f ms\n", read_ms / CHANGES);
    return v;
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
    struct view *v = make_view(services, tasks);
    double at = cpu_ms();

    plan_clusters(p, clusters, 1, "east");
    plan_view(p, v);
    settle(p);
    printf("%u services, %u tasks at once: %.1f ms\n", services, tasks, cpu_ms() - at);
    v = measure_views(p, v);
    measure_documents(p);
    plan_free(p);
    v = measure_reads(v, services);
    view_free(v);
    return 0;
}
