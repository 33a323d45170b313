//! Plans and contacts for the year's pupils, written as the store writes them: what the page of all plans reads.

use chrono::{DateTime, Utc};
use engines::Fresh;
use server_core::goal::Family;
use server_core::party::{OrganisationId, Party, PersonId};
use server_core::plan::{
    Answer, Basis, Change, Closure, Consent, EndGoal, How, OwnWord, PlanState, ReintegrationPlan, Review, ReviewOutcome,
};
use server_core::policy::{Code, Pack, Route, for_day};
use server_core::words::Words;
use store::kept::written_parts;
use uuid::Uuid;

use super::{AUTHORITY, Of, PEOPLE, Size, Sql, run};

/// Nine of ten pupils have a plan with a consent, week patterns and a review; every fifth had one before, which held; a parent was spoken
/// with.
pub(super) async fn fill(fresh: &Fresh, size: &Size, now: DateTime<Utc>) {
    let sql = Sql(fresh.engine);
    let robots = sql.series("s", "i", size.robots);
    let midnight = now.date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp();
    let run = async |text: String| run(fresh, &text).await;
    let code = |text: &str| Code::new(text).unwrap();
    let words = |text: &str| Words::new(text).unwrap();
    let packs = Pack::built_in().unwrap();
    let pack = for_day(&packs, &code("havering"), now.date_naive()).unwrap();
    let school = OrganisationId(AUTHORITY);
    let basis = Basis {
        route: Route::Medical,
        home_school: school,
        provider: school,
        receiving_school: school,
        responsible: school,
        planned_length: code("phased-return"),
        end_goal: EndGoal::HomeSchool,
        in_their_words: Some(words("Back to my class after Christmas.")),
    };
    let mut open = ReintegrationPlan::draft(pack, basis).unwrap();
    let (who, on) = (PersonId(Uuid::from_u128(PEOPLE[1].2)), now.date_naive());
    let review = Review {
        on,
        asked_by: None,
        present: [(Party::Pupil, How::ByRobot)].into(),
        targets: [(Family::Academic, words("Two topics behind"))].into(),
        worries: Some(words("Stairs")),
        is_supported: None,
        pupil_says: None,
        about_robot: Some(words("A bridge")),
        outcome: ReviewOutcome::Continue,
        why: None,
        next_on: Some(on + chrono::Days::new(14)),
    };
    let mut changes = vec![
        Change::Consent(Consent {
            party: Party::Parent,
            own_word: OwnWord::Beside,
            who,
            how: words("On paper"),
            on,
            withdrawn: None,
        }),
        Change::Open,
        Change::Answer(code("aims"), Some(Answer::Words(words("Back in maths and in the band by the end of January")))),
        // The ninth week: what is planned and what was are laid side by side from here.
        Change::Answer(code("provider-start"), Some(Answer::Day(on - chrono::Days::new(58)))),
        Change::PupilSays(1, Some(words("I want to see everyone"))),
        Change::Answer(code("on-track"), Some(Answer::YesNo(true))),
        Change::Review(review),
    ];
    changes.extend((1..=12).map(|week| Change::Week(code("provider"), week, "ss rr -o rr ss".parse().unwrap())));
    for change in changes {
        open.apply(pack, open.revision(), change).unwrap();
    }
    let mut held = open.parts().clone();
    held.state = PlanState::Closed(Closure {
        on,
        outcome: pack.closure.success.clone(),
        went_well: words("Friends waited at the gate"),
        could_be_better: None,
        provider_withdrew: Some(on),
        support_until: None,
        follow_up: vec![],
    });
    for (kind, parts, state, which) in
        [(Of::Earlier, &held, "closed", "i % 5 = 1"), (Of::Plan, open.parts(), "open", "i % 10 <> 0")]
    {
        // As after a year of changes, see `record`.
        let revision = 130;
        run(format!(
            "WITH RECURSIVE {robots} INSERT INTO plan (plan_id, placement_id, pack_id, pack_version, route, responsible_id, state,
                                                       revision, changed_at)
             SELECT {}, {}, '{}', '{}', 'medical', {}, '{state}', {revision}, {} FROM s WHERE {which}",
            sql.id(kind, "i"),
            sql.id(Of::Placement, "i"),
            pack.key.id,
            pack.key.version,
            sql.fixed(AUTHORITY),
            sql.at(&midnight.to_string())
        ))
        .await;
        let kept = written_parts(parts);
        let rows: Vec<String> = kept.iter().map(|(part, body)| format!("('{part}', '{}')", body.replace('\'', "''"))).collect();
        run(format!(
            "WITH RECURSIVE {robots}, k(part, body) AS (VALUES {}) INSERT INTO plan_part (plan_id, part, body)
             SELECT {}, part, body FROM s CROSS JOIN k WHERE {which}",
            rows.join(", "),
            sql.id(kind, "i")
        ))
        .await;
    }
    run(format!(
        "WITH RECURSIVE {robots}, {} INSERT INTO contact (contact_id, placement_id, day, kind, parties, written_by, written_at)
         SELECT {}, {}, {}, CASE WHEN k % 4 = 0 THEN 'attempt' ELSE 'call' END, CASE WHEN k % 2 = 0 THEN 'pupil,parent' ELSE 'pupil' END,
                {}, {} FROM s CROSS JOIN t",
        sql.series("t", "k", 38),
        sql.id(Of::Contact, "i * 100 + k"),
        sql.id(Of::Placement, "i"),
        sql.day(&format!("{midnight} - k * 604800")),
        sql.fixed(who.0),
        sql.at(&midnight.to_string())
    ))
    .await;
}
