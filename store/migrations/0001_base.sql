-- The state behind the tables of service clusters: what is in force, what changed, who and why.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- revision: the last commit that changed this cluster's table. log_floor: up to and with which
-- commit its change log was compacted away. log_rows: how many rows of changes it has.
CREATE TABLE clusters (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL DEFAULT 0,
    log_floor INTEGER NOT NULL DEFAULT 0,
    log_rows INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE commits (
    number INTEGER NOT NULL PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    author TEXT NOT NULL,
    cause TEXT NOT NULL
) STRICT;

CREATE INDEX commits_by_time ON commits (at_ms);

-- set_by is the number of the commit that last set the object; that commit's row may be gone by
-- the time (compaction), so it is no foreign key.
CREATE TABLE objects (
    cluster INTEGER NOT NULL REFERENCES clusters (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    set_by INTEGER NOT NULL,
    PRIMARY KEY (cluster, kind, name)
) STRICT;

-- The change log says what changed, not to what: who catches up gets the values in force.
CREATE TABLE changes (
    cluster INTEGER NOT NULL REFERENCES clusters (id),
    number INTEGER NOT NULL REFERENCES commits (number),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    PRIMARY KEY (cluster, number, kind, name)
) STRICT, WITHOUT ROWID;

-- For the foreign key when old commits are removed.
CREATE INDEX changes_by_commit ON changes (number);
