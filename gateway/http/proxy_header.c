/* See proxy_header.h. A prefix of a good header wants more, whatever cannot become one is bad. */
#include "gateway/http/proxy_header.h"

#include <arpa/inet.h>
#include <string.h>

static const char v1_begin[] = "PROXY ";
static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";

enum { V1_BEGIN = sizeof v1_begin - 1, V2_SIGNATURE = sizeof v2_signature - 1, V2_FIXED = 16 };

static void map_v4(const void *four, uint8_t out[16])
{
    memset(out, 0, 10);
    memset(out + 10, 0xff, 2);
    memcpy(out + 12, four, 4);
}

/* ---- version 1: a line of text --------------------------------------------------------------- */

static bool read_address(struct str text, int family, uint8_t out[16])
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t raw[16];

    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n) != NULL)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(family, copy, raw) != 1)
        return false;
    if (family == AF_INET)
        map_v4(raw, out);
    else
        memcpy(out, raw, sizeof raw);
    return true;
}

/* "TCP4 1.2.3.4 5.6.7.8 1000 80"; exactly one blank between, no zero before a port. */
static bool read_tcp(struct str rest, int family, struct proxy_header *out)
{
    struct str part[4];
    uint8_t destination[16];
    uint64_t port[2];

    for (int i = 0; i < 4; i++)
        if (!str_split(&rest, ' ', &part[i]))
            return false;
    for (int i = 0; i < 2; i++)
        if (!str_to_u64(part[2 + i], 65535, &port[i]) ||
            (part[2 + i].n > 1 && part[2 + i].p[0] == '0'))
            return false;
    out->port = (uint16_t)port[0];
    out->has_source = true;
    return rest.p == NULL && read_address(part[0], family, out->source) &&
           read_address(part[1], family, destination);
}

static bool read_line(struct str line, struct proxy_header *out)
{
    struct str rest = {line.p + V1_BEGIN, line.n - V1_BEGIN}, proto;

    if (!str_split(&rest, ' ', &proto))
        return false;
    if (str_eq(proto, STR("UNKNOWN"))) /* whatever follows is ignored */
        return true;
    if (rest.p == NULL)
        return false;
    if (str_eq(proto, STR("TCP4")))
        return read_tcp(rest, AF_INET, out);
    return str_eq(proto, STR("TCP6")) && read_tcp(rest, AF_INET6, out);
}

static enum proxy_header_parse parse_v1(struct str bytes, struct proxy_header *out)
{
    size_t n = bytes.n < PROXY_HEADER_V1_MAX ? bytes.n : PROXY_HEADER_V1_MAX;
    const char *lf = memchr(bytes.p, '\n', n);

    if (lf == NULL)
        return n == PROXY_HEADER_V1_MAX ? PROXY_HEADER_BAD : PROXY_HEADER_MORE;
    out->len = (size_t)(lf - bytes.p) + 1;
    if (out->len < V1_BEGIN + 2 || lf[-1] != '\r')
        return PROXY_HEADER_BAD;
    return read_line((struct str){bytes.p, out->len - 2}, out) ? PROXY_HEADER_DONE
                                                               : PROXY_HEADER_BAD;
}

/* ---- version 2: binary ----------------------------------------------------------------------- */

enum { V2_LOCAL = 0, V2_PROXY = 1, V2_INET = 1, V2_INET6 = 2, V2_UNIX = 3 };

/* What the addresses of a family take, before any TLV. */
static size_t addresses_len(unsigned family)
{
    static const uint8_t lens[] = {0, 12, 36, 216};

    return lens[family];
}

static void read_source(const uint8_t *addresses, unsigned family, struct proxy_header *out)
{
    const uint8_t *port = addresses + (family == V2_INET ? 8 : 32);

    if (family != V2_INET && family != V2_INET6)
        return;
    if (family == V2_INET)
        map_v4(addresses, out->source);
    else
        memcpy(out->source, addresses, 16);
    out->port = (uint16_t)(port[0] << 8 | port[1]);
    out->has_source = true;
}

static enum proxy_header_parse parse_v2(struct str bytes, struct proxy_header *out)
{
    const uint8_t *b = (const uint8_t *)bytes.p;
    unsigned command, family, transport;
    size_t rest;

    if (bytes.n < V2_FIXED)
        return PROXY_HEADER_MORE;
    command = b[12] & 15U;
    family = b[13] >> 4;
    transport = b[13] & 15U;
    rest = (size_t)(b[14] << 8 | b[15]);
    out->len = V2_FIXED + rest;
    if (b[12] >> 4 != 2 || command > V2_PROXY || out->len > PROXY_HEADER_V2_MAX)
        return PROXY_HEADER_BAD;
    if (command == V2_PROXY && (family > V2_UNIX || transport > 2 || rest < addresses_len(family)))
        return PROXY_HEADER_BAD;
    if (bytes.n < out->len)
        return PROXY_HEADER_MORE;
    if (command == V2_PROXY)
        read_source(b + V2_FIXED, family, out);
    return PROXY_HEADER_DONE;
}

static bool begins(struct str bytes, const char *with, size_t n)
{
    return memcmp(bytes.p, with, bytes.n < n ? bytes.n : n) == 0;
}

enum proxy_header_parse proxy_header_parse(struct str bytes, struct proxy_header *out)
{
    *out = (struct proxy_header){0};
    if (bytes.n == 0)
        return PROXY_HEADER_MORE;
    if (begins(bytes, v2_signature, V2_SIGNATURE))
        return parse_v2(bytes, out);
    return begins(bytes, v1_begin, V1_BEGIN) ? parse_v1(bytes, out) : PROXY_HEADER_BAD;
}
