//! From one leg to the other: RTP rewritten and sealed anew, RTCP translated, texts passed on.

use std::time::Instant;

use super::Party;
use super::batch::Batch;
use super::header::Header;
use super::leg::Leg;
use super::repair;
use super::rtcp::{self, Findings, Forward, Links};
use super::stream::{Opened, SLOTS, Slot};
use super::yielding::Passage;

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
    let opened = match from.incoming.open(&keys.receive, packet, &header, now) {
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
    if from.party == Party::Publisher {
        from.media_came(now);
    }
    from.tally.received(opened.slot, opened.end - header.length, level, packet.len());
    if opened.is_current && opened.slot != Slot::Repair {
        from.incoming.timed(opened.slot, header.timestamp, arrived_us);
    }
    if opened.slot == Slot::Audio && from.party == Party::Publisher {
        from.tally.sound_came(header.timestamp, arrived_us, now);
    }
    let Some(to) = to.filter(|_| opened.is_current) else { return true };
    if opened.slot == Slot::Repair {
        if let Some((header, opened)) = repair::restore(from, packet, &header, &opened, now) {
            let _ = forward(from, to, &header, &opened, &packet[repair::NUMBER..], now, out);
        }
    } else {
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
    let path = to.path()?;
    if slot == Slot::Video && to.party == Party::Subscriber {
        match to.downlink.passage(header.timestamp, opened.end, now) {
            Passage::Sent => {}
            Passage::Pauses | Passage::LeftOut => return None,
            Passage::Again => to.outgoing[slot as usize].skip(),
        }
    }
    let keys = to.keys.as_ref()?;
    let payload_type = to.send_types[slot as usize]?;
    let ssrc = to.outgoing[slot as usize].ssrc;
    let (index, timestamp) =
        to.outgoing[slot as usize].place(slot, from.source(header.ssrc), opened.index, header.timestamp, now)?;
    #[expect(clippy::cast_possible_truncation, reason = "the sequence number is the index's low half")]
    let sequence = index as u16;
    let rewritten = Header { payload_type, sequence, timestamp, ssrc, ..*header };
    // What comes without a number, whatever else its header says, is numbered here, so that the tablet's network can be measured.
    let is_counted = to.transport_id != 0 && to.party == Party::Subscriber;
    let is_numbered_here = is_counted && header.extension(packet, from.transport_id).is_none();
    let grown = if is_numbered_here { header.number_takes() } else { 0 };
    let (body, end) = (header.length + grown, opened.end + grown);
    let sealed = end + keys.send.tag_length();
    let (ids, cipher, memory) = (&to.ids, &keys.send, &mut to.memory[slot as usize]);
    let (transport_id, transport) = (to.transport_id, to.downlink.number());
    let mut is_numbered = false;
    out.write(path, sealed, |space| {
        let number = if is_numbered_here {
            space.get_mut(..header.length)?.copy_from_slice(packet.get(..header.length)?);
            space.get_mut(body..end)?.copy_from_slice(packet.get(header.length..opened.end)?);
            rewritten.remap(space, ids);
            rewritten.add_number(space, transport_id, transport)
        } else {
            space.get_mut(..end)?.copy_from_slice(packet.get(..end)?);
            rewritten.remap(space, ids);
            rewritten.set_number(space, transport_id, transport)
        };
        is_numbered = number.is_some();
        rewritten.write(space);
        cipher.seal(space, body, end, ssrc, index)?;
        if let Some(memory) = memory {
            memory.push(index, space);
        }
        Some(())
    })?;
    // A number that is not on the wire would look lost.
    if is_numbered {
        to.downlink.sent(sealed, now);
    }
    to.tally.sent(slot, timestamp, sealed);
    Some(())
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
    from.probe.end();
    for (ssrc, middle) in &findings.heard {
        from.incoming.heard(*ssrc, *middle, now);
    }
    if !findings.heard.is_empty() {
        from.tell_reception(now, out);
    }
    for (slot, number) in &findings.wanted {
        let _ = repair::resend(from, *slot, *number, now, out);
    }
    if !findings.fates.is_empty() {
        from.tally.fed_back();
        from.downlink.acknowledged(&findings.fates, now);
    }
    let limit = from.downlink.limit(now).filter(|_| from.party == Party::Subscriber);
    if let Some(to) = to {
        if let Some(limit) = limit {
            to.send_limit(limit, out);
        }
        if translated.is_empty() {
            return Some(findings);
        }
        for middle in &findings.sender_reports {
            to.tally.told(*middle, now);
        }
        to.send_report(&translated, out);
    }
    Some(findings)
}

fn links(from: &Leg, to: &Leg) -> Links {
    let mut links = Links::default();
    for slot in Slot::ALL {
        let sent = &to.outgoing[slot as usize];
        if let (Some(ssrc), Some((source, timestamp_offset))) = (from.incoming.ssrc(slot), sent.origin())
            && source == from.source(ssrc)
        {
            links.forward[slot as usize] = Some(Forward { from: ssrc, to: sent.ssrc, timestamp_offset });
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fuzz::{context, keys, legs, packet as plain};
    use super::*;

    /// Reported: half a minute without consent, and a source that went on for more than 32,768 packets until the tablet was back.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn a_tablet_that_is_back_after_a_long_pause_can_open_what_it_is_sent() {
        let (start, sealer) = (Instant::now(), keys().send);
        for payload_type in [96, 111] {
            let ([mut robot, mut pupil], mut tablet, mut out) = (legs(), context(), Batch::new());
            let mut sent = |pupil: &mut Leg, index: u64, seconds: u64| {
                let before = out.queued();
                #[expect(clippy::cast_possible_truncation, reason = "the sequence number is the index's low half")]
                let mut sealed = plain(payload_type, 1, index as u16, b"something");
                let end = sealed.len();
                sealed.resize(end + sealer.tag_length(), 0);
                sealer.seal(&mut sealed, 24, end, 1, index).unwrap();
                assert!(packet(&mut robot, Some(pupil), &mut sealed, 0, start + Duration::from_secs(seconds), &mut out));
                (out.queued() > before).then(|| out.newest().to_vec())
            };
            let first = tablet.decrypt_rtp(&sent(&mut pupil, 1, 1).unwrap()).unwrap();
            pupil.check_consent(start + Duration::from_secs(31));
            for (index, seconds) in [(20_000, 40), (45_000, 100), (75_000, 190)] {
                assert_eq!(sent(&mut pupil, index, seconds), None);
            }
            pupil.heard(start + Duration::from_secs(190));
            for (index, after) in [(75_001, 1), (75_003, 3), (75_002, 2)] {
                let plain = tablet.decrypt_rtp(&sent(&mut pupil, index, 191).unwrap()).expect("it can be opened");
                assert_eq!(u16::from(plain[3]), u16::from(first[3]) + after, "and nothing is missing");
            }
        }
    }
}
