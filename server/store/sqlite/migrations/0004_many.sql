-- Many bridges and many servers on one database: what bridges say of their load and their queue, clocks, where a robot's permission
-- points, numbers that never came, what replay needs, and measurements by the minute.

-- From up/hello and the bridge's own report. A hint for placing sessions and for operators, never part of the minutes.
ALTER TABLE bridge ADD COLUMN version TEXT;
ALTER TABLE bridge ADD COLUMN robots INTEGER;
ALTER TABLE bridge ADD COLUMN sessions INTEGER;
-- Sessions that it takes at most; null: it did not say.
ALTER TABLE bridge ADD COLUMN capacity INTEGER;
-- It takes no new session: somebody is about to stop it.
ALTER TABLE bridge ADD COLUMN draining INTEGER NOT NULL DEFAULT 0 CHECK (draining IN (0, 1));
ALTER TABLE bridge ADD COLUMN load_at TEXT;
-- Facts in its outbox that are not acknowledged, and since when the oldest waits.
ALTER TABLE bridge ADD COLUMN outbox_waiting INTEGER;
ALTER TABLE bridge ADD COLUMN outbox_oldest_at TEXT;
ALTER TABLE bridge ADD COLUMN outbox_full_pct INTEGER;
-- Its disk refuses to take facts.
ALTER TABLE bridge ADD COLUMN outbox_failing INTEGER CHECK (outbox_failing IN (0, 1));
-- Its clock minus ours, by the least delayed message of late.
ALTER TABLE bridge ADD COLUMN clock_offset_ms INTEGER;
ALTER TABLE bridge ADD COLUMN clock_at TEXT;

ALTER TABLE robot ADD COLUMN clock_offset_ms INTEGER;
ALTER TABLE robot ADD COLUMN clock_at TEXT;
-- The permission to publish that it was sent last: at which bridge, until when. In the database, so that any server renews it.
ALTER TABLE robot ADD COLUMN granted_bridge_id BLOB REFERENCES device (device_id);
ALTER TABLE robot ADD COLUMN granted_until_at TEXT;
ALTER TABLE robot ADD COLUMN granted_at TEXT;
-- Bridges that it said it cannot reach: ids with commas between; null: none.
ALTER TABLE robot ADD COLUMN cannot_reach TEXT;

-- From here on 'highest' is the largest number that came, also beyond the gaps that an acknowledgement names.
UPDATE inbox_cursor SET highest =
    (SELECT max(i.seq) FROM inbox i WHERE i.device_id = inbox_cursor.device_id AND i.epoch = inbox_cursor.epoch)
WHERE highest <
    (SELECT max(i.seq) FROM inbox i WHERE i.device_id = inbox_cursor.device_id AND i.epoch = inbox_cursor.epoch);

-- Numbers that a sender says it no longer keeps and that never came here: lost, by a disk or by a person. Shown to operators.
CREATE TABLE lost_range (
    device_id       BLOB NOT NULL REFERENCES device (device_id),
    epoch           BLOB NOT NULL,
    first_seq       INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL,
    noted_at        TEXT NOT NULL,
    PRIMARY KEY (device_id, epoch, first_seq),
    CONSTRAINT lost_range_order CHECK (last_seq >= first_seq)
) STRICT, WITHOUT ROWID;

-- What replay needs after a fix: who sent it, under which number. Null: the message did not say, or came before this migration.
ALTER TABLE quarantine ADD COLUMN device_id BLOB;
ALTER TABLE quarantine ADD COLUMN epoch BLOB;
ALTER TABLE quarantine ADD COLUMN seq INTEGER;
-- Its size before it was cut; null: it was kept whole, or came before this migration.
ALTER TABLE quarantine ADD COLUMN cut_from_bytes INTEGER;

-- Measurements of a robot and its legs, one row a minute: the last value said in it, the largest of loss and round-trip time.
CREATE TABLE telemetry_minute (
    robot_id        BLOB NOT NULL REFERENCES robot (robot_id),
    minute_at       TEXT NOT NULL,
    battery_pct     INTEGER,
    wifi_dbm        INTEGER,
    robot_rtt_ms    INTEGER,
    -- In thousandths: 12 is 1.2 per cent.
    robot_loss_permille INTEGER,
    robot_receive_bps INTEGER,
    pupil_rtt_ms    INTEGER,
    pupil_loss_permille INTEGER,
    pupil_send_bps  INTEGER,
    tier            TEXT CHECK (tier IN ('video', 'audio', 'stills')),
    PRIMARY KEY (robot_id, minute_at)
) STRICT, WITHOUT ROWID;
-- They are removed by age.
CREATE INDEX telemetry_minute_age ON telemetry_minute (minute_at);
CREATE INDEX robot_event_age ON robot_event (at);
