/* The map against a plain array, and descriptors that travel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/core/fd.h"
#include "gateway/core/map.h"

enum { KEYS = 500, STEPS = 20000 };

static void a_churning_map_holds_what_a_plain_array_holds(void **state)
{
    static int values[KEYS];
    static void *model[KEYS];
    struct map m;
    unsigned long x = 12345;
    size_t len = 0;

    (void)state;
    map_init(&m);
    for (int step = 0; step < STEPS; step++) {
        x = x * 6364136223846793005UL + 1442695040888963407UL;
        size_t k = (x >> 33) % KEYS;
        char text[16];
        struct str key = {text, (size_t)snprintf(text, sizeof(text), "k%zu", k)};

        if ((x >> 20 & 3) == 0) {
            assert_ptr_equal(map_remove(&m, key), model[k]);
            len -= model[k] != NULL;
            model[k] = NULL;
        } else {
            assert_ptr_equal(map_put(&m, key, &values[k]), model[k]);
            len += model[k] == NULL;
            model[k] = &values[k];
        }
        assert_ptr_equal(map_get(&m, key), model[k]);
        assert_int_equal(m.len, len);
    }
    assert_true(m.num_slots <= 2048); /* graves do not make it grow */
    size_t pos = 0;
    size_t seen = 0;
    struct str key;
    void *value;

    while (map_next(&m, &pos, &key, &value)) {
        assert_ptr_equal(map_remove(&m, key), value);
        seen++;
    }
    assert_int_equal(seen, len);
    assert_int_equal(m.len, 0);
    map_free(&m, NULL);
}

/* Keys inside of their values: the map looks at that of the newest value only. */
static void lent_keys_live_in_their_values(void **state)
{
    char first[] = "key";
    char second[] = "key";
    struct map m;

    (void)state;
    map_init_lent(&m);
    assert_null(map_put(&m, str_from(first), first));
    assert_ptr_equal(map_put(&m, str_from(second), second), first);
    memset(first, 'x', sizeof(first)); /* as if it were released */
    assert_ptr_equal(map_get(&m, STR("key")), second);
    assert_ptr_equal(map_remove(&m, STR("key")), second);
    assert_null(map_put(&m, str_from(second), second));
    map_free(&m, NULL);
    assert_true(m.lent_keys);
    assert_int_equal(m.len, 0);
}

static void an_empty_key_and_binary_keys_work(void **state)
{
    struct map m;
    int a;
    int b;

    (void)state;
    map_init(&m);
    assert_null(map_get(&m, STR("")));
    assert_null(map_put(&m, STR(""), &a));
    assert_null(map_put(&m, (struct str){"\0x", 2}, &b));
    assert_ptr_equal(map_get(&m, STR("")), &a);
    assert_ptr_equal(map_get(&m, (struct str){"\0x", 2}), &b);
    assert_null(map_get(&m, (struct str){"\0y", 2}));
    map_free(&m, NULL);
}

static void descriptors_travel_with_a_message(void **state)
{
    int pair[2];
    int fds[FD_PASS_MAX];
    char text[16];
    size_t n;
    size_t num;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(fd_recv(pair[1], text, sizeof(text), &n, fds, &num), IO_AGAIN);
    assert_int_equal(fd_send(pair[0], "hi", 2, pair, 2), IO_DONE);
    assert_int_equal(fd_recv(pair[1], text, sizeof(text), &n, fds, &num), IO_DONE);
    assert_int_equal(n, 2);
    assert_int_equal(num, 2);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    assert_int_equal(fds[0], -1);
    assert_int_equal(fd_send(pair[0], "a message that is too long", 26, NULL, 0), IO_DONE);
    assert_int_equal(fd_recv(pair[1], text, sizeof(text), &n, fds, &num), IO_FAIL);
    fd_close(&pair[0]);
    assert_int_equal(fd_recv(pair[1], text, sizeof(text), &n, fds, &num), IO_EOF);
    assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0), IO_EOF);
    fd_close(&pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_churning_map_holds_what_a_plain_array_holds),
        cmocka_unit_test(lent_keys_live_in_their_values),
        cmocka_unit_test(an_empty_key_and_binary_keys_work),
        cmocka_unit_test(descriptors_travel_with_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
