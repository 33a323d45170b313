-- What is due over many cases, kept as rows that lists read; and limits that hold again.

-- A new kind of word: 'applies' takes back what held in place of a rule. SQLite cannot change a check, so the table is copied.
CREATE TABLE deadline_word_next (
    deadline_word_id BLOB NOT NULL PRIMARY KEY,
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    rule            TEXT NOT NULL,
    week            INTEGER,
    kind            TEXT NOT NULL CHECK (kind IN ('kept', 'count', 'day', 'does_not_apply', 'applies')),
    day             TEXT,
    number          INTEGER,
    reason          TEXT,
    -- Who decided, and when; who wrote it down is in the audit log.
    by_id           BLOB NOT NULL,
    on_day          TEXT NOT NULL,
    CONSTRAINT deadline_word_reason CHECK (kind IN ('kept', 'applies') OR (reason IS NOT NULL AND length(trim(reason)) > 0)),
    CONSTRAINT deadline_word_value CHECK (CASE kind WHEN 'count' THEN number IS NOT NULL WHEN 'day' THEN day IS NOT NULL ELSE 1 END)
) STRICT;
INSERT INTO deadline_word_next (deadline_word_id, placement_id, rule, week, kind, day, number, reason, by_id, on_day)
SELECT deadline_word_id, placement_id, rule, week, kind, day, number, reason, by_id, on_day FROM deadline_word;
DROP TABLE deadline_word;
ALTER TABLE deadline_word_next RENAME TO deadline_word;
CREATE INDEX deadline_word_placement ON deadline_word (placement_id, deadline_word_id);

-- How often a case changed, up to which change its rows below were counted, and until which day they hold: what is due every week
-- moves with the days. A row a placement, from the first on; nothing of it is ever taken back.
CREATE TABLE case_count (
    placement_id    BLOB NOT NULL PRIMARY KEY REFERENCES placement (placement_id),
    changed         INTEGER NOT NULL,
    counted         INTEGER NOT NULL,
    holds_until     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX case_count_open ON case_count (placement_id) WHERE counted < changed;
CREATE INDEX case_count_holds ON case_count (holds_until);
INSERT INTO case_count (placement_id, changed, counted, holds_until) SELECT placement_id, 1, 0, '1970-01-01' FROM placement;

-- What is open in a case. All rows of a case are written together, worked out from everything else that is stored.
CREATE TABLE case_due (
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    n               INTEGER NOT NULL,
    rule            TEXT NOT NULL,
    week            INTEGER,
    title           TEXT NOT NULL,
    source_row      TEXT NOT NULL,
    is_required     INTEGER NOT NULL CHECK (is_required IN (0, 1)),
    -- Parties, with commas between.
    owners          TEXT NOT NULL,
    -- One of them has a person.
    has_owner       INTEGER NOT NULL CHECK (has_owner IN (0, 1)),
    day             TEXT NOT NULL,
    from_event      TEXT,
    from_day        TEXT,
    unit            TEXT NOT NULL,
    calendar        TEXT NOT NULL,
    sentence        TEXT NOT NULL,
    way             TEXT NOT NULL,
    PRIMARY KEY (placement_id, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_due_day ON case_due (day, placement_id, n);

-- Whatever a case is worked out from marks it. Dates of a panel concern a whole authority: who writes them marks its cases at once.
CREATE TRIGGER case_count_placement AFTER INSERT ON placement
BEGIN INSERT INTO case_count (placement_id, changed, counted, holds_until) VALUES (NEW.placement_id, 1, 0, '1970-01-01'); END;
CREATE TRIGGER case_count_placement_update AFTER UPDATE ON placement
BEGIN UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id; END;
CREATE TRIGGER case_count_plan AFTER INSERT ON plan
BEGIN UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id; END;
CREATE TRIGGER case_count_plan_update AFTER UPDATE ON plan
BEGIN UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id; END;
CREATE TRIGGER case_count_event AFTER INSERT ON case_event
BEGIN UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id; END;
CREATE TRIGGER case_count_word AFTER INSERT ON deadline_word
BEGIN UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id; END;
CREATE TRIGGER case_count_contact AFTER INSERT ON contact
BEGIN UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id; END;
CREATE TRIGGER case_count_party AFTER INSERT ON placement_party
BEGIN UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id; END;
CREATE TRIGGER case_count_party_update AFTER UPDATE ON placement_party
BEGIN UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id; END;
CREATE TRIGGER case_count_sheet AFTER INSERT ON sheet WHEN NEW.kind IN ('goal', 'part_time', 'breakdown')
BEGIN UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id; END;
CREATE TRIGGER case_count_closure AFTER INSERT ON closure_day
BEGIN UPDATE case_count SET changed = changed + 1
    WHERE placement_id IN (SELECT placement_id FROM placement WHERE school_id = NEW.organisation_id OR provider_id = NEW.organisation_id); END;
CREATE TRIGGER case_count_opening AFTER DELETE ON closure_day
BEGIN UPDATE case_count SET changed = changed + 1
    WHERE placement_id IN (SELECT placement_id FROM placement WHERE school_id = OLD.organisation_id OR provider_id = OLD.organisation_id); END;
CREATE INDEX placement_provider ON placement (provider_id);
