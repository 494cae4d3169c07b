-- What Swarm says of its secrets, as last seen: never what is in them. labels: a JSON object.
-- tenant and expires: of labels of ours, '' where there are none.
CREATE TABLE secrets (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    labels TEXT NOT NULL,
    tenant TEXT NOT NULL,
    expires TEXT NOT NULL
) STRICT, WITHOUT ROWID;
