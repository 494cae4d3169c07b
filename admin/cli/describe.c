/*
 * describe: all about one thing on one screen: what it is, what became of it, what a request to
 * each of its hosts gets, which gateways have it. What a service needs is in service.c.
 */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

enum { HOSTS_SHOWN = 5 };

void cli_title(struct cli *cli, const char *text)
{
    screen_say(&cli->out, TONE_TITLE, "%s", text);
}

/* Members by name; what has a part of the screen of its own is left out. */
void cli_show_members(struct cli *cli, const cJSON *o, const char *const *without, size_t indent)
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
            grid_add(&g, TONE_PLAIN, text[0] != '\0' ? text : "-");
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

void cli_show_requests(struct cli *cli, const cJSON *o)
{
    const char *cluster = jsonview_text(o, "cluster");
    const cJSON *host = jsonview_first(o, "hosts");

    if (host == NULL || cluster[0] == '\0')
        return;
    cli_title(cli, "requests");
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

/* A tenant would be refused, which would be a row of the audit for each look at a screen. */
cJSON *cli_try_fleet(struct cli *cli, const char *cluster)
{
    struct uri_place at = {.name = cluster};
    const struct surface_row *row = uri_find_op(SURFACE_CLUSTER_GATEWAYS_OP, &at);
    cJSON *fleet = NULL;
    struct buf uri;

    buf_init(&uri, URI_MAX);
    if (row != NULL && cluster[0] != '\0' && cli->profile.tenant == NULL &&
        uri_path(row, &at, &uri))
        fleet = cli_try_get(cli, uri.bytes);
    buf_free(&uri);
    return fleet;
}

/* ---- everything else ---------------------------------------------------------------------------
 */

static void show_document(struct cli *cli, const cJSON *d)
{
    static const char *const apart[] = {"kind", "name", "status", NULL};
    cJSON *fleet = cli_try_fleet(cli, jsonview_text(d, "cluster"));
    int64_t commit = jsonview_number(d, "status.commit", 0);
    enum tone tone;
    const char *state = cli_state(d, &tone);

    screen_say(&cli->out, TONE_TITLE, "%s %s  commit %lld", jsonview_text(d, "kind"),
               jsonview_text(d, "name"), (long long)commit);
    if (strcmp(state, "-") != 0)
        screen_say(&cli->out, tone, "%s", state);
    cli_show_members(cli, d, apart, 2);
    if (jsonview_first(d, "status.conditions") != NULL) {
        cli_title(cli, "conditions");
        cli_show_conditions(cli, d, 2);
    }
    cli_show_requests(cli, d);
    if (fleet != NULL) {
        cli_title(cli, "gateways");
        (void)cli_show_gateways(cli, fleet, commit, 2); /* the condition Programmed counts them */
    }
    cJSON_Delete(fleet);
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
        cli_show_members(cli, g, all, 0);
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
        cli_show_service(cli, tree);
    else if (row->op == SURFACE_COMMIT_OP)
        cli_show_commit(cli, tree);
    else if (json_get(tree, "kind") != NULL)
        show_document(cli, tree);
    else
        cli_show_members(cli, tree, all, 0);
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

    if (strcmp(noun, "gateway") == 0 && name != NULL)
        return describe_gateway(cli, name);
    row = cli_find(cli, "GET", noun, name);
    if (row != NULL && (row->op == SURFACE_LIST_OP || row->op == SURFACE_SERVICES_OP))
        return cli_usage(cli, "which of the %s? say its name", row->noun);
    if (row == NULL || !cli_path(cli, row, name, &path, &code))
        return code;
    code = show(cli, row, path.bytes);
    buf_free(&path);
    return code;
}
