/*
 * How a list of things is shown: for each kind its columns, and for any other kind the names. What
 * a condition means in a word is here too.
 */
#include <time.h>

#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

enum { COLUMNS_MAX = 7 };

static const struct json_limits detail_limits = {.bytes_max = 64 << 10, .depth_max = 8};

enum cell {
    CELL_PLAIN,
    CELL_STATE,
    CELL_FORWARD,
    CELL_ENDPOINTS,
    CELL_TIME,
    CELL_DOCUMENTS,
    CELL_ACTION,
    CELL_USES
};

struct column {
    const char *title;
    const char *member;
    enum cell cell;
};

#define STATE                   \
    {                           \
        "STATE", "", CELL_STATE \
    }
#define NAMED                      \
    {                              \
        "NAME", "name", CELL_PLAIN \
    }
#define PLAIN(title, member)      \
    {                             \
        title, member, CELL_PLAIN \
    }

static const struct kind {
    const char *name;
    struct column columns[COLUMNS_MAX];
} kinds[] = {
    {"route",
     {NAMED,
      PLAIN("CLUSTER", "cluster"),
      PLAIN("HOSTS", "hosts"),
      PLAIN("PATH", "path"),
      {"TO", "", CELL_FORWARD},
      STATE}},
    {"pool",
     {NAMED, PLAIN("CLUSTER", "cluster"), PLAIN("PROTOCOL", "protocol"),
      PLAIN("SERVICE", "service.name"), PLAIN("PORT", "service.port"), STATE}},
    {"endpoints", {NAMED, PLAIN("CLUSTER", "cluster"), {"ENDPOINTS", "", CELL_ENDPOINTS}, STATE}},
    {"certificate",
     {NAMED, PLAIN("CLUSTER", "cluster"), PLAIN("HOSTS", "hosts"), PLAIN("CERT", "cert"),
      PLAIN("KEY", "key"), STATE}},
    {"pin", {NAMED, PLAIN("SERVICE", "service"), PLAIN("COMMIT", "commit"), STATE}},
    {"tenant",
     {NAMED, PLAIN("HOSTS", "hosts"), PLAIN("CLUSTERS", "clusters"),
      PLAIN("SERVICES", "services.names"), PLAIN("LABELS", "services.labels")}},
    {"cluster",
     {NAMED, PLAIN("DEFAULT", "default"), PLAIN("TENANTS", "tenants"),
      PLAIN("SERVICES", "services.labels")}},
    {"cluster state",
     {{"NAME", "cluster", CELL_PLAIN},
      PLAIN("STATE", "state"),
      PLAIN("REVISION", "revision"),
      PLAIN("ROUTES", "routes"),
      PLAIN("EPOCH", "epoch"),
      PLAIN("REASON", "reason")}},
    {"ownership", {NAMED, PLAIN("CLAIMS", "claims")}},
    {"token",
     {{"ID", "name", CELL_PLAIN},
      PLAIN("SCOPES", "scopes"),
      {"EXPIRES", "expires_ms", CELL_TIME},
      {"LAST USED", "status.last_used_ms", CELL_TIME},
      PLAIN("ABOUT", "about")}},
    {"service",
     {{"SERVICE", "service", CELL_PLAIN},
      PLAIN("TENANT", "tenant"),
      PLAIN("CLUSTER", "cluster"),
      PLAIN("ACCEPTED", "accepted")}},
    {"secret",
     {{"SECRET", "secret", CELL_PLAIN},
      PLAIN("EXISTS", "exists"),
      PLAIN("ONLY FOR", "tenant"),
      PLAIN("UPDATED", "updated"),
      PLAIN("EXPIRES", "expires"),
      {"USED BY", "used_by", CELL_USES}}},
    {"commit",
     {PLAIN("COMMIT", "commit"),
      {"AT", "at_ms", CELL_TIME},
      PLAIN("AUTHOR", "author"),
      {"DOCUMENTS", "", CELL_DOCUMENTS},
      PLAIN("CAUSE", "cause")}},
    {"audit row",
     {PLAIN("ROW", "seq"),
      {"AT", "at_ms", CELL_TIME},
      PLAIN("AUTHOR", "author"),
      PLAIN("TENANT", "tenant"),
      {"ACTION", "", CELL_ACTION},
      PLAIN("HASH", "hash")}},
    {"", {NAMED, STATE}},
};

void cli_time(int64_t at_ms, char out[32])
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm parts;

    if (at_ms <= 0 || localtime_r(&at, &parts) == NULL ||
        strftime(out, 32, "%Y-%m-%d %H:%M:%S", &parts) == 0)
        (void)snprintf(out, 32, "never");
}

/* ---- conditions --------------------------------------------------------------------------------
 */

static const cJSON *condition(const cJSON *document, const char *type)
{
    const cJSON *i = jsonview_first(document, "status.conditions");

    for (i = i != NULL ? i : jsonview_first(document, "conditions"); i != NULL; i = i->next)
        if (strcmp(jsonview_text(i, "type"), type) == 0)
            return i;
    return NULL;
}

/* The gravest thing first. "Conflicted" is good when it is false. */
const char *cli_state(const cJSON *document, enum tone *out_tone)
{
    const cJSON *accepted = condition(document, "Accepted");
    const cJSON *resolved = condition(document, "ResolvedRefs");
    const cJSON *programmed = condition(document, "Programmed");

    *out_tone = TONE_BAD;
    if (accepted != NULL && strcmp(jsonview_text(accepted, "status"), "True") != 0)
        return jsonview_text(accepted, "reason");
    if (resolved != NULL && strcmp(jsonview_text(resolved, "status"), "True") != 0)
        return jsonview_text(resolved, "reason");
    *out_tone = TONE_WARN;
    if (programmed != NULL && strcmp(jsonview_text(programmed, "status"), "True") != 0)
        return jsonview_text(programmed, "reason");
    *out_tone = programmed != NULL ? TONE_GOOD : TONE_PLAIN;
    return programmed != NULL ? jsonview_text(programmed, "reason")
           : accepted != NULL ? jsonview_text(accepted, "reason")
                              : "-";
}

bool cli_condition_is_good(const cJSON *c)
{
    bool yes = strcmp(jsonview_text(c, "status"), "True") == 0;

    return strcmp(jsonview_text(c, "type"), "Conflicted") == 0 ? !yes : yes;
}

/* Most sentences name the label; one that does not gets it in front. */
static void add_message(struct grid *g, const cJSON *c)
{
    const char *message = jsonview_text(c, "message");
    const char *label = jsonview_text(c, "label");
    char *text =
        strstr(message, label) != NULL ? xstrdup(message) : xasprintf("%s: %s", label, message);

    grid_add(g, TONE_PLAIN, text);
    free(text);
}

void cli_show_conditions(struct cli *cli, const cJSON *document, size_t indent)
{
    const cJSON *i = jsonview_first(document, "status.conditions");
    struct grid g;

    grid_init(&g, 3);
    for (i = i != NULL ? i : jsonview_first(document, "conditions"); i != NULL; i = i->next) {
        enum tone tone = cli_condition_is_good(i) ? TONE_GOOD : TONE_BAD;

        grid_add(&g, TONE_PLAIN, jsonview_text(i, "type"));
        grid_add(&g, tone, jsonview_text(i, "reason"));
        add_message(&g, i);
    }
    grid_print(&g, &cli->out, indent);
    grid_free(&g);
}

/* ---- cells -------------------------------------------------------------------------------------
 */

static char *forward_of(const cJSON *route)
{
    struct buf out;
    bool ok = true;

    if (json_get(route, "redirect") != NULL)
        return xstrdup("redirect");
    buf_init(&out, 4096);
    for (const cJSON *f = jsonview_first(route, "forward"); f != NULL && ok; f = f->next) {
        int64_t weight = jsonview_number(f, "weight", 1);

        ok = buf_add_fmt(&out, "%s%s", out.len > 0 ? "," : "", jsonview_text(f, "pool")) &&
             (weight == 1 || buf_add_fmt(&out, "=%lld", (long long)weight));
    }
    return buf_take(&out);
}

static char *endpoints_of(const cJSON *document)
{
    struct buf out;
    bool ok = true;

    buf_init(&out, 4096);
    for (const cJSON *i = jsonview_first(document, "endpoints"); i != NULL && ok; i = i->next)
        ok = buf_add_fmt(&out, "%s%s:%lld", out.len > 0 ? "," : "", jsonview_text(i, "address"),
                         (long long)jsonview_number(i, "port", 0));
    return buf_take(&out);
}

static char *documents_of(const cJSON *commit)
{
    const cJSON *first = jsonview_first(commit, "documents");
    struct buf out;
    bool ok = true;
    int num = 0;

    buf_init(&out, 4096);
    for (const cJSON *d = first; d != NULL && ok; d = d->next) {
        num++;
        if (num <= 3)
            ok = buf_add_fmt(&out, "%s%s%s/%s", num > 1 ? " " : "",
                             strcmp(jsonview_text(d, "change"), "delete") == 0 ? "-" : "",
                             jsonview_text(d, "kind"), jsonview_text(d, "name"));
    }
    if (num > 3 && !buf_add_fmt(&out, " and %d more", num - 3))
        buf_clear(&out); /* names that long are nobody's */
    return buf_take(&out);
}

/* A refusal says in its detail what was refused. */
static char *action_of(const cJSON *row)
{
    const char *detail = jsonview_text(row, "detail");
    cJSON *tree = json_parse(str_from(detail), &detail_limits, NULL);
    const char *method = jsonview_text(tree, "method");
    const char *action = jsonview_text(row, "action");
    char *text = method[0] == '\0'
                     ? xstrdup(action)
                     : xasprintf("%s %s %s (%lld)", action, method, jsonview_text(tree, "path"),
                                 (long long)jsonview_number(tree, "status", 0));

    cJSON_Delete(tree);
    return text;
}

/* "certificate shop/web, service shop/shop_web" */
static char *uses_of(const cJSON *item)
{
    struct buf out;
    bool ok = true;

    buf_init(&out, 4096);
    for (const cJSON *i = jsonview_first(item, "used_by"); i != NULL && ok; i = i->next)
        ok = buf_add_fmt(&out, "%s%s %s/%s", out.len > 0 ? ", " : "", jsonview_text(i, "kind"),
                         jsonview_text(i, "tenant"), jsonview_text(i, "name"));
    return buf_take(&out);
}

static char *time_of(const cJSON *item, const char *member)
{
    char text[32];

    cli_time(jsonview_number(item, member, 0), text);
    return xstrdup(text);
}

static void add_cell(struct grid *g, const struct column *c, const cJSON *item)
{
    enum tone tone = TONE_PLAIN;
    char *text = NULL;

    switch (c->cell) {
    case CELL_PLAIN:
        text = jsonview_plain(jsonview_at(item, c->member));
        break;
    case CELL_STATE:
        text = xstrdup(cli_state(item, &tone));
        break;
    case CELL_FORWARD:
        text = forward_of(item);
        break;
    case CELL_ENDPOINTS:
        text = endpoints_of(item);
        break;
    case CELL_TIME:
        text = time_of(item, c->member);
        break;
    case CELL_DOCUMENTS:
        text = documents_of(item);
        break;
    case CELL_ACTION:
        text = action_of(item);
        break;
    case CELL_USES:
        text = uses_of(item);
        break;
    }
    grid_add(g, tone, text[0] != '\0' ? text : "-");
    free(text);
}

static const struct kind *kind_of(const char *name)
{
    size_t i = 0;

    while (kinds[i].name[0] != '\0' && strcmp(kinds[i].name, name) != 0)
        i++;
    return &kinds[i];
}

void cli_show_rows(struct cli *cli, const char *kind, const cJSON *first)
{
    const struct kind *k = kind_of(kind);
    size_t num = 0;
    struct grid g;

    while (num < COLUMNS_MAX && k->columns[num].title != NULL)
        num++;
    grid_init(&g, num);
    for (size_t c = 0; c < num; c++)
        grid_add(&g, TONE_TITLE, k->columns[c].title);
    for (const cJSON *i = first; i != NULL; i = i->next)
        for (size_t c = 0; c < num; c++)
            add_cell(&g, &k->columns[c], i);
    grid_print(&g, &cli->out, 0);
    grid_free(&g);
}
