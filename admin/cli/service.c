/*
 * "Why is my service not reachable?" on one screen: what the service asks for, what became of
 * that, what a request to each of its hosts gets, which gateways have it, and what to do next.
 */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

enum { ADVICE_MAX = 2048 };

#define MEND "mend the label: docker service update --label-add {label}=VALUE {service}"
#define TASKS "see its tasks: docker service ps --no-trunc {service}"
#define ASK_OPERATOR "ask an operator: "

/*
 * What to do about a reason (docs/labels.md, "What you are told"), also where the service is routed
 * all the same. Reasons that are not here are about the label that they name, or the tasks.
 */
static const struct {
    const char *reason;
    const char *advice;
} advices[] = {
    {"AmbiguousTenant", MEND},
    {"Conflicted", "take another host than {value}, or wait: when its holder gives it up it is "
                   "this service's at once"},
    {"DuplicateName", "remove the one of the two services of this name that is not wanted"},
    {"InvalidHost", MEND},
    {"NetworkFallback", MEND},
    {"NetworkNotAttached", MEND},
    {"NoEndpoints", TASKS},
    {"NoGateways", "start gateways of service cluster {cluster}: none lives"},
    {"NoNetwork", "attach it to an overlay network: docker service update --network-add NETWORK "
                  "{service}"},
    {"NotAllowed", ASK_OPERATOR "tenant and service cluster have to admit each other"},
    {"NotClaimed", ASK_OPERATOR "{value} has to be among the hosts of the tenant"},
    {"NotSelected", "name your own tenant, or none: docker service update --label-rm {label} "
                    "{service}"},
    {"NotUnderstood", "see what Docker says: docker service inspect {service}"},
    {"OlderRoute", "see who has it: signalbox get routes --host {value}"},
    {"Pending", "wait; gateways that do not come along are an operator's: signalbox gateways "
                "{cluster}"},
    {"Pinned", "let its own labels count again: signalbox pin release {service}"},
    {"QuotaExceeded", ASK_OPERATOR "the quota is too small, or something older has to go"},
    {"SameAddress", TASKS},
    {"SecretMissing", "create the secret, or " MEND},
    {"TasksElsewhere", TASKS},
    {"TooManyEndpoints", TASKS},
    {"TooManyHosts", MEND},
    {"TooManyServices", "take a host that fewer services have than {value}"},
    {"UnknownLabel", "mend its name, or remove it: docker service update --label-rm {label} "
                     "{service}"},
    {"Unsupported", "do without it: this version does not serve {label}={value}"},
};

static const char *advice_for(const cJSON *c)
{
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (strcmp(advices[i].reason, jsonview_text(c, "reason")) == 0)
            return advices[i].advice;
    if (cli_condition_is_good(c))
        return NULL;
    return jsonview_text(c, "label")[0] != '\0' ? MEND : TASKS;
}

/* Fills in what stands in braces. */
static void say_advice(struct cli *cli, const cJSON *service, const cJSON *c, const char *advice)
{
    const char *open;
    struct buf out;
    bool ok = true;

    buf_init(&out, ADVICE_MAX);
    while (ok && (open = strchr(advice, '{')) != NULL) {
        const char *close = strchr(open, '}');
        char *member = str_dup((struct str){open + 1, (size_t)(close - open) - 1});
        const char *value = jsonview_text(c, member);

        if (value[0] == '\0')
            value = jsonview_text(service, member);
        ok = buf_add_fmt(&out, "%.*s%s", (int)(open - advice), advice, value);
        free(member);
        advice = close + 1;
    }
    if (ok && buf_add_str(&out, str_from(advice)))
        screen_say(&cli->out, TONE_PLAIN, "  %s", out.bytes);
    buf_free(&out);
}

/* A host that is lost is told as a refusal and as a conflict. */
static bool is_told(const cJSON *service, const cJSON *c)
{
    for (const cJSON *i = jsonview_first(service, "conditions"); i != c; i = i->next)
        if (strcmp(jsonview_text(i, "reason"), jsonview_text(c, "reason")) == 0 &&
            strcmp(jsonview_text(i, "label"), jsonview_text(c, "label")) == 0 &&
            strcmp(jsonview_text(i, "value"), jsonview_text(c, "value")) == 0)
            return true;
    return false;
}

/* How many things there were to say. */
static size_t say_advices(struct cli *cli, const cJSON *service)
{
    size_t num = 0;

    for (const cJSON *c = jsonview_first(service, "conditions"); c != NULL; c = c->next) {
        const char *advice = advice_for(c);

        if (advice == NULL || is_told(service, c))
            continue;
        say_advice(cli, service, c, advice);
        num++;
    }
    return num;
}

/* ---- the parts of the screen -------------------------------------------------------------------
 */

static const cJSON *first_bad(const cJSON *service)
{
    const cJSON *c = jsonview_first(service, "conditions");

    while (c != NULL && cli_condition_is_good(c))
        c = c->next;
    return c;
}

static bool is_without_fleet(const cJSON *service)
{
    const cJSON *c = jsonview_first(service, "conditions");

    while (c != NULL && strcmp(jsonview_text(c, "reason"), "NoGateways") != 0)
        c = c->next;
    return c != NULL;
}

static void say_verdict(struct cli *cli, const cJSON *service)
{
    int64_t num = jsonview_number(service, "endpoints", 0);
    const cJSON *bad = first_bad(service);

    if (!jsonview_true(service, "accepted"))
        screen_say(&cli->out, TONE_BAD, "not routed: %s", jsonview_text(bad, "message"));
    else if (bad != NULL && num == 0)
        screen_say(&cli->out, TONE_BAD, "not reachable: %s", jsonview_text(bad, "message"));
    else if (is_without_fleet(service))
        screen_say(&cli->out, TONE_BAD, "not reachable: no gateway of service cluster %s lives",
                   jsonview_text(service, "cluster"));
    else if (bad != NULL)
        screen_say(&cli->out, TONE_WARN, "routed, but: %s", jsonview_text(bad, "message"));
    else
        screen_say(&cli->out, TONE_GOOD, "routed: %lld endpoint%s", (long long)num,
                   num == 1 ? "" : "s");
}

static void show_labels(struct cli *cli, const cJSON *service)
{
    static const char *const all[] = {NULL};

    if (json_get(service, "labels") == NULL)
        return;
    cli_title(cli, "labels as seen");
    cli_show_members(cli, json_get(service, "labels"), all, 2);
}

/* How many gateways have not the service as it is now. */
static size_t show_gateways(struct cli *cli, const cJSON *service, const cJSON *fleet)
{
    if (fleet == NULL)
        return 0;
    cli_title(cli, "gateways");
    if (jsonview_first(fleet, "gateways") == NULL) {
        screen_say(&cli->out, TONE_BAD, "  none has ever reported");
        return 0;
    }
    return cli_show_gateways(cli, fleet, jsonview_number(service, "commit", 0), 2);
}

static void say_next(struct cli *cli, const cJSON *service, size_t without)
{
    const char *cluster = jsonview_text(service, "cluster");
    size_t num;

    cli_title(cli, "what to do");
    num = say_advices(cli, service);
    if (without > 0 && jsonview_number(service, "commit", 0) > 0) {
        screen_say(&cli->out, TONE_PLAIN,
                   "  %zu gateway%s not have it: \"signalbox gateways %s\" says since when they "
                   "are silent, and what they refuse",
                   without, without == 1 ? " does" : "s do", cluster);
    } else if (num == 0) {
        screen_say(&cli->out, TONE_PLAIN,
                   "  nothing here; if requests fail, \"signalbox explain URL --cluster %s\" says "
                   "where one goes",
                   cluster);
    }
}

void cli_show_service(struct cli *cli, const cJSON *service)
{
    const char *cluster = jsonview_text(service, "cluster");
    const char *tenant = jsonview_text(service, "tenant");
    cJSON *fleet = cli_try_fleet(cli, cluster);
    size_t without;

    screen_say(&cli->out, TONE_TITLE, "service %s  tenant %s  cluster %s  commit %lld",
               jsonview_text(service, "service"), tenant[0] != '\0' ? tenant : "-",
               cluster[0] != '\0' ? cluster : "-",
               (long long)jsonview_number(service, "commit", 0));
    say_verdict(cli, service);
    show_labels(cli, service);
    cli_title(cli, "conditions");
    cli_show_conditions(cli, service, 2);
    cli_show_requests(cli, service);
    without = show_gateways(cli, service, fleet);
    say_next(cli, service, without);
    cJSON_Delete(fleet);
}
