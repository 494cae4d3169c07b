/*
 * Queues, ages and the state that services and documents have in common. Decides nothing by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

void queue_add(struct queue *q, void *item)
{
    if (q->num == q->cap) {
        q->cap = q->cap > 0 ? q->cap * 2 : 4;
        q->all = xrealloc(q->all, q->cap * sizeof(*q->all));
    }
    q->all[q->num++] = item;
}

void queue_remove(struct queue *q, const void *item)
{
    for (size_t i = 0; i < q->num; i++) {
        if (q->all[i] != item)
            continue;
        memmove(&q->all[i], &q->all[i + 1], (q->num - i - 1) * sizeof(*q->all));
        q->num--;
        return;
    }
}

void queue_free(struct queue *q)
{
    free(q->all);
    *q = (struct queue){0};
}

/* ---- age ---- */

enum { NS_DIGITS = 9, YEAR_FIRST = 1970, YEAR_LAST = 2200 };

static bool digits(const char **at, int num, int *out)
{
    *out = 0;
    for (int i = 0; i < num; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool mark(const char **at, char c)
{
    return *(*at)++ == c;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar: years that begin in March. */
static int64_t days(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int from_march = month > 2 ? month - 3 : month + 9;

    return 365LL * y + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 + day - 1 - 719468;
}

static int64_t fraction(const char **at)
{
    int64_t ns = 0;

    if (**at != '.')
        return 0;
    (*at)++;
    for (int i = 0; i < NS_DIGITS; i++) {
        bool digit = **at >= '0' && **at <= '9';

        ns = ns * 10 + (digit ? **at - '0' : 0);
        *at += digit ? 1 : 0;
    }
    return ns;
}

int64_t age_of_text(const char *rfc3339)
{
    const char *at = rfc3339;
    int year, month, day, hour, minute, second;

    if (!digits(&at, 4, &year) || !mark(&at, '-') || !digits(&at, 2, &month) || !mark(&at, '-') ||
        !digits(&at, 2, &day) || !mark(&at, 'T') || !digits(&at, 2, &hour) || !mark(&at, ':') ||
        !digits(&at, 2, &minute) || !mark(&at, ':') || !digits(&at, 2, &second))
        return INT64_MAX;
    if (year < YEAR_FIRST || year > YEAR_LAST || month < 1 || month > 12)
        return INT64_MAX;
    int64_t ns = fraction(&at);

    if (strcmp(at, "Z") != 0)
        return INT64_MAX;
    return (((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000000000 + ns;
}

/*
 * Docker leaves trailing zeros of the fraction away, so that "…00.5Z" is younger than "…00Z" and
 * older than "…00.55Z": compare without the Z, shorter first.
 */
static struct str without_zone(const char *rfc3339)
{
    struct str s = str_from(rfc3339);

    if (s.n > 0 && s.p[s.n - 1] == 'Z')
        s.n--;
    return s;
}

int age_order(const struct age *a, const struct age *b)
{
    int c;

    if (a->ns != b->ns)
        return a->ns < b->ns ? -1 : 1;
    c = str_cmp(without_zone(a->text), without_zone(b->text));
    return c != 0 ? c : strcmp(a->id, b->id);
}

/* ---- things ---- */

struct unit *unit_of(struct thing *t)
{
    ASSERT(t->is_service);
    return (struct unit *)t; /* its first member */
}

struct document *document_of(struct thing *t)
{
    ASSERT(!t->is_service);
    return (struct document *)t; /* its first member */
}

void thing_queue(struct plan *p, struct thing *t, unsigned what)
{
    unsigned missing = what & ~t->queued;

    t->queued |= what;
    if ((missing & THING_JUDGE) != 0)
        queue_add(t->is_service ? &p->judge_units : &p->judge_documents, t);
    if ((missing & THING_ASK) != 0)
        queue_add(&p->asks, t);
    if ((missing & THING_EMIT) != 0)
        queue_add(&p->emits, t);
}

void thing_set_tenant(struct plan *p, struct thing *t, struct tenant *tenant)
{
    if (t->tenant == tenant)
        return;
    if (t->tenant != NULL) {
        *t->link = t->next;
        if (t->next != NULL)
            t->next->link = t->link;
        tenant_queue(p, t->tenant, TENANT_QUOTA);
    }
    t->tenant = tenant;
    t->over = NULL; /* what the quotas of the one before left */
    t->most = SIZE_MAX;
    if (tenant == NULL)
        return;
    t->next = tenant->things;
    t->link = &tenant->things;
    if (t->next != NULL)
        t->next->link = &t->next;
    tenant->things = t;
    tenant_queue(p, tenant, TENANT_QUOTA);
}

bool thing_counts(const struct thing *t)
{
    return t->usable && !t->duplicate && t->over == NULL;
}

bool thing_serves(const struct thing *t)
{
    if (!thing_counts(t))
        return false;
    for (size_t i = 0; i < t->num_asks; i++)
        if (t->asks[i].state == ASK_OWN || t->asks[i].state == ASK_SHARED ||
            t->asks[i].state == ASK_CROWDED)
            return true;
    return t->num_asks == 0;
}

/* ---- services of one name ---- */

struct name *name_find(const struct plan *p, const char *name)
{
    return map_get(&p->names, str_from(name));
}

struct name *name_get(struct plan *p, const char *name)
{
    struct name *n = name_find(p, name);

    if (n == NULL) {
        n = xcalloc(1, sizeof(*n));
        n->name = xstrdup(name);
        map_put(&p->names, str_from(name), n);
    }
    return n;
}

void name_queue(struct plan *p, const char *name)
{
    struct name *n = name_find(p, name);

    if (n == NULL || n->queued)
        return;
    n->queued = true;
    queue_add(&p->names_queue, n);
}

void name_add(struct plan *p, struct unit *u)
{
    struct name *n = name_get(p, u->name);
    size_t at = n->num;

    n->units = xrealloc(n->units, (n->num + 1) * sizeof(struct unit *));
    for (; at > 0 && age_order(&n->units[at - 1]->thing.age, &u->thing.age) > 0; at--)
        n->units[at] = n->units[at - 1];
    n->units[at] = u;
    n->num++;
    name_queue(p, u->name);
}

void name_remove(struct plan *p, struct unit *u)
{
    struct name *n = name_find(p, u->name);
    size_t at = 0;

    while (n->units[at] != u)
        at++;
    memmove(&n->units[at], &n->units[at + 1], (n->num - at - 1) * sizeof(struct unit *));
    n->num--;
    name_sweep(p, n);
}

/* Is there an older one that is routed by the same cluster? */
static bool is_duplicate(const struct name *n, size_t index)
{
    const struct thing *t = &n->units[index]->thing;

    for (size_t i = 0; t->usable && i < index; i++)
        if (n->units[i]->thing.usable && n->units[i]->thing.table == t->table)
            return true;
    return false;
}

static void judge_name(struct plan *p, struct name *n)
{
    for (size_t i = 0; i < n->num; i++) {
        struct thing *t = &n->units[i]->thing;
        bool duplicate = is_duplicate(n, i);

        if (duplicate == t->duplicate)
            continue;
        t->duplicate = duplicate;
        thing_queue(p, t, THING_ASK | THING_EMIT);
        if (t->tenant != NULL)
            tenant_queue(p, t->tenant, TENANT_QUOTA);
    }
    for (size_t i = 0; i < n->pools.num; i++)
        thing_queue(p, n->pools.all[i], THING_JUDGE);
}

void names_judge(struct plan *p)
{
    struct queue work = p->names_queue;

    p->names_queue = (struct queue){0};
    for (size_t i = 0; i < work.num; i++) {
        struct name *n = work.all[i];

        n->queued = false;
        judge_name(p, n);
        name_sweep(p, n);
    }
    queue_free(&work);
}

void name_sweep(struct plan *p, struct name *n)
{
    if (n->num > 0 || n->pools.num > 0 || n->num_pins > 0 || n->queued)
        return;
    (void)map_remove(&p->names, str_from(n->name));
    name_free(n);
}

void name_free(void *name)
{
    struct name *n = name;

    queue_free(&n->pools);
    free(n->units);
    free(n->name);
    free(n);
}
