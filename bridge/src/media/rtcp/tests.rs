//! Packets written by hand, and bytes that are not packets.

use super::*;

const OWN: [u32; SLOTS] = [0xA0, 0xA1, 0xA2];

/// The reporting leg sends sound as 0x50 (0xB0 on the other leg, time 1000 later) and is sent a picture as 0xA1.
fn links() -> Links {
    Links { forward: [Some(Forward { from: 0x50, to: 0xB0, timestamp_offset: 1000 }), None, None] }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn check(compound: &[u32], expected: &[u32]) -> Findings {
    let mut out = Vec::new();
    let findings = translate(&words(compound), &OWN, &links(), &mut out);
    assert_eq!(out, words(expected), "{out:02x?}");
    findings
}

#[test]
fn a_sender_report_is_renamed_and_retimed_and_its_blocks_stay_here() {
    let findings = check(
        &[0x81C8_000C, 0x50, 0x1111_2222, 0x3333_4444, 500, 7, 8, 0xA1, 0x2000_0003, 65_536 + 105, 9, 0x77, 0x10000],
        &[0x80C8_0006, 0xB0, 0x1111_2222, 0x3333_4444, 1500, 7, 8],
    );
    assert_eq!(findings.sender_reports, [0x2222_3333]);
    assert_eq!(findings.heard, [(0x50, 0x2222_3333)]);
    assert_eq!(
        findings.receptions,
        [Reception { slot: Slot::Video, fraction_lost: 0x20, jitter: 9, last_report: 0x77, delay: 0x10000 }]
    );
}

#[test]
fn reports_on_reception_end_here_and_blocks_about_strangers_are_left_out() {
    let strange = [0x99, 0, 1, 2, 3, 4];
    let known = [0xA1, 0, 65_541, 2, 3, 4];
    let mut both = vec![0x82C9_000D, 0x12];
    both.extend(strange);
    both.extend(known);
    let findings = check(&both, &[]);
    assert_eq!((findings.receptions.len(), findings.heard.len()), (1, 0));
    let mut alone = vec![0x81C9_0007, 0x12];
    alone.extend(strange);
    assert_eq!(check(&alone, &[]), Findings::default());
}

#[test]
fn a_sender_report_of_a_stream_that_is_not_forwarded_is_heard_and_goes_nowhere() {
    let findings = check(&[0x81C8_000C, 0x12, 1, 2, 3, 4, 5, 0xA1, 0, 65_541, 0, 0, 0], &[]);
    assert_eq!((findings.receptions.len(), findings.sender_reports.len()), (1, 0));
    assert_eq!(findings.heard, [(0x12, 0x0001_0000)]);
}

#[test]
fn a_report_on_reception_is_written_with_our_name() {
    let block = |ssrc| Block { ssrc, fraction_lost: 0x20, lost: 3, highest: 65_641, jitter: 9, last_report: 0x77, delay: 5 };
    let mut expected = vec![0x82C9_000D, 0xFEED];
    for ssrc in [0x50, 0x51] {
        expected.extend([ssrc, 0x2000_0003, 65_641, 9, 0x77, 5]);
    }
    expected.extend([0x81CA_0005, 0xFEED, 0x010A_7769, 0x6E64_6F77, 0x7365_6174, 0]);
    assert_eq!(reception(0xFEED, &[block(0x50), block(0x51)]), words(&expected));
    let lost = reception(1, &[Block { lost: u32::MAX, ..block(7) }]);
    assert_eq!(lost[12..16], [0x20, 0x7F, 0xFF, 0xFF], "the sign is kept free");
}

#[test]
fn a_name_is_replaced_and_never_sent_alone() {
    let theirs = [0x81CA_0003, 0x50, 0x0105_6E61, 0x6D65_6400];
    check(&theirs, &[]);
    let mut with_report = vec![0x80C8_0006, 0x50, 1, 2, 3, 4, 5];
    with_report.extend(theirs);
    let mut expected = vec![0x80C8_0006, 0xB0, 1, 2, 1003, 4, 5];
    expected.extend([0x81CA_0005, 0xB0, 0x010A_7769, 0x6E64_6F77, 0x7365_6174, 0]);
    check(&with_report, &expected);
}

#[test]
fn a_nack_is_read_and_not_passed_on() {
    let findings = check(&[0x81CD_0004, 0x12, 0xA1, 0xFFFF_8001, 0x0100_0000], &[]);
    let numbers = [65_535, 0, 15, 256];
    assert_eq!(findings.wanted, numbers.map(|number| (Slot::Video, number)));
    assert_eq!(check(&[0x81CD_0003, 0x12, 0x99, 0x0003_8001], &[]).wanted, []);
    assert_eq!(check(&[0x81CD_0003, 0x12, 0xA2, 0x0003_8001], &[]).wanted, [], "repairs are not repaired");
}

#[test]
fn a_nack_that_asks_for_everything_is_heard_in_part() {
    let mut packet = vec![0x81CD_0102, 0x12, 0xA1];
    packet.extend((0..256).map(|block: u32| (block * 17) << 16 | 0xFFFF));
    assert_eq!(check(&packet, &[]).wanted.len(), MAX_WANTED);
}

#[test]
fn what_the_bridge_asks_for_it_would_hear() {
    let numbers = [65_530, 65_531, 65_535, 10, 11, 26, 27, 100];
    let packet = nack(7, 0xA1, &numbers);
    assert_eq!(packet.len(), 12 + 3 * 4);
    let mut out = Vec::new();
    let findings = translate(&packet, &OWN, &links(), &mut out);
    assert_eq!(findings.wanted, numbers.map(|number| (Slot::Video, number)));
}

#[test]
fn a_maximum_is_written_with_eighteen_bits() {
    assert_eq!(maximum(7, 9, 200_000), words(&[0x8FCE_0005, 7, 0, 0x5245_4D42, 0x0103_0D40, 9]));
    // 3 Mbit/s: 187500 × 2^4.
    assert_eq!(maximum(7, 9, 3_000_000), words(&[0x8FCE_0005, 7, 0, 0x5245_4D42, 0x0100_0000 | 4 << 18 | 187_500, 9]));
}

#[test]
fn key_frame_requests_are_found_and_not_passed_on() {
    assert!(check(&[0x81CE_0002, 0x12, 0xA1], &[]).key_frame);
    assert!(check(&[0x84CE_0004, 0x12, 0, 0xA1, 0x0100_0000], &[]).key_frame);
    assert!(!check(&[0x81CE_0002, 0x12, 0x99], &[]).key_frame);
    assert!(!check(&[0x84CE_0004, 0x12, 0xA1, 0x99, 0x0100_0000], &[]).key_frame);
}

#[test]
fn congestion_feedback_goodbyes_and_extended_reports_end_here() {
    check(&[0x8FCD_0004, 0x12, 0xA1, 1, 2], &[]);
    check(&[0x8FCE_0004, 0x12, 0, 0x5245_4D42, 0x0100_0001], &[]);
    check(&[0x81CB_0001, 0x50], &[]);
    check(&[0x80CC_0002, 0x50, 0x6E61_6D65], &[]);
    check(&[0x80CF_0001, 0x50], &[]);
}

#[test]
fn no_bytes_make_it_panic_and_nothing_grows() {
    let mut whole = words(&[0x81C8_000C, 0x50, 1, 2, 3, 4, 5, 0xA1, 6, 7, 8, 9, 10]);
    whole.extend(words(&[0x81CA_0003, 0x50, 0x0105_6E61, 0x6D65_6400]));
    whole.extend(words(&[0x81CD_0004, 0x12, 0xA1, 0x0003_8001, 0x0100_0000]));
    whole.extend(words(&[0x84CE_0004, 0x12, 0, 0xA1, 0x0100_0000]));
    for position in 0..whole.len() {
        for value in 0..=255 {
            let mut altered = whole.clone();
            altered[position] = value;
            for end in [altered.len(), position + 1] {
                let mut out = Vec::new();
                translate(&altered[..end], &OWN, &links(), &mut out);
                assert!(out.len() <= end + 32 && out.len() % 4 == 0);
            }
        }
    }
}
