// When to say "Getting you back", when to restart the path, when to connect anew. Pure: time is an argument, in milliseconds.
// Each rung is reported once for one interruption; the page never gives up by itself, it only slows down.

/** The interruption is shown after this long. */
export const SHOW_MS = 2000;
/** A stream that came steadily and stops for this long has probably lost its network: the path is restarted. That costs one request, and
 * the old path goes on if it was not so. Nothing in a browser says sooner that a tablet went from Wi-Fi into a mobile network. */
export const STALL_MS = 300;
/** The path is restarted after this long where nothing came steadily. */
export const RESTART_MS = 4000;
/** A new connection is made after this long; where a restart was not answered, the bridge may be gone and another one have the robot by
 * then: after `RESTART_MS`. */
export const RENEW_MS = 10_000;
/** Without any packet, consent check or message for this long, the way counts as interrupted whatever the browser says. */
export const SILENT_MS = 3500;
/** A restart that was answered and helped nothing is made again after this long; one that found no network, sooner. */
export const AGAIN_MS = 2000;
const REFUSED_AGAIN_MS = 400;
/** So many offers that nobody answered are made again at once: until the server knows that a bridge hangs, it names that one. */
const AT_ONCE = 2;
const BACK_OFF_MS = [0, 1000, 2000, 4000, 8000];

/** @typedef {"fine"|"wait"|"show"|"restart"|"renew"} Rung */

export class Ladder {
  /** @type {number|null} */
  #since = null;
  #restartAt = -Infinity;
  #attempts = 0;
  #notBefore = 0;
  #isUnanswered = false;

  /** Whether the interruption is long enough to be shown. */
  shown = false;

  /** Whether there is an interruption, shown or not. */
  get broken() {
    return this.#since !== null;
  }

  /**
   * Looks at the connection and says what to do now.
   * @param {number} now
   * @param {object} connection
   * @param {string} connection.state
   * @param {number} connection.heardAt when anything last arrived on it
   * @param {boolean} connection.steady whether pictures or sound came all the time up to then
   * @param {boolean} connection.hasRestart
   * @returns {Rung}
   */
  look(now, { state, heardAt, steady, hasRestart }) {
    const gone = state === "failed" || state === "closed";
    const silent = now - heardAt > (steady ? STALL_MS : SILENT_MS);
    if (!gone && state === "connected" && !silent) {
      this.#since = null;
      this.#attempts = 0;
      this.#isUnanswered = false;
      this.shown = false;
      return "fine";
    }
    this.#since ??= state === "connected" ? heardAt : now;
    const broken = now - this.#since;
    if (gone || broken >= SHOW_MS) this.shown = true;
    if ((gone || broken >= (hasRestart && !this.#isUnanswered ? RENEW_MS : RESTART_MS)) && now >= this.#notBefore) return "renew";
    if (hasRestart && !gone && broken >= (steady ? STALL_MS : RESTART_MS) && now >= this.#restartAt) {
      this.#restartAt = now + AGAIN_MS;
      return "restart";
    }
    return this.shown ? "show" : "wait";
  }

  /**
   * A restart was not answered: there is no network, or not the one the request went to.
   * @param {number} now
   */
  unanswered(now) {
    this.#isUnanswered = true;
    this.#restartAt = now + REFUSED_AGAIN_MS;
  }

  /** An offer was not answered. @param {number} now */
  unheard(now) {
    if (this.#attempts <= AT_ONCE) this.#notBefore = now + REFUSED_AGAIN_MS;
  }

  /** How many new connections were begun since the last one that stood. */
  get attempts() {
    return this.#attempts;
  }

  /**
   * A new connection is being made: the next one not before its back-off is over.
   * @param {number} now
   * @param {number} chance from 0 to 1, so that a class of tablets does not come back in step
   */
  renewing(now, chance) {
    this.#attempts += 1;
    const wait = BACK_OFF_MS[Math.min(this.#attempts, BACK_OFF_MS.length - 1)] ?? 8000;
    // The attempt itself gets time to succeed before the next is due.
    this.#notBefore = now + RESTART_MS + wait * (0.75 + chance / 2);
  }

  /** Something happened that makes trying at once worth while (the network came back, the tablet woke up). */
  hurry() {
    this.#notBefore = 0;
    this.#restartAt = -Infinity;
  }
}
