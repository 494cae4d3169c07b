/* Boundaries between frames, in every cut, and the Close frame of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/http/ws_frames.h"

/* Text of 2, masked text of 3, binary of 126 and of 70000 bytes, Close with a code. */
static size_t make_stream(char *out, size_t ends[5])
{
    size_t n = 0;

    memcpy(out + n, "\x81\x02hi", 4);
    ends[0] = n += 4;
    memcpy(out + n, "\x81\x83mask\x01\x02\x03", 9);
    ends[1] = n += 9;
    memcpy(out + n, "\x82\x7e\x00\x7e", 4);
    memset(out + n + 4, 'x', 126);
    ends[2] = n += 4 + 126;
    memcpy(out + n, "\x82\x7f\x00\x00\x00\x00\x00\x01\x11\x70", 10);
    memset(out + n + 10, '\x88', 70000);
    ends[3] = n += 10 + 70000;
    memcpy(out + n, "\x88\x02\x03\xe8", 4);
    ends[4] = n += 4;
    return n;
}

static char stream[80000];

static void boundaries_are_found_in_every_cut(void **state)
{
    size_t ends[5], n = make_stream(stream, ends);

    (void)state;
    for (size_t step = 1; step < 200; step++) {
        struct ws_frames f = {0};
        size_t next = 0;

        for (size_t at = 0; at < n; at += step) {
            size_t some = step < n - at ? step : n - at;

            assert_int_equal(ws_frames_pass(&f, stream + at, some, false), some);
            while (next < 5 && ends[next] < at + some)
                next++;
            assert_int_equal(ws_frames_at_boundary(&f), next < 5 && ends[next] == at + some);
            assert_int_equal(f.saw_close, at + some >= n - 2);
        }
    }
}

static void it_stops_at_the_next_boundary(void **state)
{
    size_t ends[5], n = make_stream(stream, ends);

    (void)state;
    for (size_t cut = 0; cut < n; cut += cut < 200 ? 1 : 977) {
        struct ws_frames f = {0};
        size_t next = 0;

        while (ends[next] < cut)
            next++;
        assert_int_equal(ws_frames_pass(&f, stream, cut, false), cut);
        if (cut == 0 || ends[next] == cut) /* it is at one already */
            assert_int_equal(ws_frames_pass(&f, stream + cut, n - cut, true), 0);
        else
            assert_int_equal(ws_frames_pass(&f, stream + cut, n - cut, true), ends[next] - cut);
        assert_true(ws_frames_at_boundary(&f));
    }
}

static void our_close_frame_is_one(void **state)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    char out[WS_CLOSE_MAX];
    struct ws_frames f = {0};

    (void)state;
    assert_int_equal(ws_write_close(WS_GOING_AWAY, NULL, out), 4);
    assert_memory_equal(out, "\x88\x02\x03\xe9", 4);
    assert_int_equal(ws_write_close(WS_GOING_AWAY, mask, out), 8);
    assert_memory_equal(out, "\x88\x82\x01\x02\x03\x04\x02\xeb", 8);
    assert_int_equal(ws_frames_pass(&f, out, 8, false), 8);
    assert_true(f.saw_close && ws_frames_at_boundary(&f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boundaries_are_found_in_every_cut),
        cmocka_unit_test(it_stops_at_the_next_boundary),
        cmocka_unit_test(our_close_frame_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
