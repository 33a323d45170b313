-- Limits count in the days of the school that the head of a plan names, too. Which one that was is kept with what was counted.
ALTER TABLE case_count ADD COLUMN receiving_id uuid;
CREATE INDEX case_count_receiving ON case_count (receiving_id) WHERE receiving_id IS NOT NULL;
UPDATE case_count SET changed = changed + 1;

-- What is being counted now may have read the days before, and says only afterwards whose they were.
CREATE OR REPLACE FUNCTION case_days_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE whose uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.organisation_id ELSE NEW.organisation_id END;
BEGIN
    UPDATE case_count SET changed = changed + 1
    WHERE receiving_id = whose OR counted < changed
        OR placement_id IN (SELECT placement_id FROM placement WHERE school_id = whose OR provider_id = whose
            OR pupil_id IN (SELECT pupil_id FROM pupil WHERE organisation_id = whose));
    RETURN NULL;
END $$;

-- A list over all cases is ordered and narrowed by these alone, and reads the rest of the rows that it shows.
DROP INDEX case_due_day;
CREATE INDEX case_due_day ON case_due (day, placement_id, n, has_owner, is_required, owners);
