-- What the server has not committed yet, and what a later process needs to end the sessions of a killed one.
-- Holds facts about sessions only: ids, times and counts. Never media, names or permissions.

-- One row: which life of this file it is, and the next number. Numbers come from here and not from the rows, which are deleted.
CREATE TABLE outbox (
    outbox_id INTEGER NOT NULL CONSTRAINT outbox_one_row CHECK (outbox_id = 1) PRIMARY KEY,
    epoch BLOB NOT NULL,
    next_seq INTEGER NOT NULL
) STRICT;

CREATE TABLE message (
    -- Without gaps within the epoch.
    seq INTEGER NOT NULL PRIMARY KEY,
    message_id BLOB NOT NULL,
    kind TEXT NOT NULL CONSTRAINT message_kind CHECK (kind IN ('presence', 'event')),
    body TEXT NOT NULL,
    -- Presence that may still grow: which interval. A later word on it replaces this row as long as it was never sent.
    session_id BLOB,
    interval_n INTEGER,
    created_at TEXT NOT NULL,
    -- Set before the first attempt, so that a row is never changed once somebody may have seen it.
    sent_at TEXT
) STRICT;

CREATE INDEX message_unsent_progress ON message (session_id, interval_n) WHERE sent_at IS NULL AND session_id IS NOT NULL;

-- Sessions that are open, as last remembered.
CREATE TABLE checkpoint (
    session_id BLOB NOT NULL PRIMARY KEY,
    placement_id BLOB NOT NULL,
    robot_id BLOB NOT NULL,
    intervals INTEGER NOT NULL,
    closed_ms INTEGER NOT NULL,
    at TEXT NOT NULL,
    -- The open interval; absent when none is.
    tier TEXT CONSTRAINT checkpoint_tier CHECK (tier IN ('audio', 'stills', 'video')),
    from_at TEXT,
    span_us INTEGER,
    spoke_ms INTEGER NOT NULL,
    hands INTEGER NOT NULL,
    looks INTEGER NOT NULL,
    feelings INTEGER NOT NULL,
    CONSTRAINT checkpoint_open_is_whole CHECK ((tier IS NULL) = (from_at IS NULL) AND (tier IS NULL) = (span_us IS NULL))
) STRICT;
