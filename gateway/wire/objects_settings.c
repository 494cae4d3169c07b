/* The shape of the settings: what all gateways of a cluster share. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

enum { HEAD_BYTES_MIN = 1024, HEAD_BYTES_MAX = 16384, HEAD_FIELDS_MAX = 100 };
enum { URI_BYTES_MIN = 64, URI_BYTES_MAX = 8192, H2_STREAMS_MAX = 1000 };
enum { IDLE_MAX_S = 86400, GENERATIONS_MAX = 1000000000 };

/* ---- networks ---- */

/* The 16 bytes of an address, IPv4 mapped; *out_bits: how many bits it has of its own. */
static bool parse_address(const char *text, uint8_t out[16], unsigned *out_bits)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (strchr(text, ':') != NULL) {
        *out_bits = 128;
        return inet_pton(AF_INET6, text, out) == 1;
    }
    *out_bits = 32;
    memcpy(out, mapped, sizeof(mapped));
    return inet_pton(AF_INET, text, out + sizeof(mapped)) == 1;
}

static bool has_bits_beyond(const struct route_network *n)
{
    for (unsigned bit = n->bits; bit < 128; bit++)
        if ((n->address[bit / 8] >> (7 - bit % 8) & 1) != 0)
            return true;
    return false;
}

static bool parse_network(const char *text, struct route_network *out, struct err *e)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
    unsigned bits = 0;

    if (n < sizeof(address)) {
        memcpy(address, text, n);
        address[n] = '\0';
    }
    if (n >= sizeof(address) || !parse_address(address, out->address, &bits))
        return err_set(e, "BadAddress", "", "\"%.64s\" is no IPv4 or IPv6 network", text);
    uint64_t prefix = bits;

    if (slash != NULL && !str_to_u64(str_from(slash + 1), bits, &prefix))
        return err_set(e, "BadAddress", "", "\"%.64s\" has no prefix of 0 to %u bits", text, bits);
    out->bits = (uint8_t)(128 - bits + prefix);
    if (has_bits_beyond(out))
        return err_set(e, "BadAddress", "", "\"%.64s\" has bits beyond its prefix", text);
    return true;
}

static bool read_trusted(const cJSON *item, void *object, struct err *e)
{
    struct route_settings *s = object;
    size_t num = 0;

    if (!shape_array(item, 0, ROUTE_TRUSTED_MAX, &num, e))
        return false;
    for (const cJSON *i = item->child; i != NULL; i = i->next) {
        if (!cJSON_IsString(i))
            err_set(e, "WrongType", "", "a network must be a string");
        if (!cJSON_IsString(i) || !parse_network(i->valuestring, &s->trusted[s->num_trusted], e))
            return json_err_in(e, "/%zu", s->num_trusted);
        s->num_trusted++;
    }
    return true;
}

/* ---- the cookie key ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_cookie_key(const cJSON *item, void *object, struct err *e)
{
    struct route_settings *s = object;

    if (!cJSON_IsString(item))
        return err_set(e, "WrongType", "", "a string is needed here");
    const char *text = item->valuestring;

    if (strlen(text) != (size_t)2 * ROUTE_COOKIE_KEY_BYTES)
        return err_set(e, "BadValue", "", "%d hexadecimal digits are needed here",
                       2 * ROUTE_COOKIE_KEY_BYTES);
    for (size_t i = 0; i < ROUTE_COOKIE_KEY_BYTES; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return err_set(e, "BadValue", "", "this is no hexadecimal number");
        s->cookie_key[i] = (uint8_t)(high * 16 + low);
    }
    s->has_cookie_key = true;
    return true;
}

/* ---- limits and timeouts, which are members of the settings themselves ---- */

static const struct field limits_fields[] = {
    {.name = "connections",
     AT(struct route_settings, connections),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("of clients, of one listener and gateway; 0: no limit but the descriptors")},
    {.name = "connections_per_client",
     AT(struct route_settings, client_connections),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("of one client address and gateway; 0: no limit")},
    {.name = "head_bytes",
     AT(struct route_settings, head_bytes),
     NUMBER(HEAD_BYTES_MIN, HEAD_BYTES_MAX),
     SERVED,
     UNSET("16384"),
     ABOUT("of a request's head; 431 beyond")},
    {.name = "head_fields",
     AT(struct route_settings, head_fields),
     NUMBER(1, HEAD_FIELDS_MAX),
     SERVED,
     UNSET("100"),
     ABOUT("lines of it; 431 beyond")},
    {.name = "uri_bytes",
     AT(struct route_settings, uri_bytes),
     NUMBER(URI_BYTES_MIN, URI_BYTES_MAX),
     SERVED,
     UNSET("8192"),
     ABOUT("of the request's target; 414 beyond")},
    {.name = "body_bytes",
     AT(struct route_settings, body_bytes),
     NUMBER(0, SHAPE_BODY_MAX),
     SERVED,
     ABOUT("of a request, also when it is chunked; 413 beyond; absent: no limit")},
    {.name = "min_rate_bytes_s",
     AT(struct route_settings, min_rate),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("that a client sends of a request's body (408 below) or takes of a response (its "
           "connection ends); 0: however slow")},
    {.name = "h2_streams",
     AT(struct route_settings, h2_streams),
     NUMBER(1, H2_STREAMS_MAX),
     SERVED,
     UNSET("100"),
     ABOUT("of one HTTP/2 connection at one time")},
};

static const struct shape shape_limits = {
    .title = "settings.limits", .size = sizeof(struct route_settings), FIELDS(limits_fields)};

static const struct field timeouts_fields[] = {
    {.name = "head_ms",
     AT(struct route_settings, head_ms),
     NUMBER(1, SHAPE_PERIOD_MAX_MS),
     SERVED,
     UNSET("10000"),
     ABOUT("a request's head is whole by then")},
    {.name = "min_rate_ms",
     AT(struct route_settings, min_rate_ms),
     NUMBER(100, SHAPE_PERIOD_MAX_MS),
     SERVED,
     UNSET("10000"),
     ABOUT("`min_rate_bytes_s` is asked for over each period of so long but the first")},
    {.name = "drain_ms",
     AT(struct route_settings, drain_ms),
     NUMBER(0, SHAPE_PERIOD_MAX_MS),
     SERVED,
     UNSET("8000"),
     ABOUT("tunnels last so long after the gateway began to drain; less than `--stop-grace`")},
};

static const struct shape shape_timeouts = {
    .title = "settings.timeouts", .size = sizeof(struct route_settings), FIELDS(timeouts_fields)};

/* ---- the settings ---- */

static const struct field settings_fields[] = {
    {.name = "idle_timeout_s",
     AT(struct route_settings, idle_timeout_ms),
     NUMBER(1, IDLE_MAX_S),
     .scale = 1000,
     SERVED,
     UNSET("60"),
     ABOUT("connections of clients that ask nothing are closed then")},
    {.name = "access_log",
     AT(struct route_settings, access_log),
     FLAG,
     SERVED,
     UNSET("false"),
     ABOUT("a line of JSON on the gateway's standard output for each request "
           "(docs/observability.md); takes effect at once")},
    {.name = "info_headers",
     AT(struct route_settings, info_headers),
     FLAG,
     SERVED,
     UNSET("false"),
     ABOUT("`x-request-id` and its like on responses that went well (docs/policies.md); a table "
           "without settings has them")},
    {.name = "underscores_in_headers",
     AT(struct route_settings, underscores),
     FLAG,
     SERVED,
     UNSET("false"),
     ABOUT("fields with `_` in their name pass; else they are dropped")},
    {.name = "proxy_protocol",
     AT(struct route_settings, proxy_protocol),
     FLAG,
     SERVED,
     UNSET("false"),
     ABOUT("connections from `trusted_proxies` begin with a PROXY header, version 1 or 2")},
    {.name = "trusted_proxies",
     OWN(read_trusted, "0 to 64 networks: `\"10.0.0.0/8\"`, `\"fd00::/8\"`, or addresses",
         "\"type\":\"array\",\"maxItems\":64,\"items\":{\"type\":\"string\"}"),
     SERVED,
     UNSET("[]"),
     ABOUT("whose PROXY header and `X-Forwarded-For` are believed")},
    {.name = "cookie_key",
     OWN(read_cookie_key, "64 hexadecimal digits",
         "\"type\":\"string\",\"pattern\":\"^[0-9a-fA-F]{64}$\""),
     SERVED,
     ABOUT("signs sticky cookies; absent: a key of zeros, so that they can be forged")},
    {.name = "limits", MEMBERS(shape_limits), SERVED, ABOUT("of each gateway")},
    {.name = "timeouts", MEMBERS(shape_timeouts), SERVED, ABOUT("in milliseconds")},
    {.name = "tls_min",
     WORD(shape_tls_versions),
     SERVED,
     ABOUT("accepted; there is no TLS yet, so nothing is below it")},
    {.name = "tls_tickets", FLAG, UNSET("false"), ABOUT("resumption of TLS sessions")},
    {.name = "tls_ciphers",
     TEXTS(1, SHAPE_CIPHERS_MAX, SHAPE_TEXT_MAX, text_token),
     ABOUT("of TLS 1.2")},
    {.name = "ticket_generation",
     NUMBER(0, GENERATIONS_MAX),
     ABOUT("of the keys that sign tickets; the next one rotates them")},
};

static void init_settings(void *object)
{
    struct route_settings *s = object;

    *s = route_settings_default();
    s->info_headers = false; /* who has settings says it, and pays for them */
}

const struct shape shape_settings = {.title = "settings",
                                     .about = "One object, whose name is `settings`.",
                                     .size = sizeof(struct route_settings),
                                     .init = init_settings,
                                     FIELDS(settings_fields)};

bool objects_settings(const struct cJSON *value, struct route_settings *out, struct err *e)
{
    struct route_settings s;

    memset(&s, 0, sizeof(s));
    if (!shape_read(&shape_settings, value, &s, e))
        return false;
    *out = s;
    return true;
}
