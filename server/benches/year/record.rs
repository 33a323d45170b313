//! What a year leaves in every pupil's record beside plan and minutes: people, days, goals, looks, marks of the register, what was
//! corrected, said and changed, and the tablet.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, Utc};
use engines::{Engine, Fresh};
use server_core::cost::{CostLine, CostTable, Pence, Ratio};
use server_core::framework::{Area, Assessment, Note, Profile, Scale, Trait, Voice};
use server_core::goal::{Family, Goal, Wording};
use server_core::party::{Party, PersonId};
use server_core::plan::{PartTime, PartTimeReason};
use server_core::policy::Event;
use server_core::register::PupilPlace;
use server_core::sharing::{Document, Section};
use server_core::words::Words;
use store::kept;
use store::sheets::SheetKind;
use uuid::Uuid;

use super::{A_SCHOOL, AUTHORITY, Of, PEOPLE, Size, Sql, days_of, run, school_days};

/// Accounts of a school: a key worker, a lead, staff of classes.
const ACCOUNTS: u64 = 5;
/// Fields of a plan that differ from one day to another in a year, and of everything else of the case.
const CHANGES: u64 = 120;

/// Who has a part in case `i`: of the first school those who sign in, elsewhere the school's own account `which`.
pub(super) fn worker(sql: &Sql, which: u64) -> String {
    let (_, _, here) = PEOPLE[usize::try_from(which).unwrap() + 1];
    let there = sql.id(Of::Staff, &format!("i / {A_SCHOOL} * {ACCOUNTS} + {which}"));
    format!("CASE WHEN i < {A_SCHOOL} THEN {} ELSE {there} END", sql.fixed(Uuid::from_u128(here)))
}

pub(super) async fn fill(fresh: &Fresh, size: &Size, now: DateTime<Utc>) {
    let sql = Sql(fresh.engine);
    let midnight = now.date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp();
    let robots = sql.series("s", "i", size.robots);
    let (placement, pupil, plan) = (sql.id(Of::Placement, "i"), sql.id(Of::Pupil, "i"), sql.id(Of::Plan, "i"));
    let (key_worker, lead) = (worker(&sql, 0), worker(&sql, 1));
    let back = |days: &str| sql.day(&format!("{midnight} - ({days}) * 86400"));
    let back_at = |days: &str| sql.at(&format!("{midnight} - ({days}) * 86400 + 36000"));
    let schools = size.robots.div_ceil(A_SCHOOL);
    // `values` for each pupil and each k up to `count`.
    let each = async |table: &str, columns: &str, count: u64, values: String| {
        let ks = sql.series("t", "k", count);
        run(
            fresh,
            &format!("WITH RECURSIVE {robots}, {ks} INSERT INTO {table} ({columns}) SELECT {values} FROM s CROSS JOIN t"),
        )
        .await;
    };
    let staff = format!("WITH RECURSIVE {}, {}", sql.series("s", "i", schools), sql.series("t", "k", ACCOUNTS));
    let account = sql.id(Of::Staff, &format!("i * {ACCOUNTS} + k"));
    run(
        fresh,
        &format!(
            "{staff} INSERT INTO staff (staff_id, name, email, password_hash)
             SELECT {account}, 'Ms ' || i || '.', 's' || i || '.' || k || '@fennshire.example', 'none' FROM s CROSS JOIN t;
             {staff} INSERT INTO staff_role (staff_id, role, organisation_id)
             SELECT {account}, CASE k WHEN 0 THEN 'key_worker' WHEN 1 THEN 'school_lead' ELSE 'classroom_staff' END, {}
             FROM s CROSS JOIN t",
            sql.id(Of::School, "i")
        ),
    )
    .await;
    // Christmas, and the dates of the panel.
    let christmas = sql.day(&format!("{midnight} + (26 + k) * 86400"));
    run(
        fresh,
        &format!(
            "WITH RECURSIVE {}, {ks} INSERT INTO closure_day (organisation_id, day, reason)
             SELECT {}, {christmas}, 'Christmas' FROM s CROSS JOIN t;
             WITH RECURSIVE {ks} INSERT INTO series_day (organisation_id, series, day)
             SELECT {}, 'panel', {} FROM t",
            sql.series("s", "i", schools),
            sql.id(Of::School, "i"),
            sql.fixed(AUTHORITY),
            sql.day(&format!("{midnight} + (k * 21 - 100) * 86400")),
            ks = sql.series("t", "k", 12),
        ),
    )
    .await;
    let person = sql.id(Of::Person, "i");
    each("person", "person_id, pupil_id, name, reach", 1, format!("{person}, {pupil}, 'Mr Q.', 'By telephone, after four'"))
        .await;
    let parties = [Party::KeyWorker, Party::ProviderLead, Party::Parent, Party::HomeSchool, Party::ReceivingSchool];
    for (n, party) in parties.into_iter().enumerate() {
        let who = match party {
            Party::KeyWorker | Party::ProviderLead => &key_worker,
            Party::Parent => &person,
            _ => &lead,
        };
        let id = sql.id(Of::Party, &format!("i * 10 + {n}"));
        each(
            "placement_party",
            "placement_party_id, placement_id, party, person_id, from_day",
            1,
            format!("{id}, {placement}, '{}', {who}, {}", party.code(), back("200")),
        )
        .await;
    }
    for (n, (event, days)) in
        [(Event::PanelHearing, "i % 60 + 5"), (Event::StageOne, "i % 60"), (Event::PartTimeEnd, "-40")].into_iter().enumerate()
    {
        let id = sql.id(Of::CaseEvent, &format!("i * 10 + {n}"));
        let columns = "case_event_id, placement_id, event, day, actor_kind, actor_id, at";
        let values =
            format!("{id}, {placement}, '{}', {}, 'staff', {key_worker}, {}", event.code(), back(days), back_at("i % 60"));
        each("case_event", columns, 1, values).await;
    }
    let id = sql.id(Of::Word, "i");
    each(
        "deadline_word",
        "deadline_word_id, placement_id, rule, kind, day, reason, by_id, on_day, at",
        1,
        format!(
            "{id}, {placement}, 'start-after-panel', 'day', {}, 'After the last treatment', {key_worker}, {}, {}",
            back("-30"),
            back("20"),
            back_at("20")
        ),
    )
    .await;
    for (n, revision, kind, days, body) in sheets(now) {
        // A pupil's one profile goes by the placement.
        let id = if kind == SheetKind::Profile { placement.clone() } else { sql.id(Of::Sheet, &format!("i * 100 + {n}")) };
        let day = days.map_or("NULL".to_owned(), |days| back(&days.to_string()));
        let columns = "sheet_id, revision, kind, placement_id, day, body, actor_kind, actor_id, at";
        let (kind, body) = (kind.as_str(), body.replace('\'', "''"));
        let at = back_at(&format!("{days} - {revision}", days = days.unwrap_or(20).max(10)));
        each(
            "sheet",
            columns,
            1,
            format!("{id}, {revision}, '{kind}', {placement}, {day}, '{body}', 'staff', {key_worker}, {at}"),
        )
        .await;
    }
    let lines = (1..=40).map(|line| CostLine {
        line,
        setting: format!("Setting {line}"),
        current: Pence::new(4_000_000).unwrap(),
        ratio: Ratio { adults: 1, pupils: 3 },
        transition: Pence::new(300_000).unwrap(),
        mainstream: Pence::new(900_000).unwrap(),
    });
    let costs = kept::written_costs(&CostTable::new(lines.collect(), 12).unwrap());
    run(
        fresh,
        &format!(
            "WITH RECURSIVE {} INSERT INTO sheet (sheet_id, revision, kind, organisation_id, body, actor_kind, actor_id, at)
             SELECT {authority}, k + 1, '{}', {authority}, '{costs}', 'staff', {}, {} FROM t",
            sql.series("t", "k", 12),
            SheetKind::Costs.as_str(),
            sql.fixed(Uuid::from_u128(PEOPLE[0].2)),
            back_at("100 - k"),
            authority = sql.fixed(AUTHORITY)
        ),
    )
    .await;
    // Every tenth has no plan.
    let ks = sql.series("t", "k", CHANGES);
    run(
        fresh,
        &format!(
            "WITH RECURSIVE {robots}, {ks} INSERT INTO plan_change (plan_id, revision, field, from_text, to_text, actor_kind, actor_id, at)
             SELECT {plan}, k + 2, 'answer.aims', 'Back by week ' || k, 'Back by week ' || (k + 1), 'staff', {key_worker}, {}
             FROM s CROSS JOIN t WHERE i % 10 <> 0",
            back_at("200 - k")
        ),
    )
    .await;
    let id = sql.id(Of::Change, "i * 100 + k");
    each(
        "case_change",
        "case_change_id, pupil_id, placement_id, field, from_text, to_text, actor_kind, actor_id, at",
        12,
        format!("{id}, {pupil}, {placement}, 'until-day', '2026-07-' || (k + 10), '2026-07-' || (k + 11), 'staff', {key_worker}, {}",
            back_at("200 - k")),
    )
    .await;
    // On Tuesdays.
    let id = sql.id(Of::Correction, "i * 10 + k");
    each(
        "minutes_correction",
        "minutes_correction_id, placement_id, day, to_s, reason, author_id, said_at",
        4,
        format!("{id}, {placement}, {}, 300, 'The tablet was shared', {key_worker}, {}", back("k * 28 + 1"), back_at("k * 28")),
    )
    .await;
    let id = sql.id(Of::Stated, "i * 100 + k");
    let said = sql.truth(true);
    each(
        "stated_half_day",
        "stated_half_day_id, placement_id, day, half_day, was_there, by_id, staff_id, at",
        40,
        format!("{id}, {placement}, {}, 'am', {said}, {lead}, {key_worker}, {}", back("k * 7 + 1"), back_at("k * 7")),
    )
    .await;
    let start = sql.at(&format!("{midnight} - (k * 7 + 1) * 86400 + 31800"));
    each("rest_choice", "placement_id, lesson_start_at, chosen_at", 38, format!("{placement}, {start}, {start}")).await;
    run(
        fresh,
        &format!(
            "WITH RECURSIVE {robots}, {}, h(half) AS (VALUES ('am'), ('pm'))
             INSERT INTO register_mark (pupil_id, day, half_day, code, imported_at, source)
             SELECT {pupil}, {}, half, CASE WHEN back % 5 = 0 THEN 'I' ELSE 'D' END, {}, 'sims' FROM s CROSS JOIN d CROSS JOIN h",
            days_of(&school_days(size)),
            back("back"),
            back_at("0")
        ),
    )
    .await;
    let (id, keyword) = (sql.id(Of::Tablet, "i"), sql.id(Of::Keyword, "i"));
    let (token, selector) = match fresh.engine {
        Engine::Sqlite => (id.clone(), "printf('%04x', i)"),
        Engine::Postgres => (format!("uuid_send({id})"), "lpad(to_hex(i), 4, '0')"),
    };
    each(
        "tablet",
        "tablet_id, placement_id, token_sha256, pin_hash, paired_at",
        1,
        format!("{id}, {placement}, {token}, 'none', {}", back_at("150")),
    )
    .await;
    each(
        "keyword",
        "keyword_id, placement_id, selector, keyword_hash, made_at, used_at",
        1,
        format!("{keyword}, {placement}, {selector}, 'none', {}, {}", back_at("150"), back_at("150")),
    )
    .await;
}

/// A pupil's sheets: which, its revision, its kind, how many days back it is listed, its text.
fn sheets(now: DateTime<Utc>) -> Vec<(u64, u64, SheetKind, Option<i64>, String)> {
    let today = now.date_naive();
    let words = |text: &str| Words::new(text).unwrap();
    let key_worker = PersonId(Uuid::from_u128(PEOPLE[1].2));
    let mut all = Vec::new();
    for (n, family) in (0..).zip([Family::Attendance, Family::Academic, Family::Attendance]) {
        let on = today - Days::new(100);
        let authors = [Party::Pupil, Party::KeyWorker].into();
        let wording =
            Wording { words: words("Two days on site"), pupil_words: Some(words("Mondays with my friends")), authors, on };
        let mut goal = Goal::new(family, wording).unwrap();
        goal.review_on = Some(today + Days::new(20 + n));
        all.push((n, 1, SheetKind::Goal, Some(-20 - i64::try_from(n).unwrap()), kept::written_goal(&goal)));
    }
    // A look every fifth week, the last one also by the pupil.
    let scale = Scale::plain();
    for (n, (back, voice)) in
        (10..).zip((0..8).map(|n| (n * 35 + 1, Voice::Staff)).chain([(1, Voice::Pupil)]).collect::<Vec<(i64, _)>>())
    {
        let level = |step: usize| scale.steps().get(step).and_then(|step| scale.level(step));
        let levels = (0..).zip(Area::ALL).filter_map(|(at, area)| Some((*area, level(at % 3)?))).collect();
        let on = today - Days::new(back.unsigned_abs());
        let look = Assessment::new(on, voice, key_worker, &scale, levels, BTreeMap::new()).unwrap();
        all.push((n, 1, SheetKind::Assessment, Some(back), kept::written_assessment(&look, &scale).unwrap()));
    }
    let note = |(about, text)| Note { about, words: words(text), shared_on: Some(today - Days::new(30)) };
    let notes = [
        (Trait::Strength, "Asks good questions. Draws."),
        (Trait::Need, "A quiet start, and one instruction at a time"),
        (Trait::Coping, "Five minutes by the door, then back"),
    ];
    let profile = kept::written_profile(&Profile { notes: notes.into_iter().map(note).collect(), interventions: Vec::new() });
    all.extend((1..=6).map(|revision| (30, revision, SheetKind::Profile, None, profile.clone())));
    let part_time = PartTime {
        from: today - Days::new(60),
        until: today + Days::new(20),
        reasons: [PartTimeReason::Return].into(),
        agreed_by: key_worker,
        reviews: vec![today + Days::new(6)],
    };
    all.push((31, 1, SheetKind::PartTime, Some(60), kept::written_part_time(&part_time)));
    all.push((32, 1, SheetKind::Place, Some(60), kept::written_place(PupilPlace::Hospital, today - Days::new(60))));
    let share = kept::written_share(Document::Plan, Party::HomeSchool, &[Section::Goals, Section::Reviews]);
    all.extend((0..4).map(|n| (40 + n, 1, SheetKind::Share, Some(i64::try_from(n).unwrap() * 40), share.clone())));
    all
}
