//! Looks at a DTLS ClientHello before `rtc-dtls` does, to choose the SRTP profile.
//!
//! `rtc-dtls` takes the first profile in the client's order, and browsers put counter mode before GCM. So the server's
//! configuration is narrowed to the one profile we like best among those offered. A browser's ClientHello does not fit one
//! datagram and its extensions come in any order, so datagrams are held until the message is whole.

/// Most datagrams held; more of them and the collection starts over.
const MAX_HELD: usize = 8;

/// Longest ClientHello that is put together, and longest handshake message of any kind: certificates here are self-signed and small.
pub(super) const MAX_HELLO: usize = 16 * 1024;

pub(super) const CONTENT_HANDSHAKE: u8 = 22;
pub(super) const RECORD_HEADER: usize = 13;
const CLIENT_HELLO: u8 = 1;
pub(super) const FRAGMENT_HEADER: usize = 12;
const USE_SRTP: u16 = 14;

/// Datagrams that wait for the rest of a ClientHello.
#[derive(Default)]
pub(super) struct Held(Vec<Vec<u8>>);

/// What a whole ClientHello says.
pub(super) struct Hello {
    /// SRTP profiles offered, as on the wire; empty if there is no `use_srtp`.
    pub(super) profiles: Vec<u16>,
    /// The datagrams to hand to the DTLS endpoint now, in order.
    pub(super) datagrams: Vec<Vec<u8>>,
}

impl Held {
    /// Takes a datagram; returns the ClientHello once it is whole.
    pub(super) fn push(&mut self, datagram: &[u8]) -> Option<Hello> {
        if self.0.len() >= MAX_HELD {
            self.0.clear();
        }
        if !self.0.iter().any(|held| held == datagram) {
            self.0.push(datagram.to_vec());
        }
        let body = assemble(&self.0)?;
        Some(Hello { profiles: srtp_profiles(&body).unwrap_or_default(), datagrams: std::mem::take(&mut self.0) })
    }
}

/// The body of the ClientHello whose fragments are in these datagrams, if every byte is there.
fn assemble(datagrams: &[Vec<u8>]) -> Option<Vec<u8>> {
    let fragments: Vec<Fragment<'_>> = datagrams.iter().flat_map(|datagram| records(datagram)).filter_map(fragment).collect();
    let first = fragments.first()?;
    if first.total > MAX_HELLO {
        return None;
    }
    let mut body = vec![0; first.total];
    let mut have = vec![false; first.total];
    for part in fragments.iter().filter(|part| part.sequence == first.sequence && part.total == first.total) {
        let end = part.offset.checked_add(part.data.len())?;
        body.get_mut(part.offset..end)?.copy_from_slice(part.data);
        have.get_mut(part.offset..end)?.fill(true);
    }
    have.iter().all(|byte| *byte).then_some(body)
}

/// Payloads of the handshake records in one datagram.
fn records(mut datagram: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    while let (Some(&kind), Some(&[high, low])) = (datagram.first(), datagram.get(11..13)) {
        let end = RECORD_HEADER + usize::from(u16::from_be_bytes([high, low]));
        let Some(payload) = datagram.get(RECORD_HEADER..end) else { break };
        if kind == CONTENT_HANDSHAKE {
            out.push(payload);
        }
        datagram = &datagram[end..];
    }
    out
}

struct Fragment<'a> {
    total: usize,
    sequence: [u8; 2],
    offset: usize,
    data: &'a [u8],
}

fn fragment(record: &[u8]) -> Option<Fragment<'_>> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if record.first() != Some(&CLIENT_HELLO) {
        return None;
    }
    let length = number(record.get(9..12)?);
    Some(Fragment {
        total: number(record.get(1..4)?),
        sequence: [*record.get(4)?, *record.get(5)?],
        offset: number(record.get(6..9)?),
        data: record.get(FRAGMENT_HEADER..FRAGMENT_HEADER + length)?,
    })
}

/// RFC 5764 §4.1.1 inside RFC 6347 §4.2.1.
fn srtp_profiles(body: &[u8]) -> Option<Vec<u16>> {
    let mut rest = body.get(2 + 32..)?;
    skip(&mut rest, 1)?; // Session id.
    skip(&mut rest, 1)?; // Cookie.
    skip(&mut rest, 2)?; // Cipher suites.
    skip(&mut rest, 1)?; // Compression methods.
    let mut extensions = skip(&mut rest, 2)?;
    while let Some((kind, after)) = extensions.split_first_chunk::<2>() {
        extensions = after;
        let data = skip(&mut extensions, 2)?;
        if u16::from_be_bytes(*kind) == USE_SRTP {
            let mut data = data;
            let list = skip(&mut data, 2)?;
            return Some(list.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect());
        }
    }
    None
}

/// Takes a vector with a length prefix of `prefix` bytes off the front and returns its content.
fn skip<'a>(rest: &mut &'a [u8], prefix: usize) -> Option<&'a [u8]> {
    let length = rest.get(..prefix)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let content = rest.get(prefix..prefix + length)?;
    *rest = &rest[prefix + length..];
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello body with `use_srtp` among other extensions.
    fn body() -> Vec<u8> {
        let mut body = vec![0xFE, 0xFD];
        body.extend([7; 32]);
        body.extend([0, 0, 0, 4, 0xC0, 0x2B, 0xC0, 0x2F, 1, 0]);
        let mut extensions = vec![0, 23, 0, 0];
        // A value that looks like the extension but is inside another one.
        extensions.extend([0, 43, 0, 8, 0, 14, 0, 4, 0, 2, 0, 1]);
        extensions.extend([0, 14, 0, 9, 0, 6, 0, 1, 0, 8, 0, 7, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        body
    }

    fn datagram(body: &[u8], from: usize, until: usize, record: u8) -> Vec<u8> {
        let three = |number: usize| u32::try_from(number).unwrap().to_be_bytes()[1..].to_vec();
        let mut message = vec![CLIENT_HELLO];
        message.extend(three(body.len()));
        message.extend([0, 0]);
        message.extend(three(from));
        message.extend(three(until - from));
        message.extend(&body[from..until]);
        let mut out = vec![CONTENT_HANDSHAKE, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, record];
        out.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        out.extend(message);
        out
    }

    #[test]
    fn a_whole_client_hello_is_read_at_once() {
        let body = body();
        let hello = Held::default().push(&datagram(&body, 0, body.len(), 0)).unwrap();
        assert_eq!(hello.profiles, [1, 8, 7]);
        assert_eq!(hello.datagrams.len(), 1);
    }

    #[test]
    fn fragments_are_held_in_any_order_and_through_repetition() {
        let body = body();
        for split in 1..body.len() {
            let (first, second) = (datagram(&body, 0, split, 0), datagram(&body, split, body.len(), 1));
            for order in [[&first, &second], [&second, &first]] {
                let mut held = Held::default();
                assert!(held.push(order[0]).is_none());
                assert!(held.push(order[0]).is_none(), "a repetition fills no gap");
                let hello = held.push(order[1]).unwrap();
                assert_eq!(hello.profiles, [1, 8, 7], "split at {split}");
                assert_eq!(hello.datagrams.len(), 2);
            }
        }
    }

    #[test]
    fn two_records_in_one_datagram_are_read() {
        let body = body();
        let mut both = datagram(&body, 0, 20, 0);
        both.extend(datagram(&body, 20, body.len(), 1));
        assert_eq!(Held::default().push(&both).unwrap().profiles, [1, 8, 7]);
    }

    #[test]
    fn what_is_cut_altered_or_endless_is_read_without_a_panic_and_without_growing() {
        let body = body();
        let whole = datagram(&body, 0, body.len(), 0);
        for end in 0..whole.len() {
            assert!(Held::default().push(&whole[..end]).is_none());
        }
        for position in 0..whole.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut altered = whole.clone();
                altered[position] = value;
                let _ = Held::default().push(&altered);
            }
        }
        let mut held = Held::default();
        for record in 0..100 {
            assert!(held.push(&datagram(&body, 0, 20, record)).is_none());
            assert!(held.0.len() <= MAX_HELD);
        }
    }
}
