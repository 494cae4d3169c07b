/*
 * Which of Swarm's secrets a tenant may name, and what is said of those that are not there. What is
 * another tenant's is told of as what is not there at all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

void plan_secrets(struct plan *p, const struct plan_secret *all, size_t num)
{
    map_free(&p->secrets, free);
    for (size_t i = 0; i < num; i++)
        free(map_put(&p->secrets, str_from(all[i].name), xstrdup(all[i].tenant)));
    p->secrets_known = true;
    p->settled++; /* what was told may be another now */
}

bool plan_secret_is_for(const struct plan *p, const char *tenant, const char *name)
{
    const char *only = map_get(&p->secrets, str_from(name));

    return only != NULL && (only[0] == '\0' || strcmp(only, tenant) == 0);
}

static size_t tell_missing(const struct plan *p, const struct thing *t, struct cond_about about,
                           struct told *told)
{
    if (!p->secrets_known || t->tenant == NULL ||
        plan_secret_is_for(p, t->tenant->name, about.value))
        return 0;
    cond_add(told, COMPILE_RESOLVED, false, about,
             "There is no secret \"%.64s\" that the tenant may use.", about.value);
    return 1;
}

size_t secrets_tell_certificate(const struct plan *p, const struct document *d, struct told *told)
{
    char pointer[16];
    size_t num = 0;

    for (size_t k = 0; k < INTENT_SECRETS; k++) {
        if (d->intent->secrets[k] == NULL)
            continue;
        snprintf(pointer, sizeof(pointer), "/%s", intent_secret_member(k));
        num += tell_missing(p, &d->thing,
                            (struct cond_about){"SecretMissing", pointer, d->intent->secrets[k]},
                            told);
    }
    return num;
}

size_t secrets_tell_service(const struct plan *p, const struct unit *u, struct told *told)
{
    const struct view_service *s = unit_service(p, u);
    size_t num = 0;

    for (size_t i = 0; s != NULL && i < s->num_labels; i++) {
        const struct view_label *l = &s->labels[i];

        if (l->value[0] != '\0' && labels_names_secret(l->key))
            num += tell_missing(p, &u->thing,
                                (struct cond_about){"SecretMissing", l->key, l->value}, told);
    }
    return num;
}
