//! From [`Offer`] to the answer's text.

use std::fmt::Write;
use std::net::SocketAddr;

use super::{Credentials, Extension, Format, Offer, Role, Section, Setup, Track, Use};

/// What the bridge puts into an answer.
#[derive(Clone, Debug)]
pub struct Local<'a> {
    /// Its own ICE credentials for this leg.
    pub ice: &'a Credentials,
    /// SHA-256 of its certificate.
    pub fingerprint: [u8; 32],
    /// Where it can be reached by UDP, the best first: some clients try only the first.
    pub udp: &'a [SocketAddr],
    /// Where it takes TCP connections.
    pub tcp: &'a [SocketAddr],
    /// SSRC of the sound it sends.
    pub audio_ssrc: u32,
    /// SSRC of the picture it sends.
    pub video_ssrc: u32,
    /// SSRC of the picture's retransmissions.
    pub rtx_ssrc: u32,
    /// Whether it takes a subscriber's sound.
    pub listens: bool,
}

/// The answer to `offer`, whose video has been settled.
#[must_use]
pub fn answer(offer: &Offer, local: &Local<'_>) -> String {
    let mut text = String::with_capacity(4096);
    line(&mut text, format_args!("v=0"));
    line(&mut text, format_args!("o=- {} 1 IN IP4 0.0.0.0", local.video_ssrc));
    line(&mut text, format_args!("s=-"));
    line(&mut text, format_args!("t=0 0"));
    line(&mut text, format_args!("a=ice-lite"));
    bundle(&mut text, offer);
    line(&mut text, format_args!("a=msid-semantic: WMS *"));
    for section in &offer.sections {
        match &section.purpose {
            Use::Refused => refused(&mut text, section),
            Use::Channel => {
                opening(&mut text, section, &section.formats, offer.setup, local);
                line(&mut text, format_args!("a=sctp-port:5000"));
                line(&mut text, format_args!("a=max-message-size:65536"));
                candidates(&mut text, local);
            }
            Use::Audio(track) => {
                let takes = offer.role == Role::Publisher || local.listens;
                track_section(&mut text, offer, section, track, local, (track.receives, track.sends && takes), false);
            }
            Use::Video(track) => {
                // Pictures go one way: from the robot.
                let directions = match offer.role {
                    Role::Publisher => (false, track.sends),
                    Role::Subscriber => (track.receives, false),
                };
                track_section(&mut text, offer, section, track, local, directions, true);
            }
        }
    }
    text
}

/// The body that answers an ICE restart (RFC 9725 §4.3.3): new credentials, the same candidates.
#[must_use]
pub fn restart_fragment(offer: &Offer, local: &Local<'_>) -> String {
    let mut text = String::with_capacity(512);
    line(&mut text, format_args!("a=ice-lite"));
    bundle(&mut text, offer);
    if let Some(section) = offer.sections.iter().find(|section| section.purpose != Use::Refused) {
        line(&mut text, format_args!("m={} 9 {} {}", section.media, section.protocol, section.formats));
        if let Some(mid) = &section.mid {
            line(&mut text, format_args!("a=mid:{mid}"));
        }
    }
    line(&mut text, format_args!("a=ice-ufrag:{}", local.ice.ufrag));
    line(&mut text, format_args!("a=ice-pwd:{}", local.ice.pwd));
    candidates(&mut text, local);
    text
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(content);
    text.push_str("\r\n");
}

fn bundle(text: &mut String, offer: &Offer) {
    let used = offer.sections.iter().filter(|section| section.purpose != Use::Refused);
    let mids: Vec<&str> = used.filter_map(|section| section.mid.as_deref()).collect();
    if !mids.is_empty() {
        line(text, format_args!("a=group:BUNDLE {}", mids.join(" ")));
    }
}

fn refused(text: &mut String, section: &Section) {
    line(text, format_args!("m={} 0 {} {}", section.media, section.protocol, section.formats));
    line(text, format_args!("c=IN IP4 0.0.0.0"));
    if let Some(mid) = &section.mid {
        line(text, format_args!("a=mid:{mid}"));
    }
    line(text, format_args!("a=inactive"));
}

/// `m=` line and transport attributes.
fn opening(text: &mut String, section: &Section, formats: &str, setup: Setup, local: &Local<'_>) {
    let first = local.udp.first().copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 9)));
    line(text, format_args!("m={} {} {} {}", section.media, first.port(), section.protocol, formats));
    let family = if first.is_ipv4() { "IP4" } else { "IP6" };
    line(text, format_args!("c=IN {family} {}", first.ip()));
    if let Some(mid) = &section.mid {
        line(text, format_args!("a=mid:{mid}"));
    }
    line(text, format_args!("a=ice-ufrag:{}", local.ice.ufrag));
    line(text, format_args!("a=ice-pwd:{}", local.ice.pwd));
    let hex: Vec<String> = local.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    line(text, format_args!("a=fingerprint:sha-256 {}", hex.join(":")));
    let own = match setup {
        Setup::Active => "passive",
        Setup::Passive => "active",
    };
    line(text, format_args!("a=setup:{own}"));
}

fn track_section(
    text: &mut String,
    offer: &Offer,
    section: &Section,
    track: &Track,
    local: &Local<'_>,
    (sends, receives): (bool, bool),
    video: bool,
) {
    let numbers: Vec<String> = track
        .formats
        .iter()
        .flat_map(|format| [Some(format.payload_type), format.rtx])
        .flatten()
        .map(|number| number.to_string())
        .collect();
    opening(text, section, &numbers.join(" "), offer.setup, local);
    line(
        text,
        format_args!(
            "a={}",
            match (sends, receives) {
                (true, true) => "sendrecv",
                (true, false) => "sendonly",
                (false, true) => "recvonly",
                (false, false) => "inactive",
            }
        ),
    );
    line(text, format_args!("a=rtcp-mux"));
    line(text, format_args!("a=rtcp-rsize"));
    for format in &track.formats {
        format_lines(text, format);
    }
    for (id, extension) in &section.extensions {
        line(text, format_args!("a=extmap:{id} {}", uri(*extension)));
    }
    if sends {
        let (ssrc, rtx) = if video { (local.video_ssrc, local.rtx_ssrc) } else { (local.audio_ssrc, 0) };
        let repaired = video && track.formats.iter().any(|format| format.rtx.is_some());
        line(text, format_args!("a=msid:windowseat {}", section.media));
        if repaired {
            line(text, format_args!("a=ssrc-group:FID {ssrc} {rtx}"));
        }
        // The media SSRC comes first: Chromium takes the first a=ssrc line for it, whatever the group says.
        line(text, format_args!("a=ssrc:{ssrc} cname:windowseat"));
        if repaired {
            line(text, format_args!("a=ssrc:{rtx} cname:windowseat"));
        }
    }
    candidates(text, local);
}

fn format_lines(text: &mut String, format: &Format) {
    let number = format.payload_type;
    line(text, format_args!("a=rtpmap:{number} {}", format.rtpmap));
    if let Some(fmtp) = &format.fmtp {
        line(text, format_args!("a=fmtp:{number} {fmtp}"));
    }
    for feedback in &format.feedback {
        line(text, format_args!("a=rtcp-fb:{number} {feedback}"));
    }
    if let Some(rtx) = format.rtx {
        line(text, format_args!("a=rtpmap:{rtx} rtx/90000"));
        line(text, format_args!("a=fmtp:{rtx} apt={number}"));
    }
}

/// Host candidates in the given order, priorities falling (RFC 8445 §5.1.2): UDP, then TCP with a lower type preference and the
/// direction preference of passive ones (RFC 6544 §4.2).
fn candidates(text: &mut String, local: &Local<'_>) {
    let udp = (0_u32..).zip(local.udp.iter().take(32)).map(|(index, address)| {
        let priority = (126 << 24) | ((65_535 - index) << 8) | 255;
        (address, format!("udp {priority}"), "")
    });
    let tcp = (0_u32..).zip(local.tcp.iter().take(32)).map(|(index, address)| {
        let priority = (90 << 24) | (((4 << 13) | (8_191 - index)) << 8) | 255;
        (address, format!("tcp {priority}"), " tcptype passive")
    });
    for (foundation, (address, transport, kind)) in (1_u32..).zip(udp.chain(tcp)) {
        let (ip, port) = (address.ip(), address.port());
        line(text, format_args!("a=candidate:{foundation} 1 {transport} {ip} {port} typ host{kind}"));
    }
    line(text, format_args!("a=end-of-candidates"));
}

fn uri(extension: Extension) -> &'static str {
    match extension {
        Extension::TransportSequence => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        Extension::AbsoluteSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        Extension::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        Extension::VideoOrientation => "urn:3gpp:video-orientation",
    }
}
