//! The pages and endpoints of staff, over HTTP: who may, who may not, and what they then see.

#[path = "web/access.rs"]
mod access;
#[path = "web/due.rs"]
mod due;
#[path = "web/harness.rs"]
mod harness;
#[path = "web/pages.rs"]
mod pages;
#[path = "web/plan.rs"]
mod plan;
#[path = "web/sessions.rs"]
mod sessions;
#[path = "web/system.rs"]
mod system;
