/*
 * The schema's numbered steps, embedded at build from store/migrations/NNNN_name.sql, and how a
 * database is brought up to the last of them. PRAGMA user_version is the number of the last step.
 */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <stddef.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct sqlite3;

struct store_migration {
    int number; /* 1, 2, 3 … without gaps */
    const char *name;
    const char *sql;
};

extern const struct store_migration store_migrations[];
extern const size_t store_num_migrations;

/* Each missing step in a transaction of its own. `path` is for the sentence. */
MUST_USE bool store_migrate(struct sqlite3 *db, const char *path, struct err *e);

#endif
