/* Thousands of requests to random tables, against a matcher that tries every route. */
#include <stdio.h>
#include <string.h>

#include "gateway/route/path.h"
#include "tests/unit/gateway/table/match_fixture.h"

enum { ROUTES = 24, COMMITS = 400, CHANGES = 6, REQUESTS = 60 };

struct model {
    bool there;
    unsigned hosts; /* bits */
    const char *path;
    bool exact;
    bool method; /* asks for POST */
    bool header; /* for x: 1 */
    bool query;  /* for q */
    unsigned created;
};

static const char *const patterns[] = {"a.t", "b.a.t", "*.t", "*.a.t", "*"};
static const char *const paths[] = {"/",     "/x",   "/x/", "/x/y",   "/x/y/z", "//",
                                    "/x//y", "/%78", "/X",  "/x%2fy", "/x/y/"};
static const char *const asked_hosts[] = {"a.t", "b.a.t", "c.b.a.t", "t", "z.t", "q", "*"};
static const char *const asked_paths[] = {
    "/",   "/x",    "/x/",    "/x/y", "/x/y/", "/x/y/z", "/x/y/z/", "/%78/%79/w", "//",
    "//x", "/x//y", "/x%2Fy", "/X/",  "/xy",   "*",      "/x//",    "/x%2fy/",    "/w"};

#define NUM(a) (sizeof(a) / sizeof((a)[0]))

static struct model models[ROUTES];
static uint64_t dice;

static unsigned roll(size_t sides)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(dice >> 33) % (unsigned)sides;
}

static void change_one(void)
{
    unsigned i = roll(ROUTES);
    struct model *m = &models[i];
    char name[8];
    char value[512];
    int n = 0;

    snprintf(name, sizeof(name), "r%u", i);
    *m = (struct model){0};
    if (roll(3) == 0) {
        feed_delete(name);
        return;
    }
    *m = (struct model){.there = true,
                        .hosts = 1 + roll((1U << NUM(patterns)) - 1),
                        .path = paths[roll(NUM(paths))],
                        .exact = roll(3) == 0,
                        .method = roll(4) == 0,
                        .header = roll(4) == 0,
                        .query = roll(4) == 0,
                        .created = roll(3)};
    for (unsigned h = 0; h < NUM(patterns); h++)
        if ((m->hosts >> h & 1) != 0)
            n += snprintf(value + n, sizeof(value) - (size_t)n, "%s\"%s\"",
                          n == 0 ? "\"hosts\":[" : ",", patterns[h]);
    snprintf(value + n, sizeof(value) - (size_t)n,
             "],\"path\":\"%s\",\"path_type\":\"%s\",\"created_ms\":%u,\"match\":{\"methods\":[%s],"
             "\"headers\":[%s],\"queries\":[%s]}",
             m->path, m->exact ? "exact" : "prefix", m->created, m->method ? "\"POST\"" : "",
             m->header ? "{\"name\":\"x\",\"value\":\"1\"}" : "",
             m->query ? "{\"name\":\"q\"}" : "");
    feed_route(name, value);
}

/* How specifically a pattern names a host; 0: not at all. */
static size_t names_host(const char *pattern, const char *host)
{
    size_t tail = strlen(pattern) - 1;
    size_t len = strlen(host);

    if (strcmp(pattern, "*") == 0)
        return 1;
    if (strcmp(pattern, host) == 0)
        return 1000;
    return pattern[0] == '*' && len > tail && strcmp(host + len - tail, pattern + 1) == 0 ? tail + 1
                                                                                          : 0;
}

static size_t names_best(const struct model *m, const char *host)
{
    size_t best = 0;

    for (unsigned h = 0; m->there && h < NUM(patterns); h++)
        if ((m->hosts >> h & 1) != 0 && names_host(patterns[h], host) > best)
            best = names_host(patterns[h], host);
    return best;
}

/* The rank of a path that a request has; 0: it has not. */
static size_t names_path(const struct model *m, const char *path)
{
    char canonical[64];
    char asked[64];
    struct str rest;
    bool ok = route_path_canonical(str_from(m->path), canonical, NULL);

    assert_true(ok);
    if (!m->exact) {
        ok = route_path_after(str_from(path), canonical, &rest);
        ok = ok || strcmp(m->path, "/") == 0; /* "*" */
        return ok ? 1 + route_path_prefix(canonical).n : 0;
    }
    asked[route_segment_canonical(str_from(path), asked)] = '\0';
    return strcmp(canonical, asked) == 0 ? 1000 : 0;
}

/* True when one goes before the other, both taking the request. */
static bool goes_before(size_t one, size_t other, const char *path)
{
    const struct model *x = &models[one];
    const struct model *y = &models[other];
    char x_name[8];
    char y_name[8];

    if (names_path(x, path) != names_path(y, path))
        return names_path(x, path) > names_path(y, path);
    if (x->method != y->method)
        return x->method;
    if (x->header != y->header)
        return x->header;
    if (x->query != y->query)
        return x->query;
    if (x->created != y->created)
        return x->created < y->created;
    snprintf(x_name, sizeof(x_name), "r%zu", one);
    snprintf(y_name, sizeof(y_name), "r%zu", other);
    return strcmp(x_name, y_name) < 0;
}

static void find_naively(const struct request *r, char out[8])
{
    size_t best_host = 0;
    size_t best = ROUTES;

    for (size_t i = 0; i < ROUTES; i++)
        if (names_best(&models[i], r->host) > best_host)
            best_host = names_best(&models[i], r->host);
    for (size_t i = 0; i < ROUTES; i++) {
        const struct model *m = &models[i];

        if (best_host == 0 || names_best(m, r->host) != best_host || names_path(m, r->path) == 0 ||
            (m->method && r->method == NULL) || (m->header && r->fields.all[0].name == NULL) ||
            (m->query && r->query == NULL))
            continue;
        if (best == ROUTES || goes_before(i, best, r->path))
            best = i;
    }
    if (best < ROUTES)
        snprintf(out, 8, "r%zu", best);
    else
        snprintf(out, 8, "%s", best_host != 0 ? "404" : "503");
}

static void compare_once(void)
{
    struct request r = {
        .host = asked_hosts[roll(NUM(asked_hosts))],
        .path = asked_paths[roll(NUM(asked_paths))],
        .query = roll(2) == 0 ? "p&q=1" : NULL,
        .method = roll(2) == 0 ? "POST" : NULL,
    };
    char want[8];

    if (roll(2) == 0)
        r.fields.all[0] = (struct field){"x", "1"};
    find_naively(&r, want);
    if (strcmp(find(&r), want) != 0)
        fail_msg("%s%s?%s %s %s: %s, not %s", r.host, r.path, r.query, r.method,
                 r.fields.all[0].name, find(&r), want);
}

static void random_tables_match_as_if_every_route_was_tried(void **state)
{
    (void)state;
    memset(models, 0, sizeof(models));
    dice = 20260101;
    for (unsigned i = 0; i < COMMITS; i++) {
        for (unsigned j = roll(CHANGES) + 1; j > 0; j--)
            change_one();
        commit();
        for (unsigned j = 0; j < REQUESTS; j++)
            compare_once();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(random_tables_match_as_if_every_route_was_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
