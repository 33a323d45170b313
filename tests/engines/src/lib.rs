//! Real engines for tests and benches: started by the test, on free ports, in temporary folders, and stopped with it.
//!
//! Only for tests: whatever goes wrong here is a panic that says what is missing. Nothing has to run beforehand; the engines'
//! programs come from Debian's packages, which `tests/run` installs.

pub mod database;
pub mod doors;
pub mod mosquitto;
pub mod port;
pub mod postgres;
pub mod proxy;

pub use database::{Engine, Fresh};
pub use doors::{Credentials, Doors};
pub use mosquitto::Mosquitto;
pub use postgres::Postgres;
pub use proxy::{Proxy, Weather};
