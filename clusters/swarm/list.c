/*
 * Cuts the text of a JSON array into the texts of its elements by counting brackets outside
 * strings. It does not validate what is inside an element: the strict decoder does that next. A
 * text that ends early or goes on after the array is an error of the whole. Called by decode.c.
 */
#include "clusters/swarm/list.h"

#include <stddef.h>

static void skip_blanks(struct str *s)
{
    while (s->n && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) {
        s->p++;
        s->n--;
    }
}

static bool take(struct str *s, char c)
{
    skip_blanks(s);
    if (s->n == 0 || *s->p != c)
        return false;
    s->p++;
    s->n--;
    return true;
}

/* Bytes of the string that begins at s.p with a quote, both quotes included; 0: it does not end. */
static size_t string_len(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            return i + 1;
    }
    return 0;
}

/* Bytes of the element at s.p: up to a comma or closing bracket outside; 0: it does not end. */
static size_t element_len(struct str s)
{
    size_t depth = 0, i = 0;

    while (i < s.n) {
        char c = s.p[i];
        size_t step = 1;

        if (c == '"')
            step = string_len((struct str){s.p + i, s.n - i});
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == ',' || c == ']' || c == '}') && depth == 0)
            return i;
        else if ((c == ']' || c == '}') && --depth == 0)
            return i + 1;
        if (step == 0)
            return 0;
        i += step;
    }
    return 0;
}

static bool no_array(struct list *l, struct err *e)
{
    l->ended = true;
    return err_set(e, "BadReply", "", "the reply is not a whole JSON array");
}

static bool end(struct list *l, struct err *e)
{
    l->ended = true;
    skip_blanks(&l->rest);
    return l->rest.n ? no_array(l, e) : false;
}

bool list_next(struct list *l, struct str *out_element, struct err *e)
{
    size_t len;

    if (l->ended)
        return false;
    if (!l->begun) {
        l->begun = true;
        if (!take(&l->rest, '['))
            return no_array(l, e);
        if (take(&l->rest, ']'))
            return end(l, e);
    } else {
        if (take(&l->rest, ']'))
            return end(l, e);
        if (!take(&l->rest, ','))
            return no_array(l, e);
    }
    skip_blanks(&l->rest);
    len = element_len(l->rest);
    if (len == 0)
        return no_array(l, e);
    *out_element = (struct str){l->rest.p, len};
    l->rest.p += len;
    l->rest.n -= len;
    return true;
}

bool list_member(struct list *l, struct str *out_key, struct str *out_value)
{
    size_t len;

    if (l->ended || !take(&l->rest, l->begun ? ',' : '{'))
        goto end;
    l->begun = true;
    skip_blanks(&l->rest);
    len = l->rest.n && *l->rest.p == '"' ? string_len(l->rest) : 0;
    if (len == 0)
        goto end;
    *out_key = (struct str){l->rest.p + 1, len - 2};
    l->rest = (struct str){l->rest.p + len, l->rest.n - len};
    if (!take(&l->rest, ':'))
        goto end;
    skip_blanks(&l->rest);
    len = element_len(l->rest);
    *out_value = (struct str){l->rest.p, len};
    l->rest = (struct str){l->rest.p + len, l->rest.n - len};
    if (len)
        return true;
end:
    l->ended = true;
    return false;
}
