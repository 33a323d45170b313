//! H.264 in Annex B: NAL units between start codes, gathered into access units (ITU-T H.264 §7.4.1.2.3).

use std::time::Duration;

use bytes::Bytes;

use super::Picture;

const SLICE: u8 = 1;
const KEY_SLICE: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const DELIMITER: u8 = 9;

pub(super) fn pictures(bytes: &Bytes, duration: Duration) -> Result<Vec<Picture>, &'static str> {
    let mut pictures: Vec<Picture> = Vec::new();
    // Where the present access unit begins, whether it has a slice yet, and whether that stands alone.
    let mut begin: Option<usize> = None;
    let (mut sliced, mut key) = (false, false);
    let starts = start_codes(bytes);
    for (index, (start, unit)) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(bytes.len(), |next| next.0);
        let Some(first) = bytes[*unit..end].first() else { continue };
        let kind = first & 0x1f;
        // The first slice of a picture has first_mb_in_slice = 0, which is a single 1 bit.
        let new_picture = matches!(kind, SLICE..=KEY_SLICE) && bytes.get(unit + 1).is_some_and(|byte| byte & 0x80 != 0);
        if sliced && (new_picture || matches!(kind, SEI..=DELIMITER)) {
            pictures.push(Picture { data: bytes.slice(begin.unwrap_or(*start)..*start), key, duration });
            (begin, sliced, key) = (None, false, false);
        }
        begin.get_or_insert(*start);
        sliced |= matches!(kind, SLICE..=KEY_SLICE);
        key |= kind == KEY_SLICE;
    }
    if let (Some(begin), true) = (begin, sliced) {
        pictures.push(Picture { data: bytes.slice(begin..), key, duration });
    }
    let has_parameters = starts.iter().any(|(_, unit)| bytes.get(*unit).is_some_and(|byte| byte & 0x1f == SPS));
    match pictures.first() {
        Some(picture) if picture.key && has_parameters => Ok(pictures),
        Some(_) => Err("the H.264 file does not begin with a key frame and its parameters: make it anew"),
        None => Err("this is neither VP8 in IVF nor H.264 in Annex B: make one with ffmpeg -f h264"),
    }
}

/// Where each start code begins, and where the NAL unit behind it does.
fn start_codes(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 3 <= bytes.len() {
        if bytes[at..at + 3] == [0, 0, 1] {
            let long = at > 0 && bytes[at - 1] == 0;
            found.push((at - usize::from(long), at + 3));
            at += 3;
        } else {
            at += 1;
        }
    }
    found
}
