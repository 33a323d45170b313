-- Organisations, rooms, robots, pupils, lessons and presence. Ids are UUIDs; times end in _at.
-- Equal in meaning to the SQLite migration of the same number; every whole number is a bigint, so that rows decode alike.

CREATE TABLE organisation (
    organisation_id uuid NOT NULL PRIMARY KEY,
    -- authority, hospital_school, ap_provider, school
    kind            text NOT NULL CHECK (kind IN ('authority', 'hospital_school', 'ap_provider', 'school')),
    name            text NOT NULL,
    -- The authority above it; null for the authority itself.
    parent_id       uuid REFERENCES organisation (organisation_id),
    urn             text,
    -- IANA name; lessons are local to it.
    time_zone       text NOT NULL DEFAULT 'Europe/London'
);

CREATE TABLE room (
    room_id         uuid NOT NULL PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisation (organisation_id),
    name            text NOT NULL,
    CONSTRAINT room_name_once UNIQUE (organisation_id, name)
);

-- Whoever signs in to the broker. Secrets are random 256-bit tokens, so a plain SHA-256 is enough.
CREATE TABLE device (
    device_id       uuid NOT NULL PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('robot', 'bridge')),
    secret_sha256   bytea NOT NULL,
    revoked_at      timestamptz
);

CREATE TABLE robot (
    robot_id        uuid NOT NULL PRIMARY KEY REFERENCES device (device_id),
    organisation_id uuid NOT NULL REFERENCES organisation (organisation_id),
    -- A bird; never a person's name.
    name            text NOT NULL,
    room_id         uuid REFERENCES room (room_id),
    -- Where staff said it is since when; 'carried' while between rooms.
    carried_by      uuid,
    room_since_at   timestamptz,
    -- Last facts from up/robot, up/hello and up/link. A hint, never part of the minutes.
    status          text NOT NULL DEFAULT 'gone' CHECK (status IN ('here', 'gone', 'off_by_person')),
    status_at       timestamptz,
    body_state      text CHECK (body_state IN ('idle', 'live', 'resting', 'paused', 'carried')),
    battery_pct     bigint CHECK (battery_pct BETWEEN 0 AND 100),
    charging        boolean,
    wifi_dbm        bigint,
    hand_up         boolean,
    telemetry_at    timestamptz,
    -- When the connection behind 'status' was made: a late "gone" of an older connection is ignored.
    connected_at    timestamptz,
    -- The bridge that reported on it last.
    bridge_id       uuid REFERENCES device (device_id),
    -- The visit its bridge reports as open, and what reaches the pupil (from up/link).
    live_session_id uuid,
    live_tier       text CHECK (live_tier IN ('video', 'audio', 'stills')),
    link_at         timestamptz,
    last_used_at    timestamptz,
    CONSTRAINT robot_name_once UNIQUE (organisation_id, name)
);

CREATE TABLE bridge (
    bridge_id       uuid NOT NULL PRIMARY KEY REFERENCES device (device_id),
    status          text NOT NULL DEFAULT 'gone' CHECK (status IN ('here', 'gone', 'off_by_person')),
    status_at       timestamptz,
    connected_at    timestamptz,
    http_base       text,
    public_base     text
);

-- Names and UPNs live here and nowhere else.
CREATE TABLE pupil (
    pupil_id        uuid NOT NULL PRIMARY KEY,
    -- The school that keeps the pupil's register.
    organisation_id uuid NOT NULL REFERENCES organisation (organisation_id),
    name            text NOT NULL,
    upn             text UNIQUE,
    year_group      bigint NOT NULL
);

CREATE TABLE placement (
    placement_id    uuid NOT NULL PRIMARY KEY,
    pupil_id        uuid NOT NULL REFERENCES pupil (pupil_id),
    robot_id        uuid NOT NULL REFERENCES robot (robot_id),
    -- Where the robot sits in class.
    school_id       uuid NOT NULL REFERENCES organisation (organisation_id),
    -- Hospital school or provider that looks after the pupil meanwhile.
    provider_id     uuid REFERENCES organisation (organisation_id),
    -- Key worker (staff.staff_id, migration 0002).
    key_worker_id   uuid,
    from_day        date NOT NULL,
    until_day       date NOT NULL,
    CONSTRAINT placement_days CHECK (until_day >= from_day)
);
CREATE INDEX placement_robot ON placement (robot_id, from_day);

-- The reintegration plan in its first, thin form: stages with dates and an aim. Issue by issue it grows.
CREATE TABLE plan_stage (
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    stage           bigint NOT NULL CHECK (stage BETWEEN 1 AND 4),
    title           text NOT NULL,
    due_day         date,
    done_day        date,
    PRIMARY KEY (placement_id, stage)
);

-- A teaching group whose lessons the pupil of a placement is expected in.
CREATE TABLE class_group (
    class_group_id  uuid NOT NULL PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisation (organisation_id),
    name            text NOT NULL
);

-- Two-week timetable: week 1 or 2, weekday 1 (Monday) to 7, local wall-clock minutes after midnight.
CREATE TABLE timetable_slot (
    timetable_slot_id uuid NOT NULL PRIMARY KEY,
    class_group_id  uuid NOT NULL REFERENCES class_group (class_group_id),
    room_id         uuid NOT NULL REFERENCES room (room_id),
    week            bigint NOT NULL CHECK (week IN (1, 2)),
    weekday         bigint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    start_min       bigint NOT NULL CHECK (start_min BETWEEN 0 AND 1439),
    end_min         bigint NOT NULL CHECK (end_min BETWEEN 1 AND 1440),
    subject         text NOT NULL,
    -- Initials with title, as schools show them ("Mr T.").
    teacher         text NOT NULL DEFAULT '',
    -- Lessons in which the robot stays out (PE changing, counselling).
    robot_stays_out boolean NOT NULL DEFAULT false,
    CONSTRAINT timetable_slot_order CHECK (end_min > start_min)
);

-- Which Monday is a week 1; terms and closures of a school.
CREATE TABLE school_calendar (
    organisation_id uuid NOT NULL PRIMARY KEY REFERENCES organisation (organisation_id),
    week_one_monday date NOT NULL
);
CREATE TABLE closure_day (
    organisation_id uuid NOT NULL REFERENCES organisation (organisation_id),
    day             date NOT NULL,
    reason          text NOT NULL,
    PRIMARY KEY (organisation_id, day)
);

-- Which slots the plan expects the pupil in.
CREATE TABLE expected_slot (
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    timetable_slot_id uuid NOT NULL REFERENCES timetable_slot (timetable_slot_id),
    PRIMARY KEY (placement_id, timetable_slot_id)
);

-- ── Engagement ledger: facts from the bridges. Minutes are computed from these rows, never stored as increments. ──

CREATE TABLE inbox (
    device_id       uuid NOT NULL REFERENCES device (device_id),
    epoch           uuid NOT NULL,
    seq             bigint NOT NULL,
    kind            text NOT NULL,
    received_at     timestamptz NOT NULL,
    body_sha256     bytea NOT NULL,
    PRIMARY KEY (device_id, epoch, seq)
);

-- How far an epoch of a sender is complete. Everything up to 'contiguous' is committed; 'highest' is the largest number seen.
CREATE TABLE inbox_cursor (
    device_id       uuid NOT NULL REFERENCES device (device_id),
    epoch           uuid NOT NULL,
    contiguous      bigint NOT NULL DEFAULT 0,
    highest         bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (device_id, epoch)
);

CREATE TABLE quarantine (
    quarantine_id   uuid NOT NULL PRIMARY KEY,
    topic           text NOT NULL,
    payload         bytea NOT NULL,
    reason          text NOT NULL,
    received_at     timestamptz NOT NULL
);
CREATE INDEX quarantine_received ON quarantine (received_at);

CREATE TABLE visit (
    -- "session" of the glossary; the word is taken by signed-in people (0002).
    session_id      uuid NOT NULL PRIMARY KEY,
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    robot_id        uuid NOT NULL REFERENCES robot (robot_id),
    ended_at        timestamptz,
    end_reason      text,
    -- The bridge's own count and total, to check that no interval is missing.
    reported_intervals bigint,
    reported_ms     bigint
);
CREATE INDEX visit_placement ON visit (placement_id);

CREATE TABLE presence_interval (
    session_id      uuid NOT NULL REFERENCES visit (session_id),
    n               bigint NOT NULL,
    tier            text NOT NULL CHECK (tier IN ('video', 'audio', 'stills')),
    from_at         timestamptz NOT NULL,
    until_at        timestamptz NOT NULL,
    span_ms         bigint NOT NULL CHECK (span_ms >= 0),
    spoke_ms        bigint NOT NULL DEFAULT 0,
    hands           bigint NOT NULL DEFAULT 0,
    looks           bigint NOT NULL DEFAULT 0,
    feelings        bigint NOT NULL DEFAULT 0,
    closed_by       text,
    -- Sender's clock minus ours when it arrived; over 2 s is shown as an anomaly.
    clock_offset_ms bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (session_id, n)
);

CREATE TABLE robot_event (
    robot_event_id  uuid NOT NULL PRIMARY KEY,
    robot_id        uuid NOT NULL REFERENCES robot (robot_id),
    session_id      uuid,
    what            text NOT NULL,
    at              timestamptz NOT NULL
);
CREATE INDEX robot_event_robot ON robot_event (robot_id, at);

-- ── Statutory register: imported, read only. No column of the ledger above refers to it, and none may. ──

CREATE TABLE register_mark (
    pupil_id        uuid NOT NULL REFERENCES pupil (pupil_id),
    day             date NOT NULL,
    half_day        text NOT NULL CHECK (half_day IN ('am', 'pm')),
    code            text NOT NULL,
    imported_at     timestamptz NOT NULL,
    source          text NOT NULL,
    PRIMARY KEY (pupil_id, day, half_day)
);
