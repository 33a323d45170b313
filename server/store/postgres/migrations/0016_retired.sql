-- A robot or a room that is no longer used: what was with it stays, and it is offered nowhere. The robot's device is revoked with it.
ALTER TABLE robot ADD COLUMN retired_at timestamptz;
ALTER TABLE room ADD COLUMN retired_at timestamptz;
