/* Profiles: their text, and who wins over whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/cli/profile.h"

static const char text[] = "# ours\n"
                           "[default]\r\n"
                           "url = http://a:1\r\n"
                           "\n"
                           "  [ops]\n"
                           "url=https://b:2\n"
                           "  tenant =  acme  \n"
                           "; more\n"
                           "token = sbt1.a=b\n";

static void a_section_is_read(void **state)
{
    struct profile p = {.url = NULL};
    struct err e = {0};
    bool found;

    (void)state;
    assert_true(profile_parse(str_from(text), "ops", &p, &found, &e) && found);
    assert_string_equal(p.url, "https://b:2");
    assert_string_equal(p.tenant, "acme");
    assert_string_equal(p.token, "sbt1.a=b");
    assert_null(p.cluster);
    profile_free(&p);
    assert_true(profile_parse(str_from(text), "default", &p, &found, &e) && found);
    assert_string_equal(p.url, "http://a:1");
    profile_free(&p);
    assert_true(profile_parse(str_from(text), "other", &p, &found, &e) && !found);
    profile_free(&p);
}

static void what_is_no_profile_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"[default]\nurl\n", "line 2"},
        {"[default]\n\ntokn = a\n",
         "line 3: there is no \"tokn\" in a profile; the nearest is token"},
        {"[default]\n= a\n", "line 2"},
        {"junk", "line 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct profile p = {.url = NULL};
        struct err e = {0};
        bool found;

        assert_false(profile_parse(str_from(rows[i].text), "default", &p, &found, &e));
        if (strstr(e.text, rows[i].sentence) == NULL)
            fail_msg("%s", e.text);
        profile_free(&p);
    }
}

static void clear_environment(void)
{
    static const char *const names[] = {"SIGNALBOX_URL",        "SIGNALBOX_TOKEN",
                                        "SIGNALBOX_TOKEN_FILE", "SIGNALBOX_TENANT",
                                        "SIGNALBOX_PROFILE",    "XDG_CONFIG_HOME"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(unsetenv(names[i]), 0);
    assert_int_equal(setenv("HOME", "/nonexistent", 1), 0);
}

static void flags_win_over_the_environment(void **state)
{
    struct profile_flags flags = {.tenant = NULL};
    struct profile p;
    struct err e = {0};

    (void)state;
    clear_environment();
    assert_true(profile_load(&flags, &p, &e));
    assert_string_equal(p.url, PROFILE_URL_DEFAULT);
    assert_null(p.token);
    profile_free(&p);

    assert_int_equal(setenv("SIGNALBOX_TENANT", "env", 1) + setenv("SIGNALBOX_TOKEN", "t", 1), 0);
    assert_true(profile_load(&flags, &p, &e));
    assert_string_equal(p.tenant, "env");
    assert_string_equal(p.token, "t");
    profile_free(&p);

    flags.tenant = "flag";
    assert_true(profile_load(&flags, &p, &e));
    assert_string_equal(p.tenant, "flag");
    profile_free(&p);
    clear_environment();
}

static void a_token_that_would_be_two_headers_is_refused(void **state)
{
    const struct profile_flags flags = {.tenant = NULL};
    struct profile p;
    struct err e = {0};

    (void)state;
    clear_environment();
    assert_int_equal(setenv("SIGNALBOX_TOKEN", "a\r\nX-Evil: 1", 1), 0);
    assert_false(profile_load(&flags, &p, &e));
    profile_free(&p);
    clear_environment();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_is_read),
        cmocka_unit_test(what_is_no_profile_is_refused_with_its_line),
        cmocka_unit_test(flags_win_over_the_environment),
        cmocka_unit_test(a_token_that_would_be_two_headers_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
