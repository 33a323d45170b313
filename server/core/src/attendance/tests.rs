//! Minutes: worked examples. The laws are in `laws.rs`.

use protocol::{Active, RoomId};

use super::*;
use crate::timetable::About;

/// 2026-11-23 00:00 UTC, a Monday.
pub(super) const DAY: i64 = 1_795_392_000_000;

pub(super) fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(DAY + ms).unwrap()
}

pub(super) fn lesson(start_s: i64, end_s: i64) -> Lesson {
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

pub(super) fn presence(session: u128, n: u32, tier: Tier, from_ms: i64, span_ms: u64) -> Presence {
    Presence {
        session: SessionId(Uuid::from_u128(session)),
        n,
        tier,
        from: at(from_ms),
        until: at(from_ms + i64::try_from(span_ms).unwrap()),
        span_ms,
        active: Active::default(),
        closed_by: None,
        measured_offset_ms: None,
        arrival_offset_ms: 0,
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

/// Where a minute of presence lies, said to begin at 00:00:00 by a clock with these offsets, and what is odd about it.
fn check_position(measured_ms: Option<i64>, arrival_ms: i64, expected_from_ms: i64, is_odd: bool) {
    let mut fact = presence(1, 1, Tier::Video, 0, 60_000);
    (fact.measured_offset_ms, fact.arrival_offset_ms) = (measured_ms, arrival_ms);
    assert_eq!(position(&fact), (DAY + expected_from_ms, DAY + expected_from_ms + 60_000), "{measured_ms:?}, {arrival_ms}");
    assert_eq!(fact.placed_from(), at(expected_from_ms));
    let account = account(&[], &[fact]);
    assert_eq!(account.anomalies.len(), usize::from(is_odd), "{:?}", account.anomalies);
    assert_eq!(account.total.ms(), 60_000);
}

#[test]
fn a_measured_offset_is_always_applied_and_an_arrival_only_beyond_the_delay_of_a_network() {
    check_position(None, 0, 0, false);
    check_position(None, -2_000, 0, false);
    check_position(None, -2_001, 2_001, true);
    check_position(None, 600_000, -600_000, true);
    check_position(Some(40), 0, -40, false);
    check_position(Some(-2_000), 700_000, 2_000, false);
    check_position(Some(-600_000), 0, 600_000, true);
    check_position(Some(0), 600_000, 0, false);
}

#[test]
fn the_offset_of_the_first_copy_counts_not_a_later_larger_one() {
    let mut early = presence(1, 1, Tier::Video, 0, 30_000);
    early.arrival_offset_ms = -600_000;
    // The clock was set right after the first copy: the later copy says nothing about where the interval began.
    let mut late = presence(1, 1, Tier::Video, 0, 60_000);
    (late.arrival_offset_ms, late.until) = (0, at(660_000));
    let account = account(&[lesson(600, 1200)], &[late, early.clone()]);
    assert_eq!(account.lessons[0].connected.ms(), 60_000);
    let session = early.session;
    assert_eq!(
        account.anomalies,
        [Anomaly::ClockSkew { session, offset_ms: -600_000 }, Anomaly::ClockStepped { session, n: 1 }]
    );
    assert_eq!(account.lessons[0].anomalies, account.anomalies);
}

#[test]
fn a_clock_set_during_the_interval_is_led_back_to_its_first_instant() {
    // Ten minutes slow at 00:00:00, set right after 30 s, sent after 60 s with a clock that is right by then.
    assert_eq!(offset_at_from(at(0), at(660_000), 60_000, 0), -600_000);
    // Never set: what was seen on sending was so from the beginning.
    assert_eq!(offset_at_from(at(0), at(60_000), 60_000, -5), -5);
    assert_eq!(offset_at_from(at(0), at(61_000), 60_000, -5), -5, "a leap second is no step");
}

#[test]
fn a_stepped_clock_does_not_stretch_or_cut_an_interval() {
    for until in [61_001, 3_600_000, -1, -86_400_000] {
        let mut fact = presence(1, 1, Tier::Video, 0, 60_000);
        fact.until = at(until);
        let account = account(&[lesson(0, 3600)], &[fact.clone()]);
        assert_eq!(account.lessons[0].connected.ms(), 60_000, "{until}");
        assert_eq!(account.anomalies, [Anomaly::ClockStepped { session: fact.session, n: 1 }], "{until}");
    }
    let mut leap = presence(1, 1, Tier::Video, 0, 60_000);
    leap.until = at(59_000);
    assert_eq!(account(&[], &[leap]).anomalies, []);
}

#[test]
fn what_may_be_missing_is_said_beside_the_lesson_that_it_touches() {
    let mut killed = presence(1, 1, Tier::Video, 0, 60_000);
    killed.closed_by = Some(ClosedBy::Recovery);
    let later = presence(1, 4, Tier::Video, 3_700_000, 60_000);
    let account = account(&[lesson(0, 3600), lesson(3600, 7200)], &[later, killed.clone()]);
    let session = killed.session;
    assert_eq!(account.lessons[0].anomalies, [Anomaly::Recovered { session, n: 1 }]);
    assert_eq!(account.lessons[1].anomalies, [Anomaly::IntervalMissing { session, n: 3 }]);
    assert_eq!(account.anomalies.len(), 2);
    // An end seen by the bridge itself outweighs what it found after a restart.
    let mut ended = killed.clone();
    ended.closed_by = Some(ClosedBy::End);
    assert_eq!(super::account(&[], &[killed, ended]).anomalies, []);
}

fn day_facts<'a>(
    lessons: &'a [Lesson],
    presence: &'a [Presence],
    ends: &'a [VisitEnd],
    corrections: &'a [Correction],
) -> DayFacts<'a> {
    let day = at(0).date_naive();
    DayFacts { day, bounds: (at(0), at(86_400_000)), lessons, presence, ends, corrections, now: at(0) }
}

#[test]
fn a_visit_whose_bridge_counted_something_else_is_said_on_the_day_it_ended() {
    let session = SessionId(Uuid::from_u128(1));
    let end = |at, ms| VisitEnd { session, at, intervals: (2, 2), ms };
    let odd = |end| account_of_day(&day_facts(&[], &[], &[end], &[])).anomalies;
    assert_eq!(odd(end(at(5), (90_000, 60_000))), [Anomaly::VisitIncomplete { session, missing_ms: 30_000 }]);
    assert_eq!(odd(end(at(5), (60_000, 90_000))), [Anomaly::VisitIncomplete { session, missing_ms: -30_000 }]);
    assert_eq!(odd(end(at(5), (90_000, 90_000))), []);
    assert_eq!(odd(end(at(-1), (90_000, 60_000))), []);
    let fewer = VisitEnd { session, at: at(5), intervals: (3, 2), ms: (60_000, 60_000) };
    assert_eq!(odd(fewer), [Anomaly::VisitIncomplete { session, missing_ms: 0 }]);
}

#[test]
fn a_bridge_that_never_comes_back_is_said_beside_the_lesson_in_which_it_fell_silent() {
    let mut open = presence(1, 2, Tier::Video, 3_600_000, 60_000);
    open.closed_by = None;
    let (session, until) = (open.session, at(3_660_000));
    let lessons = [lesson(0, 3600), lesson(3600, 7200)];
    let of = |facts: &[Presence], now| account_of_day(&DayFacts { now, ..day_facts(&lessons, facts, &[], &[]) });
    assert_eq!(of(&[open.clone()], until + SILENT_AFTER).anomalies, [], "it may still speak");
    let later = of(&[open.clone()], until + SILENT_AFTER + TimeDelta::milliseconds(1));
    let odd = Anomaly::NeverEnded { session, n: 2, until };
    assert_eq!(
        (&later.anomalies[..], &later.lessons[0].anomalies[..], &later.lessons[1].anomalies[..]),
        (&[odd][..], &[][..], &[odd][..])
    );
    assert_eq!(later.lessons[1].connected.ms(), 60_000, "what is known counts");
    // It came back and said how the interval ended, or an earlier copy is told again.
    let mut ended = open.clone();
    ended.closed_by = Some(ClosedBy::End);
    assert_eq!(of(&[open, ended], at(86_400_000)).anomalies, []);
}

/// A correction of the lesson 00:00–01:00, made at `at_s`.
fn correction(id: u128, to_min: Option<u64>, at_s: i64) -> Correction {
    let target = Target::Lesson { slot: Uuid::from_u128(0), start: at(0) };
    Correction { id: Uuid::from_u128(id), target, to: to_min.map(|min| Length::of_ms(min * 60_000)), at: at(at_s * 1000) }
}

#[test]
fn the_latest_correction_counts_beside_the_measured_length() {
    let lessons = [lesson(0, 3600)];
    let live = [presence(1, 1, Tier::Video, 0, 600_000)];
    let check = |corrections: &[Correction], counted_min: u32, by: Option<u128>| {
        let account = account_of_day(&day_facts(&lessons, &live, &[], corrections));
        let entry = &account.lessons[0];
        assert_eq!(entry.connected.minutes().get(), 10, "measured stays measured");
        assert_eq!(entry.counted().minutes().get(), counted_min, "{corrections:?}");
        assert_eq!(entry.corrected.map(|corrected| corrected.by), by.map(Uuid::from_u128));
        assert_eq!(account.anomalies, []);
    };
    check(&[], 10, None);
    check(&[correction(1, Some(45), 1)], 45, Some(1));
    check(&[correction(1, Some(0), 1)], 0, Some(1));
    check(&[correction(1, Some(999), 1)], 60, Some(1));
    check(&[correction(2, Some(30), 2), correction(1, Some(45), 1)], 30, Some(2));
    check(&[correction(2, None, 2), correction(1, Some(45), 1)], 10, None);
    check(&[correction(3, Some(20), 3), correction(2, None, 2), correction(1, Some(45), 1)], 20, Some(3));
    check(&[correction(2, Some(30), 1), correction(1, Some(45), 1)], 30, Some(2));
}

#[test]
fn a_correction_of_no_lesson_counts_for_nothing_and_is_said() {
    let other = [lesson(3600, 7200)];
    let account = account_of_day(&day_facts(&other, &[], &[], &[correction(1, Some(45), 1)]));
    assert_eq!(account.lessons[0].counted().ms(), 0);
    assert_eq!(account.anomalies, [Anomaly::CorrectionOfNoLesson { correction: Uuid::from_u128(1) }]);
    let taken_back = [correction(1, Some(45), 1), correction(2, None, 2)];
    assert_eq!(account_of_day(&day_facts(&other, &[], &[], &taken_back)).anomalies, []);
}

#[test]
fn social_time_is_corrected_for_the_day_and_at_most_what_lessons_leave() {
    let lessons = [lesson(0, 3600)];
    let day = at(0).date_naive();
    let social = |day, min: u64| {
        let to = Some(Length::of_ms(min * 60_000));
        let correction = Correction { id: Uuid::from_u128(1), target: Target::Social { day }, to, at: at(0) };
        let account = account_of_day(&day_facts(&lessons, &[], &[], &[correction]));
        assert_eq!((account.social.ms(), account.total.ms()), (0, 0), "measured stays measured");
        account.social_counted().minutes().get()
    };
    assert_eq!(social(day, 25), 25);
    assert_eq!(social(day, 5_000), 23 * 60);
    assert_eq!(social(day.succ_opt().unwrap(), 25), 0);
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
fn only_what_is_true_by_no_clock_is_refused() {
    let check = |n, until_ms, span_ms| check(n, at(0), at(until_ms), span_ms);
    assert_eq!(check(1, 1000, 1000), Ok(()));
    assert_eq!(check(0, 1000, 1000), Err(Impossible::Unnumbered));
    assert_eq!(check(1, 1000, 86_400_000), Ok(()));
    assert_eq!(check(1, 1000, 86_400_001), Err(Impossible::TooLong));
    // A clock set back or forth by years tells nothing about the length; a refused fact would be lost.
    assert_eq!(check(1, -30 * 31_536_000_000, 1000), Ok(()));
    assert_eq!(check(1, 30 * 31_536_000_000, 1000), Ok(()));
    assert_eq!(super::check(1, DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH, 5), Ok(()), "a clock that lost its battery");
    assert_eq!(super::check(1, DateTime::<Utc>::MIN_UTC, at(0), 5), Err(Impossible::NoSuchTime));
    assert_eq!(super::check(1, at(0), DateTime::<Utc>::MAX_UTC, 5), Err(Impossible::NoSuchTime));
}

#[test]
fn presence_over_midnight_counts_once_on_each_day() {
    let fact = presence(1, 1, Tier::Video, -60_000, 180_000);
    let day = |from, until| account_within((at(from), at(until)), &[], std::slice::from_ref(&fact)).total.ms();
    assert_eq!((day(-86_400_000, 0), day(0, 86_400_000)), (60_000, 120_000));
}
