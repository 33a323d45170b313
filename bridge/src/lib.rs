//! The bridge: relays picture, sound and control between a robot and a pupil, and says when it really did.
//!
//! ```text
//!            offers            decisions                        facts
//!  http ───────────────► driver ────────► bridge_core ──────► outbox (SQLite) ──► mqtt ──► server
//!  (whip, whep)             ▲  │ wake, seat, close                  ▲                │
//!                    events │  ▼                                    └── ack ◄────────┘
//!                         media (own threads, own sockets)
//! ```
//!
//! Media never crosses the driver: it lives on the media threads, both legs of a session on one. What the driver hears from there
//! is one line a second and leg. Nothing here writes media anywhere; the only file written is the outbox.
//!
//! Start with [`start`]; [`Running::router`] is served by whoever owns the listeners.

pub mod config;
pub mod driver;
pub mod http;
pub mod lifecycle;
pub mod media;
pub mod mqtt;
pub mod observe;
pub mod outbox;
pub mod robot;

pub use config::Config;
pub use lifecycle::{Drain, Running, start};
