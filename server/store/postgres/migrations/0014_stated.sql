-- What people say of half-days where no file of the register tells; the first day at school of plans that have ended; and whose
-- calendar a case is counted in.

-- Whether the pupil was at school for a half-day, as somebody says it: no mark, and never read as one. The latest row of a half-day
-- counts; none in was_there takes it back.
CREATE TABLE stated_half_day (
    -- UUIDv7: sorts by time.
    stated_half_day_id uuid NOT NULL PRIMARY KEY,
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    day             date NOT NULL,
    half_day        text NOT NULL CHECK (half_day IN ('am', 'pm')),
    was_there       boolean,
    -- Who says so: a staff_id or a person_id.
    by_id           uuid NOT NULL,
    -- Who wrote it down, and when.
    staff_id        uuid NOT NULL REFERENCES staff (staff_id),
    at              timestamptz NOT NULL
);
CREATE INDEX stated_half_day_placement ON stated_half_day (placement_id, day, half_day, stated_half_day_id);
CREATE FUNCTION stated_half_day_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'what somebody said is never changed';
    END IF;
    RAISE EXCEPTION 'what somebody said is never removed';
END $$;
CREATE TRIGGER stated_half_day_no_update BEFORE UPDATE ON stated_half_day
    FOR EACH ROW EXECUTE FUNCTION stated_half_day_refuse();
CREATE TRIGGER stated_half_day_no_delete BEFORE DELETE ON stated_half_day
    FOR EACH ROW EXECUTE FUNCTION stated_half_day_refuse();
CREATE TRIGGER stated_half_day_no_truncate BEFORE TRUNCATE ON stated_half_day
    FOR EACH STATEMENT EXECUTE FUNCTION stated_half_day_refuse();

-- Plans that ended before this version lost the day from which the school's weeks count. Their history has it: 'returning since ' has
-- 16 letters.
INSERT INTO plan_part (plan_id, part, body)
SELECT plan_id, 'school_start', '"' || substr(from_text, 17) || '"' FROM plan_change
WHERE field = 'state' AND from_text LIKE 'returning since %' AND to_text LIKE 'closed on %';

-- Limits count in the days of the home school too, which need not be the school whose lessons the pupil follows.
CREATE OR REPLACE FUNCTION case_days_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE whose uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.organisation_id ELSE NEW.organisation_id END;
BEGIN
    UPDATE case_count SET changed = changed + 1
    WHERE placement_id IN (SELECT placement_id FROM placement WHERE school_id = whose OR provider_id = whose
        OR pupil_id IN (SELECT pupil_id FROM pupil WHERE organisation_id = whose));
    RETURN NULL;
END $$;
