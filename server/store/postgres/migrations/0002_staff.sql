-- People who sign in: who they are, in which role where, their sessions in the browser, and what they read and changed.

CREATE TABLE staff (
    staff_id        uuid NOT NULL PRIMARY KEY,
    -- How pages call them ("Key worker J."), never more than a title and initials.
    name            text NOT NULL,
    -- Lower case; what they type to sign in.
    email           text NOT NULL,
    -- Argon2id in PHC format, with its own salt.
    password_hash   text NOT NULL,
    -- Set when the person left: sessions end and sign-in is refused, what they did stays on record.
    disabled_at     timestamptz,
    CONSTRAINT staff_email_once UNIQUE (email),
    CONSTRAINT staff_email_lower CHECK (email = lower(email))
);

-- A role always holds at one organisation, and reaches what lies below it.
CREATE TABLE staff_role (
    staff_id        uuid NOT NULL REFERENCES staff (staff_id),
    role            text NOT NULL CHECK (role IN ('coordinator', 'key_worker', 'school_lead', 'classroom_staff', 'auditor')),
    organisation_id uuid NOT NULL REFERENCES organisation (organisation_id),
    PRIMARY KEY (staff_id, role, organisation_id)
);

-- The browser holds a random 256-bit token in a cookie; only its hash is here, so a copy of the database signs nobody in.
CREATE TABLE web_session (
    token_sha256    bytea NOT NULL PRIMARY KEY,
    staff_id        uuid NOT NULL REFERENCES staff (staff_id),
    created_at      timestamptz NOT NULL,
    -- Moved on by use; the session ends when it is idle too long.
    seen_at         timestamptz NOT NULL,
    -- The absolute end, whatever the use.
    expires_at      timestamptz NOT NULL
);
CREATE INDEX web_session_staff ON web_session (staff_id);
CREATE INDEX web_session_expires ON web_session (expires_at);

-- Wrong passwords, by account and by address. Keys are hashes: this table names nobody.
CREATE TABLE sign_in_throttle (
    key_sha256      bytea NOT NULL PRIMARY KEY,
    wrong           bigint NOT NULL CHECK (wrong >= 0),
    last_at         timestamptz NOT NULL
);
CREATE INDEX sign_in_throttle_last ON sign_in_throttle (last_at);

-- Every read of a pupil's record and every change. Ids only; names are looked up when it is shown.
CREATE TABLE audit_entry (
    -- UUIDv7: sorts by time.
    audit_entry_id  uuid NOT NULL PRIMARY KEY,
    at              timestamptz NOT NULL,
    actor_kind      text NOT NULL CHECK (actor_kind IN ('staff', 'tablet', 'program')),
    actor_id        uuid,
    -- A verb and its object: "read record", "carry robot".
    action          text NOT NULL,
    subject_kind    text NOT NULL CHECK (subject_kind IN ('pupil', 'robot', 'staff', 'placement', 'room', 'none')),
    subject_id      uuid,
    -- Where to, if the action has a target; an id or a short word, never a name.
    detail          text
);
CREATE INDEX audit_entry_subject ON audit_entry (subject_id, at);
CREATE INDEX audit_entry_actor ON audit_entry (actor_id, at);

-- Append only, by the database itself: no code path can rewrite what was done.
CREATE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'audit entries are never changed';
    END IF;
    RAISE EXCEPTION 'audit entries are never removed';
END $$;
CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_entry_refuse();
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_entry_refuse();
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_refuse();
