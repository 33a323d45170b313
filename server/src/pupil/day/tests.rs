//! The day as a table: a time, a robot, and the words.

use super::*;

/// November: the school's clock is UTC.
fn at(time: &str) -> DateTime<Utc> {
    format!("2026-11-17T{time}Z").parse().unwrap()
}

fn lesson(start: &str, end: &str, subject: &str) -> DayLesson {
    DayLesson {
        start: at(&format!("{start}:00")),
        end: at(&format!("{end}:00")),
        subject: subject.to_owned(),
        room: "Room 12".to_owned(),
        teacher: "Mr T.".to_owned(),
        stays_out: false,
        expected: true,
        attended_s: 0,
        rested: false,
    }
}

fn day() -> Vec<DayLesson> {
    let mut lessons = vec![
        lesson("08:50", "09:50", "Maths"),
        lesson("09:50", "10:50", "English"),
        lesson("11:10", "12:10", "Science"),
        lesson("13:05", "14:05", "Geography"),
        lesson("14:05", "15:05", "PE"),
    ];
    lessons[0].attended_s = 2760;
    lessons[1].rested = true;
    lessons[4].stays_out = true;
    lessons
}

fn robin() -> RobotFacts {
    RobotFacts {
        name: "Robin".to_owned(),
        room: Some("Room 12".to_owned()),
        is_here: true,
        battery_pct: Some(80),
        ..RobotFacts::default()
    }
}

fn view(time: &str, robot: &RobotFacts, lessons: &[DayLesson]) -> DayView {
    let calendar = Calendar::new("Europe/London", None, []).unwrap();
    // As `server_core::placement::may_join` decides it: half an hour around the day, a robot that is willing, not in PE.
    let now = at(time);
    let in_hours = lessons.first().is_some_and(|first| now >= first.start - TimeDelta::minutes(30))
        && lessons.last().is_some_and(|last| now < last.end + TimeDelta::minutes(30));
    let may_enter = in_hours
        && robot.is_here
        && !robot.is_paused
        && !robot.is_off
        && !lessons.iter().any(|lesson| lesson.stays_out && lesson.start <= now && now < lesson.end);
    day_view(&calendar, now, may_enter, robot, lessons)
}

fn check(time: &str, robot: &RobotFacts, expected: &str) {
    let now = view(time, robot, &day()).now;
    let doors = match (now.can_enter, now.can_rest) {
        (true, true) => "go, rest",
        (true, false) => "go",
        (false, true) => "rest",
        (false, false) => "-",
    };
    assert_eq!(format!("{} | {} | {} | {} | {doors}", now.state, now.chip, now.title, now.lead), expected, "at {time}");
}

#[test]
fn the_large_card_over_a_day() {
    let r = robin();
    check("06:00:00", &r, "later | Robin is in Room 12 and ready | Maths is next | At 8:50, in Room 12. | -");
    check(
        "08:30:00",
        &r,
        "social | Robin is in Room 12 and ready | Maths is next | At 8:50, in Room 12. Robin is at your table, if you like. | go",
    );
    check(
        "11:08:00",
        &r,
        "ready | Robin is in Room 12 and ready | Science is starting | 11:10 to 12:10, with Mr T., in Room 12. | go, rest",
    );
    check(
        "11:10:00",
        &r,
        "ready | Robin is in Room 12 and ready | Science is on now | 11:10 to 12:10, with Mr T., in Room 12. | go, rest",
    );
    check(
        "12:10:00",
        &r,
        "social | Robin is in Room 12 and ready | Geography is next | At 1:05, in Room 12. Robin is at your table, if you like. | go",
    );
    check("14:10:00", &r, "stays-out | Not in this one | PE is on now | Robin stays out of this lesson. | -");
    check(
        "15:05:00",
        &r,
        "done | Done for today | That was all for today | Robin keeps your seat for next time. Robin is at your table, if you like. | go",
    );
    check("16:00:00", &r, "done | Done for today | That was all for today | Robin keeps your seat for next time. | -");
    check(
        "10:00:00",
        &r,
        "resting | You are resting | English is on now | Robin keeps your seat. Come when you like, or not today. 9:50 to 10:50, with Mr T., in Room 12. | go",
    );
}

#[test]
fn a_robot_that_is_not_ready_says_so_without_blame() {
    let on = "Science is on now | 11:10 to 12:10, with Mr T., in Room 12.";
    check(
        "11:20:00",
        &RobotFacts { is_here: false, ..robin() },
        &format!("away | Robin is not connected just now | {on} | rest"),
    );
    check(
        "11:20:00",
        &RobotFacts { is_here: false, is_off: true, ..robin() },
        &format!("away | Robin is switched off in school | {on} | rest"),
    );
    check(
        "11:20:00",
        &RobotFacts { is_here: false, battery_pct: Some(3), ..robin() },
        &format!("away | Robin’s battery is empty | {on} | rest"),
    );
    check(
        "11:20:00",
        &RobotFacts { is_carried: true, room: None, ..robin() },
        &format!("carried | Robin is being carried | {on} | go, rest"),
    );
    check("11:20:00", &RobotFacts { is_paused: true, ..robin() }, &format!("paused | Robin is paused in class | {on} | rest"));
    check(
        "11:20:00",
        &RobotFacts { battery_pct: Some(4), ..robin() },
        &format!("ready | Robin is in Room 12. Its battery is nearly empty | {on} | go, rest"),
    );
    check(
        "11:20:00",
        &RobotFacts { battery_pct: Some(4), is_charging: true, ..robin() },
        &format!("ready | Robin is in Room 12 and ready | {on} | go, rest"),
    );
}

#[test]
fn the_list_has_kind_words() {
    let words = |time: &str| -> Vec<String> {
        view(time, &robin(), &day())
            .lessons
            .into_iter()
            .map(|lesson| {
                format!("{} {}: {}{}", lesson.time, lesson.subject, lesson.chip, if lesson.is_now { " *" } else { "" })
            })
            .collect()
    };
    assert_eq!(
        words("11:08:00"),
        [
            "8:50 Maths: You were there",
            "9:50 English: You rested",
            "11:10 Science: In 2 minutes *",
            "1:05 Geography: Later",
            "2:05 PE: Not in this one"
        ]
    );
    assert_eq!(words("12:30:00")[2..4], ["11:10 Science: Finished", "1:05 Geography: In 35 minutes"]);
    assert_eq!(words("13:04:30")[3], "1:05 Geography: In 1 minute *");
    let mut lessons = day();
    lessons[3].expected = false;
    assert_eq!(view("09:00:00", &robin(), &lessons).lessons[3].chip, "If you like");
}

#[test]
fn a_day_without_lessons_keeps_the_seat() {
    let view = view("10:00:00", &robin(), &[]);
    assert_eq!((view.now.state, view.now.can_enter, view.now.can_rest), ("none", false, false));
    assert_eq!(view.day, "Tuesday");
    assert_eq!(view.class.title, "With Robin");
}

#[test]
fn no_word_of_the_day_blames() {
    for hour in 6..20 {
        let view = view(&format!("{hour:02}:15:00"), &RobotFacts { is_here: false, ..robin() }, &day());
        let text = format!("{view:?}").to_lowercase();
        for word in ["missed", "absent", "failed", "error", "late "] {
            assert!(!text.contains(word), "{word} at {hour}: {text}");
        }
    }
}

#[test]
fn a_pupil_without_a_robot_yet_is_told_so_and_sees_the_lessons() {
    let none = RobotFacts { name: "your robot".to_owned(), is_to_come: true, ..RobotFacts::default() };
    let view = view("11:20:00", &none, &day());
    assert_eq!((view.now.chip.as_str(), view.now.can_enter, view.now.awake), ("There is no robot for you yet", false, false));
    assert_eq!(view.lessons.len(), 5);
}
