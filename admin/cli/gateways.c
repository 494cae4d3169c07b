/* The fleet: what each gateway has in force, how far it is behind, what it refuses and why. */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

static void add_number(struct grid *g, enum tone tone, int64_t n)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%lld", (long long)n); /* fits */
    grid_add(g, tone, n >= 0 ? text : "-");
}

static void add_seen(struct grid *g, const cJSON *gateway)
{
    int64_t ms = jsonview_number(gateway, "last_report_ms_ago", -1);
    char text[48] = "never";

    if (ms >= 0)
        (void)snprintf(text, sizeof text, "%lld.%lld s ago", (long long)(ms / 1000),
                       (long long)(ms % 1000 / 100)); /* fits */
    grid_add(g, TONE_PLAIN, text);
}

static void add_gateway(struct grid *g, const cJSON *gateway, const char *cluster, bool has_it)
{
    const char *own = jsonview_text(gateway, "cluster");
    const char *state = jsonview_text(gateway, "state");
    bool live = strcmp(state, "live") == 0;

    grid_add(g, TONE_PLAIN, jsonview_text(gateway, "id"));
    grid_add(g, TONE_PLAIN, own[0] != '\0' ? own : cluster);
    grid_add(g, TONE_PLAIN, jsonview_text(gateway, "node"));
    grid_add(g, live ? TONE_GOOD : TONE_BAD, state);
    add_number(g, has_it ? TONE_GOOD : TONE_WARN, jsonview_number(gateway, "applied", 0));
    add_number(g, TONE_PLAIN, jsonview_number(gateway, "behind", 0));
    add_number(g, TONE_PLAIN, jsonview_number(gateway, "routes", -1));
    add_seen(g, gateway);
}

static void show_refusals(struct cli *cli, const cJSON *gateway, size_t indent)
{
    for (const cJSON *r = jsonview_first(gateway, "refusals"); r != NULL; r = r->next) {
        char *text = jsonview_plain(r);

        fprintf(cli->out.to, "%*s", (int)indent, "");
        screen_say(&cli->out, TONE_BAD, "%s refuses %s", jsonview_text(gateway, "id"), text);
        free(text);
    }
}

size_t cli_show_gateways(struct cli *cli, const cJSON *gateways, int64_t wanted, size_t indent)
{
    static const char *const titles[] = {"GATEWAY", "CLUSTER", "NODE",   "STATE",
                                         "COMMIT",  "BEHIND",  "ROUTES", "REPORTED"};
    const size_t num = sizeof titles / sizeof titles[0];
    const cJSON *first = jsonview_first(gateways, "gateways");
    size_t without = 0;
    struct grid g;

    grid_init(&g, num);
    for (size_t i = 0; i < num; i++)
        grid_add(&g, TONE_TITLE, titles[i]);
    for (const cJSON *i = first; i != NULL; i = i->next) {
        bool has_it = wanted > 0 ? jsonview_number(i, "applied", 0) >= wanted
                                 : jsonview_true(i, "up_to_date");

        without += !has_it;
        add_gateway(&g, i, jsonview_text(gateways, "cluster"), has_it);
    }
    grid_print(&g, &cli->out, indent);
    grid_free(&g);
    for (const cJSON *i = first; i != NULL; i = i->next)
        show_refusals(cli, i, indent);
    return without;
}

int gateways_run(struct cli *cli)
{
    const char *cluster =
        cli->args.num_words > 0 ? cli->args.words[0] : cli->args.values[ARG_CLUSTER];
    struct uri_place at = {.name = cluster};
    const struct surface_row *row =
        uri_find_op(cluster != NULL ? SURFACE_CLUSTER_GATEWAYS_OP : SURFACE_GATEWAYS_OP, &at);
    cJSON *tree = NULL;
    struct buf path;
    int code = CLI_USAGE;

    ASSERT(row != NULL);
    if (!cli_path(cli, row, cluster, &path, &code))
        return code;
    if (cli_get(cli, path.bytes, &tree, &code)) {
        if (cli->json)
            cli_print_json(cli, tree);
        else
            (void)cli_show_gateways(cli, tree, 0, 0); /* how many lag is not asked */
        code = CLI_OK;
    }
    cJSON_Delete(tree);
    buf_free(&path);
    return code;
}
