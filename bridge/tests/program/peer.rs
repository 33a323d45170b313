//! A robot and a tablet, made with the crate `webrtc`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::CONTROL_LABEL;
use protocol::control::{Control, ControlMessage};
use reqwest::{Client, StatusCode};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8};
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtc_rtp::header::Header;
use rtc_rtp::packet::Packet;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry, register_default_interceptors,
};

use super::harness::eventually;

const VIDEO_TYPE: u8 = 96;
const AUDIO_TYPE: u8 = 111;

/// One connection to the bridge.
pub struct Peer {
    peer: Option<Arc<dyn PeerConnection>>,
    channel: Arc<dyn DataChannel>,
    heard: Arc<Heard>,
    client: Client,
    pub resource: String,
    token: String,
    _stop: DropGuard,
}

/// Status and body of a refused offer.
pub type Refusal = (StatusCode, String);

/// What came, and what was sent.
#[derive(Default)]
struct Heard {
    video: AtomicU64,
    audio: AtomicU64,
    sent_video: AtomicU64,
    sent_audio: AtomicU64,
    texts: Mutex<Vec<Control>>,
    state: Mutex<Option<RTCPeerConnectionState>>,
}

struct Handler {
    heard: Arc<Heard>,
    gathered: watch::Sender<bool>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.send(true);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        *self.heard.state.lock().unwrap() = Some(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let heard = Arc::clone(&self.heard);
        let is_video = track.kind().await == RtpCodecKind::Video;
        TaskTracker::new().spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(_) = event {
                    if is_video { &heard.video } else { &heard.audio }.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
}

fn codec(mime: &str, clock_rate: u32, channels: u16, payload_type: u8) -> RTCRtpCodecParameters {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback { typ: typ.to_owned(), parameter: parameter.to_owned() };
    let rtcp_feedback = if channels == 0 { vec![feedback("nack", ""), feedback("nack", "pli")] } else { Vec::new() };
    let rtp_codec =
        RTCRtpCodec { mime_type: mime.to_owned(), clock_rate, channels, sdp_fmtp_line: String::new(), rtcp_feedback };
    RTCRtpCodecParameters { rtp_codec, payload_type }
}

/// What is offered.
struct Half {
    peer: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
    heard: Arc<Heard>,
    gathered: watch::Receiver<bool>,
    tracks: Vec<(Arc<TrackLocalStaticRTP>, u32, u8)>,
    way: Way,
    /// Packets of each track.
    per_second: u32,
}

/// What its network lets out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Udp,
    Tcp,
}

impl Half {
    /// `sends`: for video and for audio, whether a track of our own is offered.
    async fn new(sends: [bool; 2], receives: [bool; 2]) -> Self {
        Self::over(Way::Udp, sends, receives).await
    }

    async fn over(way: Way, sends: [bool; 2], receives: [bool; 2]) -> Self {
        let heard = Arc::new(Heard::default());
        let (gathered_sender, gathered) = watch::channel(false);
        let mut media = MediaEngine::default();
        let codecs = [codec(MIME_TYPE_VP8, 90_000, 0, VIDEO_TYPE), codec(MIME_TYPE_OPUS, 48_000, 2, AUDIO_TYPE)];
        let kinds = [RtpCodecKind::Video, RtpCodecKind::Audio];
        for (codec, kind) in codecs.iter().zip(kinds) {
            media.register_codec(codec.clone(), kind).unwrap();
        }
        let registry = register_default_interceptors(Registry::new(), &mut media).unwrap();
        let peer: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_configuration(RTCConfigurationBuilder::new().build())
                .with_media_engine(media)
                .with_interceptor_registry(registry)
                .with_handler(Arc::new(Handler { heard: Arc::clone(&heard), gathered: gathered_sender }))
                .with_udp_addrs(if way == Way::Udp { vec!["127.0.0.1:0".to_owned()] } else { Vec::new() })
                .with_tcp_addrs(if way == Way::Tcp { vec!["127.0.0.1:0".to_owned()] } else { Vec::new() })
                .build()
                .await
                .unwrap(),
        );
        let mut tracks = Vec::new();
        for (index, kind) in kinds.into_iter().enumerate() {
            let direction = match (sends[index], receives[index]) {
                (true, true) => RTCRtpTransceiverDirection::Sendrecv,
                (true, false) => RTCRtpTransceiverDirection::Sendonly,
                _ => RTCRtpTransceiverDirection::Recvonly,
            };
            let init = RTCRtpTransceiverInit { direction, streams: vec!["stream".into()], send_encodings: Vec::new() };
            if sends[index] {
                let ssrc = uuid::Uuid::new_v4().as_fields().0 | 1;
                let encoding = RTCRtpEncodingParameters {
                    rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
                    codec: codecs[index].rtp_codec.clone(),
                    ..Default::default()
                };
                let id = format!("{kind}");
                let track = MediaStreamTrack::new("stream".into(), id.clone(), id, kind, vec![encoding]);
                let track = Arc::new(TrackLocalStaticRTP::new(track));
                peer.add_transceiver_from_track(Arc::clone(&track) as Arc<dyn TrackLocal>, Some(init)).await.unwrap();
                tracks.push((track, ssrc, codecs[index].payload_type));
            } else {
                peer.add_transceiver_from_kind(kind, Some(init)).await.unwrap();
            }
        }
        let channel = peer.create_data_channel(CONTROL_LABEL, None).await.unwrap();
        Self { peer, channel, heard, gathered, tracks, way, per_second: 50 }
    }

    async fn offer(&mut self) -> String {
        let offer = self.peer.create_offer(None).await.unwrap();
        self.peer.set_local_description(offer).await.unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.gathered.wait_for(|done| *done)).await;
        self.peer.local_description().await.unwrap().sdp
    }

    async fn connect(mut self, client: &Client, url: &str, token: &str) -> Result<Peer, Refusal> {
        let offer = self.offer().await;
        let posted =
            client.post(url).bearer_auth(token).header("content-type", "application/sdp").body(offer).send().await.unwrap();
        let status = posted.status();
        let header = |name| posted.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let location = header("location");
        let body = posted.text().await.unwrap();
        if status != StatusCode::CREATED {
            let _ = self.peer.close().await;
            return Err((status, body));
        }
        self.peer.set_remote_description(RTCSessionDescription::answer(body.clone()).unwrap()).await.unwrap();
        // The library connects to a passive candidate only if it is told of it by itself.
        for line in body.lines().filter(|line| self.way == Way::Tcp && line.ends_with("tcptype passive")) {
            let candidate = line.trim_start_matches("a=").to_owned();
            let init =
                RTCIceCandidateInit { candidate, sdp_mid: Some("0".into()), sdp_mline_index: Some(0), ..Default::default() };
            self.peer.add_ice_candidate(init).await.unwrap();
        }
        let resource = reqwest::Url::parse(url).unwrap().join(&location).unwrap().to_string();
        let stop = CancellationToken::new();
        let tracker = TaskTracker::new();
        tracker.spawn(stop.clone().run_until_cancelled_owned(listen(Arc::clone(&self.channel), Arc::clone(&self.heard))));
        for (track, ssrc, payload_type) in self.tracks {
            tracker.spawn(stop.clone().run_until_cancelled_owned(send(
                track,
                ssrc,
                payload_type,
                self.per_second,
                Arc::clone(&self.heard),
            )));
        }
        Ok(Peer {
            peer: Some(self.peer),
            channel: self.channel,
            heard: self.heard,
            client: client.clone(),
            resource,
            token: token.to_owned(),
            _stop: stop.drop_guard(),
        })
    }
}

/// An offer as a robot makes it, for tests that only look at HTTP.
pub async fn robot_offer() -> String {
    let mut half = Half::new([true, true], [false, true]).await;
    let offer = half.offer().await;
    let _ = half.peer.close().await;
    offer
}

/// An offer as a tablet makes it.
pub async fn tablet_offer() -> String {
    let mut half = Half::new([false, true], [true, true]).await;
    let offer = half.offer().await;
    let _ = half.peer.close().await;
    offer
}

impl Peer {
    /// A robot that sends picture and sound all the time.
    pub async fn robot(client: &Client, url: &str, token: &str) -> Result<Self, Refusal> {
        Half::new([true, true], [false, true]).await.connect(client, url, token).await
    }

    /// A robot that sends this many packets of picture and as many of sound a second.
    pub async fn robot_at(client: &Client, url: &str, token: &str, per_second: u32) -> Result<Self, Refusal> {
        let half = Half::new([true, true], [false, true]).await;
        Half { per_second, ..half }.connect(client, url, token).await
    }

    /// A robot whose network lets no UDP out.
    pub async fn robot_by_tcp(client: &Client, url: &str, token: &str) -> Result<Self, Refusal> {
        Half::over(Way::Tcp, [true, true], [false, true]).await.connect(client, url, token).await
    }

    /// A tablet whose pupil speaks all the time.
    pub async fn tablet(client: &Client, url: &str, token: &str) -> Result<Self, Refusal> {
        Half::new([false, true], [true, true]).await.connect(client, url, token).await
    }

    /// Waits until the connection stands.
    pub async fn connected(&self) {
        eventually("the connection", async || {
            (*self.heard.state.lock().unwrap() == Some(RTCPeerConnectionState::Connected)).then_some(())
        })
        .await;
    }

    /// Packets of picture and sound received.
    pub fn received(&self) -> (u64, u64) {
        (self.heard.video.load(Ordering::Relaxed), self.heard.audio.load(Ordering::Relaxed))
    }

    /// Packets of picture and sound sent.
    pub fn sent(&self) -> (u64, u64) {
        (self.heard.sent_video.load(Ordering::Relaxed), self.heard.sent_audio.load(Ordering::Relaxed))
    }

    /// Waits until so many more packets of picture and sound have come.
    pub async fn receives(&self, video: u64, audio: u64) {
        let (video_now, audio_now) = self.received();
        eventually(&format!("{video} and {audio} more packets"), async || {
            let (video_then, audio_then) = self.received();
            (video_then >= video_now + video && audio_then >= audio_now + audio).then_some(())
        })
        .await;
    }

    /// Everything that was said to it so far.
    pub fn texts(&self) -> Vec<Control> {
        self.heard.texts.lock().unwrap().clone()
    }

    /// Waits for a text, counted from the end of what was `seen` before.
    pub async fn hears(&self, seen: usize, what: &str, wanted: impl Fn(&Control) -> bool) {
        eventually(what, async || self.texts().iter().skip(seen).any(&wanted).then_some(())).await;
    }

    /// Says something.
    pub async fn says(&self, id: u64, control: Control) {
        let text = ControlMessage { v: 1, id: Some(id), control }.to_text();
        eventually("the channel to take a text", async || self.channel.send_text(&text).await.ok()).await;
    }

    /// `DELETE`s the resource.
    pub async fn leaves(&self) -> StatusCode {
        self.client.delete(&self.resource).bearer_auth(&self.token).send().await.unwrap().status()
    }

    /// Is gone without a word over HTTP.
    pub async fn vanishes(mut self) {
        if let Some(peer) = self.peer.take() {
            let _ = tokio::time::timeout(Duration::from_secs(2), peer.close()).await;
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(peer) = self.peer.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (done, _) = oneshot::channel::<()>();
            TaskTracker::new().spawn_on(
                async move {
                    let _ = peer.close().await;
                    drop(done);
                },
                &runtime,
            );
        }
    }
}

async fn listen(channel: Arc<dyn DataChannel>, heard: Arc<Heard>) {
    while let Some(event) = channel.poll().await {
        let DataChannelEvent::OnMessage(message) = event else { continue };
        let Ok(message) = ControlMessage::from_text(&message.data) else { continue };
        heard.texts.lock().unwrap().push(message.control);
    }
}

/// Sound that is not silence, or pictures of one packet. More than 50 packets a second go out in bursts, as a picture's do.
async fn send(track: Arc<TrackLocalStaticRTP>, ssrc: u32, payload_type: u8, per_second: u32, heard: Arc<Heard>) {
    let sent = if payload_type == VIDEO_TYPE { &heard.sent_video } else { &heard.sent_audio };
    let (every, burst) = if per_second > 50 { (20, per_second / 50) } else { (1000 / per_second, 1) };
    let clock = if payload_type == VIDEO_TYPE { 90_000 } else { 48_000 };
    let mut ticks = tokio::time::interval(Duration::from_millis(every.into()));
    let mut number = 0_u32;
    loop {
        ticks.tick().await;
        for _ in 0..burst {
            let header = Header {
                version: 2,
                marker: payload_type == VIDEO_TYPE,
                payload_type,
                sequence_number: number as u16,
                timestamp: number.wrapping_mul(clock / per_second),
                ssrc,
                ..Header::default()
            };
            number = number.wrapping_add(1);
            // Before the connection stands it takes nothing; that is no reason to stop.
            let _ = track.write_rtp(Packet { header, payload: vec![number as u8; 200].into() }).await;
            sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}
