//! The laws of sharing, tried with every document, recipient, permission and consent there is.

use super::*;

/// Every maker: each set of permissions.
fn makers() -> impl Iterator<Item = BTreeSet<ReadBy>> {
    (0..1_u8 << ReadBy::ALL.len())
        .map(|bits| ReadBy::ALL.iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0).map(|(_, one)| *one).collect())
}

fn recipients() -> impl Iterator<Item = Recipient> {
    std::iter::once(Recipient::Maker).chain(Party::ALL.iter().map(|party| Recipient::Party(*party)))
}

/// Who has the pupil, and somebody from elsewhere with each part.
fn parts() -> impl Iterator<Item = Option<BTreeSet<Party>>> {
    std::iter::once(None).chain(Party::ALL.iter().map(|party| Some([*party].into())))
}

/// What each is given; nothing where the document is not made.
fn every(law: impl Fn(Document, &Sharing, &[Section])) {
    for document in Document::ALL {
        for recipient in recipients() {
            for (maker_may, maker_as) in makers().flat_map(|may| parts().map(move |parts| (may.clone(), parts))) {
                for is_consented in [false, true] {
                    let (maker_may, maker_as) = (maker_may.clone(), maker_as.clone());
                    let sharing = Sharing { recipient, maker_may, maker_as, is_consented };
                    let given = contents(*document, &sharing).unwrap_or_default();
                    law(*document, &sharing, &given);
                }
            }
        }
    }
}

#[test]
fn a_6_nobody_is_given_what_its_maker_may_not_read_or_the_document_does_not_have() {
    every(|document, sharing, given| {
        for section in given {
            assert!(document.sections().contains(section), "{document:?} {section:?}");
            assert!(sharing.maker_may.contains(&section.read_by()), "{document:?} {sharing:?} {section:?}");
        }
        assert!(given.is_empty() || given.contains(&document.core()), "a document without its core says nothing");
    });
}

#[test]
fn h_8_a_consent_that_ends_takes_away_and_never_adds() {
    every(|document, sharing, given| {
        let with = Sharing { is_consented: true, ..sharing.clone() };
        let with = contents(document, &with).unwrap_or_default();
        assert!(given.iter().all(|section| with.contains(section)), "{document:?} {sharing:?}");
        if let Recipient::Party(party) = sharing.recipient
            && !sharing.is_consented
            && !CIRCLE.contains(&party)
        {
            assert!(given.is_empty(), "{document:?} {party:?}");
        }
    });
}

#[test]
fn a_6_who_makes_it_for_their_own_work_has_all_that_anybody_is_given() {
    every(|document, sharing, given| {
        let own = Sharing { recipient: Recipient::Maker, ..sharing.clone() };
        let own = contents(document, &own).unwrap_or_default();
        assert!(given.iter().all(|section| own.contains(section)), "{document:?} {sharing:?}");
    });
}

#[test]
fn a_6_who_comes_by_a_part_takes_out_and_gives_on_what_somebody_with_that_part_is_given() {
    every(|document, sharing, given| {
        let Some(parts) = &sharing.maker_as else { return };
        for party in parts {
            let to_them = Sharing { recipient: Recipient::Party(*party), maker_as: None, ..sharing.clone() };
            let to_them = contents(document, &to_them).unwrap_or_default();
            assert!(given.iter().all(|section| to_them.contains(section)), "{document:?} {sharing:?}");
            if sharing.recipient == Recipient::Maker {
                assert_eq!(given, to_them, "{document:?} {sharing:?}");
            }
        }
    });
    // Of two parts, each gives what it gives.
    let may: BTreeSet<ReadBy> = ReadBy::ALL.iter().copied().collect();
    let as_both = Sharing {
        recipient: Recipient::Maker,
        maker_may: may,
        maker_as: Some([Party::ReceivingSchool, Party::HomeSchool].into()),
        is_consented: false,
    };
    assert!(as_both.shows(Section::Contacts) && as_both.shows(Section::Consents) && !as_both.shows(Section::History));
    let alone = Sharing { maker_as: Some([Party::ReceivingSchool].into()), ..as_both };
    assert_eq!(contents(Document::Plan, &alone), Err(NotShared::NoConsent));
    assert_eq!(contents(Document::History, &alone), Err(NotShared::NotYours));
}

#[test]
fn h_23_whoever_keeps_the_register_is_not_given_minutes() {
    every(|document, sharing, given| {
        if matches!(sharing.recipient, Recipient::Party(Party::AttendanceLead | Party::Panel)) {
            assert!(!given.contains(&Section::Engagement), "{document:?}");
        }
    });
}

#[test]
fn f_2_what_is_not_shared_reaches_and_histories_go_to_no_other_school_and_no_authority() {
    every(|document, sharing, given| {
        if let Recipient::Party(party) = sharing.recipient {
            for kept in [Section::Reach, Section::History] {
                assert!(!given.contains(&kept), "{document:?} {party:?}");
            }
            if !matches!(party, Party::Pupil | Party::KeyWorker) {
                assert!(!given.contains(&Section::OwnNotes), "{document:?} {party:?}");
            }
        }
    });
}

#[test]
fn the_refusal_says_what_to_do() {
    let all: BTreeSet<ReadBy> = ReadBy::ALL.iter().copied().collect();
    let to = |party, is_consented| Sharing {
        recipient: Recipient::Party(party),
        maker_may: all.clone(),
        maker_as: None,
        is_consented,
    };
    assert_eq!(contents(Document::Plan, &to(Party::ReceivingSchool, false)), Err(NotShared::NoConsent));
    assert_eq!(
        contents(Document::History, &to(Party::ReceivingSchool, true)),
        Err(NotShared::NotForThem(Party::ReceivingSchool))
    );
    assert_eq!(contents(Document::Growth, &Sharing::own([ReadBy::Plan].into())), Err(NotShared::NotYours));
    let panel = contents(Document::Growth, &to(Party::Panel, true));
    assert_eq!(panel, Err(NotShared::NotForThem(Party::Panel)));
}

#[test]
fn a_6_f_6_the_school_to_come_gets_the_plan_with_minutes_and_handovers_and_the_panel_gets_less() {
    let all: BTreeSet<ReadBy> = ReadBy::ALL.iter().copied().collect();
    let given = |party| {
        let sharing =
            Sharing { recipient: Recipient::Party(party), maker_may: all.clone(), maker_as: None, is_consented: true };
        contents(Document::Plan, &sharing).unwrap_or_default()
    };
    let (school, panel) = (given(Party::ReceivingSchool), given(Party::Panel));
    for section in [Section::Case, Section::WeekPattern, Section::Handover, Section::Engagement, Section::PupilVoice] {
        assert!(school.contains(&section), "{section:?}");
    }
    assert!(!school.contains(&Section::Consents));
    use Section::{Barriers, Case, Ending, Readiness, Reviews, Setbacks, Stated, WeekPattern};
    assert_eq!(panel, [Case, Readiness, Barriers, WeekPattern, Stated, Reviews, Setbacks, Ending]);
}

#[test]
fn every_field_of_a_plan_has_its_section_and_an_unknown_one_is_given_to_nobody_else() {
    let packs = Pack::built_in().unwrap();
    let pack = packs.iter().find(|pack| pack.key.id.as_str() == "havering").unwrap();
    let told = [
        ("basis.route", Section::Case),
        ("state", Section::Case),
        ("basis.in-their-words", Section::Goals),
        ("answer.provider-start", Section::Case),
        ("answer.attendance", Section::Stated),
        ("answer.aims", Section::Readiness),
        ("barrier.1.why", Section::Barriers),
        ("week.03", Section::WeekPattern),
        ("meeting.1.present.pupil", Section::Meetings),
        ("tick.start-gate.welcome", Section::Actions),
        ("action.uniform.outcome", Section::Actions),
        ("action.medical-handover.details", Section::Handover),
        ("action.send-handover.agreed", Section::Handover),
        ("evaluation.provider.08", Section::LookBack),
        ("evaluation.provider.08.induction.why", Section::LookBack),
        ("evaluation.provider.08.attendance", Section::Stated),
        ("evaluation.provider.08.engagement", Section::Engagement),
        ("evaluation.provider.08.pupil-says", Section::PupilVoice),
        ("review.1.worries", Section::Reviews),
        ("review.1.pupil-says", Section::PupilVoice),
        ("setback.1.what", Section::Setbacks),
        ("consent.1.how", Section::Consents),
        ("sign-off.home-school", Section::Ending),
        ("despite.1", Section::Ending),
        ("longer.1", Section::Ending),
        ("closure.went-well", Section::Ending),
        ("pupil-says.2", Section::PupilVoice),
        ("answer.no-such-field", Section::History),
        ("something.new", Section::History),
    ];
    for (path, section) in told {
        assert_eq!(Section::of_field(pack, path), section, "{path}");
    }
}
