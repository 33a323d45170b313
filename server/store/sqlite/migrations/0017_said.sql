-- What somebody said of a limit has its moment, and the days of an organisation have a history.

-- When it was written down. Words from before this version know their day alone.
ALTER TABLE deadline_word ADD COLUMN at TEXT;
UPDATE deadline_word SET at = on_day || 'T00:00:00+00:00';

-- Closed days and the days of a series: who, when, from, to. Written in the transaction of the change. Append only, like the history of
-- a plan. Days from before this version have no row.
CREATE TABLE calendar_change (
    organisation_id BLOB NOT NULL REFERENCES organisation (organisation_id),
    -- Counted from 1 for each organisation; what was entered at once has one.
    revision        INTEGER NOT NULL CHECK (revision >= 1),
    -- 'closed', or the code of a series.
    what            TEXT NOT NULL,
    day             TEXT NOT NULL,
    -- Why it is closed; of a series: 'yes'. None: it is not.
    from_text       TEXT,
    to_text         TEXT,
    actor_kind      TEXT NOT NULL CHECK (actor_kind IN ('staff', 'tablet', 'program')),
    actor_id        BLOB,
    at              TEXT NOT NULL,
    PRIMARY KEY (organisation_id, revision, what, day),
    CONSTRAINT calendar_change_differs CHECK (from_text IS NOT to_text)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER calendar_change_no_update BEFORE UPDATE ON calendar_change
BEGIN SELECT RAISE(ABORT, 'the history of a calendar is never changed'); END;
CREATE TRIGGER calendar_change_no_delete BEFORE DELETE ON calendar_change
BEGIN SELECT RAISE(ABORT, 'the history of a calendar is never removed'); END;
