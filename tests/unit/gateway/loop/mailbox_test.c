/* Mailboxes: order, bounds, one wake-up a burst, many senders at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/loop/mailbox.h"

enum { SENDERS = 8, EACH = 20000 };

struct scene {
    struct loop loop;
    struct mailbox box;
    uint32_t next[SENDERS]; /* number expected of each sender */
    size_t num_got, num_wanted, num_turns, most_a_turn, this_turn;
};

struct letter {
    struct mail mail;
    struct scene *scene;
    uint32_t sender, number;
};

static void on_letter(void *owner)
{
    struct letter *l = owner;
    struct scene *s = l->scene;

    assert_int_equal(l->number, s->next[l->sender]);
    s->next[l->sender]++;
    s->num_got++;
    s->this_turn++;
    free(l);
}

static void post(struct scene *s, uint32_t sender, uint32_t number)
{
    struct letter *l = xcalloc(1, sizeof *l);

    *l = (struct letter){{.deliver = on_letter, .owner = l}, s, sender, number};
    mailbox_send(&s->box, &l->mail);
}

static void on_turn_end(void *arg)
{
    struct scene *s = arg;

    s->num_turns++;
    if (s->this_turn > s->most_a_turn)
        s->most_a_turn = s->this_turn;
    s->this_turn = 0;
    if (s->num_got >= s->num_wanted)
        loop_stop(&s->loop);
}

static int set_up(void **state)
{
    struct scene *s = xcalloc(1, sizeof *s);

    assert_true(loop_init(&s->loop, NULL));
    assert_true(mailbox_init(&s->box, &s->loop, NULL));
    s->loop.on_turn_end = on_turn_end;
    s->loop.turn_end_arg = s;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    mailbox_free(&s->box);
    loop_free(&s->loop);
    free(s);
    return 0;
}

static void run_until(struct scene *s, size_t num)
{
    s->num_wanted = num;
    s->loop.stopped = false;
    loop_run(&s->loop);
    assert_int_equal(s->num_got, num);
}

static void messages_come_in_the_order_they_were_sent(void **state)
{
    struct scene *s = *state;

    for (uint32_t i = 0; i < 10; i++)
        post(s, 0, i);
    run_until(s, 10);
    for (uint32_t i = 10; i < 20; i++)
        post(s, 0, i);
    run_until(s, 20);
}

static void a_turn_delivers_a_bounded_number(void **state)
{
    struct scene *s = *state;

    for (uint32_t i = 0; i < 10 * MAILBOX_A_TURN; i++)
        post(s, 0, i);
    run_until(s, 10 * (size_t)MAILBOX_A_TURN);
    assert_int_equal(s->most_a_turn, MAILBOX_A_TURN);
}

static void a_burst_rings_once(void **state)
{
    struct scene *s = *state;
    eventfd_t rings = 0;

    for (uint32_t i = 0; i < 100; i++)
        post(s, 0, i);
    assert_int_equal(eventfd_read(s->box.fd, &rings), 0);
    assert_int_equal(rings, 1);
    mailbox_empty(&s->box);
    assert_int_equal(s->num_got, 100);
}

struct chain {
    struct mail mail;
    struct scene *scene;
    int left;
};

static void on_chain(void *owner)
{
    struct chain *c = owner;

    c->scene->num_got++;
    if (--c->left > 0)
        mailbox_send(&c->scene->box, &c->mail);
}

static void a_message_sent_while_one_is_delivered_is_not_lost(void **state)
{
    struct scene *s = *state;
    struct chain c = {{.deliver = on_chain, .owner = &c}, s, 50};

    mailbox_send(&s->box, &c.mail);
    run_until(s, 50);
}

struct sender {
    struct scene *scene;
    uint32_t number;
    pthread_t thread;
};

static void *send_many(void *arg)
{
    struct sender *me = arg;

    for (uint32_t i = 0; i < EACH; i++)
        post(me->scene, me->number, i);
    return NULL;
}

static void many_threads_lose_nothing_and_keep_their_order(void **state)
{
    struct scene *s = *state;
    struct sender senders[SENDERS];

    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.scene = s, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_many, &senders[i]), 0);
    }
    run_until(s, (size_t)SENDERS * EACH);
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
    assert_true(s->most_a_turn <= MAILBOX_A_TURN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_come_in_the_order_they_were_sent),
        TEST(a_turn_delivers_a_bounded_number),
        TEST(a_burst_rings_once),
        TEST(a_message_sent_while_one_is_delivered_is_not_lost),
        TEST(many_threads_lose_nothing_and_keep_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
