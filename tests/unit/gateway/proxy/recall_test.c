/* What a worker remembers of look-ups: as spelled, one a place, nothing after a clear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/proxy/recall.h"

static struct recall all;

/* Hosts are told apart by their address only. */
static const struct table_host *host(int i)
{
    static char hosts[RECALL_PLACES * 4];

    return (const struct table_host *)(const void *)&hosts[i];
}

static void a_host_is_remembered_as_it_was_spelled(void **state)
{
    (void)state;
    recall_clear(&all);
    assert_null(recall_host(&all, STR("a")));
    recall_keep_host(&all, STR("Shop.example:80"), host(1));
    assert_ptr_equal(recall_host(&all, STR("Shop.example:80")), host(1));
    assert_null(recall_host(&all, STR("shop.example:80")));
    assert_null(recall_host(&all, STR("Xhop.example:80"))); /* of the same place */
    assert_null(recall_host(&all, STR("hop.example:80")));
    recall_keep_host(&all, STR("Xhop.example:80"), host(2));
    assert_ptr_equal(recall_host(&all, STR("Xhop.example:80")), host(2));
    assert_null(recall_host(&all, STR("Shop.example:80"))); /* pushed out */
    recall_clear(&all);
    assert_null(recall_host(&all, STR("Xhop.example:80")));
}

static void what_leads_nowhere_or_is_long_is_not(void **state)
{
    char text[RECALL_HOST_BYTES + 1];

    (void)state;
    recall_clear(&all);
    recall_keep_host(&all, STR("nobody.example"), NULL);
    assert_null(recall_host(&all, STR("nobody.example")));
    memset(text, 'a', sizeof text);
    recall_keep_host(&all, (struct str){text, sizeof text}, host(1));
    assert_null(recall_host(&all, (struct str){text, sizeof text}));
    recall_keep_host(&all, (struct str){text, sizeof text - 1}, host(1));
    assert_ptr_equal(recall_host(&all, (struct str){text, sizeof text - 1}), host(1));
}

static void many_hosts_never_answer_for_each_other(void **state)
{
    char text[32];

    (void)state;
    recall_clear(&all);
    for (int i = 0; i < RECALL_PLACES * 4; i++) {
        int n = snprintf(text, sizeof text, "h%d.example", i);

        recall_keep_host(&all, (struct str){text, (size_t)n}, host(i));
    }
    for (int i = 0; i < RECALL_PLACES * 4; i++) {
        int n = snprintf(text, sizeof text, "h%d.example", i);
        const struct table_host *found = recall_host(&all, (struct str){text, (size_t)n});

        assert_true(found == NULL || found == host(i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_remembered_as_it_was_spelled),
        cmocka_unit_test(what_leads_nowhere_or_is_long_is_not),
        cmocka_unit_test(many_hosts_never_answer_for_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
