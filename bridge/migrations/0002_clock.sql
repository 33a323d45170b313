-- Where the civil clock stood at the last confirmed second (it may have stepped since the first one), and how far it was ahead of the
-- server's at the first one. Absent in checkpoints of before, and where no interval is open; the offset also where it is not known.
ALTER TABLE checkpoint ADD COLUMN until_at TEXT;
ALTER TABLE checkpoint ADD COLUMN clock_offset_ms INTEGER;
