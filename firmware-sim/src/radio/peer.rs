//! What the connection to the bridge is made of: codecs, tracks, addresses, and the way requests for key frames and limits take to
//! the camera.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::IceServer;
use reqwest::Url;
use rtc::interceptor::{Attribute, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCIceServer;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_VP8};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::time::timeout;
use uuid::Uuid;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::rtp::{AUDIO_HZ, RtpStream, VIDEO_HZ};
use crate::config::VideoCodec;

/// For the address of the bridge's name.
const LOOKUP: Duration = Duration::from_secs(5);

/// How the bridge is reached: its address, and the one here that leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    bridge: SocketAddr,
    from: IpAddr,
}

impl Way {
    /// The way to where the permission says that the bridge is.
    pub(super) async fn to(endpoint: &Url) -> Option<Self> {
        let host = endpoint.host_str()?.trim_start_matches('[').trim_end_matches(']');
        let port = endpoint.port_or_known_default().unwrap_or(443);
        let mut found = timeout(LOOKUP, tokio::net::lookup_host((host, port))).await.ok()?.ok()?;
        let bridge = found.next()?;
        Some(Self { bridge, from: source(bridge)? })
    }

    /// Whether the bridge is reached from another address by now. A robot without any network has no other way yet.
    pub(super) fn has_changed(self) -> bool {
        source(self.bridge).is_some_and(|from| from != self.from)
    }
}

/// From which address `to` is reached.
fn source(to: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    // Connecting a datagram socket sends nothing; it asks the routing table.
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Where to send from: the address that leads to the bridge; where that is loopback, the machine's others too, for its media port
/// may be announced with any of them.
pub(super) fn local_addresses(way: Option<Way>) -> Vec<SocketAddr> {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    match way {
        Some(way) if way.from.is_loopback() => vec![SocketAddr::new(way.from, 0), any],
        Some(way) => vec![SocketAddr::new(way.from, 0)],
        None => vec![any],
    }
}

/// The TURN servers of a permission that the library can use, which is those that are called over UDP.
pub(super) fn relays(servers: &[IceServer]) -> Vec<RTCIceServer> {
    let usable = |url: &&String| {
        url.starts_with("turn:") && url.split_once("?transport=").is_none_or(|(_, transport)| transport == "udp")
    };
    servers
        .iter()
        .map(|server| RTCIceServer {
            urls: server.urls.iter().filter(usable).cloned().collect(),
            username: server.username.clone(),
            credential: server.credential.clone(),
        })
        .filter(|server| !server.urls.is_empty())
        .collect()
}

/// A track to send on, and its SSRC.
pub(super) fn track(id: &str, kind: RtpCodecKind, codec: &RTCRtpCodec) -> (Arc<TrackLocalStaticRTP>, u32) {
    let ssrc = Uuid::new_v4().as_fields().0 | 1;
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: codec.clone(),
        ..Default::default()
    };
    let track = MediaStreamTrack::new("robot".into(), id.into(), id.into(), kind, vec![encoding]);
    (Arc::new(TrackLocalStaticRTP::new(track)), ssrc)
}

/// The RTP stream that feeds `track`.
pub(super) fn stream(
    track: &Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    codec: &RTCRtpCodecParameters,
    clock_hz: u32,
) -> webrtc::error::Result<RtpStream> {
    // The answerer uses the offerer's payload types (RFC 3264 §6.1), and only one was offered.
    Ok(RtpStream::new(Arc::clone(track), ssrc, codec.payload_type, clock_hz, codec.rtp_codec.payloader()?))
}

fn feedback(typ: &str, parameter: &str) -> RTCPFeedback {
    RTCPFeedback { typ: typ.to_owned(), parameter: parameter.to_owned() }
}

/// The one way of compressing pictures that is offered.
pub(super) fn video_codec(codec: VideoCodec) -> RTCRtpCodecParameters {
    let (mime_type, fmtp, payload_type) = match codec {
        VideoCodec::H264 => (MIME_TYPE_H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 102),
        VideoCodec::Vp8 => (MIME_TYPE_VP8, "", 96),
    };
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate: VIDEO_HZ,
            channels: 0,
            sdp_fmtp_line: fmtp.to_owned(),
            rtcp_feedback: vec![
                feedback("ccm", "fir"),
                feedback("nack", ""),
                feedback("nack", "pli"),
                feedback("goog-remb", ""),
            ],
        },
        payload_type,
    }
}

/// The one way of compressing sound that is offered.
pub(super) fn opus_codec() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: MIME_TYPE_OPUS.to_owned(),
            clock_rate: AUDIO_HZ,
            channels: 2,
            sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
            rtcp_feedback: vec![feedback("nack", "")],
        },
        payload_type: 111,
    }
}

/// Whether this RTCP packet asks for a key frame (RFC 4585 §6.3.1, RFC 5104 §4.3.1).
pub(super) fn is_key_request(packet: &dyn rtc::rtcp::Packet) -> bool {
    let packet = packet.as_any();
    packet.is::<PictureLossIndication>() || packet.is::<FullIntraRequest>()
}

/// What the picture may take in bits per second, if this RTCP packet says so (draft-alvestrand-rmcat-remb-03).
pub(super) fn limit(packet: &dyn rtc::rtcp::Packet) -> Option<u32> {
    let limit = packet.as_any().downcast_ref::<ReceiverEstimatedMaximumBitrate>()?.bitrate;
    // The conversion saturates; what is no number becomes 0, and the encoder has a least rate.
    Some(limit as u32)
}

/// Lets requests for a key frame and limits through to the camera; the library keeps all other feedback to itself.
#[derive(Default)]
pub(super) struct CameraRequests {
    inward: VecDeque<TaggedPacket>,
    outward: VecDeque<TaggedPacket>,
}

impl rtc::sansio::Protocol<TaggedPacket, TaggedPacket, ()> for CameraRequests {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = rtc::shared::error::Error;
    type Time = std::time::Instant;

    fn handle_read(&mut self, mut message: TaggedPacket) -> Result<(), Self::Error> {
        if let Packet::Rtcp(packets) = &message.message.packet
            && packets.iter().any(|packet| is_key_request(packet.as_ref()) || limit(packet.as_ref()).is_some())
        {
            message.message.add(Attribute::DeliverToApplication);
        }
        self.inward.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<Self::Rout> {
        self.inward.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Self::Error> {
        self.outward.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<Self::Wout> {
        self.outward.pop_front()
    }
}

impl Interceptor for CameraRequests {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
