/* Files of documents: their forms, and the lines of faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/cli/documents.h"
#include "admin/cli/jsonview.h"

static void every_form_becomes_a_set(void **state)
{
    static const struct {
        const char *file;
        const char *selector;
        const char *body; /* NULL: refused */
    } rows[] = {
        {"{\"documents\":[{\"kind\":\"pool\",\"name\":\"a\",\"value\":null}]}", NULL,
         "{\"documents\":[{\"kind\":\"pool\",\"name\":\"a\",\"value\":null}]}"},
        {"{\"documents\":[],\"prune\":{\"selector\":\"x\"}}", "y",
         "{\"documents\":[],\"prune\":{\"selector\":\"y\"}}"},
        {"{\"kind\":\"pool\",\"tenant\":\"t\",\"name\":\"a\",\"cluster\":\"c\",\"status\":{"
         "\"commit\":1}}",
         NULL,
         "{\"documents\":[{\"kind\":\"pool\",\"tenant\":\"t\",\"name\":\"a\",\"value\":{"
         "\"cluster\":\"c\"}}]}"},
        {"[{\"kind\":\"pool\",\"name\":\"a\"}]", NULL,
         "{\"documents\":[{\"kind\":\"pool\",\"name\":\"a\",\"value\":{}}]}"},
        {"{\"commit\":3,\"items\":[{\"kind\":\"pool\",\"name\":\"a\"}]}", NULL,
         "{\"documents\":[{\"kind\":\"pool\",\"name\":\"a\",\"value\":{}}]}"},
        {"[]", NULL, "{\"documents\":[]}"},
        {"{\"cluster\":\"c\"}", NULL, NULL},
        {"[7]", NULL, NULL},
        {"7", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct documents d;
        struct err e = {0};
        char *body;

        assert_true(documents_read(str_from(rows[i].file), "f", &d, &e));
        body = documents_apply_body(&d, rows[i].selector, &e);
        if (rows[i].body == NULL)
            assert_null(body);
        else
            assert_string_equal(body, rows[i].body);
        free(body);
        documents_free(&d);
    }
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const files[] = {
        "", "{", "{} {}", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "{'a':1}"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct documents d;
        struct err e = {0};

        assert_false(documents_read(str_from(files[i]), "shop.json", &d, &e));
        assert_non_null(strstr(e.text, "shop.json"));
        documents_free(&d);
    }
}

static void a_value_is_a_document_without_what_names_it(void **state)
{
    struct documents d;
    struct err e = {0};
    char *body;

    (void)state;
    assert_true(documents_read(
        STR("{\"kind\":\"pool\",\"name\":\"a\",\"status\":{},\"cluster\":\"c\"}"), "f", &d, &e));
    body = documents_value_body(&d);
    assert_string_equal(body, "{\"cluster\":\"c\"}");
    free(body);
    documents_free(&d);
}

static void pointers_have_their_line(void **state)
{
    static const char json[] = "{\n"                                 /* 1 */
                               " \"hosts\": [\"a\",\n"               /* 2 */
                               "   \"b,]}\\\"\",\n"                  /* 3 */
                               "   \"c\"],\n"                        /* 4 */
                               " \"a/b\": {\n"                       /* 5 */
                               "   \"x~y\": 1},\n"                   /* 6 */
                               " \"forward\": [{\"pool\": \"w\"},\n" /* 7 */
                               "  {\"pool\": \"v\",\n"               /* 8 */
                               "   \"weight\": -1}]\n"               /* 9 */
                               "}\n";
    static const struct {
        const char *pointer;
        unsigned line;
    } rows[] = {
        {"", 1},
        {"/hosts", 2},
        {"/hosts/1", 3},
        {"/hosts/2", 4},
        {"/hosts/9", 2},
        {"/a~1b", 5},
        {"/a~1b/x~0y", 6},
        {"/forward/0/pool", 7},
        {"/forward/1", 8},
        {"/forward/1/weight", 9},
        {"/forward/1/nothing", 8},
        {"/nothing", 1},
        {"/hosts/x", 2},
        {"hosts", 1},
        {"/", 1},
        {"/~", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(jsonview_line(str_from(json), rows[i].pointer), rows[i].line);
}

static void pointers_into_the_set_lead_to_the_file(void **state)
{
    struct documents d;
    struct err e = {0};

    (void)state;
    assert_true(documents_read(
        STR("[\n{\"kind\":\"pool\",\n\"name\":\"a\"},\n{\"kind\":\"pool\",\n\"p\":1}]"), "f", &d,
        &e));
    assert_int_equal(documents_line(&d, "/documents/1/value/p"), 5);
    assert_int_equal(documents_line(&d, "/documents/0/name"), 3);
    documents_free(&d);
    assert_true(documents_read(STR("{\"kind\":\"pool\",\n\"p\":1}"), "f", &d, &e));
    assert_int_equal(documents_line(&d, "/documents/0/value/p"), 2);
    documents_free(&d);
    assert_true(documents_read(STR("{\"items\":[\n{\"kind\":\"pool\",\n\"p\":1}]}"), "f", &d, &e));
    assert_int_equal(documents_line(&d, "/documents/0/value/p"), 3);
    documents_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_becomes_a_set),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(a_value_is_a_document_without_what_names_it),
        cmocka_unit_test(pointers_have_their_line),
        cmocka_unit_test(pointers_into_the_set_lead_to_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
