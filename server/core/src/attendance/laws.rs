//! The laws of the minutes, each for any presence: see the head of `attendance.rs`, whose numbers are in the comments here.

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use proptest::sample::Index;
use protocol::Active;

use super::tests::{DAY, at, lesson, presence};
use super::*;
use crate::calendar::Calendar;

fn tiers() -> impl Strategy<Value = Tier> {
    prop::sample::select(vec![Tier::Audio, Tier::Stills, Tier::Video])
}

/// Intervals of one morning with spans of up to half an hour, some of them over each other; each with its own number.
fn facts() -> impl Strategy<Value = Vec<Presence>> {
    prop::collection::vec((0u128..3, tiers(), 0i64..20_000_000, 0u64..1_800_000, 0u64..5_000), 0..25).prop_map(|raw| {
        let facts = raw.into_iter().enumerate().map(|(index, (session, tier, from, span, spoke_ms))| {
            let mut fact = presence(session, u32::try_from(index).unwrap() + 1, tier, from, span);
            fact.active.spoke_ms = spoke_ms;
            fact
        });
        facts.collect()
    })
}

/// Lessons of the same morning: back to back, with gaps, and sometimes over each other.
fn timetable() -> impl Strategy<Value = Vec<Lesson>> {
    prop::collection::vec((0i64..20_000, 60i64..7_200), 0..6)
        .prop_map(|raw| raw.into_iter().map(|(start, length)| lesson(start, start + length)).collect())
}

fn corrections() -> impl Strategy<Value = Vec<(Index, Option<u64>, i64)>> {
    prop::collection::vec((any::<Index>(), prop::option::of(0u64..20_000_000), 0i64..5), 0..8)
}

/// Corrections of the given lessons, and of the day's social time.
fn corrections_of(lessons: &[Lesson], raw: &[(Index, Option<u64>, i64)]) -> Vec<Correction> {
    let targets: Vec<Target> = lessons
        .iter()
        .map(|lesson| Target::Lesson { slot: lesson.slot, start: lesson.start })
        .chain([Target::Social { day: at(0).date_naive() }])
        .collect();
    let correction = |(id, (index, to, said)): (usize, &(Index, Option<u64>, i64))| Correction {
        id: Uuid::from_u128(id as u128),
        target: targets[index.index(targets.len())],
        to: to.map(Length::of_ms),
        at: at(*said),
    };
    raw.iter().enumerate().map(correction).collect()
}

fn of_day(lessons: &[Lesson], presence: &[Presence], corrections: &[Correction]) -> Account {
    let bounds = (at(0), at(86_400_000));
    account_of_day(&DayFacts { day: at(0).date_naive(), bounds, lessons, presence, ends: &[], corrections, now: at(0) })
}

/// The lengths alone.
fn lengths(account: &Account) -> (Vec<[Length; 4]>, Length, Length) {
    let lessons = account.lessons.iter().map(|l| [l.connected, l.video, l.stills, l.audio]).collect();
    (lessons, account.social, account.total)
}

/// Copies of `facts` as they were some time before they were complete.
fn earlier_copies(facts: &[Presence], part: u64) -> Vec<Presence> {
    let earlier = facts.iter().map(|fact| {
        let mut early = fact.clone();
        early.span_ms = fact.span_ms * part / 100;
        early.until = early.from + chrono::TimeDelta::milliseconds(i64::try_from(early.span_ms).unwrap());
        early.active = Active { spoke_ms: fact.active.spoke_ms / 2, ..fact.active };
        early
    });
    earlier.collect()
}

proptest! {
    // Law 1.
    #[test]
    fn order_and_repetition_do_not_matter(lessons in timetable(), facts in facts(), repeats in prop::collection::vec(any::<Index>(), 0..20), seed in any::<u64>()) {
        let once = account(&lessons, &facts);
        let mut again = facts.clone();
        if !facts.is_empty() {
            again.extend(repeats.iter().map(|index| facts[index.index(facts.len())].clone()));
        }
        // Any order: by a number made of the seed and the place.
        let mut keyed: Vec<(u64, Presence)> = again.into_iter().zip(1u64..).map(|(fact, place)| (seed.wrapping_mul(place | 1).rotate_left(17) ^ place, fact)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        let again: Vec<Presence> = keyed.into_iter().map(|(_, fact)| fact).collect();
        prop_assert_eq!(account(&lessons, &again), once);
    }

    // Law 1.
    #[test]
    fn earlier_copies_that_were_shorter_do_not_matter(lessons in timetable(), facts in facts(), part in 0u64..100) {
        let mut with_early = facts.clone();
        with_early.extend(earlier_copies(&facts, part));
        prop_assert_eq!(account(&lessons, &with_early), account(&lessons, &facts));
    }

    // Law 1, where copies disagree about the clock: whichever copy comes first in the slice, the answer is the same.
    #[test]
    fn copies_that_disagree_about_the_clock_have_one_answer_in_any_order(lessons in timetable(), facts in facts(), part in 0u64..100, arrival in -900_000i64..900_000, measured in prop::option::of(-900_000i64..900_000)) {
        let mut early = earlier_copies(&facts, part);
        for copy in &mut early {
            (copy.arrival_offset_ms, copy.measured_offset_ms) = (arrival, measured);
        }
        let (mut one, mut other) = (facts.clone(), early.clone());
        one.extend(early);
        other.extend(facts);
        prop_assert_eq!(account(&lessons, &one), account(&lessons, &other));
    }

    // Law 2.
    #[test]
    fn an_interval_cut_in_two_is_the_same_time(lessons in timetable(), facts in facts(), cut in 0u64..100) {
        let parts: Vec<Presence> = facts.iter().flat_map(|fact| {
            let first = fact.span_ms * cut / 100;
            let offset = i64::try_from(first).unwrap();
            let a = presence(1, fact.n * 2, fact.tier, ms(fact.from) - DAY, first);
            let b = presence(1, fact.n * 2 + 1, fact.tier, ms(fact.from) - DAY + offset, fact.span_ms - first);
            [a, b]
        }).collect();
        prop_assert_eq!(lengths(&account(&lessons, &facts)), lengths(&account(&lessons, &parts)));
    }

    // Law 2, for what was done as well: a message is how a fact travels, so how many carried it does not matter.
    #[test]
    fn facts_split_over_messages_in_any_way_are_the_same_account(lessons in timetable(), facts in facts(), at in any::<Index>()) {
        let (first, second) = facts.split_at(at.index(facts.len() + 1));
        let mut joined = second.to_vec();
        joined.extend_from_slice(first);
        joined.extend_from_slice(second);
        prop_assert_eq!(account(&lessons, &joined), account(&lessons, &facts));
    }

    // Law 3.
    #[test]
    fn two_tablets_or_two_robots_at_once_count_once(lessons in timetable(), facts in facts()) {
        let mut doubled = facts.clone();
        doubled.extend(facts.iter().map(|fact| Presence { session: SessionId(Uuid::from_u128(77)), ..fact.clone() }));
        prop_assert_eq!(lengths(&account(&lessons, &doubled)), lengths(&account(&lessons, &facts)));
    }

    // Law 3.
    #[test]
    fn no_second_is_counted_twice(lessons in timetable(), facts in facts()) {
        let account = account(&lessons, &facts);
        for (lesson, entry) in lessons.iter().zip(&account.lessons) {
            prop_assert!(entry.connected.ms() <= lesson.length().num_milliseconds().unsigned_abs());
        }
        let spans: u64 = facts.iter().map(|fact| fact.span_ms).sum();
        prop_assert!(account.total.ms() <= spans);
    }

    // Law 4.
    #[test]
    fn lessons_and_social_time_together_are_the_total(lessons in timetable(), facts in facts()) {
        let account = account(&lessons, &facts);
        prop_assert_eq!(account.in_lessons(|lesson| lesson.connected).ms() + account.social.ms(), account.total.ms());
    }

    // Law 4.
    #[test]
    fn the_tiers_together_are_the_connected_time(lessons in timetable(), facts in facts()) {
        for lesson in account(&lessons, &facts).lessons {
            prop_assert_eq!(lesson.video.ms() + lesson.stills.ms() + lesson.audio.ms(), lesson.connected.ms());
        }
    }

    // Law 4.
    #[test]
    fn minutes_are_floored_once(facts in facts(), lessons in timetable()) {
        let account = account(&lessons, &facts);
        let of_sum = account.in_lessons(|lesson| lesson.connected);
        let sum_of_floors: u32 = account.lessons.iter().map(|lesson| lesson.connected.minutes().get()).sum();
        prop_assert_eq!(u64::from(of_sum.minutes().get()), of_sum.ms() / 60_000);
        prop_assert!(sum_of_floors <= of_sum.minutes().get());
    }

    // Law 5: over a week-end on which the clocks change, and over an ordinary one.
    #[test]
    fn days_tile_time_in_any_zone_also_when_the_clocks_change(first in prop::sample::select(vec!["2026-03-27", "2026-10-23", "2026-11-20"]), zone in prop::sample::select(vec!["Europe/London", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]), raw in prop::collection::vec((tiers(), 0i64..345_600_000, 0u64..86_400_000), 0..12)) {
        let calendar = Calendar::new(zone, [], []).unwrap();
        let first: NaiveDate = first.parse().unwrap();
        let start = ms(calendar.bounds(first).0);
        let facts: Vec<Presence> = raw.iter().zip(1..).map(|((tier, from, span), n)| presence(1, n, *tier, start - DAY + from, *span)).collect();
        let days: u64 = (0..8).map(|n| account_within(calendar.bounds(first + Days::new(n)), &[], &facts).total.ms()).sum();
        prop_assert_eq!(days, account(&[], &facts).total.ms());
    }

    // Law 6.
    #[test]
    fn more_presence_is_never_less_time(lessons in timetable(), facts in facts(), more in facts()) {
        let mut all = facts.clone();
        all.extend(more.into_iter().map(|mut fact| { fact.session = SessionId(Uuid::from_u128(99)); fact }));
        let (some, all) = (account(&lessons, &facts), account(&lessons, &all));
        prop_assert!(some.total <= all.total);
        for (before, after) in some.lessons.iter().zip(&all.lessons) {
            prop_assert!(before.connected <= after.connected && before.video <= after.video);
        }
    }

    // Law 7.
    #[test]
    fn a_clock_whose_offset_was_measured_gives_the_minutes_of_a_right_one(lessons in timetable(), facts in facts(), offsets in prop::collection::vec(-2_000_000_000i64..2_000_000_000, 1..4), arrival in -2_000_000i64..2_000_000) {
        let moved: Vec<Presence> = facts.iter().map(|fact| {
            let offset = offsets[fact.n as usize % offsets.len()];
            let by = chrono::TimeDelta::milliseconds(offset);
            Presence { from: fact.from + by, until: fact.until + by, measured_offset_ms: Some(offset), arrival_offset_ms: arrival, ..fact.clone() }
        }).collect();
        prop_assert_eq!(lengths(&account(&lessons, &moved)), lengths(&account(&lessons, &facts)));
    }

    // Law 7: without a measure, the arrival of the first copy stands in beyond the delay of a network.
    #[test]
    fn a_clock_that_was_far_off_and_never_measured_is_corrected_by_the_first_arrival(lessons in timetable(), facts in facts(), offset in prop_oneof![-2_000_000i64..-2_000, 2_001i64..2_000_000]) {
        let by = chrono::TimeDelta::milliseconds(offset);
        let moved: Vec<Presence> = facts.iter().map(|fact| Presence { from: fact.from + by, until: fact.until + by, arrival_offset_ms: offset_at_from(fact.from + by, fact.until + by, fact.span_ms, offset), ..fact.clone() }).collect();
        let by_arrival = account(&lessons, &moved);
        prop_assert_eq!(lengths(&by_arrival), lengths(&account(&lessons, &facts)));
        prop_assert_eq!(by_arrival.anomalies.iter().any(|odd| matches!(odd, Anomaly::ClockSkew { .. })), !facts.is_empty());
    }

    // Law 7: setting the civil clock in the middle of an interval changes no length and no position.
    #[test]
    fn a_clock_set_during_an_interval_changes_no_minute(lessons in timetable(), facts in facts(), step in -80_000_000i64..80_000_000) {
        let stepped: Vec<Presence> = facts.iter().map(|fact| Presence { until: fact.until + chrono::TimeDelta::milliseconds(step), measured_offset_ms: Some(0), ..fact.clone() }).collect();
        prop_assert_eq!(lengths(&account(&lessons, &stepped)), lengths(&account(&lessons, &facts)));
    }

    // Law 8.
    #[test]
    fn corrections_never_change_what_was_measured(lessons in timetable(), facts in facts(), raw in corrections()) {
        let corrections = corrections_of(&lessons, &raw);
        prop_assert_eq!(lengths(&of_day(&lessons, &facts, &corrections)), lengths(&of_day(&lessons, &facts, &[])));
    }

    // Law 8.
    #[test]
    fn a_corrected_length_is_never_longer_than_its_lesson(lessons in timetable(), facts in facts(), raw in corrections()) {
        let account = of_day(&lessons, &facts, &corrections_of(&lessons, &raw));
        for (lesson, entry) in lessons.iter().zip(&account.lessons) {
            prop_assert!(entry.counted().ms() <= lesson.length().num_milliseconds().unsigned_abs());
        }
        prop_assert!(account.social_counted().ms() <= 86_400_000);
    }

    // Law 8.
    #[test]
    fn order_and_repetition_of_corrections_do_not_matter(lessons in timetable(), facts in facts(), raw in corrections(), repeats in prop::collection::vec(any::<Index>(), 0..5)) {
        let corrections = corrections_of(&lessons, &raw);
        let mut again = corrections.clone();
        if !corrections.is_empty() {
            again.extend(repeats.iter().map(|index| corrections[index.index(corrections.len())]));
        }
        again.reverse();
        prop_assert_eq!(of_day(&lessons, &facts, &again), of_day(&lessons, &facts, &corrections));
    }

    // Law 8: facts that arrive after a correction do not move what a person stated.
    #[test]
    fn a_stated_length_stays_when_late_facts_arrive(lessons in timetable(), facts in facts(), late in facts(), raw in corrections()) {
        let corrections = corrections_of(&lessons, &raw);
        let mut all = facts.clone();
        all.extend(late.into_iter().map(|fact| Presence { session: SessionId(Uuid::from_u128(99)), ..fact }));
        let (before, after) = (of_day(&lessons, &facts, &corrections), of_day(&lessons, &all, &corrections));
        for (before, after) in before.lessons.iter().zip(&after.lessons) {
            prop_assert_eq!(before.corrected, after.corrected);
        }
    }
}
