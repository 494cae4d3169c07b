/*
 * From the labels of one service to its intent. Every label is hostile: it is judged by itself, and
 * what is wrong with one never hides another. Does not know Docker, the other services or which
 * clusters and networks exist. Called by clusters/compile.
 */
#include "clusters/labels/labels.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/labels/labels_priv.h"
#include "gateway/core/check.h"

enum { SHOW_ESCAPE_LEN = 4, MESSAGE_MAX = 512 };

char *labels_show(struct str value)
{
    char out[LABELS_SHOW_MAX + 1];
    size_t len = 0;
    size_t keep = 0; /* where "..." still fits */
    size_t i = 0;

    for (; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool plain = c >= 0x20 && c < 0x7f;
        size_t need = plain ? 1 : SHOW_ESCAPE_LEN;

        if (len + need > LABELS_SHOW_MAX)
            break;
        if (plain)
            out[len] = (char)c;
        else
            snprintf(out + len, sizeof(out) - len, "\\x%02x", c);
        len += need;
        if (len + 3 <= LABELS_SHOW_MAX)
            keep = len;
    }
    if (i < value.n) {
        memcpy(out + keep, "...", 3);
        len = keep + 3;
    }
    return xmemdup0(out, len);
}

void labels_note(struct labels_intent *intent, bool fatal, const char *reason, struct str key,
                 const struct str *value, const char *fmt, ...)
{
    char message[MESSAGE_MAX]; /* parts of foreign origin are cut by the caller */
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    intent->notes = xrealloc(intent->notes, (intent->num_notes + 1) * sizeof(*intent->notes));
    intent->notes[intent->num_notes++] = (struct labels_note){
        .reason = reason,
        .fatal = fatal,
        .message = xstrdup(message),
        .label = labels_show(key),
        .value = value != NULL ? labels_show(*value) : xstrdup(""),
    };
}

/* The last one with that key, as in a JSON object; Docker's labels are a map without doubles. */
static const struct labels_label *find(const struct labels_label *labels, size_t num,
                                       const char *name)
{
    const struct labels_label *found = NULL;

    for (size_t i = 0; i < num; i++)
        if (strcmp(labels[i].key + strlen(LABELS_PREFIX), name) == 0)
            found = &labels[i];
    return found;
}

static const struct labels_key *key_named(const char *name)
{
    size_t num;
    const struct labels_key *keys = labels_keys(&num);

    for (size_t i = 0; i < num; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static void parse_known(struct labels_intent *intent, const struct labels_label *labels, size_t num)
{
    size_t num_keys;
    const struct labels_key *keys = labels_keys(&num_keys);

    for (size_t i = 0; i < num_keys; i++) {
        const struct labels_label *l = find(labels, num, keys[i].name);

        if (l != NULL && keys[i].parse != NULL)
            keys[i].parse(intent, str_from(l->value));
    }
}

static bool is_inert(const struct labels_key *key, struct str value)
{
    for (size_t i = 0; i < sizeof(key->inert) / sizeof(key->inert[0]); i++)
        if (key->inert[i] != NULL && str_eq(value, str_from(key->inert[i])))
            return true;
    return false;
}

/* True when the label asks for something that we do not do. */
static bool is_unmet(const struct labels_label *l)
{
    const struct labels_key *key = key_named(l->key + strlen(LABELS_PREFIX));

    if (key == NULL)
        return true;
    return key->parse == NULL && !is_inert(key, str_trim(str_from(l->value)));
}

static void note_unmet(struct labels_intent *intent, const struct labels_label *l)
{
    const char *name = l->key + strlen(LABELS_PREFIX);
    struct str key = str_from(l->key);
    struct str value = str_from(l->value);

    if (key_named(name) != NULL) {
        labels_note(intent, false, "Unsupported", key, &value,
                    "%s is not built yet: the label has no effect, the others of this service "
                    "have.",
                    l->key); /* a known name: short */
        return;
    }
    const char *nearest = labels_nearest(str_from(name));

    if (nearest != NULL)
        labels_note(intent, false, "UnknownLabel", key, &value,
                    "There is no such label; did you mean %s%s?", LABELS_PREFIX, nearest);
    else
        labels_note(intent, false, "UnknownLabel", key, &value,
                    "There is no such label; it has no effect.");
}

static void note_others(struct labels_intent *intent, const struct labels_label *labels, size_t num)
{
    size_t num_unmet = 0;

    for (size_t i = 0; i < num; i++)
        if (is_unmet(&labels[i]) && num_unmet++ < LABELS_OTHER_NOTES_MAX)
            note_unmet(intent, &labels[i]);
    if (num_unmet > LABELS_OTHER_NOTES_MAX)
        labels_note(intent, false, "UnknownLabel", STR(LABELS_PREFIX), NULL,
                    "%zu more labels of this service are unknown or not built yet.",
                    num_unmet - LABELS_OTHER_NOTES_MAX);
}

static bool note_about(const struct labels_intent *intent, const char *label)
{
    for (size_t i = 0; i < intent->num_notes; i++)
        if (strcmp(intent->notes[i].label, label) == 0)
            return true;
    return false;
}

/* What a service cannot do without: a host and a port. */
static void judge(struct labels_intent *intent)
{
    if (intent->num_hosts == 0) {
        for (size_t i = 0; i < intent->num_notes; i++)
            if (strcmp(intent->notes[i].label, LABELS_HOSTS) == 0)
                intent->notes[i].fatal = true;
        if (!note_about(intent, LABELS_HOSTS))
            labels_note(intent, true, "MissingLabel", STR(LABELS_HOSTS), NULL,
                        "The service has labels of ours but no %s: add the host names that it "
                        "answers to, or remove the others.",
                        LABELS_HOSTS);
    }
    if (intent->port == 0 && !note_about(intent, LABELS_PORT))
        labels_note(intent, true, "MissingLabel", STR(LABELS_PORT), NULL,
                    "The service has no %s: add the port that the application listens on inside "
                    "its container.",
                    LABELS_PORT);
}

struct labels_intent *labels_read(const struct labels_label *labels, size_t num)
{
    struct labels_label *ours = NULL;
    size_t num_ours = 0;

    for (size_t i = 0; i < num; i++) {
        if (!str_starts(str_from(labels[i].key), STR(LABELS_PREFIX)))
            continue;
        if (ours == NULL)
            ours = xcalloc(num - i, sizeof(*ours));
        ours[num_ours++] = labels[i];
    }
    if (ours == NULL)
        return NULL;
    struct labels_intent *intent = xcalloc(1, sizeof(*intent));

    parse_known(intent, ours, num_ours);
    judge(intent);
    note_others(intent, ours, num_ours);
    free(ours);
    return intent;
}

bool labels_usable(const struct labels_intent *intent)
{
    for (size_t i = 0; i < intent->num_notes; i++)
        if (intent->notes[i].fatal)
            return false;
    return true;
}

void labels_free(struct labels_intent *intent)
{
    if (intent == NULL)
        return;
    for (size_t i = 0; i < intent->num_hosts; i++)
        free(intent->hosts[i]);
    for (size_t i = 0; i < intent->num_notes; i++) {
        free(intent->notes[i].message);
        free(intent->notes[i].label);
        free(intent->notes[i].value);
    }
    free(intent->hosts);
    free(intent->notes);
    free(intent->network);
    free(intent->service_cluster);
    free(intent->tenant);
    free(intent);
}
