/*
 * The loop of control: a new view, or a write, asks for the end of the turn; there the view goes
 * into the plan, it is asked which clusters may be published, and what is to be committed goes to
 * the store (write_batch.c). A store that cannot be opened, or does not take a commit, is tried
 * again each second; until then nothing new is published, and streams carry what was committed
 * before. Reports come back through a mailbox. Knows no HTTP beyond the addresses it passes on, and
 * nothing of who asks.
 */
#include "clusters/coordinator_priv.h"

#include <string.h>

#include <event2/event.h>

#include "clusters/catalog.h"
#include "clusters/gateways.h"
#include "clusters/publish/mailbox.h"
#include "clusters/swarm/observe.h"
#include "clusters/write_priv.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "store/writer.h"

enum {
    REPORTS_WAITING_MAX = 2048 /* news that the loop has not taken; more are refused with 503 */
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

void coordinator_want(struct coordinator *c)
{
    uint64_t version = plan_wanted_version(c->plan);
    const char **names;
    size_t num;

    if (c->observe == NULL || version == c->wanted_version)
        return;
    c->wanted_version = version;
    names = plan_wanted(c->plan, &num);
    observe_want(c->observe, names, num);
    free(names);
}

void coordinator_turn_soon(struct coordinator *c)
{
    event_active(c->turn, 0, 0);
}

/* A cluster that may be published now has its differences committed at the end of the turn. */
static void review(struct coordinator *c)
{
    if (coordinator_hold_review(c))
        coordinator_turn_soon(c);
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
    free((char *)n->news.stats);
    free((char *)n->news.epoch);
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
    n->news.stats = xstrdup(news->stats);
    n->news.epoch = xstrdup(news->epoch);
    if (news->type == PUBLISH_NEWS_CONNECTED || news->type == PUBLISH_NEWS_DISCONNECTED) {
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
    cl = coordinator_find(c, n->news.cluster); /* NULL: it went while the news was under way */
    if (cl != NULL) {
        gateways_take(cl->gateways, &n->news, c->view, clock_mono_ms());
        if (gateways_version(cl->gateways) != cl->gateways_kept)
            coordinator_turn_soon(c);
        write_wait_review(c, cl);
    }
    news_free(owned);
    review(c);
}

/* ---- the turn -----------------------------------------------------------------------------------
 */

void coordinator_store_failed(struct coordinator *c, const struct err *why, const char *what)
{
    const struct timeval second = {1, 0};

    if (c->store_failure.code != why->code)
        log_error("%s; it is tried each second: %s", what, why->text);
    c->store_failure = *why;
    event_add(c->retry, &second);
}

/* Nothing can be judged, or nothing may be written: whoever writes is told so, and tries again. */
static void refuse_queued(struct coordinator *c, const struct err *fenced)
{
    struct err why = *fenced;
    struct write *next;

    if (why.code == NULL && coordinator_ready(c, &why))
        err_set(&why, "NotRead", "", "the coordinator is starting");
    for (struct write *w = TAILQ_FIRST(&c->queued); w != NULL; w = next) {
        next = TAILQ_NEXT(w, next);
        if (w->restored)
            continue; /* it waits for the picture */
        TAILQ_REMOVE(&c->queued, w, next);
        write_refuse(w, strcmp(why.code, "StoreFull") == 0 ? 507 : 503, why.code, "", why.text);
        write_answer(w, NULL, 0);
    }
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct coordinator *c;
    struct err why = {0};

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    if (c->batch != NULL) {
        c->turn_waits = true; /* it asks for one when it is back */
        return;
    }
    c->turn_waits = false;
    coordinator_want(c);
    coordinator_remember_secrets(c);
    coordinator_remember_gateways(c); /* before anything is answered as applied by all of them */
    if (c->view != NULL)
        coordinator_plan_view(c);
    if (c->view == NULL || c->store == NULL || !coordinator_may_commit(c, &why)) {
        refuse_queued(c, &why);
        return;
    }
    if (!c->begun)
        coordinator_hold_begin(c);
    c->begun = true;
    (void)coordinator_hold_review(c); /* whom it lets go is in this batch */
    coordinator_batch(c);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct coordinator *c;

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    for (size_t i = 0; i < c->num_clusters; i++)
        gateways_sweep(c->clusters[i]->gateways, c->view, clock_mono_ms());
    write_wait_review(c, NULL);
    review(c);
}

static void on_view(void *arg, struct view *now, struct view_patch *owned)
{
    struct coordinator *c;

    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    if (c->view == NULL) {
        c->first_view_ms = clock_mono_ms();
        log_info("the swarm has been read: %zu services, %zu tasks, %zu nodes", now->num_services,
                 now->num_tasks, now->num_nodes);
    }
    coordinator_take_view(c, now, owned);
    coordinator_turn_soon(c);
}

/* Nothing that is routed differs, but gateways may have come or gone. */
static void on_beside(void *arg, struct view *now, struct view_patch *owned)
{
    struct coordinator *c;

    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    coordinator_take_view(c, now, owned);
    review(c);
}

/* ---- the store ----------------------------------------------------------------------------------
 */

static bool open_store(struct coordinator *c, struct err *e)
{
    c->store = store_open(c->config.store, e);
    if (c->store == NULL)
        return false;
    c->writer = store_writer_new(c->store, coordinator_on_written, c, e);
    c->reader = c->writer != NULL ? store_open_reader(c->config.store, e) : NULL;
    if (c->reader != NULL && coordinator_load(c, e) && coordinator_replica_start(c, e)) {
        c->store_failure = (struct err){0};
        return true;
    }
    store_writer_free(c->writer);
    c->writer = NULL;
    store_close(c->reader);
    c->reader = NULL;
    store_close(c->store);
    c->store = NULL;
    return false;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct coordinator *c;
    struct err why = {0};

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    if (c->store != NULL && c->store_failure.code != NULL) {
        coordinator_turn_soon(c);
    } else if (c->store == NULL && open_store(c, &why)) {
        log_info("the store %s is open", c->config.store);
        coordinator_turn_soon(c);
    } else if (c->store == NULL) {
        coordinator_store_failed(c, &why, "the store cannot be opened");
    }
}

/*
 * Mistakes of the command line, and a newer program's store, end the program, so that whoever
 * started it, or the update of a Swarm service, sees it. What passes, or is mended beside the
 * running program, is waited for.
 */
static bool may_pass(const struct err *why)
{
    static const char *const codes[] = {"StoreLocked",  "StoreFull",   "StoreReadOnly",
                                        "StoreCorrupt", "StoreFailed", "StoreMissing"};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(why->code, codes[i]) == 0)
            return true;
    }
    return false;
}

/* ---- the start ----------------------------------------------------------------------------------
 */

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
    for (size_t i = 0; i < config->num_clusters; i++)
        (void)coordinator_cluster_new(c, config->clusters[i], true);
    plan_clusters(c->plan, config->clusters, config->num_clusters, config->default_cluster);
}

static bool add_events(struct coordinator *c, struct err *e)
{
    const struct timeval tick = {1, 0};

    c->turn = event_new(c->base, -1, 0, on_turn, c);
    c->retry = event_new(c->base, -1, 0, on_retry, c);
    c->tick = event_new(c->base, -1, EV_PERSIST, on_tick, c);
    if (c->turn == NULL || c->retry == NULL || c->tick == NULL || event_add(c->tick, &tick) != 0)
        return err_set(e, "NoMemory", "", "libevent gives no timers");
    c->news = mailbox_new(c->base, on_news_item, c, e);
    c->written = c->news != NULL ? mailbox_new(c->base, coordinator_batch_back, c, e) : NULL;
    return c->written != NULL;
}

static bool open_all(struct coordinator *c, const struct coordinator_config *config, struct err *e)
{
    const struct observe_config observe = {
        .docker = config->docker,
        .tls = {config->docker_tls_ca, config->docker_tls_cert, config->docker_tls_key},
        .on_view = on_view,
        .on_beside = on_beside,
        .on_secrets = coordinator_on_secrets,
        .arg = c,
    };
    const struct publish_config publish = {
        .listen = config->stream,
        .epoch = "",
        .clusters = config->clusters,
        .num_clusters = config->num_clusters,
        .access = config->access,
        .access_arg = config->access_arg,
        .on_news = on_news,
        .news_arg = c,
    };
    struct err why = {0};

    if (!add_events(c, e))
        return false;
    c->publish = publish_new(&publish, e);
    if (c->publish == NULL)
        return false;
    if (!open_store(c, &why)) {
        if (!may_pass(&why)) {
            *e = why;
            return false;
        }
        coordinator_store_failed(c, &why, "the store cannot be opened");
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
    c->config = *config;
    c->plan = plan_new();
    c->catalog = catalog_new();
    TAILQ_INIT(&c->queued);
    TAILQ_INIT(&c->batched);
    TAILQ_INIT(&c->waiting);
    STAILQ_INIT(&c->events);
    STAILQ_INIT(&c->patches);
    add_clusters(c, config);
    if (c->config.accept_empty)
        log_warn("--accept-empty: what the swarm gives is published, even when gateways hold more "
                 "routes; leave it out of the next start");
    if (open_all(c, config, e))
        return c;
    coordinator_free(c);
    return NULL;
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

    replica_free(c->replica);
    publish_free(c->publish);     /* its thread posts no news after this */
    store_writer_free(c->writer); /* nor this one */
    mailbox_free(c->news, news_free);
    mailbox_free(c->written, coordinator_batch_drop);
    coordinator_batch_end(c);
    free_events(c);
    plan_free(c->plan);
    catalog_free(c->catalog);
    coordinator_secrets_free(c);
    coordinator_drop_patches(c);
    view_free(c->planned);
    coordinator_clusters_free(c);
    store_close(c->reader);
    store_close(c->store);
    OBJ_KILL(c);
}
