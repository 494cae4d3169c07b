/*
 * The schema tried by its own rows: for each field of each object and of each one nested in it, a
 * value of another type, the bounds and what lies beyond, what must be there, a misspelt name. What
 * values become is in objects_test.c. And docs/table.md must say what the rows say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/http/h1_head.h"
#include "gateway/http/h2_session.h"
#include "gateway/proxy/timeouts.h"
#include "gateway/upstream/upstream.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

enum { SHAPES_MAX = 64, TEXT_MAX = 1 << 16, PAGE_MAX = 1 << 20 };

#define ROUTE_BASE "\"hosts\":[\"a\"],\"forward\":[{\"pool\":\"p\"}]"
#define IN_ROUTE "{" ROUTE_BASE ","
#define IN_HOSTS "{\"hosts\":[\"a\"],"

struct member {
    const char *name;
    const char *json;
};

/* Where an object of that shape stands: `before` it, its own members, `after` it. */
struct place {
    const char *title;
    enum route_kind kind;
    const char *before;
    const char *after;
    const char *pointer;
    struct member base[3]; /* that are there when another one is tried */
};

static const struct place places[] = {
    {"route",
     ROUTE_KIND_ROUTE,
     "{",
     "}",
     "",
     {{"hosts", "[\"a\"]"}, {"forward", "[{\"pool\":\"p\"}]"}}},
    {"route.match", ROUTE_KIND_ROUTE, IN_ROUTE "\"match\":{", "}}", "/match", {{0}}},
    {"route.match.headers",
     ROUTE_KIND_ROUTE,
     IN_ROUTE "\"match\":{\"headers\":[{",
     "}]}}",
     "/match/headers/0",
     {{"name", "\"x\""}}},
    {"route.match.queries",
     ROUTE_KIND_ROUTE,
     IN_ROUTE "\"match\":{\"queries\":[{",
     "}]}}",
     "/match/queries/0",
     {{"name", "\"x\""}}},
    {"route.match.cookies",
     ROUTE_KIND_ROUTE,
     IN_ROUTE "\"match\":{\"cookies\":[{",
     "}]}}",
     "/match/cookies/0",
     {{"name", "\"x\""}}},
    {"route.forward",
     ROUTE_KIND_ROUTE,
     IN_HOSTS "\"forward\":[{",
     "}]}",
     "/forward/0",
     {{"pool", "\"p\""}}},
    {"route.redirect",
     ROUTE_KIND_ROUTE,
     IN_HOSTS "\"redirect\":{",
     "}}",
     "/redirect",
     {{"host", "\"b\""}}},
    {"route.respond",
     ROUTE_KIND_ROUTE,
     IN_HOSTS "\"respond\":{",
     "}}",
     "/respond",
     {{"status", "404"}}},
    {"route.rewrite", ROUTE_KIND_ROUTE, IN_ROUTE "\"rewrite\":{", "}}", "/rewrite", {{0}}},
    {"route.request_headers",
     ROUTE_KIND_ROUTE,
     IN_ROUTE "\"request_headers\":{",
     "}}",
     "/request_headers",
     {{0}}},
    {"route.request_headers.set",
     ROUTE_KIND_ROUTE,
     IN_ROUTE "\"response_headers\":{\"add\":[{",
     "}]}}",
     "/response_headers/add/0",
     {{"name", "\"x\""}, {"value", "\"y\""}}},
    {"route.sticky",
     ROUTE_KIND_ROUTE,
     IN_ROUTE "\"sticky\":{",
     "}}",
     "/sticky",
     {{"by", "\"cookie\""}, {"name", "\"c\""}}},
    {"route.split",
     ROUTE_KIND_ROUTE,
     IN_ROUTE "\"split\":{",
     "}}",
     "/split",
     {{"by", "\"header\""}, {"name", "\"x\""}}},
    {"route.limits",
     ROUTE_KIND_ROUTE,
     IN_ROUTE "\"limits\":{",
     "}}",
     "/limits",
     {{"requests_per_second", "5"}}},
    {"route.timeouts", ROUTE_KIND_ROUTE, IN_ROUTE "\"timeouts\":{", "}}", "/timeouts", {{0}}},
    {"route.retry", ROUTE_KIND_ROUTE, IN_ROUTE "\"retry\":{", "}}", "/retry", {{0}}},
    {"route.tls", ROUTE_KIND_ROUTE, IN_ROUTE "\"tls\":{", "}}", "/tls", {{0}}},
    {"route.tls.hsts",
     ROUTE_KIND_ROUTE,
     IN_ROUTE "\"tls\":{\"hsts\":{",
     "}}}",
     "/tls/hsts",
     {{"max_age_s", "1"}}},
    {"pool", ROUTE_KIND_POOL, "{", "}", "", {{"balance", "\"hash\""}}},
    {"pool.hash",
     ROUTE_KIND_POOL,
     "{\"balance\":\"hash\",\"hash\":{",
     "}}",
     "/hash",
     {{"by", "\"header\""}, {"name", "\"x\""}}},
    {"pool.health",
     ROUTE_KIND_POOL,
     "{\"health\":{",
     "}}",
     "/health",
     {{"type", "\"http\""}, {"status_from", "100"}, {"status_to", "599"}}},
    {"pool.passive", ROUTE_KIND_POOL, "{\"passive\":{", "}}", "/passive", {{0}}},
    {"pool.limits", ROUTE_KIND_POOL, "{\"limits\":{", "}}", "/limits", {{0}}},
    {"pool.tls", ROUTE_KIND_POOL, "{\"tls\":{", "}}", "/tls", {{0}}},
    {"endpoints", ROUTE_KIND_ENDPOINTS, "{", "}", "", {{"endpoints", "[]"}}},
    {"endpoints.endpoints",
     ROUTE_KIND_ENDPOINTS,
     "{\"endpoints\":[{",
     "}]}",
     "/endpoints/0",
     {{"address", "\"10.0.0.1\""}, {"port", "80"}}},
    {"tenant", ROUTE_KIND_TENANT, "{", "}", "", {{"requests_per_second", "5"}}},
    {"settings", ROUTE_KIND_SETTINGS, "{", "}", "", {{0}}},
    {"settings.limits", ROUTE_KIND_SETTINGS, "{\"limits\":{", "}}", "/limits", {{0}}},
    {"settings.timeouts", ROUTE_KIND_SETTINGS, "{\"timeouts\":{", "}}", "/timeouts", {{0}}},
    {"certificate",
     ROUTE_KIND_CERTIFICATE,
     "{",
     "}",
     "",
     {{"hosts", "[\"a\"]"}, {"cert", "\"c\""}, {"key", "\"k\""}}},
};

enum { NUM_PLACES = sizeof(places) / sizeof(places[0]) };

static const struct shape *const kinds[ROUTE_KIND__COUNT] = {
    [ROUTE_KIND_SETTINGS] = &shape_settings,   [ROUTE_KIND_CERTIFICATE] = &shape_certificate,
    [ROUTE_KIND_ROUTE] = &shape_route,         [ROUTE_KIND_POOL] = &shape_pool,
    [ROUTE_KIND_ENDPOINTS] = &shape_endpoints, [ROUTE_KIND_TENANT] = &shape_tenant,
};

/* ---- every shape there is ---- */

static const struct shape *shapes[SHAPES_MAX];
static size_t num_shapes;

static void collect(const struct shape *shape)
{
    for (size_t i = 0; i < num_shapes; i++)
        if (shapes[i] == shape)
            return;
    ASSERT(num_shapes < SHAPES_MAX);
    shapes[num_shapes++] = shape;
    for (size_t i = 0; i < shape->num_fields; i++)
        if (shape->fields[i].shape != NULL)
            collect(shape->fields[i].shape);
}

static int collect_all(void **state)
{
    (void)state;
    for (unsigned k = 0; k < ROUTE_KIND__COUNT; k++)
        collect(kinds[k]);
    return 0;
}

static const struct place *place_of(const struct shape *shape)
{
    for (size_t i = 0; i < NUM_PLACES; i++)
        if (strcmp(places[i].title, shape->title) == 0)
            return &places[i];
    fail_msg("%s has no row in the list of places", shape->title);
    return NULL;
}

/* ---- trying one value ---- */

static bool read_kind(enum route_kind kind, const cJSON *v, struct err *e)
{
    struct route_settings s;
    struct route *r = kind == ROUTE_KIND_ROUTE ? objects_route(v, e) : NULL;
    struct route_pool *p = kind == ROUTE_KIND_POOL ? objects_pool(v, e) : NULL;
    struct route_endpoints *n = kind == ROUTE_KIND_ENDPOINTS ? objects_endpoints(v, e) : NULL;
    struct route_tenant *t = kind == ROUTE_KIND_TENANT ? objects_tenant(v, e) : NULL;
    bool ok = r != NULL || p != NULL || n != NULL || t != NULL ||
              (kind == ROUTE_KIND_CERTIFICATE && objects_certificate(v, e)) ||
              (kind == ROUTE_KIND_SETTINGS && objects_settings(v, &s, e));

    route_free(r);
    route_pool_free(p);
    route_endpoints_free(n);
    route_tenant_free(t);
    return ok;
}

/* The object at that place with `name` as `json` (NULL: left out) and the rest of its base. */
static const char *try(const struct place *p, const char *name, const char *json, struct err *e)
{
    struct buf b;
    bool any = json != NULL;

    buf_init(&b, TEXT_MAX);
    assert_true(buf_add_str(&b, str_from(p->before)));
    assert_true(!any || buf_add_fmt(&b, "\"%s\":%s", name, json));
    for (size_t i = 0; i < 3 && p->base[i].name != NULL; i++) {
        if (strcmp(p->base[i].name, name) == 0)
            continue;
        assert_true(
            buf_add_fmt(&b, "%s\"%s\":%s", any ? "," : "", p->base[i].name, p->base[i].json));
        any = true;
    }
    assert_true(buf_add_str(&b, str_from(p->after)));
    cJSON *v = json_parse(buf_str(&b), &json_limits_frame, e);

    if (v == NULL)
        fail_msg("%s: %s", b.bytes, e->text);
    *e = (struct err){0};
    bool ok = read_kind(p->kind, v, e);

    cJSON_Delete(v);
    buf_free(&b);
    return ok ? "" : e->code;
}

static void refused(const struct place *p, const char *name, const char *json, const char *code,
                    const char *under)
{
    struct err e = {0};
    char field[ERR_FIELD_MAX];
    const char *got = try(p, name, json, &e);

    snprintf(field, sizeof(field), "%s/%s%s", p->pointer, name, under);
    if (strcmp(got, code) != 0 || strcmp(e.field, field) != 0)
        fail_msg("%s.%s as %.64s: \"%s\" at %s (%s), not %s at %s", p->title, name,
                 json != NULL ? json : "nothing", got, e.field, e.text, code, field);
}

/* What is right: taken, or refused because it, or what it stands in, is not served. */
static void taken(const struct place *p, const struct field *f, const char *json)
{
    struct err e = {0};
    const char *got = try(p, f->name, json, &e);

    if (strcmp(got, "") != 0 && strcmp(got, "Unsupported") != 0)
        fail_msg("%s.%s as %.64s: %s at %s: %s", p->title, f->name, json, got, e.field, e.text);
    if (f->served && strcmp(got, "") != 0 && p->pointer[0] == '\0' &&
        p->kind != ROUTE_KIND_CERTIFICATE)
        fail_msg("%s.%s as %.64s: %s though it is served", p->title, f->name, json, got);
}

/* ---- by type ---- */

static void number_is_bounded(const struct place *p, const struct field *f)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)f->min);
    taken(p, f, text);
    snprintf(text, sizeof(text), "%lld", (long long)f->max);
    taken(p, f, text);
    snprintf(text, sizeof(text), "%lld", (long long)f->min - 1);
    refused(p, f->name, text, "OutOfRange", "");
    snprintf(text, sizeof(text), "%llu", (unsigned long long)f->max + 1);
    refused(p, f->name, text, "OutOfRange", "");
    refused(p, f->name, "1.5", "OutOfRange", "");
}

static char *quoted(size_t n)
{
    char *text = xmalloc(n + 3);

    memset(text, 'a', n + 2);
    text[0] = '"';
    text[n + 1] = '"';
    text[n + 2] = '\0';
    return text;
}

static void text_is_bounded(const struct place *p, const struct field *f)
{
    char *text = quoted((size_t)f->max + 1);

    refused(p, f->name, text, "TooLarge", "");
    free(text);
    if (f->min > 0)
        refused(p, f->name, "\"\"", f->rule == text_name ? "BadName" : "BadValue", "");
}

static void words_are_known(const struct place *p, const struct field *f)
{
    char text[64];
    struct err e = {0};

    refused(p, f->name, "\"another\"", "BadValue", "");
    refused(p, f->name, "\"\"", "BadValue", "");
    for (const struct word *w = f->words; w->text != NULL; w++) {
        snprintf(text, sizeof(text), "\"%s\"", w->text);
        const char *got = try(p, f->name, text, &e);

        if (!w->served)
            assert_string_equal(got, "Unsupported");
        if (strcmp(got, "BadValue") == 0 || strcmp(got, "WrongType") == 0)
            fail_msg("%s.%s as %s: %s", p->title, f->name, text, e.text);
    }
}

static void array_is_bounded(const struct place *p, const struct field *f)
{
    struct buf b;

    buf_init(&b, TEXT_MAX);
    assert_true(buf_add_str(&b, STR("[0")));
    for (int64_t i = 0; i < f->max; i++)
        assert_true(buf_add_str(&b, STR(",0")));
    assert_true(buf_add_str(&b, STR("]")));
    refused(p, f->name, b.bytes, "OutOfRange", "");
    buf_free(&b);
    if (f->min > 0)
        refused(p, f->name, "[]", "OutOfRange", "");
    else
        taken(p, f, "[]");
    refused(p, f->name, "[0]", "WrongType", "/0");
    refused(p, f->name, "{}", "WrongType", "");
    if (f->type != FIELD_TEXTS)
        return;
    char *text = quoted((size_t)f->text_max + 3);

    text[0] = '[';
    text[1] = '"';
    text[f->text_max + 3] = '"';
    text[f->text_max + 4] = ']';
    refused(p, f->name, text, "TooLarge", "/0");
    free(text);
}

static void field_is_judged(const struct place *p, const struct field *f)
{
    char misspelt[64];

    refused(p, f->name, "null", "WrongType", "");
    refused(p, f->name, f->type == FIELD_NUMBER ? "\"1\"" : "1", "WrongType", "");
    if (f->needed)
        refused(p, f->name, NULL, "MissingField", "");
    snprintf(misspelt, sizeof(misspelt), "%s_", f->name);
    refused(p, misspelt, "1", "UnknownField", "");
    if (f->type == FIELD_FLAG)
        taken(p, f, "false");
    else if (f->type == FIELD_NUMBER)
        number_is_bounded(p, f);
    else if (f->type == FIELD_TEXT)
        text_is_bounded(p, f);
    else if (f->type == FIELD_WORD)
        words_are_known(p, f);
    else if (f->type == FIELD_TEXTS || f->type == FIELD_PARTS)
        array_is_bounded(p, f);
}

static void each_field_is_judged_by_its_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < num_shapes; i++) {
        if (shapes[i]->title == NULL)
            continue;
        const struct place *p = place_of(shapes[i]);

        for (size_t k = 0; k < shapes[i]->num_fields; k++)
            field_is_judged(p, &shapes[i]->fields[k]);
    }
}

/* A value is put by its width: one that is not the type's would write beside its member. */
static bool fits(const struct field *f)
{
    switch (f->type) {
    case FIELD_FLAG:
        return f->width == sizeof(bool);
    case FIELD_NUMBER:
        return f->width == 1 || f->width == 2 || f->width == 4 || f->width == 8;
    case FIELD_WORD:
        return f->width == sizeof(bool) || f->width == sizeof(enum route_action);
    case FIELD_MEMBERS:
    case FIELD_OWN:
        return f->width == 0;
    default:
        return f->width == sizeof(void *);
    }
}

static void rows_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < num_shapes; i++) {
        for (size_t k = 0; k < shapes[i]->num_fields; k++) {
            const struct field *f = &shapes[i]->fields[k];
            bool list = f->type == FIELD_TEXTS || f->type == FIELD_PARTS;

            assert_non_null(f->name);
            assert_true(f->type < FIELD__COUNT);
            assert_true(f->min <= f->max);
            assert_int_equal(f->width != 0 && list, f->num_width != 0);
            assert_true(f->width == 0 || fits(f));
            assert_true(f->width == 0 || f->at + f->width <= shapes[i]->size);
            assert_false(f->needed && f->unset != NULL);
            if (f->about != NULL && strchr(f->about, '|') != NULL)
                fail_msg("%s would end its cell in docs/table.md", f->name);
        }
    }
}

/* ---- defaults ---- */

/* An object of the shape that has its base only; the rest of it is as it is when absent. */
static void *read_base(const struct shape *shape, const struct place *p)
{
    void *object = xcalloc(1, shape->size);
    struct err e = {0};
    struct buf b;

    buf_init(&b, TEXT_MAX);
    assert_true(buf_add_str(&b, STR("{")));
    for (size_t i = 0; i < 3 && p->base[i].name != NULL; i++)
        assert_true(
            buf_add_fmt(&b, "%s\"%s\":%s", i != 0 ? "," : "", p->base[i].name, p->base[i].json));
    assert_true(buf_add_str(&b, STR("}")));
    cJSON *v = json_parse(buf_str(&b), &json_limits_frame, &e);

    assert_non_null(v);
    if (p->kind == ROUTE_KIND_SETTINGS) /* its parts are members of the settings themselves */
        shape_settings.init(object);
    if (!shape_read(shape, v, object, &e))
        fail_msg("%s: %s", shape->title, e.text);
    cJSON_Delete(v);
    buf_free(&b);
    return object;
}

static int64_t number_at(const void *object, const struct field *f)
{
    uint64_t v = 0;

    memcpy(&v, (const char *)object + f->at, f->width); /* little-endian, as all we build for */
    return (int64_t)v;
}

/* 0 where 0 cannot be said: the default is someone else's (defaults_of_others_are_theirs). */
static void check_default(const struct shape *shape, const struct field *f, const void *object)
{
    int64_t got = number_at(object, f);
    int64_t want = f->type == FIELD_FLAG
                       ? strcmp(f->unset, "true") == 0
                       : strtoll(f->unset, NULL, 10) * (f->scale != 0 ? f->scale : 1);

    if (got != want && (got != 0 || f->min == 0))
        fail_msg("%s.%s is %lld when absent, not %s", shape->title, f->name, (long long)got,
                 f->unset);
}

static void release(const struct shape *shape, const struct place *p, void *object)
{
    if (strcmp(shape->title, "route") == 0) {
        route_free(object);
        return;
    }
    if (strcmp(shape->title, "pool") == 0) {
        route_pool_free(object);
        return;
    }
    for (size_t i = 0; i < shape->num_fields && p->kind != ROUTE_KIND_SETTINGS; i++) {
        void *text = NULL;

        if (shape->fields[i].type != FIELD_TEXT || shape->fields[i].width == 0)
            continue;
        memcpy(&text, (char *)object + shape->fields[i].at, sizeof(text));
        free(text);
    }
    free(object);
}

static bool is_in_base(const struct place *p, const char *name)
{
    for (size_t i = 0; i < 3 && p->base[i].name != NULL; i++)
        if (strcmp(p->base[i].name, name) == 0)
            return true;
    return false;
}

static bool has_default(const struct field *f)
{
    return f->unset != NULL && f->width != 0 && (f->type == FIELD_FLAG || f->type == FIELD_NUMBER);
}

static void defaults_are_what_the_reference_says(void **state)
{
    size_t num = 0;

    (void)state;
    for (size_t i = 0; i < num_shapes; i++) {
        bool any = false;

        for (size_t k = 0; k < shapes[i]->num_fields; k++)
            any = any || has_default(&shapes[i]->fields[k]);
        if (!any)
            continue;
        const struct place *p = place_of(shapes[i]);
        void *object = read_base(shapes[i], p);

        for (size_t k = 0; k < shapes[i]->num_fields; k++) {
            if (!has_default(&shapes[i]->fields[k]) || is_in_base(p, shapes[i]->fields[k].name))
                continue;
            check_default(shapes[i], &shapes[i]->fields[k], object);
            num++;
        }
        release(shapes[i], p, object);
    }
    assert_true(num > 40);
}

static void defaults_of_others_are_theirs(void **state)
{
    static const struct {
        const char *title;
        const char *field;
        int64_t value;
    } theirs[] = {
        {"route.timeouts", "connect_ms", UPSTREAM_CONNECT_MS},
        {"route.timeouts", "body_idle_ms", CONN_BODY_IDLE_MS},
        {"route.timeouts", "response_ms", CONN_ANSWER_MS},
        {"route.timeouts", "response_idle_ms", CONN_BODY_IDLE_MS},
        {"route.timeouts", "tunnel_idle_ms", CONN_TUNNEL_IDLE_MS},
        {"pool", "idle_ms", UPSTREAM_IDLE_MS},
        {"settings", "idle_timeout_s", CONN_IDLE_MS / 1000},
        {"settings.limits", "head_bytes", H1_HEAD_MAX},
        {"settings.limits", "head_fields", H1_FIELDS_MAX},
        {"settings.limits", "uri_bytes", H1_LINE_MAX},
        {"settings.limits", "h2_streams", H2_STREAMS_DEFAULT},
        {"settings.timeouts", "head_ms", CONN_HEAD_MS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
        const struct field *f = NULL;

        for (size_t k = 0; k < num_shapes; k++)
            for (size_t m = 0; m < shapes[k]->num_fields; m++)
                if (shapes[k]->title != NULL && strcmp(shapes[k]->title, theirs[i].title) == 0 &&
                    strcmp(shapes[k]->fields[m].name, theirs[i].field) == 0)
                    f = &shapes[k]->fields[m];
        assert_non_null(f);
        if (strtoll(f->unset, NULL, 10) != theirs[i].value)
            fail_msg("%s.%s is %lld when absent, not %s", theirs[i].title, theirs[i].field,
                     (long long)theirs[i].value, f->unset);
    }
}

/* ---- docs/table.md ---- */

static void read_page(struct buf *b)
{
    char piece[4096];
    FILE *f = fopen(SIGNALBOX_SOURCE_DIR "/docs/table.md", "r");

    assert_non_null(f);
    for (size_t n = 1; n != 0;) {
        n = fread(piece, 1, sizeof(piece), f);
        assert_true(buf_add(b, piece, n));
    }
    fclose(f);
}

static void the_reference_says_what_the_rows_say(void **state)
{
    struct buf page;
    struct buf tables;

    (void)state;
    buf_init(&page, PAGE_MAX);
    buf_init(&tables, PAGE_MAX);
    read_page(&page);
    assert_true(objects_write_reference(&tables));
    const char *mark = strstr(page.bytes, "<!-- fields:");

    assert_non_null(mark);
    const char *from = strchr(mark, '\n') + 1;
    const char *to = strstr(from, "\n<!-- end of fields -->");

    assert_non_null(to);
    if (!str_eq((struct str){from, (size_t)(to - from)}, buf_str(&tables)))
        fail_msg("stale: run build/bin/support/table_reference docs/table.md");
    buf_free(&page);
    buf_free(&tables);
}

static void a_reference_that_does_not_fit_is_refused(void **state)
{
    struct buf b;

    (void)state;
    for (size_t cap = 0; cap < 8192; cap += 61) {
        buf_init(&b, cap);
        assert_false(objects_write_reference(&b));
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(each_field_is_judged_by_its_row),
        cmocka_unit_test(defaults_are_what_the_reference_says),
        cmocka_unit_test(defaults_of_others_are_theirs),
        cmocka_unit_test(the_reference_says_what_the_rows_say),
        cmocka_unit_test(a_reference_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, collect_all, NULL);
}
