/*
 * The life of a change: begun by a handler, built, handed to the coordinator, built again when what
 * it was derived from has changed, answered or forgotten. What is built is in change_build.c,
 * apply.c and new_token.c; what is answered in change_show.c.
 */
#include <string.h>

#include <event2/event.h>
#include <event2/http.h>

#include "admin/api/change.h"
#include "admin/api/jsontext.h"
#include "clusters/publish/listener.h"
#include "gateway/core/check.h"
#include "gateway/core/obj.h"
#include "gateway/wire/json.h"

enum {
    CHANGE_MAGIC = 0x0c4a46e1,
    WAIT_DEFAULT_MS = 5000,
    WAIT_MAX_MS = 30000, /* less than the listener lets a connection wait */
    KEY_MAX = 80,        /* bytes of a member's name that is worth repeating */
    CHANGES_MAX = 1024,
    CHANGES_BYTES_MAX = 128 << 20, /* of bodies */
    WAITS_OF_TENANTS_MAX = 32,     /* writes of one token that wait */
    WAITS_OF_OPERATORS_MAX = 512,
    CHEAP_OPS = 100 /* as many as may be planned for a request's price */
};

LIST_HEAD(change_list, change);

struct changes {
    struct change_list all;
    size_t num;
    size_t bytes;
};

struct changes *changes_new(void)
{
    struct changes *cs = xcalloc(1, sizeof *cs);

    LIST_INIT(&cs->all);
    return cs;
}

void changes_free(struct changes *cs)
{
    if (cs == NULL)
        return;
    ASSERT(LIST_EMPTY(&cs->all));
    free(cs);
}

bool change_refuse(struct change_refusal *why, int status, const struct err *e)
{
    why->status = status;
    return errs_add(&why->faults, e);
}

bool change_refuse_member(struct change_refusal *why, const char *where, struct str key,
                          const char *const *known)
{
    char name[KEY_MAX];
    struct err at_root = {0};
    struct err e;

    if (!jsontext_copy(key, name, sizeof name)) {
        err_set(&at_root, "UnknownField", where, "no field has so long a name");
        return change_refuse(why, 400, &at_root);
    }
    (void)json_refuse_key(name, known, &at_root);
    e = at_root;
    (void)snprintf(e.field, sizeof e.field, "%s%.*s", where, KEY_MAX, at_root.field); /* fits */
    return change_refuse(why, 400, &e);
}

static void drop_ops(struct change *c)
{
    for (size_t i = 0; i < c->num_ops; i++) {
        free((char *)c->ops[i].tenant);
        free((char *)c->ops[i].name);
        free((char *)c->ops[i].value);
    }
    free(c->ops);
    c->ops = NULL;
    c->num_ops = 0;
    buf_clear(&c->extra);
}

void change_add_op(struct change *c, const struct write_op *op)
{
    struct write_op *o;

    if ((c->num_ops & (c->num_ops - 1)) == 0) /* at 0 and at each power of two */
        c->ops = xrealloc(c->ops, (c->num_ops > 0 ? c->num_ops * 2 : 1) * sizeof c->ops[0]);
    o = &c->ops[c->num_ops++];
    *o = *op;
    o->tenant = xstrdup(op->tenant);
    o->name = xstrdup(op->name);
    o->value = op->value != NULL ? xstrdup(op->value) : NULL;
}

static void change_free(struct change *c)
{
    struct changes *cs = c->api->changes;

    if (c->evcon != NULL)
        evhttp_connection_set_closecb(c->evcon, NULL, NULL);
    if (c->again != NULL)
        event_free(c->again);
    LIST_REMOVE(c, next);
    cs->num--;
    cs->bytes -= c->body.len;
    drop_ops(c);
    buf_free(&c->body);
    buf_free(&c->extra);
    free(c->author);
    free(c->cause);
    OBJ_KILL(c);
}

/*
 * libevent is about to free the connection. When the peer caused it, the request was taken off the
 * connection before and is ours to free; otherwise it goes with the connection.
 */
static void on_connection_closed(struct evhttp_connection *evcon, void *arg)
{
    struct change *c;

    (void)evcon;
    OBJ_CAST(c, arg, CHANGE_MAGIC);
    c->evcon = NULL;
    if (evhttp_request_get_connection(c->req) == NULL)
        evhttp_request_free(c->req);
    if (c->write != NULL)
        coordinator_write_forget(c->write);
    change_free(c);
}

/* ---- what the query says ------------------------------------------------------------------------
 */

static bool parse_timeout(struct str text, int64_t *out)
{
    uint64_t n;
    struct str digits = text;
    uint64_t unit = 1000;

    if (text.n > 2 && text.p[text.n - 2] == 'm' && text.p[text.n - 1] == 's') {
        digits.n = text.n - 2;
        unit = 1;
    } else if (text.n > 1 && text.p[text.n - 1] == 's') {
        digits.n = text.n - 1;
    } else {
        return false;
    }
    if (!str_to_u64(digits, (uint64_t)WAIT_MAX_MS / unit, &n) || n == 0)
        return false;
    *out = (int64_t)(n * unit);
    return true;
}

static bool word_is(const struct target *t, const char *key, const char *word, bool *out,
                    struct err *e)
{
    struct str value;

    *out = target_param(t, key, &value);
    return !*out || str_eq(value, str_from(word)) ||
           err_set(e, "BadQuery", key, "the query parameter \"%s\" can be \"%s\" only", key, word);
}

/* Where a write has to be before it is answered; the operator says what holds for who says
 * nothing. */
static bool parse_durable(const struct target *t, struct change *c, struct err *e)
{
    struct str value;

    c->durable = c->api->config.durable && !c->dry_run;
    if (!target_param(t, "durable", &value))
        return true;
    c->durable = str_eq(value, STR("swarm"));
    return c->durable || str_eq(value, STR("local")) ||
           err_set(e, "BadQuery", "durable",
                   "the query parameter \"durable\" can be \"swarm\" or \"local\"");
}

static bool parse_query(const struct target *t, struct change *c, struct err *e)
{
    struct str timeout;
    bool wait = false;

    if (!word_is(t, "dryRun", "all", &c->dry_run, e) || !word_is(t, "wait", "applied", &wait, e) ||
        !parse_durable(t, c, e))
        return false;
    c->wait_ms = wait ? WAIT_DEFAULT_MS : 0;
    if (!target_param(t, "timeout", &timeout))
        return true;
    if (!wait || !parse_timeout(timeout, &c->wait_ms))
        return err_set(e, "BadQuery", "timeout",
                       "timeout=5s or 500ms, at most %ds, stands beside wait=applied only",
                       WAIT_MAX_MS / 1000);
    return true;
}

/* ---- begin -------------------------------------------------------------------------------------
 */

static bool waits(const struct change *c)
{
    return !c->dry_run && (c->wait_ms > 0 || c->durable);
}

static size_t waits_of(const struct changes *cs, const struct auth_caller *caller)
{
    const struct change *c;
    size_t num = 0;

    LIST_FOREACH(c, &cs->all, next)
    num += waits(c) && strcmp(c->caller.id, caller->id) == 0;
    return num;
}

static bool has_room(struct api_call *call, const struct change *c)
{
    const struct changes *cs = call->api->changes;
    size_t max = call->caller.tenant[0] != '\0' ? WAITS_OF_TENANTS_MAX : WAITS_OF_OPERATORS_MAX;
    struct err why = {0};

    if (cs->num >= CHANGES_MAX || cs->bytes > CHANGES_BYTES_MAX) {
        err_set(&why, "Busy", "", "too many writes are under way");
        answer_problem(call->req, 503, &why);
        return false;
    }
    if (waits(c) && waits_of(cs, &call->caller) >= max) {
        err_set(&why, "TooManyWaits", "wait", "%zu writes of this token wait already", max);
        answer_problem(call->req, 429, &why);
        return false;
    }
    return true;
}

/* NULL: answered. */
static struct change *change_new(struct api_call *call, const struct change_kind *kind)
{
    struct change *c = xcalloc(1, sizeof *c);
    struct err why = {0};

    c->api = call->api;
    if (!parse_query(&call->target, c, &why)) {
        free(c);
        answer_problem(call->req, 400, &why);
        return NULL;
    }
    if (!has_room(call, c) || !documents_preconditions(call->req, &c->cond)) {
        free(c);
        return NULL;
    }
    c->magic = CHANGE_MAGIC;
    c->row = call->row;
    c->kind = kind;
    c->caller = call->caller;
    c->author = api_author(&call->caller);
    c->cause = xasprintf("%s %.*s", call->row->method, STR_ARG(api_path(call)));
    c->req = call->req;
    c->evcon = evhttp_request_get_connection(call->req);
    buf_init(&c->body, API_APPLY_MAX);
    buf_init(&c->extra, API_APPLY_MAX);
    evhttp_connection_set_closecb(c->evcon, on_connection_closed, c);
    LIST_INSERT_HEAD(&c->api->changes->all, c, next);
    c->api->changes->num++;
    return c;
}

static void set_body(struct change *c, struct str body)
{
    ASSERT(buf_add_str(&c->body, body)); /* api_body has a cap, and it is not above this one's */
    c->api->changes->bytes += c->body.len;
}

/* ---- to the coordinator and back ----------------------------------------------------------------
 */

static int status_of(const struct err *e)
{
    static const struct {
        const char *code;
        int status;
    } all[] = {{"TooLarge", 413}, {"NotReplicated", 422}, {"TooMuch", 507}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(e->code, all[i].code) == 0)
            return all[i].status;
    return 503;
}

static bool submit(struct change *c, struct change_refusal *why);

/* The coordinator points to an op; the caller knows his set's documents, then what is pruned. */
static void point_into_set(struct errs *faults)
{
    for (size_t i = 0; i < errs_kept(faults); i++) {
        char *field = faults->all[i].field;
        char was[ERR_FIELD_MAX];
        char *rest;
        unsigned long at;

        memcpy(was, field, sizeof was);
        at = was[0] == '/' && was[1] >= '0' && was[1] <= '9' ? strtoul(was + 1, &rest, 10) : 0;
        if (was[0] == '/' && was[1] >= '0' && was[1] <= '9')
            (void)snprintf(field, ERR_FIELD_MAX, "/documents/%lu%s%.100s", at,
                           rest[0] != '\0' ? "/value" : "", rest);
    }
}

static void refuse(struct change *c, int status, const struct errs *faults)
{
    struct write_document now;
    struct errs *mine = xmalloc(sizeof *mine);

    *mine = *faults;
    if (status == 412 && c->key.name[0] != '\0' &&
        coordinator_document(c->api->coordinator, c->key.kind, c->key.tenant, c->key.name, &now))
        answer_etag(c->req, now.set_by);
    if (c->row->op == SURFACE_APPLY_OP)
        point_into_set(mine);
    answer_faults(c->req, status, mine, c->row->op == SURFACE_APPLY_OP ? "" : "/0");
    free(mine);
    change_free(c);
}

static void start(struct change *c); /* from whose end it is called again */

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l;
    struct change *c;

    (void)fd;
    (void)what;
    OBJ_CAST(c, arg, CHANGE_MAGIC);
    l = c->api->listener;
    listener_answering(l, true);
    start(c); /* may have answered, and freed it */
    listener_answering(l, false);
}

/* Not at once: what was faster is judged, but may not be committed yet, and only then it shows. */
static bool try_again(struct change *c)
{
    struct timeval later = {0, 2000 * (suseconds_t)++c->tries};

    if (c->tries >= CHANGE_TRIES_MAX)
        return false;
    if (c->again == NULL)
        c->again = event_new(c->api->base, -1, 0, on_again, c);
    ASSERT(c->again != NULL && event_add(c->again, &later) == 0);
    return true;
}

static void contended(struct change *c)
{
    struct errs one = {.num = 0};
    struct err e = {0};

    err_set(&e, "Contended", "", "others change the same documents all the time; try again");
    errs_add(&one, &e);
    refuse(c, 409, &one);
}

static void finish(struct change *c, const struct write_answer *a)
{
    if (a->status == 0) {
        c->kind->show(c, a);
        change_free(c);
    } else if (a->status != 412 || !c->derived) {
        refuse(c, a->status, a->faults);
    } else if (!try_again(c)) {
        contended(c);
    }
}

static void on_done(void *arg, const struct write_answer *a)
{
    struct change *c;
    struct listener *l;

    OBJ_CAST(c, arg, CHANGE_MAGIC);
    c->write = NULL;
    l = c->api->listener;
    listener_answering(l, true);
    finish(c, a);
    listener_answering(l, false);
}

static struct write *hand_over(struct change *c, const struct write_request *rq, struct err *e)
{
    if (c->row->op != SURFACE_ROLLBACK_OP)
        return coordinator_write(c->api->coordinator, rq, e);
    return coordinator_rollback(
        c->api->coordinator, c->key.kind == INTENT_CLUSTER ? NULL : c->key.tenant,
        c->key.kind == INTENT_CLUSTER ? c->key.name : NULL, c->rollback_to, rq, e);
}

static bool submit(struct change *c, struct change_refusal *why)
{
    struct err e = {0};

    drop_ops(c);
    if (!c->kind->build(c, why))
        return false;
    api_charge(c->api, &c->caller, c->num_ops / CHEAP_OPS);
    const struct write_request rq = {
        .ops = c->ops,
        .num_ops = c->num_ops,
        .author = c->author,
        .cause = c->cause,
        .dry_run = c->dry_run,
        .wait_ms = c->wait_ms,
        .durable = c->durable,
        .done = on_done,
        .arg = c,
    };
    c->write = hand_over(c, &rq, &e);
    if (c->write != NULL)
        return true;
    return change_refuse(why, status_of(&e), &e);
}

static void start(struct change *c)
{
    struct change_refusal why = {.status = 0};

    if (!submit(c, &why))
        refuse(c, why.status, &why.faults);
}

void change_begin(struct api_call *call, const struct change_kind *kind, const struct api_key *key,
                  bool with_body)
{
    struct str body = STR("");
    struct change *c;

    if ((with_body && !api_body(call, &body)) || (c = change_new(call, kind)) == NULL)
        return;
    c->key = *key;
    set_body(c, body);
    start(c);
}
