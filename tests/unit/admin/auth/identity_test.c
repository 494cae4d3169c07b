/* Identity files: what is made can be read, and nothing else can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/auth/identity.h"
#include "gateway/core/check.h"

struct lines {
    char *first, *key, *cert, *token; /* each with its newline */
};

static struct lines make(void)
{
    char *at[4];
    struct buf b;
    struct str rest;
    struct str line;

    buf_init(&b, IDENTITY_FILE_MAX);
    assert_true(identity_new(&b, NULL));
    rest = buf_str(&b);
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_split(&rest, '\n', &line));
        at[i] = xasprintf("%.*s\n", STR_ARG(line));
    }
    assert_int_equal(rest.n, 0);
    buf_free(&b);
    return (struct lines){at[0], at[1], at[2], at[3]};
}

static void lines_free(struct lines *l)
{
    free(l->first);
    free(l->key);
    free(l->cert);
    free(l->token);
}

/* "" when the text is an identity, else the field at fault, or "-" when no field is named. */
static void check(const char *name, char *text, const char *want)
{
    struct identity id;
    struct err e = {0};
    bool ok = identity_parse(str_from(text), &id, &e);
    const char *seen = ok ? "" : e.field[0] != '\0' ? e.field : "-";

    if (strcmp(seen, want) != 0)
        fail_msg("%s: \"%s\" (%s), not \"%s\"", name, seen, e.text, want);
    if (ok)
        assert_int_equal(strlen(id.pin), IDENTITY_PIN_HEX);
    identity_wipe(&id);
    free(text);
}

static void every_row_of_the_table_holds(void **state)
{
    struct lines a = make();
    struct lines b = make();
    const char *zero = "token-key AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

    (void)state;
#define ROW(name, want, ...) check(name, xasprintf(__VA_ARGS__), want)
    ROW("as made", "", "%s%s%s%s", a.first, a.key, a.cert, a.token);
    ROW("another order", "", "%s%s%s%s", a.first, a.token, a.cert, a.key);
    ROW("no newline at the end", "", "%s%s%s%.*s", a.first, a.key, a.cert, (int)strlen(a.token) - 1,
        a.token);
    ROW("another token key", "", "%s%s%s%s", a.first, a.key, a.cert, zero);
    ROW("empty", "-", "%s", "");
    ROW("another version", "-", "signalbox-identity 2\n%s%s%s", a.key, a.cert, a.token);
    ROW("no first line", "-", "%s%s%s", a.key, a.cert, a.token);
    ROW("no key", "ca-key", "%s%s%s", a.first, a.cert, a.token);
    ROW("no certificate", "ca-cert", "%s%s%s", a.first, a.key, a.token);
    ROW("no token key", "token-key", "%s%s%s", a.first, a.key, a.cert);
    ROW("a line twice", "token-key", "%s%s%s%s%s", a.first, a.key, a.cert, a.token, a.token);
    ROW("an unknown line", "-", "%s%s%s%sother x\n", a.first, a.key, a.cert, a.token);
    ROW("an empty line", "-", "%s\n%s%s%s", a.first, a.key, a.cert, a.token);
    ROW("another certificate's key", "ca-key", "%s%s%s%s", a.first, b.key, a.cert, a.token);
    ROW("key and certificate exchanged", "ca-key", "%sca-key %s%s%s", a.first,
        a.cert + strlen("ca-cert "), a.cert, a.token);
    ROW("no base64", "token-key", "%s%s%stoken-key ????\n", a.first, a.key, a.cert);
    ROW("an empty value", "token-key", "%s%s%stoken-key \n", a.first, a.key, a.cert);
    ROW("no value", "token-key", "%s%s%stoken-key\n", a.first, a.key, a.cert);
    ROW("a short token key", "token-key", "%s%s%stoken-key AAAA\n", a.first, a.key, a.cert);
#define CR(line) (int)strlen(line) - 1, line
    ROW("carriage returns", "", "%.*s\r\n%.*s\r\n%.*s\r\n%.*s\r\n", CR(a.first), CR(a.key),
        CR(a.cert), CR(a.token));
    ROW("some carriage returns", "", "%s%.*s\r\n%s%s", a.first, CR(a.key), a.cert, a.token);
    ROW("two carriage returns", "-", "%.*s\r\r\n%s%s%s", CR(a.first), a.key, a.cert, a.token);
#undef CR
    ROW("a cut certificate", "ca-cert", "%s%s%.40s\n%s", a.first, a.key, a.cert, a.token);
#undef ROW
    lines_free(&a);
    lines_free(&b);
}

static void two_identities_share_nothing(void **state)
{
    struct lines a = make();
    struct lines b = make();

    (void)state;
    assert_string_not_equal(a.key, b.key);
    assert_string_not_equal(a.cert, b.cert);
    assert_string_not_equal(a.token, b.token);
    lines_free(&a);
    lines_free(&b);
}

static void a_refusal_never_shows_what_stands_there(void **state)
{
    struct identity id;
    struct err e = {0};

    (void)state;
    assert_false(identity_parse(STR("signalbox-identity 1\nSECRETSECRET abc\n"), &id, &e));
    assert_null(strstr(e.text, "SECRET"));
}

static void a_file_that_is_not_there_is_named(void **state)
{
    struct identity id;
    struct err e = {0};

    (void)state;
    assert_false(identity_load("/nonexistent/identity", &id, &e));
    assert_non_null(strstr(e.text, "/nonexistent/identity"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_holds),
        cmocka_unit_test(two_identities_share_nothing),
        cmocka_unit_test(a_refusal_never_shows_what_stands_there),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
