//! What is due in a case, and what it is counted from: the days that a plan itself tells, what people said, contacts, and the schools'
//! calendars.
//!
//! Nothing is decided here: `server_core::deadline` and `server_core::contact` count. A day that somebody said stands before one that follows from the plan.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, PoisonError, RwLock};

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use server_core::calendar::Calendar;
use server_core::contact::{Contact, cadences};
use server_core::deadline::asked::{Asked, asked};
use server_core::deadline::{Calendars, Due, Facts, Schedule, schedule};
use server_core::glide::Running;
use server_core::party::OrganisationId;
use server_core::plan::{Answer, Change, PartTime, PlanState, ReintegrationPlan, Setting};
use server_core::policy::{CalendarOf, Clock, Code, DeadlineRule, Event, Pack, PolicyError, Series, Tally, When};
use server_core::register::{CodeTable, sickness};
use server_core::school_days::{DayOff, Entered, SchoolDays};
use store::placements::PlacementRow;
use store::plans::PlanRow;
use store::sheets::{Owner, SheetKind};
use store::{Store, kept};
use uuid::Uuid;

use crate::api::ApiError;

/// The field of the form with the first day at the provider.
const PROVIDER_START: &str = "provider-start";
/// August: a school year begins with the first term after July (Education Act 1996, section 579).
const SCHOOL_YEAR_BEGINS: u32 = 8;

/// The packs in the binary, read once, and those of the folder that the configuration names. One is never taken away.
static PACKS: LazyLock<Result<RwLock<&'static [Pack]>, PolicyError>> = LazyLock::new(|| {
    let built_in: &'static [Pack] = Vec::leak(Pack::built_in()?);
    Ok(RwLock::new(built_in))
});

/// What a register's codes mean, read once.
static CODES: LazyLock<Result<CodeTable, PolicyError>> = LazyLock::new(CodeTable::england);

fn all_packs() -> anyhow::Result<&'static RwLock<&'static [Pack]>> {
    PACKS.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

/// The packs in the binary, and an authority's own.
///
/// # Errors
/// One of the binary's is not readable; a test makes sure that they are.
pub fn packs() -> Result<&'static [Pack], ApiError> {
    Ok(*all_packs()?.read().unwrap_or_else(PoisonError::into_inner))
}

/// Offers more packs from now on, also to other servers of this process. The same once more changes nothing.
///
/// # Errors
/// A version that is known already says something else.
pub fn add_packs(more: Vec<Pack>) -> anyhow::Result<()> {
    let mut held = all_packs()?.write().unwrap_or_else(PoisonError::into_inner);
    let mut all = held.to_vec();
    for pack in more {
        match all.iter().find(|known| known.key == pack.key) {
            Some(known) if *known == pack => {}
            Some(known) => anyhow::bail!(
                "there is another policy `{}` version {}: give this one a version or an id of its own",
                known.key.id,
                known.key.version
            ),
            None => all.push(pack),
        }
    }
    if all.len() > held.len() {
        *held = Vec::leak(all);
    }
    Ok(())
}

/// What a register's codes mean.
///
/// # Errors
/// The table in the binary is not readable; a test makes sure that it is.
pub fn codes() -> Result<&'static CodeTable, ApiError> {
    Ok(CODES.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?)
}

/// The pack that a plan was begun with.
///
/// # Errors
/// This program does not have it.
pub fn pack_of(plan: &ReintegrationPlan) -> Result<&'static Pack, ApiError> {
    let known = packs()?.iter().find(|pack| pack.key == plan.parts().pack);
    known.ok_or(ApiError::Unavailable(
        "This plan was begun with a policy that the server no longer has. Whoever runs it puts the file back into the folder of policies.",
    ))
}

/// The pack of a placement's newest plan, if it has one.
///
/// # Errors
/// The database does not answer, or this program does not have the pack.
pub async fn newest_pack(store: &Store, placement_id: Uuid) -> Result<Option<&'static Pack>, ApiError> {
    let newest = store.plans_of(placement_id).await?.into_iter().next();
    newest.map(|row| pack_of(&row.plan)).transpose()
}

/// Everything that is due in a case, and what it was worked out from.
pub struct Whole {
    /// The calendars that its limits are counted in.
    pub schools: Schools,
    /// Its latest plan, with the policy that the plan was begun with.
    pub plan: Option<(PlanRow, &'static Pack)>,
    /// What its limits are counted from.
    pub facts: Facts,
    /// Those of its days that follow from the plan; somebody may have said another one.
    pub from_plan: BTreeMap<Event, NaiveDate>,
    /// What is due: by the policy, and besides.
    pub schedule: Schedule,
}

impl Whole {
    /// Of a placement. `authority`: the organisation that publishes dates.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    pub async fn of(
        store: &Store,
        placement: &PlacementRow,
        authority: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<Self, ApiError> {
        let id = placement.placement_id;
        let mut plans = store.plans_of(id).await?.into_iter();
        let held = plans.next();
        // What the one before still owes: somebody to be told, a day to ask how it goes.
        let before = plans.find(|row| matches!(row.plan.state(), PlanState::Closed(_)));
        let schools = Schools::of(store, placement, held.as_ref().map(|row| &row.plan)).await?;
        let calendars = schools.calendars();
        let today = calendars.home_school.calendar().day(now);
        let (mut facts, mut counted, mut contacts, mut plan) = (Facts::default(), Schedule::default(), Vec::new(), None);
        match held {
            None => facts.done = store.case_rows(id).await?.kept,
            Some(row) => {
                let pack = pack_of(&row.plan)?;
                facts = self::facts(store, pack, &row.plan, id, authority, today).await?;
                count_sickness(store, pack, &mut facts, placement.pupil_id, today).await?;
                counted = schedule(pack, &facts, &calendars);
                if let Some(before) = before.as_ref().filter(|_| !facts.is_closed) {
                    let pack = pack_of(&before.plan)?;
                    let of_before = self::facts(store, pack, &before.plan, id, authority, today).await?;
                    counted = counted.with(schedule(pack, &of_before, &calendars).due);
                }
                if !facts.is_closed {
                    contacts = contacts_owed(store, placement, pack, &row.plan, &facts, &calendars, now).await?;
                }
                plan = Some((row, pack));
            }
        }
        let goals = sheets(store, id, SheetKind::Goal, kept::read_goal).await?;
        let arrangements = sheets(store, id, SheetKind::PartTime, kept::read_part_time).await?;
        let breakdowns = sheets(store, id, SheetKind::Breakdown, kept::read_breakdown).await?;
        let of = Asked {
            plan: plan.as_ref().map(|(row, pack)| (*pack, &row.plan)),
            ended: plan.as_ref().map(|(row, _)| row).filter(|_| facts.is_closed).or(before.as_ref()).map(|row| &row.plan),
            goals: &goals,
            part_time: now_or_next(&arrangements, today),
            breakdowns: &breakdowns,
            said: &facts.done,
        };
        let more = asked(&of, &counted);
        let from_plan = plan.iter().flat_map(|(row, pack)| plan_events(pack, &row.plan)).collect();
        Ok(Self { schedule: counted.with(contacts).with(more), schools, plan, facts, from_plan })
    }
}

async fn contacts_owed(
    store: &Store,
    placement: &PlacementRow,
    pack: &Pack,
    plan: &ReintegrationPlan,
    facts: &Facts,
    calendars: &Calendars<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Due>, ApiError> {
    let today = calendars.home_school.calendar().day(now);
    let rows = store.contacts(placement.placement_id, placement.from_day, today).await?;
    let log: Vec<Contact> = rows.into_iter().map(|(_, contact)| contact).collect();
    let route = plan.basis().route;
    let all = cadences(pack, route, &log, &facts.overrides, calendars, placement.from_day, today);
    Ok(all.iter().filter_map(|cadence| cadence.owed(calendars, now)).collect())
}

/// The part-time arrangement that runs, or else the next one, or else the last.
fn now_or_next(all: &[(Uuid, PartTime)], today: NaiveDate) -> Option<&PartTime> {
    let all = || all.iter().map(|(_, one)| one);
    all().filter(|one| one.until >= today).min_by_key(|one| one.until).or_else(|| all().max_by_key(|one| one.until))
}

/// The sheets of a kind, with their ids.
async fn sheets<T>(
    store: &Store,
    placement_id: Uuid,
    kind: SheetKind,
    read: fn(&str) -> Option<T>,
) -> Result<Vec<(Uuid, T)>, ApiError> {
    let rows = store.sheets(Owner::Placement(placement_id), kind).await?;
    let all: Option<_> = rows.iter().map(|row| Some((row.sheet_id, read(&row.body)?))).collect();
    Ok(all.ok_or_else(|| anyhow::anyhow!("a sheet of a case is not readable"))?)
}

/// The calendars of the places of a case: the home school, which keeps the pupil's register, where the pupil is now, and where the pupil will be.
pub struct Schools {
    home: SchoolDays,
    provider: SchoolDays,
    receiving: SchoolDays,
    assumes: Vec<String>,
}

impl Schools {
    /// Of a placement and its plan. A place whose days nobody has entered here is taken to be open when the home school is: the
    /// arithmetic says so, and [`Self::assumes`].
    ///
    /// # Errors
    /// The database does not answer, or the school has no calendar.
    pub async fn of(store: &Store, placement: &PlacementRow, plan: Option<&ReintegrationPlan>) -> Result<Self, ApiError> {
        let school = &placement.home_name;
        let home = school_days(store, placement.home_id).await?.ok_or(ApiError::NotFound)?;
        let mut assumes = Vec::new();
        let mut taken = |why: String| {
            assumes.push(format!("{}: its days are taken to be those of {school}.", capital(&why)));
            home.0.clone().labelled(format!(" ({why}: counted in the days of {school})"))
        };
        let unentered = |name: &str| format!("{name} has entered no closed days");
        let provider = match (placement.provider_id, placement.provider_name.as_deref()) {
            (Some(id), Some(name)) => match own(store, id, name).await? {
                Some(days) => days,
                None => taken(unentered(name)),
            },
            _ => home.0.clone().labelled(format!(" (at home: counted in the days of {school})")),
        };
        let receiving = match plan.map_or(Setting::Known(OrganisationId(placement.home_id)), ReintegrationPlan::receiving) {
            Setting::Known(id) if id.0 == placement.home_id => home.0.clone().labelled(format!(" ({school})")),
            Setting::Known(id) => match store.organisation(id.0).await? {
                Some(row) => match own(store, id.0, &row.name).await? {
                    Some(days) => days,
                    None => taken(unentered(&row.name)),
                },
                None => taken("it is not known here any more".to_owned()),
            },
            Setting::Called(name) => taken(format!("{} is not in Windowseat", name.expose())),
            Setting::NotNamed => taken("the receiving school is not named yet".to_owned()),
        };
        Ok(Self { home: home.0.labelled(format!(" ({school})")), provider, receiving, assumes })
    }

    /// Whose days are those of the home school, for want of their own: a sentence each.
    #[must_use]
    pub fn assumes(&self) -> &[String] {
        &self.assumes
    }

    /// As limits count in them.
    #[must_use]
    pub fn calendars(&self) -> Calendars<'_> {
        Calendars { home_school: &self.home, provider: &self.provider, receiving_school: &self.receiving }
    }
}

/// Days of schools for a list over many cases, each school read once.
pub struct ManyDays<'a> {
    store: &'a Store,
    known: HashMap<Uuid, Option<(SchoolDays, bool)>>,
}

impl<'a> ManyDays<'a> {
    /// Of none yet.
    #[must_use]
    pub fn new(store: &'a Store) -> Self {
        Self { store, known: HashMap::new() }
    }

    /// The days that a limit of a case is counted in, as [`Schools::of`] has them; `receiving` is the school that the plan names.
    ///
    /// # Errors
    /// The database does not answer, or the home school has no calendar.
    pub async fn of(
        &mut self,
        placement: &PlacementRow,
        receiving: Option<Uuid>,
        whose: CalendarOf,
    ) -> Result<&SchoolDays, ApiError> {
        let own = match whose {
            CalendarOf::HomeSchool => None,
            CalendarOf::Provider => placement.provider_id,
            CalendarOf::ReceivingSchool => receiving,
        };
        for id in own.into_iter().chain([placement.home_id]) {
            if let Entry::Vacant(unknown) = self.known.entry(id) {
                unknown.insert(school_days(self.store, id).await?);
            }
        }
        let entered = own.and_then(|id| self.known.get(&id)?.as_ref().filter(|(_, is_entered)| *is_entered));
        let home = || self.known.get(&placement.home_id).and_then(Option::as_ref);
        entered.or_else(home).map(|(days, _)| days).ok_or(ApiError::NotFound)
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A place's own days, with its name; none if it has entered none.
async fn own(store: &Store, organisation: Uuid, name: &str) -> Result<Option<SchoolDays>, ApiError> {
    let known = school_days(store, organisation).await?.filter(|(_, is_entered)| *is_entered);
    Ok(known.map(|(days, _)| days.labelled(format!(" ({name})"))))
}

/// The days of an organisation, and whether anybody has entered a closed one.
async fn school_days(store: &Store, organisation: Uuid) -> Result<Option<(SchoolDays, bool)>, ApiError> {
    let Some(row) = store.calendar(organisation).await? else { return Ok(None) };
    let off: Vec<_> = row.closures.iter().map(|(day, words)| (*day, DayOff::of_words(words))).collect();
    let last = row.closures.iter().map(|(day, _)| *day).max();
    let closed = row.closures.iter().map(|(day, _)| *day);
    let calendar = Calendar::new(&row.time_zone, row.week_ones, closed).map_err(anyhow::Error::from)?;
    let days = SchoolDays::new(calendar, off).entered(last.map_or(Entered::Nothing, Entered::Until));
    Ok(Some((days, last.is_some())))
}

/// The plan's first two clocks as they run: the second, where the pack has one and it has begun.
pub fn running<'a>(
    pack: &'a Pack,
    plan: &ReintegrationPlan,
    facts: &Facts,
    calendars: &Calendars<'a>,
) -> Option<(Running<'a>, Option<Running<'a>>)> {
    let run = |clock: &Clock| {
        let start = *facts.events.get(&clock.starts)?;
        Some(Running { start, weeks: plan.weeks_of(clock), days: calendars.of(clock.calendar) })
    };
    Some((run(pack.clocks.first()?)?, pack.clocks.get(1).and_then(run)))
}

/// When the panel's office was told that the return succeeded (H-20).
#[must_use]
pub fn panel_was_told(pack: &Pack, facts: &Facts) -> Option<NaiveDate> {
    let rule = pack.deadlines.iter().find(|rule| rule.done_by == Some(Event::PanelTold))?;
    let told = facts.events.get(&Event::PanelTold).or_else(|| facts.done.get(&(rule.id.clone(), None))).copied();
    // A word about an earlier plan's success is not about this one's.
    let agreed = facts.events.get(&Event::SuccessAgreed);
    told.filter(|day| *day <= facts.today && agreed.is_none_or(|agreed| agreed <= day))
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
    today: NaiveDate,
) -> Result<Facts, ApiError> {
    let rows = store.case_rows(placement_id).await?;
    let arrangements = sheets(store, placement_id, SheetKind::PartTime, kept::read_part_time).await?;
    let part_time = now_or_next(&arrangements, today);
    let is_closed = matches!(plan.state(), PlanState::Closed(_) | PlanState::Discarded { .. });
    let length = pack.planned_lengths.iter().find(|length| length.id == plan.basis().planned_length);
    let mut facts = Facts {
        today,
        route: Some(plan.basis().route),
        overrides: rows.overrides,
        is_closed,
        planned: length.map(|length| (length.starts, length.weeks)),
        more_weeks: plan.more_weeks(),
        ..Facts::default()
    };
    facts.events = plan_events(pack, plan).chain(rows.events).collect();
    facts
        .events
        .extend(part_time.into_iter().flat_map(|one| [(Event::PartTimeStart, one.from), (Event::PartTimeEnd, one.until)]));
    facts.done = plan_done(plan).chain(rows.kept).collect();
    if let Some(organisation) = series_of {
        facts.series.insert(Series::Panel, store.series(organisation, Series::Panel).await?);
    }
    Ok(facts)
}

/// Adds the half-days of sickness of this school year, by imported marks, if a limit of the policy counts them (D6).
///
/// # Errors
/// The database does not answer, or holds what no import wrote.
pub async fn count_sickness(
    store: &Store,
    pack: &Pack,
    facts: &mut Facts,
    pupil_id: Uuid,
    today: NaiveDate,
) -> Result<(), ApiError> {
    let counts = |rule: &DeadlineRule| matches!(rule.when, When::Reached { tally: Tally::Sickness, .. });
    if !pack.deadlines.iter().any(counts) {
        return Ok(());
    }
    let year = if today.month() < SCHOOL_YEAR_BEGINS { today.year() - 1 } else { today.year() };
    let first = NaiveDate::from_ymd_opt(year, SCHOOL_YEAR_BEGINS, 1).unwrap_or(today);
    let marks = store.imported_marks(pupil_id, first, today).await?;
    facts.tallies.insert(Tally::Sickness, sickness(&marks, codes()?));
    Ok(())
}

/// What a change of a plan tells the day of. A word about it from before is taken back then: the last one holds.
#[must_use]
pub fn told_by(change: &Change) -> Option<Event> {
    match change {
        Change::BeginReturn { .. } => Some(Event::SchoolStart),
        Change::Answer(field, Some(Answer::Day(_))) if field.as_str() == PROVIDER_START => Some(Event::ProviderStart),
        _ => None,
    }
}

/// Events whose day a plan tells by itself.
fn plan_events(pack: &Pack, plan: &ReintegrationPlan) -> impl Iterator<Item = (Event, NaiveDate)> {
    let start = match Code::new(PROVIDER_START).and_then(|field| plan.answer(&field)) {
        Some(Answer::Day(day)) => Some((Event::ProviderStart, *day)),
        _ => None,
    };
    let counts = plan.meetings().iter().filter(|meeting| meeting.missing(&pack.meeting).is_empty());
    let meeting = counts.map(|meeting| (Event::PlanningMeeting, meeting.on)).max_by_key(|(_, on)| *on);
    let back = plan.school_start().map(|since| (Event::SchoolStart, since));
    let signed: Option<Vec<NaiveDate>> = (pack.closure.sign_off.iter())
        .map(|party| plan.sign_offs().iter().find(|one| one.party == *party).map(|one| one.on))
        .collect();
    // What was signed before it ended otherwise is no success.
    let last_signed = signed.filter(|_| !plan.ended_otherwise(pack)).and_then(|days| days.into_iter().max());
    let agreed = last_signed.map(|day| (Event::SuccessAgreed, day));
    [start, meeting, back, agreed].into_iter().flatten()
}

/// Rules that a review of the plan has kept.
fn plan_done(plan: &ReintegrationPlan) -> impl Iterator<Item = ((Code, Option<u16>), NaiveDate)> {
    plan.reviews().iter().filter_map(|review| Some((review.asked_by.clone()?, review.on)))
}
