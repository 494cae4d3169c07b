/* Inside clusters/intents only: what is known of each kind. */
#ifndef CLUSTERS_INTENTS_INTENTS_PRIV_H
#define CLUSTERS_INTENTS_INTENTS_PRIV_H

#include "clusters/intents/intents.h"
#include "gateway/core/buf.h"
#include "gateway/wire/shape.h"

/* Whose a kind is, and so what the tenant in its key may be. */
enum intent_owner { OWNER_NOBODY, OWNER_TENANT, OWNER_EITHER };

struct intent_rule {
    const char *name;
    enum intent_owner owner;
    const struct shape *shape;
    bool short_name; /* named like a tenant or a cluster */
    /*
     * From a tree that is right by its shape; `object` is the struct of the shape's base, zeroed
     * memory when it has none. False, with the faults, for rules that the shape cannot say.
     */
    bool (*fill)(struct intent *i, const struct cJSON *tree, void *object, struct errs *e);
    void (*free_object)(void *object); /* that the shape was read into; NULL: nothing is */
};

extern const struct intent_rule intent_rules[INTENT_KIND__COUNT]; /* kinds.c */

/* The shapes of documents, shapes.c. */
extern const struct shape intent_shape_cluster;
extern const struct shape intent_shape_tenant;
extern const struct shape intent_shape_ownership;
extern const struct shape intent_shape_settings;
extern const struct shape intent_shape_token;
extern const struct shape intent_shape_route;
extern const struct shape intent_shape_pool;
extern const struct shape intent_shape_endpoints;
extern const struct shape intent_shape_certificate;
extern const struct shape intent_shape_pin;
extern const struct shape intent_shape_service;

text_rule_fn intent_text_name;  /* of a document */
text_rule_fn intent_text_glob;  /* the same, with '*' */
text_rule_fn intent_text_scope; /* of a token */
text_rule_fn intent_text_hash;

enum intent_scope intent_scope_from_name(const char *name); /* 0: none of them */

char *intent_match(const struct route *r); /* as in struct intent_route; match.c */

#endif
