/*
 * The canonical JSON of the objects that compile makes: fixed order of keys, no blanks, hosts
 * sorted, a field that has its default left out where the table format lets it be. The same meaning
 * gives the same bytes, so that a comparison of bytes is a comparison of tables.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/compile_priv.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

/*
 * Everything that is written was capped before (hosts, names, endpoints, ids), so that a value
 * stays under the 4 MiB of a frame and the buffer cannot be full.
 */
enum { VALUE_MAX = 4 << 20, SEEN_MAX = 250 << 10 /* of a document: INTENT_VALUE_MAX */ };
/* What a `service` document may have, as clusters/intents judges it. */
enum { SEEN_LABELS_MAX = 256, SEEN_KEY_MAX = 256, SEEN_VALUE_MAX = 64 << 10, ESCAPE_MAX = 6 };

static void add(struct buf *b, struct str s)
{
    ASSERT(buf_add_str(b, s));
}

static void add_string(struct buf *b, const char *s)
{
    ASSERT(buf_add_json(b, str_from(s)));
}

static void add_number(struct buf *b, size_t n)
{
    ASSERT(buf_add_fmt(b, "%zu", n));
}

static int compare_hosts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_hosts(struct buf *b, const char *const *hosts, size_t num_hosts)
{
    const char **sorted = xcalloc(num_hosts, sizeof(*sorted));

    for (size_t i = 0; i < num_hosts; i++)
        sorted[i] = hosts[i];
    qsort(sorted, num_hosts, sizeof(*sorted), compare_hosts);
    for (size_t i = 0; i < num_hosts; i++) {
        add(b, i > 0 ? STR(",") : STR(""));
        add_string(b, sorted[i]);
    }
    free(sorted);
}

static void add_tenant(struct buf *b, const char *tenant)
{
    add(b, STR("{\"tenant\":"));
    add_string(b, tenant);
}

char *value_route(const char *tenant, const char *const *hosts, size_t num_hosts,
                  const struct value_forward *forward, size_t num_forward)
{
    struct buf b;

    ASSERT(num_hosts > 0 && num_forward > 0);
    buf_init(&b, VALUE_MAX);
    add_tenant(&b, tenant);
    add(&b, STR(",\"hosts\":["));
    add_hosts(&b, hosts, num_hosts);
    add(&b, STR("],\"path\":\"/\",\"forward\":["));
    for (size_t i = 0; i < num_forward; i++) {
        add(&b, i > 0 ? STR(",{\"pool\":") : STR("{\"pool\":"));
        add_string(&b, forward[i].pool);
        add(&b, STR(",\"weight\":"));
        add_number(&b, forward[i].weight);
        add(&b, STR("}"));
    }
    add(&b, STR("]}"));
    return buf_take(&b);
}

/* Status and words are those of a gateway for a host that it does not know (REPLY_NO_ROUTE). */
char *value_guard(const char *const *hosts, size_t num_hosts)
{
    struct buf b;

    buf_init(&b, VALUE_MAX);
    add_tenant(&b, "");
    add(&b, STR(",\"hosts\":["));
    add_hosts(&b, hosts, num_hosts);
    add(&b, STR("],\"path\":\"/\",\"respond\":{\"status\":503,"
                "\"body\":\"no service answers for this host\\n\"}}"));
    return buf_take(&b);
}

char *value_pool(const char *tenant)
{
    struct buf b;

    buf_init(&b, VALUE_MAX);
    add_tenant(&b, tenant);
    add(&b, STR(",\"protocol\":\"http1\",\"balance\":\"round_robin\"}"));
    return buf_take(&b);
}

char *value_endpoints(const struct reach *r)
{
    struct buf b;

    buf_init(&b, VALUE_MAX);
    add(&b, STR("{\"endpoints\":["));
    for (size_t i = 0; i < r->num_endpoints + r->num_ending; i++) {
        const struct reach_endpoint *e = &r->endpoints[i];

        add(&b, i > 0 ? STR(",{\"address\":") : STR("{\"address\":"));
        add_string(&b, e->address);
        add(&b, STR(",\"port\":"));
        add_number(&b, r->port);
        add(&b, STR(",\"weight\":1,\"task\":"));
        add_string(&b, e->task);
        add(&b, STR(",\"node\":"));
        add_string(&b, e->node);
        add(&b, i < r->num_endpoints ? STR("}") : STR(",\"state\":\"draining\"}"));
    }
    add(&b, STR("]}"));
    return buf_take(&b);
}

/*
 * Docker bounds a service's labels by the size of a request only; what would make a document too
 * long is left out, so that the history of one hostile service is not the end of everybody's.
 */
char *value_seen(const struct view_service *s)
{
    struct buf b;
    size_t num = 0;

    buf_init(&b, SEEN_MAX);
    add(&b, STR("{\"labels\":{"));
    for (size_t i = 0; i < s->num_labels; i++) {
        const struct view_label *l = &s->labels[i];
        size_t key = strlen(l->key);
        size_t value = strlen(l->value);

        if (!str_starts(str_from(l->key), STR(LABELS_PREFIX)))
            continue;
        if (num++ >= SEEN_LABELS_MAX || key > SEEN_KEY_MAX || value > SEEN_VALUE_MAX ||
            b.len + ESCAPE_MAX * (key + value) >= SEEN_MAX)
            continue;
        add(&b, b.bytes[b.len - 1] == '{' ? STR("") : STR(","));
        add_string(&b, l->key);
        add(&b, STR(":"));
        add_string(&b, l->value);
    }
    add(&b, STR("}}"));
    if (num > 0)
        return buf_take(&b);
    buf_free(&b);
    return NULL;
}
