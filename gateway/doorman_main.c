/*
 * signalbox-doorman: holds the public ports of one service cluster on one node, so that gateways
 * can be replaced without a connection being refused. Parses flags, gives up privileges, runs the
 * loop. It accepts no connection and sees no byte of traffic. Everything else is in
 * gateway/doorman/.
 */
#include <event2/event.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/core/log.h"
#include "gateway/core/options.h"
#include "gateway/doorman/device.h"
#include "gateway/doorman/privilege.h"
#include "gateway/doorman/server.h"

struct config {
    const char *socket;
    struct options_list listen;
    int64_t shards;
    int64_t uid;
    int64_t gid;
    const char *log_level;
    bool help;
    bool version;
};

#define AT(field) offsetof(struct config, field)

static const struct options_entry options[] = {
    {"--socket", "PATH", "unix socket to publish for the gateways (shared directory)", OPTIONS_TEXT,
     AT(socket), 0, 0, NULL},
    {"--listen", "KIND=ADDR:PORT[@DEVICE]",
     "public port; KIND is http (https: not served until TLS is built); repeatable", OPTIONS_LIST,
     AT(listen), 0, 0, NULL},
    {"--shards", "N",
     "sockets for each port, for the gateways' workers (default: one for each CPU)", OPTIONS_NUMBER,
     AT(shards), 1, DOORMAN_SHARDS_MAX, NULL},
    {"--uid", "UID", "the cluster's uid: taken on at start, and asked of every gateway",
     OPTIONS_NUMBER, AT(uid), 0, UINT32_MAX - 1, NULL},
    {"--gid", "GID", "its gid (default: the uid)", OPTIONS_NUMBER, AT(gid), 0, UINT32_MAX - 1,
     NULL},
    {"--log-level", "LEVEL", "error, warn, info (default) or debug", OPTIONS_TEXT, AT(log_level), 0,
     0, NULL},
    {"--help", NULL, "this text", OPTIONS_FLAG, AT(help), 0, 0, NULL},
    {"--version", NULL, "print the version", OPTIONS_FLAG, AT(version), 0, 0, NULL},
};

static struct listen_spec specs[OPTIONS_LIST_MAX];

static bool check_unique(const struct listen_spec *spec, size_t num, struct err *e)
{
    for (size_t i = 0; i < num; i++)
        if (strcmp(specs[i].text, spec->text) == 0)
            return err_set(e, "BadListen", "--listen", "%s is given twice.", spec->text);
    return true;
}

static bool read_listeners(const struct config *config, struct err *e)
{
    for (size_t i = 0; i < config->listen.num; i++) {
        if (!listen_spec_parse(str_from(config->listen.all[i]), &specs[i], e) ||
            !check_unique(&specs[i], i, e) || !device_choose(&specs[i], e))
            return false;
        if (specs[i].loopback)
            log_warn("%s is a loopback listener, which cannot be bound to a device: a gateway that "
                     "is broken into can reach other loopback services of this host through it",
                     specs[i].text);
        else
            log_info("%s is bound to device %s", specs[i].text, specs[i].device);
    }
    return true;
}

static bool check(const struct config *config, struct err *e)
{
    if (config->socket == NULL)
        return err_set(e, "BadOption", "--socket", "--socket PATH is missing.");
    if (config->listen.num == 0)
        return err_set(e, "BadOption", "--listen", "--listen KIND=ADDR:PORT is missing.");
    if (config->listen.num * (size_t)config->shards > DOORMAN_LISTENERS_MAX)
        return err_set(e, "BadOption", "--shards", "%zu listeners of %lld shards are more than %d.",
                       config->listen.num, (long long)config->shards, DOORMAN_LISTENERS_MAX);
    if (config->gid >= 0 && config->uid < 0)
        return err_set(e, "BadOption", "--gid", "--gid needs --uid.");
    return read_listeners(config, e);
}

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
    (void)what;
    log_info("signal %d: the end; what gateways hold goes on listening", (int)signal_number);
    event_base_loopbreak(arg);
}

static bool serve(const struct config *config, struct event_base *base, struct err *e)
{
    struct event *term = evsignal_new(base, SIGTERM, on_signal, base);
    struct event *interrupt = evsignal_new(base, SIGINT, on_signal, base);
    struct server *server = NULL;
    struct slots slots;
    bool ok;

    event_add(term, NULL);
    event_add(interrupt, NULL);
    slots_init(&slots, specs, config->listen.num, (unsigned)config->shards);
    ok = server_new(base, config->socket, geteuid(), &slots, &server, e);
    if (ok)
        event_base_dispatch(base);
    server_free(server);
    slots_free(&slots);
    event_free(term);
    event_free(interrupt);
    return ok;
}

/* Gateways let an https listener go, so that nobody would take its connections. */
static void warn_of_tls(const struct config *config)
{
    for (size_t i = 0; i < config->listen.num; i++)
        if (specs[i].kind == DOORMAN_HTTPS)
            log_warn("https=%s: TLS is not built yet, no gateway answers on this port",
                     specs[i].text);
}

static bool run(const struct config *config, struct err *e)
{
    struct event_base *base;
    int64_t gid = config->gid < 0 ? config->uid : config->gid;
    bool ok;

    if (!log_init_word("doorman", config->log_level, e) || !check(config, e) ||
        !privilege_become((uid_t)config->uid, (gid_t)gid, e))
        return false;
    warn_of_tls(config);
    fd_raise_limit(); /* descriptors in flight on unix sockets count against it too */
    umask(0177);      /* the socket is for the cluster's uid alone */
    base = event_base_new();
    if (base == NULL)
        return err_set(e, "NoLoop", "", "The event loop cannot be made.");
    ok = serve(config, base, e);
    event_base_free(base);
    return ok;
}

static int64_t usable_cpus(void)
{
    cpu_set_t mine;
    int num = sched_getaffinity(0, sizeof(mine), &mine) == 0 ? CPU_COUNT(&mine) : 1;

    return num < DOORMAN_SHARDS_MAX ? num : DOORMAN_SHARDS_MAX;
}

int main(int argc, char **argv)
{
    struct config config = {.shards = usable_cpus(), .uid = -1, .gid = -1, .log_level = "info"};
    const size_t num = sizeof(options) / sizeof(options[0]);
    struct err e = {0};

    log_init("doorman", LOG_INFO);
    if (!options_parse(options, num, argc, argv, &config, &e)) {
        log_error("%s", e.text);
        return 2;
    }
    if (config.help) {
        puts("signalbox-doorman: holds the public ports of a service cluster on one node\n");
        options_print(stdout, options, num);
        return 0;
    }
    if (config.version) {
        puts("signalbox-doorman " SIGNALBOX_VERSION);
        return 0;
    }
    if (run(&config, &e))
        return 0;
    log_error("%s", e.text);
    return 1;
}
