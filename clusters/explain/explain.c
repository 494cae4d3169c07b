/*
 * The answer, written down: the winner, what becomes of the request there, the losers. Which route
 * wins is gateway/table's word; what routes and pools say comes from their objects' own JSON.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/explain/explain_priv.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/route/path.h"
#include "gateway/wire/json.h"
#include "gateway/wire/json_print.h"

enum { LOSERS_MAX = 32, ENDPOINTS_SHOWN_MAX = 64 };

struct answer {
    struct buf *out;
    bool fits; /* false: out is full, nothing more is written */
    const struct explain_table *table;
    const struct explain_request *rq;
    const struct explain_view *view;
    struct route_request q;
    const struct table_route *winner; /* NULL: none, or one that may not be seen */
    bool guarded;                     /* the winner is one of the planner's guards */
    enum table_miss why;
    const char *winner_host;
    struct table_candidate losers[LOSERS_MAX];
    char *loser_hosts[LOSERS_MAX];
    size_t num_losers;
    size_t more_losers;
};

/* ---- writing ---- */

static void put(struct answer *a, const char *json)
{
    a->fits = a->fits && buf_add_str(a->out, str_from(json));
}

static void put_string(struct answer *a, const char *text)
{
    a->fits = a->fits && buf_add_json(a->out, str_from(text));
}

/* before: `,"name":` */
static void put_member(struct answer *a, const char *before, const char *text)
{
    put(a, before);
    put_string(a, text);
}

static void put_number(struct answer *a, const char *before, size_t n)
{
    a->fits = a->fits && buf_add_fmt(a->out, "%s%zu", before, n);
}

/* ---- values of objects ---- */

static cJSON *value_of(const struct answer *a, enum route_kind kind, const char *name)
{
    const char *json = a->view->value(a->view->arg, kind, name);

    return json != NULL ? json_parse(str_from(json), &json_limits_frame, NULL) : NULL;
}

static void put_policies(struct answer *a, const cJSON *value)
{
    static const struct json_edit shown_elsewhere[] = {
        {"tenant", NULL}, {"created_ms", NULL}, {"hosts", NULL},
        {"path", NULL},   {"path_type", NULL},  {"forward", NULL},
    };
    char *json =
        json_print(value, shown_elsewhere, sizeof(shown_elsewhere) / sizeof(shown_elsewhere[0]));

    put(a, ",\"policies\":");
    put(a, json);
    free(json);
}

/* ---- routes ---- */

static void put_route(struct answer *a, const struct table_route *r, const char *host)
{
    put_member(a, "\"name\":", r->name);
    put_member(a, ",\"tenant\":", r->route->tenant);
    put_member(a, ",\"host\":", host);
    put_member(a, ",\"path\":", r->route->path);
    put_member(a, ",\"path_type\":", r->route->path_exact ? "exact" : "prefix");
}

static void put_winner(struct answer *a)
{
    cJSON *value = value_of(a, ROUTE_KIND_ROUTE, a->winner->name);

    put(a, ",\"route\":{");
    put_route(a, a->winner, a->winner_host);
    if (value != NULL)
        put_policies(a, value);
    put(a, "}");
    cJSON_Delete(value);
}

static void put_losers(struct answer *a)
{
    put(a, ",\"losers\":[");
    for (size_t i = 0; i < a->num_losers; i++) {
        const struct table_candidate *c = &a->losers[i];
        char *why = explain_loss_text(c, &a->q, a->winner);

        put(a, i != 0 ? ",{" : "{");
        put_route(a, c->route, c->host);
        put_member(a, ",\"lost_by\":", explain_loss_name(c->loss));
        put_member(a, ",\"why\":", why);
        put(a, "}");
        free(why);
    }
    put_number(a, "],\"more_losers\":", a->more_losers);
}

/* ---- pools ---- */

static bool is_draining(const cJSON *endpoint)
{
    const cJSON *state = json_get(endpoint, "state");

    return state != NULL && strcmp(state->valuestring, "draining") == 0;
}

/* Answers how many are live. */
static size_t put_endpoints(struct answer *a, const cJSON *all)
{
    size_t num = 0;
    size_t live = 0;

    put(a, ",\"endpoints\":[");
    for (const cJSON *i = all != NULL ? all->child : NULL; i != NULL; i = i->next, num++) {
        live += !is_draining(i);
        if (num >= ENDPOINTS_SHOWN_MAX)
            continue;
        char *json = json_print(i, NULL, 0);

        put(a, num != 0 ? "," : "");
        put(a, json);
        free(json);
    }
    put_number(a, "],\"live\":", live);
    put_number(a, ",\"draining\":", num - live);
    return live;
}

/* Answers how many live endpoints it has. */
static size_t put_pool(struct answer *a, const struct route_forward *f)
{
    cJSON *pool = value_of(a, ROUTE_KIND_POOL, f->pool);
    cJSON *endpoints = value_of(a, ROUTE_KIND_ENDPOINTS, f->pool);

    put_member(a, "{\"name\":", f->pool);
    put_number(a, ",\"weight\":", f->weight);
    put(a, pool != NULL ? ",\"exists\":true" : ",\"exists\":false");
    if (pool != NULL)
        put_policies(a, pool);
    size_t live = put_endpoints(a, json_get(endpoints, "endpoints"));

    put(a, "}");
    cJSON_Delete(pool);
    cJSON_Delete(endpoints);
    return pool != NULL ? live : 0;
}

static size_t put_pools(struct answer *a)
{
    const struct route *r = a->winner->route;
    size_t live = 0;

    put(a, ",\"pools\":[");
    for (size_t i = 0; i < r->num_forward; i++) {
        put(a, i != 0 ? "," : "");
        live += put_pool(a, &r->forward[i]);
    }
    put(a, "]");
    return live;
}

/* ---- the losers ---- */

/* How far it came: the farther, the smaller. */
static unsigned rank(enum table_loss loss)
{
    static const unsigned char ranks[] = {
        [TABLE_LOSS_NONE] = 0,   [TABLE_LOSS_NAME] = 1,   [TABLE_LOSS_AGE] = 2,
        [TABLE_LOSS_ASKS] = 3,   [TABLE_LOSS_LONGER] = 4, [TABLE_LOSS_HOST] = 5,
        [TABLE_LOSS_COOKIE] = 6, [TABLE_LOSS_QUERY] = 7,  [TABLE_LOSS_HEADER] = 8,
        [TABLE_LOSS_METHOD] = 9, [TABLE_LOSS_PATH] = 10,
    };

    return ranks[loss];
}

/* Of patterns that have one host the longer one is the more specific; the host itself is longest,
 * "*" shortest. */
static bool comes_before(const struct table_candidate *x, const struct table_candidate *y)
{
    size_t xn = x->host[0] == '*' ? strlen(x->host) : SIZE_MAX;
    size_t yn = y->host[0] == '*' ? strlen(y->host) : SIZE_MAX;

    if (xn != yn)
        return xn > yn;
    if (rank(x->loss) != rank(y->loss))
        return rank(x->loss) < rank(y->loss);
    return strcmp(x->route->name, y->route->name) < 0;
}

/* The first LOSERS_MAX by that order, whatever order they come in. */
static void keep_loser(struct answer *a, const struct table_candidate *c)
{
    size_t at = a->num_losers;

    while (at > 0 && comes_before(c, &a->losers[at - 1]))
        at--;
    if (a->num_losers == LOSERS_MAX) {
        a->more_losers++;
        if (at == LOSERS_MAX)
            return;
        free(a->loser_hosts[--a->num_losers]);
    }
    memmove(&a->losers[at + 1], &a->losers[at], (a->num_losers - at) * sizeof(a->losers[0]));
    memmove(&a->loser_hosts[at + 1], &a->loser_hosts[at],
            (a->num_losers - at) * sizeof(a->loser_hosts[0]));
    a->losers[at] = *c;
    a->loser_hosts[at] = xstrdup(c->host);
    a->losers[at].host = a->loser_hosts[at];
    a->num_losers++;
}

static const char *own_host(const struct route *r, const char *host)
{
    for (size_t i = 0; i < r->num_hosts; i++)
        if (strcmp(r->hosts[i], host) == 0)
            return r->hosts[i];
    WRONG("a candidate has a host that is none of its own");
}

static void take_candidate(void *arg, const struct table_candidate *c)
{
    struct answer *a = arg;

    if (c->loss == TABLE_LOSS_NONE)
        a->winner_host = own_host(c->route->route, c->host);
    else if (explain_sees(a->view, c->route))
        keep_loser(a, c);
}

/* ---- who nobody takes ---- */

static void put_nearest(struct answer *a)
{
    const struct table *t = explain_version(a->table);
    struct explain_nearest nearest = {.num = 0};

    if (a->why == TABLE_MISS_HOST)
        explain_nearest_host(t, &a->q, a->view, &nearest);
    else
        explain_nearest_route(t, &a->q, a->view, &nearest);
    put(a, ",\"nearest\":[");
    for (size_t i = 0; i < nearest.num; i++) {
        put_member(a, i != 0 ? "," : "", nearest.all[i]);
        free(nearest.all[i]);
    }
    put(a, "]");
}

static void put_notes(struct answer *a)
{
    const struct {
        bool holds;
        const char *note;
    } notes[] = {
        {a->guarded,
         "the host is a tenant's that serves nothing for it in this cluster: a wildcard "
         "or \"*\" of another does not take its requests, and behind it a wildcard of the tenant's "
         "own is not asked; a route of the tenant's here that names the host would take them"},
        {a->rq->https, "gateways of this build do not terminate TLS: such a request reaches them "
                       "when something before them does"},
        {a->view->held, "the cluster is held: its gateways serve what they had before, this table "
                        "is what they will get"},
    };
    bool first = true;

    put(a, ",\"notes\":[");
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        if (!notes[i].holds)
            continue;
        put_member(a, first ? "" : ",", notes[i].note);
        first = false;
    }
    put(a, "]");
}

/* ---- the whole ---- */

static void put_outcome(struct answer *a, const char *outcome, unsigned status)
{
    put_member(a, ",\"outcome\":", outcome);
    if (status != 0)
        put_number(a, ",\"status\":", status);
}

static void put_miss(struct answer *a)
{
    bool host = a->why == TABLE_MISS_HOST;

    put_outcome(a, host ? "no_host" : "no_path", host ? 503 : 404);
    put_losers(a);
    put_nearest(a);
}

/* For whoever asks the same: it names nobody. */
static void put_guarded(struct answer *a)
{
    put_outcome(a, "guarded", a->winner->route->respond->status);
    put_losers(a);
}

static void put_taken(struct answer *a)
{
    const struct route *r = a->winner->route;

    put_winner(a);
    if (r->action == ROUTE_REDIRECT)
        put_outcome(a, "redirect", r->redirect->status);
    else if (r->action == ROUTE_RESPOND)
        put_outcome(a, "respond", r->respond->status);
    else if (put_pools(a) > 0)
        put_outcome(a, "forward", 0);
    else
        put_outcome(a, "no_endpoint", 503);
    put_losers(a);
}

static void put_judged(struct answer *a)
{
    const struct table *t = explain_version(a->table);
    const struct table_route *r = table_match(t, &a->q, &a->why);

    a->guarded = r != NULL && plan_is_guard(r->name);
    if (r != NULL && !a->guarded && !explain_sees(a->view, r)) {
        put_outcome(a, "other_tenant", 0);
        return;
    }
    a->winner = r;
    table_each_candidate(t, &a->q, take_candidate, a);
    if (a->guarded)
        put_guarded(a);
    else if (r != NULL)
        put_taken(a);
    else
        put_miss(a);
}

bool explain_write(const struct explain_table *t, const struct explain_request *rq,
                   const struct explain_view *view, struct buf *out)
{
    struct answer a = {.out = out, .fits = true, .table = t, .rq = rq, .view = view};
    char host[ROUTE_HOST_MAX + 1];
    bool named = explain_request_view(rq, host, &a.q);

    put_member(&a, "{\"cluster\":", rq->cluster);
    a.fits = a.fits && buf_add_fmt(out, ",\"commit\":%llu", (unsigned long long)view->commit);
    if (named)
        put_member(&a, ",\"host\":", host);
    if (!named)
        put_outcome(&a, "bad_host", 400);
    else if (!route_path_allowed(a.q.path))
        put_outcome(&a, "bad_path", 400);
    else
        put_judged(&a);
    put_notes(&a);
    put(&a, "}");
    for (size_t i = 0; i < a.num_losers; i++)
        free(a.loser_hosts[i]);
    return a.fits;
}
