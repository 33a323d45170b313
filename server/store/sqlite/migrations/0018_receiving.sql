-- Limits count in the days of the school that the head of a plan names, too. Which one that was is kept with what was counted.
ALTER TABLE case_count ADD COLUMN receiving_id BLOB;
CREATE INDEX case_count_receiving ON case_count (receiving_id) WHERE receiving_id IS NOT NULL;
UPDATE case_count SET changed = changed + 1;

-- What is being counted now may have read the days before, and says only afterwards whose they were.
DROP TRIGGER case_count_closure;
DROP TRIGGER case_count_opening;
CREATE TRIGGER case_count_closure AFTER INSERT ON closure_day
BEGIN UPDATE case_count SET changed = changed + 1
    WHERE receiving_id = NEW.organisation_id OR counted < changed
        OR placement_id IN (SELECT placement_id FROM placement WHERE school_id = NEW.organisation_id OR provider_id = NEW.organisation_id
            OR pupil_id IN (SELECT pupil_id FROM pupil WHERE organisation_id = NEW.organisation_id)); END;
CREATE TRIGGER case_count_opening AFTER DELETE ON closure_day
BEGIN UPDATE case_count SET changed = changed + 1
    WHERE receiving_id = OLD.organisation_id OR counted < changed
        OR placement_id IN (SELECT placement_id FROM placement WHERE school_id = OLD.organisation_id OR provider_id = OLD.organisation_id
            OR pupil_id IN (SELECT pupil_id FROM pupil WHERE organisation_id = OLD.organisation_id)); END;

-- A list over all cases is ordered and narrowed by these alone, and reads the rest of the rows that it shows.
DROP INDEX case_due_day;
CREATE INDEX case_due_day ON case_due (day, placement_id, n, has_owner, is_required, owners);
