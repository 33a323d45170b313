//! The bridge's decisions, without a socket, task, file or clock: what happened goes in, what to do comes out.
//!
//! ```text
//!            offer                 ┌────────── Roster ───────────┐
//!  offer ──► screened ──► grant ──►│ one publisher a robot,      │──► Command: tell, close, record, report
//!                                  │ one pupil, takeover, limits │
//!  leg connected, silent, back, ──►│   └─ Session (per visit)    │
//!  closed; one line a second       │        └─ Ledger (presence) │
//!                                  └─────────────────────────────┘      Record ──► Queue (outbox): what to send next
//! ```
//!
//! | machine | states | ends by |
//! |---|---|---|
//! | [`session::Session`] | admitted → live ⇄ interrupted → ended | leaving, grace, grant's end, shutdown |
//! | [`presence::Ledger`] | nothing → interval n → nothing → interval n + 1 … | the session's end |
//! | [`protocol::measure::Measure`] | nothing → server time as a function of our monotonic clock | never; a better exchange replaces it |
//! | [`load::Load`] | room → counts who was let in → full → room | a look that has seen them |
//! | [`trouble::Judge`] | fine → a side is the cause → fine | three seconds in a row that say otherwise |
//! | [`backlog::Backlog`] | empty → holds what the disk does not take → empty | the disk takes it |
//! | [`outbox::Queue`] | waiting → sent → acknowledged (and back to waiting) | the server's acknowledgement |
//!
//! Invariants, each with a test:
//! - A robot has at most one publisher and at most one session; a session has at most one leg.
//! - Intervals of a session do not overlap on the monotonic clock, and their spans add up to the total that its end states.
//! - A session that nobody ever connected leaves no fact behind; every other one leaves exactly one `Ended`.
//! - What was recorded never becomes less: facts are absolute and only grow.

pub mod backlog;
pub mod freezes;
pub mod grant;
pub mod load;
pub mod offer;
pub mod outbox;
pub mod presence;
pub mod roster;
pub mod rounds;
pub mod session;
pub mod trouble;

/// One peer connection, by the number the media engine gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leg(pub u64);
