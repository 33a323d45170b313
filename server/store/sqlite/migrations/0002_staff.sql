-- People who sign in: who they are, in which role where, their sessions in the browser, and what they read and changed.

CREATE TABLE staff (
    staff_id        BLOB NOT NULL PRIMARY KEY,
    -- How pages call them ("Key worker J."), never more than a title and initials.
    name            TEXT NOT NULL,
    -- Lower case; what they type to sign in.
    email           TEXT NOT NULL,
    -- Argon2id in PHC format, with its own salt.
    password_hash   TEXT NOT NULL,
    -- Set when the person left: sessions end and sign-in is refused, what they did stays on record.
    disabled_at     TEXT,
    CONSTRAINT staff_email_once UNIQUE (email),
    CONSTRAINT staff_email_lower CHECK (email = lower(email))
) STRICT;

-- A role always holds at one organisation, and reaches what lies below it.
CREATE TABLE staff_role (
    staff_id        BLOB NOT NULL REFERENCES staff (staff_id),
    role            TEXT NOT NULL CHECK (role IN ('coordinator', 'key_worker', 'school_lead', 'classroom_staff', 'auditor')),
    organisation_id BLOB NOT NULL REFERENCES organisation (organisation_id),
    PRIMARY KEY (staff_id, role, organisation_id)
) STRICT, WITHOUT ROWID;

-- The browser holds a random 256-bit token in a cookie; only its hash is here, so a copy of the database signs nobody in.
CREATE TABLE web_session (
    token_sha256    BLOB NOT NULL PRIMARY KEY,
    staff_id        BLOB NOT NULL REFERENCES staff (staff_id),
    created_at      TEXT NOT NULL,
    -- Moved on by use; the session ends when it is idle too long.
    seen_at         TEXT NOT NULL,
    -- The absolute end, whatever the use.
    expires_at      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX web_session_staff ON web_session (staff_id);
CREATE INDEX web_session_expires ON web_session (expires_at);

-- Wrong passwords, by account and by address. Keys are hashes: this table names nobody.
CREATE TABLE sign_in_throttle (
    key_sha256      BLOB NOT NULL PRIMARY KEY,
    wrong           INTEGER NOT NULL CHECK (wrong >= 0),
    last_at         TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_throttle_last ON sign_in_throttle (last_at);

-- Every read of a pupil's record and every change. Ids only; names are looked up when it is shown.
CREATE TABLE audit_entry (
    -- UUIDv7: sorts by time.
    audit_entry_id  BLOB NOT NULL PRIMARY KEY,
    at              TEXT NOT NULL,
    actor_kind      TEXT NOT NULL CHECK (actor_kind IN ('staff', 'tablet', 'program')),
    actor_id        BLOB,
    -- A verb and its object: "read record", "carry robot".
    action          TEXT NOT NULL,
    subject_kind    TEXT NOT NULL CHECK (subject_kind IN ('pupil', 'robot', 'staff', 'placement', 'room', 'none')),
    subject_id      BLOB,
    -- Where to, if the action has a target; an id or a short word, never a name.
    detail          TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_entry_subject ON audit_entry (subject_id, at);
CREATE INDEX audit_entry_actor ON audit_entry (actor_id, at);

-- Append only, by the database itself: no code path can rewrite what was done.
CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit entries are never removed'); END;
