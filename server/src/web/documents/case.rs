//! Everything that documents are made of, read once: the plan with its fields in words, the case around it, and what may be shown.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use server_core::plan::{ReintegrationPlan, changes};
use server_core::policy::Pack;
use server_core::sharing::Section;
use store::placements::PlacementRow;
use store::plans::PlanRow;

use crate::AppState;
use crate::api::ApiError;
use crate::api::scope::Scope;
use crate::cases;
use crate::web::plan::{self, Names};
use crate::web::view;

/// A case, as documents see it.
pub struct Case<'a> {
    pub state: &'a AppState,
    pub scope: &'a Scope,
    pub placement: PlacementRow,
    pub names: Names,
    /// None: there is no plan yet.
    pub plan: Option<Planned>,
    /// Source: H-23; only where it may be shown.
    pub born: Option<NaiveDate>,
    shows: BTreeSet<Section>,
    pub now: DateTime<Utc>,
    pub today: NaiveDate,
    pub zone: Tz,
}

/// A plan with its rules.
pub struct Planned {
    pub row: PlanRow,
    pub pack: &'static Pack,
    /// Every field that says something, by path.
    pub fields: Vec<Told>,
    /// When the panel's office was told that the return succeeded.
    pub panel_told: Option<NaiveDate>,
}

/// A field in words.
pub struct Told {
    pub path: String,
    pub title: String,
    pub value: String,
    pub section: Section,
}

impl<'a> Case<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    pub async fn of(
        state: &'a AppState,
        scope: &'a Scope,
        placement: PlacementRow,
        names: Names,
        shows: BTreeSet<Section>,
        now: DateTime<Utc>,
    ) -> Result<Self, ApiError> {
        let row = state.store.plans_of(placement.placement_id).await?.into_iter().next();
        Self::with(state, scope, placement, names, row, shows, now).await
    }

    /// Reads a case with a plan that is not the latest one.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    pub async fn with(
        state: &'a AppState,
        scope: &'a Scope,
        placement: PlacementRow,
        names: Names,
        row: Option<PlanRow>,
        shows: BTreeSet<Section>,
        now: DateTime<Utc>,
    ) -> Result<Self, ApiError> {
        let (today, zone) = (scope.today(placement.school_id, now), scope.zone(placement.school_id));
        let plan = match row {
            Some(row) => {
                let (pack, authority) = (cases::pack_of(&row.plan)?, scope.parent_of(placement.school_id));
                let facts = cases::facts(&state.store, pack, &row.plan, placement.placement_id, authority, today).await?;
                let panel_told = cases::panel_was_told(pack, &facts);
                Some(planned(row, &names, panel_told)?)
            }
            None => None,
        };
        let born = match shows.contains(&Section::Born) {
            true => state.store.pupil(placement.pupil_id).await?.and_then(|row| row.born),
            false => None,
        };
        Ok(Self { state, scope, placement, names, plan, born, shows, now, today, zone })
    }

    /// Whether a section is in this document.
    pub fn shows(&self, section: Section) -> bool {
        self.shows.contains(&section)
    }

    /// The plan, without which there is neither a plan nor a review to print.
    ///
    /// # Errors
    /// There is none.
    pub fn plan(&self) -> Result<&Planned, ApiError> {
        self.plan.as_ref().ok_or(ApiError::NotFound)
    }

    /// `Year 9, Alder Road School. As of 23 November 2026.`
    pub fn about(&self) -> String {
        let PlacementRow { year_group, school_name, .. } = &self.placement;
        format!("Year {year_group}, {school_name}. As of {}.", view::full_date(self.today))
    }

    /// An empty document with a title.
    pub fn document(&self, title: String) -> paper::Document {
        paper::Document { title, about: self.about(), ..paper::Document::default() }
    }
}

fn planned(row: PlanRow, names: &Names, panel_told: Option<NaiveDate>) -> Result<Planned, ApiError> {
    let pack = cases::pack_of(&row.plan)?;
    // Everything in which the plan differs from an empty one with the same beginning: so no field can be left out.
    let empty = ReintegrationPlan::draft(pack, row.plan.basis().clone()).map_err(|error| anyhow::anyhow!("{error}"))?;
    let told = |change: server_core::plan::FieldChange| {
        let value = names.value(pack, &change.field, change.to?.expose());
        let section = Section::of_field(pack, &change.field);
        (!value.is_empty()).then(|| Told { title: plan::title(pack, &change.field), path: change.field, value, section })
    };
    let fields = changes(empty.parts(), row.plan.parts()).into_iter().filter_map(told).collect();
    Ok(Planned { row, pack, fields, panel_told })
}
