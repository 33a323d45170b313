//! Transport-wide congestion feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), written by the bridge itself.
//!
//! A sender's estimate rises with its start-up probes, so they must be answered from the first packet, whether a pupil is
//! there or not; forwarding the pupil's feedback keeps a robot at a fraction of its rate. Arrival times are the bridge's.

pub(super) mod read;

/// Most arrivals kept between two reports; later ones are left out of the report.
const MAX_ARRIVALS: usize = 4096;

/// Most sequence numbers one report spans.
const MAX_SPAN: u64 = 500;

/// Arrival times are told in steps of 250 µs, the reference time in steps of 64 ms.
const STEP_US: i64 = 250;
const REFERENCE_US: u64 = 64_000;

/// What arrived on one leg since the last report.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    seen: Vec<(u64, u64)>,
    highest: Option<u64>,
    next: u64,
    count: u8,
}

impl Arrivals {
    /// Notes that the packet with this transport-wide number arrived at `at_us`, see `arrival.rs`: on a clock
    /// that does not step, and the same one whatever the packet came by.
    pub(super) fn note(&mut self, sequence: u16, at_us: u64) {
        // The first number starts one round up, so that earlier ones that come late are not below zero.
        let highest = self.highest.unwrap_or(65_536 + u64::from(sequence));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "the signed distance of two sequence numbers"
        )]
        let distance = sequence.wrapping_sub(highest as u16) as i16;
        let Some(number) = highest.checked_add_signed(i64::from(distance)) else { return };
        if self.highest.is_none() {
            self.next = number;
        }
        self.highest = Some(highest.max(number));
        if self.seen.len() < MAX_ARRIVALS {
            self.seen.push((number, at_us));
        }
    }

    /// Whether there is something to report.
    pub(super) fn is_pending(&self) -> bool {
        !self.seen.is_empty()
    }

    /// Writes the report about everything noted since the last one. `None` if nothing arrived.
    pub(super) fn report(&mut self, sender_ssrc: u32, media_ssrc: u32) -> Option<Vec<u8>> {
        let mut seen = std::mem::take(&mut self.seen);
        seen.sort_unstable();
        seen.dedup_by_key(|arrival| arrival.0);
        let (first, last) = (seen.first()?.0, seen.last()?.0);
        let base = self.next.min(first).max(last.saturating_sub(MAX_SPAN - 1));
        self.next = last + 1;
        seen.retain(|arrival| arrival.0 >= base);

        let reference = seen.first()?.1 / REFERENCE_US;
        let mut previous = i64::try_from(reference * REFERENCE_US).ok()?;
        let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
        let mut arrivals = seen.iter().peekable();
        for number in base..=last {
            let Some(arrival) = arrivals.next_if(|arrival| arrival.0 == number) else {
                symbols.push(0_u16);
                continue;
            };
            let steps = (i64::try_from(arrival.1).ok()? - previous) / STEP_US;
            match (u8::try_from(steps), i16::try_from(steps)) {
                (Ok(small), _) => {
                    symbols.push(1);
                    deltas.push(small);
                }
                (_, Ok(large)) => {
                    symbols.push(2);
                    deltas.extend(large.to_be_bytes());
                }
                // A pause of more than eight seconds cannot be told; the packet counts as not received.
                _ => {
                    symbols.push(0);
                    continue;
                }
            }
            previous += steps * STEP_US;
        }

        let mut report = vec![0x8F, 205, 0, 0];
        report.extend(sender_ssrc.to_be_bytes());
        report.extend(media_ssrc.to_be_bytes());
        report.extend(low16(base));
        report.extend(low16(last - base + 1));
        report.extend(&reference.to_be_bytes()[5..]);
        report.push(self.count);
        self.count = self.count.wrapping_add(1);
        for chunk in symbols.chunks(7) {
            // Seven two-bit symbols.
            let vector = chunk.iter().zip(0u16..).fold(0xC000, |word, (symbol, place)| word | symbol << (12 - 2 * place));
            report.extend(vector.to_be_bytes());
        }
        report.extend(deltas);
        report.resize(report.len().next_multiple_of(4), 0);
        let words = u16::try_from(report.len() / 4 - 1).ok()?;
        report[2..4].copy_from_slice(&words.to_be_bytes());
        Some(report)
    }
}

fn low16(number: u64) -> [u8; 2] {
    let bytes = number.to_be_bytes();
    [bytes[6], bytes[7]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_received_lost_and_reordered_packets() {
        let mut arrivals = Arrivals::default();
        arrivals.note(65_535, 128_000);
        arrivals.note(2, 129_000);
        arrivals.note(0, 129_500);
        let report = arrivals.report(7, 9).unwrap();
        let mut expected = vec![0x8F, 205, 0, 6, 0, 0, 0, 7, 0, 0, 0, 9];
        // Base 65535, four packets, reference 2 × 64 ms, first report.
        expected.extend([0xFF, 0xFF, 0, 4, 0, 0, 2, 0]);
        // Small, small, not received, large (it came before the one in front of it).
        expected.extend(0b1101_0100_1000_0000_u16.to_be_bytes());
        expected.extend([0, 6]);
        expected.extend((-2_i16).to_be_bytes());
        expected.extend([0, 0]);
        assert_eq!(report, expected);
        assert_eq!(arrivals.report(7, 9), None);
    }

    #[test]
    fn the_next_report_goes_on_where_the_last_ended() {
        let mut arrivals = Arrivals::default();
        arrivals.note(10, 1_000_000);
        arrivals.report(1, 2).unwrap();
        arrivals.note(13, 1_010_000);
        let report = arrivals.report(1, 2).unwrap();
        assert_eq!(report[12..16], [0, 11, 0, 3], "11 and 12 are told as lost");
        assert_eq!(report[19], 1, "second report");
    }

    #[test]
    fn wild_numbers_and_times_stay_within_bounds() {
        let mut arrivals = Arrivals::default();
        for step in 0..10_000u64 {
            #[expect(clippy::cast_possible_truncation, reason = "any number will do")]
            arrivals.note((step.wrapping_mul(2_654_435_761) >> 7) as u16, step.wrapping_mul(97_003) % 50_000_000);
            assert!(arrivals.seen.len() <= MAX_ARRIVALS);
        }
        let report = arrivals.report(1, 2).unwrap();
        assert!(report.len() < 1300);
        assert_eq!(report.len() % 4, 0);
    }
}
