//! Schools: their reference number and what kind of organisation they are.

use std::fmt;
use std::str::FromStr;

/// A school's six-digit reference number (not the RFC 8141 kind). It is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Urn(u32);

/// The text is not a URN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a URN has six digits and does not begin with 0")]
pub struct NotAUrn;

impl FromStr for Urn {
    type Err = NotAUrn;

    /// # Errors
    /// Not six digits.
    fn from_str(text: &str) -> Result<Self, NotAUrn> {
        let text = text.trim();
        let number: u32 = text.parse().map_err(|_| NotAUrn)?;
        if text.len() == 6 && number >= 100_000 { Ok(Self(number)) } else { Err(NotAUrn) }
    }
}

impl fmt::Display for Urn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What kind of organisation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrganisationKind {
    /// Local authority.
    Authority,
    /// Hospital school.
    HospitalSchool,
    /// Provider of alternative provision.
    ApProvider,
    /// Mainstream or special school.
    School,
}

impl OrganisationKind {
    /// How the store writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::HospitalSchool => "hospital_school",
            Self::ApProvider => "ap_provider",
            Self::School => "school",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_a_urn() {
        assert_eq!("136578".parse::<Urn>().unwrap().to_string(), "136578");
        for text in ["13657", "1365788", "012345", "+12345", "13657x", ""] {
            assert_eq!(text.parse::<Urn>(), Err(NotAUrn), "{text:?}");
        }
    }
}
