/*
 * What came of a write: of each document, in which commit, who serves it by now and who does not;
 * for dry runs what would change, down to the hosts whose requests go elsewhere.
 */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

static enum tone tone_of(const char *effect)
{
    return strcmp(effect, "created") == 0   ? TONE_GOOD
           : strcmp(effect, "deleted") == 0 ? TONE_BAD
           : strcmp(effect, "changed") == 0 ? TONE_WARN
                                            : TONE_FAINT;
}

static void show_documents(struct cli *cli, const cJSON *first)
{
    struct grid g;

    grid_init(&g, 2);
    for (const cJSON *d = first; d != NULL; d = d->next) {
        const char *effect = jsonview_text(d, "effect");
        char *name = xasprintf("%s/%s", jsonview_text(d, "kind"), jsonview_text(d, "name"));

        grid_add(&g, TONE_PLAIN, name);
        grid_add(&g, tone_of(effect), effect);
        free(name);
    }
    grid_print(&g, &cli->out, 0);
    grid_free(&g);
}

/* ---- objects before and after ------------------------------------------------------------------
 */

static void show_member(struct cli *cli, enum tone tone, const char *sign, const cJSON *member)
{
    char *text = member != NULL ? cJSON_PrintUnformatted(member) : NULL;

    if (text != NULL)
        screen_say(&cli->out, tone, "    %s %s: %s", sign, member->string, text);
    free(text);
}

/* Members that `a` has and `b` has not so; when it was made is for nobody to compare. */
static void show_members(struct cli *cli, enum tone tone, const char *sign, const cJSON *a,
                         const cJSON *b)
{
    for (const cJSON *m = a != NULL && cJSON_IsObject(a) ? a->child : NULL; m != NULL; m = m->next)
        if (strcmp(m->string, "created_ms") != 0 && !cJSON_Compare(m, json_get(b, m->string), true))
            show_member(cli, tone, sign, m);
}

void cli_show_change(struct cli *cli, const cJSON *o, const char *where)
{
    const cJSON *before = json_get(o, "before");
    const cJSON *after = json_get(o, "after");

    screen_say(&cli->out, TONE_TITLE, "  %s %s %s%s%s",
               before == NULL || cJSON_IsNull(before) ? "+"
               : after == NULL || cJSON_IsNull(after) ? "-"
                                                      : "~",
               jsonview_text(o, "kind"), jsonview_text(o, "name"), where[0] != '\0' ? " in " : "",
               where);
    show_members(cli, TONE_BAD, "-", before, after);
    show_members(cli, TONE_GOOD, "+", after, before);
}

static void show_texts(struct cli *cli, const cJSON *write, const char *member, const char *title)
{
    const cJSON *first = jsonview_first(write, member);

    if (first != NULL)
        screen_say(&cli->out, TONE_WARN, "%s", title);
    for (const cJSON *i = first; i != NULL; i = i->next) {
        char *text =
            cJSON_IsObject(i) && json_get(i, "host") != NULL
                ? xasprintf("%s (tenant %s)", jsonview_text(i, "host"), jsonview_text(i, "tenant"))
                : jsonview_plain(i);

        screen_say(&cli->out, TONE_PLAIN, "  %s", text);
        free(text);
    }
}

static void show_warnings(struct cli *cli, const cJSON *write)
{
    for (const cJSON *w = jsonview_first(write, "warnings"); w != NULL; w = w->next) {
        const cJSON *hosts = json_get(w, "hosts");
        char *text = hosts != NULL ? jsonview_plain(hosts) : NULL;

        screen_say(&cli->out, TONE_WARN, "route %s: %s%s%s", jsonview_text(w, "route"),
                   jsonview_text(w, "detail"), text != NULL ? ": " : "", text != NULL ? text : "");
        free(text);
    }
}

static void show_pins(struct cli *cli, const cJSON *write)
{
    for (const cJSON *d = jsonview_first(write, "documents"); d != NULL; d = d->next) {
        const char *name = jsonview_text(d, "name");

        if (strcmp(jsonview_text(d, "kind"), "pin") != 0)
            continue;
        if (strcmp(jsonview_text(d, "effect"), "deleted") == 0)
            screen_say(&cli->out, TONE_PLAIN, "the service's own labels count again: %s", name);
        else
            screen_say(&cli->out, TONE_WARN,
                       "pin %s: %s; \"signalbox pin release %s\" lets go of it", name,
                       jsonview_text(d, "effect"), name);
    }
}

void cli_show_changes(struct cli *cli, const cJSON *write)
{
    const cJSON *first = jsonview_first(write, "objects");

    if (first != NULL)
        screen_say(&cli->out, TONE_PLAIN, "objects of the clusters' tables:");
    for (const cJSON *o = first; o != NULL; o = o->next)
        cli_show_change(cli, o, jsonview_text(o, "cluster"));
    show_texts(cli, write, "hosts", "hosts whose requests go elsewhere:");
    show_texts(cli, write, "unreachable", "routes that no request reaches:");
}

/* ---- who has it --------------------------------------------------------------------------------
 */

static void show_laggards(struct cli *cli, const cJSON *write)
{
    for (const cJSON *g = jsonview_first(write, "laggards"); g != NULL; g = g->next) {
        screen_say(&cli->out, TONE_WARN, "  %s of %s on %s is %s and has commit %lld",
                   jsonview_text(g, "gateway"), jsonview_text(g, "cluster"),
                   jsonview_text(g, "node"), jsonview_text(g, "state"),
                   (long long)jsonview_number(g, "applied", 0));
        for (const cJSON *r = jsonview_first(g, "refusals"); r != NULL; r = r->next) {
            char *text = jsonview_plain(r);

            screen_say(&cli->out, TONE_BAD, "    refuses %s", text);
            free(text);
        }
    }
}

/* The server's own words of how many have it, when the answer is the document itself. */
static const char *programmed_message(const cJSON *tree)
{
    for (const cJSON *c = jsonview_first(tree, "status.conditions"); c != NULL; c = c->next)
        if (strcmp(jsonview_text(c, "type"), "Programmed") == 0)
            return jsonview_text(c, "message");
    return "";
}

/* The answer to a set counts no gateways: its first document that is in a table does. */
static cJSON *first_programmed(struct cli *cli, const cJSON *write)
{
    for (const cJSON *d = jsonview_first(write, "documents"); d != NULL; d = d->next) {
        struct uri_place at = cli_place(cli, jsonview_text(d, "name"));
        const struct surface_row *row = uri_find("GET", jsonview_text(d, "kind"), &at);
        cJSON *document = NULL;
        struct buf uri;

        buf_init(&uri, URI_MAX);
        if (row != NULL && strcmp(jsonview_text(d, "effect"), "deleted") != 0 &&
            uri_path(row, &at, &uri))
            document = cli_try_get(cli, uri.bytes);
        buf_free(&uri);
        if (programmed_message(document)[0] != '\0')
            return document;
        cJSON_Delete(document);
    }
    return NULL;
}

static void say_applied(struct cli *cli, const cJSON *tree, const cJSON *write, int64_t took_ms)
{
    cJSON *other = tree == write ? first_programmed(cli, write) : NULL;
    const char *message = programmed_message(other != NULL ? other : tree);

    screen_say(&cli->out, TONE_GOOD, "applied after %lld ms: %s", (long long)took_ms,
               message[0] != '\0' ? message : "every live gateway has it");
    cJSON_Delete(other);
}

static int show_applied(struct cli *cli, const cJSON *tree, const cJSON *write, int64_t took_ms)
{
    if (json_get(write, "applied") == NULL)
        return CLI_OK;
    if (jsonview_true(write, "applied")) {
        say_applied(cli, tree, write, took_ms);
        return CLI_OK;
    }
    screen_say(&cli->out, TONE_WARN, "written, but not applied after %lld ms:", (long long)took_ms);
    show_laggards(cli, write);
    return CLI_NOT_APPLIED;
}

static int show_durable(struct cli *cli, const cJSON *write, int64_t took_ms)
{
    if (json_get(write, "durable") == NULL || jsonview_true(write, "durable"))
        return CLI_OK;
    screen_say(&cli->out, TONE_WARN, "written, but not in Swarm's store after %lld ms",
               (long long)took_ms);
    return CLI_NOT_APPLIED;
}

static void show_commit(struct cli *cli, const cJSON *write, const struct client_reply *reply)
{
    if (jsonview_true(write, "dryRun"))
        screen_say(&cli->out, TONE_PLAIN, "%s (dry run)",
                   jsonview_true(write, "changed") ? "this would change" : "nothing would change");
    else if (jsonview_true(write, "changed"))
        screen_say(&cli->out, TONE_PLAIN, "commit %lld, audit head %s%s",
                   (long long)jsonview_number(write, "commit", 0), reply->audit_head,
                   jsonview_true(write, "durable") ? ", in Swarm's store" : "");
    else
        screen_say(&cli->out, TONE_PLAIN, "nothing changed");
}

static void show_single(struct cli *cli, const cJSON *tree, const cJSON *write, int status)
{
    bool changed = jsonview_true(write, "changed");
    const char *effect = status == 201 ? "created" : changed ? "changed" : "unchanged";

    screen_put(&cli->out, TONE_PLAIN, jsonview_text(tree, "kind"));
    screen_put(&cli->out, TONE_PLAIN, "/");
    screen_put(&cli->out, TONE_PLAIN, jsonview_text(tree, "name"));
    screen_put(&cli->out, TONE_PLAIN, " ");
    screen_say(&cli->out, tone_of(effect), "%s", effect);
}

int cli_outcome(struct cli *cli, const struct client_reply *reply)
{
    int code = CLI_OK;
    cJSON *tree = cli_parse(cli, reply, &code);
    const cJSON *single = jsonview_at(tree, "status.write");
    const cJSON *write = single != NULL ? single : tree;

    if (tree == NULL)
        return code;
    if (cli->json) {
        cli_print_json(cli, tree);
        code = reply->status == 202 ? CLI_NOT_APPLIED : CLI_OK;
    } else {
        if (single != NULL)
            show_single(cli, tree, write, reply->status);
        else
            show_documents(cli, jsonview_first(tree, "documents"));
        cli_show_changes(cli, write);
        show_texts(cli, write, "lost", "cannot be put back:");
        show_texts(cli, write, "withdrawn",
                   "served now, and claimed by nobody: would be withdrawn");
        show_texts(cli, write, "claimed", "become claims of the tenant \"default\":");
        show_pins(cli, write);
        show_warnings(cli, write);
        show_commit(cli, write, reply);
        code = show_applied(cli, tree, write, reply->took_ms);
        if (show_durable(cli, write, reply->took_ms) != CLI_OK)
            code = CLI_NOT_APPLIED;
    }
    cJSON_Delete(tree);
    return code;
}
