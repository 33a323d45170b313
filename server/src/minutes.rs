//! The minutes of a pupil's days: what is stored → `server_core::attendance` → pages, and rows that pages add up.
//!
//! Pages of one pupil compute when they are asked. Pages over many pupils add up the rows of `attendance_day`, which the job here
//! keeps: it reads marks, computes those days by the very same function and writes each row only if its mark still stands. It may
//! be killed between any two steps and may run in many servers at once; nothing is ever added to a row.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use protocol::SessionId;
use server_core::attendance::{
    self, AttendanceMinutes, Correction, DayFacts, Length, Presence, Target, VisitEnd, account_of_day,
};
use server_core::calendar::Calendar;
use server_core::timetable::Lesson;
use store::minutes::{Computed, CorrectionRow, DayRow, DirtyRow, LedgerPlacementRow};
use store::presence::EndedVisitRow;
use store::{Store, StoreError};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::AppState;
use crate::lessons::{self, SchoolDay, Timetable};

/// How often marks are looked for: bridges say every five seconds how far a visit has come.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often every running placement gets a row of the day, with what is expected in it.
const BEGIN_DAYS_EVERY: Duration = Duration::from_secs(1_800);
/// Nothing is looked for that fell silent longer ago: its day says so since, or the server was away for as long.
const SILENT_FOR_AT_MOST: TimeDelta = TimeDelta::days(7);
/// Days computed before they are written: one transaction.
const BATCH: usize = 400;
/// Marked days of a pupil that lie no further apart are read together.
const READ_TOGETHER: TimeDelta = TimeDelta::days(10);

/// Calendars that were read, by school.
pub type Calendars = HashMap<Uuid, Arc<Calendar>>;

/// What decides a pupil's lessons, under all of their placements.
#[derive(Clone, Debug)]
pub struct Ledger {
    pupil_id: Uuid,
    /// Where the pupil's days begin and end.
    days: Calendar,
    placements: Vec<(LedgerPlacementRow, Timetable)>,
}

impl Ledger {
    /// Of a pupil; none if they never had a placement.
    ///
    /// # Errors
    /// The database does not answer, or holds an unreadable calendar or slot.
    pub async fn of(store: &Store, pupil_id: Uuid, calendars: &mut Calendars) -> Result<Option<Self>, StoreError> {
        let mut placements = Vec::new();
        for row in store.ledger_placements(pupil_id).await? {
            let timetable = lessons::timetable_of(store, row.placement_id, row.school_id, calendars).await?;
            placements.push((row, timetable));
        }
        let Some((first, _)) = placements.first() else { return Ok(None) };
        let days = Calendar::new(&first.day_zone, [], []).map_err(|_| StoreError::Unreadable { what: "time zone" })?;
        Ok(Some(Self { pupil_id, days, placements }))
    }

    /// The lessons of a day under every placement in force, by time; one that two placements share is there once.
    #[must_use]
    pub fn lessons(&self, day: NaiveDate) -> Vec<Lesson> {
        let mut lessons: Vec<Lesson> = Vec::new();
        for (_, timetable) in self.placements.iter().filter(|(row, _)| row.from_day <= day && day <= row.until_day) {
            for lesson in timetable.on(day) {
                match lessons.iter_mut().find(|known| known.slot == lesson.slot && known.start == lesson.start) {
                    Some(known) => known.about.expected |= lesson.about.expected,
                    None => lessons.push(lesson),
                }
            }
        }
        lessons.sort_by_key(|lesson| (lesson.start, lesson.end, lesson.slot));
        lessons
    }

    /// The placement that a day belongs to: the latest one in force, else the latest one begun, else the first.
    #[must_use]
    pub fn placement_on(&self, day: NaiveDate) -> Option<&LedgerPlacementRow> {
        let rows = || self.placements.iter().map(|(row, _)| row);
        rows()
            .rfind(|row| row.from_day <= day && day <= row.until_day)
            .or_else(|| rows().rfind(|row| row.from_day <= day))
            .or_else(|| rows().next())
    }

    /// The days from `first` to `last`, both included, at most a year; `now` tells which visits fell silent.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn days(
        &self,
        store: &Store,
        (first, last): (NaiveDate, NaiveDate),
        now: DateTime<Utc>,
    ) -> Result<Vec<SchoolDay>, StoreError> {
        let (from, until) = (self.days.bounds(first).0, self.days.bounds(last).1);
        let rows = store.presence_of_pupil(self.pupil_id, from, until).await?;
        let presence: Vec<Presence> = rows.iter().map(lessons::presence).collect();
        let ends: Vec<VisitEnd> = store.ended_visits(self.pupil_id, from, until).await?.iter().map(visit_end).collect();
        let rows = store.corrections(self.pupil_id, first, last).await?;
        let days = first.iter_days().take(366).take_while(|day| *day <= last);
        Ok(days.map(|day| self.day(day, (&presence, &ends, &rows), now)).collect())
    }

    fn day(
        &self,
        day: NaiveDate,
        (presence, ends, rows): (&[Presence], &[VisitEnd], &[CorrectionRow]),
        now: DateTime<Utc>,
    ) -> SchoolDay {
        let (bounds, lessons) = (self.days.bounds(day), self.lessons(day));
        let touches = |fact: &&Presence| {
            let from = fact.placed_from();
            let until = from + TimeDelta::milliseconds(i64::try_from(fact.span_ms).unwrap_or(0));
            from < bounds.1 && until >= bounds.0
        };
        let presence: Vec<Presence> = presence.iter().filter(touches).cloned().collect();
        let rows: Vec<CorrectionRow> = rows.iter().filter(|row| row.day == day).cloned().collect();
        let corrections: Vec<Correction> = rows.iter().map(correction).collect();
        let facts = DayFacts { day, bounds, lessons: &lessons, presence: &presence, ends, corrections: &corrections, now };
        let account = account_of_day(&facts);
        SchoolDay { day, lessons, account, corrections: rows }
    }
}

/// Keeps the rows until shutdown.
pub(crate) async fn run(state: AppState) {
    let (mut look, mut begin) = (tokio::time::interval(LOOK_EVERY), tokio::time::interval(BEGIN_DAYS_EVERY));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    begin.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            () = state.shutdown.cancelled() => return,
            _ = begin.tick() => begin_days(&state).await,
            _ = look.tick() => catch_up(&state).await,
        };
        if let Err(error) = done {
            tracing::warn!(error = &error as &dyn std::error::Error, "minutes were not added up; it is tried again");
        }
    }
}

/// Marks today wherever somebody is now, so that a day without presence has a row that says what was expected; and the days of visits of
/// which nothing more was heard: that they never ended shows by time alone.
async fn begin_days(state: &AppState) -> Result<(), StoreError> {
    let now = state.clock.now().utc;
    for day in [now - TimeDelta::hours(12), now, now + TimeDelta::hours(12)].map(|at| at.date_naive()) {
        if day <= now.date_naive() {
            state.store.mark_running(day).await?;
        }
    }
    state.store.mark_silent(now - SILENT_FOR_AT_MOST, now - attendance::SILENT_AFTER).await?;
    Ok(())
}

/// Works until no mark is left, or one round wrote nothing: then others are at it.
async fn catch_up(state: &AppState) -> Result<(), StoreError> {
    while !state.shutdown.is_cancelled() && state.store.mark_changed(state.clock.now().utc.date_naive()).await? > 0 {}
    while !state.shutdown.is_cancelled() {
        let marks = state.store.dirty_days(Uuid::new_v4(), i64::try_from(BATCH).unwrap_or(i64::MAX)).await?;
        if marks.is_empty() {
            break;
        }
        // Days of visits that go on are marked again at once: they wait for the next look, and only a backlog is worked off without a pause.
        let is_backlog = marks.len() >= BATCH;
        // Calendars are read after the marks: whoever closed a day meanwhile has marked it by then.
        let computed = compute(&state.store, &marks, &mut Calendars::new(), state.clock.now().utc).await?;
        if state.store.write_days(&computed).await? == 0 || !is_backlog {
            break;
        }
    }
    Ok(())
}

/// The rows of marked days, computed from the facts. A day that cannot be computed is left out: its mark stays.
///
/// # Errors
/// The database does not answer.
pub async fn compute(
    store: &Store,
    marks: &[DirtyRow],
    calendars: &mut Calendars,
    now: DateTime<Utc>,
) -> Result<Vec<Computed>, StoreError> {
    let mut by_pupil: BTreeMap<Uuid, Vec<DirtyRow>> = BTreeMap::new();
    for mark in marks {
        by_pupil.entry(mark.pupil_id).or_default().push(*mark);
    }
    let mut computed = Vec::with_capacity(marks.len());
    for (pupil_id, mut marks) in by_pupil {
        marks.sort_by_key(|mark| mark.day);
        match Ledger::of(store, pupil_id, calendars).await {
            Ok(Some(ledger)) => {
                for run in marks.chunk_by(|a, b| b.day - a.day <= READ_TOGETHER) {
                    let days = ledger.days(store, (run[0].day, run[run.len() - 1].day), now).await?;
                    computed.extend(run.iter().map(|mark| Computed {
                        mark: *mark,
                        day: days.iter().find(|day| day.day == mark.day).and_then(|day| row(&ledger, mark, day)),
                    }));
                }
            }
            Ok(None) => computed.extend(marks.into_iter().map(|mark| Computed { mark, day: None })),
            Err(StoreError::Unreadable { what }) => {
                tracing::error!(what, "the minutes of a pupil cannot be added up: what is stored is unreadable");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(computed)
}

fn row(ledger: &Ledger, mark: &DirtyRow, day: &SchoolDay) -> Option<DayRow> {
    let placement = ledger.placement_on(day.day)?;
    let account = &day.account;
    let whole = |length: Length| i64::try_from(length.ms()).unwrap_or(i64::MAX);
    let sum = |part: fn(&AttendanceMinutes) -> Length| whole(account.in_lessons(part));
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let row = DayRow {
        pupil_id: mark.pupil_id,
        day: day.day,
        placement_id: placement.placement_id,
        school_id: placement.school_id,
        expected_ms: sum(|lesson| lesson.expected),
        connected_ms: sum(|lesson| lesson.connected),
        video_ms: sum(|lesson| lesson.video),
        stills_ms: sum(|lesson| lesson.stills),
        audio_ms: sum(|lesson| lesson.audio),
        counted_ms: sum(AttendanceMinutes::counted),
        social_ms: whole(account.social),
        social_counted_ms: whole(account.social_counted()),
        active_lessons: count(account.lessons.iter().filter(|lesson| lesson.took_part()).count()),
        anomalies: count(account.anomalies.len()),
        version: mark.version,
    };
    (!row.is_empty()).then_some(row)
}

fn visit_end(row: &EndedVisitRow) -> VisitEnd {
    let count = |value: i64| value.max(0).unsigned_abs();
    VisitEnd {
        session: SessionId(row.session_id),
        at: DateTime::from_timestamp_millis(row.at_ms).unwrap_or(DateTime::<Utc>::MAX_UTC),
        intervals: (count(row.reported_intervals), count(row.held_intervals)),
        ms: (count(row.reported_ms), count(row.held_ms)),
    }
}

fn correction(row: &CorrectionRow) -> Correction {
    let target = match (row.timetable_slot_id, row.start_at) {
        (Some(slot), Some(start)) => Target::Lesson { slot, start },
        _ => Target::Social { day: row.day },
    };
    let to = row.to_s.map(|to_s| Length::of_ms(to_s.max(0).unsigned_abs().saturating_mul(1000)));
    Correction { id: row.minutes_correction_id, target, to, at: row.said_at }
}
