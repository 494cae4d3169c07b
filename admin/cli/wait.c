/* wait: asks for a document until its condition Programmed is true, or the time is over. */
#include <unistd.h>

#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/duration.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"

enum { POLL_US = 250000, WAIT_DEFAULT_MS = 60000, WAIT_MAX_MS = 86400000 };

static const cJSON *programmed(const cJSON *document)
{
    for (const cJSON *c = jsonview_first(document, "status.conditions"); c != NULL; c = c->next)
        if (strcmp(jsonview_text(c, "type"), "Programmed") == 0)
            return c;
    return NULL;
}

/* Asks once; -1 = not yet. */
static int ask(struct cli *cli, const char *path, bool over, int64_t began)
{
    cJSON *document = NULL;
    const cJSON *c;
    int code = -1;

    if (!cli_get(cli, path, &document, &code))
        return code;
    c = programmed(document);
    if (c == NULL) {
        code = cli_usage(cli, "%s are in no table of a gateway: nothing to wait for",
                         cli->args.words[0]);
    } else if (strcmp(jsonview_text(c, "status"), "True") == 0) {
        screen_say(&cli->out, TONE_GOOD, "applied after %lld ms: %s",
                   (long long)(clock_mono_ms() - began), jsonview_text(c, "message"));
        code = CLI_OK;
    } else if (over) {
        screen_say(&cli->out, TONE_WARN, "not applied: %s", jsonview_text(c, "message"));
        code = CLI_NOT_APPLIED;
    }
    cJSON_Delete(document);
    return code;
}

int wait_run(struct cli *cli)
{
    const char *name = cli->args.words[1];
    const char *wait = cli->args.values[ARG_WAIT];
    const struct surface_row *row;
    int64_t began = clock_mono_ms();
    int64_t ms = WAIT_DEFAULT_MS;
    struct err e = {0};
    struct buf path;
    int code = CLI_USAGE;

    if (wait != NULL && wait[0] != '\0' && !duration_read(wait, WAIT_MAX_MS, &ms, &e))
        return cli_fail(cli, CLI_USAGE, &e);
    row = cli_find(cli, "GET", cli->args.words[0], name);
    if (row == NULL || !cli_path(cli, row, name, &path, &code))
        return code;
    while ((code = ask(cli, path.bytes, clock_mono_ms() - began >= ms, began)) < 0)
        (void)usleep(POLL_US); /* a signal only makes it shorter */
    buf_free(&path);
    return code;
}
