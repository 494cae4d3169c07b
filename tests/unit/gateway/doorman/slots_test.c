/* What becomes of a doorman's public sockets: the state table, and the rules on real loopback
 * sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <unistd.h>

#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/doorman/listener.h"
#include "gateway/doorman/slots.h"

static struct listen_spec spec; /* a free port of 127.0.0.1 */

static void choose_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(in);
    char flag[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    close(fd);
    snprintf(flag, sizeof(flag), "http=127.0.0.1:%u", ntohs(in.sin_port));
    assert_true(listen_spec_parse(str_from(flag), &spec, NULL));
}

/* 0 = connected, else errno. A connection that nobody accepts is closed at once. */
static int knock(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = connect(fd, &spec.addr.sa, spec.addr_len) == 0 ? 0 : errno;

    close(fd);
    return result;
}

static void bound_slots(struct slots *s, unsigned shards)
{
    struct err e;

    choose_port();
    slots_init(s, &spec, 1, shards);
    assert_true(slots_bind(s, &e));
    assert_null(e.code);
}

/* What a gateway that took everything would offer. */
static struct offer copies(const struct slots *s)
{
    struct offer offer = {0};
    struct doorman_msg m;
    int fds[DOORMAN_BATCH_MAX];
    size_t pos = 0;

    while (pos < s->num) {
        slots_list(s, &pos, &m, fds);
        for (uint32_t i = 0; i < m.head.count; i++)
            fds[i] = dup(fds[i]);
        assert_true(offer_add(&offer, &m, fds, NULL));
    }
    return offer;
}

static void the_next_state_follows_from_service_and_time(void **state)
{
    static const struct {
        enum slot_state now;
        bool served;
        bool passed;
        enum slot_state next;
    } rows[] = {
        {SLOT_IDLE, false, true, SLOT_IDLE},    {SLOT_IDLE, true, true, SLOT_OPEN},
        {SLOT_OPEN, true, true, SLOT_OPEN},     {SLOT_OPEN, false, true, SLOT_GRACE},
        {SLOT_GRACE, false, false, SLOT_GRACE}, {SLOT_GRACE, true, true, SLOT_OPEN},
        {SLOT_GRACE, false, true, SLOT_IDLE},   {SLOT_MISSING, true, true, SLOT_MISSING},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(slot_next(rows[i].now, rows[i].served, rows[i].passed), rows[i].next);
        if (rows[i].now != rows[i].next)
            assert_true(slot_may_move(rows[i].now, rows[i].next));
    }
    for (int s = SLOT_IDLE; s < SLOT__COUNT; s++)
        assert_true(slot_may_move((enum slot_state)s, SLOT_MISSING));
    assert_false(slot_may_move(SLOT_MISSING, SLOT_OPEN));
    assert_false(slot_may_move(SLOT_OPEN, SLOT_IDLE));
}

static void a_slot_listens_only_while_the_generation_that_holds_it_is_served(void **state)
{
    struct slots s;

    (void)state;
    bound_slots(&s, 1);
    slots_tick(&s, 0, false, 0);
    assert_int_equal(knock(), ECONNREFUSED);
    slots_tick(&s, s.generation - 1, false, 0);
    assert_int_equal(knock(), ECONNREFUSED);
    slots_tick(&s, s.generation, false, 0);
    assert_int_equal(knock(), 0);
    slots_tick(&s, 0, false, 1000);
    slots_tick(&s, 0, false, 1000 + SLOT_GRACE_MS - 1);
    assert_int_equal(knock(), 0);
    slots_tick(&s, 0, true, 1000 + SLOT_GRACE_MS);
    assert_int_equal(knock(), 0);
    slots_tick(&s, 0, false, 1000 + SLOT_GRACE_MS);
    assert_int_equal(knock(), ECONNREFUSED);
    slots_tick(&s, s.generation, false, 90000);
    assert_int_equal(knock(), 0);
    slots_free(&s);
    assert_int_equal(knock(), ECONNREFUSED);
}

static void a_listener_that_was_shut_or_connected_elsewhere_is_revived(void **state)
{
    struct slots s;
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(there);
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(other, (struct sockaddr *)&there, sizeof(there)), 0);
    assert_int_equal(listen(other, 4), 0);
    assert_int_equal(getsockname(other, (struct sockaddr *)&there, &len), 0);
    bound_slots(&s, 2);
    slots_tick(&s, s.generation, false, 0);
    assert_int_equal(shutdown(s.all[0].fd, SHUT_RDWR), 0);
    assert_int_equal(connect(s.all[1].fd, &nowhere, sizeof(nowhere)), 0);
    if (connect(s.all[1].fd, (struct sockaddr *)&there, sizeof(there)) != 0)
        assert_int_equal(errno, EINPROGRESS);
    assert_int_equal(knock(), ECONNREFUSED);
    slots_tick(&s, s.generation, false, 100);
    assert_true(listener_is_listening(s.all[0].fd));
    assert_true(listener_is_listening(s.all[1].fd));
    assert_int_equal(knock(), 0);
    slots_free(&s);
    close(other);
}

static void an_idle_listener_that_somebody_opens_is_shut(void **state)
{
    struct slots s;

    (void)state;
    bound_slots(&s, 1);
    assert_int_equal(listen(s.all[0].fd, 4), 0);
    slots_tick(&s, 0, false, 0);
    assert_int_equal(knock(), ECONNREFUSED);
    slots_free(&s);
}

static void a_holder_cannot_attach_a_filter_that_drops_connections(void **state)
{
    struct sock_filter drop_all = {.code = BPF_RET | BPF_K, .k = 0};
    struct sock_fprog program = {.len = 1, .filter = &drop_all};
    struct slots s;

    (void)state;
    bound_slots(&s, 1);
    assert_int_equal(
        setsockopt(s.all[0].fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), -1);
    assert_int_equal(errno, EPERM);
    slots_free(&s);
}

static void what_somebody_holds_is_not_bound_again(void **state)
{
    struct slots first;
    struct slots second;
    struct err e;

    (void)state;
    for (unsigned shards = 1; shards <= 3; shards += 2) {
        bound_slots(&first, shards);
        slots_init(&second, &spec, 1, shards);
        assert_false(slots_bind(&second, &e)); /* held, idle */
        assert_string_equal(e.code, "PortInUse");
        slots_tick(&first, first.generation, false, 0);
        assert_false(slots_bind(&second, &e)); /* held, listening */
        slots_tick(&first, 0, false, 0);
        slots_tick(&first, 0, false, SLOT_GRACE_MS);
        assert_false(slots_bind(&second, &e)); /* held, shut after its time */
        assert_int_equal(slots_num_missing(&second), shards);
        slots_release(&first);
        assert_true(slots_bind(&second, &e));
        assert_int_equal(slots_num_missing(&second), 0);
        slots_free(&first);
        slots_free(&second);
    }
}

static void a_successor_inherits_every_shard_and_the_state(void **state)
{
    struct slots first;
    struct slots second;

    (void)state;
    for (int open = 0; open < 2; open++) {
        bound_slots(&first, 3);
        slots_tick(&first, open == 1 ? first.generation : 0, false, 0);
        struct offer offer = copies(&first);

        if (open == 1)
            assert_int_equal(shutdown(first.all[1].fd, SHUT_RDWR), 0); /* revived by the heir */
        slots_init(&second, &spec, 1, 3);
        assert_int_equal(slots_adopt(&second, &offer, 0), 3);
        offer_clear(&offer);
        slots_release(&first);
        slots_tick(&second, 0, false, 1);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(second.all[i].state, open == 1 ? SLOT_GRACE : SLOT_IDLE);
            assert_int_equal(listener_is_listening(second.all[i].fd), open);
        }
        assert_int_equal(knock(), open == 1 ? 0 : ECONNREFUSED);
        slots_free(&first);
        slots_free(&second);
    }
}

static void an_offer_without_all_shards_or_of_another_socket_is_refused(void **state)
{
    struct slots first;
    struct slots second;
    struct offer offer;
    struct listen_spec wanted;

    (void)state;
    bound_slots(&first, 3);
    wanted = spec;
    slots_init(&second, &wanted, 1, 3);
    offer = copies(&first);
    fd_close(&offer.items[2].fd);
    assert_int_equal(slots_adopt(&second, &offer, 0), 0);
    offer_clear(&offer);
    offer = copies(&first);
    fd_close(&offer.items[1].fd);
    offer.items[1].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(slots_adopt(&second, &offer, 0), 0);
    offer_clear(&offer);
    snprintf(wanted.device, sizeof(wanted.device), "lo");
    offer = copies(&first);
    assert_int_equal(slots_adopt(&second, &offer, 0), 0);
    offer_clear(&offer);
    assert_int_equal(slots_num_missing(&second), 3);
    slots_free(&first);
    slots_free(&second);
}

static void listeners_of_ipv6_are_inherited_too(void **state)
{
    struct listen_spec six;
    struct slots first;
    struct slots second;
    struct err e;

    (void)state;
    choose_port(); /* free in IPv4, which makes it likely to be free here */
    char flag[64];

    snprintf(flag, sizeof(flag), "https=[::1]:%u", listen_spec_port(&spec));
    assert_true(listen_spec_parse(str_from(flag), &six, NULL));
    slots_init(&first, &six, 1, 2);
    assert_true(slots_bind(&first, &e));
    slots_tick(&first, first.generation, false, 0);
    struct offer offer = copies(&first);

    slots_init(&second, &six, 1, 2);
    assert_int_equal(slots_adopt(&second, &offer, 0), 2);
    offer_clear(&offer);
    slots_free(&first);
    assert_true(listener_is_listening(second.all[1].fd));
    slots_free(&second);
}

static void an_accepted_connection_is_no_listener(void **state)
{
    struct slots s;
    struct err e = {0};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int accepted;

    (void)state;
    bound_slots(&s, 1);
    slots_tick(&s, s.generation, false, 0);
    assert_int_equal(connect(client, &spec.addr.sa, spec.addr_len), 0);
    accepted = accept4(s.all[0].fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    assert_true(listener_verify(s.all[0].fd, &spec, &e));
    assert_false(listener_verify(accepted, &spec, &e));
    assert_false(listener_verify(STDERR_FILENO, &spec, &e));
    assert_int_equal(listener_cookie(STDERR_FILENO), 0);
    assert_int_not_equal(listener_cookie(accepted), listener_cookie(s.all[0].fd));
    close(client);
    close(accepted);
    slots_free(&s);
}

static void a_long_list_comes_in_batches_that_fit_together(void **state)
{
    struct slots s;
    struct doorman_msg m;
    int fds[DOORMAN_BATCH_MAX];
    size_t pos = 0;
    uint32_t seen = 0;

    (void)state;
    bound_slots(&s, 150);
    while (pos < s.num) {
        slots_list(&s, &pos, &m, fds);
        assert_true(doorman_msg_check(&m, sizeof(m.head) + m.head.count * sizeof(m.entries[0]),
                                      m.head.count, NULL));
        assert_int_equal(m.head.first, seen);
        assert_int_equal(m.head.total, 150);
        assert_int_equal(m.head.flags, DOORMAN_LIST_COMPLETE);
        seen += m.head.count;
    }
    assert_int_equal(seen, 150);
    slots_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_state_follows_from_service_and_time),
        cmocka_unit_test(a_slot_listens_only_while_the_generation_that_holds_it_is_served),
        cmocka_unit_test(a_listener_that_was_shut_or_connected_elsewhere_is_revived),
        cmocka_unit_test(an_idle_listener_that_somebody_opens_is_shut),
        cmocka_unit_test(a_holder_cannot_attach_a_filter_that_drops_connections),
        cmocka_unit_test(what_somebody_holds_is_not_bound_again),
        cmocka_unit_test(a_successor_inherits_every_shard_and_the_state),
        cmocka_unit_test(an_offer_without_all_shards_or_of_another_socket_is_refused),
        cmocka_unit_test(listeners_of_ipv6_are_inherited_too),
        cmocka_unit_test(an_accepted_connection_is_no_listener),
        cmocka_unit_test(a_long_list_comes_in_batches_that_fit_together),
    };

    log_init("slots_test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
