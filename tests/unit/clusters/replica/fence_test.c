/* The fence's labels, written and read; labels that were touched; and who has the fence. */
#include "clusters/replica/fence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "gateway/core/check.h"

static const uint8_t key[32] = {7};

static struct fence example(void)
{
    return (struct fence){.holder = "task 1 \"east\"",
                          .store = "1700000000000-0011223344556677",
                          .wrote = "1600000000000-8899aabbccddeeff",
                          .term = 5,
                          .started_ms = 1700000000123,
                          .beat = 99,
                          .head = {.commit = 812,
                                   .seq = 40,
                                   .hash = {1, 2},
                                   .has_snapshot = true,
                                   .snapshot_seq = 30,
                                   .snapshot_hash = {3, 4}}};
}

struct labels {
    struct seal_keys keys;
    cJSON *json;
    const char *values[FENCE__LABELS];
};

static void write_labels(struct labels *l, const struct fence *f)
{
    struct buf b;

    seal_derive(key, "signalbox", &l->keys);
    buf_init(&b, 4096);
    assert_true(fence_write(&l->keys, f, &b));
    l->json = cJSON_ParseWithLength(b.bytes, b.len);
    assert_int_equal(cJSON_GetArraySize(l->json), FENCE__LABELS);
    for (size_t i = 0; i < FENCE__LABELS; i++)
        l->values[i] =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(l->json, fence_labels[i]));
    buf_free(&b);
}

static bool read_labels(struct labels *l, struct fence *out)
{
    struct err e = {0};
    bool ok = fence_read(&l->keys, l->values, out, &e);

    assert_true(ok ? !e.code : strcmp(e.code, "BadFence") == 0);
    return ok;
}

static void assert_same(const struct fence *a, const struct fence *b)
{
    assert_string_equal(a->holder, b->holder);
    assert_string_equal(a->store, b->store);
    assert_string_equal(a->wrote, b->wrote);
    assert_true(a->term == b->term && a->started_ms == b->started_ms && a->beat == b->beat);
    assert_true(a->head.commit == b->head.commit && a->head.seq == b->head.seq);
    assert_memory_equal(a->head.hash, b->head.hash, SEAL_HASH);
    assert_true(a->head.has_snapshot == b->head.has_snapshot);
    assert_true(a->head.snapshot_seq == b->head.snapshot_seq);
    assert_memory_equal(a->head.snapshot_hash, b->head.snapshot_hash, SEAL_HASH);
}

static void labels_come_back_as_they_were_written(void **state)
{
    struct fence f = example(), got;
    struct labels l;

    (void)state;
    write_labels(&l, &f);
    assert_true(read_labels(&l, &got));
    assert_same(&got, &f);
    cJSON_Delete(l.json);
    f.head = (struct chain_head){0};
    write_labels(&l, &f);
    assert_true(read_labels(&l, &got));
    assert_same(&got, &f);
    cJSON_Delete(l.json);
}

static void labels_that_were_touched_are_not_read(void **state)
{
    struct fence f = example(), got;
    struct labels l;

    (void)state;
    write_labels(&l, &f);
    for (size_t i = 0; i < FENCE__LABELS; i++) {
        const char *was = l.values[i];
        char *longer = xasprintf("%s0", was), *shorter = xmemdup0(was, strlen(was) - 1);
        char *vast = xmalloc(70000);

        memset(vast, '0', 69999);
        vast[69999] = '\0';
        l.values[i] = longer;
        assert_false(read_labels(&l, &got));
        l.values[i] = shorter;
        assert_false(read_labels(&l, &got));
        l.values[i] = vast;
        assert_false(read_labels(&l, &got));
        l.values[i] = NULL;
        assert_false(read_labels(&l, &got));
        l.values[i] = "";
        assert_false(read_labels(&l, &got));
        l.values[i] = was;
        free(longer);
        free(shorter);
        free(vast);
    }
    assert_true(read_labels(&l, &got));
    seal_derive(key, "other", &l.keys); /* another installation */
    assert_false(read_labels(&l, &got));
    seal_derive(key, "signalbox", &l.keys);
    l.keys.fence[0] ^= 1;
    assert_false(read_labels(&l, &got));
    cJSON_Delete(l.json);
}

static void the_newest_coordinator_has_the_fence(void **state)
{
    static const struct {
        const char *what;
        const char *holder_store;
        uint64_t holder_term;
        int64_t holder_started;
        uint64_t own_term;
        int64_t unmoved;
        enum fence_verdict verdict;
    } rows[] = {
        {"an earlier one, alive or not", "other", 5, 100, 0, 0, FENCE_TAKE},
        {"one started at the same moment", "other", 5, 200, 0, 0, FENCE_TAKE},
        {"a later one that may be alive", "other", 5, 201, 0, 0, FENCE_DEFER},
        {"a later one that just moves", "other", 5, 201, 0, FENCE_UNMOVED_MS - 1, FENCE_DEFER},
        {"a later one that moves no more", "other", 5, 201, 0, FENCE_UNMOVED_MS, FENCE_TAKE},
        {"our own store, before a restart", "mine", 5, 100, 0, 0, FENCE_TAKE},
        {"the same with a clock set back", "mine", 5, 300, 0, 0, FENCE_TAKE},
        {"ours", "mine", 6, 200, 6, 0, FENCE_OURS},
        {"ours, silent for long", "mine", 6, 200, 6, 99999, FENCE_OURS},
        {"ours once, another's now", "other", 7, 300, 6, 0, FENCE_GONE},
        {"another's that is gone again", "other", 7, 300, 6, 99999, FENCE_GONE},
        {"an earlier one's, started before us", "other", 7, 100, 6, 0, FENCE_GONE},
        {"a copy of our store", "mine", 7, 300, 6, 0, FENCE_GONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fence seen = {.term = rows[i].holder_term, .started_ms = rows[i].holder_started};
        struct fence_self self = {"mine", 200, rows[i].own_term};

        (void)snprintf(seen.store, sizeof(seen.store), "%s", rows[i].holder_store);
        if (fence_judge(&seen, &self, rows[i].unmoved) != rows[i].verdict)
            fail_msg("%s", rows[i].what);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_come_back_as_they_were_written),
        cmocka_unit_test(labels_that_were_touched_are_not_read),
        cmocka_unit_test(the_newest_coordinator_has_the_fence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
