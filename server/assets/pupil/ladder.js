// When to say "Getting you back", when to restart the path, when to connect anew. Pure: time is an argument, in milliseconds.
// Each rung is reported once for one interruption; the page never gives up by itself, it only slows down.

/** The interruption is shown after this long. */
export const SHOW_MS = 2000;
/** The path is restarted after this long. */
export const RESTART_MS = 4000;
/** A new connection is made after this long. */
export const RENEW_MS = 10_000;
/** Without any packet, consent check or message for this long, the way counts as interrupted whatever the browser says. */
export const SILENT_MS = 3500;
const BACK_OFF_MS = [0, 1000, 2000, 4000, 8000];

/** @typedef {"fine"|"wait"|"show"|"restart"|"renew"} Rung */

export class Ladder {
  /** @type {number|null} */
  #since = null;
  #restarted = false;
  #attempts = 0;
  #notBefore = 0;

  /** Whether the interruption is long enough to be shown. */
  shown = false;

  /**
   * Looks at the connection and says what to do now.
   * @param {number} now
   * @param {{state: string, heardAt: number, hasRestart: boolean}} connection heardAt: when anything last arrived on it
   * @returns {Rung}
   */
  look(now, { state, heardAt, hasRestart }) {
    const gone = state === "failed" || state === "closed";
    const silent = now - heardAt > SILENT_MS;
    if (!gone && state === "connected" && !silent) {
      this.#since = null;
      this.#restarted = false;
      this.#attempts = 0;
      this.shown = false;
      return "fine";
    }
    this.#since ??= state === "connected" ? heardAt : now;
    const broken = now - this.#since;
    if (gone || broken >= SHOW_MS) this.shown = true;
    if ((gone || broken >= (hasRestart ? RENEW_MS : RESTART_MS)) && now >= this.#notBefore) return "renew";
    if (hasRestart && !gone && broken >= RESTART_MS && !this.#restarted) {
      this.#restarted = true;
      return "restart";
    }
    return this.shown ? "show" : "wait";
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
  }
}
