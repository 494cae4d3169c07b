/* A cluster's table as frames: snapshots, deltas, tombstones and the digest, against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/publish/ledger.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/digest.h"
#include "gateway/wire/frame.h"

enum { MODEL_NAMES = 40, ROUNDS = 300 };

/* What a follower would hold after reading batches: the value of each name, or NULL. */
struct model {
    char *values[MODEL_NAMES];
    struct digest digest;
    uint64_t revision;
};

static void model_set(struct model *m, size_t i, const char *value)
{
    char name[16];

    (void)snprintf(name, sizeof name, "n%zu", i);
    if (m->values[i] != NULL)
        digest_remove(&m->digest, ROUTE_KIND_ROUTE, str_from(name), str_from(m->values[i]));
    free(m->values[i]);
    m->values[i] = value != NULL ? xstrdup(value) : NULL;
    if (value != NULL)
        digest_add(&m->digest, ROUTE_KIND_ROUTE, str_from(name), str_from(value));
}

static void model_clear(struct model *m)
{
    for (size_t i = 0; i < MODEL_NAMES; i++)
        model_set(m, i, NULL);
}

static void model_take_frame(struct model *m, const struct ledger_frame *f)
{
    struct frame fr;
    struct err e = {0};
    char hex[65];

    assert_int_equal(f->bytes[f->len - 1], '\n');
    assert_true(frame_parse((struct str){f->bytes, f->len - 1}, &fr, &e));
    size_t i = fr.name != NULL ? strtoul(fr.name + 1, NULL, 10) : 0;

    if (fr.type == FRAME_HELLO && fr.snapshot)
        model_clear(m);
    if (fr.type == FRAME_SET) {
        char *value = str_dup(fr.value_bytes);

        model_set(m, i, value);
        free(value);
    }
    if (fr.type == FRAME_DELETE)
        model_set(m, i, NULL);
    if (fr.type == FRAME_COMMIT) {
        digest_hex(&m->digest, hex);
        assert_string_equal(fr.digest, hex);
        m->revision = fr.revision;
    }
    frame_free(&fr);
}

/* Reads the batch, which must end with a commit that has the model's digest. */
static void model_take(struct model *m, struct ledger_batch *b)
{
    uint64_t revision = b->revision;

    for (size_t i = 0; i < b->num; i++)
        model_take_frame(m, b->frames[i]);
    assert_int_equal(m->revision, revision);
    ledger_batch_unref(&b);
}

static char *text_of(struct ledger_batch *b)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < b->num; i++) {
        const char *text = b->frames[i]->bytes;
        const char *digest = memmem(text, b->frames[i]->len, ",\"digest\"", 9);
        size_t n = digest != NULL ? (size_t)(digest - text) : b->frames[i]->len - 1;

        assert_true(buf_add(&out, text, n) && buf_add(&out, "\n", 1));
    }
    ledger_batch_unref(&b);
    char *text = buf_take(&out);

    buf_free(&out);
    return text;
}

static void assert_text(struct ledger_batch *b, const char *want)
{
    char *text = text_of(b);

    assert_string_equal(text, want);
    free(text);
}

static struct ledger *new_ledger(void)
{
    struct ledger *l = ledger_new("east", "1-e");

    ledger_open(l, 0, 0);
    return l;
}

static void apply(struct ledger *l, uint64_t revision, const char *name, const char *value)
{
    const struct publish_change ch = {ROUTE_KIND_ROUTE, name, value};

    assert_true(ledger_apply(l, revision, &ch, 1, NULL));
}

static void a_snapshot_has_hello_all_objects_and_one_commit(void **state)
{
    struct ledger *l = new_ledger();

    (void)state;
    apply(l, 3, "a", "{\"x\":1}");
    apply(l, 5, "b", "{}");
    assert_text(ledger_snapshot(l),
                "{\"hello\":{\"cluster\":\"east\",\"epoch\":\"1-e\",\"revision\":5,"
                "\"mode\":\"snapshot\"}}\n"
                "{\"set\":{\"kind\":\"route\",\"name\":\"a\",\"value\":{\"x\":1}}}\n"
                "{\"set\":{\"kind\":\"route\",\"name\":\"b\",\"value\":{}}}\n"
                "{\"commit\":{\"revision\":5\n");
    ledger_free(l);
}

static void a_delta_has_the_present_value_of_what_changed_once(void **state)
{
    struct ledger *l = new_ledger();

    (void)state;
    apply(l, 1, "a", "{\"x\":1}");
    apply(l, 2, "b", "{\"x\":1}");
    apply(l, 3, "c", "{\"x\":1}");
    apply(l, 4, "a", "{\"x\":2}");
    apply(l, 5, "b", NULL);
    apply(l, 6, "a", "{\"x\":3}");
    assert_text(ledger_delta(l, 3, true),
                "{\"hello\":{\"cluster\":\"east\",\"epoch\":\"1-e\",\"revision\":6,"
                "\"mode\":\"delta\"}}\n"
                "{\"delete\":{\"kind\":\"route\",\"name\":\"b\"}}\n"
                "{\"set\":{\"kind\":\"route\",\"name\":\"a\",\"value\":{\"x\":3}}}\n"
                "{\"commit\":{\"revision\":6\n");
    ledger_free(l);
}

static void a_delta_from_the_head_is_a_hello_and_a_commit(void **state)
{
    struct ledger *l = new_ledger();

    (void)state;
    apply(l, 7, "a", "{}");
    assert_text(ledger_delta(l, 7, true),
                "{\"hello\":{\"cluster\":\"east\",\"epoch\":\"1-e\",\"revision\":7,"
                "\"mode\":\"delta\"}}\n{\"commit\":{\"revision\":7\n");
    ledger_free(l);
}

static void an_object_that_comes_back_is_no_tombstone(void **state)
{
    struct ledger *l = new_ledger();

    (void)state;
    apply(l, 1, "a", "{}");
    apply(l, 2, "a", NULL);
    apply(l, 3, "a", "{\"again\":true}");
    assert_text(ledger_delta(l, 1, false),
                "{\"set\":{\"kind\":\"route\",\"name\":\"a\",\"value\":{\"again\":true}}}\n"
                "{\"commit\":{\"revision\":3\n");
    ledger_free(l);
}

static void deleting_what_is_not_there_changes_nothing_but_the_revision(void **state)
{
    struct ledger *l = new_ledger();

    (void)state;
    apply(l, 1, "a", NULL);
    assert_text(ledger_delta(l, 0, false), "{\"commit\":{\"revision\":1\n");
    ledger_free(l);
}

static void resume_needs_a_revision_above_the_floor_and_not_above_the_head(void **state)
{
    static const struct {
        uint64_t from;
        bool can;
    } rows[] = {{0, false}, {9, false}, {10, false}, {11, true}, {20, true}, {21, false}};
    struct ledger *l = ledger_new("east", "1-e");

    (void)state;
    ledger_open(l, 20, 10);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ledger_can_resume(l, rows[i].from), rows[i].can);
    ledger_free(l);
}

static void what_was_loaded_in_any_order_resumes_as_if_never_stopped(void **state)
{
    struct ledger *l = ledger_new("east", "1-e");

    (void)state;
    ledger_load_delete(l, ROUTE_KIND_ROUTE, "gone", 4);
    ledger_load_delete(l, ROUTE_KIND_ROUTE, "back", 2);
    assert_true(ledger_load_set(l, ROUTE_KIND_ROUTE, "new", "{}", 6, NULL));
    assert_true(ledger_load_set(l, ROUTE_KIND_ROUTE, "back", "{}", 5, NULL));
    assert_true(ledger_load_set(l, ROUTE_KIND_ROUTE, "old", "{}", 1, NULL));
    ledger_open(l, 6, 0);
    assert_text(ledger_delta(l, 3, false), "{\"delete\":{\"kind\":\"route\",\"name\":\"gone\"}}\n"
                                           "{\"set\":{\"kind\":\"route\",\"name\":\"back\","
                                           "\"value\":{}}}\n"
                                           "{\"set\":{\"kind\":\"route\",\"name\":\"new\","
                                           "\"value\":{}}}\n"
                                           "{\"commit\":{\"revision\":6\n");
    ledger_free(l);
}

static void too_many_tombstones_raise_the_floor(void **state)
{
    struct ledger *l = new_ledger();
    char name[16];
    uint64_t revision = 0;

    (void)state;
    for (int i = 0; i <= LEDGER_TOMBSTONES_MAX; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        apply(l, ++revision, name, "{}");
        apply(l, ++revision, name, NULL);
    }
    assert_true(ledger_floor(l) > 0);
    assert_true(ledger_floor(l) < revision);
    assert_false(ledger_can_resume(l, ledger_floor(l)));
    assert_true(ledger_can_resume(l, ledger_floor(l) + 1));
    ledger_free(l);
}

static void snapshots_of_one_revision_are_one_batch_and_share_bytes_with_the_next(void **state)
{
    struct ledger *l = new_ledger();

    (void)state;
    apply(l, 1, "a", "{}");
    struct ledger_batch *one = ledger_snapshot(l);
    struct ledger_batch *two = ledger_snapshot(l);

    assert_ptr_equal(one, two);
    apply(l, 2, "b", "{}");
    struct ledger_batch *three = ledger_snapshot(l);

    assert_ptr_not_equal(one, three);
    assert_ptr_equal(one->frames[1], three->frames[1]);
    ledger_free(l); /* batches live on */
    assert_int_equal(one->frames[1]->bytes[0], '{');
    ledger_batch_unref(&one);
    ledger_batch_unref(&two);
    ledger_batch_unref(&three);
}

static void an_object_that_fits_no_frame_keeps_its_predecessor(void **state)
{
    struct ledger *l = new_ledger();
    char *huge = xcalloc(1, FRAME_LINE_MAX + 64);
    struct err e = {0};

    (void)state;
    memset(huge, ' ', FRAME_LINE_MAX + 32);
    huge[0] = '{';
    huge[FRAME_LINE_MAX + 31] = '}';
    const struct publish_change changes[] = {
        {ROUTE_KIND_ROUTE, "a", "{\"x\":1}"},
        {ROUTE_KIND_ROUTE, "bad", "no object"},
        {ROUTE_KIND_ROUTE, "lines", "{\n}"},
        {ROUTE_KIND_ROUTE, "b", "{}"},
    };
    const struct publish_change too_large = {ROUTE_KIND_ROUTE, "a", huge};

    assert_false(ledger_apply(l, 1, changes, 4, &e));
    assert_string_equal(e.code, "BadObject");
    assert_false(ledger_apply(l, 2, &too_large, 1, &e));
    assert_string_equal(e.code, "TooLarge");
    assert_text(ledger_delta(l, 0, false),
                "{\"set\":{\"kind\":\"route\",\"name\":\"a\",\"value\":{\"x\":1}}}\n"
                "{\"set\":{\"kind\":\"route\",\"name\":\"b\",\"value\":{}}}\n"
                "{\"commit\":{\"revision\":2\n");
    free(huge);
    ledger_free(l);
}

/* A small generator, the same on every machine. */
static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

static void random_commit(struct ledger *l, uint64_t revision, unsigned *seed)
{
    struct publish_change changes[8];
    char names[8][16];
    char values[8][32];
    size_t num = 1 + next_random(seed) % 8;

    for (size_t i = 0; i < num; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%u", next_random(seed) % MODEL_NAMES);
        (void)snprintf(values[i], sizeof values[i], "{\"v\":%u}", next_random(seed));
        changes[i] = (struct publish_change){ROUTE_KIND_ROUTE, names[i],
                                             next_random(seed) % 3 == 0 ? NULL : values[i]};
    }
    assert_true(ledger_apply(l, revision, changes, num, NULL));
}

static void followers_that_resume_now_and_then_agree_with_the_digest(void **state)
{
    struct model always = {0};
    struct model seldom = {0};
    struct model fresh = {0};
    struct ledger *l = new_ledger();
    unsigned seed = 7;

    (void)state;
    for (uint64_t r = 1; r <= ROUNDS; r++) {
        random_commit(l, r * 3, &seed);
        model_take(&always, ledger_delta(l, always.revision, false));
        if (next_random(&seed) % 10 == 0)
            model_take(&seldom, seldom.revision != 0 ? ledger_delta(l, seldom.revision, true)
                                                     : ledger_snapshot(l));
    }
    model_take(&fresh, ledger_snapshot(l));
    for (size_t i = 0; i < MODEL_NAMES; i++) {
        assert_int_equal(always.values[i] != NULL, fresh.values[i] != NULL);
        if (fresh.values[i] != NULL)
            assert_string_equal(always.values[i], fresh.values[i]);
    }
    model_clear(&always);
    model_clear(&seldom);
    model_clear(&fresh);
    ledger_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_has_hello_all_objects_and_one_commit),
        cmocka_unit_test(a_delta_has_the_present_value_of_what_changed_once),
        cmocka_unit_test(a_delta_from_the_head_is_a_hello_and_a_commit),
        cmocka_unit_test(an_object_that_comes_back_is_no_tombstone),
        cmocka_unit_test(deleting_what_is_not_there_changes_nothing_but_the_revision),
        cmocka_unit_test(resume_needs_a_revision_above_the_floor_and_not_above_the_head),
        cmocka_unit_test(what_was_loaded_in_any_order_resumes_as_if_never_stopped),
        cmocka_unit_test(too_many_tombstones_raise_the_floor),
        cmocka_unit_test(snapshots_of_one_revision_are_one_batch_and_share_bytes_with_the_next),
        cmocka_unit_test(an_object_that_fits_no_frame_keeps_its_predecessor),
        cmocka_unit_test(followers_that_resume_now_and_then_agree_with_the_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
