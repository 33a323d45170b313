//! All legs of one media thread: who is who, who is paired with whom, what is due when.
//!
//! Invariants: an address leads to a leg only after a genuine ICE check from it; a robot has at most one leg per party, and one more that
//! will take its publisher's place when it is connected; a leg's `other` points back at it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bridge_core::offer::{Credentials, Local, Offer, answer, restart_fragment};
use protocol::RobotId;
use quinn_udp::UdpSocketState;
use rtc_crypto::CryptoError;
use rtc_stun::message::TransactionId;
use tokio::sync::mpsc;

use super::address::Reach;
use super::batch::Batch;
use super::channel::ChannelEvent;
use super::dtls::Identity;
use super::leg::{Leg, Made};
use super::outbox::Outbox;
use super::path::Remote;
use super::stream::SLOTS;
use super::tcp::Streams;
use super::{Answer, Held, LegId, LegSecond, MediaConfig, MediaError, MediaEvent, Party, Second, Talk, Why};

mod network;

/// Most reports of arrivals written per wake: each costs as much as forwarding several packets, and those must not wait for all.
const MAX_FEEDBACKS: usize = 16;

/// How often arrivals are reported to each sender.
const FEEDBACK_EVERY: Duration = Duration::from_millis(50);

const SECOND: Duration = Duration::from_secs(1);

/// Longest wait; the thread looks after itself at least this often.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// A second that took longer was none: the thread was not let run.
const STOOD_STILL: Duration = Duration::from_secs(3);

/// ICE characters (RFC 8839 §5.4).
const ICE_CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// See the module.
pub(super) struct Hub {
    config: MediaConfig,
    thread: u64,
    reach: Reach,
    identity: Identity,
    events: Outbox,
    out: Batch,
    legs: Vec<Option<Box<Leg>>>,
    by_id: HashMap<LegId, usize>,
    by_ufrag: HashMap<String, usize>,
    by_address: HashMap<Remote, usize>,
    robots: HashMap<RobotId, [Option<usize>; 2]>,
    /// Publishers that are being made while the one before is still heard.
    next: HashMap<RobotId, usize>,
    heap: BinaryHeap<Reverse<(Instant, usize, LegId)>>,
    made: u64,
    /// Legs whose arrivals are to be reported, and when: the first due first, each once.
    feedback: VecDeque<(Instant, usize, LegId)>,
    second_at: Instant,
    second_began: Instant,
    /// In the last second the thread stood still.
    stood_still: bool,
    /// What the thread had used of its core when that was last asked, and when.
    used: (Used, Instant),
}

impl Hub {
    pub(super) fn new(
        config: &MediaConfig,
        thread: u64,
        reach: Reach,
        identity: Identity,
        events: mpsc::Sender<MediaEvent>,
        now: Instant,
    ) -> Self {
        Self {
            config: config.clone(),
            thread,
            reach,
            identity,
            events: Outbox::new(events),
            out: Batch::new(),
            legs: Vec::new(),
            by_id: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            robots: HashMap::new(),
            next: HashMap::new(),
            heap: BinaryHeap::new(),
            made: 0,
            feedback: VecDeque::new(),
            second_at: now + SECOND,
            second_began: now,
            stood_still: false,
            used: (Used::now(), now),
        }
    }

    /// How long the thread may sleep.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let (timer, feedback) = (self.heap.peek().map(|entry| entry.0.0), self.feedback.front().map(|entry| entry.0));
        let next = [timer, feedback, Some(self.second_at), self.events.retry_at(now)];
        let next = next.into_iter().flatten().min().unwrap_or(now + LONGEST_WAIT);
        next.saturating_duration_since(now).min(LONGEST_WAIT)
    }

    pub(super) fn flush(&mut self, socket: &mio::net::UdpSocket, state: &UdpSocketState, streams: &mut Streams, now: Instant) {
        self.out.flush(socket, state, streams, now);
    }

    // Commands.

    pub(super) fn add(
        &mut self,
        robot: RobotId,
        party: Party,
        talk: Talk,
        mut offer: Offer,
        now: Instant,
    ) -> Result<Answer, MediaError> {
        let [mine, other] = self.seats(robot, party);
        if self.by_id.len() >= usize::from(self.config.max_legs) && mine.is_none() {
            return Err(MediaError::Full);
        }
        let agreed = other.and_then(|slot| self.leg(slot)).map(|leg| leg.video_formats().to_vec()).unwrap_or_default();
        offer.settle_video(&agreed)?;
        let ice = self.credentials().map_err(no_chance)?;
        let [audio_ssrc, video_ssrc, rtx_ssrc, reporter] = self.ssrcs().map_err(no_chance)?;
        let id = LegId(self.made * u64::from(self.config.threads) + self.thread);
        self.made += 1;

        let sdp = answer(&offer, &self.local(&ice, [audio_ssrc, video_ssrc, rtx_ssrc], talk));
        let ufrag = ice.ufrag.clone();
        let made = Made {
            id,
            robot,
            party,
            talk,
            offer,
            ice,
            ssrcs: [audio_ssrc, video_ssrc, rtx_ssrc],
            reporter,
            identity: &self.identity,
            now,
        };
        let leg = Box::new(Leg::new(made));
        // What still carries a lesson goes when its successor stands, see `connected`.
        let is_kept = |leg: &Leg| party == Party::Publisher && leg.is_up() && !leg.silent;
        let is_next = mine.and_then(|slot| self.leg(slot)).is_some_and(is_kept);
        let gone = [self.next.get(&robot).copied().filter(|_| party == Party::Publisher), mine.filter(|_| !is_next)];
        for old in gone.into_iter().flatten() {
            self.remove(old, Why::Replaced, now);
        }
        let slot = self.legs.iter().position(Option::is_none).unwrap_or_else(|| {
            self.legs.push(None);
            self.legs.len() - 1
        });
        self.legs[slot] = Some(leg);
        self.by_id.insert(id, slot);
        self.by_ufrag.insert(ufrag, slot);
        tracing::info!(robot.id = %robot, leg.id = %id, leg.party = ?party, "media leg made");
        if is_next {
            self.next.insert(robot, slot);
        } else {
            self.seat(slot, now);
        }
        self.arm(slot, now);
        Ok(Answer { leg: id, sdp })
    }

    pub(super) fn restart(&mut self, id: LegId, remote: Credentials) -> Result<Option<String>, MediaError> {
        let slot = *self.by_id.get(&id).ok_or(MediaError::Gone)?;
        let ice = self.credentials().map_err(no_chance)?;
        let leg = self.leg(slot).ok_or(MediaError::Gone)?;
        if leg.offer.ice == remote {
            return Ok(None);
        }
        let ssrcs = leg.outgoing.each_ref().map(|stream| stream.ssrc);
        let fragment = restart_fragment(&leg.offer, &self.local(&ice, ssrcs, leg.talk));
        let mut forgotten = None;
        self.by_ufrag.insert(ice.ufrag.clone(), slot);
        if let Some(leg) = self.leg_mut(slot) {
            forgotten = leg.restart(ice, remote);
        }
        if let Some(old) = forgotten {
            self.by_ufrag.remove(&old.ufrag);
        }
        Ok(Some(fragment))
    }

    pub(super) fn close(&mut self, id: LegId, why: Why, now: Instant) {
        if let Some(slot) = self.by_id.get(&id) {
            self.remove(*slot, why, now);
        }
    }

    pub(super) fn send_text(&mut self, id: LegId, text: String, now: Instant) {
        let Some(&slot) = self.by_id.get(&id) else { return };
        self.guarded(
            |_| Some(slot),
            now,
            |hub| {
                if let Some(leg) = hub.leg_mut(slot) {
                    leg.channel.send(now, text);
                }
                hub.settle(slot, now);
            },
        );
    }

    pub(super) fn want_key_frame(&mut self, robot: RobotId, now: Instant) {
        let Some(slot) = self.robots.get(&robot).and_then(|seats| seats[Party::Publisher as usize]) else { return };
        self.guarded(
            |_| Some(slot),
            now,
            |hub| {
                if let Some(leg) = hub.leg_mut(slot) {
                    leg.key_frames.want();
                }
                hub.settle(slot, now);
            },
        );
    }

    pub(super) fn stop(&mut self, now: Instant) {
        for slot in 0..self.legs.len() {
            self.remove(slot, Why::Stopped, now);
        }
        self.events.retry();
    }

    /// What the tables hold, and how busy the thread was since it was last asked.
    pub(super) fn held(&mut self, now: Instant) -> Held {
        let (used, (used_before, asked_before)) = (Used::now(), self.used);
        self.used = (used, now);
        let (busy, passed) = (used.busy_since(used_before), now.saturating_duration_since(asked_before));
        let busy_pct = usize::try_from(busy.as_micros() * 100 / passed.as_micros().max(1)).unwrap_or(100);
        let legs = self.by_id.len();
        Held { legs, addresses: self.by_address.len(), busy_pct, busy_legs: legs }
    }

    // Time.

    pub(super) fn timers(&mut self, now: Instant) {
        self.events.retry();
        while let Some(Reverse((at, slot, id))) = self.heap.peek().copied().filter(|entry| entry.0.0 <= now) {
            self.heap.pop();
            let connect_within = self.config.connect_within;
            let Some(leg) = self.legs.get_mut(slot).and_then(Option::as_mut) else { continue };
            if leg.id != id || leg.armed != Some(at) {
                continue;
            }
            leg.armed = None;
            if !leg.is_up() && now >= leg.born + connect_within {
                self.remove(slot, Why::NeverConnected, now);
                continue;
            }
            self.guarded(
                |_| Some(slot),
                now,
                |hub| {
                    let Some(leg) = hub.leg_mut(slot) else { return };
                    leg.dtls.timeout(now);
                    let events = leg.channel.timeout(now);
                    hub.channel_events(slot, events, now);
                    hub.settle(slot, now);
                },
            );
        }
        for _ in 0..MAX_FEEDBACKS {
            let Some((_, slot, id)) = self.feedback.pop_front_if(|entry| entry.0 <= now) else { break };
            if let Some(leg) = self.legs.get_mut(slot).and_then(Option::as_mut).filter(|leg| leg.id == id) {
                leg.is_to_report = false;
                leg.report_arrivals(&mut self.out);
            }
        }
        if self.second_at <= now {
            self.second(now);
        }
    }

    fn second(&mut self, now: Instant) {
        let took = now.saturating_duration_since(self.second_began);
        self.second_began = now;
        // What is read after the process or its machine stood still lay in the sockets meanwhile, media and reports alike: it does not
        // tell who is here now. So neither that second counts nor the next, in which all of it is read.
        let stood_still = took > STOOD_STILL;
        let stood_before = std::mem::replace(&mut self.stood_still, stood_still);
        let is_told = !stood_still && !stood_before;
        // A late wake does not make seconds shorter than they are.
        self.second_at = (self.second_at + SECOND).max(now + SECOND / 2);
        for slot in 0..self.legs.len() {
            let silent_after = self.config.silent_after;
            let Some(leg) = self.leg_mut(slot) else { continue };
            leg.check_consent(now);
            if leg.is_up() && !leg.silent && now.saturating_duration_since(leg.last_heard) >= silent_after {
                leg.silent = true;
                let (robot, id) = (leg.robot, leg.id);
                tracing::info!(robot.id = %robot, leg.id = %id, "media leg is silent");
                self.events.send(MediaEvent::Silent { leg: id });
            }
        }
        let dropped = self.out.take_dropped();
        if dropped > 0 {
            tracing::warn!(packets = dropped, "the socket did not take all packets");
        }
        let robots: Vec<(RobotId, [Option<usize>; 2])> = self.robots.iter().map(|(robot, seats)| (*robot, *seats)).collect();
        for (robot, seats) in robots {
            let [publisher, subscriber] = seats.map(|seat| self.close_second(seat?, took, now));
            if is_told {
                self.events.send(MediaEvent::Second(Box::new(Second { robot, publisher, subscriber })));
            }
        }
    }

    fn close_second(&mut self, slot: usize, took: Duration, now: Instant) -> Option<LegSecond> {
        let leg = self.leg_mut(slot)?;
        if leg.party == Party::Publisher {
            let counted = leg.incoming.count();
            leg.tally.counted(counted, now);
        }
        let live = leg.is_up() && !leg.silent;
        let is_unheard = live && leg.party == Party::Subscriber && leg.tally.is_unheard();
        let second = leg.tally.second(leg.id, live, took, now);
        let second = LegSecond { is_narrow: leg.downlink.is_narrow(), ..second };
        if is_unheard {
            leg.probe.begin(TransactionId::new().0, now);
            self.guarded(|_| Some(slot), now, |hub| hub.settle(slot, now));
        }
        self.leg(slot).map(|_| second)
    }

    // Within.

    fn connected(&mut self, slot: usize, now: Instant) {
        let Some(robot) = self.leg(slot).map(|leg| leg.robot) else { return };
        if self.next.get(&robot) == Some(&slot) {
            self.next.remove(&robot);
            if let Some(old) = self.seats(robot, Party::Publisher)[0] {
                self.remove(old, Why::Replaced, now);
            }
            self.seat(slot, now);
        }
        let Some(leg) = self.leg_mut(slot) else { return };
        let (robot, id, party, other) = (leg.robot, leg.id, leg.party, leg.other);
        leg.last_heard = now;
        let profile = leg.keys.as_ref().map(|keys| keys.profile);
        let took = now.saturating_duration_since(leg.born).as_millis();
        tracing::info!(robot.id = %robot, leg.id = %id, leg.party = ?party, leg.srtp = ?profile, took_ms = took, "media leg connected");
        self.events.send(MediaEvent::Connected { robot, leg: id, party });
        // A picture is wanted as soon as both ends are there.
        let publisher = if party == Party::Publisher { Some(slot) } else { other };
        if let (Some(publisher), Some(_)) = (publisher, other) {
            self.key_frame_from(publisher, now);
        }
    }

    fn key_frame_from(&mut self, slot: usize, now: Instant) {
        if let Some(leg) = self.leg_mut(slot) {
            leg.key_frames.want();
        }
        self.settle(slot, now);
    }

    fn channel_events(&mut self, slot: usize, events: Vec<ChannelEvent>, now: Instant) {
        for event in events {
            let Some((from, to)) = both(&mut self.legs, slot) else { return };
            let leg = from.id;
            match event {
                ChannelEvent::Opened => self.events.send(MediaEvent::ChannelOpen { leg }),
                ChannelEvent::Closed => self.events.send(MediaEvent::ChannelClosed { leg }),
                // A plain viewer has no say.
                ChannelEvent::Text(_) if from.talk == Talk::Refuse => {}
                ChannelEvent::Text(text) => {
                    let other = to.map(|to| {
                        to.channel.send(now, text.clone());
                        from.other
                    });
                    self.events.send(MediaEvent::Text { leg, text });
                    if let Some(Some(other)) = other {
                        self.settle(other, now);
                    }
                }
            }
        }
    }

    /// After anything that may have given a leg something to say or to wait for.
    fn settle(&mut self, slot: usize, now: Instant) {
        let Some(leg) = self.legs.get_mut(slot).and_then(Option::as_mut) else { return };
        leg.flush(now, &mut self.out);
        leg.ask_for_missing(now, &mut self.out);
        leg.ask_for_key_frame(now, &mut self.out);
        leg.ask_whether_there(now, self.identity.provider.crypto(), &mut self.out);
        self.arm(slot, now);
    }

    fn arm(&mut self, slot: usize, now: Instant) {
        let connect_within = self.config.connect_within;
        let Some(leg) = self.legs.get_mut(slot).and_then(Option::as_mut) else { return };
        let Some(deadline) = leg.deadline(connect_within) else { return };
        let deadline = deadline.max(now + Duration::from_millis(1));
        if leg.armed.is_none_or(|armed| deadline < armed) {
            leg.armed = Some(deadline);
            self.heap.push(Reverse((deadline, slot, leg.id)));
        }
    }

    fn heard(&mut self, slot: usize, now: Instant) {
        let Some(leg) = self.leg_mut(slot) else { return };
        let (robot, id, party, other) = (leg.robot, leg.id, leg.party, leg.other);
        let (is_back, was_out) = (leg.heard(now), leg.take_outage());
        if is_back {
            tracing::info!(robot.id = %robot, leg.id = %id, "media leg is back");
            self.events.send(MediaEvent::Back { leg: id });
        }
        if let Some(other) = other.filter(|_| was_out) {
            self.key_frame_from(if party == Party::Publisher { slot } else { other }, now);
        }
    }

    /// Gives a leg its party's place with its robot.
    fn seat(&mut self, slot: usize, now: Instant) {
        let Some((robot, party)) = self.leg(slot).map(|leg| (leg.robot, leg.party)) else { return };
        self.robots.entry(robot).or_default()[party as usize] = Some(slot);
        if let Some(other) = self.seats(robot, party)[1] {
            self.pair(slot, other, now);
        }
    }

    fn pair(&mut self, new: usize, old: usize, now: Instant) {
        let Ok([Some(a), Some(b)]) = self.legs.get_disjoint_mut([new, old]) else { return };
        (a.other, b.other) = (Some(old), Some(new));
        a.send_to(b);
        b.send_to(a);
        let (publisher, subscriber) = if a.party == Party::Publisher { (&*a, &*b) } else { (&*b, &*a) };
        let sends_video = publisher.offer.video().is_some_and(|track| track.sends);
        let wants_video = subscriber.offer.video().is_some();
        if sends_video && wants_video && subscriber.send_types[1].is_none() {
            let id = subscriber.id;
            self.close(id, Why::CodecChanged, now);
        }
    }

    fn remove(&mut self, slot: usize, why: Why, now: Instant) {
        let Some(mut leg) = self.legs.get_mut(slot).and_then(Option::take) else { return };
        if why != Why::Broken {
            // A leg that cannot even say goodbye is gone all the same.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                leg.dtls.close(now);
                leg.flush(now, &mut self.out);
            }));
        }
        self.by_id.remove(&leg.id);
        for (local, _) in &leg.ice {
            self.by_ufrag.remove(&local.ufrag);
        }
        for address in &leg.addresses {
            if self.by_address.get(address) == Some(&slot) {
                self.by_address.remove(address);
            }
        }
        if let Some(other) = leg.other.and_then(|other| self.leg_mut(other)) {
            other.other = None;
        }
        if let Some(seats) = self.robots.get_mut(&leg.robot) {
            if seats[leg.party as usize] == Some(slot) {
                seats[leg.party as usize] = None;
            }
            if *seats == [None, None] {
                self.robots.remove(&leg.robot);
            }
        }
        tracing::info!(robot.id = %leg.robot, leg.id = %leg.id, leg.party = ?leg.party, leg.why = ?why, "media leg closed");
        self.events.send(MediaEvent::Closed { leg: leg.id, why });
        if self.next.get(&leg.robot) == Some(&slot) {
            self.next.remove(&leg.robot);
        } else if leg.party == Party::Publisher
            && let Some(next) = self.next.remove(&leg.robot)
        {
            // There is nothing left to wait for.
            self.seat(next, now);
        }
    }

    /// The robot's leg of this party, and the one of the other party.
    fn seats(&self, robot: RobotId, party: Party) -> [Option<usize>; 2] {
        let seats = self.robots.get(&robot).copied().unwrap_or_default();
        [seats[party as usize], seats[1 - party as usize]]
    }

    fn leg(&self, slot: usize) -> Option<&Leg> {
        self.legs.get(slot)?.as_deref()
    }

    fn leg_mut(&mut self, slot: usize) -> Option<&mut Leg> {
        self.legs.get_mut(slot)?.as_deref_mut()
    }

    fn local<'a>(&'a self, ice: &'a Credentials, ssrcs: [u32; SLOTS], talk: Talk) -> Local<'a> {
        Local {
            ice,
            fingerprint: self.identity.fingerprint,
            udp: &self.reach.udp,
            tcp: &self.reach.tcp,
            audio_ssrc: ssrcs[0],
            video_ssrc: ssrcs[1],
            rtx_ssrc: ssrcs[2],
            listens: talk == Talk::Forward,
        }
    }

    fn credentials(&self) -> Result<Credentials, CryptoError> {
        let mut bytes = [0; 32];
        self.identity.provider.random().fill(&mut bytes)?;
        // The door finds the thread by it, see `thread_of`; the rest is chance.
        bytes[0] = u8::try_from(self.thread & 63).unwrap_or(0);
        let text: String = bytes.iter().map(|byte| char::from(ICE_CHARACTERS[usize::from(byte & 63)])).collect();
        let (ufrag, pwd) = text.split_at(8);
        Ok(Credentials { ufrag: ufrag.into(), pwd: pwd.into() })
    }

    /// Four different numbers that are not 0.
    fn ssrcs(&self) -> Result<[u32; 4], CryptoError> {
        loop {
            let mut bytes = [0; 16];
            self.identity.provider.random().fill(&mut bytes)?;
            let mut ssrcs = [0; 4];
            for (ssrc, chunk) in ssrcs.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *ssrc = u32::from_be_bytes(*chunk);
            }
            let mut sorted = ssrcs;
            sorted.sort_unstable();
            if sorted[0] != 0 && sorted.windows(2).all(|pair| pair[0] != pair[1]) {
                return Ok(ssrcs);
            }
        }
    }
}

/// How long this thread was on a processor, and how long it waited for one, where the system tells it (Linux).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    ran: Duration,
    waited: Duration,
}

impl Used {
    fn now() -> Self {
        Self::of(&std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default())
    }

    /// Source: Linux, Documentation/scheduler/sched-stats, `/proc/<pid>/schedstat`: nanoseconds of both, then a count.
    fn of(schedstat: &str) -> Self {
        let mut words = schedstat.split_whitespace().map(|word| word.parse().map(Duration::from_nanos).unwrap_or_default());
        Self { ran: words.next().unwrap_or_default(), waited: words.next().unwrap_or_default() }
    }

    /// A thread that others keep from its work has not less of it: what it waited counts too, up to as much as it ran. One that has
    /// little to do is not full because the machine is.
    fn busy_since(self, before: Self) -> Duration {
        let (ran, waited) = (self.ran.saturating_sub(before.ran), self.waited.saturating_sub(before.waited));
        ran + waited.min(ran)
    }
}

/// Which thread made this user name fragment.
pub(super) fn thread_of(ufrag: &str) -> Option<usize> {
    let first = ufrag.bytes().next()?;
    ICE_CHARACTERS.iter().position(|character| *character == first)
}

/// A leg and the one it is paired with.
fn both(legs: &mut [Option<Box<Leg>>], slot: usize) -> Option<(&mut Leg, Option<&mut Leg>)> {
    let other = legs.get(slot)?.as_ref()?.other;
    match other {
        None => Some((legs.get_mut(slot)?.as_deref_mut()?, None)),
        Some(other) => {
            let [from, to] = legs.get_disjoint_mut([slot, other]).ok()?;
            Some((from.as_deref_mut()?, to.as_deref_mut()))
        }
    }
}

fn no_chance(source: CryptoError) -> MediaError {
    MediaError::Start { attempted: "draw random numbers", source: source.to_string().into() }
}

#[cfg(test)]
mod tests;
