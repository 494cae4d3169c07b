-- Documents (what the admin API was asked for), their history, and the audit chain.

-- tenant: whose commit it is; '' = the operators'.
ALTER TABLE commits ADD COLUMN tenant TEXT NOT NULL DEFAULT '';

CREATE INDEX commits_by_tenant ON commits (tenant, number);

CREATE TABLE documents (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    set_by INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, name)
) STRICT;

-- What a commit replaced or deleted; NULL: the document was not there before. What a commit set
-- stands in the next row of the same document, or in documents. total: bytes of this row and all
-- before it, so that the size of what is kept is one subtraction.
CREATE TABLE document_history (
    id INTEGER NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES commits (number),
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    before TEXT,
    before_created_ms INTEGER,
    total INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX document_history_by_document ON document_history (tenant, kind, name, number);
CREATE INDEX document_history_by_commit ON document_history (number);

-- number: the commit, which may be compacted away before its row here; 0 = an event. hash: hex of
-- the SHA-256 over the row before and this one (store/audit.c).
CREATE TABLE audit (
    seq INTEGER NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    author TEXT NOT NULL,
    action TEXT NOT NULL,
    tenant TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash TEXT NOT NULL,
    total INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_by_tenant ON audit (tenant, seq);
CREATE UNIQUE INDEX audit_by_commit ON audit (number) WHERE number > 0;
