//! A WHEP client built with the crate `webrtc`: counts what arrives, talks on the data channel.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::CONTROL_LABEL;
use protocol::control::{Control, ControlMessage};
use reqwest::{Client, StatusCode};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::watch;
use tokio::time::Instant;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCSessionDescription, Registry, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use webrtc::runtime::default_runtime;

use crate::wait::{SOON, eventually};

/// A viewing connection.
pub struct Viewer {
    peer: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
    heard: Arc<Heard>,
    client: Client,
    resource: String,
    token: String,
}

/// A refused offer: status and body.
pub type Refusal = (StatusCode, String);

/// What arrived, so far.
#[derive(Default)]
pub struct Heard {
    video_packets: AtomicU64,
    video_frames: AtomicU64,
    audio_packets: AtomicU64,
    runs: Mutex<Vec<Run>>,
    texts: Mutex<Vec<ControlMessage>>,
}

/// From the first to the last packet of media that came without a pause longer than `LONGEST_PAUSE`.
pub type Run = (Instant, Instant);

/// A second without a packet is a second without class.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Heard {
    /// When media came.
    pub fn runs(&self) -> Vec<Run> {
        self.runs.lock().unwrap().clone()
    }

    fn packet_came(&self) {
        let now = Instant::now();
        let mut runs = self.runs.lock().unwrap();
        match runs.last_mut() {
            Some((_, last)) if now.duration_since(*last) < LONGEST_PAUSE => *last = now,
            _ => runs.push((now, now)),
        }
    }
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

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let heard = Arc::clone(&self.heard);
        let is_video = track.kind().await == RtpCodecKind::Video;
        tokio_util::task::TaskTracker::new().spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    heard.packet_came();
                    if is_video {
                        heard.video_packets.fetch_add(1, Ordering::Relaxed);
                        heard.video_frames.fetch_add(u64::from(packet.header.marker), Ordering::Relaxed);
                    } else {
                        heard.audio_packets.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
    }
}

impl Viewer {
    /// Offers to view at `url` with `token`.
    pub async fn open(client: &Client, url: &str, token: &str) -> Result<Self, Refusal> {
        let heard = Arc::new(Heard::default());
        let (gathered, mut is_gathered) = watch::channel(false);
        let mut media = MediaEngine::default();
        media.register_default_codecs().unwrap();
        let registry = register_default_interceptors(Registry::new(), &mut media).unwrap();
        let peer = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler { heard: Arc::clone(&heard), gathered }))
            .with_runtime(default_runtime().unwrap())
            .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
            .build()
            .await
            .unwrap();
        for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
            let receive = RTCRtpTransceiverInit {
                direction: RTCRtpTransceiverDirection::Recvonly,
                streams: Vec::new(),
                send_encodings: Vec::new(),
            };
            peer.add_transceiver_from_kind(kind, Some(receive)).await.unwrap();
        }
        let channel = peer.create_data_channel(CONTROL_LABEL, None).await.unwrap();
        listen(Arc::clone(&channel), Arc::clone(&heard));
        let offer = peer.create_offer(None).await.unwrap();
        peer.set_local_description(offer).await.unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(5), is_gathered.wait_for(|done| *done)).await;
        let offer = peer.local_description().await.unwrap().sdp;
        let answer = match post_offer(client, url, token, offer).await {
            Ok(answer) => answer,
            Err(refusal) => {
                let _ = peer.close().await;
                return Err(refusal);
            }
        };
        peer.set_remote_description(RTCSessionDescription::answer(answer.sdp).unwrap()).await.unwrap();
        let resource = reqwest::Url::parse(url).unwrap().join(&answer.location).unwrap().to_string();
        Ok(Self { peer: Arc::new(peer), channel, heard, client: client.clone(), resource, token: token.to_owned() })
    }

    /// Frames of the picture that arrived whole or not; packets of sound.
    pub fn received(&self) -> (u64, u64) {
        (self.heard.video_frames.load(Ordering::Relaxed), self.heard.audio_packets.load(Ordering::Relaxed))
    }

    /// When media came.
    pub fn runs(&self) -> Vec<Run> {
        self.heard.runs()
    }

    /// What arrives, also after this viewer has gone.
    pub fn heard(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }

    /// Waits for so many frames and packets of sound.
    pub async fn sees(&self, frames: u64, sound: u64, within: Duration) {
        eventually(&format!("{frames} frames and {sound} packets of sound; had {:?}", self.received()), within, async || {
            let (video, audio) = self.received();
            (video >= frames && audio >= sound).then_some(())
        })
        .await;
    }

    /// Says `control` to the robot until it is acknowledged.
    pub async fn says(&self, id: u64, control: Control) {
        let text = ControlMessage { v: 1, id: Some(id), control }.to_text();
        eventually(&format!("an acknowledgement of {text}"), SOON, async || {
            let _ = self.channel.send_text(&text).await;
            let heard = self.heard.texts.lock().unwrap();
            heard.iter().any(|message| message.control == Control::Ack { of: id }).then_some(())
        })
        .await;
    }

    /// Waits for a message that `wanted` accepts.
    pub async fn hears<T>(&self, what: &str, wanted: impl Fn(&Control) -> Option<T>) -> T {
        eventually(what, SOON, async || {
            self.heard.texts.lock().unwrap().iter().rev().find_map(|message| wanted(&message.control))
        })
        .await
    }

    /// Waits until nothing has arrived any more for two seconds.
    pub async fn is_cut_off(&self) {
        let last = Mutex::new(u64::MAX);
        eventually("the picture to stop", SOON, async || {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = self.heard.video_packets.load(Ordering::Relaxed);
            let before = std::mem::replace(&mut *last.lock().unwrap(), now);
            (before == now).then_some(())
        })
        .await;
    }

    /// Leaves as the page does.
    pub async fn leaves(self) {
        let status = self.tries_to_leave().await;
        assert!(status.as_ref().is_ok_and(StatusCode::is_success), "DELETE answered {status:?}");
    }

    /// Leaves as the page does, from a bridge that may be gone, and returns what it answered.
    pub async fn tries_to_leave(self) -> Result<StatusCode, String> {
        let answer = self.client.delete(&self.resource).bearer_auth(&self.token).send().await;
        let _ = self.peer.close().await;
        answer.map(|answer| answer.status()).map_err(|error| error.to_string())
    }

    /// Is gone without a word to the bridge, as a page that gives up a connection.
    pub async fn gives_up(self) {
        let _ = self.peer.close().await;
    }
}

struct Answer {
    sdp: String,
    location: String,
}

async fn post_offer(client: &Client, url: &str, token: &str, sdp: String) -> Result<Answer, Refusal> {
    let away = |error: reqwest::Error| (StatusCode::BAD_GATEWAY, error.to_string());
    let request = client.post(url).bearer_auth(token).header("content-type", "application/sdp").body(sdp);
    let answer = request.send().await.map_err(away)?;
    let status = answer.status();
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let sdp = answer.text().await.map_err(away)?;
    if status == StatusCode::CREATED { Ok(Answer { sdp, location }) } else { Err((status, sdp)) }
}

/// Acknowledges what asks for it, and keeps everything.
fn listen(channel: Arc<dyn DataChannel>, heard: Arc<Heard>) {
    tokio_util::task::TaskTracker::new().spawn(async move {
        while let Some(event) = channel.poll().await {
            let DataChannelEvent::OnMessage(message) = event else { continue };
            let Ok(message) = ControlMessage::from_text(&message.data) else { continue };
            if let Some(id) = message.id {
                let _ = channel.send_text(&ControlMessage::plain(Control::Ack { of: id }).to_text()).await;
            }
            heard.texts.lock().unwrap().push(message);
        }
    });
}
