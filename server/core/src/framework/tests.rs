//! Areas, scales, looks, and what moved.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::party::Party;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn words(text: &str) -> Words {
    Words::new(text).unwrap()
}

fn key(version: u16) -> ScaleKey {
    ScaleKey { id: Code::new("orchard-four").unwrap(), version }
}

fn scale(version: u16) -> Scale {
    Scale::new(key(version), "Orchard four steps", &["Just starting", "With help", "Mostly alone", "Settled"]).unwrap()
}

fn look(on: &str, voice: Voice, scale: &Scale, looks: &[(Area, &str)]) -> Assessment {
    let looks = looks.iter().map(|(area, step)| (*area, scale.level(step).unwrap())).collect();
    Assessment::new(day(on), voice, PersonId(Uuid::nil()), scale, looks, BTreeMap::new()).unwrap()
}

#[test]
fn f_1_there_are_five_domains_and_eighteen_areas() {
    let counts: Vec<_> = Domain::ALL.iter().map(|domain| domain.areas().count()).collect();
    assert_eq!(counts, [5, 3, 4, 4, 2]);
    assert_eq!(Area::ALL.len(), 18);
    let names: BTreeSet<_> = Area::ALL.iter().map(|area| area.words()).collect();
    assert_eq!(names.len(), 18);
    assert!(Area::ALL.is_sorted_by_key(|area| area.domain()), "areas are in the order of their domains");
}

#[test]
fn f_8_a_scale_is_the_organisations_own_and_in_words() {
    let new = |steps: &[&str]| Scale::new(key(1), "S", steps).map(|scale| scale.steps().len());
    assert_eq!(new(&["not yet", "yes"]), Ok(2));
    assert_eq!(new(&["yes"]), Err(NotAScale::Steps));
    assert_eq!(new(&["a"; 11]), Err(NotAScale::Steps));
    assert_eq!(new(&["1", "2", "3"]), Err(NotAScale::Words));
    assert_eq!(new(&["with help", "With Help"]), Err(NotAScale::Words));
    let scale = scale(2);
    let level = scale.level(" with help ").unwrap();
    assert_eq!(scale.words(&level), Some("With help"));
    assert_eq!(self::scale(3).words(&level), None, "a step belongs to its version");
    assert_eq!(scale.level("brilliant"), None);
}

#[test]
fn a_level_is_placed_on_the_line_of_its_area() {
    let scale = scale(1);
    let at = |step| scale.level(step).unwrap().along(&scale, 0.0, 300.0);
    assert_eq!(at("just starting"), Some(0.0));
    assert_eq!(at("mostly alone"), Some(200.0));
    assert_eq!(at("settled"), Some(300.0));
    assert_eq!(scale.level("settled").unwrap().along(&self::scale(2), 0.0, 1.0), None);
}

#[test]
fn a_look_uses_one_scale_and_may_leave_areas_out() {
    let (one, two) = (scale(1), scale(2));
    let new = |looks: BTreeMap<Area, Level>, notes: BTreeMap<Area, Words>| {
        Assessment::new(day("2026-09-14"), Voice::Pupil, PersonId(Uuid::nil()), &one, looks, notes)
            .map(|look| look.areas().count())
    };
    assert_eq!(new(BTreeMap::new(), BTreeMap::new()), Err(NotALook::Empty));
    let mixed = [(Area::Resilience, one.level("settled").unwrap()), (Area::Creativity, two.level("settled").unwrap())];
    assert_eq!(new(mixed.into(), BTreeMap::new()), Err(NotALook::OtherScale));
    let single: BTreeMap<_, _> = [(Area::Resilience, one.level("settled").unwrap())].into();
    assert_eq!(new(single.clone(), [(Area::Diversity, words("Kind to all"))].into()), Err(NotALook::NoteAlone));
    assert_eq!(new(single, [(Area::Resilience, words("Came back after lunch"))].into()), Ok(1));
}

#[test]
fn f_4_progress_is_one_area_in_one_voice() {
    let scale = scale(1);
    let all = [
        look("2026-10-12", Voice::Staff, &scale, &[(Area::Resilience, "With help"), (Area::Creativity, "Settled")]),
        look("2026-09-14", Voice::Staff, &scale, &[(Area::Resilience, "Just starting")]),
        look("2026-10-12", Voice::Pupil, &scale, &[(Area::Resilience, "Settled")]),
        look("2026-11-10", Voice::Staff, &scale, &[(Area::Resilience, "Just starting")]),
    ];
    let series = Series::of(&all, Area::Resilience, Voice::Staff);
    let moves: Vec<_> = series[0].points.iter().map(|point| (point.on.to_string(), point.moved)).collect();
    let expected = [("2026-09-14", Moved::First), ("2026-10-12", Moved::Forward), ("2026-11-10", Moved::Back)];
    assert_eq!(moves, expected.map(|(on, moved)| (on.to_owned(), moved)));
    assert_eq!(Series::of(&all, Area::Resilience, Voice::Pupil)[0].points.len(), 1, "voices stand beside one another");
    assert!(Series::of(&all, Area::Resilience, Voice::Parent).is_empty());
}

#[test]
fn a_new_scale_begins_a_new_line() {
    let (one, two) = (scale(1), scale(2));
    let all = [
        look("2026-09-14", Voice::Staff, &one, &[(Area::Resilience, "Settled")]),
        look("2026-10-12", Voice::Staff, &two, &[(Area::Resilience, "With help")]),
        look("2026-10-12", Voice::Staff, &two, &[(Area::Resilience, "Mostly alone")]),
    ];
    let series = Series::of(&all, Area::Resilience, Voice::Staff);
    assert_eq!(series.len(), 2);
    assert_eq!(series[1].points[0].moved, Moved::First, "not a step back: another scale");
    assert_eq!(series[1].points.len(), 1, "of two looks on one day the later holds");
    assert_eq!(two.words(&series[1].points[0].level), Some("Mostly alone"));
}

#[test]
fn f_6_another_school_sees_what_is_shared_and_nothing_else() {
    let note = |about, text, shared_on: Option<&str>| Note { about, words: words(text), shared_on: shared_on.map(day) };
    let help = |until| {
        Intervention::new(words("Quiet start"), [Area::SelfManagement].into(), Party::KeyWorker, day("2026-10-01"), until)
            .unwrap()
    };
    let profile = Profile {
        notes: vec![
            note(Trait::Strength, "Asks good questions", Some("2026-11-10")),
            note(Trait::Trigger, "Being asked why", None),
            note(Trait::Coping, "A walk round the yard", Some("2026-12-01")),
        ],
        interventions: vec![help(None), help(Some(day("2026-10-30")))],
    };
    let shared = profile.shared(day("2026-11-10"));
    assert_eq!(shared.about(Trait::Strength).count(), 1);
    assert_eq!(shared.about(Trait::Trigger).count(), 0, "not shared");
    assert_eq!(shared.about(Trait::Coping).count(), 0, "shared later");
    assert_eq!(shared.interventions().len(), 1, "one has ended");
    assert!(Profile::default().shared(day("2026-11-10")).is_empty());
    let none = Intervention::new(words("Something"), BTreeSet::new(), Party::KeyWorker, day("2026-10-01"), None);
    assert_eq!(none, Err(NoArea), "F-3");
}

/// No function of these files gives a number for a pupil. Reads the source: the types are the first guard, this is the second.
#[test]
fn f_5_nothing_here_counts_a_pupil_up() {
    let sources =
        [include_str!("../framework.rs"), include_str!("areas.rs"), include_str!("series.rs"), include_str!("profile.rs")];
    for text in sources {
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for function in code.split("pub fn ").skip(1) {
            let signature = function.split('{').next().unwrap_or_default();
            let result = signature.split("->").nth(1).unwrap_or_default();
            let gives_number =
                ["u8", "u16", "u32", "u64", "usize", "i32", "f32", "f64", "Percent"].iter().any(|n| result.contains(n));
            assert!(!gives_number || signature.starts_with("along("), "{signature}");
            for word in ["score", "total", "average", "mean", "rank", "ready"] {
                assert!(!signature.contains(word), "{signature}");
            }
        }
        assert!(!code.contains("impl Add") && !code.contains("impl Sum") && !code.contains("for u8"));
    }
}

proptest! {
    #[test]
    fn the_order_in_which_looks_arrive_does_not_matter(
        looks in proptest::collection::btree_map((0_u64..300, 0_usize..3), (0_usize..18, 0_usize..4), 1..20),
        seed in any::<u64>(),
    ) {
        let scale = scale(1);
        let make = |((on, voice), (area, step)): (&(u64, usize), &(usize, usize))| {
            let on = (day("2026-09-01") + chrono::Days::new(*on)).to_string();
            look(&on, Voice::ALL[*voice], &scale, &[(Area::ALL[*area], &scale.steps()[*step])])
        };
        let sorted: Vec<_> = looks.iter().map(make).collect();
        let mut mixed = sorted.clone();
        let length = mixed.len();
        mixed.rotate_left(usize::try_from(seed % 97).unwrap() % length);
        mixed.reverse();
        let mut points = 0;
        for area in Area::ALL {
            for voice in Voice::ALL {
                let series = Series::of(&sorted, *area, voice);
                prop_assert_eq!(&series, &Series::of(&mixed, *area, voice));
                for one in &series {
                    prop_assert!(one.points.is_sorted_by_key(|point| point.on));
                    prop_assert!(one.points.iter().enumerate().all(|(n, point)| (n == 0) == (point.moved == Moved::First)));
                    points += one.points.len();
                }
            }
        }
        prop_assert_eq!(points, sorted.len(), "every look is a point of one series");
    }
}
