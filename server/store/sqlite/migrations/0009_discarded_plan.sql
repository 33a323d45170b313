-- A draft that was thrown away keeps its row, its parts and its history, and counts nowhere: 'state' is 'closed', so that another plan
-- may begin, and this column says that it never was one. Why is in its part 'state'.
ALTER TABLE plan ADD COLUMN discarded_at TEXT;
