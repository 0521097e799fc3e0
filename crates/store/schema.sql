-- The spine. Only TEXT, BIGINT and DOUBLE PRECISION; ids are UUIDv7 text, times RFC 3339 UTC text of fixed width,
-- digests text, records canonical JSON text. The columns beside `record` are those that a query asks for.

CREATE TABLE organization (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
);

-- `key_hash` is a keyed BLAKE3 hash: the key itself is shown once and never stored.
CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id),
    key_hash TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
);

-- Several providers may offer a model of the same name: they are its candidates.
CREATE TABLE provider (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    record TEXT NOT NULL
);

CREATE TABLE project (
    id TEXT PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id),
    name TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (organization, name)
);

CREATE TABLE member (
    id TEXT PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id),
    name TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (organization, name)
);

-- What people signed: a statement with the signatures under it.
CREATE TABLE approval (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    market TEXT NOT NULL,
    record TEXT NOT NULL
);

-- What was recorded before approvals were signed. It opens nothing.
CREATE TABLE unsigned_approval (
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

-- A provider's signs that our own account is warned or disabled.
CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    record TEXT NOT NULL
);

CREATE TABLE acceptance (
    organization TEXT NOT NULL REFERENCES organization (id),
    terms TEXT NOT NULL,
    digest TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (organization, terms, digest)
);

CREATE TABLE verdict (
    id TEXT PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id),
    action TEXT NOT NULL,
    decision TEXT NOT NULL,
    record TEXT NOT NULL
);

-- `intent` and `outcome` are what the ledger's entries commit to; the salts stand apart, so that erasure can destroy them.
-- `prompt_key` names the same question of the same conversation, so that a build that was interrupted asks it only once.
CREATE TABLE exchange (
    id TEXT PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id),
    purpose TEXT NOT NULL,
    provider TEXT NOT NULL,
    conversation TEXT,
    prompt_key TEXT,
    intent TEXT NOT NULL,
    intent_salt TEXT,
    intent_leaf BIGINT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    outcome_salt TEXT,
    outcome_leaf BIGINT,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cost_micro_usd BIGINT NOT NULL
);
CREATE INDEX exchange_open ON exchange (id) WHERE state = 'open';
CREATE INDEX exchange_by_prompt ON exchange (provider, purpose, prompt_key) WHERE prompt_key IS NOT NULL;

-- Entries that are durable but not yet in a published tile; the tile files hold all the others. A row holds the entries of one
-- commit, one canonical JSON per line.
CREATE TABLE ledger_waiting (
    first_leaf BIGINT PRIMARY KEY,
    leaves BIGINT NOT NULL,
    entries TEXT NOT NULL
);

-- One row: the last frame of the journal that was settled into rows and entries.
CREATE TABLE journal (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    settled BIGINT NOT NULL
);
INSERT INTO journal (id, settled) VALUES (1, 0);

-- The salts of entries' commitments: with its salt and its record, an entry can be shown to say what it says. Those of calls
-- stand with their exchange. Erasing a salt leaves the entry and ends what it can show.
CREATE TABLE entry_salt (
    leaf_index BIGINT PRIMARY KEY,
    salt TEXT NOT NULL
);

-- One row: the next free leaf and the last published tree head, replaced by compare-and-swap.
CREATE TABLE tree_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    next_leaf BIGINT NOT NULL,
    published_size BIGINT NOT NULL,
    note TEXT NOT NULL
);
INSERT INTO tree_head (id, next_leaf, published_size, note) VALUES (1, 0, 0, '');

CREATE TABLE dataset (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    digest TEXT NOT NULL,
    leaf BIGINT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (name, version)
);

CREATE TABLE run (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    state TEXT NOT NULL,
    record TEXT NOT NULL
);

CREATE TABLE model_version (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    version BIGINT NOT NULL,
    weights TEXT NOT NULL,
    state TEXT NOT NULL,
    leaf BIGINT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (model, version)
);

CREATE TABLE comparison (
    id TEXT PRIMARY KEY,
    plan TEXT NOT NULL,
    plan_leaf BIGINT NOT NULL,
    record TEXT
);

CREATE TABLE job (
    id TEXT PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX job_by_state ON job (kind, state, id);

-- What was used, by the hour (its beginning, as a time): enough for a report and for a budget, without reading every exchange.
CREATE TABLE usage_hour (
    hour TEXT NOT NULL,
    organization TEXT NOT NULL,
    project TEXT NOT NULL,
    api_key TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    market TEXT NOT NULL,
    purpose TEXT NOT NULL,
    requests BIGINT NOT NULL,
    unanswered BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cost_micro_usd BIGINT NOT NULL,
    PRIMARY KEY (hour, organization, project, api_key, model, provider, market, purpose)
);

-- Erasures of exchanges. One that has no leaf yet was begun and is not finished: nothing claims that it was.
CREATE TABLE erasure (
    id TEXT PRIMARY KEY,
    leaf BIGINT,
    record TEXT NOT NULL
);
