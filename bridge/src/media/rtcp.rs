//! RTCP translation between two legs (RFC 3550 §6, RFC 4585, RFC 5104), on decrypted compound packets.
//!
//! Sender reports are passed on with SSRCs and timestamps of the other leg. What a leg says about its reception ends here, for it says
//! how this leg is: the bridge tells the sender of each stream about its own reception, and repairs legs apart. Key-frame requests and
//! NACKs are taken out and reported: the bridge asks itself and not too often, and resends from its own memory. Congestion feedback
//! ends here too. A name (SDES) is replaced by ours; BYE, APP, XR and what is unknown is dropped.

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

/// Bytes of a sender report before its blocks.
const SENDER_HEAD: usize = 28;

/// 24 bits, of which one is the sign.
const MOST_LOST: u32 = 0x7F_FFFF;

/// CNAME chunk item of everything the bridge sends, as in its answers: type 1, ten bytes.
const NAME: &[u8] = b"\x01\x0Awindowseat";

/// How the reporting leg's SSRCs are called on the other leg.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    /// Streams the reporting leg sends and the other leg is sent.
    pub(super) forward: [Option<Forward>; SLOTS],
}

/// A stream on its way from the reporting leg.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forward {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) timestamp_offset: u32,
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
    /// The same of all sender reports, by the SSRC they are about.
    pub(super) heard: Vec<(u32, u32)>,
}

/// What the bridge tells the sender of a stream about its reception (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub(super) fraction_lost: u8,
    /// Lost since the start.
    pub(super) lost: u32,
    /// Roll-overs and sequence number.
    pub(super) highest: u32,
    pub(super) jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time; 0 if there was none.
    pub(super) last_report: u32,
    /// Since then, in 1/65536 s.
    pub(super) delay: u32,
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

/// A receiver report (RFC 3550 §6.4.2) with our name. At most 31 `blocks` are told.
pub(super) fn reception(reporter: u32, blocks: &[Block]) -> Vec<u8> {
    let blocks = &blocks[..blocks.len().min(31)];
    let mut packet = vec![0x80 | blocks.len().to_le_bytes()[0], RECEIVER_REPORT, 0, 0];
    packet.extend(reporter.to_be_bytes());
    for block in blocks {
        packet.extend(block.ssrc.to_be_bytes());
        packet.extend((u32::from(block.fraction_lost) << 24 | block.lost.min(MOST_LOST)).to_be_bytes());
        for word in [block.highest, block.jitter, block.last_report, block.delay] {
            packet.extend(word.to_be_bytes());
        }
    }
    finish(&mut packet, 0);
    our_name(reporter, &mut packet);
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

fn report(
    packet: &[u8],
    kind: u8,
    count: u8,
    own: &[u32; SLOTS],
    links: &Links,
    findings: &mut Findings,
    out: &mut Vec<u8>,
) -> bool {
    let blocks_at = if kind == SENDER_REPORT { SENDER_HEAD } else { 8 };
    let (Some(sender), Some(head)) = (word(packet, 4), packet.get(..blocks_at)) else { return false };
    for block in packet[blocks_at..].chunks_exact(BLOCK).take(usize::from(count)) {
        let (Some(about), Some(jitter), Some(last_report), Some(delay)) =
            (word(block, 0), word(block, 12), word(block, 16), word(block, 20))
        else {
            break;
        };
        if let Some(slot) = Slot::ALL.into_iter().find(|slot| own[*slot as usize] == about) {
            findings.receptions.push(Reception { slot, fraction_lost: block[4], jitter, last_report, delay });
        }
    }
    let (Some(middle), Some(timestamp)) = (word(head, 10), word(head, 16)) else { return false };
    findings.heard.push((sender, middle));
    let Some(link) = forward_of(links, sender) else { return false };
    findings.sender_reports.push(middle);
    let start = out.len();
    out.extend(head);
    let written = &mut out[start..];
    written[0] = 0x80;
    written[4..8].copy_from_slice(&link.to.to_be_bytes());
    written[16..20].copy_from_slice(&timestamp.wrapping_add(link.timestamp_offset).to_be_bytes());
    finish(out, start)
}

fn name(packet: &[u8], links: &Links, out: &mut Vec<u8>) {
    if let Some(link) = word(packet, 4).and_then(|ssrc| forward_of(links, ssrc)) {
        our_name(link.to, out);
    }
}

fn our_name(ssrc: u32, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0x81, SOURCE_DESCRIPTION, 0, 0]);
    out.extend(ssrc.to_be_bytes());
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
