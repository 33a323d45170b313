//! What a message changes, within the transaction that notes its number.

use chrono::{DateTime, Utc};
use protocol::{BodyState, EventKind, HelloMessage, PresenceMessage, Role, Status};
use sqlx::Transaction;
use store::StoreError;
use store::inbox::{Fact, Received, Refused, Touched};
use uuid::Uuid;

use crate::Db;
use crate::queries::presence;

/// Applies a fact. The inner `Err` is the reason for quarantine.
pub(super) async fn apply(
    tx: &mut Transaction<'static, Db>,
    message: &Received,
    now: DateTime<Utc>,
) -> Result<Result<Vec<Touched>, String>, StoreError> {
    let device = message.device_id;
    Ok(match &message.fact {
        Fact::Unusable(reason) => Err(reason.clone()),
        Fact::Presence(fact) => match presence::merge(tx, fact, message.offset_ms).await? {
            Ok(pupil_id) => {
                let (PresenceMessage::Interval { robot, .. } | PresenceMessage::Ended { robot, .. }) = fact;
                Ok(vec![Touched::Pupil(pupil_id), Touched::Robot(robot.0)])
            }
            Err(Refused(reason)) => Err(reason.to_owned()),
        },
        Fact::Hello(hello) => hello_said(tx, device, hello, now).await?,
        Fact::Body(body) => {
            let (state, battery, hand) = (body_word(body.state), i64::from(body.battery_pct.get()), body.hand_up);
            let wifi = body.wifi_dbm.map(i64::from);
            let done = sqlx::query!(
                "UPDATE robot SET body_state = $2, battery_pct = $3, charging = $4, wifi_dbm = $5, hand_up = $6, telemetry_at = $7
                 WHERE robot_id = $1",
                device,
                state,
                battery,
                body.charging,
                wifi,
                hand,
                now
            )
            .execute(&mut **tx)
            .await?;
            if done.rows_affected() == 1 { Ok(vec![Touched::Robot(device)]) } else { Err("the robot is not known".to_owned()) }
        }
        Fact::Link(link) => {
            let (session, tier) = (link.session.map(|id| id.0), link.tier.map(presence::tier_word));
            let serving = link.robot_leg.is_some().then_some(device);
            let done = sqlx::query!(
                "UPDATE robot SET live_session_id = $2, live_tier = $3, link_at = $4, bridge_id = coalesce($5, bridge_id) WHERE robot_id = $1",
                link.robot.0,
                session,
                tier,
                now,
                serving
            )
            .execute(&mut **tx)
            .await?;
            if done.rows_affected() == 1 {
                Ok(vec![Touched::Robot(link.robot.0)])
            } else {
                Err("the robot is not known".to_owned())
            }
        }
        Fact::Event(event) => {
            let (what, session) = (event_word(event.what), event.session.map(|id| id.0));
            let done = sqlx::query!(
                "INSERT INTO robot_event (robot_event_id, robot_id, session_id, what, at)
                 SELECT $1, r.robot_id, $3, $4, $5 FROM robot r WHERE r.robot_id = $2
                 ON CONFLICT (robot_event_id) DO UPDATE SET what = excluded.what",
                message.message_id,
                event.robot.0,
                session,
                what,
                event.at
            )
            .execute(&mut **tx)
            .await?;
            if done.rows_affected() == 1 {
                Ok(vec![Touched::Robot(event.robot.0)])
            } else {
                Err("the robot is not known".to_owned())
            }
        }
    })
}

async fn hello_said(
    tx: &mut Transaction<'static, Db>,
    device: Uuid,
    hello: &HelloMessage,
    now: DateTime<Utc>,
) -> Result<Result<Vec<Touched>, String>, StoreError> {
    let status = match hello.status {
        Status::Here => "here",
        Status::Gone => "gone",
        Status::OffByPerson => "off_by_person",
    };
    // A "gone" of an older connection arrives after the "here" of the newer one when a device reconnects: it is ignored.
    Ok(match hello.role {
        Role::Robot => {
            sqlx::query!(
                "UPDATE robot SET status = $2, status_at = $3, connected_at = $4
                 WHERE robot_id = $1 AND (connected_at IS NULL OR connected_at <= $4)",
                device,
                status,
                now,
                hello.connected_at
            )
            .execute(&mut **tx)
            .await?;
            let known = sqlx::query!(r#"SELECT robot_id AS "id!: Uuid" FROM robot WHERE robot_id = $1"#, device)
                .fetch_optional(&mut **tx)
                .await?;
            if known.is_some() { Ok(vec![Touched::Robot(device)]) } else { Err("the robot is not known".to_owned()) }
        }
        Role::Bridge => {
            sqlx::query!(
                "UPDATE bridge SET status = $2, status_at = $3, connected_at = $4, http_base = coalesce($5, http_base),
                                   public_base = coalesce($6, public_base)
                 WHERE bridge_id = $1 AND (connected_at IS NULL OR connected_at <= $4)",
                device,
                status,
                now,
                hello.connected_at,
                hello.http_base,
                hello.public_base
            )
            .execute(&mut **tx)
            .await?;
            let known = sqlx::query!(r#"SELECT bridge_id AS "id!: Uuid" FROM bridge WHERE bridge_id = $1"#, device)
                .fetch_optional(&mut **tx)
                .await?;
            if known.is_some() { Ok(vec![Touched::Bridge(device)]) } else { Err("the bridge is not known".to_owned()) }
        }
    })
}

fn body_word(state: BodyState) -> &'static str {
    match state {
        BodyState::Idle => "idle",
        BodyState::Live => "live",
        BodyState::Resting => "resting",
        BodyState::Paused => "paused",
        BodyState::Carried => "carried",
    }
}

fn event_word(what: EventKind) -> &'static str {
    match what {
        EventKind::PupilJoined => "pupil_joined",
        EventKind::SecondPupilRefused => "second_pupil_refused",
        EventKind::TabletTookOver => "tablet_took_over",
        EventKind::GrantRefused => "grant_refused",
        EventKind::Paused => "paused",
        EventKind::Resumed => "resumed",
        EventKind::OffByPerson => "off_by_person",
        EventKind::Started => "started",
        EventKind::HandRaised => "hand_raised",
        EventKind::HandLowered => "hand_lowered",
    }
}
