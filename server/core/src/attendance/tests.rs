//! Minutes: worked examples, and the laws that hold for any presence.

use proptest::prelude::*;
use protocol::{Active, RoomId};

use super::*;
use crate::timetable::About;

/// 2026-11-23 00:00 UTC, a Monday.
const DAY: i64 = 1_795_392_000_000;

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(DAY + ms).unwrap()
}

fn lesson(start_s: i64, end_s: i64) -> Lesson {
    let about = About {
        room: RoomId(Uuid::nil()),
        room_name: String::new(),
        subject: String::new(),
        teacher: String::new(),
        robot_stays_out: false,
        expected: true,
    };
    Lesson { slot: Uuid::from_u128(u128::try_from(start_s).unwrap()), start: at(start_s * 1000), end: at(end_s * 1000), about }
}

fn presence(session: u128, n: u32, tier: Tier, from_ms: i64, span_ms: u64) -> Presence {
    Presence {
        session: SessionId(Uuid::from_u128(session)),
        n,
        tier,
        from: at(from_ms),
        until: at(from_ms + i64::try_from(span_ms).unwrap()),
        span_ms,
        active: Active::default(),
        clock_offset_ms: 0,
    }
}

/// `script`: "video 08:50:00-09:36:59; audio …"; expected: minutes of the lesson 08:50–09:50, then social minutes.
fn check_minutes(script: &str, expected: &str) {
    let seconds = |text: &str| {
        let parts: Vec<i64> = text.trim().split(':').map(|part| part.parse().unwrap()).collect();
        parts[0] * 3600 + parts[1] * 60 + parts[2]
    };
    let facts: Vec<Presence> = script
        .split(';')
        .filter(|part| !part.trim().is_empty())
        .enumerate()
        .map(|(index, part)| {
            let (tier, times) = part.trim().split_once(' ').unwrap();
            let tier = match tier {
                "video" => Tier::Video,
                "stills" => Tier::Stills,
                _ => Tier::Audio,
            };
            let (from, until) = times.split_once('-').unwrap();
            let (from, until) = (seconds(from), seconds(until));
            presence(1, u32::try_from(index).unwrap() + 1, tier, from * 1000, u64::try_from(until - from).unwrap() * 1000)
        })
        .collect();
    let account = account(&[lesson(8 * 3600 + 50 * 60, 9 * 3600 + 50 * 60)], &facts);
    let one = &account.lessons[0];
    let text = format!(
        "{} of {}: video {}, stills {}, audio {}; social {}",
        one.connected.minutes().get(),
        one.expected.minutes().get(),
        one.video.minutes().get(),
        one.stills.minutes().get(),
        one.audio.minutes().get(),
        account.social.minutes().get()
    );
    assert_eq!(text, expected, "{script}");
}

#[test]
fn minutes_of_a_lesson() {
    check_minutes("", "0 of 60: video 0, stills 0, audio 0; social 0");
    check_minutes("video 08:50:00-09:50:00", "60 of 60: video 60, stills 0, audio 0; social 0");
    check_minutes("video 08:50:00-09:36:59", "46 of 60: video 46, stills 0, audio 0; social 0");
    check_minutes("video 08:40:00-10:00:00", "60 of 60: video 60, stills 0, audio 0; social 20");
    check_minutes("video 08:50:00-09:10:00; audio 09:10:00-09:30:00", "40 of 60: video 20, stills 0, audio 20; social 0");
}

#[test]
fn seconds_of_several_intervals_are_rounded_down_once() {
    // Three times 40 seconds are two minutes, not three times nothing.
    check_minutes(
        "video 09:00:00-09:00:40; video 09:10:00-09:10:40; video 09:20:00-09:20:40",
        "2 of 60: video 2, stills 0, audio 0; social 0",
    );
}

#[test]
fn two_tablets_of_one_pupil_make_one_minute_of_one_and_the_better_tier_wins() {
    check_minutes("audio 09:00:00-09:30:00; video 09:10:00-09:20:00", "30 of 60: video 10, stills 0, audio 20; social 0");
    check_minutes("video 09:00:00-09:30:00; video 09:00:00-09:30:00", "30 of 60: video 30, stills 0, audio 0; social 0");
}

#[test]
fn a_lesson_that_the_plan_does_not_expect_still_shows_what_happened() {
    let mut lesson = lesson(0, 3600);
    lesson.about.expected = false;
    let account = account(&[lesson], &[presence(1, 1, Tier::Video, 0, 600_000)]);
    assert_eq!((account.lessons[0].expected.ms(), account.lessons[0].connected.minutes().get()), (0, 10));
}

#[test]
fn presence_in_a_lesson_that_the_robot_stays_out_of_is_an_anomaly() {
    let mut lesson = lesson(0, 3600);
    lesson.about.robot_stays_out = true;
    let slot = lesson.slot;
    let account = account(&[lesson], &[presence(1, 1, Tier::Video, 0, 1)]);
    assert_eq!(account.anomalies, [Anomaly::RobotWasIn { slot }]);
    assert_eq!(account.lessons[0].expected.ms(), 0);
}

#[test]
fn a_clock_that_is_off_is_corrected_and_shown() {
    let mut fact = presence(1, 1, Tier::Video, 0, 60_000);
    fact.clock_offset_ms = -600_000;
    let account = account(&[lesson(600, 1200)], &[fact.clone()]);
    assert_eq!(account.lessons[0].connected.minutes().get(), 1);
    assert_eq!(account.anomalies, [Anomaly::ClockSkew { session: fact.session, offset_ms: -600_000 }]);
    fact.clock_offset_ms = -2_000;
    assert_eq!(super::account(&[lesson(600, 1200)], &[fact]).social.minutes().get(), 1, "two seconds are the network");
}

#[test]
fn a_stepped_clock_does_not_stretch_an_interval() {
    let mut fact = presence(1, 1, Tier::Video, 0, 60_000);
    fact.until = at(3_600_000);
    let account = account(&[lesson(0, 3600)], &[fact.clone()]);
    assert_eq!(account.lessons[0].connected.ms(), 60_000);
    assert_eq!(account.anomalies, [Anomaly::ClockStepped { session: fact.session, n: 1 }]);
}

#[test]
fn what_the_pupil_did_belongs_to_the_lesson_in_which_most_of_the_interval_lay() {
    let mut fact = presence(1, 1, Tier::Video, 3_500_000, 200_000);
    fact.active = Active { spoke_ms: 900, hands: 1, looks: 0, feelings: 0 };
    let account = account(&[lesson(0, 3600), lesson(3600, 7200)], &[fact.clone(), fact]);
    assert_eq!((account.lessons[0].active.hands, account.lessons[1].active.hands), (1, 0));
    assert!(account.lessons[0].took_part() && !account.lessons[1].took_part());
}

#[test]
fn impossible_intervals_are_told_by_their_own_numbers() {
    let sent = at(1_000_000);
    assert_eq!(check(1, at(0), at(1000), 1000, sent), Ok(()));
    assert_eq!(check(0, at(0), at(1000), 1000, sent), Err(Impossible::Unnumbered));
    assert_eq!(check(1, at(1), at(0), 0, sent), Err(Impossible::Backwards));
    assert_eq!(check(1, at(0), at(1000), 86_400_001, sent), Err(Impossible::TooLong));
    assert_eq!(check(1, at(0), at(86_400_001), 1000, sent), Err(Impossible::TooLong));
    assert_eq!(check(1, at(0), at(1_060_001), 1000, sent), Err(Impossible::Future));
    assert_eq!(check(1, at(1_000_000), at(1_000_000), 60_001, sent), Err(Impossible::Future));
    assert_eq!(check(1, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MIN_UTC, 5, sent), Ok(()));
}

#[test]
fn presence_over_midnight_counts_once_on_each_day() {
    let fact = presence(1, 1, Tier::Video, -60_000, 180_000);
    let day = |from, until| account_within((at(from), at(until)), &[], std::slice::from_ref(&fact)).total.ms();
    assert_eq!((day(-86_400_000, 0), day(0, 86_400_000)), (60_000, 120_000));
}

fn tiers() -> impl Strategy<Value = Tier> {
    prop::sample::select(vec![Tier::Audio, Tier::Stills, Tier::Video])
}

/// Intervals of one morning with spans of up to half an hour, some of them over each other; each with its own number.
fn facts() -> impl Strategy<Value = Vec<Presence>> {
    prop::collection::vec((0u128..3, tiers(), 0i64..20_000_000, 0u64..1_800_000, 0u64..5_000), 0..25).prop_map(|raw| {
        raw.into_iter()
            .enumerate()
            .map(|(index, (session, tier, from, span, spoke_ms))| {
                let mut fact = presence(session, u32::try_from(index).unwrap() + 1, tier, from, span);
                fact.active.spoke_ms = spoke_ms;
                fact
            })
            .collect()
    })
}

/// Lessons of the same morning: back to back, with gaps, and sometimes over each other.
fn timetable() -> impl Strategy<Value = Vec<Lesson>> {
    prop::collection::vec((0i64..20_000, 60i64..7_200), 0..6)
        .prop_map(|raw| raw.into_iter().map(|(start, length)| lesson(start, start + length)).collect())
}

/// The same answer, worked out second by second instead of by intervals.
fn seconds_by_hand(lesson: &Lesson, facts: &[Presence]) -> u64 {
    let (start, end) = (ms(lesson.start) / 1000, ms(lesson.end) / 1000);
    let is_live = |second: i64| facts.iter().any(|fact| position(fact).0 <= second * 1000 && second * 1000 < position(fact).1);
    u64::try_from((start..end).filter(|second| is_live(*second)).count()).unwrap()
}

proptest! {
    #[test]
    fn order_and_repetition_do_not_matter(lessons in timetable(), facts in facts(), repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let once = account(&lessons, &facts);
        let mut again = facts.clone();
        if !facts.is_empty() {
            again.extend(repeats.iter().map(|index| facts[index.index(facts.len())].clone()));
        }
        again.reverse();
        prop_assert_eq!(account(&lessons, &again), once);
    }

    #[test]
    fn earlier_copies_that_were_shorter_do_not_matter(lessons in timetable(), facts in facts(), part in 0u64..100) {
        let mut with_early = facts.clone();
        with_early.extend(facts.iter().map(|fact| {
            let mut early = fact.clone();
            early.span_ms = fact.span_ms * part / 100;
            early.until = early.from + TimeDelta::milliseconds(i64::try_from(early.span_ms).unwrap());
            early.active.spoke_ms /= 2;
            early
        }));
        prop_assert_eq!(account(&lessons, &with_early), account(&lessons, &facts));
    }

    #[test]
    fn an_interval_cut_in_two_is_the_same_time(lessons in timetable(), facts in facts(), cut in 0u64..100) {
        let parts: Vec<Presence> = facts.iter().flat_map(|fact| {
            let first = fact.span_ms * cut / 100;
            let offset = i64::try_from(first).unwrap();
            let mut a = presence(1, fact.n * 2, fact.tier, ms(fact.from) - DAY, first);
            let b = presence(1, fact.n * 2 + 1, fact.tier, ms(fact.from) - DAY + offset, fact.span_ms - first);
            a.active = fact.active;
            [a, b]
        }).collect();
        let (whole, cut) = (account(&lessons, &facts), account(&lessons, &parts));
        let lengths = |account: &Account| account.lessons.iter().map(|l| (l.connected, l.video, l.stills, l.audio)).collect::<Vec<_>>();
        prop_assert_eq!(lengths(&whole), lengths(&cut));
        prop_assert_eq!((whole.social, whole.total), (cut.social, cut.total));
    }

    #[test]
    fn lessons_and_social_time_together_are_the_total_and_tiers_together_are_the_connected_time(lessons in timetable(), facts in facts()) {
        let account = account(&lessons, &facts);
        let in_lessons = Length::of_disjoint(account.lessons.iter().map(|lesson| lesson.connected));
        prop_assert_eq!(in_lessons.ms() + account.social.ms(), account.total.ms());
        for lesson in &account.lessons {
            prop_assert_eq!(lesson.video.ms() + lesson.stills.ms() + lesson.audio.ms(), lesson.connected.ms());
        }
    }

    #[test]
    fn nothing_is_counted_twice(lessons in timetable(), facts in facts()) {
        let account = account(&lessons, &facts);
        for (lesson, entry) in lessons.iter().zip(&account.lessons) {
            prop_assert!(entry.connected.ms() <= lesson.length().num_milliseconds().unsigned_abs());
        }
        let spans: u64 = facts.iter().map(|fact| fact.span_ms).sum();
        prop_assert!(account.total.ms() <= spans);
    }

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

    #[test]
    fn the_union_agrees_with_counting_seconds(facts in facts(), start in 0i64..5_000) {
        // Whole seconds, so that both ways of counting are exact.
        let whole: Vec<Presence> = facts.iter().map(|f| presence(1, f.n, f.tier, (ms(f.from) - DAY) / 1000 * 1000, f.span_ms / 1000 * 1000)).collect();
        let lesson = lesson(start, start + 3_600);
        prop_assert_eq!(account(std::slice::from_ref(&lesson), &whole).lessons[0].connected.ms(), seconds_by_hand(&lesson, &whole) * 1000);
    }
}
