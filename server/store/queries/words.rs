//! How values of the wire contract are spelt in columns; the tables' constraints know the same words.

use protocol::{BodyState, ClosedBy, EndReason, EventKind, Status, Tier};

pub(crate) fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Audio => "audio",
        Tier::Stills => "stills",
        Tier::Video => "video",
    }
}

pub(crate) fn tier_of(word: &str) -> Option<Tier> {
    [Tier::Audio, Tier::Stills, Tier::Video].into_iter().find(|tier| tier_word(*tier) == word)
}

pub(crate) fn closed_word(closed: ClosedBy) -> &'static str {
    match closed {
        ClosedBy::Interruption => "interruption",
        ClosedBy::TierChange => "tier_change",
        ClosedBy::End => "end",
        ClosedBy::Recovery => "recovery",
    }
}

pub(crate) fn closed_of(word: &str) -> Option<ClosedBy> {
    [ClosedBy::Interruption, ClosedBy::TierChange, ClosedBy::End, ClosedBy::Recovery]
        .into_iter()
        .find(|closed| closed_word(*closed) == word)
}

pub(crate) fn end_word(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Left => "left",
        EndReason::PupilLost => "pupil_lost",
        EndReason::RobotLost => "robot_lost",
        EndReason::GrantEnded => "grant_ended",
        EndReason::Shutdown => "shutdown",
        EndReason::Recovery => "recovery",
        EndReason::Revoked => "revoked",
    }
}

pub(crate) fn status_word(status: Status) -> &'static str {
    match status {
        Status::Here => "here",
        Status::Gone => "gone",
        Status::OffByPerson => "off_by_person",
    }
}

pub(crate) fn body_word(state: BodyState) -> &'static str {
    match state {
        BodyState::Idle => "idle",
        BodyState::Live => "live",
        BodyState::Resting => "resting",
        BodyState::Paused => "paused",
        BodyState::Carried => "carried",
    }
}

pub(crate) fn event_word(what: EventKind) -> &'static str {
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
