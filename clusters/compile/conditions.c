/*
 * Conditions: what the owner of a service is told about it. Everything of foreign origin that goes
 * into a sentence is cut by whoever writes the sentence; labels and values are shown through
 * labels_show.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/compile_priv.h"
#include "gateway/core/check.h"

enum { MESSAGE_MAX = 512 };

static void append(struct compile_service *out, struct compile_condition c)
{
    out->conditions =
        xrealloc(out->conditions, (out->num_conditions + 1) * sizeof(*out->conditions));
    out->conditions[out->num_conditions++] = c;
}

void cond_add(struct compile_service *out, const char *type, bool status, struct cond_about about,
              const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    append(out, (struct compile_condition){
                    .type = type,
                    .status = status,
                    .reason = xstrdup(about.reason),
                    .message = xstrdup(message),
                    .label = xstrdup(about.label),
                    .value = labels_show(str_from(about.value)),
                });
}

static void add_note(struct unit *u, const struct labels_note *n)
{
    append(u->out, (struct compile_condition){
                       .type = COMPILE_ACCEPTED,
                       .reason = xstrdup(n->reason),
                       .message = xstrdup(n->message),
                       .label = xstrdup(n->label),
                       .value = xstrdup(n->value),
                   });
}

static void add_notes(struct unit *u, bool fatal)
{
    for (size_t i = 0; i < u->intent->num_notes; i++)
        if (u->intent->notes[i].fatal == fatal)
            add_note(u, &u->intent->notes[i]);
}

static int rank(const char *type)
{
    if (strcmp(type, COMPILE_ACCEPTED) == 0)
        return 0;
    return strcmp(type, COMPILE_CONFLICTED) == 0 ? 1 : 2;
}

/* Accepted, Conflicted, ResolvedRefs; within a type in the order of adding. */
static void order(struct compile_service *out)
{
    struct compile_condition *sorted = xcalloc(out->num_conditions, sizeof(*sorted));
    size_t n = 0;

    for (int r = 0; r <= 2; r++)
        for (size_t i = 0; i < out->num_conditions; i++)
            if (rank(out->conditions[i].type) == r)
                sorted[n++] = out->conditions[i];
    free(out->conditions);
    out->conditions = sorted;
}

/*
 * A refused unit has its refusals as Accepted conditions already, or they are fatal notes of its
 * labels; one that is not refused has none yet, so that the verdict comes first in both cases.
 */
void cond_finish(struct unit *u)
{
    struct compile_service *out = u->out;

    add_notes(u, true);
    if (!u->refused)
        cond_add(out, COMPILE_ACCEPTED, true, (struct cond_about){"Accepted", "", NULL},
                 "The service is routed by service cluster %.64s.", out->cluster);
    add_notes(u, false);
    order(out);
    for (size_t i = 0; i < out->num_conditions; i++)
        if (rank(out->conditions[i].type) == 0)
            out->conditions[i].status = !u->refused;
}
