/*
 * What a write may take from tenants that have no part in it: each row is a world, a write that was
 * put into its plan, and the faults. The ages are what matters: a document keeps that of its first
 * write.
 */
#include "clusters/write_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/clusters/compile/plan_fixture.h"

enum { DOCS_MAX = 8, OPS_MAX = 4 };

struct doc {
    const char *tenant; /* NULL: no more */
    enum intent_kind kind;
    const char *name;
    int64_t created_ms;
    const char *json; /* of an op NULL: deleted */
};

struct row {
    const char *what;
    struct doc before[DOCS_MAX];
    struct doc ops[OPS_MAX];
    const char *faults; /* their fields, each behind a blank */
};

#define ROUTE(tenant_, name_, created, hosts)                                           \
    {                                                                                   \
        tenant_, INTENT_ROUTE, name_, created,                                          \
            "{\"cluster\":\"east\",\"hosts\":[" hosts "],\"respond\":{\"status\":200}}" \
    }
#define TENANT(name_, json_)               \
    {                                      \
        "", INTENT_TENANT, name_, 1, json_ \
    }
#define A "\"a.test\""
#define B "\"b.test\""
#define WILD "\"*.test\""

static const struct row rows[] = {
    {"a host that nobody has", {ROUTE("acme", "web", 10, A)}, {ROUTE("beta", "web", 20, B)}, ""},
    {"a newcomer takes nothing: it waits",
     {ROUTE("acme", "web", 10, A)},
     {ROUTE("beta", "web", 20, A)},
     ""},
    {"an old route is changed to ask for what a younger one has",
     {ROUTE("acme", "web", 20, A), ROUTE("beta", "old", 10, B)},
     {ROUTE("beta", "old", 10, A)},
     " /0/hosts/0"},
    {"the host that takes is named among others",
     {ROUTE("acme", "web", 20, A), ROUTE("beta", "old", 10, B)},
     {ROUTE("beta", "old", 10, B "," A)},
     " /0/hosts/1"},
    {"and the document among others",
     {ROUTE("acme", "web", 20, A), ROUTE("beta", "old", 10, B)},
     {ROUTE("beta", "new", 30, "\"c.test\""), ROUTE("beta", "old", 10, A)},
     " /1/hosts/0"},
    {"a wildcard of an old route takes all that is under it",
     {ROUTE("acme", "web", 20, A "," B), ROUTE("beta", "old", 10, "\"b.other\"")},
     {ROUTE("beta", "old", 10, WILD)},
     " /0/hosts/0 /0/hosts/0"},
    {"each host of each tenant is one fault",
     {ROUTE("acme", "web", 20, A), ROUTE("gamma", "web", 21, B),
      ROUTE("beta", "old", 10, "\"b.other\"")},
     {ROUTE("beta", "old", 10, A "," B)},
     " /0/hosts/0 /0/hosts/1"},
    {"brought back with its old age, as a rollback does",
     {ROUTE("acme", "web", 20, A)},
     {ROUTE("beta", "old", 10, A)},
     " /0/hosts/0"},
    {"who loses takes part: it was agreed",
     {ROUTE("acme", "web", 20, A), ROUTE("beta", "old", 10, B)},
     {ROUTE("beta", "old", 10, A), {"acme", INTENT_POOL, "web", 20, "{\"cluster\":\"east\"}"}},
     ""},
    {"what is given up goes to who waited for longest, whom it was not done for",
     {ROUTE("acme", "web", 10, WILD), ROUTE("gamma", "web", 20, WILD), ROUTE("beta", "web", 30, A)},
     {{"acme", INTENT_ROUTE, "web", 10, NULL}},
     ""},
    {"also when it is given up by a change",
     {ROUTE("acme", "web", 10, WILD), ROUTE("gamma", "web", 20, WILD), ROUTE("beta", "web", 30, A)},
     {ROUTE("acme", "web", 10, "\"a.other\"")},
     ""},
    {"who only gives up may always, though an old route of his comes to its turn by it",
     {TENANT("beta", "{\"quotas\":{\"routes\":1}}"), ROUTE("acme", "web", 20, A),
      ROUTE("beta", "first", 5, B), ROUTE("beta", "old", 10, A)},
     {{"beta", INTENT_ROUTE, "first", 5, NULL}},
     ""},
    {"of two documents that take, the first is named",
     {ROUTE("acme", "web", 20, A), ROUTE("beta", "old", 10, B), ROUTE("beta", "older", 9, B)},
     {ROUTE("beta", "old", 10, A), ROUTE("beta", "older", 9, B "," A)},
     " /0/hosts/0"},
    {"giving up one host while keeping another is no asking",
     {ROUTE("acme", "web", 10, A "," B), ROUTE("beta", "web", 20, A)},
     {ROUTE("acme", "web", 10, B)},
     ""},
    {"one's own hosts may move between one's own routes",
     {ROUTE("acme", "web", 20, A), ROUTE("acme", "old", 10, B)},
     {ROUTE("acme", "old", 10, A)},
     ""},
    {"an operator's business: claims may take",
     {ROUTE("acme", "web", 20, A), ROUTE("beta", "old", 30, A),
      TENANT("beta", "{\"hosts\":[\"a.test\"]}")},
     {{"", INTENT_OWNERSHIP, "ownership", 1, "{\"claims\":\"enforced\"}"}},
     ""},
    {"an operator's set, with routes in it, may take as well",
     {ROUTE("acme", "web", 20, A), ROUTE("beta", "old", 10, B)},
     {ROUTE("beta", "old", 10, A), TENANT("beta", "{\"hosts\":[\"a.test\"]}")},
     ""},
};

/* As the write path leaves it: the plan has the ops and has settled. */
static void put_all(struct plan *p, const struct doc *docs, size_t max, struct write_op *out_ops,
                    size_t *out_num)
{
    for (size_t i = 0; i < max && docs[i].tenant != NULL; i++) {
        const struct doc *d = &docs[i];

        if (d->json != NULL)
            fixture_put(p, d->kind, d->tenant, d->name, d->created_ms, d->json);
        else
            plan_delete(p, d->kind, d->tenant, d->name);
        if (out_ops != NULL)
            out_ops[(*out_num)++] =
                (struct write_op){d->kind, d->tenant, d->name, d->json, WRITE_ALWAYS, 0};
    }
    fixture_settle(p);
}

static void judge(const struct row *r)
{
    static const char *const clusters[] = {"east"};
    static const char *const tenants[] = {"acme", "beta", "gamma"};
    struct plan *p = plan_new();
    struct coordinator c = {.plan = p};
    struct write_op ops[OPS_MAX];
    struct write w = {.owner = &c, .ops = ops};
    struct errs faults = {.num = 0};
    struct buf told;

    plan_clusters(p, clusters, 1, NULL);
    for (size_t i = 0; i < sizeof tenants / sizeof tenants[0]; i++)
        fixture_put(p, INTENT_TENANT, "", tenants[i], 1, "{}");
    put_all(p, r->before, DOCS_MAX, NULL, NULL);
    put_all(p, r->ops, OPS_MAX, ops, &w.num_ops);
    buf_init(&told, 4096);
    assert_int_equal(write_harms_nobody(&w, &faults), r->faults[0] == '\0');
    for (size_t i = 0; i < errs_kept(&faults); i++) {
        assert_string_equal(faults.all[i].code, "Conflicted");
        assert_null(strstr(faults.all[i].text, "acme")); /* nothing is learnt of whose it is */
        assert_true(buf_add_fmt(&told, " %s", faults.all[i].field));
    }
    if (strcmp(told.len > 0 ? told.bytes : "", r->faults) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", r->what, told.len > 0 ? told.bytes : "", r->faults);
    buf_free(&told);
    plan_free(p);
}

static void test_each_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        judge(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_row)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
