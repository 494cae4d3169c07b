/*
 * explain: a URL and what else a request has, and what the gateways would make of it. Also how an
 * explanation is shown, which describe uses for each host of a service.
 */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

/* ---- showing -----------------------------------------------------------------------------------
 */

static void show_endpoints(struct cli *cli, const cJSON *pool, size_t indent)
{
    for (const cJSON *e = jsonview_first(pool, "endpoints"); e != NULL; e = e->next) {
        const char *state = jsonview_text(e, "state");
        bool draining = strcmp(state, "draining") == 0;

        fprintf(cli->out.to, "%*s", (int)indent, "");
        screen_say(&cli->out, draining ? TONE_WARN : TONE_PLAIN, "%s:%lld %s%s%s",
                   jsonview_text(e, "address"), (long long)jsonview_number(e, "port", 0),
                   draining ? "draining" : "live",
                   jsonview_text(e, "task")[0] != '\0' ? ", task " : "", jsonview_text(e, "task"));
    }
}

static void show_pool(struct cli *cli, const cJSON *pool, size_t indent)
{
    int64_t live = jsonview_number(pool, "live", 0);

    fprintf(cli->out.to, "%*s", (int)indent, "");
    if (!jsonview_true(pool, "exists"))
        screen_say(&cli->out, TONE_BAD, "pool %s, weight %lld: there is no such pool",
                   jsonview_text(pool, "name"), (long long)jsonview_number(pool, "weight", 1));
    else
        screen_say(&cli->out, live > 0 ? TONE_PLAIN : TONE_BAD, "pool %s, weight %lld: %lld live",
                   jsonview_text(pool, "name"), (long long)jsonview_number(pool, "weight", 1),
                   (long long)live);
    show_endpoints(cli, pool, indent + 2);
}

static void show_list(struct cli *cli, const cJSON *x, const char *member, const char *title,
                      size_t indent)
{
    for (const cJSON *i = jsonview_first(x, member); i != NULL; i = i->next) {
        char *text = jsonview_plain(i);

        fprintf(cli->out.to, "%*s", (int)indent, "");
        screen_say(&cli->out, TONE_PLAIN, "%s%s", title, text);
        free(text);
    }
}

static void show_losers(struct cli *cli, const cJSON *x, size_t indent)
{
    int64_t more = jsonview_number(x, "more_losers", 0);

    for (const cJSON *l = jsonview_first(x, "losers"); l != NULL; l = l->next) {
        fprintf(cli->out.to, "%*s", (int)indent, "");
        screen_say(&cli->out, TONE_FAINT, "not %s (%s%s): %s [%s]", jsonview_text(l, "name"),
                   jsonview_text(l, "host"), jsonview_text(l, "path"), jsonview_text(l, "why"),
                   jsonview_text(l, "lost_by"));
    }
    if (more > 0)
        screen_say(&cli->out, TONE_FAINT, "%*snor %lld more", (int)indent, "", (long long)more);
}

/* Why nothing takes a request, in the place of the API's word for it. */
static const char *outcome_text(const char *outcome)
{
    static const struct {
        const char *outcome;
        const char *text;
    } all[] = {
        {"no_host", "no route of the cluster has this host"},
        {"no_path", "of the routes that have the host none takes such a request"},
        {"bad_host", "no host can be called that"},
        {"bad_path", "no path can be written so"},
        {"other_tenant", "another tenant has this host, or what would take the request"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].outcome, outcome) == 0)
            return all[i].text;
    return outcome;
}

static void show_winner(struct cli *cli, const cJSON *x, size_t indent)
{
    const cJSON *route = json_get(x, "route");
    int64_t status = jsonview_number(x, "status", 0);
    char *policies = jsonview_plain(jsonview_at(route, "policies"));

    fprintf(cli->out.to, "%*s", (int)indent, "");
    if (route != NULL)
        screen_say(&cli->out, TONE_GOOD, "route %s (%s, %s path %s)%s%s: %s",
                   jsonview_text(route, "name"), jsonview_text(route, "host"),
                   jsonview_text(route, "path_type"), jsonview_text(route, "path"),
                   strcmp(policies, "{}") != 0 ? " " : "",
                   strcmp(policies, "{}") != 0 ? policies : "", jsonview_text(x, "outcome"));
    else
        screen_say(&cli->out, TONE_BAD, "no route takes it: %s",
                   outcome_text(jsonview_text(x, "outcome")));
    free(policies);
    if (status > 0)
        screen_say(&cli->out, TONE_BAD, "%*sthe gateway itself answers %lld", (int)indent, "",
                   (long long)status);
}

void cli_show_explanation(struct cli *cli, const cJSON *x, size_t indent)
{
    show_winner(cli, x, indent);
    for (const cJSON *p = jsonview_first(x, "pools"); p != NULL; p = p->next)
        show_pool(cli, p, indent + 2);
    show_losers(cli, x, indent);
    show_list(cli, x, "nearest", "nearly: ", indent);
    show_list(cli, x, "notes", "note: ", indent);
}

/* ---- asking ------------------------------------------------------------------------------------
 */

static void add_text(cJSON *o, const char *name, struct str value)
{
    char *text = str_dup(value);

    ASSERT(cJSON_AddStringToObject(o, name, text) != NULL);
    free(text);
}

/* scheme "://" host [":" port] [path]; the host alone is one of http (RFC 3986 section 3). */
static void add_url(cJSON *o, const char *url)
{
    const char *mark = strstr(url, "://");
    struct str host = str_from(mark != NULL ? mark + 3 : url);
    const char *slash = memchr(host.p, '/', host.n);
    const char *colon;

    add_text(o, "scheme", mark != NULL ? (struct str){url, (size_t)(mark - url)} : STR("http"));
    add_text(o, "path", slash != NULL ? str_from(slash) : STR("/"));
    if (slash != NULL)
        host.n = (size_t)(slash - host.p);
    colon = memchr(host.p, ':', host.n);
    if (colon != NULL && host.p[0] != '[')
        host.n = (size_t)(colon - host.p);
    add_text(o, "host", host);
}

static bool add_headers(struct cli *cli, cJSON *o)
{
    cJSON *list = cli->args.num_headers > 0 ? cJSON_AddArrayToObject(o, "headers") : NULL;

    for (size_t i = 0; i < cli->args.num_headers; i++) {
        struct str rest = str_from(cli->args.headers[i]);
        struct str name;
        cJSON *header;

        if (!str_split(&rest, ':', &name) || rest.p == NULL)
            return false;
        header = cJSON_CreateObject();
        add_text(header, "name", str_trim(name));
        add_text(header, "value", str_trim(rest));
        ASSERT(cJSON_AddItemToArray(list, header));
    }
    return true;
}

static void add_option(struct cli *cli, cJSON *o, const char *name, int option)
{
    if (cli->args.values[option] != NULL)
        add_text(o, name, str_from(cli->args.values[option]));
}

static int show(struct cli *cli, const char *path, const char *body)
{
    cJSON *tree = NULL;
    int code;

    if (!cli_post(cli, path, body, &tree, &code))
        return code;
    if (cli->json)
        cli_print_json(cli, tree);
    else
        cli_show_explanation(cli, tree, 0);
    code = json_get(tree, "route") != NULL ? CLI_OK : CLI_REFUSED;
    cJSON_Delete(tree);
    return code;
}

int explain_run(struct cli *cli)
{
    const struct surface_row *row = cli_find_op(cli, SURFACE_EXPLAIN_OP);
    cJSON *body;
    struct buf path;
    char *text;
    int code = CLI_USAGE;

    if (cli->profile.cluster == NULL)
        return cli_usage(cli, "in which cluster? say --cluster NAME, or set it in the profile");
    if (row == NULL || !cli_path(cli, row, NULL, &path, &code))
        return code;
    body = cJSON_CreateObject();
    add_text(body, "cluster", str_from(cli->profile.cluster));
    add_url(body, cli->args.words[0]);
    add_option(cli, body, "method", ARG_METHOD);
    add_option(cli, body, "client", ARG_CLIENT);
    add_option(cli, body, "sni", ARG_SNI);
    if (add_headers(cli, body)) {
        text = cJSON_PrintUnformatted(body);
        code = show(cli, path.bytes, text);
        free(text);
    } else {
        code = cli_usage(cli, "a header is written -H 'name: value'");
    }
    cJSON_Delete(body);
    buf_free(&path);
    return code;
}
