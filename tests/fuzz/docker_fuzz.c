/*
 * Docker's replies: the first byte chooses the decoder, the rest is what Docker said. Whatever
 * comes, a view can be sealed, copied and compared, and a second reading, to which the first is
 * known, gives the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "clusters/swarm/decode.h"
#include "clusters/swarm/secrets.h"
#include "clusters/swarm/view.h"
#include "gateway/core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct view *read_list(enum decode_kind kind, struct str body, const struct view *only_of,
                              struct view *known)
{
    struct view *v = view_new();
    struct decode d = {.into = v, .only_of = only_of, .known = known};
    struct err e = {0};
    bool ok = decode_list(kind, body, &d, &e);

    ASSERT(ok != (e.code != NULL) && d.num_skipped <= d.num_seen);
    view_seal(v);
    return v;
}

static void check_list(enum decode_kind kind, struct str body)
{
    struct view *v = read_list(kind, body, NULL, NULL), *again = read_list(kind, body, NULL, v);
    struct view *copy = view_clone(v), *few, *brief;

    ASSERT(view_same(v, copy));
    ASSERT(v->num_services == again->num_services && v->num_tasks == again->num_tasks);
    ASSERT(v->num_others == again->num_others && v->num_refused == again->num_refused);
    few = read_list(kind, body, v, NULL);
    ASSERT(few->num_tasks <= v->num_tasks);
    brief =
        read_list(kind, body, v, again); /* nothing of what is shared stays that is not wanted */
    ASSERT(brief->num_tasks == few->num_tasks && brief->num_others == few->num_others);
    view_free(brief);
    view_free(v);
    view_free(again);
    view_free(copy);
    view_free(few);
}

static void check_secrets(struct str body)
{
    struct err e = {0};
    struct secrets *s = secrets_decode(body, &e);

    ASSERT((s != NULL) != (e.code != NULL));
    for (size_t i = 0; s != NULL && i < s->num; i++)
        ASSERT(secret_same(&s->all[i], &s->all[i]) &&
               (i == 0 || strcmp(s->all[i - 1].id, s->all[i].id) < 0));
    secrets_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct str body = {(const char *)bytes + 1, len - 1};
    struct decode_event event;
    struct decode_api api;
    struct err e = {0};
    char text[64];

    if (len == 0)
        return 0;
    switch (bytes[0]) {
    case 'v':
        ASSERT(decode_api(body, &api, &e) != (e.code != NULL));
        break;
    case 'e':
        if (decode_event(body, &event, &e))
            ASSERT(!e.code && event.id[0]);
        break;
    case 's':
        check_secrets(body);
        break;
    case 'm':
        decode_message(body, text, sizeof(text));
        break;
    default:
        check_list((enum decode_kind)(bytes[0] % DECODE__COUNT), body);
    }
    return 0;
}
