/* history: commits of a tenant, of one document, or of everything. */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

void cli_show_commit(struct cli *cli, const cJSON *commit)
{
    char at[32];

    cli_time(jsonview_number(commit, "at_ms", 0), at);
    screen_say(&cli->out, TONE_TITLE, "commit %lld  %s  %s",
               (long long)jsonview_number(commit, "commit", 0), at,
               jsonview_text(commit, "author"));
    screen_say(&cli->out, TONE_PLAIN, "%s", jsonview_text(commit, "cause"));
    for (const cJSON *d = jsonview_first(commit, "documents"); d != NULL; d = d->next)
        cli_show_change(cli, d, jsonview_text(d, "tenant"));
    if (!jsonview_true(commit, "complete"))
        screen_say(&cli->out, TONE_WARN, "  and more, which is too large to be kept");
    if (jsonview_first(commit, "objects") != NULL)
        screen_say(&cli->out, TONE_PLAIN, "objects of the clusters' tables:");
    for (const cJSON *o = jsonview_first(commit, "objects"); o != NULL; o = o->next)
        screen_say(&cli->out, TONE_PLAIN, "  %s %s %s in %s",
                   strcmp(jsonview_text(o, "change"), "delete") == 0 ? "-" : "+",
                   jsonview_text(o, "kind"), jsonview_text(o, "name"), jsonview_text(o, "cluster"));
    screen_say(&cli->out, TONE_FAINT, "hash %s, after %s", jsonview_text(commit, "hash"),
               jsonview_text(commit, "prev"));
}

/* "routes" for people is "route" for the API; kinds of one form are what they are. */
static const char *kind_of(const char *noun)
{
    struct uri_place at = {.tenant = "t", .cluster = "c", .name = "n"};
    const struct surface_row *row = uri_find("GET", noun, &at);

    return row == NULL                     ? NULL
           : row->kind[0] != '\0'          ? row->kind
           : row->op == SURFACE_SERVICE_OP ? "service"
                                           : NULL;
}

static bool add_query(struct cli *cli, const struct surface_row *row, struct buf *uri)
{
    const char *limit = cli->args.values[ARG_LIMIT];
    const char *kind = cli->args.words[0];
    const char *name = cli->args.words[1];

    if (kind != NULL && (row->params & SURFACE_KIND) == 0) {
        (void)cli_usage(cli, "the history of one document is a tenant's: say -t TENANT");
        return false;
    }
    if (kind != NULL && kind_of(kind) == NULL) {
        (void)cli_find(cli, "GET", kind, name); /* says which is the nearest */
        return false;
    }
    return uri_query(uri, "limit", limit != NULL ? limit : "20") &&
           (kind == NULL || uri_query(uri, "kind", kind_of(kind))) &&
           (name == NULL || uri_query(uri, "name", name));
}

int history_run(struct cli *cli)
{
    const struct surface_row *row = cli_find_op(cli, SURFACE_COMMITS_OP);
    cJSON *tree = NULL;
    struct buf uri;
    int code = CLI_USAGE;

    if (row == NULL || !cli_path(cli, row, NULL, &uri, &code))
        return code;
    if (add_query(cli, row, &uri) && cli_get(cli, uri.bytes, &tree, &code)) {
        if (cli->json)
            cli_print_json(cli, tree);
        else
            cli_show_rows(cli, "commit", jsonview_first(tree, "commits"));
        code = CLI_OK;
    }
    cJSON_Delete(tree);
    buf_free(&uri);
    return code;
}
