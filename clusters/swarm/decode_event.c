/*
 * Decoders of what Docker says besides its lists: its version, events, the bodies of its errors;
 * and what all decoders ask of an object's fields. Pure functions, as in decode.c. Called by
 * docker.c, link.c and the fuzzer.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/swarm/decode_priv.h"

const struct json_limits decode_limits = {.bytes_max = 8 << 20, .depth_max = 64};

bool decode_need_str(const cJSON *o, const char *key, const char **out, struct err *e)
{
    *out = NULL;
    if (!json_get_str(o, key, out, e))
        return false;
    if (*out && **out)
        return true;
    err_set(e, "MissingField", key, "%s is missing or empty", key);
    return false;
}

bool decode_is_plain(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '_'))
            return false;
    }
    return id.n > 0 && id.n <= DECODE_ID_MAX;
}

bool decode_need_id(const cJSON *o, const char *key, const char **out, struct err *e)
{
    if (!decode_need_str(o, key, out, e))
        return false;
    if (strlen(*out) > DECODE_ID_MAX)
        return err_set(e, "TooLong", key, "%s is longer than %d bytes", key, DECODE_ID_MAX);
    if (!decode_is_plain(str_from(*out)))
        return err_set(e, "BadId", key, "%s is not made of letters and digits", key);
    return true;
}

static bool decode_minor(const cJSON *o, const char *key, int *out, struct err *e)
{
    const char *text;
    uint64_t minor;

    if (!decode_need_str(o, key, &text, e))
        return false;
    if (strncmp(text, "1.", 2) != 0 || !str_to_u64(str_from(text + 2), 9999, &minor))
        return err_set(e, "BadVersion", key, "%s is '%.16s', expected 1.x", key, text);
    *out = (int)minor;
    return true;
}

bool decode_api(struct str body, struct decode_api *out, struct err *e)
{
    cJSON *o = json_parse(body, &decode_limits, e);
    bool ok = o && (cJSON_IsObject(o) || err_set(e, "BadReply", "", "the version is no object")) &&
              decode_minor(o, "ApiVersion", &out->newest, e);

    if (ok) {
        out->oldest = 0;
        ok = !json_need(o, "MinAPIVersion", NULL) ||
             decode_minor(o, "MinAPIVersion", &out->oldest, e);
    }
    cJSON_Delete(o);
    return ok;
}

/* Docker says what else an update is about: replicas.new, updatestate.new, availability.new. */
static bool is_only_named(const cJSON *o, const cJSON *actor)
{
    const cJSON *action = cJSON_GetObjectItemCaseSensitive(o, "Action");
    const cJSON *said = cJSON_GetObjectItemCaseSensitive(actor, "Attributes");

    return cJSON_IsString(action) && strcmp(action->valuestring, "update") == 0 &&
           cJSON_IsObject(said) && said->child && !said->child->next &&
           strcmp(said->child->string, "name") == 0;
}

static bool read_event(const cJSON *o, struct decode_event *out, struct err *e)
{
    static const struct {
        const char *type;
        enum decode_kind kind;
    } watched[] = {{"service", DECODE_SERVICES},
                   {"node", DECODE_NODES},
                   {"network", DECODE_NETWORKS},
                   {"secret", DECODE_SECRETS}};
    const cJSON *actor = NULL;
    const char *type, *id;

    if (!cJSON_IsObject(o))
        return err_set(e, "BadEvent", "", "an event is not an object");
    if (!decode_need_str(o, "Type", &type, e) || !json_get_object(o, "Actor", &actor, e))
        return false;
    for (size_t i = 0; i < sizeof(watched) / sizeof(*watched); i++) {
        if (strcmp(type, watched[i].type) != 0)
            continue;
        if (!actor)
            return err_set(e, "BadEvent", "Actor", "an event has no Actor");
        if (!decode_need_id(actor, "ID", &id, e))
            return false;
        out->kind = watched[i].kind;
        out->only_named = is_only_named(o, actor);
        (void)snprintf(out->id, sizeof(out->id), "%s", id); /* need_id saw to the length */
        return true;
    }
    return false;
}

bool decode_event(struct str line, struct decode_event *out, struct err *e)
{
    cJSON *o = json_parse(line, &decode_limits, e);
    bool ok = o && read_event(o, out, e);

    cJSON_Delete(o);
    return ok;
}

void decode_message(struct str body, char *out, size_t cap)
{
    cJSON *o = json_parse(body, &decode_limits, NULL);
    const char *text = "";

    if (!cJSON_IsObject(o) || !json_get_str(o, "message", &text, NULL))
        text = "";                        /* a proxy's page, perhaps */
    (void)snprintf(out, cap, "%s", text); /* a long message is cut */
    cJSON_Delete(o);
}
