/*
 * The algorithm of RFC 7396 section 2. Members of an object are looked up in a map, so that a
 * hostile patch costs what its bytes cost. Called by change.c.
 */
#include "admin/api/patch.h"

#include <string.h>

#include "admin/api/jsontext.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"

/* A member of a patch's object. */
struct member {
    struct str key; /* as written */
    struct str value;
    bool used; /* the target has it too */
};

struct members {
    struct member *all;
    size_t num, cap;
    struct map by_key; /* unescaped -> index + 1, as a pointer into `all` once that is whole */
};

static bool merge(struct str target, struct str patch, int depth, struct buf *out);

static void collect(struct str object, struct members *m)
{
    struct jsontext w;
    struct member one = {.used = false};

    *m = (struct members){.num = 0};
    if (!jsontext_object(object, &w))
        return;
    while (jsontext_member(&w, &one.key, &one.value)) {
        if (m->num == m->cap) {
            m->cap = m->cap != 0 ? m->cap * 2 : 8;
            m->all = xrealloc(m->all, m->cap * sizeof m->all[0]);
        }
        m->all[m->num++] = one;
    }
}

static bool index_members(struct members *m)
{
    struct buf key;
    bool ok = true;

    map_init(&m->by_key);
    for (size_t i = 0; i < m->num && ok; i++) {
        buf_init(&key, m->all[i].key.n);
        ok = jsontext_string(m->all[i].key, &key);
        if (ok)
            map_put(&m->by_key, buf_str(&key), &m->all[i]);
        buf_free(&key);
    }
    return ok;
}

static struct member *find(const struct members *m, struct str raw_key)
{
    struct member *found = NULL;
    struct buf key;

    buf_init(&key, raw_key.n);
    if (jsontext_string(raw_key, &key))
        found = map_get(&m->by_key, buf_str(&key));
    buf_free(&key);
    return found;
}

static bool add_key(struct buf *out, struct str key, bool *first)
{
    bool comma = !*first;

    *first = false;
    return (!comma || buf_add_str(out, STR(","))) && buf_add_str(out, key) &&
           buf_add_str(out, STR(":"));
}

/* The members of the target: kept, merged, or gone. */
static bool merge_old(struct str target, struct members *m, int depth, bool *first, struct buf *out)
{
    struct jsontext w;
    struct str key, value;

    if (!jsontext_object(target, &w))
        return true; /* anything else counts as an empty object */
    while (jsontext_member(&w, &key, &value)) {
        struct member *p = find(m, key);

        if (p != NULL)
            p->used = true;
        if (p != NULL && jsontext_is_null(p->value))
            continue;
        if (!add_key(out, key, first))
            return false;
        if (p == NULL ? !buf_add_str(out, value) : !merge(value, p->value, depth + 1, out))
            return false;
    }
    return true;
}

static bool merge_new(struct members *m, int depth, bool *first, struct buf *out)
{
    for (size_t i = 0; i < m->num; i++) {
        const struct member *p = &m->all[i];

        if (p->used || jsontext_is_null(p->value))
            continue;
        if (!add_key(out, p->key, first) || !merge(STR("{}"), p->value, depth + 1, out))
            return false;
    }
    return true;
}

static bool merge(struct str target, struct str patch, int depth, struct buf *out)
{
    struct members m;
    bool first = true;
    bool ok;

    patch = jsontext_trim(patch);
    if (depth > PATCH_DEPTH_MAX)
        return false;
    if (patch.n == 0 || patch.p[0] != '{')
        return buf_add_str(out, patch);
    collect(patch, &m);
    ok = index_members(&m) && buf_add_str(out, STR("{")) &&
         merge_old(target, &m, depth, &first, out) && merge_new(&m, depth, &first, out) &&
         buf_add_str(out, STR("}"));
    map_free(&m.by_key, NULL);
    free(m.all);
    return ok;
}

bool patch_merge(struct str target, struct str patch, struct buf *out)
{
    return merge(target, patch, 0, out);
}
