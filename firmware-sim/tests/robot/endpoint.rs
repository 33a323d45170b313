//! A WHIP endpoint for one robot: answers the robot's offer, decodes its pictures and sound, talks on its data channel, and
//! plays a tone as the pupil's voice. For these tests only; the real one is the bridge.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use firmware_sim::classroom::mark::Mark;
use firmware_sim::classroom::{Classroom, Scene};
use firmware_sim::picture::{Encoder, EncoderConfig};
use firmware_sim::sound;
use openh264::formats::YUVSource;
use protocol::RobotId;
use protocol::control::{Control, ControlMessage, RobotState};
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::{configure_rtcp_reports, configure_twcc_receiver_only};
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use rtc::shared::marshal::Marshal;
use rtc_rtp::codec::h264::{H264Packet, H264Payloader};
use rtc_rtp::header::Header;
use rtc_rtp::packet::Packet;
use rtc_rtp::packetizer::{Depacketizer, Payloader};
use tokio::sync::{Notify, mpsc};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
    RTCSessionDescription,
};

use super::network::{Conditions, Network};

pub const TOKEN: &str = "a-token-that-only-this-test-knows";
const TONE_SSRC: u32 = 0x7041_5e00;

#[derive(Clone)]
pub struct Endpoint {
    shared: Arc<Shared>,
    address: std::net::SocketAddr,
}

#[derive(Default)]
struct Shared {
    offer: Mutex<String>,
    peer: Mutex<Option<Arc<dyn PeerConnection>>>,
    channel: Mutex<Option<Arc<dyn DataChannel>>>,
    video_track: Mutex<Option<(Arc<dyn TrackRemote>, u32)>>,
    connected: AtomicBool,
    refusing: AtomicBool,
    /// What happened, in order: each offer, each connection that stands, each goodbye, by number.
    story: Mutex<Vec<String>>,
    offers: AtomicUsize,
    tone: AtomicBool,
    next_id: AtomicU64,
    video_packets: AtomicUsize,
    audio_packets: AtomicUsize,
    key_frames: AtomicUsize,
    gaps: AtomicUsize,
    mark: Mutex<Option<Mark>>,
    /// Pixels across and down of the newest picture.
    size: Mutex<Option<(usize, usize)>>,
    bytes: AtomicUsize,
    /// Connections made from now on come each through a network of its own.
    is_far: AtomicBool,
    /// What those are born with.
    weather: Mutex<Conditions>,
    networks: Mutex<Vec<Network>>,
    audio_dbfs: Mutex<Option<f32>>,
    state: Mutex<Option<RobotState>>,
    acknowledged: Mutex<Vec<u64>>,
}

impl Endpoint {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/whip/{robot}", post(offer))
            .route("/whip/{robot}/{number}", axum::routing::delete(delete))
            .with_state(Arc::clone(&shared));
        tokio::task::spawn(async move { axum::serve(listener, router).await });
        Self { shared, address }
    }

    pub fn whip_url(&self, robot: RobotId) -> String {
        format!("http://{}/whip/{robot}", self.address)
    }

    pub fn is_connected(&self) -> bool {
        self.shared.connected.load(SeqCst) && self.shared.channel.lock().unwrap().is_some()
    }

    /// As a bridge does when it finds its robot gone.
    pub fn forget_connection(&self) {
        self.shared.connected.store(false, SeqCst);
        self.shared.channel.lock().unwrap().take();
    }

    pub fn refuse(&self, refusing: bool) {
        self.shared.refusing.store(refusing, SeqCst);
    }

    pub fn was_deleted(&self) -> bool {
        self.story().iter().any(|what| what.starts_with("goodbye"))
    }

    pub fn offer(&self) -> String {
        self.shared.offer.lock().unwrap().clone()
    }

    pub fn video_packets(&self) -> usize {
        self.shared.video_packets.load(SeqCst)
    }

    pub fn audio_packets(&self) -> usize {
        self.shared.audio_packets.load(SeqCst)
    }

    pub fn key_frames(&self) -> usize {
        self.shared.key_frames.load(SeqCst)
    }

    pub fn gaps(&self) -> usize {
        self.shared.gaps.load(SeqCst)
    }

    /// Puts a network between the robot and the connections that it makes from now on.
    pub fn goes_far(&self) {
        self.shared.is_far.store(true, SeqCst);
    }

    /// Holds the first of those networks to so many bits a second each way.
    pub fn network_takes(&self, rate: Option<u32>) {
        let conditions = Conditions { delay: Duration::from_millis(10), rate, ..Conditions::default() };
        self.shared.networks.lock().unwrap()[0].set(conditions);
    }

    /// Whether that network carries nothing any more.
    pub fn network_is_dead(&self, is_dead: bool) {
        self.shared.networks.lock().unwrap()[0].set(weather(is_dead));
    }

    /// Whether those that come carry nothing.
    pub fn later_networks_are_dead(&self, are_dead: bool) {
        *self.shared.weather.lock().unwrap() = weather(are_dead);
    }

    pub fn story(&self) -> Vec<String> {
        self.shared.story.lock().unwrap().clone()
    }

    pub fn size(&self) -> Option<(usize, usize)> {
        *self.shared.size.lock().unwrap()
    }

    /// Bytes of pictures that came.
    pub fn video_bytes(&self) -> usize {
        self.shared.bytes.load(SeqCst)
    }

    pub fn mark(&self) -> Option<Mark> {
        *self.shared.mark.lock().unwrap()
    }

    pub fn audio_dbfs(&self) -> Option<f32> {
        *self.shared.audio_dbfs.lock().unwrap()
    }

    pub fn state(&self) -> Option<RobotState> {
        self.shared.state.lock().unwrap().clone()
    }

    pub fn acknowledged(&self, id: u64) -> bool {
        self.shared.acknowledged.lock().unwrap().contains(&id)
    }

    pub fn play_tone(&self, on: bool) {
        self.shared.tone.store(on, SeqCst);
    }

    /// Sends a control message that wants an acknowledgement.
    pub async fn say(&self, control: Control) -> u64 {
        let id = self.shared.next_id.fetch_add(1, SeqCst) + 1;
        let channel = self.shared.channel.lock().unwrap().clone().expect("connected");
        channel.send_text(&ControlMessage { v: 1, id: Some(id), control }.to_text()).await.unwrap();
        id
    }

    pub async fn ask_for_key_frame(&self) {
        let (track, media_ssrc) = self.shared.video_track.lock().unwrap().clone().expect("a picture came");
        track.write_rtcp(vec![Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc })]).await.unwrap();
    }
}

fn weather(is_dead: bool) -> Conditions {
    Conditions { loss: f64::from(u8::from(is_dead)), ..Conditions::default() }
}

impl Shared {
    fn happened(&self, what: &str, number: usize) {
        self.story.lock().unwrap().push(format!("{what} {number}"));
    }
}

async fn delete(
    State(shared): State<Arc<Shared>>,
    axum::extract::Path((_, number)): axum::extract::Path<(String, usize)>,
    headers: HeaderMap,
) -> StatusCode {
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    shared.happened("goodbye", number);
    StatusCode::OK
}

async fn offer(
    State(shared): State<Arc<Shared>>,
    axum::extract::Path(robot): axum::extract::Path<String>,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse {
    assert_eq!(headers["content-type"], "application/sdp");
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    if shared.refusing.load(SeqCst) {
        return (
            StatusCode::FORBIDDEN,
            [("location", String::new()), ("content-type", "text/plain".to_owned())],
            String::new(),
        );
    }
    *shared.offer.lock().unwrap() = body.clone();
    let number = shared.offers.fetch_add(1, SeqCst);
    shared.happened("offer", number);
    let is_far = shared.is_far.load(SeqCst);
    let known = |line: &&str| !is_far || !line.starts_with("a=candidate");
    // The other end is known by the network's address alone, or the two would find each other without it.
    let heard: String = body.lines().filter(known).map(|line| format!("{line}\r\n")).collect();
    let mut answer = answer(Arc::clone(&shared), heard, number).await;
    if is_far {
        answer = through_network(&shared, &answer);
    }
    let location = format!("/whip/{robot}/{number}");
    (StatusCode::CREATED, [("location", location), ("content-type", "application/sdp".to_owned())], answer)
}

/// The answer with the address of a new network before this end.
fn through_network(shared: &Shared, answer: &str) -> String {
    let place = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[4].to_owned(), words[5].to_owned())
    };
    let own = answer.lines().find(|line| line.starts_with("a=candidate")).map(place).unwrap();
    let network = Network::new(format!("{}:{}", own.0, own.1).parse().unwrap(), 1);
    let front = network.front();
    network.set(*shared.weather.lock().unwrap());
    shared.networks.lock().unwrap().push(network);
    let seen = answer.lines().filter(|line| !line.starts_with("a=candidate") || place(line) == own);
    let moved = |line: &str| line.replace(&format!("{} {}", own.0, own.1), &format!("{} {}", front.ip(), front.port()));
    seen.map(|line| format!("{}\r\n", moved(line))).collect()
}

async fn answer(shared: Arc<Shared>, offer: String, number: usize) -> String {
    let mut engine = MediaEngine::default();
    engine.register_default_codecs().unwrap();
    // Without the library's requests for what is missing: those never end, and would fill a narrow network by themselves.
    let registry = configure_rtcp_reports(configure_twcc_receiver_only(Registry::new(), &mut engine).unwrap());
    let gathered = Arc::new(Notify::new());
    let handler = Handler { shared: Arc::clone(&shared), gathered: Arc::clone(&gathered), number };
    let peer: Arc<dyn PeerConnection> = Arc::new(
        PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(handler))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .unwrap(),
    );
    let opus = RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: vec![],
    };
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(TONE_SSRC), ..Default::default() },
        codec: opus,
        ..Default::default()
    };
    let voice = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "pupil".into(),
        "voice".into(),
        "voice".into(),
        RtpCodecKind::Audio,
        vec![coding],
    )));
    peer.set_remote_description(RTCSessionDescription::offer(offer).unwrap()).await.unwrap();
    peer.add_track(Arc::clone(&voice) as Arc<dyn TrackLocal>).await.unwrap();
    let answer = peer.create_answer(None).await.unwrap();
    peer.set_local_description(answer).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), gathered.notified()).await.unwrap();
    let answer = peer.local_description().await.unwrap().sdp;
    *shared.peer.lock().unwrap() = Some(peer);
    tokio::task::spawn(tone(shared, voice));
    answer
}

struct Handler {
    shared: Arc<Shared>,
    gathered: Arc<Notify>,
    number: usize,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            self.shared.happened("stands", self.number);
            self.shared.connected.store(true, SeqCst);
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn(async move {
            assert_eq!(channel.label().await.unwrap(), protocol::CONTROL_LABEL);
            while let Some(event) = channel.poll().await {
                match event {
                    DataChannelEvent::OnOpen => *shared.channel.lock().unwrap() = Some(Arc::clone(&channel)),
                    DataChannelEvent::OnMessage(message) => match ControlMessage::from_text(&message.data).unwrap().control {
                        Control::State(state) => *shared.state.lock().unwrap() = Some(state),
                        Control::Ack { of } => shared.acknowledged.lock().unwrap().push(of),
                        other => panic!("a robot does not say {other:?}"),
                    },
                    _ => {}
                }
            }
        });
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let shared = Arc::clone(&self.shared);
        match track.kind().await {
            RtpCodecKind::Video => tokio::task::spawn(watch(shared, track)),
            _ => tokio::task::spawn(listen(shared, track)),
        };
    }
}

/// Decodes the robot's pictures and reads their marks.
async fn watch(shared: Arc<Shared>, track: Arc<dyn TrackRemote>) {
    let (pictures, units) = mpsc::channel::<Vec<u8>>(64);
    let reader = Arc::clone(&shared);
    tokio::task::spawn_blocking(move || decode(&reader, units));
    let mut depacketizer = H264Packet::default();
    let mut unit = Vec::new();
    let mut last: Option<u16> = None;
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        *shared.video_track.lock().unwrap() = Some((Arc::clone(&track), packet.header.ssrc));
        shared.video_packets.fetch_add(1, SeqCst);
        shared.bytes.fetch_add(packet.payload.len(), SeqCst);
        if last.is_some_and(|last| last.wrapping_add(1) != packet.header.sequence_number) {
            shared.gaps.fetch_add(1, SeqCst);
        }
        last = Some(packet.header.sequence_number);
        if let Ok(part) = depacketizer.depacketize(&packet.payload) {
            unit.extend_from_slice(&part);
        }
        if packet.header.marker {
            let _ = pictures.try_send(std::mem::take(&mut unit));
        }
    }
}

fn decode(shared: &Shared, mut units: mpsc::Receiver<Vec<u8>>) {
    let mut decoder = openh264::decoder::Decoder::new().unwrap();
    while let Some(unit) = units.blocking_recv() {
        if unit.windows(4).any(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1f == 5) {
            shared.key_frames.fetch_add(1, SeqCst);
        }
        if let Ok(Some(picture)) = decoder.decode(&unit) {
            *shared.size.lock().unwrap() = Some(picture.dimensions());
            if let Some(mark) = Mark::read(picture.y(), picture.strides().0, picture.dimensions().1) {
                *shared.mark.lock().unwrap() = Some(mark);
            }
        }
    }
}

/// Decodes the robot's sound and measures it.
async fn listen(shared: Arc<Shared>, track: Arc<dyn TrackRemote>) {
    let mut hearing = sound::Hearing::new().unwrap();
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        shared.audio_packets.fetch_add(1, SeqCst);
        let level = protocol::control::VoiceLevel::Normal;
        if let Some(Some(dbfs)) = hearing.hear(packet.header.sequence_number, &packet.payload, level) {
            *shared.audio_dbfs.lock().unwrap() = Some(dbfs);
        }
    }
}

/// Plays 440 Hz at about -18 dBFS while it is asked for.
async fn tone(shared: Arc<Shared>, track: Arc<TrackLocalStaticRTP>) {
    let mut encoder = sound::Encoder::new().unwrap();
    let mut every = tokio::time::interval(Duration::from_millis(20));
    let mut sent = 0_u32;
    loop {
        every.tick().await;
        if !shared.tone.load(SeqCst) {
            continue;
        }
        let frame = std::array::from_fn(|at| {
            let t = (sent as usize * sound::FRAME + at) as f32 / sound::RATE as f32;
            ((t * 440.0 * std::f32::consts::TAU).sin() * 6_000.0) as i16
        });
        let payload = Bytes::from(encoder.encode(&frame).unwrap());
        let header = Header {
            version: 2,
            payload_type: 111,
            sequence_number: sent as u16,
            timestamp: sent.wrapping_mul(960),
            ssrc: TONE_SSRC,
            ..Header::default()
        };
        sent += 1;
        if track.write_rtp(Packet { header, payload }).await.is_err() {
            return;
        }
    }
}

/// What a GStreamer or FFmpeg process would do: drawn pictures and silence as RTP to two local ports.
pub struct LocalEncoder(Arc<AtomicBool>);

impl LocalEncoder {
    pub fn start(video_port: u16, audio_port: u16) -> Self {
        let running = Arc::new(AtomicBool::new(true));
        let goes_on = Arc::clone(&running);
        std::thread::spawn(move || {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut classroom = Classroom::new(640, 360);
            let mut encoder = Encoder::new(EncoderConfig { width: 640, height: 360, fps: 15, bitrate_bps: 600_000 }).unwrap();
            let mut sounds = sound::Encoder::new().unwrap();
            let mut payloader = H264Payloader::default();
            let (mut picture, mut sequence) = (Vec::new(), 40_000_u16);
            let send = |port: u16, header: Header, payload: Bytes| {
                let packet = Packet { header, payload }.marshal().unwrap();
                let _ = socket.send_to(&packet, ("127.0.0.1", port));
            };
            for frame in 0_u32.. {
                if !goes_on.load(SeqCst) {
                    return;
                }
                let scene = Scene {
                    frame,
                    civil_ms: 0,
                    age_s: 0.0,
                    pan_deg: 0.0,
                    tilt_deg: 0.0,
                    title: String::new(),
                    clock: String::new(),
                };
                classroom.draw(&scene, &mut picture);
                let unit = Bytes::from(encoder.encode(&picture, frame % 15 == 0).unwrap());
                let payloads = payloader.payload(1_200, &unit).unwrap();
                let last = payloads.len() - 1;
                for (index, payload) in payloads.into_iter().enumerate() {
                    sequence = sequence.wrapping_add(1);
                    let header = Header {
                        version: 2,
                        marker: index == last,
                        payload_type: 96,
                        sequence_number: sequence,
                        timestamp: frame * 6_000,
                        ssrc: 7,
                        ..Header::default()
                    };
                    send(video_port, header, payload);
                }
                let silence = Bytes::from(sounds.encode(&[0; sound::FRAME]).unwrap());
                let header = Header {
                    version: 2,
                    payload_type: 97,
                    sequence_number: frame as u16,
                    timestamp: frame * 960,
                    ssrc: 8,
                    ..Header::default()
                };
                send(audio_port, header, silence);
                std::thread::sleep(Duration::from_millis(66));
            }
        });
        Self(running)
    }
}

impl Drop for LocalEncoder {
    fn drop(&mut self) {
        self.0.store(false, SeqCst);
    }
}
