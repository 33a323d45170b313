//! The picture says what it should, turns with the head, and survives the encoder.

use super::*;
use crate::picture::{Encoder, EncoderConfig};

fn scene(frame: u32, pan_deg: f32) -> Scene {
    Scene {
        frame,
        civil_ms: 1_795_000_000_123 + i64::from(frame) * 67,
        age_s: frame as f32 / 15.0,
        pan_deg,
        tilt_deg: 0.0,
        title: "Science".to_owned(),
        clock: "09:41:23".to_owned(),
    }
}

fn expected(scene: &Scene) -> Mark {
    Mark {
        frame: scene.frame,
        civil_ms: (scene.civil_ms & 0x1_ffff) as u32,
        pan_deg: scene.pan_deg as i32,
        tilt_deg: scene.tilt_deg as i32,
    }
}

#[test]
fn every_drawn_picture_carries_its_mark() {
    for (width, height) in [(640, 360), (320, 180), (1280, 720)] {
        let mut classroom = Classroom::new(width, height);
        let mut picture = Vec::new();
        for (frame, pan) in [(1, 0.0), (77, -170.0), (99_999, 170.0)] {
            let scene = scene(frame, pan);
            classroom.draw(&scene, &mut picture);
            assert_eq!(Mark::read(&picture, width, height), Some(expected(&scene)), "{width}x{height}");
        }
    }
}

#[test]
fn the_mark_is_read_after_h264_at_the_usual_rate_while_the_head_turns() {
    let mut classroom = Classroom::new(640, 360);
    let mut encoder = Encoder::new(EncoderConfig { width: 640, height: 360, fps: 15, bitrate_bps: 600_000 }).unwrap();
    let mut decoder = openh264::decoder::Decoder::new().unwrap();
    let (mut picture, mut bytes, mut read) = (Vec::new(), 0, 0);
    for frame in 0..120 {
        let scene = scene(frame, (frame as f32 * 2.0).min(160.0));
        classroom.draw(&scene, &mut picture);
        let unit = encoder.encode(&picture, frame == 0).unwrap();
        bytes += unit.len();
        let decoded = decoder.decode(&unit).unwrap().expect("one picture in, one out");
        let stride = openh264::formats::YUVSource::strides(&decoded).0;
        let luma = openh264::formats::YUVSource::y(&decoded);
        assert_eq!(Mark::read(luma, stride, 360), Some(expected(&scene)), "frame {frame}");
        read += 1;
    }
    assert_eq!(read, 120);
    let rate = bytes * 8 * 15 / 120;
    assert!(rate < 800_000, "{rate} bit/s");
}

#[test]
fn a_lower_rate_gives_a_smaller_stream_of_pictures_that_are_still_read() {
    let rate = |bitrate_bps: u32| {
        let (mut classroom, mut picture, mut bytes, mut read) = (Classroom::new(640, 360), Vec::new(), 0, 0);
        let mut encoder = Encoder::new(EncoderConfig { width: 640, height: 360, fps: 15, bitrate_bps }).unwrap();
        let mut decoder = openh264::decoder::Decoder::new().unwrap();
        for frame in 0..150 {
            let scene = scene(frame, (frame as f32 * 2.0).min(160.0));
            classroom.draw(&scene, &mut picture);
            let unit = encoder.encode(&picture, frame == 0).unwrap();
            bytes += unit.len();
            if unit.is_empty() {
                continue;
            }
            let decoded = decoder.decode(&unit).unwrap().expect("one picture in, one out");
            let stride = openh264::formats::YUVSource::strides(&decoded).0;
            let luma = openh264::formats::YUVSource::y(&decoded);
            read += usize::from(Mark::read(luma, stride, 360) == Some(expected(&scene)));
        }
        (bytes * 8 * 15 / 150, read)
    };
    let ((full, full_read), (low, low_read)) = (rate(600_000), rate(150_000));
    assert!(low * 2 < full, "{low} and {full} bit/s");
    assert!(full_read == 150 && low_read > 30, "{full_read} and {low_read} of 150");
}

#[test]
fn the_view_turns_with_the_head_and_the_board_changes_with_the_clock() {
    let mut classroom = Classroom::new(640, 360);
    let mut draw = |scene: &Scene| {
        let mut picture = Vec::new();
        classroom.draw(scene, &mut picture);
        picture.truncate(640 * 320);
        picture
    };
    let ahead = draw(&scene(0, 0.0));
    let differing = |a: &[u8], b: &[u8]| a.iter().zip(b).filter(|(x, y)| x.abs_diff(**y) > 8).count();
    assert_eq!(differing(&ahead, &draw(&scene(0, 0.0))), 0, "the same scene is the same picture");
    assert!(differing(&ahead, &draw(&scene(0, 60.0))) > 40_000);
    let later = draw(&Scene { clock: "09:41:24".to_owned(), ..scene(0, 0.0) });
    assert!((20..5_000).contains(&differing(&ahead, &later)), "only the clock");
    let other = draw(&Scene { title: "Maths".to_owned(), ..scene(0, 0.0) });
    assert!(differing(&ahead, &other) > 200);
}

#[test]
fn the_panorama_has_no_seam() {
    let mut classroom = Classroom::new(640, 360);
    let mut picture = Vec::new();
    classroom.draw(&Scene { age_s: 20.0, ..scene(0, 179.0) }, &mut picture);
    // A row of plain wall well above everything that stands against it.
    let row = &picture[640 * 4..640 * 5];
    assert!(row.windows(2).all(|pair| pair[0].abs_diff(pair[1]) < 4), "{row:?}");
}
