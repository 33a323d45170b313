//! The RTP header, read and rewritten in place (RFC 3550 §5.1, RFC 8285).

/// Fixed part.
const FIXED: usize = 12;

/// Bytes of a block of extensions that holds a number of two bytes and nothing else, and by how much one grows for it.
const NUMBER_BLOCK: usize = 8;
const NUMBER_ELEMENT: usize = 4;

/// Profile of one-byte header extensions.
const ONE_BYTE: [u8; 2] = [0xBE, 0xDE];

/// What the relay needs of a header. The packet it was read from is at least `length` bytes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) payload_type: u8,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    /// Bytes before the payload.
    pub(super) length: usize,
    /// Where the extension block starts, with its own four-byte header.
    pub(super) extensions: Option<usize>,
}

impl Header {
    /// Reads a header. `None` if the packet is too short for what it says.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let fixed = packet.first_chunk::<FIXED>()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut length = FIXED + 4 * usize::from(fixed[0] & 15);
        let mut extensions = None;
        if fixed[0] & 16 != 0 {
            let words = packet.get(length + 2..length + 4)?;
            extensions = Some(length);
            length += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        }
        (length <= packet.len()).then(|| Self {
            payload_type: fixed[1] & 127,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            length,
            extensions,
        })
    }

    /// Writes what differs on the other leg. `packet` holds at least this header.
    pub(super) fn write(&self, packet: &mut [u8]) {
        if let Some(fixed) = packet.first_chunk_mut::<FIXED>() {
            fixed[1] = fixed[1] & 128 | self.payload_type;
            fixed[2..4].copy_from_slice(&self.sequence.to_be_bytes());
            fixed[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
            fixed[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        }
    }

    /// The value of the extension with this id.
    pub(super) fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        packet.get(self.place_of(packet, id)?)
    }

    /// Writes a number of two bytes into the extension with this id, if the packet has it.
    pub(super) fn set_number(&self, packet: &mut [u8], id: u8, number: u16) -> Option<()> {
        let place = self.place_of(packet, id)?;
        *packet.get_mut(place)?.first_chunk_mut::<2>()? = number.to_be_bytes();
        Some(())
    }

    /// By how many bytes the header grows with [`Header::add_number`].
    pub(super) fn number_takes(&self) -> usize {
        if self.extensions.is_some() { NUMBER_ELEMENT } else { NUMBER_BLOCK }
    }

    /// Adds an extension that holds a number of two bytes, behind the others. `packet` has room for it behind the header, and what the other
    /// leg does not know was blanked.
    pub(super) fn add_number(&self, packet: &mut [u8], id: u8, number: u16) -> Option<()> {
        let [high, low] = number.to_be_bytes();
        let space = packet.get_mut(self.extensions.unwrap_or(self.length)..self.length + self.number_takes())?;
        let (block, element) = space.split_at_mut_checked(space.len().checked_sub(NUMBER_ELEMENT)?)?;
        let (head, _) = block.split_first_chunk_mut::<4>()?;
        let words = if self.extensions.is_some() { u16::from_be_bytes([head[2], head[3]]) } else { 0 };
        head[..2].copy_from_slice(&ONE_BYTE);
        head[2..].copy_from_slice(&words.checked_add(1)?.to_be_bytes());
        element.copy_from_slice(&[id << 4 | 1, high, low, 0]);
        packet[0] |= 16;
        Some(())
    }

    /// Where the value of the extension with this id is.
    fn place_of(&self, packet: &[u8], id: u8) -> Option<std::ops::Range<usize>> {
        let start = self.extensions?;
        let block = packet.get(start..self.length)?;
        if id == 0 || block.get(..2)? != ONE_BYTE {
            return None;
        }
        let mut at = 4;
        while let Some(&head) = block.get(at) {
            let (found, length) = (head >> 4, usize::from(head & 15) + 1);
            match found {
                // A zero byte is padding.
                0 if head == 0 => at += 1,
                15 => return None,
                _ if found == id => {
                    return (at + length < block.len()).then_some(start + at + 1..start + at + length + 1);
                }
                _ => at += 1 + length,
            }
        }
        None
    }

    /// Gives every extension the id it has on the other leg; what that leg does not know becomes padding.
    pub(super) fn remap(&self, packet: &mut [u8], map: &IdMap) {
        let Some(block) = self.extensions.and_then(|start| packet.get_mut(start..self.length)) else { return };
        if block.get(..2) != Some(&ONE_BYTE) {
            // Two-byte extensions are never negotiated.
            if let Some(content) = block.get_mut(4..) {
                content.fill(0);
            }
            return;
        }
        let mut at = 4;
        while let Some(&head) = block.get(at) {
            if head == 0 {
                at += 1;
                continue;
            }
            let (id, length) = (head >> 4, usize::from(head & 15) + 1);
            if id == 15 {
                block[at..].fill(0);
                return;
            }
            let end = (at + 1 + length).min(block.len());
            match map.0[usize::from(id)] {
                Some(other) => block[at] = other << 4 | head & 15,
                None => block[at..end].fill(0),
            }
            at = end;
        }
    }
}

/// From the ids of one leg to those of the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IdMap([Option<u8>; 16]);

impl IdMap {
    /// Pairs the extensions both legs agreed to.
    pub(super) fn between<E: PartialEq>(from: &[(u8, E)], to: &[(u8, E)]) -> Self {
        let mut map = [None; 16];
        for (id, extension) in from {
            map[usize::from(*id & 15)] = to.iter().find(|other| other.1 == *extension).map(|other| other.0);
        }
        Self(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(block: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90, 0xE0 | 1, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 5];
        packet.extend(block);
        packet.extend(b"payload");
        packet
    }

    /// Ids 3 (two bytes of value) and 1 (one byte), padding between and behind.
    const BLOCK: [u8; 12] = [0xBE, 0xDE, 0, 2, 0x31, 7, 8, 0, 0x10, 9, 0, 0];

    #[test]
    fn a_header_is_read_and_its_extensions_found() {
        let packet = packet(&BLOCK);
        let header = Header::read(&packet).unwrap();
        assert_eq!(
            (header.payload_type, header.sequence, header.timestamp, header.ssrc, header.length),
            (0x61, 0x1234, 9, 5, 24)
        );
        assert_eq!(header.extension(&packet, 3), Some(&[7, 8][..]));
        assert_eq!(header.extension(&packet, 1), Some(&[9][..]));
        assert_eq!(header.extension(&packet, 2), None);
        assert_eq!(header.extension(&packet, 0), None);
    }

    #[test]
    fn ids_are_exchanged_and_unknown_extensions_become_padding() {
        let mut packet = packet(&BLOCK);
        let header = Header::read(&packet).unwrap();
        header.remap(&mut packet, &IdMap::between(&[(3, 'a'), (1, 'b')], &[(5, 'a'), (3, 'c')]));
        assert_eq!(packet[12..24], [0xBE, 0xDE, 0, 2, 0x51, 7, 8, 0, 0, 0, 0, 0]);
        assert_eq!(&packet[24..], b"payload");
    }

    #[test]
    fn a_number_is_written_where_it_is_and_nowhere_else() {
        let mut packet = packet(&BLOCK);
        let header = Header::read(&packet).unwrap();
        assert_eq!(header.set_number(&mut packet, 3, 0xABCD), Some(()));
        assert_eq!(packet[12..24], [0xBE, 0xDE, 0, 2, 0x31, 0xAB, 0xCD, 0, 0x10, 9, 0, 0]);
        assert_eq!((header.set_number(&mut packet, 1, 1), header.set_number(&mut packet, 5, 1)), (None, None));
    }

    #[test]
    fn a_number_is_added_to_a_packet_with_other_extensions_and_to_one_without_any() {
        let two_bytes = [0x10, 0, 0, 1, 3, 1, 9, 0];
        for (block, kept) in [(&BLOCK[..], Some(&[9][..])), (&two_bytes, None), (&[], None)] {
            let mut packet = packet(block);
            if block.is_empty() {
                packet[0] = 0x80;
            }
            let before = Header::read(&packet).unwrap();
            before.remap(&mut packet, &IdMap::between(&[(1, 'a')], &[(2, 'a')]));
            let (at, takes) = (before.length, before.number_takes());
            packet.splice(at..at, std::iter::repeat_n(0xFF, takes));
            before.add_number(&mut packet, 7, 0x1234).unwrap();
            let header = Header::read(&packet).unwrap();
            assert_eq!((header.length, &packet[header.length..]), (before.length + takes, &b"payload"[..]));
            assert_eq!(header.extension(&packet, 7), Some(&[0x12, 0x34][..]), "{block:?}");
            assert_eq!(header.extension(&packet, 2), kept);
        }
    }

    #[test]
    fn two_byte_extensions_are_blanked() {
        let mut packet = packet(&[0x10, 0, 0, 1, 3, 1, 9, 0]);
        let header = Header::read(&packet).unwrap();
        header.remap(&mut packet, &IdMap::default());
        assert_eq!(packet[12..20], [0x10, 0, 0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn contributing_sources_move_the_payload() {
        let mut with_sources = vec![0x82, 0x60, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5];
        with_sources.extend([0; 8]);
        assert_eq!(Header::read(&with_sources).unwrap().length, 20);
        assert_eq!(Header::read(&with_sources[..19]), None);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = packet(&BLOCK);
        for position in 0..whole.len() {
            for value in 0..=255 {
                let mut packet = whole.clone();
                packet[position] = value;
                for end in [12, 16, 20, packet.len()] {
                    let mut cut = packet[..end].to_vec();
                    if let Some(header) = Header::read(&cut) {
                        assert!(header.length <= cut.len());
                        let _ = header.extension(&cut, 3);
                        header.remap(&mut cut, &IdMap::between(&[(3, 1)], &[(4, 1)]));
                        cut.resize(cut.len() + header.number_takes(), 0);
                        header.add_number(&mut cut, 4, 7);
                    }
                }
            }
        }
    }
}
