-- Pupils' tablets: one-time keywords, the paired tablet of a placement, its PIN, and "not now, I'm resting".

-- A keyword has 8 characters. The first four find the row; only a slow hash of all eight is kept, so a copy of the database pairs
-- nobody within the life of a keyword. Wrong tries are counted before they are checked: trying many at once gains nothing.
CREATE TABLE keyword (
    keyword_id      uuid NOT NULL PRIMARY KEY,
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    selector        text NOT NULL CHECK (length(selector) = 4),
    -- Argon2id in PHC format, with its own salt.
    keyword_hash    text NOT NULL,
    made_at         timestamptz NOT NULL,
    -- Null: valid until used (the demonstration's).
    expires_at      timestamptz,
    wrong           bigint NOT NULL DEFAULT 0 CHECK (wrong >= 0),
    used_at         timestamptz,
    CONSTRAINT keyword_selector_once UNIQUE (selector)
);
CREATE INDEX keyword_placement ON keyword (placement_id);

-- The tablet holds a random 256-bit token in a cookie; only its hash is here.
CREATE TABLE tablet (
    tablet_id       uuid NOT NULL PRIMARY KEY,
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    token_sha256    bytea NOT NULL,
    -- Argon2id in PHC format; null until the pupil has chosen one.
    pin_hash        text,
    -- Counted before checking, back to 0 after a right one. At the limit the tablet stays locked until it is paired again.
    wrong_pins      bigint NOT NULL DEFAULT 0 CHECK (wrong_pins >= 0),
    -- The one opening: made by the PIN, ends with the browser's session or at the latest at opening_expires_at.
    opening_sha256  bytea,
    opening_expires_at timestamptz,
    paired_at       timestamptz NOT NULL,
    revoked_at      timestamptz,
    CONSTRAINT tablet_token_once UNIQUE (token_sha256)
);
-- Pairing a new tablet switches the old one off; the database itself allows only one.
CREATE UNIQUE INDEX tablet_one_a_placement ON tablet (placement_id) WHERE revoked_at IS NULL;

-- Wrong keywords by address. The key is a hash: this table names nobody, and rows are removed after an hour.
CREATE TABLE pairing_throttle (
    address_sha256  bytea NOT NULL PRIMARY KEY,
    wrong           bigint NOT NULL CHECK (wrong >= 0),
    last_at         timestamptz NOT NULL
);

-- The pupil said "not now, I'm resting" about the lesson that began then. Taken back by going in.
CREATE TABLE rest_choice (
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    lesson_start_at timestamptz NOT NULL,
    chosen_at       timestamptz NOT NULL,
    PRIMARY KEY (placement_id, lesson_start_at)
);
