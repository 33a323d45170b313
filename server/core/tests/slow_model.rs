//! The minutes, worked out a second time in the slowest and plainest way, and compared over random histories.
//!
//! The history is a list of ticks of 100 ms, each with what really reached the pupil. From it come, on one side, the messages of
//! bridges whose clocks are wrong and are set in the middle of visits, in copies, cut, doubled and shuffled; on the other, a
//! count of ticks, lesson by lesson, that never sees a message. Lessons come from looking at the wall clock of every minute of
//! the days, two of which have 23 and 25 hours. Nothing here shares code with the accounting but its inputs and results.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;
use protocol::{Active, ClosedBy, RoomId, SessionId, Tier};
use server_core::attendance::{
    Account, Anomaly, Correction, DayFacts, Length, Presence, Target, account_of_day, offset_at_from,
};
use server_core::calendar::{Calendar, Week};
use server_core::timetable::{About, Days, Slot, lessons_on};
use uuid::Uuid;

const TICK_MS: i64 = 100;
const TICKS_A_MINUTE: usize = 600;
/// A Saturday before the clocks go forward, back, or stay; and a place where they move by half an hour.
const WEEKENDS: [(&str, &str); 5] = [
    ("2026-03-28", "Europe/London"),
    ("2026-10-24", "Europe/London"),
    ("2026-11-21", "Europe/London"),
    ("2026-04-04", "Australia/Lord_Howe"),
    ("2026-10-03", "Australia/Lord_Howe"),
];
/// The days that are counted, beginning with the Saturday; the ticks reach a day further on both sides.
const COUNTED: u64 = 3;
const MARGIN_DAYS: u64 = 1;

// ── What really happened ──

/// A run of ticks in which something reached the pupil.
#[derive(Clone, Debug)]
struct Run {
    visit: u8,
    bridge: usize,
    tier: Tier,
    first: usize,
    ticks: usize,
    spoke_ms: u64,
    hands: u32,
    /// Lengths, in per mille, at which copies were sent before the whole.
    copies: Vec<usize>,
}

/// A bridge's civil clock: wrong by `before`, from a tick on by `after`.
#[derive(Clone, Copy, Debug)]
struct BridgeClock {
    before_ms: i64,
    after_ms: i64,
    set_at: usize,
    measures: bool,
}

impl BridgeClock {
    fn offset_ms(&self, tick: usize) -> i64 {
        if tick < self.set_at { self.before_ms } else { self.after_ms }
    }
}

#[derive(Clone, Debug)]
struct World {
    weekend: usize,
    week_one_is_this: bool,
    closed_on: Option<u64>,
    slots: Vec<SlotPlan>,
    bridges: Vec<BridgeClock>,
    runs: Vec<Run>,
    corrections: Vec<(prop::sample::Index, Option<u64>)>,
    shuffle: u64,
}

/// A slot of the timetable; days are counted from the Saturday.
#[derive(Clone, Debug)]
struct SlotPlan {
    week_one: bool,
    on: u64,
    start_min: u16,
    length_min: u16,
    in_force: (Option<u64>, Option<u64>),
    expected: Option<(Option<u64>, Option<u64>)>,
    robot_stays_out: bool,
}

fn ticks_in_all() -> usize {
    usize::try_from(COUNTED + 2 * MARGIN_DAYS).unwrap() * 24 * 60 * TICKS_A_MINUTE
}

fn worlds() -> impl Strategy<Value = World> {
    let offset = (-40i64..40).prop_map(|n| n * 3_000);
    let clock = (offset.clone(), offset, 0..ticks_in_all(), any::<bool>())
        .prop_map(|(before_ms, after_ms, set_at, measures)| BridgeClock { before_ms, after_ms, set_at, measures });
    let range = || (prop::option::of(0u64..COUNTED), prop::option::of(0u64..COUNTED));
    let slot =
        (any::<bool>(), 0..COUNTED, 0u16..1_430, 1u16..200, range(), prop::option::of(range()), prop::bool::weighted(0.1))
            .prop_map(|(week_one, on, start_min, length_min, in_force, expected, robot_stays_out)| SlotPlan {
                week_one,
                on,
                start_min,
                length_min,
                in_force,
                expected,
                robot_stays_out,
            });
    let tier = prop::sample::select(vec![Tier::Audio, Tier::Stills, Tier::Video]);
    let run = (
        0u8..4,
        0usize..3,
        tier,
        0..ticks_in_all() - 100_000,
        0usize..100_000,
        (0u64..9_000, 0u32..3),
        prop::collection::vec(0usize..1_000, 0..3),
    )
        .prop_map(|(visit, bridge, tier, first, ticks, (spoke_ms, hands), copies)| Run {
            visit,
            bridge,
            tier,
            first,
            ticks,
            spoke_ms,
            hands,
            copies,
        });
    (
        (0..WEEKENDS.len(), any::<bool>(), prop::option::weighted(0.1, 0..COUNTED)),
        prop::collection::vec(slot, 0..9),
        prop::collection::vec(clock, 3),
        prop::collection::vec(run, 0..20),
        prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(0u64..9_000_000)), 0..4),
        any::<u64>(),
    )
        .prop_map(|((weekend, week_one_is_this, closed_on), slots, bridges, runs, corrections, shuffle)| World {
            weekend,
            week_one_is_this,
            closed_on,
            slots,
            bridges,
            runs,
            corrections,
            shuffle,
        })
}

impl World {
    fn zone(&self) -> Tz {
        WEEKENDS[self.weekend].1.parse().unwrap()
    }

    fn day(&self, n: u64) -> NaiveDate {
        WEEKENDS[self.weekend].0.parse::<NaiveDate>().unwrap() + chrono::Days::new(n)
    }

    /// The instant of tick 0: midnight UTC, a day before the Saturday.
    fn origin(&self) -> DateTime<Utc> {
        (self.day(0) - chrono::Days::new(MARGIN_DAYS)).and_time(NaiveTime::MIN).and_utc()
    }

    fn at(&self, tick: usize) -> DateTime<Utc> {
        self.origin() + TimeDelta::milliseconds(i64::try_from(tick).unwrap() * TICK_MS)
    }

    fn is_week_one(&self, day: NaiveDate) -> bool {
        // Saturday and Sunday are in one week, Monday in the next.
        (day.weekday() != Weekday::Mon) == self.week_one_is_this
    }

    fn slot_id(index: usize) -> Uuid {
        Uuid::from_u128(1_000 + index as u128)
    }

    // ── One side: what the program is given ──

    fn calendar(&self) -> Calendar {
        let one = if self.week_one_is_this { self.day(0) } else { self.day(2) };
        Calendar::new(WEEKENDS[self.weekend].1, [one], self.closed_on.map(|n| self.day(n))).unwrap()
    }

    fn days(&self, (from, until): (Option<u64>, Option<u64>)) -> Days {
        Days { from: from.map(|n| self.day(n)), until: until.map(|n| self.day(n)) }
    }

    fn slots(&self) -> Vec<Slot> {
        let slot = |(index, plan): (usize, &SlotPlan)| Slot {
            id: Self::slot_id(index),
            week: if plan.week_one { Week::One } else { Week::Two },
            weekday: self.day(plan.on).weekday(),
            start_min: plan.start_min,
            end_min: (plan.start_min + plan.length_min).min(1_440),
            days: self.days(plan.in_force),
            expected: plan.expected.map(|range| self.days(range)),
            about: About {
                room: RoomId(Uuid::nil()),
                room_name: String::new(),
                subject: String::new(),
                teacher: String::new(),
                robot_stays_out: plan.robot_stays_out,
                expected: false,
            },
        };
        self.slots.iter().enumerate().map(slot).collect()
    }

    /// Every message of every bridge, in any order, some twice.
    fn messages(&self) -> Vec<Presence> {
        let mut messages = Vec::new();
        for (run, n) in self.runs.iter().zip(1u32..) {
            let clock = self.bridges[run.bridge];
            let shown = |tick: usize| self.at(tick) + TimeDelta::milliseconds(clock.offset_ms(tick));
            let lengths = run.copies.iter().map(|part| run.ticks * part / 1_000).chain([run.ticks]);
            for ticks in lengths {
                let end = run.first + ticks;
                let (from, until) = (shown(run.first), shown(end));
                let span_ms = u64::try_from(ticks).unwrap() * 100;
                let share = |count: u64| if ticks == run.ticks { count } else { count * span_ms / 20_000_000 };
                messages.push(Presence {
                    session: SessionId(Uuid::from_u128(u128::from(run.visit))),
                    n,
                    tier: run.tier,
                    from,
                    until,
                    span_ms,
                    active: Active {
                        spoke_ms: share(run.spoke_ms),
                        hands: u32::try_from(share(u64::from(run.hands))).unwrap(),
                        looks: 0,
                        feelings: 0,
                    },
                    closed_by: (ticks == run.ticks).then_some(ClosedBy::End),
                    measured_offset_ms: clock.measures.then(|| clock.offset_ms(run.first)),
                    arrival_offset_ms: offset_at_from(from, until, span_ms, clock.offset_ms(end)),
                });
            }
        }
        let twice: Vec<Presence> = messages.iter().step_by(3).cloned().collect();
        messages.extend(twice);
        let mut keyed: Vec<(u64, Presence)> = messages
            .into_iter()
            .zip(1u64..)
            .map(|(message, place)| (self.shuffle.wrapping_mul(place | 1).rotate_left(23) ^ place, message))
            .collect();
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, message)| message).collect()
    }

    fn corrections(&self) -> Vec<Correction> {
        if self.slots.is_empty() {
            return Vec::new();
        }
        let correction = |(said, (index, to)): (usize, &(prop::sample::Index, Option<u64>))| {
            let slot = index.index(self.slots.len());
            let plan = &self.slots[slot];
            Correction {
                id: Uuid::from_u128(said as u128),
                target: Target::Lesson {
                    slot: Self::slot_id(slot),
                    start: self.first_minute_at(self.day(plan.on), plan.start_min),
                },
                to: to.map(Length::of_ms),
                at: self.at(said),
            }
        };
        self.corrections.iter().enumerate().map(correction).collect()
    }

    // ── The other side: looking at clocks and counting ticks ──

    /// The first minute at which the wall clock has reached `minutes` after midnight of `day`, or has passed it.
    fn first_minute_at(&self, day: NaiveDate, minutes: u16) -> DateTime<Utc> {
        let wanted = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minutes));
        let mut at = self.zone().from_utc_datetime(&(wanted - TimeDelta::hours(26))).to_utc();
        while at.with_timezone(&self.zone()).naive_local() < wanted {
            at += TimeDelta::minutes(1);
        }
        at
    }

    fn tick_of(&self, at: DateTime<Utc>) -> usize {
        usize::try_from((at - self.origin()).num_milliseconds() / TICK_MS).unwrap()
    }

    /// What reached the pupil in each tick, as the best of everything: 0 nothing, 1 sound, 2 stills, 3 video.
    fn truth(&self) -> Vec<u8> {
        let mut ticks = vec![0u8; ticks_in_all()];
        for run in &self.runs {
            let tier = match run.tier {
                Tier::Audio => 1,
                Tier::Stills => 2,
                Tier::Video => 3,
            };
            for tick in &mut ticks[run.first..run.first + run.ticks] {
                *tick = (*tick).max(tier);
            }
        }
        ticks
    }

    /// The lessons of a day: index of the slot, first tick, one past the last; by time.
    fn lessons(&self, n: u64) -> Vec<(usize, usize, usize)> {
        if self.closed_on == Some(n) {
            return Vec::new();
        }
        let holds = |(from, until): (Option<u64>, Option<u64>)| {
            from.is_none_or(|from| n >= from) && until.is_none_or(|until| n <= until)
        };
        let day = self.day(n);
        let mut lessons = Vec::new();
        for (index, plan) in self.slots.iter().enumerate() {
            if plan.on == n && plan.week_one == self.is_week_one(day) && holds(plan.in_force) {
                let first = self.tick_of(self.first_minute_at(day, plan.start_min));
                let end = self.tick_of(self.first_minute_at(day, (plan.start_min + plan.length_min).min(1_440)));
                if first < end {
                    lessons.push((first, end, index));
                }
            }
        }
        lessons.sort_unstable();
        lessons.into_iter().map(|(first, end, index)| (index, first, end)).collect()
    }
}

/// Counts of one lesson.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counted {
    slot: Option<Uuid>,
    expected_ms: u64,
    tiers_ms: [u64; 3],
    spoke_ms: u64,
    hands: u32,
    record_ms: u64,
}

/// One day, tick by tick.
fn by_hand(world: &World, truth: &[u8], n: u64) -> (Vec<Counted>, u64, u64) {
    let day =
        (world.tick_of(world.first_minute_at(world.day(n), 0)), world.tick_of(world.first_minute_at(world.day(n + 1), 0)));
    let lessons = world.lessons(n);
    let mut counted: Vec<Counted> = Vec::new();
    for (index, first, end) in &lessons {
        let plan = &world.slots[*index];
        let is_expected = !plan.robot_stays_out
            && plan
                .expected
                .is_some_and(|(from, until)| from.is_none_or(|from| n >= from) && until.is_none_or(|until| n <= until));
        let expected_ms = if is_expected { (end - first) as u64 * 100 } else { 0 };
        counted.push(Counted { slot: Some(World::slot_id(*index)), expected_ms, ..Counted::default() });
    }
    // The lesson that a tick belongs to is the first one that it lies in.
    let lesson_of = |tick: usize| lessons.iter().position(|(_, first, end)| *first <= tick && tick < *end);
    let (mut social, mut total) = (0, 0);
    for (tick, tier) in truth.iter().enumerate().take(day.1).skip(day.0) {
        if *tier > 0 {
            total += 100;
            match lesson_of(tick) {
                Some(lesson) => counted[lesson].tiers_ms[usize::from(*tier) - 1] += 100,
                None => social += 100,
            }
        }
    }
    for run in &world.runs {
        let mut shares = vec![0usize; lessons.len()];
        // Only a run that touches the day: the other days count for themselves.
        if run.first < day.1 && run.first + run.ticks > day.0 {
            for tick in run.first..run.first + run.ticks {
                if let Some(lesson) = lesson_of(tick) {
                    shares[lesson] += 1;
                }
            }
        }
        if let Some(most) = shares.iter().copied().max().filter(|most| *most > 0) {
            let lesson = shares.iter().position(|share| *share == most).unwrap();
            counted[lesson].spoke_ms += run.spoke_ms;
            counted[lesson].hands += run.hands;
        }
    }
    for (lesson, (index, first, end)) in counted.iter_mut().zip(&lessons) {
        lesson.record_ms = lesson.tiers_ms.iter().sum();
        let mut said = None;
        for (of, to) in &world.corrections {
            if of.index(world.slots.len()) == *index {
                said = *to;
            }
        }
        if let Some(said) = said {
            lesson.record_ms = said.min((end - first) as u64 * 100);
        }
    }
    (counted, social, total)
}

fn by_program(account: &Account) -> (Vec<Counted>, u64, u64) {
    let counted = account.lessons.iter().map(|lesson| Counted {
        slot: Some(lesson.slot),
        expected_ms: lesson.expected.ms(),
        tiers_ms: [lesson.audio.ms(), lesson.stills.ms(), lesson.video.ms()],
        spoke_ms: lesson.active.spoke_ms,
        hands: lesson.active.hands,
        record_ms: lesson.counted().ms(),
    });
    (counted.collect(), account.social.ms(), account.total.ms())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_minutes_are_those_that_counting_ticks_gives(world in worlds()) {
        let (truth, messages, slots, calendar, corrections) =
            (world.truth(), world.messages(), world.slots(), world.calendar(), world.corrections());
        for n in 0..COUNTED {
            let day = world.day(n);
            let lessons = lessons_on(&calendar, &slots, day);
            let bounds = calendar.bounds(day);
            let account = account_of_day(&DayFacts {
                day,
                bounds,
                lessons: &lessons,
                presence: &messages,
                ends: &[],
                corrections: &corrections,
                now: bounds.0,
            });
            prop_assert_eq!(by_program(&account), by_hand(&world, &truth, n), "{} of {:?}", day, world);
            let says_skew = account.anomalies.iter().any(|odd| matches!(odd, Anomaly::ClockSkew { .. }));
            let had_skew = world.runs.iter().any(|run| {
                let (from, until) = (world.at(run.first), world.at(run.first + run.ticks));
                let touches = from < bounds.1 && (until > bounds.0 || (from == until && from >= bounds.0));
                touches && world.bridges[run.bridge].offset_ms(run.first).abs() > 2_000
            });
            prop_assert_eq!(says_skew, had_skew);
        }
    }
}
