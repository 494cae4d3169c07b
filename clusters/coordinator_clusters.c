/*
 * Which service clusters there are: those of the command line, and those that documents define.
 * The plan says it; here they get their place in the publisher and their register of gateways.
 * Called by coordinator.c and write_batch.c.
 */
#include <string.h>

#include "clusters/coordinator_priv.h"
#include "clusters/gateways.h"
#include "clusters/publish/publish.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

struct cluster *coordinator_find(const struct coordinator *c, const char *name)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (strcmp(c->clusters[i]->name, name) == 0)
            return c->clusters[i];
    }
    return NULL;
}

struct cluster *coordinator_cluster_new(struct coordinator *c, const char *name, bool flagged)
{
    struct cluster *cl = xcalloc(1, sizeof *cl);

    cl->name = xstrdup(name);
    cl->flagged = flagged;
    cl->gateways = gateways_new();
    map_init(&cl->commits);
    c->clusters = xrealloc(c->clusters, (c->num_clusters + 1) * sizeof(struct cluster *));
    c->clusters[c->num_clusters++] = cl;
    return cl;
}

static void cluster_free(struct cluster *cl)
{
    backlog_clear(&cl->backlog);
    map_free(&cl->commits, free);
    gateways_free(cl->gateways);
    free(cl->name);
    free(cl);
}

void coordinator_clusters_free(struct coordinator *c)
{
    for (size_t i = 0; i < c->num_clusters; i++)
        cluster_free(c->clusters[i]);
    free(c->clusters);
}

/*
 * A cluster that a document brings while the program runs. It is new, or was there before: then the
 * store may have an epoch and a revision of it, and nothing else.
 */
static void join(struct coordinator *c, const char *name)
{
    struct cluster *cl = coordinator_cluster_new(c, name, false);
    struct err why = {0};

    publish_add_cluster(c->publish, name);
    cl->held = HELD_NEW;
    cl->since_ms = c->first_view_ms;
    if (c->store != NULL && !coordinator_load_cluster(c, cl, &why))
        log_error("cluster %s: %s", name, why.text);
    c->remembered = false;
}

void coordinator_clusters_add(struct coordinator *c)
{
    const char *name;

    for (size_t i = 0; (name = plan_cluster_name(c->plan, i)) != NULL; i++) {
        if (coordinator_find(c, name) == NULL)
            join(c, name);
    }
}

static bool is_planned(const struct coordinator *c, const char *cluster)
{
    const char *name;

    for (size_t i = 0; (name = plan_cluster_name(c->plan, i)) != NULL; i++) {
        if (strcmp(name, cluster) == 0)
            return true;
    }
    return false;
}

void coordinator_clusters_follow(struct coordinator *c)
{
    coordinator_clusters_add(c);
    for (size_t i = c->num_clusters; i-- > 0;) {
        struct cluster *cl = c->clusters[i];

        if (is_planned(c, cl->name))
            continue;
        publish_remove_cluster(c->publish, cl->name);
        log_info("cluster %s is not there any more", cl->name);
        c->num_clusters--;
        memmove(&c->clusters[i], &c->clusters[i + 1],
                (c->num_clusters - i) * sizeof(struct cluster *));
        cluster_free(cl);
        c->remembered = false;
    }
}

void coordinator_serve(struct coordinator *c, struct cluster *cl)
{
    if (cl->served)
        return;
    cl->served = true;
    publish_epoch(c->publish, cl->name, cl->epoch);
    publish_serve(c->publish, cl->name, cl->revision, cl->floor);
}
