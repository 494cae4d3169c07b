/* Parsing and matching of label selectors. Called by lists and by apply's prune. */
#include "admin/api/selector.h"

#include <string.h>

static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= 0x20 || c == 0x7f || strchr("=!,\"\\", c) != NULL)
            return false;
    }
    return true;
}

static bool parse_term(struct str text, struct selector *out, struct err *e)
{
    struct str rest = text;
    struct str key = text;
    enum selector_op op = SELECTOR_THERE;

    if (out->num == SELECTOR_TERMS_MAX)
        return err_set(e, "BadSelector", "selector", "a selector has at most %d terms",
                       (int)SELECTOR_TERMS_MAX);
    if (memchr(text.p, '=', text.n) != NULL && str_split(&rest, '=', &key)) {
        op = SELECTOR_EQUAL;
        if (key.n > 0 && key.p[key.n - 1] == '!') {
            key.n--;
            op = SELECTOR_NOT_EQUAL;
        }
    } else if (str_cut(&key, STR("!"))) {
        op = SELECTOR_NOT_THERE;
    }
    if (op == SELECTOR_THERE || op == SELECTOR_NOT_THERE)
        rest = STR("");
    if (key.n == 0 || !is_word(key) || !is_word(rest))
        return err_set(e, "BadSelector", "selector",
                       "\"%.*s\" is none of key=value, key!=value, key and !key",
                       text.n > 80 ? 80 : (int)text.n, text.p);
    out->terms[out->num].key = key;
    out->terms[out->num].value = rest;
    out->terms[out->num++].op = op;
    return true;
}

bool selector_parse(struct str text, struct selector *out, struct err *e)
{
    struct str term;

    out->num = 0;
    if (text.n > SELECTOR_BYTES_MAX)
        return err_set(e, "BadSelector", "selector", "a selector has at most %d bytes",
                       (int)SELECTOR_BYTES_MAX);
    while (text.n > 0 && str_split(&text, ',', &term)) {
        if (!parse_term(term, out, e))
            return false;
        if (text.p != NULL && text.n == 0)
            return err_set(e, "BadSelector", "selector", "a selector does not end with a comma");
    }
    return true;
}

bool selector_matches(const struct selector *s, selector_label_fn *fn, void *arg)
{
    for (size_t i = 0; i < s->num; i++) {
        struct str value;
        bool there = fn(arg, s->terms[i].key, &value);
        bool equal = there && str_eq(value, s->terms[i].value);
        bool holds = false;

        switch (s->terms[i].op) {
        case SELECTOR_EQUAL:
            holds = equal;
            break;
        case SELECTOR_NOT_EQUAL:
            holds = !equal;
            break;
        case SELECTOR_THERE:
            holds = there;
            break;
        case SELECTOR_NOT_THERE:
            holds = !there;
            break;
        }
        if (!holds)
            return false;
    }
    return true;
}
