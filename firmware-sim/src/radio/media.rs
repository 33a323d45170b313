//! Camera, microphone and speaker of one connection. They work while the body wants them to, and not a packet longer.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use rtc::shared::marshal::Unmarshal;
use rtc_rtp::packet::Packet;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior};
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::rtp::{AUDIO_HZ, Closed, RtpStream};
use super::{Heard, Outlook, Parts};
use crate::classroom::{Classroom, Scene};
use crate::clip::{AudioClip, VideoClip};
use crate::config::{Config, Source, VideoCodec};
use crate::picture::ladder::{Frame, Ladder, Rung, STILL_EVERY};
use crate::picture::{Encoder, EncoderConfig, next_rate};
use crate::robot::Narrow;
use crate::sound::{FRAME, Hearing, Voice};

/// However often key frames are asked for, this is the least time between two.
const KEY_FRAME_EVERY: Duration = Duration::from_millis(500);
/// A change of rate makes a new encoder and a key frame, so it comes at most this often.
const RATE_CHANGE_EVERY: Duration = Duration::from_secs(1);
/// How often the camera looks up while no picture is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Without a packet for this long, the pupil is silent.
const SILENT_AFTER: Duration = Duration::from_millis(700);
/// The largest datagram taken from a local encoder.
const MAX_DATAGRAM: usize = 2_048;

/// Where pictures and sound come from.
#[derive(Clone)]
pub(crate) struct Sources {
    video: VideoSource,
    audio: AudioSource,
}

#[derive(Clone)]
enum VideoSource {
    Drawn,
    Clip(VideoClip),
    Rtp(Arc<UdpSocket>, VideoCodec),
}

#[derive(Clone)]
enum AudioSource {
    Drawn,
    Clip(AudioClip),
    Rtp(Arc<UdpSocket>),
}

impl Sources {
    /// Opens what the configuration names, so that a mistake shows at start.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let video = match (&config.video.source, &config.video.file) {
            (Source::File, Some(path)) => VideoSource::Clip(VideoClip::open(path, config.video.fps)?),
            (Source::Rtp, _) => VideoSource::Rtp(listen(config.video.rtp_port)?, config.video.rtp_codec),
            _ => VideoSource::Drawn,
        };
        let audio = match (&config.audio.source, &config.audio.file) {
            (Source::File, Some(path)) => AudioSource::Clip(AudioClip::open(path)?),
            (Source::Rtp, _) => AudioSource::Rtp(listen(config.audio.rtp_port)?),
            _ => AudioSource::Drawn,
        };
        Ok(Self { video, audio })
    }

    /// How pictures are compressed.
    pub fn codec(&self) -> VideoCodec {
        match &self.video {
            VideoSource::Drawn => VideoCodec::H264,
            VideoSource::Clip(clip) => clip.codec,
            VideoSource::Rtp(_, codec) => *codec,
        }
    }
}

fn listen(port: u16) -> anyhow::Result<Arc<UdpSocket>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("cannot receive RTP on 127.0.0.1:{port}: another program has that port, choose another"))?;
    socket.set_nonblocking(true)?;
    Ok(Arc::new(socket))
}

/// Waits until the body wants what `wanted` picks. `Err` when the body is gone.
async fn until(outlook: &mut watch::Receiver<Outlook>, wanted: fn(&Outlook) -> bool) -> Result<(), Closed> {
    outlook.wait_for(wanted).await.map(drop).map_err(|_| Closed)
}

/// What is wanted of the camera of one connection.
pub(super) struct Wishes {
    key: Notify,
    /// What the bridge asks the picture to be held to.
    asked_bps: AtomicU32,
    /// What the robot's own network takes.
    network_bps: AtomicU32,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { key: Notify::new(), asked_bps: AtomicU32::new(u32::MAX), network_bps: AtomicU32::new(u32::MAX) }
    }
}

impl Wishes {
    /// The bridge says what the pupil's network takes.
    pub(super) fn bridge_asks(&self, limit_bps: u32) {
        self.asked_bps.store(limit_bps, Ordering::Relaxed);
    }

    /// So much the robot's own network takes; `u32::MAX`: as much as is sent.
    pub(super) fn network_takes(&self, limit_bps: u32) {
        self.network_bps.store(limit_bps, Ordering::Relaxed);
    }

    /// Which of the two decides.
    fn narrower(&self) -> Narrow {
        let is_own = self.network_bps.load(Ordering::Relaxed) < self.asked_bps.load(Ordering::Relaxed);
        if is_own { Narrow::Own } else { Narrow::Pupil }
    }

    /// What may be sent: the narrower of the two networks decides.
    pub(super) fn limit_bps(&self) -> u32 {
        self.asked_bps.load(Ordering::Relaxed).min(self.network_bps.load(Ordering::Relaxed))
    }
}

/// The camera: sends pictures while the body wants it on.
pub(super) async fn camera(parts: Arc<Parts>, mut stream: RtpStream, wishes: Arc<Wishes>, born: Instant) -> Result<(), Closed> {
    let mut outlook = parts.outlook.clone();
    let mut eye = match parts.sources.video.clone() {
        VideoSource::Rtp(socket, _) => {
            return relay(&parts, stream, &socket, born, |outlook| outlook.wants.camera, |parts| &parts.counters.pictures)
                .await;
        }
        VideoSource::Drawn => Eye::drawn(&parts),
        VideoSource::Clip(clip) => Eye::Clip(clip),
    };
    let mut key_at: Option<Instant> = None;
    let mut visit = None;
    loop {
        until(&mut outlook, |outlook| outlook.wants.camera).await?;
        // The first picture after waking stands alone.
        let mut wanted = true;
        let mut next = Instant::now();
        let mut told = None;
        while outlook.borrow().wants.camera {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = wishes.key.notified() => { wanted = true; continue; }
            }
            let now = Instant::now();
            // What the network of somebody before took is not for whoever comes now. Looked at here: they may have come before it was
            // seen that the one before had gone.
            let woken_for = outlook.borrow().visit;
            if std::mem::replace(&mut visit, woken_for) != woken_for {
                wishes.bridge_asks(u32::MAX);
                eye.forget_pupil();
                (told, wanted) = (None, true);
            }
            wanted |= eye.follow(&parts, &wishes, now.duration_since(born));
            let narrow = eye.held_by();
            if told.replace(narrow) != Some(narrow) {
                parts.tell(Heard::Narrow(narrow));
            }
            let stands_alone = wanted && (key_at.is_none_or(|at| now.duration_since(at) >= KEY_FRAME_EVERY));
            if stands_alone {
                wanted = false;
                key_at = Some(now);
            }
            let look = *outlook.borrow();
            let age = now.duration_since(born);
            let (data, duration) = eye.look(&parts, look, age, stands_alone);
            if !data.is_empty() {
                stream.send(&data, age).await?;
                parts.counters.pictures.fetch_add(1, Ordering::Relaxed);
            }
            // Late by more than a picture: do not hurry after it.
            next = (next + duration).max(now);
        }
        parts.counters.are_stills.store(false, Ordering::Relaxed);
        parts.tell(Heard::Narrow(None));
    }
}

enum Eye {
    Drawn(Box<Drawing>),
    Clip(VideoClip),
    /// The encoder could not be made: off.
    Shut,
}

struct Drawing {
    classroom: Classroom,
    encoder: Encoder,
    config: EncoderConfig,
    ladder: Ladder,
    /// The network it went down for last.
    held_by: Narrow,
    /// By the age of the connection.
    changed_at: Option<Duration>,
    still_at: Option<Duration>,
    picture: Vec<u8>,
    frame: u32,
}

impl Eye {
    fn drawn(parts: &Parts) -> Self {
        let video = &parts.config.video;
        let full = Frame { width: video.width, height: video.height, fps: video.fps, most_bps: video.bitrate_bps };
        let config = config_of(full, video.bitrate_bps);
        match Encoder::new(config) {
            Ok(encoder) => Self::Drawn(Box::new(Drawing {
                classroom: Classroom::new(config.width, config.height),
                encoder,
                config,
                ladder: Ladder::new(full),
                held_by: Narrow::Pupil,
                changed_at: None,
                still_at: None,
                picture: Vec::new(),
                frame: 0,
            })),
            Err(error) => {
                tracing::error!(robot.id = %parts.config.robot_id, %error, "the camera stays off");
                Self::Shut
            }
        }
    }

    /// Makes of the picture what the network takes. Returns whether the next one has to stand alone for it. A clip is as it is.
    fn follow(&mut self, parts: &Parts, wishes: &Wishes, age: Duration) -> bool {
        let Self::Drawn(drawing) = self else { return false };
        let limit_bps = wishes.limit_bps();
        let has_moved = drawing.ladder.look(limit_bps, age);
        // With room for more it only waits to climb, on account of what held it before.
        if drawing.ladder.is_held_by(limit_bps) {
            drawing.held_by = wishes.narrower();
        }
        if has_moved {
            tracing::info!(robot.id = %parts.config.robot_id, rung = ?drawing.ladder.rung(), limit_bps, "the picture is made for the network");
        }
        let Some(frame) = drawing.ladder.frame() else { return false };
        // Also where the ladder began anew.
        let made = (drawing.config.width, drawing.config.height, drawing.config.fps);
        let has_moved = has_moved || made != (frame.width as usize, frame.height as usize, frame.fps);
        let is_early = drawing.changed_at.is_some_and(|at| age.saturating_sub(at) < RATE_CHANGE_EVERY);
        if is_early && !has_moved {
            return false;
        }
        let before = if has_moved { 0 } else { drawing.config.bitrate_bps };
        let Some(bitrate_bps) = next_rate(before, frame.most_bps, Ladder::room(limit_bps)) else { return false };
        let config = config_of(frame, bitrate_bps);
        match Encoder::new(config) {
            Ok(encoder) => {
                if (config.width, config.height) != (drawing.config.width, drawing.config.height) {
                    drawing.classroom = Classroom::new(config.width, config.height);
                }
                (drawing.encoder, drawing.config, drawing.changed_at) = (encoder, config, Some(age));
                true
            }
            Err(error) => {
                tracing::warn!(robot.id = %parts.config.robot_id, %error, "the picture stays as it is");
                false
            }
        }
    }

    /// Whose network the picture is made smaller or rarer for, if it is.
    fn held_by(&self) -> Option<Narrow> {
        match self {
            Self::Drawn(drawing) if drawing.ladder.rung() < Rung::Full => Some(drawing.held_by),
            _ => None,
        }
    }

    fn forget_pupil(&mut self) {
        if let Self::Drawn(drawing) = self {
            drawing.ladder = drawing.ladder.again();
        }
    }

    /// The next picture, and how long it stands.
    fn look(&mut self, parts: &Parts, look: Outlook, age: Duration, key: bool) -> (Bytes, Duration) {
        match self {
            Self::Drawn(drawing) => match drawing.rung_told(parts) {
                Rung::Sound => (Bytes::new(), LOOK_EVERY),
                Rung::Stills if drawing.still_at.is_some_and(|at| age.saturating_sub(at) < STILL_EVERY) => {
                    (Bytes::new(), LOOK_EVERY)
                }
                Rung::Stills => {
                    // Each stands alone, so that none waits for another. One for which the rate left no room is tried again.
                    let still = drawing.draw(parts, look, age, true).unwrap_or_default();
                    if !still.is_empty() {
                        drawing.still_at = Some(age);
                    }
                    (still, LOOK_EVERY)
                }
                Rung::Small | Rung::Full => {
                    let interval = Duration::from_secs(1) / drawing.config.fps.max(1);
                    (drawing.draw(parts, look, age, key).unwrap_or_default(), interval)
                }
            },
            Self::Clip(clip) => {
                let picture = clip.advance(key);
                (picture.data, picture.duration)
            }
            Self::Shut => (Bytes::new(), Duration::from_secs(1)),
        }
    }
}

fn config_of(frame: Frame, bitrate_bps: u32) -> EncoderConfig {
    EncoderConfig { width: frame.width as usize, height: frame.height as usize, fps: frame.fps, bitrate_bps }
}

impl Drawing {
    /// The rung, which the body has to know: between two stills the camera is on.
    fn rung_told(&self, parts: &Parts) -> Rung {
        let rung = self.ladder.rung();
        parts.counters.are_stills.store(rung == Rung::Stills, Ordering::Relaxed);
        rung
    }

    fn draw(&mut self, parts: &Parts, look: Outlook, age: Duration, key: bool) -> Option<Bytes> {
        let now = parts.clock.now();
        let local = now.utc.with_timezone(&parts.config.time_zone);
        let lesson = parts.config.board.iter().find(|line| (line.from..line.until).contains(&now.utc));
        let scene = Scene {
            frame: self.frame,
            civil_ms: now.utc.timestamp_millis(),
            // People move at the pace of the picture, also where a test lets the clock run faster.
            age_s: age.as_secs_f32(),
            pan_deg: look.pan_deg,
            tilt_deg: look.tilt_deg,
            title: lesson.map_or_else(|| "Welcome".to_owned(), |line| line.title.clone()),
            clock: local.format("%H:%M:%S").to_string(),
        };
        self.frame = self.frame.wrapping_add(1);
        self.classroom.draw(&scene, &mut self.picture);
        self.encoder.encode(&self.picture, key).ok().map(Bytes::from)
    }
}

/// The microphone: sends sound while the body wants it on.
pub(super) async fn microphone(parts: Arc<Parts>, mut stream: RtpStream, born: Instant) -> Result<(), Closed> {
    let mut outlook = parts.outlook.clone();
    let mut ear = match parts.sources.audio.clone() {
        AudioSource::Rtp(socket) => {
            return relay(&parts, stream, &socket, born, |outlook| outlook.wants.microphone, |parts| &parts.counters.sounds)
                .await;
        }
        AudioSource::Clip(clip) => Ear::Clip(clip),
        AudioSource::Drawn => match Voice::new(parts.config.seed) {
            Ok(voice) => Ear::Drawn(Box::new(voice)),
            Err(error) => {
                tracing::error!(robot.id = %parts.config.robot_id, %error, "the microphone stays off");
                return Ok(());
            }
        },
    };
    loop {
        until(&mut outlook, |outlook| outlook.wants.microphone).await?;
        let mut next = Instant::now();
        let mut age = next.duration_since(born);
        while outlook.borrow().wants.microphone {
            tokio::time::sleep_until(next).await;
            let (data, samples) = ear.listen();
            let length = Duration::from_micros(u64::from(samples) * 1_000_000 / u64::from(AUDIO_HZ));
            if !data.is_empty() {
                stream.send(&data, age).await?;
                parts.counters.sounds.fetch_add(1, Ordering::Relaxed);
            }
            age += length;
            next += length;
            let late = Instant::now().saturating_duration_since(next);
            if late > Duration::from_millis(500) {
                // The machine slept: go on from now instead of catching up in a burst.
                next += late;
                age += late;
            }
        }
    }
}

enum Ear {
    Drawn(Box<Voice>),
    Clip(AudioClip),
}

impl Ear {
    /// The next packet and how many samples it holds.
    fn listen(&mut self) -> (Bytes, u32) {
        match self {
            Self::Drawn(voice) => (voice.packet(), FRAME as u32),
            Self::Clip(clip) => {
                let packet = clip.advance();
                (packet.data, packet.samples)
            }
        }
    }
}

/// Passes on what a local encoder sends, while the body wants it.
async fn relay(
    parts: &Arc<Parts>,
    mut stream: RtpStream,
    socket: &UdpSocket,
    born: Instant,
    wanted: fn(&Outlook) -> bool,
    counter: fn(&Parts) -> &std::sync::atomic::AtomicU64,
) -> Result<(), Closed> {
    let outlook = parts.outlook.clone();
    let socket = socket.try_clone().and_then(tokio::net::UdpSocket::from_std).map_err(|_| Closed)?;
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut resumed = true;
    loop {
        let Ok(length) = socket.recv(&mut buffer).await else { continue };
        if !wanted(&outlook.borrow()) {
            // Thrown away, so that nothing of before the waking is ever sent.
            resumed = true;
            continue;
        }
        let Ok(packet) = Packet::unmarshal(&mut Bytes::copy_from_slice(&buffer[..length])) else { continue };
        let ends = packet.header.marker || stream.is_sound();
        stream.forward(packet, Instant::now().duration_since(born), std::mem::take(&mut resumed)).await?;
        if ends {
            counter(parts).fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Turns the bridge's requests for a key frame, and its limits, into notes for the camera.
pub(super) async fn requests(parts: Arc<Parts>, track: Arc<TrackLocalStaticRTP>, wishes: Arc<Wishes>) -> Result<(), Closed> {
    while let Some(event) = track.poll().await {
        let TrackLocalEvent::OnRtcpPacket(packets) = event else { continue };
        if let Some(limit) = packets.iter().filter_map(|packet| super::peer::limit(packet.as_ref())).next_back() {
            wishes.bridge_asks(limit);
        }
        if packets.iter().any(|packet| super::peer::is_key_request(packet.as_ref())) {
            parts.counters.key_requests.fetch_add(1, Ordering::Relaxed);
            wishes.key.notify_one();
        }
    }
    Ok(())
}

/// The speaker: hears the pupil's voice and says how loud it is.
pub(super) async fn speaker(parts: Arc<Parts>, track: Arc<dyn TrackRemote>) -> Result<(), Closed> {
    let Some(mut hearing) = Hearing::new() else { return Ok(()) };
    let mut silent = true;
    let mut check = tokio::time::interval(SILENT_AFTER);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = false;
    loop {
        tokio::select! {
            event = track.poll() => match event {
                Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                    since = true;
                    let level = parts.outlook.borrow().level;
                    if let Some(heard) = hearing.hear(packet.header.sequence_number, &packet.payload, level) {
                        silent = heard.is_none();
                        parts.tell(Heard::Voice(heard));
                    }
                }
                Some(TrackRemoteEvent::OnEnded) | None => return Ok(()),
                Some(_) => {}
            },
            _ = check.tick() => {
                if !std::mem::take(&mut since) && !silent {
                    silent = true;
                    parts.tell(Heard::Voice(None));
                }
            }
        }
    }
}
