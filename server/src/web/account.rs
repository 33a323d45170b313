//! A placement's lessons as its pages need them: with the school's time zone, and the reasons of days without school.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use server_core::calendar::Calendar;
use store::placements::PlacementRow;

use crate::api::ApiError;
use crate::{AppState, lessons};

/// An open interval that did not grow for so long is not "now"; bridges report every 30 s.
pub const LIVE_WITHIN: TimeDelta = TimeDelta::seconds(75);

/// The calendar that a placement's lessons lie in.
pub struct School {
    /// When it is open, in its own time.
    pub calendar: Calendar,
    /// Its time zone.
    pub zone: Tz,
    closures: Vec<(NaiveDate, String)>,
}

impl School {
    /// Of a placement.
    ///
    /// # Errors
    /// The database does not answer, or the school has an unknown time zone.
    pub async fn of(state: &AppState, placement: &PlacementRow) -> Result<Self, ApiError> {
        let row = state.store.calendar(placement.school_id).await?.ok_or(ApiError::NotFound)?;
        let zone = row.time_zone.parse().map_err(|_| anyhow::anyhow!("a school has an unknown time zone"))?;
        let days = row.closures.iter().map(|(day, _)| *day);
        let calendar = Calendar::new(&row.time_zone, row.week_ones, days).map_err(anyhow::Error::from)?;
        Ok(Self { calendar, zone, closures: row.closures })
    }

    /// Why there is no school that day.
    #[must_use]
    pub fn closure(&self, day: NaiveDate) -> Option<&str> {
        self.closures.iter().find(|(closed, _)| *closed == day).map(|(_, reason)| reason.as_str())
    }
}

/// One school day of a placement.
///
/// # Errors
/// The database does not answer.
pub async fn day(state: &AppState, placement: &PlacementRow, day: NaiveDate) -> Result<lessons::SchoolDay, ApiError> {
    let days = lessons::school_days(&state.store, placement, (day, day), state.clock.now().utc).await?;
    days.into_iter().next().ok_or(ApiError::NotFound)
}

/// Whether the pupil is in class now, as far as the bridge has said.
///
/// # Errors
/// The database does not answer.
pub async fn is_live(state: &AppState, placement: &PlacementRow, now: DateTime<Utc>) -> Result<bool, ApiError> {
    let rows = state.store.presence_of_pupil(placement.pupil_id, now - LIVE_WITHIN, now + LIVE_WITHIN).await?;
    Ok(rows.iter().any(|row| row.closed_by.is_none() && now - lessons::placed_until(row) < LIVE_WITHIN))
}
