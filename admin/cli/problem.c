/*
 * Why something did not work, on standard error: a sentence, then each fault with its pointer and
 * its line of the file.
 */
#include "admin/cli/cli_priv.h"

#include <stdarg.h>

#include <cjson/cJSON.h>

#include "admin/cli/documents.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

static const struct json_limits problem_limits = {.bytes_max = 1 << 20, .depth_max = 16};

int cli_fail(struct cli *cli, enum cli_exit code, const struct err *e)
{
    screen_put(&cli->err, TONE_BAD, "signalbox: ");
    screen_say(&cli->err, TONE_PLAIN, "%s", e->text);
    return (int)code;
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
    struct err e = {.code = "BadUsage"};
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(e.text, sizeof e.text, fmt, ap); /* cut to fit */
    va_end(ap);
    return cli_fail(cli, CLI_USAGE, &e);
}

static void show_fault(struct cli *cli, const cJSON *fault, const struct documents *from)
{
    const char *pointer = jsonview_text(fault, "pointer");
    char line[32] = "";

    if (from != NULL && pointer[0] == '/')
        (void)snprintf(line, sizeof line, ":%u", documents_line(from, pointer)); /* short */
    screen_say(&cli->err, TONE_PLAIN, "  %s%s%s%s: %s", from != NULL ? from->file : "", line,
               from != NULL && pointer[0] != '\0' ? " " : "", pointer,
               jsonview_text(fault, "detail"));
}

static void show_faults(struct cli *cli, const cJSON *problem, const struct documents *from)
{
    const cJSON *first = jsonview_first(problem, "errors");
    int64_t all = jsonview_number(problem, "faults", 0);
    int64_t shown = 0;

    /* One without a pointer is what the first sentence says already. */
    if (first != NULL && first->next == NULL && jsonview_text(first, "pointer")[0] == '\0')
        return;
    for (const cJSON *f = first; f != NULL; f = f->next, shown++)
        show_fault(cli, f, from);
    if (all > shown)
        screen_say(&cli->err, TONE_PLAIN, "  and %lld more", (long long)(all - shown));
}

/* What may help beside the server's own sentence. */
static const char *hint_of(const struct cli *cli, int status, bool of_a_field)
{
    bool tenants = cli->asked == NULL || (cli->asked->scopes & SURFACE_TENANT_ADMIN) != 0;

    switch (status) {
    case 404:
        if (!tenants)
            return "only an operator's token may ask for this";
        return cli->asked != NULL && cli->asked->op == SURFACE_SERVICE_OP
                   ? "services are known by labels that begin with com.docker.lb.: \"signalbox get "
                     "services\" lists them"
                   : NULL;
    case 401:
        return "give a token: SIGNALBOX_TOKEN, --token-file, or token_file in the profile";
    case 403:
        return of_a_field ? NULL
                          : "this needs a token with another scope; \"signalbox help token\"";
    case 410:
        return "what was asked for is not kept any more: begin again";
    default:
        return NULL;
    }
}

int cli_problem(struct cli *cli, const struct client_reply *reply, const struct documents *from)
{
    cJSON *problem = json_parse(buf_str(&reply->body), &problem_limits, NULL);
    const char *detail = jsonview_text(problem, "detail");
    int code = reply->status >= 400 && reply->status < 500 ? CLI_REFUSED : CLI_UNREACHABLE;
    const char *hint = hint_of(cli, reply->status, jsonview_text(problem, "field")[0] != '\0');

    screen_put(&cli->err, TONE_BAD, "signalbox: ");
    screen_say(&cli->err, TONE_PLAIN, "%s (%d%s%s)",
               detail[0] != '\0' ? detail : "the answer is none of a coordinator", reply->status,
               jsonview_text(problem, "code")[0] != '\0' ? " " : "",
               jsonview_text(problem, "code"));
    show_faults(cli, problem, from);
    if (reply->retry_after_s >= 0)
        screen_say(&cli->err, TONE_PLAIN, "  ask again in %lld s", (long long)reply->retry_after_s);
    if (hint != NULL)
        screen_say(&cli->err, TONE_PLAIN, "  %s", hint);
    cJSON_Delete(problem);
    return code;
}
