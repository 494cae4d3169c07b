/*
 * A schema as data. An object of a table, one nested in it, or a document that becomes one is a
 * shape; a shape is a table of fields; a field says all that there is to know of it: where its
 * value goes, what is allowed, what holds without it, and the sentence that the reference prints.
 * One file of objects_*.c has the shapes of a kind; objects_read.c reads by them, objects_doc.c
 * prints them, objects_schema.c makes JSON Schema of them. clusters/intents has shapes of its own,
 * based on these.
 */
#ifndef GATEWAY_WIRE_SHAPE_H
#define GATEWAY_WIRE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/errs.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/route/route.h"

struct cJSON;

enum {
    SHAPE_HOST_MAX = ROUTE_HOST_MAX + 3, /* bytes of a host as it may be written: "*.", final dot */
    SHAPE_TEXT_MAX = 128,                /* bytes of names that only people and cookies read */
    SHAPE_RATE_MAX = 100000000,          /* of what is counted: requests, connections */
    SHAPE_PERIOD_MAX_MS = 3600000,       /* of what repeats or waits by itself */
    SHAPE_CIPHERS_MAX = 32
};

#define SHAPE_BODY_MAX ((int64_t)1 << 50) /* bytes of a body */

enum field_type {
    FIELD_FLAG,    /* true or false, into a bool */
    FIELD_NUMBER,  /* an integer, into an integer of any width */
    FIELD_TEXT,    /* a string, into an owned char * */
    FIELD_WORD,    /* one of some words, into an enum or bool whose values are their indices */
    FIELD_PART,    /* an object, into an owned struct of its shape */
    FIELD_MEMBERS, /* an object whose fields are members of the same struct */
    FIELD_TEXTS,   /* an array of strings, into an owned array of owned char * and a count */
    FIELD_PARTS,   /* an array of objects, into an owned array of structs and a count */
    FIELD_PAIRS,   /* an object of any names with strings; judged, has no place */
    FIELD_OWN,     /* by a reader of its own */
    FIELD__COUNT
};

/* A rule for strings: their canonical form, to be freed, or false with *e (its field is ""). */
typedef bool text_rule_fn(struct str text, char **out, struct err *e);

struct word {
    const char *text; /* NULL ends the list */
    bool served;      /* else the schema knows it and this build does not: Unsupported */
};

struct shape;

struct field {
    const char *name;
    /* Where the value goes. Width 0, or no object to put it in: it is judged and dropped. */
    size_t at;
    size_t width;
    size_t num_at; /* the count of an array; in bytes as wide as num_width */
    size_t num_width;
    enum field_type type;
    int64_t min; /* of a number; bytes of a string; entries of an array, pairs */
    int64_t max;
    int64_t scale;      /* a number is stored times this; 0: as it is */
    int64_t text_max;   /* bytes of each of an array's strings, of each pair's name and value */
    text_rule_fn *rule; /* of a string, of a pair's both; NULL: any bytes but control bytes */
    const struct word *words;
    const struct shape *shape;
    bool (*own)(const struct cJSON *item, void *object, struct err *e);
    const char *kind;   /* the JSON type in words; NULL: type and bounds say it */
    const char *schema; /* members of a JSON Schema; of FIELD_OWN */
    bool needed;
    bool served;       /* else Unsupported, once the value was found right; a flag may be false */
    const char *unset; /* what holds when the field is absent, in JSON; NULL: nothing */
    const char *about; /* one sentence, in Markdown */
};

struct shape {
    const char *title; /* in docs/table.md: "route", "route.match" */
    const char *about; /* under the title; NULL: nothing to say */
    const struct field *fields;
    size_t num_fields;
    /* Not NULL: the fields of that shape are this one's as well, but those of `without`, and its
     * struct, defaults and rules hold; fields of this one's own have no place. */
    const struct shape *base;
    const char *const *without; /* NULL ends it */
    size_t size;                /* of the struct */
    void (*init)(void *object); /* defaults other than zero; NULL: none */
    /*
     * Rules between fields, after all of them were read; NULL: none. object is NULL where nothing
     * of this shape is served yet. May complete the object.
     */
    bool (*check)(const struct cJSON *value, void *object, struct err *e);
};

/* ---- the words that rows are made of ---- */

#define AT(type_, member) .at = offsetof(type_, member), .width = sizeof(((type_ *)NULL)->member)
/* The same of a pointer to what the struct owns. */
#define OWNED_AT(type_, member) .at = offsetof(type_, member), .width = sizeof(void *)
#define COUNT_AT(type_, member) \
    .num_at = offsetof(type_, member), .num_width = sizeof(((type_ *)NULL)->member)
#define FLAG .type = FIELD_FLAG
#define NUMBER(least, most) .type = FIELD_NUMBER, .min = (least), .max = (most)
#define TEXT(least, most, how) .type = FIELD_TEXT, .min = (least), .max = (most), .rule = (how)
#define WORD(list) .type = FIELD_WORD, .words = (list)
#define PART(of) .type = FIELD_PART, .shape = &(of)
#define MEMBERS(of) .type = FIELD_MEMBERS, .shape = &(of)
#define TEXTS(least, most, bytes, how) \
    .type = FIELD_TEXTS, .min = (least), .max = (most), .text_max = (bytes), .rule = (how)
#define PARTS(least, most, of) .type = FIELD_PARTS, .min = (least), .max = (most), .shape = &(of)
#define PAIRS(least, most, bytes, how) \
    .type = FIELD_PAIRS, .min = (least), .max = (most), .text_max = (bytes), .rule = (how)
#define OWN(reader, words_, schema_) \
    .type = FIELD_OWN, .own = (reader), .kind = (words_), .schema = (schema_)
#define NEEDED .needed = true
#define SERVED .served = true
#define UNSET(json) .unset = (json)
#define ABOUT(sentence) .about = (sentence)
#define FIELDS(table) .fields = (table), .num_fields = sizeof(table) / sizeof((table)[0])

/* ---- objects_read.c ---- */

/*
 * Reads value into object, which is zeroed memory of the shape's size, or NULL. On false the object
 * holds what was read so far, to be released as usual.
 */
MUST_USE bool shape_read(const struct shape *shape, const struct cJSON *value, void *object,
                         struct err *e);

/*
 * As shape_read, for whoever mends the value: every fault of every field goes to *list, not the
 * first alone. Rules between the fields of an object are judged once those are right by themselves.
 */
MUST_USE bool shape_read_all(const struct shape *shape, const struct cJSON *value, void *object,
                             struct errs *list);

enum { SHAPE_FIELDS_MAX = 32 };

/* The fields of a shape and of its base, its own last; how many. */
size_t shape_fields(const struct shape *shape, const struct field *out[SHAPE_FIELDS_MAX]);

/* The shape as one JSON Schema object (draft 2020-12); false: out is full. */
MUST_USE bool shape_write_schema(const struct shape *shape, struct buf *out);

/* True when the value has that member. */
bool shape_has(const struct cJSON *value, const char *name);

/* False, with the field, when both are there. */
MUST_USE bool shape_exclude(const struct cJSON *value, const char *name, const char *other,
                            struct err *e);

/* For readers of their own: an array of so many entries. */
MUST_USE bool shape_array(const struct cJSON *item, int64_t min, int64_t max, size_t *out_num,
                          struct err *e);

/* ---- objects_text.c: rules for strings ---- */

text_rule_fn text_any;          /* control bytes as well: bodies */
text_rule_fn text_name;         /* of an object: no control bytes */
text_rule_fn text_host;         /* canonical, no wildcard */
text_rule_fn text_host_pattern; /* as text_host, or "*", or "*.suffix" */
text_rule_fn text_path;         /* a path to send: as it is written */
text_rule_fn text_path_pattern; /* a path to compare with: canonical */
text_rule_fn text_scheme;       /* http, https */
text_rule_fn text_token;        /* RFC 9110 section 5.6.2 */
text_rule_fn text_field_name;   /* a token, in lower case */
text_rule_fn text_free_field;   /* as text_field_name, none that is the gateway's own */
text_rule_fn text_field_value;  /* RFC 9110 section 5.5 */
text_rule_fn text_address;      /* an IP address, in inet_ntop's spelling */

/* ---- the shapes of a table's objects ---- */

extern const struct shape shape_route;       /* objects_route.c */
extern const struct shape shape_pool;        /* objects_pool.c */
extern const struct shape shape_endpoints;   /* objects_endpoints.c */
extern const struct shape shape_tenant;      /* objects_tenant.c */
extern const struct shape shape_settings;    /* objects_settings.c */
extern const struct shape shape_certificate; /* objects_certificate.c */

#endif
