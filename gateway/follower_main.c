/*
 * signalbox-follower: reads flags, checks that they make sense together, runs the follower. Started
 * by the parent of a gateway (or an extension) with the frames socket at --frames-fd; by hand it is
 * of no use. Touches neither user traffic nor keys.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/log.h"
#include "gateway/core/options.h"
#include "gateway/follower/confine.h"
#include "gateway/follower/follower.h"

struct flags {
    struct follower_config follower;
    int64_t frames_fd;
    const char *log_level;
    bool help;
    bool version;
};

#define AT(field) offsetof(struct flags, field)

static const struct options_entry options[] = {
    {"--frames-fd", "N", "stream socket to the proxy, inherited from the parent", OPTIONS_NUMBER,
     AT(frames_fd), 3, 65535, NULL},
    {"--table", "FILE", "follow a table in a file", OPTIONS_TEXT, AT(follower.table), 0, 0, NULL},
    {"--coordinator", "URL", "follow the coordinator at this URL", OPTIONS_TEXT,
     AT(follower.coordinator), 0, 0, NULL},
    {"--cluster", "NAME", "service cluster whose table is followed", OPTIONS_NAME,
     AT(follower.cluster), 0, 0, NULL},
    {"--token-file", "FILE", "token of that cluster: the first word of the file", OPTIONS_TEXT,
     AT(follower.token_file), 0, 0, NULL},
    {"--state", "DIR", "keep the last good table here", OPTIONS_TEXT, AT(follower.state), 0, 0,
     NULL},
    {"--id", "ID", "id of this gateway in reports", OPTIONS_NAME, AT(follower.gateway), 0, 0,
     "SIGNALBOX_GATEWAY_ID"},
    {"--node", "ID", "node of this gateway in reports", OPTIONS_NAME, AT(follower.node), 0, 0,
     "SIGNALBOX_NODE_ID"},
    {"--accept-older-epoch", NULL, "follow a coordinator whose store is older than the one known",
     OPTIONS_FLAG, AT(follower.accept_older_epoch), 0, 0, NULL},
    {"--log-level", "LEVEL", "error, warn, info or debug", OPTIONS_TEXT, AT(log_level), 0, 0, NULL},
    {"--help", NULL, "print this and exit", OPTIONS_FLAG, AT(help), 0, 0, NULL},
    {"--version", NULL, "print the version and exit", OPTIONS_FLAG, AT(version), 0, 0, NULL},
};

enum { NUM_OPTIONS = sizeof(options) / sizeof(options[0]) };

static bool check_coordinator(const struct follower_config *f, struct err *e)
{
    if (f->cluster == NULL || f->token_file == NULL)
        return err_set(e, "BadOption", "--coordinator",
                       "--coordinator needs --cluster and --token-file");
    if (strncmp(f->coordinator, "http://", 7) != 0 && strncmp(f->coordinator, "https://", 8) != 0)
        return err_set(e, "BadOption", "--coordinator",
                       "--coordinator takes a URL such as http://coordinator:7700");
    return true;
}

static bool check(const struct flags *f, struct err *e)
{
    int type = 0;
    socklen_t n = sizeof(type);
    if (!log_init_word("follower", f->log_level, e))
        return false;
    if ((f->follower.table != NULL) == (f->follower.coordinator != NULL))
        return err_set(e, "BadOption", "--table", "give either --table or --coordinator");
    if (f->frames_fd < 0 || getsockopt((int)f->frames_fd, SOL_SOCKET, SO_TYPE, &type, &n) != 0 ||
        type != SOCK_STREAM)
        return err_set(e, "BadOption", "--frames-fd",
                       "--frames-fd must name an inherited stream socket; signalbox-gateway "
                       "starts this program with one");
    return f->follower.coordinator == NULL || check_coordinator(&f->follower, e);
}

/*
 * libcurl waits for its resolver's thread when a call ends, so a silent name server would hold the
 * whole loop for as long as glibc is patient (over 30 s). Each call is repeated anyway: one short
 * try is enough (resolv.conf(5), RES_OPTIONS). What the operator has set stays.
 */
static void be_impatient_with_names(void)
{
    if (setenv("RES_OPTIONS", "timeout:1 attempts:1", 0) != 0)
        log_warn("name lookups keep their long timeouts: %s", strerror(errno));
}

static int fail(const struct err *e)
{
    log_error("%s", e->text);
    return 2;
}

int main(int argc, char **argv)
{
    char host[OPTIONS_NAME_MAX + 1] = "localhost";
    struct err e = {0};
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0'; /* then --id and --node have to be given */
    struct flags f = {.frames_fd = -1, .log_level = "info"};
    f.follower.gateway = host;
    f.follower.node = host;
    log_init("follower", LOG_INFO);
    if (!options_parse(options, NUM_OPTIONS, argc, argv, &f, &e))
        return fail(&e);
    if (f.help) {
        puts("Usage: signalbox-follower --frames-fd N (--table FILE | --coordinator URL ...)\n"
             "Brings the table of a service cluster to the proxy that started with it.\n");
        options_print(stdout, options, NUM_OPTIONS);
        return 0;
    }
    if (f.version) {
        puts("signalbox-follower " SIGNALBOX_VERSION);
        return 0;
    }
    if (!check(&f, &e))
        return fail(&e);
    f.follower.frames_fd = (int)f.frames_fd;
    signal(SIGPIPE, SIG_IGN);
    be_impatient_with_names();
    if (!follower_confine(&e))
        return fail(&e);
    return follower_run(&f.follower, &e) ? 0 : fail(&e);
}
