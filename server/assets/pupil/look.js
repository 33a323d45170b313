// Where the head should point: by drag, tap, buttons or keys, all equal. Sends places, not movements, at most ten a second.

/** Limits of the contract, in degrees; the robot has its own, tighter or not. */
const PAN = 170;
const TILT = 20;
/** What the camera sees from edge to edge, in degrees. */
const SEEN_ACROSS = 60;
const SEEN_UPRIGHT = 36;
/** One press of a button or an arrow key, in degrees. */
const STEP_PAN = 15;
const STEP_TILT = 6;
/** A finger that moved less than this many pixels has tapped. */
const TAP_PX = 10;
const EVERY_MS = 100;

/** @typedef {{pan_deg: number, tilt_deg: number}} Place */

/**
 * @param {number} value @param {number} limit
 */
const within = (value, limit) => Math.round(Math.max(-limit, Math.min(limit, value)) * 10) / 10;

/**
 * The place that a tap on the picture means: the point comes to the middle.
 * @param {Place} from where the head points now
 * @param {{x: number, y: number}} point from 0 to 1 across and down the picture
 * @returns {Place}
 */
export function placeOfTap(from, { x, y }) {
  return placeOf(from.pan_deg + (x - 0.5) * SEEN_ACROSS, from.tilt_deg - (y - 0.5) * SEEN_UPRIGHT);
}

/**
 * The place after dragging the picture: it follows the finger, so the head turns the other way.
 * @param {Place} from where the head pointed when the finger came down
 * @param {{x: number, y: number}} moved in shares of the picture
 * @returns {Place}
 */
export function placeOfDrag(from, { x, y }) {
  return placeOf(from.pan_deg - x * SEEN_ACROSS, from.tilt_deg + y * SEEN_UPRIGHT);
}

/** @typedef {"left"|"right"|"up"|"down"|"ahead"} Turn */

/**
 * The place one step on.
 * @param {Place} from @param {Turn} turn
 * @returns {Place}
 */
export function placeOfStep(from, turn) {
  switch (turn) {
    case "left": return placeOf(from.pan_deg - STEP_PAN, from.tilt_deg);
    case "right": return placeOf(from.pan_deg + STEP_PAN, from.tilt_deg);
    case "up": return placeOf(from.pan_deg, from.tilt_deg + STEP_TILT);
    case "down": return placeOf(from.pan_deg, from.tilt_deg - STEP_TILT);
    case "ahead": return { pan_deg: 0, tilt_deg: 0 };
  }
}

/** @param {number} pan @param {number} tilt @returns {Place} */
function placeOf(pan, tilt) {
  return { pan_deg: within(pan, PAN), tilt_deg: within(tilt, TILT) };
}

/**
 * The part of an element that a picture of this shape covers when it is fitted inside.
 * @param {{width: number, height: number, left: number, top: number}} box @param {number} across @param {number} upright
 */
export function pictureIn(box, across, upright) {
  const scale = across > 0 && upright > 0 ? Math.min(box.width / across, box.height / upright) : 0;
  const width = scale > 0 ? across * scale : box.width;
  const height = scale > 0 ? upright * scale : box.height;
  return { left: box.left + (box.width - width) / 2, top: box.top + (box.height - height) / 2, width, height };
}

/**
 * Turns fingers on the view into places.
 * @param {HTMLElement} view
 * @param {object} use
 * @param {() => HTMLVideoElement} use.video the one that is shown
 * @param {() => boolean} use.allowed whether the head can be turned now
 * @param {() => Place} use.from where the head points
 * @param {(place: Place) => void} use.look
 */
export function lookByTouch(view, { video, allowed, from, look }) {
  /** @type {{id: number, x: number, y: number, from: Place, moved: boolean}|null} */
  let finger = null;
  const picture = () => pictureIn(view.getBoundingClientRect(), video().videoWidth, video().videoHeight);
  view.addEventListener("pointerdown", (event) => {
    if (finger || !allowed() || event.button !== 0 || (event.target instanceof Element && event.target.closest("button, a"))) return;
    finger = { id: event.pointerId, x: event.clientX, y: event.clientY, from: from(), moved: false };
    view.setPointerCapture(event.pointerId);
  });
  view.addEventListener("pointermove", (event) => {
    if (finger?.id !== event.pointerId) return;
    const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
    if (Math.hypot(dx, dy) >= TAP_PX) finger.moved = true;
    const size = picture();
    if (finger.moved && allowed()) look(placeOfDrag(finger.from, { x: dx / size.width, y: dy / size.height }));
  });
  view.addEventListener("pointerup", (event) => {
    if (finger?.id !== event.pointerId) return;
    const tap = finger;
    finger = null;
    if (tap.moved || !allowed()) return;
    const size = picture();
    const point = { x: (event.clientX - size.left) / size.width, y: (event.clientY - size.top) / size.height };
    if (point.x >= 0 && point.x <= 1 && point.y >= 0 && point.y <= 1) look(placeOfTap(tap.from, point));
  });
  view.addEventListener("pointercancel", () => {
    finger = null;
  });
}

/**
 * At most one place every 100 ms, the newest one last.
 * @param {(place: Place) => void} send
 * @returns {(place: Place) => void}
 */
export function calmly(send) {
  let last = -Infinity;
  /** @type {Place|null} */
  let next = null;
  return (place) => {
    const wait = last + EVERY_MS - performance.now();
    if (wait <= 0) {
      last = performance.now();
      send(place);
      return;
    }
    if (next === null) {
      setTimeout(() => {
        last = performance.now();
        if (next) send(next);
        next = null;
      }, wait);
    }
    next = place;
  };
}
