/*
 * pin: the labels of a service, as the coordinator sees them now, become a document that holds
 * them whatever the service is changed to; releasing it is deleting that.
 */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

static char *body_of(const cJSON *service)
{
    cJSON *body = cJSON_CreateObject();
    char *text;

    ASSERT(cJSON_AddStringToObject(body, "service", jsonview_text(service, "service")) != NULL);
    ASSERT(cJSON_AddItemToObject(body, "commit",
                                 cJSON_Duplicate(json_get(service, "labels_commit"), true)));
    ASSERT(
        cJSON_AddItemToObject(body, "labels", cJSON_Duplicate(json_get(service, "labels"), true)));
    text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    return text;
}

static int put(struct cli *cli, const cJSON *service)
{
    const char *name = jsonview_text(service, "service");
    const struct surface_row *row = cli_find(cli, "PUT", "pin", name);
    struct buf path;
    char *body;
    int code = CLI_USAGE;

    if (json_get(service, "labels") == NULL || json_get(service, "labels_commit") == NULL)
        return cli_usage(cli, "the coordinator has no labels of \"%s\" on record", name);
    if (row == NULL || !cli_path(cli, row, name, &path, &code))
        return code;
    body = body_of(service);
    code = cli_write(cli, "PUT", path.bytes, "application/json", body, NULL);
    free(body);
    buf_free(&path);
    return code;
}

static int hold(struct cli *cli, const char *name)
{
    const struct surface_row *row = cli_find(cli, "GET", "service", name);
    cJSON *service = NULL;
    struct buf path;
    int code = CLI_USAGE;

    if (row == NULL || !cli_path(cli, row, name, &path, &code))
        return code;
    if (cli_get(cli, path.bytes, &service, &code))
        code = put(cli, service);
    cJSON_Delete(service);
    buf_free(&path);
    return code;
}

int pin_run(struct cli *cli)
{
    if (cli->args.num_words == 1)
        return hold(cli, cli->args.words[0]);
    if (strcmp(cli->args.words[0], "release") != 0)
        return cli_usage(cli, "write: signalbox pin SERVICE, or pin release NAME");
    cli->args.words[0] = "pin";
    return delete_run(cli);
}
