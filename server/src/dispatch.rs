//! What the server sends down, and the permissions it signs: to robots by MQTT, to a pupil's tablet through its page.
//!
//! Which bridge a robot is sent to is decided in `placing`. Requests to a robot (carry, set room) are sent once and expire after a
//! minute: the robot's next report shows what it did.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use mqtt_link::{Link, Message, PublishError};
use protocol::{
    Act, BridgeId, Command, CommandMessage, DeviceId, EndMessage, Envelope, Grant, GrantMessage, IceServer, Kind, PlacementId,
    RobotId, Topic,
};
use serde::Serialize;
use server_core::placement::{self, JoinRefusal, Placement, RobotNow, VisitLimits};
use server_core::placing as rules;
use store::StoreError;
use store::robots::{BridgeRow, RobotRow};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{AppState, lessons, placing};

/// The bridges are told of ended visits for so long at most; what they have not heard then is said again.
const END_WITHIN: Duration = mqtt_link::PUBLISH_TIMEOUT;
/// So many of these messages wait for the broker's confirmation at once.
const ENDS_AT_ONCE: usize = 64;
/// What a person did is said so often …
const END_TRIES: u32 = 4;
/// … after this time each.
const END_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// Sends downward. Cheap to clone.
#[derive(Clone)]
pub struct Dispatch {
    link: Link,
    epoch: Uuid,
    heard: mpsc::Sender<Uuid>,
}

/// What a pupil's page needs to connect.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct JoinGrant {
    /// Where to send the WHEP offer.
    pub whep_url: String,
    /// Bearer token for it. Never logged.
    pub token: String,
    /// The visit ends then at the latest.
    pub session_until: DateTime<Utc>,
    /// TURN servers, for networks from which the bridge cannot be reached.
    pub ice_servers: Vec<IceServer>,
}

/// What a camera that speaks WHIP needs to publish in a robot's place.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct CameraGrant {
    /// Where to send the WHIP offer.
    pub whip_url: String,
    /// Bearer token for it. Never logged.
    pub token: String,
    /// Not accepted after.
    pub expires_at: DateTime<Utc>,
}

/// Why a pupil does not get a grant.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// A rule says no; the page has words for each.
    #[error("not now: {0:?}")]
    Refused(JoinRefusal),
    /// There is no such placement.
    #[error("there is no such placement")]
    NoPlacement,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key does not sign.
    #[error("the grant could not be signed")]
    Sign(#[source] anyhow::Error),
}

impl Dispatch {
    /// Sends over `link`. The receiver gets every device whose hello was committed; `placing` answers.
    #[must_use]
    pub fn new(link: Link) -> (Self, mpsc::Receiver<Uuid>) {
        let (heard, greetings) = mpsc::channel(placing::MAX_WAITING);
        (Self { link, epoch: Uuid::now_v7(), heard }, greetings)
    }

    /// Looks at a message that is committed: a hello may need a permission in answer.
    pub(crate) fn heard(&self, message: &Message) {
        // Nearly all messages are no greeting, and that is soon seen.
        if message.topic.ends_with("hello")
            && let Ok(Topic { client, kind: Kind::Hello }) = Topic::parse(&message.topic)
            && self.heard.try_send(client.0).is_err()
        {
            tracing::warn!(device.id = %client, "too many greetings wait; this one is answered at the next look");
        }
    }

    /// Asks a robot to do something. Ok: the broker has it; the robot's next report shows what it did.
    ///
    /// # Errors
    /// The broker is away or refuses.
    pub async fn command(&self, robot: RobotId, command: Command, now: protocol::Now) -> Result<(), PublishError> {
        let payload = Envelope::new(now, self.epoch, CommandMessage { command }).to_bytes();
        self.link.publish(Topic::new(robot, Kind::Command), payload).await
    }

    /// Gives a robot its permission to publish.
    ///
    /// # Errors
    /// The broker is away or refuses.
    pub(crate) async fn grant(&self, robot: RobotId, grant: GrantMessage, now: protocol::Now) -> Result<(), PublishError> {
        let payload = Envelope::new(now, self.epoch, grant).to_bytes();
        self.link.publish(Topic::new(robot, Kind::Grant), payload).await
    }

    /// Tells a bridge that a placement's permission is withdrawn.
    ///
    /// # Errors
    /// The broker is away or refuses.
    pub(crate) async fn end(&self, bridge: BridgeId, end: EndMessage, now: protocol::Now) -> Result<(), PublishError> {
        let payload = Envelope::new(now, self.epoch, end).to_bytes();
        self.link.publish(Topic::new(bridge, Kind::End), payload).await
    }
}

/// The bridge a robot stands connected to, or was sent to: of the two, one that was heard of late if there is one. `None`: neither
/// is connected.
fn bridge_of<'a>(state: &AppState, robot: &RobotRow, bridges: &'a [BridgeRow]) -> Option<&'a BridgeRow> {
    let (now, speed) = (state.clock.now().utc, state.clock.speed());
    let here = |id: Option<Uuid>| {
        bridges.iter().find(|bridge| Some(bridge.bridge_id) == id && bridge.status == "here" && bridge.http_base.is_some())
    };
    let found = [here(robot.bridge_id), here(robot.granted_bridge_id)];
    let heard = found.iter().flatten().find(|bridge| !rules::is_silent(bridge.load_at, now, speed));
    heard.or(found.iter().flatten().next()).copied()
}

/// Ends a running visit of a placement, without keeping anybody waiting: its tablet was switched off, or `keeps` took its place. What the
/// bridges have not confirmed is said again for about a minute, with the moment of now; after that the jobs go on, as long as a bridge
/// reports the visit as open.
pub fn end_visit(state: &AppState, placement: PlacementId, keeps: Option<DeviceId>) {
    let (of, end, at) = (state.clone(), EndMessage { placement, keeps }, state.clock.now());
    state.tasks.spawn(async move {
        for n in 0..END_TRIES {
            let wait = tokio::time::sleep(if n == 0 { Duration::ZERO } else { END_AGAIN_AFTER });
            if of.shutdown.run_until_cancelled(wait).await.is_none() {
                return;
            }
            match end_visits(&of, &[end], at).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "which bridges there are could not be read");
                }
            }
        }
    });
}

/// Tells every bridge that is here to end these visits, all at once: the session is on one of them, and each that has none ignores it.
/// Takes [`END_WITHIN`] at most, and ends at shutdown. `false`: not all of them have it.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn end_visits(state: &AppState, ends: &[EndMessage], at: protocol::Now) -> Result<bool, StoreError> {
    if ends.is_empty() {
        return Ok(true);
    }
    let bridges = state.store.bridges().await?;
    let here = bridges.iter().filter(|bridge| bridge.status == "here").map(|bridge| BridgeId(bridge.bridge_id));
    let all: Vec<_> = here
        .flat_map(|bridge| ends.iter().map(move |end| (bridge, *end)))
        .map(|(bridge, end)| async move { state.dispatch.end(bridge, end, at).await.map_err(|error| (bridge, error)) })
        .collect();
    let messages = all.len();
    let (mut sent, mut failed) = (stream::iter(all).buffer_unordered(ENDS_AT_ONCE), None);
    let mut told = 0;
    let tell = async {
        while let Some(done) = sent.next().await {
            match done {
                Ok(()) => told += 1,
                Err(error) => failed = Some(error),
            }
        }
    };
    // Whether it was all in time is seen by how many were told.
    let _ = state.shutdown.run_until_cancelled(tokio::time::timeout(END_WITHIN, tell)).await;
    if let Some((bridge, error)) = &failed {
        let (error, left) = (error as &dyn std::error::Error, messages - told);
        tracing::warn!(bridge.id = %bridge, error, left, "visits could not be ended yet");
    }
    Ok(told == messages)
}

/// A signed permission to publish as `robot_id` at `bridge`.
pub(crate) fn publish_grant(state: &AppState, robot_id: Uuid, bridge: &BridgeRow) -> anyhow::Result<CameraGrant> {
    let now = state.clock.now().utc;
    let expires_at = now + TimeDelta::from_std(state.config.grants.robot_for).context("grants.robot_for")?;
    let token = state.grants.sign(&Grant {
        aud: BridgeId(bridge.bridge_id),
        act: Act::Publish,
        robot: RobotId(robot_id),
        placement: None,
        device: None,
        talk: true,
        nbf: now,
        exp: expires_at,
        until: expires_at,
    })?;
    let base = bridge.http_base.as_deref().unwrap_or_default().trim_end_matches('/');
    Ok(CameraGrant { whip_url: format!("{base}/whip/{robot_id}"), token, expires_at })
}

/// A permission for a camera to publish in a robot's place. `None`: no such robot, or no bridge is connected.
///
/// # Errors
/// The database does not answer, or the key does not sign.
pub async fn camera_grant(state: &AppState, robot: RobotId) -> anyhow::Result<Option<CameraGrant>> {
    let Some(row) = state.store.robot(robot.0).await? else { return Ok(None) };
    let bridges = state.store.bridges().await?;
    let any = || bridges.iter().find(|bridge| bridge.status == "here" && bridge.http_base.is_some());
    let Some(bridge) = bridge_of(state, &row, &bridges).or_else(any) else { return Ok(None) };
    publish_grant(state, row.robot_id, bridge).map(Some)
}

/// Whether the pupil of a placement may go to class now, and until when; [`view_grant`] without signing anything.
///
/// # Errors
/// Why not.
pub async fn may_join(state: &AppState, placement_id: PlacementId) -> Result<DateTime<Utc>, JoinError> {
    Ok(admit(state, placement_id).await?.1)
}

/// The permission for one tablet to view, speak and move the robot of its placement, now.
///
/// # Errors
/// Why not.
pub async fn view_grant(state: &AppState, placement_id: PlacementId, device: DeviceId) -> Result<JoinGrant, JoinError> {
    let (robot, until, bridge) = admit(state, placement_id).await?;
    let now = state.clock.now().utc;
    let connect_within = TimeDelta::from_std(state.config.grants.connect_within).unwrap_or(TimeDelta::minutes(2));
    let token = state
        .grants
        .sign(&Grant {
            aud: BridgeId(bridge.bridge_id),
            act: Act::View,
            robot,
            placement: Some(placement_id),
            device: Some(device),
            talk: true,
            nbf: now,
            exp: (now + connect_within).min(until),
            until,
        })
        .map_err(|error| JoinError::Sign(error.into()))?;
    let base = bridge.public_base.as_deref().unwrap_or_default().trim_end_matches('/');
    let ice_servers = state.turn.servers(robot.0, until - now);
    Ok(JoinGrant { whep_url: format!("{base}/whep/{robot}"), token, session_until: until, ice_servers })
}

async fn admit(state: &AppState, placement_id: PlacementId) -> Result<(RobotId, DateTime<Utc>, BridgeRow), JoinError> {
    let row = state.store.placement(placement_id.0).await?.ok_or(JoinError::NoPlacement)?;
    let robot_id = row.robot_id.ok_or(JoinError::Refused(JoinRefusal::NoRobot))?;
    let robot = state.store.robot(robot_id).await?.ok_or(JoinError::NoPlacement)?;
    let timetable = lessons::timetable(&state.store, &row).await?;
    let now = state.clock.now().utc;
    let robot_now = match (robot.status.as_str(), robot.body_state.as_deref()) {
        ("off_by_person", _) => RobotNow::OffByPerson,
        ("here", Some("paused")) => RobotNow::Paused,
        ("here", _) => RobotNow::Here,
        _ => RobotNow::Gone,
    };
    let delta = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::zero());
    let limits = VisitLimits {
        at_most: delta(state.config.grants.visit_at_most),
        around_lessons: delta(state.config.grants.around_lessons),
    };
    let placement = Placement { from_day: row.from_day, until_day: row.until_day };
    let until = placement::may_join(
        &placement,
        &timetable.calendar,
        &timetable.on(timetable.calendar.day(now)),
        robot_now,
        limits,
        now,
    )
    .map_err(JoinError::Refused)?;
    let bridges = state.store.bridges().await?;
    let bridge = bridge_of(state, &robot, &bridges).cloned().ok_or(JoinError::Refused(JoinRefusal::NoBridge))?;
    Ok((RobotId(robot_id), until, bridge))
}

#[cfg(test)]
mod tests;
