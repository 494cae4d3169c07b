/*
 * What a route asks of a request besides the host, as one text: two routes whose texts are the same
 * ask for the same requests. Order, repetition and a prefix's final slash make no difference, as
 * they make none to the gateway (gateway/table/match.c).
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/intents/intents_priv.h"
#include "gateway/core/check.h"
#include "gateway/route/path.h"
#include "gateway/wire/json_print.h"

enum { MATCH_MAX = 1 << 20 /* 4 lists of ROUTE_MATCHES_MAX entries, each escaped at worst */ };

struct list {
    char *all[ROUTE_MATCHES_MAX]; /* JSON */
    size_t num;
};

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *print_condition(const struct route_condition *c)
{
    char *name = json_print_string(c->name);
    char *value = c->value != NULL ? json_print_string(c->value) : NULL;
    char *both = value != NULL ? xasprintf("[%s,%s]", name, value) : xasprintf("[%s]", name);

    free(name);
    free(value);
    return both;
}

/* Releases the list as well. */
static void add_list(struct buf *b, const char *name, struct list *list)
{
    if (list->num == 0)
        return;
    qsort(list->all, list->num, sizeof(list->all[0]), by_bytes);
    ASSERT(buf_add_fmt(b, "%s\"%s\":[", b->len > 1 ? "," : "", name));
    for (size_t i = 0; i < list->num; i++) {
        bool again = i != 0 && strcmp(list->all[i], list->all[i - 1]) == 0;

        ASSERT(again || buf_add_fmt(b, "%s%s", i != 0 ? "," : "", list->all[i]));
    }
    ASSERT(buf_add_str(b, STR("]")));
    for (size_t i = 0; i < list->num; i++)
        free(list->all[i]);
}

static void add_conditions(struct buf *b, const char *name, const struct route_conditions *c)
{
    struct list list = {.num = 0};

    for (; list.num < c->num; list.num++)
        list.all[list.num] = print_condition(&c->all[list.num]);
    add_list(b, name, &list);
}

static char *print_match(const struct route_match *m)
{
    struct list methods = {.num = 0};
    struct buf b;

    buf_init(&b, MATCH_MAX);
    ASSERT(buf_add_str(&b, STR("{")));
    add_conditions(&b, "cookies", &m->cookies);
    add_conditions(&b, "headers", &m->headers);
    for (; methods.num < m->num_methods; methods.num++)
        methods.all[methods.num] = json_print_string(m->methods[methods.num]);
    add_list(&b, "methods", &methods);
    add_conditions(&b, "queries", &m->queries);
    ASSERT(buf_add_str(&b, STR("}")));
    return buf_take(&b);
}

char *intent_match(const struct route *r)
{
    struct str path = r->path_exact ? str_from(r->path) : route_path_prefix(r->path);
    char *match = r->match != NULL ? print_match(r->match) : xstrdup("{}");
    bool any = strcmp(match, "{}") == 0;
    char *text =
        xasprintf("%s %.*s%s%s", r->path_exact ? "exact" : "prefix",
                  STR_ARG(path.n != 0 ? path : STR("/")), any ? "" : " ", any ? "" : match);

    free(match);
    return text;
}
