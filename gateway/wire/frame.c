/*
 * Lines to frames and back. A table says which fields a frame may carry and who reads them. The
 * value of a set is judged as JSON here and as an object of its kind by objects.c. Called by the
 * follower, the proxy's worker, the publisher and the journal; keeps nothing between lines.
 */
#include "gateway/wire/frame.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"

/* The words of a refusal that cross the wire; err.code must point to static memory. */
static const char *const refusal_codes[] = {
    "BadAddress",    "BadHost",       "BadJson",       "BadName",           "BadPath",
    "BadValue",      "Conflicted",    "Contradiction", "DuplicateEndpoint", "DuplicateHost",
    "DuplicateKey",  "DuplicatePool", "MissingField",  "NoMemory",          "OutOfRange",
    "ReservedField", "TooDeep",       "TooLarge",      "TooMany",           "UnknownField",
    "Unsupported",   "WrongType",
};

static bool kind_of(struct str word, enum route_kind *out)
{
    for (unsigned i = 0; i < ROUTE_KIND__COUNT; i++) {
        if (str_eq(word, str_from(route_kind_name((enum route_kind)i)))) {
            *out = (enum route_kind)i;
            return true;
        }
    }
    return false;
}

typedef bool read_fn(const cJSON *body, struct frame *f, struct err *e);

static bool read_revision(const cJSON *body, struct frame *f, struct err *e)
{
    return json_need(body, "revision", e) && json_get_u64(body, "revision", &f->revision, e);
}

static bool read_name(const cJSON *body, struct frame *f, struct err *e)
{
    const char *kind = "";
    const char *name = "";

    if (!json_need(body, "kind", e) || !json_get_str(body, "kind", &kind, e) ||
        !json_need(body, "name", e) || !json_get_str(body, "name", &name, e))
        return false;
    if (!route_kind_from_name(kind, &f->kind))
        return err_set(e, "UnknownKind", "/kind", "there is no kind of object \"%.64s\"", kind);
    size_t n = strlen(name);

    if (n == 0 || n > ROUTE_NAME_MAX)
        return err_set(e, "BadName", "/name", "a name has 1 to %d bytes, this one %zu",
                       ROUTE_NAME_MAX, n);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return err_set(e, "BadName", "/name", "a name holds no control bytes");
    f->name = xstrdup(name);
    return true;
}

static bool read_set(const cJSON *body, struct frame *f, struct err *e)
{
    const cJSON *value = NULL;

    if (!read_name(body, f, e) || !json_need(body, "value", e))
        return false;
    return json_get_object(body, "value", &value, e);
}

static bool is_hex_digest(const char *s)
{
    return strlen(s) == FRAME_DIGEST_HEX && strspn(s, "0123456789abcdef") == FRAME_DIGEST_HEX;
}

static bool read_commit(const cJSON *body, struct frame *f, struct err *e)
{
    const char *digest = "";

    if (!read_revision(body, f, e) || !json_get_str(body, "digest", &digest, e))
        return false;
    if (digest[0] != '\0' && !is_hex_digest(digest))
        return err_set(e, "BadValue", "/digest", "a digest is %d lower-case hexadecimal digits",
                       FRAME_DIGEST_HEX);
    memcpy(f->digest, digest, strlen(digest) + 1);
    return true;
}

/* A word of the hello: 1..max bytes of what is printable ASCII and no blank. */
static bool is_word(const char *s, size_t max)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n; i++)
        if (s[i] <= 0x20 || s[i] >= 0x7f)
            return false;
    return n >= 1 && n <= max;
}

static bool read_hello(const cJSON *body, struct frame *f, struct err *e)
{
    const char *cluster = "";
    const char *epoch = "";
    const char *mode = "";

    if (!read_revision(body, f, e) || !json_get_str(body, "cluster", &cluster, e) ||
        !json_get_str(body, "epoch", &epoch, e) || !json_get_str(body, "mode", &mode, e))
        return false;
    if (!is_word(cluster, FRAME_CLUSTER_MAX))
        return err_set(e, "BadValue", "/cluster", "\"cluster\" must be 1 to %d printable bytes",
                       FRAME_CLUSTER_MAX);
    if (!is_word(epoch, FRAME_EPOCH_MAX))
        return err_set(e, "BadValue", "/epoch", "\"epoch\" must be 1 to %d printable bytes",
                       FRAME_EPOCH_MAX);
    f->snapshot = strcmp(mode, "snapshot") == 0;
    if (!f->snapshot && strcmp(mode, "delta") != 0)
        return err_set(e, "BadValue", "/mode", "\"mode\" must be \"snapshot\" or \"delta\"");
    f->cluster = xstrdup(cluster);
    memcpy(f->epoch, epoch, strlen(epoch) + 1);
    return true;
}

static const char *static_code(const char *code)
{
    for (size_t i = 0; i < sizeof(refusal_codes) / sizeof(refusal_codes[0]); i++)
        if (strcmp(code, refusal_codes[i]) == 0)
            return refusal_codes[i];
    return "Refused";
}

static bool read_nack(const cJSON *body, struct frame *f, struct err *e)
{
    const char *code = "";
    const char *field = "";
    const char *message = "";

    if (!read_name(body, f, e) || !json_get_str(body, "code", &code, e) ||
        !json_get_str(body, "field", &field, e) || !json_get_str(body, "message", &message, e))
        return false;
    err_set(&f->refusal, static_code(code), field, "%s", message);
    return true;
}

static bool read_status(const cJSON *body, struct frame *f, struct err *e)
{
    const char *complaint = "";

    if (!json_need(body, "stale", e) || !json_get_bool(body, "stale", &f->stale, e) ||
        !json_get_int(body, "age_ms", 0, INT64_MAX, &f->age_ms, e) ||
        !json_get_str(body, "complaint", &complaint, e))
        return false;
    f->complaint = xstrdup(complaint);
    return true;
}

static bool read_stats(const cJSON *body, struct frame *f, struct err *e)
{
    const cJSON *value = NULL;

    (void)f;
    return json_need(body, "value", e) && json_get_object(body, "value", &value, e);
}

static const struct frame_rule {
    const char *word;
    read_fn *read;
    const char *fields[6];
} rules[FRAME__COUNT] = {
    [FRAME_HELLO] = {"hello", read_hello, {"cluster", "epoch", "revision", "mode"}},
    [FRAME_SET] = {"set", read_set, {"kind", "name", "value"}},
    [FRAME_DELETE] = {"delete", read_name, {"kind", "name"}},
    [FRAME_COMMIT] = {"commit", read_commit, {"revision", "digest"}},
    [FRAME_BEAT] = {"beat", read_revision, {"revision"}},
    [FRAME_ACK] = {"ack", read_revision, {"revision"}},
    [FRAME_NACK] = {"nack", read_nack, {"kind", "name", "code", "field", "message"}},
    [FRAME_STATUS] = {"status", read_status, {"stale", "age_ms", "complaint"}},
    [FRAME_STATS] = {"stats", read_stats, {"value"}},
};

const char *frame_type_name(enum frame_type type)
{
    ASSERT((unsigned)type < FRAME__COUNT);
    return rules[type].word;
}

static const struct frame_rule *find_rule(const char *word)
{
    for (size_t i = 0; i < FRAME__COUNT; i++)
        if (strcmp(word, rules[i].word) == 0)
            return &rules[i];
    return NULL;
}

static bool has_value(const struct frame *f)
{
    return f->type == FRAME_SET || f->type == FRAME_STATS;
}

static bool read_frame(cJSON *tree, struct frame *out, struct err *e)
{
    cJSON *body = cJSON_IsObject(tree) ? tree->child : NULL;

    if (body == NULL || body->next != NULL)
        return err_set(e, "BadFrame", "", "a frame is an object with exactly one member");
    const struct frame_rule *rule = find_rule(body->string);

    if (rule == NULL)
        return err_set(e, "BadFrame", "", "there is no frame \"%.64s\"", body->string);
    if (!cJSON_IsObject(body))
        return err_set(e, "BadFrame", "", "the frame \"%s\" must hold an object", rule->word);
    out->type = (enum frame_type)(rule - rules);
    if (!json_only_keys(body, rule->fields, e) || !rule->read(body, out, e))
        return json_err_in(e, "/%s", rule->word);
    if (has_value(out))
        out->value = cJSON_DetachItemFromObjectCaseSensitive(body, "value");
    return true;
}

static bool parse_any(struct str line, struct frame *out, struct err *e)
{
    struct str span = {NULL, 0};
    cJSON *tree = json_parse_span(line, &json_limits_frame, "value", 2, &span, e);

    if (tree == NULL)
        return false;
    bool ok = read_frame(tree, out, e);

    cJSON_Delete(tree);
    if (ok && has_value(out))
        out->value_bytes = span;
    if (!ok)
        frame_free(out);
    return ok;
}

/* ---- sets as we write them ---------------------------------------------------------------------
 * Nearly every line of a large table is one, so that those are taken apart by hand: around the
 * value nothing but our own words in our own order, and a name without escapes. What is in any way
 * different goes the long way, which also has the sentences.
 */

/* What is done with the value. */
enum judging { JUDGE_LATER, JUDGE_BYTES, JUDGE_AND_BUILD };

/* A value lies two levels deep in its line. */
static struct json_limits value_limits(void)
{
    return (struct json_limits){.bytes_max = json_limits_frame.bytes_max,
                                .depth_max = json_limits_frame.depth_max - 2};
}

static bool judge(struct str value, enum judging how, struct cJSON **out_tree)
{
    const struct json_limits limits = value_limits();
    struct err unused;

    if (how == JUDGE_BYTES)
        return json_check(value, &limits, &unused);
    if (how == JUDGE_AND_BUILD)
        *out_tree = json_parse(value, &limits, &unused);
    return how == JUDGE_LATER || *out_tree != NULL;
}

static bool cut_word(struct str *rest, struct str *out)
{
    return json_cut_plain(rest, out) && out->n > 0 && out->n <= ROUTE_NAME_MAX;
}

/* Into kind, name and value; the value is not judged yet. */
static bool split_plain_set(struct str line, struct str *kind, struct str *name, struct str *value)
{
    static const struct str end = {"}}", 2};
    struct str rest = line;

    if (line.n > FRAME_LINE_MAX || !str_cut(&rest, STR("{\"set\":{\"kind\":\"")) ||
        !cut_word(&rest, kind) || !str_cut(&rest, STR(",\"name\":\"")) || !cut_word(&rest, name) ||
        !str_cut(&rest, STR(",\"value\":")) || rest.n < end.n + 2 || rest.p[0] != '{' ||
        memcmp(rest.p + rest.n - end.n, end.p, end.n) != 0)
        return false;
    *value = (struct str){rest.p, rest.n - end.n};
    return true;
}

static bool parse_plain_set(struct str line, enum judging how, struct frame *out)
{
    struct str kind;
    struct str name;
    struct str value;

    if (!split_plain_set(line, &kind, &name, &value) || !kind_of(kind, &out->kind) ||
        !judge(value, how, &out->value))
        return false;
    out->type = FRAME_SET;
    out->name = str_dup(name);
    out->value_bytes = value;
    return true;
}

bool frame_parse(struct str line, struct frame *out, struct err *e)
{
    *out = (struct frame){.type = FRAME_HELLO};
    return parse_plain_set(line, JUDGE_AND_BUILD, out) || parse_any(line, out, e);
}

bool frame_parse_late(struct str line, struct frame *out, struct err *e)
{
    *out = (struct frame){.type = FRAME_HELLO};
    return parse_plain_set(line, JUDGE_LATER, out) || parse_any(line, out, e);
}

bool frame_parse_bytes(struct str line, struct frame *out, struct err *e)
{
    *out = (struct frame){.type = FRAME_HELLO};
    if (parse_plain_set(line, JUDGE_BYTES, out))
        return true;
    if (!parse_any(line, out, e))
        return false;
    cJSON_Delete(out->value);
    out->value = NULL;
    return true;
}

bool frame_build_value(struct frame *f, struct err *e)
{
    const struct json_limits limits = value_limits();

    ASSERT(has_value(f));
    if (f->value == NULL)
        f->value = json_parse(f->value_bytes, &limits, e);
    return f->value != NULL;
}

void frame_free(struct frame *f)
{
    free(f->name);
    free(f->cluster);
    free(f->complaint);
    cJSON_Delete(f->value);
    *f = (struct frame){.type = FRAME_HELLO};
}
