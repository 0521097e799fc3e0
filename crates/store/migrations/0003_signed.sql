-- Approvals are signed by people. What was recorded before is kept as what it was, and opens nothing.

-- What was recorded before approvals were signed. It opens nothing.
CREATE TABLE unsigned_approval (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    market TEXT NOT NULL,
    record TEXT NOT NULL
);

INSERT INTO unsigned_approval (id, model, market, record) SELECT id, model, market, record FROM approval;
DROP TABLE approval;

-- What people signed: a statement with the signatures under it.
CREATE TABLE approval (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    market TEXT NOT NULL,
    record TEXT NOT NULL
);

-- Contracts that waive facts of terms, with the signatures of two people.
CREATE TABLE signed_grant (
    id TEXT PRIMARY KEY,
    party TEXT NOT NULL,
    record TEXT NOT NULL
);

-- What was handed in for what has this digest in a market.
CREATE TABLE evidence (
    subject TEXT NOT NULL,
    market TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (subject, market)
);
