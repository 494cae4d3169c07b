/* See target.h. Neither decides whether a route redirects nor sends anything. */
#include "gateway/proxy/target.h"

#include <stdio.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/route/path.h"

void target_replace(const struct target_request *q, const char *prefix, const char *new_path,
                    const char *new_prefix, struct h1_target *out)
{
    struct str first = str_from(new_path), rest = {NULL, 0};

    if (new_path == NULL && new_prefix == NULL) {
        first = q->path;
    } else if (new_path == NULL) {
        first = str_from(new_prefix);
        if (!route_path_after(q->path, prefix, &rest))
            rest = q->path;                                /* "*", which is under no prefix */
        while (first.n > 0 && first.p[first.n - 1] == '/') /* rest begins with one, or is empty */
            first.n--;
        if (first.n == 0 && rest.n == 0)
            first = STR("/");
    }
    *out = (struct h1_target){{first, rest, q->query}};
}

/* "a.test:80" and "[fd00::1]:80" in two; an empty port is none. */
static struct str split_port(struct str host, struct str *out_name)
{
    size_t end = host.n;

    while (end > 0 && host.p[end - 1] >= '0' && host.p[end - 1] <= '9')
        end--;
    *out_name = host;
    if (end == 0 || host.p[end - 1] != ':')
        return STR("");
    out_name->n = end - 1;
    return (struct str){host.p + end, host.n - end};
}

static bool is_implied(struct str scheme, struct str port)
{
    return str_eq(port, str_eq(scheme, STR("https")) ? STR("443") : STR("80"));
}

static bool add_authority(const struct target_request *q, const struct route_redirect *r,
                          struct buf *out)
{
    struct str scheme = r->scheme != NULL ? str_from(r->scheme) : q->proto;
    struct str name, port = split_port(q->host, &name);
    char ours[8];

    if (r->host != NULL || !str_eq(scheme, q->proto))
        port = STR("");
    if (r->host != NULL)
        name = str_from(r->host);
    if (r->port != 0) {
        ASSERT(snprintf(ours, sizeof ours, "%u", (unsigned)r->port) < (int)sizeof ours);
        port = str_from(ours);
    }
    if (is_implied(scheme, port))
        port = STR("");
    return buf_add_str(out, scheme) && buf_add_str(out, STR("://")) && buf_add_str(out, name) &&
           (port.n == 0 || (buf_add_str(out, STR(":")) && buf_add_str(out, port)));
}

/* "//x" without an authority before it would name a host (RFC 3986 section 4.2). */
static void cut_slashes(struct h1_target *t)
{
    for (size_t i = 0; i < 2; i++) {
        while (t->pieces[i].n > 0 && t->pieces[i].p[0] == '/') {
            t->pieces[i].p++;
            t->pieces[i].n--;
        }
        if (t->pieces[i].n > 0)
            return;
    }
}

bool target_add_location(const struct target_request *q, const char *prefix,
                         const struct route_redirect *r, struct buf *out)
{
    struct h1_target t;
    bool ok;

    target_replace(q, prefix, r->path, r->prefix, &t);
    if (r->drop_query)
        t.pieces[2] = STR("");
    if (q->host.n > 0 || r->host != NULL) {
        ok = add_authority(q, r, out);
    } else {
        cut_slashes(&t);
        ok = buf_add_str(out, STR("/"));
    }
    for (size_t i = 0; ok && i < sizeof t.pieces / sizeof t.pieces[0]; i++)
        ok = buf_add_str(out, t.pieces[i]);
    return ok;
}
