/*
 * token: lists, makes and revokes tokens. A new one's secret is shown once, here. The bootstrap
 * token is made from the identity, which only the coordinator's program reads: it takes over.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/duration.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

#define EXPIRES_MAX_MS (INT64_C(3660) * 86400000) /* as the API says: ten years */

static void add_scopes(cJSON *body, const char *scopes)
{
    cJSON *list = cJSON_AddArrayToObject(body, "scopes");
    struct str rest = str_from(scopes);
    struct str scope;

    while (str_split(&rest, ',', &scope)) {
        char *text = str_dup(str_trim(scope));

        ASSERT(cJSON_AddItemToArray(list, cJSON_CreateString(text)));
        free(text);
    }
}

/* NULL after a report. */
static cJSON *make_body(struct cli *cli, int *out_code)
{
    const char *const *v = cli->args.values;
    int64_t ms = 0;
    int64_t seconds;
    struct err e = {0};
    cJSON *body;

    if (v[ARG_SCOPE] == NULL) {
        *out_code =
            cli_usage(cli, "what may it do? say --scope: tenant-admin or tenant-read with a "
                           "tenant, operator or metrics without");
        return NULL;
    }
    if (v[ARG_EXPIRES] != NULL && !duration_read(v[ARG_EXPIRES], EXPIRES_MAX_MS, &ms, &e)) {
        *out_code = cli_fail(cli, CLI_USAGE, &e);
        return NULL;
    }
    body = cJSON_CreateObject();
    add_scopes(body, v[ARG_SCOPE]);
    seconds = (ms + 999) / 1000;
    if (seconds > 0)
        ASSERT(cJSON_AddNumberToObject(body, "expires_s", (double)seconds) != NULL);
    if (v[ARG_ABOUT] != NULL)
        ASSERT(cJSON_AddStringToObject(body, "about", v[ARG_ABOUT]) != NULL);
    return body;
}

/* The token alone on standard output, what is to be known of it on the other. */
static void show_new(struct cli *cli, const cJSON *tree)
{
    char expires[32];

    cli_time(jsonview_number(tree, "expires_ms", 0), expires);
    screen_say(&cli->out, TONE_PLAIN, "%s", jsonview_text(tree, "token"));
    screen_say(&cli->err, TONE_WARN,
               "This is shown once and kept nowhere: put it into a file of mode 0600 now.");
    screen_say(&cli->err, TONE_PLAIN, "id %s, expires %s; \"signalbox token delete %s\" revokes it",
               jsonview_text(tree, "name"), expires, jsonview_text(tree, "name"));
}

static int create(struct cli *cli)
{
    const struct surface_row *row = cli_find_op(cli, SURFACE_TOKEN_NEW_OP);
    cJSON *tree = NULL;
    cJSON *body;
    struct buf uri;
    int64_t wait_ms;
    int code = CLI_USAGE;

    body = row != NULL ? make_body(cli, &code) : NULL;
    if (body == NULL)
        return code;
    if (cli_path(cli, row, NULL, &uri, &code)) {
        char *text = cJSON_PrintUnformatted(body);

        if (cli_write_query(cli, &uri, &wait_ms, &code) &&
            cli_post(cli, uri.bytes, text, &tree, &code)) {
            code = CLI_OK;
            if (cli->json)
                cli_print_json(cli, tree);
            else
                show_new(cli, tree);
        }
        free(text);
        buf_free(&uri);
    }
    cJSON_Delete(tree);
    cJSON_Delete(body);
    return code;
}

/* As "get tokens" and "delete token ID": one way to do it. */
static int instead(struct cli *cli, const char *noun, int (*run)(struct cli *))
{
    cli->args.words[0] = noun;
    return run(cli);
}

/* ---- bootstrap ---------------------------------------------------------------------------------
 */

#define IDENTITY "/run/secrets/signalbox-identity"
#define COORDINATOR "signalbox-coordinator"

/* The one that was installed beside this program; else the one of the PATH. free(). */
static char *coordinator_program(void)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *beside = NULL;

    if (n > 0) {
        self[n] = '\0';
        beside = xasprintf("%.*s" COORDINATOR, (int)(strrchr(self, '/') + 1 - self), self);
        if (access(beside, X_OK) == 0)
            return beside;
    }
    free(beside);
    return xstrdup(COORDINATOR);
}

/* Comes back only when it cannot be done. */
static int bootstrap(struct cli *cli, const char *identity)
{
    char *program = coordinator_program();
    char *const argv[] = {(char *)COORDINATOR,  (char *)"token",  (char *)"bootstrap",
                          (char *)"--identity", (char *)identity, NULL};
    int code;

    if (access(identity, R_OK) != 0) {
        code = cli_usage(cli,
                         "the bootstrap token is made from the identity, and there is no %s to be "
                         "read here (%s): run this inside the coordinator's container, or name the "
                         "identity's file: signalbox token bootstrap FILE",
                         identity, strerror(errno));
    } else {
        (void)fflush(NULL);
        (void)execvp(program, argv);
        code = cli_usage(cli, "%s, which makes the token, cannot be run: %s", program,
                         strerror(errno));
    }
    free(program);
    return code;
}

int token_run(struct cli *cli)
{
    const char *verb = cli->args.words[0];
    bool with_id = cli->args.num_words == 2;

    if (strcmp(verb, "list") == 0 && !with_id)
        return instead(cli, "tokens", get_run);
    if (strcmp(verb, "create") == 0 && !with_id)
        return create(cli);
    if (strcmp(verb, "delete") == 0 && with_id)
        return instead(cli, "token", delete_run);
    if (strcmp(verb, "bootstrap") == 0)
        return bootstrap(cli, with_id ? cli->args.words[1] : IDENTITY);
    return cli_usage(cli, "write: signalbox token list | create --scope SCOPE | delete ID | "
                          "bootstrap [FILE]");
}
