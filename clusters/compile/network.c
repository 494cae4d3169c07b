/*
 * By which network a service is reached: the labelled one; without a label, or with a label that
 * fits none, the only one it is attached to (a stack's short network name must work, interlock
 * scenario 20); with several to choose from it is refused. The routing mesh's own network is never
 * a way to a task. Whether a fleet is attached to that network is not known here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/compile_priv.h"
#include "gateway/core/check.h"

enum { LIST_MAX = 200 };

/* One network that the service is attached to. */
struct candidate {
    const char *id;
    const char *name;
};

struct candidates {
    struct candidate *all;
    size_t num;
};

static bool have(const struct candidates *c, const char *id)
{
    for (size_t i = 0; i < c->num; i++)
        if (strcmp(c->all[i].id, id) == 0)
            return true;
    return false;
}

static struct candidates attached(const struct view *view, const struct view_service *s)
{
    struct candidates c = {.all = xcalloc(s->num_networks + 1, sizeof(*c.all))};

    for (size_t i = 0; i < s->num_networks; i++) {
        const char *id = s->networks[i].network_id;
        const struct view_network *n = view_network(view, id);

        if ((n != NULL && n->ingress) || have(&c, id))
            continue;
        /* A network made after the list was read has no name yet: its id will do. */
        c.all[c.num++] = (struct candidate){id, n != NULL ? n->name : id};
    }
    return c;
}

static const struct candidate *named(const struct candidates *c, const char *label)
{
    for (size_t i = 0; i < c->num; i++)
        if (strcmp(c->all[i].name, label) == 0 || strcmp(c->all[i].id, label) == 0)
            return &c->all[i];
    return NULL;
}

static bool exists(const struct view *view, const char *name)
{
    for (size_t i = 0; i < view->num_networks; i++)
        if (strcmp(view->networks[i].name, name) == 0 || strcmp(view->networks[i].id, name) == 0)
            return true;
    return false;
}

/* "a, b, c" for a sentence, cut after LIST_MAX bytes. */
static void list_names(const struct candidates *c, char out[LIST_MAX])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < c->num && len < LIST_MAX - 1; i++) {
        int n = snprintf(out + len, LIST_MAX - len, "%s%.64s", i > 0 ? ", " : "", c->all[i].name);

        len += n > 0 ? (size_t)n : 0;
    }
}

/* Several networks, or none, and nothing that says which. */
static void refuse(const struct view *view, struct reach *r, const struct candidates *c)
{
    char names[LIST_MAX];
    char text[2 * LIST_MAX];
    struct cond_about about = {"NoNetwork", r->where, r->wish};

    list_names(c, names);
    if (c->num == 0) {
        snprintf(text, sizeof(text),
                 "The service is attached to no network by which a gateway could reach it: "
                 "attach it to an overlay network.");
    } else if (r->wish == NULL) {
        about.reason = "SeveralNetworks";
        snprintf(text, sizeof(text),
                 "The service is attached to several networks (%s): say %s by which "
                 "one it is reached.",
                 names, r->says);
    } else {
        bool known = exists(view, r->wish);

        about.reason = known ? "NetworkNotAttached" : "UnknownNetwork";
        snprintf(text, sizeof(text), "%s, and it is attached to several: name one of %s.",
                 known ? "The service is not attached to this network" : "There is no such network",
                 names);
    }
    r->refused = true;
    cond_refuse(r->told, COMPILE_RESOLVED, about, text);
}

void network_pick(const struct view *view, struct reach *r)
{
    struct candidates c = attached(view, r->service);
    const struct candidate *found = r->wish != NULL ? named(&c, r->wish) : NULL;

    if (found != NULL) {
        r->network = found->id;
    } else if (c.num == 1) {
        r->network = c.all[0].id;
        if (r->wish != NULL)
            cond_add(r->told, COMPILE_RESOLVED, true,
                     (struct cond_about){"NetworkFallback", r->where, r->wish},
                     "%s; the only network that the service is attached to is used: %.64s.",
                     exists(view, r->wish) ? "The service is not attached to this network"
                                           : "There is no such network",
                     c.all[0].name);
    } else {
        refuse(view, r, &c);
    }
    free(c.all);
}
