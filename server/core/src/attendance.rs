//! Presence + lessons + corrections → attendance minutes, with what looks wrong beside them.
//!
//! A minute is never added to another: it is the length of a union of intervals. The laws, each a named property in
//! `attendance/laws.rs`, and all of them against an independent count of ticks in `tests/slow_model.rs`:
//!
//! 1. Order and repetition of the facts do not matter, nor do earlier, shorter copies of a fact.
//! 2. Cutting an interval in two, or joining two, does not change any length.
//! 3. A second is counted once, however many tablets or robots were at it; the better tier wins.
//! 4. Lessons and social time together are exactly the total; the tiers together are exactly the connected time.
//! 5. Days tile time: what lies over midnight counts on both days, once each; a day may have 23 or 25 hours.
//! 6. More presence is never less time.
//! 7. Where the bridge's clock stood does not matter, as long as its offset at the first instant is known.
//! 8. Corrections stand beside the measured lengths and never change them; none is below 0 or above the lesson.
//!
//! Lengths are kept in milliseconds and rounded down to minutes once, at the edge, by [`Length::minutes`]. Time outside lessons is
//! social time, kept apart. What a pupil did (spoke, raised a hand) has no position within its interval, so it belongs to the
//! lesson in which most of the interval lay.
//!
//! These are minutes of remote participation: evidence for the pupil's record, never a mark of the statutory register.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use protocol::{ClosedBy, Minutes, SessionId, Tier};
use uuid::Uuid;

use self::position::{merged, position, was_stepped};
use self::spans::{Span, both, length, overlap, total, union, within};
use crate::timetable::Lesson;

mod correction;
mod position;
mod spans;

pub use self::correction::{Corrected, Correction, Target};
pub use self::position::{Impossible, MAX_SKEW_MS, Presence, STEP_MS, applied_offset, check, offset_at_from};

/// A length of time. Shown in whole minutes; never summed as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(u64);

impl Length {
    /// Whole minutes, rounded down.
    #[must_use]
    pub fn minutes(self) -> Minutes {
        Minutes::floor_of_seconds(self.0 / 1000)
    }

    /// Of so many milliseconds.
    #[must_use]
    pub fn of_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds, for the store, tests and exports.
    #[must_use]
    pub fn ms(self) -> u64 {
        self.0
    }

    /// The union of several disjoint lengths: of one day's lessons, for instance.
    #[must_use]
    pub fn of_disjoint(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().map(|part| part.0).fold(0, u64::saturating_add))
    }
}

/// One pupil's participation in one lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttendanceMinutes {
    /// Slot of the lesson.
    pub slot: Uuid,
    /// Start of the lesson; with the slot it names the lesson.
    pub start: DateTime<Utc>,
    /// How long the plan expects the pupil in it: its whole length, or nothing.
    pub expected: Length,
    /// Live in any way.
    pub connected: Length,
    /// Of it with moving picture.
    pub video: Length,
    /// Of it with a picture now and then.
    pub stills: Length,
    /// Of it with sound only.
    pub audio: Length,
    /// What the pupil did in it.
    pub active: protocol::Active,
    /// How long a person said it was. Shown beside [`Self::connected`], which stays what was measured.
    pub corrected: Option<Corrected>,
    /// What looks wrong about this lesson; also in [`Account::anomalies`].
    pub anomalies: Vec<Anomaly>,
}

impl AttendanceMinutes {
    /// What the record counts: the corrected length if there is one, else the measured one.
    #[must_use]
    pub fn counted(&self) -> Length {
        self.corrected.map_or(self.connected, |corrected| corrected.length)
    }

    /// Whether the pupil took part: spoke, raised the hand, turned the head or showed a feeling. Listening is attending too.
    #[must_use]
    pub fn took_part(&self) -> bool {
        let protocol::Active { spoke_ms, hands, looks, feelings } = self.active;
        spoke_ms > 0 || hands > 0 || looks > 0 || feelings > 0
    }
}

/// A pupil's participation over the lessons given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// One entry a lesson, in the order given.
    pub lessons: Vec<AttendanceMinutes>,
    /// Live outside lessons: time with friends.
    pub social: Length,
    /// How long a person said that was.
    pub social_corrected: Option<Corrected>,
    /// Live at all: lessons and social time together, as measured.
    pub total: Length,
    /// Facts that break a rule, without repetition.
    pub anomalies: Vec<Anomaly>,
}

impl Account {
    /// The social time that the record counts.
    #[must_use]
    pub fn social_counted(&self) -> Length {
        self.social_corrected.map_or(self.social, |corrected| corrected.length)
    }

    /// A sum over the lessons, which are disjoint.
    #[must_use]
    pub fn in_lessons(&self, part: impl Fn(&AttendanceMinutes) -> Length) -> Length {
        Length::of_disjoint(self.lessons.iter().map(part))
    }
}

/// The end of a visit as its bridge told it, beside what is held of it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitEnd {
    /// Which visit.
    pub session: SessionId,
    /// When it ended, by our clock as far as that is known.
    pub at: DateTime<Utc>,
    /// Intervals that the bridge counted, and here.
    pub intervals: (u64, u64),
    /// Their length together in milliseconds, by the bridge, and here.
    pub ms: (u64, u64),
}

/// Everything that decides the minutes of one day.
#[derive(Clone, Copy, Debug)]
pub struct DayFacts<'a> {
    /// The school's day.
    pub day: NaiveDate,
    /// When it begins and ends.
    pub bounds: (DateTime<Utc>, DateTime<Utc>),
    /// Its lessons, by time.
    pub lessons: &'a [Lesson],
    /// Intervals that touch it; more do no harm.
    pub presence: &'a [Presence],
    /// Visits that ended on it; more do no harm.
    pub ends: &'a [VisitEnd],
    /// Every correction of it; more do no harm.
    pub corrections: &'a [Correction],
    /// Now: an interval that still grows is no anomaly, one that stopped growing without a word is.
    pub now: DateTime<Utc>,
}

/// A bridge says every half minute how far a visit has come. One that was silent for so long in the middle of a visit is not merely slow.
pub const SILENT_AFTER: TimeDelta = TimeDelta::minutes(10);

/// A fact that breaks a rule: kept and shown beside the minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// The bridge's clock was off by more than [`MAX_SKEW_MS`]; the position was corrected by it.
    ClockSkew {
        /// Which visit.
        session: SessionId,
        /// Bridge's clock minus ours.
        offset_ms: i64,
    },
    /// The bridge's civil clock was set during an interval; the monotonic one counts.
    ClockStepped {
        /// Which visit.
        session: SessionId,
        /// Which interval.
        n: u32,
    },
    /// The bridge was killed in this interval and found it again: up to 5 s at its end may be missing.
    Recovered {
        /// Which visit.
        session: SessionId,
        /// Which interval.
        n: u32,
    },
    /// The visit has earlier and later intervals, but not this one: a message is missing.
    IntervalMissing {
        /// Which visit.
        session: SessionId,
        /// Which interval; of several in a row, the last one.
        n: u32,
    },
    /// The bridge fell silent in this interval, longer than [`SILENT_AFTER`] ago, and has not said since how it ended: what came after
    /// is with the bridge, or lost with it.
    NeverEnded {
        /// Which visit.
        session: SessionId,
        /// Which interval.
        n: u32,
        /// Up to when it is known, by our clock.
        until: DateTime<Utc>,
    },
    /// The visit is over and its bridge counted something else than is held here.
    VisitIncomplete {
        /// Which visit.
        session: SessionId,
        /// What the bridge counted more, in milliseconds; below 0 if it counted less.
        missing_ms: i64,
    },
    /// A person corrected a lesson that is not in the timetable; the correction counts for nothing.
    CorrectionOfNoLesson {
        /// Which one.
        correction: Uuid,
    },
    /// A pupil was live in a lesson that the robot stays out of.
    RobotWasIn {
        /// Slot of the lesson.
        slot: Uuid,
    },
    /// Two lessons lie over each other; the later one counts from the end of the earlier one.
    LessonsOverlap {
        /// Slot of the later lesson.
        slot: Uuid,
    },
}

/// Minutes of presence per lesson. Order, repetition and overlap of `presence` do not change the result.
#[must_use]
pub fn account(lessons: &[Lesson], presence: &[Presence]) -> Account {
    account_within((DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC), lessons, presence)
}

/// One day: what was measured, what looks wrong, and, last, what people corrected.
#[must_use]
pub fn account_of_day(facts: &DayFacts<'_>) -> Account {
    let presence = placed(facts.presence);
    let mut account = account_of(facts.bounds, facts.lessons, &presence);
    never_ended(&mut account, facts, &presence);
    for end in facts.ends {
        let is_complete = end.intervals.0 == end.intervals.1 && end.ms.0 == end.ms.1;
        if !is_complete && facts.bounds.0 <= end.at && end.at < facts.bounds.1 {
            let missing_ms = i64::try_from(i128::from(end.ms.0) - i128::from(end.ms.1)).unwrap_or(i64::MAX);
            account.anomalies.push(Anomaly::VisitIncomplete { session: end.session, missing_ms });
        }
    }
    correction::correct(&mut account, facts.day, facts.bounds, facts.lessons, facts.corrections);
    account
}

/// Says of every interval that stopped growing without a word where it stopped, beside the lesson in which that was.
fn never_ended(account: &mut Account, facts: &DayFacts<'_>, presence: &[Fact]) {
    let silent = presence.iter().filter(|fact| fact.reported.closed_by.is_none()).filter_map(|fact| {
        let until = DateTime::from_timestamp_millis(fact.span.1)?;
        let is_here = facts.bounds.0 <= until && until < facts.bounds.1;
        (is_here && until + SILENT_AFTER < facts.now).then_some((fact.reported.session, fact.reported.n, until))
    });
    for (session, n, until) in silent {
        let odd = Anomaly::NeverEnded { session, n, until };
        let lesson = facts.lessons.iter().position(|lesson| lesson.start < until && until <= lesson.end);
        if let Some(entry) = lesson.and_then(|index| account.lessons.get_mut(index)) {
            entry.anomalies.push(odd);
        }
        account.anomalies.push(odd);
    }
}

/// The presence within `[from, until)`: a day, so that what began before midnight counts on both days, once each.
#[must_use]
pub fn account_within(bounds: (DateTime<Utc>, DateTime<Utc>), lessons: &[Lesson], presence: &[Presence]) -> Account {
    account_of(bounds, lessons, &placed(presence))
}

/// What was reported, without copies, each at its place by our clock.
fn placed(presence: &[Presence]) -> Vec<Fact> {
    merged(presence).into_iter().map(Fact::of).collect()
}

fn account_of(bounds: (DateTime<Utc>, DateTime<Utc>), lessons: &[Lesson], facts: &[Fact]) -> Account {
    let bounds = (ms(bounds.0), ms(bounds.1));
    let missing = missing(facts);
    let facts: Vec<&Fact> = facts.iter().filter(|fact| touches(fact.span, bounds)).collect();
    let spans: Vec<(Tier, Span)> = facts.iter().map(|fact| (fact.reported.tier, both(fact.span, bounds))).collect();
    // A better tier wins where intervals overlap: two tablets of one pupil never make two minutes of one.
    let at_least = |tier: Tier| union(spans.iter().filter(|(t, _)| *t >= tier).map(|(_, span)| *span).collect());
    let (video, stills, all) = (at_least(Tier::Video), at_least(Tier::Stills), at_least(Tier::Audio));

    let (windows, overlaps) = windows(lessons);
    let mut accounts: Vec<AttendanceMinutes> = Vec::with_capacity(lessons.len());
    for (lesson, window) in lessons.iter().zip(&windows) {
        let (in_video, in_stills, in_all) = (within(&video, *window), within(&stills, *window), within(&all, *window));
        let mut anomalies: Vec<Anomaly> = overlaps.iter().filter(|(slot, _)| *slot == lesson.slot).map(|(_, is)| *is).collect();
        if lesson.about.robot_stays_out && in_all > 0 {
            anomalies.push(Anomaly::RobotWasIn { slot: lesson.slot });
        }
        let is_expected = lesson.about.expected && !lesson.about.robot_stays_out;
        accounts.push(AttendanceMinutes {
            slot: lesson.slot,
            start: lesson.start,
            expected: Length(if is_expected { length(ms(lesson.start), ms(lesson.end)) } else { 0 }),
            connected: Length(in_all),
            video: Length(in_video),
            stills: Length(in_stills - in_video),
            audio: Length(in_all - in_stills),
            active: protocol::Active::default(),
            corrected: None,
            anomalies,
        });
    }
    let mut anomalies = Vec::new();
    for fact in &facts {
        let odd = fact.anomalies(&missing);
        for (entry, window) in accounts.iter_mut().zip(&windows) {
            if !odd.is_empty() && overlap(fact.span, *window) > 0 {
                entry.anomalies.extend_from_slice(&odd);
            }
        }
        anomalies.extend(odd);
        // What was done in an interval over two lessons belongs to the one that it lay in for longer.
        let overlaps = windows.iter().map(|window| overlap(fact.span, *window)).enumerate();
        if let Some((index, _)) =
            overlaps.filter(|(_, overlap)| *overlap > 0).max_by_key(|(index, overlap)| (*overlap, usize::MAX - index))
        {
            let (active, more) = (&mut accounts[index].active, &fact.reported.active);
            active.spoke_ms = active.spoke_ms.saturating_add(more.spoke_ms);
            active.hands = active.hands.saturating_add(more.hands);
            active.looks = active.looks.saturating_add(more.looks);
            active.feelings = active.feelings.saturating_add(more.feelings);
        }
    }
    for entry in &mut accounts {
        entry.anomalies.sort_unstable();
        entry.anomalies.dedup();
        anomalies.extend_from_slice(&entry.anomalies);
    }
    anomalies.sort_unstable();
    anomalies.dedup();
    let (total, in_lessons) = (total(&all), accounts.iter().map(|lesson| lesson.connected.0).sum::<u64>());
    Account { lessons: accounts, social: Length(total - in_lessons), social_corrected: None, total: Length(total), anomalies }
}

/// A reported interval with its place by our clock.
struct Fact {
    reported: Presence,
    span: Span,
}

impl Fact {
    fn of(reported: Presence) -> Self {
        let span = position(&reported);
        Self { reported, span }
    }

    fn anomalies(&self, missing: &[(SessionId, u32)]) -> Vec<Anomaly> {
        let Presence { session, n, .. } = self.reported;
        let offset_ms = self.reported.applied_offset_ms();
        let skew = offset_ms.unsigned_abs() > MAX_SKEW_MS.unsigned_abs();
        let is_missing = missing.iter().any(|(s, before)| *s == session && *before == n);
        [
            skew.then_some(Anomaly::ClockSkew { session, offset_ms }),
            was_stepped(&self.reported).then_some(Anomaly::ClockStepped { session, n }),
            (self.reported.closed_by == Some(ClosedBy::Recovery)).then_some(Anomaly::Recovered { session, n }),
            is_missing.then(|| Anomaly::IntervalMissing { session, n: n - 1 }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The intervals whose forerunner is not there, although an earlier one is. They are sorted by visit and number.
fn missing(facts: &[Fact]) -> Vec<(SessionId, u32)> {
    let pairs = facts.windows(2).map(|pair| (&pair[0].reported, &pair[1].reported));
    pairs.filter(|(a, b)| a.session == b.session && b.n > a.n.saturating_add(1)).map(|(_, b)| (b.session, b.n)).collect()
}

/// Whether a span lies in the bounds at least in part; one without length, whether it begins there.
fn touches(span: Span, bounds: Span) -> bool {
    overlap(span, bounds) > 0 || (span.0 == span.1 && bounds.0 <= span.0 && span.0 < bounds.1)
}

/// The lessons' spans in the order given, made disjoint: where two overlap, the earlier one keeps the time.
fn windows(lessons: &[Lesson]) -> (Vec<Span>, Vec<(Uuid, Anomaly)>) {
    let mut order: Vec<usize> = (0..lessons.len()).collect();
    order.sort_by_key(|index| (lessons[*index].start, lessons[*index].end, lessons[*index].slot));
    let mut windows = vec![(0, 0); lessons.len()];
    let mut anomalies = Vec::new();
    let mut taken = i64::MIN;
    for index in order {
        let (start, end) = (ms(lessons[index].start), ms(lessons[index].end));
        if start < taken {
            let slot = lessons[index].slot;
            anomalies.push((slot, Anomaly::LessonsOverlap { slot }));
        }
        windows[index] = (start.max(taken), end.max(taken));
        taken = taken.max(end);
    }
    (windows, anomalies)
}

fn ms(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
