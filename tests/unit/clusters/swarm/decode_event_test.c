/* What Docker says besides its lists: the version that is agreed on, events, error bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/swarm/decode.h"
#include "clusters/swarm/docker.h"

static void the_version_is_the_newest_that_both_know(void **state)
{
    static const struct {
        const char *reply;
        int minor; /* 0: refused */
        const char *code;
    } cases[] = {
        {"{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}", 41, NULL},
        {"{\"ApiVersion\":\"1.43\",\"MinAPIVersion\":\"1.24\"}", 43, NULL},
        {"{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}", 44, NULL}, /* Engine 29 */
        {"{\"ApiVersion\":\"1.47\"}", 43, NULL},
        {"{\"ApiVersion\":\"1.40\",\"MinAPIVersion\":\"1.12\"}", 0, "TooOld"},
        {"{\"ApiVersion\":\"2.0\"}", 0, "BadVersion"},
        {"{\"ApiVersion\":\"1.x\"}", 0, "BadVersion"},
        {"{\"ApiVersion\":41}", 0, "WrongType"},
        {"{}", 0, "MissingField"},
        {"[]", 0, "BadReply"},
        {"hello", 0, "BadJson"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct decode_api api;
        struct err e = {0};
        int minor = 0;

        if (decode_api(str_from(cases[i].reply), &api, &e) && docker_choose_api(&api, &minor, &e)) {
            assert_int_equal(minor, cases[i].minor);
            continue;
        }
        assert_int_equal(cases[i].minor, 0);
        assert_string_equal(e.code, cases[i].code);
    }
}

static void events_name_what_changed(void **state)
{
    static const char *const more[] = {
        "{\"Type\":\"service\",\"Action\":\"create\",\"Actor\":{\"ID\":\"a\",\"Attributes\":"
        "{\"name\":\"web\"}}}",
        "{\"Type\":\"service\",\"Action\":\"update\",\"Actor\":{\"ID\":\"a\",\"Attributes\":"
        "{\"name\":\"web\",\"replicas.new\":\"3\",\"replicas.old\":\"1\"}}}",
        "{\"Type\":\"service\",\"Action\":\"update\",\"Actor\":{\"ID\":\"a\",\"Attributes\":{}}}",
        "{\"Type\":\"service\",\"Action\":\"update\",\"Actor\":{\"ID\":\"a\"}}",
        "{\"Type\":\"service\",\"Actor\":{\"ID\":\"a\",\"Attributes\":{\"name\":\"web\"}}}",
    };
    struct decode_event event;
    struct err e = {0};

    (void)state;
    assert_true(decode_event(STR("{\"Type\":\"service\",\"Action\":\"update\",\"Actor\":{\"ID\":"
                                 "\"abc\",\"Attributes\":{\"name\":\"web\"}},\"scope\":\"swarm\"}"),
                             &event, &e));
    assert_int_equal(event.kind, DECODE_SERVICES);
    assert_string_equal(event.id, "abc");
    assert_true(event.only_named);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        assert_true(decode_event(str_from(more[i]), &event, &e));
        assert_false(event.only_named);
    }
    assert_true(decode_event(STR("{\"Type\":\"secret\",\"Actor\":{\"ID\":\"abc\"}}"), &event, &e));
    assert_int_equal(event.kind, DECODE_SECRETS);
    assert_false(decode_event(STR("{\"Type\":\"config\",\"Actor\":{\"ID\":\"abc\"}}"), &event, &e));
    assert_null(e.code);
    assert_false(decode_event(STR("{\"Type\":\"node\",\"Actor\":{\"ID\":\"a/b\"}}"), &event, &e));
    assert_string_equal(e.code, "BadId");
    assert_false(decode_event(STR("{\"Type\":\"node\"}"), &event, &e));
    assert_string_equal(e.code, "BadEvent");
    assert_false(decode_event(STR("{\"Type\":\"nod"), &event, &e));
    assert_string_equal(e.code, "BadJson");
}

static void the_sentence_of_an_error_reply_is_found(void **state)
{
    char text[32];

    (void)state;
    decode_message(STR("{\"message\":\"service x not found\"}"), text, sizeof(text));
    assert_string_equal(text, "service x not found");
    decode_message(STR("<html>"), text, sizeof(text));
    assert_string_equal(text, "");
    decode_message(STR("{\"message\":\"0123456789012345678901234567890123456789\"}"), text,
                   sizeof(text));
    assert_int_equal(strlen(text), sizeof(text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_is_the_newest_that_both_know),
        cmocka_unit_test(events_name_what_changed),
        cmocka_unit_test(the_sentence_of_an_error_reply_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
