-- Organisations, rooms, robots, pupils, lessons and presence. Ids are UUIDs (16 bytes); times are UTC text (RFC 3339) and end in _at.

CREATE TABLE organisation (
    organisation_id BLOB NOT NULL PRIMARY KEY,
    -- authority, hospital_school, ap_provider, school
    kind            TEXT NOT NULL CHECK (kind IN ('authority', 'hospital_school', 'ap_provider', 'school')),
    name            TEXT NOT NULL,
    -- The authority above it; null for the authority itself.
    parent_id       BLOB REFERENCES organisation (organisation_id),
    urn             TEXT,
    -- IANA name; lessons are local to it.
    time_zone       TEXT NOT NULL DEFAULT 'Europe/London'
) STRICT;

CREATE TABLE room (
    room_id         BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisation (organisation_id),
    name            TEXT NOT NULL,
    CONSTRAINT room_name_once UNIQUE (organisation_id, name)
) STRICT;

-- Whoever signs in to the broker. Secrets are random 256-bit tokens, so a plain SHA-256 is enough.
CREATE TABLE device (
    device_id       BLOB NOT NULL PRIMARY KEY,
    kind            TEXT NOT NULL CHECK (kind IN ('robot', 'bridge')),
    secret_sha256   BLOB NOT NULL,
    revoked_at      TEXT
) STRICT;

CREATE TABLE robot (
    robot_id        BLOB NOT NULL PRIMARY KEY REFERENCES device (device_id),
    organisation_id BLOB NOT NULL REFERENCES organisation (organisation_id),
    -- A bird; never a person's name.
    name            TEXT NOT NULL,
    room_id         BLOB REFERENCES room (room_id),
    -- Where staff said it is since when; 'carried' while between rooms.
    carried_by      BLOB,
    room_since_at   TEXT,
    -- Last facts from up/robot, up/hello and up/link. A hint, never part of the minutes.
    status          TEXT NOT NULL DEFAULT 'gone' CHECK (status IN ('here', 'gone', 'off_by_person')),
    status_at       TEXT,
    body_state      TEXT CHECK (body_state IN ('idle', 'live', 'resting', 'paused', 'carried')),
    battery_pct     INTEGER CHECK (battery_pct BETWEEN 0 AND 100),
    charging        INTEGER CHECK (charging IN (0, 1)),
    wifi_dbm        INTEGER,
    hand_up         INTEGER CHECK (hand_up IN (0, 1)),
    telemetry_at    TEXT,
    -- When the connection behind 'status' was made: a late "gone" of an older connection is ignored.
    connected_at    TEXT,
    -- The bridge that reported on it last.
    bridge_id       BLOB REFERENCES device (device_id),
    -- The visit its bridge reports as open, and what reaches the pupil (from up/link).
    live_session_id BLOB,
    live_tier       TEXT CHECK (live_tier IN ('video', 'audio', 'stills')),
    link_at         TEXT,
    last_used_at    TEXT,
    CONSTRAINT robot_name_once UNIQUE (organisation_id, name)
) STRICT;

CREATE TABLE bridge (
    bridge_id       BLOB NOT NULL PRIMARY KEY REFERENCES device (device_id),
    status          TEXT NOT NULL DEFAULT 'gone' CHECK (status IN ('here', 'gone', 'off_by_person')),
    status_at       TEXT,
    connected_at    TEXT,
    http_base       TEXT,
    public_base     TEXT
) STRICT;

-- Names and UPNs live here and nowhere else.
CREATE TABLE pupil (
    pupil_id        BLOB NOT NULL PRIMARY KEY,
    -- The school that keeps the pupil's register.
    organisation_id BLOB NOT NULL REFERENCES organisation (organisation_id),
    name            TEXT NOT NULL,
    upn             TEXT UNIQUE,
    year_group      INTEGER NOT NULL
) STRICT;

CREATE TABLE placement (
    placement_id    BLOB NOT NULL PRIMARY KEY,
    pupil_id        BLOB NOT NULL REFERENCES pupil (pupil_id),
    robot_id        BLOB NOT NULL REFERENCES robot (robot_id),
    -- Where the robot sits in class.
    school_id       BLOB NOT NULL REFERENCES organisation (organisation_id),
    -- Hospital school or provider that looks after the pupil meanwhile.
    provider_id     BLOB REFERENCES organisation (organisation_id),
    -- Key worker (staff.staff_id, migration 0002).
    key_worker_id   BLOB,
    from_day        TEXT NOT NULL,
    until_day       TEXT NOT NULL,
    CONSTRAINT placement_days CHECK (until_day >= from_day)
) STRICT;
CREATE INDEX placement_robot ON placement (robot_id, from_day);

-- The reintegration plan in its first, thin form: stages with dates and an aim. Issue by issue it grows.
CREATE TABLE plan_stage (
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    stage           INTEGER NOT NULL CHECK (stage BETWEEN 1 AND 4),
    title           TEXT NOT NULL,
    due_day         TEXT,
    done_day        TEXT,
    PRIMARY KEY (placement_id, stage)
) STRICT, WITHOUT ROWID;

-- A teaching group whose lessons the pupil of a placement is expected in.
CREATE TABLE class_group (
    class_group_id  BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisation (organisation_id),
    name            TEXT NOT NULL
) STRICT;

-- Two-week timetable: week 1 or 2, weekday 1 (Monday) to 7, local wall-clock minutes after midnight.
CREATE TABLE timetable_slot (
    timetable_slot_id BLOB NOT NULL PRIMARY KEY,
    class_group_id  BLOB NOT NULL REFERENCES class_group (class_group_id),
    room_id         BLOB NOT NULL REFERENCES room (room_id),
    week            INTEGER NOT NULL CHECK (week IN (1, 2)),
    weekday         INTEGER NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    start_min       INTEGER NOT NULL CHECK (start_min BETWEEN 0 AND 1439),
    end_min         INTEGER NOT NULL CHECK (end_min BETWEEN 1 AND 1440),
    subject         TEXT NOT NULL,
    -- Initials with title, as schools show them ("Mr T.").
    teacher         TEXT NOT NULL DEFAULT '',
    -- Lessons in which the robot stays out (PE changing, counselling).
    robot_stays_out INTEGER NOT NULL DEFAULT 0 CHECK (robot_stays_out IN (0, 1)),
    CONSTRAINT timetable_slot_order CHECK (end_min > start_min)
) STRICT;

-- Which Monday is a week 1; terms and closures of a school.
CREATE TABLE school_calendar (
    organisation_id BLOB NOT NULL PRIMARY KEY REFERENCES organisation (organisation_id),
    week_one_monday TEXT NOT NULL
) STRICT;
CREATE TABLE closure_day (
    organisation_id BLOB NOT NULL REFERENCES organisation (organisation_id),
    day             TEXT NOT NULL,
    reason          TEXT NOT NULL,
    PRIMARY KEY (organisation_id, day)
) STRICT, WITHOUT ROWID;

-- Which slots the plan expects the pupil in.
CREATE TABLE expected_slot (
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    timetable_slot_id BLOB NOT NULL REFERENCES timetable_slot (timetable_slot_id),
    PRIMARY KEY (placement_id, timetable_slot_id)
) STRICT, WITHOUT ROWID;

-- ── Engagement ledger: facts from the bridges. Minutes are computed from these rows, never stored as increments. ──

CREATE TABLE inbox (
    device_id       BLOB NOT NULL REFERENCES device (device_id),
    epoch           BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    received_at     TEXT NOT NULL,
    body_sha256     BLOB NOT NULL,
    PRIMARY KEY (device_id, epoch, seq)
) STRICT, WITHOUT ROWID;

-- How far an epoch of a sender is complete. Everything up to 'contiguous' is committed; 'highest' is the largest number seen.
CREATE TABLE inbox_cursor (
    device_id       BLOB NOT NULL REFERENCES device (device_id),
    epoch           BLOB NOT NULL,
    contiguous      INTEGER NOT NULL DEFAULT 0,
    highest         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    quarantine_id   BLOB NOT NULL PRIMARY KEY,
    topic           TEXT NOT NULL,
    payload         BLOB NOT NULL,
    reason          TEXT NOT NULL,
    received_at     TEXT NOT NULL
) STRICT;
CREATE INDEX quarantine_received ON quarantine (received_at);

CREATE TABLE visit (
    -- "session" of the glossary; the word is taken by signed-in people (0002).
    session_id      BLOB NOT NULL PRIMARY KEY,
    placement_id    BLOB NOT NULL REFERENCES placement (placement_id),
    robot_id        BLOB NOT NULL REFERENCES robot (robot_id),
    ended_at        TEXT,
    end_reason      TEXT,
    -- The bridge's own count and total, to check that no interval is missing.
    reported_intervals INTEGER,
    reported_ms     INTEGER
) STRICT;
CREATE INDEX visit_placement ON visit (placement_id);

CREATE TABLE presence_interval (
    session_id      BLOB NOT NULL REFERENCES visit (session_id),
    n               INTEGER NOT NULL,
    tier            TEXT NOT NULL CHECK (tier IN ('video', 'audio', 'stills')),
    from_at         TEXT NOT NULL,
    until_at        TEXT NOT NULL,
    span_ms         INTEGER NOT NULL CHECK (span_ms >= 0),
    spoke_ms        INTEGER NOT NULL DEFAULT 0,
    hands           INTEGER NOT NULL DEFAULT 0,
    looks           INTEGER NOT NULL DEFAULT 0,
    feelings        INTEGER NOT NULL DEFAULT 0,
    closed_by       TEXT,
    -- Sender's clock minus ours when it arrived; over 2 s is shown as an anomaly.
    clock_offset_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (session_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE robot_event (
    robot_event_id  BLOB NOT NULL PRIMARY KEY,
    robot_id        BLOB NOT NULL REFERENCES robot (robot_id),
    session_id      BLOB,
    what            TEXT NOT NULL,
    at              TEXT NOT NULL
) STRICT;
CREATE INDEX robot_event_robot ON robot_event (robot_id, at);

-- ── Statutory register: imported, read only. No column of the ledger above refers to it, and none may. ──

CREATE TABLE register_mark (
    pupil_id        BLOB NOT NULL REFERENCES pupil (pupil_id),
    day             TEXT NOT NULL,
    half_day        TEXT NOT NULL CHECK (half_day IN ('am', 'pm')),
    code            TEXT NOT NULL,
    imported_at     TEXT NOT NULL,
    source          TEXT NOT NULL,
    PRIMARY KEY (pupil_id, day, half_day)
) STRICT, WITHOUT ROWID;
