/*
 * Hosts in their one canonical spelling. Every comparison of hosts, in tables and in requests, is
 * between results of this file, so that no two spellings of a name can be routed apart. No IDNA
 * here: names in Unicode are refused, A-labels pass as they are.
 */
#include <arpa/inet.h>
#include <string.h>

#include "gateway/route/route.h"

enum { LABEL_MAX = 63 }; /* RFC 1035 section 2.3.4 */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* "[v6]" without zone; one address has many spellings, inet_ntop gives one. */
static bool canonical_v6(struct str host, char *out, struct err *e)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;

    if (host.n < 4 || host.n - 2 >= sizeof(text) || host.p[host.n - 1] != ']' ||
        memchr(host.p, '\0', host.n) != NULL)
        return err_set(e, "BadHost", "", "not an IPv6 address in brackets: \"%.*s\"",
                       STR_ARG(host));
    memcpy(text, host.p + 1, host.n - 2);
    text[host.n - 2] = '\0';
    if (inet_pton(AF_INET6, text, &addr) != 1 ||
        inet_ntop(AF_INET6, &addr, text, sizeof(text)) == NULL)
        return err_set(e, "BadHost", "", "not an IPv6 address in brackets: \"%.*s\"",
                       STR_ARG(host));
    size_t n = strlen(text);

    out[0] = '[';
    memcpy(out + 1, text, n);
    memcpy(out + 1 + n, "]", 2);
    return true;
}

static bool refuse_byte(size_t at, char c, struct err *e)
{
    const char *hint = (unsigned char)c >= 0x80 ? "; international names are written \"xn--\""
                       : c == ':'               ? "; a host is written without a port"
                                                : "";

    return err_set(e, "BadHost", "",
                   "byte %zu of the host (0x%02x) is no letter, digit, '-', '_' or '.'%s", at,
                   (unsigned)(unsigned char)c, hint);
}

static bool canonical_name(struct str host, char *out, struct err *e)
{
    size_t label = 0;

    for (size_t i = 0; i < host.n; i++) {
        char c = lower(host.p[i]);

        if (c == '.' && label == 0)
            return err_set(e, "BadHost", "", "host \"%.*s\" has an empty label", STR_ARG(host));
        if (c != '.' && !is_host_byte(c))
            return refuse_byte(i + 1, c, e);
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return err_set(e, "BadHost", "", "host \"%.*s\" has a label of more than %d bytes",
                           STR_ARG(host), LABEL_MAX);
        out[i] = c;
    }
    if (label == 0)
        return err_set(e, "BadHost", "", "host \"%.*s.\" has an empty label", STR_ARG(host));
    out[host.n] = '\0';
    return true;
}

/* "*" or "*.suffix" */
static bool canonical_wildcard(struct str host, char *out, struct err *e)
{
    struct str suffix = {host.p + 2, host.n - 2};

    if (host.n == 1) {
        memcpy(out, "*", 2);
        return true;
    }
    if (host.p[1] != '.')
        return err_set(e, "BadHost", "", "a '*' stands alone or for whole labels: \"*.example\"");
    if (suffix.n != 0 && suffix.p[suffix.n - 1] == '.')
        suffix.n--;
    if (suffix.n > ROUTE_HOST_MAX - 2)
        return err_set(e, "BadHost", "", "no host that ends so can have %d bytes or less",
                       ROUTE_HOST_MAX);
    memcpy(out, "*.", 2);
    return canonical_name(suffix, out + 2, e);
}

bool route_host_canonical(struct str host, bool wildcards, char *out, struct err *e)
{
    if (host.n != 0 && host.p[0] == '*') {
        if (!wildcards)
            return err_set(e, "BadHost", "", "a wildcard is not allowed here");
        return canonical_wildcard(host, out, e);
    }
    if (host.n != 0 && host.p[0] == '[')
        return canonical_v6(host, out, e);
    if (host.n != 0 && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n == 0)
        return err_set(e, "BadHost", "", "the host is empty");
    if (host.n > ROUTE_HOST_MAX)
        return err_set(e, "BadHost", "", "the host has %zu bytes, more than %d", host.n,
                       ROUTE_HOST_MAX);
    return canonical_name(host, out, e);
}

bool route_host_of_request(struct str host_header, char *out, struct err *e)
{
    struct str host = host_header;
    size_t from = 0; /* where a colon may be the port's */
    uint64_t port;

    if (host.n != 0 && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);

        if (end == NULL)
            return err_set(e, "BadHost", "", "a '[' in the host is not closed");
        from = (size_t)(end - host.p) + 1;
        if (from < host.n && host.p[from] != ':')
            return err_set(e, "BadHost", "", "after the ']' of a host only \":port\" may come");
    }
    const char *colon = from < host.n ? memchr(host.p + from, ':', host.n - from) : NULL;

    if (colon != NULL) {
        struct str digits = {colon + 1, host.n - (size_t)(colon - host.p) - 1};

        /* RFC 3986 section 3.2.3: the port may be empty. */
        if (digits.n != 0 && (digits.n > 5 || !str_to_u64(digits, 65535, &port)))
            return err_set(e, "BadHost", "", "the port of the host is no number up to 65535");
        host.n = (size_t)(colon - host.p);
    }
    return route_host_canonical(host, false, out, e);
}
