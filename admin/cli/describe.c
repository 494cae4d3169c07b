/*
 * describe: all about one thing on one screen. Of a service it is the answer to "why is my service
 * not reachable?": what it asks for, what became of that, what a request to each of its hosts
 * gets, which gateways have it, and what to do next.
 */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

enum { HOSTS_SHOWN = 5 };

static void title(struct cli *cli, const char *text)
{
    screen_say(&cli->out, TONE_TITLE, "%s", text);
}

/* Members by name; what has a part of the screen of its own is left out. */
static void show_members(struct cli *cli, const cJSON *o, const char *const *without, size_t indent)
{
    struct grid g;

    grid_init(&g, 2);
    for (const cJSON *m = cJSON_IsObject(o) ? o->child : NULL; m != NULL; m = m->next) {
        char *text = jsonview_plain(m);
        bool skip = false;

        for (size_t i = 0; without[i] != NULL; i++)
            skip |= strcmp(without[i], m->string) == 0;
        if (!skip) {
            grid_add(&g, TONE_PLAIN, m->string);
            grid_add(&g, TONE_PLAIN, text);
        }
        free(text);
    }
    grid_print(&g, &cli->out, indent);
    grid_free(&g);
}

/* ---- parts -------------------------------------------------------------------------------------
 */

/* What a request to the host gets; NULL when that is not to be had. */
static cJSON *explain_host(struct cli *cli, const char *cluster, const char *host, const char *path)
{
    struct uri_place at = cli_place(cli, NULL);
    const struct surface_row *row = uri_find_op(SURFACE_EXPLAIN_OP, &at);
    cJSON *body = cJSON_CreateObject();
    cJSON *answer = NULL;
    struct buf uri;
    char *text;

    ASSERT(row != NULL && cJSON_AddStringToObject(body, "cluster", cluster) != NULL &&
           cJSON_AddStringToObject(body, "host", host) != NULL &&
           cJSON_AddStringToObject(body, "path", path[0] != '\0' ? path : "/") != NULL);
    text = cJSON_PrintUnformatted(body);
    buf_init(&uri, URI_MAX);
    if (uri_path(row, &at, &uri))
        answer = cli_try_post(cli, uri.bytes, text);
    buf_free(&uri);
    free(text);
    cJSON_Delete(body);
    return answer;
}

/* "*.shop.example" has no requests of its own: one of those below it stands for all. */
static char *host_to_ask(const char *host)
{
    return strncmp(host, "*.", 2) == 0 ? xasprintf("any%s", host + 1) : xstrdup(host);
}

static void show_hosts(struct cli *cli, const cJSON *o)
{
    const char *cluster = jsonview_text(o, "cluster");
    const cJSON *host = jsonview_first(o, "hosts");

    if (host == NULL || cluster[0] == '\0')
        return;
    title(cli, "requests");
    for (int i = 0; host != NULL && i < HOSTS_SHOWN; i++, host = host->next) {
        char *asked = host_to_ask(cJSON_IsString(host) ? host->valuestring : "");
        cJSON *x = explain_host(cli, cluster, asked, jsonview_text(o, "path"));

        screen_say(&cli->out, TONE_PLAIN, "  GET http://%s%s", asked,
                   jsonview_text(o, "path")[0] != '\0' ? jsonview_text(o, "path") : "/");
        if (x != NULL)
            cli_show_explanation(cli, x, 4);
        cJSON_Delete(x);
        free(asked);
    }
    for (int more = 0; host != NULL; host = host->next)
        if (++more > 0 && host->next == NULL)
            screen_say(&cli->out, TONE_FAINT, "  and %d hosts more", more);
}

/* An operator sees the fleet; a tenant has the condition Programmed instead. How many live without
 * that commit: -1 = not to be seen. */
static long show_fleet(struct cli *cli, const char *cluster, int64_t commit)
{
    struct uri_place at = {.name = cluster};
    const struct surface_row *row = uri_find_op(SURFACE_CLUSTER_GATEWAYS_OP, &at);
    cJSON *fleet = NULL;
    struct buf uri;
    long without = -1;

    buf_init(&uri, URI_MAX);
    if (row != NULL && cluster[0] != '\0' && uri_path(row, &at, &uri))
        fleet = cli_try_get(cli, uri.bytes);
    if (fleet != NULL) {
        title(cli, "gateways");
        without = (long)cli_show_gateways(cli, fleet, commit, 2);
    }
    cJSON_Delete(fleet);
    buf_free(&uri);
    return without;
}

/* ---- services ----------------------------------------------------------------------------------
 */

/* The first condition that is the owner's to mend, or NULL. */
static const cJSON *fault_of(const cJSON *service)
{
    for (const cJSON *c = jsonview_first(service, "conditions"); c != NULL; c = c->next) {
        bool yes = strcmp(jsonview_text(c, "status"), "True") == 0;
        bool conflict = strcmp(jsonview_text(c, "type"), "Conflicted") == 0;

        if (conflict ? yes : !yes)
            return c;
    }
    return NULL;
}

static void say_verdict(struct cli *cli, const cJSON *service, const cJSON *fault)
{
    if (fault != NULL)
        screen_say(&cli->out, TONE_BAD, "not well: %s", jsonview_text(fault, "message"));
    else if (jsonview_first(service, "hosts") == NULL)
        screen_say(&cli->out, TONE_BAD, "not routed: no label gives it a host");
    else
        screen_say(&cli->out, TONE_GOOD, "routed: %lld endpoints",
                   (long long)jsonview_number(service, "endpoints", 0));
}

static void say_next(struct cli *cli, const cJSON *service, const cJSON *fault, long without)
{
    const char *name = jsonview_text(service, "service");
    const char *label = fault != NULL ? jsonview_text(fault, "label") : "";

    title(cli, "what to do");
    if (label[0] != '\0')
        screen_say(&cli->out, TONE_PLAIN,
                   "  mend the label: docker service update --label-add %s=VALUE %s", label, name);
    else if (fault != NULL)
        screen_say(&cli->out, TONE_PLAIN, "  see its tasks: docker service ps --no-trunc %s", name);
    if (without > 0 && jsonview_number(service, "commit", 0) > 0)
        screen_say(&cli->out, TONE_PLAIN,
                   "  %ld gateways do not have it: \"signalbox gateways %s\" says since when they "
                   "are silent, and what they refuse",
                   without, jsonview_text(service, "cluster"));
    if (fault == NULL && without <= 0)
        screen_say(&cli->out, TONE_PLAIN,
                   "  nothing here; if requests fail, \"signalbox explain URL --cluster %s\" says "
                   "where one goes",
                   jsonview_text(service, "cluster"));
}

static void show_labels(struct cli *cli, const cJSON *service)
{
    static const char *const all[] = {NULL};

    if (json_get(service, "labels") == NULL)
        return;
    title(cli, "labels as seen");
    show_members(cli, json_get(service, "labels"), all, 2);
}

static void show_service(struct cli *cli, const cJSON *service)
{
    const cJSON *fault = fault_of(service);
    long without;

    screen_say(&cli->out, TONE_TITLE, "service %s  tenant %s  cluster %s  commit %lld",
               jsonview_text(service, "service"), jsonview_text(service, "tenant"),
               jsonview_text(service, "cluster"), (long long)jsonview_number(service, "commit", 0));
    say_verdict(cli, service, fault);
    show_labels(cli, service);
    title(cli, "conditions");
    cli_show_conditions(cli, service, 2);
    show_hosts(cli, service);
    without =
        show_fleet(cli, jsonview_text(service, "cluster"), jsonview_number(service, "commit", 0));
    say_next(cli, service, fault, without);
}

/* An operator need not know whose a service is. free() */
static char *tenant_of_service(struct cli *cli, const char *name)
{
    struct uri_place at = {.tenant = NULL};
    const struct surface_row *row = uri_find_op(SURFACE_SERVICES_OP, &at);
    cJSON *tree = row != NULL ? cli_try_get(cli, row->path) : NULL;
    char *tenant = NULL;

    for (const cJSON *s = jsonview_first(tree, "services"); s != NULL && tenant == NULL;
         s = s->next)
        if (strcmp(jsonview_text(s, "service"), name) == 0 ||
            strcmp(jsonview_text(s, "id"), name) == 0)
            tenant = xstrdup(jsonview_text(s, "tenant"));
    cJSON_Delete(tree);
    return tenant;
}

/* ---- everything else ---------------------------------------------------------------------------
 */

static void show_document(struct cli *cli, const cJSON *d)
{
    static const char *const apart[] = {"kind", "name", "status", NULL};
    const char *cluster = jsonview_text(d, "cluster");
    int64_t commit = jsonview_number(d, "status.commit", 0);
    enum tone tone;
    const char *state = cli_state(d, &tone);

    screen_say(&cli->out, TONE_TITLE, "%s %s  commit %lld", jsonview_text(d, "kind"),
               jsonview_text(d, "name"), (long long)commit);
    if (strcmp(state, "-") != 0)
        screen_say(&cli->out, tone, "%s", state);
    show_members(cli, d, apart, 2);
    if (jsonview_first(d, "status.conditions") != NULL) {
        title(cli, "conditions");
        cli_show_conditions(cli, d, 2);
    }
    show_hosts(cli, d);
    (void)show_fleet(cli, cluster, commit); /* the condition Programmed counts them */
}

static int describe_gateway(struct cli *cli, const char *id)
{
    struct uri_place at = {.tenant = NULL};
    const struct surface_row *row = uri_find_op(SURFACE_GATEWAYS_OP, &at);
    static const char *const all[] = {NULL};
    const cJSON *g = NULL;
    cJSON *tree = NULL;
    int code = CLI_REFUSED;

    ASSERT(row != NULL);
    if (!cli_get(cli, row->path, &tree, &code))
        return code;
    for (g = jsonview_first(tree, "gateways"); g != NULL; g = g->next)
        if (strcmp(jsonview_text(g, "id"), id) == 0)
            break;
    if (g == NULL)
        (void)cli_usage(cli, "there is no gateway \"%s\"; \"signalbox gateways\" lists them", id);
    else if (cli->json)
        cli_print_json(cli, g);
    else
        show_members(cli, g, all, 0);
    code = g != NULL ? CLI_OK : CLI_REFUSED;
    cJSON_Delete(tree);
    return code;
}

static int show(struct cli *cli, const struct surface_row *row, const char *path)
{
    static const char *const all[] = {NULL};
    cJSON *tree = NULL;
    int code = CLI_OK;

    if (!cli_get(cli, path, &tree, &code))
        return code;
    if (cli->json)
        cli_print_json(cli, tree);
    else if (row->op == SURFACE_SERVICE_OP)
        show_service(cli, tree);
    else if (json_get(tree, "kind") != NULL)
        show_document(cli, tree);
    else
        show_members(cli, tree, all, 0);
    cJSON_Delete(tree);
    return CLI_OK;
}

int describe_run(struct cli *cli)
{
    const char *noun = cli->args.words[0];
    const char *name = cli->args.words[1];
    const struct surface_row *row;
    struct buf path;
    int code = CLI_USAGE;

    if (strcmp(noun, "gateway") == 0)
        return describe_gateway(cli, name);
    if (strcmp(noun, "service") == 0 && cli->profile.tenant == NULL)
        cli->profile.tenant = tenant_of_service(cli, name);
    row = cli_find(cli, "GET", noun, name);
    if (row == NULL || !cli_path(cli, row, name, &path, &code))
        return code;
    code = show(cli, row, path.bytes);
    buf_free(&path);
    return code;
}
