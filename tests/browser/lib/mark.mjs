// Reads the strip that the drawn classroom carries (firmware-sim/src/classroom/mark.rs): which frame, when drawn, where the head points.

const [BLOCK, COLUMNS, LEFT] = [8, 32, 8];

/** CRC-8, polynomial 0x07, start 0. */
function crc8(bytes) {
  return bytes.reduce((crc, byte) => {
    let c = crc ^ byte;
    for (let i = 0; i < 8; i += 1) c = c & 0x80 ? ((c << 1) ^ 0x07) & 0xff : (c << 1) & 0xff;
    return c;
  }, 0);
}

/**
 * @param {{width: number, luma: number[]}|null} strip the lowest 24 rows of a picture
 * @returns {{frame: number, civilMs: number, pan: number, tilt: number}|null}
 */
export function readMark(strip) {
  if (!strip) return null;
  let bits = 0n;
  for (let index = 0; index < 2 * COLUMNS; index += 1) {
    const x = LEFT + (index % COLUMNS) * BLOCK + 2;
    const y = Math.floor(index / COLUMNS) * BLOCK + 2;
    let sum = 0;
    for (let line = y; line < y + BLOCK - 4; line += 1) for (let at = x; at < x + BLOCK - 4; at += 1) sum += strip.luma[line * strip.width + at] ?? 0;
    bits = (bits << 1n) | (sum / 16 >= 128 ? 1n : 0n);
  }
  const data = (bits >> 8n) & ((1n << 52n) - 1n);
  const bytes = [6n, 5n, 4n, 3n, 2n, 1n, 0n].map((i) => Number((data >> (8n * i)) & 0xffn));
  if (bits >> 60n !== 0b1011n || Number(bits & 0xffn) !== crc8(bytes)) return null;
  const field = (shift, width) => Number((data >> BigInt(shift)) & ((1n << BigInt(width)) - 1n));
  return { frame: field(32, 20), civilMs: field(15, 17), pan: field(6, 9) - 180, tilt: field(0, 6) - 32 };
}
