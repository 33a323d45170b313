//! What takes the place of a connection that stands: made first, and only then the old one is given up.
//!
//! Two things call for it. The server wants the robot at another bridge: then it goes there while no pupil is here, unless the present
//! bridge is being emptied. Or the way to the bridge is another one by now, as between two access points: its address here has changed, or
//! nothing comes any more. A connection that cannot be made in its time changes nothing.

use std::sync::Arc;
use std::time::Duration;

use protocol::{BridgeId, GrantMessage};
use tokio::sync::watch;
use tokio::time::sleep;

use super::bridge::{Connection, connect_within, stands};
use super::peer::Way;
use super::{Parts, Wires};

/// Between two looks whether the server still wants the robot elsewhere.
const MOVE_CHECK: Duration = Duration::from_secs(1);
/// For a connection to another bridge.
const MOVED_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at the address from which the bridge is reached.
const WAY_CHECK: Duration = Duration::from_millis(250);
/// For the next connection to the same bridge, and between two attempts.
const NEXT_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

/// A connection to the bridge where the server wants the robot to be, made while no pupil is here, unless the present bridge is being
/// emptied. Never, if it wants it nowhere else.
pub(super) async fn elsewhere(
    parts: &Arc<Parts>,
    client: &reqwest::Client,
    wires: &Arc<Wires>,
    present: Option<BridgeId>,
) -> (Connection, GrantMessage) {
    loop {
        sleep(MOVE_CHECK).await;
        let now = parts.clock.now();
        let Some(grant) = wires.grants.borrow().wanted_move(present, now.utc).cloned() else { continue };
        let stays_for_pupil = || parts.outlook.borrow().has_pupil && !grant.with_pupil;
        if stays_for_pupil() {
            continue;
        }
        match connect_within(MOVED_WITHIN, parts, client, wires, &grant).await {
            // A pupil was quicker.
            Ok(connection) if stays_for_pupil() => drop(connection),
            Ok(connection) => return (connection, grant),
            Err(error) => {
                tracing::warn!(robot.id = %parts.config.robot_id, %error, "the server's other bridge was not reached; staying here");
                wires.grants.send_if_modified(|grants| {
                    grants.failed(grant.bridge, now.monotonic);
                    false
                });
                stands(parts, wires, present);
            }
        }
    }
}

/// Another connection to the same bridge, made when the present one is disturbed or begins at an address that leads there no more. Never, if
/// all is well.
pub(super) async fn again(
    parts: &Arc<Parts>,
    client: &reqwest::Client,
    wires: &Arc<Wires>,
    grant: &GrantMessage,
    way: Option<Way>,
    mut disturbed: watch::Receiver<bool>,
) -> (Connection, GrantMessage) {
    loop {
        tokio::select! {
            () = told(&mut disturbed) => {}
            () = changed(way) => {}
        }
        let grant = wires.grants.borrow().held_for(grant.bridge).unwrap_or(grant).clone();
        tracing::info!(robot.id = %parts.config.robot_id, "the way to the bridge is disturbed or another: making the next connection");
        match connect_within(NEXT_WITHIN, parts, client, wires, &grant).await {
            Ok(connection) => return (connection, grant),
            Err(error) => tracing::warn!(robot.id = %parts.config.robot_id, %error, "the present connection is kept"),
        }
        sleep(PAUSE).await;
    }
}

/// Returns when the connection is disturbed.
async fn told(disturbed: &mut watch::Receiver<bool>) {
    if disturbed.wait_for(|is_disturbed| *is_disturbed).await.is_err() {
        // The connection is being dropped, and this with it.
        std::future::pending::<()>().await;
    }
}

/// Returns when the way to the bridge begins at another address.
async fn changed(way: Option<Way>) {
    loop {
        sleep(WAY_CHECK).await;
        if way.is_some_and(|way| way.has_changed()) {
            return;
        }
    }
}
