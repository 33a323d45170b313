//! What a leg remembers of ICE checks, so that neither a flood nor a repetition of them does harm.
//!
//! Looking at a check costs an HMAC, so a leg looks at a bounded number a second: known addresses and strangers are counted apart, and
//! strangers who flood cannot keep out the checks of those who are in. (They can keep out a new address for as long as they flood, if
//! they know the leg's user name fragment.) A check copied on its way and sent again from elsewhere moves nothing: each transaction
//! belongs to the address it first came from. The last [`MAX_TRANSACTIONS`] are remembered; ICE itself has no better protection.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Checks looked at in a second, and at once after a pause.
const PER_SECOND: u32 = 50;
const AT_ONCE: u32 = 100;

/// Transactions remembered.
const MAX_TRANSACTIONS: usize = 128;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Checks {
    strangers: Bucket,
    known: Bucket,
    transactions: VecDeque<([u8; 12], SocketAddr)>,
}

impl Checks {
    /// Whether one more is looked at.
    pub(super) fn may_look(&mut self, is_known: bool, now: Instant) -> bool {
        if is_known { self.known.take(now) } else { self.strangers.take(now) }
    }

    /// Notes a genuine check. Returns whether it is a copy of one that came from another address.
    pub(super) fn is_copy(&mut self, transaction: [u8; 12], source: SocketAddr) -> bool {
        if let Some((_, first)) = self.transactions.iter().rev().find(|known| known.0 == transaction) {
            return *first != source;
        }
        if self.transactions.len() >= MAX_TRANSACTIONS {
            self.transactions.pop_front();
        }
        self.transactions.push_back((transaction, source));
        false
    }
}

#[derive(Debug, Default)]
struct Bucket {
    taken: u32,
    since: Option<Instant>,
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let step = Duration::from_secs(1) / PER_SECOND;
        let back = now.saturating_duration_since(since).as_nanos() / step.as_nanos();
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        if back > 0 {
            self.taken = self.taken.saturating_sub(back);
            self.since = Some(if back > AT_ONCE { now } else { since + step * back });
        }
        if self.taken >= AT_ONCE {
            return false;
        }
        self.taken += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn a_flood_of_strangers_is_looked_at_in_part_and_those_who_are_in_are_heard() {
        let start = Instant::now();
        let mut checks = Checks::default();
        let mut looked = 0;
        for step in 0..100_000_u64 {
            let now = start + Duration::from_micros(step * 100);
            looked += usize::from(checks.may_look(false, now));
            if step % 10_000 == 0 {
                assert!(checks.may_look(true, now));
            }
        }
        assert_eq!(looked, 100 + 499, "a hundred at once and fifty a second");
        assert!(checks.may_look(false, start + Duration::from_secs(3600)));
    }

    #[test]
    fn a_transaction_belongs_to_the_address_it_came_from() {
        let (here, there): (SocketAddr, SocketAddr) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.1:2".parse().unwrap());
        let mut checks = Checks::default();
        assert!(!checks.is_copy([1; 12], here));
        assert!(!checks.is_copy([1; 12], here), "sent again");
        assert!(checks.is_copy([1; 12], there));
        for count in 0..=255 {
            checks.is_copy([count; 12], here);
        }
        assert_eq!(checks.transactions.len(), MAX_TRANSACTIONS);
    }
}
