/*
 * See exposition.h. Does not collect: hub and proxy say their numbers, the coordinator's API those
 * of reports. Every name is in the lists of metrics.h.
 */
#include "gateway/observe/exposition.h"

#include <inttypes.h>
#include <string.h>

#include "gateway/core/check.h"

enum { LABELS_MAX = 8192 };

static const struct exposition_metric all[METRIC__COUNT] = {
#define X(sym, name, help) [METRIC_##sym] = {name, "counter", "", help},
    METRICS_COUNTERS(X)
#undef X
#define X(sym, name, help) [METRIC_##sym] = {name, "histogram", "le", help},
        METRICS_HISTOGRAMS(X)
#undef X
#define X(sym, name, type, labels, help) [METRIC_##sym] = {name, type, labels, help},
            METRICS_OTHERS(X)
#undef X
};

static const char *const bucket_labels[METRICS_BUCKETS_NUM + 1] = {
#define X(us, label) label,
    METRICS_BUCKETS(X)
#undef X
        "+Inf",
};

const struct exposition_metric *exposition_describe(enum metric which)
{
    return &all[which];
}

int exposition_bound(struct str le)
{
    for (int i = 0; i <= METRICS_BUCKETS_NUM; i++)
        if (str_eq(le, str_from(bucket_labels[i])))
            return i;
    return -1;
}

/* Histograms and summaries have parts, and no sample of their bare name. */
static bool may_have(const struct exposition_metric *m, const char *suffix)
{
    bool histogram = strcmp(m->type, "histogram") == 0;
    bool has_parts = histogram || strcmp(m->type, "summary") == 0;

    if (strcmp(suffix, "_bucket") == 0)
        return histogram;
    return suffix[0] == '\0' ? !has_parts : has_parts;
}

enum metric exposition_find(struct str name, const char **out_suffix)
{
    static const char *const suffixes[] = {"", "_sum", "_count", "_bucket"};

    for (int i = 0; i < METRIC__COUNT; i++) {
        size_t n = strlen(all[i].name);

        if (!str_starts(name, str_from(all[i].name)))
            continue;
        for (size_t k = 0; k < sizeof suffixes / sizeof suffixes[0]; k++)
            if (str_eq((struct str){name.p + n, name.n - n}, str_from(suffixes[k])) &&
                may_have(&all[i], suffixes[k])) {
                *out_suffix = suffixes[k];
                return (enum metric)i;
            }
    }
    return METRIC__COUNT;
}

/* The exposition has seconds where the name says so. */
static bool is_time(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    static const char *const ends[] = {"_seconds", "_seconds_total"};

    if (suffix[0] != '\0' && strcmp(suffix, "_sum") != 0)
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (n >= strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

bool exposition_head(struct buf *out, const struct exposition_metric *m)
{
    return buf_add_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
}

static bool add_value(struct buf *out, bool time, int64_t value)
{
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    if (!time)
        return buf_add_fmt(out, " %" PRId64 "\n", value);
    return buf_add_fmt(out, " %s%" PRIu64 ".%06" PRIu64 "\n", value < 0 ? "-" : "", size / 1000000,
                       size % 1000000);
}

bool exposition_sample(struct buf *out, const char *name, const char *suffix, struct str labels,
                       int64_t value)
{
    return buf_add_fmt(out, "%s%s", name, suffix) &&
           (labels.n == 0 || (buf_add_str(out, STR("{")) && buf_add_str(out, labels) &&
                              buf_add_str(out, STR("}")))) &&
           add_value(out, is_time(name, suffix), value);
}

bool exposition_add_label(struct buf *labels, const char *name, struct str value)
{
    bool ok = buf_add_fmt(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);

    for (size_t i = 0; ok && i < value.n; i++) {
        char c = value.p[i];

        if (c == '\\' || c == '"')
            ok = buf_add_fmt(labels, "\\%c", c);
        else if (c == '\n')
            ok = buf_add_str(labels, STR("\\n"));
        else
            ok = buf_add(labels, &c, 1);
    }
    return ok && buf_add_str(labels, STR("\""));
}

void exposition_begin(struct exposition *x, enum exposition_form form, struct buf *out)
{
    *x = (struct exposition){.out = out, .form = form, .metric = METRIC__COUNT, .first = true};
    buf_init(&x->labels, LABELS_MAX);
    if (form == EXPOSITION_SAMPLES)
        x->full = !buf_add_str(out, STR("{\"samples\":["));
}

bool exposition_end(struct exposition *x)
{
    if (x->form == EXPOSITION_SAMPLES)
        x->full = x->full || !buf_add_str(x->out, STR("]}"));
    buf_free(&x->labels);
    return !x->full;
}

void exposition_metric(struct exposition *x, enum metric which)
{
    x->metric = which;
    if (x->form == EXPOSITION_TEXT)
        x->full = x->full || !exposition_head(x->out, &all[which]);
}

void exposition_label(struct exposition *x, const char *name, struct str value)
{
    x->full = x->full || !exposition_add_label(&x->labels, name, value);
}

static bool add_json_sample(struct exposition *x, const char *suffix, int64_t value)
{
    return buf_add_fmt(x->out, "%s[\"%s%s\",", x->first ? "" : ",", all[x->metric].name, suffix) &&
           buf_add_json(x->out, buf_str(&x->labels)) && buf_add_fmt(x->out, ",%" PRId64 "]", value);
}

void exposition_value(struct exposition *x, const char *suffix, int64_t value)
{
    const struct exposition_metric *m = &all[x->metric];
    bool said = x->form == EXPOSITION_TEXT || value != 0 || strcmp(m->type, "counter") != 0;

    if (said && !x->full)
        x->full = x->form == EXPOSITION_TEXT
                      ? !exposition_sample(x->out, m->name, suffix, buf_str(&x->labels), value)
                      : !add_json_sample(x, suffix, value);
    x->first = x->first && !said;
    buf_clear(&x->labels);
}

void exposition_one(struct exposition *x, enum metric which, int64_t value)
{
    exposition_metric(x, which);
    exposition_value(x, "", value);
}

static void write_histogram(struct exposition *x, enum metric which,
                            const struct metrics_histogram *h)
{
    uint64_t sum = 0;

    exposition_metric(x, which);
    for (size_t i = 0; i <= METRICS_BUCKETS_NUM; i++) {
        sum += metrics_get(&h->in[i]);
        exposition_label(x, "le", str_from(bucket_labels[i]));
        exposition_value(x, "_bucket", (int64_t)sum);
    }
    exposition_value(x, "_sum", (int64_t)metrics_get(&h->sum_us));
    exposition_value(x, "_count", (int64_t)sum);
}

void exposition_metrics(struct exposition *x, const struct metrics *m)
{
#define X(sym, name, help) exposition_one(x, METRIC_##sym, (int64_t)metrics_get(&m->sym));
    METRICS_COUNTERS(X)
#undef X
#define X(sym, name, help) write_histogram(x, METRIC_##sym, &m->sym);
    METRICS_HISTOGRAMS(X)
#undef X
}
