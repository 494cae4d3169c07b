/* Tokens that are documents: made, checked, expired, and every way to get one wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/auth/tokens.h"

/* The one token that there is. */
struct shelf {
    char id[TOKENS_ID + 1];
    struct tokens_found doc;
    unsigned looks;
    const char *last_tenant;
};

static bool find(void *arg, const char *id, const char *tenant, struct tokens_found *out)
{
    struct shelf *s = arg;

    s->looks++;
    s->last_tenant = tenant;
    if (strcmp(id, s->id) != 0 || (tenant != NULL && strcmp(tenant, s->doc.tenant) != 0))
        return false;
    *out = s->doc;
    return true;
}

static void make(struct shelf *s, char text[TOKENS_TEXT_MAX])
{
    *s = (struct shelf){.doc = {.tenant = "acme", .scopes = 2}};
    tokens_make(text, s->id, s->doc.hash);
}

static bool check(struct tokens *t, struct shelf *s, const char *text, int64_t now_ms)
{
    struct tokens_found found;

    return tokens_check(t, str_from(text), now_ms, find, s, &found) && found.scopes == 2 &&
           strcmp(found.id, s->id) == 0 && strcmp(found.tenant, s->doc.tenant) == 0;
}

static void a_token_is_right_until_it_expires(void **state)
{
    struct tokens *t = tokens_new();
    char text[TOKENS_TEXT_MAX];
    struct shelf s;

    (void)state;
    make(&s, text);
    assert_int_equal(strlen(text), 5 + TOKENS_ID + 1 + TOKENS_SECRET);
    assert_null(strstr(text, s.doc.hash));
    assert_true(check(t, &s, text, 1000));
    s.doc.expires_ms = 2000;
    assert_true(check(t, &s, text, 1999));
    assert_false(check(t, &s, text, 2000));
    assert_int_equal(tokens_last_used(t, s.id), 1999);
    assert_int_equal(tokens_last_used(t, "another"), 0);
    tokens_free(t);
}

static void where_a_token_was_is_remembered(void **state)
{
    struct tokens *t = tokens_new();
    char text[TOKENS_TEXT_MAX];
    struct shelf s;

    (void)state;
    make(&s, text);
    assert_true(check(t, &s, text, 1));
    assert_null(s.last_tenant);
    assert_true(check(t, &s, text, 2));
    assert_string_equal(s.last_tenant, "acme");
    snprintf(s.doc.tenant, sizeof s.doc.tenant, "other"); /* made anew elsewhere */
    assert_true(check(t, &s, text, 3));
    s.id[0] = s.id[0] == '0' ? '1' : '0'; /* revoked */
    assert_false(check(t, &s, text, 4));
    tokens_free(t);
}

static void nothing_else_is_right(void **state)
{
    struct tokens *t = tokens_new();
    char text[TOKENS_TEXT_MAX], wrong[TOKENS_TEXT_MAX];
    struct shelf s, other;
    size_t n;

    (void)state;
    make(&other, wrong);
    make(&s, text);
    n = strlen(text);
    assert_false(check(t, &s, wrong, 1)); /* another id */
    for (size_t i = 0; i < n; i++) {      /* any byte another */
        memcpy(wrong, text, n + 1);
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        assert_false(check(t, &s, wrong, 1));
        memcpy(wrong, text, n + 1);
        wrong[i] = '\0'; /* cut off */
        assert_false(check(t, &s, wrong, 1));
    }
    (void)snprintf(wrong, sizeof wrong, "%sA", text);
    assert_false(check(t, &s, wrong, 1));
    (void)snprintf(wrong, sizeof wrong, "%s.", text);
    assert_false(check(t, &s, wrong, 1));
    (void)snprintf(wrong, sizeof wrong, "sbt1.%s.%s", s.id, s.doc.hash); /* what is kept */
    assert_false(check(t, &s, wrong, 1));
    assert_false(check(t, &s, "", 1));
    s.doc.hash[0] = '\0'; /* a document without a hash opens nothing */
    assert_false(check(t, &s, text, 1));
    tokens_free(t);
}

static void no_two_are_the_same(void **state)
{
    char a[TOKENS_TEXT_MAX], b[TOKENS_TEXT_MAX];
    struct shelf s, u;

    (void)state;
    make(&s, a);
    make(&u, b);
    assert_string_not_equal(a, b);
    assert_string_not_equal(s.id, u.id);
    assert_string_not_equal(s.doc.hash, u.doc.hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_right_until_it_expires),
        cmocka_unit_test(where_a_token_was_is_remembered),
        cmocka_unit_test(nothing_else_is_right),
        cmocka_unit_test(no_two_are_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
