/*
 * Docker's lists as structs: recorded ones, and every way an object can be odd without hiding its
 * neighbours.
 */
#include "clusters/swarm/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clusters/swarm/ids.h"
#include "clusters/swarm/view.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

#define LABELS "\"Labels\":{\"com.docker.lb.hosts\":\"a.test\"}"
#define GOOD_SERVICE "{\"ID\":\"good\",\"Spec\":{\"Name\":\"good\"," LABELS "}}"
#define GOOD_TASK                                                        \
    "{\"ID\":\"good\",\"ServiceID\":\"s\",\"DesiredState\":\"running\"," \
    "\"Status\":{\"State\":\"running\"}}"

struct seen {
    struct decode decode;
    struct view *view;
    char skipped[256]; /* kind, id, code of the last one */
};

static void on_skip(void *arg, const char *kind, const char *id, const struct err *why)
{
    struct seen *s = arg;

    (void)snprintf(s->skipped, sizeof(s->skipped), "%s %s %s", kind, id, why->code);
}

static void seen_init(struct seen *s)
{
    memset(s, 0, sizeof(*s));
    s->view = view_new();
    s->decode = (struct decode){.into = s->view, .on_skip = on_skip, .arg = s};
}

static void decode_text(struct seen *s, enum decode_kind kind, const char *text)
{
    struct err e = {0};

    seen_init(s);
    assert_true(decode_list(kind, str_from(text), &s->decode, &e));
    view_seal(s->view);
}

static char *recorded(const char *name)
{
    char *path =
        xasprintf("%s/tests/unit/clusters/swarm/recorded/%s.json", SIGNALBOX_SOURCE_DIR, name);
    FILE *f = fopen(path, "r");
    char *text = xcalloc(1, 65536);

    assert_non_null(f);
    assert_true(fread(text, 1, 65535, f) > 0);
    fclose(f);
    free(path);
    return text;
}

static void decode_recorded(struct seen *s, enum decode_kind kind, const char *name)
{
    char *text = recorded(name);

    decode_text(s, kind, text);
    free(text);
    assert_int_equal(s->decode.num_skipped, 0);
}

static void recorded_services_with_our_labels_are_kept(void **state)
{
    struct seen s;
    const struct view_service *web;

    (void)state;
    decode_recorded(&s, DECODE_SERVICES, "services");
    assert_int_equal(s.decode.num_seen, 3);
    assert_int_equal(s.view->num_services, 2); /* "plain" has none */
    web = view_service(s.view, "qgal1yiye0uy24dueuj7e5rjo");
    assert_non_null(web);
    assert_string_equal(web->name, "web");
    assert_string_equal(web->created_at, "2026-11-22T02:38:47.142886417Z");
    assert_true(web->updating);
    assert_true(web->version > 0);
    assert_int_equal(web->num_labels, 3); /* all of its labels, sorted */
    assert_string_equal(web->labels[0].key, "com.docker.lb.hosts");
    assert_string_equal(web->labels[0].value, "web.test");
    assert_string_equal(web->labels[2].key, "tier");
    assert_int_equal(web->num_networks, 1);
    assert_string_equal(web->networks[0].network_id, "7a4p8svetpe391xpniu2rv7je");
    assert_string_equal(web->networks[0].address, "");
    view_free(s.view);
}

static size_t count_tasks(const struct view *v, bool desired, enum view_task_state state)
{
    size_t num = 0;

    for (size_t i = 0; i < v->num_tasks; i++)
        num += v->tasks[i].desired_running == desired && v->tasks[i].state == state;
    return num;
}

static void recorded_tasks_carry_state_and_addresses(void **state)
{
    struct seen s;

    (void)state;
    decode_recorded(&s, DECODE_TASKS, "tasks");
    assert_int_equal(s.decode.num_seen, 6);
    assert_int_equal(s.view->num_tasks, 5); /* the one that was shut down is left out */
    assert_int_equal(count_tasks(s.view, true, VIEW_TASK_RUNNING), 4);
    assert_int_equal(count_tasks(s.view, true, VIEW_TASK_BEFORE_RUNNING), 1);
    for (size_t i = 0; i < s.view->num_tasks; i++) {
        const struct view_task *t = &s.view->tasks[i];

        assert_string_not_equal(t->node_id, "");
        assert_in_range(t->num_networks, 1, 2);
        assert_int_equal(strncmp(t->networks[0].address, "10.0.", 5), 0);
        assert_null(strchr(t->networks[0].address, '/'));
    }
    view_free(s.view);
}

static void only_tasks_of_wanted_services_are_kept(void **state)
{
    struct seen services, s;
    char *text = recorded("tasks");
    struct err e = {0};

    (void)state;
    decode_recorded(&services, DECODE_SERVICES, "services");
    seen_init(&s);
    s.decode.only_of = services.view;
    assert_true(decode_list(DECODE_TASKS, str_from(text), &s.decode, &e));
    assert_int_equal(s.decode.num_seen, 6);
    assert_int_equal(s.view->num_tasks, 4);  /* not that of "plain" */
    assert_int_equal(s.view->num_others, 2); /* which is here, with one that has ended */
    free(text);
    view_free(s.view);
    view_free(services.view);
}

static void recorded_nodes_and_networks_are_read(void **state)
{
    struct seen s;

    (void)state;
    decode_recorded(&s, DECODE_NODES, "nodes");
    assert_int_equal(s.view->num_nodes, 2);
    assert_string_equal(view_node(s.view, "nqmeplujlit7nz6mn9idjczys")->hostname, "node1");
    assert_string_equal(view_node(s.view, "nqmeplujlit7nz6mn9idjczys")->address, "10.97.0.1");
    assert_int_equal(s.view->nodes[0].state, VIEW_NODE_READY);
    view_free(s.view);
    decode_recorded(&s, DECODE_NETWORKS, "networks");
    assert_int_equal(s.view->num_networks, 3);
    assert_true(view_network_named(s.view, "ingress")->ingress);
    assert_false(view_network_named(s.view, "ov1")->ingress);
    assert_null(view_network_named(s.view, "bridge"));
    view_free(s.view);
}

static void one_odd_object_is_skipped_with_its_reason_and_hides_nobody(void **state)
{
    static const struct {
        enum decode_kind kind;
        const char *object, *skipped;
    } cases[] = {
        {DECODE_SERVICES, "{\"ID\":\"x\",\"com.docker.lb.\":1}", "service x MissingField"},
        {DECODE_SERVICES, "{\"ID\":\"x\",\"Spec\":{" LABELS "}}", "service x MissingField"},
        {DECODE_SERVICES, "{\"ID\":7,\"Spec\":{\"Name\":\"x\"," LABELS "}}", "service ? WrongType"},
        {DECODE_SERVICES, "{\"ID\":\"../x\",\"Spec\":{\"Name\":\"x\"," LABELS "}}",
         "service ../x BadId"},
        {DECODE_SERVICES, "{\"Spec\":{\"Name\":\"x\"," LABELS "}}", "service ? MissingField"},
        {DECODE_SERVICES, "{\"ID\":\"x\",\"ID\":\"y\",\"Spec\":{\"Name\":\"x\"," LABELS "}}",
         "service x DuplicateKey"},
        {DECODE_SERVICES,
         "{\"ID\":\"x\",\"Spec\":{\"Name\":\"x\",\"Labels\":{\"com.docker.lb.hosts\":\"a\\u0000b\"}"
         "}}",
         "service x BadJson"},
        {DECODE_SERVICES,
         "{\"ID\":\"x\",\"Spec\":{\"Name\":\"x\",\"Labels\":{\"com.docker.lb.hosts\":\"\xff\"}}}",
         "service x BadJson"},
        {DECODE_SERVICES,
         "{\"ID\":\"x\",\"Spec\":{\"Name\":\"x\",\"Labels\":{\"com.docker.lb.port\":80}}}",
         "service x WrongType"},
        {DECODE_SERVICES,
         "{\"ID\":\"x\",\"Spec\":{\"Name\":\"x\"," LABELS
         ",\"TaskTemplate\":{\"Networks\":[null]}}}",
         "service x WrongType"},
        {DECODE_SERVICES,
         "{\"ID\":\"x\",\"Spec\":{\"Name\":\"x\"," LABELS "},\"Version\":{\"Index\":-1}}",
         "service x *"},
        {DECODE_SERVICES, "\"com.docker.lb.\"", "service ? WrongType"},
        {DECODE_SERVICES, "[{\"com.docker.lb.\":{}}]", "service ? WrongType"},
        {DECODE_SERVICES, "{\"com.docker.lb.\":}", "service ? BadJson"},
        {DECODE_TASKS, "null", "task ? WrongType"},
        {DECODE_TASKS, "{\"ID\":\"x\",\"ServiceID\":\"s\",\"DesiredState\":\"running\"}",
         "task x MissingField"},
        {DECODE_TASKS,
         "{\"ID\":\"x\",\"ServiceID\":\"s\",\"DesiredState\":null,\"Status\":{\"State\":"
         "\"running\"}}",
         "task x MissingField"},
        {DECODE_TASKS,
         "{\"ID\":\"x\",\"ServiceID\":\"s\",\"DesiredState\":\"running\",\"Status\":{\"State\":"
         "\"dancing\"}}",
         "task x BadState"},
        {DECODE_TASKS,
         "{\"ID\":\"x\",\"ServiceID\":\"s\",\"DesiredState\":\"running\",\"Status\":{\"State\":"
         "\"running\"},\"NetworksAttachments\":[{\"Network\":{\"ID\":\"n\"},\"Addresses\":["
         "\"evil\"]}]}",
         "task x BadAddress"},
        {DECODE_TASKS,
         "{\"ID\":\"x\",\"ServiceID\":\"s\",\"DesiredState\":\"running\",\"Status\":{\"State\":"
         "\"running\"},\"NetworksAttachments\":[{\"Network\":null}]}",
         "task x MissingField"},
        {DECODE_NODES, "{\"ID\":\"\"}", "node  MissingField"},
        {DECODE_NODES, "{\"ID\":\"x\",\"Status\":[]}", "node x WrongType"},
        {DECODE_NETWORKS, "{\"Id\":\"x\"}", "network x MissingField"},
        {DECODE_NETWORKS, "{\"Id\":\"x\",\"Name\":\"n\",\"Ingress\":\"yes\"}",
         "network x WrongType"},
    };
    static const char *const good[DECODE__COUNT] = {
        GOOD_SERVICE, GOOD_TASK, "{\"ID\":\"good\"}",
        "{\"Id\":\"good\",\"Name\":\"n\",\"Scope\":\"swarm\",\"Driver\":\"overlay\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("[%s,%s]", cases[i].object, good[cases[i].kind]);
        size_t len = strlen(cases[i].skipped);
        struct seen s;

        decode_text(&s, cases[i].kind, text);
        assert_int_equal(s.decode.num_skipped, 1);
        if (cases[i].skipped[len - 1] == '*')
            assert_int_equal(strncmp(s.skipped, cases[i].skipped, len - 1), 0);
        else
            assert_string_equal(s.skipped, cases[i].skipped);
        assert_int_equal(
            s.view->num_services + s.view->num_tasks + s.view->num_nodes + s.view->num_networks, 1);
        free(text);
        view_free(s.view);
    }
}

static void nulls_and_unknown_fields_are_nothing_special(void **state)
{
    struct seen s;

    (void)state;
    decode_text(&s, DECODE_SERVICES,
                "[{\"ID\":\"x\",\"Version\":null,\"CreatedAt\":null,\"UpdateStatus\":null,"
                "\"New\":[1,{}],\"Spec\":{\"Name\":\"x\"," LABELS
                ",\"TaskTemplate\":{\"Networks\":null},\"Networks\":[{\"Target\":\"old\"}]}}]");
    assert_int_equal(s.view->num_services, 1);
    assert_string_equal(s.view->services[0].created_at, "");
    assert_string_equal(s.view->services[0].networks[0].network_id, "old");
    view_free(s.view);
    decode_text(&s, DECODE_TASKS,
                "[{\"ID\":\"x\",\"ServiceID\":\"s\",\"NodeID\":null,\"DesiredState\":\"running\","
                "\"Status\":{\"State\":\"pending\"},\"NetworksAttachments\":[{\"Network\":{\"ID\":"
                "\"host\"},\"Addresses\":null},{\"Network\":{\"ID\":\"six\"},\"Addresses\":"
                "[\"fd00::1/64\",\"10.0.0.1/24\"]}]}]");
    assert_int_equal(s.view->num_tasks, 1);
    assert_string_equal(s.view->tasks[0].node_id, "");
    assert_string_equal(s.view->tasks[0].networks[0].address, "");
    assert_string_equal(s.view->tasks[0].networks[1].address, "fd00::1");
    view_free(s.view);
}

static void a_service_that_only_mentions_our_labels_is_not_ours(void **state)
{
    struct seen s;

    (void)state;
    decode_text(&s, DECODE_SERVICES,
                "[{\"ID\":\"x\",\"Spec\":{\"Name\":\"x\",\"Labels\":{\"a\":\"com.docker.lb.x\"},"
                "\"TaskTemplate\":{\"ContainerSpec\":{" LABELS "}}}}]");
    assert_int_equal(s.view->num_services + s.decode.num_skipped, 0);
    view_free(s.view);
}

static void dates_are_made_to_sort_as_text(void **state)
{
    static const char *const cases[][2] = {
        {"2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.100000000Z"},
        {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000000Z"},
        {"2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456789Z"},
        {"2026-01-02T03:04:05.1234567891Z", ""},
        {"2026-01-02T03:04:05+01:00", ""},
        {"yesterday", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text =
            xasprintf("[{\"ID\":\"x\",\"CreatedAt\":\"%s\",\"Spec\":{\"Name\":\"x\"," LABELS "}}]",
                      cases[i][0]);
        struct seen s;

        decode_text(&s, DECODE_SERVICES, text);
        assert_string_equal(s.view->services[0].created_at, cases[i][1]);
        view_free(s.view);
        free(text);
    }
}

static void a_container_label_cannot_hide_a_task(void **state)
{
    struct seen services, s;
    struct err e = {0};

    (void)state;
    decode_text(&services, DECODE_SERVICES, "[" GOOD_SERVICE "]");
    seen_init(&s);
    s.decode.only_of = services.view;
    assert_true(decode_list(
        DECODE_TASKS,
        STR("[{\"ID\":\"x\",\"Spec\":{\"ContainerSpec\":{\"Labels\":{\"ServiceID\":\"no\"}}},"
            "\"ServiceID\":\"good\",\"DesiredState\":\"running\",\"Status\":{\"State\":\"running\"}"
            "},"
            "{\"ID\":\"y\",\"Spec\":{\"ContainerSpec\":{\"Labels\":{\"ServiceID\":\"good\"}}},"
            "\"ServiceID\":\"no\",\"DesiredState\":\"running\",\"Status\":{\"State\":\"running\"}}"
            "]"),
        &s.decode, &e));
    assert_int_equal(s.view->num_tasks, 1);
    assert_string_equal(s.view->tasks[0].id, "x");
    view_free(s.view);
    view_free(services.view);
}

static void tasks_of_others_are_kept_in_brief(void **state)
{
    static const struct {
        const char *task;
        const char *id;
        bool desired;
        enum view_task_state state;
    } cases[] = {
        {"{\"ID\":\"x\",\"Version\":{\"Index\":7},\"ServiceID\":\"no\",\"NodeID\":\"n\","
         "\"DesiredState\":\"running\",\"Status\":{\"State\":\"running\"}}",
         "x", true, VIEW_TASK_RUNNING},
        {" { \"Spec\" : {\"ID\":\"trap\",\"a\":[\"}\\\"\"]} , \"ID\" : \"y\" , "
         "\"ServiceID\":\"no\","
         "\"Status\":{\"Err\":\"{\",\"State\":\"shutdown\"},\"DesiredState\":\"shutdown\","
         "\"Version\":{\"Index\": 7 }}",
         "y", false, VIEW_TASK_ENDED},
        {"{\"ID\":\"z\",\"ServiceID\":\"no\",\"DesiredState\":\"running\","
         "\"Status\":{\"State\":\"\\u0072unning\"}}", /* unusual: the parser reads it */
         "z", true, VIEW_TASK_RUNNING},
        {"{\"ID\":\"good\",\"Version\":{\"Index\":7},\"ServiceID\":\"good\",\"DesiredState\":"
         "\"shutdown\",\"Status\":{\"State\":\"failed\"}}", /* ours, and ended */
         "good", false, VIEW_TASK_ENDED},
    };
    struct seen services;

    (void)state;
    decode_text(&services, DECODE_SERVICES, "[" GOOD_SERVICE "]");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("[%s]", cases[i].task);
        const struct view_task *t;
        struct seen s;

        seen_init(&s);
        s.decode.only_of = services.view;
        assert_true(decode_list(DECODE_TASKS, str_from(text), &s.decode, NULL));
        view_seal(s.view);
        assert_int_equal(s.view->num_tasks + s.decode.num_skipped, 0);
        t = view_find_task(s.view, cases[i].id);
        assert_non_null(t);
        assert_int_equal(t->desired_running, cases[i].desired);
        assert_int_equal(t->state, cases[i].state);
        assert_int_equal(s.decode.newest, i == 2 ? 0 : 7);
        view_free(s.view);
        free(text);
    }
    view_free(services.view);
}

static void what_is_refused_is_named_and_so_are_its_tasks(void **state)
{
    struct seen services, tasks;
    const struct view_refused *r;

    (void)state;
    decode_text(&services, DECODE_SERVICES,
                "[{\"ID\":\"bad\",\"Spec\":{\"Name\":\"shop\"," LABELS ",\"TaskTemplate\":7}},"
                "{\"ID\":\"../x\",\"Spec\":{\"Name\":\"evil\"," LABELS "}}," GOOD_SERVICE "]");
    assert_int_equal(services.view->num_services, 1);
    assert_int_equal(services.view->num_refused, 1); /* "../x" cannot be told */
    r = view_refused(services.view, "bad");
    assert_string_equal(r->name, "shop");
    assert_string_equal(r->kind, "service");
    assert_non_null(strstr(r->why, "TaskTemplate"));
    seen_init(&tasks);
    tasks.decode.only_of = services.view;
    assert_true(decode_list(DECODE_TASKS,
                            STR("[{\"ID\":\"t\",\"ServiceID\":\"bad\",\"DesiredState\":\"running\","
                                "\"Status\":{\"State\":\"running\"}}]"),
                            &tasks.decode, NULL));
    assert_int_equal(tasks.view->num_tasks, 1);
    view_free(tasks.view);
    view_free(services.view);
}

static void a_reply_that_is_no_whole_array_fails_as_a_whole(void **state)
{
    static const char *const texts[] = {"",
                                        "null",
                                        "{}",
                                        "[",
                                        "[{}",
                                        "[{},",
                                        "[{},]",
                                        "[,{}]",
                                        "[{} {}]",
                                        "[{]}]",
                                        "[{}] x",
                                        "[{}][]",
                                        "[{\"a\":\"]\"}",
                                        "[\"\\\"]",
                                        "[" GOOD_SERVICE ",{\"ID\":\"half"};
    struct seen s;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct err e = {0};

        seen_init(&s);
        assert_false(decode_list(DECODE_NODES, str_from(texts[i]), &s.decode, &e));
        assert_string_equal(e.code, "BadReply");
        view_free(s.view);
    }
    decode_text(&s, DECODE_NODES, " [ ] ");
    assert_int_equal(s.decode.num_seen, 0);
    view_free(s.view);
}

static void a_huge_object_is_skipped_alone(void **state)
{
    struct seen s;
    struct buf b;
    struct err e = {0};

    (void)state;
    buf_init(&b, 64 << 20);
    assert_true(buf_add_fmt(&b, "[{\"ID\":\"x\",\"Spec\":{\"Name\":\"x\"," LABELS ",\"Big\":\""));
    for (int i = 0; i < 9 << 10; i++)
        assert_true(buf_add_fmt(&b, "%01023d ", 0));
    assert_true(buf_add_fmt(&b, "\"}},%s]", GOOD_SERVICE));
    seen_init(&s);
    assert_true(decode_list(DECODE_SERVICES, buf_str(&b), &s.decode, &e));
    assert_int_equal(s.view->num_services, 1);
    assert_string_equal(s.skipped, "service x TooLarge");
    assert_string_equal(view_refused(s.view, "x")->name, "x");
    view_free(s.view);
    buf_free(&b);
}

/* Decoded anew, or shared with what is known. */
static size_t num_shared(const struct view *v)
{
    size_t num = 0;

    for (size_t i = 0; i < v->num_services; i++)
        num += v->services[i].shared != NULL;
    for (size_t i = 0; i < v->num_tasks; i++)
        num += v->tasks[i].shared != NULL;
    for (size_t i = 0; i < v->num_others; i++)
        num += v->others[i].shared != NULL;
    return num;
}

static void decode_again(struct seen *s, enum decode_kind kind, const char *text,
                         struct view *known, const struct view *only_of)
{
    struct err e = {0};

    seen_init(s);
    s->decode.known = known;
    s->decode.only_of = only_of;
    assert_true(decode_list(kind, str_from(text), &s->decode, &e));
    view_seal(s->view);
}

static void what_is_known_byte_by_byte_is_shared_and_not_decoded(void **state)
{
    char *services = recorded("services"), *tasks = recorded("tasks");
    struct seen first, again, of_first, of_again;

    (void)state;
    decode_text(&first, DECODE_SERVICES, services);
    decode_again(&again, DECODE_SERVICES, services, first.view, NULL);
    assert_int_equal(num_shared(again.view), 2);
    assert_true(view_same(first.view, again.view));
    assert_int_equal(again.decode.newest, first.decode.newest);

    decode_again(&of_first, DECODE_TASKS, tasks, NULL, first.view);
    decode_again(&of_again, DECODE_TASKS, tasks, of_first.view, first.view);
    assert_int_equal(num_shared(of_again.view), 6);
    assert_true(view_same(of_first.view, of_again.view));
    assert_int_equal(of_again.decode.newest, of_first.decode.newest);
    assert_int_equal(of_again.decode.num_seen, 6);
    view_free(first.view);
    view_free(again.view);
    view_free(of_first.view);
    assert_true(of_again.view->num_tasks > 0 && of_again.view->tasks[0].num_networks > 0);
    view_free(of_again.view);
    free(services);
    free(tasks);
}

static void a_byte_that_differs_is_decoded(void **state)
{
    char *tasks = recorded("tasks");
    struct seen first, again;

    (void)state;
    decode_text(&first, DECODE_TASKS, tasks);
    strstr(tasks, "\"Addresses\":[\"10.")[14] = '2'; /* its version is what it was */
    decode_again(&again, DECODE_TASKS, tasks, first.view, NULL);
    assert_int_equal(num_shared(again.view), 5);
    assert_false(view_same(first.view, again.view));
    view_free(first.view);
    view_free(again.view);
    free(tasks);
}

/* The text is the same, and what it is good for is not. */
static void a_task_whose_service_is_wanted_now_is_decoded(void **state)
{
    struct seen nobody, first, ours, back;
    char *tasks = recorded("tasks");

    (void)state;
    decode_text(&nobody, DECODE_SERVICES, "[]");
    decode_again(&first, DECODE_TASKS, tasks, NULL, nobody.view);
    assert_int_equal(first.view->num_tasks, 0);
    assert_int_equal(first.view->num_others, 6);
    decode_again(&ours, DECODE_TASKS, tasks, first.view, NULL);
    assert_int_equal(ours.view->num_tasks, 5);
    assert_true(ours.view->tasks[0].num_networks > 0);
    assert_int_equal(num_shared(ours.view), 1); /* the one that ended */
    decode_again(&back, DECODE_TASKS, tasks, ours.view, nobody.view);
    assert_int_equal(back.view->num_tasks, 0);
    assert_true(view_same(first.view, back.view));
    view_free(nobody.view);
    view_free(first.view);
    view_free(ours.view);
    view_free(back.view);
    free(tasks);
}

static void a_service_that_is_not_asked_for_any_more_goes(void **state)
{
    static const char text[] = "[{\"ID\":\"a\",\"Spec\":{\"Name\":\"named\"}}]";
    struct ids named = {0};
    struct seen first = {0}, again, gone;
    struct err e = {0};

    (void)state;
    ids_add(&named, "named");
    seen_init(&first);
    first.decode.also = &named;
    assert_true(decode_list(DECODE_SERVICES, STR(text), &first.decode, &e));
    view_seal(first.view);
    assert_int_equal(first.view->num_services, 1);
    seen_init(&again);
    again.decode.also = &named;
    again.decode.known = first.view;
    assert_true(decode_list(DECODE_SERVICES, STR(text), &again.decode, &e));
    assert_int_equal(num_shared(again.view), 1);
    decode_again(&gone, DECODE_SERVICES, text, first.view, NULL);
    assert_int_equal(gone.view->num_services, 0);
    view_free(first.view);
    view_free(again.view);
    view_free(gone.view);
    ids_clear(&named);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_services_with_our_labels_are_kept),
        cmocka_unit_test(recorded_tasks_carry_state_and_addresses),
        cmocka_unit_test(only_tasks_of_wanted_services_are_kept),
        cmocka_unit_test(recorded_nodes_and_networks_are_read),
        cmocka_unit_test(one_odd_object_is_skipped_with_its_reason_and_hides_nobody),
        cmocka_unit_test(nulls_and_unknown_fields_are_nothing_special),
        cmocka_unit_test(a_service_that_only_mentions_our_labels_is_not_ours),
        cmocka_unit_test(dates_are_made_to_sort_as_text),
        cmocka_unit_test(a_container_label_cannot_hide_a_task),
        cmocka_unit_test(a_reply_that_is_no_whole_array_fails_as_a_whole),
        cmocka_unit_test(a_huge_object_is_skipped_alone),
        cmocka_unit_test(tasks_of_others_are_kept_in_brief),
        cmocka_unit_test(what_is_refused_is_named_and_so_are_its_tasks),
        cmocka_unit_test(what_is_known_byte_by_byte_is_shared_and_not_decoded),
        cmocka_unit_test(a_byte_that_differs_is_decoded),
        cmocka_unit_test(a_task_whose_service_is_wanted_now_is_decoded),
        cmocka_unit_test(a_service_that_is_not_asked_for_any_more_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
