/*
 * The schema of a table's objects, as one table of fields per kind: name, who reads it, whether it
 * must be there. A new field is a row and its reader. Reads one object at a time and knows no
 * other: whether a pool exists or a host is taken is gateway/table's to say.
 */
#include "gateway/wire/objects.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/wire/json.h"

enum { FIELDS_MAX = 24, TEXT_MAX = 128, IDLE_TIMEOUT_MAX_S = 86400 };

/* Reads one member into the object; `item` is never null. *e's field is relative to the member. */
typedef bool read_fn(const cJSON *item, void *object, struct err *e);

struct field {
    const char *name; /* NULL ends a table */
    read_fn *read;
    bool needed;
};

static const struct field *find_field(const struct field *fields, const char *name)
{
    for (; fields->name != NULL; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

static bool refuse_unknown(const cJSON *value, const struct field *fields, struct err *e)
{
    const char *names[FIELDS_MAX + 1];
    size_t n = 0;

    for (; fields[n].name != NULL; n++) {
        ASSERT(n < FIELDS_MAX);
        names[n] = fields[n].name;
    }
    names[n] = NULL;
    return json_only_keys(value, names, e);
}

static bool read_fields(const cJSON *value, const struct field *fields, void *object, struct err *e)
{
    const cJSON *item;

    if (!cJSON_IsObject(value))
        return err_set(e, "WrongType", "", "an object is needed here");
    cJSON_ArrayForEach(item, value)
    {
        const struct field *f = find_field(fields, item->string);

        if (f == NULL)
            return refuse_unknown(value, fields, e);
        if (!f->read(item, object, e))
            return json_err_in(e, "/%s", f->name);
    }
    for (; fields->name != NULL; fields++)
        if (fields->needed && !json_need(value, fields->name, e))
            return false;
    return true;
}

/* ---- readers that several kinds use ---- */

static bool read_text(const cJSON *item, size_t max, char **out, struct err *e)
{
    if (!cJSON_IsString(item))
        return err_set(e, "WrongType", "", "a string is needed here");
    size_t n = strlen(item->valuestring);

    if (n > max)
        return err_set(e, "TooLarge", "", "%zu bytes, more than %zu", n, max);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)item->valuestring[i] < 0x20 || item->valuestring[i] == 0x7f)
            return err_set(e, "BadValue", "", "control bytes are not allowed here");
    free(*out);
    *out = xstrdup(item->valuestring);
    return true;
}

static bool read_integer(const cJSON *item, int64_t min, int64_t max, int64_t *out, struct err *e)
{
    if (json_int(item, min, max, out))
        return true;
    return err_set(e, cJSON_IsNumber(item) ? "OutOfRange" : "WrongType", "",
                   "an integer from %lld to %lld is needed here", (long long)min, (long long)max);
}

/* A string of which this build serves one value only. */
static bool read_only(const cJSON *item, const char *served, struct err *e)
{
    if (!cJSON_IsString(item))
        return err_set(e, "WrongType", "", "a string is needed here");
    if (strcmp(item->valuestring, served) != 0)
        return err_set(e, "Unsupported", "", "\"%.64s\" is not built yet, only \"%s\"",
                       item->valuestring, served);
    return true;
}

/* A switch that this build knows only as off. */
static bool read_off(const cJSON *item, void *object, struct err *e)
{
    (void)object;
    if (!cJSON_IsBool(item))
        return err_set(e, "WrongType", "", "true or false is needed here");
    if (cJSON_IsTrue(item))
        return err_set(e, "Unsupported", "", "this is not built yet, only false is accepted");
    return true;
}

static bool read_unsupported(const cJSON *item, void *object, struct err *e)
{
    (void)item;
    (void)object;
    return err_set(e, "Unsupported", "", "this field is not built yet");
}

static bool check_array(const cJSON *item, size_t min, size_t max, size_t *out_num, struct err *e)
{
    if (!cJSON_IsArray(item))
        return err_set(e, "WrongType", "", "an array is needed here");
    *out_num = 0;
    for (const cJSON *i = item->child; i != NULL; i = i->next)
        ++*out_num;
    if (*out_num < min || *out_num > max)
        return err_set(e, "OutOfRange", "", "%zu entries; %zu to %zu are allowed", *out_num, min,
                       max);
    return true;
}

/* ---- route ---- */

static bool read_route_tenant(const cJSON *item, void *object, struct err *e)
{
    struct route *r = object;

    return read_text(item, TEXT_MAX, &r->tenant, e);
}

static bool read_host(const cJSON *item, struct route *r, struct map *seen, struct err *e)
{
    char host[ROUTE_HOST_MAX + 1];

    if (!cJSON_IsString(item))
        return err_set(e, "WrongType", "", "a host must be a string");
    if (!route_host_canonical(str_from(item->valuestring), true, host, e))
        return false;
    if (map_put(seen, str_from(host), r) != NULL)
        return err_set(e, "DuplicateHost", "", "the host \"%s\" comes twice", host);
    r->hosts[r->num_hosts++] = xstrdup(host);
    return true;
}

static bool read_route_hosts(const cJSON *item, void *object, struct err *e)
{
    struct route *r = object;
    struct map seen;
    size_t num = 0;
    bool ok = true;

    if (!check_array(item, 1, ROUTE_HOSTS_MAX, &num, e))
        return false;
    map_init(&seen);
    r->hosts = xcalloc(num, sizeof(*r->hosts));
    for (const cJSON *i = item->child; i != NULL && ok; i = i->next)
        if (!read_host(i, r, &seen, e))
            ok = json_err_in(e, "/%zu", r->num_hosts);
    map_free(&seen, NULL);
    return ok;
}

static bool read_route_path(const cJSON *item, void *object, struct err *e)
{
    struct route *r = object;

    if (!read_only(item, "/", e))
        return false;
    free(r->path);
    r->path = xstrdup("/");
    return true;
}

static bool read_forward_pool(const cJSON *item, void *object, struct err *e)
{
    struct route_forward *f = object;

    if (!read_text(item, ROUTE_NAME_MAX, &f->pool, e))
        return false;
    if (f->pool[0] == '\0')
        return err_set(e, "BadName", "", "the name of a pool cannot be empty");
    return true;
}

static bool read_forward_weight(const cJSON *item, void *object, struct err *e)
{
    struct route_forward *f = object;
    int64_t weight = 0;

    if (!read_integer(item, 0, ROUTE_WEIGHT_MAX, &weight, e))
        return false;
    f->weight = (uint32_t)weight;
    return true;
}

static const struct field forward_fields[] = {
    {"pool", read_forward_pool, true},
    {"weight", read_forward_weight, false},
    {NULL, NULL, false},
};

static bool read_forward(const cJSON *item, struct route *r, struct err *e)
{
    struct route_forward *f = &r->forward[r->num_forward++];

    f->weight = 1;
    if (!read_fields(item, forward_fields, f, e))
        return json_err_in(e, "/%zu", r->num_forward - 1);
    for (size_t i = 0; i + 1 < r->num_forward; i++) {
        if (strcmp(r->forward[i].pool, f->pool) == 0) {
            err_set(e, "DuplicatePool", "/pool", "the pool \"%.64s\" comes twice", f->pool);
            return json_err_in(e, "/%zu", r->num_forward - 1);
        }
    }
    return true;
}

static bool read_route_forward(const cJSON *item, void *object, struct err *e)
{
    struct route *r = object;
    size_t num = 0;

    if (!check_array(item, 1, ROUTE_FORWARD_MAX, &num, e))
        return false;
    r->forward = xcalloc(num, sizeof(*r->forward));
    for (const cJSON *i = item->child; i != NULL; i = i->next)
        if (!read_forward(i, r, e))
            return false;
    return true;
}

static const struct field route_fields[] = {
    {"tenant", read_route_tenant, false},  {"hosts", read_route_hosts, true},
    {"path", read_route_path, false},      {"forward", read_route_forward, true},
    {"passthrough", read_off, false},      {"redirect", read_unsupported, false},
    {"rewrite", read_unsupported, false},  {"matches", read_unsupported, false},
    {"sticky", read_unsupported, false},   {"limits", read_unsupported, false},
    {"timeouts", read_unsupported, false}, {NULL, NULL, false},
};

struct route *objects_route(const struct cJSON *value, struct err *e)
{
    struct route *r = xcalloc(1, sizeof(*r));

    if (!read_fields(value, route_fields, r, e)) {
        route_free(r);
        return NULL;
    }
    if (r->tenant == NULL)
        r->tenant = xstrdup("");
    if (r->path == NULL)
        r->path = xstrdup("/");
    return r;
}

/* ---- pool ---- */

static bool read_pool_tenant(const cJSON *item, void *object, struct err *e)
{
    struct route_pool *p = object;

    return read_text(item, TEXT_MAX, &p->tenant, e);
}

static bool read_pool_protocol(const cJSON *item, void *object, struct err *e)
{
    (void)object;
    return read_only(item, "http1", e);
}

static bool read_pool_balance(const cJSON *item, void *object, struct err *e)
{
    (void)object;
    return read_only(item, "round_robin", e);
}

static const struct field pool_fields[] = {
    {"tenant", read_pool_tenant, false},
    {"protocol", read_pool_protocol, false},
    {"balance", read_pool_balance, false},
    {"health", read_unsupported, false},
    {"retry", read_unsupported, false},
    {"timeouts", read_unsupported, false},
    {NULL, NULL, false},
};

struct route_pool *objects_pool(const struct cJSON *value, struct err *e)
{
    struct route_pool *p = xcalloc(1, sizeof(*p));

    if (!read_fields(value, pool_fields, p, e)) {
        route_pool_free(p);
        return NULL;
    }
    if (p->tenant == NULL)
        p->tenant = xstrdup("");
    return p;
}

/* ---- endpoints ---- */

static bool read_endpoint_address(const cJSON *item, void *object, struct err *e)
{
    struct route_endpoint *p = object;
    char text[INET6_ADDRSTRLEN];
    unsigned char addr[sizeof(struct in6_addr)];

    if (!cJSON_IsString(item))
        return err_set(e, "WrongType", "", "an address must be a string");
    int family = strchr(item->valuestring, ':') != NULL ? AF_INET6 : AF_INET;

    if (inet_pton(family, item->valuestring, addr) != 1 ||
        inet_ntop(family, addr, text, sizeof(text)) == NULL)
        return err_set(e, "BadAddress", "", "\"%.64s\" is no IPv4 or IPv6 address",
                       item->valuestring);
    free(p->address);
    p->address = xstrdup(text);
    return true;
}

static bool read_endpoint_port(const cJSON *item, void *object, struct err *e)
{
    struct route_endpoint *p = object;
    int64_t port = 0;

    if (!read_integer(item, 1, 65535, &port, e))
        return false;
    p->port = (uint16_t)port;
    return true;
}

static bool read_endpoint_weight(const cJSON *item, void *object, struct err *e)
{
    struct route_endpoint *p = object;
    int64_t weight = 0;

    if (!read_integer(item, 1, ROUTE_WEIGHT_MAX, &weight, e))
        return false;
    p->weight = (uint32_t)weight;
    return true;
}

static bool read_endpoint_state(const cJSON *item, void *object, struct err *e)
{
    struct route_endpoint *p = object;

    if (!cJSON_IsString(item) ||
        (strcmp(item->valuestring, "live") != 0 && strcmp(item->valuestring, "draining") != 0))
        return err_set(e, "BadValue", "", "the state must be \"live\" or \"draining\"");
    p->state = item->valuestring[0] == 'l' ? ENDPOINT_LIVE : ENDPOINT_DRAINING;
    return true;
}

static bool read_endpoint_task(const cJSON *item, void *object, struct err *e)
{
    struct route_endpoint *p = object;

    return read_text(item, TEXT_MAX, &p->task, e);
}

static bool read_endpoint_node(const cJSON *item, void *object, struct err *e)
{
    struct route_endpoint *p = object;

    return read_text(item, TEXT_MAX, &p->node, e);
}

static const struct field endpoint_fields[] = {
    {"address", read_endpoint_address, true},
    {"port", read_endpoint_port, true},
    {"weight", read_endpoint_weight, false},
    {"state", read_endpoint_state, false},
    {"task", read_endpoint_task, false},
    {"node", read_endpoint_node, false},
    {NULL, NULL, false},
};

static bool read_endpoint(const cJSON *item, struct route_endpoints *all, struct map *seen,
                          struct err *e)
{
    struct route_endpoint *p = &all->all[all->num++];
    char key[INET6_ADDRSTRLEN + 8];

    p->weight = 1;
    p->state = ENDPOINT_LIVE;
    if (!read_fields(item, endpoint_fields, p, e))
        return false;
    if (p->task == NULL)
        p->task = xstrdup("");
    if (p->node == NULL)
        p->node = xstrdup("");
    snprintf(key, sizeof(key), "%s %u", p->address, (unsigned)p->port);
    if (map_put(seen, str_from(key), p) != NULL)
        return err_set(e, "DuplicateEndpoint", "", "%s port %u comes twice", p->address,
                       (unsigned)p->port);
    return true;
}

static bool read_endpoints(const cJSON *item, void *object, struct err *e)
{
    struct route_endpoints *all = object;
    struct map seen;
    size_t num = 0;
    bool ok = true;

    if (!check_array(item, 0, ROUTE_ENDPOINTS_MAX, &num, e))
        return false;
    map_init(&seen);
    all->all = xcalloc(num != 0 ? num : 1, sizeof(*all->all));
    for (const cJSON *i = item->child; i != NULL && ok; i = i->next)
        if (!read_endpoint(i, all, &seen, e))
            ok = json_err_in(e, "/%zu", all->num - 1);
    map_free(&seen, NULL);
    return ok;
}

static const struct field endpoints_fields[] = {
    {"endpoints", read_endpoints, true},
    {NULL, NULL, false},
};

struct route_endpoints *objects_endpoints(const struct cJSON *value, struct err *e)
{
    struct route_endpoints *all = xcalloc(1, sizeof(*all));

    if (!read_fields(value, endpoints_fields, all, e)) {
        route_endpoints_free(all);
        return NULL;
    }
    return all;
}

/* ---- settings ---- */

static bool read_tls_min(const cJSON *item, void *object, struct err *e)
{
    (void)object;
    if (!cJSON_IsString(item) ||
        (strcmp(item->valuestring, "1.2") != 0 && strcmp(item->valuestring, "1.3") != 0))
        return err_set(e, "BadValue", "", "tls_min must be \"1.2\" or \"1.3\"");
    return true;
}

static bool read_idle_timeout(const cJSON *item, void *object, struct err *e)
{
    struct route_settings *s = object;
    int64_t seconds = 0;

    if (!read_integer(item, 1, IDLE_TIMEOUT_MAX_S, &seconds, e))
        return false;
    s->idle_timeout_ms = seconds * 1000;
    return true;
}

static bool read_access_log(const cJSON *item, void *object, struct err *e)
{
    struct route_settings *s = object;

    if (!cJSON_IsBool(item))
        return err_set(e, "WrongType", "", "true or false is needed here");
    s->access_log = cJSON_IsTrue(item);
    return true;
}

static const struct field settings_fields[] = {
    {"idle_timeout_s", read_idle_timeout, false},
    {"tls_min", read_tls_min, false},
    {"tls_tickets", read_off, false},
    {"access_log", read_access_log, false},
    {"proxy_protocol", read_off, false},
    {"limits", read_unsupported, false},
    {"timeouts", read_unsupported, false},
    {"trusted_proxies", read_unsupported, false},
    {NULL, NULL, false},
};

bool objects_settings(const struct cJSON *value, struct route_settings *out, struct err *e)
{
    struct route_settings s = route_settings_default();

    if (!read_fields(value, settings_fields, &s, e))
        return false;
    *out = s;
    return true;
}
