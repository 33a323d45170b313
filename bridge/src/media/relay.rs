//! From one leg to the other: RTP rewritten and sealed anew, RTCP translated, texts passed on.

use std::time::Instant;

use super::batch::Batch;
use super::header::Header;
use super::leg::Leg;
use super::rtcp::{self, Backward, Findings, Forward, Links};
use super::stream::{Opened, SLOTS, Slot};

/// Takes an RTP packet of `from`. Returns whether it was genuine.
pub(super) fn packet(
    from: &mut Leg,
    to: Option<&mut Leg>,
    packet: &mut [u8],
    arrived_us: u64,
    now: Instant,
    out: &mut Batch,
) -> bool {
    let Some(header) = Header::read(packet) else { return false };
    let Some(keys) = &from.keys else { return false };
    // Opened even when nobody is there to see it, or the roll-over counter would be lost.
    let opened = match from.incoming.open(&keys.receive, packet, &header) {
        Ok(opened) => opened,
        Err(refusal) => {
            tracing::trace!(leg.id = %from.id, ?refusal, "an RTP packet was not taken");
            return false;
        }
    };
    if let Some([high, low]) = header.extension(packet, from.transport_id).and_then(|value| value.first_chunk::<2>()) {
        from.arrivals.note(u16::from_be_bytes([*high, *low]), arrived_us);
    }
    let level = header.extension(packet, from.level_id).and_then(|value| value.first().copied());
    from.tally.received(opened.slot, opened.end - header.length, level, packet.len());
    if let Some(to) = to.filter(|_| opened.is_current) {
        let _ = forward(from, to, &header, &opened, packet, now, out);
    }
    true
}

fn forward(
    from: &Leg,
    to: &mut Leg,
    header: &Header,
    opened: &Opened,
    packet: &[u8],
    now: Instant,
    out: &mut Batch,
) -> Option<()> {
    let slot = opened.slot;
    let keys = to.keys.as_ref()?;
    let path = to.path?;
    let payload_type = to.send_types[slot as usize]?;
    let ssrc = to.outgoing[slot as usize].ssrc;
    let (index, timestamp) =
        to.outgoing[slot as usize].place(slot, from.source(header.ssrc), opened.index, header.timestamp, now)?;
    // A repair carries the picture's own number and time, so it follows wherever the picture was put.
    let repair = if slot == Slot::Repair {
        let media = from.incoming.ssrc(Slot::Video)?;
        let (source, offset, timestamp_offset) = to.outgoing[Slot::Video as usize].origin()?;
        if source != from.source(media) {
            return None;
        }
        Some((offset, header.timestamp.wrapping_add(timestamp_offset)))
    } else {
        None
    };
    #[expect(clippy::cast_possible_truncation, reason = "the sequence number is the index's low half")]
    let sequence = index as u16;
    let rewritten =
        Header { payload_type, sequence, timestamp: repair.map_or(timestamp, |(_, timestamp)| timestamp), ssrc, ..*header };
    let sealed = opened.end + keys.send.tag_length();
    let (ids, cipher) = (&to.ids, &keys.send);
    out.write(path, sealed, |space| {
        space.get_mut(..opened.end)?.copy_from_slice(packet.get(..opened.end)?);
        rewritten.write(space);
        rewritten.remap(space, ids);
        if let Some((offset, _)) = repair {
            renumber_repair(space.get_mut(header.length..opened.end)?, offset);
        }
        cipher.seal(space, header.length, opened.end, ssrc, index).map(drop)
    })?;
    to.tally.sent(slot, sealed);
    Some(())
}

/// RFC 4588 §4: a repair begins with the sequence number of the packet it repairs. Padding probes have no payload.
fn renumber_repair(payload: &mut [u8], offset: i64) {
    if let Some(number) = payload.first_chunk_mut::<2>() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sequence numbers wrap")]
        let moved = u16::from_be_bytes(*number).wrapping_add(offset as u16);
        *number = moved.to_be_bytes();
    }
}

/// Takes an RTCP packet of `from`. Returns what it said if it was genuine.
pub(super) fn report(from: &mut Leg, to: Option<&mut Leg>, packet: &[u8], now: Instant, out: &mut Batch) -> Option<Findings> {
    let compound = match from.keys.as_mut()?.receive_reports.decrypt_rtcp(packet) {
        Ok(compound) => compound,
        Err(error) => {
            tracing::trace!(leg.id = %from.id, %error, "an RTCP packet was not taken");
            return None;
        }
    };
    let own: [u32; SLOTS] = from.outgoing.each_ref().map(|stream| stream.ssrc);
    let mut translated = Vec::with_capacity(compound.len());
    let links = to.as_deref().map(|to| links(from, to)).unwrap_or_default();
    let findings = rtcp::translate(&compound, &own, &links, &mut translated);
    from.tally.reported(&findings.receptions, now);
    if let Some(to) = to.filter(|_| !translated.is_empty()) {
        for middle in &findings.sender_reports {
            to.tally.told(*middle, now);
        }
        to.send_report(&translated, out);
    }
    Some(findings)
}

fn links(from: &Leg, to: &Leg) -> Links {
    let mut links = Links { reporter: to.reporter, ..Links::default() };
    for slot in Slot::ALL {
        let place = slot as usize;
        if let (Some(ssrc), Some((source, _, timestamp_offset))) = (from.incoming.ssrc(slot), to.outgoing[place].origin())
            && source == from.source(ssrc)
        {
            let timestamp_offset =
                if slot == Slot::Repair { to.outgoing[Slot::Video as usize].timestamp_offset() } else { timestamp_offset };
            links.forward[place] = Some(Forward { from: ssrc, to: to.outgoing[place].ssrc, timestamp_offset });
        }
        if let (Some(ssrc), Some((source, offset, _))) = (to.incoming.ssrc(slot), from.outgoing[place].origin())
            && source == to.source(ssrc)
        {
            links.backward[place] = Some(Backward { from: from.outgoing[place].ssrc, to: ssrc, offset });
        }
    }
    links
}
