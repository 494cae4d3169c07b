/* Which secret is for whom, and what is told of one that is not there. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/clusters/compile/plan_fixture.h"

static struct plan *plan;

static int setup(void **state)
{
    static const char *const clusters[] = {"east"};

    (void)state;
    plan = plan_new();
    plan_clusters(plan, clusters, 1, "east");
    fixture_put(plan, INTENT_TENANT, "", "acme", 1, "{}");
    fixture_put(plan, INTENT_CERTIFICATE, "acme", "web", 2,
                "{\"cluster\":\"east\",\"hosts\":[\"a.example\"],\"cert\":\"web.crt\","
                "\"key\":\"web.key\"}");
    fixture_settle(plan);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plan_free(plan);
    return 0;
}

/* "/cert /key " of those that are missing; "+" when all are there, "" when nothing is said. */
static void told(const char *want)
{
    size_t num;
    const struct compile_condition *c =
        plan_conditions(plan, INTENT_CERTIFICATE, "acme", "web", &num);
    char got[64] = "";
    size_t n = 0;

    for (size_t i = 0; i < num; i++) {
        if (strcmp(c[i].type, "ResolvedRefs") != 0)
            continue;
        assert_true(c[i].status == (strcmp(c[i].reason, "SecretMissing") != 0));
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s", c[i].status ? "+" : c[i].label);
    }
    assert_string_equal(got, want);
}

static void what_is_missing_is_told_once_secrets_are_known(void **state)
{
    static const struct plan_secret two[] = {{"web.crt", ""}, {"web.key", "acme"}};

    (void)state;
    told("");
    plan_secrets(plan, two, 0);
    told("/cert/key");
    plan_secrets(plan, two, 1);
    told("/key");
    plan_secrets(plan, two, 2);
    told("+");
}

static void the_label_only_narrows(void **state)
{
    static const struct plan_secret three[] = {{"free", ""}, {"hers", "acme"}, {"theirs", "blue"}};

    (void)state;
    plan_secrets(plan, three, 3);
    assert_true(plan_secret_is_for(plan, "acme", "free"));
    assert_true(plan_secret_is_for(plan, "acme", "hers"));
    assert_false(plan_secret_is_for(plan, "acme", "theirs"));
    assert_false(plan_secret_is_for(plan, "acme", "nothing"));
}

static void secrets_change_no_table(void **state)
{
    static const struct plan_secret one[] = {{"web.crt", ""}};
    struct plan_delta delta;

    (void)state;
    plan_secrets(plan, one, 1);
    plan_settle(plan, &delta);
    assert_int_equal(delta.num, 0);
    plan_delta_clear(&delta);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_missing_is_told_once_secrets_are_known),
        TEST(the_label_only_narrows),
        TEST(secrets_change_no_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
