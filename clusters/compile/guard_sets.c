/*
 * The guards of one table as objects. A host in a route of its own costs a gateway and the planner
 * several times what it costs in a route with others, and a "*" may need a hundred thousand; but a
 * change has to cost what changed. So the hosts stand in sets by the first bits of a hash, and a
 * set is halved when it has more than SET_MAX: which sets there are follows from the hosts alone,
 * and a host that comes or goes rewrites the one that it is in. Where GUARD_BITS_MAX bits do not
 * tell hosts apart, somebody chose them for that; each is an object by itself there.
 *
 * Names: "guard:" and the bits of a set; "guard:=HOST". Called by guards.c.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

enum { SET_MAX = 32, GUARD_BITS_MAX = 16 };

struct guard_set {
    struct guard_set *half[2]; /* by the next bit; none: its hosts are here */
    struct queue hosts;        /* owned strings, in no order */
    size_t num;                /* here and below */
    bool changed;              /* since it was written, or below */
    bool written;
};

/* Where a set stands while a walk is there. */
struct place {
    struct plan *p;
    struct table *table;
    char bits[GUARD_BITS_MAX + 1];
    size_t depth;
};

/* FNV-1a, its bits mixed (MurmurHash3's end): the same in every process, as tables have to be. */
static uint64_t hash(const char *host)
{
    uint64_t h = 0xcbf29ce484222325;

    for (; *host != '\0'; host++)
        h = (h ^ (unsigned char)*host) * 0x100000001b3;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
    return h ^ h >> 33;
}

static int bit_of(uint64_t hash_of_host, size_t depth)
{
    return (int)(hash_of_host >> (63 - depth) & 1);
}

/* ---- hosts ---- */

/* The set that the host is in, or comes into; those on the way have one more, or one less. */
static struct guard_set *find(struct guard_set *s, const char *host, int more, size_t *depth)
{
    uint64_t h = hash(host);

    for (*depth = 0;; s = s->half[bit_of(h, (*depth)++)]) {
        s->num = more > 0 ? s->num + 1 : s->num - 1;
        s->changed = true;
        if (s->half[0] == NULL)
            return s;
    }
}

static void write_single(struct table *t, struct plan *p, const char *host, char *owned_value)
{
    char *name = xasprintf(PLAN_GUARD "=%s", host);

    table_set(p, t, ROUTE_KIND_ROUTE, name, owned_value);
    free(name);
}

void guard_add(struct table *t, const char *host)
{
    size_t depth;

    if (t->guards == NULL)
        t->guards = xcalloc(1, sizeof(*t->guards));
    queue_add(&find(t->guards, host, 1, &depth)->hosts, xstrdup(host));
}

void guard_remove(struct plan *p, struct table *t, const char *host)
{
    size_t depth;
    struct guard_set *s = find(t->guards, host, -1, &depth);

    if (depth == GUARD_BITS_MAX)
        write_single(t, p, host, NULL);
    for (size_t i = 0; i < s->hosts.num; i++) {
        char *known = s->hosts.all[i];

        if (strcmp(known, host) != 0)
            continue;
        queue_remove(&s->hosts, known);
        free(known);
        return;
    }
    WRONG("what goes was there");
}

/* ---- objects ---- */

static void set_object(const struct place *at, struct guard_set *s, char *owned_value)
{
    char *name = xasprintf(PLAN_GUARD "%.*s", (int)at->depth, at->bits);

    table_set(at->p, at->table, ROUTE_KIND_ROUTE, name, owned_value);
    s->written = owned_value != NULL;
    free(name);
}

static void go_down(struct place *at, int bit)
{
    at->bits[at->depth++] = bit != 0 ? '1' : '0';
}

static void withdraw(const struct place *at, struct guard_set *s)
{
    if (s->written)
        set_object(at, s, NULL);
    for (size_t i = 0; at->depth == GUARD_BITS_MAX && i < s->hosts.num; i++)
        write_single(at->table, at->p, s->hosts.all[i], NULL);
}

/* What is below comes into `out`. As deep as GUARD_BITS_MAX, like the walks below. */
static void gather(struct place *at, struct guard_set *from, struct queue *out)
{
    withdraw(at, from);
    for (size_t i = 0; i < from->hosts.num; i++)
        queue_add(out, from->hosts.all[i]);
    queue_free(&from->hosts);
    for (int bit = 0; bit < 2 && from->half[bit] != NULL; bit++) {
        go_down(at, bit);
        gather(at, from->half[bit], out);
        at->depth--;
        free(from->half[bit]);
        from->half[bit] = NULL;
    }
}

static void merge(struct place *at, struct guard_set *s)
{
    struct queue hosts = {0};

    gather(at, s, &hosts);
    s->hosts = hosts;
}

static void halve(const struct place *at, struct guard_set *s)
{
    struct queue hosts = s->hosts;

    withdraw(at, s);
    s->hosts = (struct queue){0};
    for (int bit = 0; bit < 2; bit++)
        s->half[bit] = xcalloc(1, sizeof(*s));
    for (size_t i = 0; i < hosts.num; i++) {
        struct guard_set *to = s->half[bit_of(hash(hosts.all[i]), at->depth)];

        to->num++;
        to->changed = true;
        queue_add(&to->hosts, hosts.all[i]);
    }
    queue_free(&hosts);
}

static void write_hosts(const struct place *at, struct guard_set *s)
{
    if (at->depth < GUARD_BITS_MAX) {
        if (s->num > 0)
            set_object(at, s, value_guard((const char *const *)s->hosts.all, s->num));
        else
            withdraw(at, s);
        return;
    }
    for (size_t i = 0; i < s->num; i++) {
        const char *host = s->hosts.all[i];

        write_single(at->table, at->p, host, value_guard(&host, 1));
    }
}

static void write_changed(struct place *at, struct guard_set *s)
{
    if (!s->changed)
        return;
    s->changed = false;
    if (s->half[0] != NULL && s->num <= SET_MAX)
        merge(at, s);
    else if (s->half[0] == NULL && s->num > SET_MAX && at->depth < GUARD_BITS_MAX)
        halve(at, s);
    if (s->half[0] == NULL)
        write_hosts(at, s);
    for (int bit = 0; bit < 2 && s->half[bit] != NULL; bit++) {
        go_down(at, bit);
        write_changed(at, s->half[bit]);
        at->depth--;
    }
}

void guards_write(struct plan *p, struct table *t)
{
    struct place at = {.p = p, .table = t};

    if (t->guards != NULL)
        write_changed(&at, t->guards);
}

void guards_free(struct guard_set *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->hosts.num; i++)
        free(s->hosts.all[i]);
    queue_free(&s->hosts);
    guards_free(s->half[0]);
    guards_free(s->half[1]);
    free(s);
}
