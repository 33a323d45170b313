-- What people say of half-days where no file of the register tells; the first day at school of plans that have ended; and whose
-- calendar a case is counted in.

-- Whether the pupil was at school for a half-day, as somebody says it: no mark, and never read as one. The latest row of a half-day
-- counts; none in was_there takes it back.
CREATE TABLE stated_half_day (
    -- UUIDv7: sorts by time.
    stated_half_day_id BLOB NOT NULL PRIMARY KEY,
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    day             TEXT NOT NULL,
    half_day        TEXT NOT NULL CHECK (half_day IN ('am', 'pm')),
    was_there       INTEGER CHECK (was_there IN (0, 1)),
    -- Who says so: a staff_id or a person_id.
    by_id           BLOB NOT NULL,
    -- Who wrote it down, and when.
    staff_id        BLOB NOT NULL REFERENCES staff (staff_id),
    at              TEXT NOT NULL
) STRICT;
CREATE INDEX stated_half_day_placement ON stated_half_day (placement_id, day, half_day, stated_half_day_id);
CREATE TRIGGER stated_half_day_no_update BEFORE UPDATE ON stated_half_day
BEGIN SELECT RAISE(ABORT, 'what somebody said is never changed'); END;
CREATE TRIGGER stated_half_day_no_delete BEFORE DELETE ON stated_half_day
BEGIN SELECT RAISE(ABORT, 'what somebody said is never removed'); END;

-- Plans that ended before this version lost the day from which the school's weeks count. Their history has it: 'returning since ' has
-- 16 letters.
INSERT INTO plan_part (plan_id, part, body)
SELECT plan_id, 'school_start', '"' || substr(from_text, 17) || '"' FROM plan_change
WHERE field = 'state' AND from_text LIKE 'returning since %' AND to_text LIKE 'closed on %';

-- Limits count in the days of the home school too, which need not be the school whose lessons the pupil follows.
DROP TRIGGER case_count_closure;
DROP TRIGGER case_count_opening;
CREATE TRIGGER case_count_closure AFTER INSERT ON closure_day
BEGIN UPDATE case_count SET changed = changed + 1
    WHERE placement_id IN (SELECT placement_id FROM placement WHERE school_id = NEW.organisation_id OR provider_id = NEW.organisation_id
        OR pupil_id IN (SELECT pupil_id FROM pupil WHERE organisation_id = NEW.organisation_id)); END;
CREATE TRIGGER case_count_opening AFTER DELETE ON closure_day
BEGIN UPDATE case_count SET changed = changed + 1
    WHERE placement_id IN (SELECT placement_id FROM placement WHERE school_id = OLD.organisation_id OR provider_id = OLD.organisation_id
        OR pupil_id IN (SELECT pupil_id FROM pupil WHERE organisation_id = OLD.organisation_id)); END;
