//! The bridge alone, as clients and the server see it: real HTTP, real WebRTC on loopback, a real broker, a real file.
//!
//! Robots and tablets are built with the crate `webrtc`, which shares no code with the bridge's own peers above the packet formats.

mod conformance;
mod disk;
mod drain;
mod facts;
mod harness;
mod kept;
mod metrics;
mod overload;
mod peer;
mod privacy;
mod refusals;
mod seats;
mod store;
