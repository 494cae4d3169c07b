/* See trust.h. */
#include "gateway/proxy/trust.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static void map_v4(const void *four, uint8_t out[16])
{
    memset(out, 0, 10);
    memset(out + 10, 0xff, 2);
    memcpy(out + 12, four, 4);
}

bool trust_address_of(const struct sockaddr_storage *peer, uint8_t out[16])
{
    if (peer->ss_family == AF_INET) {
        map_v4(&((const struct sockaddr_in *)peer)->sin_addr, out);
        return true;
    }
    memcpy(out, &((const struct sockaddr_in6 *)peer)->sin6_addr, 16);
    return peer->ss_family == AF_INET6;
}

static bool is_in(const struct route_network *n, const uint8_t address[16])
{
    size_t whole = n->bits / 8;
    unsigned rest = n->bits % 8;

    return memcmp(n->address, address, whole) == 0 &&
           (rest == 0 || ((n->address[whole] ^ address[whole]) >> (8 - rest)) == 0);
}

bool trust_has(const struct route_settings *s, const uint8_t address[16])
{
    for (size_t i = 0; i < s->num_trusted; i++)
        if (is_in(&s->trusted[i], address))
            return true;
    return false;
}

uint8_t trust_write(const uint8_t address[16], char out[TRUST_TEXT])
{
    struct in6_addr six;
    bool mapped;

    memcpy(&six, address, sizeof six);
    mapped = IN6_IS_ADDR_V4MAPPED(&six);
    if (inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? address + 12 : address, out, TRUST_TEXT) ==
        NULL)
        out[0] = '\0';
    return (uint8_t)strlen(out);
}

/* "192.0.2.7", "fd00::7", "[fd00::7]"; with a port is no address. */
static bool read_address(struct str text, uint8_t out[16])
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t raw[16];

    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = (struct str){text.p + 1, text.n - 2};
    if (text.n == 0 || text.n >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(AF_INET, copy, raw) == 1)
        map_v4(raw, out);
    else if (inet_pton(AF_INET6, copy, raw) == 1)
        memcpy(out, raw, sizeof raw);
    else
        return false;
    return true;
}

static struct str cut_last(struct str *list)
{
    size_t at = list->n;
    struct str last;

    while (at > 0 && list->p[at - 1] != ',')
        at--;
    last = str_trim((struct str){list->p + at, list->n - at});
    list->n = at > 0 ? at - 1 : 0;
    return last;
}

/* True: found, or nobody further left counts. */
static bool walk(const struct route_settings *s, struct str list, uint8_t out[16], bool *found)
{
    while (list.n > 0) {
        uint8_t address[16];

        if (!read_address(cut_last(&list), address))
            return true;
        memcpy(out, address, sizeof address);
        *found = true;
        if (!trust_has(s, address))
            return true;
    }
    return false;
}

bool trust_client(const struct route_settings *s, const struct h1_head *h, const char *base,
                  uint8_t out[16])
{
    bool found = false;

    for (size_t i = h->num_fields; i > 0; i--) {
        const struct h1_field *f = &h->fields[i - 1];

        if (f->id == H1_X_FORWARDED_FOR && !f->drop && f->value_len > 0 &&
            walk(s, h1_field_value(f, base), out, &found))
            break;
    }
    return found;
}
