//! Who has a part in a pupil's return. One list, used for tasks, meetings, notifications and acknowledgements.
//!
//! A party is a part in the plan and not an account. Whether having one opens a case is for [`access`](crate::access) to say. Which
//! party does what is said by the policy pack.

use uuid::Uuid;

/// A person who has an account, or is only named in a plan. An id, never a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(pub Uuid);

/// A school, provider or authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganisationId(pub Uuid);

macro_rules! parties {
    ($($(#[$doc:meta])+ $variant:ident = $code:literal, $words:literal;)+) => {
        /// A part in the plan.
        ///
        /// Sources: `DOMAIN.md` A-3, A-14 (APIF, "Learning from practice"), H-13, H-20, H-23 (Havering policy), R-4 (Higher Needs
        /// Recovery Group), D7.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Party { $($(#[$doc])+ $variant,)+ }

        impl Party {
            /// Every party.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its word in policy packs and in the store.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// As pages say it.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)+ }
            }
        }
    };
}

parties! {
    /// The child.
    Pupil = "pupil", "the pupil";
    /// A parent or carer with whom the pupil lives.
    Parent = "parent", "a parent or carer";
    /// The key worker, coach or mentor.
    KeyWorker = "key-worker", "the key worker";
    /// Leads at the provider where the pupil is now (H-23).
    ProviderLead = "provider-lead", "the provider's lead";
    /// The school on whose roll the pupil is: Havering's referring school (H-13).
    HomeSchool = "home-school", "the home school";
    /// The school that the pupil will attend; often the home school again (H-23).
    ReceivingSchool = "receiving-school", "the receiving school";
    /// The authority's inclusions officer (H-23).
    InclusionsOfficer = "inclusions-officer", "the inclusions officer";
    /// Early help or social worker (H-23).
    SocialWorker = "social-worker", "early help or the social worker";
    /// Speaks for pupil and family, and belongs to no school.
    Advocate = "advocate", "the advocate";
    /// Somebody of the hospital or of a health service.
    Health = "health", "health";
    /// Keeps the register at the school (D6).
    AttendanceLead = "attendance-lead", "the attendance lead";
    /// The panel that allocates places, and its office (H-7, H-20).
    Panel = "panel", "the panel";
}

impl Party {
    /// The party of a word in a policy pack or in the store.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|party| party.code() == code)
    }
}

/// "the pupil, a parent or carer and the home school".
#[must_use]
pub fn listed(parties: &[Party]) -> String {
    let words: Vec<_> = parties.iter().map(|party| party.words()).collect();
    match words.split_last() {
        None => "nobody".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_party_is_read_back_and_no_two_are_alike() {
        for party in Party::ALL {
            assert_eq!(Party::from_code(party.code()), Some(*party));
        }
        assert_eq!(Party::from_code("headteacher"), None);
    }

    #[test]
    fn a_list_reads_as_a_sentence() {
        assert_eq!(listed(&[]), "nobody");
        assert_eq!(listed(&[Party::Pupil]), "the pupil");
        assert_eq!(listed(&[Party::Pupil, Party::Parent, Party::Panel]), "the pupil, a parent or carer and the panel");
    }
}
