//! What the school's own marks say of a week that is looked back upon: offered in its form, said to be from a file and when it was
//! read, and kept as such unless somebody types another figure.
//!
//! A week counts as covered if every half-day on which the home school was open has a mark. What of the marks is counted is decided
//! in `server_core::register`, which knows no minutes.

use chrono::NaiveDate;
use server_core::plan::{Stated, StatedSource};
use server_core::register::{HalfDay, week_told};
use server_core::school_days::SchoolDays;
use server_core::words::Words;
use store::Store;
use store::placements::PlacementRow;

use crate::api::ApiError;
use crate::cases;

/// The figures of a week.
pub struct ImportedWeek {
    pub attendance: Stated,
    pub punctuality: Option<Stated>,
}

/// Of the week that begins on `monday`; `None` if the marks do not cover it. `home`: the days of the school that keeps the register.
///
/// # Errors
/// The database does not answer, or holds what no import wrote.
pub async fn of_week(
    store: &Store,
    placement: &PlacementRow,
    home: &SchoolDays,
    monday: NaiveDate,
) -> Result<Option<ImportedWeek>, ApiError> {
    let days: Vec<NaiveDate> = monday.iter_days().take(5).filter(|day| home.is_school_day(*day)).collect();
    let Some(last) = days.last().copied() else { return Ok(None) };
    let halves: Vec<_> = days.into_iter().flat_map(|day| [(day, HalfDay::Am), (day, HalfDay::Pm)]).collect();
    let marks = store.imported_marks(placement.pupil_id, monday, last).await?;
    let Some(told) = week_told(&marks, &halves, cases::codes()?) else { return Ok(None) };
    let stated = |figure: &str| {
        let source = StatedSource::Import { system: told.system.clone(), at: told.at };
        Words::new(figure).ok().map(|figure| Stated { figure, source, on: last })
    };
    let punctuality = told.punctuality.as_deref().and_then(stated);
    Ok(stated(&told.attendance).map(|attendance| ImportedWeek { attendance, punctuality }))
}
