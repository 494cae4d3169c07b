/* Sealed objects: what opens, and that nothing which was touched does. */
#include "clusters/replica/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[32] = {7};
static const uint8_t nonce[SEAL_NONCE] = {1, 2, 3};

struct sealed {
    struct seal_keys keys;
    struct seal_place place;
    struct buf bytes;
    char name[SEAL_NAME_MAX];
};

static void name_it(struct sealed *s, const char *prefix)
{
    struct seal_named what = {s->place.kind, s->place.seq, s->place.part};
    uint8_t hash[SEAL_HASH];

    seal_hash(buf_str(&s->bytes), hash);
    seal_name(prefix, &what, hash, s->name);
}

static void seal(struct sealed *s)
{
    memset(s, 0, sizeof(*s));
    seal_derive(key, "signalbox", &s->keys);
    s->place = (struct seal_place){.kind = SEAL_SNAPSHOT,
                                   .part = 3,
                                   .last = true,
                                   .seq = 42,
                                   .commit = 812,
                                   .term = 5,
                                   .prev = {9, 9},
                                   .raw_len = 1000};
    buf_init(&s->bytes, SEAL_OBJECT_MAX);
    seal_object(&s->keys, &s->place, nonce, STR("the payload"), &s->bytes);
    name_it(s, "signalbox");
}

static const char *open_it(const struct sealed *s, const char *name)
{
    struct seal_place place;
    struct buf payload;
    struct err e = {0};

    buf_init(&payload, SEAL_PAYLOAD_MAX);
    if (seal_open(&s->keys, name, buf_str(&s->bytes), &place, &payload, &e)) {
        assert_true(str_eq(buf_str(&payload), STR("the payload")));
        assert_memory_equal(&place.prev, s->place.prev, SEAL_HASH);
        assert_true(place.kind == SEAL_SNAPSHOT && place.part == 3 && place.last);
        assert_true(place.seq == 42 && place.commit == 812 && place.term == 5);
        assert_int_equal(place.raw_len, 1000);
    } else {
        assert_int_equal(payload.len, 0);
        assert_non_null(e.code);
        assert_string_equal(e.field, name);
    }
    buf_free(&payload);
    return e.code;
}

static void an_object_opens_under_its_own_name_only(void **state)
{
    struct sealed s;

    (void)state;
    seal(&s);
    assert_null(open_it(&s, s.name));
    assert_true(strncmp(s.name, "signalbox-s-0000000042-03-", 26) == 0 && strlen(s.name) == 58);
    assert_string_equal(open_it(&s, "signalbox-s-0000000042-03-00"), "BadName");
    s.name[22] = '1';
    assert_string_equal(open_it(&s, s.name), "BadName");
    buf_free(&s.bytes);
}

/* Its name is made anew each time, so that the seal alone can tell. */
static void no_byte_of_an_object_can_be_changed(void **state)
{
    struct sealed s;

    (void)state;
    seal(&s);
    for (size_t i = 0; i < s.bytes.len; i++) {
        struct seal_place was = s.place;
        const char *code;

        s.bytes.bytes[i] ^= 1;
        if (i == 7)
            s.place.part ^= 1;
        if (i == 15)
            s.place.seq ^= 1;
        name_it(&s, "signalbox");
        code = open_it(&s, s.name);
        assert_true(code && (strcmp(code, "BadObject") == 0 || strcmp(code, "BadName") == 0));
        s.bytes.bytes[i] ^= 1;
        s.place = was;
    }
    buf_free(&s.bytes);
}

static void no_length_but_the_whole_opens(void **state)
{
    struct sealed s;
    size_t whole;

    (void)state;
    seal(&s);
    whole = s.bytes.len;
    for (s.bytes.len = 0; s.bytes.len < whole; s.bytes.len++) {
        name_it(&s, "signalbox");
        assert_string_equal(open_it(&s, s.name), "BadObject");
    }
    assert_true(buf_add(&s.bytes, "", 1));
    name_it(&s, "signalbox");
    assert_string_equal(open_it(&s, s.name), "BadObject");
    buf_free(&s.bytes);
}

static void another_identity_or_installation_cannot_open_it(void **state)
{
    static const uint8_t other[32] = {8};
    struct sealed s;

    (void)state;
    seal(&s);
    seal_derive(key, "other", &s.keys);
    name_it(&s, "other");
    assert_string_equal(open_it(&s, s.name), "BadObject");
    name_it(&s, "signalbox");
    seal_derive(other, "signalbox", &s.keys);
    assert_string_equal(open_it(&s, s.name), "BadObject");
    buf_free(&s.bytes);
}

static void only_names_of_our_form_are_ours(void **state)
{
    static const struct {
        const char *name;
        bool ours;
    } rows[] = {
        {"signalbox-s-0000000042-03-00112233445566778899aabbccddeeff", true},
        {"signalbox-l-9999999999-00-00112233445566778899aabbccddeeff", true},
        {"signalbox-fence", false},
        {"signalbox", false},
        {"", false},
        {"signalbox-", false},
        {"signalbox-x-0000000042-03-00112233445566778899aabbccddeeff", false},
        {"signalbox-s-000000042-03-00112233445566778899aabbccddeeff", false},
        {"signalbox-s-0000000042-3-00112233445566778899aabbccddeeff", false},
        {"signalbox-s-0000000042-03-00112233445566778899aabbccddeef", false},
        {"signalbox-s-0000000042-03-00112233445566778899aabbccddeefff", false},
        {"signalbox-s-0000000042-03-00112233445566778899AABBCCDDEEFF", false},
        {"signalbox-s-00000000+2-03-00112233445566778899aabbccddeeff", false},
        {"signalbox-s-0000000042-03", false},
        {"Signalbox-s-0000000042-03-00112233445566778899aabbccddeeff", false},
        {"signalboxes-s-0000000042-03-00112233445566778899aabbccddeeff", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct seal_named named;

        if (seal_read_name("signalbox", rows[i].name, &named) != rows[i].ours)
            fail_msg("%s", rows[i].name);
    }
}

static void base64_is_strict(void **state)
{
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
    } rows[] = {{"", ""},          {"YQ==", "a"}, {"YWI=", "ab"},   {"YWJj", "abc"},
                {"YQ=", NULL},     {"YQ", NULL},  {"Y", NULL},      {"YQ==YQ==", NULL},
                {"Y Q==", NULL},   {"YR==", "a"}, {"YWJj\n", NULL}, {"****", NULL},
                {"YWJj====", NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf out;
        bool ok;

        buf_init(&out, 100);
        ok = seal_from_base64(str_from(rows[i].text), &out);
        if (ok != (rows[i].bytes != NULL) ||
            (ok && !str_eq(buf_str(&out), str_from(rows[i].bytes))))
            fail_msg("%s", rows[i].text);
        if (ok && strcmp(rows[i].text, "YR==") != 0) {
            char *back = seal_to_base64(buf_str(&out));

            assert_string_equal(back, rows[i].text);
            free(back);
        }
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_opens_under_its_own_name_only),
        cmocka_unit_test(no_byte_of_an_object_can_be_changed),
        cmocka_unit_test(no_length_but_the_whole_opens),
        cmocka_unit_test(another_identity_or_installation_cannot_open_it),
        cmocka_unit_test(only_names_of_our_form_are_ours),
        cmocka_unit_test(base64_is_strict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
