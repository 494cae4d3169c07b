/*
 * One parser for each label that is built. They take any bytes, keep what can be used and leave a
 * note for what cannot. Whether the service as a whole can be routed is judged in labels.c; whether
 * a named network, cluster or tenant exists, by compile and assign.
 */
#include "clusters/labels/labels_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/err.h"
#include "gateway/core/map.h"
#include "gateway/route/route.h"

enum { PORT_MAX = 65535, QUOTE_MAX = 64 };

/* What happened to the parts of one hosts label. */
struct hosts_parse {
    struct labels_intent *intent;
    struct map seen;
    size_t num_refused;
    size_t num_over; /* good ones beyond ROUTE_HOSTS_MAX */
};

/* The first bytes of a value for use inside a sentence; free(). */
static char *quote(struct str value)
{
    char *shown = labels_show((struct str){value.p, value.n < QUOTE_MAX ? value.n : QUOTE_MAX});
    char *out = xasprintf("\"%s%s\"", shown, value.n > QUOTE_MAX ? "..." : "");

    free(shown);
    return out;
}

static void refuse_host(struct hosts_parse *h, struct str part, const char *reason, const char *why)
{
    if (h->num_refused++ >= LABELS_HOST_NOTES_MAX)
        return; /* counted; note_rest says how many */
    char *quoted = quote(part);

    labels_note(h->intent, false, reason, STR(LABELS_HOSTS), &part, "Host %s is refused: %s.",
                quoted, why);
    free(quoted);
}

static void keep_host(struct hosts_parse *h, const char *host)
{
    struct labels_intent *intent = h->intent;

    if (map_get(&h->seen, str_from(host)) != NULL)
        return; /* the same name twice asks for nothing more */
    if (intent->num_hosts == ROUTE_HOSTS_MAX) {
        h->num_over++;
        return;
    }
    char *copy = xstrdup(host);

    map_put(&h->seen, str_from(host), copy);
    intent->hosts = xrealloc(intent->hosts, (intent->num_hosts + 1) * sizeof(*intent->hosts));
    intent->hosts[intent->num_hosts++] = copy;
}

static void take_host(struct hosts_parse *h, struct str part)
{
    char host[ROUTE_HOST_MAX + 1];
    struct err why;

    if (memchr(part.p, '*', part.n) != NULL)
        refuse_host(h, part, "Unsupported",
                    "wildcards are not built yet; list the names one by one");
    else if (!route_host_canonical(part, false, host, &why))
        refuse_host(h, part, "InvalidHost", why.text);
    else
        keep_host(h, host);
}

static void note_rest(const struct hosts_parse *h)
{
    if (h->num_refused > LABELS_HOST_NOTES_MAX)
        labels_note(h->intent, false, "InvalidHost", STR(LABELS_HOSTS), NULL,
                    "%zu more hosts of this label are refused as well.",
                    h->num_refused - LABELS_HOST_NOTES_MAX);
    if (h->num_over > 0)
        labels_note(h->intent, false, "TooManyHosts", STR(LABELS_HOSTS), NULL,
                    "A service can have %d hosts; the last %zu of this label are left out. Spread "
                    "them over several services.",
                    ROUTE_HOSTS_MAX, h->num_over);
    if (h->num_refused == 0 && h->intent->num_hosts == 0)
        labels_note(h->intent, true, "MissingLabel", STR(LABELS_HOSTS), NULL,
                    "The label names no host; give it one, for example shop.example.com.");
}

void labels_parse_hosts(struct labels_intent *intent, struct str value)
{
    struct hosts_parse h = {.intent = intent};
    struct str part;

    map_init(&h.seen);
    while (str_split(&value, ',', &part)) {
        part = str_trim(part);
        if (part.n > 0) /* "a.x, " is a list of one */
            take_host(&h, part);
    }
    note_rest(&h);
    map_free(&h.seen, NULL); /* the names belong to the intent */
}

void labels_parse_port(struct labels_intent *intent, struct str value)
{
    uint64_t port = 0;

    if (str_to_u64(str_trim(value), PORT_MAX, &port) && port > 0) {
        intent->port = (uint16_t)port;
        return;
    }
    char *quoted = quote(value);

    labels_note(intent, true, "InvalidPort", STR(LABELS_PORT), &value,
                "%s is no port: write the number, from 1 to 65535, that the application listens "
                "on inside its container.",
                quoted);
    free(quoted);
}

/* A name of something in the swarm: whether it exists is not judged here, only that it could. */
static char *parse_name(struct labels_intent *intent, struct str key, const char *what,
                        struct str value)
{
    struct str name = str_trim(value);

    if (name.n == 0)
        return NULL; /* an empty label is no label, as Interlock has it */
    if (name.n <= LABELS_NAME_MAX)
        return str_dup(name);
    labels_note(intent, true, "InvalidName", key, &value,
                "A %s has a name of at most %d bytes; this value has %zu.", what, LABELS_NAME_MAX,
                name.n);
    return NULL;
}

void labels_parse_network(struct labels_intent *intent, struct str value)
{
    intent->network = parse_name(intent, STR(LABELS_NETWORK), "network", value);
}

void labels_parse_service_cluster(struct labels_intent *intent, struct str value)
{
    intent->service_cluster =
        parse_name(intent, STR(LABELS_SERVICE_CLUSTER), "service cluster", value);
}

void labels_parse_tenant(struct labels_intent *intent, struct str value)
{
    intent->tenant = parse_name(intent, STR(LABELS_TENANT), "tenant", value);
}
