/* Filling struct err: cut to size and made printable, so that it can go to a log or an API as it
 * is. */
#include "gateway/core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void make_printable(char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
}

/* A cut may fall inside a UTF-8 sequence; what is left of it goes. */
static void trim_partial_utf8(char *s)
{
    size_t n = strlen(s);
    size_t back = 0;

    while (back < n && back < 3 && ((unsigned char)s[n - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == n)
        return;
    unsigned char lead = (unsigned char)s[n - 1 - back];
    size_t want = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;

    if (want > back)
        s[n - 1 - back] = '\0';
}

static void fill(struct err *e, const char *code, const char *field, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

static void fill(struct err *e, const char *code, const char *field, const char *fmt, va_list ap)
{
    e->code = code;
    if (snprintf(e->field, sizeof(e->field), "%s", field != NULL ? field : "") >= ERR_FIELD_MAX)
        trim_partial_utf8(e->field);
    if (vsnprintf(e->text, sizeof(e->text), fmt, ap) >= ERR_TEXT_MAX)
        trim_partial_utf8(e->text);
    make_printable(e->field);
    make_printable(e->text);
}

bool err_set(struct err *e, const char *code, const char *field, const char *fmt, ...)
{
    va_list ap;

    if (e == NULL)
        return false;
    va_start(ap, fmt);
    fill(e, code, field, fmt, ap);
    va_end(ap);
    return false;
}

bool err_set_errno(struct err *e, const char *code, const char *field, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    if (e == NULL)
        return false;
    va_start(ap, fmt);
    fill(e, code, field, fmt, ap);
    va_end(ap);
    size_t n = strlen(e->text);

    if (snprintf(e->text + n, sizeof(e->text) - n, ": %s", strerror(saved)) >= ERR_TEXT_MAX)
        trim_partial_utf8(e->text);
    errno = saved;
    return false;
}
