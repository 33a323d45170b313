//! The pupil's side: join a tablet by keyword and PIN, see the day, go to class, leave.
//!
//! ```text
//! pair.rs     keyword → tablet → PIN          secrets.rs  drawing and hashing; stores nothing
//! tablet.rs   who is calling                   day.rs      the day in words; pure
//! today.rs    the day, "not now, I'm resting"  class.rs    the class page, join and leave
//! plan.rs     the plan and the pupil's goals in a child's words, with a comment on each stage
//! ```
//!
//! The pages name no pupil: whoever holds the tablet knows who they are. No name, no code and no PIN stands in an address. Nothing here
//! touches media: the tablet's page connects to the bridge by itself, with the permission it gets from `class::join`.

mod class;
mod day;
pub mod pair;
mod plan;
pub mod secrets;
mod tablet;
mod today;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::PlacementId;
use store::Store;
use store::tablets::NewKeyword;

use crate::api::{Access, Route};

/// How long a keyword is valid that staff make.
pub const KEYWORD_FOR: TimeDelta = TimeDelta::minutes(30);
/// Draws until a first half is free; with a few thousand open keywords the first nearly always is.
const DRAWS: u32 = 16;

/// Every page and endpoint of the pupil.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/pair", Access::Public, pair::page),
        Route::post("/pair", Access::Public, pair::join),
        Route::get("/pin", Access::PupilDevice, pair::pin_page),
        Route::post("/pin", Access::PupilDevice, pair::open),
        Route::post("/pin/choose", Access::PupilDevice, pair::choose_pin),
        Route::get("/today", Access::PupilDevice, today::page),
        Route::get("/today/parts", Access::PupilDevice, today::parts),
        Route::post("/today/rest", Access::PupilDevice, today::rest),
        Route::get("/my-plan", Access::PupilDevice, plan::page),
        Route::post("/my-plan", Access::PupilDevice, plan::comment),
        Route::post("/my-plan/goal", Access::PupilDevice, plan::stand),
        Route::get("/class", Access::PupilDevice, class::page),
        Route::post("/class/join", Access::PupilDevice, class::join),
        Route::post("/class/leave", Access::PupilDevice, class::leave),
    ]
}

/// Makes a keyword for a placement and returns it as people read it ("CKRN 48KP"). It is shown once and stored only as a hash; an
/// unused one of the placement ends. `valid_for`: how long; `None`: until it is used.
///
/// # Errors
/// The database does not answer, or the machine has no randomness.
pub async fn new_keyword(
    store: &Store,
    placement: PlacementId,
    now: DateTime<Utc>,
    valid_for: Option<TimeDelta>,
) -> anyhow::Result<String> {
    for _ in 0..DRAWS {
        let keyword = secrets::Keyword::draw()?;
        let hash = secrets::hash(keyword.secret()).await?;
        let new = NewKeyword {
            placement: placement.0,
            selector: keyword.selector(),
            hash: &hash,
            made_at: now,
            expires_at: valid_for.map(|valid| now + valid),
        };
        if store.insert_keyword(new).await? {
            return Ok(keyword.shown());
        }
    }
    anyhow::bail!("no free keyword was found")
}

/// The part of a pairing link behind `/pair`: the keyword in the fragment, which browsers keep to themselves.
#[must_use]
pub fn pairing_path(keyword: &str) -> String {
    format!("/pair#{}", keyword.replace(' ', ""))
}
