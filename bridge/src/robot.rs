//! What control texts mean to the bridge. It passes them on unchanged (the media engine does) and only counts what a pupil did.

use bridge_core::session::Deed;
use protocol::control::{Control, ControlMessage, Feeling};

/// What the pupil did by sending `text`, if it is something that is counted. An unreadable text counts as nothing: a newer page may
/// say things that this bridge does not know.
#[must_use]
pub fn deed(text: &str) -> Option<Deed> {
    match ControlMessage::from_text(text.as_bytes()).ok()?.control {
        Control::Look { .. } => Some(Deed::Look),
        Control::Hand { up } => Some(Deed::Hand { up }),
        Control::Feeling { feeling } => {
            let shown = match feeling {
                Feeling::None => None,
                Feeling::Happy => Some(1),
                Feeling::Unsure => Some(2),
                Feeling::Tired => Some(3),
                Feeling::Help => Some(4),
            };
            Some(Deed::Feeling { shown })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_pupil_does_is_counted() {
        assert_eq!(deed(r#"{"v":1,"id":7,"type":"hand","up":true}"#), Some(Deed::Hand { up: true }));
        assert_eq!(deed(r#"{"v":1,"id":8,"type":"look","pan_deg":10,"tilt_deg":0}"#), Some(Deed::Look));
        assert_eq!(deed(r#"{"v":1,"id":9,"type":"feeling","feeling":"none"}"#), Some(Deed::Feeling { shown: None }));
        for other in
            [r#"{"v":1,"type":"ack","of":3}"#, r#"{"v":1,"id":1,"type":"talk","on":true}"#, r#"{"v":1,"type":"new"}"#, "", "{"]
        {
            assert_eq!(deed(other), None, "{other}");
        }
    }
}
