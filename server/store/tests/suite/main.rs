//! The one test-suite of the store: every test runs on SQLite and on PostgreSQL, each time in a database of its own.

mod audit;
mod beginnings;
mod calendars;
mod due;
mod inbox;
mod lessons;
mod lists;
mod minutes;
mod opening;
mod placements;
mod plans;
mod presence;
mod quarantine;
mod record;
mod replicas;
mod returns;
mod robots;
mod staff;
mod tables;
mod upgrade;
mod world;

/// Another one for every fact; what a bridge would send is hashed by the server.
fn hash_of(fact: &store::inbox::Fact) -> [u8; 32] {
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(&format!("{fact:?}"), &mut hasher);
    let eight = std::hash::Hasher::finish(&hasher).to_le_bytes();
    std::array::from_fn(|n| eight[n % eight.len()])
}
