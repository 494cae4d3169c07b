/* Collections and errands over real worker threads: everybody writes, a busy one is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/upstream/shared.h"
#include "gateway/worker/collect.h"
#include "gateway/worker/errand.h"
#include "gateway/worker/worker.h"

enum { NUM = 3 };

struct scene {
    struct loop loop;
    struct mailbox home;
    struct upstream_shared *shared;
    struct worker *workers[NUM];
    struct collector collector;
    size_t num_answered, num_told, num_done;
    char text[256];
};

static sem_t gate;

static void no_ids(void *arg, const uint32_t *ids, size_t num)
{
    (void)arg;
    (void)ids;
    (void)num;
}

static void not_drained(void *arg)
{
    (void)arg;
    fail();
}

static int set_up(void **state)
{
    struct scene *s = xcalloc(1, sizeof *s);

    assert_int_equal(sem_init(&gate, 0, 0), 0);
    assert_true(loop_init(&s->loop, NULL) && loop_add_base(&s->loop, NULL));
    assert_true(mailbox_init(&s->home, &s->loop, NULL));
    s->shared = upstream_shared_new();
    for (unsigned i = 0; i < NUM; i++) {
        struct worker_setup setup = {.index = i,
                                     .shared = s->shared,
                                     .hub = &s->home,
                                     .on_forgotten = no_ids,
                                     .on_drained = not_drained,
                                     .arg = s};

        s->workers[i] = worker_new(&setup, NULL);
        assert_non_null(s->workers[i]);
        assert_true(worker_start(s->workers[i], NULL));
    }
    collector_init(&s->collector, &s->home, s->workers, NUM);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    collector_free(&s->collector);
    for (int i = 0; i < NUM; i++)
        worker_end(s->workers[i]);
    mailbox_empty(&s->home);
    for (int i = 0; i < NUM; i++)
        worker_free(s->workers[i]);
    mailbox_free(&s->home);
    upstream_shared_free(s->shared);
    loop_free(&s->loop);
    free(s);
    return 0;
}

static bool write_number(struct proxy *p, size_t worker, const struct collect_request *rq,
                         struct buf *out)
{
    assert_non_null(p);
    assert_int_equal(rq->limit, 7);
    return buf_add_fmt(out, "worker %zu\n", worker);
}

static bool write_when_let(struct proxy *p, size_t worker, const struct collect_request *rq,
                           struct buf *out)
{
    if (worker == 1)
        assert_int_equal(sem_wait(&gate), 0);
    return write_number(p, worker, rq, out);
}

static void on_collected(void *arg, const struct collected *parts, size_t num)
{
    struct scene *s = arg;

    assert_int_equal(num, NUM);
    s->num_told++;
    for (size_t i = 0; i < num; i++) {
        if (!parts[i].answered) {
            assert_int_equal(parts[i].text.len, 0);
            continue;
        }
        s->num_answered++;
        if (parts[i].whole)
            snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s",
                     parts[i].text.bytes);
    }
    loop_stop(&s->loop);
}

static struct collect_request request(struct scene *s)
{
    return (struct collect_request){.write = write_number,
                                    .done = on_collected,
                                    .arg = s,
                                    .limit = 7,
                                    .deadline_ms = 10000,
                                    .max_bytes = 64};
}

static void every_worker_writes_its_part(void **state)
{
    struct scene *s = *state;
    struct collect_request rq = request(s);

    assert_non_null(collect_start(&s->collector, &rq));
    loop_run(&s->loop);
    assert_int_equal(s->num_answered, NUM);
    assert_string_equal(s->text, "worker 0\nworker 1\nworker 2\n");
}

static void a_part_that_does_not_fit_is_said_to_be_cut(void **state)
{
    struct scene *s = *state;
    struct collect_request rq = request(s);

    rq.max_bytes = 4;
    (void)collect_start(&s->collector, &rq);
    loop_run(&s->loop);
    assert_int_equal(s->num_answered, NUM);
    assert_string_equal(s->text, "");
}

static void a_busy_worker_holds_nothing_up(void **state)
{
    struct scene *s = *state;
    struct collect_request rq = request(s);

    rq.write = write_when_let;
    rq.deadline_ms = 50;
    (void)collect_start(&s->collector, &rq);
    loop_run(&s->loop);
    assert_int_equal(s->num_answered, NUM - 1);
    assert_string_equal(s->text, "worker 0\nworker 2\n");
    assert_int_equal(sem_post(&gate), 0); /* it comes back when nobody waits any more */
}

static void one_that_was_cancelled_tells_nobody(void **state)
{
    struct scene *s = *state;
    struct collect_request rq = request(s);

    collect_cancel(collect_start(&s->collector, &rq));
    (void)collect_start(&s->collector, &rq);
    loop_run(&s->loop);
    assert_int_equal(s->num_told, 1);
}

struct counted {
    struct errand errand;
    struct scene *scene;
    atomic_int obeyed;
};

static void count(void *arg, struct worker *w)
{
    struct counted *c = arg;

    (void)w;
    atomic_fetch_add(&c->obeyed, 1);
}

static void on_counted(void *arg)
{
    struct counted *c = arg;

    assert_int_equal(atomic_load(&c->obeyed), NUM);
    c->scene->num_done++;
    if (c->scene->num_done == 100)
        loop_stop(&c->scene->loop);
    free(c);
}

static void an_errand_is_done_when_every_worker_is_back(void **state)
{
    struct scene *s = *state;

    for (int i = 0; i < 100; i++) {
        struct counted *c = xcalloc(1, sizeof *c);

        c->scene = s;
        c->errand = (struct errand){.obey = count, .done = on_counted, .arg = c};
        errand_send(&c->errand, &s->home, s->workers, NUM);
    }
    loop_run(&s->loop);
    assert_int_equal(s->num_done, 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_worker_writes_its_part),
        TEST(a_part_that_does_not_fit_is_said_to_be_cut),
        TEST(a_busy_worker_holds_nothing_up),
        TEST(one_that_was_cancelled_tells_nobody),
        TEST(an_errand_is_done_when_every_worker_is_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
