/*
 * The register of a cluster's gateways. Whoever holds the cluster's token may claim any id, so the
 * number is capped and nothing here decides about traffic; it is what the API shows. Called by
 * coordinator.c with news from the publisher.
 */
#include "clusters/gateways.h"

#include <string.h>

#include "clusters/publish/epoch.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"

enum { GATEWAYS_MAGIC = 0x6a7e3a11 };

struct known {
    char *id;
    char *node;
    char *refusals_json;
    char *stats; /* lines of publish/stats.h */
    bool stats_refused;
    char *epoch; /* of the table it holds; "" = none, or not said */
    uint64_t applied;
    uint64_t held;      /* the revision of the table it holds */
    int64_t routes;     /* in the table it holds; -1 = not said */
    size_t num_streams; /* a reconnect may overlap its predecessor */
    bool was_task;      /* a view has had a task of this id */
    bool reported;
    int64_t reported_ms;
    int64_t heard_ms; /* report, or a stream's begin or end */
};

struct gateways {
    unsigned magic;
    struct map by_id;
    size_t stats_bytes; /* of all of them */
    uint64_t version;   /* of who there is */
};

static void known_free(void *p)
{
    struct known *k = p;

    free(k->id);
    free(k->node);
    free(k->refusals_json);
    free(k->stats);
    free(k->epoch);
    free(k);
}

struct gateways *gateways_new(void)
{
    struct gateways *g = xcalloc(1, sizeof *g);

    g->magic = GATEWAYS_MAGIC;
    map_init(&g->by_id);
    return g;
}

void gateways_free(struct gateways *g)
{
    if (g == NULL)
        return;
    OBJ_CHECK(g, GATEWAYS_MAGIC);
    map_free(&g->by_id, known_free);
    OBJ_KILL(g);
}

static void forget(struct gateways *g, struct known *k)
{
    ASSERT(map_remove(&g->by_id, str_from(k->id)) == k);
    g->stats_bytes -= strlen(k->stats);
    g->version++;
    known_free(k);
}

static const struct view_task *task_of(const struct view *view, const struct known *k)
{
    return view != NULL ? view_find_task(view, k->id) : NULL;
}

static bool task_is_wanted(const struct view_task *t)
{
    return t->desired_running && t->state != VIEW_TASK_ENDED;
}

static bool is_heard(const struct known *k, int64_t now_ms)
{
    return k->num_streams > 0 || now_ms - k->heard_ms <= COORDINATOR_LEASE_MS;
}

/* A task that was there and is not any more has ended, and its record with it. */
static enum coordinator_gateway_state state_of(const struct known *k, const struct view_task *task,
                                               int64_t now_ms)
{
    if (task != NULL ? !task_is_wanted(task) : k->was_task)
        return COORDINATOR_GATEWAY_GONE;
    if (is_heard(k, now_ms))
        return COORDINATOR_GATEWAY_LIVE;
    return task != NULL ? COORDINATOR_GATEWAY_SILENT : COORDINATOR_GATEWAY_UNKNOWN;
}

static bool is_live(const struct known *k, const struct view_task *task, int64_t now_ms)
{
    enum coordinator_gateway_state state = state_of(k, task, now_ms);

    return state == COORDINATOR_GATEWAY_LIVE || state == COORDINATOR_GATEWAY_SILENT;
}

enum { LEAST_WORTH = 0, NO_TASK = 1, NEVER = 2 };

/* Who goes first when there are too many. */
static int worth(const struct known *k, const struct view *view, int64_t now_ms)
{
    const struct view_task *task = task_of(view, k);

    if (k->num_streams > 0)
        return NEVER;
    if (!is_live(k, task, now_ms))
        return LEAST_WORTH;
    return task == NULL ? NO_TASK : NEVER;
}

/* True when there is room for one more. */
static bool make_room(struct gateways *g, const struct view *view, int64_t now_ms)
{
    struct known *least = NULL;
    int least_worth = NEVER;
    struct str key;
    size_t pos = 0;
    void *value;

    if (g->by_id.len < GATEWAYS_MAX)
        return true;
    while (map_next(&g->by_id, &pos, &key, &value)) {
        struct known *k = value;
        int w = worth(k, view, now_ms);

        if (w < least_worth ||
            (least != NULL && w == least_worth && k->heard_ms < least->heard_ms)) {
            least = k;
            least_worth = w;
        }
    }
    if (least == NULL)
        return false;
    forget(g, least);
    return true;
}

static struct known *add(struct gateways *g, const char *id)
{
    struct known *k = xcalloc(1, sizeof *k);

    k->id = xstrdup(id);
    k->node = xstrdup("");
    k->refusals_json = xstrdup("[]");
    k->stats = xstrdup("");
    k->epoch = xstrdup("");
    k->routes = -1;
    ASSERT(map_put(&g->by_id, str_from(k->id), k) == NULL);
    g->version++;
    return k;
}

static struct known *get_or_add(struct gateways *g, const struct publish_news *news,
                                const struct view *view, int64_t now_ms)
{
    struct known *k = map_get(&g->by_id, str_from(news->gateway));

    if (k != NULL)
        return k;
    if (!make_room(g, view, now_ms)) {
        log_debug("cluster %s: more than %d gateways are connected, \"%s\" is not shown",
                  news->cluster, (int)GATEWAYS_MAX, news->gateway);
        return NULL;
    }
    return add(g, news->gateway);
}

static void replace(char **text, const char *value)
{
    free(*text);
    *text = xstrdup(value);
}

/* Who does not say how many routes it holds now has said so before, of the same table. */
static void take_holding(struct known *k, const struct publish_news *news)
{
    k->held = news->applied;
    if (news->routes >= 0 || strcmp(k->epoch, news->epoch) != 0)
        k->routes = news->routes;
    if (strcmp(k->epoch, news->epoch) != 0)
        replace(&k->epoch, news->epoch);
}

/* Of very many gateways, each with all that is allowed, the last ones have none. */
static void take_stats(struct gateways *g, struct known *k, const struct publish_news *news)
{
    const char *stats = news->stats != NULL ? news->stats : "";
    size_t others = g->stats_bytes - strlen(k->stats);
    bool fits = others + strlen(stats) <= GATEWAYS_STATS_BYTES;

    replace(&k->stats, fits ? stats : "");
    k->stats_refused = news->stats_refused || !fits;
    g->stats_bytes = others + strlen(k->stats);
}

void gateways_take(struct gateways *g, const struct publish_news *news, const struct view *view,
                   int64_t now_ms)
{
    struct known *k = get_or_add(g, news, view, now_ms);

    if (k == NULL)
        return;
    k->heard_ms = now_ms;
    if (news->node[0] != '\0')
        replace(&k->node, news->node);
    switch (news->type) {
    case PUBLISH_NEWS_CONNECTED:
        k->num_streams++;
        break;
    case PUBLISH_NEWS_DISCONNECTED:
        k->num_streams -= k->num_streams > 0 ? 1 : 0;
        break;
    case PUBLISH_NEWS_WAITS:
        take_holding(k, news);
        break;
    case PUBLISH_NEWS_REPORT:
        take_holding(k, news);
        k->reported = true;
        k->reported_ms = now_ms;
        k->applied = news->applied;
        replace(&k->refusals_json, news->refusals_json);
        take_stats(g, k, news);
        break;
    }
}

void gateways_sweep(struct gateways *g, const struct view *view, int64_t now_ms)
{
    struct str key;
    size_t pos = 0;
    void *value;

    while (map_next(&g->by_id, &pos, &key, &value)) {
        struct known *k = value;
        const struct view_task *task = task_of(view, k);

        if (k->num_streams == 0 && (state_of(k, task, now_ms) == COORDINATOR_GATEWAY_GONE ||
                                    now_ms - k->heard_ms > GATEWAYS_FORGET_MS)) {
            forget(g, k);
        } else if (task != NULL && !k->was_task) {
            k->was_task = true;
            g->version++;
        }
    }
}

static int id_order(const void *a, const void *b)
{
    const struct known *const *x = a;
    const struct known *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

void gateways_each(const struct gateways *g, const struct view *view, int64_t now_ms,
                   coordinator_gateway_fn *fn, void *arg)
{
    struct known **all = xcalloc(g->by_id.len + 1, sizeof(struct known *));
    struct str key;
    size_t num = 0;
    size_t pos = 0;
    void *value;

    while (map_next(&g->by_id, &pos, &key, &value))
        all[num++] = value;
    qsort(all, num, sizeof(struct known *), id_order);
    for (size_t i = 0; i < num; i++) {
        const struct known *k = all[i];
        const struct coordinator_gateway shown = {
            .id = k->id,
            .node = k->node,
            .applied = k->applied,
            .epoch = k->epoch,
            .routes = k->routes,
            .connected = k->num_streams > 0,
            .state = state_of(k, task_of(view, k), now_ms),
            .reported = k->reported,
            .last_report_ms_ago = k->reported ? now_ms - k->reported_ms : 0,
            .refusals_json = k->refusals_json,
            .stats = k->stats,
            .stats_refused = k->stats_refused,
        };

        fn(arg, &shown);
    }
    free(all);
}

size_t gateways_len(const struct gateways *g)
{
    return g->by_id.len;
}

static bool is_up(const struct view *view, const struct view_task *t)
{
    const struct view_node *node = view_node(view, t->node_id);

    return t->desired_running && t->state == VIEW_TASK_RUNNING && node != NULL &&
           node->state == VIEW_NODE_READY;
}

/* Tasks that nobody has heard of. */
struct missing {
    const struct view_task **all;
    size_t num;
};

/* Of one of the gateways' services: its tasks on nodes that are there, that have not spoken yet. */
static void add_missing(const struct gateways *g, const struct view *view, const char *service_id,
                        struct missing *out)
{
    size_t num;
    const struct view_task **tasks = view_tasks_of(view, service_id, true, &num);

    out->all = xrealloc(out->all, (out->num + num + 1) * sizeof(const struct view_task *));
    for (size_t i = 0; i < num; i++) {
        if (is_up(view, tasks[i]) && map_get(&g->by_id, str_from(tasks[i]->id)) == NULL)
            out->all[out->num++] = tasks[i];
    }
    free(tasks);
}

/* free() the array. */
static struct missing find_missing(const struct gateways *g, const struct view *view,
                                   const struct map *services)
{
    struct missing m = {0};
    struct str key;
    size_t pos = 0;
    void *id;

    while (map_next(services, &pos, &key, &id))
        add_missing(g, view, id, &m);
    return m;
}

/* A live gateway's word; its service's other tasks are counted once, with the first of them. */
static void add_claim(struct gateways_claims *out, const struct known *k, const char *epoch)
{
    if (strcmp(k->epoch, epoch) == 0 && k->held > out->revision)
        out->revision = k->held;
    out->expected++;
    if (k->routes >= 0)
        out->answered++;
    if (k->routes > 0 && (uint64_t)k->routes > out->routes) {
        out->routes = (uint64_t)k->routes;
        out->gateway = k->id;
    }
    if (epoch_is_later(k->epoch, out->epoch))
        out->epoch = k->epoch;
}

void gateways_sum(const struct gateways *g, const struct view *view, int64_t now_ms,
                  const char *epoch, struct gateways_claims *out)
{
    struct map services; /* of the gateways; the values are their ids */
    struct str key;
    size_t pos = 0;
    void *value;

    *out = (struct gateways_claims){.all_known = true, .gateway = "", .epoch = ""};
    map_init(&services);
    while (map_next(&g->by_id, &pos, &key, &value)) {
        const struct known *k = value;
        const struct view_task *task = task_of(view, k);

        if (!is_live(k, task, now_ms))
            continue;
        add_claim(out, k, epoch);
        if (task == NULL)
            out->all_known = false;
        else if (map_get(&services, str_from(task->service_id)) == NULL)
            map_put(&services, str_from(task->service_id), task->service_id);
    }
    if (view != NULL) {
        struct missing m = find_missing(g, view, &services);

        out->expected += m.num;
        free(m.all);
    }
    map_free(&services, NULL);
    out->all_known = out->all_known && out->expected > 0;
}

/* The services whose tasks are gateways that were heard. */
static void find_services(const struct gateways *g, const struct view *view, struct map *out)
{
    struct str key;
    size_t pos = 0;
    void *value;

    while (map_next(&g->by_id, &pos, &key, &value)) {
        const struct view_task *task = task_of(view, value);

        if (task != NULL && map_get(out, str_from(task->service_id)) == NULL)
            map_put(out, str_from(task->service_id), task->service_id);
    }
}

static int task_order(const void *a, const void *b)
{
    const struct view_task *const *x = a;
    const struct view_task *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

void gateways_each_missing(const struct gateways *g, const struct view *view,
                           coordinator_gateway_fn *fn, void *arg)
{
    struct map services = {0};
    struct missing m;

    if (view == NULL)
        return;
    find_services(g, view, &services);
    m = find_missing(g, view, &services);
    if (m.num > 0)
        qsort(m.all, m.num, sizeof(const struct view_task *), task_order);
    for (size_t i = 0; i < m.num; i++)
        fn(arg, &(struct coordinator_gateway){.id = m.all[i]->id,
                                              .node = m.all[i]->node_id,
                                              .epoch = "",
                                              .routes = -1,
                                              .state = COORDINATOR_GATEWAY_SILENT,
                                              .refusals_json = "[]",
                                              .stats = ""});
    free(m.all);
    map_free(&services, NULL);
}

/* ---- for the next start -------------------------------------------------------------------------
 */

uint64_t gateways_version(const struct gateways *g)
{
    return g->version;
}

static bool is_word(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\t' || *s == '\n')
            return false;
    }
    return true;
}

void gateways_write(const struct gateways *g, struct buf *out)
{
    struct str key;
    size_t pos = 0;
    void *value;

    while (map_next(&g->by_id, &pos, &key, &value)) {
        const struct known *k = value;

        if (is_word(k->id) && is_word(k->node) &&
            !buf_add_fmt(out, "%s\t%s\t%s\n", k->was_task ? "task" : "-", k->id, k->node))
            return; /* of ids that long so many are no gateways of ours */
    }
}

void gateways_recall(struct gateways *g, const char *lines, int64_t now_ms)
{
    struct str rest = str_from(lines);
    struct str line;

    while (g->by_id.len < GATEWAYS_MAX && str_split(&rest, '\n', &line)) {
        struct str what;
        struct str id;
        struct known *k;
        char *text;

        if (!str_split(&line, '\t', &what) || !str_split(&line, '\t', &id) || id.n == 0 ||
            map_get(&g->by_id, id) != NULL)
            continue;
        text = xmemdup0(id.p, id.n);
        k = add(g, text);
        free(text);
        free(k->node);
        k->node = xmemdup0(line.p, line.n);
        k->was_task = str_eq(what, STR("task"));
        k->heard_ms = now_ms;
    }
}
