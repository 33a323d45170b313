-- The exact ledger: where each interval lies by our clock, dated timetables, corrections by people, and a row a pupil a day that
-- pages add up. Everything in attendance_day is computed again from the facts whenever they change; nothing is ever added to it.

-- Bridge's clock minus ours at the interval's first instant, as the bridge measured it. Null: it did not, or not yet.
ALTER TABLE presence_interval ADD COLUMN measured_offset_ms bigint;
-- The length of the copy that clock_offset_ms came with: the shortest copy is the nearest to the first instant.
ALTER TABLE presence_interval ADD COLUMN arrival_span_ms bigint NOT NULL DEFAULT 0;
-- Whose it is and where it begins by our clock, in milliseconds since 1970: so that a bridge with a wrong clock is found on the
-- right day. Only for finding; minutes are computed from the columns above.
ALTER TABLE presence_interval ADD COLUMN pupil_id uuid REFERENCES pupil (pupil_id);
ALTER TABLE presence_interval ADD COLUMN placed_ms bigint;
UPDATE presence_interval SET
    pupil_id = (SELECT p.pupil_id FROM visit v JOIN placement p ON p.placement_id = v.placement_id
                WHERE v.session_id = presence_interval.session_id),
    placed_ms = CAST(round(extract(epoch FROM from_at) * 1000) AS bigint)
                - CASE WHEN abs(clock_offset_ms) > 2000 THEN clock_offset_ms ELSE 0 END;
CREATE INDEX presence_interval_pupil ON presence_interval (pupil_id, placed_ms);
CREATE INDEX visit_ended ON visit (placement_id, ended_at);

-- On which days a slot is in force, and on which the plan expects the pupil in it; null is open. A change of the timetable ends
-- one slot and begins another, so the past keeps its lessons.
ALTER TABLE timetable_slot ADD COLUMN valid_from date;
ALTER TABLE timetable_slot ADD COLUMN valid_until date;
ALTER TABLE expected_slot ADD COLUMN valid_from date;
ALTER TABLE expected_slot ADD COLUMN valid_until date;
CREATE INDEX timetable_slot_group ON timetable_slot (class_group_id);

-- Mondays from which weeks alternate, beginning with week 1, until the next of them. school_calendar keeps the first one.
CREATE TABLE week_one (
    organisation_id uuid NOT NULL REFERENCES organisation (organisation_id),
    monday          date NOT NULL,
    PRIMARY KEY (organisation_id, monday)
);
INSERT INTO week_one (organisation_id, monday) SELECT organisation_id, week_one_monday FROM school_calendar;

-- What people said about how long a pupil took part. The latest one of a lesson counts, beside what was measured.
CREATE TABLE minutes_correction (
    minutes_correction_id uuid NOT NULL PRIMARY KEY,
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    day             date NOT NULL,
    -- The lesson; both null: the social time of the day.
    timetable_slot_id uuid REFERENCES timetable_slot (timetable_slot_id),
    start_at        timestamptz,
    -- How long it was, not how much to add: facts may still be on their way. Null takes earlier corrections back.
    to_s            bigint CHECK (to_s BETWEEN 0 AND 86400),
    reason          text NOT NULL,
    author_id       uuid NOT NULL REFERENCES staff (staff_id),
    said_at         timestamptz NOT NULL,
    CONSTRAINT minutes_correction_target CHECK ((timetable_slot_id IS NULL) = (start_at IS NULL)),
    CONSTRAINT minutes_correction_reason CHECK (length(trim(reason)) > 0)
);
CREATE INDEX minutes_correction_day ON minutes_correction (placement_id, day);
CREATE FUNCTION minutes_correction_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'corrections are never changed';
    END IF;
    RAISE EXCEPTION 'corrections are never removed';
END $$;
CREATE TRIGGER minutes_correction_no_update BEFORE UPDATE ON minutes_correction
    FOR EACH ROW EXECUTE FUNCTION minutes_correction_refuse();
CREATE TRIGGER minutes_correction_no_delete BEFORE DELETE ON minutes_correction
    FOR EACH ROW EXECUTE FUNCTION minutes_correction_refuse();
CREATE TRIGGER minutes_correction_no_truncate BEFORE TRUNCATE ON minutes_correction
    FOR EACH STATEMENT EXECUTE FUNCTION minutes_correction_refuse();

-- One pupil's local day, computed whole. The placement, school and robot are those of the placement in force that day.
CREATE TABLE attendance_day (
    pupil_id        uuid NOT NULL REFERENCES pupil (pupil_id),
    day             date NOT NULL,
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    school_id       uuid NOT NULL REFERENCES organisation (organisation_id),
    expected_ms     bigint NOT NULL,
    -- In lessons: as measured, by tier, and as it counts after corrections.
    connected_ms    bigint NOT NULL,
    video_ms        bigint NOT NULL,
    stills_ms       bigint NOT NULL,
    audio_ms        bigint NOT NULL,
    counted_ms      bigint NOT NULL,
    -- Outside lessons: as measured, and as it counts.
    social_ms       bigint NOT NULL,
    social_counted_ms bigint NOT NULL,
    -- Lessons in which the pupil did something; anomalies beside the minutes.
    active_lessons  bigint NOT NULL,
    anomalies       bigint NOT NULL,
    -- The mark in attendance_dirty that it was computed for.
    version         uuid NOT NULL,
    PRIMARY KEY (pupil_id, day)
);
CREATE INDEX attendance_day_school ON attendance_day (school_id, day, expected_ms, counted_ms, social_counted_ms, anomalies);

-- Days whose facts changed since their row was computed. A new version with every change, never used twice: whoever computed from
-- an older one does not write.
CREATE TABLE attendance_dirty (
    pupil_id        uuid NOT NULL REFERENCES pupil (pupil_id),
    day             date NOT NULL,
    version         uuid NOT NULL,
    PRIMARY KEY (pupil_id, day)
);
-- Everything held so far is to be computed. A day more on both sides: the zone decides which day it is.
INSERT INTO attendance_dirty (pupil_id, day, version)
SELECT DISTINCT ON (i.pupil_id, d.day) i.pupil_id, d.day, gen_random_uuid()
FROM presence_interval i
     CROSS JOIN LATERAL (SELECT CAST(to_timestamp(i.placed_ms / 1000) AT TIME ZONE 'UTC' AS date) + n AS day
                         FROM generate_series(-1, 1) n) d
WHERE i.pupil_id IS NOT NULL
ON CONFLICT (pupil_id, day) DO NOTHING;

-- Pages list by page, not all at once.
CREATE INDEX placement_pupil ON placement (pupil_id, from_day);
CREATE INDEX placement_school ON placement (school_id, from_day);
CREATE INDEX robot_organisation ON robot (organisation_id, name);
CREATE INDEX placement_until ON placement (until_day);
CREATE INDEX placement_key_worker ON placement (key_worker_id, from_day);
CREATE INDEX plan_stage_due ON plan_stage (due_day) WHERE done_day IS NULL;
CREATE INDEX organisation_name ON organisation (name, organisation_id);
