//! Queries of [`store::record`], in SQL that both engines read; compiled by each driver package against its own.

use std::collections::BTreeSet;

use crate::queries::audit;
use crate::queries::changes::{Noted, held_placement, note};
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use protocol::SessionId;
use server_core::contact::{By, CheckOutcome, Contact};
use server_core::party::{Party, PersonId};
use server_core::policy::{Code, Event, Instead, Override};
use server_core::words::{Reason, Words};
use sqlx::Transaction;
use store::StoreError;
use store::audit::{Actor, NewAudit};
use store::record::{CaseRows, ColleagueRow, DeadlineWord, FeedRow, PartyRow, PersonRow, Record, Seen};
use uuid::Uuid;

#[async_trait]
impl Record for Engine {
    async fn add_person(&self, person: &PersonRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO person (person_id, pupil_id, name, reach) VALUES ($1, $2, $3, $4)",
            person.person_id,
            person.pupil_id,
            person.name,
            person.reach
        )
        .execute(&mut *tx)
        .await?;
        let of = Noted { pupil_id: person.pupil_id, placement_id: None, actor: audit.actor, now };
        note(&mut tx, of, &format!("reach.{}", person.person_id), None, person.reach.clone()).await?;
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn correct_reach(
        &self,
        pupil_id: Uuid,
        person_id: Uuid,
        was: Option<&str>,
        reach: Option<&str>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let held = sqlx::query_scalar!(
            r#"SELECT reach AS "reach?" FROM person WHERE person_id = $1 AND pupil_id = $2"#,
            person_id,
            pupil_id
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(held) = held.filter(|held| held.as_deref() == was || held.as_deref() == reach) else { return Ok(false) };
        sqlx::query!("UPDATE person SET reach = $2 WHERE person_id = $1", person_id, reach).execute(&mut *tx).await?;
        let of = Noted { pupil_id, placement_id: None, actor: audit.actor, now };
        note(&mut tx, of, &format!("reach.{person_id}"), held, reach.map(str::to_owned)).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn persons_of(&self, pupil_id: Uuid) -> Result<Vec<PersonRow>, StoreError> {
        Ok(sqlx::query_as!(
            PersonRow,
            r#"SELECT person_id AS "person_id!: Uuid", pupil_id AS "pupil_id!: Uuid", name AS "name!", reach AS "reach?"
               FROM person WHERE pupil_id = $1 ORDER BY name, person_id"#,
            pupil_id
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn set_party(&self, row: &PartyRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let party = row.party.code();
        let mut tx = self.begin().await?;
        let held = held_placement(&mut tx, row.placement_id).await?;
        let before = sqlx::query!(
            r#"SELECT from_day AS "from_day?: NaiveDate", until_day AS "until_day?: NaiveDate"
               FROM placement_party WHERE placement_party_id = $1"#,
            row.placement_party_id
        )
        .fetch_optional(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO placement_party (placement_party_id, placement_id, party, person_id, from_day, until_day)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (placement_party_id) DO UPDATE SET from_day = excluded.from_day, until_day = excluded.until_day",
            row.placement_party_id,
            row.placement_id,
            party,
            row.person.0,
            row.from_day,
            row.until_day
        )
        .execute(&mut *tx)
        .await?;
        if let Some(held) = held {
            let of = Noted { pupil_id: held.pupil_id, placement_id: Some(row.placement_id), actor: audit.actor, now };
            let from = before.map(|before| part(row.person, before.from_day, before.until_day));
            let to = Some(part(row.person, row.from_day, row.until_day));
            note(&mut tx, of, &format!("part.{party}"), from, to).await?;
        }
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn parties(&self, placement_id: Uuid) -> Result<Vec<PartyRow>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT x.placement_party_id AS "placement_party_id!: Uuid", x.party AS "party!", x.person_id AS "person_id!: Uuid",
                      coalesce(s.name, p.name) AS "name?: String", x.from_day AS "from_day?: NaiveDate",
                      x.until_day AS "until_day?: NaiveDate"
               FROM placement_party x LEFT JOIN staff s ON s.staff_id = x.person_id LEFT JOIN person p ON p.person_id = x.person_id
               WHERE x.placement_id = $1 ORDER BY x.party, x.placement_party_id"#,
            placement_id
        )
        .fetch_all(&self.read)
        .await?;
        let party = |row: &str| Party::from_code(row).ok_or(StoreError::Unreadable { what: "party" });
        rows.into_iter()
            .map(|row| {
                Ok(PartyRow {
                    placement_party_id: row.placement_party_id,
                    placement_id,
                    party: party(&row.party)?,
                    person: PersonId(row.person_id),
                    name: row.name,
                    from_day: row.from_day,
                    until_day: row.until_day,
                })
            })
            .collect()
    }

    async fn open_parts(&self, person_id: Uuid) -> Result<Vec<(Uuid, Party)>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT placement_id AS "placement_id!: Uuid", party AS "party!" FROM placement_party
               WHERE person_id = $1 AND until_day IS NULL"#,
            person_id
        )
        .fetch_all(&self.read)
        .await?;
        let read = |party: &str| Party::from_code(party).ok_or(StoreError::Unreadable { what: "part in a case" });
        rows.into_iter().map(|row| Ok((row.placement_id, read(&row.party)?))).collect()
    }

    async fn colleagues(&self, organisations: [Uuid; 4], limit: i64) -> Result<Vec<ColleagueRow>, StoreError> {
        let [one, two, three, four] = organisations;
        Ok(sqlx::query_as!(
            ColleagueRow,
            r#"SELECT s.staff_id AS "staff_id!: Uuid", s.name AS "name!", min(o.name) AS "place!"
               FROM staff s JOIN staff_role r ON r.staff_id = s.staff_id JOIN organisation o ON o.organisation_id = r.organisation_id
               WHERE s.disabled_at IS NULL AND r.role IN ('coordinator', 'key_worker', 'school_lead')
                 AND r.organisation_id IN ($1, $2, $3, $4)
               GROUP BY s.staff_id, s.name ORDER BY s.name, s.staff_id LIMIT $5"#,
            one,
            two,
            three,
            four,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn say_event(
        &self,
        placement_id: Uuid,
        event: Event,
        seen: Seen<Option<NaiveDate>>,
        day: Option<NaiveDate>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let code = event.code();
        let mut tx = self.begin().await?;
        let held = sqlx::query_scalar!(
            r#"SELECT day AS "day?: NaiveDate" FROM case_event WHERE placement_id = $1 AND event = $2
               ORDER BY case_event_id DESC LIMIT 1"#,
            placement_id,
            code
        )
        .fetch_optional(&mut *tx)
        .await?
        .flatten();
        if held != day && matches!(seen, Seen::This(seen) if seen != held) {
            return Ok(false);
        }
        insert_event(&mut tx, placement_id, event, day, audit.actor, now).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn say_deadline(
        &self,
        placement_id: Uuid,
        word: &DeadlineWord,
        seen: Seen<Option<Uuid>>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (rule, week) = (word.rule().as_str(), word.week().map(i64::from));
        let mut tx = self.begin().await?;
        if let Seen::This(seen) = seen {
            // What is said of every week is said of each.
            let last = sqlx::query_as!(
                WordRow,
                r#"SELECT rule AS "rule!", week AS "week?: i64", kind AS "kind!", day AS "day?: NaiveDate", number AS "number?: i64",
                          reason AS "reason?", by_id AS "by_id!: Uuid", on_day AS "on_day!: NaiveDate"
                   FROM deadline_word
                   WHERE placement_id = $1 AND rule = $2 AND (week = $3 OR week IS NULL OR $3 IS NULL)
                     AND (deadline_word_id > $4 OR $4 IS NULL)
                   ORDER BY deadline_word_id DESC LIMIT 1"#,
                placement_id,
                rule,
                week,
                seen
            )
            .fetch_optional(&mut *tx)
            .await?;
            let last =
                last.map(|row| row.read().ok_or(StoreError::Unreadable { what: "word about a deadline" })).transpose()?;
            if last.is_some_and(|last| (last.week(), last.says()) != (word.week(), word.says())) {
                return Ok(false);
            }
        }
        insert_word(&mut tx, placement_id, word, now).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn last_deadline_word(&self, placement_id: Uuid) -> Result<Option<Uuid>, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT deadline_word_id AS "id!: Uuid" FROM deadline_word WHERE placement_id = $1
               ORDER BY deadline_word_id DESC LIMIT 1"#,
            placement_id
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn case_rows(&self, placement_id: Uuid) -> Result<CaseRows, StoreError> {
        let mut case = CaseRows::default();
        let events = sqlx::query!(
            r#"SELECT event AS "event!", day AS "day?: NaiveDate" FROM case_event WHERE placement_id = $1 ORDER BY case_event_id"#,
            placement_id
        )
        .fetch_all(&self.read)
        .await?;
        for row in events {
            let event = Event::from_code(&row.event).ok_or(StoreError::Unreadable { what: "event" })?;
            match row.day {
                Some(day) => case.events.insert(event, day),
                None => case.events.remove(&event),
            };
        }
        let words = sqlx::query_as!(
            WordRow,
            r#"SELECT rule AS "rule!", week AS "week?: i64", kind AS "kind!", day AS "day?: NaiveDate", number AS "number?: i64",
                      reason AS "reason?", by_id AS "by_id!: Uuid", on_day AS "on_day!: NaiveDate"
               FROM deadline_word WHERE placement_id = $1 ORDER BY deadline_word_id"#,
            placement_id
        )
        .fetch_all(&self.read)
        .await?;
        for row in words {
            match row.read().ok_or(StoreError::Unreadable { what: "word about a deadline" })? {
                DeadlineWord::Kept { rule, week, day: Some(day), .. } => {
                    case.kept.insert((rule, week), day);
                }
                DeadlineWord::Kept { rule, week, day: None, .. } => {
                    case.kept.remove(&(rule, week));
                }
                DeadlineWord::Instead(own) => case.overrides.push(own),
                DeadlineWord::Applies { rule, week, .. } => {
                    case.overrides.retain(|own| own.rule != rule || own.week != week);
                }
            }
        }
        Ok(case)
    }

    async fn deadline_words(&self, placement_id: Uuid, limit: i64) -> Result<Vec<DeadlineWord>, StoreError> {
        let words = sqlx::query_as!(
            WordRow,
            r#"SELECT rule AS "rule!", week AS "week?: i64", kind AS "kind!", day AS "day?: NaiveDate", number AS "number?: i64",
                      reason AS "reason?", by_id AS "by_id!: Uuid", on_day AS "on_day!: NaiveDate"
               FROM deadline_word WHERE placement_id = $1 ORDER BY deadline_word_id DESC LIMIT $2"#,
            placement_id,
            limit
        )
        .fetch_all(&self.read)
        .await?;
        let unreadable = StoreError::Unreadable { what: "word about a deadline" };
        words.into_iter().map(WordRow::read).collect::<Option<_>>().ok_or(unreadable)
    }

    async fn add_contact(
        &self,
        contact_id: Uuid,
        placement_id: Uuid,
        contact: &Contact,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (kind, session_id, spoke_id) = match contact.by {
            By::Visit => ("visit", None, None),
            By::Call => ("call", None, None),
            By::Message => ("message", None, None),
            By::Attempt => ("attempt", None, None),
            By::Robot { session, spoke } => ("robot", Some(session.0), spoke.map(|person| person.0)),
        };
        let parties = contact.with.iter().map(|party| party.code()).collect::<Vec<_>>().join(",");
        let (outcome, notes) = (contact.outcome.map(CheckOutcome::code), contact.notes.as_ref().map(Words::expose));
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO contact (contact_id, placement_id, day, kind, session_id, spoke_id, parties, outcome, notes, written_by,
                                  written_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            contact_id,
            placement_id,
            contact.on,
            kind,
            session_id,
            spoke_id,
            parties,
            outcome,
            notes,
            contact.written_by.0,
            now
        )
        .execute(&mut *tx)
        .await?;
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn contacts(
        &self,
        placement_id: Uuid,
        from: NaiveDate,
        until: NaiveDate,
    ) -> Result<Vec<(Uuid, Contact)>, StoreError> {
        let rows = sqlx::query_as!(
            ContactRow,
            r#"SELECT contact_id AS "contact_id!: Uuid", day AS "day!: NaiveDate", kind AS "kind!",
                      session_id AS "session_id?: Uuid", spoke_id AS "spoke_id?: Uuid", parties AS "parties!",
                      outcome AS "outcome?", notes AS "notes?", written_by AS "written_by!: Uuid"
               FROM contact WHERE placement_id = $1 AND day >= $2 AND day <= $3 ORDER BY day, written_at, contact_id"#,
            placement_id,
            from,
            until
        )
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(ContactRow::read).collect::<Option<_>>().ok_or(StoreError::Unreadable { what: "contact" })
    }

    async fn set_due_feed(
        &self,
        staff_id: Uuid,
        token_sha256: Option<&[u8]>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!("DELETE FROM due_feed WHERE staff_id = $1", staff_id).execute(&mut *tx).await?;
        if let Some(token) = token_sha256 {
            sqlx::query!(
                "INSERT INTO due_feed (staff_id, token_sha256, made_at) VALUES ($1, $2, $3)
                 ON CONFLICT (staff_id) DO UPDATE SET token_sha256 = excluded.token_sha256, made_at = excluded.made_at,
                                                      read_at = NULL",
                staff_id,
                token,
                now
            )
            .execute(&mut *tx)
            .await?;
        }
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn due_feed_of(&self, staff_id: Uuid) -> Result<Option<FeedRow>, StoreError> {
        Ok(sqlx::query_as!(
            FeedRow,
            r#"SELECT staff_id AS "staff_id!: Uuid", made_at AS "made_at!: DateTime<Utc>", read_at AS "read_at?: DateTime<Utc>"
               FROM due_feed WHERE staff_id = $1"#,
            staff_id
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn due_feed(&self, token_sha256: &[u8]) -> Result<Option<FeedRow>, StoreError> {
        Ok(sqlx::query_as!(
            FeedRow,
            r#"SELECT f.staff_id AS "staff_id!: Uuid", f.made_at AS "made_at!: DateTime<Utc>",
                      f.read_at AS "read_at?: DateTime<Utc>"
               FROM due_feed f JOIN staff s ON s.staff_id = f.staff_id
               WHERE f.token_sha256 = $1 AND s.disabled_at IS NULL"#,
            token_sha256
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn note_feed_read(&self, staff_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!("UPDATE due_feed SET read_at = $2 WHERE staff_id = $1", staff_id, now).execute(&mut *tx).await?;
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }
}

/// A word about a deadline, as it is kept.
struct WordRow {
    rule: String,
    week: Option<i64>,
    kind: String,
    day: Option<NaiveDate>,
    number: Option<i64>,
    reason: Option<String>,
    by_id: Uuid,
    on_day: NaiveDate,
}

impl WordRow {
    fn read(self) -> Option<DeadlineWord> {
        let rule = Code::new(&self.rule)?;
        let week = match self.week {
            Some(week) => Some(u16::try_from(week).ok()?),
            None => None,
        };
        let (by, on) = (PersonId(self.by_id), self.on_day);
        let instead = match self.kind.as_str() {
            "kept" => return Some(DeadlineWord::Kept { rule, week, day: self.day, by, on }),
            "applies" => return Some(DeadlineWord::Applies { rule, week, by, on }),
            "count" => Instead::Count(u16::try_from(self.number?).ok()?),
            "day" => Instead::Day(self.day?),
            "does_not_apply" => Instead::DoesNotApply,
            _ => return None,
        };
        let reason = Reason::new(&self.reason?).ok()?;
        Some(DeadlineWord::Instead(Override { rule, week, instead, reason, by, on }))
    }
}

/// An entry of the log, as it is kept.
struct ContactRow {
    contact_id: Uuid,
    day: NaiveDate,
    kind: String,
    session_id: Option<Uuid>,
    spoke_id: Option<Uuid>,
    parties: String,
    outcome: Option<String>,
    notes: Option<String>,
    written_by: Uuid,
}

impl ContactRow {
    fn read(self) -> Option<(Uuid, Contact)> {
        let by = match self.kind.as_str() {
            "visit" => By::Visit,
            "call" => By::Call,
            "message" => By::Message,
            "attempt" => By::Attempt,
            "robot" => By::Robot { session: SessionId(self.session_id?), spoke: self.spoke_id.map(PersonId) },
            _ => return None,
        };
        let with: Option<BTreeSet<Party>> =
            self.parties.split(',').filter(|code| !code.is_empty()).map(Party::from_code).collect();
        let outcome = match self.outcome {
            Some(code) => Some(CheckOutcome::from_code(&code)?),
            None => None,
        };
        let notes = match self.notes {
            Some(text) => Some(Words::new(&text).ok()?),
            None => None,
        };
        let contact = Contact { on: self.day, by, with: with?, written_by: PersonId(self.written_by), outcome, notes };
        Some((self.contact_id, contact))
    }
}

/// Who has a part, and from when until when, as the history of a case keeps it.
fn part(person: PersonId, from: Option<NaiveDate>, until: Option<NaiveDate>) -> String {
    let day = |word: &str, day: Option<NaiveDate>| day.map_or_else(String::new, |day| format!(", {word} {day}"));
    format!("{}{}{}", person.0, day("from", from), day("until", until))
}

async fn insert_event(
    tx: &mut Transaction<'static, Db>,
    placement_id: Uuid,
    event: Event,
    day: Option<NaiveDate>,
    actor: Actor,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (id, event) = (Uuid::now_v7(), event.code());
    let (actor_kind, actor_id) = audit::actor(actor);
    sqlx::query!(
        "INSERT INTO case_event (case_event_id, placement_id, event, day, actor_kind, actor_id, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id,
        placement_id,
        event,
        day,
        actor_kind,
        actor_id,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_word(
    tx: &mut Transaction<'static, Db>,
    placement_id: Uuid,
    word: &DeadlineWord,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (PersonId(by), on) = word.said();
    let (kind, day, number, reason) = word.says();
    let (id, rule, week) = (Uuid::now_v7(), word.rule().as_str(), word.week().map(i64::from));
    sqlx::query!(
        "INSERT INTO deadline_word (deadline_word_id, placement_id, rule, week, kind, day, number, reason, by_id, on_day, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        id,
        placement_id,
        rule,
        week,
        kind,
        day,
        number,
        reason,
        by,
        on,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A plan that follows one that has ended has days of its own to count from, and nothing is set aside in it: what was said of the last
/// one's stays to be read. That an office was told of its success goes on to hold, as does what is arranged part-time.
pub(crate) async fn begin_anew(
    tx: &mut Transaction<'static, Db>,
    placement_id: Uuid,
    said: CaseRows,
    actor: Actor,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let goes_on = [Event::PanelTold, Event::PartTimeStart, Event::PartTimeEnd];
    for event in said.events.into_keys().filter(|event| !goes_on.contains(event)) {
        insert_event(tx, placement_id, event, None, actor, now).await?;
    }
    for Override { rule, week, by, .. } in said.overrides {
        let by = if let Actor::Staff(id) = actor { PersonId(id) } else { by };
        insert_word(tx, placement_id, &DeadlineWord::Applies { rule, week, by, on: now.date_naive() }, now).await?;
    }
    Ok(())
}
