-- Whoever changes what a pupil's past lessons were gets those days added up again: by a page or by a program that writes the tables.

-- Stretches of days, both ends included, that a change concerns. The server turns them into marks in attendance_dirty as far as the
-- days have come: only it knows which day it is. A change of the same stretch counts the row up, as PostgreSQL needs it.
CREATE TABLE attendance_again (
    pupil_id        BLOB NOT NULL REFERENCES pupil (pupil_id),
    first_day       TEXT NOT NULL,
    last_day        TEXT NOT NULL,
    changes         INTEGER NOT NULL,
    PRIMARY KEY (pupil_id, first_day, last_day)
) STRICT, WITHOUT ROWID;
CREATE INDEX attendance_again_first ON attendance_again (first_day);

-- Pupils who follow a teaching group: a lesson of it that is not theirs still decides which of their time is social.
CREATE VIEW group_pupil AS
SELECT DISTINCT t.class_group_id, p.pupil_id, p.from_day, p.until_day
FROM timetable_slot t JOIN expected_slot e ON e.timetable_slot_id = t.timetable_slot_id
     JOIN placement p ON p.placement_id = e.placement_id;

-- Functions, as SQLite has them: what is inserted into one of these three views is written down for whom it concerns.
CREATE VIEW days_again AS SELECT pupil_id AS whose, first_day, last_day FROM attendance_again WHERE false;
CREATE TRIGGER days_again_insert INSTEAD OF INSERT ON days_again WHEN NEW.first_day <= NEW.last_day
BEGIN
    INSERT INTO attendance_again (pupil_id, first_day, last_day, changes) VALUES (NEW.whose, NEW.first_day, NEW.last_day, 1)
    ON CONFLICT (pupil_id, first_day, last_day) DO UPDATE SET changes = changes + 1;
END;
CREATE VIEW group_again AS SELECT pupil_id AS whose, first_day, last_day FROM attendance_again WHERE false;
CREATE TRIGGER group_again_insert INSTEAD OF INSERT ON group_again
BEGIN
    INSERT INTO days_again (whose, first_day, last_day)
    SELECT g.pupil_id, max(g.from_day, NEW.first_day), min(g.until_day, NEW.last_day)
    FROM group_pupil g WHERE g.class_group_id = NEW.whose;
END;
CREATE VIEW school_again AS SELECT pupil_id AS whose, first_day, last_day FROM attendance_again WHERE false;
CREATE TRIGGER school_again_insert INSTEAD OF INSERT ON school_again
BEGIN
    INSERT INTO days_again (whose, first_day, last_day)
    SELECT p.pupil_id, max(p.from_day, NEW.first_day), min(p.until_day, NEW.last_day)
    FROM placement p WHERE p.school_id = NEW.whose;
END;

-- Room, subject and teacher decide no minute. Of a slot that only begins or ends on another day, the days between are concerned.
CREATE TRIGGER attendance_again_slot AFTER INSERT ON timetable_slot
BEGIN
    INSERT INTO group_again (whose, first_day, last_day)
    VALUES (NEW.class_group_id, coalesce(NEW.valid_from, '0001-01-01'), coalesce(NEW.valid_until, '9999-12-30'));
END;
CREATE TRIGGER attendance_again_slot_removed AFTER DELETE ON timetable_slot
BEGIN
    INSERT INTO group_again (whose, first_day, last_day)
    VALUES (OLD.class_group_id, coalesce(OLD.valid_from, '0001-01-01'), coalesce(OLD.valid_until, '9999-12-30'));
END;
CREATE TRIGGER attendance_again_slot_changed AFTER UPDATE ON timetable_slot
WHEN (OLD.class_group_id, OLD.week, OLD.weekday, OLD.start_min, OLD.end_min, OLD.robot_stays_out)
     <> (NEW.class_group_id, NEW.week, NEW.weekday, NEW.start_min, NEW.end_min, NEW.robot_stays_out)
BEGIN
    INSERT INTO group_again (whose, first_day, last_day)
    VALUES (OLD.class_group_id, coalesce(OLD.valid_from, '0001-01-01'), coalesce(OLD.valid_until, '9999-12-30')),
           (NEW.class_group_id, coalesce(NEW.valid_from, '0001-01-01'), coalesce(NEW.valid_until, '9999-12-30'));
END;
CREATE TRIGGER attendance_again_slot_days AFTER UPDATE OF valid_from, valid_until ON timetable_slot
BEGIN
    INSERT INTO group_again (whose, first_day, last_day)
    SELECT NEW.class_group_id, min(d.was, d.is_now), date(max(d.was, d.is_now), '-1 day')
    FROM (SELECT coalesce(OLD.valid_from, '0001-01-01') AS was, coalesce(NEW.valid_from, '0001-01-01') AS is_now) d
    UNION ALL
    SELECT NEW.class_group_id, date(min(d.was, d.is_now), '+1 day'), max(d.was, d.is_now)
    FROM (SELECT coalesce(OLD.valid_until, '9999-12-30') AS was, coalesce(NEW.valid_until, '9999-12-30') AS is_now) d;
END;

-- The first slot of a group brings the pupil all lessons of it; a further one its own days.
CREATE TRIGGER attendance_again_expected AFTER INSERT ON expected_slot
BEGIN
    INSERT INTO days_again (whose, first_day, last_day)
    SELECT p.pupil_id,
           CASE WHEN f.follows THEN max(p.from_day, coalesce(t.valid_from, p.from_day), coalesce(NEW.valid_from, p.from_day))
                ELSE p.from_day END,
           CASE WHEN f.follows THEN min(p.until_day, coalesce(t.valid_until, p.until_day), coalesce(NEW.valid_until, p.until_day))
                ELSE p.until_day END
    FROM placement p JOIN timetable_slot t ON t.timetable_slot_id = NEW.timetable_slot_id,
         (SELECT EXISTS (SELECT 1 FROM timetable_slot t
                         JOIN timetable_slot o ON o.class_group_id = t.class_group_id AND o.timetable_slot_id <> t.timetable_slot_id
                         JOIN expected_slot e ON e.timetable_slot_id = o.timetable_slot_id AND e.placement_id = NEW.placement_id
                         WHERE t.timetable_slot_id = NEW.timetable_slot_id) AS follows) f
    WHERE p.placement_id = NEW.placement_id;
END;
CREATE TRIGGER attendance_again_expected_removed AFTER DELETE ON expected_slot
BEGIN
    INSERT INTO days_again (whose, first_day, last_day)
    SELECT pupil_id, from_day, until_day FROM placement WHERE placement_id = OLD.placement_id;
END;
CREATE TRIGGER attendance_again_expected_changed AFTER UPDATE ON expected_slot
BEGIN
    INSERT INTO days_again (whose, first_day, last_day)
    SELECT pupil_id, from_day, until_day FROM placement WHERE placement_id IN (OLD.placement_id, NEW.placement_id);
END;

-- The reason of a closure decides no minute.
CREATE TRIGGER attendance_again_closure AFTER INSERT ON closure_day
BEGIN INSERT INTO school_again (whose, first_day, last_day) VALUES (NEW.organisation_id, NEW.day, NEW.day); END;
CREATE TRIGGER attendance_again_opening AFTER DELETE ON closure_day
BEGIN INSERT INTO school_again (whose, first_day, last_day) VALUES (OLD.organisation_id, OLD.day, OLD.day); END;
CREATE TRIGGER attendance_again_closure_moved AFTER UPDATE OF organisation_id, day ON closure_day
BEGIN
    INSERT INTO school_again (whose, first_day, last_day)
    VALUES (OLD.organisation_id, OLD.day, OLD.day), (NEW.organisation_id, NEW.day, NEW.day);
END;

-- Weeks alternate from the Monday of the row on, and backwards from the first one. school_calendar, which keeps the first one, decides
-- no minute.
CREATE TRIGGER attendance_again_week_one AFTER INSERT ON week_one
BEGIN
    INSERT INTO school_again (whose, first_day, last_day)
    SELECT NEW.organisation_id, CASE WHEN EXISTS (SELECT 1 FROM week_one w
               WHERE w.organisation_id = NEW.organisation_id AND w.monday < NEW.monday)
           THEN date(NEW.monday, '-6 days') ELSE '0001-01-01' END, '9999-12-30';
END;
CREATE TRIGGER attendance_again_week_one_removed AFTER DELETE ON week_one
BEGIN
    INSERT INTO school_again (whose, first_day, last_day)
    SELECT OLD.organisation_id, CASE WHEN EXISTS (SELECT 1 FROM week_one w
               WHERE w.organisation_id = OLD.organisation_id AND w.monday < OLD.monday)
           THEN date(OLD.monday, '-6 days') ELSE '0001-01-01' END, '9999-12-30';
END;
CREATE TRIGGER attendance_again_week_one_moved AFTER UPDATE ON week_one
BEGIN
    INSERT INTO school_again (whose, first_day, last_day)
    VALUES (OLD.organisation_id, '0001-01-01', '9999-12-30'), (NEW.organisation_id, '0001-01-01', '9999-12-30');
END;

-- Of a placement that only begins or ends on another day, the days between are concerned. Its robot decides no minute.
CREATE TRIGGER attendance_again_placement AFTER INSERT ON placement
BEGIN INSERT INTO days_again (whose, first_day, last_day) VALUES (NEW.pupil_id, NEW.from_day, NEW.until_day); END;
CREATE TRIGGER attendance_again_placement_removed AFTER DELETE ON placement
BEGIN INSERT INTO days_again (whose, first_day, last_day) VALUES (OLD.pupil_id, OLD.from_day, OLD.until_day); END;
CREATE TRIGGER attendance_again_placement_moved AFTER UPDATE OF pupil_id, school_id ON placement
WHEN (OLD.pupil_id, OLD.school_id) <> (NEW.pupil_id, NEW.school_id)
BEGIN
    INSERT INTO days_again (whose, first_day, last_day)
    VALUES (OLD.pupil_id, OLD.from_day, OLD.until_day), (NEW.pupil_id, NEW.from_day, NEW.until_day);
END;
CREATE TRIGGER attendance_again_placement_days AFTER UPDATE OF from_day, until_day ON placement
BEGIN
    INSERT INTO days_again (whose, first_day, last_day)
    VALUES (NEW.pupil_id, min(OLD.from_day, NEW.from_day), date(max(OLD.from_day, NEW.from_day), '-1 day')),
           (NEW.pupil_id, date(min(OLD.until_day, NEW.until_day), '+1 day'), max(OLD.until_day, NEW.until_day));
END;

-- What was changed before this migration by a program that wrote the tables is added up again, once.
INSERT INTO attendance_again (pupil_id, first_day, last_day, changes)
SELECT DISTINCT pupil_id, from_day, until_day, 1 FROM placement;
