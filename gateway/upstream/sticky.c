/*
 * See sticky.h. SipHash-2-4 is a pseudorandom function; two of them under two keys are one of 128
 * bits. The pool's name is hashed into the key of the endpoint's, so that nothing is put together
 * that could be taken apart in two ways.
 */
#include "gateway/upstream/sticky.h"

#include <string.h>

#include "gateway/core/siphash.h"

struct sticky_key sticky_key_of(const struct route_settings *s)
{
    struct sticky_key key;

    _Static_assert(sizeof key.words == sizeof s->cookie_key, "all of the key is used");
    memcpy(key.words, s->cookie_key, sizeof key.words);
    return key;
}

struct sticky_name sticky_name_of(const struct sticky_key *key, struct str pool,
                                  struct str endpoint)
{
    struct sticky_name name;

    for (int i = 0; i < 2; i++) {
        /* told apart, so that equal halves of a key do not make equal halves of a name */
        const uint64_t of_pool[2] = {siphash_2_4(&key->words[2 * i], pool),
                                     key->words[2 * i + 1] ^ (uint64_t)i};

        name.words[i] = siphash_2_4(of_pool, endpoint);
    }
    return name;
}

int sticky_compare(const void *a, const void *b)
{
    const struct sticky_name *x = a, *y = b;
    int i = x->words[0] == y->words[0];

    return (x->words[i] > y->words[i]) - (x->words[i] < y->words[i]);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sticky_read(struct str text, struct sticky_name *out)
{
    struct sticky_name name = {{0, 0}};

    if (text.n != STICKY_TEXT)
        return false;
    for (size_t i = 0; i < STICKY_TEXT; i++) {
        int d = digit(text.p[i]);

        if (d < 0)
            return false;
        name.words[i / 16] = name.words[i / 16] << 4 | (unsigned)d;
    }
    *out = name;
    return true;
}

void sticky_write(struct sticky_name name, char out[STICKY_TEXT])
{
    for (int i = 0; i < STICKY_TEXT; i++)
        out[i] = "0123456789abcdef"[name.words[i / 16] >> (60 - 4 * (i % 16)) & 15];
}
