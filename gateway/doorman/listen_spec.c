/*
 * Parses the --listen flag of the doorman. Pure: which device guards a listener when the flag names
 * none is device.c's business, opening is listener.c's. Called by the main only.
 */
#include "gateway/doorman/listen_spec.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[DOORMAN_KIND__COUNT] = {
    [DOORMAN_HTTP] = "http", [DOORMAN_HTTPS] = "https"};

static bool parse_kind(struct str s, enum doorman_kind *out, struct err *e)
{
    for (int i = 0; i < DOORMAN_KIND__COUNT; i++) {
        if (str_eq(s, str_from(kinds[i]))) {
            *out = (enum doorman_kind)i;
            return true;
        }
    }
    return err_set(e, "BadListen", "--listen",
                   "\"%.*s\" is no kind of listener: write http=ADDR:PORT or https=ADDR:PORT.",
                   STR_ARG(s));
}

static bool parse_device(struct str s, char out[IFNAMSIZ], struct err *e)
{
    if (s.n == 0 || s.n >= IFNAMSIZ || memchr(s.p, '/', s.n) != NULL ||
        memchr(s.p, '\0', s.n) != NULL || memchr(s.p, ' ', s.n) != NULL)
        return err_set(e, "BadDevice", "--listen",
                       "\"%.*s\" cannot be the name of a network interface (1 to %d characters).",
                       STR_ARG(s), IFNAMSIZ - 1);
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static bool set_v4(struct listen_spec *out, const char *text, uint16_t port)
{
    struct sockaddr_in *in = &out->addr.in;

    if (inet_pton(AF_INET, text, &in->sin_addr) != 1)
        return false;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    out->addr_len = sizeof(*in);
    out->wildcard = in->sin_addr.s_addr == htonl(INADDR_ANY);
    out->loopback = ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return true;
}

static bool set_v6(struct listen_spec *out, const char *text, uint16_t port)
{
    struct sockaddr_in6 *in6 = &out->addr.in6;

    if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1 || IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ||
        IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
        return false;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    out->addr_len = sizeof(*in6);
    out->wildcard = IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
    out->loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    return true;
}

static bool parse_address(struct str s, uint16_t port, struct listen_spec *out)
{
    char text[INET6_ADDRSTRLEN];
    bool v6 = s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';

    if (v6)
        s = (struct str){s.p + 1, s.n - 2};
    if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return v6 ? set_v6(out, text, port) : set_v4(out, text, port);
}

static void set_text(struct listen_spec *out)
{
    char ip[INET6_ADDRSTRLEN] = "";
    bool v6 = out->addr.sa.sa_family == AF_INET6;
    const void *bytes = v6 ? (const void *)&out->addr.in6.sin6_addr : &out->addr.in.sin_addr;

    inet_ntop(out->addr.sa.sa_family, bytes, ip, sizeof(ip));
    snprintf(out->text, sizeof(out->text), v6 ? "[%s]:%u" : "%s:%u", ip, listen_spec_port(out));
}

static bool cut_last(struct str s, char at, struct str *out_left, struct str *out_right)
{
    const char *p = s.n == 0 ? NULL : memrchr(s.p, at, s.n);

    if (p == NULL)
        return false;
    *out_left = (struct str){s.p, (size_t)(p - s.p)};
    *out_right = (struct str){p + 1, s.n - out_left->n - 1};
    return true;
}

bool listen_spec_parse(struct str flag, struct listen_spec *out, struct err *e)
{
    struct str rest = flag;
    struct str kind;
    struct str address;
    struct str port_text;
    struct str device;
    uint64_t port;

    memset(out, 0, sizeof(*out));
    if (!str_split(&rest, '=', &kind) || !parse_kind(kind, &out->kind, e))
        return false;
    if (rest.p == NULL)
        return err_set(e, "BadListen", "--listen", "The address is missing: http=ADDR:PORT.");
    if (cut_last(rest, '@', &rest, &device) && !parse_device(device, out->device, e))
        return false;
    if (!cut_last(rest, ':', &address, &port_text) || !str_to_u64(port_text, 65535, &port) ||
        port == 0)
        return err_set(e, "BadPort", "--listen", "\"%.*s\" has no port from 1 to 65535 at its end.",
                       STR_ARG(rest));
    if (!parse_address(address, (uint16_t)port, out))
        return err_set(e, "BadAddress", "--listen",
                       "\"%.*s\" is no address to listen on: an IPv4 address, or IPv6 in brackets "
                       "(neither IPv4-mapped nor link-local); names are not resolved.",
                       STR_ARG(address));
    if (out->loopback && out->device[0] != '\0')
        return err_set(e, "BadDevice", "--listen",
                       "A loopback listener cannot be bound to a device: leave out \"@%s\".",
                       out->device);
    set_text(out);
    return true;
}

void listen_spec_name(const struct listen_spec *spec, unsigned shard, char out[DOORMAN_NAME_MAX])
{
    snprintf(out, DOORMAN_NAME_MAX, "%s:%s#%u", kinds[spec->kind], spec->text, shard);
}

unsigned listen_spec_port(const struct listen_spec *spec)
{
    return ntohs(spec->addr.sa.sa_family == AF_INET6 ? spec->addr.in6.sin6_port
                                                     : spec->addr.in.sin_port);
}
