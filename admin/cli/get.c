/* get: a list, all of its pages; one thing; or text as it is (metrics). */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

enum { PAGES_MAX = 1000 };

/* What lists are called in answers, and the kind of their rows. */
static const struct {
    const char *member;
    const char *kind;
} lists[] = {{"items", NULL}, {"services", "service"}, {"secrets", "secret"}};

static bool add_query(struct cli *cli, const struct surface_row *row, struct buf *uri)
{
    const char *selector = cli->args.values[ARG_SELECTOR];
    const char *host = cli->args.values[ARG_HOST];

    if ((selector != NULL && (row->params & SURFACE_SELECTOR) == 0) ||
        (host != NULL && (row->params & SURFACE_HOST) == 0)) {
        (void)cli_usage(cli, "%s cannot be selected so", row->noun);
        return false;
    }
    return ((row->params & SURFACE_LIMIT) == 0 || uri_query(uri, "limit", "1000")) &&
           (selector == NULL || uri_query(uri, "selector", selector)) &&
           (host == NULL || uri_query(uri, "host", host));
}

/* Moves the rows of the page `from` behind those of `to`. */
static void move_items(cJSON *to, cJSON *from)
{
    cJSON *into = cJSON_GetObjectItemCaseSensitive(to, "items");
    cJSON *list = cJSON_GetObjectItemCaseSensitive(from, "items");
    cJSON *chain;

    if (into == NULL || list == NULL || list->child == NULL)
        return;
    chain = list->child;
    list->child = NULL;
    if (into->child == NULL) {
        into->child = chain;
        return;
    }
    cJSON *last = into->child->prev; /* cJSON: the first one's prev is the last one */
    into->child->prev = chain->prev;
    chain->prev = last;
    last->next = chain;
}

/* The rest of a list; pages are as of one commit, so that the whole is too. */
static bool follow(struct cli *cli, const char *uri, cJSON *tree, int *out_code)
{
    char *next = xstrdup(jsonview_text(tree, "next"));
    bool ok = true;

    for (int page = 1; next[0] != '\0' && page < PAGES_MAX && ok; page++) {
        cJSON *more = NULL;
        struct buf at;

        buf_init(&at, URI_MAX);
        ok = buf_add_str(&at, str_from(uri)) && uri_query(&at, "cursor", next) &&
             cli_get(cli, at.bytes, &more, out_code);
        buf_free(&at);
        free(next);
        next = xstrdup(jsonview_text(more, "next"));
        if (ok)
            move_items(tree, more);
        cJSON_Delete(more);
    }
    free(next);
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "next");
    return ok;
}

static void show(struct cli *cli, const struct surface_row *row, const cJSON *tree)
{
    if (cli->json) {
        cli_print_json(cli, tree);
        return;
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const cJSON *list = json_get(tree, lists[i].member);

        if (!cJSON_IsArray(list))
            continue;
        cli_show_rows(cli, lists[i].kind != NULL ? lists[i].kind : row->kind, list->child);
        return;
    }
    cJSON single = *tree; /* a list of one, without its siblings */

    single.next = NULL;
    if (row->op == SURFACE_COMMIT_OP)
        cli_show_commit(cli, tree);
    else
        cli_show_rows(cli,
                      row->op == SURFACE_SERVICE_OP   ? "service"
                      : row->op == SURFACE_CLUSTER_OP ? "cluster state"
                                                      : row->kind,
                      &single);
}

static int get_text(struct cli *cli, const char *uri)
{
    struct client_reply reply;
    int code = CLI_OK;

    if (!cli_call(cli, &(struct client_request){.method = "GET", .uri = uri}, &reply, &code))
        return code;
    if (reply.status != 200) {
        code = cli_problem(cli, &reply, NULL);
    } else {
        struct str rest = buf_str(&reply.body);
        struct str line;

        while (str_split(&rest, '\n', &line) && (line.n > 0 || rest.p != NULL))
            screen_say(&cli->out, TONE_PLAIN, "%.*s", STR_ARG(line));
    }
    client_reply_free(&reply);
    return code;
}

int get_run(struct cli *cli)
{
    const char *name = cli->args.words[1];
    const struct surface_row *row = cli_find(cli, "GET", cli->args.words[0], name);
    cJSON *tree = NULL;
    struct buf uri;
    int code = CLI_USAGE;

    if (row == NULL || !cli_path(cli, row, name, &uri, &code))
        return code;
    if (strcmp(row->response, "Text") == 0)
        code = get_text(cli, uri.bytes);
    else if (add_query(cli, row, &uri) && cli_get(cli, uri.bytes, &tree, &code) &&
             follow(cli, uri.bytes, tree, &code)) {
        show(cli, row, tree);
        code = CLI_OK;
    }
    cJSON_Delete(tree);
    buf_free(&uri);
    return code;
}
