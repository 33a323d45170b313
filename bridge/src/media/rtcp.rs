//! RTCP translation between two legs (RFC 3550 §6, RFC 4585, RFC 5104), on decrypted compound packets.
//!
//! Sender and receiver reports are passed on with SSRCs, sequence numbers and timestamps of the other leg. Key-frame requests and
//! NACKs are taken out and reported: the bridge asks itself and not too often, and resends from its own memory. Congestion feedback
//! ends here: it says how this leg is, and the bridge writes its own to the other. A name (SDES) is replaced by ours; BYE, APP, XR and
//! what is unknown is dropped.

use super::feedback::read::{self, Fate};
use super::stream::{SLOTS, Slot};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

const NACK: u8 = 1;
const CONGESTION: u8 = 15;
const PICTURE_LOSS: u8 = 1;
const FULL_INTRA: u8 = 4;

/// Most packets asked for again that are heard in one compound packet.
const MAX_WANTED: usize = 512;

const BLOCK: usize = 24;

/// CNAME chunk item of everything the bridge sends, as in its answers: type 1, ten bytes.
const NAME: &[u8] = b"\x01\x0Awindowseat";

/// How the reporting leg's SSRCs are called on the other leg.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    /// Streams the reporting leg sends and the other leg is sent.
    pub(super) forward: [Option<Forward>; SLOTS],
    /// Streams the reporting leg is sent and the other leg sends.
    pub(super) backward: [Option<Backward>; SLOTS],
    /// Who reports, on the other leg, where no stream of its own says so.
    pub(super) reporter: u32,
}

/// A stream on its way from the reporting leg.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forward {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) timestamp_offset: u32,
}

/// A stream on its way to the reporting leg; `from` is its SSRC here, `to` the one it has at its source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backward {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) offset: i64,
}

/// What the bridge itself learns from a compound packet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// A fresh picture is wanted.
    pub(super) key_frame: bool,
    /// How the streams this leg is sent arrive.
    pub(super) receptions: Vec<Reception>,
    /// Packets this leg was sent and wants again.
    pub(super) wanted: Vec<(Slot, u16)>,
    /// What became of packets this leg was sent, by their transport-wide numbers.
    pub(super) fates: Vec<Fate>,
    /// Middle 32 bits of the NTP times of forwarded sender reports.
    pub(super) sender_reports: Vec<u32>,
}

/// One report block about a stream the bridge sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reception {
    pub(super) slot: Slot,
    /// Lost since the last report, in 1/256.
    pub(super) fraction_lost: u8,
    /// How unevenly packets arrive, in ticks of the timestamps.
    pub(super) jitter: u32,
    /// The sender report it answers; 0 if none came yet.
    pub(super) last_report: u32,
    /// Time since then, in 1/65536 s.
    pub(super) delay: u32,
}

/// Reads the compound packet of a leg that is sent `own` SSRCs, and appends what the other leg should hear to `out`.
pub(super) fn translate(compound: &[u8], own: &[u32; SLOTS], links: &Links, out: &mut Vec<u8>) -> Findings {
    let mut findings = Findings::default();
    let mut rest = compound;
    // A name alone says nothing.
    let mut worth_sending = false;
    let start = out.len();
    while let Some(&[first, kind, high, low]) = rest.first_chunk::<4>() {
        let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        let Some(packet) = rest.get(..length).filter(|_| first >> 6 == 2) else { break };
        rest = &rest[length..];
        let format = first & 31;
        worth_sending |= match kind {
            SENDER_REPORT | RECEIVER_REPORT => report(packet, kind, format, own, links, &mut findings, out),
            SOURCE_DESCRIPTION => {
                name(packet, links, out);
                false
            }
            TRANSPORT_FEEDBACK => {
                match format {
                    NACK => wanted(packet, own, &mut findings.wanted),
                    CONGESTION => findings.fates.extend(read::read(packet).unwrap_or_default()),
                    _ => {}
                }
                false
            }
            PAYLOAD_FEEDBACK => {
                findings.key_frame |= wants_key_frame(packet, format, own);
                false
            }
            _ => false,
        };
    }
    if !worth_sending {
        out.truncate(start);
    }
    findings
}

/// A picture-loss indication to the owner of `media`.
pub(super) fn picture_loss(reporter: u32, media: u32) -> [u8; 12] {
    let mut packet = [0x81, PAYLOAD_FEEDBACK, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    packet[4..8].copy_from_slice(&reporter.to_be_bytes());
    packet[8..12].copy_from_slice(&media.to_be_bytes());
    packet
}

/// A request for packets of `media` again (RFC 4585 §6.2.1). `numbers` rise.
pub(super) fn nack(reporter: u32, media: u32, numbers: &[u16]) -> Vec<u8> {
    let mut packet = vec![0x81, TRANSPORT_FEEDBACK, 0, 0];
    packet.extend(reporter.to_be_bytes());
    packet.extend(media.to_be_bytes());
    let mut rest = numbers.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let mut others = 0_u16;
        while let Some(number) = rest.next_if(|number| (1..=16).contains(&number.wrapping_sub(first))) {
            others |= 1 << (number.wrapping_sub(first) - 1);
        }
        packet.extend(first.to_be_bytes());
        packet.extend(others.to_be_bytes());
    }
    finish(&mut packet, 0);
    packet
}

/// Receiver Estimated Maximum Bitrate (draft-alvestrand-rmcat-remb-03): what the other end may send as `media`.
pub(super) fn maximum(reporter: u32, media: u32, bits_per_second: u64) -> Vec<u8> {
    let mut packet = vec![0x8F, PAYLOAD_FEEDBACK, 0, 5];
    packet.extend(reporter.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(b"REMB");
    // Eighteen bits of mantissa.
    let exponent = (64 - bits_per_second.leading_zeros()).saturating_sub(18);
    let mantissa = bits_per_second >> exponent;
    let word = 1 << 24 | u64::from(exponent) << 18 | mantissa;
    packet.extend(&word.to_be_bytes()[4..]);
    packet.extend(media.to_be_bytes());
    packet
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

fn forward_of(links: &Links, ssrc: u32) -> Option<Forward> {
    links.forward.iter().flatten().find(|link| link.from == ssrc).copied()
}

fn backward_of(links: &Links, ssrc: u32) -> Option<Backward> {
    links.backward.iter().flatten().find(|link| link.from == ssrc).copied()
}

fn report(
    packet: &[u8],
    kind: u8,
    count: u8,
    own: &[u32; SLOTS],
    links: &Links,
    findings: &mut Findings,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let blocks_at = if kind == SENDER_REPORT { 28 } else { 8 };
    let (Some(sender), Some(head)) = (word(packet, 4), packet.get(..blocks_at)) else { return false };
    let forward = forward_of(links, sender);
    let mut kept = 0;
    out.extend(head);
    for block in packet[blocks_at..].chunks_exact(BLOCK).take(usize::from(count)) {
        let (Some(about), Some(highest), Some(jitter), Some(last_report), Some(delay)) =
            (word(block, 0), word(block, 8), word(block, 12), word(block, 16), word(block, 20))
        else {
            break;
        };
        if let Some(slot) = Slot::ALL.into_iter().find(|slot| own[*slot as usize] == about) {
            findings.receptions.push(Reception { slot, fraction_lost: block[4], jitter, last_report, delay });
        }
        let Some(link) = backward_of(links, about) else { continue };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "extended sequence numbers wrap")]
        let highest = (i64::from(highest) - link.offset) as u32;
        out.extend(link.to.to_be_bytes());
        out.extend(&block[4..8]);
        out.extend(highest.to_be_bytes());
        out.extend(&block[12..BLOCK]);
        kept += 1;
    }
    let written = &mut out[start..];
    match forward {
        Some(link) if kind == SENDER_REPORT => {
            if let (Some(timestamp), Some(middle)) = (word(packet, 16), word(packet, 10)) {
                written[16..20].copy_from_slice(&timestamp.wrapping_add(link.timestamp_offset).to_be_bytes());
                findings.sender_reports.push(middle);
            }
            written[4..8].copy_from_slice(&link.to.to_be_bytes());
        }
        // Its own stream is not forwarded: what remains is a receiver report, if it has blocks.
        _ if kept == 0 => {
            out.truncate(start);
            return false;
        }
        _ => {
            written[4..8].copy_from_slice(&forward.map_or(links.reporter, |link| link.to).to_be_bytes());
            if kind == SENDER_REPORT {
                out.drain(start + 8..start + blocks_at);
                out[start + 1] = RECEIVER_REPORT;
            }
        }
    }
    out[start] = 0x80 | kept;
    finish(out, start)
}

fn name(packet: &[u8], links: &Links, out: &mut Vec<u8>) {
    let Some(link) = word(packet, 4).and_then(|ssrc| forward_of(links, ssrc)) else { return };
    let start = out.len();
    out.extend([0x81, SOURCE_DESCRIPTION, 0, 0]);
    out.extend(link.to.to_be_bytes());
    out.extend(NAME);
    // At least one zero byte ends the items, then padding to a word.
    out.push(0);
    while !(out.len() - start).is_multiple_of(4) {
        out.push(0);
    }
    finish(out, start);
}

fn wanted(packet: &[u8], own: &[u32; SLOTS], out: &mut Vec<(Slot, u16)>) {
    let Some(about) = word(packet, 8) else { return };
    let Some(slot) = [Slot::Audio, Slot::Video].into_iter().find(|slot| own[*slot as usize] == about) else { return };
    for entry in packet.get(12..).unwrap_or_default().chunks_exact(4) {
        let (first, others) = (u16::from_be_bytes([entry[0], entry[1]]), u16::from_be_bytes([entry[2], entry[3]]));
        let others = (0..16_u16).filter(|bit| others >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1));
        for number in std::iter::once(first).chain(others) {
            if out.len() >= MAX_WANTED {
                return;
            }
            out.push((slot, number));
        }
    }
}

fn wants_key_frame(packet: &[u8], format: u8, own: &[u32; SLOTS]) -> bool {
    let video = Some(own[Slot::Video as usize]);
    match format {
        PICTURE_LOSS => word(packet, 8) == video,
        FULL_INTRA => packet.get(12..).is_some_and(|entries| entries.chunks_exact(8).any(|entry| word(entry, 0) == video)),
        _ => false,
    }
}

/// Writes the length of the packet that starts at `start`; its bytes are whole words.
fn finish(out: &mut [u8], start: usize) -> bool {
    let Ok(words) = u16::try_from((out.len() - start) / 4 - 1) else { return false };
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
    true
}

#[cfg(test)]
mod tests;
