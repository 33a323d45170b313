//! The answering half of ICE: an ICE-lite end (RFC 8445 §2.5) only replies to checks, and may ask whether it is still heard (`probe.rs`).
//!
//! Nothing is believed before its MESSAGE-INTEGRITY is, nor what stands behind it: an address that has not sent a genuine check is
//! nobody. The newest nomination wins, so a tablet that moves from Wi-Fi to mobile is followed. A lite end is always controlled; one
//! that believes the same of itself is told (RFC 8445 §7.3.1.1) and gets nothing else.

use std::net::{IpAddr, SocketAddr};

use bridge_core::offer::Credentials;
use rtc_crypto::RTCCrypto;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_PRIORITY, ATTR_USERNAME, AttrType, RawAttribute};
use rtc_stun::error_code::CODE_ROLE_CONFLICT;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;

/// Bytes of a STUN header; its magic cookie stands at 4 to 8.
const HEADER: usize = 20;
const MAGIC: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const USE_CANDIDATE: u16 = 0x0025;
const ICE_CONTROLLED: u16 = 0x8029;
/// How an answer begins.
const SUCCESS: [u8; 2] = 0x0101_u16.to_be_bytes();
/// Of a host candidate (RFC 8445 §5.1.2); nothing is chosen by it, for a lite end nominates nothing.
const PRIORITY: u32 = 0x6E00_01FF;
/// Decides who gives in if both ends take themselves for the controlled one; a lite end is that always.
const TIE_BREAKER: u64 = 0;

/// A genuine check.
pub(super) struct Check {
    /// The reply to send to where the check came from.
    pub(super) reply: Vec<u8>,
    /// The other end wants media on this path.
    pub(super) nominates: bool,
    /// The other end takes itself for the controlled one; the reply says so, and the path counts for nothing.
    pub(super) is_conflict: bool,
    /// Which transaction it is.
    pub(super) transaction: [u8; 12],
}

/// Reads the local user name fragment of a check, to find whose it is. Nothing is proved by it.
pub(super) fn local_ufrag(packet: &[u8]) -> Option<&str> {
    if packet.get(4..8)? != MAGIC {
        return None;
    }
    let username = attributes(packet).find(|attribute| attribute.0 == USERNAME)?.1;
    std::str::from_utf8(username).ok()?.split(':').next()
}

/// The attributes that MESSAGE-INTEGRITY protects: those in front of it.
fn attributes(packet: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = packet.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let [kind_high, kind_low, length_high, length_low, ..] = *rest else { return None };
        let kind = u16::from_be_bytes([kind_high, kind_low]);
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let value = rest.get(4..4 + length).filter(|_| kind != MESSAGE_INTEGRITY)?;
        rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Checks one binding request and builds the reply. `None` if it is not genuine or not for these credentials.
pub(super) fn check(
    packet: &[u8],
    source: SocketAddr,
    local: &Credentials,
    remote_ufrag: &str,
    crypto: &dyn RTCCrypto,
) -> Option<Check> {
    let mut request = Message { raw: packet.to_vec(), ..Message::default() };
    request.decode().ok()?;
    if request.typ != BINDING_REQUEST {
        return None;
    }
    let mut username = TextAttribute::new(ATTR_USERNAME, String::new());
    username.get_from(&request).ok()?;
    if username.text.split_once(':')? != (local.ufrag.as_str(), remote_ufrag) {
        return None;
    }
    MessageIntegrity::check(&mut request, local.pwd.as_bytes(), crypto).ok()?;
    let has = |kind| attributes(packet).any(|attribute| attribute.0 == kind);
    let (nominates, is_conflict) = (has(USE_CANDIDATE), has(ICE_CONTROLLED));
    let transaction = request.transaction_id.0;
    let mapped = XorMappedAddress { ip: canonical(source.ip()), port: source.port() };
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(local.pwd.clone(), crypto);
    let mut reply = Message::new();
    if is_conflict {
        let setters: [Box<dyn Setter + '_>; 5] = [
            Box::new(request),
            Box::new(BINDING_ERROR),
            Box::new(CODE_ROLE_CONFLICT),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        reply.build(&setters).ok()?;
    } else {
        let setters: [Box<dyn Setter + '_>; 5] =
            [Box::new(request), Box::new(BINDING_SUCCESS), Box::new(mapped), Box::new(integrity), Box::new(FINGERPRINT)];
        reply.build(&setters).ok()?;
    }
    Some(Check { reply: reply.raw, nominates, is_conflict, transaction })
}

/// A check of our own, for an end that has these credentials.
pub(super) fn question(
    local_ufrag: &str,
    remote: &Credentials,
    transaction: [u8; 12],
    crypto: &dyn RTCCrypto,
) -> Option<Vec<u8>> {
    let raw = |typ: AttrType, value: &[u8]| {
        Some(RawAttribute { typ, length: u16::try_from(value.len()).ok()?, value: value.to_vec() })
    };
    let username = TextAttribute::new(ATTR_USERNAME, format!("{}:{local_ufrag}", remote.ufrag));
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(remote.pwd.clone(), crypto);
    let setters: [Box<dyn Setter + '_>; 7] = [
        Box::new(TransactionId(transaction)),
        Box::new(BINDING_REQUEST),
        Box::new(username),
        Box::new(raw(ATTR_PRIORITY, &PRIORITY.to_be_bytes())?),
        Box::new(raw(ATTR_ICE_CONTROLLED, &TIE_BREAKER.to_be_bytes())?),
        Box::new(integrity),
        Box::new(FINGERPRINT),
    ];
    let mut request = Message::new();
    request.build(&setters).ok()?;
    Some(request.raw)
}

/// Whether this is an answer at all. Nothing is proved by it.
pub(super) fn is_answer(packet: &[u8]) -> bool {
    packet.starts_with(&SUCCESS) && packet.get(4..8) == Some(&MAGIC)
}

/// Whether this is the answer to that question, of the end that has this password.
pub(super) fn answers(packet: &[u8], transaction: [u8; 12], password: &str, crypto: &dyn RTCCrypto) -> bool {
    let mut answer = Message { raw: packet.to_vec(), ..Message::default() };
    answer.decode().is_ok()
        && answer.typ == BINDING_SUCCESS
        && answer.transaction_id.0 == transaction
        && MessageIntegrity::check(&mut answer, password.as_bytes(), crypto).is_ok()
}

/// A dual-stack socket shows IPv4 peers as mapped IPv6 addresses; they know themselves as IPv4.
fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Credentials {
        Credentials { ufrag: "bridge00".into(), pwd: "a password of 24 letters".into() }
    }

    fn request(user: &str, password: &str) -> Vec<u8> {
        let provider = rtc_crypto::default_provider().unwrap();
        let username = TextAttribute::new(ATTR_USERNAME, user.into());
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(password.into(), provider.crypto());
        let mut message = Message::new();
        let setters: [Box<dyn Setter + '_>; 4] =
            [Box::new(BINDING_REQUEST), Box::new(username), Box::new(integrity), Box::new(FINGERPRINT)];
        message.build(&setters).unwrap();
        message.raw
    }

    fn checked(packet: &[u8]) -> Option<Check> {
        let provider = rtc_crypto::default_provider().unwrap();
        check(packet, "192.0.2.1:5000".parse().unwrap(), &local(), "them", provider.crypto())
    }

    #[test]
    fn a_genuine_check_is_answered() {
        let packet = request("bridge00:them", &local().pwd);
        assert_eq!(local_ufrag(&packet), Some("bridge00"));
        let check = checked(&packet).unwrap();
        assert!(!check.nominates);
        let mut reply = Message { raw: check.reply, ..Message::default() };
        reply.decode().unwrap();
        assert_eq!(reply.typ, BINDING_SUCCESS);
        let mut mapped = XorMappedAddress::default();
        Getter::get_from(&mut mapped, &reply).unwrap();
        assert_eq!((mapped.ip.to_string(), mapped.port), ("192.0.2.1".into(), 5000));
    }

    #[test]
    fn a_wrong_password_a_wrong_user_and_an_altered_check_are_not() {
        assert!(checked(&request("bridge00:them", "another password, 24 let")).is_none());
        assert!(checked(&request("bridge00:others", &local().pwd)).is_none());
        assert!(checked(&request("them:bridge00", &local().pwd)).is_none());
        let mut altered = request("bridge00:them", &local().pwd);
        altered[9] ^= 1;
        assert!(checked(&altered).is_none());
    }

    #[test]
    fn a_question_is_answered_by_whoever_has_the_password_and_by_nobody_else() {
        let provider = rtc_crypto::default_provider().unwrap();
        let crypto = provider.crypto();
        let remote = Credentials { ufrag: "them".into(), pwd: "their password of 24 lett".into() };
        let asked = question("bridge00", &remote, [9; 12], crypto).unwrap();
        assert!(!is_answer(&asked));
        let mut request = Message { raw: asked, ..Message::default() };
        request.decode().unwrap();
        let mut username = TextAttribute::new(ATTR_USERNAME, String::new());
        username.get_from(&request).unwrap();
        assert_eq!(username.text, "them:bridge00");
        MessageIntegrity::check(&mut request, remote.pwd.as_bytes(), crypto).unwrap();
        let answer = |password: &str, transaction: [u8; 12]| {
            let integrity = MessageIntegrity::new_short_term_integrity_with_provider(password.into(), crypto);
            let mut message = Message::new();
            let setters: [Box<dyn Setter + '_>; 4] =
                [Box::new(TransactionId(transaction)), Box::new(BINDING_SUCCESS), Box::new(integrity), Box::new(FINGERPRINT)];
            message.build(&setters).unwrap();
            message.raw
        };
        let genuine = answer(&remote.pwd, [9; 12]);
        assert!(is_answer(&genuine) && answers(&genuine, [9; 12], &remote.pwd, crypto));
        assert!(!answers(&answer("another password of 24 le", [9; 12]), [9; 12], &remote.pwd, crypto));
        assert!(!answers(&answer(&remote.pwd, [8; 12]), [9; 12], &remote.pwd, crypto));
        for end in 0..genuine.len() {
            assert!(!answers(&genuine[..end], [9; 12], &remote.pwd, crypto));
        }
    }

    #[test]
    fn cut_and_random_packets_are_read_without_a_panic() {
        let packet = request("bridge00:them", &local().pwd);
        for end in 0..packet.len() {
            assert!(checked(&packet[..end]).is_none());
            let _ = local_ufrag(&packet[..end]);
        }
        for position in 0..packet.len() {
            let mut altered = packet.clone();
            altered[position] = 0xFF;
            let _ = local_ufrag(&altered);
            let _ = checked(&altered);
        }
    }
}
