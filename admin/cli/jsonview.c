/* Look-ups in trees of cJSON, and of a pointer's line in a text. */
#include "admin/cli/jsonview.h"

#include <inttypes.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"

enum { PLAIN_MAX = 1 << 20, KEY_MAX = 256 };

const cJSON *jsonview_at(const cJSON *o, const char *path)
{
    struct str rest = str_from(path);
    struct str part;

    while (o != NULL && str_split(&rest, '.', &part)) {
        char key[KEY_MAX];

        (void)snprintf(key, sizeof key, "%.*s", STR_ARG(part)); /* paths are ours */
        o = json_get(o, key);
    }
    return o;
}

const char *jsonview_text(const cJSON *o, const char *path)
{
    const cJSON *v = jsonview_at(o, path);

    return cJSON_IsString(v) ? v->valuestring : "";
}

int64_t jsonview_number(const cJSON *o, const char *path, int64_t otherwise)
{
    const cJSON *v = jsonview_at(o, path);
    int64_t n;

    return cJSON_IsNumber(v) && json_int(v, INT64_MIN, INT64_MAX, &n) ? n : otherwise;
}

bool jsonview_true(const cJSON *o, const char *path)
{
    return cJSON_IsTrue(jsonview_at(o, path));
}

const cJSON *jsonview_first(const cJSON *o, const char *path)
{
    const cJSON *v = jsonview_at(o, path);

    return cJSON_IsArray(v) ? v->child : NULL;
}

static bool is_list_of_texts(const cJSON *v)
{
    const cJSON *item = cJSON_IsArray(v) ? v->child : NULL;

    while (item != NULL && cJSON_IsString(item))
        item = item->next;
    return cJSON_IsArray(v) && item == NULL;
}

char *jsonview_plain(const cJSON *value)
{
    struct buf out;
    char *json;

    if (value == NULL || cJSON_IsNull(value))
        return xstrdup("");
    if (cJSON_IsString(value))
        return xstrdup(value->valuestring);
    buf_init(&out, PLAIN_MAX);
    if (is_list_of_texts(value)) {
        for (const cJSON *i = value->child; i != NULL; i = i->next)
            if (!buf_add_fmt(&out, "%s%s", i->valuestring, i->next != NULL ? "," : ""))
                break; /* cut: nobody reads on */
        return buf_take(&out);
    }
    json = cJSON_PrintUnformatted(value);
    ASSERT(json != NULL);
    return json;
}

/* ---- where in the text -------------------------------------------------------------------------
 */

static size_t skip_blanks(struct str s, size_t at)
{
    while (at < s.n && strchr(" \t\r\n,:", s.p[at]) != NULL && s.p[at] != '\0')
        at++;
    return at;
}

static size_t skip_string(struct str s, size_t at)
{
    for (at++; at < s.n && s.p[at] != '"'; at++)
        if (s.p[at] == '\\')
            at++;
    return at + 1;
}

static size_t skip_value(struct str s, size_t at)
{
    int depth = 0;

    do {
        char c = s.p[at];

        if (c == '"') {
            at = skip_string(s, at);
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        at++;
        if (depth == 0 && at < s.n && strchr(",]} \t\r\n", s.p[at]) != NULL)
            break;
    } while (at < s.n && (depth > 0 || strchr(",]} \t\r\n", s.p[at]) == NULL));
    return at;
}

/* One step of a pointer, with ~0 and ~1 undone; *pointer moves behind it. */
static bool next_step(const char **pointer, char out[KEY_MAX])
{
    size_t n = 0;

    if (**pointer != '/')
        return false;
    for (++*pointer; **pointer != '\0' && **pointer != '/' && n + 1 < KEY_MAX; ++*pointer) {
        char c = **pointer;

        if (c == '~' && ((*pointer)[1] == '0' || (*pointer)[1] == '1'))
            c = *++*pointer == '0' ? '~' : '/';
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

/* Where the child of the object or list at `at` is; false when there is none of that name. */
static bool enter(struct str s, size_t *at, const char *step)
{
    bool object = s.p[*at] == '{';
    size_t here = skip_blanks(s, *at + 1);

    if (!object && s.p[*at] != '[')
        return false;
    for (unsigned i = 0; here < s.n && s.p[here] != '}' && s.p[here] != ']'; i++) {
        char name[KEY_MAX];
        size_t begin = here;

        if (object) {
            size_t end = skip_string(s, here);

            (void)snprintf(name, sizeof name, "%.*s", (int)(end - here < 2 ? 0 : end - here - 2),
                           s.p + here + 1);
            here = skip_blanks(s, end);
        } else {
            (void)snprintf(name, sizeof name, "%u", i);
        }
        if (here >= s.n)
            return false;
        if (strcmp(name, step) == 0) {
            *at = object ? begin : here;
            return true;
        }
        here = skip_blanks(s, skip_value(s, here));
    }
    return false;
}

unsigned jsonview_line(struct str json, const char *pointer)
{
    size_t at = skip_blanks(json, 0);
    unsigned line = 1;
    char step[KEY_MAX];
    size_t shown = at;

    while (at < json.n && next_step(&pointer, step) && enter(json, &at, step)) {
        shown = at;
        if (json.p[at] == '"' && *pointer != '\0') /* the key: on to its value */
            at = skip_blanks(json, skip_string(json, at));
    }
    for (size_t i = 0; i < shown && i < json.n; i++)
        line += json.p[i] == '\n';
    return line;
}
