-- What of a pupil's details, a placement and the people of a case is written in its place, where the row itself keeps only what is: who,
-- when, from, to. Written in the transaction of the change. Append only, like the history of a plan.
CREATE TABLE case_change (
    -- UUIDv7: sorts by time.
    case_change_id  uuid NOT NULL PRIMARY KEY,
    pupil_id        uuid NOT NULL REFERENCES pupil (pupil_id),
    -- Of which placement; none: of the pupil, whichever placement runs.
    placement_id    uuid REFERENCES placement (placement_id),
    field           text NOT NULL,
    from_text       text,
    to_text         text,
    actor_kind      text NOT NULL CHECK (actor_kind IN ('staff', 'tablet', 'program')),
    actor_id        uuid,
    at              timestamptz NOT NULL,
    CONSTRAINT case_change_differs CHECK (from_text IS DISTINCT FROM to_text)
);
CREATE INDEX case_change_pupil ON case_change (pupil_id, case_change_id);
CREATE FUNCTION case_change_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'the history of a case is never changed';
    END IF;
    RAISE EXCEPTION 'the history of a case is never removed';
END $$;
CREATE TRIGGER case_change_no_update BEFORE UPDATE ON case_change
    FOR EACH ROW EXECUTE FUNCTION case_change_refuse();
CREATE TRIGGER case_change_no_delete BEFORE DELETE ON case_change
    FOR EACH ROW EXECUTE FUNCTION case_change_refuse();
CREATE TRIGGER case_change_no_truncate BEFORE TRUNCATE ON case_change
    FOR EACH STATEMENT EXECUTE FUNCTION case_change_refuse();
