//! IVF: a header of 32 bytes, then frames with a header of 12 bytes each. Only VP8 is taken.

use std::time::Duration;

use bytes::Bytes;

use super::Picture;

/// Pictures of a file that does not say a usable rate are this far apart.
const FALLBACK: Duration = Duration::from_micros(66_667);

pub(super) fn pictures(bytes: &Bytes) -> Result<Vec<Picture>, &'static str> {
    if bytes.len() < 32 || &bytes[8..12] != b"VP80" {
        return Err("the IVF file does not hold VP8: make one with ffmpeg -c:v libvpx");
    }
    let rate = f64::from(u32_at(bytes, 16).unwrap_or(0));
    let scale = f64::from(u32_at(bytes, 20).unwrap_or(0));
    let header = usize::from(u16::from_le_bytes([bytes[6], bytes[7]])).max(32);
    let mut pictures: Vec<Picture> = Vec::new();
    let mut at = header;
    let mut last_time = None;
    while let (Some(length), Some(time)) = (u32_at(bytes, at), u64_at(bytes, at + 4)) {
        let (start, end) = (at + 12, at.saturating_add(12).saturating_add(length as usize));
        if end > bytes.len() {
            break;
        }
        if let (Some(before), Some(picture)) = (last_time, pictures.last_mut()) {
            let ticks = time.saturating_sub(before) as f64;
            picture.duration = usable(ticks * scale / rate);
        }
        last_time = Some(time);
        if let Some(first) = bytes.get(start).filter(|_| length > 0) {
            pictures.push(Picture { data: bytes.slice(start..end), key: first & 1 == 0, duration: usable(scale / rate) });
        }
        at = end;
    }
    match pictures.first() {
        Some(picture) if picture.key => Ok(pictures),
        _ => Err("the IVF file does not begin with a key frame: make it anew"),
    }
}

fn usable(seconds: f64) -> Duration {
    if (0.001..=10.0).contains(&seconds) { Duration::from_secs_f64(seconds) } else { FALLBACK }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
