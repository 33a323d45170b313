//! Offers of real clients, and what is wrong with broken ones.

use std::net::SocketAddr;

use super::*;

const CHROMIUM_WHIP: &str = include_str!("chromium-whip.sdp");
const CHROMIUM_WHEP: &str = include_str!("chromium-whep.sdp");
const AIORTC_WHIP: &str = include_str!("aiortc-whip.sdp");
const AIORTC_WHEP: &str = include_str!("aiortc-whep.sdp");
const FFMPEG_WHIP: &str = include_str!("ffmpeg-whip.sdp");

fn reply(offer: &Offer, listens: bool) -> String {
    let addresses: [SocketAddr; 2] = ["192.0.2.1:8189".parse().unwrap(), "[2001:db8::1]:8189".parse().unwrap()];
    let ice = Credentials { ufrag: "ours".into(), pwd: "a password of 24 letters".into() };
    answer(
        offer,
        &Local {
            ice: &ice,
            fingerprint: [0xAB; 32],
            udp: &addresses,
            tcp: &addresses,
            audio_ssrc: 11,
            video_ssrc: 22,
            rtx_ssrc: 33,
            listens,
        },
    )
}

/// Lines of the answer that start with one of these.
fn lines<'a>(answer: &'a str, prefixes: &[&str]) -> Vec<&'a str> {
    answer.lines().filter(|line| prefixes.iter().any(|prefix| line.starts_with(prefix))).collect()
}

fn settled(sdp: &str, role: Role, sent: &[Format]) -> Offer {
    let mut offer = screen(sdp, role).unwrap();
    offer.settle_video(sent).unwrap();
    offer
}

fn h264() -> Vec<Format> {
    settled(FFMPEG_WHIP, Role::Publisher, &[]).video().unwrap().formats.clone()
}

#[test]
fn chromium_publishes_the_first_codec_it_offers() {
    let offer = settled(CHROMIUM_WHIP, Role::Publisher, &[]);
    assert!(offer.has_channel());
    assert_eq!(offer.setup, Setup::Active);
    let video = offer.video().unwrap();
    assert_eq!(
        (video.formats.len(), video.formats[0].codec, video.formats[0].payload_type, video.formats[0].rtx),
        (1, Some(Codec::Vp8), 96, Some(97))
    );
    assert_eq!((video.ssrc, video.rtx_ssrc), (Some(2_867_753_207), Some(759_375_472)));
    assert!(offer.extensions().iter().any(|(_, extension)| *extension == Extension::TransportSequence));
    let answer = reply(&offer, true);
    assert_eq!(
        lines(&answer, &["m=", "a=sendrecv", "a=sendonly", "a=recvonly", "a=group", "a=mid"]),
        [
            "a=group:BUNDLE 0 1 2",
            "m=video 8189 UDP/TLS/RTP/SAVPF 96 97",
            "a=mid:0",
            "a=recvonly",
            "m=audio 8189 UDP/TLS/RTP/SAVPF 111",
            "a=mid:1",
            "a=sendrecv",
            "m=application 8189 UDP/DTLS/SCTP webrtc-datachannel",
            "a=mid:2"
        ]
    );
    assert!(answer.contains("a=rtcp-fb:96 transport-cc\r\n") && answer.contains("a=rtcp-fb:96 nack pli\r\n"));
    assert!(answer.contains("a=rtcp-fb:96 goog-remb\r\n"), "the robot may be told what the tablet's network takes");
}

#[test]
fn a_publisher_takes_the_codec_the_viewer_already_agreed_to() {
    let offer = settled(CHROMIUM_WHIP, Role::Publisher, &h264());
    let format = &offer.video().unwrap().formats[0];
    assert_eq!(format.codec, Some(Codec::H264));
    assert!(format.fmtp.as_ref().unwrap().contains("packetization-mode=1"));
}

#[test]
fn a_viewer_gets_what_is_sent_with_the_media_ssrc_first() {
    let offer = settled(CHROMIUM_WHEP, Role::Subscriber, &h264());
    let video = offer.video().unwrap();
    assert_eq!((video.formats.len(), video.formats[0].codec), (1, Some(Codec::H264)));
    assert!(video.formats[0].fmtp.as_ref().unwrap().contains("packetization-mode=1"));
    let answer = reply(&offer, true);
    assert_eq!(
        lines(&answer, &["a=ssrc"]),
        ["a=ssrc-group:FID 22 33", "a=ssrc:22 cname:windowseat", "a=ssrc:33 cname:windowseat", "a=ssrc:11 cname:windowseat"]
    );
    assert_eq!(lines(&answer, &["a=sendonly", "a=sendrecv"]), ["a=sendonly", "a=sendrecv"]);
    assert!(!answer.contains("goog-remb"), "a tablet's word on its network is its transport-wide feedback");
    let quiet = reply(&offer, false);
    assert_eq!(lines(&quiet, &["a=sendonly", "a=sendrecv"]), ["a=sendonly", "a=sendonly"], "a plain viewer is not listened to");
}

#[test]
fn a_viewer_who_is_there_first_agrees_to_one_format_per_codec() {
    let offer = settled(CHROMIUM_WHEP, Role::Subscriber, &[]);
    let codecs: Vec<_> = offer.video().unwrap().formats.iter().map(|format| format.codec.unwrap()).collect();
    assert_eq!(codecs, [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1]);
}

#[test]
fn opus_keeps_its_error_correction_and_its_requests_on_both_legs() {
    for (offer, role) in [(CHROMIUM_WHIP, Role::Publisher), (CHROMIUM_WHEP, Role::Subscriber)] {
        let asks = offer.replace("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack");
        let answer = reply(&settled(&asks, role, &[]), true);
        assert_eq!(lines(&answer, &["a=fmtp:111"]), ["a=fmtp:111 minptime=10;useinbandfec=1"]);
        assert_eq!(lines(&answer, &["a=rtcp-fb:111"]), ["a=rtcp-fb:111 nack", "a=rtcp-fb:111 transport-cc"]);
    }
}

#[test]
fn aiortc_publishes_and_views() {
    let offer = settled(AIORTC_WHIP, Role::Publisher, &[]);
    assert_eq!((offer.ice.ufrag.len(), offer.has_channel()), (4, false));
    assert_eq!(offer.audio().unwrap().formats[0].payload_type, 96);
    assert_eq!(offer.video().unwrap().formats[0].codec, Some(Codec::Vp8));
    let offer = settled(AIORTC_WHEP, Role::Subscriber, &offer.video().unwrap().formats.clone());
    let answer = reply(&offer, false);
    assert_eq!(lines(&answer, &["m="]), ["m=video 8189 UDP/TLS/RTP/SAVPF 97 98", "m=audio 8189 UDP/TLS/RTP/SAVPF 96"]);
}

#[test]
fn ffmpeg_is_the_dtls_server_and_takes_the_first_candidate() {
    let offer = settled(FFMPEG_WHIP, Role::Publisher, &[]);
    assert_eq!(offer.setup, Setup::Passive);
    let video = offer.video().unwrap();
    assert_eq!(
        (video.formats[0].codec, video.formats[0].payload_type, video.formats[0].rtx, video.rtx_ssrc),
        (Some(Codec::H264), 106, Some(105), Some(3_842_023_926))
    );
    let answer = reply(&offer, true);
    assert_eq!(lines(&answer, &["a=setup"]), ["a=setup:active", "a=setup:active"]);
    assert_eq!(lines(&answer, &["a=candidate"])[0], "a=candidate:1 1 udp 2130706431 192.0.2.1 8189 typ host");
    assert_eq!(lines(&answer, &["a=end-of-candidates"]).len(), 2);
}

/// A small offer to break.
const SMALL: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\na=setup:actpass\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\n";

#[test]
fn the_least_that_works_has_no_ssrc_no_repairs_and_no_extensions() {
    let offer = settled(SMALL, Role::Publisher, &[]);
    let video = offer.video().unwrap();
    assert_eq!((video.ssrc, video.rtx_ssrc, video.formats[0].rtx, offer.extensions().len()), (None, None, None, 0));
    assert_eq!(offer.fingerprint[31], 0x1F);
}

#[test]
fn what_is_wrong_is_said() {
    let cases: &[(&str, &str, Result<(), OfferError>)] = &[
        ("v=0", "v=0", Ok(())),
        ("v=0", "hello", Err(OfferError::NotSdp("it does not start with v=0"))),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=audio 9", Err(OfferError::NotSdp("an m= line is incomplete"))),
        ("a=ice-pwd:0123456789012345678901", "a=ice-pwd:short", Err(OfferError::NoIce)),
        ("a=ice-ufrag:abcd\r\n", "", Err(OfferError::NoIce)),
        ("a=fingerprint:sha-256", "a=fingerprint:sha-1", Err(OfferError::NoFingerprint)),
        (":1E:1F", ":1E", Err(OfferError::NoFingerprint)),
        (":1E:1F", ":1E:1F:20", Err(OfferError::NoFingerprint)),
        ("a=setup:actpass", "a=setup:holdconn", Err(OfferError::NoSetup)),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0", Err(OfferError::NotBundled)),
        ("a=rtpmap:96 VP8/90000", "a=rtpmap:96 H265/90000", Err(OfferError::NoVideoCodec)),
        ("a=rtpmap:96 VP8/90000", "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=0", Err(OfferError::NoVideoCodec)),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 PCMU/8000", Err(OfferError::NoAudioCodec)),
        ("a=sendonly", "a=recvonly", Err(OfferError::WrongDirection(Role::Publisher))),
        ("a=sendonly", "a=inactive", Err(OfferError::WrongDirection(Role::Publisher))),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", Err(OfferError::WrongDirection(Role::Publisher))),
    ];
    for (from, to, expected) in cases {
        let sdp = SMALL.replace(from, to);
        assert_eq!(&screen(&sdp, Role::Publisher).map(drop), expected, "{from} → {to}");
    }
    assert_eq!(screen(SMALL, Role::Subscriber), Err(OfferError::WrongDirection(Role::Subscriber)));
    assert_eq!(screen("v=0\r\n", Role::Publisher), Err(OfferError::NotSdp("it has no m= line")));
    let long = format!("{SMALL}{}", "a=x\r\n".repeat(20_000));
    assert_eq!(screen(&long, Role::Publisher), Err(OfferError::TooLarge(long.len())));
    let many = format!("{SMALL}{}", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(20));
    assert_eq!(screen(&many, Role::Publisher), Err(OfferError::TooManySections(22)));
}

#[test]
fn refused_sections_keep_their_place_with_port_zero() {
    let sdp = format!(
        "{SMALL}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\nm=text 9 RTP/AVP 98\r\na=mid:3\r\n"
    );
    let answer = reply(&settled(&sdp, Role::Publisher, &[]), true);
    assert_eq!(
        lines(&answer, &["m=", "a=group"]),
        [
            "a=group:BUNDLE 0 1",
            "m=audio 8189 UDP/TLS/RTP/SAVPF 111",
            "m=video 8189 UDP/TLS/RTP/SAVPF 96",
            "m=video 0 UDP/TLS/RTP/SAVPF 96",
            "m=text 0 RTP/AVP 98"
        ]
    );
}

#[test]
fn a_viewer_who_cannot_take_what_is_sent_is_told() {
    let mut offer = screen(&SMALL.replace("sendonly", "recvonly"), Role::Subscriber).unwrap();
    let refused = offer.settle_video(&h264()).unwrap_err();
    assert_eq!(refused, OfferError::NotThisVideo(vec![Codec::H264]));
    assert!(refused.to_string().starts_with("the picture is sent as H264 and"), "{refused}");
}

#[test]
fn a_fragment_is_a_restart_only_with_new_credentials() {
    assert_eq!(fragment("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n"), Ok(None));
    let restart = fragment("a=ice-ufrag:efgh\r\na=ice-pwd:0123456789012345678902\r\n").unwrap().unwrap();
    assert_eq!(restart.ufrag, "efgh");
    assert_eq!(fragment("a=ice-ufrag:efgh\r\n"), Err(OfferError::NoIce));
    let offer = settled(SMALL, Role::Publisher, &[]);
    let ice = Credentials { ufrag: "ours".into(), pwd: "a password of 24 letters".into() };
    let addresses = ["192.0.2.1:8189".parse().unwrap()];
    let local = Local {
        ice: &ice,
        fingerprint: [0; 32],
        udp: &addresses,
        tcp: &["192.0.2.1:443".parse().unwrap()],
        audio_ssrc: 1,
        video_ssrc: 2,
        rtx_ssrc: 3,
        listens: true,
    };
    assert_eq!(
        restart_fragment(&offer, &local),
        "a=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:ours\r\na=ice-pwd:a password of 24 letters\r\na=candidate:1 1 udp 2130706431 192.0.2.1 8189 typ host\r\na=candidate:2 1 tcp 1520435199 192.0.2.1 443 typ host tcptype passive\r\na=end-of-candidates\r\n"
    );
}

proptest::proptest! {
    /// Whatever a line is replaced with, screening ends with a value, and an answer has as many sections as its offer.
    #[test]
    fn mangled_offers_are_read_without_a_panic(line in 0usize..220, with in "[ -~]{0,60}", whole in 0usize..5) {
        let offers = [CHROMIUM_WHIP, CHROMIUM_WHEP, AIORTC_WHIP, FFMPEG_WHIP, SMALL];
        let mangled: String = offers[whole].lines().enumerate().map(|(at, text)| format!("{}\r\n", if at == line { &with } else { text })).collect();
        for role in [Role::Publisher, Role::Subscriber] {
            if let Ok(mut offer) = screen(&mangled, role) {
                offer.settle_video(&[]).unwrap();
                let sections = mangled.lines().filter(|line| line.starts_with("m=")).count();
                proptest::prop_assert_eq!(reply(&offer, true).lines().filter(|line| line.starts_with("m=")).count(), sections);
            }
        }
    }

    /// Lines in any order, twice or not at all, and bytes that are no lines.
    #[test]
    fn shuffled_offers_and_fragments_are_read_without_a_panic(picks in proptest::collection::vec((0usize..5, 0usize..220), 0..120), tail in ".{0,80}") {
        let offers = [CHROMIUM_WHIP, CHROMIUM_WHEP, AIORTC_WHIP, FFMPEG_WHIP, SMALL];
        let line = |(whole, at): &(usize, usize)| offers[*whole].lines().nth(*at).unwrap_or_default().to_owned();
        let shuffled = format!("v=0\r\n{}\r\n{tail}", picks.iter().map(line).collect::<Vec<_>>().join("\r\n"));
        for role in [Role::Publisher, Role::Subscriber] {
            if let Ok(mut offer) = screen(&shuffled, role) {
                offer.settle_video(&h264()).ok();
                proptest::prop_assert!(offer.sections.len() <= MAX_SECTIONS);
                proptest::prop_assert!(reply(&offer, true).len() < 64 * 1024);
            }
        }
        let _ = fragment(&shuffled);
        let _ = fragment(&tail);
        let _ = screen(&tail, Role::Publisher);
    }
}
