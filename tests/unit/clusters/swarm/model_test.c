/*
 * Views as memory (sealed, searched, copied, compared) and what a reply of a certain scope changes
 * in what is known, and which services count as changing.
 */
#include "clusters/swarm/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clusters/swarm/patch.h"
#include "gateway/core/check.h"

static void add_service(struct view *v, const char *id, const char *name, bool updating)
{
    struct view_service s = {.id = xstrdup(id), .name = xstrdup(name), .updating = updating};

    s.labels = xcalloc(2, sizeof(*s.labels));
    s.labels[0].key = xstrdup("z");
    s.labels[1].key = xstrdup("a");
    s.num_labels = 2;
    s.networks = xcalloc(1, sizeof(*s.networks));
    s.networks[0].network_id = xstrdup("net");
    s.num_networks = 1;
    view_add_service(v, &s);
    assert_null(s.id); /* moved */
}

static void add_task(struct view *v, const char *id, const char *service, bool desired,
                     enum view_task_state state)
{
    struct view_task t = {.id = xstrdup(id),
                          .service_id = xstrdup(service),
                          .node_id = xstrdup("n1"),
                          .desired_running = desired,
                          .state = state};

    view_add_task(v, &t);
}

static void add_node(struct view *v, const char *id, enum view_node_state state)
{
    struct view_node n = {.id = xstrdup(id), .state = state};

    view_add_node(v, &n);
}

static void add_network(struct view *v, const char *id)
{
    struct view_network n = {.id = xstrdup(id), .name = xasprintf("%s-name", id)};

    view_add_network(v, &n);
}

/* Two services with a running task each, one node, one network. */
static struct view *sample(void)
{
    struct view *v = view_new();

    add_service(v, "b", "bee", false);
    add_service(v, "a", "ay", false);
    add_task(v, "tb", "b", true, VIEW_TASK_RUNNING);
    add_task(v, "ta", "a", true, VIEW_TASK_RUNNING);
    add_node(v, "n1", VIEW_NODE_READY);
    add_network(v, "net");
    view_seal(v);
    return v;
}

static void a_sealed_view_is_sorted_and_searched_by_id(void **state)
{
    struct view *v = sample();

    (void)state;
    assert_string_equal(v->services[0].id, "a");
    assert_string_equal(view_service(v, "b")->name, "bee");
    assert_string_equal(view_service(v, "a")->labels[0].key, "a");
    assert_string_equal(view_service(v, "a")->labels[0].value, ""); /* never NULL */
    assert_string_equal(view_task(v, "tb")->service_id, "b");
    assert_string_equal(view_node(v, "n1")->address, "");
    assert_string_equal(view_network_named(v, "net-name")->id, "net");
    assert_null(view_service(v, "c"));
    assert_null(view_network(v, ""));
    view_free(v);
    view_free(NULL);
}

static void equal_ids_are_kept_once(void **state)
{
    struct view *v = view_new();

    (void)state;
    for (int i = 0; i < 5; i++) {
        add_service(v, "a", "ay", false);
        add_service(v, "b", "bee", false);
    }
    view_seal(v);
    assert_int_equal(v->num_services, 2);
    add_service(v, "c", "cee", false); /* it may go on growing after that */
    view_seal(v);
    assert_int_equal(v->num_services, 3);
    view_free(v);
}

static void a_copy_is_the_same_until_anything_differs(void **state)
{
    struct view *v = sample(), *copy = view_clone(v);

    (void)state;
    assert_true(view_same(v, copy));
    copy->tasks[0].state = VIEW_TASK_ENDED;
    assert_false(view_same(v, copy));
    copy->tasks[0].state = VIEW_TASK_RUNNING;
    copy->nodes[0].state = VIEW_NODE_DOWN;
    assert_false(view_same(v, copy));
    copy->nodes[0].state = VIEW_NODE_READY;
    assert_true(view_same(v, copy));
    copy->services[1].updating = true;
    assert_false(view_same(v, copy));
    assert_ptr_equal(copy->services[1].name, v->services[1].name); /* one memory */
    view_free(v);
    assert_string_equal(copy->services[1].name, "bee"); /* until the last one goes */
    view_free(copy);
}

static void the_same_again_changes_nothing(void **state)
{
    struct view *known = sample(), *fresh = sample();
    struct model_scope scope = {.all = true, .nodes = true, .networks = true};

    (void)state;
    assert_false(model_apply(known, fresh, &scope, NULL));
    view_free(known);
    view_free(fresh);
}

static void a_filtered_reply_speaks_only_for_what_was_asked(void **state)
{
    struct view *known = sample(), *fresh = view_new();
    struct model_scope scope = {0};

    (void)state;
    ids_add(&scope.services, "a"); /* it did not come back */
    ids_add(&scope.tasks, "b");    /* its task was replaced */
    add_task(fresh, "tb2", "b", true, VIEW_TASK_RUNNING);
    add_task(fresh, "alien", "c", true, VIEW_TASK_RUNNING); /* nobody asked */
    view_seal(fresh);
    assert_true(model_apply(known, fresh, &scope, NULL));
    assert_int_equal(known->num_services, 1);
    assert_int_equal(known->num_tasks, 1);
    assert_non_null(view_task(known, "tb2"));
    assert_int_equal(known->num_nodes, 1);
    assert_int_equal(known->num_networks, 1);
    model_scope_clear(&scope);
    view_free(known);
    view_free(fresh);
}

static void an_empty_reply_to_everything_empties_what_it_speaks_for(void **state)
{
    struct view *known = sample(), *fresh = view_new();
    struct model_scope scope = {.all = true};

    (void)state;
    assert_true(model_apply(known, fresh, &scope, NULL));
    assert_int_equal(known->num_services + known->num_tasks, 0);
    assert_int_equal(known->num_nodes + known->num_networks, 2);
    scope.all = false;
    scope.nodes = true;
    assert_true(model_apply(known, fresh, &scope, NULL));
    assert_int_equal(known->num_nodes, 0);
    assert_false(model_apply(known, fresh, &scope, NULL));
    view_free(known);
    view_free(fresh);
}

static void add_other(struct view *v, const char *id, enum view_task_state task_state)
{
    struct view_task t = {.id = xstrdup(id), .service_id = xstrdup("gw"), .state = task_state};

    view_add_other(v, &t);
}

static void tasks_of_others_are_found_and_change_nothing_that_is_routed(void **state)
{
    struct view *known = sample(), *fresh = sample(), *few = view_new();
    struct model_scope scope = {.all = true, .nodes = true, .networks = true};

    (void)state;
    add_other(fresh, "g1", VIEW_TASK_RUNNING);
    add_other(fresh, "g2", VIEW_TASK_RUNNING);
    view_seal(fresh);
    assert_int_equal(model_apply(known, fresh, &scope, NULL), MODEL_BESIDE);
    assert_int_equal(view_find_task(known, "g1")->state, VIEW_TASK_RUNNING);
    assert_string_equal(view_find_task(known, "ta")->service_id, "a");
    assert_null(view_task(known, "g1"));
    assert_null(view_find_task(known, "g3"));
    memset(&scope, 0, sizeof(scope));
    ids_add(&scope.tasks, "a"); /* a poll: "ta" has ended, of the rest it says nothing */
    add_other(few, "ta", VIEW_TASK_ENDED);
    view_seal(few);
    assert_true(model_apply(known, few, &scope, NULL) & MODEL_ROUTING);
    assert_int_equal(view_find_task(known, "ta")->state, VIEW_TASK_ENDED);
    assert_non_null(view_find_task(known, "g2"));
    model_scope_clear(&scope);
    view_free(known);
    view_free(fresh);
    view_free(few);
}

static void refuse(struct view *v, const char *id, const char *kind)
{
    struct view_refused r = {.id = xstrdup(id), .kind = kind, .why = xstrdup("odd")};

    view_add_refused(v, &r);
}

static void what_cannot_be_understood_stays_as_it_was(void **state)
{
    struct view *known = sample(), *fresh = view_new(), *again;
    struct model_scope scope = {.all = true, .nodes = true, .networks = true};

    (void)state;
    refuse(fresh, "net", "network");
    refuse(fresh, "a", "service");
    refuse(fresh, "ta", "task");
    refuse(fresh, "n1", "node");
    view_seal(fresh);
    assert_true(model_apply(known, fresh, &scope, NULL) & MODEL_ROUTING); /* "b" is gone */
    assert_int_equal(known->num_services + known->num_tasks, 2);
    assert_int_equal(known->num_nodes + known->num_networks, 2);
    assert_string_equal(view_service(known, "a")->name, "ay");
    assert_int_equal(known->num_refused, 4);
    again = sample();
    assert_true(model_apply(known, again, &scope, NULL) & MODEL_ROUTING);
    assert_int_equal(known->num_refused, 0);
    view_free(known);
    view_free(fresh);
    view_free(again);
}

static void a_filtered_reply_keeps_the_refusals_of_the_rest(void **state)
{
    struct view *known = sample(), *fresh = sample();
    struct model_scope scope = {0};

    (void)state;
    refuse(known, "x", "service");
    refuse(known, "y", "service");
    ids_add(&scope.services, "x");
    assert_true(model_apply(known, fresh, &scope, NULL) & MODEL_ROUTING);
    assert_null(view_refused(known, "x"));
    assert_non_null(view_refused(known, "y"));
    model_scope_clear(&scope);
    view_free(known);
    view_free(fresh);
}

static void what_is_not_at_rest_counts_as_changing(void **state)
{
    static const struct {
        bool desired;
        enum view_task_state state;
        enum view_node_state node;
        bool changing;
    } cases[] = {
        {true, VIEW_TASK_RUNNING, VIEW_NODE_READY, false},
        {true, VIEW_TASK_BEFORE_RUNNING, VIEW_NODE_READY, true},
        {true, VIEW_TASK_ENDED, VIEW_NODE_READY, true},
        {false, VIEW_TASK_RUNNING, VIEW_NODE_READY, true},
        {false, VIEW_TASK_BEFORE_RUNNING, VIEW_NODE_READY, true},
        {true, VIEW_TASK_RUNNING, VIEW_NODE_DOWN, true},
        {true, VIEW_TASK_RUNNING, VIEW_NODE_UNKNOWN, true},
        {false, VIEW_TASK_RUNNING, VIEW_NODE_DOWN, false}, /* it stays so for ever */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct view *v = view_new();
        struct ids out = {0};

        add_service(v, "a", "ay", false);
        add_task(v, "t", "a", cases[i].desired, cases[i].state);
        add_node(v, "n1", cases[i].node);
        view_seal(v);
        model_add_changing(v, &out);
        assert_int_equal(ids_has(&out, "a"), cases[i].changing);
        ids_clear(&out);
        view_free(v);
    }
}

static void an_updating_service_counts_as_changing(void **state)
{
    struct view *v = view_new();
    struct ids out = {0};

    (void)state;
    add_service(v, "a", "ay", true);
    add_service(v, "b", "bee", false);
    view_seal(v);
    model_add_changing(v, &out);
    assert_int_equal(out.num, 1);
    assert_true(ids_has(&out, "a"));
    ids_clear(&out);
    view_free(v);
}

static void a_network_nobody_knows_is_noticed(void **state)
{
    struct view *known = sample(), *fresh = view_new();

    (void)state;
    add_service(fresh, "c", "cee", false);
    view_seal(fresh);
    assert_false(model_lacks_network(known, fresh));
    free(fresh->services[0].networks[0].network_id);
    fresh->services[0].networks[0].network_id = xstrdup("new");
    assert_true(model_lacks_network(known, fresh));
    view_free(known);
    view_free(fresh);
}

enum { ROUNDS = 3000, NAMES = 7, TASKS_EACH = 3 };

static unsigned dice_state = 1;

static unsigned dice(unsigned sides)
{
    dice_state = dice_state * 1103515245U + 12345U;
    return (dice_state >> 16) % sides;
}

static struct view *random_view(void)
{
    struct view *v = view_new();

    for (unsigned i = 0; i < NAMES; i++) {
        char id[] = {(char)('a' + i), '\0'};

        if (dice(3) != 0)
            add_service(v, id, id, dice(2) != 0);
        for (unsigned k = 0; k < TASKS_EACH; k++) {
            char task[] = {(char)('0' + k), (char)('a' + i), '\0'};

            if (dice(3) != 0)
                add_task(v, task, id, dice(2) != 0, (enum view_task_state)dice(3));
            else if (dice(3) == 0)
                add_other(v, task, (enum view_task_state)dice(3));
        }
    }
    view_seal(v);
    return v;
}

static void random_scope(struct model_scope *scope)
{
    memset(scope, 0, sizeof(*scope));
    scope->all = dice(4) == 0;
    for (unsigned i = 0; i < NAMES && !scope->all; i++) {
        char id[] = {(char)('a' + i), '\0'};

        if (dice(3) == 0)
            ids_add(&scope->services, id);
        if (dice(3) == 0)
            ids_add(&scope->tasks, id);
    }
}

static void check_services(const struct view *was, const struct view *fresh,
                           const struct model_scope *scope, const struct view *now)
{
    size_t num = 0;

    for (unsigned i = 0; i < NAMES; i++) {
        char id[] = {(char)('a' + i), '\0'};
        bool in = scope->all || ids_has(&scope->services, id);
        const struct view_service *want = view_service(in ? fresh : was, id);
        const struct view_service *got = view_service(now, id);

        assert_true((want != NULL) == (got != NULL));
        assert_true(want == NULL || view_service_same(want, got));
        num += want != NULL;
    }
    assert_int_equal(now->num_services, num);
}

static void check_tasks(const struct view *was, const struct view *fresh,
                        const struct model_scope *scope, const struct view *now)
{
    size_t num = 0;

    for (unsigned i = 0; i < NAMES * TASKS_EACH; i++) {
        char task[] = {(char)('0' + i % TASKS_EACH), (char)('a' + i / TASKS_EACH), '\0'};
        const char *id = task + 1;
        bool in = scope->all || ids_has(&scope->tasks, id) ||
                  (ids_has(&scope->services, id) && view_service(fresh, id) == NULL);
        const struct view_task *want = view_task(in ? fresh : was, task);
        const struct view_task *got = view_task(now, task);

        assert_true((want != NULL) == (got != NULL));
        assert_true(want == NULL || view_task_same(want, got));
        num += want != NULL;
    }
    assert_int_equal(now->num_tasks, num);
    for (size_t i = 1; i < now->num_tasks; i++)
        assert_true(strcmp(now->tasks[i - 1].id, now->tasks[i].id) < 0);
    for (size_t i = 1; i < now->num_others; i++)
        assert_true(strcmp(now->others[i - 1].id, now->others[i].id) < 0);
}

static void check_changing(const struct view *now, const struct ids *changing)
{
    struct ids want = {0};

    model_add_changing(now, &want);
    assert_int_equal(changing->num, want.num);
    for (size_t i = 0; i < want.num; i++)
        assert_string_equal(changing->items[i], want.items[i]);
    ids_clear(&want);
}

/* An index knows what a walk finds. */
static void check_tasks_of(const struct view *now)
{
    struct view plain = *now;

    plain.index = NULL;
    for (unsigned i = 0; i <= NAMES; i++) {
        char id[] = {(char)('a' + i), '\0'};
        size_t num, num_walked;
        const struct view_task **found = view_tasks_of(now, i < NAMES ? id : "gw", true, &num);
        const struct view_task **walked =
            view_tasks_of(&plain, i < NAMES ? id : "gw", true, &num_walked);

        assert_int_equal(num, num_walked);
        assert_memory_equal(found, walked, num * sizeof(*found));
        free(found);
        free(walked);
    }
}

static void random_nodes(struct view *v)
{
    static const char *const nodes[] = {"n1", "n2"};

    for (size_t i = 0; i < 2; i++)
        if (dice(8) != 0)
            add_node(v, nodes[i], dice(8) != 0 ? VIEW_NODE_READY : VIEW_NODE_DOWN);
    if (dice(3) == 0)
        add_network(v, dice(2) == 0 ? "net" : "other");
    if (dice(6) == 0)
        refuse(v, "odd", "service");
    view_seal(v);
}

/* Some of the copies are kept for a while; one follows by patches, as the coordinator's does. */
static void any_reply_leaves_what_a_plain_merge_would(void **state)
{
    struct view *known = random_view(), *held = NULL, *following = view_clone(known);
    struct ids changing = {0};

    (void)state;
    view_index(known);
    model_add_changing(known, &changing);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct view *fresh = random_view(), *same, *was = view_clone(known);
        struct view_patch *patch = view_patch_new();
        struct model_scope scope;
        unsigned change;

        random_nodes(fresh);
        same = view_clone(fresh);
        random_scope(&scope);
        scope.nodes = dice(4) == 0;
        scope.networks = dice(4) == 0;
        change = model_apply(known, fresh, &scope, patch);
        check_services(was, same, &scope, known);
        check_tasks(was, same, &scope, known);
        assert_int_equal(change == 0, view_same(was, known));
        model_follow_changing(known, patch, &changing);
        check_changing(known, &changing);
        check_tasks_of(known);
        view_patch_apply(patch, following);
        assert_true(view_same(following, known));
        model_scope_clear(&scope);
        view_patch_free(patch);
        view_free(fresh);
        view_free(same);
        if (dice(3) == 0) {
            view_free(held);
            held = was;
        } else {
            view_free(was);
        }
    }
    ids_clear(&changing);
    view_free(following);
    view_free(held);
    view_free(known);
}

/* An element that is not there any more, or not yet, and one that differs, and nothing else. */
static void a_patch_has_what_differs_and_no_more(void **state)
{
    struct view *known = sample(), *fresh = sample();
    struct view_patch *patch = view_patch_new();
    struct model_scope scope = {.all = true, .nodes = true, .networks = true};
    const char *kept = view_service(known, "a")->name;

    (void)state;
    fresh->tasks[0].state = VIEW_TASK_ENDED;
    fresh->tasks[1].version = 7;
    add_service(fresh, "c", "cee", false);
    view_seal(fresh);
    assert_int_equal(model_apply(known, fresh, &scope, patch), MODEL_ROUTING);
    assert_int_equal(patch->gone->num_services + patch->gone->num_nodes, 0);
    assert_int_equal(patch->come->num_services, 1);
    assert_string_equal(patch->come->services[0].id, "c");
    assert_int_equal(patch->gone->num_tasks, 1);
    assert_int_equal(patch->come->num_tasks, 1);
    assert_int_equal(patch->gone->tasks[0].state, VIEW_TASK_RUNNING);
    assert_int_equal(patch->come->tasks[0].state, VIEW_TASK_ENDED);
    assert_int_equal(known->tasks[1].version, 7); /* versions are taken all the same */
    assert_ptr_equal(view_service(known, "a")->name, kept);
    view_patch_free(patch);
    view_free(known);
    view_free(fresh);
}

static void a_set_of_ids_keeps_each_once_in_order(void **state)
{
    struct ids s = {0};

    (void)state;
    ids_remove(&s, "x");
    ids_add(&s, "b");
    ids_add(&s, "a");
    ids_add(&s, "b");
    assert_int_equal(s.num, 2);
    assert_string_equal(s.items[0], "a");
    ids_remove(&s, "a");
    assert_false(ids_has(&s, "a"));
    assert_true(ids_has(&s, "b"));
    ids_clear(&s);
    assert_false(ids_has(&s, "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_view_is_sorted_and_searched_by_id),
        cmocka_unit_test(equal_ids_are_kept_once),
        cmocka_unit_test(a_copy_is_the_same_until_anything_differs),
        cmocka_unit_test(the_same_again_changes_nothing),
        cmocka_unit_test(a_filtered_reply_speaks_only_for_what_was_asked),
        cmocka_unit_test(an_empty_reply_to_everything_empties_what_it_speaks_for),
        cmocka_unit_test(tasks_of_others_are_found_and_change_nothing_that_is_routed),
        cmocka_unit_test(what_cannot_be_understood_stays_as_it_was),
        cmocka_unit_test(a_filtered_reply_keeps_the_refusals_of_the_rest),
        cmocka_unit_test(what_is_not_at_rest_counts_as_changing),
        cmocka_unit_test(an_updating_service_counts_as_changing),
        cmocka_unit_test(a_network_nobody_knows_is_noticed),
        cmocka_unit_test(a_patch_has_what_differs_and_no_more),
        cmocka_unit_test(any_reply_leaves_what_a_plain_merge_would),
        cmocka_unit_test(a_set_of_ids_keeps_each_once_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
