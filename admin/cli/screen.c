/* Making text safe, its width, colours, and JSON for people. Knows nothing of what it shows. */
#include "admin/cli/screen.h"

#include <locale.h>
#include <stdarg.h>
#include <unistd.h>
#include <wchar.h>

#include "gateway/core/check.h"

enum { LINE_MAX_BYTES = 64 << 20 };

struct screen screen_of(FILE *to)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* glibc has it built in; without it widths are guessed */
    return (struct screen){.to = to,
                           .colour = isatty(fileno(to)) && (no == NULL || no[0] == '\0') &&
                                     term != NULL && strcmp(term, "dumb") != 0};
}

/* ---- characters --------------------------------------------------------------------------------
 */

/* One character of UTF-8 (RFC 3629 section 3); 0 bytes when there is none. */
static size_t decode(struct str s, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80             ? 1
               : (c & 0xe0) == 0xc0 ? 2
               : (c & 0xf0) == 0xe0 ? 3
               : (c & 0xf8) == 0xf0 ? 4
                                    : 0;
    uint32_t code = n == 1 ? c : c & (0x7fu >> n);

    if (n == 0 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)s.p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)s.p[i] & 0x3f);
    }
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *out = code;
    return n;
}

/* Moves the cursor, or the reader's eye: C0, DEL, C1, line separators, bidirectional controls. */
static bool is_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
           (code >= 0xe0000 && code < 0xe1000);
}

bool screen_safe(struct buf *out, struct str text)
{
    while (text.n > 0) {
        uint32_t code = 0;
        size_t n = decode(text, &code);
        bool ok = n == 0             ? buf_add_fmt(out, "\\x%02x", (unsigned char)text.p[0])
                  : !is_hidden(code) ? buf_add(out, text.p, n)
                  : code < 0x80      ? buf_add_fmt(out, "\\x%02x", (unsigned)code)
                                     : buf_add_fmt(out, "\\u%04x", (unsigned)code);

        if (!ok)
            return false;
        n = n > 0 ? n : 1;
        text = (struct str){text.p + n, text.n - n};
    }
    return true;
}

size_t screen_width(struct str safe)
{
    size_t width = 0;

    while (safe.n > 0) {
        uint32_t code = 0;
        size_t n = decode(safe, &code);
        int columns = n > 0 ? wcwidth((wchar_t)code) : 1;

        width += columns >= 0 ? (size_t)columns : 1;
        n = n > 0 ? n : 1;
        safe = (struct str){safe.p + n, safe.n - n};
    }
    return width;
}

/* ---- putting -----------------------------------------------------------------------------------
 */

static const char *const tones[] = {"", "\033[1m", "\033[32m", "\033[31m", "\033[33m", "\033[2m"};

static void put_toned(const struct screen *s, enum tone tone, const char *safe)
{
    bool coloured = s->colour && tone != TONE_PLAIN;

    fprintf(s->to, "%s%s%s", coloured ? tones[tone] : "", safe, coloured ? "\033[0m" : "");
}

void screen_put(const struct screen *s, enum tone tone, const char *text)
{
    struct buf safe;

    buf_init(&safe, LINE_MAX_BYTES);
    if (!screen_safe(&safe, str_from(text)))
        buf_clear(&safe); /* longer than anybody reads */
    put_toned(s, tone, safe.bytes != NULL ? safe.bytes : "");
    buf_free(&safe);
}

void screen_say(const struct screen *s, enum tone tone, const char *fmt, ...)
{
    va_list ap;
    char *text;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    screen_put(s, tone, text);
    fputc('\n', s->to);
    free(text);
}

/* ---- JSON --------------------------------------------------------------------------------------
 */

/* A string from its opening quote on; returns its length with both quotes. */
static size_t put_json_string(FILE *to, struct str json)
{
    size_t at = 1;

    fputc('"', to);
    while (at < json.n && json.p[at] != '"') {
        struct str rest = {json.p + at, json.n - at};
        uint32_t code = 0;
        size_t n = json.p[at] == '\\' && rest.n > 1 ? 2 : decode(rest, &code);

        n = n > 0 ? n : 1;
        if (code > 0xffff && is_hidden(code))
            fprintf(to, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((code - 0x10000) >> 10)),
                    (unsigned)(0xdc00 + ((code - 0x10000) & 0x3ff)));
        else if (code != 0 && is_hidden(code))
            fprintf(to, "\\u%04x", (unsigned)code);
        else
            fwrite(rest.p, 1, n, to);
        at += n;
    }
    fputc('"', to);
    return at < json.n ? at + 1 : json.n;
}

static void put_newline(FILE *to, int depth)
{
    fprintf(to, "\n%*s", depth * 2, "");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The next byte that is no blank, from `at` on; '\0' = the end. */
static char peek(struct str json, size_t at)
{
    while (at < json.n && is_blank(json.p[at]))
        at++;
    return at < json.n ? json.p[at] : '\0';
}

void screen_json(const struct screen *s, struct str json)
{
    bool empty = true; /* what was opened last has nothing in it yet */
    int depth = 0;

    for (size_t at = 0; at < json.n; at++) {
        char c = json.p[at];
        bool opens = c == '{' || c == '[';
        bool closes = c == '}' || c == ']';

        if (is_blank(c))
            continue;
        if (c == '"') {
            empty = false;
            at += put_json_string(s->to, (struct str){json.p + at, json.n - at}) - 1;
            continue;
        }
        depth -= closes;
        if (closes && !empty)
            put_newline(s->to, depth);
        fputc(c, s->to);
        depth += opens;
        empty = opens;
        if (c == ':')
            fputc(' ', s->to);
        else if (c == ',' || (opens && peek(json, at + 1) != '}' && peek(json, at + 1) != ']'))
            put_newline(s->to, depth);
    }
    fputc('\n', s->to);
}
