/* help on a terminal: all commands, or one with its options and the endpoints behind it. */
#include "admin/cli/help.h"

#include "admin/cli/cli_priv.h"
#include "gateway/core/check.h"

static const char *const exits[] = {
    "done",
    "refused: the server said no (4xx), or what was asked is not so",
    "the command line, a file or the profile is wrong",
    "no answer, or one of 5xx",
    "written, but not every live gateway, or not Swarm's store, had it in time",
    "diff: there are differences"};

const char *help_exit(int code)
{
    return code >= 0 && (size_t)code < sizeof exits / sizeof exits[0] ? exits[code] : NULL;
}

bool help_takes(const struct command *c, int option)
{
    return (c->options >> option & 1) != 0;
}

size_t help_kinds(const char *out[HELP_KINDS_MAX])
{
    size_t num = 0;

    for (size_t i = 0; i < surface_num_rows && num < HELP_KINDS_MAX; i++) {
        const char *noun = surface_rows[i].noun;
        bool known = noun[0] == '\0' || strcmp(noun, "new") == 0;

        for (size_t k = 0; k < num; k++)
            known |= strcmp(out[k], noun) == 0;
        if (!known)
            out[num++] = noun;
    }
    return num;
}

void commands_usage(struct cli *cli)
{
    struct grid g;

    screen_say(&cli->out, TONE_PLAIN, "usage: signalbox COMMAND [WORD ...] [OPTION ...]");
    fputc('\n', cli->out.to);
    grid_init(&g, 2);
    for (size_t i = 0; i < commands_num; i++) {
        grid_add(&g, TONE_TITLE, commands_all[i].name);
        grid_add(&g, TONE_PLAIN, commands_all[i].doc);
    }
    grid_print(&g, &cli->out, 2);
    grid_free(&g);
    fputc('\n', cli->out.to);
    screen_say(&cli->out, TONE_PLAIN, "\"signalbox help COMMAND\" says more.");
}

static void add_option(struct grid *g, const struct arguments_row *row)
{
    bool maybe = row->value[0] == '[';
    char letter[8] = "";
    char *text;

    if (row->letter != 0)
        (void)snprintf(letter, sizeof letter, "-%c, ", row->letter); /* fits */
    text = maybe ? xasprintf("%s--%s[=%s", letter, row->name, row->value + 1)
                 : xasprintf("%s--%s%s%s", letter, row->name, row->value[0] != '\0' ? " " : "",
                             row->value);
    grid_add(g, TONE_PLAIN, text);
    grid_add(g, TONE_PLAIN, row->doc);
    free(text);
}

static void show_options(struct cli *cli, const struct command *c)
{
    struct grid g;

    grid_init(&g, 2);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < ARG__COUNT; i++)
            if (pass == 0 ? help_takes(c, i) : (ARG_COMMON >> i & 1) != 0)
                add_option(&g, &arguments_rows[i]);
    grid_print(&g, &cli->out, 2);
    grid_free(&g);
}

static void show_kinds(struct cli *cli)
{
    const char *kinds[HELP_KINDS_MAX];
    size_t num = help_kinds(kinds);

    fputs("\nkinds:", cli->out.to);
    for (size_t i = 0; i < num; i++)
        fprintf(cli->out.to, " %s", kinds[i]);
    fputc('\n', cli->out.to);
}

static void show_endpoints(struct cli *cli, const struct command *c)
{
    struct grid g;

    grid_init(&g, 2);
    for (size_t i = 0; i < surface_num_rows; i++) {
        const struct surface_row *row = &surface_rows[i];

        if (strcmp(row->verb, c->name) != 0)
            continue;
        grid_add(&g, TONE_PLAIN, row->method);
        grid_add(&g, TONE_PLAIN, row->path);
    }
    if (g.num > 0)
        fputs("\nasks:\n", cli->out.to);
    grid_print(&g, &cli->out, 2);
    grid_free(&g);
}

void commands_help(struct cli *cli, const struct command *c)
{
    screen_say(&cli->out, TONE_TITLE, "signalbox %s %s", c->name, c->synopsis);
    screen_say(&cli->out, TONE_PLAIN, "%s.", c->doc);
    fputc('\n', cli->out.to);
    show_options(cli, c);
    if (strcmp(c->words, "KINDS") == 0)
        show_kinds(cli);
    show_endpoints(cli, c);
    fputs("\nexit status:\n", cli->out.to);
    for (int i = 0; help_exit(i) != NULL; i++)
        screen_say(&cli->out, TONE_PLAIN, "  %d  %s", i, help_exit(i));
}

int help_run(struct cli *cli)
{
    const char *topic = cli->args.words[0];
    const struct command *c = topic != NULL ? commands_find(topic) : NULL;
    struct err e = {0};

    if (topic == NULL) {
        commands_usage(cli);
    } else if (c != NULL) {
        commands_help(cli, c);
    } else if (strcmp(topic, "man") == 0) {
        help_manual(cli->out.to);
    } else if (strcmp(topic, "markdown") == 0) {
        help_markdown(cli->out.to);
    } else {
        (void)commands_refuse(topic, &e); /* it always refuses */
        return cli_fail(cli, CLI_USAGE, &e);
    }
    return CLI_OK;
}
