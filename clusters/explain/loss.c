/* What a route lost a request by, in words. */
#include <string.h>

#include "clusters/explain/explain_priv.h"
#include "gateway/core/check.h"

const char *explain_loss_name(enum table_loss loss)
{
    static const char *const names[] = {
        [TABLE_LOSS_NONE] = "",           [TABLE_LOSS_PATH] = "path",
        [TABLE_LOSS_METHOD] = "method",   [TABLE_LOSS_HEADER] = "header",
        [TABLE_LOSS_QUERY] = "query",     [TABLE_LOSS_COOKIE] = "cookie",
        [TABLE_LOSS_HOST] = "host",       [TABLE_LOSS_LONGER] = "path_length",
        [TABLE_LOSS_ASKS] = "conditions", [TABLE_LOSS_AGE] = "age",
        [TABLE_LOSS_NAME] = "name",
    };

    return names[loss];
}

static char *path_text(const struct route *r)
{
    return xasprintf("its path is %s \"%s\"", r->path_exact ? "exactly" : "under", r->path);
}

/* Up to three of them: the route itself is shown elsewhere. */
static char *method_text(const struct route *r, struct str method)
{
    char list[160] = "";
    size_t n = 0;

    for (size_t i = 0; i < r->match->num_methods && i < 3; i++)
        n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i != 0 ? ", " : "",
                              r->match->methods[i]);
    return xasprintf("it asks for the method %s%s, this is %.*s", list,
                     r->match->num_methods > 3 ? " or others" : "", STR_ARG(method));
}

static char *condition_text(const char *what, const struct route_condition *c)
{
    if (c->value == NULL)
        return xasprintf("it asks for the %s \"%s\", which is not there", what, c->name);
    return xasprintf("it asks for the %s \"%s\" with the value \"%.200s\"", what, c->name,
                     c->value);
}

char *explain_loss_text(const struct table_candidate *c, const struct route_request *q,
                        const struct table_route *winner)
{
    const struct route *r = c->route->route;

    switch (c->loss) {
    case TABLE_LOSS_PATH:
        return path_text(r);
    case TABLE_LOSS_METHOD:
        return method_text(r, q->method);
    case TABLE_LOSS_HEADER:
        return condition_text("header", c->condition);
    case TABLE_LOSS_QUERY:
        return condition_text("query parameter", c->condition);
    case TABLE_LOSS_COOKIE:
        return condition_text("cookie", c->condition);
    case TABLE_LOSS_HOST:
        return xasprintf("\"%s\" is less specific than a host that has routes: only the routes of "
                         "the most specific one are asked",
                         c->host);
    case TABLE_LOSS_LONGER:
        return winner->route->path_exact
                   ? xasprintf("\"%s\" is the exact path of the winner", winner->route->path)
                   : xasprintf("the winner's path \"%s\" is longer", winner->route->path);
    case TABLE_LOSS_ASKS:
        return xstrdup("the winner's path is the same and it asks for more: a method, then more "
                       "headers, queries, cookies");
    case TABLE_LOSS_AGE:
        return xstrdup("the winner asks for as much and is older");
    default:
        return xstrdup("the winner asks for as much, is as old, and its name comes before");
    }
}
