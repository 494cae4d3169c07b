/* The persistent trie against a plain array, with copies kept alive and with colliding hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/map.h"
#include "gateway/table/trie.h"

enum { NUM_KEYS = 300, NUM_COPIES = 8, NUM_STEPS = 20000 };

struct item {
    char key[8];
    int refs;
};

static struct item items[2][NUM_KEYS]; /* two values of each key */

static struct str item_key(const void *value)
{
    const struct item *i = value;

    return str_from(i->key);
}

static uint64_t bad_hash(struct str key)
{
    return map_hash(key) & 3;
}

static uint64_t top_hash(struct str key) /* differs in the last level only */
{
    return map_hash(key) << 60;
}

static void item_ref(const void *value)
{
    ((struct item *)(uintptr_t)value)->refs++;
}

static void item_unref(const void *value)
{
    struct item *i = (struct item *)(uintptr_t)value;

    assert_true(i->refs > 0);
    i->refs--;
}

struct model {
    struct trie trie;
    const struct item *holds[NUM_KEYS];
};

static void compare(const struct model *m)
{
    size_t len = 0;

    for (size_t k = 0; k < NUM_KEYS; k++) {
        assert_ptr_equal(trie_get(&m->trie, str_from(items[0][k].key)), m->holds[k]);
        len += m->holds[k] != NULL ? 1 : 0;
    }
    assert_int_equal(m->trie.len, len);
}

/* The reference comes along: as many as before, of which one is ours. */
static void take(struct model *m, size_t k)
{
    int refs = m->holds[k] != NULL ? m->holds[k]->refs : 0;
    const void *taken = trie_take(&m->trie, str_from(items[0][k].key));

    assert_ptr_equal(taken, m->holds[k]);
    m->holds[k] = NULL;
    if (taken == NULL)
        return;
    assert_true(((const struct item *)taken)->refs >= refs);
    item_unref(taken);
}

static void step(struct model *m, unsigned random)
{
    size_t k = random % NUM_KEYS;

    if ((random >> 12 & 7) == 0) {
        assert_int_equal(trie_remove(&m->trie, str_from(items[0][k].key)), m->holds[k] != NULL);
        m->holds[k] = NULL;
    } else if ((random >> 12 & 7) == 1) {
        take(m, k);
    } else {
        m->holds[k] = &items[random >> 14 & 1][k];
        trie_put(&m->trie, m->holds[k]);
    }
}

static void churn(const struct trie_type *type)
{
    static struct model models[NUM_COPIES];
    unsigned random = 7;

    memset(items, 0, sizeof(items));
    for (size_t k = 0; k < NUM_KEYS; k++)
        for (size_t v = 0; v < 2; v++)
            snprintf(items[v][k].key, sizeof(items[v][k].key), "k%zu", k);
    memset(models, 0, sizeof(models));
    for (size_t i = 0; i < NUM_COPIES; i++)
        trie_init(&models[i].trie, type);
    for (size_t n = 0; n < NUM_STEPS; n++) {
        random = random * 1664525U + 1013904223U;
        step(&models[0], random >> 8);
        if (n % 500 != 0)
            continue;
        size_t to = 1 + random % (NUM_COPIES - 1);

        trie_free(&models[to].trie);
        models[to] = models[0];
        trie_copy(&models[to].trie, &models[0].trie);
        for (size_t i = 0; i < NUM_COPIES; i++)
            compare(&models[i]);
    }
    for (size_t i = 0; i < NUM_COPIES; i++)
        trie_free(&models[i].trie);
    for (size_t k = 0; k < NUM_KEYS; k++)
        assert_int_equal(items[0][k].refs + items[1][k].refs, 0);
}

static void copies_keep_what_they_held_while_the_original_churns(void **state)
{
    static const struct trie_type type = {item_key, map_hash, item_ref, item_unref};

    (void)state;
    churn(&type);
}

static void keys_of_equal_hash_live_side_by_side(void **state)
{
    static const struct trie_type type = {item_key, bad_hash, item_ref, item_unref};

    (void)state;
    churn(&type);
}

static void keys_that_differ_at_the_last_level_only_are_told_apart(void **state)
{
    static const struct trie_type type = {item_key, top_hash, item_ref, item_unref};

    (void)state;
    churn(&type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_keep_what_they_held_while_the_original_churns),
        cmocka_unit_test(keys_of_equal_hash_live_side_by_side),
        cmocka_unit_test(keys_that_differ_at_the_last_level_only_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
