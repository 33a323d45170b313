//! Keywords, paired tablets, their PIN, and "not now, I'm resting".
//!
//! Hashes come ready made: nothing here sees a keyword, a PIN or a token, and nothing here is random. Counters rise before a guess is
//! checked, in the statement that hands out what to check it against, so guesses made at once are counted one by one.

use crate::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A keyword that somebody typed the first half of. Its hash is for checking the rest; it is never shown.
pub struct KeywordRow {
    /// Which keyword.
    pub keyword_id: Uuid,
    /// Which placement it joins a tablet to.
    pub placement_id: Uuid,
    /// Argon2id, PHC format.
    pub keyword_hash: String,
    /// From here on it is not accepted; `None`: until used.
    pub expires_at: Option<DateTime<Utc>>,
    /// Wrong tries so far, the one that is being made included.
    pub wrong: i64,
    /// When it was used.
    pub used_at: Option<DateTime<Utc>>,
}

/// A tablet that is joined to a placement and was not switched off.
#[derive(Clone, Debug)]
pub struct TabletRow {
    /// Which tablet.
    pub tablet_id: Uuid,
    /// Whose.
    pub placement_id: Uuid,
    /// Whether a PIN was chosen.
    pub has_pin: bool,
    /// Wrong PINs since the last right one.
    pub wrong_pins: i64,
    /// SHA-256 of the opening token, if it was opened.
    pub opening_sha256: Option<Vec<u8>>,
    /// When that opening ends.
    pub opening_expires_at: Option<DateTime<Utc>>,
}

/// Wrong keywords from one address.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleRow {
    /// How many in a row.
    pub wrong: i64,
    /// The last one.
    pub last_at: DateTime<Utc>,
}

/// A new keyword, hashed.
#[derive(Clone, Copy)]
pub struct NewKeyword<'a> {
    /// Which placement.
    pub placement: Uuid,
    /// Its first four characters.
    pub selector: &'a str,
    /// Argon2id of all eight, PHC format.
    pub hash: &'a str,
    /// Now.
    pub made_at: DateTime<Utc>,
    /// When it ends; `None`: when it is used.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Keywords, paired tablets, their PIN, and "not now, I'm resting".
#[async_trait]
pub trait Tablets: Send + Sync {
    /// Keeps a new keyword in place of the placement's unused ones. `false`: its first half is taken, draw another.
    ///
    /// # Errors
    /// The database fails.
    async fn insert_keyword(&self, new: NewKeyword<'_>) -> Result<bool, StoreError>;

    /// Counts one try at the keyword that begins with `selector`, and returns it.
    ///
    /// # Errors
    /// The database fails.
    async fn begin_keyword_try(&self, selector: &str) -> Result<Option<KeywordRow>, StoreError>;

    /// Uses a keyword up: switches the placement's tablet off and joins the new one. `false`: somebody was quicker.
    ///
    /// # Errors
    /// The database fails.
    async fn redeem_keyword(
        &self,
        keyword: Uuid,
        tablet: Uuid,
        token_sha256: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// The tablet that holds the token with this hash, unless it was switched off.
    ///
    /// # Errors
    /// The database fails.
    async fn tablet_by_token(&self, token_sha256: &[u8]) -> Result<Option<TabletRow>, StoreError>;

    /// The tablet that may join for this placement now, if one is paired. When it was joined, for staff to see.
    ///
    /// # Errors
    /// The database fails.
    async fn tablet_of_placement(&self, placement: Uuid) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Keeps the PIN that was chosen just after pairing. `false`: there is one already; it is changed by pairing again.
    ///
    /// # Errors
    /// The database fails.
    async fn set_pin(&self, tablet: Uuid, pin_hash: &str) -> Result<bool, StoreError>;

    /// Counts one try at the PIN and returns the hash to check it against. `None`: locked after `limit` wrong ones, or no PIN.
    ///
    /// # Errors
    /// The database fails.
    async fn begin_pin_try(&self, tablet: Uuid, limit: i64) -> Result<Option<String>, StoreError>;

    /// Opens the tablet after a right PIN.
    ///
    /// # Errors
    /// The database fails.
    async fn open_tablet(&self, tablet: Uuid, opening_sha256: &[u8], expires_at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Switches the placement's tablet off. Whether there was one.
    ///
    /// # Errors
    /// The database fails.
    async fn revoke_tablet(&self, placement: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Counts one wrong-until-shown-right keyword from an address. Rows older than `forget_before` start again from nothing.
    ///
    /// # Errors
    /// The database fails.
    async fn begin_pairing_try(
        &self,
        address_sha256: &[u8],
        now: DateTime<Utc>,
        forget_before: DateTime<Utc>,
    ) -> Result<ThrottleRow, StoreError>;

    /// What is counted against an address.
    ///
    /// # Errors
    /// The database fails.
    async fn pairing_tries(&self, address_sha256: &[u8]) -> Result<Option<ThrottleRow>, StoreError>;

    /// A right keyword: the address starts from nothing.
    ///
    /// # Errors
    /// The database fails.
    async fn forgive_pairing(&self, address_sha256: &[u8]) -> Result<(), StoreError>;

    /// Notes that the pupil rests in the lesson that begins (or began) then.
    ///
    /// # Errors
    /// The database fails.
    async fn choose_rest(&self, placement: Uuid, lesson_start: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// The pupil goes in after all.
    ///
    /// # Errors
    /// The database fails.
    async fn take_back_rest(&self, placement: Uuid, lesson_start: DateTime<Utc>) -> Result<(), StoreError>;

    /// Beginnings of the lessons, from `from` until `until`, in which the pupil chose to rest.
    ///
    /// # Errors
    /// The database fails.
    async fn rests(&self, placement: Uuid, from: DateTime<Utc>, until: DateTime<Utc>)
    -> Result<Vec<DateTime<Utc>>, StoreError>;
}
