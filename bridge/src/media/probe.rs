//! Asks a tablet that says nothing of the sound it gets whether it is there: by an ICE check of our own, as for consent (RFC 7675), which
//! every full ICE agent answers (RFC 8445 §7.3) and only the one who has the password can.
//!
//! Why: a browser without transport feedback on sound reports on it every 5 s, and what is not confirmed is lost if the bridge is killed
//! (`DESIGN.md`). Asked is only while sound alone is sent and a whole second passed without a word. A question that is lost is repeated.

use std::time::{Duration, Instant};

/// A question is repeated after this, and so often within its second.
const AGAIN: Duration = Duration::from_millis(200);
const MOST: u8 = 4;

/// What is asked now, if anything.
#[derive(Debug, Default)]
pub(super) struct Probe {
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    transaction: [u8; 12],
    due: Instant,
    times: u8,
}

impl Probe {
    /// Something has to be asked.
    pub(super) fn begin(&mut self, transaction: [u8; 12], now: Instant) {
        self.asked = Some(Asked { transaction, due: now, times: 0 });
    }

    /// A word came: nothing has to be asked.
    pub(super) fn end(&mut self) {
        self.asked = None;
    }

    /// The transaction of the question that is to be sent now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<[u8; 12]> {
        let asked = self.asked.as_mut().filter(|asked| asked.due <= now && asked.times < MOST)?;
        (asked.due, asked.times) = (now + AGAIN, asked.times + 1);
        Some(asked.transaction)
    }

    /// What an answer has to carry.
    pub(super) fn transaction(&self) -> Option<[u8; 12]> {
        self.asked.as_ref().map(|asked| asked.transaction)
    }

    /// When [`Probe::take_due`] next has something to say.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.asked.as_ref().filter(|asked| asked.times < MOST).map(|asked| asked.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn a_question_is_repeated_four_times_and_then_rests() {
        let start = Instant::now();
        let mut probe = Probe::default();
        assert_eq!((probe.take_due(start), probe.deadline()), (None, None));
        probe.begin([7; 12], start);
        let sent = (0..1000).filter(|ms| probe.take_due(start + Duration::from_millis(*ms)).is_some()).collect::<Vec<_>>();
        assert_eq!(sent, [0, 200, 400, 600]);
        assert_eq!((probe.deadline(), probe.transaction()), (None, Some([7; 12])), "a late answer is one");
        probe.end();
        assert_eq!(probe.transaction(), None);
    }
}
