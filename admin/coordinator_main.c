/*
 * signalbox-coordinator: flags and subcommands, then the loop that joins the coordinator and the
 * admin API. Also what goes with an identity on a command line (making one, deriving tokens), the
 * client of a HEALTHCHECK, backup, restore and check of a store, and the self-check that libcurl
 * speaks HTTPS in a program that carries BoringSSL. Decides nothing else.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "admin/api/api.h"
#include "admin/auth/auth.h"
#include "admin/auth/identity.h"
#include "admin/auth/token.h"
#include "clusters/coordinator.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/options.h"
#include "gateway/fetch/fetch.h"
#include "store/store.h"

enum { EXIT_USAGE = 2, PROBE_TIMEOUT_MS = 10000, PROBE_BODY_MAX = 64 << 20 };

struct flags {
    struct options_list docker;
    const char *docker_tls_ca;
    const char *docker_tls_cert;
    const char *docker_tls_key;
    const char *store;
    const char *identity;
    struct options_list clusters;
    const char *default_cluster;
    const char *replica;
    const char *durable;
    bool accept_empty;
    const char *stream;
    const char *admin;
    const char *log_level;
    const char *check_live;
    const char *check_ready;
    const char *selftest_https;
    const char *cacert;
    bool help;
    bool version;
};

#define AT(field) offsetof(struct flags, field)

static const struct options_entry run_options[] = {
    {"--docker", "URL",
     "a manager's Docker API: unix:///PATH, tcp://HOST:PORT or https://HOST:PORT; give several, "
     "the "
     "next is asked when one fails or hangs; default: unix:///var/run/docker.sock",
     OPTIONS_LIST, AT(docker), 0, 0, NULL},
    {"--docker-tls-ca", "FILE",
     "speak TLS to tcp:// endpoints and trust this CA (PEM) and no other; read again when changed",
     OPTIONS_TEXT, AT(docker_tls_ca), 0, 0, NULL},
    {"--docker-tls-cert", "FILE", "our certificate for Docker (PEM)", OPTIONS_TEXT,
     AT(docker_tls_cert), 0, 0, NULL},
    {"--docker-tls-key", "FILE", "its private key (PEM), which nobody else should be able to read",
     OPTIONS_TEXT, AT(docker_tls_key), 0, 0, NULL},
    {"--store", "FILE", "SQLite file with tables and commits; made when it is not there",
     OPTIONS_TEXT, AT(store), 0, 0, NULL},
    {"--identity", "FILE", "the identity, a Docker secret; see \"identity new\"", OPTIONS_TEXT,
     AT(identity), 0, 0, NULL},
    {"--cluster", "NAME", "a service cluster; give one for each", OPTIONS_LIST, AT(clusters), 0, 0,
     NULL},
    {"--default-cluster", "NAME", "cluster of services without the label; default: none",
     OPTIONS_TEXT, AT(default_cluster), 0, 0, NULL},
    {"--accept-empty", NULL,
     "publish what the swarm gives, even when live gateways hold more routes; for one start",
     OPTIONS_FLAG, AT(accept_empty), 0, 0, NULL},
    {"--replica", "NAME",
     "keep what the admin API was told in Swarm's store too, as config objects of this name, and "
     "let one coordinator at a time write; \"off\": on this node only; default: signalbox",
     OPTIONS_TEXT, AT(replica), 0, 0, NULL},
    {"--durable", "local|swarm",
     "when writes that do not say \"?durable=\" are answered: as soon as this node has them, or "
     "when "
     "Swarm's store has them too; default: local",
     OPTIONS_TEXT, AT(durable), 0, 0, NULL},
    {"--stream", "ADDR:PORT", "listen for followers here; default: 0.0.0.0:7700", OPTIONS_TEXT,
     AT(stream), 0, 0, NULL},
    {"--admin", "ADDR:PORT", "serve the admin API here; default: 0.0.0.0:7701", OPTIONS_TEXT,
     AT(admin), 0, 0, NULL},
    {"--log-level", "LEVEL", "error, warn, info or debug; default: info", OPTIONS_TEXT,
     AT(log_level), 0, 0, NULL},
    {"--check-live", "ADDR:PORT", "ask a running coordinator's admin port: exit 0 when it answers",
     OPTIONS_TEXT, AT(check_live), 0, 0, NULL},
    {"--check-ready", "ADDR:PORT",
     "ask a running coordinator's admin port: exit 0 when it is ready", OPTIONS_TEXT,
     AT(check_ready), 0, 0, NULL},
    {"--selftest-https", "URL", "for tests: fetch an https URL with libcurl, print the body",
     OPTIONS_TEXT, AT(selftest_https), 0, 0, NULL},
    {"--cacert", "FILE", "for tests: the CA to trust in --selftest-https", OPTIONS_TEXT, AT(cacert),
     0, 0, NULL},
    {"--help", NULL, "this text", OPTIONS_FLAG, AT(help), 0, 0, NULL},
    {"--version", NULL, "the version", OPTIONS_FLAG, AT(version), 0, 0, NULL},
};

static const struct options_entry token_options[] = {
    {"--identity", "FILE", "the identity the token is derived from", OPTIONS_TEXT, AT(identity), 0,
     0, NULL},
};

#define NUM_OPTIONS(table) (sizeof(table) / sizeof((table)[0]))

static int complain(const struct err *e)
{
    fprintf(stderr, "signalbox-coordinator: %s\n", e->text);
    return EXIT_FAILURE;
}

static int usage_error(const struct err *e)
{
    complain(e);
    return EXIT_USAGE;
}

/* Standard output in one piece; a full disk under `identity new >file` must not pass for success.
 */
static int print(const char *text)
{
    if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "signalbox-coordinator: cannot write: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

/* ---- subcommands --------------------------------------------------------------------------------
 */

static int identity_command(int argc, char **argv)
{
    struct err e = {0};
    struct buf b;
    int rc;

    if (argc != 2 || strcmp(argv[1], "new") != 0) {
        err_set(&e, "BadOption", "", "say \"signalbox-coordinator identity new >FILE\"");
        return usage_error(&e);
    }
    buf_init(&b, IDENTITY_FILE_MAX);
    rc = identity_new(&b, &e) ? print(b.bytes) : complain(&e);
    buf_free(&b);
    return rc;
}

static int print_cluster_token(const struct identity *id, const char *cluster)
{
    char token[TOKEN_MAX];
    char line[TOKEN_MAX + IDENTITY_PIN_HEX + 3];
    struct err e = {0};
    int n;

    if (!token_cluster(id, cluster, token, &e))
        return complain(&e);
    n = snprintf(line, sizeof line, "%s %s\n", token, id->pin);
    ASSERT(n > 0 && n < (int)sizeof line);
    return print(line);
}

static int print_bootstrap_token(const struct identity *id)
{
    char token[TOKEN_MAX];
    char line[TOKEN_MAX + 2];
    int n;

    token_bootstrap(id, token);
    n = snprintf(line, sizeof line, "%s\n", token);
    ASSERT(n > 0 && n < (int)sizeof line);
    return print(line);
}

/* token cluster NAME --identity FILE, token bootstrap --identity FILE */
static int token_command(int argc, char **argv)
{
    bool bootstrap = argc > 1 && strcmp(argv[1], "bootstrap") == 0;
    bool cluster = argc > 2 && strcmp(argv[1], "cluster") == 0;
    int used = cluster ? 2 : 1;
    struct flags f = {0};
    struct identity id;
    struct err e = {0};
    int rc;

    if (!bootstrap && !cluster) {
        err_set(
            &e, "BadOption", "",
            "say \"token cluster NAME --identity FILE\" or \"token bootstrap --identity FILE\"");
        return usage_error(&e);
    }
    if (!options_parse(token_options, NUM_OPTIONS(token_options), argc - used, argv + used, &f, &e))
        return usage_error(&e);
    if (f.identity == NULL) {
        err_set(&e, "BadOption", "--identity", "--identity FILE says what the token is made from");
        return usage_error(&e);
    }
    if (!identity_load(f.identity, &id, &e))
        return complain(&e);
    rc = cluster ? print_cluster_token(&id, argv[2]) : print_bootstrap_token(&id);
    identity_wipe(&id);
    return rc;
}

/* ---- whole stores -------------------------------------------------------------------------------
 */

struct store_flags {
    const char *store;
    const char *from;
    const char *to;
    const char *head;
};

static const struct options_entry store_options[] = {
    {"--store", "FILE", "the coordinator's store", OPTIONS_TEXT,
     offsetof(struct store_flags, store), 0, 0, NULL},
    {"--to", "FILE", "backup: where the copy goes; one that is there is replaced", OPTIONS_TEXT,
     offsetof(struct store_flags, to), 0, 0, NULL},
    {"--from", "FILE", "restore: the backup", OPTIONS_TEXT, offsetof(struct store_flags, from), 0,
     0, NULL},
    {"--head", "HASH", "audit verify: a hash that a write was answered with", OPTIONS_TEXT,
     offsetof(struct store_flags, head), 0, 0, NULL},
};

static int told(const char *sentence, const char *file)
{
    char *line = xasprintf("%s %s\n", sentence, file);
    int rc = print(line);

    free(line);
    return rc;
}

static int store_backup_command(const struct store_flags *f)
{
    struct err e = {0};

    return store_backup(f->store, f->to, &e) ? told("backup checked and kept in", f->to)
                                             : complain(&e);
}

static int store_restore_command(const struct store_flags *f)
{
    struct err e = {0};

    return store_restore(f->from, f->store, &e)
               ? told("restored, with a new epoch; the coordinator may be started with", f->store)
               : complain(&e);
}

static int store_check_command(const struct store_flags *f)
{
    struct store_findings found;
    struct err e = {0};
    char *line;
    int rc;

    if (!store_check(f->store, &found, &e))
        return complain(&e);
    line =
        xasprintf("ok: schema %d, commit %llu, %llu documents, audit of %llu rows, head %s\n",
                  found.schema, (unsigned long long)found.head, (unsigned long long)found.documents,
                  (unsigned long long)found.audit_rows, found.audit_head);
    rc = print(line);
    free(line);
    return rc;
}

static int audit_verify_command(const struct store_flags *f)
{
    struct err e = {0};
    struct store *s = store_open_reader(f->store, &e);
    uint64_t rows = 0;
    char *line;
    int rc;

    if (s == NULL || !store_audit_verify(s, f->head, &rows, &e)) {
        store_close(s);
        return complain(&e);
    }
    store_close(s);
    line = xasprintf("ok: %llu rows%s\n", (unsigned long long)rows,
                     f->head != NULL ? ", the hash is one of them" : "");
    rc = print(line);
    free(line);
    return rc;
}

static const struct store_command {
    const char *words; /* as they are typed */
    int num_words;
    size_t needs; /* offset of the flag that it needs beside --store; of that itself: none */
    int (*run)(const struct store_flags *f);
} store_commands[] = {
    {"backup --store FILE --to FILE", 1, offsetof(struct store_flags, to), store_backup_command},
    {"restore --store FILE --from FILE", 1, offsetof(struct store_flags, from),
     store_restore_command},
    {"check --store FILE", 1, offsetof(struct store_flags, store), store_check_command},
    {"audit verify --store FILE [--head HASH]", 2, offsetof(struct store_flags, store),
     audit_verify_command},
};

enum { NUM_STORE_COMMANDS = sizeof(store_commands) / sizeof(store_commands[0]) };

static bool is_command(const struct store_command *c, int argc, char **argv)
{
    const char *at = c->words;

    for (int i = 1; i <= c->num_words; i++) {
        size_t n = strcspn(at, " ");

        if (argc <= i || strlen(argv[i]) != n || strncmp(argv[i], at, n) != 0)
            return false;
        at += n + 1;
    }
    return true;
}

static int run_store_command(const struct store_command *c, int argc, char **argv)
{
    struct store_flags f = {0};
    struct err e = {0};
    const char *needed;

    if (!options_parse(store_options, NUM_OPTIONS(store_options), argc - c->num_words,
                       argv + c->num_words, &f, &e))
        return usage_error(&e);
    memcpy(&needed, (const char *)&f + c->needs, sizeof(needed));
    if (f.store == NULL || needed == NULL) {
        err_set(&e, "BadOption", "--store", "say \"signalbox-coordinator %s\"", c->words);
        return usage_error(&e);
    }
    if (!log_init_word("signalbox-coordinator", "warn", &e))
        return usage_error(&e);
    return c->run(&f);
}

/* ---- probes: one request, then the end ----------------------------------------------------------
 */

struct probe {
    struct event_base *base;
    long status;
    struct err failure;
    char *body;
};

static void on_probe_done(void *arg, const struct fetch_reply *reply)
{
    struct probe *p = arg;

    p->status = reply->status;
    p->failure = reply->failure;
    p->body = str_dup(reply->body);
    event_base_loopbreak(p->base);
}

static bool probe_run(struct probe *p, const char *url, const char *ca_file, struct err *e)
{
    const struct fetch_request rq = {
        .url = url,
        .total_timeout_ms = PROBE_TIMEOUT_MS,
        .body_max = PROBE_BODY_MAX,
        .ca_file = ca_file,
        .on_done = on_probe_done,
        .arg = p,
    };
    struct fetch *f = NULL;
    bool ok = false;

    p->base = event_base_new();
    if (p->base == NULL)
        return err_set(e, "NoMemory", "", "libevent gives no loop");
    f = fetch_new(p->base, e);
    if (f != NULL && fetch_start(f, &rq, e) != NULL) {
        event_base_dispatch(p->base);
        ok = p->failure.code == NULL;
        if (!ok)
            *e = p->failure;
    }
    fetch_free(f);
    event_base_free(p->base);
    return ok;
}

/* What a HEALTHCHECK runs: path is /livez or /readyz. */
static int check_health(const char *address, const char *path)
{
    char *url = xasprintf("http://%s%s", address, path);
    struct probe p = {0};
    struct err e = {0};
    int rc;

    if (!probe_run(&p, url, NULL, &e)) {
        rc = complain(&e);
    } else {
        rc = p.status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
        fputs(p.body, rc == EXIT_SUCCESS ? stdout : stderr);
    }
    free(p.body);
    free(url);
    return rc;
}

static int selftest_https(const char *url, const char *ca_file)
{
    struct probe p = {0};
    struct err e = {0};
    int rc;

    if (strncmp(url, "https://", strlen("https://")) != 0) {
        err_set(&e, "BadOption", "--selftest-https", "--selftest-https takes an https:// URL");
        return usage_error(&e);
    }
    if (!probe_run(&p, url, ca_file, &e))
        rc = complain(&e);
    else
        rc = print(p.body) == EXIT_SUCCESS && p.status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
    free(p.body);
    return rc;
}

/* ---- run ----------------------------------------------------------------------------------------
 */

struct program {
    struct event_base *base;
    struct auth *auth;
    char who[64]; /* of the replica's fence, for people */
    struct coordinator *coordinator;
    struct api *api;
    struct event *sigterm;
    struct event *sigint;
};

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
    (void)what;
    log_info("signal %d: ending", (int)sig);
    event_base_loopbreak(arg);
}

static bool catch_signals(struct program *p, struct err *e)
{
    /* A peer that is gone shows as EPIPE, a store at its size limit as EFBIG, where it is written.
     */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
        return err_set_errno(e, "NoSignal", "", "cannot ignore SIGPIPE and SIGXFSZ");
    p->sigterm = evsignal_new(p->base, SIGTERM, on_signal, p->base);
    p->sigint = evsignal_new(p->base, SIGINT, on_signal, p->base);
    if (p->sigterm == NULL || p->sigint == NULL || event_add(p->sigterm, NULL) != 0 ||
        event_add(p->sigint, NULL) != 0)
        return err_set(e, "NoSignal", "", "libevent takes no signal handler");
    return true;
}

/* In a Swarm service the host name is the task's container. */
static void set_replica(struct program *p, const struct flags *f, struct coordinator_replica *out)
{
    if (strcmp(f->replica, "off") == 0)
        return;
    if (gethostname(p->who, sizeof p->who - 1) != 0)
        (void)snprintf(p->who, sizeof p->who, "a coordinator");
    out->name = f->replica;
    out->who = p->who;
    auth_replica_key(p->auth, out->key);
}

static const char *const default_docker[] = {"unix:///var/run/docker.sock", NULL};

static bool start(struct program *p, const struct flags *f, struct err *e)
{
    struct coordinator_config config = {
        .docker = f->docker.num ? f->docker.all : default_docker,
        .docker_tls_ca = f->docker_tls_ca,
        .docker_tls_cert = f->docker_tls_cert,
        .docker_tls_key = f->docker_tls_key,
        .store = f->store,
        .stream = f->stream,
        .clusters = f->clusters.all,
        .num_clusters = f->clusters.num,
        .default_cluster = f->default_cluster,
        .accept_empty = f->accept_empty,
        .access = auth_stream,
    };
    struct api_config api = {.listen = f->admin, .durable = strcmp(f->durable, "swarm") == 0};

    p->base = event_base_new();
    if (p->base == NULL)
        return err_set(e, "NoMemory", "", "libevent gives no loop");
    if (!catch_signals(p, e))
        return false;
    p->auth = auth_new(f->identity, e);
    if (p->auth == NULL)
        return false;
    config.access_arg = p->auth;
    set_replica(p, f, &config.replica);
    p->coordinator = coordinator_new(p->base, &config, e);
    if (p->coordinator == NULL)
        return false;
    api.coordinator = p->coordinator;
    api.auth = p->auth;
    p->api = api_new(p->base, &api, e);
    return p->api != NULL;
}

static void stop(struct program *p)
{
    api_free(p->api);
    coordinator_free(p->coordinator);
    auth_free(p->auth);
    if (p->sigterm != NULL)
        event_free(p->sigterm);
    if (p->sigint != NULL)
        event_free(p->sigint);
    if (p->base != NULL)
        event_base_free(p->base);
}

static bool check_durable(const struct flags *f, struct err *e)
{
    bool swarm = strcmp(f->durable, "swarm") == 0;

    if (!swarm && strcmp(f->durable, "local") != 0)
        return err_set(e, "BadOption", "--durable", "--durable is local or swarm, not \"%s\"",
                       f->durable);
    if (swarm && strcmp(f->replica, "off") == 0)
        return err_set(e, "BadOption", "--durable",
                       "--durable swarm needs the replica that --replica off turns off");
    return true;
}

static bool check_flags(const struct flags *f, struct err *e)
{
    if (f->store == NULL)
        return err_set(e, "BadOption", "--store", "--store FILE says where the tables are kept");
    if (f->identity == NULL)
        return err_set(e, "BadOption", "--identity",
                       "--identity FILE is needed; make one with \"identity new\"");
    if (f->docker.num == OPTIONS_LIST_MAX)
        return err_set(e, "BadOption", "--docker", "at most %d Docker endpoints can be given",
                       OPTIONS_LIST_MAX - 1); /* the list ends with a NULL */
    if (f->clusters.num == 0)
        return err_set(e, "BadOption", "--cluster", "--cluster NAME is needed at least once");
    return check_durable(f, e);
}

static int run(const struct flags *f)
{
    struct program p = {0};
    struct err e = {0};
    int rc = EXIT_SUCCESS;

    if (!check_flags(f, &e))
        return usage_error(&e);
    fd_raise_limit(); /* a stream for each gateway */
    if (start(&p, f, &e)) {
        log_info("stream on port %u, admin API on port %u, %zu clusters",
                 (unsigned)coordinator_stream_port(p.coordinator), (unsigned)api_port(p.api),
                 f->clusters.num);
        if (event_base_dispatch(p.base) < 0) {
            err_set(&e, "LoopFailed", "", "the event loop has failed");
            rc = complain(&e);
        }
    } else {
        rc = complain(&e);
    }
    stop(&p);
    return rc;
}

static int help(void)
{
    printf("Usage: signalbox-coordinator [OPTION...]\n"
           "       signalbox-coordinator identity new\n"
           "       signalbox-coordinator token cluster NAME --identity FILE\n"
           "       signalbox-coordinator token bootstrap --identity FILE\n");
    for (size_t i = 0; i < NUM_STORE_COMMANDS; i++)
        printf("       signalbox-coordinator %s\n", store_commands[i].words);
    printf("\nReads the swarm, keeps one table for each service cluster and streams it to "
           "gateways.\n\n");
    options_print(stdout, run_options, NUM_OPTIONS(run_options));
    return print("");
}

static int dispatch(const struct flags *f)
{
    struct err e = {0};

    if (f->help)
        return help();
    if (f->version)
        return print("signalbox-coordinator " SIGNALBOX_VERSION "\n");
    if (!log_init_word("signalbox-coordinator", f->log_level, &e))
        return usage_error(&e);
    if (f->check_live != NULL)
        return check_health(f->check_live, "/livez");
    if (f->check_ready != NULL)
        return check_health(f->check_ready, "/readyz");
    if (f->selftest_https != NULL)
        return selftest_https(f->selftest_https, f->cacert);
    return run(f);
}

int main(int argc, char **argv)
{
    struct flags f = {
        .stream = "0.0.0.0:7700",
        .admin = "0.0.0.0:7701",
        .replica = "signalbox",
        .durable = "local",
        .log_level = "info",
    };
    struct err e = {0};

    if (argc > 1 && strcmp(argv[1], "identity") == 0)
        return identity_command(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "token") == 0)
        return token_command(argc - 1, argv + 1);
    for (size_t i = 0; i < NUM_STORE_COMMANDS; i++)
        if (is_command(&store_commands[i], argc, argv))
            return run_store_command(&store_commands[i], argc, argv);
    if (!options_parse(run_options, NUM_OPTIONS(run_options), argc, argv, &f, &e))
        return usage_error(&e);
    return dispatch(&f);
}
