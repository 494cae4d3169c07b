/* Labels in, intent and notes out: every rule of the labels and every way to get them wrong. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "clusters/labels/labels_priv.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/route/route.h"

enum { LABELS_MAX = 6, TEXT_MAX = 1 << 20 };

/*
 * A row: labels as "key=value" without the prefix ("!key=value": the key as it is); what comes out
 * as "hosts|port|network|service_cluster|notes", a note as "Reason(key)", with '!' when fatal.
 */
struct row {
    const char *name;
    const char *labels[LABELS_MAX];
    const char *want;
};

#define OK_PORT "port=8080"

static const struct row rows[] = {
    {"no labels: no part in routing", {NULL}, "none"},
    {"foreign labels only", {"!com.example.team=x"}, "none"},
    {"the prefix without its dot is foreign", {"!com.docker.lbhosts=a.x"}, "none"},
    {"the prefix in capitals is foreign", {"!COM.DOCKER.LB.hosts=a.x"}, "none"},
    {"scenario 1: host and port", {"hosts=demo.local", OK_PORT}, "demo.local|8080|-|-|"},
    {"scenario 3: two hosts", {"hosts=a.x,b.x", OK_PORT}, "a.x,b.x|8080|-|-|"},
    {"scenario 4: a blank after the comma", {"hosts=a.x, b.x", OK_PORT}, "a.x,b.x|8080|-|-|"},
    {"blanks and tabs around", {"hosts= \ta.x\t , b.x ", OK_PORT}, "a.x,b.x|8080|-|-|"},
    {"scenario 5: capitals", {"hosts=DEMO.Local", OK_PORT}, "demo.local|8080|-|-|"},
    {"one trailing dot", {"hosts=a.x.", OK_PORT}, "a.x|8080|-|-|"},
    {"the same host in three spellings", {"hosts=a.x,A.X,a.x.", OK_PORT}, "a.x|8080|-|-|"},
    {"a comma at the end", {"hosts=a.x,", OK_PORT}, "a.x|8080|-|-|"},
    {"commas in a row", {"hosts=,,a.x,,b.x,", OK_PORT}, "a.x,b.x|8080|-|-|"},
    {"an underscore", {"hosts=my_app.x", OK_PORT}, "my_app.x|8080|-|-|"},
    {"a single label", {"hosts=intranet", OK_PORT}, "intranet|8080|-|-|"},
    {"an A-label", {"hosts=xn--bcher-kva.example", OK_PORT}, "xn--bcher-kva.example|8080|-|-|"},
    {"an IPv4 literal", {"hosts=10.0.0.1", OK_PORT}, "10.0.0.1|8080|-|-|"},
    {"hosts missing", {OK_PORT}, "-|8080|-|-|!MissingLabel(hosts)"},
    {"hosts empty", {"hosts=", OK_PORT}, "-|8080|-|-|!MissingLabel(hosts)"},
    {"hosts of blanks and commas", {"hosts= , ,", OK_PORT}, "-|8080|-|-|!MissingLabel(hosts)"},
    {"a wildcard", {"hosts=*.example.com", OK_PORT}, "-|8080|-|-|!Unsupported(hosts)"},
    {"the lone star", {"hosts=*", OK_PORT}, "-|8080|-|-|!Unsupported(hosts)"},
    {"a wildcard beside a good host",
     {"hosts=*.x,a.x", OK_PORT},
     "a.x|8080|-|-|Unsupported(hosts)"},
    {"scenario 95: out of nginx", {"hosts=a;}evil{", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"scenario 95: beside a good host",
     {"hosts=a;}evil{,a.x", OK_PORT},
     "a.x|8080|-|-|InvalidHost(hosts)"},
    {"scenario 95: a newline", {"hosts=a.x\nb.x", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a newline at the end", {"hosts=a.x\n", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a carriage return", {"hosts=a.x\r", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"scenario 95: double quotes", {"hosts=\"a.x\"", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"single quotes", {"hosts='a.x'", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a backslash", {"hosts=a.x\\", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a blank inside", {"hosts=a.x b.x", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a semicolon as separator", {"hosts=a.x;b.x", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a variable", {"hosts=${HOST}", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a template", {"hosts={{.Service.Name}}", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a URL", {"hosts=http://a.x", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a path", {"hosts=a.x/app", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a port", {"hosts=a.x:8080", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"an empty label of the name", {"hosts=a..x", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a dot in front", {"hosts=.a.x", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"nothing but a dot", {"hosts=.", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"two trailing dots", {"hosts=a.x..", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"Unicode",
     {"hosts=b\xc3\xbc"
      "cher.example",
      OK_PORT},
     "-|8080|-|-|!InvalidHost(hosts)"},
    {"bytes that are no UTF-8", {"hosts=\xff\xfe.x", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"a no-break space",
     {"hosts=\xc2\xa0"
      "a.x",
      OK_PORT},
     "-|8080|-|-|!InvalidHost(hosts)"},
    {"a regular expression", {"hosts=~^(.+)$", OK_PORT}, "-|8080|-|-|!InvalidHost(hosts)"},
    {"two bad, one good: two notes",
     {"hosts=a b,c d,e.x", OK_PORT},
     "e.x|8080|-|-|InvalidHost(hosts) InvalidHost(hosts)"},
    {"the lowest port", {"hosts=a.x", "port=1"}, "a.x|1|-|-|"},
    {"the highest port", {"hosts=a.x", "port=65535"}, "a.x|65535|-|-|"},
    {"scenario 12: an integer with blanks", {"hosts=a.x", "port= 80 "}, "a.x|80|-|-|"},
    {"scenario 22: port missing", {"hosts=a.x"}, "a.x|0|-|-|!MissingLabel(port)"},
    {"scenario 22: port abc", {"hosts=a.x", "port=abc"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"scenario 22: port 0", {"hosts=a.x", "port=0"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"scenario 22: port 70000", {"hosts=a.x", "port=70000"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"port 65536", {"hosts=a.x", "port=65536"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"port empty", {"hosts=a.x", "port="}, "a.x|0|-|-|!InvalidPort(port)"},
    {"port negative", {"hosts=a.x", "port=-80"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"port with a sign", {"hosts=a.x", "port=+80"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"port in hexadecimal", {"hosts=a.x", "port=0x50"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"port with a protocol", {"hosts=a.x", "port=80/tcp"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"two ports", {"hosts=a.x", "port=80,81"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"a port with decimals", {"hosts=a.x", "port=80.0"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"a port that overflows",
     {"hosts=a.x", "port=18446744073709551696"},
     "a.x|0|-|-|!InvalidPort(port)"},
    {"a port with a newline", {"hosts=a.x", "port=80\n"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"digits of another script", {"hosts=a.x", "port=\xd9\xa8"}, "a.x|0|-|-|!InvalidPort(port)"},
    {"everything wrong is said at once",
     {"hosts=a b", "port=x"},
     "-|0|-|-|!InvalidHost(hosts) !InvalidPort(port)"},
    {"a network", {"hosts=a.x", OK_PORT, "network=app_net"}, "a.x|8080|app_net|-|"},
    {"a network with blanks", {"hosts=a.x", OK_PORT, "network= n "}, "a.x|8080|n|-|"},
    {"an empty network is none", {"hosts=a.x", OK_PORT, "network="}, "a.x|8080|-|-|"},
    {"networks are told apart by case", {"hosts=a.x", OK_PORT, "network=Net"}, "a.x|8080|Net|-|"},
    {"a service cluster", {"hosts=a.x", OK_PORT, "service_cluster=east"}, "a.x|8080|-|east|"},
    {"an empty service cluster is none",
     {"hosts=a.x", OK_PORT, "service_cluster="},
     "a.x|8080|-|-|"},
    {"a typo names its neighbour",
     {"hosts=a.x", OK_PORT, "netwrok=n"},
     "a.x|8080|-|-|UnknownLabel(netwrok)"},
    {"host instead of hosts",
     {"host=a.x", OK_PORT},
     "-|8080|-|-|!MissingLabel(hosts) UnknownLabel(host)"},
    {"the key in capitals",
     {"HOSTS=a.x", OK_PORT},
     "-|8080|-|-|!MissingLabel(hosts) UnknownLabel(HOSTS)"},
    {"a label that never was",
     {"hosts=a.x", OK_PORT, "weight=5"},
     "a.x|8080|-|-|UnknownLabel(weight)"},
    {"the bare prefix", {"hosts=a.x", OK_PORT, "=x"}, "a.x|8080|-|-|UnknownLabel()"},
    {"a label not built yet",
     {"hosts=a.x", OK_PORT, "context_root=/app"},
     "a.x|8080|-|-|Unsupported(context_root)"},
    {"one not built yet that asks for nothing",
     {"hosts=a.x", OK_PORT, "ssl_passthrough=false", "context_root=/", "backend_mode=default"},
     "a.x|8080|-|-|"},
    {"one not built yet that asks for something",
     {"hosts=a.x", OK_PORT, "ssl_passthrough=true", "backend_mode=vip"},
     "a.x|8080|-|-|Unsupported(ssl_passthrough) Unsupported(backend_mode)"},
    {"default_backend without hosts",
     {OK_PORT, "default_backend=true"},
     "-|8080|-|-|!MissingLabel(hosts) Unsupported(default_backend)"},
    {"the documented typo",
     {"hosts=a.x", OK_PORT, "defaul_backend=true"},
     "a.x|8080|-|-|UnknownLabel(defaul_backend)"},
    {"only what is not built",
     {"ssl_cert=c", "ssl_key=k"},
     "-|0|-|-|!MissingLabel(hosts) !MissingLabel(port) Unsupported(ssl_cert) Unsupported(ssl_key)"},
};

static void add(struct buf *b, const char *s)
{
    assert_true(buf_add_str(b, str_from(s)));
}

static void summarize(struct buf *b, const struct labels_intent *i)
{
    add(b, i->num_hosts == 0 ? "-" : "");
    for (size_t k = 0; k < i->num_hosts; k++) {
        add(b, k > 0 ? "," : "");
        add(b, i->hosts[k]);
    }
    assert_true(buf_add_fmt(b, "|%u|%s|%s|", i->port, i->network != NULL ? i->network : "-",
                            i->service_cluster != NULL ? i->service_cluster : "-"));
    for (size_t k = 0; k < i->num_notes; k++) {
        const struct labels_note *n = &i->notes[k];

        assert_true(buf_add_fmt(b, "%s%s%s(%s)", k > 0 ? " " : "", n->fatal ? "!" : "", n->reason,
                                n->label + strlen(LABELS_PREFIX)));
    }
}

/* What is shown to people is bounded, printable and a sentence. */
static void check_notes(const struct labels_intent *i)
{
    for (size_t k = 0; k < i->num_notes; k++) {
        const struct labels_note *n = &i->notes[k];

        assert_true(strlen(n->value) <= LABELS_SHOW_MAX);
        assert_true(strlen(n->label) <= LABELS_SHOW_MAX);
        for (const char *p = n->value; *p != '\0'; p++)
            assert_true(*p >= 0x20 && *p < 0x7f);
        for (const char *p = n->message; *p != '\0'; p++)
            assert_true((unsigned char)*p >= 0x20);
        assert_true(strlen(n->message) > 10);
        if (strchr(".?", n->message[strlen(n->message) - 1]) == NULL)
            fail_msg("no sentence: %s", n->message);
    }
}

static struct labels_intent *read_row(const struct row *r)
{
    struct labels_label labels[LABELS_MAX];
    char *keys[LABELS_MAX];
    size_t num = 0;

    for (; num < LABELS_MAX && r->labels[num] != NULL; num++) {
        const char *text = r->labels[num];
        const char *equals = strchr(text, '=');
        int key_len = (int)(equals - text);

        keys[num] = text[0] == '!' ? xasprintf("%.*s", key_len - 1, text + 1)
                                   : xasprintf("%s%.*s", LABELS_PREFIX, key_len, text);
        labels[num] = (struct labels_label){keys[num], equals + 1};
    }
    struct labels_intent *intent = labels_read(labels, num);

    for (size_t i = 0; i < num; i++)
        free(keys[i]);
    return intent;
}

static void every_row_of_the_table_holds(void **state)
{
    int num_failed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct labels_intent *intent = read_row(&rows[i]);
        struct buf b;

        buf_init(&b, TEXT_MAX);
        if (intent == NULL)
            add(&b, "none");
        else
            summarize(&b, intent);
        char *got = buf_take(&b);

        if (strcmp(got, rows[i].want) != 0) {
            print_error("%s: got %s, want %s\n", rows[i].name, got, rows[i].want);
            num_failed++;
        }
        if (intent != NULL) {
            check_notes(intent);
            assert_int_equal(labels_usable(intent), strchr(rows[i].want, '!') == NULL);
        }
        free(got);
        labels_free(intent);
    }
    assert_int_equal(num_failed, 0);
}

static struct labels_intent *read_hosts(const char *hosts)
{
    struct labels_label labels[] = {{LABELS_HOSTS, hosts}, {LABELS_PORT, "80"}};

    return labels_read(labels, 2);
}

static void a_host_of_10_kb_is_refused_and_shown_cut(void **state)
{
    char *host = xmalloc(10 * 1024 + 5);

    (void)state;
    memset(host, 'a', 10 * 1024);
    memcpy(host + 10 * 1024, ",b.x", 5);
    struct labels_intent *intent = read_hosts(host);

    assert_int_equal(intent->num_hosts, 1);
    assert_string_equal(intent->hosts[0], "b.x");
    assert_int_equal(intent->num_notes, 1);
    assert_string_equal(intent->notes[0].reason, "InvalidHost");
    assert_int_equal(strlen(intent->notes[0].value), LABELS_SHOW_MAX);
    assert_string_equal(intent->notes[0].value + LABELS_SHOW_MAX - 4, "a...");
    assert_non_null(strstr(intent->notes[0].message, "10240 bytes"));
    check_notes(intent);
    labels_free(intent);
    free(host);
}

static void many_bad_hosts_make_few_notes(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, TEXT_MAX);
    for (int i = 0; i < 1000; i++)
        assert_true(buf_add_fmt(&b, "bad host %d,", i));
    add(&b, "good.x");
    struct labels_intent *intent = read_hosts(b.bytes);

    assert_int_equal(intent->num_hosts, 1);
    assert_int_equal(intent->num_notes, LABELS_HOST_NOTES_MAX + 1);
    assert_non_null(strstr(intent->notes[LABELS_HOST_NOTES_MAX].message, "992 more"));
    assert_true(labels_usable(intent));
    check_notes(intent);
    labels_free(intent);
    buf_free(&b);
}

static void more_hosts_than_a_route_has_are_left_out(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, TEXT_MAX);
    for (int i = 0; i < ROUTE_HOSTS_MAX + 3; i++)
        assert_true(buf_add_fmt(&b, "h%d.x,", i));
    struct labels_intent *intent = read_hosts(b.bytes);

    assert_int_equal(intent->num_hosts, ROUTE_HOSTS_MAX);
    assert_int_equal(intent->num_notes, 1);
    assert_string_equal(intent->notes[0].reason, "TooManyHosts");
    assert_false(intent->notes[0].fatal);
    assert_non_null(strstr(intent->notes[0].message, "last 3 "));
    check_notes(intent);
    labels_free(intent);
    buf_free(&b);
}

static void many_unknown_labels_make_few_notes(void **state)
{
    enum { NUM = 500 };
    struct labels_label labels[NUM];
    char keys[NUM][48];

    (void)state;
    for (int i = 0; i < NUM; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%sfoo%d", LABELS_PREFIX, i);
        labels[i] = (struct labels_label){keys[i], "x"};
    }
    struct labels_intent *intent = labels_read(labels, NUM);

    assert_int_equal(intent->num_notes, 2 + LABELS_OTHER_NOTES_MAX + 1);
    check_notes(intent);
    labels_free(intent);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    char name[LABELS_NAME_MAX + 2];
    struct labels_label labels[] = {
        {LABELS_HOSTS, "a.x"}, {LABELS_PORT, "80"}, {LABELS_NETWORK, name}};

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct labels_intent *intent = labels_read(labels, 3);

    assert_null(intent->network);
    assert_false(labels_usable(intent));
    assert_string_equal(intent->notes[0].reason, "InvalidName");
    check_notes(intent);
    labels_free(intent);
    name[LABELS_NAME_MAX] = '\0';
    intent = labels_read(labels, 3);
    assert_string_equal(intent->network, name);
    labels_free(intent);
}

static void a_tenant_is_named_without_blanks_around(void **state)
{
    struct labels_label labels[] = {
        {LABELS_HOSTS, "a.x"}, {LABELS_PORT, "80"}, {LABELS_TENANT, " acme\t"}};
    struct labels_intent *intent = labels_read(labels, 3);

    (void)state;
    assert_string_equal(intent->tenant, "acme");
    assert_true(labels_usable(intent));
    assert_int_equal(intent->num_notes, 0);
    labels_free(intent);
    labels[2].value = " ";
    intent = labels_read(labels, 3);
    assert_null(intent->tenant);
    labels_free(intent);
}

static void values_are_shown_cut_and_printable(void **state)
{
    static const struct {
        const char *value;
        const char *shown;
    } cases[] = {{"", ""},
                 {"plain", "plain"},
                 {"a\nb", "a\\x0ab"},
                 {"\x7f\x1b[31m", "\\x7f\\x1b[31m"},
                 {"\xc3\xa9", "\\xc3\\xa9"}};
    char long_value[400];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *shown = labels_show(str_from(cases[i].value));

        assert_string_equal(shown, cases[i].shown);
        free(shown);
    }
    memset(long_value, '\n', sizeof(long_value));
    for (size_t n = 0; n <= sizeof(long_value); n++) {
        char *shown = labels_show((struct str){long_value, n});

        assert_int_equal(strlen(shown), n <= 50 ? 4 * n : 4 * 49 + 3);
        free(shown);
    }
}

static void exactly_200_bytes_are_not_cut(void **state)
{
    char value[LABELS_SHOW_MAX + 1];

    (void)state;
    memset(value, 'v', sizeof(value));
    char *shown = labels_show((struct str){value, LABELS_SHOW_MAX});

    assert_int_equal(strlen(shown), LABELS_SHOW_MAX);
    assert_int_equal(shown[LABELS_SHOW_MAX - 1], 'v');
    free(shown);
    shown = labels_show((struct str){value, LABELS_SHOW_MAX + 1});
    assert_int_equal(strlen(shown), LABELS_SHOW_MAX);
    assert_string_equal(shown + LABELS_SHOW_MAX - 3, "...");
    free(shown);
}

static void the_distance_is_levenshteins(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        size_t want;
    } cases[] = {{"", "", 0},        {"port", "port", 0},      {"prot", "port", 2},
                 {"pot", "port", 1}, {"ports", "port", 1},     {"", "ab", 2},
                 {"abc", "", 3},     {"kitten", "sitting", 3}, {"abcdef", "uvwxyz", 3}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(labels_distance(str_from(cases[i].a), str_from(cases[i].b), 2),
                         cases[i].want);
    assert_string_equal(labels_nearest(STR("prot")), "port");
    assert_string_equal(labels_nearest(STR("ssl_certs")), "ssl_cert");
    assert_null(labels_nearest(STR("weight")));
    assert_null(labels_nearest(STR("")));
}

static void the_table_has_every_label_of_the_contract_once(void **state)
{
    size_t num;
    const struct labels_key *keys = labels_keys(&num);
    size_t num_built = 0;

    (void)state;
    assert_int_equal(num, 21); /* the 20 of Interlock and `tenant` */
    for (size_t i = 0; i < num; i++) {
        assert_true(strlen(keys[i].doc) > 0 && strlen(keys[i].value) > 0);
        num_built += keys[i].parse != NULL ? 1 : 0;
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(keys[i].name, keys[j].name);
    }
    assert_int_equal(num_built, 5);
}

static void the_page_of_labels_names_each_of_them(void **state)
{
    char page[32768];
    FILE *f = fopen(SIGNALBOX_SOURCE_DIR "/docs/labels.md", "r");
    size_t num;
    const struct labels_key *keys = labels_keys(&num);

    (void)state;
    assert_non_null(f);
    size_t len = fread(page, 1, sizeof(page) - 1, f);

    fclose(f);
    assert_true(len > 0 && len < sizeof(page) - 1);
    page[len] = '\0';
    const char *later = strstr(page, "## Not built yet");

    assert_non_null(later);
    for (size_t i = 0; i < num; i++) {
        char *name = keys[i].parse != NULL ? xasprintf("| `" LABELS_PREFIX "%s` |", keys[i].name)
                                           : xasprintf("`%s`", keys[i].name);

        if (strstr(keys[i].parse != NULL ? page : later, name) == NULL)
            fail_msg("docs/labels.md does not say %s in its place", name);
        free(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_holds),
        cmocka_unit_test(a_host_of_10_kb_is_refused_and_shown_cut),
        cmocka_unit_test(many_bad_hosts_make_few_notes),
        cmocka_unit_test(more_hosts_than_a_route_has_are_left_out),
        cmocka_unit_test(many_unknown_labels_make_few_notes),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
        cmocka_unit_test(a_tenant_is_named_without_blanks_around),
        cmocka_unit_test(values_are_shown_cut_and_printable),
        cmocka_unit_test(exactly_200_bytes_are_not_cut),
        cmocka_unit_test(the_distance_is_levenshteins),
        cmocka_unit_test(the_table_has_every_label_of_the_contract_once),
        cmocka_unit_test(the_page_of_labels_names_each_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
