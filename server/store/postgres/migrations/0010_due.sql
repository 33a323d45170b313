-- What is due over many cases, kept as rows that lists read; and limits that hold again.

-- A new kind of word: 'applies' takes back what held in place of a rule.
ALTER TABLE deadline_word DROP CONSTRAINT deadline_word_kind_check,
    DROP CONSTRAINT deadline_word_reason,
    ADD CONSTRAINT deadline_word_kind_check CHECK (kind IN ('kept', 'count', 'day', 'does_not_apply', 'applies')),
    ADD CONSTRAINT deadline_word_reason CHECK (kind IN ('kept', 'applies') OR (reason IS NOT NULL AND length(trim(reason)) > 0));

-- How often a case changed, up to which change its rows below were counted, and until which day they hold: what is due every week
-- moves with the days. A row a placement, from the first on; nothing of it is ever taken back.
CREATE TABLE case_count (
    placement_id    uuid NOT NULL PRIMARY KEY REFERENCES placement (placement_id),
    changed         bigint NOT NULL,
    counted         bigint NOT NULL,
    holds_until     date NOT NULL
);
CREATE INDEX case_count_open ON case_count (placement_id) WHERE counted < changed;
CREATE INDEX case_count_holds ON case_count (holds_until);
INSERT INTO case_count (placement_id, changed, counted, holds_until) SELECT placement_id, 1, 0, '1970-01-01' FROM placement;

-- What is open in a case. All rows of a case are written together, worked out from everything else that is stored.
CREATE TABLE case_due (
    placement_id    uuid NOT NULL REFERENCES placement (placement_id),
    n               bigint NOT NULL,
    rule            text NOT NULL,
    week            bigint,
    title           text NOT NULL,
    source_row      text NOT NULL,
    is_required     boolean NOT NULL,
    -- Parties, with commas between.
    owners          text NOT NULL,
    -- One of them has a person.
    has_owner       boolean NOT NULL,
    day             date NOT NULL,
    from_event      text,
    from_day        date,
    unit            text NOT NULL,
    calendar        text NOT NULL,
    sentence        text NOT NULL,
    way             text NOT NULL,
    PRIMARY KEY (placement_id, n)
);
CREATE INDEX case_due_day ON case_due (day, placement_id, n);

-- Whatever a case is worked out from marks it. Dates of a panel concern a whole authority: who writes them marks its cases at once.
CREATE FUNCTION case_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO case_count (placement_id, changed, counted, holds_until) VALUES (NEW.placement_id, 1, 0, '1970-01-01');
    RETURN NULL;
END $$;
CREATE FUNCTION case_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE case_count SET changed = changed + 1 WHERE placement_id = NEW.placement_id;
    RETURN NULL;
END $$;
CREATE FUNCTION case_days_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE whose uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.organisation_id ELSE NEW.organisation_id END;
BEGIN
    UPDATE case_count SET changed = changed + 1
    WHERE placement_id IN (SELECT placement_id FROM placement WHERE school_id = whose OR provider_id = whose);
    RETURN NULL;
END $$;
CREATE TRIGGER case_count_placement AFTER INSERT ON placement FOR EACH ROW EXECUTE FUNCTION case_begins();
CREATE TRIGGER case_count_placement_update AFTER UPDATE ON placement FOR EACH ROW EXECUTE FUNCTION case_changes();
CREATE TRIGGER case_count_plan AFTER INSERT OR UPDATE ON plan FOR EACH ROW EXECUTE FUNCTION case_changes();
CREATE TRIGGER case_count_event AFTER INSERT ON case_event FOR EACH ROW EXECUTE FUNCTION case_changes();
CREATE TRIGGER case_count_word AFTER INSERT ON deadline_word FOR EACH ROW EXECUTE FUNCTION case_changes();
CREATE TRIGGER case_count_contact AFTER INSERT ON contact FOR EACH ROW EXECUTE FUNCTION case_changes();
CREATE TRIGGER case_count_party AFTER INSERT OR UPDATE ON placement_party FOR EACH ROW EXECUTE FUNCTION case_changes();
CREATE TRIGGER case_count_sheet AFTER INSERT ON sheet FOR EACH ROW WHEN (NEW.kind IN ('goal', 'part_time', 'breakdown'))
    EXECUTE FUNCTION case_changes();
CREATE TRIGGER case_count_closure AFTER INSERT OR DELETE ON closure_day FOR EACH ROW EXECUTE FUNCTION case_days_change();
CREATE INDEX placement_provider ON placement (provider_id);
