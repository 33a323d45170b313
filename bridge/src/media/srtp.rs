//! SRTP in place (RFC 3711, RFC 7714), for the forwarding path; SRTCP is `rtc-srtp`'s.
//!
//! Three profiles: AES-GCM with 128 and 256 bits, and AES-CM with HMAC-SHA1-80, which every client has. A [`Cipher`] knows no
//! stream: the caller keeps indices and never seals two packets with the same SSRC and index.

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{aead, constant_time, hmac};

/// How packets are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    /// `AEAD_AES_128_GCM`.
    Gcm128,
    /// `AEAD_AES_256_GCM`.
    Gcm256,
    /// `AES128_CM_HMAC_SHA1_80`.
    Cm80,
}

/// Most bytes a sealed packet grows by.
pub(super) const MAX_TAG: usize = 16;

/// HMAC-SHA1, cut to 80 bits.
const CM_TAG: usize = 10;

const LABEL_KEY: u8 = 0;
const LABEL_AUTHENTICATION: u8 = 1;
const LABEL_SALT: u8 = 2;

/// The session keys of one direction.
#[expect(clippy::large_enum_variant, reason = "one per leg and direction; a box would cost a look-up per packet")]
pub(super) enum Cipher {
    /// AES-GCM.
    Gcm { key: aead::LessSafeKey, salt: [u8; 12] },
    /// AES counter mode and a truncated HMAC.
    Cm { key: EncryptingKey, salt: [u8; 14], mac: hmac::Key },
}

impl Cipher {
    /// Derives the session keys from one direction's master key and salt (RFC 3711 §4.3). `None` if a length is wrong.
    pub(super) fn new(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Option<Self> {
        match profile {
            Profile::Gcm128 | Profile::Gcm256 => {
                let algorithm = if profile == Profile::Gcm128 { &aead::AES_128_GCM } else { &aead::AES_256_GCM };
                let mut key = vec![0; algorithm.key_len()];
                let mut salt = [0; 12];
                derive(master_key, master_salt, LABEL_KEY, &mut key)?;
                derive(master_key, master_salt, LABEL_SALT, &mut salt)?;
                Some(Self::Gcm { key: gcm_key(&key)?, salt })
            }
            Profile::Cm80 => {
                let (mut key, mut authentication, mut salt) = ([0; 16], [0; 20], [0; 14]);
                derive(master_key, master_salt, LABEL_KEY, &mut key)?;
                derive(master_key, master_salt, LABEL_AUTHENTICATION, &mut authentication)?;
                derive(master_key, master_salt, LABEL_SALT, &mut salt)?;
                let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &authentication);
                Some(Self::Cm { key: counter_key(&key)?, salt, mac })
            }
        }
    }

    /// Bytes a sealed packet is longer than its plaintext.
    pub(super) fn tag_length(&self) -> usize {
        match self {
            Self::Gcm { .. } => MAX_TAG,
            Self::Cm { .. } => CM_TAG,
        }
    }

    /// Authenticates and decrypts `packet` behind its header. Returns where the plaintext ends; `None` if it is not genuine.
    pub(super) fn open(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Option<usize> {
        match self {
            Self::Gcm { key, salt } => {
                let (head, body) = packet.split_at_mut_checked(header)?;
                let plain = key.open_in_place(gcm_nonce(salt, ssrc, index), aead::Aad::from(&*head), body).ok()?;
                Some(header + plain.len())
            }
            Self::Cm { key, salt, mac } => {
                let end = packet.len().checked_sub(CM_TAG).filter(|end| *end >= header)?;
                let (text, tag) = packet.split_at_mut(end);
                constant_time::verify_slices_are_equal(&cm_tag(mac, text, index), tag).ok()?;
                keystream(key, salt, ssrc, index, &mut text[header..])?;
                Some(end)
            }
        }
    }

    /// Encrypts `buffer[header..end]` and writes the tag behind it. Returns where the packet ends; `None` if the buffer has
    /// not [`MAX_TAG`] bytes left.
    pub(super) fn seal(&self, buffer: &mut [u8], header: usize, end: usize, ssrc: u32, index: u64) -> Option<usize> {
        match self {
            Self::Gcm { key, salt } => {
                let (head, rest) = buffer.split_at_mut_checked(header)?;
                let (body, space) = rest.split_at_mut_checked(end.checked_sub(header)?)?;
                let tag = key.seal_in_place_separate_tag(gcm_nonce(salt, ssrc, index), aead::Aad::from(&*head), body).ok()?;
                space.get_mut(..tag.as_ref().len())?.copy_from_slice(tag.as_ref());
                Some(end + tag.as_ref().len())
            }
            Self::Cm { key, salt, mac } => {
                keystream(key, salt, ssrc, index, buffer.get_mut(header..end)?)?;
                let (text, space) = buffer.split_at_mut_checked(end)?;
                space.get_mut(..CM_TAG)?.copy_from_slice(&cm_tag(mac, text, index));
                Some(end + CM_TAG)
            }
        }
    }
}

/// AES-CM as key derivation function, with a derivation rate of zero.
fn derive(master_key: &[u8], master_salt: &[u8], label: u8, out: &mut [u8]) -> Option<()> {
    let mut block = [0; 16];
    block.get_mut(..master_salt.len().min(14))?.copy_from_slice(master_salt.get(..master_salt.len().min(14))?);
    block[7] ^= label;
    out.fill(0);
    counter_key(master_key)?.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(block))).ok()?;
    Some(())
}

fn counter_key(key: &[u8]) -> Option<EncryptingKey> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).ok()?).ok()
}

fn gcm_key(key: &[u8]) -> Option<aead::LessSafeKey> {
    let algorithm = if key.len() == 32 { &aead::AES_256_GCM } else { &aead::AES_128_GCM };
    Some(aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).ok()?))
}

/// RFC 7714 §8.1: two zero bytes, SSRC and index, each combined with the salt.
fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> aead::Nonce {
    let mut nonce = *salt;
    mix(&mut nonce[2..6], &ssrc.to_be_bytes());
    mix(&mut nonce[6..12], &index.to_be_bytes()[2..]);
    aead::Nonce::assume_unique_for_key(nonce)
}

/// RFC 3711 §4.1.1; encryption and decryption are the same.
fn keystream(key: &EncryptingKey, salt: &[u8; 14], ssrc: u32, index: u64, data: &mut [u8]) -> Option<()> {
    let mut counter = [0; 16];
    counter[..14].copy_from_slice(salt);
    mix(&mut counter[4..8], &ssrc.to_be_bytes());
    mix(&mut counter[8..14], &index.to_be_bytes()[2..]);
    key.less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(counter))).ok().map(drop)
}

/// The tag covers the packet and the roll-over counter, which is not sent.
fn cm_tag(mac: &hmac::Key, text: &[u8], index: u64) -> [u8; CM_TAG] {
    let mut context = hmac::Context::with_key(mac);
    context.update(text);
    context.update(&index.to_be_bytes()[2..6]);
    let mut tag = [0; CM_TAG];
    tag.copy_from_slice(&context.sign().as_ref()[..CM_TAG]);
    tag
}

fn mix(into: &mut [u8], with: &[u8]) {
    for (into, with) in into.iter_mut().zip(with) {
        *into ^= with;
    }
}

#[cfg(test)]
mod tests;
