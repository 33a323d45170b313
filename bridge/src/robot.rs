//! What control texts mean to the bridge. It passes them on unchanged (the media engine does) and only counts what a pupil did and saw, and
//! hears what a robot says of its network.

use bridge_core::freezes::Freezes;
use bridge_core::session::Deed;
use protocol::control::{Control, ControlMessage, Feeling};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said {
    /// The pupil did something.
    Did(Deed),
    /// The picture ran like this on the tablet.
    Saw(Freezes),
    /// Whether the robot's own network holds its picture down, and whether the pupil's does.
    Narrow {
        /// The robot's.
        own: bool,
        /// The pupil's.
        pupil: bool,
    },
}

/// What `text` says, if it is something that is counted. An unreadable text counts as nothing: a newer page may
/// say things that this bridge does not know.
#[must_use]
pub fn said(text: &str) -> Option<Said> {
    let deed = match ControlMessage::from_text(text.as_bytes()).ok()?.control {
        Control::Look { .. } => Deed::Look,
        Control::Hand { up } => Deed::Hand { up },
        Control::Feeling { feeling } => {
            let shown = match feeling {
                Feeling::None => None,
                Feeling::Happy => Some(1),
                Feeling::Unsure => Some(2),
                Feeling::Tired => Some(3),
                Feeling::Help => Some(4),
            };
            Deed::Feeling { shown }
        }
        Control::Seen { freezes, frozen_ms } => {
            return Some(Said::Saw(Freezes { count: u64::from(freezes), millis: frozen_ms }));
        }
        Control::State(state) => return Some(Said::Narrow { own: state.is_narrow, pupil: state.pupil_is_narrow }),
        _ => return None,
    };
    Some(Said::Did(deed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_pupil_does_and_sees_is_counted() {
        let deed = |text| match said(text) {
            Some(Said::Did(deed)) => Some(deed),
            _ => None,
        };
        assert_eq!(deed(r#"{"v":1,"id":7,"type":"hand","up":true}"#), Some(Deed::Hand { up: true }));
        assert_eq!(deed(r#"{"v":1,"id":8,"type":"look","pan_deg":10,"tilt_deg":0}"#), Some(Deed::Look));
        assert_eq!(deed(r#"{"v":1,"id":9,"type":"feeling","feeling":"none"}"#), Some(Deed::Feeling { shown: None }));
        for other in
            [r#"{"v":1,"type":"ack","of":3}"#, r#"{"v":1,"id":1,"type":"talk","on":true}"#, r#"{"v":1,"type":"new"}"#, "", "{"]
        {
            assert_eq!(said(other), None, "{other}");
        }
        let state = |is_narrow: &str| {
            format!(
                r#"{{"v":1,"type":"state","camera_on":true,"paused":false,"carried":false,"resting":false,"pan_deg":0,"tilt_deg":0,"hand_up":false,"feeling":"none","level":"normal","battery_pct":80{is_narrow}}}"#
            )
        };
        for (text, own, pupil) in [
            (r#","is_narrow":true"#, true, false),
            (r#","pupil_is_narrow":true"#, false, true),
            ("", false, false), // As robots before it was said.
        ] {
            assert_eq!(said(&state(text)), Some(Said::Narrow { own, pupil }), "{text}");
        }
        let seen = Some(Said::Saw(Freezes { count: 3, millis: 1740 }));
        assert_eq!(said(r#"{"v":1,"type":"seen","freezes":3,"frozen_ms":1740}"#), seen);
    }
}
