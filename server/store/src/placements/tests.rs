//! Placements, plans and the imported register.

use super::*;
use crate::tests::fresh;
use crate::tests::world::{PLACEMENT, PUPIL, ROBOT, fill};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_placement_is_found_by_its_pupil_and_by_its_robot_on_its_days() {
    let (_dir, store) = fresh().await;
    fill(&store).await;
    let row = store.placement(PLACEMENT).await.unwrap().unwrap();
    assert_eq!((row.pupil_name.as_str(), row.robot_name.as_str(), row.school_name.as_str()), ("Ada Q.", "Robin", "Alder Road"));
    assert!(!format!("{row:?}").contains("Ada"), "a name is not printed");
    assert_eq!(store.placements_of(PUPIL).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(store.placements_of_robot(ROBOT, day("2026-11-23")).await.unwrap(), [row]);
    assert_eq!(store.placements_of_robot(ROBOT, day("2026-11-24")).await.unwrap(), []);
    assert_eq!(store.plan_stages(PLACEMENT).await.unwrap().len(), 1);
    assert!(store.placement(Uuid::from_u128(404)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_later_import_replaces_the_mark_that_the_school_changed() {
    let (_dir, store) = fresh().await;
    fill(&store).await;
    let mark = |code: &str, hour: u32| RegisterMarkRow {
        day: day("2026-11-23"),
        half_day: "am".into(),
        code: code.into(),
        imported_at: day("2026-11-24").and_hms_opt(hour, 0, 0).unwrap().and_utc(),
        source: "export".into(),
    };
    store.import_register(PUPIL, &[mark("I", 9)]).await.unwrap();
    store.import_register(PUPIL, &[mark("D", 10)]).await.unwrap();
    assert_eq!(store.register_marks(PUPIL, day("2026-11-23"), day("2026-11-23")).await.unwrap(), [mark("D", 10)]);
    assert_eq!(store.register_marks(PUPIL, day("2026-11-24"), day("2026-11-25")).await.unwrap(), []);
}

/// The two ledgers are apart in the database as well: no table of the engagement ledger has a column of the register, no table
/// refers to it, and nothing but an import writes it.
#[tokio::test]
async fn no_table_joins_minutes_and_the_register() {
    let (_dir, store) = fresh().await;
    let sql: Vec<String> =
        sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetch_all(&store.read).await.unwrap();
    assert!(sql.iter().any(|text| text.contains("register_mark")));
    for text in &sql {
        let is_register = text.contains("TABLE register_mark");
        let is_ledger = ["presence_interval", "TABLE visit", "span_ms"].iter().any(|word| text.contains(word));
        assert!(!(is_register && is_ledger), "{text}");
        assert!(is_register || !text.contains("REFERENCES register_mark"), "{text}");
    }
    let triggers: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%register_mark%'")
            .fetch_one(&store.read)
            .await
            .unwrap();
    assert_eq!(triggers, 0);
}
