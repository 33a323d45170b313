//! One pupil's return from the first day to the end of support, with the crate's public parts alone: policy, limits, plan, contacts,
//! imported marks, glide path, feed. The dates are those of the design's pages (autumn 2026, half-term, INSET, Christmas).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use protocol::{PlacementId, SessionId};
use server_core::attendance::Length;
use server_core::calendar::Calendar;
use server_core::contact::{By, Contact, cadences};
use server_core::deadline::{Calendars, Facts, Part, Urgency, for_person, ical, schedule};
use server_core::glide::{GlideFacts, ReviewQuestion, RobotHalf, Running, Unsaid, WeekState, glide};
use server_core::party::{OrganisationId, Party, PersonId};
use server_core::plan::{
    ActionEntry, Answer, Basis, Change, Closure, Consent, EndGoal, Gate, How, Meeting, OwnWord, PlanState, Refusal,
    ReintegrationPlan, RollGuard, SignOff, WeekPattern, changes,
};
use server_core::policy::{Code, Event, Pack, Route, Standing, Tally, for_day};
use server_core::register::{
    CodeTable, HalfDay, HomeStream, PupilPlace, SessionTimes, Source, System, hints, import, on_site, sickness,
};
use server_core::school_days::{DayOff, SchoolDays};
use server_core::timetable::Days;
use server_core::words::{Reason, Words};
use uuid::Uuid;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn words(text: &str) -> Words {
    Words::new(text).unwrap()
}

fn person(n: u128) -> PersonId {
    PersonId(Uuid::from_u128(n))
}

const KEY_WORKER: u128 = 11;

fn days(from: &str, until: &str) -> Vec<NaiveDate> {
    day(from).iter_days().take_while(|one| *one <= day(until)).collect()
}

/// Alder Road: half-term, an INSET Friday, Christmas.
fn alder_road() -> SchoolDays {
    let holidays = [days("2026-10-26", "2026-10-30"), days("2026-12-21", "2027-01-01")].concat();
    let off = holidays.into_iter().map(|day| (day, DayOff::Holiday)).chain([(day("2026-11-27"), DayOff::Inset)]);
    SchoolDays::new(Calendar::new("Europe/London", None, []).unwrap(), off)
}

/// The hospital school works through the INSET day.
fn larkfield() -> SchoolDays {
    let holidays = [days("2026-10-26", "2026-10-30"), days("2026-12-21", "2027-01-01")].concat();
    SchoolDays::new(Calendar::new("Europe/London", None, []).unwrap(), holidays.into_iter().map(|day| (day, DayOff::Holiday)))
}

/// A pack, a plan, and the events that the plan's days make.
struct Case {
    pack: Pack,
    plan: ReintegrationPlan,
    facts: Facts,
}

impl Case {
    fn begun() -> Self {
        let packs = Pack::built_in().unwrap();
        let pack = for_day(&packs, &code("havering"), day("2026-10-05")).unwrap().clone();
        assert_eq!(pack.standing(day("2026-10-05")), Standing::PastReview { since: day("2021-07-01") });
        let school = OrganisationId(Uuid::from_u128(1));
        let basis = Basis {
            route: Route::Medical,
            home_school: school,
            provider: OrganisationId(Uuid::from_u128(2)),
            receiving_school: school,
            responsible: school,
            planned_length: code("phased-return"),
            end_goal: EndGoal::HomeSchool,
            in_their_words: Some(words("Go back after Christmas.")),
        };
        let plan = ReintegrationPlan::draft(&pack, basis).unwrap();
        let events = [(Event::ProviderStart, day("2026-10-19")), (Event::PanelHearing, day("2026-11-05"))];
        let mut case = Self {
            pack,
            plan,
            facts: Facts { today: day("2026-11-18"), route: Some(Route::Medical), events: events.into(), ..Facts::default() },
        };
        let consent = Consent {
            party: Party::Parent,
            own_word: OwnWord::Beside,
            who: person(3),
            how: words("At home, on paper"),
            on: day("2026-10-09"),
            withdrawn: None,
        };
        case.go(Change::Consent(consent));
        case.go(Change::Open);
        case
    }

    fn go(&mut self, change: Change) {
        self.plan.apply(&self.pack, self.plan.revision(), change).unwrap();
    }

    /// Stage 1, a meeting that counts and everything to settle, as an ordinary autumn would bring them.
    fn prepare(&mut self) {
        self.go(Change::Answer(code("on-track"), Some(Answer::YesNo(true))));
        self.go(Change::Meeting(self.meeting("2026-11-18", &[Party::Pupil, Party::Parent, Party::ReceivingSchool])));
        self.facts.events.insert(Event::PlanningMeeting, day("2026-11-18"));
        for list in ["start-gate", "prerequisites", "induction-pack"] {
            for (item, _) in self.pack.list(list).to_vec() {
                self.go(Change::Tick { list: code(list), item, is_done: true });
            }
        }
        for rule in self.pack.actions.clone() {
            let entry = ActionEntry {
                outcome: Some(words("Agreed")),
                day: Some(day("2026-12-14")),
                is_settled: true,
                agreed: rule.agreed_by.iter().copied().collect(),
                ..ActionEntry::default()
            };
            self.go(Change::Action(rule.id, entry));
        }
    }

    fn meeting(&self, on: &str, present: &[Party]) -> Meeting {
        Meeting {
            on: day(on),
            convenor: Party::ReceivingSchool,
            venue: code("receiving-school"),
            present: present
                .iter()
                .map(|party| (*party, if *party == Party::Pupil { How::ByRobot } else { How::InPerson }))
                .collect(),
            outcomes: BTreeSet::new(),
            notes: None,
        }
    }
}

#[test]
fn what_is_due_for_the_key_worker_in_the_week_of_the_designs_page() {
    let mut case = Case::begun();
    let (school, provider) = (alder_road(), larkfield());
    let calendars = Calendars { home_school: &school, provider: &provider, receiving_school: &school };
    let parts = [Part { person: person(KEY_WORKER), party: Party::KeyWorker, days: Days::ALL }];
    let now = at("2026-11-17T11:04:00Z");
    // The pupil was not at the meeting of 12 November: it is written down, and the limit stands.
    let first = case.meeting("2026-11-12", &[Party::Parent, Party::ReceivingSchool]);
    let advice = first.advice(&case.pack.meeting, Some(day("2026-11-19"))).unwrap();
    assert_eq!(advice, "Not there: the pupil. Choose a new date by Thursday 19 November 2026, so that the meeting counts.");
    case.go(Change::Meeting(first));
    let due = |case: &Case| {
        let schedule = schedule(&case.pack, &case.facts, &calendars);
        let mine: Vec<_> = for_person(&schedule, &parts, person(KEY_WORKER), day("2026-11-17"))
            .map(|due| (due.rule.to_string(), due.urgency(&calendars, now)))
            .collect();
        mine
    };
    let expected = [("planning-meeting".to_owned(), Urgency::In(2)), ("four-week-review".to_owned(), Urgency::In(3))];
    assert_eq!(due(&case), expected);
    case.prepare();
    assert_eq!(due(&case), expected[1..], "the meeting that counts has met its limit");
}

#[test]
fn the_return_waits_for_its_gates_goes_through_and_ends_with_support() {
    let mut case = Case::begun();
    let begin = |despite| Change::BeginReturn { on: day("2026-12-14"), despite };
    let refused = case.plan.apply(&case.pack, case.plan.revision(), begin(vec![]));
    assert!(matches!(refused, Err(Refusal::GatesOpen(gates)) if gates.contains(&Gate::Meeting)));
    case.prepare();
    case.go(Change::Tick { list: code("start-gate"), item: code("staff-and-buddy"), is_done: false });
    let reason = Reason::new("The buddy is ill this week and starts on Monday.").unwrap();
    case.go(begin(vec![(Gate::Item(code("staff-and-buddy")), reason)]));
    case.facts.events.insert(Event::SchoolStart, day("2026-12-14"));
    let (school, provider) = (alder_road(), larkfield());
    let calendars = Calendars { home_school: &school, provider: &provider, receiving_school: &school };
    let reviews: Vec<_> = schedule(&case.pack, &case.facts, &calendars)
        .due
        .into_iter()
        .filter(|due| due.rule == code("weekly-review"))
        .map(|due| due.day.to_string())
        .collect();
    assert_eq!(reviews, ["2026-12-18", "2027-01-08", "2027-01-15", "2027-01-22"], "Christmas has no weeks");
    for party in [Party::HomeSchool, Party::ReceivingSchool] {
        case.go(Change::SignOff(SignOff { party, who: person(5), on: day("2027-01-28") }));
    }
    assert!(matches!(case.plan.roll_guard(&case.pack, None), RollGuard::Stays { .. }));
    let before = case.plan.parts().clone();
    case.go(Change::Close(Closure {
        on: day("2027-01-29"),
        outcome: code("success"),
        went_well: words("The buddy was there every morning."),
        could_be_better: Some(words("Start with afternoons.")),
        provider_withdrew: Some(day("2027-01-29")),
        support_until: Some(day("2027-03-26")),
        follow_up: vec![day("2027-02-26")],
    }));
    assert_eq!(case.plan.roll_guard(&case.pack, None), RollGuard::MayMove);
    assert!(matches!(case.plan.state(), PlanState::Closed(end) if end.support_until == Some(day("2027-03-26"))));
    let told: Vec<_> = changes(&before, case.plan.parts()).into_iter().map(|one| one.field).collect();
    let expected = ["could-be-better", "follow-up.1", "outcome", "provider-withdrew", "support-until", "went-well"];
    assert_eq!(told[..6], expected.map(|field| format!("closure.{field}")));
    // What the store kept is the same plan.
    assert_eq!(ReintegrationPlan::from_parts(case.plan.parts().clone()), case.plan);
}

#[test]
fn marks_of_the_school_and_minutes_by_robot_meet_in_one_picture_and_in_no_number() {
    let source = Source { system: System::Arbor, imported_at: at("2026-11-17T09:42:00Z") };
    let file = "UPN;Date;AM Mark;PM Mark\nB801200005001;09/11/2026;/;\\\nB801200005001;10/11/2026;I;I\n\
                B801200005001;11/11/2026;B;I\nB801200005001;12/11/2026;I;I\nB801200005001;13/11/2026;I;-\n";
    let imported = import(file, source).unwrap();
    let table = CodeTable::england().unwrap();
    assert_eq!((imported.marks.len(), imported.not_taken, imported.problems.len()), (9, 1, 0));
    let school = alder_road();
    let facts = on_site(&imported.marks, &table);
    let robot = [
        RobotHalf { half: (day("2026-11-10"), HalfDay::Am), live: Length::of_ms(46 * 60_000) },
        RobotHalf { half: (day("2026-11-09"), HalfDay::Pm), live: Length::of_ms(30 * 60_000) },
    ];
    let pattern: WeekPattern = "ss rr oo rr --".parse().unwrap();
    let rested = BTreeSet::new();
    let glide_facts = GlideFacts { on_site: &facts, by_robot: &robot, rested: &rested };
    let clock = Running { start: day("2026-10-19"), weeks: 12, days: &school };
    let weeks = glide(clock, None, |_, _| Some(&pattern), glide_facts, day("2026-11-17"));
    let week = &weeks[2];
    let actual = week.actual.unwrap();
    assert_eq!((week.state, actual.on_site, actual.by_robot), (WeekState::Done, 2, 1));
    // A mark says that she was not on site, and not where she was: that is as planned.
    assert_eq!((actual.rest, actual.elsewhere, actual.unsaid), (0, 0, Unsaid { rest: 2, elsewhere: 2 }));
    assert_eq!(week.by_robot.get(), 76, "also what was live from a quiet room at school");
    assert!(ReviewQuestion::of(&weeks).ask().ends_with('?'));
    // The tally is half-days of the school's own marks, for information.
    let tally = sickness(&imported.marks, &table);
    assert_eq!(tally.len(), 6);
    let facts = Facts { tallies: BTreeMap::from([(Tally::Sickness, tally)]), ..Facts::default() };
    assert_eq!(facts.tallies.len(), 1);
    // A place code and a stream from home: a question to the school.
    let stream = HomeStream { from: at("2026-11-11T09:00:00Z"), until: at("2026-11-11T09:50:00Z"), place: PupilPlace::Home };
    let asked = hints(&imported.marks, &table, &[stream], school.calendar(), SessionTimes::default());
    assert_eq!(asked.iter().map(|hint| (hint.day, hint.half_day)).collect::<Vec<_>>(), [(day("2026-11-11"), HalfDay::Am)]);
}

#[test]
fn contacts_and_limits_are_one_list_and_one_feed_without_a_name() {
    let case = Case::begun();
    let (school, provider) = (alder_road(), larkfield());
    let calendars = Calendars { home_school: &school, provider: &provider, receiving_school: &school };
    let session = SessionId(Uuid::from_u128(9));
    let contact = |on: &str, spoke| Contact {
        on: day(on),
        by: By::Robot { session, spoke },
        with: [Party::Pupil, Party::HomeSchool].into(),
        written_by: person(KEY_WORKER),
        outcome: None,
        notes: Some(words("Ada laughed about the hamster.")),
    };
    let log = [contact("2026-11-03", None), contact("2026-11-16", Some(person(4)))];
    let kept = cadences(&case.pack, Route::Medical, &log, &[], &calendars, day("2026-10-19"), day("2026-11-17"));
    let missed: Vec<_> = kept[0].missed(&calendars, at("2026-11-17T11:00:00Z")).map(|due| due.day.to_string()).collect();
    assert_eq!(missed, ["2026-10-23", "2026-11-06", "2026-11-13"], "a connection alone is not contact");
    let schedule = schedule(&case.pack, &case.facts, &calendars);
    let placement = PlacementId(Uuid::from_u128(0x4f2a_1c9e));
    let all: Vec<_> = schedule.due.iter().chain(kept.iter().flat_map(|one| &one.due)).map(|due| (placement, due)).collect();
    let feed = ical::feed(&all, at("2026-11-17T11:04:00Z")).replace("\r\n ", "");
    let open = all.iter().filter(|(_, due)| due.done.is_none()).count();
    assert_eq!(feed.matches("BEGIN:VEVENT").count(), open);
    let names: BTreeSet<_> = feed.lines().filter(|line| line.starts_with("UID:")).collect();
    assert_eq!(names.len(), open, "each entry has a name of its own");
    assert!(!feed.contains("Ada") && !feed.contains("hamster") && feed.contains("4F2A-1C9E"));
}
