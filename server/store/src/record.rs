//! What stands beside a plan: who has a part, what happened on which day, what people said of a deadline, the log of contacts, and
//! the feeds by which people's calendars read it.
//!
//! Everything is appended and the latest row counts, so that what was said before stays to be read. Each write has its audit entry in
//! the same transaction. Names are read here for pages and go nowhere else; no type here prints one.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::contact::Contact;
use server_core::party::{Party, PersonId};
use server_core::policy::{Code, Event, Instead, Override};
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;

/// Somebody with a part and without an account. No `Debug`: it holds a name.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Key.
    pub person_id: Uuid,
    /// In whose life.
    pub pupil_id: Uuid,
    /// As they want to be called.
    pub name: String,
    /// How to reach them.
    pub reach: Option<String>,
}

/// Who has a part in a placement. `Debug` does not print the name.
#[derive(Clone, PartialEq, Eq)]
pub struct PartyRow {
    /// Key.
    pub placement_party_id: Uuid,
    /// In which placement.
    pub placement_id: Uuid,
    /// As what.
    pub party: Party,
    /// Who.
    pub person: PersonId,
    /// How pages call them.
    pub name: Option<String>,
    /// First day; none: since ever.
    pub from_day: Option<NaiveDate>,
    /// Last day; none: open.
    pub until_day: Option<NaiveDate>,
}

impl std::fmt::Debug for PartyRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartyRow").field("party", &self.party).field("person", &self.person).finish_non_exhaustive()
    }
}

/// What people said about the limits of a case, as far as it counts today.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseRows {
    /// What happened, or is agreed to happen.
    pub events: BTreeMap<Event, NaiveDate>,
    /// Deadlines that are kept, with their week if they have one.
    pub kept: BTreeMap<(Code, Option<u16>), NaiveDate>,
    /// What holds in place of a rule, the oldest first.
    pub overrides: Vec<Override>,
}

/// A word about a deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadlineWord {
    /// It was kept on a day; no day takes that back.
    Kept {
        /// Which rule.
        rule: Code,
        /// Which of its weeks.
        week: Option<u16>,
        /// When.
        day: Option<NaiveDate>,
        /// Who says so.
        by: PersonId,
        /// When they said it.
        on: NaiveDate,
    },
    /// Something else holds here.
    Instead(Override),
    /// The rule holds again as it stands; what held in its place stays to be read.
    Applies {
        /// Which rule.
        rule: Code,
        /// Which week or period; the same as what is taken back.
        week: Option<u16>,
        /// Who says so.
        by: PersonId,
        /// When they said it.
        on: NaiveDate,
    },
}

impl DeadlineWord {
    /// About which rule.
    #[must_use]
    pub fn rule(&self) -> &Code {
        match self {
            Self::Kept { rule, .. } | Self::Instead(Override { rule, .. }) | Self::Applies { rule, .. } => rule,
        }
    }

    /// About which of its weeks or periods.
    #[must_use]
    pub fn week(&self) -> Option<u16> {
        match self {
            Self::Kept { week, .. } | Self::Instead(Override { week, .. }) | Self::Applies { week, .. } => *week,
        }
    }

    /// Who says so, and on which day.
    #[must_use]
    pub fn said(&self) -> (PersonId, NaiveDate) {
        match self {
            Self::Kept { by, on, .. } | Self::Instead(Override { by, on, .. }) | Self::Applies { by, on, .. } => (*by, *on),
        }
    }

    /// What it says: its kind in the store, its day, its number, and why.
    #[must_use]
    pub fn says(&self) -> (&'static str, Option<NaiveDate>, Option<i64>, Option<&str>) {
        match self {
            Self::Kept { day, .. } => ("kept", *day, None, None),
            Self::Instead(own) => {
                let (kind, day, number) = match own.instead {
                    Instead::Count(number) => ("count", None, Some(i64::from(number))),
                    Instead::Day(day) => ("day", Some(day), None),
                    Instead::DoesNotApply => ("does_not_apply", None, None),
                };
                (kind, day, number, Some(own.reason.expose()))
            }
            Self::Applies { .. } => ("applies", None, None, None),
        }
    }

    /// The same as the history of a case keeps it: kind, day or number, and why, with a space between.
    #[must_use]
    pub fn text(&self) -> String {
        let (kind, day, number, reason) = self.says();
        let value = day.map(|day| day.to_string()).or(number.map(|number| number.to_string()));
        format!("{kind} {} {}", value.unwrap_or_default(), reason.unwrap_or_default())
    }
}

/// What somebody saw of what they say anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// This. If it is something else by now, nothing is written.
    This(T),
    /// It follows from something else that was saved, whatever it was.
    Whatever,
}

/// A colleague who may be given a part. No `Debug`: it holds a name.
#[derive(Clone, PartialEq, Eq)]
pub struct ColleagueRow {
    /// Who.
    pub staff_id: Uuid,
    /// How pages call them.
    pub name: String,
    /// Where they work: of several places, the first by name.
    pub place: String,
}

/// A person's calendar feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// Whose.
    pub staff_id: Uuid,
    /// Since when.
    pub made_at: DateTime<Utc>,
    /// When it was read last, to the day.
    pub read_at: Option<DateTime<Utc>>,
}

/// What stands beside a plan.
#[async_trait]
pub trait Record: Send + Sync {
    /// Adds somebody without an account.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_person(&self, person: &PersonRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Says anew how to reach somebody who is named in a pupil's life, if it still is as it `was`. `false`: it is otherwise by now, or
    /// nobody is named there with that id, and nothing was written.
    ///
    /// # Errors
    /// The database does not answer.
    async fn correct_reach(
        &self,
        pupil_id: Uuid,
        person_id: Uuid,
        was: Option<&str>,
        reach: Option<&str>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Everybody without an account in a pupil's life, by name.
    ///
    /// # Errors
    /// The database does not answer.
    async fn persons_of(&self, pupil_id: Uuid) -> Result<Vec<PersonRow>, StoreError>;

    /// Gives somebody a part, or changes its days; the name in `row` is not read.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn set_party(&self, row: &PartyRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Who has a part in a placement, also those who had one.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn parties(&self, placement_id: Uuid) -> Result<Vec<PartyRow>, StoreError>;

    /// The parts of this person that have not ended, each with its placement.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn open_parts(&self, person_id: Uuid) -> Result<Vec<(Uuid, Party)>, StoreError>;

    /// People who sign in as coordinator, key worker or lead at one of up to four organisations, by name, at most `limit`.
    ///
    /// # Errors
    /// The database does not answer.
    async fn colleagues(&self, organisations: [Uuid; 4], limit: i64) -> Result<Vec<ColleagueRow>, StoreError>;

    /// Says on which day something happened or will; no day takes it back. `seen`: the day from which somebody says so. `false`: somebody
    /// else said another one meanwhile, and nothing was written.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn say_event(
        &self,
        placement_id: Uuid,
        event: Event,
        seen: Seen<Option<NaiveDate>>,
        day: Option<NaiveDate>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Says that a deadline is kept, or that something else holds. `seen`: the last word of the case from which somebody says so.
    /// `false`: somebody else said something else of this limit since, and nothing was written.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn say_deadline(
        &self,
        placement_id: Uuid,
        word: &DeadlineWord,
        seen: Seen<Option<Uuid>>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// The last word of a case about any limit, for [`Self::say_deadline`].
    ///
    /// # Errors
    /// The database does not answer.
    async fn last_deadline_word(&self, placement_id: Uuid) -> Result<Option<Uuid>, StoreError>;

    /// What people said about the limits of a case, all of it, the newest first, at most `limit`.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn deadline_words(&self, placement_id: Uuid, limit: i64) -> Result<Vec<DeadlineWord>, StoreError>;

    /// What counts of all that.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn case_rows(&self, placement_id: Uuid) -> Result<CaseRows, StoreError>;

    /// Adds to the log of contacts and checks.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_contact(
        &self,
        contact_id: Uuid,
        placement_id: Uuid,
        contact: &Contact,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// The log from `from` to `until`, both included, by day.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn contacts(&self, placement_id: Uuid, from: NaiveDate, until: NaiveDate)
    -> Result<Vec<(Uuid, Contact)>, StoreError>;

    /// Gives a person a calendar feed in place of any that they had; without a token they have none.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn set_due_feed(
        &self,
        staff_id: Uuid,
        token_sha256: Option<&[u8]>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// A person's feed.
    ///
    /// # Errors
    /// The database does not answer.
    async fn due_feed_of(&self, staff_id: Uuid) -> Result<Option<FeedRow>, StoreError>;

    /// The feed of a token, if its person may still sign in.
    ///
    /// # Errors
    /// The database does not answer.
    async fn due_feed(&self, token_sha256: &[u8]) -> Result<Option<FeedRow>, StoreError>;

    /// Notes that somebody's feed was read.
    ///
    /// # Errors
    /// The database does not answer.
    async fn note_feed_read(&self, staff_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError>;
}
