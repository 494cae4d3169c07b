/*
 * Methods, fields, queries and cookies of a request against those of a route. On the path of each
 * request whose host has routes with conditions: nothing is copied, values are compared where they
 * stand. Host and path were compared before (match.c).
 */
#include "gateway/table/conditions.h"

#include <string.h>

#include "gateway/core/map.h"
#include "gateway/http/cookie.h"

/* ---- holding ---- */

static bool holds_value(const struct route_condition *c, struct str value)
{
    return c->value == NULL || str_eq(value, str_from(c->value));
}

static bool holds_method(const struct route_match *m, struct str method)
{
    for (size_t i = 0; i < m->num_methods; i++)
        if (str_eq(method, str_from(m->methods[i])))
            return true;
    return m->num_methods == 0;
}

static bool holds_header(const struct route_condition *c, const struct route_request *q)
{
    struct str value;
    size_t at = 0;

    return q->field(q->head, str_from(c->name), &at, &value) && holds_value(c, value);
}

static bool holds_cookie(const struct route_condition *c, const struct route_request *q)
{
    struct str value;

    return http_cookie_find_in(q->field, q->head, str_from(c->name), &value) &&
           holds_value(c, value);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Cuts a byte off *s, an escape undone; a "%" that escapes nothing is itself. */
static char next_decoded(struct str *s)
{
    int high = s->n >= 3 && s->p[0] == '%' ? hex_digit(s->p[1]) : -1;
    int low = high >= 0 ? hex_digit(s->p[2]) : -1;
    size_t n = low >= 0 ? 3 : 1;
    char c = low >= 0 ? (char)(high << 4 | low) : s->p[0];

    *s = (struct str){s->p + n, s->n - n};
    return c;
}

static bool is_decoded(struct str escaped, const char *plain)
{
    struct str want = str_from(plain);
    size_t n = 0;

    while (escaped.n != 0) {
        char c = next_decoded(&escaped);

        if (n == want.n || want.p[n++] != c)
            return false;
    }
    return n == want.n;
}

/* The first parameter of that name decides: an endpoint that took another would see none of ours.
 */
static bool holds_query(const struct route_condition *c, const struct route_request *q)
{
    struct str query = q->query;
    struct str pair;

    while (str_split(&query, '&', &pair)) {
        struct str value = pair;
        struct str name;

        if (!str_split(&value, '=', &name) || !is_decoded(name, c->name))
            continue;
        return c->value == NULL || is_decoded(value.p != NULL ? value : STR(""), c->value);
    }
    return false;
}

typedef bool holds_fn(const struct route_condition *c, const struct route_request *q);

/* The first that does not hold, or NULL. */
static inline const struct route_condition *
first_fault(const struct route_conditions *all, holds_fn *holds, const struct route_request *q)
{
    for (size_t i = 0; i < all->num; i++)
        if (!holds(&all->all[i], q))
            return &all->all[i];
    return NULL;
}

bool conditions_hold(const struct route_match *m, const struct route_request *q)
{
    return m == NULL ||
           (holds_method(m, q->method) && first_fault(&m->headers, holds_header, q) == NULL &&
            first_fault(&m->queries, holds_query, q) == NULL &&
            first_fault(&m->cookies, holds_cookie, q) == NULL);
}

bool conditions_find_fault(const struct route_match *m, const struct route_request *q,
                           enum conditions_part *out, const struct route_condition **out_which)
{
    *out_which = NULL;
    *out = CONDITIONS_METHOD;
    if (m == NULL)
        return true;
    if (!holds_method(m, q->method))
        return false;
    *out = CONDITIONS_HEADER;
    *out_which = first_fault(&m->headers, holds_header, q);
    if (*out_which != NULL)
        return false;
    *out = CONDITIONS_QUERY;
    *out_which = first_fault(&m->queries, holds_query, q);
    if (*out_which != NULL)
        return false;
    *out = CONDITIONS_COOKIE;
    *out_which = first_fault(&m->cookies, holds_cookie, q);
    return *out_which == NULL;
}

/* ---- comparing routes ---- */

enum part { PART_METHOD = 1, PART_HEADER, PART_QUERY, PART_COOKIE };

static uint64_t print_of(enum part part, const char *name, const char *value)
{
    const uint64_t words[] = {part, map_hash(str_from(name)), value != NULL,
                              value != NULL ? map_hash(str_from(value)) : 0};

    return map_hash((struct str){(const char *)words, sizeof(words)});
}

static uint64_t print_all(enum part part, const struct route_conditions *all)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < all->num; i++)
        sum += print_of(part, all->all[i].name, all->all[i].value);
    return sum;
}

/* A sum, so that the order makes no difference. */
uint64_t conditions_print(const struct route_match *m)
{
    uint64_t sum = 0;

    if (m == NULL)
        return 0;
    for (size_t i = 0; i < m->num_methods; i++)
        sum += print_of(PART_METHOD, m->methods[i], NULL);
    return sum + print_all(PART_HEADER, &m->headers) + print_all(PART_QUERY, &m->queries) +
           print_all(PART_COOKIE, &m->cookies);
}

/* Negative when a is the larger one. */
static int larger_first(size_t a, size_t b)
{
    return (a < b) - (a > b);
}

int conditions_order_asked(const struct table_route *a, const struct table_route *b)
{
    static const struct route_match nothing;
    const struct route_match *x = a->route->match != NULL ? a->route->match : &nothing;
    const struct route_match *y = b->route->match != NULL ? b->route->match : &nothing;
    int order = larger_first(x->num_methods != 0, y->num_methods != 0);

    if (order == 0)
        order = larger_first(x->headers.num, y->headers.num);
    if (order == 0)
        order = larger_first(x->queries.num, y->queries.num);
    if (order == 0)
        order = larger_first(x->cookies.num, y->cookies.num);
    return order;
}

int conditions_order(const struct table_route *a, const struct table_route *b)
{
    int order = conditions_order_asked(a, b);

    if (order == 0)
        order = (a->route->created_ms > b->route->created_ms) -
                (a->route->created_ms < b->route->created_ms);
    return order != 0 ? order : strcmp(a->name, b->name);
}
