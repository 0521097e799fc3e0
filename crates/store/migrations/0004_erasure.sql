-- Erasures of exchanges. One that has no leaf yet was begun and is not finished: nothing claims that it was.
CREATE TABLE erasure (
    id TEXT PRIMARY KEY,
    leaf BIGINT,
    record TEXT NOT NULL
);
