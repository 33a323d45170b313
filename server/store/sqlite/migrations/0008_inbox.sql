-- Numbers of messages, a row a message: no foreign key, which would look the device up again for every row.
-- A number's device and epoch always have a row in inbox_cursor, written first in the same transaction, and that one refers to the device.

CREATE TABLE inbox_next (
    device_id       BLOB NOT NULL,
    epoch           BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    received_at     TEXT NOT NULL,
    body_sha256     BLOB NOT NULL,
    PRIMARY KEY (device_id, epoch, seq)
) STRICT, WITHOUT ROWID;

INSERT INTO inbox_next (device_id, epoch, seq, kind, received_at, body_sha256)
SELECT device_id, epoch, seq, kind, received_at, body_sha256 FROM inbox;

DROP TABLE inbox;
ALTER TABLE inbox_next RENAME TO inbox;
