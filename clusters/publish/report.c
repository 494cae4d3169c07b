/*
 * Decoding of what followers POST. The refusals are not kept as they came but printed again from
 * what was understood, so that the admin API can pass them on without looking. Counts and texts are
 * capped: the sender holds a cluster's token and nothing else, so it is not trusted with memory.
 */
#include "clusters/publish/report.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/publish/publish.h"
#include "clusters/publish/stats.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

static const struct json_limits report_limits = {.bytes_max = PUBLISH_REPORT_MAX, .depth_max = 8};

/* At most `max` bytes of s, never the first bytes of a cut UTF-8 sequence. */
static struct str cut(const char *s, size_t max)
{
    struct str all = str_from(s);

    if (all.n <= max)
        return all;
    all.n = max;
    while (all.n > 0 && ((unsigned char)all.p[all.n] & 0xc0) == 0x80)
        all.n--;
    return all;
}

static bool print_refusal(struct buf *b, const cJSON *refusal, struct err *e)
{
    static const char *const keys[] = {"kind", "name", "code", "message", "field"};
    const size_t num_keys = sizeof keys / sizeof keys[0];

    if (!cJSON_IsObject(refusal))
        return err_set(e, "BadReport", "/refusals", "a refusal must be an object");
    for (size_t i = 0; i < num_keys; i++) {
        const char *text = "";

        if (!json_get_str(refusal, keys[i], &text, e))
            return false;
        ASSERT(buf_add_fmt(b, "%s\"%s\":", i == 0 ? "{" : ",", keys[i]) &&
               buf_add_json(b, cut(text, REPORT_TEXT_MAX)));
    }
    ASSERT(buf_add_str(b, STR("}")));
    return true;
}

static bool print_refusals(struct buf *b, const cJSON *list, struct report *out, struct err *e)
{
    const cJSON *refusal;

    ASSERT(buf_add_str(b, STR("[")));
    cJSON_ArrayForEach(refusal, list)
    {
        if (out->num_refusals < PUBLISH_REFUSALS_MAX && b->len < REPORT_REFUSALS_BYTES) {
            if (out->num_refusals != 0)
                ASSERT(buf_add_str(b, STR(",")));
            if (!print_refusal(b, refusal, e))
                return false;
        }
        out->num_refusals++;
    }
    ASSERT(buf_add_str(b, STR("]")));
    return true;
}

/* `field` is "/" and the key. */
static bool read_text(const cJSON *root, const char *field, char *out, size_t max, struct err *e)
{
    const char *text = "";

    if (!json_get_str(root, field + 1, &text, e))
        return false;
    if (strlen(text) > max)
        return err_set(e, "BadReport", field, "\"%s\" has at most %zu bytes", field + 1, max);
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool read_report(const cJSON *root, struct report *out, struct buf *b, struct err *e)
{
    const cJSON *list = NULL;
    int64_t applied = 0;

    out->routes = -1;
    if (!cJSON_IsObject(root))
        return err_set(e, "BadReport", "", "a report must be a JSON object");
    if (!read_text(root, "/node", out->node, REPORT_NODE_MAX, e) ||
        !read_text(root, "/epoch", out->epoch, REPORT_EPOCH_MAX, e) ||
        !json_get_int(root, "routes", 0, INT64_MAX, &out->routes, e) ||
        !json_get_int(root, "applied", 0, INT64_MAX, &applied, e) ||
        !json_get_array(root, "refusals", &list, e))
        return false;
    out->applied = (uint64_t)applied;
    return print_refusals(b, list, out, e);
}

/* Numbers that cannot be used hurt themselves only: what is in force matters more. */
static void read_stats(const cJSON *root, struct report *out)
{
    const cJSON *stats = json_get(root, "stats");
    struct buf b;

    buf_init(&b, STATS_BYTES_MAX + (64 << 10));
    if (stats != NULL && !cJSON_IsNull(stats) && !stats_print(stats, &b, &out->stats_refusal))
        (void)json_err_in(&out->stats_refusal, "/stats");
    out->stats = buf_take(&b);
    buf_free(&b);
}

bool report_parse(struct str body, struct report *out, struct err *e)
{
    struct buf b;
    cJSON *root;
    bool ok;

    memset(out, 0, sizeof *out);
    root = json_parse(body, &report_limits, e);
    if (root == NULL)
        return false;
    /* Worst case: every byte of five texts becomes six in JSON. */
    buf_init(&b, (size_t)PUBLISH_REFUSALS_MAX * 5 * (REPORT_TEXT_MAX * 6 + 32) + 16);
    ok = read_report(root, out, &b, e);
    if (ok)
        read_stats(root, out);
    cJSON_Delete(root);
    if (ok)
        out->refusals_json = buf_take(&b);
    else
        memset(out, 0, sizeof *out);
    buf_free(&b);
    return ok;
}

void report_free(struct report *r)
{
    free(r->refusals_json);
    free(r->stats);
    memset(r, 0, sizeof *r);
}
