/*
 * Decoders of Docker's lists of services, tasks, nodes and networks, through the strict JSON door
 * (what else Docker says: decode_event.c). Pure functions: they neither call Docker nor remember
 * anything. Objects that cannot matter to routing are passed over before they are parsed, by a
 * search in their text, and so are those whose text is, by its digest, the one that is known
 * already: a swarm full of services costs little, whether they have labels of ours or not. Called
 * by docker.c and the fuzzer.
 */
#include "clusters/swarm/decode_priv.h"

#include <arpa/inet.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/swarm/ids.h"
#include "clusters/swarm/list.h"
#include "clusters/swarm/view.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/wire/json.h"

#define LABEL_PREFIX "com.docker.lb."

enum { NAME_SHOWN = 128 };

const char *const decode_kind_names[DECODE__COUNT] = {"service", "task", "node", "network"};

/* --- services --- */

static bool decode_labels(const cJSON *spec, struct view_service *s, struct err *e)
{
    const cJSON *labels = NULL, *item;

    if (!json_get_object(spec, "Labels", &labels, e))
        return false;
    if (!labels || !labels->child)
        return true;
    s->labels = xcalloc((size_t)cJSON_GetArraySize(labels), sizeof(*s->labels));
    cJSON_ArrayForEach(item, labels)
    {
        if (!cJSON_IsString(item))
            return err_set(e, "WrongType", "Labels", "the label %s is not a string", item->string);
        s->labels[s->num_labels].key = xstrdup(item->string);
        s->labels[s->num_labels++].value = xstrdup(item->valuestring);
    }
    return true;
}

static bool decode_targets(const cJSON *networks, struct view_service *s, struct err *e)
{
    const cJSON *item;

    if (!networks || !networks->child)
        return true;
    s->networks = xcalloc((size_t)cJSON_GetArraySize(networks), sizeof(*s->networks));
    cJSON_ArrayForEach(item, networks)
    {
        const char *target;

        if (!cJSON_IsObject(item))
            return err_set(e, "WrongType", "Networks", "a network of the service is not an object");
        if (!decode_need_id(item, "Target", &target, e))
            return false;
        s->networks[s->num_networks++].network_id = xstrdup(target);
    }
    return true;
}

/* The networks are in the task template; engines before API 1.25 had them beside it. */
static bool decode_service_networks(const cJSON *spec, struct view_service *s, struct err *e)
{
    const cJSON *template = NULL, *networks = NULL;

    if (!json_get_object(spec, "TaskTemplate", &template, e) ||
        (template && !json_get_array(template, "Networks", &networks, e)))
        return false;
    if (!networks && !json_get_array(spec, "Networks", &networks, e))
        return false;
    return decode_targets(networks, s, e);
}

/*
 * Go cuts zeros off the fraction ("05.1Z" would sort after "05.12Z"), so it is filled up to nine
 * digits. What is no such date gives "".
 */
static char *normal_date(const char *text)
{
    static const char pattern[] = "dddd-dd-ddTdd:dd:dd";
    char out[] = "2006-01-02T15:04:05.000000000Z";
    size_t at = sizeof(pattern) - 1, digits = 0;

    for (size_t i = 0; i < at; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';

        if (pattern[i] == 'd' ? !digit : text[i] != pattern[i])
            return xstrdup("");
        out[i] = text[i];
    }
    if (text[at] == '.')
        for (at++; text[at] >= '0' && text[at] <= '9' && digits < 9; at++)
            out[sizeof(pattern) + digits++] = text[at];
    return xstrdup(strcmp(text + at, "Z") == 0 ? out : "");
}

static void see_version(struct decode *d, uint64_t version)
{
    if (version > d->newest)
        d->newest = version;
}

/* The number of the swarm's last change to the object: it only grows, over all objects together. */
static bool decode_version(struct decode *d, const cJSON *o, uint64_t *out, struct err *e)
{
    const cJSON *version = NULL;

    if (!json_get_object(o, "Version", &version, e) ||
        (version && !json_get_u64(version, "Index", out, e)))
        return false;
    see_version(d, *out);
    return true;
}

static bool decode_service_status(const cJSON *o, struct view_service *s, struct err *e)
{
    const cJSON *update = NULL;
    const char *state = "", *created = "";

    if (!json_get_object(o, "UpdateStatus", &update, e) ||
        !json_get_str(o, "CreatedAt", &created, e) ||
        (update && !json_get_str(update, "State", &state, e)))
        return false;
    s->updating = strcmp(state, "updating") == 0 || strcmp(state, "rollback_started") == 0;
    s->created_at = normal_date(created);
    return true;
}

static bool is_ours(const struct view_service *s)
{
    for (size_t i = 0; i < s->num_labels; i++)
        if (strncmp(s->labels[i].key, LABEL_PREFIX, sizeof(LABEL_PREFIX) - 1) == 0)
            return true;
    return false;
}

/* Documents may speak of services that have no labels of ours. */
static bool is_asked_for(const struct decode *d, const char *name)
{
    return d->also && ids_has(d->also, name);
}

static bool decode_service(struct decode *d, const cJSON *o, struct err *e)
{
    struct view_service s = {0};
    const cJSON *spec = NULL;
    const char *id, *name;
    bool ok = false;

    if (!decode_need_id(o, "ID", &id, e) || !json_get_object(o, "Spec", &spec, e))
        return false;
    if (!spec)
        return err_set(e, "MissingField", "Spec", "Spec is missing");
    if (!decode_need_str(spec, "Name", &name, e))
        return false;
    s.id = xstrdup(id);
    s.name = xstrdup(name);
    s.digest = d->digest;
    ok = decode_labels(spec, &s, e) && decode_service_networks(spec, &s, e) &&
         decode_service_status(o, &s, e) && decode_version(d, o, &s.version, e);
    if (ok && (is_ours(&s) || is_asked_for(d, s.name)))
        view_add_service(d->into, &s);
    view_service_clear(&s);
    return ok;
}

/* --- tasks --- */

static const struct {
    const char *name;
    enum view_task_state state;
} task_states[] = {
    {"new", VIEW_TASK_BEFORE_RUNNING},      {"allocated", VIEW_TASK_BEFORE_RUNNING},
    {"pending", VIEW_TASK_BEFORE_RUNNING},  {"assigned", VIEW_TASK_BEFORE_RUNNING},
    {"accepted", VIEW_TASK_BEFORE_RUNNING}, {"preparing", VIEW_TASK_BEFORE_RUNNING},
    {"ready", VIEW_TASK_BEFORE_RUNNING},    {"starting", VIEW_TASK_BEFORE_RUNNING},
    {"running", VIEW_TASK_RUNNING},         {"complete", VIEW_TASK_ENDED},
    {"shutdown", VIEW_TASK_ENDED},          {"failed", VIEW_TASK_ENDED},
    {"rejected", VIEW_TASK_ENDED},          {"remove", VIEW_TASK_ENDED},
    {"orphaned", VIEW_TASK_ENDED},
};

static bool set_states(struct view_task *t, struct str desired, struct str state, struct err *e)
{
    t->desired_running = str_eq(desired, STR("running"));
    for (size_t i = 0; i < sizeof(task_states) / sizeof(*task_states); i++) {
        if (str_eq(str_from(task_states[i].name), state)) {
            t->state = task_states[i].state;
            return true;
        }
    }
    return err_set(e, "BadState", "Status/State", "the task state '%.*s' is not known",
                   STR_ARG(state));
}

static bool decode_task_state(const cJSON *o, struct view_task *t, struct err *e)
{
    const cJSON *status = NULL;
    const char *desired, *state;

    if (!decode_need_str(o, "DesiredState", &desired, e) ||
        !json_get_object(o, "Status", &status, e))
        return false;
    if (!status)
        return err_set(e, "MissingField", "Status", "Status is missing");
    return decode_need_str(status, "State", &state, e) &&
           set_states(t, str_from(desired), str_from(state), e);
}

/* "10.0.1.3/24" without its prefix length. */
static bool decode_address(const char *text, char **out, struct err *e)
{
    char address[INET6_ADDRSTRLEN];
    unsigned char binary[sizeof(struct in6_addr)];
    size_t len = strcspn(text, "/");

    if (len < sizeof(address)) {
        memcpy(address, text, len);
        address[len] = '\0';
        if (inet_pton(AF_INET, address, binary) == 1 || inet_pton(AF_INET6, address, binary) == 1) {
            *out = xstrdup(address);
            return true;
        }
    }
    return err_set(e, "BadAddress", "Addresses", "'%.64s' is not an IP address", text);
}

/* The first address counts; a host network has none. */
static bool decode_attachment(const cJSON *item, struct view_attachment *a, struct err *e)
{
    const cJSON *network = NULL, *addresses = NULL;
    const char *id;

    if (!cJSON_IsObject(item))
        return err_set(e, "WrongType", "NetworksAttachments", "an attachment is not an object");
    if (!json_get_object(item, "Network", &network, e) ||
        !json_get_array(item, "Addresses", &addresses, e))
        return false;
    if (!network)
        return err_set(e, "MissingField", "Network", "Network is missing in an attachment");
    if (!decode_need_id(network, "ID", &id, e))
        return false;
    a->network_id = xstrdup(id);
    if (!addresses || !addresses->child)
        return true;
    if (!cJSON_IsString(addresses->child))
        return err_set(e, "WrongType", "Addresses", "an address is not a string");
    return decode_address(addresses->child->valuestring, &a->address, e);
}

static bool decode_attachments(const cJSON *o, struct view_task *t, struct err *e)
{
    const cJSON *list = NULL, *item;

    if (!json_get_array(o, "NetworksAttachments", &list, e))
        return false;
    if (!list || !list->child)
        return true;
    t->networks = xcalloc((size_t)cJSON_GetArraySize(list), sizeof(*t->networks));
    cJSON_ArrayForEach(item, list)
    {
        if (!decode_attachment(item, &t->networks[t->num_networks++], e))
            return false;
    }
    return true;
}

/* Of a service that is known, or that could not be understood. */
static bool is_wanted(const struct decode *d, const char *service_id)
{
    return !d->only_of || view_service(d->only_of, service_id) ||
           view_refused(d->only_of, service_id);
}

static bool is_for_routing(const struct decode *d, const struct view_task *t)
{
    return (t->desired_running || t->state != VIEW_TASK_ENDED) && is_wanted(d, t->service_id);
}

static bool decode_task(struct decode *d, const cJSON *o, struct err *e)
{
    struct view_task t = {0};
    const char *id, *service_id, *node_id = "";
    bool ok;

    if (!decode_need_id(o, "ID", &id, e) || !decode_need_id(o, "ServiceID", &service_id, e) ||
        !json_get_str(o, "NodeID", &node_id, e))
        return false;
    t.id = xstrdup(id);
    t.service_id = xstrdup(service_id);
    t.node_id = xstrdup(node_id);
    t.digest = d->digest;
    ok = decode_task_state(o, &t, e) && decode_version(d, o, &t.version, e) &&
         (!is_for_routing(d, &t) || decode_attachments(o, &t, e));
    if (ok && is_for_routing(d, &t))
        view_add_task(d->into, &t);
    else if (ok)
        view_add_other(d->into, &t);
    view_task_clear(&t);
    return ok;
}

/* --- tasks of services that are not ours: a walk over the text, because there may be many --- */

struct brief {
    struct str id, service_id, node_id, desired, state, index;
};

static struct str unquoted(struct str value)
{
    value = str_trim(value);
    if (value.n < 2 || *value.p != '"')
        return (struct str){0};
    return (struct str){value.p + 1, value.n - 2};
}

/* The text of a member of an object that is itself a member. */
static struct str inner(struct str object, struct str key)
{
    struct list list = {.rest = object};
    struct str name, value;

    while (list_member(&list, &name, &value))
        if (str_eq(name, key))
            return value;
    return (struct str){0};
}

static void take_member(struct brief *b, struct str key, struct str value)
{
    if (str_eq(key, STR("ID")))
        b->id = unquoted(value);
    else if (str_eq(key, STR("ServiceID")))
        b->service_id = unquoted(value);
    else if (str_eq(key, STR("NodeID")))
        b->node_id = unquoted(value);
    else if (str_eq(key, STR("DesiredState")))
        b->desired = unquoted(value);
    else if (str_eq(key, STR("Status")))
        b->state = unquoted(inner(value, STR("State")));
    else if (str_eq(key, STR("Version")))
        b->index = str_trim(inner(value, STR("Index")));
}

/* False when anything is unusual: the parser says what. */
static bool decode_brief(struct decode *d, struct str text)
{
    struct list list = {.rest = text};
    struct str key, value;
    struct brief b = {0};
    struct view_task t = {0};

    while (list_member(&list, &key, &value))
        take_member(&b, key, value);
    if (!decode_is_plain(b.id) || !decode_is_plain(b.service_id) ||
        (b.node_id.n && !decode_is_plain(b.node_id)) ||
        !str_to_u64(b.index, UINT64_MAX, &t.version) || !set_states(&t, b.desired, b.state, NULL))
        return false;
    t.id = str_dup(b.id);
    t.service_id = str_dup(b.service_id);
    t.node_id = str_dup(b.node_id);
    t.digest = d->digest;
    see_version(d, t.version);
    view_add_other(d->into, &t);
    return true;
}

/* --- nodes and networks --- */

static bool decode_node(struct decode *d, const cJSON *o, struct err *e)
{
    struct view_node n = {.state = VIEW_NODE_UNKNOWN};
    const cJSON *status = NULL, *description = NULL;
    const char *id, *state = "", *address = "", *hostname = "";

    if (!decode_need_id(o, "ID", &id, e) || !json_get_object(o, "Status", &status, e) ||
        !json_get_object(o, "Description", &description, e) ||
        (status && (!json_get_str(status, "State", &state, e) ||
                    !json_get_str(status, "Addr", &address, e))) ||
        (description && !json_get_str(description, "Hostname", &hostname, e)))
        return false;
    if (strcmp(state, "ready") == 0)
        n.state = VIEW_NODE_READY;
    else if (strcmp(state, "down") == 0)
        n.state = VIEW_NODE_DOWN;
    if (!decode_version(d, o, &n.version, e))
        return false;
    n.id = xstrdup(id);
    n.hostname = xstrdup(hostname);
    n.address = xstrdup(address);
    view_add_node(d->into, &n);
    return true;
}

static bool decode_network(struct decode *d, const cJSON *o, struct err *e)
{
    struct view_network n = {0};
    const char *id, *name, *scope = "", *driver = "";

    if (!decode_need_id(o, "Id", &id, e) || !decode_need_str(o, "Name", &name, e) ||
        !json_get_str(o, "Scope", &scope, e) || !json_get_str(o, "Driver", &driver, e) ||
        !json_get_bool(o, "Ingress", &n.ingress, e))
        return false;
    if (strcmp(scope, "swarm") != 0 || strcmp(driver, "overlay") != 0)
        return true;
    n.id = xstrdup(id);
    n.name = xstrdup(name);
    view_add_network(d->into, &n);
    return true;
}

/* --- lists --- */

/* What the strict parser does not take may still have a name to find it by. */
static struct str find_name(struct str text)
{
    struct str name = unquoted(inner(inner(text, STR("Spec")), STR("Name")));

    return (struct str){name.p, name.n < NAME_SHOWN ? name.n : NAME_SHOWN};
}

/*
 * Go's encoder never escapes letters and dots: a service without this text has none of our labels,
 * and its name stands there as it is.
 */
static bool may_be_ours(const struct decode *d, struct str text)
{
    bool named = false;

    if (d->also && d->also->num > 0) {
        char *name = str_dup(find_name(text));

        named = is_asked_for(d, name);
        free(name);
    }
    return named || memmem(text.p, text.n, LABEL_PREFIX, sizeof(LABEL_PREFIX) - 1) != NULL;
}

/*
 * False only when every "ServiceID":"…" in the text names a service that is not wanted. Inside a
 * string the quotes would be escaped, so only keys match, and one of them is the task's own.
 */
static bool may_be_wanted(const struct decode *d, struct str text)
{
    static const char key[] = "\"ServiceID\":\"";
    const char *at = text.p, *end = text.p + text.n;
    bool found = false;

    if (!d->only_of)
        return true;
    while ((at = memmem(at, (size_t)(end - at), key, sizeof(key) - 1))) {
        const char *quote;
        char id[DECODE_ID_MAX + 1];

        found = true;
        at += sizeof(key) - 1;
        quote = memchr(at, '"', (size_t)(end - at));
        if (!quote || quote - at > DECODE_ID_MAX)
            return true;
        memcpy(id, at, (size_t)(quote - at));
        id[quote - at] = '\0';
        if (is_wanted(d, id))
            return true;
    }
    return !found;
}

static bool may_be_anything(const struct decode *d, struct str text)
{
    (void)d, (void)text; /* nodes and networks are few */
    return true;
}

static bool pass_over(struct decode *d, struct str text)
{
    (void)d, (void)text; /* nothing of it is wanted */
    return true;
}

/* --- what is known already --- */

static bool is_known_service(struct decode *d, const char *id)
{
    const struct view_service *was = view_service(d->known, id);

    if (!was || was->digest != d->digest || !(is_ours(was) || is_asked_for(d, was->name)))
        return false;
    see_version(d, was->version);
    view_share_service(d->into, &d->known->services[was - d->known->services]);
    return true;
}

/* Its states are the same as well; whether its service is wanted may not be. */
static bool is_known_task(struct decode *d, const char *id)
{
    const struct view_task *was = view_task(d->known, id);
    bool is_other = !was;

    if (!was)
        was = view_other(d->known, id);
    if (!was || was->digest != d->digest || is_for_routing(d, was) == is_other)
        return false;
    see_version(d, was->version);
    if (is_other)
        view_share_other(d->into, &d->known->others[was - d->known->others]);
    else
        view_share_task(d->into, &d->known->tasks[was - d->known->tasks]);
    return true;
}

static bool is_known_never(struct decode *d, const char *id)
{
    (void)d, (void)id; /* nodes and networks are few */
    return false;
}

static const struct {
    bool (*is_known)(struct decode *d, const char *id); /* then it has been taken */
    bool (*may_matter)(const struct decode *d, struct str text);
    bool (*note)(struct decode *d, struct str text); /* what may not; false: decode it after all */
    bool (*decode)(struct decode *d, const cJSON *o, struct err *e);
} kinds[DECODE__COUNT] = {
    [DECODE_SERVICES] = {is_known_service, may_be_ours, pass_over, decode_service},
    [DECODE_TASKS] = {is_known_task, may_be_wanted, decode_brief, decode_task},
    [DECODE_NODES] = {is_known_never, may_be_anything, pass_over, decode_node},
    [DECODE_NETWORKS] = {is_known_never, may_be_anything, pass_over, decode_network},
};

static const char *id_key(enum decode_kind kind)
{
    return kind == DECODE_NETWORKS ? "Id" : "ID";
}

static void skip(enum decode_kind kind, struct decode *d, struct str text, const struct err *why)
{
    struct view_refused r = {.kind = decode_kind_names[kind]};
    struct str id = unquoted(inner(text, str_from(id_key(kind))));

    d->num_skipped++;
    r.id = id.p ? str_dup((struct str){id.p, id.n < DECODE_ID_MAX ? id.n : DECODE_ID_MAX})
                : xstrdup("?");
    r.name = kind == DECODE_SERVICES ? str_dup(find_name(text)) : NULL;
    r.why = xstrdup(why->text);
    if (d->on_skip)
        d->on_skip(d->arg, r.kind, r.id, why);
    if (decode_is_plain(id))
        view_add_refused(d->into, &r);
    view_refused_clear(&r);
}

static void decode_one(enum decode_kind kind, struct str text, struct decode *d)
{
    struct err why = {0};
    cJSON *o = json_parse(text, &decode_limits, &why);

    if (o && !cJSON_IsObject(o))
        err_set(&why, "WrongType", "", "it is not an object");
    if (why.code || !kinds[kind].decode(d, o, &why))
        skip(kind, d, text, &why);
    cJSON_Delete(o);
}

/* Docker writes the id first; an object that begins in another way is decoded. */
static bool is_as_known(enum decode_kind kind, struct str text, struct decode *d)
{
    static const char key[] = "{\"ID\":\"";
    const size_t begin = sizeof(key) - 1;
    char id[DECODE_ID_MAX + 1];
    const char *quote;

    d->digest = map_hash(text);
    if (!d->known || text.n < begin || memcmp(text.p, key, begin) != 0)
        return false;
    quote = memchr(text.p + begin, '"', text.n - begin);
    if (!quote || (size_t)(quote - text.p) - begin > DECODE_ID_MAX)
        return false;
    memcpy(id, text.p + begin, (size_t)(quote - text.p) - begin);
    id[(size_t)(quote - text.p) - begin] = '\0';
    return kinds[kind].is_known(d, id);
}

bool decode_list(enum decode_kind kind, struct str body, struct decode *d, struct err *e)
{
    struct list list = {.rest = body};
    struct err broken = {0};
    struct str text;

    d->num_seen = d->num_skipped = 0;
    d->newest = 0;
    while (list_next(&list, &text, &broken)) {
        d->num_seen++;
        if (is_as_known(kind, text, d))
            continue;
        if (kinds[kind].may_matter(d, text) || !kinds[kind].note(d, text))
            decode_one(kind, text, d);
    }
    if (broken.code)
        return err_set(e, broken.code, "", "the list of %ss: %s", decode_kind_names[kind],
                       broken.text);
    return true;
}
