//! The one test-suite of the store: every test runs on SQLite and on PostgreSQL, each time in a database of its own.

mod audit;
mod inbox;
mod lessons;
mod lists;
mod minutes;
mod opening;
mod placements;
mod plans;
mod presence;
mod record;
mod replicas;
mod robots;
mod staff;
mod upgrade;
mod world;
