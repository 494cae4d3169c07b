/*
 * The table of every com.docker.lb.* label of the contract, and the nearest name to a mistyped one.
 * A label that is not built yet has no parser: it is named in a note and otherwise left alone.
 * To add a label: one row here, one parser in parse.c, one test.
 */
#include "clusters/labels/labels_priv.h"

#include <string.h>

#include "gateway/core/check.h"

enum { NAME_MAX_DISTANCE = 2, NAME_LEN_MAX = 64 };

static const struct labels_key keys[] = {
    {"hosts",
     "host names, separated by commas",
     "The names by which the service answers. Needed.",
     {NULL},
     labels_parse_hosts},
    {"port",
     "1 to 65535",
     "The port inside the container that requests go to; it need not be published. Needed.",
     {NULL},
     labels_parse_port},
    {"network",
     "name of a network",
     "The network by which the gateways reach the tasks. Needed when the service is attached to "
     "several.",
     {NULL},
     labels_parse_network},
    {"service_cluster",
     "name of a service cluster",
     "The service cluster whose gateways serve the service; the default one without it.",
     {NULL},
     labels_parse_service_cluster},
    {"tenant",
     "name of a tenant",
     "Whose the service is, when several tenants' selectors take it; it must be one of those.",
     {NULL},
     labels_parse_tenant},
    {"context_root", "path", "Only requests below this path.", {"/"}, NULL},
    {"context_root_rewrite", "true or false", "Take context_root off the path.", {"false"}, NULL},
    {"ssl_cert", "name of a secret", "Certificate of the hosts.", {NULL}, NULL},
    {"ssl_key", "name of a secret", "Private key of the hosts.", {NULL}, NULL},
    {"ssl_passthrough", "true or false", "The service ends TLS by itself.", {"false"}, NULL},
    {"redirects", "source,target;…", "Hosts that are sent elsewhere.", {NULL}, NULL},
    {"sticky_session_cookie", "name of a cookie", "Same cookie, same task.", {NULL}, NULL},
    {"ip_hash", "true or false", "Same client address, same task.", {"false"}, NULL},
    {"websocket_endpoints",
     "paths, separated by commas",
     "Where upgrades are allowed.",
     {NULL},
     NULL},
    {"backend_mode",
     "task or vip",
     "To the tasks, or to the service's virtual address.",
     {"task", "default"},
     NULL},
    {"default_backend",
     "true or false",
     "Answers every host that nobody else has.",
     {"false"},
     NULL},
    {"ssl_only", "true or false", "Send clear text requests to https.", {"false"}, NULL},
    {"ssl_backend", "true or false", "TLS between gateway and tasks.", {"false"}, NULL},
    {"ssl_backend_tls_verify", "none or a mode", "How that certificate is verified.", {NULL}, NULL},
    {"max_fails", "number", "Failures after which a task is left out.", {NULL}, NULL},
    {"fail_timeout", "time, for example 10s", "For how long.", {NULL}, NULL},
};

const struct labels_key *labels_keys(size_t *out_num)
{
    *out_num = sizeof(keys) / sizeof(keys[0]);
    return keys;
}

bool labels_names_secret(const char *key)
{
    return strcmp(key, LABELS_PREFIX "ssl_cert") == 0 || strcmp(key, LABELS_PREFIX "ssl_key") == 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t labels_distance(struct str a, struct str b, size_t limit)
{
    size_t row[NAME_LEN_MAX + 1]; /* distances of a's first i bytes to all beginnings of b */

    if (a.n > NAME_LEN_MAX || b.n > NAME_LEN_MAX)
        return limit + 1;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0]; /* row[j - 1] of the line above */

        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t above = row[j];
            size_t swap = diagonal + (a.p[i - 1] == b.p[j - 1] ? 0U : 1U);

            row[j] = least(swap, least(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return least(row[b.n], limit + 1);
}

const char *labels_nearest(struct str name)
{
    const char *best = NULL;
    size_t best_distance = NAME_MAX_DISTANCE + 1;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        size_t d = labels_distance(name, str_from(keys[i].name), NAME_MAX_DISTANCE);

        if (d < best_distance) {
            best = keys[i].name;
            best_distance = d;
        }
    }
    return best;
}
