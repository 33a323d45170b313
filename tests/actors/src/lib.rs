//! Who uses the programs in tests: a pupil's tablet, a WHEP viewer, a member of staff at a browser. They know the programs by their
//! pages and protocols only.
//!
//! Only for tests: whatever goes wrong here is a panic that says what was expected.

pub mod peer;
pub mod staff;
pub mod tablet;
pub mod wait;
