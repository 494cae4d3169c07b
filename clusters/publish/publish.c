/*
 * The publisher's thread and its messages. The coordinator's loop posts what to load, serve and
 * announce; the thread alone touches ledgers, streams and evhttp. Requests are in publish_http.c,
 * tables in ledger.c, streams in subscriber.c. It decides nothing about contents: what it is told,
 * it sends.
 */
#include "clusters/publish/publish.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <event2/event.h>

#include "clusters/publish/listener.h"
#include "clusters/publish/mailbox.h"
#include "clusters/publish/publish_priv.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

enum message_type {
    MESSAGE_ADD,
    MESSAGE_REMOVE,
    MESSAGE_CLOSE,
    MESSAGE_LOAD,
    MESSAGE_EPOCH, /* in the name of the only change */
    MESSAGE_SERVE,
    MESSAGE_COMMIT,
    MESSAGE_STOP
};

struct message {
    struct mailbox_item item; /* first: the mailbox's handle on it */
    enum message_type type;
    struct publish_cluster *cluster;
    uint64_t revision; /* load: the commit */
    uint64_t floor;
    size_t num;
    struct publish_change changes[]; /* strings are the message's */
};

/* ---- messages -----------------------------------------------------------------------------------
 */

static struct message *message_new(enum message_type type, struct publish_cluster *cluster,
                                   uint64_t revision, size_t num)
{
    struct message *m = xcalloc(1, sizeof *m + num * sizeof m->changes[0]);

    m->type = type;
    m->cluster = cluster;
    m->revision = revision;
    return m;
}

static void message_add(struct message *m, const struct publish_change *ch)
{
    m->changes[m->num++] = (struct publish_change){ch->kind, xstrdup(ch->name),
                                                   ch->value != NULL ? xstrdup(ch->value) : NULL};
}

static void message_free(struct message *m)
{
    for (size_t i = 0; i < m->num; i++) {
        free((char *)m->changes[i].name);
        free((char *)m->changes[i].value);
    }
    free(m);
}

static void message_drop(struct mailbox_item *item)
{
    message_free((struct message *)item);
}

static void post(struct publish *p, struct message *m)
{
    mailbox_post(p->mailbox, &m->item);
}

/* ---- the thread's side --------------------------------------------------------------------------
 */

void publish_tell(struct publish *p, struct subscriber *s, enum publish_news_type type,
                  const char *cluster)
{
    const struct publish_news news = {
        .type = type,
        .cluster = cluster,
        .gateway = s->gateway,
        .node = s->node,
        .refusals_json = "[]",
        .stats = "",
        .epoch = "",
        .routes = -1,
        .at_ms = clock_wall_ms(),
    };

    /* News of connections are never refused: publish.h says so. */
    if (s->gateway[0] != '\0')
        (void)p->config.on_news(p->config.news_arg, &news);
}

static struct publish_cluster *cluster_of(struct publish *p, const struct subscriber *s)
{
    for (size_t i = 0; i < p->clusters.num; i++) {
        if (p->clusters.all[i]->ledger == s->ledger)
            return p->clusters.all[i];
    }
    WRONG("a stream of no cluster");
}

void publish_on_closed(void *arg, struct subscriber *s)
{
    struct publish *p;
    struct publish_cluster *c;

    OBJ_CAST(p, arg, PUBLISH_MAGIC);
    c = cluster_of(p, s);
    TAILQ_REMOVE(&c->subscribers, s, next);
    TAILQ_INSERT_TAIL(&p->closed, s, next);
    publish_tell(p, s, PUBLISH_NEWS_DISCONNECTED, c->name);
    event_active(p->bury, 0, 0);
}

static void bury(struct publish *p)
{
    struct subscriber *s;

    while ((s = TAILQ_FIRST(&p->closed)) != NULL) {
        TAILQ_REMOVE(&p->closed, s, next);
        subscriber_free(s);
    }
}

static void on_bury(evutil_socket_t fd, short what, void *arg)
{
    struct publish *p;

    (void)fd;
    (void)what;
    OBJ_CAST(p, arg, PUBLISH_MAGIC);
    bury(p);
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    struct publish *p;
    struct subscriber *s;

    (void)fd;
    (void)what;
    OBJ_CAST(p, arg, PUBLISH_MAGIC);
    for (size_t i = 0; i < p->clusters.num; i++) {
        TAILQ_FOREACH(s, &p->clusters.all[i]->subscribers, next)
        subscriber_beat(s);
    }
}

static void take_load(const struct message *m)
{
    struct ledger *l = m->cluster->ledger;
    const struct publish_change *ch = &m->changes[0];
    struct err why = {0};

    if (ledger_is_open(l))
        WRONG("a cluster is filled before it is served");
    if (ch->value == NULL)
        ledger_load_delete(l, ch->kind, ch->name, m->revision);
    else if (!ledger_load_set(l, ch->kind, ch->name, ch->value, m->revision, &why))
        log_error("cluster %s: not published: %s", m->cluster->name, why.text);
}

static void clusters_add(struct publish_clusters *list, struct publish_cluster *c)
{
    list->all = xrealloc(list->all, (list->num + 1) * sizeof(struct publish_cluster *));
    list->all[list->num++] = c;
}

static void take_add(struct publish *p, struct publish_cluster *c)
{
    for (size_t i = 0; i < p->clusters.num; i++) {
        if (p->clusters.all[i] == c) {
            c->gone = false;
            return;
        }
    }
    clusters_add(&p->clusters, c);
}

static void end_streams(struct publish_cluster *c)
{
    struct subscriber *s;

    while ((s = TAILQ_FIRST(&c->subscribers)) != NULL)
        subscriber_end(s); /* leaves the list */
}

static void take_close(struct publish *p, struct publish_cluster *c)
{
    end_streams(c);
    bury(p); /* they lean on the ledger */
    ledger_free(c->ledger);
    c->ledger = ledger_new(c->name, p->config.epoch);
}

static void take_epoch(const struct message *m)
{
    ledger_set_epoch(m->cluster->ledger, m->changes[0].name);
    end_streams(m->cluster);
}

static void take_commit(const struct message *m)
{
    struct publish_cluster *c = m->cluster;
    struct err why = {0};
    struct subscriber *s;
    struct subscriber *next;
    size_t bytes = 0;

    if (!ledger_apply(c->ledger, m->revision, m->changes, m->num, &why))
        log_error("cluster %s: not published in commit %llu: %s", c->name,
                  (unsigned long long)m->revision, why.text);
    for (size_t i = 0; i < m->num; i++)
        bytes += strlen(m->changes[i].name) +
                 (m->changes[i].value != NULL ? strlen(m->changes[i].value) : 0);
    for (s = TAILQ_FIRST(&c->subscribers); s != NULL; s = next) {
        next = TAILQ_NEXT(s, next); /* a cut one leaves the list */
        subscriber_commit(s, bytes);
    }
}

static void on_message(void *arg, struct mailbox_item *owned)
{
    struct message *m = (struct message *)owned;
    struct publish *p;

    OBJ_CAST(p, arg, PUBLISH_MAGIC);
    switch (m->type) {
    case MESSAGE_ADD:
        take_add(p, m->cluster);
        break;
    case MESSAGE_REMOVE:
        m->cluster->gone = true;
        take_close(p, m->cluster);
        break;
    case MESSAGE_CLOSE:
        take_close(p, m->cluster);
        break;
    case MESSAGE_LOAD:
        take_load(m);
        break;
    case MESSAGE_EPOCH:
        take_epoch(m);
        break;
    case MESSAGE_SERVE:
        ledger_open(m->cluster->ledger, m->revision, m->floor);
        break;
    case MESSAGE_COMMIT:
        take_commit(m);
        break;
    case MESSAGE_STOP:
        event_base_loopbreak(p->base);
        break;
    }
    message_free(m);
}

static void *thread_main(void *arg)
{
    struct publish *p;

    OBJ_CAST(p, arg, PUBLISH_MAGIC);
    if (event_base_loop(p->base, EVLOOP_NO_EXIT_ON_EMPTY) != 0)
        log_error("the stream listener's loop has failed");
    return NULL;
}

/* ---- the caller's side --------------------------------------------------------------------------
 */

static struct publish_cluster *find_in(const struct publish_clusters *list, const char *name)
{
    for (size_t i = 0; i < list->num; i++) {
        if (strcmp(list->all[i]->name, name) == 0)
            return list->all[i];
    }
    return NULL;
}

struct publish_cluster *publish_find(struct publish *p, const char *name)
{
    struct publish_cluster *c = find_in(&p->clusters, name);

    return c != NULL && !c->gone ? c : NULL;
}

static struct publish_cluster *cluster_new(struct publish *p, const char *name)
{
    struct publish_cluster *c = xcalloc(1, sizeof *c);

    c->name = xstrdup(name);
    c->ledger = ledger_new(name, p->config.epoch);
    TAILQ_INIT(&c->subscribers);
    clusters_add(&p->known, c);
    return c;
}

static void add_clusters(struct publish *p, const struct publish_config *config)
{
    for (size_t i = 0; i < config->num_clusters; i++)
        clusters_add(&p->clusters, cluster_new(p, config->clusters[i]));
}

static bool open_events(struct publish *p, struct err *e)
{
    const struct listener_config listen = {
        .listen = p->config.listen,
        .flag = "--stream",
        .connections_max = PUBLISH_CONNECTIONS_MAX,
        .body_max = PUBLISH_REPORT_MAX,
        .on_request = publish_on_request,
        .arg = p,
    };
    const struct timeval beat = {PUBLISH_BEAT_S, 0};

    p->base = event_base_new();
    if (p->base == NULL)
        return err_set(e, "NoMemory", "", "libevent gives no loop");
    p->beat = event_new(p->base, -1, EV_PERSIST, on_beat, p);
    p->bury = event_new(p->base, -1, 0, on_bury, p);
    if (p->beat == NULL || p->bury == NULL || event_add(p->beat, &beat) != 0)
        return err_set(e, "NoMemory", "", "libevent gives no timers");
    p->mailbox = mailbox_new(p->base, on_message, p, e);
    if (p->mailbox == NULL)
        return false;
    p->listener = listener_new(p->base, &listen, e);
    if (p->listener == NULL)
        return false;
    p->port = listener_port(p->listener);
    return true;
}

/* Signals belong to the main loop. */
static bool start_thread(struct publish *p, struct err *e)
{
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    rc = pthread_create(&p->thread, NULL, thread_main, p);
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (rc != 0)
        return err_set(e, "NoThread", "", "no thread for the stream listener: %s", strerror(rc));
    p->running = true;
    return true;
}

struct publish *publish_new(const struct publish_config *config, struct err *e)
{
    struct publish *p = xcalloc(1, sizeof *p);

    p->magic = PUBLISH_MAGIC;
    p->config = *config;
    p->config.listen = xstrdup(config->listen);
    p->config.epoch = xstrdup(config->epoch);
    p->config.clusters = NULL;
    p->config.num_clusters = 0;
    TAILQ_INIT(&p->closed);
    add_clusters(p, config);
    if (open_events(p, e) && start_thread(p, e))
        return p;
    publish_free(p);
    return NULL;
}

static void free_clusters(struct publish *p)
{
    struct subscriber *s;

    for (size_t i = 0; i < p->known.num; i++) {
        struct publish_cluster *c = p->known.all[i];

        while ((s = TAILQ_FIRST(&c->subscribers)) != NULL) {
            TAILQ_REMOVE(&c->subscribers, s, next);
            subscriber_free(s);
        }
    }
    bury(p);
    if (p->listener != NULL)
        listener_free(p->listener);
    for (size_t i = 0; i < p->known.num; i++) {
        ledger_free(p->known.all[i]->ledger);
        free(p->known.all[i]->name);
        free(p->known.all[i]);
    }
    free(p->known.all);
    free(p->clusters.all);
}

void publish_free(struct publish *p)
{
    if (p == NULL)
        return;
    OBJ_CHECK(p, PUBLISH_MAGIC);
    if (p->running) {
        post(p, message_new(MESSAGE_STOP, NULL, 0, 0));
        ASSERT(pthread_join(p->thread, NULL) == 0);
    }
    free_clusters(p);
    if (p->beat != NULL)
        event_free(p->beat);
    if (p->bury != NULL)
        event_free(p->bury);
    mailbox_free(p->mailbox, message_drop);
    if (p->base != NULL)
        event_base_free(p->base); /* runs what libevent had put off */
    free((char *)p->config.listen);
    free((char *)p->config.epoch);
    OBJ_KILL(p);
}

uint16_t publish_port(const struct publish *p)
{
    return p->port;
}

static struct publish_cluster *must_find(struct publish *p, const char *name)
{
    struct publish_cluster *c = find_in(&p->known, name);

    OBJ_CHECK(p, PUBLISH_MAGIC);
    ASSERT(c != NULL);
    return c;
}

void publish_add_cluster(struct publish *p, const char *name)
{
    struct publish_cluster *c = find_in(&p->known, name);

    if (c == NULL)
        c = cluster_new(p, name);
    post(p, message_new(MESSAGE_ADD, c, 0, 0));
}

void publish_remove_cluster(struct publish *p, const char *name)
{
    post(p, message_new(MESSAGE_REMOVE, must_find(p, name), 0, 0));
}

void publish_close(struct publish *p, const char *name)
{
    post(p, message_new(MESSAGE_CLOSE, must_find(p, name), 0, 0));
}

void publish_load_object(struct publish *p, const char *cluster, enum route_kind kind,
                         const char *name, const char *value, uint64_t commit)
{
    struct message *m = message_new(MESSAGE_LOAD, must_find(p, cluster), commit, 1);

    message_add(m, &(struct publish_change){kind, name, value});
    post(p, m);
}

void publish_load_delete(struct publish *p, const char *cluster, enum route_kind kind,
                         const char *name, uint64_t commit)
{
    publish_load_object(p, cluster, kind, name, NULL, commit);
}

void publish_epoch(struct publish *p, const char *cluster, const char *epoch)
{
    struct message *m = message_new(MESSAGE_EPOCH, must_find(p, cluster), 0, 1);

    message_add(m, &(struct publish_change){.name = epoch});
    post(p, m);
}

void publish_serve(struct publish *p, const char *cluster, uint64_t revision, uint64_t log_floor)
{
    struct message *m = message_new(MESSAGE_SERVE, must_find(p, cluster), revision, 0);

    m->floor = log_floor;
    post(p, m);
}

void publish_commit(struct publish *p, const char *cluster, uint64_t revision,
                    const struct publish_change *changes, size_t num_changes)
{
    struct message *m = message_new(MESSAGE_COMMIT, must_find(p, cluster), revision, num_changes);

    for (size_t i = 0; i < num_changes; i++)
        message_add(m, &changes[i]);
    post(p, m);
}
