/*
 * Swarm's secrets: what is known of each, and who names it: certificates, and labels of services.
 * What is in them is read by nobody here. A tenant sees those that its own things name, and of them
 * nothing but its own uses when they are not for it. Handler of endpoints.c.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/api/api_priv.h"
#include "admin/api/jsontext.h"
#include "clusters/compile/plan.h"
#include "clusters/coordinator.h"
#include "clusters/labels/labels.h"
#include "clusters/swarm/secrets.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/map.h"

enum { NAME_ROOM = 512, USES_MAX = 1 << 20, USE_MAX = 8 << 10 };

struct row {
    char *name;
    const struct secret *secret; /* NULL: there is none, or not for who asks */
    struct buf uses;             /* JSON, separated by commas */
};

struct page {
    struct api_call *call;
    const char *tenant; /* "": all */
    struct map rows;    /* name -> struct row */
};

static struct row *row_of(struct page *p, const char *name)
{
    struct row *r = map_get(&p->rows, str_from(name));

    if (r == NULL) {
        r = xcalloc(1, sizeof *r);
        r->name = xstrdup(name);
        buf_init(&r->uses, USES_MAX);
        map_put(&p->rows, str_from(name), r);
    }
    return r;
}

static void row_free(void *row)
{
    struct row *r = row;

    buf_free(&r->uses);
    free(r->name);
    free(r);
}

/* ---- who names them ----------------------------------------------------------------------------
 */

/* What does not fit is left out: nobody has so many. */
static void add_use(struct page *p, const struct write_document *d, const char *name,
                    const char *as)
{
    struct buf *uses = &row_of(p, name)->uses;
    struct buf b;
    bool fits;

    buf_init(&b, USE_MAX);
    fits = buf_add_str(&b, uses->len > 0 ? STR(",{\"kind\":") : STR("{\"kind\":")) &&
           buf_add_json(&b, str_from(intent_kind_name(d->kind))) &&
           buf_add_str(&b, STR(",\"tenant\":")) && buf_add_json(&b, str_from(d->tenant)) &&
           buf_add_str(&b, STR(",\"name\":")) && buf_add_json(&b, str_from(d->name)) &&
           buf_add_str(&b, STR(",\"as\":")) && buf_add_json(&b, str_from(as)) &&
           buf_add_str(&b, STR("}")) && buf_add_str(uses, buf_str(&b));
    if (!fits)
        log_debug("not all that name the secret %s are shown", name);
    buf_free(&b);
}

static bool on_certificate(void *arg, const struct write_document *d)
{
    struct str value;
    char name[NAME_ROOM];

    for (size_t k = 0; k < INTENT_SECRETS; k++) {
        const char *as = intent_secret_member(k);

        if (jsontext_get(str_from(d->value), as, &value) &&
            jsontext_copy(value, name, sizeof name) && name[0] != '\0')
            add_use(arg, d, name, as);
    }
    return true;
}

static bool on_service(void *arg, const struct write_document *d)
{
    char key[NAME_ROOM], name[NAME_ROOM];
    struct str labels, k, value;
    struct jsontext w;

    if (!jsontext_get(str_from(d->value), "labels", &labels) || !jsontext_object(labels, &w))
        return true;
    while (jsontext_member(&w, &k, &value))
        if (jsontext_copy(k, key, sizeof key) && labels_names_secret(key) &&
            jsontext_copy(value, name, sizeof name) && name[0] != '\0')
            add_use(arg, d, name, key);
    return true;
}

static void on_secret(void *arg, const struct secret *s)
{
    struct page *p = arg;
    bool all = p->tenant[0] == '\0';

    if (!all && (map_get(&p->rows, str_from(s->name)) == NULL ||
                 !plan_secret_is_for(coordinator_plan(p->call->coordinator), p->tenant, s->name)))
        return;
    row_of(p, s->name)->secret = s;
}

/* ---- the answer --------------------------------------------------------------------------------
 */

static void print_known(struct answer *a, const struct secret *s)
{
    answer_text(a, ",\"id\":", s->id);
    answer_number(a, ",\"version\":", s->version);
    answer_text(a, ",\"created\":", s->created_at);
    answer_text(a, ",\"updated\":", s->updated_at);
    answer_add(a, ",\"labels\":");
    answer_add(a, s->labels);
    answer_text(a, ",\"tenant\":", s->tenant);
    if (s->expires[0] != '\0')
        answer_text(a, ",\"expires\":", s->expires);
    else
        answer_add(a, ",\"expires\":null");
    answer_text(a, ",\"expires_from\":", s->expires[0] != '\0' ? "label" : "unknown");
}

static void print_row(struct answer *a, const struct row *r, bool listed)
{
    answer_separator(a);
    answer_text(a, "{\"secret\":", r->name);
    answer_add(a, ",\"exists\":");
    answer_add(a, r->secret != NULL ? "true" : listed ? "false" : "null");
    if (r->secret != NULL)
        print_known(a, r->secret);
    answer_add(a, ",\"used_by\":[");
    answer_span(a, buf_str(&r->uses));
    answer_add(a, "]}");
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(struct row *const *)a)->name, (*(struct row *const *)b)->name);
}

static void print_rows(struct answer *a, const struct map *rows, bool listed)
{
    struct row **sorted = xcalloc(rows->len + 1, sizeof(struct row *));
    size_t pos = 0;
    size_t num = 0;
    struct str key;
    void *row;

    while (map_next(rows, &pos, &key, &row))
        sorted[num++] = row;
    qsort(sorted, num, sizeof(struct row *), by_name);
    for (size_t i = 0; i < num; i++)
        print_row(a, sorted[i], listed);
    free(sorted);
}

void api_get_secrets(struct api_call *call)
{
    char tenant[API_CLUSTER_MAX + 1];
    struct page p = {.call = call, .tenant = tenant};
    bool listed = coordinator_has_listed_secrets(call->coordinator);
    const char *of;
    struct answer a;

    if (!api_tenant_of(call, tenant))
        return;
    of = tenant[0] != '\0' ? tenant : NULL;
    map_init(&p.rows);
    coordinator_each_document(call->coordinator, INTENT_CERTIFICATE, of, on_certificate, &p);
    coordinator_each_document(call->coordinator, INTENT_SERVICE, of, on_service, &p);
    coordinator_each_secret(call->coordinator, on_secret, &p);
    answer_open(&a);
    answer_bool(&a, "{\"listed\":", listed);
    answer_add(&a, ",\"secrets\":[");
    print_rows(&a, &p.rows, listed);
    answer_add(&a, "]}");
    answer_send(&a, call->req, 200);
    map_free(&p.rows, row_free);
}
