//! Who consents, and what a word is worth (H-8).

use super::*;

#[test]
fn h_8_a_pupils_word_stands_beside_a_parents_until_they_are_known_to_be_sixteen() {
    let (on, child) = (day("2026-10-09"), PersonId(uuid::Uuid::from_u128(9)));
    let own = |born: Option<&str>| {
        let own_word = OwnWord::of(born.map(day), on);
        Consent { party: Party::Pupil, own_word, who: child, how: words("In the meeting"), on, withdrawn: None }
    };
    // Of a day on which nobody knows how old they are, a day too young, and on the day itself; born on 29 February too.
    for (born, opens) in [(None, false), (Some("2010-10-10"), false), (Some("2010-10-09"), true), (Some("2008-02-29"), true)] {
        let (pack, mut plan) = draft();
        change(&mut plan, &pack, Change::Consent(own(born))).unwrap();
        assert_eq!(plan.is_consented(), opens, "{born:?}");
        let opened = change(&mut plan, &pack, Change::Open);
        assert_eq!(opened, if opens { Ok(()) } else { Err(Refusal::NoConsent) }, "{born:?}");
        if !opens {
            change(&mut plan, &pack, consent()).unwrap();
            change(&mut plan, &pack, Change::Open).unwrap();
            change(&mut plan, &pack, Change::WithdrawConsent { who: who(3), on }).unwrap();
            assert!(!plan.is_consented(), "the child alone is left");
        }
    }
}

#[test]
fn h_8_no_plan_opens_without_consent() {
    let (pack, mut plan) = draft();
    assert_eq!(change(&mut plan, &pack, Change::Open), Err(Refusal::NoConsent));
    change(&mut plan, &pack, consent()).unwrap();
    change(&mut plan, &pack, consent()).unwrap();
    change(&mut plan, &pack, Change::WithdrawConsent { who: who(3), on: day("2026-10-10") }).unwrap();
    assert_eq!(change(&mut plan, &pack, Change::Open), Err(Refusal::NoConsent));
    let withdrawn: Vec<_> = plan.consents().iter().map(|consent| consent.withdrawn).collect();
    assert_eq!(withdrawn, [Some(day("2026-10-10")); 2], "a withdrawn consent stays to be read");
    let teacher = Consent {
        party: Party::HomeSchool,
        own_word: OwnWord::Beside,
        who: who(4),
        how: words("By letter"),
        on: day("2026-10-10"),
        withdrawn: None,
    };
    assert_eq!(change(&mut plan, &pack, Change::Consent(teacher)), Err(Refusal::NotTheirs(Party::HomeSchool)));
    change(&mut plan, &pack, consent()).unwrap();
    change(&mut plan, &pack, Change::Open).unwrap();
    assert_eq!(change(&mut plan, &pack, Change::Open), Err(Refusal::AlreadyOpen));
}

#[test]
fn a_withdrawn_consent_cannot_be_reasoned_away() {
    let (pack, mut plan) = open();
    make_ready(&mut plan, &pack);
    change(&mut plan, &pack, Change::WithdrawConsent { who: who(3), on: day("2026-12-01") }).unwrap();
    let begin = Change::BeginReturn { on: day("2026-12-14"), despite: vec![] };
    assert_eq!(change(&mut plan, &pack, begin), Err(Refusal::NoConsent));
}
