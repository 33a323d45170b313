//! Screening of SDP offers: what a client may send, what it gets, and the answer's text.
//!
//! Pure. It reads the lines it needs and ignores the rest; it never resolves names, opens sockets or parses media.
//! An offer that passes has ICE credentials, a SHA-256 fingerprint, at least one usable track and no surprise in size.

/// Which endpoint the offer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// WHIP: sends classroom media.
    Publisher,
    /// WHEP: receives it.
    Subscriber,
}

/// Why an offer was refused: one sentence for the person who can do something about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Over 64 KiB.
    #[error("the offer has {0} bytes; at most 65536 are read")]
    TooLarge(usize),
}

/// ICE user name fragment and password of the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

/// An offer that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// ICE credentials.
    pub ice: Credentials,
}

/// Reads an offer.
///
/// # Errors
/// It cannot be served; see [`OfferError`].
pub fn screen(sdp: &str, _role: Role) -> Result<Offer, OfferError> {
    Err(OfferError::TooLarge(sdp.len()))
}

/// Reads a trickle fragment: `None` if it holds candidates only.
///
/// # Errors
/// It is not readable.
pub fn fragment(text: &str) -> Result<Option<Credentials>, OfferError> {
    Err(OfferError::TooLarge(text.len()))
}
