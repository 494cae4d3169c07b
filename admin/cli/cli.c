/* From argv to a command: its words, the profile, the two screens. */
#include "admin/cli/cli.h"

#include <signal.h>

#include "admin/cli/cli_priv.h"

static bool load_profile(struct cli *cli, struct err *e)
{
    const struct arguments *a = &cli->args;
    const struct profile_flags flags = {.name = a->values[ARG_PROFILE],
                                        .url = a->values[ARG_URL],
                                        .token_file = a->values[ARG_TOKEN_FILE],
                                        .tenant = a->values[ARG_TENANT],
                                        .cluster = a->values[ARG_CLUSTER]};

    return profile_load(&flags, &cli->profile, e);
}

static int check_words(struct cli *cli)
{
    const struct command *c = cli->args.command;
    const char *output = cli->args.values[ARG_OUTPUT];

    if (cli->args.num_words < c->least || cli->args.num_words > c->most)
        return cli_usage(cli, "write: signalbox %s %s", c->name, c->synopsis);
    if (output != NULL && strcmp(output, "json") != 0 && strcmp(output, "table") != 0)
        return cli_usage(cli, "-o is table or json, not \"%s\"", output);
    cli->json = output != NULL && strcmp(output, "json") == 0;
    return CLI_OK;
}

/* These work without any profile, also one that is wrong. */
static bool needs_profile(const struct command *c)
{
    return c->run != help_run && c->run != completion_run && c->run != labels_run;
}

static int run(struct cli *cli)
{
    const struct command *c = cli->args.command;
    struct err e = {0};
    int code;

    if (c == NULL) {
        commands_usage(cli);
        return cli->args.values[ARG_HELP] != NULL ? CLI_OK : CLI_USAGE;
    }
    if (cli->args.values[ARG_HELP] != NULL) {
        commands_help(cli, c);
        return CLI_OK;
    }
    code = check_words(cli);
    if (code == CLI_OK && needs_profile(c) && !load_profile(cli, &e))
        code = cli_fail(cli, CLI_USAGE, &e);
    return code == CLI_OK ? c->run(cli) : code;
}

int cli_run(int argc, char *const *argv)
{
    struct cli cli = {.out = screen_of(stdout), .err = screen_of(stderr)};
    struct err e = {0};
    int code;

    (void)signal(SIGPIPE, SIG_IGN); /* `| head` is no failure of ours: the write is */
    code = arguments_read(argc, argv, &cli.args, &e) ? run(&cli) : cli_fail(&cli, CLI_USAGE, &e);
    client_free(cli.client);
    profile_free(&cli.profile);
    if (fflush(stdout) != 0 && code == CLI_OK) {
        err_set_errno(&e, "BadOutput", "", "cannot write the answer");
        code = cli_fail(&cli, CLI_USAGE, &e);
    }
    return code;
}
