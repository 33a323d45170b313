//! From one line a second to presence intervals.
//!
//! A second counts when packets of the classroom were forwarded in it *and* the tablet afterwards reported reception: until the
//! report comes, the second is held back. So a pupil whose network died is not credited with what was sent into the void, and one
//! whose reports come late loses nothing. A held second that no report confirms in time is dropped.
//!
//! Lengths are monotonic time; civil time only says where an interval begins, and beside it stands how far that clock was ahead of the
//! server's: position is `from` minus that offset, length is the span, and a step of civil time within an interval changes neither.
//! It knows nothing of sessions, graces or messages: `session.rs` decides what to say when.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::measure::Estimate;
use protocol::{Active, ClosedBy, Now, Tier};

/// A held second with a picture is dropped when no report came for this long.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(3);
/// The same for sound alone, from a tablet that neither sends transport feedback on it nor answers when asked: it reports on sound every
/// 5 s only.
pub const CONFIRM_SOUND_WITHIN: Duration = Duration::from_secs(6);
/// This many pictures in a second are a moving one; fewer are stills.
pub const MOVING_PICTURES: u32 = 3;
/// A picture that stops for less than this still counts as moving, so that a hiccup does not split an interval.
const MOVING_HOLDS: Duration = Duration::from_secs(3);
/// A still counts as "a picture now and then" for this long.
const STILL_HOLDS: Duration = Duration::from_secs(10);
/// Lines further apart are not one run: the machine stood still, or the line in between was lost with others.
const LONGEST_SECOND: Duration = Duration::from_secs(3);
/// Neighbours whose positions differ by less than this adjoin: clocks drift, and what is known of them becomes better.
const ADJOINS: TimeDelta = TimeDelta::seconds(1);
/// What a line stands for when none came shortly before it.
const ONE_SECOND: Duration = Duration::from_secs(1);
/// One packet of speech.
const VOICE_PACKET_MS: u64 = 20;

/// What one second brought to the pupil.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Pictures of which something was forwarded to the pupil.
    pub video: u32,
    /// Sound packets forwarded to the pupil.
    pub audio: u32,
    /// Packets of the pupil's voice that held more than silence.
    pub voice: u32,
    /// Whether the tablet reported reception, or answered that it is there.
    pub reports: bool,
    /// Whether it is known to send transport feedback on sound too, or to answer: some word every second, whatever arrives.
    pub feedback: bool,
}

/// One presence interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// 1, 2, 3 … in the session.
    pub n: u32,
    /// What was received.
    pub tier: Tier,
    /// First instant, by the civil clock.
    pub from: DateTime<Utc>,
    /// One past the last instant, by the civil clock at that moment.
    pub until: DateTime<Utc>,
    /// Length so far, by the monotonic clock.
    pub span: Duration,
    /// How far the civil clock was ahead of the server's at `from`, in milliseconds. Once known, it stays.
    pub clock_offset_ms: Option<i64>,
    /// What the pupil did in it.
    pub active: Active,
}

impl Interval {
    /// Length in whole milliseconds: what is said on the wire and summed.
    #[must_use]
    pub fn span_ms(&self) -> u64 {
        u64::try_from(self.span.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new interval; it has its first second.
    Opened,
    /// The open interval is longer.
    Grew,
    /// An interval grows no more.
    Closed(Interval, ClosedBy),
}

/// The intervals of one session.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// How many seconds of the clock pass in a second of media; over 1 only on a clock that runs fast.
    pace: u32,
    open: Option<Open>,
    held: VecDeque<Held>,
    last_line: Option<Duration>,
    last_report: Option<Duration>,
    last_moving: Option<Duration>,
    last_still: Option<Duration>,
    /// What the pupil did while no interval was open; goes to the next one.
    waiting: Active,
    intervals: u32,
    closed_ms: u64,
    clock: Option<Estimate>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    interval: Interval,
    /// Where it begins, monotonic.
    start: Duration,
    /// Where it ends, monotonic.
    end: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Held {
    Delivered(Delivered),
    Gap,
}

/// Time in which something reached the pupil, on both clocks.
#[derive(Clone, Copy, Debug)]
struct Delivered {
    tier: Tier,
    start: Duration,
    end: Duration,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    spoke_ms: u64,
}

impl Ledger {
    /// No interval yet. `pace` is [`protocol::Clock::speed`].
    #[must_use]
    pub fn new(pace: u32) -> Self {
        Self {
            pace: pace.max(1),
            open: None,
            held: VecDeque::new(),
            last_line: None,
            last_report: None,
            last_moving: None,
            last_still: None,
            waiting: Active::default(),
            intervals: 0,
            closed_ms: 0,
            clock: None,
        }
    }

    /// What is known of the server's time now. An interval that is open and has no offset yet gets the one of its first instant.
    pub fn measured(&mut self, clock: Estimate) {
        self.clock = Some(clock);
        if let Some(Open { interval, start, .. }) = &mut self.open {
            interval.clock_offset_ms.get_or_insert_with(|| clock.ahead_ms(*start, interval.from));
        }
    }

    /// Media can flow from now on, on a new leg or after silence: the first second begins here, and a report that comes now says
    /// nothing about what was sent before.
    pub fn start(&mut self, now: Now) {
        self.held.clear();
        self.last_line = Some(now.monotonic);
        self.last_report = Some(now.monotonic);
    }

    /// Takes the line of the second that just passed.
    pub fn second(&mut self, now: Now, sample: Sample) -> Vec<Change> {
        let end = now.monotonic;
        let start = match self.last_line {
            Some(last) if end.saturating_sub(last) <= LONGEST_SECOND * self.pace => last,
            Some(_) => {
                self.held.push_back(Held::Gap);
                end.saturating_sub(ONE_SECOND * self.pace)
            }
            None => end.saturating_sub(ONE_SECOND * self.pace),
        };
        self.last_line = Some(end);
        let length = end.saturating_sub(start);
        match self.tier(end, sample) {
            Some(tier) if !length.is_zero() => {
                let from = now.utc - TimeDelta::from_std(length).unwrap_or_default();
                let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
                let spoke_ms = (u64::from(sample.voice) * VOICE_PACKET_MS * u64::from(self.pace)).min(length_ms);
                self.held.push_back(Held::Delivered(Delivered { tier, start, end, from, until: now.utc, spoke_ms }));
            }
            Some(_) => {}
            None => self.held.push_back(Held::Gap),
        }
        if sample.reports {
            self.last_report = Some(end);
            return self.confirm();
        }
        self.drop_unconfirmed(end, sample.feedback)
    }

    /// The pupil did something.
    pub fn did(&mut self, add: impl FnOnce(&mut Active)) {
        add(self.open.as_mut().map_or(&mut self.waiting, |open| &mut open.interval.active));
    }

    /// The pupil is known to have been there until now: what is held counts. Keeps the interval open.
    pub fn confirm(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some(held) = self.held.pop_front() {
            match held {
                Held::Gap => changes.extend(self.close(ClosedBy::Interruption)),
                Held::Delivered(delivered) => self.append(delivered, &mut changes),
            }
        }
        changes
    }

    /// Contact is lost: what is held is dropped and the interval closed.
    pub fn interrupt(&mut self) -> Vec<Change> {
        self.held.clear();
        self.close(ClosedBy::Interruption).into_iter().collect()
    }

    /// Closes the open interval, if there is one.
    pub fn close(&mut self, by: ClosedBy) -> Option<Change> {
        let open = self.open.take()?;
        self.closed_ms += open.interval.span_ms();
        Some(Change::Closed(open.interval, by))
    }

    /// The interval that may still grow.
    #[must_use]
    pub fn open(&self) -> Option<&Interval> {
        self.open.as_ref().map(|open| &open.interval)
    }

    /// How many intervals there have been, the open one included.
    #[must_use]
    pub fn intervals(&self) -> u32 {
        self.intervals
    }

    /// Sum of the lengths of the closed ones.
    #[must_use]
    pub fn closed_ms(&self) -> u64 {
        self.closed_ms
    }

    /// Sum of the lengths of all, the open one as far as it is confirmed.
    #[must_use]
    pub fn confirmed_ms(&self) -> u64 {
        self.closed_ms + self.open().map_or(0, Interval::span_ms)
    }

    fn tier(&mut self, at: Duration, sample: Sample) -> Option<Tier> {
        if sample.video == 0 && sample.audio == 0 {
            return None;
        }
        if sample.video > 0 {
            self.last_still = Some(at);
        }
        if sample.video >= MOVING_PICTURES {
            self.last_moving = Some(at);
        }
        let pace = self.pace;
        let within = |last: Option<Duration>, limit: Duration| last.is_some_and(|last| at.saturating_sub(last) < limit * pace);
        Some(if within(self.last_moving, MOVING_HOLDS) {
            Tier::Video
        } else if within(self.last_still, STILL_HOLDS) && (sample.video > 0 || self.is_in(Tier::Stills)) {
            Tier::Stills
        } else {
            Tier::Audio
        })
    }

    fn is_in(&self, tier: Tier) -> bool {
        let held = self.held.iter().rev().find_map(|held| match held {
            Held::Delivered(delivered) => Some(delivered.tier),
            Held::Gap => None,
        });
        held.or(self.open().map(|open| open.tier)) == Some(tier)
    }

    fn append(&mut self, delivered: Delivered, changes: &mut Vec<Change>) {
        let Delivered { tier, start, end, mut from, until, spoke_ms } = delivered;
        let mut clock_offset_ms = self.clock.map(|clock| clock.ahead_ms(start, from));
        if let Some(open) = self.open.as_mut() {
            let adjoins = open.end == start;
            if adjoins && open.interval.tier == tier {
                open.end = end;
                open.interval.until = until;
                open.interval.span += end.saturating_sub(start);
                open.interval.active.spoke_ms += spoke_ms;
                changes.push(Change::Grew);
                return;
            }
            let before = open.interval;
            if adjoins {
                (from, clock_offset_ms) = self.adjoining(before, start, from, clock_offset_ms);
            }
            changes.extend(self.close(if adjoins { ClosedBy::TierChange } else { ClosedBy::Interruption }));
        }
        self.intervals += 1;
        let mut active = std::mem::take(&mut self.waiting);
        active.spoke_ms += spoke_ms;
        let span = end.saturating_sub(start);
        let interval = Interval { n: self.intervals, tier, from, until, span, clock_offset_ms, active };
        self.open = Some(Open { interval, start, end });
        changes.push(Change::Opened);
    }

    /// Where an interval begins that follows `before` without a pause: they neither overlap nor leave a crack, unless a clock stepped.
    fn adjoining(
        &self,
        before: Interval,
        start: Duration,
        mut from: DateTime<Utc>,
        mut offset_ms: Option<i64>,
    ) -> (DateTime<Utc>, Option<i64>) {
        let nearly = ADJOINS * i32::try_from(self.pace).unwrap_or(i32::MAX);
        if (from - before.until).abs() < nearly {
            from = before.until;
            offset_ms = self.clock.map(|clock| clock.ahead_ms(start, from));
        }
        if let (Some(then), Some(now)) = (before.clock_offset_ms, offset_ms) {
            let span = TimeDelta::from_std(before.span).unwrap_or(TimeDelta::MAX);
            let exact = (from - (before.from - TimeDelta::milliseconds(then) + span)).num_milliseconds();
            if (exact - now).unsigned_abs() < nearly.num_milliseconds().unsigned_abs() {
                offset_ms = Some(exact);
            }
        }
        (from, offset_ms)
    }

    fn drop_unconfirmed(&mut self, at: Duration, feedback: bool) -> Vec<Change> {
        let limit = match self.held.iter().find(|held| matches!(held, Held::Delivered(_))) {
            Some(Held::Delivered(Delivered { tier: Tier::Audio, .. })) if !feedback => CONFIRM_SOUND_WITHIN,
            Some(_) => CONFIRM_WITHIN,
            // Nothing but gaps: no report can make a second of them.
            None => Duration::ZERO,
        };
        let silent_for = self.last_report.map_or(Duration::MAX, |last| at.saturating_sub(last));
        if silent_for >= limit * self.pace && !self.held.is_empty() { self.interrupt() } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests;
