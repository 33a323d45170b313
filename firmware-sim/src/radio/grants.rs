//! Which bridge to try next: the permissions at hand, and which bridges could not be reached of late. Pure.
//!
//! Of each bridge the newest permission is held; the newest of all is what the server wants. One that came after a failure is a reason
//! to try that bridge again, for the server had heard of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::{BridgeId, Envelope, GrantMessage};

/// Bridges whose permission is held; of more, the one that was renewed longest ago is forgotten.
pub(super) const MOST_HELD: usize = 8;
/// How long a bridge that could not be reached is avoided and named.
const AVOIDED_FOR: Duration = Duration::from_secs(60);

/// The permissions at hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Grants {
    /// The newest last.
    held: Vec<GrantMessage>,
    failed: Vec<Failed>,
    /// Counts what came, so that a watcher sees that something did.
    came: u64,
}

/// A permission with its end by this robot's clock: how long it lasts is what the server's clock says, whatever the one here shows.
pub(super) fn by_own_clock(envelope: Envelope<GrantMessage>, utc: DateTime<Utc>) -> GrantMessage {
    let lasts = envelope.body.expires_at - envelope.sent_at;
    GrantMessage { expires_at: utc.checked_add_signed(lasts).unwrap_or(envelope.body.expires_at), ..envelope.body }
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    bridge: BridgeId,
    at: Duration,
    /// [`Grants::came`] at that moment.
    before: u64,
}

impl Grants {
    /// A permission came.
    pub fn take(&mut self, grant: GrantMessage) {
        self.came += 1;
        self.held.retain(|held| held.bridge != grant.bridge);
        if self.held.len() >= MOST_HELD {
            self.held.remove(0);
        }
        if let Some(bridge) = grant.bridge {
            for failed in self.failed.iter_mut().filter(|failed| failed.bridge == bridge) {
                failed.before = 0;
            }
        }
        self.held.push(grant);
    }

    /// How many permissions came so far.
    pub fn came(&self) -> u64 {
        self.came
    }

    /// The bridge was not reached.
    pub fn failed(&mut self, bridge: Option<BridgeId>, now: Duration) {
        let Some(bridge) = bridge else { return };
        self.failed.retain(|failed| failed.bridge != bridge);
        if self.failed.len() >= MOST_HELD {
            self.failed.remove(0);
        }
        self.failed.push(Failed { bridge, at: now, before: self.came.max(1) });
    }

    /// The bridge was reached.
    pub fn reached(&mut self, bridge: Option<BridgeId>) {
        self.failed.retain(|failed| Some(failed.bridge) != bridge);
    }

    /// Bridges that could not be reached of late, for the server.
    pub fn cannot_reach(&self, now: Duration) -> Vec<BridgeId> {
        self.failed.iter().filter(|failed| now.saturating_sub(failed.at) < AVOIDED_FOR).map(|failed| failed.bridge).collect()
    }

    /// What to try: the newest permission for a bridge that is not avoided; if all are, the newest of all. Expired ones come last.
    pub fn choose(&self, utc: DateTime<Utc>, now: Duration) -> Option<&GrantMessage> {
        let avoided = |grant: &GrantMessage| {
            self.failed.iter().any(|failed| {
                Some(failed.bridge) == grant.bridge && failed.before > 0 && now.saturating_sub(failed.at) < AVOIDED_FOR
            })
        };
        self.held
            .iter()
            .enumerate()
            .min_by_key(|(age, grant)| (grant.expires_at <= utc, avoided(grant), self.held.len() - age))
            .map(|(_, grant)| grant)
    }

    /// The newest permission for this bridge.
    pub fn held_for(&self, bridge: Option<BridgeId>) -> Option<&GrantMessage> {
        self.held.iter().rev().find(|held| held.bridge == bridge)
    }

    /// The permission for the bridge to which the server wants the robot to move from `present`, if it wants.
    pub fn wanted_move(&self, present: Option<BridgeId>, utc: DateTime<Utc>) -> Option<&GrantMessage> {
        let newest = self.held.last()?;
        let goes_elsewhere = newest.move_now && newest.bridge.is_some() && newest.bridge != present;
        let has_failed = self.failed.iter().any(|failed| Some(failed.bridge) == newest.bridge && failed.before > 0);
        (goes_elsewhere && newest.expires_at > utc && !has_failed).then_some(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_760_000_400 + second, 0).unwrap()
    }

    fn grant(bridge: BridgeId, name: &str) -> GrantMessage {
        GrantMessage {
            whip_url: name.to_owned(),
            token: "t".to_owned(),
            expires_at: utc(3_600),
            bridge: Some(bridge),
            move_now: false,
            with_pupil: false,
            ice_servers: vec![],
        }
    }

    fn chosen(grants: &Grants, second: u64) -> Option<&str> {
        let now = Duration::from_secs(second);
        grants.choose(utc(i64::try_from(second).unwrap()), now).map(|grant| grant.whip_url.as_str())
    }

    #[test]
    fn the_newest_permission_is_tried_and_another_bridge_when_that_one_fails() {
        let (first, second) = (BridgeId::new(), BridgeId::new());
        let mut grants = Grants::default();
        assert_eq!(chosen(&grants, 0), None);
        grants.take(grant(second, "in reserve"));
        grants.take(grant(first, "present"));
        assert_eq!(chosen(&grants, 0), Some("present"));
        grants.failed(Some(first), Duration::from_secs(1));
        assert_eq!(chosen(&grants, 1), Some("in reserve"));
        assert_eq!(grants.cannot_reach(Duration::from_secs(1)), [first]);
        grants.failed(Some(second), Duration::from_secs(2));
        assert_eq!(chosen(&grants, 2), Some("present"), "both are away: what the server wants");
        grants.reached(Some(second));
        assert_eq!(grants.cannot_reach(Duration::from_secs(2)), [first]);
        assert!(grants.cannot_reach(Duration::from_secs(62)).is_empty(), "of late means a minute");
        assert_eq!(chosen(&grants, 62), Some("present"));
    }

    #[test]
    fn a_permission_given_after_the_failure_is_a_reason_to_try_again_but_it_is_still_told() {
        let bridge = BridgeId::new();
        let mut grants = Grants::default();
        grants.take(grant(BridgeId::new(), "other"));
        grants.take(grant(bridge, "old"));
        grants.failed(Some(bridge), Duration::ZERO);
        assert_eq!(chosen(&grants, 0), Some("other"));
        grants.take(grant(bridge, "new"));
        assert_eq!(chosen(&grants, 0), Some("new"));
        assert_eq!(grants.cannot_reach(Duration::ZERO), [bridge]);
    }

    #[test]
    fn an_expired_permission_is_the_last_choice() {
        let mut grants = Grants::default();
        grants.take(grant(BridgeId::new(), "lasts"));
        grants.take(GrantMessage { expires_at: utc(10), ..grant(BridgeId::new(), "brief") });
        assert_eq!((chosen(&grants, 9), chosen(&grants, 10)), (Some("brief"), Some("lasts")));
    }

    #[test]
    fn a_robot_whose_clock_is_wrong_keeps_a_permission_for_as_long_as_the_server_gives_it() {
        let now = protocol::Now { monotonic: Duration::ZERO, utc: utc(0) };
        for off_by in [-86_400, 0, 86_400] {
            let sent =
                Envelope::new(now, uuid::Uuid::nil(), GrantMessage { move_now: true, ..grant(BridgeId::new(), "there") });
            let mut grants = Grants::default();
            grants.take(by_own_clock(sent, utc(off_by)));
            assert!(grants.wanted_move(None, utc(off_by + 3_599)).is_some(), "{off_by}");
            assert!(grants.wanted_move(None, utc(off_by + 3_600)).is_none(), "{off_by}");
        }
    }

    #[test]
    fn a_move_is_wanted_to_another_bridge_only_and_not_after_it_failed() {
        let (here, there) = (BridgeId::new(), BridgeId::new());
        let mut grants = Grants::default();
        grants.take(GrantMessage { move_now: true, ..grant(here, "here") });
        assert!(grants.wanted_move(Some(here), utc(0)).is_none());
        grants.take(grant(there, "in reserve"));
        assert!(grants.wanted_move(Some(here), utc(0)).is_none());
        grants.take(GrantMessage { move_now: true, ..grant(there, "there") });
        assert_eq!(grants.wanted_move(Some(here), utc(0)).map(|grant| grant.whip_url.as_str()), Some("there"));
        assert!(grants.wanted_move(Some(there), utc(0)).is_none());
        grants.failed(Some(there), Duration::ZERO);
        assert!(grants.wanted_move(Some(here), utc(0)).is_none());
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut grants = Grants::default();
        for second in 0..100 {
            let bridge = BridgeId::new();
            grants.take(grant(bridge, "one of many"));
            grants.failed(Some(bridge), Duration::from_secs(second));
        }
        assert!(grants.held.len() <= MOST_HELD && grants.failed.len() <= MOST_HELD);
    }
}
