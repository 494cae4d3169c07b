/* The checksum of a kept table: it fits the bytes it was made of, and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/checksum.h"

static const char bytes[] = "{\"hello\":{}}\n{\"set\":{}}\n";

static struct digest some_sum(void)
{
    struct digest d = {{0}};

    digest_add(&d, ROUTE_KIND_POOL, STR("web"), STR("{}"));
    return d;
}

/* The line of a checksum of `bytes`, without its newline. */
static void write_line(struct buf *out)
{
    struct checksum *s = checksum_new();
    struct digest sum = some_sum();

    buf_init(out, 8192);
    checksum_add(s, str_from(bytes));
    assert_true(checksum_write(s, &sum, out));
    assert_int_equal(out->bytes[out->len - 1], '\n');
    out->len--;
    checksum_free(s);
}

static bool fits(const char *text, struct str line, struct digest *out_sum)
{
    struct checksum *s = checksum_new();
    struct err e = {0};

    for (; *text != '\0'; text++) /* in pieces, as a file comes */
        checksum_add(s, (struct str){text, 1});
    bool ok = checksum_read(s, line, out_sum, &e);

    assert_true(ok || strcmp(e.code, "BadChecksum") == 0);
    checksum_free(s);
    return ok;
}

static void a_checksum_gives_the_sum_back_to_who_has_the_same_bytes(void **state)
{
    struct buf line;
    struct digest sum;
    struct digest want = some_sum();

    (void)state;
    write_line(&line);
    assert_true(checksum_is(buf_str(&line)));
    assert_true(fits(bytes, buf_str(&line), &sum));
    assert_memory_equal(&sum, &want, sizeof(sum));
    buf_free(&line);
}

static void other_bytes_do_not_fit(void **state)
{
    struct buf line;
    struct digest sum;
    char other[sizeof(bytes)];

    (void)state;
    write_line(&line);
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        memcpy(other, bytes, sizeof(bytes));
        other[i] ^= 1;
        assert_false(fits(other, buf_str(&line), &sum));
    }
    assert_false(fits("", buf_str(&line), &sum));
    buf_free(&line);
}

/* A digit of the sum is not the checksum's to judge: the commit's digest does. */
static void a_line_that_is_not_as_it_was_written_is_refused(void **state)
{
    struct buf line;
    struct digest sum;
    struct digest want = some_sum();

    (void)state;
    write_line(&line);
    for (size_t i = 0; i < line.len; i++) {
        char was = line.bytes[i];

        line.bytes[i] = was == '0' ? '1' : '0';
        if (fits(bytes, buf_str(&line), &sum))
            assert_memory_not_equal(&sum, &want, sizeof(sum));
        line.bytes[i] = 'A';
        assert_false(fits(bytes, buf_str(&line), &sum));
        line.bytes[i] = was;
        assert_false(fits(bytes, (struct str){line.bytes, i}, &sum));
    }
    assert_false(checksum_is(STR("{\"commit\":{}}")));
    buf_free(&line);
}

static void a_line_without_room_leaves_the_buffer_as_it_was(void **state)
{
    struct checksum *s = checksum_new();
    struct digest sum = some_sum();
    struct buf out;

    (void)state;
    buf_init(&out, 4000);
    assert_true(buf_add_str(&out, STR("before")));
    assert_false(checksum_write(s, &sum, &out));
    assert_true(str_eq(buf_str(&out), STR("before")));
    buf_free(&out);
    checksum_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checksum_gives_the_sum_back_to_who_has_the_same_bytes),
        cmocka_unit_test(other_bytes_do_not_fit),
        cmocka_unit_test(a_line_that_is_not_as_it_was_written_is_refused),
        cmocka_unit_test(a_line_without_room_leaves_the_buffer_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
