//! AES-GCM for RTP (RFC 7714), in place: the load's and the floor's, so that neither borrows the relay's.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

/// Bytes a sealed packet is longer.
pub const TAG: usize = 16;

/// One direction's session keys.
pub struct Cipher {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Cipher {
    pub fn new(master_key: &[u8], master_salt: &[u8]) -> Self {
        let derive = |label: u8, out: &mut [u8]| {
            let mut block = [0; 16];
            block[..master_salt.len()].copy_from_slice(master_salt);
            block[7] ^= label;
            let key = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, master_key).unwrap()).unwrap();
            key.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(block))).unwrap();
        };
        let (mut key, mut salt) = ([0; 16], [0; 12]);
        derive(0, &mut key);
        derive(2, &mut salt);
        Self { key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap()), salt }
    }

    /// Seals all behind the header; the last [`TAG`] bytes are room for the tag.
    pub fn seal(&self, packet: &mut [u8], index: u64) {
        let header = header_length(packet).unwrap();
        let nonce = self.nonce(packet, index);
        let end = packet.len() - TAG;
        let (head, body) = packet.split_at_mut(header);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(&*head), &mut body[..end - header]).unwrap();
        body[end - header..].copy_from_slice(tag.as_ref());
    }

    /// Opens in place; the plaintext is between the header and [`TAG`] bytes before the end. `None` if it is not genuine.
    pub fn open(&self, packet: &mut [u8], index: u64) -> Option<usize> {
        let header = header_length(packet)?;
        let nonce = self.nonce(packet, index);
        let (head, body) = packet.split_at_mut_checked(header)?;
        self.key.open_in_place(nonce, Aad::from(&*head), body).ok()?;
        Some(header)
    }

    fn nonce(&self, packet: &[u8], index: u64) -> Nonce {
        let mut nonce = self.salt;
        for (into, with) in nonce[2..6].iter_mut().zip(&packet[8..12]) {
            *into ^= with;
        }
        for (into, with) in nonce[6..].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *into ^= with;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Bytes of an RTP header with its extensions.
pub fn header_length(packet: &[u8]) -> Option<usize> {
    let fixed = 12 + 4 * usize::from(packet.first()? & 15);
    if packet[0] & 16 == 0 {
        return Some(fixed);
    }
    let words = packet.get(fixed + 2..fixed + 4)?;
    Some(fixed + 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]])))
}

/// The index of a stream's next packet near the last one.
pub fn index_near(last: u64, sequence: u16) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "sequence numbers wrap")]
    let distance = sequence.wrapping_sub(last as u16) as i16;
    last.saturating_add_signed(i64::from(distance))
}
