-- Beginning with an empty database, by the pages alone: the first account, codes with which people choose their passwords, a pupil's
-- date of birth, and placements that have no robot, or not yet.

-- Of the first account there is one: whoever writes this row made it.
CREATE TABLE first_account (
    one             INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    made_at         TEXT NOT NULL
) STRICT;

-- A code has 80 random bits, works once and for a few days: a plain hash of it is enough.
CREATE TABLE staff_code (
    staff_id        BLOB NOT NULL PRIMARY KEY REFERENCES staff (staff_id),
    code_sha256     BLOB NOT NULL,
    expires_at      TEXT NOT NULL
) STRICT;

-- Source: H-23, the head of the form. Stays in this database, like the name.
ALTER TABLE pupil ADD COLUMN born_day TEXT;

-- A record begins before there is a robot, and goes on when it is needed elsewhere. SQLite cannot take NOT NULL from a column.
ALTER TABLE placement ADD COLUMN given_robot_id BLOB REFERENCES robot (robot_id);
UPDATE placement SET given_robot_id = robot_id;
DROP INDEX placement_robot;
ALTER TABLE placement DROP COLUMN robot_id;
ALTER TABLE placement RENAME COLUMN given_robot_id TO robot_id;
CREATE INDEX placement_robot ON placement (robot_id, from_day);
-- Pupils of a school who have no placement are looked for by the school.
CREATE INDEX pupil_organisation ON pupil (organisation_id, name);
