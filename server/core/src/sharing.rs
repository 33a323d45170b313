//! What a document about a pupil holds, decided by who will read it. The one place: a page, a file and a PDF ask here and leave out
//! what they are not given.
//!
//! A record is one, and the home school, the provider and the school to come each see their part of it. A document is made of
//! [`Section`]s. A section is in it if the document has it, its maker may read it, and it is for the recipient. Beyond the pupil, the
//! family and those who look after the pupil now, nothing goes out without a consent that holds. These laws are tests below:
//!
//! 1. Nobody is given what its maker may not read, nor what the document does not have.
//! 2. A consent that ends takes away and never adds.
//! 3. Who makes a document for their own work has all that they could give to anybody.
//! 4. Whoever keeps the register is not given minutes by robot: they never become marks.
//! 5. Lines that the pupil has not shared, ways to reach people, and who changed what, go to no other school and no authority.
//! 6. A field that nobody thought of is given to nobody else.
//! 7. Who comes from elsewhere by a part takes out, and gives on, what somebody with that part is given, and no more.
//!
//! Nothing is sent by this file. To be named in the case is the caller's to check: a recipient is a part, not an account.
//!
//! Sources: `DOMAIN.md` A-6 (APIF), F-2, F-4, F-6 (AP Framework), H-8, H-10, H-19, H-23 (Havering), L-5, X10.

use std::collections::BTreeSet;

use crate::access::Action;
use crate::coded::coded;
use crate::party::Party;
use crate::policy::{FieldKind, NEED, Pack};

coded! {
    /// Something that can be made of a record and given to somebody.
    Document {
        /// The plan, stage by stage.
        Plan = "plan",
        /// What a review looks at.
        ReviewPack = "review-pack",
        /// One page in plain words.
        Profile = "profile",
        /// Week by week: on site, by robot, rest.
        Weeks = "weeks",
        /// Looks at the framework.
        Growth = "growth",
        /// Who changed which field of the plan, when, from what, to what.
        History = "history",
    }
}

coded! {
    /// A part of a record that is given or left out as a whole.
    Section {
        /// Head of the plan: route, places, leads, days, length and goal.
        Case = "case",
        /// The pupil's date of birth.
        Born = "born",
        /// Aims, targets, and whether the pupil is on track.
        Readiness = "readiness",
        /// What stands in the way.
        Barriers = "barriers",
        /// Patterns of weeks, and the clocks.
        WeekPattern = "week-pattern",
        /// Planning meetings.
        Meetings = "meetings",
        /// Actions and lists before the first day.
        Actions = "actions",
        /// Handovers that pupil and parent agree to: special needs, medical.
        Handover = "handover",
        /// Weeks looked back upon.
        LookBack = "look-back",
        /// Attendance and punctuality as the school states them.
        Stated = "stated",
        /// Minutes by robot: the engagement record.
        Engagement = "engagement",
        /// Reviews.
        Reviews = "reviews",
        /// Hiccups.
        Setbacks = "setbacks",
        /// Who consented, how, and until when.
        Consents = "consents",
        /// The pupil's own words on stages, weeks and reviews.
        PupilVoice = "pupil-voice",
        /// Goals, and who stands by them.
        Goals = "goals",
        /// Looks at the framework.
        Growth = "growth",
        /// Lines about strengths, needs and what helps that the pupil shares, and what is done.
        SharedProfile = "shared-profile",
        /// Lines that the pupil has not shared.
        OwnNotes = "own-notes",
        /// The log of contacts and checks.
        Contacts = "contacts",
        /// Serious breakdowns.
        Breakdowns = "breakdowns",
        /// Who agreed, how it ended, what was set aside or extended and why.
        Ending = "ending",
        /// Who has a part.
        People = "people",
        /// How these people are reached.
        Reach = "reach",
        /// Who changed what.
        History = "history",
    }
}

/// For whom a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipient {
    /// Whoever makes it, for their own work.
    Maker,
    /// Somebody with this part.
    Party(Party),
}

/// By whom, for whom, and whether somebody consents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// For whom.
    pub recipient: Recipient,
    /// What its maker may do with this pupil.
    pub maker_may: BTreeSet<ReadBy>,
    /// The parts of a maker who comes by them alone, from elsewhere; none: of one who has the pupil.
    pub maker_as: Option<BTreeSet<Party>>,
    /// A consent holds (H-8).
    pub is_consented: bool,
}

coded! {
    /// The permission by which a section is read. Each stands for an [`Action`].
    ReadBy {
        /// [`Action::ReadPlan`].
        Plan = "plan",
        /// [`Action::ReadRecord`].
        Record = "record",
        /// [`Action::ReadFramework`].
        Framework = "framework",
        /// [`Action::ReadContacts`].
        Contacts = "contacts",
    }
}

impl ReadBy {
    /// What to ask [`access`](crate::access).
    #[must_use]
    pub fn action(self) -> Action {
        match self {
            Self::Plan => Action::ReadPlan,
            Self::Record => Action::ReadRecord,
            Self::Framework => Action::ReadFramework,
            Self::Contacts => Action::ReadContacts,
        }
    }
}

/// Why somebody is given nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShared {
    /// Its maker may not read it.
    #[error("you do not see this part of the record yourself: ask whoever works with it")]
    NotYours,
    /// Nothing of it is for them.
    #[error("nothing of this is for {}: choose another document", .0.words())]
    NotForThem(Party),
    /// It leaves the circle of care, and nobody consents.
    #[error("nobody has consented who may: talk with the parent or carer first, and write down who agreed, when and how")]
    NoConsent,
}

impl Document {
    /// As pages say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Plan => "the plan",
            Self::ReviewPack => "the pack for a review",
            Self::Profile => "the page about the pupil",
            Self::Weeks => "the weeks",
            Self::Growth => "the looks at the framework",
            Self::History => "the history of the plan",
        }
    }

    /// Everything that it can hold, in its order.
    #[must_use]
    pub fn sections(self) -> &'static [Section] {
        use Section as S;
        match self {
            Self::Plan => &[
                S::Case,
                S::Born,
                S::People,
                S::Consents,
                S::Goals,
                S::Readiness,
                S::Barriers,
                S::WeekPattern,
                S::Meetings,
                S::Actions,
                S::Handover,
                S::LookBack,
                S::Stated,
                S::Engagement,
                S::Reviews,
                S::Setbacks,
                S::PupilVoice,
                S::Ending,
            ],
            Self::ReviewPack => &[
                S::Case,
                S::Born,
                S::Goals,
                S::Readiness,
                S::Barriers,
                S::WeekPattern,
                S::LookBack,
                S::Stated,
                S::Engagement,
                S::Reviews,
                S::Setbacks,
                S::Breakdowns,
                S::Contacts,
                S::Growth,
                S::PupilVoice,
                S::Ending,
            ],
            Self::Profile => &[S::SharedProfile],
            Self::Weeks => &[S::WeekPattern, S::Engagement],
            Self::Growth => &[S::Growth],
            Self::History => &[S::History],
        }
    }

    /// Without this it says nothing.
    #[must_use]
    pub fn core(self) -> Section {
        match self {
            Self::Plan | Self::ReviewPack => Section::Case,
            Self::Profile => Section::SharedProfile,
            Self::Weeks => Section::WeekPattern,
            Self::Growth => Section::Growth,
            Self::History => Section::History,
        }
    }
}

/// Where the pupil is known and looked after already: the circle of care.
const CIRCLE: [Party; 5] = [Party::Pupil, Party::Parent, Party::KeyWorker, Party::ProviderLead, Party::HomeSchool];

impl Section {
    /// As pages name it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Case => "Head of the plan",
            Self::Born => "Date of birth",
            Self::Readiness => "Aims and readiness",
            Self::Barriers => "What stands in the way",
            Self::WeekPattern => "Week patterns",
            Self::Meetings => "Planning meetings",
            Self::Actions => "Actions before the first day",
            Self::Handover => "Handovers for special needs and health",
            Self::LookBack => "Weeks looked back upon",
            Self::Stated => "Attendance as the school states it",
            Self::Engagement => "Minutes by robot",
            Self::Reviews => "Reviews",
            Self::Setbacks => "Hiccups",
            Self::Consents => "Consents",
            Self::PupilVoice => "The pupil’s own words",
            Self::Goals => "Goals",
            Self::Growth => "Looks at the framework",
            Self::SharedProfile => "What helps, as far as the pupil shares it",
            Self::OwnNotes => "What helps, not shared",
            Self::Contacts => "Contacts and checks",
            Self::Breakdowns => "Serious breakdowns",
            Self::Ending => "Agreements, extensions and the end",
            Self::People => "People",
            Self::Reach => "How people are reached",
            Self::History => "Who changed what",
        }
    }

    /// By which permission its maker reads it.
    #[must_use]
    pub fn read_by(self) -> ReadBy {
        match self {
            Self::Engagement => ReadBy::Record,
            Self::Growth | Self::SharedProfile | Self::OwnNotes => ReadBy::Framework,
            Self::Contacts => ReadBy::Contacts,
            _ => ReadBy::Plan,
        }
    }

    /// For whom it is, beside its maker.
    #[must_use]
    pub fn readers(self) -> &'static [Party] {
        use Party as P;
        match self {
            Self::Case | Self::WeekPattern => P::ALL,
            // By which another service finds the child in its own books; a panel decides without it.
            Self::Born => &[
                P::Pupil,
                P::Parent,
                P::KeyWorker,
                P::ProviderLead,
                P::HomeSchool,
                P::ReceivingSchool,
                P::InclusionsOfficer,
                P::SocialWorker,
                P::Health,
            ],
            Self::Readiness | Self::Reviews => &[
                P::Pupil,
                P::Parent,
                P::KeyWorker,
                P::ProviderLead,
                P::HomeSchool,
                P::ReceivingSchool,
                P::InclusionsOfficer,
                P::SocialWorker,
                P::Advocate,
                P::Panel,
            ],
            Self::Barriers | Self::Setbacks => {
                &[P::KeyWorker, P::ProviderLead, P::HomeSchool, P::ReceivingSchool, P::InclusionsOfficer, P::Advocate, P::Panel]
            }
            Self::Meetings | Self::Actions | Self::LookBack => &[
                P::Pupil,
                P::Parent,
                P::KeyWorker,
                P::ProviderLead,
                P::HomeSchool,
                P::ReceivingSchool,
                P::InclusionsOfficer,
                P::Advocate,
            ],
            Self::Handover => {
                &[P::Pupil, P::Parent, P::KeyWorker, P::ProviderLead, P::HomeSchool, P::ReceivingSchool, P::Health]
            }
            Self::Stated => &[
                P::Pupil,
                P::Parent,
                P::KeyWorker,
                P::ProviderLead,
                P::HomeSchool,
                P::ReceivingSchool,
                P::InclusionsOfficer,
                P::SocialWorker,
                P::AttendanceLead,
                P::Panel,
            ],
            // Not for whoever keeps the register, and not for a panel that weighs attendance: remote minutes are neither.
            Self::Engagement => &[
                P::Pupil,
                P::Parent,
                P::KeyWorker,
                P::ProviderLead,
                P::HomeSchool,
                P::ReceivingSchool,
                P::InclusionsOfficer,
                P::Health,
            ],
            Self::Consents => &[P::Pupil, P::Parent, P::KeyWorker, P::ProviderLead, P::HomeSchool, P::InclusionsOfficer],
            Self::PupilVoice => &[P::Pupil, P::KeyWorker, P::ProviderLead, P::HomeSchool, P::ReceivingSchool, P::Advocate],
            Self::Goals => &[
                P::Pupil,
                P::Parent,
                P::KeyWorker,
                P::ProviderLead,
                P::HomeSchool,
                P::ReceivingSchool,
                P::InclusionsOfficer,
                P::SocialWorker,
                P::Advocate,
                P::Health,
            ],
            Self::Growth | Self::People => {
                &[P::Pupil, P::Parent, P::KeyWorker, P::ProviderLead, P::HomeSchool, P::ReceivingSchool]
            }
            Self::SharedProfile => {
                &[P::Pupil, P::Parent, P::KeyWorker, P::ProviderLead, P::HomeSchool, P::ReceivingSchool, P::Advocate, P::Health]
            }
            Self::OwnNotes => &[P::Pupil, P::KeyWorker],
            Self::Contacts => &[P::KeyWorker, P::HomeSchool],
            // Those who are told of one anyway.
            Self::Breakdowns => &[P::KeyWorker, P::ProviderLead, P::HomeSchool, P::Parent, P::InclusionsOfficer, P::Panel],
            Self::Ending => &[
                P::Pupil,
                P::Parent,
                P::KeyWorker,
                P::ProviderLead,
                P::HomeSchool,
                P::ReceivingSchool,
                P::InclusionsOfficer,
                P::Panel,
            ],
            Self::Reach | Self::History => &[],
        }
    }

    /// To which section a field of a plan belongs: a path as [`plan::changes`](crate::plan::changes) lays it out.
    #[must_use]
    pub fn of_field(pack: &Pack, path: &str) -> Self {
        let parts: Vec<&str> = path.split('.').collect();
        match parts.as_slice() {
            ["evaluation", .., "engagement"] => Self::Engagement,
            ["evaluation", .., "attendance" | "punctuality"] => Self::Stated,
            ["evaluation" | "review", .., "pupil-says"] | ["pupil-says", ..] => Self::PupilVoice,
            ["basis", "in-their-words"] => Self::Goals,
            ["pack" | "basis" | "state", ..] => Self::Case,
            ["answer", field] => match pack.fields.iter().find(|known| known.id.as_str() == *field) {
                Some(field) if field.kind == FieldKind::Stated => Self::Stated,
                Some(field) if field.stage == 0 => Self::Case,
                Some(_) => Self::Readiness,
                None => Self::History,
            },
            ["barrier", ..] => Self::Barriers,
            ["week" | "clock-week", ..] => Self::WeekPattern,
            ["meeting", ..] => Self::Meetings,
            // What pupil and parent agree to is theirs to pass on.
            ["action", id, ..] if pack.actions.iter().any(|rule| rule.id.as_str() == *id && !rule.agreed_by.is_empty()) => {
                Self::Handover
            }
            // A kind of need is near to health: it goes where a handover may.
            ["tick", NEED, ..] => Self::Handover,
            ["action" | "tick", ..] => Self::Actions,
            ["evaluation", ..] => Self::LookBack,
            ["review", ..] => Self::Reviews,
            ["setback", ..] => Self::Setbacks,
            ["consent", ..] => Self::Consents,
            ["sign-off" | "despite" | "longer" | "closure", ..] => Self::Ending,
            _ => Self::History,
        }
    }
}

impl Sharing {
    /// For its maker's own work.
    #[must_use]
    pub fn own(maker_may: BTreeSet<ReadBy>) -> Self {
        Self { recipient: Recipient::Maker, maker_may, maker_as: None, is_consented: false }
    }

    /// Whether a section is given to the recipient, in whichever document.
    #[must_use]
    pub fn shows(&self, section: Section) -> bool {
        self.maker_may.contains(&section.read_by())
            && self.maker_as.as_ref().is_none_or(|parts| parts.iter().any(|party| self.reaches(*party, section)))
            && match self.recipient {
                Recipient::Maker => true,
                Recipient::Party(party) => self.reaches(party, section),
            }
    }

    fn reaches(&self, party: Party, section: Section) -> bool {
        (self.is_consented || CIRCLE.contains(&party)) && section.readers().contains(&party)
    }
}

/// What a document holds, in its order.
///
/// # Errors
/// It would say nothing, and why.
pub fn contents(document: Document, sharing: &Sharing) -> Result<Vec<Section>, NotShared> {
    let core = document.core();
    if sharing.shows(core) {
        return Ok(document.sections().iter().copied().filter(|section| sharing.shows(*section)).collect());
    }
    let is_for = |party: &Party| core.readers().contains(party);
    let is_makers =
        sharing.maker_may.contains(&core.read_by()) && sharing.maker_as.as_ref().is_none_or(|parts| parts.iter().any(is_for));
    Err(match sharing.recipient {
        _ if !is_makers => NotShared::NotYours,
        Recipient::Party(party) if !is_for(&party) => NotShared::NotForThem(party),
        _ => NotShared::NoConsent,
    })
}

#[cfg(test)]
mod tests;
