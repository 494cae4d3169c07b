/*
 * Why something was refused: a stable code for programs, the field that is at fault, and a sentence
 * for the person who can mend it. Plain memory, no ownership: copy it, keep it on the stack.
 */
#ifndef GATEWAY_CORE_ERR_H
#define GATEWAY_CORE_ERR_H

#include <stdbool.h>

enum { ERR_TEXT_MAX = 320, ERR_FIELD_MAX = 128 };

struct err {
    const char *code; /* static string in CamelCase, for example "BadPort"; NULL = no error */
    char field[ERR_FIELD_MAX]; /* JSON pointer, label or flag at fault; "" when there is none */
    char text[ERR_TEXT_MAX];   /* always NUL-terminated and printable: control bytes become '?' */
};

/*
 * err_set fills *e (NULL is allowed: the caller does not want to know) and returns false, so that
 * a function can say `return err_set(...)`. Text that does not fit is cut.
 */
bool err_set(struct err *e, const char *code, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* As err_set, with ": " and the text of errno at the end. */
bool err_set_errno(struct err *e, const char *code, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
