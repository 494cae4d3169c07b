/*
 * signalbox-gateway: flags, checks, listeners, then the parent process (parent.c), which starts the
 * proxy and the follower. Also the small client of a HEALTHCHECK (--check-ready). It opens what
 * needs to be opened before anything runs, so that a wrong flag ends it with a sentence at once.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/core/caps.h"
#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/options.h"
#include "gateway/parent.h"
#include "gateway/ready_client.h"
#include "gateway/sockets.h"
#include "gateway/users.h"
#include "gateway/worker/worker.h"

enum { HOST_NAME_BYTES = 129, FOLLOWER_ARGS = 32, NOBODY = 65534 };

struct flags {
    const char *table;
    const char *coordinator;
    const char *cluster;
    const char *token_file;
    const char *state;
    const char *id;
    const char *node;
    bool accept_older_epoch;
    struct options_list listen_http;
    struct options_list listen_https;
    const char *doorman;
    const char *admin;
    const char *secrets;
    const char *keyholder;
    int64_t workers;
    int64_t stop_grace_s;
    const char *users;
    const char *log_level;
    const char *check_ready;
    bool help;
    bool version;
};

#define AT(field) offsetof(struct flags, field)

static const struct options_entry options[] = {
    {"--table", "FILE", "follow a table in a file", OPTIONS_TEXT, AT(table), 0, 0, NULL},
    {"--coordinator", "URL", "follow the coordinator's stream at this URL", OPTIONS_TEXT,
     AT(coordinator), 0, 0, NULL},
    {"--cluster", "NAME", "service cluster of this gateway", OPTIONS_NAME, AT(cluster), 0, 0, NULL},
    {"--token-file", "FILE", "token of that cluster", OPTIONS_TEXT, AT(token_file), 0, 0, NULL},
    {"--state", "DIR", "keep the last good table here, to start without the coordinator",
     OPTIONS_TEXT, AT(state), 0, 0, NULL},
    {"--id", "ID", "id of this gateway in reports; default: host name", OPTIONS_NAME, AT(id), 0, 0,
     "SIGNALBOX_GATEWAY_ID"},
    {"--node", "ID",
     "node of this gateway, in reports and for pools that prefer it; default: host name",
     OPTIONS_NAME, AT(node), 0, 0, "SIGNALBOX_NODE_ID"},
    {"--accept-older-epoch", NULL, "follow a coordinator whose store is older than the one known",
     OPTIONS_FLAG, AT(accept_older_epoch), 0, 0, NULL},
    {"--listen-http", "ADDR:PORT", "serve HTTP here; repeatable", OPTIONS_LIST, AT(listen_http), 0,
     0, NULL},
    {"--listen-https", "ADDR:PORT", "accepted, not opened: TLS is not built yet", OPTIONS_LIST,
     AT(listen_https), 0, 0, NULL},
    {"--doorman", "SOCKET", "take listeners from the doorman at this socket", OPTIONS_TEXT,
     AT(doorman), 0, 0, NULL},
    {"--admin", "ADDR:PORT", "serve /livez, /readyz and /metrics here", OPTIONS_TEXT, AT(admin), 0,
     0, NULL},
    {"--secrets", "DIR", "accepted, not read: TLS is not built yet", OPTIONS_TEXT, AT(secrets), 0,
     0, NULL},
    {"--keyholder", "SOCKET", "accepted, not used: TLS is not built yet", OPTIONS_TEXT,
     AT(keyholder), 0, 0, NULL},
    {"--workers", "N", "threads for traffic; default: one for each CPU this process may use",
     OPTIONS_NUMBER, AT(workers), 1, WORKERS_MAX, NULL},
    {"--stop-grace", "SECONDS",
     "time for requests in flight at the end; behind a doorman that begins up to 5 s after "
     "SIGTERM, so whoever stops it must wait longer; default: 10",
     OPTIONS_NUMBER, AT(stop_grace_s), 0, 86400, NULL},
    {"--users", "PARENT:FOLLOWER:PROXY",
     "ids of the three processes' users and groups, for a start as root", OPTIONS_TEXT, AT(users),
     0, 0, NULL},
    {"--log-level", "LEVEL", "error, warn, info or debug; default: info", OPTIONS_TEXT,
     AT(log_level), 0, 0, NULL},
    {"--check-ready", "ADDR:PORT", "ask the gateway at this admin address, exit 0 when it is ready",
     OPTIONS_TEXT, AT(check_ready), 0, 0, NULL},
    {"--help", NULL, "print this and exit", OPTIONS_FLAG, AT(help), 0, 0, NULL},
    {"--version", NULL, "print the version and exit", OPTIONS_FLAG, AT(version), 0, 0, NULL},
};

enum { NUM_OPTIONS = sizeof(options) / sizeof(options[0]) };

static int fail(const struct err *e)
{
    log_error("%s", e->text);
    return 2;
}

static bool check(const struct flags *f, struct err *e)
{
    if (!log_init_word("gateway", f->log_level, e))
        return false;
    if ((f->table != NULL) == (f->coordinator != NULL))
        return err_set(e, "BadOption", "--table",
                       "give either --table or --coordinator; see --help");
    if (f->coordinator != NULL && (f->cluster == NULL || f->token_file == NULL))
        return err_set(e, "BadOption", "--coordinator",
                       "--coordinator needs --cluster and --token-file");
    if (f->coordinator != NULL && strncmp(f->coordinator, "http://", 7) != 0 &&
        strncmp(f->coordinator, "https://", 8) != 0)
        return err_set(e, "BadOption", "--coordinator",
                       "--coordinator takes a URL such as http://coordinator:7700, not \"%s\"",
                       f->coordinator);
    if (f->listen_https.num > 0)
        log_warn("TLS is not built yet: no --listen-https address is opened");
    if (f->secrets != NULL || f->keyholder != NULL)
        log_warn("TLS is not built yet: --secrets and --keyholder are not used");
    return true;
}

/* As the follower's user, which is the only one that may see these. */
static bool check_files(void *config, struct err *e)
{
    const struct parent_config *c = config;
    const struct flags *f = c->flags;

    if (f->token_file != NULL && access(f->token_file, R_OK) != 0)
        return err_set_errno(e, "BadOption", "--token-file",
                             "--token-file %s cannot be read by user %u", f->token_file, getuid());
    if (f->state != NULL && mkdir(f->state, 0700) != 0 && access(f->state, R_OK | W_OK | X_OK) != 0)
        return err_set_errno(e, "BadOption", "--state",
                             "--state %s is no directory that user %u can use", f->state, getuid());
    return true;
}

static bool open_listeners(const struct flags *f, struct sockets *l, int *admin_fd, struct err *e)
{
    if (!sockets_inherit(l, e) || !sockets_bind(l, &f->listen_http, (unsigned)f->workers, e))
        return false;
    if (l->num == 0 && f->doorman == NULL)
        return err_set(e, "BadOption", "--listen-http",
                       "nothing to serve on: give --listen-http, --doorman or LISTEN_FDS");
    if (f->admin != NULL && (*admin_fd = sockets_open(f->admin, "--admin", e)) < 0)
        return false;
    return true;
}

/* The follower lies beside this program. */
static bool find_follower(char out[PATH_MAX], struct err *e)
{
    static const char name[] = "signalbox-follower";
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (n < 0)
        return err_set_errno(e, "NoFollower", "", "/proc/self/exe cannot be read");
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    size_t room = slash != NULL ? PATH_MAX - (size_t)(slash + 1 - out) : 0;
    if (room < sizeof(name))
        return err_set(e, "NoFollower", "", "the path of this program is too long");
    memcpy(slash + 1, name, sizeof(name));
    if (access(out, X_OK) != 0)
        return err_set_errno(e, "NoFollower", "", "%s cannot be run", out);
    return true;
}

static void add_argument(const char **argv, size_t *num, const char *option, const char *value)
{
    if (value == NULL)
        return;
    ASSERT(*num + 2 < FOLLOWER_ARGS);
    argv[(*num)++] = option;
    argv[(*num)++] = value;
}

static void follower_arguments(const struct flags *f, const char **argv)
{
    size_t n = 0;
    add_argument(argv, &n, "--table", f->table);
    add_argument(argv, &n, "--coordinator", f->coordinator);
    add_argument(argv, &n, "--cluster", f->cluster);
    add_argument(argv, &n, "--token-file", f->token_file);
    add_argument(argv, &n, "--state", f->coordinator != NULL ? f->state : NULL);
    add_argument(argv, &n, "--id", f->id);
    add_argument(argv, &n, "--node", f->node);
    add_argument(argv, &n, "--log-level", f->log_level);
    if (f->accept_older_epoch)
        argv[n++] = "--accept-older-epoch";
    argv[n] = NULL;
}

static int run(const struct flags *f)
{
    struct err e = {0};
    struct sockets listeners = {.num = 0};
    int admin_fd = -1;
    char follower[PATH_MAX];
    const char *argv[FOLLOWER_ARGS];
    struct users users;
    if (!check(f, &e) || !users_choose(f->users, &users, &e) || !find_follower(follower, &e) ||
        !open_listeners(f, &listeners, &admin_fd, &e))
        return fail(&e);
    fd_raise_limit();
    follower_arguments(f, argv);
    struct parent_config config = {.listeners = &listeners,
                                   .admin_fd = admin_fd,
                                   .id = f->id,
                                   .node = f->node,
                                   .num_workers = (unsigned)f->workers,
                                   .doorman = f->doorman,
                                   .follower = follower,
                                   .follower_argv = argv,
                                   .prepare_follower = check_files,
                                   .flags = (void *)(uintptr_t)f,
                                   .users = users,
                                   .stop_grace_ms = f->stop_grace_s * 1000};
    int status = parent_run(&config);
    sockets_close(&listeners);
    fd_close(&admin_fd);
    return status;
}

/* In a container it is started by root: nothing of that is needed, nor what comes with it. */
static int check_ready(const char *address)
{
    struct err e = {0};
    if (!caps_lock() || (caps_can_change_ids() && !caps_change_ids(NOBODY, NOBODY)) || !caps_set(0))
        return fail((err_set_errno(&e, "NoPrivileges", "", "privileges cannot be given up"), &e));
    return ready_client_check(address) ? 0 : 1;
}

static int64_t usable_cpus(void)
{
    cpu_set_t mine;
    int num = sched_getaffinity(0, sizeof(mine), &mine) == 0 ? CPU_COUNT(&mine) : 1;
    return num < WORKERS_MAX ? num : WORKERS_MAX;
}

int main(int argc, char **argv)
{
    char host[HOST_NAME_BYTES] = "";
    struct err e = {0};
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof(host), "localhost");
    struct flags f = {.id = host,
                      .node = host,
                      .workers = usable_cpus(),
                      .stop_grace_s = 10,
                      .log_level = "info"};
    log_init("gateway", LOG_INFO);
    if (!options_parse(options, NUM_OPTIONS, argc, argv, &f, &e))
        return fail(&e);
    if (f.help) {
        puts("Usage: signalbox-gateway (--table FILE | --coordinator URL --cluster NAME "
             "--token-file FILE)\n"
             "                         (--listen-http ADDR:PORT... | --doorman SOCKET) [options]\n"
             "Serves the hosts of one service cluster. Runs in the foreground, logs to stderr.\n");
        options_print(stdout, options, NUM_OPTIONS);
        return 0;
    }
    if (f.version) {
        puts("signalbox-gateway " SIGNALBOX_VERSION);
        return 0;
    }
    if (f.check_ready != NULL)
        return check_ready(f.check_ready);
    return run(&f);
}
