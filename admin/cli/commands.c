/* The table of commands. A new one is a row here and a function in a file of its own. */
#include "admin/cli/commands.h"

#include <string.h>

#include "admin/cli/arguments.h"
#include "admin/cli/cli_priv.h"
#include "gateway/wire/json.h"

#define WRITE (ARG_BIT(WAIT) | ARG_BIT(DRY_RUN) | ARG_BIT(DURABLE))

const struct command commands_all[] = {
    {"get", "KIND [NAME]", "shows a list of things, or one of them",
     ARG_BIT(SELECTOR) | ARG_BIT(HOST), 1, 2, "KINDS", get_run},
    {"describe", "KIND [NAME]",
     "shows all about one thing on one screen: \"describe service NAME\" says why it is not "
     "reachable",
     0, 1, 2, "KINDS", describe_run},
    {"apply", "[KIND NAME] -f FILE",
     "sets the documents of a file, all or nothing; with KIND and NAME the file is that document's "
     "value",
     WRITE | ARG_BIT(FILE) | ARG_BIT(PRUNE) | ARG_BIT(SELECTOR), 0, 2, "KINDS", apply_run},
    {"patch", "KIND NAME -f FILE", "changes some members of a document: JSON Merge Patch, RFC 7396",
     WRITE | ARG_BIT(FILE), 1, 2, "KINDS", patch_run},
    {"delete", "KIND NAME", "removes a document", WRITE, 1, 2, "KINDS", delete_run},
    {"diff", "[KIND NAME] -f FILE", "says what apply would change; 5 when there is something",
     ARG_BIT(FILE) | ARG_BIT(PRUNE) | ARG_BIT(SELECTOR), 0, 2, "KINDS", diff_run},
    {"explain", "URL", "says which route takes a request, and why no other",
     ARG_BIT(METHOD) | ARG_BIT(HEADER) | ARG_BIT(CLIENT) | ARG_BIT(SNI), 1, 1, "", explain_run},
    {"wait", "KIND NAME", "waits until every live gateway has a document as it is now",
     ARG_BIT(WAIT), 1, 2, "KINDS", wait_run},
    {"history", "[KIND NAME]", "shows commits, the newest first; of one document, too",
     ARG_BIT(LIMIT), 0, 2, "KINDS", history_run},
    {"rollback", "[cluster NAME] --to COMMIT",
     "puts a tenant, or a cluster, back to what it was at a commit, and names what gets pinned or "
     "lost",
     WRITE | ARG_BIT(TO), 0, 2, "cluster", rollback_run},
    {"pin", "SERVICE | release NAME",
     "holds a service's labels as the coordinator sees them now, or lets go", WRITE, 1, 2,
     "release", pin_run},
    {"token", "list | create | delete ID | bootstrap [FILE]",
     "lists, makes and revokes tokens; bootstrap prints the first operator's, in the coordinator's "
     "container",
     WRITE | ARG_BIT(SCOPE) | ARG_BIT(EXPIRES) | ARG_BIT(ABOUT), 1, 2,
     "list create delete bootstrap", token_run},
    {"gateways", "[CLUSTER]", "shows the gateways: what each has, how far behind, what it refuses",
     0, 0, 1, "", gateways_run},
    {"watch", "", "shows commits as they come, also over a coordinator's restart", ARG_BIT(FROM), 0,
     0, "", watch_run},
    {"audit", "[list | verify]",
     "shows the audit chain, or verifies it down to the head that you were given",
     ARG_BIT(LIMIT) | ARG_BIT(HEAD), 0, 1, "list verify", audit_run},
    {"labels", "", "shows the labels of a service that Signalbox reads", 0, 0, 0, "", labels_run},
    {"completion", "bash | zsh", "prints what a shell needs to complete this program's words", 0, 1,
     1, "bash zsh", completion_run},
    {"version", "", "shows the versions of this program and of the coordinator", 0, 0, 0, "",
     version_run},
    {"help", "[COMMAND | man | markdown]",
     "shows help, the manual page's source, or the commands as a table", 0, 0, 1, "man markdown",
     help_run},
};

const size_t commands_num = sizeof commands_all / sizeof commands_all[0];

const struct command *commands_find(const char *name)
{
    for (size_t i = 0; i < commands_num; i++)
        if (strcmp(commands_all[i].name, name) == 0)
            return &commands_all[i];
    return NULL;
}

bool commands_refuse(const char *name, struct err *e)
{
    const char *known[sizeof commands_all / sizeof commands_all[0] + 1];
    const char *near;

    for (size_t i = 0; i < commands_num; i++)
        known[i] = commands_all[i].name;
    known[commands_num] = NULL;
    near = json_nearest(name, known);
    if (near == NULL)
        return err_set(e, "BadUsage", "", "\"%s\" is no command; \"signalbox help\" lists them",
                       name);
    return err_set(e, "BadUsage", "", "\"%s\" is no command; \"%s\" is the nearest", name, near);
}
