//! Reads the other end's transport-wide congestion feedback. Every byte is untrusted; nothing larger than the packet is built.

use std::time::Duration;

/// Most packets one report may speak of.
const MAX_PACKETS: usize = 4096;

/// What a report says of one packet. Arrival is on the reporter's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) number: u16,
    pub(crate) arrived: bool,
    pub(crate) at: Option<Duration>,
}

/// Reads one RTCP packet of type 205, format 15. `None` if it is cut or claims too much.
pub(crate) fn read(packet: &[u8]) -> Option<Vec<Fate>> {
    let base = u16::from_be_bytes(*packet.get(12..14)?.first_chunk()?);
    let count = usize::from(u16::from_be_bytes(*packet.get(14..16)?.first_chunk()?));
    let reference = packet.get(16..19)?.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    if count > MAX_PACKETS {
        return None;
    }
    let mut rest = packet.get(20..)?;
    let mut symbols: Vec<u8> = Vec::with_capacity(count.min(rest.len() * 8));
    while symbols.len() < count {
        let (chunk, after) = rest.split_first_chunk::<2>()?;
        rest = after;
        let word = u16::from_be_bytes(*chunk);
        let room = count - symbols.len();
        let bit = |place: u16, width: u16| u8::try_from(word >> (14 - width * (place + 1)) & ((1 << width) - 1)).unwrap_or(0);
        match word >> 14 {
            0 | 1 => {
                let symbol = u8::try_from(word >> 13 & 3).unwrap_or(0);
                symbols.extend(std::iter::repeat_n(symbol, usize::from(word & 0x1FFF).min(room)));
                // An empty run would never end.
                if word & 0x1FFF == 0 {
                    return None;
                }
            }
            2 => symbols.extend((0..14).map(|place| bit(place, 1)).take(room)),
            _ => symbols.extend((0..7).map(|place| bit(place, 2)).take(room)),
        }
    }
    let mut at_us = i64::try_from(reference).ok()? * 64_000;
    let mut fates = Vec::with_capacity(symbols.len());
    let mut number = base;
    for symbol in symbols {
        let at = match symbol {
            1 => {
                let (delta, after) = rest.split_first()?;
                rest = after;
                at_us += i64::from(*delta) * 250;
                u64::try_from(at_us).ok()
            }
            2 => {
                let (delta, after) = rest.split_first_chunk::<2>()?;
                rest = after;
                at_us += i64::from(i16::from_be_bytes(*delta)) * 250;
                u64::try_from(at_us).ok()
            }
            _ => None,
        };
        fates.push(Fate { number, arrived: symbol != 0, at: at.map(Duration::from_micros) });
        number = number.wrapping_add(1);
    }
    Some(fates)
}

#[cfg(test)]
mod tests {
    use super::super::Arrivals;
    use super::*;

    #[test]
    fn what_the_bridge_writes_it_reads() {
        let mut arrivals = Arrivals::default();
        let came = [(65_530, 640_000), (65_533, 641_000), (65_532, 641_250), (2, 700_000), (3, 900_000)];
        for (number, at_us) in came {
            arrivals.note(number, at_us);
        }
        let fates = read(&arrivals.report(7, 9).unwrap()).unwrap();
        assert_eq!(fates.len(), 10);
        for fate in fates {
            let at = came.iter().find(|arrival| arrival.0 == fate.number).map(|arrival| Duration::from_micros(arrival.1));
            assert_eq!((fate.arrived, fate.at), (at.is_some(), at), "{}", fate.number);
        }
    }

    #[test]
    fn runs_and_one_bit_vectors_are_read() {
        let mut report = vec![0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 10, 0, 20, 0, 0, 1, 0];
        // Three that came, fourteen of which two came, three that did not.
        report.extend([0x20, 3, 0xA0, 0x01, 0, 3]);
        report.extend([4, 4, 4, 8, 12]);
        let fates = read(&report).unwrap();
        let came: Vec<(u16, u128)> = fates.iter().filter_map(|fate| Some((fate.number, fate.at?.as_micros()))).collect();
        assert_eq!(came, [(10, 65_000), (11, 66_000), (12, 67_000), (13, 69_000), (26, 72_000)]);
        assert_eq!(fates.len(), 20);
    }

    #[test]
    fn lies_about_lengths_are_refused() {
        let head = [0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 10];
        let with = |tail: &[u8]| [&head, tail].concat();
        assert_eq!(read(&with(&[0xFF, 0xFF, 0, 0, 1, 0, 0x3F, 0xFF])), None, "more packets than are believed");
        assert_eq!(read(&with(&[0, 2, 0, 0, 1, 0, 0x20, 0])), None, "an empty run");
        assert_eq!(read(&with(&[0, 2, 0, 0, 1, 0, 0x20, 2, 4])), None, "too few times");
        assert_eq!(read(&with(&[0, 2, 0, 0, 1])), None);
        assert_eq!(read(&with(&[0, 0, 0, 0, 1, 0])), Some(vec![]));
    }
}
