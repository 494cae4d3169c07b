/*
 * The whole way of documents into Swarm and back, against a Swarm that is an array: what was said
 * to be durable is there whatever step the plug is pulled at, whoever else writes, and whoever
 * removes objects; never half; and within the bounds on objects and their rate.
 */
#include "clusters/replica/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/replica/load.h"
#include "clusters/replica/pack.h"
#include "gateway/core/check.h"
#include "tests/support/array_source.h"

enum { CONFIGS_MAX = 200, NAMES = 12, COMMITS_MAX = 6000, STEP_MS = 50 };

struct config {
    char name[SEAL_NAME_MAX];
    char *base64;
};

/* What every manager has: configs and the fence's head, with its version. */
struct swarm {
    struct seal_keys keys;
    struct config configs[CONFIGS_MAX];
    size_t num, most;
    bool has_fence;
    struct chain_head head;
    uint64_t term, version;
};

struct writer {
    struct swarm *swarm;
    struct outbox *box;
    uint64_t version; /* of the fence as it knows it */
    int64_t now_ms, last_create_ms;
};

/* The documents after each commit: values[commit][name], 0: not there. */
struct truth {
    unsigned values[COMMITS_MAX][NAMES];
    uint64_t last;
};

static uint64_t seed;

static unsigned dice(unsigned sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % sides;
}

static void cheap_random(void *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = (uint8_t)dice(256);
}

/* ---- Swarm ---------------------------------------------------------------------------------- */

static struct config *find(struct swarm *s, const char *name)
{
    for (size_t i = 0; i < s->num; i++)
        if (strcmp(s->configs[i].name, name) == 0)
            return &s->configs[i];
    return NULL;
}

static void create(struct swarm *s, const char *name, struct str bytes)
{
    if (find(s, name))
        return; /* the reply to the first request was lost */
    assert_true(s->num < CONFIGS_MAX);
    (void)snprintf(s->configs[s->num].name, SEAL_NAME_MAX, "%s", name);
    s->configs[s->num++].base64 = seal_to_base64(bytes);
    if (s->num > s->most)
        s->most = s->num;
}

static void erase(struct swarm *s, const char *name)
{
    struct config *c = find(s, name);

    if (!c)
        return;
    free(c->base64);
    *c = s->configs[--s->num];
}

static void swarm_free(struct swarm *s)
{
    while (s->num)
        erase(s, s->configs[0].name);
    free(s);
}

static struct swarm *swarm_new(void)
{
    static const uint8_t key[32] = {7};
    struct swarm *s = xcalloc(1, sizeof(*s));

    seal_derive(key, "signalbox", &s->keys);
    return s;
}

/* ---- documents ------------------------------------------------------------------------------ */

static char names[NAMES][8];

static struct replica_doc doc_of(size_t name, unsigned value, char text[32])
{
    (void)snprintf(names[name], sizeof(names[name]), "n%zu", name);
    (void)snprintf(text, 32, "{\"v\":%u}", value);
    return (struct replica_doc){"shop", "route", names[name], value ? text : NULL, 1};
}

static void check_documents(const struct truth *t, const struct pack_set *set, uint64_t commit)
{
    struct replica_doc *list;
    size_t num, at = 0;

    list = pack_list(set, &num);
    for (size_t k = 0; k < num; k++) {
        size_t name = strtoul(list[k].name + 1, NULL, 10);
        char text[32];

        (void)doc_of(name, t->values[commit][name], text);
        assert_string_equal(list[k].value, text);
        at++;
    }
    for (size_t name = 0; name < NAMES; name++)
        at -= t->values[commit][name] != 0;
    assert_int_equal(at, 0);
    free(list);
}

static void give_snapshot(struct writer *w, const struct truth *t)
{
    struct replica_doc docs[NAMES];
    char texts[NAMES][32];
    size_t num = 0;

    for (size_t name = 0; name < NAMES; name++)
        if (t->values[t->last][name]) {
            docs[num] = doc_of(name, t->values[t->last][name], texts[num]);
            num++;
        }
    struct replica_source source = array_source(docs, num);

    outbox_snapshot(w->box, t->last, &source);
}

static void push_num(struct writer *w, struct truth *t, size_t num)
{
    struct replica_doc docs[3];
    char texts[3][32];

    ASSERT(t->last + 1 < COMMITS_MAX);
    t->last++;
    memcpy(t->values[t->last], t->values[t->last - 1], sizeof(t->values[0]));
    for (size_t i = 0; i < num; i++) {
        size_t name = dice(NAMES);

        t->values[t->last][name] = dice(4) ? (unsigned)t->last : 0;
        docs[i] = doc_of(name, t->values[t->last][name], texts[i]);
    }
    outbox_push(w->box, t->last, docs, num);
}

static void push_some(struct writer *w, struct truth *t)
{
    push_num(w, t, dice(4));
}

static void push_one(struct writer *w, struct truth *t)
{
    push_num(w, t, 1);
}

/* ---- a coordinator -------------------------------------------------------------------------- */

struct inventory {
    struct outbox *box;
    size_t num_rubbish;
};

static void on_object(void *arg, const char *name, const struct seal_place *place, bool used)
{
    struct inventory *i = arg;

    outbox_has(i->box, name, place, used);
    i->num_rubbish += !used;
}

/* Takes the fence, loads, checks what it finds against the truth at that commit. */
static bool start(struct writer *w, struct swarm *s, struct truth *t, uint64_t durable)
{
    struct load *l = load_new(&s->keys);
    struct pack_set set;
    struct err e = {0};
    bool ok = true;

    for (size_t i = 0; i < s->num; i++)
        load_add(l, s->configs[i].name, str_from(s->configs[i].base64));
    if (!s->has_fence) {
        ok = load_pick(l, &s->head, &e);
        s->term = load_term(l);
        s->has_fence = true;
    }
    s->term++;
    w->swarm = s;
    w->version = ++s->version;
    pack_set_init(&set);
    ok = ok && load_documents(l, &s->head, &set, &e);
    w->box = outbox_new(&s->keys, cheap_random);
    outbox_begin(w->box, s->term, &s->head, !ok);
    if (ok) {
        struct inventory inventory = {w->box, 0};

        assert_true(s->head.commit >= durable && s->head.commit <= t->last);
        check_documents(t, &set, s->head.commit);
        load_each(l, on_object, &inventory);
        t->last = s->head.commit; /* what was not durable may be lost */
    }
    pack_set_free(&set);
    load_free(l);
    return ok;
}

static bool commit(struct writer *w, const struct chain_head *head)
{
    if (w->version != w->swarm->version)
        return false; /* update out of sequence */
    w->swarm->head = *head;
    w->version = ++w->swarm->version;
    return true;
}

static void moved(struct writer *w, const struct chain_head *head)
{
    outbox_committed(w->box, head);
    outbox_confirmed(w->box);
}

static void check_rate(struct writer *w)
{
    assert_true(w->now_ms - w->last_create_ms >= OUTBOX_CREATE_MS);
    w->last_create_ms = w->now_ms;
}

/* One thing is done in Swarm; with `deaf` its outcome is not heard. False: nothing was to be done.
 */
static bool step(struct writer *w, const struct truth *t, bool deaf)
{
    struct outbox_step s;

    if (outbox_wants_snapshot(w->box, w->now_ms))
        give_snapshot(w, t);
    outbox_work(w->box, w->now_ms);
    outbox_next(w->box, w->now_ms, &s);
    switch (s.what) {
    case OUTBOX_WAIT:
        return false;
    case OUTBOX_CREATE:
        create(w->swarm, s.name, s.bytes);
        if (!deaf) {
            check_rate(w);
            outbox_created(w->box, w->now_ms);
        }
        return true;
    case OUTBOX_COMMIT:
        if (commit(w, &s.head) && !deaf)
            moved(w, &s.head);
        return true;
    case OUTBOX_REMOVE:
        erase(w->swarm, s.name);
        if (!deaf)
            outbox_removed(w->box, w->now_ms);
        return true;
    }
    return false;
}

static void beat(struct writer *w)
{
    struct chain_head head = *outbox_head(w->box);
    struct outbox_step s;

    outbox_work(w->box, w->now_ms);
    outbox_next(w->box, w->now_ms, &s);
    if (s.what == OUTBOX_COMMIT)
        return; /* that one comes first */
    if (commit(w, &head))
        moved(w, &head);
}

static void run(struct writer *w, const struct truth *t, int64_t ms)
{
    for (int64_t end = w->now_ms + ms; w->now_ms < end; w->now_ms += STEP_MS) {
        (void)step(w, t, false); /* there may be nothing to do */
        if (w->now_ms % 1000 == 0)
            beat(w);
    }
}

static struct truth *truth_new(void)
{
    return xcalloc(1, sizeof(struct truth));
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void a_push_is_durable_within_a_second(void **state)
{
    struct swarm *s = swarm_new();
    struct truth *t = truth_new();
    struct writer w = {.last_create_ms = -1000};

    (void)state;
    seed = 1;
    assert_true(start(&w, s, t, 0));
    for (int i = 0; i < 400; i++) {
        push_some(&w, t);
        if (dice(3))
            push_some(&w, t);
        run(&w, t, 900);
        assert_int_equal(outbox_head(w.box)->commit, t->last);
    }
    assert_true(s->most <= REPLICA_OBJECTS_MAX);
    outbox_free(w.box);
    swarm_free(s);
    free(t);
}

static void many_pushes_share_an_object(void **state)
{
    struct swarm *s = swarm_new();
    struct truth *t = truth_new();
    struct writer w = {.last_create_ms = -1000};

    (void)state;
    seed = 2;
    assert_true(start(&w, s, t, 0));
    for (int i = 0; i < 100; i++)
        push_some(&w, t);
    run(&w, t, 1000);
    assert_int_equal(outbox_head(w.box)->commit, t->last);
    assert_true(s->num <= 2);
    outbox_free(w.box);
    swarm_free(s);
    free(t);
}

/* Whatever the moment: after a create, a commit or a removal, heard of or not. */
static void the_plug_may_be_pulled_at_any_step(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 60; round++) {
        struct swarm *s = swarm_new();
        struct truth *t = truth_new();
        uint64_t durable = 0;
        int64_t now_ms = 0;

        seed = 1000 + round;
        for (int life = 0; life < 25; life++) {
            struct writer w = {.now_ms = now_ms, .last_create_ms = now_ms - 1000};

            assert_true(start(&w, s, t, durable));
            for (unsigned i = dice(120); i; i--) {
                if (!dice(2))
                    push_some(&w, t);
                (void)step(&w, t, i == 1 && dice(2)); /* there may be nothing to do */
                w.now_ms += dice(400);
                if (!dice(8))
                    beat(&w);
            }
            if (!dice(10)) { /* somebody removes the fence, and with it commits without documents */
                push_one(&w, t);
                run(&w, t, 20000);
                assert_int_equal(s->head.commit, t->last);
                s->has_fence = false;
            }
            durable = s->head.commit;
            now_ms = w.now_ms;
            outbox_free(w.box);
        }
        assert_true(s->most <= REPLICA_OBJECTS_MAX);
        swarm_free(s);
        free(t);
    }
}

static void look_around(struct writer *w)
{
    struct load *l = load_new(&w->swarm->keys);
    struct inventory inventory = {w->box, 0};

    for (size_t i = 0; i < w->swarm->num; i++)
        load_add(l, w->swarm->configs[i].name, str_from(w->swarm->configs[i].base64));
    outbox_look(w->box);
    load_each(l, on_object, &inventory);
    (void)outbox_look_over(w->box); /* how many are gone does not matter */
    load_free(l);
}

/* An old coordinator comes back and writes on: nothing of it counts, and it removes nothing. */
static void a_fenced_writer_changes_nothing(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 40; round++) {
        struct swarm *s = swarm_new();
        struct truth *t = truth_new(), *lie = truth_new();
        struct writer old = {.last_create_ms = -1000}, fresh = {.last_create_ms = -1000};
        uint64_t durable;

        seed = 5000 + round;
        assert_true(start(&old, s, t, 0));
        for (unsigned i = 10 + dice(300); i; i--) {
            push_some(&old, t);
            run(&old, t, dice(300));
        }
        durable = s->head.commit;
        *lie = *t;
        assert_true(start(&fresh, s, t, durable));
        old.now_ms += 100000;
        for (int i = 0; i < 40; i++) {
            push_some(&old, lie);
            old.now_ms += 700;
            if (i % 8 == 7)
                look_around(&old);        /* what it does not know is the other's */
            (void)step(&old, lie, false); /* it hears of no commit any more */
            push_some(&fresh, t);
            run(&fresh, t, 900);
        }
        run(&fresh, t, 2000);
        durable = outbox_head(fresh.box)->commit;
        assert_int_equal(durable, t->last);
        outbox_free(fresh.box);
        assert_true(start(&fresh, s, t, durable));
        assert_int_equal(s->head.commit, durable);
        outbox_free(old.box);
        outbox_free(fresh.box);
        swarm_free(s);
        free(t);
        free(lie);
    }
}

/* It has nothing to write, looks at what is there, and does not know it: that is the other's. */
static void a_fenced_writer_takes_nothing_for_rubbish(void **state)
{
    struct swarm *s = swarm_new();
    struct truth *t = truth_new();
    struct writer old = {.last_create_ms = -1000}, fresh = {.last_create_ms = -1000};

    (void)state;
    seed = 7;
    assert_true(start(&old, s, t, 0));
    push_one(&old, t);
    run(&old, t, 2000);
    assert_true(start(&fresh, s, t, 1));
    for (int i = 0; i < 3; i++) {
        push_one(&fresh, t);
        run(&fresh, t, 900);
    }
    look_around(&old);
    run(&old, t, 5000);
    outbox_free(fresh.box);
    assert_true(start(&fresh, s, t, 4));
    outbox_free(old.box);
    outbox_free(fresh.box);
    swarm_free(s);
    free(t);
}

static void look(struct writer *w, size_t expect_lost)
{
    struct load *l = load_new(&w->swarm->keys);
    struct pack_set set;
    struct inventory inventory = {w->box, 0};

    for (size_t i = 0; i < w->swarm->num; i++)
        load_add(l, w->swarm->configs[i].name, str_from(w->swarm->configs[i].base64));
    pack_set_init(&set);
    if (expect_lost == 0)
        assert_true(load_documents(l, &w->swarm->head, &set, NULL));
    outbox_look(w->box);
    load_each(l, on_object, &inventory);
    assert_int_equal(outbox_look_over(w->box), expect_lost);
    pack_set_free(&set);
    load_free(l);
}

static void what_somebody_removed_is_made_good_by_a_snapshot(void **state)
{
    struct swarm *s = swarm_new();
    struct truth *t = truth_new();
    struct writer w = {.last_create_ms = -1000};

    (void)state;
    seed = 3;
    assert_true(start(&w, s, t, 0));
    for (int i = 0; i < 15; i++) {
        push_some(&w, t);
        run(&w, t, 600);
    }
    look(&w, 0);
    erase(s, s->configs[4].name);
    look(&w, 1);
    run(&w, t, 5000);
    look(&w, 0);
    outbox_free(w.box);
    assert_true(start(&w, s, t, t->last));
    outbox_free(w.box);
    swarm_free(s);
    free(t);
}

/* Broken at the start: nothing loads, the sentence names the object; our own store mends it. */
static void a_gap_in_the_log_is_named_and_mended_by_the_store(void **state)
{
    struct swarm *s = swarm_new();
    struct truth *t = truth_new();
    struct writer w = {.last_create_ms = -1000};
    struct load *l;
    struct pack_set set;
    struct err e = {0};
    char gone[SEAL_NAME_MAX];

    (void)state;
    seed = 4;
    assert_true(start(&w, s, t, 0));
    for (int i = 0; i < 6; i++) {
        push_some(&w, t);
        run(&w, t, 600);
    }
    outbox_free(w.box);
    (void)snprintf(gone, sizeof(gone), "%s", s->configs[2].name);
    erase(s, gone);
    l = load_new(&s->keys);
    for (size_t i = 0; i < s->num; i++)
        load_add(l, s->configs[i].name, str_from(s->configs[i].base64));
    pack_set_init(&set);
    assert_false(load_documents(l, &s->head, &set, &e));
    assert_string_equal(e.code, "Incomplete");
    assert_string_equal(e.field, gone);
    pack_set_free(&set);
    load_free(l);

    assert_false(start(&w, s, t, 0));
    push_some(&w, t); /* waits for the snapshot */
    run(&w, t, 5000);
    assert_int_equal(outbox_head(w.box)->commit, t->last);
    push_some(&w, t);
    run(&w, t, 2000);
    outbox_free(w.box);
    assert_true(start(&w, s, t, t->last));
    outbox_free(w.box);
    swarm_free(s);
    free(t);
}

static char *noise(size_t n)
{
    char *text = xmalloc(n + 1);

    for (size_t i = 0; i < n; i++)
        text[i] = (char)('!' + dice(90));
    text[n] = '\0';
    return text;
}

/* More than an object takes, even deflated: one commit is never cut in two. */
static void a_commit_too_large_for_a_batch_waits_for_a_snapshot(void **state)
{
    struct swarm *s = swarm_new();
    struct truth *t = truth_new();
    struct writer w = {.last_create_ms = -1000};
    struct replica_doc docs[8];
    struct replica_source source;

    (void)state;
    seed = 5;
    assert_true(start(&w, s, t, 0));
    for (size_t i = 0; i < 8; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%zu", i);
        docs[i] = (struct replica_doc){"shop", "route", names[i], noise(200000), 1};
    }
    outbox_push(w.box, 1, docs, 8);
    for (int i = 0; i < 20; i++) {
        struct outbox_step next;

        outbox_work(w.box, w.now_ms);
        outbox_next(w.box, w.now_ms, &next);
        assert_int_equal(next.what, OUTBOX_WAIT);
        w.now_ms += STEP_MS;
    }
    assert_true(outbox_wants_snapshot(w.box, w.now_ms));
    assert_false(outbox_wants_snapshot(w.box, w.now_ms));
    source = array_source(docs, 8);
    outbox_snapshot(w.box, 1, &source);
    run(&w, t, 5000);
    assert_int_equal(s->head.commit, 1);
    assert_true(s->num >= 3 && s->num <= 8);
    for (size_t i = 0; i < 8; i++)
        free((char *)docs[i].value);
    outbox_free(w.box);
    swarm_free(s);
    free(t);
}

static void what_can_never_fit_is_said_and_tried_again_later(void **state)
{
    enum { DOCS = 30 };
    struct swarm *s = swarm_new();
    struct truth *t = truth_new();
    struct writer w = {.last_create_ms = -1000};
    struct replica_doc docs[DOCS];
    struct replica_source source;
    char *value;

    (void)state;
    seed = 6;
    value = noise(350000);
    assert_true(start(&w, s, t, 0));
    for (size_t i = 0; i < DOCS; i++)
        docs[i] = (struct replica_doc){"shop", "route", xasprintf("d%zu", i), value, 1};
    source = array_source(docs, DOCS);
    outbox_snapshot(w.box, 1, &source);
    for (int64_t end = w.now_ms + 20000; w.now_ms < end; w.now_ms += STEP_MS)
        (void)step(&w, t, false); /* parts, until there are too many */
    assert_string_equal(outbox_error(w.box)->code, "TooLarge");
    assert_int_equal(s->head.commit, 0);
    beat(&w);
    run(&w, t, 5000);
    assert_int_equal(s->num, 0); /* nothing is left lying about */
    for (size_t i = 0; i < DOCS; i++)
        free((char *)docs[i].name);
    free(value);
    outbox_free(w.box);
    swarm_free(s);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_is_durable_within_a_second),
        cmocka_unit_test(many_pushes_share_an_object),
        cmocka_unit_test(the_plug_may_be_pulled_at_any_step),
        cmocka_unit_test(a_fenced_writer_changes_nothing),
        cmocka_unit_test(a_fenced_writer_takes_nothing_for_rubbish),
        cmocka_unit_test(what_somebody_removed_is_made_good_by_a_snapshot),
        cmocka_unit_test(a_gap_in_the_log_is_named_and_mended_by_the_store),
        cmocka_unit_test(a_commit_too_large_for_a_batch_waits_for_a_snapshot),
        cmocka_unit_test(what_can_never_fit_is_said_and_tried_again_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
