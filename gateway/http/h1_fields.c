/*
 * The names of refusals and of the fields that the gateway knows. A field is found by its length
 * first, so that the usual unknown field costs one comparison of a byte.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/h1_head.h"

static const struct {
    const char *label;
    int status;
    const char *text;
} refusals[H1_REFUSAL__COUNT] = {
#define X(sym, l, s, t) [H1_##sym] = {.label = (l), .status = (s), .text = (t)},
    H1_REFUSALS(X)
#undef X
};

const char *h1_refusal_label(enum h1_refusal r)
{
    ASSERT(r < H1_REFUSAL__COUNT);
    return refusals[r].label;
}

int h1_refusal_status(enum h1_refusal r)
{
    ASSERT(r < H1_REFUSAL__COUNT);
    return refusals[r].status;
}

const char *h1_refusal_text(enum h1_refusal r)
{
    ASSERT(r < H1_REFUSAL__COUNT);
    return refusals[r].text;
}

struct known {
    struct str name; /* lower case */
    enum h1_field_id id;
};

#define KNOWN(text, field_id)                  \
    {                                          \
        {(text), sizeof(text) - 1}, (field_id) \
    }

/* Sorted by length; by_length gives the first of each. */
static const struct known known[] = {
    KNOWN("te", H1_TE),
    KNOWN("host", H1_HOST),
    KNOWN("expect", H1_EXPECT),
    KNOWN("trailer", H1_TRAILER),
    KNOWN("upgrade", H1_UPGRADE),
    KNOWN("forwarded", H1_FORWARDED),
    KNOWN("x-real-ip", H1_X_REAL_IP),
    KNOWN("connection", H1_CONNECTION),
    KNOWN("keep-alive", H1_KEEP_ALIVE),
    KNOWN("x-request-id", H1_X_REQUEST_ID),
    KNOWN("content-length", H1_CONTENT_LENGTH),
    KNOWN("http2-settings", H1_HTTP2_SETTINGS),
    KNOWN("x-forwarded-for", H1_X_FORWARDED_FOR),
    KNOWN("proxy-connection", H1_PROXY_CONNECTION),
    KNOWN("x-forwarded-host", H1_X_FORWARDED_HOST),
    KNOWN("x-forwarded-port", H1_X_FORWARDED_PORT),
    KNOWN("transfer-encoding", H1_TRANSFER_ENCODING),
    KNOWN("x-forwarded-proto", H1_X_FORWARDED_PROTO),
    KNOWN("x-forwarded-prefix", H1_X_FORWARDED_PREFIX),
    KNOWN("proxy-authenticate", H1_PROXY_AUTHENTICATE),
    KNOWN("proxy-authorization", H1_PROXY_AUTHORIZATION),
};

enum { NUM_KNOWN = sizeof(known) / sizeof(known[0]), LONGEST = 19 };

static const signed char by_length[LONGEST + 1] = {
    [0] = -1,  [1] = -1,  [2] = 0,   [3] = -1,  [4] = 1,   [5] = -1,  [6] = 2,
    [7] = 3,   [8] = -1,  [9] = 5,   [10] = 7,  [11] = -1, [12] = 9,  [13] = -1,
    [14] = 10, [15] = 12, [16] = 13, [17] = 16, [18] = 18, [19] = 20,
};

/* Without the bit in which the cases of a letter differ. */
static uint64_t eight(const char *p)
{
    uint64_t word;

    memcpy(&word, p, 8);
    return word | UINT64_MAX / 255 * 0x20;
}

/*
 * The known names have letters, digits and hyphens: what equals one but for that bit is the same
 * name, or no token. Of eight bytes and more the last eight are compared as well.
 */
static bool is_known(const char *name, struct str lower)
{
    if (lower.n < 8)
        return str_eq_nocase((struct str){name, lower.n}, lower);
    for (size_t i = 0; i + 8 < lower.n; i += 8)
        if (eight(name + i) != eight(lower.p + i))
            return false;
    return eight(name + lower.n - 8) == eight(lower.p + lower.n - 8);
}

enum h1_field_id h1_field_find(struct str name)
{
    if (name.n > LONGEST || by_length[name.n] < 0)
        return H1_OTHER;
    char first = (char)(name.p[0] | 0x20);

    for (size_t i = (size_t)by_length[name.n]; i < NUM_KNOWN && known[i].name.n == name.n; i++)
        if (known[i].name.p[0] == first && is_known(name.p, known[i].name))
            return known[i].id;
    return H1_OTHER;
}
