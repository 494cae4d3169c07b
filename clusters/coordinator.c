/*
 * The loop of control: a new view marks the coordinator dirty; one event at the end of the turn
 * compiles it, commits the difference of all clusters as one commit and announces to each cluster
 * its own part. A commit that fails leaves the view in place and is tried again each second; until
 * it succeeds nothing of it is published. Reports come back through a mailbox. Knows no HTTP beyond
 * the addresses it passes on, and nothing of who asks.
 */
#include "clusters/coordinator.h"

#include <string.h>

#include <event2/event.h>

#include "clusters/compile/diff.h"
#include "clusters/gateways.h"
#include "clusters/publish/mailbox.h"
#include "clusters/swarm/observe.h"
#include "clusters/swarm/view.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"
#include "store/store.h"

enum {
    COORDINATOR_MAGIC = 0x0c004d01,
    REPORTS_WAITING_MAX = 2048, /* news that the loop has not taken; more are refused with 503 */
    STALE_MS = 60000            /* without one good reading the coordinator is not ready */
};

struct cluster {
    char *name;
    struct compile_cluster loaded;       /* from the store, until the first commit of this run */
    const struct compile_cluster *table; /* what is committed: `loaded` or in `committed` */
    struct map commits;                  /* object name -> struct stamp */
    uint64_t revision;
    bool served;
    struct gateways *gateways;
};

struct stamp {
    uint64_t commit;
};

struct coordinator {
    unsigned magic;
    struct event_base *base;
    char *default_cluster; /* NULL: none */
    const char **names;    /* of the clusters, for compile */
    struct cluster *clusters;
    size_t num_clusters;
    struct store *store;
    struct publish *publish;
    struct mailbox *news;
    struct observe *observe;
    struct view *view;                /* newest; NULL before the first */
    struct compile_result *compiled;  /* of that view */
    struct compile_result *committed; /* the newest that is in the store; may be == compiled */
    struct event *turn;
    struct event *retry;
    struct event *tick;
    struct err store_failure; /* code NULL: the last commit went well */
};

/* News on its way from the publisher's thread; the strings are its own. */
struct news_item {
    struct mailbox_item item; /* first */
    struct publish_news news;
};

bool coordinator_name_ok(struct str name)
{
    if (name.n == 0 || name.n > 63 || name.p[0] == '-' || name.p[name.n - 1] == '-')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

static struct cluster *find(const struct coordinator *c, const char *name)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (strcmp(c->clusters[i].name, name) == 0)
            return &c->clusters[i];
    }
    return NULL;
}

/* ---- news of gateways ---------------------------------------------------------------------------
 */

static void news_free(struct mailbox_item *item)
{
    struct news_item *n = (struct news_item *)item;

    free((char *)n->news.cluster);
    free((char *)n->news.gateway);
    free((char *)n->news.node);
    free((char *)n->news.refusals_json);
    free(n);
}

/* On the publisher's thread: copies and posts, touches nothing else. */
static bool on_news(void *arg, const struct publish_news *news)
{
    struct coordinator *c;
    struct news_item *n = xcalloc(1, sizeof *n);

    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    n->news = *news;
    n->news.cluster = xstrdup(news->cluster);
    n->news.gateway = xstrdup(news->gateway);
    n->news.node = xstrdup(news->node);
    n->news.refusals_json = xstrdup(news->refusals_json);
    if (news->type != PUBLISH_NEWS_REPORT) {
        mailbox_post(c->news, &n->item);
        return true;
    }
    if (mailbox_try_post(c->news, &n->item, REPORTS_WAITING_MAX))
        return true;
    news_free(&n->item);
    return false;
}

static void on_news_item(void *arg, struct mailbox_item *owned)
{
    struct news_item *n = (struct news_item *)owned;
    struct coordinator *c;
    struct cluster *cl;

    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    cl = find(c, n->news.cluster);
    ASSERT(cl != NULL);
    gateways_take(cl->gateways, &n->news, clock_mono_ms());
    news_free(owned);
}

/* ---- commit and publish -------------------------------------------------------------------------
 */

static int object_order(const void *a, const void *b)
{
    const struct compile_object *x = a;
    const struct compile_object *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Does any object of the sorted table have this name? */
static bool table_names(const struct compile_cluster *table, const char *name)
{
    for (int kind = 0; kind < ROUTE_KIND__COUNT; kind++) {
        const struct compile_object key = {.kind = (enum route_kind)kind, .name = (char *)name};

        if (table->num_objects != 0 &&
            bsearch(&key, table->objects, table->num_objects, sizeof key, object_order) != NULL)
            return true;
    }
    return false;
}

static void stamp_object(struct cluster *cl, const char *name, uint64_t commit)
{
    struct stamp *s = map_get(&cl->commits, str_from(name));

    if (s == NULL) {
        s = xcalloc(1, sizeof *s);
        ASSERT(map_put(&cl->commits, str_from(name), s) == NULL);
    }
    s->commit = commit > s->commit ? commit : s->commit;
}

/* The differences of one cluster, as its neighbours want them. */
struct delta {
    struct diff_change *changes; /* NULL when num is 0 */
    size_t num;
};

static void publish_delta(struct coordinator *c, struct cluster *cl, const struct delta *d,
                          uint64_t commit)
{
    struct publish_change *out = xcalloc(d->num, sizeof *out);

    for (size_t i = 0; i < d->num; i++) {
        const struct diff_change *ch = &d->changes[i];

        out[i] = (struct publish_change){ch->kind, ch->name, ch->value};
        if (ch->value != NULL || table_names(cl->table, ch->name))
            stamp_object(cl, ch->name, commit);
        else
            free(map_remove(&cl->commits, str_from(ch->name)));
    }
    cl->revision = commit;
    publish_commit(c->publish, cl->name, commit, out, d->num);
    free(out);
    log_info("cluster %s: commit %llu changes %zu objects", cl->name, (unsigned long long)commit,
             d->num);
}

static void serve(struct coordinator *c, struct cluster *cl, uint64_t floor)
{
    if (cl->served)
        return;
    cl->served = true;
    publish_serve(c->publish, cl->name, cl->revision, floor);
}

static size_t diff_all(const struct coordinator *c, struct delta *deltas)
{
    size_t total = 0;

    for (size_t i = 0; i < c->num_clusters; i++) {
        deltas[i].num =
            diff_tables(c->clusters[i].table, &c->compiled->clusters[i], &deltas[i].changes);
        total += deltas[i].num;
    }
    return total;
}

static bool commit_all(struct coordinator *c, const struct delta *deltas, size_t total,
                       uint64_t *out_commit, struct err *e)
{
    struct store_change *rows = xcalloc(total, sizeof *rows);
    size_t n = 0;
    bool ok;

    for (size_t i = 0; i < c->num_clusters; i++) {
        for (size_t k = 0; k < deltas[i].num; k++) {
            const struct diff_change *ch = &deltas[i].changes[k];

            rows[n++] = (struct store_change){c->clusters[i].name, route_kind_name(ch->kind),
                                              ch->name, ch->value};
        }
    }
    ok = store_commit(c->store, rows, n, "swarm", "observed", out_commit, e);
    free(rows);
    return ok;
}

/* What is compiled is now what is committed; the tables that were, go. */
static void adopt_compiled(struct coordinator *c)
{
    if (c->committed != c->compiled)
        compile_free(c->committed);
    c->committed = c->compiled;
    for (size_t i = 0; i < c->num_clusters; i++) {
        c->clusters[i].table = &c->committed->clusters[i];
        diff_table_clear(&c->clusters[i].loaded);
    }
}

static void announce(struct coordinator *c, const struct delta *deltas, uint64_t commit)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        struct cluster *cl = &c->clusters[i];

        serve(c, cl, 0);
        cl->table = &c->compiled->clusters[i];
        if (deltas[i].num != 0)
            publish_delta(c, cl, &deltas[i], commit);
    }
}

static void commit_failed(struct coordinator *c, const struct err *why)
{
    const struct timeval second = {1, 0};

    if (c->store_failure.code == NULL)
        log_error("the store does not take the commit, it is tried each second and nothing of it "
                  "is published: %s",
                  why->text);
    c->store_failure = *why;
    event_add(c->retry, &second);
}

static void commit_compiled(struct coordinator *c)
{
    struct delta *deltas = xcalloc(c->num_clusters + 1, sizeof *deltas);
    size_t total = diff_all(c, deltas);
    uint64_t commit = 0;
    struct err why = {0};

    if (total == 0 || commit_all(c, deltas, total, &commit, &why)) {
        if (c->store_failure.code != NULL)
            log_info("the store takes commits again");
        c->store_failure = (struct err){0};
        announce(c, deltas, commit);
        for (size_t i = 0; i < c->num_clusters; i++)
            free(deltas[i].changes); /* they point into the table that goes */
        adopt_compiled(c);
    } else {
        commit_failed(c, &why);
        for (size_t i = 0; i < c->num_clusters; i++)
            free(deltas[i].changes);
    }
    free(deltas);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct coordinator *c;
    struct compile_input in;

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    in = (struct compile_input){c->view, c->names, c->num_clusters, c->default_cluster};
    if (c->compiled != c->committed)
        compile_free(c->compiled);
    c->compiled = compile_run(&in);
    commit_compiled(c);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct coordinator *c;

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    if (c->store_failure.code != NULL)
        commit_compiled(c);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct coordinator *c;

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    for (size_t i = 0; i < c->num_clusters; i++)
        gateways_sweep(c->clusters[i].gateways, c->view, clock_mono_ms());
}

static void on_view(void *arg, struct view *owned)
{
    struct coordinator *c;

    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    if (c->view == NULL)
        log_info("the swarm has been read: %zu services, %zu tasks, %zu nodes", owned->num_services,
                 owned->num_tasks, owned->num_nodes);
    view_free(c->view);
    c->view = owned;
    event_active(c->turn, 0, 0);
}

/* ---- the start ----------------------------------------------------------------------------------
 */

struct loading {
    struct coordinator *c;
    struct cluster *cl;
};

static void load_object(void *arg, const char *kind, const char *name, const char *value,
                        uint64_t commit)
{
    struct loading *l = arg;
    enum route_kind k;

    if (!route_kind_from_name(kind, &k) || !diff_table_add(&l->cl->loaded, kind, name, value)) {
        log_warn("cluster %s: the store holds a \"%s\", a kind that this program does not know",
                 l->cl->name, kind);
        return;
    }
    stamp_object(l->cl, name, commit);
    publish_load_object(l->c->publish, l->cl->name, k, name, value, commit);
}

static void load_change(void *arg, uint64_t commit, const char *kind, const char *name,
                        bool deleted)
{
    struct loading *l = arg;
    enum route_kind k;

    if (deleted && route_kind_from_name(kind, &k))
        publish_load_delete(l->c->publish, l->cl->name, k, name, commit);
}

/* A cluster that has a table is served at once; a new one waits for the first view. */
static bool load_cluster(struct coordinator *c, struct cluster *cl, struct err *e)
{
    struct loading l = {c, cl};
    uint64_t floor = 0;

    if (!store_log_floor(c->store, cl->name, &floor, e) ||
        !store_revision(c->store, cl->name, &cl->revision, e) ||
        !store_each_object(c->store, cl->name, load_object, &l, e) ||
        !store_each_change(c->store, cl->name, floor, load_change, &l, e))
        return false;
    diff_table_sort(&cl->loaded);
    log_info("cluster %s: %zu objects in the store at revision %llu", cl->name,
             cl->loaded.num_objects, (unsigned long long)cl->revision);
    if (cl->revision > 0)
        serve(c, cl, floor);
    return true;
}

static bool check_names(const struct coordinator_config *config, struct err *e)
{
    bool has_default = config->default_cluster == NULL;

    if (config->num_clusters == 0)
        return err_set(e, "NoCluster", "--cluster", "name at least one service cluster");
    for (size_t i = 0; i < config->num_clusters; i++) {
        const char *name = config->clusters[i];

        if (!coordinator_name_ok(str_from(name)))
            return err_set(e, "BadName", "--cluster",
                           "\"%.80s\" is no name of a cluster: 1 to 63 lower-case letters, digits "
                           "and inner hyphens",
                           name);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(name, config->clusters[k]) == 0)
                return err_set(e, "BadName", "--cluster", "the cluster \"%s\" is named twice",
                               name);
        }
        if (!has_default && strcmp(name, config->default_cluster) == 0)
            has_default = true;
    }
    return has_default ||
           err_set(e, "BadName", "--default-cluster", "\"%.80s\" is not among the --cluster names",
                   config->default_cluster);
}

static void add_clusters(struct coordinator *c, const struct coordinator_config *config)
{
    c->num_clusters = config->num_clusters;
    c->clusters = xcalloc(c->num_clusters, sizeof c->clusters[0]);
    c->names = xcalloc(c->num_clusters, sizeof c->names[0]);
    for (size_t i = 0; i < c->num_clusters; i++) {
        struct cluster *cl = &c->clusters[i];

        cl->name = xstrdup(config->clusters[i]);
        cl->table = &cl->loaded;
        cl->gateways = gateways_new();
        map_init(&cl->commits);
        c->names[i] = cl->name;
    }
}

static bool add_events(struct coordinator *c, struct err *e)
{
    const struct timeval tick = {10, 0};

    c->turn = event_new(c->base, -1, 0, on_turn, c);
    c->retry = event_new(c->base, -1, 0, on_retry, c);
    c->tick = event_new(c->base, -1, EV_PERSIST, on_tick, c);
    if (c->turn == NULL || c->retry == NULL || c->tick == NULL || event_add(c->tick, &tick) != 0)
        return err_set(e, "NoMemory", "", "libevent gives no timers");
    c->news = mailbox_new(c->base, on_news_item, c, e);
    return c->news != NULL;
}

static bool open_all(struct coordinator *c, const struct coordinator_config *config, struct err *e)
{
    const char *const docker[] = {config->docker, NULL};
    const struct observe_config observe = {.docker = docker, .on_view = on_view, .arg = c};

    c->store = store_open(config->store, e);
    if (c->store == NULL || !add_events(c, e))
        return false;
    const struct publish_config publish = {
        .listen = config->stream,
        .epoch = store_epoch(c->store),
        .clusters = c->names,
        .num_clusters = c->num_clusters,
        .access = config->access,
        .access_arg = config->access_arg,
        .on_news = on_news,
        .news_arg = c,
    };

    c->publish = publish_new(&publish, e);
    if (c->publish == NULL)
        return false;
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (!load_cluster(c, &c->clusters[i], e))
            return false;
    }
    c->observe = observe_new(c->base, &observe, e);
    return c->observe != NULL;
}

struct coordinator *coordinator_new(struct event_base *base,
                                    const struct coordinator_config *config, struct err *e)
{
    struct coordinator *c;

    if (!check_names(config, e))
        return NULL;
    c = xcalloc(1, sizeof *c);
    c->magic = COORDINATOR_MAGIC;
    c->base = base;
    c->default_cluster = config->default_cluster != NULL ? xstrdup(config->default_cluster) : NULL;
    add_clusters(c, config);
    if (open_all(c, config, e))
        return c;
    coordinator_free(c);
    return NULL;
}

static void free_clusters(struct coordinator *c)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        struct cluster *cl = &c->clusters[i];

        diff_table_clear(&cl->loaded);
        map_free(&cl->commits, free);
        gateways_free(cl->gateways);
        free(cl->name);
    }
    free(c->clusters);
    free(c->names);
}

static void free_events(struct coordinator *c)
{
    struct event *const all[] = {c->turn, c->retry, c->tick};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] != NULL)
            event_free(all[i]);
    }
}

void coordinator_free(struct coordinator *c)
{
    if (c == NULL)
        return;
    OBJ_CHECK(c, COORDINATOR_MAGIC);
    observe_free(c->observe);
    publish_free(c->publish); /* its thread posts no news after this */
    mailbox_free(c->news, news_free);
    free_events(c);
    if (c->committed != c->compiled)
        compile_free(c->committed);
    compile_free(c->compiled);
    view_free(c->view);
    free_clusters(c);
    store_close(c->store);
    free(c->default_cluster);
    OBJ_KILL(c);
}

/* ---- what the admin API reads -------------------------------------------------------------------
 */

bool coordinator_ready(const struct coordinator *c, struct err *why)
{
    const struct observe_health *h = observe_health(c->observe);
    int64_t age = clock_mono_ms() - h->last_good_mono_ms;

    if (c->store_failure.code != NULL)
        return err_set(why, "StoreFailed", "", "the store does not take commits: %s",
                       c->store_failure.text);
    if (c->compiled == NULL)
        return err_set(why, "NotRead", "", "the swarm has not been read yet%s%s",
                       h->last_error.code != NULL ? ": " : "", h->last_error.text);
    if (age > STALE_MS)
        return err_set(why, "Stale", "", "the swarm was last read %lld s ago%s%s",
                       (long long)(age / 1000), h->last_error.code != NULL ? ": " : "",
                       h->last_error.text);
    return true;
}

bool coordinator_has_cluster(const struct coordinator *c, const char *cluster)
{
    return find(c, cluster) != NULL;
}

uint64_t coordinator_revision(const struct coordinator *c, const char *cluster)
{
    const struct cluster *cl = find(c, cluster);

    return cl != NULL ? cl->revision : 0;
}

uint16_t coordinator_stream_port(const struct coordinator *c)
{
    return publish_port(c->publish);
}

const struct compile_result *coordinator_compiled(const struct coordinator *c)
{
    return c->compiled;
}

uint64_t coordinator_service_commit(const struct coordinator *c, const char *cluster,
                                    const char *service)
{
    const struct cluster *cl = find(c, cluster);
    const struct stamp *s = cl != NULL ? map_get(&cl->commits, str_from(service)) : NULL;

    return s != NULL ? s->commit : 0;
}

void coordinator_each_gateway(const struct coordinator *c, const char *cluster,
                              coordinator_gateway_fn *fn, void *arg)
{
    const struct cluster *cl = find(c, cluster);

    if (cl != NULL)
        gateways_each(cl->gateways, c->view, clock_mono_ms(), fn, arg);
}
