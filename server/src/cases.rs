//! What the limits of a case are counted from: the days that a plan itself tells, what people said, and the schools' calendars.
//!
//! Nothing is decided here: `server_core::deadline` counts. A day that somebody said stands before one that follows from the plan.

use chrono::NaiveDate;
use server_core::calendar::Calendar;
use server_core::deadline::{Calendars, Facts};
use server_core::plan::{Answer, PlanState, ReintegrationPlan};
use server_core::policy::{Code, Event, Pack, Series};
use server_core::school_days::{DayOff, SchoolDays};
use store::Store;
use store::placements::PlacementRow;
use uuid::Uuid;

use crate::api::ApiError;

/// The calendars of the two places of a case.
pub struct Schools {
    school: SchoolDays,
    provider: Option<SchoolDays>,
}

impl Schools {
    /// Of a placement. A provider without a calendar of its own is taken to be open when the school is; [`Self::assumes`] says so.
    ///
    /// # Errors
    /// The database does not answer, or the school has no calendar.
    pub async fn of(store: &Store, placement: &PlacementRow) -> Result<Self, ApiError> {
        let provider = match placement.provider_id {
            Some(provider) => school_days(store, provider).await?,
            None => None,
        };
        Ok(Self { school: school_days(store, placement.school_id).await?.ok_or(ApiError::NotFound)?, provider })
    }

    /// Whether the provider's days are those of the school, for want of its own.
    #[must_use]
    pub fn assumes(&self) -> bool {
        self.provider.is_none()
    }

    /// As limits count in them. The home school is the receiving school, as long as a placement knows one school.
    #[must_use]
    pub fn calendars(&self) -> Calendars<'_> {
        Calendars {
            home_school: &self.school,
            provider: self.provider.as_ref().unwrap_or(&self.school),
            receiving_school: &self.school,
        }
    }
}

async fn school_days(store: &Store, organisation: Uuid) -> Result<Option<SchoolDays>, ApiError> {
    let Some(row) = store.calendar(organisation).await? else { return Ok(None) };
    let off: Vec<_> = row.closures.iter().map(|(day, words)| (*day, DayOff::of_words(words))).collect();
    let closed = row.closures.iter().map(|(day, _)| *day);
    let calendar = Calendar::new(&row.time_zone, row.week_ones, closed).map_err(anyhow::Error::from)?;
    Ok(Some(SchoolDays::new(calendar, off)))
}

/// Everything that the limits of a case are counted from. `series_of`: the organisation that publishes dates.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn facts(
    store: &Store,
    pack: &Pack,
    plan: &ReintegrationPlan,
    placement_id: Uuid,
    series_of: Option<Uuid>,
) -> Result<Facts, ApiError> {
    let rows = store.case_rows(placement_id).await?;
    let mut facts = Facts { route: Some(plan.basis().route), overrides: rows.overrides, ..Facts::default() };
    facts.events = plan_events(pack, plan).chain(rows.events).collect();
    facts.done = plan_done(plan).chain(rows.kept).collect();
    if let Some(organisation) = series_of {
        facts.series.insert(Series::Panel, store.series(organisation, Series::Panel).await?);
    }
    Ok(facts)
}

/// Events whose day a plan tells by itself.
fn plan_events(pack: &Pack, plan: &ReintegrationPlan) -> impl Iterator<Item = (Event, NaiveDate)> {
    let start = match Code::new("provider-start").and_then(|field| plan.answer(&field)) {
        Some(Answer::Day(day)) => Some((Event::ProviderStart, *day)),
        _ => None,
    };
    let counts = plan.meetings().iter().filter(|meeting| meeting.missing(&pack.meeting).is_empty());
    let meeting = counts.map(|meeting| (Event::PlanningMeeting, meeting.on)).max_by_key(|(_, on)| *on);
    let back = match plan.state() {
        PlanState::Returning { since } => Some((Event::SchoolStart, *since)),
        PlanState::Draft | PlanState::Open | PlanState::Closed(_) => None,
    };
    let signed: Option<Vec<NaiveDate>> = (pack.closure.sign_off.iter())
        .map(|party| plan.sign_offs().iter().find(|one| one.party == *party).map(|one| one.on))
        .collect();
    let agreed = signed.and_then(|days| days.into_iter().max()).map(|day| (Event::SuccessAgreed, day));
    [start, meeting, back, agreed].into_iter().flatten()
}

/// Rules that a review of the plan has kept.
fn plan_done(plan: &ReintegrationPlan) -> impl Iterator<Item = ((Code, Option<u16>), NaiveDate)> {
    plan.reviews().iter().filter_map(|review| Some((review.asked_by.clone()?, review.on)))
}
