/* apply, patch, delete, diff, rollback: bodies and queries. What came of it is in outcome.c. */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/documents.h"
#include "admin/cli/duration.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"

enum { WAIT_DEFAULT_MS = 5000, WAIT_MAX_MS = 30000 };

static const char json_type[] = "application/json";
static const char patch_type[] = "application/merge-patch+json";

static bool add_wait(struct cli *cli, struct buf *uri, int64_t *out_wait_ms, int *out_code)
{
    const char *wait = cli->args.values[ARG_WAIT];
    int64_t ms = WAIT_DEFAULT_MS;
    struct err e = {0};
    char timeout[32];

    if (wait == NULL)
        return true;
    if (wait[0] != '\0' && !duration_read(wait, WAIT_MAX_MS, &ms, &e)) {
        *out_code = cli_fail(cli, CLI_USAGE, &e);
        return false;
    }
    (void)snprintf(timeout, sizeof timeout, "%lldms", (long long)ms); /* short */
    *out_wait_ms += ms;
    return uri_query(uri, "wait", "applied") && uri_query(uri, "timeout", timeout);
}

bool cli_write_query(struct cli *cli, struct buf *uri, int64_t *out_wait_ms, int *out_code)
{
    *out_wait_ms = cli->args.values[ARG_DURABLE] != NULL ? WAIT_DEFAULT_MS : 0;
    return add_wait(cli, uri, out_wait_ms, out_code) &&
           (cli->args.values[ARG_DRY_RUN] == NULL || uri_query(uri, "dryRun", "all")) &&
           (cli->args.values[ARG_DURABLE] == NULL || uri_query(uri, "durable", "swarm"));
}

int cli_write(struct cli *cli, const char *method, const char *path, const char *type,
              const char *body, const struct documents *from)
{
    struct client_request rq = {.method = method, .type = type, .body = body};
    struct client_reply reply;
    struct buf uri;
    int code = CLI_USAGE;

    buf_init(&uri, URI_MAX);
    if (buf_add_str(&uri, str_from(path)) && cli_write_query(cli, &uri, &rq.wait_ms, &code)) {
        rq.uri = uri.bytes;
        if (cli_call(cli, &rq, &reply, &code)) {
            code =
                reply.status / 100 == 2 ? cli_outcome(cli, &reply) : cli_problem(cli, &reply, from);
            client_reply_free(&reply);
        }
    }
    buf_free(&uri);
    return code;
}

/* ---- files -------------------------------------------------------------------------------------
 */

static bool load(struct cli *cli, struct documents *out, int *out_code)
{
    const char *file = cli->args.values[ARG_FILE];
    struct err e = {0};

    if (file == NULL) {
        *out_code = cli_usage(cli, "which file? say -f FILE, or -f - for standard input");
        return false;
    }
    if (documents_load(file, out, &e))
        return true;
    documents_free(out);
    *out_code = cli_fail(cli, CLI_USAGE, &e);
    return false;
}

/* One document by its own path, PUT or PATCH. */
static int send_value(struct cli *cli, const char *method, const char *type)
{
    const char *name = cli->args.words[1];
    const struct surface_row *row = cli_find(cli, method, cli->args.words[0], name);
    struct documents d;
    struct buf path;
    int code = CLI_USAGE;

    if (row == NULL || !cli_path(cli, row, name, &path, &code))
        return code;
    if (load(cli, &d, &code)) {
        char *body = documents_value_body(&d);

        d.form = d.form == DOCUMENTS_ONE ? DOCUMENTS_ONE : DOCUMENTS_VALUE;
        code = cli_write(cli, method, path.bytes, type, body, &d);
        free(body);
        documents_free(&d);
    }
    buf_free(&path);
    return code;
}

static int send_set(struct cli *cli)
{
    const struct surface_row *row = cli_find_op(cli, SURFACE_APPLY_OP);
    const char *selector = cli->args.values[ARG_SELECTOR];
    bool prune = cli->args.values[ARG_PRUNE] != NULL;
    struct documents d;
    struct err e = {0};
    struct buf path;
    int code = CLI_USAGE;

    if (prune != (selector != NULL))
        return cli_usage(cli, "--prune and --selector go together: what is selected and not in the "
                              "file is removed");
    if (row == NULL || !cli_path(cli, row, NULL, &path, &code))
        return code;
    if (load(cli, &d, &code)) {
        char *body = documents_apply_body(&d, selector, &e);

        code = body != NULL ? cli_write(cli, "POST", path.bytes, json_type, body, &d)
                            : cli_fail(cli, CLI_USAGE, &e);
        free(body);
        documents_free(&d);
    }
    buf_free(&path);
    return code;
}

int apply_run(struct cli *cli)
{
    return cli->args.num_words > 0 ? send_value(cli, "PUT", json_type) : send_set(cli);
}

int patch_run(struct cli *cli)
{
    return send_value(cli, "PATCH", patch_type);
}

int delete_run(struct cli *cli)
{
    const char *name = cli->args.words[1];
    const struct surface_row *row = cli_find(cli, "DELETE", cli->args.words[0], name);
    struct buf path;
    int code = CLI_USAGE;

    if (row == NULL || !cli_path(cli, row, name, &path, &code))
        return code;
    code = cli_write(cli, "DELETE", path.bytes, NULL, NULL, NULL);
    buf_free(&path);
    return code;
}

/* ---- diff --------------------------------------------------------------------------------------
 */

static int show_diff(struct cli *cli, const struct client_reply *reply)
{
    int code = cli_outcome(cli, reply);
    cJSON *tree = code == CLI_OK ? cli_parse(cli, reply, &code) : NULL;
    const cJSON *write = jsonview_at(tree, "status.write");

    if (jsonview_true(write != NULL ? write : tree, "changed"))
        code = CLI_DIFFERENT;
    cJSON_Delete(tree);
    return code;
}

static int send_diff(struct cli *cli, struct documents *d, const struct surface_row *row,
                     const char *path)
{
    bool set = row->op == SURFACE_APPLY_OP;
    struct client_request rq = {.method = row->method, .uri = path, .type = json_type};
    struct client_reply reply;
    struct err e = {0};
    int code = CLI_USAGE;
    char *body =
        set ? documents_apply_body(d, cli->args.values[ARG_SELECTOR], &e) : documents_value_body(d);

    if (body == NULL)
        return cli_fail(cli, CLI_USAGE, &e);
    rq.body = body;
    if (cli_call(cli, &rq, &reply, &code)) {
        code = reply.status / 100 == 2 ? show_diff(cli, &reply) : cli_problem(cli, &reply, d);
        client_reply_free(&reply);
    }
    free(body);
    return code;
}

int diff_run(struct cli *cli)
{
    const char *name = cli->args.words[1];
    const struct surface_row *row = cli->args.num_words > 0
                                        ? cli_find(cli, "PUT", cli->args.words[0], name)
                                        : cli_find_op(cli, SURFACE_APPLY_OP);
    struct documents d;
    struct buf path;
    int code = CLI_USAGE;

    if (row == NULL || !cli_path(cli, row, name, &path, &code))
        return code;
    if (uri_query(&path, "dryRun", "all") && load(cli, &d, &code)) {
        code = send_diff(cli, &d, row, path.bytes);
        documents_free(&d);
    }
    buf_free(&path);
    return code;
}

/* ---- rollback ----------------------------------------------------------------------------------
 */

static const struct surface_row *rollback_row(struct cli *cli, const char **out_name)
{
    bool cluster = cli->args.num_words > 0;

    *out_name = cli->args.words[1];
    if (cluster && (strcmp(cli->args.words[0], "cluster") != 0 || *out_name == NULL)) {
        (void)cli_usage(cli, "write: signalbox rollback --to COMMIT, of the tenant, or signalbox "
                             "rollback cluster NAME --to COMMIT");
        return NULL;
    }
    if (!cluster && cli->profile.tenant == NULL) {
        (void)cli_usage(cli, "of which tenant? say -t TENANT; of a cluster: rollback cluster NAME");
        return NULL;
    }
    return cluster ? cli_find(cli, "POST", "cluster", *out_name)
                   : cli_find_op(cli, SURFACE_ROLLBACK_OP);
}

int rollback_run(struct cli *cli)
{
    const char *to = cli->args.values[ARG_TO];
    const char *name;
    const struct surface_row *row;
    uint64_t commit;
    char body[64];
    struct buf path;
    int code = CLI_USAGE;

    if (to == NULL || !str_to_u64(str_from(to), UINT64_MAX / 2, &commit))
        return cli_usage(cli,
                         "back to which commit? say --to COMMIT; \"signalbox history\" has them");
    row = rollback_row(cli, &name);
    if (row == NULL || !cli_path(cli, row, name, &path, &code))
        return code;
    (void)snprintf(body, sizeof body, "{\"to\":%llu}", (unsigned long long)commit); /* fits */
    code = cli_write(cli, "POST", path.bytes, json_type, body, NULL);
    buf_free(&path);
    return code;
}
