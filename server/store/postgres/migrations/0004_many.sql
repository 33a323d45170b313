-- Many bridges and many servers on one database: what bridges say of their load and their queue, clocks, where a robot's permission
-- points, numbers that never came, what replay needs, and measurements by the minute.

-- From up/hello and the bridge's own report. A hint for placing sessions and for operators, never part of the minutes.
ALTER TABLE bridge ADD COLUMN version text;
ALTER TABLE bridge ADD COLUMN robots bigint;
ALTER TABLE bridge ADD COLUMN sessions bigint;
-- Sessions that it takes at most; null: it did not say.
ALTER TABLE bridge ADD COLUMN capacity bigint;
-- It takes no new session: somebody is about to stop it.
ALTER TABLE bridge ADD COLUMN draining boolean NOT NULL DEFAULT false;
ALTER TABLE bridge ADD COLUMN load_at timestamptz;
-- Facts in its outbox that are not acknowledged, and since when the oldest waits.
ALTER TABLE bridge ADD COLUMN outbox_waiting bigint;
ALTER TABLE bridge ADD COLUMN outbox_oldest_at timestamptz;
ALTER TABLE bridge ADD COLUMN outbox_full_pct bigint;
-- Its disk refuses to take facts.
ALTER TABLE bridge ADD COLUMN outbox_failing boolean;
-- Its clock minus ours, by the least delayed message of late.
ALTER TABLE bridge ADD COLUMN clock_offset_ms bigint;
ALTER TABLE bridge ADD COLUMN clock_at timestamptz;

ALTER TABLE robot ADD COLUMN clock_offset_ms bigint;
ALTER TABLE robot ADD COLUMN clock_at timestamptz;
-- The permission to publish that it was sent last: at which bridge, until when. In the database, so that any server renews it.
ALTER TABLE robot ADD COLUMN granted_bridge_id uuid REFERENCES device (device_id);
ALTER TABLE robot ADD COLUMN granted_until_at timestamptz;
ALTER TABLE robot ADD COLUMN granted_at timestamptz;
-- Bridges that it said it cannot reach: ids with commas between; null: none.
ALTER TABLE robot ADD COLUMN cannot_reach text;

-- From here on 'highest' is the largest number that came, also beyond the gaps that an acknowledgement names.
UPDATE inbox_cursor SET highest =
    (SELECT max(i.seq) FROM inbox i WHERE i.device_id = inbox_cursor.device_id AND i.epoch = inbox_cursor.epoch)
WHERE highest <
    (SELECT max(i.seq) FROM inbox i WHERE i.device_id = inbox_cursor.device_id AND i.epoch = inbox_cursor.epoch);

-- Numbers that a sender says it no longer keeps and that never came here: lost, by a disk or by a person. Shown to operators.
CREATE TABLE lost_range (
    device_id       uuid NOT NULL REFERENCES device (device_id),
    epoch           uuid NOT NULL,
    first_seq       bigint NOT NULL,
    last_seq        bigint NOT NULL,
    noted_at        timestamptz NOT NULL,
    PRIMARY KEY (device_id, epoch, first_seq),
    CONSTRAINT lost_range_order CHECK (last_seq >= first_seq)
);

-- What replay needs after a fix: who sent it, under which number. Null: the message did not say, or came before this migration.
ALTER TABLE quarantine ADD COLUMN device_id uuid;
ALTER TABLE quarantine ADD COLUMN epoch uuid;
ALTER TABLE quarantine ADD COLUMN seq bigint;
-- Its size before it was cut; null: it was kept whole, or came before this migration.
ALTER TABLE quarantine ADD COLUMN cut_from_bytes bigint;

-- Measurements of a robot and its legs, one row a minute: the last value said in it, the largest of loss and round-trip time.
CREATE TABLE telemetry_minute (
    robot_id        uuid NOT NULL REFERENCES robot (robot_id),
    minute_at       timestamptz NOT NULL,
    battery_pct     bigint,
    wifi_dbm        bigint,
    robot_rtt_ms    bigint,
    -- In thousandths: 12 is 1.2 per cent.
    robot_loss_permille bigint,
    robot_receive_bps bigint,
    pupil_rtt_ms    bigint,
    pupil_loss_permille bigint,
    pupil_send_bps  bigint,
    tier            text CHECK (tier IN ('video', 'audio', 'stills')),
    PRIMARY KEY (robot_id, minute_at)
);
-- They are removed by age.
CREATE INDEX telemetry_minute_age ON telemetry_minute (minute_at);
CREATE INDEX robot_event_age ON robot_event (at);
