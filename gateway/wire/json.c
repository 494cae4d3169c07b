/*
 * The strict decoder's second half: cJSON builds the tree of a text that json_scan has accepted,
 * and the typed look-ups read it. The text of numbers that a double may not keep is put into the
 * node's valuestring (cJSON frees it with the node), so that integers are exact. Writes no JSON:
 * buf_add_json and the callers do.
 */
#include "gateway/wire/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json_scan.h"

const struct json_limits json_limits_frame = {.bytes_max = (size_t)4 << 20, .depth_max = 16};
const struct json_limits json_limits_docker = {.bytes_max = (size_t)256 << 20, .depth_max = 64};

enum { NAME_NEAR_MAX = 64 }; /* bytes of names that json_nearest compares */

static const double exact_max = 9007199254740992.0; /* 2^53 */

struct number_walk {
    const struct json_scan_number *next;
    size_t left;
    size_t ordinal;
};

/* In the order of the text; as deep as the scan allowed. False: there is no memory. */
static bool attach_numbers(struct number_walk *w, cJSON *node)
{
    for (; node != NULL && w->left != 0; node = node->next) {
        if (cJSON_IsNumber(node) && w->ordinal++ == w->next->ordinal) {
            struct str text = w->next->text;

            w->next++;
            w->left--;
            node->valuestring = cJSON_malloc(text.n + 1);
            if (node->valuestring == NULL)
                return false;
            memcpy(node->valuestring, text.p, text.n);
            node->valuestring[text.n] = '\0';
        }
        if (!attach_numbers(w, node->child))
            return false;
    }
    return true;
}

/* The tree of a text that the scan has accepted, or NULL: there is no memory. */
static cJSON *build(struct str text, const struct json_scan_result *scan)
{
    struct number_walk w = {scan->numbers, scan->num_numbers, 0};
    cJSON *tree = cJSON_ParseWithLength(text.p, text.n);

    if (tree == NULL || attach_numbers(&w, tree))
        return tree;
    cJSON_Delete(tree);
    return NULL;
}

struct cJSON *json_parse_span(struct str text, const struct json_limits *limits, const char *key,
                              int depth, struct str *out_span, struct err *e)
{
    struct json_scan_result scan;

    if (!json_scan(text, limits, key, depth, &scan, e))
        return NULL;
    cJSON *tree = build(text, &scan);

    if (tree != NULL)
        *out_span = scan.span;
    else
        err_set(e, "NoMemory", "", "there is no memory left to read the JSON text");
    free(scan.numbers);
    return tree;
}

struct cJSON *json_parse(struct str text, const struct json_limits *limits, struct err *e)
{
    struct str unused;

    return json_parse_span(text, limits, NULL, 0, &unused, e);
}

bool json_check(struct str text, const struct json_limits *limits, struct err *e)
{
    struct json_scan_result scan;

    if (!json_scan(text, limits, NULL, 0, &scan, e))
        return false;
    free(scan.numbers);
    return true;
}

bool json_cut_plain(struct str *rest, struct str *out)
{
    size_t n = 0;

    while (n < rest->n && rest->p[n] >= 0x20 && rest->p[n] < 0x7f && rest->p[n] != '"' &&
           rest->p[n] != '\\')
        n++;
    if (n == rest->n || rest->p[n] != '"')
        return false;
    *out = (struct str){rest->p, n};
    *rest = (struct str){rest->p + n + 1, rest->n - n - 1};
    return true;
}

const struct cJSON *json_get(const struct cJSON *o, const char *key)
{
    return cJSON_IsObject(o) ? cJSON_GetObjectItemCaseSensitive(o, key) : NULL;
}

static bool wrong_type(const char *key, const char *want, struct err *e)
{
    char field[ERR_FIELD_MAX];

    snprintf(field, sizeof(field), "/%s", key);
    return err_set(e, "WrongType", field, "\"%s\" must be %s", key, want);
}

/* The member when it is there and not null. */
static const cJSON *present(const cJSON *o, const char *key)
{
    const cJSON *item = json_get(o, key);

    return item == NULL || cJSON_IsNull(item) ? NULL : item;
}

bool json_get_str(const struct cJSON *o, const char *key, const char **out, struct err *e)
{
    const cJSON *item = present(o, key);

    if (item == NULL)
        return true;
    if (!cJSON_IsString(item))
        return wrong_type(key, "a string", e);
    *out = item->valuestring;
    return true;
}

bool json_get_bool(const struct cJSON *o, const char *key, bool *out, struct err *e)
{
    const cJSON *item = present(o, key);

    if (item == NULL)
        return true;
    if (!cJSON_IsBool(item))
        return wrong_type(key, "true or false", e);
    *out = cJSON_IsTrue(item);
    return true;
}

bool json_get_array(const struct cJSON *o, const char *key, const struct cJSON **out, struct err *e)
{
    const cJSON *item = present(o, key);

    if (item == NULL)
        return true;
    if (!cJSON_IsArray(item))
        return wrong_type(key, "an array", e);
    *out = item;
    return true;
}

bool json_get_object(const struct cJSON *o, const char *key, const struct cJSON **out,
                     struct err *e)
{
    const cJSON *item = present(o, key);

    if (item == NULL)
        return true;
    if (!cJSON_IsObject(item))
        return wrong_type(key, "an object", e);
    *out = item;
    return true;
}

/* The magnitude of an integer node; false when it is no integer or needs more than 64 bits. */
static bool magnitude(const cJSON *number, bool *out_negative, uint64_t *out)
{
    if (!cJSON_IsNumber(number))
        return false;
    if (number->valuestring != NULL) {
        struct str text = str_from(number->valuestring);

        *out_negative = text.n != 0 && text.p[0] == '-';
        if (*out_negative)
            text = (struct str){text.p + 1, text.n - 1};
        return str_to_u64(text, UINT64_MAX, out);
    }
    double v = number->valuedouble;

    *out_negative = v < 0;
    v = *out_negative ? -v : v;
    if (!(v <= exact_max)) /* also when it is no number */
        return false;
    *out = (uint64_t)v;
    return (double)*out == v;
}

bool json_int(const struct cJSON *number, int64_t min, int64_t max, int64_t *out)
{
    const uint64_t int64_limit = (uint64_t)INT64_MAX;
    bool negative;
    uint64_t m;

    if (!magnitude(number, &negative, &m) || m > int64_limit + (negative ? 1 : 0))
        return false;
    int64_t v = !negative ? (int64_t)m : m == 0 ? 0 : -(int64_t)(m - 1) - 1;

    if (v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool json_get_int(const struct cJSON *o, const char *key, int64_t min, int64_t max, int64_t *out,
                  struct err *e)
{
    const cJSON *item = present(o, key);
    char want[96];

    if (item == NULL || json_int(item, min, max, out))
        return true;
    snprintf(want, sizeof(want), "an integer from %lld to %lld", (long long)min, (long long)max);
    return wrong_type(key, want, e);
}

bool json_get_u64(const struct cJSON *o, const char *key, uint64_t *out, struct err *e)
{
    const cJSON *item = present(o, key);
    bool negative;
    uint64_t m;

    if (item == NULL)
        return true;
    if (!magnitude(item, &negative, &m) || (negative && m != 0))
        return wrong_type(key, "an integer from 0 to 18446744073709551615", e);
    *out = m;
    return true;
}

bool json_need(const struct cJSON *o, const char *key, struct err *e)
{
    char field[ERR_FIELD_MAX];

    if (present(o, key) != NULL)
        return true;
    snprintf(field, sizeof(field), "/%s", key);
    return err_set(e, "MissingField", field, "\"%s\" is missing", key);
}

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[NAME_NEAR_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);

            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_len];
}

const char *json_nearest(const char *key, const char *const *known)
{
    size_t key_len = strlen(key);
    const char *nearest = NULL;
    size_t least = 1 + key_len / 3; /* farther than this is another word */

    for (; key_len <= NAME_NEAR_MAX && *known != NULL; known++) {
        size_t len = strlen(*known);
        size_t d = len <= NAME_NEAR_MAX ? distance(key, key_len, *known, len) : SIZE_MAX;

        if (d < least || (d == least && nearest == NULL)) {
            least = d;
            nearest = *known;
        }
    }
    return nearest;
}

static bool is_known(const char *key, const char *const *known)
{
    for (; *known != NULL; known++)
        if (strcmp(key, *known) == 0)
            return true;
    return false;
}

static bool continues_utf8(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

void json_pointer(const char *name, char out[ERR_FIELD_MAX])
{
    size_t n = 0;

    out[n++] = '/';
    for (; *name != '\0' && n + 2 < ERR_FIELD_MAX; name++) {
        if (*name == '~' || *name == '/')
            out[n++] = '~';
        out[n++] = *name == '~' ? '0' : *name == '/' ? '1' : *name;
    }
    if (continues_utf8(*name)) { /* a cut inside of a character: it goes as a whole */
        while (continues_utf8(out[n - 1]))
            n--;
        n--;
    }
    out[n] = '\0';
}

bool json_refuse_key(const char *key, const char *const *known, struct err *e)
{
    const char *nearest = json_nearest(key, known);
    char field[ERR_FIELD_MAX];

    json_pointer(key, field);
    if (nearest == NULL)
        return err_set(e, "UnknownField", field, "the field \"%.100s\" is not known", key);
    return err_set(e, "UnknownField", field,
                   "the field \"%.100s\" is not known; \"%s\" is the nearest that is", key,
                   nearest);
}

bool json_only_keys(const struct cJSON *o, const char *const *known, struct err *e)
{
    for (const cJSON *i = o->child; i != NULL; i = i->next)
        if (!is_known(i->string, known))
            return json_refuse_key(i->string, known, e);
    return true;
}

bool json_err_in(struct err *e, const char *parent_fmt, ...)
{
    char parent[ERR_FIELD_MAX];
    char whole[2 * ERR_FIELD_MAX];
    va_list ap;

    if (e == NULL)
        return false;
    va_start(ap, parent_fmt);
    vsnprintf(parent, sizeof(parent), parent_fmt, ap);
    va_end(ap);
    snprintf(whole, sizeof(whole), "%s%s", parent, e->field);
    whole[ERR_FIELD_MAX - 1] = '\0';
    memcpy(e->field, whole, ERR_FIELD_MAX);
    return false;
}
