/* Tokens: known vectors, and every way to get one wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/auth/token.h"

/* The token key of the vectors is the bytes 0 to 31; computed with Python's hmac module. */
static struct identity vector_identity(void)
{
    struct identity id = {.pin = ""};

    for (size_t i = 0; i < IDENTITY_TOKEN_KEY; i++)
        id.token_key[i] = (uint8_t)i;
    return id;
}

#define EAST "sbc1.east.1.LaBvPquSmZAbr9tWEe1rgh5ysc6fv99SwVNQYTSiAnA"
#define US_EAST "sbc1.us-east-2.1.192ZDnyy_J_8SQa4ejXQIGaRBYVBEWi7P-GlUsfdzeM"
#define BOOTSTRAP "sbb1.13G1fFOuSbw_anohQ-LuOqLvs7Kv879J1nip7ei37tI"

static void tokens_are_those_of_the_vectors(void **state)
{
    struct identity id = vector_identity();
    char token[TOKEN_MAX];

    (void)state;
    assert_true(token_cluster(&id, "east", token, NULL));
    assert_string_equal(token, EAST);
    assert_true(token_cluster(&id, "us-east-2", token, NULL));
    assert_string_equal(token, US_EAST);
    token_bootstrap(&id, token);
    assert_string_equal(token, BOOTSTRAP);
}

static void a_cluster_token_opens_its_cluster_only(void **state)
{
    static const struct {
        const char *token;
        const char *cluster;
        enum publish_access want;
    } rows[] = {
        {EAST, "east", PUBLISH_ALLOWED},
        {US_EAST, "us-east-2", PUBLISH_ALLOWED},
        {EAST, "west", PUBLISH_OTHER_CLUSTER},
        {EAST, "eas", PUBLISH_OTHER_CLUSTER},
        {US_EAST, "east", PUBLISH_OTHER_CLUSTER},
        {BOOTSTRAP, "east", PUBLISH_UNKNOWN_TOKEN},
        {"", "east", PUBLISH_UNKNOWN_TOKEN},
        {"sbc1", "east", PUBLISH_UNKNOWN_TOKEN},
        {"sbc1.", "east", PUBLISH_UNKNOWN_TOKEN},
        {"sbc1.east", "east", PUBLISH_UNKNOWN_TOKEN},
        {"sbc1.east.1.", "east", PUBLISH_UNKNOWN_TOKEN},
        {"sbc1.east.2.LaBvPquSmZAbr9tWEe1rgh5ysc6fv99SwVNQYTSiAnA", "east", PUBLISH_UNKNOWN_TOKEN},
        {"sbc1.west.1.LaBvPquSmZAbr9tWEe1rgh5ysc6fv99SwVNQYTSiAnA", "west", PUBLISH_UNKNOWN_TOKEN},
        {EAST "A", "east", PUBLISH_UNKNOWN_TOKEN},
        {EAST "=", "east", PUBLISH_UNKNOWN_TOKEN},
        {"sbc1.east.1.laBvPquSmZAbr9tWEe1rgh5ysc6fv99SwVNQYTSiAnA", "east", PUBLISH_UNKNOWN_TOKEN},
        {"SBC1.east.1.LaBvPquSmZAbr9tWEe1rgh5ysc6fv99SwVNQYTSiAnA", "east", PUBLISH_UNKNOWN_TOKEN},
        {"sbc1.EAST.1.LaBvPquSmZAbr9tWEe1rgh5ysc6fv99SwVNQYTSiAnA", "east", PUBLISH_UNKNOWN_TOKEN},
    };
    struct identity id = vector_identity();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (token_check_cluster(&id, rows[i].cluster, str_from(rows[i].token)) != rows[i].want)
            fail_msg("row %zu: %s for %s", i, rows[i].token, rows[i].cluster);
    }
}

static void another_identity_refuses_the_token(void **state)
{
    struct identity id = vector_identity();

    (void)state;
    id.token_key[31] ^= 1;
    assert_int_equal(token_check_cluster(&id, "east", STR(EAST)), PUBLISH_UNKNOWN_TOKEN);
    assert_false(token_check_bootstrap(&id, STR(BOOTSTRAP)));
}

static void the_bootstrap_token_is_one_string(void **state)
{
    struct identity id = vector_identity();

    (void)state;
    assert_true(token_check_bootstrap(&id, STR(BOOTSTRAP)));
    assert_false(token_check_bootstrap(&id, STR(BOOTSTRAP " ")));
    assert_false(token_check_bootstrap(&id, STR(EAST)));
    assert_false(token_check_bootstrap(&id, STR("")));
}

static void a_name_that_is_none_gets_no_token(void **state)
{
    static const char *const names[] = {"",
                                        "A",
                                        "a.b",
                                        "-a",
                                        "a-",
                                        "a b",
                                        "\xc3\xa4",
                                        ("0123456789012345678901234567890123456789"
                                         "012345678901234567890123")};
    struct identity id = vector_identity();
    char token[TOKEN_MAX];
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_false(token_cluster(&id, names[i], token, &e));
    assert_string_equal(e.code, "BadName");
    assert_true(token_cluster(&id, "a", token, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_those_of_the_vectors),
        cmocka_unit_test(a_cluster_token_opens_its_cluster_only),
        cmocka_unit_test(another_identity_refuses_the_token),
        cmocka_unit_test(the_bootstrap_token_is_one_string),
        cmocka_unit_test(a_name_that_is_none_gets_no_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
