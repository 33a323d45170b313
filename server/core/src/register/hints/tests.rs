//! Two facts beside each other, and nothing more.

use super::*;
use crate::register::{Source, System, import};

fn marks(am: &str, pm: &str, day: &str) -> Vec<ImportedMark> {
    let source = Source { system: System::Arbor, imported_at: "2026-11-17T09:42:00Z".parse().unwrap() };
    import(&format!("UPN,Date,AM,PM\nB801200005001,{day},{am},{pm}\n"), source).unwrap().marks
}

fn stream(from: &str, until: &str, place: PupilPlace) -> HomeStream {
    HomeStream { from: from.parse().unwrap(), until: until.parse().unwrap(), place }
}

fn run(marks: &[ImportedMark], streams: &[HomeStream]) -> Vec<Hint> {
    let calendar = Calendar::new("Europe/London", None, []).unwrap();
    hints(marks, &CodeTable::england().unwrap(), streams, &calendar, SessionTimes::default())
}

fn afternoon(place: PupilPlace) -> [HomeStream; 1] {
    [stream("2026-11-16T12:50:00Z", "2026-11-16T14:05:00Z", place)]
}

#[test]
fn a_place_code_beside_a_stream_from_home_is_a_question() {
    let hints = run(&marks("I", "B", "16/11/2026"), &afternoon(PupilPlace::Home));
    assert_eq!(hints.len(), 1);
    assert_eq!(
        hints[0].because,
        "The register has “B” (attending another approved activity at a place, supervised there) for the afternoon of \
         Monday 16 November 2026, and the pupil was live by robot from home from 13:00 to 14:05."
    );
    assert!(hints[0].ask.contains('?'));
    assert_eq!(hints[0].for_party, Party::AttendanceLead);
}

#[test]
fn every_code_that_needs_a_place_is_asked_about_and_no_other() {
    for code in ["/", "\\", "L", "K", "V", "P", "W", "B"] {
        assert_eq!(run(&marks("-", code, "16/11/2026"), &afternoon(PupilPlace::Home)).len(), 1, "{code}");
    }
    for code in ["D", "I", "C2", "C", "M", "X", "Y1", "N", "O", "#", "Z", "+"] {
        assert_eq!(run(&marks("-", code, "16/11/2026"), &afternoon(PupilPlace::Home)), [], "{code}");
    }
}

#[test]
fn where_the_pupil_is_decides_and_is_never_guessed() {
    for place in [PupilPlace::SchoolSite, PupilPlace::Hospital, PupilPlace::Provider, PupilPlace::NotSaid] {
        assert_eq!(run(&marks("/", "\\", "16/11/2026"), &afternoon(place)), [], "{place:?}");
    }
}

#[test]
fn only_the_session_of_the_mark_matters() {
    let before_one = [stream("2026-11-16T12:00:00Z", "2026-11-16T13:00:00Z", PupilPlace::Home)];
    assert_eq!(run(&marks("/", "\\", "16/11/2026"), &before_one), [], "lunch");
    let other_day = [stream("2026-11-17T13:00:00Z", "2026-11-17T14:00:00Z", PupilPlace::Home)];
    assert_eq!(run(&marks("/", "\\", "16/11/2026"), &other_day), []);
    let all_day = [stream("2026-11-16T09:00:00Z", "2026-11-16T14:00:00Z", PupilPlace::Home)];
    let halves: Vec<_> = run(&marks("/", "\\", "16/11/2026"), &all_day).iter().map(|hint| hint.half_day).collect();
    assert_eq!(halves, [HalfDay::Am, HalfDay::Pm]);
}

#[test]
fn sessions_are_in_the_schools_time_in_summer_too() {
    // 12:10 to 12:40 UTC in June is the afternoon session in London, and in November it is lunch.
    let at = |day: &str| [stream(&format!("{day}T12:10:00Z"), &format!("{day}T12:40:00Z"), PupilPlace::Home)];
    assert_eq!(run(&marks("-", "\\", "22/06/2026"), &at("2026-06-22")).len(), 1);
    assert_eq!(run(&marks("-", "\\", "16/11/2026"), &at("2026-11-16")), []);
}

#[test]
fn the_sessions_are_those_of_the_schools_own_timetable() {
    let at = |hour: u16, minute: u16| hour * 60 + minute;
    let usual = SessionTimes::default();
    assert_eq!(SessionTimes::of_lessons(&[]), usual);
    // Lessons to 11:10, a break, one to 12:20; the afternoon from 13:05. Another class has lunch a little later.
    let day = [
        (at(8, 50), at(10, 50)),
        (at(11, 10), at(12, 20)),
        (at(11, 10), at(12, 30)),
        (at(13, 5), at(15, 10)),
        (at(9, 50), at(10, 50)),
    ];
    let own = SessionTimes { am: (at(8, 50), at(12, 30)), pm: (at(13, 5), at(15, 10)) };
    assert_eq!(SessionTimes::of_lessons(&day), own);
    let mut turned = day;
    turned.reverse();
    assert_eq!(SessionTimes::of_lessons(&turned), own, "in any order");
    // Lunch is taken in turns: there is no break that all have.
    let turns = [(at(9, 0), at(12, 40)), (at(12, 30), at(15, 0))];
    assert_eq!(SessionTimes::of_lessons(&turns), SessionTimes { am: (at(9, 0), at(12, 0)), pm: (at(13, 0), at(15, 0)) });
    // A school with mornings alone.
    let mornings = SessionTimes::of_lessons(&[(at(9, 0), at(11, 30))]);
    assert_eq!((mornings.am, mornings.pm), ((at(9, 0), at(12, 0)), (at(13, 0), at(13, 0))));
    assert_eq!(SessionTimes::of_lessons(&[(at(10, 0), at(10, 0))]), usual, "no lesson at all");
}
