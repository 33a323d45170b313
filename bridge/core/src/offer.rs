//! SDP offers: what a client may send, what it gets, and the text of the answer.
//!
//! Pure: lines in, decisions and lines out. It reads what it needs and ignores the rest; it resolves no name, opens no socket
//! and knows no robot. [`screen`] refuses with one sentence for whoever can do something about it. What passes has ICE
//! credentials, a SHA-256 fingerprint, one bundled transport and at least one track in the direction of its [`Role`].
//! An answer always mirrors the offer: as many sections, in the same order, with the same mids; what is refused has port 0.

mod answer;
mod screen;
#[cfg(test)]
mod tests;

pub use answer::{Local, answer, restart_fragment};
pub use screen::{fragment, screen};

/// Longest offer that is read, in bytes.
pub const MAX_OFFER_BYTES: usize = 64 * 1024;

/// Most media sections an offer may have; a robot or a pupil needs three.
pub const MAX_SECTIONS: usize = 16;

/// Which endpoint the offer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// WHIP: sends classroom media.
    Publisher,
    /// WHEP: receives it.
    Subscriber,
}

/// Why an offer was refused: one sentence for the person who can do something about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Over [`MAX_OFFER_BYTES`].
    #[error("the offer has {0} bytes; send at most {MAX_OFFER_BYTES}")]
    TooLarge(usize),
    /// No SDP.
    #[error("the body is not an SDP offer: {0}; send what createOffer returned, as application/sdp")]
    NotSdp(&'static str),
    /// Over [`MAX_SECTIONS`].
    #[error("the offer has {0} media sections; send at most {MAX_SECTIONS}")]
    TooManySections(usize),
    /// Credentials are missing or malformed.
    #[error("the offer has no usable a=ice-ufrag and a=ice-pwd; send a WebRTC offer")]
    NoIce,
    /// No SHA-256 fingerprint.
    #[error("the offer has no a=fingerprint:sha-256; send an offer for DTLS-SRTP")]
    NoFingerprint,
    /// `a=setup` is something else than actpass, active or passive.
    #[error("the offer's a=setup is not understood; send a=setup:actpass")]
    NoSetup,
    /// Several sections without BUNDLE.
    #[error("the offer's sections are not bundled; set bundlePolicy to max-bundle")]
    NotBundled,
    /// Nothing in the role's direction.
    #[error("{}", match .0 {
        Role::Publisher => "the offer sends no picture and no sound; make its video and audio sendonly or sendrecv",
        Role::Subscriber => "the offer receives no picture and no sound; make its video and audio recvonly or sendrecv",
    })]
    WrongDirection(Role),
    /// Video without a codec that is relayed.
    #[error("the offer's video has no codec that is relayed; offer H264 with packetization-mode=1, VP8, VP9 or AV1")]
    NoVideoCodec,
    /// A viewer without a codec of the picture that is sent, which is not made anew for anybody.
    #[error("the picture is sent as {} and the offer's video has no such codec; offer it, or let the camera send another", in_words(.0))]
    NotThisVideo(Vec<Codec>),
    /// Audio without Opus.
    #[error("the offer's audio has no codec that is relayed; offer opus/48000/2")]
    NoAudioCodec,
}

/// ICE user name fragment and password of one end.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, …)", self.ufrag)
    }
}

/// Which end of DTLS the other side wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// It is the client, or leaves the choice: we are the server.
    Active,
    /// It is the server: we begin.
    Passive,
}

/// A video codec that is relayed. Its payload is never read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264 with packetization mode 1.
    H264,
    /// VP8.
    Vp8,
    /// VP9, profile 0.
    Vp9,
    /// AV1.
    Av1,
}

/// As SDP calls them.
fn in_words(codecs: &[Codec]) -> String {
    let name = |codec: &Codec| match codec {
        Codec::H264 => "H264",
        Codec::Vp8 => "VP8",
        Codec::Vp9 => "VP9",
        Codec::Av1 => "AV1",
    };
    codecs.iter().map(name).collect::<Vec<_>>().join(" or ")
}

/// A header extension that is kept on both legs; others become padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// Transport-wide sequence number, for congestion feedback.
    TransportSequence,
    /// When the packet was sent.
    AbsoluteSendTime,
    /// How loud a sound packet is.
    AudioLevel,
    /// How the camera is turned.
    VideoOrientation,
}

/// One payload format of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The codec, for video.
    pub codec: Option<Codec>,
    /// RTP payload type in this offer.
    pub payload_type: u8,
    /// Payload type of its retransmissions, if offered.
    pub rtx: Option<u8>,
    /// What follows the number in `a=rtpmap`.
    pub rtpmap: String,
    /// What follows the number in `a=fmtp`.
    pub fmtp: Option<String>,
    /// Feedback both sides may use.
    pub feedback: Vec<&'static str>,
}

/// What a section of an offer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// The one sound track.
    Audio(Track),
    /// The one picture track.
    Video(Track),
    /// The one SCTP association.
    Channel,
    /// Not served; answered with port 0.
    Refused,
}

/// A track as offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// The other end sends on it.
    pub sends: bool,
    /// The other end receives on it.
    pub receives: bool,
    /// Usable formats in the order offered; never empty.
    pub formats: Vec<Format>,
    /// SSRC it announced, if any.
    pub ssrc: Option<u32>,
    /// SSRC it announced for retransmissions, if any.
    pub rtx_ssrc: Option<u32>,
}

/// One `m=` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `audio`, `video`, `application` or something else.
    pub media: String,
    /// Transport, copied into the answer.
    pub protocol: String,
    /// Formats, copied into the answer where they are refused.
    pub formats: String,
    /// Its `a=mid`.
    pub mid: Option<String>,
    /// What it is for.
    pub purpose: Use,
    /// Known header extensions with the offerer's ids, 1 to 14.
    pub extensions: Vec<(u8, Extension)>,
}

/// An offer that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The endpoint it came to.
    pub role: Role,
    /// ICE credentials of the offerer.
    pub ice: Credentials,
    /// SHA-256 of its certificate.
    pub fingerprint: [u8; 32],
    /// Its DTLS side.
    pub setup: Setup,
    /// Its sections in order.
    pub sections: Vec<Section>,
}

impl Offer {
    /// The sound track, if one is offered.
    #[must_use]
    pub fn audio(&self) -> Option<&Track> {
        self.sections.iter().find_map(|section| match &section.purpose {
            Use::Audio(track) => Some(track),
            _ => None,
        })
    }

    /// The picture track, if one is offered.
    #[must_use]
    pub fn video(&self) -> Option<&Track> {
        self.sections.iter().find_map(|section| match &section.purpose {
            Use::Video(track) => Some(track),
            _ => None,
        })
    }

    /// Whether a data channel is offered.
    #[must_use]
    pub fn has_channel(&self) -> bool {
        self.sections.iter().any(|section| section.purpose == Use::Channel)
    }

    /// Header extensions of the accepted tracks; one id has one meaning within a bundle.
    #[must_use]
    pub fn extensions(&self) -> Vec<(u8, Extension)> {
        let mut all: Vec<(u8, Extension)> = Vec::new();
        for section in self.sections.iter().filter(|section| matches!(section.purpose, Use::Audio(_) | Use::Video(_))) {
            for entry in &section.extensions {
                if !all.iter().any(|known| known.0 == entry.0 || known.1 == entry.1) {
                    all.push(*entry);
                }
            }
        }
        all
    }

    /// Narrows the picture track to the formats that will be used: `sent` is what the other leg agreed to, if it is there.
    ///
    /// A publisher keeps exactly one format: one of `sent`, else the first it offered. A subscriber keeps the one that
    /// fits what is sent; if nothing is sent yet, every usable one with H.264 first, then VP8, so that the robot may come
    /// later with any of them.
    ///
    /// # Errors
    /// A subscriber cannot take what is sent.
    pub fn settle_video(&mut self, sent: &[Format]) -> Result<(), OfferError> {
        let role = self.role;
        let track = self.sections.iter_mut().find_map(|section| match &mut section.purpose {
            Use::Video(track) => Some(track),
            _ => None,
        });
        let Some(track) = track else { return Ok(()) };
        let best = sent.iter().find_map(|want| best_match(&track.formats, want)).cloned();
        track.formats = match (best, role, sent.is_empty()) {
            (Some(best), _, _) => vec![best],
            (None, Role::Publisher, _) => track.formats.drain(..1).collect(),
            (None, Role::Subscriber, false) => {
                return Err(OfferError::NotThisVideo(sent.iter().filter_map(|format| format.codec).collect()));
            }
            (None, Role::Subscriber, true) => one_of_each(&track.formats),
        };
        Ok(())
    }
}

/// The format with the codec of `want`, preferring its H.264 profile.
fn best_match<'a>(formats: &'a [Format], want: &Format) -> Option<&'a Format> {
    let mut same = formats.iter().filter(|format| format.codec == want.codec).peekable();
    let first = same.peek().copied()?;
    let profile = want.h264_profile();
    Some(same.find(|format| profile.is_some() && format.h264_profile() == profile).unwrap_or(first))
}

fn one_of_each(formats: &[Format]) -> Vec<Format> {
    [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1]
        .iter()
        .filter_map(|codec| formats.iter().find(|format| format.codec == Some(*codec)).cloned())
        .collect()
}

impl Format {
    /// First byte of `profile-level-id`, for H.264.
    fn h264_profile(&self) -> Option<u8> {
        let value = parameter(self.fmtp.as_deref()?, "profile-level-id")?;
        u8::from_str_radix(value.get(..2)?, 16).ok()
    }
}

/// The value of `key` in a `key=value;key=value` list.
fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case(key).then_some(value.trim())
    })
}
