//! Opus in Ogg (RFC 3533, RFC 7845): pages cut into packets; the two header packets are checked and dropped.

use bytes::{Bytes, BytesMut};

use super::Packet;

pub(super) fn packets(bytes: &Bytes) -> Result<Vec<Packet>, &'static str> {
    const OTHER: &str = "this is not Opus in Ogg: make one with ffmpeg -c:a libopus";
    let mut found = Vec::new();
    let mut headers = 0;
    let mut unfinished = BytesMut::new();
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + 27) {
        if &head[..4] != b"OggS" {
            return Err(OTHER);
        }
        let Some(lacing) = bytes.get(at + 27..at + 27 + usize::from(head[26])) else { break };
        let mut from = at + 27 + lacing.len();
        for length in lacing {
            let Some(part) = bytes.get(from..from + usize::from(*length)) else { return finish(found) };
            unfinished.extend_from_slice(part);
            from += part.len();
            // A lacing value of 255 says that the packet goes on.
            if *length < 255 {
                let packet = unfinished.split().freeze();
                if headers == 0 && !packet.starts_with(b"OpusHead") {
                    return Err(OTHER);
                }
                if headers < 2 {
                    headers += 1;
                } else if let Some(samples) = samples(&packet) {
                    found.push(Packet { data: packet, samples });
                }
            }
        }
        at = from;
    }
    if headers == 0 { Err(OTHER) } else { finish(found) }
}

fn finish(found: Vec<Packet>) -> Result<Vec<Packet>, &'static str> {
    if found.is_empty() { Err("the Ogg file holds no sound") } else { Ok(found) }
}

/// Samples at 48 kHz in a packet, from its first bytes (RFC 6716 §3.1, §3.2).
fn samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = u32::from(toc >> 3);
    let frame = match config {
        0..=11 => [480, 960, 1_920, 2_880][config as usize % 4],
        12..=15 => [480, 960][config as usize % 2],
        _ => [120, 240, 480, 960][config as usize % 4],
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    // No packet holds more than 120 ms.
    Some(frame * count).filter(|samples| (1..=5_760).contains(samples))
}
