/* Label selectors and entity tags: what they take, what they match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/api/etag.h"
#include "admin/api/labels.h"
#include "gateway/core/buf.h"

#define WEB "{\"metadata\":{\"labels\":{\"env\":\"prod\",\"tier\":\"web\",\"empty\":\"\"}}}"

static void selectors_select(void **state)
{
    static const struct {
        const char *selector, *value;
        int want; /* -1: refused */
    } rows[] = {
        {"", WEB, 1},
        {"", "{}", 1},
        {"env=prod", WEB, 1},
        {"env=dev", WEB, 0},
        {"env=prod,tier=web", WEB, 1},
        {"env=prod,tier!=web", WEB, 0},
        {"env!=dev", WEB, 1},
        {"none!=x", WEB, 1},
        {"tier", WEB, 1},
        {"none", WEB, 0},
        {"!none", WEB, 1},
        {"!tier", WEB, 0},
        {"empty=", WEB, 1},
        {"empty", WEB, 1},
        {"env=prod", "{}", 0},
        {"env=prod", "{\"metadata\":{}}", 0},
        {"env=prod", "{\"metadata\":[]}", 0},
        {"!env", "{\"metadata\":{\"labels\":{}}}", 1},
        {"a\xc3\xa9=1", "{\"metadata\":{\"labels\":{\"a\\u00e9\":\"1\"}}}", 1},
        {"=x", WEB, -1},
        {"!", WEB, -1},
        {"!=x", WEB, -1},
        {",", WEB, -1},
        {"env=prod,", WEB, -1},
        {"env=prod,,tier", WEB, -1},
        {"env==prod", WEB, -1},
        {"env=a=b", WEB, -1},
        {"e nv=prod", WEB, -1},
        {"env=pr od", WEB, -1},
        {"!!x", WEB, -1},
        {"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", WEB, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct selector s;
        struct err e = {0};
        bool ok = selector_parse(str_from(rows[i].selector), &s, &e);

        if (ok != (rows[i].want >= 0))
            fail_msg("\"%s\"", rows[i].selector);
        if (ok && labels_selected(&s, rows[i].value) != (rows[i].want == 1))
            fail_msg("\"%s\" on %s", rows[i].selector, rows[i].value);
        if (!ok)
            assert_string_equal(e.code, "BadSelector");
    }
}

static void tags_match_as_the_rfc_says(void **state)
{
    static const struct {
        const char *list;
        bool ok, strong, weak; /* against commit 7 */
    } rows[] = {
        {"*", true, true, true},
        {"\"7\"", true, true, true},
        {"\"8\"", true, false, false},
        {"\"6\", \"7\"", true, true, true},
        {"\"6\",\"7\"", true, true, true},
        {" \"7\" ", true, true, true},
        {"W/\"7\"", true, false, true},
        {"W/\"6\", \"5\"", true, false, false},
        {"\"\"", true, false, false},
        {"\"abc\"", true, false, false},
        {"\"07\"", true, false, false},
        {"\"7", false, false, false},
        {"7", false, false, false},
        {"", false, false, false},
        {"\"7\" \"8\"", false, false, false},
        {"w/\"7\"", false, false, false},
        {"\"7\", *", false, false, false},
        {"\"18446744073709551616\"", true, false, false},
        {"\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\",\"14\","
         "\"15\",\"16\",\"17\",\"18\"",
         false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct etag_list list;
        bool ok = etag_parse(str_from(rows[i].list), &list);

        if (ok != rows[i].ok)
            fail_msg("%s", rows[i].list);
        if (ok && (etag_matches(&list, 7) != rows[i].strong ||
                   etag_matches_weakly(&list, 7) != rows[i].weak))
            fail_msg("%s against 7", rows[i].list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors_select),
        cmocka_unit_test(tags_match_as_the_rfc_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
