//! The packs in the binary, and what is refused.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::contact::CheckOutcome;
use crate::party::Party;
use crate::plan::{EndGoal, PartTimeReason, ReviewOutcome};

/// The pack of Havering, for the tests of other modules.
pub(crate) fn havering() -> Pack {
    Pack::load("havering-2020.toml", BUILT_IN[0].1).unwrap()
}

/// The plain pack.
pub(crate) fn plain() -> Pack {
    Pack::load("plain-1.toml", BUILT_IN[1].1).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

#[test]
fn h_1_a_pack_has_validity_dates_and_goes_on_working_past_its_review() {
    let pack = havering();
    assert_eq!(pack.standing(day("2020-08-31")), Standing::NotYet { from: day("2020-09-01") });
    assert_eq!(pack.standing(day("2020-09-01")), Standing::InForce);
    assert_eq!(pack.standing(day("2021-06-30")), Standing::InForce);
    assert_eq!(pack.standing(day("2026-11-22")), Standing::PastReview { since: day("2021-07-01") });
    let ended = Pack { valid_until: Some(day("2021-08-31")), ..pack };
    assert_eq!(ended.standing(day("2021-08-31")), Standing::PastReview { since: day("2021-07-01") });
    assert_eq!(ended.standing(day("2021-09-01")), Standing::Ended { on: day("2021-08-31") });
}

#[test]
fn of_several_versions_a_new_plan_takes_the_one_that_began_last() {
    let old = havering();
    let mut new = havering();
    new.key.version = "2027".to_owned();
    new.valid_from = day("2027-09-01");
    let packs = [old, new, plain()];
    let version = |on| for_day(&packs, &code("havering"), day(on)).map(|pack| pack.key.version.as_str());
    assert_eq!(version("2020-08-31"), None);
    assert_eq!(version("2026-11-22"), Some("2020/21.1"));
    assert_eq!(version("2027-09-01"), Some("2027"));
    assert_eq!(for_day(&packs, &code("nowhere"), day("2026-11-22")), None);
}

#[test]
fn haverings_figures_are_those_of_the_source() {
    let pack = havering();
    assert_eq!(pack.routes.len(), 4, "H-6");
    assert_eq!(pack.planned_lengths[0].weeks, 6, "H-16");
    let clock = |id: &str| pack.clock(&code(id)).unwrap();
    assert_eq!((clock("provider").weeks, clock("school").weeks), (12, 8), "H-25, H-15");
    let days: Vec<_> = clock("provider").steps.iter().filter_map(|step| Some((step.week, step.days_on_site?))).collect();
    assert_eq!(days, [(8, 2), (9, 2), (10, 3), (11, 4), (12, 5)], "H-25");
    for (list, items) in
        [("start-gate", 4), ("prerequisites", 4), ("meeting-outcomes", 6), ("induction-pack", 6), ("breakdown", 11)]
    {
        assert_eq!(pack.list(list).len(), items, "H-4, H-12, H-14, H-28, H-19: {list}");
    }
    assert_eq!(pack.actions.len(), 11, "H-27");
    let weeks: Vec<_> = pack
        .evaluations
        .iter()
        .filter(|rule| rule.clock == code("provider"))
        .map(|rule| (rule.week, rule.questions.len()))
        .collect();
    assert_eq!(weeks, [(1, 1), (2, 1), (3, 1), (4, 1), (7, 3), (8, 1), (9, 1), (10, 1), (11, 1), (12, 1)], "H-29");
    assert_eq!(pack.breakdown.notify, [Party::HomeSchool, Party::Parent, Party::Panel], "H-19");
    let When::After { count: 10, unit: Unit::SchoolDays, from: Event::PanelHearing } =
        pack.deadline(&code("start-after-panel")).unwrap().when
    else {
        panic!("H-12");
    };
    assert!(plain().fields.iter().any(|field| field.only_if == Some((code("on-track"), false))));
}

#[test]
fn the_second_pack_differs_in_every_kind_of_rule() {
    let (one, two) = (havering(), plain());
    assert_ne!(one.clocks, two.clocks);
    assert_ne!(one.meeting, two.meeting);
    assert_ne!(one.closure.sign_off, two.closure.sign_off);
    assert_ne!(one.breakdown, two.breakdown);
    assert!(two.actions.len() < one.actions.len());
    assert!(two.deadlines.iter().any(|rule| matches!(rule.when, When::After { unit: Unit::Weeks, .. })));
    assert!(Pack::built_in().unwrap()[..2] == [one, two]);
}

#[test]
fn a_7_a_8_l_3_l_4_r_2_r_4_f_7_a_second_version_adds_to_the_first_and_takes_nothing_from_it() {
    let packs = Pack::built_in().unwrap();
    for (first, second) in [(&packs[0], &packs[2]), (&packs[1], &packs[3])] {
        assert_eq!(first.key.id, second.key.id);
        assert!(second.fields.starts_with(&first.fields) && second.deadlines.starts_with(&first.deadlines));
        assert!(second.evaluations.starts_with(&first.evaluations));
        assert_eq!((&second.actions, &second.meeting, &second.closure), (&first.actions, &first.meeting, &first.closure));
        assert!(first.lists.iter().all(|(id, list)| second.lists.get(id) == Some(list)));
        // Nobody's plan waits for what was added, unless they said that the place is no school.
        let registered = Some((code("provider-registered"), false));
        let added = &second.fields[first.fields.len()..];
        assert!(added.iter().all(|field| !field.required || field.only_if == registered), "L-3");
        let rows: BTreeSet<&str> = added.iter().map(|field| field.row.as_str()).collect();
        assert_eq!(rows, BTreeSet::from(["A-8", "L-3", "L-4", "L-6", "R-4"]));
        let gaps = second.evaluations.last().unwrap();
        assert_eq!((gaps.row.as_str(), gaps.questions.len()), ("R-2", 4), "one for each gap");
        assert!(!second.list("need").is_empty() && !second.list("transition-prompt").is_empty(), "A-7, F-7");
        let prompts = second.deadlines[first.deadlines.len()..].iter();
        assert!(prompts.clone().all(|rule| rule.row == "F-7" && rule.binding == Binding::Information));
        assert_eq!(prompts.count(), 2);
    }
    // Kinds of need are no diagnoses, and no names of one are in them.
    for (id, words) in packs[2].list("need") {
        for name in ["autis", "adhd", "asd", "dyslex", "depress", "cancer", "diagnos", "syndrome"] {
            assert!(!words.to_lowercase().contains(name) && !id.as_str().contains(name), "{words}");
        }
    }
}

#[test]
fn a_4_l_1_h_15_a_23_d4_a_third_version_says_what_is_offered_and_what_it_is_called() {
    let packs = Pack::built_in().unwrap();
    for (second, third) in [(&packs[2], &packs[4]), (&packs[3], &packs[5])] {
        assert_eq!(for_day(&packs, &second.key.id, day("2026-11-22")), Some(third), "a new plan takes it");
        let added = |lists: &BTreeMap<Code, CodeList>| lists.keys().filter(|id| !second.lists.contains_key(id)).count();
        assert_eq!(added(&third.lists), 4);
        let same = Pack { key: third.key.clone(), source: third.source.clone(), lists: third.lists.clone(), ..second.clone() };
        assert_eq!(*third, same, "nothing else");
        // The versions before had the same words, in the program.
        assert_eq!(offered::<EndGoal>(Some(second)), offered(None));
    }
    let (one, two) = (Some(&packs[4]), Some(&packs[5]));
    assert_eq!(called(one, EndGoal::NewSchool), "A fresh start at another school");
    assert_eq!(offered::<PartTimeReason>(two).len(), 3, "it knows no arrangement for behaviour");
    assert_eq!((chosen::<PartTimeReason>(two, "behaviour"), chosen(two, "health")), (None, Some(PartTimeReason::Health)));
    assert_eq!(called(two, PartTimeReason::Behaviour), PartTimeReason::Behaviour.usual_words(), "what was written stays");
    assert_ne!(offered::<ReviewOutcome>(one), offered(two));
    // An authority that adds to one says such a list anew.
    let own = "adds_to = \"plain-3.toml\"\nversion = \"own\"\n[[list]]\nid = \"check-outcome\"\ntitle = \"Found\"\nrow = \"A-23\"\n\
               items = [[\"in-use\", \"Yes\"], [\"not-used\", \"No\"]]\n";
    let own = Pack::load("own.toml", own).unwrap();
    assert_eq!(offered(Some(&own)), [(CheckOutcome::InUse, "Yes"), (CheckOutcome::NotUsed, "No")]);
    assert_eq!(offered::<EndGoal>(Some(&own)), offered(two));
    assert_ne!(offered::<CheckOutcome>(one), offered(two));
}

#[test]
fn a_file_that_adds_to_another_is_refused_in_one_sentence_if_it_cannot() {
    let (file, text) = BUILT_IN[3];
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is in the pack");
        Pack::load(file, &text.replacen(from, to, 1)).expect_err(to).to_string()
    };
    assert_eq!(
        refused("\"plain-1.toml\"", "\"plain-0.toml\""),
        "policy plain-2.toml: `adds_to` must be the name of another file of this program."
    );
    let (file, text) = BUILT_IN[5];
    let wrong = Pack::load(file, &text.replacen("\"new-school\"", "\"old-school\"", 1)).expect_err("old-school").to_string();
    assert!(wrong.contains("item `old-school` is not one of `home-school`, `new-school`, `long-term-place`"), "{wrong}");
    assert_eq!(refused("id = \"need\"", "id = \"setback\""), "policy plain-2.toml: list `setback` is there twice.");
    assert_eq!(refused("id = \"advocate\"", "id = \"aims\""), "policy plain-2.toml: field `aims` is there twice.");
}

#[test]
fn every_rule_names_its_row_in_the_table_of_sources() {
    let is_row = |row: &str| {
        let id = row.trim_start_matches(|c: char| c.is_ascii_uppercase()).trim_start_matches('-');
        row.starts_with(['A', 'D', 'F', 'H', 'L', 'R']) && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
    };
    for (file, text) in BUILT_IN {
        let rows: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("row = ")).collect();
        let tables = text.lines().filter(|line| line.starts_with('[') && !line.starts_with("[[clock.step")).count();
        assert_eq!(rows.len(), tables, "{file}: a row for each rule");
        for row in rows.iter().flat_map(|rows| rows.trim_matches('"').split(", ")) {
            assert!(is_row(row), "{file}: {row}");
        }
    }
}

/// No file of the crate names an authority's limits or places: they are in the packs.
#[test]
fn nothing_of_a_policy_is_written_into_the_program() {
    let sources = [include_str!("load.rs"), include_str!("rules.rs"), include_str!("read.rs")];
    for text in sources {
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for word in ["havering", "Havering", "Olive", "IYFAP", "Koru", "Hillingdon"] {
            assert!(!code.contains(word), "{word}");
        }
    }
}

/// Loads the plain pack with one thing changed; the sentence it is refused with.
fn refused(from: &str, to: &str) -> String {
    let text = BUILT_IN[1].1;
    assert!(text.contains(from), "{from} is in the pack");
    let said = Pack::load("plain-1.toml", &text.replacen(from, to, 1)).expect_err(to).to_string();
    assert!(!said.contains('\n') && said.ends_with('.'), "one sentence: {said}");
    said
}

#[test]
fn a_pack_is_refused_in_one_sentence_that_says_what_to_write() {
    let check = |from, to, expected| assert_eq!(refused(from, to), format!("policy plain-1.toml: {expected}."));
    check("schema = 1", "schema = 2", "`schema` must be 1, which is what this version reads");
    check("title = \"Plain\"", "titel = \"Plain\"", "`title` is missing");
    check("title = \"Plain\"", "title = \"Plain\"\ntitel = \"x\"", "`titel` is not a key that is known here");
    check("id = \"plain\"", "id = \"Plain Pack\"", "`id` is `Plain Pack`: write small letters, digits and hyphens, 60 at most");
    check(
        "valid_from = 2024-08-19",
        "valid_from = \"2024-08-19\"",
        "`valid_from` must be a day without quotes, such as 2020-09-01",
    );
    check(
        "valid_from = 2024-08-19",
        "valid_from = 2024-08-19\nreview_on = 2023-01-01",
        "`review_on` and `valid_until` must not lie before `valid_from`",
    );
    check(
        "unit = \"calendar-days\"",
        "unit = \"days\"",
        "deadline `first-review`: `unit` is `days`, which is none of school-days, calendar-days, weeks, school-weeks",
    );
    check("count = 14", "count = 1400", "deadline `first-review`: `count` must be a whole number from 0 to 400");
    check("count = 6\nunit", "count = 105\nunit", "deadline `part-time-limit`: `count` must be a whole number from 0 to 104");
    check("count = 14", "count = -1", "deadline `first-review`: `count` must be a whole number from 0 to 400");
    check(
        "each_week = [2, 6]",
        "each_week = [6, 2]",
        "deadline `fortnightly-review`: `each_week` must be two weeks in order, from 1 to 60",
    );
    check(
        "each_week = [2, 6]",
        "each_week = [2, 6]\nunit = \"weeks\"",
        "deadline `fortnightly-review`: write exactly one of `unit`, `each_week`, `before_next` and `tally`",
    );
    check(
        "binding = \"information\"",
        "",
        "deadline `sickness-return`: a tally is for information: write `binding = \"information\"`",
    );
    check("owner = [\"key-worker\"]", "owner = []", "deadline `first-review`: `owner` is missing: say whose task it is");
    check("id = \"setback\"", "id = \"hiccup\"", "list `setback` is missing");
    check("id = \"on-track\"", "id = \"ontrack\"", "field `on-track` of kind yes-no is missing: it decides about readiness");
    check("id = \"setback\"", "id = \"barrier\"", "list `barrier` is there twice");
    check("week = 6\nrow", "week = 7\nrow", "evaluation of week 7 names clock `return`, which has no such week");
    check("success = \"returned\"", "success = \"won\"", "`success` is `won`, which list `outcome` does not have");
    check("notify = [\"parent\", \"home-school\"]", "notify = []", "breakdown: `notify` names nobody: somebody must be told");
    // What the parser says after this is its own.
    assert!(refused("schema = 1", "schema = ").starts_with("policy plain-1.toml: line 6 cannot be read: "));
}

#[test]
fn an_override_carries_its_reason() {
    let reason = Reason::new("The panel sat late, and the school closed for flooding.").unwrap();
    let by = PersonId(uuid::Uuid::from_u128(1));
    let own =
        Override { rule: code("planning-meeting"), week: None, instead: Instead::Count(12), reason, by, on: day("2026-11-05") };
    assert!(own.reason.expose().contains("flooding"));
    assert!(Reason::new("  ").is_err(), "there is no override without one");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_is_cut_out_of_a_pack_it_is_read_or_refused_in_one_line(from in 0_usize..20_000, length in 1_usize..400) {
        let text = BUILT_IN[0].1;
        let cut: String = text.char_indices().filter(|(at, _)| *at < from || *at >= from + length).map(|(_, c)| c).collect();
        if let Err(error) = Pack::load("cut.toml", &cut) {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
