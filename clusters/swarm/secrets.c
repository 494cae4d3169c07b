/*
 * Lists of secrets and when they are read. It decides nothing about what they mean; the coordinator
 * keeps them, the plan says who may have which. Called by observe.c.
 */
#include "clusters/swarm/secrets.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <event2/event.h>

#include "clusters/swarm/docker.h"
#include "clusters/swarm/list.h"
#include "clusters/swarm/nag.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/wire/json.h"
#include "gateway/wire/json_print.h"

enum { READER_MAGIC = 0x53454352, SOON_MS = 50, AGAIN_MS = 5000, ID_MAX = 71, NAME_MAX = 255 };

static const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 16};

/* ---- lists -------------------------------------------------------------------------------------
 */

static void clear(struct secret *s)
{
    free(s->id);
    free(s->name);
    free(s->created_at);
    free(s->updated_at);
    free(s->labels);
    free(s->tenant);
    free(s->expires);
}

void secrets_free(struct secrets *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->num; i++)
        clear(&s->all[i]);
    free(s->all);
    free(s);
}

bool secret_same(const struct secret *a, const struct secret *b)
{
    return a->version == b->version && strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->labels, b->labels) == 0;
}

static char *label(const cJSON *labels, const char *key, size_t max)
{
    const char *value = "";

    if (!json_get_str(labels, key, &value, NULL) || value == NULL || strlen(value) > max)
        value = "";
    return xstrdup(value);
}

static char *all_labels(const cJSON *labels)
{
    char *json = labels != NULL ? json_print(labels, NULL, 0) : xstrdup("{}");

    if (strlen(json) <= SECRETS_LABELS_MAX)
        return json;
    free(json);
    return xstrdup("{}");
}

static bool is_text(const char *s, size_t max)
{
    return s != NULL && s[0] != '\0' && strlen(s) <= max;
}

/* Spec.Data, should anybody ever send it, is not looked at. */
static bool read_one(const cJSON *o, struct secret *out)
{
    const cJSON *spec = NULL, *version = NULL, *labels = NULL;
    const char *id = NULL, *name = NULL, *created = "", *updated = "";

    if (!cJSON_IsObject(o) || !json_get_str(o, "ID", &id, NULL) ||
        !json_get_object(o, "Spec", &spec, NULL) ||
        !json_get_object(o, "Version", &version, NULL) || spec == NULL || version == NULL ||
        !json_get_str(spec, "Name", &name, NULL) ||
        !json_get_object(spec, "Labels", &labels, NULL) ||
        !json_get_str(o, "CreatedAt", &created, NULL) ||
        !json_get_str(o, "UpdatedAt", &updated, NULL) || !is_text(id, ID_MAX) ||
        !is_text(name, NAME_MAX))
        return false;
    *out = (struct secret){.id = xstrdup(id),
                           .name = xstrdup(name),
                           .created_at = xstrdup(created != NULL ? created : ""),
                           .updated_at = xstrdup(updated != NULL ? updated : ""),
                           .labels = all_labels(labels),
                           .tenant = label(labels, SECRETS_TENANT_LABEL, NAME_MAX),
                           .expires = label(labels, SECRETS_EXPIRES_LABEL, SECRETS_EXPIRES_MAX)};
    if (json_get_u64(version, "Index", &out->version, NULL))
        return true;
    clear(out);
    return false;
}

static void add(struct secrets *s, struct str text)
{
    cJSON *o = json_parse(text, &limits, NULL);
    struct secret one;

    if (o != NULL && read_one(o, &one)) {
        if ((s->num & (s->num - 1)) == 0) /* at 0 and at each power of two */
            s->all = xrealloc(s->all, (s->num > 0 ? s->num * 2 : 1) * sizeof(*s->all));
        s->all[s->num++] = one;
    }
    cJSON_Delete(o);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct secret *)a)->id, ((const struct secret *)b)->id);
}

static void sort(struct secrets *s)
{
    size_t kept = 0;

    if (s->num > 1)
        qsort(s->all, s->num, sizeof(*s->all), by_id);
    for (size_t i = 0; i < s->num; i++) {
        if (kept > 0 && by_id(&s->all[kept - 1], &s->all[i]) == 0)
            clear(&s->all[i]);
        else
            s->all[kept++] = s->all[i];
    }
    s->num = kept;
}

struct secrets *secrets_decode(struct str body, struct err *e)
{
    struct secrets *s = xcalloc(1, sizeof(*s));
    struct list list = {.rest = body};
    struct err broken = {0};
    struct str text;

    while (s->num <= SECRETS_MAX && list_next(&list, &text, &broken))
        add(s, text);
    if (broken.code == NULL && s->num <= SECRETS_MAX) {
        sort(s);
        return s;
    }
    err_set(e, "BadReply", "", "the list of secrets: %s",
            broken.code != NULL ? broken.text : "it is too long");
    secrets_free(s);
    return NULL;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

struct secrets_reader {
    unsigned magic;
    struct docker *docker; /* NULL: none is to be asked */
    struct docker_call *call;
    struct event *wake;
    struct secrets *read; /* by the call under way */
    bool again;           /* something has changed since it was begun */
    struct nag nag;
    secrets_fn *on_list;
    void *arg;
};

static void wake_in(struct secrets_reader *r, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    ASSERT(event_add(r->wake, &tv) == 0); /* a timer that is there */
}

static bool on_body(void *arg, struct str body, struct err *e)
{
    struct secrets_reader *r;

    OBJ_CAST(r, arg, READER_MAGIC);
    r->read = secrets_decode(body, e);
    return r->read != NULL;
}

static void complain(struct secrets_reader *r, const struct err *why)
{
    uint64_t unsaid;

    if (nag_due(&r->nag, clock_mono_ms(), &unsaid))
        log_warn("secrets could not be listed, what is known of them stays: %s (%llu times more "
                 "before)",
                 why->text, (unsigned long long)unsaid);
}

static void on_done(void *arg, const struct err *failure)
{
    struct secrets_reader *r;
    struct secrets *read;

    OBJ_CAST(r, arg, READER_MAGIC);
    r->call = NULL;
    read = r->read;
    r->read = NULL;
    wake_in(r, failure != NULL ? AGAIN_MS : r->again ? SOON_MS : SECRETS_RECONCILE_MS);
    r->again = false;
    if (failure != NULL) {
        complain(r, failure);
        return;
    }
    if (nag_over(&r->nag))
        log_info("secrets can be listed again");
    r->on_list(r->arg, read);
}

static void on_wake(evutil_socket_t s, short what, void *arg)
{
    const struct docker_ask ask = {
        .method = "GET", .path = "/secrets", .reply_max = SECRETS_LIST_MAX, .on_body = on_body};
    struct secrets_reader *r;

    (void)s, (void)what; /* a timer has neither */
    OBJ_CAST(r, arg, READER_MAGIC);
    if (r->docker != NULL && r->call == NULL)
        r->call = docker_ask(r->docker, &ask, on_done, r);
}

struct secrets_reader *secrets_reader_new(struct event_base *base, secrets_fn *on_list, void *arg)
{
    struct secrets_reader *r = xcalloc(1, sizeof(*r));

    r->magic = READER_MAGIC;
    r->on_list = on_list;
    r->arg = arg;
    r->wake = evtimer_new(base, on_wake, r);
    ASSERT(r->wake != NULL); /* it allocates and nothing else */
    return r;
}

void secrets_reader_leave(struct secrets_reader *r)
{
    docker_cancel(r->call);
    r->call = NULL;
    secrets_free(r->read);
    r->read = NULL;
    r->docker = NULL;
    (void)event_del(r->wake);
}

void secrets_reader_free(struct secrets_reader *r)
{
    if (r == NULL)
        return;
    OBJ_CHECK(r, READER_MAGIC);
    secrets_reader_leave(r);
    event_free(r->wake);
    OBJ_KILL(r);
}

void secrets_reader_use(struct secrets_reader *r, struct docker *d)
{
    if (r->call != NULL)
        secrets_reader_leave(r);
    r->docker = d;
    wake_in(r, 0);
}

void secrets_reader_soon(struct secrets_reader *r)
{
    if (r->call != NULL)
        r->again = true;
    else if (r->docker != NULL)
        wake_in(r, SOON_MS);
}
