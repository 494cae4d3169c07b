/*
 * Requests for config objects and the decoder of what comes back. Names of ours need no escaping in
 * paths and filters, which is asserted. It neither retries nor remembers; clusters/replica does.
 */
#include "clusters/swarm/configs.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/swarm/list.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

enum { ONE_MAX = 2 << 20, ANSWER_MAX = 64 << 10, BODY_MAX = 2 << 20 };

static const struct json_limits one_limits = {.bytes_max = ONE_MAX, .depth_max = 16};

/* ---- asking --------------------------------------------------------------------------------- */

static bool is_plain(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strspn(name, plain);

    return n > 0 && n <= CONFIGS_NAME_MAX && name[n] == '\0';
}

static struct docker_call *ask(struct docker *d, struct docker_ask *what, char *owned_path,
                               docker_done *on_done, void *arg)
{
    struct docker_call *c;

    what->path = owned_path;
    c = docker_ask(d, what, on_done, arg);
    free(owned_path);
    return c;
}

struct docker_call *configs_list(struct docker *d, const char *prefix, configs_body *on_body,
                                 docker_done *on_done, void *arg)
{
    struct docker_ask what = {.method = "GET", .reply_max = CONFIGS_LIST_MAX, .on_body = on_body};

    ASSERT(is_plain(prefix));
    return ask(d, &what,
               xasprintf("/configs?filters=%%7B%%22name%%22%%3A%%5B%%22%s%%22%%5D%%7D", prefix),
               on_done, arg);
}

struct docker_call *configs_get(struct docker *d, const char *name, configs_body *on_body,
                                docker_done *on_done, void *arg)
{
    struct docker_ask what = {.method = "GET", .reply_max = ONE_MAX, .on_body = on_body};

    ASSERT(is_plain(name));
    return ask(d, &what, xasprintf("/configs/%s", name), on_done, arg);
}

static void add_spec(struct buf *b, const char *name, struct str labels, const char *base64)
{
    bool fits;

    buf_init(b, BODY_MAX);
    fits = buf_add_fmt(b, "{\"Name\":\"%s\",\"Labels\":%.*s", name, STR_ARG(labels)) &&
           (!base64 || buf_add_fmt(b, ",\"Data\":\"%s\"", base64)) && buf_add_str(b, STR("}"));
    ASSERT(fits && labels.n <= CONFIGS_LABELS_MAX);
}

struct docker_call *configs_create(struct docker *d, const char *name, struct str labels,
                                   const char *base64, docker_done *on_done, void *arg)
{
    struct docker_ask what = {.method = "POST", .reply_max = ANSWER_MAX};
    struct docker_call *c;
    struct buf body;

    ASSERT(is_plain(name));
    add_spec(&body, name, labels, base64);
    what.body = buf_str(&body);
    c = ask(d, &what, xstrdup("/configs/create"), on_done, arg);
    buf_free(&body);
    return c;
}

struct docker_call *configs_relabel(struct docker *d, const char *name, uint64_t version,
                                    struct str labels, docker_done *on_done, void *arg)
{
    struct docker_ask what = {.method = "POST", .reply_max = ANSWER_MAX};
    struct docker_call *c;
    struct buf body;

    ASSERT(is_plain(name));
    add_spec(&body, name, labels, NULL); /* without bytes they stay what they are */
    what.body = buf_str(&body);
    c = ask(d, &what,
            xasprintf("/configs/%s/update?version=%llu", name, (unsigned long long)version),
            on_done, arg);
    buf_free(&body);
    return c;
}

struct docker_call *configs_remove(struct docker *d, const char *name, docker_done *on_done,
                                   void *arg)
{
    struct docker_ask what = {.method = "DELETE", .reply_max = ANSWER_MAX};

    ASSERT(is_plain(name));
    return ask(d, &what, xasprintf("/configs/%s", name), on_done, arg);
}

/* ---- what comes back ------------------------------------------------------------------------ */

const char *configs_label(const struct configs_item *c, const char *key)
{
    const char *value = NULL;

    return json_get_str(c->labels, key, &value, NULL) ? value : NULL;
}

static bool read_item(const cJSON *o, struct configs_item *out, struct err *e)
{
    const cJSON *spec = NULL, *version = NULL;
    const char *data = "";

    if (!cJSON_IsObject(o))
        return err_set(e, "BadReply", "", "a config is not an object");
    if (!json_get_object(o, "Spec", &spec, e) || !json_get_object(o, "Version", &version, e) ||
        !json_get_u64(version, "Index", &out->version, e) ||
        !json_get_str(spec, "Name", &out->name, e) ||
        !json_get_object(spec, "Labels", &out->labels, e) || !json_get_str(spec, "Data", &data, e))
        return false;
    if (!spec || !version || !out->name)
        return err_set(e, "BadReply", "", "a config has no Spec, Name or Version");
    out->base64 = str_from(data);
    return true;
}

bool configs_decode(struct str body, configs_fn *fn, void *arg, struct err *e)
{
    cJSON *o = json_parse(body, &one_limits, e);
    struct configs_item item = {0};
    bool ok = o && read_item(o, &item, e);

    if (ok)
        fn(arg, &item);
    cJSON_Delete(o);
    return ok;
}

bool configs_decode_list(struct str body, configs_fn *fn, void *arg, struct err *e)
{
    struct list list = {.rest = body};
    struct err broken = {0};
    struct str text;

    while (list_next(&list, &text, &broken))
        (void)configs_decode(text, fn, arg, NULL); /* one that is strange is nobody of ours */
    if (broken.code)
        return err_set(e, broken.code, "", "the list of configs: %s", broken.text);
    return true;
}
