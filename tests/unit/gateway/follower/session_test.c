/*
 * What a stream may and may not say. Scripts are lines; in a commit the digest "?" stands for the
 * right one, computed here from the script alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/follower/session.h"

#define HELLO(mode)                                                                                \
    "{\"hello\":{\"cluster\":\"east\",\"epoch\":\"1000-a\",\"revision\":5,\"mode\":\"" mode "\"}}" \
    "\n"
#define SET(name, value) "{\"set\":{\"kind\":\"pool\",\"name\":\"" name "\",\"value\":" value "}}\n"
#define DELETE(name) "{\"delete\":{\"kind\":\"pool\",\"name\":\"" name "\"}}\n"

struct seen {
    struct holding holding;
    struct session session;
    int num_commits;
    int num_snapshots;
    int num_changes; /* in the last commit */
};

static void on_commit(void *arg, const struct holding_changes *changes, bool snapshot)
{
    struct seen *s = arg;
    const struct holding_object *o;
    s->num_commits++;
    s->num_snapshots += snapshot;
    s->num_changes = 0;
    TAILQ_FOREACH(o, &changes->list, entry)
    s->num_changes++;
}

static void begin_session(struct seen *s, bool accept_older)
{
    struct session_config config = {.holding = &s->holding,
                                    .cluster = "east",
                                    .accept_older_epoch = accept_older,
                                    .on_commit = on_commit,
                                    .arg = s};
    session_init(&s->session, &config);
}

static void begin(struct seen *s)
{
    *s = (struct seen){.num_commits = 0};
    holding_init(&s->holding);
    begin_session(s, false);
}

static void end(struct seen *s)
{
    session_free(&s->session);
    holding_free(&s->holding);
}

/* A commit line with the digest of pools "name=value" given in pairs, NULL-ended. */
static const char *commit(unsigned revision, ...)
{
    static char line[300];
    struct digest d = {{0}};
    char hex[65];
    const char *name;
    va_list ap;
    va_start(ap, revision);
    while ((name = va_arg(ap, const char *)) != NULL)
        digest_add(&d, ROUTE_KIND_POOL, str_from(name), str_from(va_arg(ap, const char *)));
    va_end(ap);
    digest_hex(&d, hex);
    snprintf(line, sizeof(line), "{\"commit\":{\"revision\":%u,\"digest\":\"%s\"}}\n", revision,
             hex);
    return line;
}

static void feed(struct seen *s, const char *text)
{
    struct err e = {0};
    if (!session_feed(&s->session, str_from(text), &e))
        fail_msg("%s", e.text);
}

static void refuse(struct seen *s, const char *text, const char *code)
{
    struct err e = {0};
    assert_false(session_feed(&s->session, str_from(text), &e));
    assert_string_equal(e.code, code);
    assert_true(strlen(e.text) > 5);
    assert_int_equal(s->session.state, SESSION_BROKEN);
}

/* A held table: a={"x":1}, b={} at revision 5 of epoch 1000-a. */
static void hold(struct seen *s)
{
    begin(s);
    feed(s, HELLO("snapshot") SET("a", "{\"x\":1}") SET("b", "{}"));
    feed(s, commit(5, "a", "{\"x\":1}", "b", "{}", NULL));
    assert_int_equal(s->num_snapshots, 1);
}

static void again(struct seen *s, bool accept_older)
{
    session_free(&s->session);
    begin_session(s, accept_older);
}

static void take(struct holding *h, struct holding_changes *c, bool snapshot,
                 const char *const *names)
{
    struct digest d = {{0}};
    char hex[65];
    struct err e = {0};

    for (; *names != NULL; names++)
        digest_add(&d, ROUTE_KIND_ROUTE, str_from(*names), STR("{}"));
    digest_hex(&d, hex);
    assert_true(holding_commit(h, c, snapshot, NULL, hex, &e));
    holding_changes_clear(c);
}

static void change(struct holding_changes *c, enum route_kind kind, const char *name,
                   const char *value)
{
    struct err e = {0};

    assert_true(holding_changes_add(c, kind, str_from(name),
                                    value != NULL ? str_from(value) : (struct str){NULL, 0}, &e));
}

static void the_routes_of_a_holding_are_counted(void **state)
{
    struct holding h;
    struct holding_changes c;

    (void)state;
    holding_init(&h);
    holding_changes_init(&c);
    change(&c, ROUTE_KIND_ROUTE, "a", "{}");
    change(&c, ROUTE_KIND_ROUTE, "b", "{}");
    take(&h, &c, true, (const char *const[]){"a", "b", NULL});
    assert_int_equal(h.num_routes, 2);
    change(&c, ROUTE_KIND_ROUTE, "b", "{}"); /* set again */
    change(&c, ROUTE_KIND_ROUTE, "c", "{}");
    change(&c, ROUTE_KIND_ROUTE, "a", NULL);
    change(&c, ROUTE_KIND_ROUTE, "never", NULL);
    change(&c, ROUTE_KIND_POOL, "b", NULL);
    take(&h, &c, false, (const char *const[]){"b", "c", NULL});
    assert_int_equal(h.num_routes, 2);
    change(&c, ROUTE_KIND_ROUTE, "z", "{}");
    take(&h, &c, true, (const char *const[]){"z", NULL});
    assert_int_equal(h.num_routes, 1);
    holding_free(&h);
}

static void a_snapshot_then_deltas_are_taken_byte_by_byte_too(void **state)
{
    struct seen s;
    struct err e = {0};
    struct buf script;

    (void)state;
    buf_init(&script, 1 << 20);
    assert_true(
        buf_add_fmt(&script, "%s", HELLO("snapshot") SET("a", "{ \"x\": 1 }") SET("a", "{}")));
    assert_true(buf_add_fmt(&script, "%s", commit(5, "a", "{}", NULL)));
    assert_true(buf_add_fmt(&script, "%s", SET("b", "{\"y\":[1, 2]}") DELETE("a") DELETE("never")));
    assert_true(buf_add_fmt(&script, "%s", commit(9, "b", "{\"y\":[1, 2]}", NULL)));
    assert_true(buf_add_fmt(&script, "%s", "{\"beat\":{\"revision\":9}}\n"));
    begin(&s);
    for (size_t i = 0; i < script.len; i++)
        assert_true(session_feed(&s.session, (struct str){script.bytes + i, 1}, &e));
    assert_int_equal(s.num_commits, 2);
    assert_int_equal(s.num_snapshots, 1);
    assert_int_equal(s.num_changes, 3);
    assert_int_equal(s.holding.revision, 9);
    assert_string_equal(s.holding.epoch, "1000-a");
    assert_int_equal(holding_num_objects(&s.holding), 1);
    assert_true(session_in_step(&s.session));
    end(&s);
    buf_free(&script);
}

static void nothing_of_a_commit_with_a_wrong_digest_is_taken(void **state)
{
    struct seen s;

    (void)state;
    hold(&s);
    feed(&s, SET("a", "{}") DELETE("b"));
    refuse(&s, commit(6, "a", "{}", "b", "{}", NULL), "DigestMismatch");
    assert_int_equal(s.num_commits, 1);
    assert_int_equal(s.holding.revision, 5);
    assert_int_equal(holding_num_objects(&s.holding), 2);
    again(&s, false); /* and what is held is still good for a delta */
    feed(&s, HELLO("delta") SET("a", "{}"));
    feed(&s, commit(6, "a", "{}", "b", "{}", NULL));
    assert_int_equal(s.holding.revision, 6);
    end(&s);
}

static void a_wrong_snapshot_leaves_the_table_as_it_is(void **state)
{
    struct seen s;

    (void)state;
    hold(&s);
    again(&s, false);
    feed(&s, HELLO("snapshot") SET("c", "{}"));
    refuse(&s, commit(7, "a", "{}", NULL), "DigestMismatch");
    assert_int_equal(holding_num_objects(&s.holding), 2);
    again(&s, false);
    feed(&s, HELLO("snapshot") SET("c", "{}"));
    feed(&s, commit(7, "c", "{}", NULL));
    assert_int_equal(holding_num_objects(&s.holding), 1);
    end(&s);
}

static void what_is_no_stream_is_refused(void **state)
{
    static const struct {
        const char *text, *code;
    } rows[] = {
        {SET("a", "{}"), "BadFrame"},
        {"{\"beat\":{\"revision\":1}}\n", "BadFrame"},
        {"{\"commit\":{\"revision\":1,\"digest\":\"\"}}\n", "BadFrame"},
        {HELLO("delta"), "BadFrame"},
        {HELLO("snapshot") HELLO("snapshot"), "BadFrame"},
        {HELLO("snapshot") "{\"ack\":{\"revision\":1}}\n", "BadFrame"},
        {HELLO("snapshot") "{\"commit\":{\"revision\":1}}\n", "DigestMismatch"},
        {HELLO("snapshot") "nonsense\n", "BadLine"},
        {HELLO("snapshot") "\n", "BadLine"},
        {"<html>\n", "BadLine"},
        {"{\"hello\":{\"cluster\":\"west\",\"epoch\":\"1-a\",\"revision\":5,\"mode\":\"snapshot\"}}"
         "\n",
         "OtherCluster"},
        {"{\"hello\":{\"cluster\":\"east\",\"epoch\":\"x-a\",\"revision\":5,\"mode\":\"snapshot\"}}"
         "\n",
         "BadFrame"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct seen s;
        begin(&s);
        refuse(&s, rows[i].text, rows[i].code);
        assert_false(s.holding.valid);
        end(&s);
    }
}

static void an_older_store_is_refused_unless_an_operator_says_so(void **state)
{
    static const char older[] = "{\"hello\":{\"cluster\":\"east\",\"epoch\":\"999-z\",\"revision\":"
                                "80,\"mode\":\"snapshot\"}}\n";
    struct seen s;

    (void)state;
    hold(&s);
    again(&s, false);
    refuse(&s, older, "OlderEpoch");
    again(&s, true);
    feed(&s, older);
    feed(&s, commit(80, NULL));
    assert_int_equal(holding_num_objects(&s.holding), 0);
    assert_string_equal(s.holding.epoch, "999-z");
    end(&s);
}

static void a_newer_store_needs_a_snapshot(void **state)
{
    struct seen s;

    (void)state;
    hold(&s);
    again(&s, false);
    refuse(&s,
           "{\"hello\":{\"cluster\":\"east\",\"epoch\":\"2000-z\",\"revision\":1,\"mode\":"
           "\"delta\"}}\n",
           "BadFrame");
    again(&s, false);
    feed(&s, "{\"hello\":{\"cluster\":\"east\",\"epoch\":\"2000-z\",\"revision\":1,\"mode\":"
             "\"snapshot\"}}\n");
    feed(&s, commit(1, NULL));
    assert_int_equal(s.holding.revision, 1);
    end(&s);
}

static void a_delta_never_goes_back(void **state)
{
    struct seen s;

    (void)state;
    hold(&s);
    again(&s, false);
    feed(&s, HELLO("delta"));
    feed(&s, commit(5, "a", "{\"x\":1}", "b", "{}", NULL)); /* nothing has happened since: fine */
    refuse(&s, commit(4, "a", "{\"x\":1}", "b", "{}", NULL), "BadFrame");
    end(&s);
}

static void a_line_without_an_end_is_cut_off(void **state)
{
    static char piece[65536];
    struct seen s;
    struct err e = {0};
    int pieces = 0;

    (void)state;
    memset(piece, 'x', sizeof(piece));
    begin(&s);
    while (session_feed(&s.session, (struct str){piece, sizeof(piece)}, &e))
        assert_true(++pieces < 200);
    assert_string_equal(e.code, "BadLine");
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_routes_of_a_holding_are_counted),
        cmocka_unit_test(a_snapshot_then_deltas_are_taken_byte_by_byte_too),
        cmocka_unit_test(nothing_of_a_commit_with_a_wrong_digest_is_taken),
        cmocka_unit_test(a_wrong_snapshot_leaves_the_table_as_it_is),
        cmocka_unit_test(what_is_no_stream_is_refused),
        cmocka_unit_test(an_older_store_is_refused_unless_an_operator_says_so),
        cmocka_unit_test(a_newer_store_needs_a_snapshot),
        cmocka_unit_test(a_delta_never_goes_back),
        cmocka_unit_test(a_line_without_an_end_is_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
