//! From text to [`Offer`]. Every line is untrusted: lengths and numbers are checked, unknown lines are skipped.

use super::{
    Codec, Credentials, Extension, Format, MAX_OFFER_BYTES, MAX_SECTIONS, Offer, OfferError, Role, Section, Setup, Track, Use,
    parameter,
};

/// Feedback that the bridge serves or passes on.
const FEEDBACK: [&str; 5] = ["nack", "nack pli", "ccm fir", "transport-cc", LIMIT];

/// How a robot is told what the tablet's network takes. A tablet is never told so, and its own word on it is not read.
const LIMIT: &str = "goog-remb";

/// Most formats read per section.
const MAX_FORMATS: usize = 64;

/// Longest ICE credential, RFC 8839 §5.4.
const MAX_CREDENTIAL: usize = 256;

/// Reads an offer.
///
/// # Errors
/// It cannot be served; see [`OfferError`].
pub fn screen(sdp: &str, role: Role) -> Result<Offer, OfferError> {
    if sdp.len() > MAX_OFFER_BYTES {
        return Err(OfferError::TooLarge(sdp.len()));
    }
    if !sdp.trim_start().starts_with("v=0") {
        return Err(OfferError::NotSdp("it does not start with v=0"));
    }
    let (session, media) = split(sdp);
    if media.is_empty() {
        return Err(OfferError::NotSdp("it has no m= line"));
    }
    if media.len() > MAX_SECTIONS {
        return Err(OfferError::TooManySections(media.len()));
    }

    let mut seen = Seen::default();
    let sections = media.iter().map(|lines| section(lines, &session, role, &mut seen)).collect::<Result<Vec<_>, _>>()?;
    let used: Vec<usize> = (0..sections.len()).filter(|&index| sections[index].purpose != Use::Refused).collect();
    if !seen.wanted {
        return Err(OfferError::WrongDirection(role));
    }
    bundled(&session, &sections, &used)?;

    // Transport attributes stand in the bundle's first section, in each section, or at session level.
    let scopes: Vec<&Lines<'_>> = used.iter().map(|&index| &media[index]).chain(&media).chain([&session]).collect();
    let ice =
        scopes.iter().find_map(|scope| credentials(scope)).or_else(|| split_credentials(&scopes)).ok_or(OfferError::NoIce)?;
    let fingerprint =
        scopes.iter().flat_map(|scope| scope.all("fingerprint")).find_map(sha256).ok_or(OfferError::NoFingerprint)?;
    let setup = match scopes.iter().find_map(|scope| scope.first("setup")) {
        None | Some("actpass" | "active") => Setup::Active,
        Some("passive") => Setup::Passive,
        Some(_) => return Err(OfferError::NoSetup),
    };
    Ok(Offer { role, ice, fingerprint, setup, sections })
}

/// Reads a trickle fragment (RFC 8840): the credentials it names, or `None` if it holds candidates only.
///
/// # Errors
/// It is too large, or it names malformed credentials.
pub fn fragment(text: &str) -> Result<Option<Credentials>, OfferError> {
    if text.len() > MAX_OFFER_BYTES {
        return Err(OfferError::TooLarge(text.len()));
    }
    let lines = Lines(text.lines().map(str::trim_end).collect());
    match (lines.first("ice-ufrag"), lines.first("ice-pwd")) {
        (None, None) => Ok(None),
        _ => credentials(&lines).map(Some).ok_or(OfferError::NoIce),
    }
}

/// Lines of one scope: the session's, or one section's with its `m=` line first.
#[derive(Default)]
struct Lines<'a>(Vec<&'a str>);

impl<'a> Lines<'a> {
    /// Values of `a=key:value` lines.
    fn all<'s>(&'s self, key: &'s str) -> impl Iterator<Item = &'a str> + 's {
        self.0.iter().filter_map(move |line| line.strip_prefix("a=")?.strip_prefix(key)?.strip_prefix(':').map(str::trim))
    }

    fn first(&self, key: &str) -> Option<&'a str> {
        self.all(key).next()
    }

    /// Whether there is a line `a=flag`.
    fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|line| line.strip_prefix("a=") == Some(flag))
    }
}

fn split(sdp: &str) -> (Lines<'_>, Vec<Lines<'_>>) {
    let mut session = Lines::default();
    let mut media: Vec<Lines<'_>> = Vec::new();
    for line in sdp.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            media.push(Lines::default());
        }
        media.last_mut().unwrap_or(&mut session).0.push(line);
    }
    (session, media)
}

/// What was found so far, so that the first track of a kind is the one used.
#[derive(Default)]
struct Seen {
    audio: bool,
    video: bool,
    channel: bool,
    /// A track in the role's direction.
    wanted: bool,
}

fn section(lines: &Lines<'_>, session: &Lines<'_>, role: Role, seen: &mut Seen) -> Result<Section, OfferError> {
    let head = lines.0.first().and_then(|line| line.strip_prefix("m=")).unwrap_or_default();
    let mut words = head.split_whitespace();
    let (Some(media), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
        return Err(OfferError::NotSdp("an m= line is incomplete"));
    };
    let formats: Vec<&str> = words.take(MAX_FORMATS).collect();
    let enabled = port != "0" || lines.has("bundle-only");
    let purpose = match media {
        _ if !enabled => Use::Refused,
        "application" if protocol.ends_with("DTLS/SCTP") && !seen.channel => {
            seen.channel = true;
            Use::Channel
        }
        "audio" if protocol.contains("TLS/RTP/SAVP") && !seen.audio => track(lines, session, role, &formats, seen, false)?,
        "video" if protocol.contains("TLS/RTP/SAVP") && !seen.video => track(lines, session, role, &formats, seen, true)?,
        _ => Use::Refused,
    };
    Ok(Section {
        media: media.into(),
        protocol: protocol.into(),
        formats: formats.join(" "),
        mid: lines.first("mid").map(Into::into),
        purpose,
        extensions: extensions(lines, session),
    })
}

/// A track in a direction that serves its role; one that serves nothing is refused without an error.
fn track(
    lines: &Lines<'_>,
    session: &Lines<'_>,
    role: Role,
    numbers: &[&str],
    seen: &mut Seen,
    video: bool,
) -> Result<Use, OfferError> {
    let (sends, receives) = direction(lines).or_else(|| direction(session)).unwrap_or((true, true));
    let wanted = match role {
        Role::Publisher => sends,
        Role::Subscriber => receives,
    };
    // Sound may also go only the other way: a pupil who talks and does not listen is still served.
    if !wanted && (video || !(sends || receives)) {
        return Ok(Use::Refused);
    }
    let mut formats = if video { video_formats(lines, numbers) } else { audio_formats(lines, numbers) };
    if role == Role::Subscriber {
        formats.iter_mut().for_each(|format| format.feedback.retain(|kind| *kind != LIMIT));
    }
    if formats.is_empty() {
        return Err(if video { OfferError::NoVideoCodec } else { OfferError::NoAudioCodec });
    }
    seen.wanted |= wanted;
    let (ssrc, rtx_ssrc) = ssrcs(lines);
    let track = Track { sends, receives, formats, ssrc, rtx_ssrc };
    Ok(if video {
        seen.video = true;
        Use::Video(track)
    } else {
        seen.audio = true;
        Use::Audio(track)
    })
}

fn direction(lines: &Lines<'_>) -> Option<(bool, bool)> {
    [("sendrecv", (true, true)), ("sendonly", (true, false)), ("recvonly", (false, true)), ("inactive", (false, false))]
        .into_iter()
        .find_map(|(flag, value)| lines.has(flag).then_some(value))
}

/// `a=<key>:<number> <rest>` lines as pairs.
fn numbered<'a>(lines: &Lines<'a>, key: &str) -> Vec<(u8, &'a str)> {
    let pairs = lines.all(key).filter_map(|value| {
        let (number, rest) = value.split_once(' ')?;
        Some((number.parse().ok()?, rest.trim()))
    });
    pairs.take(MAX_FORMATS).collect()
}

fn audio_formats(lines: &Lines<'_>, numbers: &[&str]) -> Vec<Format> {
    let mut formats = formats(lines, numbers, |name, _| name.eq_ignore_ascii_case("opus").then_some(None));
    formats.truncate(1);
    formats
}

fn video_formats(lines: &Lines<'_>, numbers: &[&str]) -> Vec<Format> {
    let mut formats = formats(lines, numbers, |name, fmtp| {
        let value = |key| parameter(fmtp, key);
        let codec = match name.to_ascii_uppercase().as_str() {
            // Mode 0 cannot carry pictures larger than a packet.
            "H264" if value("packetization-mode") == Some("1") => Codec::H264,
            "VP8" => Codec::Vp8,
            "VP9" if matches!(value("profile-id"), None | Some("0")) => Codec::Vp9,
            "AV1" => Codec::Av1,
            _ => return None,
        };
        Some(Some(codec))
    });
    // Among H.264 formats constrained baseline comes first, because everything decodes it.
    let rank =
        |format: &Format| match (format.codec, format.fmtp.as_deref().and_then(|fmtp| parameter(fmtp, "profile-level-id"))) {
            (Some(Codec::H264), Some(profile)) if profile.to_ascii_lowercase().starts_with("42e0") => 0,
            (Some(Codec::H264), Some(profile)) if profile.starts_with("42") => 1,
            (Some(Codec::H264), _) => 2,
            _ => 0,
        };
    let mut h264: Vec<Format> = formats.iter().filter(|format| format.codec == Some(Codec::H264)).cloned().collect();
    h264.sort_by_key(rank);
    let mut sorted = h264.into_iter();
    for format in formats.iter_mut().filter(|format| format.codec == Some(Codec::H264)) {
        if let Some(next) = sorted.next() {
            *format = next;
        }
    }
    formats
}

/// Formats whose codec `keep` knows, in the order of the `m=` line, with their retransmission and feedback.
fn formats(lines: &Lines<'_>, numbers: &[&str], keep: impl Fn(&str, &str) -> Option<Option<Codec>>) -> Vec<Format> {
    let maps = numbered(lines, "rtpmap");
    let fmtps = numbered(lines, "fmtp");
    let fmtp_of = |number: u8| fmtps.iter().find(|entry| entry.0 == number).map(|entry| entry.1);
    let name_of = |number: u8| maps.iter().find(|entry| entry.0 == number).map(|entry| entry.1);
    let offered = |number: u8| numbers.contains(&number.to_string().as_str());
    // RTP and RTCP share a port; payload types 64 to 95 would be taken for reports (RFC 5761 §4).
    let usable = |number: &u8| *number < 64 || (96..128).contains(number);
    let rtx_of = |number: u8| {
        let apt = number.to_string();
        maps.iter().map(|entry| entry.0).filter(usable).find(|&rtx| {
            offered(rtx)
                && name_of(rtx).is_some_and(|map| map.to_ascii_lowercase().starts_with("rtx/"))
                && fmtp_of(rtx).and_then(|fmtp| parameter(fmtp, "apt")) == Some(apt.as_str())
        })
    };
    let build = |number: u8| {
        let rtpmap = name_of(number)?;
        let fmtp = fmtp_of(number);
        let codec = keep(rtpmap.split('/').next()?, fmtp.unwrap_or_default())?;
        let own = number.to_string();
        let feedback = FEEDBACK.into_iter().filter(|wanted| {
            lines
                .all("rtcp-fb")
                .filter_map(|value| value.split_once(' '))
                .any(|(of, kind)| (of == "*" || of == own) && kind.trim() == *wanted)
        });
        Some(Format {
            codec,
            payload_type: number,
            rtx: rtx_of(number),
            rtpmap: rtpmap.into(),
            fmtp: fmtp.map(Into::into),
            feedback: feedback.collect(),
        })
    };
    numbers.iter().filter_map(|number| number.parse().ok()).filter(usable).filter_map(build).collect()
}

fn extensions(lines: &Lines<'_>, session: &Lines<'_>) -> Vec<(u8, Extension)> {
    let mut known: Vec<(u8, Extension)> = Vec::new();
    for value in lines.all("extmap").chain(session.all("extmap")) {
        let Some((id, uri)) = value.split_once(' ') else { continue };
        let Ok(id) = id.split('/').next().unwrap_or_default().parse::<u8>() else { continue };
        let extension = match uri.split_whitespace().next().unwrap_or_default() {
            "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01" => Extension::TransportSequence,
            "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time" => Extension::AbsoluteSendTime,
            "urn:ietf:params:rtp-hdrext:ssrc-audio-level" => Extension::AudioLevel,
            "urn:3gpp:video-orientation" => Extension::VideoOrientation,
            _ => continue,
        };
        // One-byte headers only: ids 1 to 14 (RFC 8285 §4.2).
        if (1..=14).contains(&id) && !known.iter().any(|entry| entry.0 == id || entry.1 == extension) {
            known.push((id, extension));
        }
    }
    known
}

/// SSRCs of the media and of its retransmissions; 0 means none.
fn ssrcs(lines: &Lines<'_>) -> (Option<u32>, Option<u32>) {
    let number = |text: &str| text.parse::<u32>().ok().filter(|ssrc| *ssrc != 0);
    let first = lines.first("ssrc").and_then(|value| number(value.split(' ').next()?));
    let pair = lines.all("ssrc-group").find_map(|group| {
        let mut members = group.strip_prefix("FID ")?.split(' ').map(number);
        Some((members.next()??, members.next()??))
    });
    match pair {
        Some((media, rtx)) => (Some(media), Some(rtx)),
        None => (first, None),
    }
}

fn bundled(session: &Lines<'_>, sections: &[Section], used: &[usize]) -> Result<(), OfferError> {
    if used.len() < 2 {
        return Ok(());
    }
    let group: Vec<&str> =
        session.all("group").find_map(|value| value.strip_prefix("BUNDLE ")).unwrap_or_default().split(' ').collect();
    let member = |index: &usize| sections[*index].mid.as_deref().is_some_and(|mid| group.contains(&mid));
    if used.iter().all(member) { Ok(()) } else { Err(OfferError::NotBundled) }
}

fn credentials(scope: &Lines<'_>) -> Option<Credentials> {
    checked(scope.first("ice-ufrag")?, scope.first("ice-pwd")?)
}

/// User name fragment in one scope and password in another.
fn split_credentials(scopes: &[&Lines<'_>]) -> Option<Credentials> {
    let find = |key| scopes.iter().find_map(|scope| scope.first(key));
    checked(find("ice-ufrag")?, find("ice-pwd")?)
}

fn checked(ufrag: &str, pwd: &str) -> Option<Credentials> {
    let sound = |text: &str, least: usize| {
        (least..=MAX_CREDENTIAL).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
    };
    (sound(ufrag, 4) && sound(pwd, 22)).then(|| Credentials { ufrag: ufrag.into(), pwd: pwd.into() })
}

fn sha256(value: &str) -> Option<[u8; 32]> {
    let (algorithm, hex) = value.split_once(' ')?;
    if !algorithm.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let mut out = [0; 32];
    let mut bytes = hex.trim().split(':');
    for slot in &mut out {
        *slot = bytes.next().filter(|byte| byte.len() == 2).and_then(|byte| u8::from_str_radix(byte, 16).ok())?;
    }
    bytes.next().is_none().then_some(out)
}
