/* Messages of the doorman's protocol: what is refused on arrival, and who may say what when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "gateway/doorman/offer.h"
#include "gateway/doorman/protocol.h"
#include "gateway/doorman/server_priv.h"

static struct doorman_msg a_list_of(uint32_t count)
{
    struct doorman_msg m;

    doorman_msg_init(&m, DOORMAN_LIST);
    m.head.generation = 1;
    m.head.count = count;
    m.head.total = count;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(m.entries[i].name, sizeof(m.entries[i].name), "http:0.0.0.0:80#%u", i);
        m.entries[i].shard = i;
        m.entries[i].num_shards = count;
    }
    return m;
}

static size_t size_of(const struct doorman_msg *m)
{
    return sizeof(m->head) + m->head.count * sizeof(m->entries[0]);
}

static void every_wrong_field_is_refused(void **state)
{
    struct doorman_msg good = a_list_of(2);
    struct doorman_msg m;

    (void)state;
    assert_true(doorman_msg_check(&good, size_of(&good), 2, NULL));
    assert_false(doorman_msg_check(&good, size_of(&good), 1, NULL));
    assert_false(doorman_msg_check(&good, size_of(&good) - 1, 2, NULL));
    assert_false(doorman_msg_check(&good, size_of(&good) + 1, 2, NULL));
    assert_false(doorman_msg_check(&good, 3, 0, NULL));
#define REFUSED(change)                                               \
    do {                                                              \
        m = good;                                                     \
        change;                                                       \
        assert_false(doorman_msg_check(&m, size_of(&good), 2, NULL)); \
    } while (0)
    REFUSED(m.head.magic++);
    REFUSED(m.head.version++);
    REFUSED(m.head.type = 0);
    REFUSED(m.head.type = DOORMAN_MSG__COUNT);
    REFUSED(m.head.type = DOORMAN_TAKE);
    REFUSED(m.head.generation = 0);
    REFUSED(m.head.count = 3);
    REFUSED(m.head.count = UINT32_MAX);
    REFUSED(m.head.total = 1);
    REFUSED(m.head.total = DOORMAN_LISTENERS_MAX + 1);
    REFUSED(m.head.first = 1);
    REFUSED(m.head.first = UINT32_MAX);
    REFUSED(m.entries[1].kind = DOORMAN_KIND__COUNT);
    REFUSED(m.entries[1].shard = 2);
    REFUSED(m.entries[1].num_shards = 0);
    REFUSED(m.entries[1].num_shards = DOORMAN_SHARDS_MAX + 1);
    REFUSED(m.entries[1].name[0] = '\0');
    REFUSED(m.entries[1].name[3] = '\n');
    REFUSED(m.entries[1].name[3] = '\x80');
    REFUSED(memset(m.entries[1].name, 'a', DOORMAN_NAME_MAX));
#undef REFUSED
}

static void a_list_of_none_is_one_message(void **state)
{
    struct doorman_msg m = a_list_of(0);

    (void)state;
    assert_true(doorman_msg_check(&m, size_of(&m), 0, NULL));
    m.head.total = 4;
    assert_false(doorman_msg_check(&m, size_of(&m), 0, NULL));
}

static void descriptors_of_a_refused_message_do_not_stay_open(void **state)
{
    struct doorman_msg m = a_list_of(DOORMAN_BATCH_MAX);
    struct err e = {0};
    int pair[2];
    int fds[DOORMAN_BATCH_MAX];
    int probe;
    int probe_after;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    for (int i = 0; i < DOORMAN_BATCH_MAX; i++)
        fds[i] = STDERR_FILENO;
    assert_int_equal(doorman_msg_send(pair[0], &m, fds), IO_DONE);
    m.entries[5].num_shards = 0;
    assert_int_equal(doorman_msg_send(pair[0], &m, fds), IO_DONE);
    probe = dup(STDERR_FILENO);
    close(probe);
    assert_int_equal(doorman_msg_recv(pair[1], &m, fds, &e), IO_DONE);
    assert_int_equal(m.head.count, DOORMAN_BATCH_MAX);
    for (int i = 0; i < DOORMAN_BATCH_MAX; i++)
        close(fds[i]);
    assert_int_equal(doorman_msg_recv(pair[1], &m, fds, &e), IO_FAIL);
    assert_string_equal(e.code, "BadMessage");
    probe_after = dup(STDERR_FILENO);
    close(probe_after);
    assert_int_equal(probe, probe_after);
    close(pair[0]);
    assert_int_equal(doorman_msg_recv(pair[1], &m, fds, &e), IO_EOF);
    close(pair[1]);
}

static void a_peer_of_another_uid_is_refused(void **state)
{
    struct err e = {0};
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_true(doorman_peer_check(pair[0], geteuid(), &e));
    assert_false(doorman_peer_check(pair[0], geteuid() + 1, &e));
    assert_string_equal(e.code, "WrongUid");
    close(pair[0]);
    close(pair[1]);
}

static void an_offer_has_a_bound_and_closes_what_it_refuses(void **state)
{
    struct doorman_msg m = a_list_of(DOORMAN_BATCH_MAX);
    struct offer offer = {0};
    int fds[DOORMAN_BATCH_MAX];
    bool ok = true;

    (void)state;
    for (size_t round = 0; round <= DOORMAN_LISTENERS_MAX / DOORMAN_BATCH_MAX; round++) {
        assert_true(ok);
        for (int i = 0; i < DOORMAN_BATCH_MAX; i++)
            fds[i] = dup(STDERR_FILENO);
        assert_true(fds[DOORMAN_BATCH_MAX - 1] >= 0);
        ok = offer_add(&offer, &m, fds, NULL);
    }
    assert_false(ok);
    assert_int_equal(offer.num, DOORMAN_LISTENERS_MAX);
    assert_non_null(offer_find(&offer, "http:0.0.0.0:80#63"));
    assert_null(offer_find(&offer, "http:0.0.0.0:80#64"));
    offer_clear(&offer);
    assert_null(offer_find(&offer, "http:0.0.0.0:80#63"));
}

static void nobody_speaks_out_of_turn(void **state)
{
    static const bool may[SESSION__COUNT][DOORMAN_MSG__COUNT] = {
        [SESSION_NEW] = {[DOORMAN_HELLO] = true},
        [SESSION_OFFERING] = {[DOORMAN_OFFER] = true, [DOORMAN_TAKE] = true},
        [SESSION_TAKEN] = {[DOORMAN_SERVING] = true, [DOORMAN_DRAINING] = true},
        [SESSION_SERVING] = {[DOORMAN_SERVING] = true, [DOORMAN_DRAINING] = true},
        [SESSION_DRAINING] = {[DOORMAN_SERVING] = true, [DOORMAN_DRAINING] = true},
        [SESSION_SUCCESSOR] = {[DOORMAN_ADOPTED] = true},
    };

    (void)state;
    for (int s = 0; s < SESSION__COUNT; s++)
        for (int type = 1; type < DOORMAN_MSG__COUNT; type++)
            assert_int_equal(session_may_say((enum session_state)s, (enum doorman_msg_type)type),
                             may[s][type]);
}

static void every_session_can_end_and_the_dead_stay_dead(void **state)
{
    (void)state;
    for (int s = 0; s < SESSION__COUNT; s++) {
        assert_int_equal(session_may_move((enum session_state)s, SESSION_DEAD), s != SESSION_DEAD);
        assert_false(session_may_move(SESSION_DEAD, (enum session_state)s));
        assert_false(session_may_move((enum session_state)s, SESSION_NEW));
    }
    assert_false(session_may_move(SESSION_SUCCESSOR, SESSION_SERVING));
    assert_false(session_may_move(SESSION_OFFERING, SESSION_SERVING));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_field_is_refused),
        cmocka_unit_test(a_list_of_none_is_one_message),
        cmocka_unit_test(descriptors_of_a_refused_message_do_not_stay_open),
        cmocka_unit_test(a_peer_of_another_uid_is_refused),
        cmocka_unit_test(an_offer_has_a_bound_and_closes_what_it_refuses),
        cmocka_unit_test(nobody_speaks_out_of_turn),
        cmocka_unit_test(every_session_can_end_and_the_dead_stay_dead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
