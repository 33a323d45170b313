//! What arrives: who it is from, and which part of the leg it is for.
//!
//! A stranger may only send ICE checks, and becomes somebody by a genuine one. A TCP connection is one more kind of address. A check shows
//! who sent it and not where from, so an address that another leg is sent to belongs to whoever answers there (RFC 7675 §5.1 asks a
//! question for the same reason).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use bytes::BytesMut;
use rtc_stun::message::TransactionId;

use super::super::dtls::Outcome;
use super::super::leg::Claim;
use super::super::path::{Path, Remote};
use super::super::stream::Slot;
use super::super::{Party, Why, relay, stun};
use super::{FEEDBACK_EVERY, Hub, both};

impl Hub {
    /// Takes one datagram; RFC 7983 tells by its first byte what it is.
    pub(in super::super) fn datagram(&mut self, path: Path, datagram: &mut [u8], arrived_us: u64, now: Instant) {
        let [first, second, ..] = *datagram else { return };
        let whose = |hub: &Self| hub.by_address.get(&path.remote).copied();
        self.guarded(whose, now, |hub| match first {
            0..=3 if stun::is_answer(datagram) => hub.answer(path, datagram, now),
            0..=3 => hub.check(path, datagram, now),
            20..=63 => hub.record(path, datagram, now),
            128..=191 if (64..96).contains(&(second & 127)) => hub.report(path, datagram, now),
            128..=191 => hub.packet(path, datagram, arrived_us, now),
            _ => {}
        });
    }

    /// Runs other people's parsers and clocks: should one give up on what a leg sent, that leg ends and not the thread.
    pub(super) fn guarded(&mut self, whose: impl FnOnce(&Self) -> Option<usize>, now: Instant, work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            tracing::error!("what a leg sent broke a parser; please report this with the line above");
            if let Some(slot) = whose(self) {
                self.remove(slot, Why::Broken, now);
            }
        }
    }

    fn check(&mut self, path: Path, packet: &[u8], now: Instant) {
        // The fragment decides, not the address: a socket may be used again for another leg.
        let Some(&slot) = stun::local_ufrag(packet).and_then(|ufrag| self.by_ufrag.get(ufrag)) else { return };
        let is_taken = self.is_taken(path.remote, slot);
        let Some(leg) = self.legs[slot].as_mut() else { return };
        if !leg.checks.may_look(leg.addresses.contains(&path.remote), now) {
            return;
        }
        let (crypto, source) = (self.identity.provider.crypto(), path.remote.address());
        let mut checked = leg.ice.iter().map(|(local, remote)| stun::check(packet, source, local, remote, crypto)).enumerate();
        let Some((credentials, check)) = checked.find_map(|(place, check)| Some((place, check?))) else { return };
        if leg.checks.is_copy(check.transaction, source) {
            tracing::debug!(leg.id = %leg.id, "an ICE check was repeated from another address");
            return;
        }
        if is_taken {
            tracing::debug!(leg.id = %leg.id, "a check came from where another leg is; whoever is there is asked");
            let transaction = leg
                .claim
                .filter(|claim| claim.remote == path.remote)
                .map_or_else(|| TransactionId::new().0, |claim| claim.transaction);
            leg.claim = Some(Claim { remote: path.remote, transaction, is_proved: false });
            let local = leg.ice.first().map(|(local, _)| local);
            if let Some(question) = local.and_then(|local| stun::question(&local.ufrag, &leg.offer.ice, transaction, crypto)) {
                self.out.push(path, &question);
            }
            return;
        }
        self.out.push(path, &check.reply);
        if check.is_conflict {
            return;
        }
        leg.claim = None;
        let is_elsewhere = (check.nominates || leg.chosen.is_none()) && leg.choose(path, credentials);
        leg.dtls.begin(now);
        // What was sent to where it was is lost, and a whole picture comes sooner than all that is missing of the last ones.
        let shows = leg.other.filter(|_| is_elsewhere && leg.party == Party::Subscriber);
        let forgotten = leg.note_address(path.remote);
        if let Some(address) = forgotten {
            self.by_address.remove(&address);
        }
        if let Some(before) = self.by_address.insert(path.remote, slot).filter(|before| *before != slot)
            && let Some(leg) = self.leg_mut(before)
        {
            leg.addresses.retain(|address| *address != path.remote);
        }
        self.heard(slot, now);
        self.settle(slot, now);
        if let Some(publisher) = shows {
            self.key_frame_from(publisher, now);
        }
    }

    /// Whether another leg is sent to there. One that this leg replaces comes from the same end and has to make room; and who is not heard any
    /// more is sent nothing, so what a NAT gives to the next in its time is free.
    fn is_taken(&self, remote: Remote, slot: usize) -> bool {
        let owner = self.by_address.get(&remote).filter(|owner| **owner != slot).and_then(|owner| self.leg(*owner));
        let (Some(owner), Some(leg)) = (owner, self.leg(slot)) else { return false };
        owner.path().is_some_and(|path| path.remote == remote)
            && (owner.robot, owner.party) != (leg.robot, leg.party)
            && !leg.claim.is_some_and(|claim| claim.remote == remote && claim.is_proved)
    }

    /// Somebody who was asked whether they are there says that they are.
    fn answer(&mut self, path: Path, packet: &[u8], now: Instant) {
        let Some(&slot) = self.by_address.get(&path.remote) else { return };
        let is_to = |claim: &Claim| claim.remote == path.remote && packet.get(8..20) == Some(&claim.transaction);
        if let Some(leg) = self.legs.iter_mut().flatten().find(|leg| leg.claim.as_ref().is_some_and(is_to)) {
            // Only its next check moves anything, and that comes soon: this one had no reply.
            if let Some(claim) = &mut leg.claim {
                let (pwd, crypto) = (&leg.offer.ice.pwd, self.identity.provider.crypto());
                claim.is_proved |= stun::answers(packet, claim.transaction, pwd, crypto);
            }
            return;
        }
        let Some(leg) = self.legs.get_mut(slot).and_then(Option::as_mut) else { return };
        let Some(transaction) = leg.probe.transaction().filter(|_| leg.checks.may_look(true, now)) else { return };
        if stun::answers(packet, transaction, &leg.offer.ice.pwd, self.identity.provider.crypto()) {
            leg.probe.end();
            leg.tally.answered();
            self.heard(slot, now);
        }
    }

    fn record(&mut self, path: Path, datagram: &[u8], now: Instant) {
        let Some(&slot) = self.by_address.get(&path.remote) else { return };
        let Some(leg) = self.leg_mut(slot) else { return };
        for outcome in leg.dtls.receive(now, datagram) {
            match outcome {
                Outcome::Up(keys) => {
                    let Some(leg) = self.leg_mut(slot) else { return };
                    leg.keys = Some(keys);
                    self.connected(slot, now);
                }
                Outcome::Data(data) => self.data(slot, data, now),
                Outcome::Closed | Outcome::Refused => {
                    let refused = matches!(outcome, Outcome::Refused);
                    self.remove(slot, if refused { Why::Refused } else { Why::Left }, now);
                    return;
                }
            }
        }
        self.settle(slot, now);
    }

    fn data(&mut self, slot: usize, data: BytesMut, now: Instant) {
        self.heard(slot, now);
        let Some(leg) = self.leg_mut(slot) else { return };
        leg.dtls.confirmed();
        let events = leg.channel.receive(now, data);
        self.channel_events(slot, events, now);
    }

    fn packet(&mut self, path: Path, packet: &mut [u8], arrived_us: u64, now: Instant) {
        let Some(&slot) = self.by_address.get(&path.remote) else { return };
        let Some((from, mut to)) = both(&mut self.legs, slot) else { return };
        if !relay::packet(from, to.as_deref_mut(), packet, arrived_us, now, &mut self.out) {
            return;
        }
        let starts_again = to.is_some_and(|to| to.downlink.take_start());
        from.dtls.confirmed();
        if from.arrivals.is_pending() && !std::mem::replace(&mut from.is_to_report, true) {
            self.feedback.push_back((now + FEEDBACK_EVERY, slot, from.id));
        }
        let (has_gaps, gave_up) = (from.incoming.has_gaps(), from.incoming.gave_up());
        self.heard(slot, now);
        if starts_again {
            self.key_frame_from(slot, now);
        } else if gave_up {
            self.settle(slot, now);
        } else if has_gaps {
            self.arm(slot, now);
        }
    }

    fn report(&mut self, path: Path, packet: &[u8], now: Instant) {
        let Some(&slot) = self.by_address.get(&path.remote) else { return };
        let Some((from, to)) = both(&mut self.legs, slot) else { return };
        let Some(findings) = relay::report(from, to, packet, now, &mut self.out) else { return };
        from.dtls.confirmed();
        let other = from.other.filter(|_| from.party == Party::Subscriber);
        self.heard(slot, now);
        if let Some(publisher) = other.filter(|_| findings.key_frame) {
            self.key_frame_from(publisher, now);
        }
    }

    // TCP connections.

    /// The SSRC of the sound that is sent there, if a leg knows it.
    pub(in super::super) fn sound_of(&self, remote: Remote) -> Option<u32> {
        let leg = self.leg(*self.by_address.get(&remote)?)?;
        Some(leg.outgoing[Slot::Audio as usize].ssrc)
    }

    /// Nothing can be sent there any more. The other end's next genuine check chooses a path again.
    pub(in super::super) fn path_gone(&mut self, remote: Remote) {
        let Some(slot) = self.by_address.remove(&remote) else { return };
        let Some(leg) = self.leg_mut(slot) else { return };
        leg.addresses.retain(|address| *address != remote);
        if leg.chosen.is_some_and(|path| path.remote == remote) {
            tracing::debug!(leg.id = %leg.id, "the media path is gone");
            leg.chosen = None;
        }
    }
}
