/* From a noun to an answer: the endpoint, its path, the call, the JSON. */
#include "admin/cli/cli_priv.h"

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"

static const struct json_limits answer_limits = {.bytes_max = 256 << 20, .depth_max = 64};

struct uri_place cli_place(const struct cli *cli, const char *name)
{
    return (struct uri_place){
        .tenant = cli->profile.tenant, .cluster = cli->profile.cluster, .name = name};
}

bool cli_path(struct cli *cli, const struct surface_row *row, const char *name, struct buf *out,
              int *out_code)
{
    struct uri_place at = cli_place(cli, name);

    cli->asked = row;
    buf_init(out, URI_MAX);
    if (uri_path(row, &at, out))
        return true;
    *out_code = cli_usage(cli, "that name is too long");
    return false;
}

static const char *nearest_noun(const char *noun)
{
    enum { NOUNS_MAX = 256 };
    const char *known[NOUNS_MAX + 1];
    size_t num = 0;

    for (size_t i = 0; i < surface_num_rows && num < NOUNS_MAX; i++)
        if (surface_rows[i].noun[0] != '\0')
            known[num++] = surface_rows[i].noun;
    known[num] = NULL;
    return json_nearest(noun, known);
}

/* The command for what `get` does not show: "history" for "commits". NULL: none. */
static const char *command_for(const char *noun)
{
    for (size_t i = 0; i < surface_num_rows; i++) {
        const struct surface_row *row = &surface_rows[i];

        if (row->verb[0] != '\0' && row->noun[0] == '\0' && strcmp(row->method, "GET") == 0 &&
            strcmp(strrchr(row->path, '/') + 1, noun) == 0)
            return row->verb;
    }
    return NULL;
}

static void say_unknown(struct cli *cli, const char *noun)
{
    const char *near = nearest_noun(noun);
    const char *command = command_for(noun);

    if (command != NULL)
        (void)cli_usage(cli, "%s are shown by \"signalbox %s\"", noun, command);
    else if (near != NULL)
        (void)cli_usage(cli, "there is no kind \"%s\"; the nearest is \"%s\"", noun, near);
    else
        (void)cli_usage(cli, "there is no kind \"%s\"; \"signalbox help get\" lists them", noun);
}

/* What the command line does not say and the noun needs; NULL: something else is wrong. */
static const char *missing_for(const char *method, const char *noun, const struct uri_place *at)
{
    struct uri_place with_cluster = *at;
    struct uri_place with_name = *at;
    struct uri_place with_tenant = *at;

    with_cluster.cluster = "c";
    with_name.name = "n";
    with_tenant.tenant = "t";
    if (at->cluster == NULL && uri_find(method, noun, &with_cluster) != NULL)
        return "of which cluster? say -c CLUSTER, or set cluster in the profile";
    if (at->name == NULL && uri_find(method, noun, &with_name) != NULL)
        return "which one? say its name";
    if (at->tenant == NULL && uri_find(method, noun, &with_tenant) != NULL)
        return "whose? say -t TENANT, or set SIGNALBOX_TENANT or tenant in the profile";
    return NULL;
}

const struct surface_row *cli_find(struct cli *cli, const char *method, const char *noun,
                                   const char *name)
{
    const struct uri_place at = cli_place(cli, name);
    const struct surface_row *row = uri_find(method, noun, &at);
    const char *missing;

    if (row != NULL)
        return row;
    if (!uri_knows_noun(noun) || (name == NULL && command_for(noun) != NULL)) {
        say_unknown(cli, noun);
        return NULL;
    }
    missing = missing_for(method, noun, &at);
    if (missing != NULL)
        (void)cli_usage(cli, "%s: %s", noun, missing);
    else
        (void)cli_usage(cli, "\"%s\" cannot be used so with %s; \"signalbox help %s\"",
                        cli->args.command->name, noun, cli->args.command->name);
    return NULL;
}

const struct surface_row *cli_find_op(struct cli *cli, enum surface_op op)
{
    struct uri_place at = cli_place(cli, NULL);
    const struct surface_row *row = uri_find_op(op, &at);

    if (row == NULL)
        (void)cli_usage(cli, "for which tenant? say -t TENANT, or set SIGNALBOX_TENANT or tenant "
                             "in the profile");
    return row;
}

static bool connect_client(struct cli *cli, int *out_code)
{
    struct err e = {0};

    if (cli->client == NULL)
        cli->client = client_new(cli->profile.url, cli->profile.token, &e);
    if (cli->client == NULL)
        *out_code = cli_fail(cli, CLI_USAGE, &e);
    return cli->client != NULL;
}

bool cli_call(struct cli *cli, const struct client_request *rq, struct client_reply *out,
              int *out_code)
{
    struct err e = {0};

    if (!connect_client(cli, out_code))
        return false;
    if (client_call(cli->client, rq, out, &e))
        return true;
    client_reply_free(out);
    *out_code = cli_fail(cli, CLI_UNREACHABLE, &e);
    return false;
}

cJSON *cli_parse(struct cli *cli, const struct client_reply *reply, int *out_code)
{
    struct err why = {0};
    struct err e = {0};
    cJSON *tree = json_parse(buf_str(&reply->body), &answer_limits, &why);

    if (tree == NULL) {
        err_set(&e, "BadAnswer", "", "%s answers what no coordinator does: %s", cli->profile.url,
                why.text);
        *out_code = cli_fail(cli, CLI_UNREACHABLE, &e);
    }
    return tree;
}

static bool ask(struct cli *cli, const struct client_request *rq, cJSON **out_tree, int *out_code)
{
    struct client_reply reply;

    *out_tree = NULL;
    if (!cli_call(cli, rq, &reply, out_code))
        return false;
    if (reply.status / 100 == 2)
        *out_tree = cli_parse(cli, &reply, out_code);
    else
        *out_code = cli_problem(cli, &reply, NULL);
    client_reply_free(&reply);
    return *out_tree != NULL;
}

bool cli_get(struct cli *cli, const char *uri, cJSON **out_tree, int *out_code)
{
    return ask(cli, &(struct client_request){.method = "GET", .uri = uri}, out_tree, out_code);
}

static struct client_request post(const char *uri, const char *body)
{
    return (struct client_request){
        .method = "POST", .uri = uri, .type = "application/json", .body = body};
}

bool cli_post(struct cli *cli, const char *uri, const char *body, cJSON **out_tree, int *out_code)
{
    struct client_request rq = post(uri, body);

    return ask(cli, &rq, out_tree, out_code);
}

static cJSON *try_ask(struct cli *cli, const struct client_request *rq)
{
    struct client_reply reply;
    struct err e = {0};
    cJSON *tree = NULL;
    int code;

    if (!connect_client(cli, &code))
        return NULL;
    if (client_call(cli->client, rq, &reply, &e) && reply.status == 200)
        tree = json_parse(buf_str(&reply.body), &answer_limits, NULL);
    client_reply_free(&reply);
    return tree;
}

cJSON *cli_try_get(struct cli *cli, const char *uri)
{
    return try_ask(cli, &(struct client_request){.method = "GET", .uri = uri});
}

cJSON *cli_try_post(struct cli *cli, const char *uri, const char *body)
{
    struct client_request rq = post(uri, body);

    return try_ask(cli, &rq);
}

void cli_print_json(struct cli *cli, const cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);

    ASSERT(text != NULL);
    screen_json(&cli->out, str_from(text));
    free(text);
}
