//! The rules that a policy pack holds, as types. Data only: what they mean for a day is in [`deadline`](crate::deadline), what they
//! mean for a plan in [`plan`](crate::plan).

use super::{Code, read::is_coded};
use crate::coded::coded;
use crate::party::Party;

coded! {
    /// How a pupil came to be where they are (`DOMAIN.md` H-6).
    Route {
        /// Too ill for school: the route for which the robot was made.
        Medical = "medical",
        /// Permanently excluded.
        Exclusion = "exclusion",
        /// Directed off-site by the school.
        OffSite = "off-site",
        /// A move named in an education, health and care plan.
        Ehcp = "ehcp",
    }
}

coded! {
    /// Something that happens on a day and that rules count from, or that fulfils one.
    Event {
        /// The panel heard the case (H-7).
        PanelHearing = "panel-hearing",
        /// First day at the provider: day one of the provider's clock (H-25).
        ProviderStart = "provider-start",
        /// First day at the receiving school: day one of the school's clock (H-15).
        SchoolStart = "school-start",
        /// Stage 1 is complete and with the school (H-25).
        StageOne = "stage-1",
        /// A planning meeting that counts was held (H-26).
        PlanningMeeting = "planning-meeting",
        /// The four-week review was held (H-23).
        FourWeekReview = "four-week-review",
        /// Every side has agreed that the return succeeded (H-13).
        SuccessAgreed = "success-agreed",
        /// The panel's office was told (H-20).
        PanelTold = "panel-told",
        /// A part-time arrangement begins (D4).
        PartTimeStart = "part-time-start",
        /// A part-time arrangement is agreed to end (D4).
        PartTimeEnd = "part-time-end",
    }
}

coded! {
    /// What is counted.
    Unit {
        /// Days on which the school named is open.
        SchoolDays = "school-days",
        /// Days, whatever they are.
        CalendarDays = "calendar-days",
        /// Weeks of seven days.
        Weeks = "weeks",
        /// Weeks, from Monday, in which the school named is open on one day at least.
        SchoolWeeks = "school-weeks",
    }
}

coded! {
    /// Whose calendar is counted in.
    CalendarOf {
        /// The school on whose roll the pupil is.
        HomeSchool = "home-school",
        /// Where the pupil is now.
        Provider = "provider",
        /// Where the pupil will be.
        ReceivingSchool = "receiving-school",
    }
}

coded! {
    /// A series of dates that an authority publishes.
    Series {
        /// Hearings of the panel (H-20).
        Panel = "panel",
    }
}

coded! {
    /// Something that is counted over a year.
    Tally {
        /// School days of sickness, from imported marks (D6).
        Sickness = "sickness",
    }
}

coded! {
    /// How strictly a rule is meant.
    Binding {
        /// It is due.
        Required = "required",
        /// Somebody should know. It is never overdue and nothing is sent.
        Information = "information",
    }
}

coded! {
    /// What a field of the form takes.
    FieldKind {
        /// Somebody's own words.
        Words = "words",
        /// Yes or no.
        YesNo = "yes-no",
        /// A day.
        Day = "day",
        /// A number of weeks.
        Weeks = "weeks",
        /// A person.
        Person = "person",
        /// A school or provider.
        Organisation = "organisation",
        /// A figure of the register, as a named person states it or an import tells it; never worked out here (H-23).
        Stated = "stated",
    }
}

coded! {
    /// What settles an action before the transition (H-27).
    ActionKind {
        /// A day is named.
        Day = "day",
        /// Every item of a list is ticked.
        List = "list",
        /// Somebody says that it is settled.
        Settled = "settled",
        /// A question that wants an answer, whichever it is.
        Answer = "answer",
        /// It may stay empty.
        Optional = "optional",
    }
}

is_coded!(Route, Event, Unit, CalendarOf, Series, Tally, Binding, FieldKind, ActionKind, Party);

impl CalendarOf {
    /// As sentences say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::HomeSchool => "the home school",
            Self::Provider => "the provider",
            Self::ReceivingSchool => "the receiving school",
        }
    }
}

impl Event {
    /// As sentences begin with it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::PanelHearing => "Panel hearing",
            Self::ProviderStart => "Start at the provider",
            Self::SchoolStart => "Start at the school",
            Self::StageOne => "Stage 1 complete",
            Self::PlanningMeeting => "Planning meeting",
            Self::FourWeekReview => "Four-week review",
            Self::SuccessAgreed => "Success agreed",
            Self::PanelTold => "Panel told",
            Self::PartTimeStart => "Start of the part-time arrangement",
            Self::PartTimeEnd => "Agreed end of the part-time arrangement",
        }
    }
}

/// A route that the policy knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRule {
    /// Which.
    pub route: Route,
    /// As the authority calls it.
    pub title: String,
    /// Source row.
    pub row: String,
    /// A panel decides.
    pub goes_to_panel: bool,
    /// A robot is usually part of it.
    pub robot_is_usual: bool,
}

/// A length that may be planned from the first day (L-2, H-16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedLength {
    /// Its code.
    pub id: Code,
    /// As pages say it.
    pub title: String,
    /// Source row.
    pub row: String,
    /// School weeks.
    pub weeks: u16,
    /// Counted from.
    pub starts: Event,
}

/// A count of weeks through the return. Havering has two, which run side by side (H-15, H-25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Its code.
    pub id: Code,
    /// As pages say it: "Provider week".
    pub title: String,
    /// Source row.
    pub row: String,
    /// Week 1 is the week of this.
    pub starts: Event,
    /// Whose school weeks are counted.
    pub calendar: CalendarOf,
    /// The last week.
    pub weeks: u16,
    /// What is to happen, by week.
    pub steps: Vec<ClockStep>,
}

/// What is to happen in a week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// Which week.
    pub week: u16,
    /// What.
    pub text: String,
    /// Days at school in the ideal course, if the policy says so.
    pub days_on_site: Option<u16>,
}

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// So many units after an event; the day of the event is not counted, its week is.
    After {
        /// Counted from.
        from: Event,
        /// How many.
        count: u16,
        /// Of what.
        unit: Unit,
    },
    /// By the last school day of each `every`-th school week from `first` to `last`.
    EachWeek {
        /// Week 1 is the week of this.
        from: Event,
        /// First such week.
        first: u16,
        /// Last such week.
        last: u16,
        /// Every how many weeks.
        every: u16,
    },
    /// By the last school day before the next date of a series after an event.
    BeforeNext {
        /// After this.
        from: Event,
        /// Of which series.
        series: Series,
    },
    /// When a tally reaches a number.
    Reached {
        /// What is tallied.
        tally: Tally,
        /// Which number.
        count: u16,
    },
}

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadlineRule {
    /// Its code.
    pub id: Code,
    /// What is due.
    pub title: String,
    /// Source row.
    pub row: String,
    /// When.
    pub when: When,
    /// Whose calendar.
    pub calendar: CalendarOf,
    /// The event that fulfils it; otherwise somebody says that it is done.
    pub done_by: Option<Event>,
    /// How strictly.
    pub binding: Binding,
    /// Whose task it is.
    pub owners: Vec<Party>,
    /// Only for these routes; for all if empty.
    pub routes: Vec<Route>,
}

/// A contact or check that is to happen again and again (L-5, A-23), or once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRule {
    /// Its code.
    pub id: Code,
    /// As pages say it.
    pub title: String,
    /// Source row.
    pub row: String,
    /// Every how many.
    pub every: u16,
    /// Of what.
    pub unit: Unit,
    /// Whose calendar.
    pub calendar: CalendarOf,
    /// It counts only if all of these took part.
    pub with: Vec<Party>,
    /// A visit by robot may count, if a named person says that they spoke with the pupil.
    pub session_may_count: bool,
    /// It is a check of the robot's use, with an outcome.
    pub is_check: bool,
    /// One is enough.
    pub once: bool,
    /// Whose task it is.
    pub owners: Vec<Party>,
    /// Only for these routes; for all if empty.
    pub routes: Vec<Route>,
}

/// A field of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its code.
    pub id: Code,
    /// 0 is the form's head.
    pub stage: u16,
    /// Source row.
    pub row: String,
    /// As the page asks it.
    pub label: String,
    /// What it takes.
    pub kind: FieldKind,
    /// The stage is not complete without it.
    pub required: bool,
    /// It is asked only after this answer.
    pub only_if: Option<(Code, bool)>,
}

/// A list of codes with words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeList {
    /// Its code.
    pub id: Code,
    /// As pages head it.
    pub title: String,
    /// Source row or rows.
    pub row: String,
    /// Its items, in order.
    pub items: Vec<(Code, String)>,
}

impl CodeList {
    /// The words of a code.
    #[must_use]
    pub fn words(&self, code: &Code) -> Option<&str> {
        self.items.iter().find(|(id, _)| id == code).map(|(_, words)| words.as_str())
    }

    /// The codes in order.
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        self.items.iter().map(|(code, _)| code)
    }
}

/// When a transition planning meeting counts (H-26).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeetingRule {
    /// Source row.
    pub row: String,
    /// Of each line, one must be there.
    pub must_attend: Vec<Vec<Party>>,
    /// Who else is asked to come.
    pub invite: Vec<Party>,
    /// Who may call it.
    pub convenors: Vec<Party>,
    /// Where it may be.
    pub venues: Vec<Code>,
}

/// An action before the transition (H-27).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRule {
    /// Its code.
    pub id: Code,
    /// What.
    pub title: String,
    /// Source row.
    pub row: String,
    /// What settles it.
    pub kind: ActionKind,
    /// The list of an action of kind [`ActionKind::List`].
    pub list: Option<Code>,
    /// Parties who must agree.
    pub agreed_by: Vec<Party>,
}

/// The questions of one week (H-29, H-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationRule {
    /// Of which clock.
    pub clock: Code,
    /// Which week.
    pub week: u16,
    /// Source row.
    pub row: String,
    /// What is asked.
    pub questions: Vec<Question>,
}

/// A question of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its code.
    pub id: Code,
    /// As the page asks it.
    pub ask: String,
    /// What is asked after "no" or "partly".
    pub if_not: Option<String>,
}

/// What a serious breakdown allows and owes (H-19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakdownRule {
    /// Source row.
    pub row: String,
    /// The return may end without a meeting.
    pub may_end_without_meeting: bool,
    /// Who must be told.
    pub notify: Vec<Party>,
}

/// How a plan ends (H-13, H-30).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosureRule {
    /// Source row.
    pub row: String,
    /// The outcome that is success.
    pub success: Code,
    /// Who must agree that it is.
    pub sign_off: Vec<Party>,
    /// What is said about the roll while that is open.
    pub roll_guard: String,
    /// What is said about the pupil's right to return.
    pub right_to_return: String,
}
