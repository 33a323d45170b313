-- What of a pupil's details, a placement and the people of a case is written in its place, where the row itself keeps only what is: who,
-- when, from, to. Written in the transaction of the change. Append only, like the history of a plan.
CREATE TABLE case_change (
    -- UUIDv7: sorts by time.
    case_change_id  BLOB NOT NULL PRIMARY KEY,
    pupil_id        BLOB NOT NULL REFERENCES pupil (pupil_id),
    -- Of which placement; none: of the pupil, whichever placement runs.
    placement_id    BLOB REFERENCES placement (placement_id),
    field           TEXT NOT NULL,
    from_text       TEXT,
    to_text         TEXT,
    actor_kind      TEXT NOT NULL CHECK (actor_kind IN ('staff', 'tablet', 'program')),
    actor_id        BLOB,
    at              TEXT NOT NULL,
    CONSTRAINT case_change_differs CHECK (from_text IS NOT to_text)
) STRICT;
CREATE INDEX case_change_pupil ON case_change (pupil_id, case_change_id);
CREATE TRIGGER case_change_no_update BEFORE UPDATE ON case_change
BEGIN SELECT RAISE(ABORT, 'the history of a case is never changed'); END;
CREATE TRIGGER case_change_no_delete BEFORE DELETE ON case_change
BEGIN SELECT RAISE(ABORT, 'the history of a case is never removed'); END;
