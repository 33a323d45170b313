//! The robot's one connection to its bridge: made when the server grants it, kept idle, made again when it breaks.
//!
//! A connection that stands is kept, whatever permissions come; they are the reserve (`grants.rs`). What takes the place of one that
//! stands is made first, and only then the old one is closed (`next.rs`). When one breaks all the same, the same bridge is tried once
//! more, and then the server is told that it cannot be reached, and another is taken: within 10 s of the loss, the times below add up to
//! less. Where UDP alone found no way once, TCP is tried beside it (ICE-TCP, RFC 6544).
//!
//! Camera and microphone have nothing to do with whether it stands: they follow the body's wish alone (`media.rs`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::control::{CONTROL_LABEL, ControlMessage};
use protocol::{BridgeId, GrantMessage};
use reqwest::Url;
use rtc::interceptor::{Registry, Slot};
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder, RTCIceCandidateInit,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, SettingEngineBuilder,
};

use super::grants::Grants;
use super::peer::{CameraRequests, Way, local_addresses, opus_codec, relays, stream, track, video_codec};
use super::rtp::{AUDIO_HZ, Closed, RtpStream, VIDEO_HZ};
use super::{Heard, Parts, Standing, Wires, media, next, uplink, whip};
use crate::robot::Chance;

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// Candidates are local, or those of a TURN server nearby: there is nothing to wait for longer.
const GATHERING: Duration = Duration::from_secs(3);
/// From the answer until media may flow.
const CONNECTING: Duration = Duration::from_secs(10);
/// A connection on which nothing comes for this long is disturbed …
const SILENT_FOR: Duration = Duration::from_secs(3);
/// … and after this it is lost, unless something came: 4.5 s in all.
const DISCONNECTED_FOR: Duration = Duration::from_millis(1_500);
/// For the one more try at the bridge whose connection was lost.
const AGAIN_WITHIN: Duration = Duration::from_secs(3);
/// For goodbyes that nobody waits for.
const FAREWELL: Duration = Duration::from_secs(1);
/// For a grant that was asked for.
const GRANT_WAIT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum BridgeError {
    #[error("the address of the bridge in the permission is not usable")]
    Address,
    #[error(transparent)]
    Whip(#[from] whip::WhipError),
    #[error("the connection could not be made: {0}")]
    WebRtc(#[from] webrtc::error::Error),
    #[error("{0}")]
    TooSlow(&'static str),
    #[error("no way to the bridge's media port was found in time")]
    NoWay,
}

pub(super) async fn run(parts: Arc<Parts>, wires: Arc<Wires>, mut control: mpsc::Receiver<String>) {
    let client = match whip::client(&parts.config) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(robot.id = %parts.config.robot_id, error = %format!("{error:#}"), "the bridge cannot be used");
            return;
        }
    };
    let mut grants = wires.grants.subscribe();
    let mut chance = Chance(parts.config.seed ^ 0x6272_6964_6765);
    let mut retry = FIRST_RETRY;
    // The bridge whose connection was just lost: it is tried once more before anything is said about it.
    let mut lost: Option<GrantMessage> = None;
    loop {
        let again = lost.take();
        let grant = match again.clone() {
            Some(grant) => grant,
            None => tokio::select! {
                () = wires.shutdown.cancelled() => return,
                grant = next_grant(&parts, &mut grants) => match grant {
                    Some(grant) => grant,
                    None => return,
                },
            },
        };
        let came = grants.borrow_and_update().came();
        let within = if again.is_some() { AGAIN_WITHIN } else { Duration::from_secs(3_600) };
        let outcome = tokio::select! {
            () = wires.shutdown.cancelled() => return,
            outcome = connect_within(within, &parts, &client, &wires, &grant) => outcome,
        };
        match outcome {
            Ok(connection) => {
                let stood = Instant::now();
                let held = stand(&parts, &client, &wires, connection, grant, &mut control).await;
                if wires.shutdown.is_cancelled() {
                    return;
                }
                tracing::warn!(robot.id = %parts.config.robot_id, "lost the bridge; connecting again");
                lost = Some(held);
                // At once, unless two publishers take the place from each other.
                if stood.elapsed() > LAST_RETRY {
                    retry = FIRST_RETRY;
                    continue;
                }
            }
            Err(error) => {
                tracing::warn!(robot.id = %parts.config.robot_id, %error, "not connected to the bridge");
                let now = parts.clock.now();
                let refused = matches!(error, BridgeError::Whip(whip::WhipError::Refused(_)) | BridgeError::Address);
                let mut has_other = false;
                wires.grants.send_if_modified(|grants| {
                    grants.failed(grant.bridge, now.monotonic);
                    has_other = grants.choose(now.utc, now.monotonic).is_some_and(|other| other.bridge != grant.bridge);
                    false
                });
                stands(&parts, &wires, None);
                if refused || grant.expires_at <= now.utc {
                    wires.ask.notify_one();
                    retry = retry.max(GRANT_WAIT / 2);
                }
                if has_other {
                    continue;
                }
            }
        }
        let pause = retry.mul_f64(0.5 + chance.unit() / 2.0);
        retry = (retry * 2).min(LAST_RETRY);
        tokio::select! {
            () = wires.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            // A new permission is a reason to try at once.
            _ = grants.wait_for(|grants| grants.came() > came) => retry = FIRST_RETRY,
        }
    }
}

/// The permission to try, as soon as there is one; `None` when the radio ends.
async fn next_grant(parts: &Parts, grants: &mut watch::Receiver<Grants>) -> Option<GrantMessage> {
    let now = parts.clock.now();
    let choose = |grants: &Grants| grants.choose(now.utc, now.monotonic).cloned();
    let found = grants.wait_for(|grants| choose(grants).is_some()).await.ok()?;
    choose(&found)
}

/// Notes where the robot stands; hello says it if it is new.
pub(super) fn stands(parts: &Parts, wires: &Wires, bridge: Option<BridgeId>) {
    let cannot_reach = wires.grants.borrow().cannot_reach(parts.clock.now().monotonic);
    let standing = Standing { bridge, cannot_reach };
    wires.standing.send_if_modified(|before| std::mem::replace(before, standing.clone()) != standing);
}

/// Keeps a connection, and those to which the server moves the robot, until one is lost or the radio ends. Returns the last permission.
async fn stand(
    parts: &Arc<Parts>,
    client: &reqwest::Client,
    wires: &Arc<Wires>,
    mut connection: Connection,
    mut grant: GrantMessage,
    control: &mut mpsc::Receiver<String>,
) -> GrantMessage {
    tracing::info!(robot.id = %parts.config.robot_id, "connected to the bridge, camera and microphone off");
    parts.tell(Heard::Bridge(true));
    loop {
        wires.grants.send_if_modified(|grants| {
            grants.reached(grant.bridge);
            false
        });
        stands(parts, wires, grant.bridge);
        let (way, disturbed) = (connection.way, connection.disturbed.subscribe());
        let next = tokio::select! {
            biased;
            next = next::elsewhere(parts, client, wires, grant.bridge) => Some(next),
            next = next::again(parts, client, wires, &grant, way, disturbed) => Some(next),
            () = connection.keep(parts, wires, control) => None,
        };
        match next {
            Some((new, its_grant)) => {
                tracing::info!(robot.id = %parts.config.robot_id, "the next connection stands; the one before is closed");
                let before = std::mem::replace(&mut connection, new);
                connection.before = Some(before.leg);
                grant = its_grant;
            }
            None => {
                parts.tell(Heard::Bridge(false));
                return grant;
            }
        }
    }
}

/// The other end of a connection as the bridge has it. Whoever drops it says goodbye, also in the middle of making it.
struct Leg {
    peer: Arc<dyn PeerConnection>,
    resource: Option<Url>,
    token: String,
    client: reqwest::Client,
    wires: Arc<Wires>,
}

impl Drop for Leg {
    fn drop(&mut self) {
        // Without a runtime the radio was cut off: nothing is said then.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (peer, resource) = (Arc::clone(&self.peer), self.resource.take());
        let (token, client) = (std::mem::take(&mut self.token), self.client.clone());
        let goodbye = async move {
            let close = timeout(FAREWELL, peer.close());
            let end = async {
                if let Some(resource) = resource {
                    whip::end(&client, resource, &token).await;
                }
            };
            let _ = tokio::join!(close, end);
        };
        self.wires.tracker.spawn_on(goodbye, &runtime);
    }
}

pub(super) struct Connection {
    leg: Leg,
    /// The leg whose place it takes. Given up when the control channel is open: this end of the handshake may be done before the other.
    before: Option<Leg>,
    /// From where it is sent to the bridge.
    way: Option<Way>,
    /// Nothing was heard from the bridge for [`SILENT_FOR`].
    disturbed: watch::Sender<bool>,
    channel: Arc<dyn DataChannel>,
    states: mpsc::Receiver<RTCPeerConnectionState>,
    tracks: mpsc::Receiver<Arc<dyn TrackRemote>>,
    video: Arc<TrackLocalStaticRTP>,
    /// Picture and sound; taken by whoever keeps the connection.
    streams: Option<(RtpStream, RtpStream)>,
    wishes: Arc<media::Wishes>,
    born: Instant,
}

/// Makes a connection, or none within `span`.
pub(super) async fn connect_within(
    span: Duration,
    parts: &Arc<Parts>,
    client: &reqwest::Client,
    wires: &Arc<Wires>,
    grant: &GrantMessage,
) -> Result<Connection, BridgeError> {
    let late = Err(BridgeError::TooSlow("the bridge did not take the robot in time"));
    timeout(span, connect(parts, client, wires, grant)).await.unwrap_or(late)
}

async fn connect(
    parts: &Arc<Parts>,
    client: &reqwest::Client,
    wires: &Arc<Wires>,
    grant: &GrantMessage,
) -> Result<Connection, BridgeError> {
    let endpoint = Url::parse(&grant.whip_url).map_err(|_| BridgeError::Address)?;
    let way = Way::to(&endpoint).await;
    let local = local_addresses(way);
    let needs_tcp = wires.needs_tcp.load(Ordering::Relaxed);
    let tcp = if needs_tcp { local.clone() } else { Vec::new() };
    let (state_sender, mut states) = mpsc::channel(16);
    let (track_sender, tracks) = mpsc::channel(4);
    let gathered = Arc::new(Notify::new());
    let handler = Handler { states: state_sender, tracks: track_sender, gathered: Arc::clone(&gathered) };
    let (video_codec, audio_codec) = (video_codec(parts.sources.codec()), opus_codec());
    let mut engine = MediaEngine::default();
    engine.register_codec(audio_codec.clone(), RtpCodecKind::Audio)?;
    engine.register_codec(video_codec.clone(), RtpCodecKind::Video)?;
    let registry = Registry::new().with(Slot::from(14_000), CameraRequests::default());
    let registry = register_default_interceptors(registry, &mut engine)?;
    let wishes = Arc::new(media::Wishes::default());
    let registry = uplink::measured(registry, Arc::clone(&wishes));
    let settings = SettingEngineBuilder::new()
        .with_ice_timeouts(Some(SILENT_FOR), Some(Duration::from_secs(10)), Some(Duration::from_secs(1)))
        .build();
    let peer: Arc<dyn PeerConnection> = Arc::new(
        PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().with_ice_servers(relays(&grant.ice_servers)).build())
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_setting_engine(settings)
            .with_handler(Arc::new(handler))
            .with_udp_addrs(local)
            .with_tcp_addrs(tcp)
            .build()
            .await?,
    );
    // From here on, whatever ends this closes what was opened.
    let mut leg = Leg {
        peer: Arc::clone(&peer),
        resource: None,
        token: grant.token.clone(),
        client: client.clone(),
        wires: Arc::clone(wires),
    };
    let (video, video_ssrc) = track("video", RtpCodecKind::Video, &video_codec.rtp_codec);
    let (audio, audio_ssrc) = track("audio", RtpCodecKind::Audio, &audio_codec.rtp_codec);
    let init = |direction| Some(RTCRtpTransceiverInit { direction, streams: vec!["robot".into()], send_encodings: vec![] });
    let video_way = init(RTCRtpTransceiverDirection::Sendonly);
    peer.add_transceiver_from_track(Arc::clone(&video) as Arc<dyn TrackLocal>, video_way).await?;
    let audio_way = init(RTCRtpTransceiverDirection::Sendrecv);
    peer.add_transceiver_from_track(Arc::clone(&audio) as Arc<dyn TrackLocal>, audio_way).await?;
    let channel = peer.create_data_channel(CONTROL_LABEL, None).await?;
    let offer = peer.create_offer(None).await?;
    peer.set_local_description(offer).await?;
    // A TURN server that does not answer is no reason to wait: the addresses at hand are in the offer already.
    if timeout(GATHERING, gathered.notified()).await.is_err() && grant.ice_servers.is_empty() {
        return Err(BridgeError::TooSlow("no local address was found in time"));
    }
    let offer = peer.local_description().await.ok_or(BridgeError::TooSlow("there is no offer"))?;
    let published = whip::publish(client, &endpoint, &grant.token, offer.sdp).await?;
    leg.resource = Some(published.resource);
    let passive = passive_candidates(&published.answer);
    peer.set_remote_description(RTCSessionDescription::answer(published.answer)?).await?;
    if needs_tcp {
        // The library connects to those that are added one by one, not to those of a description.
        for candidate in passive {
            peer.add_ice_candidate(candidate).await?;
        }
    }
    let outcome = timeout(CONNECTING, connected(&mut states)).await.unwrap_or(Err(BridgeError::NoWay));
    wires.needs_tcp.fetch_or(matches!(outcome, Err(BridgeError::NoWay)), Ordering::Relaxed);
    outcome?;
    let video_stream = stream(&video, video_ssrc, &video_codec, VIDEO_HZ)?;
    let audio_stream = stream(&audio, audio_ssrc, &audio_codec, AUDIO_HZ)?;
    Ok(Connection {
        leg,
        before: None,
        way,
        disturbed: watch::Sender::new(false),
        channel,
        states,
        tracks,
        video,
        streams: Some((video_stream, audio_stream)),
        wishes,
        born: Instant::now(),
    })
}

/// Where an answer says that the bridge takes TCP connections (RFC 6544).
fn passive_candidates(answer: &str) -> Vec<RTCIceCandidateInit> {
    let mut found: Vec<RTCIceCandidateInit> = Vec::new();
    for line in answer.lines().filter(|line| line.contains(" tcptype passive")) {
        let Some(candidate) = line.strip_prefix("a=") else { continue };
        // Every section of a bundle says the same.
        if found.iter().all(|known| known.candidate != candidate) {
            found.push(RTCIceCandidateInit { candidate: candidate.to_owned(), ..RTCIceCandidateInit::default() });
        }
    }
    found
}

/// Waits until the connection stands.
async fn connected(states: &mut mpsc::Receiver<RTCPeerConnectionState>) -> Result<(), BridgeError> {
    while let Some(state) = states.recv().await {
        match state {
            RTCPeerConnectionState::Connected => return Ok(()),
            RTCPeerConnectionState::Failed => return Err(BridgeError::NoWay),
            RTCPeerConnectionState::Closed => break,
            _ => {}
        }
    }
    Err(BridgeError::TooSlow("the bridge closed the connection while it was made"))
}

impl Connection {
    /// Runs camera, microphone, speaker and data channel until the connection or the radio ends.
    async fn keep(&mut self, parts: &Arc<Parts>, wires: &Arc<Wires>, control: &mut mpsc::Receiver<String>) {
        let Self { before, channel, states, tracks, video, streams, wishes, disturbed: is_disturbed, born, .. } = self;
        let (Some((video_stream, audio_stream)), born) = (streams.take(), *born) else { return };
        let over = CancellationToken::new();
        let _guard = over.clone().drop_guard();
        let spawn = |task: std::pin::Pin<Box<dyn Future<Output = Result<(), Closed>> + Send>>| {
            let over = over.clone();
            wires.tracker.spawn(async move {
                tokio::select! {
                    () = over.cancelled() => {}
                    // A part that finds the connection closed ends it for all.
                    outcome = task => if outcome.is_err() { over.cancel() },
                }
            });
        };
        spawn(Box::pin(media::camera(Arc::clone(parts), video_stream, Arc::clone(wishes), born)));
        spawn(Box::pin(media::microphone(Arc::clone(parts), audio_stream, born)));
        spawn(Box::pin(media::requests(Arc::clone(parts), Arc::clone(video), Arc::clone(wishes))));
        // What was to be said on an earlier connection is old.
        while control.try_recv().is_ok() {}
        let mut open = false;
        let mut disconnected: Option<Instant> = None;
        loop {
            let patience = disconnected.map_or_else(|| Instant::now() + Duration::from_secs(3_600), |at| at + DISCONNECTED_FOR);
            tokio::select! {
                () = wires.shutdown.cancelled() => break,
                () = over.cancelled() => break,
                () = tokio::time::sleep_until(patience) => if disconnected.is_some() { break },
                state = states.recv() => match state {
                    Some(RTCPeerConnectionState::Connected) => {
                        is_disturbed.send_replace(false);
                        disconnected = None;
                    }
                    Some(RTCPeerConnectionState::Disconnected) => {
                        is_disturbed.send_replace(true);
                        disconnected = Some(Instant::now());
                    }
                    Some(RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed) | None => break,
                    Some(_) => {}
                },
                Some(track) = tracks.recv() => spawn(Box::pin(media::speaker(Arc::clone(parts), track))),
                event = channel.poll() => {
                    if matches!(event, Some(DataChannelEvent::OnOpen | DataChannelEvent::OnMessage(_))) {
                        open = true;
                        *before = None;
                    }
                    match event {
                        Some(DataChannelEvent::OnMessage(message)) => match ControlMessage::from_text(&message.data) {
                            Ok(message) => parts.tell(Heard::Control(message)),
                            Err(error) => tracing::warn!(robot.id = %parts.config.robot_id, %error, "a control message was ignored"),
                        },
                        Some(DataChannelEvent::OnClose) | None => break,
                        Some(_) => {}
                    }
                },
                Some(text) = control.recv(), if open => {
                    // Not sent is not lost: state is told again within 2 s.
                    let _ = timeout(Duration::from_secs(1), channel.send_text(&text)).await;
                }
            }
        }
    }
}

/// Hands the connection's events over without ever waiting.
struct Handler {
    states: mpsc::Sender<RTCPeerConnectionState>,
    tracks: mpsc::Sender<Arc<dyn TrackRemote>>,
    gathered: Arc<Notify>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let _ = self.states.try_send(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let _ = self.tracks.try_send(track);
    }
}
