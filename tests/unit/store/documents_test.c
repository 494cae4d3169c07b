/* Documents, batches, history and audit of the store: each rule by itself. */
#include <stdlib.h>

#include "tests/unit/store/fixture.h"

static struct store_commit_rq docs_rq(const struct store_doc_change *docs, size_t num)
{
    return (struct store_commit_rq){.docs = docs,
                                    .num_docs = num,
                                    .author = "token t1 (acme)",
                                    .cause = "PUT /v1",
                                    .tenant = "acme",
                                    .diff_json = "{}"};
}

static void batch(struct store *s, struct store_commit_rq *all, size_t num)
{
    struct err e = {0};

    if (!store_commit_batch(s, all, num, &e))
        fail_msg("%s: %s", e.code, e.text);
}

/* One document in a commit of its own; the commit's number. */
static uint64_t put(struct store *s, const char *tenant, const char *name, const char *value,
                    int64_t created_ms)
{
    struct store_doc_change d = {tenant, "route", name, value, created_ms};
    struct store_commit_rq rq = docs_rq(&d, 1);

    batch(s, &rq, 1);
    return rq.number;
}

static char seen[4096];

static void note(const char *text)
{
    size_t at = strlen(seen);

    assert_true(at + strlen(text) < sizeof(seen));
    memcpy(seen + at, text, strlen(text) + 1);
}

static void on_doc(void *arg, const struct store_doc *d)
{
    char line[256];

    (void)arg;
    snprintf(line, sizeof(line), "%s/%s/%s=%s@%llu/%lld ", d->tenant, d->kind, d->name, d->value,
             (unsigned long long)d->set_by, (long long)d->created_ms);
    note(line);
}

static void docs_are(struct store *s, const char *want)
{
    struct err e = {0};

    seen[0] = '\0';
    assert_true(store_each_doc(s, on_doc, NULL, &e));
    assert_string_equal(seen, want);
}

static void on_then(void *arg, const struct store_doc *now, const char *then, int64_t created_ms)
{
    char line[256];

    (void)arg;
    snprintf(line, sizeof(line), "%s/%s:%s->%s/%lld ", now->tenant, now->name,
             now->value != NULL ? now->value : "-", then != NULL ? then : "-",
             (long long)created_ms);
    note(line);
}

static void then_is(struct store *s, uint64_t at, const char *tenant, const char *want)
{
    struct err e = {0};

    seen[0] = '\0';
    if (!store_docs_at(s, at, tenant, on_then, NULL, &e))
        fail_msg("%s: %s", e.code, e.text);
    assert_string_equal(seen, want);
}

static void verifies(struct store *s, const char *head, uint64_t rows)
{
    struct err e = {0};
    uint64_t num;

    if (!store_audit_verify(s, head, &num, &e))
        fail_msg("%s: %s", e.code, e.text);
    assert_int_equal(num, rows);
}

static void verify_fails(struct store *s, const char *head, const char *code)
{
    struct err e = {0};
    uint64_t num;

    assert_false(store_audit_verify(s, head, &num, &e));
    assert_string_equal(e.code, code);
}

static void run_sql(struct store *s, const char *sql)
{
    assert_int_equal(sqlite3_exec(s->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int64_t number_of(struct store *s, const char *sql)
{
    sqlite3_stmt *q = NULL;

    assert_int_equal(sqlite3_prepare_v2(s->db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);

    sqlite3_finalize(q);
    return n;
}

/* ---- documents ----------------------------------------------------------------------------------
 */

static void documents_are_set_changed_and_deleted(void **state)
{
    (void)state;
    struct store *s = open_store();

    assert_int_equal(put(s, "acme", "web", "1", 100), 1);
    assert_int_equal(put(s, "acme", "web", "2", 100), 2);
    assert_int_equal(put(s, "", "acme", "{}", 50), 3);
    docs_are(s, "/route/acme={}@3/50 acme/route/web=2@2/100 ");
    assert_int_equal(put(s, "acme", "web", NULL, 0), 4);
    store_close(s);
    s = open_store();
    docs_are(s, "/route/acme={}@3/50 ");
    assert_int_equal(store_head(s), 4);
    store_close(s);
}

static void what_differs_in_nothing_is_no_commit_and_leaves_no_trace(void **state)
{
    (void)state;
    struct store *s = open_store();
    char before[STORE_HASH_HEX + 1];
    struct store_doc_change d[] = {{"acme", "route", "web", "1", 100},
                                   {"acme", "route", "gone", NULL, 0}};
    struct store_commit_rq rq = docs_rq(d, 2);

    put(s, "acme", "web", "1", 100);
    store_audit_head(s, before);
    batch(s, &rq, 1);
    assert_false(rq.made);
    assert_int_equal(rq.number, 1);
    assert_string_equal(rq.head, before);
    assert_int_equal(number_of(s, "SELECT count(*) FROM commits"), 1);
    assert_int_equal(number_of(s, "SELECT count(*) FROM audit"), 1);
    assert_int_equal(put(s, "acme", "web", "1", 101), 2); /* its age is a difference */
    store_close(s);
}

static void a_batch_is_commits_in_order_with_heads_that_follow(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_doc_change a = {"acme", "pool", "web", "1", 1};
    struct store_doc_change b = {"beta", "pool", "web", "2", 2};
    struct store_change o = {"east", "pool", "acme/web", "{}"};
    struct store_commit_rq all[] = {docs_rq(&a, 1), docs_rq(&a, 1), docs_rq(&b, 1), docs_rq(&a, 0)};
    char head[STORE_HASH_HEX + 1];

    all[2].changes = &o;
    all[2].num_changes = 1;
    all[3] = (struct store_commit_rq){
        .event = true, .author = "x", .cause = "refused", .tenant = "", .diff_json = "{}"};
    batch(s, all, 4);
    assert_true(all[0].made && !all[1].made && all[2].made && all[3].made);
    assert_int_equal(all[0].number, 1);
    assert_int_equal(all[1].number, 1);
    assert_int_equal(all[2].number, 2);
    assert_int_equal(all[3].number, 2);
    assert_string_equal(all[0].head, all[1].head);
    assert_string_not_equal(all[1].head, all[2].head);
    store_audit_head(s, head);
    assert_string_equal(all[3].head, head);
    docs_are(s, "acme/pool/web=1@1/1 beta/pool/web=2@2/2 ");
    verifies(s, all[0].head, 3);
    verifies(s, all[2].head, 3);
    store_close(s);
}

static void a_commit_may_be_told_to_go_behind_a_number(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_doc_change d[] = {{"acme", "route", "web", "1", 1},
                                   {"acme", "route", "web", "2", 1}};
    struct store_commit_rq all[] = {docs_rq(&d[0], 1), docs_rq(&d[0], 1), docs_rq(&d[1], 1)};

    all[0].after = 40;
    all[1].after = 100; /* makes none */
    all[2].after = 7;   /* is behind it already */
    batch(s, all, 3);
    assert_int_equal(all[0].number, 41);
    assert_int_equal(all[1].number, 41);
    assert_int_equal(all[2].number, 42);
    assert_int_equal(store_head(s), 42);
    then_is(s, 41, NULL, "acme/web:2->1/1 ");
    then_is(s, 40, NULL, "acme/web:2->-/0 ");
    store_close(s);
    s = open_store();
    assert_int_equal(put(s, "acme", "web", "3", 1), 43);
    store_close(s);
}

static void a_batch_that_fails_leaves_nothing_of_any_of_its_commits(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_doc_change a = {"acme", "pool", "web", "1", 1};
    struct store_doc_change b = {"acme", "pool", "poison", "2", 2};
    struct store_commit_rq all[] = {docs_rq(&a, 1), docs_rq(&b, 1)};
    struct err e = {0};
    char before[STORE_HASH_HEX + 1];
    char after[STORE_HASH_HEX + 1];

    put(s, "acme", "x", "0", 0);
    store_audit_head(s, before);
    run_sql(s, "CREATE TEMP TRIGGER poison BEFORE INSERT ON documents WHEN NEW.name = 'poison' "
               "BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_false(store_commit_batch(s, all, 2, &e));
    assert_string_equal(e.code, "StoreFailed");
    assert_int_equal(store_head(s), 1);
    assert_false(all[0].made || all[1].made);
    assert_string_equal(all[1].head, before);
    store_audit_head(s, after);
    assert_string_equal(after, before);
    docs_are(s, "acme/route/x=0@1/0 ");
    run_sql(s, "DROP TRIGGER temp.poison");
    batch(s, all, 2);
    assert_int_equal(store_head(s), 3);
    verifies(s, NULL, 3);
    store_close(s);
}

static void a_document_twice_in_a_commit_keeps_what_was_before_the_commit(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_doc_change d[] = {{"acme", "route", "web", "2", 1},
                                   {"acme", "route", "web", NULL, 0},
                                   {"acme", "route", "web", "3", 7}};
    struct store_commit_rq rq = docs_rq(d, 3);

    put(s, "acme", "web", "1", 1);
    batch(s, &rq, 1);
    docs_are(s, "acme/route/web=3@2/7 ");
    then_is(s, 1, NULL, "acme/web:3->1/1 ");
    then_is(s, 0, NULL, "acme/web:3->-/0 ");
    store_close(s);
}

/* ---- history ------------------------------------------------------------------------------------
 */

static void documents_are_told_as_they_were(void **state)
{
    (void)state;
    struct store *s = open_store();

    put(s, "acme", "web", "1", 10); /* 1 */
    put(s, "beta", "web", "b", 20); /* 2 */
    put(s, "acme", "web", "2", 10); /* 3 */
    put(s, "acme", "api", "x", 30); /* 4 */
    put(s, "acme", "web", NULL, 0); /* 5 */
    then_is(s, 5, NULL, "");
    then_is(s, 99, NULL, "");
    then_is(s, 4, NULL, "acme/web:-->2/10 ");
    then_is(s, 3, NULL, "acme/api:x->-/0 acme/web:-->2/10 ");
    then_is(s, 2, "acme", "acme/api:x->-/0 acme/web:-->1/10 ");
    then_is(s, 1, "beta", "beta/web:b->-/0 ");
    then_is(s, 0, NULL, "acme/api:x->-/0 beta/web:b->-/0 "); /* web: neither then nor now */
    put(s, "acme", "web", "2", 10);                          /* 6: as it was after 4 */
    then_is(s, 4, NULL, "");
    store_close(s);
}

static int64_t fake_now;

static int64_t read_fake_clock(void)
{
    return fake_now;
}

static void at_fails(struct store *s, uint64_t at)
{
    struct err e = {0};

    assert_false(store_docs_at(s, at, NULL, on_then, NULL, &e));
    assert_string_equal(e.code, "Compacted");
}

static void the_history_is_cut_by_rows_bytes_and_age_and_says_so(void **state)
{
    static const struct log_limits limits[] = {
        {64, INT64_MAX / 2, INT64_MAX / 2},
        {INT64_MAX / 2, 64 * (STORE_ROW_BYTES + 3), INT64_MAX / 2},
        {INT64_MAX / 2, INT64_MAX / 2, 64}};
    char value[24];

    for (size_t i = 0; i < 3; i++) {
        struct store *s = open_store();

        s->now_ms = read_fake_clock;
        s->history_max = limits[i];
        s->log_age_max_ms = 1; /* commits go with what refers to them */
        for (int n = 1; n <= 200; n++) {
            fake_now = 1000 + n;
            snprintf(value, sizeof(value), "%03d", n);
            put(s, "acme", "web", value, 1);
        }
        int64_t kept = number_of(s, "SELECT count(*) FROM document_history");

        assert_in_range(kept, 60, 68);
        at_fails(s, (uint64_t)(200 - kept - 1));
        snprintf(value, sizeof(value), "%03lld", (long long)(200 - kept));
        char want[64];

        snprintf(want, sizeof(want), "acme/web:200->%s/1 ", value);
        then_is(s, (uint64_t)(200 - kept), NULL, want);
        assert_true(compact_all(s, NULL));
        assert_int_equal(number_of(s, "SELECT count(*) FROM commits"), kept);
        store_close(s);
        remove_store();
    }
    (void)state;
}

/* ---- commits and audit --------------------------------------------------------------------------
 */

static void on_commit(void *arg, const struct store_commit_row *r)
{
    char line[256];

    (void)arg;
    snprintf(line, sizeof(line), "%llu:%s:%s:%s:%d ", (unsigned long long)r->number, r->tenant,
             r->cause, r->diff_json, (int)strlen(r->hash));
    note(line);
}

static void commits_are_listed_in_pages_and_by_tenant(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct err e;

    put(s, "acme", "web", "1", 10);
    set(s, "east", "a", "1");
    put(s, "acme", "web", "2", 10);
    seen[0] = '\0';
    assert_true(store_each_commit(s, NULL, 0, 2, on_commit, NULL, &e));
    assert_string_equal(seen, "3:acme:PUT /v1:{}:64 2::test::64 ");
    seen[0] = '\0';
    assert_true(store_each_commit(s, NULL, 2, 10, on_commit, NULL, &e));
    assert_string_equal(seen, "1:acme:PUT /v1:{}:64 ");
    seen[0] = '\0';
    assert_true(store_each_commit(s, "acme", 0, 10, on_commit, NULL, &e));
    assert_string_equal(seen, "3:acme:PUT /v1:{}:64 1:acme:PUT /v1:{}:64 ");
    store_close(s);
}

static char prev_wanted[STORE_HASH_HEX + 1];

static void on_audit(void *arg, const struct store_audit_row *r)
{
    char line[256];

    (void)arg;
    snprintf(line, sizeof(line), "%llu:%llu:%s:%s:%s ", (unsigned long long)r->seq,
             (unsigned long long)r->commit, r->author, r->action, r->tenant);
    note(line);
    if (prev_wanted[0] != '\0')
        assert_string_equal(r->hash, prev_wanted);
    memcpy(prev_wanted, r->prev, sizeof(prev_wanted));
}

static void the_audit_lists_commits_and_events_each_with_the_hash_before(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct err e;

    put(s, "acme", "web", "1", 10);
    assert_true(store_audit_event(s, "10.0.0.1", "refused", "beta", "{\"status\":401}", &e));
    put(s, "acme", "web", "2", 10);
    seen[0] = prev_wanted[0] = '\0';
    assert_true(store_each_audit(s, NULL, 0, 10, on_audit, NULL, &e));
    assert_string_equal(seen, "3:2:token t1 (acme):PUT /v1:acme 2:0:10.0.0.1:refused:beta "
                              "1:1:token t1 (acme):PUT /v1:acme ");
    assert_int_equal(strspn(prev_wanted, "0"), STORE_HASH_HEX);
    seen[0] = prev_wanted[0] = '\0';
    assert_true(store_each_audit(s, "beta", 0, 10, on_audit, NULL, &e));
    assert_string_equal(seen, "2:0:10.0.0.1:refused:beta ");
    assert_int_equal(store_head(s), 2); /* an event is no commit */
    store_close(s);
}

/* The bytes that are hashed are a promise to whoever checks elsewhere: SHA-256 of the fields, each
 * after its length in eight bytes, big-endian; the figure is Python's hashlib's. */
static void the_hash_of_a_row_is_the_one_that_is_documented(void **state)
{
    (void)state;
    struct store *s = open_store();
    char head[STORE_HASH_HEX + 1];
    struct err e;

    s->now_ms = read_fake_clock;
    fake_now = 1700000000123;
    assert_true(store_audit_event(s, "a", "b", "t", "{}", &e));
    store_audit_head(s, head);
    assert_string_equal(head, "58e85e62353fa7cb8f6670a8283fcffc1910137f2789ce6c217745511d91b22c");
    store_close(s);
}

static void whatever_is_changed_in_a_row_breaks_the_chain_there(void **state)
{
    static const char *const harm[] = {
        "UPDATE audit SET author = 'b' WHERE seq = 2",
        "UPDATE audit SET action = action || ' ' WHERE seq = 2",
        "UPDATE audit SET tenant = 'beta' WHERE seq = 2",
        "UPDATE audit SET detail = '{\"a\":1}' WHERE seq = 2",
        "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 2",
        "UPDATE audit SET number = 9 WHERE seq = 2",
        "UPDATE audit SET hash = iif(hash LIKE 'f%', 'e', 'f') || substr(hash, 2) WHERE seq = 2",
        "UPDATE audit SET author = author || action, action = '' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "INSERT OR REPLACE INTO meta VALUES ('audit/cut', 'nonsense')"};

    (void)state;
    struct store *s = open_store();

    for (int i = 0; i < 4; i++)
        put(s, "acme", "web", i % 2 ? "1" : "2", 1);
    verifies(s, NULL, 4);
    run_sql(s, "CREATE TEMP TABLE kept AS SELECT * FROM audit");
    for (size_t i = 0; i < sizeof(harm) / sizeof(harm[0]); i++) {
        run_sql(s, harm[i]);
        assert_int_equal(sqlite3_changes(s->db), 1);
        verify_fails(s, NULL, "AuditBroken");
        run_sql(s, "DELETE FROM meta WHERE key = 'audit/cut'; DELETE FROM audit;"
                   "INSERT INTO audit SELECT * FROM kept");
        verifies(s, NULL, 4);
    }
    store_close(s);
}

static void heads_are_witnesses(void **state)
{
    (void)state;
    struct store *s = open_store();
    char heads[3][STORE_HASH_HEX + 1];
    char zeros[STORE_HASH_HEX + 1];
    char wrong[STORE_HASH_HEX + 1];

    store_audit_head(s, zeros);
    assert_int_equal(strspn(zeros, "0"), STORE_HASH_HEX);
    for (int i = 0; i < 3; i++) {
        put(s, "acme", "web", i % 2 ? "1" : "2", 1);
        store_audit_head(s, heads[i]);
    }
    memset(wrong, 'a', STORE_HASH_HEX);
    wrong[STORE_HASH_HEX] = '\0';
    verifies(s, zeros, 3);
    verifies(s, heads[0], 3);
    verifies(s, heads[2], 3);
    verify_fails(s, wrong, "AuditHead");
    verify_fails(s, "", "AuditHead");
    run_sql(s, "DELETE FROM audit WHERE seq = 3"); /* the end is missing: only a witness knows */
    verifies(s, heads[1], 2);
    verify_fails(s, heads[2], "AuditHead");
    store_close(s);
}

static void the_chain_outlives_its_compaction(void **state)
{
    (void)state;
    struct store *s = open_store();
    char heads[201][STORE_HASH_HEX + 1];
    char head[STORE_HASH_HEX + 1];

    s->audit_max.rows = 64;
    for (int i = 1; i <= 200; i++) {
        put(s, "acme", "web", i % 2 ? "1" : "2", 1);
        store_audit_head(s, heads[i]);
    }
    int64_t kept = number_of(s, "SELECT count(*) FROM audit");

    assert_in_range(kept, 64, 65);
    verifies(s, NULL, (uint64_t)kept);
    verifies(s, heads[200 - kept], (uint64_t)kept); /* the hash that what went left behind */
    verify_fails(s, heads[200 - kept - 1], "AuditCompacted");
    run_sql(s, "DELETE FROM audit"); /* all went: it goes on from the cut */
    run_sql(s, "DELETE FROM meta WHERE key = 'audit/cut'");
    memcpy(head, heads[200], sizeof(head));
    char *cut = sqlite3_mprintf("INSERT INTO meta VALUES ('audit/cut', '200 %s')", head);

    run_sql(s, cut);
    sqlite3_free(cut);
    store_close(s);
    s = open_store();
    store_audit_head(s, head);
    assert_string_equal(head, heads[200]);
    put(s, "acme", "web", "3", 1);
    verifies(s, heads[200], 1);
    assert_int_equal(number_of(s, "SELECT seq FROM audit"), 201);
    store_close(s);
}

/* ---- reader -------------------------------------------------------------------------------------
 */

static void a_reader_sees_commits_does_not_write_and_keeps_nobody_waiting(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct err e = {0};

    put(s, "acme", "web", "1", 1);
    struct store *r = store_open_reader(path, &e);

    assert_non_null(r);
    docs_are(r, "acme/route/web=1@1/1 ");
    run_sql(r, "BEGIN; SELECT * FROM documents");
    put(s, "acme", "web", "2", 1);
    docs_are(r, "acme/route/web=1@1/1 "); /* its moment */
    run_sql(r, "ROLLBACK");
    docs_are(r, "acme/route/web=2@2/1 ");
    then_is(r, 1, NULL, "acme/web:2->1/1 ");
    verifies(r, NULL, 2);
    assert_false(store_remember(r, "k", "v", &e));
    assert_string_equal(e.code, "StoreReadOnly");
    store_close(s);
    docs_are(r, "acme/route/web=2@2/1 ");
    store_close(r);
}

static void a_reader_of_no_store_is_refused(void **state)
{
    struct err e = {0};

    (void)state;
    assert_null(store_open_reader(path, &e));
    assert_string_equal(e.code, "StoreMissing");
    write_at(0, "", 0);
    assert_null(store_open_reader(path, &e));
    assert_string_equal(e.code, "StoreFailed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(documents_are_set_changed_and_deleted),
        TEST(what_differs_in_nothing_is_no_commit_and_leaves_no_trace),
        TEST(a_batch_is_commits_in_order_with_heads_that_follow),
        TEST(a_commit_may_be_told_to_go_behind_a_number),
        TEST(a_batch_that_fails_leaves_nothing_of_any_of_its_commits),
        TEST(a_document_twice_in_a_commit_keeps_what_was_before_the_commit),
        TEST(documents_are_told_as_they_were),
        TEST(the_history_is_cut_by_rows_bytes_and_age_and_says_so),
        TEST(commits_are_listed_in_pages_and_by_tenant),
        TEST(the_audit_lists_commits_and_events_each_with_the_hash_before),
        TEST(the_hash_of_a_row_is_the_one_that_is_documented),
        TEST(whatever_is_changed_in_a_row_breaks_the_chain_there),
        TEST(heads_are_witnesses),
        TEST(the_chain_outlives_its_compaction),
        TEST(a_reader_sees_commits_does_not_write_and_keeps_nobody_waiting),
        TEST(a_reader_of_no_store_is_refused),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
