-- What somebody said of a limit has its moment, and the days of an organisation have a history.

-- When it was written down. Words from before this version know their day alone.
ALTER TABLE deadline_word ADD COLUMN at timestamptz;
UPDATE deadline_word SET at = on_day::timestamp AT TIME ZONE 'UTC';
-- Another server that still is of the version before does not name it.
ALTER TABLE deadline_word ALTER COLUMN at SET DEFAULT now(), ALTER COLUMN at SET NOT NULL;

-- Closed days and the days of a series: who, when, from, to. Written in the transaction of the change. Append only, like the history of
-- a plan. Days from before this version have no row.
CREATE TABLE calendar_change (
    organisation_id uuid NOT NULL REFERENCES organisation (organisation_id),
    -- Counted from 1 for each organisation; what was entered at once has one.
    revision        bigint NOT NULL CHECK (revision >= 1),
    -- 'closed', or the code of a series.
    what            text NOT NULL,
    day             date NOT NULL,
    -- Why it is closed; of a series: 'yes'. None: it is not.
    from_text       text,
    to_text         text,
    actor_kind      text NOT NULL CHECK (actor_kind IN ('staff', 'tablet', 'program')),
    actor_id        uuid,
    at              timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, revision, what, day),
    CONSTRAINT calendar_change_differs CHECK (from_text IS DISTINCT FROM to_text)
);
CREATE FUNCTION calendar_change_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'the history of a calendar is never changed';
    END IF;
    RAISE EXCEPTION 'the history of a calendar is never removed';
END $$;
CREATE TRIGGER calendar_change_no_update BEFORE UPDATE ON calendar_change
    FOR EACH ROW EXECUTE FUNCTION calendar_change_refuse();
CREATE TRIGGER calendar_change_no_delete BEFORE DELETE ON calendar_change
    FOR EACH ROW EXECUTE FUNCTION calendar_change_refuse();
CREATE TRIGGER calendar_change_no_truncate BEFORE TRUNCATE ON calendar_change
    FOR EACH STATEMENT EXECUTE FUNCTION calendar_change_refuse();
