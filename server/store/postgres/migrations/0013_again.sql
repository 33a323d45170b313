-- Whoever changes what a pupil's past lessons were gets those days added up again: by a page or by a program that writes the tables.

-- Stretches of days, both ends included, that a change concerns. The server turns them into marks in attendance_dirty as far as the
-- days have come: only it knows which day it is. A change of the same stretch counts the row up, so that none is lost to a server
-- that is just taking the row away.
CREATE TABLE attendance_again (
    pupil_id        uuid NOT NULL REFERENCES pupil (pupil_id),
    first_day       date NOT NULL,
    last_day        date NOT NULL,
    changes         bigint NOT NULL,
    PRIMARY KEY (pupil_id, first_day, last_day)
);
CREATE INDEX attendance_again_first ON attendance_again (first_day);

CREATE FUNCTION days_again(whose uuid, first_day date, last_day date) RETURNS void LANGUAGE sql AS $$
    INSERT INTO attendance_again (pupil_id, first_day, last_day, changes) SELECT $1, $2, $3, 1 WHERE $2 <= $3
    ON CONFLICT (pupil_id, first_day, last_day) DO UPDATE SET changes = attendance_again.changes + 1
$$;

-- Pupils who follow a teaching group: a lesson of it that is not theirs still decides which of their time is social.
CREATE VIEW group_pupil AS
SELECT DISTINCT t.class_group_id, p.pupil_id, p.from_day, p.until_day
FROM timetable_slot t JOIN expected_slot e ON e.timetable_slot_id = t.timetable_slot_id
     JOIN placement p ON p.placement_id = e.placement_id;

CREATE FUNCTION group_again(whose uuid, first_day date, last_day date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM days_again(g.pupil_id, greatest(g.from_day, $2), least(g.until_day, $3))
    FROM group_pupil g WHERE g.class_group_id = $1 ORDER BY g.pupil_id;
END $$;

CREATE FUNCTION school_again(whose uuid, first_day date, last_day date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM days_again(p.pupil_id, greatest(p.from_day, $2), least(p.until_day, $3))
    FROM placement p WHERE p.school_id = $1 ORDER BY p.pupil_id;
END $$;

-- Room, subject and teacher decide no minute. Of a slot that only begins or ends on another day, the days between are concerned.
CREATE FUNCTION slot_again() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_first date; old_last date; new_first date; new_last date;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_first := coalesce(OLD.valid_from, '0001-01-01');
        old_last := coalesce(OLD.valid_until, '9999-12-30');
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_first := coalesce(NEW.valid_from, '0001-01-01');
        new_last := coalesce(NEW.valid_until, '9999-12-30');
    END IF;
    IF TG_OP = 'UPDATE' AND (OLD.class_group_id, OLD.week, OLD.weekday, OLD.start_min, OLD.end_min, OLD.robot_stays_out)
                          = (NEW.class_group_id, NEW.week, NEW.weekday, NEW.start_min, NEW.end_min, NEW.robot_stays_out) THEN
        PERFORM group_again(NEW.class_group_id, least(old_first, new_first), greatest(old_first, new_first) - 1);
        PERFORM group_again(NEW.class_group_id, least(old_last, new_last) + 1, greatest(old_last, new_last));
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM group_again(OLD.class_group_id, old_first, old_last);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM group_again(NEW.class_group_id, new_first, new_last);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER attendance_again_slot AFTER INSERT OR UPDATE OR DELETE ON timetable_slot
    FOR EACH ROW EXECUTE FUNCTION slot_again();

-- The first slot of a group brings the pupil all lessons of it; a further one its own days.
CREATE FUNCTION expected_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND EXISTS (
        SELECT 1 FROM timetable_slot t
        JOIN timetable_slot o ON o.class_group_id = t.class_group_id AND o.timetable_slot_id <> t.timetable_slot_id
        JOIN expected_slot e ON e.timetable_slot_id = o.timetable_slot_id AND e.placement_id = NEW.placement_id
        WHERE t.timetable_slot_id = NEW.timetable_slot_id)
    THEN
        PERFORM days_again(p.pupil_id, greatest(p.from_day, t.valid_from, NEW.valid_from),
                           least(p.until_day, t.valid_until, NEW.valid_until))
        FROM placement p, timetable_slot t
        WHERE p.placement_id = NEW.placement_id AND t.timetable_slot_id = NEW.timetable_slot_id;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM days_again(p.pupil_id, p.from_day, p.until_day) FROM placement p WHERE p.placement_id = OLD.placement_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM days_again(p.pupil_id, p.from_day, p.until_day) FROM placement p WHERE p.placement_id = NEW.placement_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER attendance_again_expected AFTER INSERT OR UPDATE OR DELETE ON expected_slot
    FOR EACH ROW EXECUTE FUNCTION expected_again();

-- The reason of a closure decides no minute.
CREATE FUNCTION closure_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM school_again(OLD.organisation_id, OLD.day, OLD.day);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM school_again(NEW.organisation_id, NEW.day, NEW.day);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER attendance_again_closure AFTER INSERT OR DELETE OR UPDATE OF organisation_id, day ON closure_day
    FOR EACH ROW EXECUTE FUNCTION closure_again();

-- Weeks alternate from the Monday of the row on, and backwards from the first one. school_calendar, which keeps the first one, decides
-- no minute.
CREATE FUNCTION week_one_again() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whose uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.organisation_id ELSE NEW.organisation_id END;
    since date := CASE TG_OP WHEN 'DELETE' THEN OLD.monday ELSE NEW.monday END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM school_again(OLD.organisation_id, NULL, NULL);
        PERFORM school_again(NEW.organisation_id, NULL, NULL);
    ELSIF EXISTS (SELECT 1 FROM week_one w WHERE w.organisation_id = whose AND w.monday < since) THEN
        PERFORM school_again(whose, since - 6, NULL);
    ELSE
        PERFORM school_again(whose, NULL, NULL);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER attendance_again_week_one AFTER INSERT OR UPDATE OR DELETE ON week_one
    FOR EACH ROW EXECUTE FUNCTION week_one_again();

-- Of a placement that only begins or ends on another day, the days between are concerned. Its robot decides no minute.
CREATE FUNCTION placement_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.pupil_id, OLD.school_id) = (NEW.pupil_id, NEW.school_id) THEN
        PERFORM days_again(NEW.pupil_id, least(OLD.from_day, NEW.from_day), greatest(OLD.from_day, NEW.from_day) - 1);
        PERFORM days_again(NEW.pupil_id, least(OLD.until_day, NEW.until_day) + 1, greatest(OLD.until_day, NEW.until_day));
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM days_again(OLD.pupil_id, OLD.from_day, OLD.until_day);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM days_again(NEW.pupil_id, NEW.from_day, NEW.until_day);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER attendance_again_placement
    AFTER INSERT OR DELETE OR UPDATE OF pupil_id, school_id, from_day, until_day ON placement
    FOR EACH ROW EXECUTE FUNCTION placement_again();

-- What was changed before this migration by a program that wrote the tables is added up again, once.
INSERT INTO attendance_again (pupil_id, first_day, last_day, changes)
SELECT DISTINCT pupil_id, from_day, until_day, 1 FROM placement;
