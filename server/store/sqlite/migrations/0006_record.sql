-- The reintegration record: plans with the history of every field, who has a part, what happened on which day, contacts, and sheets
-- (goals, looks at the framework, profiles, costs). What is asked for by day, person or kind has a column; what is only ever shown
-- whole is one JSON text. Nothing here refers to the register, and nothing here is written by the engagement ledger.

-- People who have a part and no account: a parent, an advocate, a social worker. Names live here, in staff and in pupil alone.
CREATE TABLE person (
    person_id       BLOB NOT NULL PRIMARY KEY,
    pupil_id        BLOB NOT NULL REFERENCES pupil (pupil_id),
    name            TEXT NOT NULL,
    -- How to reach them, as they said it.
    reach           TEXT
) STRICT;
CREATE INDEX person_pupil ON person (pupil_id);

-- Who has which part in a placement, and when. person_id is a staff_id or a person_id.
CREATE TABLE placement_party (
    placement_party_id BLOB NOT NULL PRIMARY KEY,
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    party           TEXT NOT NULL,
    person_id       BLOB NOT NULL,
    from_day        TEXT,
    until_day       TEXT,
    CONSTRAINT placement_party_days CHECK (until_day IS NULL OR from_day IS NULL OR until_day >= from_day)
) STRICT;
CREATE INDEX placement_party_placement ON placement_party (placement_id);
CREATE INDEX placement_party_person ON placement_party (person_id);

-- A plan's head. 'revision' grows by one with each change; who changes says which one they saw.
CREATE TABLE plan (
    plan_id         BLOB NOT NULL PRIMARY KEY,
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    pack_id         TEXT NOT NULL,
    pack_version    TEXT NOT NULL,
    route           TEXT NOT NULL,
    responsible_id  BLOB NOT NULL REFERENCES organisation (organisation_id),
    state           TEXT NOT NULL CHECK (state IN ('draft', 'open', 'returning', 'closed')),
    revision        INTEGER NOT NULL CHECK (revision >= 0),
    changed_at      TEXT NOT NULL
) STRICT;
-- The database itself allows only one plan that is not closed.
CREATE UNIQUE INDEX plan_one_a_placement ON plan (placement_id) WHERE state <> 'closed';
CREATE INDEX plan_placement ON plan (placement_id);

-- What a plan holds, one JSON text a part (consents, answers, meetings ...). Written only if that part changed.
CREATE TABLE plan_part (
    plan_id         BLOB NOT NULL REFERENCES plan (plan_id),
    part            TEXT NOT NULL,
    body            TEXT NOT NULL,
    PRIMARY KEY (plan_id, part)
) STRICT, WITHOUT ROWID;

-- Every field that ever differed: who, when, from, to. Append only, like the audit log.
CREATE TABLE plan_change (
    plan_id         BLOB NOT NULL REFERENCES plan (plan_id),
    -- The revision that it made.
    revision        INTEGER NOT NULL,
    field           TEXT NOT NULL,
    from_text       TEXT,
    to_text         TEXT,
    actor_kind      TEXT NOT NULL CHECK (actor_kind IN ('staff', 'tablet', 'program')),
    actor_id        BLOB,
    at              TEXT NOT NULL,
    PRIMARY KEY (plan_id, revision, field),
    CONSTRAINT plan_change_differs CHECK (from_text IS NOT to_text)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER plan_change_no_update BEFORE UPDATE ON plan_change
BEGIN SELECT RAISE(ABORT, 'the history of a plan is never changed'); END;
CREATE TRIGGER plan_change_no_delete BEFORE DELETE ON plan_change
BEGIN SELECT RAISE(ABORT, 'the history of a plan is never removed'); END;

-- What happened, or is agreed to happen, on which day. The latest row of an event counts; no day takes it back.
CREATE TABLE case_event (
    -- UUIDv7: sorts by time.
    case_event_id   BLOB NOT NULL PRIMARY KEY,
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    event           TEXT NOT NULL,
    day             TEXT,
    actor_kind      TEXT NOT NULL CHECK (actor_kind IN ('staff', 'tablet', 'program')),
    actor_id        BLOB,
    at              TEXT NOT NULL
) STRICT;
CREATE INDEX case_event_placement ON case_event (placement_id, case_event_id);

-- What people said of a deadline or a contact rule: it was kept on a day, or something else holds here, with the reason. The latest
-- row of a rule, week and kind counts. 'kept' without a day takes it back.
CREATE TABLE deadline_word (
    deadline_word_id BLOB NOT NULL PRIMARY KEY,
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    rule            TEXT NOT NULL,
    week            INTEGER,
    kind            TEXT NOT NULL CHECK (kind IN ('kept', 'count', 'day', 'does_not_apply')),
    day             TEXT,
    number          INTEGER,
    reason          TEXT,
    -- Who decided, and when; who wrote it down is in the audit log.
    by_id           BLOB NOT NULL,
    on_day          TEXT NOT NULL,
    CONSTRAINT deadline_word_reason CHECK (kind = 'kept' OR (reason IS NOT NULL AND length(trim(reason)) > 0)),
    CONSTRAINT deadline_word_value CHECK (CASE kind WHEN 'count' THEN number IS NOT NULL WHEN 'day' THEN day IS NOT NULL ELSE 1 END)
) STRICT;
CREATE INDEX deadline_word_placement ON deadline_word (placement_id, deadline_word_id);

-- Days that an authority publishes, such as hearings of its panel.
CREATE TABLE series_day (
    organisation_id BLOB NOT NULL REFERENCES organisation (organisation_id),
    series          TEXT NOT NULL,
    day             TEXT NOT NULL,
    PRIMARY KEY (organisation_id, series, day)
) STRICT, WITHOUT ROWID;

-- The log of contacts and checks. A row is never changed; a slip is answered by another row.
CREATE TABLE contact (
    contact_id      BLOB NOT NULL PRIMARY KEY,
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    day             TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('visit', 'call', 'message', 'attempt', 'robot')),
    -- Of a visit by robot: which one, and who says that they spoke with the pupil.
    session_id      BLOB,
    spoke_id        BLOB,
    -- Parties, with commas between.
    parties         TEXT NOT NULL,
    outcome         TEXT,
    notes           TEXT,
    written_by      BLOB NOT NULL,
    written_at      TEXT NOT NULL,
    CONSTRAINT contact_robot CHECK ((kind = 'robot') = (session_id IS NOT NULL))
) STRICT;
CREATE INDEX contact_placement ON contact (placement_id, day);

-- Goals, looks at the framework, profiles, scales and costs: one JSON text each, every revision kept. The highest counts.
CREATE TABLE sheet (
    sheet_id        BLOB NOT NULL,
    revision        INTEGER NOT NULL CHECK (revision >= 1),
    -- Kinds are the program's: a new one needs no migration.
    kind            TEXT NOT NULL,
    -- Of a pupil's placement, or of an organisation.
    placement_id    BLOB REFERENCES placement (placement_id),
    organisation_id BLOB REFERENCES organisation (organisation_id),
    -- The day by which it is listed: a goal's next review, the day of a look.
    day             TEXT,
    body            TEXT NOT NULL,
    actor_kind      TEXT NOT NULL CHECK (actor_kind IN ('staff', 'tablet', 'program')),
    actor_id        BLOB,
    at              TEXT NOT NULL,
    PRIMARY KEY (sheet_id, revision),
    CONSTRAINT sheet_of_one CHECK ((placement_id IS NULL) <> (organisation_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX sheet_placement ON sheet (placement_id, kind);
CREATE INDEX sheet_organisation ON sheet (organisation_id, kind);
CREATE TRIGGER sheet_no_update BEFORE UPDATE ON sheet
BEGIN SELECT RAISE(ABORT, 'revisions of a sheet are never changed'); END;
CREATE TRIGGER sheet_no_delete BEFORE DELETE ON sheet
BEGIN SELECT RAISE(ABORT, 'revisions of a sheet are never removed'); END;

-- The school's own number of a pupil, for files that do not name the UPN.
ALTER TABLE pupil ADD COLUMN local_number TEXT;
CREATE UNIQUE INDEX pupil_local_number ON pupil (organisation_id, local_number) WHERE local_number IS NOT NULL;

-- A calendar feed of what is due for one person. Its address holds a secret, of which the hash is here; a new one replaces it, and
-- taking it away switches the feed off.
CREATE TABLE due_feed (
    staff_id        BLOB NOT NULL PRIMARY KEY REFERENCES staff (staff_id),
    token_sha256    BLOB NOT NULL,
    made_at         TEXT NOT NULL,
    -- Noted once a day: who reads it is a calendar program.
    read_at         TEXT,
    CONSTRAINT due_feed_token UNIQUE (token_sha256)
) STRICT;
