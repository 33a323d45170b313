//! Who may see or change what. The one place: pages and endpoints ask here and decide nothing themselves.
//!
//! A role is held at an organisation and reaches that organisation and what lies below it, never beside it. What a question is
//! about ([`Subject`]) says to which organisations it belongs. One thing reaches beside: a part in a pupil's case, which somebody who
//! may change that case gave to a key worker or a school's lead, until it ends (`DOMAIN.md` ). Whoever comes by it from elsewhere
//! ([`is_from_elsewhere`]) is shown less. Unknown combinations are "no".

use std::collections::BTreeMap;

use uuid::Uuid;

/// What someone is, at one organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs the robots of an authority.
    Coordinator,
    /// Looks after pupils named to them.
    KeyWorker,
    /// Answers for one school.
    SchoolLead,
    /// Carries robots and has them in class.
    ClassroomStaff,
    /// A pupil, through a paired tablet.
    Pupil,
    /// A parent; reads their own child's record.
    Parent,
    /// Data protection or safeguarding; reads the audit log.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] =
        [Self::Coordinator, Self::KeyWorker, Self::SchoolLead, Self::ClassroomStaff, Self::Pupil, Self::Parent, Self::Auditor];

    /// Its word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::KeyWorker => "key_worker",
            Self::SchoolLead => "school_lead",
            Self::ClassroomStaff => "classroom_staff",
            Self::Pupil => "pupil",
            Self::Parent => "parent",
            Self::Auditor => "auditor",
        }
    }

    /// The role of a word in the database.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// A role with its reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which role.
    pub role: Role,
    /// Where.
    pub organisation: Uuid,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Staff id, or the pupil's id for [`Role::Pupil`].
    pub id: Uuid,
    /// Every role they hold.
    pub holdings: Vec<Holding>,
}

/// What they want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See where a robot is and how it is doing.
    SeeRobot,
    /// Say that they carry it, or where they put it.
    MoveRobot,
    /// Pause it, let it go on, restart it.
    ControlRobot,
    /// Get the permission to connect a camera in its place.
    ConnectCamera,
    /// See the fleet with its usage by school.
    SeeFleet,
    /// Read a pupil's record: minutes, plan, imported register.
    ReadRecord,
    /// Read a pupil's plan, its history and what is due.
    ReadPlan,
    /// Change a pupil's plan, the people and days of its case, and its goals.
    EditPlan,
    /// Write a comment on a stage of one's own plan, and stand by one's own goals.
    CommentPlan,
    /// Read looks at the framework, strengths, needs and what is done.
    ReadFramework,
    /// Add a look, or change the profile.
    EditFramework,
    /// Read the log of contacts and checks.
    ReadContacts,
    /// Write into that log.
    WriteContact,
    /// Read how many pupils have a plan and how many returns held, without a name.
    CountReturns,
    /// Read what returns cost.
    ReadCosts,
    /// Change a table of costs.
    EditCosts,
    /// Bring a school's own file of its register in.
    ImportRegister,
    /// Enter an organisation's days: closures, and dates of its panel.
    SetDays,
    /// Write an organisation's own scale.
    SetScales,
    /// Say how long a pupil took part where the measured minutes are wrong.
    CorrectMinutes,
    /// Make a pairing keyword, unpair a tablet, reset its PIN.
    PairTablet,
    /// See that a pupil uses a robot, by name, in class.
    SeePupilName,
    /// Join the class through the robot.
    JoinClass,
    /// See bridges and messages set aside, and have these read again.
    SeeSystem,
    /// Read the audit log.
    ReadAudit,
    /// Add an organisation below one's own, and name it.
    KeepOrganisations,
    /// Add people who sign in, with their roles, and take both away.
    KeepAccounts,
    /// Add a pupil of a school, and begin a placement there.
    AddPupil,
    /// Correct a pupil's details; say who is key worker, and until when a placement lasts.
    KeepCase,
    /// Give a placement a robot, or take it away.
    GiveRobot,
    /// Add a robot, name it, and say that it is no longer used.
    KeepRobots,
    /// Add rooms, classes and lessons of a school, and end them.
    KeepTimetable,
}

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A robot, lent to a school.
    Robot {
        /// That school.
        school: Uuid,
    },
    /// A pupil with a placement.
    Pupil {
        /// The pupil.
        pupil: Uuid,
        /// The school whose lessons they are.
        school: Uuid,
        /// Hospital school or provider meanwhile.
        provider: Option<Uuid>,
        /// Named key worker.
        key_worker: Option<Uuid>,
        /// Whoever asks was given a part in the case, and it has not ended.
        has_part: bool,
    },
    /// Everything of an organisation.
    Organisation(Uuid),
}

/// Which organisation lies below which. Built from the stored table.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    parents: BTreeMap<Uuid, Option<Uuid>>,
}

/// An organisation lies at most this deep; deeper, or in a circle, is out of reach.
pub const MAX_DEPTH: usize = 8;

impl Tree {
    /// From pairs of (organisation, its parent).
    #[must_use]
    pub fn new(parents: impl IntoIterator<Item = (Uuid, Option<Uuid>)>) -> Self {
        Self { parents: parents.into_iter().collect() }
    }

    /// Whether `organisation` is `top` or lies below it. An unknown organisation is below nothing.
    #[must_use]
    pub fn is_within(&self, organisation: Uuid, top: Uuid) -> bool {
        let mut at = organisation;
        for _ in 0..MAX_DEPTH {
            let Some(parent) = self.parents.get(&at) else { return false };
            if at == top {
                return true;
            }
            match parent {
                Some(parent) => at = *parent,
                None => return false,
            }
        }
        false
    }
}

/// Whether `person` may do `action` to `subject`.
#[must_use]
pub fn may(person: &Person, action: Action, subject: &Subject, tree: &Tree) -> bool {
    person.holdings.iter().any(|holding| allows(person.id, holding, action, subject, tree))
}

/// Whether `person` works neither where the pupil's lessons are nor where the pupil is looked after, so that a part alone opens the case to
/// them: what the pupil has not shared is not for them (F-2, F-6; law 5 of [`sharing`](crate::sharing)).
#[must_use]
pub fn is_from_elsewhere(person: &Person, subject: &Subject, tree: &Tree) -> bool {
    let Subject::Pupil { pupil, school, provider, .. } = *subject else { return false };
    !person.holdings.iter().any(|holding| match holding.role {
        Role::KeyWorker | Role::SchoolLead => has_the_pupil(holding, school, provider, tree),
        Role::Coordinator => tree.is_within(school, holding.organisation),
        Role::Pupil => person.id == pupil,
        Role::ClassroomStaff | Role::Parent | Role::Auditor => false,
    })
}

/// Whether a role reaches the school whose lessons a pupil follows, or whoever looks after them.
fn has_the_pupil(holding: &Holding, school: Uuid, provider: Option<Uuid>, tree: &Tree) -> bool {
    let reaches = |organisation: Uuid| tree.is_within(organisation, holding.organisation);
    reaches(school) || provider.is_some_and(reaches)
}

fn allows(id: Uuid, holding: &Holding, action: Action, subject: &Subject, tree: &Tree) -> bool {
    let reaches = |organisation: Uuid| tree.is_within(organisation, holding.organisation);
    match *subject {
        Subject::Robot { school } => {
            let by_role = match action {
                Action::SeeRobot => matches!(holding.role, Role::Coordinator | Role::SchoolLead | Role::ClassroomStaff),
                Action::MoveRobot | Action::ControlRobot => {
                    matches!(holding.role, Role::Coordinator | Role::SchoolLead | Role::ClassroomStaff)
                }
                Action::ConnectCamera => matches!(holding.role, Role::Coordinator),
                _ => false,
            };
            by_role && reaches(school)
        }
        Subject::Pupil { pupil, school, provider, key_worker, has_part } => match holding.role {
            Role::Pupil => {
                matches!(action, Action::JoinClass | Action::ReadPlan | Action::CommentPlan) && id == pupil && reaches(school)
            }
            // A key worker reads only the pupils named to them where they work, and those in whose case somebody gave them a part.
            Role::KeyWorker if has_the_pupil(holding, school, provider, tree) => {
                (is_staffs(action) || is_of_plan(action) || is_of_framework(action) || action == Action::CorrectMinutes)
                    && (has_part || key_worker == Some(id))
            }
            // One record, seen by the school and the provider.
            Role::SchoolLead if has_the_pupil(holding, school, provider, tree) => {
                is_staffs(action)
                    || is_of_plan(action)
                    || is_of_framework(action)
                    || action == Action::KeepCase && reaches(school)
            }
            // Somebody of another school, such as the one that receives the pupil, works with it once they were given a part; the
            // tablet, minutes and the child's looks stay with those who have the pupil now.
            Role::KeyWorker | Role::SchoolLead => {
                has_part
                    && (is_of_plan(action)
                        || matches!(action, Action::ReadRecord | Action::ReadFramework | Action::SeePupilName))
            }
            // Who runs the robots of an authority sees that returns go on, and not how a child is assessed.
            Role::Coordinator => {
                (is_staffs(action)
                    || is_of_plan(action)
                    || matches!(action, Action::CorrectMinutes | Action::KeepCase | Action::GiveRobot))
                    && reaches(school)
            }
            Role::ClassroomStaff => action == Action::SeePupilName && reaches(school),
            Role::Parent | Role::Auditor => false,
        },
        Subject::Organisation(organisation) => {
            let by_role = match action {
                Action::SeeFleet | Action::SeeSystem => matches!(holding.role, Role::Coordinator),
                Action::ReadAudit => matches!(holding.role, Role::Auditor),
                // What a board sees of the whole: numbers, and nobody's name.
                Action::CountReturns => matches!(holding.role, Role::Coordinator | Role::SchoolLead | Role::Auditor),
                Action::ReadCosts | Action::EditCosts => matches!(holding.role, Role::Coordinator),
                Action::KeepOrganisations | Action::KeepAccounts | Action::KeepRobots => {
                    matches!(holding.role, Role::Coordinator)
                }
                // Who answers for a school or an authority begins a case there: nobody names themselves to a pupil.
                Action::AddPupil => matches!(holding.role, Role::Coordinator | Role::SchoolLead),
                Action::SetDays | Action::SetScales | Action::KeepTimetable => {
                    matches!(holding.role, Role::Coordinator | Role::SchoolLead)
                }
                // A school's own register, brought in by the school.
                Action::ImportRegister => matches!(holding.role, Role::SchoolLead),
                _ => false,
            };
            by_role && reaches(organisation)
        }
    }
}

/// What staff do for a pupil, whoever they are.
fn is_staffs(action: Action) -> bool {
    matches!(action, Action::ReadRecord | Action::PairTablet | Action::SeePupilName)
}

fn is_of_plan(action: Action) -> bool {
    matches!(action, Action::ReadPlan | Action::EditPlan | Action::ReadContacts | Action::WriteContact)
}

fn is_of_framework(action: Action) -> bool {
    matches!(action, Action::ReadFramework | Action::EditFramework)
}

#[cfg(test)]
mod tests;
