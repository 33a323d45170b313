-- What a bridge's busiest media thread uses of its core, in per cent. Null: it does not say, or came before this migration.
ALTER TABLE bridge ADD COLUMN busy_pct INTEGER;
