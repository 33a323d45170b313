//! The voice is audible and pauses; Opus there and back keeps the level; the level follows whisper and loud.

use protocol::control::VoiceLevel;

use super::*;

fn seconds_of_speech(seconds: usize) -> Vec<[i16; FRAME]> {
    let mut speaker = Speaker::new(3);
    (0..seconds * 50)
        .map(|_| {
            let mut frame = [0; FRAME];
            speaker.speak(&mut frame);
            frame
        })
        .collect()
}

fn tone() -> impl Iterator<Item = [i16; FRAME]> {
    (0_usize..).map(|frame| {
        std::array::from_fn(|at| {
            let t = (frame * FRAME + at) as f32 / RATE as f32;
            ((t * 440.0 * TAU).sin() * 6_000.0) as i16
        })
    })
}

/// The last level heard over two seconds.
fn heard(level: VoiceLevel, frames: impl Iterator<Item = [i16; FRAME]>) -> Option<f32> {
    let mut encoder = Encoder::new().unwrap();
    let mut hearing = Hearing::new().unwrap();
    let mut last = None;
    for (sequence, frame) in (65_500..=u16::MAX).chain(0..).zip(frames.take(100)) {
        let packet = encoder.encode(&frame).unwrap();
        if let Some(measured) = hearing.hear(sequence, &packet, level) {
            last = measured;
        }
    }
    last
}

#[test]
fn the_voice_is_as_loud_as_speech_and_pauses_between_sentences() {
    let frames = seconds_of_speech(20);
    let all: Vec<i16> = frames.concat();
    let level = dbfs(&all);
    assert!((-32.0..-12.0).contains(&level), "{level} dBFS");
    assert!(all.iter().all(|sample| sample.abs() < 32_000), "not clipped");
    let silent = frames.iter().filter(|frame| dbfs(&frame[..]) < -55.0).count();
    let share = silent as f32 / frames.len() as f32;
    assert!((0.05..0.5).contains(&share), "{share} of the time is pause");
}

#[test]
fn the_voice_begins_anew_from_a_pause_and_nothing_clicks_there() {
    let mut voice = Voice::new(3).unwrap();
    let packets: Vec<_> = (0..3_000).map(|_| voice.packet()).collect();
    let length = voice.packets.len();
    assert!((500..1_500).contains(&length), "{length}");
    assert!(packets.iter().enumerate().all(|(at, packet)| *packet == packets[at % length] && !packet.is_empty()));
    let mut decoder = ropus::Decoder::new(RATE, Channels::Mono).unwrap();
    let mut decode = |packet: &Bytes| {
        let mut pcm = [0; FRAME];
        decoder.decode(packet, &mut pcm, ropus::DecodeMode::Normal).unwrap();
        dbfs(&pcm)
    };
    let levels: Vec<f32> = packets.iter().map(&mut decode).collect();
    for (before, first) in [(length - 1, length), (2 * length - 1, 2 * length)] {
        assert!(levels[before] < -40.0 && levels[first] < -20.0, "{} and {} dBFS", levels[before], levels[first]);
    }
}

#[test]
fn a_tone_is_heard_at_its_level_and_the_level_follows_whisper_and_loud() {
    let normal = heard(VoiceLevel::Normal, tone()).unwrap();
    let expected = dbfs(&tone().next().unwrap());
    assert!((normal - expected).abs() < 2.0, "{normal} against {expected}");
    let whisper = heard(VoiceLevel::Whisper, tone()).unwrap();
    assert!((normal - whisper - 12.0).abs() < 0.5, "{whisper}");
    let loud = heard(VoiceLevel::Loud, tone()).unwrap();
    assert!((loud - normal - 6.0).abs() < 0.5, "{loud}");
}

#[test]
fn silence_is_heard_as_silence() {
    assert_eq!(heard(VoiceLevel::Loud, std::iter::repeat([0; FRAME])), None);
}

#[test]
fn rubbish_and_repetition_do_no_harm() {
    let mut hearing = Hearing::new().unwrap();
    for (sequence, packet) in [(5_u16, &[0xff_u8, 0xff, 0xff][..]), (5, &[]), (4, &[1, 2, 3]), (6, &[0; 1_500]), (9, &[])] {
        assert_eq!(hearing.hear(sequence, packet, VoiceLevel::Normal), None);
    }
}
