//! The demo authority for whoever tries it: fills the database, makes sign-ins with passwords of their own, and a pairing link.
//!
//! There are no default passwords. They are made at random on the first start and kept in `demo-sign-ins.toml`, readable by its owner
//! only, so that a later start can print them again. The pairing link is new at each start, because a keyword works once.

use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use server::AppState;
use server::demo::{self, ids};
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

use crate::{Advice, files, secrets};

/// What a visitor needs.
#[derive(Clone)]
pub struct Tour {
    /// One for each role at least.
    pub sign_ins: Vec<SignIn>,
    /// Path and fragment of the first pupil's pairing link.
    pub pairing_path: String,
}

/// A person of the demo. No `Debug`: it holds a password.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// As printed.
    pub role: String,
    /// What to type.
    pub email: String,
    /// What to type.
    pub password: String,
}

/// `demo-sign-ins.toml`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SignInsFile {
    sign_in: Vec<SignIn>,
}

struct Member {
    staff_id: Uuid,
    /// As the database spells it.
    role: &'static str,
    at: Uuid,
    name: &'static str,
    label: &'static str,
    email: &'static str,
}

/// Everyone who works in Fennshire.
const STAFF: [Member; 7] = [
    member(ids::COORDINATOR, "coordinator", ids::AUTHORITY, "Mrs C.", "Coordinator", "coordinator@fennshire.example"),
    member(ids::KEY_WORKER, "key_worker", ids::HOSPITAL_SCHOOL, "Ms J.", "Key worker", "key.worker@larkfield.example"),
    member(ids::ALDER_LEAD, "school_lead", ids::ALDER_ROAD, "Mr A.", "School lead", "lead@alder-road.example"),
    member(ids::ALDER_STAFF, "classroom_staff", ids::ALDER_ROAD, "Mr T.", "Classroom staff", "classroom@alder-road.example"),
    member(ids::AUDITOR, "auditor", ids::AUTHORITY, "Dr W.", "Auditor", "auditor@fennshire.example"),
    member(ids::MARSH_LEAD, "school_lead", ids::MARSH_LANE, "Ms H.", "Lead, Marsh Lane", "lead@marsh-lane.example"),
    member(ids::MARSH_STAFF, "classroom_staff", ids::MARSH_LANE, "Mr D.", "Staff, Marsh Lane", "classroom@marsh-lane.example"),
];

const fn member(
    staff_id: Uuid,
    role: &'static str,
    at: Uuid,
    name: &'static str,
    label: &'static str,
    email: &'static str,
) -> Member {
    Member { staff_id, role, at, name, label, email }
}

/// Fills the server's database with the demo authority, or finds it there. `folder` keeps the sign-ins; `devices` holds the MQTT secrets.
///
/// # Errors
/// A file cannot be read or written, or the database does not answer.
pub async fn open(state: &AppState, folder: &Path, devices: &Path) -> anyhow::Result<Tour> {
    let now = state.clock.now().utc;
    let sign_ins = sign_ins(&folder.join("demo-sign-ins.toml"))?;
    // Roles refer to organisations, so these come first.
    demo::seed_store(&state.store, devices, now).await.context("cannot fill the database with the demo authority")?;
    for (member, sign_in) in STAFF.iter().zip(&sign_ins) {
        add(state, member, sign_in).await.context("cannot add the people of the demo authority")?;
    }
    demo::seed_record(&state.store, now).await.context("cannot add the demonstration's plan")?;
    let keyword = server::pupil::new_keyword(&state.store, ids::ADA_PLACEMENT, now, None).await?;
    Ok(Tour { sign_ins, pairing_path: server::pupil::pairing_path(&keyword) })
}

/// The sign-ins in the file at `path`, in the order of [`STAFF`]; missing ones are made.
fn sign_ins(path: &Path) -> Result<Vec<SignIn>, Advice> {
    let known = if path.exists() { files::load::<SignInsFile>(path)?.sign_in } else { Vec::new() };
    let all: Vec<SignIn> = STAFF
        .iter()
        .map(|member| match known.iter().find(|sign_in| sign_in.email == member.email) {
            Some(sign_in) => sign_in.clone(),
            None => {
                SignIn { role: member.label.to_owned(), email: member.email.to_owned(), password: secrets::random_password() }
            }
        })
        .collect();
    if all.len() != known.len() {
        let body = toml::to_string(&SignInsFile { sign_in: all.clone() }).expect("a list of texts is TOML");
        secrets::write_private(
            path,
            format!("# Sign-ins of the demo authority, made at random on the first start.\n{body}").as_bytes(),
        )?;
    }
    Ok(all)
}

async fn add(state: &AppState, member: &Member, sign_in: &SignIn) -> anyhow::Result<()> {
    // Hashing is slow on purpose; a second start does without.
    if state.store.account(member.email).await?.is_some() {
        return Ok(());
    }
    let password_hash = server::api::auth::hash_password(sign_in.password.clone()).await?;
    let staff = NewStaff { staff_id: member.staff_id, name: member.name, email: member.email, password_hash: &password_hash };
    let role = StaffRoleRow { role: member.role.to_owned(), organisation_id: member.at };
    state.store.add_staff(staff, &[role]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_ins_are_made_once_and_no_two_passwords_are_equal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo-sign-ins.toml");
        let passwords = |sign_ins: Vec<SignIn>| sign_ins.into_iter().map(|sign_in| sign_in.password).collect::<Vec<_>>();
        let first = passwords(sign_ins(&path).unwrap());
        assert_eq!(first, passwords(sign_ins(&path).unwrap()));
        let different: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(different.len(), STAFF.len());
        assert!(first.iter().all(|password| password.len() >= 16));
    }
}
