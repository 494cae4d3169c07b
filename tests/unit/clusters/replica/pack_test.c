/* Documents as records and back, deflated and inflated; and records that make no sense. */
#include "clusters/replica/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/check.h"

enum { ROOM = 4 << 20 };

static void add(struct buf *b, const char *tenant, const char *name, const char *value)
{
    assert_true(pack_record(b, &(struct replica_doc){tenant, "route", name, value, 77}));
}

static void records_are_applied_in_order(void **state)
{
    struct pack_set set;
    struct replica_doc *list;
    struct buf b;
    size_t num;

    (void)state;
    buf_init(&b, ROOM);
    pack_set_init(&set);
    add(&b, "shop", "b", "{\"n\":1}");
    add(&b, "shop", "a", "{}");
    add(&b, "", "a", "{\"o\":1}");
    add(&b, "shop", "b", "{\"n\":2}");
    add(&b, "shop", "gone", "{}");
    add(&b, "shop", "gone", NULL);
    add(&b, "shop", "never", NULL);
    assert_true(pack_apply(&set, buf_str(&b), NULL));
    list = pack_list(&set, &num);
    assert_int_equal(num, 3);
    assert_string_equal(list[0].tenant, "");
    assert_string_equal(list[1].name, "a");
    assert_string_equal(list[2].value, "{\"n\":2}");
    assert_true(list[2].created_ms == 77 && strcmp(list[2].kind, "route") == 0);
    free(list);
    pack_set_free(&set);
    buf_free(&b);
}

/* "ab" of "c" is another document than "a" of "bc". */
static void keys_do_not_run_into_each_other(void **state)
{
    struct pack_set set;
    struct buf b;
    size_t num;

    (void)state;
    buf_init(&b, ROOM);
    pack_set_init(&set);
    assert_true(pack_record(&b, &(struct replica_doc){"ab", "c", "d", "1", 0}));
    assert_true(pack_record(&b, &(struct replica_doc){"a", "bc", "d", "2", 0}));
    assert_true(pack_record(&b, &(struct replica_doc){"a", "b", "cd", "3", 0}));
    assert_true(pack_apply(&set, buf_str(&b), NULL));
    free(pack_list(&set, &num));
    assert_int_equal(num, 3);
    pack_set_free(&set);
    buf_free(&b);
}

static const char *apply(struct str records)
{
    struct pack_set set;
    struct err e = {0};

    pack_set_init(&set);
    if (pack_apply(&set, records, &e))
        assert_null(e.code);
    pack_set_free(&set);
    return e.code;
}

static void records_that_are_cut_or_bent_are_refused(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, ROOM);
    add(&b, "shop", "web", "{\"n\":1}");
    assert_null(apply(buf_str(&b)));
    for (size_t n = 1; n < b.len; n++)
        assert_string_equal(apply((struct str){b.bytes, n}), "BadPayload");
    b.bytes[0] = 'x'; /* no operation */
    assert_string_equal(apply(buf_str(&b)), "BadPayload");
    b.bytes[0] = 'd'; /* a deletion with a value */
    assert_string_equal(apply(buf_str(&b)), "BadPayload");
    b.bytes[0] = 's';
    b.bytes[18] = '\0'; /* a NUL in the tenant */
    assert_string_equal(apply(buf_str(&b)), "BadPayload");
    b.bytes[18] = 'o';
    b.bytes[4] = (char)0xff; /* a value of gigabytes */
    assert_string_equal(apply(buf_str(&b)), "BadPayload");
    buf_free(&b);
}

/* Bit by bit comes out what went in, within the length that was given. */
static void a_stream_takes_what_surely_fits(void **state)
{
    enum { MAX = 40000, PIECE = 5000 };
    struct pack_stream *stream = pack_stream_new();
    char *raw = xcalloc(1, (size_t)20 * PIECE);
    struct buf packed, out;
    unsigned dice = 1;
    size_t num = 0;

    (void)state;
    for (size_t i = 0; i < (size_t)20 * PIECE; i++)
        raw[i] = (char)((dice = dice * 1103515245U + 12345U) >> 16);
    while (pack_stream_add(stream, (struct str){raw + num * PIECE, PIECE}, MAX))
        num++;
    assert_in_range(num, 6, 7); /* noise does not shrink */
    buf_init(&packed, MAX);
    assert_true(pack_stream_end(stream, &packed));
    pack_stream_free(stream);
    buf_init(&out, ROOM);
    assert_true(pack_inflate(buf_str(&packed), num * PIECE, &out, NULL));
    assert_memory_equal(out.bytes, raw, num * PIECE);
    stream = pack_stream_new();
    assert_true(pack_stream_add(stream, STR("left alone"), MAX));
    pack_stream_free(stream);
    buf_free(&packed);
    buf_free(&out);
    free(raw);
}

static void the_length_of_a_record_is_known_before(void **state)
{
    const struct replica_doc doc = {"shop", "route", "web", "{}", 7};
    const struct replica_doc gone = {"shop", "route", "web", NULL, 7};
    struct buf b;

    (void)state;
    buf_init(&b, ROOM);
    assert_true(pack_record(&b, &doc));
    assert_int_equal(b.len, pack_record_len(&doc));
    assert_true(pack_record(&b, &gone));
    assert_int_equal(b.len, pack_record_len(&doc) + pack_record_len(&gone));
    buf_free(&b);
}

static void a_record_that_does_not_fit_leaves_no_trace(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 30);
    assert_false(pack_record(&b, &(struct replica_doc){"shop", "route", "web", "{\"n\":1}", 0}));
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static bool inflate(struct str packed, size_t raw_len)
{
    struct buf out;
    struct err e = {0};
    bool ok;

    buf_init(&out, ROOM);
    ok = pack_inflate(packed, raw_len, &out, &e);
    assert_true(ok ? out.len == raw_len : strcmp(e.code, "BadPayload") == 0 && !out.len);
    buf_free(&out);
    return ok;
}

static void what_was_deflated_inflates_to_exactly_that(void **state)
{
    static const size_t sizes[] = {0, 1, 17, 65536, 3 << 20};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char *raw = xcalloc(1, sizes[i] + 1);
        struct buf packed;

        buf_init(&packed, ROOM);
        assert_true(pack_deflate((struct str){raw, sizes[i]}, &packed));
        assert_true(inflate(buf_str(&packed), sizes[i]));
        assert_false(inflate(buf_str(&packed), sizes[i] + 1));
        assert_true(!sizes[i] || !inflate(buf_str(&packed), sizes[i] - 1));
        assert_false(inflate((struct str){packed.bytes, packed.len - 1}, sizes[i]));
        assert_true(buf_add(&packed, "x", 1)); /* something behind it */
        assert_false(inflate(buf_str(&packed), sizes[i]));
        buf_free(&packed);
        free(raw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_applied_in_order),
        cmocka_unit_test(keys_do_not_run_into_each_other),
        cmocka_unit_test(records_that_are_cut_or_bent_are_refused),
        cmocka_unit_test(a_stream_takes_what_surely_fits),
        cmocka_unit_test(the_length_of_a_record_is_known_before),
        cmocka_unit_test(a_record_that_does_not_fit_leaves_no_trace),
        cmocka_unit_test(what_was_deflated_inflates_to_exactly_that),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
