//! Events on their way to the driver. What tells of a leg's life is kept while the driver's queue is full; measurements and
//! copies of texts are not.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, error::TrySendError};

use super::{LegId, MediaEvent};

/// How soon a full queue is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// See the module. Its size is bounded by the legs: each is connected, opens and closes its channel and ends once, and of
/// silent and back only the newest is kept.
pub(super) struct Outbox {
    events: mpsc::Sender<MediaEvent>,
    kept: VecDeque<MediaEvent>,
    /// Measurements and texts dropped since the queue was last empty enough.
    dropped: u64,
}

impl Outbox {
    pub(super) fn new(events: mpsc::Sender<MediaEvent>) -> Self {
        Self { events, kept: VecDeque::new(), dropped: 0 }
    }

    pub(super) fn send(&mut self, event: MediaEvent) {
        self.retry();
        if self.kept.is_empty() {
            match self.events.try_send(event) {
                Ok(()) | Err(TrySendError::Closed(_)) => {}
                Err(TrySendError::Full(event)) => self.keep(event),
            }
        } else {
            self.keep(event);
        }
    }

    fn keep(&mut self, event: MediaEvent) {
        if matches!(event, MediaEvent::Second(_) | MediaEvent::Text { .. }) {
            self.dropped += 1;
            return;
        }
        if let Some(leg) = presence_of(&event) {
            self.kept.retain(|kept| presence_of(kept) != Some(leg));
        }
        self.kept.push_back(event);
    }

    /// Sends what is kept, in order, as far as there is room.
    pub(super) fn retry(&mut self) {
        while let Some(event) = self.kept.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.kept.push_front(event);
                    return;
                }
                Err(TrySendError::Closed(_)) => self.kept.clear(),
            }
        }
        if self.dropped > 0 {
            tracing::warn!(events = self.dropped, "the driver was busy; measurements were dropped");
            self.dropped = 0;
        }
    }

    pub(super) fn retry_at(&self, now: Instant) -> Option<Instant> {
        (!self.kept.is_empty()).then(|| now + RETRY)
    }
}

fn presence_of(event: &MediaEvent) -> Option<LegId> {
    match event {
        MediaEvent::Silent { leg } | MediaEvent::Back { leg } => Some(*leg),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Why;

    #[test]
    fn a_full_queue_loses_measurements_and_keeps_the_life_of_legs_in_order() {
        let (sender, mut events) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        let leg = LegId(1);
        outbox.send(MediaEvent::ChannelOpen { leg });
        outbox.send(MediaEvent::Text { leg, text: "lost".into() });
        for _ in 0..100 {
            outbox.send(MediaEvent::Silent { leg });
            outbox.send(MediaEvent::Back { leg });
        }
        outbox.send(MediaEvent::Closed { leg, why: Why::Left });
        assert_eq!(outbox.kept.len(), 2);
        let mut told = Vec::new();
        while let Ok(event) = events.try_recv() {
            told.push(format!("{event:?}"));
            outbox.retry();
        }
        assert_eq!(told, ["ChannelOpen { leg: LegId(1) }", "Back { leg: LegId(1) }", "Closed { leg: LegId(1), why: Left }"]);
    }
}
