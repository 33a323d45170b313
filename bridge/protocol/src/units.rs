//! Quantities whose units must not be mixed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whole minutes, rounded down once from seconds, at the edge. There is no addition: sum seconds, then round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minutes(u32);

impl Minutes {
    /// The whole minutes in `seconds`.
    #[must_use]
    pub fn floor_of_seconds(seconds: u64) -> Self {
        Self(u32::try_from(seconds / 60).unwrap_or(u32::MAX))
    }

    /// The number of minutes.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

/// A share from 0 to 100. Larger numbers are refused when read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(extend("maximum" = 100))]
pub struct Percent(u8);

impl Percent {
    /// `value` limited to 100.
    #[must_use]
    pub fn saturating(value: u8) -> Self {
        Self(value.min(100))
    }

    /// The number, 0 to 100.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Percent {
    type Error = String;

    /// # Errors
    /// `value` is over 100.
    fn try_from(value: u8) -> Result<Self, String> {
        if value <= 100 { Ok(Self(value)) } else { Err(format!("{value} is over 100 per cent")) }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

/// Bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Bitrate(pub u32);
