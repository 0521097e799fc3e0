-- The door: a journal before the rows, several providers per model, projects, members, approvals, incidents, usage by the hour.

CREATE TABLE ledger_waiting (
    first_leaf BIGINT PRIMARY KEY,
    leaves BIGINT NOT NULL,
    entries TEXT NOT NULL
);
INSERT INTO ledger_waiting (first_leaf, leaves, entries) SELECT leaf_index, 1, entry FROM ledger_entry;
DROP TABLE ledger_entry;

CREATE TABLE journal (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    settled BIGINT NOT NULL
);

INSERT INTO journal (id, settled) VALUES (1, 0);

DROP INDEX exchange_by_state;
DROP INDEX exchange_by_prompt;
CREATE INDEX exchange_open ON exchange (id) WHERE state = 'open';
CREATE INDEX exchange_by_prompt ON exchange (provider, purpose, prompt_key) WHERE prompt_key IS NOT NULL;

ALTER TABLE provider RENAME TO provider_before;
CREATE TABLE provider (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    record TEXT NOT NULL
);

INSERT INTO provider (id, name, model, record) SELECT id, name, model, record FROM provider_before;
DROP TABLE provider_before;

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


CREATE TABLE approval (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    market TEXT NOT NULL,
    record TEXT NOT NULL
);


CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    record TEXT NOT NULL
);


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
