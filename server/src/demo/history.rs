//! A made-up fortnight of presence, so that the record of the demonstration has something to show.
//!
//! It goes the same way as real facts: messages of the contract, decoded, checked, stored by [`crate::ingest::apply`]. Nothing
//! writes minutes. The numbers come from the lesson's own name, so that the same history is made each time.

use chrono::{DateTime, TimeDelta, Utc};
use protocol::{
    Active, ClosedBy, EndReason, Envelope, Kind, MessageId, PlacementId, PresenceMessage, RobotId, SCHEMA_VERSION, SessionId,
    Tier, Topic,
};
use server_core::timetable::Lesson;

use super::ids;

/// Messages about the lessons that ended before `now`, numbered from `first`.
pub(super) fn messages(
    placement: PlacementId,
    robot: RobotId,
    lessons: &[Lesson],
    now: DateTime<Utc>,
    first: u64,
) -> Vec<(String, Vec<u8>)> {
    let mut facts = Vec::new();
    for lesson in lessons.iter().filter(|lesson| lesson.about.expected && lesson.end + TimeDelta::minutes(1) <= now) {
        let chance = chance_of(lesson);
        let session = ids::session(((placement.0.as_u128() & 0xf) << 28) | (u128::from(first) + facts.len() as u128));
        visit(&mut facts, (session, placement, robot), lesson, chance);
    }
    let topic = Topic::new(ids::BRIDGE, Kind::Presence).to_string();
    facts
        .into_iter()
        .zip(first..)
        .map(|(body, seq)| {
            let envelope = Envelope {
                v: SCHEMA_VERSION,
                id: MessageId::new(),
                epoch: ids::HISTORY_EPOCH,
                seq: Some(seq),
                oldest: None,
                sent_at: now,
                mono_ms: 0,
                body,
            };
            (topic.clone(), envelope.to_bytes())
        })
        .collect()
}

/// Most lessons from start to end, some shorter, some partly with sound only, some not at all: pupils rest.
fn visit(
    facts: &mut Vec<PresenceMessage>,
    (session, placement, robot): (SessionId, PlacementId, RobotId),
    lesson: &Lesson,
    chance: u64,
) {
    if chance % 7 == 3 {
        return;
    }
    let late_s = i64::try_from(chance % 90).unwrap_or(0);
    let early_s = if chance % 5 == 1 { 840 } else { i64::try_from(chance % 150).unwrap_or(0) };
    let (from, until) = (lesson.start + TimeDelta::seconds(late_s), lesson.end - TimeDelta::seconds(early_s));
    if until <= from {
        return;
    }
    let change = if chance % 4 == 2 { from + (until - from) / 3 * 2 } else { until };
    let parts = [(Tier::Video, from, change), (Tier::Audio, change, until)];
    let mut total_ms = 0;
    let mut n = 0;
    for (tier, from, until) in parts.into_iter().filter(|(_, from, until)| from < until) {
        n += 1;
        let span_ms = (until - from).num_milliseconds().unsigned_abs();
        total_ms += span_ms;
        let count = |every: u64| u32::try_from(chance / every % 4).unwrap_or(0);
        let active = Active { spoke_ms: chance % 40 * 1_000, hands: count(3), looks: count(5) * 7, feelings: count(11) };
        let closed_by = Some(if tier == Tier::Video && change < lesson.end { ClosedBy::TierChange } else { ClosedBy::End });
        facts.push(PresenceMessage::Interval {
            session,
            placement,
            robot,
            n,
            tier,
            from,
            until,
            span_ms,
            clock_offset_ms: None,
            active,
            closed_by,
        });
    }
    facts.push(PresenceMessage::Ended {
        session,
        placement,
        robot,
        at: until,
        reason: EndReason::Left,
        intervals: n,
        total_ms,
    });
}

/// A number that belongs to the lesson.
fn chance_of(lesson: &Lesson) -> u64 {
    let mut value = lesson.start.timestamp().unsigned_abs() ^ (lesson.slot.as_u128() as u64);
    value ^= value >> 33;
    value = value.wrapping_mul(0xff51_afd7_ed55_8ccd);
    value ^ (value >> 29)
}
