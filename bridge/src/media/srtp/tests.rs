//! Vectors of RFC 3711 appendix B and RFC 7714 §16, and round trips.

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn key_derivation_matches_rfc_3711_b_3() {
    let (key, salt) = (hex("E1F97A0D3E018BE0D64FA32C06DE4139"), hex("0EC675AD498AFEEBB6960B3AABE6"));
    let derived = |label, length| {
        let mut out = vec![0xEE; length];
        derive(&key, &salt, label, &mut out).unwrap();
        out
    };
    assert_eq!(derived(LABEL_KEY, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(LABEL_SALT, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(derived(LABEL_AUTHENTICATION, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn key_derivation_matches_rfc_6188_7_2_for_256_bits() {
    let key = hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6");
    let salt = hex("3b04803de51ee7c96423ab5b78d2");
    let mut out = vec![0; 32];
    derive(&key, &salt, LABEL_KEY, &mut out).unwrap();
    assert_eq!(out, hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"));
}

#[test]
fn the_counter_mode_keystream_matches_rfc_3711_b_2() {
    let key = counter_key(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let salt: [u8; 14] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
    let mut data = vec![0; 48];
    keystream(&key, &salt, 0, 0, &mut data).unwrap();
    assert_eq!(data, hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"));
}

/// The packet of RFC 7714 §16: header, and "Gallia est omnis divisa in partes tres".
const RFC_7714_HEADER: &str = "8040f17b 8041f8d3 5501a0b2";
const RFC_7714_TEXT: &str = "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";

fn rfc_7714(key: &str, sealed: &str) {
    let cipher = Cipher::Gcm { key: gcm_key(&hex(key)).unwrap(), salt: hex("51756964 2070726f 2071756f").try_into().unwrap() };
    let mut packet = hex(RFC_7714_HEADER);
    packet.extend(hex(RFC_7714_TEXT));
    let plain = packet.clone();
    packet.resize(plain.len() + MAX_TAG, 0);
    let end = cipher.seal(&mut packet, 12, plain.len(), 0x5501_a0b2, 0xf17b).unwrap();
    assert_eq!(packet[12..end], hex(sealed));
    let open = cipher.open(&mut packet[..end], 12, 0x5501_a0b2, 0xf17b).unwrap();
    assert_eq!(packet[..open], plain);
}

#[test]
fn gcm_128_matches_rfc_7714_16_1_1() {
    rfc_7714(
        "00010203 04050607 08090a0b 0c0d0e0f",
        "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
    );
}

#[test]
fn gcm_256_matches_rfc_7714_16_2_1() {
    rfc_7714(
        "00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f",
        "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
    );
}

#[test]
fn an_altered_packet_a_wrong_index_and_a_wrong_ssrc_do_not_open() {
    for (profile, key, salt) in [(Profile::Gcm128, 16, 12), (Profile::Gcm256, 32, 12), (Profile::Cm80, 16, 14)] {
        let cipher = Cipher::new(profile, &vec![7; key], &vec![9; salt]).unwrap();
        let mut packet = vec![0x80; 12];
        packet.extend(b"not for others");
        let end = packet.len();
        packet.resize(end + MAX_TAG, 0);
        let sealed_end = cipher.seal(&mut packet, 12, end, 5, 70_000).unwrap();
        packet.truncate(sealed_end);
        for position in 0..packet.len() {
            let mut altered = packet.clone();
            altered[position] ^= 1;
            assert_eq!(cipher.open(&mut altered, 12, 5, 70_000), None, "{profile:?}, byte {position}");
        }
        assert_eq!(cipher.open(&mut packet.clone(), 12, 5, 70_000 - 65_536), None, "{profile:?}, wrong roll-over counter");
        if profile != Profile::Cm80 {
            // Counter mode's tag covers the SSRC in the header only, which is where callers take it from.
            assert_eq!(cipher.open(&mut packet.clone(), 12, 6, 70_000), None, "{profile:?}, wrong SSRC");
        }
        assert_eq!(cipher.open(&mut packet, 12, 5, 70_000), Some(end));
        assert_eq!(&packet[12..end], b"not for others");
    }
}

#[test]
fn short_packets_and_full_buffers_are_refused_without_a_panic() {
    for profile in [Profile::Gcm128, Profile::Cm80] {
        let cipher = Cipher::new(profile, &[1; 16], &vec![2; if profile == Profile::Cm80 { 14 } else { 12 }]).unwrap();
        for length in 0..40 {
            for header in [0, 12, 16, 60] {
                assert_eq!(cipher.open(&mut vec![0x80; length], header, 1, 1), None);
            }
        }
        assert_eq!(cipher.seal(&mut [0; 20], 12, 20, 1, 1), None);
        assert_eq!(cipher.seal(&mut [0; 20], 12, 21, 1, 1), None);
        assert_eq!(cipher.seal(&mut [0; 20], 12, 11, 1, 1), None);
    }
}
