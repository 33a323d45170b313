//! A pupil is entered, and their details are corrected: name, year, UPN, date of birth and the school's own
//! number, by which its files may name them. These stay in the server's database.
//!
//! Whoever answers for a school or an authority enters its pupils. What was typed stays after a mistake; a message about a UPN does not
//! repeat it. Sources: `DOMAIN.md` H-23 (head of the form), (e2) "UPN".

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{Months, NaiveDate};
use server_core::access::{Action, Subject as About};
use server_core::pupil::Upn;
use server_core::register::MAX_LOCAL;
use server_core::school::OrganisationKind;
use store::beginnings::{Details as Kept, Entered, PupilRow};
use store::placements::NewPupil;
use uuid::Uuid;

use super::plan::{self, Choice, Sent, optional_day};
use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

/// First name and initial are not longer than this, in characters.
const MAX_NAME: usize = 60;
/// Reception to the last year of a sixth form.
const YEARS: std::ops::RangeInclusive<i64> = 0..=14;
/// Nobody at school is older, in years.
const OLDEST: u32 = 26;

#[derive(Template)]
#[template(path = "staff/entry.html")]
struct EntryPage {
    frame: Frame,
    wrong: String,
    schools: Vec<Choice>,
    typed: Typed,
}

/// What the fields of a pupil hold.
pub struct Typed {
    pub name: String,
    pub year: String,
    pub upn: String,
    pub born: String,
    pub local: String,
}

impl Typed {
    /// As a form sent them.
    #[must_use]
    pub fn of(sent: &Sent) -> Self {
        Self::named(sent, "")
    }

    /// As they were when the form was drawn, which it says too.
    #[must_use]
    pub fn were(sent: &Sent) -> Self {
        Self::named(sent, "was-")
    }

    fn named(sent: &Sent, before: &str) -> Self {
        let typed = |name: &str| sent.get(&format!("{before}{name}")).cloned().unwrap_or_default();
        Self { name: typed("name"), year: typed("year"), upn: typed("upn"), born: typed("born"), local: typed("local") }
    }

    /// As they are kept.
    #[must_use]
    pub fn kept(pupil: &PupilRow) -> Self {
        Self {
            name: pupil.name.clone(),
            year: pupil.year_group.to_string(),
            upn: pupil.upn.as_ref().map_or_else(String::new, |upn| upn.expose().to_owned()),
            born: pupil.born.map_or_else(String::new, |born| born.to_string()),
            local: pupil.local_number.clone().unwrap_or_default(),
        }
    }

    /// Each with its name and as pages tell it.
    #[must_use]
    pub fn told(&self) -> [(&'static str, String); 5] {
        let born = self.born.parse().map_or_else(|_| self.born.clone(), view::full_date);
        [
            ("Name", self.name.clone()),
            ("School year", self.year.clone()),
            ("Date of birth", born),
            ("UPN", self.upn.clone()),
            ("The school’s own number", self.local.clone()),
        ]
    }
}

/// A pupil's details, read from a form. No `Debug`: a name, a number and a date of birth.
pub struct Details {
    pub name: String,
    pub year: i64,
    pub upn: Option<Upn>,
    pub born: Option<NaiveDate>,
    pub local: Option<String>,
}

impl Details {
    /// As the store takes them.
    #[must_use]
    pub fn kept(&self) -> Kept<'_> {
        Kept {
            name: &self.name,
            year_group: self.year,
            upn: self.upn.as_ref(),
            born: self.born,
            local_number: self.local.as_deref(),
        }
    }
}

/// What is said of a UPN that another pupil has.
pub const UPN_TAKEN: &str = "UPN: a pupil with this number is here already. Look for them under Pupils; if they are not yours to see, ask \
     the coordinator of the authority.";

/// What is said of a number of the school's own that another of its pupils has.
pub const NUMBER_TAKEN: &str =
    "The school’s own number: another pupil of the school has it here already. Look for a slip in either.";

/// The details that a form sent; in words, what is wrong with them.
///
/// # Errors
/// A field that breaks its rule.
pub fn details(sent: &Sent, today: NaiveDate) -> Result<Details, String> {
    let text = |name: &str| sent.get(name).map_or("", |text| text.trim());
    let name = text("name").split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!("Name: write first name and initial, such as Ada Q., in at most {MAX_NAME} characters."));
    }
    let year = text("year").parse().ok().filter(|year| YEARS.contains(year));
    let year =
        year.ok_or_else(|| format!("Year: write a school year from {} (Reception) to {}.", YEARS.start(), YEARS.end()))?;
    let upn = match text("upn") {
        "" => None,
        upn => Some(upn.parse().map_err(|why| format!("UPN: {why}. Ask the school, or leave it empty for now."))?),
    };
    let born = optional_day(sent, "born", "Date of birth")?;
    let earliest = today.checked_sub_months(Months::new(12 * OLDEST)).unwrap_or(today);
    if born.is_some_and(|born| born >= today || born < earliest) {
        return Err("Date of birth: that is no pupil’s. Look at the year, or leave it empty for now.".to_owned());
    }
    let local = Some(text("local")).filter(|local| !local.is_empty());
    if local.is_some_and(|local| local.chars().count() > MAX_LOCAL || local.chars().any(char::is_control)) {
        return Err(format!(
            "The school’s own number: write it as the school’s files have it, in at most {MAX_LOCAL} characters."
        ));
    }
    Ok(Details { name, year, upn, born, local: local.map(str::to_owned) })
}

/// `GET /pupils/new`
pub async fn show(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    draw(&state, &caller, &scope, &Sent::new(), String::new())
}

/// `POST /pupils/new`
pub async fn add(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let now = state.clock.now().utc;
    let school = sent.get("school").map_or("", String::as_str);
    let school = schools(&scope).into_iter().map(|(id, _)| id).find(|id| id.to_string() == school);
    let read = match school {
        None => Err("Home school: choose one.".to_owned()),
        Some(school) => details(&sent, scope.today(school, now)).map(|details| (school, details)),
    };
    let (organisation_id, details) = match read {
        Ok(read) => read,
        Err(wrong) => return refuse(&state, &caller, &scope, &sent, wrong),
    };
    let pupil_id = Uuid::now_v7();
    let Kept { name, year_group, upn, born, local_number } = details.kept();
    let new = NewPupil { pupil_id, organisation_id, name, upn, year_group, born };
    let audit = plan::audit(&caller, pupil_id, "add pupil");
    match state.store.enter_pupil(&new, local_number, audit, now).await? {
        Entered::Written => Ok(Redirect::to(&format!("/pupils/{pupil_id}/placement/new")).into_response()),
        Entered::NumberTaken => refuse(&state, &caller, &scope, &sent, NUMBER_TAKEN.to_owned()),
        Entered::UpnTaken | Entered::Meanwhile => refuse(&state, &caller, &scope, &sent, UPN_TAKEN.to_owned()),
    }
}

fn refuse(state: &AppState, caller: &Caller, scope: &Scope, sent: &Sent, wrong: String) -> Result<Response, ApiError> {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, draw(state, caller, scope, sent, wrong)?).into_response())
}

/// Schools whose pupils this person enters, mainstream schools first: mostly these keep the register.
fn schools(scope: &Scope) -> Vec<(Uuid, String)> {
    let mut all: Vec<_> = scope
        .organisations()
        .filter(|row| row.kind != OrganisationKind::Authority.as_str())
        .filter(|row| scope.may(Action::AddPupil, &About::Organisation(row.organisation_id)))
        .collect();
    all.sort_by_key(|row| (row.kind != OrganisationKind::School.as_str(), row.name.clone()));
    all.into_iter().map(|row| (row.organisation_id, row.name.clone())).collect()
}

fn draw(state: &AppState, caller: &Caller, scope: &Scope, sent: &Sent, wrong: String) -> Result<Html<String>, ApiError> {
    let chosen = sent.get("school").cloned().unwrap_or_default();
    let choice = |(id, name): (Uuid, String)| (id.to_string(), name, id.to_string() == chosen);
    page(&EntryPage {
        frame: Frame::of(caller, scope, "Add a pupil", "/pupils", state.clock.now().utc),
        wrong,
        schools: schools(scope).into_iter().map(choice).collect(),
        typed: Typed::of(sent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<Details, String> {
        let mut sent: Sent = [("name", "Ada Q."), ("year", "9")].map(|(name, value)| (name.into(), value.into())).into();
        sent.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        details(&sent, NaiveDate::from_ymd_opt(2026, 11, 24).unwrap())
    }

    fn wrong(fields: &[(&str, &str)], field: &str) {
        let error = read(fields).err().unwrap_or_else(|| panic!("{fields:?} is taken"));
        assert!(error.starts_with(field) && !error.contains("801200005001"), "{fields:?}: {error}");
    }

    #[test]
    fn h_23_a_pupil_is_entered_with_a_checked_upn_and_a_date_of_birth_or_without_both() {
        let ada = read(&[("upn", "b801200005001"), ("born", "2013-03-02")]).ok().unwrap();
        assert_eq!((ada.upn.unwrap().expose(), ada.born.unwrap().to_string().as_str()), ("B801200005001", "2013-03-02"));
        let plain = read(&[("local", " ")]).ok().unwrap();
        assert!(plain.upn.is_none() && plain.born.is_none() && plain.local.is_none() && plain.year == 9);
        assert_eq!(read(&[("local", " A-17 ")]).ok().unwrap().local.as_deref(), Some("A-17"));
    }

    #[test]
    fn what_is_wrong_is_said_and_a_number_is_not_repeated() {
        wrong(&[("upn", "A801200005001")], "UPN:");
        wrong(&[("upn", "801200005001")], "UPN:");
        wrong(&[("name", " ")], "Name:");
        for year in ["", "15", "-1", "nine"] {
            wrong(&[("year", year)], "Year:");
        }
        wrong(&[("local", &"1".repeat(MAX_LOCAL + 1))], "The school’s own number:");
        for born in ["2026-11-24", "1996-01-01", "yesterday"] {
            wrong(&[("born", born)], "Date of birth:");
        }
    }
}
