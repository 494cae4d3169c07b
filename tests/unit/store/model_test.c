/*
 * Random batches of documents against a model that keeps a whole snapshot of every commit: whatever
 * the commit, the store tells its documents again, and knows its head. More rounds:
 * SIGNALBOX_STORE_ROUNDS=200.
 */
#include <stdlib.h>

#include "tests/unit/store/fixture.h"

enum { NAMES = 12, TENANTS = 3, COMMITS = 60 };

struct model {
    int value[COMMITS + 1][TENANTS][NAMES]; /* after each commit; 0: not there */
    int64_t created[COMMITS + 1][TENANTS][NAMES];
    uint64_t head;
    char heads[COMMITS + 1][STORE_HASH_HEX + 1];
};

static const char *const tenants[TENANTS] = {"", "acme", "beta"};
static unsigned rng;

static unsigned pick(unsigned n)
{
    rng = rng * 1664525u + 1013904223u;
    return (rng >> 8) % n;
}

struct drawn {
    struct store_doc_change docs[8];
    char names[8][16];
    char values[8][16];
    struct store_commit_rq rq;
};

static void draw(struct drawn *d, struct model *m)
{
    uint64_t next = m->head + 1;
    size_t num = pick(8) + 1;
    bool any = false;

    memcpy(m->value[next], m->value[m->head], sizeof(m->value[0]));
    memcpy(m->created[next], m->created[m->head], sizeof(m->created[0]));
    for (size_t i = 0; i < num; i++) {
        unsigned t = pick(TENANTS);
        unsigned n = pick(NAMES);
        int value = pick(4) == 0 ? 0 : (int)pick(3) + 1;
        int64_t created = value == 0 ? 0 : (int64_t)pick(2) + 1;

        snprintf(d->names[i], sizeof(d->names[i]), "n%02u", n);
        snprintf(d->values[i], sizeof(d->values[i]), "%d", value);
        d->docs[i] = (struct store_doc_change){tenants[t], "pool", d->names[i],
                                               value == 0 ? NULL : d->values[i], created};
        any = any || m->value[next][t][n] != value || m->created[next][t][n] != created;
        m->value[next][t][n] = value;
        m->created[next][t][n] = created;
    }
    d->rq = (struct store_commit_rq){.docs = d->docs, .num_docs = num, .author = "a", .cause = "c"};
    d->rq.number = any ? next : m->head; /* what the model expects */
    if (any)
        m->head = next;
}

static void write_some(struct store *s, struct model *m)
{
    struct drawn all[6] = {0};
    struct store_commit_rq rqs[6] = {0};
    size_t num = 0;
    size_t most = pick(6) + 1;
    struct err e;

    while (num < most && m->head < COMMITS) {
        draw(&all[num], m);
        rqs[num] = all[num].rq;
        num++;
    }
    assert_true(store_commit_batch(s, rqs, num, &e));
    for (size_t i = 0; i < num; i++) {
        assert_int_equal(rqs[i].number, all[i].rq.number);
        memcpy(m->heads[rqs[i].number], rqs[i].head, sizeof(rqs[i].head));
    }
}

static int number(const char *value)
{
    return value != NULL ? (int)strtol(value, NULL, 10) : 0;
}

struct told {
    int value[TENANTS][NAMES];
    int64_t created[TENANTS][NAMES];
};

static void place(const struct store_doc *d, unsigned *t, unsigned *n)
{
    for (*t = 0; strcmp(tenants[*t], d->tenant) != 0;)
        assert_true(++*t < TENANTS);
    *n = (unsigned)strtoul(d->name + 1, NULL, 10);
    assert_true(*n < NAMES);
}

static void tell_now(void *arg, const struct store_doc *d)
{
    struct told *told = arg;
    unsigned t;
    unsigned n;

    place(d, &t, &n);
    told->value[t][n] = number(d->value);
    told->created[t][n] = d->created_ms;
}

static void tell_then(void *arg, const struct store_doc *now, const char *then, int64_t created_ms)
{
    struct told *told = arg;
    unsigned t;
    unsigned n;

    place(now, &t, &n);
    /* Only what differs is told, with what it is now. */
    assert_int_equal(told->value[t][n], number(now->value));
    assert_true(number(then) != told->value[t][n] || created_ms != told->created[t][n]);
    told->value[t][n] = number(then);
    told->created[t][n] = created_ms;
}

static void is_the_snapshot(struct store *s, const struct model *m, uint64_t at)
{
    struct told told = {0};
    struct err e;

    assert_true(store_each_doc(s, tell_now, &told, &e));
    assert_memory_equal(told.value, m->value[m->head], sizeof(told.value));
    assert_true(store_docs_at(s, at, NULL, tell_then, &told, &e));
    assert_memory_equal(told.value, m->value[at], sizeof(told.value));
    assert_memory_equal(told.created, m->created[at], sizeof(told.created));
}

static void every_commit_of_random_batches_can_be_told_again(void **state)
{
    const char *more = getenv("SIGNALBOX_STORE_ROUNDS");
    long rounds = more != NULL ? strtol(more, NULL, 10) : 10;

    (void)state;
    for (long i = 0; i < rounds; i++) {
        struct model *m = xcalloc(1, sizeof(*m));
        struct store *s = open_store();
        struct err e;
        uint64_t rows;

        rng = (unsigned)i + 1;
        while (m->head < COMMITS) {
            write_some(s, m);
            if (pick(8) == 0) {
                store_close(s);
                s = open_store();
            }
        }
        for (uint64_t at = 0; at <= COMMITS; at++)
            is_the_snapshot(s, m, at);
        for (uint64_t at = 1; at <= COMMITS; at++)
            assert_true(store_audit_verify(s, m->heads[at], &rows, &e));
        store_close(s);
        free(m);
        remove_store();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_commit_of_random_batches_can_be_told_again, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
