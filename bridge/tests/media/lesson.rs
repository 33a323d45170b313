//! A lesson over two bad networks as both ends have it: a robot with a camera that answers requests, a viewer that asks as a browser
//! does and plays a little later, what it saw and heard; and the pupil's voice, which goes the other way and is asked for alike.
//!
//! What is a freeze is the definition of webrtc-stats (`freezeCount`): the time between two pictures is three times the usual or 150 ms
//! more than it, whichever is longer. The viewer plays [`Plan::held_back`] later than it could at best, as a jitter buffer does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use bridge::media::{Engine, MediaConfig, MediaEvent, Talk};
use protocol::RobotId;
use tokio::sync::mpsc;

use super::network::{Conditions, Network};
use super::peer::{AUDIO_SSRC, OPUS, Peer, Profile, RTX, VIDEO_SSRC, VP8, now};

const PICTURE_EVERY: Duration = Duration::from_nanos(33_333_333);
const SOUND_EVERY: Duration = Duration::from_millis(20);
const RTX_SSRC: u32 = 0x0C0C_0C0C;
/// What the camera sends at most.
const USUAL_BITS: u64 = 1_200_000;
const PART: usize = 1100;
/// A packet that was overtaken comes within this; a later one is asked for.
const REORDERED_WITHIN: Duration = Duration::from_millis(10);
/// When no picture could be shown for so long, a key picture is asked for.
const GIVE_UP: Duration = Duration::from_millis(700);
const FEEDBACK_EVERY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(20);

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Between robot and bridge.
    pub robot: Conditions,
    /// Between bridge and tablet.
    pub tablet: Conditions,
    /// How long before the tablet's network breaks off for a second.
    pub span: Duration,
    pub seed: u64,
}

impl Plan {
    /// What the viewer leaves room for: a repair on each leg, and half as much again.
    pub fn held_back(&self) -> Duration {
        (self.robot.delay + self.tablet.delay) * 3 + (self.robot.jitter + self.tablet.jitter) + Duration::from_millis(60)
    }
}

/// What the viewer saw and heard.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Never whole, before the break.
    pub pictures_lost: usize,
    pub freezes: usize,
    pub frozen: Duration,
    pub longest_freeze: Duration,
    /// The classroom's sound, at the tablet.
    pub sound: Heard,
    /// The pupil's voice, at the robot.
    pub voice: Heard,
    /// From the return of the network to the next picture.
    pub recovery: Option<Duration>,
    /// Packets that came by RTX, as a share of all.
    pub repairs: f64,
    /// What the camera sent in the second half before the break.
    pub bits_per_second: u64,
}

/// What was heard of one direction before the break.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    /// What was not there when it should have been played, and the longest run of it.
    pub silent: Duration,
    pub longest_gap: Duration,
    /// The longest run of what never came.
    pub longest_hole: Duration,
}

/// Plays the lesson. It takes about four seconds longer than [`Plan::span`].
pub fn play(plan: &Plan) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (events, mut heard) = mpsc::channel(4096);
    let config = MediaConfig { bind: [127, 0, 0, 1].into(), port: 0, ..MediaConfig::default() };
    let engine = Engine::start(config, events).unwrap();
    let bridge = engine.local_addresses()[0];
    let networks = [Network::new(bridge, plan.seed), Network::new(bridge, plan.seed + 1)];
    let robot_id = RobotId::new();

    let mut robot = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    robot.via = Some(networks[0].front());
    let answer = runtime.block_on(engine.publish(robot_id, robot.offer("sendrecv", "sendonly"))).unwrap();
    robot.accept(&answer.sdp);
    let mut tablet = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    tablet.via = Some(networks[1].front());
    let answer = runtime.block_on(engine.subscribe(robot_id, tablet.offer("sendrecv", "recvonly"), Talk::Forward)).unwrap();
    tablet.accept(&answer.sdp);
    let start = now();
    let mut connected = 0;
    while connected < 2 || !robot.is_up() || !tablet.is_up() {
        robot.pump();
        tablet.pump();
        while let Ok(event) = heard.try_recv() {
            connected += usize::from(matches!(event, MediaEvent::Connected { .. }));
        }
        assert!(now() - start < PATIENCE, "the two connect");
    }

    let (mut camera, mut viewer) = (Camera::new(), Viewer::new(&plan.tablet));
    let (mut microphone, mut listener) = (Camera::new(), Viewer::new(&plan.robot));
    // What comes first comes for certain: without it no end knows where the streams begin.
    while viewer.came.len() < 2 || listener.came.is_empty() {
        camera.picture(&mut robot);
        camera.sound(&mut robot);
        microphone.sound(&mut tablet);
        robot.pump();
        tablet.pump();
        viewer.take(&mut tablet);
        listener.take(&mut robot);
        assert!(now() - start < PATIENCE, "picture, sound and voice arrive");
    }
    networks[0].set(plan.robot);
    networks[1].set(plan.tablet);
    let (began, first_picture, first_sound, first_voice) = (now(), camera.pictures, camera.sounds, microphone.sounds);
    let breaks = plan.span;
    let (returns, ends) = (breaks + Duration::from_secs(1), breaks + Duration::from_secs(4));
    let (mut is_broken, mut is_back) = (false, false);
    let mut half = None;
    loop {
        let passed = now() - began;
        if passed >= breaks && !is_broken {
            is_broken = true;
            networks[1].set(Conditions { loss: 1.0, ..plan.tablet });
        }
        if passed >= returns && !is_back {
            is_back = true;
            networks[1].set(plan.tablet);
        }
        if passed >= breaks / 2 && half.is_none() {
            half = Some((camera.bytes, passed));
        }
        if let (Some((bytes, at)), false) = (half, is_broken) {
            viewer.rate = (camera.bytes - bytes) as f64 * 8.0 / (passed - at).as_secs_f64().max(0.1);
        }
        if passed >= ends {
            break;
        }
        while passed > PICTURE_EVERY * (camera.pictures - first_picture) {
            camera.picture(&mut robot);
        }
        while passed > SOUND_EVERY * (camera.sounds - first_sound) {
            camera.sound(&mut robot);
        }
        while passed > SOUND_EVERY * (microphone.sounds - first_voice) {
            microphone.sound(&mut tablet);
        }
        robot.pump();
        camera.answer(&mut robot);
        listener.take(&mut robot);
        listener.ask(&mut robot);
        tablet.pump();
        microphone.answer(&mut tablet);
        viewer.take(&mut tablet);
        viewer.ask(&mut tablet);
        while heard.try_recv().is_ok() {}
    }
    runtime.block_on(engine.stop());
    let voice = listener.heard(plan, began, first_voice, breaks);
    Seen { voice, ..viewer.sum_up(plan, began, (first_picture, first_sound), [breaks, returns]) }
}

/// The robot's camera and microphone; of a tablet only the latter.
struct Camera {
    pictures: u32,
    sounds: u32,
    number: u16,
    repairs: u16,
    /// Payload and ciphertext of what was sent, by payload type and number.
    sent: HashMap<(u8, u16), (Vec<u8>, Vec<u8>)>,
    read: usize,
    wants_key: bool,
    bits: u64,
    bytes: usize,
}

impl Camera {
    fn new() -> Self {
        let sent = HashMap::new();
        Self { pictures: 0, sounds: 0, number: 0, repairs: 0, sent, read: 0, wants_key: true, bits: USUAL_BITS, bytes: 0 }
    }

    /// A picture: in each packet whether it is a key picture, which picture, which part, of how many.
    fn picture(&mut self, peer: &mut Peer) {
        let is_key = std::mem::take(&mut self.wants_key);
        let whole = usize::try_from(self.bits / 30 / 8).unwrap() * if is_key { 3 } else { 1 };
        let parts = whole.div_ceil(PART).max(1);
        for part in 0..parts {
            let mut payload = vec![u8::from(is_key)];
            payload.extend(self.pictures.to_be_bytes());
            payload.extend([part.to_le_bytes()[0], parts.to_le_bytes()[0]]);
            payload.resize((whole / parts).max(8), 7);
            self.send(peer, VP8, VIDEO_SSRC, self.number, payload);
            self.number = self.number.wrapping_add(1);
        }
        self.pictures += 1;
    }

    fn sound(&mut self, peer: &mut Peer) {
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
        let number = self.sounds as u16;
        let mut payload = self.sounds.to_be_bytes().to_vec();
        payload.resize(80, 7);
        self.send(peer, OPUS, AUDIO_SSRC, number, payload);
        self.sounds += 1;
    }

    fn send(&mut self, peer: &mut Peer, payload_type: u8, ssrc: u32, number: u16, payload: Vec<u8>) {
        self.bytes += payload.len();
        let sealed = peer.seal(payload_type, ssrc, number, &payload);
        peer.send_raw(&sealed);
        self.sent.insert((payload_type, number), (payload, sealed));
    }

    /// Does what the bridge asks for: packets again, a key picture, less.
    fn answer(&mut self, peer: &mut Peer) {
        let reports: Vec<Vec<u8>> = peer.reports[self.read..].to_vec();
        self.read = peer.reports.len();
        for report in reports {
            match (report[0], report[1]) {
                (0x81, 205) => self.resend(peer, &report),
                (0x81, 206) => self.wants_key = true,
                (0x8F, 206) if &report[12..16] == b"REMB" => {
                    let word = u32::from_be_bytes(report[16..20].try_into().unwrap());
                    let limit = u64::from(word & 0x3_FFFF) << (word >> 18 & 63);
                    // Sound is not taken from.
                    self.bits = limit.saturating_sub(40_000).clamp(60_000, USUAL_BITS);
                }
                _ => {}
            }
        }
    }

    fn resend(&mut self, peer: &mut Peer, report: &[u8]) {
        let payload_type = if report[8..12] == VIDEO_SSRC.to_be_bytes() { VP8 } else { OPUS };
        for entry in report[12..].chunks_exact(4) {
            let (first, others) = (u16::from_be_bytes([entry[0], entry[1]]), u16::from_be_bytes([entry[2], entry[3]]));
            let more = (0..16).filter(|bit| others >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1));
            for number in std::iter::once(first).chain(more) {
                let Some((payload, sealed)) = self.sent.get(&(payload_type, number)).cloned() else { continue };
                if payload_type == VP8 {
                    let mut repair = number.to_be_bytes().to_vec();
                    repair.extend(payload);
                    self.repairs = self.repairs.wrapping_add(1);
                    peer.send_packet(RTX, RTX_SSRC, self.repairs, &repair);
                } else {
                    peer.send_raw(&sealed);
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Part {
    at: Instant,
    is_key: bool,
    picture: u32,
    part: u8,
    parts: u8,
}

/// The tablet's player; of a robot only its loudspeaker.
struct Viewer {
    /// What came of each stream, by unwrapped number.
    came: HashMap<u8, BTreeMap<u64, Instant>>,
    parts: Vec<Part>,
    sounds: HashMap<u32, Instant>,
    missing_since: HashMap<(u8, u64), (Instant, Option<Instant>, u8)>,
    round_trip: Duration,
    /// When a picture could be shown last, and which comes next.
    shown_at: Instant,
    next: Option<u32>,
    asked_key_at: Option<Instant>,
    highest_picture: u32,
    known: HashMap<u32, HashSet<u8>>,
    whole: HashSet<u32>,
    repairs: usize,
    taken: usize,
    arrived: Vec<(u16, Instant)>,
    fed_back: Option<(u16, Instant)>,
    feedbacks: u8,
    origin: Instant,
    rate: f64,
}

impl Viewer {
    /// `network`: what it is reached by.
    fn new(network: &Conditions) -> Self {
        let now = now();
        Self {
            came: HashMap::new(),
            parts: Vec::new(),
            sounds: HashMap::new(),
            missing_since: HashMap::new(),
            round_trip: network.delay * 2 + Duration::from_millis(20),
            shown_at: now,
            next: None,
            asked_key_at: None,
            highest_picture: 0,
            known: HashMap::new(),
            whole: HashSet::new(),
            repairs: 0,
            taken: 0,
            arrived: Vec::new(),
            fed_back: None,
            feedbacks: 0,
            origin: now,
            rate: 0.0,
        }
    }

    fn take(&mut self, peer: &mut Peer) {
        let at = now();
        for packet in peer.packets.drain(..) {
            self.taken += 1;
            let has_extensions = packet[0] & 16 != 0;
            if has_extensions && packet[12..14] == [0xBE, 0xDE] && packet[16] == 0x31 {
                self.arrived.push((u16::from_be_bytes([packet[17], packet[18]]), at));
            }
            let body = &packet[12 + if has_extensions { 4 + 4 * usize::from(packet[15]) } else { 0 }..];
            let (payload_type, number, body) = match packet[1] & 127 {
                RTX => {
                    self.repairs += 1;
                    (VP8, u16::from_be_bytes([body[0], body[1]]), &body[2..])
                }
                other => (other, u16::from_be_bytes([packet[2], packet[3]]), body),
            };
            let stream = self.came.entry(payload_type).or_default();
            let highest = stream.keys().next_back().copied().unwrap_or(65_536 + u64::from(number));
            #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "the distance of two numbers")]
            let distance = i64::from(number.wrapping_sub(highest as u16) as i16);
            let number = highest.saturating_add_signed(distance);
            if stream.insert(number, at).is_some() {
                continue;
            }
            for lost in highest + 1..number {
                self.missing_since.insert((payload_type, lost), (at, None, 0));
            }
            self.missing_since.remove(&(payload_type, number));
            let word = |from: usize| u32::from_be_bytes(body[from..from + 4].try_into().unwrap());
            if payload_type == OPUS {
                self.sounds.insert(word(0), at);
                continue;
            }
            let part = Part { at, is_key: body[0] == 1, picture: word(1), part: body[5], parts: body[6] };
            self.parts.push(part);
            let known = self.known.entry(part.picture).or_default();
            known.insert(part.part);
            let is_whole = known.len() == usize::from(part.parts);
            if is_whole {
                self.whole.insert(part.picture);
                // A key picture needs none before it, the others each one.
                if part.is_key && self.next.is_none_or(|next| part.picture > next) {
                    self.next = Some(part.picture);
                }
                while let Some(next) = self.next.filter(|next| self.whole.contains(next)) {
                    (self.next, self.shown_at) = (Some(next + 1), at);
                }
            }
            self.highest_picture = self.highest_picture.max(part.picture);
        }
    }

    /// Asks for what is missing, for a key picture where that does not help, and says what arrived when.
    fn ask(&mut self, peer: &mut Peer) {
        let at = now();
        let mut wanted: HashMap<u8, Vec<u16>> = HashMap::new();
        let again = self.round_trip;
        self.missing_since.retain(|_, (since, _, times)| at - *since < Duration::from_millis(1500) && *times < 10);
        for ((payload_type, number), (since, asked, times)) in &mut self.missing_since {
            let is_due = at - *since >= REORDERED_WITHIN && asked.is_none_or(|asked| at - asked >= again);
            if is_due {
                (*asked, *times) = (Some(at), *times + 1);
                #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
                wanted.entry(*payload_type).or_default().push(*number as u16);
            }
        }
        for (payload_type, numbers) in wanted {
            let media = peer.answered[usize::from(payload_type == VP8)];
            for numbers in numbers.chunks(64) {
                let mut request = vec![0x81, 205, 0, 0, 0, 0, 0, 9];
                request.extend(media.to_be_bytes());
                numbers.iter().for_each(|number| request.extend([number.to_be_bytes()[0], number.to_be_bytes()[1], 0, 0]));
                request[3] = (request.len() / 4 - 1).to_le_bytes()[0];
                peer.send_report(&request);
            }
        }
        let is_shown = self.came.contains_key(&VP8);
        if is_shown
            && at - self.shown_at > GIVE_UP
            && self.asked_key_at.is_none_or(|asked| at - asked > Duration::from_millis(500))
        {
            self.asked_key_at = Some(at);
            let mut request = vec![0x81, 206, 0, 2, 0, 0, 0, 9];
            request.extend(peer.answered[1].to_be_bytes());
            peer.send_report(&request);
        }
        self.feed_back(peer, at);
    }

    /// Transport-wide feedback: each number's arrival in steps of 250 µs.
    fn feed_back(&mut self, peer: &mut Peer, at: Instant) {
        let is_due = self.fed_back.is_none_or(|(_, last)| at - last >= FEEDBACK_EVERY);
        if self.arrived.is_empty() || !is_due {
            return;
        }
        let mut arrived = std::mem::take(&mut self.arrived);
        let base = self.fed_back.map_or(arrived[0].0, |(last, _)| last.wrapping_add(1));
        arrived.retain(|(number, _)| number.wrapping_sub(base) < 600);
        arrived.sort_by_key(|(number, _)| number.wrapping_sub(base));
        let Some(last) = arrived.last().map(|(number, _)| *number) else { return };
        self.fed_back = Some((last, at));
        let first_at = arrived.iter().map(|(_, at)| *at).min().unwrap_or(at);
        let reference = (first_at - self.origin).as_millis() / 64;
        let mut previous = i128::try_from(reference * 64_000).unwrap();
        let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
        let mut arrivals = arrived.iter().peekable();
        for step in 0..=last.wrapping_sub(base) {
            let Some((_, at)) = arrivals.next_if(|(number, _)| number.wrapping_sub(base) == step) else {
                symbols.push(0_u16);
                continue;
            };
            while arrivals.next_if(|(number, _)| number.wrapping_sub(base) == step).is_some() {}
            let steps = (i128::try_from((*at - self.origin).as_micros()).unwrap() - previous) / 250;
            symbols.push(2);
            deltas.extend(i16::try_from(steps).unwrap_or(i16::MAX).to_be_bytes());
            previous += steps * 250;
        }
        let mut report = vec![0x8F, 205, 0, 0, 0, 0, 0, 9];
        report.extend(peer.answered[1].to_be_bytes());
        report.extend(base.to_be_bytes());
        report.extend((last.wrapping_sub(base) + 1).to_be_bytes());
        report.extend(&u32::try_from(reference).unwrap().to_be_bytes()[1..]);
        report.push(self.feedbacks);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        for chunk in symbols.chunks(7) {
            let vector = chunk.iter().zip(0_u16..).fold(0xC000, |word, (symbol, place)| word | symbol << (12 - 2 * place));
            report.extend(vector.to_be_bytes());
        }
        report.extend(deltas);
        report.resize(report.len().next_multiple_of(4), 0);
        let words = u16::try_from(report.len() / 4 - 1).unwrap();
        report[2..4].copy_from_slice(&words.to_be_bytes());
        peer.send_report(&report);
    }

    /// What was heard from the first sound on until the break, played `held_back` after the quickest packet's pace: what has not come when it
    /// is to be played is a gap, what never comes a hole.
    fn heard(&self, plan: &Plan, began: Instant, first: u32, breaks: Duration) -> Heard {
        let sounds = u32::try_from(breaks.as_nanos() / SOUND_EVERY.as_nanos()).unwrap();
        let ideal = |number: u32| began + SOUND_EVERY * (number - first);
        let quickest = self.sounds.iter().filter(|(number, _)| **number >= first);
        let latency = quickest.map(|(number, at)| at.saturating_duration_since(ideal(*number))).min().unwrap_or_default();
        let (mut heard, mut gap, mut hole) = (Heard::default(), Duration::ZERO, Duration::ZERO);
        for number in first..first + sounds.saturating_sub(15) {
            let at = self.sounds.get(&number);
            let is_late = at.is_none_or(|at| *at > ideal(number) + latency + plan.held_back());
            gap = if is_late { gap + SOUND_EVERY } else { Duration::ZERO };
            hole = if at.is_none() { hole + SOUND_EVERY } else { Duration::ZERO };
            heard.silent += if is_late { SOUND_EVERY } else { Duration::ZERO };
            heard.longest_gap = heard.longest_gap.max(gap);
            heard.longest_hole = heard.longest_hole.max(hole);
        }
        heard
    }

    /// Plays back what came, `held_back` after the quickest packet's pace.
    fn sum_up(&self, plan: &Plan, began: Instant, firsts: (u32, u32), [breaks, returns]: [Duration; 2]) -> Seen {
        let pictures = u32::try_from(breaks.as_nanos() / PICTURE_EVERY.as_nanos()).unwrap();
        let held_back = plan.held_back();
        let mut seen = Seen { sound: self.heard(plan, began, firsts.1, breaks), ..Seen::default() };

        // Pictures: each when it is whole, after the one before it or as a key picture.
        let mut whole: BTreeMap<u32, (bool, HashMap<u8, Instant>, u8)> = BTreeMap::new();
        for part in self.parts.iter().filter(|part| part.picture >= firsts.0) {
            let entry = whole.entry(part.picture).or_insert((part.is_key, HashMap::new(), part.parts));
            entry.1.insert(part.part, part.at);
        }
        let ideal = |number: u32| began + PICTURE_EVERY * (number - firsts.0);
        let done = |number: u32| {
            let (is_key, parts, wanted) = whole.get(&number)?;
            (parts.len() == usize::from(*wanted)).then(|| (*is_key, parts.values().max().copied().unwrap_or(began)))
        };
        let latency = whole.keys().filter_map(|number| Some(done(*number)?.1.saturating_duration_since(ideal(*number)))).min();
        let latency = latency.unwrap_or_default();
        let mut shown: Vec<(u32, Instant)> = Vec::new();
        let mut last: Option<u32> = None;
        for number in firsts.0..=self.highest_picture {
            let Some((is_key, at)) = done(number) else { continue };
            let follows = last.is_none_or(|last| last + 1 == number);
            if follows || is_key {
                let at = at.max(ideal(number) + latency + held_back);
                shown.push((number, shown.last().map_or(at, |(_, before)| at.max(*before))));
                last = Some(number);
            }
        }
        let before = |number: u32| number < firsts.0 + pictures.saturating_sub(10);
        seen.pictures_lost =
            (firsts.0..firsts.0 + pictures.saturating_sub(10)).filter(|number| done(*number).is_none()).count();
        let usual = PICTURE_EVERY;
        let bound = (usual * 3).max(usual + Duration::from_millis(150));
        for pair in shown.windows(2).filter(|pair| before(pair[1].0)) {
            let span = pair[1].1 - pair[0].1;
            if span > bound {
                seen.freezes += 1;
                seen.frozen += span;
                seen.longest_freeze = seen.longest_freeze.max(span);
            }
        }
        // What the break kept back is shown once it is whole; the first picture taken after it counts.
        let back = began + returns;
        let first = shown.iter().find(|(number, at)| ideal(*number) >= began + breaks && *at > back).map(|(_, at)| *at);
        seen.recovery = first.map(|at| at - back);
        seen.repairs = self.repairs as f64 / self.taken.max(1) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a report")]
        let rate = self.rate as u64;
        seen.bits_per_second = rate;
        seen
    }
}
