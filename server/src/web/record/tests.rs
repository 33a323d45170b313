//! What the record says in each situation of a lesson, and that it never blames.

use protocol::RoomId;
use server_core::attendance::{Presence, account};
use server_core::timetable::About;

use super::*;

const LESSON_START: &str = "2026-11-17T11:10:00Z";

fn lesson(expected: bool, robot_stays_out: bool) -> Lesson {
    let start: DateTime<Utc> = LESSON_START.parse().unwrap();
    let about = About {
        room: RoomId(Uuid::nil()),
        room_name: "Room 12".to_owned(),
        subject: "Science".to_owned(),
        teacher: "Mr T.".to_owned(),
        robot_stays_out,
        expected,
    };
    Lesson { slot: Uuid::nil(), start, end: start + TimeDelta::minutes(60), about }
}

fn presence(from_minute: i64, minutes: i64, tier: protocol::Tier, hands: u32) -> Presence {
    let from = LESSON_START.parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(from_minute);
    Presence {
        session: protocol::SessionId(Uuid::nil()),
        n: u32::try_from(from_minute + 1).unwrap(),
        tier,
        from,
        until: from + TimeDelta::minutes(minutes),
        span_ms: u64::try_from(minutes * 60_000).unwrap(),
        active: protocol::Active { hands, ..Default::default() },
        closed_by: None,
        measured_offset_ms: None,
        arrival_offset_ms: 0,
    }
}

fn check(lesson: Lesson, presence: &[Presence], now: &str, is_live: bool, rested: bool, expected: &str) {
    let counted = account(std::slice::from_ref(&lesson), presence);
    let at = Moment { now: now.parse().unwrap(), zone: chrono_tz::Europe::London, is_live, rested };
    let view = lesson_view(&lesson, &counted.lessons[0], &at);
    let happened = match &view.happened {
        Told::Chip(chip) => chip.text().to_owned(),
        Told::Quiet(text) | Told::Plain(text) => format!("({text})"),
    };
    assert_eq!(format!("{} | {} | {}{} | {happened}", view.title, view.expected, view.minutes, view.detail), expected);
}

#[test]
fn each_situation_has_its_words() {
    let video = protocol::Tier::Video;
    let (before, during, after) = ("2026-11-17T11:04:00Z", "2026-11-17T11:40:00Z", "2026-11-17T12:30:00Z");
    let title = "11:10 Science, Room 12";
    check(lesson(true, false), &[], before, false, false, &format!("{title} | 60 min | to come | Starts in 6 minutes"));
    check(
        lesson(true, false),
        &[],
        "2026-11-17T08:00:00Z",
        false,
        false,
        &format!("{title} | 60 min | to come | (Later today)"),
    );
    check(lesson(false, false), &[], before, false, false, &format!("{title} | Not expected | – | (Joins if well enough)"));
    check(lesson(true, true), &[], before, false, false, "11:10 Science | Not expected | – | Robot stays out");
    check(
        lesson(true, false),
        &[presence(2, 28, video, 0)],
        during,
        true,
        false,
        &format!("{title} | 60 min | 28 min so far | In class now"),
    );
    check(
        lesson(true, false),
        &[],
        during,
        false,
        false,
        &format!("{title} | 60 min | 0 min so far | (Not in class at the moment)"),
    );
    check(lesson(true, false), &[], during, false, true, &format!("{title} | 60 min | 0 min so far | Rested"));
    check(
        lesson(true, false),
        &[presence(0, 46, video, 1)],
        after,
        false,
        false,
        &format!("{title} | 60 min | 46 min, all with picture | Took part: hand up"),
    );
    check(
        lesson(true, false),
        &[presence(0, 30, video, 0), presence(30, 10, protocol::Tier::Audio, 0)],
        after,
        false,
        false,
        &format!("{title} | 60 min | 40 min, 10 of it sound only | Listened"),
    );
    // Report: a lesson that was all still pictures read like one with a moving picture.
    let stills = protocol::Tier::Stills;
    check(
        lesson(true, false),
        &[presence(0, 12, stills, 0)],
        after,
        false,
        false,
        &format!("{title} | 60 min | 12 min, 12 of it still pictures | Listened"),
    );
    check(
        lesson(true, false),
        &[presence(0, 30, video, 0), presence(30, 12, stills, 0), presence(42, 5, protocol::Tier::Audio, 0)],
        after,
        false,
        false,
        &format!("{title} | 60 min | 47 min, 12 of it still pictures, 5 sound only | Listened"),
    );
    check(lesson(true, false), &[], after, false, false, &format!("{title} | 60 min | 0 min | (Not known. Ask the school.)"));
    check(lesson(false, false), &[], after, false, false, &format!("{title} | Not expected | – | ()"));
}

#[test]
fn the_plan_shows_where_it_stands() {
    let stage = |stage, done: Option<&str>, due: Option<&str>| PlanStageRow {
        stage,
        title: format!("T{stage}"),
        due_day: due.map(|day| day.parse().unwrap()),
        done_day: done.map(|day| day.parse().unwrap()),
    };
    let views = stage_views(&[stage(1, Some("2026-10-09"), None), stage(2, None, Some("2026-11-19")), stage(3, None, None)]);
    let text: Vec<String> = views.iter().map(|view| format!("{}:{}", view.class, view.text)).collect();
    assert_eq!(text, ["done:T1, done 9 Oct", "here:T2, by 19 Nov", ":T3"]);
}
