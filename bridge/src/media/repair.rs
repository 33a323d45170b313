//! Repairs on either leg (RFC 4588): a source's RTX becomes the packet it repairs, and a viewer is served from memory.
//!
//! The legs repair independently. What a source resends, in whichever way, is put back into its stream before it is forwarded; its
//! window lets each number through once, so no number is sealed twice on the other leg. What a viewer asks for is sent as RTX under an
//! SSRC and indices that only this file uses; or, where RTX was not agreed to, as the very ciphertext that was sent before, which
//! a receiver that has it drops as a replay.

use std::time::{Duration, Instant};

use super::batch::Batch;
use super::header::Header;
use super::leg::Leg;
use super::stream::{Opened, Slot};

/// A repair begins with the sequence number of the packet it repairs.
pub(super) const NUMBER: usize = 2;

/// Least and most time between two resends of a packet; within it three quarters of the round trip.
const GAP: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(200)];

/// Taken while no round trip was measured.
const FIRST_GAP: Duration = Duration::from_millis(10);

/// Turns an opened repair of `from` into the packet it repairs, which then starts [`NUMBER`] bytes later. `None` if that one came
/// before, or it was only padding to measure the network with.
pub(super) fn restore(
    from: &mut Leg,
    packet: &mut [u8],
    header: &Header,
    opened: &Opened,
    now: Instant,
) -> Option<(Header, Opened)> {
    let payload = packet.get(header.length..opened.end)?;
    let padding = if packet[0] & 32 != 0 { usize::from(*payload.last()?) } else { 0 };
    let number = *payload.first_chunk::<NUMBER>()?;
    if payload.len() <= NUMBER + padding {
        return None;
    }
    let payload_type = from.incoming.payload_type(Slot::Video)?;
    let sequence = u16::from_be_bytes(number);
    let (ssrc, index) = from.incoming.restore(sequence, now)?;
    packet.copy_within(..header.length, NUMBER);
    let extensions = header.extensions;
    let restored = Header { payload_type, sequence, ssrc, extensions, ..*header };
    restored.write(packet.get_mut(NUMBER..)?);
    Some((restored, Opened { slot: Slot::Video, index, end: opened.end - NUMBER, is_current: true }))
}

/// Sends a packet again that the other end of `to` did not get, if it is remembered and may be.
pub(super) fn resend(to: &mut Leg, slot: Slot, number: u16, now: Instant, out: &mut Batch) -> Option<()> {
    let path = to.path()?;
    if slot == Slot::Video && to.downlink.leaves_picture_out() {
        return None;
    }
    let gap = to.tally.round_trip(now).map_or(FIRST_GAP, |round_trip| (round_trip * 3 / 4).clamp(GAP[0], GAP[1]));
    let keys = to.keys.as_ref()?;
    // Where a queue is full, twice as much does not help.
    let may_double = !to.downlink.is_narrow();
    let (index, sealed, copies) = to.memory[slot as usize].as_mut()?.again(number, now, gap, may_double)?;
    let Some(payload_type) = to.send_types[Slot::Repair as usize].filter(|_| slot == Slot::Video) else {
        for _ in 0..copies {
            out.push(path, sealed);
            to.tally.sent(Slot::Repair, 0, sealed.len());
        }
        return Some(());
    };
    let header = Header::read(sealed)?;
    let mut plain = sealed.to_vec();
    let end = keys.send.open(&mut plain, header.length, header.ssrc, index)?;
    for _ in 0..copies {
        let repairs = &mut to.outgoing[Slot::Repair as usize];
        let (ssrc, own_index) = (repairs.ssrc, repairs.take_index());
        #[expect(clippy::cast_possible_truncation, reason = "the sequence number is the index's low half")]
        let sequence = own_index as u16;
        let (transport_id, transport) = (to.transport_id, to.downlink.number());
        let length = end + NUMBER + keys.send.tag_length();
        let mut is_numbered = false;
        out.write(path, length, |space| {
            let body = header.length + NUMBER;
            space.get_mut(..header.length)?.copy_from_slice(plain.get(..header.length)?);
            space.get_mut(header.length..body)?.copy_from_slice(&number.to_be_bytes());
            space.get_mut(body..end + NUMBER)?.copy_from_slice(plain.get(header.length..end)?);
            let repair = Header { payload_type, sequence, ssrc, ..header };
            repair.write(space);
            is_numbered = repair.set_number(space, transport_id, transport).is_some();
            keys.send.seal(space, header.length, end + NUMBER, ssrc, own_index).map(drop)
        })?;
        if is_numbered {
            to.downlink.sent(length, now);
        }
        to.tally.sent(Slot::Repair, 0, length);
    }
    Some(())
}
