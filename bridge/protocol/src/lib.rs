//! The wire contract: what two or more of the programs must agree on, and nothing else.
//!
//! # Who sends what (MQTT 5, JSON, QoS 1)
//!
//! ```text
//! ws/v1/{client}/up/{kind}     only {client} may publish here; {client} is its MQTT username, a RobotId or a BridgeId
//! ws/v1/{client}/down/{kind}   only {client} may subscribe here; only the server publishes
//! ```
//!
//! A client id begins with that id (a bridge's with `bridge-` before it) and ends in `-` and what nobody can guess: whoever knows a
//! client id takes its connection over at a broker that lets everybody choose theirs.
//!
//! | kind | from → to | retained | durable | body |
//! |---|---|---|---|---|
//! | `up/hello` | robot, bridge → server | yes, and the last will | no | [`HelloMessage`] |
//! | `up/presence` | bridge → server | no | yes | [`PresenceMessage`]: the source of attendance minutes |
//! | `up/event` | bridge, robot → server | no | bridge only | [`EventMessage`] |
//! | `up/link` | bridge → server | no | no | [`LinkMessage`]: how good the two legs are now |
//! | `up/robot` | robot → server | no | no | [`RobotMessage`]: battery, Wi-Fi, room, what the body does |
//! | `down/ack` | server → bridge | yes | no | [`AckMessage`]: what is committed |
//! | `down/grant` | server → robot | no | no | [`GrantMessage`]: where to publish, and the permission |
//! | `down/command` | server → robot | no | no | [`CommandMessage`] |
//! | `down/end` | server → bridge | no | no | [`EndMessage`]: a permission is withdrawn |
//!
//! *Durable* means: the sender keeps the message in its outbox, numbered without gaps within its epoch, until an
//! [`AckMessage`] covers it. A PUBACK only says that a broker has it in memory. Measurements carry no number and may be lost.
//!
//! Every message is an [`Envelope`] around one body. Unknown fields are ignored; unknown kinds, unreadable bodies and a body
//! over [`MAX_MESSAGE_BYTES`] go to quarantine. No name, UPN, school name or word about health ever appears: ids only.
//!
//! # Media
//!
//! Robots publish by WHIP (RFC 9725) to `POST {http_base}/whip/{robot}`, pupils view by WHEP at `POST {http_base}/whep/{robot}`,
//! each with a [`Grant`] as bearer token. One data channel, labelled [`CONTROL_LABEL`], carries [`control`] messages both ways.
//!
//! # Versions
//!
//! The major version is in the topic and in [`Envelope::v`]. Within it only optional fields are added.

pub mod clock;
pub mod control;
pub mod envelope;
pub mod grant;
pub mod hello;
pub mod ids;
pub mod measure;
pub mod presence;
pub mod reply;
pub mod telemetry;
pub mod topic;
pub mod units;

pub use clock::{Clock, FastClock, Now, SystemClock};
pub use control::{CONTROL_LABEL, Trouble};
pub use envelope::{Envelope, EnvelopeError, MAX_MESSAGE_BYTES, OLDEST_READ, SCHEMA_VERSION};
pub use grant::{Act, Grant, GrantError, GrantSigner, GrantVerifier};
pub use hello::{BridgeLoad, HelloMessage, OutboxState, Role, Status};
pub use ids::{BridgeId, ClientId, DeviceId, MessageId, PlacementId, RobotId, RoomId, SessionId};
pub use presence::{Active, ClosedBy, EndReason, PresenceMessage, Tier};
pub use reply::{AckMessage, ClockEcho, Command, CommandMessage, EndMessage, GrantMessage, IceServer};
pub use telemetry::{BodyState, EventKind, EventMessage, Freezes, LegQuality, LinkMessage, RobotMessage};
pub use topic::{Direction, Kind, Topic, TopicError};
pub use units::{Bitrate, Minutes, Percent};
