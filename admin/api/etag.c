/* Lists of entity tags. Called by the handlers that read or write a document. */
#include "admin/api/etag.h"

#include <string.h>

static bool is_tag_byte(unsigned char c)
{
    return c == 0x21 || (c >= 0x23 && c != 0x7f);
}

/* The tag at the front: its bytes between the quotes. */
static bool cut_tag(struct str *rest, bool *weak, struct str *out)
{
    size_t i = 0;

    *weak = str_cut(rest, STR("W/"));
    if (!str_cut(rest, STR("\"")))
        return false;
    while (i < rest->n && is_tag_byte((unsigned char)rest->p[i]))
        i++;
    if (i == rest->n || rest->p[i] != '"')
        return false;
    *out = (struct str){rest->p, i};
    *rest = str_trim((struct str){rest->p + i + 1, rest->n - i - 1});
    return true;
}

static bool keep(struct etag_list *list, bool weak, struct str tag)
{
    uint64_t *all = weak ? list->weak : list->strong;
    size_t *num = weak ? &list->num_weak : &list->num_strong;
    uint64_t commit;

    /* "007" is not the tag that we would have written. */
    if (!str_to_u64(tag, UINT64_MAX, &commit) || (tag.n > 1 && tag.p[0] == '0'))
        return true;
    if (*num == ETAG_LIST_MAX)
        return false;
    all[(*num)++] = commit;
    return true;
}

bool etag_parse(struct str text, struct etag_list *out)
{
    struct str rest = str_trim(text);
    struct str tag;
    bool weak;

    *out = (struct etag_list){.any = str_eq(rest, STR("*"))};
    if (out->any)
        return true;
    if (rest.n == 0)
        return false;
    while (rest.n > 0) {
        if (!cut_tag(&rest, &weak, &tag) || !keep(out, weak, tag))
            return false;
        if (rest.n > 0 && !str_cut(&rest, STR(",")))
            return false;
        rest = str_trim(rest);
    }
    return true;
}

static bool is_in(const uint64_t *all, size_t num, uint64_t commit)
{
    for (size_t i = 0; i < num; i++) {
        if (all[i] == commit)
            return true;
    }
    return false;
}

bool etag_matches(const struct etag_list *list, uint64_t commit)
{
    return list->any || is_in(list->strong, list->num_strong, commit);
}

bool etag_matches_weakly(const struct etag_list *list, uint64_t commit)
{
    return etag_matches(list, commit) || is_in(list->weak, list->num_weak, commit);
}
