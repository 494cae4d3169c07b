/*
 * The one writer: a thread that has the store while a batch is with it, so that the loop never
 * waits for a disk. One batch at a time; between batches the caller may use the store itself.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "store/store.h"

struct store_writer;

/*
 * `done` runs on the writer's thread, which has given the store back by then: it may hand the
 * answer to the loop, and the loop may submit the next batch before it returns. e->code NULL:
 * committed. Signals are the caller's: block those that the thread should not get before it is
 * made.
 */
typedef void store_writer_fn(void *arg, struct store_commit_rq *all, size_t num,
                             const struct err *e);

/* `s` is lent until store_writer_free. NULL with *e: no thread could be started. */
struct store_writer *store_writer_new(struct store *s, store_writer_fn *done, void *arg,
                                      struct err *e);
/* Ends after the batch that is with it, which is still announced; NULL is fine. Not the store. */
void store_writer_free(struct store_writer *w);
/* Everything that `all` names must live until `done`. Not while a batch is with it. */
void store_writer_submit(struct store_writer *w, struct store_commit_rq *all, size_t num);

#endif
