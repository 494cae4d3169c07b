/*
 * Which of the objects in Swarm make the state: torn snapshots, half removed ones, forks, and
 * objects that somebody bent. Objects are made by hand here; outbox_test.c plays whole lives.
 */
#include "clusters/replica/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/check.h"

enum { MADE_MAX = 16 };

struct made {
    char name[SEAL_NAME_MAX];
    char *base64;
    uint8_t hash[SEAL_HASH];
};

struct world {
    struct seal_keys keys;
    struct made made[MADE_MAX];
    size_t num;
    struct load *load;
};

static int setup(void **state)
{
    static const uint8_t key[32] = {7};
    struct world *w = xcalloc(1, sizeof(*w));

    seal_derive(key, "signalbox", &w->keys);
    w->load = load_new(&w->keys);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < w->num; i++)
        free(w->made[i].base64);
    load_free(w->load);
    free(w);
    return 0;
}

/* An object that sets document `doc` to its commit; prev: an object made before, or NULL. */
static struct made *make(struct world *w, struct seal_place place, const struct made *prev,
                         const char *doc)
{
    struct made *m = &w->made[w->num++];
    struct seal_named named = {place.kind, place.seq, place.part};
    struct buf raw, packed, bytes;
    uint8_t nonce[SEAL_NONCE] = {(uint8_t)w->num};
    char value[32];

    ASSERT(w->num <= MADE_MAX);
    (void)snprintf(value, sizeof(value), "%llu", (unsigned long long)place.commit);
    buf_init(&raw, 1000);
    buf_init(&packed, 1000);
    buf_init(&bytes, SEAL_OBJECT_MAX);
    assert_true(pack_record(&raw, &(struct replica_doc){"t", "route", doc, value, 1}));
    assert_true(pack_deflate(buf_str(&raw), &packed));
    place.raw_len = (uint32_t)raw.len;
    if (prev)
        memcpy(place.prev, prev->hash, SEAL_HASH);
    seal_object(&w->keys, &place, nonce, buf_str(&packed), &bytes);
    seal_hash(buf_str(&bytes), m->hash);
    seal_name("signalbox", &named, m->hash, m->name);
    m->base64 = seal_to_base64(buf_str(&bytes));
    buf_free(&raw);
    buf_free(&packed);
    buf_free(&bytes);
    return m;
}

static struct made *batch(struct world *w, uint64_t seq, uint64_t term, const struct made *prev)
{
    struct seal_place p = {
        .kind = SEAL_BATCH, .last = true, .seq = seq, .commit = seq * 10, .term = term};

    return make(w, p, prev, "b");
}

/* A snapshot of two parts in the place of all batches up to seq. */
static struct made *part(struct world *w, uint16_t number, uint64_t seq, const struct made *prev)
{
    struct seal_place p = {.kind = SEAL_SNAPSHOT,
                           .last = number == 1,
                           .part = number,
                           .seq = seq,
                           .commit = seq * 10,
                           .term = 1};

    return make(w, p, prev, number ? "s1" : "s0");
}

static void give(struct world *w, const struct made *m)
{
    load_add(w->load, m->name, str_from(m->base64));
}

static struct chain_head pick(struct world *w)
{
    struct chain_head head = {0};
    struct err e = {0};

    if (!load_pick(w->load, &head, &e))
        fail_msg("%s", e.text);
    return head;
}

/* The documents as "name=value …"; "" for none, or the code of the error. */
static const char *documents(struct world *w, const struct chain_head *head)
{
    static char text[400];
    struct pack_set set;
    struct replica_doc *list;
    struct err e = {0};
    size_t num;

    pack_set_init(&set);
    text[0] = '\0';
    if (!load_documents(w->load, head, &set, &e)) {
        (void)snprintf(text, sizeof(text), "%s %s", e.code, e.field);
        pack_set_free(&set);
        return text;
    }
    list = pack_list(&set, &num);
    for (size_t i = 0; i < num; i++) {
        size_t len = strlen(text);

        (void)snprintf(text + len, sizeof(text) - len, "%s%s=%s", i ? " " : "", list[i].name,
                       list[i].value);
    }
    free(list);
    pack_set_free(&set);
    return text;
}

static void nothing_is_a_state_too(void **state)
{
    struct world *w = *state;
    struct chain_head head = pick(w);

    assert_true(head.commit == 0 && head.seq == 0 && !head.has_snapshot);
    assert_string_equal(documents(w, &head), "");
}

static void a_snapshot_without_its_last_part_does_not_count(void **state)
{
    struct world *w = *state;
    struct made *b1 = batch(w, 1, 1, NULL), *b2 = batch(w, 2, 1, b1);
    struct chain_head head;

    give(w, b1);
    give(w, b2);
    give(w, part(w, 0, 2, b2));
    head = pick(w);
    assert_int_equal(head.commit, 20);
    assert_string_equal(documents(w, &head), "b=20");
}

static void an_old_snapshot_may_be_half_removed(void **state)
{
    struct world *w = *state;
    struct made *b1 = batch(w, 1, 1, NULL), *old0 = part(w, 0, 1, b1), *old1 = part(w, 1, 1, old0);
    struct made *b2 = batch(w, 2, 1, b1), *new0 = part(w, 0, 2, b2), *new1 = part(w, 1, 2, new0);
    struct made *b3 = batch(w, 3, 1, b2);
    struct chain_head head;

    give(w, b3);
    give(w, new1);
    give(w, old1); /* its first part is gone, and so are b1 and b2 */
    give(w, new0);
    head = pick(w);
    assert_int_equal(head.commit, 30);
    assert_string_equal(documents(w, &head), "b=30 s0=20 s1=20");
}

/* In order of time: a batch that was on its way when the snapshot was taken is in it already. */
static void a_batch_older_than_its_snapshot_is_not_applied_again(void **state)
{
    struct world *w = *state;
    struct made *b1 = batch(w, 1, 1, NULL), *late;
    struct seal_place p = {.kind = SEAL_SNAPSHOT, .last = true, .seq = 1, .commit = 25, .term = 1};
    struct made *snapshot = make(w, p, b1, "b");
    struct chain_head head;

    late = batch(w, 2, 1, b1); /* commit 20 */
    give(w, snapshot);
    give(w, late);
    head = pick(w);
    assert_int_equal(head.commit, 25);
    assert_string_equal(documents(w, &head), "b=25");
    give(w, batch(w, 3, 1, late));
    head = pick(w);
    assert_string_equal(documents(w, &head), "b=30");
}

static void of_two_writers_the_later_term_counts(void **state)
{
    struct world *w = *state;
    struct made *b1 = batch(w, 1, 1, NULL), *old2 = batch(w, 2, 1, b1),
                *old3 = batch(w, 3, 1, old2);
    struct made *new2 = batch(w, 2, 2, b1);
    struct chain_head head;

    give(w, b1);
    give(w, old2);
    give(w, old3);
    give(w, new2);
    head = pick(w);
    assert_int_equal(head.seq, 2);
    assert_memory_equal(head.hash, new2->hash, SEAL_HASH);
    assert_string_equal(documents(w, &head), "b=20");
    assert_int_equal(load_term(w->load), 2);
}

static void a_head_whose_objects_are_not_all_there_names_the_first(void **state)
{
    struct world *w = *state;
    struct made *b1 = batch(w, 1, 1, NULL), *b2 = batch(w, 2, 1, b1), *b3 = batch(w, 3, 1, b2);
    struct chain_head head = {.seq = 3, .commit = 30};
    char expect[100];

    memcpy(head.hash, b3->hash, SEAL_HASH);
    give(w, b1);
    give(w, b3);
    (void)snprintf(expect, sizeof(expect), "Incomplete %s", b2->name);
    assert_string_equal(documents(w, &head), expect);
}

/* Each is sealed by us and opens; none is where the chain wants it. */
static void objects_cannot_stand_in_for_each_other(void **state)
{
    struct world *w = *state;
    struct made *b1 = batch(w, 1, 1, NULL), *b2 = batch(w, 2, 1, b1);
    struct made *other1 = batch(w, 1, 1, b2), *s0 = part(w, 0, 1, b1), *s1 = part(w, 1, 1, s0);
    struct made *astray = batch(w, 2, 1, other1);
    struct chain_head head = {.seq = 2, .commit = 20};

    give(w, other1); /* of another chain */
    give(w, astray);
    give(w, b2);
    give(w, s0);
    give(w, s1);
    memcpy(head.hash, b2->hash, SEAL_HASH);
    assert_memory_equal(documents(w, &head), "Incomplete", 10);
    memcpy(head.hash, s1->hash, SEAL_HASH); /* a part in the place of a batch */
    assert_memory_equal(documents(w, &head), "Incomplete", 10);
    head.has_snapshot = true;
    head.snapshot_seq = 1;
    memcpy(head.hash, b2->hash, SEAL_HASH);
    memcpy(head.snapshot_hash, s0->hash, SEAL_HASH); /* not its last part */
    assert_memory_equal(documents(w, &head), "Incomplete", 10);
    memcpy(head.snapshot_hash, s1->hash, SEAL_HASH);
    head.snapshot_seq = 2; /* another one's number */
    assert_memory_equal(documents(w, &head), "Incomplete", 10);
    head.snapshot_seq = 1;
    assert_string_equal(documents(w, &head), "b=20 s0=10 s1=10");
    memcpy(head.hash, astray->hash, SEAL_HASH); /* it follows another batch than the snapshot's */
    assert_string_equal(documents(w, &head), "Incomplete ");
}

static void an_object_that_was_bent_is_named(void **state)
{
    struct world *w = *state;
    struct made *b1 = batch(w, 1, 1, NULL);
    struct chain_head head = {.seq = 1, .commit = 10};
    struct err e = {0};
    char expect[100];

    memcpy(head.hash, b1->hash, SEAL_HASH);
    b1->base64[60] = b1->base64[60] == 'A' ? 'B' : 'A';
    give(w, b1);
    (void)snprintf(expect, sizeof(expect), "BadName %s", b1->name);
    assert_string_equal(documents(w, &head), expect);
    assert_false(load_pick(w->load, &head, &e)); /* rather than an older state without a word */
    assert_string_equal(e.field, b1->name);
    assert_string_equal(load_bad(w->load)->code, "BadName");
}

static void rubbish_of_ours_that_was_bent_does_not_matter_under_a_head(void **state)
{
    struct world *w = *state;
    struct made *b1 = batch(w, 1, 1, NULL), *b2 = batch(w, 2, 1, b1);
    struct chain_head head = {.seq = 1, .commit = 10};

    memcpy(head.hash, b1->hash, SEAL_HASH);
    give(w, b1);
    load_add(w->load, b2->name, STR("AAAA"));
    assert_string_equal(documents(w, &head), "b=10");
}

static void strangers_with_our_prefix_are_passed_over(void **state)
{
    struct world *w = *state;
    struct chain_head head;

    load_add(w->load, "signalbox-fence", STR("AAAA"));
    load_add(w->load, "signalbox-nginx.conf", STR("AAAA"));
    load_add(w->load, "signalbox-l-1", STR("****"));
    give(w, batch(w, 1, 1, NULL));
    head = pick(w);
    assert_string_equal(documents(w, &head), "b=10");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_a_state_too),
        TEST(a_snapshot_without_its_last_part_does_not_count),
        TEST(an_old_snapshot_may_be_half_removed),
        TEST(a_batch_older_than_its_snapshot_is_not_applied_again),
        TEST(of_two_writers_the_later_term_counts),
        TEST(a_head_whose_objects_are_not_all_there_names_the_first),
        TEST(objects_cannot_stand_in_for_each_other),
        TEST(an_object_that_was_bent_is_named),
        TEST(rubbish_of_ours_that_was_bent_does_not_matter_under_a_head),
        TEST(strangers_with_our_prefix_are_passed_over),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
