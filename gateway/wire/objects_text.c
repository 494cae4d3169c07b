/*
 * Rules for the strings of objects: what a host, a path, a field's name may be, and their canonical
 * form. Length and type were judged before (objects_read.c). What a host or a path means is
 * gateway/route's to say.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/route/path.h"
#include "gateway/wire/objects_priv.h"

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110 section 5.6.2 */
static bool is_token_byte(char c)
{
    return is_letter_or_digit(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool text_any(struct str text, char **out, struct err *e)
{
    (void)e;
    *out = str_dup(text);
    return true;
}

bool text_name(struct str text, char **out, struct err *e)
{
    for (size_t i = 0; i < text.n; i++)
        if (is_control(text.p[i]))
            return err_set(e, "BadName", "", "a name cannot have control bytes");
    *out = str_dup(text);
    return true;
}

/* ---- hosts and addresses ---- */

bool text_host(struct str text, char **out, struct err *e)
{
    char host[ROUTE_HOST_MAX + 1];

    if (!route_host_canonical(text, false, host, e))
        return false;
    *out = xstrdup(host);
    return true;
}

bool text_host_pattern(struct str text, char **out, struct err *e)
{
    char host[ROUTE_HOST_MAX + 1];

    if (!route_host_canonical(text, true, host, e))
        return false;
    *out = xstrdup(host);
    return true;
}

bool text_address(struct str text, char **out, struct err *e)
{
    char *given = str_dup(text); /* inet_pton wants its NUL */
    char address[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, given, bytes) == 1) {
        *out = given; /* four decimal numbers without zeros in front have one spelling */
        return true;
    }
    bool ok = inet_pton(AF_INET6, given, bytes) == 1 &&
              inet_ntop(AF_INET6, bytes, address, sizeof(address)) != NULL;

    free(given);
    if (!ok)
        return err_set(e, "BadAddress", "", "\"%.*s\" is no IPv4 or IPv6 address", STR_ARG(text));
    *out = xstrdup(address);
    return true;
}

bool text_scheme(struct str text, char **out, struct err *e)
{
    if (!str_eq(text, STR("http")) && !str_eq(text, STR("https")))
        return err_set(e, "BadValue", "", "\"%.*s\" is none of \"http\", \"https\"", STR_ARG(text));
    *out = str_dup(text);
    return true;
}

/* ---- paths ---- */

bool text_path_pattern(struct str text, char **out, struct err *e)
{
    char *path = xmalloc(text.n + 1);

    if (route_path_canonical(text, path, e)) {
        *out = path;
        return true;
    }
    free(path);
    return false;
}

bool text_path(struct str text, char **out, struct err *e)
{
    if (!text_path_pattern(text, out, e))
        return false;
    free(*out);
    *out = str_dup(text);
    return true;
}

/* ---- fields of HTTP ---- */

bool text_token(struct str text, char **out, struct err *e)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_token_byte(text.p[i]))
            return err_set(e, "BadValue", "", "byte %zu (0x%02x) is not allowed in this name",
                           i + 1, (unsigned)(unsigned char)text.p[i]);
    *out = str_dup(text);
    return true;
}

bool text_field_name(struct str text, char **out, struct err *e)
{
    if (!text_token(text, out, e))
        return false;
    for (char *p = *out; *p != '\0'; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    return true;
}

/*
 * What frames a message, routes it or says who the client is. A route that could set or remove one
 * of these could smuggle a request or forge an address. '_' counts as '-': CGI and its heirs make
 * no difference (RFC 3875 section 4.1.18).
 */
static bool is_own_field(const char *name)
{
    static const char *const own[] = {
        "host",    "content-length", "transfer-encoding", "connection", "upgrade",   "te",
        "trailer", "keep-alive",     "http2-settings",    "expect",     "forwarded", "x-real-ip",
        NULL,
    };
    char plain[ROUTE_FIELD_NAME_MAX + 1];
    size_t n = strlen(name);

    ASSERT(n < sizeof(plain));
    for (size_t i = 0; i <= n; i++)
        plain[i] = name[i] == '_' ? '-' : name[i];
    for (size_t i = 0; own[i] != NULL; i++)
        if (strcmp(plain, own[i]) == 0)
            return true;
    return strncmp(plain, "proxy-", 6) == 0 || strncmp(plain, "x-forwarded-", 12) == 0;
}

bool text_free_field(struct str text, char **out, struct err *e)
{
    if (!text_field_name(text, out, e))
        return false;
    if (!is_own_field(*out))
        return true;
    err_set(e, "ReservedField", "",
            "\"%s\" frames, routes or says who the client is: it is the gateway's own", *out);
    free(*out);
    *out = NULL;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool text_field_value(struct str text, char **out, struct err *e)
{
    if (text.n != 0 && (is_blank(text.p[0]) || is_blank(text.p[text.n - 1])))
        return err_set(e, "BadValue", "", "the value of a field has no blanks around it");
    for (size_t i = 0; i < text.n; i++)
        if (is_control(text.p[i]) && text.p[i] != '\t')
            return err_set(e, "BadValue", "", "control bytes are not allowed here");
    *out = str_dup(text);
    return true;
}
