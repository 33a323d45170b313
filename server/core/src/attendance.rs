//! Presence + lessons → attendance minutes, with what looks wrong beside them.
//!
//! A minute is never added to another: it is the length of a union of intervals. So order, repetition and overlap of the
//! intervals do not change the result, nor does one interval cut in two. Lengths are kept in milliseconds and rounded down to
//! minutes once, at the edge, by [`Length::minutes`]. Time outside lessons is social time, kept apart; lessons and social time
//! together are exactly the total.
//!
//! These are minutes of remote participation: evidence for the pupil's record, never a mark of the statutory register.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::{Minutes, SessionId, Tier};
use uuid::Uuid;

use crate::timetable::Lesson;

/// A clock that is off by more than this is corrected, and shown as an anomaly. Less is the network's delay.
pub const MAX_SKEW_MS: i64 = 2_000;

/// One interval of presence as the bridge reported it, so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Which visit.
    pub session: SessionId,
    /// Number within the visit.
    pub n: u32,
    /// What was received.
    pub tier: Tier,
    /// First instant, by the bridge's civil clock: the position.
    pub from: DateTime<Utc>,
    /// One past the last, by the same clock: only compared with the span.
    pub until: DateTime<Utc>,
    /// By the bridge's monotonic clock, in milliseconds: the length.
    pub span_ms: u64,
    /// What the pupil did in it.
    pub active: protocol::Active,
    /// Bridge's civil clock minus ours, in milliseconds.
    pub clock_offset_ms: i64,
}

/// A length of time. Shown in whole minutes; never summed as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(u64);

impl Length {
    /// Whole minutes, rounded down.
    #[must_use]
    pub fn minutes(self) -> Minutes {
        Minutes::floor_of_seconds(self.0 / 1000)
    }

    /// Milliseconds, for tests and exports.
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
}

impl AttendanceMinutes {
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
    /// Live at all: lessons and social time together.
    pub total: Length,
    /// Facts that break a rule, without repetition.
    pub anomalies: Vec<Anomaly>,
}

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
    /// The bridge's two clocks disagree about the length; the monotonic one counts.
    ClockStepped {
        /// Which visit.
        session: SessionId,
        /// Which interval.
        n: u32,
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

/// The same, of the presence within `[from, until)`: a day, so that what began before midnight counts on both days, once each.
#[must_use]
pub fn account_within(bounds: (DateTime<Utc>, DateTime<Utc>), lessons: &[Lesson], presence: &[Presence]) -> Account {
    let bounds = (ms(bounds.0), ms(bounds.1));
    let mut anomalies = Vec::new();
    let facts = merged(presence);
    for fact in &facts {
        if fact.clock_offset_ms.abs() > MAX_SKEW_MS {
            anomalies.push(Anomaly::ClockSkew { session: fact.session, offset_ms: fact.clock_offset_ms });
        }
        let by_wall = (fact.until - fact.from).num_milliseconds();
        if by_wall.abs_diff(i64::try_from(fact.span_ms).unwrap_or(i64::MAX)) > MAX_SKEW_MS.unsigned_abs() {
            anomalies.push(Anomaly::ClockStepped { session: fact.session, n: fact.n });
        }
    }
    let inside = |span: Span| (span.0.max(bounds.0), span.1.min(bounds.1));
    let spans: Vec<(Tier, Span)> = facts.iter().map(|fact| (fact.tier, inside(position(fact)))).collect();
    // A better tier wins where intervals overlap: two tablets of one pupil never make two minutes of one.
    let at_least = |tier: Tier| union(spans.iter().filter(|(t, _)| *t >= tier).map(|(_, span)| *span).collect());
    let (video, stills, all) = (at_least(Tier::Video), at_least(Tier::Stills), at_least(Tier::Audio));

    let (windows, overlaps) = windows(lessons);
    anomalies.extend(overlaps);
    let mut accounts: Vec<AttendanceMinutes> = Vec::with_capacity(lessons.len());
    for (lesson, window) in lessons.iter().zip(&windows) {
        let (in_video, in_stills, in_all) = (within(&video, *window), within(&stills, *window), within(&all, *window));
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
        });
    }
    for fact in &facts {
        // What was done in an interval over two lessons belongs to the one that it lay in for longer.
        let span = position(fact);
        let overlaps = windows.iter().map(|window| overlap(span, *window)).enumerate();
        if let Some((index, _)) =
            overlaps.filter(|(_, overlap)| *overlap > 0).max_by_key(|(index, overlap)| (*overlap, usize::MAX - index))
        {
            let active = &mut accounts[index].active;
            active.spoke_ms = active.spoke_ms.saturating_add(fact.active.spoke_ms);
            active.hands = active.hands.saturating_add(fact.active.hands);
            active.looks = active.looks.saturating_add(fact.active.looks);
            active.feelings = active.feelings.saturating_add(fact.active.feelings);
        }
    }
    let total: u64 = all.iter().map(|(from, until)| length(*from, *until)).sum();
    let in_lessons: u64 = accounts.iter().map(|lesson| lesson.connected.0).sum();
    anomalies.sort();
    anomalies.dedup();
    Account { lessons: accounts, social: Length(total - in_lessons), total: Length(total), anomalies }
}

/// `[from, until)` in milliseconds of UTC.
type Span = (i64, i64);

/// The facts without copies: of each (session, n) the longest, with the largest counts.
fn merged(presence: &[Presence]) -> Vec<Presence> {
    let mut facts: BTreeMap<(SessionId, u32, DateTime<Utc>, Tier), Presence> = BTreeMap::new();
    for fact in presence {
        facts
            .entry((fact.session, fact.n, fact.from, fact.tier))
            .and_modify(|known| {
                known.until = known.until.max(fact.until);
                known.span_ms = known.span_ms.max(fact.span_ms);
                known.clock_offset_ms = known.clock_offset_ms.max(fact.clock_offset_ms);
                known.active.spoke_ms = known.active.spoke_ms.max(fact.active.spoke_ms);
                known.active.hands = known.active.hands.max(fact.active.hands);
                known.active.looks = known.active.looks.max(fact.active.looks);
                known.active.feelings = known.active.feelings.max(fact.active.feelings);
            })
            .or_insert_with(|| fact.clone());
    }
    facts.into_values().collect()
}

/// Where the interval lies by our clock: position from the civil clock, corrected if it was off; length from the monotonic one.
fn position(fact: &Presence) -> Span {
    let skew = if fact.clock_offset_ms.abs() > MAX_SKEW_MS { fact.clock_offset_ms } else { 0 };
    let from = ms(fact.from).saturating_sub(skew);
    (from, from.saturating_add_unsigned(fact.span_ms))
}

/// Sorted, disjoint, not touching.
fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|(from, until)| from < until);
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for (from, until) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => joined.push((from, until)),
        }
    }
    joined
}

/// The lessons' spans in the order given, made disjoint: where two overlap, the earlier one keeps the time.
fn windows(lessons: &[Lesson]) -> (Vec<Span>, Vec<Anomaly>) {
    let mut order: Vec<usize> = (0..lessons.len()).collect();
    order.sort_by_key(|index| (lessons[*index].start, lessons[*index].end, lessons[*index].slot));
    let mut windows = vec![(0, 0); lessons.len()];
    let mut anomalies = Vec::new();
    let mut taken = i64::MIN;
    for index in order {
        let (start, end) = (ms(lessons[index].start), ms(lessons[index].end));
        if start < taken {
            anomalies.push(Anomaly::LessonsOverlap { slot: lessons[index].slot });
        }
        windows[index] = (start.max(taken), end.max(taken));
        taken = taken.max(end);
    }
    (windows, anomalies)
}

fn within(spans: &[Span], window: Span) -> u64 {
    spans.iter().map(|span| overlap(*span, window)).sum()
}

fn overlap(a: Span, b: Span) -> u64 {
    length(a.0.max(b.0), a.1.min(b.1))
}

fn length(from: i64, until: i64) -> u64 {
    if from < until { until.abs_diff(from) } else { 0 }
}

fn ms(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// A reported interval that cannot be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// It ends before it begins.
    #[error("the interval ends before it begins")]
    Backwards,
    /// Longer than a day.
    #[error("the interval is longer than a day")]
    TooLong,
    /// It lies in the future, even by the sender's own clock.
    #[error("the interval lies in the future")]
    Future,
    /// Intervals are numbered from 1.
    #[error("the interval has the number 0")]
    Unnumbered,
}

/// An interval may end this long after the moment its sender sent it: the second that is still being counted.
const FUTURE_MS: i64 = 60_000;

/// Whether an interval can be true, by its own numbers and the sender's own clock at sending.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(
    n: u32,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    span_ms: u64,
    sent_at: DateTime<Utc>,
) -> Result<(), Impossible> {
    let day = TimeDelta::days(1);
    if n == 0 {
        return Err(Impossible::Unnumbered);
    }
    if until < from {
        return Err(Impossible::Backwards);
    }
    if until - from > day || span_ms > day.num_milliseconds().unsigned_abs() {
        return Err(Impossible::TooLong);
    }
    if (until - sent_at).num_milliseconds() > FUTURE_MS
        || from.timestamp_millis().saturating_add_unsigned(span_ms) > ms(sent_at) + FUTURE_MS
    {
        return Err(Impossible::Future);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
