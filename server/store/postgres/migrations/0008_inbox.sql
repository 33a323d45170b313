-- Numbers of messages, a row a message: no foreign key, which would look the device up again for every row.
-- A number's device and epoch always have a row in inbox_cursor, written first in the same transaction, and that one refers to the device.

ALTER TABLE inbox DROP CONSTRAINT inbox_device_id_fkey;
