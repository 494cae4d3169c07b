/*
 * Conditions: what the owner of a service or a document is told about it. Everything of foreign
 * origin that goes into a sentence is cut by whoever writes the sentence; labels and values are
 * shown through labels_show.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/compile_priv.h"
#include "gateway/core/check.h"

enum { MESSAGE_MAX = 512 };

static void append(struct told *told, struct compile_condition c)
{
    told->all = xrealloc(told->all, (told->num + 1) * sizeof(*told->all));
    told->all[told->num++] = c;
}

void cond_add(struct told *told, const char *type, bool status, struct cond_about about,
              const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    append(told, (struct compile_condition){
                     .type = type,
                     .status = status,
                     .reason = xstrdup(about.reason),
                     .message = xstrdup(message),
                     .label = xstrdup(about.label),
                     .value = labels_show(str_from(about.value)),
                 });
}

void cond_refuse(struct told *told, const char *type, struct cond_about about, const char *text)
{
    cond_add(told, COMPILE_ACCEPTED, false, about, "%s", text);
    if (strcmp(type, COMPILE_ACCEPTED) != 0)
        cond_add(told, type, strcmp(type, COMPILE_CONFLICTED) == 0, about, "%s", text);
}

static void add_note(struct told *told, const struct labels_note *n)
{
    append(told, (struct compile_condition){
                     .type = COMPILE_ACCEPTED,
                     .reason = xstrdup(n->reason),
                     .message = xstrdup(n->message),
                     .label = xstrdup(n->label),
                     .value = xstrdup(n->value),
                 });
}

void cond_add_notes(struct told *told, const struct labels_intent *intent, bool fatal)
{
    for (size_t i = 0; i < intent->num_notes; i++)
        if (intent->notes[i].fatal == fatal)
            add_note(told, &intent->notes[i]);
}

void cond_copy(struct told *told, const struct told *from)
{
    for (size_t i = 0; i < from->num; i++) {
        const struct compile_condition *c = &from->all[i];

        append(told, (struct compile_condition){
                         .type = c->type,
                         .status = c->status,
                         .reason = xstrdup(c->reason),
                         .message = xstrdup(c->message),
                         .label = xstrdup(c->label),
                         .value = xstrdup(c->value),
                     });
    }
}

static int rank(const char *type)
{
    if (strcmp(type, COMPILE_ACCEPTED) == 0)
        return 0;
    return strcmp(type, COMPILE_CONFLICTED) == 0 ? 1 : 2;
}

/* Within a type in the order of adding. */
static void order(struct told *told)
{
    struct compile_condition *sorted = xcalloc(told->num + 1, sizeof(*sorted));
    size_t n = 0;

    for (int r = 0; r <= 2; r++)
        for (size_t i = 0; i < told->num; i++)
            if (rank(told->all[i].type) == r)
                sorted[n++] = told->all[i];
    free(told->all);
    told->all = sorted;
}

void cond_finish(struct told *told, bool accepted)
{
    order(told);
    for (size_t i = 0; i < told->num; i++)
        if (rank(told->all[i].type) == 0)
            told->all[i].status = accepted;
}

void told_clear(struct told *told)
{
    for (size_t i = 0; i < told->num; i++) {
        free(told->all[i].reason);
        free(told->all[i].message);
        free(told->all[i].label);
        free(told->all[i].value);
    }
    free(told->all);
    *told = (struct told){0};
}
