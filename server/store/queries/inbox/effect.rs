//! What a message changes, within the transaction that notes its number.

use chrono::{DateTime, Utc};
use protocol::{BodyState, EventKind, PresenceMessage};
use sqlx::Transaction;
use store::StoreError;
use store::inbox::{Fact, Received, Refused, Touched};

use super::hello;
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
        Fact::Hello(hello) => hello::said(tx, device, hello, message.offset_ms, now).await?,
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
            let stands_here = link.robot_leg.is_some();
            // A bridge that the robot has left says so of itself only.
            let done = sqlx::query!(
                "UPDATE robot SET live_session_id = $2, live_tier = $3, link_at = $4,
                                  bridge_id = CASE WHEN $5 THEN $6 WHEN bridge_id = $6 THEN NULL ELSE bridge_id END
                 WHERE robot_id = $1 AND ($5 OR bridge_id IS NULL OR bridge_id = $6)",
                link.robot.0,
                session,
                tier,
                now,
                stands_here,
                device
            )
            .execute(&mut **tx)
            .await?;
            let known = done.rows_affected() == 1
                || sqlx::query_scalar!(
                    r#"SELECT kind AS "kind!" FROM device WHERE device_id = $1 AND kind = 'robot'"#,
                    link.robot.0
                )
                .fetch_optional(&mut **tx)
                .await?
                .is_some();
            if known { Ok(vec![Touched::Robot(link.robot.0)]) } else { Err("the robot is not known".to_owned()) }
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
