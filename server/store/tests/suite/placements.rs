//! Placements, plans and the imported register.

use chrono::NaiveDate;
use engines::{Engine, Fresh, on_each_engine};
use uuid::Uuid;

use crate::world::{PLACEMENT, PUPIL, ROBOT, SCHOOL, fill};

on_each_engine!(a_placement_is_found_by_its_pupil_and_by_its_robot_on_its_days, no_table_joins_minutes_and_the_register);

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn a_placement_is_found_by_its_pupil_and_by_its_robot_on_its_days(store: Fresh) {
    fill(&store).await;
    let row = store.placement(PLACEMENT).await.unwrap().unwrap();
    assert_eq!((row.pupil_name.as_str(), row.robot(), row.school_name.as_str()), ("Ada Q.", "Robin", "Alder Road"));
    assert_eq!((row.home_id, row.home_name.as_str()), (SCHOOL, "Alder Road"), "whose register the pupil is on");
    assert!(!format!("{row:?}").contains("Ada"), "a name is not printed");
    assert_eq!(store.placements_of(PUPIL).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(store.placements_of_robot(ROBOT, day("2026-11-23")).await.unwrap(), [row]);
    assert_eq!(store.placements_of_robot(ROBOT, day("2026-11-24")).await.unwrap(), []);
    assert_eq!(store.plan_stages(PLACEMENT).await.unwrap().len(), 1);
    assert!(store.placement(Uuid::from_u128(404)).await.unwrap().is_none());
}

/// The two ledgers are apart in the database as well: no table of the engagement ledger has a column of the register, no table
/// refers to it, and nothing but an import writes it.
async fn no_table_joins_minutes_and_the_register(store: Fresh) {
    // Of each engine's own catalogue: which table has which column, which refers to which, and what is done by a trigger.
    let (columns, references, triggers) = match store.engine {
        Engine::Sqlite => (
            "SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'",
            "SELECT t.name || ' to ' || f.\"table\" FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'",
            "SELECT tbl_name || ' ' || sql FROM sqlite_master WHERE type = 'trigger'",
        ),
        Engine::Postgres => (
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'",
            "SELECT c.conrelid::regclass || ' to ' || c.confrelid::regclass FROM pg_constraint c WHERE c.contype = 'f'",
            "SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger WHERE NOT tgisinternal",
        ),
    };
    let columns = store.texts(columns).await;
    assert!(columns.iter().any(|column| column == "register_mark.code"), "{columns:?}");
    for column in columns.iter().filter(|column| column.starts_with("register_mark.")) {
        assert!(!["session", "interval", "presence", "minute", "_ms"].iter().any(|word| column.contains(word)), "{column}");
    }
    let references = store.texts(references).await;
    assert!(references.iter().any(|reference| reference == "register_mark to pupil"), "{references:?}");
    for reference in &references {
        assert!(!reference.ends_with(" to register_mark"), "{reference}");
        assert!(!reference.starts_with("register_mark") || reference.ends_with(" to pupil"), "{reference}");
    }
    let triggers = store.texts(triggers).await;
    assert!(!triggers.is_empty() && !triggers.iter().any(|trigger| trigger.contains("register_mark")), "{triggers:?}");
}
