-- How many messages there are: asked every second, and after days of outage too many to count. Written with them, in one transaction.
ALTER TABLE outbox ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET waiting = (SELECT count(*) FROM message);
