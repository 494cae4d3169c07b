/*
 * Frames to versions. What a frame says is decoded when it comes and applied when its commit comes,
 * in the order of the frames, so that a hello in between can drop all of it. Before the first
 * version there is nothing to keep: then it is applied when it comes, so that the commit of a large
 * first table is a short one, and a hello drops everything. What cannot be decoded
 * becomes a refusal and a note that the predecessor stays. Does not check digests or revisions: the
 * follower has. Called by the proxy's control loop; `explain` and `dryRun` use it as well.
 */
#include <stdlib.h>

#include "gateway/core/map.h"
#include "gateway/core/obj.h"
#include "gateway/table/pools.h"
#include "gateway/table/refusals.h"
#include "gateway/table/routes.h"
#include "gateway/table/tenants.h"
#include "gateway/table/version.h"
#include "gateway/wire/frame.h"
#include "gateway/wire/objects.h"

enum { BUILDER_MAGIC = 0x62756c64, PENDING_MAX = 4000000 /* objects of one commit */ };

enum op_type { OP_SET, OP_DELETE, OP_KEEP /* refused: whatever was there stays */ };

/* One set or delete that waits for its commit. */
struct op {
    enum op_type type;
    enum route_kind kind;
    char *name;
    uint64_t print;                  /* set: fingerprint of the value's bytes */
    struct version_route *route;     /* set of a route */
    struct version_spec *spec;       /* set of a pool */
    struct table_pool *draft;        /* set of endpoints */
    struct version_tenant *tenant;   /* set of a tenant */
    struct route_settings *settings; /* set of settings */
};

struct table_builder {
    unsigned magic;
    uint32_t round; /* number of the commit under way, this builder's own */
    const struct table *newest;
    struct routes routes;
    struct pools pools;
    struct tenants tenants;
    struct route_settings settings;
    uint32_t settings_seen;
    struct op *ops;
    size_t num_ops; /* of this commit, those that are applied already included */
    size_t cap_ops;
    struct refusals pending; /* of the ops */
    struct refusals refused; /* of the commit that was taken */
    bool snapshot;           /* the next commit removes what it did not name */
    bool waiting;            /* a commit waits for table_builder_take */
};

struct table_builder *table_builder_new(void)
{
    struct table_builder *b = xcalloc(1, sizeof(*b));

    b->magic = BUILDER_MAGIC;
    b->round = 1;
    b->settings = route_settings_default();
    routes_init(&b->routes);
    pools_init(&b->pools);
    tenants_init(&b->tenants);
    return b;
}

static bool is_first(const struct table_builder *b)
{
    return b->newest == NULL;
}

static void release_op(const struct op *op)
{
    version_route_unref(op->route);
    version_spec_unref(op->spec);
    version_pool_unref(op->draft);
    version_tenant_unref(op->tenant);
    free(op->settings);
}

static void drop_pending(struct table_builder *b)
{
    for (size_t i = 0; !is_first(b) && i < b->num_ops; i++) {
        release_op(&b->ops[i]);
        free(b->ops[i].name);
    }
    free(b->ops);
    b->ops = NULL;
    b->num_ops = 0;
    b->cap_ops = 0;
    refusals_clear(&b->pending);
    b->snapshot = false;
}

void table_builder_free(struct table_builder *b)
{
    if (b == NULL)
        return;
    OBJ_CHECK(b, BUILDER_MAGIC);
    drop_pending(b);
    refusals_clear(&b->refused);
    table_unref(&b->newest);
    routes_free(&b->routes);
    pools_free(&b->pools);
    tenants_free(&b->tenants);
    OBJ_KILL(b);
}

/* ---- decoding: each reader fills op, or answers false with *e ---- */

static bool decode_settings(const struct cJSON *value, struct op *op, struct err *e)
{
    struct route_settings s;

    if (str_eq(str_from(op->name), STR("settings"))) {
        if (!objects_settings(value, &s, e))
            return false;
        op->settings = xmalloc(sizeof(s));
        *op->settings = s;
        return true;
    }
    return err_set(e, "BadName", "", "there is one object of this kind, its name is \"settings\"");
}

static void keep_route(struct op *op, struct route *route)
{
    op->route = version_route_new(op->name, route_pack(route));
}

static bool decode_route(const struct cJSON *value, struct op *op, struct err *e)
{
    struct route *route = objects_route(value, e);

    if (route != NULL)
        keep_route(op, route);
    return route != NULL;
}

static bool decode_pool(const struct cJSON *value, struct op *op, struct err *e)
{
    struct route_pool *pool = objects_pool(value, e);

    if (pool == NULL)
        return false;
    op->spec = version_spec_new(pool, op->print);
    return true;
}

static void keep_endpoints(struct op *op, struct route_endpoints *endpoints)
{
    op->draft = pools_draft(op->name, endpoints);
    route_endpoints_free(endpoints);
}

static bool decode_endpoints(const struct cJSON *value, struct op *op, struct err *e)
{
    struct route_endpoints *endpoints = objects_endpoints(value, e);

    if (endpoints != NULL)
        keep_endpoints(op, endpoints);
    return endpoints != NULL;
}

static bool decode_certificate(const struct cJSON *value, struct op *op, struct err *e)
{
    (void)op;
    return objects_certificate(value, e);
}

static bool decode_tenant(const struct cJSON *value, struct op *op, struct err *e)
{
    struct route_tenant *tenant = objects_tenant(value, e);

    if (tenant == NULL)
        return false;
    op->tenant = version_tenant_new(op->name, tenant);
    return true;
}

typedef bool decode_fn(const struct cJSON *value, struct op *op, struct err *e);

static decode_fn *const decoders[ROUTE_KIND__COUNT] = {
    [ROUTE_KIND_SETTINGS] = decode_settings,   [ROUTE_KIND_CERTIFICATE] = decode_certificate,
    [ROUTE_KIND_ROUTE] = decode_route,         [ROUTE_KIND_POOL] = decode_pool,
    [ROUTE_KIND_ENDPOINTS] = decode_endpoints, [ROUTE_KIND_TENANT] = decode_tenant,
};

/* Most objects of a large table need no tree: plain ones, and pools that say what another says. */
static bool decode_bytes(struct table_builder *b, struct str value, struct op *op)
{
    struct route *route = NULL;
    struct route_endpoints *endpoints = NULL;

    if (op->kind == ROUTE_KIND_ROUTE && (route = objects_route_plain(value)) != NULL)
        keep_route(op, route);
    else if (op->kind == ROUTE_KIND_ENDPOINTS &&
             (endpoints = objects_endpoints_plain(value)) != NULL)
        keep_endpoints(op, endpoints);
    else if (op->kind == ROUTE_KIND_POOL)
        op->spec = pools_known_spec(&b->pools, op->print);
    return op->route != NULL || op->draft != NULL || op->spec != NULL;
}

static bool decode(struct table_builder *b, struct frame *f, struct op *op, struct err *e)
{
    return decode_bytes(b, f->value_bytes, op) ||
           (frame_build_value(f, e) && decoders[f->kind](f->value, op, e));
}

/* ---- applying ---- */

static void apply_set(struct table_builder *b, const struct op *op)
{
    switch (op->kind) {
    case ROUTE_KIND_SETTINGS:
        b->settings = *op->settings;
        b->settings_seen = b->round;
        break;
    case ROUTE_KIND_ROUTE:
        routes_set(&b->routes, op->route, op->print, b->round);
        break;
    case ROUTE_KIND_POOL:
        pools_declare(&b->pools, str_from(op->name), op->spec, b->round);
        break;
    case ROUTE_KIND_ENDPOINTS:
        pools_set_endpoints(&b->pools, op->draft, op->print, b->round);
        break;
    case ROUTE_KIND_TENANT:
        tenants_set(&b->tenants, op->tenant, op->print, b->round);
        break;
    default:
        WRONG("an object of a kind without a decoder was decoded");
    }
}

static void apply_keep(struct table_builder *b, const struct op *op)
{
    struct str name = str_from(op->name);

    if (op->kind == ROUTE_KIND_SETTINGS)
        b->settings_seen = b->round;
    else if (op->kind == ROUTE_KIND_ROUTE)
        routes_keep(&b->routes, name, b->round);
    else if (op->kind == ROUTE_KIND_POOL || op->kind == ROUTE_KIND_ENDPOINTS)
        pools_keep(&b->pools, name, op->kind == ROUTE_KIND_ENDPOINTS, b->round);
    else if (op->kind == ROUTE_KIND_TENANT)
        tenants_keep(&b->tenants, name, b->round);
}

static void apply_delete(struct table_builder *b, const struct op *op)
{
    struct str name = str_from(op->name);

    if (op->kind == ROUTE_KIND_SETTINGS && str_eq(name, STR("settings")))
        b->settings = route_settings_default();
    else if (op->kind == ROUTE_KIND_ROUTE)
        routes_delete(&b->routes, name);
    else if (op->kind == ROUTE_KIND_POOL || op->kind == ROUTE_KIND_ENDPOINTS)
        pools_delete(&b->pools, name, op->kind == ROUTE_KIND_ENDPOINTS);
    else if (op->kind == ROUTE_KIND_TENANT)
        tenants_delete(&b->tenants, name);
}

static void apply(struct table_builder *b, const struct op *op)
{
    if (op->type == OP_SET)
        apply_set(b, op);
    else if (op->type == OP_DELETE)
        apply_delete(b, op);
    else
        apply_keep(b, op);
}

/* ---- taking ---- */

/* Takes what op owns; its name is lent. */
static void take_op(struct table_builder *b, struct op *op)
{
    b->num_ops++;
    if (is_first(b)) {
        apply(b, op);
        release_op(op);
        return;
    }
    if (b->num_ops > b->cap_ops) {
        b->cap_ops = b->cap_ops != 0 ? b->cap_ops * 2 : 8;
        b->ops = xrealloc(b->ops, b->cap_ops * sizeof(*b->ops));
    }
    b->ops[b->num_ops - 1] = *op;
    b->ops[b->num_ops - 1].name = xstrdup(op->name);
}

static void take_set(struct table_builder *b, struct frame *f)
{
    struct op op = {.type = OP_SET, .kind = f->kind, .name = f->name};
    struct err why = {0};

    op.print = map_hash(f->value_bytes);
    if (!decode(b, f, &op, &why)) {
        op.type = OP_KEEP;
        refusals_add(&b->pending, f->kind, f->name, &why);
    }
    take_op(b, &op);
}

static void take_delete(struct table_builder *b, const struct frame *f)
{
    struct op op = {.type = OP_DELETE, .kind = f->kind, .name = f->name};

    take_op(b, &op);
}

/* A hello: what waits for a commit is void. */
static void forget_commit(struct table_builder *b)
{
    drop_pending(b);
    if (!is_first(b))
        return;
    routes_free(&b->routes);
    pools_free(&b->pools);
    tenants_free(&b->tenants);
    routes_init(&b->routes);
    pools_init(&b->pools);
    tenants_init(&b->tenants);
    b->settings = route_settings_default();
}

static struct table *make_version(const struct table_builder *b, uint64_t revision)
{
    struct table *t = version_new();

    t->revision = revision;
    t->num_routes = b->routes.by_name.len;
    t->settings = b->settings;
    hosts_copy(&t->hosts, &b->routes.hosts);
    trie_copy(&t->pools, &b->pools.trie);
    trie_copy(&t->tenants, &b->tenants.trie);
    return t;
}

static void commit(struct table_builder *b, uint64_t revision)
{
    for (size_t i = 0; !is_first(b) && i < b->num_ops; i++)
        apply(b, &b->ops[i]);
    bool known = b->newest != NULL; /* what this commit does not name may be there */

    if (b->snapshot && known) {
        routes_sweep(&b->routes, b->round);
        pools_sweep(&b->pools, b->round);
        tenants_sweep(&b->tenants, b->round);
        if (b->settings_seen != b->round)
            b->settings = route_settings_default();
    }
    b->refused = b->pending;
    b->pending = (struct refusals){0};
    routes_finish(&b->routes, b->newest, b->round, b->snapshot && known, &b->refused);
    pools_finish(&b->pools, b->round);
    drop_pending(b);
    table_unref(&b->newest);
    b->newest = make_version(b, revision);
    b->round++;
    b->waiting = true;
}

static void refuse_too_many(struct table_builder *b, const struct frame *f)
{
    struct err why;

    err_set(&why, "TooMany", "", "more than %d objects in one commit", PENDING_MAX);
    if (b->pending.num < PENDING_MAX)
        refusals_add(&b->pending, f->kind, f->name, &why);
}

void table_builder_frame(struct table_builder *b, struct frame *f)
{
    OBJ_CHECK(b, BUILDER_MAGIC);
    ASSERT(!b->waiting);
    refusals_clear(&b->refused);
    pools_clear_changes(&b->pools);
    if (f->type == FRAME_HELLO) {
        forget_commit(b);
        b->snapshot = f->snapshot;
    } else if (f->type == FRAME_COMMIT) {
        commit(b, f->revision);
    } else if (f->type == FRAME_SET || f->type == FRAME_DELETE) {
        if (b->num_ops == PENDING_MAX)
            refuse_too_many(b, f);
        else if (f->type == FRAME_SET)
            take_set(b, f);
        else
            take_delete(b, f);
    }
}

bool table_builder_take(struct table_builder *b, struct table_commit *out)
{
    OBJ_CHECK(b, BUILDER_MAGIC);
    if (!b->waiting)
        return false;
    b->waiting = false;
    table_ref(b->newest);
    *out = (struct table_commit){.table = b->newest,
                                 .delta = b->pools.delta,
                                 .changes = b->pools.delta->all,
                                 .num_changes = b->pools.delta->num,
                                 .refusals = b->refused.all,
                                 .num_refusals = b->refused.num};
    return true;
}

void table_release_id(struct table_builder *b, uint32_t id)
{
    OBJ_CHECK(b, BUILDER_MAGIC);
    ids_release(&b->pools.ids, id);
}
