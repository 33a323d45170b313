-- Beginning with an empty database, by the pages alone: the first account, codes with which people choose their passwords, a pupil's
-- date of birth, and placements that have no robot, or not yet.

-- Of the first account there is one: whoever writes this row made it.
CREATE TABLE first_account (
    one             bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    made_at         timestamptz NOT NULL
);

-- A code has 80 random bits, works once and for a few days: a plain hash of it is enough.
CREATE TABLE staff_code (
    staff_id        uuid NOT NULL PRIMARY KEY REFERENCES staff (staff_id),
    code_sha256     bytea NOT NULL,
    expires_at      timestamptz NOT NULL
);

-- Source: H-23, the head of the form. Stays in this database, like the name.
ALTER TABLE pupil ADD COLUMN born_day date;

-- A record begins before there is a robot, and goes on when it is needed elsewhere.
ALTER TABLE placement ALTER COLUMN robot_id DROP NOT NULL;
-- Pupils of a school who have no placement are looked for by the school.
CREATE INDEX pupil_organisation ON pupil (organisation_id, name);
