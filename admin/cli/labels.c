/* labels and version: two small tables. */
#include "clusters/labels/labels.h"

#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"

static void add_label(cJSON *list, const struct labels_key *k)
{
    cJSON *o = cJSON_CreateObject();

    (void)cJSON_AddStringToObject(o, "label", k->name); /* memory is there, or all is lost */
    (void)cJSON_AddStringToObject(o, "value", k->value);
    (void)cJSON_AddStringToObject(o, "doc", k->doc);
    (void)cJSON_AddBoolToObject(o, "served", k->parse != NULL);
    (void)cJSON_AddItemToArray(list, o);
}

static int print_json(struct cli *cli)
{
    cJSON *list = cJSON_CreateArray();
    size_t num;
    const struct labels_key *keys = labels_keys(&num);

    for (size_t i = 0; i < num; i++)
        add_label(list, &keys[i]);
    cli_print_json(cli, list);
    cJSON_Delete(list);
    return CLI_OK;
}

int labels_run(struct cli *cli)
{
    size_t num;
    const struct labels_key *keys = labels_keys(&num);
    struct grid g;

    if (cli->json)
        return print_json(cli);
    grid_init(&g, 3);
    grid_add(&g, TONE_TITLE, LABELS_PREFIX "…");
    grid_add(&g, TONE_TITLE, "VALUE");
    grid_add(&g, TONE_TITLE, "WHAT FOR");
    for (size_t i = 0; i < num; i++) {
        bool served = keys[i].parse != NULL;

        grid_add(&g, served ? TONE_PLAIN : TONE_FAINT, keys[i].name);
        grid_add(&g, served ? TONE_PLAIN : TONE_FAINT, keys[i].value);
        grid_add(&g, served ? TONE_PLAIN : TONE_FAINT, served ? keys[i].doc : "not served yet");
    }
    grid_print(&g, &cli->out, 0);
    grid_free(&g);
    return CLI_OK;
}

int version_run(struct cli *cli)
{
    cJSON *tree = NULL;
    int code = CLI_OK;

    screen_say(&cli->out, TONE_PLAIN, "signalbox %s", SIGNALBOX_VERSION);
    if (!cli_get(cli, "/version", &tree, &code))
        return code;
    screen_say(&cli->out, TONE_PLAIN, "%s %s", jsonview_text(tree, "program"),
               jsonview_text(tree, "version"));
    cJSON_Delete(tree);
    return CLI_OK;
}
