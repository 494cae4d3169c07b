/*
 * Listings: of one kind, by tenant and name, page by page, all pages as of one commit. What does
 * not fit on the first page is copied and kept for whoever reads on: for a minute after the last
 * page, within a budget of memory; who comes later is told to begin again (410). Handler of
 * endpoints.c.
 */
#include <inttypes.h>
#include <string.h>

#include <event2/event.h>
#include <event2/http.h>

#include "admin/api/api_priv.h"
#include "admin/api/labels.h"
#include "clusters/compile/plan.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/route/route.h"

enum {
    LIMIT_DEFAULT = 100,
    LIMIT_MAX = 1000,
    KEEP_MS = 60000,
    KEEP_BYTES_MAX = 256 << 20, /* all listings together */
    KEPT_MAX = 64,
    KEEP_OF_CALLER_MAX = 8,
    SWEEP_S = 15,
    CHEAP_DOCUMENTS = 500 /* as many as may be copied for a request's price */
};

struct listed {
    size_t tenant, name, value; /* places in the texts */
    uint64_t set_by;
    int64_t created_ms;
};

struct listing {
    uint64_t id;
    char owner[TOKENS_ID + 1];
    enum intent_kind kind;
    char tenant[API_CLUSTER_MAX + 1];
    uint64_t commit;
    int64_t used_ms; /* monotonic */
    struct listed *all;
    size_t num, cap;
    struct buf texts; /* NUL-terminated, one behind the other */
    bool fits;
};

struct lists {
    struct listing *kept[KEPT_MAX]; /* NULL: free */
    size_t bytes;
    uint64_t last_id;
    struct event *sweep;
};

static size_t bytes_of(const struct listing *l)
{
    return l->texts.cap + l->cap * sizeof l->all[0];
}

static void listing_free(struct listing *l)
{
    buf_free(&l->texts);
    free(l->all);
    free(l);
}

static void forget(struct lists *ls, struct listing **place)
{
    ls->bytes -= bytes_of(*place);
    listing_free(*place);
    *place = NULL;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct lists *ls = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < KEPT_MAX; i++) {
        if (ls->kept[i] != NULL && clock_mono_ms() - ls->kept[i]->used_ms > KEEP_MS)
            forget(ls, &ls->kept[i]);
    }
}

struct lists *lists_new(struct event_base *base)
{
    const struct timeval every = {SWEEP_S, 0};
    struct lists *ls = xcalloc(1, sizeof *ls);

    /* Cursors of the last run shall not be taken for this one's. */
    ls->last_id = (uint64_t)clock_wall_ms() << 16;
    ls->sweep = event_new(base, -1, EV_PERSIST, on_sweep, ls);
    ASSERT(ls->sweep != NULL && event_add(ls->sweep, &every) == 0);
    return ls;
}

void lists_free(struct lists *ls)
{
    if (ls == NULL)
        return;
    for (size_t i = 0; i < KEPT_MAX; i++) {
        if (ls->kept[i] != NULL)
            forget(ls, &ls->kept[i]);
    }
    event_free(ls->sweep);
    free(ls);
}

/* The place of the one that was read longest ago, of an owner or (NULL) of all; NULL: there is
 * none. *out_num is how many there are. */
static struct listing **oldest(struct lists *ls, const char *owner, size_t *out_num)
{
    struct listing **found = NULL;

    *out_num = 0;
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct listing *l = ls->kept[i];

        if (l == NULL || (owner != NULL && strcmp(l->owner, owner) != 0))
            continue;
        ++*out_num;
        if (found == NULL || l->used_ms < (*found)->used_ms ||
            (l->used_ms == (*found)->used_ms && l->id < (*found)->id))
            found = &ls->kept[i];
    }
    return found;
}

/* Makes room: among what this caller has, in places, in bytes. */
static void keep(struct lists *ls, struct listing *l)
{
    struct listing **place;
    size_t num;

    place = oldest(ls, l->owner, &num);
    if (num >= KEEP_OF_CALLER_MAX)
        forget(ls, place);
    while ((place = oldest(ls, NULL, &num)) != NULL &&
           (num == KEPT_MAX || ls->bytes + bytes_of(l) > KEEP_BYTES_MAX))
        forget(ls, place);
    l->id = ++ls->last_id;
    l->used_ms = clock_mono_ms();
    ls->bytes += bytes_of(l);
    for (place = ls->kept; *place != NULL;)
        place++;
    *place = l;
}

/* ---- gathering ---------------------------------------------------------------------------------
 */

struct query {
    size_t limit;
    struct selector selector;
    bool by_host;
    char host[ROUTE_HOST_MAX + 1]; /* canonical */
};

struct gathering {
    struct listing *l;
    const struct query *q;
    const struct plan *plan;
};

static bool has_host(const struct intent *i, const char *host)
{
    for (size_t h = 0; i != NULL && h < i->as.route.num_hosts; h++) {
        if (strcmp(i->as.route.hosts[h], host) == 0 ||
            intent_host_covered(i->as.route.hosts[h], host))
            return true;
    }
    return false;
}

static size_t add_string(struct listing *l, const char *text)
{
    size_t place = l->texts.len;

    l->fits = l->fits && buf_add(&l->texts, text, strlen(text) + 1);
    return place;
}

static bool gather(void *arg, const struct write_document *d)
{
    struct gathering *g = arg;
    struct listing *l = g->l;

    if (!labels_selected(&g->q->selector, d->value) ||
        (g->q->by_host && !has_host(plan_intent(g->plan, d->kind, d->tenant, d->name), g->q->host)))
        return true;
    if (l->num == l->cap) {
        l->cap = l->cap != 0 ? l->cap * 2 : 64;
        l->all = xrealloc(l->all, l->cap * sizeof l->all[0]);
    }
    l->all[l->num++] = (struct listed){.tenant = add_string(l, d->tenant),
                                       .name = add_string(l, d->name),
                                       .value = add_string(l, d->value),
                                       .set_by = d->set_by,
                                       .created_ms = d->created_ms};
    return l->fits;
}

static const char *name_at(const struct listing *l, size_t i)
{
    return l->texts.bytes + l->all[i].name;
}

/* Clusters of the command line, which are there without a document; there are few. */
static void gather_clusters(struct gathering *g)
{
    struct listing *l = g->l;
    struct write_document d = {.kind = INTENT_CLUSTER, .tenant = "", .value = "{}"};
    size_t num = 0;

    for (size_t i = 0; (d.name = plan_cluster_name(g->plan, i)) != NULL; i++)
        if (plan_intent(g->plan, INTENT_CLUSTER, "", d.name) == NULL)
            (void)gather(g, &d);
    for (size_t i = 1; i < l->num && l->fits; i++)
        for (num = i; num > 0 && strcmp(name_at(l, num - 1), name_at(l, num)) > 0; num--) {
            struct listed later = l->all[num];

            l->all[num] = l->all[num - 1];
            l->all[num - 1] = later;
        }
}

static struct listing *listing_new(struct api_call *call, const struct api_key *key,
                                   const struct query *q)
{
    struct listing *l = xcalloc(1, sizeof *l);
    struct gathering g = {.l = l, .q = q, .plan = coordinator_plan(call->coordinator)};

    memcpy(l->owner, call->caller.id, sizeof l->owner);
    memcpy(l->tenant, key->tenant, sizeof l->tenant);
    l->kind = key->kind;
    l->commit = coordinator_head(call->coordinator);
    l->fits = true;
    buf_init(&l->texts, KEEP_BYTES_MAX / 2);
    coordinator_each_document(call->coordinator, key->kind, key->tenant, gather, &g);
    if (key->kind == INTENT_CLUSTER)
        gather_clusters(&g);
    api_charge(call->api, &call->caller, l->num / CHEAP_DOCUMENTS);
    return l;
}

/* ---- pages -------------------------------------------------------------------------------------
 */

static void print_item(struct answer *a, const struct api *api, const struct listing *l, size_t at)
{
    const struct listed *item = &l->all[at];
    const struct write_document d = {
        .kind = l->kind,
        .tenant = l->texts.bytes + item->tenant,
        .name = l->texts.bytes + item->name,
        .value = l->texts.bytes + item->value,
        .set_by = item->set_by,
        .created_ms = item->created_ms,
    };

    answer_separator(a);
    api_print_document(a, api, &d);
    api_print_document_end(a);
}

/* "/v1/…?limit=…&cursor=…" of the page behind, in Link (RFC 8288) and in the body. */
static void print_next(struct answer *a, struct api_call *call, const struct listing *l,
                       size_t next, size_t limit)
{
    char *cursor = xasprintf("%016" PRIx64 ".%zu", l->id, next);
    char *link = xasprintf("<%.*s?limit=%zu&cursor=%s>; rel=\"next\"", STR_ARG(api_path(call)),
                           limit, cursor);

    answer_header(call->req, "Link", link);
    answer_text(a, ",\"next\":", cursor);
    free(link);
    free(cursor);
}

/* True when it was the last page. */
static bool send_page(struct api_call *call, const struct listing *l, size_t from, size_t limit)
{
    size_t to = l->num - from > limit ? from + limit : l->num;
    struct answer a;

    answer_open(&a);
    answer_number(&a, "{\"commit\":", l->commit);
    answer_number(&a, ",\"total\":", l->num);
    answer_add(&a, ",\"items\":[");
    for (size_t i = from; i < to; i++)
        print_item(&a, call->api, l, i);
    answer_add(&a, "]");
    if (to < l->num)
        print_next(&a, call, l, to, limit);
    answer_add(&a, "}");
    answer_send(&a, call->req, 200);
    return to == l->num;
}

static void first_page(struct api_call *call, const struct api_key *key, const struct query *q)
{
    struct lists *ls = call->api->lists;
    struct listing *l = listing_new(call, key, q);
    struct err why = {0};

    if (!l->fits) {
        listing_free(l);
        err_set(&why, "TooLarge", "", "the listing would need more than %d MiB",
                (int)KEEP_BYTES_MAX / 2 >> 20);
        answer_problem(call->req, 503, &why);
        return;
    }
    if (l->num > q->limit)
        keep(ls, l); /* before it is printed: the cursor has its id */
    if (send_page(call, l, 0, q->limit))
        listing_free(l);
}

static bool parse_cursor(struct str text, uint64_t *id, size_t *at)
{
    struct str part;
    uint64_t place;
    char hex[17];
    char *end;

    if (!str_split(&text, '.', &part) || part.n != 16 || text.p == NULL ||
        !str_to_u64(text, SIZE_MAX, &place))
        return false;
    memcpy(hex, part.p, 16);
    hex[16] = '\0';
    *id = strtoull(hex, &end, 16);
    *at = (size_t)place;
    return *end == '\0';
}

static struct listing *find(const struct lists *ls, uint64_t id, const struct api_call *call,
                            const struct api_key *key)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct listing *l = ls->kept[i];

        if (l != NULL && l->id == id && l->kind == key->kind &&
            strcmp(l->owner, call->caller.id) == 0 && strcmp(l->tenant, key->tenant) == 0)
            return l;
    }
    return NULL;
}

static void further_page(struct api_call *call, const struct api_key *key, struct str cursor,
                         size_t limit)
{
    struct lists *ls = call->api->lists;
    struct listing *l = NULL;
    struct err why = {0};
    uint64_t id;
    size_t at = 0;

    if (!parse_cursor(cursor, &id, &at)) {
        err_set(&why, "BadQuery", "cursor", "this is no cursor of a listing");
        answer_problem(call->req, 400, &why);
        return;
    }
    l = find(ls, id, call, key);
    if (l == NULL || at >= l->num) {
        err_set(&why, "Expired", "cursor", "this listing is not kept any more; begin again");
        answer_problem(call->req, 410, &why);
        return;
    }
    l->used_ms = clock_mono_ms();
    (void)send_page(call, l, at, limit); /* kept: a page may be asked for twice */
}

/* ---- what the query says ------------------------------------------------------------------------
 */

static bool parse_query(const struct api_call *call, struct query *q, struct err *e)
{
    const struct target *t = &call->target;
    struct str value;
    uint64_t limit = LIMIT_DEFAULT;

    if (target_param(t, "limit", &value) && (!str_to_u64(value, LIMIT_MAX, &limit) || limit == 0))
        return err_set(e, "BadQuery", "limit", "limit is 1 to %d", (int)LIMIT_MAX);
    q->limit = (size_t)limit;
    if (target_param(t, "selector", &value) && !selector_parse(value, &q->selector, e))
        return false;
    q->by_host = target_param(t, "host", &value);
    if (!q->by_host || route_host_canonical(value, true, q->host, e))
        return true;
    return err_set(e, "BadQuery", "host", "host is no host that a route can have");
}

void api_list(struct api_call *call)
{
    struct query q = {.limit = LIMIT_DEFAULT};
    struct api_key key = {.name = ""};
    struct err why = {0};
    struct str cursor;

    ASSERT(intent_kind_from_name(call->row->kind, &key.kind));
    if (!api_tenant_of(call, key.tenant))
        return;
    if (!parse_query(call, &q, &why)) {
        answer_problem(call->req, 400, &why);
        return;
    }
    if (!target_param(&call->target, "cursor", &cursor)) {
        first_page(call, &key, &q);
        return;
    }
    if (q.selector.num == 0 && !q.by_host) {
        further_page(call, &key, cursor, q.limit);
        return;
    }
    err_set(&why, "BadQuery", "cursor", "a cursor goes on with the selection that it began with");
    answer_problem(call->req, 400, &why);
}
