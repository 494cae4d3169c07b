/*
 * Commits and the audit chain, read through the store's second connection, so that no reader waits
 * for the writer or keeps it waiting. Pages go backwards from the newest; a page reads a bounded
 * number of rows, so that the loop is not held up. Handlers of endpoints.c.
 */
#include "admin/api/history.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include <event2/http.h>

#include "admin/api/api_priv.h"
#include "admin/api/jsontext.h"
#include "gateway/core/check.h"

enum {
    PAGE_DEFAULT = 100,
    PAGE_MAX = 1000,
    SCAN_MAX = 2000,          /* rows that a page looks at */
    SCAN_BYTES_MAX = 8 << 20, /* and bytes of their diffs */
    SCAN_STEP = 50,           /* rows for a request's price */
    NAME_MAX_TEXT = 512
};

const char *history_author(const char *author, const char *tenant)
{
    size_t n = strlen(author);
    size_t t = strlen(tenant);

    if (t == 0 || strcmp(author, "swarm") == 0)
        return author;
    /* "token <id> (<tenant>)" */
    return n > t + 3 && author[n - 1] == ')' && author[n - t - 2] == '(' &&
                   strncmp(author + n - t - 1, tenant, t) == 0
               ? author
               : "operator";
}

static bool read_document(struct str one, history_document_fn *fn, void *arg)
{
    char kind[32], tenant[NAME_MAX_TEXT], name[NAME_MAX_TEXT];
    struct history_document d = {.kind = kind, .tenant = tenant, .name = name};
    struct str k, t, n;

    if (!jsontext_get(one, "kind", &k) || !jsontext_get(one, "tenant", &t) ||
        !jsontext_get(one, "name", &n) || !jsontext_copy(k, kind, sizeof kind) ||
        !jsontext_copy(t, tenant, sizeof tenant) || !jsontext_copy(n, name, sizeof name))
        return false;
    if (!jsontext_get(one, "before", &d.before))
        d.before = (struct str){NULL, 0};
    if (!jsontext_get(one, "after", &d.after))
        d.after = (struct str){NULL, 0};
    d.deleted = d.after.p != NULL && jsontext_is_null(d.after);
    fn(arg, &d);
    return true;
}

bool history_each_document(const char *diff_json, history_document_fn *fn, void *arg)
{
    struct jsontext w;
    struct str list, one;

    if (!jsontext_get(str_from(diff_json), "documents", &list) || !jsontext_array(list, &w))
        return false;
    while (jsontext_element(&w, &one)) {
        if (!read_document(one, fn, arg))
            return false;
    }
    return true;
}

/* ---- which commits -----------------------------------------------------------------------------
 */

struct sought {
    const char *tenant; /* "": any */
    const char *kind;   /* "": any */
    const char *name;
    bool found;
};

static void seek(void *arg, const struct history_document *d)
{
    struct sought *s = arg;

    s->found = s->found || ((s->tenant[0] == '\0' || strcmp(s->tenant, d->tenant) == 0) &&
                            (s->kind[0] == '\0' || strcmp(s->kind, d->kind) == 0) &&
                            (s->name[0] == '\0' || strcmp(s->name, d->name) == 0));
}

bool history_concerns(const struct store_commit_row *row, const char *tenant)
{
    struct sought s = {.tenant = tenant, .kind = "", .name = ""};

    if (tenant[0] == '\0' || strcmp(row->tenant, tenant) == 0)
        return true;
    return history_each_document(row->diff_json, seek, &s) && s.found;
}

/* ---- one row -----------------------------------------------------------------------------------
 */

struct shown {
    struct answer *a;
    const char *tenant; /* "": all */
    bool with_values;
};

static void print_document(void *arg, const struct history_document *d)
{
    struct shown *s = arg;

    if (s->tenant[0] != '\0' && strcmp(s->tenant, d->tenant) != 0)
        return;
    answer_separator(s->a);
    answer_text(s->a, "{\"kind\":", d->kind);
    answer_text(s->a, ",\"tenant\":", d->tenant);
    answer_text(s->a, ",\"name\":", d->name);
    answer_text(s->a, ",\"change\":", d->deleted ? "delete" : "set");
    if (s->with_values && d->before.p != NULL && d->after.p != NULL) {
        answer_add(s->a, ",\"before\":");
        answer_span(s->a, d->before);
        answer_add(s->a, ",\"after\":");
        answer_span(s->a, d->after);
    }
    answer_add(s->a, "}");
}

static void print_commit(struct answer *a, const struct store_commit_row *row, const char *tenant,
                         bool whole)
{
    struct shown s = {.a = a, .tenant = tenant, .with_values = whole};
    struct str objects;
    bool all;

    answer_number(a, "{\"commit\":", row->number);
    answer_number(a, ",\"at_ms\":", (uint64_t)row->at_ms);
    answer_text(a, ",\"author\":", history_author(row->author, tenant));
    answer_text(a, ",\"cause\":", row->cause);
    answer_add(a, ",\"documents\":[");
    all = history_each_document(row->diff_json, print_document, &s);
    answer_bool(a, "],\"complete\":", all);
    if (tenant[0] == '\0') {
        answer_text(a, ",\"tenant\":", row->tenant);
        if (whole && jsontext_get(str_from(row->diff_json), "objects", &objects)) {
            answer_add(a, ",\"objects\":");
            answer_span(a, objects);
        }
    }
    answer_text(a, ",\"hash\":", row->hash);
    answer_text(a, ",\"prev\":", row->prev);
    answer_add(a, "}");
}

/* ---- pages -------------------------------------------------------------------------------------
 */

struct rows {
    struct answer a;
    const char *tenant;
    struct sought sought;
    size_t limit;
    size_t shown;
    size_t seen;
    size_t bytes;
    uint64_t last; /* of the rows seen */
};

/* The store's reader, or NULL: answered. */
static struct store *reader_of(struct api_call *call)
{
    struct store *s = coordinator_reader(call->coordinator);
    struct err why = {0};

    if (s == NULL) {
        err_set(&why, "StoreNotOpen", "", "the store is not open at the moment");
        answer_problem(call->req, 503, &why);
    }
    return s;
}

/* What the query says; false: answered with 400. */
static bool page_of(struct api_call *call, size_t *limit, uint64_t *before)
{
    struct str value;
    uint64_t n = PAGE_DEFAULT;
    struct err why = {0};

    *before = 0;
    if (target_param(&call->target, "limit", &value) &&
        (!str_to_u64(value, PAGE_MAX, &n) || n == 0))
        err_set(&why, "BadQuery", "limit", "limit is 1 to %d", (int)PAGE_MAX);
    else if (target_param(&call->target, "cursor", &value) &&
             (!str_to_u64(value, INT64_MAX, before) || *before == 0))
        err_set(&why, "BadQuery", "cursor", "a cursor is the number that the page before gave");
    *limit = (size_t)n;
    if (why.code == NULL)
        return true;
    answer_problem(call->req, 400, &why);
    return false;
}

static void store_failed(struct api_call *call, const struct err *e)
{
    answer_problem(call->req, 503, e);
}

static struct str param_of(const struct api_call *call, const char *key)
{
    struct str value;

    return target_param(&call->target, key, &value) ? value : STR("");
}

/* The rest of the query goes along. */
static void print_next(struct api_call *call, struct answer *a, uint64_t before, size_t limit)
{
    struct str kind = param_of(call, "kind");
    struct str name = param_of(call, "name");
    char *link = xasprintf("<%.*s?limit=%zu&cursor=%" PRIu64 "%s%.*s%s%.*s>; rel=\"next\"",
                           STR_ARG(api_path(call)), limit, before, kind.n > 0 ? "&kind=" : "",
                           STR_ARG(kind), name.n > 0 ? "&name=" : "", STR_ARG(name));

    answer_header(call->req, "Link", link);
    free(link);
    answer_number(a, ",\"next\":\"", before);
    answer_add(a, "\"");
}

static void finish_page(struct api_call *call, struct rows *r, bool more)
{
    answer_add(&r->a, "]");
    if (more)
        print_next(call, &r->a, r->last, r->limit);
    answer_add(&r->a, "}");
    answer_send(&r->a, call->req, 200);
}

static void take_commit(void *arg, const struct store_commit_row *row)
{
    struct rows *r = arg;

    if (r->shown == r->limit)
        return;
    r->seen++;
    r->last = row->number;
    r->bytes += strlen(row->diff_json);
    r->sought.found = false;
    if (r->sought.kind[0] != '\0' || r->sought.name[0] != '\0') {
        if (!history_each_document(row->diff_json, seek, &r->sought) || !r->sought.found)
            return;
    } else if (!history_concerns(row, r->tenant)) {
        return;
    }
    r->shown++;
    answer_separator(&r->a);
    print_commit(&r->a, row, r->tenant, false);
}

/* Unreserved characters of a URL only, as kinds and names have: it is repeated in Link. False:
 * answered with 400. */
static bool word_of(struct api_call *call, const char *key, char *out, size_t max)
{
    struct str value = param_of(call, key);
    struct err why = {0};
    size_t i = 0;

    while (i < value.n && (isalnum((unsigned char)value.p[i]) || strchr("-._~", value.p[i])))
        i++;
    if (i < value.n || value.n >= max) {
        err_set(&why, "BadQuery", key, "no document has such a %s", key);
        answer_problem(call->req, 400, &why);
        return false;
    }
    memcpy(out, value.p, value.n);
    out[value.n] = '\0';
    return true;
}

/* Step by step, until the page is full or has cost enough. */
static bool scan(struct api_call *call, struct store *s, uint64_t before, struct rows *r,
                 bool *out_more, struct err *e)
{
    size_t seen;

    do {
        seen = r->seen;
        if (!store_each_commit(s, NULL, before, SCAN_STEP, take_commit, r, e))
            return false;
        api_charge(call->api, &call->caller, seen > 0);
        before = r->last;
        *out_more = r->shown == r->limit || r->seen - seen == SCAN_STEP;
    } while (*out_more && r->shown < r->limit && r->seen < SCAN_MAX && r->bytes < SCAN_BYTES_MAX);
    return true;
}

void api_get_commits(struct api_call *call)
{
    char tenant[API_CLUSTER_MAX + 1];
    char kind[32], name[INTENT_NAME_MAX + 1];
    struct rows r = {.tenant = tenant};
    bool more = false;
    struct err e = {0};
    struct store *s;
    uint64_t before;

    if (!api_tenant_of(call, tenant) || !page_of(call, &r.limit, &before) ||
        !word_of(call, "kind", kind, sizeof kind) || !word_of(call, "name", name, sizeof name) ||
        (s = reader_of(call)) == NULL)
        return;
    r.sought = (struct sought){.tenant = tenant, .kind = kind, .name = name};
    answer_open(&r.a);
    answer_add(&r.a, "{\"commits\":[");
    if (scan(call, s, before, &r, &more, &e)) {
        finish_page(call, &r, more);
        return;
    }
    answer_free(&r.a);
    store_failed(call, &e);
}

struct one_commit {
    struct answer a;
    const char *tenant; /* "": whole */
    uint64_t number;
    bool found;
};

static void take_one(void *arg, const struct store_commit_row *row)
{
    struct one_commit *o = arg;

    if (row->number != o->number || !history_concerns(row, o->tenant))
        return;
    o->found = true;
    print_commit(&o->a, row, o->tenant, true);
}

void api_get_commit(struct api_call *call)
{
    char tenant[API_CLUSTER_MAX + 1];
    struct one_commit o = {.tenant = tenant};
    struct err e = {0};
    struct store *s;

    if (!api_tenant_of(call, tenant))
        return;
    if (!str_to_u64(call->vars[api_is_tenants(call->row) ? 1 : 0], INT64_MAX - 1, &o.number)) {
        api_not_found(call);
        return;
    }
    if ((s = reader_of(call)) == NULL)
        return;
    answer_open(&o.a);
    if (!store_each_commit(s, NULL, o.number + 1, 1, take_one, &o, &e)) {
        store_failed(call, &e);
    } else if (o.found) {
        answer_send(&o.a, call->req, 200);
        return;
    } else {
        api_not_found(call);
    }
    answer_free(&o.a);
}

/* ---- audit -------------------------------------------------------------------------------------
 */

static void take_audit(void *arg, const struct store_audit_row *row)
{
    struct rows *r = arg;
    struct answer *a = &r->a;

    r->seen++;
    r->shown++;
    r->last = row->seq;
    answer_separator(a);
    answer_number(a, "{\"seq\":", row->seq);
    answer_number(a, ",\"commit\":", row->commit);
    answer_number(a, ",\"at_ms\":", (uint64_t)row->at_ms);
    answer_text(a, ",\"author\":", history_author(row->author, r->tenant));
    answer_text(a, ",\"action\":", row->action);
    if (r->tenant[0] == '\0')
        answer_text(a, ",\"tenant\":", row->tenant);
    /* That of a commit may have what is somebody else's; that of an event is about its author. */
    if (r->tenant[0] == '\0' || row->commit == 0)
        answer_text(a, ",\"detail\":", row->detail);
    answer_text(a, ",\"prev\":", row->prev);
    answer_text(a, ",\"hash\":", row->hash);
    answer_add(a, "}");
}

void api_get_audit(struct api_call *call)
{
    char tenant[API_CLUSTER_MAX + 1];
    struct rows r = {.tenant = tenant};
    struct err e = {0};
    struct store *s;
    uint64_t before;

    if (!api_tenant_of(call, tenant) || !page_of(call, &r.limit, &before) ||
        (s = reader_of(call)) == NULL)
        return;
    answer_open(&r.a);
    answer_text(&r.a, "{\"head\":", coordinator_audit_head(call->coordinator));
    answer_add(&r.a, ",\"rows\":[");
    if (store_each_audit(s, tenant[0] != '\0' ? tenant : NULL, before, r.limit, take_audit, &r,
                         &e)) {
        api_charge(call->api, &call->caller, r.seen / SCAN_STEP);
        finish_page(call, &r, r.seen == r.limit);
        return;
    }
    answer_free(&r.a);
    store_failed(call, &e);
}
