/*
 * Coordinators against a scripted Docker that keeps configs as Swarm does: names once, versions
 * that grow, labels by compare-and-swap. It loses replies, errs, hangs and lists what was; what was
 * said to be durable is there for the next coordinator, and one at a time has the fence.
 */
#include "clusters/replica/replica.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clusters/replica/fence.h"
#include "gateway/core/buf.h"
#include "gateway/core/clock.h"
#include "tests/support/array_source.h"
#include "tests/unit/clusters/replica/fake_configs.h"

enum { DOCS_MAX = 64 };

struct coordinator {
    struct world *w;
    struct replica *replica;
    struct replica_config config;
    enum replica_fence fence;
    char who[80];
    int num_loaded, num_asked, num_changes;
    bool ours;
    uint64_t commit, durable;
    char loaded[2000]; /* "name=value " of each document */
    char docs[DOCS_MAX][16];
    uint64_t last; /* its own commits */
};

/* ---- a coordinator -------------------------------------------------------------------------- */

static void give_snapshot(struct coordinator *c)
{
    struct replica_doc docs[DOCS_MAX];
    char names[DOCS_MAX][8];
    size_t num = 0;

    for (size_t i = 0; i < DOCS_MAX; i++)
        if (c->docs[i][0]) {
            (void)snprintf(names[num], sizeof(names[num]), "d%zu", i);
            docs[num] = (struct replica_doc){"t", "route", names[num], c->docs[i], 5};
            num++;
        }
    struct replica_source source = array_source(docs, num);

    replica_snapshot(c->replica, c->last, &source);
}

static void on_loaded(void *arg, const struct replica_loaded *l)
{
    struct coordinator *c = arg;

    assert_int_equal(c->num_loaded++, 0);
    assert_int_equal(c->fence, REPLICA_FENCE_ASKING);
    c->ours = l->ours;
    c->commit = l->commit;
    for (size_t i = 0; i < l->num; i++) {
        size_t len = strlen(c->loaded);

        (void)snprintf(c->loaded + len, sizeof(c->loaded) - len, "%s=%s ", l->docs[i].name,
                       l->docs[i].value);
        assert_true(l->docs[i].created_ms == 5);
    }
    if (l->ours && c->last > l->commit) {
        give_snapshot(c);
        return;
    }
    c->last = l->commit;
    memset(c->docs, 0, sizeof(c->docs));
    for (size_t i = 0; i < l->num; i++)
        (void)snprintf(c->docs[strtoul(l->docs[i].name + 1, NULL, 10)], 16, "%s", l->docs[i].value);
}

static void on_snapshot(void *arg)
{
    struct coordinator *c = arg;

    c->num_asked++;
    give_snapshot(c);
}

static void on_durable(void *arg, uint64_t commit)
{
    struct coordinator *c = arg;

    assert_true(commit > c->durable);
    c->durable = commit;
}

static void on_fence(void *arg, enum replica_fence fence, const char *who)
{
    struct coordinator *c = arg;

    assert_true(fence != c->fence && c->fence != REPLICA_FENCE_LOST);
    c->num_changes++;
    c->fence = fence;
    (void)snprintf(c->who, sizeof(c->who), "%s", who);
}

static void begin_keyed(struct coordinator *c, struct world *w, const char *store, uint8_t key)
{
    char *endpoint = xasprintf("unix://%s", w->fake.path);
    struct err e = {0};

    c->w = w;
    c->config = (struct replica_config){.docker = (const char *const[]){endpoint, NULL},
                                        .key = {key},
                                        .name = "signalbox",
                                        .coordinator = store,
                                        .store = store,
                                        .commit = c->last,
                                        .on_loaded = on_loaded,
                                        .on_snapshot = on_snapshot,
                                        .on_durable = on_durable,
                                        .on_fence = on_fence,
                                        .arg = c};
    c->replica = replica_new(w->base, &c->config, &e);
    assert_non_null(c->replica);
    free(endpoint);
}

static void begin(struct coordinator *c, struct world *w, const char *store)
{
    begin_keyed(c, w, store, 7);
}

/* Its process ends; its store stays. */
static void end(struct coordinator *c)
{
    replica_free(c->replica);
    c->replica = NULL;
    c->fence = REPLICA_FENCE_ASKING;
    c->num_loaded = c->num_changes = c->num_asked = 0;
    c->durable = 0;
    c->loaded[0] = '\0';
}

static void push(struct coordinator *c, size_t doc, const char *value)
{
    char name[8];
    struct replica_doc d = {"t", "route", name, value, 5};

    (void)snprintf(name, sizeof(name), "d%zu", doc);
    (void)snprintf(c->docs[doc], sizeof(c->docs[doc]), "%s", value ? value : "");
    replica_push(c->replica, ++c->last, &d, 1);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what; /* a timer has neither */
    event_base_loopbreak(arg);
}

static void run(struct world *w, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    struct event *limit = evtimer_new(w->base, on_limit, w->base);

    event_add(limit, &tv);
    event_base_dispatch(w->base);
    event_free(limit);
}

static bool run_until_fence(struct coordinator *c, enum replica_fence fence, int64_t ms)
{
    for (int64_t end_ms = clock_mono_ms() + ms; c->fence != fence && clock_mono_ms() < end_ms;)
        run(c->w, 10);
    return c->fence == fence;
}

static bool run_until_durable(struct coordinator *c, int64_t ms)
{
    for (int64_t end_ms = clock_mono_ms() + ms; c->durable != c->last && clock_mono_ms() < end_ms;)
        run(c->w, 5);
    return c->durable == c->last;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void the_first_coordinator_finds_nothing_and_may_write(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0};
    struct replica_status status;

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    assert_true(a.num_loaded == 1 && a.ours && a.commit == 0 && !a.loaded[0]);
    assert_string_equal(a.who, "a");
    push(&a, 1, "one");
    push(&a, 2, "two");
    push(&a, 1, NULL);
    assert_true(run_until_durable(&a, 1000));
    replica_status(a.replica, &status);
    assert_true(status.loaded && status.durable == 3 && !status.last_error.code);
    assert_true(status.objects >= 1 && status.fence == REPLICA_FENCE_HELD);
    end(&a);
}

static void a_restart_finds_its_own_and_another_store_takes_it_over(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0}, b = {0};

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    push(&a, 1, "one");
    push(&a, 2, "two");
    assert_true(run_until_durable(&a, 1000));
    end(&a);
    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    assert_true(a.ours && a.commit == 2);
    assert_string_equal(a.loaded, "d1=one d2=two ");
    end(&a);
    a.last++; /* a commit that never went out */
    (void)snprintf(a.docs[3], 16, "three");
    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    assert_true(run_until_durable(&a, 2000));
    end(&a);
    begin(&b, w, "b");
    assert_true(run_until_fence(&b, REPLICA_FENCE_HELD, 2000));
    assert_true(!b.ours && b.commit == 3);
    assert_string_equal(b.loaded, "d1=one d2=two d3=three ");
    end(&b);
}

static void who_starts_later_takes_over_and_the_old_one_stops(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0}, b = {0}, c = {0};

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    push(&a, 1, "one");
    assert_true(run_until_durable(&a, 1000));
    begin(&b, w, "b");
    assert_true(run_until_fence(&b, REPLICA_FENCE_HELD, 500));
    assert_string_equal(b.loaded, "d1=one ");
    push(&a, 1, "late"); /* it has not noticed yet */
    assert_true(run_until_fence(&a, REPLICA_FENCE_LOST, 3000));
    assert_string_equal(a.who, "b");
    push(&b, 2, "two");
    assert_true(run_until_durable(&b, 1500));
    assert_int_equal(a.durable, 1);
    assert_int_equal(b.fence, REPLICA_FENCE_HELD);
    end(&a);
    end(&b);
    begin(&c, w, "c");
    assert_true(run_until_fence(&c, REPLICA_FENCE_HELD, 1000));
    assert_string_equal(c.loaded, "d1=one d2=two ");
    end(&c);
}

static void two_that_start_at_once_settle_on_one(void **state)
{
    struct world *w = *state;

    for (int round = 0; round < 5; round++) {
        struct coordinator a = {0}, b = {0};

        begin(&a, w, "a");
        begin(&b, w, "b");
        run(w, 3000);
        assert_int_equal((a.fence == REPLICA_FENCE_HELD) + (b.fence == REPLICA_FENCE_HELD), 1);
        push(a.fence == REPLICA_FENCE_HELD ? &a : &b, 1, "one");
        assert_true(run_until_durable(a.fence == REPLICA_FENCE_HELD ? &a : &b, 1500));
        end(&a);
        end(&b);
    }
}

/* Each call in turn has each fault: nothing that was durable is lost, all becomes durable. */
static void any_call_may_fail_once(void **state)
{
    struct world *w = *state;

    for (enum fault fault = LOSES_REPLY; fault < HANGS; fault++)
        for (int at = 1; at <= 14; at++) {
            struct coordinator a = {0}, b = {0};

            while (w->num)
                erase(w, &w->configs[0]);
            w->num_calls = 0;
            w->fault_at = at;
            w->fault = fault;
            begin(&a, w, "a");
            assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 3000));
            push(&a, 1, "one");
            assert_true(run_until_durable(&a, 3000));
            give_snapshot(&a);
            push(&a, 2, "two");
            assert_true(run_until_durable(&a, 3000));
            assert_int_equal(a.fence, REPLICA_FENCE_HELD);
            end(&a);
            begin(&b, w, "b");
            assert_true(run_until_fence(&b, REPLICA_FENCE_HELD, 3000));
            assert_string_equal(b.loaded, "d1=one d2=two ");
            end(&b);
        }
}

static void a_call_that_hangs_is_given_up(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0};

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    w->fault = HANGS;
    w->fault_at = w->num_calls + 1;
    push(&a, 1, "one");
    assert_true(run_until_durable(&a, 5000));
    assert_int_equal(a.num_changes, 1); /* believed all the time */
    end(&a);
}

static void without_docker_the_fence_is_not_believed_for_long(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0};
    struct replica_status status;

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    w->away = true;
    w->fault = ERRS;
    run(w, 3000);
    assert_int_equal(a.fence, REPLICA_FENCE_HELD);
    assert_true(run_until_fence(&a, REPLICA_FENCE_ASKING, REPLICA_SURE_MS));
    replica_status(a.replica, &status);
    assert_string_equal(status.last_error.code, "Refused");
    push(&a, 1, "one");
    w->away = false;
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 3000));
    assert_true(run_until_durable(&a, 1000));
    end(&a);
}

static void one_that_comes_back_from_a_partition_is_fenced(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0}, b = {0};

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    push(&a, 1, "one");
    assert_true(run_until_durable(&a, 1000));
    w->away = true;
    w->fault = BREAKS_OFF;
    run(w, 300);
    push(&a, 2, "lost");
    run(w, 1000);
    end(&a);
    w->away = false;
    begin(&b, w, "b");
    assert_true(run_until_fence(&b, REPLICA_FENCE_HELD, 2000));
    assert_string_equal(b.loaded, "d1=one ");
    push(&b, 3, "three");
    assert_true(run_until_durable(&b, 1500));
    end(&b);
    assert_int_equal(a.last, 2); /* its store has a commit of that number too: another one */
    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    assert_false(a.ours);
    assert_string_equal(a.loaded, "d1=one d3=three ");
    end(&a); /* before its store has taken that over */
    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    assert_false(a.ours);
    push(&a, 4, "four");
    assert_true(run_until_durable(&a, 1500));
    end(&a);
    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    assert_true(a.ours);
    assert_string_equal(a.loaded, "d1=one d3=three d4=four ");
    end(&a);
}

static void a_fence_that_somebody_removed_or_bent_is_mended(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0}, b = {0};

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    push(&a, 1, "one");
    assert_true(run_until_durable(&a, 1000));
    erase(w, find(w, "signalbox-fence"));
    push(&a, 2, "two");
    assert_true(run_until_durable(&a, 1500));
    assert_non_null(find(w, "signalbox-fence"));
    free(find(w, "signalbox-fence")->labels);
    find(w, "signalbox-fence")->labels = xstrdup("{}");
    find(w, "signalbox-fence")->version = ++w->version;
    push(&a, 3, "three");
    assert_true(run_until_durable(&a, 1500));
    assert_int_equal(a.num_changes, 1);
    end(&a);
    erase(w, find(w, "signalbox-fence")); /* between two lives: by the objects alone */
    begin(&b, w, "b");
    assert_true(run_until_fence(&b, REPLICA_FENCE_HELD, 2000));
    assert_string_equal(b.loaded, "d1=one d2=two d3=three ");
    end(&b);
}

static void another_identity_is_left_alone(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0}, b = {0};
    struct replica_status status;
    unsigned version;

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    push(&a, 1, "one");
    assert_true(run_until_durable(&a, 1000));
    end(&a);
    version = w->version;
    begin_keyed(&b, w, "b", 8);
    run(w, 2500);
    assert_int_equal(b.fence, REPLICA_FENCE_ASKING);
    assert_true(b.num_loaded == 0 && w->version == version);
    replica_status(b.replica, &status);
    assert_string_equal(status.last_error.code, "BadFence");
    end(&b);
    erase(w, find(w, "signalbox-fence")); /* nor does it begin beside what it cannot open */
    begin_keyed(&b, w, "b", 8);
    run(w, 2500);
    assert_int_equal(b.fence, REPLICA_FENCE_ASKING);
    replica_status(b.replica, &status);
    assert_string_equal(status.last_error.code, "BadObject");
    assert_null(find(w, "signalbox-fence"));
    end(&b);
}

static const char *first_of(struct world *w, const char *kind)
{
    for (size_t i = 0; i < w->num; i++)
        if (strncmp(w->configs[i].name, kind, strlen(kind)) == 0)
            return w->configs[i].name;
    return NULL;
}

static void a_list_that_lags_behind_is_read_again(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0}, b = {0};

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    push(&a, 1, "one");
    assert_true(run_until_durable(&a, 1000));
    end(&a);
    w->hidden = first_of(w, "signalbox-l-");
    w->num_hidden = 2;
    begin(&b, w, "b");
    run(w, 800);
    assert_int_equal(b.num_loaded, 0);
    assert_true(run_until_fence(&b, REPLICA_FENCE_HELD, 4000));
    assert_string_equal(b.loaded, "d1=one ");
    end(&b);
}

static void an_object_that_is_gone_is_named_or_written_anew(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0}, b = {0};
    struct replica_status status;
    char gone[80];

    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    push(&a, 1, "one");
    assert_true(run_until_durable(&a, 1000));
    push(&a, 2, "two");
    assert_true(run_until_durable(&a, 1000));
    end(&a);
    (void)snprintf(gone, sizeof(gone), "%s", first_of(w, "signalbox-l-"));
    erase(w, find(w, gone));
    begin(&a, w, "a"); /* whose store has all of it */
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    assert_true(run_until_durable(&a, 2000));
    end(&a);
    begin(&b, w, "b");
    assert_true(run_until_fence(&b, REPLICA_FENCE_HELD, 2000));
    assert_string_equal(b.loaded, "d1=one d2=two ");
    end(&b);
    (void)snprintf(gone, sizeof(gone), "%s", first_of(w, "signalbox-s-"));
    erase(w, find(w, gone));
    w->no_removals = true;
    memset(&a, 0, sizeof(a));
    begin(&a, w, "another");
    run(w, 2500);
    assert_int_equal(a.num_loaded, 0);
    replica_status(a.replica, &status);
    assert_true(strcmp(status.last_error.code, "Incomplete") == 0);
    end(&a);
}

static void a_later_start_that_is_alive_is_waited_for(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0};
    struct seal_keys keys;
    struct fence f = {.holder = "b", .store = "b", .term = 3, .started_ms = INT64_MAX};
    struct config *c = &w->configs[w->num++];
    uint8_t key[32] = {7};
    struct buf labels;

    seal_derive(key, "signalbox", &keys);
    buf_init(&labels, 4096);
    assert_true(fence_write(&keys, &f, &labels));
    (void)snprintf(c->name, sizeof(c->name), "signalbox-fence");
    c->labels = buf_take(&labels);
    c->data = xstrdup("YQ==");
    c->version = ++w->version;
    begin(&a, w, "a");
    run(w, 2500);
    assert_true(a.fence == REPLICA_FENCE_ASKING && w->version == 1);
    end(&a);
}

static void the_log_is_shortened_and_strangers_stay(void **state)
{
    struct world *w = *state;
    struct coordinator a = {0}, b = {0};
    struct config *c = &w->configs[w->num++];

    (void)snprintf(c->name, sizeof(c->name), "signalbox-nginx.conf");
    c->labels = xstrdup("{}");
    c->data = xstrdup("YQ==");
    c->version = ++w->version;
    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    for (int i = 0; i < 24; i++) {
        char value[16];

        (void)snprintf(value, sizeof(value), "v%d", i);
        push(&a, (size_t)i % 3, value);
        assert_true(run_until_durable(&a, 1000));
    }
    assert_true(a.num_asked >= 1);
    run(w, 6000);
    assert_true(w->num <= 10 && w->most <= 40);
    assert_non_null(find(w, "signalbox-nginx.conf"));
    end(&a);
    begin(&b, w, "b");
    assert_true(run_until_fence(&b, REPLICA_FENCE_HELD, 2000));
    assert_string_equal(b.loaded, "d0=v21 d1=v22 d2=v23 ");
    end(&b);
}

static void more_than_swarm_takes_is_said(void **state)
{
    enum { DOCS = 130, BYTES = 480 << 10 }; /* above REPLICA_RAW_MAX */
    struct world *w = *state;
    struct coordinator a = {0};
    struct replica_doc docs[DOCS];
    struct replica_status status = {0};
    struct replica_source too_much, little;
    char *value = xcalloc(BYTES + 1, 1);

    memset(value, 'v', BYTES);
    for (size_t i = 0; i < DOCS; i++)
        docs[i] = (struct replica_doc){"t", "route", "name", value, 1};
    begin(&a, w, "a");
    assert_true(run_until_fence(&a, REPLICA_FENCE_HELD, 2000));
    too_much = array_source(docs, DOCS);
    replica_snapshot(a.replica, 1, &too_much);
    for (int i = 0; i < 200 && status.too_large.code == NULL; i++) {
        run(w, 20);
        replica_status(a.replica, &status);
    }
    assert_string_equal(status.too_large.code, "TooLarge");
    little = array_source(docs, 1);
    replica_snapshot(a.replica, 2, &little);
    replica_status(a.replica, &status);
    assert_null(status.too_large.code);
    end(&a);
    free(value);
}

static void names_and_endpoints_are_judged(void **state)
{
    static const char *const names[] = {"", "Signalbox", "sixteen-is-toolong", "a-b", "a/b"};
    struct world *w = *state;
    struct replica_config good = {.docker = (const char *const[]){"unix:///nowhere", NULL},
                                  .name = "signalbox",
                                  .coordinator = "c",
                                  .store = "s"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct replica_config bad = good;
        struct err e = {0};

        bad.name = names[i];
        assert_null(replica_new(w->base, &bad, &e));
        assert_string_equal(e.code, "BadName");
    }
    good.docker = (const char *const[]){"nonsense", NULL};
    assert_null(replica_new(w->base, &good, NULL));
    good.docker = (const char *const[]){NULL};
    assert_null(replica_new(w->base, &good, NULL));
    replica_free(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_first_coordinator_finds_nothing_and_may_write),
        TEST(a_restart_finds_its_own_and_another_store_takes_it_over),
        TEST(who_starts_later_takes_over_and_the_old_one_stops),
        TEST(two_that_start_at_once_settle_on_one),
        TEST(any_call_may_fail_once),
        TEST(a_call_that_hangs_is_given_up),
        TEST(without_docker_the_fence_is_not_believed_for_long),
        TEST(one_that_comes_back_from_a_partition_is_fenced),
        TEST(a_fence_that_somebody_removed_or_bent_is_mended),
        TEST(another_identity_is_left_alone),
        TEST(a_list_that_lags_behind_is_read_again),
        TEST(an_object_that_is_gone_is_named_or_written_anew),
        TEST(a_later_start_that_is_alive_is_waited_for),
        TEST(the_log_is_shortened_and_strangers_stay),
        TEST(more_than_swarm_takes_is_said),
        TEST(names_and_endpoints_are_judged),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
