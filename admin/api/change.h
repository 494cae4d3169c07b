/*
 * A write that a request asked for, from its body to its answer; for the files of admin/api that
 * make writes. A change is built (ops from the body and from what there is now), handed to the
 * coordinator, and shown. Where it was built from what there was, and that changed meanwhile, it is
 * built again. Its request may go away at any time: the write goes on, nobody is told.
 */
#ifndef ADMIN_API_CHANGE_H
#define ADMIN_API_CHANGE_H

#include <sys/queue.h>

#include "admin/api/api_priv.h"
#include "admin/api/documents.h"
#include "gateway/core/buf.h"
#include "gateway/core/errs.h"

struct event;

enum { CHANGE_TRIES_MAX = 16, CHANGE_OPS_MAX = WRITE_OPS_MAX };

struct change;

/* Why a change cannot be built. */
struct change_refusal {
    int status;
    struct errs faults;
};

struct change_kind {
    /* Fills c's ops. False with *why. */
    bool (*build)(struct change *c, struct change_refusal *why);
    /* Answers a write that went well; a dry run as well. */
    void (*show)(struct change *c, const struct write_answer *a);
};

struct change {
    unsigned magic;
    struct api *api;
    const struct surface_row *row;
    const struct change_kind *kind;
    struct auth_caller caller;
    struct api_key key;
    struct documents_if cond;
    char *author;
    char *cause;
    struct buf body; /* a copy: an object */
    /* What the query says. */
    bool dry_run;
    bool durable;
    int64_t wait_ms;
    /* What it is made of. */
    struct write_op *ops; /* with strings of their own */
    size_t num_ops;
    bool derived;     /* from what there was: to be built again when that has changed */
    struct buf extra; /* members for the answer, ",\"x\":…", made with the ops */
    uint64_t rollback_to;
    char secret[TOKENS_TEXT_MAX]; /* of a new token */
    unsigned tries;
    struct event *again; /* when what stood in its way may be committed */
    struct write *write; /* under way */
    struct evhttp_request *req;
    struct evhttp_connection *evcon;
    LIST_ENTRY(change) next;
};

/*
 * A change by the call's row, caller and query, about `key`, with the request's body or without
 * one: built, and handed over. Whatever comes of it answers the request.
 */
void change_begin(struct api_call *call, const struct change_kind *kind, const struct api_key *key,
                  bool with_body);
void change_add_op(struct change *c, const struct write_op *op); /* copied */
/* One fault; false, for `return change_refuse(...)`. */
bool change_refuse(struct change_refusal *why, int status, const struct err *e);
/* A member of the body that is none, below the pointer `where`, with the nearest known name. `key`
 * is a string as it stands in JSON. False. */
bool change_refuse_member(struct change_refusal *why, const char *where, struct str key,
                          const char *const *known);

/* ---- change_show.c ---- */
void change_show_document(struct change *c, const struct write_answer *a);
void change_show_write(struct change *c, const struct write_answer *a);
/* Headers that every write answers, and the status for one that went well. */
int change_headers(struct change *c, const struct write_answer *a, int done);
/* Prints ",\"commit\":…" and so on, without the members of the documents. */
void change_print_outcome(struct answer *out, const struct change *c, const struct write_answer *a);

#endif
