//! Small files made by FFmpeg are read; cut or foreign ones are refused or read as far as they go, and nothing panics.

use std::path::PathBuf;

use super::*;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn an_ivf_file_of_ffmpeg_is_read_with_its_key_frames_and_times() {
    let clip = VideoClip::open(&fixture("ten.ivf"), 15).unwrap();
    assert_eq!(clip.codec, VideoCodec::Vp8);
    assert_eq!(clip.pictures.len(), 10);
    let keys: Vec<bool> = clip.pictures.iter().map(|picture| picture.key).collect();
    assert_eq!(keys.iter().filter(|key| **key).count(), 2, "a key frame every five");
    assert!(clip.pictures.iter().all(|picture| picture.duration == Duration::from_millis(100)), "10 in a second");
}

#[test]
fn an_h264_file_of_ffmpeg_is_cut_into_pictures_that_a_decoder_takes() {
    let mut clip = VideoClip::open(&fixture("ten.h264"), 10).unwrap();
    assert_eq!((clip.codec, clip.pictures.len()), (VideoCodec::H264, 10));
    let mut decoder = openh264::decoder::Decoder::new().unwrap();
    let mut decoded = 0;
    for _ in 0..clip.pictures.len() {
        decoded += usize::from(decoder.decode(&clip.advance(false).data).unwrap().is_some());
    }
    decoded += decoder.flush_remaining().unwrap().len();
    assert_eq!(decoded, 10);
}

#[test]
fn an_ogg_file_of_ffmpeg_is_read_and_decodes_to_its_length() {
    let clip = AudioClip::open(&fixture("tone.ogg")).unwrap();
    let mut decoder = ropus::Decoder::new(48_000, ropus::Channels::Mono).unwrap();
    let mut pcm = vec![0; 5_760];
    for packet in &clip.packets {
        let samples = decoder.decode(&packet.data, &mut pcm, ropus::DecodeMode::Normal).unwrap();
        assert_eq!(samples, packet.samples as usize);
    }
    let total: u32 = clip.packets.iter().map(|packet| packet.samples).sum();
    assert!((48_000..=52_000).contains(&total), "one second and what the codec adds: {total}");
}

#[test]
fn a_clip_goes_round_and_jumps_to_a_key_frame_when_asked() {
    let mut clip = VideoClip::open(&fixture("ten.ivf"), 15).unwrap();
    for _ in 0..3 {
        clip.advance(false);
    }
    assert!(clip.advance(true).key);
    assert_eq!(clip.next, 6, "the key frame in the middle");
    assert!(clip.advance(true).key);
    assert_eq!(clip.next, 1, "round to the beginning");
}

#[test]
fn a_file_cut_anywhere_is_read_as_far_as_it_goes_or_refused() {
    for name in ["ten.ivf", "ten.h264", "tone.ogg"] {
        let whole = Bytes::from(std::fs::read(fixture(name)).unwrap());
        let mut refused = 0;
        for length in (0..whole.len()).step_by(7) {
            let part = whole.slice(..length);
            let outcome = match name {
                "ten.ivf" => ivf::pictures(&part).map(|found| found.len()),
                "ten.h264" => annexb::pictures(&part, Duration::from_millis(100)).map(|found| found.len()),
                _ => ogg::packets(&part).map(|found| found.len()),
            };
            match outcome {
                Ok(found) => assert!(found > 0, "{name} cut at {length}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 0, "{name}: the shortest parts are refused");
    }
}

#[test]
fn another_kind_of_file_is_refused_with_what_to_do() {
    let error = AudioClip::open(&fixture("ten.ivf")).unwrap_err().to_string();
    assert!(error.contains("ffmpeg -c:a libopus"), "{error}");
    let error = VideoClip::open(&fixture("tone.ogg"), 15).unwrap_err().to_string();
    assert!(error.contains("ffmpeg -f h264"), "{error}");
    let error = VideoClip::open(&fixture("none.ivf"), 15).unwrap_err().to_string();
    assert!(error.contains("check the path"), "{error}");
}
