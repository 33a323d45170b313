//! The pages and endpoints of staff, over HTTP: who may, who may not, and what they then see.

#[path = "web/access.rs"]
mod access;
#[path = "web/attendance.rs"]
mod attendance;
#[path = "web/beginning.rs"]
mod beginning;
#[path = "web/changes.rs"]
mod changes;
#[path = "web/costs.rs"]
mod costs;
#[path = "web/documents.rs"]
mod documents;
#[path = "web/drafts.rs"]
mod drafts;
#[path = "web/due.rs"]
mod due;
#[path = "web/growth.rs"]
mod growth;
#[path = "web/harness.rs"]
mod harness;
#[path = "web/machines.rs"]
mod machines;
#[path = "web/owed.rs"]
mod owed;
#[path = "web/pages.rs"]
mod pages;
#[path = "web/parts.rs"]
mod parts;
#[path = "web/plan.rs"]
mod plan;
#[path = "web/plans.rs"]
mod plans;
#[path = "web/policies.rs"]
mod policies;
#[path = "web/receiving.rs"]
mod receiving;
#[path = "web/register.rs"]
mod register;
#[path = "web/returning.rs"]
mod returning;
#[path = "web/sessions.rs"]
mod sessions;
#[path = "web/system.rs"]
mod system;
#[path = "web/table.rs"]
mod table;
#[path = "web/twice.rs"]
mod twice;
#[path = "web/voices.rs"]
mod voices;
#[path = "web/weeks.rs"]
mod weeks;
