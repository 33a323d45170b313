-- What a bridge's busiest media thread uses of what it may, in per cent. Null: it does not say, or came before this migration.
ALTER TABLE bridge ADD COLUMN busy_pct INTEGER;
