/*
 * See stats.h. A line is "name labels-length labels value": foreign bytes are between two numbers
 * of ours, so that nothing in them can end a line. Who sends this holds a cluster's token and
 * nothing else.
 */
#include "clusters/publish/stats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* [a-zA-Z_:][a-zA-Z0-9_:]*, without colons for labels. */
static bool is_name(struct str s, bool colons)
{
    if (s.n == 0 || s.n > STATS_NAME_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && !(colons && s.p[i] == ':') &&
            !(i > 0 && s.p[i] >= '0' && s.p[i] <= '9'))
            return false;
    return true;
}

static bool is_ours(struct str label)
{
    static const char *const ours[] = {"cluster", "gateway", "node"};

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (str_eq(label, str_from(ours[i])))
            return true;
    return str_starts(label, STR("__"));
}

/* Bytes of a quoted value without its quotes, up to the closing one; false: there is none. */
static bool scan_value(struct str s, size_t *out_n)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '"') {
            *out_n = i;
            return true;
        }
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == '\\' && (++i == s.n || strchr("\\\"n", s.p[i]) == NULL || s.p[i] == '\0'))
            return false;
    }
    return false;
}

bool stats_label(struct str *rest, struct str *out_name, struct str *out_value)
{
    struct str s = *rest;
    const char *equals = s.n > 0 ? memchr(s.p, '=', s.n) : NULL;
    size_t n;

    if (equals == NULL)
        return false;
    *out_name = (struct str){s.p, (size_t)(equals - s.p)};
    s = (struct str){equals + 1, s.n - out_name->n - 1};
    if (s.n < 2 || s.p[0] != '"' || !scan_value((struct str){s.p + 1, s.n - 1}, &n))
        return false;
    *out_value = (struct str){s.p + 1, n};
    s = (struct str){s.p + n + 2, s.n - n - 2};
    if (s.n == 0) {
        *rest = (struct str){NULL, 0};
        return true;
    }
    *rest = (struct str){s.p + 1, s.n - 1};
    return s.p[0] == ',' && s.n > 1;
}

static bool check_labels(struct str labels)
{
    struct str names[STATS_LABELS_MAX], value;
    size_t num = 0;

    if (labels.n == 0)
        return true;
    for (; labels.p != NULL; num++) {
        if (num == STATS_LABELS_MAX || !stats_label(&labels, &names[num], &value) ||
            !is_name(names[num], false) || is_ours(names[num]))
            return false;
        for (size_t i = 0; i < num; i++)
            if (str_eq(names[i], names[num]))
                return false;
    }
    return true;
}

static bool read_sample(const cJSON *item, struct stats_sample *out, struct err *e)
{
    const cJSON *name = cJSON_IsArray(item) ? item->child : NULL;
    const cJSON *labels = name != NULL ? name->next : NULL;
    const cJSON *value = labels != NULL ? labels->next : NULL;

    if (value == NULL || value->next != NULL || !cJSON_IsString(name) || !cJSON_IsString(labels))
        return err_set(e, "BadStats", "", "a sample is [name, labels, number]");
    out->name = str_from(name->valuestring);
    out->labels = str_from(labels->valuestring);
    if (!is_name(out->name, true))
        return err_set(e, "BadStats", "", "\"%.64s\" is no name of a metric", name->valuestring);
    if (!check_labels(out->labels))
        return err_set(e, "BadStats", "", "these are no labels that a gateway may have: %.100s",
                       labels->valuestring);
    if (!json_int(value, INT64_MIN, INT64_MAX, &out->value))
        return err_set(e, "BadStats", "", "the value of a sample is an integer of 64 bits");
    return true;
}

static int by_series(const void *a, const void *b)
{
    const struct stats_sample *x = a, *y = b;
    int order = str_cmp(x->name, y->name);

    return order != 0 ? order : str_cmp(x->labels, y->labels);
}

static bool refuse_twice(const struct stats_sample *all, size_t num, struct err *e)
{
    for (size_t i = 1; i < num; i++)
        if (by_series(&all[i - 1], &all[i]) == 0)
            return err_set(e, "BadStats", "/samples", "%.*s{%.*s} comes twice",
                           all[i].name.n > 64 ? 64 : (int)all[i].name.n, all[i].name.p,
                           all[i].labels.n > 100 ? 100 : (int)all[i].labels.n, all[i].labels.p);
    return true;
}

static bool print_all(const struct stats_sample *all, size_t num, struct buf *out, struct err *e)
{
    size_t before = out->len;

    for (size_t i = 0; i < num; i++)
        if (out->len - before > STATS_BYTES_MAX ||
            !buf_add_fmt(out, "%.*s %zu %.*s %" PRId64 "\n", STR_ARG(all[i].name), all[i].labels.n,
                         STR_ARG(all[i].labels), all[i].value)) {
            out->len = before;
            if (out->bytes != NULL)
                out->bytes[before] = '\0';
            return err_set(e, "BadStats", "/samples", "more than %d bytes", (int)STATS_BYTES_MAX);
        }
    return true;
}

bool stats_print(const struct cJSON *stats, struct buf *out, struct err *e)
{
    const cJSON *list = NULL, *item;
    struct stats_sample *all;
    size_t num = 0;
    bool ok = true;

    if (!json_get_array(stats, "samples", &list, e))
        return false;
    if (list == NULL)
        return err_set(e, "BadStats", "", "\"samples\" is missing");
    all = xcalloc(STATS_SAMPLES_MAX, sizeof *all);
    for (item = list->child; ok && item != NULL; item = item->next, num++) {
        if (num == STATS_SAMPLES_MAX)
            ok = err_set(e, "BadStats", "/samples", "more than %d", (int)STATS_SAMPLES_MAX);
        else if (!read_sample(item, &all[num], e))
            ok = json_err_in(e, "/samples/%zu", num);
        if (!ok)
            break;
    }
    if (ok)
        qsort(all, num, sizeof *all, by_series);
    ok = ok && refuse_twice(all, num, e) && print_all(all, num, out, e);
    free(all);
    return ok;
}

bool stats_next(struct str *rest, struct stats_sample *out)
{
    struct str s = *rest;
    char *end;
    size_t n;

    if (s.n == 0)
        return false;
    out->name = (struct str){s.p, (size_t)((const char *)memchr(s.p, ' ', s.n) - s.p)};
    n = strtoul(out->name.p + out->name.n, &end, 10);
    out->labels = (struct str){end + 1, n};
    out->value = strtoll(out->labels.p + n, &end, 10);
    *rest = (struct str){end + 1, s.n - (size_t)(end + 1 - s.p)};
    return true;
}
