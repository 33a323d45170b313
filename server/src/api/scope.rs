//! From rows to the questions of `server_core::access`, and the same 404 for what is not there and what is not theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use server_core::access::{Action, MAX_DEPTH, Person, Role, Subject, Tree, is_from_elsewhere, may};
use server_core::party::Party;
use store::organisations::OrganisationRow;
use store::placements::PlacementRow;
use store::robots::RobotRow;
use uuid::Uuid;

use super::ApiError;
use super::auth::Caller;
use crate::AppState;

/// What one person may reach, as of this request.
pub struct Scope {
    person: Person,
    tree: Tree,
    organisations: Vec<OrganisationRow>,
    /// Placements in whose case they have parts.
    parts: BTreeMap<Uuid, BTreeSet<Party>>,
}

impl Scope {
    /// Reads the organisations, and the parts that this person has.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of(state: &AppState, caller: &Caller) -> Result<Self, ApiError> {
        Self::of_person(state, caller.person.clone()).await
    }

    /// The same of somebody who did not sign in: a calendar program asks for them.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of_person(state: &AppState, person: Person) -> Result<Self, ApiError> {
        let organisations = state.store.organisations().await?;
        let tree = Tree::new(organisations.iter().map(|row| (row.organisation_id, row.parent_id)));
        // A part opens a case to these alone.
        let is_asked = |role: Role| matches!(role, Role::KeyWorker | Role::SchoolLead);
        let mut parts: BTreeMap<Uuid, BTreeSet<Party>> = BTreeMap::new();
        if person.holdings.iter().any(|holding| is_asked(holding.role)) {
            for (placement, party) in state.store.open_parts(person.id).await? {
                parts.entry(placement).or_default().insert(party);
            }
        }
        Ok(Self { person, tree, organisations, parts })
    }

    /// Whether they may.
    #[must_use]
    pub fn may(&self, action: Action, subject: &Subject) -> bool {
        may(&self.person, action, subject, &self.tree)
    }

    /// Whether they may do this with a robot.
    #[must_use]
    pub fn may_robot(&self, action: Action, robot: &RobotRow) -> bool {
        self.may(action, &Subject::Robot { school: robot.organisation_id })
    }

    /// Whether they may do this with the pupil of a placement.
    #[must_use]
    pub fn may_pupil(&self, action: Action, placement: &PlacementRow) -> bool {
        self.may(action, &self.subject(placement))
    }

    /// Whether a part alone opens this case to them: they work at neither of the places that have the pupil.
    #[must_use]
    pub fn is_from_elsewhere(&self, placement: &PlacementRow) -> bool {
        is_from_elsewhere(&self.person, &self.subject(placement), &self.tree)
    }

    /// The parts by which alone a case is open to them; none: they work where the pupil is.
    #[must_use]
    pub fn only_as(&self, placement: &PlacementRow) -> Option<BTreeSet<Party>> {
        self.is_from_elsewhere(placement).then(|| self.parts.get(&placement.placement_id).cloned().unwrap_or_default())
    }

    fn subject(&self, placement: &PlacementRow) -> Subject {
        Subject::Pupil {
            pupil: placement.pupil_id,
            school: placement.school_id,
            provider: placement.provider_id,
            key_worker: placement.key_worker_id,
            has_part: self.parts.contains_key(&placement.placement_id),
        }
    }

    /// Whether two organisations lie below one authority, or one of them is it.
    #[must_use]
    pub fn are_together(&self, one: Uuid, other: Uuid) -> bool {
        // As deep as organisations may lie below one another, and no deeper: a circle ends.
        let top = |mut at| {
            for _ in 0..MAX_DEPTH {
                at = self.parent_of(at).unwrap_or(at);
            }
            at
        };
        top(one) == top(other)
    }

    /// Whether they may do this with the whole of any organisation they hold a role at.
    #[must_use]
    pub fn may_somewhere(&self, action: Action) -> bool {
        self.person.holdings.iter().any(|holding| self.may(action, &Subject::Organisation(holding.organisation)))
    }

    /// Whether they may do this with every organisation there is.
    #[must_use]
    pub fn may_everywhere(&self, action: Action) -> bool {
        self.organisations.iter().all(|row| self.may(action, &Subject::Organisation(row.organisation_id)))
    }

    /// Every organisation, by name.
    pub fn organisations(&self) -> impl Iterator<Item = &OrganisationRow> {
        self.organisations.iter()
    }

    /// Whether `organisation` is `top` or lies below it.
    #[must_use]
    pub fn is_within(&self, organisation: Uuid, top: Uuid) -> bool {
        self.tree.is_within(organisation, top)
    }

    /// Whether an organisation has the same authority above it as one at which this person holds a role.
    #[must_use]
    pub fn is_near(&self, organisation: Uuid) -> bool {
        let tops = || self.organisations.iter().filter(|row| row.parent_id.is_none()).map(|row| row.organisation_id);
        let mut own = self.person.holdings.iter().map(|holding| holding.organisation);
        own.any(|own| tops().any(|top| self.is_within(own, top) && self.is_within(organisation, top)))
    }

    /// Every organisation with its name.
    pub fn organisation_names(&self) -> impl Iterator<Item = (Uuid, String)> {
        self.organisations.iter().map(|row| (row.organisation_id, row.name.clone()))
    }

    /// The authority above an organisation.
    #[must_use]
    pub fn parent_of(&self, organisation: Uuid) -> Option<Uuid> {
        self.organisations.iter().find(|row| row.organisation_id == organisation)?.parent_id
    }

    /// The time zone of an organisation. What is unknown or unreadable is taken as London.
    #[must_use]
    pub fn zone(&self, organisation: Uuid) -> Tz {
        let row = self.organisations.iter().find(|row| row.organisation_id == organisation);
        row.and_then(|row| Tz::from_str(&row.time_zone).ok()).unwrap_or(chrono_tz::Europe::London)
    }

    /// The day that `now` belongs to at an organisation.
    #[must_use]
    pub fn today(&self, organisation: Uuid, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.zone(organisation)).date_naive()
    }

    /// The time zone at the first organisation they hold a role at.
    #[must_use]
    pub fn own_zone(&self) -> Tz {
        self.person.holdings.first().map_or(chrono_tz::Europe::London, |holding| self.zone(holding.organisation))
    }

    /// The name of the first organisation they hold a role at.
    #[must_use]
    pub fn own_name(&self) -> String {
        let own = self.person.holdings.first().map(|holding| holding.organisation);
        self.organisations.iter().find(|row| Some(row.organisation_id) == own).map(|row| row.name.clone()).unwrap_or_default()
    }
}

/// A robot, if this person may do `action` with it.
///
/// # Errors
/// It is not there or not theirs; or the database does not answer.
pub async fn robot(state: &AppState, caller: &Caller, robot: Uuid, action: Action) -> Result<(RobotRow, Scope), ApiError> {
    let scope = Scope::of(state, caller).await?;
    let row = state.store.robot(robot).await?.filter(|row| scope.may_robot(action, row)).ok_or(ApiError::NotFound)?;
    Ok((row, scope))
}

/// The placement by which this person may do `action` with a pupil. While one runs, it alone opens the record: the school of an earlier
/// one has nothing to do with what happens now. Once all have ended, the latest opens it.
///
/// # Errors
/// There is none; or the database does not answer.
pub async fn pupil(state: &AppState, caller: &Caller, pupil: Uuid, action: Action) -> Result<(PlacementRow, Scope), ApiError> {
    let scope = Scope::of(state, caller).await?;
    let row = placement_of(state, &scope, pupil, action).await?.ok_or(ApiError::NotFound)?;
    Ok((row, scope))
}

/// The same for somebody whose reach is known already; `None`: there is none.
///
/// # Errors
/// The database does not answer.
pub async fn placement_of(
    state: &AppState,
    scope: &Scope,
    pupil: Uuid,
    action: Action,
) -> Result<Option<PlacementRow>, ApiError> {
    let rows = state.store.placements_of(pupil).await?;
    let now = state.clock.now().utc;
    let runs = |row: &PlacementRow| {
        let today = scope.today(row.school_id, now);
        row.from_day <= today && today <= row.until_day
    };
    let latest = rows.iter().map(|row| row.until_day).max();
    let any_runs = rows.iter().any(runs);
    let opens = |row: &PlacementRow| if any_runs { runs(row) } else { Some(row.until_day) == latest };
    Ok(rows.into_iter().find(|row| opens(row) && scope.may_pupil(action, row)))
}
